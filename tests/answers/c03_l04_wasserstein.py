"""Answers of lesson 3.4."""

import numpy as np
from scipy import optimize


def _plan(p, q, cost, *, maximise=False, rows=True, columns=True):
    n, m = cost.shape
    kept = ([np.kron(np.eye(n), np.ones((1, m)))] if rows else []) + (
        [np.kron(np.ones((1, n)), np.eye(m))] if columns else []
    )
    target = np.concatenate(([p] if rows else []) + ([q] if columns else []))
    return optimize.linprog(-cost.ravel() if maximise else cost.ravel(), A_eq=np.vstack(kept), b_eq=target).x.reshape(
        n, m
    )


def _shape(real):
    return (len(real),) + (1,) * (real.ndim - 1)


WRONG = {
    "earth_mover_1d": [
        lambda x, y: np.mean(np.abs(x - y)),  # not sorted
        lambda x, y: abs(x.mean() - y.mean()),
        lambda x, y: np.sum(np.abs(np.sort(x) - np.sort(y))),
        lambda x, y: np.mean(np.sort(x) - np.sort(y)),
    ],
    "transport": [
        lambda p, q, cost: np.outer(p, q),  # allowed, but not the best
        lambda p, q, cost: _plan(p, q, cost, maximise=True),
        lambda p, q, cost: _plan(p, q, cost, columns=False),
        lambda p, q, cost: _plan(p, q, cost, rows=False),
        lambda p, q, cost: _plan(p, q, cost).T,
    ],
    "interpolate": [
        lambda real, fake, rng: (a := rng.normal(size=_shape(real))) * real + (1 - a) * fake,  # the known error
        lambda real, fake, rng: (a := rng.random()) * real + (1 - a) * fake,
        lambda real, fake, rng: (a := rng.random(real.shape)) * real + (1 - a) * fake,
        lambda real, fake, rng: rng.random(_shape(real)) * real + rng.random(_shape(real)) * fake,
    ],
}
