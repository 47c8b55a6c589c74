# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Wasserstein : la distance du terrassier
#
# > Deux tas de terre de même volume : combien de travail pour transformer l'un en l'autre ? Vous allez calculer cette distance de trois façons, comprendre pourquoi elle guide un générateur là où d'autres se taisent, puis la confier à un réseau.
#
# **À la fin, vous saurez** calculer la distance du terrassier sur une droite, par programmation linéaire et par affectation, dire pourquoi sa pente reste utile quand deux lois ne se recouvrent pas, entraîner un critique qui l'estime, et lire cette estimation sans lui faire dire plus qu'elle ne dit.
#
# **Prérequis** : leçon 3.3 · **Durée** : 60 min · **Références** : Arjovsky, Chintala & Bottou 2017, *Wasserstein GAN* ; Gulrajani et al. 2017, *Improved Training of Wasserstein GANs* ; Villani 2009, *Optimal Transport: Old and New* ; Peyré & Cuturi 2019, *Computational Optimal Transport*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import functools

import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.stats
import tensorflow as tf
from scipy import optimize, sparse
from scipy.spatial import distance

from labs import datasets, gans, plots, weights, zoo
from labs.checks import generative as check

# %% [markdown]
# Les quatre premières sections se calculent en un instant. Des réseaux s'entraînent ensuite ; leurs tailles dépendent du profil, et les résultats commentés sont ceux du profil `cours`.

# %%
plane_steps = runtime.budget(rapide=100, cours=1500, complet=5000)  # pas d'un critique dans le plan
image_steps = runtime.budget(rapide=20, cours=400, complet=20_000)  # pas d'un WGAN-GP sur des images

# %% [markdown]
# ## 1. Déplacer de la terre, sur une droite
#
# La **distance du terrassier** (*earth mover's distance*), ou distance de **Wasserstein**, est le travail minimal pour changer une loi en une autre : la masse déplacée, multipliée par la distance parcourue, avec le meilleur plan possible. Pour deux lois $p$ et $q$,
#
# $$ W(p, q) = \inf_{\gamma \in \Pi(p, q)} \; \mathbb E_{(x, y) \sim \gamma}\big[\|x - y\|\big], $$
#
# où $\Pi(p, q)$ contient tous les **plans de transport** : les lois jointes $\gamma$ dont les marges sont $p$ et $q$.
#
# Sur une droite, il existe un meilleur plan très simple : rien ne sert de se croiser. Le plus petit point de l'un va au plus petit point de l'autre, le deuxième au deuxième, et ainsi de suite.
#
# | Exercice 3.4.a | difficulté ●○○ | 6 min | vérifié : égal à SciPy ; échantillons mélangés, décalés, confondus |
# | --- | --- | --- | --- |
#
# Écrivez `earth_mover_1d(x, y)` pour deux échantillons de **même taille** `(N,)`.


# %%
def earth_mover_1d(x, y):
    """Wasserstein-1 distance between two samples of the line, of the same size (N,)."""
    ### BEGIN SOLUTION
    return np.mean(np.abs(np.sort(x) - np.sort(y)))
    ### END SOLUTION


# %% tags=["check"]
check.earth_mover_1d(earth_mover_1d)

# %% [markdown] tags=["solution"]
# Trier suffit, et coûte de l'ordre de $N \log N$ opérations. Sans le tri, on apparie les points au hasard des indices : c'est un plan de transport parmi d'autres, mais trop cher.

# %% [markdown]
# Essayons sur $\mathcal N(0, 1)$ et $\mathcal N(0, 2^2)$. La seconde loi est la première, étirée d'un facteur 2 : le point $z$ va en $2z$, et la distance exacte est $\mathbb E|z| = \sqrt{2/\pi} \approx 0{,}798$. **Pariez** : que coûterait un plan qui apparie les points sans les trier ?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
x, y = rng.normal(0, 1, 100_000), rng.normal(0, 2, 100_000)
ours, library = np.mean(np.abs(np.sort(x) - np.sort(y))), scipy.stats.wasserstein_distance(x, y)
print(f"deux échantillons de 100 000 points : {ours:.3f} · SciPy : {library:.3f}")
print("égaux à 1e-9 près :", abs(ours - library) < 1e-9)
print(f"sans trier : {np.mean(np.abs(x - y)):.3f} · écart des moyennes : {abs(x.mean() - y.mean()):.3f}")

# %% [markdown]
# Trié, 0,802 : la distance exacte, à 0,004 près. Sans trier, 1,787 : plus du double, parce que bien des trajets se croisent. Et l'écart des moyennes, presque nul, ne voit rien : deux lois de même moyenne peuvent être loin l'une de l'autre.

