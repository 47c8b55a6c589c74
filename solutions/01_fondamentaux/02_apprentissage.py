# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Apprentissage : fonctions de coût, rétropropagation, SGD et Adam
#
# > Apprendre, c'est mesurer son erreur, savoir d'où elle vient, puis faire un petit pas pour la réduire. Vous allez écrire ces trois gestes à la main, retrouver Keras au cent-millième près, et choisir un taux d'apprentissage sans le deviner.
#
# **À la fin, vous saurez** choisir une fonction de coût, rétropropager un gradient et le vérifier, écrire le momentum et Adam, trouver un bon taux d'apprentissage en une minute, et comparer des optimiseurs sans tricher.
#
# **Prérequis** : leçon 1.1 · **Durée** : 90 min · **Références** : Rumelhart, Hinton & Williams 1986 (rétropropagation) ; Polyak 1964 et Sutskever et al. 2013 (momentum) ; Tieleman & Hinton 2012 (RMSProp) ; Kingma & Ba 2015 (Adam) ; Loshchilov & Hutter 2019 (AdamW) ; Lin et al. 2017 (perte focale) ; Smith 2017 (test du taux)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from labs import datasets, numpy_nn, plots, training
from labs.checks import foundations as check

# %% [markdown]
# Toutes les tailles de la leçon sont ici. Les résultats commentés sont ceux du profil `cours`. Les parties marquées « (pour approfondir) » peuvent être sautées : rien de la suite n'en dépend.

# %%
train_count = runtime.budget(rapide=2_000, cours=50_000, complet=50_000)  # the last 10 000 are for validation
epochs = runtime.budget(rapide=1, cours=5, complet=20)
range_steps = runtime.budget(rapide=60, cours=150, complet=300)

# %%
data = datasets.load("fashion_mnist")
x_train, x_test = (x.reshape(-1, 784).astype("float32") / 255 for x in (data.x_train, data.x_test))
y_train, y_test = data.y_train, data.y_test

# %% [markdown]
# ## 1. Une fonction de coût résume l'erreur en un nombre
#
# La plus simple est l'**erreur quadratique moyenne** (*mean squared error*, MSE) :
#
# $$ L = \frac{1}{n} \sum_i (\hat y_i - y_i)^2 \qquad\qquad \frac{\partial L}{\partial \hat y_i} = \frac{2}{n}\,(\hat y_i - y_i) $$
#
# Sa dérivée dit, pour chaque sortie, dans quel sens la corriger et de combien. Descendons cette pente sur un problème minuscule : trouver **une seule image** qui, comparée à 1 000 baskets, s'en écarte le moins possible en moyenne. **Avant d'exécuter**, dites à quoi elle ressemblera.

# %%
sneakers = x_train[y_train == 7][:1000].astype("float64")
guess = np.zeros(784)
for _ in range(30):
    difference = guess - sneakers  # (1000, 784)
    gradient = 2 * difference.mean(axis=0) / 784
    guess = guess - 200 * gradient
pictures = {"une basket": sneakers[0], "une autre": sneakers[1], "notre réponse": guess}
plots.show({name: picture.reshape(28, 28) for name, picture in pictures.items()}, size=2.6)

# %% tags=["nbval-check-output"]
print("écart à l'image moyenne inférieur à 1e-6 :", np.abs(guess - sneakers.mean(axis=0)).max() < 1e-6)

# %% [markdown]
# La réponse est l'image **moyenne** : l'erreur quadratique pousse toujours vers la moyenne des cibles possibles. C'est ce qu'on veut pour prédire un prix ou une température (la minimiser revient à supposer un bruit gaussien) ; c'est aussi pourquoi un réseau entraîné ainsi à produire des images les rend floues (chapitre 3).

# %% [markdown]
# ## 2. Pour classer : l'entropie croisée
#
# Pour chaque exemple $i$, un classifieur renvoie des *logits* $z_{ik}$, un par classe $k$. La **softmax** en fait des probabilités $p_{ik}$. L'**entropie croisée** (*cross-entropy*) prend celle de la bonne classe, $y_i$, et fait la moyenne de l'opposé de son logarithme sur les $N$ exemples :
#
# $$ p_{ik} = \frac{e^{z_{ik}}}{\sum_j e^{z_{ij}}} \qquad\qquad L = -\frac1N \sum_{i=1}^{N} \log p_{i\,y_i} $$
#
# **Avant d'exécuter** : que donne cette formule, recopiée telle quelle, pour un logit de 1000 ? Et si l'on soustrait d'abord le plus grand logit à tous, ce qui ne change pas $p$ ?

# %% tags=["nbval-check-output"]
logits = np.array([[2.0, 1.0, 0.0], [1000.0, 0.0, -1000.0]])
with np.errstate(all="ignore"):  # the overflow is what we came to see
    naive = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
shifted = logits - logits.max(axis=1, keepdims=True)
stable = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
print("recopiée :", naive[1])
print("stable   :", stable[1])
print("stable = Keras :", np.allclose(stable, keras.ops.log_softmax(logits)))

# %% [markdown]
# $e^{1000}$ déborde, et la formule recopiée ne donne plus que des `nan` et des infinis. La forme stable n'élève jamais $e$ à une puissance positive, et ne calcule jamais le logarithme de zéro. C'est pour que Keras puisse l'utiliser qu'on lui donne des logits (`from_logits=True`) plutôt que des probabilités.

# %% [markdown]
# | Exercice 1.2.a | difficulté ●●○ | 10 min | vérifié : valeur, gradient, un seul exemple, logits de ±1000 |
# | --- | --- | --- | --- |
#
# Écrivez l'entropie croisée **et son gradient** par rapport aux logits, et renvoyez les deux. Ce gradient est d'une simplicité inespérée : la probabilité donnée à chaque classe, moins 1 pour la bonne, le tout divisé par $N$ :
#
# $$ \frac{\partial L}{\partial z_{ik}} = \frac1N \left( p_{ik} - \mathbb 1[k = y_i] \right) $$


# %%
def cross_entropy(logits, labels):
    """Mean cross-entropy of logits (N, K) for integer labels (N,), and its gradient (N, K)."""
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows, count = np.arange(len(labels)), len(labels)
    gradient = np.exp(log_p)
    gradient[rows, labels] -= 1
    return -log_p[rows, labels].mean(), gradient / count
    ### END SOLUTION


# %% tags=["check"]
check.cross_entropy(cross_entropy)

# %% [markdown] tags=["solution"]
# Le maximum se prend **ligne par ligne** : celui du lot entier ferait tomber à zéro toutes les exponentielles d'une ligne de petits logits. Et $\log p$ se calcule directement, sans passer par $p$.

# %% [markdown]
# Un repère à garder en tête : **combien vaut ce coût pour un réseau qui ne sait rien**, et donne la même probabilité aux dix classes ?

# %% tags=["nbval-check-output"]
ignorant, _ = numpy_nn.cross_entropy(np.zeros((10_000, 10)), y_test)
print(f"coût d'un réseau ignorant : {ignorant:.3f} ; ln 10 = {np.log(10):.3f}")

# %% [markdown]
# Si votre premier coût est nettement au-dessus de $\ln K$ (pour $K$ classes), l'initialisation ou les données sont à revoir avant tout entraînement.

# %% [markdown]
# ## 3. Pourquoi pas l'erreur quadratique pour classer ?
#
# Un neurone sigmoïde donne $p = \sigma(z)$, et la bonne réponse est 1. **Pariez** : à $z = -8$, le neurone se trompe avec aplomb ($p$ = 0,0003). Lequel des deux coûts le corrige le plus fort ?

