# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # ResNet, DenseNet
#
# > Ajoutez des couches à un bon réseau : il apprend moins bien, même les images qu'il a sous les yeux. Vous allez reproduire ce paradoxe, puis le faire disparaître avec une simple addition, et finir par entraîner, en deux minutes environ, un réseau qui reconnaît quatre photographies sur cinq.
#
# **À la fin, vous saurez** écrire un bloc résiduel et son raccourci sans poids, dire ce que deviennent le signal et le gradient dans un réseau de 56 couches, compter les cartes et les poids d'un bloc dense, lire ce qu'un DenseNet réutilise, et réunir augmentation, lissage des étiquettes, cycle unique et blanchiment en une recette d'entraînement.
#
# **Prérequis** : leçons 1.3, 1.4 et 2.2 · **Durée** : 90 min · **Références** : He et al. 2016a, *Deep Residual Learning for Image Recognition* ; He et al. 2016b, *Identity Mappings in Deep Residual Networks* ; Huang et al. 2017, *Densely Connected Convolutional Networks* ; Balduzzi et al. 2017, *The Shattered Gradients Problem* ; DeVries & Taylor 2017 (*cutout*) ; Zhang et al. 2018 (*mixup*) ; Page 2019, *How to Train Your ResNet 8: Bag of Tricks* ; Yang et al. 2019, *A Mean Field Theory of Batch Normalization* ; Jordan 2024, *94% on CIFAR-10 in 3.29 Seconds on a Single GPU*

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

