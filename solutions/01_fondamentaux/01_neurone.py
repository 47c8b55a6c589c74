# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Le neurone : formalisme et fonctions d'activation
#
# > Un neurone, c'est une somme pondérée suivie d'une petite non-linéarité. Vous allez en écrire un, voir ce qu'il ne sait pas faire, puis en assembler assez pour reconnaître des vêtements, et retrouver Keras au cent-millième près.
#
# **À la fin, vous saurez** écrire un neurone et un réseau à une couche cachée en NumPy, choisir une fonction d'activation, reconnaître un gradient qui s'évanouit et un neurone mort, et expliquer ce qu'apporte une couche cachée.
#
# **Prérequis** : NumPy, la classification en *machine learning* · **Durée** : 60 min · **Références** : Rosenblatt 1958, *The Perceptron* ; Minsky & Papert 1969, *Perceptrons* ; Glorot & Bengio 2010 ; Maas et al. 2013 (Leaky ReLU) ; Clevert et al. 2016 (ELU) ; Hendrycks & Gimpel 2016 (GELU) ; Elfwing et al. 2018 (SiLU) ; Misra 2019 (Mish)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from labs import datasets, numpy_nn, plots
from labs.checks import foundations as check

# %% [markdown]
# Les tailles qui dépendent du profil sont ici. Le profil `rapide` sert à vérifier que tout s'enchaîne ; les résultats commentés sont ceux du profil `cours`.

# %%
count = runtime.budget(rapide=500, cours=10_000, complet=60_000)  # images d'apprentissage
epochs = runtime.budget(rapide=1, cours=5, complet=10)

# %% [markdown]
# ## 1. Un neurone sépare deux classes par une droite
#
# Un neurone reçoit un vecteur $x$, calcule une **somme pondérée** $z = w \cdot x + b$, puis lui applique une **fonction d'activation** $\varphi$ :
#
# $$ a = \varphi(w \cdot x + b) $$
#
# Avec $\varphi$ = signe, c'est le perceptron de Rosenblatt : il répond $+1$ d'un côté de l'hyperplan $w \cdot x + b = 0$ (une droite, quand $x$ a deux coordonnées), et $-1$ de l'autre. Le vecteur $w$ oriente la frontière, le biais $b$ la décale.
#
# **Avant d'exécuter**, dites ce que fait la frontière quand on change seulement $b$, puis quand on change le signe de $w_1$.

# %%
points, classes = make_moons(200, noise=0.15, random_state=0)
points = points.astype("float32")


def draw_neuron(w1, w2, b):
    good = np.mean((points @ [w1, w2] + b > 0) == classes)
    title = f"w = ({w1}, {w2}), b = {b} : {good:.0%} de bonnes réponses"
    plots.boundary(lambda x: (x @ [w1, w2] + b > 0).astype(int), points, classes, title=title)


# %%
start = {"w1": 1.0, "w2": -2.0, "b": 0.0}
span = (-3.0, 3.0, 0.1)
others = [{**start, "b": 1.0}, {**start, "w1": -1.0}]
plots.explore(draw_neuron, static=[start, *others], w1=span, w2=span, b=span)

# %% [markdown]
# Changer $b$ déplace la droite sans la tourner ; changer la direction de $w$ la fait tourner, car elle reste toujours perpendiculaire à $w$. Dans JupyterLab, jouez avec les curseurs : la meilleure droite ne dépasse pas 89 % de bonnes réponses. Aucune droite ne sépare ces deux croissants.

