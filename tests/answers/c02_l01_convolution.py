"""Answers of lesson 2.1."""

import functools
import math

import cv2
import keras
import numpy as np
import scipy.ndimage
import scipy.signal
import tensorflow as tf


def _conv2d(image, kernel, stride):
    h, w = kernel.shape
    return np.einsum("ijhw,hw->ij", np.lib.stride_tricks.sliding_window_view(image, (h, w))[::stride, ::stride], kernel)


def _im2col(images, height, width, order):
    windows = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))  # N, H', W', C, h, w
    return windows.transpose(0, 1, 2, *order).reshape(*windows.shape[:3], -1)


def _pool(images, size, stride, reduce):
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    return reduce(windows[:, ::stride, ::stride])


def _field(stack, *, strides=True, dilations=True, late=False, start=1):
    size, jump = start, 1
    for kernel, stride, dilation in stack:
        jump *= stride if strides and late else 1
        size += (dilation if dilations else 1) * (kernel - 1) * jump
        jump *= stride if strides and not late else 1
    return size


WRONG = {
    "conv2d": [
        lambda image, kernel, stride=1: _conv2d(image, kernel[::-1, ::-1], stride),  # flipped
        lambda image, kernel, stride=1: _conv2d(image, kernel, 1),  # stride ignored
        lambda image, kernel, stride=1: _conv2d(np.pad(image, 1), kernel, stride),  # padded
        lambda image, kernel, stride=1: _conv2d(image, kernel, stride)[:-1, :-1],  # range(H - h): the last is lost
        lambda image, kernel, stride=1: _conv2d(image.T, kernel.T, stride),
    ],
    "conv_size": [
        lambda n, k, s=1, p=0, d=1: (n + 2 * p - d * (k - 1) - 1) // s,  # forgets the first position
        lambda n, k, s=1, p=0, d=1: (n + p - d * (k - 1) - 1) // s + 1,  # pads one side
        lambda n, k, s=1, p=0, d=1: (n + 2 * p - d * k) // s + 1,
        lambda n, k, s=1, p=0, d=1: -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1,  # rounds up
        lambda n, k, s=1, p=0, d=1: (n + 2 * p - d * (k - 1) - 1) / s + 1,  # not an integer
    ],
    "im2col": [
        lambda images, height, width: _im2col(images, height, width, (3, 4, 5)),  # channels first
        lambda images, height, width: _im2col(images, height, width, (5, 4, 3)),  # columns before lines
        lambda images, height, width: _im2col(images, height, width, (4, 5, 3))[:, ::height, ::width],  # no overlap
    ],
    "max_pool2d": [
        lambda images, size, stride: _pool(images, size, stride, lambda w: w.mean(axis=(4, 5))),
        lambda images, size, stride: _pool(images, size, size, lambda w: w.max(axis=(4, 5))),  # stride ignored
        lambda images, size, stride: _pool(images, size, stride, lambda w: w.max(axis=(3, 4, 5))),  # channels too
        lambda images, size, stride: _pool(  # zeros around
            np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0))), size, stride, lambda w: w.max(axis=(4, 5))
        ),
    ],
    "receptive_field": [
        lambda stack: _field(stack, strides=False),
        lambda stack: _field(stack, dilations=False),
        lambda stack: _field(stack, late=True),  # a layer spreads its own inputs
        lambda stack: _field(stack, start=0),
    ],
}


