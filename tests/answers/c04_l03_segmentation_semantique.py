"""Answers of lesson 4.3."""

import numpy as np
from keras import ops


def _iou(truth, predicted, classes, *, empty=np.nan, dice=False, recall=False):
    values = []
    for label in range(classes):
        a, b = truth == label, predicted == label
        both, whole = np.sum(a & b), np.sum(a) if recall else np.sum(a) + np.sum(b) if dice else np.sum(a | b)
        values.append((2 if dice else 1) * both / whole if whole else empty)
    return np.array(values)


def _image_by_image(truth, predicted, classes):
    if truth.ndim == 2:
        return _iou(truth, predicted, classes)
    return np.nanmean([_iou(a, b, classes) for a, b in zip(truth, predicted)], axis=0)


def _dice(labels, logits, *, axis=(0, 1, 2), smooth=1, first=0, activation=ops.softmax, power=1, twice=2):
    found, right = activation(logits), ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1])
    both, either = ops.sum(found * right, axis=axis), ops.sum(found**power + right**power, axis=axis)
    return 1 - ops.mean(((twice * both + smooth) / (either + smooth))[..., first:])


def _together(labels, logits):
    found, right = ops.softmax(logits), ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1])
    return 1 - (2 * ops.sum(found * right) + 1) / (ops.sum(found + right) + 1)


def _dilate(stack, limit, *, drop=True, spread=True, multiply=True, itself=False):
    made, step, rate = [], 1, 1
    for size, stride in stack:
        if step * stride > limit:
            last = rate
            rate = (rate * stride if multiply else max(rate, stride)) if spread else 1
            made.append((size, 1 if drop else stride, rate if itself else last))
        else:
            made.append((size, stride, rate))
            step *= stride
    return made


WRONG = {
    "class_iou": [
        lambda t, p, k: _iou(t, p, k, dice=True),
        lambda t, p, k: _iou(t, p, k, recall=True),
        lambda t, p, k: _iou(t, p, k, empty=0.0),
        lambda t, p, k: _iou(t, p, k, empty=1.0),
        _image_by_image,
        lambda t, p, k: np.nanmean(_iou(t, p, k)),  # one number
    ],
    "dice_loss": [
        lambda y, z: 1 - _dice(y, z),  # the Dice, not the loss
        lambda y, z: _dice(y, z, axis=(1, 2)),
        lambda y, z: _dice(y, z, activation=ops.sigmoid),
        lambda y, z: _dice(y, z, smooth=0),
        lambda y, z: _dice(y, z, power=2),
        lambda y, z: _dice(y, z, first=1),
        lambda y, z: _dice(y, z, twice=1),
        lambda y, z: float(_dice(y, z)),  # right, but without a gradient
        lambda y, z: _dice(y, z, activation=lambda s: ops.one_hot(ops.argmax(s, axis=-1), s.shape[-1])),
        _together,
    ],
    "dilate": [
        lambda stack, limit: _dilate(stack, limit, drop=False),  # the strides stay
        lambda stack, limit: _dilate(stack, limit, spread=False),  # nothing spread out
        lambda stack, limit: _dilate(stack, limit, multiply=False),  # 2, and still 2 after a second stride
        lambda stack, limit: _dilate(stack, limit, itself=True),  # the layer that lost its stride is spread out too
        lambda stack, limit: _dilate(stack, 1),  # every stride dropped
        lambda stack, limit: [(size, rate, stride) for size, stride, rate in _dilate(stack, limit)],
        lambda stack, limit: [layer[1:] for layer in _dilate(stack, limit)],
    ],
}
