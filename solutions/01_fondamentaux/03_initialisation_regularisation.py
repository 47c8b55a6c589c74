# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Initialisation et régularisation
#
# > Mal tirés, les poids d'un réseau de cinquante couches l'empêchent d'apprendre avant même le premier pas. Et un réseau bien parti, s'il a peu d'images, les apprend par cœur. Vous allez mesurer ces deux défauts, puis ce que chaque remède rapporte vraiment.
#
# **À la fin, vous saurez** tirer des poids qui laissent passer le signal et le gradient (Glorot, He, orthogonale, delta-orthogonale), lire le spectre d'une jacobienne, écrire le seuillage doux, le dropout et le lissage des étiquettes, arrêter un apprentissage à temps, et mesurer si un réseau est aussi sûr qu'il le prétend.
#
# **Prérequis** : leçons 1.1 et 1.2 · **Durée** : 90 min · **Références** : Glorot & Bengio 2010 ; Saxe, McClelland & Ganguli 2013 ; Srivastava et al. 2014 (*dropout*) ; He et al. 2015 ; Gal & Ghahramani 2016 ; Szegedy et al. 2016 ; Pennington, Schoenholz & Ganguli 2017 ; Guo et al. 2017 (calibration) ; Xiao et al. 2018 (delta-orthogonale)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import ops

from labs import datasets, numpy_nn, plots, training
from labs.checks import foundations as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`. Les parties marquées « (pour approfondir) » peuvent être sautées : rien de la suite n'en dépend.

# %%
depth = runtime.budget(rapide=12, cours=50, complet=50)  # layers of the deep networks
deep_steps = runtime.budget(rapide=30, cours=240, complet=1200)  # of their training
few = runtime.budget(rapide=300, cours=2000, complet=2000)  # images to learn from, in the second half
steps = runtime.budget(rapide=128, cours=768, complet=1920)  # of the training on these few images
linear_steps = runtime.budget(rapide=20, cours=300, complet=2000)
passes = runtime.budget(rapide=5, cours=30, complet=200)  # of the Monte-Carlo dropout
seeds = range(runtime.budget(rapide=1, cours=3, complet=10))

# %%
data = datasets.load("fashion_mnist")
x_train, x_test = (x.reshape(-1, 784).astype("float32") / 255 for x in (data.x_train, data.x_test))
y_train, y_test = data.y_train, data.y_test

# %% [markdown]
# ## 1. Cinquante couches plus loin
#
# Une couche dense de $n$ entrées calcule $z = W h$. Si les poids sont tirés indépendamment, de moyenne nulle et de variance $\sigma^2$, alors
#
# $$ \mathrm{Var}(z) = n\,\sigma^2\,\mathbb{E}[h^2] $$
#
# Sans activation, $h$ est le $z$ de la couche précédente : chaque couche multiplie donc la variance par le même facteur, $n\,\sigma^2$. Traversons **cinquante** couches carrées de 196 neurones, avec de vraies images réduites à 14×14 = 196 pixels. **Avant d'exécuter**, calculez ce facteur pour des poids tirés selon $\mathcal{N}(0, 1)$, puis selon $\mathcal{N}(0, 0{,}01^2)$.

# %%
small = data.x_train[:256].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
small = (small - small.mean()) / small.std()
draws = {
    "N(0, 1)": lambda shape, rng: rng.normal(0, 1, shape),
    "N(0, 0,01²)": lambda shape, rng: rng.normal(0, 0.01, shape),
    "Glorot": numpy_nn.glorot_uniform,
    "He": numpy_nn.he_normal,
    "orthogonale": numpy_nn.orthogonal,
}

# %% [markdown]
# Ajoutons une activation, tanh ou ReLU. À l'aller, on mesure la variance des $z$ de chaque couche. Au retour, on lance depuis la sortie un gradient aléatoire de variance 1, et l'on regarde ce qu'il en reste à chaque couche.


# %%
def deep(draw, activation):
    """50 square layers, in float64: the naive draws soon leave what float32 can hold."""
    return numpy_nn.mlp([196] * (depth + 1), activation=activation, init=draw, seed=0, dtype="float64")


def variances(network, x):
    """Variance of z at each layer going forward, and of the gradient for z going back."""
    gradient, backward = np.random.default_rng(0).normal(size=network.forward(x).shape), []
    activations = [layer for layer in network.layers if isinstance(layer, numpy_nn.Activate)]
    for layer in reversed(network.layers):
        gradient = layer.backward(gradient)
        if layer in activations:
            backward.insert(0, gradient.var())
    return [layer.x.var() for layer in activations], backward


# %%
measured = {(name, activation): variances(deep(draw, activation), small)
            for name, draw in draws.items() for activation in ("tanh", "relu")}  # fmt: skip
figure, axes = plt.subplots(2, 2, figsize=(12, 8), sharex=True, sharey=True)
for row, way in enumerate(("Aller : variance de z", "Retour : variance du gradient")):
    for axis, activation in zip(axes[row], ("tanh", "relu")):
        series = {name: measured[name, activation][row] for name in draws}
        plots.curves(series, title=f"{way} ({activation})", xlabel="", ylabel="", alt="", log=True, ax=axis)
        axis.set(ylim=(1e-20, 1e20), xlabel="couche" if row else "")
        axis.get_legend().set_visible(row == 0 and activation == "tanh")
alt = "Variance par couche : Glorot, He et orthogonale tiennent avec tanh, He seule avec relu"
plots.publish(figure, alt)

# %%
ends = {name: [way for activation in ("tanh", "relu")
               for way in (measured[name, activation][0][-1], measured[name, activation][1][0])]
        for name in draws}  # fmt: skip
header = ["tirage", "tanh, aller", "tanh, retour", "ReLU, aller", "ReLU, retour"]
rows = [[name, *(f"10^{np.log10(value):.1f}" for value in values)] for name, values in ends.items()]
plots.table(rows, header=header)


# %% tags=["nbval-check-output"]
def state(variance):
    return "s'éteint" if variance < 1e-10 else "explose" if variance > 1e10 else "tient"


plots.table([[name, *map(state, values)] for name, values in ends.items()], header=header)

# %% [markdown]
# Sans activation, le facteur vaut $196$ pour $\mathcal{N}(0, 1)$ et $0{,}02$ pour $\mathcal{N}(0, 0{,}01^2)$ ; ReLU le divise par deux, et les courbes sortent du cadre en une dizaine de couches. Avec tanh, $\mathcal{N}(0, 1)$ semble tenir à l'aller, parce que les neurones saturent à ±1. Mais au retour, les quelques neurones qui ne saturent pas suffisent à multiplier la variance du gradient par 7 environ à chaque couche : il explose.
#
# Pour que le facteur vaille 1, il faut $\sigma^2 = 1/n$ ; **Glorot** prend $2/(n_{entrée} + n_{sortie})$ pour contenter l'aller et le retour (c'est $1/n$ pour une couche carrée). ReLU efface la moitié du signal : $\mathbb{E}[h^2] = \mathrm{Var}(z)/2$, donc Glorot y perd un facteur 2 par couche, et **He** le lui rend avec $\sigma^2 = 2/n$. L'initialisation se choisit donc **avec** l'activation. Avec tanh, la saturation amortit les excès : He tient aussi à l'aller, mais la variance de son gradient est multipliée par 60 environ au retour.

# %% [markdown]
# ## 2. À vous : l'initialisation de He
#
# | Exercice 1.3.a | difficulté ●○○ | 5 min | vérifié : forme, moyenne, variance (dense et convolution), générateur utilisé |
# | --- | --- | --- | --- |
#
# Écrivez `he_normal(shape, rng)` : un tirage selon $\mathcal{N}(0, 2/n)$, où $n$ est le nombre d'entrées que **chaque neurone** additionne (*fan in*). Pour une couche dense, `shape` vaut `(entrées, sorties)` ; pour une convolution (leçon 2.1), `(hauteur, largeur, canaux d'entrée, canaux de sortie)`.


# %%
def he_normal(shape, rng):
    """Weights of the given shape, dense or convolution, drawn from N(0, 2 / fan_in) with the generator rng."""
    ### BEGIN SOLUTION
    fan_in = np.prod(shape[:-1])
    return rng.normal(0, np.sqrt(2 / fan_in), shape)
    ### END SOLUTION


# %% tags=["check"]
check.he_normal(he_normal)

# %% [markdown] tags=["solution"]
# Deux pièges : `rng.normal` attend un écart-type, d'où la racine ; et un neurone de convolution additionne hauteur × largeur × canaux d'entrée nombres, donc tout sauf la dernière dimension.

# %% [markdown]
# ## 3. À vous : des matrices qui ne déforment rien
#
# La variance est une **moyenne** sur toutes les directions de l'espace. Elle peut rester à 1 pendant que certaines directions gonflent et que d'autres s'éteignent. Saxe, McClelland et Ganguli proposent de tirer des matrices **orthogonales**, $Q^\top Q = I$ : elles tournent ou retournent les vecteurs sans changer leur norme.
#
# | Exercice 1.3.b | difficulté ●●○ | 8 min | vérifié : forme, orthogonalité dans les deux sens, gain, tirage uniforme, générateur utilisé |
# | --- | --- | --- | --- |
#
# Écrivez `orthogonal(shape, rng, gain=1.0)`, qui renvoie `gain` fois une telle matrice. La décomposition QR d'une matrice gaussienne, `q, r = np.linalg.qr(a)`, donne des colonnes orthonormées quand `a` a au moins autant de lignes que de colonnes ; sinon, décomposez la transposée. Un détail compte : QR fixe lui-même les signes, toujours de la même façon. Multipliez chaque colonne de `q` par le signe de l'élément correspondant de la diagonale de `r` : le tirage devient uniforme sur toutes les matrices orthogonales.


# %%
def orthogonal(shape, rng, gain=1.0):
    """Matrix (rows, columns) whose columns (or rows, if they are fewer) are orthonormal, times gain."""
    ### BEGIN SOLUTION
    rows, columns = shape
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r))
    return gain * (q if rows >= columns else q.T)
    ### END SOLUTION


