"""Answers of lesson 3.7."""

import math

import keras
import numpy as np
import scipy.special
import tensorflow as tf
from scipy.spatial import distance


def _log_z(logits):
    top = logits.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.sum(np.exp(logits - top), axis=1))


def _judge(logits):
    log_z = _log_z(logits)
    return log_z, np.exp(-np.logaddexp(0, -log_z))


def _naive(logits):
    z = np.sum(np.exp(logits), axis=1)
    return np.log(z), z / (z + 1)


def _confidence(logits):
    log_z = _log_z(logits)
    return log_z, np.exp(logits.max(axis=1) - log_z)


def _loss(labelled, labels, real, fake, *, known=1, true=1, false=1):
    classes = np.mean(_log_z(labelled) - labelled[np.arange(len(labels)), labels])
    terms = np.mean(np.logaddexp(0, -_log_z(real))), np.mean(np.logaddexp(0, _log_z(fake)))
    return known * classes + true * terms[0] + false * terms[1]


def _swapped(labelled, labels, real, fake):
    return _loss(labelled, labels, fake, real)


def _one_mean(labelled, labels, real, fake):
    terms = np.concatenate([np.logaddexp(0, -_log_z(real)), np.logaddexp(0, _log_z(fake))])
    return _loss(labelled, labels, real, fake, true=0, false=0) + terms.mean()


WRONG = {
    "real_or_fake": [
        _naive,  # overflows
        _confidence,
        lambda logits: (logits.max(axis=1), _judge(logits)[1]),
        lambda logits: (_log_z(logits), 1 - _judge(logits)[1]),
        lambda logits: _judge(logits)[1],  # log Z is missing
    ],
    "feature_matching": [
        lambda real, fake: np.mean(np.sum((real[: len(fake)] - fake[: len(real)]) ** 2, axis=1)),
        lambda real, fake: np.mean((real.mean(0) - fake.mean(0)) ** 2),
        lambda real, fake: np.linalg.norm(real.mean(0) - fake.mean(0)),
        lambda real, fake: (real.mean() - fake.mean()) ** 2,
    ],
    "semi_supervised_loss": [
        lambda *given: _loss(*given, true=0, false=0),
        lambda *given: _loss(*given, known=0),
        lambda *given: _loss(*given, true=-1, false=-1),
        _swapped,
        _one_mean,
    ],
}


def _judge_scipy(logits):
    log_z = scipy.special.logsumexp(logits, axis=1)
    return log_z, scipy.special.expit(log_z)


def _judge_by_rows(logits):
    scores, chances = [], []
    for row in logits:
        score = max(row) + math.log(sum(math.exp(value - max(row)) for value in row))
        scores.append(score)
        chances.append(1 / (1 + np.exp(-score)))
    return np.array(scores), np.array(chances)


def _judge_extra_class(logits):
    every = np.hstack([logits, np.zeros((len(logits), 1))])
    return np.logaddexp.reduce(logits, axis=1), scipy.special.softmax(every, axis=1)[:, :-1].sum(axis=1)


def _judge_keras(logits):
    log_z = keras.ops.logsumexp(keras.ops.cast(logits, "float32"), axis=-1)
    return [log_z, keras.ops.sigmoid(log_z)]


def _loss_keras(labelled, labels, real, fake):
    classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, labelled)
    true, false = (keras.ops.logsumexp(logits, axis=1) for logits in (real, fake))
    score = keras.losses.BinaryCrossentropy(from_logits=True)
    return classes + score(np.ones(len(real)), true) + score(np.zeros(len(fake)), false)


def _loss_one_hot(labelled, labels, real, fake):
    one_hot = np.eye(labelled.shape[1])[labels]
    classes = -np.mean(np.sum(one_hot * scipy.special.log_softmax(labelled, 1), axis=1))
    true, false = (scipy.special.logsumexp(logits, axis=1) for logits in (real, fake))
    return float(classes - scipy.special.log_expit(true).mean() - scipy.special.log_expit(-false).mean())


def _loss_tf(labelled, labels, real, fake):
    classes = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, labelled)
    true, false = tf.reduce_logsumexp(real, 1), tf.reduce_logsumexp(fake, 1)
    return sum(tf.reduce_mean(cost) for cost in (classes, tf.nn.softplus(-true), tf.nn.softplus(false)))


def _loss_by_image(labelled, labels, real, fake):
    classes = sum(_log_z(row[None])[0] - row[label] for row, label in zip(labelled, labels)) / len(labels)
    softplus = lambda a: max(a, 0) + math.log1p(math.exp(-abs(a)))  # noqa: E731
    true = sum(softplus(-score) for score in _log_z(real)) / len(real)
    return classes + true + sum(softplus(score) for score in _log_z(fake)) / len(fake)


def _matching_loops(real, fake):
    total = 0.0
    for column in range(real.shape[1]):
        total += (sum(real[:, column]) / len(real) - sum(fake[:, column]) / len(fake)) ** 2
    return total


def _matching_keras(real, fake):
    gap = keras.ops.mean(real, axis=0) - keras.ops.mean(fake, axis=0)
    return keras.ops.sum(keras.ops.square(gap))


def _matching_float32(real, fake):
    return _matching_keras(keras.ops.cast(real, "float32"), keras.ops.cast(fake, "float32"))


RIGHT = {
    "real_or_fake": [
        _judge_scipy,
        _judge_by_rows,  # the plain sigmoid, which no score breaks here
        _judge_extra_class,
        _judge_keras,  # float32 tensors, in a list
    ],
    "semi_supervised_loss": [
        _loss_keras,
        _loss_one_hot,
        _loss_tf,
        _loss_by_image,
    ],
    "feature_matching": [
        _matching_loops,
        lambda real, fake: np.linalg.norm(np.mean(real, 0) - np.mean(fake, 0)) ** 2,
        lambda real, fake: distance.sqeuclidean(real.mean(0), fake.mean(0)),
        lambda real, fake: (gap := real.mean(0) - fake.mean(0)) @ gap,
        _matching_keras,
        _matching_float32,
    ],
}
