"""Answers of lesson 6.5."""

import statistics

import keras
import numpy as np
import tensorflow as tf
from scipy import optimize, stats

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


# --- Right, written otherwise --------------------------------------------------------------------------


def _image_by_image(seen, y):
    robust = 0
    for i in range(len(y)):
        robust += all(attack[i] == y[i] for attack in seen)
    return robust / len(y)


def _single_bounds(low, high, w, b):
    low, high, w, b = (tf.cast(one, tf.float32) for one in (low, high, w, b))
    up, down = tf.nn.relu(w), -tf.nn.relu(-w)
    return low @ up + high @ down + b, high @ up + low @ down + b


def _output_by_output(low, high, w, b):
    small, large = (np.tile(b, (len(low), 1)).astype("float32") for _ in range(2))
    for i, j, k in np.ndindex(len(low), *w.shape):
        small[i, k] += min(low[i, j] * w[j, k], high[i, j] * w[j, k])
        large[i, k] += max(low[i, j] * w[j, k], high[i, j] * w[j, k])
    return small, large


def _by_test(successes, n, sigma, alpha):
    p = stats.binomtest(successes, n, alternative="greater").proportion_ci(confidence_level=1 - alpha).low
    return p, max(0, sigma * stats.norm.ppf(p))


def _by_definition(k, n, sigma, alpha):
    if k == 0:
        return 0, 0
    p = optimize.brentq(lambda p: stats.binom.sf(k - 1, n, p) - alpha, 0, 1)
    return [p, sigma * statistics.NormalDist().inv_cdf(p) if p >= 0.5 else 0]


def _without_nan(successes, n, sigma, alpha):
    p = np.nan_to_num(stats.beta(successes, n - successes + 1).ppf(alpha))
    return tf.constant(p, tf.float32), np.where(p > 0.5, sigma * stats.norm.ppf(p), 0)


def _ascent(sealed, substitute, x, y, epsilon):
    images = tf.constant(x)
    for _ in range(10):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = keras.losses.sparse_categorical_crossentropy(y, substitute(images), from_logits=True)
        images = images + epsilon / 4 * tf.sign(tape.gradient(loss, images))
        images = tf.clip_by_value(tf.clip_by_value(images, x - epsilon, x + epsilon), 0, 1)
    return images


RIGHT = {
    "worst_case": [
        _image_by_image,  # loops, a float
        lambda seen, y: keras.ops.mean(keras.ops.cast(keras.ops.all(seen == y[None], axis=0), "float32")),
        lambda seen, y: np.count_nonzero((seen == y).min(axis=0)) / y.size,
    ],
    "linear_bounds": [
        _single_bounds,  # positive and negative weights, float32 tensors
        _output_by_output,  # loops, float32
        lambda low, high, w, b: tuple(
            getattr(np.stack([low[..., None] * w, high[..., None] * w]), way)(axis=0).sum(axis=1) + b
            for way in ("min", "max")
        ),
    ],
    "smoothed_radius": [
        _by_test,
        _by_definition,  # int, a list
        _without_nan,  # a tensor, a 0-d array
    ],
    "adversary": [
        lambda sealed, substitute, x, y, epsilon: attacks.random_search(sealed, x, y, epsilon),
        lambda sealed, substitute, x, y, epsilon: attacks.pgd(substitute, x, y, epsilon, epsilon / 4, 20),
        _ascent,  # a tensor
    ],
}
