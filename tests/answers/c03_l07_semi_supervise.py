"""Answers of lesson 3.7."""

import numpy as np


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
