"""Answers of lesson 3.1."""

import keras
import numpy as np
import scipy.linalg


def _pca(x, dimension, *, centre=True, flip=True, rows=True):
    mean = x.mean(axis=0)
    centred = x - mean if centre else x
    vectors = np.linalg.eigh(centred.T @ centred)[1]
    kept = (vectors[:, ::-1] if flip else vectors)[:, :dimension]
    return mean, kept.T if rows else kept


def _angles(a, b, *, orthonormal=True, degrees=True, largest_first=True):
    first, second = (
        np.linalg.qr(m.T)[0] if orthonormal else (m / np.linalg.norm(m, axis=1)[:, None]).T for m in (a, b)
    )
    angles = np.arccos(np.clip(np.linalg.svd(first.T @ second, compute_uv=False), -1, 1))
    angles = np.degrees(angles) if degrees else angles
    return angles[::-1] if largest_first else angles


WRONG = {
    "pca": [
        lambda x, k: _pca(x, k, centre=False),
        lambda x, k: _pca(x, k, flip=False),  # the last directions
        lambda x, k: _pca(x, k, rows=False),
        lambda x, k: _pca(x, k)[1],  # no mean
    ],
    "principal_angles": [
        lambda a, b: _angles(a, b, orthonormal=False),  # rows of norm 1 only
        lambda a, b: np.degrees(np.arccos(np.clip(np.linalg.svd(a @ b.T, compute_uv=False), -1, 1)))[::-1],
        lambda a, b: _angles(a, b, degrees=False),
        lambda a, b: _angles(a, b, largest_first=False),
    ],
    "kl": [
        lambda m, v: 0.5 * np.sum(1 + v - m**2 - np.exp(v), axis=1),
        lambda m, v: -0.5 * np.mean(1 + v - m**2 - np.exp(v), axis=1),
        lambda m, v: -0.5 * np.sum(1 + 2 * v - m**2 - np.exp(2 * v), axis=1),  # takes log_variance for log σ
        lambda m, v: -0.5 * np.sum(v - m**2 - np.exp(v), axis=1),
    ],
}


def _pca_by_svd(x, dimension):
    mean = np.mean(x, axis=0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:dimension]


def _pca_sorted(x, dimension):
    values, vectors = np.linalg.eig(np.cov(x, rowvar=False))
    order = np.argsort(values)[::-1][:dimension]
    return [x.mean(0), [vectors[:, rank] for rank in order]]


def _pca_float32(x, dimension):
    mean, directions = _pca_by_svd(x, dimension)
    return mean.astype("float32"), -directions.astype("float32")


def _pca_keras(x, dimension):
    mean = keras.ops.mean(x, axis=0)
    return mean, keras.ops.svd(x - mean, full_matrices=False)[2][:dimension]


def _angles_by_projectors(a, b):
    values = np.linalg.eigvals(np.linalg.pinv(a) @ a @ np.linalg.pinv(b) @ b).real
    kept = np.sort(values)[::-1][: min(len(a), len(b))]
    return sorted((float(np.degrees(np.arccos(min(max(value, 0) ** 0.5, 1)))) for value in kept), reverse=True)


def _angles_keras(a, b):
    first, second = (keras.ops.qr(keras.ops.transpose(m))[0] for m in (a, b))
    cosines = keras.ops.svd(keras.ops.transpose(first) @ second, compute_uv=False)
    return keras.ops.flip(keras.ops.arccos(keras.ops.clip(cosines, -1, 1)) * 180 / np.pi)


def _kl_loops(mean, log_variance):
    totals = []
    for means, logs in zip(mean, log_variance):
        totals.append(sum((np.expm1(log) - log + m * m) / 2 for m, log in zip(means, logs)))
    return totals


def _kl_keras(mean, log_variance):
    terms = 1 + log_variance - keras.ops.square(mean) - keras.ops.exp(log_variance)
    return -0.5 * keras.ops.sum(keras.ops.cast(terms, "float32"), axis=-1)


RIGHT = {
    "pca": [
        _pca_by_svd,
        _pca_sorted,  # a general solver, N - 1 in the covariance, lists
        _pca_float32,  # the other sign too
        _pca_keras,  # tensors
    ],
    "principal_angles": [
        lambda a, b: np.degrees(scipy.linalg.subspace_angles(a.T, b.T)),
        _angles_by_projectors,  # eigenvalues of a product of projectors, in a list
        _angles_keras,
    ],
    "kl": [
        lambda m, v: ((np.exp(v) + m**2 - 1 - v) / 2).sum(1),  # the formula with its signs inside
        _kl_loops,
        _kl_keras,  # a float32 tensor
    ],
}
