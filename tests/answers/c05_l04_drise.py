"""Answers of lesson 5.4."""

import numpy as np

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
