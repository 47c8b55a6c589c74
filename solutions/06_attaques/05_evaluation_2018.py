# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2018 : attaquer, défendre, évaluer
#
# > « Exactitude : 90 % ». Sur quelles images, contre qui, et qu'en sait-on vraiment ? Vous allez faire tomber une défense qui paraissait parfaite, en construire une qui tient, puis prouver ce qu'aucune attaque ne pourra faire.
#
# **À la fin, vous saurez** mesurer le pire des cas image par image, reconnaître une défense qui ne fait que cacher son gradient, entraîner un réseau contre les attaques, calculer deux sortes de garanties, et suivre un protocole d'évaluation.
#
# **Prérequis** : leçon 6.2 · **Durée** : 60 min · **Références** : Percy Liang 2018, *Pushing the Limits of Machine Learning* (conférence) ; Athalye, Carlini & Wagner 2018 ; Madry et al. 2018 ; Wong, Rice & Kolter 2020 ; Raghunathan, Steinhardt & Liang 2018 ; Gowal et al. 2018 ; Cohen, Rosenfeld & Kolter 2019 ; Hendrycks & Dietterich 2019

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import functools

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from scipy import ndimage, stats

from labs import attacks, datasets, plots, training, zoo
from labs.attacks import certificates, defences
from labs.checks import attacks as check

# %% [markdown]
# ## 1. Ce que cache une moyenne
#
# En novembre 2018, Percy Liang ouvre sa conférence sur les articles de ce chapitre : les images adverses, les lunettes, les autocollants. La question n'est plus seulement « comment attaquer ? », mais : **que vaut notre façon d'évaluer ?** Un modèle juste **en moyenne** peut échouer dans trois situations, que Liang distinguera dans une conférence de 2020 : un adversaire, un groupe minoritaire, un monde qui change. Cette leçon mesure les trois.
#
# Commençons par le plus simple. Le classifieur de Fashion-MNIST du cours reconnaît neuf vêtements sur dix. **Pariez** : que vaut-il sur la pire des dix classes ?

# %%
data = datasets.load("fashion_mnist")
x_train, x_test = (x[..., None].astype("float32") / 255 for x in (data.x_train, data.x_test))
y_train, y_test = data.y_train.astype("int32"), data.y_test
clothes = zoo.fashion_classifier()
right = clothes.predict(x_test, verbose=0, batch_size=1000).argmax(1) == y_test
print(f"exactitude moyenne : {right.mean():.1%}")

# %%
counts = np.array([[right[y_test == k].sum(), np.sum(y_test == k)] for k in range(10)])
scores = 100 * counts[:, 0] / counts[:, 1]
ends = [stats.binomtest(*map(int, pair)).proportion_ci(method="exact") for pair in counts]
bars = np.abs([[100 * end.low - s, 100 * end.high - s] for end, s in zip(ends, scores)]).T
figure, axis = plt.subplots(figsize=(9, 4.6))
axis.barh(data.class_names, scores, xerr=bars, color="#0072B2", error_kw={"lw": 2, "capsize": 4})
axis.axvline(100 * right.mean(), color="black", ls="--", label="moyenne")
axis.set(title="Une moyenne, dix réalités", xlabel="exactitude (%), avec son intervalle à 95 %", xlim=(50, 100))
axis.invert_yaxis()
axis.legend(loc="lower left")
plots.publish(figure, "Exactitude par classe : la chemise est loin sous les autres")
print(" · ".join(f"{data.class_names[k]} {scores[k]:.0f} %" for k in scores.argsort()[[0, 1, -2, -1]]))

# %% tags=["nbval-check-output"]
print("la pire classe :", data.class_names[scores.argmin()])
print("au moins 15 points sous la moyenne :", scores.min() < 100 * right.mean() - 15)

# %% [markdown]
# La moyenne était de 90 % ; la chemise n'est reconnue que 70 fois sur 100, le manteau 77, quand le pantalon et le sac le sont 98 fois. Les barres sont des intervalles de Clopper et Pearson, que nous retrouverons : sur 1000 images par classe, de tels écarts ne s'expliquent pas par le hasard du tirage. Si votre application trie des chemises, elle en manque trois sur dix, et aucune moyenne ne vous l'aurait dit. La même question se pose pour tout **groupe** : un âge, un appareil, un hôpital. Donnez le pire, avec son intervalle.
#
# ## 2. Le pire des cas, image par image
#
# Un adversaire ne tire pas au hasard : il choisit, pour **chaque** image, l'attaque qui marche. Nous en avons trois :
#
# - **FGSM** et **PGD** (leçon 6.2), qui suivent le gradient ;
# - une **recherche au hasard**, qui n'en demande pas : on pose sur l'image un carré de $\pm\varepsilon$, on le garde s'il rapproche l'image de l'erreur, on recommence avec un carré plus petit. C'est l'idée de *Square Attack* (Andriushchenko et al. 2020), et nous en aurons besoin plus loin.
#
# Une image est **robuste** si elle résiste à toutes, et si elle était bien classée pour commencer.
#
# | Exercice 6.5.a | difficulté ●○○ | 6 min | vérifié : égal à une boucle sur les images et les attaques |
# | --- | --- | --- | --- |
#
# Écrivez `worst_case(seen, y)` : `seen` `(A, N)` donne la classe que le réseau voit pour chaque image, une ligne par attaque, « sans attaque » comprise ; `y` `(N,)`, les vraies classes. Rendez l'exactitude robuste, c'est-à-dire la part des images robustes : un nombre entre 0 et 1.


# %%
def worst_case(seen, y):
    """Share of the images that are well classified in all the rows of seen (A, N)."""
    ### BEGIN SOLUTION
    return np.mean((seen == y).all(axis=0))
    ### END SOLUTION


# %% tags=["check"]
check.worst_case(worst_case)

# %% [markdown] tags=["solution"]
# `all` avant `mean` : on prend le pire de chaque image, puis la moyenne. Dans l'autre ordre, la moyenne puis le pire, on n'aurait que l'exactitude sous l'attaque la plus forte.

