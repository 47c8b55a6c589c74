"""Networks that train against the worst of a ball, and one that only hides its gradient. Lesson 6.5.

One loop, and an objective that says what is worst: an adversarial image, a bound by intervals, a noise.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from labs import zoo
from labs.attacks import certificates
from labs.attacks.gradient import LINF, ascend


class Hardened(keras.Model):
    """A network that learns by `objective(network, x, y, share)`, a scalar to minimise.

    Compile it with an optimizer alone. Its outputs are those of the network.

    Args:
        network: images (N, H, W, C) in [0, 1] -> logits (N, K).
        objective: `adversarial(...)`, `interval(...)` or `noisy(...)`.
        warmup: updates during which the share, of the radius asked for, grows from 0 to 1.
    """

    def __init__(self, network, objective, *, warmup=0):
        super().__init__()
        self.network, self.objective, self.warmup = network, objective, warmup
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def call(self, x, training=False):
        return self.network(x, training=training)

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        x, y = data
        share = tf.minimum(1.0, tf.cast(self.optimizer.iterations, tf.float32) / max(self.warmup, 1e-6))
        with tf.GradientTape() as tape:
            loss = self.objective(self.network, x, y, share)
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


def _loss(logits, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def adversarial(epsilon, steps=1):
    """The loss of adversarial images in the ball |x' - x| ≤ epsilon, made anew at each update. Lesson 6.5.

    Madry et al. 2018, equation 2.1, by projected ascent from a random point of the ball. With one step, of length
    1.25 epsilon, it is the *fast* training of Wong, Rice & Kolter 2020; with more, each is 2.5 epsilon / steps.
    """
    stride = (1.25 if steps == 1 else 2.5 / steps) * epsilon

    def objective(network, x, y, share):
        def ascent(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, network(images, training=False))
            return tape.gradient(loss, images)

        radius = share * epsilon
        start = tf.clip_by_value(x + tf.random.uniform(tf.shape(x), -1, 1) * radius, 0, 1)
        worst = ascend(ascent, x, start, ball=LINF, epsilon=radius, step_size=share * stride, steps=steps)
        return _loss(network(tf.stop_gradient(worst), training=True), y)

    return objective


def interval(epsilon, plain=0.5):
    """Part `plain` of the loss, and the rest of the bound of the worst loss in the ball |x' - x| ≤ epsilon. Lesson 6.5.

    Gowal et al. 2018: κ loss(logits) + (1 - κ) loss(worst logits), κ from 1 to `plain` as the radius grows from 0.
    """

    def objective(network, x, y, share):
        kappa = 1 - (1 - plain) * share
        worst = -certificates.interval_margins(network, x, y, share * epsilon)
        return kappa * _loss(network(x, training=True), y) + (1 - kappa) * _loss(worst, y)

    return objective


def noisy(sigma):
    """The loss of images with a normal noise of standard deviation `sigma`. Cohen et al. 2019. Lesson 6.5."""
    return lambda network, x, y, share: _loss(network(x + sigma * tf.random.normal(tf.shape(x)), training=True), y)


def sealed_classifier():
    """A classifier of Fashion-MNIST, sold as robust: a function (N, 28, 28, 1) -> logits (N, 10). Lesson 6.5.

    To be evaluated from outside, as one that a supplier would give: do not read what follows before.
    """
    network, transform = zoo.fashion_classifier(), _cosines(4)

    def sealed(images):
        blocks = tf.reshape(tf.cast(images, tf.float32), (-1, 7, 4, 7, 4))
        waves = tf.einsum("nrhcw,uh,vw->nrcuv", blocks, transform, transform)
        waves = tf.round(waves / 0.25) * 0.25  # the compression of JPEG: no derivative
        blocks = tf.einsum("nrcuv,uh,vw->nrhcw", waves, transform, transform)
        return 40 * network(tf.clip_by_value(tf.reshape(blocks, (-1, 28, 28, 1)), 0, 1))

    return sealed


@functools.cache
def _cosines(size):
    """The orthonormal discrete cosine transform, (size, size)."""
    place = np.arange(size)
    waves = np.cos(np.pi * (place + 0.5) * place[:, None] / size) * np.sqrt(2 / size)
    waves[0] /= np.sqrt(2)
    return tf.constant(waves, tf.float32)
