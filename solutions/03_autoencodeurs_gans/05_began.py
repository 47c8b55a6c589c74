# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # BEGAN : un auto-encodeur pour critique
#
# > Et si l'expert, au lieu de dire « vrai » ou « faux », essayait de recopier l'image ? Ses erreurs suffisent à guider le faussaire. Vous allez écrire l'équilibre qui les tient ensemble, refaire à la main une mise à jour de l'article, puis voir ce qu'un seul nombre fait à la diversité des images.
#
# **À la fin, vous saurez** employer un auto-encodeur comme critique, borner une distance de Wasserstein par un écart de moyennes, tenir l'équilibre d'un BEGAN avec $k_t$ et $\gamma$, lire sa mesure de convergence, et mesurer la qualité et la diversité d'images inventées.
#
# **Prérequis** : leçons 3.1, 3.3 et 3.4 · **Durée** : 45 min · **Références** : Berthelot, Schumm & Metz 2017, *BEGAN: Boundary Equilibrium Generative Adversarial Networks* ; Zhao, Mathieu & LeCun 2017, *Energy-based Generative Adversarial Network* (le premier critique auto-encodeur)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.ndimage
import scipy.stats
import tensorflow as tf

from labs import datasets, gans, plots, training, weights, zoo
from labs.checks import generative as check

# %% [markdown]
# Cette leçon fait deux entraînements courts, un par valeur d'un réglage, $\gamma$. Leurs tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`.

# %%
size = runtime.budget(rapide=640, cours=10_000, complet=60_000)  # images de l'auto-encodeur seul
steps = runtime.budget(rapide=40, cours=1500, complet=24_000)  # pas de chaque BEGAN
data = datasets.load("fashion_mnist")
images = data.x_train[..., None].astype("float32") / 255
test = data.x_test[..., None].astype("float32") / 255

# %% [markdown]
# ## 1. Juger en recopiant
#
# Le discriminateur de la leçon 3.3 résume une image en un seul score. Un **auto-encodeur** $D$ (leçon 3.1) répond, lui, par une image : sa copie $D(v)$. L'article note $v$ par l'erreur de cette copie, avec un exposant $\eta$ qui vaut 1 ou 2 :
#
# $$ \mathcal L(v) = |v - D(v)|^\eta $$
#
# Nous prenons $\eta = 1$ et la moyenne sur les pixels : $\mathcal L(v)$ est l'erreur absolue moyenne de la copie. Entraînons d'abord cet auto-encodeur seul, sur de vrais vêtements, à travers un code de 64 nombres ; puis donnons-lui à recopier quatre sortes d'images qu'il n'a jamais vues : de vrais vêtements, des mélanges de deux vêtements, des vêtements flous, du bruit. **Pariez** : dans quel ordre ses erreurs iront-elles ?

# %%
keras.utils.set_random_seed(0)
copier = gans.began_critic()
copier.compile(keras.optimizers.Adam(2e-3), "mae")
history = training.fit(copier, images[:size], images[:size], epochs=3, batch_size=64)

# %%
rng = np.random.default_rng(0)
kinds = {
    "vraies": test[:2000],
    "mélanges": (test[2000:4000] + test[4000:6000]) / 2,
    "floues": scipy.ndimage.gaussian_filter(test[6000:8000], (0, 2, 2, 0)),
    "bruit": rng.random((2000, 28, 28, 1), "float32"),
}
copies = {name: copier.predict(v, batch_size=500, verbose=0) for name, v in kinds.items()}
errors = {name: np.abs(v - copies[name]).mean(axis=(1, 2, 3)) for name, v in kinds.items()}

# %%
rows = [np.clip(x, 0, 1) for name in kinds for pair in zip(kinds[name][:5], copies[name]) for x in pair]
plots.show(
    rows, columns=10, size=1.05, title="Cinq images et leurs copies : vraies, mélanges, floues, bruit",
    alt="Quatre rangées de cinq images, chacune suivie de sa copie ; celles du bruit montrent des fantômes",
)  # fmt: skip

# %%
figure, axis = plt.subplots()
for (name, values), color in zip(errors.items(), plots.COLORS):
    axis.hist(values, bins=np.linspace(0, 0.35, 71), alpha=0.5, color=color, label=name)
axis.set(title="Quatre sortes d'images, quatre lois d'erreurs", xlabel="erreur de la copie", ylabel="images")
axis.legend()
plots.publish(figure, "Quatre histogrammes : floues à gauche, puis mélanges et vraies, bruit loin à droite")

