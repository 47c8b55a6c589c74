# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2004 : Dalvi et al., un filtre à spam contre son adversaire
#
# > Dix ans avant les images qui trompent les réseaux, des courriels trompaient déjà les filtres. Vous allez jouer les deux rôles : ajouter à un spam les quelques mots qui le font passer, au moindre coût, puis répondre, en tenant compte de cet adversaire.
#
# **À la fin, vous saurez** écrire une attaque comme un jeu avec des coûts, calculer la réponse optimale de l'adversaire et celle du défenseur, mesurer un filtre avec et sans attaque, et dire ce que valent ces mesures quand l'adversaire n'est pas celui qu'on avait prévu.
#
# **Prérequis** : leçon 1.1, le théorème de Bayes · **Durée** : 50 min · **Références** : Dalvi, Domingos, Mausam, Sanghai & Verma 2004, *Adversarial Classification* (KDD) ; Hopkins et al. 1999, *Spambase*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize

from labs import datasets, plots
from labs.attacks import dalvi
from labs.checks import attacks as check

# %% [markdown]
# Jusqu'ici, les données ne se défendaient pas. Un filtre à spam, lui, a quelqu'un en face : qui connaît le filtre change ses messages, et le filtre de la veille ne vaut plus rien. Dalvi et ses collègues ont été parmi les premiers à en faire un **jeu** que l'on sait calculer. Rien n'y est propre aux images, et tout y est déjà : les coûts, l'attaque optimale, la défense qui en tient compte, la course qui ne finit pas. Le calcul est léger : cette leçon est la même dans tous les profils.
#
# ## 1. Le filtre
#
# **Spambase** est fait de 4 601 courriels reçus par les employés d'une entreprise, Hewlett-Packard. On n'en a pas le texte, mais la fréquence de 48 mots et de 6 caractères ; nous ne gardons que **présent** ou **absent**.

# %%
mail = datasets.spambase()
words = np.array(mail.feature_names[:54])
x_train, x_test = mail.x_train[:, :54] > 0, mail.x_test[:, :54] > 0
y_train, y_test = mail.y_train, mail.y_test  # 1 : spam
print("apprentissage :", x_train.shape, f"dont {y_train.mean():.1%} de spams")
print("test :", x_test.shape, f"dont {y_test.sum()} spams et {np.sum(1 - y_test)} messages légitimes")

# %% [markdown]
# Le filtre est un classifieur **bayésien naïf**, celui de l'article. Dans chaque classe, on suppose les mots indépendants : il suffit de la probabilité de chacun. (On ajoute un message avec le mot et un sans, pour qu'aucune ne soit nulle.) Notons $+$ le spam, $-$ le message légitime, et $p_i = P(x_i = 1 \mid +)$, $q_i = P(x_i = 1 \mid -)$. Le score d'un message est sa **log-cote** :
#
# $$ \log \frac{P(+ \mid x)}{P(- \mid x)} = \log \frac{P(+)}{P(-)} + \sum_{i\ \text{présent}} \log \frac{p_i}{q_i} + \sum_{i\ \text{absent}} \log \frac{1 - p_i}{1 - q_i} $$

# %%
spam, ham = ((x_train[y_train == label].sum(0) + 1) / (np.sum(y_train == label) + 2) for label in (1, 0))
log_prior = np.log(y_train.mean() / (1 - y_train.mean()))
for word in ("free", "remove", "george"):
    i = list(words).index(word)
    print(f"« {word} » : dans {spam[i]:.1%} des spams, {ham[i]:.1%} des messages légitimes")

# %% [markdown]
# | Exercice 6.1.a | difficulté ●○○ | 6 min | vérifié : égal au classifieur de scikit-learn ; mots absents, proportion de spams, un score par message |
# | --- | --- | --- | --- |
#
# Écrivez `log_odds(x, spam, ham, log_prior)` : des messages `x`, booléens `(N, d)`, vers leurs log-cotes `(N,)`. `spam` et `ham` sont les probabilités `(d,)` de chaque mot dans chaque classe.


# %%
def log_odds(x, spam, ham, log_prior):
    """log P(+|x) / P(-|x), (N,), of messages x bool (N, d)."""
    ### BEGIN SOLUTION
    present, absent = np.log(spam / ham), np.log((1 - spam) / (1 - ham))
    return log_prior + x @ present + ~x @ absent
    ### END SOLUTION


# %% tags=["check"]
check.log_odds(log_odds)

