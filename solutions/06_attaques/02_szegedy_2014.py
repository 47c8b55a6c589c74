# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2014 : Szegedy et al., les images adverses
#
# > Un réseau reconnaît un chat. Changez chaque pixel d'un rien, et il voit une autruche, avec assurance ; vous, vous voyez toujours le chat. Vous allez fabriquer de telles images comme l'a fait l'article qui les a fait connaître, puis mille fois plus vite.
#
# **À la fin, vous saurez** poser une attaque comme une optimisation sous contrainte, mesurer une distorsion, vérifier si une attaque passe d'un réseau à l'autre, borner par le calcul ce qu'un réseau peut amplifier, et écrire FGSM et PGD.
#
# **Prérequis** : leçons 1.2, 2.4 et 6.1 · **Durée** : 60 min · **Références** : Szegedy et al. 2014, *Intriguing Properties of Neural Networks* ; Goodfellow, Shlens & Szegedy 2015 (FGSM) ; Madry et al. 2018 (PGD)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import time

import keras
import numpy as np

from labs import attacks, datasets, plots, training, zoo
from labs.checks import attacks as check

# %% [markdown]
# ## 1. La distance à une frontière
#
# Commençons par un classifieur **linéaire** : il répond oui si $w \cdot x + b > 0$. Quelle est la plus petite perturbation $r$, en longueur, qui amène $x$ sur la frontière, $w \cdot (x + r) + b = 0$ ?
#
# | Exercice 6.2.a | difficulté ●○○ | 6 min | vérifié : égal à la solution de norme minimale de NumPy ; sens, longueur, arrivée sur le plan |
# | --- | --- | --- | --- |
#
# Écrivez `nearest(x, w, b)` : une image aplatie `x` et des poids `w`, `(n,)`, un biais `b`, vers la perturbation `r` `(n,)`.


# %%
def nearest(x, w, b):
    """Shortest change r (n,) of x (n,) such that w · (x + r) + b = 0."""
    ### BEGIN SOLUTION
    return -(w @ x + b) / (w @ w) * w
    ### END SOLUTION


# %% tags=["check"]
check.nearest(nearest)

# %% [markdown] tags=["solution"]
# La longueur de $r$ est $|w \cdot x + b| / \lVert w \rVert$ : la distance d'un point à un plan. Un bruit au hasard, de même longueur, n'a presque aucune composante le long de $w$ : environ $1/\sqrt n$ de sa longueur.

# %% [markdown]
# ## 2. Les réseaux de l'article
#
# L'article attaque d'abord de petits réseaux de MNIST : **FC10** n'a qu'une couche dense, il est linéaire ; **FC100-100-10** a deux couches cachées de 100 sigmoïdes, **FC123-456-10** deux autres. Nous entraînons les nôtres sur deux moitiés des 20 000 chiffres embarqués : $P_1$, les 10 000 premiers, et $P_2$, les autres (l'article a deux fois 30 000 chiffres). Le dernier réseau n'a donc **aucune image** en commun avec les trois premiers.

# %%
epochs = runtime.budget(rapide=2, cours=12, complet=40)
count = runtime.budget(rapide=6, cours=20, complet=100)  # images attaquées
data = datasets.load("mnist")
x_train, x_test = (x[..., None].astype("float32") / 255 for x in (data.x_train, data.x_test))


# %%
def train(hidden, part):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(units, activation="sigmoid") for units in hidden]
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten(), *layers, keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(training.OneCycle(2e-2, epochs * 40)), loss)
    model.fit(x_train[part], data.y_train[part], batch_size=250, epochs=epochs, verbose=0)
    return model


# %%
halves = slice(0, 10_000), slice(10_000, 20_000)
shapes = {"FC10": ((), 0), "FC100-100-10": ((100, 100), 0), "FC123-456-10": ((123, 456), 0),
          "FC100-100-10, P2": ((100, 100), 1)}  # fmt: skip
nets = {name: train(hidden, halves[half]) for name, (hidden, half) in shapes.items()}


def wrong(model, images, labels):
    """Share of the images that the network does not take for their class."""
    return np.mean(model.predict(images, verbose=0, batch_size=1000).argmax(1) != labels)