# %% [markdown]
# Chaque sorte d'images laisse sa propre loi d'erreurs. Le bruit est loin à droite, vers 0,31 : 64 nombres ne peuvent pas le décrire, et ses copies font surgir des fantômes de vêtements. Mais les **floues**, vers 0,05, sont mieux recopiées que les vraies, vers 0,08, et les mélanges aussi, vers 0,07 : moins de détails, moins d'erreurs. Une petite erreur ne veut donc pas dire « vraie image ». Ce qui distingue ces images, c'est la **loi** de leurs erreurs ; BEGAN part de là, et rapproche celle des fausses de celle des vraies.

# %% [markdown]
# ## 2. Comparer deux lois d'erreurs
#
# Le critique donne à chaque image un nombre, son erreur ; les vraies et les fausses ont donc deux **lois d'erreurs**, $\mu_1$ et $\mu_2$, sur une droite. L'article propose de comparer ces deux lois-là, et non celles des images. La distance de Wasserstein (leçon 3.4) y est une moyenne d'écarts $|x_1 - x_2|$ entre erreurs, sous le meilleur appariement. Or la valeur absolue d'une moyenne ne dépasse jamais la moyenne des valeurs absolues (inégalité de Jensen). D'où une **borne inférieure** qui ne demande aucun appariement, ni critique 1-lipschitzien :
#
# $$ W_1(\mu_1, \mu_2) = \inf \mathbb E\,|x_1 - x_2| \;\ge\; \inf \big|\mathbb E[x_1 - x_2]\big| = |m_1 - m_2| $$
#
# où $m_1$ et $m_2$ sont les erreurs **moyennes** des vraies et des fausses.
#
# | Exercice 3.5.a | difficulté ●●○ | 8 min | vérifié : égal au calcul image par image ; effectifs différents, erreurs des deux signes |
# | --- | --- | --- | --- |
#
# Écrivez `error_bound(real, real_copy, fake, fake_copy)` : $N$ vraies images `(N, H, L, C)` et leurs copies, $M$ fausses et leurs copies, vers $|m_1 - m_2|$.


# %%
def error_bound(real, real_copy, fake, fake_copy):
    """Lower bound |m1 - m2| of the W1 distance between the errors of real (N, …) and fake (M, …) images."""
    ### BEGIN SOLUTION
    m1 = np.abs(real - real_copy).mean()
    m2 = np.abs(fake - fake_copy).mean()
    return np.abs(m1 - m2)
    ### END SOLUTION


# %% tags=["check"]
check.error_bound(error_bound)

# %% [markdown] tags=["solution"]
# Toutes les images ont autant de pixels : la moyenne des erreurs des images est la moyenne de tous les écarts. La valeur absolue est à prendre **avant** la moyenne des pixels, puis une seconde fois sur la différence.

# %% [markdown]
# Voici la distance exacte entre la loi des vraies et chacune des autres (celle de SciPy, sur une droite), et sa borne. Ajoutons un cas qui rappelle l'effondrement de la leçon 3.3 : **une seule** vraie image, répétée deux mille fois, et choisie parce que son erreur est tout près de la moyenne. **Pariez** : où la borne sera-t-elle exacte, et où ne verra-t-elle rien ?

# %%
average = errors["vraies"].mean()
errors["une seule"] = np.full(2000, min(errors["vraies"], key=lambda error: abs(error - average)))
exact = {name: scipy.stats.wasserstein_distance(errors["vraies"], values) for name, values in errors.items()}
bounds = {name: abs(errors["vraies"].mean() - values.mean()) for name, values in errors.items()}
rows = [[name, f"{errors[name].mean():.4f}", f"{exact[name]:.4f}", f"{bounds[name]:.4f}"] for name in errors]
plots.table(rows, header=["images", "erreur moyenne", "W₁ avec les vraies", "borne |m₁ − m₂|"])

# %% tags=["nbval-check-output"]
print("la borne ne dépasse jamais la distance :", all(bounds[name] <= exact[name] + 1e-6 for name in errors))
print("pour le bruit, elle est exacte à 1 % près :", bounds["bruit"] > 0.99 * exact["bruit"])
print("une seule image : la borne vaut moins d'un dixième :", bounds["une seule"] < 0.1 * exact["une seule"])
print("les floues sont mieux recopiées que les vraies :", errors["floues"].mean() < errors["vraies"].mean())

