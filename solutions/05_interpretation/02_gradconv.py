# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Remonter les convolutions : explications, ou contours ?
#
# > Une méthode dessine le chat au trait, avec ses yeux et sa truffe ; une autre pose une tache floue. La plus belle est-elle la plus vraie ? Vous allez les écrire, leur montrer un chat et un chien sur la même image, puis détruire le réseau sous elles.
#
# **À la fin, vous saurez** remonter une ReLU de trois façons (gradient, *deconvnet*, rétropropagation guidée), calculer Grad-CAM à la main et avec `labs`, choisir la couche, séparer deux classes dans une image, dire ce qui explique et ce qui ne fait que tracer des contours, et dessiner l'image préférée d'un filtre ou d'une classe.
#
# **Prérequis** : leçons 2.3, 2.4 et 5.1 · **Durée** : 45 min · **Références** : Zeiler & Fergus 2014, *Visualizing and Understanding Convolutional Networks* ; Springenberg et al. 2015, *Striving for Simplicity: The All Convolutional Net* ; Selvaraju et al. 2017, *Grad-CAM* ; Adebayo et al. 2018, *Sanity Checks for Saliency Maps* ; Mahendran & Vedaldi 2015, *Understanding Deep Image Representations by Inverting Them* ; Mordvintsev, Olah & Tyka 2015, *Inceptionism* ; Olah, Mordvintsev & Schubert 2017, *Feature Visualization*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import cv2
import keras
import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr

