# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Apprendre avec cent étiquettes
#
# > Vingt mille chiffres, cent étiquettes : dix par classe, de quoi remplir une feuille. Un réseau qui n'a qu'elles se trompe une fois sur cinq, ou sur quatre. Vous allez faire travailler les autres images, sans étiquette, grâce à un faussaire ; puis lui commander un chiffre, et l'obtenir.
#
# **À la fin, vous saurez** mesurer ce qu'un discriminateur a appris sans étiquette, en faire un classifieur à $K$ logits, écrire ses trois coûts sans déborder, ajuster des caractéristiques moyennes, comparer honnêtement avec et sans les images non étiquetées, et conditionner un générateur par une classe.
#
# **Prérequis** : leçons 2.4 et 3.3 · **Durée** : 50 min · **Références** : Salimans et al. 2016, *Improved Techniques for Training GANs* ; Radford, Metz & Chintala 2016 (DCGAN, section 5) ; Odena, Olah & Shlens 2017, *Conditional Image Synthesis with Auxiliary Classifier GANs* ; Mirza & Osindero 2014, *Conditional Generative Adversarial Nets* ; Dai et al. 2017, *Good Semi-supervised Learning that Requires a Bad GAN*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.special
from sklearn.decomposition import PCA

from labs import datasets, gans, plots, training, weights
from labs.checks import generative as check

# %% [markdown]
# Trois GAN s'entraînent en direct. Leurs tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`. Des 20 000 chiffres d'apprentissage, les 2 000 derniers sont mis de côté pour la **validation** : c'est sur eux qu'ont été faits tous les choix de cette leçon. Les 10 000 images de test ne servent qu'à noter.

# %%
free_steps = runtime.budget(rapide=20, cours=300, complet=5000)  # GAN sans étiquette
semi_steps = runtime.budget(rapide=24, cours=800, complet=20_000)  # GAN semi-supervisé
asked_steps = runtime.budget(rapide=24, cours=240, complet=10_000)  # GAN à qui l'on commande un chiffre
alone_steps = runtime.budget(rapide=5, cours=100, complet=400)  # pas du réseau aux étiquettes seules
judge_epochs = runtime.budget(rapide=1, cours=2, complet=5)  # époques du juge
data = datasets.load("mnist")
x, x_test = (images[..., None].astype("float32") / 255 for images in (data.x_train, data.x_test))
x_train, y_train, x_valid, y_valid = x[:-2000], data.y_train[:-2000], x[-2000:], data.y_train[-2000:]
print("apprentissage :", x_train.shape, "· validation :", x_valid.shape, "· test :", x_test.shape)

# %% [markdown]
# ## 1. Sans étiquette, qu'apprend un discriminateur ?
#
# Pour démasquer de faux chiffres, il faut savoir à quoi ressemblent les vrais. Le discriminateur d'un GAN devrait donc en apprendre quelque chose, sans qu'on lui donne **une seule** étiquette. Entraînons un petit DCGAN (leçon 3.3) sur ces chiffres, pour voir.

# %%
keras.utils.set_random_seed(0)
gan = gans.GAN(gans.generator(width=16), gans.critic(width=16))
gan.compile(*(keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2)))
result = gans.train(gan, x_train, steps=free_steps, moments=5, shown=10)

# %%
plots.show(
    list(result.samples[[0, 1, 3, 5]].reshape(-1, 28, 28)), columns=10, size=1.05,
    title=f"Dix bruits fixes, aux pas {', '.join(map(str, result.steps[[0, 1, 3, 5]]))}",
    alt="Quatre rangées de dix images : du gris, des taches, puis des chiffres de plus en plus lisibles",
)  # fmt: skip