# %% [markdown]
# Pour les mélanges, les floues et le bruit, la borne égale la distance, aux décimales affichées près : rangées de la plus petite à la plus grande, les erreurs se décalent toutes, ou presque, du même côté, et les écarts ne se compensent pas. Pour l'image répétée, la borne est presque nulle, alors que la distance vaut 0,019 : même moyenne, mais aucun étalement. Retenez ce trou : un générateur effondré peut satisfaire un critique qui ne regarde que des moyennes.

# %% [markdown]
# ## 3. Le jeu, et son équilibre
#
# Le critique veut rendre $|m_1 - m_2|$ grand. Il y a deux façons : $m_1$ grand et $m_2$ petit, ou l'inverse. L'article choisit la seconde, $m_1 \to 0$, qui fait de lui un bon auto-encodeur des **vraies** images ; il recopie mal les fausses, et le générateur cherche à ce qu'on les recopie bien.
#
# Mais si le critique gagne trop vite, le générateur n'apprend plus. L'article pose donc un **équilibre**, réglé par un seul nombre, le *rapport de diversité* $\gamma$ :
#
# $$ \gamma = \frac{\mathbb E[\mathcal L(G(z))]}{\mathbb E[\mathcal L(x)]} \in [0, 1] $$
#
# et un thermostat pour le tenir. La variable $k_t$, de 0 à 1, dit quelle attention le critique prête aux fausses images ; elle monte quand les fausses sont **trop faciles** à recopier, et descend sinon :
#
# $$ \begin{cases} \mathcal L_D = \mathcal L(x) - k_t\, \mathcal L(G(z_D)) & \text{pour les poids de } D \\ \mathcal L_G = \mathcal L(G(z_G)) & \text{pour les poids de } G \\ k_{t+1} = k_t + \lambda_k \big(\gamma\, \mathcal L(x) - \mathcal L(G(z_G))\big) & \text{à chaque pas } t \end{cases} $$
#
# avec $k_0 = 0$ : au début, le critique n'apprend qu'à recopier les vraies.
#
# | Exercice 3.5.b | difficulté ●○○ | 6 min | vérifié : cinq cas calculés à la main ; k reste dans [0, 1] |
# | --- | --- | --- | --- |
#
# Écrivez `update_balance(k, real_error, fake_error, gamma, rate)`, qui rend le $k$ suivant, **ramené dans $[0, 1]$** ; `rate` est $\lambda_k$.


# %%
def update_balance(k, real_error, fake_error, gamma, rate):
    """Next k, in [0, 1], from the mean errors of real and generated images."""
    ### BEGIN SOLUTION
    return min(max(k + rate * (gamma * real_error - fake_error), 0), 1)
    ### END SOLUTION


# %% tags=["check"]
check.update_balance(update_balance)

# %% [markdown] tags=["solution"]
# L'article parle de commande proportionnelle : l'écart à l'équilibre, multiplié par un gain, s'ajoute au réglage. Comme on l'ajoute à chaque pas, $k$ retient la **somme** des écarts passés : un automaticien dirait plutôt commande *intégrale*.

# %% [markdown]
# Un entraînement antagoniste n'a pas de coût qui descend. L'article en propose un substitut, une **mesure de convergence** : recopier bien les vraies, et tenir l'équilibre.
#
# $$ \mathcal M = \mathcal L(x) + \big|\gamma\, \mathcal L(x) - \mathcal L(G(z_G))\big| $$
#
# | Exercice 3.5.c | difficulté ●○○ | 4 min | vérifié : élément par élément, écarts des deux signes |
# | --- | --- | --- | --- |
#
# Écrivez `convergence(real_error, fake_error, gamma)` : deux historiques `(T,)` vers les $T$ valeurs de $\mathcal M$.


# %%
def convergence(real_error, fake_error, gamma):
    """The convergence measure M at each moment: (T,) twice -> (T,)."""
    ### BEGIN SOLUTION
    return real_error + np.abs(gamma * real_error - fake_error)
    ### END SOLUTION


# %% tags=["check"]
check.convergence(convergence)

# %% [markdown] tags=["solution"]
# $\mathcal M$ ne dit rien de la diversité : un générateur qui ne rendrait qu'une seule image, recopiée avec l'erreur qu'il faut, aurait une bonne mesure.

