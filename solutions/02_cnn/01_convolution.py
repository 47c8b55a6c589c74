# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Convolution : filtre, remplissage et pas
#
# > Une convolution, c'est une seule petite grille de poids qui visite toute l'image. Vous allez l'écrire, la retrouver dans Keras et dans OpenCV au cent-millième près, puis regarder quels filtres un réseau se fabrique quand on le laisse apprendre.
#
# **À la fin, vous saurez** écrire une convolution 2D, prévoir la taille de sa sortie et compter ses poids et ses multiplications, calculer un champ réceptif, remonter en taille avec une convolution transposée, et dire ce qu'un pas de 2 fait perdre quand l'image se décale.
#
# **Prérequis** : leçon 1.1 · **Durée** : 60 min · **Références** : LeCun et al. 1998 ; Dumoulin & Visin 2016, *A guide to convolution arithmetic for deep learning* ; Luo et al. 2016, *Understanding the Effective Receptive Field* ; Odena et al. 2016, *Deconvolution and Checkerboard Artifacts* ; Yu & Koltun 2016 (dilatation) ; Araujo et al. 2019, *Computing Receptive Fields of Convolutional Neural Networks* ; Zhang 2019, *Making Convolutional Networks Shift-Invariant Again*

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

from labs import datasets, numpy_nn, plots, training
from labs.checks import cnn as check

# %% [markdown]
# Presque tout, dans cette leçon, se calcule en un instant. Seul le réseau de la dernière section s'entraîne ; sa taille dépend du profil, et les résultats commentés sont ceux du profil `cours`.

# %%
count = runtime.budget(rapide=1000, cours=10_000, complet=50_000)  # images d'apprentissage
epochs = runtime.budget(rapide=1, cours=5, complet=10)

# %% [markdown]
# ## 1. Un filtre regarde l'image par une fenêtre
#
# On pose un **filtre** (ou **noyau**, *kernel*), une petite grille de poids, sur un coin de l'image ; on multiplie chaque poids par le pixel qu'il recouvre ; la somme donne **un** pixel de la sortie. Puis on décale la fenêtre, et on recommence, avec les **mêmes** poids :
#
# $$ y_{i,j} = \sum_{a,b} w_{a,b}\; x_{i+a,\,j+b} $$
#
# C'est un neurone linéaire qui ne verrait qu'un morceau de l'image, et que l'on promènerait partout.

# %%
boot = cv2.resize(datasets.load("fashion_mnist").x_train[0].astype("float32") / 255, (12, 12))
edge = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32")  # Sobel
output = numpy_nn.conv2d(boot, edge, stride=2, padding=1)
figure, draw = plots.windows(boot, output, size=3, stride=2, padding=1)
alt = "Une fenêtre 3×3 visite une bottine, de 2 en 2 pixels, et remplit la sortie"
plots.animate(figure, draw, output.size, alt, seconds=12)

# %% [markdown]
# À gauche, les neuf pixels lus ; à droite, ce que la fenêtre en fait (gris moyen : 0 ; clair : positif ; sombre : négatif). Elle avance ici de 2 en 2, et déborde de l'image d'un pixel en haut et à gauche : c'est le **pas** et le **remplissage** de la section 3. (À droite et en bas, avec ce pas, le remplissage ne sert pas.)
#
# Voici quatre filtres que l'on utilisait bien avant d'apprendre quoi que ce soit, et une vraie photographie. **Avant d'exécuter**, dites pour chacun où la sortie sera grande, et ce qu'elle vaudra dans le ciel, presque uni.

# %%
photo = datasets.photo("chine", size=256, gray=True)  # (256, 256), entre 0 et 1
blur = np.full((7, 7), 1 / 49, "float32")
laplace = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "float32")
classics = {"flou": blur, "Sobel ↔": edge, "Sobel ↕": edge.T, "Laplace": laplace}
filtered = {name: np.abs(numpy_nn.conv2d(photo, kernel)) for name, kernel in classics.items()}

# %%
shown = {"image": photo} | {name: out / np.quantile(out, 0.995) for name, out in filtered.items()}
plots.show(shown, columns=5, size=2.7, title="Valeur absolue de la sortie de quatre filtres (blanc : grande)")

# %% tags=["nbval-check-output"]
rows = []
for name, kernel in classics.items():
    sky = np.abs(numpy_nn.conv2d(photo[:60, 120:], kernel)).mean()
    rows.append([name, f"{kernel.sum():.0f}", sky > 0.5, sky < 0.05])
plots.table(rows, header=["filtre", "somme des poids", "ciel : plus de 0,5", "ciel : moins de 0,05"])

# %% [markdown]
# Le flou garde le ciel tel quel, parce que la somme de ses poids vaut **1**. Les trois autres l'éteignent, parce que la somme des leurs vaut **0** : là où l'image ne change pas, il ne reste rien. Le premier Sobel répond quand l'image change de gauche à droite : les piliers, le bord droit du pavillon. Le second répond quand elle change de haut en bas : les toits. Le laplacien répond à ce qui est fin et isolé, dans toutes les directions : les tuiles, le feuillage.

# %% [markdown]
# ## 2. À vous : la convolution par fenêtres
#
# | Exercice 2.1.a | difficulté ●○○ | 10 min | vérifié : égal à SciPy ; image et noyau non carrés, noyau pair, pas de 2 et de 3 |
# | --- | --- | --- | --- |
#
# Écrivez `conv2d(image, kernel, stride)` pour une image `(H, L)` et un noyau `(h, l)`, sans remplissage. La fenêtre n'avance que de `stride` pixels à la fois, dans les deux sens.
#
# (En mathématiques, la *convolution* retourne d'abord le noyau ; sans retournement, c'est une *corrélation croisée*. Tous les cadriciels calculent la seconde et lui donnent le nom de la première : quand le noyau est appris, cela ne change rien, l'apprentissage le trouve retourné.)


