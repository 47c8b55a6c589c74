"""Answers of lesson 3.6."""

import numpy as np


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
