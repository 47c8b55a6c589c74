# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Régulariser un GAN
#
# > Un GAN qui s'effondre, oscille ou explose se soigne presque toujours par le critique. Vous allez écrire les remèdes les plus connus, comprendre ce que chacun change, puis les mettre tous dans le même tableau, à réglages égaux et à temps égal : c'est là que l'on voit ce qu'ils valent vraiment.
#
# **À la fin, vous saurez** pénaliser le gradient d'un critique, estimer une norme spectrale par la méthode de la puissance et la faire valoir 1, bruiter des étiquettes, séparer les deux vitesses d'apprentissage, moyenner les poids d'un générateur, comparer ces remèdes honnêtement, et arrêter un entraînement qui diverge sans rien perdre.
#
# **Prérequis** : leçons 3.3 et 3.4 · **Durée** : 50 min · **Références** : Miyato et al. 2018, *Spectral Normalization for Generative Adversarial Networks* ; Mescheder, Geiger & Nowozin 2018, *Which Training Methods for GANs do actually Converge?* (R1) ; Gulrajani et al. 2017 (pénalité de gradient) ; Salimans et al. 2016, *Improved Techniques for Training GANs* (étiquettes lissées) ; Heusel et al. 2017, *GANs Trained by a Two Time-Scale Update Rule* ; Yazıcı et al. 2019, *The Unusual Effectiveness of Averaging in GAN Training*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from labs import datasets, gans, plots
from labs.checks import generative as check

# %% [markdown]
# L'essentiel se passe dans le plan, où l'on peut compter. Les tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`.

# %%
ring_steps = runtime.budget(rapide=60, cours=1500, complet=10_000)  # pas de chaque GAN du plan
image_steps = runtime.budget(rapide=12, cours=800, complet=20_000)  # pas du GAN d'images
seeds = range(runtime.budget(rapide=1, cours=3, complet=5))
points = gans.ring(20_000, np.random.default_rng(0), spread=0.1)
covered = lambda cloud: gans.ring_coverage(cloud, spread=0.1)  # tas couverts, part de points bons

# %% [markdown]
# ## 1. Le patient
#
# Reprenons l'anneau de 8 tas de la leçon 3.3, avec des tas deux fois plus larges (écart-type 0,1) pour que peu de pas suffisent, et un GAN non saturant des plus ordinaires : deux petits réseaux, Adam, le même taux pour les deux. Un tas est **couvert** s'il reçoit au moins un dixième de sa juste part ; un point est **bon** s'il tombe à moins de trois écarts-types du centre d'un tas. `gans.player` joue beaucoup de pas d'un coup, sans rien afficher, et `gans.restart` tire de nouveaux poids sans rien recompiler.
#
# **Pariez** : sur trois graines, le nombre de tas couverts sera-t-il le même ?


# %%
def plane_gan(remedy):
    generator = lambda: gans.perceptron((8, 64, 64, 2))
    critic = lambda **options: gans.perceptron((2, 64, 64, 1), **options)
    return gans.regularised(remedy, generator, critic, rate=1e-3, weight=0.1)


def contest(remedy):
    """Samples (seeds, 2000, 2) of a remedy, after ring_steps rounds with each seed."""
    gan = plane_gan(remedy)
    play, samples = gans.player(gan, points, batch_size=128), []
    for seed in seeds:
        gans.restart(gan, seed)
        play(ring_steps)
        samples.append(gans.sample(gan, 2000, seed=seed))
    return np.stack(samples)


# %%
clouds = {"none": contest("none")}
figure, axes = plt.subplots(1, len(seeds), figsize=(4.2 * len(seeds), 4.2), squeeze=False)
for axis, seed, cloud in zip(axes.flat, seeds, clouds["none"]):
    axis.scatter(*points[:2000].T, s=4, color="0.75")
    axis.scatter(*cloud.T, s=4, color=plots.COLORS[1])
    modes, good = covered(cloud)
    axis.set(title=f"graine {seed} : {modes} tas, {100 * good:.0f} % bons", aspect="equal")
    axis.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
plots.publish(figure, "Trois nuages de points générés, en orange, sur les 8 tas de l'anneau, en gris")

# %% [markdown]
# Trois ou quatre tas sur huit, pas les mêmes d'une graine à l'autre, et des traînées de l'un à l'autre : le générateur court après le critique. Quatre points sur dix, au mieux, sont bons. C'est l'**effondrement de modes** de la leçon 3.3.

