"""Adversarial networks: one loop, and what changes from a paper to the next as small functions. Chapter 3.

A critic scores images, high for real ones; a generator turns noise (N, latent) into images. Images are float32 in
[0, 1]: the networks rescale inside.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy import optimize
from scipy.spatial import distance

from labs import training

# ── What the two networks minimise ──


class Loss(NamedTuple):
    """Both objectives, to minimise, as functions of the critic's scores (N,) or (N, 1).

    critic: (scores of real, scores of generated) -> scalar; generator: scores of generated -> scalar.
    """

    critic: Callable
    generator: Callable


def _cross_entropy(real, fake):
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def _difference(real, fake):
    return ops.mean(fake) - ops.mean(real)


def _raise(fake):
    return -ops.mean(fake)


LOSSES = {
    # Goodfellow et al. 2014, equation 1, with scores as logits: D = sigmoid(score), log(1 - D) = -softplus(score).
    "saturating": Loss(_cross_entropy, lambda fake: -ops.mean(ops.softplus(fake))),
    # The same paper, section 3: maximise log D(G(z)).
    "non_saturating": Loss(_cross_entropy, lambda fake: ops.mean(ops.softplus(-fake))),
    # Arjovsky et al. 2017, equation 2 and algorithm 1.
    "wasserstein": Loss(_difference, _raise),
    # Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": Loss(lambda real, fake: ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake)), _raise),
}


def gradient_penalty(critic, real, fake, *, weight=10.0):
    """λ E[(‖∇critic(x̂)‖ - 1)²], x̂ = α real + (1 - α) fake, one α ~ U[0, 1] an example. Gulrajani et al. 2017."""
    alpha = tf.random.uniform([tf.shape(real)[0]] + [1] * (len(real.shape) - 1))
    square = _squared_gradient(critic, alpha * real + (1 - alpha) * fake)
    norm = ops.sqrt(ops.maximum(square, 1e-12))  # the derivative of a square root is infinite at 0
    return weight * ops.mean(ops.square(norm - 1))


def r1(critic, real, fake, *, weight=1.0):
    """γ/2 E[‖∇critic(x)‖²] on real examples. Mescheder et al. 2018, equation 9."""
    return weight / 2 * ops.mean(_squared_gradient(critic, real))


def _squared_gradient(critic, points):
    with tf.GradientTape() as tape:
        tape.watch(points)
        scores = critic(points)
    return ops.sum(ops.square(tape.gradient(scores, points)), axis=list(range(1, len(points.shape))))


# ── The loop ──


class Diverged(RuntimeError):
    """A loss or a gradient that is no longer finite; the networks keep the weights from before that step."""


class GAN(keras.Model):
    """A generator and a critic that train in turn: `critic_steps` updates of the critic, then one of the generator.

    Args:
        loss: one of LOSSES, or a Loss.
        penalty: function (critic, real, fake) -> scalar added to the critic's objective, such as `gradient_penalty`.
        clip: after each update, the critic's weights are brought back into [-clip, clip] (Arjovsky et al. 2017).
        average: decay of the moving average of the generator's weights, kept in `average_generator`; None: none.

    A batch holds critic_steps × batch_size examples: each update of the critic has its own, as in the papers.
    """

    def __init__(self, generator, critic, loss="non_saturating", *, penalty=None, clip=None, critic_steps=1,
                 average=None):  # fmt: skip
        super().__init__()
        if isinstance(loss, str) and loss not in LOSSES:
            known = ", ".join(f"« {known} »" for known in LOSSES)
            raise ValueError(f"Aucun coût ne s'appelle {loss!r}. Les noms connus sont : {known}.")
        if critic_steps < 1 or (clip is not None and clip <= 0):
            raise ValueError(f"Attendu : critic_steps ≥ 1 et clip > 0 ; reçu {critic_steps} et {clip}.")
        self.generator, self.critic = generator, critic
        self.loss_functions = LOSSES[loss] if isinstance(loss, str) else loss
        self.penalty, self.clip, self.critic_steps, self.average = penalty, clip, critic_steps, average
        self.average_generator = None
        if average is not None:
            self.average_generator = keras.models.clone_model(generator)
            self.average_generator.set_weights(generator.get_weights())
            self.average_generator.trainable = False

    def compile(self, generator_optimizer, critic_optimizer):
        """Give each network its own optimizer: the learning rates may differ (Heusel et al. 2017)."""
        super().compile(optimizer=generator_optimizer)
        self.critic_optimizer = critic_optimizer
        generator_optimizer.build(self.generator.trainable_variables)
        critic_optimizer.build(self.critic.trainable_variables)

    def call(self, noise):
        return self.generator(noise)

    def noise(self, count):
        """Random inputs of the generator: (count, latent), normal."""
        return tf.random.normal([count, *self.generator.input_shape[1:]])

    def score(self, images):
        """Scores of the critic, during training."""
        return self.critic(images, training=True)

    def critic_loss(self, real, fake):
        """What the critic minimises, its penalty apart."""
        return self.loss_functions.critic(self.score(real), self.score(fake))

    def generator_loss(self, fake, real):
        """What the generator minimises; `real` is there for the losses that compare both."""
        return self.loss_functions.generator(self.score(fake))

    def train_step(self, data):
        """One round of the game; returns the last loss of each network."""
        real = data[0] if isinstance(data, (tuple, list)) else data
        count = tf.shape(real)[0] // self.critic_steps
        for rank in range(self.critic_steps):
            batch = real[rank * count : (rank + 1) * count]
            critic_loss, penalty = self._train_critic(batch, count)
        generator_loss = self._train_generator(batch, count)
        if self.average_generator is not None:
            self._move_average()
        return {"critic_loss": critic_loss, "generator_loss": generator_loss, **self._more(penalty)}

    def _more(self, penalty):
        return {} if self.penalty is None else {"penalty": penalty}

    def _train_critic(self, real, count):
        fake = tf.stop_gradient(self.generator(self.noise(count), training=True))
        with tf.GradientTape() as tape:
            loss = self.critic_loss(real, fake)
            penalty = 0.0 if self.penalty is None else self.penalty(self.score, real, fake)
            total = loss + penalty
        self._descend(tape, total, self.critic, self.critic_optimizer)
        if self.clip is not None:
            for variable in self.critic.trainable_variables:
                variable.assign(ops.clip(variable, -self.clip, self.clip))
        return loss + 0 * total, penalty  # not finite as soon as the penalty is not

    def _train_generator(self, real, count):
        with tf.GradientTape() as tape:
            loss = self.generator_loss(self.generator(self.noise(count), training=True), real)
        self._descend(tape, loss, self.generator, self.optimizer)
        return loss

    def _descend(self, tape, loss, network, optimizer):
        """One update, unless something is not finite: then the weights stay as they are, and `Guard` speaks."""
        gradients = tape.gradient(loss, network.trainable_variables)
        finite = tf.reduce_all([tf.math.is_finite(loss), *(tf.reduce_all(tf.math.is_finite(g)) for g in gradients)])
        tf.cond(finite, lambda: self._apply(optimizer, gradients, network), lambda: False)

    def _apply(self, optimizer, gradients, network):
        optimizer.apply(gradients, network.trainable_variables)
        return True

    def _move_average(self):
        """θ' ← decay θ' + (1 - decay) θ; the statistics of batch normalisation are copied."""
        for mean, weight in zip(self.average_generator.weights, self.generator.weights):
            decay = self.average if weight.trainable else 0.0
            mean.assign(decay * mean + (1 - decay) * weight)


class BEGAN(GAN):
    """Boundary Equilibrium GAN (Berthelot et al. 2017): the critic is an auto-encoder, scored by its error. Lesson 3.5.

    L_D = L(x) - k L(G(z)), L_G = L(G(z)), k ← k + λ (γ L(x) - L(G(z))) within [0, 1], and the convergence measure
    M = L(x) + |γ L(x) - L(G(z))|, with L the mean absolute error.
    """

    def __init__(self, generator, critic, *, gamma=0.5, rate=0.001, average=None):
        super().__init__(generator, critic, Loss(None, ops.mean), average=average)
        if not 0 < gamma <= 1 or rate <= 0:
            raise ValueError(f"Attendu : gamma dans ]0, 1] et rate > 0 ; reçu {gamma} et {rate}.")
        self.gamma, self.rate = gamma, rate
        self.balance = self.add_weight(shape=(), initializer="zeros", trainable=False, name="k")

    def score(self, images):
        return ops.mean(ops.abs(images - self.critic(images, training=True)), axis=list(range(1, len(images.shape))))

    def critic_loss(self, real, fake):
        return ops.mean(self.score(real)) - self.balance * ops.mean(self.score(fake))

    def train_step(self, data):
        real = data[0] if isinstance(data, (tuple, list)) else data
        error = ops.mean(self.score(real))  # L(x) before the updates, as in the paper's equations
        losses = super().train_step(data)
        gap = self.gamma * error - losses["generator_loss"]
        self.balance.assign(ops.clip(self.balance + self.rate * gap, 0.0, 1.0))
        return {**losses, "convergence": error + ops.abs(gap), "balance": self.balance + 0.0}


class Guard(keras.callbacks.Callback):
    """Stops a training whose losses are no longer finite: which network, which step."""

    def __init__(self):
        super().__init__()
        self.step = 0

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                network = {"critic_loss": "le critique", "generator_loss": "le générateur"}.get(name, name)
                raise Diverged(
                    f"L'entraînement diverge au pas {self.step} : pour {network}, « {name} » vaut {value}. Les poids "
                    "sont ceux d'avant ce pas. Baissez le taux d'apprentissage, ou régularisez le critique (leçon 3.6)."
                )


class Training(NamedTuple):
    """History of the losses, and the images that the same noise gave at each moment: (moments, N, H, W, C)."""

    history: dict
    samples: np.ndarray
    steps: np.ndarray


def train(gan, images, *, steps, batch_size=64, moments=6, shown=16, watch=None, seed=0):
    """Train a compiled GAN for `steps` rounds, and keep what `shown` fixed noises give at `moments` steps. Lesson 3.3.

    Args:
        images: (N, …) float32 in [0, 1], or points of the plane.
        watch: function (moment, logs) called at each moment, to measure something.

    Returns:
        Training; the history has one value a moment for each loss.

    Raises:
        ValueError: not compiled, or fewer examples than a batch needs.
        Diverged: a loss is no longer finite.
    """
    whole = batch_size * gan.critic_steps
    if len(images) < whole or steps < moments:
        raise ValueError(
            f"Attendu au moins {whole} exemples ({gan.critic_steps} × {batch_size}) et {moments} pas ; "
            f"reçu {len(images)} exemples et steps={steps}."
        )
    noise = keras.random.normal((shown, *gan.generator.input_shape[1:]), seed=seed)
    samples = [_draw(gan, noise)]
    callbacks = [Guard(), keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: samples.append(_draw(gan, noise)))]
    callbacks += [] if watch is None else [keras.callbacks.LambdaCallback(on_epoch_end=watch)]
    data = tf.data.Dataset.from_tensor_slices(np.asarray(images, "float32"))
    data = data.shuffle(len(images), seed=seed).repeat().batch(whole, drop_remainder=True).prefetch(2)
    history = training.fit(
        gan,
        data,
        None,
        epochs=moments,
        steps_per_epoch=steps // moments,
        batch_size=None,
        callbacks=callbacks,
        shuffle=False,
    )
    return Training(history, np.stack(samples), np.arange(moments + 1) * (steps // moments))


def sample(gan, count, *, seed=0, batch_size=500):
    """`count` images of the generator, of its moving average if there is one: (count, …) in float32. Lesson 3.3."""
    noise = keras.random.normal((count, *gan.generator.input_shape[1:]), seed=seed)
    return np.concatenate([_draw(gan, noise[start : start + batch_size]) for start in range(0, count, batch_size)])


def _draw(gan, noise):
    network = gan.generator if gan.average_generator is None else gan.average_generator
    return np.asarray(network(noise, training=False))


# ── The networks ──


def generator(width=32, latent=64):
    """DCGAN's generator for 28×28×1 (Radford et al. 2016): (N, latent) -> (N, 28, 28, 1) in [0, 1]. Lesson 3.3."""
    return keras.Sequential(
        [
            keras.Input((latent,)),
            layers.Dense(7 * 7 * 4 * width, use_bias=False), layers.BatchNormalization(), layers.ReLU(),
            layers.Reshape((7, 7, 4 * width)),
            layers.Conv2DTranspose(2 * width, 4, 2, "same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
            layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh"),
            layers.Rescaling(0.5, 0.5),
        ],
        name="generator",
    )  # fmt: skip


def critic(width=32, *, normalise=False, dropout=0.0, wrap=lambda layer: layer):
    """DCGAN's discriminator for 28×28×1: images in [0, 1] -> a score (N, 1), with no sigmoid. Lesson 3.3.

    Args:
        normalise: batch normalisation, as in the paper; not with a penalty on gradients, taken example by example.
        wrap: put around each layer with weights, such as keras.layers.SpectralNormalization. Lesson 3.6.
    """
    block = lambda filters: [  # noqa: E731
        wrap(layers.Conv2D(filters, 4, 2, "same")),
        *([layers.BatchNormalization()] if normalise and filters > width else []),
        layers.LeakyReLU(0.2),
        *([layers.Dropout(dropout)] if dropout else []),
    ]
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)), layers.Rescaling(2.0, -1.0),
            *block(width), *block(2 * width), layers.Flatten(), wrap(layers.Dense(1)),
        ],
        name="critic",
    )  # fmt: skip


