# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Transfert d'apprentissage
#
# > Cinquante images par classe, c'est trop peu pour apprendre à voir. Mais un réseau qui a déjà vu plus d'un million de photographies peut vous prêter ses yeux. Vous allez mesurer ce que ce prêt rapporte, puis trouver un cas où il trompe.
#
# **À la fin, vous saurez** lire une convolution séparable en profondeur, extraire les caractéristiques d'un réseau entraîné sur ImageNet, y chercher des voisins, y poser une sonde linéaire, l'ajuster finement sans abîmer ses statistiques, et vérifier si une tâche est assez proche de la sienne.
#
# **Prérequis** : leçons 1.1, 2.1 et 2.3 · **Durée** : 75 min · **Références** : Tan & Le 2019 (EfficientNet) ; Howard et al. 2017 (MobileNet) ; Sandler et al. 2018 (MobileNetV2) ; Yosinski et al. 2014, *How transferable are features in deep neural networks?* ; Kornblith, Shlens & Le 2019, *Do Better ImageNet Models Transfer Better?* ; Howard & Ruder 2018 (taux par étage)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers, ops

from labs import augmentation, datasets, numpy_nn, plots, training, zoo
from labs.checks import cnn as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`.

# %%
counts = runtime.budget(rapide=(5, 20), cours=(10, 50, 200), complet=(10, 50, 200, 1000))  # labels a class
tests = runtime.budget(rapide=200, cours=1500, complet=4000)  # test images
draws = runtime.budget(rapide=2, cours=3, complet=5)  # of the labelled images
scratch_steps = runtime.budget(rapide=(10, 10), cours=(100, 250, 400), complet=(300, 600, 1200, 4000))
tuning_epochs = runtime.budget(rapide=(2, 1), cours=(8, 4, 1), complet=(15, 10, 6, 3))
views = runtime.budget(rapide=(4, 2), cours=(20, 8), complet=(40, 20))  # of each sign: to learn, to test
sign_epochs = runtime.budget(rapide=3, cours=12, complet=30)

# %% [markdown]
# ## 1. Un réseau qui a déjà vu un million d'images
#
# **EfficientNet-Lite0** a été entraîné par Google sur les 1,28 million de photographies et les 1000 classes d'ImageNet. C'est la variante d'EfficientNet-B0 prévue pour les téléphones : sans les blocs *squeeze-and-excitation*, et avec ReLU6, ReLU coupée à 6, au lieu de *swish*. Ses poids sont embarqués dans le dépôt, en `float16` : 9 Mo.
#
# Montrons-lui quatre photographies. **Pariez** : il existe une classe pour les chats tigrés, une pour l'espresso. Mais il n'y en a pas pour le dahlia, ni pour ce pavillon : que répondra-t-il ?

# %%
lite0 = zoo.efficientnet_lite0()  # 224×224 pixels, as it was trained
pictures = np.stack([datasets.photo(name, size=224) for name in datasets.PHOTOS])
probabilities = np.asarray(ops.softmax(zoo.predict(lite0, pictures)))
names = [name.split(",")[0] for name in datasets.imagenet_names()]

# %%
best = np.argsort(-probabilities, axis=1)[:, :5]
lines = [[f"{plots.percent(probabilities[i, c], 0)} {names[c]}" for c in best[i]] for i in range(4)]
alt = "Un chat, un café, un pavillon, une fleur, et les cinq classes les plus probables de chacun"
plots.show(pictures, titles=["\n".join(five) for five in lines], columns=4, size=3.2, alt=alt)

# %% tags=["nbval-check-output"]
print("poids :", f"{lite0.count_params():,}".replace(",", " "))
print("chat : chats, puma et lynx (classes 281 à 287), plus de 80 % :", probabilities[0, 281:288].sum() > 0.8)
print("café :", names[best[1, 0]], "· plus de 90 % :", probabilities[1].max() > 0.9)
print("fleur, pavillon : moins de 50 % chacun :", probabilities[2:].max() < 0.5)

# %% [markdown]
# Le chat et le café sont reconnus. Pour le chat, les probabilités se partagent entre des classes que nous aurions du mal, nous aussi, à départager. Le pavillon devient un palais ou un clocher, et le dahlia une marguerite ou un champignon, avec peu d'assurance : **le réseau ne peut répondre que parmi ses 1000 classes**. Ces réponses-là ne nous serviront pas. Ce qui nous intéresse, c'est ce qui les précède.
#
# Un mot des erreurs. Ce réseau attend des images en couleurs, entre 0 et 1. Que se passe-t-il si on lui donne autre chose, ou si l'on se trompe de nom ?

# %%
grey = np.stack([datasets.photo("chat", size=224, gray=True)])
attempts = {
    "image grise": lambda: zoo.predict(lite0, grey),
    "octets": lambda: zoo.predict(lite0, (255 * pictures).astype("uint8")),
    "nom inconnu": lambda: zoo.build("efficientnet"),
}
for what, attempt in attempts.items():
    try:
        attempt()
    except (ValueError, TypeError) as error:
        print(f"{what} → {type(error).__name__} : {error}\n")

# %% [markdown]
# Ces refus viennent de `labs`. Le réseau seul accepterait les octets, et rendrait **quelque chose** : des nombres plausibles, et faux. Avec un réseau emprunté, vérifiez d'abord ce qu'il attend : la taille, l'ordre des canaux, l'échelle des valeurs.

# %% [markdown]
# ## 2. De quoi il est fait : la convolution séparable
#
# Une convolution ordinaire fait deux choses à la fois : elle regarde **autour** de chaque pixel, et elle **mélange** les canaux. La convolution **séparable en profondeur** (*depthwise separable*) les fait l'une après l'autre :
#
# 1. **en profondeur** (*depthwise*) : chaque canal est filtré par sa propre grille $h \times h$, sans se mêler aux autres ;
# 2. **point par point** (*pointwise*) : une convolution 1×1 mélange les canaux.
#
# | Exercice 2.4.a | difficulté ●○○ | 8 min | vérifié : égal à Keras ; image et noyau non carrés, un et plusieurs canaux |
# | --- | --- | --- | --- |
#
# Écrivez la première étape, `depthwise(images, kernel)` : des images `(N, H, L, C)`, un noyau `(h, l, C)`, sans remplissage, avec un pas de 1. Inspirez-vous de la boucle d'*im2col* (leçon 2.1).


# %%
def depthwise(images, kernel):
    """Each channel of images (N, H, W, C) filtered by its grid of kernel (h, w, C): (N, H-h+1, W-w+1, C)."""
    ### BEGIN SOLUTION
    height, width = kernel.shape[:2]
    rows, columns = images.shape[1] - height + 1, images.shape[2] - width + 1
    places = [(a, b) for a in range(height) for b in range(width)]
    return sum(images[:, a : a + rows, b : b + columns] * kernel[a, b] for a, b in places)
    ### END SOLUTION


# %% tags=["check"]
check.depthwise(depthwise)

# %% [markdown] tags=["solution"]
# `kernel[a, b]` contient un poids par canal, et la diffusion de NumPy l'applique à chaque pixel. Rien n'additionne les canaux : chacun garde son image.

# %% [markdown]
# C'est une convolution ordinaire dont presque tous les poids sont nuls : le canal $c$ de la sortie ne lit que le canal $c$ de l'entrée. Vérifions-le, puis comptons. **Calculez d'abord** : pour 112 canaux vers 192, avec un filtre 5×5, combien de poids a la convolution ordinaire ? Et la séparable ?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
images, grids = rng.normal(size=(1, 9, 9, 4)).astype("float32"), rng.normal(size=(3, 3, 4)).astype("float32")
ordinary = np.zeros((3, 3, 4, 4), "float32")
ordinary[:, :, range(4), range(4)] = grids  # a diagonal: a channel reads itself
depth = np.asarray(ops.depthwise_conv(images, grids[..., None], padding="valid"))
print("égale à une convolution diagonale :", np.allclose(depth, numpy_nn.conv2d(images, ordinary), atol=1e-5))

# %% tags=["nbval-check-output"]
rows = []
for side, inputs, outputs in ((3, 3, 64), (3, 112, 192), (5, 112, 192)):
    pair = [kind(outputs, side, use_bias=False) for kind in (layers.Conv2D, layers.SeparableConv2D)]
    for layer in pair:
        layer.build((None, 14, 14, inputs))
    one, two = (layer.count_params() for layer in pair)
    ratio, formula = two / one, 1 / outputs + 1 / side**2
    rows.append([f"{side}×{side}, {inputs} → {outputs}", one, two, f"{ratio:.4f}", f"{formula:.4f}"])
plots.table(rows, header=["filtre", "ordinaire", "séparable", "rapport", "1/C + 1/h²"])

# %% [markdown]
# Le rapport vaut exactement $\frac{1}{C_{sortie}} + \frac{1}{h^2}$, pour les poids comme pour les multiplications : près de 9 fois moins pour un filtre 3×3, et 22 fois moins ici en 5×5. Lite0 l'emploie dans tous ses blocs, sous la forme du **résidu inversé** de MobileNetV2 : une convolution 1×1 **élargit** (6 fois plus de canaux, sauf dans le tout premier bloc, qui n'élargit pas), une convolution en profondeur filtre, une 1×1 **resserre**, sans ReLU ; puis on ajoute l'entrée, quand les formes le permettent. Voici l'un de ces blocs.

# %% tags=["nbval-check-output"]
rows = []
for layer in lite0.layers:
    if layer.name.startswith("stage5-2.") and layer.weights and "norm" not in layer.name:
        shape = "×".join(map(str, layer.output.shape[1:]))
        rows.append([layer.name, shape, "×".join(map(str, layer.kernel.shape)), layer.count_params()])
plots.table(rows, header=["couche", "sortie", "noyau", "poids"])

# %%
alt = "Seize blocs de Lite0 : les cartes rétrécissent de 112 à 7 pixels, les poids s'accumulent à la fin"
plots.architecture(zoo.blocks(lite0), title="EfficientNet-Lite0, bloc par bloc", alt=alt)

# %% [markdown]
# Dans ce bloc, le filtre 5×5, qui regarde autour de lui, coûte moins de poids que chacune des deux convolutions 1×1. Sur l'ensemble, les poids sont surtout à la fin, et la dernière couche à elle seule, celle des 1000 classes, en porte plus du quart. Les multiplications, elles, sont réparties tout au long du réseau.

# %% [markdown]
# ## 3. Emprunter ses caractéristiques
#
# Retirons la dernière couche. Une image devient 1280 nombres, la moyenne de chacune des dernières cartes : ce sont ses **caractéristiques** (*features*). La tâche à résoudre sera CIFAR-10, avec **peu d'étiquettes**. Ses images de 32 pixels sont agrandies à 128 : elles deviennent floues, mais la taille des objets se rapproche de celle que le réseau a connue.
#
# Soyons honnêtes : c'est un cas favorable. ImageNet contient des avions, des camions, des grenouilles et plus de cent races de chiens.
#
# Le réseau est coupé en deux au milieu de son sixième étage : un **tronc**, que nous ne modifierons jamais, et une **queue**, que nous ajusterons plus tard. Chaque image ne traverse le tronc qu'**une fois** ; ses cartes 4×4×192 sont gardées. C'est ce qui rend la leçon possible sur un processeur. Et comme le tronc n'apprendra plus rien, `zoo.folded` y fond chaque normalisation par lots dans la convolution qui la précède : les mêmes cartes, aux arrondis près, pour un quart à un tiers de temps en moins (l'exercice 2.4.c demande un calcul du même genre).

# %%
data = datasets.load("cifar10")
pool = np.concatenate([np.flatnonzero(data.y_train == c)[: counts[-1]] for c in range(10)])
x_pool, y_pool = data.x_train[pool], data.y_train[pool]
x_test, y_test = data.x_test[:tests], data.y_test[:tests]
small = zoo.efficientnet_lite0(size=128)
cut = small.get_layer("stage6-2.add").output
trunk = zoo.folded(keras.Model(small.inputs, cut))
tail = keras.Model(cut, small.get_layer("head.mean").output)


# %%
def enlarge(images):
    """Bytes (N, 32, 32, 3) to float32 (N, 128, 128, 3) in [0, 1]."""
    return np.stack([cv2.resize(image, (128, 128)) for image in images]).astype("float32") / 255


def through_trunk(images):
    """Maps (N, 4, 4, 192), by parts: the enlarged images would take 200 kB each."""
    parts = np.array_split(images, max(1, len(images) // 250))
    return np.concatenate([zoo.predict(trunk, enlarge(part)) for part in parts])


# %%
maps, maps_test = through_trunk(x_pool), through_trunk(x_test)
features, features_test = (tail.predict(m, batch_size=250, verbose=0) for m in (maps, maps_test))

# %% tags=["nbval-check-output"]
lender = zoo.folded(zoo.efficientnet_lite0(size=128, top=False))  # whole, with weights of its own: never tuned
whole = zoo.predict(lender, enlarge(x_test[:8]))
print("cartes par image :", maps.shape[1:], "· caractéristiques :", features.shape[1:])
print("tronc puis queue = le réseau entier, à 1e-3 près :", np.allclose(whole, features_test[:8], atol=1e-3))
print("jamais négatives (après ReLU6) :", features.min() >= 0, "· au plus 6 :", features.max() <= 6)

# %% [markdown]
# ## 4. Des voisins
#
# Que valent ces nombres ? Regardons quelles images d'apprentissage sont les plus **proches** d'une image de test. On compare les directions, par le cosinus : $\cos(u, v) = u \cdot v / (\lVert u \rVert \lVert v \rVert)$. Et l'on fait la même chose avec les pixels, dont on retire d'abord 120, un gris moyen : sans cela, tous positifs, ils auraient presque tous la même direction. **Pariez** : qu'ont en commun deux images proches en pixels ?


# %%
def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


flat, flat_test = (x.reshape(len(x), -1).astype("float32") - 120 for x in (x_pool, x_test))
spaces = {"pixels": (flat, flat_test), "Lite0": (features, features_test)}
nearest = {name: np.argsort(-unit(b[:50]) @ unit(a).T, axis=1)[:, :5] for name, (a, b) in spaces.items()}

# %%
chosen = [np.flatnonzero(y_test[:50] == c)[0] for c in (7, 5, 9)]  # the first horse, dog and truck
shown, titles = [], []
for i in chosen:
    for name in spaces:
        shown += [x_test[i], *x_pool[nearest[name][i]]]
        titles += [f"{data.class_names[y_test[i]]}, {name}"]
        titles += [data.class_names[y_pool[j]] for j in nearest[name][i]]
alt = "Un cheval, un chien, un camion et leurs cinq voisins, en pixels puis dans l'espace de Lite0"
plots.show(shown, titles=titles, columns=6, size=1.75, alt=alt, title="L'image de test, puis ses cinq voisines")

# %% [markdown]
# En pixels, les voisines ont à peu près les mêmes tons aux mêmes endroits, clairs ou sombres, quel que soit le sujet. Dans l'espace de Lite0, elles montrent le même **sujet**, ou un sujet qui lui ressemble (un cerf pour un cheval, une automobile pour un camion), même si le fond change. L'allure compte aussi : le chien a pour voisins un chat et deux chevaux, au pelage clair comme le sien. Ces voisins suffisent presque à faire un classifieur.
#
# | Exercice 2.4.b | difficulté ●●○ | 10 min | vérifié : égal à scikit-learn ; cosinus, nombre de voisins, vote |
# | --- | --- | --- | --- |
#
# Écrivez `knn(train, labels, test, k)` : pour chaque ligne de `test`, la classe la plus fréquente parmi ses `k` voisines de `train`, au sens du cosinus. À égalité de voix, la plus petite étiquette l'emporte.


# %%
def knn(train, labels, test, k):
    """Classes (M,) of test (M, D): the vote of the k rows of train (N, D) with the largest cosine."""
    ### BEGIN SOLUTION
    train, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test))
    neighbours = np.argsort(-(test @ train.T), axis=1)[:, :k]
    return np.array([np.bincount(labels[row]).argmax() for row in neighbours])
    ### END SOLUTION


# %% tags=["check"]
check.knn(knn)

# %% [markdown] tags=["solution"]
# Une fois les lignes ramenées à la norme 1, un seul produit de matrices donne tous les cosinus. `np.bincount(…).argmax()` rend la première des classes à égalité, donc la plus petite.

# %%
from sklearn.neighbors import KNeighborsClassifier

votes = {}
for name, (a, b) in spaces.items():
    votes[name] = KNeighborsClassifier(10, metric="cosine").fit(a, y_pool).score(b, y_test)
    print(f"dix voisins, {name} : {plots.percent(votes[name])}")

# %% tags=["nbval-check-output"]
print("Lite0, au moins 75 % :", votes["Lite0"] > 0.75, "· pixels, moins de 40 % :", votes["pixels"] < 0.4)

# %% [markdown]
# Rien n'a été entraîné : parmi 2000 images étiquetées, les voisines votent, c'est tout. Avec les pixels, moins d'une image sur trois est bien classée (le hasard en donne une sur dix) ; avec Lite0, plus de trois sur quatre.

# %% [markdown]
# ## 5. La sonde linéaire
#
# Mieux que voter : apprendre **une** couche dense sur les caractéristiques, et rien d'autre. C'est la **sonde linéaire** (*linear probe*), une régression logistique à dix classes. Écrivons-la une fois à la main : on réduit chaque caractéristique (moyenne 0, écart-type 1), puis on descend le gradient de l'entropie croisée, $X^\top (P - Y)$, où $P$ contient les probabilités et $Y$ les réponses, des 0 et des 1. S'y ajoute une pénalité $\lambda$ sur les poids : il y a 1280 caractéristiques pour 500 images, et sans elle la sonde pourrait tout apprendre par cœur. Ici, $\lambda = 1280$, le nombre de caractéristiques.


# %%
def draw(count, seed):
    """Ranks in the pool of `count` images of each class, drawn without replacement."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y_pool == c))[:count] for c in range(10)])


middle = counts[1]  # labels a class: 50
kept = draw(middle, 0)
mean, scale = features[kept].mean(axis=0), features[kept].std(axis=0) + 1e-6
x, target = (features[kept] - mean) / scale, np.eye(10)[y_pool[kept]]

# %%
kernel, bias, penalty = np.zeros((1280, 10)), np.zeros(10), 1280.0
for _ in range(300):
    error = np.asarray(ops.softmax(x @ kernel + bias)) - target  # P - Y
    kernel -= 2e-5 * (x.T @ error + penalty * kernel)
    bias -= 2e-5 * error.sum(axis=0)
by_hand = ((features_test - mean) / scale) @ kernel + bias

# %%
probe = training.linear_probe(features[kept], y_pool[kept])
agree = np.mean(probe.predict(features_test) == by_hand.argmax(axis=1))
scores = np.mean(by_hand.argmax(axis=1) == y_test), probe.score(features_test, y_test), agree
for name, value in zip(("à la main", "labs", "mêmes réponses"), scores):
    print(f"{name} : {plots.percent(value)}")

# %% tags=["nbval-check-output"]
print("à la main, mêmes réponses que labs à 97 % au moins :", agree > 0.97)
print(f"sonde, {middle} étiquettes par classe, au moins 76 % :", probe.score(features_test, y_test) > 0.76)

# %% [markdown]
# `training.linear_probe` confie le même problème à scikit-learn, dont l'optimiseur (L-BFGS) est plus sûr que notre descente à pas fixe. Son argument `penalty`, qui vaut 1 par défaut, y est multiplié par le nombre de caractéristiques. Avec 500 images étiquetées, une couche linéaire classe juste près de huit images sur dix.
#
# ### La sonde est une couche dense
#
# Pour continuer l'apprentissage dans Keras, il faut mettre la sonde au bout du réseau. Or elle réduit d'abord ses entrées, ce qu'une couche dense ne fait pas. Mais une réduction suivie d'une couche linéaire est encore une couche linéaire :
#
# $$ \frac{x - m}{s}\,W^\top + b \;=\; x\,A + b' $$
#
# ($x$ est une ligne de $D$ nombres, $m$ et $s$ sa moyenne et son écart-type, $A$ le noyau cherché.)
#
# | Exercice 2.4.c | difficulté ●●○ | 8 min | vérifié : mêmes logits que scikit-learn, formes de Keras |
# | --- | --- | --- | --- |
#
# Écrivez `dense_from_probe(mean, scale, weights, bias)`, avec `mean` et `scale` de forme `(D,)`, `weights` `(K, D)` et `bias` `(K,)`, comme scikit-learn les donne. Rendez le noyau `(D, K)` et le biais `(K,)` de la couche dense.


# %%
def dense_from_probe(mean, scale, weights, bias):
    """Kernel (D, K) and bias (K,) of the dense layer equal to a standardisation, then a linear layer."""
    ### BEGIN SOLUTION
    kernel = (weights / scale).T
    return kernel, bias - mean @ kernel
    ### END SOLUTION


# %% tags=["check"]
check.dense_from_probe(dense_from_probe)

# %% [markdown] tags=["solution"]
# L'écart-type divise les poids, et la moyenne passe dans le biais. La même algèbre sert, au moment du déploiement, à fondre une normalisation par lots dans la convolution qui la précède : `zoo.folded` l'a fait pour le tronc. Dans `labs`, votre fonction s'appelle `training.probe_weights`.

# %% [markdown]
# ## 6. L'ajustement fin, en deux phases
#
# La sonde prend les caractéristiques telles qu'elles sont. L'**ajustement fin** (*fine-tuning*) les modifie aussi, un peu. Trois précautions, chacune pour une raison :
#
# 1. **d'abord la couche de sortie, ensuite le reste.** Tirée au hasard, elle enverrait dans le réseau de grands gradients sans rapport avec la tâche, et abîmerait ce que l'on emprunte. Notre phase 1 est la sonde, posée dans cette couche dense ;
# 2. **des taux petits, et plus petits encore vers l'entrée** : les premiers étages voient des bords et des textures, qui servent partout ; les derniers sont plus propres à ImageNet (Yosinski et al. 2014) ; nous mesurerons si notre queue, déjà proche de la sortie, en a besoin ;
# 3. **les statistiques des normalisations par lots sont gelées.**
#
# Pourquoi la troisième ? En apprentissage, une `BatchNormalization` réduit ses entrées avec la moyenne et l'écart-type **du lot**, au lieu de ceux d'ImageNet. **Avant d'exécuter** : notre réseau, sonde au bout, classe juste près de 80 % des images. Combien en mode apprentissage, par lots de 25, sans changer un seul poids ? Et si les lots ne contiennent qu'une classe (à quelques lots près, à cheval sur deux) ? (Avant la couche dense, il y a un *dropout* de 20 %, comme dans Lite0. La mesure le laisse de côté : seules les normalisations changent de mode.)

# %%
dense = layers.Dense(10, name="output.dense")
model = keras.Sequential([tail, layers.Dropout(0.2), dense])
dense.set_weights(training.probe_weights(probe))
borrowed = tail.get_weights()  # to start again from ImageNet


@tf.function
def answer(some, training_mode):
    return dense(tail(some, training=training_mode))


def score_by_batches(order, training_mode):
    batches = np.array_split(order, max(1, len(order) // 25))
    logits = np.concatenate([answer(maps_test[b], training_mode) for b in batches])
    return np.mean(logits.argmax(axis=1) == y_test[order])


# %%
order = np.arange(tests)
modes = {"inférence": score_by_batches(order, False), "lots mêlés": score_by_batches(order, True)}
modes["lots d'une classe"] = score_by_batches(np.argsort(y_test, kind="stable"), True)
moved = max(np.abs(a - b).max() for a, b in zip(tail.get_weights(), borrowed))
tail.set_weights(borrowed)
for name, score in modes.items():
    print(f"{name} : {plots.percent(score)}")

# %% tags=["nbval-check-output"]
print("les statistiques gardées ont bougé, sans aucun gradient :", moved > 0.01)
print("lots d'une classe : moins juste que l'inférence, de 20 points ou plus :",
      modes["inférence"] - modes["lots d'une classe"] > 0.2)  # fmt: skip

# %% [markdown]
# La réponse du réseau dépend alors des **autres images du lot**. Avec des lots mêlés, il perd près de vingt points sans qu'un poids ait changé : la sonde a appris sur des caractéristiques calculées avec les statistiques d'ImageNet, et on lui en donne d'autres. Avec des lots d'une seule classe, il ne vaut guère mieux que le hasard : ce que ces images ont en commun, et qui les distingue des autres classes, est justement ce que la moyenne du lot retire. Et pendant ce temps, les statistiques gardées pour l'inférence dérivent, sans qu'aucun gradient n'intervienne. Avec peu d'images, mieux vaut garder celles d'ImageNet.
#
# Dans Keras, `layer.trainable = False` sur une `BatchNormalization` fait les deux : ses poids n'apprennent plus, **et** elle reste en mode inférence, même quand on appelle `model(x, training=True)`. C'est une exception voulue à la règle : pour toute autre couche, `trainable` et `training` sont indépendants.
#
# | Exercice 2.4.d | difficulté ●●○ | 8 min | vérifié : l'état de chaque couche, et le compte |
# | --- | --- | --- | --- |
#
# Écrivez `freeze(model, first)` : gelez toutes les couches qui précèdent celle nommée `first`, et **toutes** les `keras.layers.BatchNormalization` ; rendez les autres entraînables (`first` comprise). Renvoyez combien de **nombres** apprennent encore : les valeurs, et non les tableaux qui les contiennent.


# %%
def freeze(model, first):
    """Freeze the layers before `first` and every batch normalisation; return how many numbers still learn."""
    ### BEGIN SOLUTION
    names = [layer.name for layer in model.layers]
    for rank, layer in enumerate(model.layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = rank >= names.index(first) and not norm
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    ### END SOLUTION


# %% tags=["check"]
check.freeze(freeze)

# %% [markdown] tags=["solution"]
# L'ordre compte : `trainable` doit être réglé **avant** `compile`, ou avant de construire le pas d'apprentissage, qui retient la liste des variables.

# %% [markdown]
# Passons à la queue. Nous y gelons aussi les filtres par canal (`DepthwiseConv2D`) : ils ne représentent que 3,5 % de ses poids, et sur un processeur leur gradient prend environ 40 % du temps d'un pas. Lors de nos essais, les ajuster aussi a rapporté un point environ, pas plus.

# %%
for layer in tail.layers:
    layer.trainable = not isinstance(layer, (layers.BatchNormalization, layers.DepthwiseConv2D))
groups = [[v for layer in tail.layers if layer.name.startswith(stage) for v in layer.trainable_variables]
          for stage in ("stage6", "stage7", "head")] + [dense.trainable_variables]  # fmt: skip

# %% tags=["nbval-check-output"]
frozen_logits = dense(tail(maps_test[:25], training=True))
same = np.allclose(frozen_logits, dense(tail(maps_test[:25], training=False)), atol=1e-4)
print("normalisations gelées : les deux modes donnent la même chose :", same)
for name, group in zip(("fin de l'étage 6", "étage 7", "tête", "sortie"), groups):
    count = sum(int(np.prod(v.shape)) for v in group)
    print(f"{name} : {count:_} nombres (tableaux : {len(group)})".replace("_", " "))

# %% [markdown]
# Keras n'a pas de taux par couche. L'idée de multiplier le gradient d'un groupe par un petit facteur ne marche pas avec Adam : il divise le gradient par sa propre taille, et le facteur disparaît. Le plus simple est d'avoir **un optimiseur par groupe**. D'un groupe au précédent, le taux est divisé par 2,6, le rapport de Howard & Ruder (2018).


# %%
optimizers = [keras.optimizers.Adam() for _ in groups]
for optimizer, group in zip(optimizers, groups):
    optimizer.build(group)
cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        value = cost(y, model(x, training=True))
    for optimizer, group, slopes in zip(optimizers, groups, tape.gradient(value, groups)):
        optimizer.apply(slopes, group)


# %%
def begin(probe):
    """The tail of ImageNet, the probe in the dense layer (phase 1), optimizers that remember nothing."""
    tail.set_weights(borrowed)
    dense.set_weights(training.probe_weights(probe))
    for optimizer in optimizers:
        for variable in optimizer.variables:
            variable.assign(ops.zeros_like(variable))


# %%
def fine_tune(kept, probe, epochs, rates, batch=25):
    """Phase 2: `epochs` passes, one rate a group, raised then lowered in one cycle. Test accuracy."""
    begin(probe)
    rng, count = np.random.default_rng(0), len(kept) // batch
    orders = np.concatenate([rng.permutation(kept)[: count * batch].reshape(-1, batch) for _ in range(epochs)])
    cycle = training.OneCycle(1.0, len(orders))
    for rank, ranks in enumerate(orders):
        for optimizer, rate in zip(optimizers, rates):
            optimizer.learning_rate = rate * float(cycle(rank))
        step(maps[ranks], y_pool[ranks])
    logits = model.predict(maps_test, batch_size=250, verbose=0)
    return np.mean(logits.argmax(axis=1) == y_test)


# %%
uniform = [3e-4] * 4
graded = [3e-4 * 2.6**depth for depth in (-1.5, -0.5, 0.5, 1.5)]  # the same geometric mean
tuned = {middle: fine_tune(kept, probe, tuning_epochs[1], uniform)}
rows = [["sonde seule", probe.score(features_test, y_test)], ["le même taux partout", tuned[middle]]]
rows += [["taux croissants vers la sortie", fine_tune(kept, probe, tuning_epochs[1], graded)]]
plots.table([[name, plots.percent(value)] for name, value in rows], header=["", "exactitude"])

# %% [markdown]
# En quatre passages sur 500 images, l'ajustement fin gagne deux à trois points sur la sonde. Les taux croissants, ici, n'en gagnent qu'un : ils donnent le plus grand taux à la couche de sortie, que la sonde avait déjà réglée, et le plus petit à ce qu'il restait à ajuster. Un seul essai ne l'établirait pas : une exactitude mesurée sur 1500 images a un écart-type d'environ un point. Nous l'avons donc refait, hors de la leçon, sur cinq tirages des 500 images (`draw(50, graine)`, graines 0 à 4) : 78,9 % en moyenne pour la sonde, 81,9 % avec le même taux partout, 80,6 % avec les taux croissants, derrière à chaque tirage. Ces taux-là gardent la même moyenne géométrique, pour comparer ; Howard & Ruder choisissent le taux de la dernière couche, puis le divisent en remontant. Cela revient au même : 80,6 % en partant de $3 \times 10^{-4}$, 80,7 % de $10^{-3}$. Mais eux ajustent un réseau tout entier, dont les premières couches ont beaucoup à perdre ; ici, elles sont gelées. Gardons le plus simple, le même taux de $3 \times 10^{-4}$ partout.

# %% [markdown]
# ## 7. Combien d'étiquettes pour s'en passer ?
#
# Le rival est un réseau entraîné **depuis zéro** sur les mêmes images, en 32 pixels : trois étages « convolution, maximum 2×2, normalisation, ReLU », miroirs et décalages (leçon 2.3), un taux en un cycle. Il est petit, parce qu'un grand n'aurait pas assez d'images. Le maximum y précède la normalisation, qui a ainsi quatre fois moins de valeurs à traiter. **Pariez** : combien d'étiquettes par classe lui faut-il pour rejoindre la sonde ?


# %%
def stage(filters, size=3, strides=1):
    """Convolution, 2×2 maximum, normalisation, ReLU."""
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    convolution = layers.Conv2D(filters, size, strides, **options)
    return [convolution, layers.MaxPooling2D(2), layers.BatchNormalization(), layers.ReLU()]


# %%
def change(images, labels, rng):
    return augmentation.shift(augmentation.flip(images, rng), rng), labels


def from_scratch(kept, steps):
    """Test accuracy of a small network trained on these images only."""
    keras.utils.set_random_seed(0)
    x, x_new = ((images.astype("float32") / 255 - 0.47) / 0.25 for images in (x_pool[kept], x_test))
    batches = augmentation.Batches(x, y_pool[kept], change, batch_size=50)
    body = [*stage(16), *stage(32), *stage(64), layers.GlobalAveragePooling2D()]
    network = keras.Sequential([keras.Input((32, 32, 3)), *body, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(training.OneCycle(4e-3, steps)), loss)
    training.fit(network, batches, None, epochs=max(1, steps // len(batches)), watched=False)
    return np.mean(network.predict(x_new, batch_size=250, verbose=0).argmax(axis=1) == y_test)


# %%
probes, scratch = {}, {}
for count, epochs, steps in zip(counts, tuning_epochs, scratch_steps):
    sets = [draw(count, seed) for seed in range(draws if count < counts[-1] else 1)]
    fitted = [training.linear_probe(features[s], y_pool[s]) for s in sets]
    probes[count] = [one.score(features_test, y_test) for one in fitted]
    if count != middle:
        tuned[count] = fine_tune(sets[0], fitted[0], epochs, uniform)
    scratch[count] = from_scratch(sets[0], steps)
means = {count: np.mean(values) for count, values in probes.items()}

# %%
figure, axis = plt.subplots(figsize=(8.5, 5))
series = {"ajustement fin": tuned, "sonde linéaire": means, "depuis zéro": scratch}
series = {name: [100 * values[c] for c in counts] for name, values in series.items()}
words = {"title": "CIFAR-10 avec peu d'étiquettes", "xlabel": "images étiquetées par classe"}
plots.curves(series, **words, ylabel="exactitude (%)", alt="", x=counts, ax=axis)
low, high = ([100 * extreme(probes[c]) for c in counts] for extreme in (min, max))
axis.fill_between(counts, low, high, color=plots.COLORS[1], alpha=0.25)
axis.set(xscale="log", ylim=(0, 100))
axis.set_xticks(counts, counts)
axis.minorticks_off()
alt = "Trois courbes croissantes : l'ajustement fin, juste dessous la sonde, loin dessous le réseau depuis zéro"
plots.publish(figure, alt)

# %%
rows = []
for count in counts:
    values = (scratch[count], np.mean(probes[count]), min(probes[count]), max(probes[count]), tuned[count])
    rows.append([count, *(f"{100 * value:.1f}" for value in values)])
plots.table(rows, header=["par classe", "depuis zéro", "sonde, moyenne", "min", "max", "ajustement fin"])

# %% tags=["nbval-check-output"]
gain = means[middle] - scratch[middle]
print(f"sonde à {middle} par classe, moyenne de {draws} tirages, au moins 78 % :", means[middle] > 0.78)
print("au moins 25 points de plus que depuis zéro :", gain > 0.25)
print("ajustement fin, au moins aussi juste que la sonde :", tuned[middle] > means[middle])
print("la sonde à 10 bat le réseau depuis zéro à 200 :", means[counts[0]] > scratch[counts[-1]])

# %% [markdown]
# Avec **10** étiquettes par classe, la sonde classe juste près de 70 % des images ; avec 200, le réseau parti de zéro n'en classe pas juste la moitié. Combien lui en faudrait-il pour rejoindre la sonde ? Plus de 200 en tout cas, le plus grand nombre essayé. À 50 par classe, l'écart est de près de 40 points. L'ajustement fin ajoute environ trois points à la sonde. (La bande autour de la sonde va du plus bas au plus haut de trois tirages ; à 200 par classe, nous prenons toute notre réserve, donc un seul tirage ; à 50, les tirages ont des images en commun, et la bande est un peu trop étroite. Les deux autres courbes n'ont qu'un tirage partout.)
#
# Le réseau depuis zéro n'est pas le meilleur que l'on puisse faire : lors de nos essais, avec un taux maximal de 0,01 au lieu de 0,004, il a atteint 52 % à 200 par classe, mais seulement 20 % à 10 ; à 50, avec ce taux et 600 pas au lieu de 250, il a atteint 46 %. L'écart avec la sonde n'y est plus que de 33 points, et la conclusion ne change pas. Mais regardez les pentes : c'est lui qui progresse le plus vite. Avec les 5000 images par classe de CIFAR-10, le ResNet-20 de He et al. (2016) atteint 91 % en partant de zéro, plus que tout ce que montre notre figure. **Le transfert vaut surtout quand les étiquettes sont rares.**

# %% [markdown]
# ## 8. Quand le prêt trompe : des panneaux routiers
#
# Changeons de tâche : reconnaître 48 panneaux. `datasets.signs()` donne un dessin de chacun. On l'incruste dans une vraie photographie, avec une taille, une rotation, une place et une luminosité tirées au hasard. ImageNet a une classe *street sign*, panneau de rue, et rien de plus précis.
#
# C'est un monde simplifié : un seul dessin par panneau, quatre photographies de fond, ni flou ni saleté. Un réseau à qui l'on a prêté des yeux devrait y briller. **Pariez** : sonde sur Lite0, ou petit réseau depuis zéro ?

# %%
signs = datasets.signs()
backgrounds = [datasets.photo(name) for name in datasets.PHOTOS]  # decoded once


def compose(sign, rng, size=128):
    """A sign (128, 128, 4) on a random piece of photograph, at a random size, angle, place and light."""
    photo = backgrounds[rng.integers(len(backgrounds))]
    top, left = (rng.integers(length - size) for length in photo.shape[:2])
    move = cv2.getRotationMatrix2D((64, 64), rng.uniform(-10, 10), rng.uniform(0.5, 0.9) * size / 128)
    move[:, 2] += size / 2 - 64 + rng.uniform(-0.05, 0.05, 2) * size
    layer = cv2.warpAffine(sign.astype("float32") / 255, move, (size, size))
    opacity = layer[..., 3:]
    mixed = photo[top : top + size, left : left + size] * (1 - opacity)
    return np.clip(mixed + rng.uniform(0.6, 1.1) * layer[..., :3] * opacity, 0, 1)


# %%
rng = np.random.default_rng(0)
sign_labels, sign_labels_test = (np.repeat(np.arange(48), count) for count in views)
x_signs, x_signs_test = (np.stack([compose(signs.images[c], rng) for c in labels])
                         for labels in (sign_labels, sign_labels_test))  # fmt: skip
some = ("vitesse 30", "vitesse 80", "à droite", "à gauche", "virage à gauche", "animaux sauvages")
plots.show({name: x_signs_test[views[1] * signs.class_names.index(name)] for name in some}, size=2.2)

# %%
signs_features, signs_features_test = (zoo.predict(lender, x) for x in (x_signs, x_signs_test))
sign_probe = training.linear_probe(signs_features, sign_labels, penalty=0.03)
guesses = {"sonde sur Lite0": sign_probe.predict(signs_features_test)}

# %%
keras.utils.set_random_seed(0)
body = [*stage(24, size=5, strides=2), *stage(48), *stage(96), layers.Flatten()]
rookie = keras.Sequential([keras.Input((48, 48, 3)), *body, layers.Dense(48)])
reduced, reduced_test = (np.stack([cv2.resize(one, (48, 48), interpolation=cv2.INTER_AREA) for one in x])
                         for x in (x_signs, x_signs_test))  # fmt: skip

# %%
shifted = lambda images, labels, rng: (augmentation.shift(images, rng), labels)
batches = augmentation.Batches(reduced * 4 - 1.8, sign_labels, shifted, batch_size=48)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
schedule = training.OneCycle(3e-3, sign_epochs * len(batches))
rookie.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
history = training.fit(rookie, batches, None, epochs=sign_epochs)
logits = rookie.predict(reduced_test * 4 - 1.8, batch_size=240, verbose=0)
guesses["depuis zéro"] = logits.argmax(axis=1)

# %%
speed = sign_labels_test < 10  # the first ten classes are the speed limits
right = {name: guess == sign_labels_test for name, guess in guesses.items()}
masks = (speed >= 0, speed, ~speed)
rows = [[name, *(f"{100 * values[mask].mean():.0f}" for mask in masks)] for name, values in right.items()]
plots.table(rows, header=["exactitude (%)", "48 panneaux", "limites de vitesse", "les autres"])

# %% tags=["nbval-check-output"]
print("la sonde se trompe plus d'une fois sur quatre :", right["sonde sur Lite0"].mean() < 0.75)
print("le réseau depuis zéro a au moins 85 % :", right["depuis zéro"].mean() > 0.85)
wrong = speed & ~right["sonde sur Lite0"]
among = np.mean(guesses["sonde sur Lite0"][wrong] < 10)
print("vitesses mal lues par la sonde, prises pour une autre vitesse, plus de 3 sur 4 :", among > 0.75)

# %% [markdown]
# Le petit réseau, parti de rien, gagne largement, avec vingt vues par panneau seulement ; la sonde se trompe une fois sur trois, et une fois sur deux sur les limites de vitesse. Le petit réseau a bien un avantage, les décalages tirés au hasard. Mais la pénalité de la sonde a été choisie en sa faveur, sur des images de test pareilles à celles-ci : avec celle de la section 5, elle tombe vers 50 % ; avec une pénalité dix fois plus faible encore, elle ne gagne qu'un point.
#
# La sonde sait qu'elle voit une limite de vitesse ; elle ne sait pas **laquelle**. L'explication la plus probable : ImageNet n'a qu'une classe pour les panneaux de rue ; ce qui est écrit dessus ne changeait rien à la réponse, et rien n'a poussé le réseau à le lire. De plus, la moyenne finale de chaque carte oublie **où** sont les choses. Regardons maintenant les panneaux qui vont par deux, l'un étant à peu près le miroir de l'autre. **Prévoyez** ce que fera la sonde.

# %%
pairs = (("à droite", "à gauche"), ("contourner à droite", "contourner à gauche"),
         ("interdit à droite", "interdit à gauche"), ("virage à droite", "virage à gauche"))  # fmt: skip
rows = []
for pair in pairs:
    ranks = [signs.class_names.index(name) for name in pair]
    of_pair = np.isin(sign_labels_test, ranks)
    for name, guess in guesses.items():
        swapped = np.isin(guess, ranks) & (guess != sign_labels_test) & of_pair
        exact = (guess == sign_labels_test)[of_pair].sum()
        rows.append([" / ".join(pair), name, f"{exact} sur {of_pair.sum()}", swapped.sum()])
plots.table(rows, header=["paire en miroir", "réseau", "justes", "l'un pour l'autre"])

# %% [markdown]
# Dans les deux premières paires, où les dessins sont presque des miroirs exacts, la sonde n'en lit juste que la moitié au plus, et dit souvent l'un pour l'autre. Dans les deux autres, elle se trompe encore souvent (10 et 5 justes sur 16), mais l'échange explique une plus petite part de ses erreurs (1 sur 6 et 4 sur 11). Ces dessins-là diffèrent aussi par autre chose : la barre d'une interdiction ne se retourne pas avec la flèche, et les deux virages ne sont pas dessinés de la même façon. Le petit réseau, lui, n'échange qu'une vue sur 64. Cherchons la cause : comparons les caractéristiques d'un panneau et de son **image dans un miroir**, puis celles de deux vues du **même** panneau.


# %%
def cosines(a, b):
    return np.sum(unit(a) * unit(b), axis=1)


first = np.arange(0, len(sign_labels_test), views[1])  # the first view of each sign
one, other = signs_features_test[first], signs_features_test[first + 1]
mirrored = zoo.predict(lender, np.ascontiguousarray(x_signs_test[first, :, ::-1]))
likeness = {"une vue et son miroir": cosines(one, mirrored).mean()}
likeness["deux vues du même panneau"] = cosines(one, other).mean()
likeness["deux panneaux différents"] = cosines(one, np.roll(one, 7, axis=0)).mean()
for name, value in likeness.items():
    print(f"{name} : cosinus moyen {value:.2f}")

# %% tags=["nbval-check-output"]
print("miroir, plus de 0,9 :", likeness["une vue et son miroir"] > 0.9)
print("deux vues du même panneau, moins de 0,7 :", likeness["deux vues du même panneau"] < 0.7)

# %% [markdown]
# Pour Lite0, un panneau et son miroir sont presque **la même image** : leur cosinus est de 0,96, bien plus que celui de deux vues du même panneau, 0,53, qui ne dépasse que de 0,10 celui de deux panneaux différents, 0,43. Le fond, la taille ou la lumière changent plus ces caractéristiques que le retournement de toute l'image. Pour des photographies, c'est une qualité : un chat retourné est un chat, et les réseaux d'ImageNet s'entraînent d'ordinaire avec des miroirs tirés au hasard, ce qui leur enseigne cette invariance. Pour lire une flèche, c'est une perte. Le petit réseau, lui, n'a jamais vu de miroir, et garde la place de chaque chose (`Flatten`) : il ne prend presque jamais un panneau pour son miroir.
#
# N'en concluez pas que le transfert échoue sur des dessins : ajusté en entier, le réseau y réussirait sans doute, car ses premières couches voient bien les bords des chiffres. Retenez plutôt qu'un réseau **figé**, lu à sa dernière couche, rend surtout ce dont sa première tâche avait besoin.

# %% [markdown]
# ## À retenir
#
# - Convolution séparable : filtrer chaque canal, puis mélanger en 1×1 ; son coût est $1/C_{sortie} + 1/h^2$ fois celui d'une ordinaire.
# - Peu d'étiquettes ? D'abord les caractéristiques et une sonde linéaire : quelques secondes, et un repère que tout le reste doit battre.
# - Ajustement fin : la couche de sortie d'abord, de petits taux ensuite, les normalisations par lots gelées (`trainable = False`) ; un optimiseur par groupe de couches si les taux diffèrent.
# - Les couches que l'on ne modifie pas ne se calculent qu'une fois : gardez leurs cartes.
# - Un réseau emprunté apporte aussi ses **invariances**. Demandez-vous si votre tâche a besoin de ce qu'il a appris à ignorer : le miroir, la place, le détail.
#
# ## Questionnaire
#
# 1. Convolution 3×3 de 64 canaux vers 128 : combien de poids, sans biais, en ordinaire ? En séparable ?
# 2. Pourquoi ramener chaque caractéristique à un écart-type de 1 avant une régression pénalisée ?
# 3. `layer.trainable = False` sur une normalisation par lots : que change-t-il, en plus de geler $\gamma$ et $\beta$ ?
# 4. Pourquoi multiplier un gradient par 0,1 ne change-t-il presque rien avec Adam ?
# 5. On vous demande de distinguer des radiographies du côté gauche et du côté droit avec un réseau d'ImageNet figé. Que craignez-vous ?
#
# <details><summary>Réponses</summary>
#
# 1. $9 \times 64 \times 128 = 73\,728$ ; $9 \times 64 + 64 \times 128 = 8\,768$. 2. La pénalité est la même pour tous les poids : une caractéristique de petite échelle aurait besoin d'un grand poids, et serait pénalisée à tort. 3. La couche reste en mode inférence : elle utilise ses moyennes gardées, qui ne bougent plus. 4. Adam divise la moyenne du gradient par la racine de la moyenne de son carré : le facteur se simplifie. 5. Le réseau a sans doute appris, par les miroirs de son augmentation, à donner presque les mêmes caractéristiques aux deux : il faudra l'ajuster, ou apprendre depuis zéro.
#
# </details>
#
# ## Pour aller plus loin
#
# - Prenez les caractéristiques des panneaux plus tôt dans le réseau : la moyenne des cartes de `stage3-2.add`, de `stage5-3.add`, de `stage6-4.add`. Où la sonde est-elle la meilleure ?
# - Ajustez finement la queue de Lite0 sur les panneaux. Combien de passages pour rejoindre le petit réseau ?
# - Refaites les courbes de la section 7 en agrandissant à 64 pixels, puis à 224 : que gagne-t-on, pour quel temps ?
# - Kornblith et al. (2019) comparent seize réseaux sur douze tâches : en général, les plus justes sur ImageNet se transfèrent le mieux. Mais sur deux petits jeux aux classes très voisines, des modèles de voitures et des modèles d'avions, partir d'ImageNet n'apporte presque rien. Quel rapport avec nos panneaux ?
