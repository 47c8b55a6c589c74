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

from labs import datasets, gans, plots, training, weights, zoo
from labs.checks import generative as check

# %% [markdown]
# Deux entraînements prennent du temps : un DCGAN sur Fashion-MNIST, et quelques petits GAN dans le plan. Leurs tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`.

# %%
image_steps = runtime.budget(rapide=20, cours=1000, complet=20_000)  # pas du DCGAN
plane_steps = runtime.budget(rapide=100, cours=2000, complet=10_000)  # pas des GAN dans le plan

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
epochs = runtime.budget(rapide=1, cours=6, complet=20)
schedule = training.OneCycle(2e-2, epochs * -(-len(points) // 512))
judge.compile(keras.optimizers.Adam(schedule), keras.losses.BinaryCrossentropy(from_logits=True))
judge.fit(points, labels, epochs=epochs, batch_size=512, verbose=0)
x = np.linspace(-4, 4, 161)
learned = np.asarray(tf.sigmoid(judge(x[:, None].astype("float32"))))[:, 0]
optimal = density_p(x) / (density_p(x) + density_q(x))

# %%
figure, axis = plt.subplots()
axis.fill_between(x, density_p(x), alpha=0.25, color=plots.COLORS[0], label="p, les vraies")
axis.fill_between(x, density_q(x), alpha=0.25, color=plots.COLORS[1], label="q, les fausses")
axis.plot(x, optimal, color="black", label="p / (p + q)")
axis.plot(x, learned, "--", color=plots.COLORS[2], label="discriminateur appris")
axis.set(title="Discriminateur appris, discriminateur optimal", xlabel="x", ylabel="densité ou probabilité")
axis.legend(ncols=2)
plots.publish(figure, "La courbe apprise suit p/(p+q) : haute là où p domine, basse là où q domine")

# %% tags=["nbval-check-output"]
weight = (density_p(x) + density_q(x)) / 2
gap = np.sum(weight * np.abs(learned - optimal)) / np.sum(weight)
print("écart moyen à p / (p + q) inférieur à 0,05 :", gap < 0.05)
scores = judge.predict(points, batch_size=2000, verbose=0)[:, 0]
value = -float(gans.LOSSES["saturating"].critic(scores[:count], scores[count:]))
js = np.trapezoid(density_p(x) * np.log(optimal) + density_q(x) * np.log(1 - optimal), x) / 2 + np.log(2)
print(f"Jensen-Shannon(p, q), par l'intégrale : {js:.2f}")
print("(V + log 4) / 2, sur les échantillons, à moins de 0,02 :", abs((value + np.log(4)) / 2 - js) < 0.02)

# %% [markdown]
# Le réseau n'a vu que des points étiquetés, et il a retrouvé un **rapport de densités** : là où les vraies et les fausses sont aussi probables, il répond à peu près 1/2. Il s'écarte de la courbe aux deux bords, où il a vu peu de points. Si le générateur était parfait, $q = p$, le discriminateur optimal répondrait 1/2 partout.

# %% [markdown]
# ## 3. Saturer, ou ne pas saturer
#
# Au tour du générateur. Dans le jeu, il minimise $\log(1 - D(G(z)))$. Or, au début, ses images sont mauvaises et le discriminateur en est sûr : le score $a$ est très négatif. L'article propose de **maximiser** plutôt $\log D(G(z))$. Même équilibre, autre pente :
#
# $$ \text{saturant} : \;\frac{d}{da}\log\big(1 - \sigma(a)\big) = -\sigma(a) \qquad\qquad \text{non saturant} : \;\frac{d}{da}\big(-\log \sigma(a)\big) = -\big(1 - \sigma(a)\big) $$
#
# | Exercice 3.3.b | difficulté ●○○ | 6 min | vérifié : valeurs ; scores énormes, signe |
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
        loss = gans.LOSSES[key].generator(scores) * scores.shape[0]  # le coût est une moyenne
    slopes[name] = -tape.gradient(loss, scores).numpy()
plots.curves(
    slopes, x=scores.numpy(), title="Force de la poussée sur le générateur, selon le score de son image",
    xlabel="score a (négatif : le discriminateur a démasqué l'image)", ylabel="force",
    alt="Deux courbes en S opposées : le coût saturant pousse à droite, le non saturant à gauche",
)  # fmt: skip

# %% tags=["nbval-check-output"]
for name, slope in slopes.items():
    print(f"{name:13s} force en a = −8 : {slope[0]:.4f} · en 0 : {slope[40]:.4f} · en 8 : {slope[-1]:.4f}")

# %% [markdown]
# Quand l'image est mauvaise ($a = -8$), le coût saturant ne pousse presque plus : le faussaire démasqué n'apprend rien, au moment où il en a le plus besoin. Le coût non saturant pousse à pleine force. Tous les GAN de cette leçon l'emploient.

# %% [markdown]
# ## 4. Un tour de jeu, à la main
#
# L'algorithme 1 de l'article tient en deux pas de gradient. Le discriminateur descend son coût ; puis le générateur descend le sien, et le gradient lui parvient **à travers** le discriminateur, dont les poids ne bougent pas. Les voici, en clair.

# %%
def play_by_hand(generator, critic, real, noise, rate):
    """One round of the game: a gradient step of the discriminator, then one of the generator."""
    with tf.GradientTape() as tape:
        fake = generator(noise)
        loss = tf.reduce_mean(tf.nn.softplus(-critic(real))) + tf.reduce_mean(tf.nn.softplus(critic(fake)))
    slopes = tape.gradient(loss, critic.trainable_variables)
    for weight, slope in zip(critic.trainable_variables, slopes):
        weight.assign_sub(rate * slope)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.softplus(-critic(generator(noise))))
    slopes = tape.gradient(loss, generator.trainable_variables)
    for weight, slope in zip(generator.trainable_variables, slopes):
        weight.assign_sub(rate * slope)


# %% [markdown]
# `gans.GAN` contient la même boucle, avec l'optimiseur de votre choix et un arrêt quand un coût n'est plus fini. Lisez-la, elle tient sur un écran. Dans `labs.gans`, le discriminateur s'appelle `critic`, le critique, comme dans les articles des leçons suivantes. Faisons jouer aux deux boucles le même tour, avec le même bruit.

# %% tags=["nbval-check-output"]
keras.utils.set_random_seed(0)
ours, theirs = ((gans.perceptron((8, 32, 2)), gans.perceptron((2, 32, 1))) for _ in range(2))
for mine, other in zip(ours, theirs):
    mine.set_weights(other.get_weights())
real, noise = gans.ring(64, np.random.default_rng(0)), tf.random.normal((64, 8))
gan = gans.GAN(*theirs, "non_saturating")
gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
gan.noise = lambda count: noise  # le même bruit pour les deux boucles
gan.train_step(real)
play_by_hand(*ours, real, noise, rate=0.1)
gaps = [np.abs(a - b).max() for mine, other in zip(ours, theirs) for a, b in zip(mine.weights, other.weights)]
print("après un tour, mêmes poids à 1e-6 près :", max(gaps) < 1e-6)

# %% [markdown]
# ## 5. Un DCGAN sur Fashion-MNIST
#
# Radford et al. (2016) ont trouvé des architectures qui s'entraînent bien : convolutions de pas 2 au lieu du *pooling*, convolutions transposées pour remonter en taille (nos noyaux ont 4 de côté, un multiple du pas : leçon 2.1), normalisation par lots dans les deux réseaux, ReLU dans le générateur, LeakyReLU dans le discriminateur, Adam avec $\beta_1 = 0{,}5$. Nous gardons tout cela, en bien plus petit et en plus pressé : un taux de $10^{-3}$, là où l'article prend $2 \cdot 10^{-4}$ et a le temps.

# %%
data = datasets.load("fashion_mnist")
images = data.x_train[..., None].astype("float32") / 255
keras.utils.set_random_seed(0)
gan = gans.GAN(gans.generator(width=16), gans.critic(width=16, normalise=True), "non_saturating")
gan.compile(*(keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2)))
print("poids du générateur :", gan.generator.count_params(), "· du discriminateur :", gan.critic.count_params())

