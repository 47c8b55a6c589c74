"""D-RISE: what a detector looks at, through its inputs and outputs alone (Petsiuk et al. 2021). Lesson 5.4.

`detect` is any function, images (B, H, W, 3) in [0, 1] -> a list of what it proposes, one an image: anything with
`boxes`, `probabilities` and `objectness`, as `labs.yolo.Detections` or `Proposals`. For YOLO, give a low threshold:
functools.partial(yolo.detect, model, score_threshold=0.05). A target is what one wants to explain, in the same form.
"""

import itertools
from typing import NamedTuple

import numpy as np

from labs import boxes as box
from labs import explain


class Proposals(NamedTuple):
    """What a detector proposes, or what is to be explained.

    boxes: (K, 4), x1, y1, x2, y2 in the pixels of the image.
    probabilities: (K, C), of each class.
    objectness: (K,), or 1 for a detector that has none, as in the paper.
    """

    boxes: np.ndarray
    probabilities: np.ndarray
    objectness: np.ndarray | float = 1.0


def target(boxes, classes, count):
    """Targets given by hand, an object that was missed for instance: Proposals. Lesson 5.4.

    Args:
        boxes: (T, 4), in pixels; classes: (T,), one an object; count: number of classes of the detector.

    Raises:
        ValueError: an empty or inverted box, not one class a box, or a class outside [0, count[.
    """
    boxes, classes = box.require(boxes), np.asarray(classes)
    if classes.shape != (len(boxes),) or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"Attendu un numéro de classe par boîte, {len(boxes)} en tout ; reçu {classes.tolist()}.")
    if classes.size and not (0 <= classes.min() and classes.max() < count):
        raise ValueError(f"Les classes vont de 0 à {count - 1} ; reçu {classes.tolist()}.")
    return Proposals(boxes, np.eye(count, dtype="float32")[classes])


def similarity(targets, proposals):
    """IoU × cosine of the class probabilities × objectness of the proposal: (T, P) in [0, 1]. Lesson 5.4.

    The three factors of Petsiuk et al. 2021, section 3.

    Raises:
        ValueError: an empty or inverted box, or different numbers of classes.
    """
    ours, theirs = (np.asarray(one.probabilities, "float32") for one in (targets, proposals))
    if not len(theirs) or not len(ours):
        return np.zeros((len(ours), len(theirs)), "float32")
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"La cible a {ours.shape[1]} classes, le détecteur {theirs.shape[1]} : donnez les mêmes.")
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)
    cosine = ours @ theirs.T / np.maximum(lengths, 1e-12)
    return box.iou(targets.boxes, proposals.boxes) * cosine * np.asarray(proposals.objectness, "float32")


def best_similarity(targets, proposals):
    """For each target, its largest similarity with a proposal, 0 without proposal: (T,). Lesson 5.4.

    The weight of a mask (Petsiuk et al. 2021, section 3).
    """
    return similarity(targets, proposals).max(axis=1, initial=0)


def drise(detect, image, targets, masks=2000, cells=16, keep=0.5, seed=0, *, batch_size=8):
    """Sum of random masks weighted by `best_similarity` under each, over masks × keep: (T, H, W). Lesson 5.4.

    Petsiuk et al. 2021, section 3: the masks are those of RISE (`explain.random_masks`); all the targets are
    explained by the same calls of the detector.

    Args:
        image: (H, W, 3), float in [0, 1]; masks: how many; cells: side of their grid; keep: share of cells seen.
        batch_size: images given to `detect` at once.

    Raises:
        ValueError, TypeError: no target, an image that is not (H, W, 3) in [0, 1], masks that cannot be drawn, a target
            that nothing overlaps under any mask.
    """
    image, found = _require_image(image), np.zeros(_require_targets(targets))
    drawn = explain.random_masks(image.shape[:2], masks, cells, keep, seed)
    maps = np.zeros((len(found), image.shape[0] * image.shape[1]), "float32")
    for start in explain.progress(range(0, masks, batch_size), "D-RISE"):
        batch = np.stack(list(itertools.islice(drawn, min(batch_size, masks - start))))
        weights = _weights(detect, batch[..., None] * image, targets)
        maps += weights.T @ batch.reshape(len(batch), -1)
        found += weights.sum(axis=0)
    if not found.all():
        raise ValueError(
            f"Sous aucun des {masks} masques le détecteur ne propose de boîte qui recouvre la cible de rang "
            f"{int(np.argmin(found))}. Baissez son seuil de score (0.01 par exemple), ou donnez plus de masques."
        )
    return (maps / (masks * keep)).reshape(len(found), *image.shape[:2])