# %% [markdown]
# ## 2. Adoucir le critique : pénaliser son gradient
#
# Les vrais points et les faux se recouvrent à peine. Le critique peut donc les séparer avec une pente aussi raide qu'il veut, et le générateur reçoit des ordres violents et changeants. La leçon 3.4 a tiré la pente vers 1 sur des segments entre vrais et faux (Gulrajani et al. 2017). Mescheder et al. (2018) ont montré, sur un exemple à deux paramètres, que cela peut encore tourner en rond : à l'équilibre, vrais et faux coïncident, et la bonne pente est **0**. Ils ne pénalisent que la pente aux **vrais** points :
#
# $$ R_1 = \frac{\gamma}{2}\; \mathbb E_{x \sim p}\Big[\|\nabla f(x)\|^2\Big] $$
#
# Une fonction linéaire $f(x) = w \cdot x$ a pour gradient $w$ partout. **Calculez** de tête $R_1$ et la pénalité de gradient pour $w = (3, 4)$, avec $\gamma = \lambda = 1$.

# %%
linear = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
linear.set_weights([np.array([[3.0], [4.0]], "float32")])
real, fake = tf.constant(points[:64]), tf.random.normal((64, 2))

with tf.GradientTape() as tape:
    tape.watch(real)
    scores = linear(real)
slopes = tape.gradient(scores, real)
by_hand = 1.0 / 2 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=1))

# %% tags=["nbval-check-output"]
print(f"R1 à la main : {by_hand:.2f} · gans.r1 : {gans.r1(linear, real, fake, weight=1.0):.2f}")
print(f"pénalité de gradient : {gans.gradient_penalty(linear, real, fake, weight=1.0):.2f}")

# %% [markdown]
# $R_1 = \|w\|^2 / 2 = 12{,}5$, et la pénalité vaut $(5 - 1)^2 = 16$. Les deux demandent la dérivée d'une dérivée : le gradient, par rapport aux poids, du gradient par rapport aux points. Un pas coûte donc plus cher.

# %% [markdown]
# ## 3. Borner le critique : la norme spectrale
#
# On peut aussi borner la pente par construction. Une couche $x \mapsto Wx$ multiplie les longueurs par au plus $\sigma(W)$, sa plus grande valeur singulière, ou **norme spectrale**. Une ReLU ne les augmente pas. Si toutes les couches travaillent avec $W / \sigma(W)$, le critique entier est 1-lipschitzien (Miyato et al. 2018).
#
# Une décomposition en valeurs singulières à chaque pas serait ruineuse. La **méthode de la puissance** part d'un vecteur $u$ quelconque, et répète :
#
# $$ v \leftarrow \frac{W^\top u}{\|W^\top u\|}, \qquad u \leftarrow \frac{W v}{\|W v\|}, \qquad \text{puis} \quad \sigma \approx u^\top W v $$
#
# | Exercice 3.6.a | difficulté ●●○ | 8 min | vérifié : valeur et u, matrices non carrées, une ou plusieurs itérations, limite égale à SciPy |
# | --- | --- | --- | --- |
#
# Écrivez `power_iteration(w, u, steps)` : une matrice `(n, m)`, un vecteur `(n,)` et un nombre d'itérations, vers `(σ, u)`.


# %%
def power_iteration(w, u, steps=1):
    """Largest singular value of w (n, m), estimated by `steps` iterations from u (n,); and the last u."""
    ### BEGIN SOLUTION
    for _ in range(steps):
        v = w.T @ u
        v = v / np.linalg.norm(v)
        u = w @ v
        u = u / np.linalg.norm(u)
    return u @ w @ v, u
    ### END SOLUTION


# %% tags=["check"]
check.power_iteration(power_iteration)

# %% [markdown] tags=["solution"]
# Chaque itération multiplie $u$ par $W W^\top$ : ses composantes selon les vecteurs singuliers sont multipliées par $\sigma_i^2$, et la plus grande finit par l'emporter. L'estimation approche $\sigma$ **par en dessous**.

# %% [markdown]
# Combien d'itérations faut-il ? **Pariez**, pour une matrice 64×64 tirée au hasard : combien pour une erreur sous 1 % ?

# %%
rng = np.random.default_rng(0)
w = rng.normal(size=(64, 64)).astype("float32")
exact = np.linalg.svd(w, compute_uv=False)[0]
u, errors = rng.normal(size=64).astype("float32"), []
for _ in range(40):
    sigma, u = gans.power_iteration(w, u)
    errors.append(1 - float(sigma) / exact)