errors = {name: wrong(model, x_test, data.y_test) for name, model in nets.items()}
for name, error in errors.items():
    print(f"{name:17s} erreur de test : {error:.1%}")

# %% [markdown]
# FC10 se trompe une fois sur douze, les réseaux à couches cachées une fois sur vingt environ. L'article fait mieux, 7,4 % pour FC10 et 1,6 % pour FC100-100-10, avec les 60 000 chiffres de MNIST : les nôtres n'en ont vu que 10 000.
#
# ## 3. L'image adverse la plus proche
#
# Pour un réseau quelconque $f$, l'article cherche la plus petite perturbation qui donne une classe **choisie**, $l$, en restant une image :
#
# $$ \min_r \lVert r \rVert \quad \text{avec} \quad f(x + r) = l, \qquad x + r \in [0, 1]^n $$
#
# La contrainte $f(x + r) = l$ n'est pas dérivable. On la remplace par une **pénalité** :
#
# $$ \min_r\ c\,\lVert r \rVert^2 + \text{perte}(x + r,\, l) \quad \text{avec} \quad x + r \in [0, 1]^n $$
#
# que résout **L-BFGS-B**, une méthode de quasi-Newton qui respecte des bornes. (L'article écrit $c\,|r|$ ; nous prenons le carré, dérivable en 0.) Un grand $c$ garde $r$ petit, mais n'atteint plus $l$. On cherche donc, par dichotomie, le **plus grand** $c$ qui réussit encore. (L'article dit « le plus petit » : ce serait la plus grande perturbation.)
#
# La **distorsion** est l'écart quadratique moyen par pixel, $\sqrt{\sum_i (x'_i - x_i)^2 / n}$. **Pariez** : laquelle suffit, pour des pixels entre 0 et 1 ? Et le réseau qui se trompe le moins demande-t-il le plus de distorsion ?

# %%
def distortion(a, b):
    return np.sqrt(np.mean((a - b) ** 2, axis=(1, 2, 3)))


x, y = x_test[:count], data.y_test[:count]
target = (y + np.random.default_rng(0).integers(1, 10, count)) % 10  # une autre classe, au hasard
adversarial, success = {}, {}
for name, model in nets.items():
    adversarial[name] = attacks.lbfgs(model, x, target)
    success[name] = model.predict(adversarial[name], verbose=0).argmax(1) == target

# %%
published = {"FC10": ("7.4%", "0.062"), "FC100-100-10": ("1.6%", "0.058")}
mean = {name: distortion(images, x)[success[name]].mean() for name, images in adversarial.items()}
rows = [[name, f"{errors[name]:.1%}", f"{success[name].mean():.0%}", f"{mean[name]:.3f}",
         *published.get(name, ("", ""))] for name in nets]  # fmt: skip
plots.table(rows, header=["réseau", "erreur", "réussite", "distorsion", "article : erreur", "distorsion"])

# %% tags=["nbval-check-output"]
for name in nets:
    print(f"{name} : réussite d'au moins 9 sur 10 : {success[name].mean() >= 0.9} · "
          f"distorsion entre 0,02 et 0,15 : {0.02 < mean[name] < 0.15}")  # fmt: skip

# %%
name = "FC100-100-10"
titles = [f"{a} → {b}" for a, b in zip(y[:6], target[:6])]
noise = x + np.random.default_rng(0).normal(0, mean[name], x.shape).astype("float32")
rows = {"Images de test, et la classe visée": x, "Images adverses": adversarial[name]}
rows["Bruit de même taille"] = noise
for rank, (title, images) in enumerate(rows.items()):
    plots.show(list(images[:6]), titles=None if rank else titles, columns=6, size=1.5, title=title)
print(f"erreurs du réseau, sur {count} images bruitées au hasard : {wrong(nets[name], noise, y):.0%}")

# %% [markdown]
# Chaque attaque réussit, et 0,04 suffit : quatre centièmes de l'écart entre le noir et le blanc. C'est un peu moins que dans l'article, 0,062 et 0,058, pour des réseaux moins bien entraînés ; l'ordre de grandeur est le même. Et les réseaux à couches cachées, qui se trompent nettement moins que FC10, ne demandent pas plus de distorsion : **bien généraliser n'est pas résister**. À l'œil, les chiffres sont les mêmes, avec quelques taches grises sur le fond. Le même écart au hasard ne trompe presque jamais le réseau : ce n'est pas la taille qui compte, c'est la direction.
#
# Pour FC10, linéaire, on connaît un minimum : la distance au plan qui sépare la classe de la cible, celle de la section 1. Une image qui atteint sa cible a franchi ce plan. Vérifions le calcul.

