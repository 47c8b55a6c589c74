"""Checks of chapter 4, modern vision."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, require_two


# --- Lesson 4.1 -----------------------------------------------------------------------------------------
@exercise(
    "4.1.a",
    "a[:, None] et b[None] font parler chaque boîte de a avec chaque boîte de b : formes (N, 1, 4) et (1, M, 4).",
    "Largeur commune : le plus petit des deux x2 moins le plus grand des deux x1, et jamais moins que 0.",
    "Union : somme des deux aires moins l'intersection.",
)
def iou(answer):
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (2, 6, 2))
    a, b = np.concatenate([corners, corners + rng.integers(1, 14, (2, 6, 2))], axis=2).astype("float64")
    far = np.array([[0.0, 0, 4, 4], [10, 12, 14, 15]])  # apart along both axes: two negative sides
    for first, second in ((np.array([[0.0, 0, 4, 2]]), np.array([[2.0, 0, 6, 2]])), (a, b[:4]), (far, far), (a, a)):
        expected = _pixels_shared(first, second)
        given = f"pour {len(first)} boîtes contre {len(second)}"
        if len(first) == 1:
            given = f"pour {first[0].tolist()} contre {second[0].tolist()}"
        got = answer(first.copy(), second.copy())
        if np.shape(got) == expected.shape and not np.allclose(got, expected, atol=1e-6):
            _diagnose_iou(np.asarray(got, "float64"), expected, first, second, given)
        compare(got, expected, given=given)
    return "égal au compte des pixels communs, boîtes disjointes comprises"


def _pixels_shared(first, second):
    """IoU of boxes with whole corners, by filling rectangles: the reference."""
    masks = []
    for group in (first, second):
        y, x = np.indices((40, 40))
        inside = [(x >= x1) & (x < x2) & (y >= y1) & (y < y2) for x1, y1, x2, y2 in group]
        masks.append(np.array(inside).reshape(len(group), -1))
    both = (masks[0][:, None] & masks[1]).sum(-1)
    return both / (masks[0][:, None] | masks[1]).sum(-1)


def _diagnose_iou(got, expected, first, second, given):
    areas = [np.prod(group[:, 2:] - group[:, :2], axis=1) for group in (first, second)]
    total = areas[0][:, None] + areas[1]
    shared = total * expected / (1 + expected)
    if np.allclose(got, shared / total, atol=1e-6):
        raise CheckFailed(f"L'union compte deux fois la partie commune {given} : retranchez-la une fois.")
    if np.any(expected == 0) and np.any(got[expected == 0] > 1e-9):
        raise CheckFailed(
            f"Deux boîtes disjointes ont ici un IoU positif {given} : deux côtés négatifs font une aire positive. "
            "Bornez la largeur et la hauteur communes par 0, avant de les multiplier."
        )
    if np.any(got < -1e-9):
        raise CheckFailed(f"Un IoU est négatif {given} : bornez la largeur et la hauteur communes par 0.")
    if np.allclose(got, shared / areas[0][:, None], atol=1e-6) or np.allclose(got, shared / areas[1], atol=1e-6):
        raise CheckFailed(f"Vous divisez par l'aire d'une seule des deux boîtes {given} : il faut l'union.")
    if np.allclose(got, shared, atol=1e-6):
        raise CheckFailed(f"C'est l'intersection {given} ; divisez-la par l'union.")


@exercise(
    "4.1.b",
    "order = np.argsort(-scores) : on parcourt les boîtes de la meilleure à la moins bonne.",
    "Une boîte est gardée si aucune des boîtes DÉJÀ GARDÉES ne la recouvre au-delà du seuil.",
    "boxes.iou(places[[rank]], places[kept]) donne ses recouvrements avec les boîtes gardées ; .max(initial=0).",
)
def nms(answer):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    chain = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])  # 0 hides 1, which would hide 2
    corners = rng.uniform(0, 40, (60, 2))
    crowd = np.concatenate([corners, corners + rng.uniform(8, 30, (60, 2))], axis=1)
    half = np.array([[0.0, 0, 4, 4], [0, 0, 4, 2]])  # an IoU of 0.5
    cases = [(chain, np.array([0.9, 0.8, 0.7]), 0.4), (half, np.array([0.9, 0.8]), 0.5)]
    cases += [(crowd, rng.random(60), 0.5), (crowd, rng.random(60), 0.2)]
    for places, scores, threshold in cases:
        expected = tf.image.non_max_suppression(places, scores, 100, threshold).numpy()
        given = f"pour {len(places)} boîtes et un seuil de {threshold}"
        given += ", qui est leur IoU" if places is half else ""
        got = answer(places.copy(), scores.copy(), threshold)
        if np.ndim(got) == 1:
            _diagnose_nms(np.asarray(got), expected, places, scores, threshold, given)
        compare(got, expected, given=given)
    return "mêmes rangs que tf.image.non_max_suppression, dans le même ordre"


def _diagnose_nms(got, expected, places, scores, threshold, given):
    if got.dtype == bool and got.shape == scores.shape:
        raise CheckFailed(f"C'est un masque de booléens {given} ; renvoyez les rangs gardés.", stage="type")
    if got.shape == expected.shape and np.array_equal(got, expected):
        return
    if len(got) == len(expected) and set(got.tolist()) == set(expected.tolist()):
        raise CheckFailed(f"Ce sont les bonnes boîtes {given}, mais pas de la meilleure à la moins bonne.")
    order = np.argsort(-scores)
    hidden = np.triu(_overlaps(places[order]) > threshold, 1).any(axis=0)
    if set(got.tolist()) == set(order[~hidden].tolist()):
        raise CheckFailed(
            f"Une boîte déjà supprimée en supprime d'autres {given} : comparez seulement aux boîtes gardées."
        )
    if len(got) and got[0] == np.argmin(scores):
        raise CheckFailed(f"Vous commencez par la moins bonne boîte {given} : triez par score décroissant.")
    pairs = _overlaps(places[got.astype(int)]) if len(got) and 0 <= got.min() and got.max() < len(places) else None
    if pairs is not None and np.triu(pairs > threshold, 1).any():
        raise CheckFailed(f"Deux boîtes gardées se recouvrent au-delà du seuil {given} : il reste des doublons.")


def _overlaps(places):
    from labs import boxes

    return boxes.iou(places, places)


@exercise(
    "4.1.c",
    "np.cumsum(correct) compte les bonnes détections parmi les k premières : précision = ce compte / k.",
    "L'enveloppe : np.maximum.accumulate(precision[::-1])[::-1].",
    "np.searchsorted(recall, niveaux) donne le premier rang qui atteint chaque niveau ; 0 si aucun ne l'atteint.",
)
def average_precision(answer):
    rng = np.random.default_rng(0)
    cases = [(np.array([True, True]), 2), (np.array([False, True, True, False]), 3), (np.zeros(3, bool), 2)]
    cases += [(rng.random(60) < np.linspace(1, 0.1, 60), 50), (np.zeros(0, bool), 4)]
    for correct, truths in cases:
        expected = _library_precision(correct, truths)
        given = f"pour {len(correct)} détections, dont {correct.sum()} correctes, et {truths} objets"
        if 0 < len(correct) < 5:
            given = f"pour correct = {correct.tolist()} et truths = {truths}"
        with np.errstate(all="ignore"):
            got = answer(correct.copy(), truths)
        if np.ndim(got) == 0:
            _diagnose_precision(float(got), expected, correct, truths, given)
        compare(got, expected, given=given)
    return "égal à faster-coco-eval"


def _library_precision(correct, truths):
    """AP50 by the library, for one image a detection or an object: right ones on their object, others on nothing."""
    from labs import boxes

    place, nothing = np.array([[2.0, 2, 9, 9]]), np.zeros((0, 4))
    missed = truths - correct.sum()
    objects = [place if right else nothing for right in correct] + [place] * missed
    guesses = [place] * len(correct) + [nothing] * missed
    scores = np.linspace(0.9, 0.1, max(len(correct), 1))
    targets = [(boxes_, np.zeros(len(boxes_), int)) for boxes_ in objects]
    found = [(guess, scores[rank : rank + 1][: len(guess)], np.zeros(len(guess), int))
             for rank, guess in enumerate(guesses)]  # fmt: skip
    if not len(correct):
        return 0.0
    return boxes.coco_map(targets, found)["AP50"]


def _diagnose_precision(got, expected, correct, truths, given):
    if np.isclose(got, expected, atol=1e-6):
        return
    if not np.isfinite(got):
        raise CheckFailed(f"Le résultat n'est pas fini {given} : sans détection, la précision moyenne vaut 0.")
    hits = np.cumsum(correct)
    precision, recall = hits / (1 + np.arange(len(correct))), hits / truths
    levels = np.linspace(0, 1, 101)
    raw = np.append(precision, 0)[np.searchsorted(recall, levels)].mean()
    envelope = np.maximum.accumulate(np.append(precision, 0)[::-1])[::-1]
    eleven = envelope[np.searchsorted(recall, np.linspace(0, 1, 11))].mean()
    if np.isclose(got, raw, atol=1e-6):
        raise CheckFailed(f"Il manque l'enveloppe {given} : à chaque rappel, la meilleure précision d'ici à la fin.")
    if np.isclose(got, eleven, atol=1e-6):
        raise CheckFailed(f"C'est la moyenne sur 11 niveaux de rappel {given} (VOC 2007) ; COCO en prend 101.")
    found = max(int(hits[-1]), 1) if len(hits) else 1
    relative = envelope[np.searchsorted(hits / found, levels)].mean()
    if np.isclose(got, relative, atol=1e-6):
        raise CheckFailed(f"Le rappel se compte sur TOUS les objets {given}, pas sur ceux qui sont retrouvés.")
    if np.isclose(got, np.mean(precision[correct]) if correct.any() else 0, atol=1e-6):
        raise CheckFailed(
            f"C'est la moyenne des précisions aux bonnes détections {given} : les objets ratés comptent pour 0."
        )


@exercise(
    "4.1.d",
    "Partie commune de deux boîtes de même centre : le plus petit des deux côtés, en largeur et en hauteur.",
    "Le groupe d'une boîte est l'ancre d'IoU le plus GRAND : argmax(axis=1) d'un tableau (N, K).",
    "La nouvelle ancre k est sides[groupe == k].mean(axis=0).",
)
def kmeans_step(answer):
    from labs import boxes

    rng = np.random.default_rng(0)
    for count, groups in ((40, 3), (200, 5), (30, 1)):
        sides = np.exp(rng.normal(3, 0.6, (count, 2)))
        anchors = sides[:groups].copy()
        centred = [np.concatenate([-half, half], axis=1) for half in (sides / 2, anchors / 2)]
        nearest = boxes.iou(*centred).argmax(axis=1)
        expected = np.stack([sides[nearest == k].mean(axis=0) for k in range(groups)])
        given = f"pour {count} boîtes et {groups} ancre{'s' * (groups > 1)}"
        got = answer(sides.copy(), anchors.copy())
        if np.shape(got) == expected.shape:
            _diagnose_kmeans(np.asarray(got, "float64"), expected, sides, anchors, nearest, given)
        compare(got, expected, given=given)
    return "mêmes groupes que boxes.iou sur des boîtes de même centre"


def _diagnose_kmeans(got, expected, sides, anchors, nearest, given):
    if np.allclose(got, expected, atol=1e-6):
        return
    euclidean = np.linalg.norm(sides[:, None] - anchors, axis=-1).argmin(axis=1)
    for groups, words in (
        (euclidean, "C'est la distance euclidienne {} : elle ne pense qu'aux grandes boîtes. Prenez 1 − IoU."),
        (_shape_overlaps(sides, anchors).argmin(axis=1), "Chaque boîte va à l'ancre la PLUS éloignée {} : argmax."),
    ):
        means = [sides[groups == k].mean(axis=0) if k in groups else anchors[k] for k in range(len(anchors))]
        if np.allclose(np.nan_to_num(got), means, atol=1e-6):
            raise CheckFailed(words.format(given))
    medians = np.stack([np.median(sides[nearest == k], axis=0) for k in range(len(anchors))])
    if np.allclose(got, medians, atol=1e-6):
        raise CheckFailed(f"C'est la médiane de chaque groupe {given} ; k-means prend la moyenne.")
    if np.allclose(got, anchors, atol=1e-6):
        raise CheckFailed(f"Les ancres n'ont pas bougé {given} : remplacez chacune par la moyenne de son groupe.")


def _shape_overlaps(sides, anchors):
    shared = np.minimum(sides[:, None], anchors).prod(axis=-1)
    return shared / (sides.prod(axis=1)[:, None] + anchors.prod(axis=1) - shared)


# --- Lesson 4.2 -----------------------------------------------------------------------------------------
@exercise(
    "4.2.a",
    "Gardez dans une liste le nombre de cartes que rend chaque section : maps[-1] est la précédente, maps[23] la 23e.",
    "Une convolution normalisée a filters × (maps × size² + 4) nombres : β, γ, moyenne et variance, mais aucun biais.",
    "Une route rend la somme des cartes de ses « layers », divisée par « groups » (1 s'il n'y en a pas).",
)
def count_floats(answer):
    from labs import weights, yolo

    def sections(*kinds):
        return [yolo.Section(kind, options, 0) for kind, options in kinds]

    def convolution(filters, size, normalised=True):
        options = {"filters": str(filters), "size": str(size), "stride": "1", "pad": "1", "activation": "leaky"}
        return "convolutional", options | ({"batch_normalize": "1"} if normalised else {})

    first, second = convolution(8, 3), convolution(4, 1)
    cases = [  # worked out by hand: (what is given, its sections, its floats)
        ("pour une convolution 3×3 sans normalisation, de 3 à 8 cartes", [convolution(8, 3, False)], 216 + 8),
        ("pour une convolution 3×3 normalisée, de 3 à 8 cartes", [first], 216 + 32),
        ("pour deux convolutions à la suite", [first, second], 248 + 32 + 16),
        ("après un maxpool et un upsample", [first, ("maxpool", {"size": "2", "stride": "2"}),
                                             ("upsample", {"stride": "2"}), second], 248 + 48),
        ("après une route vers une seule couche", [first, second, ("route", {"layers": "-2"}), second], 248 + 48 + 48),
        ("après une route qui réunit deux couches", [first, second, ("route", {"layers": "-1,0"}), second],
         248 + 48 + 48 + 16),
        ("après une route avec groups=2", [first, ("route", {"layers": "-1", "groups": "2", "group_id": "1"}), second],
         248 + 16 + 16),
        ("après un shortcut", [first, convolution(8, 3), ("shortcut", {"from": "-2"}), second], 248 + 576 + 32 + 48),
    ]  # fmt: skip
    for given, kinds, expected in cases:
        got = answer(sections(*kinds))
        if isinstance(got, (int, np.integer)) and got != expected:
            _diagnose_count(int(got), given, len(kinds))
        compare(got, expected, given=given)
    for name, expected in (("yolov4_tiny_cfg", 6_062_814), ("yolov4_cfg", 64_429_405)):
        compare(answer(yolo.read_cfg(weights.path(name))[1:]), expected, given=f"pour {name}", tolerance=0)
    return "6 062 814 et 64 429 405 : le compte des fichiers officiels"


def _diagnose_count(got, given, count):
    wrong = {
        216 + 16: "Il manque la moyenne et la variance de la normalisation : quatre nombres par carte, pas deux.",
        216 + 8: "La normalisation d'une carte a quatre nombres (β, γ, moyenne, variance), et remplace le biais.",
        216 + 40: "Avec la normalisation, la convolution n'a plus de biais : β en tient lieu.",
        72 + 32: "Un filtre 3×3 lit toutes les cartes de l'entrée : multipliez aussi par leur nombre.",
    }
    if count == 1 and got in wrong:
        raise CheckFailed(f"{wrong[got]} ({got} {given}.)")
    if "groups" in given and got == 248 + 32 + 16:
        raise CheckFailed(f"« groups » est ignoré {given} : une moitié des cartes seulement passe.")
    if "réunit" in given and got in (248 + 48 + 32, 248 + 48 + 16 + 16, 248 + 48 + 32 + 16):
        raise CheckFailed(f"Les cartes des couches réunies s'ajoutent {given} : 4 + 8 = 12 cartes entrent ensuite.")


@exercise(
    "4.2.b",
    "Le centre, en cellules : colonne + scale × σ(tx) − (scale − 1) / 2, et de même pour la ligne. Puis × stride.",
    "Les côtés sont anchor × exp(tw), anchor × exp(th) : l'ancre est déjà en pixels.",
    "Rendez les coins : centre − côtés / 2, puis centre + côtés / 2.",
)
def decode(answer):
    from scipy.special import expit

    rng = np.random.default_rng(0)
    cases = [
        (np.zeros(4), (0, 0), (32.0, 32.0), 32, 1.0),
        (np.zeros(4), (5, 2), (80.0, 40.0), 16, 1.0),
        (np.array([1.0, -2, 0, 0]), (3, 7), (60.0, 20.0), 16, 1.0),
        (np.array([0.0, 0, 0.5, -1]), (3, 7), (60.0, 20.0), 16, 1.0),
        (np.array([2.0, -1, 0.3, -0.2]), (6, 1), (37.0, 58.0), 32, 1.2),
    ]
    for _ in range(3):
        cell, anchor = tuple(map(int, rng.integers(13, size=2))), tuple(map(float, rng.uniform(10, 300, 2)))
        cases.append((rng.normal(size=4), cell, anchor, 16, 1.05))
    for t, (column, row), (width, height), stride, scale in cases:
        center = stride * (np.array([column, row]) + scale * expit(t[:2]) - (scale - 1) / 2)
        half = np.array([width, height]) * np.exp(t[2:]) / 2
        expected = np.concatenate([center - half, center + half])
        given = f"pour t = {t.round(2).tolist()}, cell = ({column}, {row}), stride = {stride}, scale = {scale}"
        got = answer(t.copy(), np.array((column, row)), np.array((width, height)), stride, scale)
        if np.shape(got) == (4,):
            _diagnose_decode(np.asarray(got, "float64"), expected, t, (column, row), (width, height), stride, scale)
        compare(got, expected, given=given, tolerance=1e-4)
    return "égal à la formule de l'article, coins en pixels"


def _diagnose_decode(got, expected, t, cell, anchor, stride, scale):
    if np.allclose(got, expected, atol=1e-3):
        return
    center, sides = (expected[:2] + expected[2:]) / 2, expected[2:] - expected[:2]
    mine, my_sides = (got[:2] + got[2:]) / 2, got[2:] - got[:2]
    shift = center / stride - cell
    if np.allclose(got, np.concatenate([center, sides]), atol=1e-3):
        raise CheckFailed("C'est le centre et les côtés ; rendez les deux coins : x1, y1, x2, y2.", stage="forme")
    if np.allclose(mine, stride * (np.array(cell[::-1]) + shift), atol=1e-3) and cell[0] != cell[1]:
        raise CheckFailed(f"Ligne et colonne sont échangées : cell = {cell} est (colonne, ligne).")
    if np.allclose(mine, stride * (np.array(cell) + t[:2]), atol=1e-3):
        raise CheckFailed("Le décalage dans la cellule est σ(t), entre 0 et 1, pas t lui-même.")
    if scale != 1 and np.allclose(mine, center + stride * (scale - 1) / 2, atol=1e-3):
        raise CheckFailed("Le facteur scale décale toutes les boîtes : il manque − (scale − 1) / 2 pour le centrer.")
    if scale != 1 and np.allclose(mine, stride * (np.array(cell) + (shift + (scale - 1) / 2) / scale), atol=1e-3):
        raise CheckFailed("scale n'a aucun effet : il multiplie σ(t), et le tout reste centré sur la cellule.")
    if np.allclose(mine, center, atol=1e-3) and np.allclose(my_sides, sides * stride, rtol=1e-3):
        raise CheckFailed("Les ancres sont déjà en pixels : ne les multipliez pas par stride.")
    if np.allclose(mine, center, atol=1e-3) and np.allclose(my_sides, np.array(anchor) * t[2:], atol=1e-3):
        raise CheckFailed("Un côté est anchor × exp(t) : sans exponentielle, il pourrait être négatif.")


@exercise(
    "4.2.c",
    "C'est la suppression gloutonne de la leçon 4.1 : seul change le nombre que l'on compare au seuil.",
    "IoU − ρ² / c² : ρ² est le carré de la distance des centres, c² celui de la diagonale de la boîte qui les englobe.",
    "boxes.iou(best[None], others)[0] donne l'IoU de la meilleure avec toutes les autres.",
)
def diou_nms(answer):
    rng = np.random.default_rng(0)
    pair = np.array([[0.0, 0, 10, 10], [0, 3, 10, 13]])  # IoU 0.538, distance 9, diagonal 269
    cases = [(np.array([[0.0, 0, 4, 4], [10, 10, 14, 15]]), np.array([0.2, 0.9]), 0.5, "deux boîtes éloignées")]
    cases += [(pair, np.array([0.9, 0.8]), threshold, "deux boîtes décalées de 3 pixels, d'IoU 0,54")
              for threshold in (0.56, 0.52)]  # fmt: skip
    nested = np.array([[0.0, 0, 20, 20], [5, 5, 15, 15]])
    cases += [(nested, np.array([0.6, 0.9]), threshold, "deux boîtes de même centre, d'IoU 0,25")
              for threshold in (0.2, 0.25)]  # fmt: skip
    for count in (12, 40):
        corner = rng.uniform(0, 30, (count, 2))
        places = np.concatenate([corner, corner + rng.uniform(8, 30, (count, 2))], 1)
        cases += [(places, rng.random(count), threshold, f"{count} boîtes au hasard") for threshold in (0.2, 0.35)]
    for places, scores, threshold, name in cases:
        expected = _greedy(places, scores, threshold, lambda overlap, gap: overlap - gap)
        given = f"pour {name} et un seuil de {threshold}"
        got = answer(places.copy(), scores.copy(), threshold)
        if np.ndim(got) == 1:
            _diagnose_diou(np.asarray(got), expected, places, scores, threshold, given)
        compare(got, np.array(expected), given=given, tolerance=0)
    return "mêmes boîtes que le calcul fait une à une"


def _greedy(places, scores, threshold, overlap):
    """Non-maximum suppression, one box after another, in plain Python; `overlap`: (IoU, ρ² / c²) -> number."""
    left, kept = sorted(range(len(scores)), key=lambda rank: -scores[rank]), []
    while left:
        best, *others = left
        kept.append(best)
        left = []
        for rank in others:
            (a, b, c, d), (e, f, g, h) = places[best].tolist(), places[rank].tolist()
            shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
            union = (c - a) * (d - b) + (g - e) * (h - f) - shared
            gap = ((a + c - e - g) / 2) ** 2 + ((b + d - f - h) / 2) ** 2
            diagonal = (max(c, g) - min(a, e)) ** 2 + (max(d, h) - min(b, f)) ** 2
            if overlap(shared / union, gap / diagonal) <= threshold:
                left.append(rank)
    return kept


def _diagnose_diou(got, kept, places, scores, threshold, given):
    if got.dtype == bool and got.shape == scores.shape:
        raise CheckFailed(f"C'est un masque de booléens {given} ; renvoyez les rangs gardés.", stage="type")
    if got.tolist() == kept:
        return
    wrong = {
        "C'est la suppression ordinaire {} : la distance des centres n'y compte pas.": lambda iou, gap: iou,
        "La distance s'ajoute au lieu de se retrancher {} : c'est IoU − ρ² / c².": lambda iou, gap: iou + gap,
        "Il manque les carrés {} : ρ² / c², et non ρ / c.": lambda iou, gap: iou - gap**0.5,
    }
    for message, overlap in wrong.items():
        if got.tolist() == _greedy(places, scores, threshold, overlap):
            raise CheckFailed(message.format(given))
    if sorted(got.tolist()) == sorted(kept):
        raise CheckFailed(f"Ce sont les bonnes boîtes {given}, mais pas de la meilleure à la moins bonne.")
    if len(set(got.tolist())) < len(got):
        raise CheckFailed(f"Une boîte est gardée deux fois {given} : une boîte choisie sort de la liste.")


# --- Lesson 4.3 -----------------------------------------------------------------------------------------
@exercise(
    "4.3.a",
    "Pour la classe k : a = truth == k et b = predicted == k sont deux masques de booléens.",
    "a & b est l'intersection, a | b l'union ; np.sum en compte les pixels, sur toutes les images à la fois.",
    "Quand l'union est vide, la classe n'est nulle part : np.nan, et ni 0 ni 1.",
)
def class_iou(answer):
    rng = np.random.default_rng(0)
    small = np.array([[0, 0, 1], [1, 1, 2]]), np.array([[0, 1, 1], [1, 1, 2]])
    several = rng.integers(0, 4, (3, 8, 8)), rng.integers(0, 4, (3, 8, 8))
    several[0][0], several[1][0] = 1, 1  # pictures that are not alike: the mean of their IoU is not the IoU
    missing = np.array([[0, 0], [2, 2]]), np.array([[0, 2], [2, 2]])  # neither has a 1
    invented = np.array([[0, 0], [2, 2]]), np.array([[0, 1], [2, 2]])  # only the prediction has a 1: an IoU of 0
    for (truth, predicted), classes in ((small, 3), (several, 4), (missing, 3), (missing, 4), (invented, 3)):
        expected, given = _jaccard(truth, predicted, classes), f"pour des cartes {truth.shape} et {classes} classes"
        with np.errstate(all="ignore"):
            got = answer(truth.copy(), predicted.copy(), classes)
        if np.shape(got) == expected.shape:
            _diagnose_class_iou(np.asarray(got, "float64"), expected, truth, predicted, given)
            got = np.where(np.isnan(expected), 0.0, got)
        compare(got, np.nan_to_num(expected), given=given)
    return "égal à jaccard_score de scikit-learn, NaN pour une classe absente"


def _jaccard(truth, predicted, classes):
    """scikit-learn's, and NaN where it has nothing to divide by: the reference."""
    from sklearn import metrics

    labels, pixels = list(range(classes)), (truth.ravel(), predicted.ravel())
    values = metrics.jaccard_score(*pixels, labels=labels, average=None, zero_division=0)
    return np.where(np.isin(labels, np.concatenate(pixels)), values, np.nan)