# %% [markdown]
# Le budget : aucun pixel ne change de plus de $\varepsilon = 0{,}1$, un dixième de l'écart entre le noir et le blanc. **Pariez** : la recherche au hasard, qui n'a droit qu'à 100 essais et n'apprend que les logits, fait-elle jeu égal avec FGSM ?

# %%
epsilon = 0.1
size = runtime.budget(rapide=20, cours=150, complet=2000)  # images attaquées
queries = runtime.budget(rapide=20, cours=100, complet=2000)  # essais de la recherche au hasard
x, y = x_test[:size], y_test[:size]
ensemble = {
    "sans attaque": lambda model, x, y: x,
    "FGSM": functools.partial(attacks.fgsm, epsilon=epsilon),
    "PGD": functools.partial(attacks.pgd, epsilon=epsilon, step_size=epsilon / 4, steps=10),
    "hasard": functools.partial(attacks.random_search, epsilon=epsilon, queries=queries),
}


# %%
resisting, header = {}, ["réseau", *ensemble, "pire des cas"]


def measure(name, model):
    """Run the attacks once; the line of the table: what resists to each, then to all."""
    resisting[name] = attacks.resists(model, x, y, ensemble)
    kept = [*resisting[name].values()]
    return [name, *(f"{one.mean():.0%}" for one in kept), f"{np.all(kept, axis=0).mean():.0%}"]


plots.table([measure("du cours", clothes)], header=header)

# %% [markdown]
# ## 3. Des défenses qui cachent leur gradient
#
# À ce budget, ce réseau ne vaut donc **rien** face à un adversaire : PGD n'épargne aucune image. FGSM en laisse 2 %, la recherche au hasard 4 % : en cent essais, elle fait presque jeu égal, sans aucun gradient. (Nous attaquons 150 images, pour aller vite : un pourcentage de ces tableaux n'est connu qu'à quelques points près, huit au pire.)
#
# Un fournisseur vous propose deux défenses, du genre de celles qu'on publiait en 2018. La première **arrondit** chaque pixel à l'un de huit niveaux de gris : la petite perturbation devrait disparaître dans l'arrondi. La seconde multiplie les logits par **mille** : un réseau aussi sûr de lui devrait être plus difficile à ébranler. Aucune ne change ce que le réseau voit d'une image ordinaire, ou presque. **Pariez** sur leur exactitude sous PGD.

# %%
def rounded(images):
    return tf.round(images * 7) / 7


def quantised(images):
    return clothes(rounded(images))


def hot(images):
    return 1000 * clothes(images)


plots.table([measure("arrondi", quantised), measure("logits × 1000", hot)], header=header)

# %% [markdown]
# Spectaculaire : FGSM n'a plus aucun effet, et PGD presque aucun ; le peu qu'il gagne, il le doit à son départ au hasard. Beaucoup d'articles s'arrêtaient là. Mais la recherche au hasard, qui en sait **moins** que PGD, ne laisse que 2 et 4 % des images. Si PGD avait fait son travail, ce serait bien étonnant. Regardons ce qu'il a eu pour travailler.