# %% tags=["nbval-check-output"]
weights, bias = nets["FC10"].get_weights()
w, b = weights[:, target] - weights[:, y], bias[target] - bias[y]
closest = np.abs(np.sum(w.T * x.reshape(count, -1), axis=1) + b) / np.linalg.norm(w, axis=0)
found = np.linalg.norm((adversarial["FC10"] - x).reshape(count, -1), axis=1)[success["FC10"]]
print("L-BFGS n'est jamais plus près que le plan :", np.all(found > 0.999 * closest[success["FC10"]]))

# %% [markdown]
# Jamais plus près que le plan, comme il se doit ; ce contrôle ne dit pas si L-BFGS a trouvé la plus proche. L'image adverse peut être plus loin : un pixel noir ne peut pas devenir plus noir, et la contrainte $[0, 1]$ interdit à beaucoup de pixels la moitié du chemin.
#
# Une remarque sur la visée : nous tirons la classe cible au hasard parmi les neuf autres. La plus proche des neuf donnerait une distorsion plus petite encore.
#
# ## 4. D'un réseau à l'autre
#
# Ces images ont été calculées **contre un réseau**. Un autre, d'une autre forme ou entraîné sur d'autres images, devrait les voir comme elles sont. C'est ce que l'article a de plus surprenant. Comme lui, nous les montrons telles quelles, puis **amplifiées** jusqu'à une distorsion de 0,1, à côté d'un bruit normal de même taille.

# %%
def amplified(images, size=0.1):
    change = images - x
    return x + size * change / np.maximum(distortion(images, x), 1e-9)[:, None, None, None]


noise = x + np.random.default_rng(1).normal(0, 0.1, x.shape).astype("float32")
rows = []
for name, images in adversarial.items():
    rows.append([name, "", *(f"{wrong(model, images, y):.0%}" for model in nets.values())])
    rows.append(["", "0,1", *(f"{wrong(model, amplified(images), y):.0%}" for model in nets.values())])
rows.append(["bruit", "0,1", *(f"{wrong(model, noise, y):.0%}" for model in nets.values())])
plots.table(rows, header=["faites contre", "amplifiées", *nets])

# %% tags=["nbval-check-output"]
other = wrong(nets["FC100-100-10, P2"], amplified(adversarial["FC100-100-10"]), y)
print("amplifiées, elles trompent un réseau qui n'a vu aucune de ces images, bien plus que le bruit :",
      other > 0.2 + wrong(nets["FC100-100-10, P2"], noise, y))  # fmt: skip

# %% [markdown]
# Sans amplification, les images faites contre un réseau en trompent d'autres, mais pas tous : entraînés sur les mêmes images ($P_1$), de 20 à 50 % du temps ; sur d'autres, de 0 à 20 %. C'est plus que le bruit presque partout. Amplifiées jusqu'à 0,1, elles trompent **tous** les réseaux 17 fois sur 20 au moins, y compris celui qui n'a vu aucune de leurs images d'apprentissage ; le bruit de même taille, une ou deux fois sur 20. (Sur 20 images, une image pèse 5 points.)
#
# L'article donne, pour des images faites contre FC100-100-10 : 26,2 % d'erreurs sur FC123-456-10 et 5,9 % sur le réseau de l'autre moitié ; amplifiées, 98 % et 43 %. Nous trouvons 25 et 0 %, puis 100 et 90 %. Des réseaux différents se trompent donc **au même endroit** : l'attaquant peut viser un réseau qu'il a entraîné lui-même, et présenter le résultat au vôtre.
#
# ## 5. Une photographie
#
# Même attaque, même code, sur **EfficientNet-Lite0**, un réseau d'ImageNet, à 160 pixels. L'article choisissait l'autruche : nous aussi.

