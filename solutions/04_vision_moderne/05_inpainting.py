# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Inpainting et désobfuscation
#
# > Un morceau d'image manque. On peut le remplir en prolongeant ce qui l'entoure, ou en se souvenant d'autres images. Vous ferez les deux, vous mesurerez lequel gagne et quand, puis vous retournerez l'idée contre les visages que l'on croit cachés par un flou ou des carreaux.
#
# **À la fin, vous saurez** mesurer un remplissage (PSNR et SSIM dans le trou), le faire par trois équations et par un réseau, écrire une convolution partielle, lire un coût perceptuel, reconnaître des visages pixelisés, et dire ce qu'une image « dépixelisée » prouve, et ne prouve pas.
#
# **Prérequis** : leçons 2.1, 3.1 et 4.3 · **Durée** : 60 min · **Références** : Telea 2004 ; Bertalmio, Bertozzi & Sapiro 2001 ; Damelin & Hoang 2018 ; Liu et al. 2018, *Image Inpainting for Irregular Holes Using Partial Convolutions* ; Yu et al. 2019, *Free-Form Image Inpainting with Gated Convolution* ; Wang et al. 2004 (SSIM) ; McPherson, Shokri & Shmatikov 2016, *Defeating Image Obfuscation with Deep Learning*

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import textwrap
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn import neighbors

from labs import augmentation, datasets, inpainting, plots, training, weights, zoo
from labs.checks import vision as check

# %% [markdown]
# ## 1. Des visages, des trous, une note
#
# Les visages d'ORL : dix photographies de chacune de 40 personnes, en 112 × 92 pixels gris. Ce sont de vraies personnes, photographiées à Cambridge entre 1992 et 1994 pour la recherche : servez-vous-en pour apprendre, pas pour identifier quelqu'un. Nous les réduisons de moitié, et nous séparons **les personnes** : 32 pour apprendre, 8 que les réseaux de remplissage ne verront jamais.

# %%
PEOPLE = 32
data = datasets.load("orl_faces")
portraits = np.concatenate([data.x_train, data.x_test])[..., None].astype("float32") / 255
who = np.concatenate([data.y_train, data.y_test])


def halve(images):
    """Means of 2 × 2 pixels: (N, 112, 92, 1) -> (N, 56, 46, 1)."""
    return images.reshape(-1, 56, 2, 46, 2, 1).mean(axis=(2, 4))


# %%
faces = halve(portraits)
known = faces[who < PEOPLE]
tests = faces[who >= PEOPLE][: runtime.budget(rapide=8, cours=40, complet=80)]  # 8 personnes, 5 photographies
print(f"{len(known)} photographies pour apprendre, {len(tests)} pour le test, de {tests.shape[1:3]} pixels")

# %% [markdown]
# Deux sortes de trous : un **rectangle** (un objet, un logo qu'on enlève) et des **traits** de pinceau (une rayure, une retouche à la main), de quatre tailles. Un trou est un tableau de booléens, vrai où le pixel **manque**.

# %%
SHAPES = {"rectangle": inpainting.rectangles, "traits": inpainting.strokes}
SHARES = (0.02, 0.1, 0.25, 0.4)
holes = {(name, share): draw(len(tests), (56, 46), share, seed=2)
         for name, draw in SHAPES.items() for share in SHARES}  # fmt: skip
examples = {f"{name}, {plots.percent(share, 0)}": tests[rank] * ~hole[rank, ..., None]
            for rank, ((name, share), hole) in enumerate(holes.items())}  # fmt: skip
plots.show(examples, columns=4, size=2.2, alt="Huit visages troués : rectangles, puis traits, de 2 à 40 %")

# %% [markdown]
# La note la plus simple est le **PSNR**, en décibels : $-10 \log_{10}$ de l'erreur quadratique moyenne, pour des pixels entre 0 et 1. Diviser l'erreur quadratique par dix, c'est gagner 10 dB. Encore faut-il la moyenner au bon endroit. **Pariez** : si l'on notait l'image entière, un trou de 2 % rempli de noir aurait-il une mauvaise note ?
#
# | Exercice 4.5.a | difficulté ●○○ | 8 min | vérifié : égal à scikit-image sur chaque trou ; images grises et en couleurs |
# | --- | --- | --- | --- |
#
# Écrivez `hole_psnr(truth, output, holes)` : deux lots d'images `(N, H, L, C)` et leurs trous `(N, H, L)`, vers les `(N,)` PSNR des pixels **du trou**, tous canaux ensemble.


# %%
def hole_psnr(truth, output, holes):
    """PSNR of the pixels of each hole, in decibels: images (N, H, W, C), holes bool (N, H, W) -> (N,)."""
    ### BEGIN SOLUTION
    squares = (output - truth) ** 2 * holes[..., None]
    mean = squares.sum(axis=(1, 2, 3)) / (holes.sum(axis=(1, 2)) * truth.shape[-1])
    return -10 * np.log10(mean)
    ### END SOLUTION


# %% tags=["check"]
check.hole_psnr(hole_psnr)

# %% [markdown] tags=["solution"]
# Deux divisions se ressemblent : par la taille du trou, ou par celle de l'image. La seconde donne de bonnes notes à tous les petits trous, même mal remplis.

# %%
black = tests * ~holes["rectangle", 0.02][..., None]
whole = -10 * np.log10(np.mean((black - tests) ** 2, axis=(1, 2, 3)))
inside = inpainting.psnr(tests, black, holes["rectangle", 0.02])
print(f"un trou de 2 % laissé noir : {whole.mean():.1f} dB sur l'image, {inside.mean():.1f} dB dans le trou")

