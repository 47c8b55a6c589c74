# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Segmentation d'instances
#
# > Combien y a-t-il de noyaux sur cette image ? Une carte de classes, même parfaite, n'en sait rien : dès que deux objets se touchent, ils n'en font plus qu'un. Vous allez donner à **chaque objet son masque**, par deux chemins : en montant, des pixels vers les objets ; en descendant, des boîtes vers les pixels.
#
# **À la fin, vous saurez** mesurer une segmentation d'instances (AP des masques, qualité panoptique, objets coupés ou fondus), séparer des objets qui se touchent par la ligne de partage des eaux, apprendre leurs bords à un U-Net, écrire RoIAlign, et ajouter une tête de masques à un détecteur, comme Mask R-CNN.
#
# **Prérequis** : leçons 4.1 et 4.3 · **Durée** : 60 min · **Références** : He et al. 2017, *Mask R-CNN* ; Kirillov et al. 2019, *Panoptic Segmentation* ; Ronneberger et al. 2015, *U-Net* ; Vincent & Soille 1991, *Watersheds in Digital Spaces* ; Lin et al. 2014, *Microsoft COCO* ; Caicedo et al. 2019 (les noyaux)

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import heapq
import time

import keras
import numpy as np
import skimage
from keras import layers, ops
from scipy import ndimage

from labs import boxes, datasets, detection, plots, scenes, segmentation, training, zoo
from labs.checks import vision as check

# %% [markdown]
# ## 1. Compter
#
# Voici des noyaux de cellules, vus au microscope à fluorescence, et les contours qu'en ont tracés des biologistes. L'image est sombre ; un logarithme l'éclaircit. Chaque objet a sa couleur, et deux voisins n'ont pas la même.

# %%
nuclei = datasets.nuclei()
truth = nuclei.instances.astype("int32")  # 0 : le fond ; 1 à 125 : un noyau
light = np.log1p(20 * nuclei.image) / np.log1p(20)
plots.show(
    {"l'image": nuclei.image, "éclaircie": light, "125 noyaux": plots.draw_instances(light, truth)},
    columns=3, size=4.4, alt="Une image sombre de noyaux, la même éclaircie, et ses 125 noyaux en couleurs",
)  # fmt: skip

# %% [markdown]
# La leçon 4.3 donnait à chaque pixel une **classe** : noyau, ou fond. Prenons la meilleure carte de classes qui soit, la vraie. Pour en tirer des objets, on regroupe les pixels qui se touchent : ce sont les **composantes connexes**. **Pariez** : combien d'objets, pour 125 noyaux ?

# %% tags=["nbval-check-output"]
perfect = truth > 0
parts = ndimage.label(perfect)[0].astype("int32")
print(f"carte de classes parfaite : {parts.max()} objets pour {truth.max()} noyaux")

# %% [markdown]
# Dix-neuf de moins, **sans une seule erreur de pixel**. Son IoU vaut 1, et le compte est faux : aucune mesure de la leçon 4.3 ne peut voir cette faute. Il en faut d'autres.

# %% [markdown]
# ## 2. Mesurer des objets
#
# Tout part d'un tableau : l'IoU de chaque vrai objet avec chaque objet prédit. Pour le remplir, il suffit de compter : combien de pixels portent à la fois le numéro $i$ dans la vérité et $j$ dans la prédiction ?


# %%
def mask_iou(truth, predicted):
    """IoU of each true object with each predicted one: (n, m). Labels go from 1 on, without a gap."""
    counts = np.zeros((truth.max() + 1, predicted.max() + 1))
    np.add.at(counts, (truth, predicted), 1)
    areas, others = counts.sum(axis=1)[1:], counts.sum(axis=0)[1:]
    common = counts[1:, 1:]
    return common / (areas[:, None] + others - common)


# %% tags=["nbval-check-output"]
overlap = mask_iou(truth, parts)
same = np.allclose(overlap, segmentation.mask_iou(truth, parts))
print("tableau", overlap.shape, "· comme segmentation.mask_iou :", same)

# %% [markdown]
# La **qualité panoptique** (Kirillov et al. 2019) en tire un nombre. Un vrai objet et un objet prédit forment une **paire** (TP) si leur IoU dépasse strictement 0,5 ; comme deux objets prédits ne partagent aucun pixel, un vrai objet ne peut alors avoir qu'un partenaire, et il n'y a rien à choisir. Les prédits sans partenaire sont des FP, les vrais sans partenaire des FN. Alors :
#
# $$ \mathrm{PQ} = \underbrace{\frac{\sum_{\text{paires}} \mathrm{IoU}}{|TP|}}_{\text{SQ : les contours}} \times \underbrace{\frac{|TP|}{|TP| + \frac12 |FP| + \frac12 |FN|}}_{\text{RQ : les objets}} $$
#
# | Exercice 4.4.a | difficulté ●○○ | 8 min | vérifié : prédiction parfaite, vide, ou sans paire ; IoU de 0,5 tout juste ; les trois nombres |
# | --- | --- | --- | --- |
#
# Écrivez `panoptic_quality(overlap)` : un tableau d'IoU `(n, m)` vers trois nombres, `(SQ, RQ, PQ)`. Sans aucune paire, les trois valent 0. Il y a toujours au moins un vrai objet.


# %%
def panoptic_quality(overlap):
    """(SQ, RQ, PQ) of the IoU (n, m) of each true object with each predicted one."""
    ### BEGIN SOLUTION
    pairs = overlap[overlap > 0.5]
    if not pairs.size:
        return 0.0, 0.0, 0.0
    recognition = pairs.size / (sum(overlap.shape) / 2)
    return pairs.mean(), recognition, pairs.mean() * recognition
    ### END SOLUTION


# %% tags=["check"]
check.panoptic_quality(panoptic_quality)

# %% [markdown] tags=["solution"]
# Inutile de compter FP et FN : $n = TP + FN$ et $m = TP + FP$, donc $TP + FP/2 + FN/2 = (n + m)/2$. RQ est le score F1 de la détection, et SQ ne regarde que les objets trouvés.

# %% [markdown]
# PQ dit combien on se trompe, pas **comment**. Deux fautes ont un nom en microscopie : **couper** un objet en morceaux, et **fondre** plusieurs objets en un. Un morceau appartient au vrai objet qui contient plus de la moitié de ses pixels, et de même dans l'autre sens.


