"""Adversarial networks: one loop, and what changes from a paper to the next as small functions. Chapter 3.

A critic scores images, high for real ones; a generator turns noise (N, latent) into images. Images are float32 in
[0, 1]: the networks rescale inside.
"""

import functools
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


def label_noise(share=0.1):
    """The non-saturating Loss, when each real example is called false with probability `share`. Lesson 3.6.

    Its mean over the draws is the one-sided smoothing of Salimans et al. 2016, section 3.4, with targets 1 - share.

    Raises:
        ValueError: a share outside [0, 1/2[.
    """
    if not 0 <= share < 0.5:
        raise ValueError(f"La part d'étiquettes fausses est dans [0, 0,5[, par exemple 0.1 ; reçu {share}.")

    def critic(real, fake):
        false = tf.random.uniform(tf.shape(real)) < share
        return ops.mean(tf.where(false, ops.softplus(real), ops.softplus(-real))) + ops.mean(ops.softplus(fake))

    return Loss(critic, LOSSES["non_saturating"].generator)


def power_iteration(matrix, u, steps=1):
    """Estimate the largest singular value of `matrix` (N, M), from a vector u (N,): (σ, next u). Lesson 3.6.

    Miyato et al. 2018, algorithm 1: v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, σ = uᵀWv; u and v are constants for the gradient.
    """
    for _ in range(steps):
        v = tf.stop_gradient(tf.math.l2_normalize(tf.linalg.matvec(matrix, u, transpose_a=True)))
        u = tf.stop_gradient(tf.math.l2_normalize(tf.linalg.matvec(matrix, v)))
    return tf.tensordot(u, tf.linalg.matvec(matrix, v), 1), u


