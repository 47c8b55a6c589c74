# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Détection : quoi, et où ?
#
# > Classer, c'est donner un nom à une image. Détecter, c'est trouver tous les objets, dire ce qu'ils sont et les entourer d'une boîte. Vous allez partir d'un classifieur qu'on promène partout, comprendre ce qui lui manque, puis construire, entraîner et ausculter un détecteur à une passe.
#
# **À la fin, vous saurez** comparer deux boîtes (IoU), supprimer les doublons (NMS), mesurer une détection (précision, rappel, précision moyenne) comme le fait COCO, choisir des ancres par k-means, encoder des boîtes sur une grille, entraîner un détecteur et classer ses erreurs.
#
# **Prérequis** : leçons 2.1 et 2.2 · **Durée** : 75 min · **Références** : Sermanet et al. 2014, *OverFeat* ; Girshick et al. 2014, *R-CNN* ; Redmon et al. 2016, *You Only Look Once* ; Redmon & Farhadi 2017, *YOLO9000* ; Everingham et al. 2010, *The PASCAL Visual Object Classes (VOC) Challenge* ; Lin et al. 2014, *Microsoft COCO* ; Rezatofighi et al. 2019 (GIoU) ; Bolya et al. 2020, *TIDE*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import time

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from labs import boxes, detection, plots, scenes, training
from labs.checks import vision as check

# %% [markdown]
# ## 1. Des scènes dont on sait tout
#
# Un jeu de détection coûte cher : il faut entourer chaque objet à la main. Ici, `scenes.compose` colle des objets, à une échelle, un angle et une lumière tirés au hasard, sur de vraies photographies : chaque boîte est exacte. Nous prenons quatre classes, deux panneaux routiers, et les pantalons et les sacs de Fashion-MNIST, de un à quatre objets par image, en 96 × 96 pixels. C'est volontairement **facile**, pour qu'une minute d'entraînement suffise.

# %%
CLASSES = ("stop", "parking", "pantalon", "sac")
SIZE = 96
count = runtime.budget(rapide=150, cours=3500, complet=20_000)  # scènes d'apprentissage
train = scenes.compose(count, CLASSES, size=SIZE, objects=(1, 4), seed=0)
test = scenes.compose(
    runtime.budget(rapide=40, cours=200, complet=1000), CLASSES, size=SIZE, objects=(1, 4), split="test", seed=1
)
truth = list(zip(test.boxes, test.classes))
plots.boxes(test.images[:8], truth[:8], CLASSES, title="Huit scènes de test et leurs vraies boîtes")

# %% [markdown]
# Une boîte est notée `x1, y1, x2, y2` en pixels : ses bords gauche, haut, droit et bas. Elle entoure la partie **visible** de l'objet, comme dans COCO.
#
# Qu'est-ce qui est commun à l'apprentissage et au test ? Les quatre classes et les lois du hasard (tailles, angles, lumières). Les photographies sont les mêmes, mais **pas les mêmes parties** : la gauche pour apprendre, la droite pour le test. Les pantalons et les sacs de test viennent de la partie test de Fashion-MNIST : le réseau n'en aura vu aucun. Un panneau, lui, est un seul dessin, le même partout, comme sur les routes. Ce test est donc plus facile que le monde.

# %% [markdown]
# ## 2. Deux boîtes sont-elles la même ? L'IoU
#
# Il faut un nombre qui dise si une boîte trouvée vaut la vraie. C'est l'**intersection sur l'union** (*intersection over union*) :
#
# $$ \mathrm{IoU}(A, B) = \frac{|A \cap B|}{|A \cup B|} $$
#
# 1 pour deux boîtes confondues, 0 pour deux boîtes disjointes. L'usage (Everingham et al. 2010) est de dire « trouvé » à partir de 0,5. **Pariez** : de quelle part de sa largeur faut-il décaler une boîte pour que l'IoU tombe à 0,5 ?
#
# | Exercice 4.1.a | difficulté ●○○ | 8 min | vérifié : égal au compte des pixels ; toutes les paires, boîtes disjointes comprises |
# | --- | --- | --- | --- |
#
# Écrivez `iou(a, b)` : des boîtes `(N, 4)` et `(M, 4)` vers les `(N, M)` IoU de chaque paire. Pas de boucle : `a[:, None]` et `b[None]` suffisent.


# %%
def iou(a, b):
    """Intersection over union of each box of a (N, 4) with each box of b (M, 4): (N, M)."""
    ### BEGIN SOLUTION
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    area_a, area_b = (np.prod(box[..., 2:] - box[..., :2], axis=-1) for box in (a, b))
    return shared / (area_a + area_b - shared)
    ### END SOLUTION


# %% tags=["check"]
check.iou(iou)

# %% [markdown] tags=["solution"]
# Le `np.maximum(…, 0)` doit venir **avant** le produit : deux boîtes séparées à la fois en largeur et en hauteur ont deux côtés négatifs, dont le produit est positif.

# %% [markdown]
# `boxes.iou` fait la même chose. Décalons une boîte carrée, pour voir.

# %% tags=["nbval-check-output"]
square = np.array([[0.0, 0, 30, 30]])
shifts = np.array([0, 3, 6, 10, 15, 30])
overlaps = boxes.iou(square, square + shifts[:, None] * [1, 0, 1, 0])[0]
for shift, overlap in zip(shifts, overlaps):
    print(f"décalée de {shift / 30:4.0%} de sa largeur : IoU {overlap:.2f}")

# %% [markdown]
# Un tiers de la largeur suffit à tomber à 0,5 : ce seuil est plus sévère qu'il n'en a l'air. Un décalage d'un dixième coûte déjà 0,18.

# %% [markdown]
# ## 3. Promener un classifieur : la fenêtre glissante
#
# Première idée, et la plus ancienne : un classifieur sait nommer une vignette. Promenons-le sur toute l'image, à plusieurs échelles, et gardons les vignettes où il est sûr de lui. Il lui faut une cinquième classe : **fond**, pour tout ce qui n'est pas un objet.
#
# Découpons des vignettes de 32 × 32 pixels : un carré autour de chaque objet (un peu bougé), et des carrés au hasard qui n'en touchent presque aucun.


# %%
def crop(image, window):
    """The part of an image under a square window, 32 × 32; the border is repeated outside."""
    x1, y1, x2, _ = window
    scale = 32 / (x2 - x1)
    matrix = scale * np.array([[1, 0, -x1], [0, 1, -y1]])
    return cv2.warpAffine(image, matrix, (32, 32), borderMode=cv2.BORDER_REPLICATE)


