"""Answers of lesson 1.3."""

import math

import numpy as np


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