class SpectralNorm(layers.Wrapper):
    """A layer that works with W / σ(W), σ by one power iteration a call in training. Miyato et al. 2018. Lesson 3.6.

    W itself is left alone, and the gradient goes through σ, as in the paper; keras.layers.SpectralNormalization
    writes W / σ over W. A convolution's kernel is read as the matrix (filters, all the rest).
    """

    def build(self, input_shape=None):
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(self.layer.kernel.shape[-1],), initializer="random_normal", trainable=False, name="u"
        )

    def call(self, inputs, training=False):
        kernel = ops.convert_to_tensor(self.layer.kernel)
        sigma, u = power_iteration(ops.transpose(ops.reshape(kernel, (-1, kernel.shape[-1]))), self.u)
        if training:
            self.u.assign(u)
        with keras.StatelessScope([(self.layer.kernel, kernel / sigma)]):  # what the layer reads
            return self.layer(inputs)


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

    def noise(self, count, *, seed=None):
        """Random inputs of the generator: (count, latent), normal; a seed gives the same ones again."""
        shape = [count, *self.generator.input_shape[1:]]
        return tf.random.normal(shape) if seed is None else keras.random.normal(shape, seed=seed)

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

    L_D = L(x) - k L(G(z_D)) and L_G = L(G(z_G)), both before either network moves; then k ← k + λ (γ L(x) - L(G(z_G)))
    within [0, 1]. The convergence measure is M = L(x) + |γ L(x) - L(G(z_G))|. L is the mean absolute error of a pixel
    (the paper's norm with η = 1), and the noise is uniform in [-1, 1].

    Args:
        gamma: the diversity ratio γ that k maintains, E[L(G(z))] / E[L(x)].
        rate: the gain λ; the paper's is 0.001, for far longer trainings.
    """

    def __init__(self, generator, critic, *, gamma=0.5, rate=0.001, average=None):
        equilibrium = Loss(lambda real, fake: ops.mean(real) - self.balance * ops.mean(fake), ops.mean)
        super().__init__(generator, critic, equilibrium, average=average)
        if not 0 < gamma <= 1 or rate <= 0:
            raise ValueError(f"Attendu : gamma dans ]0, 1] et rate > 0 ; reçu {gamma} et {rate}.")
        self.gamma, self.rate = gamma, rate
        self.balance = self.add_weight(shape=(), initializer="zeros", trainable=False, name="k")

    def noise(self, count, *, seed=None):
        """Random inputs of the generator: (count, latent), uniform in [-1, 1]; a seed gives the same ones again."""
        shape = [count, *self.generator.input_shape[1:]]
        return tf.random.uniform(shape, -1, 1) if seed is None else keras.random.uniform(shape, -1.0, 1.0, seed=seed)

    def score(self, images):
        """Errors of the critic, during training: (N,)."""
        return ops.mean(ops.abs(images - self.critic(images, training=True)), axis=list(range(1, len(images.shape))))

    def train_step(self, data):
        real = data[0] if isinstance(data, (tuple, list)) else data
        count = tf.shape(real)[0]
        fake = tf.stop_gradient(self.generator(self.noise(count), training=True))
        with tf.GradientTape() as critic_tape:
            errors = self.score(real)
            critic_loss = self.loss_functions.critic(errors, self.score(fake))
        with tf.GradientTape() as generator_tape:
            generator_loss = self.generator_loss(self.generator(self.noise(count), training=True), real)
        self._descend(critic_tape, critic_loss, self.critic, self.critic_optimizer)
        self._descend(generator_tape, generator_loss, self.generator, self.optimizer)
        error = ops.mean(errors)
        gap = self.gamma * error - generator_loss
        self.balance.assign(ops.clip(self.balance + self.rate * gap, 0.0, 1.0))
        if self.average_generator is not None:
            self._move_average()
        losses = {"critic_loss": critic_loss, "generator_loss": generator_loss, "real_error": error}
        return {**losses, "convergence": error + ops.abs(gap), "balance": self.balance + 0.0}


class SGAN(GAN):
    """Semi-supervised GAN (Salimans et al. 2016, section 5): the critic is a classifier with K logits. Lesson 3.7.

    An image scores log Z = log Σ exp(logits), so that D = sigmoid(log Z) = Z / (Z + 1): "generated" is a class K + 1
    whose logit stays at 0. The critic minimises the cross-entropy of labelled examples, plus `weight` × the loss of a
    GAN on the others; the generator matches features, those that enter the critic's last layer.

    Args:
        labelled: (images (N, …), integer labels (N,)); each step takes as many as the batch holds, or all of them.
        weight: of the examples without labels; ½ is that of the authors' code, 1 the paper's equation.

    Raises:
        ValueError: images and labels of different lengths, or a label that is not the rank of a logit.
    """

    def __init__(self, generator, critic, labelled, *, weight=0.5, average=None):
        super().__init__(generator, critic, average=average)
        images, labels = (np.asarray(part) for part in labelled)
        classes = critic.output_shape[-1]
        if labels.shape != images.shape[:1] or not np.isin(labels, np.arange(classes)).all():
            raise ValueError(
                f"Attendu autant d'étiquettes que d'images, de 0 à {classes - 1} (le critique rend {classes} logits) ; "
                f"reçu des images {images.shape} et des étiquettes {labels.shape}, de {labels.min()} à {labels.max()}."
            )
        self.labelled, self.weight = (tf.constant(images, "float32"), tf.constant(labels, "int32")), weight
        self.features = keras.Model(critic.inputs[0], critic.layers[-1].input)

    def score(self, images):
        """log Z of each image, during training: (N,)."""
        return ops.logsumexp(self.critic(images, training=True), axis=-1)

    def critic_loss(self, real, fake):
        chosen = tf.random.shuffle(tf.range(len(self.labelled[1])))[: tf.shape(real)[0]]
        images, labels = (tf.gather(part, chosen) for part in self.labelled)
        return self.class_loss(images, labels) + self.weight * super().critic_loss(real, fake)

    def class_loss(self, images, labels):
        """Mean cross-entropy of the K classes, during training."""
        logits = self.critic(images, training=True)
        return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))

    def generator_loss(self, fake, real):
        return feature_matching(*(self.features(images, training=True) for images in (real, fake)))


def feature_matching(real, fake):
    """‖E f(x) - E f(G(z))‖², from features (N, D) and (M, D). Salimans et al. 2016, section 3.1. Lesson 3.7."""
    return ops.sum(ops.square(ops.mean(real, axis=0) - ops.mean(fake, axis=0)))


class ConditionalSGAN(SGAN):
    """An SGAN whose generator is told the class: its input is a noise, then the class as K zeros and ones. Lesson 3.7.

    After the auxiliary classifier of Odena et al. 2017: the generator minimises -log D - log p(class asked), with D and
    p from the K logits of the same critic (their critic has two heads, and learns the classes of its fakes as well).
    """

    def noise(self, count, *, seed=None):
        """Random inputs of the generator: (count, latent), normal, except the K last: classes 0, 1… in turn."""
        return self.asking(tf.range(count) % self.critic.output_shape[-1], seed=seed)

    def asking(self, classes, *, seed=None):
        """Inputs of the generator that ask for these classes (N,): (N, latent)."""
        known = self.critic.output_shape[-1]
        normal = super().noise(tf.shape(classes)[0], seed=seed)
        return tf.concat([normal[:, :-known], tf.one_hot(classes, known)], axis=1)

    def generator_loss(self, fake, real):
        asked = tf.range(tf.shape(fake)[0]) % self.critic.output_shape[-1]
        return self.loss_functions.generator(self.score(fake)) + self.class_loss(fake, asked)


class Guard(keras.callbacks.Callback):
    """Stops a training whose losses are no longer finite: which network, which step."""

    def __init__(self):
        super().__init__()
        self.step = 0

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        for name, value in (logs or {}).items():
            _require_finite(self.step, name, value)


def _require_finite(step, name, value):
    if not np.isfinite(value):
        network = {"critic_loss": "le critique", "generator_loss": "le générateur"}.get(name, name)
        raise Diverged(
            f"L'entraînement diverge au pas {step} : pour {network}, « {name} » vaut {value}. Les poids "
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
    noise = gan.noise(shown, seed=seed)
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


def player(gan, examples, *, batch_size=64):
    """Return a function play(count): `count` rounds of a compiled GAN in one call, nothing shown. Lesson 3.6.

    Several times faster than `train` for networks of the plane. Examples are drawn with replacement.

    Raises:
        Diverged: by `play`, at the first round whose losses are not finite.
    """
    examples, whole = tf.constant(examples, "float32"), batch_size * gan.critic_steps

    @tf.function
    def advance(count):
        step, losses = tf.constant(0), tf.zeros(2)
        while step < count and tf.reduce_all(tf.math.is_finite(losses)):
            ranks = tf.random.uniform([whole], 0, len(examples), tf.int32)
            logs = gan.train_step(tf.gather(examples, ranks))
            losses = tf.stack([logs["critic_loss"], logs["generator_loss"]])
            step += 1
        return step, losses

    def play(count):
        step, losses = advance(tf.constant(count))
        for name, value in zip(("critic_loss", "generator_loss"), losses.numpy()):
            _require_finite(int(step), name, value)

    return play


def restart(gan, seed):
    """Set every seed, draw the weights of a compiled GAN again, forget what its optimizers learned. Lesson 3.6.

    The compiled functions are kept: several seeds of one GAN cost one compilation.
    """
    keras.utils.set_random_seed(seed)
    for network in (gan.generator, gan.critic):
        network.set_weights(keras.models.clone_model(network).get_weights())
    if gan.average_generator is not None:
        gan.average_generator.set_weights(gan.generator.get_weights())
    for optimizer in (gan.optimizer, gan.critic_optimizer):
        for variable in optimizer.variables:
            if variable is not optimizer.learning_rate:
                variable.assign(ops.zeros_like(variable))


def sample(gan, count, *, seed=0, batch_size=500):
    """`count` images of the generator, of its moving average if there is one: (count, …) in float32. Lesson 3.3."""
    noise = gan.noise(count, seed=seed)
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


def critic(width=32, *, outputs=1, normalise=False, dropout=0.0, wrap=lambda layer: layer):
    """DCGAN's discriminator for 28×28×1: images in [0, 1] -> a score (N, 1), with no sigmoid. Lesson 3.3.

    Args:
        outputs: scores an image; K for a classifier, as in lesson 3.7.
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
            *block(width), *block(2 * width), layers.Flatten(), wrap(layers.Dense(outputs)),
        ],
        name="critic",
    )  # fmt: skip


