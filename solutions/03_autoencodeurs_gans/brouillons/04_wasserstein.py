# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Wasserstein : la distance du terrassier
#
# > Deux tas de terre de même volume : combien de travail pour transformer l'un en l'autre ? Vous allez calculer cette distance de trois façons, comprendre pourquoi elle guide un générateur là où les autres se taisent, et la confier à un réseau.
#
# **À la fin, vous saurez** calculer la distance du terrassier à la main sur une droite, par programmation linéaire et par affectation, dire pourquoi son gradient reste utile quand deux lois ne se recouvrent pas, entraîner un critique qui l'estime, et lire son coût comme une mesure de qualité.
#
# **Prérequis** : leçon 3.3 · **Durée** : 60 min · **Références** : Arjovsky, Chintala & Bottou 2017, *Wasserstein GAN* ; Gulrajani et al. 2017, *Improved Training of Wasserstein GANs* ; Villani 2009, *Optimal Transport: Old and New* ; Peyré & Cuturi 2019, *Computational Optimal Transport*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.stats
import tensorflow as tf
from scipy import optimize, sparse

from labs import datasets, gans, plots, zoo
from labs.checks import generative as check

# %% [markdown]
# Les premières sections se calculent en un instant. Deux réseaux s'entraînent ensuite ; leurs tailles dépendent du profil, et les résultats commentés sont ceux du profil `cours`.

# %%
critic_steps = runtime.budget(rapide=100, cours=1500, complet=5000)  # pas d'un critique dans le plan
image_steps = runtime.budget(rapide=20, cours=1000, complet=20_000)  # pas d'un WGAN-GP sur des images

# %% [markdown]
# ## 1. Déplacer de la terre, sur une droite
#
# La **distance du terrassier** (*earth mover's distance*), ou distance de **Wasserstein**, est le travail minimal pour changer une loi en une autre : la masse déplacée, multipliée par la distance parcourue, avec le meilleur plan possible. Pour deux lois $p$ et $q$,
#
# $$ W(p, q) = \inf_{\gamma \in \Pi(p, q)} \; \mathbb E_{(x, y) \sim \gamma}\big[\|x - y\|\big], $$
#
# où $\Pi(p, q)$ contient tous les **plans de transport** : les lois jointes $\gamma$ dont les marges sont $p$ et $q$.
#
# Sur une droite, le meilleur plan est simple : rien ne sert de se croiser. Le plus petit point de l'un va au plus petit point de l'autre, le deuxième au deuxième, et ainsi de suite.
#
# | Exercice 3.4.a | difficulté ●○○ | 6 min | vérifié : égal à SciPy ; échantillons mélangés, décalés, confondus |
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
# Trier suffit, et coûte $N \log N$. Sans le tri, on apparie les points au hasard des indices : c'est un plan de transport parmi d'autres, trop cher.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
x, y = rng.normal(0, 1, 1000), rng.normal(3, 1, 1000)
ours, library = np.mean(np.abs(np.sort(x) - np.sort(y))), scipy.stats.wasserstein_distance(x, y)
print(f"N(0, 1) et N(3, 1), 1 000 points : {ours:.3f} · SciPy : {library:.3f}")
print("égaux à 1e-9 près :", abs(ours - library) < 1e-9)
print(f"sans trier : {np.mean(np.abs(x - y)):.3f}")

# %% [markdown]
# La vraie distance entre ces deux lois est 3 : l'une est l'autre, décalée de 3. L'échantillon en donne une estimation. Sans trier, le plan est permis, mais plus cher.

# %% [markdown]
# ## 2. Dans le plan : un programme linéaire
#
# Dès la dimension 2, il n'y a plus d'ordre, donc plus de tri. Mais pour des lois discrètes, $p$ sur $n$ points et $q$ sur $m$ points, chercher $\gamma$ est un **programme linéaire** : $n \times m$ inconnues positives, un coût linéaire $\sum_{ij} C_{ij}\,\gamma_{ij}$, et les marges en contraintes, $\sum_j \gamma_{ij} = p_i$ et $\sum_i \gamma_{ij} = q_j$.
#
# | Exercice 3.4.b | difficulté ●●○ | 12 min | vérifié : égal à SciPy sur une droite ; poids inégaux, nombres de points différents, marges du plan |
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
# L'une des contraintes est de trop (les deux marges ont la même somme) ; le solveur s'en accommode. Des matrices creuses (`scipy.sparse.kron`) vont bien plus vite au-delà de quelques dizaines de points.