# %% [markdown] tags=["solution"]
# Une somme, donc une fonction **linéaire** des booléens : chaque mot pèse $w_i = \log\frac{p_i}{q_i} - \log\frac{1 - p_i}{1 - q_i}$, quels que soient les autres. C'est ce qui rend le filtre rapide, et facile à tromper.

# %% [markdown]
# ### Où mettre le seuil ?
#
# Toutes les erreurs ne se valent pas : perdre un message légitime est bien pire que laisser passer un spam. L'article note $U_C(d, y)$ l'**utilité**, pour le filtre, de décider $d$ quand la vérité est $y$. Dire « spam » vaut mieux en moyenne dès que
#
# $$ \log \frac{P(+ \mid x)}{P(- \mid x)} > \log \frac{U_C(-,-) - U_C(+,-)}{U_C(+,+) - U_C(-,+)} $$
#
# Nous prenons $U_C(+,+) = U_C(-,-) = 1$ et $U_C(-,+) = -1$ (un spam qui passe). Pour un message perdu, trois prix : $U_C(+,-) = -1$, $-10$, $-100$. (L'article compte aussi $V_i$, le prix que paie le filtre pour mesurer le mot $i$ ; compter des mots ne coûte rien : ici, $V_i = 0$.)

# %%
def report(decisions, cost=10):
    """Lost ham, spam let through, and the mean utility of the filter."""
    utility = np.array([[1, -1], [-cost, 1]])[decisions.astype(int), y_test].mean()
    return [np.sum(decisions & (y_test == 0)), np.sum(~decisions & (y_test == 1)), f"{utility:.2f}"]


model = dalvi.fit(x_train, y_train)
score = dalvi.log_odds(model, x_test)
rows = []
for cost in (1, 10, 100):
    threshold = dalvi.log_threshold([[1, -1], [-cost, 1]])
    rows.append([cost, f"{threshold:.2f}", *report(score > threshold, cost)])

# %% tags=["nbval-check-output"]
header = ["prix d'un message perdu", "seuil", "légitimes perdus", "spams passés", "utilité"]
plots.table(rows, header=header)
print("égal au calcul à la main :", np.allclose(score, log_prior + x_test @ np.log(spam / ham)
                                               + ~x_test @ np.log((1 - spam) / (1 - ham))))  # fmt: skip

# %% [markdown]
# Plus un message perdu coûte cher, plus le filtre est prudent : à 100, il n'en perd plus que 23 sur 965, mais laisse passer 177 spams sur 569. À ce prix, son utilité est même négative : ne rien filtrer du tout vaudrait (965 − 569) / 1 534, soit 0,26. Ses probabilités sont trop sûres d'elles, parce que les mots ne sont pas indépendants : « hp » et « hpl » vont ensemble, et comptent pourtant deux fois. Nous continuons avec un prix de 10.
#
# ## 2. L'adversaire
#
# L'adversaire connaît le filtre, mot par mot. Il ne touche pas aux messages légitimes : il ne peut que changer ses spams, $x \to x' = A(x)$. Il paie $W_i$ pour chaque mot changé, et gagne $\Delta U_A = U_A(-,+) - U_A(+,+)$ quand un spam passe au lieu d'être arrêté. Il cherche donc le **camouflage le moins cher** :
#
# $$ \min \sum_i W_i \delta_i \quad \text{avec} \quad \sum_i g_i\,\delta_i \ \ge\ \text{écart}(x), \qquad \delta_i \in \{0, 1\} $$
#
# où l'**écart** est ce qui dépasse du seuil, et $g_i$ ce que l'on gagne en changeant le mot $i$ : $|w_i|$, si le changement va dans le bon sens. Et il n'envoie le message camouflé que si cela coûte moins que $\Delta U_A$ ; sinon, il l'envoie tel quel.
#
# Nous lui laissons **ajouter** des mots, une unité le mot, et rien d'autre : enlever « gratuit » d'une offre gratuite la viderait de son sens. **Pariez** : combien de mots faut-il, en moyenne, pour faire passer un spam ? Et lesquels ?

# %%
spam_filter = dalvi.linear(model)  # au prix de 10
weights = spam_filter.weights * dalvi.STEP
order = np.argsort(weights)[np.r_[:12, -12:0]]
figure, axis = plt.subplots(figsize=(11, 4.6))
axis.bar(words[order], weights[order], color=[plots.COLORS[int(w > 0)] for w in weights[order]])
axis.axhline(0, color="black", linewidth=1)
axis.set(title="Le poids des mots : 12 plus légitimes, 12 plus suspects", ylabel="poids (nats)")
axis.tick_params("x", rotation=60)
axis.grid(axis="x", visible=False)
plots.publish(figure, "Barres : george, telnet et 857 pèsent près de −4 ; remove, money et 000 de 3 à 4")