def began_generator(width=256, latent=64):
    """BEGAN's generator for 28×28×1, with dense layers: (N, latent) -> (N, 28, 28, 1). Lesson 3.5.

    As in the paper: ELU, a linear output (a pixel may leave [0, 1] a little), and the architecture of the critic's
    decoder. The paper's layers are convolutions and nearest-neighbour upsampling.
    """
    return keras.Sequential([keras.Input((latent,)), *_decoder(width)], name="generator")


def began_critic(width=256, code=64):
    """BEGAN's critic, an auto-encoder: images (N, 28, 28, 1) in [0, 1] -> their copies. Lesson 3.5.

    As in the paper, its code has no non-linearity on either side, and its decoder is a generator with other weights.
    """
    encoder = [layers.Rescaling(2.0, -1.0), layers.Flatten(), _elu(width), layers.Dense(code)]
    return keras.Sequential([keras.Input((28, 28, 1)), *encoder, *_decoder(width)], name="critic")


def _decoder(width):
    return [_elu(width), layers.Dense(28 * 28), layers.Reshape((28, 28, 1)), layers.Rescaling(0.5, 0.5)]


def _elu(width):
    return layers.Dense(width, "elu", kernel_initializer="he_normal")


def dense_generator(width=256, latent=64):
    """SGAN's generator for MNIST (Salimans et al. 2016): (N, latent) -> (N, 28, 28, 1) in [0, 1]. Lesson 3.7.

    Two dense layers, batch normalisation and softplus, as in the authors' code, half as wide.
    """
    hidden = lambda: [layers.Dense(width, use_bias=False), layers.BatchNormalization(), layers.Activation("softplus")]  # noqa: E731
    return keras.Sequential(
        [keras.Input((latent,)), *hidden(), *hidden(), layers.Dense(784, "sigmoid"), layers.Reshape((28, 28, 1))],
        name="generator",
    )


