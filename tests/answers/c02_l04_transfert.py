"""Answers of lesson 2.4."""

import collections

import cv2
import keras
import numpy as np
import scipy.signal
import scipy.spatial
import scipy.stats
import tensorflow as tf
from sklearn.neighbors import KNeighborsClassifier


def _windows(images, kernel):
    height, width, _ = kernel.shape
    return np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))  # N, H', W', C, h, w


def _depthwise(images, kernel):
    return np.einsum("nijchw,hwc->nijc", _windows(images, kernel), kernel)


def _knn(train, labels, test, k, *, normalise=True, nearest=True, vote=True):
    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True) if normalise else x

    order = np.argsort(unit(test) @ unit(train).T, axis=1)
    order = order[:, ::-1][:, :k] if nearest else order[:, :k]
    chosen = labels[order]
    return np.array([np.bincount(row).argmax() for row in chosen]) if vote else chosen[:, 0]


def _is_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


def _freeze(model, first, *, is_norm=_is_norm, keep_first=True, count=True, thaw=True):
    started = False
    for layer in model.layers:
        if keep_first:
            started = started or layer.name == first
        layer.trainable = started and not is_norm(layer) and (thaw or layer.trainable)
        started = started or layer.name == first
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights) if count else len(model.trainable_weights)


def _freeze_whole_first(model, first, start):
    """The state of the whole model, then of what follows `first`; the count of the layers that learn."""
    model.trainable = start
    where = model.layers.index(model.get_layer(first))
    for rank, layer in enumerate(model.layers):
        if rank >= where and not start:
            layer.trainable = not _is_norm(layer)
        elif rank < where or _is_norm(layer):
            layer.trainable = False
    return sum(layer.count_params() for layer in model.layers if layer.trainable)


WRONG = {
    "depthwise": [
        lambda images, kernel: _depthwise(images, kernel).sum(axis=-1, keepdims=True),  # an ordinary filter
        lambda images, kernel: _depthwise(images, kernel[::-1, ::-1]),  # flipped
        lambda images, kernel: _depthwise(images, np.repeat(kernel[:, :, :1], kernel.shape[2], axis=2)),  # one grid
        lambda images, kernel: np.moveaxis(_depthwise(images, kernel), 3, 1),  # channels first
    ],
    "knn": [
        lambda train, labels, test, k: _knn(train, labels, test, k, normalise=False),
        lambda train, labels, test, k: _knn(train, labels, test, k, nearest=False),
        lambda train, labels, test, k: KNeighborsClassifier(k).fit(train, labels).predict(test),  # not an angle
        lambda train, labels, test, k: _knn(train, labels, test, k, vote=False),
        lambda train, labels, test, k: _knn(train, labels, test, k + 1),
    ],
    "dense_from_probe": [
        lambda mean, scale, weights, bias: ((weights).T, bias),  # standardisation forgotten
        lambda mean, scale, weights, bias: ((weights / scale).T, bias),  # the mean forgotten
        lambda mean, scale, weights, bias: ((weights * scale).T, bias - mean @ (weights * scale).T),
        lambda mean, scale, weights, bias: (weights / scale, bias - (weights / scale) @ mean),  # not transposed
        lambda mean, scale, weights, bias: ((weights / scale).T, bias - mean @ weights.T),  # mean in the wrong unit
    ],
    "freeze": [
        lambda model, first: _freeze(model, first, is_norm=lambda layer: False),  # batch normalisation still learns
        lambda model, first: _freeze(model, first, keep_first=False),  # `first` frozen too
        lambda model, first: _freeze(model, first, count=False),  # tensors, not numbers
        lambda model, first: model.count_params(),  # nothing done
        lambda model, first: _freeze(model, first, thaw=False),  # what an earlier phase froze stays so
        lambda model, first: _freeze(model, first, is_norm=lambda layer: "norm" in layer.name),  # it may have any name
        lambda model, first: _freeze_whole_first(model, first, start=False),  # the model itself stays frozen
        lambda model, first: _freeze_whole_first(model, first, start=True),  # which thaws no layer
    ],
}


