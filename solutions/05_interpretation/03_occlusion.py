# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Occlusion et RISE : cacher pour comprendre
#
# > Pour savoir si un réseau regarde les yeux du chat, cachez-les. Pas de gradient, pas de couche à ouvrir : des images, des réponses. Vous allez cacher de deux façons, puis organiser un concours entre toutes les méthodes du chapitre, avec des témoins qui ne savent rien.
#
# **À la fin, vous saurez** dessiner une carte d'occlusion et choisir son carré, son pas et son fond, fabriquer les masques de RISE, tracer une courbe de suppression ou d'insertion, comparer des méthodes sur cinquante images avec des intervalles, et dire ce que ce concours mesure vraiment.
#
# **Prérequis** : leçons 2.3, 2.4, 5.1 et 5.2 · **Durée** : 60 min · **Références** : Zeiler & Fergus 2014, *Visualizing and Understanding Convolutional Networks* ; Petsiuk, Das & Saenko 2018, *RISE* ; Samek et al. 2017, *Evaluating the Visualization of What a Deep Neural Network Has Learned* ; Hooker et al. 2019, *A Benchmark for Interpretability Methods in Deep Neural Networks* (ROAR)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import time

import cv2
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from scipy.stats import spearmanr

from labs import datasets, explain, plots, weights, zoo
from labs.checks import interpretation as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`. L'article de RISE emploie 4 000 à 8 000 masques par image : ici, il faut faire avec beaucoup moins.

# %%
size = runtime.budget(rapide=96, cours=160, complet=224)  # côté de la photographie, en pixels
photo_masks = runtime.budget(rapide=40, cours=200, complet=4000)  # masques de RISE, pour la photographie
count = runtime.budget(rapide=4, cours=50, complet=500)  # images du concours
masks = runtime.budget(rapide=10, cours=128, complet=2000)  # masques de RISE, par image du concours
steps = runtime.budget(rapide=4, cours=8, complet=32)  # pas des courbes

# %% [markdown]
# ## 1. Un carré qui se promène
#
# Zeiler et Fergus (2014) promènent un carré gris sur l'image et notent, à chaque place, ce que devient la réponse. Là où elle s'effondre, le réseau avait besoin de voir.
#
# Reprenons le chat et EfficientNet-Lite0 de la leçon 5.1. **Pariez** : où faut-il mettre un carré de 32 pixels, un cinquième du côté, pour faire le plus de mal à *Egyptian cat* ?

# %%
lite0 = zoo.efficientnet_lite0(size=size)
cat = datasets.photo("chat", size=size)
names = [name.split(",")[0] for name in datasets.imagenet_names()]
logits = zoo.predict(lite0, cat[None])[0]
cat_class = int(logits.argmax())
print(f"{names[cat_class]} : logit {logits[cat_class]:.2f}, probabilité {softmax(logits)[cat_class]:.2f}")

# %%
patch, stride, color = size // 5, size // 10, cat.mean(axis=(0, 1))
starts = range(0, size - patch + 1, stride)
corners = [(top, left) for top in starts for left in starts]
hidden = np.repeat(cat[None], len(corners), axis=0)
for one, (top, left) in zip(hidden, corners):
    one[top : top + patch, left : left + patch] = color
drops = logits[cat_class] - zoo.predict(lite0, hidden)[:, cat_class]
order = np.argsort(-drops)
shown = {f"baisse {drops[rank]:.2f}": hidden[rank] for rank in (*order[:3], order[-1])}
title = f"{len(corners)} places : les trois pires, et celle qui aide le plus"
plots.show(shown, columns=4, size=3, title=title)

# %% [markdown]
# Le carré le plus nuisible est en bas, sur les moustaches de gauche : le logit y perd 0,72. Viennent ensuite le museau (0,63) et le haut du front (0,46). Les yeux n'arrivent pas dans les trois premiers. À l'inverse, cacher le coin entre le front et l'oreille de droite **augmente** le logit de 1,27 : une carte d'occlusion a deux signes.
#
# Remarquez l'échelle : 0,72 sur 13,78. Aucun carré, à lui seul, n'est indispensable à ce réseau.

# %% [markdown]
# Pour passer de ces baisses à une carte, il faut une convention : un pixel reçoit la **moyenne** des baisses des carrés qui le couvrent. (Zeiler et Fergus montrent la réponse elle-même, une valeur par place ; la baisse moyenne a l'avantage d'être grande là où c'est important, et d'avoir la taille de l'image.)
#
# | Exercice 5.3.a | difficulté ●●○ | 8 min | vérifié : égal à la forme close d'un score linéaire, trois tailles ; image intacte |
# | --- | --- | --- | --- |
#
# Écrivez `occlusion_map(score, image, patch, stride, baseline)`. `score` reçoit **une** image `(H, W, C)` et rend un nombre ; les places tombent juste : le dernier carré touche le bord.


# %%
def occlusion_map(score, image, patch, stride, baseline):
    """Drop of the score when a square becomes baseline, averaged over the squares on a pixel: (H, W)."""
    ### BEGIN SOLUTION
    whole, total, covered = score(image), np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for top in range(0, image.shape[0] - patch + 1, stride):
        for left in range(0, image.shape[1] - patch + 1, stride):
            place, hidden = np.s_[top : top + patch, left : left + patch], image.copy()
            hidden[place] = baseline
            total[place] += whole - score(hidden)
            covered[place] += 1
    return total / covered
    ### END SOLUTION


# %% tags=["check"]
check.occlusion_map(occlusion_map)

# %% [markdown] tags=["solution"]
# Diviser par `covered` compte : un pixel du coin n'est couvert que par un carré, un pixel du milieu par plusieurs. Sans cela, le centre paraîtrait toujours plus important que les bords.

# %%
total, covered = np.zeros((size, size)), np.zeros((size, size))
for drop, (top, left) in zip(drops, corners):
    total[top : top + patch, left : left + patch] += drop
    covered[top : top + patch, left : left + patch] += 1
mean = explain.occlusion(lite0, cat[None], cat_class, patch=patch, stride=stride, baseline=color)[0]

# %% tags=["nbval-check-output"]
print("à la main = explain.occlusion :", np.allclose(total / covered, mean, atol=1e-3))

# %% [markdown]
# ## 2. Quel carré, quel pas, quel fond ?
#
# Trois réglages que l'on oublie de donner sous les belles figures. **Pariez** : un carré deux fois plus petit donnera-t-il la même carte, en plus fin ? Et un fond noir, la même qu'un fond flou ?

# %%
soft = cv2.GaussianBlur(cat, (0, 0), size / 16)  # l'image elle-même, très floue
maps = {"moyen": mean}
for name, background in {"noir": 0.0, "flou": soft}.items():
    maps[name] = explain.occlusion(lite0, cat[None], cat_class, patch, stride, baseline=background)[0]
coarse = explain.occlusion(lite0, cat[None], cat_class, patch, patch, baseline=color)[0]
small = explain.occlusion(lite0, cat[None], cat_class, patch // 2, patch // 2, baseline=color)[0]


# %%
def draw(axis, image, heat, title):
    """The map over the grey image, violet is low, yellow is high."""
    axis.imshow(image.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
    axis.imshow(heat, cmap="viridis", alpha=0.65, interpolation="nearest")
    axis.set(title=title, xticks=[], yticks=[])
    axis.grid(False)


def gallery(cards, columns, alt):
    rows = -(-len(cards) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.2 * columns, 3.5 * rows))
    for axis, (title, heat) in zip(np.ravel(axes), cards.items()):
        draw(axis, cat, heat, title)
    plots.publish(figure, alt)


# %%
settings = {f"carré {patch}, pas {stride}": mean, f"carré {patch}, pas {patch}": coarse}
settings[f"carré {patch // 2}, pas {patch // 2}"] = small
gallery(settings, 3, "Trois cartes d'occlusion du chat, selon le carré et le pas")
gallery({f"fond {name}": card for name, card in maps.items()}, 3, "Trois cartes d'occlusion, selon le fond")


# %%
def alike(one, other):
    return spearmanr(one.ravel(), other.ravel()).statistic


cards = {**maps, "moyen, petit carré": small, "moyen, grand pas": coarse}
values = {name: (one.max(), one.min(), alike(one, mean)) for name, one in cards.items()}
rows = [[name, *(f"{value:.2f}" for value in three)] for name, three in values.items()]
plots.table(rows, header=["fond", "plus forte baisse", "plus faible", "corrélation avec la première"])

# %% tags=["nbval-check-output"]
print("le fond change le classement des pixels (corrélation sous 0,9) :", alike(maps["noir"], mean) < 0.9)

# %% [markdown]
# **Le carré.** Deux fois plus petit, il cache moins : le pire carré n'ôte plus que 0,43 au logit, au lieu de 0,72. Et ce n'est pas la même carte en plus fin : la corrélation n'est que de 0,42, et les carreaux clairs et sombres se côtoient sans logique apparente, surtout en haut. **Le pas.** Le même carré, à 25 places au lieu de 81 : 0,78. On perd la moyenne sur les places voisines.
#
# **Le fond.** Avec du noir, la plus forte baisse monte à 0,90 et la corrélation tombe à 0,64 ; avec du flou, 0,78. Le museau ressort avec les trois fonds. L'œil gauche, non : un peu clair avec la couleur moyenne et avec le flou, il est éteint avec le noir. Un carré noir n'est pas « rien » : c'est un objet, avec des bords francs, que le réseau voit aussi. Aucun fond n'est neutre ; donnez toujours le vôtre, et regardez si la conclusion tient avec un autre.

# %% [markdown]
# ## 3. RISE : cacher au hasard, partout à la fois
#
# Un carré ne cache qu'un endroit. Si le réseau reconnaît le chat à un œil **ou** à l'autre, en cacher un seul ne fait rien. Petsiuk et al. (2018) cachent donc la moitié de l'image, au hasard, des milliers de fois, et moyennent les masques pondérés par la probabilité de la classe :
#
# $$ S(\lambda) \approx \frac{1}{p\,N} \sum_{i=1}^{N} f(I \odot M_i)\, M_i(\lambda) $$
#
# où $p$ est la part de l'image gardée en moyenne. C'est une estimation de la probabilité moyenne **sachant que l'on voit** le pixel $\lambda$.
#
# Un masque tiré pixel par pixel ferait un bruit poivre et sel. L'article tire donc une petite grille de 0 et de 1, l'agrandit sans à-coup à $(n + 1)$ cases de côté, puis y découpe $n$ cases, à partir d'un point tiré au hasard dans la première : **chaque masque a son propre décalage**, sinon les bords des cases tomberaient toujours aux mêmes endroits.
#
# | Exercice 5.3.b | difficulté ●●○ | 6 min | vérifié : égal à l'interpolation linéaire écrite à part, trois grilles et trois décalages |
# | --- | --- | --- | --- |
#
# Écrivez `rise_mask(grid, cell, shift)` : la grille `(h, w)` agrandie à `((h + 1) * cell, (w + 1) * cell)` par `cv2.resize` (bilinéaire), puis découpée à `(h * cell, w * cell)` à partir de `shift = (top, left)`.


# %%
def rise_mask(grid, cell, shift):
    """Mask (h × cell, w × cell) in [0, 1] of a float32 grid (h, w) of zeros and ones."""
    ### BEGIN SOLUTION
    (height, width), (top, left) = grid.shape, shift
    large = cv2.resize(grid, ((width + 1) * cell, (height + 1) * cell), interpolation=cv2.INTER_LINEAR)
    return large[top : top + height * cell, left : left + width * cell]
    ### END SOLUTION


# %% tags=["check"]
check.rise_mask(rise_mask)

# %% [markdown] tags=["solution"]
# `cv2.resize` prend (largeur, hauteur), alors que les tableaux sont (hauteur, largeur) : c'est l'erreur la plus courante. Elle ne se voit pas sur une grille carrée.


# %%
def answers_under(drawn):
    """Probability of the class of the cat under each mask: (M,)."""
    seen = [zoo.predict(lite0, part[..., None] * cat) for part in np.array_split(drawn, len(drawn) // 20)]
    return softmax(np.concatenate(seen), axis=1)[:, cat_class]


def weighted(weights, drawn):
    """RISE, with half of the cells seen: (H, W)."""
    return np.tensordot(weights, drawn, 1) / (len(drawn) * 0.5)


few = np.stack(list(explain.random_masks((size, size), 20, cells=4, seed=1)))
theirs = explain.rise(lite0, cat[None], cat_class, masks=20, cells=4, seed=1)[0]

# %% tags=["nbval-check-output"]
print("à la main = explain.rise :", np.allclose(weighted(answers_under(few), few), theirs, atol=1e-3))

# %%
drawn = np.stack(list(explain.random_masks((size, size), photo_masks, cells=4, seed=0)))
p = answers_under(drawn)
picked = np.argsort(-p)[[0, 1, -2, -1]]
plots.show(
    [drawn[rank][..., None] * cat for rank in picked], titles=[f"p = {p[rank]:.2f}" for rank in picked],
    columns=4, size=3, title="Sous un masque : les deux plus reconnues, les deux moins reconnues",
)  # fmt: skip
print(f"probabilité sous un masque : moyenne {p.mean():.2f}, écart-type {p.std():.2f}")

# %% [markdown]
# Combien de masques faut-il ? Coupons nos masques en deux lots **sans masque commun**, et comparons les deux cartes. **Pariez** : se ressembleront-elles ?
#
# Et une seconde idée, qui n'est pas dans l'article : retrancher d'abord à chaque probabilité leur moyenne. Avec une infinité de masques, cela ne changerait pas le classement des pixels, puisque chaque pixel serait vu exactement la moitié du temps. Avec peu de masques…

# %%
half = photo_masks // 2
lots, cards = [slice(0, half), slice(half, 2 * half)], {}
for name, shift in {"brute": 0, "centrée": 1}.items():
    for rank, lot in enumerate(lots, start=1):
        cards[f"{name}, lot {rank}"] = weighted(p[lot] - shift * p[lot].mean(), drawn[lot])
gallery(cards, 4, "Cartes RISE brutes de deux lots de masques, puis centrées")
raw, centred = (alike(cards[f"{name}, lot 1"], cards[f"{name}, lot 2"]) for name in ("brute", "centrée"))
density = alike(cards["brute, lot 1"], drawn[lots[0]].mean(axis=0))
print(f"deux lots de {half} masques : brutes {raw:.2f}, centrées {centred:.2f}")
print(f"carte brute et simple moyenne des masques : {density:.2f}")

# %% tags=["nbval-check-output"]
print("centrer rend les deux lots bien plus semblables :", centred > raw + 0.2)

# %% [markdown]
# D'abord une surprise : sous un masque, la probabilité est en moyenne de 0,62, plus que les 0,60 de l'image entière. Cacher la moitié du chat ne gêne pas ce réseau, en moyenne. Les deux images les mieux reconnues gardent les rayures du front et perdent une bonne part du museau ; dans les deux autres, un œil au moins et tout le museau sont bien visibles, mais une partie du front est cachée.
#
# Ensuite un piège. Les deux cartes **brutes** n'ont rien à voir (0,05), et chacune passerait pour une explication. C'est que la carte brute additionne deux choses : ce que l'on cherche, et la simple **moyenne des masques**, que le hasard n'a pas faite uniforme (leur corrélation est de 0,49 pour le premier lot). Quand la probabilité varie peu (écart-type 0,19 autour de 0,62), la seconde l'emporte. **Centrées**, les cartes s'accordent : 0,85. Toutes deux désignent les rayures du front, et donnent l'œil gauche et le bas du visage pour inutiles, ou pire. L'article s'en tire par le nombre : des milliers de masques, et la moyenne des masques devient uniforme.
#
# Enfin, l'occlusion et RISE ne sont pas d'accord sur le museau. L'une demande ce qui manque quand **un seul** endroit est caché ; l'autre, ce qui suffit quand **la moitié** l'est.

# %% [markdown]
# ## 4. Noter une carte : supprimer, insérer
#
# Une belle carte ne prouve rien (leçon 5.1). Samek et al. (2017), puis Petsiuk et al. (2018), la notent sans regarder l'image :
#
# - **suppression** : on efface les pixels, les plus importants d'abord. Si la carte dit vrai, la probabilité s'effondre vite : l'aire sous la courbe est **petite** ;
# - **insertion** : on part de l'image floue, et on rend les pixels dans le même ordre. L'aire est **grande** si la carte dit vrai.
#
# | Exercice 5.3.c | difficulté ●●○ | 8 min | vérifié : égal à l'effacement pixel par pixel, trois images ; pas qui ne divisent pas les pixels ; aire par trapèzes ; image intacte |
# | --- | --- | --- | --- |
#
# Écrivez `deletion_curve(score, image, heatmap, baseline, steps)` : la courbe, `steps + 1` valeurs de l'image intacte à l'image effacée, et son aire, l'abscisse étant la **part** de pixels effacés. `score` reçoit une image.


# %%
def deletion_curve(score, image, heatmap, baseline, steps):
    """Scores as pixels become baseline, most important first: (curve (steps + 1,), area)."""
    ### BEGIN SOLUTION
    order, curve = np.argsort(-heatmap, axis=None, kind="stable"), []
    for step in range(steps + 1):
        gone = np.zeros(heatmap.size, bool)
        gone[order[: round(step / steps * heatmap.size)]] = True
        curve.append(score(np.where(gone.reshape(*heatmap.shape, 1), baseline, image)))
    return np.array(curve), np.trapezoid(curve, dx=1 / steps)
    ### END SOLUTION


# %% tags=["check"]
check.deletion_curve(deletion_curve)

# %% [markdown] tags=["solution"]
# L'aire est entre 0 et 1, quel que soit le nombre de pas : c'est la probabilité moyenne pendant l'effacement.

# %% [markdown]
# `explain.deletion` et `explain.insertion` font cela par lots. Essayons sur le chat trois cartes : le gradient de la leçon 5.1, l'occlusion, et une carte **au hasard**, pixel par pixel. **Pariez** : au hasard, l'aire de suppression sera-t-elle bien plus grande ?

# %%
rng = np.random.default_rng(0)
cards = {"gradient": np.abs(explain.saliency(lite0, cat[None], cat_class)[0]).max(axis=-1), "occlusion": mean}
cards["hasard, pixels"] = rng.random((size, size))
results = {name: explain.deletion(lite0, cat, cat_class, card, steps=20) for name, card in cards.items()}
plots.curves(
    {name: curve for name, (curve, _) in results.items()}, x=np.linspace(0, 100, 21),
    title="Suppression, le chat", xlabel="pixels effacés (%)", ylabel="probabilité",
    alt="Trois courbes de suppression du chat",
)  # fmt: skip
print(" · ".join(f"{name} {area:.3f}" for name, (_, area) in results.items()))


# %%
def erase(card, share):
    """The cat without its `share` most important pixels."""
    return np.where((card > np.quantile(card, 1 - share))[..., None], 0.5, cat)


views = {f"{name}\n10 % effacés": erase(card, 0.1) for name, card in cards.items()}
plots.show(views, columns=3, size=3.2)

# %% [markdown]
# Le gradient a une aire de 0,075 : excellent. Le hasard aussi : 0,077 ! Les deux courbes sont presque confondues, et à 40 % de pixels effacés il ne reste rien. L'occlusion, elle, a 0,425, avec une courbe en dents de scie qui remonte plusieurs fois.
#
# Regardez les images pour comprendre. Privé de 10 % de pixels semés au hasard, le chat est intact pour vous, mais la probabilité a déjà fondu. Privé du bas du museau et d'une partie de l'œil, le réseau le reconnaît comme avant. La suppression a-t-elle noté les cartes, ou la façon de trouer l'image ? Il faut plus d'une image, et de bons témoins.

# %% [markdown]
# ## 5. Le concours : neuf méthodes, trois témoins, cinquante images
#
# Une image ne suffit pas. Prenons les cinquante premières images de test de CIFAR-10 que ResNet-20 reconnaît, et toutes les méthodes du chapitre. Pour les gradients, un pixel vaut la plus grande valeur absolue sur ses canaux ; pour les gradients intégrés, la somme signée.
#
# Trois **témoins** ne savent rien ni du réseau, ni de l'image :
#
# - *hasard, pixels* : chaque pixel est tiré au sort ;
# - *hasard, taches* : un masque de RISE, tiré au sort, un par image : du hasard **lisse** ;
# - *halo* : une gaussienne au centre, parce que les photographes cadrent leur sujet.
#
# **Pariez** : les deux hasards auront-ils la même note ?

# %%
resnet = weights.restore(zoo.resnet(20), "resnet20")
cifar = datasets.load("cifar10")
candidates = cifar.x_test[:200].astype("float32") / 255
right = np.flatnonzero(zoo.predict(resnet, candidates).argmax(axis=1) == cifar.y_test[:200])[:count]
images, labels = candidates[right], cifar.y_test[right]
given = (resnet, images, labels)
axis = np.arange(32) - 15.5
center = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 8**2))
blobs = np.stack(list(explain.random_masks((32, 32), count, cells=4, seed=1)))


# %%
def strongest(gradients):
    return np.abs(gradients).max(axis=-1)


methods = {
    "gradient": (lambda: strongest(explain.saliency(*given)), "1 gradient"),
    "SmoothGrad": (lambda: strongest(explain.smooth_grad(*given, samples=8)), "8 gradients"),
    "gradients intégrés": (lambda: explain.integrated_gradients(*given, steps=8).sum(axis=-1), "8 gradients"),
    "déconvolution": (lambda: strongest(explain.deconvnet(*given)), "1 gradient"),
    "guidée": (lambda: strongest(explain.guided_backprop(*given)), "1 gradient"),
    "Grad-CAM": (lambda: explain.upsample(explain.grad_cam(*given), (32, 32)), "1 gradient"),
}

# %%
methods |= {
    "Grad-CAM guidée": (lambda: strongest(explain.guided_grad_cam(*given)), "2 gradients"),
    "occlusion": (lambda: explain.occlusion(*given, patch=8, stride=4, baseline=0.5), "50 appels"),
    "RISE": (lambda: explain.rise(*given, masks=masks, cells=4), f"{masks} appels"),
    "hasard, pixels": (lambda: rng.random(images.shape[:3]), "0"),
    "hasard, taches": (lambda: blobs + 1e-6 * rng.random(blobs.shape), "0"),
    "halo": (lambda: np.broadcast_to(center, images.shape[:3]), "0"),
}


# %%
def judge(measure, heatmaps):
    """Areas (N,) of one measure for one map an image."""
    return np.array([measure(resnet, *one, steps=steps)[1] for one in zip(images, labels, heatmaps)])


heat, seconds, deleted, inserted = {}, {}, {}, {}
for name, (make, _) in methods.items():
    begin = time.perf_counter()
    heat[name] = make()
    seconds[name] = (time.perf_counter() - begin) / count
    deleted[name] = judge(explain.deletion, heat[name])
    inserted[name] = judge(explain.insertion, heat[name])

# %%
pick = 0
titles = [name for name in methods if name != "halo"]
norm = lambda card: (card - card.min()) / max(np.ptp(card), 1e-9)  # noqa: E731
plots.show(
    [images[pick], *(norm(heat[name][pick]) for name in titles)],
    titles=[cifar.class_names[labels[pick]], *titles], columns=6, size=2.2,
)  # fmt: skip

# %% [markdown]
# Avant les notes, l'œil. Le gradient, SmoothGrad et les gradients intégrés sont du grain ; la déconvolution dessine une grille ; la guidée suit les contours du chat. Grad-CAM et l'occlusion sont lisses, et claires sur le chat. RISE est lisse aussi, mais avec un trou sombre en plein sur le chat : 128 masques, c'est peu, et vous savez maintenant pourquoi. Retenez ces deux familles, **grain** et **taches** : elles vont compter.

# %% [markdown]
# Ces moyennes portent sur cinquante images. La différence avec le hasard se juge **image par image** : on tire au sort, vingt mille fois, cinquante images avec remise (bootstrap), et on regarde où tombe la différence moyenne. Et comme nous ferons une soixantaine de comparaisons (chaque carte contre chaque témoin, pour deux mesures), chaque intervalle est pris à 99,9 % : 0,1 % de risque chacun, environ 6 % en tout (Bonferroni).

# %%
draws = np.random.default_rng(0).integers(0, count, (20_000, count))


def interval(difference):
    """Mean of a paired difference and its bootstrap interval at 99.9 %."""
    return difference.mean(), *np.quantile(difference[draws].mean(axis=1), (0.0005, 0.9995))


def better(areas, name, witness):
    """Paired difference with a witness, positive when the method does better than it."""
    sign = -1 if areas is deleted else 1
    return interval(sign * (areas[name] - areas[witness]))


# %%
rows = []
for name in sorted(methods, key=lambda name: -inserted[name].mean()):
    gains = [better(areas, name, "hasard, pixels") for areas in (deleted, inserted)]
    marks = ["+" if low > 0 else "−" if high < 0 else "=" for _, low, high in gains]
    row = [f"{areas[name].mean():.3f} {mark:1}" for areas, mark in zip((deleted, inserted), marks)]
    rows.append([name, *row, methods[name][1], f"{1000 * seconds[name]:.0f} ms"])
plots.table(rows, header=["méthode", "suppression ↓", "insertion ↑", "coût par image", "durée"])

# %%
listed = [name for name in sorted(methods, key=lambda name: inserted[name].mean()) if name != "hasard, pixels"]


def forest(axis, areas, title):
    """Gain of each map on each witness, with its interval."""
    for rank, witness in enumerate(("hasard, pixels", "hasard, taches", "halo")):
        rivals = [name for name in listed if name != witness and (rank < 2 or name != "hasard, taches")]
        means, lows, highs = np.transpose([better(areas, name, witness) for name in rivals])
        places = [listed.index(name) + 0.2 - 0.2 * rank for name in rivals]
        axis.errorbar(means, places, xerr=(means - lows, highs - means), fmt=plots.MARKERS[rank], label=witness)
    axis.axvline(0, color="black", linewidth=1)
    axis.set(title=title, xlabel="gain d'aire", yticks=range(len(listed)), yticklabels=listed)


# %%
figure, axes = plt.subplots(1, 2, figsize=(13, 7), sharey=True)
forest(axes[0], deleted, "Suppression : gain sur chaque témoin")
forest(axes[1], inserted, "Insertion : gain sur chaque témoin")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plots.publish(figure, "Gain de chaque carte sur les trois témoins, avec intervalles, suppression et insertion")

# %% tags=["nbval-check-output"]
beaten = [name for name in listed if name != "halo" and better(deleted, name, "hasard, pixels")[1] > 0]
print("à la suppression, battent nettement le hasard par pixels :", beaten or "aucune")
apart = better(deleted, "hasard, pixels", "hasard, taches")[1] > 0
print("à la suppression, un hasard bat nettement l'autre :", apart)
winners = [name for name in ("Grad-CAM", "occlusion") if better(inserted, name, "hasard, taches")[1] > 0]
print("à l'insertion, des deux premières, battent nettement le hasard par taches :", *winners)

# %%
for name in ("occlusion", "Grad-CAM", "Grad-CAM guidée", "RISE"):
    gain, low, high = better(inserted, name, "halo")
    print(f"insertion, {name} sur le halo : {gain:+.3f}, intervalle [{low:+.3f} ; {high:+.3f}]")

# %% [markdown]
# Dans le tableau, + et − disent « nettement mieux » et « nettement moins bien » que le hasard par pixels, = « on ne sait pas ».
#
# **À la suppression, aucune carte ne bat le hasard par pixels** (0,246) : le gradient (0,315) et la déconvolution (0,334) font même moins bien, de justesse. Et l'autre hasard est à 0,454 : deux cartes qui ne savent rien sont séparées par 0,21, alors que les neuf méthodes tiennent entre 0,247 et 0,340. Celui qui n'aurait comparé ses cartes qu'au hasard par taches aurait conclu que toutes les méthodes sont excellentes (intervalles orange, tous à droite de zéro).
#
# **À l'insertion**, le classement est plus lisible : l'occlusion (0,768) et Grad-CAM (0,761) en tête, la déconvolution et les gradients intégrés en queue, nettement **moins bons** que des taches au hasard. Mais le halo, qui n'a rien demandé à personne, est à 0,719 : autant que RISE et que Grad-CAM guidée. Devant lui, le gain de l'occlusion (0,049) n'est pas établi, celui de Grad-CAM (0,042) l'est de justesse. Entre les deux premiers, l'écart n'est que de 0,007, et nous n'avons pas calculé son intervalle : ne concluez pas.
#
# **Le coût** : Grad-CAM demande un gradient, l'occlusion 50 appels, RISE 128 ; c'est l'ordre des durées. (Elles comprennent la compilation de chaque fonction, et ne valent que pour cette machine.) Les méthodes à boîte noire paient le droit de ne rien savoir du réseau.

# %% [markdown]
# ## 6. L'intrus : le grain de la carte
#
# Pourquoi deux hasards ont-ils des notes si différentes ? Effacer 10 % de pixels **éparpillés** sème un bruit que le réseau n'a jamais vu à l'entraînement ; effacer 10 % d'un bloc laisse le reste intact. La suppression mesure donc deux choses à la fois : ce que la carte désigne, et le mal que fait sa **texture**.
#
# Un contrôle : floutons des cartes, sans rien leur apprendre, et notons-les de nouveau. **Pariez** : le hasard flou sera-t-il encore aussi bon à la suppression ? Le gradient flou sera-t-il meilleur à l'insertion ?

# %%
rows, blurry = [], {}
for name in ("hasard, pixels", "gradient", "guidée"):
    smooth = np.stack([cv2.GaussianBlur(card, (0, 0), 3) for card in heat[name]])
    blurry[name] = {measure: judge(measure, smooth) for measure in (explain.deletion, explain.insertion)}
    before, after = (deleted[name], inserted[name]), blurry[name].values()
    rows.append([name, *(f"{a.mean():.3f} → {b.mean():.3f}" for a, b in zip(before, after))])
plots.table(rows, header=["carte, puis la même floutée", "suppression ↓", "insertion ↑"])

# %% tags=["nbval-check-output"]
worse = interval(blurry["hasard, pixels"][explain.deletion] - deleted["hasard, pixels"])
print("flouter le hasard suffit à dégrader sa note de suppression :", worse[1] > 0)
gain = interval(blurry["gradient"][explain.insertion] - inserted["gradient"])
print("flouter le gradient suffit à améliorer sa note d'insertion :", gain[1] > 0)
fair = interval(blurry["gradient"][explain.insertion] - blurry["hasard, pixels"][explain.insertion])
print("à grain égal, le gradient bat le hasard à l'insertion :", fair[1] > 0)

# %%
scattered, block = heat["hasard, pixels"][pick], blobs[pick] + 1e-6 * heat["hasard, pixels"][pick]
views = {"intacte": images[pick]}
cards = {"éparpillés": scattered, "en taches": block, "selon Grad-CAM": heat["Grad-CAM"][pick]}
for name, card in cards.items():
    gone = card > np.quantile(card, 0.75)
    views[f"25 % {name}"] = np.where(gone[..., None], 0.5, images[pick])
answers = softmax(zoo.predict(resnet, np.stack(list(views.values()))), axis=1)
titles = [f"{name}\n{cifar.class_names[a.argmax()]} {a.max():.2f}" for name, a in zip(views, answers)]
plots.show(list(views.values()), titles=titles, columns=4, size=3)

# %% [markdown]
# Flouter le **hasard** fait passer sa suppression de 0,246 à 0,434 : sa bonne note n'était que du grain. Flouter le **gradient** fait passer son insertion de 0,493 à 0,671 : sa mauvaise note était, elle aussi, en partie du grain. Et à grain égal, 0,671 contre 0,493, le gradient bat le hasard, comme il le battait déjà sans flou (0,493 contre 0,341) : il savait bien quelque chose. Sur l'image, 25 % de pixels éparpillés coûtent autant à la réponse (0,66) que 25 % choisis par Grad-CAM (0,62), et 25 % en taches presque rien (0,94).
#
# Une image trouée de gris ne ressemble à rien de ce que le réseau a appris : quand il se trompe, est-ce l'information qui manque, ou l'image qui déraille ? Hooker et al. (2019) répondent en **réentraînant** le réseau sur les images trouées (ROAR) : les trous ne le surprennent plus, et seule compte l'information retirée. Leur verdict est sévère : le gradient, les gradients intégrés et la rétropropagation guidée ne désignent pas mieux que le hasard. Nous ne le refaisons pas ici : il faut un entraînement complet par méthode et par part de pixels effacés.
#
# Retenez la règle : une carte se compare à un témoin **de même grain**, et à un halo.

# %% [markdown]
# ## À retenir
#
# - **Occlusion** : cacher, mesurer la baisse, moyenner sur les carrés. Le carré, le pas et le fond changent la carte : dites-les.
# - **RISE** : la moyenne de masques lisses, décalés chacun à sa façon, pondérée par la probabilité. Avec peu de masques, elle montre surtout la moyenne des masques ; centrer les poids aide beaucoup.
# - **Suppression et insertion** notent une carte par une aire, mais notent aussi son **grain** : ici, aucune méthode ne bat le hasard par pixels à la suppression.
# - À l'insertion, l'occlusion et Grad-CAM sont en tête, à peine devant un **halo** qui ne sait rien.
# - Des différences appariées, des intervalles, plusieurs témoins : sans eux, un classement de cartes ne veut rien dire.
#
# ## Questionnaire
#
# 1. Une carte d'occlusion est négative sur une oreille. Qu'est-ce que cela veut dire ?
# 2. Combien d'appels au réseau pour une occlusion de carré 8 et de pas 4 sur une image 32×32 ?
# 3. Pourquoi décaler chaque masque de RISE ?
# 4. Votre méthode a une aire de suppression de 0,25, le hasard par taches 0,45. Que manque-t-il pour conclure ?
# 5. Pourquoi comparer les aires image par image plutôt que les deux moyennes ?
#
# <details><summary>Réponses</summary>
#
# 1. Que cacher l'oreille fait monter le score : elle jouait contre la classe, ou le carré lui-même joue pour. 2. Sept places par côté, donc 49, plus l'image entière : 50. 3. Pour que les bords des cases ne tombent pas toujours aux mêmes pixels, ce qui imprimerait la grille sur la carte. 4. Un témoin du même grain que votre carte, un halo, et un intervalle sur la différence. 5. Les images diffèrent beaucoup entre elles ; la différence appariée retire cette variation commune, et l'intervalle est plus étroit.
#
# </details>
#
# ## Pour aller plus loin
#
# - Ajoutez au concours une RISE **centrée** (section 3) : rejoint-elle l'occlusion ?
# - Refaites la suppression avec un fond flou (`baseline=explain.blurred(image)`) : le hasard par pixels reste-t-il imbattable ?
# - La leçon 5.4 porte RISE aux détecteurs d'objets : que cacher, quand la réponse est une boîte ?
