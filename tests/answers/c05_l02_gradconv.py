"""Answers of lesson 5.2."""

import keras
import numpy as np
import tensorflow as tf


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
        lambda images: sum(np.square(np.diff(images, axis=k)).sum((1, 2, 3)) for k in (1, 2)),  # no gradient
        lambda images: _variation(images, measure=keras.ops.abs),
        lambda images: keras.ops.sum(keras.ops.square(images[:, :, 1:] - images[:, :, :-1]), (1, 2, 3)),
        lambda images: _variation(images, axes=(0, 1, 2, 3)),
        lambda images: _variation(images, reduce=keras.ops.mean),
        lambda images: _variation(images, axes=(1, 2)),  # a value a channel
    ],
}


# --- Right, written otherwise --------------------------------------------------------------------------


def _number_by_number(x, gradient):
    rules = np.zeros((3, *x.shape), "float32")
    for index in np.ndindex(x.shape):
        if x[index] > 0:
            rules[0][index] = gradient[index]
        if gradient[index] > 0:
            rules[1][index] = gradient[index]
            rules[2][index] = gradient[index] if x[index] > 0 else 0
    return list(rules)


def _taped_rules(x, gradient):
    x, gradient = tf.constant(x), tf.constant(gradient)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = tf.nn.relu(x)
    ordinary = tape.gradient(output, x, output_gradients=gradient)
    return ordinary, tf.nn.relu(gradient), tf.nn.relu(ordinary)


def _map_by_map(maps, gradients):
    cards = []
    for image, slopes in zip(maps, gradients):
        card = np.zeros(image.shape[:2])
        for k in range(image.shape[-1]):
            card += np.mean(slopes[:, :, k]) * image[:, :, k]
        card[card < 0] = 0
        cards.append(card)
    return cards


def _layers_cam(maps, gradients):
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(gradients)  # float32
    return keras.layers.ReLU()(keras.ops.sum(keras.ops.cast(maps, "float32") * weights, axis=-1))


def _image_by_image(images):
    values = []
    for image in images:
        down, right = image[1:] - image[:-1], image[:, 1:] - image[:, :-1]
        values.append(keras.ops.sum(down**2) + keras.ops.sum(right**2))
    return values


def _with_tensorflow(images):
    down, right = tf.experimental.numpy.diff(images, axis=1), tf.experimental.numpy.diff(images, axis=2)
    return tf.reduce_sum(down**2, axis=[1, 2, 3]) + tf.reduce_sum(right**2, axis=[1, 2, 3])


RIGHT = {
    "relu_rules": [
        _number_by_number,  # loops, float32, a list
        _taped_rules,  # tensors
        lambda x, g: (keras.ops.where(x > 0, g, 0.0), keras.ops.relu(g), keras.ops.where(x > 0, keras.ops.relu(g), 0)),
    ],
    "grad_cam": [
        _map_by_map,  # loops, a list of arrays
        _layers_cam,  # layers, a float32 tensor
        lambda maps, g: np.einsum("nhwk,nk->nhw", maps, np.mean(g, (1, 2))).clip(min=0),
    ],
    "total_variation": [
        _image_by_image,  # a list of tensors
        _with_tensorflow,
        lambda images: sum(
            keras.ops.sum(keras.ops.reshape(keras.ops.diff(images, axis=axis) ** 2, (len(images), -1)), axis=1)
            for axis in (1, 2)
        ),
    ],
}