# %%
def splits_and_merges(truth, predicted):
    """True objects cut in pieces, and predicted objects that hold several true ones: two counts."""
    counts = np.zeros((truth.max() + 1, predicted.max() + 1))
    np.add.at(counts, (truth, predicted), 1)
    pieces = counts[1:, 1:] > counts.sum(axis=0)[1:] / 2  # morceaux qui sont à un vrai objet
    swallowed = counts[1:, 1:] > counts.sum(axis=1)[1:, None] / 2  # vrais objets qui sont dans un prédit
    return (pieces.sum(axis=1) > 1).sum(), (swallowed.sum(axis=0) > 1).sum()


# %% [markdown]
# Enfin, **l'AP des masques** de COCO : celle de la leçon 4.1, où l'IoU des masques remplace celui des boîtes. Elle range les objets par confiance ; sans confiance, tous se valent. C'est `segmentation.mask_map`, qui appelle faster-coco-eval. Réunissons tout dans un tableau.


# %%
def row(name, truth, predicted, scores=None):
    """A line of the table that follows: what `predicted` is worth."""
    quality = segmentation.panoptic_quality(truth, predicted)
    precision = segmentation.mask_map([truth], [predicted], None if scores is None else [scores])
    counts = segmentation.splits_and_merges(truth, predicted)
    numbers = [quality["PQ"], quality["SQ"], quality["RQ"], precision["AP50"], precision["AP"]]
    return [name, predicted.max(), *(f"{number:.2f}" for number in numbers), counts["splits"], counts["merges"]]


HEADER = ["méthode", "objets", "PQ", "SQ", "RQ", "AP50", "AP", "coupés", "fondus"]


# %% [markdown]
# En face de la carte parfaite, la méthode la plus simple : un seuil de gris choisi par la méthode d'**Otsu** (1979), puis les composantes connexes.

# %%
otsu = segmentation.otsu_components(nuclei.image)
plots.table([row("classes parfaites", truth, parts), row("seuil d'Otsu", truth, otsu)], header=HEADER)

# %% tags=["nbval-check-output"]
iou_of_classes = (perfect & (otsu > 0)).sum() / (perfect | (otsu > 0)).sum()
print("IoU sémantique du seuil d'Otsu :", round(iou_of_classes, 2))
counts = segmentation.splits_and_merges(truth, otsu)
print("à la main = labs :", splits_and_merges(truth, otsu) == (counts["splits"], counts["merges"]))

# %% [markdown]
# La carte parfaite garde de bons contours (SQ 0,95), mais seize de ses objets en fondent plusieurs, et son AP50 n'est que de 0,81. Le seuil d'Otsu cumule deux fautes : la silhouette elle-même (son IoU, mesuré comme à la leçon 4.3 mais sur toute l'image, n'est que de 0,71) et les fusions, vingt et une. Il ne fait que 84 objets, et PQ tombe à 0,38.

# %% [markdown]
# ## 3. Séparer par la forme : distance et ligne de partage des eaux
#
# Deux disques qui se touchent dessinent un huit. Nous le coupons sans hésiter, à la taille : là où la forme est la plus mince. Pour un programme, l'épaisseur est la **distance au fond** : elle vaut 1 au bord, et culmine au centre de chaque disque. Zoomons sur un amas. (Hors de l'image, c'est du fond.)

# %%
CLUMP = np.s_[384:512, 0:128]
distance = ndimage.distance_transform_edt(np.pad(perfect, 1))[1:-1, 1:-1]
plots.show(
    {"éclaircie": light[CLUMP], "classes parfaites": perfect[CLUMP],
     "distance au fond": distance[CLUMP] / distance.max()},
    columns=3, size=4, alt="Un amas de noyaux, sa silhouette d'un seul tenant, la distance, qui a des sommets",
)  # fmt: skip

# %% [markdown]
# Sur la silhouette, la paire du bas, à gauche, est d'un seul tenant, et le trio, à sa droite, de même ; sur la carte des distances, presque chaque noyau a son **sommet**, clair. D'où les **marqueurs** : un numéro par sommet. Un pixel d'un objet est un sommet si aucun autre n'a de distance plus grande, à `spacing` pixels ou moins en ligne et en colonne : dans le carré, donc, qui le dépasse de `spacing` pixels de chaque côté.
#
# | Exercice 4.4.b | difficulté ●●○ | 10 min | vérifié : égal à une double boucle ; disques qui se touchent, plateaux, sommets trop proches, aucun objet |
# | --- | --- | --- | --- |
#
# Écrivez `markers(distance, spacing)` : une carte de distances `(H, L)`, 0 au fond, vers une carte d'entiers : 0, ou le numéro du sommet, à partir de 1 et dans l'ordre de la lecture. `ndimage.maximum_filter` et `ndimage.label` font presque tout ; deux pixels d'un même sommet peuvent ne se toucher que par un coin.


# %%
def markers(distance, spacing):
    """Number the summits of a distance map (H, W), `spacing` pixels apart: integers (H, W), 0 elsewhere."""
    ### BEGIN SOLUTION
    highest = ndimage.maximum_filter(distance, 2 * spacing + 1)
    return ndimage.label((distance == highest) & (distance > 0), np.ones((3, 3)))[0]
    ### END SOLUTION


# %% tags=["check"]
check.markers(markers)

# %% [markdown] tags=["solution"]
# Le `& (distance > 0)` compte : loin de tout objet, 0 est aussi le maximum de son voisinage, et le fond entier deviendrait un marqueur.

# %% [markdown]
# Reste à rendre chaque pixel du masque à un marqueur. Retournons la carte : les sommets deviennent des **cuvettes**. L'eau sourd des marqueurs et monte ; chaque pixel appartient à la première eau qui l'atteint, et les objets se séparent où deux eaux se rencontrent. C'est la **ligne de partage des eaux** (*watershed*, Vincent & Soille 1991). Ici, une file de priorité donne toujours le pixel le plus bas parmi les voisins de l'eau.


# %%
def flood(height, seeds, mask):
    """Watershed: water rises from the seeds over `height`, inside the mask. Integers (H, W)."""
    labels, inside = seeds.copy(), np.pad(mask, 1)
    queue = [(height[y, x], rank, y, x) for rank, (y, x) in enumerate(np.argwhere(seeds))]
    heapq.heapify(queue)
    while queue:
        _, rank, y, x = heapq.heappop(queue)
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if inside[v + 1, u + 1] and not labels[v, u]:
                labels[v, u] = labels[y, x]
                heapq.heappush(queue, (height[v, u], rank + mask.size, v, u))
    return labels