# %% tags=["check"]
check.orthogonal(orthogonal)

# %% [markdown] tags=["solution"]
# Une matrice rectangulaire ne peut avoir que `min(shape)` directions orthonormées : les colonnes si elle est haute, les lignes si elle est large. Toutes ses valeurs singulières valent alors `gain`. Le choix des signes vient de Mezzadri (2007).

# %% [markdown]
# C'est ce que fait aussi Keras. Comparons les valeurs singulières d'une matrice 196×64 tirée de trois façons. **Pariez** : de combien s'écartent-elles de 1 pour une gaussienne de bonne variance ?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
matrices = {
    "labs, orthogonale": numpy_nn.orthogonal((196, 64), rng),
    "Keras, orthogonale": np.asarray(keras.initializers.Orthogonal(seed=0)((196, 64))),
    "gaussienne": rng.normal(0, 1 / np.sqrt(196), (196, 64)),
}
for name, matrix in matrices.items():
    values = np.linalg.svd(matrix, compute_uv=False)
    print(f"{name:18} de {values.min():.2f} à {values.max():.2f}")

# %% [markdown]
# La gaussienne étire certaines directions de plus de moitié et en rétrécit d'autres d'autant. Pour une seule couche, c'est sans conséquence. Cinquante fois de suite, ces écarts se multiplient.

# %% [markdown]
# ## 4. Le spectre de la jacobienne
#
# La **jacobienne** $J = \partial \text{sortie} / \partial \text{entrée}$, la matrice de toutes les dérivées, résume le réseau autour d'une image. Ses **valeurs singulières** disent de combien chaque direction est amplifiée à l'aller, et chaque direction du gradient au retour. L'idéal, que Saxe et ses coauteurs ont nommé **isométrie dynamique**, est qu'elles soient **toutes** proches de 1.
#
# Notons $\sigma_w$ l'échelle des poids : gaussienne de variance $\sigma_w^2 / n$, ou $\sigma_w$ fois une orthogonale. **Avant d'exécuter** : dans le cas linéaire, que vaut le spectre d'un produit de cinquante matrices orthogonales ?


# %%
def gaussian_draw(sigma):
    return lambda shape, rng: rng.normal(0, sigma / np.sqrt(shape[0]), shape)


def orthogonal_draw(sigma):
    return lambda shape, rng: numpy_nn.orthogonal(shape, rng, sigma)


def spectrum(draw, activation, amplitude=0.1):
    """Singular values, largest first, of the Jacobian of 50 layers for one image."""
    jacobian = numpy_nn.jacobian(deep(draw, activation), amplitude * small[0])
    return np.linalg.svd(jacobian, compute_uv=False)


# %%
spectra = {
    "linéaire, gaussienne": spectrum(gaussian_draw(1), "linear"),
    "linéaire, orthogonale": spectrum(orthogonal_draw(1), "linear"),
    "tanh, gaussienne": spectrum(gaussian_draw(1), "tanh"),
    "tanh, orthogonale": spectrum(orthogonal_draw(1), "tanh"),
    "ReLU, gaussienne (He)": spectrum(gaussian_draw(2**0.5), "relu"),
    "ReLU, orthogonale × √2": spectrum(orthogonal_draw(2**0.5), "relu"),
}
alt = "Deux spectres seulement restent près de 1 : l'orthogonale linéaire, et l'orthogonale avec tanh"
plots.spectra(spectra, title="Spectre de la jacobienne de 50 couches", alt=alt)

