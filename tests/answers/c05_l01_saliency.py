"""Answers of lesson 5.1."""

import keras
import numpy as np
import tensorflow as tf
from scipy import stats


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


# --- Right, written otherwise --------------------------------------------------------------------------


def _unit_by_unit(x, w1, b1, w2, b2, label):
    gradient = np.zeros_like(x)
    for row, example in enumerate(x):
        for unit in range(w1.shape[1]):
            if sum(example * w1[:, unit]) + b1[unit] > 0:
                gradient[row] += w2[unit, label] * w1[:, unit]
    return gradient


def _by_tape(gradients, logits, label):
    move = tf.zeros(gradients.shape[1], "float64")
    with tf.GradientTape() as tape:
        tape.watch(move)
        probability = tf.nn.softmax(logits + tf.linalg.matvec(gradients, move))[label]
    return tape.gradient(probability, move)


def _list_of_points(gradient, image, baseline, steps):
    points = [baseline + k / steps * (image - baseline) for k in range(1, steps + 1)]
    return (image - baseline) * np.mean(gradient(points), axis=0)


def _tensor_of_points(gradient, image, baseline, steps):
    points = keras.ops.linspace(baseline, image, steps)
    return (image - baseline) * keras.ops.mean(gradient(points), axis=0)


def _point_by_point(gradient, image, baseline, steps):
    total = np.zeros(image.shape, "float32")
    for k in range(steps):
        total += gradient(baseline[None] + k / steps * (image - baseline)[None])[0] / steps
    return total * (image - baseline)


def _counted_ranks(a, b):
    first, second = (np.abs(one).flatten().tolist() for one in (a, b))
    ranks = [[sum(other < value for other in values) for value in values] for values in (first, second)]
    n = len(first)
    return 1 - 6 * sum((r - s) ** 2 for r, s in zip(*ranks)) / (n * (n**2 - 1))


RIGHT = {
    "perceptron_gradient": [
        _unit_by_unit,  # loops
        lambda x, w1, b1, w2, b2, label: np.einsum("dh,nh,h->nd", w1, np.heaviside(x @ w1 + b1, 0), w2[:, label]),
        lambda *given: _perceptron(*given).astype("float32").tolist(),  # lists
    ],
    "probability_gradient": [
        lambda g, logits, c: (np.diag(p := _softmax(logits)) - np.outer(p, p))[c] @ g,  # the Jacobian
        lambda g, logits, c: (p := keras.ops.softmax(logits))[c] * (g[c] - keras.ops.matmul(p, g)),
        _by_tape,  # no formula, a tensor
    ],
    "integrated_gradients": [
        _list_of_points,  # end of the steps
        _tensor_of_points,  # both ends
        _point_by_point,  # start of the steps, batches of one, float32
        lambda gradient, image, baseline, steps: (
            (image - baseline) * np.trapezoid(gradient(np.linspace(baseline, image, steps + 1)), dx=1 / steps, axis=0)
        ),
    ],
    "rank_correlation": [
        _counted_ranks,  # d² formula, float
        lambda a, b: stats.spearmanr(np.abs(a), np.abs(b), axis=None).statistic,
        lambda a, b: stats.pearsonr(*(stats.rankdata(np.abs(one)) for one in (a, b)))[0],
    ],
}