# %% [markdown]
# ## 2. Dans le plan : un programme linéaire
#
# Dès la dimension 2, il n'y a plus d'ordre, donc plus de tri. Mais pour des lois discrètes, $p$ sur $n$ points et $q$ sur $m$ points, chercher $\gamma$ est un **programme linéaire** : $n \times m$ inconnues positives, un coût linéaire $\sum_{ij} C_{ij}\,\gamma_{ij}$, et les marges en contraintes, $\sum_j \gamma_{ij} = p_i$ et $\sum_i \gamma_{ij} = q_j$.
#
# | Exercice 3.4.b | difficulté ●●○ | 12 min | vérifié : égal à SciPy sur une droite ; poids inégaux, nombres de points différents, marges du plan |
# | --- | --- | --- | --- |
#
# Écrivez `transport(p, q, cost)` : deux lois discrètes `(n,)` et `(m,)` et les coûts `(n, m)`, vers le plan $\gamma$ `(n, m)`. `optimize.linprog(c, A_eq=…, b_eq=…)` minimise $c^\top v$ pour $v \ge 0$ sous $A v = b$ ; rangez $\gamma$ ligne par ligne dans $v$. Deux produits de Kronecker donnent les contraintes : `np.kron(np.eye(n), np.ones((1, m)))` additionne chaque ligne de $\gamma$.


# %%
def transport(p, q, cost):
    """Optimal plan (n, m) between discrete laws p (n,) and q (m,) for the costs (n, m)."""
    ### BEGIN SOLUTION
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones((1, m)))
    columns = np.kron(np.ones((1, n)), np.eye(m))
    plan = optimize.linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p, q]))
    return plan.x.reshape(n, m)
    ### END SOLUTION


# %% tags=["check"]
check.transport(transport)

# %% [markdown] tags=["solution"]
# L'une des contraintes est de trop (les deux marges ont la même somme) ; le solveur s'en accommode. Presque tous les coefficients de $A$ sont nuls : des matrices creuses (`scipy.sparse.kron`) vont bien plus vite au-delà de quelques dizaines de points.

# %% [markdown]
# Résolvons-le avec des matrices creuses, pour douze tas de terre et neuf trous de tailles différentes, et dessinons le plan. **Avant d'exécuter** : sur les 12 × 9 = 108 trajets possibles, combien le meilleur plan en emprunte-t-il ?


# %%
def solve(p, q, cost):
    n, m = cost.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    margins = sparse.vstack([rows, columns])
    return optimize.linprog(cost.ravel(), A_eq=margins, b_eq=np.concatenate([p, q]))


# %%
rng = np.random.default_rng(1)
earth, holes = rng.normal((-0.5, 0), 1, (12, 2)), rng.normal((0.5, 0), 1, (9, 2))
p, q = rng.dirichlet(np.full(12, 3.0)), rng.dirichlet(np.full(9, 3.0))
cost = distance.cdist(earth, holes)
answer = solve(p, q, cost)
plan = answer.x.reshape(cost.shape)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), width_ratios=(3, 2))
for i, j in zip(*np.nonzero(plan > 1e-9)):
    left.plot(*zip(earth[i], holes[j]), color="0.6", linewidth=80 * plan[i, j], zorder=0)
left.scatter(*earth.T, s=2500 * p, color=plots.COLORS[1], label="terre")
left.scatter(*holes.T, s=2500 * q, color=plots.COLORS[0], marker="s", label="trous")
left.set(title=f"Le meilleur plan : travail {answer.fun:.3f}", aspect="equal")
left.legend(markerscale=0.5)
right.imshow(plan, cmap="Greys")
right.grid(False)
right.set(title="Le plan γ (noir : beaucoup de masse)", xlabel="trou", ylabel="tas de terre")
plots.publish(figure, "Douze tas reliés à neuf trous par des traits plus ou moins épais ; γ est presque vide")

# %% tags=["nbval-check-output"]
print("les marges sont respectées :", np.allclose(plan.sum(1), p) and np.allclose(plan.sum(0), q))
print("trajets empruntés :", np.sum(plan > 1e-9), "sur", plan.size, "· n + m − 1 =", 12 + 9 - 1)
print(f"travail du meilleur plan : {answer.fun:.2f} · en versant de tout partout : {p @ cost @ q:.2f}")