# %% [markdown]
# Les mots les plus légitimes sont ceux de l'entreprise : « hp », « hpl », « labs », « george », le prénom du donateur des messages, « 650 », l'indicatif téléphonique de la région. À lui seul, « telnet » efface à peu près l'effet de « remove » : 4 nats d'un côté, 4 de l'autre. Et aucun destinataire ne s'étonnera de lire « telnet » tout en bas d'un message.
#
# ### Le camouflage le moins cher
#
# C'est un problème de **sac à dos** : difficile en général, mais facile dès que les gains sont des nombres **entiers**. L'article arrondit donc les log-cotes ; `dalvi.linear` l'a fait, au centième. On remplit alors un tableau : `best[w]` est le moindre coût qui gagne **au moins** `w`, avec les changements vus jusqu'ici.
#
# | Exercice 6.1.b | difficulté ●●○ | 12 min | vérifié : égal au meilleur de tous les camouflages, essayés un à un ; gain dépassé, camouflage impossible, écart nul |
# | --- | --- | --- | --- |
#
# Écrivez `cheapest(gains, costs, gap)` : des gains entiers strictement positifs `(m,)`, des coûts `(m,)`, l'écart entier à combler, vers le **coût** du camouflage le moins cher : `0` s'il n'y a rien à combler, `np.inf` si aucun ne suffit. Chaque changement sert une fois au plus.


# %%
def cheapest(gains, costs, gap):
    """Least total cost of changes whose gains add up to `gap` or more: a number, inf when there is none."""
    ### BEGIN SOLUTION
    best = np.full(max(gap, 0) + 1, np.inf)
    best[0] = 0
    reached = np.arange(len(best))
    for gain, cost in zip(gains, costs):
        best = np.minimum(best, cost + best[np.maximum(reached - gain, 0)])
    return best[-1]
    ### END SOLUTION


# %% tags=["check"]
check.cheapest(cheapest)

# %% [markdown] tags=["solution"]
# `best[np.maximum(reached - gain, 0)]` fait deux choses : il lit l'**ancien** tableau, ce qui interdit de compter deux fois le même changement, et il laisse le gain dépasser ce qu'il faut. Le temps est proportionnel au nombre de mots fois l'écart.

# %% [markdown]
# `dalvi.camouflage` tient le même tableau, et retient les mots choisis. SciPy, avec un programme linéaire en nombres entiers, trouve-t-il mieux ? Comparons-les sur de vrais spams. Pour que le problème ne soit pas trop simple, faisons payer chaque mot **à la longueur** : une unité par lettre, plus une pour l'espace.

# %%
def integer_programme(gains, costs, gap):
    enough = optimize.LinearConstraint(gains[None], gap, np.inf)
    return optimize.milp(costs, constraints=enough, integrality=1, bounds=optimize.Bounds(0, 1)).fun


lengths = np.array([len(word) + 1 for word in words])
spams = x_test[y_test == 1]
caught = spams[dalvi.gap(spam_filter, spams) > 0]
writer = dalvi.adversary(54, add=lengths, worth=1000)
_, paid = dalvi.camouflage(spam_filter, writer, caught)
useful = [np.flatnonzero(~x & (spam_filter.weights < 0)) for x in caught]
problems = [(-spam_filter.weights[i], lengths[i], h) for i, h in zip(useful, dalvi.gap(spam_filter, caught))]

# %% tags=["nbval-check-output"]
some = range(0, len(caught), 10)
print("le programme en nombres entiers trouve les mêmes coûts :",
      all(np.isclose(integer_programme(*problems[i]), paid[i]) for i in some))  # fmt: skip

# %% tags=["solution", "nbval-check-output"]
print("la fonction écrite à la main aussi :", all(np.isclose(cheapest(*problems[i]), paid[i]) for i in some))

# %% [markdown]
# Une idée plus simple serait **gloutonne** : ajouter les mots un à un, le plus rentable d'abord (le plus grand gain par lettre), jusqu'à passer. **Pariez** : est-elle souvent aussi bonne ? Et si tous les mots coûtaient le même prix ?

# %%
def greedy(gains, costs, gap):
    order = np.argsort(-gains / costs, kind="stable")
    return costs[order][: np.searchsorted(np.cumsum(gains[order]), gap) + 1].sum()


