# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Politiques de lots (*batchs*), taux d'apprentissage et normalisation
#
# > Des lots de 32 images au taux 0,03, ou des lots de 1 024 au taux 0,96 : avec les mêmes données et le même réseau, les premiers apprennent bien, les seconds déraillent. Vous allez mesurer pourquoi, y remédier, puis tout régler pour atteindre 88,5 % sur Fashion-MNIST en moins de trente secondes.
#
# **À la fin, vous saurez** choisir une taille de lot et le taux d'apprentissage qui va avec, échauffer puis faire décroître ce taux, écrire la normalisation par lot et dire quand elle échoue, accumuler des gradients, et composer vos lots quand une classe est rare.
#
# **Prérequis** : leçons 1.2 et 1.3 · **Durée** : 75 min · **Références** : Cochran 1977, *Sampling Techniques* ; Goyal et al. 2017, *Accurate, Large Minibatch SGD* ; McCandlish et al. 2018, *An Empirical Model of Large-Batch Training* ; Loshchilov & Hutter 2017, *SGDR* ; Smith & Topin 2018, *Super-Convergence* ; Ioffe & Szegedy 2015, *Batch Normalization* ; Ba et al. 2016, *Layer Normalization* ; Wu & He 2018, *Group Normalization*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import itertools
import time

import keras
import matplotlib.pyplot as plt
import numpy as np

from labs import datasets, numpy_nn, plots, training
from labs.checks import foundations as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Le profil `rapide` vérifie que tout s'enchaîne ; les résultats commentés sont ceux du profil `cours`. Les parties marquées « (pour approfondir) » peuvent être sautées : rien de la suite n'en dépend.

# %%
count = runtime.budget(rapide=512, cours=16_384, complet=16_384)  # images of the experiments
few = runtime.budget(rapide=256, cours=2048, complet=2048)  # images of the slowest ones
epochs = runtime.budget(rapide=1, cours=5, complet=5)
seeds = range(runtime.budget(rapide=1, cours=3, complet=5))
final_count = runtime.budget(rapide=1000, cours=60_000, complet=60_000)  # images of the last network
final_epochs = runtime.budget(rapide=1, cours=10, complet=20)

# %%
data = datasets.load("fashion_mnist")
x_train, x_test = (x.reshape(-1, 784).astype("float32") / 255 for x in (data.x_train, data.x_test))
mean = x_train.mean(axis=0)
x_train, x_test = x_train - mean, x_test - mean  # each pixel centred
y_train, y_test = data.y_train, data.y_test

# %% [markdown]
# ## 1. Le lot complet, le mini-lot et l'exemple seul
#
# La descente de gradient laisse un choix : combien d'images regarder avant de bouger les poids ? Toutes (le **lot complet**), quelques-unes (le **mini-lot**, *mini-batch*) ou une seule.
#
# Une **politique de lots** se résume donc à deux listes, qui donnent pour chaque pas *les exemples* à regarder et *le taux d'apprentissage*. Le reste de la descente ne change pas, et tient en une fonction.


# %%
def train(network, x, y, batches, rates, *, momentum=0.0, weights=None):
    """One step of SGD a batch, at the rate of that step: the losses met on the way."""
    optimizer, losses = numpy_nn.SGD(momentum=momentum), []
    for index, rate in zip(batches, rates):
        optimizer.learning_rate = rate
        loss, gradient = numpy_nn.cross_entropy(network.forward(x[index], training=True), y[index])
        network.backward(gradient if weights is None else gradient * weights[y[index], None])
        optimizer.update(network.params, network.grads)
        losses.append(loss)
    return losses


# %%
def passes(count, batch_size, epochs, seed=0):
    """The batches of several epochs: each example once an epoch, in a random order."""
    rng = np.random.default_rng(seed)
    return [index for _ in range(epochs) for index in numpy_nn.batches(count, batch_size, rng)]


# %% [markdown]
# Donnons à chaque politique cinq époques sur les mêmes images. **Pariez** : laquelle fait le plus baisser le coût ? Laquelle prend le moins de temps ?

# %%
policies = {"lot complet": (few, 0.1), "mini-lots de 32": (32, 0.1)}
policies |= {"un exemple, taux 0,1": (1, 0.1), "un exemple, taux 0,01": (1, 0.01)}
losses, rows = {}, []
for name, (size, rate) in policies.items():
    network = numpy_nn.mlp([784, 64, 10], init="he_normal", seed=0)
    start = time.perf_counter()
    losses[name] = train(network, x_train, y_train, passes(few, size, 5), itertools.repeat(rate))
    seconds, score = time.perf_counter() - start, numpy_nn.accuracy(network, x_test, y_test)
    rows.append([name, len(losses[name]), f"{seconds:.2f} s", f"{score:.1%}"])
plots.table(rows, header=["politique", "pas", "temps", "exactitude en test"])

# %%
figure, axes = plt.subplots(1, 4, figsize=(14, 3.8), sharey=True)
for axis, (name, values), size in zip(axes, losses.items(), (9, 4, 2, 2)):
    axis.plot(np.linspace(0, 5, len(values)), values, ".", markersize=size, color=plots.COLORS[0])
    axis.set(title=name, xlabel="époques", ylim=(-0.2, 6))
axes[0].set_ylabel("coût du lot")
plots.publish(figure, "Coût à chaque pas : cinq points alignés, une bande, puis deux nuages très étalés")

# %% tags=["nbval-check-output"]
print("pas :", [len(values) for values in losses.values()])
full_batch, mini_batch, one_fast, one_slow = (float(row[-1].rstrip("%")) for row in rows)
print("mini-lots et exemple seul devancent le lot complet :", min(mini_batch, one_slow) > full_batch + 10)
print("au taux 0,1, l'exemple seul perd plus de 5 points :", one_fast < one_slow - 5)

# %% [markdown]
# À nombre d'époques égal, le lot complet ne fait que cinq pas : ils sont bien dirigés, mais il n'y en a que cinq. L'exemple seul en fait dix mille et, au taux 0,01, descend bien, mais en y passant beaucoup plus de temps : le processeur est fait pour multiplier des matrices, et on ne lui donne qu'une ligne. Le mini-lot apprend presque aussi bien, en deux fois le temps du lot complet, là où l'exemple seul en prend plus de quarante fois.
#
# Remarquez deux choses. Plus le lot est petit, plus les points **s'étalent**. Et l'exemple seul n'apprend bien qu'avec un taux dix fois plus petit. Ces deux faits ont la même cause.