# %% [markdown]
# Pour la suite, les sommets viennent de scikit-image, dont la fonction écarte en plus les sommets égaux et trop proches. `segmentation.split_by_distance` enchaîne le tout, et jette les miettes de moins de 20 pixels.

# %%
summits = skimage.feature.peak_local_max(distance, min_distance=7, labels=parts, exclude_border=False)
seeds = np.zeros_like(truth)
seeds[tuple(summits.T)] = np.arange(1, len(summits) + 1)
flooded = flood(-distance, seeds, perfect)

# %% tags=["nbval-check-output"]
theirs = skimage.segmentation.watershed(-distance, seeds, mask=perfect)
ours = segmentation.split_by_distance(perfect, spacing=7)
print("comme scikit-image, sur plus de 99,9 % des pixels :", (flooded == theirs).mean() > 0.999)
print(f"{len(summits)} sommets ; segmentation.split_by_distance : {ours.max()} objets")

# %%
plots.show(
    {name: plots.draw_instances(light, found)[CLUMP] for name, found in (
        ("sommets", ndimage.grey_dilation(seeds, 3)), ("partage des eaux", flooded), ("vérité", truth))},
    columns=3, size=4, alt="Les sommets de l'amas, les objets que l'eau en fait, et les vrais noyaux",
)  # fmt: skip

# %% [markdown]
# La paire est coupée au bon endroit. Le trio, non : il n'a que deux sommets, et deux noyaux se fondent. La carte des distances dit pourquoi : un pixel de fond, resté entre les trois noyaux, y creuse un trou noir là où ils se rejoignent, et déforme tout autour. La silhouette est pourtant exacte : la distance est fragile.
#
# Et `spacing` ? **Pariez** : que fait-on de faux s'il est trop petit ? Trop grand ?

# %%
rows = [row("composantes connexes", truth, parts)]
for spacing in (3, 5, 7, 9, 20):
    split = segmentation.split_by_distance(perfect, spacing=spacing)
    rows.append(row(f"distance, sommets à {spacing} pixels", truth, split))
plots.table(rows, header=HEADER)

# %% [markdown]
# À 3 pixels, 38 noyaux sont coupés, et PQ est plus bas (0,70) que si l'on n'avait rien fait (0,83). À 20, treize objets en fondent plusieurs. Entre les deux, 7 ou 9 pixels donnent un PQ de 0,94 ou 0,95 : ces noyaux font une vingtaine de pixels de large, et `spacing` le dit à l'algorithme. Sur l'amas :


# %%
def try_spacing(spacing):
    split = segmentation.split_by_distance(perfect, spacing=spacing)
    pictures = {f"sommets à {spacing} pixels": split, "vérité": truth}
    pictures = {name: plots.draw_instances(light, found)[CLUMP] for name, found in pictures.items()}
    plots.show(pictures, size=3.5, alt=f"L'amas séparé avec des sommets à {spacing} pixels, et la vérité")


plots.explore(try_spacing, spacing=(2, 25, 1), static=[{"spacing": 3}, {"spacing": 20}])

# %% [markdown]
# À 3 pixels, le noyau brillant et celui du haut du trio sont chacun en deux morceaux, et le reste est juste. À 20, la paire ne fait plus qu'un objet, et le trio s'est fondu avec le noyau brillant. Déplacez le curseur : trouvez-vous une valeur qui réussisse tout l'amas ? Sur l'image entière, aucune des cinq valeurs du tableau n'y parvient.

# %% [markdown]
# ## 4. Séparer par les bords : un U-Net
#
# La distance ne sait que ce que dit la silhouette, et la silhouette vraie, personne ne l'a. Partons d'un vrai seuil, celui d'Otsu, sur l'image ou sur l'image éclaircie.

# %%
rows = []
for name, picture in (("Otsu", nuclei.image), ("Otsu, éclaircie", light)):
    found = segmentation.otsu_components(picture)
    split = segmentation.split_by_distance(found > 0, spacing=7)
    rows += [row(name, truth, found), row(f"{name}, distance", truth, split)]
plots.table(rows, header=HEADER)

# %% [markdown]
# La distance double l'AP50, ou presque, et réduit les fusions à peu près de moitié, au prix de huit noyaux coupés : elle vaut mieux que rien. Mais elle ne touche pas aux contours. SQ reste sous 0,80, parce que la silhouette elle-même est fausse, et aucun partage des eaux n'y peut rien : 0,52 d'AP50, c'est le mieux que nous ayons fait sans apprendre.
#
# Le réseau de la leçon 4.3 peut apprendre la silhouette. Mais il peut apprendre mieux : les **bords communs**, que l'on voit sur l'image et pas sur la silhouette. On ajoute donc une troisième classe. Pour un pixel, soient $d_1$ et $d_2$ les distances au noyau le plus proche et au suivant ; Ronneberger et al. (2015, équation 2) s'en servent pour donner plus de poids, dans le coût, aux pixels du fond où $d_1 + d_2$ est petit (`segmentation.border_weights`). Nous en faisons une classe : **bord** si $d_1 + d_2 \leq 4$ pixels. Un noyau isolé n'a pas de bord.


# %%
def border_targets(instances, reach=4):
    """0 in the background, 1 inside, 2 where the two nearest objects are within `reach` in all: (H, W)."""
    labels = np.unique(instances[instances > 0])
    distances = np.sort([ndimage.distance_transform_edt(instances != label) for label in labels], axis=0)
    return np.where(distances[0] + distances[1] <= reach, 2, (instances > 0).astype(int))


# %% tags=["nbval-check-output"]
targets = segmentation.border_targets(truth, reach=4)
small = segmentation.border_targets(truth[CLUMP], reach=4)
print("à la main = labs :", (border_targets(truth[CLUMP]) == small).all())
print("fond, intérieur, bord :", (np.bincount(targets.ravel()) / targets.size).round(3))

# %% [markdown]
# Un pixel sur cent est un bord : nous le compterons quatre fois dans le coût. Une fois les trois probabilités connues, `segmentation.split_by_borders` refait le chemin de la section 3 : les **cœurs**, où « intérieur » dépasse un demi, sont les marqueurs, et l'eau monte d'eux sur cette même probabilité, retournée, jusqu'où le fond dépasse un demi. Avec un réseau parfait, que vaudrait la méthode ?

# %%
ideal = segmentation.split_by_borders(np.eye(3)[targets])
plots.show(
    {"éclaircie": light[CLUMP], "poids de l'équation 2": segmentation.border_weights(truth[CLUMP]) / 11,
     "fond, intérieur, bord": np.eye(3)[targets][CLUMP] @ [0, 0.45, 1.0],
     "objets": plots.draw_instances(light, ideal)[CLUMP]},
    columns=4, size=3.2, alt="L'amas, des poids forts entre les noyaux, trois classes, les objets séparés",
)  # fmt: skip
plots.table([row("bords parfaits", truth, ideal)], header=HEADER)

