"""Answers of lesson 2.3."""

import numpy as np
from keras import ops


def _conv(x, kernel):
    return ops.conv(x, kernel, padding="same")


def _zeros(x, count):
    return np.zeros((*x.shape[:3], count), x.dtype)


def _dense_block(maps, depth, growth, *, step=1, grow=True, bottleneck=True, biases=False):
    weights, read = 0, maps
    for _ in range(depth):
        weights += 4 * growth * read + 36 * growth**2 if bottleneck else 9 * growth * read
        weights += 5 * growth if biases else 0
        read += step * growth if grow else 0
    return maps + step * growth * depth, weights


def _whiten(patches, epsilon, scale):
    values, vectors = np.linalg.eigh(np.cov(patches.T, bias=True))
    return scale(vectors, values, epsilon)


WRONG = {
    "residual_block": [
        lambda x, first, second: ops.relu(_conv(ops.relu(_conv(x, first)), second)),  # no shortcut
        lambda x, first, second: x + ops.relu(_conv(ops.relu(_conv(x, first)), second)),  # ReLU before the sum
        lambda x, first, second: x + _conv(ops.relu(_conv(x, first)), second),  # no last ReLU
        lambda x, first, second: ops.relu(x + _conv(_conv(x, first), second)),  # no ReLU inside
        lambda x, first, second: ops.relu(x + ops.conv(ops.relu(ops.conv(x, first)), second)),  # no padding
    ],
    "shortcut": [
        lambda x, filters, stride: x,
        lambda x, filters, stride: np.concatenate(
            [_zeros(x, filters - x.shape[3]), x], axis=3)[:, ::stride, ::stride],  # zeros first
        lambda x, filters, stride: np.resize(
            x.transpose(3, 0, 1, 2), (filters, *x.shape[:3])).transpose(1, 2, 3, 0)[:, ::stride, ::stride],  # repeated
        lambda x, filters, stride: np.concatenate([x, _zeros(x, filters - x.shape[3])], axis=3)[
            :, : -(-x.shape[1] // stride), : -(-x.shape[2] // stride)],  # a corner
        lambda x, filters, stride: np.concatenate(
            [_zeros(x, (filters - x.shape[3]) // 2), x, _zeros(x, (filters - x.shape[3] + 1) // 2)], axis=3)[
            :, ::stride, ::stride],  # zeros on both sides
        lambda x, filters, stride: np.concatenate([x, _zeros(x, filters)], axis=3)[:, ::stride, ::stride],
    ],
    "dense_block": [
        lambda maps, depth, growth: _dense_block(maps, depth, growth, step=4),
        lambda maps, depth, growth: _dense_block(maps, depth, growth, grow=False),
        lambda maps, depth, growth: _dense_block(maps, depth, growth, bottleneck=False),
        lambda maps, depth, growth: _dense_block(maps, depth, growth, biases=True),
        lambda maps, depth, growth: (growth, _dense_block(maps, depth, growth)[1]),
    ],
    "whiten": [
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: v / np.sqrt(s + e)),  # smallest first
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: v[:, ::-1]),  # not scaled
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: (v / (s + e))[:, ::-1]),
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: (v / np.sqrt(s))[:, ::-1]),  # no epsilon
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: (v / (np.sqrt(s) + e))[:, ::-1]),
        lambda patches, epsilon: _whiten(patches, epsilon, lambda v, s, e: (v / np.sqrt(s + e))[:, ::-1].T),
    ],
}  # fmt: skip