# %%
def conv2d(image, kernel, stride=1):
    """Cross-correlation of image (H, W) and kernel (h, w): ((H - h) // stride + 1, (W - w) // stride + 1)."""
    ### BEGIN SOLUTION
    height, width = kernel.shape
    rows = range(0, image.shape[0] - height + 1, stride)
    columns = range(0, image.shape[1] - width + 1, stride)
    return np.array([[np.sum(image[i : i + height, j : j + width] * kernel) for j in columns] for i in rows])
    ### END SOLUTION


# %% tags=["check"]
check.conv2d(conv2d)

# %% [markdown] tags=["solution"]
# Deux boucles suffisent. Un pas de 2 ne calcule qu'une fenêtre sur quatre, au lieu de tout calculer pour en jeter les trois quarts.

# %% [markdown]
# La même chose dans `labs`, dans Keras et dans OpenCV. Keras veut des images `(N, H, L, canaux)` et des noyaux `(h, l, entrées, sorties)`. `cv2.filter2D` rend toujours une sortie de la taille de l'image : il faut en retirer le bord.

# %% tags=["nbval-check-output"]
ours = numpy_nn.conv2d(photo, edge)
theirs = ops.conv(photo[None, :, :, None], edge[:, :, None, None], padding="valid")[0, :, :, 0]
opencv = cv2.filter2D(photo, -1, edge)[1:-1, 1:-1]
print("formes :", photo.shape, "→", ours.shape, tuple(theirs.shape), opencv.shape)
print("égal à Keras, écart < 1e-5 :", np.abs(ours - theirs).max() < 1e-5)
print("égal à OpenCV, écart < 1e-5 :", np.abs(ours - opencv).max() < 1e-5)

# %% [markdown]
# ## 3. Remplissage, pas, dilatation
#
# Trois réglages changent les pixels que lit la fenêtre :
#
# - le **remplissage** $p$ (*padding*) entoure l'image de $p$ zéros de chaque côté ; avec un noyau impair de côté $h$ et $p = (h-1)/2$, la sortie garde la taille de l'image (pas de 1, sans dilatation) ;
# - le **pas** $s$ (*stride*) saute $s - 1$ positions sur $s$ ;
# - la **dilatation** $d$ (*dilation*) écarte les poids : ils lisent un pixel sur $d$. Le noyau a toujours $h$ poids de côté, mais sa fenêtre couvre $d(h-1)+1$ pixels.
#
# Voici le Sobel de la bottine avec une dilatation de 2 et un remplissage de 2 : neuf pixels lus, un sur deux, dans une fenêtre de 5×5, et une sortie de la taille de l'image.

# %%
wide = numpy_nn.conv2d(boot, edge, padding=2, dilation=2)
figure, draw = plots.windows(boot, wide, size=3, padding=2, dilation=2)
draw(75)
plots.publish(figure, "Neuf points, un pixel sur deux, dans une fenêtre 5×5, et la moitié haute de la sortie")

# %% [markdown]
# | Exercice 2.1.b | difficulté ●○○ | 6 min | vérifié : tailles paires et impaires, pas, remplissage, dilatation, ensemble |
# | --- | --- | --- | --- |
#
# Combien de positions la fenêtre prend-elle le long d'un axe de `size` pixels ? Comptez sur un dessin : $H = 7$, $h = 3$, $s = 2$, puis généralisez.


# %%
def conv_size(size, kernel, stride=1, padding=0, dilation=1):
    """Length of the output along one axis, all arguments integers."""
    ### BEGIN SOLUTION
    window = dilation * (kernel - 1) + 1
    return (size + 2 * padding - window) // stride + 1
    ### END SOLUTION


# %% tags=["check"]
check.conv_size(conv_size)

# %% [markdown] tags=["solution"]
# $\lfloor (H + 2p - d(h-1) - 1)/s \rfloor + 1$ : la place restante une fois la fenêtre posée, en nombre de pas, plus la position de départ. La partie entière dit que les derniers pixels peuvent ne servir à rien.

# %% [markdown]
# Vérifions sur une image de 67×53 pixels, deux nombres impairs. **Prévoyez** chaque taille avant de lire la réponse. Keras refuse un pas et une dilatation ensemble ; OpenCV n'a ni l'un ni l'autre, mais on peut écarter les poids avec des zéros et ne garder qu'un pixel sur $s$.


# %%
def with_opencv(image, kernel, stride, padding, dilation):
    spread = np.zeros([dilation * (n - 1) + 1 for n in kernel.shape], "float32")
    spread[::dilation, ::dilation] = kernel
    border = len(spread) // 2  # filter2D centres the kernel
    padded = np.pad(image, padding)
    whole = cv2.filter2D(padded, -1, spread)
    return whole[border : len(whole) - border, border : whole.shape[1] - border][::stride, ::stride]


# %% tags=["nbval-check-output"]
odd, rows = datasets.photo("chat", gray=True)[100:167, 60:113], []
kernel = np.random.default_rng(0).normal(size=(5, 5)).astype("float32") / 5
for s, p, d in ((1, 0, 1), (1, 2, 1), (2, 2, 1), (3, 1, 1), (1, 0, 2), (1, 6, 3), (2, 4, 2)):
    ours = numpy_nn.conv2d(odd, kernel, stride=s, padding=p, dilation=d)
    refs = [with_opencv(odd, kernel, s, p, d)]
    if 1 in (s, d):
        batch = np.pad(odd, p)[None, :, :, None]
        refs.append(ops.conv(batch, kernel[:, :, None, None], strides=s, dilation_rate=d)[0, :, :, 0])
    size = "×".join(str(numpy_nn.conv_size(n, 5, stride=s, padding=p, dilation=d)) for n in odd.shape)
    same = [ours.shape == r.shape and np.abs(ours - r).max() < 1e-5 for r in refs]
    rows.append([f"pas {s}, remplissage {p}, dilatation {d}", size, same[0], same[1] if same[1:] else "–"])
