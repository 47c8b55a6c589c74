"""Segmentation: losses on logits, measures, RoIAlign, and from a map of probabilities to separate objects. Chapter 4.

A map of classes holds 0 (the background) to K - 1; a map of instances holds 0 and a positive integer an object. Both
are integers (H, W). Boxes are those of `labs.boxes`: edges in pixels, so that the centre of pixel i is at i + 0.5.
"""

import cv2
import numpy as np
from keras import ops
from scipy import ndimage

# ── Losses: labels (N, H, W) and logits (N, H, W, K), as `compile(loss=…)` gives them ──


def cross_entropy(labels, logits):
    """-log p of the right class, at each pixel: (N, H, W). Lesson 4.3.

    A label outside the classes costs NaN, since nothing can be raised in a compiled function: the loss shows it.
    `fit(sample_weight=…)` takes a weight a pixel, such as `border_weights`.

    Raises:
        ValueError: shapes that do not match.
    """
    return -ops.sum(_one_hot(labels, logits) * ops.log_softmax(logits, axis=-1), axis=-1)


def focal_loss(labels, logits, *, gamma=2.0):
    """-(1 - p)^γ log p of the right class, at each pixel: (N, H, W). Lin et al. 2017, equation 4. Lesson 4.3.

    Easy pixels, whose p is near 1, hardly count. γ = 0 is the cross-entropy. The paper has one sigmoid a class, and a
    weight α a class besides; here a softmax, and no α.

    Raises:
        ValueError: shapes that do not match, or a negative γ.
    """
    if gamma < 0:
        raise ValueError(f"γ est positif ou nul (2 dans l'article) ; reçu {gamma}.")
    cost = cross_entropy(labels, logits)
    return (1 - ops.exp(-cost)) ** gamma * cost if gamma else cost  # x ** 0 has a gradient of NaN at 0


def dice_loss(labels, logits):
    """1 - the mean over the classes of a soft Dice: (2 Σ p g + 1) / (Σ p + Σ g + 1), a number. Lesson 4.3.

    p are probabilities, g is 1 where the class is, and the sums run over the batch, since most classes are absent from
    most images. Each class counts alike, whatever its number of pixels. Sums as in Sudre et al. 2017, where Milletari
    et al. 2016 have squares below; the added 1 makes the ratio 1 for a class that is neither there nor predicted.

    Raises:
        ValueError: shapes that do not match.
    """
    truth, found = _one_hot(labels, logits), ops.softmax(logits, axis=-1)
    both, either = (ops.sum(value, axis=(0, 1, 2)) for value in (truth * found, truth + found))
    return 1 - ops.mean((2 * both + 1) / (either + 1))


def _one_hot(labels, logits):
    if len(logits.shape) != 4 or any(
        a is not None and b is not None and a != b for a, b in zip(labels.shape, logits.shape[:-1], strict=False)
    ) or len(labels.shape) != 3:  # fmt: skip
        raise ValueError(
            f"Attendu des étiquettes (N, H, L) et des logits (N, H, L, K) ; reçu {tuple(labels.shape)} et "
            f"{tuple(logits.shape)}. Les étiquettes sont des rangs de classes, sans axe pour les classes."
        )
    labels = ops.cast(labels, "int32")[..., None]  # Keras gives them as float32
    known = ops.logical_and(labels >= 0, labels < logits.shape[-1])
    return ops.where(known, ops.cast(labels == ops.arange(logits.shape[-1]), logits.dtype), np.nan)


# ── Measures of maps of classes ──