def square_around(box, rng):
    """A square as large as the longer side of a box, moved and scaled a little."""
    side = max(box[2:] - box[:2]) * rng.uniform(0.95, 1.25)
    center = (box[:2] + box[2:]) / 2 + side * rng.uniform(-0.06, 0.06, 2)
    return np.concatenate([center - side / 2, center + side / 2])


# %%
rng = np.random.default_rng(0)
BACKGROUND = len(CLASSES)
crops, names = [], []
for image, places, classes in zip(train.images[:1000], train.boxes, train.classes):
    corners = rng.uniform(-5, SIZE - 20, (6, 2))
    somewhere = np.concatenate([corners, corners + rng.uniform(20, 50, (6, 1))], axis=1)
    empty = somewhere[boxes.iou(somewhere, places).max(axis=1) < 0.2]
    around = [square_around(box, rng) for box in places]
    crops += [crop(image, window) for window in (*around, *empty)]
    names += [*classes, *[BACKGROUND] * len(empty)]
crops, names = np.array(crops, "float32") / 255, np.array(names)
print(f"{np.sum(names != BACKGROUND)} vignettes d'objets, {np.sum(names == BACKGROUND)} de fond")

# %% [markdown]
# Le classifieur a la géométrie de LeNet-5 : des convolutions 5 × 5 **sans remplissage**, deux maximums 2 × 2, puis, au lieu de couches denses, une convolution 5 × 5 et une convolution 1 × 1. Sur une vignette de 32 pixels, la carte de sortie a exactement 1 × 1 case : ses cinq scores.

# %%
scanner = keras.Sequential(
    [
        keras.Input((None, None, 3)),
        layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2),  # 32 → 28 → 14
        layers.Conv2D(32, 5, activation="relu"), layers.MaxPooling2D(2),  # 14 → 10 → 5
        layers.Conv2D(64, 5, activation="relu"), layers.Conv2D(len(CLASSES) + 1, 1),  # 5 → 1
    ]
)  # fmt: skip