from labs import datasets, explain, plots, weights, zoo
from labs.checks import interpretation as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`.

# %%
size = runtime.budget(rapide=96, cours=160, complet=224)  # côté des photographies, en pixels
pairs = runtime.budget(rapide=4, cours=24, complet=100)  # montages chat et chien
tested = runtime.budget(rapide=2, cours=10, complet=50)  # images de l'épreuve
ascent = runtime.budget(rapide=3, cours=80, complet=300)  # pas de la montée, pour une classe
climb = runtime.budget(rapide=2, cours=40, complet=200)  # pas de la montée, pour un filtre

# %% [markdown]
# ## 1. Trois façons de remonter une ReLU
#
# À l'aller, une ReLU rend $f = \max(x, 0)$. Au retour, elle reçoit un signal $R$, qui vient de la couche au-dessus, et doit en rendre un à la couche d'en dessous. Springenberg et al. (2015, figure 1) rangent trois réponses côte à côte :
#
# | règle | ce qui redescend |
# | --- | --- |
# | gradient ordinaire | $R$ là où l'unité était **active** ($x > 0$) |
# | *deconvnet* (Zeiler & Fergus 2014) | $R$ là où **$R$ est positif**, sans regarder $x$ |
# | rétropropagation guidée | $R$ là où **les deux** sont vrais |
#
# Seule la première est une dérivée. Les deux autres sont des **recettes** de dessin, qui écartent ce qui ferait baisser le score.
#
# | Exercice 5.2.a | difficulté ●○○ | 4 min | vérifié : les trois règles dans l'ordre ; l'ordinaire est égale aux différences finies |
# | --- | --- | --- | --- |
#
# Écrivez `relu_rules(x, gradient)` : à partir de ce qui était entré dans la ReLU et de ce qui revient d'au-dessus, de même forme, les trois signaux qui redescendent, dans l'ordre du tableau.


# %%
def relu_rules(x, gradient):
    """What goes down a ReLU of input x: (ordinary, deconvnet, guided), each of the shape of x."""
    ### BEGIN SOLUTION
    active, positive = x > 0, gradient > 0
    return gradient * active, gradient * positive, gradient * active * positive
    ### END SOLUTION


# %% tags=["check"]
check.relu_rules(relu_rules)

# %% [markdown] tags=["solution"]
# Le masque `active` vient de l'aller, donc de l'**image** ; le masque `positive` vient du retour, donc, quand aucun masque `active` ne s'y mêle (le deconvnet), des seuls **poids** et de la classe. Gardez cette différence en tête : elle décidera de tout à la section 2.

# %% [markdown]
# Un réseau entier n'est qu'une suite de ces étapes. En voici un minuscule, à deux couches cachées, que nous remontons à la main ; seule change la règle appliquée aux ReLU.

# %%
rules = {
    "gradient": lambda x, back: back * (x > 0),
    "deconvnet": lambda x, back: back * (back > 0),
    "guidée": lambda x, back: back * (x > 0) * (back > 0),
}
tiny = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
for layer in (keras.layers.Dense(12, "relu"), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)):
    tiny.add(layer)


# %%
def backward(images, label, rule):
    """From the logit of `label` of the tiny network down to the images, by `rule` at each ReLU."""
    (w1, b1), (w2, b2), (w3, _) = [layer.get_weights() for layer in tiny.layers[1:]]
    first = images.reshape(len(images), -1) @ w1 + b1
    second = np.maximum(first, 0) @ w2 + b2
    top = np.repeat(w3[None, :, label], len(images), axis=0)
    back = rule(second, top) @ w2.T
    return (rule(first, back) @ w1.T).reshape(images.shape)


# %% tags=["nbval-check-output"]
dots = np.random.default_rng(0).random((5, 4, 4, 1), dtype="float32")
methods = {"gradient": explain.saliency, "deconvnet": explain.deconvnet, "guidée": explain.guided_backprop}
for name, method in methods.items():
    same = np.allclose(backward(dots, 1, rules[name]), method(tiny, dots, 1), atol=1e-5)
    print(f"{name} : à la main = labs.explain : {same}")

# %% [markdown]
# Pour un vrai réseau, `labs.explain` ne reconstruit rien : au moment où TensorFlow enregistre le calcul, il change la dérivée de l'opération ReLU elle-même, quelle que soit la couche qui la contient.

# %% [markdown]
# ## 2. Sur une photographie, et une surprise
#
# Retrouvons EfficientNet-Lite0 et les deux photographies de la leçon 5.1. Les cartes gardent ici leurs **couleurs** : gris pour zéro. **Pariez** : laquelle des trois montrera le mieux le chat ?

# %%
lite0 = zoo.efficientnet_lite0(size=size)
photos = np.stack([datasets.photo(name, size=size) for name in ("chat", "cafe")])
names = [name.split(",")[0] for name in datasets.imagenet_names()]
found = zoo.predict(lite0, photos).argmax(axis=1)
print("réponses :", " · ".join(names[label] for label in found))


def tint(card):
    """Grey is 0; the strongest 0.5 % of the values are at the ends of the scale."""
    return np.clip(0.5 + card / (2 * np.quantile(np.abs(card), 0.995) + 1e-30), 0, 1)


# %%
cards = {name: method(lite0, photos, found) for name, method in methods.items()}
plots.show(
    [one for k in range(2) for one in (photos[k], *(tint(card[k]) for card in cards.values()))],
    titles=[title for label in found for title in (names[label], *cards)], columns=4, size=2.6,
)  # fmt: skip

# %% [markdown]
# Le gradient est le semis de points de la leçon 5.1. La rétropropagation guidée est d'une netteté étonnante : les yeux et la truffe du chat, puis la tasse, l'anse, la cuillère et la soucoupe, au trait. Quant au deconvnet… une trame verte, **la même** pour le chat et pour le café. Est-ce un défaut du programme ? Demandons la carte d'une **même** classe pour deux images, à Lite0 puis au petit réseau de Fashion-MNIST de la leçon 3.3, qui a des maxima (*max pooling*).

# %% tags=["nbval-check-output"]
garments = datasets.load("fashion_mnist")
clothes = garments.x_test[:2, ..., None].astype("float32") / 255
cases = {"EfficientNet-Lite0": (lite0, photos), "réseau à maxima": (zoo.fashion_classifier(), clothes)}
for what, (model, images) in cases.items():
    one, other = explain.deconvnet(model, images, 5)
    print(f"{what}, même carte pour deux images : {np.allclose(one, other, atol=1e-3 * np.abs(one).max())}")

# %% [markdown]
# Ce n'est pas un défaut : dans Lite0, le deconvnet **ne regarde pas l'image**. Son masque vient du signal qui redescend, donc des poids et de la classe ; rien de l'aller n'y entre. Dans le réseau de Zeiler & Fergus, l'image entrait par les maxima, qui renvoient le signal là où ils l'avaient pris ; Lite0 n'en a pas. C'est pour de tels réseaux, tout en convolutions, que Springenberg et al. ont proposé la règle guidée, qui remet le masque de l'aller.

# %% [markdown]
# ## 3. Couche par couche
#
# Zeiler & Fergus ne partaient pas d'une classe, mais d'un **neurone** : ils cherchaient l'image qui l'excite le plus, et remontaient de là. Rien de plus simple : un modèle qui s'arrête à une couche, et rend le maximum de chacune de ses cartes. Suivons, à trois profondeurs, la carte la plus active sur le chat. **Pariez** : quelle surface de l'image chaque neurone voit-il ?

# %%
depths = ("stage2-2.add", "stage3-2.add", "stage5-3.add")
cat, cat_class, neurons = photos[:1], int(found[0]), {}
for depth in depths:
    strongest = keras.layers.GlobalMaxPooling2D()(lite0.get_layer(depth).output)
    cut = keras.Model(lite0.input, strongest)
    unit = int(zoo.predict(cut, cat).argmax())
    neurons[f"{depth.split('.')[0]}, carte {unit}"] = explain.guided_backprop(cut, cat, unit)[0]

# %%
plots.show(
    {"photographie": cat[0], **{title: tint(card) for title, card in neurons.items()}},
    columns=4, size=3, title="Rétropropagation guidée depuis le neurone le plus actif",
)  # fmt: skip
rows = [[title, f"{(card != 0).any(axis=-1).mean():.1%}"] for title, card in neurons.items()]
plots.table(rows, header=["neurone", "part de l'image atteinte"])

# %% [markdown]
# Le champ s'élargit avec la profondeur : 1,4 % de l'image à `stage2-2`, un petit carré au bord de l'œil ; 15,2 % à `stage3-2`, sur la truffe ; à `stage5-3`, toute l'image est atteinte, mais presque tout le dessin est l'œil de gauche, avec un soupçon de celui de droite. Nous disons « la truffe » ou « l'œil » ; le réseau, lui, n'a donné que des numéros de cartes. Une seule image ne suffit pas à nommer un neurone.

# %% [markdown]
# ## 4. Grad-CAM : demander aux dernières cartes
#
# Selvaraju et al. (2017) s'arrêtent à une couche de convolution, souvent la dernière : ses cartes $A^k$ savent encore **où**, et déjà **quoi**. Chaque carte reçoit un poids, la moyenne du gradient du logit de la classe (équation 1) ; puis on additionne, et on ne garde que ce qui pousse vers la classe (équation 2) :
#
# $$ \alpha_k^c = \frac{1}{Z} \sum_i \sum_j \frac{\partial y^c}{\partial A_{ij}^k} \qquad L^c = \mathrm{ReLU}\Big(\sum_k \alpha_k^c A^k\Big) $$
#
# | Exercice 5.2.b | difficulté ●●○ | 6 min | vérifié : égal à la somme carte par carte, pour trois formes de lots |
# | --- | --- | --- | --- |
#
# Écrivez `grad_cam(maps, gradients)` : à partir des cartes d'une couche et du gradient du logit par rapport à elles, `(N, h, w, K)` toutes deux, la carte Grad-CAM `(N, h, w)`.


# %%
def grad_cam(maps, gradients):
    """Grad-CAM (N, h, w) from the maps of a layer (N, h, w, K) and the gradients of the logit over them."""
    ### BEGIN SOLUTION
    weights = gradients.mean(axis=(1, 2), keepdims=True)  # (N, 1, 1, K)
    return np.maximum((weights * maps).sum(axis=-1), 0)
    ### END SOLUTION


# %% tags=["check"]
check.grad_cam(grad_cam)

# %% [markdown] tags=["solution"]
# La moyenne se prend image par image : chaque image a ses propres poids. La ReLU vient **après** la somme : une carte de poids négatif peut effacer une région qu'une autre avait éclairée.

# %% [markdown]
# Reste à obtenir les cartes et leur gradient. À la main, il faut un modèle à deux sorties. Essayons ensuite avec Lite0 rangé **dans** un autre modèle, comme lorsqu'on fait du transfert (leçon 2.4).

# %%
last = "head.relu-conv"
halves = keras.Model(lite0.input, [lite0.get_layer(last).output, lite0.output])
with tf.GradientTape() as tape:
    maps, logits = halves(cat, training=False)
    score = logits[:, cat_class]
slopes = tape.gradient(score, maps).numpy()
weighted = (slopes.mean(axis=(1, 2), keepdims=True) * maps.numpy()).sum(axis=-1)
by_hand = np.maximum(weighted, 0)

# %%
inputs = keras.Input((size, size, 3))
nested = keras.Model(inputs, lite0(keras.layers.RandomFlip()(inputs)))
try:
    keras.Model(nested.input, nested.get_layer(last).output)
except ValueError as error:
    print(str(error).split("Existing")[0])

# %% tags=["nbval-check-output"]
close = {"atol": 1e-4 * by_hand.max()}
print("forme :", by_hand.shape == explain.grad_cam(lite0, cat, cat_class).shape)
print("à la main = labs.explain :", np.allclose(by_hand, explain.grad_cam(lite0, cat, cat_class), **close))
deep = explain.grad_cam(nested, cat, cat_class, last)
print("modèle imbriqué : même carte :", np.allclose(by_hand, deep, **close))

# %% [markdown]
# Sans `labs`, le modèle imbriqué résiste : de l'extérieur, la couche n'existe pas, et il faudrait rebâtir le réseau. `explain.grad_cam` la cherche à toute profondeur et note ce qu'elle rend pendant le calcul ; la carte est la même.

# %% [markdown]
# La couche se choisit. **Pariez** : que montrera Grad-CAM sur une couche plus basse, aux cartes plus fines ?

# %%
layers = ("stage3-2.add", "stage5-3.add", last)
heat = [explain.upsample(explain.grad_cam(lite0, cat, cat_class, layer), (size, size))[0] for layer in layers]
guided = explain.guided_backprop(lite0, cat, cat_class)[0]
product = guided * heat[-1][..., None]
shown = {layer: one / one.max() for layer, one in zip(layers, heat)}
plots.show(
    {"photographie": cat[0], **shown, "guidée": tint(guided), "guidée × Grad-CAM": tint(product)},
    columns=3, size=3.2, title="Grad-CAM selon la couche, et Grad-CAM guidée",
)  # fmt: skip

# %% tags=["nbval-check-output"]
theirs = explain.guided_grad_cam(lite0, cat, cat_class)[0]
print("le produit = explain.guided_grad_cam :", np.allclose(product, theirs, atol=1e-4 * np.abs(theirs).max()))

# %% [markdown]
# Plus bas, les cartes sont plus fines, mais le sens s'y perd : à `stage3-2`, des taches éparses, dont les plus fortes sont au bord gauche et dans le coin, hors des yeux et du museau. À `stage5-3`, les deux yeux et le museau. À la dernière couche, une seule masse au milieu : à 160 pixels, elle n'a que 5×5 cases. C'est le compromis de la méthode : **quoi** en haut, **où** plus bas.
#
# Le produit, **Grad-CAM guidée**, garde les traits de l'une et la région de l'autre. Ici le chat remplit l'image : le produit ne fait guère que pâlir les bords.

# %% [markdown]
# ## 5. Deux classes sur une même image
#
# Voici l'épreuve qui a fait le succès de Grad-CAM : deux objets, une question par classe. Le cours n'a aucune photographie avec un chat **et** un chien ; nous faisons donc des **montages**, et nous le disons. D'abord la moitié du chat et la moitié du café, côte à côte, dans Lite0. **Pariez** : quelles méthodes changeront de côté avec la classe ?

# %%
left, right = (datasets.photo(name)[:277, x : x + 138] for name, x in (("chat", 60), ("cafe", 140)))
montage = np.concatenate([left, right], axis=1)
montage = np.clip(cv2.resize(montage, (size, size), interpolation=cv2.INTER_AREA), 0, 1)[None]
answers = np.asarray(keras.ops.softmax(zoo.predict(lite0, montage)))[0]
print(" · ".join(f"{names[c]} {answers[c]:.2f}" for c in np.argsort(-answers)[:5]))

# %%
shown = {"montage": montage[0]}
for label in found:
    shown |= {f"guidée : {names[label]}": tint(explain.guided_backprop(lite0, montage, label)[0])}
    coarse = explain.upsample(explain.grad_cam(lite0, montage, label), (size, size))[0]
    shown |= {f"Grad-CAM : {names[label]}": coarse / coarse.max()}
    shown |= {f"Grad-CAM guidée : {names[label]}": tint(explain.guided_grad_cam(lite0, montage, label)[0])}
order = [0, 1, 2, 3, 0, 4, 5, 6]
titles = list(shown)
plots.show([shown[titles[k]] for k in order], titles=[titles[k].replace(" : ", " :\n") for k in order],
           columns=4, size=3)  # fmt: skip

# %% [markdown]
# Le réseau hésite, ce qui nous arrange : chat 0,21, expresso 0,20. Les deux cartes guidées se ressemblent beaucoup : l'œil du chat y est le trait le plus fort **même quand on demande l'expresso**. Grad-CAM, elle, change de côté : la moitié du chat, puis celle de la tasse. Et Grad-CAM guidée ne montre presque que le bon objet ; sous « espresso », il reste pourtant l'œil, parce qu'il touche la frontière et que Grad-CAM est trop grossière pour l'exclure.

# %% [markdown]
# Une image ne prouve rien : comptons. CIFAR-10, lui, a des chats et des chiens. ResNet-20 (leçon 2.3) finit par une moyenne sur toute la carte : il accepte une image deux fois plus large. À gauche un chat, à droite un chien, tous deux reconnus lorsqu'ils sont seuls ; pour chaque méthode, la **part de la carte du bon côté**. Une carte qui ignore la classe aurait 50 %.

# %%
resnet = weights.restore(zoo.resnet(20), "resnet20")
wide = weights.restore(zoo.resnet(20, input_shape=(32, 64, 3)), "resnet20")
cifar = datasets.load("cifar10")
photographs, truth = cifar.x_test[:1500].astype("float32") / 255, cifar.y_test[:1500]
right = zoo.predict(resnet, photographs).argmax(axis=1) == truth
cats, dogs = (np.flatnonzero(right & (truth == label))[:pairs] for label in (3, 5))
duos = np.concatenate([photographs[cats], photographs[dogs]], axis=2)
twos = np.sort(np.argsort(-zoo.predict(wide, duos), axis=1)[:, :2], axis=1)
both = (twos == (3, 5)).all(axis=1).sum()
print(f"chat et chien sont les deux premières réponses : {both} montages sur {pairs}")

# %%
methods |= {"Grad-CAM": explain.grad_cam, "Grad-CAM guidée": explain.guided_grad_cam}


def strength(card):
    """One positive number a pixel, whatever the method."""
    return np.abs(card).max(axis=-1) if card.ndim == 4 else card


def left_share(card):
    """Mean share of the maps (N, h, w) that is on the left, where the cat is."""
    return np.mean(card[:, :, : card.shape[2] // 2].sum(axis=(1, 2)) / (card.sum(axis=(1, 2)) + 1e-30))


# %%
shares = {}
for name, method in methods.items():
    shares[name] = [left_share(strength(method(wide, duos, label))) for label in (3, 5)]
rows = [[name, f"{cat_side:.0%}", f"{dog_side:.0%}", f"{100 * (cat_side - dog_side):.0f} points"]
        for name, (cat_side, dog_side) in shares.items()]  # fmt: skip
plots.table(rows, header=["méthode", "à gauche, si « chat »", "à gauche, si « chien »", "écart"])

# %% tags=["nbval-check-output"]
gap = {name: one - other for name, (one, other) in shares.items()}
one, other = explain.deconvnet(wide, duos[:2], 3)
print("deconvnet, même carte pour deux montages :", np.allclose(one, other, atol=1e-3 * np.abs(one).max()))
print("le deconvnet ne change presque pas de côté :", gap["deconvnet"] < 0.1)
print("Grad-CAM change plus de côté que la guidée :", gap["Grad-CAM"] > gap["guidée"] + 0.05)
print("Grad-CAM guidée, plus encore :", gap["Grad-CAM guidée"] > gap["Grad-CAM"] + 0.05)

# %% [markdown]
# L'écart entre les deux questions mesure ce qui dépend de la classe. Deconvnet : 4 points, et ce n'est pas l'image qui les donne, puisque sa carte est la même d'un montage à l'autre : ResNet-20 n'a pas de maxima non plus. La guidée fait 20 points, à peine plus que le gradient, 17 ; ce n'est pas rien, l'œil seul ne l'aurait pas vu. Grad-CAM en fait 34, et Grad-CAM guidée 55 : 72 % de la carte du côté du chat quand on demande le chat, 17 % quand on demande le chien. Aucune n'atteint 100 % : la moitié d'en face compte un peu aussi, ne serait-ce que par la largeur des champs réceptifs.

# %% [markdown]
# ## 6. Explications ou contours ? Détruire le réseau
#
# La leçon 5.1 a détruit le réseau bloc par bloc, de la sortie vers l'entrée (Adebayo et al. 2018) : le gradient y changeait, la rétropropagation guidée presque pas. Ajoutons le deconvnet, Grad-CAM et Grad-CAM guidée, et une question de plus : la carte ressemble-t-elle simplement aux **contours** de l'image, qu'un filtre de Sobel (leçon 2.1) trace sans aucun réseau ? **Pariez** : lesquelles des cinq passeront l'épreuve ?

# %%
x, y = photographs[right][:tested], truth[right][:tested]
edges = []
for gray in x.mean(axis=-1):
    edges.append(np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)))


def alike(cards, others):
    """Mean rank correlation, map by map; a map that is 0 everywhere is like nothing."""
    both = [(one.ravel(), other.ravel()) for one, other in zip(cards, others)]
    flat = [min(np.ptp(one), np.ptp(other)) == 0 for one, other in both]
    return np.mean([0.0 if none else spearmanr(*two).statistic for none, two in zip(flat, both)])


# %%
blocks, intact, kept, seen = [], {}, {name: [] for name in methods}, {}
for block, network in explain.cascade(resnet):
    blocks.append(block)
    for name, method in methods.items():
        card = strength(method(network, x, y))
        intact.setdefault(name, card)
        kept[name].append(alike(card, intact[name]))
        seen[name, len(blocks) - 1] = explain.upsample(card, (32, 32))

# %%
plots.curves(
    kept, x=range(len(blocks)), title="Ressemblance avec la carte du réseau intact",
    xlabel="blocs détruits, à partir de la sortie", ylabel="corrélation de rang",
    alt="Cinq courbes partent de 1 ; la guidée descend lentement, les autres tombent en deux blocs",
)  # fmt: skip

# %%
end, rows = len(blocks) - 1, []
for name in methods:
    outlines = [alike(seen[name, k], edges) for k in (0, end)]
    rows.append([name, *(f"{one:.2f}" for one in (kept[name][2], kept[name][end], *outlines))])
header = ["méthode", "2 blocs détruits", "tout détruit", "contours, intact", "contours, tout détruit"]
plots.table(rows, header=header)
empty = sum(card.max() == 0 for card in seen["Grad-CAM", end])
print(f"Grad-CAM entièrement nulle, tout détruit : {empty} images sur {tested}")

# %%
drawn = [name for name in methods if name != "deconvnet"]
stages = {0: "réseau appris", 2: "2 blocs détruits", 4: "4 blocs détruits", end: "tout détruit"}
panels = {(name, k): seen[name, k][1] for name in drawn for k in stages}
shown = [np.minimum(card / (np.quantile(card, 0.99) + 1e-30), 1) for card in panels.values()]
titles = [f"{name}\n{stages[k]}" for name, k in panels]
for row in range(0, 20, 5):
    shown.insert(row, x[1])
    titles.insert(row, "image\n")
plots.show(shown, titles=titles, columns=5, size=2.2)

# %% tags=["nbval-check-output"]
edge = {name: alike(seen[name, 0], edges) for name in methods}
print("deux blocs détruits, guidée au-dessus de 0,6 :", kept["guidée"][2] > 0.6)
print("deux blocs détruits, Grad-CAM sous 0,5 :", kept["Grad-CAM"][2] < 0.5)
print("la guidée ressemble plus aux contours que le gradient :", edge["guidée"] > edge["gradient"] + 0.1)

# %% [markdown]
# Méthode par méthode :
#
# - **Le gradient passe** : 0,32 après deux blocs, et presque aucun rapport avec les contours (0,04).
# - **La guidée échoue.** Elle garde 0,86 après deux blocs, et 0,45 quand tout est détruit. Surtout, elle ressemble autant aux contours avec un réseau au hasard (0,33) qu'avec le réseau appris (0,35) : cette ressemblance ne prouve donc aucun apprentissage. (Tout n'y vient pas de l'image : dans le réseau détruit, le deconvnet, qui ne la regarde pas, est déjà à 0,19, comme le gradient.) Sur la figure, le dessin du bateau ne bouge presque pas jusqu'à quatre blocs.
# - **Grad-CAM passe** : 0,19 après deux blocs, presque zéro ensuite ; tout détruit, elle est même entièrement nulle pour 4 images sur 10. Ressembler aux contours (0,27 intact) n'est pas une faute, l'objet en a ; la faute est d'y ressembler **encore** quand plus rien n'est appris.
# - **Grad-CAM guidée passe ici**, 0,40 puis 0,04, mais par son facteur Grad-CAM. Regardez la figure à deux blocs : là où la région subsiste, les points sont ceux de la guidée. Sur Inception v3, Adebayo et al. la rangent parmi celles qui échouent. Ne croyez que la région, pas les traits.
# - **Le deconvnet** passe aussi, 0,39 puis 0,03… et ne voit pas l'image. Il fallait donc **deux** questions : la carte dépend-elle du réseau ? dépend-elle de l'image ?
#
# Dix images et un seul tirage de poids : l'ordre de grandeur est net, pas la deuxième décimale.

# %% [markdown]
# ## 7. L'image préférée d'un filtre, ou d'une classe
#
# Changeons de question : non plus « qu'a-t-il vu dans cette image ? », mais « que **cherche**-t-il ? ». Pour la première couche, il suffit de regarder les poids.

# %%
kernel = lite0.get_layer("stem.conv").get_weights()[0]  # (3, 3, 3, 32)
alive = np.abs(kernel).max(axis=(0, 1, 2)) > 1e-3
plots.show([tint(alive[k] * kernel[..., k]) for k in range(32)], columns=8, size=1.2,
           title="Les 32 premiers filtres de Lite0, 3×3 pixels",
           alt="Des bords de plusieurs directions, des carrés d'une couleur, quatre carrés gris")  # fmt: skip

# %% tags=["nbval-check-output"]
print("filtres éteints :", (~alive).sum())

# %% [markdown]
# Sur trois pixels, on lit des bords, verticaux, horizontaux ou en coin, et des filtres d'une seule couleur, bleus, violets, verts, roses ou orange. Quatre filtres sur 32 sont éteints : leurs poids sont nuls, ou presque. Ils ne servent à rien.
#
# Pour la suite, les poids ne se lisent plus. On part d'un bruit et on **monte** le gradient de la réponse voulue, par rapport à l'image. Sans frein, on obtient des fréquences folles ; Mahendran & Vedaldi (2015) pénalisent la **variation totale**, ici avec leur exposant $\beta = 2$ :
#
# $$ V(x) = \sum_{i,j} \big( (x_{i,j+1} - x_{ij})^2 + (x_{i+1,j} - x_{ij})^2 \big)^{\beta/2} $$
#
# | Exercice 5.2.c | difficulté ●●○ | 6 min | vérifié : égal à la somme voisin par voisin, trois formes ; une valeur par image ; dérivable |
# | --- | --- | --- | --- |
#
# Écrivez `total_variation(images)` : pour des images `(N, H, W, C)`, la somme `(N,)` des carrés des différences entre voisins, verticaux et horizontaux, tous canaux compris. Avec `keras.ops`, pour pouvoir la dériver.


# %%
def total_variation(images):
    """Sum (N,) of the squared differences between neighbours of images (N, H, W, C)."""
    ### BEGIN SOLUTION
    down, right = images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]
    return sum(keras.ops.sum(keras.ops.square(one), (1, 2, 3)) for one in (down, right))
    ### END SOLUTION


# %% tags=["check"]
check.total_variation(total_variation)

# %% [markdown] tags=["solution"]
# Avec $\beta = 2$, l'exposant disparaît et la somme se sépare en deux sommes indépendantes. `tf.image.total_variation` prend, elle, les valeurs absolues : lisez toujours la définition avant de comparer deux réglages.

# %% [markdown]
# Deux précautions de plus, usuelles en visualisation (Olah et al. 2017) : décaler l'image au hasard à chaque pas, pour qu'aucun motif ne s'accroche à un pixel précis ; et faire passer l'image par une sigmoïde, qui la garde dans $[0, 1]$.


# %%
def gain(model, images, units, weight):
    """What we climb: the outputs wanted, less weight × total variation."""
    down, right = images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]
    rough = tf.reduce_sum(down**2, (1, 2, 3)) + tf.reduce_sum(right**2, (1, 2, 3))
    outputs = model(images, training=False)
    return tf.gather(outputs, units, axis=1, batch_dims=1) - weight * rough


# %%
def preferred(model, units, steps, weight, jitter):
    """Images in [0, 1] that raise the outputs `units`, one each, from a little noise."""
    rng, optimizer = np.random.default_rng(0), keras.optimizers.Adam(0.05)
    raw = tf.Variable(rng.normal(0, 0.1, (len(units), *model.input_shape[1:])).astype("float32"))
    optimizer.build([raw])

    @tf.function
    def step(shift):
        with tf.GradientTape() as tape:
            total = -tf.reduce_sum(gain(model, tf.roll(tf.sigmoid(raw), shift, (1, 2)), units, weight))
        optimizer.apply(tape.gradient(total, [raw]), [raw])

    for shift in rng.integers(-jitter, jitter + 1, (steps, 2)).astype("int32"):
        step(tf.constant(shift))
    return tf.sigmoid(raw).numpy()


# %% [markdown]
# D'abord des filtres, à quatre profondeurs : six cartes de chacune, dont on monte la moyenne. **Pariez** : qu'est-ce qui change avec la profondeur ?

# %%
small, favourites = zoo.efficientnet_lite0(size=64), {}
for depth in ("stem.relu-conv", "stage2-2.add", "stage3-2.add", "stage5-3.add"):
    mean = keras.layers.GlobalAveragePooling2D()(small.get_layer(depth).output)
    images = preferred(keras.Model(small.input, mean), range(6), climb, weight=5e-4, jitter=2)
    favourites |= {f"{depth.split('.')[0]}, {k}": image for k, image in enumerate(images)}
plots.show(favourites, columns=6, size=1.5, title="L'image préférée de six cartes, à quatre profondeurs")

# %% [markdown]
# À l'entrée (`stem`), des couleurs unies, noir, blanc, bleu, rouge, et des rayures d'un pixel. À `stage2-2`, des rayures colorées, chacune avec sa direction. À `stage3-2`, des quadrillages et des tresses. À `stage5-3`, des courbes, des écailles, des ronds qui font penser à des yeux. Des motifs simples, puis des motifs de motifs.
#
# Puis des classes entières : un flamant (*flamingo*) et un expresso, sans aucun frein, puis avec la variation totale et les décalages (la sigmoïde sert dans les deux cas). **Pariez** : l'image sans frein convaincra-t-elle le réseau ?

# %%
medium = zoo.efficientnet_lite0(size=runtime.budget(rapide=64, cours=128, complet=128))
flights = [(0.0, 0), (0.1, 8)]  # poids de la variation totale, décalage en pixels
dreams = np.concatenate([preferred(medium, [130, 967], ascent, *how) for how in flights])
wanted, brake = [130, 967, 130, 967], ["sans frein"] * 2 + ["avec freins"] * 2
sure = np.asarray(keras.ops.softmax(zoo.predict(medium, dreams)))[range(4), wanted]
rough = np.square(np.diff(dreams, axis=1)).sum((1, 2, 3)) + np.square(np.diff(dreams, axis=2)).sum((1, 2, 3))

# %%
plots.show([tint(dream - 0.5) for dream in dreams], columns=4, size=2.6,
           titles=[f"{names[label]}\n{how}" for label, how in zip(wanted, brake)])  # fmt: skip
rows = [[names[label], how, f"{p:.2f}", f"{v:.0f}"] for label, how, p, v in zip(wanted, brake, sure, rough)]
plots.table(rows, header=["classe", "frein", "probabilité", "variation totale"])

# %% tags=["nbval-check-output"]
print("sans frein, le réseau est sûr à 90 % :", bool((sure[:2] > 0.9).all()))
print("les freins divisent la variation totale par deux au moins :", bool((rough[2:] < rough[:2] / 2).all()))

# %% [markdown]
# Sans frein, le réseau est certain (1,00) devant ce qui n'est, pour nous, que du bruit. Avec les freins, la variation totale tombe de 1281 à 416 pour le flamant, de 1282 à 239 pour l'expresso, et le réseau reste sûr, à 0,99 au moins. Pour l'œil, le gain est mince : une courbe rouge et blanche, en haut au milieu, rappelle un cou et un bec ; dans l'expresso, des anneaux et des bords arrondis, mais pas de tasse. Retenez ceci : un score très sûr ne veut pas dire une image vraisemblable.
#
# ## 8. Changer de coordonnées
#
# Olah et al. (2017) ne se contentent pas de freiner : ils changent de **coordonnées**. Au lieu des pixels, montons les coefficients de Fourier de l'image, divisés par leur **fréquence** : un même pas bouge alors davantage ce qui varie lentement, comme dans une photographie, dont le spectre décroît à peu près ainsi. Les couleurs aussi : dans une photographie, les trois canaux vont presque toujours ensemble ; prenons pour axes ceux de leur covariance, mesurée ici sur CIFAR-10.

# %%
side = medium.input_shape[1] + 16  # 8 pixels de marge, pour tourner l'image sans coins vides
frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
slow = (side / 4 / np.maximum(frequency, 1 / side)).astype("float32")
variances, directions = np.linalg.eigh(np.cov(photographs.reshape(-1, 3).T))
colours = (directions * np.sqrt(variances / variances.max())).T.astype("float32")


def paint(waves):
    """Images in [0, 1] from the real and imaginary parts of their waves: (2, N, 3, side, side // 2 + 1)."""
    pictures = tf.signal.irfft2d(tf.complex(waves[0] * slow, waves[1] * slow), [side, side])
    return tf.sigmoid(tf.transpose(pictures, (0, 2, 3, 1)) @ colours)


# %% [markdown]
# À chaque pas, le réseau voit l'image décalée, mais aussi tournée (20° au plus), agrandie ou réduite (20 % au plus, environ) : un flamant doit rester un flamant. Le reste ne change pas, variation totale comprise. **Pariez** : verrez-vous mieux le flamant ?


# %%
def move(rng):
    """A random shift, turn and zoom, as the eight numbers TensorFlow wants."""
    turn, zoom = rng.uniform(-20, 20), np.exp(rng.uniform(-0.2, 0.2))
    matrix = cv2.getRotationMatrix2D((side / 2 - 8, side / 2 - 8), turn, zoom)
    matrix[:, 2] += 8 + rng.uniform(-8, 8, 2)
    return np.append(matrix, [0, 0])[None].astype("float32")


def view(images, how):
    """What the network sees of the images."""
    kind = {"interpolation": "BILINEAR", "fill_mode": "REFLECT", "fill_value": 0.0}
    seen = [side - 16, side - 16]
    return tf.raw_ops.ImageProjectiveTransformV3(images=images, transforms=how, output_shape=seen, **kind)


# %%
def imagine(units, steps):
    """`preferred`, in the coordinates of the waves, for the classes of the network `medium`."""
    rng, optimizer = np.random.default_rng(0), keras.optimizers.Adam(0.05)
    waves = tf.Variable(rng.normal(0, 0.01, (2, len(units), 3, *frequency.shape)).astype("float32"))
    optimizer.build([waves])

    @tf.function
    def step(how):
        with tf.GradientTape() as tape:
            total = -tf.reduce_sum(gain(medium, view(paint(waves), how), units, 0.1))
        optimizer.apply(tape.gradient(total, [waves]), [waves])

    for _ in range(steps):
        step(tf.constant(move(rng)))
    return paint(waves).numpy()[:, 8:-8, 8:-8]


# %%
subjects = [130, 967, 1, 323]  # flamant, expresso, poisson rouge, monarque
visions = imagine(subjects, ascent)
sure = np.asarray(keras.ops.softmax(zoo.predict(medium, visions)))[range(4), subjects]
titles = [f"{names[label]}\n{p:.2f}" for label, p in zip(subjects, sure)]
plots.show([tint(vision - 0.5) for vision in visions], titles=titles, columns=4, size=3)


# %%
def fine(images):
    """Share (N,) of the contrast of images (N, H, W, C) above a quarter of a cycle a pixel."""
    power = np.abs(np.fft.fft2(images - images.mean((1, 2), keepdims=True), axes=(1, 2))) ** 2
    high = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(images.shape[1])])) > 0.25
    return power[:, high].sum((1, 2)) / power.sum((1, 2, 3))


real = np.stack([datasets.photo(name, size=side - 16) for name in datasets.PHOTOS])
families = {"photographies": real, "sans frein": dreams[:2], "avec freins": dreams[2:], "ondes": visions}
rows = [[name, *(f"{one(fine(images)):.0%}" for one in (np.min, np.max))] for name, images in families.items()]
plots.table(rows, header=["images", "détails fins, au moins", "au plus"])

# %% tags=["nbval-check-output"]
answers = zoo.predict(medium, visions).argmax(axis=1)
print("le réseau reconnaît les quatre sujets :", bool((answers == subjects).all()))
print("détails fins, deux fois moins que sur les pixels :", bool(fine(visions).max() < fine(dreams).min() / 2))

# %% [markdown]
# Le progrès saute aux yeux. Le **flamant** a une tête claire, avec son œil, un gros bec courbe orangé, et du vert derrière lui. Le **poisson rouge** a un œil énorme, des écailles, et il est orange. Le **monarque** a le corps noir à points blancs et les ailes orange à nervures noires. L'**expresso** est le moins net : un bord de tasse brun et clair, des bulles, de la mousse peut-être. C'est le même réseau, le même nombre de pas, le même score à monter : seuls les coordonnées et les mouvements ont changé.
#
# Le tableau dit pourquoi : les détails fins, au-delà d'un quart de cycle par pixel, font de 2 à 4 % du contraste de nos photographies, 50 % et plus de celui des images sans frein, encore 26 % au moins avec les freins ; en ondes, de 3 à 9 %. Mais gardez la tête froide. Nous avons **imposé** que l'image ressemble à une photographie ; ce que vous reconnaissez vient du réseau **et** de cette contrainte. Et les images sans frein disaient vrai elles aussi : ce bruit-là suffit à le convaincre.

# %% [markdown]
# ## À retenir
#
# - Gradient, deconvnet et rétropropagation guidée ne diffèrent que par la règle de retour des ReLU ; seul le premier est une dérivée. Sans maxima, le deconvnet ne dépend même pas de l'image.
# - La rétropropagation guidée est la plus nette, et surtout un **détecteur de contours** : elle survit à la destruction du réseau.
# - **Grad-CAM** pèse les cartes d'une couche par leur gradient moyen : grossière, mais elle suit la classe et passe l'épreuve. La couche règle le compromis entre quoi et où.
# - **Grad-CAM guidée** sépare le mieux deux classes ; croyez sa région, pas ses traits.
# - Monter le gradient montre ce qu'une carte ou une classe **cherche**. Sans frein, c'est un bruit qui convainc le réseau ; en coordonnées de Fourier, le sujet apparaît.
#
# ## Questionnaire
#
# 1. Pourquoi le deconvnet donne-t-il la même carte pour deux photographies, dans Lite0 ?
# 2. Où placer la ReLU dans Grad-CAM : sur les poids, ou sur la somme ? Qu'est-ce que cela change ?
# 3. Un réseau finit par la moyenne des cartes, puis une couche dense. Que valent les poids de Grad-CAM à la dernière couche ?
# 4. Un collègue montre une rétropropagation guidée où l'on voit parfaitement une fissure. Que lui demandez-vous ?
# 5. Une image de bruit est classée « flamant » à coup sûr. Qu'apprend-on sur le réseau ?
#
# <details><summary>Réponses</summary>
#
# 1. Son masque ne dépend que du signal qui redescend, et Lite0 n'a pas de maxima par où l'image entrerait. 2. Sur la somme : une carte de poids négatif peut alors effacer une région. 3. Les poids de la couche dense pour cette classe, divisés par le nombre de cases de la carte : Grad-CAM redonne alors, à ce facteur et à la ReLU près, la méthode dont elle est issue, CAM (Zhou et al. 2016). 4. La même carte avec des poids au hasard, et pour une autre classe : la fissure est un contour, elle y serait peut-être aussi. 5. Que son score ne dit pas si l'image est vraisemblable ; le chapitre 6 en fera une attaque.
#
# </details>
#
# ## Pour aller plus loin
#
# - Recommencez la section 5 avec d'autres couches, `layer="stage2-3.add"` par exemple : l'écart grandit-il ?
# - Refaites la section 6 avec `zoo.fashion_classifier()`, qui a des maxima : que devient le deconvnet ?
# - La leçon 5.3 se passe de gradient, en cachant des morceaux de l'image ; la leçon 5.4 explique un détecteur.