# %% [markdown]
# ## 4. Une mise à jour, ligne par ligne
#
# `gans.BEGAN` contient tout cela ; lisez son `train_step`, il tient en vingt lignes. Refaisons-en un pas à la main, avec deux petits réseaux, une descente de gradient simple, et des bruits $z_D$ et $z_G$ **distincts**, comme dans l'article. Il y a une précaution à prendre : les trois erreurs se calculent **avant** que l'un ou l'autre réseau ne bouge.

# %%
keras.utils.set_random_seed(0)
gan = gans.BEGAN(gans.began_generator(4, latent=8), gans.began_critic(4, code=8), gamma=0.5, rate=0.1)
gan.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)))
gan.balance.assign(0.3)
G, D = (keras.models.clone_model(network) for network in (gan.generator, gan.critic))
G.set_weights(gan.generator.get_weights())
D.set_weights(gan.critic.get_weights())
x = tf.constant(images[:16])
z_D, z_G = np.random.default_rng(0).uniform(-1, 1, (2, 16, 8)).astype("float32")


# %%
def L(v):
    return tf.reduce_mean(tf.abs(v - D(v)))


with tf.GradientTape(persistent=True) as tape:
    real_error, fake_error = L(x), L(G(z_G))
    losses = {D: real_error - 0.3 * L(G(z_D)), G: fake_error}  # ce que chacun minimise
slopes = {network: tape.gradient(loss, network.trainable_variables) for network, loss in losses.items()}
for network in (D, G):
    for weight, slope in zip(network.trainable_variables, slopes[network]):
        weight.assign_sub(0.1 * slope)
gap = 0.5 * real_error - fake_error
k, M = np.clip(0.3 + 0.1 * gap, 0, 1), real_error + abs(gap)

# %% tags=["nbval-check-output"]
draws = iter((z_D, z_G))
gan.noise = lambda count: next(draws)
ours = {name: float(value) for name, value in gan.train_step(x).items()}
same = lambda a, b: all(np.allclose(v, w, atol=1e-6) for v, w in zip(a.get_weights(), b.get_weights()))
print("poids du critique :", same(gan.critic, D), "· du générateur :", same(gan.generator, G))
print("k et la mesure :", np.allclose([ours["balance"], ours["convergence"]], [k, M], atol=1e-6))

# %% [markdown]
# Aucune différence, à $10^{-6}$ près. (Avec Adam, à la place de la descente simple, c'est l'algorithme complet de l'article.)
#
# ## 5. Deux valeurs de γ, en direct
#
# Entraînons deux BEGAN qui ne diffèrent que par $\gamma$ : 0,4 et 0,9. Mêmes réseaux, mêmes graines, mêmes pas. Voici ce que nous gardons de l'article, et ce que deux cœurs nous obligent à changer :
#
# | | article (visages, de 32×32 à 256×256) | ici |
# | --- | --- | --- |
# | critique | auto-encodeur, code de 64 nombres, ELU | pareil |
# | générateur | l'architecture du décodeur, bruit uniforme de 64 nombres | pareil |
# | couches | convolutions 3×3, agrandissement au plus proche voisin | denses : plus rapides sur un processeur |
# | gain $\lambda_k$ | 0,001 | 0,1 : nous faisons bien moins de pas |
# | taux d'apprentissage | de 5·10⁻⁵ à 10⁻⁴, lots de 16 | 2·10⁻³, lots de 64 |
#
# Pour juger, trois mesures. Elles viennent toutes du petit classifieur de la leçon 3.3, les deux premières de ses 64 caractéristiques :
#
# - la **qualité** de l'ensemble : la distance de Fréchet à de vraies images, petite si les images sont bonnes *et* variées ;
# - la **diversité** : la distance moyenne entre deux images inventées, prises au hasard ;
# - le nombre **effectif** de classes : l'exponentielle de l'entropie des classes que le classifieur leur donne (10 si elles sont équilibrées, 1 si une seule sort).
#
# **Pariez** : pour lequel des deux $\gamma$ chaque mesure sera-t-elle la plus grande ?

# %%
judge = zoo.fashion_classifier()
features = keras.Model(judge.input, [judge.layers[-2].output, judge.output])
reference = features.predict(images[:5000], batch_size=500, verbose=0)[0]


