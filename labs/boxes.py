"""Boxes: overlap, losses, suppression of doubles, COCO's average precision. Chapter 4.

A box is x1, y1, x2, y2 in pixels, with x1 < x2 and y1 < y2: its left, top, right and bottom edges.
"""

import numpy as np
from keras import ops

# ── Overlap ──


def iou(a, b):
    """Intersection over union of each box of `a` (N, 4) with each box of `b` (M, 4): (N, M) in [0, 1]. Lesson 4.1.

    Raises:
        ValueError: an array is not (N, 4), or a box is empty, inverted or not finite.
    """
    a, b = require(a), require(b)
    return _overlap(a[:, None], b[None])


def require(boxes):
    """Check that `boxes` are (N, 4), finite, with x1 < x2 and y1 < y2; return them as floats. Lesson 4.1.

    Raises:
        ValueError: they are not; the message shows the first faulty box.
    """
    boxes = np.asarray(boxes)
    if not boxes.size:
        return np.zeros((0, 4), "float32")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        alone = " : pour une seule boîte, ajoutez [None]" if boxes.shape == (4,) else ""
        raise ValueError(f"Attendu des boîtes (N, 4), x1 y1 x2 y2 en pixels ; reçu la forme {boxes.shape}{alone}.")
    if not np.issubdtype(boxes.dtype, np.floating):
        boxes = boxes.astype("float64")
    sound = boxes[:, 2:] > boxes[:, :2]  # false for NaN
    if not (sound.all() and np.isfinite(boxes).all()):
        _refuse(boxes)
    return boxes


def _refuse(boxes):
    faults = {
        "a une valeur qui n'est pas finie": ~np.isfinite(boxes).all(axis=1),
        "est inversée": (boxes[:, 2:] < boxes[:, :2]).any(axis=1),
        "est vide": (boxes[:, 2:] == boxes[:, :2]).any(axis=1),
    }
    fault, rank = min(((name, int(np.argmax(rows))) for name, rows in faults.items() if rows.any()), key=lambda f: f[1])
    raise ValueError(
        f"La boîte de rang {rank} {fault} : {boxes[rank].tolist()}. Il faut x1 < x2 et y1 < y2, en nombres finis. "
        "Retirez-la, ou convertissez-la si elle est en (centre, largeur, hauteur) : boxes.to_corners."
    )


def _overlap(a, b):
    """IoU of boxes whose shapes broadcast: (..., 4) and (..., 4) -> (...)."""
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0)
    intersection = sides[..., 0] * sides[..., 1]
    return intersection / (_area(a) + _area(b) - intersection)


def _area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def to_corners(boxes):
    """From x, y of the centre, width, height to x1, y1, x2, y2: (..., 4), a tensor. Lesson 4.1."""
    centers, half = boxes[..., :2], boxes[..., 2:] / 2
    return ops.concatenate([centers - half, centers + half], axis=-1)


def to_centers(boxes):
    """From x1, y1, x2, y2 to x, y of the centre, width, height: (..., 4), a tensor. Lesson 4.1."""
    return ops.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], axis=-1)


# ── Losses: what a predicted box (…, 4) costs against the true one, row by row, differentiable ──

_SMALLEST = 1e-9  # of a side, where an angle is taken: no derivative of arctan at (0, 0)


def iou_loss(a, b):
    """1 - IoU of each row: (..., 4), (..., 4) -> (...). Its gradient is zero where the boxes are apart. Lesson 4.1.

    Boxes are not checked, since losses run inside compiled functions: an empty one gives a finite value and gradient.
    """
    return 1 - _ratio(*_areas(a, b))


def giou_loss(a, b):
    """1 - GIoU of each row. Rezatofighi et al. 2019, algorithm 1. Lesson 4.1.

    GIoU = IoU - (|C| - |A ∪ B|) / |C|, with C the smallest box that holds both: in [-1, 1].
    """
    intersection, union = _areas(a, b)
    hull = ops.prod(_hull(a, b), axis=-1)
    return 1 - _ratio(intersection, union) + _ratio(hull - union, hull)


def diou_loss(a, b):
    """1 - IoU + ρ² / c². Zheng et al. 2020, equation 7. Lesson 4.1.

    ρ is the distance of the centres, c the diagonal of the smallest box that holds both.
    """
    gap = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    return iou_loss(a, b) + _ratio(ops.sum(gap**2, axis=-1), ops.sum(_hull(a, b) ** 2, axis=-1))