# %% tags=["nbval-check-output"]
hasty = np.array([greedy(*problem) for problem in problems])
even = [(g, np.ones(len(g), int), h) for g, _, h in problems]
print(f"à la longueur : le glouton paie trop pour {np.mean(hasty > paid):.0%} des spams, "
      f"{hasty.mean() / paid.mean() - 1:.0%} en moyenne")  # fmt: skip
print("une unité le mot : aussi bon que le tableau, un spam sur dix essayé :",
      all(greedy(*even[i]) == dalvi.cheapest(*even[i])[0] for i in some))  # fmt: skip

# %% [markdown]
# Quand on paie à la longueur, le glouton paie trop pour un spam sur deux, et 6 % de trop au total : pour finir de combler l'écart, un mot moins rentable, mais plus court, suffit souvent. Au prix unique, il est optimal : à nombre de mots égal, les plus grands poids gagnent le plus. Dans la suite, chaque mot coûte une unité.
#
# L'article évite aussi du calcul, par un argument d'une ligne : le meilleur rapport gain sur coût, multiplié par tout ce que l'adversaire accepte de payer, borne ce qu'il peut gagner. Si cela ne comble pas l'écart, **aucun** camouflage ne vaut la peine, et il n'y a rien à chercher.

# %%
poor = dalvi.adversary(54, worth=3.5)
pruned = dalvi.hopeless(spam_filter, poor, caught)
sent, paid = dalvi.camouflage(spam_filter, poor, caught)
print(f"spams arrêtés : {len(caught)} · à qui 3,5 unités suffisent : {np.sum(paid > 0)}")
print(f"écartés par la borne, sans aucun calcul : {pruned.sum()} des {np.sum(paid == 0)} autres")

# %% [markdown]
# Quand un spam passé rapporte 3,5 unités, trois mots au plus, 216 des 434 spams arrêtés trouvent un camouflage. La borne en écarte 173 autres d'avance ; il n'en reste que 45 pour lesquels le tableau est rempli en vain.
#
# ## 3. Ce que coûte l'attaque au filtre
#
# Regardons un spam passer, avec un adversaire à qui un spam passé rapporte 20 unités.

# %%
rich = dalvi.adversary(54, worth=20)
sent, paid = dalvi.camouflage(spam_filter, rich, spams)
example = np.argsort(dalvi.gap(spam_filter, spams))[-150]
before, after = (dalvi.gap(spam_filter, x[[example]])[0] * dalvi.STEP for x in (spams, sent))
print("mots du spam :", ", ".join(words[spams[example]]))
print("mots ajoutés :", ", ".join(words[sent[example] & ~spams[example]]))
print(f"au-dessus du seuil : {before:.2f} nats ; après camouflage : {after:.2f}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(13, 4.2), sharex=True, sharey=True)
bins = np.linspace(-30, 25, 56)
for axis, x, title in zip(axes, (spams, sent), ("Sans attaque", "Spams camouflés")):
    for label, rows in (("légitimes", x_test[y_test == 0]), ("spams", x)):
        color = plots.COLORS[int(label == "spams")]
        height = dalvi.gap(spam_filter, rows) * dalvi.STEP
        axis.hist(height.clip(-30, 25), bins, alpha=0.6, label=label, color=color)
    axis.axvline(0, color="black", linestyle="--")
    axis.set(title=title, xlabel="log-cote au-dessus du seuil (nats)", ylabel="messages", ylim=(0, 150))
    axis.legend(loc="upper left")
plots.publish(figure, "À gauche, deux bosses ; à droite, la plupart des spams sont massés juste sous le seuil")

# %% [markdown]
# Quatre mots suffisent : ce spam, qui dépassait le seuil de 15 nats, passe juste en dessous. À droite, tous les spams camouflés se serrent à moins de 4 nats sous le seuil, le poids du mot le plus fort : l'adversaire ne paie rien de plus qu'il ne faut. Les messages légitimes, eux, n'ont pas bougé.

# %%
worths = (1.5, 2.5, 3.5, 5.5, 20)


def attack(spam_filter, adversary):
    """The test messages as they are received: the spams changed, the others as they are. And the costs."""
    received = x_test.copy()
    received[y_test == 1], costs = dalvi.camouflage(spam_filter, adversary, spams)
    return received, costs


received = {worth: attack(spam_filter, dalvi.adversary(54, worth=worth)) for worth in worths}
rows = [["sans attaque", *report(dalvi.gap(spam_filter, x_test) > 0), "0.00"]]
for worth, (x, costs) in received.items():
    rows.append([f"{worth} unités", *report(dalvi.gap(spam_filter, x) > 0), f"{costs[costs > 0].mean():.2f}"])

# %% tags=["nbval-check-output"]
header = ["un spam passé rapporte", "légitimes perdus", "spams passés", "utilité", "mots par spam camouflé"]
plots.table(rows, header=header)

# %% [markdown]
# Sans attaque, 135 spams sur 569 passent. Si un spam passé rapporte 1,5 unité, de quoi payer **un** mot, il en passe déjà 207 ; à 20 unités, ils passent tous, et quatre mots ajoutés ont suffi en moyenne. L'utilité du filtre tombe alors à 0,01 : il ne sert plus qu'à perdre 35 messages, et mieux vaudrait ne rien filtrer (0,26).
#
# ## 4. La réponse du filtre
#
# Le filtre apprend maintenant qu'un adversaire joue ainsi. Que doit-il croire, en recevant $x'$ ? Un message légitime arrive comme il est parti : $P(x' \mid -)$ n'a pas changé. Un spam, lui, est peut-être parti autrement. Il faut additionner tous ses **départs** possibles :
#
# $$ P_A(x' \mid +) = \sum_{x \,:\, A(x) = x'} P(x \mid +) $$
#
# Il décide ensuite comme avant, avec $P_A$ au lieu de $P$. Prenons une langue de trois mots, que l'on peut écrire en entier : 8 messages.

# %%
tiny_words = ("gratuit", "réunion", "projet")
tiny = dalvi.NaiveBayes(0.0, np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.5, 0.4]))
every = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)], bool)
tiny_filter = dalvi.linear(tiny, [[1, -1], [-1, 1]])
tiny_adversary = dalvi.adversary(3, worth=2.5)
p_spam, p_ham = (np.where(every, p, 1 - p).prod(1) for p in (tiny.spam, tiny.ham))
changed, _ = dalvi.camouflage(tiny_filter, tiny_adversary, every)
moves = changed @ [4, 2, 1]  # le rang du message que l'adversaire envoie à la place de chacun
names = [" ".join(np.array(tiny_words)[x]) or "(vide)" for x in every]