plots.table(rows, header=["noyau 5×5, image 67×53", "taille prévue", "= OpenCV", "= Keras"])

# %% [markdown]
# Toutes les tailles prévues sont les bonnes, et toutes les valeurs coïncident à $10^{-5}$ près. Reste un piège : dans Keras, `padding="same"` demande une sortie de $\lceil H/s \rceil$ pixels, et, si le nombre de zéros à ajouter est impair, met celui qui reste **à droite et en bas**. Avec un pas de 2 et une image de taille paire, ce n'est pas le remplissage symétrique d'autres cadriciels.

# %% tags=["nbval-check-output"]
batch, weights = photo[None, :, :, None], edge[:, :, None, None]
keras_same = np.asarray(ops.conv(batch, weights, strides=2, padding="same"))[0, :, :, 0]
both_sides = numpy_nn.conv2d(photo, edge, stride=2, padding=1)
one_side = numpy_nn.conv2d(np.pad(photo, ((0, 1), (0, 1))), edge, stride=2)
print("formes :", keras_same.shape, both_sides.shape, one_side.shape)
print("« same » = un zéro de chaque côté :", np.allclose(keras_same, both_sides, atol=1e-5))
print("« same » = zéros à droite et en bas seulement :", np.allclose(keras_same, one_side, atol=1e-5))

# %% [markdown]
# Même forme, autres valeurs : la fenêtre est décalée d'un pixel. C'est une cause classique de résultats faux quand on transporte des poids d'un cadriciel à un autre, sans la moindre erreur affichée.

# %% [markdown]
# ## 4. Les canaux, et une astuce : *im2col*
#
# Une image en couleurs a trois **canaux**. Un filtre a alors trois grilles, une par canal, dont les réponses s'**ajoutent** : il rend une seule image. Une couche a $K$ filtres, et rend donc $K$ images, les canaux de la couche suivante. Le noyau a pour forme $(h, l, C, K)$.
#
# Comment calculer tout cela vite ? En rangeant chaque fenêtre dans une ligne. La convolution devient **un seul produit de matrices**, l'opération que les processeurs savent le mieux faire. L'astuce s'appelle *im2col*.
#
# | Exercice 2.1.c | difficulté ●●○ | 10 min | vérifié : égal à TensorFlow ; un et plusieurs canaux, fenêtre non carrée, ordre des valeurs |
# | --- | --- | --- | --- |
#
# Écrivez `im2col(images, height, width)` : des images `(N, H, L, C)` vers `(N, H', L', height·width·C)`. Dans une ligne, rangez les valeurs comme dans un noyau : ligne de la fenêtre, puis colonne, puis canal.


# %%
def im2col(images, height, width):
    """Windows (height, width) of images (N, H, W, C), one a row: (N, H', W', height * width * C)."""
    ### BEGIN SOLUTION
    rows, columns = images.shape[1] - height + 1, images.shape[2] - width + 1
    shifted = [images[:, a : a + rows, b : b + columns] for a in range(height) for b in range(width)]
    return np.concatenate(shifted, axis=-1)
    ### END SOLUTION


# %% tags=["check"]
check.im2col(im2col)

# %% [markdown] tags=["solution"]
# Au lieu de boucler sur toutes les positions, on boucle sur les quelques poids de la fenêtre : `images[:, a:, b:]` est l'image vue par le poids $(a, b)$. Le prix : chaque pixel est copié jusqu'à $h\,l$ fois.

# %%
colour = datasets.photo("fleur", size=97)[None]  # (1, 97, 97, 3)
kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype("float32") / 5
columns = numpy_nn.im2col(colour, (3, 3))
print("fenêtres :", columns.shape, "· noyau en matrice :", kernel.reshape(-1, 8).shape)
print(f"mémoire : {columns.nbytes / colour.nbytes:.1f} fois celle de l'image")

# %% tags=["nbval-check-output"]
by_columns = columns @ kernel.reshape(-1, 8)
by_keras = np.asarray(ops.conv(colour, kernel, padding="valid"))
print("formes :", by_columns.shape, by_keras.shape)
print("im2col puis produit = Keras, écart < 1e-5 :", np.abs(by_columns - by_keras).max() < 1e-5)

# %% [markdown]
# Et qu'y gagne-t-on ? Reprenons le Sobel de la section 2, fenêtre par fenêtre, puis d'un seul produit (`numpy_nn.conv2d` fait comme vous venez de le faire). **Pariez** sur le rapport des temps.


# %%
def by_windows(image, kernel):
    """The loops of exercise 2.1.a."""
    (h, w), (rows, columns) = kernel.shape, [range(n - k + 1) for n, k in zip(image.shape, kernel.shape)]
    return np.array([[np.sum(image[i : i + h, j : j + w] * kernel) for j in columns] for i in rows])


start = time.perf_counter()
loops = by_windows(photo, edge)
middle = time.perf_counter()
product = numpy_nn.conv2d(photo, edge)
end = time.perf_counter()
print(f"boucles : {1000 * (middle - start):.0f} ms · im2col : {1000 * (end - middle):.1f} ms")

# %% tags=["nbval-check-output"]
for name, other in {"im2col": product, "Keras": theirs, "OpenCV": opencv}.items():
    print(f"boucles = {name}, écart < 1e-5 :", np.abs(loops - other).max() < 1e-5)

# %% [markdown]
# Les mêmes nombres, de l'ordre de cent fois plus vite : Python ne boucle plus, et le produit de matrices est écrit pour le processeur.

# %% [markdown]
# ## 5. Combien de poids, combien de multiplications ?
#
# Prenons une image de CIFAR-10, 32×32×3, et 64 filtres 3×3 avec un remplissage de 1. **Avant d'exécuter, calculez** sur une feuille :
#
# 1. le nombre de poids de la convolution, biais compris ;
# 2. le nombre de ses multiplications pour une image ;
# 3. le nombre de poids d'une couche **dense** qui prendrait la même image et rendrait une sortie de même taille, 32×32×64.