def ciou_loss(a, b):
    """1 - IoU + ρ² / c² + α v. Zheng et al. 2020, equations 8 to 11. Lessons 4.1 and 4.2.

    v = 4/π² (arctan w/h - arctan w'/h')², α = v / (1 - IoU + v). As in the authors' code, α is a weight: it is not
    differentiated. The gradient of v is exact, where that code drops its factor 1 / (w² + h²).
    """
    angles = [ops.arctan2(*ops.unstack(ops.maximum(box[..., 2:] - box[..., :2], _SMALLEST), axis=-1)) for box in (a, b)]
    v = 4 / np.pi**2 * (angles[0] - angles[1]) ** 2
    alpha = ops.stop_gradient(_ratio(v, iou_loss(a, b) + v))
    return diou_loss(a, b) + alpha * v


def _areas(a, b):
    sides = ops.relu(ops.minimum(a[..., 2:], b[..., 2:]) - ops.maximum(a[..., :2], b[..., :2]))
    intersection = ops.prod(sides, axis=-1)
    return intersection, _area(a) + _area(b) - intersection


def _hull(a, b):
    return ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2])


def _ratio(part, whole):
    return ops.divide_no_nan(part, whole)


# ── Suppression of doubles ──

_BLOCK = 64


def nms(boxes, scores, iou_threshold=0.5, classes=None):
    """Greedy non-maximum suppression: ranks of the boxes kept, best score first, int64 (K,). Lesson 4.1.

    The best box is kept, those whose IoU with it is above the threshold are dropped, and so on.

    Args:
        boxes, scores: (N, 4) and (N,).
        classes: (N,); boxes of different classes then leave each other alone.

    Raises:
        ValueError: shapes that do not match, a degenerate box, a score that is not finite, a threshold out of [0, 1].
    """
    boxes, scores = _require_scored(boxes, scores, classes)
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"Le seuil d'IoU est un nombre de [0, 1], par exemple 0.5 ; reçu {iou_threshold}.")
    classes = None if classes is None else np.asarray(classes)

    def doubles(some, others):
        above = _overlap(boxes[some, None], boxes[None, others]) > iou_threshold
        return above if classes is None else above & (classes[some, None] == classes[None, others])

    left, kept = np.argsort(-scores, kind="stable"), [np.zeros(0, "int64")]
    while left.size:  # by blocks: one array operation in place of a loop over the boxes
        block, left = left[:_BLOCK], left[_BLOCK:]
        among, alive = doubles(block, block), np.ones(len(block), bool)
        for rank in range(len(block)):
            if alive[rank]:
                alive[rank + 1 :] &= ~among[rank, rank + 1 :]
        kept.append(block[alive])
        left = left[~doubles(block[alive], left).any(axis=0)]
    return np.concatenate(kept)


def diou_nms(boxes, scores, threshold=0.5):
    """Greedy suppression by IoU - ρ² / c²: ranks of the boxes kept, best first. Zheng et al. 2020, §4.4. Lesson 4.2.

    ρ is the distance of the centres, c the diagonal of the smallest box that holds both: of two boxes that overlap as
    much, those whose centres are apart are more likely to be two objects.

    Raises:
        ValueError: shapes that do not match, a degenerate box, or a score that is not finite.
    """
    boxes, scores = _require_scored(boxes, scores)
    left, kept = np.argsort(-scores, kind="stable"), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        one, others = boxes[best], boxes[left]
        gap = (one[:2] + one[2:] - others[:, :2] - others[:, 2:]) / 2
        hull = np.maximum(one[2:], others[:, 2:]) - np.minimum(one[:2], others[:, :2])
        left = left[_overlap(one, others) - (gap**2).sum(axis=1) / (hull**2).sum(axis=1) <= threshold]
    return np.array(kept, "int64")