# %% [markdown]
# ## 2. À vous : la règle du perceptron
#
# | Exercice 1.1.a | difficulté ●○○ | 10 min | vérifié : mêmes poids que scikit-learn, cas du départ à zéro, un puis cinq passages |
# | --- | --- | --- | --- |
#
# Rosenblatt propose d'apprendre $w$ et $b$ à partir des erreurs. On part de zéro, on visite les exemples **dans l'ordre**, et on corrige à chaque exemple mal classé, c'est-à-dire si $y\,(w \cdot x + b) \le 0$ :
#
# $$ w \leftarrow w + y\,x \qquad b \leftarrow b + y \qquad (y = \pm 1) $$
#
# Écrivez `perceptron(x, y, epochs)`, qui parcourt `epochs` fois les exemples et renvoie `(w, b)`.


# %%
def perceptron(x, y, epochs):
    """Perceptron rule on x (N, features), y (N,) of -1 and +1: weights (features,) and bias."""
    ### BEGIN SOLUTION
    weights, bias = np.zeros(x.shape[1]), 0.0
    for _ in range(epochs):
        for example, label in zip(x, y):
            if label * (example @ weights + bias) <= 0:
                weights = weights + label * example
                bias = bias + label
    return weights, bias
    ### END SOLUTION


# %% tags=["check"]
check.perceptron(perceptron)

# %% [markdown] tags=["solution"]
# Le signe $\le$ compte : au départ tout vaut zéro, donc $y\,z = 0$ pour chaque exemple. Avec $<$, le perceptron ne ferait jamais sa première correction.

# %% [markdown]
# ## 3. Le perceptron sur de vraies images
#
# Une image de 28×28 pixels est un vecteur de 784 nombres. Prenons dans Fashion-MNIST deux couples de vêtements : pantalon et bottine, puis pantalon et robe (l'étiquette du pantalon est $-1$). **Pariez** : lequel des deux couples le perceptron sépare-t-il sans une faute ?

# %%
data = datasets.load("fashion_mnist")
x_train, x_test = (x.reshape(-1, 784).astype("float32") / 255 for x in (data.x_train, data.x_test))
y_train, y_test = data.y_train, data.y_test


def pair(x, y, negative, positive):
    kept = np.isin(y, (negative, positive))
    return x[kept], np.where(y[kept] == positive, 1, -1)


# %%
learned, mistakes = {}, {}
for positive in (9, 3):
    name = f"{data.class_names[1]} ou {data.class_names[positive]}"
    x, y = pair(x_train[:20_000], y_train[:20_000], 1, positive)
    weights, bias, mistakes[name] = numpy_nn.perceptron(x[:2000], y[:2000], epochs=10)
    x, y = pair(x_test, y_test, 1, positive)
    learned[name] = weights.reshape(28, 28)
    good = np.mean(np.sign(x @ weights + bias) == y)
    print(f"{name:20} bonnes réponses en test : {good:.2%}")

# %%
plots.curves(
    mistakes,
    title="Le perceptron corrige tant qu'il se trompe",
    xlabel="passage sur les 2 000 images",
    ylabel="corrections",
    alt="Les corrections tombent à zéro pour pantalon ou bottine, pas pour pantalon ou robe",
)

# %% [markdown]
# Pantalon et bottine se séparent par un hyperplan : les corrections tombent à zéro et ne reviennent pas. Le théorème de Novikoff (1962) le garantit : si un hyperplan sépare les exemples, le nombre de corrections est fini. Pantalon et robe ont à peu près la même silhouette : après dix passages, le perceptron corrige encore, et il se trompe environ une fois sur vingt en test. Un hyperplan sépare pourtant ces 2 000 images (la programmation linéaire en trouve un), mais il passe si près d'elles qu'il faudrait bien plus de passages.
#
# Les poids ont la forme d'une image : **regardons-les**.

# %%
patterns = {name: w / np.abs(w).max() for name, w in learned.items()}
title = "Poids appris (noir : négatif, blanc : positif)"
plots.show(patterns, size=3.2, vmin=-1, title=title)