# %% [markdown]
# Vingt trajets sur 108. Un programme linéaire a toujours une solution en un sommet, et un sommet a ici au plus $n + m - 1 = 20$ inconnues non nulles : autant que de contraintes, moins celle qui est de trop. Regardez aussi la figure : deux trajets ne se croisent jamais, car échanger leurs destinations raccourcirait le tout. Ce plan demande un travail de 1,35, contre 1,90 pour le plan paresseux qui verse un peu de chaque tas dans chaque trou ($\gamma_{ij} = p_i q_j$).
#
# Quand les deux nuages ont autant de points, tous de même poids, chaque sommet est une **affectation** : un point va tout entier à un seul autre. Un algorithme spécialisé (`optimize.linear_sum_assignment`) traite alors mille points en une fraction de seconde ; `gans.earth_mover` l'emploie. Les deux calculs doivent s'accorder.

# %% tags=["nbval-check-output"]
clouds = rng.normal(size=(2, 60, 2)) + np.array([[0, 0], [1, 2]])[:, None]
same = np.full(60, 1 / 60)
by_program = solve(same, same, distance.cdist(*clouds)).fun
by_assignment = gans.earth_mover(*clouds)
print(f"programme linéaire : {by_program:.4f} · affectation : {by_assignment:.4f}")
print("égaux à 1e-6 près :", abs(by_program - by_assignment) < 1e-6)

# %% [markdown]
# ## 3. Pourquoi pas Jensen-Shannon ?
#
# La leçon 3.3 a montré qu'un discriminateur optimal mesure la divergence de **Jensen-Shannon** entre les vraies images et les fausses. L'exemple 1 d'Arjovsky et al. (2017) montre ce qui cloche. Soit $p$ la loi uniforme sur un segment vertical, en $x = 0$, et $q_\theta$ la même, en $x = \theta$. Un « générateur » n'a qu'un paramètre, $\theta$, et voudrait le ramener à 0 en descendant une pente. **Avant d'exécuter**, dessinez les deux courbes, en fonction de $\theta$ : la distance du terrassier et la divergence de Jensen-Shannon.


# %%
heights = np.random.default_rng(0).random(200)


def earth_mover(theta):
    segments = [np.column_stack([np.full(200, place), heights]) for place in (0.0, theta)]
    return gans.earth_mover(*segments)


def jensen_shannon(theta):
    """The heights have the same law in both: only the abscissas, 0 and theta, tell them apart."""
    places = np.unique([0.0, theta])
    return distance.jensenshannon(places == 0, places == theta) ** 2


# %%
thetas = np.arange(-20, 21) / 20
measured = {
    "terrassier": np.array([earth_mover(theta) for theta in thetas]),
    "Jensen-Shannon": np.array([jensen_shannon(theta) for theta in thetas]),
}
plots.curves(
    measured, x=thetas, title="Deux segments parallèles, en 0 et en θ", xlabel="θ", ylabel="distance",
    alt="Le terrassier fait un V ; Jensen-Shannon vaut log 2 partout, sauf 0 en θ = 0",
)  # fmt: skip

# %% [markdown]
# Lâchons maintenant le générateur en $\theta = 0{,}8$, et laissons-le descendre chaque pente.


# %%
def descend(height, theta=0.8, rate=0.05, steps=40):
    for _ in range(steps):
        slope = (height(theta + 0.05) - height(theta - 0.05)) / 0.1
        theta -= rate * slope
    return theta


# %% tags=["nbval-check-output"]
print("terrassier = |θ| :", np.allclose(measured["terrassier"], np.abs(thetas)))
elsewhere = np.delete(measured["Jensen-Shannon"], 20)
print("Jensen-Shannon = log 2 dès que θ ≠ 0 :", np.allclose(elsewhere, np.log(2)))
for name, height in (("terrassier", earth_mover), ("Jensen-Shannon", jensen_shannon)):
    print(f"{name:14s} départ θ = 0.80 · arrivée |θ| = {abs(descend(height)):.2f}")

# %% [markdown]
# Dès que les deux segments sont distincts, Jensen-Shannon vaut $\log 2$, qu'ils soient tout près ou très loin : sa pente est nulle, et le générateur qui la suit reste à 0,80. (La courbe est tracée de point en point : en vrai, elle ne quitte $\log 2$ qu'en $\theta = 0$. Quant à la divergence de Kullback-Leibler, elle est infinie.) La distance du terrassier vaut $|\theta|$ : elle dit de combien on se trompe, et de quel côté aller ; le générateur arrive en 0. C'est le théorème 1 de l'article : si le générateur varie continûment avec $\theta$, alors $W$ aussi ; s'il est assez régulier (localement lipschitzien, comme l'est un réseau), $W$ a une pente presque partout. Ni Jensen-Shannon ni Kullback-Leibler n'offrent cette garantie.
#
# Et les images ? Chacune est un point d'un espace à 784 dimensions, où les images d'un générateur n'occupent qu'une surface de dimension 64 au plus. Les vraies, pense-t-on, tiennent elles aussi sur une surface de faible dimension. Deux telles surfaces ne se recouvrent presque jamais : nous sommes, en plus grand, dans le cas des deux segments.