# %% [markdown]
# Sur l'image entière, ne rien faire vaut déjà 24,8 dB : 98 % des pixels sont exacts par construction. Dans le trou, 7,8 dB : la seconde note est la bonne, et c'est elle que rend `inpainting.psnr`.
#
# Le PSNR compare pixel à pixel : un contour décalé d'un pixel lui coûte cher, un flou peu. Le **SSIM** (Wang et al. 2004) compare des fenêtres de 11 pixels par leurs moyennes, leurs contrastes et leur corrélation ; 1 est parfait. `inpainting.ssim` prend la carte de scikit-image, avec les réglages de l'article (fenêtre gaussienne d'écart-type 1,5, covariances de population, étendue 1), et la moyenne **sur les pixels du trou**.

# %% [markdown]
# ## 2. Prolonger : trois équations
#
# Avant les réseaux, on remplissait un trou en prolongeant son bord.
#
# - **Telea** (2004) avance du bord vers le centre ; chaque pixel est une moyenne pondérée de ce qu'annoncent ses voisins déjà connus.
# - **Navier–Stokes** (Bertalmio et al. 2001) prolonge les lignes d'égal gris comme s'écoule un fluide.
# - **Biharmonique** (Damelin & Hoang 2018) : la surface la plus lisse, $\Delta^2 u = 0$ dans le trou, raccordée au bord en valeur et en pente.
#
# Les deux premières sont dans OpenCV, la troisième dans scikit-image. **Pariez** : laquelle gagnera sur un trou de 2 % ? Et sur un trou de 40 % ?

# %%
METHODS = {
    "Telea": inpainting.telea, "Navier–Stokes": inpainting.navier_stokes, "biharmonique": inpainting.biharmonic,
}  # fmt: skip
filled = {name: {kind: fill(tests, hole) for kind, hole in holes.items()} for name, fill in METHODS.items()}


def marks(measure, names):
    """Mean of a measure over the tests: {(method, kind of hole): number}."""
    return {(name, kind): measure(tests, images, holes[kind]).mean()
            for name in names for kind, images in filled[name].items()}  # fmt: skip


# %%
def print_marks(found, digits):
    rows = [[f"{shape}, {share:4.0%}", *(f"{found[name, (shape, share)]:.{digits}f}" for name in filled)]
            for shape, share in holes]  # fmt: skip
    plots.table(rows, header=["trou", *filled])


decibels = marks(inpainting.psnr, METHODS)
print_marks(decibels, 1)

# %%
structure = marks(inpainting.ssim, METHODS)
print_marks(structure, 2)

# %% [markdown]
# La biharmonique gagne presque partout, et nettement sur les traits : quand le bord est tout près, prolonger aussi la pente paie. Mais dans le rectangle de 40 %, elle passe derrière Telea (15,9 contre 16,3 dB) : prolongée trop loin, une pente finit n'importe où. Et la surface ne dit pas tout : des traits qui couvrent 40 % de l'image se remplissent à 23,2 dB, presque aussi bien qu'un rectangle de 2 % (23,9). Ce qui compte, c'est la **distance au pixel connu le plus proche**.
#
# Le SSIM range les méthodes à peu près dans le même ordre, mais pas dans le rectangle de 40 %, où il préfère la biharmonique (0,35 contre 0,32) : deux notes, deux avis. Aucune ne remplace un regard.

# %%
def show_rows(rows):
    """One picture, the first eight images of each entry in a row, framed in white."""
    frame = ((0, 0), (1, 1), (1, 1), (0, 0))
    framed = [np.pad(images[:8], frame, constant_values=1) for images in rows.values()]
    stacked = np.concatenate([np.concatenate(list(images), axis=1) for images in framed])
    plots.show({textwrap.fill("De haut en bas : " + ", ".join(rows), 80): stacked}, size=8)


large = ("rectangle", 0.25)
pierced = tests * ~holes[large][..., None]
show_rows({"le trou (un quart)": pierced, **{name: filled[name][large] for name in ("Telea", "biharmonique")}})

# %% tags=["nbval-check-output"]
small = ("rectangle", 0.02)
best = {kind: max(decibels[name, kind] for name in METHODS) for kind in holes}
print("rectangle de 2 % : la biharmonique est la meilleure :", best[small] == decibels["biharmonique", small])
big = ("rectangle", 0.4)
ahead = decibels["Telea", big] - decibels["biharmonique", big]
print("rectangle de 40 % : Telea est devant elle, de 0,2 dB au moins :", ahead > 0.2)
print("un trou en traits se remplit mieux qu'un rectangle de même surface :",
      all(best["traits", share] > best["rectangle", share] + 1 for share in SHARES[1:]))  # fmt: skip

# %% [markdown]
# Deux façons d'étaler ce qui est au bord (Navier–Stokes ressemble à Telea). Aucune ne sait qu'il s'agit d'un visage : là où il faudrait un œil ou une bouche, elles mettent un dégradé, et Telea y ajoute des coutures. Pour une rayure, c'est excellent, et il n'y a rien à entraîner.