plots.curves({"matrice 64×64": np.maximum(errors, 1e-6)}, title="Erreur relative de la méthode de la puissance",
             xlabel="itérations", ylabel="1 − estimation / σ", log=True,
             alt="Une droite qui descend, passé les dix premières itérations")  # fmt: skip
print("itérations pour une erreur sous 1 % :", np.argmax(np.array(errors) < 0.01) + 1)

# %% [markdown]
# Passé les dix premières itérations, l'erreur baisse d'un facteur presque constant à chaque fois : une droite, sur une échelle logarithmique. Ce facteur est la puissance quatrième du rapport des deux premières valeurs singulières ; quand elles sont presque égales, la méthode est lente à trouver $u$, mais son estimation de $\sigma$ n'en souffre guère.

# %% [markdown]
# L'idée de l'article : une **seule** itération par pas d'entraînement, mais en gardant $u$ d'un pas à l'autre. Les poids bougent lentement ; $u$ les suit. Vérifions-le sur un vrai critique, entraîné avec `gans.SpectralNorm` autour de chaque couche : lisons à la fin la norme spectrale des matrices réellement employées.


# %%
def largest(matrix):
    return np.linalg.svd(np.asarray(matrix).reshape(-1, matrix.shape[-1]), compute_uv=False)[0]


