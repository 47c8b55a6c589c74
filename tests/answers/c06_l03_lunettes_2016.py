"""Answers of lesson 6.3."""

import numpy as np


def _step(colours, gradients, mask, step_size, *, scale="each", sign=1, mask_it=True, clip=True, mean=True):
    slopes = gradients
    if scale == "each":
        slopes = gradients / np.abs(gradients).max(axis=(1, 2), keepdims=True)
    slope = sign * (slopes.mean(0) if mean else slopes.sum(0))
    if scale == "after":
        slope = slope / np.abs(slope).max()
    moved = colours + step_size * slope * (mask if mask_it else 1)
    return np.clip(moved, 0, 1) if clip else moved


def _in_place(images, colours, mask):
    images += mask[..., None] * (colours - images)
    return images


def _neighbours(r):
    return r[1:, :-1] - r[:-1, :-1], r[:-1, 1:] - r[:-1, :-1]


WRONG = {
    "wear": [
        lambda x, c, m: x * m[..., None] + c * (1 - m[..., None]),  # the mask the wrong way round
        lambda x, c, m: x + c * m[..., None],  # the colour added to the face
        lambda x, c, m: np.where(m[..., None] > 0, c, x),  # hard edges
        lambda x, c, m: c * m[..., None] + 0 * x,  # no face
        _in_place,
    ],
    "total_variation": [
        lambda r: np.sum(np.abs(_neighbours(r)[0]) + np.abs(_neighbours(r)[1])),
        lambda r: np.sum(np.square(_neighbours(r))),
        lambda r: np.sqrt(np.sum(np.square(_neighbours(r)))),
        lambda r: np.mean(np.hypot(*_neighbours(r))),
        lambda r: np.hypot(np.roll(r, -1, 0) - r, np.roll(r, -1, 1) - r).sum(),
    ],
    "non_printability": [
        lambda c, p: np.abs(c[:, None] - p).min(axis=1).sum(),
        lambda c, p: np.abs(c[:, None] - p).sum(),
        lambda c, p: np.abs(c[:, None] - p).prod(),
        lambda c, p: np.abs(c[:, None] - p).prod(axis=1).mean(),
        lambda c, p: (c[:, None] - p).prod(axis=1).sum(),  # no absolute value
    ],
    "shared_step": [
        lambda *a: _step(*a, sign=-1),
        lambda *a: _step(*a, scale=None),
        lambda *a: _step(*a, scale="after"),
        lambda *a: _step(*a, mean=False),
        lambda *a: _step(*a, mask_it=False),
        lambda *a: _step(*a, clip=False),
        lambda c, g, m, s: _step(c, g[:1], m, s),  # the first photograph only
    ],
}