# %% [markdown]
# ## 3. La convolution partielle
#
# Un réseau a vu d'autres visages : il peut mettre un œil là où il en faut un. Mais que lui donne-t-on dans le trou ? Du noir ? Une convolution ordinaire prendrait ce noir pour de l'image. Liu et ses collègues (2018) donnent à chaque fenêtre son **masque** $M$, 1 où le pixel est connu, 0 où il manque (le contraire de nos trous), et ne la laissent voir que le connu :
#
# $$ x' = W^\top (X \odot M)\,\frac{\mathrm{sum}(\mathbf 1)}{\mathrm{sum}(M)} + b \ \text{ si } \mathrm{sum}(M) > 0, \qquad x' = 0 \ \text{ sinon} $$
#
# Le facteur compense ce qui manque. Puis le masque est **mis à jour** : $m' = 1$ si $\mathrm{sum}(M) > 0$, $0$ sinon. D'une couche à l'autre, le trou se referme.
#
# | Exercice 4.5.b | difficulté ●●○ | 15 min | vérifié : fenêtre par fenêtre ; ce qui est sous le trou ne compte pas ; biais, masque, fenêtres vides |
# | --- | --- | --- | --- |
#
# Écrivez `partial_conv(image, mask, kernel, bias)` pour une image et un masque `(H, L)` et un noyau `(k, k)`, **sans remplissage au bord** (`padding="valid"` dans Keras) : elle rend $x'$ et $m'$, tous deux `(H − k + 1, L − k + 1)`.


# %%
def partial_conv(image, mask, kernel, bias):
    """Partial convolution (Liu et al. 2018), no padding: (H, W) and its 0-1 mask -> output, new mask."""
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view
    known = windows(mask, kernel.shape).sum(axis=(2, 3))
    total = np.einsum("ijab,ab->ij", windows(image * mask, kernel.shape), kernel)
    output = np.where(known > 0, total * kernel.size / np.maximum(known, 1) + bias, 0)
    return output, (known > 0).astype(float)
    ### END SOLUTION


# %% tags=["check"]
check.partial_conv(partial_conv)

# %% [markdown] tags=["solution"]
# Le biais ne change pas d'échelle : il s'ajoute après. Et `np.where` calcule ses deux branches : sans `np.maximum(known, 1)`, la division par 0 aurait lieu quand même.

# %% tags=["solution", "nbval-check-output"]
layer = inpainting.PartialConvolution(1, 5)
mask = 1 - holes[large][:1, ..., None].astype("float32")
output, seen = (np.asarray(part)[0, 2:-2, 2:-2, 0] for part in layer([tests[:1], mask]))
kernel = np.asarray(layer.kernel)[..., 0, 0]
ours = partial_conv(tests[0, ..., 0], mask[0, ..., 0], kernel, 0.0)
print("notre sortie et notre masque sont ceux de labs :", np.allclose(ours[0], output, atol=1e-4), end=", ")
print(np.array_equal(ours[1], seen))

# %% [markdown]
# La couche Keras de `labs.inpainting` entoure l'image de zéros, mais ces pixels hors de l'image ne sont comptés ni dans $\mathrm{sum}(\mathbf 1)$ ni dans $\mathrm{sum}(M)$. Donnons-lui un noyau qui fait la moyenne de 5 × 5 pixels, et comparons-la à une convolution ordinaire, qui prend le trou pour du noir.

# %%
mean = inpainting.PartialConvolution(1, 5)
mask = 1 - holes[large][:1, ..., None].astype("float32")
mean.build([tests[:1].shape, mask.shape])
mean.set_weights([np.full((5, 5, 1, 1), 1 / 25, "float32"), np.zeros(1, "float32")])
plain, _ = mean([tests[:1] * mask, np.ones_like(mask)])
partial, updated = mean([tests[:1], mask])

# %%
pictures = {"l'image trouée": tests[0] * mask[0], "convolution ordinaire": plain[0]}
pictures |= {"convolution partielle": partial[0]}
pictures |= {"masque avant": 0.85 * mask[0], "masque après": 0.85 * updated[0]}  # gris : connu
plots.show(pictures, columns=5, size=2.3, alt="Le noir du trou ne déborde que dans la sortie ordinaire")

# %% tags=["nbval-check-output"]
plain, partial, updated = (np.asarray(part) for part in (plain, partial, updated))
rim = (updated > 0) & (mask == 0)  # dans le trou, mais vu par une fenêtre
print("au bord du trou, ordinaire plus sombre que partielle :", np.all(plain[rim] < partial[rim]))
given = tests[:1][mask > 0]
within = given.min() <= partial[rim].min() and partial[rim].max() <= given.max()
print("la partielle y reste entre le plus sombre et le plus clair des pixels connus :", within)
print(f"pixels manquants : {np.sum(mask == 0)}, puis {np.sum(updated == 0)}")

# %% [markdown]
# La convolution ordinaire mêle le noir du trou à la peau : une ombre déborde tout autour. La partielle ne moyenne que ce qu'elle connaît : pas d'ombre, et le trou a perdu deux pixels de chaque côté, 460 pixels au lieu de 648. (Le bord sombre des deux sorties vient du remplissage par des zéros, celui de toute convolution « same ».)

# %% [markdown]
# ## 4. Un réseau qui se souvient
#
# `inpainting.unet` est un petit U-Net (leçon 4.3) dont toutes les convolutions sont partielles. Chaque couche de la descente divise les côtés par deux ; la montée relit les cartes de la descente, et, à la fin, l'image elle-même. **Pariez** : un trou de 40 % est-il refermé en haut, au milieu ou tout au bas du réseau ?

# %%
network = inpainting.unet((56, 46, 1), convolution="partial")
outputs = [network.get_layer(f"down{level}.conv").output[1] for level in (1, 2, 3, 4)]
masks = keras.Model(network.input, outputs)
stages = [np.asarray(stage)[0] for stage in masks(inpainting.inputs(tests[:1], holes[big][:1]))]
shown = [0.85 * stage for stage in (~holes[big][0], *stages)]  # gris : connu
titles = ["masque d'entrée", *(f"descente {level}\n{stage.shape[0]} × {stage.shape[1]}"
                               for level, stage in enumerate(stages, start=1))]  # fmt: skip
