# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Segmentation sémantique : une classe pour chaque pixel
#
# > Une boîte dit à peu près où est l'objet. La segmentation sémantique le dit au pixel près : chaque pixel reçoit une classe. Vous allez transformer un classifieur en un réseau qui rend une carte, construire et entraîner un U-Net, choisir sa fonction de coût, mesurer ce qu'il vaut, puis passer à de vraies photographies et à une image de microscope.
#
# **À la fin, vous saurez** changer une couche dense en convolution, mesurer une carte de classes (IoU, Dice, F des contours), construire un U-Net et dire à quoi servent ses raccourcis, choisir entre entropie croisée, perte focale et perte de Dice, dilater les filtres d'un réseau pour garder son champ réceptif sans réduire la carte, et reconnaître ce que la segmentation sémantique ne dit pas.
#
# **Prérequis** : leçons 2.1, 2.4 et 4.1 · **Durée** : 60 min · **Références** : Long, Shelhamer & Darrell 2015, *Fully Convolutional Networks* ; Ronneberger, Fischer & Brox 2015, *U-Net* ; Milletari et al. 2016, *V-Net* ; Sudre et al. 2017 (Dice généralisé) ; Lin et al. 2017, *Focal Loss* ; Chen et al. 2017, *Rethinking Atrous Convolution* ; Csurka et al. 2013 (F des contours) ; Luo et al. 2016 (champ réceptif effectif) ; Isensee et al. 2021, *nnU-Net* ; Caicedo et al. 2019 (les noyaux)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import time

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy import ndimage
from skimage import filters
from sklearn import metrics

from labs import datasets, deeplab, numpy_nn, plots, scenes, segmentation, training, zoo
from labs.checks import vision as check

# %% [markdown]
# ## 1. Une carte de classes
#
# Reprenons les scènes de la leçon 4.1, en 64 × 64 pixels, avec trois panneaux de formes différentes : un octogone, un carré, un triangle. `scenes.class_maps` donne la vérité : un entier par pixel, 0 pour le **fond**, puis le rang de la classe plus un.
#
# Une seule fonction pour toute la leçon : elle colore chaque classe, par-dessus l'image.

# %%
CLASSES = ("fond", "stop", "parking", "cédez le passage")
SIZE = 64
count = runtime.budget(rapide=32, cours=600, complet=5000)
train = scenes.compose(count, CLASSES[1:], size=SIZE, objects=(1, 3), seed=0)
test_count = runtime.budget(rapide=16, cours=150, complet=1000)
test = scenes.compose(test_count, CLASSES[1:], size=SIZE, objects=(1, 3), split="test", seed=1)
truth, test_truth = (scenes.class_maps(one).astype("int64") for one in (train, test))

# %%
TINTS = np.array([[0, 0, 0], *(plt.matplotlib.colors.to_rgb(color) for color in plots.COLORS[:6])])


def overlay(image, labels, strength=0.6):
    """A picture with a colour on each pixel whose label is not 0."""
    image = np.asarray(image) / (255 if np.asarray(image).dtype == np.uint8 else 1)
    image = np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image
    colors = TINTS[np.where(labels > 0, 1 + (labels.astype(int) - 1) % 6, 0)]
    return np.where(labels[..., None] > 0, (1 - strength) * image + strength * colors, image)