def conv2d_by_weights(image, kernel, stride=1):
    """One pass a weight instead of one a window, in float32."""
    rows, columns = ((n - k) // stride + 1 for n, k in zip(image.shape, kernel.shape))
    output = np.zeros((rows, columns), "float32")
    for (a, b), weight in np.ndenumerate(kernel):
        output += weight * image[a:, b:][: stride * rows : stride, : stride * columns : stride][:rows, :columns]
    return output


def conv2d_as_lists(image, kernel, stride=1):
    """Four loops, and lists of lists."""
    (height, width), (h, w) = image.shape, kernel.shape
    output = []
    for top in range(0, height - h + 1, stride):
        output.append([])
        for left in range(0, width - w + 1, stride):
            total = 0.0
            for a in range(h):
                for b in range(w):
                    total += image[top + a][left + b] * kernel[a][b]
            output[-1].append(total)
    return output


def conv2d_by_opencv(image, kernel, stride=1):
    """cv2.filter2D, whose window is anchored at its corner."""
    rows, columns = np.subtract(image.shape, kernel.shape) + 1
    return cv2.filter2D(image, -1, kernel, anchor=(0, 0))[:rows, :columns][::stride, ::stride]


def conv2d_by_keras(image, kernel, stride=1):
    """A tensor."""
    return keras.ops.conv(image[None, ..., None], kernel[..., None, None], stride, "valid")[0, ..., 0]


def im2col_by_places(images, height, width):
    """A loop on the places of the window, and flattened windows."""
    count, rows, columns, _ = images.shape
    return np.array([
        [[images[n, i : i + height, j : j + width].ravel() for j in range(columns - width + 1)]
         for i in range(rows - height + 1)] for n in range(count)
    ])  # fmt: skip


def max_pool2d_by_windows(images, size, stride):
    """A loop on the places of the window, into a float32 array."""
    count, height, width, channels = images.shape
    output = np.empty((count, (height - size) // stride + 1, (width - size) // stride + 1, channels), "float32")
    for i in range(output.shape[1]):
        for j in range(output.shape[2]):
            top, left = i * stride, j * stride
            output[:, i, j] = images[:, top : top + size, left : left + size].max(axis=(1, 2))
    return output


def max_pool2d_by_offsets(images, size, stride):
    """A running maximum from minus infinity, of every window first."""
    rows, columns = images.shape[1] - size + 1, images.shape[2] - size + 1
    best = np.full((len(images), rows, columns, images.shape[3]), -np.inf)
    for a in range(size):
        for b in range(size):
            best = np.maximum(best, images[:, a : a + rows, b : b + columns])
    return best[:, ::stride, ::stride]


def max_pool2d_by_scipy(images, size, stride):
    """A maximum filter, whose borders are dropped."""
    low, high = size // 2, (size - 1) // 2
    whole = scipy.ndimage.maximum_filter(images, (1, size, size, 1))
    return whole[:, low : images.shape[1] - high : stride, low : images.shape[2] - high : stride]


def receptive_field_backwards(stack):
    """From the output to the image: what one output sees of each layer's input."""
    seen = 1
    for kernel, stride, dilation in reversed(stack):
        seen = (seen - 1) * stride + dilation * (kernel - 1) + 1
    return seen


def receptive_field_by_formula(stack):
    """The formula of the lesson; np.prod of nothing is a float."""
    strides = [stride for _, stride, _ in stack]
    return 1 + sum(d * (h - 1) * np.prod(strides[:k]) for k, (h, _, d) in enumerate(stack))


def receptive_field_by_arrays(stack):
    """An array of three columns, and a cumulative product."""
    kernels, strides, dilations = np.array(stack, dtype=int).reshape(-1, 3).T
    return 1 + np.sum(dilations * (kernels - 1) * np.cumprod([1, *strides])[:-1])


RIGHT = {
    "conv2d": [
        conv2d_by_weights,
        conv2d_as_lists,
        conv2d_by_opencv,
        conv2d_by_keras,
        lambda image, kernel, stride=1: scipy.signal.correlate2d(image, kernel, "valid")[::stride, ::stride],
        lambda image, kernel, stride=1: scipy.signal.fftconvolve(  # of a flipped kernel
            image, np.flip(kernel), mode="valid"
        )[::stride, ::stride],
    ],
    "conv_size": [
        lambda size, kernel, stride=1, padding=0, dilation=1: len(  # counts the corners
            range(0, size + 2 * padding - dilation * (kernel - 1), stride)
        ),
        lambda size, kernel, stride=1, padding=0, dilation=1: math.ceil(  # rounds up, one pixel later
            (size + 2 * padding - dilation * (kernel - 1)) / stride
        ),
        lambda size, kernel, stride=1, padding=0, dilation=1: np.floor(  # a NumPy float
            (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
        ),
        lambda size, kernel, stride=1, padding=0, dilation=1: (  # kernel and gaps; size + stride, then divides
            (size + stride + 2 * padding - (kernel + (kernel - 1) * (dilation - 1))) // stride
        ),
    ],
    "im2col": [
        im2col_by_places,
        lambda images, height, width: _im2col(images, height, width, (4, 5, 3)),  # windows, moved axes
        lambda images, height, width: tf.image.extract_patches(  # a tensor
            images, [1, height, width, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"
        ),
        lambda images, height, width: keras.ops.image.extract_patches(
            images.astype("float32"), (height, width), strides=1, padding="valid"
        ),
    ],
    "max_pool2d": [
        max_pool2d_by_windows,
        max_pool2d_by_offsets,
        max_pool2d_by_scipy,
        lambda images, size, stride: _pool(images, size, stride, lambda w: w.max(axis=(4, 5))),
        lambda images, size, stride: keras.layers.MaxPooling2D(size, stride)(images),  # a float32 tensor
        lambda images, size, stride: tf.nn.max_pool2d(images, size, stride, "VALID"),  # a float64 tensor
    ],
    "receptive_field": [
        receptive_field_backwards,
        receptive_field_by_formula,
        receptive_field_by_arrays,
        lambda stack: functools.reduce(  # (size, jump) folded along the stack
            lambda seen, layer: (seen[0] + layer[2] * (layer[0] - 1) * seen[1], seen[1] * layer[1]),
            stack,
            (1, 1),
        )[0],
    ],
}