# %% [markdown]
# Au pas 300, quelques 9 et un 3, et plusieurs signes qui ne sont pas des chiffres : le faussaire débute.
#
# Comment savoir ce que le discriminateur a appris ? Par une **sonde linéaire** (leçon 2.4) : on gèle le réseau, on prend ce qui entre dans sa dernière couche, et on apprend à une régression logistique à y lire la classe. Si elle y arrive avec peu d'étiquettes, c'est que les classes y étaient déjà rangées. Radford et al. (2016) ont fait un essai de ce genre sur CIFAR-10, avec ce que rendent toutes les couches.
#
# Il faut des repères. Le même réseau **jamais entraîné**, aux poids tirés au hasard ; l'**ACP** ; les **pixels**. Et deux quantités d'étiquettes : 100, puis 2 000. **Pariez** : quel est l'ordre, et le discriminateur bat-il un réseau au hasard ?


# %%
def before_last(critic):
    """What enters the last layer of a critic, as a function of images."""
    network = keras.Model(critic.inputs, critic.layers[-1].input)
    return lambda images: network.predict(images, batch_size=500, verbose=0)


keras.utils.set_random_seed(1)
principal = PCA(100, random_state=0).fit(x_train.reshape(-1, 784))
views = {
    "pixels": lambda images: images.reshape(-1, 784),
    "ACP, 20 coordonnées": lambda images: principal.transform(images.reshape(-1, 784))[:, :20],
    "ACP, 100 coordonnées": lambda images: principal.transform(images.reshape(-1, 784)),
    "discriminateur au hasard": before_last(gans.critic(width=16)),
    "discriminateur entraîné": before_last(gan.critic),
}

# %%
probes, draws = {}, [gans.few_labels(y_train, count, seed=0) for count in (10, 200)]  # par classe
for name, view in views.items():
    fitted = [training.linear_probe(view(x_train[ranks]), y_train[ranks]) for ranks in draws]
    probes[name] = [probe.score(view(x_test), data.y_test) for probe in fitted]
sizes = {name: view(x_test[:1]).shape[1] for name, view in views.items()}
rows = [[name, sizes[name], *(f"{score:.1%}" for score in probes[name])] for name in views]
plots.table(rows, header=["caractéristiques", "dimension", "100 étiquettes", "2 000 étiquettes"])

# %% tags=["nbval-check-output"]
trained, random = probes["discriminateur entraîné"][1], probes["discriminateur au hasard"][1]
print("2 000 étiquettes, discriminateur entraîné au-dessus de 80 % :", trained > 0.8)
print("et pourtant à moins de 3 points d'un réseau au hasard :", abs(trained - random) < 0.03)

# %% [markdown]
# Avec 2 000 étiquettes, la sonde reconnaît 89,1 % des chiffres de test à travers le discriminateur entraîné. Beau résultat ? Le même réseau **jamais entraîné** donne 89,1 % aussi ; avec 100 étiquettes, il est même devant, 75,6 contre 74,3 % (sur un seul tirage, un tel écart ne prouve rien). Sans ce repère, on aurait conclu que le discriminateur avait appris. Ses convolutions, même au hasard, rangent déjà les chiffres un peu mieux que les pixels ; 300 pas contre un faussaire débutant n'y ont rien ajouté qu'une sonde linéaire sache lire. Radford et al. ont obtenu de bonnes caractéristiques, mais avec un réseau bien plus grand, entraîné bien plus longtemps, sur ImageNet.
#
# L'ACP, elle, dépend de ce qu'on en garde : avec 100 étiquettes, 20 coordonnées donnent 75,7 %, et 100 coordonnées, 57,9 % seulement. La sonde met toutes les coordonnées à la même échelle, et les dernières, qui ne portent guère que des détails, y pèsent autant que les premières.
#
# Retenons-en une idée : distinguer le vrai du faux n'oblige pas à distinguer un 3 d'un 8. Donnons au discriminateur une raison de le faire.

