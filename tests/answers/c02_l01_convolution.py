"""Answers of lesson 2.1."""

import numpy as np


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