def perceptron(sizes, name=None, *, wrap=lambda layer: layer):
    """Dense layers with ReLU between them, for laws of the plane: sizes (2, 64, 64, 1), from input to output."""
    inside = [layers.Dense(size, "relu", kernel_initializer="he_normal") for size in sizes[1:-1]]
    return keras.Sequential(
        [keras.Input((sizes[0],)), *map(wrap, [*inside, layers.Dense(sizes[-1])])], name=name or "perceptron"
    )


# ── How good are the samples? ──


def frechet_distance(a, b):
    """Fréchet distance between the normal laws fitted to features (N, D) and (M, D). Heusel et al. 2017. Lesson 3.3.

    ‖μ - μ'‖² + tr(Σ + Σ' - 2 (Σ Σ')^½).

    Raises:
        ValueError: features of different dimensions, or fewer than two examples.
    """
    a, b = _features(a, b)
    covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ covariances[1] @ root)  # the eigenvalues of Σ Σ', by a symmetric matrix
    traces = np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + traces)


def kernel_distance(a, b):
    """Unbiased squared maximum mean discrepancy, kernel (x·y / D + 1)³. Bińkowski et al. 2018. Lesson 3.3."""
    a, b = _features(a, b)
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3  # noqa: E731
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(a, a), kernel(b, b))]
    return float(sum(within) - 2 * kernel(a, b).mean())