# %% tags=["nbval-check-output"]
rows = []
for side in (32, 64, 224):
    layer = layers.Conv2D(64, 3, padding="same")
    layer.build((None, side, side, 3))
    read = numpy_nn.im2col(np.zeros((1, side, side, 3), "float32"), (3, 3), padding=1).size
    dense = (side**2 * 3 + 1) * side**2 * 64
    numbers = (layer.count_params(), read * 64, dense)  # each filter multiplies each value that is read
    rows.append([f"{side}×{side}", *(f"{n:,}".replace(",", " ") for n in numbers)])
plots.table(rows, header=["image", "poids (conv.)", "multiplications", "poids (dense)"])

# %% [markdown]
# $3 \times 3 \times 3 \times 64 + 64 = 1\,792$ poids, **quelle que soit la taille de l'image** ; chacun sert à 1 024 endroits, d'où près de 1,8 million de multiplications (les biais s'ajoutent, sans multiplier). La couche dense demande 201 millions de poids, et autant de multiplications, pour une image de 32 pixels de côté. Sur une photographie de 224 pixels, il lui en faudrait plus de 480 milliards.
#
# Pourtant, une convolution **est** une couche dense : une couche dont presque tous les poids sont nuls, et les autres répétés. Écrivons la matrice d'une convolution 3×3 sur une image de 8×8, en lui donnant une à une les 64 images où un seul pixel est allumé.

# %%
small = np.arange(1, 10, dtype="float32").reshape(3, 3)  # nine different weights
pixels = np.eye(64, dtype="float32").reshape(64, 8, 8, 1)
matrix = numpy_nn.conv2d(pixels, small[:, :, None, None], padding=1).reshape(64, 64).T
plots.show({"la convolution, écrite comme une couche dense 64 → 64": matrix}, vmax=9, size=5.5)

# %% tags=["nbval-check-output"]
x = np.random.default_rng(0).normal(size=(8, 8)).astype("float32")
ours = numpy_nn.conv2d(x, small, padding=1).ravel()
print("matrice × image = convolution :", np.allclose(matrix @ x.ravel(), ours, atol=1e-4))
print("poids non nuls :", np.count_nonzero(matrix), "sur", matrix.size)
print("valeurs différentes, zéro mis à part :", len(np.unique(matrix)) - 1)

# %% [markdown]
# Neuf diagonales, neuf valeurs : c'est tout ce qu'il y a à apprendre. La convolution fait deux paris sur les images : ce qui compte est **local** (les zéros), et se reconnaît **partout** de la même façon (les répétitions). Pour des colonnes de tableur, où deux colonnes voisines n'ont aucune raison de se ressembler, ces paris seraient perdus.

# %% [markdown]
# ## 6. Le sous-échantillonnage (*pooling*)
#
# Pour réduire une image, on peut ne garder qu'un pixel sur $s$, ou résumer chaque fenêtre par sa moyenne (*average pooling*), ou par son maximum (*max pooling*). Il n'y a rien à apprendre, et les canaux ne se mélangent pas.
#
# | Exercice 2.1.d | difficulté ●○○ | 6 min | vérifié : égal à Keras ; valeurs négatives, fenêtres qui se chevauchent, bord inutilisé |
# | --- | --- | --- | --- |
#
# Écrivez le maximum par fenêtres, pour des images `(N, H, L, C)`.


# %%
def max_pool2d(images, size, stride):
    """Largest value of each (size, size) window, channel by channel: (N, H', W', C)."""
    ### BEGIN SOLUTION
    rows = (images.shape[1] - size) // stride + 1
    columns = (images.shape[2] - size) // stride + 1
    ends = stride * (rows - 1) + 1, stride * (columns - 1) + 1
    shifted = [images[:, a : a + ends[0] : stride, b : b + ends[1] : stride] for a, b in np.ndindex(size, size)]
    return np.max(shifted, axis=0)
    ### END SOLUTION


# %% tags=["check"]
check.max_pool2d(max_pool2d)

# %% [markdown] tags=["solution"]
# Encore les fenêtres de l'exercice précédent, prises de `stride` en `stride` ; seul le résumé change.

# %% [markdown]
# Réduisons les contours de la photographie d'un facteur 8, de trois façons. **Devinez** laquelle perd les contours fins, laquelle les pâlit, laquelle les épaissit.

# %%
edges = filtered["Sobel ↔"][:248, :248] / np.quantile(filtered["Sobel ↔"], 0.995)
windows = numpy_nn.im2col(edges[None, :, :, None], (8, 8), stride=8)[0]
pooled = {"un pixel sur 8": edges[::8, ::8], "moyenne 8×8": windows.mean(axis=-1)}
pooled["maximum 8×8"] = numpy_nn.max_pool2d(edges, 8)
plots.show({"contours, 248×248": edges} | pooled, columns=4, size=3)

# %% tags=["nbval-check-output"]
keras_max = np.asarray(ops.max_pool(edges[None, :, :, None], 8, strides=8))[0, :, :, 0]
print("maximum = Keras :", np.array_equal(pooled["maximum 8×8"], keras_max))
strong = {name: np.mean(values > 0.5) for name, values in ({"image": edges} | pooled).items()}
print("le maximum a plus de pixels forts que l'image :", strong["maximum 8×8"] > 2 * strong["image"])
print("la moyenne en garde moins :", strong["moyenne 8×8"] < 0.5 * strong["image"])

# %% [markdown]
# Un pixel sur 8, c'est la loterie : les piliers disparaissent ou non selon qu'ils tombent sur la grille. La moyenne pâlit tout. Le maximum répond à la question « ce motif est-il **quelque part** dans la fenêtre ? » : il garde les contours, les épaissit, et perd leur position exacte.

