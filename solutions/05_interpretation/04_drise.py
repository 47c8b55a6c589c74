# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # D-RISE : ce que regarde un détecteur
#
# > Sur la photographie du chat, YOLOv4-tiny voit un chat… et un chien. Qu'a-t-il regardé pour voir un chien ? Vous allez interroger un détecteur comme une boîte noire, en cachant des morceaux de l'image, et dessiner la réponse.
#
# **À la fin, vous saurez** comparer deux détections par un nombre, expliquer n'importe quelle détection sans ouvrir le réseau, une fausse détection et un objet manqué compris, et mesurer si une carte vaut mieux qu'un simple halo.
#
# **Prérequis** : leçons 4.1, 4.2 et 5.1 · **Durée** : 60 min · **Références** : Petsiuk et al. 2021, *Black-box Explanation of Object Detectors via Saliency Maps* (D-RISE) ; Petsiuk, Das & Saenko 2018, *RISE* ; Selvaraju et al. 2017 (Grad-CAM) ; Zhang et al. 2016 (jeu du pointage) ; Wang et al. 2020, *Score-CAM* (énergie)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import functools

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import rankdata, spearmanr

from labs import datasets, drise, explain, plots, yolo
from labs.checks import interpretation as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`. L'article emploie 5 000 masques par image : c'est affaire de patience, ou de GPU.

# %%
masks = runtime.budget(rapide=4, cours=30, complet=600)  # par paquet, pour le chat, à 416 pixels
packs = 8  # paquets de masques différents : leur accord mesure la stabilité
fast_masks = runtime.budget(rapide=24, cours=160, complet=5000)  # pour les autres images, à 160 pixels
cells = 6  # côté de la grille des masques ; 16 dans l'article, qui a trente fois plus de masques
points = runtime.budget(rapide=2, cours=12, complet=50)  # des courbes d'insertion et de suppression

# %% [markdown]
# ## 1. Cinq images
#
# Trois photographies, et deux morceaux d'une vidéo de surveillance, pris à douze secondes d'intervalle. Le chat est donné au réseau à 416 pixels, les autres à 160 seulement : c'est presque sept fois moins de calcul, et il en faudra beaucoup. **Pariez** : que trouvera YOLOv4-tiny ?

# %%
model, quick = yolo.yolov4_tiny(), yolo.yolov4_tiny(size=160)  # le même réseau : 416 et 160 pixels
names, frames = datasets.coco_names(), datasets.video()


def corner(rank, x1, y1, x2, y2):
    """A piece of a picture of the video, enlarged twice: float32 in [0, 1]."""
    piece = frames[rank, y1:y2, x1:x2].astype("float32") / 255
    return np.clip(cv2.resize(piece, None, fx=2, fy=2), 0, 1)


photos = {name: datasets.photo(name) for name in ("chat", "cafe", "bus")}
photos |= {"place": corner(160, 290, 110, 480, 300), "place, avant": corner(40, 260, 115, 450, 270)}
cat, coffee = photos["chat"], photos["cafe"]


# %%
def draw(axis, image, targets, labels, heat=None):
    """An image, boxes and labels; the map, if any, over the grey image: violet is low, yellow high."""
    axis.imshow(image if heat is None else image.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
    if heat is not None:
        axis.imshow(heat, cmap="viridis", alpha=0.65)
    for rank, (x1, y1, x2, y2) in enumerate(np.asarray(targets)):
        color = plots.COLORS[(rank + (heat is not None)) % 6]
        axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=3))
    axis.set_title(labels, fontsize=12)
    axis.axis("off")


# %%
cat_found = yolo.detect(model, [cat])[0]
found = dict(zip(photos, yolo.detect(quick, list(photos.values()), score_threshold=0.5)))
figure, axes = plt.subplots(1, 5, figsize=(17, 3.8))
for axis, (name, image) in zip(axes, photos.items()):
    one = cat_found if name == "chat" else found[name]
    said = [f"{names[c]} {s:.2f}" for c, s in zip(one.classes, one.scores)]
    draw(axis, image, one.boxes, "\n".join(" · ".join(said[k : k + 2]) for k in (0, 2)))
plots.publish(figure, "Le chat, boîtes chat et chien ; une tasse ; un bus et un taxi ; sept passants")

# %% tags=["nbval-check-output"]
print("sur le chat :", [names[c] for c in cat_found.classes])
for name in ("cafe", "bus"):
    print(f"{name} :", [names[c] for c in found[name].classes])

# %% [markdown]
# Le chat est vu comme un chat, 0,64, **et** comme un chien, 0,42, presque à la même place : la suppression des doublons (leçon 4.1) se fait classe par classe, elle ne choisit pas entre deux classes. La tasse est trouvée, pas la cuillère posée dans sa soucoupe. Le bus est certain, 1,00, et le taxi à demi caché par lui est trouvé aussi ; la voiture blanche, à gauche, ne l'est pas, ni le passant tout à droite. Sur la place, quatre passants, puis trois : le quatrième, coupé en deux par le panneau, est manqué.

# %% [markdown]
# ## 2. Deux détections se ressemblent-elles ?
#
# Pour un classifieur, on expliquerait le score d'une classe. Un détecteur rend une **liste** de boîtes, dont le nombre change avec l'image. Petsiuk et al. (2021) ramènent cela à un nombre : la **ressemblance** entre la détection à expliquer, la **cible** $t$, et une proposition $j$ du détecteur,
#
# $$ s(t, j) = \underbrace{\mathrm{IoU}(L_t, L_j)}_{\text{au même endroit}} \times \underbrace{\frac{P_t \cdot P_j}{\lVert P_t\rVert\,\lVert P_j\rVert}}_{\text{de la même classe}} \times \underbrace{O_j}_{\text{un objet}} $$
#
# où $L$ est la boîte, $P$ le vecteur des probabilités des classes, $O$ l'*objectness*. Il suffit qu'un facteur soit nul pour que la ressemblance le soit.
#
# | Exercice 5.4.a | difficulté ●●○ | 8 min | vérifié : égal à une double boucle ; cibles et propositions en nombres différents |
# | --- | --- | --- | --- |
#
# Écrivez `similarity(target_boxes, target_probabilities, boxes, probabilities, objectness)` : `(T, 4)`, `(T, C)`, `(P, 4)`, `(P, C)`, `(P,)` vers `(T, P)`. `labs.boxes.iou` calcule les IoU.


# %%
from labs.boxes import iou


def similarity(target_boxes, target_probabilities, boxes, probabilities, objectness):
    """IoU × cosine of the probabilities × objectness of the proposal: (T, P)."""
    ### BEGIN SOLUTION
    first = target_probabilities / np.linalg.norm(target_probabilities, axis=1, keepdims=True)
    second = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    return iou(target_boxes, boxes) * (first @ second.T) * objectness
    ### END SOLUTION


# %% tags=["check"]
check.similarity(similarity)

# %% [markdown] tags=["solution"]
# L'objectness est celle de la **proposition** : une cible donnée à la main, elle, n'en a pas besoin.

# %% [markdown]
# ## 3. Cacher, détecter, recommencer
#
# Comme RISE (leçon 5.3), D-RISE cache l'image de beaucoup de façons au hasard. Un masque est une petite grille de 0 et de 1, agrandie sans à-coup et décalée au hasard ; l'image est multipliée par lui. Le poids du masque est la **meilleure** ressemblance entre la cible et ce que le détecteur propose alors. La carte est la moyenne des masques, pondérée par ces poids : brillante là où il faut voir pour retrouver la cible.

# %%
some = list(explain.random_masks(cat.shape[:2], 4, cells=8, seed=1))
seen = yolo.detect(model, [mask[..., None] * cat for mask in some], score_threshold=0.05)
figure, axes = plt.subplots(1, 4, figsize=(14, 3))
for axis, mask, proposed in zip(axes, some, seen):
    weights = zip(("chat", "chien"), drise.best_similarity(cat_found, proposed))
    draw(axis, mask[..., None] * cat, [], " · ".join(f"{name} {weight:.2f}" for name, weight in weights))
plots.publish(figure, "Le chat sous quatre masques, et la ressemblance avec chacune des deux cibles")

# %% [markdown]
# Sous les deux premiers masques, le chat est retrouvé (0,52 et 0,57) ; sous les deux derniers, presque plus (0,11 et 0,07). Le chien suit, sans se confondre avec lui : 0,24 et 0,38, puis 0,05 et 0,06.

# %% [markdown]
# | Exercice 5.4.b | difficulté ●●○ | 8 min | vérifié : égal à la somme terme à terme ; détecteur factice, aucun résultat sous certains masques |
# | --- | --- | --- | --- |
#
# Écrivez `weighted_masks(score, image, masks, keep)`. `score` reçoit **une** image et rend le poids de la cible ; `masks (N, H, L)` ; `keep` est la part de cases gardées. La carte `(H, L)` est $\frac{1}{N\,\mathrm{keep}} \sum_i \mathrm{score}(\text{image} \times M_i)\, M_i$.


# %%
def weighted_masks(score, image, masks, keep):
    """Map (H, W): the sum of the masks weighted by the score of the masked image, over len(masks) × keep."""
    ### BEGIN SOLUTION
    weights = np.array([score(image * mask[..., None]) for mask in masks])
    return np.tensordot(weights, masks, 1) / (len(masks) * keep)
    ### END SOLUTION


# %% tags=["check"]
check.weighted_masks(weighted_masks)

# %% [markdown] tags=["solution"]
# Diviser par `keep` corrige ce que les masques cachent en moyenne : la valeur d'un pixel estime le poids moyen **sachant que ce pixel est visible**.

# %% [markdown]
# `labs.drise` fait cela par lots, sans garder les masques, et pour toutes les cibles à la fois. Retrouve-t-on la même carte ?

# %% tags=["nbval-check-output"]
detect = functools.partial(yolo.detect, model, score_threshold=0.05)
low = functools.partial(yolo.detect, quick, score_threshold=0.01)
cup = found["cafe"]
few = np.stack(list(explain.random_masks(coffee.shape[:2], 10, cells=8)))
proposed = low(few[..., None] * coffee)
weights = np.array([drise.best_similarity(cup, one)[0] for one in proposed])
by_hand = np.tensordot(weights, few, 1) / (10 * 0.5)
theirs = drise.drise(low, coffee, cup, masks=10, cells=8)[0]
print("la même carte, à la main et par drise.drise :", np.allclose(by_hand, theirs, atol=1e-3))

# %% [markdown]
# ## 4. Le chat, et le chien qui n'existe pas
#
# Deux cibles, mêmes masques, donc un seul passage : la détection « chat » et la fausse détection « chien ». Nous calculons huit cartes indépendantes, de 30 masques chacune : leur moyenne est la carte de 240 masques, et leur accord dira si elle est stable. **Pariez** : qu'a-t-il fallu voir pour le « chien » ?

# %%
maps = np.stack([drise.drise(detect, cat, cat_found, masks=masks, cells=cells, seed=s) for s in range(packs)])
print("paquets, cibles, hauteur, largeur :", maps.shape)

# %% [markdown]
# Avec si peu de masques, certains pixels ont été visibles plus souvent que d'autres, par hasard, et leur valeur en profite. L'article divise par la visibilité **moyenne**, `keep` ; divisons plutôt par la visibilité **observée** de chaque pixel. La carte vaut alors exactement la moyenne des poids, chaque masque comptant selon la visibilité qu'il donne au pixel. **Pariez** : la carte y gagne-t-elle en stabilité ?


# %%
def visible(image, count, cells, seed=0):
    """Mean of the masks that drise.drise drew with the same seed: (H, W)."""
    return np.mean(list(explain.random_masks(image.shape[:2], count, cells, seed=seed)), axis=0)


def agreement(maps, size):
    """Mean rank correlation between neighbouring groups of `size` packs: maps (packs, H, W)."""
    groups = maps.reshape(-1, size, maps[0].size).mean(axis=1)
    return np.mean([spearmanr(one, other).statistic for one, other in zip(groups[::2], groups[1::2])])


shares = np.stack([visible(cat, masks, cells, seed) for seed in range(packs)])
corrected = maps * 0.5 / shares[:, None]

# %%
rows = []
for size in (1, 2, 4):
    pair = [f"{agreement(some[:, 0], size):.2f}" for some in (maps, corrected)]
    rows.append([size * masks, *pair, f"{agreement(corrected[:, 1], size):.2f}"])
plots.table(rows, header=["masques", "chat, article", "chat, corrigée", "chien, corrigée"])

# %% tags=["nbval-check-output"]
before, after = (agreement(some[:, 0], 4) for some in (maps, corrected))
print("la carte corrigée du chat est plus stable :", after > before + 0.1)

# %%
cat_map, dog_map = corrected.mean(axis=0)
difference = dog_map / dog_map.mean() - cat_map / cat_map.mean()
figure, axes = plt.subplots(1, 3, figsize=(14, 3.6))
for axis, card, what, rank in zip(axes, (cat_map, dog_map), ("chat", "chien"), (0, 1)):
    draw(axis, cat, cat_found.boxes[[rank]], f"D-RISE : « {what} »", card)
draw(axes[2], cat, [], "« chien » moins « chat »", difference)
plots.publish(figure, "Carte du chat : museau et œil droit ; carte du chien : joue ; leur différence")
alike = spearmanr(cat_map.ravel(), dog_map.ravel()).statistic
print(f"corrélation de rang entre « chat » et « chien » : {alike:.2f}")

# %% [markdown]
# **La stabilité d'abord.** Avec la formule de l'article, deux cartes de 120 masques ne s'accordent qu'à 0,39 ; corrigées, à 0,72, sans un appel de plus au détecteur. Ce que nous avons retiré n'était pas de l'information, mais le hasard des masques. Et plus il y a de masques, mieux cela vaut : 0,31, 0,55, 0,72. Pour le chien, 0,55 : lisez ses grandes taches, pas les détails.
#
# **La réponse ensuite.** Pour le « chat », deux taches : le museau, à gauche de la truffe, et l'œil droit. Pour le « chien », une seule, sur la joue et la naissance des moustaches ; l'œil droit n'y compte guère, et c'est lui qui ressort en violet sur la différence. Le « chien » n'est donc pas ailleurs sur la photographie : c'est à peu près le même museau, sans l'œil. Une explication possible : un museau clair et poilu va aussi bien à un chien ; c'est l'œil qui fait le chat.

# %% [markdown]
# ## 5. Trouvés, ou manqué
#
# Les autres images, maintenant. Sur le café, la **cuillère** n'est pas trouvée. Rien n'empêche d'expliquer un objet manqué : la cible se donne à la main, une boîte et une classe. Un seul passage par photographie suffit pour toutes ses cibles.

# %%
spoon = drise.target([[228, 150, 272, 218]], [names.index("cuillère")], len(names))
both = drise.Proposals(
    np.concatenate([cup.boxes, spoon.boxes]), np.concatenate([cup.probabilities, spoon.probabilities])
)


def explained(image, targets):
    """D-RISE maps (T, H, W) of the targets, corrected by the visibility observed."""
    maps = drise.drise(low, image, targets, masks=fast_masks, cells=cells, batch_size=16)
    return maps * 0.5 / visible(image, fast_masks, cells)


heat = {name: explained(image, (found | {"cafe": both})[name]) for name, image in photos.items()}

# %%
shown = {"« tasse », trouvée": ("cafe", both.boxes[:1], 0)}
shown |= {"« cuillère », manquée": ("cafe", both.boxes[1:], 1)}
shown |= {"« bus »": ("bus", found["bus"].boxes[:1], 0), "« voiture »": ("bus", found["bus"].boxes[1:], 1)}
figure, axes = plt.subplots(2, 2, figsize=(12, 8.4))
for axis, (title, (name, box, rank)) in zip(axes.ravel(), shown.items()):
    draw(axis, photos[name], box, title, heat[name][rank])
alt = "Cartes : le café dans sa tasse ; la cuillère et la soucoupe ; l'étage et le flanc du bus ; le taxi"
plots.publish(figure, alt)
weight = drise.best_similarity(both, low([coffee])[0])
print(f"meilleure ressemblance sur l'image entière : tasse {weight[0]:.2f}, cuillère {weight[1]:.4f}")

# %% [markdown]
# Pour la **tasse**, il faut voir le café, dans sa moitié gauche. Pour le **bus**, l'étage, jusqu'aux vitres du haut, et le bas du flanc ; ni la tour, ni la rue. Pour la **voiture**, le taxi presque entier, et rien du bus qui le cache à moitié.
#
# Pour la **cuillère**, la meilleure ressemblance sur l'image entière n'est que de 0,0293 : le détecteur n'y croit pas du tout. La carte, elle, la désigne, avec un bout de soucoupe à sa droite : le métal lui dit quelque chose, mais trop peu. Avec des poids aussi petits, cette carte tient à peu de masques : une piste pour améliorer le détecteur, pas une preuve.

# %% [markdown]
# ## 6. La carte vaut-elle mieux qu'un halo ?
#
# Un objet est souvent au milieu de sa boîte : un simple **halo** (une gaussienne au centre de la boîte) fait déjà une carte plausible, sans rien demander au détecteur. D-RISE doit faire mieux. Quatre mesures :
#
# - le **pointage** (Zhang et al. 2016) : le maximum de la carte est-il dans la boîte ?
# - l'**énergie** (Wang et al. 2020) : quelle part de la carte, son minimum retiré, tombe dans la boîte ?
# - la **suppression** et l'**insertion** : la ressemblance quand on efface les pixels les plus importants d'abord (son aire doit être petite), ou quand on les fait apparaître (grande).
#
# | Exercice 5.4.c | difficulté ●○○ | 5 min | vérifié : cartes non carrées, boîte au bord, carte au minimum non nul |
# | --- | --- | --- | --- |
#
# Écrivez `energy(heatmap, box)` : la part de `heatmap - heatmap.min()` dans la boîte `(x1, y1, x2, y2)`, en pixels **entiers** (colonnes `x1` à `x2 - 1`, lignes `y1` à `y2 - 1`).


# %%
def energy(heatmap, box):
    """Share of heatmap (H, W), its smallest value taken away, in the box of whole pixels x1, y1, x2, y2."""
    ### BEGIN SOLUTION
    x1, y1, x2, y2 = box
    above = heatmap - heatmap.min()
    return above[y1:y2, x1:x2].sum() / above.sum()
    ### END SOLUTION


# %% tags=["check"]
check.energy(energy)

# %% [markdown] tags=["solution"]
# L'axe 0 est vertical : la ligne est `y`. La boîte entière d'une image a une énergie de 1, quelle que soit la carte : sur le chat, dont la boîte couvre presque tout, cette mesure ne dit presque rien.

# %% [markdown]
# Nous les prenons sur **onze détections**, toutes à 160 pixels : le chat, la tasse, le bus, la voiture et sept passants. En face de D-RISE, outre le halo : une carte au hasard, mais de même grain (leçon 5.3), un masque seul, les **taches** ; et **Grad-CAM**, qui ouvre le réseau. Il faut pour cela retrouver la ligne de la sortie qui a produit la boîte, et dériver son score jusqu'à la dernière convolution de sa tête.

# %%
heads = keras.layers.Concatenate(axis=1)(quick.outputs)
every = keras.Model(quick.inputs[0], heads)
fitted = {name: yolo.letterbox(image, (160, 160)) for name, image in photos.items()}
objects = [(name, rank) for name in photos for rank in range(len(found[name].boxes))]


def find_row(name, rank):
    """The row of the output that looks most like a detection: same class, same box, in the letterbox."""
    outputs = np.asarray(every(fitted[name].image[None]))[0]
    half = outputs[:, 2:4] / 2
    corners = 160 * np.concatenate([outputs[:, :2] - half, outputs[:, :2] + half], axis=1)
    overlap = iou(fitted[name].place(found[name].boxes[[rank]]), corners)[0]
    return int((overlap * outputs[:, 5 + found[name].classes[rank]]).argmax())


# %%
lines = [find_row(*one) for one in objects]
columns = [5 + int(found[name].classes[rank]) for name, rank in objects]
scores = [heads[:, line, column] for line, column in zip(lines, columns)]
scored = keras.Model(quick.inputs[0], keras.ops.stack(scores, axis=1))  # (N, 11): one score an object


def grad_cam_map(index):
    """Grad-CAM of the score of an object, taken out of the letterbox: (H, W) of its photograph."""
    name, (height, width) = objects[index][0], photos[objects[index][0]].shape[:2]
    layer = "28-convolutional" if lines[index] < quick.outputs[0].shape[1] else "35-convolutional"
    coarse = explain.grad_cam(scored, fitted[name].image[None], index, layer)
    x1, y1, x2, y2 = np.round(fitted[name].place(np.array([[0, 0, width, height]]))[0]).astype(int)
    return explain.upsample(explain.upsample(coarse, (160, 160))[:, y1:y2, x1:x2], (height, width))[0]


# %%
def halo(box, shape):
    """A Gaussian at the centre of the box, as wide as a quarter of it: (H, W)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    (x1, y1, x2, y2), u = box, 4
    across, down = (columns - (x1 + x2) / 2) * u / (x2 - x1), (rows - (y1 + y2) / 2) * u / (y2 - y1)
    return np.exp(-(across**2 + down**2) / 2)


cards = {"D-RISE": [heat[name][rank] for name, rank in objects]}
cards["halo"] = [halo(found[name].boxes[rank], photos[name].shape[:2]) for name, rank in objects]
cards["Grad-CAM"] = [grad_cam_map(index) for index in range(len(objects))]
drawn = [explain.random_masks(photos[name].shape[:2], 1, cells, seed=k) for k, (name, _) in enumerate(objects)]
cards["taches"] = [next(one) for one in drawn]

# %%
figure, axes = plt.subplots(2, 4, figsize=(15, 6.6))
for line, name in zip(axes, ("bus", "place")):
    for axis, (title, maps) in zip(line, cards.items()):
        draw(axis, photos[name], found[name].boxes[:1], title, maps[objects.index((name, 0))])
alt = "Quatre cartes du bus, puis d'un passant : Grad-CAM éclaire aussi les trois autres passants"
plots.publish(figure, alt)


# %%
def grade(name, rank, card):
    """Areas of deletion and insertion, share of energy in the box, pointing: (4,)."""
    one = yolo.Detections(*(field[[rank]] for field in found[name]))
    measures = (drise.deletion, drise.insertion)
    curves = [measure(low, photos[name], one, card[None], steps=points) for measure in measures]
    energies, hits = drise.energy(card[None], one.boxes), drise.pointing(card[None], one.boxes)
    return [*(float(area[0]) for _, area in curves), float(energies[0]), float(hits[0])]


grades = {title: np.array([grade(*o, m) for o, m in zip(objects, maps)]) for title, maps in cards.items()}

# %% [markdown]
# Un rang par détection, de 1 (la meilleure des quatre cartes) à 4, puis la moyenne des onze.

# %%
better = np.stack(list(grades.values())) * [-1, 1, 1, 1]  # (4 maps, 11 objects, 4 measures): more is better
ranks = rankdata(-better, axis=0).mean(axis=1)
rows = []
for (title, one), rank in zip(grades.items(), ranks):
    means = [f"{mean:.2f}, rang {place:.1f}" for mean, place in zip(one.mean(axis=0)[:2], rank)]
    rows.append([title, *means, f"{one[:, 2].mean():.0%}", f"{one[:, 3].sum():.0f} sur {len(objects)}"])
plots.table(rows, header=["carte", "suppression ↓", "insertion ↑", "énergie", "pointage"])

# %% [markdown]
# Comme à la leçon 5.3, les différences se jugent **détection par détection**, par bootstrap, et non sur les moyennes. Avec six comparaisons, chaque intervalle est pris à 99 %.

# %%
draws = np.random.default_rng(0).integers(0, len(objects), (20_000, len(objects)))


def gain(rival, measure):
    """What D-RISE gains on a rival, object by object, and the interval of its mean at 99 %."""
    differences = better[0, :, measure] - better[list(cards).index(rival), :, measure]
    return differences, np.quantile(differences[draws].mean(axis=1), (0.005, 0.995))


# %%
figure, axes = plt.subplots(1, 2, figsize=(13, 4.2), sharey=True)
for measure, (axis, title) in enumerate(zip(axes, ("Suppression", "Insertion"))):
    for place, rival in enumerate(list(cards)[1:]):
        differences, (lowest, highest) = gain(rival, measure)
        axis.scatter(differences, [place + 0.2] * len(objects), color=plots.COLORS[0], alpha=0.5)
        axis.plot([lowest, highest], [place, place], color=plots.COLORS[1], linewidth=5)
        axis.scatter(differences.mean(), place, color="black", zorder=3)
    axis.axvline(0, color="black", linewidth=1)
    axis.set(title=f"{title} : gain de D-RISE", xlabel="aire", yticks=range(3), yticklabels=list(cards)[1:])
alt = "Gains de D-RISE, onze points et un intervalle par rival : à cheval sur zéro contre le halo"
plots.publish(figure, alt)

# %%
rows = []
for rival in list(cards)[1:]:
    for measure, title in enumerate(("suppression", "insertion")):
        differences, (lowest, highest) = gain(rival, measure)
        wins = f"{(differences > 0).sum()} sur {len(objects)}"
        rows.append([title, rival, f"{differences.mean():+.3f}", f"[{lowest:+.3f} ; {highest:+.3f}]", wins])
plots.table(rows, header=["mesure", "D-RISE contre", "gain", "intervalle à 99 %", "D-RISE devant"])

# %%
said = [f"{names[found[name].classes[rank]]} ({name})" for name, rank in objects]
for measure, title in enumerate(("suppression", "insertion")):
    differences, _ = gain("halo", measure)
    ends = (differences.argmin(), differences.argmax())
    print(f"{title}, contre le halo :", ", ".join(f"{said[k]} {differences[k]:+.2f}" for k in ends))
blurry = {name: drise.best_similarity(found[name], low([explain.blurred(photos[name])])[0]) for name in photos}
for name, start in blurry.items():
    print(f"image floue, {name} : ressemblance", " · ".join(f"{s:.2f}" for s in start))

# %% tags=["nbval-check-output"]
print("D-RISE bat les taches, aux deux mesures :", all(gain("taches", k)[1][0] > 0 for k in (0, 1)))
sides = [np.sign(gain("halo", k)[1]).sum() for k in (0, 1)]
print("entre D-RISE et le halo, aucune des deux mesures ne tranche :", not any(sides))

# %% [markdown]
# Sur la figure, un point est une détection, le trait épais l'intervalle de la moyenne, le point noir cette moyenne.
#
# **D-RISE sait quelque chose** : il bat les taches, qui ont le même grain, à la suppression (0,08 contre 0,36) et à l'insertion (0,86 contre 0,80), et les deux intervalles sont loin de zéro. Il bat aussi Grad-CAM à l'insertion (+0,047) ; à la suppression, il est devant 9 fois sur 11, mais l'intervalle contient zéro. L'image des quatre passants dit pourquoi : Grad-CAM éclaire **tous** les passants, ou presque, parce que les cartes de la tête les reconnaissent tous ; son maximum n'est dans la bonne boîte que 8 fois sur 11. La ressemblance de D-RISE, elle, contient l'IoU, et ne garde que la cible.
#
# **Mais il ne bat pas le halo.** Gain de −0,001 à la suppression, de +0,014 à l'insertion, deux intervalles à cheval sur zéro, et c'est le halo qui a les meilleurs rangs. Le plus grand écart est celui du chat : D-RISE y gagne 0,21 à l'insertion, et y perd 0,12 à la suppression. L'énergie, elle, dit 92 % pour le halo et 28 % pour D-RISE : un halo est dans la boîte **par construction**, cela ne prouve pas qu'il explique quoi que ce soit.
#
# **Et la mesure elle-même est courte.** L'insertion part d'une image floue ; or, sous ce flou, presque tout est déjà retrouvé (0,92 pour le bus, de 0,59 à 0,88 pour les passants) : il ne reste presque rien à gagner. Seul le chat part de rien, 0,02. Quant à la suppression, un passant est si petit que le premier pas, un douzième de l'image, l'efface presque en entier. Enfin, onze détections ne sont pas onze tirages au sort : sept sont des passants de la même vidéo, et les intervalles n'en savent rien. Prenez-les pour un ordre de grandeur. Un vrai classement demande des centaines d'images, et bien plus de 160 masques.

# %% [markdown]
# ## 7. N'importe quel détecteur
#
# Rien, dans D-RISE, ne suppose un réseau. OpenCV contient un détecteur de piétons de 2005 : des histogrammes de gradients et une machine à vecteurs de support (Dalal & Triggs). Il suffit d'une fonction qui rende des boîtes, des probabilités (ici une seule classe, « personne ») et un degré de confiance.

# %%
walkers = photos["place"]
hog = cv2.HOGDescriptor()
hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())


# %%
def pedestrians(images):
    found = []
    for image in images:
        pixels = np.round(255 * image[..., ::-1]).astype("uint8")  # OpenCV veut bleu, vert, rouge
        places, scores = hog.detectMultiScale(pixels, hitThreshold=-0.5, winStride=(8, 8), scale=1.1)
        x, y, width, height = np.reshape(places, (-1, 4)).T
        corners = np.stack([x, y, x + width, y + height], axis=1)
        sure = 1 / (1 + np.exp(-2 * np.reshape(scores, -1)))
        found.append(drise.Proposals(corners, np.ones((len(corners), 1)), sure))
    return found


# %%
seen = pedestrians([walkers])[0]
best = int(np.argmax(seen.objectness))
walker = drise.target(seen.boxes[[best]], [0], 1)
hog_map = drise.drise(pedestrians, walkers, walker, masks=fast_masks, cells=cells)[0]
hog_map = hog_map * 0.5 / visible(walkers, fast_masks, cells)
same = int(iou(walker.boxes, found["place"].boxes).argmax())  # the same person, found by YOLO
yolo_map, yolo_box = heat["place"][same], found["place"].boxes[[same]]

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4.8))
draw(axes[0], walkers, seen.boxes, "trouvés par HOG et SVM")
draw(axes[1], walkers, walker.boxes, "D-RISE de HOG et SVM", hog_map)
draw(axes[2], walkers, yolo_box, "D-RISE de YOLOv4-tiny", yolo_map)
plots.publish(figure, "Cinq boîtes de HOG ; pour les deux détecteurs, la carte est claire sur le même passant")
for name, card in {"HOG": hog_map, "YOLO": yolo_map}.items():
    row, column = np.unravel_index(card.argmax(), card.shape)
    print(f"{name:4} · maximum en (x, y) = ({column}, {row}) · boîte : {walker.boxes[0].astype(int).tolist()}")

# %% tags=["nbval-check-output"]
print("HOG trouve au moins deux piétons :", len(seen.boxes) >= 2)
inside = drise.pointing(np.stack([hog_map, yolo_map]), walker.boxes[[0, 0]])
print("le maximum de chaque carte est dans la boîte que HOG a trouvée :", inside.all())

# %% [markdown]
# HOG trouve trois passants, en encadre mal un quatrième, avec son trépied, et invente une grande boîte au milieu. Prenons son passant le plus sûr. Tout sépare ces deux détecteurs : quinze ans, l'apprentissage, le nombre de poids. Leurs deux cartes désignent pourtant le même endroit, le passant, et aucune ne s'occupe de ses voisins. HOG s'en tient surtout au haut du corps et au sol clair qui l'entoure, sans doute parce qu'il lui faut un contour ; YOLO descend jusqu'aux pieds. La même fonction les a expliqués tous les deux, sans rien savoir de ce qu'ils ont dedans.
#
# ## À retenir
#
# - D-RISE n'a besoin que des **entrées et des sorties** du détecteur : il cache, il compare, il moyenne.
# - La ressemblance multiplie trois facteurs : **IoU × cosinus des classes × objectness**. La cible peut être une détection, juste ou fausse, ou un objet manqué.
# - Mesurez l'**accord** de deux cartes faites avec des masques différents avant d'en lire les détails ; diviser par la visibilité observée le fait monter, sans un appel de plus au détecteur.
# - Une carte se compare à un **halo** au centre de la boîte et au hasard, sur plusieurs détections, avec des intervalles. Ici, D-RISE bat le hasard, et Grad-CAM à l'insertion ; entre lui et le halo, rien n'est établi.
#
# ## Questionnaire
#
# 1. Pourquoi multiplier les trois facteurs de la ressemblance, plutôt que les additionner ?
# 2. Pourquoi faut-il baisser le seuil de score du détecteur quand on s'en sert dans D-RISE ?
# 3. Expliquer dix détections d'une même image coûte-t-il dix fois plus cher qu'une seule ?
# 4. Votre carte a 95 % de son énergie dans la boîte. Est-elle bonne ?
# 5. Des masques de 3×3 cases ou de 16×16 : qu'est-ce que chacun permet de voir, et à quel prix ?
#
# <details><summary>Réponses</summary>
#
# 1. Pour qu'un seul facteur nul annule le poids : une boîte bien placée d'une autre classe ne doit rien peser. 2. Sous un masque, le score baisse : au-dessus d'un seuil élevé, presque toutes les listes seraient vides, et les poids nuls. 3. Non, à peine plus cher : les appels au détecteur servent à toutes les cibles. 4. On ne peut pas le dire : un halo en a autant, sans rien savoir du détecteur ; il faut une mesure qui interroge le détecteur. 5. Les grandes cases donnent une carte grossière, stable avec peu de masques ; les petites montrent des détails, mais demandent beaucoup plus de masques.
#
# </details>
#
# ## Pour aller plus loin
#
# - Dans la section 7, expliquez un autre passant ; puis cachez sa tête par un carré gris : le détecteur le trouve-t-il encore ?
# - Faites la carte du chat avec `cells=16`, comme dans l'article, et mesurez l'accord : combien de masques faudrait-il ?
# - Le chapitre 6 prend le problème à l'envers : au lieu de chercher ce que le réseau regarde, on change l'image, ou l'on colle un autocollant sur l'objet, pour égarer un classifieur.
