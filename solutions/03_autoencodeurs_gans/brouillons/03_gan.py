# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Réseaux antagonistes (GAN)
#
# > Un faussaire apprend à peindre, un expert apprend à le démasquer, et chacun progresse grâce à l'autre. Vous allez écrire leurs deux coûts, vérifier ce que l'expert parfait répond, faire naître des vêtements en une minute, puis provoquer la panne la plus célèbre des GAN, et la mesurer.
#
# **À la fin, vous saurez** écrire le jeu d'un GAN et ses deux coûts, dire ce que vaut le discriminateur optimal, choisir entre coût saturant et non saturant, entraîner un DCGAN, reconnaître et mesurer un effondrement de modes, et noter des images avec les distances de Fréchet et à noyau.
#
# **Prérequis** : leçons 2.1 et 3.1 · **Durée** : 75 min · **Références** : Goodfellow et al. 2014, *Generative Adversarial Nets* ; Radford, Metz & Chintala 2016 (DCGAN) ; Heusel et al. 2017, *GANs Trained by a Two Time-Scale Update Rule* (distance de Fréchet) ; Bińkowski et al. 2018, *Demystifying MMD GANs* ; Srivastava et al. 2017, *VEEGAN* (anneau de 8 lois normales)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.stats
import tensorflow as tf

from labs import datasets, gans, plots, zoo
from labs.checks import generative as check

# %% [markdown]
# Deux entraînements prennent du temps : un DCGAN sur Fashion-MNIST, et quelques petits GAN dans le plan. Leurs tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`.

# %%
image_steps = runtime.budget(rapide=20, cours=1500, complet=20_000)  # pas du DCGAN
plane_steps = runtime.budget(rapide=100, cours=2500, complet=10_000)  # pas des GAN dans le plan

# %% [markdown]
# ## 1. Le jeu
#
# Un **générateur** $G$ transforme du bruit $z$ en image ; il ne voit jamais une vraie image. Un **discriminateur** $D$ reçoit tantôt une vraie image, tantôt une fausse, et rend la probabilité qu'elle soit vraie. Goodfellow et al. (2014) les opposent :
#
# $$ \min_G \max_D \; V(D, G) = \mathbb E_{x \sim p}\big[\log D(x)\big] + \mathbb E_{z}\big[\log\big(1 - D(G(z))\big)\big] $$
#
# Nos réseaux rendent des **scores** $a$ (des logits), et $D = \sigma(a)$. Maximiser $V$, c'est minimiser une entropie croisée : étiquette 1 pour les vraies images, 0 pour les fausses.
#
# | Exercice 3.3.a | difficulté ●●○ | 8 min | vérifié : égal à Keras ; moyennes séparées, scores énormes sans NaN |
# | --- | --- | --- | --- |
#
# Écrivez `discriminator_loss(real, fake)` à partir des **scores** de $N$ vraies et de $M$ fausses images, la quantité $-V$ à minimiser. Attention : $\log \sigma(a)$ calculé naïvement vaut $-\infty$ pour $a = -800$. La fonction `np.logaddexp(0, a)`, qui est $\log(1 + e^a)$, ne déborde jamais.


# %%
def discriminator_loss(real, fake):
    """-V(D, G), from the scores of real (N,) and generated (M,) images."""
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake))
    ### END SOLUTION


# %% tags=["check"]
check.discriminator_loss(discriminator_loss)

# %% [markdown] tags=["solution"]
# $-\log \sigma(a) = \log(1 + e^{-a})$ et $-\log(1 - \sigma(a)) = \log(1 + e^{a})$ : la même fonction, *softplus*, en $-a$ puis en $a$.

