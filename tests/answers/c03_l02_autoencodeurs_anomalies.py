"""Answers of lesson 3.2."""

import numpy as np
import scipy.stats
import tensorflow as tf


def _averaged(windows, stride, *, mean=True, add=True, everywhere=False, swapped=False):
    rows, columns, size = windows.shape[:3]
    shape = (rows - 1) * stride + size, (columns - 1) * stride + size
    total, count = np.zeros(shape), np.zeros(shape)
    for i, j in np.ndindex(rows, columns):
        place = np.s_[i * stride : i * stride + size, j * stride : j * stride + size]
        total[place] = windows[i, j] + (total[place] if add else 0)
        count[place] += 1
    if everywhere:
        return total / (rows * columns)
    result = total / count if mean and add else total
    return result.T if swapped else result


WRONG = {
    "auroc": [
        lambda n, a: np.mean(a[:, None] > n),  # ties lost
        lambda n, a: np.mean(a[:, None] >= n),  # ties won
        lambda n, a: np.mean(n[:, None] > a) + np.mean(n[:, None] == a) / 2,  # the other way
        lambda n, a: np.sum(a[:, None] > n) + np.sum(a[:, None] == n) / 2,  # pairs, not their share
        lambda n, a: np.mean(a > np.median(n)),  # one threshold only
    ],
    "threshold": [
        lambda scores, rate: np.quantile(scores, 1 - rate),  # interpolated: 2 alarms of 10 for a rate of 15 %
        lambda scores, rate: np.quantile(scores, rate),
        lambda scores, rate: np.max(scores),  # no false alarm, whatever the rate
        lambda scores, rate: np.mean(scores) + 2 * np.std(scores),
        lambda scores, rate: (1 - rate) * np.max(scores),
    ],
    "average_patches": [
        lambda windows, stride: _averaged(windows, stride, mean=False),
        lambda windows, stride: _averaged(windows, stride, add=False),
        lambda windows, stride: _averaged(windows, stride, everywhere=True),
        lambda windows, stride: _averaged(windows, stride, swapped=True),
        lambda windows, stride: windows.swapaxes(1, 2).reshape(len(windows) * windows.shape[2], -1),  # side by side
    ],
}


def _pairs_one_by_one(normal, anomalous):
    wins = 0
    for score in anomalous:
        for other in normal:
            wins += 1 if score > other else 0.5 if score == other else 0
    return wins / (len(normal) * len(anomalous))


def _pairs_by_search(normal, anomalous):
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left")
    not_above = np.searchsorted(ordered, anomalous, side="right")
    return float((below + not_above).sum() / 2 / len(normal) / len(anomalous))


def _pairs_tf(normal, anomalous):
    return tf.reduce_mean((tf.sign(tf.constant(anomalous)[:, None] - normal) + 1) / 2)


def _threshold_by_trial(scores, rate):
    for candidate in sorted(scores):
        if np.mean(scores > candidate) <= rate:
            return float(candidate)


def _threshold_between(scores, rate):
    allowed, ordered = int(rate * len(scores)), np.sort(scores)[::-1]
    return (ordered[allowed - 1] + ordered[allowed]) / 2 if allowed else np.inf


def _averaged_by_pixel(windows, stride):
    rows, columns, size, _ = windows.shape
    seen = [[[] for _ in range((columns - 1) * stride + size)] for _ in range((rows - 1) * stride + size)]
    for i, j, y, x in np.ndindex(windows.shape):
        seen[i * stride + y][j * stride + x].append(windows[i, j, y, x])
    return [[sum(values) / len(values) for values in line] for line in seen]


def _averaged_float32(windows, stride):
    total = _averaged(windows, stride, mean=False).astype("float32")
    return total / _averaged(np.ones_like(windows), stride, mean=False).astype("float32")


def _averaged_at_once(windows, stride):
    i, j, y, x = np.indices(windows.shape)
    place = i * stride + y, j * stride + x
    total = np.zeros([axis.max() + 1 for axis in place])
    count = np.zeros(total.shape, int)
    np.add.at(total, place, windows)
    np.add.at(count, place, 1)
    return tf.constant(total / count)


RIGHT = {
    "auroc": [
        _pairs_one_by_one,
        _pairs_by_search,
        lambda n, a: np.heaviside(np.subtract.outer(a, n), 0.5).mean(),
        lambda n, a: scipy.stats.mannwhitneyu(a, n).statistic / (n.size * a.size),
        _pairs_tf,  # a tensor
    ],
    "threshold": [
        lambda scores, rate: np.sort(scores)[::-1][int(np.floor(rate * len(scores)))],
        lambda scores, rate: sorted(scores)[-1 - int(rate * len(scores))],
        _threshold_by_trial,
        _threshold_between,  # halfway between two scores; infinite where no alarm is allowed
        lambda scores, rate: tf.sort(scores, direction="DESCENDING")[int(rate * len(scores))],
    ],
    "average_patches": [
        _averaged_by_pixel,  # lists
        _averaged_float32,
        _averaged_at_once,  # integer counts, a tensor
    ],
}