def _diagnose_class_iou(got, expected, truth, predicted, given):
    there = ~np.isnan(expected)
    if not np.isnan(got[~there]).all():
        raise CheckFailed(
            f"Une classe qui n'est ni dans la vérité ni dans la prédiction a reçu {got[~there][0]:.3g} {given} : elle "
            "n'a pas d'IoU. Rendez np.nan, pour que np.nanmean l'ignore."
        )
    if np.isnan(got[there]).any():
        raise CheckFailed(f"Une classe présente a reçu NaN {given} : seule une union vide n'a pas d'IoU.")
    if np.allclose(got[there], expected[there], atol=1e-6):
        return
    if np.allclose(got[there], (2 * expected / (1 + expected))[there], atol=1e-6):
        raise CheckFailed(f"C'est le Dice {given} : divisez l'intersection par l'union, sans le 2.")
    right = [np.mean(predicted[truth == k] == k) if np.any(truth == k) else 0 for k in range(len(expected))]
    if np.allclose(got[there], np.array(right)[there], atol=1e-6):
        raise CheckFailed(
            f"Vous divisez par les seuls pixels de la vérité {given} : c'est le rappel. Une carte qui dit « 1 » "
            "partout y aurait 1 ; divisez par l'union."
        )
    if truth.ndim == 3:
        means = np.nanmean([_jaccard(a, b, len(expected)) for a, b in zip(truth, predicted)], axis=0)
        if np.allclose(got[there], means[there], atol=1e-6):
            raise CheckFailed(f"C'est la moyenne des IoU des images {given} : comptez sur toutes les images réunies.")