# %% tags=["nbval-check-output"]
slopes = {
    "entropie croisée": lambda p, y: p - y,
    "erreur quadratique": lambda p, y: 2 * (p - y) * p * (1 - p),  # the sigmoid's derivative comes in
}
z = np.array([-8.0, -4.0, 0.0, 4.0])
rows = [[name, *(f"{slope:.4f}" for slope in dL(numpy_nn.sigmoid(z), 1.0))] for name, dL in slopes.items()]
plots.table(rows, header=["dL/dz quand y = 1", *(f"z = {value:g}" for value in z)])

# %% [markdown]
# L'entropie croisée corrige d'autant plus fort que l'erreur est grande. L'erreur quadratique, elle, renonce quand l'erreur devient énorme : la dérivée de la sigmoïde, presque nulle à $z = -8$, étouffe la correction. Vérifions sur de vraies images, basket ou bottine : on part d'un neurone entraîné **avec les étiquettes échangées**, sûr de lui et presque toujours dans l'erreur, puis on lui donne les bonnes.

# %%
kept = np.isin(y_train, (7, 9))
x_pair, y_pair = x_train[kept][:2000], (y_train[kept][:2000] == 9).astype("float32")


def descend(slope, target, weights, steps):
    scores = []
    for _ in range(steps):
        p = numpy_nn.sigmoid(x_pair @ weights)
        weights = weights - 0.1 * x_pair.T @ slope(p, target) / len(p)
        scores.append(np.mean((p > 0.5) == y_pair))
    return weights, scores


# %%
misled, _ = descend(slopes["entropie croisée"], 1 - y_pair, np.zeros(784, "float32"), 200)
recovery = {name: descend(slope, y_pair, misled, 400)[1] for name, slope in slopes.items()}
plots.curves(
    recovery,
    title="Deux coûts pour revenir d'une erreur",
    xlabel="pas",
    ylabel="exactitude",
    alt="L'entropie croisée remonte en quelques pas, l'erreur quadratique reste longtemps bloquée",
)

# %% tags=["nbval-check-output"]
print("entropie croisée, 90 % après 150 pas :", recovery["entropie croisée"][149] > 0.9)
print("erreur quadratique, encore sous 60 % après 120 pas :", recovery["erreur quadratique"][119] < 0.6)
from_zero = [descend(slope, y_pair, np.zeros(784, "float32"), 400)[1][-1] for slope in slopes.values()]
print("depuis des poids nuls, moins de deux points d'écart :", abs(from_zero[0] - from_zero[1]) < 0.02)

# %% [markdown]
# L'entropie croisée repart tout de suite. L'erreur quadratique stagne vers 50 % (elle a retourné une classe et pas l'autre), le temps que ses gradients minuscules s'additionnent. Depuis des poids nuls, les deux font presque jeu égal : le défaut ne se voit que lorsque le réseau est **sûr de lui et dans l'erreur**.

# %% [markdown]
# ## 4. Charnière et focale : doser l'attention
#
# Notons $y = \pm 1$ la classe, $s$ la sortie du neurone et $m = y\,s$ la **marge** : positive si la réponse est juste, grande si elle est sûre. Quatre coûts, quatre façons de doser l'attention :
#
# - quadratique : $(1 - m)^2$
# - logistique (l'entropie croisée à deux classes) : $\log(1 + e^{-m})$
# - **charnière** (*hinge*, celle des SVM) : $\max(0, 1 - m)$
# - **focale** : $(1-p)^\gamma \times$ l'entropie croisée, où $p = \sigma(m)$ est la probabilité de la bonne classe
#
# **Avant d'exécuter**, cherchez lequel punit une réponse *trop* juste, et lequel oublie complètement les exemples réussis.

# %%
margin = np.linspace(-2, 3, 101)
logistic = np.logaddexp(0, -margin)
by_margin = {
    "quadratique": (1 - margin) ** 2,
    "logistique": logistic,
    "charnière": np.maximum(0, 1 - margin),
    "focale, γ = 2": (1 - numpy_nn.sigmoid(margin)) ** 2 * logistic,
}
slopes_by_margin = {name: np.gradient(values, margin) for name, values in by_margin.items()}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
plots.curves(by_margin, x=margin, title="Coût", xlabel="marge m", ylabel="coût", alt="", ax=left)
plots.curves(slopes_by_margin, x=margin, title="Pente", xlabel="marge m", ylabel="dL/dm", alt="", ax=right)
left.set_ylim(0, 5)
right.set_ylim(-3, 3)
plots.publish(figure, "Quatre coûts et leurs pentes selon la marge : seule la quadratique remonte après m = 1")

# %% [markdown]
# La quadratique **remonte** après $m = 1$ : elle punit une réponse trop sûre. La charnière s'arrête net : au-delà de la marge 1, un exemple ne compte plus du tout. La logistique ne s'arrête jamais tout à fait. La focale s'aplatit plus tôt que la logistique : elle se désintéresse des exemples faciles.
#
# Mesurons l'attention : après apprentissage, **quelle part des images tire encore sur les poids** (gradient non nul) ?


# %%
def logistic_loss(scores, signs):
    """Mean of log(1 + exp(-margin)), and its gradient for the scores."""
    margin = signs * scores
    return np.logaddexp(0, -margin).mean(), -signs * numpy_nn.sigmoid(-margin) / len(scores)


signs, active = (2 * y_pair - 1)[:, None], {}
for name, loss in {"logistique": logistic_loss, "charnière": numpy_nn.hinge}.items():
    neuron = numpy_nn.mlp([784, 1])
    numpy_nn.fit(neuron, x_pair, signs, loss=loss, optimizer=numpy_nn.SGD(0.05), epochs=40, batch_size=64)
    scores = neuron.forward(x_pair)
    active[name] = np.mean(loss(scores, signs)[1] != 0)
    print(f"{name:10} exactitude {np.mean(scores * signs > 0):.1%}, images encore actives : {active[name]:.0%}")

# %% tags=["nbval-check-output"]
print("logistique, toutes les images actives :", active["logistique"] > 0.99)
print("charnière, moins d'une sur quatre :", active["charnière"] < 0.25)

# %% [markdown]
# Les exactitudes sont voisines, mais avec la charnière une petite partie des images, celles dont la marge est inférieure à 1, agit encore sur les poids : ce sont, à peu de chose près, les **vecteurs de support** d'une SVM. La charnière se contente d'un bon classement ; ses scores ne sont pas des probabilités. Certains GAN s'en servent aussi.

# %% [markdown]
# ### La focale : quand les exemples faciles noient les autres
#
# Un détecteur d'objets regarde des milliers de zones vides pour une occupée. Chaque zone vide coûte très peu, mais leur **somme** finit par dominer. La focale multiplie le coût par $(1-p)^\gamma$ : avec $\gamma = 2$, un exemple à $p = 0{,}9$ pèse 100 fois moins (Lin et al. 2017).
#
# Gardons 60 bottines pour 6 000 baskets, et regardons quelle part du coût total vient des exemples faciles ($p > 0{,}9$).