# %%
def gradient_of(model, images):
    """Gradient of the loss of each image (N, H, W, C)."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(images))
    return tape.gradient(loss, images, unconnected_gradients="zero").numpy()


for name, model in (("du cours", clothes), ("arrondi", quantised), ("logits × 1000", hot)):
    flat = np.all(gradient_of(model, x) == 0, axis=(1, 2, 3))
    print(f"{name:14s} images dont le gradient est exactement nul : {flat.mean():.0%}")

# %% [markdown]
# Derrière l'arrondi, le gradient est **exactement nul** pour toutes les images : une fonction en escalier n'a pas de pente. Derrière les logits multipliés par mille, il l'est pour 93 % d'entre elles, autant qu'il y en a de bien classées : la softmax, saturée, vaut 1 à la précision de la machine. FGSM et PGD n'avaient rien à suivre. Le réseau n'est pas plus robuste : il est **muet**. Athalye, Carlini et Wagner (2018) appellent cela des gradients **obfusqués**, et distinguent trois façons de les obtenir : les *briser* (l'arrondi), les *tirer au hasard*, les *faire disparaître ou exploser* (ce que font, à leur façon, nos logits).
#
# Une défense se juge face à une attaque qui la **connaît**. Contre l'arrondi : le garder à l'aller, et faire au retour comme s'il n'existait pas, puisqu'il ressemble à l'identité. C'est la forme la plus simple de **BPDA** (*backward pass differentiable approximation*). Contre les logits : les diviser par mille. (Contre le hasard, on moyenne le gradient sur plusieurs tirages.)

# %%
def straight_through(images):
    """The rounding on the way forward, nothing at all on the way back."""
    return images + tf.stop_gradient(rounded(images) - images)


def transparent(images):
    return clothes(straight_through(images))


def attack(model, epsilon=epsilon):
    return attacks.pgd(model, x, y, epsilon, epsilon / 4, 10)


adapted = {
    "arrondi": (quantised, attack(transparent)),
    "logits × 1000": (hot, attack(lambda images: hot(images) / 1000)),
}

# %%
def accuracy(model, images, labels):
    return np.mean(np.asarray(model(images)).argmax(1) == labels)


copied = attack(clothes)  # faites contre le réseau sans défense, montrées telles quelles à la défense
rows = [[name, f"{resisting[name]['PGD'].mean():.0%}", f"{accuracy(model, copied, y):.0%}",
         f"{accuracy(model, images, y):.0%}"] for name, (model, images) in adapted.items()]  # fmt: skip
plots.table(rows, header=["défense", "PGD", "images faites contre le réseau nu", "PGD adapté"])

# %% tags=["nbval-check-output"]
for name, (model, images) in adapted.items():
    print(f"{name} : tient devant PGD : {resisting[name]['PGD'].mean() > 0.7} · "
          f"tombe sous l'attaque adaptée : {accuracy(model, images, y) < 0.2}")  # fmt: skip

# %% [markdown]
# Deux lignes de code, et les deux défenses tombent à zéro. Sans même les lire, d'ailleurs : les images faites contre le réseau nu les trompent autant. Parmi les neuf défenses publiées à ICLR 2018 qui prétendaient résister à un adversaire informé, sans preuve, Athalye et ses collègues en ont trouvé **sept** qui reposaient sur des gradients obfusqués ; ils en ont contourné six entièrement, une en partie. La morale n'est pas qu'il ne faut pas défendre : c'est qu'**évaluer une défense, c'est l'attaquer soi-même, de son mieux**.
#
# L'arrondi n'a-t-il donc servi à rien ? Donnons à l'attaquant un budget trois fois plus petit, 0,03, et trois attaques que l'arrondi n'arrête pas : BPDA, le **transfert** (les images faites contre le réseau nu), le hasard. **Pariez** : si chacune laisse environ sept images sur dix, combien en reste-t-il quand l'attaquant les a toutes ?

# %%
little = {"BPDA": attack(transparent, 0.03), "transfert": attack(clothes, 0.03)}
little["hasard"] = attacks.random_search(quantised, x, y, 0.03, queries=queries)
trio = {name: lambda model, x, y, images=images: images for name, images in little.items()}
each = attacks.resists(quantised, x, y, trio)
print(" · ".join(f"{name} : {kept.mean():.1%}" for name, kept in each.items()))
print(f"toutes ensemble : {attacks.robust_accuracy(quantised, x, y, trio):.1%}")
print(f"et le réseau nu, sous PGD : {accuracy(clothes, little['transfert'], y):.1%}")

# %% tags=["nbval-check-output"]
plain = np.asarray(quantised(x)).argmax(1) == y
resist = [i for i in range(size) if plain[i] and all(kept[i] for kept in each.values())]
print("une boucle sur les images donne la même chose :",
      np.isclose(len(resist) / size, attacks.robust_accuracy(quantised, x, y, trio)))  # fmt: skip

# %% [markdown]
# Séparément, 69,3 %, 66,7 % et 78,0 % des images ; ensemble, 65,3 %, un peu moins que sous la plus forte. L'écart est petit, parce que ces attaques trompent presque les mêmes images, mais il ne peut aller que dans un sens : le pire des cas n'est jamais au-dessus de l'attaque la plus forte. Notez que le transfert fait ici un peu mieux que BPDA, de quatre images : une attaque adaptée n'est pas forcément la meilleure. Raison de plus pour en essayer plusieurs.
#
# Et soyons justes avec l'arrondi. Le réseau nu ne garde que 24,7 % des images à ce petit budget ; arrondi, il en garde près de deux sur trois, devant trois attaques qu'il n'aveugle pas. Il **aide** donc, à 0,03, sous réserve d'une attaque meilleure que les nôtres ; il ne sert à rien à 0,1. Une défense peut cacher son gradient *et* aider : seules des attaques qui la contournent disent de combien.
#
# ## 4. Une défense qui tient : s'entraîner contre l'attaque
#
# La défense qui est restée debout est la plus directe. Madry et ses collègues (2018) posent le problème comme un jeu : on cherche les poids $\theta$ qui minimisent la **pire** perte dans la boule,
#
# $$ \min_\theta\ \mathbb{E}\left[ \max_{\lVert \delta \rVert_\infty \le \varepsilon} \text{perte}(x + \delta, y; \theta) \right] $$
#
# À chaque pas d'apprentissage, on attaque d'abord les images du lot (le max), puis on corrige les poids sur ces images-là (le min). Madry attaque par PGD, en 7 pas pour CIFAR-10 : environ huit fois le prix d'un apprentissage. Wong, Rice et Kolter (2020) ont montré qu'**un seul** pas peut suffire, s'il part d'un point au hasard de la boule et mesure $1{,}25\,\varepsilon$ : environ deux fois le prix. C'est ce que nous faisons ici.
#
# Toutes les défenses de la suite ont le même réseau, deux convolutions et deux couches denses, proche de celui que Gowal et ses collègues appellent *small* (mais avec un pas de 2, et non de 1, à la deuxième convolution), les mêmes images et le même nombre d'époques. **Pariez** : combien de points d'exactitude, sans attaque, coûte cette défense ?

# %%
count = runtime.budget(rapide=1000, cours=10_000, complet=60_000)  # images d'apprentissage
epochs = runtime.budget(rapide=1, cours=3, complet=30)


def small():
    keras.utils.set_random_seed(0)
    conv = functools.partial(keras.layers.Conv2D, kernel_size=4, strides=2, padding="same", activation="relu")
    layers = [conv(16), conv(32), keras.layers.Flatten(), keras.layers.Dense(100, activation="relu")]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers, keras.layers.Dense(10)])


# %%
def harden(objective, rate=4e-3):
    network, steps = small(), epochs * count // 100
    model = defences.Hardened(network, objective, warmup=steps // 2)
    model.compile(keras.optimizers.Adam(training.OneCycle(rate, steps)))
    history = training.fit(model, x_train[:count], y_train[:count], epochs=epochs, batch_size=100)
    return network, history["seconds"][-1]


nets, seconds = {}, {}
nets["ordinaire"], seconds["ordinaire"] = harden(defences.noisy(0.0))

# %%
nets["contre l'attaque"], seconds["contre l'attaque"] = harden(defences.adversarial(epsilon))
plots.table([measure(*pair) for pair in nets.items()], header=header)
ratio = seconds["contre l'attaque"] / seconds["ordinaire"]
print(f"temps d'apprentissage : {ratio:.1f} fois celui du réseau ordinaire")

# %%
shown = [0, 1, 2, 13, 18]
pictures, titles = [*x[shown]], [data.class_names[k] for k in y[shown]]
for model in nets.values():
    images = attacks.pgd(model, x[shown], y[shown], epsilon, epsilon / 4, 10)
    pictures += [*images]
    titles += [f"vu : {data.class_names[k]}" for k in np.asarray(model(images)).argmax(1)]
plots.show(pictures, titles=titles, columns=5, size=1.9,
           alt="Cinq vêtements, attaqués contre chaque réseau")  # fmt: skip

# %%
levels = np.array([0, 0.01, 0.03, 0.1, 0.2, 0.3])


def against(model):
    """Accuracy of a model under PGD, at each level."""
    return np.array([accuracy(model, attacks.pgd(model, x, y, e, e / 4, 10), y) for e in levels])


found = {name: against(model) for name, model in nets.items()}
plots.curves({name: 100 * values for name, values in found.items()}, x=levels,
             title="Exactitude sous PGD, selon le budget", xlabel="ε (un pixel va de 0 à 1)",
             ylabel="images (%)",
             alt="Le réseau ordinaire s'effondre aussitôt ; l'autre descend lentement")  # fmt: skip

# %% tags=["nbval-check-output"]
worst = {name: np.all([*each.values()], axis=0).mean() for name, each in resisting.items()}
print("pire des cas, réseau ordinaire, moins de 30 % :", worst["ordinaire"] < 0.3)
print("entraîné contre l'attaque, plus de 45 % :", worst["contre l'attaque"] > 0.45)
print("avec un budget de 0,3, plus rien ne tient :", found["contre l'attaque"][-1] < 0.15)

# %% [markdown]
# Le réseau entraîné contre l'attaque perd 5 points sans attaque, 82 % au lieu de 87 (7 points sur les 600 images de la partie 7), et garde près de deux images sur trois là où l'ordinaire en garde une sur dix. L'apprentissage a pris 1,5 fois plus de temps, sur cette machine. Ici, les colonnes sont **en ordre** : PGD est la plus forte, puis FGSM, puis la recherche au hasard, et les courbes tombent à zéro, ou presque, quand le budget devient absurde. Ce sont les signes d'un gradient qui dit la vérité. Le réseau a appris à résister à **cette** menace, un dixième par pixel : à 0,2, il s'effondre lui aussi.
#
# Regardez les vêtements attaqués. Contre l'ordinaire (deuxième ligne), l'attaque sème un bruit sans forme, qui suffit à quatre erreurs sur cinq. Contre l'autre (troisième ligne), elle pose des taches plus larges et plus unies, et ne réussit qu'une fois : la bottine devient une basket.
#
# Un seul pas a son piège : Wong et ses collègues décrivent un surapprentissage *catastrophique*, où le réseau apprend à ne résister qu'à ce pas-là. C'est PGD, en plusieurs pas, qui nous dit que ce n'est pas arrivé ici.
#
# Athalye et ses collègues n'ont pas réussi à contourner la défense de Madry : dans leur tableau, elle garde 47 % d'exactitude sur CIFAR-10 (ε = 0,031), quand six des huit autres sont sous les 10 %.
#
# ## 5. Prouver : des intervalles
#
# Une attaque qui échoue ne prouve rien : une autre réussira peut-être. Raghunathan, Steinhardt et Liang (2018) veulent l'inverse, un **certificat** : la preuve qu'aucune attaque ne réussira. La méthode la plus simple, que Gowal et ses collègues (2018) ont montrée efficace, est l'**arithmétique d'intervalles**. Chaque pixel est dans un intervalle $[x - \varepsilon, x + \varepsilon]$, coupé à [0, 1]. Dans quel intervalle est chaque neurone de la première couche ? Et de la deuxième ? Si, au bout, le logit de la vraie classe reste au-dessus des autres, c'est prouvé.
#
# | Exercice 6.5.b | difficulté ●●○ | 10 min | vérifié : égal au minimum et au maximum sur tous les coins de la boîte |
# | --- | --- | --- | --- |
#
# Écrivez `linear_bounds(low, high, w, b)` : des intervalles `low`, `high` `(N, D)`, des poids `w` `(D, K)` et un biais `b` `(K,)`, vers les plus petites et les plus grandes valeurs que peut prendre `x @ w + b` quand chaque `x` reste entre `low` et `high` : deux tableaux `(N, K)`, le plus petit d'abord.


# %%
def linear_bounds(low, high, w, b):
    """Smallest and largest x @ w + b, each (N, K), for low <= x <= high."""
    ### BEGIN SOLUTION
    middle, radius = (low + high) / 2, (high - low) / 2
    spread = radius @ np.abs(w)
    return middle @ w + b - spread, middle @ w + b + spread
    ### END SOLUTION


# %% tags=["check"]
check.linear_bounds(linear_bounds)

# %% [markdown] tags=["solution"]
# Derrière un poids négatif, c'est le grand pixel qui fait la petite sortie : d'où la valeur absolue. Pour **une** couche, ces bornes sont exactes : un coin de la boîte les atteint. Pour la couche suivante, elles deviennent pessimistes, car le calcul suppose que les pires cas de toutes ses entrées arrivent ensemble.

# %% [markdown]
# Une ReLU ne décroît jamais : elle envoie les bornes sur les bornes. Une convolution est une couche linéaire. Traversons donc le réseau entier, couche par couche.

# %%
def conv(images, w):
    return tf.nn.conv2d(images, w, strides=2, padding="SAME")


def through(network, low, high):
    """The intervals (N, K) of the logits of a chain of convolutions and dense layers."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Flatten):
            low, high = layer(low), layer(high)
            continue
        cross = conv if isinstance(layer, keras.layers.Conv2D) else tf.matmul
        w, b = (tf.constant(weights) for weights in layer.get_weights())
        middle, radius = cross((low + high) / 2, w) + b, cross((high - low) / 2, tf.abs(w))
        low, high = layer.activation(middle - radius), layer.activation(middle + radius)
    return low, high