@exercise(
    "4.3.b",
    "p = ops.softmax(logits, axis=-1) ; g = ops.one_hot(étiquettes entières, K) a la même forme (N, H, L, K).",
    "Sommez p × g, p et g sur axis=(0, 1, 2) : il reste un nombre par classe.",
    "1 - ops.mean((2 * somme(p × g) + 1) / (somme(p) + somme(g) + 1)).",
)
def dice_loss(answer):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    cases = []
    for shape, classes, scale in (((1, 2, 2), 2, 1.0), ((3, 6, 5), 4, 2.0), ((2, 4, 4), 3, 50.0)):
        labels, logits = rng.integers(0, classes, shape), scale * rng.normal(size=(*shape, classes))
        labels[0] = 0  # a picture of nothing but background
        cases.append((labels, logits.astype("float32")))
    cases.append((np.zeros((1, 4, 4), "int64"), rng.normal(size=(1, 4, 4, 3)).astype("float32")))  # absent classes
    for labels, logits in cases:
        given = f"pour des logits {logits.shape}"
        with tf.GradientTape() as tape:
            tensor = tf.constant(logits)
            tape.watch(tensor)
            got = answer(tf.constant(labels, "int32"), tensor)
        if np.ndim(got) == 0:
            _diagnose_dice(float(got), labels, logits, given)
        compare(got, _soft_dice(labels, logits), given=given, tolerance=1e-4)
        slope = tape.gradient(got, tensor) if tf.is_tensor(got) else None
        if slope is None or (np.abs(logits).max() < 10 and not np.any(slope.numpy())):
            raise CheckFailed(
                f"Le gradient du coût est nul ou perdu {given} : restez dans keras.ops, sans argmax ni NumPy.",
                stage="gradient",
            )
    return "égal à un calcul de SciPy, et le gradient passe"