def noisy_classifier(sizes=(240, 120, 120), classes=10):
    """SGAN's discriminator for MNIST: images (N, 28, 28, 1) in [0, 1] -> K logits. Salimans et al. 2016. Lesson 3.7.

    Dense layers whose input is noisy, in training, and whose columns keep a norm of 1: weight normalisation with a
    fixed gain, as in the authors' code. They have five layers of 1000 to 250 units.
    """
    network = [keras.Input((28, 28, 1)), layers.Flatten(), layers.GaussianNoise(0.3), layers.Rescaling(3.0)]
    for size in sizes:
        unit = keras.constraints.UnitNorm(axis=0)
        network += [layers.Dense(size, "relu", kernel_initializer="he_normal", kernel_constraint=unit)]
        network += [layers.GaussianNoise(0.5)]
    return keras.Sequential([*network, layers.Dense(classes)], name="critic")


def sgan(images, labels, *, rate=3e-3):
    """A compiled SGAN for MNIST, with these labelled examples; Adam, β₁ = 0.5. Lesson 3.7.

    The critic's optimizer keeps a moving average of its weights: `critic_optimizer.finalize_variable_values` puts it
    in their place, once the training is over.
    """
    gan = SGAN(dense_generator(), noisy_classifier(), (images, labels))
    averaged = keras.optimizers.Adam(rate, beta_1=0.5, use_ema=True, ema_momentum=0.995)
    gan.compile(keras.optimizers.Adam(rate, beta_1=0.5), averaged)
    return gan


def few_labels(labels, count, *, seed=0):
    """Ranks of `count` examples of each class, drawn without replacement, class by class. Lesson 3.7.

    Raises:
        ValueError: a class has fewer examples.
    """
    labels, rng = np.asarray(labels), np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    if count < 1 or count > sizes.min():
        raise ValueError(f"Attendu de 1 à {sizes.min()} exemples par classe, taille de la plus petite ; reçu {count}.")
    return np.concatenate([rng.choice(np.flatnonzero(labels == one), count, replace=False) for one in classes])


def perceptron(sizes, name=None, *, dropout=0.0, wrap=lambda layer: layer):
    """Dense layers with ReLU between them, for laws of the plane: sizes (2, 64, 64, 1), from input to output."""
    inside = []
    for size in sizes[1:-1]:
        inside.append(wrap(layers.Dense(size, "relu", kernel_initializer="he_normal")))
        inside += [layers.Dropout(dropout)] if dropout else []
    return keras.Sequential(
        [keras.Input((sizes[0],)), *inside, wrap(layers.Dense(sizes[-1]))], name=name or "perceptron"
    )


# ── Remedies: each changes one thing of the same GAN. Lesson 3.6 ──

REMEDIES = {
    "none": {},
    "gradient_penalty": {"penalty": gradient_penalty},
    "r1": {"penalty": r1},
    "spectral_norm": {"wrap": SpectralNorm},
    "keras_spectral_norm": {"wrap": layers.SpectralNormalization},
    "dropout": {"dropout": 0.3},
    "label_noise": {"loss": label_noise(0.1)},
    "two_rates": {"ratio": 4.0},
    "moving_average": {"average": 0.995},
}


def regularised(remedy, generator, critic, *, rate, weight=10.0):
    """A compiled GAN, non-saturating, with one of REMEDIES; Adam, β₁ = 0.5. Lesson 3.6.

    Args:
        generator, critic: functions that build the networks; the critic's takes `wrap` and `dropout`.
        rate: learning rate of both; with "two_rates", the critic's is 4 times the generator's, for the same product.
        weight: of the penalty on the gradient.

    Raises:
        ValueError: no remedy has this name.
    """
    if remedy not in REMEDIES:
        known = ", ".join(f"« {known} »" for known in REMEDIES)
        raise ValueError(f"Aucun remède ne s'appelle {remedy!r}. Les noms connus sont : {known}.")
    options = dict(REMEDIES[remedy])
    if "penalty" in options:
        options["penalty"] = functools.partial(options["penalty"], weight=weight)
    network = critic(**{name: options.pop(name) for name in ("wrap", "dropout") if name in options})
    root = options.pop("ratio", 1.0) ** 0.5
    gan = GAN(generator(), network, **options)
    gan.compile(keras.optimizers.Adam(rate / root, beta_1=0.5), keras.optimizers.Adam(rate * root, beta_1=0.5))
    return gan


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