steady = plane_gan("spectral_norm")
gans.player(steady, points, batch_size=128)(max(100, ring_steps // 3))
used = []
for layer in steady.critic.layers:
    kernel = layer.layer.kernel
    sigma, _ = gans.power_iteration(tf.transpose(kernel), layer.u)
    used.append((largest(kernel), largest(kernel / sigma)))
plots.table([[rank, f"{a:.3f}", f"{b:.3f}"] for rank, (a, b) in enumerate(used, 1)],
            header=["couche", "σ(W)", "norme employée"])  # fmt: skip

# %% tags=["nbval-check-output"]
mine, _ = gans.power_iteration(w, rng.normal(size=64).astype("float32"), 300)
print("sur une matrice fixe, à moins de 1 % de la valeur exacte :", abs(float(mine) / exact - 1) < 0.01)
print("normes employées par le critique, toutes à moins de 5 % de 1 :", max(abs(b - 1) for _, b in used) < 0.05)

# %% [markdown]
# Les poids $W$ gardent leur propre taille, grande dans la première couche ; mais chaque matrice **employée** a une norme de 1, au millième près. Une itération par pas suffit.

# %% [markdown]
# ### Et celle de Keras ?
#
# `keras.layers.SpectralNormalization` annonce la même chose. Regardons ce qu'elle fait vraiment, en l'appelant quelques fois.

# %%
x = tf.random.normal((16, 8))
wraps = {"gans.SpectralNorm": gans.SpectralNorm, "Keras": keras.layers.SpectralNormalization}
rows = []
for name, wrap in wraps.items():
    keras.utils.set_random_seed(0)
    layer = wrap(keras.layers.Dense(32, kernel_initializer=keras.initializers.RandomNormal(stddev=0.5)))
    norms = []
    for training in (False, True, True, True):
        layer(x, training=training)
        norms.append(largest(layer.layer.kernel))
    rows.append([name, *(f"{value:.3f}" for value in norms)])
plots.table(rows, header=["σ des poids gardés", "inférence", "1 pas", "2 pas", "3 pas"])

# %% [markdown]
# La nôtre laisse $W$ en paix, et divise au moment de s'en servir. Celle de Keras **réécrit** ses poids : à chaque appel avec `training=True`, une itération, puis $W \leftarrow W / \sigma$. Partie d'un $u$ au hasard, l'estimation est trop petite, et la norme descend peu à peu vers 1, **par au-dessus**. À l'inférence, elle ne calcule rien : une couche qui n'a jamais été entraînée n'est pas normalisée. Dans un GAN, le critique est appelé trois fois par pas (les vraies, les fausses, puis pour le générateur) : les poids changent entre deux appels du même pas.

# %% [markdown]
# Il y a une seconde différence, moins visible. Multiplier $W$ par 2 ne change pas $W / \sigma(W)$ : le coût ne dépend pas de la **taille** de $W$, et son gradient doit être orthogonal à $W$. C'est vrai si la division par $\sigma$ prend part au gradient, comme dans l'article.


# %%
def cosine_with_gradient(wrap):
    keras.utils.set_random_seed(0)
    layer = wrap(keras.layers.Dense(32))
    for _ in range(100):
        layer(x, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(x, training=True) ** 2)
    kernel = layer.layer.kernel
    gradient = tape.gradient(loss, kernel.value)
    return float(tf.reduce_sum(gradient * kernel) / (tf.norm(gradient) * tf.norm(kernel)))


# %% tags=["nbval-check-output"]
for name, wrap in wraps.items():
    print(f"{name:17s} gradient orthogonal aux poids : {abs(cosine_with_gradient(wrap)) < 0.01}")

# %% [markdown]
# Chez Keras, la division est faite avant le calcul du gradient : pour lui, $\sigma$ est une constante. L'optimiseur déplace $W$, et l'appel suivant le ramène sur la sphère des normes 1. C'est une **projection**, pas la formule de l'article ; la borne est la même, le chemin diffère. Les deux seront dans notre tableau.

# %% [markdown]
# ## 4. Gêner le critique : des étiquettes moins sûres
#
# Un critique qui répond 0,9999 ne gagne plus rien à être meilleur, et ses scores grandissent sans fin. Salimans et al. (2016) **lissent** les étiquettes des vraies images : la cible passe de 1 à 0,9. Celle des fausses reste 0. Avec une cible $\alpha$ pour les vraies et $\beta$ pour les fausses, le discriminateur optimal serait
#
# $$ D^*(x) = \frac{\alpha\, p(x) + \beta\, q(x)}{p(x) + q(x)}. $$
#
# **Cherchez** ce qui se passe avec $\beta > 0$ là où il n'y a que de mauvaises images ($p = 0$) : pourquoi ne lisser que d'un côté ?
#
# | Exercice 3.6.b | difficulté ●○○ | 6 min | vérifié : égal à Keras ; seules les vraies lissées, moyennes séparées |
# | --- | --- | --- | --- |
#
# Écrivez `smoothed_loss(real, fake, target)`, le coût du discriminateur à partir des **scores** de $N$ vraies et $M$ fausses images. Rappel : $-\log \sigma(a)$ est `np.logaddexp(0, -a)`, et $-\log(1 - \sigma(a))$ est `np.logaddexp(0, a)`.


# %%
def smoothed_loss(real, fake, target=0.9):
    """Cross-entropy of the scores of real (N,) and generated (M,) images, with targets `target` and 0."""
    ### BEGIN SOLUTION
    true = target * np.logaddexp(0, -real) + (1 - target) * np.logaddexp(0, real)
    return np.mean(true) + np.mean(np.logaddexp(0, fake))
    ### END SOLUTION


# %% tags=["check"]
check.smoothed_loss(smoothed_loss)

# %% [markdown] tags=["solution"]
# Avec $\beta > 0$, $D^*$ vaut $\beta$ là où $p = 0$, et sa forme suit $q$ ailleurs : de mauvaises images y gardent un bon score, et rien ne pousse le générateur à les corriger.

# %% [markdown]
# **Bruiter** les étiquettes, c'est dire « fausse » pour une vraie image sur dix, au hasard. L'entropie croisée est linéaire en la cible : en moyenne, le coût bruité est le coût lissé. Vérifions-le avec `gans.label_noise`, sur mille tirages.

# %% tags=["nbval-check-output"]
real, fake = (rng.normal(size=200).astype("float32") for _ in range(2))
noisy = gans.label_noise(0.1)
drawn = np.mean([noisy.critic(real, fake) for _ in range(1000)])
smooth = np.mean(0.9 * np.logaddexp(0, -real) + 0.1 * np.logaddexp(0, real)) + np.mean(np.logaddexp(0, fake))
print("moyenne du coût bruité égale au coût lissé, à 1 % près :", abs(drawn / smooth - 1) < 0.01)

# %% [markdown]
# Le **dropout** (leçon 1.3) gêne le critique autrement : il éteint au hasard une partie de ses neurones à chaque pas. `gans.critic(dropout=0.3)` l'ajoute après chaque bloc.

# %% [markdown]
# ## 5. Changer le rythme, et se souvenir
#
# - **Deux vitesses** (*two time-scale update rule*, Heusel et al. 2017) : un taux pour le critique, un autre pour le générateur. Sous des hypothèses sur ces taux, l'article prouve la convergence vers un équilibre local. En pratique, le critique va plus vite, pour rester près de son optimum. Ici : quatre fois plus, à produit des deux taux constant.
# - **Moyenne mobile** du générateur (Yazıcı et al. 2019) : les poids tournent autour de l'équilibre ; leur moyenne est plus près du centre. Elle ne change rien au jeu : on garde, à côté, une copie lissée $\bar\theta \leftarrow \beta\, \bar\theta + (1 - \beta)\, \theta$, et c'est elle qui dessine.
#
# | Exercice 3.6.c | difficulté ●○○ | 5 min | vérifié : égal au filtre de SciPy sur onze pas ; poids lus sans être changés |
# | --- | --- | --- | --- |
#
# Écrivez `move_average(average, weights, decay)` : deux listes de tableaux, vers la liste des nouvelles moyennes.


# %%
def move_average(average, weights, decay):
    """New moving averages: decay times the old ones, plus (1 - decay) times the weights."""
    ### BEGIN SOLUTION
    return [decay * old + (1 - decay) * new for old, new in zip(average, weights)]
    ### END SOLUTION


# %% tags=["check"]
check.move_average(move_average)

# %% [markdown] tags=["solution"]
# Le poids d'un pas vieux de $n$ pas est multiplié par $\beta^n$ : avec $\beta = 0{,}995$, la mémoire est d'environ $1 / (1 - \beta) = 200$ pas. Les articles, qui font des centaines de milliers de pas, prennent 0,999 ou 0,9999.

# %% [markdown]
# Le jeu le plus simple suffit à voir pourquoi : $\min_\theta \max_\psi \theta \psi$. L'équilibre est en $(0, 0)$. **Dessinez** le chemin que suivent deux joueurs qui descendent chacun leur gradient, tour à tour.

# %%
point, mean, path, means = np.array([1.0, 0.0]), np.array([1.0, 0.0]), [], []
for _ in range(400):
    point[1] += 0.1 * point[0]  # le critique monte
    point[0] -= 0.1 * point[1]  # le générateur descend
    mean = 0.98 * mean + 0.02 * point
    path.append(point.copy())
    means.append(mean)

# %%
figure, axis = plt.subplots(figsize=(5.5, 5))
axis.plot(*np.transpose(path), color=plots.COLORS[1], label="les joueurs")
axis.plot(*np.transpose(means), color=plots.COLORS[0], label="leur moyenne mobile")
axis.plot(0, 0, "k+", markersize=14)
axis.set(title="Le jeu θψ", xlabel="θ (générateur)", ylabel="ψ (critique)", aspect="equal")
axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15))
plots.publish(figure, "Les joueurs tournent sur un grand cercle, leur moyenne mobile sur un petit")