# %% tags=["nbval-check-output"]
for name, values in spectra.items():
    print(f"{name:23} entre ½ et 2 : {np.mean((values > 0.5) & (values < 2)):4.0%} des directions")

# %% [markdown]
# Avec la gaussienne, plus de la moitié des directions sont divisées par plus d'un million : 50 couches « bien initialisées » ne laissent passer qu'une poignée de directions, avec tanh comme sans (leurs deux courbes se confondent). Le palier de droite, environ $10^{-16}$ fois la plus grande valeur, n'est que l'arrondi de `float64`. L'orthogonale linéaire est parfaite, et **tanh garde presque toute l'isométrie**, parce que l'entrée est ici de petite amplitude (0,1) et que tanh est presque linéaire autour de 0.
#
# **ReLU ne le peut pas** : à chaque couche, il annule environ la moitié des directions, et ni la gaussienne ni l'orthogonale, quelle que soit leur échelle, n'y changent rien. Pennington, Schoenholz et Ganguli le démontrent, et montrent que tanh peut garder l'isométrie, mais seulement avec l'orthogonale.
#
# ### Régler l'échelle des poids (pour approfondir)
#
# Reste à choisir $\sigma_w$. Déplacez les curseurs, et cherchez ce qui rapproche le spectre orthogonal de 1.


# %%
def draw_spectrum(sigma, amplitude):
    spectra = {"tanh, gaussienne": spectrum(gaussian_draw(sigma), "tanh", amplitude)}
    spectra["tanh, orthogonale"] = spectrum(orthogonal_draw(sigma), "tanh", amplitude)
    title = f"σ = {sigma}, amplitude de l'entrée {amplitude}".replace(".", ",")
    plots.spectra(spectra, title=title, alt=f"Spectres gaussien et orthogonal pour {title}")


# %%
settings = [{"sigma": 1.05, "amplitude": 1.0}, {"sigma": 1.4, "amplitude": 1.0}]
plots.explore(draw_spectrum, static=settings, sigma=(0.8, 1.6, 0.05), amplitude=(0.1, 1.0, 0.1))

# %% [markdown]
# Sous 1, tout s'éteint ; bien au-dessus, tanh sature et le spectre s'étale, orthogonale ou non. Autour de $\sigma = 1{,}05$, même avec une entrée d'amplitude 1 qui sature un peu les premières couches, l'orthogonale garde la plupart des directions à moins d'un facteur 100 de 1, là où la gaussienne les perd.

# %% [markdown]
# ## 5. Et pour une convolution ? (pour approfondir)
#
# Un noyau de convolution a quatre dimensions, `(3, 3, entrée, sortie)`. `keras.initializers.Orthogonal` l'aplatit en une matrice `(9 × entrée, sortie)` et rend **cette** matrice orthogonale. La convolution garde-t-elle pour autant la norme des images ? **Pariez** avant d'exécuter la suite.
#
# Xiao et al. (2018) proposent autre chose, la **delta-orthogonale** : une matrice orthogonale `(entrée, sortie)` au centre du noyau, et zéro ailleurs.


# %%
def keras_orthogonal(shape, rng):
    return np.asarray(keras.initializers.Orthogonal(seed=int(rng.integers(2**31)))(shape))


conv_draws = {"Glorot": numpy_nn.glorot_uniform, "He": numpy_nn.he_normal}
conv_draws |= {"Orthogonal de Keras": keras_orthogonal, "delta-orthogonale": numpy_nn.delta_orthogonal}
rng = np.random.default_rng(0)
kernels = {name: [draw((3, 3, 16, 16), rng) for _ in range(depth)] for name, draw in conv_draws.items()}
flat = kernels["Orthogonal de Keras"][0].reshape(-1, 16)
print("noyau de Keras aplati, QᵀQ = I :", np.allclose(flat.T @ flat, np.eye(16), atol=1e-5))

# %% [markdown]
# Une convolution circulaire est diagonale par blocs dans la base de Fourier : une petite matrice 16×16 par fréquence (Sedghi, Gupta & Long 2019). `numpy_nn.conv_transfer` les donne, et leurs valeurs singulières sont celles de toute la convolution. Pour cinquante couches, on multiplie ces matrices entre elles.


# %%
def conv_spectrum(kernels):
    """Singular values, largest first, of a chain of circular convolutions on 14×14 images."""
    chain = np.eye(16)
    for kernel in kernels:
        chain = chain @ numpy_nn.conv_transfer(kernel, 14)
    return np.sort(np.linalg.svd(chain, compute_uv=False).ravel())[::-1]


# %%
one_layer = {name: conv_spectrum(chain[:1]) for name, chain in kernels.items()}
fifty = {name: conv_spectrum(chain) for name, chain in kernels.items()}
alt = "Une couche : toutes les valeurs à 1 pour la delta-orthogonale, étalées jusqu'à 0 pour les autres"
plots.spectra(one_layer, title="Une convolution 3×3, 16 canaux", alt=alt, low=1e-3)
alt = "Cinquante couches : la delta-orthogonale reste à 1, les autres s'étalent sur vingt ordres de grandeur"
plots.spectra(fifty, title="Cinquante convolutions à la suite", alt=alt)

# %% [markdown]
# Vérifions aussi sur de vraies images, avec la convolution de Keras et le remplissage `"same"` : de combien change la norme de chaque image ?


# %%
def norm_ratios(kernels):
    """Norm of each image after these convolutions ("same" padding, no activation) over its norm before."""
    lift = numpy_nn.delta_orthogonal((3, 3, 1, 16), np.random.default_rng(0))  # 1 channel to 16
    before = small[:64].reshape(-1, 14, 14, 1).astype("float32")
    images = before
    for kernel in (lift, *kernels):
        images = ops.conv(images, kernel.astype("float32"), padding="same")
    first, last = (np.sum(np.square(x), axis=(1, 2, 3)) for x in (before, images))
    return np.sqrt(last / first)


# %%
rows = []
for name, chain in kernels.items():
    one, all_fifty = norm_ratios(chain[:1]), norm_ratios(chain)
    extent = f"{fifty[name].min():.0e} à {fifty[name].max():.0e}"
    rows.append([name, f"{one.mean():.2f}", f"{all_fifty.min():.2g} à {all_fifty.max():.2g}", extent])
plots.table(rows, header=["tirage", "norme, 1 couche", "norme, 50 couches", "spectre, 50 couches"])

# %% tags=["nbval-check-output"]
kept = np.abs(norm_ratios(kernels["delta-orthogonale"]) - 1).max()
print("delta-orthogonale, 50 couches, normes gardées à 1e-4 près :", kept < 1e-4)
print("delta-orthogonale, spectre à 1e-9 de 1 :", np.allclose(fifty["delta-orthogonale"], 1, atol=1e-9))
print("Keras, une couche, de", " à ".join(f"{one_layer['Orthogonal de Keras'][rank]:.1f}" for rank in (-1, 0)))
print("Keras, 50 couches, médiane sous 1e-5 :", np.median(fifty["Orthogonal de Keras"]) < 1e-5)

