"""Answers of lesson 2.2."""

import numpy as np


def _parameters(layer, *, conv=None, subsample=None, dense=None):
    """The right count, but for what is given."""
    kind, *numbers = layer
    if kind == "conv":
        rule = conv or (lambda size, sources: size**2 * sum(sources) + len(sources))
    elif kind == "subsample":
        rule = subsample or (lambda maps: 2 * maps)
    else:
        rule = dense or (lambda inputs, outputs: (inputs + 1) * outputs)
    return rule(*numbers)


WRONG = {
    "parameters": [
        lambda layer: _parameters(layer, conv=lambda size, sources: size**2 * sum(sources)),  # no bias
        lambda layer: _parameters(layer, conv=lambda size, sources: (size**2 + 1) * sum(sources)),  # a bias a link
        lambda layer: _parameters(  # everything connected
            layer, conv=lambda size, sources: (size**2 * max(sources) + 1) * len(sources)
        ),
        lambda layer: _parameters(layer, conv=lambda size, sources: size * sum(sources) + len(sources)),  # not squared
        lambda layer: _parameters(layer, subsample=lambda maps: 0),  # as a pooling of today
        lambda layer: _parameters(layer, subsample=lambda maps: 5 * maps),  # one weight a pixel
        lambda layer: _parameters(layer, dense=lambda inputs, outputs: inputs * outputs),
        lambda layer: _parameters(layer, dense=lambda inputs, outputs: inputs * outputs + inputs),
    ],
    "stack_weights": [
        lambda field, maps: field**2 * maps**2,  # one filter
        lambda field, maps: (field - 1) // 2 * 9 * maps,  # one map read
        lambda field, maps: field // 3 * 9 * maps**2,  # not the depth
        lambda field, maps: (field + 1) // 2 * 9 * maps**2,  # one layer too many
        lambda field, maps: (field - 1) // 2 * (9 * maps**2 + maps),  # with the biases
    ],
    "conv1x1": [
        lambda images, weights, bias: images @ weights,
        lambda images, weights, bias: images @ weights.T + bias,
        lambda images, weights, bias: images.reshape(-1, images.shape[-1]) @ weights + bias,  # flattened
        lambda images, weights, bias: np.maximum(images @ weights + bias, 0),  # with a ReLU
    ],
    "global_average": [
        lambda maps: maps.sum(axis=(1, 2)),
        lambda maps: maps.max(axis=(1, 2)),
        lambda maps: maps.mean(axis=(0, 1, 2)),
        lambda maps: maps.mean(axis=(1, 2), keepdims=True),
        lambda maps: maps.mean(axis=-1),
        lambda maps: maps.mean(axis=(2, 3)),
    ],
}