# %%
lite0 = zoo.efficientnet_lite0(size=160)
names = [label.split(",")[0] for label in datasets.imagenet_names()]
ostrich = names.index("ostrich")
cat = datasets.photo("chat", size=160)[None]


def seen(image):
    """What the network sees in an image (1, H, W, 3), and how sure it is."""
    logits = np.asarray(lite0(image))[0]
    shares = np.exp(logits - logits.max())
    return f"{names[logits.argmax()]}, {shares.max() / shares.sum():.0%}"


# %%
tries = runtime.budget(rapide=1, cours=5, complet=12)  # valeurs de c essayées
bird = attacks.lbfgs(lite0, cat, np.array([ostrich]), tries=tries, iterations=12)
pictures = {f"image : {seen(cat)}": cat[0], "différence × 20": 0.5 + 20 * (bird - cat)[0]}
pictures[f"adverse : {seen(bird)}"] = bird[0]

# %%
plots.show({title: np.clip(image, 0, 1) for title, image in pictures.items()}, columns=3, size=4,
           alt="Deux chats que l'œil ne distingue pas ; entre eux, une différence agrandie")  # fmt: skip
print(f"distorsion : {distortion(bird, cat)[0]:.4f} · article, pour AlexNet : 0,0065 en moyenne")

# %% tags=["nbval-check-output"]
print("le réseau voit une autruche :", np.asarray(lite0(bird)).argmax() == ostrich)
print("distorsion sous 0,02 :", distortion(bird, cat)[0] < 0.02)

# %% [markdown]
# Le réseau voyait un chat ; il voit une autruche. La distorsion est de 0,002, soit une demi-unité sur 255 en moyenne, trois fois moins que celle de l'article pour AlexNet, sur d'autres images et un autre réseau. Il faut l'agrandir vingt fois pour la voir : un grain coloré, sans forme, un peu plus dense par endroits. Rien qui ressemble à une autruche.
#
# ## 6. L'autre propriété : un neurone n'a rien de spécial
#
# L'article en montre une autre, que l'on cite moins. Pour savoir ce que « regarde » un neurone, on montre souvent les images qui l'activent le plus. Faisons-le pour la première couche cachée de FC100-100-10 ; puis, comme témoin, pour une **combinaison au hasard** des 100 neurones. **Pariez** : saurez-vous dire laquelle est laquelle ?

# %%
hidden = keras.Model(nets["FC100-100-10"].inputs, nets["FC100-100-10"].layers[2].output)
activity = hidden.predict(x_test, verbose=0, batch_size=1000)
activity -= activity.mean(0)
directions = np.random.default_rng(0).normal(size=(100, 100))


def best_images(direction):
    return np.argsort(-(activity @ direction))[:8]


def purity(direction):
    """Share of the commonest class among the eight images that go furthest along a direction."""
    return np.bincount(data.y_test[best_images(direction)]).max() / 8


# %%
for kind, rows in (("d'un neurone", np.eye(100)), ("d'une direction au hasard", directions)):
    chosen = [best_images(row) for row in rows[:3]]
    pictures = [x_test[i] for row in chosen for i in row]
    plots.show(pictures, columns=8, size=1.0, title=f"Chaque ligne : les images préférées {kind}")
purities = [np.mean([purity(row) for row in rows]) for rows in (np.eye(100), directions)]
print(f"part de la classe la plus fréquente : {purities[0]:.0%} pour un neurone, {purities[1]:.0%} au hasard")

# %% tags=["nbval-check-output"]
print("à 15 points près, autant de sens au hasard que dans un neurone :", abs(purities[0] - purities[1]) < 0.15)

# %% [markdown]
# Difficile de dire quelle ligne est quelle ligne : ici des 2, là des 7, ailleurs des 8. La mesure dit la même chose : parmi les huit images préférées d'un neurone, 80 % sont de la même classe ; pour une direction au hasard, 83 %. C'est la première propriété de l'article : le sens est dans **l'espace** des activations, et non dans chaque neurone. Se méfier, donc, d'un neurone que l'on explique par ses images préférées : il fallait un témoin.
#
# ## 7. Ce qu'un réseau peut amplifier
#
# Une couche $x \mapsto \sigma(Wx + b)$ allonge une perturbation d'un facteur $\lVert W \rVert$ au plus, la plus grande valeur singulière de $W$, fois la plus grande pente de $\sigma$ : $1/4$ pour une sigmoïde. D'une couche à l'autre, ces facteurs se multiplient. C'est une **borne** : $\lVert f(x + r) - f(x) \rVert \le L\,\lVert r \rVert$. Et comme il faut que deux logits se croisent, aucune image adverse n'est plus proche que l'écart entre eux divisé par $\sqrt 2\,L$ : une **garantie**.