# %%
rare = np.concatenate([np.flatnonzero(y_train == 9)[:60], np.flatnonzero(y_train == 7)[:6000]])
x_rare, y_rare = x_train[rare], (y_train[rare] == 9).astype(int)
network = numpy_nn.mlp([784, 2])
numpy_nn.fit(network, x_rare, y_rare, optimizer=numpy_nn.SGD(0.02), epochs=10, batch_size=64)
p = numpy_nn.softmax(network.forward(x_rare))[np.arange(len(y_rare)), y_rare]  # of the true class
easy = p > 0.9
costs = {"entropie croisée": -np.log(p), "focale, γ = 2": -((1 - p) ** 2) * np.log(p)}
shares = {name: cost[easy].sum() / cost.sum() for name, cost in costs.items()}
print(f"exemples faciles : {easy.mean():.0%}")
for name, share in shares.items():
    print(f"{name:17} part du coût due aux faciles : {share:.2%}")

# %% tags=["nbval-check-output"]
print("un exemple à p = 0,9 pèse", round(1 / (1 - 0.9) ** 2), "fois moins avec la focale")
print("entropie croisée : plus d'un dixième du coût vient des faciles :", shares["entropie croisée"] > 0.1)
print("focale : moins d'un centième :", shares["focale, γ = 2"] < 0.01)

# %% [markdown]
# Plus de neuf exemples sur dix sont faciles. Ils portent une part sensible de l'entropie croisée, et presque rien de la focale : elle garde son attention pour les cas difficiles.

# %% [markdown]
# ### La focale, mesurée (pour approfondir)
#
# Qu'y gagne-t-on ? Entraînons le même réseau avec chaque coût, et jugeons-le sur **toutes les images de test** des deux classes. Deux mesures : le rappel (part des bottines trouvées) et l'aire sous la courbe ROC, qui dit si les bottines reçoivent de plus grands scores que les baskets, quel que soit le seuil.

# %%
from sklearn.metrics import roc_auc_score

tested = np.isin(y_test, (7, 9))
truth, ranking = y_test[tested] == 9, {}
for name, loss in {"entropie croisée": numpy_nn.cross_entropy, "focale, γ = 2": numpy_nn.focal}.items():
    network = numpy_nn.mlp([784, 2])
    numpy_nn.fit(network, x_rare, y_rare, loss=loss, optimizer=numpy_nn.SGD(0.02), epochs=10, batch_size=64)
    p = numpy_nn.softmax(network.forward(x_test[tested]))[:, 1]
    ranking[name] = roc_auc_score(truth, p)
    print(f"{name:17} rappel {np.mean(p[truth] > 0.5):.0%}, aire sous la courbe ROC {ranking[name]:.3f}")

# %% [markdown]
# Le gain est modeste sur ce petit problème, et mesuré sur une seule graine : l'aire augmente d'environ un centième, et la plupart des bottines restent manquées au seuil de 0,5. La focale ne remplace ni des exemples, ni un bon seuil, ni des lots équilibrés (leçon 1.4) ; elle est faite pour les déséquilibres de la détection, de l'ordre de 1 pour 1 000 (leçon 4.1).

# %% [markdown]
# ## 5. Les quatre coûts, face à Keras
#
# Nos quatre formules et leurs gradients donnent-ils la même chose que Keras ? Ses gradients viennent de `tf.GradientTape`, l'outil de TensorFlow qui enregistre un calcul, puis le dérive automatiquement. Avec `alpha=1`, la focale de Keras est l'équation 4 de l'article ; l'équation 5 y ajoute un poids par classe, $\alpha$.


# %%
def keras_focal(labels, logits):
    one_hot = keras.ops.one_hot(labels, 10, dtype="float64")
    return keras.losses.CategoricalFocalCrossentropy(alpha=1, gamma=2, from_logits=True)(one_hot, logits)


rng = np.random.default_rng(0)
z, labels, plus_minus = rng.normal(size=(64, 10)), rng.integers(0, 10, 64), rng.choice([-1.0, 1.0], (64, 1))
cases = {
    "quadratique": (numpy_nn.mean_squared_error, keras.losses.MeanSquaredError(), z, rng.normal(size=z.shape)),
    "entropie croisée": (numpy_nn.cross_entropy, keras.losses.SparseCategoricalCrossentropy(True), z, labels),
    "charnière": (numpy_nn.hinge, keras.losses.Hinge(), z[:, :1], plus_minus),
    "focale": (numpy_nn.focal, keras_focal, z, labels),
}

# %% tags=["nbval-check-output"]
rows = []
for name, (ours, theirs, prediction, target) in cases.items():
    variable = tf.Variable(prediction)
    with tf.GradientTape() as tape:
        value = theirs(target, variable)
    pairs = zip(ours(prediction, target), (value, tape.gradient(value, variable)))
    gaps = [np.abs(a - b).max() for a, b in pairs]
    rows.append([name, *(gap < 1e-6 for gap in gaps)])
plots.table(rows, header=["coût", "valeur = Keras", "gradient = Keras"])

# %% [markdown]
# Lequel, et quand ?
#
# | coût | quand | sortie du réseau | à surveiller |
# | --- | --- | --- | --- |
# | erreur quadratique | la cible est un nombre, le bruit est symétrique | un nombre, sans activation | l'écart d'une cible aberrante compte au carré ; derrière une sigmoïde, le gradient s'éteint |
# | entropie croisée | classer : **le choix par défaut** | des logits | ne lui donnez pas de probabilités en croyant donner des logits |
# | charnière | un score suffit, pas de probabilité (SVM, GAN) | un score | étiquettes −1 et +1 |
# | focale | très fort déséquilibre, foule d'exemples faciles (détection) | des logits | des probabilités moins tranchées ; un réglage de plus, $\gamma$ |

# %% [markdown]
# ## 6. La rétropropagation
#
# Un réseau est une composition : $x \to z_1 = x W_1 + b_1 \to h = \tanh z_1 \to z_2 = h W_2 + b_2 \to L$. La règle de la chaîne (la dérivée d'une fonction composée) se lit **de droite à gauche** : on part de $\partial L / \partial z_2$ (exercice 1.2.a), et chaque étape transforme le gradient de sa sortie en gradient de son entrée.
#
# | étape | reçoit | renvoie à gauche | garde pour ses poids |
# | --- | --- | --- | --- |
# | activation $h = \varphi(z)$ | $\partial L/\partial h$ | $\partial L/\partial h \odot \varphi'(z)$ | rien |
# | dense $z = x W + b$ | $G = \partial L/\partial z$ | $\partial L/\partial x$ | $\partial L/\partial W$ et $\partial L/\partial b$ |

# %% [markdown]
# | Exercice 1.2.b | difficulté ●●○ | 8 min | vérifié : les trois gradients, un seul exemple, matrice carrée |
# | --- | --- | --- | --- |
#
# Écrivez le retour à travers une couche dense : renvoyez les gradients par rapport à $x$, à $W$ et à $b$, dans cet ordre. Pour retrouver les formules, **regardez les formes** : $x$ est $(N, D)$, $W$ est $(D, U)$, $G$ est $(N, U)$, et chaque gradient a la forme de ce dont il est le gradient. Un poids sert à tous les exemples du lot : ses contributions s'**additionnent**.


# %%
def dense_backward(x, kernel, gradient):
    """From dL/dz (N, U) of z = x @ kernel + bias, return dL/dx (N, D), dL/dkernel (D, U), dL/dbias (U,)."""
    ### BEGIN SOLUTION
    return gradient @ kernel.T, x.T @ gradient, gradient.sum(axis=0)
    ### END SOLUTION


# %% tags=["check"]
check.dense_backward(dense_backward)