# %%
entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
rounds = runtime.budget(rapide=1, cours=5, complet=20)
schedule = training.OneCycle(3e-3, rounds * -(-len(crops) // 64))
scanner.compile(keras.optimizers.Adam(schedule), entropy, metrics=["accuracy"])
history = training.fit(scanner, crops, names[:, None, None], epochs=rounds, batch_size=64)

# %% [markdown]
# Et si on lui donne l'image entière ? Une convolution accepte n'importe quelle taille. **Pariez** : que contient la case `(i, j)` de la carte de sortie, et combien y a-t-il de cases pour 96 pixels ?

# %% tags=["nbval-check-output"]
picture = test.images[:1].astype("float32") / 255
scores = scanner(picture).numpy()[0]
i, j = 3, 11
one = scanner(picture[:, 4 * i : 4 * i + 32, 4 * j : 4 * j + 32]).numpy()[0, 0, 0]
print("carte des scores :", scores.shape)
print("la case (3, 11) est la vignette de coin (12, 44) :", np.allclose(scores[i, j], one, atol=1e-4))

# %% [markdown]
# C'est la remarque d'**OverFeat** (Sermanet et al. 2014) : appliquer le réseau à l'image entière, c'est l'appliquer à toutes les fenêtres d'un coup, au pas de 4 pixels (les deux maximums). Les fenêtres voisines partagent presque tous leurs calculs. Comptons-les : une convolution fait, à chaque place de sa sortie, autant de multiplications que son noyau a de poids.


# %%
def multiplications(side):
    """Of the scanner, for one square image."""
    total = 0
    for layer in scanner.layers:
        side = layer.compute_output_shape((1, side, side, layer.input.shape[-1]))[1]
        total += side**2 * layer.kernel.numpy().size if isinstance(layer, layers.Conv2D) else 0
    return total


# %% tags=["nbval-check-output"]
print(f"fenêtre par fenêtre     : {289 * multiplications(32) / 1e6:.0f} millions de multiplications")
print(f"toute l'image d'un coup : {multiplications(96) / 1e6:.0f} millions")

# %% [markdown]
# Quatorze fois moins, pour exactement les mêmes scores.
#
# Les objets n'ont pas tous 32 pixels. On garde donc la fenêtre et on change la taille de l'**image** : agrandie à 144 pixels, une fenêtre de 32 y couvre 21 pixels de l'originale ; réduite à 64, 48 pixels. C'est une **pyramide**.


# %%
def slide(image, threshold=0.5):
    """Windows of an image (H, W, 3) where the scanner sees an object: boxes, scores, classes, best first."""
    found = []
    for side in (144, 96, 64):
        resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype("float32") / 255
        odds = ops.convert_to_numpy(ops.softmax(scanner(resized[None])[0]))[..., :BACKGROUND]
        rows, columns = np.nonzero(odds.max(axis=-1) > threshold)
        corner = 4 * np.stack([columns, rows], axis=1)
        places = np.concatenate([corner, corner + 32], axis=1) * SIZE / side
        found.append((places, odds[rows, columns].max(axis=-1), odds[rows, columns].argmax(axis=-1)))
    places, score, label = map(np.concatenate, zip(*found))
    order = np.argsort(-score, kind="stable")
    return places[order], score[order], label[order]


# %%
example = 6
raw_windows = slide(test.images[example], 0.9)
visited = 29**2 + 17**2 + 9**2
print(f"{visited} fenêtres visitées, {len(raw_windows[0])} gardées, {len(truth[example][0])} objets")
shown = tuple(part[:40] for part in raw_windows)
plots.boxes(
    [test.images[example]] * 2, [truth[example], (shown[0], shown[2])], CLASSES, size=3.9,
    titles=["vérité", "les fenêtres de score > 0,9 (40 au plus)"],
    alt="À gauche les vraies boîtes, à droite des dizaines de carrés superposés sur chaque objet",
)  # fmt: skip

# %% [markdown]
# Sur 1 211 fenêtres, 125 dépassent 0,9, pour 4 objets : chaque objet répond par une grappe de fenêtres voisines. Le classifieur n'a pas tout à fait tort, chacune contient un morceau reconnaissable. Mais aucune n'épouse le pantalon : elles sont carrées.

# %% [markdown]
# ## 4. Un objet, une boîte : la suppression des non-maximums
#
# Le remède est glouton, et c'est la **NMS** (*non-maximum suppression*) : garder la meilleure boîte, jeter toutes celles qui la recouvrent trop, recommencer avec ce qui reste.
#
# | Exercice 4.1.b | difficulté ●●○ | 12 min | vérifié : mêmes rangs que TensorFlow, dans le même ordre ; une boîte supprimée n'en supprime pas d'autres ; IoU égal au seuil |
# | --- | --- | --- | --- |
#
# Écrivez `nms(places, scores, threshold)` : des boîtes `(N, 4)` et leurs scores `(N,)` vers les **rangs** des boîtes gardées, la meilleure d'abord. Une boîte est gardée si son IoU avec chaque boîte **déjà gardée** ne dépasse pas le seuil. Une boucle sur les boîtes convient ; `boxes.iou` fait le reste.


# %%
def nms(places, scores, threshold):
    """Ranks of the boxes that greedy non-maximum suppression keeps, best first."""
    ### BEGIN SOLUTION
    kept = []
    for rank in np.argsort(-scores):
        if boxes.iou(places[[rank]], places[kept]).max(initial=0) <= threshold:
            kept.append(rank)
    return np.array(kept)
    ### END SOLUTION


# %% tags=["check"]
check.nms(nms)

# %% [markdown] tags=["solution"]
# Comparer aux boîtes gardées suffit : une boîte jetée n'a plus le droit d'en jeter d'autres. C'est ce qui permet à une file d'objets qui se chevauchent de garder un objet sur deux.

# %% [markdown]
# `boxes.nms` fait de même, par blocs, et **classe par classe** si on lui donne les classes : un panneau posé devant un pantalon ne le supprime pas. Appliquons-la à nos fenêtres, avec le seuil sévère de 0,2 : des carrés de tailles différentes, autour du même objet, se recouvrent assez peu.


# %%
def without_doubles(places, scores, classes, threshold=0.2):
    kept = boxes.nms(places, scores, threshold, classes)
    return places[kept], scores[kept], classes[kept]


once = without_doubles(*raw_windows)
plots.boxes(
    [test.images[example]] * 2, [truth[example], once], CLASSES, size=3.9, titles=["vérité", "après la NMS"],
    alt="À gauche les vraies boîtes, à droite les quelques carrés que la NMS a gardés",
)  # fmt: skip
print(f"{len(raw_windows[0])} fenêtres avant, {len(once[0])} après, pour {len(truth[example][0])} objets")

# %% [markdown]
# Il en reste 8 pour 4 objets. Quatre sont les bonnes, une par objet, plus ou moins bien cadrées. Les quatre autres sont des intruses : un « sac » et un « parking » sur un morceau du P, un « pantalon » à cheval sur le P et le bois, un « sac » sur le haut du pantalon. La NMS supprime des **doublons**, pas des **erreurs** : deux classes différentes ne se suppriment pas, et une petite fenêtre dans une grande a un IoU faible.

# %% [markdown]
# ## 5. Combien vaut un détecteur ? La précision moyenne
#
# Une détection est **correcte** si elle a la bonne classe et un IoU d'au moins 0,5 avec un objet **que personne n'a encore pris** : le deuxième à trouver le même objet a tort. On sert les détections par score décroissant ; chacune prend, parmi les objets libres de sa classe, celui qu'elle recouvre le mieux. C'est la règle de COCO (Lin et al. 2014).


# %%
def match(places, objects, threshold=0.5):
    """Whether each box, best first, takes a free object: booleans (D,)."""
    correct, free = np.zeros(len(places), bool), np.ones(len(objects), bool)
    for rank, overlap in enumerate(boxes.iou(places, objects)):
        overlap = np.where(free, overlap, 0)
        if len(objects) and overlap.max() >= threshold:
            correct[rank], free[overlap.argmax()] = True, False
    return correct


# %%
def ranking(found, label):
    """Of a class, over the test scenes: correctness of each detection, best score first; number of objects."""
    correct, scores = [], []
    for (objects, names), (places, score, guessed, *_) in zip(truth, found):
        correct.append(match(places[guessed == label], objects[names == label]))
        scores.append(score[guessed == label])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(correct)[order], sum(np.sum(names == label) for _, names in truth)


# %%
windows = [without_doubles(*slide(image, 0.05)) for image in test.images]
correct, objects = ranking(windows, CLASSES.index("stop"))
print(f"{len(correct)} panneaux stop annoncés, {correct.sum()} corrects, pour {objects} vrais")

# %% [markdown]
# Rangeons toutes ces détections par score, et descendons la liste. Aux $k$ premières, la **précision** est la part de correctes, $c_k / k$ ; le **rappel**, la part des objets retrouvés, $c_k / n$. Descendre la liste ne fait jamais baisser le rappel ; la précision, elle, monte et descend.
#
# La **précision moyenne** (*average precision*, AP) résume la courbe : la moyenne, sur 101 niveaux de rappel de 0 à 1, de la meilleure précision que l'on peut avoir **à ce rappel ou au-delà** (l'*enveloppe*) ; un niveau jamais atteint compte pour 0. (VOC 2007 prenait 11 niveaux, Everingham et al. 2010.)
#
# | Exercice 4.1.c | difficulté ●●● | 15 min | vérifié : égal à faster-coco-eval ; enveloppe, niveaux non atteints, aucune détection |
# | --- | --- | --- | --- |
#
# Écrivez `average_precision(correct, truths)` : des booléens `(D,)`, le meilleur score d'abord, et le nombre d'objets, vers un nombre. `np.linspace(0, 1, 101)` donne les niveaux ; un niveau est atteint dès que le rappel lui est supérieur **ou égal**.


# %%
def average_precision(correct, truths):
    """COCO's 101-point average precision of a ranking: correct (D,), best first, for `truths` objects."""
    ### BEGIN SOLUTION
    hits = np.cumsum(correct)
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / truths
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(recall, np.linspace(0, 1, 101))  # le premier rang qui atteint chaque niveau
    return np.append(envelope, 0)[first].mean()
    ### END SOLUTION


# %% tags=["check"]
check.average_precision(average_precision)

# %% [markdown] tags=["solution"]
# Le 0 ajouté au bout sert aux niveaux jamais atteints : `searchsorted` y rend `len(hits)`, un rang de plus que le dernier.

# %% [markdown]
# `detection.precision_recall` rend la précision, le rappel et les 101 valeurs de l'enveloppe, dont l'AP est la moyenne. En face, une bibliothèque : `boxes.coco_map`, qui appelle faster-coco-eval. Elle donne la moyenne des AP des classes au seuil 0,5 (**AP50**), au seuil 0,75 (**AP75**), et sur dix seuils de 0,5 à 0,95 (**AP**).


# %%
def mean_precision(found):
    """AP50 by hand: mean over the classes."""
    every = [detection.precision_recall(*ranking(found, label)) for label in range(len(CLASSES))]
    return np.mean([one.envelope.mean() for one in every])


sliding = boxes.coco_map(truth, windows)
print(f"fenêtre glissante : AP50 {sliding['AP50']:.3f} · AP75 {sliding['AP75']:.3f} · AP {sliding['AP']:.3f}")

# %% tags=["nbval-check-output"]
difference = abs(mean_precision(windows) - sliding["AP50"])
print("AP50 à la main = celle de la bibliothèque, à 1e-6 près :", difference < 1e-6)


# %%
def curve(axis, found, label, title):
    precision, recall, envelope = detection.precision_recall(*ranking(found, label))
    axis.plot(recall, precision, color=plots.COLORS[5], label="précision")
    axis.step(np.linspace(0, 1, 101), envelope, color=plots.COLORS[1], where="post", label="enveloppe")
    axis.fill_between(np.linspace(0, 1, 101), envelope, color=plots.COLORS[1], alpha=0.15, step="post")
    axis.set(title=f"{title} : AP50 = {envelope.mean():.2f}".replace(".", ","), xlim=(0, 1), ylim=(0, 1.03))
    axis.set(xlabel="rappel", ylabel="précision")
    axis.legend(loc="lower left")


figure, axes = plt.subplots(1, 2, figsize=(12, 4.5))
for axis, label in zip(axes, (CLASSES.index("stop"), CLASSES.index("pantalon"))):
    curve(axis, windows, label, f"fenêtre glissante, {CLASSES[label]}")
plots.publish(figure, "Deux courbes précision-rappel en dents de scie, sous leur enveloppe en escalier")

# %% [markdown]
# Sur les panneaux stop, presque aussi larges que hauts, la fenêtre glissante s'en tire : elle en retrouve neuf sur dix, pour une AP50 de 0,72. Sur les pantalons, 0,07 seulement : un carré autour d'une forme haute et étroite contient surtout du fond, et son IoU passe rarement 0,5. Leur courbe s'arrête à 0,4 de rappel ; tous les niveaux suivants comptent pour 0. Et si l'on exige un IoU de 0,75, presque rien ne reste : trois tailles de fenêtre, au pas de 4 pixels, c'est trop grossier.
#
# Il manque donc trois choses : la **forme** des boîtes, leur **place** exacte, et un calcul qui ne recommence pas à chaque échelle.

# %% [markdown]
# ## 6. Des boîtes de départ : les ancres par k-means
#
# Une fenêtre carrée ne convient pas à un pantalon. **R-CNN** (Girshick et al. 2014) corrige les boîtes candidates par une régression ; les détecteurs à une passe font de même à partir de quelques boîtes types, les **ancres**. Lesquelles ? YOLOv2 (Redmon & Farhadi 2017) les demande aux données : k-means sur les largeurs et hauteurs, avec la distance $1 - \mathrm{IoU}$ entre boîtes **de même centre**. La distance euclidienne, elle, ne penserait qu'aux grandes boîtes : 5 pixels d'écart sont peu sur 50, beaucoup sur 10.
#
# | Exercice 4.1.d | difficulté ●●○ | 10 min | vérifié : mêmes groupes que `boxes.iou` sur des boîtes de même centre |
# | --- | --- | --- | --- |
#
# Écrivez un tour de k-means, `kmeans_step(sides, anchors)` : des largeurs et hauteurs `(N, 2)` et des ancres `(K, 2)` vers les nouvelles ancres `(K, 2)`. Chaque boîte va à l'ancre de plus grand IoU ; chaque ancre devient la moyenne de son groupe. (Aucun groupe ne sera vide.)


# %%
def kmeans_step(sides, anchors):
    """One round of k-means with the distance 1 - IoU: sides (N, 2) and anchors (K, 2) -> new anchors (K, 2)."""
    ### BEGIN SOLUTION
    shared = np.minimum(sides[:, None], anchors).prod(axis=-1)
    overlap = shared / (sides.prod(axis=1)[:, None] + anchors.prod(axis=1) - shared)
    group = overlap.argmax(axis=1)
    return np.stack([sides[group == k].mean(axis=0) for k in range(len(anchors))])
    ### END SOLUTION


# %% tags=["check"]
check.kmeans_step(kmeans_step)

# %% [markdown] tags=["solution"]
# Deux boîtes de même centre ont pour partie commune le rectangle des plus petits côtés : pas besoin de coins. La moyenne ne minimise pas exactement la distance $1 - \mathrm{IoU}$, et le coût peut remonter d'un tour à l'autre : c'est l'algorithme de l'article, pas un théorème.

# %% [markdown]
# `detection.cluster_sides` répète ce tour jusqu'à ce que rien ne bouge. Comparons, à nombre égal, avec des ancres décidées à l'avance : des carrés de tailles régulièrement espacées, et les trois formes de Faster R-CNN (1:2, 1:1, 2:1) à une taille moyenne. La mesure : l'IoU moyen entre une boîte et la meilleure ancre. **Pariez** : combien d'ancres k-means pour passer 0,7 ?

# %%
sides = np.concatenate([places[:, 2:] - places[:, :2] for places in train.boxes])


def mean_iou(anchors):
    return detection.shape_iou(sides, np.asarray(anchors, "float64")).max(axis=1).mean()


numbers = range(1, 10)
clustered = [mean_iou(detection.cluster_sides(sides, k)) for k in numbers]
squares = [mean_iou(np.repeat(np.linspace(17, 48, k + 2)[1:-1, None], 2, axis=1)) for k in numbers]
ratios = mean_iou([(30 / r, 30 * r) for r in (2**-0.5, 1, 2**0.5)])
print(f"trois ancres : k-means {clustered[2]:.2f} · carrés {squares[2]:.2f} · 1:2, 1:1, 2:1 {ratios:.2f}")

# %%
anchors = detection.cluster_sides(sides, 3)
figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.8))
group = detection.shape_iou(sides, anchors).argmax(axis=1)
for k, (width, height) in enumerate(anchors):
    left.scatter(*sides[group == k].T, s=6, alpha=0.35, color=plots.COLORS[k])
    left.plot(width, height, plots.MARKERS[k], color=plots.COLORS[k], markeredgecolor="black", markersize=15)