# %% [markdown]
# | Exercice 6.1.c | difficulté ●○○ | 8 min | vérifié : égal à la somme faite message par message ; plusieurs départs, message qui reste, somme 1 |
# | --- | --- | --- | --- |
#
# Écrivez `attacked(probabilities, moves)` : les probabilités `(M,)` de tous les messages, et pour chacun le rang `(M,)` du message que l'adversaire envoie à la place, vers $P_A$, `(M,)`.


# %%
def attacked(probabilities, moves):
    """Probability (M,) of receiving each message, when message i is sent as message moves[i]."""
    ### BEGIN SOLUTION
    return np.bincount(moves, probabilities, minlength=len(probabilities))
    ### END SOLUTION


# %% tags=["check"]
check.attacked(attacked)

# %% [markdown] tags=["solution"]
# `result[moves] += probabilities` ne marcherait pas : quand un rang revient plusieurs fois, NumPy ne fait qu'une des additions. `np.add.at(result, moves, probabilities)` conviendrait.

# %% tags=["nbval-check-output"]
after = np.bincount(moves, p_spam, minlength=8)
naive, aware = p_spam > p_ham, after > p_ham
verdict = np.array(["passe", "SPAM"])
ham_text, spam_text, after_text = ([f"{p:.3f}" for p in column] for column in (p_ham, p_spam, after))
columns = (names, ham_text, spam_text, verdict[naive.astype(int)], np.array(names)[moves], after_text,
           verdict[aware.astype(int)])  # fmt: skip
header = ["message", "P(x|−)", "P(x|+)", "naïf", "envoyé ainsi", "P_A(x|+)", "averti"]
plots.table(list(zip(*columns)), header=header)
print("labs donne la même réponse :", (dalvi.reply(tiny, tiny_filter, tiny_adversary, every) == aware).all())

