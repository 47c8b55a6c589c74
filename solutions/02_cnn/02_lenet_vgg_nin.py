# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # LeNet, VGG, Network in Network
#
# > Trois réseaux, trois idées qui servent encore : alterner convolution et réduction (1998), empiler de petits filtres 3×3 (2014), mélanger les canaux pixel par pixel, puis finir par une moyenne (2014). Vous allez compter chacun de leurs poids, puis les mesurer à budget égal.
#
# **À la fin, vous saurez** lire une architecture et compter ses paramètres et ses multiplications, entraîner LeNet-5 sur MNIST, dire pourquoi l'on empile des filtres 3×3, écrire une convolution 1×1 et une moyenne globale, et comparer des réseaux sur un front de Pareto.
#
# **Prérequis** : leçons 1.2 et 2.1 · **Durée** : 70 min · **Références** : LeCun, Bottou, Bengio & Haffner 1998, *Gradient-Based Learning Applied to Document Recognition* ; Lin, Chen & Yan 2014, *Network In Network* ; Simonyan & Zisserman 2015, *Very Deep Convolutional Networks for Large-Scale Image Recognition*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import gc

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from matplotlib import ticker

from labs import augmentation, datasets, numpy_nn, plots, training, zoo
from labs.checks import cnn as check

# %% [markdown]
# Les tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`. Les sections marquées « (pour approfondir) » peuvent être sautées : rien de la suite n'en dépend.

# %%
digits = runtime.budget(rapide=2000, cours=20_000, complet=60_000)  # images of MNIST to learn from
digit_epochs = runtime.budget(rapide=1, cours=6, complet=20)
pictures = runtime.budget(rapide=1000, cours=10_000, complet=50_000)  # images of CIFAR-10
picture_epochs = runtime.budget(rapide=1, cours=2, complet=30)

# %% [markdown]
# ## 1. LeNet-5, couche par couche
#
# LeNet-5 lit un chiffre de 32×32 pixels. Il alterne des **convolutions** 5×5 (les couches C) et des **réductions** de moitié (les couches S, *subsampling*), puis finit par des couches denses (F6 et la sortie). L'image rétrécit, le nombre de cartes augmente : la plupart des réseaux de convolution qui ont suivi gardent ce plan.
#
# **Avant d'exécuter**, calculez trois tailles : la sortie de C1 (six filtres 5×5, sans remplissage), celle de S2, et celle de C5, qui applique 120 filtres 5×5 à des cartes de 5×5.

# %%
lenet = zoo.lenet5()
alt = "Les sept blocs de LeNet-5 : C5 a 79 % des paramètres, C1 et C3 ont 82 % des multiplications"
plots.architecture(zoo.blocks(lenet), title="LeNet-5 (image de 32×32×1)", alt=alt)

# %% [markdown]
# La hauteur d'une boîte dit la taille des cartes, sa largeur leur nombre (en échelles logarithmiques). C1 rend 28×28×6 valeurs, S2 14×14×6. C5 n'en rend que 120 : ses filtres couvrent toute la carte, et n'ont qu'une position. C'est une convolution qui agit comme une couche dense.
#
# En bas, deux profils qui ne se ressemblent pas : C5 a 79 % des **paramètres**, alors que C1 et C3 font 82 % des **multiplications**. Leurs filtres ont peu de poids, mais les emploient à chaque position. Gardez cette opposition en tête : elle sera plus forte encore dans VGG. (On ne compte que les multiplications des convolutions et des couches denses ; celles de S2 et S4, une par valeur, sont négligeables.)
#
# Deux sortes de couches de 1998 ont disparu depuis.
#
# - **S2 et S4** additionnent chaque fenêtre 2×2, multiplient la somme par un coefficient **appris**, ajoutent un biais appris, puis appliquent l'activation : deux paramètres par carte. (Ici on prend la moyenne, avec un coefficient quatre fois plus grand : les fonctions possibles sont les mêmes.)
# - **C3** a 16 cartes, mais chacune ne lit qu'une partie des six cartes de S2, d'après une table écrite à la main.

# %%
links = np.zeros((6, 16))
for written, sources in enumerate(zoo.LENET5_TABLE):
    links[list(sources), written] = 1
figure, axis = plt.subplots(figsize=(9, 3.6))
axis.pcolormesh(1 - links, cmap="gray", edgecolor="0.6", linewidth=1)
axis.set(title="Table de C3 (noir : la carte est lue)", xlabel="cartes de C3", ylabel="cartes de S2")
axis.set_xticks(np.arange(16) + 0.5, range(16))
axis.set_yticks(np.arange(6) + 0.5, range(6))
axis.invert_yaxis()
axis.grid(False)
alt = "Six lignes, seize colonnes : trois liens dans les six premières, quatre dans neuf, six dans la dernière"
plots.publish(figure, alt)

# %% tags=["nbval-check-output"]
print("liens :", int(links.sum()), "sur", links.size)
print("cartes lues par chaque carte de C3 :", *links.sum(axis=0).astype(int))
print("lectures de chaque carte de S2 :", *links.sum(axis=1).astype(int))
print("deux cartes de C3 qui lisent la même chose :", len(np.unique(links, axis=1).T) < 16)

