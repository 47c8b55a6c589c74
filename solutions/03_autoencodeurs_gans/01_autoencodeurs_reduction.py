# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Auto-encodeurs : réduire la dimension
#
# > Une image de vêtement a 784 pixels ; combien de nombres faut-il vraiment pour la décrire ? Vous allez entraîner des réseaux à recopier leur entrée à travers un passage étroit, retrouver l'ACP comme cas particulier, la dépasser, puis dessiner des vêtements qui n'existent pas.
#
# **À la fin, vous saurez** réduire une dimension avec un auto-encodeur et le comparer honnêtement à l'ACP, mesurer si deux sous-espaces coïncident, débruiter une image, lire un plan latent et un t-SNE, et écrire le terme de Kullback-Leibler d'un auto-encodeur variationnel.
#
# **Prérequis** : leçons 1.2 et 2.1 · **Durée** : 60 min · **Références** : Bourlard & Kamp 1988, *Auto-association by Multilayer Perceptrons* ; Baldi & Hornik 1989 ; Hinton & Salakhutdinov 2006, *Reducing the Dimensionality of Data with Neural Networks* ; Vincent et al. 2008 (débruitage) ; van der Maaten & Hinton 2008 (t-SNE) ; Kingma & Welling 2014, *Auto-Encoding Variational Bayes*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

from labs import autoencoders, datasets, plots, training
from labs.checks import generative as check

# %% [markdown]
# Tout se passe sur Fashion-MNIST. Les tailles dépendent du profil ; les résultats commentés sont ceux du profil `cours`.

# %%
count = runtime.budget(rapide=2000, cours=20_000, complet=60_000)  # images d'apprentissage
epochs = runtime.budget(rapide=2, cours=6, complet=30)
data = datasets.load("fashion_mnist")
x_train, y_train = data.x_train[:count].astype("float32") / 255, data.y_train[:count]
x_test, y_test = data.x_test.astype("float32") / 255, data.y_test
print("apprentissage :", x_train.shape, "· test :", x_test.shape)

# %% [markdown]
# ## 1. Le point de départ : l'analyse en composantes principales
#
# L'**ACP** cherche les $k$ directions orthogonales selon lesquelles les images varient le plus. On garde, de chaque image centrée, ses $k$ coordonnées selon ces directions : c'est son **code**. Aucune façon *linéaire* de passer par $k$ nombres ne fait une plus petite erreur quadratique de reconstruction sur les images d'apprentissage.
#
# | Exercice 3.1.a | difficulté ●○○ | 8 min | vérifié : égal à scikit-learn, au signe près ; moyenne, directions orthonormées, ordre |
# | --- | --- | --- | --- |
#
# Écrivez `pca(x, dimension)` : des exemples `(N, D)` vers leur moyenne `(D,)` et les `dimension` premières directions, de norme 1, **en lignes** `(dimension, D)`. Les vecteurs propres de la matrice de covariance suffisent (`np.linalg.eigh` les rend par valeurs propres **croissantes**, en colonnes).