# %% [markdown]
# Pendant l'entraînement, nous garderons ce que donnent **les mêmes bruits** à dix moments, et les caractéristiques de 2 000 images de chaque moment : elles serviront à les noter. **Pariez** : au bout de combien de pas reconnaîtra-t-on un vêtement ? Les deux coûts vont-ils descendre ?

# %%
features = zoo.fashion_classifier(top=False)
judged, fakes = keras.random.normal((2000, 64), seed=1), []


def watch(moment, logs):
    fakes.append(features.predict(gan.generator.predict(judged, batch_size=500, verbose=0), verbose=0))


result = gans.train(gan, images, steps=image_steps, moments=10, shown=12, watch=watch)

# %%
moments = [0, 1, 2, 4, 7, 10]
chosen = [image for moment in result.samples[moments] for image in moment]
when = ", ".join(map(str, result.steps[moments]))
plots.show(
    chosen, columns=12, size=1.0, title=f"Douze bruits fixes, de haut en bas aux pas {when}",
    alt="Six rangées : du gris uniforme à des vêtements reconnaissables",
)  # fmt: skip

# %%
def grid(samples):
    return samples[:12, ..., 0].reshape(3, 4, 28, 28).swapaxes(1, 2).reshape(84, 112)


figure, axis = plt.subplots(figsize=(5, 4))
picture = axis.imshow(grid(result.samples[0]), vmin=0, vmax=1)
axis.axis("off")