# %% [markdown]
# ## 4. Kantorovich et Rubinstein : un prix pour chaque point
#
# Un plan de transport entre deux lois d'images est hors d'atteinte : il y a bien trop de points. Mais tout programme linéaire a un **dual**. Imaginez un transporteur qui fixe un prix $f$ en chaque point, et demande $f(x) - f(y)$ pour porter la terre de $x$ à $y$. Personne ne l'emploiera s'il demande plus que le travail du trajet : $f(x) - f(y) \le \|x - y\|$. Ce qu'il peut gagner au mieux est exactement le travail minimal :
#
# $$ W(p, q) = \sup_{\|f\|_L \le 1} \; \mathbb E_{x \sim p}[f(x)] - \mathbb E_{y \sim q}[f(y)] $$
#
# où $\|f\|_L \le 1$ dit que $f$ est **1-lipschitzienne** : jamais plus raide que 1. Vérifions-le sur nos tas de terre : les prix sont les multiplicateurs des contraintes, que le solveur a déjà calculés. **Avant d'exécuter** : le long d'un trajet que le plan emprunte, de combien le prix baisse-t-il ?

# %% tags=["nbval-check-output"]
prices = answer.eqlin.marginals
f_earth, f_holes = prices[:12], -prices[12:]
drops, used = f_earth[:, None] - f_holes, plan > 1e-9
print(f"primal : {answer.fun:.4f} · dual : {p @ f_earth - q @ f_holes:.4f}")
print("égaux à 1e-8 près :", abs(answer.fun - (p @ f_earth - q @ f_holes)) < 1e-8)
print("f(x) − f(y) ≤ ‖x − y‖ de tout tas à tout trou :", np.all(drops <= cost + 1e-9))
print("et l'égalité là où la terre passe :", np.allclose(drops[used], cost[used]))

# %% [markdown]
# Retenez la dernière ligne : d'un bout à l'autre de chaque trajet emprunté, le prix baisse **exactement** de la distance. Pour un $f$ jamais plus raide que 1, cela ne laisse qu'une possibilité : une pente de 1, en ligne droite, tout le long du trajet.
#
# Voilà ce que le WGAN confie à un réseau : $f$ devient le **critique**. Il ne classe plus, il donne un prix ; il n'a plus de sigmoïde. Reste à le forcer à être 1-lipschitzien.

# %% [markdown]
# ## 5. Le critique : rogner, ou pénaliser
#
# - **Rogner** les poids (*weight clipping*, Arjovsky et al. 2017) : après chaque pas, chaque poids est ramené dans $[-c, c]$. Le critique est alors $K$-lipschitzien, pour un $K$ que personne ne connaît. Les auteurs l'écrivent eux-mêmes : *“Weight clipping is a clearly terrible way to enforce a Lipschitz constraint”*, rogner est une façon franchement mauvaise d'imposer la contrainte.
# - **Pénaliser le gradient** (Gulrajani et al. 2017) : leur proposition 1 dit ce que nous venons de lire, la pente d'un critique optimal (s'il est dérivable) vaut 1 le long des trajets du meilleur plan. Ce plan, on ne le connaît pas ; on tire donc au hasard une vraie image $x$ et une fausse $\tilde x$, puis un point du segment qui les joint, et on y pénalise l'écart de la pente à 1 :
#
# $$ \lambda\; \mathbb E_{\hat x}\Big[\big(\|\nabla f(\hat x)\|_2 - 1\big)^2\Big], \qquad \hat x = \alpha\, x + (1 - \alpha)\, \tilde x, \quad \alpha \sim \mathcal U[0, 1], \quad \lambda = 10 $$
#
# | Exercice 3.4.c | difficulté ●●○ | 8 min | vérifié : points sur les segments, un α par exemple, loi uniforme, tirée de rng ; images et points du plan |
# | --- | --- | --- | --- |
#
# Écrivez `interpolate(real, fake, rng)` : deux tableaux de même forme `(N, …)` vers les points $\hat x$, de même forme. Attention, certains codes publics tirent $\alpha$ selon une loi normale : bien des points sortent alors du segment.


# %%
def interpolate(real, fake, rng):
    """One point on each segment from fake to real, at a uniform place; arrays (N, ...)."""
    ### BEGIN SOLUTION
    alpha = rng.random((len(real),) + (1,) * (real.ndim - 1))
    return alpha * real + (1 - alpha) * fake
    ### END SOLUTION


# %% tags=["check"]
check.interpolate(interpolate)

