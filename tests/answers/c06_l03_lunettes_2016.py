"""Answers of lesson 6.3."""

import math

import keras
import numpy as np
import tensorflow as tf


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


# --- Right, written otherwise --------------------------------------------------------------------------


def _pixel_by_pixel(images, colours, mask):
    worn = images.copy()
    for image in worn:
        for i, row in enumerate(mask):
            for j, m in enumerate(row):
                image[i, j] = colours[i, j] if m == 1 else (1 - m) * image[i, j] + m * colours[i, j]
    return worn


def _single_wear(images, colours, mask):
    images, colours, m = (tf.cast(one, tf.float32) for one in (images, colours, mask[None, :, :, None]))
    return images + m * (colours - images)


def _double_loop(r):
    total = 0
    for i in range(len(r) - 1):
        for j in range(len(r[0]) - 1):
            total += math.sqrt((r[i][j] - r[i + 1][j]) ** 2 + (r[i][j] - r[i][j + 1]) ** 2)
    return total


def _tensor_variation(r):
    r = keras.ops.cast(r, "float32")
    return keras.ops.sum(keras.ops.norm(keras.ops.stack([r[1:, :-1] - r[:-1, :-1], r[:-1, 1:] - r[:-1, :-1]]), axis=0))


def _grey_by_grey(colours, printable):
    score = np.ones(len(colours), "float32")
    for grey in printable:
        score *= np.abs(colours - grey)
    return score.sum()


def _single_score(colours, printable):
    colours, printable = tf.cast(colours, tf.float32), tf.cast(printable, tf.float32)
    return tf.reduce_sum(tf.reduce_prod(tf.abs(colours[:, None] - printable[None]), axis=1))


def _photograph_by_photograph(colours, gradients, mask, step_size):
    slope = np.zeros(colours.shape, "float32")
    for gradient in gradients:
        slope += gradient / max(gradient.max(), -gradient.min())
    slope /= len(gradients)
    return np.where(mask == 1, np.clip(colours + step_size * slope, 0, 1), colours)


def _tensor_step(colours, gradients, mask, step_size):
    colours, gradients, mask = (keras.ops.cast(one, "float32") for one in (colours, gradients, mask))
    scaled = gradients / keras.ops.amax(keras.ops.abs(gradients), axis=(1, 2), keepdims=True)
    return keras.ops.clip(colours + step_size * keras.ops.mean(scaled * mask, axis=0), 0, 1)


RIGHT = {
    "wear": [
        _pixel_by_pixel,  # loops
        _single_wear,  # float32 tensor
        lambda x, c, m: [image + np.expand_dims(m, -1) * (c - image) for image in x],  # a list
    ],
    "total_variation": [
        _double_loop,  # loops, int or float
        _tensor_variation,  # float32 tensor
        lambda r: np.hypot(np.diff(r, axis=0)[:, :-1], np.diff(r, axis=1)[:-1]).sum(),
    ],
    "non_printability": [
        _grey_by_grey,  # float32
        _single_score,  # float32 tensor
        lambda c, p: sum(math.prod(abs(colour - grey) for grey in p) for colour in c),
    ],
    "shared_step": [
        _photograph_by_photograph,  # loops, where
        _tensor_step,  # float32 tensor
        lambda c, g, m, s: np.clip(c + s / len(g) * np.einsum("vij,v,ij->ij", g, 1 / np.abs(g).max((1, 2)), m), 0, 1),
    ],
}