# %% [markdown]
# Le filtre naïf arrête les trois premiers messages qui disent « gratuit », et laisse passer le quatrième, où « réunion » et « projet » rassurent. L'adversaire n'a que deux mots à ajouter : tous ses « gratuit » arrivent sous cette forme, de probabilité 0,648 + 0,072 + 0,072 + 0,008 = 0,8. Le filtre averti en fait donc le seul message à arrêter. Et l'inverse surprend davantage : « gratuit » tout court **passe**. Aucun spam n'arrive plus ainsi ; seuls des messages légitimes le font.
#
# Avec 54 mots, il y a $2^{54}$ messages, et il n'est pas question de les parcourir. Mais les départs d'un message se cherchent bien. Si ajouter $\{a, b, c\}$ est le camouflage le moins cher d'un message, alors, pour qui a déjà $c$, le moins cher est d'ajouter $\{a, b\}$ : sinon, on aurait pu payer moins dès le début. On construit donc les départs **un mot à la fois**, à partir de ceux qu'on a déjà trouvés, et l'on s'arrête dès que leur somme suffit pour décider. C'est ce que fait `dalvi.reply`. **Pariez** : avec ce filtre averti, combien de spams passeront ? Et combien de messages légitimes seront perdus ?

# %%
rows = []
for worth, (x, _) in received.items():
    adversary = dalvi.adversary(54, worth=worth)
    naive, aware = dalvi.gap(spam_filter, x) > 0, dalvi.reply(model, spam_filter, adversary, x)
    rows.append([f"{worth} unités", *report(naive), *report(aware)])

# %% tags=["nbval-check-output"]
header = ["un spam rapporte", "naïf : perdus", "passés", "utilité", "averti : perdus", "passés", "utilité"]
plots.table(rows, header=header)

# %% [markdown]
# Devant son adversaire, le filtre averti ne laisse passer que 135 spams, autant que sans attaque : ceux qui passaient déjà, et que personne n'a eu besoin de camoufler. Tous les camouflages sont reconnus. Mieux : au lieu de 35 messages légitimes, il n'en perd plus qu'un, si l'adversaire est riche. Son utilité, 0,82, dépasse celle du filtre naïf que personne n'attaque, 0,57. L'explication est dans les trois mots de tout à l'heure : un message suspect, que l'adversaire aurait camouflé s'il l'avait écrit, est légitime.
#
# Les auteurs travaillaient sur d'autres courriels, avec plusieurs façons de les changer : nos chiffres ne se comparent pas aux leurs. La conclusion va dans le même sens : face à son adversaire, le filtre averti fait bien mieux que le filtre ordinaire.
#
# Et avec d'autres prix ? Voici l'utilité du filtre, pour trois prix d'un message perdu, quand un spam passé rapporte 5,5.

# %%
rows = []
for cost in (1, 10, 100):
    utility = [[1, -1], [-cost, 1]]
    costly = dalvi.linear(model, utility)
    adversary = dalvi.adversary(54, worth=5.5)
    x, _ = attack(costly, adversary)
    alone, attacked_filter = dalvi.gap(costly, x_test) > 0, dalvi.gap(costly, x) > 0
    answers = (alone, attacked_filter, dalvi.reply(model, costly, adversary, x))
    rows.append([cost, *(report(answer, cost)[2] for answer in answers)])

# %% tags=["nbval-check-output"]
plots.table(rows, header=["prix d'un message perdu", "sans attaque", "attaqué", "averti"])

# %% [markdown]
# À tous les prix, le filtre averti fait mieux que le filtre naïf que l'on laisse en paix, et d'autant plus qu'un message perdu coûte cher : c'est là que perdre un message de moins compte le plus.
#
# ## 5. Et si l'adversaire n'était pas celui qu'on croit ?
#
# Tout ceci suppose que chacun sait tout de l'autre. Changeons une seule chose : le filtre **croit** qu'un spam passé rapporte une certaine somme, l'adversaire en a une autre en tête. La première colonne est celle d'un spammeur qui ne change rien. **Pariez** : vaut-il mieux surestimer son adversaire, ou le sous-estimer ?

# %%
truths = (0.5, *worths)
mails = {0.5: x_test} | {worth: x for worth, (x, _) in received.items()}
missed, lost = [], []
for worth in worths:
    expected = dalvi.adversary(54, worth=worth)
    answers = [dalvi.reply(model, spam_filter, expected, mails[truth]) for truth in truths]
    missed.append([np.sum(~answer & (y_test == 1)) for answer in answers])
    lost.append(np.sum(answers[0] & (y_test == 0)))

# %%
figure, axis = plt.subplots(figsize=(10, 4.6))
axis.imshow(missed, cmap="cividis", vmin=0, vmax=len(spams), aspect="auto")
for (row, column), count in np.ndenumerate(missed):
    color = "black" if count > 280 else "white"
    axis.text(column, row, count, ha="center", va="center", fontsize=14, color=color)
