"""Answers of lesson 2.4."""

import keras
import numpy as np
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
    ],
}