# %%
rows, sound = [], []
for name, model in nets.items():
    norms = [np.linalg.norm(layer.get_weights()[0], 2) for layer in model.layers if layer.get_weights()]
    bound = np.prod(norms) / 4 ** (len(norms) - 1)
    logits = model.predict(x, verbose=0)
    gaps = logits[range(count), y] - logits[range(count), target]
    guaranteed = np.maximum(gaps, 0) / (np.sqrt(2) * bound) / 28  # une distorsion : longueur / racine de 784
    reached = distortion(adversarial[name], x)[success[name]]
    sound.append(np.all(guaranteed[success[name]] <= reached + 1e-6))
    factors = " · ".join(f"{norm:.1f}" for norm in norms)
    rows.append([name, factors, f"{bound:.0f}", f"{guaranteed.mean():.4f}", f"{reached.mean():.4f}"])
plots.table(rows, header=["réseau", "normes des couches", "borne L", "distorsion garantie", "trouvée"])

# %% tags=["nbval-check-output"]
print("aucune image adverse n'est plus près que la garantie :", all(sound))

# %% [markdown]
# La garantie tient, et elle est faible : FC100-100-10 peut amplifier une perturbation 94 fois au plus, ce qui garantit une distorsion de 0,003 ; l'attaque en demande 0,041, quinze fois plus. Pour FC10, où il n'y a rien à multiplier, l'écart n'est plus que d'un facteur deux. Avec la profondeur, c'est pire : les normes que l'article donne pour les huit couches d'AlexNet (2,75, 10, 7, 7,5, 11, 3,12, 4 et 4) se multiplient jusqu'à près de 800 000. Une borne aussi grande ne prouve pas que le réseau est fragile ; elle dit seulement qu'elle ne garantit rien. La leçon 6.5 en montre de meilleures.
#
# ## 8. Plus vite : un pas, puis plusieurs
#
# L-BFGS demande des centaines de gradients par image. Goodfellow et ses collègues (2015) n'en demandent qu'**un**. Si le réseau est presque linéaire près de $x$, la perturbation qui fait le plus grandir la perte, sans qu'aucun pixel ne bouge de plus de $\varepsilon$, est $\varepsilon\,\mathrm{signe}(\nabla_x \text{perte})$ : c'est **FGSM**.
#
# | Exercice 6.2.b | difficulté ●○○ | 5 min | vérifié : signe, gradient nul, retour entre 0 et 1 |
# | --- | --- | --- | --- |
#
# Écrivez `fgsm(x, gradient, epsilon)` : des images `(N, H, L, C)` et le gradient de leur perte, vers les images adverses.


# %%
def fgsm(x, gradient, epsilon):
    """Images (N, H, W, C) moved by epsilon along the sign of the gradient of the loss, still in [0, 1]."""
    ### BEGIN SOLUTION
    return np.clip(x + epsilon * np.sign(gradient), 0, 1)
    ### END SOLUTION


# %% tags=["check"]
check.fgsm(fgsm)

# %% [markdown] tags=["solution"]
# Le signe, et non le gradient : chaque pixel donne tout ce qu'il a le droit de donner. Sur un réseau vraiment linéaire, c'est exactement le pire.

# %% [markdown]
# Madry et ses collègues (2018) répètent de petits pas, et reviennent chaque fois dans la **boule** : $|x'_i - x_i| \le \varepsilon$. C'est **PGD**, le gradient projeté.
#
# | Exercice 6.2.c | difficulté ●●○ | 12 min | vérifié : projection autour de l'image de départ, retour entre 0 et 1, gradient repris à chaque pas |
# | --- | --- | --- | --- |
#
# Écrivez `pgd(gradient_of, x, epsilon, step_size, steps)`, sans départ au hasard. `gradient_of(images)` rend le gradient de la perte.