def _soft_dice(labels, logits, *, squares=False, smooth=1.0, axis=(0, 1, 2), first=0, sigmoid=False, twice=2):
    """1 - mean soft Dice, in float64 by SciPy; the options are the mistakes to recognise."""
    from scipy import special

    logits = logits.astype("float64")
    p = special.expit(logits) if sigmoid else special.softmax(logits, axis=-1)
    g = (labels[..., None] == np.arange(logits.shape[-1])).astype("float64")
    total = p**2 + g**2 if squares else p + g
    with np.errstate(all="ignore"):
        ratio = (twice * (p * g).sum(axis) + smooth) / (total.sum(axis) + smooth)
    return 1 - np.mean(ratio[..., first:])


def _diagnose_dice(got, labels, logits, given):
    expected = _soft_dice(labels, logits)
    if np.isclose(got, expected, atol=1e-4, rtol=1e-4):
        return
    if not np.isfinite(got) and np.abs(logits).max() > 80:
        raise CheckFailed(f"Le coût n'est pas fini {given} : exp déborde pour de grands logits ; prenez ops.softmax.")
    if not np.isfinite(got):
        raise CheckFailed(f"Le coût n'est pas fini {given} : une classe absente fait 0 sur 0. Il manque le 1 ajouté.")
    mistakes = {
        "C'est le Dice moyen {}, pas la perte : il manque « 1 moins ».": 1 - expected,
        "Les sommes sont faites image par image {} : faites-les sur tout le lot, axis=(0, 1, 2).":
            _soft_dice(labels, logits, axis=(1, 2)),
        "Toutes les classes sont réunies dans une seule somme {} : le fond l'emporte. Un Dice par classe, puis la "
        "moyenne.": _all_together(labels, logits),
        "Vous prenez une sigmoïde {} : les probabilités des classes doivent faire 1, c'est une softmax.":
            _soft_dice(labels, logits, sigmoid=True),
        "Le dénominateur a des carrés {} (Milletari et al. 2016) ; ici, ce sont de simples sommes.":
            _soft_dice(labels, logits, squares=True),
        "Il manque le 1 ajouté en haut et en bas {} : sans lui, une classe absente fait 0 sur 0.":
            _soft_dice(labels, logits, smooth=0.0),
        "Il manque le facteur 2 devant l'intersection {}.": _soft_dice(labels, logits, twice=1),
        "Vous oubliez le fond {} : ici, toutes les classes comptent, la classe 0 aussi.":
            _soft_dice(labels, logits, first=1),
    }  # fmt: skip
    for words, value in mistakes.items():
        if np.isclose(got, value, atol=1e-5, rtol=1e-5):
            raise CheckFailed(words.format(given))


def _all_together(labels, logits):
    from scipy import special

    p = special.softmax(logits.astype("float64"), axis=-1)
    right = np.take_along_axis(p, labels[..., None], axis=-1).sum()
    return 1 - (2 * right + 1) / (p.sum() + labels.size + 1)


@exercise(
    "4.3.c",
    "Parcourez les couches en tenant à jour deux nombres, partis de 1 : le pas cumulé step et la dilatation rate.",
    "Si step * stride dépasse la limite, la couche devient (size, 1, rate) ; sinon (size, stride, rate).",
    "La couche qui perd son pas lit encore des cases serrées : rate *= stride ne vaut que pour les SUIVANTES.",
)
def dilate(answer):
    mobilenet = [(3, stride) for stride in (2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)]
    cases = [
        ([(3, 1), (3, 1)], 8), ([(3, 2), (3, 1)], 1), ([(3, 2), (3, 2), (5, 1)], 2),
        ([(7, 2), (1, 1), (3, 2), (3, 1), (2, 2), (3, 1)], 4), ([(3, 2)] * 4 + [(3, 1)], 1), ([(3, 3), (3, 1)], 1),
        ([(3, 2), (3, 2), (3, 1)], 3), (mobilenet, 8),
    ]  # fmt: skip
    for stack, limit in cases:
        given = f"pour {'MobileNetV2' if stack is mobilenet else stack} et limit = {limit}"
        got = answer(list(stack), limit)
        if np.shape(got) != (len(stack), 3):
            compare(got, np.zeros((len(stack), 3)), given=given)
        _diagnose_dilate([tuple(map(int, layer)) for layer in got], stack, limit, given)
    compare([rate for *_, rate in got], [1] * 8 + [2] * 7 + [4] * 3, given="pour les dilatations de MobileNetV2")
    return "chaque case lit les mêmes pixels qu'avant ; ce sont les dilatations de DeepLab"


def _pixels_read(stack):
    """Which pixels the first cell reads, found from the last layer back to the image: the reference."""
    places = {0}
    for size, stride, dilation in reversed(stack):
        places = {place * stride + tap * dilation for place in places for tap in range(size)}
    return places


def _diagnose_dilate(got, stack, limit, given):
    sizes, strides, rates = zip(*got)
    if sizes != tuple(size for size, _ in stack):
        raise CheckFailed(f"Les côtés des filtres ont changé {given} : chaque couche est (côté, pas, dilatation).")
    step, wanted = np.prod(strides), 1
    for _, stride in stack:
        wanted *= stride if wanted * stride <= limit else 1
    if step > wanted:
        raise CheckFailed(f"Le pas cumulé est encore de {step} {given} : les pas en trop deviennent des 1.")
    if step < wanted:
        raise CheckFailed(f"Le pas cumulé tombe à {step} {given} : tant qu'il ne dépasse pas la limite, un pas reste.")
    expected, read = _pixels_read([(size, stride, 1) for size, stride in stack]), _pixels_read(got)
    if read == expected:
        return
    if set(rates) == {1}:
        raise CheckFailed(
            f"Rien n'est dilaté {given} : chaque case ne voit plus que {max(read) + 1} pixels au lieu de "
            f"{max(expected) + 1}. Un pas supprimé écarte les filtres qui suivent."
        )
    if max(read) > max(expected):
        raise CheckFailed(
            f"Une case voit {max(read) + 1} pixels au lieu de {max(expected) + 1} {given} : c'est trop. La couche qui "
            "perd son pas lit ce qui est avant elle : elle garde la dilatation d'avant."
        )
    raise CheckFailed(
        f"Une case voit {max(read) + 1} pixels au lieu de {max(expected) + 1} {given} : les dilatations des pas "
        "supprimés se multiplient (deux pas de 2 : dilatation 4)."
    )


# --- Lesson 4.4 -----------------------------------------------------------------------------------------
@exercise(
    "4.4.a",
    "pairs = overlap[overlap > 0.5] : une ligne a au plus une case au-dessus de 0.5, et une colonne aussi.",
    "RQ = TP / (TP + FP/2 + FN/2), où TP + FN est le nombre de lignes de overlap, et TP + FP celui de colonnes.",
    "SQ est la moyenne des IoU des paires ; sans aucune paire, les trois valent 0.",
)
def panoptic_quality(answer):
    blocks = np.repeat(np.arange(12), 5).reshape(6, 10)
    cases = [("pour une prédiction parfaite", blocks, blocks), ("pour une prédiction vide", blocks, 0 * blocks)]
    cases += [("quand aucun objet n'est retrouvé", blocks, np.repeat([[1, 2]], 5).reshape(1, 10).repeat(6, axis=0))]
    half = np.repeat([0, 1, 1, 2, 2, 0], 4)[None].repeat(3, axis=0), np.repeat([0, 1, 0, 2, 2, 0], 4)[None].repeat(3, 0)
    cases += [("pour une paire dont l'IoU vaut exactement 0,5", *half)]
    rng = np.random.default_rng(0)
    for objects, others in ((6, 9), (9, 4), (7, 7)):
        cases.append(_shaken(rng, objects, others))
    for given, truth, predicted in cases:
        overlap = _instance_iou(truth, predicted)
        expected = _panoptic(overlap)
        with np.errstate(all="ignore"):
            got = answer(overlap.copy())
        if isinstance(got, (tuple, list)) and len(got) == 3 and all(np.ndim(value) == 0 for value in got):
            _diagnose_panoptic(np.array(got, "float64"), np.array(expected), overlap, given)
        compare(got, expected, given=given)
    return "SQ, RQ et PQ justes, même sans paire et à un IoU de 0,5 tout juste"