# %% [markdown] tags=["solution"]
# Un seul $\alpha$ par exemple, de forme `(N, 1, …)` : c'est lui qui se diffuse sur les axes de l'image. Un $\alpha$ par pixel remplirait une boîte autour du segment.

# %% [markdown]
# La suite tient en quelques lignes : le gradient du critique aux points $\hat x$, sa norme, l'écart à 1. Essayons-les, ainsi que `gans.gradient_penalty`, sur deux critiques linéaires, $f(x) = w \cdot x$, dont le gradient est $w$ partout. Avec $w = (3, 4)$, la pénalité doit valoir $10 \times (5 - 1)^2 = 160$. **Pariez** : que se passera-t-il avec $w = (0, 0)$, un critique tout plat ?


# %%
def penalty_by_hand(critic, real, fake):
    alpha = tf.random.uniform((len(real), 1))
    points = alpha * real + (1 - alpha) * fake
    with tf.GradientTape() as tape:
        tape.watch(points)
        scores = critic(points)
    slopes = tf.sqrt(tf.reduce_sum(tape.gradient(scores, points) ** 2, axis=1))
    return 10 * tf.reduce_mean((slopes - 1) ** 2)


# %% tags=["nbval-check-output"]
first, second = tf.random.normal((64, 2)), tf.random.normal((64, 2))
for w in ((3.0, 4.0), (0.0, 0.0)):
    linear = tf.Variable([[w[0]], [w[1]]])
    for name, penalty in (("à la main", penalty_by_hand), ("dans labs", gans.gradient_penalty)):
        with tf.GradientTape() as tape:
            value = penalty(lambda points, linear=linear: points @ linear, first, second)
        finite = bool(np.isfinite(tape.gradient(value, linear)).all())
        print(f"w = {w} · {name} : pénalité {value:.1f} · gradient pour w fini : {finite}")

# %% [markdown]
# Les deux pénalités sont égales, et valent ce qu'elles doivent. Mais pour un critique tout plat, la nôtre a un gradient qui n'est plus un nombre : la dérivée de $\sqrt u$ est infinie en 0, et $\infty \times 0$ donne NaN. `gans.gradient_penalty` prend la racine d'un maximum, $\sqrt{\max(u, 10^{-12})}$, et reste fini.
#
# Entraînons maintenant des critiques entre deux lois du plan, dont nous savons calculer la distance : un anneau de 8 tas, et un seul tas près de son centre. Le gain du critique, $\mathbb E_p[f] - \mathbb E_q[f]$, est son **estimation** de la distance.


# %%
def two_laws(count, rng):
    heap = rng.normal((0.5, 0), 0.5, (count, 2)).astype("float32")
    return gans.ring(count, rng, spread=0.2), heap


# %%
def critic_step(critic, optimizer, penalty, clip):
    @tf.function
    def step(real, fake):
        with tf.GradientTape() as tape:
            gap = tf.reduce_mean(critic(real)) - tf.reduce_mean(critic(fake))
            loss = -gap if penalty is None else penalty(critic, real, fake) - gap
        optimizer.apply(tape.gradient(loss, critic.trainable_variables), critic.trainable_variables)
        for weight in critic.trainable_variables if clip else ():
            weight.assign(tf.clip_by_value(weight, -clip, clip))
        return gap

    return step


# %%
def train_critic(penalty=None, clip=None):
    keras.utils.set_random_seed(0)
    critic, rng = gans.perceptron((2, 64, 64, 1)), np.random.default_rng(0)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, plane_steps)
    step = critic_step(critic, keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9), penalty, clip)
    gaps = [float(step(*map(tf.constant, two_laws(256, rng)))) for _ in range(plane_steps)]
    return critic, np.mean(gaps[-100:])  # chaque lot est fait de points neufs


settings = {"rogné à 0,01": {"clip": 0.01}, "rogné à 0,1": {"clip": 0.1}, "rogné à 0,3": {"clip": 0.3}}
for weight in (10, 50):
    settings[f"pénalité, λ = {weight}"] = {"penalty": functools.partial(gans.gradient_penalty, weight=weight)}
critics = {name: train_critic(**options) for name, options in settings.items()}

# %% [markdown]
# En face, l'affectation, exacte pour deux nuages de 1 000 points (la moyenne de cinq tirages). **Pariez** avant d'exécuter : quel critique en sera le plus proche ?

# %%
exact = np.mean([gans.earth_mover(*two_laws(1000, np.random.default_rng(seed))) for seed in range(5)])
points = tf.concat(two_laws(2000, np.random.default_rng(9)), axis=0)
rows = [["affectation, 1 000 points", f"{exact:.3f}", "", ""]]
for name, (critic, estimate) in critics.items():
    with tf.GradientTape() as tape:
        tape.watch(points)
        scores = critic(points)
    slopes = np.linalg.norm(tape.gradient(scores, points), axis=1)
    rows.append([name, f"{estimate:.3f}", *(f"{np.quantile(slopes, share):.2f}" for share in (0.1, 0.9))])