# %% [markdown]
# Résolvons-le en creux, pour une douzaine de tas de terre de tailles différentes, et dessinons le plan.


# %%
def constraints(n, m):
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    return sparse.vstack([rows, columns])


def solve(p, q, cost):
    return optimize.linprog(cost.ravel(), A_eq=constraints(*cost.shape), b_eq=np.concatenate([p, q]))


# %%
rng = np.random.default_rng(1)
earth, holes = rng.normal((-1.5, 0), 0.7, (12, 2)), rng.normal((1.5, 0), 0.7, (9, 2))
p, q = rng.dirichlet(np.full(12, 3.0)), rng.dirichlet(np.full(9, 3.0))
cost = np.linalg.norm(earth[:, None] - holes, axis=-1)
answer = solve(p, q, cost)
plan = answer.x.reshape(cost.shape)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), width_ratios=(3, 2))
for i, j in zip(*np.nonzero(plan > 1e-9)):
    left.plot(*zip(earth[i], holes[j]), color="0.6", linewidth=40 * plan[i, j], solid_capstyle="round", zorder=0)
left.scatter(*earth.T, s=2500 * p, color=plots.COLORS[1], label="terre")
left.scatter(*holes.T, s=2500 * q, color=plots.COLORS[0], marker="s", label="trous")
left.set(title=f"Le meilleur plan : travail {answer.fun:.3f}", aspect="equal")
left.legend(loc="upper center", ncols=2, markerscale=0.5)
right.imshow(plan, cmap="Greys")
right.set(title="Le plan γ (noir : masse déplacée)", xlabel="trou", ylabel="tas de terre")
right.grid(False)
plots.publish(figure, "Douze tas reliés à neuf trous par des traits d'épaisseur proportionnelle ; la matrice γ presque vide")

# %% tags=["nbval-check-output"]
print("les marges sont respectées :", np.allclose(plan.sum(1), p) and np.allclose(plan.sum(0), q))
print("trajets utilisés :", np.sum(plan > 1e-9), "sur", plan.size, "· au plus n + m − 1 =", 12 + 9 - 1)
print("travail d'un plan au hasard, p × q :", f"{np.sum(np.outer(p, q) * cost):.2f}", "· du meilleur :", f"{answer.fun:.2f}")

# %% [markdown]
# Le meilleur plan utilise peu de trajets : un programme linéaire a toujours une solution à un sommet, où au plus $n + m - 1$ inconnues sont non nulles. Quand les deux nuages ont autant de points, tous de même poids, le sommet est une **affectation** : chaque point va tout entier à un seul autre. Un algorithme spécialisé (`optimize.linear_sum_assignment`) traite alors mille points en une fraction de seconde ; `gans.earth_mover` l'emploie.

# %% tags=["nbval-check-output"]
clouds = rng.normal(size=(2, 60, 2)) + np.array([[0, 0], [1, 2]])[:, None]
same = np.full(60, 1 / 60)
by_program = solve(same, same, np.linalg.norm(clouds[0][:, None] - clouds[1], axis=-1)).fun
by_assignment = gans.earth_mover(*clouds)
print(f"programme linéaire : {by_program:.4f} · affectation : {by_assignment:.4f}")
print("égaux à 1e-6 près :", abs(by_program - by_assignment) < 1e-6)

# %% [markdown]
# ## 3. Pourquoi pas Jensen-Shannon ?
#
# La leçon 3.3 a montré qu'un discriminateur optimal mesure la divergence de **Jensen-Shannon** entre les vraies images et les fausses. L'exemple 1 d'Arjovsky et al. (2017) montre ce qui cloche. Soit $p$ la loi uniforme sur un segment vertical, en $x = 0$, et $q_\theta$ la même, en $x = \theta$. On voudrait descendre un gradient pour amener $\theta$ à 0. **Avant d'exécuter**, dites ce que valent, en fonction de $\theta$, la distance du terrassier et la divergence de Jensen-Shannon.