def _shaken(rng, objects, others):
    """Columns of objects, and the same ones moved: some found, some missed, some invented."""
    truth, predicted = np.zeros((12, 100), int), np.zeros((12, 100), int)
    for rank in range(max(objects, others)):
        if rank < objects:
            truth[2:10, 10 * rank : 10 * rank + 8] = rank + 1
        if rank < others:
            shift = rng.integers(0, 5)
            predicted[2 : 10 - rng.integers(0, 3), 10 * rank + shift : 10 * rank + 8] = rank + 1
    return f"pour {objects} vrais objets et {others} prédits", truth, predicted


def _instance_iou(truth, predicted):
    masks = [[labels == label for label in range(1, labels.max() + 1)] for labels in (truth, predicted)]
    ratios = [[(a & b).sum() / (a | b).sum() for b in masks[1]] for a in masks[0]]
    return np.array(ratios, "float64").reshape(len(masks[0]), len(masks[1]))


def _panoptic(overlap):
    """SQ, RQ and PQ, with the pairs found by an assignment: PQ is the sum of their IoU over the mean of both counts."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(overlap > 0.5, overlap, 0), maximize=True)
    values = [overlap[i, j] for i, j in zip(rows, columns) if overlap[i, j] > 0.5]
    quality = sum(values) / (sum(overlap.shape) / 2)
    mean = sum(values) / len(values) if values else 0.0
    return mean, quality / mean if values else 0.0, quality


def _diagnose_panoptic(got, expected, overlap, given):
    if np.allclose(got, expected, atol=1e-5):
        return
    if not np.isfinite(got).all():
        raise CheckFailed(f"Le résultat n'est pas fini {given} : sans paire, les trois nombres valent 0.")
    found = (overlap > 0.5).sum()
    if np.allclose(got[[1, 0, 2]], expected, atol=1e-5):
        raise CheckFailed(f"SQ et RQ sont échangées {given} : renvoyez SQ, RQ, PQ.")
    if np.isclose(got[0], overlap[overlap >= 0.5].mean() if (overlap >= 0.5).any() else 0) and "exactement" in given:
        raise CheckFailed(f"Une paire demande un IoU strictement supérieur à 0,5 {given}.")
    if found and np.isclose(got[1], found / (sum(overlap.shape) - found)):
        raise CheckFailed(f"RQ compte FP et FN en entier {given} : chacun ne pèse que la moitié.")
    if found and any(np.isclose(got[1], found / count) for count in overlap.shape) and len(set(overlap.shape)) == 2:
        raise CheckFailed(f"RQ n'est ici que le rappel ou la précision {given} : il faut TP / (TP + FP/2 + FN/2).")
    if found and any(np.isclose(got[0], overlap[overlap > 0.5].sum() / count) for count in overlap.shape):
        raise CheckFailed(f"SQ est la moyenne sur les PAIRES seulement {given} : RQ s'occupe déjà des autres.")
    if np.allclose(got[:2], expected[:2], atol=1e-5):
        raise CheckFailed(f"SQ et RQ sont justes {given}, pas PQ : c'est leur produit.")


@exercise(
    "4.4.b",
    "ndimage.maximum_filter(distance, size) donne la plus grande distance dans un carré de côté size autour du pixel.",
    "Le carré va jusqu'à spacing pixels de chaque côté : son côté est 2 * spacing + 1.",
    "Le fond (distance 0) n'a pas de sommet ; np.ones((3, 3)) fait se toucher les pixels par les coins dans label.",
)
def markers(answer):
    y, x = np.indices((40, 60))
    far = np.hypot(x - 15, y - 20), np.hypot(x - 33, y - 20), np.hypot(x - 44, y - 12)
    cases = [
        ("pour un disque", np.maximum(0, 9.5 - far[0]), 4),
        ("pour deux disques qui se touchent", np.maximum(0, 9.5 - np.minimum(far[0], far[1])), 4),
        ("pour une petite bosse à côté d'une grande", np.maximum(0, np.maximum(9.5 - far[1], 6 - far[2])), 5),
        ("pour deux sommets éloignés de 5 pixels et spacing = 3", _summits((40, 60), (20, 20), (20, 25)), 3),
        ("pour deux sommets éloignés de 5 pixels et spacing = 5", _summits((40, 60), (20, 20), (20, 25)), 5),
        ("pour un plateau en diagonale", np.where((x == y) & (x > 5) & (x < 9), 2.0, 0), 2),
        ("sans objet", np.zeros((40, 60)), 3),
        ("au hasard", np.maximum(0, np.random.default_rng(0).normal(size=(40, 60)).cumsum(0).cumsum(1)), 2),
    ]
    for given, distance, spacing in cases:
        expected = _local_maxima(distance, spacing)
        got = answer(distance.copy(), spacing)
        if np.shape(got) == expected.shape:
            _diagnose_markers(np.asarray(got), expected, distance, spacing, given)
        compare(got, expected, given=given)
    return "un numéro par sommet, plateaux et objets qui se touchent compris"


def _summits(shape, *places):
    distance = np.zeros(shape)
    for rank, place in enumerate(places):
        distance[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2] = 1
        distance[place] = 3 - rank
    return distance


def _local_maxima(distance, spacing):
    """Numbered groups of pixels that no pixel of their window exceeds, in the order of reading: naive loops."""
    height, width = distance.shape
    top = np.zeros(distance.shape, bool)
    for y, x in np.argwhere(distance > 0):
        window = distance[max(y - spacing, 0) : y + spacing + 1, max(x - spacing, 0) : x + spacing + 1]
        top[y, x] = distance[y, x] >= window.max()
    labels, count = np.zeros(distance.shape, int), 0
    for start in np.argwhere(top).tolist():
        if labels[tuple(start)]:
            continue
        count, waiting = count + 1, [start]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < height and 0 <= x < width and top[y, x] and not labels[y, x]:
                labels[y, x] = count
                waiting += [[y + down, x + right] for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return labels


def _diagnose_markers(got, expected, distance, spacing, given):
    if np.array_equal(got, expected):
        return
    if (got[distance == 0] != 0).any():
        raise CheckFailed(f"Le fond reçoit des marqueurs {given} : gardez les pixels dont la distance est positive.")
    if np.array_equal(got > 0, expected > 0) and got.max() <= 1 < expected.max():
        raise CheckFailed(f"Les sommets sont bien trouvés {given}, mais pas numérotés : ndimage.label les sépare.")
    if np.array_equal(got > 0, expected > 0) and got.max() > expected.max():
        raise CheckFailed(
            f"Un même sommet reçoit plusieurs numéros {given} : ses pixels se touchent par un coin. Donnez à "
            "ndimage.label la structure np.ones((3, 3))."
        )
    if np.array_equal(got > 0, expected > 0):
        raise CheckFailed(
            f"Les sommets sont bien trouvés {given}, mais pas numérotés 1, 2, 3… dans l'ordre de la lecture : ligne "
            "après ligne, de gauche à droite."
        )
    for window, words in ((spacing, "spacing"), (spacing + 1, "spacing + 1"), (2 * spacing, "2 * spacing")):
        if np.array_equal(got > 0, _window_maxima(distance, window)):
            raise CheckFailed(f"Le carré a un côté de {words} {given} : il faut spacing pixels de CHAQUE côté.")
    if got.max() > expected.max() and expected.max():
        raise CheckFailed(f"{got.max()} marqueurs {given}, où il y a {expected.max()} sommets.")


def _window_maxima(distance, size):
    from scipy import ndimage

    return (distance == ndimage.maximum_filter(distance, size)) & (distance > 0)


@exercise(
    "4.4.c",
    "Les points d'un axe : x1 + (x2 − x1) · (k + 0.5) / (size · samples), pour k de 0 à size · samples − 1.",
    "Le centre du pixel i est en i + 0.5 : un point en x se lit à l'indice x − 0.5, borné entre 0 et L − 1.",
    "Bilinéaire : avec left = min(int(index), L − 2) et f = index − left, on mélange (1 − f) de left et f de left + 1.",
    "read.reshape(size, samples, size, samples).mean(axis=(1, 3)) fait la moyenne des points de chaque cellule.",
)
def roi_align(answer):
    y, x = np.indices((9, 12)) + 0.5
    rng = np.random.default_rng(0)
    cases = [("sur la rampe 10 x", 10 * x, (2.3, 1.6, 8.9, 7.2), 3, 1), ("sur 9 x + y", 9 * x + y, (1, 2, 7, 6), 2, 2)]
    for box, size, samples in (((2.3, 1.6, 8.9, 7.2), 3, 2), ((0, 0, 12, 9), 4, 2), ((3.2, 3.1, 3.9, 3.6), 2, 3)):
        cases.append((f"sur une carte au hasard et la boîte {box}", rng.normal(size=(9, 12)), box, size, samples))
    cases.append(("pour une boîte qui dépasse de la carte", rng.normal(size=(9, 12)), (-1.5, 4, 13, 10.2), 5, 2))
    for given, features, box, size, samples in cases:
        given += f" (size = {size}, samples = {samples})"
        expected = _read(features, box, size, samples)
        got = answer(features.copy(), np.array(box, "float64"), size, samples)
        if np.shape(got) == expected.shape:
            _diagnose_roi(np.asarray(got, "float64"), expected, features, box, size, samples, given)
        compare(got, expected, given=given)
    return "égal à SciPy, et exact sur une rampe"


def _read(features, box, size, samples, *, shift=0.5, order=1, first=None, last=None):
    """The cells of a box read by SciPy's interpolation: `shift` is the centre of pixel 0."""
    from scipy import ndimage

    places = (np.arange(size * samples) + 0.5) / (size * samples)
    if first is not None:
        places = np.linspace(first, last, size * samples)
    x, y = (box[axis] + (box[axis + 2] - box[axis]) * places - shift for axis in (0, 1))
    read = ndimage.map_coordinates(features, np.meshgrid(y, x, indexing="ij"), order=order, mode="nearest")
    return read.reshape(size, samples, size, samples).mean(axis=(1, 3))