def measure(samples):
    """Fréchet distance to real images, mean distance between two samples, effective number of classes."""
    found, logits = features.predict(np.clip(samples, 0, 1), batch_size=500, verbose=0)
    half, share = len(found) // 2, np.bincount(logits.argmax(axis=1), minlength=10) / len(found)
    apart = np.linalg.norm(found[:half] - found[half : 2 * half], axis=1).mean()
    return gans.frechet_distance(found, reference), apart, np.exp(scipy.stats.entropy(share))


# %%
def train_began(gamma):
    keras.utils.set_random_seed(0)
    gan = gans.BEGAN(gans.began_generator(), gans.began_critic(), gamma=gamma, rate=0.1)
    gan.compile(*(keras.optimizers.Adam(2e-3) for _ in range(2)))
    distances = []
    watch = lambda moment, logs: distances.append(measure(gans.sample(gan, 1000))[0])  # noqa: E731
    print(f"γ = {gamma}")
    return gan, gans.train(gan, images, steps=steps, moments=20, shown=10, watch=watch), np.array(distances)


runs = {gamma: train_began(gamma) for gamma in (0.4, 0.9)}

# %%
figure, axes = plt.subplots(1, 3, figsize=(14, 4.2))
for (gamma, (_, result, _)), color in zip(runs.items(), plots.COLORS):
    history = {name: np.array(values) for name, values in result.history.items()}
    ratio = history["generator_loss"] / history["real_error"]
    for axis, values in zip(axes, (ratio, history["balance"], history["convergence"])):
        axis.plot(result.steps[1:], values, color=color, label=f"γ = {gamma}".replace(".", ","))
    axes[0].axhline(gamma, color=color, linestyle="--", linewidth=1.5)
for axis, title in zip(axes, ("erreur des fausses / des vraies", "$k_t$", "mesure de convergence M")):
    axis.set(title=title, xlabel="pas")
    axis.legend()
plots.publish(figure, "Le rapport oscille autour de γ (tirets) ; k vers 0,1, ou 0 ; la mesure M descend")

# %%
nine = lambda x: x[:9, ..., 0].reshape(3, 3, 28, 28).swapaxes(1, 2).reshape(84, 84)  # noqa: E731
figure, axes = plt.subplots(1, 2, figsize=(7, 3.8))
pictures = [axis.imshow(np.zeros((84, 84)), vmin=0, vmax=1) for axis in axes]
for axis in axes:
    axis.set(xticks=[], yticks=[])


def draw(moment):
    for axis, picture, (gamma, (_, result, _)) in zip(axes, pictures, runs.items()):
        picture.set_data(nine(result.samples[moment]))
        axis.set_title(f"γ = {gamma}, pas {result.steps[moment]}".replace(".", ","))


plots.animate(figure, draw, 21, "À gauche le gris reste gris, à droite apparaissent neuf pulls flous")

# %%
rows = [image for _, result, _ in runs.values() for moment in (2, 8, 20) for image in result.samples[moment]]
plots.show(
    rows, columns=10, size=1.05, title="γ = 0,4 puis γ = 0,9 : trois moments chacun",
    alt="Trois rangées grises et toutes pareilles pour γ = 0,4 ; pour γ = 0,9, des pulls flous",
)  # fmt: skip

# %%
shown = {"vraies (test)": test[:2000]}
shown |= {f"BEGAN court, γ = {gamma}": gans.sample(gan, 2000) for gamma, (gan, _, _) in runs.items()}
measured = {name: measure(samples) for name, samples in shown.items()}
header = ["images", "Fréchet", "écart de deux images", "classes effectives"]
plots.table([[name, *(f"{value:.1f}" for value in values)] for name, values in measured.items()], header=header)

# %% tags=["nbval-check-output"]
for gamma, (_, result, _) in runs.items():
    ratio = np.mean(result.history["generator_loss"][-5:]) / np.mean(result.history["real_error"][-5:])
    print(f"γ = {gamma} : rapport des erreurs tenu à 0,1 près : {abs(ratio - gamma) < 0.1}")
low, high = (measured[f"BEGAN court, γ = {gamma}"] for gamma in runs)
print("γ = 0.9 : deux images sont au moins deux fois plus écartées :", high[1] > 2 * low[1])