# %% [markdown]
# ## 2. Que répond un discriminateur parfait ?
#
# Fixons le générateur, et appelons $q$ la loi de ses images. La proposition 1 de l'article dit que le meilleur discriminateur est
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)}, $$
#
# et le théorème 1, que $V(D^*, G) = -\log 4 + 2\,\mathrm{JS}(p, q)$ : le discriminateur parfait **mesure** une distance entre lois, la divergence de Jensen-Shannon. Vérifions-le là où tout est connu : $p$ est un mélange de deux lois normales, $q$ une seule, et le discriminateur est un petit réseau qui ne voit que des échantillons. **Dessinez** d'abord la courbe que vous attendez.


# %%
def density_p(x):
    return 0.5 * scipy.stats.norm.pdf(x, -2, 0.6) + 0.5 * scipy.stats.norm.pdf(x, 1.5, 0.8)


def density_q(x):
    return scipy.stats.norm.pdf(x, 0, 1.5)


rng = np.random.default_rng(0)
count = 40_000
real = np.where(rng.random(count) < 0.5, rng.normal(-2, 0.6, count), rng.normal(1.5, 0.8, count))
points = np.concatenate([real, rng.normal(0, 1.5, count)])[:, None].astype("float32")
labels = np.repeat([1.0, 0.0], count)

# %%
keras.utils.set_random_seed(0)
judge = gans.perceptron((1, 64, 64, 1))
judge.compile(keras.optimizers.Adam(3e-3), keras.losses.BinaryCrossentropy(from_logits=True))
judge.fit(points, labels, epochs=runtime.budget(rapide=1, cours=4, complet=10), batch_size=512, verbose=0)
x = np.linspace(-4, 4, 161)
learned = np.asarray(tf.sigmoid(judge(x[:, None].astype("float32"))))[:, 0]
optimal = density_p(x) / (density_p(x) + density_q(x))

# %%
figure, axis = plt.subplots()
axis.fill_between(x, density_p(x), alpha=0.25, color=plots.COLORS[0], label="p, les vraies")
axis.fill_between(x, density_q(x), alpha=0.25, color=plots.COLORS[1], label="q, les fausses")
axis.plot(x, optimal, color="black", label="p / (p + q)")
axis.plot(x, learned, "--", color=plots.COLORS[2], label="discriminateur appris")
axis.set(title="Le discriminateur appris et le discriminateur optimal", xlabel="x", ylabel="densité ou probabilité")
axis.legend(ncols=2)
plots.publish(figure, "La courbe apprise suit p/(p+q) : haute là où p domine, basse là où q domine")

# %% tags=["nbval-check-output"]
weight = (density_p(x) + density_q(x)) / 2
gap = np.sum(weight * np.abs(learned - optimal)) / np.sum(weight)
print("écart moyen à p / (p + q) inférieur à 0,05 :", gap < 0.05)
js = np.trapezoid(density_p(x) * np.log(optimal) + density_q(x) * np.log(1 - optimal), x) / 2 + np.log(2)
scores = judge(points, training=False).numpy()[:, 0]
value = -float(gans.LOSSES["saturating"].critic(scores[:count], scores[count:]))
print(f"Jensen-Shannon(p, q) : {js:.2f} · lue sur le discriminateur, (V + log 4) / 2 : {(value + np.log(4)) / 2:.2f}")

# %% [markdown]
# Le réseau n'a vu que des points étiquetés, et il a retrouvé un **rapport de densités** : là où les vraies et les fausses sont aussi probables, il répond 1/2. Si le générateur était parfait, $q = p$, le discriminateur optimal répondrait 1/2 partout.

# %% [markdown]
# ## 3. Saturer, ou ne pas saturer
#
# Au tour du générateur. Dans le jeu, il minimise $\log(1 - D(G(z)))$. Or, au début, ses images sont mauvaises et le discriminateur en est sûr : le score $a$ est très négatif. L'article propose de **maximiser** plutôt $\log D(G(z))$. Même équilibre, autre pente :
#
# $$ \text{saturant} : \;\frac{d}{da}\log\big(1 - \sigma(a)\big) = -\sigma(a) \qquad\qquad \text{non saturant} : \;\frac{d}{da}\big(-\log \sigma(a)\big) = -\big(1 - \sigma(a)\big) $$
#
# | Exercice 3.3.b | difficulté ●○○ | 6 min | vérifié : valeur et dérivée ; scores énormes, signe |
# | --- | --- | --- | --- |
#
# Écrivez `generator_loss(fake)`, le coût **non saturant** que minimise le générateur, à partir des scores de ses images.