plots.show(shown, titles=titles, columns=5, size=2.2, alt="Le trou noir rétrécit d'étage en étage")
print(f"{network.count_params()} paramètres")

# %% [markdown]
# Tout au bas : à la troisième descente, il reste encore quelques cases inconnues ; à la quatrième, plus aucune. Il faut descendre jusque-là pour que chaque case repose sur quelque chose de connu. La barre noire du bas n'est pas un trou : 56 ne se divise pas par 16, et le réseau allonge l'image par des pixels… qui manquent. Une convolution partielle sait quoi en faire.
#
# Le **coût** de l'article additionne quatre mesures (et un coût de style, que nous laissons) :
#
# $$ L = L_{\text{connu}} + 6\,L_{\text{trou}} + 0{,}05\,L_{\text{perceptuel}} + 0{,}1\,L_{\text{variation}} $$
#
# Les deux premières sont des écarts absolus, hors du trou et dedans. La dernière décourage les écarts entre pixels voisins, dans le trou et à son raccord. Le **coût perceptuel** compare non les pixels, mais ce qu'un autre réseau en voit : les cartes de trois de ses étages. L'article prend VGG-16 ; nos visages sont gris et petits, nous prenons un classifieur qui reconnaît les 32 personnes connues.

# %%
judge = zoo.face_classifier(PEOPLE, (56, 46, 1))
judge.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
epochs = runtime.budget(rapide=1, cours=8, complet=20)
training.fit(judge, known, who[who < PEOPLE], batch_size=32, epochs=epochs, watched=False)
stages = [judge.get_layer(f"stage{stage}.relu").output for stage in (1, 2, 3)]
features = keras.Model(judge.input, stages, trainable=False)

# %% [markdown]
# Entraînons notre U-Net un instant : chaque image est un visage tiré au hasard, parfois retourné de gauche à droite, avec un trou nouveau. Tous les huit pas, nous notons les visages de test, avec leur rectangle d'un quart.

# %%
steps = runtime.budget(rapide=2, cours=64, complet=5000)
rng = np.random.default_rng(0)
seen = augmentation.flip(known[rng.integers(len(known), size=16 * steps)], rng)
hidden = inpainting.rectangles(len(seen), (56, 46), (0.05, 0.45), seed=1)
rate = keras.optimizers.schedules.CosineDecay(4e-3, steps)
network.compile(keras.optimizers.Adam(rate), inpainting.objective(features=features))

# %%
progress = {}


def note(step, logs=None):
    if step % max(1, steps // 8) == 0 or step == steps - 1:
        images = inpainting.fill(network, tests, holes[large])
        progress[step + 1] = inpainting.psnr(tests, images, holes[large]).mean()


# %%
start = time.process_time()
training.fit(network, inpainting.inputs(seen, hidden), inpainting.targets(seen, hidden), batch_size=16,
             callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=note)])  # fmt: skip
print(f"{time.process_time() - start:.0f} s de processeur, {len(seen)} images vues")

# %% [markdown]
# Quelques secondes suffisent pour un bon début, pas pour finir. `scripts/train_inpainting.py` entraîne le même réseau des centaines de fois plus longtemps (40 000 pas), sur les mêmes 32 personnes, avec des trous des deux sortes, de 1 à 45 % ; ses poids sont livrés avec le cours.

# %%
filler = weights.restore(inpainting.unet((56, 46, 1), convolution="partial"), "inpainting_faces")
filled["réseau"] = {kind: inpainting.fill(filler, tests, hole) for kind, hole in holes.items()}
decibels |= marks(inpainting.psnr, ["réseau"])
structure |= marks(inpainting.ssim, ["réseau"])
plots.curves({"ce réseau, dès ses premiers pas": list(progress.values()),
              "le même, entraîné longtemps": [decibels["réseau", large]] * len(progress),
              "la meilleure équation": [best[large]] * len(progress)},
             x=list(progress), title="PSNR dans un rectangle d'un quart", xlabel="pas", ylabel="dB",
             alt="La courbe du réseau monte ; celle du même, entraîné longtemps, est au-dessus")  # fmt: skip

# %%
print_marks(decibels, 1)
print()
print_marks(structure, 2)

# %% tags=["nbval-check-output"]
for share in (0.25, 0.4):
    gain = decibels["réseau", ("rectangle", share)] - best["rectangle", share]
    print(f"rectangle de {share:.0%} : au moins 1 dB de plus que la meilleure équation : {gain >= 1}")
print("à 2 %, la biharmonique fait mieux que le réseau :", decibels["réseau", small] < best[small])

# %%
scores = [inpainting.psnr(tests, filled[name][large], holes[large]) for name in ("réseau", "Telea")]
print(f"visages où Telea fait mieux que le réseau : {np.sum(scores[0] < scores[1])} sur {len(tests)}")

# %% [markdown]
# Dans les **grands rectangles**, le réseau gagne plus de 3 dB sur la meilleure équation : 20,3 contre 17,1 dB à 25 %, 19,4 contre 16,3 à 40 %. Son erreur quadratique est moitié moindre, et le SSIM passe de 0,41 à 0,56. Dans le rectangle de 2 %, et dans **tous les traits**, la biharmonique reste devant, parfois de plus d'un décibel : le bord suffit, et le réseau, lui, repasse tout dans ses filtres. En 64 pas, il avait à peine rejoint l'équation.

# %%
show_rows({"le trou": pierced, "Telea": filled["Telea"][large], "le réseau": filled["réseau"][large],
           "la vérité": tests})  # fmt: skip

