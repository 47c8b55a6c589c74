"""Answers of lesson 3.5."""

import keras
import numpy as np
import scipy.stats
import tensorflow as tf


def _bound(real, real_copy, fake, fake_copy, *, error, gap=np.abs):
    return gap(error(real - real_copy) - error(fake - fake_copy))


def _distance_of_errors(real, real_copy, fake, fake_copy):
    """The distance between the two laws of errors itself, not what it exceeds."""
    errors = (np.abs(x - y).mean(axis=(1, 2, 3)) for x, y in ((real, real_copy), (fake, fake_copy)))
    return scipy.stats.wasserstein_distance(*errors)


WRONG = {
    "error_bound": [
        lambda *images: _bound(*images, error=np.mean),  # errors of both signs cancel
        lambda *images: _bound(*images, error=lambda r: np.mean(r**2)),  # η = 2
        lambda *images: _bound(*images, error=lambda r: np.abs(r).mean(), gap=lambda d: d),  # signed
        lambda *images: _bound(*images, error=lambda r: np.abs(r).sum(axis=(1, 2, 3)).mean()),  # pixels summed
        _distance_of_errors,
    ],
    "update_balance": [
        lambda k, real, fake, gamma, rate: k + rate * (gamma * real - fake),  # not clipped
        lambda k, real, fake, gamma, rate: np.clip(k - rate * (gamma * real - fake), 0, 1),
        lambda k, real, fake, gamma, rate: np.clip(k + rate * (real - gamma * fake), 0, 1),
        lambda k, real, fake, gamma, rate: np.clip(k + gamma * real - fake, 0, 1),
        lambda k, real, fake, gamma, rate: max(k + rate * (gamma * real - fake), 0),
    ],
    "convergence": [
        lambda real, fake, gamma: real + gamma * real - fake,
        lambda real, fake, gamma: np.abs(gamma * real - fake),
        lambda real, fake, gamma: real + np.abs(real - gamma * fake),
        lambda real, fake, gamma: real + np.abs(real - fake),
    ],
}


def _bound_by_image(real, real_copy, fake, fake_copy):
    m1 = np.mean([np.mean(np.abs(image - copy)) for image, copy in zip(real, real_copy)])
    m2 = np.mean([np.mean(np.abs(image - copy)) for image, copy in zip(fake, fake_copy)])
    return max(m1 - m2, m2 - m1)


def _bound_flat(real, real_copy, fake, fake_copy):
    m1 = np.linalg.norm((real - real_copy).ravel(), 1) / real.size
    m2 = np.linalg.norm((fake - fake_copy).ravel(), 1) / fake.size
    return abs(float(m1) - float(m2))


def _bound_tf(real, real_copy, fake, fake_copy):
    m1, m2 = (tf.reduce_mean(tf.abs(x - y), axis=[1, 2, 3]) for x, y in ((real, real_copy), (fake, fake_copy)))
    return tf.abs(tf.reduce_mean(m1) - tf.reduce_mean(m2))


def _bound_keras(real, real_copy, fake, fake_copy):
    error = keras.losses.MeanAbsoluteError()
    return keras.ops.abs(error(real, real_copy) - error(fake, fake_copy))


def _balance_by_cases(k, real_error, fake_error, gamma, rate):
    k += rate * (gamma * real_error - fake_error)
    if k < 0:
        return 0
    return 1 if k > 1 else k


def _balance_tf(k, real_error, fake_error, gamma, rate):
    return tf.clip_by_value(k + rate * (gamma * real_error - fake_error), 0.0, 1.0)


RIGHT = {
    "error_bound": [
        _bound_by_image,
        _bound_flat,
        _bound_tf,
        _bound_keras,  # a float32 tensor
    ],
    "update_balance": [
        lambda k, real, fake, gamma, rate: np.clip(k + rate * gamma * real - rate * fake, 0, 1),
        _balance_by_cases,
        _balance_tf,  # float32
    ],
    "convergence": [
        lambda real, fake, gamma: [x + abs(gamma * x - y) for x, y in zip(real, fake)],
        lambda real, fake, gamma: np.maximum((1 + gamma) * real - fake, (1 - gamma) * real + fake),
        lambda real, fake, gamma: tf.add(real, tf.abs(gamma * real - fake)),
        lambda real, fake, gamma: (real + np.abs(gamma * real - fake)).astype("float32"),
    ],
}