# %% [markdown]
# 126 objets, PQ de 0,98 : trois classes suffisent presque. Le trio est séparé, parce que ses bords sont donnés, et non devinés sur la silhouette. Dans toute l'image, un seul objet est de trop : un noyau est coupé.
#
# ### Quatre quarts, quatre réseaux
#
# Nous n'avons qu'une image. Coupons-la en quatre : le réseau apprend sur trois quarts et se mesure sur le dernier, et chaque quart est mis de côté à son tour. **Aucun** pixel du quart mis de côté n'entre dans l'apprentissage, sinon par la moyenne et l'écart type qui centrent l'image et, tout contre la coupe, par les bords communs à deux noyaux qu'elle sépare.

# %%
quarters = {f"{down} {side}": np.s_[a : a + 256, b : b + 256] for a, down in ((0, "haut"), (256, "bas"))
            for b, side in ((0, "gauche"), (256, "droite"))}  # fmt: skip
turns = list(quarters)[: runtime.budget(rapide=1, cours=4, complet=4)]  # les quarts mis de côté, tour à tour
x = ((light - light.mean()) / light.std()).astype("float32")
cost = np.array([1, 1, 4], "float32")[targets]  # un bord compte quatre fois


# %%
def crops(held, count, side=96, seed=0):
    """Squares of (x, targets, cost) outside a quarter, turned and flipped at random."""
    rng, free, kept = np.random.default_rng(seed), np.ones(x.shape, bool), []
    free[held] = False
    while len(kept) < count:
        top, left = rng.integers(0, 512 - side + 1, 2)
        square = np.s_[top : top + side, left : left + side]
        if free[square].all():
            turns, flip = rng.integers(4), rng.choice([1, -1])
            kept.append([np.rot90(maps[square], turns)[:, ::flip] for maps in (x, targets, cost)])
    images, labels, weights = map(np.stack, zip(*kept))
    images = images * rng.uniform(0.8, 1.2, (count, 1, 1)) + rng.uniform(-0.3, 0.3, (count, 1, 1))
    return images[..., None].astype("float32"), labels, weights


# %% [markdown]
# Le réseau est le U-Net de la leçon 4.3, tout petit. Pour aller vite, une première convolution de pas 2 lui donne une image deux fois plus petite, et une dernière, transposée, lui rend sa taille : quatre fois moins de calculs.

# %%
def build(width):
    image = keras.Input((None, None, 1))
    half = layers.Conv2D(width, 2, 2)(image)
    unet = zoo.unet(width, (None, None, width), width=width, levels=2)
    for layer in unet.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9  # 0,99 traînerait derrière un apprentissage aussi court
    return keras.Model(image, layers.Conv2DTranspose(3, 2, 2)(unet(half)))