def _diagnose_roi(got, expected, features, box, size, samples, given):
    if np.allclose(got, expected, atol=1e-5):
        return
    x1, y1, x2, y2 = box
    rounded = tuple(np.round(box))
    wrong = {
        "Le décalage d'un demi-pixel manque {} : le centre du pixel i est en i + 0.5.": {"shift": 0.0},
        "Les points vont d'un bord de la boîte à l'autre {} : ils sont au MILIEU de parts égales.": {
            "first": 0.0, "last": 1.0,
        },
        "Chaque point lit le pixel le plus proche {} : il faut mélanger ses quatre voisins.": {"order": 0},
    }  # fmt: skip
    for words, options in wrong.items():
        if np.allclose(got, _read(features, box, size, samples, **options), atol=1e-5):
            raise CheckFailed(words.format(given))
    if np.allclose(got.T, expected, atol=1e-5):
        raise CheckFailed(f"Lignes et colonnes sont échangées {given} : le premier axe est celui des y.")
    if rounded[2] > rounded[0] and rounded[3] > rounded[1] and rounded != tuple(box):
        if np.allclose(got, _read(features, rounded, size, samples), atol=1e-5):
            raise CheckFailed(f"La boîte est arrondie {given} : c'est justement ce que RoIAlign évite.")
    if samples > 1 and np.allclose(got, _read(features, box, size, 1), atol=1e-5):
        raise CheckFailed(f"Un seul point est lu par cellule {given} : il en faut samples × samples.")
    if np.allclose(got, expected * samples**2, atol=1e-5):
        raise CheckFailed(f"Les points de chaque cellule sont ajoutés {given} : faites-en la moyenne.")


# --- Lesson 4.5 -----------------------------------------------------------------------------------------
@exercise(
    "4.5.a",
    "Les carrés des écarts, multipliés par holes[..., None], ne gardent que le trou.",
    "Divisez leur somme, image par image, par le nombre de valeurs du trou : ses pixels fois le nombre de canaux.",
    "PSNR = −10 · np.log10(erreur quadratique moyenne), pour des pixels entre 0 et 1.",
)
def hole_psnr(answer):
    from skimage import metrics

    rng = np.random.default_rng(0)
    for count, channels in ((1, 1), (3, 1), (4, 3)):
        truth, output = rng.random((2, count, 16, 12, channels))
        output = truth + (output - truth) * rng.uniform(0.1, 1, (count, 1, 1, 1))
        holes = rng.random((count, 16, 12)) < np.linspace(0.1, 0.6, count)[:, None, None]
        pairs = [(a[hole], b[hole]) for a, b, hole in zip(truth, output, holes)]
        expected = np.array([metrics.peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs])
        given = f"pour {count} image{'s' if count > 1 else ''} de {channels} {'canaux' if channels > 1 else 'canal'}"
        got = answer(truth.copy(), output.copy(), holes.copy())
        if np.shape(got) == expected.shape:
            _diagnose_psnr(np.asarray(got, "float64"), expected, truth, output, holes, given)
        elif np.ndim(got) == 0 and count > 1:
            raise CheckFailed(f"Une seule valeur {given} : il faut un PSNR par image.", stage="forme")
        compare(got, expected, given=given)
    return "égal à scikit-image, trou par trou"


def _diagnose_psnr(got, expected, truth, output, holes, given):
    squares, axes = (output - truth) ** 2, (1, 2, 3)
    inside = squares * holes[..., None]
    pixels, channels = holes.sum(axis=(1, 2)), truth.shape[-1]
    exact = inside.sum(axis=axes) / (pixels * channels)
    wrong = {
        "Vous mesurez l'image entière {} : les pixels connus, copiés tels quels, n'ont rien à faire dans cette note.": (
            -10 * np.log10(squares.mean(axis=axes))
        ),
        "Vous divisez par le nombre de pixels de l'image {} : un petit trou paraîtrait toujours bien rempli. Divisez "
        "par le nombre de pixels du trou.": -10 * np.log10(inside.mean(axis=axes)),
        "Tous les trous sont mis ensemble {} : il faut une moyenne par image.": np.full(
            len(truth), -10 * np.log10(inside.sum() / (pixels.sum() * channels))
        ),
        "Vous mesurez ce qui est hors du trou {} : vrai, dans holes, marque ce qui manque.": -10
        * np.log10((squares - inside).sum(axis=axes) / ((~holes).sum(axis=(1, 2)) * channels)),
        "Le signe est à l'envers {} : moins d'erreur, plus de décibels.": 10 * np.log10(exact),
        "C'est un logarithme népérien {} : les décibels comptent en base 10.": -10 * np.log(exact),
        "C'est l'erreur quadratique {} ; il reste à la mettre en décibels.": exact,
        "L'erreur quadratique est déjà un carré {} : 10 log10, et non 20.": -20 * np.log10(exact),
        "Une image en couleurs a trois valeurs par pixel {} : divisez aussi par le nombre de canaux.": -10
        * np.log10(exact * channels),
    }
    if np.allclose(got, expected, atol=1e-6):
        return
    for message, values in wrong.items():
        if np.allclose(got, values, atol=1e-6):
            raise CheckFailed(message.format(given))


@exercise(
    "4.5.b",
    "np.lib.stride_tricks.sliding_window_view(a, kernel.shape) range toutes les fenêtres de a : (H', W', k, k).",
    "known = windows(mask).sum(axis=(2, 3)) compte les pixels connus de chaque fenêtre ; mask' = known > 0.",
    "Somme des kernel · image · mask, fois kernel.size / known là où known > 0, plus le biais ; 0 ailleurs : np.where.",
)
def partial_conv(answer):
    rng = np.random.default_rng(0)
    image, kernel = np.ones((4, 4)), np.ones((3, 3))
    mask = np.ones((4, 4))
    mask[0, 0] = 0
    hole = np.ones((12, 10))
    hole[3:9, 2:8] = 0
    cases = [(image, np.ones((4, 4)), kernel, 0.0), (image, mask, kernel, 0.5), (image, mask, kernel, 0.0)]
    for size in (3, 5):
        cases.append((rng.normal(size=(12, 10)), hole, rng.normal(size=(size, size)), 0.7))
        cases.append((rng.normal(size=(9, 11)), 1.0 * (rng.random((9, 11)) < 0.3), rng.normal(size=(size, size)), -0.4))
    for image, mask, kernel, bias in cases:
        missing = int((mask == 0).sum())
        given = f"pour une image {image.shape}, pixels manquants : {missing}, et un noyau {kernel.shape}"
        dirty = np.where(mask > 0, image, 1e3)  # whatever lies under the hole must not count
        with np.errstate(all="ignore"):
            got = answer(dirty.copy(), mask.copy(), kernel.copy(), bias)
        expected = _partial_by_loop(image, mask, kernel, bias)
        if isinstance(got, (tuple, list)) and len(got) == 2:
            _diagnose_partial(got, expected, dirty, mask, kernel, bias, given)
        compare(got, expected, given=given)
    return "fenêtre par fenêtre, comme l'article ; ce qui est sous le trou ne compte pas"


def _partial_by_loop(image, mask, kernel, bias):
    """Liu et al. 2018, equations 1 and 2, one window after the other, from the lists of known pixels."""
    size = len(kernel)
    shape = image.shape[0] - size + 1, image.shape[1] - size + 1
    values, seen = np.zeros(shape), np.zeros(shape)
    for i, j in np.ndindex(shape):
        here = [(a, b) for a, b in np.ndindex(size, size) if mask[i + a, j + b] == 1]
        if here:
            values[i, j] = size**2 * np.mean([kernel[a, b] * image[i + a, j + b] for a, b in here]) + bias
            seen[i, j] = 1
    return values, seen