def soft_nms(boxes, scores, decay, *, score_threshold=0.001):
    """Soft-NMS: (ranks kept, their new scores), in the order of the choice. Bodla et al. 2017, figure 2. Lesson 4.1.

    Where `nms` drops a box, this lowers its score: s ← s × decay(IoU with the box just chosen).

    Args:
        decay: IoU in [0, 1] -> factor in [0, 1], such as `linear_decay(0.3)` or `gaussian_decay(0.5)`.
        score_threshold: a box whose score falls below it is dropped.

    Raises:
        ValueError: shapes that do not match, a degenerate box, or a score that is not finite.
    """
    boxes, scores = _require_scored(boxes, scores)
    left, scores, kept = np.arange(len(scores)), scores.astype("float64"), []
    while (left := left[scores[left] >= score_threshold]).size:
        best = left[np.argmax(scores[left])]
        kept.append(best)
        left = left[left != best]
        scores[left] *= decay(_overlap(boxes[best], boxes[left]))
    kept = np.array(kept, "int64")
    return kept, scores[kept]


def linear_decay(threshold=0.3):
    """1 - IoU from the threshold on, 1 below. Bodla et al. 2017, section 3. Lesson 4.1."""
    return lambda overlap: np.where(overlap >= threshold, 1 - overlap, 1.0)


def gaussian_decay(sigma=0.5):
    """exp(-IoU² / σ): no threshold, no jump. Bodla et al. 2017, equation 3. Lesson 4.1."""
    return lambda overlap: np.exp(-(overlap**2) / sigma)


def _require_scored(boxes, scores, classes=None):
    boxes, scores = require(boxes), np.asarray(scores)
    others = [scores] if classes is None else [scores, np.asarray(classes)]
    if any(other.shape != (len(boxes),) for other in others):
        given = " et ".join(str(other.shape) for other in others)
        raise ValueError(f"Attendu une valeur par boîte, de forme ({len(boxes)},) ; reçu {given}.")
    if not np.isfinite(scores).all():
        rank = int(np.argmin(np.isfinite(scores)))
        raise ValueError(f"Le score de rang {rank} n'est pas fini : {scores[rank]}. Retirez cette boîte.")
    return boxes, scores


# ── Average precision ──


def coco_map(targets, detections):
    """COCO's average precisions, computed by faster-coco-eval: {"AP", "AP50", "AP75"}, each in [0, 1]. Lesson 4.1.

    AP is the mean over the IoU thresholds .50, .55… .95 and over the classes that have an object; at most the 100 best
    detections of an image count. Lin et al. 2014.

    Args:
        targets: one (boxes, classes) an image, (K, 4) and (K,): `list(zip(scenes.boxes, scenes.classes))`.
        detections: one (boxes, scores, classes, …) an image, such as what `yolo.detect` returns.

    Raises:
        ValueError: lists of different lengths, no object at all, degenerate boxes, or shapes that do not match.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    if len(targets) != len(detections):
        raise ValueError(
            f"Attendu une vérité et une liste de détections par image ; reçu {len(targets)} et {len(detections)}."
        )
    truth, found = [], []
    for image, ((boxes, classes), (guesses, scores, guessed, *_)) in enumerate(zip(targets, detections), start=1):
        boxes, _ = _require_scored(boxes, np.zeros(len(boxes)), classes)
        truth += [{**entry, "iscrowd": 0, "id": len(truth) + rank} for rank, entry in
                  enumerate(_entries(image, boxes, classes), start=1)]  # fmt: skip
        guesses, scores = _require_scored(guesses, scores, guessed)
        found += [{**entry, "score": float(score)} for entry, score in zip(_entries(image, guesses, guessed), scores)]
    if not truth:
        raise ValueError("Ces images ne contiennent aucun objet : la précision moyenne n'est pas définie.")
    categories = sorted({entry["category_id"] for entry in truth + found})
    images = [{"id": image} for image in range(1, len(targets) + 1)]
    reference = COCO({"images": images, "annotations": truth, "categories": [{"id": c} for c in categories]})
    evaluation = COCOeval_faster(reference, reference.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {name: float(value) for name, value in zip(("AP", "AP50", "AP75"), evaluation.stats)}


def _entries(image, boxes, classes):
    """COCO's annotations: x, y, width, height, and the class from 1 on (0 is no category)."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    return [
        {"image_id": image, "category_id": int(name) + 1, "bbox": [*map(float, corner), *map(float, size)],
         "area": float(size[0] * size[1])}
        for corner, size, name in zip(boxes[:, :2], sizes, np.asarray(classes))
    ]  # fmt: skip
