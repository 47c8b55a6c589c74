# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # YOLOv4
#
# > Un article de détection décrit une machine : des pièces, un plan, des réglages. Vous allez démonter YOLOv4 pièce par pièce, remonter ses nombres un à un, faire tourner les vrais poids de sa petite sœur sur des photographies, puis lui apprendre des panneaux qu'elle n'a jamais vus.
#
# **À la fin, vous saurez** lire un fichier cfg de Darknet et en compter les poids, dire à quoi servent le *backbone*, le *neck* et la *head*, passer des sorties brutes aux boîtes, reconnaître les astuces gratuites de celles qui coûtent, choisir une taille d'image, et réentraîner un détecteur sur vos classes.
#
# **Prérequis** : leçons 2.1, 2.4 et 4.1 · **Durée** : 90 min · **Références** : Bochkovskiy, Wang & Liao 2020, *YOLOv4: Optimal Speed and Accuracy of Object Detection* ; Redmon & Farhadi 2018 (YOLOv3) ; Wang et al. 2020 (CSPNet) ; He et al. 2015 (SPP) ; Liu et al. 2018 (PAN) ; Misra 2019 (Mish) ; Zheng et al. 2020 (DIoU, CIoU) ; Yun et al. 2019 (CutMix) ; Ghiasi et al. 2018 (DropBlock)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import collections
import pathlib
import tempfile
import time

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from labs import boxes, datasets, plots, scenes, training, weights, yolo
from labs.checks import vision as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`.

# %%
count = runtime.budget(rapide=16, cours=240, complet=2000)  # scenes to learn from
epochs = {"de zéro": 1, "backbone prêté": 3, "boîtes prêtées": 3}  # as many multiplications for each
tests = runtime.budget(rapide=8, cours=100, complet=400)  # scenes to test on
repeats = runtime.budget(rapide=1, cours=5, complet=10)  # of each measure of time: the best is kept

# %% [markdown]
# ## 1. Un plan : backbone, neck, head
#
# L'article décrit tout détecteur en trois parties :
#
# - le **backbone** (la colonne vertébrale) regarde l'image et la résume en cartes, de plus en plus petites et de plus en plus nombreuses ;
# - le **neck** (le cou) mélange ces cartes : les grossières savent *quoi*, les fines savent *où* ;
# - la **head** (la tête) lit chaque cellule de ces cartes et en tire des boîtes, comme à la leçon 4.1.
#
# YOLOv4, c'est CSPDarknet53 pour backbone, SPP et PAN pour neck, et la head de YOLOv3. Darknet, le programme de ses auteurs, lit ce plan dans un fichier **cfg** : une suite de sections, et chaque section est une couche. Celui de YOLOv4-tiny est ici l'officiel ; celui de YOLOv4 a été réécrit d'après l'article, couche pour couche, sans les options qui ne servent qu'à l'entraîner. Ouvrons-le.

# %%
sections = yolo.read_cfg(weights.path("yolov4_cfg"))
for section in sections[:5]:
    print(f"[{section.kind}]", ", ".join(f"{name}={value}" for name, value in section.options.items()))

# %% tags=["nbval-check-output"]
kinds = collections.Counter(section.kind for section in sections[1:])
for kind, number in kinds.most_common():
    print(f"{number:4d} × [{kind}]")

# %% [markdown]
# Six sortes de sections seulement, et seule `convolutional` a des poids. Trois ne font que de la plomberie : `route` reprend la sortie d'une couche plus ancienne (ou en réunit plusieurs), `shortcut` additionne deux sorties, comme dans ResNet (leçon 2.3), et `upsample` agrandit. `labs.yolo.plan` suit ce plan sans rien construire, et dit ce qui sort de chaque section. De quoi dessiner la machine.

# %%
rows = yolo.plan(weights.path("yolov4_cfg"))  # shape and counts of each section, for images of 608 × 608


def named(name, rank):
    return f"{name}\n" + "×".join(map(str, rows[rank].shape))


places = {"entrée": 0, "étage 1": 10, "étage 2": 23, "étage 3": 54, "étage 4": 85, "étage 5": 104}
stages = [named(name, rank) for name, rank in places.items()]
spp, fine4, fine3 = named("SPP", 116), named("vers le fin", 126), named("vers le fin", 136)
coarse4, coarse5 = named("vers le grossier", 147), named("vers le grossier", 158)
heads = [named("sortie", rank) for rank in (139, 150, 161)]

# %%
nodes = {name: (0, y, "backbone : CSPDarknet53") for y, name in enumerate(stages)}
neck = {spp: (1, 5), fine4: (2, 4), fine3: (2, 3), coarse4: (3, 4), coarse5: (3, 5)}
nodes |= {name: (*place, "neck : SPP et PAN") for name, place in neck.items()}
nodes |= {name: (4, 3 + y, "head : trois grilles") for y, name in enumerate(heads)}
links = [*zip(stages, stages[1:]), (stages[5], spp), (stages[4], fine4), (stages[3], fine3)]
links += [(spp, fine4, "× 2"), (fine4, fine3, "× 2"), (fine3, coarse4, "÷ 2"), (coarse4, coarse5, "÷ 2")]
links += [(fine4, coarse4), (spp, coarse5), *zip((fine3, coarse4, coarse5), heads)]
plots.diagram(
    nodes, links, title="YOLOv4, pour une image de 608×608 : hauteur × largeur × cartes",
    alt="Six étages de plus en plus petits, un aller vers le fin, un retour vers le grossier, trois sorties",
)  # fmt: skip

# %% [markdown]
# Lisez le schéma de gauche à droite. Chaque étage du backbone divise le côté par deux : l'étage 5 n'a plus que 19×19 cellules, mais chacune voit une grande part de l'image. Le neck va d'abord **vers le fin** (× 2, et il y joint l'étage de même taille : c'est l'idée de FPN), puis revient **vers le grossier** (÷ 2) : ce second trajet est l'apport de PAN. Ainsi chaque sortie a reçu à la fois du fin et du grossier. Trois sorties : de petits objets dans 76×76 cellules, de grands dans 19×19.
#
# Pourquoi 255 cartes en sortie ? Trois ancres par cellule, et pour chacune 4 nombres de boîte, 1 d'**objectness** (y a-t-il un objet ?) et 80 classes : $3 \times 85 = 255$.

# %% [markdown]
# ## 2. Compter les poids, sans construire le réseau
#
# | Exercice 4.2.a | difficulté ●●○ | 15 min | vérifié : convolutions avec et sans normalisation, routes, groupes ; les deux fichiers officiels au nombre près |
# | --- | --- | --- | --- |
#
# Écrivez `count_floats(sections)` : la liste des sections d'un cfg (sans `[net]`) vers le nombre de réels que contient le fichier de poids. L'image a 3 cartes. Les options sont du **texte**.
#
# - `convolutional` : `filters` filtres de côté `size`, qui lisent toutes les cartes de la couche d'avant. Avec `batch_normalize=1`, chaque filtre a en plus 4 nombres (β, γ, moyenne, variance) ; sinon, 1 biais.
# - `route` : réunit les cartes des couches de la liste `layers` (`"-1,-7"` : la précédente, et celle d'il y a sept ; `"23"` : la section 23, la première étant 0). Avec `groups=2`, elle n'en garde que la moitié.
# - Les autres sections laissent le nombre de cartes de la couche d'avant.


# %%
def count_floats(sections):
    """Number of floats in the weights file of a network, from the Sections of its cfg file without [net]."""
    ### BEGIN SOLUTION
    maps, total = [], 0  # maps[i]: what section i gives
    for section in sections:
        options, before = section.options, maps[-1] if maps else 3
        if section.kind == "convolutional":
            filters, size = int(options["filters"]), int(options["size"])
            total += filters * (before * size**2 + (4 if options.get("batch_normalize") == "1" else 1))
            before = filters
        elif section.kind == "route":
            sources = [maps[int(rank)] for rank in options["layers"].split(",")]
            before = sum(sources) // int(options.get("groups", 1))
        maps.append(before)
    return total
    ### END SOLUTION


# %% tags=["check"]
check.count_floats(count_floats)

# %% [markdown] tags=["solution"]
# Les rangs négatifs de Darknet et ceux de Python coïncident, parce que `maps` contient exactement les couches d'avant. Le compte tombe juste au nombre près : c'est la meilleure preuve que le plan est bien lu, car un fichier de poids de Darknet n'est qu'une longue suite de réels, sans aucune étiquette.

# %% [markdown]
# Où sont ces poids, et où va le calcul ? Comparons YOLOv4 à sa petite sœur, **YOLOv4-tiny**, que vous ferez tourner tout à l'heure. **Pariez** : le backbone est-il la partie la plus lourde ?


# %%
def share(rows, last):
    """Floats and multiplications of the backbone (sections 0 to `last`), the neck and the heads."""
    heads = [rank for rank, row in enumerate(rows) if row.kind == "yolo"]
    parts = {name: np.zeros(2) for name in ("backbone", "neck", "head")}
    for rank, row in enumerate(rows):
        inside = any(head - 2 <= rank <= head for head in heads)  # the two last convolutions before a [yolo]
        parts["backbone" if rank <= last else "head" if inside else "neck"] += row.floats, row.multiplications
    return parts


# %% tags=["nbval-check-output"]
tiny_rows = yolo.plan(weights.path("yolov4_tiny_cfg"))
lines = []
for name, size, parts in (("YOLOv4", 608, share(rows, 104)), ("YOLOv4-tiny", 416, share(tiny_rows, 26))):
    parts["en tout"] = sum(parts.values())
    lines += [[f"{name} ({size})", part, f"{f / 1e6:.2f}", f"{m / 1e9:.2f}"] for part, (f, m) in parts.items()]
plots.table(lines, header=["réseau (image)", "partie", "millions de poids", "milliards de ×"], align="<<>>")
print("YOLOv4 :", sum(row.floats for row in rows), "· tiny :", sum(row.floats for row in tiny_rows))

# %% [markdown]
# Le pari était piégé. Dans YOLOv4, c'est le neck qui a le plus de poids, 31 millions contre 27 ; mais c'est le backbone qui **calcule** le plus, 37 milliards de multiplications sur 64, parce que ses couches travaillent sur de plus grandes cartes. `tiny` a dix fois moins de poids et, à sa taille d'image, fait près de dix-neuf fois moins de multiplications. Son neck n'est presque rien : ni SPP ni PAN, un agrandissement et une réunion.

# %% [markdown]
# ## 3. Le backbone : deux astuces qui coûtent peu
#
# L'article range ses idées dans deux sacs. Le **bag of freebies** ne change que l'entraînement : à l'usage, il est gratuit. Le **bag of specials** change le réseau, et coûte un peu à chaque image. Dans le backbone, il y a deux *specials*.
#
# **CSP** (*cross stage partial*, Wang et al. 2020) : une moitié des cartes d'un étage traverse les blocs résiduels, l'autre les contourne, et on les réunit à la fin. Comparons l'étage 3 de YOLOv4 à celui de Darknet-53, le backbone de YOLOv3 : mêmes cartes à l'entrée et à la sortie, mêmes 8 blocs.

# %% tags=["nbval-check-output"]
csp = sum(row.multiplications for row in rows[24:55]) / 76**2  # stage 3, for each place of its maps
plain = 3 * 3 * 128 * 256 + 8 * (256 * 128 + 3 * 3 * 128 * 256)  # Redmon & Farhadi 2018, table 1
print(f"multiplications par place : Darknet-53 {plain:,.0f} · CSPDarknet53 {csp:,.0f}".replace(",", " "))
print("CSP en fait", plots.percent(csp / plain, 0))

# %% [markdown]
# Avec CSP, l'étage fait 60 % du travail de l'étage ordinaire. Ses blocs ne voient que 128 cartes au lieu de 256 ; ce que coûtent les convolutions 1×1 qui séparent puis réunissent les deux moitiés est bien moindre. Dans `tiny`, la coupure est plus simple encore : `route` avec `groups=2, group_id=1` prend la seconde moitié des cartes.
#
# **Mish** (Misra 2019) est l'activation du backbone : $\text{mish}(x) = x \tanh(\ln(1 + e^x))$. Le reste de YOLOv4, et tout `tiny`, garde *leaky ReLU*, de pente 0,1 à gauche.

# %%
x = np.linspace(-5, 3, 801)
functions = {"Mish": x * np.tanh(np.logaddexp(0, x)), "leaky ReLU": np.where(x > 0, x, 0.1 * x)}
functions["ReLU"] = np.maximum(x, 0)
slopes = {name: np.gradient(y, x) for name, y in functions.items()}
figure, axes = plt.subplots(1, 2, figsize=(11, 4))
for axis, title, series in zip(axes, ("activation", "dérivée"), (functions, slopes)):
    plots.curves(series, title=title, x=x, xlabel="$x$", ylabel="", alt="", ax=axis)
plots.publish(figure, "Trois activations et leurs dérivées ; Mish est lisse et descend un peu sous zéro")
lowest = functions["Mish"].argmin()
print(f"minimum de Mish : {functions['Mish'][lowest]:.3f} en x = {x[lowest]:.2f}")

# %% [markdown]
# Mish ressemble à une ReLU dont on aurait adouci l'angle. Elle descend jusqu'à −0,309, en x = −1,19, puis revient vers 0 : elle n'est pas croissante. Sa dérivée n'a pas de saut, et n'est presque jamais nulle : un neurone un peu négatif continue d'apprendre, ce que ReLU interdit. Le prix : une exponentielle, un logarithme et une tangente hyperbolique par valeur, à chaque image. C'est bien un *special*.

# %% [markdown]
# ## 4. Le neck : voir large
#
# **SPP** (He et al. 2015, modifié) place, après le backbone, trois maximums glissants de côté 5, 9 et 13, au pas de 1, et réunit leurs sorties à l'entrée : 512 cartes en deviennent 2048, de même taille. Un maximum n'a aucun poids. Que voit alors une cellule ? Prenons `tiny`, ses vrais poids appris sur COCO, et une de ses cartes de 13×13 devant une photographie.

# %%
names = datasets.coco_names()
tiny = yolo.yolov4_tiny()  # 416 × 416, the official weights
pictures = {name: datasets.photo(name) for name in ("chat", "cafe")}
pictures["rue"] = datasets.video("passants")[90] / np.float32(255)
print({name: picture.shape for name, picture in pictures.items()})

# %%
fitted = yolo.letterbox(pictures["chat"], (416, 416))
backbone = keras.Model(tiny.input, tiny.get_layer("26-convolutional").output)
maps = backbone(fitted.image[None])
inside = np.mean(maps[0, 4:9, 4:9], axis=(0, 1)) - np.mean(maps[0], axis=(0, 1))
best = int(np.argmax(inside))  # the map that tells most the middle of the picture from the rest
shown = {"image 416×416": fitted.image, "carte du backbone": np.asarray(maps[0, :, :, best])}
for side in (5, 9, 13):
    widened = keras.layers.MaxPooling2D(side, 1, "same")(maps)
    shown[f"maximum {side}×{side}"] = np.asarray(widened[0, :, :, best])
top = 1.25 * shown["maximum 13×13"].max()  # grey at most, to stand out from the page
plots.show([image / (1 if image.ndim == 3 else top) for image in shown.values()], titles=list(shown), columns=5)

# %% [markdown]
# La carte choisie s'allume au milieu du visage, sur quelques cellules. Le maximum 5×5 étend cette réponse à tout le visage, le 9×9 à presque toute l'image, et le 13×13, aussi grand que la carte, à presque toutes les cellules. Après SPP, une cellule du bord sait donc, par 2048 cartes au lieu de 512, ce qui se passe près d'elle, un peu plus loin, et partout : elle a son **contexte**. (`tiny` n'a pas de SPP ; nous l'avons seulement posé sur ses cartes pour le voir.)
#
# L'image a été posée dans un carré gris sans la déformer : c'est la **letterbox**. Elle note l'échelle et le décalage, pour ramener ensuite les boîtes dans les pixels de la photographie.

# %% [markdown]
# ## 5. La head : des nombres aux boîtes
#
# La dernière convolution donne, pour chaque cellule et chaque ancre, des nombres sans unité : $t_x, t_y, t_w, t_h$, l'objectness et les classes. Voici leur lecture, avec $\sigma$ la sigmoïde, $(c_x, c_y)$ la colonne et la ligne de la cellule, $(p_w, p_h)$ l'ancre :
#
# $$ b_x = \text{pas} \times \big(c_x + s\,\sigma(t_x) - \tfrac{s - 1}{2}\big), \qquad b_w = p_w\, e^{t_w} $$
#
# et de même pour $b_y$ et $b_h$. Le facteur $s$ (`scale_x_y` dans le cfg) est un *freebie* de YOLOv4 : *eliminate grid sensitivity*. **Pariez** : dans YOLOv3, où $s = 1$, quel $t_x$ faut-il pour qu'un centre tombe exactement au bord de sa cellule ?

# %%
t = np.linspace(-6, 6, 241)
sigmoid = 1 / (1 + np.exp(-t))
shifts = {f"s = {s:g}".replace(".", ","): s * sigmoid - (s - 1) / 2 for s in (1, 1.05, 1.2)}
figure, axis = plt.subplots(figsize=(8, 4))
title = "place du centre dans sa cellule"
plots.curves(shifts, title=title, xlabel="$t_x$", ylabel="en cellules", alt="", x=t, ax=axis)
axis.axhspan(0, 1, color="0.9")
plots.publish(figure, "Trois sigmoïdes ; celle de s = 1 n'atteint jamais les bords de la cellule")

# %% [markdown]
# Aucun : σ n'atteint 0 et 1 qu'à l'infini. Pour un objet centré sur le bord d'une cellule, YOLOv3 poussait donc $t_x$ sans fin. Avec $s = 1{,}05$, un $t_x$ d'environ 3,7 suffit ; avec $s = 1{,}2$, celui de la grille la plus fine de YOLOv4, environ 2,4. La courbe déborde un peu de la cellule : c'est voulu.
#
# | Exercice 4.2.b | difficulté ●●○ | 12 min | vérifié : valeurs, coins en pixels, ligne et colonne, effet de `scale` |
# | --- | --- | --- | --- |
#
# Écrivez `decode(t, cell, anchor, stride, scale=1.0)` : les quatre nombres $(t_x, t_y, t_w, t_h)$, la cellule `(colonne, ligne)`, l'ancre `(largeur, hauteur)` en pixels, le pas en pixels, vers les deux coins `x1, y1, x2, y2` en pixels, un tableau `(4,)`.


# %%
def decode(t, cell, anchor, stride, scale=1.0):
    """Corners x1, y1, x2, y2 in pixels of raw numbers t (4,), anchor (w, h) of cell (column, row)."""
    ### BEGIN SOLUTION
    center = stride * (np.array(cell) + scale / (1 + np.exp(-t[:2])) - (scale - 1) / 2)
    half = np.array(anchor) * np.exp(t[2:]) / 2
    return np.concatenate([center - half, center + half])
    ### END SOLUTION


# %% tags=["check"]
check.decode(decode)

# %% [markdown] tags=["solution"]
# Le centre ne peut pas quitter sa cellule (à un rien près, quand $s > 1$) : chaque cellule reste responsable de ce qui s'y trouve. Les côtés, eux, ne connaissent que leur ancre, et l'exponentielle les garde positifs.

# %% [markdown]
# Relisons à la main une vraie prédiction. `yolo.trainer(tiny)` rend les nombres bruts ; nous prenons la ligne de la grille 13×13 la plus sûre d'avoir un objet, et nous la décodons avec la formule.

# %%
raw = yolo.trainer(tiny).predict_on_batch(fitted.image[None])[0]  # (2535, 85), from 13 × 13 × 3 on
head = yolo.heads(tiny)[0]
rank = int(raw[: 13 * 13 * 3, 4].argmax())
row, column, anchor = (int(place) for place in np.unravel_index(rank, (13, 13, 3)))
sigma = 1 / (1 + np.exp(-raw[rank]))
center = 32 * (np.array([column, row]) + head.scale * sigma[:2] - (head.scale - 1) / 2)
sides = np.array(head.anchors[head.mask[anchor]]) * np.exp(raw[rank, 2:4])
print("t :", np.round(raw[rank, :4], 2), "· cellule", (column, row), "· ancre", head.mask[anchor])
print("centre :", np.round(center), "· côtés :", np.round(sides), "· objectness :", f"{sigma[4]:.2f}")
three = (-sigma[5:]).argsort()[:3]
print("trois classes :", {names[c]: round(float(sigma[4] * sigma[5 + c]), 2) for c in three})

# %% tags=["nbval-check-output"]
whole = np.asarray(tiny(fitted.image[None])[0])[0, rank]  # relative to the image
mine = np.concatenate([center, sides]) / 416
print("la même boîte que labs, au centième de pixel :", bool(np.abs(whole[:4] - mine).max() * 416 < 0.01))
print("lignes :", len(raw), "=", 3 * (13**2 + 26**2))

# %% [markdown]
# Regardez bien les classes : la cellule la plus sûre d'avoir trouvé un objet y voit un **chien**, 0,42, plutôt qu'un chat, 0,19. Le score d'une classe est le produit de l'objectness et de la sigmoïde de la classe ; chaque classe a sa propre sigmoïde, et leur somme n'a pas à faire 1. Voyons ce qu'en disent les autres cellules.

# %% [markdown]
# ## 6. Sur de vraies photographies
#
# `yolo.detect` fait tout le trajet : letterbox, réseau compilé, décodage, suppression des doublons classe par classe (leçon 4.1). Trois images : un chat, un café, et une rue vue de haut (une image de la vidéo de la leçon 4.6).

# %%
found = yolo.detect(tiny, list(pictures.values()))
best_on_top = [[part[::-1] for part in one[:3]] for one in found]  # drawn last
plots.boxes(
    list(pictures.values()), best_on_top, names, columns=3, size=4.4, title="YOLOv4-tiny, 416×416, seuil 0,25",
    alt="Un chat encadré deux fois, une tasse et une table, une rue avec ses passants et deux véhicules",
)  # fmt: skip
for name, one in zip(pictures, found):
    print(f"{name:5s}", " · ".join(f"{names[c]} {score:.2f}" for c, score in zip(one.classes, one.scores)))

# %% tags=["nbval-check-output"]
cat, coffee, street = ([names[c] for c in one.classes] for one in found)
print("chat : la meilleure boîte est « chat » :", cat[0] == "chat", "· une fausse « chien » :", "chien" in cat)
print("café : la tasse est trouvée :", "tasse" in coffee)
print("rue : au moins 3 personnes :", street.count("personne") >= 3)

# %% [markdown]
# Le chat est trouvé, à 0,64 ; mais une seconde boîte, presque la même, annonce un chien, à 0,42. La suppression des doublons se fait classe par classe : elle n'avait aucune raison de l'enlever. C'est une vraie erreur du réseau, avec ses poids officiels ; à la leçon 5.4, vous chercherez ce qui, dans l'image, lui fait dire « chien ». La tasse est sûre, à 0,93, et la table plausible.
#
# Dans la rue, quatre boîtes « personne » pour six passants : le couple du premier plan n'en fait qu'une, et l'homme en noir, à droite, manque. La camionnette blanche a deux boîtes, voiture et camion : même histoire que le chat.
#
# ### Quelle taille d'image ?
#
# Un réseau entièrement convolutif accepte toute taille multiple de 32 : les mêmes poids, une grille plus ou moins fine. Trois tailles usuelles, 320, 416 et 608 ; le temps est celui d'une image, réseau déjà compilé. **Pariez** : entre 320 et 608, le temps est multiplié par combien ?


# %%
def best_time(call, *given):
    """Seconds of the quickest of a few calls; one before them compiles the network."""
    call(*given)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call(*given)
        times.append(time.perf_counter() - start)
    return min(times)


# %%
lines, streets, batch = [], {}, list(pictures.values())
for size in (320, 416, 608):
    network = tiny if size == 416 else yolo.yolov4_tiny(size=size)
    seconds = best_time(yolo.detect, network, batch) / len(batch)
    cat, _, street = yolo.detect(network, batch)
    streets[size] = street
    people = street.scores[street.classes == names.index("personne")]
    cost = sum(row.multiplications for row in yolo.plan(weights.path("yolov4_tiny_cfg"), size=size))
    lines.append([size, f"{cost / 1e9:.1f}", f"{1000 * seconds:.0f}", f"{cat.scores[0]:.2f}", len(people)])
    lines[-1] += [f"{people.mean():.2f}" if len(people) else "–"]
plots.table(lines, header=["côté", "milliards de ×", "ms", "score du chat", "personnes", "leur score moyen"])

# %%
plots.boxes(
    [pictures["rue"]] * 3, list(streets.values()), names, columns=3, size=4.4, titles=list(streets),
    alt="La même rue à trois tailles : un passant manque à 416, et une pierre devient un chien à 608",
)  # fmt: skip

# %% [markdown]
# Entre 320 et 608, le calcul est multiplié par $(608/320)^2 \approx 3{,}6$, et le temps suit à peu près. Mais plus grand n'est pas toujours mieux. Le score du chat **baisse** : 0,91, puis 0,64, puis 0,47. La photographie n'a que 416 pixels de large : l'agrandir n'ajoute aucun détail, et un chat qui remplit 608 pixels dépasse de loin la plus grande ancre, 344×319. Dans la rue, 416 oublie un passant que 320 et 608 trouvent ; à 608, le camion est bien plus sûr, 0,82 au lieu de 0,48, mais une pierre devient un chien. La bonne taille dépend de celle de vos objets, et trois images ne font pas une statistique : mesurez sur les vôtres. C'est aussi pourquoi l'article tire la taille au hasard pendant l'entraînement.
#
# ### Le même réseau dans OpenCV
#
# OpenCV sait lire les fichiers de Darknet : c'est un second lecteur, écrit par d'autres. `yolo.write_weights` écrit un fichier `.weights`, que nous lui donnons avec le cfg. Les deux doivent dire la même chose.

# %%
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "tiny.weights")
    yolo.write_weights(tiny, file)
    print(f"{file.name} : {file.stat().st_size} octets = 20 + 4 × {tiny.count_params()}")
    net = cv2.dnn.readNetFromDarknet(str(weights.path("yolov4_tiny_cfg")), str(file))
net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)


def opencv_rows(canvases):
    net.setInput(np.ascontiguousarray(canvases.transpose(0, 3, 1, 2)))
    outputs = net.forward(net.getUnconnectedOutLayersNames())
    return np.concatenate([output.reshape(len(canvases), -1, 85) for output in outputs], axis=1)


# %%
canvases = np.stack([yolo.letterbox(picture, (416, 416)).image for picture in pictures.values()])
ours = np.concatenate(tiny.predict_on_batch(canvases), axis=1)
theirs = opencv_rows(canvases)
gap = np.abs(ours - theirs)[..., :5].max(axis=(0, 1)) * [416, 416, 416, 416, 1]
lines = [["Keras", f"{best_time(tiny.predict_on_batch, canvases) / 3 * 1000:.0f}"]]
lines += [["OpenCV", f"{best_time(opencv_rows, canvases) / 3 * 1000:.0f}"]]
plots.table(lines, header=["le réseau seul", "ms par image"])

# %% tags=["nbval-check-output"]
print("2535 boîtes × 3 images, plus grand écart sur x, y, largeur, hauteur : moins d'un dixième de pixel :",
      bool(gap[:4].max() < 0.1))  # fmt: skip
print("plus grand écart d'objectness : moins d'un dix-millième :", bool(gap[4] < 1e-4))

# %% [markdown]
# Deux programmes écrits par des gens différents trouvent les mêmes boîtes, à moins d'un dixième de pixel, et en des temps voisins (les deux mesurés sur un seul fil d'exécution). Quand vous portez un réseau d'un cadriciel à un autre, cherchez toujours un second lecteur : la moindre erreur d'ordre des axes, de remplissage ou d'ε se voit tout de suite. OpenCV sait faire tourner le réseau, pas l'entraîner ; pour cela, il nous faut Keras.

# %% [markdown]
# ## 7. Le sac des astuces gratuites
#
# Voici la liste de l'article, et où vous la voyez.
#
# | *bag of freebies* | en un mot | ici |
# | --- | --- | --- |
# | CutMix, Mosaic | coller des images l'une dans l'autre | images ci-dessous |
# | DropBlock | effacer des carrés de cartes | image ci-dessous |
# | lissage des étiquettes | viser 0,95 plutôt que 1 | courbe ci-dessous |
# | CIoU | une erreur de boîte qui pousse toujours | courbe ci-dessous |
# | calendrier en cosinus | un taux qui descend en douceur | courbe ci-dessous |
# | sensibilité à la grille | $s > 1$ | courbe de la section 5 |
# | plusieurs ancres par objet | toutes celles d'IoU > 0,213 | tableau ci-dessous |
# | entraînement contre soi-même (SAT) | cacher l'objet, puis le chercher | image ci-dessous |
# | tailles d'image tirées au hasard | changer de grille en cours d'entraînement | les trois tailles de la section 6 |
# | réglages par algorithme génétique | 0,213 et 0,07 viennent de là | rien à montrer |
# | CmBN | statistiques sur plusieurs petits lots | rien à montrer : un lot tient ici en mémoire |
#
# ### Sur les images
#
# **CutMix** colle un rectangle d'une image dans une autre ; pour un classifieur, l'étiquette est mêlée dans la proportion des surfaces. **Mosaic** est l'invention de l'article : quatre images autour d'un point tiré au hasard, boîtes coupées au passage. Un objet y perd son contexte habituel, et la normalisation par lot voit quatre fois plus d'images. **DropBlock** met à zéro des carrés entiers de cartes : avec un dropout ordinaire, les voisins d'un point effacé le trahissent.

# %%
SIGNS = ("stop", "cédez le passage", "sens interdit", "vitesse 50", "à droite", "parking")
options = {"classes": SIGNS, "size": 160, "objects": (1, 4)}
train = scenes.compose(count, **options, split="train", seed=1)
test = scenes.compose(tests, **options, split="test", seed=2)
truth, test_truth = list(zip(train.boxes, train.classes)), list(zip(test.boxes, test.classes))
rng = np.random.default_rng(0)
mixed = [yolo.mosaic(train.images[i : i + 4], truth[i : i + 4], rng) for i in (0, 4)]

# %%
shown, inside = zip(*zip(train.images[:4], truth[:4]), *mixed)
plots.boxes(
    shown, inside, SIGNS, columns=3, size=3, titles=[*("scène",) * 4, "mosaïque", "autre mosaïque"],
    alt="Quatre scènes de panneaux sur des photographies, et deux mosaïques aux boîtes coupées",
)  # fmt: skip


# %%
def cutmix(a, b, share, rng):
    """`b` in a rectangle of `a`, about `share` of its area (Yun et al. 2019): image, share pasted."""
    side = np.round(np.array(a.shape[:2]) * np.sqrt(share)).astype(int)
    top, left = (rng.integers(length - s + 1) for length, s in zip(a.shape, side))
    mixed = a.copy()
    mixed[top : top + side[0], left : left + side[1]] = b[top : top + side[0], left : left + side[1]]
    return mixed, side.prod() / np.prod(a.shape[:2])


def dropblock(maps, drop, block, rng):
    """Which places of (H, W) are dropped: squares of `block`, about `drop` of all (Ghiasi et al. 2018)."""
    height, width = maps.shape
    rate = drop / block**2 * height * width / ((height - block + 1) * (width - block + 1))
    seeds = rng.random((height - block + 1, width - block + 1)) < rate
    return cv2.dilate(np.pad(seeds, block // 2).astype("uint8"), np.ones((block, block), "uint8")) > 0


# %%
rng = np.random.default_rng(3)
cat_and_coffee, pasted = cutmix(*(datasets.photo(name, size=208) for name in ("chat", "cafe")), 0.3, rng)
strong = np.asarray(maps[0, :, :, best])
dropped = {"dropout": rng.random(strong.shape) < 0.3, "DropBlock, côté 5": dropblock(strong, 0.3, 5, rng)}
shown = {f"CutMix : {1 - pasted:.2f} chat + {pasted:.2f} café".replace(".", ","): cat_and_coffee}
shown["carte 13×13"] = strong / strong.max()
for name, mask in dropped.items():
    shown[f"{name} : {100 * mask.mean():.0f} % à zéro"] = strong / strong.max() * ~mask
plots.show(shown, columns=4, size=3)

# %% [markdown]
# Dans la mosaïque, un panneau coupé garde la partie de sa boîte qui reste dans son quart ; celui dont il reste moins de 30 % perd la sienne (le morceau de rond rouge, au milieu de la seconde). CutMix donne une image étiquetée « 0,70 chat, 0,30 café ». À part égale de cellules effacées, 30 %, le dropout laisse deviner toute la silhouette claire, alors que DropBlock en retire des pans entiers : il faut apprendre à s'en passer.
#
# **Et SAT ?** En deux temps. D'abord, le réseau ne change pas ses poids mais **l'image**, pour se cacher l'objet : un petit pas dans le sens qui fait baisser l'objectness. Puis il s'entraîne à retrouver l'objet dans cette image piégée. Voici le premier temps, avec un pas de 4/255 par pixel : c'est une attaque, que la leçon 6.2 expliquera.

# %%
image = tf.constant(fitted.image[None])
watched = yolo.trainer(tiny)
with tf.GradientTape() as tape:
    tape.watch(image)
    seen = tf.reduce_max(watched(image)[..., 4])
hidden = np.clip(image - 4 / 255 * np.sign(tape.gradient(seen, image)), 0, 1)
objectness = [float(tf.sigmoid(tf.reduce_max(watched(picture)[..., 4]))) for picture in (image, hidden)]
titles = [f"objectness {value:.2f}".replace(".", ",") for value in objectness]
plots.show([fitted.image, hidden[0]], titles=titles, columns=2, size=3.6, title="image, puis image piégée")

# %% [markdown]
# L'objectness la plus haute tombe de 0,87 à 0,36, pour un changement que l'œil devine à peine dans les bandes grises. Le second temps de SAT entraîne le réseau sur cette image, avec la vraie boîte. C'est cher : deux allers-retours par image au lieu d'un ; mais rien ne change à l'usage, donc c'est gratuit au sens de l'article.

# %% [markdown]
# ### Sur des courbes
#
# Deux coûts et un calendrier. **Avant d'exécuter**, dites où chaque coût sera plat : c'est là qu'on n'apprend rien. À droite, une boîte de 40 pixels s'éloigne de la boîte vraie, de même taille.

# %%
logit, step = np.linspace(-2, 10, 241), np.arange(1000)
smoothing = {f"cible {y:g}".replace(".", ","): np.logaddexp(0, logit) - y * logit for y in (1, 0.95)}
cosine = keras.optimizers.schedules.CosineDecay(0.0, 900, warmup_target=1.0, warmup_steps=100)
schedule = {"cosinus": [float(cosine(s)) for s in step[::10]]}
schedule["par paliers"] = np.select([step < 100, step < 800, step < 900], [step / 100, 1, 0.1], 0.01)[::10]
target = tf.constant([[0.0, 0, 40, 40]])
shift = tf.Variable(np.linspace(0, 120, 241, dtype="float32"))
losses = {"IoU": boxes.iou_loss, "GIoU": boxes.giou_loss, "CIoU": boxes.ciou_loss}
with tf.GradientTape(persistent=True) as tape:
    moved = target + shift[:, None] * tf.constant([[1.0, 0, 1, 0]])
    values = {name: loss(target, moved) for name, loss in losses.items()}
pushes = {name: tape.gradient(value, shift).numpy() for name, value in values.items()}

# %%
figure, axes = plt.subplots(1, 3, figsize=(15, 4.2))
panels = [
    ("lissage des étiquettes", "logit de la bonne classe", "coût", logit, smoothing),
    ("taux d'apprentissage", "pas", "part du plus grand", step[::10], schedule),
    ("boîte de 40 pixels", "décalage (pixels)", "coût", shift.numpy(), values),
]
for axis, (title, xlabel, ylabel, where, series) in zip(axes, panels):
    plots.curves(series, title=title, xlabel=xlabel, ylabel=ylabel, alt="", x=where, ax=axis)
axes[2].axvline(40, color="0.5", linestyle=":")
plots.publish(figure, "La cible 0,95 a un minimum ; le cosinus n'a pas de marche ; le coût IoU devient plat")

# %% tags=["nbval-check-output"]
apart = shift.numpy() > 41  # the boxes do not touch any more
for name, push in pushes.items():
    print(f"{name:8s} boîtes disjointes, gradient nul partout : {bool(np.all(push[apart] == 0))}")
print("logit au minimum du coût pour la cible 0,95 :", round(float(np.log(0.95 / 0.05)), 1))

# %% [markdown]
# - **Lissage.** Vers la cible 1, le coût baisse toujours : le réseau est payé pour gonfler son logit sans fin. Vers 0,95, il est plat à 2,9, puis remonte : l'excès de confiance se paie.
# - **Cosinus.** Le taux descend sans marche. (Le cfg officiel de `tiny`, lui, garde les paliers : `policy=steps`.)
# - **CIoU.** Passé 40 pixels, les boîtes ne se touchent plus, et le coût IoU est plat : gradient nul, rien à apprendre, que l'on soit à 41 ou à 120 pixels du but. GIoU et CIoU continuent de pousser, et CIoU dès le recouvrement.
#
# Gratuit, mais utile ? L'article a mesuré chaque astuce **seule** (tableau 4, sur COCO, avec un autre backbone). Parti de 38,0 % d'AP, le réseau monte à 39,1 avec Mosaic et à 38,7 avec le cosinus ; mais il descend à 37,7 avec $s > 1$, à 36,9 avec plusieurs ancres par objet, et à 33,0 avec le lissage. Plusieurs ensemble, avec CIoU et de meilleures ancres, donnent 42,4. Une astuce ne se juge donc ni seule, ni sur parole.
#
# **Plusieurs ancres par objet.** YOLOv3 confie chaque objet à la seule ancre de forme la plus proche. YOLOv4 y ajoute toutes celles dont l'IoU de forme dépasse 0,213 : plus d'exemples positifs à chaque pas. Pour quatre panneaux carrés, voici les ancres de `tiny` qui apprennent.

# %% tags=["nbval-check-output"]
anchors = np.array(head.anchors)
lines = []
for side in (20, 40, 80, 160):
    shared = np.minimum(anchors, side).prod(axis=1)
    overlap = shared / (side**2 + anchors.prod(axis=1) - shared)
    lines.append([f"{side}×{side}", *(f"{value:.2f}" + "*" * int(value > 0.213) for value in overlap)])
plots.table(lines, header=["objet", *(f"{w:.0f}×{h:.0f}" for w, h in anchors)])

# %% [markdown]
# Une étoile marque chaque ancre qui apprend. Un panneau de 80×80 en a trois au lieu d'une seule. Dans `tiny`, il faut encore que l'ancre appartienne à une head : la première a les ancres 3, 4 et 5, la seconde 1, 2 et 3. Aucune n'a la plus petite, 10×14 : c'est ainsi dans le cfg officiel. Le cfg de `tiny` ne donne pas non plus de seuil ; nous le mettrons à 0,213 pour apprendre, comme dans l'article.

# %% [markdown]
# ## 8. Le sac des astuces qui coûtent
#
# | *bag of specials* | ici |
# | --- | --- |
# | Mish, CSP | section 3 |
# | SPP, PAN | section 4, et le schéma de la section 1 |
# | DIoU-NMS | l'exercice ci-dessous |
# | MiWRC (raccourcis pondérés), SAM (attention) | dans l'article, mais pas dans le réseau publié : les 64 429 405 nombres s'expliquent sans eux |
#
# **DIoU-NMS** (Zheng et al. 2020) : la suppression ordinaire jette une boîte dès que son IoU avec une meilleure dépasse le seuil. Deux personnes côte à côte se recouvrent beaucoup, et l'une disparaît. L'idée : deux boîtes du *même* objet ont presque le même centre. On compare donc au seuil
#
# $$ \text{IoU} - \frac{\rho^2}{c^2} $$
#
# où $\rho$ est la distance des centres et $c$ la diagonale de la plus petite boîte qui contient les deux.
#
# | Exercice 4.2.c | difficulté ●●○ | 15 min | vérifié : mêmes boîtes qu'un calcul un à un, ordre, boîtes de même centre, boîtes éloignées, nombre égal au seuil |
# | --- | --- | --- | --- |
#
# Écrivez `diou_nms(places, scores, threshold)` : boîtes `(N, 4)` et scores `(N,)` vers les rangs gardés, de la meilleure à la moins bonne. Une boîte est jetée si, avec une boîte déjà gardée, ce nombre **dépasse** le seuil.


# %%
def diou_nms(places, scores, threshold):
    """Ranks of the boxes (N, 4) kept, best score first: none is above the threshold with a better one."""
    ### BEGIN SOLUTION
    left, kept = np.argsort(-scores), []
    centers = (places[:, :2] + places[:, 2:]) / 2
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        hull = np.maximum(places[best, 2:], places[left, 2:]) - np.minimum(places[best, :2], places[left, :2])
        gap = np.sum((centers[left] - centers[best]) ** 2, axis=1) / np.sum(hull**2, axis=1)
        overlap = boxes.iou(places[best][None], places[left])[0]
        left = left[overlap - gap <= threshold]
    return np.array(kept)
    ### END SOLUTION


# %% tags=["check"]
check.diou_nms(diou_nms)

# %% [markdown] tags=["solution"]
# Deux boîtes de même centre sont traitées comme avant : $\rho = 0$. La même fonction est dans `labs.boxes.diou_nms`.

# %% [markdown]
# Dans la rue, au premier plan, deux personnes marchent ensemble. Gardons toutes les boîtes « personne » de score supérieur à 0,1, en 608×608, et comptons ce qui reste après chaque suppression. **Pariez** : laquelle en garde le plus ?

# %%
(candidates,) = yolo.detect(network, [pictures["rue"]], score_threshold=0.1, iou_threshold=1.0)  # all
people = candidates.classes == names.index("personne")
places, scores = candidates.boxes[people], candidates.scores[people]
lines = [[f"{t:.2f}", len(boxes.nms(places, scores, t)), len(boxes.diou_nms(places, scores, t))]
         for t in (0.2, 0.3, 0.45, 0.6)]  # fmt: skip
print("boîtes « personne » avant suppression :", len(places))
plots.table(lines, header=["seuil", "NMS", "DIoU-NMS"])

# %%
offset = np.linspace(0, 40, 401)[:, None]
person = np.array([[0.0, 0, 40, 100]])
neighbour = person + offset * [1, 0, 1, 0]
series = {"IoU": boxes.iou(person, neighbour)[0]}
series["IoU − ρ²/c²"] = 1 - np.asarray(boxes.diou_loss(person, neighbour))
figure, axis = plt.subplots(figsize=(8, 4))
title = "deux personnes de 40×100 pixels, côte à côte"
plots.curves(series, title=title, xlabel="décalage (pixels)", ylabel="", alt="", x=offset[:, 0], ax=axis)
axis.axhline(0.45, color="0.4", linestyle=":")
plots.publish(figure, "Deux courbes qui descendent de 1 ; celle qui retranche la distance est plus bas")
for name, values in series.items():
    print(f"{name} : la seconde personne est gardée à partir de {offset[values <= 0.45].min():.1f} pixels")

# %% [markdown]
# Sur cette photographie, rien ne change : cinq boîtes d'un côté, cinq de l'autre (six et six au seuil de 0,60). La courbe dit pourquoi. Pour deux personnes côte à côte, au seuil de 0,45, la suppression ordinaire garde la seconde à partir de 15,2 pixels de décalage, DIoU-NMS à partir de 14,6 : l'écart est mince, car $c$ est la diagonale de boîtes hautes. Une idée juste, un gain petit ; d'ailleurs le cfg officiel de `tiny` demande `nms_kind=greedynms`, la suppression gloutonne. Quant au couple du premier plan, il n'a qu'une boîte sur la figure à 608 : une suppression ne peut pas séparer ce que le réseau réunit.

# %% [markdown]
# ## 9. Apprendre de nouveaux panneaux
#
# Vous avez un problème à vous : six panneaux, dans des scènes de 160×160 (vues à la section 7). Trois départs possibles :
#
# - **de zéro** : tous les poids au hasard, tout le réseau apprend ;
# - **backbone prêté** : les poids de COCO partout, sauf dans les deux dernières convolutions, qui dépendent des classes et restent au hasard. Le backbone est gelé : on calcule une fois pour toutes ses cartes pour chaque scène, et seuls le neck et la head apprennent ;
# - **boîtes prêtées** : la même chose, mais on garde aussi, de ces deux dernières convolutions, les cartes qui ne dépendent pas des classes : la boîte et l'objectness.
#
# Pour être justes, donnons aux trois le même **calcul**, compté en multiplications : apprendre d'une image coûte à peu près trois fois sa lecture (l'aller, puis deux produits au retour). Un pas où seuls le neck et la head apprennent coûte bien moins. **Pariez** : quelle AP50 pour chacun ?


# %%
def fresh(start):
    """A detector of the six signs, all at random, or with the weights of COCO where they still make sense."""
    keras.utils.set_random_seed(0)
    model = yolo.yolov4_tiny(None if start == "de zéro" else "coco", size=160, classes=len(SIGNS))
    for layer in model.layers:
        if isinstance(layer, yolo.Convolution) and layer.norm is not None:
            layer.norm.momentum = 0.9  # at 0.99, the statistics would need more steps than we take
    for head in yolo.heads(model):
        head.match_threshold, head.box_weight = 0.213, 0.75  # the cfg's 0.07 suits 500 000 steps
    return model


# %%
def keep_boxes(model, source):
    """Give the heads of `model` what those of `source` know of boxes and objectness: 5 maps an anchor."""
    for name in ("29-convolutional", "36-convolutional"):
        both = [network.get_layer(name).conv.variables for network in (model, source)]
        for new, old in zip(*both):
            values, known = new.numpy(), old.numpy()
            by_anchor = values.reshape(*values.shape[:-1], 3, -1)  # a view: anchors, 5 + classes
            by_anchor[..., :5] = known.reshape(*known.shape[:-1], 3, 85)[..., :5]
            new.assign(values)


# %%
def learn(network, model, x, epochs, peak):
    """Train `network`, the whole of `model` or its end, on x and the targets."""
    steps = epochs * -(-len(targets) // 8)
    optimizer = keras.optimizers.Adam(training.OneCycle(peak, steps))
    network.compile(optimizer, yolo.Loss(model, label_smoothing=0.01))
    history = training.fit(network, x, targets, epochs=epochs, batch_size=8, watched=False)["loss"]
    print("coût, époque par époque :", [round(value, 1) for value in history])


# %%
models, seconds = {start: fresh(start) for start in epochs}, {}
keep_boxes(models["boîtes prêtées"], tiny)
x, targets = train.images / np.float32(255), yolo.pack(truth, models["de zéro"])
begun = time.perf_counter()
learn(yolo.trainer(models["de zéro"]), models["de zéro"], x, epochs["de zéro"], peak=2e-3)
seconds["de zéro"] = time.perf_counter() - begun

# %%
TAPS = ("26-convolutional", "23-convolutional")  # where the backbone ends: maps of 5 × 5 and of 10 × 10
for start in ("backbone prêté", "boîtes prêtées"):
    begun = time.perf_counter()
    whole = yolo.trainer(models[start])
    taps = [whole.get_layer(name).output for name in TAPS]
    features = keras.Model(whole.input, taps).predict(x, batch_size=16, verbose=0)
    learn(keras.Model(taps, whole.output), models[start], features, epochs[start], peak=3e-3)
    seconds[start] = time.perf_counter() - begun

# %%
small = share(yolo.plan(weights.path("yolov4_tiny_cfg"), size=160), 26)
first, rest = small["backbone"][1], small["neck"][1] + small["head"][1]
work = {start: first + 3 * passes * rest for start, passes in epochs.items()}
work["de zéro"] = 3 * epochs["de zéro"] * (first + rest)
results = {start: yolo.detect(model, test.images, score_threshold=0.01) for start, model in models.items()}
measured = {start: boxes.coco_map(test_truth, found) for start, found in results.items()}
lines = [[start, f"{count * work[start] / 1e9:.0f}", f"{seconds[start]:.0f}"] for start in models]
for line, precision in zip(lines, measured.values()):
    line += [f"{precision[name]:.2f}" for name in ("AP50", "AP75")]
plots.table(lines, header=["départ", "milliards de ×", "secondes", "AP50", "AP75"])

# %% tags=["nbval-check-output"]
zero, backbone_lent, boxes_lent = (measured[start]["AP50"] for start in epochs)
print("même calcul, à 10 % près :", bool(max(work.values()) < 1.1 * min(work.values())))
print("backbone prêté : au moins 0,15 d'AP50 de plus que de zéro :", backbone_lent > zero + 0.15)
print("boîtes prêtées : plus encore, et plus de 0,75 :", boxes_lent > max(0.75, backbone_lent))

# %%
shown = list(test.images[:4]) * 3
kept = [one for start in models for one in yolo.detect(models[start], test.images[:4], score_threshold=0.25)]
plots.boxes(
    shown, kept, SIGNS, columns=4, size=2.5, titles=[start for start in models for _ in range(4)],
    alt="Quatre scènes de test : presque aucune boîte de zéro, plus avec le backbone, presque toutes en bas",
)  # fmt: skip

# %% [markdown]
# À calcul égal, l'écart est immense, et chaque ligne d'images dit d'où il vient.
#
# - **De zéro** : le même calcul ne paie que 30 pas, contre 90 aux deux autres, et c'est tout le réseau qu'il faut former. AP50 de 0,26, et presque aucune boîte au-dessus du seuil de 0,25.
# - **Backbone prêté** : 0,55. Le réseau sait déjà *quoi* : à une exception près, l'œil du chat, les classes sont bonnes, et souvent sûres. Il ne sait pas encore *où* : ses boîtes sont trop hautes, décalées, en double. L'AP75, qui veut des boîtes précises, n'est que de 0,05.
# - **Boîtes prêtées** : 0,92, et une AP75 de 0,75. Cadrer un objet ne dépend guère de sa classe : COCO l'avait appris, il suffisait de ne pas le jeter. Reste l'œil du chat, pris pour « vitesse 50 ».
#
# Deux réserves. Chaque panneau est ici un seul dessin, le même à l'entraînement et au test ; seuls changent la taille, l'angle, la lumière et le fond : la tâche est plus facile que la rue. Et ces entraînements sont très courts, une demi-minute chacun sur un fil de processeur : avec plus de pas, le départ de zéro remonterait. Le profil `complet` prend 2 000 scènes au lieu de 240, soit quelques minutes pour chaque départ.

# %% [markdown]
# ## 10. YOLOv4 en entier
#
# Les poids officiels de YOLOv4 (`yolov4.weights`, 258 Mo) sont trop gros pour ce dépôt. Si vous avez ce fichier, voici comment le charger ; sinon, la cellule le dit, et rien d'autre n'en dépend.

# %%
official = pathlib.Path("yolov4.weights")  # put the file beside this notebook
if official.exists():
    full = yolo.from_darknet(weights.path("yolov4_cfg"), official, size=608)
    detections = yolo.detect(full, list(pictures.values()))
    plots.boxes(list(pictures.values()), detections, names, columns=3, size=4.4, title="YOLOv4, 608×608")
else:
    size = 20 + 4 * sum(row.floats for row in rows)  # its header, then 4 bytes a float
    print(f"{official} n'est pas là : c'est un fichier de {size} octets.")

# %% [markdown]
# L'article annonce pour YOLOv4 43,5 % d'AP et 65,7 % d'AP50 sur COCO (test-dev 2017), à 65 images par seconde sur une carte Tesla V100. Sur processeur, comptez dix-neuf fois le travail de `tiny` à 416. Le chargement est strict : un nombre de trop ou de moins, et `from_darknet` refuse le fichier en disant combien il en attendait.
#
# ## À retenir
#
# - Un détecteur se lit en trois parties : le **backbone** résume l'image, le **neck** mélange les échelles, la **head** lit une boîte par ancre et par cellule. Le cfg de Darknet suffit à tout reconstruire, au poids près.
# - Centre : pas × $(c + s\,\sigma(t) - \frac{s-1}{2})$ ; côtés : ancre × $e^t$. Le centre reste dans sa cellule, ou, quand $s > 1$, en déborde à peine.
# - Le *bag of freebies* ne change que l'entraînement, le *bag of specials* change le réseau. Gratuit ne veut pas dire utile à coup sûr : on mesure, une astuce après l'autre, puis ensemble.
# - Une plus grande image montre de plus petits objets, et le calcul croît comme le carré du côté.
# - Pour apprendre vos classes, ne jetez rien de ce qui n'en dépend pas : le backbone, le neck, et même les cartes de boîte et d'objectness de la head.
#
# ## Questionnaire
#
# 1. Vous avez 6 classes : combien de cartes à la sortie de chaque head ?
# 2. Combien de boîtes YOLOv4 prédit-il, avant tout tri, pour une image de 608×608 ?
# 3. Pourquoi poser l'image dans un carré gris au lieu de l'étirer à 416×416 ?
# 4. Une boîte prédite ne touche pas l'objet. Que lui apprend le coût 1 − IoU ? Et CIoU ?
# 5. Vos objets font 12 pixels sur des images de 1920×1080. Que faites-vous ?
# 6. Pourquoi geler le backbone permet-il de calculer ses cartes une seule fois ? Que perd-on ?
#
# <details><summary>Réponses</summary>
#
# 1. $3 \times (5 + 6) = 33$. 2. $3 \times (76^2 + 38^2 + 19^2) = 22\,743$. 3. L'étirer changerait les proportions des objets, et différemment d'une photographie à l'autre. (Les poids officiels, eux, ont appris sur des images étirées : c'est ce que fait ce Darknet, sauf si on lui demande `letter_box`.) 4. Rien : il vaut 1 et son gradient est nul tant qu'elles ne se touchent pas ; CIoU tire les centres l'un vers l'autre. 5. Réduite à 416 pixels de large, l'image ne leur laisserait que 2 ou 3 pixels : prenez une plus grande taille, ou découpez l'image en tuiles qui se recouvrent. 6. Ses poids ne changent plus, donc ses cartes non plus ; on perd le droit d'adapter le backbone aux nouvelles images, et les augmentations, qu'il faudrait calculer d'avance elles aussi.
#
# </details>
#
# ## Pour aller plus loin
#
# - Mettez la mosaïque dans l'entraînement de zéro : à chaque époque, remplacez la moitié des scènes par `yolo.mosaic` de quatre autres. L'AP50 y gagne-t-elle, à calcul égal ?
# - Après les trois époques du réseau prêté, dégelez le backbone et continuez avec un taux dix fois plus petit (`yolo.trainer(model)` apprend tout).
# - Remplacez la suppression finale de `yolo.detect` par `boxes.diou_nms` sur vos propres photographies de groupe.
# - La leçon 4.6 suit les passants de la rue d'une image à l'autre ; la leçon 5.4 demande au réseau **pourquoi** il a vu un chien.