# %% tags=["nbval-check-output"]
network, tiny, rank = nets["contre l'attaque"], 0.01, np.arange(len(x))
low, high = map(np.array, through(network, np.clip(x - tiny, 0, 1), np.clip(x + tiny, 0, 1)))
high[rank, y] = -np.inf
ours = low[rank, y] - high.max(axis=1)  # la vraie classe au pire, moins la meilleure des autres au mieux
margins = np.array(certificates.interval_margins(network, x, y, tiny))
margins[rank, y] = np.inf
print("labs n'est jamais moins précis que ce calcul :", np.all(margins.min(axis=1) >= ours - 1e-4))
print("et souvent plus :", np.mean(margins.min(axis=1) > ours + 1e-3) > 0.5)

# %% [markdown]
# `labs` fait une chose de plus, comme l'article : il fusionne la dernière couche avec la **différence** de deux logits, $w_y - w_k$. Les bornes de deux logits pris séparément supposent que chaque neurone prend, pour l'un, la valeur qui le fait baisser, et, pour l'autre, celle qui le fait monter, alors qu'il n'en a qu'une à la fois.
#
# Ces bornes sont dérivables. On peut donc, au lieu d'attaquer, **apprendre à être certifié** : une moitié de la perte sur l'image, l'autre sur les pires logits que les intervalles permettent, avec un rayon qui grandit peu à peu de 0 à $\varepsilon$. **Pariez** sur les trois réseaux : lequel sera le plus certifié à $\varepsilon = 0{,}1$ ? Et lequel résistera le mieux à PGD ?