# %% [markdown]
# ## 7. Le champ réceptif
#
# Une sortie d'une convolution 3×3 dépend de 9 pixels. Empilons : une sortie de la deuxième couche dépend de 3×3 sorties de la première, donc de 5×5 pixels. La zone de l'image dont dépend une sortie s'appelle son **champ réceptif** (*receptive field*). Le long d'un axe, chaque couche ajoute $d\,(h-1)$ de **ses** entrées ; et deux entrées voisines sont écartées, dans l'image, du produit des pas de toutes les couches **précédentes** :
#
# $$ r = 1 + \sum_{k} d_k\,(h_k - 1) \prod_{i<k} s_i $$
#
# | Exercice 2.1.e | difficulté ●●○ | 8 min | vérifié : mesuré sur des impulsions ; pas, dilatation, empilements, liste vide |
# | --- | --- | --- | --- |
#
# Écrivez `receptive_field(stack)`, où `stack` est une liste de triplets (noyau, pas, dilatation), la couche la plus proche de l'image en premier. Un *pooling* compte comme une convolution de même fenêtre et de même pas.


# %%
def receptive_field(stack):
    """Pixels that one output sees along an axis; stack: [(kernel, stride, dilation), …], first layer first."""
    ### BEGIN SOLUTION
    size, jump = 1, 1
    for kernel, stride, dilation in stack:
        size += dilation * (kernel - 1) * jump
        jump *= stride
    return size
    ### END SOLUTION


# %% tags=["check"]
check.receptive_field(receptive_field)

# %% [markdown] tags=["solution"]
# L'ordre des deux lignes de la boucle compte : une couche écarte les entrées des **suivantes**, pas les siennes. C'est pourquoi un pas placé tôt agrandit le champ de tout ce qui suit.

# %% [markdown]
# Vérifions cette formule. La dérivée de **ce que le réseau rend en un point** (la somme de ses 32 cartes) par rapport à chaque pixel est nulle hors du champ réceptif. Construisons quatre empilements dans Keras, avec des poids au hasard, et mesurons la zone où cette dérivée n'est pas nulle. **Prévoyez** les quatre tailles.

# %%
stacks = {
    "3 × (3×3)": [(3, 1, 1)] * 3,
    "10 × (3×3)": [(3, 1, 1)] * 10,
    "dilatations 1, 2, 4, 8": [(3, 1, d) for d in (1, 2, 4, 8)],
    "pas de 2, 2, 1": [(5, 2, 1), (3, 2, 1), (3, 1, 1)],
}