# %% [markdown]
# ## 2. Une classe de plus : « inventée »
#
# Et si le discriminateur savait, dès l'entraînement, qu'il y a des classes ? L'idée de Salimans et al. (2016) : un classifieur à $K + 1$ classes, les dix chiffres et une onzième, « inventée ». Une image **sans étiquette** a quelque chose à lui apprendre : elle est d'une des $K$ premières classes, on ne sait pas laquelle.
#
# Ajouter un même nombre à tous les logits ne change rien à une softmax : on peut donc fixer à 0 celui de la classe « inventée », et il ne reste que $K$ logits $l_1, \dots, l_K$. La probabilité d'être une vraie image est alors
#
# $$ D(x) = \frac{Z(x)}{Z(x) + 1}, \qquad Z(x) = \sum_{k=1}^{K} e^{l_k(x)}, \qquad \text{autrement dit } D = \sigma(\log Z). $$
#
# Tout le reste de la leçon 3.3 tient donc encore : $\log Z$ y joue le rôle du **score** $a$.
#
# | Exercice 3.7.a | difficulté ●●○ | 8 min | vérifié : égal à une softmax de SciPy à une classe de plus ; logits de ±800 |
# | --- | --- | --- | --- |
#
# Écrivez `real_or_fake(logits)` : des logits `(N, K)` vers $\log Z$ `(N,)` et $D$ `(N,)`. Attention : $e^{800}$ déborde. Si $m$ est le plus grand logit, $\log \sum_k e^{l_k} = m + \log \sum_k e^{l_k - m}$, et plus rien ne déborde.


# %%
def real_or_fake(logits):
    """log Z and D, from the K logits of each image: (N, K) -> (N,) and (N,)."""
    ### BEGIN SOLUTION
    top = logits.max(axis=1)
    log_z = top + np.log(np.sum(np.exp(logits - top[:, None]), axis=1))
    return log_z, np.exp(-np.logaddexp(0, -log_z))
    ### END SOLUTION


# %% tags=["check"]
check.real_or_fake(real_or_fake)

# %% [markdown] tags=["solution"]
# $-\log \sigma(a) = \log(1 + e^{-a})$ : en passant par `np.logaddexp`, la sigmoïde ne déborde pas non plus. `scipy.special.logsumexp` et `expit` font la même chose.

# %% [markdown]
# Les mêmes $K$ logits répondent donc à **deux** questions : *laquelle ?* (la softmax des $K$ logits) et *est-ce une vraie image ?* ($Z$, la somme de leurs exponentielles). Trois réponses d'un réseau à $K = 3$ ; **dites d'abord**, pour chacune, si l'image a l'air vraie et si sa classe est sûre :

# %% tags=["nbval-check-output"]
answers = {"A": [6.0, 0.0, 0.0], "B": [5.0, 5.0, 0.0], "C": [-4.0, -4.0, -4.0]}
logits = np.array(list(answers.values()))
log_z = scipy.special.logsumexp(logits, axis=1)
best = scipy.special.softmax(logits, axis=1).max(axis=1)
real = scipy.special.expit(log_z)
columns = zip(answers, answers.values(), log_z, real, best)
rows = [[name, values, f"{s:.1f}", f"{d:.3f}", f"{p:.2f}"] for name, values, s, d, p in columns]
plots.table(rows, header=["image", "logits", "log Z", "D", "p de la meilleure classe"])

# %% [markdown]
# A est un vrai chiffre, et sa classe est sûre. B est un vrai chiffre aussi, mais deux classes se le disputent : $D$ est grand, $p$ vaut une chance sur deux. C a des logits égaux et très négatifs : toutes les classes se valent, et l'image est presque sûrement inventée. **Une image peut être vraie sans que sa classe soit claire** : c'est ce qui permet d'apprendre d'une image sans étiquette.