def _diagnose_partial(got, expected, image, mask, kernel, bias, given):
    values, seen = (np.asarray(part, "float64") for part in got)
    if values.shape != expected[0].shape or seen.shape != expected[1].shape:
        if image.shape in (values.shape, seen.shape):
            raise CheckFailed(
                f"La sortie a la taille de l'image {given} : sans remplissage, on perd k − 1 lignes et colonnes.",
                stage="forme",
            )
        return
    if np.allclose(values, expected[1]) and np.allclose(seen, expected[0]):
        raise CheckFailed(f"Les deux résultats sont échangés {given} : d'abord la sortie, puis le masque.")
    if not np.all(np.isfinite(values)):
        raise CheckFailed(f"Une fenêtre sans pixel connu divise par 0 {given} : la sortie doit y être 0.")
    windows = np.lib.stride_tricks.sliding_window_view(mask, kernel.shape)
    known = windows.sum(axis=(2, 3))
    if not np.allclose(seen, expected[1]):
        side = len(kernel) // 2
        middle = windows[:, :, side, side]
        wrong = {
            "Le masque n'est pas mis à jour {} : une fenêtre qui voit un pixel connu devient connue.": middle,
            "Le masque rendu n'est connu que si toute la fenêtre l'est {} : le trou grandirait. Un seul pixel connu "
            "suffit.": known == kernel.size,
            "Le masque rendu compte les pixels {} : il doit valoir 0 ou 1.": known,
            "Le masque rendu est une part {} : il doit valoir 0 ou 1.": known / kernel.size,
            "Le masque rendu est à l'envers {} : 1 là où l'on sait.": known == 0,
        }
        for message, masks in wrong.items():
            if np.allclose(seen, masks):
                raise CheckFailed(message.format(given))
    if np.allclose(values, expected[0], rtol=1e-6, atol=1e-6):
        return
    if np.abs(values).max() > 50 and np.any(mask == 0):
        raise CheckFailed(f"Ce qui est sous le trou entre dans le calcul {given} : multipliez l'image par le masque.")
    empty, partly = known == 0, (known > 0) & (known < kernel.size)
    plain = expected[0] - bias * (known > 0)
    raw = plain * known / kernel.size
    if np.any(empty) and np.allclose(values[empty], bias) and np.allclose(values[~empty], expected[0][~empty]):
        raise CheckFailed(f"Une fenêtre qui ne voit rien rend le biais {given} : elle doit rendre 0.")
    if np.any(partly):
        share = np.where(known > 0, kernel.size / np.maximum(known, 1), 0)
        if np.allclose(values[~empty], (raw + bias)[~empty]):
            raise CheckFailed(
                f"Le facteur sum(1) / sum(M) manque {given} : au bord d'un trou, la sortie serait trop faible."
            )
        if np.allclose(values[~empty], ((raw + bias) * share)[~empty]):
            raise CheckFailed(f"Le biais est multiplié lui aussi {given} : il s'ajoute après le facteur.")
    if np.allclose(values[~empty], (plain / kernel.size + bias)[~empty]):
        raise CheckFailed(f"Vous faites une moyenne {given} : le facteur est sum(1) / sum(M), pas 1 / sum(M).")


@exercise(
    "4.5.c",
    "Aplatissez chaque image : images.reshape(len(images), -1).",
    "((a[:, None] - b[None]) ** 2).sum(-1) donne les distances (P, G) de chaque image à chaque photographie connue.",
    "people[distances.argmin(axis=1)] : le nom de la photographie la plus proche, pas son rang.",
)
def identify(answer):
    from sklearn import neighbors

    rng = np.random.default_rng(0)
    for photos, probes, shape in ((3, 2, (2, 2, 1)), (12, 7, (6, 5, 1)), (9, 14, (4, 4, 3))):
        gallery, images = rng.random((photos, *shape)), rng.random((probes, *shape))
        people = rng.permutation(10 * np.arange(photos) // 3 + 7)
        nearest = neighbors.KNeighborsClassifier(1).fit(gallery.reshape(photos, -1), people)
        expected = nearest.predict(images.reshape(probes, -1))
        given = f"pour {probes} images et {photos} photographies connues"
        got = answer(gallery.copy(), people.copy(), images.copy())
        if np.shape(got) == expected.shape and not np.array_equal(got, expected):
            _diagnose_identify(np.asarray(got), gallery, people, images, given)
        if np.shape(got) == people.shape:
            raise CheckFailed(
                f"Vous rendez un nom par photographie connue {given} : il en faut un par image à reconnaître.",
                stage="forme",
            )
        compare(got, expected, given=given)
    return "égal au plus proche voisin de scikit-learn"


def _diagnose_identify(got, gallery, people, images, given):
    gaps = images.reshape(len(images), 1, -1) - gallery.reshape(1, len(gallery), -1)
    distances = (gaps**2).sum(-1)
    wrong = {
        "Ce sont les rangs des photographies {} : rendez le nom, people[rang].": distances.argmin(1),
        "C'est la photographie la plus éloignée {} : argmin, et non argmax.": people[distances.argmax(1)],
        "Les écarts positifs et négatifs se compensent {} : élevez-les au carré avant de les ajouter.": people[
            np.abs(gaps.sum(-1)).argmin(1)
        ],
        "Sans valeur absolue ni carré {}, le plus petit écart est le plus négatif.": people[gaps.sum(-1).argmin(1)],
    }
    for message, names in wrong.items():
        if np.array_equal(got, names):
            raise CheckFailed(message.format(given))


# --- Lesson 4.6 -----------------------------------------------------------------------------------------
@exercise(
    "4.6.a",
    "boxes.iou(tracks, detections) rend le tableau (N, M) des recouvrements.",
    "optimize.linear_sum_assignment(overlap, maximize=True) rend les lignes et les colonnes des paires.",
    "Gardez ensuite les paires dont overlap[rows, columns] >= threshold.",
)
def associate(answer):
    import itertools

    from labs import boxes

    def best(overlap, threshold):
        rows, columns = overlap.shape
        if rows > columns:
            return sorted((i, j) for j, i in best(overlap.T, threshold))
        every = itertools.permutations(range(columns), rows)
        chosen = max(every, key=lambda places: sum(overlap[i, j] for i, j in enumerate(places)))
        return [(i, j) for i, j in enumerate(chosen) if overlap[i, j] >= threshold]

    rng = np.random.default_rng(0)
    # In a row, each shifted: the greatest overlap first would leave the other one alone.
    greedy = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10]]), np.array([[3.0, 0, 13, 10], [8, 0, 18, 10]])
    cases = [(*greedy, 0.2), (np.array([[0.0, 0, 4, 4]]), np.array([[0.0, 0, 4, 2]]), 0.5)]  # just the threshold
    for count, found in ((3, 3), (2, 4), (4, 2), (4, 4)):
        corners = rng.uniform(0, 12, (count + found, 2))
        every = np.hstack([corners, corners + rng.uniform(6, 14, (count + found, 2))])
        cases.append((every[:count], every[count:], 0.2))
    for tracks, detections, threshold in [*cases, (greedy[0], np.zeros((0, 4)), 0.3)]:
        given = f"pour {len(tracks)} pistes, {len(detections)} détections et un seuil de {threshold}"
        got = answer(tracks.copy(), detections.copy(), threshold)
        require_two(got, "les rangs des pistes, puis ceux des détections")
        overlap = boxes.iou(tracks, detections) if len(detections) else np.zeros((len(tracks), 0))
        expected = best(overlap, threshold)
        if len(got[0]) != len(got[1]):
            raise CheckFailed(f"{len(got[0])} pistes et {len(got[1])} détections {given} : il faut des paires.")
        pairs = sorted((int(i), int(j)) for i, j in zip(*got))
        if pairs != expected:
            _diagnose_association(pairs, expected, overlap, threshold, given)
    return "la meilleure de toutes les associations, essayées une à une"


def _diagnose_association(pairs, expected, overlap, threshold, given):
    for places, words in zip(zip(*pairs), ("une piste a deux détections", "une détection est donnée à deux pistes")):
        if len(set(places)) < len(places):
            raise CheckFailed(f"Ce n'est pas une association {given} : {words}.", stage="valeurs")
    if sorted((j, i) for i, j in pairs) == expected:
        raise CheckFailed(f"Pistes et détections sont échangées {given} : les rangs des pistes d'abord.")
    if any(not (0 <= i < overlap.shape[0] and 0 <= j < overlap.shape[1]) for i, j in pairs):
        raise CheckFailed(f"Un rang est hors du tableau {overlap.shape} {given} : vos paires sont {pairs}.")
    if any(overlap[pair] < threshold for pair in pairs):
        raise CheckFailed(f"Des paires se recouvrent trop peu {given} : il faut retirer celles sous le seuil.")
    if set(pairs) < set(expected) and all(overlap[pair] == threshold for pair in set(expected) - set(pairs)):
        raise CheckFailed(
            f"Une paire dont l'IoU est égal au seuil est retirée {given} : on ne retire que ce qui est en dessous."
        )
    total, best = (sum(overlap[pair] for pair in some) for some in (pairs, expected))
    if total < best - 1e-9:
        raise CheckFailed(
            f"Le recouvrement total de vos paires est {total:.2f} {given}, et on peut atteindre {best:.2f} : prendre "
            "à chaque fois la paire la plus forte ne suffit pas."
        )
    raise CheckFailed(f"Vos paires sont {pairs} {given} ; il fallait {expected} : le seuil vient après le choix.")


@exercise(
    "4.6.b",
    "Prédire : mean = F @ mean, puis covariance = F @ covariance @ F.T + Q. Si z est None, c'est fini.",
    "Le gain est K = P Hᵀ S⁻¹, avec S = H P Hᵀ + R : covariance @ H.T @ np.linalg.inv(S).",
    "Corriger : mean + K @ (z - H @ mean), et covariance - K @ H @ covariance.",
)
def kalman(answer):
    rng = np.random.default_rng(0)
    walk = np.array([[1.0, 1], [0, 1]]), np.diag([0.1, 0.2]), np.array([[1.0, 0]]), np.array([[4.0]])
    systems = [(np.array([10.0, 2]), np.diag([1.0, 3]), *walk, [None]), (np.zeros(2), np.eye(2), *walk, [[3.0]])]
    systems.append((np.zeros(2), np.diag([5.0, 9]), *walk, [[1.0], [2.5], None, [6.0]]))
    for size, seen in ((3, 2), (4, 2)):
        roots = [rng.normal(size=(n, n)) for n in (size, size, seen)]
        start, process, noise = (root @ root.T + np.eye(len(root)) for root in roots)
        transition, observation = rng.normal(size=(size, size)) / 2, rng.normal(size=(seen, size))
        measures = [rng.normal(size=seen), None, rng.normal(size=seen)]
        systems.append((rng.normal(size=size), start, transition, process, observation, noise, measures))
    for mean, covariance, F, Q, H, R, measures in systems:  # noqa: N806
        seen = sum(z is not None for z in measures)
        given = f"pour un état de {len(mean)} nombres, vu {seen} fois en {len(measures)} image(s)"
        expected = _filtered(mean, covariance, F, Q, H, R, measures)
        got = mean.copy(), covariance.copy()
        for z in measures:
            got = answer(*got, None if z is None else np.array(z), F.copy(), Q.copy(), H.copy(), R.copy())
            require_two(got, "la moyenne, puis la covariance")
            got = np.asarray(got[0], "float64"), np.asarray(got[1], "float64")
        if got[0].shape == mean.shape and got[1].shape == covariance.shape:
            _diagnose_kalman(got, expected, mean, covariance, F, Q, measures, given)
        compare(got[0], expected[0], given=f"{given}, moyenne")
        compare(got[1], expected[1], given=f"{given}, covariance")
    return "égal à la loi conditionnelle, calculée d'un seul coup"