# %% [markdown]
# L'`Orthogonal` de Keras ne garde la norme qu'**en moyenne** sur toutes les directions. Ici, il se comporte comme Glorot : son spectre va de 0 à 2 pour une seule couche, s'effondre en cinquante, et nos images y perdent environ la moitié de leur norme, ou plus. He, prévue pour compenser ReLU, explose ici, puisqu'il n'y a pas d'activation.
#
# La delta-orthogonale garde exactement toutes les normes, avec un remplissage circulaire (le spectre) comme avec `"same"` (les images) : seul le centre du noyau agit, donc les bords ne comptent pas. Les poids tirés à zéro ne le restent pas : ils reçoivent un gradient dès le premier pas. Xiao et al. ont ainsi entraîné un réseau convolutif de 10 000 couches, avec tanh, sans normalisation ni raccourcis.

# %% [markdown]
# ## 6. Ce qui apprend, et ce qui n'apprend pas
#
# Passons à l'acte : un réseau dense **étroit** (64 neurones) de **50 couches**, sans biais, sur 10 000 images, avec SGD, en 240 pas et par lots de 64. Chaque activation a son taux d'apprentissage, celui qui réussissait le mieux à Glorot (tanh) et à He (ReLU) parmi 0,005, 0,01, 0,02 et 0,04 : c'est donner l'avantage aux tirages classiques. Notez que « Glorot » et « orthogonale » ont la **même variance** sur les couches carrées : seul le spectre change. **Classez** les tirages avant de regarder.


# %%
def deep_model(activation, rate):
    layers = [keras.layers.Dense(64, activation=activation, use_bias=False) for _ in range(depth - 1)]
    model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10, use_bias=False)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss=loss, steps_per_execution=30)
    return model


def stream(x, y, batch_size, seed):
    """Endless shuffled batches: an "epoch" of Keras is then as many steps as we like."""
    examples = tf.data.Dataset.from_tensor_slices((x, y)).cache()
    return examples.shuffle(len(x), seed=seed).repeat().batch(batch_size)


# %%
centre, spread = x_train[:10_000].mean(), x_train[:10_000].std()
x_deep, y_deep = (x_train[:10_000] - centre) / spread, y_train[:10_000]
x_seen, y_seen = (x_test[:2000] - centre) / spread, y_test[:2000]


def train_deep(model, draw, seed):
    """Draw the weights again, train; the loss every 30 steps, and the test accuracy."""
    rng = np.random.default_rng(seed)
    model.set_weights([draw(weights.shape, rng) for weights in model.get_weights()])
    batches = stream(x_deep, y_deep, 64, seed)
    history = model.fit(batches, epochs=deep_steps // 30, steps_per_epoch=30, shuffle=False, verbose=0)
    return history.history["loss"], np.mean(np.argmax(model(x_seen), axis=1) == y_seen)


# %%
contest = {f"tanh, {name}": draws[name] for name in ("N(0, 1)", "N(0, 0,01²)", "Glorot")}
contest |= {"tanh, orthogonale": orthogonal_draw(1), "tanh, orthogonale × 1,05": orthogonal_draw(1.05)}
contest |= {"relu, He": numpy_nn.he_normal, "relu, orthogonale × √2": orthogonal_draw(2**0.5)}
models = {"tanh": deep_model("tanh", 0.02), "relu": deep_model("relu", 0.005)}
losses, scores = {}, {}
for name, draw in contest.items():
    runs = [train_deep(models[name[:4]], draw, seed) for seed in seeds]
    losses[name], scores[name] = zip(*runs)

# %%
figure, axis = plt.subplots(figsize=(11, 5))
done = 30 * np.arange(1, deep_steps // 30 + 1)
title = "Coût d'apprentissage de 50 couches : moyenne et étendue sur les graines"
plots.curves(losses, x=done, title=title, xlabel="pas", ylabel="coût", log=True, alt="", ax=axis)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.publish(figure, "Les deux orthogonales avec tanh descendent le plus bas ; N(0, 0,01²) reste à 2,3")

# %%
rows = [[name, f"{np.mean(s):.1%}", f"{min(s):.1%} à {max(s):.1%}"] for name, s in scores.items()]
plots.table(rows, header=["tirage", "test, moyenne", "étendue"])

# %% tags=["nbval-check-output"]
mean = {name: np.mean(values) for name, values in scores.items()}
naive = [mean["tanh, N(0, 1)"], mean["tanh, N(0, 0,01²)"]]
print("tirages naïfs, sous 25 % :", max(naive) < 0.25)
print("tanh, orthogonale × 1,05, 75 % ou plus :", mean["tanh, orthogonale × 1,05"] >= 0.75)
print("à variance égale, l'orthogonale bat Glorot :", mean["tanh, orthogonale"] > mean["tanh, Glorot"])
print("ReLU, sous 50 % :", max(mean["relu, He"], mean["relu, orthogonale × √2"]) < 0.5)

# %% [markdown]
# $\mathcal{N}(0, 0{,}01^2)$ reste à $\ln 10 = 2{,}30$, le coût du hasard : aucun gradient n'arrive. $\mathcal{N}(0, 1)$ part de bien plus haut et oscille sans apprendre. Glorot apprend, mais lentement, et plus ou moins bien selon la graine. **À variance égale**, l'orthogonale gagne plus de dix points, et ses trois graines diffèrent de moins de deux points. Le facteur 1,05, qui compense un peu ce que tanh écrase, en rapporte environ trois de plus.
#
# Avec ReLU, la variance tient (He), mais pas le spectre : à cette profondeur, et en si peu de pas, le réseau n'atteint que 20 % avec He et 27 % avec l'orthogonale, contre 10 % au hasard. He reste le bon choix pour un réseau ReLU moins profond (l'article entraîne ainsi 30 couches). Au-delà, on normalise (leçon 1.4) ou l'on pose des raccourcis (leçon 2.3) ; nos réseaux n'ont ici ni l'un ni l'autre.

# %% [markdown]
# ## 7. Deux mille images : apprendre par cœur
#
# Changeons de problème. Le réseau est maintenant petit et bien initialisé, mais il n'a que **2 000 images** pour apprendre. Nous en gardons 1 000 autres pour régler et pour arrêter (*validation*), et les 10 000 du jeu de test pour juger, sans jamais rien choisir d'après elles.
#
# Toutes les méthodes passeront par le même banc d'essai : un réseau $784 \to 128 \to 128 \to 10$, Adam, 768 pas par lots de 128 (49 époques) au plus, et trois graines.

# %%
x_few, y_few = x_train[:few], y_train[:few]
x_val, y_val = x_train[-1000:], y_train[-1000:]
one_hot = np.eye(10, dtype="float32")
validation = (x_val, one_hot[y_val])


# %%
def network(*, l1=0.0, decay=0.0, dropout=(0.0, 0.0), smoothing=0.0):
    """The compiled model; AdamW without decay is Adam, a dropout of rate 0 does nothing."""
    penalty = keras.regularizers.L1(l1) if l1 else None
    options = {"kernel_initializer": "he_normal", "kernel_regularizer": penalty}
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dropout(dropout[0])])
    for _ in range(2):
        model.add(keras.layers.Dense(128, "relu", **options))
        model.add(keras.layers.Dropout(dropout[1]))
    model.add(keras.layers.Dense(10, **options))
    optimizer = keras.optimizers.AdamW(weight_decay=decay)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    model.compile(optimizer=optimizer, loss=loss, steps_per_execution=64)
    return model