left.set(title="Les boîtes et leurs trois ancres", xlabel="largeur (pixels)", ylabel="hauteur (pixels)")
plots.curves(
    {"k-means, 1 − IoU": clustered, "carrés": squares}, title="IoU moyen avec la meilleure ancre",
    xlabel="nombre d'ancres", ylabel="IoU", alt="", ax=right,
)  # fmt: skip
plots.publish(figure, "Nuage des largeurs et hauteurs en trois groupes ; IoU moyen selon le nombre d'ancres")

# %% tags=["nbval-check-output"]
print("trois ancres k-means valent mieux que trois carrés :", clustered[2] > squares[2] + 0.02)
print("et mieux que les trois formes fixes :", clustered[2] > ratios + 0.02)

# %% [markdown]
# Trois ancres k-means donnent un IoU moyen de 0,76, contre 0,72 pour trois carrés et 0,62 pour trois formes de même taille : ici, c'est la taille qui varie le plus. Deux ancres suffisaient à passer 0,7. Les trois nôtres, une petite, une moyenne, une grande, sont toutes plus hautes que larges : les pantalons ont pesé. La courbe monte encore, de moins en moins vite ; chaque ancre de plus, elle, coûte autant de nombres à prédire partout. Sur les photographies de VOC, Redmon & Farhadi s'arrêtent à cinq, pour un IoU moyen de 61,0 %.