# %% [markdown]
# Soixante liens au lieu de 96. L'article donne deux raisons. D'abord le **coût**, qui comptait beaucoup en 1998. Ensuite, et surtout, la **symétrie** : deux cartes qui lisent les mêmes entrées peuvent finir par apprendre la même chose ; deux cartes qui n'ont pas les mêmes entrées y sont forcées à des motifs différents. Aujourd'hui, le plus souvent, on connecte tout, et l'on compte sur le tirage au hasard des poids pour rompre la symétrie.
#
# | Exercice 2.2.a | difficulté ●○○ | 10 min | vérifié : égal à Keras ; convolution partielle, sous-échantillonnage appris, couche dense, total de LeNet-5 |
# | --- | --- | --- | --- |
#
# Écrivez `parameters(layer)`, le nombre de poids et de biais d'une couche. Une couche est un tuple :
#
# - `("conv", size, sources)` : des filtres de côté `size` ; le filtre $k$ lit `sources[k]` cartes (un nombre). Ainsi, `("conv", 3, (2, 5))` décrit deux filtres 3×3 ; l'un lit 2 cartes, l'autre 5 ;
# - `("subsample", maps)` : un sous-échantillonnage appris de `maps` cartes ;
# - `("dense", inputs, outputs)` : une couche dense, de `inputs` valeurs vers `outputs`.


# %%
def parameters(layer):
    """Number of weights and biases of a layer: an integer."""
    ### BEGIN SOLUTION
    kind, *numbers = layer
    if kind == "conv":
        size, sources = numbers
        return sum(size**2 * read + 1 for read in sources)
    if kind == "subsample":
        return 2 * numbers[0]
    inputs, outputs = numbers
    return (inputs + 1) * outputs
    ### END SOLUTION


# %% tags=["check"]
check.parameters(parameters)

# %% [markdown] tags=["solution"]
# Chaque filtre a un seul biais, quel que soit le nombre de cartes lues. C3 a donc $25 \times 60 + 16 = 1\,516$ paramètres ; tout connecté, elle en aurait $25 \times 96 + 16 = 2\,416$.

# %% [markdown]
# L'article annonce 60 000 paramètres à apprendre, tous dans les couches C1 à F6 : la sortie de 1998 est fixée d'avance (section 2). **Refaites le compte** de C1 et de C5 avant de lire la table.

# %% tags=["nbval-check-output"]
found = zoo.blocks(lenet)
rows = [[block.name, "×".join(map(str, block.shape)), block.parameters] for block in found[:-1]]
plots.table(rows, header=["couche", "sortie", "paramètres"])
print("total, jusqu'à F6 :", sum(block.parameters for block in found[:-1]))

# %% [markdown]
# Exactement 60 000. Une dernière particularité : l'activation. L'article choisit $f(x) = 1{,}7159\,\tanh(2x/3)$, pour que $f(1) = 1$ et $f(-1) = -1$ : des valeurs visées de ±1 sont alors là où la courbe plie le plus (sa dérivée seconde est la plus grande vers $|x| = 0{,}99$), et non sur ses bords plats, où le gradient s'éteint.

# %%
x = np.linspace(-3, 3, 601)
series = {"1,7159 tanh(2x/3)": 1.7159 * np.tanh(2 * x / 3), "tanh(x)": np.tanh(x)}
figure, axis = plt.subplots(figsize=(7, 4))
title = "La tangente hyperbolique de LeNet-5"
plots.curves(series, title=title, xlabel="x", ylabel="f(x)", alt="", x=x, ax=axis)
axis.plot([-1, 1], [-1, 1], "k*", markersize=16)
plots.publish(figure, "Deux courbes en S ; celle de LeNet-5 passe par (-1, -1) et (1, 1)")

# %% tags=["nbval-check-output"]
bend = np.abs(np.diff(series["1,7159 tanh(2x/3)"], 2))
print("f(1) =", np.round(np.interp(1, x, series["1,7159 tanh(2x/3)"]), 3))
print("la courbe plie le plus en |x| =", np.round(np.abs(x[1:-1][bend.argmax()]), 1))

# %% [markdown]
# ## 2. LeNet-5 apprend à lire
#
# Nous nous écartons de l'article surtout en deux points. La **sortie** : l'article compare F6 à dix dessins de chiffres fixés d'avance (des fonctions radiales), avec un coût fait pour elles ; nous mettons une couche linéaire et l'entropie croisée, avec des étiquettes lissées (leçon 1.3). L'**optimiseur** : une variante de Levenberg-Marquardt en 1998, ici une descente de gradient avec inertie, un taux en un cycle et un léger affaiblissement des poids (leçons 1.2 et 1.4).
#
# Comme dans l'article, l'image est entourée de deux pixels de fond, et ses valeurs vont de −0,1 (fond) à 1,175 (encre).

# %%
mnist = datasets.load("mnist")


def framed(images):
    wide = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    return 1.275 * wide.astype("float32") / 255 - 0.1


x_digits, x_unseen = framed(mnist.x_train[:digits]), framed(mnist.x_test)
y_digits, y_unseen = mnist.y_train[:digits], mnist.y_test

# %% tags=["nbval-check-output"]
print("formes :", x_digits.shape, x_unseen.shape)
print("valeurs : de", x_digits.min().round(3), "à", x_digits.max().round(3))

# %% [markdown]
# Il n'y a ici que 20 000 images, un tiers de MNIST. Nous en fabriquons d'autres, comme l'article : chaque chiffre est décalé, agrandi ou réduit, écrasé, incliné, un peu et au hasard. Chaque époque montre alors des chiffres un peu différents.