def depthwise_by_windows(images, kernel):
    """A loop on the places of the window, into a float32 array."""
    (height, width), (count, rows, columns, channels) = kernel.shape[:2], images.shape
    output = np.zeros((count, rows - height + 1, columns - width + 1, channels), "float32")
    for i in range(output.shape[1]):
        for j in range(output.shape[2]):
            output[:, i, j] = np.sum(images[:, i : i + height, j : j + width] * kernel[None], axis=(1, 2))
    return output


def depthwise_by_scipy(images, kernel):
    """An image and a channel at a time, in a list of lists."""
    one = lambda image, c: scipy.signal.correlate2d(image[..., c], kernel[..., c], mode="valid")  # noqa: E731
    return [np.stack([one(image, c) for c in range(kernel.shape[2])], axis=-1) for image in images]


def depthwise_by_opencv(images, kernel):
    """cv2.filter2D, a channel at a time, anchored at the corner of the window."""
    rows, columns = np.subtract(images.shape[1:3], kernel.shape[:2]) + 1
    output = np.empty((len(images), rows, columns, kernel.shape[-1]))
    for n, c in np.ndindex(len(images), kernel.shape[-1]):
        channel, grid = images[n, :, :, c].copy(), kernel[:, :, c].copy()
        whole = cv2.filter2D(channel, -1, grid, anchor=(0, 0))
        output[n, :, :, c] = whole[:rows, :columns]
    return output


def depthwise_by_layer(images, kernel):
    """A layer of Keras: a float32 tensor."""
    layer = keras.layers.DepthwiseConv2D(kernel.shape[:2], use_bias=False)
    layer.build(images.shape)
    layer.set_weights([kernel[..., np.newaxis]])
    return layer(images)


def depthwise_by_channels(images, kernel):
    """An ordinary convolution a channel, and tensors joined."""
    channels = range(kernel.shape[-1])
    filtered = [keras.ops.conv(images[..., c, None], kernel[..., c, None, None]) for c in channels]
    return keras.ops.concatenate(filtered, axis=-1)


def knn_by_loops(train, labels, test, k):
    """A row of test at a time; a cosine by its definition; the largest count, then the smallest label."""
    classes = []
    for row in test:
        cosines = [np.dot(row, other) / (np.linalg.norm(row) * np.linalg.norm(other)) for other in train]
        nearest = sorted(range(len(train)), key=lambda i: cosines[i], reverse=True)[:k]
        votes = collections.Counter(int(labels[i]) for i in nearest)
        classes.append(min(votes, key=lambda label: (-votes[label], label)))
    return classes


def knn_by_distances(train, labels, test, k):
    """scipy's cosine distance, a partition rather than a sort, scipy's mode."""
    distances = scipy.spatial.distance.cdist(test, train, "cosine")
    nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
    return scipy.stats.mode(labels[nearest], axis=1).mode


def knn_on_the_sphere(train, labels, test, k):
    """Plain distances between unit vectors, which sort as the angles do; votes in a table of floats."""
    train, test = (x / np.sqrt((x**2).sum(axis=1))[:, None] for x in (train, test))
    distances = ((test[:, None] - train[None]) ** 2).sum(axis=2)
    votes = np.eye(labels.max() + 1)[labels[distances.argsort(axis=1)[:, :k]]].sum(axis=1)
    return votes.argmax(axis=1).astype("float32")


def knn_by_keras(train, labels, test, k):
    """top_k, and a tensor; the norm of a row of test does not change the order of its neighbours."""
    _, nearest = keras.ops.top_k(test @ keras.ops.normalize(train, axis=1).numpy().T, k)
    votes = keras.ops.sum(keras.ops.one_hot(labels[np.asarray(nearest)], int(labels.max()) + 1), axis=1)
    return keras.ops.argmax(votes, axis=-1)