# %% [markdown]
# ## 7. Une passe, une grille : le détecteur
#
# **YOLO** (Redmon et al. 2016) renverse la question. Au lieu de demander à mille fenêtres « y a-t-il un objet ici ? », un réseau lit l'image **une fois**. (Celui de 2016 finit par deux couches denses ; le nôtre, comme YOLOv2, est entièrement convolutif.) Sa carte de sortie est une grille : la cellule où tombe le **centre** d'un objet doit l'annoncer. Avec des cellules de 8 pixels, la grille a 12 × 12 cellules, et chacune dispose de nos trois ancres. Pour chaque cellule et chaque ancre, le réseau rend $5 + C$ nombres :
#
# | nombres | sens | devient |
# | --- | --- | --- |
# | $t_x, t_y$ | place du centre dans la cellule $(c_x, c_y)$ | $x = 8\,(c_x + \sigma(t_x))$, et de même pour $y$ |
# | $t_w, t_h$ | taille, par rapport à l'ancre $(p_w, p_h)$ | $w = p_w\, e^{t_w}$, $h = p_h\, e^{t_h}$ |
# | $t_o$ | y a-t-il un objet ? (*objectness*) | $\sigma(t_o)$ |
# | $C$ scores | de quelle classe ? | softmax |
#
# Ces formules sont celles de YOLOv2. D'abord **encoder** : dire, pour une scène, ce que le réseau devrait répondre. L'ancre choisie est celle dont la forme ressemble le plus à l'objet.

# %%
STRIDE, CELLS = 8, SIZE // 8


def encode(places, classes):
    """What the network must say of a scene: (cells, cells, A, 6), with 1 for an object, its box, its class."""
    target = np.zeros((CELLS, CELLS, len(anchors), 6), "float32")
    for box, label in zip(places, classes):
        column, row = ((box[:2] + box[2:]) / 2 // STRIDE).astype(int)
        anchor = detection.shape_iou(box[None, 2:] - box[None, :2], anchors).argmax()
        target[row, column, anchor] = [1, *box, label]
    return target


# %%
target = encode(*truth[example])
figure, axis = plt.subplots(figsize=(5.5, 5.5))
axis.imshow(test.images[example], extent=(0, SIZE, SIZE, 0))
for row, column, anchor in np.argwhere(target[..., 0] == 1):
    x1, y1, x2, y2 = target[row, column, anchor, 1:5]
    color = plots.COLORS[anchor]
    axis.add_patch(plt.Rectangle((column * STRIDE, row * STRIDE), STRIDE, STRIDE, color=color, alpha=0.75))
    axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=3))
    axis.plot((x1 + x2) / 2, (y1 + y2) / 2, "o", color="white", markeredgecolor="black")
axis.set(title="La cellule responsable de chaque objet", xticks=range(0, 97, 8), yticks=range(0, 97, 8))
axis.tick_params(labelbottom=False, labelleft=False, grid_color="white", grid_alpha=0.7)
plots.publish(figure, "Une scène sous une grille de 12 × 12 : une cellule colorée au centre de chaque boîte")

# %% tags=["nbval-check-output"]
print("forme de la cible :", target.shape)
print(f"réponses attendues : {int(target[..., 0].sum())} objets sur {target[..., 0].size} boîtes possibles")

# %% [markdown]
# La couleur dit l'ancre choisie, le point blanc le centre de la boîte. Sur les 432 boîtes que le réseau peut annoncer, 4 ont un objet, et les 428 autres doivent répondre « rien » : une détection est d'abord une immense majorité de refus.
#
# Ensuite **décoder** : des nombres du réseau vers des boîtes en pixels.


# %%
def decode(raw):
    """Boxes (..., 4), in pixels, that the numbers of the network (..., cells, cells, A, 5 + C) mean."""
    rows, columns = np.indices((CELLS, CELLS), "float32")
    corner = np.stack([columns, rows], axis=-1)[:, :, None]
    center = (ops.sigmoid(raw[..., :2]) + corner) * STRIDE
    half = ops.exp(raw[..., 2:4]) * anchors / 2
    return ops.concatenate([center - half, center + half], axis=-1)


# %% [markdown]
# Vérifions l'aller-retour : on calcule à la main les nombres $t$ d'un objet, on décode, et l'on doit retrouver sa boîte.

# %% tags=["nbval-check-output"]
row, column, anchor = np.argwhere(target[..., 0] == 1)[0]
box = target[row, column, anchor, 1:5]
inside = (box[:2] + box[2:]) / 2 / STRIDE - [column, row]  # place du centre dans la cellule, entre 0 et 1
answer = np.zeros((CELLS, CELLS, len(anchors), 5 + len(CLASSES)), "float32")
t_xy, t_wh = np.log(inside / (1 - inside)), np.log((box[2:] - box[:2]) / anchors[anchor])
answer[row, column, anchor, :4] = [*t_xy, *t_wh]
print("boîte retrouvée :", np.allclose(decode(answer)[row, column, anchor], box, atol=1e-3))