# %% [markdown] tags=["solution"]
# Trois formules, et toute la rétropropagation est là. Deux produits de matrices, quand la passe avant n'en fait qu'un : le retour coûte environ **deux fois** l'aller, quel que soit le nombre de poids.

# %% [markdown]
# Voici un réseau à deux couches, en entier. Les images sont réduites à 7×7 pour que la vérification qui suit reste rapide, et tout est en `float64`.

# %%
thumbnails = data.x_train[:32].reshape(32, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(32, 49) / 255
labels = y_train[:32]


def gradients(x, labels, w1, b1, w2, b2):
    """Loss of a two-layer network, and its gradient for each parameter."""
    h = np.tanh(x @ w1 + b1)
    loss, g2 = numpy_nn.cross_entropy(h @ w2 + b2, labels)
    g1 = (g2 @ w2.T) * (1 - h**2)  # back through the kernel, then through tanh
    return loss, [x.T @ g1, g1.sum(axis=0), h.T @ g2, g2.sum(axis=0)]


# %% [markdown]
# Est-ce juste ? Il y a un juge incorruptible, la définition de la dérivée : bouger **un** poids de $\pm h$ (un petit pas ; rien à voir avec la sortie cachée $h$) et regarder le coût.
#
# $$ \frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2h} $$

# %%
params = numpy_nn.mlp([49, 16, 10], dtype="float64").params
loss, by_hand = gradients(thumbnails, labels, *params)
h, (above, below) = 1e-5, ([p.copy() for p in params] for _ in range(2))
above[0][24, 3] += h  # one weight of the first layer: centre of the image, fourth unit
below[0][24, 3] -= h
difference = (gradients(thumbnails, labels, *above)[0] - gradients(thumbnails, labels, *below)[0]) / (2 * h)
print(f"différences finies : {difference:.9f}")
print(f"rétropropagation   : {by_hand[0][24, 3]:.9f}")

# %% [markdown]
# Faisons-le pour **tous** les poids, et demandons aussi son avis à `tf.GradientTape`.

# %% tags=["nbval-check-output"]
variables = [tf.Variable(p) for p in params]
with tf.GradientTape() as tape:
    w1, b1, w2, b2 = variables
    logits = tf.tanh(thumbnails @ w1 + b1) @ w2 + b2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
rows = []
for name, p, ours, theirs in zip(["W1", "b1", "W2", "b2"], params, by_hand, tape.gradient(loss, variables)):
    numerical = numpy_nn.numerical_gradient(lambda: gradients(thumbnails, labels, *params)[0], p)
    errors = numpy_nn.relative_error(ours, numerical), numpy_nn.relative_error(ours, theirs.numpy())
    rows.append([name, p.shape, errors[0] < 1e-6, errors[1] < 1e-5])
plots.table(rows, header=["poids", "forme", "différences finies < 1e-6", "GradientTape < 1e-5"])

# %% [markdown]
# Les trois calculs s'accordent. Pourquoi ne pas toujours prendre les différences finies ? **Comptez** : combien de passes avant faudrait-il pour un seul gradient du réseau $784 \to 128 \to 10$ ?

# %% tags=["nbval-check-output"]
weights = sum(p.size for p in numpy_nn.mlp([784, 128, 10]).params)
print(f"{weights} poids : {2 * weights} passes avant, au lieu d'un aller et d'un retour")

# %% [markdown]
# ### Quel pas $h$ choisir ? (pour approfondir)
#
# **Pariez** sur la forme de la courbe : l'erreur diminue-t-elle toujours quand $h$ diminue ?


# %%
def difference_errors(dtype, steps):
    """Relative error of the finite differences of W2, for each step h."""
    typed, images = [p.astype(dtype) for p in params], thumbnails.astype(dtype)

    def loss():
        return gradients(images, labels, *typed)[0]

    exact = gradients(images, labels, *typed)[1][2]
    numerical = [numpy_nn.numerical_gradient(loss, typed[2], step=step) for step in steps]
    return [numpy_nn.relative_error(exact, estimate) for estimate in numerical]


# %%
steps = 10.0 ** -np.arange(1, 11)
errors = {dtype: difference_errors(dtype, steps) for dtype in ("float64", "float32")}
figure, axis = plt.subplots()
title = "Différences finies : ni trop grand, ni trop petit"
plots.curves(errors, x=steps, title=title, xlabel="pas h", ylabel="erreur relative", alt="", log=True, ax=axis)
axis.set_xscale("log")
plots.publish(figure, "En float64 l'erreur est minimale vers h = 1e-5 ; en float32 elle reste grande")

# %% [markdown]
# À droite, $h$ est trop grand : la corde n'est pas la tangente. À gauche, il est trop petit : on soustrait deux coûts presque égaux, et il ne reste que les arrondis. En `float64` le creux est vers $10^{-5}$ ; en `float32` il reste au-dessus de $10^{-4}$, et à $h = 10^{-5}$ l'erreur dépasse 10 % : une petite faute de formule passerait inaperçue. Un dernier piège : près de l'angle d'une ReLU, les différences finies se trompent, et c'est le gradient qui a raison.

# %% [markdown]
# ## 7. Descendre : le ravin
#
# Le gradient donne la direction, le **taux d'apprentissage** $\eta$ la longueur du pas : $w \leftarrow w - \eta\,g$. Tout se complique quand la pente dépend de la direction. Voici le cas d'école, un ravin 50 fois plus raide en travers que dans sa longueur : $L(w) = \tfrac12 (w_1^2 + 50\,w_2^2)$.
#
# En travers, un pas multiplie $w_2$ par $1 - 50\,\eta$. **Calculez** le plus grand $\eta$ qui ne diverge pas.


# %%
def turn(angle):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[c, -s], [s, c]])


def slope(w, angle=0):
    """Gradient, at w (2,), of the ravine turned by `angle` degrees."""
    return turn(angle) @ ([1.0, 50.0] * (turn(-angle) @ w))


def height(w, angle=0):
    """Loss at the points w (N, 2) of the ravine turned by `angle` degrees."""
    return 0.5 * (w @ turn(angle)) ** 2 @ [1.0, 50.0]


# %% tags=["nbval-check-output"]
for rate in (0.039, 0.041):
    w = np.array([-8.0, 1.5])
    for _ in range(500):
        w = w - rate * slope(w)
    print(f"taux {rate} : descend jusqu'au fond ?", height(w) < 1e-3)

# %% [markdown]
# La limite est $2/50 = 0{,}04$ : **la direction la plus raide décide du taux**, et l'on n'avance alors qu'à tout petits pas dans la direction plate. Toutes les méthodes qui suivent sont des réponses à ce problème.

# %% [markdown]
# ## 8. Momentum et Nesterov : prendre de l'élan
#
# On accumule une **vitesse** : les gradients qui changent de signe (en travers) se compensent, ceux qui persistent (dans la longueur) s'additionnent.
#
# $$ v \leftarrow \beta\,v - \eta\,g \qquad\qquad w \leftarrow w + v $$
#
# Nesterov calcule le gradient un pas plus loin, là où l'élan va mener. Keras garde comme poids ce point déjà anticipé, ce qui donne la même vitesse $v$, puis $w \leftarrow w + \beta\,v - \eta\,g$, avec la **nouvelle** vitesse.
#
# | Exercice 1.2.c | difficulté ●○○ | 7 min | vérifié : trois pas, momentum, Nesterov, momentum nul, entrées intactes |
# | --- | --- | --- | --- |
#
# Écrivez un pas, avec ou sans Nesterov. Renvoyez le nouveau point, puis la nouvelle vitesse, sans modifier les tableaux reçus.


