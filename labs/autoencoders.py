"""Autoencoders: linear, deep, variational; what their errors tell. Chapter 3.

Images are float32 in [0, 1]; decoders end with a sigmoid, except the linear one.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops


class Autoencoder(NamedTuple):
    """Three models that share their weights: `whole` = decoder(encoder(images))."""

    whole: keras.Model
    encoder: keras.Model
    decoder: keras.Model


def linear(size, code):
    """Two linear layers: (N, size) -> (N, code) -> (N, size). Bourlard & Kamp 1988. Lesson 3.1."""
    return _assemble(
        keras.Sequential([keras.Input((size,)), layers.Dense(code)], name="encoder"),
        keras.Sequential([keras.Input((code,)), layers.Dense(size)], name="decoder"),
    )


def dense(shape, code, *, hidden=(512, 256, 128)):
    """Dense layers down to `code` values, then up again in the mirror: images (N, *shape). Lesson 3.1.

    After Hinton & Salakhutdinov 2006, smaller, with ReLU and He's initialisation in place of sigmoids and pretraining.
    """
    stack = lambda sizes: [layers.Dense(size, "relu", kernel_initializer="he_normal") for size in sizes]  # noqa: E731
    encoder = [keras.Input(shape), layers.Flatten(), *stack(hidden), layers.Dense(code)]
    decoder = [keras.Input((code,)), *stack(hidden[::-1]), layers.Dense(int(np.prod(shape)), "sigmoid")]
    return _assemble(
        keras.Sequential(encoder, name="encoder"),
        keras.Sequential([*decoder, layers.Reshape(shape)], name="decoder"),
    )


def _assemble(encoder, decoder):
    inputs = keras.Input(encoder.input_shape[1:])
    return Autoencoder(keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder"), encoder, decoder)


def reconstruction_error(model, images, batch_size=500):
    """Mean squared error of each image: (N,). Lessons 3.1 and 3.2."""
    images = np.asarray(images, "float32")
    rebuilt = model.predict(images, batch_size=batch_size, verbose=0)
    return np.mean((images - rebuilt) ** 2, axis=tuple(range(1, images.ndim)))


def kl_divergence(mean, log_variance):
    """KL(N(mean, diag(exp(log_variance))) ‖ N(0, I)) of each row. Kingma & Welling 2014, appendix B. Lesson 3.1.

    -½ Σ (1 + log σ² - μ² - σ²).
    """
    return -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1)


class VariationalAutoencoder(keras.Model):
    """A variational autoencoder with Bernoulli pixels (Kingma & Welling 2014). Lesson 3.1.

    It minimises the negative evidence lower bound, in nats an image: cross-entropy of the pixels + beta × KL.

    Args:
        encoder: images -> (N, 2 × code): means, then logarithms of the variances.
        decoder: (N, code) -> probabilities of the pixels.
        beta: weight of the KL term; 1 is the bound (Higgins et al. 2017 for the others).
    """

    def __init__(self, encoder, decoder, *, beta=1.0):
        super().__init__()
        if encoder.output_shape[-1] != 2 * decoder.input_shape[-1]:
            raise ValueError(
                f"L'encodeur doit rendre deux fois la dimension du code ; reçu {encoder.output_shape[-1]} valeurs "
                f"pour un code de dimension {decoder.input_shape[-1]}."
            )
        self.encoder, self.decoder, self.beta = encoder, decoder, beta
        self.seed_generator = keras.random.SeedGenerator(0)

    def encode(self, images):
        """Means and logarithms of the variances: two (N, code)."""
        return ops.split(self.encoder(images), 2, axis=-1)

    def sample(self, mean, log_variance):
        """mean + σ ε, ε ~ N(0, I): the reparameterisation, through which gradients pass."""
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def call(self, images):
        mean, log_variance = self.encode(images)
        rebuilt = self.decoder(self.sample(mean, log_variance))
        divergence = ops.mean(kl_divergence(mean, log_variance))
        self.add_loss(self.beta * divergence)
        return rebuilt

    def compile(self, optimizer):
        super().compile(optimizer=optimizer, loss=pixel_cross_entropy)


@keras.saving.register_keras_serializable("labs")
def pixel_cross_entropy(images, probabilities):
    """-log p(image | code) with Bernoulli pixels, of each image, in nats: (N,)."""
    terms = keras.losses.binary_crossentropy(ops.expand_dims(images, -1), ops.expand_dims(probabilities, -1))
    return ops.sum(terms, axis=list(range(1, len(images.shape))))