def confusion(truth, predicted, classes):
    """How many pixels of class i are given class j: int64 (K, K), rows for the truth. Lesson 4.3.

    Args:
        truth, predicted: integers of the same shape, any number of axes.
        classes: K, background included.

    Raises:
        ValueError: shapes that differ, or a label outside 0 to K - 1.
        TypeError: labels that are not integers.
    """
    truth, predicted = _require_pair(truth, predicted)
    for name, labels in (("vérité", truth), ("prédiction", predicted)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
            raise ValueError(
                f"Les {classes} classes vont de 0 à {classes - 1} ; la {name} contient {wrong}. Comptez le fond parmi "
                "les classes, ou remplacez les étiquettes à ignorer avant de mesurer."
            )
    pairs = truth.astype("int64").ravel() * classes + predicted.ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou(truth, predicted, classes):
    """Intersection over union of each class: float64 (K,). Lesson 4.3.

    NaN for a class that is nowhere, in neither map: `np.nanmean` gives the mean IoU of those that are. Everingham et
    al. 2010 (PASCAL VOC): counts are summed over all the images before the ratio.

    Raises:
        ValueError, TypeError: as `confusion`.
    """
    counts = confusion(truth, predicted, classes)
    both = np.diag(counts)
    return _share(both, counts.sum(0) + counts.sum(1) - both)


def dice(truth, predicted, classes):
    """2 |A ∩ B| / (|A| + |B|) of each class, which is its F1: float64 (K,), NaN for a class nowhere. Lesson 4.3.

    Raises:
        ValueError, TypeError: as `confusion`.
    """
    counts = confusion(truth, predicted, classes)
    return _share(2 * np.diag(counts), counts.sum(0) + counts.sum(1))


def boundary_f_score(truth, predicted, tolerance=2.0):
    """How well two masks agree along their edges: F in [0, 1]. Csurka et al. 2013, section 3. Lesson 4.3.

    Precision: share of the predicted edge that is within `tolerance` pixels of the true edge; recall: the converse;
    F = 2 P R / (P + R). The edge of a mask is its pixels that touch, by a side, a pixel outside of it; where the mask
    meets the border of the image there is no edge. Csurka et al. take 0.75 % of the diagonal as the tolerance. Perazzi
    et al. 2016 pair the pixels of the two edges; here, as in Csurka et al., one may serve several. F is 1 when neither
    has an edge, 0 when only one has.

    Args:
        truth, predicted: booleans (H, W).

    Raises:
        ValueError: masks that are not (H, W) and alike, or a negative tolerance.
        TypeError: masks that are not booleans.
    """
    masks = np.asarray(truth), np.asarray(predicted)
    if any(mask.dtype != bool for mask in masks):
        raise TypeError(
            f"Attendu deux masques de booléens ; reçu {masks[0].dtype} et {masks[1].dtype}. D'une carte de classes, "
            "comparez d'abord : carte == classe."
        )
    if masks[0].shape != masks[1].shape or masks[0].ndim != 2:
        raise ValueError(f"Attendu deux masques (H, L) de même taille ; reçu {masks[0].shape} et {masks[1].shape}.")
    if not tolerance >= 0:
        raise ValueError(f"La tolérance est un nombre de pixels, positif ou nul ; reçu {tolerance}.")
    edges = [mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in masks]
    if not all(edge.any() for edge in edges):
        return float(not any(edge.any() for edge in edges))
    near = [ndimage.distance_transform_edt(~edge) <= tolerance for edge in edges]
    recall, precision = near[1][edges[0]].mean(), near[0][edges[1]].mean()
    return float(_share(2 * precision * recall, precision + recall, empty=0.0))


def _share(part, whole, empty=np.nan):
    """part / whole, or `empty` where the whole is 0."""
    whole = np.asarray(whole, "float64")
    return np.divide(part, whole, out=np.full(whole.shape, empty), where=whole > 0)


def _require_pair(truth, predicted):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ValueError(
            f"La vérité est {truth.shape} et la prédiction {predicted.shape} : il faut la même taille. Agrandissez la "
            "carte prédite (ses logits avant l'argmax, pas ses classes) ou recoupez la vérité."
        )
    for name, labels in (("vérité", truth), ("prédiction", predicted)):
        if not np.issubdtype(labels.dtype, np.integer):
            raise TypeError(
                f"Attendu des étiquettes entières ; la {name} est en {labels.dtype}. Des logits ou des probabilités "
                "deviennent des classes par argmax(axis=-1)."
            )
    return truth, predicted


# ── Boxes and masks: from the image to the box, and back ──


def roi_align(features, boxes, images=None, *, size=7, stride=1.0, samples=2):
    """RoIAlign: what each box holds, on a grid of its own: (R, size, size, C). He et al. 2017, section 3. Lesson 4.4.

    The box is cut in size × size cells, with no rounding; each is the mean of samples² points, read by bilinear
    interpolation between the centres of the pixels. A point outside those centres reads the nearest border. Both axes
    being independent, this is two products of matrices, differentiable with respect to the features.

    Args:
        features: (N, H, W, C).
        boxes: (R, 4) in pixels of the image.
        images: (R,), rank of the image of each box; None: all in the first.
        stride: side of a pixel of the features, in pixels of the image.

    Raises:
        ValueError: shapes that do not match, a degenerate box, or a rank that is no image's.
    """
    from labs import boxes as box

    boxes = box.require(boxes)
    images = np.zeros(len(boxes), "int64") if images is None else np.asarray(images)
    if len(features.shape) != 4:
        raise ValueError(f"Attendu des cartes (N, H, L, C) ; reçu {tuple(features.shape)} : ajoutez [None] au besoin.")
    count, height, width, _ = features.shape
    if images.shape != (len(boxes),) or (len(images) and not 0 <= images.min() <= images.max() < count):
        raise ValueError(
            f"Attendu, pour chacune des {len(boxes)} boîtes, le rang de son image, de 0 à {count - 1} ; reçu "
            f"{images.tolist() if images.size < 9 else images.shape}."
        )
    if size < 1 or samples < 1 or not stride > 0:
        raise ValueError(
            f"Attendu une grille et des points d'au moins 1, et un pas positif ; reçu size={size}, samples={samples}, "
            f"stride={stride}."
        )
    edges = boxes / stride
    rows, columns = (
        _tents(edges[:, axis], edges[:, axis + 2], side, size, samples) for axis, side in ((1, height), (0, width))
    )
    read = ops.take(features, ops.convert_to_tensor(images), axis=0)
    return ops.einsum("riy,ryxc,rjx->rijc", rows, read, columns)


def _tents(first, last, side, size, samples):
    """Weights (R, size, side) of the pixels of an axis in the cells of each interval [first, last]."""
    places = (np.arange(size * samples) + 0.5) / (size * samples)
    points = np.clip(first[:, None] + (last - first)[:, None] * places - 0.5, 0, side - 1)
    tents = np.maximum(0, 1 - np.abs(points[..., None] - np.arange(side)))
    return tents.reshape(len(first), size, samples, side).mean(axis=2).astype("float32")


def paste(masks, boxes, shape):
    """Put masks (R, m, m), each as large as its box, back in the image: float32 (R, H, W), 0 outside. Lesson 4.4.

    Bilinear between the centres of the cells, after He et al. 2017, section 3.1: the way back of `roi_align`.

    Raises:
        ValueError: shapes that do not match, or a degenerate box.
    """
    from labs import boxes as box

    masks, boxes = np.asarray(masks, "float32"), box.require(boxes)
    if masks.ndim != 3 or masks.shape[1] != masks.shape[2] or len(masks) != len(boxes):
        raise ValueError(f"Attendu un masque carré (m, m) par boîte ; reçu {masks.shape} pour {len(boxes)} boîtes.")

    def weights(first, last, length):
        first, last = first[:, None], last[:, None]
        centres = np.arange(length) + 0.5
        cells = np.clip((centres - first) / (last - first) * masks.shape[1] - 0.5, 0, masks.shape[1] - 1)
        inside = (centres > first) & (centres < last)
        return np.maximum(0, 1 - np.abs(cells[..., None] - np.arange(masks.shape[1]))) * inside[..., None]

    rows, columns = (weights(boxes[:, axis], boxes[:, axis + 2], shape[1 - axis]) for axis in (1, 0))
    return np.einsum("ryi,rij,rxj->ryx", rows, masks, columns, optimize=True).astype("float32")


# ── Instances: what to learn ──


def border_targets(instances, reach=3.0):
    """Three classes that keep touching objects apart: int64 (H, W), 0 background, 1 inside, 2 border. Lesson 4.4.

    A pixel is on a border when its distances to the two nearest objects, in pixels, add up to `reach` at most: the
    sum that weighs the borders in Ronneberger et al. 2015, equation 2, made here a class to predict. An object that
    touches no other has no border.

    Raises:
        ValueError: `instances` is not (H, W), or has negative values.
        TypeError: it is not integers.
    """
    instances = _require_instances(instances)
    return np.where(sum(two_nearest(instances)) <= reach, 2, (instances > 0).astype("int64"))


def border_weights(instances, w0=10.0, sigma=5.0):
    """A weight a pixel, larger between near objects: float32 (H, W). Ronneberger et al. 2015, equation 2. Lesson 4.4.

    1 + w0 exp(-(d1 + d2)² / 2σ²) outside the objects, d1 and d2 being the distances to the two nearest; 1 inside. The
    paper has, in place of 1, a weight that balances the classes.

    Raises:
        ValueError, TypeError: as `border_targets`.
    """
    instances = _require_instances(instances)
    near = w0 * np.exp(-(sum(two_nearest(instances)) ** 2) / (2 * sigma**2))
    return (1 + np.where(instances > 0, 0, near)).astype("float32")


def two_nearest(instances):
    """Distances, in pixels, to the nearest object and to the next: two float32 (H, W), inf where there is none."""
    nearest = next_one = np.full(np.shape(instances), np.inf, "float32")
    for label in np.unique(instances[instances > 0]):
        distance = cv2.distanceTransform((instances != label).astype("uint8"), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        next_one = np.minimum(next_one, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return nearest, next_one


def _require_instances(instances):
    instances = np.asarray(instances)
    if not np.issubdtype(instances.dtype, np.integer):
        raise TypeError(f"Attendu une carte d'objets numérotés, en entiers ; reçu {instances.dtype}.")
    if instances.ndim != 2:
        raise ValueError(f"Attendu une carte d'objets (H, L) ; reçu {instances.shape} : donnez les images une à une.")
    if instances.size and instances.min() < 0:
        raise ValueError(f"0 est le fond et les objets sont numérotés à partir de 1 ; reçu {instances.min()}.")
    return instances


# ── Instances: from maps to objects ──


def otsu_components(image, smallest=20):
    """The simplest method: Otsu's threshold (1979), then connected pixels: int32 (H, W). Lesson 4.4.

    Bright objects on a dark background. Pixels touch by a side or by a corner.

    Args:
        image: (H, W), float in [0, 1] or uint8.
        smallest: area under which an object is dropped, in pixels.

    Raises:
        ValueError: an image that is not (H, W), or has one value only: no threshold separates anything.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"Attendu une image grise (H, L) ; reçu {image.shape}.")
    if np.issubdtype(image.dtype, np.floating):
        if not (image.min() >= 0 and image.max() <= 1):
            raise ValueError(f"Attendu des valeurs entre 0 et 1 ; reçu de {image.min():.3g} à {image.max():.3g}.")
        image = np.round(image * 255)
    image = image.astype("uint8")
    if image.min() == image.max():
        raise ValueError(f"L'image est unie (partout {image.min()} sur 255) : aucun seuil n'y sépare d'objets du fond.")
    _, mask = cv2.threshold(image, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return drop_small(cv2.connectedComponents(mask)[1], smallest)


def split_by_distance(mask, *, spacing=5, smallest=20):
    """Cut a mask into objects by the watershed of its distance to the background: int32 (H, W). Lesson 4.4.

    The centres are the places farthest from the background; the water rises from them, and objects part where two
    basins meet (Vincent & Soille 1991). It expects round objects. A mask with nothing in it gives no object.

    Args:
        mask: booleans (H, W).
        spacing: least distance between two centres, in pixels.
        smallest: area under which an object is dropped, in pixels.

    Raises:
        ValueError, TypeError: `mask` is not (H, W), or not booleans.
    """
    from skimage import feature, segmentation

    mask = _require_mask(mask)
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]  # outside the image: background
    parts = ndimage.label(mask)[0]
    centres = feature.peak_local_max(distance, min_distance=spacing, labels=parts, exclude_border=False)
    markers = np.zeros(mask.shape, "int32")
    markers[tuple(centres.T)] = np.arange(1, len(centres) + 1)
    return drop_small(segmentation.watershed(-distance, markers, mask=mask), smallest)


def split_by_borders(probabilities, *, inside=0.5, smallest_marker=5, smallest=20):
    """Objects from the three maps of `border_targets`: int32 (H, W). Lesson 4.4.

    The connected pixels whose probability of being inside is above `inside` are the markers; the water rises from them
    over that probability turned upside down, as far as the background's is below one half.

    Args:
        probabilities: float (H, W, 3), background, inside, border: a softmax, not logits.
        smallest_marker, smallest: areas under which a marker, or an object, is dropped, in pixels.

    Raises:
        ValueError: `probabilities` are not (H, W, 3), or do not add up to 1.
    """
    from skimage import segmentation

    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or probabilities.shape[-1] != 3:
        raise ValueError(f"Attendu trois cartes (H, L, 3) : fond, intérieur, bord ; reçu {probabilities.shape}.")
    if probabilities.size and not np.allclose(probabilities.sum(-1), 1, atol=1e-3):
        raise ValueError("Les trois cartes ne font pas 1 en chaque pixel : passez les logits par une softmax.")
    background, heart, _ = np.moveaxis(probabilities, -1, 0)
    markers = drop_small(ndimage.label(heart > inside)[0], smallest_marker)
    return drop_small(segmentation.watershed(-heart, markers, mask=background < 0.5), smallest)


def drop_small(instances, smallest):
    """Objects of `smallest` pixels or more, numbered again from 1: int32 (H, W). Lesson 4.4.

    Raises:
        ValueError, TypeError: as `border_targets`.
    """
    instances = _require_instances(instances)
    labels, rank, areas = np.unique(instances, return_inverse=True, return_counts=True)
    kept = (labels > 0) & (areas >= smallest)
    return np.where(kept, np.cumsum(kept), 0).astype("int32")[rank.reshape(instances.shape)]


def mean_in(instances, values):
    """The mean of `values` (H, W) in each object, in the order of their labels: float64 (n,). Lesson 4.4.

    Of a probability, a confidence for `mask_map`.

    Raises:
        ValueError, TypeError: as `border_targets`, or sizes that differ.
    """
    instances, values = _require_instances(instances), np.asarray(values)
    if values.shape != instances.shape:
        raise ValueError(f"Les objets sont {instances.shape} et les valeurs {values.shape} : il faut la même taille.")
    return np.asarray(ndimage.mean(values, instances, _labels(instances)), "float64")


def _require_mask(mask):
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"Attendu un masque de booléens ; reçu {mask.dtype} : comparez, par exemple carte > 0.")
    if mask.ndim != 2:
        raise ValueError(f"Attendu un masque (H, L) ; reçu {mask.shape}.")
    return mask


def _labels(instances):
    labels = np.unique(instances)
    return labels[labels > 0]


# ── Measures of maps of instances ──


def mask_iou(truth, predicted):
    """IoU of each true object with each predicted one: float64 (n, m), in the order of their labels. Lesson 4.4.

    Raises:
        ValueError: maps that are not (H, W) and alike, or with negative values.
        TypeError: they are not integers.
    """
    common, areas = _shared(truth, predicted)
    return _share(common, areas[0][:, None] + areas[1][None] - common)


def _shared(truth, predicted):
    """Pixels in common (n, m), and the areas of both sides, (n,) and (m,)."""
    truth, predicted = (_require_instances(given) for given in _require_pair(truth, predicted))
    (rows, row), (columns, column) = (np.unique(given, return_inverse=True) for given in (truth, predicted))
    pairs = row.ravel() * len(columns) + column.ravel()
    counts = np.bincount(pairs, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))
    areas = counts.sum(1)[rows > 0], counts.sum(0)[columns > 0]
    return counts[rows > 0][:, columns > 0], areas


def panoptic_quality(truth, predicted):
    """PQ = SQ × RQ, of one class: {"PQ", "SQ", "RQ", "TP", "FP", "FN"}. Kirillov et al. 2019, equation 1. Lesson 4.4.

    Objects are paired when their IoU is above 0.5, which leaves no choice: a pixel has one object. SQ is the mean IoU
    of the pairs, RQ = TP / (TP + FP/2 + FN/2). Without any object in either map, all three are NaN; without a pair, 0.

    Raises:
        ValueError, TypeError: as `mask_iou`.
    """
    overlap = mask_iou(truth, predicted)
    pairs = overlap[overlap > 0.5]
    counts = {"TP": pairs.size, "FP": overlap.shape[1] - pairs.size, "FN": overlap.shape[0] - pairs.size}
    quality = float(_share(pairs.size, sum(overlap.shape) / 2))
    mean = float(pairs.mean()) if pairs.size else 0.0 * quality  # NaN where nothing is defined
    return {"PQ": mean * quality, "SQ": mean, "RQ": quality, **counts}


def splits_and_merges(truth, predicted):
    """Objects cut in pieces, and objects run together: {"splits", "merges"}, two counts. Lesson 4.4.

    A predicted object belongs to the true one that holds more than half of it, and the converse. Splits are the true
    objects to which two or more belong (over-segmentation); merges, the predicted ones (under-segmentation).

    Raises:
        ValueError, TypeError: as `mask_iou`.
    """
    common, (areas, others) = _shared(truth, predicted)
    return {
        "splits": int(((common > others / 2).sum(axis=1) > 1).sum()),
        "merges": int(((common > areas[:, None] / 2).sum(axis=0) > 1).sum()),
    }


def mask_map(truth, predicted, scores=None):
    """COCO's average precisions of masks, by faster-coco-eval: {"AP", "AP50", "AP75"}, in [0, 1]. Lesson 4.4.

    One class; AP is the mean over the IoU thresholds .50, .55… .95. Lin et al. 2014, with one change: COCO counts the
    100 best objects of an image, this counts all of them.

    Args:
        truth, predicted: lists of maps of instances, (H, W), one an image.
        scores: a list of confidences (m,), one an image, in the order of the labels; None: all alike.

    Raises:
        ValueError: lists of different lengths, maps of different sizes, no object in the truth, or scores that do not
            match.
        TypeError: maps that are not integers.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    if not len(truth) == len(predicted) == len(predicted if scores is None else scores):
        raise ValueError(
            f"Attendu une vérité, une prédiction et un tableau de scores par image ; reçu {len(truth)}, "
            f"{len(predicted)} et {'aucun' if scores is None else len(scores)}."
        )
    known, found = [], []
    for image, (right, guess) in enumerate(zip(truth, predicted), start=1):
        right, guess = (_require_instances(given) for given in _require_pair(right, guess))
        trust = np.ones(len(_labels(guess))) if scores is None else np.asarray(scores[image - 1], "float64")
        if trust.shape != _labels(guess).shape or not np.isfinite(trust).all():
            raise ValueError(
                f"L'image de rang {image - 1} a {len(_labels(guess))} objets prédits : attendu autant de scores, "
                f"finis ; reçu {trust.shape}."
            )
        known += [{**entry, "iscrowd": 0, "id": len(known) + rank} for rank, entry in
                  enumerate(_entries(image, right), start=1)]  # fmt: skip
        found += [{**entry, "score": float(score)} for entry, score in zip(_entries(image, guess), trust)]
    if not known:
        raise ValueError("Ces images ne contiennent aucun objet : la précision moyenne n'est pas définie.")
    if not found:
        return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
    images = [{"id": i + 1, "height": m.shape[0], "width": m.shape[1]} for i, m in enumerate(map(np.asarray, truth))]
    reference = COCO({"images": images, "annotations": known, "categories": [{"id": 1}]})
    evaluation = COCOeval_faster(reference, reference.loadRes(found), "segm")
    evaluation.params.maxDets = [1, 10, max(100, len(found))]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {name: float(value) for name, value in zip(("AP", "AP50", "AP75"), evaluation.stats)}


def _entries(image, instances):
    """COCO's annotations of a map of instances: a compressed mask, its area and its box."""
    from faster_coco_eval.core import mask as coded

    codes = [coded.encode(np.asfortranarray(instances == label, "uint8")) for label in _labels(instances)]
    return [
        {"image_id": image, "category_id": 1, "segmentation": code, "area": float(coded.area(code)),
         "bbox": [*map(float, coded.toBbox(code))]}
        for code in codes
    ]  # fmt: skip