# %%
def momentum_step(point, velocity, gradient, *, learning_rate=0.01, momentum=0.9, nesterov=False):
    """One step of SGD with momentum: the new point and the new velocity."""
    ### BEGIN SOLUTION
    velocity = momentum * velocity - learning_rate * gradient
    if nesterov:
        return point + momentum * velocity - learning_rate * gradient, velocity
    return point + velocity, velocity
    ### END SOLUTION


# %% tags=["check"]
check.momentum_step(momentum_step)

# %% [markdown] tags=["solution"]
# À gradient constant, la vitesse tend vers $-\eta\,g/(1-\beta)$ : avec $\beta = 0{,}9$, le momentum **multiplie le taux par dix** à long terme. Quand vous l'ajoutez, baissez le taux.

# %% [markdown]
# ## 9. RMSProp, Adam, AdamW : un taux par poids
#
# Autre idée : diviser chaque composante du gradient par sa taille habituelle, la racine d'une moyenne mobile $s$ de son carré. C'est **RMSProp** ($\varepsilon$, minuscule, évite de diviser par zéro) :
#
# $$ s \leftarrow \rho\,s + (1-\rho)\,g^2 \qquad\qquad w \leftarrow w - \eta\,\frac{g}{\sqrt{s + \varepsilon}} $$
#
# **Avant d'exécuter** : avec $\eta = 0{,}01$, trois poids reçoivent des gradients de 100, 1 et 0,01. De combien bougent-ils au premier pas ?


# %% tags=["nbval-check-output"]
def rmsprop_step(point, square, gradient, *, learning_rate=0.01, rho=0.9, epsilon=1e-7):
    square = rho * square + (1 - rho) * gradient**2
    return point - learning_rate * gradient / np.sqrt(square + epsilon), square


moved, _ = rmsprop_step(np.zeros(3), np.zeros(3), np.array([100.0, 1.0, 0.01]))
print("déplacements :", moved.round(3))

# %% [markdown]
# La même longueur, $\eta/\sqrt{1-\rho}$, à ε près : au premier pas, seul le **signe** du gradient compte. Le ravin devient une pente douce, tant que ses axes sont ceux des poids.
#
# **Adam** réunit les deux idées, une moyenne $m$ du gradient et une moyenne $v$ de son carré (ce $v$ n'est plus une vitesse), et corrige un défaut. Parties de zéro, ces moyennes sont trop petites au début : au pas $t$, les gradients reçus n'y pèsent en tout que $1 - \beta^t$. On les divise donc par ce total :
#
# $$ m \leftarrow \beta_1 m + (1-\beta_1)\,g \qquad v \leftarrow \beta_2 v + (1-\beta_2)\,g^2 $$
#
# $$ \hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad w \leftarrow w - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon} $$

# %% [markdown]
# | Exercice 1.2.d | difficulté ●●○ | 10 min | vérifié : quatre pas, moyennes renvoyées, place de ε, gradient nul, entrées intactes |
# | --- | --- | --- | --- |
#
# Écrivez un pas d'Adam, tel que le donne l'algorithme 1 de l'article. `step` vaut 1 au premier pas. Renvoyez le nouveau point et les deux moyennes **non corrigées**.


# %%
def adam_step(point, mean, square, gradient, step, *, learning_rate, beta_1, beta_2, epsilon):
    """One step of Adam (algorithm 1): the new point, the new mean and the new mean square."""
    ### BEGIN SOLUTION
    mean = beta_1 * mean + (1 - beta_1) * gradient
    square = beta_2 * square + (1 - beta_2) * gradient**2
    mean_hat, square_hat = mean / (1 - beta_1**step), square / (1 - beta_2**step)
    return point - learning_rate * mean_hat / (np.sqrt(square_hat) + epsilon), mean, square
    ### END SOLUTION


# %% tags=["check"]
check.adam_step(adam_step)

# %% [markdown] tags=["solution"]
# Au premier pas, $\hat m = g$ et $\hat v = g^2$ : Adam avance de $\pm\eta$ par poids, quelle que soit la taille du gradient (tant qu'elle dépasse largement ε). Ensuite, $\eta$ reste l'ordre de grandeur du **plus long pas** d'un poids.

# %% [markdown]
# **AdamW** ajoute l'affaiblissement des poids (*weight decay*), $w \leftarrow w - \eta\,\lambda\,w$, **hors** du gradient (c'est la forme de Keras et de PyTorch ; dans l'article, $\lambda$ n'est pas multiplié par le taux). Ajouter $\lambda w$ au gradient, comme on le fait avec SGD, ne revient pas au même : Adam le diviserait par $\sqrt{\hat v}$. **Pariez** : deux poids valent 1 ; leurs gradients ne sont que du bruit, d'amplitude 1 pour l'un et 0,01 pour l'autre. Avec $\lambda = 0{,}1$ et $\eta = 0{,}001$, que valent-ils après 1 000 pas ?

# %% tags=["nbval-check-output"]
noise = np.random.default_rng(0).normal(size=(1000, 2)) * [1.0, 0.01]
rows, variants = [], {"Adam, λw dans le gradient": (0.1, 0.0), "AdamW, λw hors du gradient": (0.0, 0.1)}
for name, (inside, outside) in variants.items():
    w, optimizer = np.ones(2), numpy_nn.Adam(0.001, weight_decay=outside)
    for g in noise:
        optimizer.update([w], [g + inside * w])
    rows.append([name, *(f"{value:.1f}" for value in w)])
plots.table(rows, header=["1 000 pas", "bruit de 1", "bruit de 0,01"])

# %% [markdown]
# Avec AdamW, les deux poids s'affaiblissent également. Avec λw dans le gradient, celui dont les gradients sont petits s'effondre, l'autre non : l'affaiblissement dépend de la taille des gradients, et plus seulement de λ. C'est l'argument de Loshchilov et Hutter.

# %% [markdown]
# ## 10. Les six optimiseurs, face à Keras
#
# Le même réseau $784 \to 32 \to 10$, les mêmes 100 lots de 64 images. D'un côté tout est à nous : passe avant, rétropropagation, mise à jour. De l'autre, tout est à Keras. Si une seule formule diffère, les chemins s'écartent.

# %%
optimizers = {
    "SGD": (numpy_nn.SGD(0.1), keras.optimizers.SGD(0.1)),
    "momentum": (numpy_nn.SGD(0.01, momentum=0.9), keras.optimizers.SGD(0.01, momentum=0.9)),
    "Nesterov": [library.SGD(0.01, momentum=0.9, nesterov=True) for library in (numpy_nn, keras.optimizers)],
    "RMSProp": (numpy_nn.RMSProp(0.001), keras.optimizers.RMSprop(0.001)),
    "Adam": (numpy_nn.Adam(0.001), keras.optimizers.Adam(0.001)),
    "AdamW": (numpy_nn.Adam(0.001, weight_decay=0.01), keras.optimizers.AdamW(0.001, weight_decay=0.01)),
}


# %%
def keras_twin(weights, optimizer):
    hidden = keras.layers.Dense(32, activation="relu", dtype="float64")
    model = keras.Sequential([keras.Input((784,)), hidden, keras.layers.Dense(10, dtype="float64")])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64"))
    model.set_weights(weights)
    return model


