"""Answers of lesson 6.2."""

import keras
import numpy as np
import tensorflow as tf


def _one_pixel(x, w, b):
    """Reaches the plane by its steepest pixel only."""
    r, i = np.zeros_like(x), np.abs(w).argmax()
    r[i] = -(w @ x + b) / w[i]
    return r


def _pgd(gradient_of, x, epsilon, step, steps, *, project="start", clip=True, again=True, sign=True):
    image, first = x, None
    for _ in range(steps):
        if again or first is None:
            first = gradient_of(image)
        before = image
        image = image + step * (np.sign(first) if sign else first)
        centre = {"start": x, "moving": before}.get(project)
        if centre is not None:
            image = np.clip(image, centre - epsilon, centre + epsilon)
        image = np.clip(image, 0, 1) if clip else image
    return image


WRONG = {
    "nearest": [
        lambda x, w, b: (w @ x + b) / (w @ w) * w,
        lambda x, w, b: -(w @ x + b) / np.linalg.norm(w) * w,
        lambda x, w, b: x - (w @ x + b) / (w @ w) * w,  # the point, not the change
        _one_pixel,
        lambda x, w, b: -(w @ x) / (w @ w) * w,  # no offset
    ],
    "fgsm": [
        lambda x, g, e: x + e * np.sign(g),
        lambda x, g, e: np.clip(x - e * np.sign(g), 0, 1),
        lambda x, g, e: np.clip(x + e * g, 0, 1),
        lambda x, g, e: np.clip(x + np.sign(g), 0, 1),
    ],
    "pgd": [
        lambda *a: _pgd(*a, project=None),
        lambda *a: _pgd(*a, project="moving"),
        lambda *a: _pgd(*a, clip=False),
        lambda *a: _pgd(*a, again=False),
        lambda *a: _pgd(*a, sign=False),
        lambda g, x, e, s, n: _pgd(g, x, e, e, 1),  # one step of epsilon: FGSM
    ],
}


# --- Right, written otherwise --------------------------------------------------------------------------


def _along_the_normal(x, w, b):
    normal = w / np.linalg.norm(w)
    distance = np.abs(np.sum(w * x) + b) / np.linalg.norm(w)
    return distance * normal if np.sum(w * x) + b < 0 else -distance * normal


def _single(x, w, b):
    x, w = tf.cast(x, tf.float32), tf.cast(w, tf.float32)
    return -w * (tf.reduce_sum(w * x) + b) / tf.reduce_sum(w**2)


def _pixels(x, gradient, epsilon):
    x[gradient > 0] += epsilon
    x[gradient < 0] -= epsilon
    x[x > 1], x[x < 0] = 1, 0
    return x


def _change(gradient_of, x, epsilon, step_size, steps):
    change = np.zeros_like(x)
    for _ in range(steps):
        change += step_size * np.sign(gradient_of(x + change))
        change = np.maximum(np.minimum(change, epsilon), -epsilon)
        change = np.clip(x + change, 0, 1) - x
    return x + change


def _box(gradient_of, x, epsilon, step_size, steps):
    low, high = keras.ops.maximum(x - epsilon, 0.0), keras.ops.minimum(x + epsilon, 1.0)
    images = keras.ops.convert_to_tensor(x)
    for _ in range(steps):
        images = keras.ops.clip(images + step_size * keras.ops.sign(gradient_of(images)), low, high)
    return images


def _single_precision(gradient_of, x, epsilon, step_size, steps):
    start = images = tf.constant(x, tf.float32)
    for _ in range(steps):
        images = images + step_size * tf.sign(tf.cast(gradient_of(images=images), tf.float32))
        images = tf.clip_by_value(images, 0, 1)
        images = start + tf.clip_by_value(images - start, -epsilon, epsilon)
    return images


RIGHT = {
    "nearest": [
        _along_the_normal,
        _single,  # float32 tensor
        lambda x, w, b: np.linalg.pinv(w[None]) @ [-b - w @ x],
    ],
    "fgsm": [
        _pixels,  # masks, in place
        lambda x, g, e: np.maximum(np.minimum(np.where(g == 0, x, x + np.copysign(e, g)), 1), 0).tolist(),
        lambda x, g, e: tf.clip_by_value(tf.cast(x, tf.float32) + e * tf.sign(tf.cast(g, tf.float32)), 0, 1),
    ],
    "pgd": [
        _change,  # the change, not the images
        _box,  # one projection, tensors
        _single_precision,  # the two projections the other way round, float32 tensors
    ],
}