def draw(moment):
    picture.set_data(grid(result.samples[moment]))
    axis.set_title(f"pas {result.steps[moment]}")


plots.animate(figure, draw, len(result.samples), "Douze vêtements qui se précisent au fil des pas", seconds=6)

# %% [markdown]
# Au départ, un gris uniforme. Au pas 100, des taches ; au pas 200, des silhouettes ; au pas 700, on reconnaît des hauts et une chaussure ; au pas 1 000, des pulls, un T-shirt, une basket. Personne n'a montré de vêtement au générateur : tout ce qu'il en sait lui est venu par le gradient du discriminateur. Une fine trame de points reste visible sur les tissus, et tout n'est pas réussi : cherchez, dans la dernière rangée, l'image qui n'est rien.
#
# Les deux coûts, eux, ne descendent pas régulièrement : celui du discriminateur finit où il a commencé (1,36, puis 1,35), celui du générateur passe de 1,40 à 0,68, remonte au-dessus de 1,1 et finit à 0,82. Chaque réseau progresse contre un adversaire qui progresse aussi.

# %% [markdown]
# Et avec plus de temps ? Le fichier `dcgan` contient les poids du même générateur, entraîné une fois par `scripts/train_gans.py` : 7 000 pas au lieu de 1 000, un taux qui part de $6 \cdot 10^{-4}$ et descend jusqu'à 0, et la moyenne mobile des poids plutôt que les derniers (leçon 3.6). **Pariez** : laquelle de ces trois rangées est vraie ?

# %%
long = weights.restore(gans.generator(width=16), "dcgan")
noise = keras.random.normal((12, 64), seed=2)
rows = gan.generator(noise, training=False), images[:12], long(noise, training=False)
plots.show(
    [np.asarray(image) for row in rows for image in row], columns=12, size=1.0,
    title="Entraînement court, entraînement long, vraies images : dans quel ordre ?",
    alt="Trois rangées de douze vêtements : générateur court, vraies images, générateur long",
)  # fmt: skip