# %%
def generator_loss(fake):
    """Non-saturating loss of the generator, from the scores (N,) of its images."""
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, -fake))
    ### END SOLUTION


# %% tags=["check"]
check.generator_loss(generator_loss)

# %% [markdown] tags=["solution"]
# C'est l'entropie croisée, avec l'étiquette « vraie » pour de fausses images.

# %%
scores = tf.Variable(np.linspace(-8, 8, 81, dtype="float32"))
slopes = {}
for name, key in (("saturant", "saturating"), ("non saturant", "non_saturating")):
    with tf.GradientTape() as tape:
        loss = gans.LOSSES[key].generator(scores) * len(scores)
    slopes[name] = -tape.gradient(loss, scores).numpy()
plots.curves(
    slopes, x=scores.numpy(), title="Force de la poussée sur le générateur, selon le score de son image",
    xlabel="score a (négatif : le discriminateur a démasqué l'image)", ylabel="force", alt="Deux courbes en S opposées",
)  # fmt: skip

# %% tags=["nbval-check-output"]
for name, slope in slopes.items():
    print(f"{name:13s} force en a = −8 : {slope[0]:.4f} · en 0 : {slope[40]:.4f} · en 8 : {slope[-1]:.4f}")

# %% [markdown]
# Quand l'image est mauvaise ($a = -8$), le coût saturant ne pousse presque plus : le faussaire démasqué n'apprend rien, au moment où il en a le plus besoin. Le coût non saturant pousse à pleine force. Tous les GAN de cette leçon l'emploient.

# %% [markdown]
# ## 4. Un DCGAN sur Fashion-MNIST
#
# Radford et al. (2016) ont trouvé des architectures qui s'entraînent bien : convolutions de pas 2 au lieu du *pooling*, convolutions transposées pour remonter en taille (noyau 4, multiple du pas : leçon 2.1), normalisation par lots dans le générateur, LeakyReLU dans le discriminateur, Adam avec $\beta_1 = 0{,}5$. `gans.GAN` contient la boucle : un pas de discriminateur, un pas de générateur. Lisez-la, elle tient sur un écran.

# %%
data = datasets.load("fashion_mnist")
images = data.x_train[..., None].astype("float32") / 255
keras.utils.set_random_seed(0)
gan = gans.GAN(gans.generator(width=32), gans.critic(width=32), "non_saturating")
gan.compile(*(keras.optimizers.Adam(4e-4, beta_1=0.5) for _ in range(2)))
print("poids du générateur :", gan.generator.count_params(), "· du discriminateur :", gan.critic.count_params())

# %%
features = zoo.fashion_classifier(top=False)
reference = features.predict(images[:5000], verbose=0)
noise, fakes = keras.random.normal((2000, 64), seed=1), []


def watch(moment, logs):
    fakes.append(features.predict(gan.generator(noise, training=False), verbose=0))


result = gans.train(gan, images, steps=image_steps, moments=10, shown=10, watch=watch)

# %%
chosen = [image for moment in result.samples[[0, 1, 2, 4, 7, 10]] for image in moment]
plots.show(
    chosen, columns=10, size=1.05, title=f"Dix bruits fixes, aux pas {', '.join(map(str, result.steps[[0, 1, 2, 4, 7, 10]]))}",
    alt="Six rangées : du gris uniforme à des vêtements reconnaissables",
)  # fmt: skip