# %%
def jensen_shannon(a, b):
    middle = (a + b) / 2
    terms = [np.sum(law[law > 0] * np.log(law[law > 0] / middle[law > 0])) for law in (a, b)]
    return sum(terms) / 2


rng = np.random.default_rng(0)
thetas, cells = np.linspace(-1, 1, 41), np.arange(-30, 31)  # une colonne tous les 0,05
heights = rng.random((200, 1))
line = {theta: np.hstack([np.full((200, 1), theta), heights]) for theta in thetas}
zero = min(thetas, key=abs)
earth_mover = [gans.earth_mover(line[zero], line[theta]) for theta in thetas]
columns = [(cells == round(theta / 0.05)).astype(float) for theta in thetas]
divergence = [jensen_shannon(columns[20], column) for column in columns]

# %%
plots.curves(
    {"terrassier": earth_mover, "Jensen-Shannon": divergence}, x=thetas, title="Deux segments parallèles, à distance θ",
    xlabel="θ", ylabel="distance", alt="Le terrassier fait un V ; Jensen-Shannon vaut log 2 partout, sauf 0 en θ = 0",
)  # fmt: skip

# %% tags=["nbval-check-output"]
print("terrassier = |θ| :", np.allclose(earth_mover, np.abs(thetas)))
print("Jensen-Shannon = log 2 dès que θ ≠ 0 :", np.allclose(np.delete(divergence, 20), np.log(2)))
print("pente du terrassier :", set(np.round(np.diff(earth_mover) / 0.05, 6)))
print("pente de Jensen-Shannon, loin de 0 :", set(np.round(np.diff(divergence)[:18], 6)))

# %% [markdown]
# Dès que les deux segments ne se touchent plus, Jensen-Shannon vaut $\log 2$, qu'ils soient tout près ou très loin : sa pente est nulle, et un générateur qui la suivrait n'apprendrait rien. (La divergence de Kullback-Leibler, elle, est infinie.) La distance du terrassier vaut $|\theta|$ : elle dit de combien on se trompe, et dans quel sens aller. Or des images réelles et des images d'un générateur débutant ne se recouvrent presque jamais.

# %% [markdown]
# ## 4. Kantorovich et Rubinstein : un prix pour chaque point
#
# Un plan de transport entre des lois d'images ne se calcule pas. Mais tout programme linéaire a un **dual**. Imaginez un transporteur qui fixe un prix $f$ en chaque point, et demande $f(x) - f(y)$ pour porter la terre de $x$ à $y$. Personne ne l'emploiera s'il demande plus que le travail du trajet : $f(x) - f(y) \le \|x - y\|$. Ce qu'il peut gagner au mieux est exactement le travail minimal :
#
# $$ W(p, q) = \sup_{\|f\|_L \le 1} \; \mathbb E_{x \sim p}[f(x)] - \mathbb E_{y \sim q}[f(y)] $$
#
# où $\|f\|_L \le 1$ dit que $f$ est **1-lipschitzienne** : jamais plus raide que 1. Vérifions-le sur nos tas de terre : les prix sont les multiplicateurs des contraintes, que le solveur a déjà calculés.

# %% tags=["nbval-check-output"]
prices = answer.eqlin.marginals
f_earth, f_holes = prices[:12], -prices[12:]
print(f"primal : {answer.fun:.4f} · dual : {p @ f_earth - q @ f_holes:.4f}")
print("égaux à 1e-8 près :", abs(answer.fun - (p @ f_earth - q @ f_holes)) < 1e-8)
print("f(x) − f(y) ≤ ‖x − y‖ partout :", np.all(f_earth[:, None] - f_holes <= cost + 1e-9))
used = plan > 1e-9
print("et l'égalité là où la terre passe :", np.allclose((f_earth[:, None] - f_holes)[used], cost[used]))