# %%
def distort(images, rng):
    """Shift, scale, squeeze and slant each image a little, around its centre."""
    out, centre = np.empty_like(images), np.array([15.5, 15.5])
    matrices = np.eye(2) + rng.uniform(-0.12, 0.12, (len(images), 2, 2))
    offsets = centre - matrices @ centre + rng.uniform(-1.5, 1.5, (len(images), 2))
    for rank, affine in enumerate(np.dstack([matrices, offsets])):
        out[rank, :, :, 0] = cv2.warpAffine(images[rank], affine, (32, 32), borderValue=-0.1)
    return out


# %%
copies = np.concatenate([np.repeat(x_digits[i : i + 1], 8, axis=0) for i in (0, 5, 7)])
copies[np.arange(24) % 8 > 0] = distort(copies, np.random.default_rng(0))[np.arange(24) % 8 > 0]
title = "Trois chiffres (à gauche), et sept déformations de chacun"
plots.show(copies, columns=8, size=1.3, title=title, vmin=-0.1, vmax=1.175, alt=title)

# %% [markdown]
# Les chiffres déformés restent lisibles, et ne changent pas de classe : c'est tout ce qu'on leur demande. Entraînons. **Pariez** : combien d'erreurs sur les 10 000 chiffres de test ?

# %%
augment = lambda images, labels, rng: (distort(images, rng), labels)
targets = np.eye(10, dtype="float32")[y_digits]
batches = augmentation.Batches(x_digits, targets, augment, batch_size=64)
schedule = training.OneCycle(0.1, digit_epochs * len(batches))
optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=5e-4)
smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
lenet.compile(optimizer, smoothed, metrics=["accuracy"])
history = training.fit(lenet, batches, None, epochs=digit_epochs, batch_size=None)

# %%
answers = lenet.predict(x_unseen, verbose=0, batch_size=500).argmax(axis=1)
wrong = np.flatnonzero(answers != y_unseen)
print(f"exactitude en test : {1 - len(wrong) / len(y_unseen):.2%}, soit {len(wrong)} erreurs")
print(f"durée de l'apprentissage : {history['seconds'][-1]:.0f} s")

# %% tags=["nbval-check-output"]
print("exactitude en test d'au moins 98,8 % :", np.mean(answers == y_unseen) >= 0.988)

# %%
named = [f"{y_unseen[i]} lu {answers[i]}" for i in wrong[:30]]
title = "Les trente premières erreurs"
alt = "Trente chiffres mal lus : traits coupés, boucles fermées, formes entre deux chiffres"
missed = x_unseen[wrong[:30]]
plots.show(missed, titles=named, columns=10, size=1.2, title=title, vmin=-0.1, vmax=1.175, alt=alt)

# %% [markdown]
# Environ 99 % de réponses justes, et une centaine d'erreurs sur les 10 000 chiffres du test officiel. Sur ces trente-là, certaines surprennent, d'autres feraient hésiter n'importe qui.
#
# L'article annonce 0,95 % d'erreur, puis 0,8 % en déformant les chiffres : sa figure 8 montre les 82 erreurs qui restent. Nous en approchons, avec trois fois moins d'images et six époques. L'architecture est la même, à la sortie près ; le coût, l'optimiseur et les déformations ont changé.

# %% [markdown]
# ## 3. VGG : empiler des filtres 3×3
#
# Seize ans plus tard, Simonyan et Zisserman étudient l'effet de la **profondeur**. Pour pouvoir ajouter des couches, ils ne gardent que de très petits filtres. Trois convolutions 3×3 empilées voient 7×7 pixels (leçon 2.1), comme une seule convolution 7×7. Laquelle des deux solutions a le moins de poids, s'il y a $C$ cartes partout ?
#
# | Exercice 2.2.b | difficulté ●○○ | 5 min | vérifié : champs de 1 à 15, nombres de cartes, égal à Keras |
# | --- | --- | --- | --- |
#
# Écrivez `stack_weights(field, maps)` : le nombre de poids, sans les biais, de l'empilement de convolutions 3×3 dont le champ réceptif est `field` (impair), avec `maps` cartes en entrée et en sortie de chaque couche.


# %%
def stack_weights(field, maps):
    """Weights of the stack of 3×3 convolutions that sees field × field pixels, maps -> maps everywhere."""
    ### BEGIN SOLUTION
    depth = (field - 1) // 2
    return depth * 9 * maps**2
    ### END SOLUTION


# %% tags=["check"]
check.stack_weights(stack_weights)

# %% [markdown] tags=["solution"]
# Chaque couche 3×3 ajoute deux pixels au champ : il en faut $(F - 1)/2$, chacune de $9\,C^2$ poids. Le coût croît comme $F$, alors que celui d'un seul filtre croît comme $F^2$.

# %% tags=["nbval-check-output"]
rows = []
for depth in (1, 2, 3, 5):
    field = numpy_nn.receptive_field([(3, 1, 1)] * depth)
    stack, single = depth * 9 * 64**2, field**2 * 64**2
    rows.append([f"{field}×{field}", f"{depth} × (3×3)", stack, single, f"{single / stack - 1:+.0%}"])
plots.table(rows, header=["champ", "empilement", "ses poids", "un seul filtre", "de plus"])