# %% [markdown]
# À gauche, la tache noire est une jambe de pantalon, là où une bottine laisse du vide ; le blanc dessine la bottine, sa semelle en bas et sa tige à droite. Dans l'image de droite, le blanc le plus vif est entre les jambes du pantalon : ce vide, que le tissu d'une robe remplit, pèse le plus lourd. Un neurone est un **patron** que l'on pose sur l'image.
#
# Notre perceptron et celui de scikit-learn doivent donner la même frontière.

# %% tags=["nbval-check-output"]
from sklearn.linear_model import Perceptron

x, y = pair(x_train[:20_000], y_train[:20_000], 1, 9)
reference = Perceptron(shuffle=False, tol=None, max_iter=10).fit(x[:2000], y[:2000])
weights, bias, errors = numpy_nn.perceptron(x[:2000], y[:2000], epochs=10)
same = np.allclose(weights, reference.coef_[0], atol=1e-3)
print("mêmes poids que scikit-learn à 1e-3 près :", same)
print("corrections au dernier passage :", errors[-1])

# %% [markdown]
# ## 4. Les fonctions d'activation
#
# Le signe a un défaut : sa dérivée est nulle partout où elle existe, et il n'y a donc pas de pente à descendre. Les réseaux utilisent des fonctions **dérivables** (presque partout) :
#
# | | formule | remarque |
# | --- | --- | --- |
# | sigmoïde | $\sigma(x) = 1/(1+e^{-x})$ | entre 0 et 1, sature (s'aplatit) des deux côtés |
# | tanh | $\tanh x$ | sigmoïde recentrée et étirée, entre −1 et 1 |
# | ReLU | $\max(0, x)$ | ne sature pas à droite, **nulle** à gauche |
# | *leaky* ReLU | $x$ si $x > 0$, sinon $0{,}01\,x$ | garde une petite pente à gauche |
# | ELU | $x$ si $x > 0$, sinon $e^x - 1$ | dérivée continue, tend vers −1 à gauche |
# | GELU | $x\,\Phi(x)$, $\Phi$ : fonction de répartition de la loi normale | les *Transformers* |
# | SiLU (*swish*) | $x\,\sigma(x)$ | EfficientNet |
# | Mish | $x \tanh(\ln(1+e^x))$ | YOLOv4 (leçon 4.2) |

# %% [markdown]
# | Exercice 1.1.b | difficulté ●○○ | 8 min | vérifié : valeurs, dérivée, aucun débordement à ±1000 |
# | --- | --- | --- | --- |
#
# Écrivez la sigmoïde **et sa dérivée**. Attention : $e^{1000}$ dépasse le plus grand nombre à virgule flottante ; $\sigma(x) = \tfrac12\,(1 + \tanh\tfrac x2)$ est la même fonction, sans ce risque.


# %%
def sigmoid(x):
    """Sigmoid of an array x and its derivative: two arrays of the shape of x; nothing overflows."""
    ### BEGIN SOLUTION
    value = 0.5 * (1 + np.tanh(0.5 * x))
    return value, value * (1 - value)
    ### END SOLUTION


# %% tags=["check"]
check.sigmoid(sigmoid)

# %% [markdown] tags=["solution"]
# La dérivée s'écrit avec la valeur déjà calculée, $\sigma' = \sigma(1-\sigma)$ : elle ne coûte presque rien de plus. Son maximum est $1/4$, en 0. Ce quart va nous coûter cher dans la section 5.

# %% [markdown]
# Voici les huit fonctions et leurs dérivées. **Cherchez** lesquelles ont une dérivée qui s'annule à gauche, à droite, ou des deux côtés.

# %%
names = [name for name in numpy_nn.ACTIVATIONS if name != "linear"]
z = np.linspace(-5, 5, 401)
figure, axes = plt.subplots(2, 4, figsize=(13, 6), sharex=True, sharey=True)
for axis, name in zip(axes.flat, names):
    function, derivative = numpy_nn.ACTIVATIONS[name]
    axis.plot(z, function(z), label="fonction")
    axis.plot(z, derivative(z), "--", label="dérivée")
    axis.set(title=name, ylim=(-1.2, 3), xlabel="$z$" if axis in axes[1] else "")
