"""Answers of lesson 4.1."""

import cv2
import numpy as np
import tensorflow as tf
from keras import ops

from labs import boxes


def _iou(a, b, *, clip=True, twice=False, union=True):
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = (np.maximum(sides, 0) if clip else sides).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (a, b)]
    if not union:
        return shared / areas[0]
    return shared / (areas[0] + areas[1] - (0 if twice else shared))


def _nms(places, scores, threshold, *, order=None, kept_only=True):
    order = np.argsort(-scores) if order is None else order
    kept = []
    for place, rank in enumerate(order):
        others = kept if kept_only else order[:place]
        if all(_iou(places[[rank]], places[[other]])[0, 0] <= threshold for other in others):
            kept.append(rank)
    return np.array(kept)


def _average_precision(correct, truths, *, envelope=True, levels=101, every_object=True):
    if not len(correct):
        return 0.0
    hits = np.cumsum(correct)
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / (truths if every_object else max(hits[-1], 1))
    if envelope:
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(precision, 0)[np.searchsorted(recall, np.linspace(0, 1, levels))].mean()


def _kmeans_step(sides, anchors, *, euclidean=False, farthest=False, center=np.mean):
    shared = np.minimum(sides[:, None], anchors).prod(-1)
    distance = 1 - shared / (sides.prod(1)[:, None] + anchors.prod(1) - shared)
    if euclidean:
        distance = np.linalg.norm(sides[:, None] - anchors, axis=-1)
    nearest = (-distance if farthest else distance).argmin(1)
    return np.stack([center(sides[nearest == k], axis=0) if k in nearest else anchors[k] for k in range(len(anchors))])


WRONG = {
    "iou": [
        lambda a, b: _iou(a, b, twice=True),
        lambda a, b: _iou(a, b, clip=False),
        lambda a, b: _iou(a, b, union=False),
        lambda a, b: np.diagonal(_iou(a, b)),  # row by row
    ],
    "nms": [
        lambda p, s, t: np.sort(_nms(p, s, t)),  # in the order of the boxes
        lambda p, s, t: _nms(p, s, t, kept_only=False),  # what is dropped drops others
        lambda p, s, t: _nms(p, s, t, order=np.argsort(s)),
        lambda p, s, t: np.argsort(-s),  # nothing dropped
        lambda p, s, t: _nms(p, s, t - 1e-9),  # an IoU equal to the threshold is dropped
        lambda p, s, t: np.isin(np.arange(len(s)), _nms(p, s, t)),  # a mask
    ],
    "average_precision": [
        lambda c, n: _average_precision(c, n, envelope=False),
        lambda c, n: _average_precision(c, n, levels=11),
        lambda c, n: _average_precision(c, n, every_object=False),
        lambda c, n: np.mean((np.cumsum(c) / np.arange(1, len(c) + 1))[c]),
    ],
    "kmeans_step": [
        lambda s, a: _kmeans_step(s, a, euclidean=True),
        lambda s, a: _kmeans_step(s, a, farthest=True),
        lambda s, a: _kmeans_step(s, a, center=np.median),
        lambda s, a: a,
    ],
}


def _iou_by_loops(a, b):
    table = []
    for x1, y1, x2, y2 in a:
        table.append([])
        for left, top, right, bottom in b:
            shared = max(0, min(x2, right) - max(x1, left)) * max(0, min(y2, bottom) - max(y1, top))
            table[-1].append(shared / ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - shared))
    return table


def _iou_by_columns(a, b):
    """Tensors, float32, a side at a time."""
    a, b = (ops.split(ops.convert_to_tensor(some, "float32"), 4, axis=1) for some in (a, b))
    width = ops.relu(ops.minimum(a[2], ops.transpose(b[2])) - ops.maximum(a[0], ops.transpose(b[0])))
    height = ops.relu(ops.minimum(a[3], ops.transpose(b[3])) - ops.maximum(a[1], ops.transpose(b[1])))
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b)]
    return width * height / (areas[0] + ops.transpose(areas[1]) - width * height)