# %% [markdown]
# Le réseau met une tache sombre là où il faut un œil, des cheveux au front de la septième personne : le visage est complet, et le raccord ne se voit presque pas. Mais ce sont des **taches**. Devant plusieurs réponses possibles, un coût en écart absolu choisit leur milieu, et un milieu d'yeux est flou. Chez la cinquième personne, le verre gauche des lunettes a disparu, bien que le droit soit là ; chez la première, la bouche. Telea ne fait mieux que pour un visage sur 40.
#
# Cachons maintenant ce qu'un visage a de plus personnel : les yeux, puis le nez et la bouche. **Pariez** : que mettra le réseau à la place des yeux de quelqu'un qui porte des lunettes ?

# %%
parts = {"Les yeux": (slice(17, 30), slice(7, 39)), "Le nez et la bouche": (slice(28, 48), slice(11, 35))}
lost = {}
for name, place in parts.items():
    hole = np.zeros((len(tests), 56, 46), bool)
    hole[(slice(None), *place)] = True
    lost[name] = inpainting.fill(filler, tests, hole), hole
    two = lost[name][0], inpainting.telea(tests, hole)
    scores = [inpainting.psnr(tests, images, hole).mean() for images in two]
    print(f"{name.lower()} : réseau {scores[0]:.1f} dB, Telea {scores[1]:.1f} dB")

# %%
rows = {}
for name, (images, hole) in lost.items():
    rows |= {f"{name.lower()} en moins": tests * ~hole[..., None], f"{name.lower()} inventés": images}
show_rows({**rows, "la vérité": tests})

# %% [markdown]
# Le réseau y gagne 4 dB pour les yeux, 2,4 pour le nez et la bouche : il sait où vont les choses. Mais regardez ce qu'il met. Des lunettes de la deuxième et de la cinquième personne, il ne reste que ce qui dépassait du trou. Deux taches sombres, à peu près les mêmes pour tous, remplacent huit regards. Le sourire de la troisième, dents comprises, devient une bouche floue. Rien de tout cela n'est une erreur du programme : c'est un **visage moyen**, raccordé à ce qui restait du vrai. Ce qui identifie quelqu'un est justement ce que le réseau ne peut pas deviner.

# %% [markdown]
# ## 5. D'autres images, un autre réseau
#
# Que vaut ce réseau sur des images qui ne sont pas des visages ? Voici des morceaux des quatre photographies du cours, en gris, à la même taille.

# %%
squares = np.stack([datasets.photo(name, size=224, gray=True) for name in datasets.PHOTOS])
pieces = squares.reshape(4, 4, 56, 4, 56).swapaxes(2, 3).reshape(-1, 56, 56)[:, :, :46, None]
quarter = inpainting.rectangles(len(pieces), (56, 46), 0.25, seed=2)
outputs = {name: fill(pieces, quarter) for name, fill in METHODS.items()}
outputs["réseau des visages"] = inpainting.fill(filler, pieces, quarter)
for name, images in outputs.items():
    print(f"{name:20s} {inpainting.psnr(pieces, images, quarter).mean():.1f} dB")

# %% [markdown]
# Sur un chat, une tasse, un pavillon ou une fleur, le réseau des visages est le dernier, à 6 dB de la biharmonique : il n'a pas appris à remplir des images, il a appris **des visages**. Le domaine d'un réseau de remplissage est celui de ses images d'apprentissage.
#
# Il faut donc apprendre sur des photographies. Les réseaux publiés l'ont fait sur des millions d'images, pendant des jours. Le nôtre l'a fait sur 20 000 des 50 000 petites images d'apprentissage de CIFAR-10 (celles que le cours embarque), et il remplace la convolution partielle par la **convolution à portes** de Yu et ses collègues (2019) : deux convolutions de la même entrée, l'une qui propose, l'autre qui laisse passer plus ou moins,
#
# $$ y = \varphi(W_f * x) \odot \sigma(W_g * x) $$
#
# Le masque n'est plus une règle : c'est un canal de l'entrée, et chaque porte **apprend** qu'en faire. Le coût n'a pas ici de terme perceptuel.

# %% tags=["nbval-check-output"]
gate = inpainting.GatedConvolution(2, 3)
x = inpainting.inputs(tests[:1], holes[large][:1])
y = np.asarray(gate(x))
kernel, bias = gate.get_weights()
both = np.asarray(keras.ops.conv(x, kernel, padding="same")) + bias
proposed, opened = both[..., :2], 1 / (1 + np.exp(-both[..., 2:]))
elu = np.where(proposed > 0, proposed, np.expm1(proposed))
print("la convolution à portes, à la main = labs :", np.allclose(y, elu * opened, atol=1e-5))

# %%
count = runtime.budget(rapide=8, cours=100, complet=1000)
photos = datasets.load("cifar10").x_test[200 : 200 + count].astype("float32") / 255
gated = weights.restore(inpainting.unet((32, 32, 3), convolution="gated"), "inpainting_photos")
fills = {**METHODS, "réseau à portes": lambda images, hole: inpainting.fill(gated, images, hole)}
results = {}
for shape, draw in SHAPES.items():
    for share in SHARES:
        hole = draw(count, (32, 32), share, seed=2)
        results[shape, share] = {name: fill(photos, hole) for name, fill in fills.items()}, hole

# %%
rows = [[f"{shape}, {share:4.0%}", *(f"{inpainting.psnr(photos, images, hole).mean():.1f} · "
         f"{inpainting.ssim(photos, images, hole).mean():.2f}" for images in outputs.values())]
        for (shape, share), (outputs, hole) in results.items()]  # fmt: skip
plots.table(rows, header=["trou", *fills])

# %%
outputs, hole = results[large]
chosen = {name: outputs[name] for name in ("biharmonique", "réseau à portes")}
show_rows({"le trou": photos * ~hole[..., None], **chosen, "la vérité": photos})

