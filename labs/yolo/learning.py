"""What a YOLOv4 learns from: targets, loss, mosaic. Chapter 4."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from labs import boxes as box
from labs.yolo import darknet


def trainer(model):
    """The same network, with the same variables, that returns what `Loss` reads: raw (N, all rows, 5 + C). Lesson 4.2.

    Train it with `keras.Model.fit`, detect with `model`: they share their weights.
    """
    found = darknet.heads(model)
    raw = [layers.Reshape((-1, 5 + head.classes))(head.input) for head in found]
    return keras.Model(model.input, raw[0] if len(raw) == 1 else layers.Concatenate(axis=1)(raw), name="trainer")


def pack(targets, model, *, most=None):
    """Targets for `Loss`: float32 (N, most, 5), centre and sides relative to the image, then the class. Lesson 4.2.

    Args:
        targets: one (boxes, classes) an image, (K, 4) in the pixels of the network's images and (K,).
        model: the detector that will learn from them; its size and its number of classes are checked.
        most: rows an image; the others are zero. By default the largest K.

    Raises:
        ValueError: degenerate boxes, boxes out of the image, classes out of range, or more objects than `most`.
    """
    (height, width), classes = model.input_shape[1:3], darknet.heads(model)[0].classes
    largest = max([len(places) for places, _ in targets] + [1])
    if most is not None and largest > most:
        raise ValueError(f"Une image a {largest} objets ; most={most} n'a pas la place.")
    packed = np.zeros((len(targets), most or largest, 5), "float32")
    sides = np.array([width, height] * 2, "float32")
    for rank, (places, names) in enumerate(targets):
        places, names = box.require(places), np.asarray(names)
        if len(places) != len(names):
            raise ValueError(f"L'image {rank} a {len(places)} boîtes et {len(names)} classes.")
        if places.size and (places.min() < 0 or (places > sides).any()):
            raise ValueError(f"L'image {rank} a une boîte qui sort de ses {width} × {height} pixels : coupez-la.")
        if names.size and not (0 <= names.min() and names.max() < classes):
            raise ValueError(f"L'image {rank} a des classes hors de 0 … {classes - 1} : {names.tolist()}.")
        packed[rank, : len(places), :4] = box.to_centers(places / sides)
        packed[rank, : len(places), 4] = names
    return packed


class Loss(keras.losses.Loss):
    """YOLOv4's loss: (targets of `pack`, raw outputs of `trainer`) -> (N,). Lesson 4.2.

    For each object, the anchor whose shape is the nearest is responsible, in the cell of the object's centre, and with
    it every anchor whose IoU of shapes is above match_threshold (YOLOv4, "multiple anchors for a single ground truth").
    Summed over an image: box_weight × CIoU loss and class_weight × binary cross-entropies over the responsible rows;
    objectness_weight × binary cross-entropy over all rows but those that are not responsible and overlap an object by
    more than ignore_threshold (Redmon & Farhadi 2018, section 2.1). The thresholds and weights are the cfg's.

    Gradients are the exact ones; Darknet leaves out the derivative of σ in those of x and y.

    Args:
        label_smoothing: ε; the classes aim at 1 - ε/2 and ε/2 in place of 1 and 0.
    """

    def __init__(self, model, *, label_smoothing=0.0):
        super().__init__(name="yolo_loss")
        self.heads, self.label_smoothing = darknet.heads(model), label_smoothing

    def call(self, truth, raw):
        return sum(self.parts(truth, raw).values())

    def parts(self, truth, raw):
        """The three terms, summed over the heads: {"boxes", "objectness", "classes"}, each (N,)."""
        ends = np.cumsum([len(head.priors) for head in self.heads])
        parts = [raw[:, end - len(head.priors) : end] for head, end in zip(self.heads, ends)]
        found = [self._head(head, truth, part) for head, part in zip(self.heads, parts)]
        return {name: sum(terms) for name, terms in zip(("boxes", "objectness", "classes"), zip(*found))}

    def _head(self, head, truth, raw):
        predicted, true = box.to_corners(head.decode(raw)), box.to_corners(truth[..., :4])
        rows, positive = _responsible(head, truth)
        mine = tf.gather(predicted, rows, batch_dims=1)  # (N, T, A, 4)
        boxes = ops.sum(positive * box.ciou_loss(true[:, :, None], mine), axis=(1, 2))
        names = ops.one_hot(ops.cast(truth[..., 4], "int32"), head.classes)[:, :, None] * positive[..., None]
        target, names = _scatter(rows, positive[..., None], raw)[..., 0], _scatter(rows, names, raw)
        overlap = ops.max(1 - box.iou_loss(predicted[:, :, None], true[:, None]), axis=2)
        counted = ops.maximum(target, ops.cast(overlap <= head.ignore_threshold, raw.dtype))
        objectness = ops.sum(counted * _cross_entropy(target, raw[..., 4]), axis=1)
        names = names * (1 - self.label_smoothing) + self.label_smoothing / 2
        classes = ops.sum(target * ops.sum(_cross_entropy(names, raw[..., 5:]), axis=2), axis=1)
        return head.box_weight * boxes, head.objectness_weight * objectness, head.class_weight * classes


def _responsible(head, truth):
    """For each object and anchor of the head: the row of its prediction, and 1 where it is responsible: (N, T, A)."""
    height, width = head.grid
    sides = truth[..., None, 2:4]
    priors = np.array(head.anchors, "float32") / np.array(head.size[::-1], "float32")
    shared = ops.prod(ops.minimum(sides, priors), axis=-1)
    overlap = ops.divide_no_nan(shared, ops.prod(sides, axis=-1) + priors.prod(axis=1) - shared)  # (N, T, all anchors)
    nearest = ops.equal(ops.argmax(overlap, axis=-1)[..., None], head.mask)
    matched = tf.gather(overlap, head.mask, axis=-1) > head.match_threshold
    positive = ops.cast((nearest | matched) & (sides[..., 0] > 0), truth.dtype)
    column = ops.clip(ops.cast(truth[..., 0] * width, "int32"), 0, width - 1)
    row = ops.clip(ops.cast(truth[..., 1] * height, "int32"), 0, height - 1)
    return (row * width + column)[..., None] * len(head.mask) + np.arange(len(head.mask), dtype="int32"), positive


def _scatter(rows, values, raw):
    """Put values (N, T, A, D) at their rows: (N, rows, D), at most 1 where several objects share a row."""
    count = tf.shape(rows)[0]
    images = tf.broadcast_to(tf.range(count)[:, None, None], tf.shape(rows))
    shape = (count, raw.shape[1], values.shape[-1])
    return ops.minimum(tf.scatter_nd(tf.stack([images, rows], axis=-1), values, shape), 1.0)


def _cross_entropy(target, logit):
    return ops.softplus(logit) - logit * target


# ── Mosaic ──


def mosaic(images, targets, rng, *, margin=0.2, visible=0.3):
    """Four images in one, around a random cut: (image, (boxes, classes)). YOLOv4, figure 3. Lesson 4.2.

    Each quadrant takes a random window of its image. As in Darknet, the cut stays away from the border.

    Args:
        images: four images of the same shape (H, W, 3).
        targets: their four (boxes, classes).
        margin: the cut is drawn in [margin, 1 - margin] of each side.
        visible: a box of which less than this share is left in the window is dropped, with its class.

    Raises:
        ValueError: not four images of one shape with their targets, or degenerate boxes.
    """
    shapes = {np.shape(image) for image in images}
    if len(images) != 4 or len(targets) != 4 or len(shapes) != 1:
        raise ValueError(
            f"Attendu quatre images de même forme et leurs quatre cibles ; reçu {len(images)} images, de formes "
            f"{sorted(shapes)}, et {len(targets)} cibles."
        )
    height, width = shapes.pop()[:2]
    y, x = (round(side * rng.uniform(margin, 1 - margin)) for side in (height, width))
    canvas, kept = np.empty_like(images[0]), []
    quadrants = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    for image, (places, classes), (left, top, right, bottom) in zip(images, targets, quadrants):
        across, down = rng.integers(width - right + left + 1), rng.integers(height - bottom + top + 1)
        canvas[top:bottom, left:right] = image[down : down + bottom - top, across : across + right - left]
        places = box.require(places)
        moved = places + np.tile([left - across, top - down], 2)
        cut = np.clip(moved, [left, top] * 2, [right, bottom] * 2)
        share = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.prod(places[:, 2:] - places[:, :2], axis=1)
        seen = share >= visible
        kept.append((cut[seen].astype("float32"), np.asarray(classes, "int64")[seen]))
    return canvas, tuple(np.concatenate(parts) for parts in zip(*kept))