def deletion(detect, image, targets, heatmaps, steps=50, baseline=0.5):
    """Best similarity of each target as pixels go, most important first: (curves (T, steps + 1), areas (T,)).

    As `explain.deletion`, with `best_similarity` in place of the probability: small areas are good. Lesson 5.4.

    Args:
        heatmaps: (T, H, W), one a target.

    Raises:
        ValueError, TypeError: as `drise`; or not one map a target.
    """
    image = _require_image(image)
    return _curves(detect, image, np.full_like(image, baseline), targets, heatmaps, steps)


def insertion(detect, image, targets, heatmaps, steps=50):
    """Best similarity of each target as pixels come into the blurred image: (curves, areas), as `deletion`."""
    image = _require_image(image)
    return _curves(detect, explain.blurred(image), image, targets, heatmaps, steps)


def _curves(detect, start, end, targets, heatmaps, steps):
    count = _require_targets(targets)
    if len(heatmaps) != count:
        raise ValueError(f"{len(heatmaps)} cartes pour {count} cibles : donnez une carte par cible, (T, H, L).")
    pairs = [
        explain.perturbation_curve(lambda images, t=t: _weights(detect, images, targets)[:, t], start, end, one, steps)
        for t, one in enumerate(heatmaps)
    ]
    return np.stack([curve for curve, _ in pairs]), np.array([area for _, area in pairs])


def pointing(heatmaps, boxes):
    """Tell whether the largest value of each map (T, H, W) is in its box (T, 4): bool (T,). Lesson 5.4.

    The pointing game of Zhang et al. 2016, as Petsiuk et al. 2021 play it.
    """
    rows, columns = np.unravel_index(np.reshape(heatmaps, (len(heatmaps), -1)).argmax(axis=1), heatmaps.shape[1:])
    left, top, right, bottom = box.require(boxes).T
    return (left <= columns + 0.5) & (columns + 0.5 <= right) & (top <= rows + 0.5) & (rows + 0.5 <= bottom)


def energy(heatmaps, boxes):
    """Share of each map (T, H, W), its smallest value taken away, that lies in its box (T, 4): (T,). Lesson 5.4.

    The energy-based pointing game of Wang et al. 2020 (Score-CAM).
    """
    shares = []
    for one, (left, top, right, bottom) in zip(heatmaps, box.require(boxes)):
        columns, rows = np.arange(one.shape[1]) + 0.5, np.arange(one.shape[0]) + 0.5
        inside = ((top <= rows) & (rows <= bottom))[:, None] & ((left <= columns) & (columns <= right))
        above = one - one.min()
        shares.append((above * inside).sum() / max(above.sum(), 1e-12))
    return np.array(shares)


def _weights(detect, images, targets):
    """(B, T): `best_similarity` of each image."""
    proposed = detect(images)
    if len(proposed) != len(images):
        raise ValueError(f"detect a reçu {len(images)} images et rendu {len(proposed)} résultats : un par image.")
    return np.stack([best_similarity(targets, one) for one in proposed])


def _require_targets(targets):
    count = len(targets.boxes)
    if not count:
        raise ValueError(
            "Aucune cible à expliquer : le détecteur n'a rien trouvé. Baissez son seuil de score, ou donnez la boîte "
            "et la classe vous-même : drise.target(boxes, classes, count)."
        )
    return count


def _require_image(image):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"Attendu une seule image en couleurs (H, L, 3) ; reçu un tableau {image.shape}.")
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"Attendu des nombres à virgule entre 0 et 1 ; reçu {image.dtype} : divisez par 255.")
    if not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(f"Attendu des valeurs de [0, 1] ; reçu de {image.min():.3g} à {image.max():.3g}.")
    return image.astype("float32", copy=False)