# %% [markdown]
# Le même partage que pour les visages, en plus serré : le réseau gagne dans les rectangles à partir de 10 %, de 0,3 à 0,8 dB, et perd dans le plus petit et dans tous les traits. C'est peu. Une photographie quelconque est bien moins prévisible qu'un visage, et ces images n'ont que 32 pixels de côté. À l'œil, il évite les taches vertes ou blanches de la biharmonique (troisième et quatrième images), mais il ne rend ni le pont du bateau, ni le museau du chat, ni ce qui manque à l'avion. Liu et ses collègues, comme Yu et les siens, ont appris sur ImageNet ou Places2, des millions d'images, avec des réseaux bien plus gros, et, pour Yu, un critique adverse en plus.

# %% [markdown]
# ## 6. Un visage pixelisé est-il caché ?
#
# Changeons de camp. Pour cacher un visage, les journaux le **pixelisent** : chaque carreau prend sa couleur moyenne. Avec des carreaux de 16 pixels, il reste 7 × 6 carreaux, 42 nombres. Reconnaissez-vous quelqu'un ?

# %%
def hide(images, size):
    """Faces in tiles of `size` pixels of the photographs, then halved."""
    return halve(inpainting.mosaic(images, size))


TILES = (1, 8, 16, 24, 32)  # 1 : l'image nette
probes, names = portraits[200:], who[200:]  # photographies 6 à 10 de chaque personne
gallery, people = portraits[:200], who[:200]  # photographies 1 à 5
show_rows({"carreaux de 32 pixels": hide(probes, 32), "de 16": hide(probes, 16),
           "les photographies": hide(probes, 1)})  # fmt: skip

# %% [markdown]
# L'attaquant, lui, a une **galerie** : cinq autres photographies de chacune des 40 personnes, avec leur nom. (Cette fois, tout le monde est dans la galerie.) Il veut nommer les 200 images pixelisées ; au hasard, il réussirait une fois sur 40, soit 2,5 %. **Pariez** : sans aucun apprentissage, combien en nommera-t-il à 16 pixels ?
#
# | Exercice 4.5.c | difficulté ●○○ | 8 min | vérifié : égal au plus proche voisin de scikit-learn ; noms quelconques, images en couleurs |
# | --- | --- | --- | --- |
#
# Écrivez `identify(gallery, people, probes)` : pour chaque image de `probes`, le nom de la photographie de `gallery` la plus proche, pixel à pixel (somme des carrés des écarts).


# %%
def identify(gallery, people, probes):
    """Name of the nearest photograph: gallery (G, H, W, C), its names (G,), probes (P, H, W, C) -> (P,)."""
    ### BEGIN SOLUTION
    a, b = (images.reshape(len(images), -1) for images in (probes, gallery))
    distances = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return people[distances.argmin(axis=1)]
    ### END SOLUTION


# %% tags=["check"]
check.identify(identify)

# %% [markdown] tags=["solution"]
# Aucun apprentissage : on compare, c'est tout. Pour de grandes galeries, développez le carré, $\lVert a \rVert^2 + \lVert b \rVert^2 - 2\,a \cdot b$ : c'est un produit de matrices.

# %% [markdown]
# Une précaution change tout : pixeliser **aussi la galerie**, de la même façon, avant de comparer. Voici les deux, avec le plus proche voisin de scikit-learn.

# %%
def nearest(gallery, probes):
    """Share of the probes that their nearest neighbour names right."""
    flat = [images.reshape(len(images), -1) for images in (gallery, probes)]
    return np.mean(neighbors.KNeighborsClassifier(1).fit(flat[0], people).predict(flat[1]) == names)


def print_rates():
    rows = [[name, *(f"{rate:.1%}" for rate in found)] for name, found in rates.items()]
    plots.table(rows, header=["bien nommés", *(f"{size} px" for size in TILES)])


# %%
rates = {
    "voisin, galerie nette": [nearest(hide(gallery, 1), hide(probes, size)) for size in TILES],
    "voisin, galerie pixelisée": [nearest(hide(gallery, size), hide(probes, size)) for size in TILES],
}
print_rates()

# %% [markdown]
# Avec une galerie nette, le voisin se perd quand les carreaux grandissent. Mais s'il pixelise aussi sa galerie, **presque rien ne se perd** : 88,5 % à 16 pixels, et encore 84,5 % à 32, où il ne reste que douze carreaux, quand le hasard donnerait 2,5 %. Aucun réseau, aucun apprentissage : des moyennes, comparées à des moyennes. Gardez ce chiffre en tête avant d'admirer le suivant.
#
# ## 7. Le réseau de l'attaquant
#
# McPherson, Shokri et Shmatikov (2016) vont plus loin : ils entraînent un réseau **sur des images cachées**, un par façon de cacher, entre autres sur ces mêmes visages d'ORL, sous leur autre nom d'AT&T. Le nôtre apprend plusieurs façons à la fois : l'attaquant prend les photographies de sa galerie, les décale de quelques pixels (il ne sait pas où tombent les carreaux), les cache par des carreaux de 8, 16 ou 24 pixels ou par un flou, et entraîne `zoo.face_classifier`. À côté, le même réseau, qui n'a vu que des visages nets (deux fois moins de copies).

# %%
def soften(images, sigma):
    """Faces blurred by `sigma` pixels of the photographs, then halved."""
    return halve(inpainting.blur(images, sigma))


