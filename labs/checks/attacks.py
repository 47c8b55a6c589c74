"""Checks of chapter 6, attacks on CNNs."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, numbers, show


# --- Lesson 6.1 -----------------------------------------------------------------------------------------
@exercise(
    "6.1.a",
    "Un mot présent ajoute log(spam / ham) ; un mot absent ajoute log((1 - spam) / (1 - ham)).",
    "Pour x en booléens : x @ np.log(spam / ham) + ~x @ np.log((1 - spam) / (1 - ham)).",
    "Ajoutez log_prior, une fois par message.",
)
def log_odds(answer):
    from sklearn.naive_bayes import BernoulliNB

    for seed, (count, words) in enumerate(((40, 3), (200, 7), (60, 1))):
        rng = np.random.default_rng(seed)
        y = np.arange(count) % 3 == 0
        x = rng.random((count, words)) < np.where(y[:, None], 0.7, 0.3) * rng.random(words)
        reference = BernoulliNB().fit(x, y)
        spam, ham = np.exp(reference.feature_log_prob_[::-1])
        log_prior = float(reference.class_log_prior_ @ [-1, 1])
        expected = reference.predict_log_proba(x) @ [-1, 1]
        got = answer(x.copy(), spam.copy(), ham.copy(), log_prior)
        given = f"pour {count} messages de {words} mot{'s' * (words > 1)}"
        if (array := numbers(got)).shape == expected.shape:
            _diagnose_log_odds(array, expected, x, np.log(spam / ham), log_prior, given)
        compare(got, expected, given=given)
    return "égal au classifieur bayésien de scikit-learn"


def _diagnose_log_odds(got, expected, x, present, log_prior, given):
    if np.allclose(got, -expected):
        raise CheckFailed(f"Le signe est inversé {given} : le score doit grandir avec la probabilité de spam.")
    if np.allclose(got, x @ present + log_prior) or np.allclose(got, x @ present):
        raise CheckFailed(f"Seuls les mots présents comptent {given} : un mot absent renseigne aussi, par 1 - p.")
    if np.allclose(got + log_prior, expected):
        raise CheckFailed(f"Il manque log_prior {given} : les spams ne sont pas aussi fréquents que les autres.")


@exercise(
    "6.1.b",
    "best[0] = 0 et best[w] = inf pour w > 0 : sans rien changer, on ne gagne rien, et cela ne coûte rien.",
    "Avec un changement de plus : best[w] = min(best[w], coût + best[max(w - gain, 0)]), à droite l'ancien best.",
    "Parcourez w du plus grand au plus petit, ou recopiez best avant chaque changement : on ne le fait qu'une fois.",
)
def cheapest(answer):
    rng = np.random.default_rng(0)
    cases = [([3, 2], [1.0, 1.0], 4), ([5], [2.0], 3), ([2, 2], [1.0, 1.0], 9), ([4, 1], [3.0, 1.0], 0), ([], [], 2)]
    cases += [([6, 5, 5], [3.0, 2.9, 2.9], 10), ([7, 2, 2, 2], [5.0, 1.0, 1.0, 1.0], 7), ([3], [1.0], 9)]
    for _ in range(12):
        count = rng.integers(3, 9)
        gains = rng.integers(1, 30, count)
        cases.append((gains.tolist(), rng.integers(1, 9, count).astype(float).tolist(), int(rng.integers(1, 70))))
    for gains, costs, gap in cases:
        expected, unlimited, exact, greedy = _camouflages(gains, costs, gap)
        got = answer(np.array(gains, "int64"), np.array(costs), gap)
        given = f"pour gains = {gains}, costs = {costs}, gap = {gap}"
        if isinstance(got, (tuple, list)) or np.ndim(got) or not np.isreal(got):
            raise CheckFailed(
                f"Un seul nombre est attendu {given}, le coût total ; reçu {type(got).__name__}.", stage="type"
            )
        if np.isclose(got, expected) or got == expected:
            continue
        if gap <= 0:
            raise CheckFailed(f"Rien à changer {given} : le coût est 0, et non {got}.")
        if np.isinf(expected):
            raise CheckFailed(f"Aucun camouflage n'est possible {given} : le coût est np.inf, et non {got:g}.")
        if np.isclose(got, unlimited):
            raise CheckFailed(f"Un même changement sert plusieurs fois {given} : {got:g} au lieu de {expected:g}.")
        if got == exact:
            raise CheckFailed(f"Le gain peut dépasser `gap` {given} : {got:g} au lieu de {expected:g}.")
        if any(np.isclose(got, one) for one in greedy):
            raise CheckFailed(f"C'est le coût d'un choix glouton {given}, {got:g} ; le moins cher coûte {expected:g}.")
        raise CheckFailed(f"Le coût rendu est {got:g} {given} ; le camouflage le moins cher coûte {expected:g}.")
    return "le moins cher parmi tous les camouflages, essayés un à un"


def _camouflages(gains, costs, gap):
    """Costs: best of all subsets; with repeats; gaining exactly `gap`; greedy by ratio, by gain and by cost."""
    gains, costs = np.array(gains, "int64"), np.array(costs, "float64")
    subsets = (np.arange(2 ** len(gains))[:, None] >> np.arange(len(gains))) & 1
    gained, paid = subsets @ gains, subsets @ costs
    best = np.min(paid[gained >= gap], initial=np.inf)
    exact = np.min(paid[gained == gap], initial=np.inf)
    unlimited = [0.0] + [np.inf] * max(gap, 0)
    for w in range(1, len(unlimited)):
        unlimited[w] = min((c + unlimited[max(w - g, 0)] for g, c in zip(gains, costs)), default=np.inf)
    greedy = []
    for order in (np.argsort(-gains / costs), np.argsort(-gains), np.argsort(costs)):
        enough = np.flatnonzero(np.cumsum(gains[order]) >= gap)
        greedy.append(costs[order][: enough[0] + 1].sum() if len(enough) else np.inf)
    return best, unlimited[-1], exact, greedy


@exercise(
    "6.1.c",
    "P_A d'un message est la somme des probabilités de tous ceux que l'adversaire change en lui.",
    "Partez d'un tableau de zéros, et ajoutez probabilities[i] à la case moves[i], pour chaque i.",
    "np.bincount(moves, probabilities, minlength=len(probabilities)) fait toutes ces sommes.",
)
def attacked(answer):
    rng = np.random.default_rng(0)
    cases = [([0.5, 0.3, 0.2], [1, 1, 2]), ([0.25] * 4, [0, 1, 2, 3]), ([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0])]
    cases += [(rng.dirichlet(np.ones(n)).tolist(), rng.integers(0, n, n).tolist()) for n in (5, 16, 30)]
    for probabilities, moves in cases:
        expected = np.zeros(len(moves))
        for before, after in enumerate(moves):
            expected[after] += probabilities[before]
        p, move = np.array(probabilities), np.array(moves)
        got = answer(p.copy(), move.copy())
        given = f"pour probabilities = {show(p)}, moves = {moves}" if len(p) < 5 else f"pour {len(p)} messages"
        if np.shape(got) == expected.shape and not np.allclose(got, expected):
            _diagnose_attacked(np.asarray(got), p, move, given)
        compare(got, expected, given=given)
    return "une probabilité pour chaque message reçu, de somme 1"


def _diagnose_attacked(got, p, move, given):
    last = np.zeros(len(p))
    last[move] = p
    if np.allclose(got, p[move]):
        raise CheckFailed(
            f"C'est P(A(x)), la probabilité du message d'arrivée, {given} ; il faut la somme des départs."
        )
    if np.allclose(got, last):
        raise CheckFailed(f"Quand plusieurs messages arrivent au même, un seul est compté {given} : additionnez-les.")
    if np.sum(got) > 1 + 1e-9:
        raise CheckFailed(
            f"La somme vaut {np.sum(got):.3g} {given}, plus de 1 : un message changé n'est plus là d'où il part."
        )
    if np.sum(got) < 1 - 1e-9:
        raise CheckFailed(f"La somme vaut {np.sum(got):.3g} {given}, moins de 1 : chaque message arrive quelque part.")


# --- Lesson 6.2 -----------------------------------------------------------------------------------------
@exercise(
    "6.2.a",
    "Le plus court chemin vers un plan est perpendiculaire au plan : r = t × w, pour un nombre t.",
    "Il faut w·(x + t w) + b = 0 : isolez t.",
    "-(w @ x + b) / (w @ w) * w.",
)
def nearest(answer):
    rng = np.random.default_rng(0)
    cases = [(np.array([0.3, 0.5]), np.array([1.0, 0.0]), -0.5), (np.array([2.0, 1.0]), np.array([3.0, 4.0]), 0.0)]
    cases += [(rng.normal(size=n), rng.normal(size=n), float(rng.normal())) for n in (3, 10, 784)]
    for x, w, b in cases:
        given = f"pour x = {show(x)}, w = {show(w)}, b = {b}" if len(x) == 2 else f"pour {len(x)} pixels"
        got = answer(x.copy(), w.copy(), b)
        expected = np.linalg.lstsq(w[None], np.array([-(w @ x + b)]), rcond=None)[0]  # the shortest solution
        if (array := numbers(got)).shape == expected.shape and not np.allclose(array, expected):
            _diagnose_nearest(array, expected, x, w, b, given)
        compare(got, expected, given=given)
    return "la plus courte perturbation, égale à celle des moindres carrés"


def _diagnose_nearest(got, expected, x, w, b, given):
    if np.allclose(got, -expected):
        raise CheckFailed(f"Le signe est inversé {given} : x + r s'éloigne du plan au lieu de l'atteindre.")
    if np.allclose(x + expected, got):
        raise CheckFailed(f"C'est le point d'arrivée x + r {given} ; il faut la perturbation r seule.")
    if np.allclose(got, expected * np.sqrt(w @ w)):
        raise CheckFailed(f"Divisez par w·w, et non par la norme de w {given} : x + r n'est pas sur le plan.")
    if np.isclose(w @ (x + got) + b, 0):
        raise CheckFailed(
            f"x + r est bien sur le plan {given}, mais par un détour : longueur {np.linalg.norm(got):.3g} "
            f"au lieu de {np.linalg.norm(expected):.3g}."
        )


@exercise(
    "6.2.b",
    "np.sign donne −1, 0 ou 1 pour chaque pixel : tous bougent de epsilon, sauf gradient nul.",
    "x + epsilon * np.sign(gradient) augmente la perte ; il reste à revenir entre 0 et 1.",
    "np.clip(x + epsilon * np.sign(gradient), 0, 1).",
)
def fgsm(answer):
    rng = np.random.default_rng(0)
    for shape, epsilon in (((2, 4, 4, 1), 0.1), ((3, 5, 6, 3), 0.02), ((1, 3, 3, 1), 0.6)):
        x, gradient = rng.uniform(size=shape), rng.normal(size=shape)
        gradient[0, 0, 0, 0] = 0
        got = answer(x.copy(), gradient.copy(), epsilon)
        given = f"pour des images {shape} et epsilon = {epsilon}"
        moved = np.where(gradient > 0, x + epsilon, np.where(gradient < 0, x - epsilon, x))
        expected = np.minimum(np.maximum(moved, 0), 1)
        if np.shape(got) == expected.shape and not np.allclose(got, expected):
            if np.allclose(got, moved):
                raise CheckFailed(f"Des pixels sortent de [0, 1] {given} : ce n'est plus une image.")
            if np.allclose(got, np.clip(2 * x - moved, 0, 1)):
                raise CheckFailed(f"Ces images diminuent la perte {given} : il faut avancer dans le sens du gradient.")
            if np.allclose(got, np.clip(x + epsilon * gradient, 0, 1)):
                raise CheckFailed(f"Le pas suit le gradient {given} ; FGSM n'en garde que le signe.")
        compare(got, expected, given=given)
    return "chaque pixel bouge de epsilon, et l'image en reste une"


@exercise(
    "6.2.c",
    "Une boucle : gradient, pas de step_size selon son signe, retour dans la boule, retour dans [0, 1].",
    "La boule est centrée sur l'image de départ : np.clip(image, x - epsilon, x + epsilon).",
    "Recalculez le gradient à chaque pas, à l'image courante : gradient_of(image).",
)
def pgd(answer):
    rng = np.random.default_rng(0)
    cases = [((2, 4, 4, 1), 0.1, 0.04, 10), ((1, 3, 3, 3), 0.05, 0.03, 7), ((2, 2, 2, 1), 0.3, 0.02, 5)]
    for shape, epsilon, step, steps in cases:
        x, peak = rng.uniform(size=shape), rng.uniform(-0.2, 1.2, size=shape)
        calls = []

        def gradient_of(images, peak=peak, calls=calls):
            calls.append(np.array(images))
            return 2 * (peak - images)  # of a loss that is largest at `peak`

        got = answer(gradient_of, x.copy(), epsilon, step, steps)
        given = f"pour epsilon = {epsilon}, step_size = {step}, steps = {steps}"
        expected = _climb(x, peak, epsilon, step, steps)
        array = numbers(got)
        if array.shape == expected.shape and not np.allclose(array, expected):
            if len(calls) != steps:
                raise CheckFailed(
                    f"Le gradient est demandé {len(calls)} fois {given} ; il faut un appel par pas, {steps} en tout."
                )
            if np.all([np.allclose(one, x) for one in calls]):
                raise CheckFailed(f"Le gradient est toujours pris à l'image de départ {given}.")
            if np.abs(array - x).max() > epsilon + 1e-6:
                raise CheckFailed(f"L'image sort de la boule {given} : écart de {np.abs(array - x).max():.3g}.")
            if array.min() < 0 or array.max() > 1:
                raise CheckFailed(f"Des pixels sortent de [0, 1] {given}.")
        compare(got, expected, given=given)
    return "dans la boule, dans [0, 1], et le gradient repris à chaque pas"


def _climb(x, peak, epsilon, step, steps):
    """Where the loop must arrive, pixel by pixel, for a loss that is largest at `peak`."""
    low, high = np.maximum(x - epsilon, 0), np.minimum(x + epsilon, 1)
    place = x.copy()
    for index in np.ndindex(x.shape):
        for _ in range(steps):
            direction = (peak[index] > place[index]) - 1.0 * (peak[index] < place[index])
            place[index] = min(max(place[index] + step * direction, low[index]), high[index])
    return place


# --- Lesson 6.3 -----------------------------------------------------------------------------------------
@exercise(
    "6.3.a",
    "Là où le masque vaut 1, on voit la couleur ; là où il vaut 0, la photographie ; entre les deux, un mélange.",
    "Le mélange de deux nombres a et b, avec une part m de b : (1 - m) * a + m * b.",
    "m = mask[:, :, None] ; puis images * (1 - m) + colours * m.",
)
def wear(answer):
    rng = np.random.default_rng(0)
    for count, height, width in ((1, 3, 4), (3, 5, 4), (4, 8, 8)):
        images, colours = rng.random((count, height, width, 1)), rng.random((height, width, 1))
        mask = np.clip(rng.uniform(-1, 2, (height, width)), 0, 1)
        mask[0, :3] = 0, 1, 0.25
        before, given = images.copy(), f"pour {count} image{'s' * (count > 1)} {height}×{width}"
        got = answer(images, colours.copy(), mask.copy())
        if not np.array_equal(images, before):
            raise CheckFailed(f"Les photographies données sont modifiées {given} : rendez un nouveau tableau.")
        expected = np.empty_like(before)
        for n, i, j in np.ndindex(count, height, width):
            expected[n, i, j] = before[n, i, j] + mask[i, j] * (colours[i, j] - before[n, i, j])
        if np.shape(got) == expected.shape and np.asarray(got).dtype.kind in "fiu":
            _diagnose_wear(np.asarray(got), expected, before, colours, mask, given)
        compare(got, expected, given=given)
    return "les lunettes sont portées, et le reste du visage n'a pas changé"


def _diagnose_wear(got, expected, before, colours, mask, given):
    if np.allclose(got, expected):
        return
    m = mask[..., None]
    if np.allclose(got, before * m + colours * (1 - m)):
        raise CheckFailed(f"Le masque est à l'envers {given} : 1 sur la monture, 0 à côté.")
    if not np.allclose(got[:, mask == 0], before[:, mask == 0]):
        raise CheckFailed(f"Des pixels hors de la monture ont changé {given}.")
    if not np.allclose(got[:, mask == 1], np.broadcast_to(colours[mask == 1], got[:, mask == 1].shape)):
        raise CheckFailed(f"Sur la monture, on voit encore le visage {given} : la couleur le remplace.")
    raise CheckFailed(f"Les bords de la monture sont faux {given} : pour 0 < m < 1, mélangez visage et couleur.")


@exercise(
    "6.3.b",
    "Deux tableaux d'écarts : r[1:, :-1] - r[:-1, :-1] vers le bas, r[:-1, 1:] - r[:-1, :-1] vers la droite.",
    "Pour chaque pixel, la racine de la somme des deux carrés ; puis la somme sur les pixels.",
    "np.sqrt(down**2 + right**2).sum().",
)
def total_variation(answer):
    rng = np.random.default_rng(0)
    step = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    cases = [(step, "pour une marche verticale, trois pixels sur trois"), (np.full((4, 3), 0.3), "pour une image unie")]
    cases += [(rng.random(shape), f"pour une image {shape[0]}×{shape[1]}") for shape in ((3, 4), (6, 5), (2, 9))]
    for r, given in cases:
        expected = sum(
            np.hypot(r[i + 1, j] - r[i, j], r[i, j + 1] - r[i, j])
            for i in range(r.shape[0] - 1)
            for j in range(r.shape[1] - 1)
        )
        got = answer(r.copy())
        if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)) and not np.isclose(got, expected):
            _diagnose_variation(float(got), expected, r, given)
        compare(got, np.float64(expected), given=given)
    return "nulle pour une image unie, égale à une double boucle ailleurs"


def _diagnose_variation(got, expected, r, given):
    down, right = r[1:, :-1] - r[:-1, :-1], r[:-1, 1:] - r[:-1, :-1]
    size = (r.shape[0] - 1) * (r.shape[1] - 1)
    if np.isclose(got, np.sum(np.abs(down) + np.abs(right))):
        raise CheckFailed(f"Les deux écarts sont ajoutés {given} : prenez la racine de la somme de leurs carrés.")
    if np.isclose(got, np.sum(down**2 + right**2)):
        raise CheckFailed(f"Il manque la racine {given} : une par pixel.")
    if np.isclose(got, np.sqrt(np.sum(down**2 + right**2))):
        raise CheckFailed(f"La racine se prend pixel par pixel {given}, avant la somme.")
    if np.isclose(got * size, expected) or np.isclose(got * r.size, expected):
        raise CheckFailed(f"C'est une moyenne {given} ; la formule de l'article est une somme.")
    around = np.hypot(np.roll(r, -1, 0) - r, np.roll(r, -1, 1) - r)
    if np.isclose(got, around.sum()):
        raise CheckFailed(f"Le dernier pixel est comparé au premier {given} : np.roll fait le tour de l'image.")


@exercise(
    "6.3.c",
    "Pour un pixel : la distance à chaque gris imprimable, puis le produit de ces distances.",
    "np.abs(colours[:, None] - printable) est un tableau (n, K) : une ligne par pixel, une colonne par gris.",
    "np.abs(colours[:, None] - printable).prod(axis=1).sum().",
)
def non_printability(answer):
    rng = np.random.default_rng(0)
    cases = [([0.1, 0.6], [0.1, 0.35, 0.6]), ([0.0, 1.0, 0.5], [0.25, 0.75]), ([0.3], [0.9])]
    cases += [(rng.random(n).tolist(), rng.random(k).tolist()) for n, k in ((5, 2), (20, 4), (8, 6))]
    for colours, printable in cases:
        expected = 0.0
        for colour in colours:
            product = 1.0
            for p in printable:
                product *= abs(colour - p)
            expected += product
        c, p = np.array(colours), np.array(printable)
        given = f"pour colours = {show(c)}, printable = {show(p)}"
        given = given if len(c) < 6 else f"pour {len(c)} pixels et {len(p)} gris imprimables"
        got = answer(c.copy(), p.copy())
        if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)) and not np.isclose(got, expected, atol=1e-9):
            _diagnose_printing(float(got), expected, np.abs(c[:, None] - p), given)
        compare(got, np.float64(expected), given=given)
    return "0 pour un gris imprimable, et d'autant plus grand qu'on en est loin"


def _diagnose_printing(got, expected, distances, given):
    if np.isclose(got, distances.min(axis=1).sum()):
        raise CheckFailed(
            f"C'est la distance au gris le plus proche {given} ; l'article prend le produit de toutes les distances."
        )
    if np.isclose(got, distances.sum()):
        raise CheckFailed(f"Les distances sont ajoutées {given} : leur produit s'annule dès qu'un gris est imprimable.")
    if np.isclose(got, distances.prod()):
        raise CheckFailed(f"Tout est multiplié {given} : le produit est sur les gris, la somme sur les pixels.")
    if np.isclose(got * len(distances), expected):
        raise CheckFailed(f"C'est une moyenne {given} ; le score est une somme sur les pixels.")


@exercise(
    "6.3.d",
    "Divisez chaque gradient par sa plus grande valeur absolue, puis faites la moyenne des photographies.",
    "La perte de la vraie personne doit grandir sur toutes : avancez dans le sens de la moyenne, sous le masque.",
    "slope = np.mean([g / np.abs(g).max() for g in gradients], axis=0) ; ajoutez step_size * mask * slope, np.clip.",
)
def shared_step(answer):
    rng = np.random.default_rng(0)
    for count, step_size, shape in ((3, 0.3, (4, 5)), (1, 0.5, (3, 3)), (5, 0.1, (6, 4))):
        colours, mask = rng.random(shape), (rng.random(shape) < 0.7).astype("float64")
        gradients = rng.normal(size=(count, *shape)) * rng.lognormal(0, 2, (count, 1, 1))
        got = answer(colours.copy(), gradients.copy(), mask.copy(), step_size)
        given = f"pour {count} photographie{'s' * (count > 1)} et step_size = {step_size}"
        expected = colours.copy()
        for i, j in np.argwhere(mask == 1):
            slope = sum(g[i, j] / max(g.max(), -g.min()) for g in gradients) / count
            expected[i, j] = min(max(colours[i, j] + step_size * slope, 0.0), 1.0)
        if np.shape(got) == expected.shape and np.asarray(got).dtype.kind in "fiu" and not np.allclose(got, expected):
            _diagnose_shared(np.asarray(got), expected, colours, gradients, mask, step_size, given)
        compare(got, expected, given=given)
    return "un seul pas, qui sert toutes les photographies à la fois"


def _diagnose_shared(got, expected, colours, gradients, mask, step_size, given):
    if not np.allclose(got[mask == 0], colours[mask == 0]):
        raise CheckFailed(f"Des couleurs hors de la monture ont changé {given} : multipliez par le masque.")
    if got.min() < 0 or got.max() > 1:
        raise CheckFailed(f"Des couleurs sortent de [0, 1] {given}.")
    scaled, mean = gradients / np.abs(gradients).max(axis=(1, 2), keepdims=True), gradients.mean(axis=0)
    wrong = {
        "La perte diminue {} : pour échapper au réseau, avancez dans le sens du gradient.": -scaled.mean(0),
        "Les pas des photographies s'ajoutent {} : faites leur moyenne.": scaled.sum(0),
        "Le gradient le plus grand l'emporte {} : divisez chacun par sa plus grande valeur.": mean,
        "Seule la première photographie compte {}.": scaled[0],
        "Les gradients ne sont divisés qu'après la moyenne {} : divisez chacun avant.": mean / np.abs(mean).max(),
    }
    for words, slope in wrong.items():
        if np.allclose(got, np.clip(colours + step_size * mask * slope, 0, 1)):
            raise CheckFailed(words.format(given))


# --- Lesson 6.4 -----------------------------------------------------------------------------------------
@exercise(
    "6.4.a",
    "Seules les couleurs changent : drawing[..., :3]. L'opacité, drawing[..., 3], reste celle du panneau.",
    "Le masque (H, L) se multiplie aux trois couleurs par mask[..., None].",
    "Copiez le dessin, puis : np.clip(drawing[..., :3] + mask[..., None] * change, 0, 1) à la place des couleurs.",
)
def paste(answer):
    rng = np.random.default_rng(0)
    for height, width in ((4, 5), (3, 3), (16, 12)):
        drawing, change = rng.random((height, width, 4)), rng.normal(0, 0.6, (height, width, 3))
        mask = (rng.random((height, width)) < 0.5).astype("float64")
        before, given = drawing.copy(), f"pour un dessin {height}×{width}"
        got = answer(drawing, change.copy(), mask.copy())
        if not np.array_equal(drawing, before):
            raise CheckFailed(f"Le dessin d'origine est modifié {given} : travaillez sur une copie.")
        expected = before.copy()
        for i, j in np.argwhere(mask == 1):
            expected[i, j, :3] = [min(max(a + b, 0.0), 1.0) for a, b in zip(before[i, j, :3], change[i, j])]
        if np.shape(got) == expected.shape and np.asarray(got).dtype.kind in "fiu":
            _diagnose_paste(np.asarray(got), before, change, mask, given)
        compare(got, expected, given=given)
    return "les autocollants sont à leur place, et le reste du panneau n'a pas bougé"


def _diagnose_paste(got, before, change, mask, given):
    if not np.allclose(got[..., 3], before[..., 3]):
        raise CheckFailed(f"L'opacité a changé {given} : un autocollant ne change pas la forme du panneau.")
    if not np.allclose(got[mask == 0], before[mask == 0]):
        raise CheckFailed(f"Des pixels hors du masque ont changé {given} : multipliez δ par M.")
    if got.min() < 0 or got.max() > 1:
        raise CheckFailed(f"Des couleurs sortent de [0, 1] {given} : aucune encre ne les donne.")
    if np.allclose(got[..., :3][mask == 1], np.clip(change[mask == 1], 0, 1)):
        raise CheckFailed(f"δ remplace la couleur {given} ; il doit s'ajouter à celle du panneau.")


@exercise(
    "6.4.b",
    "D'abord la moyenne des gradients sur toutes les vues, ensuite son signe.",
    "La perte vers la cible doit diminuer : le pas va contre le gradient.",
    "mean étant la moyenne des gradients : colors - rate * mask[..., None] * np.sign(mean), puis np.clip de 0 à 1.",
)
def robust_step(answer):
    rng = np.random.default_rng(0)
    for count, rate, shape in ((3, 0.05, (4, 5)), (8, 0.3, (3, 6)), (1, 0.1, (5, 4))):
        colors, mask = rng.random((*shape, 3)), (rng.random(shape) < 0.6).astype("float64")
        views, asked = rng.lognormal(0, 1.5, count), []
        wanted = rng.random((count, *shape, 3))

        def gradient_of(colors, view, views=views, wanted=wanted, asked=asked):
            asked.append(np.array(colors))
            return 2 * view * (colors - wanted[list(views).index(view)])  # of view × |colors - wanted|²

        got = answer(colors.copy(), mask.copy(), gradient_of, list(views), rate)
        given = f"pour {count} vue{'s' * (count > 1)} et rate = {rate}"
        slope = np.tensordot(2 * views / count, colors - wanted, 1)
        moved = np.where(slope > 0, colors - rate, np.where(slope < 0, colors + rate, colors))
        expected = np.where(mask[..., None] > 0, np.minimum(np.maximum(moved, 0), 1), colors)
        if np.shape(got) == expected.shape and not np.allclose(got, expected):
            _diagnose_step(np.asarray(got), colors, mask, moved, asked, count, rate, given)
        compare(got, expected, given=given)
    return "un pas qui sert toutes les vues à la fois, dans le masque et dans [0, 1]"


def _diagnose_step(got, colors, mask, moved, asked, count, rate, given):
    out = mask == 0
    if not np.allclose(got[out], colors[out]):
        raise CheckFailed(f"Des pixels hors du masque ont bougé {given}.")
    if got.min() < 0 or got.max() > 1:
        raise CheckFailed(f"Des couleurs sortent de [0, 1] {given}.")
    if len(asked) < count:
        raise CheckFailed(
            f"Vues dont le gradient est demandé : {len(asked)} sur {count}. Il faut la moyenne de toutes."
        )
    if not all(np.allclose(at, colors) for at in asked):
        raise CheckFailed(f"Les couleurs changent entre deux vues {given} : un seul pas doit servir toutes les vues.")
    if np.allclose(got[~out], np.clip(2 * colors - moved, 0, 1)[~out]):
        raise CheckFailed(f"La perte vers la cible augmente {given} : le pas va contre le gradient.")
    inner = (~out)[..., None] & (got > 1e-9) & (got < 1 - 1e-9)
    if not np.allclose(np.abs(got - colors)[inner], rate):
        raise CheckFailed(f"Les pixels ne bougent pas tous de rate {given} : prenez le signe du gradient moyen.")


@exercise(
    "6.4.c",
    "Essayez chaque coin en haut à gauche possible ; gardez celui dont la somme est la plus grande.",
    "Un rectangle ne compte que si allowed[top:top + height, left:left + width].all().",
    "Deux boucles, top de 0 à H - height inclus, left de 0 à L - width inclus ; rendez (top, left).",
)
def best_place(answer):
    rng = np.random.default_rng(0)
    for shape, height, width in (((7, 9), 2, 3), ((12, 10), 3, 4), ((9, 9), 1, 5), ((6, 8), 6, 8)):
        for _ in range(4):
            heat, allowed = rng.exponential(size=shape) ** 2, rng.random(shape) < 0.97
            rest = (allowed | (height == shape[0])).copy()
            windows = np.lib.stride_tricks.sliding_window_view
            sums = windows(heat, (height, width)).sum((2, 3))
            fits = windows(rest, (height, width)).all((2, 3))
            if not fits.any():
                continue
            expected = np.unravel_index(np.argmax(np.where(fits, sums, -1)), sums.shape)
            got = answer(heat.copy(), rest.copy(), height, width)
            given = f"pour une carte {shape[0]}×{shape[1]} et un rectangle {height}×{width}"
            if isinstance(got, (tuple, list, np.ndarray)) and len(got) == 2 and tuple(got) != tuple(expected):
                _diagnose_place(tuple(int(one) for one in got), expected, sums, fits, given)
            compare(got, np.array(expected), given=given)
    return "le meilleur rectangle, parmi tous ceux qui tiennent sur le panneau"


def _diagnose_place(got, expected, sums, fits, given):
    top, left = got
    if not (0 <= top < sums.shape[0] and 0 <= left < sums.shape[1]):
        swapped = " (avez-vous échangé top et left ?)" if got[::-1] == tuple(expected) else ""
        raise CheckFailed(f"Le rectangle ({top}, {left}) sort de la carte {given}{swapped}.")
    if got[::-1] == tuple(expected):
        raise CheckFailed(f"top et left sont échangés {given} : rendez (ligne, colonne).")
    if not fits[top, left]:
        raise CheckFailed(f"Le rectangle ({top}, {left}) déborde de ce qui est permis {given}.")
    raise CheckFailed(
        f"La somme vaut {sums[top, left]:.3g} en ({top}, {left}) {given} ; elle vaut {sums[tuple(expected)]:.3g} en "
        f"({expected[0]}, {expected[1]})."
    )


# --- Lesson 6.5 -----------------------------------------------------------------------------------------
@exercise(
    "6.5.a",
    "Comparez d'abord chaque réponse à la vraie classe : seen == y donne un tableau (A, N) de booléens.",
    "Une image est sauve si elle est bien classée dans toutes les lignes : .all(axis=0).",
    "np.mean((seen == y).all(axis=0)).",
)
def worst_case(answer):
    rng = np.random.default_rng(0)
    cases = [(np.array([[0, 1, 2, 3], [0, 1, 2, 9], [9, 1, 2, 3]]), np.arange(4))]
    cases += [(np.array([[1, 1], [0, 0]]), np.array([1, 1])), (np.array([[2, 0, 1]]), np.array([2, 0, 0]))]
    for attacks, count in ((3, 50), (5, 20), (2, 200)):
        y = rng.integers(0, 10, count)
        cases.append((np.where(rng.random((attacks, count)) < 0.8, y, rng.integers(0, 10, (attacks, count))), y))
    for seen, y in cases:
        given = f"pour seen = {show(seen)}, y = {show(y)}"
        given = given if len(y) < 5 else f"pour {len(seen)} attaques et {len(y)} images"
        expected = sum(all(row[i] == y[i] for row in seen) for i in range(len(y))) / len(y)
        got = answer(seen.copy(), y.copy())
        if np.ndim(got) == 0:
            _diagnose_worst(float(got), expected, seen == y, given)
        compare(got, expected, given=given)
    return "une image ne compte que si elle résiste à tout"


def _diagnose_worst(got, expected, right, given):
    if np.isclose(got, expected):
        return
    if np.isclose(got, right.mean(axis=1).min()):
        raise CheckFailed(
            f"C'est l'exactitude sous l'attaque la plus forte {given} : {got:.3g}. Chaque attaque trompe d'autres "
            "images ; le pire se prend image par image."
        )
    if np.isclose(got, right.mean()):
        raise CheckFailed(f"C'est la moyenne sur les attaques {given} : l'attaquant, lui, choisit.")
    if np.isclose(got, right.any(axis=0).mean()):
        raise CheckFailed(f"C'est la part des images qui résistent à une attaque au moins {given} ; il faut à toutes.")
    if np.isclose(got, 1 - expected):
        raise CheckFailed(f"C'est la part des images trompées {given} ; il faut celle des images qui résistent.")


@exercise(
    "6.5.b",
    "Le centre devient W·centre + b ; le rayon ne peut que s'ajouter : il traverse |W|.",
    "middle = (low + high) / 2 et radius = (high - low) / 2, puis middle @ w + b, et radius @ np.abs(w).",
    "Rendez (middle @ w + b - radius @ np.abs(w), middle @ w + b + radius @ np.abs(w)).",
)
def linear_bounds(answer):
    rng = np.random.default_rng(0)
    cases = [(np.zeros((1, 2)), np.ones((1, 2)), np.array([[1.0, -1.0], [-2.0, 0.5]]), np.array([0.0, 3.0]))]
    for count, inputs, outputs in ((3, 4, 2), (2, 7, 5), (1, 1, 3)):
        low = rng.normal(size=(count, inputs))
        high = low + rng.random((count, inputs))
        cases.append((low, high, rng.normal(size=(inputs, outputs)), rng.normal(size=outputs)))
    for low, high, w, b in cases:
        given = f"pour des intervalles {low.shape} et des poids {w.shape}"
        ends = (np.arange(2 ** len(w))[:, None] >> np.arange(len(w))) & 1  # all the corners of the box
        values = np.where(ends[:, None] == 1, high, low) @ w + b
        expected = values.min(axis=0), values.max(axis=0)
        got = answer(low.copy(), high.copy(), w.copy(), b.copy())
        if isinstance(got, (tuple, list)) and [np.shape(one) for one in got] == [expected[0].shape] * 2:
            _diagnose_bounds(*map(np.asarray, got), *expected, (low, high, w, b), given)
        compare(got, expected, given=given)
    return "égal au plus petit et au plus grand sur tous les coins de la boîte"


def _diagnose_bounds(lowest, highest, smallest, largest, case, given):
    low, high, w, b = case
    if np.allclose(lowest, smallest) and np.allclose(highest, largest):
        return
    if np.allclose(lowest, low @ w + b) and np.allclose(highest, high @ w + b):
        raise CheckFailed(
            f"low @ w + b n'est pas la borne basse {given} : derrière un poids négatif, c'est le plus grand pixel qui "
            "donne la plus petite sortie."
        )
    if np.allclose(lowest, largest) and np.allclose(highest, smallest):
        raise CheckFailed(f"Les deux bornes sont échangées {given} : rendez d'abord la plus petite.")
    if np.allclose(lowest + b, smallest) and np.allclose(highest + b, largest):
        raise CheckFailed(f"Il manque le biais {given} : il déplace les deux bornes.")
    if np.any(lowest > smallest + 1e-9) or np.any(highest < largest - 1e-9):
        raise CheckFailed(f"Ce ne sont pas des bornes {given} : un coin de la boîte sort de l'intervalle rendu.")
    raise CheckFailed(f"Ces bornes sont justes, mais trop larges {given} : un coin de la boîte atteint les bonnes.")


@exercise(
    "6.5.c",
    "stats.beta.ppf donne cette borne ; stats.binomtest(…, alternative='greater') aussi.",
    "La borne est stats.beta.ppf(alpha, successes, n - successes + 1), et 0 s'il n'y a aucun succès.",
    "Le rayon est sigma * stats.norm.ppf(p) si p > 1/2, et 0 sinon : on s'abstient.",
)
def smoothed_radius(answer):
    from scipy import stats

    cases = [(990, 1000, 0.25, 0.001), (1000, 1000, 0.5, 0.001), (60, 100, 0.5, 0.05), (510, 1000, 0.25, 0.001)]
    cases += [(3, 100, 1.0, 0.001), (0, 50, 0.25, 0.01), (99, 100, 0.12, 0.01)]
    for successes, n, sigma, alpha in cases:
        given = f"pour {successes} votes sur {n}, sigma = {sigma}, alpha = {alpha}"
        test = stats.binomtest(successes, n, alternative="greater")
        p = test.proportion_ci(1 - alpha, method="exact").low
        expected = p, sigma * stats.norm.ppf(p) if p > 0.5 else 0.0
        got = answer(successes, n, sigma, alpha)
        if isinstance(got, (tuple, list)) and [np.shape(one) for one in got] == [(), ()]:
            _diagnose_radius(*got, *expected, (successes, n, sigma, alpha), given)
        compare(got, expected, given=given)
    return "égal à l'intervalle exact de SciPy, et l'abstention est respectée"


def _diagnose_radius(bound, reach, p, radius, case, given):
    from scipy import stats

    successes, n, sigma, alpha = case
    if bound is None or reach is None or np.isclose(bound, p, atol=1e-6) and np.isclose(reach, radius, atol=1e-6):
        return
    if np.isclose(bound, successes / n) and not np.isclose(p, successes / n):
        raise CheckFailed(f"{successes}/{n} est une estimation, et non une garantie {given} : il faut une borne basse.")
    if successes and np.isclose(bound, stats.binomtest(successes, n).proportion_ci(1 - alpha, method="exact").low):
        raise CheckFailed(f"C'est l'intervalle à deux côtés {given} : alpha entier va à la borne basse.")
    if np.isnan(bound):
        raise CheckFailed(f"La borne n'existe pas (NaN) {given} : sans aucun succès, elle vaut 0.")
    if np.isclose(bound, p, atol=1e-6) and radius == 0:
        raise CheckFailed(f"Le rayon vaut {reach:.3g} {given} : quand p ≤ 1/2, on s'abstient, et le rayon est 0.")
    if np.isclose(bound, p, atol=1e-6) and np.isclose(reach * sigma, radius):
        raise CheckFailed(f"Il manque sigma dans le rayon {given}.")


@exercise(
    "6.5.d",
    "Regardez le tableau des signes : quelles attaques n'ont besoin d'aucun gradient de ce modèle ?",
    "attacks.random_search ne demande que des logits ; des images faites contre `substitute` peuvent servir aussi.",
    "Attaquez le réseau de remplacement par attacks.pgd, et rendez ces images : le modèle scellé s'y trompera aussi.",
)
def adversary(answer):
    from labs import datasets, zoo
    from labs.attacks import defences

    data, part = datasets.load("fashion_mnist"), slice(500, 560)
    x, y = data.x_test[part, ..., None].astype("float32") / 255, data.y_test[part]
    sealed, substitute = defences.sealed_classifier(), zoo.fashion_classifier()
    images = np.asarray(answer(sealed, substitute, x.copy(), y.copy(), 0.1))
    if images.dtype.kind != "f" or images.shape != x.shape:
        given = f"{images.dtype} {images.shape}"
        raise CheckFailed(f"Il faut des images {x.shape} en nombres à virgule ; reçu : {given}.", stage="forme")
    if not (images.min() >= -1e-6 and images.max() <= 1 + 1e-6):
        raise CheckFailed(f"Des pixels sortent de [0, 1] : de {images.min():.3g} à {images.max():.3g}.")
    change = np.abs(images - x).max()
    if not change <= 0.1 + 1e-5:
        raise CheckFailed(f"Un pixel change de {change:.3g}, plus que le budget de 0,1 : ce n'est plus la même menace.")
    if np.allclose(images, x):
        raise CheckFailed("Ce sont les images données, inchangées : le gradient de ce modèle vaut peut-être 0.")
    before, after = (np.mean(np.asarray(sealed(one.astype("float32"))).argmax(1) == y) for one in (x, images))
    if after > 0.3:
        raise CheckFailed(
            f"Le modèle scellé reconnaît encore {after:.0%} de vos images ({before:.0%} sans attaque) ; descendez à "
            "30 % pour conclure."
        )
    return f"modèle scellé : {before:.0%} sans attaque, {after:.0%} sous la vôtre, dans le budget"