# %%
def measure(model):
    """Accuracy on the few images, accuracy on the test, cross-entropy on the test."""
    learned, test = (np.asarray(model(x)) for x in (x_few, x_test))
    cost = numpy_nn.cross_entropy(test, y_test)[0]
    return np.mean(learned.argmax(axis=1) == y_few), np.mean(test.argmax(axis=1) == y_test), cost


# %%
def train(model, seed, **options):
    """Start again from this seed, train by 64 steps at a time (four passes over 2 000 images)."""
    training.restart(model, seed)
    batches = stream(x_few, one_hot[y_few], 128, seed)
    length = {"epochs": steps // 64, "steps_per_epoch": 64}
    history = model.fit(batches, shuffle=False, verbose=0, **length, **options).history
    return history, measure(model)


# %%
trained, results, histories = {}, {}, {}


def trial(name, *, options=dict, **method):
    """Train once a seed; keep the histories, what `measure` says, and the last model."""
    trained[name] = network(**method)
    runs = [train(trained[name], seed, **options()) for seed in seeds]
    histories[name], results[name] = zip(*runs)
    results[name] = np.array(results[name])
    learned, test, cost = results[name].mean(axis=0)
    print(f"{name} : apprentissage {learned:.1%}, test {test:.1%}, coût en test {cost:.2f}")


# %% [markdown]
# Commençons **sans rien**. Pariez sur les deux exactitudes, en apprentissage et en test.

# %%
trial("aucune", options=lambda: {"validation_data": validation})

# %% [markdown]
# Presque 100 % d'un côté, à peine plus de 80 % de l'autre : le réseau a appris ses 2 000 images par cœur. Son coût en test, 0,74, est élevé pour une telle exactitude, parce qu'il se trompe avec assurance (partie 10). **Régulariser**, c'est contraindre l'apprentissage pour limiter ces deux défauts.

# %% [markdown]
# ## 8. L1 et L2 : le seuillage doux
#
# On ajoute au coût une pénalité sur les poids. **L2**, $\frac{\lambda}{2}\sum w^2$, tire chaque poids vers 0 en proportion de sa taille : les grands rapetissent, aucun ne s'annule. **L1**, $\lambda \sum |w|$, tire avec la même force quelle que soit la taille, et peut annuler. Mais sa dérivée saute de $-\lambda$ à $+\lambda$ en 0 : la descente qui s'en sert (on parle alors de **sous-gradient**) oscille autour de 0 sans jamais s'y poser.
#
# Le remède est le **pas proximal** : descendre le gradient du coût seul, puis remplacer chaque poids $w$ par le $u$ qui minimise $\frac12 (u - w)^2 + t\,|u|$, avec $t$ = taux d'apprentissage × $\lambda$.
#
# | Exercice 1.3.c | difficulté ●●○ | 7 min | vérifié : le minimum trouvé par SciPy, les zéros exacts, t = 0, entrées intactes |
# | --- | --- | --- | --- |
#
# Trouvez ce $u$ à la main (traitez $u > 0$, puis $u < 0$, puis le reste), et écrivez `soft_threshold(w, threshold)` pour un tableau.


# %%
def soft_threshold(w, threshold):
    """For each element of w (any shape), the u that minimises (u - w)² / 2 + threshold |u|."""
    ### BEGIN SOLUTION
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)
    ### END SOLUTION


# %% tags=["check"]
check.soft_threshold(soft_threshold)

# %% [markdown] tags=["solution"]
# Si $u > 0$, la dérivée $u - w + t$ s'annule en $u = w - t$, possible seulement si $w > t$. De même $u = w + t$ si $w < -t$. Entre les deux, la pente est négative à gauche de 0 et positive à droite : le minimum est **exactement** 0.

# %% [markdown]
# Essayons sur un modèle linéaire (softmax sur les pixels), en NumPy, par descente sur le lot complet. Avec un seuil nul, le pas proximal ne fait rien : une seule boucle sert aux quatre variantes.

# %%
l1, l2, rate = 0.002, 0.03, 0.1


def linear(push=lambda kernel: 0, threshold=0.0):
    """Softmax regression; `push` is the gradient of the penalty, `threshold` that of the proximal step."""
    layer = numpy_nn.Dense(784, 10, init=lambda shape, rng: rng.normal(0, 0.01, shape))
    kernel, bias = layer.params
    for _ in range(linear_steps):
        layer.backward(numpy_nn.cross_entropy(layer.forward(x_few), y_few)[1])
        kernel -= rate * (layer.grads[0] + push(kernel))
        bias -= rate * layer.grads[1]
        kernel[...] = numpy_nn.soft_threshold(kernel, threshold)
    return layer


# %%
linears = {
    "aucune": linear(),
    "L2": linear(lambda kernel: l2 * kernel),
    "L1, sous-gradient": linear(lambda kernel: l1 * np.sign(kernel)),
    "L1, pas proximal": linear(threshold=rate * l1),
}
rows = []
for name, layer in linears.items():
    kernel, score = layer.params[0], numpy_nn.accuracy(layer, x_test, y_test)
    zeros = f"{np.mean(kernel == 0):.0%}", f"{np.mean(np.abs(kernel) < 1e-3):.0%}"
    rows.append([name, *zeros, f"{np.linalg.norm(kernel):.2f}", f"{score:.1%}"])
plots.table(rows, header=["pénalité", "zéros exacts", "|w| < 0,001", "norme L2", "test"])

# %% tags=["nbval-check-output"]
weights = {name: layer.params[0] for name, layer in linears.items()}
norm = {name: np.linalg.norm(kernel) for name, kernel in weights.items()}
print("sous-gradient, zéros exacts :", np.sum(weights["L1, sous-gradient"] == 0))
print("pas proximal, un tiers de zéros exacts ou plus :", np.mean(weights["L1, pas proximal"] == 0) > 1 / 3)
print("L2, zéros exacts :", np.sum(weights["L2"] == 0))
print("L2, norme réduite d'un cinquième ou plus :", norm["L2"] < 0.8 * norm["aucune"])