# %%
def pgd(gradient_of, x, epsilon, step_size, steps):
    """Projected gradient ascent from x, in the ball of radius epsilon and in [0, 1]."""
    ### BEGIN SOLUTION
    images = x
    for _ in range(steps):
        images = images + step_size * np.sign(gradient_of(images))
        images = np.clip(np.clip(images, x - epsilon, x + epsilon), 0, 1)
    return images
    ### END SOLUTION


# %% tags=["check"]
check.pgd(pgd)

# %% [markdown] tags=["solution"]
# Gradient, pas, projection, bornes : presque toutes les attaques des leçons suivantes sont cette boucle. `labs.attacks.gradient.ascend` l'écrit une fois pour toutes, compilée.

# %% [markdown]
# Attaquons le classifieur de Fashion-MNIST du cours, sur 200 vêtements de test. **Pariez** : quel $\varepsilon$, en niveaux de gris sur 255, suffit à chacune pour le faire se tromper neuf fois sur dix ?

# %%
clothes = zoo.fashion_classifier()
fashion = datasets.load("fashion_mnist")
size = runtime.budget(rapide=40, cours=200, complet=2000)
images, labels = fashion.x_test[:size, ..., None].astype("float32") / 255, fashion.y_test[:size]
levels = (0, 2, 4, 8, 16, 32)

# %%
rng = np.random.default_rng(0)
tried = {
    "bruit ± ε": lambda e: np.clip(images + e * rng.choice([-1, 1], images.shape), 0, 1).astype("float32"),
    "FGSM": lambda e: attacks.fgsm(clothes, images, labels, e),
    "PGD, 20 pas": lambda e: attacks.pgd(clothes, images, labels, e, e / 8, 20),
}
mistakes = {}
for name, attack in tried.items():
    mistakes[name] = [wrong(clothes, attack(level / 255), labels) for level in levels]

# %%
plots.curves({name: 100 * np.array(values) for name, values in mistakes.items()}, x=levels,
             title="Erreurs du classifieur de Fashion-MNIST", xlabel="ε (niveaux de gris, sur 255)", ylabel="%",
             alt="Le bruit ne change presque rien ; FGSM monte vite, PGD encore plus vite")  # fmt: skip

# %% tags=["nbval-check-output"]
noise, fast, strong = (mistakes[name][3] for name in tried)
print("à ε = 8, le bruit fait moins de 25 % d'erreurs :", noise < 0.25)
print("PGD en fait au moins autant que FGSM, et FGSM plus que le bruit :", strong >= fast > noise + 0.2)

# %% [markdown]
# Le bruit, même de ± 16 niveaux, ne lui fait faire qu'une erreur sur huit ; sans bruit, c'était une sur quinze. À ε = 8, FGSM le fait se tromper 6 fois sur 10, PGD 8 fois ; à 16, PGD le trompe toujours. Neuf erreurs sur dix demandent donc entre 8 et 16 niveaux à PGD, et entre 16 et 32 à FGSM. Le même budget, mieux dépensé : la perte n'est pas linéaire, et un seul grand pas va moins loin que vingt petits. Qui n'évalue son réseau qu'avec FGSM le croit nettement plus solide qu'il n'est.

# %%
def seconds(call):
    call()  # la première fois, TensorFlow compile
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# %%
few = images[:2], (labels[:2] + 1) % 10
costs = {
    "L-BFGS": seconds(lambda: attacks.lbfgs(clothes, *few)) / len(few[0]),
    "PGD, 20 pas": seconds(lambda: attacks.pgd(clothes, images, labels, 8 / 255, 1 / 255, 20)) / size,
    "FGSM": seconds(lambda: attacks.fgsm(clothes, images, labels, 8 / 255)) / size,
}
for name, cost in costs.items():
    print(f"{name:12s} {1000 * cost:8.2f} ms par image")

# %% [markdown]
# Des centaines de millisecondes, quelques-unes, une fraction : de L-BFGS à FGSM, il y a plus d'un facteur mille. (Les temps dépendent de la machine ; c'est leur rapport qui compte.) Ils ne répondent pas à la même question : L-BFGS cherche la **plus petite** perturbation, image par image, vers une classe choisie ; FGSM et PGD cherchent la pire, dans un budget donné. C'est la seconde question qui permet d'entraîner un réseau contre ces attaques, à chaque pas d'apprentissage (leçon 6.5).
#
# Terminons par les photographies. Quatre images, PGD en 10 pas, vers l'autruche, et aucun pixel ne change de plus de **deux** niveaux sur 255.