# %%
WIDTH, steps = 8, runtime.budget(rapide=20, cours=150, complet=1500)
schedule = keras.optimizers.schedules.CosineDecay(1e-2, steps)
keras.utils.set_random_seed(0)
unet = build(WIDTH)
unet.compile(keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
print(f"{unet.count_params()} paramètres · {steps} pas de 4 carrés de 96 pixels")

# %% [markdown]
# Un noyau n'a ni haut ni bas : à l'usage, on montre l'image au réseau dans les quatre orientations, et l'on moyenne ses réponses.


# %%
def probabilities(model, picture):
    """Background, inside, border: the mean of the four orientations of a picture, (H, W, 3)."""
    turned = np.stack([np.rot90(picture, turns) for turns in range(4)])[..., None]
    found = ops.convert_to_numpy(ops.softmax(model.predict(turned, verbose=0, batch_size=1)))
    return np.mean([np.rot90(one, -turns) for turns, one in enumerate(found)], axis=0)


def learn(model, held, seed=0):
    """Train a model anew, without showing it a quarter; then its three probabilities on the whole image."""
    training.restart(model, seed)
    images, labels, weights = crops(held, 4 * steps, seed=seed)
    model.fit(images, labels, sample_weight=weights, batch_size=4, verbose=0)
    return probabilities(model, x)


# %% [markdown]
# À partir de quelle probabilité un pixel est-il dans un cœur ? La moitié n'a rien de sacré : plus haut, les cœurs se séparent mieux, mais les petits disparaissent. Choisir ce seuil sur le quart de test serait tricher. Nous le choisissons donc, pour chaque réseau, sur les trois quarts **qu'il a appris**.


# %%
def separate(found, held):
    """Objects in a quarter, with the threshold that suits the three others best; and that threshold."""
    others = [other for other in quarters.values() if other != held]

    def quality(inside):
        tried = [segmentation.split_by_borders(found[other], inside=inside) for other in others]
        return np.mean([segmentation.panoptic_quality(truth[o], t)["PQ"] for o, t in zip(others, tried)])

    chosen = max((0.5, 0.6, 0.7, 0.8, 0.9), key=quality)
    return segmentation.split_by_borders(found[held], inside=chosen), chosen


# %%
def trial(model, held):
    """Train without a quarter, then find its objects, how sure each is, and the threshold that was chosen."""
    found = learn(model, held)
    learned, threshold = separate(found, held)
    return learned, segmentation.mean_in(learned, 1 - found[held][..., 0]), threshold


start = time.process_time()
trials = {name: trial(unet, quarters[name]) for name in turns}
chosen = [threshold for *_, threshold in trials.values()]
print(f"{time.process_time() - start:.0f} s de processeur · seuils choisis : {chosen}")

# %% [markdown]
# Mesurons, sur chaque quart, les trois méthodes : le seuil d'Otsu et ses composantes ; le meilleur chemin sans apprentissage de tout à l'heure, Otsu sur l'image éclaircie et la distance ; le U-Net et ses bords. La confiance d'un objet du U-Net est la probabilité moyenne, sur ses pixels, de ne pas être du fond.

# %%
METHODS = ("Otsu", "Otsu, éclaircie, distance", "U-Net, bords")
results = {}
for name in turns:
    held, (learned, sureness, _) = quarters[name], trials[name]
    shape = segmentation.split_by_distance(segmentation.otsu_components(light[held]) > 0, spacing=7)
    simple = segmentation.otsu_components(nuclei.image[held])
    for method, found, scores in zip(METHODS, (simple, shape, learned), (None, None, sureness)):
        results[name, method] = row(f"{name} · {method}", truth[held], found, scores)
plots.table(list(results.values()), header=["quart · méthode", *HEADER[1:]])

# %%
AP50 = {method: [float(results[name, method][HEADER.index("AP50")]) for name in turns] for method in METHODS}
rows = [[method, *(f"{one:.2f}" for one in [*values, np.mean(values)])] for method, values in AP50.items()]
plots.table(rows, header=["AP50", *turns, "moyenne"])

# %% tags=["nbval-check-output"]
otsu_mean, distance_mean, unet_mean = (np.mean(values) for values in AP50.values())
print("U-Net et bords, AP50 moyenne de 0,75 ou plus :", unet_mean >= 0.75)
print("au moins 0,20 au-dessus du seuil d'Otsu :", unet_mean >= otsu_mean + 0.2)
print("au-dessus aussi de la meilleure méthode sans apprentissage :", unet_mean > distance_mean + 0.05)

# %% [markdown]
# Le U-Net atteint 0,91 d'AP50 en moyenne, contre 0,41 pour le seuil d'Otsu et 0,56 pour le meilleur chemin sans apprentissage. Il gagne sur les deux fautes : les contours (SQ de 0,80 à 0,87, contre 0,70 à 0,78 pour Otsu) et les fusions (3 en tout, contre 23). Son AP, qui exige des masques de plus en plus précis, reste entre 0,54 et 0,69.
#
# Mais regardez les **colonnes**. Le même seuil d'Otsu vaut 0,26 ou 0,69 selon le quart. Combien pèse, à côté, le choix du réseau ? Entraînons-en un autre, moitié plus large, pour le quart le plus difficile et pour le plus facile.

# %%
wide = build(WIDTH * 3 // 2)
wide.compile(keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
order = np.argsort(AP50["Otsu"])
for rank in (order[0], order[-1]):  # le quart le plus difficile pour Otsu, et le plus facile
    held = quarters[turns[rank]]
    found, sureness, _ = trial(wide, held)
    larger = segmentation.mask_map([truth[held]], [found], [sureness])["AP50"]
    print(f"{turns[rank]} : Otsu {AP50['Otsu'][rank]:.2f} · U-Net {AP50['U-Net, bords'][rank]:.2f}", end=" · ")
    print(f"U-Net plus large {larger:.2f}")

# %% [markdown]
# Sur le quart facile, les deux réseaux se valent, et même Otsu s'en tire. Sur le difficile, le plus gros réseau est le **moins** bon. Et ce même réseau passe de 0,66 à 0,96 quand on change de quart, là où le premier ne va que de 0,88 à 0,96 : **l'effet du réseau dépend du quart**. Qui n'aurait mesuré que l'un des quatre aurait conclu n'importe quoi ; il faut donc les donner tous, et la moyenne. Même ainsi, tout vient d'une seule image, sur laquelle la largeur et le nombre de pas ont aussi été réglés : un autre microscope, une autre coloration, et il faudrait recommencer.

# %%
pictures = {}
for name in turns:
    held = quarters[name]
    pictures[f"{name} : vérité"] = plots.draw_instances(light[held], truth[held])
    pictures[f"{name} : U-Net"] = plots.draw_instances(light[held], trials[name][0])
plots.show(pictures, columns=4, size=3.2, alt="Les quatre quarts, vrais noyaux et noyaux trouvés côte à côte")

# %% [markdown]
# En haut à gauche, un noyau brillant est coupé en deux. En haut à droite, deux petits noyaux se fondent. En bas à gauche, le halo d'un noyau très brillant avale son voisin de droite, le trio de la section 3 est mal découpé, par des coupes toutes droites qui ne suivent aucun bord, et, dans le coin en haut à droite, deux noyaux se fondent. En bas à droite, 29 objets pour 29 noyaux. Les erreurs se tiennent là où nous hésiterions aussi.

# %% [markdown]
# ## 5. Des boîtes vers les pixels : RoIAlign
#
# Les noyaux se ressemblent tous : un objet est un cœur, que des bords séparent de ses voisins. Un pantalon posé sur un sac, lui, n'a ni cœur ni forme ronde, et il faut aussi dire que c'est un pantalon. L'autre chemin **descend** : un détecteur donne une boîte et une classe ; il reste à dire, dans la boîte, quels pixels sont à l'objet. C'est **Mask R-CNN** (He et al. 2017).
#
# Le détecteur a déjà calculé une carte de caractéristiques, une case pour 8 pixels. Il faut en découper ce que couvre la boîte, quelle que soit sa taille, sur une grille fixe, 7 × 7 par exemple. Mais les bords d'une boîte ne tombent pas sur ceux des cases. L'ancêtre, **RoIPool** (Girshick 2015, *Fast R-CNN*), arrondissait. **RoIAlign** n'arrondit rien : il place des points dans chaque cellule de la grille, lit la carte à ces points par **interpolation bilinéaire**, et en fait la moyenne.
#
# Le centre du pixel $i$ est en $i + 0{,}5$. Un point d'abscisse $x$ se lit donc à l'indice $u = x - 0{,}5$, borné entre $0$ et $L - 1$. Avec $l$ l'entier juste en dessous (mais $L - 2$ au plus, pour que $l + 1$ existe) et $f = u - l$, la valeur est $(1 - f)\,F_l + f\,F_{l+1}$ ; on fait de même en ordonnée.
#
# | Exercice 4.4.c | difficulté ●●● | 15 min | vérifié : égal à SciPy ; exact sur une rampe ; boîte qui dépasse, boîte plus petite qu'un pixel, carte non carrée |
# | --- | --- | --- | --- |
#
# Écrivez `roi_align(features, box, size, samples=2)` : une carte `(H, L)` et une boîte `x1, y1, x2, y2`, en cases de la carte, vers `(size, size)`. On coupe la boîte en `size` × `size` cellules égales, et chaque cellule en `samples` × `samples` parts égales : la cellule vaut la moyenne de ce qu'on lit aux milieux de ses parts. Rien n'est arrondi.


# %%
def roi_align(features, box, size, samples=2):
    """What a box holds of a map (H, W), on a grid (size, size): means of bilinear readings."""
    ### BEGIN SOLUTION
    places = (np.arange(size * samples) + 0.5) / (size * samples)
    read = features
    for axis in (1, 0):  # d'abord les ordonnées, puis les abscisses
        first, last = box[axis], box[axis + 2]
        u = np.clip(first + (last - first) * places - 0.5, 0, len(read) - 1)
        low = np.minimum(u.astype(int), len(read) - 2)
        f = (u - low)[:, None]
        read = ((1 - f) * read[low] + f * read[low + 1]).T  # l'axe suivant vient devant
    return read.reshape(size, samples, size, samples).mean(axis=(1, 3))
    ### END SOLUTION


# %% tags=["check"]
check.roi_align(roi_align)

# %% [markdown] tags=["solution"]
# L'interpolation bilinéaire se sépare : une interpolation le long des lignes, puis la même le long des colonnes. Chacune est un produit par une matrice presque vide, et c'est ainsi que `segmentation.roi_align` la calcule, pour toutes les boîtes et toutes les cartes à la fois ; son gradient vient avec.

# %% [markdown]
# Comment juger d'un découpage ? En lui donnant une carte dont on sait tout : une **rampe**, où chaque case vaut sa propre abscisse, en pixels de l'image. L'interpolation d'une rampe est exacte : la cellule lue doit valoir l'abscisse de son centre. L'écart dit de combien de pixels elle se trompe d'endroit. Prenons 200 boîtes au hasard dans une image de 64 pixels. **Pariez** : de combien l'arrondi de RoIPool déplace-t-il les cellules ?


# %%
def rounded(places, stride=8):
    """The boxes that RoIPool reads: edges rounded to whole cells of the map, one cell wide at least."""
    cells = np.round(np.asarray(places) / stride)
    cells[:, 2:] = np.maximum(cells[:, 2:], cells[:, :2] + 1)
    return cells * stride


# %%
rng = np.random.default_rng(0)
corners = rng.uniform(4, 35, (200, 2))
random_boxes = np.concatenate([corners, corners + rng.uniform(12, 25, (200, 2))], axis=1)
ramp = np.tile(8 * (np.arange(8) + 0.5), (8, 1))[None, ..., None].astype("float32")
first, last = random_boxes[:, [0]], random_boxes[:, [2]]
centers = first + (last - first) * (np.arange(7) + 0.5) / 7
shift = {}
for name, places in (("RoIAlign", random_boxes), ("boîtes arrondies", rounded(random_boxes))):
    read = np.asarray(segmentation.roi_align(ramp, places, size=7, stride=8))[:, 0, :, 0]
    shift[name] = np.abs(read - centers).max(axis=1)

# %% tags=["nbval-check-output"]
print("RoIAlign se trompe de moins d'un millième de pixel :", shift["RoIAlign"].max() < 1e-3)
print(f"boîtes arrondies : {shift['boîtes arrondies'].mean():.1f} pixels en moyenne, "
      f"{shift['boîtes arrondies'].max():.1f} au pire")  # fmt: skip

# %% [markdown]
# RoIAlign lit exactement où il croit lire. Les boîtes arrondies, elles, déplacent leurs cellules : la plus mal placée de chaque boîte l'est de 2,4 pixels en moyenne, et de 3,9 au pire, presque une demi-case, sur des boîtes de 12 à 25 pixels. Pour donner une classe, peu importe ; pour tracer un contour, c'est beaucoup. (RoIPool arrondit encore une fois, à l'intérieur de la boîte, et garde le maximum de chaque cellule.)
#
# ## 6. Une tête de masques
#
# Le détecteur est celui de la leçon 4.1, une grille à une passe, plus petit et moins entraîné : 64 pixels, trois classes, un à trois objets. (Mask R-CNN part d'un détecteur à deux passes, Faster R-CNN, et apprend tout ensemble : $L = L_{cls} + L_{box} + L_{mask}$. Nous entraînons le détecteur, puis la tête, sans retoucher le premier.) Les scènes viennent avec le masque exact de ce qu'on **voit** de chaque objet.

# %%
CLASSES, SIZE = ("stop", "pantalon", "sac"), 64
count = runtime.budget(rapide=200, cours=2000, complet=20_000)
train = scenes.compose(count, CLASSES, size=SIZE, objects=(1, 3), seed=0)
held_out = runtime.budget(rapide=40, cours=200, complet=1000)
test = scenes.compose(held_out, CLASSES, size=SIZE, objects=(1, 3), split="test", seed=1)
plots.show(
    [plots.draw_instances(*pair) for pair in zip(test.images[:6], test.instances)],
    title="Six scènes de test et leurs masques",
)  # fmt: skip

# %%
sides = np.concatenate([places[:, 2:] - places[:, :2] for places in train.boxes])
grid = detection.Grid(SIZE, 8, detection.cluster_sides(sides, 3), len(CLASSES))
keras.utils.set_random_seed(0)
detector = detection.network(grid)
trainer = keras.Sequential([keras.Input((SIZE, SIZE, 3), dtype="uint8"), layers.Rescaling(1 / 255), detector])
epochs = runtime.budget(rapide=1, cours=5, complet=20)
schedule = training.OneCycle(6e-3, epochs * -(-count // 16))
trainer.compile(keras.optimizers.Adam(schedule), detection.loss(grid))
encoded = detection.encode(list(zip(train.boxes, train.classes)), grid)
history = training.fit(trainer, train.images, encoded, epochs=epochs, batch_size=16)

# %%
known = list(zip(test.boxes, test.classes))
found = detection.detect(detector, test.images, grid, score_threshold=0.01)
print({name: round(value, 2) for name, value in boxes.coco_map(known, found).items()}, "(boîtes)")

# %% [markdown]
# Pour apprendre les masques, on donne à la tête les **vraies** boîtes des scènes d'apprentissage. L'entrée : ce que RoIAlign lit, sous chaque boîte, de la dernière carte du détecteur, celle qui s'appelle « features ». La cible : le vrai masque, lu de même, sur 14 × 14 cellules.

# %%
DEEP = keras.Model(detector.input, detector.get_layer("features").output), 8, 7  # carte, pas, grille


def read(pictures, places, sources):
    """What some maps of the detector hold under each box of each image: list of (R, size, size, C)."""
    owners, parts = np.repeat(np.arange(len(places)), [len(one) for one in places]), []
    for body, stride, size in sources:
        maps = body.predict(pictures.astype("float32") / 255, verbose=0, batch_size=100)
        cells = segmentation.roi_align(maps, np.concatenate(places), owners, size=size, stride=stride)
        parts.append(ops.convert_to_numpy(cells))
    return parts


# %%
def mask_targets(seen):
    """Of each object of some scenes, its mask on 14 × 14 cells of its box, and its class: (R, 14, 14, 2)."""
    whole = [seen.instances[i] == np.arange(1, len(b) + 1)[:, None, None] for i, b in enumerate(seen.boxes)]
    whole = np.concatenate(whole)[..., None].astype("float32")
    cells = segmentation.roi_align(whole, np.concatenate(seen.boxes), np.arange(len(whole)), size=14)
    labels = np.concatenate(seen.classes)[:, None, None, None]
    return np.concatenate([np.asarray(cells) > 0.5, np.broadcast_to(labels, cells.shape)], axis=-1)


wanted = mask_targets(train).astype("float32")
first = np.concatenate(train.classes)[:12]
plots.show(
    wanted[:12, ..., 0], titles=[CLASSES[label] for label in first], size=1.7,
    alt="Douze masques de 14 × 14 cellules : panneaux, pantalons et sacs, tous étirés au carré",
)  # fmt: skip

# %% [markdown]
# Étirés au carré, les objets deviennent presque anonymes : un panneau est un disque, un pantalon garde parfois l'écart de ses jambes, un sac son anse. Les creux viennent des objets posés devant.
#
# La tête est une petite suite de convolutions : 7 × 7, agrandi à 14 × 14 par une convolution transposée, puis **un masque par classe**, en logits. (Dans l'article : quatre convolutions de 256 cartes, et 28 × 28.) Le coût est l'idée la plus fine de Mask R-CNN : une entropie croisée **binaire**, en chaque cellule, sur le masque de la **vraie classe seulement**. Les classes ne se disputent pas les pixels : c'est le détecteur qui dit la classe.


# %%
def mask_head(shapes):
    """What is read under a box, in one map or several -> logits of a mask a class: (14, 14, classes)."""
    inputs, branches = [keras.Input(shape) for shape in shapes], []
    for x in inputs:
        y = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
        branches.append(layers.Conv2DTranspose(32, 2, 2, activation="relu")(y) if x.shape[1] == 7 else y)
    x = layers.Add()(branches) if len(branches) > 1 else branches[0]
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(len(CLASSES), 1)(x))


def mask_loss(target, logits):
    """Binary cross-entropy of the mask of the true class, at each cell; target: (N, 14, 14, 2)."""
    own = ops.one_hot(ops.cast(target[..., 1], "int32"), len(CLASSES))
    return ops.binary_crossentropy(target[..., 0], ops.sum(own * logits, axis=-1), from_logits=True)


# %%
def train_head(places, sources):
    """A head trained on what is read under some boxes, one for each object of the training scenes."""
    keras.utils.set_random_seed(0)
    rounds = runtime.budget(rapide=1, cours=3, complet=20)
    schedule = training.OneCycle(4e-3, rounds * -(-len(wanted) // 64))
    inputs = read(train.images, places, sources)
    head = mask_head([one.shape[1:] for one in inputs])
    head.compile(keras.optimizers.Adam(schedule), mask_loss)
    training.fit(head, inputs, wanted, epochs=rounds, batch_size=64, watched=False)
    return head


# %% [markdown]
# À l'usage, les boîtes et les classes viennent du détecteur. On garde le masque de la classe annoncée, on le passe par une sigmoïde, on le **remet à sa place**, agrandi à la taille de la boîte (`segmentation.paste`), et l'on coupe à un demi.


# %%
def predict(head, pictures, places, classes, sources, read_in=None):
    """Masks of the boxes of each image: list of booleans (K, H, W)."""
    logits = head.predict(read(pictures, read_in or places, sources), verbose=0, batch_size=500)
    every = np.concatenate(classes)
    chosen = 1 / (1 + np.exp(-logits[np.arange(len(every)), :, :, every]))
    parts = np.split(chosen, np.cumsum([len(one) for one in places])[:-1])
    return [segmentation.paste(masks, one, (SIZE, SIZE)) > 0.5 for masks, one in zip(parts, places)]


def paint(masks, scores):
    """The surest object above the others: a map of instances (H, W), and the scores of those that show."""
    order, painted = np.argsort(scores), np.zeros((SIZE, SIZE), "int32")
    for rank, mask in enumerate(masks[order], start=1):
        painted[mask] = rank
    return painted, np.asarray(scores)[order][np.unique(painted[painted > 0]) - 1]


# %%
def mask_precision(masks, scores, classes):
    """COCO's average precisions of the masks, mean over the classes: AP50, AP75, AP."""
    every = []
    for label in range(len(CLASSES)):
        ours = [paint(m[c == label], s[c == label]) for m, s, c in zip(masks, scores, classes)]
        ranks = [1 + np.flatnonzero(c == label) for c in test.classes]
        theirs = [np.where(np.isin(m, r), m, 0) for m, r in zip(test.instances, ranks)]
        every.append(segmentation.mask_map(theirs, [m for m, _ in ours], [s for _, s in ours]))
    return [np.mean([one[name] for one in every]) for name in ("AP50", "AP75", "AP")]


# %% [markdown]
# Que comparer ? La boîte, remplie tout entière : le masque de qui n'en a pas. Une tête **entraînée et lue** sur les boîtes arrondies de RoIPool. La même avec RoIAlign. Enfin, une tête qui lit **deux cartes** : « features », une case pour 8 pixels, et la toute première, une case pour 2 pixels, plus fine mais moins savante. C'est l'esprit des pyramides de caractéristiques (FPN, Lin et al. 2017), que Mask R-CNN emploie aussi. **Pariez** sur l'ordre.

# %%
FINE = keras.Model(detector.input, detector.layers[3].output), 2, 14  # la première convolution
places, scores, classes = ([one[k] for one in found] for k in range(3))
start = time.process_time()
box_heads = {
    "boîtes arrondies": (train_head([rounded(one) for one in train.boxes], [DEEP]), [DEEP]),
    "RoIAlign": (train_head(train.boxes, [DEEP]), [DEEP]),
    "RoIAlign, deux cartes": (train_head(train.boxes, [DEEP, FINE]), [DEEP, FINE]),
}
print(f"{time.process_time() - start:.0f} s de processeur pour trois têtes")

# %%
full = [segmentation.paste(np.ones((len(p), 2, 2)), p, (SIZE, SIZE)) > 0.5 for p in places]
masks = {"boîte pleine": full}
for name, (head, sources) in box_heads.items():
    read_in = [rounded(one) for one in places] if name == "boîtes arrondies" else None
    masks[name] = predict(head, test.images, places, classes, sources, read_in)
precisions = {name: mask_precision(some, scores, classes) for name, some in masks.items()}

# %%
ones = [np.ones(len(one)) for one in test.boxes]
given = predict(head, test.images, test.boxes, test.classes, sources)  # la dernière tête, aux vraies boîtes
precisions["la même, vraies boîtes"] = mask_precision(given, ones, test.classes)
rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in precisions.items()]
plots.table(rows, header=["masque", "AP50", "AP75", "AP"])

# %% tags=["nbval-check-output"]
box, deep, both = (precisions[name] for name in ("boîte pleine", "RoIAlign", "RoIAlign, deux cartes"))
print("un masque vaut mieux que la boîte pleine, AP :", deep[2] > box[2] + 0.05)
print("la carte fine y ajoute encore, AP75 :", both[1] > deep[1] + 0.05)

# %% [markdown]
# Une boîte pleine n'est pas un masque : 0,20 d'AP. La tête monte à 0,33, et la carte fine à 0,43. C'est l'AP75 qui gagne le plus, de 0,09 à 0,44 : le contour, et non la trouvaille. À 8 pixels la case, un sac de 20 pixels tient dans deux cases et demie ; la carte fine en a dix.
#
# Et l'arrondi ? Il coûte 0,03 d'AP75, sur une seule graine : peu, et peut-être rien. La tête entraînée sur des boîtes arrondies s'en accommode, puisqu'elle apprend ce qu'elle peut des cellules déplacées ; ici, c'est la finesse de la carte qui commande. Enfin, aux vraies boîtes, l'AP50 passe de 0,70 à 0,94 : **à ce seuil, le plus gros de ce qui manque vient du détecteur**. Aux seuils plus sévères, le contour compte encore : l'AP, passée de 0,43 à 0,63, reste loin de 1. Sur COCO, Mask R-CNN annonce 35,7 % d'AP de masques, avec un ResNet-101 et une FPN.

# %%
best = [paint(m[s > 0.3], s[s > 0.3])[0] for m, s in zip(masks["RoIAlign, deux cartes"], scores)]
shown = range(10, 16)
plots.show(
    [plots.draw_instances(test.images[i], maps[i]) for maps in (best, test.instances) for i in shown],
    columns=6, size=2.1, alt="Six scènes : en haut les masques trouvés, en bas les vrais",
    title="En haut, les masques trouvés (score > 0,3) ; en bas, la vérité",
)  # fmt: skip

# %% [markdown]
# Les panneaux sont ronds, et les sacs des scènes 4 et 5 sont bien cernés ; celui de la troisième déborde. Le premier panneau est coupé droit, à sa droite : la boîte s'arrêtait trop tôt, et un masque ne sort jamais de sa boîte. Surtout, le petit sac de la première scène, le pantalon de la quatrième, deux objets de la cinquième et les trois de la dernière n'ont rien, à ce seuil de 0,3 : **sans boîte, pas de masque**. C'est la faiblesse de ce chemin.

# %% [markdown]
# ## 7. Quel chemin prendre ?
#
# | | des pixels vers les objets | des boîtes vers les pixels |
# | --- | --- | --- |
# | idée | cœurs et bords, puis partage des eaux | détecter, puis un masque par boîte |
# | va bien | objets nombreux, serrés, semblables : cellules, grains, arbres vus du ciel | objets variés, à nommer, de tailles diverses |
# | va mal | objets coupés en deux par un autre : chaque morceau a son cœur | objets que leurs boîtes confondent : longs, obliques, serrés |
# | se règle | seuils des marqueurs, taille des objets | seuils de score et de NMS |
# | coûte | à peu près autant, quel que soit le nombre d'objets | un passage de la tête par boîte |
#
# La **segmentation panoptique** (Kirillov et al. 2019) demande les deux à la fois : une classe à chaque pixel (ciel, route), et un numéro à chaque objet.

# %% [markdown]
# ## À retenir
#
# - Une carte de classes ne compte pas : deux objets qui se touchent n'en font qu'un, sans une erreur de pixel.
# - **PQ = SQ × RQ** : la qualité des contours, fois celle de la détection (le F1 des objets). Regardez aussi les objets coupés et fondus, et l'AP des masques à plusieurs seuils.
# - **En montant** : une carte dont les cuvettes sont les objets (distance ou bords appris), des marqueurs, et le partage des eaux.
# - **En descendant** : une boîte, RoIAlign sans aucun arrondi, un masque binaire de la classe, recollé dans l'image.
# - Avec une seule image, gardez **tour à tour** chaque quart pour le test : un seul découpage peut faire dire presque n'importe quoi.
#
# ## Questionnaire
#
# 1. Une prédiction fond deux disques égaux qui se touchent en un seul objet. Combien de TP, FP et FN ? Que vaut PQ ?
# 2. Pourquoi un IoU strictement supérieur à 0,5 rend-il la paire unique, quand les objets prédits ne se recouvrent pas ?
# 3. Que devient le partage des eaux si l'on prend `spacing` trop petit ? Trop grand ?
# 4. Pourquoi la tête de Mask R-CNN prédit-elle un masque par classe, avec une sigmoïde, plutôt qu'une classe par pixel, avec une softmax ?
# 5. Une rampe suffit-elle à prouver qu'une lecture est bien bilinéaire ?
#
# <details><summary>Réponses</summary>
#
# 1. L'IoU de l'objet fondu avec chacun des deux disques vaut 0,5 tout juste : pas de paire. TP = 0, FP = 1, FN = 2, et PQ = 0. 2. Si deux objets prédits disjoints avaient chacun un IoU de plus de 0,5 avec le même vrai objet, chacun en couvrirait plus de la moitié : ils se recouvriraient. 3. Trop petit, un objet a plusieurs sommets et se fait couper ; trop grand, deux voisins n'en ont plus qu'un et se fondent. 4. La classe vient déjà de la boîte ; sans softmax, les classes ne se disputent pas les pixels. 5. Non : le plus proche voisin y échoue, mais toute interpolation exacte sur les fonctions affines y réussit (la cubique, par exemple). C'est un test nécessaire, et l'exercice 4.4.c essaie aussi des cartes au hasard.
#
# </details>
#
# ## Pour aller plus loin
#
# - Faites varier la largeur des bords (`reach`) et leur poids dans le coût : à partir de quand les noyaux se fondent-ils ? Se coupent-ils ?
# - **StarDist** (Schmidt et al. 2018) prédit en chaque pixel la distance au contour le long de 32 rayons, et choisit ensuite les polygones par NMS : un chemin qui descend… sans boîte. Cette image de noyaux est son exemple.
# - Écrivez la tête de masques en 28 × 28, comme l'article : l'AP75 monte-t-elle ?
