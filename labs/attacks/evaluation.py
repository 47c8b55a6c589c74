"""What a network is worth under attack: the worst case of each image, an attack without gradient. Lesson 6.5.

A model is a Keras model or any function of tensors, images (N, H, W, C) in [0, 1] -> logits (N, K), as it is, in
inference mode. An attack is a function (model, x, y) -> images of the same shape, in [0, 1].
"""

import functools

import numpy as np
import tensorflow as tf

from labs.attacks import gradient

# ── The worst case of each image ──


def resists(model, x, y, attacks):
    """Which images each attack leaves well classified: {name: booleans (N,)}. Lesson 6.5.

    Args:
        x: images (N, H, W, C), float in [0, 1]; y: the true classes (N,).
        attacks: {name: function (model, x, y) -> images}; `lambda model, x, y: x` is no attack at all.

    Raises:
        ValueError, TypeError: as `fgsm`; no attack; an attack that does not return images of the shape of x in [0, 1].
    """
    x, y = gradient.require(model, x, y, 0.0)
    if not isinstance(attacks, dict) or not attacks:
        raise ValueError(f"Attendu un dictionnaire nom → attaque, avec une attaque au moins ; reçu {attacks!r}.")
    return {
        name: _classes(model, _require_images(attack(model, x, y), x, name)) == y for name, attack in attacks.items()
    }


def robust_accuracy(model, x, y, attacks):
    """Share of the images (N, H, W, C) that every attack of {name: attack} leaves well classified. Lesson 6.5.

    The worst case is taken image by image: an image counts if it resists as it is, and to each attack. It is an upper
    bound: another attack may find more. Arguments and errors: those of `resists`.
    """
    kept = resists(model, x, y, {"": lambda model, x, y: x, **attacks})
    return float(np.mean(np.all(list(kept.values()), axis=0)))


def _require_images(images, x, name):
    images = np.asarray(images)
    if images.shape != x.shape or images.dtype.kind != "f" or not (images.min() >= -1e-6 and images.max() <= 1 + 1e-6):
        kind = f"{images.dtype} {images.shape}"
        extent = f", de {images.min():.3g} à {images.max():.3g}" if images.size and images.dtype.kind in "iuf" else ""
        raise ValueError(
            f"L'attaque « {name} » doit rendre des images {x.shape} entre 0 et 1 ; reçu un tableau {kind}{extent}."
        )
    return images.astype("float32", copy=False)


def _classes(model, x, batch_size=512):
    seen = _compiled_scores(model, x.shape[1:])
    parts = [x[first : first + batch_size] for first in range(0, len(x), batch_size)]
    return np.concatenate([np.asarray(seen(part)).argmax(axis=1) for part in parts])


@functools.lru_cache(maxsize=16)
def _compiled_scores(model, shape):
    signature = [tf.TensorSpec([None, *shape], tf.float32)]
    return tf.function(lambda x: tf.cast(model(x), tf.float32), autograph=False, input_signature=signature)


# ── Without a gradient ──


def random_search(model, x, y, epsilon, queries=200, seed=0):
    """Squares of ±epsilon drawn at random, each kept when it lowers the margin of its image. Lesson 6.5.

    After Andriushchenko, Croce, Flammarion & Hein 2020, *Square Attack*: vertical stripes to start with, then squares
    that become smaller. It asks for logits only: a hidden gradient does not stop it.

    Args:
        x: images (N, H, W, C), float in [0, 1]; y: the true classes (N,).
        epsilon: the largest change of a pixel; queries: how many squares are tried on each image.

    Returns:
        float32 (N, H, W, C).

    Raises:
        ValueError, TypeError: as `fgsm`.
    """
    x, y = gradient.require(model, x, y, epsilon)
    rng, (count, height, width, channels) = np.random.default_rng(seed), x.shape
    scores, rows = _compiled_scores(model, x.shape[1:]), np.arange(count)

    def margins(images):
        logits = np.array(scores(images))
        own = logits[rows, y]
        logits[rows, y] = -np.inf
        return own - logits.max(axis=1)

    signs = lambda *shape: rng.choice(np.float32([-1, 1]), shape)  # noqa: E731
    best = np.clip(x + epsilon * signs(count, 1, width, channels), 0, 1)
    lowest = margins(best)
    for query in range(queries):
        side = max(1, round(np.sqrt(0.3 * height * width * 0.5 ** (8 * query / queries))))
        window = _within(rng, count, height, side)[:, :, None] & _within(rng, count, width, side)[:, None]
        painted = np.clip(x + epsilon * signs(count, 1, 1, channels), 0, 1)
        tried = np.where(window[..., None], painted, best)
        found = margins(tried)
        better = found < lowest
        best[better], lowest[better] = tried[better], found[better]
    return best


def _within(rng, count, length, side):
    """Whether each of `length` places is in a stretch of `side`, drawn inside: (count, length)."""
    first = rng.integers(0, max(length - side, 0) + 1, (count, 1))
    return (first <= np.arange(length)) & (np.arange(length) < first + side)