# %% [markdown]
# ## 3. Trois lots, trois coûts
#
# À chaque pas, le discriminateur reçoit trois lots, et minimise la somme de trois moyennes :
#
# $$ \underbrace{-\mathbb E\big[\log p(y \mid x, \text{vraie})\big]}_{\text{étiquetées}} \; \underbrace{-\,\mathbb E\big[\log D(x)\big]}_{\text{sans étiquette}} \; \underbrace{-\,\mathbb E\big[\log(1 - D(G(z)))\big]}_{\text{inventées}} $$
#
# Le premier terme est l'entropie croisée des $K$ classes ; les deux autres sont le coût de la leçon 3.3, avec le score $\log Z$.
#
# | Exercice 3.7.b | difficulté ●●● | 10 min | vérifié : égal à Keras et à une classe de plus ; lots de tailles différentes, logits énormes |
# | --- | --- | --- | --- |
#
# Écrivez `semi_supervised_loss(labelled, labels, real, fake)` à partir des **logits** des trois lots, `(N, K)`, `(M, K)` et `(P, K)`, et des étiquettes `(N,)` du premier. `scipy.special.logsumexp(…, axis=1)` est permis.


# %%
def semi_supervised_loss(labelled, labels, real, fake):
    """What the discriminator minimises, from the logits of its three batches."""
    ### BEGIN SOLUTION
    log_z = [scipy.special.logsumexp(logits, axis=1) for logits in (labelled, real, fake)]
    classes = np.mean(log_z[0] - labelled[np.arange(len(labels)), labels])
    return classes + np.mean(np.logaddexp(0, -log_z[1])) + np.mean(np.logaddexp(0, log_z[2]))
    ### END SOLUTION


# %% tags=["check"]
check.semi_supervised_loss(semi_supervised_loss)

# %% [markdown] tags=["solution"]
# $-\log p(y \mid x, \text{vraie}) = \log Z - l_y$ : la classe « inventée » n'y entre pas. Les images étiquetées ne disent donc que leur classe ; c'est aux deux autres lots de placer la frontière entre vrai et faux.

# %% [markdown]
# ## 4. Un faussaire qui vise des moyennes
#
# Que doit faire le générateur ? Salimans et al. obtiennent leurs meilleurs classifieurs non pas quand il cherche à tromper $D$, mais quand il **ajuste des caractéristiques** (*feature matching*). Soit $f(x)$ ce qui entre dans la dernière couche du discriminateur ; le générateur minimise
#
# $$ \big\| \mathbb E_x\, f(x) - \mathbb E_z\, f(G(z)) \big\|^2 . $$
#
# Il ne copie aucune image : il veut que ses images, **en moyenne**, activent chaque caractéristique autant que les vraies.
#
# | Exercice 3.7.c | difficulté ●○○ | 5 min | vérifié : égal à SciPy ; lots de tailles différentes, une seule caractéristique |
# | --- | --- | --- | --- |
#
# Écrivez `feature_matching(real, fake)` à partir des caractéristiques `(N, D)` de vraies images et `(M, D)` d'images inventées.


# %%
def feature_matching(real, fake):
    """‖E f(x) - E f(G(z))‖², from features (N, D) and (M, D)."""
    ### BEGIN SOLUTION
    return np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    ### END SOLUTION


# %% tags=["check"]
check.feature_matching(feature_matching)

# %% [markdown] tags=["solution"]
# La moyenne se prend sur les images **avant** le carré. Comparer les images deux à deux serait une tout autre consigne : chaque image inventée devrait ressembler à une vraie tirée au hasard, donc à la moyenne de toutes.

# %% [markdown]
# `gans.SGAN` réunit tout cela. Lisez-la : la boucle est celle de la leçon 3.3 ; seuls changent le score, les deux coûts, et les exemples étiquetés qu'elle garde. Un poids `weight` multiplie les deux termes sans étiquette : 1 dans la formule de l'article, 1/2 dans le code de ses auteurs et dans nos entraînements. Avec `weight=1.0`, retrouvons son coût par un tout autre chemin : un vrai classifieur à **onze** classes, dont le dernier logit vaut 0.

# %%
keras.utils.set_random_seed(0)
few = gans.few_labels(y_train, 10, seed=0)  # les rangs de dix exemples par classe
small = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
tiny = gans.SGAN(gans.dense_generator(), small, (x_train[few], y_train[few]), weight=1.0)
real, fake = x_train[:100], gans.sample(tiny, 100)