# %%
nets["par intervalles"], seconds["par intervalles"] = harden(defences.interval(epsilon), rate=3e-3)
found["par intervalles"] = against(nets["par intervalles"])
proved = {name: np.array([np.mean(attacks.certified(model, x, y, e)) for e in levels])
          for name, model in nets.items()}  # fmt: skip

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
for axis, name in zip(axes, nets):
    two = {"résiste à PGD": 100 * found[name], "certifié": 100 * proved[name]}
    plots.curves(two, x=levels, title=name, xlabel="ε", ylabel="", alt="", ax=axis)
    axis.fill_between(levels, *two.values(), color="0.5", alpha=0.2)
    axis.set_xticks([0, 0.1, 0.2, 0.3])
axes[0].set_ylabel("images (%)")
figure.suptitle("La vérité est dans la bande grise, entre ce qu'on prouve et ce qu'on attaque")
plots.publish(figure, "Bande large pour les deux premiers réseaux, étroite pour celui des intervalles")

# %%
at = list(levels).index(epsilon)
rows = [[name, f"{found[name][0]:.0%}", f"{found[name][at]:.0%}", f"{proved[name][at]:.0%}"] for name in nets]
plots.table(rows, header=["réseau", "sans attaque", "sous PGD, ε = 0,1", "certifié, ε = 0,1"])

# %% tags=["nbval-check-output"]
print("jamais plus d'images certifiées que d'images qui résistent :",
      all(np.all(proved[name] <= found[name]) for name in nets))
print("entraîné par intervalles, certifié pour un tiers au moins :", proved["par intervalles"][at] > 1 / 3)
print("entraîné contre l'attaque, certifié pour presque aucune :", proved["contre l'attaque"][at] < 0.05)

# %% [markdown]
# Trois réseaux de même forme, trois histoires. L'ordinaire : ni résistance, ni preuve. Celui qu'on a entraîné contre l'attaque résiste le mieux, 65 %, mais les intervalles n'en prouvent **rien** à ε = 0,1 : la bande grise est énorme, et rien ici ne dit où, dans cette bande, est la vérité. Celui qu'on a entraîné par intervalles résiste presque autant, 60 %, et l'essentiel de ce qui résiste est **prouvé**, 51 %. Il le paie sans attaque : 74 %, soit 13 points de moins que l'ordinaire.
#
# Une borne qui ne prouve rien ne prouve donc pas la fragilité ; elle dit que **ce** réseau et **cette** méthode ne vont pas ensemble. Sur MNIST, avec les réseaux que Gowal et ses collègues ont publiés, les intervalles certifient tout sauf 2,92 % des images de test à ε = 0,1, et tout sauf 8,21 % à ε = 0,3. (Leur article annonce 2,23 % et 8,05 %, avec un vérificateur plus précis, et plus lent, que les seuls intervalles.) Fashion-MNIST est plus difficile, et notre réseau, très petit, n'a vu que 10 000 images, trois fois.
#
# ## 6. Prouver : lisser par du bruit
#
# Les intervalles demandent de connaître chaque couche, et passent mal à l'échelle d'ImageNet. Cohen, Rosenfeld et Kolter (2019) ne demandent **rien** au réseau. Prenez n'importe quel classifieur $f$, ajoutez à l'image un bruit normal d'écart type $\sigma$, recommencez, et faites **voter** : c'est le classifieur **lissé** $g$. Si la classe gagnante a une probabilité $p > 1/2$ sous le bruit, alors $g$ donne la même classe à toute image à une distance euclidienne inférieure à
#
# $$ R = \sigma\,\Phi^{-1}(p) $$
#
# où $\Phi^{-1}$ est le quantile de la loi normale. On ne connaît pas $p$ : on compte $k$ votes sur $n$ tirages. Écrire $k/n$ à la place de $p$ ne garantirait rien. Il faut une **borne basse** qui soit vraie avec une probabilité d'au moins $1 - \alpha$ : celle de Clopper et Pearson (1934), un quantile de la loi bêta, valable pour tout $n$. Et si cette borne n'atteint pas $1/2$, on **s'abstient**.
#
# | Exercice 6.5.c | difficulté ●●○ | 10 min | vérifié : égal à l'intervalle exact de SciPy, à un seul côté ; zéro succès, tous les succès, abstention |
# | --- | --- | --- | --- |
#
# La borne basse est la valeur de $p$ pour laquelle on obtiendrait $k$ succès **ou plus**, sur $n$ tirages, avec une probabilité $\alpha$ : c'est le quantile d'ordre $\alpha$ de la loi bêta de paramètres $k$ et $n - k + 1$ (et 0 si $k = 0$). Écrivez `smoothed_radius(successes, n, sigma, alpha)`, `successes` étant $k$, qui rend deux nombres : cette borne, et le rayon certifié (0 si l'on s'abstient). Dans SciPy, les quantiles sont `stats.beta.ppf` et `stats.norm.ppf`.


# %%
def smoothed_radius(successes, n, sigma, alpha):
    """Clopper-Pearson lower bound of p at confidence 1 - alpha, and the certified radius."""
    ### BEGIN SOLUTION
    p = stats.beta.ppf(alpha, successes, n - successes + 1) if successes else 0.0
    return p, sigma * stats.norm.ppf(p) if p > 0.5 else 0.0
    ### END SOLUTION