# %%
names = {name: kernel[:, 9].reshape(28, 28) / np.abs(kernel[:, 9]).max() for name, kernel in weights.items()}
title = "Poids de la classe « bottine » (gris : 0, noir : négatif, blanc : positif)"
plots.show(names, vmin=-1, size=2.6, title=title)

# %% [markdown]
# Les deux L1 amènent tout près de 0 la même part des poids, plus de la moitié. Mais le sous-gradient les laisse trembler autour de 0, où **aucun n'est nul**, alors que le pas proximal donne de vrais zéros, que l'on peut se dispenser de stocker. Sur l'image, presque tout le fond devient gris ; il reste la silhouette. L2 garde tous les poids, en plus petit. Le prix de ces contraintes, ici, est d'environ un point en test : un modèle linéaire surapprend peu.

# %% [markdown]
# Dans le réseau, la pénalité L1 de Keras passe par le sous-gradient (et Adam). Pour L2, nous prenons l'**affaiblissement découplé** d'AdamW : une pénalité L2 ajoutée au coût verrait son gradient divisé par $\sqrt{\hat v}$ comme le reste, et tirerait donc moins sur les poids à grand gradient ; AdamW multiplie directement les poids par $1 - \eta\lambda$ (leçon 1.2).

# %%
trial("L1", l1=1e-4)
trial("L2 (AdamW)", decay=0.3)
rows = []
for name in ("aucune", "L1", "L2 (AdamW)"):
    kernel = np.asarray(trained[name].layers[1].kernel)
    near, size = np.mean(np.abs(kernel) < 1e-3), np.linalg.norm(kernel)
    rows.append([name, np.sum(kernel == 0), f"{near:.0%}", f"{size:.1f}"])
plots.table(rows, header=["première couche", "zéros exacts", "|w| < 0,001", "norme L2"])

# %% [markdown]
# Avec L1, quatre poids sur dix environ de la première couche sont presque nuls, mais aucun ne l'est exactement : Adam les fait vibrer autour de 0. L2 réduit la norme de l'ensemble, sans amener davantage de poids près de zéro. En test, l'exactitude bouge à peine ; le coût, lui, baisse de plus d'un dixième.

# %% [markdown]
# ## 9. À vous : le dropout
#
# À chaque pas d'apprentissage, le **dropout** éteint chaque neurone au hasard, avec une probabilité $p$. Pour que la somme reçue par la couche suivante ne change pas en moyenne, la forme « inversée » divise les survivants par $1 - p$. À l'inférence, il n'y a alors plus rien à faire. (Dans l'article de 2014, $p$ est au contraire la probabilité de **garder** un neurone, et c'est à l'inférence que l'on multiplie les poids par $p$.)
#
# | Exercice 1.3.d | difficulté ●●○ | 7 min | vérifié : part de zéros, valeurs gardées, moyenne, inférence, tirage neuf à chaque appel, entrées intactes |
# | --- | --- | --- | --- |
#
# Écrivez `dropout(x, rate, training, rng)` : `rate` est la part éteinte, `training` dit si l'on apprend, et `rng` tire un masque **neuf à chaque appel**, élément par élément.


# %%
def dropout(x, rate, training, rng):
    """While training, zero each element of x with probability rate, and keep the expectation."""
    ### BEGIN SOLUTION
    if not training:
        return x
    kept = rng.random(x.shape) >= rate
    return x * kept / (1 - rate)
    ### END SOLUTION


# %% tags=["check"]
check.dropout(dropout)

# %% [markdown] tags=["solution"]
# Chaque élément a son propre tirage : `rng.random(x.shape)`, pas un par colonne. $\mathbb{E} = (1 - p) \times \frac{x}{1 - p} + p \times 0 = x$.

# %% [markdown]
# **Le dropout est un bruit.** Pour un neurone $z = \sum w_i x_i$, la moyenne ne bouge pas et la variance ajoutée vaut $\frac{p}{1-p} \sum w_i^2 x_i^2$ : le bruit est fort là où le neurone compte sur peu d'entrées, ce qui pousse à répartir les poids. Vérifions sur une vraie image, avec la couche de Keras et 4 000 tirages.

# %% tags=["nbval-check-output"]
keras.utils.set_random_seed(0)
unit, image = np.asarray(trained["aucune"].layers[1].kernel)[:, 0], x_test[0]
noisy = keras.layers.Dropout(0.3)(np.repeat(image[None], 4000, axis=0), training=True)
sums, expected = np.asarray(noisy) @ unit, 0.3 / 0.7 * np.sum((unit * image) ** 2)
print("moyenne gardée :", abs(sums.mean() - image @ unit) < 4 * np.sqrt(expected / 4000))
print("variance égale à la formule, à 10 % près :", abs(sums.var() / expected - 1) < 0.1)

# %%
trial("dropout", dropout=(0.2, 0.3))

# %% [markdown]
# Le réseau ne connaît plus ses images par cœur (un peu plus de 90 %), il gagne moins d'un point en test, et son coût en test baisse de près d'un tiers.
#
# **Le dropout est aussi un ensemble.** Chaque tirage de masques est un réseau différent, et tous partagent leurs poids. Gal et Ghahramani proposent donc de laisser le dropout allumé **au test**, et de moyenner les probabilités de plusieurs passages : c'est le **Monte-Carlo dropout**. **Avant d'exécuter** : un seul passage bruité est-il meilleur ou moins bon que le réseau sans bruit ? Et la moyenne de trente ?


# %%
def probabilities(model, **options):
    return numpy_nn.softmax(np.asarray(model(x_test, **options)))


def cost(p):
    return -np.log(p[np.arange(len(y_test)), y_test]).mean()


model = trained["dropout"]
samples = np.stack([probabilities(model, training=True) for _ in range(passes)])  # (passes, N, 10)
averages = np.cumsum(samples, axis=0) / np.arange(1, passes + 1)[:, None, None]
without, still, monte_carlo = probabilities(trained["aucune"]), probabilities(model), averages[-1]

# %%
series = {"moyenne de T passages bruités": [cost(p) for p in averages]}
series["dropout, éteint au test"] = [cost(still)] * passes
alt = "Le coût de la moyenne descend avec T et se stabilise vers vingt passages"
title = "Le dropout, vu comme un ensemble"
plots.curves(series, title=title, xlabel="nombre T de passages", ylabel="coût en test", alt=alt)

# %% [markdown]
# Un seul passage bruité est nettement moins bon que le réseau sans bruit ; dès cinq passages, leur moyenne fait mieux que lui, et vers vingt elle ne progresse plus guère. Les poids n'ont pas changé ; le prix à payer est de calculer vingt fois la réponse.

