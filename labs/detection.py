"""A one-stage detector on a grid, small enough to be trained in a minute. Chapter 4.

YOLO's idea (Redmon et al. 2016) with the anchors of YOLOv2 (Redmon & Farhadi 2017): the image is cut in square cells;
the cell that holds the centre of an object predicts it, with the anchor whose shape is the nearest.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from labs import boxes as box
from labs import yolo

RARE = -5.0  # logit of an object before any training: σ(-5) = 0.7 %, about one box in 150


class Grid(NamedTuple):
    """What the numbers of a detector mean.

    size, stride: sides of the image and of a cell, in pixels.
    anchors: float32 (A, 2), widths and heights in pixels.
    classes: number of classes.
    """

    size: int
    stride: int
    anchors: np.ndarray
    classes: int

    @property
    def shape(self):
        """Shape of what the network returns for an image: rows, columns, anchors, 5 + classes."""
        cells = self.size // self.stride
        return cells, cells, len(self.anchors), 5 + self.classes


# ── Anchors ──


def shape_iou(sides, anchors):
    """IoU of boxes with the same centre: widths and heights (N, 2) and (A, 2) -> (N, A). Lesson 4.1."""
    shared = np.minimum(sides[:, None], anchors[None]).prod(axis=-1)
    return shared / (sides.prod(axis=1)[:, None] + anchors.prod(axis=1)[None] - shared)


def cluster_sides(sides, count, *, rounds=100):
    """k-means with the distance 1 - IoU: (N, 2) -> `count` anchors, float32 (count, 2), smallest first. Lesson 4.1.

    Redmon & Farhadi 2017, section 2, "Dimension Clusters". It starts from boxes spread evenly over the sorted areas, so
    that it needs no seed, and stops when no box changes its cluster.

    Raises:
        ValueError: sides that are not (N, 2) and positive, or fewer boxes than anchors.
    """
    sides = np.asarray(sides, "float64")
    if sides.ndim != 2 or sides.shape[1] != 2 or not (sides > 0).all():
        raise ValueError(f"Attendu des largeurs et hauteurs (N, 2), toutes positives ; reçu la forme {sides.shape}.")
    if not 1 <= count <= len(sides):
        raise ValueError(f"Attendu de 1 à {len(sides)} ancres, une boîte par ancre au moins ; reçu {count}.")
    anchors = sides[np.argsort(sides.prod(axis=1))[(2 * np.arange(count) + 1) * len(sides) // (2 * count)]]
    before = None
    for _ in range(rounds):
        nearest = shape_iou(sides, anchors).argmax(axis=1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        anchors = np.stack([sides[nearest == k].mean(axis=0) if k in nearest else anchors[k] for k in range(count)])
    return anchors[np.argsort(anchors.prod(axis=1))].astype("float32")


# ── Targets ──


def encode(targets, grid):
    """What the network must say: float32 (N, rows, columns, A, 6): 1 for an object, its box, its class. Lesson 4.1.

    Two objects with the same cell and the same anchor: the last one stays.

    Args:
        targets: one (boxes, classes) an image, (K, 4) in pixels and (K,): `list(zip(scenes.boxes, scenes.classes))`.

    Raises:
        ValueError: degenerate boxes, a centre out of the image, or a class out of range.
    """
    encoded = np.zeros((len(targets), *grid.shape[:3], 6), "float32")
    for image, (boxes, classes) in enumerate(targets):
        boxes, classes = box.require(boxes), np.asarray(classes)
        centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        if boxes.size and not (centers.min() >= 0 and centers.max() < grid.size):
            raise ValueError(f"L'image {image} a une boîte dont le centre sort de ses {grid.size} pixels de côté.")
        if classes.size and not (0 <= classes.min() and classes.max() < grid.classes):
            raise ValueError(f"L'image {image} a des classes hors de 0 … {grid.classes - 1} : {classes.tolist()}.")
        column, row = (centers // grid.stride).astype(int).T
        anchor = shape_iou(sides, grid.anchors).argmax(axis=1) if len(boxes) else []
        encoded[image, row, column, anchor] = np.column_stack([np.ones(len(boxes)), boxes, classes])
    return encoded


def decode(raw, grid):
    """Boxes that the network's numbers mean, in pixels: (N, rows, columns, A, 5 + C) -> (…, 4), a tensor. Lesson 4.1.

    Redmon & Farhadi 2017, section 2, "Direct location prediction": σ keeps the centre in its cell, exp scales the
    anchor. Variant: the exponents are cut at ±4, so that a lost network does not overflow; their gradient is not cut,
    so that a box shrunk to nothing comes back.
    """
    rows, columns = np.indices(grid.shape[:2], "float32")
    corners = np.stack([columns, rows], axis=-1)[:, :, None]
    centers = (ops.sigmoid(raw[..., :2]) + corners) * grid.stride
    exponents = ops.convert_to_tensor(raw[..., 2:4])
    exponents = exponents + ops.stop_gradient(ops.clip(exponents, -4, 4) - exponents)
    sides = ops.exp(exponents) * np.asarray(grid.anchors, "float32")
    return box.to_corners(ops.concatenate([centers, sides], axis=-1))


# ── Network and loss ──


def network(grid, widths=(16, 32, 64), depth=2):
    """The detector: images (N, size, size, 3) in [0, 1] -> raw numbers (N, *grid.shape), logits first. Lesson 4.1.

    One 3×3 convolution of stride 2 for each of `widths`, then `depth` of stride 1, each with batch normalisation and
    ReLU; the last map is the output of the layer "features", stride `grid.stride`. A 1×1 convolution reads it; its
    biases say at first that objects are rare (Lin et al. 2017, *Focal Loss*, "Initialization").

    Raises:
        ValueError: 2 ** len(widths) is not the stride, or does not divide the size.
    """
    if 2 ** len(widths) != grid.stride or grid.size % grid.stride:
        raise ValueError(
            f"{len(widths)} convolutions de pas 2 font des cellules de {2 ** len(widths)} pixels ; reçu "
            f"stride={grid.stride} et size={grid.size} : il faut l'égalité, et un côté multiple du pas."
        )
    plan = [(width, 2) for width in widths] + [(widths[-1], 1)] * depth
    x = inputs = keras.Input((grid.size, grid.size, 3))
    for rank, (width, stride) in enumerate(plan, start=1):
        x = layers.Conv2D(width, 3, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)  # .99 would lag behind in a training of a minute
        x = layers.ReLU(name="features" if rank == len(plan) else None)(x)
    head = layers.Conv2D(grid.shape[2] * grid.shape[3], 1, name="head")
    model = keras.Model(inputs, layers.Reshape(grid.shape)(head(x)), name="detector")
    bias = np.zeros(grid.shape[2:], "float32")
    bias[:, 4] = RARE
    head.bias.assign(bias.ravel())
    return model


def loss(grid, box_weight=2.0):
    """What training minimises: function (what `encode` gives, raw numbers) -> scalar. Lesson 4.1.

    Cross-entropy of the objectness everywhere; where there is an object, `box_weight` × GIoU loss and the cross-entropy
    of the class. The sums are divided by the number of objects of the batch. Variant of Redmon & Farhadi 2017, who take
    squared errors.
    """

    def detection_loss(truth, raw):
        truth = ops.convert_to_tensor(truth)
        present, boxes, classes = truth[..., 0], truth[..., 1:5], ops.cast(truth[..., 5], "int32")
        objectness = ops.binary_crossentropy(present, raw[..., 4], from_logits=True)
        location = box.giou_loss(boxes, decode(raw, grid))
        category = ops.sparse_categorical_crossentropy(classes, raw[..., 5:], from_logits=True)
        total = ops.sum(objectness) + ops.sum(present * (box_weight * location + category))
        return total / ops.maximum(ops.sum(present), 1)

    return detection_loss


# ── Detection ──


def detect(model, images, grid, score_threshold=0.25, iou_threshold=0.5, *, batch_size=100):
    """Detections of each image, best first: list of `yolo.Detections` (boxes, scores, classes, probabilities).

    Boxes are cut at the border; class-wise `boxes.nms`. A score is objectness × probability of the class. Lesson 4.1.

    Args:
        images: (N, size, size, 3), float in [0, 1] or uint8.

    Raises:
        ValueError: images of another shape, or a threshold out of [0, 1].
    """
    images = np.asarray(images)
    if images.shape[1:] != (grid.size, grid.size, 3):
        raise ValueError(f"Attendu des images (N, {grid.size}, {grid.size}, 3) ; reçu la forme {images.shape}.")
    if not 0 <= score_threshold <= 1:
        raise ValueError(f"Le seuil de score est un nombre de [0, 1], par exemple 0.25 ; reçu {score_threshold}.")
    if images.dtype == np.uint8:
        images = images.astype("float32") / 255
    raw = model.predict(images, verbose=0, batch_size=batch_size)
    places = np.clip(decode(raw, grid), 0, grid.size).reshape(len(raw), -1, 4)
    objectness = np.asarray(ops.sigmoid(raw[..., 4])).reshape(len(raw), -1)
    probabilities = np.asarray(ops.softmax(raw[..., 5:])).reshape(len(raw), -1, grid.classes)
    return [_select(*parts, score_threshold, iou_threshold) for parts in zip(places, objectness, probabilities)]


def _select(places, objectness, probabilities, score_threshold, iou_threshold):
    classes = probabilities.argmax(axis=1)
    scores = objectness * probabilities.max(axis=1)
    sound = (places[:, 2:] > places[:, :2]).all(axis=1)  # a box may lie wholly outside
    kept = np.flatnonzero((scores > score_threshold) & sound)
    kept = kept[box.nms(places[kept], scores[kept], iou_threshold, classes[kept])]
    return yolo.Detections(places[kept], scores[kept], classes[kept].astype("int64"), probabilities[kept])


# ── Measure ──


class PrecisionRecall(NamedTuple):
    """Precision and recall of the k best detections, for each k: (D,) and (D,); and the envelope at 101 recalls.

    envelope: best precision at a recall of 0, 0.01 … 1 or more, 0 where no threshold reaches it. Its mean is the AP.
    """

    precision: np.ndarray
    recall: np.ndarray
    envelope: np.ndarray


def precision_recall(correct, truths):
    """PrecisionRecall of a ranking: `correct` (D,), best score first, of `truths` objects. Lin et al. 2014. Lesson 4.1.

    Raises:
        ValueError: something else than a vector, no object, or more correct detections than objects.
    """
    correct = np.asarray(correct, bool)
    if correct.ndim != 1 or truths < 1 or correct.sum() > truths:
        raise ValueError(
            f"Attendu un vecteur de booléens et au moins autant d'objets que de vrais ; reçu la forme {correct.shape}, "
            f"{int(correct.sum())} vrais et {truths} objets."
        )
    hits = np.cumsum(correct)
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / truths
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return PrecisionRecall(precision, recall, best[np.searchsorted(recall, np.linspace(0, 1, 101))])