# %%
figure, axis = plt.subplots(figsize=(4, 4))
grid = lambda samples: samples[:9, ..., 0].reshape(3, 3, 28, 28).swapaxes(1, 2).reshape(84, 84)
picture = axis.imshow(grid(result.samples[0]), vmin=0, vmax=1)
axis.set(xticks=[], yticks=[])


def draw(moment):
    picture.set_data(grid(result.samples[moment]))
    axis.set_title(f"pas {result.steps[moment]}")


plots.animate(figure, draw, len(result.samples), "Neuf vêtements qui se précisent au fil des pas", seconds=5)

# %% [markdown]
# COMMENTAIRE_DCGAN

# %% [markdown]
# ## 5. Noter des images
#
# Les coûts d'un GAN ne disent pas si les images sont bonnes : chacun dépend de l'adversaire. On compare donc les **lois** des vraies et des fausses images, non pas pixel à pixel, mais dans les caractéristiques d'un classifieur. Le nôtre est un petit réseau de Fashion-MNIST, à 64 caractéristiques, que le GAN n'a jamais rencontré. (L'usage est de prendre Inception et ImageNet, pour des photographies.)
#
# La **distance de Fréchet** (Heusel et al. 2017) résume chaque loi par sa moyenne $\mu$ et sa covariance $\Sigma$ :
#
# $$ d^2 = \|\mu - \mu'\|^2 + \mathrm{tr}\Big(\Sigma + \Sigma' - 2\,(\Sigma\,\Sigma')^{1/2}\Big) $$
#
# | Exercice 3.3.c | difficulté ●●○ | 10 min | vérifié : forme close des lois indépendantes, racine de matrice de SciPy ; distance nulle |
# | --- | --- | --- | --- |
#
# Écrivez `frechet(mean_a, covariance_a, mean_b, covariance_b)`. La racine est celle d'une **matrice**, pas de ses éléments ; seule sa trace nous intéresse, et la trace de la racine est la somme des racines des valeurs propres de $\Sigma\,\Sigma'$ (elles sont réelles et positives ; `np.linalg.eigvals` peut leur laisser un soupçon de partie imaginaire).


# %%
def frechet(mean_a, covariance_a, mean_b, covariance_b):
    """Squared Fréchet distance between two normal laws: means (D,), covariances (D, D)."""
    ### BEGIN SOLUTION
    eigenvalues = np.linalg.eigvals(covariance_a @ covariance_b).real
    traces = np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.sum(np.sqrt(np.maximum(eigenvalues, 0)))
    return np.sum((mean_a - mean_b) ** 2) + traces
    ### END SOLUTION


# %% tags=["check"]
check.frechet(frechet)

# %% [markdown] tags=["solution"]
# Quand les deux covariances sont diagonales, la trace se réduit à $\sum_j (\sigma_j - \sigma'_j)^2$ : on compare les écarts-types, direction par direction.

# %% [markdown]
# La **distance à noyau** (Bińkowski et al. 2018) ne suppose rien de normal : elle compare les ressemblances au sein de chaque groupe et entre les groupes, avec $k(x, y) = (x \cdot y / D + 1)^3$ ; son estimateur est sans biais, celui de Fréchet ne l'est pas. Pour donner un sens aux nombres, il faut deux repères : un **plancher**, deux échantillons de vraies images, et un **plafond**, du bruit.

# %%
others = {
    "vraies images (plancher)": features.predict(images[5000:7000], verbose=0),
    f"générateur, pas {result.steps[-1]}": fakes[-1],
    f"générateur, pas {result.steps[2]}": fakes[1],
    "vraies images, une classe": features.predict(images[data.y_train == 7][:2000], verbose=0),
    "bruit uniforme": features.predict(np.random.default_rng(0).random((2000, 28, 28, 1), "float32"), verbose=0),
}
scores = {name: (gans.frechet_distance(f, reference), gans.kernel_distance(f, reference)) for name, f in others.items()}
plots.table([[name, f"{a:.2f}", f"{b:.3f}"] for name, (a, b) in scores.items()], header=["images", "Fréchet", "à noyau"])