# %%
def hundred_steps(ours, theirs):
    """Train twins on the same batches with two optimizers; return their losses and their weights."""
    twin, losses = numpy_nn.mlp([784, 32, 10], dtype="float64"), []
    model = keras_twin(twin.params, theirs)
    for x, y in zip(np.split(x_train[:6400].astype("float64"), 100), np.split(y_train[:6400], 100)):
        loss, gradient = numpy_nn.cross_entropy(twin.forward(x), y)
        twin.backward(gradient)
        ours.update(twin.params, twin.grads)
        losses.append((loss, float(model.train_on_batch(x, y))))
    return losses, twin.params, model.get_weights()


# %% tags=["nbval-check-output"]
rows = []
for name, (ours, theirs) in optimizers.items():
    losses, our_weights, their_weights = hundred_steps(ours, theirs)
    gap = max(np.abs(a - b).max() for a, b in zip(our_weights, their_weights))
    rows.append([name, losses[-1][0] < losses[0][0] / 2, gap < 1e-5])
plots.table(rows, header=["optimiseur", "coût divisé par 2", "100 pas = Keras à 1e-5"])

# %% [markdown]
# Six sur six : nos formules sont bien celles de Keras.

# %% [markdown]
# ### Où chacun met son ε (pour approfondir)
#
# Deux détails d'implémentation comptent. RMSProp, chez Keras, met ε **sous** la racine. Adam, chez Keras comme dans `numpy_nn`, ajoute ε à $\sqrt v$ **non corrigé** (c'est le « ε̂ » que l'article propose juste avant sa section 2.1), alors que l'algorithme 1 l'ajoute à $\sqrt{\hat v}$. Avec $\varepsilon = 10^{-7}$, est-ce négligeable ? **Pariez**, puis regardez, pixel par pixel, l'écart entre les poids des deux variantes.


# %%
class PaperAdam(numpy_nn.Adam):
    """Algorithm 1: once the corrections are in the rate, its epsilon is smaller by sqrt(1 - beta_2^t)."""

    def update(self, params, grads):
        self.epsilon = 1e-7 * np.sqrt(1 - self.beta_2 ** (self.step + 1))
        super().update(params, grads)


losses, paper, theirs = hundred_steps(PaperAdam(0.001), keras.optimizers.Adam(0.001))
gaps = np.abs(paper[0] - theirs[0]).max(axis=1)  # one for each pixel: the largest over its 32 weights
lit = (x_train[:6400] > 0).mean(axis=0)

# %%
moved = np.abs(theirs[0] - numpy_nn.mlp([784, 32, 10], dtype="float64").params[0]).mean()
print(f"écart maximal {gaps.max():.3f} ; déplacement moyen d'un poids en 100 pas {moved:.3f}")
pictures = {"écart (blanc : 0,02)": gaps.reshape(28, 28) / 0.02, "fréquence d'allumage": lit.reshape(28, 28)}
plots.show(pictures, size=3.4, alt="Les plus grands écarts sont à gauche et dans les coins, souvent noirs")

# %% tags=["nbval-check-output"]
print("écart maximal supérieur à 1e-3 :", gaps.max() > 1e-3)
print("coûts égaux à 1 % près :", abs(losses[-1][0] / losses[-1][1] - 1) < 0.01)
largest = gaps.argsort()[-20:]
print("les 20 plus grands : pixels allumés moins d'une fois sur cinq :", lit[largest].max() < 0.2)

# %% [markdown]
# L'écart maximal dépasse le déplacement moyen d'un poids ! Les plus grands écarts se logent **surtout au bord gauche et dans les coins**, sur des pixels rarement allumés, dont les gradients sont si petits que ε n'est plus négligeable. Les deux réseaux se valent (même coût à 1 % près), mais leurs poids diffèrent : quand vous comparez deux bibliothèques, regardez où est leur ε.

# %% [markdown]
# ## 11. La course dans le ravin
#
# Chaque optimiseur court avec **son meilleur taux**, cherché sur la même grille. On compte les pas qu'il lui faut pour que le coût passe sous 1 % de sa valeur de départ, et y reste. **Pariez sur l'ordre d'arrivée.**

# %%
racers = {
    "SGD": numpy_nn.SGD,
    "momentum": lambda rate: numpy_nn.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: numpy_nn.SGD(rate, momentum=0.9, nesterov=True),
    "RMSProp": numpy_nn.RMSProp,
    "Adam": numpy_nn.Adam,
}


# %%
def run(optimizer, angle=0, steps=100):
    w = turn(angle) @ [-8.0, 1.5]  # the same start, seen from the axes of the ravine
    path = [w.copy()]
    for _ in range(steps):
        optimizer.update([w], [slope(w, angle)])
        path.append(w.copy())
    return np.array(path)


# %%
def arrival(path, angle=0):
    """First step from which the height stays below 1 % of its start (length of the path if it never does)."""
    above = np.flatnonzero(~(height(path, angle) < 0.01 * height(path[0], angle)))
    return int(above[-1]) + 1


rates = np.geomspace(1e-3, 1, 60)
best = {}
with np.errstate(all="ignore"):  # some rates diverge, that is expected
    for name, racer in racers.items():
        best[name] = min(rates, key=lambda rate, racer=racer: arrival(run(racer(rate))))
paths = {name: run(racer(best[name])) for name, racer in racers.items()}
rows = [[name, f"{best[name]:.3f}", arrival(path)] for name, path in paths.items()]
plots.table(rows, header=["optimiseur", "meilleur taux", "pas"])

# %% tags=["nbval-check-output"]
print("ordre d'arrivée :", ", ".join(sorted(paths, key=lambda name: arrival(paths[name]))))

# %%
figure, draw = plots.descent(height, paths, title="Cinq optimiseurs dans un ravin", extent=(9, 2.4))
told = "La course : Nesterov arrive le premier, puis Adam, le momentum, SGD, et enfin RMSProp"
plots.animate(figure, lambda frame: draw(2 * frame), 51, told, seconds=12, dpi=75)

# %%
figure, draw = plots.descent(height, paths, title="Les trajectoires, en entier", extent=(9, 2.4))
draw(100)
plots.publish(figure, "SGD zigzague, momentum et Nesterov prennent de l'élan, RMSProp et Adam coupent en biais")

# %% [markdown]
# SGD rebondit d'un bord à l'autre et avance lentement dans la longueur. Le momentum oscille, mais prend de la vitesse ; Nesterov amortit l'oscillation : son meilleur taux est plus grand, et il gagne. (Il diverge pourtant plus tôt : au-delà de $2\,(1+\beta) / (50\,(1+2\beta)) = 0{,}027$ avec $\beta = 0{,}9$, contre $2\,(1+\beta)/50 = 0{,}076$ pour le momentum.) RMSProp atteint le fond du ravin en une dizaine de pas, puis le suit à pas presque constants, et **sursaute** près de l'arrivée : il divise un petit gradient par une moyenne plus petite encore (on baisse donc son taux en cours de route, leçon 1.4). Adam y échappe : il moyenne aussi le gradient et, avec $\beta_2 = 0{,}999$, sa moyenne des carrés oublie bien moins vite.

# %% [markdown]
# ### Et si le ravin est de travers ? (pour approfondir)
#
# RMSProp et Adam ont un taux **par poids** : un ravin aligné sur les axes est un cas fait pour eux. Et s'il est de travers ? **Pariez** : à taux inchangé, quels coureurs verront la différence ? Puis tournez le ravin (curseur `angle`, dans JupyterLab).