axes[0, 0].legend()
plots.publish(figure, "Huit fonctions d'activation et leurs dérivées, pour z de −5 à 5")

# %% [markdown]
# Sigmoïde et tanh s'aplatissent **des deux côtés** : au-delà de $|z| = 5$, leur dérivée est presque nulle. Les six autres gardent à droite une pente de 1, ou qui tend vers 1. À gauche, ReLU est exactement plate ; la dérivée d'ELU, GELU, SiLU et Mish ne s'éteint que peu à peu ; seule *leaky* ReLU garde partout une petite pente.
#
# Keras connaît les mêmes. Nos formules doivent coïncider avec les siennes, et nos dérivées avec celles de `GradientTape`, l'outil de TensorFlow qui dérive automatiquement.

# %% tags=["nbval-check-output"]
import tensorflow as tf

z = tf.Variable(np.linspace(-6, 6, 240), dtype="float64")
options = {"leaky_relu": {"negative_slope": numpy_nn.LEAK}, "gelu": {"approximate": False}}
rows = []
for name in names:
    with tf.GradientTape() as tape:
        value = getattr(keras.activations, name)(z, **options.get(name, {}))
    pairs = zip(numpy_nn.ACTIVATIONS[name], (value, tape.gradient(value, z)))
    rows.append([name, *(np.allclose(f(z.numpy()), keras_f, atol=1e-6) for f, keras_f in pairs)])
plots.table(rows, header=["activation", "valeur = Keras", "dérivée = Keras"])

# %% [markdown]
# ## 5. Le gradient qui s'évanouit
#
# En apprentissage, le gradient remonte de la sortie vers l'entrée, et chaque couche le multiplie par ses poids et par la dérivée de son activation (leçon 1.2). Si cette dérivée vaut au mieux $1/4$ et que les poids ne grossissent pas le gradient, dix couches le divisent au moins par $4^{10}$, environ un million.
#
# Mesurons-le sur un vrai réseau : dix couches cachées de 128 neurones, puis la sortie (la couche 11), 512 images, et la norme du gradient des poids à chaque couche, avant tout apprentissage.


# %%
def gradient_norms(activation):
    network = numpy_nn.mlp([784] + [128] * 10 + [10], activation=activation, seed=0)
    _, gradient = numpy_nn.cross_entropy(network.forward(x_train[:512]), y_train[:512])
    network.backward(gradient)
    return [np.linalg.norm(layer.grads[0]) for layer in network.layers if layer.grads]


norms = {name: gradient_norms(name) for name in ("sigmoid", "tanh", "relu", "mish")}

# %%
plots.curves(
    norms,
    title="Norme du gradient, de la première couche à la dernière",
    xlabel="couche (1 : côté image)",
    ylabel="norme du gradient des poids",
    log=True,
    alt="Vers l'entrée, la norme s'effondre avec la sigmoïde et reste stable avec les autres",
)

# %% tags=["nbval-check-output"]
for name, values in norms.items():
    ratio = values[0] / values[-1]
    print(f"{name:8} première couche : moins d'un millième de la dernière ?", ratio < 1e-3)

# %% [markdown]
# Avec la sigmoïde, la couche qui voit l'image reçoit un gradient environ **un million de fois** plus faible que la dernière : au début, elle n'apprendra pratiquement rien. Avec tanh, dont la dérivée atteint 1, comme avec ReLU et Mish, la norme reste du même ordre d'une couche à l'autre. L'initialisation compte aussi : c'est la leçon 1.3.

# %% [markdown]
# ## 6. Le neurone mort
#
# ReLU a son propre danger. Si une mise à jour trop grande pousse un neurone à une somme négative pour **toutes** les images, sa sortie est nulle, sa dérivée aussi : plus rien ne peut le ranimer. Entraînons trois fois le même réseau, en ne changeant que le **taux d'apprentissage**, qui règle la taille des mises à jour, et comptons les neurones de la première couche cachée qui ne s'allument pour aucune image de test.


