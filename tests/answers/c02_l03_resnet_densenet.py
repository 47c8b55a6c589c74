"""Answers of lesson 2.3."""

import collections

import keras
import numpy as np
import scipy.linalg
import tensorflow as tf
from keras import ops
from sklearn.decomposition import PCA


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


def residual_block_by_layers(x, first, second):
    """Layers of Keras: their weights set, an Activation, an Add."""
    one = keras.layers.Conv2D(first.shape[-1], 3, padding="same", activation="relu", use_bias=False)
    two = keras.layers.Conv2D(second.shape[-1], (3, 3), padding="same", use_bias=False)
    one.build(x.shape)
    two.build((*x.shape[:-1], first.shape[-1]))
    one.set_weights([first])
    two.set_weights([second])
    return keras.layers.Activation("relu")(keras.layers.Add()([two(one(x)), x]))


def residual_block_by_numpy(x, first, second):
    """In float64, one product a weight."""

    def conv(maps, kernel):
        rows, columns = maps.shape[1:3]
        padded = np.pad(maps, [(0, 0), (1, 1), (1, 1), (0, 0)])
        return sum(padded[:, a : a + rows, b : b + columns] @ kernel[a, b] for a, b in np.ndindex(3, 3))

    residual = conv(np.maximum(conv(x.astype("float64"), first), 0), second)
    return np.where(x + residual > 0, x + residual, 0)


def residual_block_by_tensorflow(x, first, second):
    x = tf.convert_to_tensor(x)
    residual = tf.nn.conv2d(tf.nn.relu(tf.nn.conv2d(x, first, 1, "SAME")), second, 1, "SAME")
    return tf.maximum(x + residual, 0.0)


def shortcut_into_zeros(x, filters, stride):
    """A float64 array of zeros, filled."""
    count, height, width, channels = x.shape
    output = np.zeros((count, -(-height // stride), -(-width // stride), filters))
    output[..., :channels] = x[:, ::stride, ::stride, :]
    return output


def shortcut_concatenated(x, filters, stride):
    """Rows and columns by their indices, zeros even where none is needed."""
    kept = x[:, np.arange(0, x.shape[1], stride)][:, :, np.arange(0, x.shape[2], stride)]
    return np.concatenate([kept, _zeros(kept, filters - x.shape[-1])], axis=-1)


def shortcut_of_lists(x, filters, stride):
    """Loops, and lists."""
    _, height, width, channels = x.shape
    rows, columns = range(0, height, stride), range(0, width, stride)
    missing = [0.0] * (filters - channels)
    return [[[image[i, j].tolist() + missing for j in columns] for i in rows] for image in x]


def dense_block_closed(maps, depth, growth):
    """Without a loop; the weights are a float."""
    read = depth * maps + growth * depth * (depth - 1) / 2
    return maps + depth * growth, 4 * growth * read + depth * 36 * growth**2


def dense_block_by_arrays(maps, depth, growth):
    """NumPy integers, in a list."""
    read = maps + growth * np.arange(depth)
    return [np.int64(maps + depth * growth), np.sum(read * 4 * growth) + depth * 3 * 3 * 4 * growth * growth]


def dense_block_recursive(maps, depth, growth):
    """A layer, then the block that is left."""
    if depth == 0:
        return maps, 0
    end, weights = dense_block_recursive(maps + growth, depth - 1, growth)
    return end, weights + 1 * 1 * maps * (4 * growth) + 3 * 3 * (4 * growth) * growth


def dense_block_named(maps, depth, growth):
    """A named tuple."""
    return collections.namedtuple("Block", ["maps", "weights"])(*_dense_block(maps, depth, growth))


def whiten_by_svd(patches, epsilon):
    """Singular values of what is centred."""
    centred = patches - patches.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    return directions.T / np.sqrt(values**2 / len(patches) + epsilon)


def whiten_sorted(patches, epsilon):
    """np.linalg.eig, in any order; a variance over N - 1; a diagonal matrix, as in the formula."""
    values, vectors = np.linalg.eig(np.cov(patches.T))
    order = np.argsort(values)[::-1]
    return vectors[:, order] @ np.diag(1 / np.sqrt(values[order] + epsilon))


def whiten_by_sklearn(patches, epsilon):
    pca = PCA().fit(patches)
    return (pca.components_ / np.sqrt(pca.explained_variance_ + epsilon)[:, np.newaxis]).T


def whiten_by_keras(patches, epsilon):
    """A float32 tensor."""
    patches = ops.cast(patches, "float32")
    centred = patches - ops.mean(patches, axis=0)
    values, vectors = ops.eigh(ops.transpose(centred) @ centred / len(centred))
    return ops.flip(vectors * ops.rsqrt(values + epsilon), axis=1)


def whiten_column_by_column(patches, epsilon):
    """scipy, and a list of columns, stacked in float32."""
    centred = patches - patches.mean(axis=0, keepdims=True)
    values, vectors = scipy.linalg.eigh(centred.T @ centred / patches.shape[0])
    columns = [vectors[:, j] / (values[j] + epsilon) ** 0.5 for j in reversed(range(len(values)))]
    return np.stack(columns, axis=1).astype("float32")


RIGHT = {
    "residual_block": [
        residual_block_by_layers,
        residual_block_by_numpy,
        residual_block_by_tensorflow,
        lambda x, first, second: np.maximum(_conv(ops.relu(_conv(x, first)), second) + x, 0),  # a NumPy array
    ],
    "shortcut": [
        shortcut_into_zeros,
        shortcut_concatenated,
        shortcut_of_lists,
        lambda x, filters, stride: ops.pad(  # zeros, then the pixels; a tensor
            x, [(0, 0), (0, 0), (0, 0), (0, filters - x.shape[3])]
        )[:, ::stride, ::stride],
        lambda x, filters, stride: x[:, ::stride, ::stride] @ np.eye(x.shape[3], filters),  # a 1×1 that copies
    ],
    "dense_block": [dense_block_closed, dense_block_by_arrays, dense_block_recursive, dense_block_named],
    "whiten": [
        whiten_by_svd,
        whiten_sorted,
        whiten_by_sklearn,
        whiten_by_keras,
        whiten_column_by_column,
        lambda patches, epsilon: whiten_by_svd(patches, epsilon).tolist(),
    ],
}
