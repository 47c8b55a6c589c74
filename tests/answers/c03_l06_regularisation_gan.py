"""Answers of lesson 3.6."""

import keras
import numpy as np
import tensorflow as tf


def _unit(x):
    return x / np.linalg.norm(x)


def _power(w, u, steps, *, unit=_unit, read=lambda w, u, v: u @ w @ v, give=lambda u, v: u):
    for _ in range(steps):
        v = unit(w.T @ u)
        u = unit(w @ v)
    return read(w, u, v), give(u, v)


def _softplus(a):
    return np.logaddexp(0, a)


def _cross_entropy(a, target):
    return np.mean(target * _softplus(-a) + (1 - target) * _softplus(a))


WRONG = {
    "power_iteration": [
        lambda w, u, steps: _power(w, u, steps, unit=lambda x: x),  # grows without end
        lambda w, u, steps: _power(w, u, steps, read=lambda w, u, v: np.linalg.norm(w @ v) ** 2),
        lambda w, u, steps: _power(w, u, 1),
        lambda w, u, steps: _power(w, u, steps, give=lambda u, v: v),
        lambda w, u, steps: (np.linalg.norm(w), _unit(u)),
        lambda w, u, steps: (np.linalg.norm(w, 2), np.linalg.svd(w)[0][:, 0]),
        lambda w, u, steps: _power(w, u, steps)[0],
    ],
    "smoothed_loss": [
        lambda real, fake, t: _cross_entropy(real, t) + _cross_entropy(fake, 1 - t),  # both sides
        lambda real, fake, t: t * _cross_entropy(real, 1) + _cross_entropy(fake, 0),
        lambda real, fake, t: _cross_entropy(real, 1) + _cross_entropy(fake, 1 - t),
        lambda real, fake, t: _cross_entropy(real, 1) + _cross_entropy(fake, 0),
    ],
    "move_average": [
        lambda average, weights, decay: [decay * w + (1 - decay) * a for a, w in zip(average, weights)],
        lambda average, weights, decay: [decay * a + w for a, w in zip(average, weights)],
        lambda average, weights, decay: weights,
        lambda average, weights, decay: [(a + w) / 2 for a, w in zip(average, weights)],
        lambda average, weights, decay: decay * average[0] + (1 - decay) * weights[0],
    ],
}


def _power_tf(w, u, steps):
    for _ in range(steps):
        v = tf.math.l2_normalize(tf.linalg.matvec(w, u, transpose_a=True))
        u = tf.math.l2_normalize(tf.linalg.matvec(w, v))
    return tf.tensordot(u, tf.linalg.matvec(w, v), 1), u


def _power_keras(w, u, steps):
    w, u = keras.ops.cast(w, "float32"), keras.ops.cast(u, "float32")
    for _ in range(steps):
        v = keras.ops.matmul(keras.ops.transpose(w), u)
        v = v / keras.ops.norm(v)
        image = keras.ops.matmul(w, v)
        sigma = keras.ops.norm(image)
        u = image / sigma
    return sigma, u


def _power_columns(w, u, steps=1):
    u = u[:, None]
    for _ in range(steps):
        v = w.T.dot(u) / np.sqrt(np.sum(w.T.dot(u) ** 2))
        u = w.dot(v) / np.sqrt(np.sum(w.dot(v) ** 2))
    return [(u.T @ w @ v).item(), u.ravel().tolist()]


def _smoothed_keras(real, fake, target=0.9):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return loss(np.full_like(real, target), real) + loss(np.zeros_like(fake), fake)


def _smoothed_naive(real, fake, target=0.9):
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    true = [-target * np.log(sigmoid(a)) - (1 - target) * np.log(1 - sigmoid(a)) for a in real]
    return np.average(true) - np.average(np.log(1 - sigmoid(fake)))


def _moved_in_place(average, weights, decay):
    for old, new in zip(average, weights):
        old *= decay
        old += (1 - decay) * new
    return average


def _moved_one_by_one(average, weights, decay):
    moved = []
    for rank in range(len(weights)):
        moved.append(average[rank] + (1 - decay) * (weights[rank] - average[rank]))
    return tuple(moved)


def _moved_tf(average, weights, decay):
    return [decay * tf.constant(old) + (1 - decay) * new for old, new in zip(average, weights)]


def _moved_float32(average, weights, decay):
    return [value.numpy().astype("float32") for value in _moved_tf(average, weights, decay)]


RIGHT = {
    "power_iteration": [
        lambda w, u, steps: _power(w, u, steps, read=lambda w, u, v: np.linalg.norm(w @ v)),
        _power_tf,
        _power_keras,  # float32
        _power_columns,  # a float and a list
    ],
    "smoothed_loss": [
        lambda real, fake, target: np.mean(_softplus(real) - target * real) + np.mean(_softplus(fake)),
        _smoothed_keras,  # a float32 tensor
        _smoothed_naive,
    ],
    "move_average": [
        _moved_in_place,
        _moved_one_by_one,  # a tuple
        _moved_tf,
        _moved_float32,
    ],
}
