"""Guarantees: what no attack can do. Interval bounds (2018), randomised smoothing (2019). Lesson 6.5.

Images are (N, H, W, C), float in [0, 1]; models return logits (N, K).
"""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import stats

from labs.attacks import gradient

# ── Interval bounds, for a pixel that changes by epsilon at most ──

MONOTONE = (layers.ReLU, layers.MaxPooling2D, layers.AveragePooling2D, layers.GlobalAveragePooling2D, layers.Flatten)
INERT = (layers.InputLayer, layers.Dropout)
GROWING = ("linear", "relu", "sigmoid", "tanh", "softplus", "elu", "selu")  # activations that never decrease


def certified(model, x, y, epsilon):
    """Which images no attack can turn, for a change of `epsilon` at most of each pixel: booleans (N,). Lesson 6.5.

    Proved by interval bounds (Gowal et al. 2018): False means not proved, and nothing else.

    Args:
        model: a Keras model that is a chain of the layers that `interval_margins` knows.
        x: images (N, H, W, C), float in [0, 1]; y: the true classes (N,).

    Raises:
        ValueError, TypeError: as `fgsm`, or a layer whose bounds are not known.
    """
    x, y = gradient.require(model, x, y, epsilon)
    bound = _compiled_margins(model)
    parts = [slice(first, first + 256) for first in range(0, len(x), 256)]
    lowest = [np.asarray(bound(x[part], y[part], np.float32(epsilon))) for part in parts]
    others = np.arange(lowest[0].shape[1]) != y[:, None]
    return np.all((np.concatenate(lowest) > 0) | ~others, axis=1)


@functools.lru_cache(maxsize=16)
def _compiled_margins(model):
    return tf.function(lambda x, y, epsilon: interval_margins(model, x, y, epsilon), autograph=False)


def interval_margins(model, x, y, epsilon):
    """Lower bounds (N, K) of logit(y) - logit(k), wherever each pixel moves by epsilon at most, inside [0, 1].

    Gowal et al. 2018, *On the Effectiveness of Interval Bound Propagation*: an interval (μ - r, μ + r) goes through
    Wx + b as (Wμ + b - |W| r, Wμ + b + |W| r), through a function that never decreases by its ends; the last layer is
    merged with the differences of the logits. Differentiable: tensors in, a tensor out. Lesson 6.5.

    Args:
        model: a chain of dense and convolution layers, batch normalisation, ReLU, pooling, flattening; the last is
            dense and linear.

    Raises:
        ValueError: another layer, or a graph that is not a chain.
    """
    *body, last = _chain(model)
    low, high = tf.maximum(x - epsilon, 0.0), tf.minimum(x + epsilon, 1.0)
    for layer in body:
        low, high = _through(layer, low, high)
    kernel = tf.convert_to_tensor(last.kernel)
    own = tf.gather(kernel, y, axis=1)  # (D, N)
    weights = tf.transpose(own)[:, :, None] - kernel[None]  # (N, D, K)
    bias = tf.gather(last.bias, y)[:, None] - last.bias[None] if last.use_bias else 0.0
    middle, radius = (low + high) / 2, (high - low) / 2
    spread = tf.einsum("nd,ndk->nk", radius, tf.abs(weights))
    return tf.einsum("nd,ndk->nk", middle, weights) + bias - spread


def _through(layer, low, high):
    """The interval that comes out of a layer."""
    if isinstance(layer, INERT):
        return low, high
    if isinstance(layer, MONOTONE):
        return layer(low), layer(high)
    middle, radius = (low + high) / 2, (high - low) / 2
    if isinstance(layer, layers.BatchNormalization):
        scale = 1 / tf.sqrt(layer.moving_variance + layer.epsilon) * (layer.gamma if layer.scale else 1.0)
        middle, radius, activation = layer(middle, training=False), radius * tf.abs(scale), keras.activations.linear
    else:
        kernel, activation = tf.convert_to_tensor(layer.kernel), layer.activation
        bias = tf.convert_to_tensor(layer.bias) if layer.use_bias else 0.0
        apply = _convolve(layer) if isinstance(layer, layers.Conv2D) else tf.matmul
        middle, radius = apply(middle, kernel) + bias, apply(radius, tf.abs(kernel))
    return activation(middle - radius), activation(middle + radius)


def _convolve(layer):
    return lambda x, kernel: keras.ops.conv(x, kernel, strides=layer.strides, padding=layer.padding)