plots.table(rows, header=["méthode", "distance", "pente, 1er décile", "pente, 9e décile"])

# %% tags=["nbval-check-output"]
estimates = [estimate for _, estimate in critics.values()]
print("pénalité, λ = 50 : à moins de 10 % de la distance exacte :", abs(estimates[-1] / exact - 1) < 0.1)
print("pénalité, λ = 10 : au-dessus, de 3 à 12 % :", 1.03 < estimates[-2] / exact < 1.12)
print("rogné : un facteur supérieur à 100 entre deux seuils :", max(estimates[:3]) / min(estimates[:3]) > 100)

# %%
axis = np.linspace(-3, 3, 61)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype("float32")
figure, axes = plt.subplots(1, 2, figsize=(12, 5))
for ax, name in zip(axes, ("rogné à 0,1", "pénalité, λ = 10")):
    prices = np.asarray(critics[name][0](grid)).reshape(61, 61)
    drawn = ax.contourf(axis, axis, prices, levels=20, cmap="cividis")
    for law, color in zip(two_laws(300, np.random.default_rng(5)), ("white", plots.COLORS[1])):
        ax.scatter(*law.T, s=6, color=color)
    ax.set(title=f"Critique : {name}", aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    ax.grid(False)
    figure.colorbar(drawn, ax=ax, shrink=0.8, label="prix f")
plots.publish(figure, "Deux critiques en lignes de niveau ; l'anneau de 8 tas en blanc, l'autre tas en orange")

# %% [markdown]
# **Rogner** donne 0,002, 1,88 ou 58,6 selon le seuil, pour une distance de 1,42 : c'est le seuil qui décide, et rien ne dit lequel est le bon. À 0,1, l'ordre de grandeur est juste, mais regardez le critique, à gauche : quelques grands plis qui montent vers un seul côté, une pente qui va du simple au quintuple, et trois tas sur huit, à droite, presque au même prix que le tas central. Gulrajani et al. l'avaient noté : rogner pousse vers des critiques trop simples.
#
# Avec la **pénalité**, les lignes de niveau dessinent une cuvette régulière autour du tas central : de tous les côtés, le prix monte vers l'anneau, avec une pente proche de 1. Pourquoi 1,55 plutôt que 1,42 avec $\lambda = 10$ ? Parce que la pénalité n'interdit pas de dépasser 1, elle le fait payer. Un critique de même pente $s$ partout gagne $s\,W$ et paie $\lambda (s - 1)^2$ ; il a intérêt à prendre $s = 1 + W / (2\lambda)$, ici 1,07, et c'est bien ce que montre le tableau : de 1,02 à 1,11. Avec $\lambda = 50$, la formule n'annonce plus que 1,4 % de trop ; le critique donne 1,45, à moins de 2 % de l'affectation.
#
# L'affectation aussi n'est qu'une estimation : avec un nombre fini de points, elle est en moyenne un peu au-dessus de la vraie distance.

# %% [markdown]
# ## 6. Sur des images : un coût qui veut dire quelque chose
#
# Passons au **WGAN-GP** complet, sur Fashion-MNIST. Tout tient dans `gans.GAN` : coût `"wasserstein"`, pénalité de gradient, trois pas de critique pour un pas de générateur (les deux articles en font cinq), et un taux d'apprentissage cinq fois plus grand pour le critique : son gain n'estime une distance que s'il reste près de son optimum. Ce critique n'a pas de normalisation par lots : elle ferait dépendre le prix d'une image de ses voisines de lot, alors que la pénalité porte sur le gradient de chaque image.

# %%
data = datasets.load("fashion_mnist")
images, held_out = (x[..., None].astype("float32") / 255 for x in (data.x_train, data.x_test[:2000]))
keras.utils.set_random_seed(0)
networks = gans.generator(width=16), gans.critic(width=16)
gan = gans.GAN(*networks, "wasserstein", penalty=gans.gradient_penalty, critic_steps=3)
gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9) for rate in (2e-4, 1e-3)))
print("poids du générateur :", gan.generator.count_params(), "· du critique :", gan.critic.count_params())

# %% [markdown]
# À dix moments, nous mesurons deux choses sur les mêmes images inventées. D'abord le gain du critique : la moyenne de ses prix sur 2 000 images **de test**, qu'il n'a jamais vues, moins leur moyenne sur 2 000 images inventées. Ensuite la distance de **Fréchet** de la leçon 3.3, dans les caractéristiques d'un classifieur que le GAN n'a jamais rencontré. **Pariez** : les deux courbes descendront-elles ensemble ?