def earth_mover(x, y):
    """Exact Wasserstein-1 distance between two clouds of as many points (N, D), by optimal assignment. Lesson 3.4.

    Raises:
        ValueError: clouds of different shapes.
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    if x.ndim != 2 or x.shape != y.shape:
        raise ValueError(f"Attendu deux nuages de même forme (N, D) ; reçu {x.shape} et {y.shape}.")
    cost = distance.cdist(x, y)
    return float(cost[optimize.linear_sum_assignment(cost)].mean())


def _features(a, b):
    a, b = (np.asarray(x, "float64") for x in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"Attendu deux tableaux (N, D) et (M, D) de même D, d'au moins deux lignes ; reçu {a.shape} et {b.shape}."
        )
    return a, b


def ring(count, rng, *, modes=8, radius=2.0, spread=0.05):
    """`count` points of a ring of `modes` normal laws of standard deviation `spread`: (count, 2). Lesson 3.3."""
    return (_centres(modes, radius)[rng.integers(modes, size=count)] + rng.normal(0, spread, (count, 2))).astype(
        "float32"
    )


def ring_coverage(points, *, modes=8, radius=2.0, spread=0.05):
    """Return (modes covered, share of good samples) of points (N, 2) on `ring`. Lesson 3.3.

    A sample is good within 3 standard deviations of a centre; a mode is covered when it has a tenth at least of the
    good samples that a fair generator would give it (N / modes).
    """
    points = np.asarray(points)
    distances = np.linalg.norm(points[:, None] - _centres(modes, radius), axis=-1)
    good = distances.min(axis=1) <= 3 * spread
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=modes)
    return int(np.sum(counts >= 0.1 * len(points) / modes)), float(good.mean())


def _centres(modes, radius):
    angles = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