@functools.lru_cache(maxsize=16)
def _chain(model):
    """The layers of a model in order, once it is sure that their bounds are known."""
    found = getattr(model, "layers", None)
    if not found:
        raise ValueError(
            "Les intervalles traversent les couches une à une : donnez un modèle Keras, et non une fonction."
        )
    for layer in found:
        linear = isinstance(layer, (layers.Dense, layers.Conv2D)) and layer.activation.__name__ in GROWING
        plain = not isinstance(layer, layers.Conv2D) or (layer.dilation_rate == (1, 1) and layer.groups == 1)
        known = isinstance(layer, (layers.BatchNormalization, *MONOTONE, *INERT)) or linear and plain
        if not known:
            raise ValueError(
                f"On ne sait pas borner la couche « {layer.name} » ({type(layer).__name__}) ; sont connues : Dense et "
                "Conv2D à activation croissante, BatchNormalization, ReLU, MaxPooling2D, AveragePooling2D, "
                "GlobalAveragePooling2D, Flatten et Dropout."
            )
        if any(len(node.parent_nodes) > 1 for node in layer._inbound_nodes):
            raise ValueError(f"La couche « {layer.name} » reçoit plusieurs entrées : ce modèle n'est pas une chaîne.")
    if not isinstance(found[-1], layers.Dense) or found[-1].activation is not keras.activations.linear:
        raise ValueError("La dernière couche doit être une couche Dense sans activation, qui rend les logits.")
    return tuple(found)


# ── Randomised smoothing, for a change of Euclidean length ──


def lower_bound(successes, trials, alpha=0.001):
    """The Clopper-Pearson lower bound, of confidence 1 - alpha, of a probability: successes of trials. Lesson 6.5.

    Clopper & Pearson 1934: the p for which a count of `successes` or more has probability alpha. Arrays allowed.

    Raises:
        ValueError: more successes than trials, no trial, or an alpha outside ]0, 1[.
    """
    successes, trials = np.asarray(successes), np.asarray(trials)
    if np.any(trials < 1) or np.any((successes < 0) | (successes > trials)) or not 0 < alpha < 1:
        raise ValueError(
            f"Attendu de 0 à n succès sur n ≥ 1 tirages, alpha entre 0 et 1 ; reçu {successes} sur {trials}, {alpha=}."
        )
    bound = stats.beta.ppf(alpha, np.maximum(successes, 1), trials - successes + 1)
    return np.where(successes > 0, bound, 0.0)


def certify(model, x, sigma, n0=100, n=1000, alpha=0.001, seed=0):
    """Classes that a network, smoothed by a normal noise, gives, and the radius in which none changes. Lesson 6.5.

    Cohen, Rosenfeld & Kolter 2019, *Certified Adversarial Robustness via Randomized Smoothing*, algorithm CERTIFY: n0
    noisy copies of an image choose a class, n others bound from below its probability p, at confidence 1 - alpha; the
    radius is sigma Φ⁻¹(p), and the answer is an abstention if p ≤ 1/2.

    Args:
        model: images (N, H, W, C) -> logits (N, K), best trained with this noise.
        x: images (N, H, W, C), float in [0, 1]; the noise, of standard deviation `sigma`, is not cut to [0, 1].

    Returns:
        classes (N,), -1 for an abstention; radii (N,), Euclidean, 0 for an abstention. Each pair is false with
        probability alpha at most.

    Raises:
        ValueError, TypeError: as `fgsm`; a noise, counts or an alpha that are not positive.
    """
    x, _ = gradient.require(model, x, np.zeros(len(np.atleast_1d(x)), int), 0.0)
    if not sigma > 0 or n0 < 1 or n < 1 or not 0 < alpha < 1:
        raise ValueError(f"Attendu sigma > 0, n0 et n ≥ 1, alpha entre 0 et 1 ; reçu {sigma=}, {n0=}, {n=}, {alpha=}.")
    guess = smoothed_votes(model, x, sigma, n0, seed=(seed, 0)).argmax(axis=1)
    votes = smoothed_votes(model, x, sigma, n, seed=(seed, 1))[np.arange(len(x)), guess]
    chance = lower_bound(votes, n, alpha)
    sure = chance > 0.5
    return np.where(sure, guess, -1), np.where(sure, sigma * stats.norm.ppf(np.where(sure, chance, 0.5)), 0.0)


def smoothed_votes(model, x, sigma, n, *, seed=(0, 0), batch_size=1000):
    """How many of n noisy copies of each image (N, H, W, C) the model gives to each class: (N, K). Lesson 6.5."""
    count = _compiled_votes(model, np.shape(x)[1:])
    parts = [min(batch_size, n - first) for first in range(0, n, batch_size)]
    state = np.random.SeedSequence(seed).generate_state(2 * len(x) * len(parts)).astype("int32").reshape(len(x), -1, 2)
    own = lambda image, seeds: sum(np.asarray(count(image, sigma, *pair)) for pair in zip(parts, seeds))  # noqa: E731
    return np.stack([own(*pair) for pair in zip(x, state)])


@functools.lru_cache(maxsize=16)
def _compiled_votes(model, shape):
    def votes(image, sigma, size, seed):
        noise = tf.random.stateless_normal(tf.concat([size[None], shape], 0), seed)
        logits = model(image[None] + sigma * noise)
        return tf.reduce_sum(tf.one_hot(tf.argmax(logits, axis=1), tf.shape(logits)[1], dtype=tf.int32), axis=0)

    specs = [tf.TensorSpec(shape), tf.TensorSpec([]), tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)]
    return tf.function(votes, autograph=False, input_signature=specs)