# %% [markdown]
# Les joueurs tournent sans jamais s'arrêter : l'un poursuit, l'autre fuit. Leur moyenne tourne aussi, mais sur un cercle cinq fois plus petit, et d'autant plus petit que la mémoire est longue. C'est ce que démontrent Yazıcı et al. pour ce jeu.

# %% [markdown]
# ## 6. Le même GAN, neuf fois
#
# Un remède, une option ; tout le reste ne bouge pas. `gans.regularised` construit le GAN et ne change que cela :
#
# | remède | ce qui change |
# | --- | --- |
# | pénalité de gradient | un terme de plus au coût du critique, $\lambda = 0{,}1$ dans le plan, 10 sur les images |
# | R1 | de même, $\gamma = 0{,}1$ dans le plan, 10 sur les images |
# | norme spectrale, la nôtre ou celle de Keras | une enveloppe autour de chaque couche du critique |
# | dropout | 30 % des sorties de chaque bloc du critique éteintes |
# | étiquettes bruitées | une vraie image sur dix dite fausse |
# | deux vitesses | critique : taux × 2 ; générateur : taux / 2 |
# | moyenne mobile | $\beta = 0{,}995$ ; c'est elle qui dessine |

# %%
FRENCH = {
    "none": "aucun remède",
    "gradient_penalty": "pénalité de gradient",
    "r1": "R1",
    "spectral_norm": "norme spectrale",
    "keras_spectral_norm": "norme spectrale, Keras",
    "dropout": "dropout",
    "label_noise": "étiquettes bruitées",
    "two_rates": "deux vitesses",
    "moving_average": "moyenne mobile",
}
clouds |= {remedy: contest(remedy) for remedy in FRENCH if remedy != "none"}

# %%
figure, axes = plt.subplots(3, 3, figsize=(9.5, 9.8))
for axis, (remedy, cloud) in zip(axes.flat, clouds.items()):
    axis.scatter(*points[:2000].T, s=3, color="0.75")
    axis.scatter(*cloud[0].T, s=3, color=plots.COLORS[1])
    axis.set(title=FRENCH[remedy], xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xticks=[], yticks=[])
plots.publish(figure, "Neuf nuages générés, un par remède, sur les 8 tas de l'anneau")


