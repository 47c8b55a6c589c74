"""Answers of lesson 4.1."""

import numpy as np


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