# %%
def dead_units(network, x):
    """Share of the units of the first hidden layer that no image of x switches on."""
    return np.mean(~(network.layers[0].forward(x) > 0).any(axis=0))


# %%
rates, dead = (0.05, 0.5, 1.0), []
x, y = x_train[:5000], y_train[:5000]
for rate in rates:
    network = numpy_nn.mlp([784, 128, 128, 10], activation="relu", init="he_normal", seed=0)
    optimizer = numpy_nn.SGD(rate)
    numpy_nn.fit(network, x, y, optimizer=optimizer, epochs=3, batch_size=64)
    dead.append(dead_units(network, x_test))
    good = numpy_nn.accuracy(network, x_test, y_test)
    print(f"taux {rate:4} : {dead[-1]:4.0%} de neurones morts, {good:.0%} de bonnes réponses")

# %% tags=["nbval-check-output"]
print("au petit taux, presque aucun neurone mort :", dead[0] < 0.05)
print("au plus grand, plus de la moitié :", dead[-1] > 0.5)

# %% [markdown]
# Un neurone mort ne provoque pas d'erreur à lui seul : il ne sert plus à rien. Mais si une couche entière s'éteint, le réseau répond la même chose pour toutes les images. Au plus grand des trois taux, il ne reste qu'une bonne réponse sur dix : le hasard. *Leaky* ReLU, ELU, GELU, SiLU et Mish laissent passer un peu de gradient à gauche, ce qui permet au neurone de revenir ; elles ne dispensent pas de choisir un bon taux (leçon 1.2).

# %% [markdown]
# ## 7. Ce qu'une droite ne sait pas faire
#
# Le « ou exclusif » vaut 1 quand une seule des deux entrées vaut 1. Minsky et Papert l'ont rendu célèbre en 1969 : **aucune** droite ne sépare ses quatre points. Une couche cachée de deux neurones suffit.
#
# | Exercice 1.1.c | difficulté ●●● | 10 min | vérifié : les quatre réponses de votre réseau, calculées par Keras |
# | --- | --- | --- | --- |
#
# Sans apprentissage, **à la main** : trouvez les poids d'un réseau $2 \to 2 \to 1$, activation ReLU sur la couche cachée, sortie linéaire, qui donne exactement $0, 1, 1, 0$ pour $(0,0), (0,1), (1,0), (1,1)$. Indice : $s = x_1 + x_2$ vaut 0, 1 ou 2.


# %%
def xor_weights():
    """Weights of the 2-2-1 network: kernel (2, 2), bias (2,), then kernel (2, 1), bias (1,)."""
    ### BEGIN SOLUTION
    hidden_kernel = np.array([[1.0, 1.0], [1.0, 1.0]])  # both hidden units read s = x1 + x2
    hidden_bias = np.array([0.0, -1.0])  # relu(s) and relu(s - 1)
    return hidden_kernel, hidden_bias, np.array([[1.0], [-2.0]]), np.array([0.0])
    ### END SOLUTION


# %% tags=["check"]
check.xor_weights(xor_weights)

# %% [markdown] tags=["solution"]
# $\mathrm{ReLU}(s) - 2\,\mathrm{ReLU}(s - 1)$ monte jusqu'à 1 puis redescend : 0, 1, 0 pour $s$ = 0, 1, 2. Avec un troisième neurone, $+\,\mathrm{ReLU}(s - 2)$, la somme revient à 0 et y reste : c'est un chapeau. Avec assez de chapeaux, on approche n'importe quelle fonction continue d'une variable sur un intervalle. Le théorème d'approximation universelle étend ce résultat à plusieurs variables (Cybenko 1989 pour la sigmoïde ; Leshno et al. 1993 pour toute activation non polynomiale, dont ReLU).

