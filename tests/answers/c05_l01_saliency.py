"""Answers of lesson 5.1."""

import numpy as np


def _perceptron(x, w1, b1, w2, b2, label, *, relu=True, summed=False, absolute=False):
    active = (x @ w1 + b1 > 0) if relu else np.ones((len(x), w1.shape[1]))
    gradient = (active * (w2.sum(axis=1) if summed else w2[:, label])) @ w1.T
    return np.abs(gradient) if absolute else gradient


def _softmax(logits):
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def _path(gradient, image, baseline, steps, *, factor="displacement", mean=True, start=True):
    shares = (np.arange(steps) + 0.5) / steps
    points = baseline + np.multiply.outer(shares, image - baseline) if start else np.multiply.outer(shares, image)
    total = gradient(points).sum(axis=0) / (steps if mean else 1)
    return {"displacement": image - baseline, "image": image, "nothing": 1.0}[factor] * total


def _ranks(values):
    return np.asarray(values).ravel().argsort().argsort()


WRONG = {
    "perceptron_gradient": [
        lambda *given: _perceptron(*given, relu=False),
        lambda *given: _perceptron(*given, summed=True),
        lambda *given: _perceptron(*given, absolute=True),
        lambda *given: _perceptron(*given).T,
    ],
    "probability_gradient": [
        lambda g, logits, c: g[c],
        lambda g, logits, c: _softmax(logits)[c] * g[c],  # the other classes do not count
        lambda g, logits, c: g[c] - _softmax(logits) @ g,  # of the logarithm
        lambda g, logits, c: _softmax(logits)[c] * (_softmax(logits) @ g - g[c]),
    ],
    "integrated_gradients": [
        lambda *given: _path(*given, factor="nothing"),
        lambda *given: _path(*given, factor="image"),
        lambda *given: _path(*given, mean=False),
        lambda *given: _path(*given, start=False),
        lambda gradient, image, baseline, steps: (image - baseline) * gradient(image[None])[0],
        lambda gradient, image, baseline, steps: (image - baseline) * gradient(image),  # no batch
    ],
    "rank_correlation": [
        lambda a, b: np.corrcoef(_ranks(a), _ranks(b))[0, 1],  # the signs count
        lambda a, b: np.corrcoef(np.abs(a).ravel(), np.abs(b).ravel())[0, 1],
        lambda a, b: np.corrcoef(np.abs(a).ravel().argsort(), np.abs(b).ravel().argsort())[0, 1],
        lambda a, b: np.corrcoef(_ranks(np.abs(a)), _ranks(np.abs(b))),  # the whole matrix
    ],
}