def _filtered(mean, covariance, F, Q, H, R, measures):  # noqa: N803
    """Law of the last state given all the measures, from the joint normal law of the states: no recursion."""
    size, steps = len(mean), len(measures)
    powers = [np.linalg.matrix_power(F, k) for k in range(steps + 1)]
    means = [powers[t] @ mean for t in range(1, steps + 1)]
    joint = np.zeros((steps, size, steps, size))
    for s, t in np.ndindex(steps, steps):
        joint[s, :, t] = powers[s + 1] @ covariance @ powers[t + 1].T
        joint[s, :, t] += sum(powers[s - k] @ Q @ powers[t - k].T for k in range(min(s, t) + 1))
    seen = [t for t in range(steps) if measures[t] is not None]
    if not seen:
        return means[-1], joint[-1, :, -1]
    watch = np.concatenate([H @ joint[t].reshape(size, -1) for t in seen])
    select = np.concatenate([np.kron(np.eye(steps)[t], H) for t in seen])
    spread = watch @ select.T + np.kron(np.eye(len(seen)), R)
    surprise = np.concatenate([np.asarray(measures[t]) - H @ means[t] for t in seen])
    gain = np.linalg.solve(spread, watch[:, -size:]).T
    return means[-1] + gain @ surprise, joint[-1, :, -1] - gain @ watch[:, -size:]


def _diagnose_kalman(got, expected, mean, covariance, F, Q, measures, given):  # noqa: N803
    if np.allclose(got[0], expected[0], atol=1e-6) and np.allclose(got[1], expected[1], atol=1e-6):
        return
    if measures == [None]:
        if np.allclose(got[0], mean) and np.allclose(got[1], covariance):
            raise CheckFailed(f"Sans mesure (z = None), l'état ne bouge pas {given} : il faut tout de même prédire.")
        if np.allclose(got[1], F @ covariance @ F.T):
            raise CheckFailed(f"Il manque Q à la covariance prédite {given} : l'incertitude doit grandir.")
        if np.allclose(got[1], covariance + Q):
            raise CheckFailed(f"La covariance prédite est F P Fᵀ + Q {given} : F mélange position et vitesse.")
    if len(measures) == 1:
        predicted = F @ covariance @ F.T + Q
        if np.allclose(got[1], predicted):
            raise CheckFailed(f"La covariance n'est pas corrigée {given} : une mesure doit la réduire.")
        if np.allclose(got[0], 2 * F @ mean - expected[0]) and not np.allclose(expected[0], F @ mean):
            raise CheckFailed(f"La correction va dans le mauvais sens {given} : la surprise est z − H m.")
        if np.linalg.eigvalsh(expected[1] - got[1]).min() > -1e-9:
            raise CheckFailed(f"Le filtre est trop sûr de lui {given} : S = H P Hᵀ + R, avec le bruit R de la mesure.")


@exercise(
    "4.6.c",
    "Un dictionnaire last : objet → dernière identité reçue, gardé d'une image à l'autre.",
    "Pour chaque paire (objet, identité) d'une image : si last contient l'objet avec une autre identité, comptez 1.",
    "N'effacez rien quand un objet n'est pas suivi : last.update(pairs) à la fin de chaque image.",
)
def identity_switches(answer):
    from labs import tracking

    rng = np.random.default_rng(0)
    cases = [[{1: 4}] * 3, [{1: 4}, {1: 4}, {1: 9}, {1: 9}], [{1: 4}, {}, {}, {1: 9}], [{1: 4}, {1: 9}, {1: 4}]]
    cases += [[{1: 4, 2: 5}, {1: 5, 2: 4}], [{1: 4}, {2: 4}, {1: 4, 2: 7}]]
    for _ in range(3):
        frames = []
        for _ in range(12):
            objects = rng.permutation(5)[: rng.integers(1, 5)]
            frames.append(dict(zip(objects.tolist(), rng.permutation(6)[: len(objects)].tolist())))
        cases.append(frames)
    for frames in cases:
        expected = tracking.evaluate(*(_far_apart(frames, side) for side in (0, 1)))["IDSW"]
        got = answer([dict(pairs) for pairs in frames])
        given = f"pour {frames}" if len(frames) < 5 else f"pour {len(frames)} images tirées au hasard"
        if np.ndim(got) == 0 and got != expected:
            _diagnose_switches(int(got), expected, frames, given)
        compare(got, expected, given=given)
    return "égal à TrackEval"


def _far_apart(frames, side):
    """Boxes whose only matches are the pairs: each object stands alone in its place."""
    rows = [[[100 * i, 0, 100 * i + 50, 50, (i, name)[side]] for i, name in pairs.items()] for pairs in frames]
    return [np.array(row, "float64").reshape(-1, 5) for row in rows]


def _diagnose_switches(got, expected, frames, given):
    steps = zip(frames, frames[1:])
    neighbours = sum(i in before and before[i] != name for before, now in steps for i, name in now.items())
    names = {i: {pairs[i] for pairs in frames if i in pairs} for i in set().union(*frames)}
    renamed = sum(len(some) - 1 for some in names.values())
    wrong = {
        neighbours: "seule l'image d'avant est regardée : un objet perdu puis retrouvé sous un autre nom compte aussi",
        renamed: "revenir à un ancien nom (4, 9, 4) fait deux changements, pas un",
        expected + len(names): "recevoir son premier nom n'est pas en changer",
    }
    if got in wrong:
        raise CheckFailed(f"Vous comptez {got} au lieu de {expected} {given} : {wrong[got]}.")


@exercise(
    "4.6.d",
    "Les pieds (px, py) : ((x1 + x2) / 2, y2). Avec (dx, dy) = end − start et start = (x0, y0), le côté est le signe "
    "de dx · (py − y0) − dy · (px − x0) : positif à droite.",
    "Gardez le dernier côté de chaque identité dans un dictionnaire, et comparez-le au nouveau.",
    "Sur la ligne (côté 0), ne changez pas le dernier côté : on ne sait pas encore.",
)
def count_crossings(answer):
    line = (100.0, 300.0), (100.0, 0.0)
    slant = (0.0, 90.0), (100.0, 190.0)
    cases = [
        (_paces([80, 95, 110, 120]), line, (1, 0), "quelqu'un qui passe vers la droite"),
        (_paces([120, 105, 90]), line, (0, 1), "quelqu'un qui passe vers la gauche"),
        (_paces([120, 105, 90]), line[::-1], (1, 0), "la même ligne, tracée dans l'autre sens"),
        (_paces([80, 95, None, None, 110]), line, (1, 0), "quelqu'un qui passe pendant qu'on ne le voit pas"),
        (_paces([80, 110, 120, 90, 70]), line, (1, 1), "quelqu'un qui passe, puis revient"),
        (_paces([90, 100, 100, 108]), line, (1, 0), "quelqu'un qui s'arrête sur la ligne, puis passe"),
        (_paces([90, 100, 90, 80]), line, (0, 0), "quelqu'un qui touche la ligne et repart"),
        (_paces([100, 110, 120]), line, (0, 0), "quelqu'un qui apparaît sur la ligne, puis s'en va"),
        (_paces([80, 90]) + _paces([110, 120], 2), line, (0, 0), "deux personnes, une de chaque côté"),
        ([np.array([[0, y - 50, 20, y, 1.0]]) for y in (90, 105)], slant, (1, 0), "des pieds qui passent une oblique"),
        ([np.array([[0, y - 50, 20, y, 1.0]]) for y in (120, 135)], slant, (0, 0), "un buste qui passe une oblique"),
    ]
    for tracks, (start, end), expected, given in cases:
        got = answer([rows.copy() for rows in tracks], np.array(start), np.array(end))
        given = f"pour {given}"
        require_two(got, "les passages vers la droite, puis ceux vers la gauche")
        if expected[::-1] == tuple(got) != expected:
            raise CheckFailed(f"Droite et gauche sont échangées {given} : dans une image, y va vers le bas.")
        if tuple(got) != expected:
            counted = tuple(np.asarray(got).tolist())
            raise CheckFailed(f"Vous comptez {counted} (droite, gauche) {given} ; il faut {expected}.")
        compare(got, expected, given=given)
    return "onze passages vérifiés, cachés, hésitants ou obliques"


def _paces(places, identity=1):
    """Somebody whose feet are at (x, 200), frame by frame; None: out of sight."""
    return [np.array([[x - 10, 150, x + 10, 200, identity]] if x else np.zeros((0, 5)), "float64") for x in places]