# %% [markdown]
# Pour un même champ de 7×7, un seul filtre demande 81 % de poids en plus, le chiffre de l'article. Et l'empilement passe par **trois** non-linéarités au lieu d'une ; les auteurs citent même d'abord cet avantage-là : une décision plus discriminante. Ce n'est pas gratuit : pendant l'apprentissage, trois couches gardent trois fois plus de cartes en mémoire, et un réseau profond est plus difficile à entraîner (leçon 2.3).
#
# Tout VGG est là : des **étages** de convolutions 3×3, où les cartes gardent leur taille ; un maximum 2×2 à la fin de chaque étage ; deux fois plus de cartes à l'étage suivant, jusqu'à 512. Voici VGG-16, tel que publié (configuration D), pour ImageNet. Nous n'allons pas l'entraîner : les auteurs y ont passé deux à trois semaines avec quatre cartes graphiques. Comptons-le. **Avant d'exécuter** : dans quel bloc sont les paramètres ? Et les multiplications ?

# %%
vgg16 = zoo.vgg16()
alt = "Les huit blocs de VGG-16 : 74 % des paramètres dans fc1, 99 % des multiplications dans les étages"
plots.architecture(zoo.blocks(vgg16), title="VGG-16 (image de 224×224×3)", alt=alt)


# %% tags=["nbval-check-output"]
def spaced(number):
    return f"{number:,}".replace(",", " ")


rows = []
for layer in vgg16.layers:
    if layer.count_params():
        shape = "×".join(map(str, layer.output.shape[1:]))
        name = layer.name.replace("stage", "étage ").replace("output", "sortie")
        rows.append([name, shape, spaced(layer.count_params()), spaced(zoo.multiplications(layer))])
plots.table(rows, header=["couche", "sortie", "paramètres", "multiplications"])

# %% tags=["nbval-check-output"]
counted = zoo.blocks(vgg16)
convolutions, dense = counted[:5], counted[5:]
total, work = vgg16.count_params(), sum(block.multiplications for block in counted)
print("paramètres :", spaced(total), "· multiplications par image :", spaced(work))
print(f"poids de fc1 : 7 × 7 × 512 × 4096 = {spaced(7 * 7 * 512 * 4096)}")
print(f"couches denses : {sum(b.parameters for b in dense) / total:.1%} des paramètres,", end=" ")
print(f"{sum(b.multiplications for b in dense) / work:.1%} des multiplications")
del vgg16, layer
_ = gc.collect()  # 553 MB: the layers of a model refer to each other

# %% [markdown]
# Les **138 357 544** paramètres sont à près de 90 % dans les trois couches denses, dont 102 760 448 poids pour la seule fc1. Les 15,5 milliards de multiplications sont à plus de 99 % dans les convolutions, d'abord celles des étages 3 et 4 (30 % chacun). Réduire la **taille** de VGG et réduire ses **calculs** sont donc deux problèmes différents, qui ne touchent pas les mêmes couches.
#
# Et si l'on supprimait ces couches denses ? C'est l'idée d'un réseau publié quelques mois avant VGG.

# %% [markdown]
# ## 4. Network in Network : la convolution 1×1
#
# Un filtre 1×1 ne regarde aucun voisin. Il prend les $C$ valeurs d'**un** pixel, une par carte, et en fait une combinaison linéaire. Avec $K$ filtres, c'est une couche dense $C \to K$, la même à chaque pixel.
#
# | Exercice 2.2.c | difficulté ●○○ | 8 min | vérifié : égal à Keras ; lots, images non carrées, biais |
# | --- | --- | --- | --- |
#
# Écrivez `conv1x1(images, weights, bias)` en **un** produit de matrices : des images `(N, H, L, C)`, des poids `(C, K)`, un biais `(K,)`.


# %%
def conv1x1(images, weights, bias):
    """1×1 convolution of images (N, H, W, C) by weights (C, K), plus bias (K,): (N, H, W, K)."""
    ### BEGIN SOLUTION
    return images @ weights + bias
    ### END SOLUTION


# %% tags=["check"]
check.conv1x1(conv1x1)

# %% [markdown] tags=["solution"]
# `@` multiplie le dernier axe et laisse les autres en place. C'est *im2col* (leçon 2.1) avec une fenêtre d'un pixel : il n'y a rien à copier.

# %% [markdown]
# Essayons sur une photographie : trois filtres 1×1, choisis à la main, font d'une image en couleurs trois nouvelles cartes. **Que verra-t-on** dans chacune, sur un pétale orangé et sur une feuille verte ?

# %%
flower = datasets.photo("fleur", size=192)
mix = np.array([[0.3, 0.6, 0.1], [1, -1, 0], [-0.5, -0.5, 1]], "float32").T  # (channels, maps)
maps = np.asarray(ops.conv(flower[None], mix[None, None], padding="valid"))[0]
grey = {"image": flower, "clarté": maps[..., 0]}
signed = {"rouge − vert": 0.5 + maps[..., 1] / 2, "bleu − jaune": 0.5 + maps[..., 2] / 2}
title = "Une photographie, et trois convolutions 1×1 (les deux dernières : gris pour 0)"
plots.show(grey | signed, columns=4, size=3, title=title)

# %% tags=["nbval-check-output"]
by_pixel = flower.reshape(-1, 3) @ mix  # each pixel on its own, in any order
print("formes :", flower.shape, "→", maps.shape)
gap = np.abs(by_pixel - maps.reshape(-1, 3)).max()
print("égal à une couche dense sur chaque pixel, écart < 1e-5 :", gap < 1e-5)
print("poids :", mix.size, "· multiplications :", flower.shape[0] * flower.shape[1] * mix.size)