def learn(covers, epochs):
    """A face classifier trained on copies of the gallery, each shifted, then hidden by a cover."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = [cover(augmentation.shift(gallery, rng, pixels=4), size) for cover, size in covers]
    model, steps = zoo.face_classifier(40, (56, 46, 1)), epochs * -(-len(gallery) * len(x) // 32)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    training.fit(model, np.concatenate(x), np.tile(people, len(x)), batch_size=32, epochs=epochs, watched=False)
    return model


# %%
def named(model, images):
    return np.mean(model.predict(images, verbose=0, batch_size=200).argmax(axis=1) == names)


copies, epochs = runtime.budget(rapide=(1, 1), cours=(3, 5), complet=(10, 10))
start = time.process_time()
clear = learn([(hide, 1)] * 3 * copies, epochs)
hidden = learn([(hide, 16), (hide, 8), (hide, 24), (soften, 8), (hide, 16), (soften, 4)] * copies, epochs)
print(f"{time.process_time() - start:.0f} s de processeur pour les deux réseaux")
rates["réseau qui a vu du net"] = [named(clear, hide(probes, size)) for size in TILES]
rates["réseau qui a vu du caché"] = [named(hidden, hide(probes, size)) for size in TILES]

# %%
print_rates()
percents = {name: 100 * np.array(found) for name, found in rates.items()}
figure, axis = plt.subplots(figsize=(11, 5))
plots.curves({**percents, "au hasard": [2.5] * len(TILES)}, x=TILES, ax=axis, alt="",
             title="Visages bien nommés", xlabel="côté d'un carreau (pixels)", ylabel="%")  # fmt: skip
axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
plots.publish(figure, "Le voisin à galerie pixelisée reste haut ; le réseau qui a vu du net s'effondre")

# %% tags=["nbval-check-output"]
at16 = {name: found[TILES.index(16)] for name, found in rates.items()}
print("à 16 pixels, 9 visages sur 10 au moins :", at16["réseau qui a vu du caché"] >= 0.9)
print("le réseau qui n'a vu que du net, moins de 1 sur 2 :", at16["réseau qui a vu du net"] < 0.5)
print("sans apprendre, le plus proche voisin, 8 sur 10 au moins :",
      at16["voisin, galerie pixelisée"] >= 0.8)  # fmt: skip

# %% [markdown]
# À 16 pixels, le réseau qui a vu du caché nomme 95,5 % des visages ; celui qui n'a vu que du net, 34,5 %. L'écart est spectaculaire, mais il compare mal : le réseau du net échoue parce qu'on lui montre ce qu'il n'a jamais vu, pas parce que l'information manque. Le bon témoin est le voisin à galerie pixelisée : **88,5 %**. Apprendre apporte ici sept points, soit 14 visages sur 200. Et cette avance ne va pas loin : à 24 pixels, qu'il a pourtant vus, le réseau est à égalité avec le voisin ; à 32, qu'il n'a jamais vus, loin derrière (55,5 contre 84,5 %).
#
# C'est la pixelisation qui est faible, plus que le réseau qui est fort.
#
# Et le flou ? Et un rectangle noir sur le visage entier ?

# %%
covered = {f"flou, {sigma} px": [soften(images, sigma) for images in (gallery, probes)] for sigma in (4, 8, 16)}
covered["rectangle noir"] = [halve(0 * images) for images in (gallery, probes)]
plots.show({name: pair[1][0] for name, pair in covered.items()}, columns=4, size=2)
rows = [[name, *(f"{rate:.1%}" for rate in (nearest(*pair), named(clear, pair[1]), named(hidden, pair[1])))]
        for name, pair in covered.items()]  # fmt: skip
plots.table(rows, header=["bien nommés", "voisin, galerie cachée de même", "réseau, net", "réseau, caché"])

# %% [markdown]
# Le flou ne protège pas mieux : à 8 pixels d'écart-type, où l'œil ne voit plus qu'une silhouette, le voisin nomme 88,5 % des visages, le réseau 91,5 %. À 16, que le réseau n'a pas vu, le voisin en nomme encore 80,5 %. Seul le **rectangle noir** ramène tout le monde au hasard, exactement : 2,5 %. Il n'y a plus rien à lire.

# %% [markdown]
# ## 8. Dépixeliser, c'est inventer
#
# Nommer n'est pas montrer. Peut-on **rendre le visage** ? Cherchons la meilleure image, en moyenne, qu'une formule linéaire tire de 42 carreaux : c'est une régression pénalisée (*ridge*), du vecteur des carreaux vers les pixels. Un système de 42 équations suffit, sans réseau.


# %%
def tiles(images):
    """The 42 grey levels of the tiles of 16 pixels: (N, 42)."""
    return inpainting.mosaic(images, 16)[:, ::16, ::16].reshape(len(images), -1)


def depixelise(photographs, penalty=0.1):
    """Ridge regression from tiles to faces, learned on photographs (N, 112, 92, 1): a function of tiles."""
    x, y = tiles(photographs), halve(photographs).reshape(len(photographs), -1)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    matrix = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
    return lambda t: np.clip((t - x.mean(axis=0)) @ matrix + y.mean(axis=0), 0, 1).reshape(-1, 56, 46, 1)


# %% [markdown]
# Deux personnes dépixelisent **les mêmes carreaux**. La première n'a que les 32 autres personnes ; la seconde a aussi, dans sa base, cinq autres photographies de chacun. Pour chacune, montrons encore la photographie de sa base dont les carreaux sont les plus proches.

# %%
strangers = portraits[who < PEOPLE]
everyone = np.concatenate([strangers, gallery[people >= PEOPLE]])
asked = probes[names >= PEOPLE][:8]  # une photographie de chacune des huit personnes
bases = {"sans elles": strangers, "avec elles": everyone}


def closest(base, photographs):
    gaps = ((tiles(photographs)[:, None] - tiles(base)[None]) ** 2).sum(axis=-1)
    return halve(base[gaps.argmin(axis=1)])


# %%
rows = {"les carreaux": hide(asked, 16)}
for name, base in bases.items():
    rows[f"régression {name}"] = depixelise(base)(tiles(asked))
    rows[f"la plus proche {name}"] = closest(base, asked)
show_rows({**rows, "la vérité": halve(asked)})

# %% tags=["nbval-check-output"]
guess = depixelise(strangers)(tiles(asked)).repeat(2, axis=1).repeat(2, axis=2)
same = np.abs(tiles(guess) - tiles(asked)).mean()
apart = np.abs(halve(guess) - halve(asked)).mean()
print("les carreaux du visage inventé sont ceux du vrai, à 3 niveaux sur 255 près :", same < 3 / 255)
print("les pixels, non : au moins 10 niveaux d'écart en moyenne :", apart > 10 / 255)

# %% [markdown]
# La régression rend un visage flou, fantomatique, mais **d'accord avec les carreaux** : pixelisé à son tour, il redonne les mêmes, à moins de 3 niveaux sur 255 près, en moyenne. C'est tout ce qu'on peut lui demander, et cela n'en fait pas le bon : chaque carreau résume jusqu'à 256 pixels, et une infinité d'images ont les mêmes moyennes.
#
# Les photographies les plus proches sont plus parlantes, parce que nettes. Quand la personne est dans la base, c'est bien elle cinq fois sur huit. Quand elle n'y est pas, on obtient **quelqu'un d'autre**, tout aussi net, et rien dans l'image ne le dit. La troisième, une femme, devient dans les deux cas le même homme à moustache.
#
# ## 9. Que faut-il en conclure ?
#
# **Sur la vie privée.** Nous avons montré ceci : parmi 40 personnes connues d'avance, dont l'attaquant a cinq photographies cadrées et éclairées de même, pixeliser ou flouter ne cache presque rien. Nous n'avons pas montré qu'on retrouve un passant parmi des millions : la galerie serait immense, les poses et les lumières différentes, et les taux, sans doute, bien plus bas. Mais celui qui publie ne choisit pas qui regarde. Un collègue, un voisin, une administration ont une petite galerie, et une image publiée ne se reprend pas. Pour cacher, il faut **détruire** : un aplat uni, dans le fichier lui-même.
#
# **Sur les images « restaurées ».** Ce qui remplit un trou ou remplace des carreaux vient de la base d'apprentissage. L'identification choisit dans une liste ; la restauration invente, et montre son invention avec l'assurance d'une photographie. Elle peut, au mieux, donner une piste, qui mène parfois à un innocent ; jamais une preuve.

# %% [markdown]
# ## À retenir
#
# - Un trou se note **dans le trou**. Les équations prolongent le bord : parfaites pour une rayure, aveugles pour un visage. Un réseau se souvient **des images qu'il a apprises** : sur des images semblables, il est meilleur dans les trous larges, loin de tout pixel connu.
# - **Convolution partielle** : ne compter que le connu, compenser par $\mathrm{sum}(\mathbf 1)/\mathrm{sum}(M)$, mettre le masque à jour. **À portes** : laisser le réseau l'apprendre.
# - Ce qui remplit un trou est **inventé** : plausible, jamais vrai par construction.
# - Pixeliser ou flouter ne rend pas anonyme : une moyenne garde assez d'information pour choisir entre des personnes connues, même sans apprendre.
# - Une image dépixelisée n'est pas une preuve : bien d'autres visages ont les mêmes carreaux.
#
# ## Questionnaire
#
# 1. Pourquoi ne pas noter l'image entière ?
# 2. Une fenêtre 3 × 3 voit un seul pixel connu. Par combien la convolution partielle multiplie-t-elle sa contribution ?
# 3. Un trou de 20 × 20 pixels : combien de convolutions partielles 3 × 3, de pas 1, pour que le masque soit plein ?
# 4. Le réseau nomme 95 % des visages pixelisés. Que faut-il regarder avant d'admirer le réseau ?
# 5. Un service vous promet de « restaurer » le visage flou d'une vidéo de surveillance. Que répondez-vous ?
# 6. Vous devez publier une photographie sans qu'on reconnaisse quelqu'un. Que faites-vous ?
#
# <details><summary>Réponses</summary>
#
# 1. Les pixels connus sont exacts par construction : ils donnent une bonne note à n'importe quel petit trou. 2. Par 9 : sum(1) / sum(M) = 9 / 1. 3. Dix : le trou perd un pixel de chaque côté à chaque couche. 4. Ce que fait une méthode sans apprentissage, ici le plus proche voisin, et ce que ferait le hasard. 5. Que l'image rendue sera vraisemblable, mais tirée des visages que le service a vus : elle peut ressembler à un innocent, et ne prouve rien. 6. Remplacer la zone par un aplat uni, plus large que le visage, dans le fichier lui-même, et penser à ce qui reste : vêtements, lieu, voix, métadonnées, autres images de la même scène.
#
# </details>
#
# ## Pour aller plus loin
#
# - Comme l'article, entraînez un réseau pour les seuls carreaux de 16 pixels : que gagne-t-il à cette taille, que perd-il aux autres ?
# - Remplacez `"partial"` par `"plain"` dans `inpainting.unet` : le réseau n'a plus qu'un canal pour savoir où est le trou. Combien perd-il, au même nombre de pas ?
# - Le coût perceptuel donne des images plus nettes qu'un écart absolu, mais ne les juge pas. Ajoutez un critique (leçon 3.3) : l'inpainting adverse de Yu et ses collègues en a un, par morceaux.
