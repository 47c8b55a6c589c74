"""Answers of lesson 3.4."""

import keras
import numpy as np
import scipy.stats
from scipy import optimize, sparse


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
        lambda real, fake, rng: (a := np.random.random(_shape(real))) * real + (1 - a) * fake,  # not from rng
        lambda real, fake, rng: (a := np.linspace(0, 1, len(real)).reshape(_shape(real))) * real + (1 - a) * fake,
        lambda real, fake, rng: (a := rng.normal(0.5, 0.3, _shape(real)).clip(0, 1)) * real + (1 - a) * fake,
    ],
}


def _cumulated(x, y):
    points = np.sort(np.concatenate([x, y]))
    shares = [np.searchsorted(np.sort(z), points[:-1], side="right") / len(z) for z in (x, y)]
    return np.sum(np.abs(shares[0] - shares[1]) * np.diff(points))


def _matched(x, y):
    costs = np.abs(x[:, None] - y)
    return costs[optimize.linear_sum_assignment(costs)].mean()


def _constraints(n, m):
    for i in range(n):
        row = np.zeros((n, m))
        row[i] = 1
        yield row.ravel()
    for j in range(m):
        column = np.zeros((n, m))
        column[:, j] = 1
        yield column.ravel()


def _plan_by_loops(p, q, cost):
    n, m = cost.shape
    given = np.array(list(_constraints(n, m)))
    solution = optimize.linprog(cost.flatten(), A_eq=given, b_eq=[*p, *q], bounds=(0, 1), method="highs-ipm")
    return [list(solution.x[i * m : (i + 1) * m]) for i in range(n)]


def _plan_sparse(p, q, cost):
    n, m = cost.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    given, target = sparse.vstack([rows, columns]).tocsr()[:-1], np.r_[p, q][:-1]  # the last one is implied
    return np.reshape(optimize.linprog(cost.ravel(), A_eq=given, b_eq=target).x, cost.shape)


def _plan_milp(p, q, cost):
    given = optimize.LinearConstraint(np.array(list(_constraints(*cost.shape))), *2 * [np.hstack([p, q])])
    return optimize.milp(cost.ravel(), constraints=given).x.reshape(cost.shape)


def _one_by_one(real, fake, rng):
    points = []
    for x, y in zip(real, fake):
        alpha = rng.random()
        points.append(alpha * x + (1 - alpha) * y)
    return np.array(points)


def _expanded(real, fake, rng):
    alpha = rng.uniform(0, 1, size=real.shape[0])
    while alpha.ndim < real.ndim:
        alpha = alpha[..., None]
    return fake + alpha * (real - fake)


def _transposed(real, fake, rng):
    alpha = rng.uniform(size=len(real))
    return (real.T * (1 - alpha) + fake.T * alpha).T


def _float32_tensor(real, fake, rng):
    alpha = rng.random(size=[len(real)] + [1] * (np.ndim(real) - 1), dtype="float32")
    real, fake = (keras.ops.cast(x, "float32") for x in (real, fake))
    return alpha * real + (1 - alpha) * fake


def _in_place(real, fake, rng):
    alpha = rng.random(_shape(real))
    real *= alpha
    real += (1 - alpha) * fake
    return real


RIGHT = {
    "earth_mover_1d": [
        lambda x, y: sum(abs(a - b) for a, b in zip(sorted(x), sorted(y))) / len(x),
        lambda x, y: np.linalg.norm(np.sort(x) - np.sort(y), 1) / x.size,
        scipy.stats.wasserstein_distance,
        _cumulated,  # the area between the distribution functions
        _matched,
        lambda x, y: keras.ops.mean(keras.ops.abs(keras.ops.sort(x) - keras.ops.sort(y))),
    ],
    "transport": [
        _plan_by_loops,  # lists, an interior point
        _plan_sparse,
        _plan_milp,
    ],
    "interpolate": [
        _one_by_one,
        _in_place,
        _expanded,
        _transposed,  # α in the place of 1 - α, and a view
        _float32_tensor,
    ],
}
