"""Answers of lesson 3.1."""

import numpy as np


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
