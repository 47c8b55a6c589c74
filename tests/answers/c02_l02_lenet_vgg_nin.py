"""Answers of lesson 2.2."""

import keras
import numpy as np
import tensorflow as tf


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


def parameters_by_name(layer):
    """A branch a kind, indices, and NumPy sums."""
    if layer[0] == "conv":
        return np.sum(layer[1] ** 2 * np.array(layer[2])) + len(layer[2])
    if layer[0] == "subsample":
        return layer[1] + layer[1]
    return layer[1] * layer[2] + layer[2]


def parameters_by_match(layer):
    """Patterns, a loop on the filters, floats."""
    match layer:
        case ("conv", size, sources):
            total = 0.0
            for read in sources:
                total += size * size * read + 1
            return total
        case ("subsample", maps):
            return 2.0 * maps
        case ("dense", inputs, outputs):
            return float(inputs * outputs + outputs)


def parameters_by_keras(layer):
    """The count of a Keras layer, one a filter for a convolution."""
    kind, *numbers = layer
    if kind == "conv":
        return sum(_built(keras.layers.Conv2D(1, numbers[0]), (None, 9, 9, read)) for read in numbers[1])
    if kind == "subsample":
        return _built(keras.layers.DepthwiseConv2D(1), (None, 9, 9, numbers[0]))
    return _built(keras.layers.Dense(numbers[1]), (None, numbers[0]))


def _built(layer, shape):
    layer.build(shape)
    return layer.count_params()


def stack_weights_layer_by_layer(field, maps):
    """A layer more until the field is reached."""
    seen, total = 1, 0
    while seen < field:
        seen += 2
        total += 3 * 3 * maps * maps
    return total


def stack_weights_of_a_model(field, maps):
    """The count of a Keras model."""
    maps_out = maps_in = keras.Input((field, field, maps))
    for _ in range(int((field - 1) / 2)):
        maps_out = keras.layers.Conv2D(maps, kernel_size=3, use_bias=False)(maps_out)
    return keras.Model(maps_in, maps_out).count_params()


def conv1x1_flat(images, weights, bias):
    """A row a pixel, then the shape back."""
    rows = images.reshape(-1, weights.shape[0]) @ weights + bias
    return rows.reshape(*images.shape[:3], -1)


def conv1x1_by_dense(images, weights, bias):
    """A dense layer of Keras, which works on the last axis: a float32 tensor."""
    layer = keras.layers.Dense(len(bias))
    layer.build(images.shape)
    layer.set_weights([weights, bias])
    return layer(images)


def global_average_by_loops(maps):
    """Lists of Python floats, added pixel by pixel."""
    count, height, width, channels = maps.shape
    means = []
    for n in range(count):
        totals = [0.0] * channels
        for i in range(height):
            for j in range(width):
                totals = [total + float(value) for total, value in zip(totals, maps[n, i, j])]
        means.append([total / (height * width) for total in totals])
    return means


RIGHT = {
    "parameters": [parameters_by_name, parameters_by_match, parameters_by_keras],
    "stack_weights": [
        stack_weights_layer_by_layer,
        stack_weights_of_a_model,
        lambda field, maps: 9 * maps**2 * (field - 1) / 2,  # a float
        lambda field, maps: field // 2 * np.prod([3, 3, maps, maps]),  # a NumPy integer; field is odd
    ],
    "conv1x1": [
        conv1x1_flat,
        conv1x1_by_dense,
        lambda images, weights, bias: np.einsum("nhwc,ck->nhwk", images, weights) + bias,
        lambda images, weights, bias: np.tensordot(images, weights, axes=1) + bias[None, None, None],
        lambda images, weights, bias: keras.ops.matmul(images, weights) + bias,  # a tensor
        lambda images, weights, bias: tf.nn.conv2d(images, weights[None, None], 1, "VALID") + bias,
    ],
    "global_average": [
        global_average_by_loops,
        lambda maps: np.mean(np.mean(maps, axis=1), axis=1),
        lambda maps: maps.reshape(len(maps), -1, maps.shape[-1]).mean(axis=1, dtype="float64"),
        lambda maps: np.einsum("nijc->nc", maps) / (maps.shape[1] * maps.shape[2]),
        lambda maps: tf.reduce_mean(maps, axis=[1, 2]),  # a tensor
        lambda maps: keras.layers.GlobalAveragePooling2D()(maps),
    ],
}