# %% [markdown]
# Voilà ce que le WGAN confie à un réseau : $f$ devient le **critique**. Il ne classe plus, il donne un prix ; il n'a plus de sigmoïde. Reste à le forcer à être 1-lipschitzien.
#
# - **Rogner** les poids (*weight clipping*, Arjovsky et al. 2017) : après chaque pas, chaque poids est ramené dans $[-c, c]$. Le critique est alors $K$-lipschitzien, pour un $K$ que personne ne connaît. Les auteurs le disent eux-mêmes : « une façon clairement terrible ».
# - **Pénaliser le gradient** (Gulrajani et al. 2017) : un critique optimal a un gradient de norme 1 presque partout sur les segments entre $p$ et $q$. On pénalise l'écart à 1 en des points tirés sur ces segments :
#
# $$ \lambda\; \mathbb E_{\hat x}\Big[\big(\|\nabla f(\hat x)\|_2 - 1\big)^2\Big], \qquad \hat x = \alpha\, x + (1 - \alpha)\, \tilde x, \quad \alpha \sim \mathcal U[0, 1] $$
#
# | Exercice 3.4.c | difficulté ●●○ | 8 min | vérifié : points sur les segments, un α par exemple, loi uniforme ; images et points du plan |
# | --- | --- | --- | --- |
#
# Écrivez `interpolate(real, fake, rng)` : deux tableaux de même forme `(N, …)` vers les points $\hat x$, de même forme. Attention, bien des codes publics tirent $\alpha$ selon une loi normale : les points sortent alors du segment.


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
# Entraînons un critique entre deux lois du plan, dont nous savons calculer la distance exacte. `gans.gradient_penalty` fait ce que vous venez d'écrire, et prend la racine d'un maximum : la dérivée de $\sqrt{u}$ est infinie en 0, et un critique tout plat donnerait NaN.


# %%
def two_laws(count, rng):
    shifted = rng.normal((0.5, 0), 0.5, (count, 2)).astype("float32")
    return gans.ring(count, rng, spread=0.2), shifted


def train_critic(penalty=None, clip=None):
    keras.utils.set_random_seed(0)
    critic, rng = gans.perceptron((2, 64, 64, 1)), np.random.default_rng(0)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, critic_steps)
    step = critic_step(critic, keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9), penalty, clip)
    estimates = [float(step(*map(tf.constant, two_laws(256, rng)))) for _ in range(critic_steps)]
    return critic, np.array(estimates)


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
exact = np.mean([gans.earth_mover(*two_laws(1000, np.random.default_rng(s))) for s in range(5)])
settings = {"rogné à 0,01": {"clip": 0.01}, "rogné à 0,1": {"clip": 0.1}, "rogné à 0,3": {"clip": 0.3}}
settings["pénalité de gradient"] = {"penalty": gans.gradient_penalty}
critics = {name: train_critic(**options) for name, options in settings.items()}
print(f"distance exacte, par affectation de 1 000 points : {exact:.3f}")
for name, (_, estimates) in critics.items():
    print(f"{name:21s} {estimates[-100:].mean():.3f}")

# %% tags=["nbval-check-output"]
estimate = critics["pénalité de gradient"][1][-100:].mean()
print("pénalité de gradient, à moins de 10 % de la distance exacte :", abs(estimate / exact - 1) < 0.1)
clipped = [critics[name][1][-100:].mean() for name in settings if "rogné" in name]
print("rogné : l'estimation dépend du seuil, d'un facteur supérieur à 10 :", max(clipped) / min(clipped) > 10)

# %%
axis = np.linspace(-3, 3, 61)
plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype("float32")
figure, axes = plt.subplots(1, 2, figsize=(12, 5))
for ax, name in zip(axes, ("rogné à 0,1", "pénalité de gradient")):
    heights = np.asarray(critics[name][0](plane)).reshape(61, 61)
    slope = np.hypot(*np.gradient(heights, 0.1))
    drawn = ax.contourf(axis, axis, heights, levels=20, cmap="cividis")
    for law, color in zip(two_laws(300, np.random.default_rng(5)), ("white", plots.COLORS[1])):
        ax.scatter(*law.T, s=6, color=color)
    ax.set(title=f"{name} : pente de {np.quantile(slope, 0.1):.2f} à {np.quantile(slope, 0.9):.2f}", aspect="equal")
    ax.grid(False)
    figure.colorbar(drawn, ax=ax, shrink=0.8)
plots.publish(figure, "Deux critiques en lignes de niveau ; l'anneau de 8 tas en blanc, l'autre loi en orange au centre")

# %% [markdown]
# COMMENTAIRE_CRITIQUE

