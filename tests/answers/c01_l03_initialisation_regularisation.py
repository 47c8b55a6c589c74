"""Answers of lesson 1.3."""

import math

import keras
import numpy as np
from scipy import linalg, stats
from sklearn.preprocessing import label_binarize


def _normal(scale):
    return lambda shape, rng: rng.normal(0, scale(shape), shape)


def gaussian_qr(shape, rng, gain=1.0, *, signs=True, gain_power=1):
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r)) if signs else q
    return gain**gain_power * (q if shape[0] >= shape[1] else q.T)


def always_tall(shape, rng, gain=1.0):
    q, r = np.linalg.qr(rng.normal(size=shape))
    return gain * q * np.sign(np.diag(r))


def unit_columns(shape, rng, gain=1.0):
    draw = rng.normal(size=shape)
    return gain * draw / np.linalg.norm(draw, axis=0)


def one_sign_for_all(shape, rng, gain=1.0):
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q = gain * q * np.sign(r[0, 0])
    return q if shape[0] >= shape[1] else q.T


def own_generator(shape, rng, gain=1.0):
    return gaussian_qr(shape, np.random.default_rng(42), gain)


def _dropout(x, rate, training, rng, *, scale=lambda rate: 1 / (1 - rate), swapped=False, always=False, shape=None):
    if not (training or always):
        return x
    draw = rng.random(shape(x) if shape else x.shape)
    kept = draw < rate if swapped else draw >= rate
    return x * kept * scale(rate)


def scaled_at_inference(x, rate, training, rng):
    return x * (rng.random(x.shape) >= rate) if training else x * (1 - rate)


def in_place(x, rate, training, rng):
    if training:
        x *= (rng.random(x.shape) >= rate) / (1 - rate)
    return x


def frozen_mask(x, rate, training, rng):
    return _dropout(x, rate, training, np.random.default_rng(0))


WRONG = {
    "he_normal": [
        _normal(lambda shape: 2 / math.prod(shape[:-1])),  # the variance in place of the standard deviation
        _normal(lambda shape: np.sqrt(2 / shape[0])),  # the height of a convolution
        _normal(lambda shape: np.sqrt(2 / shape[-2])),  # the channels of a convolution alone
        _normal(lambda shape: np.sqrt(2 / shape[-1])),  # fan out
        _normal(lambda shape: np.sqrt(1 / math.prod(shape[:-1]))),
        lambda shape, rng: np.random.normal(0, np.sqrt(2 / math.prod(shape[:-1])), shape),  # not the generator received
        lambda shape, rng: rng.uniform(-1, 1, shape) * np.sqrt(6 / math.prod(shape[:-1])),  # right variance, wrong law
    ],
    "orthogonal": [
        always_tall,  # wide matrices
        unit_columns,
        own_generator,
        one_sign_for_all,
        lambda shape, rng, gain=1.0: gaussian_qr(shape, rng, gain, signs=False),
        lambda shape, rng, gain=1.0: gaussian_qr(shape, rng, gain, gain_power=0),
        lambda shape, rng, gain=1.0: gaussian_qr(shape, rng, gain, gain_power=2),
        lambda shape, rng, gain=1.0: gain * rng.normal(0, 1 / np.sqrt(shape[0]), shape),
    ],
    "soft_threshold": [
        lambda w, threshold: np.where(np.abs(w) > threshold, w, 0),  # hard threshold
        lambda w, threshold: w - threshold * np.sign(w),  # crosses 0
        lambda w, threshold: np.maximum(np.abs(w) - threshold, 0),  # loses the sign
        lambda w, threshold: np.maximum(w - threshold, 0),  # forgets the negative side
        lambda w, threshold: w / (1 + threshold),  # the proximal step of L2
    ],
    "dropout": [
        scaled_at_inference,  # the original form, not the inverted one
        in_place,
        frozen_mask,
        lambda x, rate, training, rng: _dropout(x, rate, training, rng, scale=lambda rate: 1),
        lambda x, rate, training, rng: _dropout(x, rate, training, rng, scale=lambda rate: 1 / max(rate, 1e-9)),
        lambda x, rate, training, rng: _dropout(x, rate, training, rng, swapped=True),
        lambda x, rate, training, rng: _dropout(x, rate, training, rng, always=True),
        lambda x, rate, training, rng: _dropout(x, rate, training, rng, shape=lambda x: x.shape[-1:]),
    ],
    "smooth_labels": [
        lambda labels, classes, smoothing: np.eye(classes)[labels] + smoothing / classes,
        lambda labels, classes, smoothing: (1 - smoothing) * np.eye(classes)[labels],
        lambda labels, classes, smoothing: (1 - smoothing) * np.eye(classes)[labels] + smoothing,
        lambda labels, classes, smoothing: np.where(
            np.eye(classes)[labels] == 1, 1 - smoothing, smoothing / (classes - 1)
        ),
        lambda labels, classes, smoothing: np.where(np.eye(classes)[labels] == 1, 1 - smoothing, smoothing / classes),
    ],
}


def he_of_unpacked_shape(shape, rng):
    *window, inputs, _ = shape
    return rng.standard_normal(shape, dtype="float32") * (2 / (math.prod(window) * inputs)) ** 0.5