# %%
def pca(x, dimension):
    """Mean (D,) and first principal directions, one a row, largest variance first, of x (N, D)."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    vectors = np.linalg.eigh(covariance)[1]
    return mean, vectors[:, ::-1][:, :dimension].T
    ### END SOLUTION


# %% tags=["check"]
check.pca(pca)

# %% [markdown] tags=["solution"]
# La décomposition en valeurs singulières de `x - mean` donne la même chose sans former la covariance, avec une meilleure précision ; pour 784 pixels et 20 000 images, les vecteurs propres sont plus rapides. Le signe de chaque direction est libre.

# %% [markdown]
# scikit-learn fait cela très bien. Voici ce qui reste d'une image selon le nombre de coordonnées gardées, puis les huit premières directions (gris moyen : 0 ; clair : positif ; sombre : négatif). **Pariez** : à partir de combien de coordonnées reconnaît-on la bottine ?

# %%
flat_train, flat_test = x_train.reshape(-1, 784), x_test.reshape(-1, 784)
principal = PCA(64, svd_solver="covariance_eigh").fit(flat_train)


def through_pca(images, dimension):
    axes = principal.components_[:dimension]
    return (images - principal.mean_) @ axes.T @ axes + principal.mean_


# %%
boots = {k: np.clip(through_pca(flat_test[:1], k), 0, 1).reshape(28, 28) for k in (1, 2, 8, 32, 64)}
kept = {f"{k} coordonnée{'s' * (k > 1)}": boot for k, boot in boots.items()}
plots.show(kept | {"image": x_test[0]}, columns=6, title="Une bottine de test, vue à travers l'ACP")
plots.show(
    list(principal.components_[:8].reshape(-1, 28, 28)), columns=8, size=1.3, vmin=-0.12, vmax=0.12,
    title="Les huit premières directions",
    alt="Huit mélanges de silhouettes, clairs et sombres : hauts contre chaussures…",
)  # fmt: skip

# %% [markdown]
# Une ou deux coordonnées ne donnent qu'une tache, où un haut et une chaussure se mêlent ; avec huit, on devine une chaussure montante ; avec trente-deux, la tige et la semelle sont nettes. La première direction oppose les hauts aux chaussures : la silhouette d'un haut y est claire, les deux bouts d'une chaussure y sont plus sombres.

# %% [markdown]
# ## 2. Un auto-encodeur linéaire retrouve l'ACP
#
# Un **auto-encodeur** est un réseau qu'on entraîne à rendre son entrée, $\hat x = d(e(x))$ : l'**encodeur** $e$ la réduit à quelques nombres, le **code** ; le **décodeur** $d$ la reconstruit. Le code est trop petit pour tout recopier : il faut choisir ce qu'on y garde.
#
# Prenons d'abord un réseau sans aucune non-linéarité : une couche dense vers 8 nombres, une couche dense pour revenir, et des images centrées, comme pour l'ACP. Bourlard & Kamp (1988), puis Baldi & Hornik (1989), ont montré qu'à l'optimum il engendre **le même sous-espace** que l'ACP. Personne ne le lui dit : il n'apprend qu'à recopier.

# %%
keras.utils.set_random_seed(0)
centred_train, centred_test = flat_train - principal.mean_, flat_test - principal.mean_
linear = autoencoders.linear(784, 8)
steps = epochs * -(-count // 128)
linear.whole.compile(keras.optimizers.Adam(training.OneCycle(1e-2, steps)), "mse")
training.fit(linear.whole, centred_train, centred_train, epochs=epochs, batch_size=128)
learned = linear.decoder.get_weights()[0]  # (8, 784) : une ligne par nombre du code

# %%
pictures = [row / np.abs(row).max() for row in learned]
plots.show(
    [p.reshape(28, 28) for p in pictures], columns=8, size=1.3, vmin=-1, vmax=1,
    title="Ce que chaque nombre du code ajoute à l'image",
    alt="Huit mélanges de silhouettes, sans ordre apparent",
)  # fmt: skip

# %% [markdown]
# Ces images rappellent les directions de l'ACP, mais aucune n'est la même. Sont-elles pourtant dans le **même espace** ? Il faut comparer des sous-espaces, pas des vecteurs. Les **angles principaux** le font : si les colonnes de $Q_a$ et de $Q_b$ sont des bases orthonormées des deux sous-espaces, les cosinus de ces angles sont les valeurs singulières de $Q_a^\top Q_b$. À dimension égale, des angles tous nuls disent que le sous-espace est le même. Un seul angle de 90° suffit pour qu'une direction de l'un échappe tout à fait à l'autre.
#
# | Exercice 3.1.b | difficulté ●●○ | 10 min | vérifié : égal à SciPy ; bases quelconques, dimensions différentes, sous-espaces confondus |
# | --- | --- | --- | --- |
#
# Écrivez `principal_angles(a, b)` : deux bases **en lignes**, `(k, D)` et `(l, D)`, vers les `min(k, l)` angles en **degrés**, du plus grand au plus petit. Les bases données ne sont pas orthonormées ; `np.linalg.qr` orthonormalise des **colonnes**.


# %%
def principal_angles(a, b):
    """Angles in degrees, largest first, between the spaces spanned by the rows of a (k, D) and b (l, D)."""
    ### BEGIN SOLUTION
    first, second = np.linalg.qr(a.T)[0], np.linalg.qr(b.T)[0]
    cosines = np.linalg.svd(first.T @ second, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))[::-1]
    ### END SOLUTION


# %% tags=["check"]
check.principal_angles(principal_angles)

# %% [markdown] tags=["solution"]
# Le `clip` compte : l'arrondi donne parfois un cosinus un peu plus grand que 1, et `arccos` rendrait NaN. Près de 1, le cosinus ne donne l'angle qu'avec la moitié des chiffres ; SciPy passe alors par le sinus.

# %% [markdown]
# Et pour notre auto-encodeur linéaire ? **Pariez** : quel est le plus grand des huit angles, et de combien l'erreur dépasse-t-elle celle de l'ACP ?

# %%
from scipy.linalg import subspace_angles

angles = np.degrees(subspace_angles(learned.T, principal.components_[:8].T))
ours = np.mean((linear.whole.predict(centred_test, verbose=0) - centred_test) ** 2)
best = np.mean((through_pca(flat_test, 8) - flat_test) ** 2)
print("angles principaux (degrés) :", np.round(angles, 2))
print(f"erreur de reconstruction en test : {ours:.5f} · ACP : {best:.5f} · rapport {ours / best:.4f}")

# %% tags=["nbval-check-output"]
gram = learned @ learned.T
cosines = gram / np.sqrt(np.outer(gram.diagonal(), gram.diagonal()))
print("tous les angles principaux sous 5° :", angles.max() < 5)
print("erreur à moins de 2 % de celle de l'ACP :", ours < 1.02 * best)
print("les lignes apprises sont orthogonales entre elles :", np.abs(cosines - np.eye(8)).max() < 0.05)

# %% [markdown]
# Le sous-espace est le même à moins d'un degré près, et l'erreur de test ne dépasse celle de l'ACP que de 0,06 %. La **base**, elle, est quelconque : les lignes apprises ne sont même pas orthogonales entre elles. Prenez une matrice inversible $A$ : multiplier le code par $A$ à la sortie de l'encodeur, puis par $A^{-1}$ à l'entrée du décodeur, ne change pas la reconstruction. Rien, dans le coût, ne fait donc préférer les directions de l'ACP à une autre base.

# %% [markdown]
# ## 3. Avec des non-linéarités
#
# Ajoutons des couches et des ReLU : 784 → 512 → 256 → 128 → code, et le chemin inverse. Le décodeur peut maintenant décrire une surface **courbe** dans l'espace des images. Nous comparons l'ACP et l'auto-encodeur (AE dans les tableaux) à dimension égale : 2, 8 et 32. Deux mesures, sur des images de **test** : l'erreur quadratique moyenne de reconstruction ; et l'utilité du code, c'est-à-dire l'exactitude d'un vote des 10 plus proches voisins dans l'espace du code (10 000 images qui votent, 2 000 à classer).
#
# **Pariez** : pour quelle dimension l'avantage du réseau sera-t-il le plus grand ?


# %%
def train_deep(dimension):
    keras.utils.set_random_seed(0)
    model = autoencoders.dense((28, 28), dimension)
    model.whole.compile(keras.optimizers.Adam(training.OneCycle(2e-3, steps)), "mse")
    print(f"code de dimension {dimension}")
    training.fit(model.whole, x_train, x_train, epochs=epochs, batch_size=128)
    return model


deep = {dimension: train_deep(dimension) for dimension in (2, 8, 32)}


# %%
def neighbours(codes_train, codes_test):
    vote = KNeighborsClassifier(10).fit(codes_train[:10_000], y_train[:10_000])
    return vote.score(codes_test[:2000], y_test[:2000])


measured, projected = {}, [principal.transform(x) for x in (flat_train, flat_test)]
for k, model in deep.items():
    codes = [model.encoder.predict(x, verbose=0, batch_size=500) for x in (x_train, x_test)]
    error = autoencoders.reconstruction_error(model.whole, x_test).mean()
    linear_error = np.mean((through_pca(flat_test, k) - flat_test) ** 2)
    votes = neighbours(*(x[:, :k] for x in projected)), neighbours(*codes)
    measured[k] = (linear_error, error, *votes)

# %%
rows = [[k, f"{a:.4f}", f"{b:.4f}", f"{c:.1%}", f"{d:.1%}"] for k, (a, b, c, d) in measured.items()]
plots.table(rows, header=["dimension", "erreur ACP", "erreur AE", "10 voisins, ACP", "10 voisins, AE"])
print(f"10 voisins sur les 784 pixels : {neighbours(flat_train, flat_test):.1%}")

# %% tags=["nbval-check-output"]
for k, (linear_error, error, linear_vote, vote) in measured.items():
    print(f"dimension {k} : erreur plus petite que l'ACP : {error < linear_error} · "
          f"voisins au moins aussi bons (à 1 point près) : {vote > linear_vote - 0.01}")  # fmt: skip

# %%
rebuilt = {f"ACP {k}": np.clip(through_pca(flat_test[:10], k), 0, 1).reshape(-1, 28, 28) for k in (2, 8)}
rebuilt |= {f"AE {k}": deep[k].whole.predict(x_test[:10], verbose=0) for k in (2, 8)} | {"image": x_test}
rows = [image for name in ("image", "ACP 2", "AE 2", "ACP 8", "AE 8") for image in rebuilt[name][:10]]
plots.show(
    rows, columns=10, size=1.1, title="De haut en bas : image, ACP 2, auto-encodeur 2, ACP 8, auto-encodeur 8",
    alt="Dix vêtements de test et leurs reconstructions : à dimension égale, l'auto-encodeur est plus net",
)  # fmt: skip

# %% [markdown]
# Avec 2 ou 8 nombres par image, l'auto-encodeur profond fait environ 40 % d'erreur de moins que l'ACP. C'est à 2 que cela se voit le plus : l'ACP rend des fantômes, le réseau rend des vêtements, et le vote de ses voisins est juste deux fois sur trois au lieu d'une sur deux. À 8, les votes ne diffèrent plus que de 4 points. À 32, l'erreur n'est plus réduite que de 12 %, et les deux votes se valent, à un point près ; ils valent aussi celui des 784 pixels. Sur ces images, **la courbure compte surtout quand le code est court**.
#
# Une précaution : la sigmoïde du réseau borne ses pixels entre 0 et 1, ce que l'ACP ne fait pas. Mesuré à part, en bornant aussi ceux de l'ACP, ses trois erreurs descendent à 0,0457, 0,0260 et 0,0145. L'auto-encodeur reste devant, mais de 8 % seulement à 32.
#
# Regardez aussi ce que le réseau perd : l'inscription « Lee » et les carreaux disparaissent. Une erreur quadratique petite en moyenne n'oblige pas à garder un détail rare.

# %% [markdown]
# ## 4. Se promener dans le plan latent
#
# Avec un code de dimension 2, chaque image de test devient un point du plan, et chaque point du plan devient une image : le décodeur n'a pas besoin qu'un vrai vêtement s'y trouve.

# %%
plane = deep[2].encoder.predict(x_test[:3000], verbose=0)
low, high = np.quantile(plane, 0.02, axis=0), np.quantile(plane, 0.98, axis=0)
grid = np.stack(np.meshgrid(np.linspace(low[0], high[0], 14), np.linspace(high[1], low[1], 14)), axis=-1)
tiles = deep[2].decoder.predict(grid.reshape(-1, 2), verbose=0).reshape(14, 14, 28, 28)
mosaic = tiles.swapaxes(1, 2).reshape(14 * 28, 14 * 28)


# %%
def clouds(codes, title, ax, low=-np.inf, high=np.inf):
    """Points of each class; its name where it is densest (a median may fall between two islands)."""
    for label, name in enumerate(data.class_names):
        points = codes[(y_test[: len(codes)] == label) & np.all((low < codes) & (codes < high), axis=1)]
        ax.scatter(*points.T, s=6, color=plt.cm.tab10(label), alpha=0.5)
        apart = np.linalg.norm(points[:, None] - points, axis=-1)
        place = points[np.quantile(apart, 0.25, axis=1).argmin()]
        box = {"fc": "white", "ec": "none", "alpha": 0.6, "pad": 0.5}
        ax.text(*place, name, fontsize=12, weight="bold", ha="center", va="center", bbox=box)
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)


# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 6))
clouds(plane, "Codes de 3 000 images de test", left, low, high)
left.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), box_aspect=1)
right.imshow(mosaic)
right.set(title="Ce que le décodeur dessine aux mêmes endroits", xticks=[], yticks=[])
right.grid(False)
plots.publish(figure, "À gauche, dix nuages colorés par classe ; à droite, les vêtements décodés en grille")

# %% [markdown]
# La plupart des classes ont leur région, bien que le réseau n'ait **jamais vu une étiquette** : se ressembler suffit. Les pulls, les manteaux et les chemises, eux, se mêlent. D'une région à l'autre, l'image change sans à-coup : une bottine perd sa tige et devient basket, une robe s'élargit en T-shirt, puis en pull. Il y a aussi des zones presque vides, entre les baskets et les pantalons par exemple ; le décodeur n'y dessine que des fantômes. Nous y reviendrons.
#
# Déplacez-vous vous-même :


# %%
def at(x, y):
    image = deep[2].decoder.predict(np.array([[x, y]], "float32"), verbose=0)[0]
    code = f"code ({x:.1f} ; {y:.1f})"
    plots.show({code: image}, size=2.5, alt=f"Vêtement décodé du {code}")


def slider(axis):
    return (float(np.floor(low[axis])), float(np.ceil(high[axis])), 0.5)


centre = [float(value) + 0.0 for value in np.round(np.median(plane, axis=0))]  # + 0.0 : pas de « -0.0 »
plots.explore(at, static=[{"x": centre[0], "y": centre[1]}], x=slider(0), y=slider(1))

# %% [markdown]
# ## 5. t-SNE : des pixels, ou des codes ?
#
# **t-SNE** (van der Maaten & Hinton 2008) place des points dans un plan de sorte que les **voisins** le restent. Il ne sert qu'à regarder : il n'a ni décodeur, ni formule pour placer une nouvelle image, et on ne peut pas se fier aux distances entre groupes éloignés. Comparons le t-SNE des 784 pixels à celui des codes de dimension 32, à l'œil, puis par un nombre : la part des images dont le plus proche voisin, sur la carte, est de la même classe. **Pariez** : combien de points les codes feront-ils perdre ?

# %%
shown = runtime.budget(rapide=300, cours=1500, complet=5000)
codes = deep[32].encoder.predict(x_test[:shown], verbose=0)
maps = {
    f"t-SNE des {name}": TSNE(init="pca", random_state=0, perplexity=30).fit_transform(points)
    for name, points in (("784 pixels", flat_test[:shown]), ("codes (32 nombres)", codes))
}  # perplexity : à peu près le nombre de voisins dont chaque point tient compte


# %%
def agreement(points):
    """Share of images whose nearest neighbour has the same class."""
    nearest = KNeighborsClassifier(1).fit(points, y_test[:shown]).kneighbors(return_distance=False)[:, 0]
    return np.mean(y_test[nearest] == y_test[:shown])  # un point n'est pas son propre voisin


figure, axes = plt.subplots(1, 2, figsize=(13, 5.5))
for axis, (name, points) in zip(axes, maps.items()):
    clouds(points, f"{name} : voisin de même classe, {100 * agreement(points):.0f} %", axis)
plots.publish(figure, "Deux t-SNE presque pareils : chaussures, sacs et pantalons séparés, hauts mélangés")

# %% [markdown]
# L'accord des voisins est le même, 75 %, à un point près : pour cette mesure, trente-deux nombres valent 784 pixels. Sur les deux cartes, les chaussures, les sacs et les pantalons forment des groupes assez nets ; les pulls, les manteaux et les chemises se mêlent. La distance entre pixels ne les sépare pas, et un code appris pour rendre ces pixels non plus ; un réseau entraîné avec les étiquettes y parvient bien mieux. Ne lisez rien dans la taille des îles, ni dans leurs distances : un autre départ ou une autre perplexité les placerait autrement.

# %% [markdown]
# ## 6. Débruiter
#
# Et si on donnait au réseau une image abîmée, en lui demandant l'image **propre** ? Il ne peut plus recopier : il doit connaître les vêtements. C'est l'auto-encodeur **débruiteur** (Vincent et al. 2008, qui effaçaient des pixels au hasard). Nous ajoutons plutôt un bruit normal d'écart-type 0,3, ce qui est beaucoup pour des pixels entre 0 et 1. La qualité se mesure en décibels, sur des pixels bornés entre 0 et 1 : $\mathrm{PSNR} = -10 \log_{10}(\text{erreur quadratique moyenne})$. Gagner 3 dB, c'est diviser l'erreur par deux.
#
# Le code de ce réseau a 7×7×32 = 1 568 nombres, deux fois plus que l'image n'a de pixels : sans le bruit, rien ne l'empêcherait de la recopier. C'est le bruit, et non l'étroitesse, qui l'oblige à apprendre.
#
# En face, l'ACP : projeter l'image bruitée sur les premières directions. Nous lui laissons un avantage : le nombre de coordonnées est le meilleur de cinq, choisi sur les images de test elles-mêmes. **Pariez** : combien de décibels entre les deux ?

# %%
rng = np.random.default_rng(0)
size = runtime.budget(rapide=1000, cours=10_000, complet=60_000)
rounds = runtime.budget(rapide=1, cours=3, complet=15)
noisy_train = (x_train[:size] + rng.normal(0, 0.3, (size, 28, 28))).astype("float32")[..., None]
noisy_test = (x_test[:2000] + rng.normal(0, 0.3, (2000, 28, 28))).astype("float32")[..., None]


def block(kind, filters, stride):
    return kind(filters, 3, stride, "same", activation="relu", kernel_initializer="he_normal")


# %%
keras.utils.set_random_seed(0)
down = [block(keras.layers.Conv2D, 32, 2), block(keras.layers.Conv2D, 32, 2)]  # 28 → 14 → 7
up = [block(keras.layers.Conv2DTranspose, 32, 2), keras.layers.Conv2DTranspose(1, 4, 2, "same")]
denoiser = keras.Sequential([keras.Input((28, 28, 1)), *down, *up])
denoiser.compile(keras.optimizers.Adam(training.OneCycle(4e-3, rounds * -(-size // 64))), "mse")
training.fit(denoiser, noisy_train, x_train[:size, ..., None], epochs=rounds, batch_size=64)
print("nombres dans le code :", denoiser.layers[1].output.shape[1:])


# %%
def psnr(images):
    return -10 * np.log10(np.mean((np.clip(images, 0, 1) - x_test[:2000]) ** 2))


flat_noisy = noisy_test.reshape(-1, 784)
best_k = max((4, 8, 16, 32, 64), key=lambda k: psnr(through_pca(flat_noisy, k).reshape(-1, 28, 28)))
cleaned = {
    "bruitée": noisy_test[..., 0],
    f"ACP, {best_k} coordonnées": through_pca(flat_noisy, best_k).reshape(-1, 28, 28),
    "auto-encodeur": denoiser.predict(noisy_test, verbose=0)[..., 0],
}
for name, images in cleaned.items():
    print(f"{name:22s} {psnr(images):5.1f} dB")

# %%
rows = [np.clip(image, 0, 1) for images in (*cleaned.values(), x_test) for image in images[:10]]
plots.show(
    rows, columns=10, size=1.1, title=f"De haut en bas : bruitée, ACP ({best_k}), auto-encodeur, originale",
    alt="Dix vêtements très bruités, débruités par ACP avec des traînées, par auto-encodeur plus nettement",
)  # fmt: skip

# %% tags=["nbval-check-output"]
gains = {name: psnr(images) - psnr(noisy_test[..., 0]) for name, images in cleaned.items()}
print("l'ACP gagne plus de 5 dB :", gains[f"ACP, {best_k} coordonnées"] > 5)
print("l'auto-encodeur gagne plus que l'ACP :", gains["auto-encodeur"] > gains[f"ACP, {best_k} coordonnées"])

# %% [markdown]
# L'ACP débruite aussi : en ne gardant que 64 directions sur 784, elle jette la plus grande part du bruit, et passe de 12,8 à 18,2 dB ; mais elle laisse des traînées, surtout autour du vêtement. L'auto-encodeur fait un peu mieux, 19,1 dB : le fond est plus noir et les silhouettes mieux découpées, même si l'intérieur reste tacheté. Aucun des deux ne retrouve ce que le bruit a effacé : l'inscription « Lee » reste illisible, et c'est heureux, car l'inventer serait mentir. (Nous y reviendrons à la leçon 4.5.)

# %% [markdown]
# ## 7. L'auto-encodeur variationnel
#
# Pour **inventer** des images, il faudrait savoir où tirer les codes. Dans le plan de la section 4, les nuages ont une forme quelconque, et des trous. L'auto-encodeur **variationnel** (Kingma & Welling 2014) cherche à remplir le plan. L'encodeur ne rend plus un point mais un petit nuage normal, $q$, dont il donne la moyenne $\mu_j$ et l'écart-type $\sigma_j$ le long de chaque dimension $j$. On y tire un code, $z = \mu + \sigma\,\varepsilon$ avec $\varepsilon \sim \mathcal N(0, I)$. Et un terme du coût, une **divergence de Kullback-Leibler**, tire tous ces nuages vers la même loi, $\mathcal N(0, I)$ :
#
# $$ \mathcal L = \underbrace{-\mathbb E_{z \sim q}\big[\log p(x \mid z)\big]}_{\text{reconstruire}} + \underbrace{\mathrm{KL}\big(q\,\|\,\mathcal N(0, I)\big)}_{\text{rester près de } \mathcal N(0, I)} $$
#
# Écrire $z$ comme une fonction de $\mu$ et de $\sigma$ (la *reparamétrisation*) laisse passer le gradient à travers le tirage. Quant au second terme, il a une forme close :
#
# $$ \mathrm{KL} = -\tfrac12 \sum_j \big(1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2\big) $$
#
# | Exercice 3.1.c | difficulté ●○○ | 6 min | vérifié : égal à l'intégrale numérique ; nul pour la loi visée, somme sur les dimensions |
# | --- | --- | --- | --- |
#
# Écrivez `kl(mean, log_variance)`, deux tableaux `(N, code)` vers `(N,)`. Le réseau prédit $\log \sigma^2$ plutôt que $\sigma$ : aucun risque d'écart-type négatif.


# %%
def kl(mean, log_variance):
    """KL divergence, in nats, from N(mean, exp(log_variance)) to N(0, I): (N, code) twice -> (N,)."""
    ### BEGIN SOLUTION
    return -0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance), axis=1)
    ### END SOLUTION


# %% tags=["check"]
check.kl(kl)

# %% [markdown] tags=["solution"]
# Chaque dimension paie $\mu^2/2$ pour s'éloigner du centre, et $(\sigma^2 - 1 - \log \sigma^2)/2$ pour un nuage trop large ou trop fin. Un nuage qui se réduit à un point coûterait une divergence infinie.

# %% [markdown]
# La forme close dit-elle vrai ? La divergence est une espérance, $\mathbb E_{z \sim q}[\log q(z) - \log p(z)]$, avec $p = \mathcal N(0, I)$. On peut donc l'estimer en tirant des codes au hasard (**Monte-Carlo**).

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
mean, deviation = np.array([0.5, -1.0]), np.array([0.7, 1.5])
z = rng.normal(mean, deviation, (1_000_000, 2))
log_q = -((z - mean) ** 2) / (2 * deviation**2) - np.log(deviation)
log_p = -(z**2) / 2  # la constante log(2π)/2 s'annule
estimate = np.mean(np.sum(log_q - log_p, axis=1))
closed = float(autoencoders.kl_divergence(mean[None], np.log(deviation[None] ** 2))[0])
print(f"forme close : {closed:.3f} · Monte-Carlo, un million de tirages : {estimate:.2f}")
print("écart de moins de 0,01 :", abs(closed - estimate) < 0.01)

# %% [markdown]
# Entraînons deux auto-encodeurs variationnels : l'un avec un code de dimension 2, pour pouvoir tout regarder, l'autre de dimension 8. Le terme de reconstruction est l'entropie croisée de chaque pixel : un gris de 0,7 y compte comme un pixel qui serait blanc avec une probabilité de 0,7. C'est l'usage ; mais le coût, en **nats** par image (des bits, avec le logarithme népérien), n'est alors une borne supérieure de $-\log p(x)$ que pour des pixels noirs ou blancs.
#
# **Pariez** : dans le plan, quels seront la moyenne et l'écart-type des codes tirés, pour l'ensemble des images ?

# %%
def train_variational(dimension):
    keras.utils.set_random_seed(0)
    encoder = autoencoders.dense((28, 28), 2 * dimension).encoder  # les moyennes, puis les log-variances
    model = autoencoders.VariationalAutoencoder(encoder, autoencoders.dense((28, 28), dimension).decoder)
    model.compile(keras.optimizers.Adam(training.OneCycle(2e-3, steps)))
    print(f"code de dimension {dimension}")
    training.fit(model, x_train, x_train, epochs=epochs, batch_size=128)
    return model


variational = {dimension: train_variational(dimension) for dimension in (2, 8)}


# %%
means, log_variances = (np.asarray(part) for part in variational[2].encode(x_test[:3000]))
drawn = means + np.exp(log_variances / 2) * np.random.default_rng(0).normal(size=means.shape)
for name, codes in (("auto-encodeur", plane), ("variationnel", drawn)):
    print(f"{name:14s} moyenne {np.round(codes.mean(0), 1)} · écart-type {np.round(codes.std(0), 1)}")

# %% tags=["nbval-check-output"]
print("variationnel, moyennes à moins de 0,8 de 0 :", bool(np.all(np.abs(drawn.mean(0)) < 0.8)))
print("variationnel, écarts-types entre 0,5 et 1,8 :", bool(np.all(np.abs(drawn.std(0) - 1.15) < 0.65)))

# %%
side = np.linspace(-2, 2, 14, dtype="float32")
square = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)
tiles = np.asarray(variational[2].decoder(square)).reshape(14, 14, 28, 28)
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 6))
clouds(drawn, "Codes tirés pour 3 000 images de test", left, -2, 2)
left.set(xlim=(-2, 2), ylim=(-2, 2), box_aspect=1)
right.imshow(tiles.swapaxes(1, 2).reshape(14 * 28, 14 * 28))
right.set(title="Ce que le décodeur dessine, de −2 à 2", xticks=[], yticks=[])
right.grid(False)
plots.publish(figure, "Dix nuages qui occupent presque tout le carré ; presque partout, un vêtement décodé")

# %% [markdown]
# La divergence tire dans le bon sens, mais l'écart est ici modeste : les codes du variationnel ont une moyenne à moins de 0,3 de 0 et un écart-type de 1,2 ; ceux de l'auto-encodeur simple, à qui rien ne disait où les mettre, des moyennes de 0,8 et 0,6 et des écarts-types de 1,3 et 1,6. Ce n'est pas tout à fait $\mathcal N(0, I)$ : le terme de reconstruction, lui, écarte les nuages pour ne pas les confondre. Il reste des trous, entre les sandales et les pantalons par exemple, où le décodeur passe par des fantômes ; mais presque toute la grille donne un vêtement.
#
# Inventons des vêtements avec les codes de dimension 8. Pour l'auto-encodeur simple, soyons justes : tirons ses codes selon une loi normale de mêmes moyenne et covariance que les vrais codes. Pour le variationnel, $\mathcal N(0, I)$, comme promis.

# %%
rng = np.random.default_rng(1)
seen = deep[8].encoder.predict(x_train[:5000], verbose=0)
simple_codes = rng.multivariate_normal(seen.mean(0), np.cov(seen, rowvar=False), 24).astype("float32")
normal_codes = rng.normal(size=(24, 8)).astype("float32")
invented = {"auto-encodeur": (deep[8], simple_codes), "variationnel": (variational[8], normal_codes)}
for name, (model, chosen) in invented.items():
    title = f"Vêtements inventés, {name}, code de dimension 8"
    plots.show(list(np.asarray(model.decoder(chosen))), columns=12, size=1.05, title=title)

# %% [markdown]
# Les deux modèles inventent des images floues. Celles de l'auto-encodeur simple superposent souvent deux vêtements, ou n'en sont aucun : une loi normale ajustée à ses codes passe par des zones où le décodeur n'a jamais été entraîné. Celles du variationnel sont, à nos yeux, plus souvent reconnaissables ; quelques-unes mêlent pourtant deux vêtements, ou s'effacent. (La comparaison n'est pas tout à fait pure : l'un a appris avec l'erreur quadratique, l'autre avec l'entropie croisée.)
#
# D'où vient le flou ? Une erreur calculée pixel par pixel préfère une moyenne prudente à un détail mal placé. Un remède, à la leçon 3.3 : remplacer cette erreur par un adversaire.

# %% [markdown]
# ## À retenir
#
# - Un auto-encodeur **linéaire** engendre le sous-espace de l'ACP, dans une base quelconque ; comparez des sous-espaces par leurs angles principaux.
# - À dimension égale, un auto-encodeur **profond** reconstruit ici mieux que l'ACP ; l'avantage est grand pour un code court, et s'amenuise quand le code s'allonge.
# - Un auto-encodeur débruiteur apprend à quoi ressemblent les images propres : c'est ce savoir qui enlève le bruit.
# - t-SNE sert à regarder des voisinages, pas à mesurer des distances.
# - L'auto-encodeur **variationnel** ajoute $\mathrm{KL}(q\,\|\,\mathcal N(0, I))$ : on sait alors à peu près où tirer les codes pour inventer des images.
#
# ## Questionnaire
#
# 1. Pourquoi l'auto-encodeur linéaire ne retrouve-t-il pas les directions de l'ACP elles-mêmes, mais seulement leur sous-espace ?
# 2. Un auto-encodeur dont le code a 784 nombres recopie parfaitement. A-t-il appris quelque chose ?
# 3. Deux groupes sont très éloignés sur un t-SNE. Que peut-on en conclure ?
# 4. Que vaut $\mathrm{KL}$ quand $\mu = 0$ et $\sigma = 1$ pour toutes les images ? Que vaut alors la reconstruction ?
# 5. Pourquoi les images d'un auto-encodeur variationnel sont-elles floues ?
#
# <details><summary>Réponses</summary>
#
# 1. Glisser une matrice inversible après l'encodeur, et son inverse avant le décodeur, donne la même sortie, donc la même erreur. 2. Pas forcément : il peut apprendre l'identité, qui ne dit rien des images ; il faut un goulot, du bruit, ou une pénalité. 3. Rien de sûr : t-SNE cherche à garder les voisinages, pas les grandes distances. 4. Zéro ; mais le code tiré ne dépend plus de l'image, et la reconstruction n'est au mieux qu'un vêtement moyen. 5. Plusieurs images ont presque le même code ; le décodeur, qui minimise une erreur pixel par pixel, en rend la moyenne.
#
# </details>
#
# ## Pour aller plus loin
#
# - Donnez à l'auto-encodeur variationnel `beta=0.1`, puis `beta=10` : que deviennent le plan latent et la netteté ?
# - Prenez un code de dimension 16 pour l'auto-encodeur variationnel, et inventez de nouveau des vêtements : y gagne-t-on ?
# - La leçon 3.2 se sert de l'erreur de reconstruction pour repérer ce qui n'est pas normal ; la leçon 3.3 invente des images bien plus nettes, avec un adversaire au lieu d'une erreur par pixel.