# %%
def gradient_map(stack, channels=32, side=65):
    """|d (sum of the maps, at the central place) / d (each pixel)|: (side, side)."""
    model = keras.Sequential([keras.Input((side, side, 1))])
    for kernel, stride, dilation in stack:
        options = {"strides": stride, "dilation_rate": dilation, "kernel_initializer": "he_normal"}
        model.add(layers.Conv2D(channels, kernel, padding="same", activation="relu", **options))
    image = tf.Variable(np.random.default_rng(0).normal(size=(1, side, side, 1)), dtype="float32")
    with tf.GradientTape() as tape:
        output = model(image)
        centre = tf.reduce_sum(output[0, output.shape[1] // 2, output.shape[2] // 2])
    return np.abs(tape.gradient(centre, image)[0, :, :, 0])


# %%
keras.utils.set_random_seed(0)
maps = {name: gradient_map(stack) for name, stack in stacks.items()}
shown = {name: (m[14:51, 14:51] / m.max()) ** 0.5 for name, m in maps.items()}  # the 37×37 centre
title = "Dérivée d'une sortie, pixel par pixel (racine carrée, pour mieux voir)"
plots.show(shown, columns=4, size=3.2, title=title)

# %% tags=["nbval-check-output"]
rows = []
for name, stack in stacks.items():
    touched = [int(np.ptp(where)) + 1 for where in np.nonzero(maps[name])]
    rows.append([name, numpy_nn.receptive_field(stack), "×".join(map(str, touched))])
plots.table(rows, header=["empilement", "formule", "mesure"])

# %% [markdown]
# La mesure donne exactement la formule. Quatre couches dilatées voient 31 pixels, plus que les dix couches ordinaires, avec deux fois et demie moins de couches : c'est l'idée de Yu & Koltun (2016) pour la segmentation. Leur champ est aussi rempli de façon bien plus égale que celui des dix couches.
#
# Regardez maintenant la deuxième figure : le champ fait 21 pixels, mais le bord est presque noir. Il n'y a qu'un chemin du coin du champ à la sortie, et des dizaines de millions depuis le centre (sans compter les canaux).

# %% tags=["nbval-check-output"]
deep = maps["10 × (3×3)"]
inner = deep[27:38, 27:38].sum() / deep.sum()  # 11×11 of the 21×21
print(f"part du carré central dans le champ : {11**2 / 21**2:.0%}")
print("part de la dérivée dans ce carré, plus de 70 % :", inner > 0.7)

# %% [markdown]
# C'est le **champ réceptif effectif** de Luo et al. (2016) : dans un empilement de poids au hasard, il a la forme d'une gaussienne, et son rayon ne croît que comme la racine du nombre de couches. Une sortie qui, d'après la formule, « voit » toute l'image peut n'en regarder vraiment que le milieu.

# %% [markdown]
# ## 8. Quand l'image se décale
#
# Décaler l'image puis filtrer, ou filtrer puis décaler : pour une convolution de pas 1, c'est pareil (loin des bords). On dit qu'elle est **équivariante** aux décalages. Et avec un pas de 2 ? Prenons l'exemple à une dimension de Zhang (2019) : un signal en créneaux, et un maximum sur deux valeurs, de 2 en 2. **Prévoyez** les deux lignes.

# %% tags=["nbval-check-output"]
wave = np.array([0, 0, 1, 1, 0, 0, 1, 1])
for name, values in {"signal": wave, "décalé": np.roll(wave, -1)}.items():
    print(f"{name:7}", values, "→ maximum par deux :", values.reshape(4, 2).max(axis=1))

# %% [markdown]
# Un décalage d'un pixel, et la sortie, qui alternait, devient constante : aucun décalage de la première ne donne la seconde. Le pas de 2 jette une valeur sur deux ; un décalage d'un pixel change **lesquelles**.
#
# Mesurons-le sur la photographie, que l'on fait glisser de $k$ pixels, en rebouclant pour que le bord ne joue aucun rôle. Après le filtre et ReLU, on garde tout (pas de 1) ou l'on réduit de trois façons, et l'on cherche le **meilleur** décalage de la sortie : ce qui reste d'écart est ce que l'on ne peut plus rattraper. La dernière façon est celle de Zhang : un maximum de pas 1, un **flou**, et seulement alors le pas de 2.


# %%
def wrap_conv(image, kernel):
    return numpy_nn.conv2d(np.pad(image, len(kernel) // 2, mode="wrap"), kernel)


binomial = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype("float32") / 256
dense_max = lambda f: numpy_nn.max_pool2d(np.pad(f, ((0, 1), (0, 1)), mode="wrap"), 2, stride=1)
reductions = {
    "pas de 1": lambda f: f,
    "pas de 2": lambda f: f[::2, ::2],
    "maximum 2×2": lambda f: numpy_nn.max_pool2d(f, 2),
    "maximum, flou, pas de 2": lambda f: wrap_conv(dense_max(f), binomial)[::2, ::2],
}


# %%
def features(image, reduce):
    return reduce(np.maximum(wrap_conv(image, edge), 0))


def left_over(reduce, k):
    """Relative gap between features of the shifted photograph and the best shift of its features."""
    moved, still = features(np.roll(photo, k, axis=1), reduce), features(photo, reduce)
    return min(np.linalg.norm(moved - np.roll(still, j, axis=1)) for j in range(10)) / np.linalg.norm(still)


gaps = {name: [left_over(reduce, k) for k in range(9)] for name, reduce in reductions.items()}

# %%
figure, axis = plt.subplots()
title = "Ce qu'un décalage change, une fois la sortie recalée au mieux"
names = {"xlabel": "décalage de la photographie (pixels)", "ylabel": "écart relatif"}
plots.curves(gaps, title=title, **names, x=range(9), alt="", ax=axis)
axis.set_ylim(-0.05, 1.35)
axis.legend(loc="upper center", ncols=2)
alt = "Écart nul pour le pas de 1 ; pour les pas de 2, nul aux décalages pairs et grand aux impairs"
plots.publish(figure, alt)

# %% tags=["nbval-check-output"]
print("pas de 1, écart nul à tous les décalages :", max(gaps["pas de 1"]) < 1e-5)
for name in list(gaps)[1:]:
    print(f"{name} : nul aux décalages pairs :", max(gaps[name][::2]) < 1e-5)
odd_gap = {name: gaps[name][1] for name in gaps}
print("décalage de 1, pas de 2 : plus des trois quarts :", odd_gap["pas de 2"] > 0.75)
print("maximum 2×2 : plus de la moitié :", odd_gap["maximum 2×2"] > 0.5)
print("avec le flou, moins de 45 % :", odd_gap["maximum, flou, pas de 2"] < 0.45)

# %% [markdown]
# Avec un pas de 2, l'équivariance ne tient plus que pour les décalages **pairs** ; après quatre pas de 2, que pour les multiples de 16. À un décalage impair, un pas de 2 tout seul rend une sortie très différente : l'écart dépasse 90 % de la norme de la sortie (les contours de cette photographie sont très fins). Avec le maximum, il dépasse encore 60 %. Aucun recalage n'y peut rien. Flouter avant de sauter des pixels, comme le veut le théorème d'échantillonnage, ramène l'écart vers un tiers, sans l'annuler. Zhang obtient ainsi, sur ImageNet, des réseaux à la fois plus stables et un peu plus exacts.

# %% [markdown]
# ## 9. La convolution transposée
#
# Un réseau qui dessine (segmentation, auto-encodeur) doit **remonter** en taille. La **convolution transposée** prend le chemin inverse d'une convolution : au lieu de lire sa fenêtre, chaque valeur s'y distribue, multipliée par les poids du noyau ; là où les fenêtres se chevauchent, les dons s'ajoutent. En matrices, c'est $M^\top$ au lieu de $M$, d'où, pour toutes images $x$ et $y$ :
#
# $$ \langle \mathrm{Conv}\,x,\ y \rangle = \langle x,\ \mathrm{ConvT}\,y \rangle $$
#
# C'est aussi le gradient d'une convolution par rapport à son entrée : les cadriciels en calculent donc à chaque rétropropagation. Ce n'est **pas** l'inverse d'une convolution, malgré son autre nom de « déconvolution ».

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
kernel = rng.normal(size=(3, 3, 2, 4)).astype("float32")
x, y = rng.normal(size=(1, 9, 9, 2)).astype("float32"), rng.normal(size=(1, 4, 4, 4)).astype("float32")
up = numpy_nn.conv2d_transpose(y, kernel, stride=2)
left, right = np.vdot(numpy_nn.conv2d(x, kernel, stride=2), y), np.vdot(x, up)
print("formes :", y.shape, "→", up.shape)
print("⟨Conv x, y⟩ = ⟨x, ConvT y⟩ à 1e-4 près :", abs(left - right) < 1e-4)
keras_up = np.asarray(ops.conv_transpose(y, kernel, strides=2, padding="valid"))
print("égal à Keras, écart < 1e-5 :", np.abs(up - keras_up).max() < 1e-5)
one = numpy_nn.conv2d_transpose(pixels, small[:, :, None, None], padding=1).reshape(64, 64).T
print("sa matrice est la transposée de celle de la section 5 :", np.array_equal(one, matrix.T))

# %% [markdown]
# Doublons à peu près la taille d'une photographie avec un noyau 3×3 puis un noyau 4×4, tous deux de pas 2 et de poids égaux. **Comptez**, sur un axe, combien de fenêtres couvrent chaque pixel de la sortie.

# %%
low = datasets.photo("chat", size=64, gray=True)[None, :, :, None]
enlarged = {"64×64": low[0, :, :, 0]}
for side in (3, 4):
    kernel = np.full((side, side, 1, 1), 4 / side**2, "float32")
    enlarged[f"noyau {side}×{side}, pas 2"] = numpy_nn.conv2d_transpose(low, kernel, stride=2)[0, :, :, 0]
detail = {name: image[: len(image) // 2, : len(image) // 2] for name, image in enlarged.items()}
plots.show(detail, size=3.6, title="Le quart en haut à gauche : l'image, puis ses deux agrandissements")

# %% tags=["nbval-check-output"]
ones = np.ones((1, 6, 6, 1), "float32")
for side in (3, 4):
    cover = numpy_nn.conv2d_transpose(ones, np.ones((side, side, 1, 1), "float32"), stride=2)[0, :, :, 0]
    print(f"noyau {side}×{side}, pas de 2, fenêtres par pixel, loin du bord :")
    print(cover[4:8, 4:8].astype(int))

# %% [markdown]
# Avec un noyau de 3, les pixels reçoivent tour à tour 1, 2 ou 4 dons : la fourrure se couvre d'un **damier**. Avec un noyau de 4, multiple du pas, chacun en reçoit 4, sauf au bord. Un réseau peut apprendre à compenser, mais il y arrive mal : Odena et al. (2016) conseillent de prendre un noyau multiple du pas ou, mieux, d'agrandir l'image (plus proche voisin) avant une convolution ordinaire.

# %% [markdown]
# ## 10. Les filtres qu'un réseau apprend
#
# Sobel a choisi ses neuf poids à la main. Laissons maintenant la descente de gradient choisir : un petit réseau, 10 000 images de CIFAR-10, et rien d'autre que la classe à deviner. Sa première couche a 24 filtres de 7×7×3, assez grands pour qu'on les voie ; on part de poids presque nuls, pour que ce qu'on verra ait été **appris**. **Pariez** : à quoi ressembleront-ils ?

# %%
data = datasets.load("cifar10")
mean = data.x_train.mean(axis=(0, 1, 2))
x_train, x_test = ((x.astype("float32") - mean) / 255 for x in (data.x_train[:count], data.x_test))
start = keras.initializers.RandomNormal(stddev=0.005, seed=0)


def block(filters, size, **options):
    return [layers.Conv2D(filters, size, padding="same", **options), layers.BatchNormalization(), layers.ReLU()]


# %%
keras.utils.set_random_seed(0)
first = block(24, 7, strides=2, kernel_initializer=start)
rest = [*block(32, 3), layers.MaxPooling2D(2), *block(64, 3)]
rest += [layers.GlobalAveragePooling2D(), layers.Dense(10)]
model = keras.Sequential([keras.Input((32, 32, 3)), *first, *rest])
initial = first[0].kernel.numpy()

# %%
schedule = training.OneCycle(8e-3, epochs * -(-count // 100))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
history = training.fit(model, x_train, data.y_train[:count], epochs=epochs, batch_size=100)
learned = first[0].kernel.numpy()
guesses = model.predict(x_test, verbose=0, batch_size=500).argmax(axis=1)
print(f"exactitude en test : {np.mean(guesses == data.y_test):.1%}, pour {model.count_params()} poids")

# %%
alt = "24 filtres : des bords orientés, des barres, des taches de couleur"
before, after = "Avant l'apprentissage (12 des 24 filtres)", "Après l'apprentissage (gris : poids nul)"
plots.show(plots.filters(initial)[:12], columns=12, size=1, title=before, alt="Douze filtres : du bruit coloré")
plots.show(plots.filters(learned), columns=12, size=1, title=after, alt=alt)

# %% [markdown]
# Partis du bruit, les filtres sont devenus lisses. On reconnaît des **bords** orientés (clair d'un côté, sombre de l'autre : un Sobel), des **barres** et des **taches** (un laplacien), et des **oppositions de couleurs**, bleu contre orange surtout, que les filtres classiques n'ont pas. Tout n'est pas si net : plusieurs filtres se ressemblent, et quelques-uns ne se laissent pas nommer.
#
# Ne nous fions pas à l'œil seul. À l'échelle d'une fenêtre de 7×7, le flou, Sobel et Laplace deviennent une gaussienne et ses dérivées premières et secondes : six images. Mettons sous chacune le filtre appris qui lui ressemble le plus, au sens du cosinus et au signe près, une fois ses trois canaux additionnés : c'est ce qu'il fait d'une image grise. Puis mesurons : quelle part des filtres appris (en somme des carrés des poids) s'écrit avec ces six-là, alors qu'ils ont 49 poids par canal ? Et deux poids voisins se ressemblent-ils ?

# %%
t, sigma = np.arange(-3, 4), 1.5
gaussian = np.exp(-(t**2) / (2 * sigma**2))
orders = [gaussian, -t * gaussian, (t**2 / sigma**2 - 1) * gaussian]
pairs = [(0, 0), (0, 1), (1, 0), (0, 2), (2, 0), (1, 1)]
classic = np.stack([np.outer(orders[a], orders[b]).ravel() for a, b in pairs], axis=1)
basis = np.linalg.qr(classic)[0]

# %%
grey = learned.sum(axis=2).reshape(49, -1)  # what each filter does to an image without colours
cosines = (classic / np.linalg.norm(classic, axis=0)).T @ (grey / np.linalg.norm(grey, axis=0))
nearest = np.abs(cosines).argmax(axis=1)
drawn = plots.filters(np.concatenate([classic, grey[:, nearest]], axis=1).reshape(7, 7, 1, 12))
names = ["flou", "Sobel ↔", "Sobel ↕", "dérivée seconde ↔", "dérivée seconde ↕", "dérivée croisée"]
names += [f"cosinus {cosines[rank, k]:.2f}".replace(".", ",") for rank, k in enumerate(nearest)]
title = "En haut les filtres classiques, en bas le filtre appris le plus proche (sans ses couleurs)"
alt = "Six filtres classiques, et sous chacun le filtre appris qui lui ressemble le plus"
plots.show(drawn, titles=names, columns=6, size=2, title=title, alt=alt)


# %%
def classical_shares(kernel):
    """Share of the squared weights along the blur, then along each of the five derivatives."""
    flat = kernel.reshape(49, -1)
    return np.sum((basis.T @ flat) ** 2, axis=1) / np.sum(flat**2)


def neighbours(kernel):
    return np.corrcoef(kernel[:, :-1].ravel(), kernel[:, 1:].ravel())[0, 1]


# %%
for name, kernel in (("avant", initial), ("après", learned)):
    (smooth, *derivatives), alike = classical_shares(kernel), neighbours(kernel)
    print(f"{name} : flou {smooth:.0%}, dérivées {sum(derivatives):.0%} · corrélation des voisins {alike:.2f}")

# %% tags=["nbval-check-output"]
print("au hasard, six directions sur 49 :", f"{6 / 49:.0%}")
print("avant, à 4 points près :", abs(classical_shares(initial).sum() - 6 / 49) < 0.04)
print("après, plus de la moitié :", classical_shares(learned).sum() > 0.5)
print("voisins sans lien avant, semblables après :", abs(neighbours(initial)) < 0.1, neighbours(learned) > 0.5)
print("exactitude en test d'au moins 42 % :", np.mean(guesses == data.y_test) > 0.42)

# %% [markdown]
# Un filtre appris ressemble à chacun des deux Sobel, au signe près (cosinus de 0,84 et −0,75), d'autres aux dérivées secondes ; le flou et la dérivée croisée ont de moins bons sosies. À elles seules, les cinq dérivées portent la moitié des carrés des poids, contre 10 % avant l'apprentissage. Personne n'a demandé au réseau de dériver l'image : il y est venu en apprenant à classer. On trouve des filtres du même genre dans le cortex visuel, et dans la première couche de la plupart des réseaux entraînés sur des photographies.
#
# Dernière mesure : ce réseau a un pas de 2 et un *pooling*. Décalons les images de test d'**un** pixel. Pour combien d'entre elles la réponse change-t-elle ?

# %%
padded = np.pad(x_test, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
moved = model.predict(padded[:, 2:34, 3:35], verbose=0, batch_size=500).argmax(axis=1)
print(f"réponses changées par un pixel de décalage : {np.mean(moved != guesses):.1%}")

# %% tags=["nbval-check-output"]
print("plus de 5 % des réponses changent :", np.mean(moved != guesses) > 0.05)

# %% [markdown]
# La réponse change pour environ une image sur dix, alors que le décalage se remarque à peine. On lit souvent que les réseaux convolutifs sont « invariants aux décalages » ; celui-ci ne l'est que de façon approximative.

# %% [markdown]
# ## À retenir
#
# - Sortie : $\lfloor (H + 2p - d(h-1) - 1)/s \rfloor + 1$. Poids : $h \times l \times C \times K$, plus un biais par filtre, quelle que soit la taille de l'image.
# - Une convolution est une couche dense, locale et à poids partagés ; *im2col* en fait un produit de matrices.
# - Le champ réceptif croît comme la somme des $d(h-1)$, multipliés par les pas qui précèdent ; en pratique, le centre compte bien plus que le bord.
# - Pas de 1 : équivariante aux décalages. Pas de 2 : seulement aux décalages pairs ; un flou avant le pas limite les dégâts.
# - La convolution transposée a pour matrice la transposée, pas l'inverse ; prenez un noyau multiple du pas pour éviter le damier.
#
# ## Questionnaire
#
# 1. Combien de poids pour 64 filtres 5×5 sur une image RVB, biais compris ? Et si l'image est deux fois plus large ?
# 2. Deux convolutions 3×3 ou une 5×5 : même champ réceptif. Laquelle a le moins de poids, avec $C$ canaux partout ?
# 3. Image de 224 pixels, noyau 7×7, pas de 2, remplissage 3 : quelle taille en sortie ?
# 4. Un filtre a des poids de somme nulle : que rend-il sur une image dont on augmente partout la luminosité de 0,1 ?
# 5. Pourquoi un réseau avec cinq pas de 2 n'est-il équivariant qu'aux décalages multiples de 32 ?
#
# <details><summary>Réponses</summary>
#
# 1. $5 \times 5 \times 3 \times 64 + 64 = 4\,864$ ; autant. 2. Les deux 3×3 : $18\,C^2$ contre $25\,C^2$, avec une non-linéarité de plus. 3. $\lfloor (224 + 6 - 7)/2 \rfloor + 1 = 112$. 4. La même chose qu'avant, sauf au bord s'il y a un remplissage de zéros. 5. Deux pixels voisins de la sortie sont écartés de $2^5 = 32$ pixels dans l'image : un décalage plus fin ne tombe pas sur cette grille.
#
# </details>
#
# ## Pour aller plus loin
#
# - Dans la dernière section, remplacez `stddev=0.005` par l'initialisation de Keras (`"glorot_uniform"`) : les filtres restent-ils lisibles ? L'exactitude change-t-elle ?
# - Ajoutez un flou binomial avant chaque pas de 2 du réseau, et mesurez de nouveau la part des réponses changées.
# - La convolution séparable en profondeur (leçon 2.4) et les auto-encodeurs (chapitre 3) reprennent ces briques.