def eleven(images):
    """Logarithms of the probabilities of eleven classes, "generated" being the last."""
    return scipy.special.log_softmax(np.pad(small(images), ((0, 0), (0, 1))), axis=1)


# %% tags=["nbval-check-output"]
ten = eleven(x_train[few])[:, :10]
known = ten - scipy.special.logsumexp(ten, axis=1, keepdims=True)  # log p(y | x, vraie)
terms = [known[np.arange(100), y_train[few]], np.log1p(-np.exp(eleven(real)[:, 10])), eleven(fake)[:, 10]]
ours = -sum(np.mean(term) for term in terms)
theirs = float(tiny.critic_loss(real, fake))
print("même coût avec K logits et avec K + 1 classes :", abs(ours - theirs) < 1e-3)

# %% [markdown]
# ## 5. Cent étiquettes
#
# Voici tout ce que nos réseaux auront d'étiqueté : dix exemples de chaque classe, tirés au sort parmi les 18 000 images d'apprentissage. Nous donnons la graine du tirage, car avec cent exemples, le hasard du **choix** compte beaucoup.

# %%
plots.show(
    list(x_train[few]), columns=20, size=0.6, title="Les cent exemples étiquetés de la graine 0",
    alt="Cent chiffres manuscrits, de 0 à 9, deux classes par rangée",
)  # fmt: skip

# %% [markdown]
# D'abord le repère : **le même réseau**, avec ces cent étiquettes et rien d'autre. Des couches denses, comme dans l'article : trois couches cachées (l'article en a cinq, plus larges), pas de convolution, les pixels sont pris en vrac. Le bruit ajouté dans les couches et la contrainte sur les poids resteront les mêmes ensuite ; la moyenne mobile des poids sera plus longue, comme l'entraînement. Ce réseau s'entraîne jusqu'à ne plus faire une faute sur ses cent exemples. Trois graines, donc trois tirages. **Pariez** : quelle exactitude sur les images de test ?


# %%
def accuracy(model, images, labels):
    return np.mean(model.predict(images, batch_size=500, verbose=0).argmax(axis=1) == labels)


def labels_alone(seed):
    keras.utils.set_random_seed(seed)
    ranks, model = gans.few_labels(y_train, 10, seed=seed), gans.noisy_classifier()
    optimizer = keras.optimizers.Adam(3e-3, beta_1=0.5, use_ema=True, ema_momentum=0.98)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x_train[ranks], y_train[ranks], epochs=alone_steps, batch_size=100, verbose=0)
    judged = (x_train[ranks], y_train[ranks]), (x_valid, y_valid), (x_test, data.y_test)
    return [accuracy(model, *pair) for pair in judged]


# %%
alone = [labels_alone(seed) for seed in range(3)]
for seed, (learned, valid, tested) in enumerate(alone):
    print(f"graine {seed} : {learned:.0%} sur les 100 · {valid:.1%} en validation · {tested:.1%} en test")

# %% [markdown]
# Les trois réseaux savent leurs cent exemples par cœur, et se trompent une fois sur cinq, ou une fois sur quatre : 80, 74 et 80 % en test. D'un tirage à l'autre, l'écart est de six points. La validation est un peu plus difficile que le test : ne comparez que des nombres mesurés sur les mêmes images.

# %% [markdown]
# Maintenant, le même réseau, les mêmes cent étiquettes de la graine 0, et un faussaire. À chaque pas : les cent exemples étiquetés, cent images sans étiquette, cent inventées. Nous notons l'exactitude sur la **validation** au fil des pas. **Pariez** : les images inventées seront-elles belles ?

# %%
keras.utils.set_random_seed(0)
sgan, seen = gans.sgan(x_train[few], y_train[few]), []
watch = lambda moment, logs: seen.append(accuracy(sgan.critic, x_valid, y_valid))
semi = gans.train(sgan, x_train, steps=semi_steps, batch_size=100, moments=8, shown=10, watch=watch)
sgan.critic_optimizer.finalize_variable_values(sgan.critic.trainable_variables)  # la moyenne mobile des poids
live = accuracy(sgan.critic, x_test, data.y_test)
print(f"graine 0, en test : SGAN, {semi_steps} pas, {live:.1%} · étiquettes seules, {alone[0][2]:.1%}")