# %%
def draw_turned(algo, angle, ratio):
    rate = ratio * best[algo]
    path = run(racers[algo](rate), angle)
    title = f"{algo}, taux {rate:.3f}, ravin à {angle}° : {arrival(path, angle)} pas"
    figure, draw = plots.descent(lambda w: height(w, angle), {algo: path}, title=title, extent=(9, 9))
    draw(100)
    plots.publish(figure, title)


static = [{"algo": "Adam", "angle": angle, "ratio": 1.0} for angle in (0, 45)]
plots.explore(draw_turned, static=static, algo=list(racers), angle=(0, 90, 15), ratio=[0.1, 0.3, 1.0, 2.0])

# %% tags=["nbval-check-output"]
turned = {name: arrival(run(racers[name](best[name]), 45), 45) for name in racers}
for name in ("SGD", "momentum", "Nesterov"):
    print(f"{name} : autant de pas à 45° qu'à 0° :", turned[name] == arrival(paths[name]))
print("Adam : au moins deux fois plus :", turned["Adam"] >= 2 * arrival(paths["Adam"]))

# %% [markdown]
# SGD, le momentum et Nesterov ne voient pas la différence : leur pas ne dépend que du gradient, qui tourne avec le ravin. Adam, si : au même taux, il lui faut deux à trois fois plus de pas dans le ravin de travers, qui n'est plus aligné sur ses axes. RMSProp y perd aussi (essayez). Un vrai réseau n'est ni l'un ni l'autre de ces ravins : c'est l'expérience qui tranche (section 14).

# %% [markdown]
# ## 12. La correction du biais d'Adam sert-elle à quelque chose ?
#
# Sans elle, au premier pas, $m = (1-\beta_1)\,g$ et $v = (1-\beta_2)\,g^2$. **Calculez** la longueur du premier pas, en multiples de $\eta$, pour $\beta_1 = 0{,}9$ et $\beta_2 = 0{,}999$. Trop court, ou trop long ?

# %% tags=["nbval-check-output"]
t = np.arange(1, 3001)
excess = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
print(f"premier pas : {excess[0]:.2f} fois trop long")
print(f"au pire, au pas {t[excess.argmax()]} : {excess.max():.1f} fois ; au pas 3000 : {excess[-1]:.2f} fois")

# %% [markdown]
# Trop **long** : la racine de $v$ est encore plus sous-estimée que $m$. L'excès ne disparaît qu'au bout de milliers de pas.

# %% [markdown]
# ### Que fait cet excès à un vrai réseau ? (pour approfondir)
#
# Une passe sur 4 096 images, taux de 0,003, trois graines ; on note le pire coût rencontré, et la part de neurones ReLU cachés **morts** à la fin (leçon 1.1).


# %%
def one_pass(seed, *, rate=0.003, **options):
    network, optimizer = numpy_nn.mlp([784, 64, 10], seed=seed), numpy_nn.Adam(rate, **options)
    x, y, losses = x_train[:4096], y_train[:4096], []
    for index in numpy_nn.batches(4096, 64, np.random.default_rng(seed)):
        loss, gradient = numpy_nn.cross_entropy(network.forward(x[index]), y[index])
        network.backward(gradient)
        optimizer.update(network.params, network.grads)
        losses.append(loss)
    dead = np.mean(~(network.layers[0].forward(x) > 0).any(axis=0))
    return losses, dead


# %%
passes, summary = {}, {}
for name, corrected in {"avec correction": True, "sans correction": False}.items():
    for beta_2 in (0.999, 0.9999):
        results = [one_pass(seed, beta_2=beta_2, bias_correction=corrected) for seed in range(3)]
        losses, dead = zip(*results)
        passes[f"{name}, β₂ = {beta_2}"] = losses
        summary[name, beta_2] = np.max(losses), np.mean(dead)
plots.table(
    [[name, beta_2, f"{worst:.1f}", f"{dead:.0%}"] for (name, beta_2), (worst, dead) in summary.items()],
    header=["Adam", "β₂", "pire coût", "neurones morts"],
)

# %%
plots.curves(
    passes,
    title="Les 64 premiers pas d'Adam, trois graines",
    xlabel="pas",
    ylabel="coût du lot",
    log=True,
    alt="Sans correction, le coût bondit dès le deuxième pas, d'autant plus que β₂ est proche de 1",
)

# %%
start = {}
for corrected in (True, False):
    early = [one_pass(seed, rate=0.001, bias_correction=corrected)[0][:20] for seed in range(3)]
    start[corrected] = np.mean(early)
    word = "avec" if corrected else "sans"
    print(f"taux de 0,001, {word} correction : {start[corrected]:.2f} en moyenne sur les 20 premiers pas")

# %% tags=["nbval-check-output"]
for beta_2 in (0.999, 0.9999):
    (worst, dead), (worse, deader) = (summary[f"{word} correction", beta_2] for word in ("avec", "sans"))
    print(f"β₂ = {beta_2}, sans : coût plus haut {worse > 1.2 * worst}, plus de morts {deader > dead}")
print("au taux de 0,001, sans correction, le coût descend plus vite :", start[False] < start[True])

# %% [markdown]
# Avec la correction, le coût descend sans bond, et β₂ n'y change presque rien (ce taux, assez grand, tue tout de même un neurone sur cinq). Sans elle, les premiers pas sont bien trop longs, le coût bondit, et ces bonds **tuent des neurones** pour de bon : le coût redescend, les neurones restent morts. L'effet grandit quand $\beta_2$ approche de 1, ce que l'article annonce. Il dépend aussi du taux : à 0,001, oublier la correction fait même **gagner** du temps au début, parce que cela grossit un taux un peu petit. Un taux réel qui change tout seul au fil des pas, voilà ce que la correction évite.

# %% [markdown]
# ## 13. Trouver le taux d'apprentissage
#
# Plutôt que d'essayer dix entraînements, Leslie Smith (2017) en propose **un seul, très court** : on augmente le taux à chaque lot et on regarde le coût. Il reste d'abord plat (taux trop petit), puis descend, puis explose (taux trop grand). Smith fait croître le taux linéairement et suit l'exactitude ; la variante la plus répandue, celle d'ici, multiplie le taux par une constante à chaque lot et suit le coût.

# %%
network, seen = numpy_nn.mlp([784, 128, 10]), []
rates = np.geomspace(1e-4, 10, 100)
for rate, index in zip(rates, numpy_nn.batches(50_000, 128, np.random.default_rng(0))):
    loss, gradient = numpy_nn.cross_entropy(network.forward(x_train[index]), y_train[index])
    network.backward(gradient)
    numpy_nn.SGD(rate).update(network.params, network.grads)
    seen.append(loss)
    if loss > 4 * seen[0]:
        break
best_rate, last_rate = rates[np.argmin(seen)], rates[len(seen) - 1]
print(f"taux au plus petit coût : {best_rate:.2f} ; arrêt, le coût explose, à {last_rate:.2f}")

# %% [markdown]
# Dix lignes suffisent. `training.lr_range_test` fait la même chose avec n'importe quel modèle Keras : elle lisse le coût (une moyenne mobile, **corrigée de son biais** comme celles d'Adam), s'arrête quand il explose, et **remet le modèle dans l'état où elle l'a trouvé**. Le taux suggéré est le tiers de celui du plus petit coût : un point de départ, pas un oracle.
#
# **Avant d'exécuter**, classez SGD, Nesterov, RMSProp et Adam par taux suggéré croissant.

