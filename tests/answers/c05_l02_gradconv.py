"""Answers of lesson 5.2."""

import keras
import numpy as np


def _rules(x, gradient):
    active, positive = x > 0, gradient > 0
    return gradient * active, gradient * positive, gradient * active * positive


def _grad_cam(maps, gradients, *, relu=True, reduce=np.mean, axis=(1, 2), positive=False):
    weights = reduce(gradients, axis=axis, keepdims=True)
    total = ((np.maximum(weights, 0) if positive else weights) * maps).sum(axis=-1)
    return np.maximum(total, 0) if relu else total


def _variation(images, *, measure=keras.ops.square, axes=(1, 2, 3), reduce=keras.ops.sum):
    down, right = images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]
    return reduce(measure(down), axes) + reduce(measure(right), axes)


WRONG = {
    "relu_rules": [
        lambda x, g: (g * (g > 0), g * (x > 0), g * (x > 0) * (g > 0)),  # swapped
        lambda x, g: (g * (x > 0), g * (x > 0) * (g > 0), g * (g > 0)),
        lambda x, g: (g, g * (g > 0), g * (x > 0) * (g > 0)),  # no ReLU
        lambda x, g: (np.maximum(x, 0), np.maximum(g, 0), np.maximum(x, 0) * np.maximum(g, 0)),  # values, not masks
        lambda x, g: _rules(x, g)[2],
    ],
    "grad_cam": [
        lambda maps, gradients: _grad_cam(maps, gradients, relu=False),
        lambda maps, gradients: _grad_cam(maps, gradients, reduce=np.sum),
        lambda maps, gradients: np.maximum((maps * gradients).sum(axis=-1), 0),
        lambda maps, gradients: _grad_cam(maps, gradients, axis=(0, 1, 2)),
        lambda maps, gradients: _grad_cam(maps, gradients, positive=True),
    ],
    "total_variation": [
        lambda images: _variation(images, measure=keras.ops.abs),
        lambda images: keras.ops.sum(keras.ops.square(images[:, :, 1:] - images[:, :, :-1]), (1, 2, 3)),
        lambda images: _variation(images, axes=(0, 1, 2, 3)),
        lambda images: _variation(images, reduce=keras.ops.mean),
        lambda images: _variation(images, axes=(1, 2)),  # a value a channel
    ],
}