# %% [markdown]
# Les deux thermostats font leur travail : le rapport des erreurs oscille autour de 0,4 et de 0,9. (Chaque point est un seul lot de 64 images, d'où les secousses.) Pour $\gamma = 0{,}9$, $k_t$ se tient vers 0,1, et le générateur rend des pulls flous, tous un peu différents. Pour $\gamma = 0{,}4$, $k_t$ retombe à 0, et le générateur rend **une seule** image grise, qui n'est pas un vêtement : écart presque nul, une seule classe.
#
# Pourquoi ? L'équilibre demande des fausses d'erreur $0{,}4 \times 0{,}07 \approx 0{,}03$. Reprenez l'histogramme de la section 1 : presque aucun vrai vêtement ne se recopie si bien. Un $\gamma$ trop bas **oblige** donc le générateur à quitter les vrais vêtements pour des images plus faciles, et, comme $k_t = 0$, le critique ne s'y oppose pas. L'article, sur des visages et pour des entraînements bien plus longs, ne va pas jusque-là : avec un petit $\gamma$, ses visages se ressemblent trop. Même avec 0,9, nous n'avons que deux classes effectives sur dix, et une distance de Fréchet de 26,2, quand de vraies images de test sont à 0,1.

# %% [markdown]
# ## 6. La mesure de convergence dit-elle vrai ?
#
# À chaque moment, nous avons noté $\mathcal M$ et la distance de Fréchet. Si $\mathcal M$ suit la qualité, les deux doivent descendre ensemble : c'est ce que mesure leur corrélation de rang (1 si elles rangent les moments dans le même ordre, 0 si elles n'ont aucun rapport). **Pariez** pour chaque $\gamma$.

# %%
figure, axis = plt.subplots()
for (gamma, (_, result, distances)), color, marker in zip(runs.items(), plots.COLORS, plots.MARKERS):
    measures = np.array(result.history["convergence"])
    rank = scipy.stats.spearmanr(measures, distances).statistic
    label = f"γ = {gamma} : corrélation de rang {rank:.2f}".replace(".", ",")
    axis.plot(measures, distances, marker, color=color, label=label)
axis.set(title="Vingt moments de chaque entraînement", xlabel="mesure M", ylabel="distance de Fréchet")
axis.legend()
plots.publish(figure, "Deux nuages de points : la distance de Fréchet selon la mesure M, pour chaque γ")

# %% tags=["nbval-check-output"]
late = {gamma: np.mean(result.history["convergence"][-10:]) for gamma, (_, result, _) in runs.items()}
frechet = {gamma: distances[-10:].mean() for gamma, (_, _, distances) in runs.items()}
print("dix derniers moments, M plus basse pour γ = 0.4 :", late[0.4] < late[0.9])
print("et pourtant plus loin des vraies images :", frechet[0.4] > 1.3 * frechet[0.9])

# %% [markdown]
# Pour $\gamma = 0{,}9$, les deux descendent ensemble, surtout au début ; ensuite $\mathcal M$ ne range plus grand-chose, et la corrélation reste modeste (0,58). Pour $\gamma = 0{,}4$, il n'y a presque aucun rapport (0,19). Plus grave : $\mathcal M$ est **plus basse** pour $\gamma = 0{,}4$, dont les images ne valent rien. Une petite valeur dit que le critique recopie bien et que l'équilibre tient ; elle ne dit ni que les images sont belles, ni qu'elles sont variées, et elle ne permet pas de comparer deux $\gamma$.

# %% [markdown]
# ## 7. Plus longtemps, et face à un WGAN-GP
#
# `scripts/train_gans.py` a entraîné les mêmes réseaux avec $\gamma = 0{,}9$ pendant 10 000 pas, avec un taux d'apprentissage qui descend jusqu'à zéro. Chargeons ce générateur, et celui d'un **WGAN-GP** à convolutions (leçon 3.4), entraîné lui aussi plus longtemps.

# %%
networks = {
    "BEGAN long, γ = 0.9": gans.BEGAN(weights.restore(gans.began_generator(), "began"), gans.began_critic()),
    "WGAN-GP": gans.GAN(weights.restore(gans.generator(width=16), "wgan_gp"), gans.critic()),
}
shown |= {name: gans.sample(gan, 2000) for name, gan in networks.items()}
measured |= {name: measure(shown[name]) for name in networks}

# %%
rows = [image for name in networks for image in shown[name][:20]]
plots.show(
    rows, columns=10, size=1.05, title="Deux rangées de BEGAN (long, γ = 0,9), puis deux de WGAN-GP",
    alt="Quatre rangées de dix images inventées, deux par réseau",
)  # fmt: skip