# %% [markdown]
# ## 2. Le bruit du gradient
#
# Le gradient d'un lot est une **moyenne** de gradients d'exemples, donc une estimation bruitée du gradient complet $g$. Si les $N$ exemples ont un gradient de variance totale $S = \frac1N \sum_i \lVert g_i - g \rVert^2$, la statistique donne l'erreur quadratique moyenne d'un lot de $B$ exemples tirés **sans remise** (Cochran 1977), que nous appellerons son **bruit** :
#
# $$ \mathbb{E}\, \lVert g_B - g \rVert^2 = \frac{S}{B} \cdot \frac{N - B}{N - 1} $$
#
# Avec quatre fois plus d'images, cette variance est divisée par quatre, et l'écart type par deux seulement. Le second facteur s'annule quand $B = N$ : le lot complet ne se trompe pas.
#
# | Exercice 1.4.a | difficulté ●●○ | 8 min | vérifié : la formule ci-dessus, pour des lots de 1, de 5, de la moitié, de tout |
# | --- | --- | --- | --- |
#
# Mesurez ce bruit. `gradients` a une ligne par exemple ; tirez `draws` lots de `batch_size` lignes sans remise (`rng.choice(N, batch_size, replace=False)`), et renvoyez la moyenne de $\lVert g_B - g \rVert^2$.


# %%
def gradient_noise(gradients, batch_size, draws, rng):
    """Mean of ||batch gradient - full gradient||² over `draws` random batches; gradients (N, P)."""
    ### BEGIN SOLUTION
    full, total = gradients.mean(axis=0), 0.0
    for _ in range(draws):
        index = rng.choice(len(gradients), batch_size, replace=False)
        total += np.sum((gradients[index].mean(axis=0) - full) ** 2)
    return total / draws
    ### END SOLUTION


# %% tags=["check"]
check.gradient_noise(gradient_noise)

# %% [markdown] tags=["solution"]
# C'est la variance d'une moyenne, rien de plus : le réseau n'y entre que par $S$. Tirer avec remise donnerait $S/B$, deux fois trop pour un lot qui contient la moitié du jeu.

# %% [markdown]
# Passons à un vrai réseau et à 1 024 images. Calculons le gradient de **chaque** image, et rangeons-le dans une ligne.


# %%
def gradient(network, x, y):
    """Gradient of the mean loss over the batch (x, y), for all the parameters, in one vector."""
    network.backward(numpy_nn.cross_entropy(network.forward(x, training=True), y)[1])
    return np.concatenate([g.ravel() for g in network.grads])


population = runtime.budget(rapide=512, cours=1024, complet=1024)
network = numpy_nn.mlp([784, 16, 10], init="he_normal", seed=0)
images, labels = x_train[:population, None], y_train[:population, None]  # as batches of one image
before = np.stack([gradient(network, x, y) for x, y in zip(images, labels)])
print("gradients :", before.shape, "soit une ligne de", before.shape[1], "nombres par image")

# %% [markdown]
# Pour **voir** ces vecteurs de plus de 12 000 nombres, projetons-les sur deux axes : la direction du gradient complet $g$, et celle où le bruit est le plus fort. Chaque point est un lot. Un point à gauche de zéro donne un pas qui **remonte** la pente. Faites varier la taille du lot.

# %%
from scipy.sparse.linalg import svds

full = before.mean(axis=0)
along = full / np.linalg.norm(full)
rest = before - full
rest = rest - np.outer(rest @ along, along)  # what is orthogonal to the full gradient
across = svds(rest, k=1, random_state=0)[2][0]
plane = before @ np.stack([along, across], axis=1)


# %%
def draw_cloud(batch_size):
    rng = np.random.default_rng(0)
    batches = [rng.choice(len(plane), batch_size, replace=False) for _ in range(400)]
    points = np.stack([plane[index].mean(axis=0) for index in batches])
    figure, axis = plt.subplots(figsize=(8, 3.6))
    axis.scatter(*points.T, s=14, alpha=0.5)
    axis.annotate("", plane.mean(axis=0), (0, 0), arrowprops={"color": plots.COLORS[1], "width": 2})
    wrong = 100 * np.mean(points[:, 0] < 0)
    axis.set(title=f"Lots de {batch_size} : {wrong:.0f} % remontent la pente", xlim=(-2.5, 8), ylim=(-7, 9))
    axis.set(xlabel="le long du gradient complet (flèche)", ylabel="en travers")
    plots.publish(figure, f"Nuage de 400 gradients de lots de {batch_size} autour du gradient complet")


plots.explore(draw_cloud, static=[{"batch_size": 1}, {"batch_size": 64}], batch_size=[1, 4, 16, 64, 256])

# %% [markdown]
# Avec une seule image, le nuage déborde de partout : environ un pas sur sept va dans le mauvais sens, et quelques images tirent très fort de côté. Avec 64, le nuage se serre au bout de la flèche et plus aucun pas ne recule. À quelle vitesse le bruit baisse-t-il quand le lot grandit ? Mesurons-le avant l'apprentissage, puis après cinq époques.

# %%
train(network, x_train, y_train, passes(population, 32, 5), itertools.repeat(0.1))
after = np.stack([gradient(network, x, y) for x, y in zip(images, labels)])
sizes = np.array([1, 4, 16, 64, 256])
rng = np.random.default_rng(0)
noise = {
    name: np.array([numpy_nn.gradient_noise(gradients, size, draws=300, rng=rng) for size in sizes])
    for name, gradients in (("avant l'apprentissage", before), ("après cinq époques", after))
}

# %%
correction = (population - sizes) / (population - 1)
figure, axis = plt.subplots()
for (name, values), spread, color in zip(noise.items(), (before, after), plots.COLORS):
    axis.loglog(sizes, spread.var(axis=0).sum() / sizes * correction, "--", color=color)
    axis.loglog(sizes, values, "o", color=color, label=f"{name} : mesure (points), formule (tirets)")
axis.set(title="Le bruit du gradient baisse comme 1/B", xlabel="taille du lot B")
axis.set(ylabel="variance du gradient du lot")
axis.legend()
plots.publish(figure, "Sur deux axes logarithmiques, les points mesurés suivent les tirets, de pente −1")

# %% tags=["nbval-check-output"]
for name, values in noise.items():
    slope = np.polyfit(np.log(sizes), np.log(values / correction), 1)[0]
    print(f"{name} : pente de −1, à 0,05 près :", abs(slope + 1) < 0.05)