# %%
plots.curves(
    {"SGAN, 100 étiquettes": seen, "étiquettes seules": [alone[0][1]] * len(seen)}, x=semi.steps[1:],
    title="Exactitude en validation pendant l'entraînement (graine 0)", xlabel="pas", ylabel="exactitude",
    alt="La courbe du SGAN en validation, et le niveau des étiquettes seules",
)  # fmt: skip
plots.show(
    list(semi.samples[[0, 1, 3, 8]].reshape(-1, 28, 28)), columns=10, size=1.05,
    title=f"Dix bruits fixes, aux pas {', '.join(map(str, semi.steps[[0, 1, 3, 8]]))}",
    alt="Quatre rangées de dix images inventées : du gris, des taches, puis des traits",
)  # fmt: skip

# %% [markdown]
# Les images inventées ne sont pas belles : des points, puis des taches, enfin des traits courbes où l'on devine parfois un 9 ou un 0. L'article prévient que celles de ses générateurs, ajustés de la même façon, se distinguent sans peine de vrais chiffres. Le but n'est pas là : le but est d'avoir un adversaire.
#
# L'exactitude, elle, commence par **baisser** : au pas 200, le réseau fait moins bien qu'avec les étiquettes seules. Sans doute parce que démasquer un faussaire qui ne sait rien faire n'apprend rien. Le gain vient plus tard : la courbe passe au-dessus du repère à partir du pas 500, et au bout de 800 pas, le réseau atteint 84,5 % en test, contre 80,1 % avec les étiquettes seules. (Ces 84,5 % sont ceux de la moyenne mobile des poids ; la courbe montre les poids du moment.) La section suivante continue l'entraînement.

# %% [markdown]
# ## 6. Trois graines, jusqu'au bout
#
# Un seul essai ne prouve rien. Le script `scripts/train_sgan.py` a refait cet entraînement, plus long, pour trois graines ; le dépôt en livre les discriminateurs. Chargeons-les et **remesurons-les** sur les 10 000 images de test. **Pariez** : combien de points gagnés, en moyenne ?

# %%
models = [weights.restore(gans.noisy_classifier(), f"sgan_{seed}") for seed in range(3)]
shipped = [accuracy(model, x_test, data.y_test) for model in models]
baseline = [tested for _, _, tested in alone]
pairs = [*zip(("graine 0", "graine 1", "graine 2"), baseline, shipped)]
pairs += [("moyenne", np.mean(baseline), np.mean(shipped))]
rows = [[name, f"{a:.2%}", f"{b:.2%}", f"{100 * (b - a):+.1f}", f"{1e4 * (1 - b):.0f}"] for name, a, b in pairs]
plots.table(rows, header=["", "étiquettes seules", "SGAN", "points gagnés", "erreurs du SGAN"])

# %% tags=["nbval-check-output"]
print("moyenne des gains d'au moins 8 points :", np.mean(shipped) - np.mean(baseline) >= 0.08)
print("chaque graine y gagne :", all(b > a for a, b in zip(baseline, shipped)))

# %% [markdown]
# En moyenne, 78,1 % avec les étiquettes seules, 90,5 % avec les images sans étiquette : **douze points de gagnés** sans écrire une étiquette de plus, et de 10,9 à 13,7 points selon la graine. Il reste moins de la moitié des erreurs.
#
# L'article fait bien mieux : 93 erreurs sur 10 000, avec un écart-type de 6,5 sur dix tirages, soit 99,07 % ; nous en faisons 947. Mais ses réseaux ont cinq couches plus larges, 60 000 images au lieu de 18 000, et le code des auteurs prévoit 300 époques de 600 pas, soit 180 000 ; nous en avons fait 4 000, deux minutes de processeur par graine.

