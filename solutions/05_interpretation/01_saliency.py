# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Cartes de saillance : quels pixels comptent ?
#
# > Un réseau dit « chat ». Qu'a-t-il regardé ? Vous allez dériver sa réponse par rapport aux pixels, obtenir des cartes qui semblent parler, puis les soumettre à deux épreuves : que deviennent-elles quand on détruit le réseau, et quand on change l'image sans que personne le voie ?
#
# **À la fin, vous saurez** calculer une carte de saillance à la main et avec `labs`, choisir entre logit et probabilité, lisser une carte avec SmoothGrad, répartir un score entre les pixels avec les gradients intégrés, et mettre une carte à l'épreuve avant d'y croire.
#
# **Prérequis** : leçons 1.2, 2.3 et 2.4 · **Durée** : 60 min · **Références** : Simonyan, Vedaldi & Zisserman 2014, *Deep Inside Convolutional Networks* ; Smilkov et al. 2017, *SmoothGrad* ; Sundararajan, Taly & Yan 2017, *Axiomatic Attribution for Deep Networks* ; Adebayo et al. 2018, *Sanity Checks for Saliency Maps* ; Ghorbani, Abid & Zou 2019, *Interpretation of Neural Networks Is Fragile*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import cv2
import keras
import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr

from labs import datasets, explain, plots, training, weights, zoo
from labs.checks import interpretation as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`.

# %%
size = runtime.budget(rapide=96, cours=160, complet=224)  # côté des photographies, en pixels
samples = runtime.budget(rapide=5, cours=50, complet=50)  # copies bruitées de SmoothGrad
thirds = runtime.budget(rapide=(3, 9), cours=(9, 27, 81, 243), complet=(27, 81, 243, 729))  # pas d'intégration
tested = runtime.budget(rapide=2, cours=6, complet=50)  # images des épreuves
attack = runtime.budget(rapide=2, cours=12, complet=50)  # pas de l'attaque

# %% [markdown]
# ## 1. Un réseau sans mystère : le modèle linéaire
#
# Commençons par un classifieur que l'on peut lire : les scores des dix classes de Fashion-MNIST (les **logits**) sont des sommes pondérées des 784 pixels, $s_c(x) = w_c^\top x + b_c$. La dérivée du score de la classe $c$ par rapport à chaque pixel est donc $w_c$ : dire « ce pixel compte », c'est lire son poids.
#
# Entraînons-le, et regardons le gradient du score « T-shirt » pour un T-shirt, puis pour une bottine. **Pariez** : les deux cartes seront-elles différentes ?

# %%
garments = datasets.load("fashion_mnist")
x_train = garments.x_train[:10_000, ..., None].astype("float32") / 255
x_test = garments.x_test[:1000, ..., None].astype("float32") / 255


def train(*hidden):
    keras.utils.set_random_seed(0)
    first = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    model = keras.Sequential([*first, *hidden, keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    training.fit(model, x_train, garments.y_train[:10_000], epochs=3, batch_size=64)
    return model


# %%
linear = train()
shirt, boot = (int(np.flatnonzero(garments.y_test == label)[0]) for label in (0, 9))
maps = explain.saliency(linear, x_test[[shirt, boot]], 0)[..., 0]
scale = np.abs(maps).max()
pair = {"un T-shirt": x_test[shirt], "une bottine": x_test[boot]}
plots.show(pair, size=2.2, title="Deux images de test")
plots.show(
    {"pour le T-shirt": maps[0], "pour la bottine": maps[1]}, size=2.2, vmin=-scale, vmax=scale,
    title="Gradient du score « T-shirt »",
    alt="Deux cartes identiques : les poids de la classe T-shirt, clairs où ils sont positifs",
)  # fmt: skip

# %% tags=["nbval-check-output"]
kernel = linear.layers[-1].get_weights()[0]  # (784, 10)
print("le gradient est le poids de la classe :", np.allclose(maps[0].ravel(), kernel[:, 0], atol=1e-5))
print("la même carte pour les deux images :", np.allclose(maps[0], maps[1], atol=1e-6))

# %% [markdown]
# Elles sont identiques : la carte est le poids de la classe, **quelle que soit l'image**. On y devine un T-shirt : clair aux manches, où un pixel clair fait monter le score, sombre de part et d'autre du buste, où il le fait baisser. Une telle carte dit ce que la classe attend, pas ce que cette image-ci a apporté.

# %% [markdown]
# ## 2. Une couche cachée, et la carte dépend de l'image
#
# Ajoutons une couche cachée à ReLU : $s = W_2^\top \max(W_1^\top x + b_1,\, 0) + b_2$. Une unité cachée ne transmet la dérivée que si elle est **active** pour cette image-là.
#
# | Exercice 5.1.a | difficulté ●●○ | 8 min | vérifié : égal aux différences finies, pour trois réseaux ; signe gardé, une seule classe |
# | --- | --- | --- | --- |
#
# Écrivez `perceptron_gradient(x, w1, b1, w2, b2, label)` : le gradient du logit de la classe `label` par rapport à chaque entrée, `(N, D)`, avec NumPy seulement. Les formes : `x (N, D)`, `w1 (D, cachées)`, `w2 (cachées, classes)`.


# %%
def perceptron_gradient(x, w1, b1, w2, b2, label):
    """Gradient (N, D) of the logit of `label` of relu(x @ w1 + b1) @ w2 + b2, for x (N, D)."""
    ### BEGIN SOLUTION
    active = x @ w1 + b1 > 0  # (N, hidden)
    return (active * w2[:, label]) @ w1.T
    ### END SOLUTION


# %% tags=["check"]
check.perceptron_gradient(perceptron_gradient)

# %% [markdown] tags=["solution"]
# Le biais `b2` ne sert à rien : il décale le score sans changer sa pente. Chaque ligne ne retient que les unités actives de son exemple ; entre deux changements d'unités actives, le réseau est exactement linéaire.

# %% [markdown]
# Un réseau plus profond se dérive de la même façon, couche après couche, et Keras le fait pour nous. `tf.GradientTape` enregistre les calculs, puis les remonte :


# %%
def gradient(model, images, label):
    """The same thing for any model: the gradient of the logits of `label`, like `images`."""
    points = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(points)
        score = tf.reduce_sum(model(points, training=False)[:, label])
    return tape.gradient(score, points).numpy()


perceptron = train(keras.layers.Dense(64, activation="relu"))

# %% tags=["nbval-check-output"]
w1, b1, w2, _ = perceptron.get_weights()
flat = x_test[:50].reshape(50, 784)
by_hand = ((flat @ w1 + b1 > 0) * w2[:, 0]) @ w1.T
taped = gradient(perceptron, x_test[:50], 0)
print("à la main = par Keras :", np.allclose(by_hand, taped.reshape(50, 784), atol=1e-4))
theirs = explain.saliency(perceptron, x_test[:50], 0)
print("par Keras = explain.saliency :", np.allclose(taped, theirs, atol=1e-4))
print("la même carte pour deux images :", np.allclose(taped[0], taped[1], atol=1e-2))

# %% [markdown]
# `explain.saliency` fait ce calcul pour n'importe quel modèle Keras, par lots, dans une fonction compilée une fois. Il refuse aussi ce qui donnerait un résultat trompeur :

# %%
attempts = {
    "octets": lambda: explain.saliency(perceptron, 255 * x_test[:2], 0),
    "classe inconnue": lambda: explain.saliency(perceptron, x_test[:2], 10),
    "softmax": lambda: explain.saliency(keras.Sequential([perceptron, keras.layers.Softmax()]), x_test[:2], 0),
}
for what, attempt in attempts.items():
    try:
        attempt()
    except ValueError as error:
        print(f"{what} → {error}\n")

# %% [markdown]
# Pourquoi refuser la softmax ? C'est l'objet de la section 4.

# %% [markdown]
# ## 3. Sur de vraies photographies
#
# EfficientNet-Lite0 (leçon 2.4) connaît les 1000 classes d'ImageNet. Simonyan et al. (2014) dérivent le logit de la classe, et gardent en chaque pixel la plus grande **valeur absolue** sur les trois canaux : un pixel compte si le changer, dans un sens ou dans l'autre, change le score. **Pariez** : verrez-vous le chat ?

# %%
lite0 = zoo.efficientnet_lite0(size=size)
photos = np.stack([datasets.photo(name, size=size) for name in ("chat", "cafe")])
names = [name.split(",")[0] for name in datasets.imagenet_names()]
logits = zoo.predict(lite0, photos)
found = logits.argmax(axis=1)
for row in np.asarray(keras.ops.softmax(logits)):
    print(" · ".join(f"{names[c]} {row[c]:.2f}" for c in np.argsort(-row)[:4]))


# %%
def grain(gradients):
    """Largest absolute value over the channels: white is the 99th percentile and above."""
    strength = np.abs(gradients).max(axis=-1)
    return np.minimum(strength / np.quantile(strength, 0.99), 1)


def regions(gradients):
    """The same, blurred: where the strength is, seen from afar."""
    strength = cv2.GaussianBlur(np.abs(gradients).max(axis=-1), (0, 0), size / 40)
    return strength / strength.max()


# %%
plain = explain.saliency(lite0, photos, found)
shown = {}
for image, label, card in zip(photos, found, plain):
    name = names[label]
    shown |= {name: image, f"{name} : carte": grain(card), f"{name} : floutée": regions(card)}
plots.show(shown, columns=3, size=3)

# %% [markdown]
# La carte du chat est un semis de points : ne cherchez pas d'excuse à vos yeux. Floutée, pour la voir de loin, elle montre un œil, un peu du museau, mais aussi des taches au bord de l'image. Celle du café est plus parlante : la paroi claire de la tasse, le café, et l'espace entre l'anse et la cuillère.
#
# Pourquoi ce grain ? Le gradient ne décrit qu'un **voisinage minuscule** de l'image. Un réseau à ReLU est fait de morceaux linéaires, et ses pentes changent brusquement d'un morceau à l'autre.

# %% [markdown]
# ## 4. Logit ou probabilité ?
#
# On pourrait dériver la **probabilité** $p_c = \mathrm{softmax}(s)_c$ plutôt que le logit $s_c$. Ce n'est pas la même question : une probabilité monte aussi quand les scores des **autres** classes baissent.
#
# | Exercice 5.1.b | difficulté ●●○ | 6 min | vérifié : égal aux différences finies ; deux, trois et six classes |
# | --- | --- | --- | --- |
#
# Écrivez `probability_gradient(gradients, logits, label)` : à partir des gradients de tous les logits, `(K, D)`, et des logits, `(K,)`, le gradient `(D,)` de la probabilité de `label`.


# %%
def probability_gradient(gradients, logits, label):
    """Gradient (D,) of softmax(logits)[label], from the gradients (K, D) of the logits (K,)."""
    ### BEGIN SOLUTION
    p = np.exp(logits - logits.max())
    p /= p.sum()
    return p[label] * (gradients[label] - p @ gradients)
    ### END SOLUTION


# %% tags=["check"]
check.probability_gradient(probability_gradient)

# %% [markdown] tags=["solution"]
# $\partial p_c / \partial s_k = p_c\,(\mathbb 1_{k=c} - p_k)$, d'où $\nabla p_c = p_c \big(\nabla s_c - \sum_k p_k \nabla s_k\big)$ : le gradient du logit, **moins** la moyenne de ceux de toutes les classes, le tout multiplié par $p_c$.

# %% [markdown]
# Deux conséquences. Quand le réseau est sûr de lui, $p_c \approx 1$ : la parenthèse s'annule, et la carte s'éteint alors que le score, lui, dépend toujours des pixels. Et quand deux classes voisines se disputent l'image, ce qu'elles ont en **commun** disparaît de la carte. Mesurons les deux.

# %%
i = keras.Input((size, size, 3))
with_softmax = keras.Model(i, keras.ops.softmax(lite0(i)))
sure = np.asarray(keras.ops.softmax(perceptron(x_test[:200])))
ranks = [int(sure.max(axis=1).argmax()), int(sure.max(axis=1).argmin())]  # la plus sûre, la moins sûre
softmax_perceptron = keras.Sequential([perceptron, keras.layers.Softmax()])
for rank in ranks:
    label = int(sure[rank].argmax())
    norms = [np.linalg.norm(gradient(m, x_test[[rank]], label)) for m in (perceptron, softmax_perceptron)]
    print(f"p = {sure[rank, label]:.6f} · norme du gradient : "
          f"logit {norms[0]:.2f}, probabilité {norms[1]:.2g}")  # fmt: skip

# %%
of_probability = gradient(with_softmax, photos[:1], found[0])
second = int(np.argsort(-logits[0])[1])  # la deuxième classe du chat
of_second = explain.saliency(lite0, photos[:1], second)
plots.show(
    {f"logit « {names[found[0]]} »": regions(plain[0]), f"logit « {names[second]} »": regions(of_second[0]),
     f"probabilité « {names[found[0]]} »": regions(of_probability[0])}, columns=3, size=3,
)  # fmt: skip
alike = [spearmanr(plain[0].ravel(), other.ravel()).statistic for other in (of_second, of_probability)]
print("corrélation de rang avec la première carte : {:.2f} et {:.2f}".format(*alike))

# %% [markdown]
# Sur l'image dont le réseau est sûr ($p = 0{,}999936$), le gradient du logit a une norme de 2,27, celui de la probabilité de 0,00017 : sa carte s'est éteinte. Sur l'image hésitante, les deux gradients existent.
#
# Le chat est une image disputée : *Egyptian cat* 0,60, *tiger cat* 0,19. Les cartes des deux logits ont peu en commun (corrélation 0,36) ; celle de la probabilité reste proche de la première (0,73), mais l'œil y pâlit et le bord droit y ressort. Elle répond à une autre question : « pourquoi ce chat-là **plutôt qu'un autre** ? » Les deux questions sont légitimes ; il faut savoir laquelle on pose. Dans tout ce chapitre, sauf mention contraire, nous dérivons le **logit**.

# %% [markdown]
# ## 5. SmoothGrad : lisser en ajoutant du bruit
#
# Le gradient d'un réseau à ReLU change brusquement d'un point à l'autre : d'où le grain des cartes. Smilkov et al. (2017) proposent d'ajouter du **bruit** à l'image, plusieurs fois, et de moyenner les cartes. Le bruit est normal, d'écart-type $\sigma$ fois l'étendue de l'image ; ils conseillent 10 à 20 % et une cinquantaine de copies.

# %%
cat, cat_class = photos[:1], int(found[0])
rng = np.random.default_rng(0)
spread = 0.15 * (cat.max() - cat.min())
copies = cat + spread * rng.standard_normal((samples, *cat.shape[1:]), dtype="float32")
tens = np.array_split(copies, samples // 5)  # par petits lots, pour la mémoire
smoothed = np.concatenate([gradient(lite0, some, cat_class) for some in tens]).mean(axis=0)

# %% tags=["nbval-check-output"]
theirs = explain.smooth_grad(lite0, cat, cat_class, samples=samples, noise=0.15, seed=0)[0]
print("à la main = explain.smooth_grad :", np.allclose(smoothed, theirs, atol=1e-3 * np.abs(theirs).max()))

# %% [markdown]
# **Pariez** : que verra-t-on avec trop peu de bruit, et avec trop ?

# %%
noisy = {0: plain[:1], 0.15: theirs[None]}
for noise in (0.03, 0.6):
    noisy[noise] = explain.smooth_grad(lite0, cat, cat_class, samples=samples, noise=noise)
levels = (0, 0.03, 0.15, 0.6)
plots.show(
    [view(noisy[noise][0]) for view in (grain, regions) for noise in levels],
    titles=[f"bruit {100 * noise:.0f} %{end}" for end in ("", ", floutée") for noise in levels],
    columns=4, size=3, title=f"SmoothGrad, {samples} copies",
)  # fmt: skip

# %% [markdown]
# Avec 3 % de bruit, le museau et les deux yeux commencent à ressortir ; avec 15 %, on suit les yeux, l'arête du nez, le museau. Avec 60 %, il ne reste qu'une grosse tache sur un œil et une plus pâle sur l'autre : sous tant de bruit, ce n'est plus vraiment cette image que le réseau reçoit.
#
# SmoothGrad coûte cinquante gradients au lieu d'un. Et prenez garde au **flou d'affichage** : sur la première ligne, qui n'en a pas, le gain est réel mais plus modeste.

# %% [markdown]
# ## 6. Gradients intégrés : partager le score
#
# Un gradient dit ce qui arrive si un pixel change **un peu**. Il ne dit pas combien ce pixel a apporté. Un détecteur déjà saturé a une pente nulle, et pourtant il a compté.
#
# Sundararajan et al. (2017) partent d'une image de référence $x'$, noire par exemple, et vont en ligne droite jusqu'à l'image $x$, en additionnant les gradients rencontrés :
#
# $$ \mathrm{GI}_j(x) = (x_j - x'_j) \int_0^1 \frac{\partial s_c}{\partial x_j}\big(x' + t\,(x - x')\big)\, dt $$
#
# Ils y gagnent la **complétude** : la somme de la carte est $s_c(x) - s_c(x')$. Le score est *partagé* entre les pixels, sans reste.
#
# | Exercice 5.1.c | difficulté ●●○ | 8 min | vérifié : égal à l'intégrale exacte, trois formes d'images ; référence non nulle |
# | --- | --- | --- | --- |
#
# Écrivez `integrated_gradients(gradient, image, baseline, steps)`. `gradient` reçoit un **lot** de points, `(B, …)`, et rend leurs gradients ; `image` et `baseline` ont la même forme. Toute somme de Riemann convient.


# %%
def integrated_gradients(gradient, image, baseline, steps):
    """(image - baseline) × mean of gradient, (B, …) -> (B, …), on the way from baseline to image."""
    ### BEGIN SOLUTION
    shares = (np.arange(steps) + 0.5) / steps
    points = baseline + np.multiply.outer(shares, image - baseline)
    return (image - baseline) * gradient(points).mean(axis=0)
    ### END SOLUTION


# %% tags=["check"]
check.integrated_gradients(integrated_gradients)

# %% [markdown] tags=["solution"]
# Au milieu de chaque pas, l'erreur décroît comme $1/\text{pas}^2$ pour une fonction régulière ; à la fin de chaque pas, comme dans l'article, comme $1/\text{pas}$.

# %% [markdown]
# La complétude se **vérifie** : c'est la grande qualité de cette méthode. Deux cas, avec une référence noire et de plus en plus de pas : deux images de CIFAR-10 dans ResNet-20 (leçon 2.3), et notre chat dans EfficientNet-Lite0. **Pariez** : combien de pas faut-il pour que la somme de la carte soit juste à 1 % près ? (L'article conseille de 20 à 300 pas.)

# %%
resnet = weights.restore(zoo.resnet(20), "resnet20")
cifar = datasets.load("cifar10")
candidates = cifar.x_test[:200].astype("float32") / 255
right = np.flatnonzero(zoo.predict(resnet, candidates).argmax(axis=1) == cifar.y_test[:200])[:tested]
images, labels = candidates[right], cifar.y_test[right]


def gap(model, images, classes, maps):
    """Largest relative difference between the sum of a map and the difference of the logits, from black."""
    ends = zoo.predict(model, np.concatenate([images, np.zeros_like(images)])).reshape(2, len(images), -1)
    difference = (ends[0] - ends[1])[np.arange(len(images)), classes]
    return np.abs(maps.sum(axis=(1, 2, 3)) / difference - 1).max()


# %%
gaps, cases = [], {"ResNet-20": (resnet, images[:2], labels[:2]), "Lite0": (lite0, cat, [cat_class])}
for steps in thirds:
    black = {name: explain.integrated_gradients(*case, steps=steps) for name, case in cases.items()}
    gaps.append([gap(*cases[name], maps) for name, maps in black.items()])
rows = [[steps, *(f"{one:.1%}" for one in pair)] for steps, pair in zip(thirds, gaps)]
plots.table(rows, header=["pas", *cases])

# %% tags=["nbval-check-output"]
print("ResNet-20, complète à 1 % près avec le plus de pas :", gaps[-1][0] < 0.01)
print("Lite0, complète à 1 % près avec le plus de pas :", gaps[-1][1] < 0.01)

# %%
cards = {"noire": black["Lite0"]}
for name, baseline in {"grise": 0.5, "blanche": 1.0}.items():
    cards[name] = explain.integrated_gradients(lite0, cat, cat_class, baseline=baseline, steps=thirds[-2])
titles = ["gradient", *(f"référence {name}" for name in cards)]
plots.show(
    [view(card[0]) for view in (grain, regions) for card in (plain, *cards.values())],
    titles=titles + [f"{title}, floutée" for title in titles],
    columns=4, size=3, title="Gradients intégrés du chat, selon l'image de référence",
)  # fmt: skip

# %% [markdown]
# **La complétude.** Pour ResNet-20, 27 pas suffisent presque, et 243 laissent 0,2 % d'écart. Pour EfficientNet-Lite0, non : 38,2 %, puis 0,3 %, puis 19,0 %, puis 10,6 %. Le 0,3 % de 27 pas est un coup de chance, que 81 pas démentent. Entre le noir et le chat, le gradient de ce réseau saute si fort que 243 points ne suffisent pas à en faire la moyenne. Nous l'avons su parce que cette méthode donne une **somme à vérifier** : vérifiez-la toujours, avec plusieurs nombres de pas.
#
# **La référence.** Avec une référence noire, les pupilles et le tour des yeux sont noirs sur la carte : le facteur $x_j - x'_j$ y est presque nul, et un pixel noir ne peut rien recevoir. La référence grise suit les yeux et l'arête du nez ; la blanche, surtout le museau. « Absent » n'a pas de sens unique : dites toujours par rapport à quoi vous expliquez.

# %% [markdown]
# ## 7. Première épreuve : détruire le réseau
#
# Une carte peut être belle sans rien dire du réseau. Adebayo et al. (2018) proposent une épreuve simple : remplacer les poids **appris** par des poids **au hasard**, en commençant par les dernières couches. Le réseau ne sait plus rien ; si la carte ne change pas, ce n'est pas lui qu'elle expliquait.
#
# Il faut un nombre pour dire si deux cartes se ressemblent : la **corrélation de rang** de Spearman, c'est-à-dire la corrélation des rangs des pixels. 1 : même classement ; 0 : aucun rapport.
#
# | Exercice 5.1.d | difficulté ●○○ | 5 min | vérifié : égal à SciPy sur les valeurs absolues, cartes 2D et en couleurs |
# | --- | --- | --- | --- |
#
# Écrivez `rank_correlation(a, b)` : la corrélation de rang des **valeurs absolues** de deux cartes de même forme (sans ex æquo).


# %%
def rank_correlation(a, b):
    """Spearman's correlation of |a| and |b|, two maps of the same shape without ties."""
    ### BEGIN SOLUTION
    first, second = (np.abs(one).ravel().argsort().argsort() for one in (a, b))
    return np.corrcoef(first, second)[0, 1]
    ### END SOLUTION


# %% tags=["check"]
check.rank_correlation(rank_correlation)

# %% [markdown] tags=["solution"]
# Le premier `argsort` donne l'ordre, le second les rangs. Avec des ex æquo, il faudrait leur donner le rang moyen : `scipy.stats.spearmanr` le fait.

# %% [markdown]
# Deux candidats : le gradient, et la **rétropropagation guidée** (*guided backpropagation*, leçon 5.2), très appréciée pour la netteté de ses cartes. `explain.cascade` rend une copie du réseau, de plus en plus détruite. **Pariez** : laquelle des deux survivra ?

# %%
methods = {"gradient": explain.saliency, "guidée": explain.guided_backprop}
stages = {"": "réseau appris", "output": "sortie au hasard"}
stages |= {"stage5-1": "étages 5 à 7 aussi", "stem": "tout au hasard"}
survivors = {}
for block, network in explain.cascade(lite0):
    if block in stages:
        for name, method in methods.items():
            survivors[name, stages[block]] = method(network, cat, cat_class)[0]
plots.show(
    [grain(survivors[name, stage]) for name in methods for stage in stages.values()],
    titles=[f"{name}\n{stage}" for name in methods for stage in stages.values()], columns=4, size=3,
)  # fmt: skip

# %% [markdown]
# En haut, le gradient change dès que la couche de sortie est tirée au hasard. En bas, **rien ne bouge** : les yeux et le museau restent en place alors que la sortie ne distingue plus un chat d'un autobus, et encore quand les étages 5 à 7 sont détruits. Tout au hasard, la carte guidée dessine encore quelque chose du chat : un V clair, des yeux à la truffe. C'est l'image qu'elle montre, pas la décision.

# %% [markdown]
# Passons de l'œil à la mesure, sur des images de CIFAR-10 que ResNet-20 reconnaît, avec quatre méthodes. À chaque bloc détruit, on compare chaque carte à celle du réseau intact.

# %%
methods = {
    "gradient": lambda model: explain.saliency(model, images, labels),
    "SmoothGrad": lambda model: explain.smooth_grad(model, images, labels, samples=8),
    "gradients intégrés": lambda model: explain.integrated_gradients(model, images, labels, steps=8),
    "guidée": lambda model: explain.guided_backprop(model, images, labels),
}


# %%
def similarity(some, others, transform):
    pairs = zip(transform(some), transform(others))
    return np.mean([spearmanr(one.ravel(), other.ravel()).statistic for one, other in pairs])


blocks, intact, kept = [], {}, {name: [] for name in methods}
signed = {name: [] for name in methods}
for block, network in explain.cascade(resnet):
    blocks.append(block)
    for name, method in methods.items():
        maps = method(network)
        intact.setdefault(name, maps)
        kept[name].append(similarity(maps, intact[name], np.abs))
        signed[name].append(similarity(maps, intact[name], np.asarray))

# %%
plots.curves(
    kept, x=range(len(blocks)), title="Ressemblance avec la carte du réseau intact",
    xlabel="blocs détruits, à partir de la sortie", ylabel="corrélation de rang des |valeurs|",
    alt="Quatre courbes qui partent de 1 : le gradient tombe en deux blocs, la guidée descend lentement",
)  # fmt: skip
both = {name: (kept[name], signed[name]) for name in methods}
rows = [[name, *(f"{values[k]:.2f}" for values in pair for k in (2, -1))] for name, pair in both.items()]
plots.table(rows, header=["méthode", "|carte|, 2 blocs", "|carte|, tout", "signée, 2 blocs", "signée, tout"])

# %% tags=["nbval-check-output"]
print("deux blocs détruits, gradient sous 0,5 :", kept["gradient"][2] < 0.5)
print("deux blocs détruits, guidée au-dessus de 0,6 :", kept["guidée"][2] > 0.6)
drawn = kept["gradients intégrés"][-1]
print("tout détruit, gradients intégrés encore au-dessus du gradient :", drawn > kept["gradient"][-1] + 0.1)

# %% [markdown]
# Il suffit de deux blocs détruits, la sortie et le dernier bloc, pour que le gradient tombe à 0,26 et SmoothGrad à 0,14 : ces deux méthodes **passent** l'épreuve. La rétropropagation guidée garde 0,82, et 0,93 avec le signe : elle **échoue**. (Détruire la sortie seule ne suffit pas : le gradient est alors à 0,83 environ.)
#
# Les gradients intégrés sont le cas instructif. Avec le signe, ils finissent à zéro, comme le gradient. En valeur absolue, ils stagnent vers 0,35, même quand plus rien n'est appris : leur facteur $x - x'$ suffit à dessiner l'image. Ce que vous y reconnaissez n'est pas toujours ce que le réseau y a reconnu. Adebayo et al. l'avaient relevé sur Inception v3.

# %% [markdown]
# ## 8. Seconde épreuve : une image presque pareille
#
# Ghorbani et al. (2019) changent l'image d'un rien, invisible, de façon que **la réponse ne bouge pas** et que la carte, elle, se déplace. Le principe est celui d'une attaque (chapitre 6) : on descend le gradient de la part de saillance que gardent les 10 % de pixels les plus saillants. Il faut donc dériver la carte, c'est-à-dire dériver **deux fois** le réseau. Une ReLU n'a pas de dérivée seconde : on lui prête, pour l'attaque seulement, la pente d'une softplus.
#
# Comme témoin, un bruit **au hasard** de même amplitude : chaque valeur bouge de 4/255, dans un sens tiré à pile ou face.

# %%
epsilon = 4 / 255
moved = explain.mislead(lite0, cat, cat_class, epsilon=epsilon, step_size=1 / 255, steps=attack)
coin = np.sign(np.random.default_rng(0).normal(size=cat.shape)).astype("float32")
pictures = {"image": cat, "bruit au hasard": np.clip(cat + epsilon * coin, 0, 1), "attaque": moved}
cards = {name: explain.saliency(lite0, image, cat_class) for name, image in pictures.items()}
strength = {name: np.abs(card[0]).sum(axis=-1) for name, card in cards.items()}
aimed = strength["image"] >= np.quantile(strength["image"], 0.9)

# %%
rows = []
for name, image in pictures.items():
    top = strength[name] >= np.quantile(strength[name], 0.9)
    answer = names[int(zoo.predict(lite0, image).argmax())]
    held = strength[name][aimed].sum() / strength[name].sum()
    rank = spearmanr(strength[name].ravel(), strength["image"].ravel()).statistic
    rows.append([name, answer, f"{held:.0%}", f"{(top & aimed).sum() / aimed.sum():.0%}", f"{rank:.2f}"])
plots.table(rows, header=["image", "réponse", "part gardée", "pixels communs", "corrélation"])
plots.show({name: image[0] for name, image in pictures.items()}, columns=3, size=3.2)
plots.show({f"carte : {name}": regions(card[0]) for name, card in cards.items()}, columns=3, size=3.2)

# %% tags=["nbval-check-output"]
answers = {name: int(zoo.predict(lite0, image).argmax()) for name, image in pictures.items()}
shares = {name: one[aimed].sum() / one.sum() for name, one in strength.items()}
coin_rank = spearmanr(strength["bruit au hasard"].ravel(), strength["image"].ravel()).statistic
print("aucune valeur n'a bougé de plus de 4/255 :", np.abs(moved - cat).max() <= epsilon + 1e-6)
print("même réponse :", answers["attaque"] == answers["image"])
print("plus de la moitié de la saillance visée est partie :", shares["attaque"] < shares["image"] / 2)
print("un bruit au hasard suffit à passer sous 0,6 de corrélation :", coin_rank < 0.6)

# %% [markdown]
# Les trois images se valent pour l'œil, et la réponse est la même. Après l'attaque, les 10 % de pixels visés ne portent plus que 11 % de la saillance, au lieu de 28 % : à peine plus que si elle était répartie partout également. Les taches fortes ont changé de place : elles étaient au bord droit et au bord bas, les voici sur les deux yeux et sur le front.
#
# **Mais regardez le témoin.** Un bruit que personne n'a calculé, de même amplitude, fait déjà l'essentiel : 15 %, et une corrélation de 0,31 avec la carte de départ. Ici, la fragilité n'a guère besoin d'un adversaire. Une carte qu'un bruit invisible redessine décrit un voisinage trop petit pour servir, à elle seule, d'explication ; c'est aussi ce que SmoothGrad cherche à corriger.

# %% [markdown]
# ## À retenir
#
# - Le gradient d'un logit dit quels pixels, changés **un peu**, changeraient le score ; on en montre la valeur absolue. Celui de la probabilité s'éteint quand le réseau est sûr, et oppose les classes entre elles.
# - **SmoothGrad** moyenne les gradients d'images bruitées ; les **gradients intégrés** partagent une différence de scores, par rapport à une référence qu'il faut dire, et leur somme se vérifie.
# - Une belle carte ne prouve rien. Première épreuve : des **poids au hasard**. Le gradient la passe, la rétropropagation guidée non.
# - Seconde épreuve : une image **presque pareille**. Ici, même un bruit au hasard redessine la carte du gradient.
# - Comparez des cartes par un nombre (corrélation de rang), avec un témoin, et méfiez-vous du flou d'affichage.
#
# ## Questionnaire
#
# 1. La carte de saillance d'un modèle linéaire change-t-elle d'une image à l'autre ? Et celle d'un réseau à une couche cachée de ReLU ?
# 2. Un réseau répond « chat » avec une probabilité de 0,9999. Pourquoi éviter de dériver cette probabilité ?
# 3. La somme d'une carte de gradients intégrés vaut 8,5 ; le score passe de 0,1 à 13,8. Que faire ?
# 4. Que vaut un gradient intégré en un pixel où l'image est égale à la référence ?
# 5. Une méthode donne la même carte avant et après avoir remplacé les poids par du hasard. À quoi peut-elle encore servir ?
#
# <details><summary>Réponses</summary>
#
# 1. Non : c'est le poids de la classe. Oui, dès que les unités actives changent. 2. Son gradient est presque nul partout, en $p_c(1 - p_c)$ : la carte s'éteint, et le peu qui en reste oppose la classe aux autres. 3. Elle devrait valoir 13,7 : il faut davantage de pas, et recommencer jusqu'à ce que la somme ne bouge plus. 4. Zéro, quel que soit le rôle de ce pixel. 5. À montrer les contours de l'image, pas à expliquer une décision.
#
# </details>
#
# ## Pour aller plus loin
#
# - Recommencez la section 8 avec `explain.smooth_grad` à la place de `explain.saliency` pour dessiner les cartes : résistent-elles mieux au bruit ?
# - Prenez pour référence des gradients intégrés la photographie elle-même, très floue (`cv2.GaussianBlur`) : qu'y gagne-t-on ?
# - La leçon 5.2 explique d'où vient la netteté de la rétropropagation guidée, et présente Grad-CAM ; la leçon 5.3 se passe de gradient, en cachant des morceaux de l'image.