pictures = [*test.images[:6], *map(overlay, test.images[:6] // 3, test_truth[:6])]
plots.show(pictures, columns=6, title="Six scènes de test ; leur carte : bleu stop, orange parking, vert cédez")

# %%
shares = np.bincount(truth.ravel(), minlength=len(CLASSES)) / truth.size
for name, share in zip(CLASSES, shares):
    print(f"{name:17s} {share:6.1%} des pixels")

# %% [markdown]
# Plus de huit pixels sur dix sont du fond, et la classe la plus rare n'en a qu'un sur vingt-cinq. Gardez ces chiffres en tête : ils commandent la mesure (section 3) et le coût (section 5). Une réserve, aussi : un panneau est **un seul dessin**, le même partout ; seuls changent sa taille, son angle, sa lumière et ce qu'il y a derrière. Ce test est plus facile que le monde réel.

# %% [markdown]
# ## 2. De la couche dense au réseau entièrement convolutif
#
# Un classifieur finit par des couches denses : il lit toute l'image et rend un seul vecteur. Long, Shelhamer & Darrell (2015) font une remarque qui change tout : une couche dense qui lit une carte de $h \times l \times c$ nombres est une **convolution** dont le noyau a exactement la taille de la carte. Les poids sont les mêmes ; il suffit de les ranger autrement.
#
# **Pariez** : une couche dense de 10 neurones lit une carte 5 × 5 × 8. Sous forme de convolution, que rendra-t-elle pour une carte plus grande, de 7 × 9 × 8 ?

# %%
rng = np.random.default_rng(0)
small, large = (rng.normal(size=(1, *shape)).astype("float32") for shape in ((5, 5, 8), (7, 9, 8)))
dense = layers.Dense(10)
scores = dense(small.reshape(1, -1)).numpy()
kernel = dense.kernel.numpy().reshape(5, 5, 8, 10)
answer = ops.conv(small, kernel, padding="valid").numpy()
everywhere = ops.conv(large, kernel, padding="valid").numpy()

# %% tags=["nbval-check-output"]
window = dense(large[:, 2:7, 3:8].reshape(1, -1)).numpy()
print("dense :", scores.shape, "· convolution :", answer.shape)
print("identiques à 1e-5 près :", np.allclose(scores, answer[:, 0, 0], atol=1e-5))
print("sur la grande carte :", everywhere.shape)
print("la case (2, 3) = la couche dense sur sa fenêtre :", np.allclose(window, everywhere[:, 2, 3], atol=1e-5))

# %% [markdown]
# La convolution applique la couche dense à **toutes** les fenêtres : 3 × 5 places, 3 × 5 réponses, sans un poids de plus. Le réseau n'a plus de taille d'image imposée. (C'est la fenêtre glissante de la leçon 4.1, calculée d'un seul coup, comme là-bas.)
#
# Faisons-le sur un vrai classifieur : EfficientNet-Lite0 (leçon 2.4), entraîné sur ImageNet pour nommer **une** image de 224 × 224 pixels. Sa fin est une moyenne sur toutes les cases, puis une couche dense. Retirons la moyenne, et appliquons la couche dense à chaque case : une convolution 1 × 1. Comme tout est linéaire, la moyenne des réponses doit être la réponse du classifieur.

# %%
classifier = zoo.efficientnet_lite0()
body = keras.Model(classifier.input, classifier.get_layer("head.relu-conv").output)
convolutional = keras.models.clone_model(body, input_tensors=keras.Input((None, None, 3)))
convolutional.set_weights(body.get_weights())
dense_kernel, dense_bias = classifier.get_layer("output.dense").get_weights()


def score_map(image):
    """ImageNet's scores of each cell of an image (H, W, 3): (H / 32, W / 32, 1000)."""
    return convolutional.predict(image[None], verbose=0)[0] @ dense_kernel + dense_bias


# %% tags=["nbval-check-output"]
square = datasets.photo("chat", size=224)
scores = score_map(square)
expected = classifier.predict(square[None], verbose=0)[0]
print("carte des scores :", scores.shape)
print("sa moyenne = le classifieur, à 1e-3 près :", np.allclose(scores.mean((0, 1)), expected, atol=1e-3))

# %%
cat = datasets.photo("chat")
scores = score_map(cv2.resize(cat, (448, 288), interpolation=cv2.INTER_AREA))
odds = ops.convert_to_numpy(ops.softmax(scores))[..., 281:286].sum(-1)  # les cinq classes de chats d'ImageNet
enlarged = cv2.resize(odds, cat.shape[1::-1])
cells = cv2.resize(odds, cat.shape[1::-1], interpolation=cv2.INTER_NEAREST)
figures = {"photographie": cat, f"P(chat), {odds.shape[0]} × {odds.shape[1]} cases": cells,
           "agrandie, P > 0,5": overlay(cat, enlarged > 0.5)}  # fmt: skip
plots.show(figures, columns=3, size=4.2,
           alt="Un chat, la carte grossière des probabilités, et le masque troué qu'on en tire")  # fmt: skip

# %% [markdown]
# Un classifieur qui n'a **jamais** vu un contour sait déjà, à peu près, où est le chat : à gauche et en bas de la tête, et rien dans le flou, tout à droite. Mais la carte n'a que 9 × 14 cases, une pour 32 pixels, et elle semble suivre ce qui **distingue** un chat, la joue rayée ou le haut du museau, pas le chat entier : l'œil de gauche, le milieu du front et la gorge restent dehors. L'agrandir ne lui rend pas ce qu'elle n'a pas : des bords.

# %% [markdown]
# ## 3. Mesurer une carte de classes
#
# Compter les pixels justes ne dit rien : une carte toute de fond en aurait déjà 84 % de justes. La mesure de référence est l'**IoU** de la leçon 4.1, mais entre pixels au lieu de boîtes, classe par classe : pour la classe $k$, avec $A$ les pixels vraiment $k$ et $B$ ceux que l'on dit $k$,
#
# $$ \mathrm{IoU}_k = \frac{|A \cap B|}{|A \cup B|} \qquad\qquad \mathrm{Dice}_k = \frac{2\,|A \cap B|}{|A| + |B|} $$
#
# Les comptes se font sur **toutes les images réunies** (Everingham et al. 2010), et la moyenne sur les classes donne l'**IoU moyen**. Une classe qui n'est ni dans la vérité ni dans la prédiction n'a pas d'IoU : 0 sur 0.
#
# | Exercice 4.3.a | difficulté ●○○ | 8 min | vérifié : égal à scikit-learn ; classe absente, une image ou plusieurs |
# | --- | --- | --- | --- |
#
# Écrivez `iou(truth, predicted, classes)` : deux tableaux d'entiers de même forme, et le nombre de classes, vers les IoU `(classes,)` ; `np.nan` pour une classe absente des deux.


# %%
def iou(truth, predicted, classes):
    """Intersection over union of each class: (classes,), NaN for a class that is in neither map."""
    ### BEGIN SOLUTION
    values = []
    for label in range(classes):
        a, b = truth == label, predicted == label
        union = np.sum(a | b)
        values.append(np.sum(a & b) / union if union else np.nan)
    return np.array(values)
    ### END SOLUTION


# %% tags=["check"]
check.class_iou(iou)

# %% [markdown] tags=["solution"]
# Une boucle sur les classes suffit. `segmentation.iou` passe par la matrice de confusion : un seul parcours des pixels, quel que soit le nombre de classes.

# %% [markdown]
# Le Dice dit la même chose avec d'autres chiffres, puisque $\mathrm{Dice} = 2\,\mathrm{IoU} / (1 + \mathrm{IoU})$ : c'est le F1 des pixels. Comparons à scikit-learn, sur une carte que l'on décale.

# %% tags=["nbval-check-output"]
shifted = np.roll(test_truth, 2, axis=2)
ours, pixels = segmentation.iou(test_truth, shifted, len(CLASSES)), (test_truth.ravel(), shifted.ravel())
print("IoU = jaccard_score :", np.allclose(ours, metrics.jaccard_score(*pixels, average=None)))
dice = segmentation.dice(test_truth, shifted, len(CLASSES))
print("Dice = f1_score :", np.allclose(dice, metrics.f1_score(*pixels, average=None)))
print("Dice = 2 IoU / (1 + IoU) :", np.allclose(dice, 2 * ours / (1 + ours)))

# %% [markdown]
# L'IoU compte des surfaces ; l'œil, lui, voit des **contours**. Csurka et al. (2013) mesurent l'accord des bords : la précision est la part du bord prédit qui est à `tolerance` pixels ou moins du vrai bord, le rappel l'inverse, et $F = 2PR/(P+R)$.


# %%
def edge(mask):
    """Pixels of a mask that touch, by a side, a pixel outside of it; the border of the image is no edge."""
    wide = np.pad(mask, 1, constant_values=True)
    inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & ~inside


def boundary_f(truth, predicted, tolerance):
    """F-score of the edges of two masks (H, W), neither of which is empty."""
    a, b = np.argwhere(edge(truth)), np.argwhere(edge(predicted))
    distances = np.linalg.norm(a[:, None] - b[None], axis=-1)
    recall, precision = np.mean(distances.min(1) <= tolerance), np.mean(distances.min(0) <= tolerance)
    return 2 * precision * recall / max(precision + recall, 1e-12)


# %% tags=["nbval-check-output"]
mask, moved = test_truth[0] > 0, shifted[0] > 0
library = metrics.f1_score(edge(mask).ravel(), edge(moved).ravel())
print("tolérance 0 = f1_score des pixels de bord :", np.isclose(boundary_f(mask, moved, 0), library))
same = [np.isclose(boundary_f(mask, moved, reach), segmentation.boundary_f_score(mask, moved, reach))
        for reach in (0, 1, 1.5, 2)]  # fmt: skip
print("à la main = segmentation.boundary_f_score :", all(same))

# %% [markdown]
# **Pariez** : on décale toute la carte d'un, deux, quatre pixels, et le F des contours tolère un pixel. Quelle mesure s'effondre la première ?


# %%
def boundary(truth, predicted, tolerance=1.0):
    """Mean boundary F-score over the classes present in each picture, the background left out."""
    return np.mean([segmentation.boundary_f_score(a == k, b == k, tolerance)
                    for a, b in zip(truth, predicted) for k in np.unique(a) if k])  # fmt: skip


rows = []
for shift in (0, 1, 2, 4):
    moved = np.roll(test_truth, shift, axis=2)
    values = segmentation.iou(test_truth, moved, len(CLASSES)).mean(), boundary(test_truth, moved)
    rows.append([f"{shift} px", f"{(test_truth == moved).mean():.2f}", *(f"{value:.2f}" for value in values)])
plots.table(rows, header=["décalage", "pixels justes", "IoU moyen", "F des contours"])

# %% [markdown]
# Un pixel de décalage se voit à peine. À deux, l'IoU moyen est encore de 0,82, qui passerait pour un bon résultat, mais le F des contours est tombé à 0,38 : presque tous les bords verticaux ou obliques sont faux, et seuls les bords horizontaux, que le décalage fait glisser sur eux-mêmes, le retiennent. Quant à la part de pixels justes, elle reste au-dessus de 0,9 jusqu'au bout : elle ne mesure guère que le fond.

# %% [markdown]
# ## 4. U-Net : descendre, remonter, se souvenir
#
# Notre carte de chats a une case pour 32 pixels : le classifieur a gagné le **quoi** en perdant le **où**. **U-Net** (Ronneberger, Fischer & Brox 2015) remonte : à chaque étage, une convolution transposée double la taille, et l'on **colle** à côté les cartes de même taille gardées à la descente. Ces raccourcis (*skips*) rendent au réseau les détails que les maximums avaient jetés.
#
# L'article a 64 cartes au départ, quatre étages, pas de remplissage ; ici 8 cartes et trois étages, un remplissage pour garder la taille, et une normalisation de lot.


# %%
def block(x, filters):
    """Two 3×3 convolutions, each with its normalisation and its ReLU."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return x


# %%
def build_unet(classes, channels=3, width=8, levels=3, skips=True):
    """Images (N, H, W, channels) -> logits (N, H, W, classes), the sides being multiples of 2 ** levels."""
    x = inputs = keras.Input((None, None, channels))
    kept = []
    for level in range(levels):
        kept.append(block(x, width * 2**level))
        x = layers.MaxPooling2D(2)(kept[-1])
    x = block(x, width * 2**levels)
    for level in reversed(range(levels)):
        x = layers.Conv2DTranspose(width * 2**level, 2, 2, kernel_initializer="he_normal")(x)
        x = layers.Concatenate()([kept[level], x]) if skips else x
        x = block(x, width * 2**level)
    return keras.Model(inputs, layers.Conv2D(classes, 1)(x))


# %% tags=["nbval-check-output"]
keras.utils.set_random_seed(0)
unet, plain = build_unet(len(CLASSES)), build_unet(len(CLASSES), skips=False)
reference = zoo.unet(len(CLASSES), (None, None, 3), width=8)
reference.set_weights(unet.get_weights())
images = test.images[:2].astype("float32") / 255
print("même fonction que zoo.unet :", np.allclose(unet(images), reference(images), atol=1e-4))
print("paramètres, avec raccourcis :", unet.count_params(), "· sans :", plain.count_params())
print("sortie pour 64 × 64 :", tuple(unet(images).shape[1:]))
print("sortie pour 96 × 32 :", tuple(unet(np.zeros((1, 96, 32, 3))).shape[1:]))

# %% [markdown]
# Entièrement convolutif : le même réseau accepte toute taille multiple de 8. Sans les raccourcis, il ne perd qu'un dixième de ses poids : si la différence est grande, elle ne viendra pas de là. Mais avant d'entraîner, il faut choisir un coût.

# %% [markdown]
# ## 5. Quel coût, quand presque tout est fond ?
#
# Prenons un cas plus déséquilibré : **un** chiffre manuscrit de MNIST par photographie. Deux classes, chiffre ou fond, et un trait de quelques pixels.

# %%
counts = {"train": runtime.budget(rapide=16, cours=320, complet=2000), "test": 100}
digits, test_digits = (scenes.compose(n, scenes.DIGITS, size=SIZE, objects=(1, 1), split=split, seed=2)
                       for split, n in counts.items())  # fmt: skip
strokes, test_strokes = ((one.instances > 0).astype("int64") for one in (digits, test_digits))
print(f"pixels de chiffre : {strokes.mean():.1%}")
pictures = [*test_digits.images[:6], *map(overlay, test_digits.images[:6] // 3, test_strokes[:6])]
plots.show(pictures, columns=6, title="Six chiffres de test, et leur vérité")

# %% [markdown]
# Avec $p$ la probabilité que le réseau donne à la **bonne** classe d'un pixel, et $g$ la vérité en 0 et 1 :
#
# - **entropie croisée** : $-\log p$, moyennée sur les pixels. Les pixels de fond, près de trente fois plus nombreux, y parlent d'autant plus fort ;
# - **perte focale** (Lin et al. 2017) : $-(1-p)^\gamma \log p$, ici $\gamma = 2$. Un pixel facile, $p$ proche de 1, ne compte presque plus ;
# - **perte de Dice** (Milletari et al. 2016 ; ici sans les carrés de leur dénominateur, et avec une fraction par classe ; Sudre et al. 2017 comparent plusieurs coûts de cette famille) : un Dice « mou », calculé avec les probabilités, donc dérivable ; chaque classe y pèse autant, quelle que soit sa surface :
#
# $$ L = 1 - \frac{1}{K} \sum_k \frac{2 \sum_i p_{ik}\, g_{ik} + 1}{\sum_i p_{ik} + \sum_i g_{ik} + 1} $$
#
# où $i$ parcourt tous les pixels **du lot**, et où le 1 ajouté évite 0 sur 0.

# %%
p = np.linspace(0.01, 1, 200)
series = {"entropie croisée": -np.log(p), "focale, γ = 2": -((1 - p) ** 2) * np.log(p)}
plots.curves(series, x=p, title="Ce que coûte un pixel", xlabel="probabilité de la bonne classe", ylabel="coût",
             alt="Deux courbes décroissantes ; la focale est la plus basse, surtout pour p grand")  # fmt: skip
for value in (0.1, 0.5, 0.9):
    print(f"p = {value} : entropie {-np.log(value):.3f}, focale {-((1 - value) ** 2) * np.log(value):.4f}")

# %% [markdown]
# Un pixel mal classé ($p = 0,1$) coûte presque autant avec la focale. Un pixel facile ($p = 0,9$) coûte cent fois moins : des milliers de pixels de fond déjà compris ne couvrent plus la voix des autres.
#
# | Exercice 4.3.b | difficulté ●●○ | 12 min | vérifié : égal à un calcul de SciPy ; classe absente, sommes sur le lot, gradient non nul |
# | --- | --- | --- | --- |
#
# Écrivez `dice_loss(labels, logits)` : des entiers `(N, H, L)` et des logits `(N, H, L, K)` vers un nombre. Restez dans `keras.ops`, pour que le gradient passe : `ops.softmax`, `ops.one_hot`.


# %%
def dice_loss(labels, logits):
    """1 minus the mean soft Dice of the classes, the sums running over the whole batch: a number."""
    ### BEGIN SOLUTION
    found = ops.softmax(logits, axis=-1)
    right = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1])
    both = ops.sum(found * right, axis=(0, 1, 2))
    either = ops.sum(found + right, axis=(0, 1, 2))
    return 1 - ops.mean((2 * both + 1) / (either + 1))
    ### END SOLUTION


# %% tags=["check"]
check.dice_loss(dice_loss)

# %% [markdown] tags=["solution"]
# Les sommes courent sur le lot entier : dans une image seule, la plupart des classes sont absentes, et leur Dice ne dirait rien. Un `argmax` à la place du `softmax` donnerait le vrai Dice, mais un gradient nul partout.

# %% [markdown]
# `segmentation` a les trois coûts. Entraînons trois fois le **même** petit U-Net, mêmes poids de départ, mêmes images, mêmes lots. Pour ne le compiler qu'une fois, son coût est un mélange dont nous tournons les boutons.

# %%
knobs = keras.Variable([1.0, 0.0, 0.0], trainable=False)


def mixture(labels, logits):
    costs = [segmentation.cross_entropy(labels, logits), segmentation.focal_loss(labels, logits),
             segmentation.dice_loss(labels, logits)]  # fmt: skip
    return ops.sum(knobs * ops.stack([ops.mean(cost) for cost in costs]))


keras.utils.set_random_seed(0)
judge = build_unet(2, levels=2)
rounds = runtime.budget(rapide=1, cours=2, complet=10)
judge.compile(keras.optimizers.Adam(training.OneCycle(4e-3, rounds * -(-len(strokes) // 8))), mixture)

# %%
beginning, found = judge.get_weights(), {}
for rank, name in enumerate(("entropie croisée", "focale, γ = 2", "Dice")):
    knobs.assign(np.eye(3, dtype="float32")[rank])
    keras.utils.set_random_seed(0)
    judge.set_weights(beginning)
    for variable in judge.optimizer.variables:  # Adam oublie tout, son compteur de pas aussi
        variable.assign(ops.zeros_like(variable))
    training.fit(judge, digits.images / np.float32(255), strokes, epochs=rounds, batch_size=8, watched=False)
    found[name] = judge.predict(test_digits.images / np.float32(255), verbose=0).argmax(-1)

# %%
rows, recalls = [], {}
for name, guess in found.items():
    both = np.sum((guess == 1) & (test_strokes == 1))
    precision, recalls[name] = both / max(guess.sum(), 1), both / test_strokes.sum()
    overlap, right = segmentation.iou(test_strokes, guess, 2)[1], (guess == test_strokes).mean()
    rows.append([name, *(f"{value:.2f}" for value in (precision, recalls[name], overlap, right))])
plots.table(rows, header=["coût", "précision", "rappel", "IoU chiffre", "pixels justes"])
shown = [overlay(test_digits.images[n], guess[n], 1) for guess in found.values() for n in range(6)]
plots.show(shown, columns=6, title="Ce qu'ils trouvent : entropie (en haut), focale (au milieu), Dice (en bas)")

# %% tags=["nbval-check-output"]
print("l'entropie croisée trouve moins d'un quart des pixels de chiffre :", recalls["entropie croisée"] < 0.25)
print("la perte de Dice en trouve au moins 0,2 de plus :", recalls["Dice"] > recalls["entropie croisée"] + 0.2)

# %% [markdown]
# Mêmes poids, mêmes lots, quatre-vingts pas seulement, et des réseaux très différents. Avec l'entropie croisée ou la focale, le réseau s'en tient à la réponse paresseuse : **tout est fond**, à quelques pixels près. À 96 % de pixels justes, contre 92 % pour le Dice, elles gagnent même à cette mesure-là ! La perte de Dice, elle, retrouve les trois quarts des pixels de chiffre ; elle le paie en précision (0,27) : des traits trop épais, des taches en trop, et, dans le ciel pâle de la première image, tout un semis de faux pixels, mais presque rien sur le chiffre, à peine visible.
#
# Ne concluez pas que la focale ne sert à rien. Elle a été conçue pour le long entraînement d'un détecteur, où presque toutes les cases sont du fond facile ; quatre-vingts pas, c'est trop peu pour la juger. Le profil `complet` laisse aux trois coûts trente fois plus de pas : c'est l'expérience à faire. Le Dice a aussi ses défauts : une classe de quelques pixels y pèse autant que tout le fond, et une erreur d'un pixel y fait un grand saut. D'où la recette d'usage, dans la section suivante : **additionner**.

# %% [markdown]
# ## 6. Entraîner, avec et sans raccourcis
#
# Pour les trois panneaux, additionnons entropie croisée et Dice, comme le fait nnU-Net (Isensee et al. 2021) : la première donne un gradient franc en chaque pixel, le second défend les classes rares. Le réseau sans raccourcis, nous l'avons vu en préparant la leçon, apprend plus lentement : donnons-lui **deux fois plus** d'époques. **Pariez** : que verra-t-on de différent sur les cartes ?


# %%
def cost(labels, logits):
    return ops.mean(segmentation.cross_entropy(labels, logits)) + segmentation.dice_loss(labels, logits)


epochs = runtime.budget(rapide=1, cours=2, complet=20)
networks = {"avec raccourcis": (unet, epochs), "sans, deux fois plus": (plain, 2 * epochs)}
start = time.process_time()
for name, (network, passes) in networks.items():
    print(name)
    network.compile(keras.optimizers.Adam(training.OneCycle(5e-3, passes * -(-count // 8))), cost)
    training.fit(network, train.images / np.float32(255), truth, epochs=passes, batch_size=8)
print(f"{time.process_time() - start:.0f} s de processeur pour les deux")

# %%
guesses = {name: network.predict(test.images / np.float32(255), verbose=0).argmax(-1)
           for name, (network, _) in networks.items()}  # fmt: skip
scores = {name: (segmentation.iou(test_truth, guess, len(CLASSES)), boundary(test_truth, guess))
          for name, guess in guesses.items()}  # fmt: skip
rows = [[name, *(f"{value:.2f}" for value in (*ious, ious.mean(), contour))]
        for name, (ious, contour) in scores.items()]  # fmt: skip
plots.table(rows, header=["U-Net", *CLASSES, "IoU moyen", "F des contours"])

# %% tags=["nbval-check-output"]
(ious, contour), (plain_ious, plain_contour) = scores.values()
print("IoU moyen de 0,80 ou plus, avec raccourcis :", ious.mean() >= 0.80)
print("sans raccourcis, moins bien au contour :", plain_contour < contour - 0.02)

# %%
maps = [0 * test_truth, test_truth, *guesses.values()]
pictures = [overlay(test.images[n], labels[n], 0.75) for labels in maps for n in range(5)]
plots.show(pictures, columns=5, size=2.4,
           title="De haut en bas : image, vérité, avec raccourcis, sans raccourcis")  # fmt: skip

# %% [markdown]
# Avec raccourcis, 0,92 d'IoU moyen après deux passages sur 600 scènes. Il reste une tache sur le fond sombre de la première scène, un peu de vert au-dessus du dernier parking.
#
# Sans raccourcis, et pourtant **deux fois plus** entraîné, le réseau a deux défauts. Il apprend bien plus lentement : il n'a encore trouvé aucun stop (IoU de 0,00), et son coût baisse toujours. Et ses contours sont mous. Regardez le parking : les deux réseaux y ont le même IoU, 0,90, mais, dans la quatrième scène, les carrés sans raccourcis sont devenus des galets aux coins ronds. Le F des contours, toutes classes réunies, tombe de 0,92 à 0,54 (les stops oubliés y comptent pour 0). Tout ce que ce réseau sait de l'image passe par la carte du bas, de 8 × 8 cases : les coins n'y tiennent pas. Les raccourcis font donc deux choses : ils rendent les **contours**, et ils ouvrent au gradient un chemin **court**.

# %% [markdown]
# ## 7. Voir large sans perdre les pixels : la convolution dilatée
#
# Il y a une autre façon de ne pas perdre le « où » : ne pas réduire. Mais chaque pas de 2 faisait aussi grandir deux fois plus vite le **champ réceptif**, la part de l'image que voit une case. DeepLab (Chen et al.) garde les deux : il supprime le pas, et **écarte** les poids des filtres qui suivent. Un filtre 3 × 3 de dilatation 2 lit neuf pixels, un sur deux, dans une fenêtre de 5 × 5. C'est exact : le filtre dilaté calcule ce qu'aurait calculé le réseau réduit, à toutes les places au lieu d'une sur deux par côté.

# %% tags=["nbval-check-output"]
gray = cv2.cvtColor(cat, cv2.COLOR_RGB2GRAY)[None, ..., None]
one, two = (rng.normal(size=(3, 3, 1, 1)).astype("float32") for _ in range(2))
reduced = ops.conv(ops.conv(gray, one, strides=2), two)
dilated = ops.conv(ops.conv(gray, one), two, dilation_rate=2)
print("réduit :", tuple(reduced.shape[1:3]), "· dilaté :", tuple(dilated.shape[1:3]))
print("le réduit est le dilaté, une case sur deux :", np.allclose(reduced, dilated[:, ::2, ::2], atol=1e-4))

# %% [markdown]
# D'où la recette de DeepLab, qui part d'un classifieur tout entraîné : parcourir ses couches et, dès que le **pas cumulé** dépasserait la limite voulue, remplacer le pas par 1 et **multiplier** par ce pas la dilatation des couches **suivantes**. La couche qui perd son pas, elle, lit ce qui est avant elle : elle garde la dilatation d'avant. Les poids, eux, ne changent pas.
#
# | Exercice 4.3.c | difficulté ●●○ | 10 min | vérifié : chaque case lit les mêmes pixels qu'avant ; les dilatations de DeepLab |
# | --- | --- | --- | --- |
#
# Écrivez `dilate(stack, limit)` : une liste de `(côté, pas)`, le côté du filtre et le pas de chaque couche, la première d'abord, vers une liste de `(côté, pas, dilatation)` dont le pas cumulé, le produit des pas, ne dépasse pas `limit`.


# %%
def dilate(stack, limit):
    """Layers (size, stride) -> (size, stride, dilation), with no more than `limit` pixels between two cells."""
    ### BEGIN SOLUTION
    layers_, step, rate = [], 1, 1
    for size, stride in stack:
        if step * stride > limit:
            layers_.append((size, 1, rate))
            rate *= stride
        else:
            layers_.append((size, stride, rate))
            step *= stride
    return layers_
    ### END SOLUTION


# %% tags=["check"]
check.dilate(dilate)

# %% [markdown] tags=["solution"]
# Pour MobileNetV2 et une limite de 8, on obtient une dilatation de 2 dans sept couches, puis de 4 dans trois : exactement ce que nous allons lire dans le vrai réseau.

# %% [markdown]
# Prenons le vrai réseau : DeepLabV3 sur MobileNetV2, entraîné par Google sur PASCAL VOC 2012, 21 classes avec le fond. Lisons ses filtres, et leur champ réceptif, que `numpy_nn.receptive_field` calcule (leçon 2.1), en face du MobileNetV2 d'origine, et de ce qu'il deviendrait si l'on supprimait ses pas **sans** dilater. **Pariez** : que perd-on ?

# %%
model = deeplab.deeplabv3()
spatial = [layer for layer in model.layers if getattr(layer, "kernel_size", (1, 1)) != (1, 1)]
stack = [(layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0]) for layer in spatial]
print("pas :", [stride for _, stride, _ in stack])
print("dilatations :", [dilation for *_, dilation in stack])

# %% tags=["nbval-check-output"]
strides = (2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)  # Sandler et al. 2018, tableau 2
variants = {
    "MobileNetV2 d'origine": [(3, stride, 1) for stride in strides],
    "pas supprimés, sans dilater": [(size, stride, 1) for size, stride, _ in stack],
    "DeepLab : pas supprimés, dilaté": stack,
}
rows = []
for name, one in variants.items():
    step = np.prod([stride for _, stride, _ in one])
    rows.append([name, f"{numpy_nn.receptive_field(one)} px", f"{step} px", f"{-(-513 // step)}²"])
plots.table(rows, header=["réseau", "champ réceptif", "une case tous les", "cases pour 513 px"])

# %% [markdown]
# DeepLab a le champ du réseau d'origine, 491 pixels, **et** presque quinze fois plus de cases : 65², au lieu de 17². Sans dilatation, il aurait perdu plus de la moitié de son champ. (Cette version légère n'a pas l'ASPP, la pyramide de filtres dilatés de l'article : sa dilatation est toute dans le tronc.)
#
# Ce champ est un maximum. Que regarde **vraiment** la case du centre ? Demandons au gradient (Luo et al. 2016) : de combien sa réponse change-t-elle quand chaque pixel bouge ?

# %%
trunk = keras.Model(model.input, model.get_layer("stage7-1.project").output)
photo, height, width = deeplab.fit_in(cat)
with tf.GradientTape() as tape:
    pixels = tf.constant(photo[None])
    tape.watch(pixels)
    center = tf.reduce_sum(trunk(pixels)[0, 20, 32] ** 2)
gradient = np.abs(tape.gradient(center, pixels)[0].numpy()).sum(-1)
rows, columns = (np.flatnonzero(gradient.any(axis)) for axis in (1, 0))

# %% tags=["nbval-check-output"]
print("la case (20, 32) est au pixel :", (8 * 20, 8 * 32))
print("aucun pixel lu hors du champ de 491 :", max(rows.max() - 160, *abs(columns - 256)) <= 491 // 2)

# %%
heat = cv2.GaussianBlur(gradient, (0, 0), 4)
inside = gradient[:height, :width]  # the photograph, without the grey that completes the square
share = np.sort(inside.ravel())[::-1].cumsum() / inside.sum()
area = np.searchsorted(share, 0.5) / inside.size
figures = {"photographie": photo[:height], "ce que lit la case du centre": np.sqrt(heat / heat.max())[:height]}
plots.show(figures, columns=2, size=5,
           alt="Le chat, et une tache claire au milieu : la case lit surtout près d'elle")  # fmt: skip
print(f"la moitié du gradient tient dans {100 * area:.0f} % de la photographie")

# %% [markdown]
# La tache est ronde et floue, entre les yeux et le museau : la moitié du gradient tient dans un douzième de la photographie, l'aire d'un carré d'environ 120 pixels de côté. Le champ **effectif** est donc bien plus petit que les 491 pixels du calcul, parce qu'un pixel proche du centre passe par beaucoup plus de chemins qu'un pixel du bord. On y devine un œil : le champ effectif dépend aussi de ce que montre l'image.

# %% [markdown]
# ## 8. DeepLab sur de vraies photographies
#
# Le réseau connaît vingt objets : avion, vélo, oiseau, bateau, bouteille, bus, voiture, chat, chaise, vache, table, chien, cheval, moto, personne, plante en pot, mouton, canapé, train, téléviseur. **Pariez** : que dira-t-il d'un chat, d'une tasse de café, d'un pavillon chinois, d'un dahlia ?

# %%
maps = {name: deeplab.logits(model, datasets.photo(name)).argmax(-1) for name in datasets.PHOTOS}
for name, labels in maps.items():
    shares = np.bincount(labels.ravel(), minlength=21) / labels.size
    best = [f"{deeplab.CLASSES[k]} {shares[k]:.0%}" for k in np.argsort(-shares)[:3] if shares[k] > 0.005]
    print(f"{name:6s}", ", ".join(best))

# %%
photos = {name: datasets.photo(name) for name in maps}
plots.show(photos, columns=4, size=3.2)
plots.show([overlay(photos[name], labels) for name, labels in maps.items()], columns=4, size=3.2,
           alt="Leurs cartes : le chat est découpé, la tasse est table, le dahlia a un peu d'oiseau")

# %% tags=["nbval-check-output"]
shares = {name: np.bincount(labels.ravel(), minlength=21) / labels.size for name, labels in maps.items()}
print("le chat est un chat, à 70 % de l'image ou plus :", shares["chat"][deeplab.CLASSES.index("chat")] > 0.7)
print("le café est une table, à 80 % ou plus :", shares["cafe"][deeplab.CLASSES.index("table")] > 0.8)
print("le pavillon est du fond, à 99 % ou plus :", shares["chine"][0] > 0.99)

# %% [markdown]
# Le chat est presque parfait, jusqu'à l'oreille ; seul le bas à droite, une couverture, lui est rattaché. C'est la même photographie que dans la section 2 : comparez les deux masques. La suite est une leçon de prudence :
#
# - la table prend tout, la tasse et la soucoupe avec : VOC n'a pas de classe « tasse », et il faut bien que ses pixels aillent quelque part ;
# - le pavillon est du **fond**, à juste titre : aucune des vingt classes ne lui convient ;
# - dans le dahlia, quelques pétales deviennent un **oiseau**. Une softmax doit toujours choisir ; hors de ce que le réseau a appris, elle choisit quand même.
#
# Une carte de classes ne dit jamais « je ne sais pas ». Ces quatre images n'ont pas de vérité annotée : ici, nous regardons, nous ne mesurons pas.

# %% [markdown]
# ## 9. Une image suffit : les noyaux
#
# U-Net est né au microscope, où les images annotées sont rares. En voici une seule : 125 noyaux de cellules, chacun détouré (Caicedo et al. 2019). Nous apprenons sur **trois quarts**, et jugeons sur le **dernier**, en bas à droite, que rien de l'apprentissage ne touche : ni les vignettes, ni la moyenne qui règle l'image. L'image est sombre : un logarithme la remonte.

# %%
nuclei = datasets.nuclei()
nucleus = (nuclei.instances > 0).astype("int64")
seen = np.ones(nucleus.shape, bool)
seen[256:, 256:] = False
bright = np.log1p(20 * nuclei.image)
bright = (bright - bright[seen].mean()) / bright[seen].std()
shown = {"image": np.sqrt(nuclei.image), "vérité : noyau ou fond": nucleus * 1.0,
         "appris (clair), jugé (sombre)": (0.3 + 0.7 * seen) * np.sqrt(nuclei.image)}  # fmt: skip
plots.show(shown, columns=3, size=4,
           alt="Des noyaux clairs sur fond noir, leur masque, et le quart mis de côté")  # fmt: skip


# %%
def crop(rng, side=64):
    """A window of the three quarters, turned, flipped, its light changed; and its truth."""
    while True:
        row, column = rng.integers(0, 512 - side + 1, 2)
        window = np.s_[row : row + side, column : column + side]
        if seen[window].all():
            break
    turns, flip = rng.integers(4), rng.choice((1, -1))
    x, y = (np.rot90(array[window], turns)[:, ::flip] for array in (bright, nucleus))
    return rng.uniform(0.8, 1.2) * x + rng.uniform(-0.3, 0.3), y


rng = np.random.default_rng(0)
steps = runtime.budget(rapide=4, cours=100, complet=1000)
x, y = map(np.stack, zip(*(crop(rng) for _ in range(8 * steps))))

# %%
keras.utils.set_random_seed(0)
cells = build_unet(2, channels=1)
cells.compile(keras.optimizers.Adam(training.OneCycle(4e-3, steps)), segmentation.cross_entropy)
training.fit(cells, x[..., None].astype("float32"), y, batch_size=8, epochs=1)
held = np.s_[256:, 256:]
predicted = cells.predict(bright[held][None, ..., None], verbose=0)[0].argmax(-1)

# %%
dim = nuclei.image[held]
methods = {"seuil d'Otsu": (dim > filters.threshold_otsu(dim)).astype("int64"), "U-Net": predicted}
rows = []
for name, guess in methods.items():
    values = segmentation.iou(nucleus[held], guess, 2)[1], segmentation.dice(nucleus[held], guess, 2)[1]
    contour = segmentation.boundary_f_score(nucleus[held] > 0, guess > 0, 2.0)
    rows.append([name, *(f"{value:.2f}" for value in (*values, contour))])
plots.table(rows, header=["quart jamais vu", "IoU", "Dice", "F des contours, 2 px"])

# %% tags=["nbval-check-output"]
otsu_iou, unet_iou = (segmentation.iou(nucleus[held], guess, 2)[1] for guess in methods.values())
print("IoU des noyaux de 0,80 ou plus :", unet_iou >= 0.80)
print("mieux que le seuil d'Otsu :", unet_iou > otsu_iou)

# %%
errors = nucleus[held] + 2 * predicted  # 1 : oublié, 2 : en trop, 3 : juste
colors = np.array([[0, 0, 0], [0.84, 0.37, 0], [0.34, 0.71, 0.91], [0.75, 0.75, 0.75]])
figures = {"quart jugé": np.sqrt(dim)[..., None] * np.ones(3), "vérité": nucleus[held][..., None] * np.ones(3),
           "gris juste, orange oublié, bleu en trop": colors[errors]}  # fmt: skip
plots.show(figures, columns=3, size=4,
           alt="Le quart jugé, sa vérité, et les erreurs : un liseré au bord des noyaux")  # fmt: skip

# %% [markdown]
# Huit cents vignettes tirées de **trois quarts d'une seule image** suffisent : IoU de 0,88 et Dice de 0,94 sur le quart jamais vu, contre 0,81 et 0,89 pour le seuil d'Otsu. L'écart se voit surtout au contour, 0,94 contre 0,85. Les erreurs forment surtout un liseré d'un ou deux pixels, là où le bord lui-même est flou. Mais regardez en haut à gauche, et à droite : un filet **bleu** remplit l'intervalle entre deux noyaux voisins. Quelques pixels, qui ne coûtent presque rien à l'IoU…

# %% [markdown]
# ## 10. Pourquoi la sémantique ne suffit pas
#
# Le biologiste ne demande pas où il y a du noyau : il demande **combien** il y a de noyaux, et quelle est la taille de chacun. Comptons les morceaux d'un seul tenant, en prenant la meilleure carte possible : **la vérité elle-même**. **Pariez** : combien en trouvera-t-on, pour 125 noyaux ?

# %% tags=["nbval-check-output"]
pieces, number = ndimage.label(nucleus)
print("noyaux détourés :", nuclei.instances.max(), "· morceaux de la vérité sémantique :", number)
inside = [len(np.unique(nuclei.instances[pieces == label])) for label in range(1, number + 1)]
print("qui réunissent plusieurs noyaux :", sum(many > 1 for many in inside), "· au pire :", max(inside))

# %%
corner, dark = np.s_[256:, :256], np.sqrt(nuclei.image[256:, :256])
figures = {f"{len(np.unique(labels[corner])) - 1} {name}": plots.draw_instances(dark, labels[corner])
           for name, labels in (("noyaux", nuclei.instances), ("morceaux", pieces))}  # fmt: skip
plots.show(figures, columns=2, size=5,
           alt="Noyaux teintés, et cernés ; à droite, s'ils se touchent, une seule teinte")  # fmt: skip

# %% [markdown]
# Même parfaite, la carte sémantique perd 19 noyaux sur 125 : 16 morceaux en réunissent plusieurs, jusqu'à quatre. Dans ce coin serré, 40 noyaux font 29 morceaux. Et notre réseau, avec ses filets bleus, en soude encore d'autres. Ce n'est pas une question d'entraînement : la **question posée** n'était pas la bonne. « Quelle classe ? » ne sépare pas deux objets de même classe ; il faut demander « **lequel** ? ». C'est la segmentation d'instances, leçon 4.4.

# %% [markdown]
# ## À retenir
#
# - Une couche dense est une convolution dont le noyau a la taille de la carte : tout classifieur devient un réseau qui rend une **carte**, grossière.
# - **U-Net** remonte à la taille de l'image et recolle, étage par étage, les cartes de la descente : ces raccourcis rendent les **contours**.
# - **IoU** et **Dice** comptent des surfaces et disent la même chose ; le **F des contours** voit ce qu'ils ne voient pas. Les pixels justes ne disent rien quand le fond domine.
# - Quand une classe est rare, l'entropie croisée commence par l'oublier ; la perte de **Dice** lui rend son poids.
# - La convolution **dilatée** garde le champ réceptif sans réduire la carte.
# - Une carte de classes ne sépare pas deux objets qui se touchent : il faut des **instances** (leçon 4.4).
#
# ## Questionnaire
#
# 1. Une couche dense de 4096 neurones lit une carte 7 × 7 × 512 (VGG16). Quel est le noyau de la convolution équivalente, et combien a-t-il de poids ?
# 2. IoU de 0,5 : quel Dice ? Et lequel des deux est toujours le plus grand ?
# 3. Pourquoi la perte de Dice fait-elle ses sommes sur le lot, et pas image par image ?
# 4. Trois convolutions 3 × 3 de dilatations 1, 2 et 4, sans pas : quel champ réceptif ? Et trois sans dilatation ?
# 5. Un masque dont tous les bords sont décalés d'un pixel vers l'intérieur : pour quel objet l'IoU tombe-t-il le plus bas, un grand ou un petit ?
#
# <details><summary>Réponses</summary>
#
# 1. Un noyau 7 × 7 × 512 × 4096 : 102 760 448 poids, les mêmes que la couche dense, rangés autrement. 2. Dice = 2 × 0,5 / 1,5 = 0,67 ; le Dice est toujours le plus grand, sauf en 0 et en 1, où ils sont égaux. 3. La plupart des classes sont absentes de la plupart des images : leur Dice y vaudrait presque 1, ou presque 0 dès que quelques pixels s'y trompent. 4. 1 + 2 + 4 + 8 = 15 pixels ; sans dilatation, 7. 5. Pour le petit : son bord est une plus grande part de sa surface.
#
# </details>
#
# ## Pour aller plus loin
#
# - Ajoutez « sac » aux classes de la section 1 : un sac change de forme et de couleur d'une image à l'autre. Quel IoU obtient-il, et combien d'époques lui faut-il ?
# - Donnez à `fit` les poids de pixel `segmentation.border_weights` (Ronneberger et al. 2015, équation 2) : les noyaux voisins se séparent-ils mieux ?
# - Chen et al. 2018 (*DeepLabV3+*) réunissent les deux idées de la leçon, la dilatation et un raccourci vers les cartes fines.
# - Leçon 4.4 : un numéro par objet. Leçon 4.5 : un U-Net qui repeint au lieu d'étiqueter.