# %%
makers = {
    "SGD": keras.optimizers.SGD,
    "Nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "RMSProp": keras.optimizers.RMSprop,
    "Adam": keras.optimizers.Adam,
}


# %%
def build(optimizer):
    keras.utils.set_random_seed(0)  # the same start for everybody
    layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((784,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Twenty batches a call: the same computation, and less waiting between two of them
    model.compile(optimizer, loss, metrics=["accuracy"], steps_per_execution=20)
    return model


# %%
x_fit, y_fit, validation = x_train[:train_count], y_train[:train_count], (x_train[50_000:], y_train[50_000:])
tests = {}
for name, make in makers.items():
    model = build(make(0.01))
    before = model.get_weights()
    tests[name] = training.lr_range_test(model, x_fit, y_fit, steps=range_steps)
plots.range_tests(
    tests,
    title="Test du taux d'apprentissage, Fashion-MNIST",
    alt="Quatre courbes plates, puis descendantes, puis explosives ; un cercle marque le taux suggéré",
)

# %% tags=["nbval-check-output"]
suggested = {name: test.suggestion for name, test in tests.items()}
print("SGD demande au moins cinq fois le taux d'Adam :", suggested["SGD"] > 5 * suggested["Adam"])
print("poids rendus intacts :", all(np.array_equal(a, b) for a, b in zip(before, model.get_weights())))

# %% [markdown]
# Chaque optimiseur a **son** échelle : plusieurs centièmes pour SGD et Nesterov, de l'ordre du millième pour RMSProp et Adam. La courbe de Nesterov descend à des taux environ cinq fois plus petits que celle de SGD (c'est l'élan), mais son plus petit coût est au même taux, d'où la même suggestion : le test ne donne qu'un ordre de grandeur. Comparer SGD et Adam au même taux ne veut rien dire.
#
# Le test dit-il vrai ? Une époque d'Adam à un taux trente fois plus petit que le taux suggéré, au taux suggéré, puis trente fois plus grand.

# %%
rates = {name: factor * suggested["Adam"] for name, factor in (("÷ 30", 1 / 30), ("suggéré", 1), ("× 30", 30))}
one_epoch = {}
for name, rate in rates.items():
    model = build(keras.optimizers.Adam(rate))
    model.fit(x_fit, y_fit, batch_size=128, verbose=0)
    one_epoch[name] = model.evaluate(*validation, batch_size=500, verbose=0)[1]
    print(f"{name:8} taux {rate:.1g} : exactitude de validation {one_epoch[name]:.1%}")

# %% tags=["nbval-check-output"]
print("le taux suggéré est le meilleur des trois :", max(one_epoch, key=one_epoch.get) == "suggéré")

# %% [markdown]
# ## 14. Une comparaison honnête
#
# Même réseau, même départ, mêmes images, **chacun à son taux suggéré**. Et, pour voir ce que donne une comparaison injuste, SGD au taux d'Adam. **Pariez** : quel écart entre le premier et le dernier ?

# %%
entries = {name: (make, suggested[name]) for name, make in makers.items()}
entries["SGD, taux d'Adam"] = keras.optimizers.SGD, suggested["Adam"]
histories, scores = {}, {}
for name, (make, rate) in entries.items():
    print(f"— {name}, taux {rate:.2g}")
    model = build(make(rate))
    histories[name] = training.fit(model, x_fit, y_fit, validation=validation, epochs=epochs)
    scores[name] = model.evaluate(x_test, y_test, batch_size=500, verbose=0)[1]

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
titles = {"loss": "Coût d'apprentissage", "val_accuracy": "Exactitude de validation"}
for axis, (key, title) in zip((left, right), titles.items()):
    series = {name: history[key] for name, history in histories.items()}
    plots.curves(series, title=title, xlabel="époque", ylabel="", alt="", ax=axis)
plots.publish(figure, "Quatre courbes proches, chacune à son taux ; SGD au taux d'Adam reste loin derrière")

# %%
rows = [[name, f"{rate:.2g}", f"{scores[name]:.1%}"] for name, (_, rate) in entries.items()]
plots.table(rows, header=["optimiseur", "taux", "test"])

# %% tags=["nbval-check-output"]
fair = [scores[name] for name in makers]
print("tous à 83 % ou plus en test, à leur taux :", min(fair) >= 0.83)
print("moins de 4 points entre le premier et le dernier :", max(fair) - min(fair) < 0.04)
print("SGD au taux d'Adam perd plus de 4 points :", scores["SGD"] - scores["SGD, taux d'Adam"] > 0.04)

# %% [markdown]
# Chacun à son taux, les quatre tiennent en deux ou trois points ; au taux d'Adam, SGD en perd dix et passe pour un mauvais optimiseur. Des classements publiés changent quand on règle mieux chaque concurrent (Choi et al. 2019, *On Empirical Comparisons of Optimizers for Deep Learning*). **Le taux compte plus que l'optimiseur.** Une seule graine ici : un écart de moins d'un point ne prouve rien.

# %% [markdown]
# ## À retenir
#
# - Classer : entropie croisée **sur les logits**. Prédire un nombre : erreur quadratique. Charnière et focale répondent à des besoins précis.
# - Rétropropager, c'est la règle de la chaîne de droite à gauche ; le retour coûte deux allers. Une formule de gradient se vérifie par différences finies, en `float64`.
# - Le momentum accumule, RMSProp et Adam normalisent, AdamW sépare l'affaiblissement des poids. La correction du biais protège les premiers pas d'Adam.
# - Le taux d'apprentissage est le premier réglage : un test de Smith ne coûte ici que 150 lots. On compare des optimiseurs **chacun à son taux**.
#
# ## Questionnaire
#
# 1. Votre réseau à 10 classes affiche un coût de 2,30 depuis trois époques. Que sait-il ?
# 2. Pourquoi donner des logits à la fonction de coût plutôt que des probabilités ?
# 3. En travers d'un ravin de courbure 200, quel est le plus grand taux que SGD supporte ?
# 4. Vous ajoutez un momentum de 0,9 à un SGD bien réglé. Que faites-vous du taux ?
# 5. Un collègue annonce qu'Adam bat SGD, tous deux à 0,001. Que lui demandez-vous ?
# 6. Pourquoi les premiers pas d'Adam sans correction sont-ils trop longs, et non trop courts ?
#
# <details><summary>Réponses</summary>
#
# 1. Rien : $\ln 10 = 2{,}30$ est le coût d'une réponse qui donne la même probabilité aux dix classes. 2. Pour que le logarithme de la softmax soit calculé sous sa forme stable. 3. $2/200 = 0{,}01$. 4. On le divise, par dix au plus : à gradient constant, la vitesse tend vers $-\eta\,g/(1-\beta)$. 5. Le résultat de SGD à un taux dix à cent fois plus grand, cherché avec le même soin, et plusieurs graines. 6. Au premier pas, $m$ vaut $(1-\beta_1)\,g = 0{,}1\,g$, mais $\sqrt v$ ne vaut que $\sqrt{1-\beta_2}\,|g| \approx 0{,}03\,|g|$ : le quotient est 3 fois trop grand.
#
# </details>
#
# ## Pour aller plus loin
#
# - Remplacez la ReLU par une sigmoïde dans `build` : comment bouge le taux suggéré ?
# - Wilson et al. 2017, *The Marginal Value of Adaptive Gradient Methods in Machine Learning* : quand SGD généralise mieux.
# - Reddi et al. 2018, *On the Convergence of Adam and Beyond* : un exemple où Adam ne converge pas, et AMSGrad.