# %% [markdown]
# La première carte est une image grise. Dans la deuxième, les pétales, où le rouge domine, ressortent en clair, et les feuilles passent un peu sous le gris. Dans la troisième, c'est l'inverse : les pétales, presque sans bleu, deviennent sombres. Aucun contour n'a bougé ni épaissi : chaque pixel est traité seul.
#
# Le nom du réseau vient de là. Après une convolution 5×5 (ou 3×3), Lin et ses collègues ajoutent deux convolutions 1×1 avec ReLU, et nomment l'ensemble *mlpconv*. Puisqu'une convolution est une couche dense promenée sur l'image, trois couches dont deux 1×1 sont un **perceptron multicouche** promené sur l'image : un petit réseau dans le réseau. Vérifions-le : un perceptron multicouche (MLP) appliqué aux fenêtres 5×5 d'une image, contre trois couches de Keras.

# %%
keras.utils.set_random_seed(0)
mlpconv = keras.Sequential([keras.Input((24, 24, 3)), layers.Conv2D(16, 5, activation="relu")])
mlpconv.add(layers.Conv2D(12, 1, activation="relu"))
mlpconv.add(layers.Conv2D(8, 1, activation="relu"))


def walked_mlp(images):
    """The dense layers 75 -> 16 -> 12 -> 8 on each 5×5 window."""
    values = numpy_nn.im2col(images, (5, 5))
    for layer in mlpconv.layers:
        kernel, bias = (np.asarray(weight) for weight in layer.weights)
        values = np.maximum(values @ kernel.reshape(-1, kernel.shape[-1]) + bias, 0)
    return values


# %% tags=["nbval-check-output"]
image = datasets.photo("fleur", size=24)[None]
print("fenêtres :", numpy_nn.im2col(image, (5, 5)).shape, "→", walked_mlp(image).shape)
gap = np.abs(walked_mlp(image) - np.asarray(mlpconv(image))).max()
print("mlpconv = MLP promené sur l'image, écart < 1e-5 :", gap < 1e-5)

# %% [markdown]
# Les convolutions 1×1 servent partout depuis : pour réduire ou augmenter le nombre de cartes à bas prix (les goulots de ResNet et DenseNet, leçon 2.3), ou pour mélanger les cartes après des filtres qui les traitent une par une (EfficientNet, leçon 2.4).

# %% [markdown]
# ## 5. La moyenne globale
#
# Le dernier *mlpconv* de Network in Network a autant de cartes que de classes. Il ne reste qu'à prendre la **moyenne** de chaque carte : c'est le score de la classe. Aucune couche dense, aucun paramètre. (Le réseau publié applique encore une ReLU à ces cartes ; nous ne la gardons pas, pour que les scores puissent être négatifs.)
#
# | Exercice 2.2.d | difficulté ●○○ | 5 min | vérifié : égal à Keras ; forme, lots, images non carrées |
# | --- | --- | --- | --- |
#
# Écrivez `global_average(maps)` : des cartes `(N, H, L, C)` vers une valeur par carte, `(N, C)`.


# %%
def global_average(maps):
    """Mean of each map of each image: (N, H, W, C) -> (N, C)."""
    ### BEGIN SOLUTION
    return maps.mean(axis=(1, 2))
    ### END SOLUTION


# %% tags=["check"]
check.global_average(global_average)

# %% [markdown] tags=["solution"]
# On moyenne les deux axes de l'espace, jamais celui des images ni celui des cartes. Le résultat ne dépend plus de la taille de l'image.

# %% [markdown]
# Combien cela épargne-t-il ? **Prévoyez** l'ordre de grandeur, pour VGG-16 puis pour Network in Network (192 cartes de 8×8 avant la dernière couche).

# %% tags=["nbval-check-output"]
features = sum(block.parameters for block in convolutions)  # the 13 convolutions of VGG-16
rows = [["VGG-16, trois couches denses", spaced(features + sum(block.parameters for block in dense))]]
rows += [["VGG-16, moyenne puis une couche dense", spaced(features + 513 * 1000)]]
nin = zoo.network_in_network()
rows += [["NiN, couche dense sur 8×8×192", spaced(nin.count_params() - 193 * 10 + (8 * 8 * 192 + 1) * 10)]]
rows += [["NiN, convolution 1×1 puis moyenne", spaced(nin.count_params())]]
plots.table(rows, header=["réseau", "paramètres"])

# %% [markdown]
# VGG-16 passerait de 138 à 15 millions de paramètres, neuf fois moins. Pour Network in Network, l'économie est plus modeste, 11 %, puisqu'il n'y a que 10 classes et une seule couche à remplacer. Il en a **966 986** pour CIFAR-10 : c'est le modèle que ses auteurs ont publié, avec 10,41 % d'erreur dans l'article (8,81 % en augmentant les images). L'article voit aussi dans la moyenne une régularisation : une étape sans paramètre ne peut rien apprendre par cœur.

# %%
alt = "Quatre blocs : mlpconv1 à mlpconv3, puis la moyenne, qui n'a ni paramètre ni multiplication"
plots.architecture(zoo.blocks(nin), title="Network in Network pour CIFAR-10 (image de 32×32×3)", alt=alt)