# %% [markdown]
# Enfin le **coût**. Il a trois parties : l'entropie croisée de $\sigma(t_o)$ sur **toutes** les boîtes possibles ; et, là où il y a un objet seulement, l'écart entre les boîtes et l'entropie croisée de la classe. Pour les boîtes, YOLO prenait des erreurs quadratiques ; nous prenons $1 - \mathrm{GIoU}$ (Rezatofighi et al. 2019), qui ressemble à ce que l'on mesure à la fin et donne un gradient même à deux boîtes disjointes. Le tout, divisé par le nombre d'objets.


# %%
def detection_loss(target, raw):
    """Objectness everywhere; box (twice) and class where there is an object; over the number of objects."""
    present, box, label = target[..., 0], target[..., 1:5], ops.cast(target[..., 5], "int32")
    objectness = ops.binary_crossentropy(present, raw[..., 4], from_logits=True)
    location = boxes.giou_loss(box, decode(raw))
    category = ops.sparse_categorical_crossentropy(label, raw[..., 5:], from_logits=True)
    total = ops.sum(objectness) + ops.sum(present * (2 * location + category))
    return total / ops.maximum(ops.sum(present), 1)


# %% [markdown]
# Tout cela est aussi dans `labs.detection`, avec des noms semblables ; une `Grid` y réunit la taille, le pas, les ancres et le nombre de classes. Comparons.

# %% tags=["nbval-check-output"]
grid = detection.Grid(SIZE, STRIDE, anchors, len(CLASSES))
targets = np.stack([encode(*one) for one in truth])
raw = np.random.default_rng(0).normal(0, 0.5, (len(targets), *grid.shape)).astype("float32")
print("mêmes cibles :", np.array_equal(targets, detection.encode(truth, grid)))
print("mêmes boîtes :", np.allclose(decode(raw), detection.decode(raw, grid), atol=1e-3))
print("même coût    :", np.isclose(detection_loss(targets, raw), detection.loss(grid)(targets, raw), rtol=1e-4))

# %% [markdown]
# ## 8. Entraîner
#
# Le réseau est petit : trois convolutions de pas 2 (96 → 48 → 24 → 12), puis deux convolutions de pas 1, pour que chaque cellule voie plus loin qu'elle-même, et une convolution 1 × 1 qui rend les $3 \times 9$ nombres de chaque cellule. Un détail compte : presque toutes les boîtes possibles sont du fond. On le dit au réseau d'avance, par un biais de −5 sur $t_o$ ($\sigma(-5)$ = 0,7 %), comme Lin et al. (2017) dans RetinaNet ; sinon, il passerait le début de l'entraînement à l'apprendre.


