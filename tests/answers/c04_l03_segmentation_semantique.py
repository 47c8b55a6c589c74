"""Answers of lesson 4.3."""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from sklearn import metrics


def _iou(truth, predicted, classes, *, empty=np.nan, dice=False, recall=False):
    values = []
    for label in range(classes):
        a, b = truth == label, predicted == label
        both, whole = np.sum(a & b), np.sum(a) if recall else np.sum(a) + np.sum(b) if dice else np.sum(a | b)
        values.append((2 if dice else 1) * both / whole if whole else empty)
    return np.array(values)


def _where_true(truth, predicted, classes):
    """Nothing said of a class that the prediction invents."""
    return np.where(np.isin(np.arange(classes), truth), _iou(truth, predicted, classes), np.nan)


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


def _dilate(stack, limit, *, drop=True, spread=True, multiply=True, itself=False, above=True):
    made, step, rate = [], 1, 1
    for size, stride in stack:
        if step * stride > limit if above else stride > 1 and step >= limit:
            last = rate
            rate = (rate * stride if multiply else max(rate, stride)) if spread else 1
            made.append((size, 1 if drop else stride, rate if itself else last))
        else:
            made.append((size, stride, rate))
            step *= stride
    return made


def _doubled(stack, limit):
    """A dilation doubled at each stride that is dropped, whatever the stride."""
    made, step, rate = [], 1, 1
    for size, stride in stack:
        dropped = step * stride > limit
        made.append((size, 1 if dropped else stride, rate))
        step, rate = (step, 2 * rate) if dropped else (step * stride, rate)
    return made


WRONG = {
    "class_iou": [
        lambda t, p, k: _iou(t, p, k, dice=True),
        lambda t, p, k: _iou(t, p, k, recall=True),
        lambda t, p, k: _iou(t, p, k, empty=0.0),
        lambda t, p, k: _iou(t, p, k, empty=1.0),
        _image_by_image,
        _where_true,
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
        lambda stack, limit: _dilate(stack, limit, above=False),  # goes over the limit before it sees it
        _doubled,
        lambda stack, limit: _dilate(stack, limit, itself=True),  # the layer that lost its stride is spread out too
        lambda stack, limit: _dilate(stack, 1),  # every stride dropped
        lambda stack, limit: [(size, rate, stride) for size, stride, rate in _dilate(stack, limit)],
        lambda stack, limit: [layer[1:] for layer in _dilate(stack, limit)],
    ],
}


def _iou_by_counting(truth, predicted, classes):
    """Pixel by pixel, in plain Python: a list."""
    both, either = [0] * classes, [0] * classes
    for a, b in zip(truth.ravel().tolist(), predicted.ravel().tolist()):
        for label in {a, b}:
            either[label] += 1
        both[a] += a == b
    return [i / u if u > 0 else float("nan") for i, u in zip(both, either)]


def _iou_by_confusion(truth, predicted, classes):
    """The table of confusions; 0 / 0 is left to NumPy."""
    table = metrics.confusion_matrix(truth.ravel(), predicted.ravel(), labels=range(classes))
    return np.diag(table) / (table.sum(axis=0) + table.sum(axis=1) - np.diag(table))


def _iou_by_tensors(truth, predicted, classes):
    a, b = (ops.one_hot(ops.reshape(some, (-1,)), classes) for some in (truth, predicted))
    both, either = ops.sum(a * b, axis=0), ops.sum(ops.maximum(a, b), axis=0)
    return ops.where(either > 0, both / either, np.nan)


def _dice_by_classes(labels, logits):
    """A loop on the classes, TensorFlow's own functions."""
    found, losses = tf.nn.softmax(logits), []
    for label in range(logits.shape[-1]):
        p, g = found[..., label], tf.cast(labels == label, tf.float32)
        losses.append(1 - (2 * tf.reduce_sum(p * g) + 1) / (tf.reduce_sum(p) + tf.reduce_sum(g) + 1))
    return sum(losses) / len(losses)


def _dice_by_rows(labels, logits):
    """Pixels in rows, float64, the softmax by the logarithm, 1 - Dice averaged."""
    logits = ops.cast(ops.reshape(logits, (-1, logits.shape[-1])), "float64")
    p = ops.exp(logits - ops.logsumexp(logits, axis=1, keepdims=True))
    g = ops.cast(ops.equal(ops.reshape(labels, (-1, 1)), ops.arange(p.shape[1], dtype="int32")), "float64")
    return ops.mean(1 - (2 * ops.einsum("pk,pk->k", p, g) + 1) / (ops.sum(p, axis=0) + ops.sum(g, axis=0) + 1))


class _DiceLoss(keras.losses.Loss):
    """A loss of Keras, whose __call__ makes float32 of the labels."""

    def call(self, labels, logits):
        return _dice(labels, logits)


def _dilate_as_deeplab(stack, limit):
    """The step to come looked at as a number of pixels already lost, in lists."""
    made, rate = [], 1
    for size, stride in stack:
        kept = stride if stride * np.prod([layer[1] for layer in made]) <= limit else 1
        made.append([size, kept, rate])
        rate *= stride // kept
    return made


def _dilate_by_products(stack, limit):
    """The dilation: the step that the layer had before it, over the one that it has now. An array."""
    strides = []
    for _, stride in stack:
        strides.append(stride if np.prod([*strides, stride]) <= limit else 1)
    before = list(itertools.accumulate([1, *(stride for _, stride in stack)], lambda a, b: a * b))
    now = np.cumprod([1, *strides])
    sizes = [size for size, _ in stack]
    return np.array([(size, *rest, old // step) for size, *rest, old, step in zip(sizes, strides, before, now)])


RIGHT = {
    "class_iou": [_iou_by_counting, _iou_by_confusion, _iou_by_tensors],
    "dice_loss": [_dice_by_classes, _dice_by_rows, _DiceLoss()],
    "dilate": [_dilate_as_deeplab, _dilate_by_products],
}
