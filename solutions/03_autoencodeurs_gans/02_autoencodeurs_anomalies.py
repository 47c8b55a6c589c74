# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Auto-encodeurs : détecter une anomalie
#
# > Comment repérer un défaut qu'on n'a jamais vu ? Vous allez n'apprendre que le normal, mesurer ce qui s'en écarte, choisir un seuil d'alarme sans une seule anomalie, le mettre à l'épreuve face à trois méthodes classiques, puis chercher des défauts pixel par pixel, et voir lesquels vous échappent.
#
# **À la fin, vous saurez** faire d'une erreur de reconstruction un score d'anomalie, calculer une AUROC à la main, choisir un seuil pour un taux de fausses alarmes, lire une précision moyenne selon la prévalence, localiser un défaut sur une texture, et dire quand la méthode échoue.
#
# **Prérequis** : leçon 3.1 · **Durée** : 60 min · **Références** : Sakurada & Yairi 2014, *Anomaly Detection Using Autoencoders with Nonlinear Dimensionality Reduction* ; Hanley & McNeil 1982 (AUROC) ; Schölkopf et al. 2001 (SVM à une classe) ; Liu et al. 2008 (*Isolation Forest*) ; Ruff et al. 2018 (une classe contre les autres) ; Bergmann et al. 2019 (défauts de textures) ; Bouman & Heskes 2025 (échecs)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.svm import OneClassSVM

from labs import autoencoders, datasets, plots, training
from labs.checks import generative as check

# %% [markdown]
# Fashion-MNIST a dix classes. Nous déclarons **normale** une seule d'entre elles, et nous n'apprenons que sur ses images ; tout le reste est anormal, et n'apparaît qu'au test. C'est le protocole « une classe contre les autres » de Ruff et al. (2018). Des 6 000 images d'apprentissage de la classe normale, 5 000 servent à apprendre ; les 1 000 autres, le **réglage**, attendent la section 3.

# %%
count = runtime.budget(rapide=500, cours=5000, complet=5000)  # images d'une classe, pour apprendre
epochs = runtime.budget(rapide=2, cours=8, complet=40)
data = datasets.load("fashion_mnist")
names, y_test = data.class_names, data.y_test
x_train, x_test = (x.astype("float32") / 255 for x in (data.x_train, data.x_test))
learning = [x_train[data.y_train == label][:count] for label in range(10)]
tuning = [x_train[data.y_train == label][5000:] for label in range(10)]
print("apprentissage :", learning[0].shape, "· réglage :", tuning[0].shape, "· test :", x_test.shape)

# %% [markdown]
# ## 1. Le score : l'erreur de reconstruction
#
# L'idée tient en une phrase : un auto-encodeur qui n'a vu que des T-shirts n'a de place, dans son code, que pour des T-shirts. Ce qu'il reconstruit mal n'en est donc probablement pas un. Le **score** d'une image $x$ est l'erreur quadratique moyenne de ses pixels, $s(x) = \frac{1}{784}\lVert x - \hat x \rVert^2$. Plus il est grand, plus l'image est suspecte.
#
# Le réseau est petit : 784 → 128 → un code de 16 nombres, et le chemin inverse. **Pariez** : que rendra-t-il d'une basket ? D'une chemise ?