# %% [markdown]
# Les points tombent sur la formule. Une fois mis à part le facteur du tirage sans remise, la pente vaut −1 : la variance est proportionnelle à $1/B$. Reste à savoir si ce bruit est grand ou petit **par rapport au gradient**. McCandlish et al. (2018) appellent *échelle de bruit* (*simple noise scale*) la taille de lot pour laquelle la variance $S/B$ égale la norme au carré du gradient :
#
# $$ B_{\text{bruit}} = \frac{S}{\lVert g \rVert^2} $$
#
# Bien en dessous de cette taille, doubler le lot rend chaque pas presque deux fois plus utile. Bien au-dessus, cela double le travail presque sans rien rapporter. **Avant d'exécuter** : va-t-elle monter ou descendre pendant l'apprentissage ?

# %%
scale = [g.var(axis=0).sum() / np.sum(g.mean(axis=0) ** 2) for g in (before, after)]
print(f"échelle de bruit : {scale[0]:.0f} images avant l'apprentissage, {scale[1]:.0f} après")

# %% tags=["nbval-check-output"]
print("l'échelle de bruit a au moins triplé :", scale[1] > 3 * scale[0])

# %% [markdown]
# Elle monte : en approchant d'un minimum, le gradient moyen s'éteint alors que les images continuent à se contredire. Le début de l'apprentissage se contente de petits lots. La fin réclame de grands lots ou de **petits taux** : avec un petit taux, les erreurs de plusieurs pas successifs se compensent, comme dans une moyenne. Lot et taux se règlent donc ensemble.

# %% [markdown]
# ## 3. Lot et taux d'apprentissage vont ensemble
#
# Croisons trois tailles de lot et trois taux, pour le même nombre d'époques. **Devinez** où se trouve la meilleure case de chaque ligne.