# %% [markdown]
# ## 10. Aussi sûr qu'il le dit ? La calibration
#
# Un réseau **calibré** a raison 80 fois sur 100 quand il annonce 80 %. On range les images de test par confiance, et l'on compare dans chaque tranche la confiance moyenne à l'exactitude. L'**erreur de calibration attendue** (*expected calibration error*, ECE ; Guo et al. 2017) est la moyenne de ces écarts en valeur absolue, pondérée par le nombre d'images de chaque tranche. Sur la figure, l'aire des disques donne ce nombre.

# %%
answers = {"aucune": without, "dropout": still, "Monte-Carlo dropout": monte_carlo}
calibrations = {name: numpy_nn.calibration(p, y_test) for name, p in answers.items()}
alt = "Sans régularisation, la courbe passe bien sous la diagonale ; Monte-Carlo dropout la suit"
plots.reliability(calibrations, title="Confiance et exactitude", alt=alt)

# %%
rows = [[name, f"{np.mean(p.argmax(axis=1) == y_test):.1%}", f"{p.max(axis=1).mean():.1%}",
         f"{calibrations[name].error:.3f}", f"{cost(p):.2f}"] for name, p in answers.items()]  # fmt: skip
plots.table(rows, header=["réponse", "exactitude", "confiance moyenne", "ECE", "coût"])

# %% tags=["nbval-check-output"]
error = {name: measured.error for name, measured in calibrations.items()}
print("l'erreur de calibration baisse avec le dropout :", error["dropout"] < error["aucune"])
print("et Monte-Carlo la divise par deux ou plus :", error["Monte-Carlo dropout"] < error["aucune"] / 2)
print("le coût en test baisse aussi :", cost(monte_carlo) < cost(still) < cost(without))

# %% [markdown]
# Sans régularisation, le réseau annonce 92 % de confiance en moyenne, et n'a raison que 82 fois sur 100 : sa courbe passe sous la diagonale. Le dropout divise l'écart par deux environ, et Monte-Carlo le ramène à un ou deux points. L'exactitude, elle, n'a presque pas changé : **exactitude et calibration sont deux qualités différentes**.
#
# ### Une image douteuse (pour approfondir)
#
# Parmi les erreurs que le réseau sans régularisation commet avec plus de 99 % de confiance, prenons celle où Monte-Carlo dropout hésite le plus (entropie maximale). **Regardez-la avant de lire les barres** : que diriez-vous ?

# %%
wrong = (without.argmax(axis=1) != y_test) & (without.max(axis=1) > 0.99)
entropy = -(monte_carlo * np.log(monte_carlo + 1e-9)).sum(axis=1)
doubtful = np.argmax(np.where(wrong, entropy, -1))
opinions = {"sans régularisation": without[doubtful], "Monte-Carlo dropout": samples[:, doubtful]}
truth = data.class_names[y_test[doubtful]]
alt = "Un vêtement ambigu : une seule barre à 100 % sans régularisation, plusieurs avec Monte-Carlo"
plots.opinions(data.x_test[doubtful], opinions, data.class_names, title=f"vérité : {truth}", alt=alt)

# %%
certain = (monte_carlo.argmax(axis=1) != y_test) & (monte_carlo.max(axis=1) > 0.99)
print(f"erreurs à plus de 99 % de confiance : {wrong.sum()} sans rien, {certain.sum()} avec Monte-Carlo")

# %% [markdown]
# Sans régularisation, le réseau est sûr de lui, et il a tort. Avec le Monte-Carlo dropout, les masques **ne sont pas d'accord** : les traits noirs (du premier au dernier décile des passages) sont longs, et plusieurs classes restent en course. La bonne n'est pas forcément devant, mais cette hésitation permet de confier l'image à une personne. Sur les 10 000 images du jeu de test, les erreurs commises avec plus de 99 % de confiance sont environ quinze fois moins nombreuses.

# %% [markdown]
# ## 11. L'arrêt précoce
#
# Le plus simple des remèdes est de s'arrêter quand le coût de **validation** cesse de baisser (*early stopping*), et de revenir aux meilleurs poids. `keras.callbacks.EarlyStopping` le fait ; `patience` dit combien de mesures de suite sans progrès on supporte.


# %%
def stopping():
    callback = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return {"validation_data": validation, "callbacks": [callback]}


trial("arrêt précoce", options=stopping)

# %%
history, stopped = histories["aucune"][0], histories["arrêt précoce"][0]
best, last = int(np.argmin(stopped["val_loss"])) + 1, len(stopped["val_loss"])
figure, axis = plt.subplots()
curves = {"apprentissage": history["loss"], "validation": history["val_loss"]}
xlabel = "mesure (tous les 64 pas)"
plots.curves(curves, title="Sans rien, graine 0", xlabel=xlabel, ylabel="coût", alt="", ax=axis)
axis.axvline(best, color=plots.COLORS[2], linestyle="--", label=f"poids gardés ({best})")
axis.axvline(last, color=plots.COLORS[3], linestyle=":", label=f"arrêt ({last})")
axis.legend()
plots.publish(figure, "Le coût de validation passe par un minimum, puis remonte ; l'arrêt vient peu après")