# %% [markdown]
# Ici, un même bloc domine les deux profils : mlpconv2, avec ses filtres 5×5 qui lisent 96 cartes, a 55 % des paramètres et fait 62 % des multiplications. Ailleurs, l'opposition demeure : mlpconv1, sur de grandes cartes, a 6 % des paramètres et fait 28 % des multiplications ; mlpconv3, sur des cartes de 8×8, c'est 38 % et 11 %.
#
# Autre avantage : aucun poids de ce réseau ne dépend de la taille de l'image. Il peut lire une image plus grande, ce que refusent VGG-16, à cause de fc1, et notre LeNet-5, à cause de F6. (On lève l'obstacle en relisant chaque couche dense comme une convolution. LeCun et ses collègues le font dès 1998, pour lire des mots entiers : c'est pourquoi C5 porte un nom de convolution. Les auteurs de VGG font de même au moment du test : fc1 devient une convolution 7×7, les deux autres des convolutions 1×1.)

# %% tags=["nbval-check-output"]
anything = zoo.network_in_network(width=24, input_shape=(None, None, 3))
for side in (32, 48, 97):
    scores = anything(datasets.photo("fleur", size=side)[None])
    print(f"image {side}×{side} → scores {tuple(scores.shape)}, avec {anything.count_params()} paramètres")

# %% [markdown]
# ## 6. À budget égal
#
# Lequel choisir ? La question n'a de sens qu'avec un **budget**. Fixons-le : chaque réseau voit les mêmes 10 000 images de CIFAR-10, deux fois, par lots de 50, avec le même optimiseur (Adam, taux en un cycle) et la même augmentation (un miroir une fois sur deux). Ils ne diffèrent que par leur architecture et par leur taux maximal. Pour que la comparaison reste courte, ils sont petits :
#
# - un **MLP** d'une couche cachée, pour repère ;
# - **LeNet couleur** : le plan de LeNet-5, avec trois canaux, ReLU, des maximums, et C3 entièrement connectée ;
# - **VGG** réduit : étages de 16, 32 et 64 cartes, normalisation par lots, moyenne globale ;
# - **NiN** réduit : 16 cartes, normalisation par lots, sans dropout.
#
# **Pariez** : lequel sera le plus exact ? le plus rapide ? Lequel aura le moins de paramètres ?


# %%
def lenet_colour():
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(6, 5, activation="relu", name="C1.conv")])
    model.add(layers.MaxPooling2D(2, name="S2.pool"))
    model.add(layers.Conv2D(16, 5, activation="relu", name="C3.conv"))
    model.add(layers.MaxPooling2D(2, name="S4.pool"))
    model.add(layers.Conv2D(120, 5, activation="relu", name="C5.conv"))
    model.add(layers.Flatten(name="C5.flatten"))
    model.add(layers.Dense(84, activation="relu", name="F6.dense"))
    model.add(layers.Dense(10, name="output.dense"))
    return model


# %%
def perceptron():
    dense = [layers.Dense(256, activation="relu", name="hidden.dense"), layers.Dense(10, name="output.dense")]
    return keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), *dense])


contenders = {  # the network, its largest learning rate
    "MLP": (perceptron, 1e-3),
    "LeNet couleur": (lenet_colour, 3e-3),
    "NiN": (lambda: zoo.network_in_network(16, normalise=True, dropout=0.0), 8e-3),
    "VGG": (lambda: zoo.vgg((16, 32, 64), (1, 1, 2)), 8e-3),
}

# %%
cifar = datasets.load("cifar10")
mean, spread = cifar.x_train.mean(axis=(0, 1, 2)), cifar.x_train.std(axis=(0, 1, 2))
x_train, x_test = ((x.astype("float32") - mean) / spread for x in (cifar.x_train[:pictures], cifar.x_test))
y_train, y_test = cifar.y_train[:pictures], cifar.y_test
mirror = lambda images, labels, rng: (augmentation.flip(images, rng), labels)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# %%
def train(build, peak):
    """The trained network, its accuracy on the test images, the seconds of its training."""
    keras.utils.set_random_seed(0)
    model, seen = build(), augmentation.Batches(x_train, y_train, mirror, batch_size=50)
    schedule = training.OneCycle(peak, picture_epochs * len(seen))
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    seconds = training.fit(model, seen, None, epochs=picture_epochs, batch_size=None)["seconds"][-1]
    guesses = model.predict(x_test, verbose=0, batch_size=200).argmax(axis=1)
    return model, np.mean(guesses == y_test), seconds


# %%
trained, scores, seconds = {}, {}, {}
for name, (build, peak) in contenders.items():
    print(f"── {name}")
    trained[name], scores[name], seconds[name] = train(build, peak)

# %% [markdown]
# Les coûts d'abord : ils ne dépendent d'aucun tirage. (Les paramètres comprennent les moyennes et les variances de la normalisation par lots.)

# %% tags=["nbval-check-output"]
weights = {name: model.count_params() for name, model in trained.items()}
work = {name: sum(block.multiplications for block in zoo.blocks(model)) for name, model in trained.items()}
rows = [[name, spaced(weights[name]), spaced(work[name])] for name in trained]
plots.table(rows, header=["réseau", "paramètres", "multiplications par image"])

# %%
rows = []
for name in trained:
    measured = f"{seconds[name]:.0f}", f"{scores[name]:.1%}"
    rows.append([name, spaced(weights[name]), f"{work[name] / 1e6:.2f} M", *measured])