# %%
features = zoo.fashion_classifier(top=False)
reference = features.predict(images[:5000], verbose=0)
noise, gaps, distances = keras.random.normal((2000, 64), seed=1), [], []


def gain(invented):
    return float(tf.reduce_mean(gan.critic(held_out)) - tf.reduce_mean(gan.critic(invented)))


def measure(moment, logs):
    invented = gan.generator(noise, training=False)
    gaps.append(gain(invented))
    distances.append(gans.frechet_distance(features.predict(invented, verbose=0), reference))


# %%
result = gans.train(gan, images, steps=image_steps, moments=10, shown=24, watch=measure)

# %%
chosen = [0, 1, 2, 4, 7, 10]
plots.show(
    [image for moment in chosen for image in result.samples[moment, :10]], columns=10, size=1.05,
    title=f"Dix bruits fixes, aux pas {', '.join(map(str, result.steps[chosen]))} (de haut en bas)",
    alt="Six rangées : du gris uniforme à des silhouettes de vêtements",
)  # fmt: skip

# %%
def tile(samples):
    return samples[..., 0].reshape(3, 8, 28, 28).swapaxes(1, 2).reshape(84, 224)


figure, axis = plt.subplots(figsize=(7, 3))
picture = axis.imshow(tile(result.samples[0]), vmin=0, vmax=1)
axis.set(xticks=[], yticks=[])


def draw(moment):
    picture.set_data(tile(result.samples[moment]))
    axis.set_title(f"pas {result.steps[moment]}")


plots.animate(figure, draw, len(result.samples), "Vingt-quatre images qui se précisent peu à peu", seconds=5)

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2))
for ax, name, values in zip(axes, ("gain du critique", "distance de Fréchet"), (gaps, distances)):
    plots.curves({name: values}, x=result.steps[1:], title=name, xlabel="pas", ylabel="", alt="", ax=ax)
    ax.set_ylim(bottom=0)
plots.publish(figure, "Deux courbes qui baissent vite, puis lentement : gain du critique, distance de Fréchet")
correlation = scipy.stats.spearmanr(gaps, distances).statistic
print(f"corrélation de rang entre les deux, sur {len(gaps)} moments : {correlation:.2f}")
print(f"distance de Fréchet : {distances[0]:.1f} → {distances[-1]:.1f}")

# %% tags=["nbval-check-output"]
print("corrélation de rang d'au moins 0,6 :", correlation >= 0.6)
print("distance de Fréchet divisée par 2 au moins :", distances[-1] < distances[0] / 2)

# %% [markdown]
# Les deux courbes descendent ensemble : les dix moments sont rangés presque dans le même ordre par le critique et par la distance de Fréchet, que le critique ne connaît pas (corrélation de rang 0,99). Comparez avec la leçon 3.3, où les coûts ne disaient rien de la qualité des images. Ce n'est pourtant qu'un accord d'**ordre**, sur un seul entraînement : après le pas 240, le gain ne baisse presque plus, alors que la distance de Fréchet descend encore.
#
# Les images, elles, ne sont que des ébauches : on devine des hauts et des jambes de pantalon. C'est le prix de notre réglage : un générateur plus rapide dessinerait mieux en 400 pas, mais le critique prendrait du retard, et son gain ne suivrait plus. Vous pourrez l'essayer à la fin.

# %% [markdown]
# Le même générateur, entraîné une fois pour toutes par `scripts/train_gans.py`, est livré avec le cours : 4 000 pas au lieu de 400, des taux qui descendent jusqu'à 0 (celui du générateur part du double du nôtre), et la moyenne mobile des poids plutôt que les derniers (leçon 3.6). Chargeons-le, et plaçons-le entre le nôtre et de vraies images. **Pariez** : de 15,4 pour le nôtre, à combien la distance de Fréchet descend-elle pour lui ?

# %%
longer = weights.restore(gans.generator(width=16), "wgan_gp")
invented = {"entraîné à l'instant": gan.generator, "entraîné plus longtemps": longer}
invented = {name: network(noise, training=False).numpy() for name, network in invented.items()}
invented["vraies images"] = images[5000:7000]
for name, batch in invented.items():
    score = gans.frechet_distance(features.predict(batch, verbose=0), reference)
    plots.show(list(batch[:24]), columns=12, size=1.0, title=f"{name} : distance de Fréchet {score:.2f}")

# %% [markdown]
# De 15,41 à 3,26 : pantalons, pulls, baskets et bottines se reconnaissent au premier coup d'œil, même si quelques images restent informes. Le plancher, 0,07, est encore loin : notre générateur est petit (246 657 poids), et 4 000 pas sont peu. Les articles entraînent de bien plus grands réseaux, bien plus longtemps.

