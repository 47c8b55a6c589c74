"""Answers of lesson 3.3."""

import math

import keras
import numpy as np
import scipy.linalg
import scipy.special
import tensorflow as tf


def _softplus(a):
    return np.logaddexp(0, a)


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _frechet(m, a, n, b, *, square=2, root="matrix"):
    values = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    cross = {"matrix": values, "elements": np.trace(np.sqrt(a @ b)), "none": 0.0}[root]
    return np.linalg.norm(m - n) ** square + np.trace(a) + np.trace(b) - 2 * cross


WRONG = {
    "discriminator_loss": [
        lambda real, fake: -np.mean(np.log(_sigmoid(real))) - np.mean(np.log(1 - _sigmoid(fake))),  # infinite
        lambda real, fake: -np.mean(_softplus(-real)) - np.mean(_softplus(fake)),  # V itself
        lambda real, fake: np.mean(_softplus(real)) + np.mean(_softplus(-fake)),  # labels exchanged
        lambda real, fake: np.mean(np.concatenate([_softplus(-real), _softplus(fake)])),
    ],
    "generator_loss": [
        lambda fake: -np.mean(_softplus(fake)),  # saturating
        lambda fake: np.mean(_softplus(fake)),  # the discriminator's
        lambda fake: -np.mean(_softplus(-fake)),
        lambda fake: -np.mean(np.log(_sigmoid(fake))),
    ],
    "frechet": [
        lambda m, a, n, b: _frechet(m, a, n, b, root="elements"),
        lambda m, a, n, b: _frechet(m, a, n, b, square=1),
        lambda m, a, n, b: _frechet(m, a, n, b, root="none"),
    ],
}


def _minus_log_sigmoid(score):
    return math.log1p(math.exp(-score)) if score > 0 else math.log1p(math.exp(score)) - score


def _discriminator_loops(real, fake):
    true = sum(_minus_log_sigmoid(score) for score in real) / len(real)
    return true + sum(_minus_log_sigmoid(-score) for score in fake) / len(fake)


def _discriminator_keras(real, fake):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return loss(np.ones_like(real), real) + loss(np.zeros_like(fake), fake)


def _discriminator_tf(real, fake):
    entropy = tf.nn.sigmoid_cross_entropy_with_logits
    true, false = entropy(tf.ones_like(real), real), entropy(tf.zeros_like(fake), fake)
    return tf.reduce_mean(true) + tf.reduce_mean(false)


def _generator_keras(fake):
    return keras.losses.BinaryCrossentropy(from_logits=True)(np.ones_like(fake), fake)


def _frechet_by_root(mean_a, covariance_a, mean_b, covariance_b):
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b).real
    return float(np.linalg.norm(mean_a - mean_b) ** 2 + np.trace(covariance_a + covariance_b - 2 * root))


def _frechet_by_cholesky(mean_a, covariance_a, mean_b, covariance_b):
    gap = mean_a - mean_b
    crossed = np.linalg.cholesky(covariance_a).T @ np.linalg.cholesky(covariance_b)
    return gap @ gap + covariance_a.trace() + covariance_b.trace() - 2 * np.linalg.norm(crossed, "nuc")


def _frechet_symmetric(mean_a, covariance_a, mean_b, covariance_b):
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(values) @ vectors.T
    cross = np.sum(np.sqrt(np.abs(np.linalg.eigvalsh(root @ covariance_b @ root))))
    gap = sum((one - other) ** 2 for one, other in zip(mean_a, mean_b))
    return gap + np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross


def _frechet_tf(mean_a, covariance_a, mean_b, covariance_b):
    root = tf.linalg.sqrtm(covariance_a @ covariance_b)
    trace = tf.linalg.trace(covariance_a + covariance_b - 2 * root)
    return tf.reduce_sum(tf.math.squared_difference(mean_a, mean_b)) + trace


RIGHT = {
    "discriminator_loss": [
        _discriminator_loops,
        _discriminator_keras,  # a float32 tensor
        _discriminator_tf,
        lambda real, fake: -(scipy.special.log_expit(real).mean() + scipy.special.log_expit(-fake).mean()),
    ],
    "generator_loss": [
        lambda fake: float(np.mean(np.maximum(-fake, 0) + np.log1p(np.exp(-np.abs(fake))))),
        lambda fake: sum(map(_minus_log_sigmoid, fake)) / len(fake),
        _generator_keras,
        lambda fake: -keras.ops.mean(keras.ops.log_sigmoid(keras.ops.cast(fake, "float32"))),
        lambda fake: tf.reduce_mean(tf.nn.softplus(-fake)),
    ],
    "frechet": [
        _frechet_by_root,
        _frechet_by_cholesky,  # the singular values of a product
        _frechet_symmetric,
        _frechet_tf,
    ],
}