# %% tags=["check"]
check.smoothed_radius(smoothed_radius)

# %% [markdown] tags=["solution"]
# Même unanime, un vote ne prouve qu'une probabilité de $\alpha^{1/n}$ : pour $n = 1000$ et $\alpha = 0{,}001$, 0,9931, soit un rayon de 2,46 σ au plus. Certifier plus loin demande plus de tirages ; Cohen en fait 100 000 par image.

# %% [markdown]
# Pour que le vote soit net, on entraîne le réseau **sur des images bruitées**, comme l'article. Vient ensuite son algorithme CERTIFY : $n_0 = 100$ tirages choisissent la classe, $n = 1000$ **autres** tirages bornent sa probabilité. (Avec les mêmes tirages pour les deux, la garantie ne tiendrait plus : on aurait choisi la classe qui a eu de la chance.)

# %%
sigma = 0.25
trials = runtime.budget(rapide=100, cours=1000, complet=10_000)
few = runtime.budget(rapide=8, cours=80, complet=500)
nets["sous le bruit"], seconds["sous le bruit"] = harden(defences.noisy(sigma))
noisy = nets["sous le bruit"]
votes, radii = attacks.certify(noisy, x[:few], sigma, n=trials)
print(f"abstentions : {np.mean(votes == -1):.0%} · rayon médian : {np.median(radii):.2f}")

# %%
copies = x[0] + sigma * np.random.default_rng(0).normal(size=(trials, 28, 28, 1)).astype("float32")
k = np.sum(np.asarray(noisy(copies)).argmax(1) == y[0])
p = stats.beta.ppf(0.001, k, trials - k + 1)
radius = sigma * stats.norm.ppf(p)
print(f"à la main, pour la première image : {k} votes sur {trials}, p ≥ {p:.3f}, R = {radius:.2f}")
print(f"dans labs, avec d'autres tirages : R = {radii[0]:.2f}")

