"""Answers of lesson 3.2."""

import numpy as np


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