# %%
plots.table([[name, *(f"{value:.1f}" for value in values)] for name, values in measured.items()], header=header)

# %% tags=["nbval-check-output"]
long, short = measured["BEGAN long, γ = 0.9"], measured["BEGAN court, γ = 0.9"]
print("le long entraînement rapproche BEGAN des vraies images :", long[0] < short[0])
print("le WGAN-GP en est plus près encore :", measured["WGAN-GP"][0] < long[0])

# %% [markdown]
# Plus longtemps, BEGAN fait mieux : la distance de Fréchet passe de 26,2 à 20,5, et les classes effectives de 2,1 à 4,7. (Prudence avec ce dernier nombre : même devant un fantôme sombre, le classifieur doit choisir une classe.) Les images sont lisses, mais ces vingt-là ne montrent guère que des hauts et des robes : ni chaussure, ni sac. Le WGAN-GP est loin devant, à 3,1, avec presque toutes les classes ; deux de ses images sont écartées de 5,0, contre 6,4 pour deux vraies. Plusieurs sont pourtant déchirées.
#
# La comparaison n'est pas à égalité : le WGAN-GP a des convolutions, et a coûté 9 minutes de processeur au lieu de 2 (tableau des poids, `data/README.md`). Mais rien, dans nos mesures, ne met BEGAN devant. L'article montre de beaux visages : une seule sorte d'images, toutes cadrées de même, des convolutions, et des entraînements hors de portée de deux cœurs. Dix sortes de vêtements sur fond noir lui conviennent sans doute moins : un critique qui note l'erreur par pixel pousse vers ce qui se recopie le mieux.

# %% [markdown]
# ## À retenir
#
# - Un auto-encodeur peut servir de critique : il compare deux **lois d'erreurs**, dont l'écart des moyennes borne par en dessous la distance de Wasserstein.
# - $k_t$ est un thermostat : il tient le rapport $\mathbb E[\mathcal L(G(z))] / \mathbb E[\mathcal L(x)]$ à $\gamma$, en réglant l'attention du critique aux fausses images.
# - $\gamma$ règle la diversité : trop bas, le générateur se réfugie dans quelques images faciles à recopier, ou une seule.
# - $\mathcal M = \mathcal L(x) + |\gamma \mathcal L(x) - \mathcal L(G(z))|$ dit si l'entraînement se stabilise, pas si les images sont belles ou variées.
#
# ## Questionnaire
#
# 1. Deux lois d'erreurs sont égales. Les images inventées sont-elles vraies pour autant ?
# 2. Pourquoi choisir $m_1 \to 0$ et $m_2$ grand, plutôt que l'inverse ?
# 3. Les fausses images sont soudain très faciles à recopier. Que fait $k_t$, et pourquoi cela aide-t-il ?
# 4. Pourquoi BEGAN n'a-t-il besoin ni de rogner les poids, ni d'une pénalité de gradient ?
# 5. $\mathcal M$ est basse et stable ; toutes les images se ressemblent. Quelle mesure vous aurait prévenu ?
#
# <details><summary>Réponses</summary>
#
# 1. Non : une image floue, ou un mélange de deux vêtements, peut se recopier avec la même erreur qu'un vrai ; l'égalité des lois d'erreurs est nécessaire, pas suffisante. 2. Minimiser $m_1$ fait du critique un bon auto-encodeur des vraies images ; c'est ce savoir qui guide le générateur. 3. Il monte : le critique cherche alors davantage à mal recopier ces images, et le générateur doit en trouver d'autres. 4. Sa borne vient de l'inégalité de Jensen, et ne compare que deux moyennes ; il n'emploie pas la dualité de Kantorovich-Rubinstein, qui demande une fonction 1-lipschitzienne. 5. L'écart moyen entre deux images, ou le nombre effectif de classes.
#
# </details>
#
# ## Pour aller plus loin
#
# - Essayez $\gamma = 0{,}6$ et $\gamma = 0{,}75$ : où la diversité revient-elle ?
# - Prenez $\lambda_k = 0{,}001$, comme l'article : combien de pas faudrait-il pour que $k_t$ compte ? Et $\lambda_k = 10$ ?
# - Donnez au décodeur et au générateur une sigmoïde en sortie : que deviennent les premières images ?
# - Remplacez les couches denses par les convolutions 3×3 et les agrandissements de l'article, si vous avez une carte graphique.
# - La leçon 3.6 compare d'autres façons de tenir un critique.