# %%
chosen = np.argsort(radii)[[few // 10, few // 3, -1]]
rng = np.random.default_rng(0)
pictures = [x[i] for i in chosen] + [np.clip(x[i] + sigma * rng.normal(size=x[i].shape), 0, 1) for i in chosen]
titles = [f"R = {radii[i]:.2f}" for i in chosen] + ["un des tirages"] * 3
plots.show(pictures, titles=titles, columns=3, size=2.4, alt="Trois vêtements, puis les mêmes très bruités")

# %% [markdown]
# À la main ou par `labs`, mêmes rayons à peu de chose près, puisque les tirages diffèrent. Pour cette première image, 94 % des votes ne garantissent qu'une probabilité de 0,916. Le rayon dépend de l'image : à gauche, un vêtement que le bruit fait hésiter ; à droite, un sac que le réseau reconnaît mille fois sur mille, et dont le rayon est le plus grand que mille tirages puissent prouver.
#
# Le certificat dit : aucune image à moins de R ne fait changer le vote. Attaquons donc le **vote**, et non le réseau : PGD dans une boule euclidienne, sur la moyenne des probabilités de quatre tirages, dans l'esprit de Salman et al. (2019). Puis on fait voter sur l'image attaquée. Si plusieurs images certifiées tombaient, il faudrait douter de la garantie.


# %%
def chance(images):
    """Logarithm of the mean probabilities (N, K) over four noisy copies."""
    copies = tf.repeat(images, 4, axis=0)
    shares = tf.nn.softmax(noisy(copies + sigma * tf.random.normal(tf.shape(copies))))
    return tf.math.log(tf.reduce_mean(tf.reshape(shares, (-1, 4, 10)), axis=1) + 1e-9)


def attacked(radius):
    """Which images the vote still classifies well after an attack of this Euclidean length."""
    images = attacks.pgd(chance, x[:few], y[:few], radius, radius / 4, 10, ball=attacks.gradient.L2)
    return certificates.smoothed_votes(noisy, images, sigma, min(trials, 400), seed=(1, 0)).argmax(1) == y[:few]


# %%
reach = np.array([0, 0.2, 0.4, 0.6, 0.8])
held = {r: attacked(r) for r in reach}
certain = {r: (votes == y[:few]) & (radii > r) for r in reach}
plots.curves({"le vote, attaqué": [100 * held[r].mean() for r in reach],
              "certifié": [100 * certain[r].mean() for r in reach]}, x=reach,
             title="Classifieur lissé : prouvé, attaqué", xlabel="rayon euclidien", ylabel="images (%)",
             alt="Le certifié suit l'attaqué de près, puis tombe à zéro après 0,6")  # fmt: skip
both = {"attaqué": held, "certifié": certain}
rows = [[name, *(f"{kept[r].mean():.0%}" for r in reach)] for name, kept in both.items()]
plots.table(rows, header=["rayon", *reach])

# %% tags=["nbval-check-output"]
below = [certain[r].mean() <= held[r].mean() for r in reach]
print("le certifié n'est jamais au-dessus de l'attaqué :", all(below))
broken = sum(np.sum(certain[r] & ~held[r]) for r in reach)
print("images certifiées que l'attaque a fait tomber :", broken)
print("plus de la moitié des images certifiées à 0,2 :", certain[0.2].mean() > 0.5)

# %% [markdown]
# L'attaque n'a fait tomber aucune image certifiée : c'est ce que le certificat promettait. Jusqu'à 0,4, les deux courbes se suivent : à ce rayon, le vote garde 62 % de ces 80 images quoi qu'on fasse, et 69 % devant notre attaque ; la vérité est entre les deux. À 0,8, le certificat est tombé à zéro d'un coup, quand le vote résiste encore une fois sur deux : même unanimes, 1000 tirages ne prouvent pas de rayon supérieur à 2,46 σ, soit 0,62. Ce n'est pas le réseau qui s'effondre, c'est la **preuve** qui s'arrête. Sur ImageNet, où les garanties précédentes ne passaient pas à l'échelle, Cohen et ses collègues certifient 49 % des images dans un rayon de 0,5.
#
# Trois réserves. La norme d'abord : une longueur euclidienne de 0,62 ne couvre pas un changement de 0,1 sur chacun des 784 pixels, qui mesure $0{,}1 \times 28 = 2{,}8$. La probabilité ensuite : chaque certificat est faux avec une probabilité d'au plus un millième. L'arithmétique enfin : la preuve suppose des nombres réels, et l'on sait construire des classifieurs pour lesquels, à cause des arrondis de la machine, le certificat est faux (Voráček et Hein, 2023).
#
# ## 7. Le monde change
#
# Bien des systèmes n'ont pas d'adversaire. Mais l'objectif se salit, la lumière baisse, la caméra bouge. Hendrycks et Dietterich (2019) mesurent cette autre robustesse : quinze **altérations** ordinaires, à cinq degrés de sévérité, sur des réseaux qui ne les ont jamais vues. En voici quatre. **Pariez** : le réseau entraîné contre le pire des cas est-il aussi le meilleur ici ?

# %%
def blur(images, s):
    return ndimage.gaussian_filter(images, (0, s, s, 0))


def contrast(images, s):
    centre = images.mean(axis=(1, 2, 3), keepdims=True)
    return centre + s * (images - centre)


def noise(images, s):
    return images + s * np.random.default_rng(0).normal(size=images.shape)


# %%
corruptions = {
    "bruit": (noise, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "flou": (blur, (0.5, 0.75, 1, 1.5, 2)),
    "contraste": (contrast, (0.75, 0.6, 0.45, 0.3, 0.2)),
    "voile": (lambda images, s: images + s * (1 - images), (0.1, 0.2, 0.3, 0.4, 0.5)),
}


def corrupt(name, images, level):
    function, levels = corruptions[name]
    return np.clip(function(images, levels[level]), 0, 1).astype("float32")


# %%
plots.show([corrupt(name, x[:1], level)[0] for name in corruptions for level in range(5)],
           titles=[f"{name}, {level + 1}" for name in corruptions for level in range(5)], columns=5, size=1.5,
           alt="Une bottine, de plus en plus bruitée, floue, pâle ou voilée")  # fmt: skip

# %%
many = x_test[: 4 * size], y_test[: 4 * size]
under = {name: accuracy(model, attack(model), y) for name, model in nets.items()}
shift = {name: [np.mean([accuracy(model, corrupt(kind, many[0], level), many[1]) for level in range(5)])
                for kind in corruptions] for name, model in nets.items()}  # fmt: skip
rows = [[name, f"{accuracy(nets[name], *many):.0%}", *(f"{value:.0%}" for value in values),
         f"{np.mean(values):.0%}", f"{under[name]:.0%}"] for name, values in shift.items()]  # fmt: skip
plots.table(rows, header=["réseau", "tel quel", *corruptions, "moyenne", "sous PGD, ε = 0,1"])

# %% tags=["nbval-check-output"]
usual = {name: np.mean(values) for name, values in shift.items()}
print("devant PGD, l'ordinaire est très loin de celui qu'on a entraîné contre l'attaque :",
      under["ordinaire"] < under["contre l'attaque"] - 0.3)  # fmt: skip
print("devant les altérations, il n'est pas plus mauvais, à 5 points près :",
      usual["ordinaire"] > usual["contre l'attaque"] - 0.05)  # fmt: skip
print("et il devance celui qu'on peut certifier :", usual["ordinaire"] > usual["par intervalles"] + 0.05)

# %% [markdown]
# Le classement n'est plus le même. Devant PGD, l'ordinaire est le dernier, 10 %, et l'entraînement contre l'attaque le premier, 65 %. Devant les altérations, l'ordinaire est le **premier** en moyenne, 70 %, et le réseau certifié le dernier, 56 % : sous un voile clair, il n'en reconnaît plus qu'une sur trois. Regardez aussi d'où chacun part : tous perdent à peu près autant en moyenne, de 16 à 18 points environ, et l'ordinaire reste devant parce qu'il partait de plus haut. Aucune des trois défenses n'a donc rendu le réseau nettement plus robuste à ces altérations. Même sous le bruit, celui qui s'est entraîné avec ne fait que rejoindre l'ordinaire, à 83 % : il perd moins, mais il partait de plus bas.
#
# Le pire des cas et le décalage sont donc **deux questions**. La première demande : que peut faire quelqu'un qui choisit ? La seconde : que se passe-t-il quand personne ne choisit, mais que le monde change ? Une bonne réponse à l'une ne garantit rien pour l'autre. (Nos altérations sont plus simples que celles de l'article, et nos images plus petites : ne comparez pas les chiffres.)
#
# ## 8. Un protocole, sur une page
#
# | étape | question | ce qui doit vous alerter |
# | --- | --- | --- |
# | 1. Menace | Qui attaque, que sait-il, que peut-il changer, de combien ? | aucun budget écrit : rien n'est réfutable |
# | 2. Moyenne | Exactitude, par classe et par groupe, avec intervalle | la pire classe n'est pas donnée |
# | 3. Gradient | FGSM, puis PGD | FGSM plus fort que PGD ; un gradient nul |
# | 4. Sans gradient | Recherche au hasard | elle fait **mieux** que PGD |
# | 5. Transfert | Images faites contre un autre réseau | elles font **mieux** que PGD |
# | 6. Budget | Augmenter ε jusqu'à l'absurde | l'exactitude ne tombe pas à zéro |
# | 7. Adapter | Attaquer *cette* défense, en la lisant | l'auteur n'a pas essayé |
# | 8. Pire des cas | Image par image, sur toutes les attaques | on donne la meilleure colonne |
# | 9. Prouver | Certificat, s'il y en a un, et pour quelle norme | certifié au-dessus de l'attaqué |
# | 10. Décalage | Altérations ordinaires | confondues avec le pire des cas |
#
# Les alertes 3 à 6 sont celles d'Athalye, Carlini et Wagner : une attaque qui voit le gradient en sait **plus** que les autres ; si elle fait nettement moins bien, c'est que le gradient ment, ou qu'elle est mal réglée.
#
# Un fournisseur vous livre un modèle **scellé**, `sealed`, et cette phrase : « robuste : 91 % d'exactitude sous FGSM et 88 % sous PGD, à ε = 0,1 ». Appliquez les étapes 3 à 6.

# %%
sealed = defences.sealed_classifier()
measure("scellé", sealed)


def signs(name, model):
    """One line of the protocol: each attack, then transferred images, then an absurd budget."""
    absurd = attacks.pgd(model, x, y, 0.5, 0.125, 10, random_start=False)
    values = [kept.mean() for kept in resisting[name].values()]
    values += [accuracy(model, images, y) for images in (copied, absurd)]
    return [name, *(f"{value:.0%}" for value in values)]


rows = [signs(*pair) for pair in (*[*nets.items()][:2], ("scellé", sealed))]
plots.table(rows, header=["réseau", *ensemble, "transfert", "PGD, ε = 0,5"])

# %% [markdown]
# Les deux premières lignes sont en ordre : à ε = 0,1, PGD est la plus forte des attaques, le transfert la plus faible, et le budget absurde met tout à zéro. La troisième a les trois alertes : le hasard et le transfert font bien mieux que PGD, et avec un budget de 0,5, assez pour effacer n'importe quelle image, PGD ne change **rien**.
#
# | Exercice 6.5.d | difficulté ●●● | 12 min | vérifié : images dans [0, 1] et dans le budget, que le modèle scellé reconnaît trois fois sur dix au plus |
# | --- | --- | --- | --- |
#
# Rendez votre verdict, preuve à l'appui, sans lire le code de `sealed`. Écrivez `adversary(sealed, substitute, x, y, epsilon)` : le modèle scellé, un réseau ordinaire pour les mêmes vêtements, des images et leurs classes ; rendez des images `(N, H, L, 1)`, entre 0 et 1, que le modèle scellé ne reconnaît plus, sans qu'aucun pixel ait changé de plus de `epsilon`. Toutes les attaques de `labs.attacks` sont permises.


# %%
def adversary(sealed, substitute, x, y, epsilon):
    """Images (N, H, W, C) that the sealed model no longer recognises, no pixel moved by more than epsilon."""
    ### BEGIN SOLUTION
    copied = attacks.pgd(substitute, x, y, epsilon, epsilon / 5, 20)
    searched = attacks.random_search(sealed, x, y, epsilon, queries=100)
    fooled = np.asarray(sealed(copied)).argmax(1) != y
    return np.where(fooled[:, None, None, None], copied, searched)
    ### END SOLUTION


# %% tags=["check"]
check.adversary(adversary)

# %% [markdown] tags=["solution"]
# Le modèle scellé comprime chaque image à la manière de JPEG, par blocs de 4×4 : l'arrondi des fréquences annule le gradient. Il n'était pas besoin de le savoir. Deux attaques qui ne lisent pas son gradient le font tomber, et une seule aurait suffi à conclure : **son exactitude robuste n'est pas de 88 %, elle est à peu près nulle.**

# %% [markdown]
# ## À retenir
#
# - Une moyenne cache ses pires groupes, et ne dit rien d'un adversaire ni d'un monde qui change : trois évaluations différentes.
# - L'exactitude robuste se prend **image par image**, sur toutes les attaques, et n'est qu'une borne haute : une attaque qui échoue ne prouve rien.
# - Un gradient caché n'est pas une défense. Il se trahit : une attaque qui en sait moins réussit mieux.
# - S'entraîner contre l'attaque rend vraiment plus robuste, pour la menace choisie, et coûte quelques points d'exactitude.
# - Un certificat est une borne basse : intervalles (chaque pixel), lissage (longueur euclidienne, avec une borne de Clopper et Pearson et le droit de s'abstenir).
#
# ## Questionnaire
#
# 1. Trois attaques laissent chacune 60 % des images bien classées. L'exactitude robuste peut-elle être de 40 % ? De 70 % ?
# 2. Pourquoi une attaque **sans** gradient qui réussit mieux que PGD est-elle une mauvaise nouvelle pour le défenseur ?
# 3. Les intervalles ne certifient aucune image d'un réseau. Est-il fragile ?
# 4. 1000 votes sur 1000 pour la même classe : pourquoi le rayon certifié n'est-il pas infini ?
# 5. Un certificat euclidien de rayon 0,3 vous protège-t-il d'une attaque qui change chaque pixel de 0,1 ?
# 6. Un réseau résiste mieux au bruit qu'un autre. Résiste-t-il mieux à un adversaire ?
#
# <details><summary>Réponses</summary>
#
# 1. 40 %, oui : elles peuvent tromper des images différentes. 70 %, non : le pire des cas n'est jamais au-dessus de la plus forte attaque. 2. PGD en sait plus : s'il fait moins bien, c'est que le gradient ment (ou que PGD est mal réglé), et l'évaluation par PGD ne valait rien. 3. On n'en sait rien : « pas prouvé » n'est pas « trompé ». L'attaque donne l'autre borne. 4. Une classe dont la probabilité n'est que de 0,9931 obtient 1000 votes sur 1000 une fois sur mille : à cette confiance, mille tirages ne peuvent pas l'exclure. 5. Non : 784 pixels qui changent de 0,1 font une longueur de 2,8, bien au-delà de ce qu'il couvre. Chaque certificat vaut pour sa norme. 6. Pas forcément : une altération est tirée au hasard, un adversaire choisit.
#
# </details>
#
# ## Pour aller plus loin
#
# - Entraînez contre PGD en plusieurs pas, `defences.adversarial(epsilon, steps=5)` : que gagne-t-on, et à quel prix ?
# - Une défense qui tire au hasard : déplacez l'image de quelques pixels avant de la classer. Attaquez-la par la moyenne de plusieurs tirages (*expectation over transformation*, leçon 6.4).
# - Changez σ dans le lissage : 0,12, puis 0,5. Où les deux courbes certifiées se croisent-elles ?
# - Carlini et al. 2019, *On Evaluating Adversarial Robustness* : une liste de contrôle bien plus complète que ce protocole.