# %%
model = autoencoders.dense((28, 28), 16, hidden=(128,)).whole
steps = epochs * -(-count // 128)
model.compile(keras.optimizers.Adam(training.OneCycle(5e-3, steps)), "mse")
training.restart(model, seed=0)
training.fit(model, learning[0], learning[0], epochs=epochs, batch_size=128)
scores = autoencoders.reconstruction_error(model, x_test)

# %%
firsts = x_test[[np.flatnonzero(y_test == label)[0] for label in range(10)]]
rebuilt = model.predict(firsts, verbose=0)
rows = [*firsts, *rebuilt, *(firsts - rebuilt) ** 2 / 0.25]
plots.show(
    rows, titles=[*names, *[""] * 20], columns=10, size=1.25,
    title="De haut en bas : image de test, reconstruction, erreur (blanc : un écart de 0,5 ou plus)",
    alt="Dix vêtements de test et ce qu'en rend un réseau qui n'a vu que des T-shirts",
)  # fmt: skip

# %%
figure, axis = plt.subplots(figsize=(9, 4))
for label, chosen in (("T-shirts (normal)", y_test == 0), ("les neuf autres classes", y_test != 0)):
    axis.hist(scores[chosen], np.linspace(0, 0.12, 61), density=True, alpha=0.6, label=label)
axis.set(title="Scores des 10 000 images de test", xlabel="erreur quadratique moyenne", ylabel="densité")
axis.legend()
plots.publish(figure, "Deux histogrammes : les T-shirts à gauche, les autres plus étalés, un recouvrement")

# %%
means = [scores[y_test == label].mean() for label in range(10)]
plots.table([[names[k], f"{means[k]:.4f}"] for k in np.argsort(means)], header=["classe", "score moyen"])

# %% [markdown]
# Tout devient T-shirt. Les deux jambes du pantalon se rejoignent, l'inscription du pull disparaît (et l'erreur la redessine), les chaussures et le sac se changent en fantômes de T-shirts. La chemise, elle, est presque bien rendue : son image d'erreur ne montre guère que le contour des manches.
#
# Les scores suivent : 0,0135 en moyenne pour les T-shirts, 0,0232 pour les chemises, 0,0822 pour les bottines. Mais les deux histogrammes se recouvrent, entre 0,01 et 0,04 surtout : aucun seuil ne les séparera sans erreur.

# %% [markdown]
# ## 2. Juger un score sans choisir de seuil
#
# Un seuil $t$ transforme le score en décision : alarme si $s > t$. Chaque seuil a son **taux de détection** (part des anomalies qui donnent l'alarme) et son **taux de fausses alarmes** (part des images normales qui la donnent). La courbe **ROC** les trace l'un contre l'autre, pour tous les seuils ; l'aire sous la courbe est l'**AUROC**.
#
# Cette aire a un sens direct (Hanley & McNeil 1982) : c'est la probabilité qu'une anomalie tirée au hasard ait un score plus grand qu'une image normale tirée au hasard, une égalité comptant pour une demi-victoire :
#
# $$ \mathrm{AUROC} = P(s_{\text{anomalie}} > s_{\text{normale}}) + \tfrac12\, P(s_{\text{anomalie}} = s_{\text{normale}}) $$
#
# Un score tiré au hasard a donc une AUROC de 0,5, et un score parfait, de 1.
#
# | Exercice 3.2.a | difficulté ●○○ | 8 min | vérifié : égal à scikit-learn ; égalités, tailles différentes, sens |
# | --- | --- | --- | --- |
#
# Écrivez `auroc(normal, anomalous)` : les scores des `N` images normales et des `M` anomalies, vers un nombre. Aucun seuil, aucune courbe : comparez les `N × M` paires.


# %%
def auroc(normal, anomalous):
    """Probability that an anomaly (M,) scores above a normal image (N,), a tie counting for one half."""
    ### BEGIN SOLUTION
    pairs = anomalous[:, None]
    return np.mean(pairs > normal) + np.mean(pairs == normal) / 2
    ### END SOLUTION


# %% tags=["check"]
check.auroc(auroc)

# %% [markdown] tags=["solution"]
# Comparer toutes les paires coûte $N \times M$ : 9 millions ici, ce qui passe encore. scikit-learn trie les scores une fois, ce qui suffit à compter les paires bien classées. Les statisticiens y reconnaissent la statistique $U$ de Mann-Whitney, divisée par $N \times M$.

# %% [markdown]
# L'aire sous la courbe et la probabilité des paires sont-elles le même nombre ? Regardons aussi trois anomalies, l'une après l'autre. **Pariez** : de la chemise, de la robe et de la bottine, laquelle sera la plus difficile à distinguer d'un T-shirt ?

# %%
figure, axis = plt.subplots(figsize=(7, 5))
for rank, label in enumerate((6, 3, 9)):
    chosen = (y_test == 0) | (y_test == label)
    false_alarms, detected, _ = roc_curve(y_test[chosen] == label, scores[chosen])
    area = roc_auc_score(y_test[chosen] == label, scores[chosen])
    axis.plot(false_alarms, detected, color=plots.COLORS[rank], label=f"{names[label]} : AUROC {area:.2f}")
axis.plot([0, 1], [0, 1], "k:", label="au hasard : AUROC 0.50")
axis.set(title="Courbes ROC, T-shirt normal", xlabel="taux de fausses alarmes", ylabel="taux de détection")
axis.legend()
plots.publish(figure, "Trois courbes ROC : la chemise la plus basse, puis la robe, la bottine dans le coin")

# %% tags=["nbval-check-output"]
normal, anomalous = scores[y_test == 0], scores[y_test != 0]
pairs = anomalous[:, None]
by_pairs = np.mean(pairs > normal) + np.mean(pairs == normal) / 2
print("égal à scikit-learn à 1e-9 près :", abs(by_pairs - roc_auc_score(y_test != 0, scores)) < 1e-9)
print("AUROC contre les neuf autres classes, au-dessus de 0,85 :", by_pairs > 0.85)

# %% [markdown]
# L'aire de la courbe et la probabilité des paires sont bien le même nombre. La bottine est presque toujours au-dessus du T-shirt (0,99) ; la robe l'est dans 83 % des paires, la chemise dans 76 %. L'AUROC contre « les neuf autres » mélange donc des cas faciles et des cas difficiles : elle dépend de **ce qu'on a mis** dans les anomalies, et pas seulement du détecteur.

# %% [markdown]
# ## 3. Choisir un seuil sans une seule anomalie
#
# Une alarme se règle **avant** de connaître les anomalies. Ce qu'on peut choisir, c'est le taux de fausses alarmes : ce que l'on accepte de contrôler pour rien. Le seuil est donc un quantile des scores d'images normales.
#
# | Exercice 3.2.b | difficulté ●●○ | 8 min | vérifié : jamais plus d'alarmes que promis, jamais moins que possible ; égalités, taux nul |
# | --- | --- | --- | --- |
#
# Écrivez `threshold(scores, rate)` : les scores de `N` images normales et un taux, vers le seuil. L'alarme est `score > seuil`. La part des scores au-dessus du seuil ne doit **jamais dépasser** `rate` ; parmi les seuils qui tiennent cette promesse, rendez-en un qui donne le plus d'alarmes. Attention : par défaut, `np.quantile` interpole entre deux scores.


# %%
def threshold(scores, rate):
    """Threshold that at most `rate` of the normal scores (N,) exceed, and as many as that allows."""
    ### BEGIN SOLUTION
    return np.quantile(scores, 1 - rate, method="inverted_cdf")
    ### END SOLUTION


# %% tags=["check"]
check.threshold(threshold)

# %% [markdown] tags=["solution"]
# À la main : trier les scores, et prendre le $(k+1)$-ième en partant du plus grand, où $k$ est la partie entière de $N \times$ taux. Avec l'interpolation, dix scores et un taux de 15 %, le seuil tomberait sous le neuvième score : deux alarmes, soit 20 %.

# %% [markdown]
# Sur quelles images normales prendre ce quantile ? Celles qui ont servi à apprendre sont sous la main. **Pariez** : si l'on y fixe 5 % de fausses alarmes, en aura-t-on 5 % au test, moins, ou plus ?

# %%
sources = {"apprentissage": learning[0], "réglage": tuning[0]}
sources = {name: autoencoders.reconstruction_error(model, images) for name, images in sources.items()}
rows, alarms = [], {}
for rate in (0.01, 0.05, 0.1):
    for name, seen in sources.items():
        limit = autoencoders.alarm_threshold(seen, rate)
        alarms[name, rate] = np.mean(normal > limit), np.mean(anomalous > limit)
        rows.append([name, f"{rate:.0%}", f"{limit:.4f}", *(f"{share:.1%}" for share in alarms[name, rate])])
plots.table(rows, header=["seuil choisi sur", "promis", "seuil", "fausses alarmes (test)", "détection"])

# %% tags=["nbval-check-output"]
for rate in (0.05, 0.1):
    kept = abs(alarms["réglage", rate][0] - rate) < 0.03
    print(f"réglage : à 3 points près des {rate:.0%} de fausses alarmes promis : {kept}")

# %% [markdown]
# Avec le seuil choisi sur les images d'apprentissage, les fausses alarmes dépassent chaque fois la promesse : 1,6 % au lieu de 1 %, 6,5 % au lieu de 5 %, 12 % au lieu de 10 %. Le réseau reconstruit un peu mieux ce qu'il a vu ; ce seuil est donc trop bas. Avec le réglage, l'écart tombe à 0,6 point au plus (c'est la table qui le dit : la vérification, qui tolère 3 points, accepterait aussi les seuils de l'apprentissage), ce qu'un tirage de 1 000 images explique à lui seul : pour un taux de 5 %, son écart-type est de $\sqrt{0{,}05 \times 0{,}95 / 1000}$, soit 0,7 point. Le prix se lit dans la dernière colonne : à 5 % de fausses alarmes, un peu plus de la moitié des anomalies sont détectées ; à 1 %, une sur cinq. L'AUROC de ce réseau, 0,911 (elle s'affichera à la section 4), paraît confortable ; la table des seuils l'est moins.

# %% [markdown]
# ## 4. Précision moyenne : tout dépend de la prévalence
#
# Vous recevez une alarme. Quelle est la probabilité qu'elle soit juste ? C'est la **précision** ; elle dépend de la **prévalence** $\pi$, la part d'anomalies dans ce qu'on inspecte. Avec $R$ le taux de détection (le **rappel**) et $F$ le taux de fausses alarmes :
#
# $$ P = \frac{\pi R}{\pi R + (1 - \pi) F} \qquad\qquad \mathrm{AP} = \sum_n (R_n - R_{n-1})\, P_n $$
#
# La **précision moyenne** (AP) additionne les précisions des seuils successifs, du plus haut au plus bas, chacune pesée par le rappel qu'elle fait gagner. Un score au hasard a une AP proche de $\pi$. La voici à la main, puis par scikit-learn, qui accepte des poids : donner aux anomalies un poids total $\pi$ revient à changer leur prévalence.


# %%
def average_precision(normal, anomalous, prevalence):
    """Σ (R_n - R_{n-1}) P_n over the scores, if a share `prevalence` of the images were anomalies."""
    limits = np.unique(anomalous)[::-1]  # ailleurs, le rappel ne change pas
    recall = 1 - np.searchsorted(np.sort(anomalous), limits) / len(anomalous)
    false = 1 - np.searchsorted(np.sort(normal), limits) / len(normal)
    precision = prevalence * recall / (prevalence * recall + (1 - prevalence) * false)
    return np.sum(np.diff(recall, prepend=0) * precision)


# %% tags=["nbval-check-output"]
for prevalence in (0.9, 0.1):
    ours = average_precision(normal, anomalous, prevalence)
    weights = np.where(y_test != 0, prevalence / len(anomalous), (1 - prevalence) / len(normal))
    theirs = average_precision_score(y_test != 0, scores, sample_weight=weights)
    print(f"prévalence {prevalence:.0%} : égale à scikit-learn à 1e-6 près :", abs(ours - theirs) < 1e-6)

# %% [markdown]
# Le jeu de test a 9 000 anomalies pour 1 000 images normales : 90 % de prévalence. Aucune usine n'est dans ce cas. **Pariez** : que devient l'AP du même réseau si une image sur cent est anormale ?

# %%
rows = [
    [f"{prevalence:.0%}", f"{prevalence:.3f}", f"{average_precision(normal, anomalous, prevalence):.3f}"]
    for prevalence in (0.9, 0.5, 0.1, 0.01)
]
plots.table(rows, header=["prévalence", "AP au hasard", "AP du réseau"])
print(f"AUROC, à toute prévalence : {by_pairs:.3f}")

# %% [markdown]
# Rien n'a changé dans le réseau : mêmes scores, même AUROC de 0,911. Pourtant l'AP passe de 0,987 à 0,554 quand une image sur dix est anormale, et à 0,145 quand c'est une sur cent. À l'inverse, 0,987 n'a rien d'un exploit quand le hasard donne 0,90. **Une AP sans sa prévalence ne veut rien dire.** Dans la suite, nous la ramenons à 10 % d'anomalies.

# %% [markdown]
# ## 5. Dix classes, quatre méthodes
#
# Une classe ne prouve rien. Déclarons chacune normale à son tour, et opposons trois adversaires au réseau :
#
# - l'**ACP** à 16 coordonnées, autant de nombres que le code du réseau ; même score, l'erreur de reconstruction ;
# - la **forêt d'isolement** (Liu et al. 2008) : chaque coupe d'un arbre tire un pixel, puis un seuil, au hasard ; une image que peu de coupes suffisent à isoler est anormale ;
# - la **SVM à une classe** (Schölkopf et al. 2001) : une frontière, dans l'espace d'un noyau gaussien, entre les exemples et l'origine. Son paramètre $\nu$ (ici 0,1) majore la part d'exemples laissés dehors. Son coût croît plus vite que le nombre d'exemples ; nous lui en donnons 1 000.
#
# Les réglages sont ceux de scikit-learn par défaut, $\nu$ excepté : choisir les meilleurs demanderait des anomalies. **Pariez** : qui gagne, et sur quelle classe normale tout le monde peine-t-il ?

# %%
flat_test = x_test.reshape(-1, 784)


def with_pca(images):
    principal = PCA(16, svd_solver="covariance_eigh").fit(images)
    return np.mean((flat_test - principal.inverse_transform(principal.transform(flat_test))) ** 2, axis=1)


def with_forest(images):
    return -IsolationForest(random_state=0).fit(images).score_samples(flat_test)


def with_svm(images):
    return -OneClassSVM(nu=0.1).fit(images[:1000]).score_samples(flat_test)


# %%
def train_on(label):
    training.restart(model, seed=0)
    model.fit(learning[label], learning[label], epochs=epochs, batch_size=128, verbose=0)
    return model.get_weights()


found, trained = {"AE": [], "ACP": [], "forêt": [], "SVM": []}, []
for label in range(10):
    trained.append(train_on(label))
    found["AE"].append(autoencoders.reconstruction_error(model, x_test))
    flat = learning[label].reshape(-1, 784)
    for name, method in (("ACP", with_pca), ("forêt", with_forest), ("SVM", with_svm)):
        found[name].append(method(flat))

# %%
areas = {name: [roc_auc_score(y_test != k, s) for k, s in enumerate(found[name])] for name in found}
ap = lambda k, s: average_precision(s[y_test == k], s[y_test != k], 0.1)
precisions = {name: [ap(k, s) for k, s in enumerate(found[name])] for name in found}
columns = [*areas.values(), *precisions.values()]
rows = [[names[k], *(f"{column[k]:.3f}" for column in columns)] for k in range(10)]
rows.append(["moyenne", *(f"{np.mean(column):.3f}" for column in columns)])
print("AUROC, puis précision moyenne (AP) ramenée à 10 % d'anomalies")
plots.table(rows, header=["normale", *areas, *(f"AP {name}" for name in areas)])

# %% tags=["nbval-check-output"]
means = {name: np.mean(values) for name, values in areas.items()}
print("les quatre moyennes sont au-dessus de 0,80 :", min(means.values()) > 0.8)
print("AE et forêt à moins de 0,03 l'un de l'autre :", abs(means["AE"] - means["forêt"]) < 0.03)

# %% [markdown]
# Le réseau a une meilleure AUROC que l'ACP pour chacune des dix classes, mais de peu : 0,914 contre 0,902 en moyenne. Et la **forêt d'isolement**, qui n'a ni époques ni taux d'apprentissage, fait jeu égal avec lui, à 0,917. Elle le dépasse nettement pour les sandales et les sacs ; il la dépasse d'un à trois points pour les pantalons, les pulls et les chemises. Un écart de 0,003 sur un seul tirage des poids ne désigne pas de vainqueur.
#
# L'AP raconte une autre histoire. La SVM, dernière en AUROC, y est première d'un cheveu (0,704, devant le réseau à 0,701), et la forêt, première en AUROC, y est dernière (0,662). Il n'y a pas d'erreur : à 10 % d'anomalies, l'AP regarde surtout les scores les plus hauts, là où quelques images normales mal placées coûtent cher ; l'AUROC regarde toutes les paires. Choisissez la mesure d'après l'usage, **avant** de comparer.
#
# Tous peinent sur les chemises, où aucune méthode ne dépasse 0,83, et sur les sacs, sauf la forêt. Sakurada & Yairi (2014) trouvaient des anomalies que l'ACP manquait, sur des mesures de satellites ; sur ces images-ci, l'avantage est réel, mais mince.

# %% [markdown]
# ## 6. Quand la méthode échoue
#
# Une moyenne cache les échecs. Voici l'AUROC du réseau pour chaque couple : en ligne, la classe apprise ; en colonne, la seule anomalie. **Pariez** : y a-t-il des cases sous 0,5, pires que le hasard ? La matrice est-elle symétrique ?

# %%
against = np.full((10, 10), np.nan)
for k, j in np.argwhere(~np.eye(10, dtype=bool)):
    chosen = (y_test == k) | (y_test == j)
    against[k, j] = roc_auc_score(y_test[chosen] == j, found["AE"][k][chosen])

# %%
figure, axis = plt.subplots(figsize=(9, 7))
axis.imshow(against, cmap="cividis", vmin=0.3, vmax=1)
for k, j in np.argwhere(~np.isnan(against)):
    ink = "black" if against[k, j] > 0.7 else "white"
    axis.text(j, k, f"{against[k, j]:.2f}", ha="center", va="center", color=ink)
axis.set(title="AUROC du réseau", xlabel="anomalie", ylabel="classe apprise")
axis.set_xticks(range(10), names, rotation=40, ha="right")
axis.set_yticks(range(10), names)
axis.grid(False)
plots.publish(figure, "Matrice d'AUROC : claire presque partout, sombre entre hauts, et de sandale à basket")

# %% tags=["nbval-check-output"]
print("appris sur les sandales, face aux baskets, pire que le hasard :", bool(against[5, 7] < 0.5))
print("appris sur les baskets, face aux sandales, au-dessus de 0,85 :", bool(against[7, 5] > 0.85))

# %% [markdown]
# Les hauts se confondent : appris sur les chemises, le réseau ne place un T-shirt au-dessus d'une chemise que dans 57 % des paires. C'était prévisible. La surprise est ailleurs : appris sur les **sandales**, il trouve les **baskets** *plus normales* que les sandales (0,39). Dans l'autre sens, appris sur les baskets, il repère fort bien les sandales (0,95). Regardons des sandales et des baskets de test, de la mieux à la plus mal reconstruite de leur classe.

# %%
model.set_weights(trained[5])
ranked = [np.argsort(np.where(y_test == label, found["AE"][5], np.inf)) for label in (5, 7)]
chosen = np.concatenate([order[[100, 300, 500, 700, 900]] for order in ranked])
shown, rebuilt = x_test[chosen], model.predict(x_test[chosen], verbose=0)
titles = [f"{names[y_test[place]]}\n{found['AE'][5][place]:.3f}" for place in chosen]
plots.show(
    [*shown, *rebuilt, *(shown - rebuilt) ** 2 / 0.25], titles=[*titles, *[""] * 20], columns=10, size=1.25,
    title="Appris sur les sandales ; sous chaque nom, le score (rangs 100, 300… 900 sur 1 000)",
    alt="Cinq sandales mal reconstruites ; cinq baskets, jamais vues, mieux reconstruites",
)  # fmt: skip

# %% [markdown]
# À rang égal, c'est la basket qui a le plus petit score, sauf au premier rang montré. Les sandales sont faites de brides fines, toutes différentes, que 16 nombres ne peuvent pas placer : même une sandale, normale pourtant, est souvent mal rendue. Une basket est une forme pleine, sans vide ; pour qui a appris des sandales si variées, c'est facile, même sans en avoir jamais vu.
#
# Voilà le défaut de la méthode : l'erreur mesure autant la **complexité** d'une image que son étrangeté. Appris sur du complexe, un auto-encodeur reconstruit souvent bien le simple. Bouman & Heskes (2025, prépublication) montrent pire : des points très éloignés de tout ce qui a été appris peuvent être reconstruits parfaitement.
#
# L'erreur mesure aussi autre chose. Reprenons le réseau des T-shirts et son seuil à 5 % de fausses alarmes, et **assombrissons** les anomalies. **Pariez** : un pantalon deux fois plus sombre est-il plus ou moins détecté ?

# %%
model.set_weights(trained[0])
limit = autoencoders.alarm_threshold(autoencoders.reconstruction_error(model, tuning[0]), 0.05)
others = x_test[y_test != 0][:3000]
for factor in (1, 0.8, 0.6, 0.4, 0.2):
    share = np.mean(autoencoders.reconstruction_error(model, factor * others) > limit)
    print(f"luminosité × {factor:.1f} : {share:.0%} des anomalies détectées")

# %% [markdown]
# À 60 % de la luminosité, on ne détecte plus que 5 % des anomalies ; à 40 %, à peu près aucune. Un pantalon sombre n'est pourtant pas devenu un T-shirt ! Mais diviser une image par deux divise à peu près par deux l'écart à sa reconstruction, donc par quatre l'erreur quadratique. Si l'éclairage peut changer, il faut le corriger avant, ou le surveiller à part.
#
# Reste la taille du code. On lit souvent qu'un code trop grand reconstruit tout, anomalies comprises. **Pariez** sur l'allure de l'AUROC quand le code grandit. (Avec l'ACP, toutes les tailles se calculent d'un coup.)

# %%
sizes, lines = np.unique(np.geomspace(1, 256, 30).astype(int)), {}
for label, others in ((0, None), (8, None), (5, None), (5, 7)):
    principal = PCA(256, svd_solver="covariance_eigh").fit(learning[label].reshape(-1, 784))
    chosen = np.isin(y_test, [label, others]) if others else np.full(len(y_test), True)
    centred = flat_test[chosen] - principal.mean_
    left = np.sum(centred**2, axis=1)[:, None] - np.cumsum((centred @ principal.components_.T) ** 2, axis=1)
    name = names[label] + (f" contre {names[others]}" if others else " contre les neuf autres")
    lines[name] = [roc_auc_score(y_test[chosen] != label, left[:, k - 1]) for k in sizes]

# %%
figure, axis = plt.subplots(figsize=(9, 4.5))
title = "ACP : AUROC selon la taille du code"
plots.curves(lines, title=title, xlabel="nombres dans le code", ylabel="AUROC", alt="", x=sizes, ax=axis)
axis.set_xscale("log", base=2)
axis.set_xticks([1, 4, 16, 64, 256], [1, 4, 16, 64, 256])
axis.axhline(0.5, color="black", linestyle=":")
plots.publish(figure, "Courbes d'AUROC : aucune ne baisse simplement avec la taille du code")

# %% [markdown]
# Il n'y a pas de loi. Pour les T-shirts, l'AUROC culmine vers 8 nombres, puis baisse doucement. Pour les sacs, un seul nombre fait mieux que seize, et l'AUROC remonte ensuite sans rattraper son départ. Pour les sandales contre les neuf autres classes, elle ne bouge guère, de 0,87 à 0,90 ; contre les seules baskets, grandir aggrave : de 0,57 à 0,32 pour une centaine de nombres. C'est là que l'adage dit vrai : un code plus grand rend encore mieux les baskets que les sandales. Et comme la bonne taille dépend des anomalies, que par définition on n'a pas, **on ne peut pas la choisir à coup sûr**.

# %% [markdown]
# ## 7. Localiser un défaut sur une texture
#
# Dire qu'une pièce est mauvaise ne suffit pas : où est le défaut ? Trois photographies en gris de 512×512 pixels : des briques, de l'herbe, du gravier. La bande centrale, 128 colonnes, sert de **test** : rien n'y est appris. À gauche et à droite, les 384 premières lignes servent à apprendre, et les 128 dernières au réglage.
#
# Nous y dessinons des défauts dont le masque est connu exactement. Ils sont artificiels ; pour de vrais défauts photographiés, la référence est MVTec AD (Bergmann et al. 2019). Mais chacun des nôtres teste une idée : une **rayure** claire ou sombre, une **tache** plus sombre, un **flou**, une **greffe** d'une autre texture ramenée à la même moyenne et au même contraste, et un disque tourné d'un **quart de tour**.

# %%
textures = {name: datasets.photo(name, gray=True) for name in datasets.TEXTURES}
sides = {name: (image[:, :192], image[:, 320:]) for name, image in textures.items()}
tiles = {name: np.split(image[:, 192:320], 4) for name, image in textures.items()}
grafts = {"briques": "herbe", "herbe": "gravier", "gravier": "briques"}
cases = {}
for name in textures:
    rng, graft = np.random.default_rng(0), textures[grafts[name]][192:, 192:]
    for kind in autoencoders.DEFECTS:
        cases[name, kind] = [autoencoders.damage(tile, kind, rng, graft=graft) for tile in tiles[name] * 2]

# %%
shown = [*textures.values(), *(cases["briques", kind][0][0] for kind in autoencoders.DEFECTS)]
plots.show(
    {name: image for name, image in zip([*textures, *autoencoders.DEFECTS], shown)}, columns=8, size=1.6,
    title="Trois textures entières, puis les cinq défauts sur un carré de briques",
    alt="Briques, herbe, gravier ; rayure, tache, flou, greffe d'herbe et quart de tour sur des briques",
)  # fmt: skip

# %% [markdown]
# Le réseau regarde par fenêtres de 16×16, une tous les 4 pixels. Chaque pixel est donc vu jusqu'à seize fois : la carte d'erreur est la moyenne des erreurs que lui donnent les fenêtres qui le couvrent.
#
# | Exercice 3.2.c | difficulté ●●○ | 10 min | vérifié : égal à scikit-learn ; pas de 1 ou plus, bords, image non carrée |
# | --- | --- | --- | --- |
#
# Écrivez `average_patches(windows, stride)` : des fenêtres `(lignes, colonnes, côté, côté)`, prises tous les `stride` pixels, vers une image `(H, L)` où chaque pixel est la moyenne des valeurs que lui donnent les fenêtres qui le couvrent. La fenêtre `(i, j)` a son coin en haut à gauche au pixel `(i * stride, j * stride)`.


# %%
def average_patches(windows, stride):
    """Put windows (rows, columns, size, size) back in an image (H, W), averaged where they overlap."""
    ### BEGIN SOLUTION
    rows, columns, size = windows.shape[:3]
    total = np.zeros(((rows - 1) * stride + size, (columns - 1) * stride + size))
    count = np.zeros_like(total)
    for i, j in np.ndindex(rows, columns):
        place = np.s_[i * stride : i * stride + size, j * stride : j * stride + size]
        total[place] += windows[i, j]
        count[place] += 1
    return total / count
    ### END SOLUTION


# %% tags=["check"]
check.average_patches(average_patches)

# %% [markdown] tags=["solution"]
# Une boucle par fenêtre suffit ici. `labs.autoencoders.average_patches` boucle plutôt sur les pixels d'une fenêtre, et ajoute d'un coup toutes les fenêtres : 256 tours, quelle que soit l'image.

# %% [markdown]
# Un auto-encodeur par texture (256 → 128 → 16 et retour), sur 12 000 fenêtres tirées des deux côtés ; en face, une ACP à 16 coordonnées, sur les mêmes. Toutes les cartes sont ensuite lissées par la même gaussienne, de 3 pixels d'écart-type.

# %%
size = runtime.budget(rapide=500, cours=6000, complet=30_000)  # fenêtres tirées de chaque côté
small = autoencoders.dense((16, 16), 16, hidden=(128,)).whole
small.compile(keras.optimizers.Adam(training.OneCycle(3e-3, epochs * -(-2 * size // 128))), "mse")
rebuild = {}
for name in textures:
    every = [autoencoders.patches(side[:384], 16, 1).reshape(-1, 16, 16) for side in sides[name]]
    rng = np.random.default_rng(1)
    drawn = np.concatenate([windows[rng.choice(len(windows), size, replace=False)] for windows in every])
    training.restart(small, seed=0)
    small.fit(drawn, drawn, epochs=epochs, batch_size=128, verbose=0)
    principal = PCA(16, svd_solver="covariance_eigh").fit(drawn.reshape(-1, 256))
    rebuild[name] = small.get_weights(), principal


# %%
def smooth(image):
    return cv2.GaussianBlur(image, (0, 0), 3)


def through(principal):
    return lambda windows: principal.inverse_transform(principal.transform(windows.reshape(-1, 256)))


def error_map(image, reconstruct):
    windows = autoencoders.patches(image, 16, 4)
    rebuilt = np.reshape(reconstruct(windows.reshape(-1, 16, 16)), windows.shape)
    return smooth(autoencoders.average_patches((windows - rebuilt) ** 2, 4))


def pixel_auroc(maps, name, kind):
    masks = [mask for _, mask in cases[name, kind]]
    return roc_auc_score(np.ravel(masks), np.ravel(maps))


# %%
maps, tuned = {}, {}
for name, (weights, principal) in rebuild.items():
    small.set_weights(weights)
    for method, reconstruct in (("ACP", through(principal)), ("AE", small.predict_on_batch)):
        tuned[name, method] = [error_map(side[384:], reconstruct) for side in sides[name]]
        for kind in autoencoders.DEFECTS:
            maps[name, kind, method] = [error_map(image, reconstruct) for image, _ in cases[name, kind]]


# %%
def gallery(name):
    columns = [(*cases[name, kind][0], maps[name, kind, "AE"][0]) for kind in autoencoders.DEFECTS]
    highest = np.quantile(tuned[name, "AE"], 0.99)
    images, masks, errors = zip(*columns)
    plots.show(
        [*images, *masks, *(error / highest for error in errors)],
        titles=[*autoencoders.DEFECTS, *[""] * 10], columns=5, size=1.8,
        title=f"{name.capitalize()} : image, masque, erreur de l'auto-encodeur",
        alt=f"Cinq carrés abîmés ({name}), leurs masques, et les cartes d'erreur du réseau",
    )  # fmt: skip


gallery("briques")
gallery("herbe")

# %% [markdown]
# Sur les briques, la rayure, la tache et la greffe éclatent. Le quart de tour laisse quelques points, pas plus brillants que les joints horizontaux voisins, et le flou ne laisse rien. Sur l'herbe, la rayure se devine, et peut-être le bord de la greffe, dans un fond agité : le réseau peine à rendre des brins d'herbe, abîmés ou non. Et le flou y fait un **trou noir** : l'erreur y est plus petite qu'ailleurs.

# %% [markdown]
# Le score d'un pixel est maintenant la valeur de la carte ; son AUROC, celle des pixels du masque contre les autres, sur huit images par défaut. **Pariez** avant d'exécuter : de combien l'AUROC du flou sera-t-elle *inférieure* à 0,5, et sera-t-il le seul défaut dans ce cas ?

# %%
DEFECTS = autoencoders.DEFECTS
rows = [
    [name, method, *(f"{pixel_auroc(maps[name, kind, method], name, kind):.2f}" for kind in DEFECTS)]
    for name in textures for method in ("ACP", "AE")
]  # fmt: skip
plots.table(rows, header=["texture", "méthode", *DEFECTS], align="<<>>>>>")

# %% [markdown]
# Le flou tombe très bas : 0,08 sur l'herbe et 0,06 sur le gravier, dans le mauvais sens presque à coup sûr. C'est l'échec des baskets, au pixel près : une zone floue est **plus simple** que la texture, donc mieux reconstruite. Et il n'est pas le seul : la tache sombre, qui réduit le contraste, et la greffe passent aussi sous 0,5 sur ces deux textures.
#
# Les deux méthodes se valent à 0,05 près, sauf pour la tache sur les briques : 1,00 pour le réseau, 0,81 pour l'ACP. L'explication la plus probable : l'ACP, linéaire, prolonge ce qu'elle sait ; un gris plus sombre que toutes les briques n'est pour elle qu'une coordonnée plus grande. Le réseau, lui, n'a pas su prolonger jusque-là.
#
# Puisque « trop bien reconstruit » est suspect aussi, mesurons l'écart à l'erreur *habituelle*, dans les deux sens. Sur les bandes de réglage, le logarithme de l'erreur a une moyenne et un écart-type ; le score devient le carré de l'écart à cette moyenne, en écarts-types. C'est le carré d'une distance de **Mahalanobis**, à une seule variable. Avec deux variables, la moyenne et le contraste du voisinage, elle donne une référence **sans aucun réseau**. Avec les trois, elle réunit tout. **Pariez** sur la gagnante.

# %%
def features(image, error):
    """Local mean, logarithms of the local deviation and of the error: (H, W, 3)."""
    mean = smooth(image)
    variance = np.maximum(smooth(image**2) - mean**2, 1e-6)
    return np.stack([mean, np.log(variance) / 2, np.log(error + 1e-6)], axis=-1)


def deviation(points, normal):
    """Squared Mahalanobis distance of points (..., k) to the normal ones (N, k)."""
    centred = points - normal.mean(axis=0)
    inverse = np.linalg.inv(np.atleast_2d(np.cov(normal, rowvar=False)))
    return np.einsum("...i,ij,...j->...", centred, inverse, centred)


# %%
kept = {"AE, deux côtés": [2], "moyenne et contraste": [0, 1], "les trois": [0, 1, 2]}
for name in textures:
    bands = [features(side[384:], error) for side, error in zip(sides[name], tuned[name, "AE"])]
    normal = np.concatenate([band.reshape(-1, 3) for band in bands])
    for kind in DEFECTS:
        seen = [features(image, error) for (image, _), error in zip(cases[name, kind], maps[name, kind, "AE"])]
        for method, which in kept.items():
            maps[name, kind, method] = [deviation(points[..., which], normal[:, which]) for points in seen]

# %%
methods = ["ACP", "AE", *kept]
pixel = {key: pixel_auroc(value, *key[:2]) for key, value in maps.items()}
rows = [
    [name, method, *(f"{pixel[name, kind, method]:.2f}" for kind in DEFECTS),
     f"{np.mean([pixel[name, kind, method] for kind in DEFECTS]):.2f}"]
    for name in textures for method in methods
]  # fmt: skip
plots.table(rows, header=["texture", "méthode", *DEFECTS, "moyenne"], align="<<>>>>>>")

# %% tags=["nbval-check-output"]
for name in ("herbe", "gravier"):
    print(f"{name}, flou : AE sous 0,3 : {pixel[name, 'flou', 'AE'] < 0.3} · "
          f"deux côtés au-dessus de 0,75 : {pixel[name, 'flou', 'AE, deux côtés'] > 0.75}")  # fmt: skip
print("briques, rayure : AE au-dessus de 0,9 :", pixel["briques", "rayure", "AE"] > 0.9)
print("herbe, quart de tour : AE entre 0,4 et 0,8 :", 0.4 < pixel["herbe", "quart de tour", "AE"] < 0.8)

# %% [markdown]
# Le score à deux côtés répare le flou sur l'herbe et sur le gravier : 0,90 au lieu de 0,08 et 0,06. Il a un prix : la rayure sur l'herbe tombe de 0,88 à 0,68, car les zones calmes de l'herbe donnent maintenant l'alarme elles aussi.
#
# Le plus instructif est la quatrième ligne de chaque bloc. **La moyenne et le contraste du voisinage, sans réseau, battent l'auto-encodeur sur deux textures sur trois** : 0,68 contre 0,47 sur l'herbe, 0,72 contre 0,47 sur le gravier (et contre 0,62 et 0,69 pour son score à deux côtés). Sur les briques, dont la structure est régulière, c'est le réseau qui gagne largement (0,80 contre 0,62) : il voit le quart de tour et la greffe, qui ne changent guère la moyenne ni le contraste. Réunir les trois fait la meilleure moyenne sur le gravier, et perd de très peu ailleurs.
#
# Personne ne voit vraiment le quart de tour dans l'herbe ni dans le gravier (0,57 au mieux) : un brin d'herbe tourné reste un brin d'herbe, et il n'y a peut-être rien à voir. Personne ne voit le flou sur les briques (0,54 au mieux), sans doute parce que flouter une surface presque unie ne change presque rien. Enfin, soyons prudents : nous avons imaginé le score à deux côtés **après** avoir vu échouer le premier, et nos quatre carrés par texture sont peu. Il faudrait d'autres images, et de vrais défauts, pour conclure.

# %% [markdown]
# ## À retenir
#
# - Un auto-encodeur appris sur le **normal** seul donne un score d'anomalie : son erreur de reconstruction. Le seuil est un quantile de ce score sur des images normales **mises de côté**.
# - **AUROC** : la probabilité qu'une anomalie passe devant une image normale. **AP** : tout dépend de la prévalence ; donnez-la toujours avec elle.
# - L'erreur grandit avec la **complexité** et la **lumière**, pas seulement avec l'étrangeté : ce qui est plus simple que le normal (une basket parmi des sandales, un flou dans l'herbe) passe inaperçu. « Trop bien reconstruit » est suspect aussi.
# - Comparez toujours à une méthode simple : ici, la forêt d'isolement fait jeu égal sur les vêtements, et deux statistiques locales gagnent pour deux textures sur trois.
#
# ## Questionnaire
#
# 1. Un score a une AUROC de 0,1. Ne vaut-il rien ?
# 2. Pourquoi ne pas choisir le seuil sur les images normales du test ?
# 3. Un détecteur a une AP de 0,98 dans un article, un autre de 0,60 dans un second. Lequel est le meilleur ?
# 4. Un auto-encodeur recopie parfaitement toute image. Que vaut son AUROC ?
# 5. Pourquoi une rayure augmente-t-elle l'erreur, et un flou la diminue-t-il ?
# 6. Vous inspectez des pièces en fonderie, où une sur mille est mauvaise. Regardez-vous l'AUROC ou la précision ?
#
# <details><summary>Réponses</summary>
#
# 1. Au contraire : le score opposé a une AUROC de 0,9. Mais il faut connaître des anomalies pour savoir qu'on doit le retourner. 2. Le taux de fausses alarmes mesuré ensuite sur ces mêmes images serait exact par construction, et ne dirait rien des prochaines. 3. On ne peut pas le savoir sans les prévalences, ni sans les mêmes anomalies. 4. Tous les scores sont nuls : que des égalités, 0,5. 5. La rayure ajoute un détail que le code n'a jamais appris à rendre ; le flou enlève ceux qu'il ne pouvait pas rendre. 6. La précision au seuil choisi : avec une anomalie sur mille, 1 % de fausses alarmes fait déjà dix fausses alarmes pour une bonne, au mieux.
#
# </details>
#
# ## Pour aller plus loin
#
# - Ajoutez du bruit à l'entrée du réseau pendant l'apprentissage (l'auto-encodeur débruiteur de la leçon 3.1) : Sakurada & Yairi (2014) y gagnaient. Et ici ?
# - Remplacez l'erreur quadratique par la similarité structurelle (SSIM) : Bergmann et al. (2018) y gagnent beaucoup sur des tissus. Repère-t-elle le flou ?
# - Remplacez les pixels par les caractéristiques d'un réseau préentraîné (leçon 2.4), et l'erreur par la distance au plus proche voisin normal : c'est l'idée de PatchCore (Roth et al. 2022).
# - La leçon 3.3 entraîne un autre juge du normal : le discriminateur d'un réseau antagoniste.
