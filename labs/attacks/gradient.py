"""Attacks that follow a gradient: L-BFGS (2014), FGSM (2015), PGD (2018). Lesson 6.2.

A model is a Keras model or any function of tensors, images (N, H, W, C) in [0, 1] -> logits (N, K), as it is, in
inference mode. One loop is shared, gradient → step → project → clip; a ball says how to step and how to project. It is
compiled once a model: a later change of the weights is seen, a later change of the layers is not.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import optimize

from labs import zoo

LARGEST_BATCH = 256


class Ball(NamedTuple):
    """A norm: `step(gradient)`, the best unit step; `project(change, epsilon)`; `draw(rng, shape)`, in radius 1."""

    step: callable
    project: callable
    draw: callable


def _linf_step(gradient):
    return tf.sign(gradient)


def _linf_project(change, epsilon):
    return tf.clip_by_value(change, -epsilon, epsilon)


def _linf_draw(rng, shape):
    return rng.uniform(-1, 1, shape)


def _length(x):
    return tf.maximum(tf.norm(tf.reshape(x, (tf.shape(x)[0], -1)), axis=1)[:, None, None, None], 1e-12)


def _l2_step(gradient):
    return gradient / _length(gradient)


def _l2_project(change, epsilon):
    return change * tf.minimum(1.0, epsilon / _length(change))


def _l2_draw(rng, shape):
    change = rng.normal(size=(shape[0], int(np.prod(shape[1:]))))
    radius = rng.uniform(size=(shape[0], 1)) ** (1 / change.shape[1])
    return (radius * change / np.linalg.norm(change, axis=1, keepdims=True)).reshape(shape)


LINF = Ball(_linf_step, _linf_project, _linf_draw)  # no pixel changes by more than epsilon
L2 = Ball(_l2_step, _l2_project, _l2_draw)  # the Euclidean length of the change of an image is epsilon at most


def ascend(gradient, x, start, *, ball, epsilon, step_size, steps):
    """The loop that the attacks share: gradient → step → project → clip, `steps` times. Lesson 6.2.

    To be called in a compiled function: tensors in, a tensor out.

    Args:
        gradient: function of images, the gradient (N, H, W, C) of what is to grow.
        x: images (N, H, W, C), the centre of the ball; start: where to leave from, in the ball and in [0, 1].
    """

    def move(step, images):
        change = ball.project(images + step_size * ball.step(gradient(images)) - x, epsilon)
        return step + 1, tf.clip_by_value(x + change, 0.0, 1.0)

    return tf.while_loop(lambda step, images: step < steps, move, (tf.constant(0), start))[1]


def fgsm(model, x, y, epsilon, *, targeted=False, batch_size=LARGEST_BATCH):
    """Fast gradient sign method: x + epsilon sign(gradient of the loss), cut to [0, 1]. Lesson 6.2.

    Goodfellow, Shlens & Szegedy 2015, *Explaining and Harnessing Adversarial Examples*.

    Args:
        x: images (N, H, W, C), float in [0, 1]; y: the true classes (N,), or those aimed at when `targeted`.
        epsilon: the largest change of a pixel.

    Returns:
        float32 (N, H, W, C).

    Raises:
        ValueError, TypeError: images outside [0, 1], classes that do not exist, a model that gives probabilities.
    """
    x, y = require(model, x, y, epsilon)
    return _run(model, x, y, x, LINF, epsilon, epsilon, 1, targeted, batch_size)


def pgd(
    model,
    x,
    y,
    epsilon,
    step_size,
    steps,
    random_start=True,
    seed=0,
    *,
    ball=LINF,
    targeted=False,
    batch_size=LARGEST_BATCH,
):
    """Projected gradient ascent of the loss inside a ball, from a random point of it. Lesson 6.2.

    Madry, Makelov, Schmidt, Tsipras & Vladu 2018, *Towards Deep Learning Models Resistant to Adversarial Attacks*.

    Args:
        x: images (N, H, W, C), float in [0, 1]; y: the true classes (N,), or those aimed at when `targeted`.
        epsilon: radius of the `ball`, LINF or L2; step_size: length of a step, in the same norm.
        random_start: False to leave from x itself.

    Returns:
        float32 (N, H, W, C).

    Raises:
        ValueError, TypeError: as `fgsm`; or no step, or a negative length.
    """
    x, y = require(model, x, y, epsilon)
    require_steps(steps, step_size)
    start = x
    if random_start:
        drawn = epsilon * ball.draw(np.random.default_rng(seed), x.shape)
        start = np.clip(x + drawn, 0, 1).astype("float32")
    return _run(model, x, y, start, ball, epsilon, step_size, steps, targeted, batch_size)


def lbfgs(model, x, target, *, tries=8, iterations=30):
    """The nearest images that the network takes for `target`, by box-constrained L-BFGS. Lesson 6.2.

    Szegedy et al. 2014, *Intriguing Properties of Neural Networks*, section 4.1: minimise c |r|² + loss(x + r, target)
    with x + r in [0, 1], c searched. The larger c, the smaller r: c is multiplied by 10 while the minimum is of class
    `target`, divided by 10 while it is not, then the interval between both is halved, on a logarithmic scale.

    Args:
        x: images (N, H, W, C), float in [0, 1]; target: the classes (N,) to reach.
        tries: how many c for each image; iterations: of L-BFGS, at most, for each c.

    Returns:
        float32 (N, H, W, C); an image for which every c failed is left as it was.

    Raises:
        ValueError, TypeError: as `fgsm`.
    """
    x, target = require(model, x, target, 0.0)
    penalty = _compiled_penalty(model, x.shape[1:])
    return np.stack([_nearest(penalty, *pair, tries, iterations) for pair in zip(x, target)])


def _nearest(penalty, x, target, tries, iterations):
    """The image of the largest c that reaches the target, of those tried; x itself when none does."""
    best, low, high, c = x, None, None, 1.0

    def objective(flat):
        total, slope, _ = penalty(flat.reshape(1, *x.shape).astype("float32"), x, target, c)
        return float(total), np.asarray(slope, "float64").ravel()

    for _ in range(tries):
        found = optimize.minimize(
            objective,
            x.ravel().astype("float64"),
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(0, 1),
            options={"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-5},
        )
        image = found.x.reshape(x.shape).astype("float32")
        if int(penalty(image[None], x, target, c)[2]) == target:
            best, low = image, c
        else:
            high = c
        c = 10 * low if high is None else high / 10 if low is None else (low * high) ** 0.5
    return best


@functools.lru_cache(maxsize=16)
def _compiled_penalty(model, shape):
    """c |x + r - x|² + loss of one image (1, H, W, C), its gradient, and the class seen."""

    def penalty(image, x, target, c):
        with tf.GradientTape() as tape:
            tape.watch(image)
            logits = tf.cast(model(image), "float32")
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(target[None], logits)
            total = c * tf.reduce_sum((image - x) ** 2) + loss[0]
        return total, tape.gradient(total, image), tf.argmax(logits[0])

    number = ("float32", [])
    signature = _specs(("float32", [1, *shape]), ("float32", shape), ("int32", []), number)
    return tf.function(penalty, autograph=False, input_signature=signature)


@functools.lru_cache(maxsize=16)
def _compiled_loop(model, shape, ball):
    def loop(x, y, start, epsilon, step_size, steps, sign):
        def gradient(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.cast(model(images), "float32"))
            return sign * tape.gradient(loss, images, unconnected_gradients="zero")  # a rounding has none: no move

        return ascend(gradient, x, start, ball=ball, epsilon=epsilon, step_size=step_size, steps=steps)

    images, number = ("float32", [None, *shape]), ("float32", [])
    signature = _specs(images, ("int32", [None]), images, number, number, ("int32", []), number)
    return tf.function(loop, autograph=False, input_signature=signature)


def _specs(*kinds):
    return [tf.TensorSpec(shape, dtype) for dtype, shape in kinds]


def _run(model, x, y, start, ball, epsilon, step_size, steps, targeted, batch_size):
    loop, sign = _compiled_loop(model, x.shape[1:], ball), -1.0 if targeted else 1.0
    parts = [slice(first, first + batch_size) for first in range(0, len(x), batch_size)]
    found = [loop(x[part], y[part], start[part], epsilon, step_size, steps, sign) for part in parts]
    return np.concatenate([np.asarray(images) for images in found])


def require(model, x, y, epsilon):
    """Check images, classes and epsilon: float32 (N, H, W, C), int32 (N,)."""
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 4 or not len(x):
        raise ValueError(f"Attendu au moins une image, (N, H, L, C) ; reçu un tableau {x.shape}.")
    x = np.ascontiguousarray(zoo.require_images(x, x.shape[1:]))
    if not epsilon >= 0:
        raise ValueError(f"Le rayon epsilon est positif ou nul, dans l'échelle des pixels ; reçu {epsilon}.")
    classes = _class_count(model, x.shape[1:])
    if y.shape != (len(x),) or y.dtype.kind not in "iu" or not np.all((0 <= y) & (y < classes)):
        raise ValueError(
            f"Attendu une classe entière par image, ({len(x)},), de 0 à {classes - 1} ; reçu un tableau {y.dtype} "
            f"{y.shape}{f', de {y.min()} à {y.max()}' if y.size else ''}."
        )
    return x, y.astype("int32")


def require_steps(steps, step_size):
    """Check how many steps an attack takes, and how long they are."""
    if not isinstance(steps, (int, np.integer)) or steps < 1 or step_size < 0:
        raise ValueError(f"Il faut au moins un pas, et une longueur positive ; reçu steps={steps}, {step_size=}.")


@functools.lru_cache(maxsize=32)
def _class_count(model, shape):
    """Number of classes, once it is sure that the outputs are logits: what a softmax gives has sums of 1."""
    noise = np.random.default_rng(0).random((2, *shape), dtype="float32")
    outputs = np.asarray(model(noise))
    name = getattr(model, "name", getattr(model, "__name__", "le modèle"))
    if outputs.ndim != 2:
        raise ValueError(f"Attendu un modèle qui rend des logits (N, K) ; « {name} » rend {outputs.shape}.")
    if outputs.shape[1] > 1 and outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"« {name} » rend des probabilités (positives, de somme 1) ; l'attaque demande des logits : une softmax "
            "saturée n'a plus de gradient. Retirez-la, par exemple keras.Model(model.inputs[0], avant_softmax)."
        )
    return outputs.shape[1]