# %%
photos = np.stack([datasets.photo(name, size=160) for name in datasets.PHOTOS])
steps = runtime.budget(rapide=1, cours=10, complet=40)
birds = attacks.pgd(lite0, photos, np.full(4, ostrich), 2 / 255, 0.5 / 255, steps, targeted=True)
titles = [seen(image[None]) for image in np.concatenate([photos, birds])]
plots.show(list(np.concatenate([photos, birds])), titles=titles, columns=4, size=3,
           alt="Quatre photographies, et les mêmes attaquées : l'œil ne voit aucune différence")  # fmt: skip

# %% tags=["nbval-check-output"]
print("écart le plus grand, en niveaux sur 255 :", round(float(np.abs(birds - photos).max() * 255), 2))
print("au moins trois autruches sur quatre :", np.sum(np.asarray(lite0(birds)).argmax(1) == ostrich) >= 3)

# %% [markdown]
# Un chat, une tasse, un pavillon, une fleur : deux niveaux sur 255 en font des autruches, et dix gradients par image ont suffi. La tasse est la moins sûre, 26 % : le réseau en était le plus certain.
#
# Ce que cela permet, et ce que cela ne permet pas : l'attaquant lit ici tous les poids du réseau, et écrit **directement les pixels** que le réseau reçoit. Qui ne peut que montrer un objet à une caméra n'a ni l'un ni l'autre ; les deux leçons suivantes disent ce qu'il peut faire quand même.
#
# ## À retenir
#
# - Une image adverse est la solution d'une **optimisation** : la plus petite perturbation qui change la classe, sans sortir de $[0, 1]$. Quelques centièmes suffisent, quelques millièmes pour une photographie.
# - Un bruit au hasard de même taille ne fait presque rien : c'est la **direction** qui compte.
# - Elles passent d'un réseau à l'autre, surtout amplifiées : cacher son réseau ne le protège pas.
# - Une borne par les normes des couches est une garantie, mais bien trop prudente.
# - FGSM, puis PGD : gradient, pas, projection, bornes. Évaluez avec la plus forte que vous sachiez faire.
#
# ## Questionnaire
#
# 1. Pourquoi chercher le plus *grand* $c$ ?
# 2. Un bruit au hasard et une perturbation adverse ont la même longueur. Pourquoi n'ont-ils pas le même effet ?
# 3. Une image adverse calculée contre votre réseau en trompe un autre, que vous ne connaissez pas. Qu'est-ce que cela change pour un défenseur ?
# 4. La borne $L$ d'un réseau est énorme. Cela prouve-t-il qu'il est fragile ?
# 5. Dans PGD, que se passe-t-il si l'on projette autour de l'image *courante* ?
#
# <details><summary>Réponses</summary>
#
# 1. C'est lui qui pèse le plus sur la longueur de $r$ : le plus grand qui atteint encore la cible donne la plus petite perturbation. 2. L'adverse met toute sa longueur dans la direction qui compte ; le bruit n'y en met qu'une part de l'ordre de $1/\sqrt n$. 3. Cacher son réseau ne suffit pas : on peut attaquer un réseau semblable, et lui présenter le résultat. 4. Non : une petite borne garantit, une grande ne dit rien. 5. La boule se déplace avec l'image : la projection ne retient plus rien, puisqu'un pas est plus court que `epsilon`, et l'on peut s'éloigner de `steps` × `step_size`.
#
# </details>
#
# ## Pour aller plus loin
#
# - Cherchez le plus petit $\varepsilon$ pour chaque image, par dichotomie, avec FGSM puis avec PGD : les rangs sont-ils les mêmes ?
# - `attacks.pgd(…, ball=gradient.L2)` attaque dans une boule euclidienne (`from labs.attacks import gradient`). Comparez les images.
# - Tout ceci suppose qu'on écrit directement les pixels. Les leçons 6.3 et 6.4 passent par le monde réel, et la leçon 6.5 montre comment mesurer une défense.