# %% [markdown]
# ## 7. Commander un chiffre
#
# Un GAN invente au hasard. Pour **choisir** la classe, on la donne au générateur : le bruit $z$, suivi de dix nombres, un 1 à la place de la classe et des 0 ailleurs (Mirza & Osindero 2014). Encore faut-il qu'il en tienne compte. Odena et al. (2017) ajoutent donc un **classifieur auxiliaire** : le générateur minimise
#
# $$ -\mathbb E\big[\log D(G(z, y))\big] \; - \; \mathbb E\big[\log p(y \mid G(z, y))\big]. $$
#
# Notre discriminateur à $K$ logits donne les deux, $D$ et $p$ (le leur a deux sorties séparées). Ici le but n'est plus de classer avec peu d'étiquettes, mais d'inventer de belles images : nous donnons **toutes** les étiquettes, et des convolutions. À chaque pas, le lot inventé demande les classes 0, 1, … 9, 0, 1, … **Pariez** : quelle part des images sera reconnue comme le chiffre demandé ?

# %%
keras.utils.set_random_seed(0)
networks = gans.generator(width=16, latent=64 + 10), gans.critic(width=16, outputs=10)
asked = gans.ConditionalSGAN(*networks, (x_train, y_train))
asked.compile(*(keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2)))
orders = gans.train(asked, x_train, steps=asked_steps, moments=6, shown=10)

# %%
plots.show(
    list(orders.samples[[0, 1, 3, 6]].reshape(-1, 28, 28)), columns=10, size=1.05,
    title=f"Dix bruits fixes, classes 0 à 9, aux pas {', '.join(map(str, orders.steps[[0, 1, 3, 6]]))}",
    alt="Quatre rangées de dix images : du gris, puis des chiffres de 0 à 9 de plus en plus nets",
)  # fmt: skip

# %% [markdown]
# Une rangée par classe demandée, et un bruit nouveau pour chaque image :

# %%
codes = asked.asking(np.repeat(np.arange(10), 10), seed=1)
grid = np.asarray(asked.generator(codes, training=False)).reshape(10, 10, 28, 28)
figure, axis = plt.subplots(figsize=(7, 7))
axis.imshow(grid.swapaxes(1, 2).reshape(280, 280), vmin=0, vmax=1)
axis.set(title="Dix bruits pour chaque chiffre demandé", ylabel="classe demandée", xticks=[])
axis.set_yticks(14 + 28 * np.arange(10), range(10))
axis.grid(False)
plots.publish(figure, "Dix rangées de chiffres inventés, de 0 à 9")

# %% [markdown]
# Qui juge ? Un classifieur que ce GAN n'a jamais rencontré, entraîné à part sur toutes les étiquettes. Sa propre exactitude, sur de vrais chiffres, dit jusqu'où on peut le croire.

# %%
keras.utils.set_random_seed(0)
judge = gans.critic(width=16, outputs=10)
judge.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
judge.fit(x_train, y_train, epochs=judge_epochs, batch_size=128, verbose=0)
invented = gans.sample(asked, 2000)  # classes 0, 1… 9, 0, 1…
obeyed = judge.predict(invented, batch_size=500, verbose=0).argmax(axis=1) == np.arange(2000) % 10
print(f"vrais chiffres de test reconnus : {accuracy(judge, x_test, data.y_test):.1%}")
print(f"images inventées reconnues comme le chiffre demandé : {obeyed.mean():.1%}")
print("par classe :", " · ".join(f"{k} : {obeyed[k::10].mean():.0%}" for k in range(10)))


# %%
def spread(images, labels):
    """Standard deviation of a pixel among images of one class: mean over pixels and classes."""
    return np.mean([images[labels == k].std(axis=0).mean() for k in range(10)])


varied = spread(invented, np.arange(2000) % 10), spread(x_test, data.y_test)
print(f"écart-type d'un pixel, à classe égale : {varied[0]:.3f} inventées · {varied[1]:.3f} vraies")

