"""Random changes to images that keep their class, on whole batches in NumPy. Lesson 2.3.

Each function takes images (N, H, W, C) and a numpy Generator, and returns new images of the same type: its input is
left as it was. Images of another shape are a ValueError.
"""

import keras
import numpy as np


def flip(images, rng):
    """Mirror each image, left to right, one time in two. Lesson 2.3."""
    _require_batch(images)
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def shift(images, rng, pixels=4):
    """Shift each image by up to `pixels` in each direction, both drawn uniformly; the border is mirrored.

    With zeros for a border it is the "pad 4, then random crop" of He et al. 2016. Lesson 2.3.

    Raises:
        ValueError: `pixels` is negative, or not smaller than the images.
    """
    _require_batch(images)
    if not 0 <= pixels < min(images.shape[1:3]):
        raise ValueError(
            f"Le décalage est un nombre de pixels, de 0 à {min(images.shape[1:3]) - 1} pour ces images ; reçu {pixels}."
        )
    count, height, width = images.shape[:3]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")
    top, left = rng.integers(0, 2 * pixels + 1, (2, count))
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def cutout(images, rng, size=8, value=0.0):
    """Set one square of side `size` to `value` in each image. DeVries & Taylor 2017. Lesson 2.3.

    Its centre is any pixel of the image, so that part of the square may fall outside.

    Raises:
        ValueError: `size` is below 1.
    """
    _require_batch(images)
    if size < 1:
        raise ValueError(f"Le côté du carré caché est d'au moins 1 pixel ; reçu {size}.")
    count, height, width = images.shape[:3]
    row, column = rng.integers(0, height, count), rng.integers(0, width, count)
    rows = _within(np.arange(height), row[:, None] - size // 2, size)
    columns = _within(np.arange(width), column[:, None] - size // 2, size)
    hidden = rows[:, :, None] & columns[:, None, :]
    return np.where(hidden[..., None], np.asarray(value, images.dtype), images)


def _within(place, start, length):
    return (start <= place) & (place < start + length)


def mixup(images, targets, rng, alpha=0.2):
    """Blend each image, and its target (N, K), with those of another one of the batch. Zhang et al. 2018. Lesson 2.3.

    λ x_i + (1 - λ) x_j and λ y_i + (1 - λ) y_j, with one λ ~ Beta(alpha, alpha) a pair. Both are returned as float32.

    Raises:
        ValueError: the targets are not one row of probabilities an image, or `alpha` is not positive.
    """
    _require_batch(images)
    if np.ndim(targets) != 2 or len(targets) != len(images):
        raise ValueError(
            f"Un mélange a besoin d'une ligne de probabilités par image, ({len(images)}, K) ; reçu des cibles de forme "
            f'{np.shape(targets)}. Pour des étiquettes entières, donnez np.eye(K, dtype="float32")[étiquettes].'
        )
    if not alpha > 0:
        raise ValueError(f"Le paramètre alpha de la loi Beta est strictement positif ; reçu {alpha}.")
    share = rng.beta(alpha, alpha, len(images)).astype("float32")
    other = rng.permutation(len(images))
    blend = lambda values, weight: weight * values + (1 - weight) * values[other]  # noqa: E731
    images, targets = np.asarray(images, "float32"), np.asarray(targets, "float32")
    return blend(images, share[:, None, None, None]), blend(targets, share[:, None])


def _require_batch(images):
    if np.ndim(images) != 4:
        raise ValueError(
            f"Attendu un lot d'images (N, H, L, C) ; reçu un tableau de forme {np.shape(images)}. "
            "Pour une seule image, ajoutez [None] ; pour des images grises, [..., None]."
        )


class Batches(keras.utils.PyDataset):
    """Batches of (images, labels) in a new random order each epoch, changed by `augment` (x, y, rng) -> (x, y).

    The last batch, if it is not whole, waits for another epoch and another order. Lesson 2.3.

    Raises:
        ValueError: not as many labels as images, or not enough images for one batch.
    """

    def __init__(self, images, labels, augment, *, batch_size=128, seed=0):
        super().__init__()
        if len(images) != len(labels) or len(images) < batch_size:
            raise ValueError(
                f"Attendu autant d'images que d'étiquettes, et un lot au moins de {batch_size} ; "
                f"reçu {len(images)} images et {len(labels)} étiquettes."
            )
        self.images, self.labels, self.augment, self.batch_size = images, labels, augment, batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, rank):
        index = self.order[rank * self.batch_size : (rank + 1) * self.batch_size]
        return self.augment(self.images[index], self.labels[index], self.rng)

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.images))