from labs import augmentation, datasets, plots, training, weights, zoo
from labs.checks import cnn as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`.

# %%
seeds = range(runtime.budget(rapide=1, cours=3, complet=3))  # of the degradation
deep = runtime.budget(rapide=14, cours=26, complet=56)  # layers of its deep networks
few = runtime.budget(rapide=200, cours=1000, complet=10_000)  # images that they learn
passes = runtime.budget(rapide=2, cours=4, complet=20)  # epochs
judged = runtime.budget(rapide=200, cours=4000, complet=10_000)  # test images of CIFAR-10
count = runtime.budget(rapide=1024, cours=20_000, complet=50_000)  # training images of the recipe
epochs = runtime.budget(rapide=1, cours=7, complet=18)  # of the recipe
width = runtime.budget(rapide=8, cours=22, complet=24)  # maps of its first stage

# %% [markdown]
# ## 1. Plus profond, et moins bon
#
# Un réseau de 26 couches peut faire tout ce que fait un réseau de 8 couches : il suffit que 18 de ses couches ne changent rien. Il devrait donc apprendre **au moins** aussi bien ses images d'entraînement. Vérifions, avec des convolutions 3×3 et une normalisation par lot (*batch normalization*) après chacune, comme He et al. (2016a). Pour que ce soit rapide : 1 000 images de Fashion-MNIST réduites à 14×14, des réseaux étroits (8, 16 puis 32 cartes), trois graines, Adam.

# %%
clothes = datasets.load("fashion_mnist")
small = np.stack([cv2.resize(x, (14, 14), interpolation=cv2.INTER_AREA) for x in clothes.x_train[:few]])
small = small[..., None].astype("float32") / 255
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# %%
def training_losses(depth, block):
    """Loss on the training images, epoch by epoch, one list a seed."""
    model = zoo.resnet(depth, width=8, input_shape=(14, 14, 1), block=block)
    model.compile(keras.optimizers.Adam(0.005), cross_entropy)
    histories = []
    for seed in seeds:
        training.restart(model, seed)
        options = {"epochs": passes, "batch_size": 100, "verbose": 0}
        histories.append(model.fit(small, clothes.y_train[:few], **options).history["loss"])
    return histories


# %% [markdown]
# **Pariez** : après quatre passages sur les mêmes images, lequel aura le coût d'entraînement le plus bas ?

# %%
plain = {f"{depth} couches": training_losses(depth, "plain") for depth in (8, deep)}
title = "Réseaux ordinaires : coût sur les images d'entraînement"
alt = "Le réseau de 26 couches garde un coût d'entraînement bien plus haut que celui de 8 couches"
plots.curves(plain, title=title, xlabel="époque", ylabel="coût", alt=alt)

# %% tags=["nbval-check-output"]
shallow_plain, deep_plain = (np.array(losses)[:, -1] for losses in plain.values())
print("pire graine à 8 couches < meilleure graine, réseau profond :", shallow_plain.max() < deep_plain.min())

# %% [markdown]
# Les bandes vont de la meilleure à la pire des trois graines : à la fin, elles sont loin l'une de l'autre. Le réseau profond apprend **moins bien ses propres images**. Ce n'est donc pas du surapprentissage, qui abaisse le coût d'entraînement et relève celui de test. He et al. l'appellent la **dégradation**. La solution « 18 couches qui ne changent rien » existe, mais la descente de gradient ne la trouve pas. Quarante pas, c'est peu ; mais He et al. ont aussi essayé trois fois plus de pas que prévu, et la dégradation est restée. Ils supposent qu'une pile de convolutions et de ReLU a du mal à approcher l'identité.

# %% [markdown]
# ## 2. Le bloc résiduel
#
# Si l'identité est difficile à apprendre, donnons-la. Un **bloc résiduel** n'apprend que l'écart $F$, le **résidu**, et un **raccourci** (*shortcut*) lui ajoute son entrée :
#
# $$ y = \mathrm{ReLU}\big(x + F(x)\big), \qquad F(x) = W_2 * \mathrm{ReLU}(W_1 * x) $$
#
# Pour ne rien changer à un $x$ positif, il suffit maintenant que $F$ soit nul.
#
# | Exercice 2.3.a | difficulté ●○○ | 8 min | vérifié : égal à Keras ; images non carrées, résidu nul |
# | --- | --- | --- | --- |
#
# Écrivez ce bloc, sans normalisation ni biais, avec `ops.conv(x, noyau, padding="same")` et `ops.relu`. Les noyaux ont la forme `(3, 3, entrées, sorties)`.


# %%
def residual_block(x, first, second):
    """ReLU(x + F(x)): F is a convolution by `first`, a ReLU, a convolution by `second`; same shape as x."""
    ### BEGIN SOLUTION
    residual = ops.relu(ops.conv(x, first, padding="same"))
    residual = ops.conv(residual, second, padding="same")
    return ops.relu(x + residual)
    ### END SOLUTION


# %% tags=["check"]
check.residual_block(residual_block)

# %% [markdown] tags=["solution"]
# La dernière ReLU vient **après** l'addition. Placée avant, elle rendrait le résidu positif : le bloc pourrait ajouter à $x$, jamais en retrancher.

# %% [markdown]
# Deux fois dans le réseau, la taille est divisée par deux et le nombre de cartes double : $x$ et $F(x)$ n'ont plus la même forme. He et al. ont alors deux raccourcis : l'**option A** garde un pixel sur deux et complète, **après** les cartes de $x$, par des cartes de zéros ; l'**option B** passe par une convolution 1×1 de pas 2, qui a des poids. Sur CIFAR-10, ils prennent la première.
#
# | Exercice 2.3.b | difficulté ●○○ | 6 min | vérifié : égal à une convolution 1×1 qui recopie ; tailles impaires, pas de 1, 2 et 3 |
# | --- | --- | --- | --- |
#
# Écrivez ce raccourci, en NumPy, pour des images `(N, H, L, C)` avec $C \le$ `filters`.


# %%
def shortcut(x, filters, stride):
    """Option A: one pixel in `stride`, then maps of zeros up to `filters` maps."""
    ### BEGIN SOLUTION
    kept = x[:, ::stride, ::stride]
    return np.pad(kept, ((0, 0), (0, 0), (0, 0), (0, filters - x.shape[3])))
    ### END SOLUTION


# %% tags=["check"]
check.shortcut(shortcut)

# %% [markdown] tags=["solution"]
# Aucun poids, aucune multiplication. Trois pixels sur quatre sont perdus pour le raccourci, mais pas pour le résidu, dont les fenêtres 3×3 les lisent tous.

# %% [markdown]
# `zoo.resnet` construit les réseaux de l'article pour CIFAR : $6n + 2$ couches, en trois étages de $n$ blocs de 16, 32 puis 64 cartes, option A. Voici $n = 3$, le **ResNet-20**. **Comptez** ses couches sur la figure : un bloc en a deux.

# %%
resnet20 = zoo.resnet(20)
alt = "Les onze blocs du ResNet-20 : trois étages, 32×32×16, 16×16×32 et 8×8×64, et la part de chacun"
plots.architecture(zoo.blocks(resnet20), title="ResNet-20 pour CIFAR-10", alt=alt)

# %% tags=["nbval-check-output"]
rows = []
for depth, published in ((20, "0,27 M"), (56, "0,85 M")):
    numbers = [zoo.resnet(depth, block=block).count_params() for block in ("plain", "residual")]
    rows.append([f"{depth} couches", *(f"{n:,}".replace(",", " ") for n in numbers), published])
plots.table(rows, header=["réseau", "ordinaire", "résiduel", "article"])

# %% [markdown]
# Une convolution d'entrée, neuf blocs de deux, une couche de sortie : 20 couches.
#
# Avec ou sans raccourcis, **le même nombre de poids** : si la dégradation disparaît, ce ne sera pas grâce à eux. (Keras compte aussi les moyennes et variances de la normalisation, qui ne s'apprennent pas.) Reprenons l'expérience avec les raccourcis, sans rien changer d'autre.

# %%
residual = {f"{depth} couches": training_losses(depth, "residual") for depth in (8, deep)}
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), sharey=True)
for axis, (name, losses) in zip(axes, {"ordinaires": plain, "résiduels": residual}.items()):
    title = f"Réseaux {name}"
    plots.curves(losses, title=title, xlabel="époque", ylabel="coût d'entraînement", alt="", ax=axis)
alt = "À gauche le réseau profond est le moins bon ; à droite, avec raccourcis, il est le meilleur"
plots.publish(figure, alt)

# %%
for name, losses in {"ordinaire": plain, "résiduel": residual}.items():
    for depth, values in losses.items():
        last = np.array(values)[:, -1]
        print(f"{name:9} · {depth} · coût final {last.mean():.2f} (de {last.min():.2f} à {last.max():.2f})")

# %% tags=["nbval-check-output"]
shallow_residual, deep_residual = (np.array(losses)[:, -1] for losses in residual.values())
print("réseaux profonds, pire résiduel < meilleur ordinaire :", deep_residual.max() < deep_plain.min())
print("résiduels, en moyenne, profond < 8 couches :", deep_residual.mean() < shallow_residual.mean())

# %% [markdown]
# À 8 couches, les raccourcis ne changent presque rien (0,70 sans, 0,69 avec). À 26 couches, ils changent tout : le coût final passe de 1,18 à 0,45, et le réseau profond, de bon dernier, devient le meilleur des quatre. Le paradoxe a disparu : plus profond, le réseau apprend mieux.
#
# Dans l'article, sur CIFAR-10, un réseau ordinaire de 56 couches a une erreur d'entraînement plus haute que celui de 20 ; avec les raccourcis, l'erreur de test descend de 8,75 % (20 couches) à 6,97 % (56) et 6,43 % (110, le meilleur de cinq essais).

# %% [markdown]
# ## 3. Où passe le gradient ?
#
# On lit souvent que les raccourcis évitent l'évanouissement du gradient. He et al. jugent pourtant **peu probable** que ce soit la cause de la dégradation : avec la normalisation par lot, disent-ils, ni le signal ni le gradient de leurs réseaux ordinaires ne s'évanouissent. Mesurons. Trois réseaux de 56 couches, juste initialisés : ordinaire, résiduel, et **préactivé**, la variante de He et al. (2016b), où normalisation et ReLU viennent avant chaque convolution et où le raccourci n'est jamais touché.
#
# Une astuce pour voir ce que fait la normalisation : avant tout entraînement, en mode inférence, ses moyennes valent 0 et ses variances 1, si bien qu'elle ne fait presque rien. `training=False` donne ici le réseau **sans** normalisation.
#
# **Pariez** : dans le réseau ordinaire, le gradient sera-t-il plus petit ou plus grand près de l'entrée ? Avec normalisation ? Sans ?


# %%
def untrained(block):
    """A network of 56 layers, drawn with the same seed each time."""
    keras.utils.set_random_seed(0)
    return zoo.resnet(56, width=8, input_shape=(14, 14, 1), block=block)


def gradient_norms(model, normalised):
    """Norm of the gradient for the kernel of each convolution, first layer first."""
    kernels = [layer.kernel.value for layer in model.layers if isinstance(layer, layers.Conv2D)]
    with tf.GradientTape() as tape:
        loss = cross_entropy(clothes.y_train[:100], model(small[:100], training=normalised))
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, kernels)]


# %%
kinds = {"ordinaire": "plain", "résiduel": "residual", "préactivé": "preactivation"}
networks = {name: untrained(block) for name, block in kinds.items()}
norms = {}
for mode in (False, True):  # True comes last: it moves the statistics that False reads
    norms[mode] = {name: gradient_norms(model, mode) for name, model in networks.items()}
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), sharey=True)
for axis, (mode, title) in zip(axes, {True: "avec normalisation", False: "sans normalisation"}.items()):
    names = {"xlabel": "convolution, de l'entrée à la sortie", "ylabel": "norme du gradient"}
    plots.curves(norms[mode], title=f"56 couches, {title}", **names, alt="", log=True, ax=axis)
alt = "Avec normalisation, le réseau ordinaire explose vers l'entrée ; sans, ceux à raccourcis sont énormes"
plots.publish(figure, alt)

# %% tags=["nbval-check-output"]
ratio = {name: values[0] / values[-1] for name, values in norms[True].items()}
print("ordinaire, première couche plus de 50 fois la dernière :", ratio["ordinaire"] > 50)
print("résiduel, rapport inférieur à 15 :", ratio["résiduel"] < 15)
print("sans normalisation, résiduel plus de 1000 fois l'ordinaire :",
      np.median(norms[False]["résiduel"]) > 1000 * np.median(norms[False]["ordinaire"]))  # fmt: skip

# %% [markdown]
# Le gradient du réseau ordinaire ne s'évanouit pas : il **explose** vers l'entrée, d'environ 15 % par couche ici. C'est la normalisation qui en est la cause : sans elle (à droite), rien n'explose dans ce réseau, et Yang et al. (2019) le démontrent pour de larges couches denses. Ce qui sort d'une ReLU est positif, et une part de son énergie est dans sa moyenne ; la normalisation retire cette moyenne et étire ce qui reste, donc aussi le gradient, à chaque couche. Yang et al. notent aussi que l'écart entre couches se réduit beaucoup dès le premier pas de la descente, ce qui peut réconcilier cette mesure avec celle de He et al.
#
# Avec les raccourcis, la norme reste dans un facteur 20 d'un bout à l'autre, contre plus de 1 000 dans le réseau ordinaire. Mais la norme n'explique pas tout : Adam, qui remet chaque gradient à l'échelle, n'a pas empêché la dégradation de la section 1. Balduzzi et al. (2017) montrent que, plus un réseau ordinaire est profond, plus les gradients de deux entrées voisines sont étrangers l'un à l'autre, jusqu'à ressembler à du bruit ; les raccourcis ralentissent beaucoup cette perte.
#
# Sans normalisation, c'est l'inverse. Dans le réseau ordinaire, le gradient est petit (autour d'un millième ou moins), mais à peu près le même à toutes les couches : c'est ce que veut l'initialisation de He. Dans le réseau résiduel, chaque addition double à peu près la variance du signal : 27 blocs, et tout est démesuré. **Raccourcis et normalisation vont ensemble** : la normalisation remet le résidu à l'échelle, le raccourci laisse passer le gradient.

# %% [markdown]
# ## 4. Pourquoi l'identité, exactement ?
#
# Oublions la dernière ReLU : $x_{l+1} = \lambda\,x_l + F_l(x_l)$. En déroulant de la première couche à la $L$-ième, le gradient de n'importe quel coût devient
#
# $$ \frac{\partial C}{\partial x_0} = \frac{\partial C}{\partial x_L} \left( \lambda^L + \cdots \right) $$
#
# où les points de suspension rassemblent les chemins qui passent par au moins un résidu. **Avant d'exécuter** : pour $L = 54$, que vaut $\lambda^L$ si $\lambda = 0{,}5$ ? $0{,}9$ ? $1{,}1$ ?


# %%
def chain_gradient(scale, blocks=54, size=64):
    """Norm of the gradient at the input, over that at the output, through x <- scale x + F(x), F small."""
    rng = np.random.default_rng(0)
    x = start = tf.constant(rng.normal(size=(32, size)))
    with tf.GradientTape() as tape:
        tape.watch(start)
        for _ in range(blocks):
            first, second = rng.normal(0, np.sqrt(2 / size), (2, size, size))
            x = scale * x + 0.1 * tf.nn.relu(x @ first) @ second
        direction = rng.normal(size=(32, size))
        cost = tf.reduce_sum(x * direction)
    return np.linalg.norm(tape.gradient(cost, start)) / np.linalg.norm(direction)


# %% tags=["nbval-check-output"]
rows = [[f"{s:.1f}".replace(".", ","), f"10^{54 * np.log10(s):.0f}", f"10^{np.log10(chain_gradient(s)):.0f}"]
        for s in (0.5, 0.9, 1.0, 1.1, 1.5)]  # fmt: skip
plots.table(rows, header=["λ", "λ^54", "gradient mesuré"])

# %% [markdown]
# À un facteur dix près, le gradient suit $\lambda^L$ : tout ce qui multiplie le raccourci, même par 0,9, finit par décider de tout. Seul $\lambda = 1$, l'identité, laisse le chemin direct intact à n'importe quelle profondeur. Encore faut-il que les autres chemins n'explosent pas : ici, les résidus sont petits (facteur $0{,}1$) ; dans un vrai réseau, la normalisation s'en charge (section 3). He et al. (2016b) ont mesuré l'effet de $\lambda$ sur CIFAR-10 : multiplier le raccourci et le résidu d'un ResNet-110 par 0,5 fait passer l'erreur de 6,61 % à 12,35 %. Une convolution 1×1, un *dropout* ou une normalisation sur le chemin du raccourci nuisent aussi.
#
# D'où la **préactivation** : dans le premier ResNet, une ReLU suit chaque addition, et coupe le chemin. Déplacée dans le résidu, elle le laisse intact de bout en bout. À 110 couches, le gain est faible (6,61 % → 6,37 % d'erreur) ; à 1 001 couches, il est net (7,61 % → 4,92 %).
#
# Vérifions sur nos deux variantes : si tous les résidus sont nuls, que reste-t-il d'une entrée **négative** ?


# %% tags=["nbval-check-output"]
def without_residuals(block):
    """First block of a network whose convolutions are all zero: what the shortcut makes of -1, 0 and 1."""
    model = zoo.resnet(8, width=3, input_shape=(4, 4, 3), block=block)
    entry, end = {"residual": ("stem.relu", "relu2"), "preactivation": ("stem.conv", "add")}[block]
    part = keras.Model(model.get_layer(entry).output, model.get_layer(f"stage1-1.{end}").output)
    part.set_weights([0 * values if values.ndim == 4 else values for values in part.get_weights()])
    return np.asarray(part(np.full((1, 4, 4, 3), [-1, 0, 1], "float32")))[0, 0, 0]


for name, block in {"résiduel": "residual", "préactivé": "preactivation"}.items():
    print(f"{name:10} (-1, 0, 1) →", without_residuals(block).astype(int))

# %% [markdown]
# Le bloc préactivé est exactement l'identité. L'autre ne l'est que pour les valeurs positives ; mais comme une ReLU le précède aussi, ses entrées le sont toujours, et la ReLU ne coupe que ce qu'un résidu a rendu négatif.

# %% [markdown]
# ## 5. ResNet-20, entraîné longtemps
#
# Entraîner ce réseau comme il faut demande plus d'une heure sur deux cœurs. `scripts/train_classifiers.py resnet20` l'a fait une fois, sur les 50 000 images officielles, et le cours en livre les poids. Les voici, devant les 4 000 images de test embarquées, qu'il n'a jamais vues.

# %%
data = datasets.load("cifar10")
x_test, y_test = data.x_test[:judged].astype("float32") / 255, data.y_test[:judged]
weights.restore(resnet20, "resnet20")
logits = resnet20.predict(x_test, batch_size=250, verbose=0)
right = plots.percent(np.mean(logits.argmax(axis=1) == y_test))
print(f"ResNet-20 : {right} sur {len(y_test)} images de test")

# %% tags=["nbval-check-output"]
print("au moins 88 % :", np.mean(logits.argmax(axis=1) == y_test) >= 0.88)

# %% [markdown]
# Sur les 10 000 images officielles, le script a mesuré 90,7 %, en 26 époques ; l'article donne 91,25 % en 164 époques environ (64 000 pas).
#
# Où se trompe-t-il ? Chaque ligne de la matrice est la vraie classe, chaque colonne la réponse. **Pariez** sur la paire la plus confondue.

# %%
errors = np.zeros((10, 10))
np.add.at(errors, (y_test, logits.argmax(axis=1)), 1)
errors /= np.maximum(errors.sum(axis=1, keepdims=True), 1)
np.fill_diagonal(errors, 0)
row, column = np.unravel_index(errors.argmax(), errors.shape)
worst = f"{data.class_names[row]} pris pour {data.class_names[column]}"
print(f"l'erreur la plus fréquente : {worst} ({plots.percent(errors.max())} des images de cette classe)")

# %%
figure, axis = plt.subplots(figsize=(7, 6))
axis.imshow(errors, cmap="cividis")
axis.set(title="Erreurs du ResNet-20, en % de la vraie classe", xlabel="réponse", ylabel="vraie classe")
axis.set_xticks(range(10), data.class_names, rotation=40, ha="right")
axis.set_yticks(range(10), data.class_names)
axis.grid(False)
for row, column in np.argwhere(errors >= 0.005):
    shade = "black" if errors[row, column] > errors.max() / 2 else "white"
    axis.text(column, row, f"{100 * errors[row, column]:.0f}", ha="center", va="center", color=shade)
plots.publish(figure, f"Matrice des erreurs du ResNet-20 ; la plus fréquente : {worst}")

# %% [markdown]
# C'est le chien pris pour un chat, une fois sur huit ; l'inverse vient juste après. Même taille, même pelage, mêmes fonds : c'est sans doute la raison. Viennent ensuite les oiseaux pris pour des avions. À 32 pixels, nous ferions sans doute les mêmes fautes.

# %% [markdown]
# ## 6. DenseNet : ne rien oublier
#
# Un ResNet **additionne** : une fois mêlées, deux cartes ne se séparent plus. DenseNet (Huang et al. 2017) **juxtapose** : dans un **bloc dense**, chaque couche lit les cartes de toutes celles qui la précèdent, et en ajoute $k$, le **taux de croissance** (*growth rate*). Avec $k_0$ cartes à l'entrée, la couche $l$ en lit $k_0 + k\,(l-1)$.
#
# Comme rien n'est à recopier, $k$ peut être petit : 12 suffit. Deux économies complètent la variante **DenseNet-BC** : une convolution 1×1 réduit d'abord les cartes lues à $4k$ (*bottleneck*), et entre deux blocs, une transition n'en garde que la moitié (*compression*).
#
# | Exercice 2.3.c | difficulté ●●○ | 10 min | vérifié : égal au compte de Keras ; un bloc vide, une couche, plusieurs |
# | --- | --- | --- | --- |
#
# Un bloc dense reçoit `maps` cartes et a `depth` couches : chacune est une convolution 1×1 vers $4k$ cartes, puis une 3×3 vers $k$. Renvoyez, dans cet ordre, le nombre de cartes à sa sortie et le nombre de poids de ses convolutions, sans biais ni normalisation. `growth` est $k$.


# %%
def dense_block(maps, depth, growth):
    """(maps at the end of the block, weights of its convolutions)."""
    ### BEGIN SOLUTION
    total = 0
    for _ in range(depth):
        total += maps * 4 * growth + 9 * 4 * growth * growth
        maps += growth
    return maps, total
    ### END SOLUTION


# %% tags=["check"]
check.dense_block(dense_block)

# %% [markdown] tags=["solution"]
# Le coût d'une couche a deux morceaux : la 3×3, toujours la même, et la 1×1, qui grandit avec ce qu'elle lit. Sans la 1×1, la 3×3 lirait tout et coûterait $9\,k\,c$ : plus cher dès que $c$ dépasse à peu près $7\,k$.

# %% [markdown]
# Le DenseNet-BC de 40 couches, $k = 12$ : trois blocs de six couches, 24 cartes au départ. **Prévoyez** les cartes à la sortie de chaque bloc avant de lire la figure.

# %%
densenet40 = zoo.densenet(40, growth=12)
alt = "Les blocs d'un DenseNet-BC de 40 couches : 96 cartes, puis 48, 120, 60 et enfin 132"
plots.architecture(zoo.blocks(densenet40), title="DenseNet-BC, 40 couches, croissance 12", alt=alt)

# %% tags=["nbval-check-output"]
rows = []
for name, model in {"ResNet-20": resnet20, "DenseNet-BC 40": densenet40}.items():
    parts = zoo.blocks(model)
    total = [sum(part.parameters for part in parts), sum(part.multiplications for part in parts)]
    rows.append([name, f"{total[0] / 1e3:.0f} k", f"{total[1] / 1e6:.0f} M"])
plots.table(rows, header=["réseau", "paramètres", "multiplications"])

# %% [markdown]
# Les trois blocs rendent $24 + 6 \times 12 = 96$, puis $48 + 72 = 120$, puis $60 + 72 = 132$ cartes. Le réseau a moins de poids que le ResNet-20, mais plus de multiplications, et ses convolutions rendent trois fois plus de valeurs, qu'il faut garder en mémoire pour l'apprentissage. Deux fois plus profond, il est aussi plus lent à entraîner. L'article obtient, avec augmentation, 4,51 % d'erreur pour 0,8 million de paramètres (100 couches, $k = 12$).
#
# Le cours livre les poids du nôtre, que le même script a entraîné comme le ResNet-20, mais plus longtemps : soixante époques sur les 50 000 images. Deux cœurs de processeur y passeraient au moins six heures ; un GPU y a mis sept minutes.

# %%
weights.restore(densenet40, "densenet40")
answers = densenet40.predict(x_test[:2000], batch_size=250, verbose=0).argmax(axis=1)
right = plots.percent(np.mean(answers == y_test[:2000]))
print(f"DenseNet-BC 40 : {right} sur {len(answers)} images de test")

# %% tags=["nbval-check-output"]
print("au moins 90 % :", np.mean(answers == y_test[:2000]) >= 0.9)

# %% [markdown]
# Le script a mesuré 92,3 % sur les 10 000 images officielles : mieux que le ResNet-20 (90,7 %), avec un tiers de poids en moins. La comparaison n'est pas à armes égales : ce réseau-ci a vu les images deux fois plus souvent, et chacune lui coûte plus de multiplications. L'article, lui, fait 300 époques.
#
# ### Ce que chaque couche réutilise
#
# Puisque les cartes restent séparées, on peut demander à chaque couche $l$ combien elle se sert des cartes de la couche $s$ : c'est la moyenne de la valeur absolue des poids qui les relient. La figure 5 de l'article montre cette mesure ; refaisons-la. Une différence : nous divisons par la moyenne de la couche qui lit, sans quoi l'initialisation de He, plus petite quand on lit plus de cartes, se verrait d'abord. 1 veut donc dire « autant que la moyenne de ce que lit cette couche » ; c'est aussi, à quelques pour cent près, ce que donnerait le tirage au hasard du départ. Comme l'article, nous ne regardons que les convolutions, sans le facteur $\gamma$ de la normalisation qui précède chaque lecture.


# %%
def reuse(model, block, growth=12, depth=6):
    """Mean |weight| from each source (row 0: block input) to each reader (last column: what follows)."""
    after = f"transition{block}.conv1" if block < 3 else "output.dense"
    readers = [*(f"dense{block}.conv{rank}a" for rank in range(1, depth + 1)), after]
    matrix = np.full((depth + 1, depth + 1), np.nan)
    for column, name in enumerate(readers):
        kernel = np.abs(model.get_layer(name).kernel.numpy())
        strength = kernel.reshape(kernel.shape[-2:]).mean(axis=1)  # one number a map that is read
        cuts = len(strength) - growth * np.arange(column, 0, -1)
        matrix[: column + 1, column] = [part.mean() / strength.mean() for part in np.split(strength, cuts)]
    return matrix


# %%
def heat_map(axis, matrix):
    picture = axis.imshow(matrix, cmap="viridis", vmin=0, vmax=2)
    for source, reader in np.argwhere(np.isfinite(matrix)):
        value = matrix[source, reader]
        shade = "black" if value > 1.2 else "white"
        axis.text(reader, source, f"{value:.2f}", ha="center", va="center", color=shade)
    axis.set_xticks(range(7), [*range(1, 7), "suite"])
    axis.set_yticks(range(7), ["entrée", *range(1, 7)])
    axis.grid(False)
    return picture


# %%
matrices = [reuse(densenet40, block) for block in (1, 2, 3)]
figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.8))
for block, (axis, matrix) in enumerate(zip(axes, matrices), start=1):
    picture = heat_map(axis, matrix)
    axis.set(title=f"bloc {block}", xlabel="couche qui lit", ylabel="cartes lues" if block == 1 else "")
figure.colorbar(picture, ax=axes, label="|poids| moyen (1 : moyenne de qui lit)")
alt = "Trois triangles : le poids moyen que chaque couche d'un bloc dense donne à chaque couche précédente"
plots.publish(figure, alt)

# %%
far = np.array([matrix[0, 1:6].mean() for matrix in matrices])
near = np.array([np.diag(matrix)[1:6].mean() for matrix in matrices])
print("poids que les couches 2 à 6 donnent à l'entrée de leur bloc :", np.round(far, 2))
print("et à la couche juste avant elles :", np.round(near, 2))

# %% tags=["nbval-check-output"]
print("cases remplies par bloc :", [int(np.isfinite(matrix).sum()) for matrix in matrices])
inside = np.concatenate([matrix[:, :6][np.isfinite(matrix[:, :6])] for matrix in matrices])
print("dans les blocs, chaque source à plus de la moitié du |poids| moyen :", inside.min() > 0.5)
print("la couche d'avant compte plus que l'entrée du bloc :", near > far)
first, last = matrices[2][[0, 6], 6]
print("le classifieur préfère la dernière couche à l'entrée du bloc :", last > 1.3 * first)

# %% [markdown]
# Dans les blocs, aucune case n'est éteinte : chaque couche garde des poids pour tout ce qui la précède, même de loin. Mais pas également. Dans le bloc 1, l'entrée du bloc est ce que les couches regardent le moins : de 0,90 pour la deuxième à 0,52 pour la sixième, quand les couches 2 à 4 donnent 1,20 à 1,45 à celle qui les précède. Dans le bloc 2, l'entrée reste sous la moyenne presque partout ; la première couche est la plus lue par les couches 2 à 4 (1,43 ; 1,30 ; 1,28), puis elle cède la place : la sixième la lit moins que toutes les autres (0,94). Dans le bloc 3, la deuxième couche est la plus lue par les couches 3 à 6, et la sixième néglige la cinquième (0,61).
#
# La dernière colonne du bloc 3 est celle du **classifieur**, et elle est d'une tout autre netteté : les trois dernières couches reçoivent de 2 à 3 fois le poids moyen, l'entrée du bloc moins de la moitié, les deux premières couches presque rien (0,13 et 0,12). Ce qui décide de la classe se calcule donc surtout dans les toutes dernières couches ; les premières du bloc ne servent qu'aux suivantes.
#
# Les réseaux de l'article (40 couches, $k = 12$, sans *bottleneck*, 300 époques) montrent trois choses. Toutes les couches répartissent leurs poids sur de nombreuses couches précédentes, même lointaines : les cartes anciennes servent vraiment. Nous le retrouvons. Dans les blocs 2 et 3, l'entrée du bloc est ce qu'elles regardent le moins : une transition rend des cartes redondantes, et la compression a de quoi faire. Chez nous, c'est surtout vrai du premier bloc. Enfin, le classifieur préfère les dernières cartes, comme ici. (Si l'on multiplie chaque poids par le $\gamma$ de la carte qu'il lit, les contrastes se creusent : l'entrée du bloc 1 ne vaut plus que 0,31 pour la sixième couche, et les deux premières couches du bloc 3 presque rien, 0,04 et 0,03, pour le classifieur.)

# %% [markdown]
# ## 7. Augmenter les images
#
# Le reste de la leçon répond à une autre question : que peut-on obtenir **en deux minutes environ**, avec 20 000 images et deux cœurs ? D'abord, tirons davantage de ces images. Une photographie retournée de gauche à droite, ou décalée de quelques pixels, montre la même chose. Deux autres idées sont moins naturelles : en cacher un carré (*cutout*), ou en mélanger deux (*mixup*).

# %%
batch, labels = data.x_train[:8].astype("float32") / 255, data.y_train[:8]
rng = np.random.default_rng(1)
changed = {
    "images": batch,
    "flip": augmentation.flip(batch, rng),
    "shift, 4 pixels": augmentation.shift(batch, rng, 4),
    "cutout, 12 pixels": augmentation.cutout(batch, rng, 12, value=0.5),
}
titles = [name if rank == 0 else "" for name in changed for rank in range(8)]
alt = "Huit photographies, puis les mêmes retournées, décalées, ou avec un carré gris"
plots.show(np.concatenate(list(changed.values())), titles=titles, columns=8, size=1.45, alt=alt)

# %% [markdown]
# *Mixup* mélange deux images $\lambda x_i + (1 - \lambda)\,x_j$, et leurs étiquettes dans la même proportion, avec $\lambda$ tiré selon une loi $\mathrm{Beta}(\alpha, \alpha)$. Les étiquettes ne sont donc plus des classes mais des probabilités. Ici $\alpha = 1$ : toutes les proportions sont équiprobables.

# %%
hot = np.eye(10, dtype="float32")
mixed, shares = augmentation.mixup(batch, hot[labels], np.random.default_rng(135), alpha=1.0)
titles = []
for share in shares:
    best = [rank for rank in np.argsort(-share)[:2] if share[rank] > 0.005]
    titles.append("\n".join(f"{plots.percent(share[rank], 0)} {data.class_names[rank]}" for rank in best))
alt = "Huit mélanges de deux photographies, et leurs deux classes"
plots.show(mixed, titles=titles, columns=8, size=1.6, alt=alt)

# %% tags=["nbval-check-output"]
flipped = augmentation.flip(batch, np.random.default_rng(0))
same = [np.array_equal(one, two) or np.array_equal(one, two[:, ::-1]) for one, two in zip(flipped, batch)]
print("flip : chaque image est l'originale ou son miroir :", all(same))
print("mixup : les étiquettes somment toujours à 1 :", np.allclose(shares.sum(axis=1), 1))
print("les images de départ sont intactes :", np.array_equal(batch, data.x_train[:8].astype("float32") / 255))

# %% [markdown]
# *Cutout* et *mixup* rendent les images plus difficiles : ils retardent le surapprentissage d'un réseau que l'on entraîne longtemps. En sept époques, le nôtre n'en a pas le temps : ajouté à la recette de la section 9, chacun des deux lui fait perdre quatre points environ (mesuré à part, avec une seule graine). Nous ne garderons que *flip* et *shift*. Le **lissage des étiquettes** (leçon 1.3) sera de la partie, ainsi que le **cycle unique** (leçon 1.4).

# %% [markdown]
# ## 8. Blanchir l'entrée
#
# Deux pixels voisins se ressemblent : les 12 valeurs d'une fenêtre 2×2 en couleurs sont très corrélées, et la descente de gradient avance mal dans les directions de faible variance. Page (2019), puis Jordan (2024), calculent donc la première couche au lieu de l'apprendre. On diagonalise la covariance des fenêtres, $\Sigma = V\,\mathrm{diag}(\lambda)\,V^\top$ ; les filtres sont les vecteurs propres, divisés par leur écart-type :
#
# $$ W = V\,\mathrm{diag}\!\left( \frac{1}{\sqrt{\lambda + \varepsilon}} \right) $$
#
# | Exercice 2.3.d | difficulté ●●○ | 10 min | vérifié : égal à l'ACP blanchie de scikit-learn ; ordre, échelle, ε |
# | --- | --- | --- | --- |
#
# Écrivez `whiten(patches, epsilon)` pour des fenêtres rangées en lignes, `(N, d)`. Rangez les colonnes de $W$ de la plus grande variance à la plus petite ; leur signe est libre.


# %%
def whiten(patches, epsilon):
    """W (d, d): the columns of (patches - mean) @ W are uncorrelated, with variance 1 up to epsilon."""
    ### BEGIN SOLUTION
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False, bias=True))
    return (vectors / np.sqrt(values + epsilon))[:, ::-1]
    ### END SOLUTION


# %% tags=["check"]
check.whiten(whiten)

# %% [markdown] tags=["solution"]
# Sans $\varepsilon$, une direction presque constante serait amplifiée sans limite, et son bruit avec elle. $\varepsilon$ borne l'amplification à $1/\sqrt{\varepsilon}$.

# %% [markdown]
# `zoo.whitening` fait de même, et ajoute chaque filtre avec le signe opposé, pour que la ReLU qui suit ne perde rien : 24 filtres. Elle rend aussi le biais qui retire la moyenne.

# %%
kernel, bias = zoo.whitening(data.x_train[:2000].astype("float32") / 255)
title = "Les 12 premiers filtres, de la plus grande variance à la plus petite (gris : poids nul)"
alt = "Douze filtres 2×2 : une luminosité uniforme, des bords gris, puis des oppositions de couleurs"
plots.show(plots.filters(kernel[..., :12]), columns=12, size=1, title=title, alt=alt)

# %% tags=["nbval-check-output"]
images = data.x_train[:2000].astype("float32") / 255
before = np.lib.stride_tricks.sliding_window_view(images, (2, 2), axis=(1, 2)).reshape(-1, 12)
after = np.asarray(ops.conv(images, kernel[..., :12], padding="valid") + bias[:12]).reshape(-1, 12)
spread, covariance = np.linalg.eigvalsh(np.cov(before.T)), np.cov(after.T)
print("formes :", kernel.shape, bias.shape, "·", before.shape, "→", after.shape)
print("avant, la plus grande variance vaut plus de 1000 fois la plus petite :", spread[-1] > 1000 * spread[0])
expected = np.diag((spread / (spread + 1e-5))[::-1])
print("après, covariance = diag(λ / (λ + ε)), à 1e-3 près :", np.abs(covariance - expected).max() < 1e-3)

# %%
with np.printoptions(suppress=True):
    print("part de la variance, en % :", np.round(100 * spread[::-1] / spread.sum(), 1))
    print("variances après :", np.round(np.diag(covariance), 1))

# %% [markdown]
# Avant, 84 % de la variance est dans une seule direction, la luminosité de la fenêtre (premier filtre), et 7 % dans sa teinte, du bleu à l'orange (deuxième) ; les bords horizontaux et verticaux (troisième et quatrième) en ont environ 3 % chacun, la teinte du vert au magenta (cinquième) moins de 2 %, et les bords de couleurs, à partir du septième, moins de 0,2 %. Après, toutes les directions comptent presque autant : $\varepsilon$ ne retient un peu que les deux dernières, à 0,9 et 0,8. On retrouve les filtres de la leçon 2.1, mais personne ne les a appris : ils viennent des seules images.

# %% [markdown]
# ## 9. La recette
#
# Le réseau est une version étroite de celui de Jordan (2024) : la couche blanchie, gelée, puis trois étages « convolution, maximum 2×2, convolution » de 22, 44 et 88 cartes, un maximum global, et des logits divisés par 9. Entre autres différences : ReLU au lieu de GELU, et l'initialisation de He, là où Jordan part de convolutions dont une partie des filtres recopie l'entrée (l'idée de la section 2, sans raccourci). La descente : SGD avec momentum de Nesterov, cycle unique, lots de 256.

# %%
keras.utils.set_random_seed(0)
model = zoo.airbench((kernel, bias), width=width)
alt = "Cinq blocs : la couche blanchie 31×31×24, puis 15×15, 7×7 et 3×3, et la sortie"
plots.architecture(zoo.blocks(model), title="Le réseau de la recette", alt=alt)


# %%
def change(images, labels, rng):
    """Flips and shifts of 2 pixels, then [0, 1]; labels as probabilities."""
    images = augmentation.shift(augmentation.flip(images, rng), rng, 2)
    return images.astype("float32") / 255, hot[labels]


batches = augmentation.Batches(data.x_train[:count], data.y_train[:count], change, batch_size=256)
schedule = training.OneCycle(1.0, epochs * len(batches), warmup=0.2)
smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
model.compile(optimizer, smooth, metrics=["accuracy"])

# %%
history = training.fit(model, batches, None, epochs=epochs)

# %%
guesses = model.predict(x_test, batch_size=250, verbose=0)
mirrored = model.predict(x_test[:, :, ::-1], batch_size=250, verbose=0)
single = np.mean(guesses.argmax(axis=1) == y_test)
both = np.mean((guesses + mirrored).argmax(axis=1) == y_test)
print(f"exactitude en test : {plots.percent(single)} ;",
      f"avec les logits de l'image miroir : {plots.percent(both)}")  # fmt: skip
print(f"entraînement : {history['seconds'][-1]:.0f} s pour {epochs} époques de {count} images")

# %% tags=["nbval-check-output"]
print("au moins 78 % :", single >= 0.78)
print("l'image miroir ne fait pas perdre plus d'un demi-point :", both >= single - 0.005)

# %% [markdown]
# Environ 80 % en sept époques, et un à deux points de plus en ajoutant l'avis du réseau sur l'image miroir (Jordan y ajoute des images décalées d'un pixel). À l'entraînement, l'exactitude finit autour de 83 %, sur des images retournées et décalées : l'écart est faible, le réseau surapprend peu. Le temps dépend surtout de la machine : 79 s sur deux cœurs rapides et libres, deux ou trois fois plus s'ils sont lents ou occupés ailleurs.
#
# Pour situer ce chiffre : avec 24 cartes, **toutes** les images de CIFAR-10 et 18 époques, la même recette atteint 88,0 % sur les 10 000 images de test, et 89,3 % avec le miroir (moyennes de trois graines, 50 secondes chacune sur un GPU). C'est ce que fait le profil `complet`. Le réseau de Jordan, plus large et plus soigné (64, 256 et 256 cartes), atteint 94 % en 3,29 secondes sur un GPU A100.

# %% [markdown]
# ## À retenir
#
# - **Dégradation** : sans raccourcis, un réseau plus profond apprend moins bien ses propres images d'entraînement. Ce n'est pas du surapprentissage.
# - **ResNet** : $y = x + F(x)$. L'identité est donnée, le réseau n'apprend que l'écart. Tout facteur $\lambda \neq 1$ sur le raccourci agit comme $\lambda^L$.
# - Avec normalisation par lot, le gradient d'un réseau ordinaire profond ne s'évanouit pas : à l'initialisation, il explose vers l'entrée. Raccourcis et normalisation vont ensemble.
# - **DenseNet** juxtapose au lieu d'additionner : peu de poids, beaucoup de cartes en mémoire. La couche $l$ lit $k_0 + k\,(l-1)$ cartes.
# - Une bonne recette (augmentation, lissage, cycle unique, entrée blanchie) mène un petit réseau à 80 % en deux minutes environ, sur deux cœurs.
#
# ## Questionnaire
#
# 1. Un réseau de 56 couches a une erreur de test plus haute qu'un réseau de 20. Que regarder pour savoir si c'est du surapprentissage ou de la dégradation ?
# 2. Combien de poids coûte le raccourci de l'option A ? Et une convolution 1×1 de 16 vers 32 cartes (option B), sans biais ?
# 3. Pourquoi $\lambda = 0{,}9$ sur les raccourcis suffit-il à gêner un réseau de 100 blocs ?
# 4. Un bloc dense reçoit 48 cartes et a 6 couches, $k = 12$. Combien de cartes à la sortie ? Combien en lit la dernière couche ?
# 5. Avec *mixup*, peut-on garder une entropie croisée « sparse », dont les étiquettes sont des entiers ?
#
# <details><summary>Réponses</summary>
#
# 1. L'erreur (ou le coût) d'entraînement : si elle est plus haute aussi, c'est de la dégradation. 2. Aucun ; $16 \times 32 = 512$. 3. $0{,}9^{100} \approx 3 \times 10^{-5}$ : le chemin direct ne transmet presque plus de gradient. 4. $48 + 6 \times 12 = 120$ ; $48 + 5 \times 12 = 108$. 5. Pas telle quelle : la cible est un mélange de deux classes. Il faut un vecteur de probabilités ou, ce qui revient au même, deux entropies croisées *sparse*, pesées par $\lambda$ et $1 - \lambda$.
#
# </details>
#
# ## Pour aller plus loin
#
# - Refaites la section 1 avec `block="preactivation"`, ou avec 44 couches. La dégradation dépend-elle du taux d'apprentissage ?
# - Dans la recette, donnez `None` au lieu de `(kernel, bias)` : la première couche est alors apprise. Que perd-on ? Et si l'on ajoute *cutout* ou *mixup*, ou si l'on retire *flip* ?
# - `python scripts/train_classifiers.py resnet20 --epochs 3 --out essai`, lancé à la racine du dépôt, télécharge CIFAR-10 entier et entraîne le ResNet-20 trois époques (une dizaine de minutes sur deux cœurs ; sans `--out`, les poids livrés seraient remplacés). Fait-il mieux que la recette, à laquelle deux minutes suffisent ?
# - La leçon 2.4 part d'un réseau déjà entraîné sur plus d'un million d'images, au lieu d'en entraîner un.