# %% [markdown]
# ## 7. Que vaut cette estimation ?
#
# Un gain du critique est-il **la** distance entre les deux lois d'images ? Pour 1 000 images, l'affectation exacte se calcule encore. **Pariez** : entre deux échantillons de vraies images, que vaut-elle ?

# %%
pairs = {"vraies images": images[5000:6000], "images inventées": invented["entraîné à l'instant"][:1000]}
rows = []
for name, batch in pairs.items():
    assignment = gans.earth_mover(batch.reshape(1000, 784), held_out[:1000].reshape(1000, 784))
    rows.append([f"{name} et images de test", f"{assignment:.2f}", f"{gain(batch):.2f}"])
plots.table(rows, header=["1 000 images de chaque", "affectation, en pixels", "gain du critique"])

# %% [markdown]
# Entre deux échantillons de **vraies** images, l'affectation vaut 5,23, alors que les deux lois sont la même, et leur distance nulle. Dans un espace à 784 dimensions, 1 000 images sont très peu : même la meilleure partenaire d'une image en est loin. L'affectation mesure ici surtout la taille des échantillons. Elle donne plus aux images inventées, 7,47, mais l'essentiel de ce nombre vient sans doute, là encore, de la taille des échantillons.
#
# Le gain du critique, lui, vaut 0,04 pour de vraies images, et 2,01 pour les images inventées. Le premier nombre est une bonne nouvelle : le critique donne presque le même prix à des images d'apprentissage et à des images de test ; avec 10 065 poids, il n'a pas appris les premières par cœur.
#
# Ce gain n'est pas la distance pour autant : un critique plus grand, ou entraîné plus longtemps, en trouverait sans doute davantage. Comparez entre elles les valeurs d'**un même** critique au fil d'un entraînement ; ne comparez pas celles de deux articles.

# %% [markdown]
# ## À retenir
#
# - La distance du terrassier est le travail minimal pour changer une loi en une autre : tri sur une droite, programme linéaire ou affectation ailleurs.
# - Elle reste finie et garde une pente quand les lois ne se recouvrent pas ; Jensen-Shannon s'arrête à $\log 2$.
# - Son dual (Kantorovich-Rubinstein) est un critique 1-lipschitzien : une différence de moyennes, sans sigmoïde.
# - Avec une pénalité de gradient, et $\alpha$ **uniforme**, le gain du critique est proche de la vraie distance dans le plan, un peu au-dessus ; rogner les poids ne la donne, au mieux, qu'à un facteur inconnu près.
# - Sur des images, ce gain baisse quand elles s'améliorent, tant que le critique suit : on peut enfin lire un coût. Ce n'est pourtant pas **la** distance : c'est ce que ce critique-là a su en trouver.
#
# ## Questionnaire
#
# 1. Deux masses ponctuelles, l'une en 0, l'autre en 5 : que valent $W$ et Jensen-Shannon ? Et si la seconde vient en 0,1 ?
# 2. Pourquoi le critique d'un WGAN n'a-t-il pas de sigmoïde ?
# 3. Avec un critique 2-lipschitzien au lieu de 1, que devient l'estimation ?
# 4. Pourquoi évite-t-on la normalisation par lots dans le critique avec une pénalité de gradient ?
# 5. L'estimation du critique baisse. Est-ce toujours bon signe ?
#
# <details><summary>Réponses</summary>
#
# 1. $W = 5$ puis $0{,}1$ ; Jensen-Shannon vaut $\log 2$ dans les deux cas. 2. Il donne un prix, pas une probabilité ; une sigmoïde l'écraserait, et son gradient avec. 3. À l'optimum, elle double : le critique peut monter deux fois plus vite. 4. La pénalité porte sur le gradient de chaque exemple ; la normalisation par lots mêle les exemples entre eux. 5. Non : un critique mal entraîné sous-estime la distance ; il faut qu'il reste proche de son optimum, d'où plusieurs pas de critique par pas de générateur, et un générateur pas trop rapide.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez $\alpha$ uniforme par $\alpha$ normal dans la section 5 : où tombent les points, et que devient l'estimation ?
# - Donnez à la pénalité de la section 5 un poids `weight` de 1, puis de 1000 : l'estimation suit-elle $W + W^2/(2\lambda)$ ?
# - Dans la section 6, donnez au générateur un taux de `4e-4`, puis de `1e-3` : que deviennent les images, et l'accord des deux courbes ?
# - La leçon 3.5 donne au critique une autre forme, un auto-encodeur ; la leçon 3.6 compare la pénalité de gradient à d'autres façons de régulariser un critique.
