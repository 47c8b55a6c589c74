"""Checks of chapter 5, what a CNN looks at."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, numbers


# --- Lesson 5.1 -----------------------------------------------------------------------------------------
@exercise(
    "5.1.a",
    "Une ReLU laisse passer la dérivée là où elle est active : active = (x @ w1 + b1) > 0, de forme (N, cachées).",
    "Le logit de la classe dépend des unités cachées par w2[:, label] : active * w2[:, label] est leur dérivée.",
    "Il reste à redescendre jusqu'à l'entrée : (active * w2[:, label]) @ w1.T, de forme (N, D).",
)
def perceptron_gradient(answer):
    rng = np.random.default_rng(0)
    for count, size, hidden, known, label in ((4, 6, 5, 3, 1), (1, 3, 8, 2, 0), (7, 5, 5, 4, 3)):
        x, w1, w2 = (rng.normal(size=shape) for shape in ((count, size), (size, hidden), (hidden, known)))
        b1, b2 = rng.normal(size=hidden), rng.normal(size=known)
        given = f"pour x de forme {x.shape}, w1 {w1.shape}, w2 {w2.shape} et label = {label}"

        def logits(x, w1=w1, b1=b1, w2=w2, b2=b2):
            return np.maximum(x @ w1 + b1, 0) @ w2 + b2

        slopes = np.stack([logits(x + e) - logits(x - e) for e in 1e-6 * np.eye(size)], axis=1) / 2e-6  # (N, D, K)
        got = answer(x.copy(), w1.copy(), b1.copy(), w2.copy(), b2.copy(), label)
        array = numbers(got)
        if array.shape == (count, size) and not np.allclose(array, slopes[..., label], atol=1e-4):
            _diagnose_perceptron(array, slopes, slopes[..., label], w1 @ w2[:, label], given)
        compare(got, slopes[..., label], given=given, tolerance=1e-4)
    return "égal aux différences finies, pour trois réseaux"


def _diagnose_perceptron(got, slopes, expected, without_relu, given):
    if np.allclose(got, without_relu, atol=1e-4):
        raise CheckFailed(f"La ReLU manque {given} : la dérivée ne passe que par les unités actives de chaque exemple.")
    if np.allclose(got, slopes.sum(axis=-1), atol=1e-4):
        raise CheckFailed(f"C'est le gradient de la somme des logits {given} ; il faut celui du logit de label seul.")
    if np.allclose(got, np.abs(expected), atol=1e-4):
        raise CheckFailed(f"Le gradient garde son signe {given} : la valeur absolue viendra à l'affichage.")


@exercise(
    "5.1.b",
    "p = softmax(logits) ; la dérivée de p[label] par le logit k est p[label] * ((k == label) - p[k]).",
    "Règle de la chaîne : la somme, sur k, de cette dérivée × gradients[k].",
    "p[label] * (gradients[label] - p @ gradients).",
)
def probability_gradient(answer):
    from scipy.special import softmax

    rng = np.random.default_rng(0)
    for known, size, label in ((3, 5, 0), (2, 4, 1), (6, 3, 4)):
        gradients, start = rng.normal(size=(known, size)), rng.normal(size=known)

        def probability(x, gradients=gradients, start=start, label=label):
            return softmax(start + gradients @ x)[label]  # a linear model: its gradients are the rows

        expected = np.array([probability(e) - probability(-e) for e in 1e-6 * np.eye(size)]) / 2e-6
        got, given = answer(gradients.copy(), start.copy(), label), f"pour {known} classes et label = {label}"
        array = numbers(got)
        if array.shape == (size,) and not np.allclose(array, expected, atol=1e-5):
            _diagnose_probability(array, expected, gradients, softmax(start), label, given)
        compare(got, expected, given=given)
    return "égal aux différences finies de la probabilité"


def _diagnose_probability(got, expected, gradients, p, label, given):
    if np.allclose(got, gradients[label]):
        raise CheckFailed(f"C'est le gradient du logit {given} ; celui de la probabilité dépend de tous les logits.")
    if np.allclose(got, p[label] * gradients[label]) or np.allclose(got, p[label] * (1 - p[label]) * gradients[label]):
        raise CheckFailed(f"Les autres classes manquent {given} : quand leur logit monte, p[label] descend.")
    if np.allclose(got, expected / p[label]):
        raise CheckFailed(f"C'est le gradient du logarithme de la probabilité {given} : multipliez-le par p[label].")
    if np.allclose(got, -expected):
        raise CheckFailed(f"Le signe est inversé {given} : p[label] croît avec le logit de label.")


@exercise(
    "5.1.c",
    "Les points du segment : baseline + t × (image - baseline), pour t au milieu de chacun des `steps` intervalles.",
    "t = (np.arange(steps) + 0.5) / steps ; np.multiply.outer(t, image - baseline) les donne tous d'un coup.",
    "(image - baseline) * gradient(points).mean(axis=0).",
)
def integrated_gradients(answer):
    rng = np.random.default_rng(0)
    for shape in ((3,), (2, 3), (4, 4, 2)):
        image, start, power = rng.random(shape), rng.random(shape), rng.random(shape)

        def gradient(x, power=power):
            """Gradient of the squared sum of power × x³: (B, …) -> (B, …)."""
            if np.shape(x)[1:] != power.shape:
                raise CheckFailed(
                    f"gradient attend un lot (B, {', '.join(map(str, power.shape))}) ; il a reçu {np.shape(x)}.",
                    stage="forme",
                )
            x = np.asarray(x)  # a list of points and a tensor are batches too
            total = (power * x**3).reshape(len(x), -1).sum(axis=1)
            return 2 * total.reshape(-1, *[1] * power.ndim) * 3 * power * x**2

        knots, weights = np.polynomial.legendre.leggauss(20)  # exact: the gradient is a polynomial of t
        path = start + np.multiply.outer((knots + 1) / 2, image - start)
        mean = np.tensordot(weights / 2, gradient(path), 1)
        expected = (image - start) * mean
        given = f"pour une image de forme {shape} et 400 pas"
        got = answer(gradient, image.copy(), start.copy(), 400)
        array = numbers(got)
        scale = np.abs(expected).max()
        if array.shape == shape and not np.allclose(array, expected, atol=0.02 * scale):
            _diagnose_integrated(array, expected, mean, image, start, gradient, 0.02 * scale, given)
        compare(np.divide(got, scale) if array.shape == shape else got, expected / scale, given=given, tolerance=0.02)
    return "égal à l'intégrale exacte ; la somme est bien la différence des scores"


def _diagnose_integrated(got, expected, mean, image, start, gradient, tolerance, given):
    if np.allclose(got, mean, atol=tolerance):
        raise CheckFailed(f"C'est le gradient moyen {given} : il reste à le multiplier par (image - baseline).")
    if np.allclose(got, image * mean, atol=tolerance):
        raise CheckFailed(f"Le gradient moyen est multiplié par l'image {given} : il faut (image - baseline).")
    if np.allclose(got, 400 * expected, atol=400 * tolerance):
        raise CheckFailed(f"C'est une somme sur les pas {given} ; il faut une moyenne.")
    if np.allclose(got, (image - start) * gradient(image[None])[0], atol=tolerance):
        raise CheckFailed(f"Le gradient n'est pris qu'à l'image {given} ; il le faut tout le long du segment.")
    from_zero = gradient(np.multiply.outer((np.arange(400) + 0.5) / 400, image)).mean(axis=0)
    if np.allclose(got, (image - start) * from_zero, atol=2 * tolerance):
        raise CheckFailed(f"Le segment part de 0 {given} : il doit partir de baseline.")


@exercise(
    "5.1.d",
    "Le rang d'une valeur est le nombre de valeurs plus petites : values.argsort().argsort().",
    "Prenez d'abord la valeur absolue des deux cartes, puis aplatissez-les avec .ravel().",
    "np.corrcoef(ranks(a), ranks(b))[0, 1].",
)
def rank_correlation(answer):
    from scipy.stats import pearsonr, spearmanr

    rng = np.random.default_rng(0)
    first = rng.normal(size=(6, 5))
    cases = [(first, np.exp(3 * np.abs(first))), (first, -first), (first, rng.normal(size=(6, 5)))]
    cases.append((rng.normal(size=(4, 4, 3)), rng.normal(size=(4, 4, 3)) ** 3))
    noisy = rng.normal(size=(8, 8))
    for a, b in [*cases, (noisy, noisy + rng.normal(size=(8, 8)) / 2)]:
        u, v = np.abs(a).ravel(), np.abs(b).ravel()
        expected, given = spearmanr(u, v).statistic, f"pour deux cartes de forme {a.shape}"
        got = answer(a.copy(), b.copy())
        if np.ndim(got) == 0 and not np.isclose(got, expected, atol=1e-6):
            if np.isclose(got, spearmanr(a.ravel(), b.ravel()).statistic, atol=1e-6):
                raise CheckFailed(f"Les signes comptent encore {given} : prenez la valeur absolue avant les rangs.")
            if np.isclose(got, pearsonr(u, v).statistic, atol=1e-6):
                raise CheckFailed(f"C'est la corrélation des valeurs {given} ; il faut celle de leurs rangs.")
            order = np.corrcoef(u.argsort(), v.argsort())[0, 1]
            if np.isclose(got, order, atol=1e-6):
                raise CheckFailed(f"argsort donne l'ordre, pas les rangs {given} : appliquez-le deux fois.")
        compare(got, expected, given=given)
    return "égal à SciPy"


# --- Lesson 5.2 -----------------------------------------------------------------------------------------
@exercise(
    "5.2.a",
    "Deux masques : active = x > 0, l'unité était active ; positive = gradient > 0, ce qui revient est positif.",
    "Chaque règle multiplie gradient par un masque, ou par les deux.",
    "gradient * active, gradient * positive, gradient * active * positive.",
)
def relu_rules(answer):
    rng = np.random.default_rng(0)
    for shape in ((4,), (3, 5), (2, 4, 4, 3)):
        x, gradient = rng.normal(size=shape), rng.normal(size=shape)
        pairs = list(zip(x.ravel(), gradient.ravel()))
        slope = ((np.maximum(x + 1e-6, 0) - np.maximum(x - 1e-6, 0)) / 2e-6 * gradient).round(9)
        deconvnet = np.array([max(back, 0.0) for _, back in pairs]).reshape(shape)
        guided = np.array([back if forward > 0 and back > 0 else 0.0 for forward, back in pairs]).reshape(shape)
        given = f"pour x et gradient de forme {shape}"
        got = answer(x.copy(), gradient.copy())
        if isinstance(got, (tuple, list)) and len(got) == 3 and all(np.shape(one) == shape for one in got):
            _diagnose_rules(*got, slope, deconvnet, guided, gradient, given)
        compare(got, (slope, deconvnet, guided), given=given)
    return "les trois règles, dans l'ordre ; l'ordinaire est égale aux différences finies"


def _diagnose_rules(first, second, third, slope, deconvnet, guided, gradient, given):
    if np.allclose(first, deconvnet) and np.allclose(second, slope):
        raise CheckFailed(f"Les deux premières règles sont échangées {given} : l'ordinaire regarde le signe de x.")
    if np.allclose(second, guided) and np.allclose(third, deconvnet):
        raise CheckFailed(f"Les deux dernières règles sont échangées {given} : la guidée a les deux masques.")
    if np.allclose(first, gradient):
        raise CheckFailed(f"La règle ordinaire laisse tout passer {given} : où x < 0, la pente de la ReLU est nulle.")


@exercise(
    "5.2.b",
    "Le poids d'une carte est la moyenne de son gradient : gradients.mean(axis=(1, 2), keepdims=True), (N, 1, 1, K).",
    "Multipliez chaque carte par son poids, et sommez sur les cartes : axis=-1.",
    "np.maximum((weights * maps).sum(axis=-1), 0).",
)
def grad_cam(answer):
    rng = np.random.default_rng(0)
    for count, height, width, known in ((2, 3, 4, 5), (1, 5, 2, 3), (3, 4, 4, 8)):
        shape = (count, height, width, known)
        maps, gradients = rng.random(shape), rng.normal(size=shape)
        plain = np.zeros(shape[:3])
        for n in range(count):
            for k in range(known):
                plain[n] += gradients[n, :, :, k].sum() / (height * width) * maps[n, :, :, k]
        expected, given = np.maximum(plain, 0), f"pour des cartes {shape}"
        got = answer(maps.copy(), gradients.copy())
        array = numbers(got)
        if array.shape == expected.shape and not np.allclose(array, expected, atol=1e-6):
            _diagnose_grad_cam(array, expected, plain, maps, gradients, given)
        compare(got, expected, given=given)
    return "égal à la somme carte par carte, pour trois formes"


def _diagnose_grad_cam(got, expected, plain, maps, gradients, given):
    if np.allclose(got, plain):
        raise CheckFailed(f"La ReLU de la fin manque {given} : on ne garde que ce qui pousse vers la classe.")
    if np.allclose(got, maps[0, :, :, 0].size * expected):
        raise CheckFailed(f"Le poids d'une carte est la somme de son gradient {given} ; il faut la moyenne.")
    if np.allclose(got, np.maximum((maps * gradients).sum(axis=-1), 0)):
        raise CheckFailed(f"Le gradient n'est pas moyenné {given} : une carte a un seul poids, le même partout.")
    if np.allclose(got, np.maximum((maps * gradients.mean(axis=(0, 1, 2))).sum(axis=-1), 0)):
        raise CheckFailed(f"Les images sont mélangées {given} : la moyenne se prend image par image, axis=(1, 2).")
    if np.allclose(got, (maps * np.maximum(gradients.mean(axis=(1, 2), keepdims=True), 0)).sum(axis=-1)):
        raise CheckFailed(f"La ReLU est sur les poids {given} ; elle s'applique à la somme pondérée.")


@exercise(
    "5.2.c",
    "Les différences entre voisins verticaux : images[:, 1:] - images[:, :-1] ; faites de même sur l'axe 2.",
    "Élevez-les au carré, puis sommez-les sur les axes 1, 2 et 3 : une valeur par image.",
    "keras.ops.sum(keras.ops.square(down), (1, 2, 3)) + keras.ops.sum(keras.ops.square(right), (1, 2, 3)).",
)
def total_variation(answer):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for shape in ((2, 4, 3, 3), (1, 2, 5, 1), (3, 3, 3, 2)):
        images = rng.random(shape).astype("float32")
        down, right = ([sum(_squares(one, axis)) for one in images] for axis in (0, 1))
        expected, given = np.add(down, right), f"pour des images {shape}"
        points = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(points)
            got = answer(points)
        array = numbers(got)
        if array.shape == () and np.allclose(array, expected.sum(), rtol=1e-4) and shape[0] > 1:
            raise CheckFailed(f"Les images sont additionnées {given} ; il faut une valeur par image.", stage="forme")
        if array.shape == expected.shape and not np.allclose(array, expected, rtol=1e-4):
            _diagnose_variation(array, down, right, images, given)
        compare(got, expected, given=given, tolerance=1e-4)
        if not all(tf.is_tensor(one) for one in got) or tape.gradient(got, points) is None:
            raise CheckFailed(
                "Les valeurs sont justes, mais on ne peut pas les dériver : calculez avec keras.ops, pas avec NumPy.",
                stage="type",
            )
    return "égal à la somme voisin par voisin"


def _squares(image, axis):
    """Squares of the differences between a pixel and the next one, pair by pair."""
    lines = np.moveaxis(image.astype("float64"), axis, 0)
    return [float(((after - before) ** 2).sum()) for before, after in zip(lines, lines[1:])]


def _diagnose_variation(got, down, right, images, given):
    if any(np.allclose(got, one, rtol=1e-4) for one in (down, right)):
        raise CheckFailed(f"Une seule direction est comptée {given} : il faut les voisins de droite et du dessous.")
    absolute = sum(np.abs(np.diff(images, axis=axis)).sum(axis=(1, 2, 3)) for axis in (1, 2))
    if np.allclose(got, absolute, rtol=1e-4):
        raise CheckFailed(f"Ce sont des valeurs absolues {given} ; la leçon prend des carrés (β = 2).")
    means = sum((np.diff(images, axis=axis) ** 2).mean(axis=(1, 2, 3)) for axis in (1, 2))
    if np.allclose(got, means, rtol=1e-4):
        raise CheckFailed(f"C'est une moyenne {given} ; la formule est une somme sur les voisins.")


# --- Lesson 5.3 -----------------------------------------------------------------------------------------
@exercise(
    "5.3.a",
    "Pour chaque coin (top, left) : copiez l'image, mettez le carré [top : top + patch, left : left + patch] au fond.",
    "La baisse score(image) - score(image cachée) s'ajoute à TOUS les pixels du carré ; comptez les passages.",
    "Divisez à la fin le total par le nombre de carrés qui couvrent chaque pixel.",
)
def occlusion_map(answer):
    rng = np.random.default_rng(0)
    for height, width, patch, stride, baseline in ((6, 6, 2, 2, 0.0), (8, 6, 4, 2, 0.5), (7, 9, 3, 2, 0.2)):
        image, weight = rng.random((height, width, 3)), rng.normal(size=(height, width, 3))
        before, given = image.copy(), f"pour une image {image.shape}, patch = {patch}, stride = {stride}"

        def score(one, weight=weight):
            if np.shape(one) != weight.shape:
                raise CheckFailed(f"score attend une image {weight.shape} ; il a reçu {np.shape(one)}.", stage="forme")
            return float((weight * np.asarray(one)).sum())

        got = answer(score, image, patch, stride, baseline)
        if not np.array_equal(image, before):
            raise CheckFailed(f"L'image d'origine est modifiée {given} : cachez les carrés dans une copie.")
        local = (weight * (image - baseline)).sum(axis=-1)  # a linear score: what each pixel takes away
        total, count = np.zeros((height, width)), np.zeros((height, width))
        for y, x in np.ndindex(height, width):
            for top in range(0, height - patch + 1, stride):
                for left in range(0, width - patch + 1, stride):
                    if top <= y < top + patch and left <= x < left + patch:
                        total[y, x] += local[top : top + patch, left : left + patch].sum()
                        count[y, x] += 1
        expected = total / count
        array = numbers(got)
        if array.shape == expected.shape and not np.allclose(array, expected):
            _diagnose_occlusion(array, expected, total, given)
        compare(got, expected, given=given)
    return "égal à la forme close d'un score linéaire, pour trois tailles"


def _diagnose_occlusion(got, expected, total, given):
    if np.allclose(got, -expected):
        raise CheckFailed(
            f"Le signe est inversé {given} : la BAISSE est score(image) moins le score de l'image cachée."
        )
    if np.allclose(got, total):
        raise CheckFailed(f"Les baisses sont additionnées {given} ; il faut leur moyenne sur les carrés qui couvrent.")
    if np.allclose(np.nan_to_num(got[-1]), 0) and not np.isclose(got[1, 1], 0):
        raise CheckFailed(f"Le bas de la carte reste à zéro {given} : le dernier carré doit toucher le bord.")
    if np.mean(np.isclose(got, 0)) > 0.2:
        raise CheckFailed(f"Des pixels restent à zéro {given} : la baisse compte pour tous les pixels du carré.")


@exercise(
    "5.3.b",
    "Agrandissez d'abord : cv2.resize(grid, ((w + 1) * cell, (h + 1) * cell), interpolation=cv2.INTER_LINEAR).",
    "cv2.resize attend (largeur, hauteur) ; la grille grid.shape est (hauteur, largeur).",
    "Découpez ensuite [top : top + h * cell, left : left + w * cell].",
)
def rise_mask(answer):
    rng = np.random.default_rng(0)
    for shape, cell, shift in (((2, 2), 4, (0, 0)), ((3, 3), 5, (4, 1)), ((4, 6), 8, (2, 7))):
        grid = (rng.random(shape) < 0.5).astype("float32")
        grid[0, 0], grid[-1, -1] = 1, 0
        given = f"pour une grille {shape}, cell = {cell} et un décalage {shift}"
        large = _enlarge(grid, [(side + 1) * cell for side in shape])
        size = tuple(side * cell for side in shape)
        expected = large[shift[0] : shift[0] + size[0], shift[1] : shift[1] + size[1]]
        got = answer(grid.copy(), cell, shift)
        array = numbers(got)
        if array.shape == large.shape:
            raise CheckFailed(f"Le masque n'est pas découpé {given} : sa forme doit être {size}.", stage="forme")
        if array.shape == size and not np.allclose(array, expected, atol=1e-4):
            _diagnose_mask(array, grid, large, shift, given)
        compare(got, expected, given=given, tolerance=1e-4)
    return "égal à l'interpolation linéaire écrite à part, trois décalages"


def _enlarge(grid, size):
    """Bilinear, centres of pixels aligned, one axis after the other: (h, w) -> size."""
    for axis, side in enumerate(size):
        old = grid.shape[axis]
        where = (np.arange(side) + 0.5) * old / side - 0.5
        grid = np.apply_along_axis(lambda line, where=where: np.interp(where, np.arange(len(line)), line), axis, grid)
    return grid


def _diagnose_mask(got, grid, large, shift, given):
    height, width = got.shape
    if np.all(np.isin(got, (0, 1))):
        raise CheckFailed(f"Le masque n'a que des 0 et des 1 {given} : il faut une interpolation bilinéaire, lisse.")
    if np.allclose(got, _enlarge(grid, got.shape), atol=1e-4):
        raise CheckFailed(f"La grille est agrandie à {got.shape} {given} : agrandissez-la d'une case de plus, (n + 1).")
    if np.allclose(got, large[:height, :width], atol=1e-4):
        raise CheckFailed(f"Le décalage est oublié {given} : le découpage commence en (top, left).")
    top, left = shift[::-1]
    if np.allclose(got, large[top : top + height, left : left + width], atol=1e-4):
        raise CheckFailed(f"Le décalage est transposé {given} : shift = (top, left).")


@exercise(
    "5.3.c",
    "L'ordre : np.argsort(-heatmap.ravel(), kind=\"stable\"), les pixels importants d'abord.",
    "À l'étape k, les round(k / steps × nombre de pixels) premiers pixels prennent la valeur `baseline`.",
    "La courbe a steps + 1 points, l'image intacte comprise ; l'aire : np.trapezoid(curve, dx=1 / steps).",
)
def deletion_curve(answer):
    rng = np.random.default_rng(0)
    for height, width, steps, baseline in ((4, 4, 4, 0.0), (6, 5, 10, 0.5), (8, 8, 16, 0.3)):
        image, weight = rng.random((height, width, 3)), rng.random((height, width, 3))
        heatmap = rng.permutation(height * width).reshape(height, width) - 3.0
        before, given = image.copy(), f"pour une image {image.shape} et steps = {steps}"

        def score(one, weight=weight):
            if np.shape(one) != weight.shape:
                raise CheckFailed(f"score attend une image {weight.shape} ; il a reçu {np.shape(one)}.", stage="forme")
            return float((weight * np.asarray(one) ** 2).sum())

        def reference(order, start=image, end=baseline, score=score, steps=steps):
            now, values = start.copy(), []
            for done in range(steps + 1):
                for rank in order[: done * len(order) // steps]:
                    now[rank // start.shape[1], rank % start.shape[1]] = end
                values.append(score(now))
            return np.array(values)

        flat = heatmap.ravel()
        down = sorted(range(height * width), key=lambda rank, flat=flat: -flat[rank])
        curve = reference(down)
        area = sum((a + b) / 2 for a, b in zip(curve, curve[1:])) / steps
        got = answer(score, image, heatmap.copy(), baseline, steps)
        if not np.array_equal(image, before):
            raise CheckFailed(f"L'image d'origine est modifiée {given} : travaillez sur une copie.")
        if isinstance(got, (tuple, list)) and len(got) == 2 and np.shape(got[0]) == curve.shape:
            _diagnose_deletion(np.asarray(got[0]), got[1], curve, area, reference(down[::-1]), steps, given)
        elif isinstance(got, (tuple, list)) and len(got) == 2 and np.shape(got[0]) == (steps,):
            raise CheckFailed(
                f"La courbe a {steps} points {given} ; il en faut {steps + 1}, de l'image intacte à l'image effacée.",
                stage="forme",
            )
        compare(got, (curve, area), given=given)
    heat = rng.permutation(np.arange(25.0)).reshape(5, 5)
    curve, _ = answer(lambda one: float(np.sum(one)), np.ones((5, 5, 3)), heat, 0.0, 4)
    if not np.isclose(curve[-1], 0):
        raise CheckFailed(
            f"Il reste {curve[-1] / 3:.0f} pixels sur 25 après le dernier des 4 pas : à l'étape k, "
            "round(k / steps × nombre de pixels) sont effacés en tout, même si steps ne divise pas ce nombre."
        )
    return "égal à l'effacement pixel par pixel, pour trois images ; aire par trapèzes"


def _diagnose_deletion(got, got_area, curve, area, reverse, steps, given):
    if np.allclose(got, reverse):
        raise CheckFailed(f"Les pixels les moins importants partent d'abord {given} : rangez par ordre décroissant.")
    if np.allclose(got, curve) and np.ndim(got_area) == 0 and not np.isclose(got_area, area):
        if np.isclose(got_area, area * steps):
            raise CheckFailed(f"L'aire compte un pas pour 1 {given} : l'abscisse est la part de pixels, de 0 à 1.")
        if np.isclose(got_area, curve.mean()):
            raise CheckFailed(f"L'aire est une simple moyenne {given} : par trapèzes, les bouts comptent pour moitié.")


# --- Lesson 5.4 -----------------------------------------------------------------------------------------
@exercise(
    "5.4.a",
    "Divisez chaque ligne de probabilités par sa norme : le cosinus est alors first @ second.T, de forme (T, P).",
    "iou(target_boxes, boxes) est déjà (T, P) ; objectness, de forme (P,), multiplie chaque colonne.",
    "iou(target_boxes, boxes) * (first @ second.T) * objectness.",
)
def similarity(answer):
    rng = np.random.default_rng(0)
    for targets, proposals, known in ((1, 1, 3), (2, 5, 4), (4, 3, 80)):
        a, b = (_random_boxes(rng, count) for count in (targets, proposals))
        p, q, o = rng.random((targets, known)), rng.random((proposals, known)), rng.random(proposals)
        overlap = np.array([[_overlap(one, other) for other in b] for one in a])
        cosine = np.array([[np.dot(u, v) / np.sqrt(np.dot(u, u) * np.dot(v, v)) for v in q] for u in p])
        given = f"pour {targets} cible(s), {proposals} proposition(s) et {known} classes"
        got = answer(a.copy(), p.copy(), b.copy(), q.copy(), o.copy())
        array = numbers(got)
        if array.shape == (targets, proposals) and not np.allclose(array, overlap * cosine * o, atol=1e-5):
            _diagnose_similarity(array, overlap, cosine, p @ q.T, o, given)
        if array.shape == (proposals, targets) != (targets, proposals):
            raise CheckFailed(f"Les cibles sont en colonnes {given} ; il les faut en lignes.", stage="forme")
        compare(got, overlap * cosine * o, given=given)
    return "égal à la double boucle"


def _random_boxes(rng, count):
    corners = rng.random((count, 2)) * 10
    return np.concatenate([corners, corners + 5 + rng.random((count, 2)) * 20], axis=1)


def _overlap(a, b):
    width, height = (max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1))
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def _diagnose_similarity(got, overlap, cosine, product, objectness, given):
    if np.allclose(got, overlap * cosine, atol=1e-5):
        raise CheckFailed(f"L'objectness de la proposition manque {given} : c'est le troisième facteur.")
    if np.allclose(got, overlap * product * objectness, atol=1e-5):
        raise CheckFailed(
            f"Le produit scalaire n'est pas divisé par les deux normes {given} : ce n'est pas un cosinus."
        )
    if np.allclose(got, cosine * objectness, atol=1e-5):
        raise CheckFailed(f"L'IoU manque {given} : deux chats à deux endroits différents se ressembleraient.")
    if np.allclose(got, overlap + cosine + objectness, atol=1e-5):
        raise CheckFailed(f"Les facteurs sont ajoutés {given} : il faut les multiplier, pour qu'un seul nul suffise.")


@exercise(
    "5.4.b",
    "Un poids par masque : weights = np.array([score(image * mask[..., None]) for mask in masks]).",
    "np.tensordot(weights, masks, 1) fait la somme des masques pondérés, (H, L).",
    "Divisez par le nombre de masques et par keep : len(masks) * keep.",
)
def weighted_masks(answer):
    rng = np.random.default_rng(0)
    for count, shape, keep in ((6, (5, 4), 0.5), (1, (3, 3), 0.25), (9, (2, 7), 0.8)):
        image, masks = rng.random((*shape, 3)), rng.random((count, *shape))

        def score(one, shape=shape):
            if np.shape(one) != (*shape, 3):
                raise CheckFailed(f"score attend une image {(*shape, 3)} ; il a reçu {np.shape(one)}.", stage="forme")
            one = np.asarray(one)
            return max(0.0, float(one[0, 0, 0] * 3 + one.mean()) - 1)  # 0 under some of the masks

        weights = [score(image * mask[..., None]) for mask in masks]
        total = sum(weight * mask for weight, mask in zip(weights, masks))
        given = f"pour {count} masques {shape} et keep = {keep}"
        got = answer(score, image.copy(), masks.copy(), keep)
        array = numbers(got)
        if array.shape == shape and not np.allclose(array, total / (count * keep), atol=1e-6):
            _diagnose_masks(array, total, weights, score(image) * masks.sum(axis=0), count, keep, given)
        compare(got, total / (count * keep), given=given)
    return "égal à la somme terme à terme"


def _diagnose_masks(got, total, weights, unmasked, count, keep, given):
    if np.allclose(got, total / count, atol=1e-6):
        raise CheckFailed(f"La division par keep manque {given} : les masques ne montrent qu'une part de l'image.")
    if np.allclose(got, total, atol=1e-6) or np.allclose(got, total / keep, atol=1e-6):
        raise CheckFailed(f"C'est une somme {given} ; il faut une moyenne sur les masques : divisez par leur nombre.")
    if sum(weights) and np.allclose(got, total / sum(weights), atol=1e-6):
        raise CheckFailed(
            f"La somme est divisée par celle des poids {given} ; la formule divise par len(masks) × keep."
        )
    if np.allclose(got, unmasked / (count * keep), atol=1e-6):
        raise CheckFailed(f"Le poids est celui de l'image entière {given} : donnez à score l'image masquée.")


@exercise(
    "5.4.c",
    "Retirez d'abord le minimum : above = heatmap - heatmap.min().",
    "L'axe 0 est vertical : la boîte est above[y1:y2, x1:x2].",
    "Divisez la somme dans la boîte par above.sum().",
)
def energy(answer):
    rng = np.random.default_rng(0)
    for shape, box in (((6, 9), (2, 1, 7, 4)), ((8, 5), (0, 3, 5, 8)), ((7, 7), (4, 0, 6, 2))):
        heatmap = rng.random(shape) + 3
        above, (x1, y1, x2, y2) = heatmap - heatmap.min(), box
        inside = np.array([[x1 <= x < x2 and y1 <= y < y2 for x in range(shape[1])] for y in range(shape[0])])
        expected, given = above[inside].sum() / above.sum(), f"pour une carte {shape} et la boîte {box}"
        got = answer(heatmap.copy(), box)
        if np.ndim(got) == 0 and not np.isclose(got, expected, atol=1e-6):
            if np.isclose(got, heatmap[inside].sum() / heatmap.sum(), atol=1e-6):
                raise CheckFailed(f"Le minimum de la carte n'est pas retiré {given}.")
            if np.isclose(got, above[x1:x2, y1:y2].sum() / above.sum(), atol=1e-6):
                raise CheckFailed(f"Les axes sont échangés {given} : le premier indice d'un tableau est la ligne, y.")
            if np.isclose(got, above[inside].mean() / above.mean(), atol=1e-6):
                raise CheckFailed(f"C'est un rapport de moyennes {given} ; il faut un rapport de sommes.")
        compare(got, expected, given=given)
    return "la part de la carte, quels que soient le bord et le minimum"
