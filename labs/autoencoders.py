"""Autoencoders: linear, deep, variational; what their errors tell. Chapter 3.

Images are float32 in [0, 1]; decoders end with a sigmoid, except the linear one.
"""

from typing import NamedTuple

import cv2
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


def alarm_threshold(scores, rate):
    """Lowest of the normal `scores` (N,) that at most `rate` of them exceed: alarm if score > threshold. Lesson 3.2.

    Raises:
        ValueError: no score, or a rate outside [0, 1).
    """
    scores = np.sort(np.asarray(scores, "float64").ravel())
    if not len(scores) or not 0 <= rate < 1:
        raise ValueError(
            f"Un seuil d'alarme se choisit sur au moins un score et un taux de 0 inclus à 1 exclu ; "
            f"reçu {len(scores)} scores et un taux de {rate!r}."
        )
    allowed = int(np.floor(rate * len(scores) + 1e-9))  # 0.29 * 100 is 28.999…
    return float(scores[len(scores) - 1 - allowed])


def patches(image, size, stride):
    """Windows of an image (H, W): (rows, columns, size, size), a view of the same memory. Lesson 3.2.

    Raises:
        ValueError: an image of another rank, or windows that leave pixels out.
    """
    image = np.asarray(image)
    if image.ndim != 2 or any(length < size or (length - size) % stride for length in image.shape):
        raise ValueError(
            f"Des fenêtres {size}×{size} au pas de {stride} ne couvrent pas une image de forme {image.shape} : "
            f"il faut une image (H, L) dont chaque côté, moins {size}, est un multiple de {stride}."
        )
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))[::stride, ::stride]


def average_patches(windows, stride):
    """The inverse of `patches`: (rows, columns, size, size) -> (H, W), the mean where windows overlap. Lesson 3.2."""
    windows = np.asarray(windows)
    rows, columns, size = windows.shape[:3]
    if windows.shape != (rows, columns, size, size) or not 1 <= stride <= size:
        raise ValueError(
            f"Il faut des fenêtres (lignes, colonnes, côté, côté) et un pas de 1 au côté ; reçu {windows.shape} "
            f"et un pas de {stride}."
        )
    height, width = (rows - 1) * stride + size, (columns - 1) * stride + size
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for y, x in np.ndindex(size, size):  # one corner of every window at once
        place = np.s_[y : y + height - size + 1 : stride, x : x + width - size + 1 : stride]
        total[place] += windows[..., y, x]
        count[place] += 1
    return total / count


DEFECTS = ("rayure", "tache", "flou", "greffe", "quart de tour")


def damage(image, kind, rng, *, graft):
    """Draw a defect of `DEFECTS` on an image (H, W): the damaged image, and its mask (bool). Lesson 3.2.

    "rayure": a line 60 long and 2 wide, lighter or darker by 0.3. In a disc of radius 14, "tache": 40 % darker;
    "flou": Gaussian blur of 3 pixels; "greffe": another texture, brought to the same mean and deviation;
    "quart de tour": the same disc, turned. Lengths in pixels.

    Args:
        rng: a numpy Generator: it draws where the defect is.
        graft: another image, as large at least: what "greffe" shows.

    Raises:
        ValueError: an unknown defect, or an image smaller than 64×64.
    """
    if kind not in DEFECTS:
        raise ValueError(f"Aucun défaut ne s'appelle {kind!r} ; les défauts connus sont {', '.join(DEFECTS)}.")
    if np.ndim(image) != 2 or min(image.shape) < 64 or np.ndim(graft) != 2 or np.any(np.less(graft.shape, image.shape)):
        raise ValueError(
            f"Il faut une image (H, L) d'au moins 64×64 et une greffe au moins aussi grande ; "
            f"reçu {np.shape(image)} et {np.shape(graft)}."
        )
    damaged, mask = image.copy(), np.zeros(image.shape, "uint8")
    reach = 31 if kind == "rayure" else 15
    y, x = (int(rng.integers(reach, length - reach)) for length in image.shape)
    if kind == "rayure":
        angle = rng.uniform(0, np.pi)
        step = np.round(30 * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        cv2.line(mask, (int(x - step[0]), int(y - step[1])), (int(x + step[0]), int(y + step[1])), 1, 2)
        damaged[mask > 0] += rng.choice([-0.3, 0.3])
        return np.clip(damaged, 0, 1), mask > 0
    cv2.circle(mask, (x, y), 14, 1, -1)
    mask = mask > 0
    square = np.s_[y - 14 : y + 15, x - 14 : x + 15]
    if kind == "tache":
        damaged[mask] *= 0.6
    elif kind == "flou":
        damaged[mask] = cv2.GaussianBlur(image, (0, 0), 3)[mask]
    elif kind == "greffe":
        other = graft[: image.shape[0], : image.shape[1]][mask]
        damaged[mask] = image[mask].mean() + (other - other.mean()) / other.std() * image[mask].std()
    else:
        damaged[square] = np.where(mask[square], np.rot90(image[square]), image[square])
    return np.clip(damaged, 0, 1), mask


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