plots.table(rows, header=["réseau", "paramètres", "multiplications", "secondes", "exactitude en test"])

# %% [markdown]
# Pour lire une telle table, on trace le **front de Pareto** : les réseaux qu'aucun autre ne bat à la fois en coût et en exactitude. Pour ces deux critères, un réseau sous le front n'a pas de raison d'être choisi ; entre deux réseaux du front, c'est une affaire de budget.


# %%
def front(costs, scores):
    """Names of the networks that none of the cheaper ones equals, from the cheapest."""
    kept = []
    for name in sorted(costs, key=costs.get):
        if not kept or scores[name] > scores[kept[-1]]:
            kept.append(name)
    return kept


# %%
def draw_front(axis, cost, values):
    """The networks and their front, for one cost."""
    edge = [(values[name], 100 * scores[name]) for name in front(values, scores)]
    axis.plot(*zip(*edge), "--", color="0.5", drawstyle="steps-post", label="front")
    for name, color, marker in zip(trained, plots.COLORS, plots.MARKERS):
        point = values[name], 100 * scores[name]
        axis.plot(*point, marker, color=color, markersize=14)
        frame = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # over the dashes
        axis.annotate(name, point, (0, -26), textcoords="offset points", ha="center", bbox=frame)
    axis.set(xscale="log", xlabel=cost, title=f"Exactitude et {cost}")
    axis.margins(0.25, 0.35)
    axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 3)))
    axis.xaxis.set(major_formatter=ticker.EngFormatter(), minor_formatter=ticker.NullFormatter())


# %%
costs = {"paramètres": weights, "multiplications par image": work, "secondes": seconds}
figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), sharey=True)
for axis, (cost, values) in zip(axes, costs.items()):
    draw_front(axis, cost, values)
axes[0].set_ylabel("exactitude en test (%)")
axes[0].legend(loc="upper right")
plots.publish(figure, "VGG est au sommet des trois cadres ; NiN à gauche en paramètres, à droite en secondes")

# %% tags=["nbval-check-output"]
print("VGG est le plus exact, de 3 points au moins :", scores["VGG"] > 0.03 + sorted(scores.values())[-2])
print("NiN a 7 fois moins de paramètres que LeNet couleur :", weights["LeNet couleur"] > 7 * weights["NiN"])
print("et 90 fois moins que le MLP :", weights["MLP"] > 90 * weights["NiN"])
print("à 5 points près, il est aussi exact que le MLP :", abs(scores["NiN"] - scores["MLP"]) < 0.05)
fronts = [front(weights, scores), front(work, scores)]
print("le MLP n'est sur aucun des deux premiers fronts :", all("MLP" not in names for names in fronts))
print("VGG est sur ces deux-là :", all("VGG" in names for names in fronts))

# %% [markdown]
# VGG l'emporte de près de six points. Il a pourtant presque autant de paramètres que LeNet couleur (61 690 contre 62 006) ; ce qu'il a en plus, ce sont les **multiplications**, près de huit fois plus nombreuses. (Il a aussi la normalisation par lots, que LeNet couleur n'a pas : la table ne dit pas auquel des deux il doit son avance.) NiN suit LeNet couleur à cinq points, avec sept fois moins de paramètres et quatre fois plus de multiplications. Il finit même un peu derrière le MLP (44,0 % contre 44,7 %), trop peu pour les départager ; mais il n'a que 8 422 paramètres, contre 789 258. Il est sur le premier front et pas sur le deuxième ; pour LeNet couleur, c'est l'inverse (de justesse : VGG a 316 paramètres de moins, et le trait du front touche le point de LeNet couleur). L'écart entre NiN et LeNet couleur n'est pas sûr : d'une exécution à l'autre, avec la même graine, il a varié de deux points et demi à cinq, sans doute parce que l'ordre des additions change avec la machine et le nombre de fils d'exécution. Une seule mesure n'en donne donc pas la taille. Si NiN passait devant, il serait sur ces deux fronts. Le MLP, lui, n'est sur aucun des deux : LeNet couleur fait mieux avec moins de paramètres et moins de multiplications.
#
# Les secondes (à droite) racontent encore autre chose. Les plus rapides sont le MLP et LeNet couleur ; sur ce troisième front, le MLP a donc sa place. NiN fait deux fois moins de multiplications que VGG ; pourtant, son apprentissage n'est pas plus court, et souvent plus long. Trois de ses couches travaillent sur des cartes de 32×32, contre une seule pour VGG, et font peu de calcul par valeur lue : le processeur passe sans doute plus de temps à déplacer des nombres qu'à les multiplier. Le nombre de multiplications prévoit mal une durée : mesurez-la.
#
# Enfin, changer de budget peut changer de vainqueur. Mesuré une fois à part, sur 20 000 images, à **multiplications** à peu près égales (une époque pour VGG, sept et demie pour LeNet couleur, lots de 100), LeNet couleur atteint 60 % et VGG 46 % : à très petit budget, mieux vaut un réseau léger qui revoit souvent les images. Après deux époques, aucun n'a fini d'apprendre : le coût baisse encore nettement de la première à la seconde. L'article de NiN descend à 10,41 % d'erreur, avec un apprentissage poursuivi jusqu'à ce qu'il ne progresse plus, et cent fois plus de paramètres que notre NiN réduit.