# %%
def spread(values, style="{:.0f}"):
    """Mean, then smallest and largest, as text."""
    return f"{style} [{style} ; {style}]".format(np.mean(values), min(values), max(values))


ring = {remedy: np.array([covered(c) for c in cloud]) for remedy, cloud in clouds.items()}
rows = [[FRENCH[r], spread(v[:, 0], "{:.1f}"), spread(100 * v[:, 1])] for r, v in ring.items()]
plots.table(rows, header=["anneau, moyenne [min ; max]", "tas couverts", "points bons (%)"])

# %% tags=["nbval-check-output"]
for remedy in ("gradient_penalty", "r1", "keras_spectral_norm"):
    more = ring[remedy][:, 0].mean() - ring["none"][:, 0].mean()
    print(f"{FRENCH[remedy]:23s} au moins un tas de plus que sans remède, en moyenne : {bool(more >= 1)}")

# %% [markdown]
# **Pénalité de gradient, R1 et norme spectrale de Keras changent tout** : sept ou huit tas en moyenne au lieu de quatre, un nuage étalé sur l'anneau entier. Le prix : moins de points bons en moyenne, car un critique plus doux met plus de temps à distinguer les tas des creux. Étiquettes bruitées et deux vitesses ne montrent pas de différence nette : leurs intervalles recouvrent celui du patient. La moyenne mobile lisse ; elle ne rend pas les tas perdus. Le dropout, à 30 % dans un critique à deux couches de 64 neurones, l'aveugle : le nuage est informe.
#
# Reste une énigme : **notre** norme spectrale perd des tas, et celle de Keras les couvre tous. La borne est pourtant la même. Relisez la table de la section 3 : la norme de $W$ dans la première couche dépasse 8. Adam avance d'un pas de taille fixe : sur une matrice huit fois plus grande, il change huit fois moins $W / \sigma(W)$. Keras, lui, ramène $W$ près de la norme 1 dès les premiers appels. Vérifions : notre couche, mais $W$ divisé par $\sigma(W)$ une fois, **au départ**.

# %%
gan = plane_gan("spectral_norm")
rounds, rescaled = gans.player(gan, points, batch_size=128), []
for seed in seeds:
    gans.restart(gan, seed)
    for layer in gan.critic.layers:
        layer.layer.kernel.assign(layer.layer.kernel / largest(layer.layer.kernel))
    rounds(ring_steps)
    rescaled.append(covered(gans.sample(gan, 2000, seed=seed)))
modes, good = np.transpose(rescaled)
print(f"tas couverts : {spread(modes, '{:.1f}')} · points bons (%) : {spread(100 * good)}")

# %% [markdown]
# De 1,7 tas à 7,3 : l'énigme est levée. La borne n'y était pour rien, ni le gradient à travers $\sigma$ : c'est le **pas effectif** qui changeait. Un remède arrive avec ses réglages ; avant de conclure qu'il ne marche pas, cherchez ce qu'il change d'autre.

# %% [markdown]
# ## 7. Et sur des images, à temps égal
#
# Un pas de R1 coûte plus qu'un pas ordinaire : comparer à nombre de pas égal l'avantagerait. Le script `scripts/compare_gans.py` a donné à chaque remède **le même temps de processeur**, un seul cœur, compilation non comptée, sur Fashion-MNIST, avec trois graines. Le GAN est celui de la leçon 3.3, mais deux fois plus étroit (8 filtres au lieu de 16) et sans normalisation dans le discriminateur, et le temps est court (quinze secondes, sur un seul cœur) : les images restent grossières, et seul l'**ordre** nous intéresse. Ses mesures sont dans `data/results/` : la distance de Fréchet (dans les caractéristiques de notre classifieur, 2 000 images contre 5 000 vraies), et le nombre de classes **couvertes**, selon ce même classifieur, avec la même règle que pour les tas.
#
# **Pariez** sur le meilleur des neuf, et sur l'écart entre deux graines d'un même remède.

# %%
measures = datasets.results("gan_regularisation")
images = {remedy: [row for row in measures if row["remedy"] == remedy] for remedy in FRENCH}
column = lambda remedy, name: np.array([float(row[name]) for row in images[remedy]])
print(f"temps de chaque entraînement : {spread([float(row['seconds']) for row in measures], '{:.1f}')} s")


# %%
def line(remedy):
    modes, good = ring[remedy].T
    plane = [spread(modes, "{:.1f}"), spread(100 * good)]
    steps, frechet, classes = (column(remedy, name) for name in ("steps", "frechet", "classes"))
    return [FRENCH[remedy], *plane, f"{steps.mean():.0f}", spread(frechet, "{:.1f}"), spread(classes, "{:.1f}")]