# %% [markdown]
# La vraie rangée est celle du milieu. Ce sont les détails qui la trahissent : une inscription, des rayures, des brides nettes. Les deux autres ont de bonnes silhouettes, des tissus trop unis, et des ratés, les sandales surtout. Laquelle des deux est la meilleure ? À l'œil, on hésite. Il faut une mesure.

# %% [markdown]
# ## 6. Noter des images
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
# La **distance à noyau** (Bińkowski et al. 2018) ne suppose rien de normal : elle compare les ressemblances au sein de chaque groupe et entre les groupes, avec $k(x, y) = (x \cdot y / D + 1)^3$ ; son estimateur est sans biais, celui de Fréchet ne l'est pas. Pour donner un sens aux nombres, il faut deux repères : un **plancher**, deux échantillons de vraies images, et un **repère haut**, du bruit (ce n'est pas un maximum, on va le voir).

# %%
test_images = data.x_test[..., None].astype("float32") / 255
reference = features.predict(test_images[:4000], verbose=0)
others = {
    "vraies images (plancher)": images[:2000],
    "générateur, long": long.predict(judged, batch_size=500, verbose=0),
    "vraies images, une classe": images[data.y_train == 7][:2000],
    "bruit uniforme": np.random.default_rng(0).random((2000, 28, 28, 1), "float32"),
}
measured = {name: features.predict(some, verbose=0) for name, some in others.items()}
measured |= {f"générateur, pas {result.steps[moment]}": fakes[moment - 1] for moment in (1, 10)}

# %%
scores = {
    name: (gans.frechet_distance(some, reference), gans.kernel_distance(some, reference))
    for name, some in measured.items()
}
order = sorted(scores, key=lambda name: scores[name][0])
plots.table(
    [[name, f"{scores[name][0]:.2f}", f"{scores[name][1]:.3f}"] for name in order],
    header=["2 000 images, comparées à 4 000 de test", "Fréchet", "à noyau"],
)

# %% tags=["nbval-check-output"]
floor = scores["vraies images (plancher)"][0]
early, late = (scores[f"générateur, pas {step}"][0] for step in result.steps[[1, 10]])
print("le plancher est le plus bas :", order[0] == "vraies images (plancher)")
print("le générateur a progressé :", late < early / 1.5)
print("aucun générateur n'approche du plancher :", min(early, late, scores["générateur, long"][0]) > 10 * floor)
print("une seule classe, pourtant vraie, est plus loin :", scores["vraies images, une classe"][0] > 1.5 * late)

# %%
plots.curves(
    {"générateur court": [gans.frechet_distance(fake, reference) for fake in fakes]}, x=result.steps[1:],
    title="Distance de Fréchet entre 2 000 images inventées et 4 000 vraies", xlabel="pas", ylabel="distance",
    alt="La distance baisse vite, puis lentement",
)  # fmt: skip
plots.curves(
    {"discriminateur": result.history["critic_loss"], "générateur": result.history["generator_loss"]},
    x=result.steps[1:], title="Pendant ce temps, les deux coûts", xlabel="pas", ylabel="coût",
    alt="Les deux coûts montent et descendent sans tendance commune avec la distance",
)  # fmt: skip

# %% [markdown]
# Entre le pas 100 et le pas 1 000, la distance passe de 33,40 à 4,96. L'entraînement long, sept fois plus de pas, n'arrive qu'à 3,32 : allonger rapporte de moins en moins, et la petite taille du réseau y est sans doute pour quelque chose. Et le plancher, 0,09, reste très loin : pour le classifieur, ces vêtements ne sont pas encore les vrais.
#
# La ligne la plus instructive est celle des baskets : 2 000 **vraies** images, parfaites une à une, mais d'une seule classe. Leur distance, 39,79, est presque celle du bruit, et la distance à noyau les met même plus loin que lui. Ces distances jugent la **variété** autant que la qualité.
#
# Les coûts, eux, ne disent rien de tel : pendant que la distance est divisée par plus de six, celui du discriminateur reste entre 1,1 et 1,4, et celui du générateur descend, remonte, redescend.

