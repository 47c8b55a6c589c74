"""Answers of lesson 5.4."""

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import pairwise

from labs.boxes import iou


def _similarity(a, p, b, q, o, *, overlap=True, cosine=True, objectness=True):
    u, v = (m / np.linalg.norm(m, axis=1, keepdims=True) if cosine else m for m in (p, q))
    return (iou(a, b) if overlap else 1) * (u @ v.T) * (o if objectness else 1)


def _masks(score, image, masks, *, masked=True):
    weights = np.array([score(image * mask[..., None] if masked else image) for mask in masks])
    return np.tensordot(weights, masks, 1), weights


WRONG = {
    "similarity": [
        lambda *given: _similarity(*given, objectness=False),
        lambda *given: _similarity(*given, cosine=False),
        lambda *given: _similarity(*given, overlap=False),
        lambda *given: _similarity(*given).T,
    ],
    "weighted_masks": [
        lambda score, image, masks, keep: _masks(score, image, masks)[0] / len(masks),
        lambda score, image, masks, keep: _masks(score, image, masks)[0],
        lambda score, image, masks, keep: _masks(score, image, masks)[0] / _masks(score, image, masks)[1].sum(),
        lambda score, image, masks, keep: _masks(score, image, masks, masked=False)[0] / len(masks) / keep,
        lambda score, image, masks, keep: score(image * masks[..., None]),  # a batch
    ],
    "energy": [
        lambda heat, box: heat[box[1] : box[3], box[0] : box[2]].sum() / heat.sum(),
        lambda heat, box: (heat - heat.min())[box[0] : box[2], box[1] : box[3]].sum() / (heat - heat.min()).sum(),
        lambda heat, box: (heat - heat.min())[box[1] : box[3], box[0] : box[2]].mean() / (heat - heat.min()).mean(),
        lambda heat, box: (
            (heat - heat.min())[box[1] : box[3] + 1, box[0] : box[2] + 1].sum() / (heat - heat.min()).sum()
        ),
    ],
}


# --- Right, written otherwise --------------------------------------------------------------------------


def _pair_by_pair(target_boxes, target_probabilities, boxes, probabilities, objectness):
    rows = []
    for box, p in zip(target_boxes, target_probabilities):
        row = []
        for other, q, o in zip(boxes, probabilities, objectness):
            x1, y1, x2, y2 = *np.maximum(box[:2], other[:2]), *np.minimum(box[2:], other[2:])
            both = max(x2 - x1, 0) * max(y2 - y1, 0)
            either = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both
            row.append(both / either * p.dot(q) / (np.linalg.norm(p) * np.linalg.norm(q)) * o)
        rows.append(row)
    return rows


def _normalized(a, p, b, q, o):
    u, v = (keras.ops.normalize(keras.ops.cast(one, "float32"), axis=-1) for one in (p, q))
    return keras.ops.cast(iou(a, b), "float32") * (u @ keras.ops.transpose(v)) * keras.ops.cast(o, "float32")


def _running_sum(score, image, masks, keep):
    total = np.zeros(image.shape[:2], "float32")
    for mask in masks:
        total += score(image * np.dstack([mask] * 3)) * mask
    return total / (keep * len(masks))


def _tensor_masks(score, image, masks, keep):
    hidden = keras.ops.expand_dims(masks, -1) * image
    weights = keras.ops.convert_to_tensor([score(one) for one in hidden], dtype="float64")
    return keras.ops.einsum("n,nhw->hw", weights, masks) / (len(masks) * keep)


def _added_energy(heatmap, box):
    lowest, inside, total = min(map(min, heatmap.tolist())), 0.0, 0.0
    for y, line in enumerate(heatmap):
        for x, value in enumerate(line):
            total += value - lowest
            inside += value - lowest if box[0] <= x < box[2] and box[1] <= y < box[3] else 0
    return float(inside / total)


def _in_place(heatmap, box):
    x1, y1, x2, y2 = np.array(box).astype(int)
    heatmap -= np.min(heatmap)
    heatmap /= np.sum(heatmap)
    return np.sum(heatmap[slice(y1, y2), slice(x1, x2)])


RIGHT = {
    "similarity": [
        _pair_by_pair,  # loops and lists, its own IoU
        _normalized,  # float32 tensor
        lambda a, p, b, q, o: iou(a, b) * pairwise.cosine_similarity(p, q) * o[None, :],
    ],
    "weighted_masks": [
        _running_sum,  # float32
        _tensor_masks,  # score of a tensor
        lambda score, image, masks, keep: (
            np.mean([score(image * mask[:, :, None]) * mask for mask in masks], axis=0) / keep
        ),
    ],
    "energy": [
        _added_energy,  # loops, a float
        _in_place,
        lambda heat, box: (
            tf.reduce_sum((heat - heat.min())[box[1] : box[3], box[0] : box[2]]) / (heat - heat.min()).sum()
        ),
    ],
}