# %% [markdown]
# ## 5. Sur des images : un coût qui veut dire quelque chose
#
# Passons au **WGAN-GP** complet, sur Fashion-MNIST. Tout tient dans `gans.GAN` : coût `"wasserstein"`, pénalité de gradient, trois pas de critique pour un pas de générateur. À chaque moment, nous mesurons deux choses : l'estimation de la distance par le critique, et la distance de **Fréchet** de la leçon 3.3, calculée dans les caractéristiques d'un classifieur que le GAN n'a jamais vu.

# %%
data = datasets.load("fashion_mnist")
real = data.x_train[..., None].astype("float32") / 255
keras.utils.set_random_seed(0)
gan = gans.GAN(
    gans.generator(width=16), gans.critic(width=16), "wasserstein", penalty=gans.gradient_penalty, critic_steps=3
)
gan.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.9) for _ in range(2)))

# %%
features = zoo.fashion_classifier(top=False)
reference = features.predict(real[:5000], verbose=0)
distances, noise = [], keras.random.normal((2000, 64), seed=1)


def measure(epoch, logs):
    samples = gan.generator(noise, training=False)
    distances.append(gans.frechet_distance(features.predict(samples, verbose=0), reference))


# %%
moments = 10
result = gans.train(gan, real, steps=image_steps, moments=moments, shown=10, watch=measure)
floor = gans.frechet_distance(features.predict(real[5000:7000], verbose=0), reference)
chosen = result.samples[[1, 2, 4, 7, 10]]
plots.show(
    [image for moment in chosen for image in moment], columns=10, size=1.05,
    title="Les mêmes bruits, au fil de l'entraînement (de haut en bas)", alt="Cinq rangées : du gris aux vêtements",
)  # fmt: skip

# %%
gap = -np.array(result.history["critic_loss"])
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2))
for axis, name, values in zip(axes, ("estimation du critique", "distance de Fréchet"), (gap, distances)):
    plots.curves({name: values}, x=result.steps[1:], title=name, xlabel="pas", ylabel="", alt="", ax=axis)
axes[1].axhline(floor, color="black", linestyle="--", linewidth=1.5)
plots.publish(figure, "Les deux courbes descendent ensemble ; tirets : deux échantillons de vraies images")
correlation = scipy.stats.spearmanr(gap, distances).statistic
print(f"corrélation de rang entre les deux : {correlation:.2f} · Fréchet : {distances[0]:.1f} → {distances[-1]:.1f}")
print(f"plancher, entre deux échantillons de vraies images : {floor:.2f}")

# %% tags=["nbval-check-output"]
print("corrélation de rang d'au moins 0,6 :", correlation >= 0.6)
print("distance de Fréchet divisée par 3 au moins :", distances[-1] < distances[0] / 3)

# %% [markdown]
# COMMENTAIRE_IMAGES

# %% [markdown]
# ## À retenir
#
# - La distance du terrassier est le travail minimal pour changer une loi en une autre : tri sur une droite, programme linéaire ou affectation ailleurs.
# - Elle reste finie et garde une pente quand les lois ne se recouvrent pas ; Jensen-Shannon s'arrête à $\log 2$.
# - Son dual (Kantorovich-Rubinstein) est un critique 1-lipschitzien : une différence de moyennes, sans sigmoïde.
# - La pénalité de gradient, avec $\alpha$ **uniforme**, donne une estimation proche de la vraie distance ; rogner les poids donne une estimation à un facteur inconnu près.
# - Le coût d'un critique de Wasserstein baisse quand les images s'améliorent : on peut enfin le lire.
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
# 1. $W = 5$ puis $0{,}1$ ; Jensen-Shannon vaut $\log 2$ dans les deux cas. 2. Il donne un prix, pas une probabilité ; une sigmoïde l'écraserait, et son gradient avec. 3. Elle double : le critique peut monter deux fois plus vite. 4. La pénalité porte sur le gradient de chaque exemple ; la normalisation par lots mêle les exemples entre eux. 5. Non : un critique mal entraîné sous-estime la distance ; il faut qu'il reste proche de son optimum, d'où plusieurs pas de critique par pas de générateur.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez $\alpha$ uniforme par $\alpha$ normal dans la section 4 : où tombent les points, et que devient l'estimation ?
# - Tracez l'estimation du critique dans le plan pour `weight=0.1`, `1`, `10` et `100`.
# - La leçon 3.6 compare la pénalité de gradient à d'autres façons de régulariser un critique.