# %% [markdown]
# ## 7. L'effondrement de modes
#
# Le générateur gagne en trompant le discriminateur ; rien ne l'oblige à montrer **toute** la variété des vraies images. Quand il n'en produit qu'une partie, on parle d'**effondrement de modes** (*mode collapse*). Sur des images, cela se voit mal. Dans le plan, on peut compter : les « vraies images » sont ici des points, répartis sur un anneau de 8 tas normaux, d'écart-type 0,05. Un point est **bon** s'il est à moins de trois écarts-types du centre d'un tas ; un tas est **couvert** s'il reçoit au moins un dixième de sa juste part.
#
# Trois GAN non saturants, avec les mêmes graines et le même nombre de pas. Une seule chose change d'une colonne à la suivante :
#
# - **A** : un bruit de dimension 8 ;
# - **B** : un bruit de dimension 2, comme le plan ;
# - **C** : B, plus une pénalité qui adoucit la pente du discriminateur aux vrais points (Mescheder et al. 2018 ; leçon 3.6).
#
# `gans.player` joue beaucoup de pas d'un coup, sans rien afficher ; `gans.restart` retire les poids sans rien recompiler. **Pariez** : combien de tas couverts, sur 8, pour chacun ?

# %%
points = gans.ring(20_000, np.random.default_rng(0))
modes, good = gans.ring_coverage(points)
print(f"les vrais points : {modes} tas couverts, {100 * good:.0f} % de bons points")


# %%
def contest(latent, penalty=None):
    """Clouds of 2 000 points: (seeds, moments, 2000, 2)."""
    gan = gans.GAN(gans.perceptron((latent, 128, 128, 2)), gans.perceptron((2, 128, 128, 1)), penalty=penalty)
    gan.compile(*(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2)))
    play, clouds = gans.player(gan, points, batch_size=128), []
    for seed in range(3):
        gans.restart(gan, seed)
        for moment in range(21):
            play(plane_steps // 20 if moment else 0)
            clouds.append(gans.sample(gan, 2000, seed=1))
    return np.reshape(clouds, (3, 21, 2000, 2))


# %%
clouds = {
    "A : bruit 8": contest(8),
    "B : bruit 2": contest(2),
    "C : bruit 2, pénalité": contest(2, lambda *given: gans.r1(*given, weight=0.1)),
}

# %%
ring_scores = {
    name: np.array([[gans.ring_coverage(cloud) for cloud in game] for game in three])
    for name, three in clouds.items()
}  # (graines, moments, 2)
rows = [
    [name, *(f"{modes:.0f} tas, {100 * good:.0f} %" for modes, good in table[:, -1])]
    for name, table in ring_scores.items()
]
plots.table(rows, header=["tas couverts sur 8, bons points", *(f"graine {seed}" for seed in range(3))])

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4))
moving = []
for axis in axes:
    axis.scatter(*points[:1000].T, s=60, color="0.85")
    moving.append(axis.scatter([], [], s=8, color=plots.COLORS[1]))
    axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])


def draw(moment):
    for axis, cloud, name in zip(axes, moving, clouds):
        cloud.set_offsets(clouds[name][0, moment, :600])
        axis.set_title(f"{name}, pas {moment * (plane_steps // 20)}")


plots.animate(figure, draw, 21, "De huit tas, A finit sur deux, B sur six, C les couvre tous", seconds=7)