# %% tags=["nbval-check-output"]
print("plus de 8 images sur 10 sont le chiffre demandé :", obeyed.mean() > 0.8)
print("moins variées que les vraies, à classe égale :", varied[0] < varied[1])

# %% [markdown]
# Le juge reconnaît le chiffre demandé dans 100,0 % des images inventées, alors qu'il ne reconnaît que 96,4 % des vrais chiffres de test. Mieux que la réalité ? C'est un avertissement. Regardez une rangée : les dix images s'y ressemblent beaucoup. À classe égale, un pixel varie deux fois moins que chez les vrais chiffres : 0,076 contre 0,156. Le générateur a trouvé, pour chaque classe, **un** dessin que le classifieur reconnaît, et s'y tient : un effondrement de modes (leçon 3.3) à l'intérieur de chaque classe. Le second terme l'y pousse, puisqu'un chiffre facile y coûte moins qu'un chiffre original. Obéir n'est pas varier, et la part d'images reconnues ne mesure que l'obéissance.

# %% [markdown]
# ## À retenir
#
# - Sans étiquette, un discriminateur peut apprendre des caractéristiques utiles, ou rien de plus qu'un réseau au hasard ; une **sonde linéaire** dit ce qu'elles valent, à condition d'avoir des repères : un réseau au hasard, l'ACP, les pixels.
# - Un classifieur à $K$ logits est aussi un discriminateur : $D = Z/(Z+1)$, $\log Z = \log \sum_k e^{l_k}$, calculé sans déborder.
# - Le discriminateur du **SGAN** minimise la somme de trois moyennes : classe des étiquetées, « vraie » pour les autres, « fausse » pour les inventées ; son générateur ajuste des **caractéristiques moyennes**.
# - Le repère honnête, c'est le même réseau avec les mêmes étiquettes, sur plusieurs graines.
# - Donner la classe au générateur, et l'exiger de lui, suffit pour **commander** une image ; pas pour en obtenir de variées.
#
# ## Questionnaire
#
# 1. Pourquoi peut-on fixer à 0 le logit de la classe « inventée » ?
# 2. Que valent $D$ et $p(y \mid x, \text{vraie})$ quand les $K$ logits sont tous égaux à $-3$ ? À $+3$ ?
# 3. Qu'apprend au juste le discriminateur d'une image sans étiquette ?
# 4. Le générateur copie exactement la loi des vraies images. Que reste-t-il à apprendre des images sans étiquette ?
# 5. Pourquoi faut-il plusieurs graines, et pourquoi les cent exemples changent-ils avec elles ?
#
# <details><summary>Réponses</summary>
#
# 1. Retrancher un même nombre à tous les logits d'une image ne change pas la softmax : on peut retrancher celui de cette classe. 2. $p = 1/K$ dans les deux cas. $Z = K e^{-3}$, soit 0,50 pour $K = 10$ : $D$ vaut 1/3 ; $Z = K e^{3} \approx 201$ : $D$ vaut 0,995. 3. Qu'elle est d'une des $K$ classes : un logit au moins doit y être grand. Avec le premier terme, qui les sépare, cela pousse les frontières là où il n'y a pas d'images. 4. Plus rien, par cette voie : $D$ ne peut faire mieux que 1/2 partout. Dai et al. (2017) en concluent qu'un bon apprentissage semi-supervisé veut un générateur imparfait, dont les images tombent entre les classes. 5. Avec cent exemples, le tirage compte autant que l'initialisation : un seul essai peut être chanceux.
#
# </details>
#
# ## Pour aller plus loin
#
# - Reprenez la section 5 avec 20 étiquettes, deux par classe : l'article donne alors 1 677 erreurs en moyenne, avec un écart-type de 452 ; et vous ?
# - Remplacez l'ajustement de caractéristiques par le coût non saturant (`gans.GAN.generator_loss`) : l'exactitude y gagne-t-elle ? Et les images ?
# - Commandez un chiffre à un générateur qui n'a eu que les cent étiquettes : `gans.ConditionalSGAN(…, (x_train[few], y_train[few]))`.