# %%
rates, grid = (0.01, 0.1, 0.8), {}
rows = []
for size in (16, 128, 1024):
    seconds = time.perf_counter()
    for rate in rates:
        network = numpy_nn.mlp([784, 64, 10], init="he_normal", seed=0)
        train(network, x_train, y_train, passes(count, size, 3), itertools.repeat(rate))
        grid[size, rate] = numpy_nn.accuracy(network, x_test, y_test)
    seconds = (time.perf_counter() - seconds) / len(rates)
    rows.append([size, -(-3 * count // size), f"{seconds:.1f} s", *(f"{grid[size, r]:.1%}" for r in rates)])
plots.table(rows, header=["lot", "pas", "temps", *(f"taux {rate}" for rate in rates)])

# %% tags=["nbval-check-output"]
best = {size: max(rates, key=lambda rate: grid[size, rate]) for size in (16, 128, 1024)}
print("meilleur taux de chaque lot :", best)
lost = grid[1024, 0.8] - grid[1024, 0.01]
print("avec des lots de 1024, le taux de 0,01 perd plus de 10 points :", lost > 0.1)

# %% [markdown]
# La meilleure case passe de 0,1 à 0,8 quand le lot passe de 16 à 128, puis elle reste au bord du tableau : le grand lot fait moins de pas, il les lui faut plus longs. Le temps baisse avec la taille du lot, puis se stabilise : une fois le processeur occupé, un lot plus grand ne fait plus rien gagner. Goyal et al. (2017) proposent une règle, la **mise à l'échelle linéaire** (*linear scaling*) :
#
# > Quand le lot est multiplié par $k$, multipliez le taux par $k$.
#
# L'idée : $k$ petits pas successifs de taux $\eta$ et un grand pas de taux $k\eta$ sur les $k$ lots réunis arrivent presque au même endroit, **tant que le gradient change peu entre-temps**. Or, au tout début, il change vite. D'où leur second conseil, l'**échauffement** (*warm-up*) : faire monter le taux peu à peu jusqu'à $k\eta$ pendant les premières époques.
#
# Essayons, sur un réseau à trois couches cachées entraîné avec un momentum de 0,9 : d'abord par lots de 32 au taux 0,03, puis par lots de 1 024, soit $k = 32$ et $k\eta = 0{,}96$. **Classez** d'avance les quatre essais.

# %%
base, k = 0.03, 32
steps = epochs * -(-count // 1024)
ramp = np.minimum(1, np.arange(1, steps + 1) / (2 * steps / 5))  # up to 1 over the first two fifths
trials = {
    "lots de 32, taux 0,03": (32, itertools.repeat(base)),
    "lots de 1024, taux 0,03": (1024, itertools.repeat(base)),
    "lots de 1024, taux 0,96": (1024, itertools.repeat(base * k)),
    "lots de 1024, échauffement jusqu'à 0,96": (1024, base * k * ramp),
}

# %%
large, reached = {}, {}
for name, (size, policy) in trials.items():
    found = []
    for seed in seeds:
        network = numpy_nn.mlp([784, 64, 64, 64, 10], activation="tanh", init="he_normal", seed=seed)
        batches = passes(count, size, epochs, seed)
        found.append(train(network, x_train, y_train, batches, policy, momentum=0.9))
        reached.setdefault(name, []).append(numpy_nn.accuracy(network, x_test, y_test))
    large[name] = found
    low, middle, high = min(reached[name]), np.mean(reached[name]), max(reached[name])
    print(f"{name:40} test {middle:.1%} (de {low:.1%} à {high:.1%})")

# %%
title = "Les premiers pas, par lots de 1 024 (moyenne et étendue des essais)"
plots.curves(
    {name: np.array(values)[:, :40] for name, values in large.items() if "1024" in name},
    title=title,
    xlabel="pas",
    ylabel="coût du lot",
    alt="Au taux 0,96, le coût remonte et oscille ; avec échauffement, il descend vite et sans bond",
)

# %% tags=["nbval-check-output"]
small, same, scaled, warm = (np.mean(values) for values in reached.values())
print("grand lot, taux inchangé : plus de 1,5 point de moins que le petit lot :", same < small - 0.015)
print("taux × k sans échauffement : pire encore :", scaled < same)
print("taux × k avec échauffement : mieux que les deux :", warm > max(same, scaled) + 0.01)
print("et à moins de 3 points du petit lot :", warm > small - 0.03)

# %% [markdown]
# À taux inchangé, le grand lot descend proprement, mais trop lentement, et finit derrière le petit. Si l'on multiplie d'emblée le taux par 32, le coût **remonte** au bout de quelques pas, oscille, et le réseau ne s'en remet pas tout à fait. Avec le même taux atteint en douceur, le grand lot rattrape presque le petit, en 32 fois moins de pas.
#
# Dans l'article, un ResNet-50 sur ImageNet passe de lots de 256 à des lots de 8 192 presque sans rien perdre : 23,6 % d'erreur au départ, 24,8 % avec la règle seule, 23,7 % avec l'échauffement. C'est une règle empirique, pas une loi : au-delà de 8 192, l'erreur remonte. Pour McCandlish et al., le meilleur taux cesse de croître avec le lot à mesure que celui-ci dépasse l'échelle de bruit.

# %% [markdown]
# ## 4. Les calendriers du taux
#
# Un échauffement au début, un taux qui décroît à la fin pour réduire le bruit (section 2) : cette suite de taux s'appelle un **calendrier** (*schedule*). Le plus répandu aujourd'hui est un échauffement linéaire suivi d'un demi-cosinus (celui de Loshchilov & Hutter 2017, sans leurs redémarrages). Au pas $t$, avec $w$ pas d'échauffement et $T$ pas en tout :
#
# $$ \eta_t = \eta_{\max}\, \frac{t}{w} \ \text{ si } t < w, \qquad \eta_t = \frac{\eta_{\max}}{2} \left( 1 + \cos \pi\, \frac{t - w}{T - w} \right) \ \text{ sinon} $$
#
# | Exercice 1.4.b | difficulté ●○○ | 6 min | vérifié : égal à Keras, au début, au sommet, à la fin, après la fin, sans échauffement |
# | --- | --- | --- | --- |
#
# Écrivez ce calendrier. Après le pas $T$, le taux reste à zéro.


# %%
def warmup_cosine(step, *, peak, warmup, steps):
    """Learning rate at an integer step: linear from 0 to peak over `warmup` steps, then a half cosine."""
    ### BEGIN SOLUTION
    if step < warmup:
        return peak * step / warmup
    done = min((step - warmup) / (steps - warmup), 1)
    return peak * (1 + np.cos(np.pi * done)) / 2
    ### END SOLUTION


# %% tags=["check"]
check.warmup_cosine(warmup_cosine)

# %% [markdown] tags=["solution"]
# Sans le `min`, le cosinus **remonterait** après la fin : c'est ce qui arrive quand on prolonge un apprentissage sans prolonger son calendrier.

# %% [markdown]
# Keras a le sien : `CosineDecay(…, warmup_target=…, warmup_steps=…)`, ainsi que `PiecewiseConstantDecay` pour les **paliers** (diviser par dix à des dates choisies). Il lui manque le **cycle unique** (*one-cycle*, Smith & Topin 2018) : monter, puis descendre jusqu'à zéro ; c'est `labs.training.OneCycle`. Dessinons-les.

# %%
schedules = keras.optimizers.schedules
peak, steps = 0.2, epochs * count // 128
functions = {
    "constant": lambda step: peak,
    "paliers": schedules.PiecewiseConstantDecay([steps * 3 // 5, steps * 4 // 5], [0.2, 0.02, 0.002]),
    "cosinus": schedules.CosineDecay(0.0, steps - steps // 10, warmup_target=peak, warmup_steps=steps // 10),
    "cycle unique": training.OneCycle(peak, steps, warmup=0.3),
}
plans = {name: [float(function(step)) for step in range(steps)] for name, function in functions.items()}

# %%
plots.curves(
    plans,
    title="Quatre calendriers, même sommet, même durée",
    xlabel="pas",
    ylabel="taux d'apprentissage",
    alt="Taux constant ; en escalier ; cosinus après une courte montée ; triangle du cycle unique",
)

# %% [markdown]
# Le réseau, les époques et les lots sont les mêmes pour tous. Quel calendrier finira devant, et de combien ?

# %%
ends = {}
for name, plan in plans.items():
    for seed in seeds:
        network = numpy_nn.mlp([784, 64, 64, 10], init="he_normal", seed=seed)
        train(network, x_train, y_train, passes(count, 128, epochs, seed), plan, momentum=0.9)
        ends.setdefault(name, []).append(numpy_nn.accuracy(network, x_test, y_test))
rows = [[name, f"{np.mean(v):.1%}", f"± {np.std(v):.1%}"] for name, v in ends.items()]
plots.table(rows, header=["calendrier", "exactitude en test", "écart type"])

# %% tags=["nbval-check-output"]
for name in ("paliers", "cosinus", "cycle unique"):
    gain = np.mean(ends[name]) - np.mean(ends["constant"])
    print(f"{name} : plus d'un demi-point de mieux que le taux constant :", gain > 0.005)

# %% [markdown]
# Les trois calendriers qui finissent près de zéro battent nettement le taux constant. **Entre eux**, il ne reste qu'un demi-point : trois graines, un seul sommet et un seul réseau ne suffisent pas à les classer. L'important est ici de descendre ; la forme de la descente change peu de chose. Cosinus et cycle unique ont un avantage pratique : outre la durée de la montée, il n'y a que le sommet à choisir, et le test du taux de la leçon 1.2 aide à le trouver.
#
# Une réserve : chez Smith & Topin, le momentum varie aussi, à l'inverse du taux. Ici, il reste à 0,9.

# %% [markdown]
# ## 5. La normalisation par lot
#
# Dans la section 3, un taux de 0,96 sans échauffement faisait dérailler le réseau. Ioffe & Szegedy (2015) proposent de **centrer et réduire la sortie de chaque neurone**, à chaque pas, avec la moyenne et la variance du lot :
#
# $$ \hat x = \frac{x - \mu_{\text{lot}}}{\sqrt{\sigma^2_{\text{lot}} + \epsilon}}, \qquad y = \gamma\, \hat x + \beta $$
#
# où $\gamma$ et $\beta$, propres à chaque neurone, s'apprennent comme des poids. À l'inférence, on veut une réponse qui ne dépende pas des voisins de lot : on prend alors des **moyennes mobiles**, tenues à jour pendant l'apprentissage par $m \leftarrow \rho\, m + (1 - \rho)\, \mu_{\text{lot}}$ (de même pour la variance). Dans le code, $\rho$ s'appelle `momentum`, sans rapport avec celui de l'optimiseur.
#
# | Exercice 1.4.c | difficulté ●●○ | 10 min | vérifié : égal à Keras, apprentissage et inférence, lot d'un seul exemple, entrées intactes |
# | --- | --- | --- | --- |
#
# Écrivez les deux modes. La fonction renvoie la sortie et les deux moyennes mobiles, nouvelles en apprentissage, inchangées à l'inférence.


# %%
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.99, epsilon=1e-3):
    """Output (N, D), moving mean (D,), moving variance (D,); x (N, D), the other arrays (D,)."""
    ### BEGIN SOLUTION
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    output = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    return output, moving_mean, moving_variance
    ### END SOLUTION


# %% tags=["check"]
check.batch_norm(batch_norm)

# %% [markdown] tags=["solution"]
# Deux modes dans une même couche : c'est l'origine de bien des bogues. Un réseau évalué en mode apprentissage donne des réponses qui changent avec le lot ; un réseau entraîné en mode inférence ne normalise rien, car ses moyennes mobiles gardent leurs valeurs de départ, 0 et 1.

# %% [markdown]
# `numpy_nn.BatchNormalization` fait cela, et sait aussi remonter le gradient : la moyenne et la variance dépendent de chaque $x$, deux termes s'ajoutent donc à la dérivée. Une variante, la **normalisation par couche** (*layer normalization*, Ba et al. 2016), prend la moyenne et la variance **sur les neurones de chaque exemple** : la sortie ne dépend plus du lot, il n'y a ni moyennes mobiles ni second mode.
#
# ### Nos couches et celles de Keras (pour approfondir)
#
# Comparons nos deux couches à celles de Keras : sorties dans les deux modes et gradients.

# %%
import tensorflow as tf


def compare_to_keras(name, x, upstream):
    """Largest gaps between our layer and Keras's: output in training, at inference, gradients."""
    ours, theirs = getattr(numpy_nn, name)(x.shape[1]), getattr(keras.layers, name)(epsilon=1e-3)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        output = theirs(variable, training=True)
    wanted = tape.gradient(output, [variable, theirs.gamma, theirs.beta], upstream)
    pairs = [(ours.forward(x, training=True), output), (ours.backward(upstream), wanted[0])]
    pairs += [*zip(ours.grads, wanted[1:]), (ours.forward(x), theirs(x, training=False))]
    return [np.abs(mine - np.asarray(keras_one)).max() for mine, keras_one in pairs]


# %% tags=["nbval-check-output"]
draw = np.random.default_rng(0)
x, upstream = draw.normal(2, 3, (64, 20)).astype("float32"), draw.normal(size=(64, 20)).astype("float32")
header = ["écart < 1e-5", "sortie", "gradient de x", "de gamma", "de beta", "inférence"]
names = ("BatchNormalization", "LayerNormalization")
rows = [[name, *(gap < 1e-5 for gap in compare_to_keras(name, x, upstream))] for name in names]
plots.table(rows, header=header)

# %% [markdown]
# Tout est égal à $10^{-5}$ près.
#
# ### Le grand taux, avec normalisation
#
# Que change la normalisation par lot ? Reprenons le réseau à trois couches cachées, les lots de 1 024 et le taux de 0,96 **sans échauffement**, qui échouait plus haut.


# %%
def normalised(normalisation, activation, seed, sizes=(784, 64, 64, 64)):
    """A network with a normalisation between each hidden layer and its activation."""
    rng, layers = np.random.default_rng(seed), []
    for inputs, units in zip(sizes[:-1], sizes[1:]):
        layers += [numpy_nn.Dense(inputs, units, init="he_normal", rng=rng), normalisation(units)]
        layers += [numpy_nn.Activate(activation)]
    return numpy_nn.Network(*layers, numpy_nn.Dense(sizes[-1], 10, rng=rng))


def batch_normalisation(units):
    return numpy_nn.BatchNormalization(units, momentum=0.9)


# %%
tamed = []
for seed in seeds:
    network = normalised(batch_normalisation, "tanh", seed)
    batches = passes(count, 1024, epochs, seed)
    train(network, x_train, y_train, batches, itertools.repeat(base * k), momentum=0.9)
    tamed.append(numpy_nn.accuracy(network, x_test, y_test))
print(f"sans normalisation : {scaled:.1%} ; avec normalisation par lot : {np.mean(tamed):.1%}")

# %% tags=["nbval-check-output"]
print("la normalisation par lot supporte le grand taux, sans échauffement :", np.mean(tamed) > scaled + 0.02)

# %% [markdown]
# La normalisation rend les grands taux supportables : si les poids d'une couche grossissent, la division par l'écart type annule l'effet sur sa sortie. Elle ne remplace pas pour autant l'échauffement, qui faisait ici un peu mieux à lui seul : on combine souvent les deux.
#
# ### Quand le lot est trop petit
#
# La moyenne et la variance d'un lot sont des **estimations**. Que valent-elles avec deux exemples ? **Cherchez** ce que sort la couche pour un lot de 2, puis de 1, avant d'exécuter.

# %% tags=["nbval-check-output"]
pair = np.array([[0.0, 10.0, -3.0], [4.0, 50.0, 200.0]], "float32")
for size in (2, 1):
    output = numpy_nn.BatchNormalization(3).forward(pair[:size], training=True)
    print(f"lot de {size} :", output.round(2).tolist())

# %% [markdown]
# Avec deux exemples nettement différents, la sortie vaut ±1, **quelles que soient les valeurs** : il ne reste que le signe de la différence. Avec un seul, elle vaut toujours 0 (c'est-à-dire $\beta$) : la sortie ne dépend plus du tout de l'image. Mesurons les dégâts sur un vrai réseau, et comparons à la normalisation par couche, qui ignore le lot. Le taux suit la règle de la section 3 : il est proportionnel à la taille du lot.

# %%
kinds = {"par lot": numpy_nn.BatchNormalization, "par couche": numpy_nn.LayerNormalization}
tiny = (2, 4, 8, 32)
by_size = {name: [] for name in kinds}
for (name, kind), size in itertools.product(kinds.items(), tiny):
    network = normalised(kind, "relu", seed=0, sizes=(784, 64, 64))
    train(network, x_train, y_train, passes(2 * few, size, 3), itertools.repeat(0.1 * size / 32))
    by_size[name].append(numpy_nn.accuracy(network, x_test, y_test))
rows = [[f"lots de {size}", *(f"{v[i]:.1%}" for v in by_size.values())] for i, size in enumerate(tiny)]
plots.table(rows, header=["exactitude en test", *kinds])

# %% tags=["nbval-check-output"]
by_batch, by_layer = by_size.values()
print("par lot, des lots de 2 perdent plus de 10 points sur des lots de 32 :", by_batch[0] < by_batch[-1] - 0.1)
print("par couche, moins de 5 :", by_layer[0] > by_layer[-1] - 0.05)

# %% [markdown]
# La normalisation par lot s'effondre à deux exemples et souffre encore à quatre ; celle par couche bouge peu. Wu & He (2018) ont mesuré le même effet sur ImageNet : l'erreur d'un ResNet-50 passe de 23,6 % à 34,7 % quand on descend de 32 à 2 images par processeur graphique.
#
# ### Une seconde cause, plus discrète (pour approfondir)
#
# La variance **d'un lot** sous-estime la variance vraie d'un facteur $(B-1)/B$, puisque la moyenne est tirée des mêmes exemples. L'article la corrige à l'inférence ; Keras ne le fait pas. Mesurons, sur un jeu fixe, le rapport de la variance mobile à la variance vraie.

# %% tags=["nbval-check-output"]
features = numpy_nn.Dense(784, 64, rng=np.random.default_rng(0)).forward(x_train[:few])
for size in (2, 4, 32):
    layer = numpy_nn.BatchNormalization(64, momentum=0.99)
    for index in passes(few, size, 1 + 600 * size // few):
        layer.forward(features[index], training=True)
    ratio = np.mean(layer.moving_variance / features.var(axis=0))
    print(f"lots de {size} : rapport proche de {1 - 1 / size:.2f} :", abs(ratio - 1 + 1 / size) < 0.1)

# %% [markdown]
# Avec des lots de 2, le réseau est évalué avec une variance deux fois trop petite. On y échappe avec des lots plus grands, avec la normalisation par couche ou par groupes, ou en recalculant après coup les moyennes et variances sur de grands lots.

# %% [markdown]
# ## 6. Accumuler les gradients
#
# Votre carte n'a de mémoire que pour 64 images, et la recette demande des lots de 256. Rien n'oblige à bouger les poids après chaque passage : on coupe le lot en quatre **micro-lots** de 64, on **accumule** leurs gradients, puis on fait un seul pas.
#
# | Exercice 1.4.d | difficulté ●●○ | 8 min | vérifié : égal au gradient du grand lot, y compris quand le dernier micro-lot est plus court |
# | --- | --- | --- | --- |
#
# `gradient(x, y)` renvoie le gradient du coût **moyen** sur les exemples donnés. Calculez le gradient sur tout `(x, y)` sans jamais donner à cette fonction plus de `size` exemples. Attention au dernier micro-lot.


# %%
def accumulate(gradient, x, y, size):
    """Gradient of the mean loss over all of (x, y), from micro-batches of at most `size` examples."""
    ### BEGIN SOLUTION
    total = 0
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        total = total + len(x[part]) * gradient(x[part], y[part])
    return total / len(x)
    ### END SOLUTION


# %% tags=["check"]
check.accumulate(accumulate)

# %% [markdown] tags=["solution"]
# Une moyenne de moyennes n'est la moyenne que si les groupes ont la même taille. La faute est ancienne et bien vivante : jusqu'à la fin de 2024, des bibliothèques très utilisées pour entraîner des modèles de langue la faisaient encore, avec des textes de longueurs inégales.

# %% [markdown]
# Vérifions-le sur un vrai réseau, avec un lot de 256 images, d'un coup puis en trois morceaux inégaux. Refaisons ensuite l'essai avec une normalisation par lot dans le réseau. **Avant d'exécuter** : l'égalité tiendra-t-elle dans les deux cas ?

# %% tags=["nbval-check-output"]
x, y = x_train[:256].astype("float64"), y_train[:256]
for name, layers in {"sans": [], "avec": [numpy_nn.BatchNormalization(32, dtype="float64")]}.items():
    dense = numpy_nn.mlp([784, 32, 10], dtype="float64", seed=0).layers
    network = numpy_nn.Network(dense[0], *layers, *dense[1:])
    whole = gradient(network, x, y)
    parts = [slice(0, 100), slice(100, 200), slice(200, 256)]
    added = sum(len(x[part]) / 256 * gradient(network, x[part], y[part]) for part in parts)
    error = numpy_nn.relative_error(whole, added)
    print(f"{name} normalisation par lot : écart relatif < 1e-6 : {error < 1e-6}, > 1 % : {error > 0.01}")

# %% [markdown]
# Sans normalisation par lot, l'égalité tient, aux arrondis près. Avec elle, **non** : chaque micro-lot se normalise avec ses propres moyenne et variance. On accumule des gradients, pas des statistiques. Du point de vue de la normalisation, un lot de 256 fait de 128 micro-lots de 2 reste donc un lot de 2.
#
# ### L'accumulation dans Keras (pour approfondir)
#
# Dans Keras, un argument de l'optimiseur suffit : `gradient_accumulation_steps`. Comparons 4 pas sur des lots de 256 à 32 micro-lots de 32 accumulés par 8.


# %%
def weights_after_an_epoch(batch_size, accumulation, normalisation=()):
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="relu")
    model = keras.Sequential([keras.Input((784,)), hidden, *normalisation, keras.layers.Dense(10)])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=accumulation)
    model.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x_train[:1024], y_train[:1024], batch_size=batch_size, shuffle=False, verbose=0)
    weights = np.concatenate([w.numpy().ravel() for w in model.trainable_variables])
    return weights, int(optimizer.iterations)


# %% tags=["nbval-check-output"]
for name, kind in {"sans": None, "avec": keras.layers.BatchNormalization}.items():
    whole, steps = weights_after_an_epoch(256, None, [kind()] if kind else [])
    added, counted = weights_after_an_epoch(32, 8, [kind()] if kind else [])
    gap = np.abs(whole - added).max()
    print(f"{name} normalisation, {steps} et {counted} pas : écart < 1e-6 {gap < 1e-6}, > 1e-3 {gap > 1e-3}")

# %% [markdown]
# Sans normalisation par lot, les poids sont les mêmes à $10^{-6}$ près, et `optimizer.iterations` compte bien 4 pas. Trois précautions avec la version 3.15 de Keras : il fait la moyenne simple des micro-lots (celle que l'exercice refuse quand le dernier est plus court) ; les micro-lots en reste à la fin d'une époque attendent le début de la suivante ; et un calendrier, lui, avance à **chaque micro-lot**, donc comptez sa durée en micro-lots.

# %% [markdown]
# ## 7. Une classe rare
#
# Jusqu'ici, les classes étaient égales. Voici un cas plus proche de la réalité : des T-shirts et des chemises, que même un humain peut confondre sur ces petites images, avec **3 % de chemises** à l'apprentissage. Le jeu de test, lui, en contient la moitié.

# %%
shirts, tees = (np.flatnonzero(y_train == label) for label in (6, 0))
kept = np.concatenate([tees[:6000], shirts[:200]])
x_rare, y_rare = x_train[kept], (y_train[kept] == 6).astype(int)
tested = np.isin(y_test, (0, 6))
x_pair, y_pair = x_test[tested], (y_test[tested] == 6).astype(int)
print(f"apprentissage : {len(kept)} images, dont {y_rare.mean():.1%} de chemises")

# %% [markdown]
# Premier souci : un lot de 32 tiré au hasard contient une chemise en moyenne, et souvent aucune. Un **lot stratifié** respecte les proportions du jeu, à un exemple près.
#
# | Exercice 1.4.e | difficulté ●●● | 10 min | vérifié : chaque exemple une fois, proportions de chaque lot égales à celles de scikit-learn, hasard |
# | --- | --- | --- | --- |
#
# Renvoyez la liste des lots d'une époque : $\lceil N/B \rceil$ tableaux d'indices, chaque exemple une seule fois, et chaque classe partagée entre les lots à un exemple près.


# %%
def stratified_batches(labels, batch_size, rng):
    """List of index arrays of an epoch; labels (N,), batch_size: the largest batch, rng: a Generator."""
    ### BEGIN SOLUTION
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    count = -(-len(labels) // batch_size)
    return [order[first::count] for first in rng.permutation(count)]
    ### END SOLUTION


# %% tags=["check"]
check.stratified_batches(stratified_batches)

# %% [markdown] tags=["solution"]
# On bat les cartes, on les range par classe (un tri **stable** garde le hasard à l'intérieur de chaque classe), puis on distribue : une carte à chaque lot, à tour de rôle. Chaque classe forme une suite consécutive : d'un lot à l'autre, son nombre de cartes ne diffère que d'une au plus.

# %% [markdown]
# Deuxième souci : même bien répartie, une classe de 3 % ne compte que pour 3 % des exemples dans la moyenne du coût. Il y a deux remèdes. **Pondérer** : multiplier le coût de chaque exemple par $w_c = N / (K N_c)$, inversement proportionnel à la fréquence de sa classe $c$ parmi $K$. **Rééquilibrer** : tirer autant de chaque classe dans chaque lot, en répétant les exemples rares.
#
# Les deux donnent, en moyenne, **le même gradient** : chaque classe compte pour moitié. Mais ont-ils le même bruit ? La section 2 nous a appris à le mesurer.

# %%
balance = (len(y_rare) / (2 * np.bincount(y_rare))).astype("float32")  # weight of each class
chances = balance[y_rare] / balance[y_rare].sum()


def uniform(rng):
    return list(numpy_nn.batches(len(y_rare), 32, rng))


def stratified(rng):
    return training.stratified_batches(y_rare, 32, rng)


def rebalanced(rng):
    return [rng.choice(len(y_rare), 32, p=chances) for _ in range(-(-len(y_rare) // 32))]


# %%
def weighted_gradient(network, index, weights):
    _, slope = numpy_nn.cross_entropy(network.forward(x_rare[index]), y_rare[index])
    network.backward(slope * weights[y_rare[index], None])
    return np.concatenate([g.ravel() for g in network.grads])


ones, draws = np.ones(2, "float32"), np.random.default_rng(0)
network = numpy_nn.mlp([784, 64, 2], init="he_normal", seed=0)
target = weighted_gradient(network, np.arange(len(y_rare)), balance)
ways = {"uniformes, pondérés": (uniform, balance), "stratifiés, pondérés": (stratified, balance)}
ways["rééquilibrés"] = (rebalanced, ones)

# %%
spread, missing = {}, {}
for name, (batches, weights) in ways.items():
    drawn = [index for _ in range(3) for index in batches(draws)]
    spread[name] = np.mean([np.sum((weighted_gradient(network, i, weights) - target) ** 2) for i in drawn])
    missing[name] = np.mean([not y_rare[index].any() for index in drawn])
rows = [[name, f"{missing[name]:.0%}", f"{spread[name]:.1f}"] for name in ways]
plots.table(rows, header=["lots", "lots sans chemise", "variance du gradient"])

# %% tags=["nbval-check-output"]
first, second, third = spread.values()
print("un lot uniforme sur trois n'a aucune chemise :", 0.3 < missing["uniformes, pondérés"] < 0.42)
print("un lot stratifié en a toujours une :", missing["stratifiés, pondérés"] == 0)
print("stratifier réduit le bruit :", first > 1.05 * second)
print("rééquilibrer divise la variance par 5 au moins :", first > 5 * third)

# %% [markdown]
# Les trois visent le même gradient, mais pas avec le même bruit. Pondérer des lots uniformes est le plus bruyant : ils contiennent tantôt aucune chemise, tantôt deux ou trois, chacune comptée une quinzaine de fois. Stratifier retire la part du bruit due au **nombre** de chemises, mais pas celle qui vient du **choix** des chemises : le gain est modeste. Rééquilibrer divise la variance par neuf environ, puisque chaque lot montre une quinzaine de chemises, presque toutes différentes, au lieu d'en compter une seule quinze fois.
#
# Réduire le bruit n'est pas un but en soi. Entraînons le réseau et regardons le **rappel** (*recall*) de chaque classe, c'est-à-dire la part de ses images qui sont reconnues, et la moyenne des deux rappels, l'**exactitude équilibrée**. Sur un jeu à 97 % de T-shirts, l'exactitude simple ne dirait rien : répondre toujours « T-shirt » suffit pour avoir 97 %.

# %%
from sklearn.metrics import balanced_accuracy_score, recall_score

recalls = {}
plain = {"uniformes": (uniform, ones), "stratifiés": (stratified, ones)}
for name, (batches, weights) in {**plain, **ways}.items():
    for seed in seeds:
        rng = np.random.default_rng(seed)
        network = numpy_nn.mlp([784, 64, 2], init="he_normal", seed=seed)
        chosen = (index for _ in range(2 * epochs) for index in batches(rng))
        train(network, x_rare, y_rare, chosen, itertools.repeat(0.05), weights=weights)
        answers = network.forward(x_pair).argmax(axis=1)
        both = recall_score(y_pair, answers, average=None)[::-1]
        recalls.setdefault(name, []).append([*both, balanced_accuracy_score(y_pair, answers)])

# %%
rows = [[name, *(f"{v:.0%}" for v in np.mean(values, axis=0))] for name, values in recalls.items()]
plots.table(rows, header=["lots", "rappel chemises", "rappel T-shirts", "exactitude équilibrée"])

# %% tags=["nbval-check-output"]
score = {name: np.mean(values, axis=0)[2] for name, values in recalls.items()}
print("uniformes : moins de six chemises sur dix retrouvées :", np.mean(recalls["uniformes"], axis=0)[0] < 0.6)
for name in ways:
    print(f"{name} : plus de 3 points d'exactitude équilibrée :", score[name] > score["uniformes"] + 0.03)

# %% [markdown]
# Sans rien faire, le réseau ne retrouve qu'environ une chemise sur deux. Stratifier **seul** n'y change rien, et c'est normal : il y a toujours 3 % de chemises. Pondérer ou rééquilibrer fait gagner plusieurs points d'exactitude équilibrée, contre quelques T-shirts perdus. Les lots rééquilibrés, les moins bruyants, ne finissent pas devant : un gradient plus précis fait mieux descendre le coût d'apprentissage, ce qui ne garantit rien sur le jeu de test. Et aucune politique ne remplace les chemises qui manquent.
#
# ### La pondération dans Keras (pour approfondir)
#
# Dans Keras, pondérer s'écrit `model.fit(…, class_weight={0: …, 1: …})`. Vérifions que c'est bien notre pondération, sur un pas.

# %% tags=["nbval-check-output"]
ours = numpy_nn.mlp([784, 2], seed=0)
theirs = keras.Sequential([keras.Input((784,)), keras.layers.Dense(2)])
theirs.set_weights(ours.params)
theirs.compile(keras.optimizers.SGD(0.01), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
options = {"batch_size": len(y_rare), "class_weight": dict(enumerate(balance.tolist())), "verbose": 0}
theirs.fit(x_rare, y_rare, **options)
train(ours, x_rare, y_rare, [np.arange(len(y_rare))], [0.01], weights=balance)
gap = max(np.abs(a - b).max() for a, b in zip(ours.params, theirs.get_weights()))
print("class_weight de Keras et notre pondération, écart < 1e-5 :", gap < 1e-5)

# %% [markdown]
# ## 8. Tout ensemble : 88,5 % en trente secondes
#
# Rassemblons la leçon dans un réseau Keras : normalisation par lot (sans biais avant elle, puisque $\beta$ en tient lieu), lots de 256, cycle unique jusqu'à 0,3 avec le momentum de Nesterov, un peu de *dropout* et de lissage d'étiquettes (leçon 1.3). **Pariez** sur l'exactitude en test.

# %%
layers = []
for units in (256, 128):
    layers += [keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal")]
    layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.Activation("relu")]
    layers += [keras.layers.Dropout(0.1)]
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10)])
schedule = training.OneCycle(0.3, final_epochs * -(-final_count // 256))
optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
model.compile(optimizer, loss=loss, metrics=["accuracy"])

# %%
targets = keras.utils.to_categorical(y_train, 10)  # label smoothing wants vectors, not integers
x, y = x_train[:final_count], targets[:final_count]
history = training.fit(model, x, y, epochs=final_epochs, batch_size=256)

# %%
answers = model.predict(x_test, batch_size=1000, verbose=0).argmax(axis=1)
score = np.mean(answers == y_test)
print(f"exactitude en test : {score:.1%}, en {history['seconds'][-1]:.0f} s d'entraînement (budget : 30 s)")

# %% tags=["nbval-check-output"]
print("poids :", model.count_params())
print("exactitude en test d'au moins 88,5 % :", score >= 0.885)

# %%
recall = np.array([np.mean(answers[y_test == label] == label) for label in range(10)])
order = np.argsort(recall)
figure, axis = plt.subplots()
axis.barh([data.class_names[label] for label in order], recall[order], color=plots.COLORS[0])
axis.axvline(score, color=plots.COLORS[1], linestyle="--")
axis.set(title="Rappel de chaque classe (tirets : moyenne)", xlabel="rappel en test", xlim=(0, 1))
axis.set_axisbelow(True)
plots.publish(figure, "Rappel de chaque classe en test : la chemise est loin derrière les neuf autres")

# %% [markdown]
# Environ 90 % avec un simple réseau dense, sans une seule convolution : l'objectif est dépassé. L'exactitude cache pourtant de gros écarts. La chemise, qui ressemble au T-shirt, au pull et au manteau, n'est reconnue qu'environ trois fois sur quatre. Et cette fois, ses images n'étaient pas rares.
#
# ## À retenir
#
# - La variance du gradient d'un lot baisse en $1/B$ ; l'échelle de bruit $S / \lVert g \rVert^2$ dit jusqu'où agrandir le lot sert à quelque chose, et elle monte pendant l'apprentissage.
# - Si vous multipliez le lot par $k$, essayez un taux multiplié par $k$, avec un échauffement (règle empirique, qui cède pour les très grands lots). Puis faites descendre le taux jusqu'à zéro.
# - La normalisation par lot supporte de grands taux, mais a deux modes, et s'effondre sur les lots de quelques exemples ; celle par couche ignore le lot.
# - Accumuler des gradients équivaut au grand lot si l'on pondère par les tailles, et s'il n'y a pas de normalisation par lot.
# - Classe rare : pondérer et rééquilibrer visent le même gradient, avec plus ou moins de bruit ; jugez au rappel, pas à l'exactitude.
#
# ## Questionnaire
#
# 1. Vous passez de lots de 64 à des lots de 512. Par combien divisez-vous la variance du gradient, et son écart type ? Que faites-vous du taux ?
# 2. L'échelle de bruit de votre problème est de 50. Vaut-il la peine de passer de 1 024 à 4 096 images par lot ?
# 3. Pourquoi un réseau avec normalisation par lot peut-il donner deux réponses différentes à la même image ?
# 4. Vous accumulez 16 micro-lots de 2 images dans un ResNet. Où est le problème, et que changez-vous ?
# 5. Un détecteur de fraude (0,1 % de cas) atteint 99,9 % d'exactitude. Que demandez-vous de voir ?
#
# <details><summary>Réponses</summary>
#
# 1. Variance divisée par 8, écart type par $\sqrt 8 \approx 2{,}8$. Taux multiplié par 8, avec échauffement.
# 2. Non : bien au-dessus de l'échelle de bruit, le gradient est déjà presque exact ; on quadruple le travail de chaque pas pour presque rien.
# 3. En mode apprentissage, la réponse dépend des autres images du lot. À l'inférence, ce sont les moyennes mobiles qui servent, et la réponse ne dépend plus que de l'image.
# 4. La normalisation par lot ne voit que 2 images à la fois, malgré l'accumulation. Prenez la normalisation par couche ou par groupes.
# 5. Le rappel (et la précision) des fraudes : répondre toujours « non » donne déjà 99,9 %.
#
# </details>
#
# ## Pour aller plus loin
#
# LARS et LAMB, pour des lots de plusieurs dizaines de milliers (You et al. 2017, 2020) · la normalisation par groupes (Wu & He 2018) · augmenter le lot au lieu de baisser le taux (Smith et al. 2018) · la perte focale (leçon 1.2), autre réponse au déséquilibre · la leçon 2.1, où les couches denses laissent la place aux convolutions.