# %% tags=["nbval-check-output"]
print("l'arrêt vient trois mesures après le meilleur :", last - best == 3 or last == steps // 64)
worse = history["val_loss"][-1] > 1.1 * min(history["val_loss"])
print("sans arrêt, le coût de validation finit 10 % au-dessus de son minimum :", worse)

# %% [markdown]
# Le coût d'apprentissage descend jusqu'au bout ; celui de validation touche son minimum après une vingtaine d'époques, puis remonte. Les poids gardés sont ceux du trait vert. C'est la régularisation la moins chère : un coût en test voisin de celui du dropout, en s'arrêtant bien avant la fin. Deux précautions : la courbe est bruitée, d'où la patience ; et les images de validation ne doivent appartenir ni à l'apprentissage ni au test.

# %% [markdown]
# ## 12. À vous : lisser les étiquettes
#
# L'entropie croisée n'est satisfaite que si la bonne classe reçoit une probabilité de 1, donc un logit infiniment plus grand que les autres. Le **lissage des étiquettes** (*label smoothing*, Szegedy et al. 2016) demande un peu moins : la cible devient un mélange de l'étiquette, à $1 - s$, et de la loi uniforme sur les $K$ classes, à $s$.
#
# | Exercice 1.3.e | difficulté ●○○ | 4 min | vérifié : forme, valeurs, lignes de somme 1, même coût que Keras, entrées intactes |
# | --- | --- | --- | --- |
#
# Écrivez `smooth_labels(labels, classes, smoothing)` : les cibles, une ligne par étiquette. Pariez d'abord sur celle de la bonne classe, pour $s = 0{,}1$ et dix classes (ce n'est pas 0,9).


# %%
def smooth_labels(labels, classes, smoothing):
    """Targets (N, classes) for labels (N,): one-hot, mixed with a share `smoothing` of the uniform law."""
    ### BEGIN SOLUTION
    return (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    ### END SOLUTION


# %% tags=["check"]
check.smooth_labels(smooth_labels)

# %% [markdown] tags=["solution"]
# La bonne classe reçoit $1 - s + s/K$ (elle a aussi sa part de la loi uniforme), les autres $s/K$. Pour $s = 0{,}1$ et 10 classes : 0,91 et 0,01.

# %% tags=["nbval-check-output"]
logits = np.random.default_rng(0).normal(size=(5, 10)).astype("float32")
ours, _ = numpy_nn.cross_entropy(logits, y_test[:5], label_smoothing=0.1)
keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
print("même coût que Keras à 1e-5 près :", abs(ours - float(keras_loss(one_hot[y_test[:5]], logits))) < 1e-5)

# %%
trial("étiquettes lissées", smoothing=0.1)
smooth = probabilities(trained["étiquettes lissées"])
print(f"confiance moyenne : {smooth.max(axis=1).mean():.1%}, contre {without.max(axis=1).mean():.1%} sans rien")
print(f"erreur de calibration : {numpy_nn.calibration(smooth, y_test).error:.3f}, contre {error['aucune']:.3f}")

# %% [markdown]
# Le réseau, qui était trop sûr de lui, est devenu **trop prudent** : il annonce 77 % et a raison 82 fois sur 100. Le lissage pénalise les probabilités proches de 1, même quand elles seraient justifiées. L'erreur de calibration baisse tout de même de moitié, et le coût de plus d'un dixième.

# %% [markdown]
# ## 13. Le tableau
#
# Réunissons ce qui a servi : dropout, affaiblissement des poids et lissage. **Pariez** sur le gain en exactitude par rapport à « aucune ».

# %%
trial("combinaison", decay=0.3, dropout=(0.2, 0.3), smoothing=0.1)
rows = []
for name, runs in results.items():
    (learned, test, cost_test), (d_learned, d_test, d_cost) = runs.mean(axis=0), runs.std(axis=0)
    exact = f"{100 * learned:.1f} ± {100 * d_learned:.1f}", f"{100 * test:.1f} ± {100 * d_test:.1f}"
    rows.append([name, *exact, f"{cost_test:.2f} ± {d_cost:.2f}"])
plots.table(rows, header=["régularisation", "apprentissage (%)", "test (%)", "coût en test"])

# %% tags=["nbval-check-output"]
means = np.array([runs.mean(axis=0) for runs in results.values()]).T
learned, test, costs = (dict(zip(results, column)) for column in means)
print("sans rien, plus de 95 % en apprentissage :", learned["aucune"] > 0.95)
print("et moins de 85 % en test :", test["aucune"] < 0.85)
print("toutes les méthodes réduisent le coût en test :", max(costs, key=costs.get) == "aucune")
print("le dropout, d'un cinquième ou plus :", costs["dropout"] < 0.8 * costs["aucune"])
print("aucune ne gagne plus de 3 points d'exactitude :", max(test.values()) - test["aucune"] < 0.03)

# %% [markdown]
# En **exactitude**, tout tient en un point, et les écarts-types (sur trois graines) sont du même ordre. Le dropout et la combinaison gagnent sans doute un peu moins d'un point, le reste ne se distingue pas de « aucune ». En **coût**, l'effet est net : de 10 à 30 % de moins, bien au-delà des écarts-types. Et cumuler n'est pas toujours mieux : la combinaison hérite sans doute de la prudence du lissage, et son coût dépasse celui du dropout seul.
#
# Les forces ($\lambda$, taux, $s$) ont été réglées à la main sur des images de validation, sans grille fine : un réglage plus patient déplacerait un peu les lignes. Le meilleur des remèdes reste ailleurs : **plus d'images**. Avec les 60 000, la leçon 1.4 atteint 90 % environ.

# %% [markdown]
# ## À retenir
#
# - L'initialisation se choisit avec l'activation : $\sigma^2 = 1/n$ pour tanh (Glorot, couche carrée), $2/n$ pour ReLU (He). Une erreur d'un facteur 2 par couche devient $2^{50}$ en cinquante couches.
# - La variance n'est qu'une moyenne : c'est le **spectre** de la jacobienne qui compte. L'orthogonale avec tanh le garde près de 1, ReLU non. Pour une convolution, l'équivalent est la delta-orthogonale.
# - L1 annule (exactement, par le seuillage doux), L2 rapetisse. Le dropout est un bruit à l'apprentissage ; laissé allumé au test, il donne un ensemble.
# - Avec peu d'images, régulariser améliore surtout le coût et la **calibration** ; en exactitude, ici, le gain est d'un point au plus, ce qui ne se juge que sur plusieurs graines.
#
# ## Questionnaire
#
# 1. Pourquoi l'initialisation de Glorot éteint-elle un réseau ReLU profond, et de combien par couche ?
# 2. Une gaussienne et une orthogonale de même variance : qu'est-ce qui diffère, et quand cela se voit-il ?
# 3. Votre pénalité L1 ne donne aucun poids nul. Est-ce un bug ?
# 4. Un collègue oublie de diviser par $1 - p$ à l'apprentissage. Que se passe-t-il au test ?
# 5. Le coût de test monte, l'exactitude de test aussi. Est-ce possible ?
# 6. Peut-on arrêter un apprentissage en regardant le coût de test ?
#
# <details><summary>Réponses</summary>
#
# 1. ReLU efface la moitié de $\mathbb{E}[h^2]$ : la variance est divisée par 2 à chaque couche, et Glorot ne compense pas. 2. Le spectre : les valeurs singulières sont étalées pour la gaussienne, toutes égales pour l'orthogonale. Cela se voit quand on en multiplie beaucoup : réseaux profonds, ou récurrents. 3. Non : le sous-gradient oscille autour de 0 ; il faut le pas proximal, ou un seuil après l'apprentissage. 4. Les sommes sont $1/(1-p)$ fois plus grandes au test qu'à l'apprentissage : les réponses sont faussées. 5. Oui : moins d'erreurs, mais les erreurs restantes sont faites avec plus d'assurance. 6. Non : le test ne servirait plus à juger. On garde une validation à part.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez tanh par une sigmoïde dans `spectrum` : sa pente ne dépasse pas 1/4, donc quelle échelle $\sigma_w$ faudrait-il au moins ?
# - La normalisation (leçon 1.4) et les raccourcis des réseaux résiduels (leçon 2.3) sont deux autres façons de faire passer le gradient.
# - Müller, Kornblith & Hinton 2019, *When Does Label Smoothing Help?* ; Lakshminarayanan et al. 2017, *Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles* : de vrais ensembles, mieux calibrés que le Monte-Carlo dropout.
# - Agrandir les données plutôt que contraindre les poids : l'augmentation d'images (leçon 2.4).
