"""Answers of lesson 6.5."""

import numpy as np
from scipy import stats

from labs import attacks


def _radius(successes, n, sigma, alpha, *, bound=stats.beta.ppf, abstain=True):
    p = bound(alpha, successes, n - successes + 1) if successes else 0.0
    return p, sigma * stats.norm.ppf(p) if p > 0.5 or not abstain else 0.0


def _estimate(successes, n, sigma, alpha):
    return successes / n, sigma * stats.norm.ppf(successes / n) if successes > n / 2 else 0.0


def _normal(successes, n, sigma, alpha):
    """The normal approximation, which promises a probability of 1 after n successes."""
    p = successes / n
    p = p - stats.norm.ppf(1 - alpha) * np.sqrt(p * (1 - p) / n)
    return p, sigma * stats.norm.ppf(p) if p > 0.5 else 0.0


def _no_sigma(successes, n, sigma, alpha):
    p, reach = _radius(successes, n, sigma, alpha)
    return p, reach / sigma


def _bounds(low, high, w, b, *, spread=np.abs, wide=1.0):
    middle, radius = (low + high) / 2 @ w, (high - low) / 2 @ spread(w)
    return middle + b - wide * radius, middle + b + wide * radius


WRONG = {
    "worst_case": [
        lambda seen, y: (seen == y).mean(axis=1).min(),  # the strongest attack
        lambda seen, y: (seen == y).mean(),
        lambda seen, y: (seen == y).any(axis=0).mean(),
        lambda seen, y: (seen != y).any(axis=0).mean(),
        lambda seen, y: (seen == y).all(axis=0),  # the images, not their share
    ],
    "linear_bounds": [
        lambda low, high, w, b: (low @ w + b, high @ w + b),
        lambda low, high, w, b: _bounds(low, high, w, b)[::-1],
        lambda low, high, w, b: tuple(bound - b for bound in _bounds(low, high, w, b)),
        lambda low, high, w, b: _bounds(low, high, w, b, wide=2),  # the whole width for a radius
        lambda low, high, w, b: _bounds(low, high, w, b, spread=lambda w: w),
        lambda low, high, w, b: _bounds(low, high, w, b)[0],
    ],
    "smoothed_radius": [
        _estimate,
        lambda k, n, sigma, alpha: _radius(k, n, sigma, alpha / 2),
        lambda k, n, sigma, alpha: _radius(k, n, sigma, alpha, abstain=False),
        lambda k, n, sigma, alpha: (stats.beta.ppf(alpha, k, n - k + 1), 0.0),
        _normal,
        _no_sigma,
        lambda k, n, sigma, alpha: _radius(k, n, sigma, alpha)[1],
    ],
    "adversary": [
        lambda sealed, substitute, x, y, epsilon: x,
        lambda sealed, substitute, x, y, epsilon: attacks.fgsm(sealed, x, y, epsilon),  # no gradient, no move
        lambda sealed, substitute, x, y, epsilon: attacks.pgd(sealed, x, y, epsilon, epsilon / 5, 10),
        lambda sealed, substitute, x, y, epsilon: attacks.fgsm(substitute, x, y, 0.3),
        lambda sealed, substitute, x, y, epsilon: x + epsilon,
        lambda sealed, substitute, x, y, epsilon: attacks.fgsm(substitute, x[:10], y[:10], epsilon),
    ],
}