# %% [markdown]
# ## 7. Ce que voient les dix cartes (pour approfondir)
#
# Dans Network in Network, le score d'une classe est la moyenne d'une carte de 8×8. On peut donc regarder **où** il se forme, sans aucun outil. **Avant d'exécuter** : sur une photographie de bateau, où la carte « bateau » sera-t-elle claire ?

# %%
nin = trained["NiN"]
class_maps = keras.Model(nin.input, nin.get_layer("mlpconv3.conv3").output)
kinds = [cifar.class_names.index(kind) for kind in ("bateau", "automobile", "avion", "cheval")]
sure = nin.predict(x_test, verbose=0, batch_size=200)
chosen = np.concatenate([np.argsort(np.where(y_test == k, -sure[:, k], np.inf))[:2] for k in kinds])
seen = np.asarray(class_maps(x_test[chosen]))[np.arange(8), :, :, y_test[chosen]]

# %%
low, high = seen.min(axis=(1, 2), keepdims=True), seen.max(axis=(1, 2), keepdims=True)
scaled = (seen - low) / (high - low)
names = [cifar.class_names[k] for k in y_test[chosen]]
alt = "Huit images de test, et sous chacune la carte 8×8 de sa classe"
title = "En haut l'image, en bas la carte de sa classe (blanc : son maximum)"
shown = [*cifar.x_test[chosen], *scaled]
plots.show(shown, titles=[*names, *["carte"] * 8], columns=8, size=1.5, title=title, alt=alt)

# %% tags=["nbval-check-output"]
whole = np.asarray(class_maps(x_test[chosen])).mean(axis=(1, 2))
print("cartes :", class_maps.output_shape[1:])
print("score = moyenne de la carte, écart < 1e-4 :", np.abs(whole - sure[chosen]).max() < 1e-4)

# %% [markdown]
# La moyenne de la carte est bien le score. Les cartes sont grossières : d'après la formule de la leçon 2.1, chaque case voit jusqu'à 27×27 pixels, presque toute l'image. Pour les voitures, le score se forme surtout sur l'objet. Pour les bateaux et les chevaux, la carte est la plus claire en bas, sous la coque ou vers les jambes ; pour les avions, au-dessus d'eux, en plein ciel. Le réseau s'aide sans doute aussi du **décor**. Ce n'est qu'un indice : une case posée sur le ciel voit assez large pour voir aussi l'avion. Le bord est souvent sombre, sans doute parce que les filtres y lisent les zéros du remplissage.
#
# L'article nomme ces cartes des *cartes de confiance*. L'idée a mené aux cartes d'activation de classe (Zhou et al. 2016) ; le chapitre 5 l'étend à des réseaux qui ne finissent pas par une moyenne.

# %% [markdown]
# ## À retenir
#
# - LeNet-5 (1998) a fixé le plan : convolution, réduction, de moins en moins de pixels et de plus en plus de cartes. 60 000 paramètres.
# - Un empilement de 3×3 voit autant qu'un grand filtre, avec moins de poids et plus de non-linéarités.
# - Dans VGG-16, près de 90 % des paramètres sont dans les couches denses, et plus de 99 % des multiplications dans les convolutions : ce sont deux coûts différents.
# - Une convolution 1×1 est une couche dense appliquée à chaque pixel ; la moyenne globale remplace les couches denses de la fin, sans paramètre et pour toute taille d'image.
# - On compare des réseaux à budget fixé, sur un front ; et le front change avec le coût que l'on regarde.
#
# ## Questionnaire
#
# 1. Combien de paramètres aurait C3 si ses 16 cartes lisaient les six cartes de S2 ?
# 2. Combien de convolutions 3×3 faut-il pour voir 11×11 pixels ? Combien de poids, avec $C$ cartes partout, contre un seul filtre ?
# 3. Dans VGG-16, quelle couche faut-il changer pour diviser au moins par deux la taille du fichier de poids ? Et où chercher, pour diviser par deux les multiplications ?
# 4. Une convolution 1×1 passe de 256 à 64 cartes sur une image de 28×28. Combien de poids (sans biais) ? Combien de multiplications ?
# 5. Pourquoi Network in Network accepte-t-il des images de toute taille, et pas VGG-16 ?
#
# <details><summary>Réponses</summary>
#
# 1. $25 \times 96 + 16 = 2\,416$, au lieu de 1 516. 2. Cinq : $45\,C^2$ contre $121\,C^2$. 3. La première couche dense, fc1, qui a 74 % des paramètres ; dans les convolutions, où se font plus de 99 % des multiplications. 4. $256 \times 64 = 16\,384$ poids ; $28 \times 28 \times 16\,384$, soit environ 12,8 millions de multiplications. 5. Il n'a que des convolutions et une moyenne, dont les poids ne dépendent pas de la taille ; la couche dense fc1 de VGG-16 attend exactement 7×7×512 valeurs.
#
# </details>
#
# ## Pour aller plus loin
#
# - Budget égal en **multiplications** : une image coûte près de huit fois moins à LeNet couleur qu'à VGG. Donnez-lui huit fois plus d'époques : passe-t-il devant ?
# - Remplacez la table de C3 par une convolution ordinaire dans LeNet-5 : l'exactitude change-t-elle ?
# - Dans le profil `complet`, les réseaux voient les 50 000 images de CIFAR-10, trente fois. La leçon 2.3 va plus loin en exactitude avec des réseaux plus profonds.