axis.set_xticks(range(6), ["rien changé", *worths])
axis.set_yticks(range(5), [f"{worth} (légitimes perdus : {count})" for worth, count in zip(worths, lost)])
axis.set(title=f"Spams passés, sur {len(spams)}", xlabel="ce que rapporte vraiment un spam",
         ylabel="ce que croit le filtre")  # fmt: skip
axis.grid(False)
plots.publish(figure, "Tableau : 135 spams passés là où le filtre croit juste, jusqu'à 569 à gauche")

# %% [markdown]
# Là où le filtre croit juste, et à droite de ces cases, 135 spams passent, comme prévu : **sous-estimer** son adversaire ne coûte que des messages légitimes, 15 perdus au lieu d'un. À gauche, tout s'écroule. Un filtre qui croit son adversaire prêt à ajouter 19 mots laisse passer les **569** spams de quelqu'un qui n'a rien changé : il les croit légitimes, puisqu'ils ne sont pas camouflés. L'optimal est fragile : il suffit que l'adversaire soit moins zélé que prévu. (Le filtre suppose même savoir lequel l'adversaire choisira entre deux camouflages de même prix.)
#
# Un remède prudent : arrêter ce qu'arrête **l'un ou l'autre** des deux filtres. Mais que fait alors un adversaire qui connaît la parade, et ne s'arrête pas juste sous le seuil ?

# %%
def careful(adversary, x):
    """Spam for the filter, or for the filter that expects the adversary."""
    return (dalvi.gap(spam_filter, x) > 0) | dalvi.reply(model, spam_filter, adversary, x)


def one_more(x):
    """The strongest word that is still missing, added to every message."""
    extra = np.where(x | (spam_filter.weights >= 0), 0, spam_filter.weights).argmin(1)
    return x | (np.arange(54) == extra[:, None])


wary, rows = received[20][0].copy(), []
wary[y_test == 1] = one_more(sent)
for name, x in (("rien changé", x_test), ("optimal", received[20][0]), ("un mot de plus", wary)):
    aware = dalvi.reply(model, spam_filter, rich, x)
    naive, prudent = dalvi.gap(spam_filter, x) > 0, careful(rich, x)
    rows.append([name, *report(naive)[:2], *report(aware)[:2], *report(prudent)[:2]])

# %% tags=["nbval-check-output"]
header = ["adversaire", "naïf : perdus", "passés", "averti : perdus", "passés", "prudent : perdus", "passés"]
plots.table(rows, header=header)

# %% [markdown]
# Le filtre prudent ne craint plus le spammeur qui ne change rien : 135 spams passés, contre 569. Il le paie en messages légitimes, 36 perdus, un de plus que le filtre naïf : ce que l'averti gagnait sur eux, il le payait de sa fragilité. Et un seul mot **de trop** dans chaque spam, ce que l'adversaire averti ferait, laisse repasser 497 spams sur 569 : ils ne sont plus le camouflage le moins cher de rien. La réponse était optimale contre l'attaque prévue, pas contre la suivante. C'est la question de toute la leçon 6.5 : une défense se mesure contre une attaque qui la connaît.
#
# ## 6. La course
#
# L'article calcule un coup de chacun, et laisse la suite ouverte. Jouons-la comme on la joue en pratique : chaque semaine, le filtre est **réentraîné** sur les spams qu'il a reçus, et l'adversaire répond de nouveau au mieux. Deux défenseurs : l'un n'apprend que des spams de la semaine, l'autre garde tous ceux qu'il a vus. **Pariez** : le filtre finira-t-il par gagner ?

# %%
legitimate, illegitimate = (x_train[y_train == label] for label in (0, 1))


def learn(learned):
    """The filter of a week, from all the ham and from some spams; the share of spam is taken as known."""
    x = np.concatenate([legitimate, learned])
    weekly = dalvi.fit(x, np.arange(len(x)) >= len(legitimate))
    return dalvi.linear(weekly._replace(log_prior=log_prior))


# %%
def race(memory, weeks=10):
    """Each week: shares of spam let through after the adversary's reply and of ham lost, words added most."""
    adversary, seen, story = dalvi.adversary(54, worth=5.5), [illegitimate], []
    for _ in range(weeks):
        current = learn(np.concatenate(seen if memory else seen[-1:]))
        changed, _ = dalvi.camouflage(current, adversary, spams)
        added = words[np.argsort(-(changed & ~spams).mean(0), kind="stable")[:4]]
        rates = [np.mean(dalvi.gap(current, x) > 0) for x in (changed, x_test[y_test == 0])]
        story.append((1 - rates[0], rates[1], ", ".join(added)))
        seen.append(dalvi.camouflage(current, adversary, illegitimate)[0])
    return story