# %% tags=["nbval-check-output"]
order = sorted(scores, key=lambda name: scores[name][0])
print("le plancher est le plus bas :", order[0].startswith("vraies images (plancher)"))
print("le générateur progresse :", scores[order[0]][0] < scores[list(others)[1]][0] < scores[list(others)[2]][0])
print("le bruit est le plus haut :", order[-1] == "bruit uniforme")

# %%
curve = [gans.frechet_distance(f, reference) for f in fakes]
plots.curves({"générateur": curve}, x=result.steps[1:], title="Distance de Fréchet aux vraies images",
             xlabel="pas", ylabel="distance", alt="La distance baisse vite puis lentement")  # fmt: skip

# %% [markdown]
# COMMENTAIRE_DISTANCES

# %% [markdown]
# ## 6. L'effondrement de modes
#
# Le générateur gagne en trompant le discriminateur ; rien ne l'oblige à montrer **toute** la variété des vraies images. Quand il n'en produit qu'une partie, on parle d'**effondrement de modes** (*mode collapse*). Sur des images, cela se voit mal. Dans le plan, on peut compter : les « vraies images » sont ici des points répartis sur un anneau de 8 tas. Un point est **bon** s'il est à moins de trois écarts-types du centre d'un tas ; un tas est **couvert** s'il reçoit au moins un dixième de sa juste part.

# %%
# À écrire : les réglages de l'anneau, un qui couvre ses 8 tas, un qui s'effondre, et leur animation.

# %% [markdown]
# COMMENTAIRE_ANNEAU

# %% [markdown]
# ## À retenir
#
# - Un GAN oppose un générateur, qui ne voit jamais de vraie image, et un discriminateur ; leurs coûts se calculent sur des scores, avec *softplus*.
# - Le discriminateur optimal est $p/(p+q)$ : il estime un rapport de densités, et le jeu mesure la divergence de Jensen-Shannon.
# - Le coût non saturant pousse fort quand les images sont mauvaises ; le coût saturant, non.
# - Les coûts d'un GAN ne notent pas ses images. Les distances de Fréchet et à noyau le font, à condition de donner leur plancher.
# - Un effondrement de modes se mesure là où les modes sont connus.
#
# ## Questionnaire
#
# 1. Le générateur est parfait. Que répond le discriminateur optimal, et que vaut $V$ ?
# 2. Le coût du discriminateur tend vers 0. Est-ce une bonne nouvelle pour le générateur ?
# 3. Un GAN recopie exactement les images d'apprentissage. Que dit la distance de Fréchet ? Que faudrait-il regarder ?
# 4. Deux échantillons de 200 vraies images ont-ils la même distance de Fréchet que deux échantillons de 5 000 ?
# 5. Pourquoi le générateur d'un DCGAN emploie-t-il des noyaux de 4 avec un pas de 2 ?
#
# <details><summary>Réponses</summary>
#
# 1. 1/2 partout ; $V = -\log 4$. 2. Non : le discriminateur sépare tout sans effort, et ses gradients n'apprennent plus grand-chose au générateur. 3. Qu'elles sont excellentes ; il faut chercher, pour chaque image inventée, sa plus proche voisine dans l'ensemble d'apprentissage. 4. Non : l'estimation est biaisée vers le haut, d'autant plus que l'échantillon est petit ; on ne compare qu'à tailles égales. 5. Un noyau multiple du pas donne à chaque pixel le même nombre de contributions : pas de damier (leçon 2.1).
#
# </details>
#
# ## Pour aller plus loin
#
# - Entraînez le DCGAN avec le coût `"saturating"` : que deviennent les premières images ?
# - Cherchez, pour dix images inventées, leur plus proche voisine dans les caractéristiques du classifieur : le réseau recopie-t-il ?
# - La leçon 3.4 remplace Jensen-Shannon par une distance qui garde une pente ; la leçon 3.6 compare les remèdes à l'effondrement.