def knn_by_angles(train, labels, test, k):
    """float64, arccos, and the smallest label of the most frequent ones by np.unique."""
    train, test = train.astype("float64"), test.astype("float64")
    norms = np.outer(np.linalg.norm(test, axis=1), np.linalg.norm(train, axis=1))
    order = np.argsort(np.arccos(np.clip(test @ train.T / norms, -1, 1)), axis=1, kind="stable")
    answer = []
    for row in order[:, :k]:
        values, counts = np.unique(labels[row], return_counts=True)
        answer.append(values[np.argmax(counts)])
    return np.array(answer, dtype="int32")


def knn_by_sklearn(train, labels, test, k):
    return KNeighborsClassifier(k, metric="cosine").fit(train, labels).predict(test)


def dense_from_probe_by_loops(mean, scale, weights, bias):
    """A weight at a time, and lists."""
    kernel = np.empty(weights.T.shape)
    offset = bias.tolist()
    for k, row in enumerate(weights):
        for d, weight in enumerate(row):
            kernel[d, k] = weight / scale[d]
            offset[k] -= weight * mean[d] / scale[d]
    return [kernel.tolist(), offset]


def dense_from_probe_by_probing(mean, scale, weights, bias):
    """What the probe answers to zeros, then to each unit vector."""
    probe = lambda x: (x - mean) / scale @ weights.T + bias  # noqa: E731
    at_zero = probe(np.zeros((1, len(mean))))
    return probe(np.eye(len(mean))) - at_zero, at_zero[0]


def dense_from_probe_by_layer(mean, scale, weights, bias):
    """The weights of a Keras layer, in float32."""
    layer = keras.layers.Dense(len(bias))
    layer.build((None, len(mean)))
    layer.set_weights([weights.T / scale[:, None], bias - np.sum(weights * mean / scale, axis=1)])
    return layer.get_weights()


def dense_from_probe_in_float32(mean, scale, weights, bias):
    """As a network would compute it."""
    mean, scale, weights, bias = (values.astype("float32") for values in (mean, scale, weights, bias))
    kernel = weights.T / scale[:, None]
    return kernel, bias - mean @ kernel


def dense_from_probe_by_tensors(mean, scale, weights, bias):
    kernel = keras.ops.transpose(weights / scale)
    return kernel, bias - tf.linalg.matvec(kernel, mean, transpose_a=True)


def freeze_from_the_end(model, first):
    """Backwards; the sizes of tensors, as a tensor."""
    learning = True
    for layer in reversed(model.layers):
        layer.trainable = learning and type(layer) is not keras.layers.BatchNormalization
        if layer.name == first:
            learning = False
    return sum(tf.size(weight) for weight in model.trainable_variables)


def freeze_by_slices(model, first):
    """Each layer thawed, then frozen by slices; the count of the layers."""
    for layer in model.layers:
        layer.trainable = True
    where = model.layers.index(model.get_layer(first))
    for layer in model.layers[:where]:
        layer.trainable = False
    for layer in model.layers[where:]:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return sum(layer.count_params() for layer in model.layers if layer.trainable)


def freeze_and_subtract(model, first):
    """A flag; all the numbers, less those that do not learn, as a float."""
    found = False
    for layer in model.layers:
        found |= layer.name == first
        if not found or isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
        else:
            layer.trainable = True
    return float(model.count_params() - sum(weight.numpy().size for weight in model.non_trainable_weights))


RIGHT = {
    "depthwise": [
        _depthwise,
        depthwise_by_windows,
        depthwise_by_scipy,
        depthwise_by_opencv,
        depthwise_by_layer,
        lambda images, kernel: tf.nn.depthwise_conv2d(images, kernel[..., None], [1, 1, 1, 1], "VALID"),
        depthwise_by_channels,
    ],
    "knn": [
        knn_by_loops,
        knn_by_distances,
        knn_on_the_sphere,
        knn_by_keras,
        knn_by_angles,
        knn_by_sklearn,
    ],
    "dense_from_probe": [
        dense_from_probe_by_loops,
        dense_from_probe_by_probing,
        dense_from_probe_by_layer,
        dense_from_probe_in_float32,
        dense_from_probe_by_tensors,
    ],
    "freeze": [freeze_from_the_end, freeze_by_slices, freeze_and_subtract],
}