races = {"sans mémoire": race(memory=False), "avec mémoire": race(memory=True)}

# %%
passed = {name: np.array([week[0] for week in story]) for name, story in races.items()}
plots.curves(
    {name: 100 * shares for name, shares in passed.items()},
    title="Spams passés chaque semaine, après la réponse de l'adversaire", xlabel="semaine", ylabel="%",
    alt="Sans mémoire, la courbe oscille ; avec mémoire, elle descend puis se stabilise",
)  # fmt: skip
for name, story in races.items():
    print(f"{name} : légitimes perdus, de {story[0][1]:.1%} à {story[-1][1]:.1%}")
    print("   mots ajoutés :", " | ".join(week[2] for week in story[:4]))

# %% tags=["nbval-check-output"]
forgetful, mindful = passed.values()
print("sans mémoire, plus de 70 % passent chaque semaine :", forgetful.min() > 0.7)
print("sans mémoire, la semaine 10 redit la semaine 8, à 1 point près :",
      abs(forgetful[9] - forgetful[7]) < 0.01)  # fmt: skip
print("avec mémoire, entre 40 et 55 % passent à la fin :", 0.4 < mindful[-1] < 0.55)

# %% [markdown]
# Sans mémoire, la course tourne en rond : le filtre apprend que « george » et « telnet » sont suspects, l'adversaire passe à « lab » et « hp » ; le filtre apprend cela, oublie le reste, et tout recommence. De 76 à 83 % des spams passent. Avec mémoire, chaque mot légitime que l'adversaire essaie perd un peu de son poids : on descend de 81 à 46 %, puis presque plus rien ne bouge. Cela se paie : le filtre perd aussi un peu plus de messages légitimes, 4,7 % au lieu de 3,6 %. Personne n'a gagné, et les mots qui rassuraient ne rassurent plus personne.
#
# ## À retenir
#
# - Face à un adversaire, une exactitude mesurée sur des données passives ne dit rien : le même filtre laisse passer un quart des spams, ou tous, selon ce que l'adversaire accepte de payer.
# - Une attaque s'écrit comme un **problème d'optimisation** : le plus petit coût qui fait changer la décision. C'est le camouflage de 2004, et ce sera la perturbation des images (leçon 6.2).
# - Le défenseur optimal ne cherche pas des poids plus robustes : il se demande **d'où le message a pu partir**.
# - Une réponse optimale l'est contre un adversaire précis. Mesurez toujours une défense contre qui la connaît, et contre qui ne fait pas ce qu'elle attend.
# - Réentraîner sans mémoire fait tourner en rond.
#
# ## Questionnaire
#
# 1. Pourquoi un mot rare, comme « telnet », est-il si utile à l'adversaire ?
# 2. Tous les mots coûtent le même prix. Pourquoi le choix glouton est-il alors optimal ?
# 3. Pourquoi le filtre averti perd-il *moins* de messages légitimes que le filtre naïf sans attaque ?
# 4. Le filtre averti laisse passer un spam que le filtre naïf aurait arrêté : lequel ?
# 5. Qu'est-ce qui, dans ce jeu, change le plus en passant d'un courriel à une image ?
#
# <details><summary>Réponses</summary>
#
# 1. Presque aucun spam ne le contient, alors qu'il est dans un message légitime sur dix : le voir change beaucoup la log-cote, et l'ajouter ne coûte qu'un mot. 2. Seul le nombre de mots compte : à nombre égal, les plus gros gains gagnent le plus. 3. Il sait que l'adversaire n'envoie pas tels quels les spams qu'il peut camoufler : un message au-dessus du seuil, et qui se camouflerait à peu de frais, est donc sans doute légitime. 4. Celui que son auteur n'a pas pris la peine de camoufler. 5. Les gains ne s'additionnent plus, parce que le réseau n'est pas linéaire, et les changements sont continus : au tableau succéderont des gradients.
#
# </details>
#
# ## Pour aller plus loin
#
# - Laissez l'adversaire enlever un mot pour 3 unités (`dalvi.adversary(54, remove=3, worth=20)`) : s'en sert-il ?
# - Faites payer les mots à la longueur dans la section 4 : le filtre averti s'en sort-il aussi bien ?
# - Lowd & Meek 2005, *Adversarial Learning* : attaquer un filtre que l'on ne connaît pas, et que l'on ne peut qu'interroger.
# - La leçon 6.2 passe aux images, et aux réseaux.