def _nms_by_removal(places, scores, threshold):
    """The best is taken, those that it covers are removed: a list of ints."""
    left, kept = sorted(range(len(scores)), key=lambda rank: scores[rank], reverse=True), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [rank for rank in left if boxes.iou(places[[best]], places[[rank]])[0, 0] <= threshold]
    return kept


def _nms_by_matrix(places, scores, threshold):
    """All the overlaps at once, and a mask of who is alive."""
    order = np.argsort(scores)[::-1]
    overlap, alive = boxes.iou(places[order], places[order]), np.ones(len(order), bool)
    for rank in range(len(order)):
        if alive[rank]:
            alive[rank + 1 :] &= overlap[rank, rank + 1 :] <= threshold
    return order[alive]


def _nms_by_opencv(places, scores, threshold):
    corner_and_sides = np.concatenate([places[:, :2], places[:, 2:] - places[:, :2]], axis=1)
    return cv2.dnn.NMSBoxes(corner_and_sides.tolist(), scores.tolist(), 0.0, threshold)


def _precision_by_levels(correct, truths, levels):
    """The best precision of each level, looked for in plain Python."""
    hits, points = 0, []
    for rank, right in enumerate(correct, start=1):
        hits += bool(right)
        points.append((hits / truths, hits / rank))
    return sum(max((p for r, p in points if r >= level), default=0) for level in levels) / len(levels)


def _precision_by_table(correct, truths):
    """Each detection against each level."""
    hits = ops.cumsum(ops.cast(correct, "float32"))
    if hits.shape[0] == 0:
        return 0
    precision, recall = hits / ops.arange(1, hits.shape[0] + 1, dtype="float32"), hits / truths
    reached = recall[:, None] >= ops.cast(np.linspace(0, 1, 101), "float32") - 1e-6
    return ops.mean(ops.max(ops.where(reached, precision[:, None], 0.0), axis=0))


def _kmeans_by_loops(sides, anchors):
    groups = [[] for _ in anchors]
    for width, height in sides:
        overlaps = []
        for w, h in anchors:
            shared = min(width, w) * min(height, h)
            overlaps.append(shared / (width * height + w * h - shared))
        groups[overlaps.index(max(overlaps))].append((width, height))
    return [tuple(np.mean(group, axis=0)) for group in groups]


def _kmeans_by_boxes(sides, anchors):
    """Boxes put at the same corner, groups as a matrix of 0 and 1."""
    a, b = (np.hstack([np.zeros_like(some), some]) for some in (sides, anchors))
    group = np.argmin(1 - boxes.iou(a, b), axis=1)
    belongs = np.eye(len(anchors))[group]
    return belongs.T @ sides / belongs.sum(axis=0)[:, None]


def _kmeans_by_tensors(sides, anchors):
    sides, anchors = (ops.convert_to_tensor(some, "float32") for some in (sides, anchors))
    shared = ops.prod(ops.minimum(sides[:, None], anchors[None]), axis=-1)
    overlap = shared / (ops.prod(sides, axis=1)[:, None] + ops.prod(anchors, axis=1)[None] - shared)
    belongs = ops.one_hot(ops.argmax(overlap, axis=1), anchors.shape[0])
    return ops.matmul(ops.transpose(belongs), sides) / ops.sum(belongs, axis=0)[:, None]


RIGHT = {
    "iou": [_iou_by_loops, _iou_by_columns],
    "nms": [
        _nms_by_removal,
        _nms_by_matrix,
        _nms_by_opencv,
        lambda p, s, t: tf.image.non_max_suppression(p, s, len(s), t),  # a tensor
    ],
    "average_precision": [
        lambda c, n: _precision_by_levels(c, n, np.linspace(0, 1, 101)),
        lambda c, n: _precision_by_levels(c, n, [k / 100 for k in range(101)]),  # without linspace's rounding
        _precision_by_table,
    ],
    "kmeans_step": [_kmeans_by_loops, _kmeans_by_boxes, _kmeans_by_tensors],
}
