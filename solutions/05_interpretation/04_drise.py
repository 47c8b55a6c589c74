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
from scipy.stats import spearmanr

from labs import datasets, drise, explain, plots, yolo
from labs.checks import interpretation as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`. L'article emploie 5 000 masques par image : c'est affaire de patience, ou de GPU.

# %%
masks = runtime.budget(rapide=4, cours=30, complet=600)  # par paquet, pour le chat, à 416 pixels
packs = 8  # paquets de masques différents : leur accord mesure la stabilité
fast_masks = runtime.budget(rapide=24, cours=240, complet=5000)  # pour les autres images, à 256 pixels
cells = 6  # côté de la grille des masques ; 16 dans l'article, qui a vingt fois plus de masques
points = runtime.budget(rapide=4, cours=10, complet=50)  # des courbes d'insertion et de suppression

# %% [markdown]
# ## 1. Trois images, deux réponses étonnantes
#
# **Pariez** : que trouvera YOLOv4-tiny sur ces trois images ?

# %%
model, quick = yolo.yolov4_tiny(), yolo.yolov4_tiny(size=256)  # le même réseau : 416 et 256 pixels
cat, coffee = datasets.photo("chat"), datasets.photo("cafe")
street = datasets.video()[60].astype("float32") / 255
names = datasets.coco_names()


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
coffee_found, street_found = yolo.detect(quick, [coffee, street])
figure, axes = plt.subplots(1, 3, figsize=(14, 3.8))
for axis, image, found in zip(axes, (cat, coffee, street), (cat_found, coffee_found, street_found)):
    said = [f"{names[c]} {s:.2f}" for c, s in zip(found.classes, found.scores)]
    draw(axis, image, found.boxes, " · ".join(said))
plots.publish(figure, "Le chat, boîtes chat et chien ; le café, deux tasses ; la place, trois personnes")

# %% tags=["nbval-check-output"]
print("sur le chat :", [names[c] for c in cat_found.classes])
print("sur le café, d'abord :", names[coffee_found.classes[0]])

# %% [markdown]
# Le chat est vu comme un chat, 0,64, **et** comme un chien, 0,42, presque à la même place : la suppression des doubles (leçon 4.1) se fait classe par classe, elle ne choisit pas entre deux classes. La tasse est trouvée deux fois, et la seconde boîte prend la soucoupe ; la cuillère, elle, n'est pas trouvée. Sur la place, des passants et une voiture.

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
for axis, mask, found in zip(axes, some, seen):
    weights = zip(("chat", "chien"), drise.best_similarity(cat_found, found))
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
detect_quick = functools.partial(yolo.detect, quick, score_threshold=0.05)
cup = yolo.Detections(*(field[:1] for field in coffee_found))
few = np.stack(list(explain.random_masks(coffee.shape[:2], 10, cells=8)))
proposed = detect_quick(few[..., None] * coffee)
weights = np.array([drise.best_similarity(cup, found)[0] for found in proposed])
by_hand = np.tensordot(weights, few, 1) / (10 * 0.5)
theirs = drise.drise(detect_quick, coffee, cup, masks=10, cells=8)[0]
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
for axis, card, found, rank in zip(axes, (cat_map, dog_map), ("chat", "chien"), (0, 1)):
    draw(axis, cat, cat_found.boxes[[rank]], f"D-RISE : « {found} »", card)
draw(axes[2], cat, [], "« chien » moins « chat »", difference)
plots.publish(figure, "Carte du chat : museau et œil droit ; carte du chien : joue ; leur différence")
alike = spearmanr(cat_map.ravel(), dog_map.ravel()).statistic
print(f"corrélation de rang entre « chat » et « chien » : {alike:.2f}")

# %% [markdown]
# **La stabilité d'abord.** Avec la formule de l'article, deux cartes de 120 masques ne s'accordent qu'à 0,39 ; corrigées, à 0,72, sans un appel de plus au détecteur. Ce que nous avons retiré n'était pas de l'information, mais le hasard des masques. Et plus il y a de masques, mieux cela vaut : 0,31, 0,55, 0,72. Pour le chien, 0,55 : lisez ses grandes taches, pas les détails.
#
# **La réponse ensuite.** Pour le « chat », deux taches : le museau, à gauche de la truffe, et l'œil droit. Pour le « chien », une seule, sur la joue et la naissance des moustaches ; l'œil droit n'y compte guère, et c'est lui qui ressort en violet sur la différence. Le « chien » n'est donc pas ailleurs sur la photographie : c'est à peu près le même museau, sans l'œil. Une explication possible : un museau clair et poilu va aussi bien à un chien ; c'est l'œil qui fait le chat.

# %% [markdown]
# ## 5. Un objet trouvé, un objet manqué
#
# Sur le café, la tasse est trouvée, la **cuillère** ne l'est pas. Rien n'empêche d'expliquer un objet manqué : la cible se donne à la main, une boîte et une classe.

# %%
spoon = drise.target([[228, 150, 272, 218]], [names.index("cuillère")], len(names))
both = drise.Proposals(
    np.concatenate([cup.boxes, spoon.boxes]), np.concatenate([cup.probabilities, spoon.probabilities])
)
low = functools.partial(yolo.detect, quick, score_threshold=0.01)

# %%
maps = drise.drise(low, coffee, both, masks=fast_masks, cells=cells, batch_size=16)
cup_map, spoon_map = maps * 0.5 / visible(coffee, fast_masks, cells)
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2))
draw(axes[0], coffee, cup.boxes, "« tasse », trouvée", cup_map)
draw(axes[1], coffee, spoon.boxes, "« cuillère », manquée", spoon_map)
plots.publish(figure, "Carte de la tasse, claire sur le café ; carte de la cuillère, claire à côté d'elle")
weight = drise.best_similarity(both, low([coffee])[0])
print(f"meilleure ressemblance sur l'image entière : tasse {weight[0]:.2f}, cuillère {weight[1]:.4f}")

# %% [markdown]
# Pour la tasse, il faut voir le café et l'intérieur de la tasse, un peu à gauche. Pour la cuillère, la meilleure ressemblance sur l'image entière n'est que de 0,0141 : le détecteur n'y croit pas du tout. La tache la plus claire est **à côté** d'elle, sur la soucoupe ; le métal, qui reflète tout ce qui l'entoure, ne semble pas l'aider. Avec des poids aussi petits, cette carte tient à peu de masques : une piste pour améliorer le détecteur, pas une preuve.

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
# En face, outre le halo et une carte au hasard, **Grad-CAM**, qui ouvre le réseau. Il faut pour cela choisir la ligne de la sortie qui a produit la boîte, et dériver son score jusqu'à la dernière convolution de la tête.

# %%
heads = keras.layers.Concatenate(axis=1)(quick.outputs)
fitted = yolo.letterbox(coffee, (256, 256))
cup_class = int(cup.classes[0])
outputs = np.asarray(keras.Model(quick.inputs[0], heads)(fitted.image[None]))[0]
row = int(outputs[:, 5 + cup_class].argmax())
scored = keras.Model(quick.inputs[0], heads[:, row, 5 + cup_class][:, None])  # (N, 1): one score
coarse_head = row < quick.outputs[0].shape[1]
layer = "28-convolutional" if coarse_head else "35-convolutional"  # the last 3×3 before each head


# %%
def grad_cam_map():
    """Grad-CAM of the cup's score, taken out of the letterbox: (H, W) of the photograph."""
    whole = explain.upsample(explain.grad_cam(scored, fitted.image[None], 0, layer), (256, 256))[0]
    left, top, right, bottom = np.round(fitted.place(np.array([[0, 0, *coffee.shape[1::-1]]]))[0]).astype(int)
    return explain.upsample(whole[None, top:bottom, left:right], coffee.shape[:2])[0]


def halo(box):
    """A Gaussian at the centre of the box, as wide as a quarter of it: (H, W)."""
    rows, columns = np.mgrid[: coffee.shape[0], : coffee.shape[1]] + 0.5
    (x1, y1, x2, y2), u = box, 4
    across, down = (columns - (x1 + x2) / 2) * u / (x2 - x1), (rows - (y1 + y2) / 2) * u / (y2 - y1)
    return np.exp(-(across**2 + down**2) / 2)


cards = {"D-RISE": cup_map, "halo": halo(cup.boxes[0]), "Grad-CAM": grad_cam_map()}
cards["hasard"] = np.random.default_rng(0).random(coffee.shape[:2])

# %%
figure, axes = plt.subplots(1, 4, figsize=(15, 3.2))
for axis, (name, card) in zip(axes, cards.items()):
    draw(axis, coffee, cup.boxes, name, card)
plots.publish(figure, "Quatre cartes de la tasse : D-RISE, halo, Grad-CAM, hasard")

# %%
rows, areas = [], {}
for name, card in cards.items():
    curves = [curve(low, coffee, cup, card[None], steps=points) for curve in (drise.deletion, drise.insertion)]
    areas[name] = [float(area[0]) for _, area in curves]
    pointed, share = drise.pointing(card[None], cup.boxes)[0], drise.energy(card[None], cup.boxes)[0]
    rows.append([name, "oui" if pointed else "non", f"{share:.0%}", *(f"{area:.2f}" for area in areas[name])])
plots.table(rows, header=["carte", "pointage", "énergie", "suppression", "insertion"])
share = np.prod(cup.boxes[0, 2:] - cup.boxes[0, :2]) / np.prod(coffee.shape[:2])
print(f"part de l'image dans la boîte : {share:.0%}")

# %% [markdown]
# Les trois vraies cartes font mieux que le hasard, aux quatre mesures. Entre elles, le classement dépend de la mesure. À la suppression, D-RISE est devant (0,08 contre 0,10 et 0,12). À l'insertion, c'est le halo (0,68), et D-RISE fait comme Grad-CAM (0,60 et 0,61). À l'énergie, D-RISE a 45 %, dans une boîte qui couvre 27 % de l'image, et les deux autres plus de 90 % : un halo est dans la boîte **par construction**, et cela ne prouve pas qu'il explique quoi que ce soit.
#
# La leçon à en tirer : comparez toujours à un halo, qui ne sait rien du détecteur et se défend fort bien. Et une image ne fait pas un classement : il en faudrait des dizaines, comme à la leçon 5.3, et bien plus de 240 masques.

# %% [markdown]
# ## 7. N'importe quel détecteur
#
# Rien, dans D-RISE, ne suppose un réseau. OpenCV contient un détecteur de piétons de 2005 : des histogrammes de gradients et une machine à vecteurs de support (Dalal & Triggs). Il suffit d'une fonction qui rende des boîtes, des probabilités (ici une seule classe, « personne ») et un degré de confiance.

# %%
walkers = np.clip(cv2.resize(street[120:290, 330:480], None, fx=2, fy=2), 0, 1)  # un coin, agrandi deux fois
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
same = drise.target(seen.boxes[[best]], [names.index("personne")], len(names))
hog_map = drise.drise(pedestrians, walkers, walker, masks=fast_masks, cells=8)
yolo_map = drise.drise(low, walkers, same, masks=fast_masks, cells=8, batch_size=16)
hog_map, yolo_map = (maps[0] * 0.5 / visible(walkers, fast_masks, 8) for maps in (hog_map, yolo_map))

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4.8))
draw(axes[0], walkers, seen.boxes, "trouvés par HOG et SVM")
draw(axes[1], walkers, walker.boxes, "D-RISE de HOG et SVM", hog_map)
draw(axes[2], walkers, walker.boxes, "D-RISE de YOLOv4-tiny", yolo_map)
plots.publish(figure, "Trois passants ; pour les deux détecteurs, la carte est claire sur la tête")
for name, card in {"HOG": hog_map, "YOLO": yolo_map}.items():
    row, column = np.unravel_index(card.argmax(), card.shape)
    print(f"{name:4} · maximum en (x, y) = ({column}, {row}) · boîte : {walker.boxes[0].astype(int).tolist()}")

# %% tags=["nbval-check-output"]
tops = [np.unravel_index(card.argmax(), card.shape) for card in (hog_map, yolo_map)]
apart = np.hypot(*np.subtract(*tops))
print("HOG trouve au moins deux piétons :", len(seen.boxes) >= 2)
print("les maximums des deux cartes sont à moins de 40 pixels :", apart < 40)

# %% [markdown]
# Tout sépare ces deux détecteurs : quinze ans, l'apprentissage, le nombre de poids. Leurs deux cartes ont pourtant leur maximum au même endroit, à six pixels près : la **tête** de la passante. HOG s'en tient presque à la tête, et au sol clair qui la surmonte, sans doute parce qu'il lui faut un contour ; YOLO suit aussi le corps. Aucun des deux ne s'occupe de ses voisins. La même fonction les a expliqués tous les deux, sans rien savoir de ce qu'ils ont dedans.
#
# ## À retenir
#
# - D-RISE n'a besoin que des **entrées et des sorties** du détecteur : il cache, il compare, il moyenne.
# - La ressemblance multiplie trois facteurs : **IoU × cosinus des classes × objectness**. La cible peut être une détection, juste ou fausse, ou un objet manqué.
# - Mesurez l'**accord** de deux cartes faites avec des masques différents avant d'en lire les détails ; diviser par la visibilité observée le fait monter, sans un appel de plus au détecteur.
# - Une carte se compare à un **halo** au centre de la boîte et au hasard, avec plusieurs mesures, sur plusieurs images.
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
# 1. Pour qu'un seul facteur nul annule le poids : une boîte bien placée d'une autre classe ne doit rien peser. 2. Sous un masque, le score baisse : au-dessus d'un seuil élevé, presque toutes les listes seraient vides, et les poids nuls. 3. Presque pas : les appels au détecteur servent à toutes les cibles. 4. On ne peut pas le dire : un halo en a autant, sans rien savoir du détecteur ; il faut une mesure qui interroge le détecteur. 5. Les grandes cases donnent une carte grossière, stable avec peu de masques ; les petites montrent des détails, mais demandent beaucoup plus de masques.
#
# </details>
#
# ## Pour aller plus loin
#
# - Dans la section 7, expliquez l'autre passant ; puis cachez sa tête par un carré gris : le détecteur le trouve-t-il encore ?
# - Faites la carte du chat avec `cells=16`, comme dans l'article, et mesurez l'accord : combien de masques faudrait-il ?
# - Le chapitre 6 prend le problème à l'envers : au lieu de chercher ce que le détecteur regarde, on y pose un autocollant qui l'égare.