# %% [markdown]
# Que fait la couche cachée ? Elle **change de coordonnées**. Voici les quatre points avant, puis après, vus par les deux neurones cachés $h_1 = \mathrm{ReLU}(x_1+x_2)$ et $h_2 = \mathrm{ReLU}(x_1+x_2-1)$.

# %%
corners, answers = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), np.array([0, 1, 1, 0])
total = corners.sum(axis=1)
hidden = np.stack([np.maximum(total, 0), np.maximum(total - 1, 0)], axis=1)
figure, (before, after) = plt.subplots(1, 2, figsize=(11, 4.6))
exclusive = lambda x: (x[:, 0] > 0.5) ^ (x[:, 1] > 0.5)
plots.boundary(exclusive, corners, answers, title="avant", ax=before)
plots.boundary(lambda h: h @ [1, -2] > 0.5, hidden, answers, title="couche cachée", ax=after)
after.set(xlabel="$h_1$", ylabel="$h_2$")
plots.publish(figure, "Le ou exclusif : à gauche, quatre points en damier ; à droite, une droite suffit")

# %% [markdown]
# La couche cachée a **replié** le plan : les deux points de la classe 1 sont maintenant confondus, et une seule droite suffit. C'est le rôle d'une couche cachée : présenter les données de sorte que la sortie n'ait plus qu'à tracer une droite.

# %% [markdown]
# ## 8. À vous : le réseau entier
#
# | Exercice 1.1.d | difficulté ●●○ | 12 min | vérifié : une à trois couches, lots de tailles différentes, sortie linéaire |
# | --- | --- | --- | --- |
#
# Un réseau dense (ou perceptron multicouche, *multilayer perceptron*, MLP) enchaîne les couches : $h \leftarrow \varphi(h W + b)$ pour chacune, **sauf la dernière**, qui reste linéaire et donne les *logits*, un score par classe. Ici, $h$ contient tout un **lot** d'exemples, un par ligne. Sans $\varphi$, deux couches n'en vaudraient qu'une : $(x W_1) W_2 = x\,(W_1 W_2)$. Écrivez `forward`.


# %%
def forward(x, layers, activation):
    """Logits (N, K) of x (N, D); layers: list of (kernel (inputs, units), bias (units,))."""
    ### BEGIN SOLUTION
    *hidden_layers, (last_kernel, last_bias) = layers
    for kernel, bias in hidden_layers:
        x = activation(x @ kernel + bias)
    return x @ last_kernel + last_bias
    ### END SOLUTION


# %% tags=["check"]
check.forward(forward)

# %% [markdown] tags=["solution"]
# Une image par ligne, un neurone par colonne : tout le lot passe en une multiplication de matrices, et le biais s'étend sur les lignes. C'est exactement ce que fait `keras.layers.Dense`.

# %% [markdown]
# ## 9. Le nôtre et celui de Keras
#
# `numpy_nn.mlp` construit ce réseau, avec des poids tirés au hasard. **Avant d'exécuter**, calculez le nombre de poids d'un réseau $784 \to 128 \to 64 \to 10$, biais compris.

# %% tags=["nbval-check-output"]
ours = numpy_nn.mlp([784, 128, 64, 10], activation="mish", seed=0)
theirs = keras.Sequential([keras.Input((784,))])
for units in (128, 64):
    theirs.add(keras.layers.Dense(units, activation=keras.activations.mish))
theirs.add(keras.layers.Dense(10))
theirs.set_weights(ours.params)
gap = np.abs(ours.forward(x_test[:1000]) - theirs.predict(x_test[:1000], verbose=0)).max()
print("poids :", sum(p.size for p in ours.params), "et", theirs.count_params())
print("écart entre NumPy et Keras inférieur à 1e-5 :", gap < 1e-5)

