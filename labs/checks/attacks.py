"""Checks of chapter 6, attacks on CNNs."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, show


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
        got = np.asarray(answer(x.copy(), spam.copy(), ham.copy(), log_prior))
        given = f"pour {count} messages de {words} mot{'s' * (words > 1)}"
        if got.shape == expected.shape and got.dtype.kind in "fiu":
            _diagnose_log_odds(got, expected, x, np.log(spam / ham), log_prior, given)
        compare(got, expected, given=given, tolerance=1e-6)
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
        if got is None or got is ... or isinstance(got, (tuple, list)) or np.ndim(got) or not np.isreal(got):
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
        compare(got, expected, given=given, tolerance=1e-9)
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
        got = np.asarray(answer(x.copy(), w.copy(), b))
        expected = np.linalg.lstsq(w[None], np.array([-(w @ x + b)]), rcond=None)[0]  # the shortest solution
        if got.shape == expected.shape and got.dtype.kind in "fiu" and not np.allclose(got, expected):
            _diagnose_nearest(got, expected, x, w, b, given)
        compare(got, expected, given=given, tolerance=1e-6)
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
        got = np.asarray(answer(x.copy(), gradient.copy(), epsilon))
        given = f"pour des images {shape} et epsilon = {epsilon}"
        moved = np.where(gradient > 0, x + epsilon, np.where(gradient < 0, x - epsilon, x))
        expected = np.minimum(np.maximum(moved, 0), 1)
        if got.shape == expected.shape and not np.allclose(got, expected):
            if np.allclose(got, moved):
                raise CheckFailed(f"Des pixels sortent de [0, 1] {given} : ce n'est plus une image.")
            if np.allclose(got, np.clip(2 * x - moved, 0, 1)):
                raise CheckFailed(f"Ces images diminuent la perte {given} : il faut avancer dans le sens du gradient.")
            if np.allclose(got, np.clip(x + epsilon * gradient, 0, 1)):
                raise CheckFailed(f"Le pas suit le gradient {given} ; FGSM n'en garde que le signe.")
        compare(got, expected, given=given, tolerance=1e-6)
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

        got = np.asarray(answer(gradient_of, x.copy(), epsilon, step, steps))
        given = f"pour epsilon = {epsilon}, step_size = {step}, steps = {steps}"
        expected = _climb(x, peak, epsilon, step, steps)
        if got.shape == expected.shape and not np.allclose(got, expected):
            if len(calls) != steps:
                raise CheckFailed(f"Le gradient est demandé {len(calls)} fois {given} ; il le faut à chaque pas.")
            if np.all([np.allclose(one, x) for one in calls]):
                raise CheckFailed(f"Le gradient est toujours pris à l'image de départ {given}.")
            if np.abs(got - x).max() > epsilon + 1e-9:
                raise CheckFailed(f"L'image sort de la boule {given} : écart de {np.abs(got - x).max():.3g}.")
            if got.min() < 0 or got.max() > 1:
                raise CheckFailed(f"Des pixels sortent de [0, 1] {given}.")
        compare(got, expected, given=given, tolerance=1e-6)
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


# --- Lesson 6.4 -----------------------------------------------------------------------------------------


# --- Lesson 6.5 -----------------------------------------------------------------------------------------