# %%
plots.curves(
    {name: table[:, :, 0] for name, table in ring_scores.items()}, x=np.arange(21) * (plane_steps // 20),
    title="Tas couverts : moyenne et étendue de trois graines", xlabel="pas", ylabel="tas couverts, sur 8",
    alt="A reste à deux ou trois tas dès le pas 600, B monte vers 6, C vers 8",
)  # fmt: skip

# %% tags=["nbval-check-output"]
final = [table[:, -1, 0] for table in ring_scores.values()]  # tas couverts au dernier pas, par graine
least, most = final[2].min(), final[0].max()
print("C couvre au moins 6 tas avec chaque graine :", least >= 6)
print("A en manque au moins 2 avec chaque graine :", most <= 6)

# %% [markdown]
# A s'effondre avec chaque graine : 2 ou 3 tas sur 8. Et pourtant, 58 à 76 % de ses points sont bons : qui les regarderait un à un trouverait ce générateur convaincant. Sur l'animation, ses points se rangent d'abord en lignes, puis se ramassent sur quelques tas ; rien, dans le coût, ne l'oblige à visiter les autres. Avec un bruit de la dimension du plan, B en couvre 5 à 7. C, dont le discriminateur a une pente plus douce, couvre les 8 avec les trois graines, mais ses points ne sont pas meilleurs : de 44 à 69 % de bons. Quelques points restent **entre** les tas, et ce n'est pas un accident : une fonction continue d'un bruit continu ne peut pas sauter d'un tas à l'autre sans passer par le milieu.
#
# Retenez la méthode plus que les réglages : la panne dépend de choses anodines, comme la dimension du bruit ; une seule graine ne prouve rien ; et il faut **deux** nombres, la variété et la qualité. La leçon 3.6 compare les remèdes.

# %% [markdown]
# ## 8. Quand tout explose
#
# Un GAN peut aussi diverger. `gans.train` et `gans.player` surveillent les coûts à chaque pas : dès que l'un d'eux n'est plus un nombre fini, l'entraînement s'arrête en disant quel réseau et quel pas, et les poids restent ceux d'avant ce pas. Provoquons-le sur l'anneau : une descente de gradient simple, sans Adam, avec un taux de 1.

# %%
keras.utils.set_random_seed(0)
wild = gans.GAN(gans.perceptron((2, 128, 128, 2)), gans.perceptron((2, 128, 128, 1)), "non_saturating")
wild.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
try:
    gans.player(wild, points, batch_size=128)(200)
except gans.Diverged as error:
    print(error)

# %% tags=["nbval-check-output"]
kept = [weight.numpy() for network in (wild.generator, wild.critic) for weight in network.weights]
print("tous les poids gardés sont des nombres finis :", all(np.isfinite(weight).all() for weight in kept))

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
# 5. Pourquoi notre générateur emploie-t-il des noyaux de 4 avec un pas de 2, là où les auteurs de DCGAN prennent des noyaux de 5 ?
#
# <details><summary>Réponses</summary>
#
# 1. 1/2 partout ; $V = -\log 4$. 2. Non : le discriminateur sépare tout sans effort. Avec le coût saturant, il ne pousse plus le générateur ; avec le non saturant, il pousse encore, mais dans une direction peu fiable (Arjovsky & Bottou 2017). 3. Qu'elles sont excellentes ; il faut chercher, pour chaque image inventée, sa plus proche voisine dans l'ensemble d'apprentissage. 4. Non : l'estimation est biaisée vers le haut, d'autant plus que l'échantillon est petit ; on ne compare qu'à tailles égales. 5. Un noyau multiple du pas donne à chaque pixel le même nombre de contributions : pas de damier (leçon 2.1).
#
# </details>
#
# ## Pour aller plus loin
#
# - Entraînez le DCGAN avec le coût `"saturating"` : que deviennent les premières images ?
# - Cherchez, pour dix images inventées, leur plus proche voisine dans les caractéristiques du classifieur : le réseau recopie-t-il ?
# - La leçon 3.4 remplace Jensen-Shannon par une distance qui garde une pente ; la leçon 3.6 compare les remèdes à l'effondrement.