# %%
def build_detector(widths=(16, 32, 64), depth=2):
    """Images (96, 96, 3) in [0, 1] -> raw numbers (12, 12, A, 5 + C)."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    for width, stride in [*((width, 2) for width in widths), *[(widths[-1], 1)] * depth]:
        x = layers.Conv2D(width, 3, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    head = layers.Conv2D(np.prod(grid.shape[2:]), 1)
    model = keras.Model(inputs, layers.Reshape(grid.shape)(head(x)))
    bias = np.zeros(grid.shape[2:], "float32")
    bias[:, 4] = -5  # au départ, « un objet ici ? » : presque jamais
    head.bias.assign(bias.ravel())
    return model


# %% tags=["nbval-check-output"]
keras.utils.set_random_seed(0)
detector = build_detector()
reference = detection.network(grid)
print("sortie :", detector.output.shape[1:], "· paramètres :", detector.count_params())
print("autant que detection.network :", detector.count_params() == reference.count_params())

# %% [markdown]
# Les images restent en octets jusqu'au réseau, qui les divise par 255 lot par lot : quatre fois moins de mémoire. Pas de miroir pour augmenter les données : un panneau stop retourné n'existe pas.

# %%
targets = detection.encode(list(zip(train.boxes, train.classes)), grid)
trainer = keras.Sequential([keras.Input((SIZE, SIZE, 3), dtype="uint8"), layers.Rescaling(1 / 255), detector])
epochs = runtime.budget(rapide=1, cours=4, complet=20)
schedule = training.OneCycle(4e-3, epochs * -(-count // 16))
trainer.compile(keras.optimizers.Adam(schedule), detection_loss)
start = time.process_time()
training.fit(trainer, train.images, targets, epochs=epochs, batch_size=16)
print(f"{(time.process_time() - start):.0f} s de processeur pour {epochs * count} images")

# %% [markdown]
# Reste à lire la sortie : décoder, multiplier la probabilité d'objet par celle de la classe, jeter les scores faibles, puis les doublons, classe par classe.


# %%
def detect(images, threshold=0.25, overlap=0.5):
    """Detections of images (N, 96, 96, 3) in bytes: one (boxes, scores, classes) an image, best first."""
    raw = detector.predict(images.astype("float32") / 255, verbose=0, batch_size=100)
    places = np.clip(decode(raw), 0, SIZE).reshape(len(raw), -1, 4)
    odds = ops.sigmoid(raw[..., 4:5]) * ops.softmax(raw[..., 5:])
    odds, found = np.reshape(odds, (len(raw), -1, len(CLASSES))), []
    for box, odd in zip(places, odds):
        score, label = odd.max(axis=1), odd.argmax(axis=1)
        kept = np.flatnonzero((score > threshold) & (box[:, 2:] > box[:, :2]).all(axis=1))
        kept = kept[boxes.nms(box[kept], score[kept], overlap, label[kept])]
        found.append((box[kept], score[kept], label[kept]))
    return found


# %%
found = detect(test.images)
plots.boxes(test.images[:8], found[:8], CLASSES, title="Ce que le détecteur trouve (score > 0,25)")

# %% tags=["nbval-check-output"]
theirs = detection.detect(detector, test.images, grid)
same = [len(a[0]) == len(b.boxes) and np.allclose(a[0], b.boxes, atol=1e-2) for a, b in zip(found, theirs)]
print("mêmes détections que detection.detect :", all(same))

# %% [markdown]
# Comparez avec la figure de la section 1 : mêmes scènes. Tous les panneaux sont trouvés, avec des boîtes bien serrées, même à moitié cachés. Les vêtements le sont moins sûrement : deux sacs manquent à la deuxième scène, un à la troisième, un sac et un pantalon à la sixième. La plupart sont petits, coupés, en partie cachés ou presque de la couleur du fond ; mais le sac gris de la deuxième scène est grand, clair sur un mur sombre, et rien ne le cache.

# %% [markdown]
# ## 9. Mesurer
#
# Pour mesurer, on garde **toutes** les détections, même très douteuses : la courbe précision-rappel les range elle-même. Un seuil trop haut couperait la courbe avant la fin.

# %%
everything = detect(test.images, threshold=0.01)
measured = boxes.coco_map(truth, everything)
slide(test.images[0])
start = time.perf_counter()
for image in test.images[:20]:
    slide(image)
slide_time = (time.perf_counter() - start) / 20
start = time.perf_counter()
detect(test.images)
detect_time = (time.perf_counter() - start) / len(test.images)

# %%
rows = [
    [name, *(f"{scores[key]:.3f}" for key in ("AP50", "AP75", "AP")), f"{1000 * seconds:.1f} ms"]
    for name, scores, seconds in (
        ("fenêtre glissante", sliding, slide_time), ("grille, une passe", measured, detect_time),
    )
]  # fmt: skip
plots.table(rows, header=["détecteur", "AP50", "AP75", "AP", "par image"])
for label, name in enumerate(CLASSES):
    print(f"AP50 {name:9s} {detection.precision_recall(*ranking(everything, label)).envelope.mean():.3f}")

# %% tags=["nbval-check-output"]
print("AP50 de 0,75 ou plus sur des scènes nouvelles :", measured["AP50"] >= 0.75)
print("au moins 0,2 de plus que la fenêtre glissante :", measured["AP50"] > sliding["AP50"] + 0.2)
print("à la main = bibliothèque, à 1e-6 près :", abs(mean_precision(everything) - measured["AP50"]) < 1e-6)

# %% [markdown]
# L'AP50 passe de 0,47 à 0,83, et l'AP75 de 0,07 à 0,49 : les boîtes sont à la fois mieux formées et mieux placées, pour un temps par image plus de dix fois plus court (le chronomètre varie d'une machine à l'autre). Les deux panneaux dépassent 0,97 : un seul dessin, qu'il faut seulement retrouver. Les vêtements, tous différents, de toutes les couleurs, et jamais vus, sont bien plus difficiles : 0,73 pour les pantalons, 0,62 pour les sacs.
#
# Gardez le sens des proportions : quatre classes, des photographies connues, une minute d'entraînement. Sur COCO, avec ses 80 classes et ses vraies scènes, YOLOv4 (leçon 4.2) annonce 65,7 % d'AP50.

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5))
for axis, label in zip(axes, (CLASSES.index("stop"), CLASSES.index("pantalon"))):
    curve(axis, everything, label, f"grille, {CLASSES[label]}")
plots.publish(figure, "Deux courbes précision-rappel du détecteur à grille : précision presque 1, puis chute")

# %% [markdown]
# Pour les panneaux stop, la précision reste parfaite jusqu'à 0,8 de rappel, et la courbe ne tombe qu'à 0,99 : presque tous sont retrouvés. Pour les pantalons, elle descend peu à peu, puis s'arrête à 0,86 : un sur sept n'est retrouvé à aucun seuil.
#
#
# Un utilisateur, lui, ne veut pas une courbe : il faut choisir un seuil. Promenez-le, avec celui de la NMS.


# %%
def try_thresholds(score, overlap):
    tried = detect(test.images[4:8], score, overlap)
    title = f"score > {score:.2f}, NMS à {overlap:.1f}".replace(".", ",")
    plots.boxes(test.images[4:8], tried, CLASSES, title=title)


plots.explore(
    try_thresholds, score=(0.05, 0.95, 0.05), overlap=(0.1, 0.9, 0.1),
    static=[{"score": 0.05, "overlap": 0.9}, {"score": 0.25, "overlap": 0.5}],
)  # fmt: skip

# %% [markdown]
# Avec un seuil de score très bas et une NMS qui laisse presque tout passer, 25 boîtes pour quatre scènes : presque chaque objet en a plusieurs. Avec 0,25 et 0,5, il en reste 10, une par objet trouvé. Le prix se voit sur la deuxième scène : le sac gris, annoncé à 0,06, a disparu. Le pantalon jaune, lui, n'est trouvé dans aucun des deux cas. **Aucun seuil n'est bon en soi** : il dépend de ce que coûte un oubli, et de ce que coûte une fausse alerte.

# %% [markdown]
# ## 10. Que reste-t-il de faux ?
#
# Une AP ne dit pas quoi améliorer. Rangeons chaque détection fausse selon l'objet qu'elle recouvre le mieux, avec les seuils de **TIDE** (Bolya et al. 2020), 0,5 et 0,1 :
#
# - **doublon** : bonne classe, IoU d'au moins 0,5, mais l'objet est déjà pris ;
# - **mal placée** : bonne classe, IoU entre 0,1 et 0,5 ;
# - **mauvaise classe** : IoU d'au moins 0,5 avec un objet d'une autre classe ;
# - **les deux** : mauvaise classe, IoU entre 0,1 et 0,5 ;
# - **fond** : IoU de moins de 0,1 avec tout objet.
#
# Un objet est **raté** si aucune détection correcte ne l'a pris, et si aucune détection mal placée ou mal nommée ne le désigne. **Pariez** : laquelle de ces erreurs dominera, au seuil de 0,25 ?


# %%
KINDS = ("correcte", "doublon", "mal placée", "mauvaise classe", "les deux", "fond")


def kinds_of(scene, detections):
    """Kind of each detection (D,), as ranks in KINDS, and the object that it overlaps most (D,)."""
    (objects, names), (places, _, guessed, *_) = scene, detections
    overlap = boxes.iou(places, objects)
    best, right = overlap.argmax(axis=1), np.zeros(len(places), bool)
    for label in range(len(CLASSES)):
        right[guessed == label] = match(places[guessed == label], objects[names == label])
    top, same = overlap.max(axis=1, initial=0), names[best] == guessed
    wrong = [(top >= 0.5) & same, (top >= 0.1) & same, (top >= 0.5) & ~same, top >= 0.1]
    return np.where(right, 0, np.select(wrong, [1, 2, 3, 4], 5)), best


# %%
def missed_of(scene, detections, kinds, best):
    """Ranks of the objects that no detection takes or designates."""
    (objects, names), (places, _, guessed, *_) = scene, detections
    touched = set(best[(kinds >= 2) & (kinds <= 4)])
    overlap = boxes.iou(objects, places[kinds == 0]) * (names[:, None] == guessed[kinds == 0])
    return [rank for rank in range(len(objects)) if rank not in touched and overlap[rank].max(initial=0) < 0.5]


def diagnose(threshold):
    """Of each scene: detections above a score, their (kinds, objects), ranks of the missed objects."""
    chosen = [tuple(part[one[1] > threshold] for part in one) for one in everything]
    kinds = [kinds_of(*pair) for pair in zip(truth, chosen)]
    return chosen, kinds, [missed_of(*pair, *found) for *pair, found in zip(truth, chosen, kinds)]


# %%
columns = {}
for threshold in (0.1, 0.25, 0.5):
    _, diagnosed, missed = diagnose(threshold)
    counts = np.bincount(np.concatenate([kinds for kinds, _ in diagnosed]), minlength=len(KINDS))
    columns[f"score > {threshold}".replace(".", ",")] = [*counts, sum(map(len, missed))]
rows = list(zip([*KINDS, "objets ratés"], *columns.values()))
plots.table(rows, header=["", *columns])
print("objets en tout :", sum(len(objects) for objects, _ in truth))

# %% [markdown]
# Le seuil déplace la faute. À 0,5, presque rien n'est faux (7 détections), mais 210 objets sur 502 sont ratés : ce réseau, peu entraîné, est timide. À 0,1, il n'en rate plus que 62, au prix de 109 détections fausses. Aux trois seuils, l'erreur la plus fréquente parmi les détections est la même, la boîte **mal placée** ; les doublons sont rares, la NMS fait son travail. À 0,25, c'est l'oubli qui coûte le plus, 112 objets, bien avant les 17 boîtes mal placées.
#
# Regardons la plus sûre de chaque espèce, et un objet raté ; la vraie boîte est en pointillés.


# %%
chosen, diagnosed, missed = diagnose(0.1)


def worst(kind):
    """The detection of a kind with the best score: its image, its rank there; None if there is none."""
    every = [(score, image, rank) for image, (kinds, _) in enumerate(diagnosed)
             for rank, score in enumerate(chosen[image][1]) if kinds[rank] == kind]  # fmt: skip
    return max(every)[1:] if every else None


def with_truth(image, rank):
    """A detection and the true box that it overlaps most (all of them when it is on none), for plots.boxes."""
    kinds, best = diagnosed[image]
    objects = truth[image][0] if KINDS[kinds[rank]] == "fond" else truth[image][0][[best[rank]]]
    places, _, label = (part[rank : rank + 1] for part in chosen[image])
    return np.concatenate([objects, places]), np.append(np.full(len(objects), -1), label)


# %%
gallery = {KINDS[kind]: (place[0], with_truth(*place)) for kind in range(1, 6) if (place := worst(kind))}
image = next((rank for rank, lost in enumerate(missed) if lost), None)
if image is not None:
    lost = truth[image][0][missed[image]]
    gallery["ratée"] = image, (lost, np.full(len(lost), -1))
plots.boxes(
    [test.images[image] for image, _ in gallery.values()], [entry for _, entry in gallery.values()], CLASSES,
    titles=list(gallery), columns=3, alt="Un exemple de chaque espèce d'erreur : " + ", ".join(gallery),
)  # fmt: skip

# %% [markdown]
# Le doublon coupe le bord droit d'un sac déjà trouvé. La boîte mal placée n'a que le bas du pantalon. Un petit panneau parking, vu dans l'ombre, devient un pantalon ; un autre est noyé dans une grande boîte qui prend aussi des arbres ; et un peu de feuillage suffit à faire un pantalon de plus. Le sac raté est gris, posé devant un panneau, sur un mur sombre : rien ne le cache.
#
# Chaque espèce appelle son remède : pour les oubliés et les mal nommés, plus de données et un entraînement plus long ; pour les boîtes mal placées, une grille plus fine, plus d'ancres ou un autre coût ; pour les fausses alertes, des images sans objet.

# %% [markdown]
# ## À retenir
#
# - **IoU** : intersection sur union ; un tiers de décalage suffit à tomber à 0,5. **NMS** : garder la meilleure boîte, jeter celles qui la recouvrent trop, recommencer.
# - **AP** : on range les détections par score, un objet ne se prend qu'une fois, et l'on moyenne la meilleure précision sur 101 niveaux de rappel. Un objet jamais retrouvé coûte, quel que soit le seuil.
# - Un réseau entièrement convolutif fait toutes les fenêtres d'un coup ; une **grille** et des **ancres** apprises des données lui donnent en plus la forme et la place des boîtes.
# - Presque toutes les boîtes possibles sont du fond : ce déséquilibre commande le biais de départ, le coût et les seuils.
# - Avant d'améliorer un détecteur, classez ses erreurs, et regardez-les.
#
# ## Questionnaire
#
# 1. Deux détections correctes du même objet : que deviennent-elles dans le calcul de l'AP ?
# 2. On ajoute, tout en bas du classement mais au-dessus de 0,01, mille détections fausses. Que devient l'AP ? Et la précision au seuil de 0,01 ?
# 3. Deux objets de même classe se recouvrent avec un IoU de 0,6. Que fait la NMS au seuil de 0,5 ?
# 4. Deux objets ont leur centre dans la même cellule. Que se passe-t-il dans notre grille ?
# 5. Pourquoi $1 - \mathrm{IoU}$ seul est-il un mauvais coût au début de l'entraînement ?
#
# <details><summary>Réponses</summary>
#
# 1. La mieux notée est correcte, l'autre est fausse : l'objet est déjà pris. 2. L'AP ne change pas : l'enveloppe regarde la meilleure précision à chaque rappel, et ces détections viennent après ; la précision au seuil, elle, s'effondre. 3. Elle en supprime un, même si les deux boîtes sont justes : c'est sa limite, que la soft-NMS (Bodla et al. 2017, `boxes.soft_nms`) adoucit. 4. S'ils ont des ancres différentes, chacun a sa place ; sinon le second écrase le premier, et le réseau ne l'apprend pas. 5. Quand les boîtes sont disjointes, il vaut 1 partout : son gradient est nul. Le GIoU, lui, compte encore l'écart.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez `giou_loss` par `ciou_loss` ou `diou_loss` de `labs.boxes` (Zheng et al. 2020) : l'AP75 bouge-t-elle plus que l'AP50 ?
# - Prenez les dix vêtements, `scenes.GARMENTS`, ou jusqu'à huit objets par scène : quelle espèce d'erreur augmente le plus ?
# - La leçon 4.2 démonte YOLOv4, qui descend de cette grille, et fait tourner les poids officiels de sa petite sœur, YOLOv4-tiny ; la leçon 4.4 ajoute un masque à chaque boîte.