header = ["moyenne [min ; max]", "tas", "bons (%)", "pas, images", "Fréchet", "classes"]
plots.table([line(remedy) for remedy in FRENCH], header=header)

# %%
figure, axis = plt.subplots(figsize=(9, 5))
order = sorted(FRENCH, key=lambda remedy: column(remedy, "frechet").mean())
for rank, remedy in enumerate(order):
    values = column(remedy, "frechet")
    color = plots.COLORS[0 if remedy != "none" else 1]
    axis.plot(values, [rank] * len(values), "o", color=color, alpha=0.7)
    axis.plot(values.mean(), rank, "|", color="black", markersize=22, markeredgewidth=3)
axis.set_yticks(range(len(order)), [FRENCH[remedy] for remedy in order])
axis.set(title="Images, à temps égal : trois graines, et leur moyenne", xlabel="distance de Fréchet")
axis.invert_yaxis()
plots.publish(figure, "Neuf rangées de trois points, du meilleur remède au moins bon, et la moyenne de chacune")

# %% tags=["nbval-check-output"]
alone = column("none", "frechet")
better = [FRENCH[remedy] for remedy in FRENCH if column(remedy, "frechet").max() < alone.min()]
worse = [FRENCH[remedy] for remedy in FRENCH if column(remedy, "frechet").min() > alone.max()]
print("trois graines toutes meilleures que les trois sans remède :", better or "aucun remède")
print("trois graines toutes moins bonnes :", worse or "aucun remède")

# %% [markdown]
# **Dans un temps aussi court, presque rien ne dépasse le bruit des graines.** Sans remède, les trois graines vont déjà de 14,7 à 17,0. Notre norme spectrale et les étiquettes bruitées ont les meilleures moyennes, mais aucune de leurs graines ne fait mieux que la meilleure du GAN sans remède : on ne peut pas conclure. La pénalité de gradient et R1 paient leur double dérivée : un cinquième à un quart de pas en moins. La norme spectrale de Keras va de 14,8 à 18,5, et une de ses graines ne couvre que 5 classes.
#
# Une seule différence est nette, et elle va dans le mauvais sens : les trois graines de la **moyenne mobile** sont derrière toutes celles du GAN sans remède. Avec $\beta = 0{,}995$, elle se souvient d'environ 200 pas sur 460 : une bonne part de sa mémoire est celle d'un débutant. Deux graines sur trois des deux vitesses, qui ralentissent le générateur, sont aussi en queue. Rien de cela ne contredit les articles, dont les entraînements sont bien plus longs : ces remèdes protègent surtout de ce qui arrive **plus tard**. (Le nombre de pas varie aussi avec la charge de la machine, qui était partagée.)

# %% [markdown]
# À quoi cela ressemble-t-il ? Entraînons sous vos yeux un GAN à moyenne mobile, et gardons ses deux générateurs : celui qui joue, et sa moyenne. Ce sont deux lignes du tableau pour un seul entraînement.

# %%
x_train = datasets.load("fashion_mnist").x_train[..., None].astype("float32") / 255
keras.utils.set_random_seed(0)
critic = lambda **options: gans.critic(8, **options)
both = gans.regularised("moving_average", lambda: gans.generator(8), critic, rate=1e-3)
gans.player(both, x_train)(image_steps)

# %%
noise = keras.random.normal((12, 64), seed=1)
pictures = [np.asarray(network(noise, training=False)) for network in (both.generator, both.average_generator)]
plots.show(np.concatenate(pictures), columns=12, size=1.0, alt="Deux rangées de douze vêtements grossiers",
           title=f"Mêmes bruits, {image_steps} pas : le générateur, puis sa moyenne mobile")  # fmt: skip

# %% [markdown]
# Des silhouettes, pas encore des vêtements : ce petit réseau en est à ses débuts. Après 800 pas, presque le double de ceux du tableau, la moyenne mobile ressemble à son générateur, en un peu plus lisse.

# %% [markdown]
# ## 8. Ce qui diverge s'arrête
#
# Un critique de Wasserstein sans aucune borne peut agrandir ses scores sans fin : avec une descente de gradient simple et un taux élevé, ils débordent vite. Une seule image abîmée, avec un NaN dans ses pixels, fait pire. Une fois qu'un poids est NaN, tout le devient, et tout est perdu. La boucle de `gans` refuse d'appliquer un pas dont le coût ou un gradient n'est pas fini ; elle s'arrête, et dit où.


