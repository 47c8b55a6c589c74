"""Random changes to images that keep their class, on whole batches in NumPy. Lesson 2.3.

Each function takes images (N, H, W, C) and a numpy Generator, and returns new images: its input is left as it was.
"""

import keras
import numpy as np


def flip(images, rng):
    """Mirror each image, left to right, one time in two."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def shift(images, rng, pixels=4):
    """Shift each image by up to `pixels` in each direction, both drawn uniformly; the border is mirrored.

    With zeros for a border it is the "pad 4, then random crop" of He et al. 2016.
    """
    count, height, width = images.shape[:3]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")
    top, left = rng.integers(0, 2 * pixels + 1, (2, count))
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def cutout(images, rng, size=8, value=0.0):
    """Set one square of `size` pixels to `value` in each image; its centre is anywhere. DeVries & Taylor 2017."""
    count, height, width = images.shape[:3]
    row, column = rng.integers(0, height, count), rng.integers(0, width, count)
    rows = np.abs(np.arange(height) - row[:, None] + (0.5 if size % 2 == 0 else 0)) <= size / 2 - 0.5 + 1e-6
    columns = np.abs(np.arange(width) - column[:, None] + (0.5 if size % 2 == 0 else 0)) <= size / 2 - 0.5 + 1e-6
    hidden = rows[:, :, None] & columns[:, None, :]
    return np.where(hidden[..., None], np.asarray(value, images.dtype), images)


def mixup(images, targets, rng, alpha=0.2):
    """Blend each image, and its target (N, K), with those of another one of the batch. Zhang et al. 2018.

    λ x_i + (1 - λ) x_j and λ y_i + (1 - λ) y_j, with one λ ~ Beta(alpha, alpha) a pair.
    """
    share = rng.beta(alpha, alpha, len(images)).astype("float32")
    other = rng.permutation(len(images))
    blend = lambda values, weight: weight * values + (1 - weight) * values[other]  # noqa: E731
    return blend(images, share[:, None, None, None]), blend(targets, share[:, None])


class Batches(keras.utils.PyDataset):
    """Batches of (images, labels) in a new random order each epoch, changed by `augment` (x, y, rng) -> (x, y).

    The last batch, if it is not whole, waits for another epoch and another order.
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