def he_unit_by_unit(shape, rng):
    inputs = int(np.prod(shape) / shape[-1])
    units = [[rng.normal(scale=math.sqrt(2.0 / inputs)) for _ in range(inputs)] for _ in range(shape[-1])]
    return np.array(units).T.reshape(shape)


def he_of_keras_random(shape, rng):
    seed = int(rng.integers(2**31))
    return keras.random.normal(shape, stddev=math.sqrt(2 / math.prod(shape[:-1])), seed=seed)


def orthogonal_by_recursion(shape, rng, gain=1.0):
    if shape[0] < shape[1]:
        return orthogonal_by_recursion(shape[::-1], rng, gain).T
    q, r = linalg.qr(rng.normal(size=shape), mode="economic")
    return gain * q @ np.diag(np.where(np.diag(r) < 0, -1, 1))


def gram_schmidt(shape, rng, gain=1.0):
    vectors = []
    for _ in range(min(shape)):
        v = rng.normal(size=max(shape))
        for u in vectors:
            v = v - (u @ v) * u
        vectors.append(v / np.linalg.norm(v))
    q = np.array(vectors)
    return gain * (q.T if shape[0] > shape[1] else q)


def polar_factor(shape, rng, gain=1.0):
    u, _, vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    return gain * (u @ vt)


def corner_of_a_square(shape, rng, gain=1.0):
    return gain * stats.ortho_group.rvs(max(shape), random_state=rng)[: shape[0], : shape[1]]


def soft_threshold_by_cases(w, threshold):
    flat = [v - threshold if v > threshold else v + threshold if v < -threshold else 0 for v in w.flat]
    return np.array(flat).reshape(w.shape)


def soft_threshold_by_masks(w, threshold):
    u = np.zeros_like(w)
    u[w > threshold] = w[w > threshold] - threshold
    u[w < -threshold] = w[w < -threshold] + threshold
    return u


def dropout_element_by_element(x, rate, training, rng):
    if training is False:
        return x.tolist()
    return [[0.0 if rng.random() < rate else value / (1 - rate) for value in row] for row in x]


def dropout_of_keras(x, rate, training, rng):
    return keras.layers.Dropout(rate, seed=int(rng.integers(2**31)))(x, training=training)


def dropout_in_place_of_a_copy(x, rate, training, rng):
    out = x.astype("float32")
    if training:
        out[rng.uniform(size=x.shape) <= rate] = 0
        out /= 1.0 - rate
    return out


def smooth_row_by_row(labels, classes, smoothing):
    share = smoothing / classes
    return [[share + (1 - smoothing if k == label else 0) for k in range(classes)] for label in labels]


def smooth_in_place(labels, classes, smoothing):
    targets = np.full((len(labels), classes), smoothing / classes, dtype="float32")
    targets[range(len(labels)), labels] += 1 - smoothing
    return targets


RIGHT = {
    "he_normal": [
        he_of_unpacked_shape,  # float32
        he_unit_by_unit,
        he_of_keras_random,  # a tensor, and a seed drawn from the generator
        lambda shape, rng: stats.norm.rvs(0, np.sqrt(2 / np.prod(shape[:-1])), size=shape, random_state=rng),
    ],
    "orthogonal": [
        orthogonal_by_recursion,
        gram_schmidt,  # the QR decomposition whose diagonal is positive
        polar_factor,  # uniform too
        corner_of_a_square,  # of the uniform law of SciPy
        lambda shape, rng, gain=1.0: keras.initializers.Orthogonal(gain, seed=int(rng.integers(2**31)))(shape),
    ],
    "soft_threshold": [
        soft_threshold_by_cases,
        soft_threshold_by_masks,
        lambda w, threshold: w - np.clip(w, -threshold, threshold),
        lambda w, threshold: np.maximum(w - threshold, 0) - np.maximum(-w - threshold, 0),
        lambda w, threshold: np.copysign(np.fmax(np.abs(w) - threshold, 0), w),  # some zeros are -0.0
        lambda w, threshold: keras.ops.sign(w) * keras.ops.relu(keras.ops.abs(w) - threshold),
        lambda w, threshold: keras.ops.soft_shrink(w.astype("float32"), threshold),
    ],
    "dropout": [
        dropout_element_by_element,  # lists
        dropout_of_keras,
        dropout_in_place_of_a_copy,  # float32, a fresh array at inference
        lambda x, p, training, rng: x * rng.binomial(1, 1 - p, x.shape) / (1 - p) if training else x.copy(),
        lambda x, p, training, rng: np.where(training & (rng.random(x.shape) < p), 0, x) / (1 - p * training),
        lambda x, rate, training, rng: (
            x * rng.choice([0, 1 / (1 - rate)], x.shape, p=[rate, 1 - rate]) if training else x
        ),
    ],
    "smooth_labels": [
        smooth_row_by_row,  # lists
        smooth_in_place,  # float32
        lambda labels, k, s: (1 - s) * keras.ops.one_hot(labels, k) + s / k,
        lambda labels, k, s: np.where(labels[:, None] == np.arange(k), 1 - s + s / k, s / k),
        lambda labels, k, s: s * np.ones(k) / k + (1 - s) * label_binarize(labels, classes=range(k)),
    ],
}