# %%
def attempt(gan, examples):
    try:
        gans.player(gan, examples, batch_size=128)(200)
        print("200 pas sans encombre")
    except gans.Diverged as error:
        print(error)


keras.utils.set_random_seed(0)
wild = gans.GAN(gans.perceptron((8, 64, 64, 2)), gans.perceptron((2, 64, 64, 1)), "wasserstein")
wild.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)))
attempt(wild, points)

# %% [markdown]
# Et le GAN à norme spectrale de la section 3, si un point sur cent est abîmé ?

# %%
damaged = points.copy()
damaged[::100] = np.nan
attempt(steady, damaged)

# %% tags=["nbval-check-output"]
kept = [w for gan in (wild, steady) for network in (gan.critic, gan.generator) for w in network.get_weights()]
print("tous les poids gardés sont finis :", all(np.isfinite(w).all() for w in kept))
print("le second générateur dessine encore :", bool(np.isfinite(gans.sample(steady, 2000)).all()))

# %% [markdown]
# Les deux s'arrêtent en quelques pas, et le message nomme le réseau et le pas. Aucun NaN n'est entré dans les poids. Une nuance : « finis » ne veut pas dire « bons ». Le GAN arrêté par une donnée abîmée peut reprendre où il en est ; celui qui a explosé avait déjà des poids immenses, et il faut le recommencer, avec un taux plus bas ou un critique borné.

# %% [markdown]
# ## À retenir
#
# - Un GAN se soigne par son critique : lui ôter sa raideur, par une pénalité (pente 1 entre les lois, ou 0 aux vraies données pour R1) ou par construction (norme spectrale).
# - La méthode de la puissance donne $\sigma(W)$ par en dessous ; une itération par pas suffit, si l'on garde $u$. La couche de Keras réécrit ses poids, et ne passe pas le gradient dans $\sigma$.
# - Bruiter les étiquettes, c'est les lisser en moyenne ; seulement les vraies.
# - La moyenne mobile ne change pas le jeu : elle en montre une version lissée, qui retarde sur les premiers pas.
# - Comparez à temps égal, avec plusieurs graines et leurs extrêmes, et dites-le quand il n'y a pas de différence : le même remède peut sauver un anneau et ne rien changer à des images.
#
# ## Questionnaire
#
# 1. Pourquoi $R_1$ vise-t-il une pente de 0, et la pénalité de gradient une pente de 1 ?
# 2. La norme spectrale d'une convolution, lue sur son noyau mis à plat, est-elle celle de l'opération entière ?
# 3. Un critique a trois couches de norme spectrale 2. Que sait-on de sa pente ?
# 4. Pourquoi ne lisse-t-on pas aussi les étiquettes des fausses images ?
# 5. La moyenne mobile améliore la distance de Fréchet. Le jeu a-t-il mieux convergé ?
# 6. Deux remèdes diffèrent de 5 % en moyenne sur trois graines, et leurs intervalles se recouvrent. Que concluez-vous ?
#
# <details><summary>Réponses</summary>
#
# 1. À l'équilibre, vrais et faux se confondent et le critique n'a plus rien à dire : sa pente doit être 0 là où sont les données ; la pente de 1 est celle d'un critique de Wasserstein optimal *entre* deux lois différentes. 2. Non : un même pixel est lu par plusieurs fenêtres, ce que le noyau à plat ne voit pas ; la norme de l'opération peut être plus grande (à la leçon 1.3, section 5, elle atteint 2 pour un noyau à plat de norme 1). 3. Qu'elle est au plus $2^3 = 8$, si ses activations ne sont pas plus raides que 1. 4. Le critique garderait un bon score à de mauvaises images, là où il n'y en a aucune vraie. 5. Non : elle ne change pas le jeu, elle n'en montre qu'une version lissée. 6. Rien : il faut plus de graines, ou dire que l'on n'a pas vu de différence.
#
# </details>
#
# ## Pour aller plus loin
#
# - Ajoutez du bruit aux **images** que voit le critique, vraies et fausses (*instance noise*, Sønderby et al. 2017 ; Arjovsky & Bottou 2017) ; Roth et al. (2017) montrent que cela revient, pour un bruit faible, à pénaliser son gradient.
# - Combinez deux remèdes, par exemple R1 et la moyenne mobile : `gans.GAN(..., penalty=gans.r1, average=0.995)`.
# - Refaites la comparaison avec d'autres durées : `python scripts/compare_gans.py --seconds 60 --out ailleurs`. L'ordre change-t-il ?