# %% [markdown]
# $784 \times 128 + 128 + 128 \times 64 + 64 + 64 \times 10 + 10$ : le compte y est, et les deux réseaux donnent les mêmes logits, à la précision des nombres sur 32 bits.
#
# Reste à **apprendre** ces poids. La leçon suivante ouvre la boîte ; voici déjà ce que donne la descente de gradient, d'abord sur les deux croissants, puis sur les vêtements.

# %%
small = numpy_nn.mlp([2, 16, 2], activation="tanh", seed=0)
numpy_nn.fit(small, points, classes, optimizer=numpy_nn.Adam(0.02), epochs=200)
title = "Une couche cachée de 16 neurones"
plots.boundary(lambda x: small.forward(x).argmax(axis=1), points, classes, title=title)

# %% [markdown]
# La frontière n'est plus une droite : elle épouse les deux croissants. Chaque neurone caché a tracé la sienne, et la sortie les combine.

# %%
network = numpy_nn.mlp([784, 128, 10], activation="relu", init="he_normal", seed=0)
optimizer = numpy_nn.Adam(0.001)
losses = numpy_nn.fit(network, x_train[:count], y_train[:count], optimizer=optimizer, epochs=epochs)
score = numpy_nn.accuracy(network, x_test, y_test)
print("coût par époque :", " ".join(f"{loss:.2f}" for loss in losses))
print(f"exactitude en test : {score:.1%}")

# %% tags=["nbval-check-output"]
print("le coût a baissé :", losses[-1] < losses[0])
print("réseau NumPy, exactitude en test d'au moins 80 % :", score >= 0.80)

# %% [markdown]
# ## À retenir
#
# - Un neurone : $a = \varphi(w \cdot x + b)$. Seul, il trace une droite (un hyperplan) ; ses poids sont un patron posé sur l'image.
# - Sans activation non linéaire, empiler des couches ne sert à rien : un produit de matrices reste une matrice.
# - Sigmoïde et tanh saturent et font s'évanouir le gradient ; ReLU ne sature pas à droite mais peut mourir ; *leaky* ReLU, ELU, GELU, SiLU et Mish gardent une pente à gauche de 0.
# - Une couche cachée change les coordonnées pour que la sortie n'ait plus qu'une droite à tracer.
# - On renvoie des *logits* : la dernière couche reste linéaire.
#
# ## Questionnaire
#
# 1. Que peut séparer un réseau de dix couches dont toutes les activations sont linéaires ?
# 2. Pourquoi la sigmoïde divise-t-elle le gradient par quatre, au moins, à chaque couche ?
# 3. Un neurone ReLU est mort. Quel gradient reçoivent ses poids ? Et avec *leaky* ReLU ?
# 4. Combien de poids dans un réseau $3072 \to 100 \to 10$ (une image de CIFAR-10) ?
# 5. Faut-il une couche cachée pour distinguer pantalon et bottine ? Et pour le « ou exclusif » ?
#
# <details><summary>Réponses</summary>
#
# 1. Rien de plus qu'une seule couche : ses frontières restent des droites (des hyperplans). 2. Sa dérivée, $\sigma(1-\sigma)$, ne dépasse jamais $1/4$, sa valeur en 0. 3. Exactement 0 ; avec *leaky* ReLU, un centième du gradient : de quoi revenir. 4. $3072 \times 100 + 100 + 100 \times 10 + 10 = 308\,310$. 5. Non, un hyperplan les sépare ; oui, aucune droite ne suffit.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez ReLU par Mish dans la dernière cellule d'apprentissage : que gagnez-vous, et combien de temps cela coûte-t-il ?
# - Combien de neurones cachés faut-il au minimum pour les deux croissants ? Essayez 2, 3, 4, avec trois graines.
# - Ramachandran, Zoph & Le 2017, *Searching for Activation Functions* : comment *swish* a été trouvée par une recherche automatique.
