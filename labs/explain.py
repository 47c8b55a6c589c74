"""What a network looks at: gradients, Grad-CAM, occlusion, RISE, and how a map is judged. Chapter 5.

A model is any Keras model, images (N, H, W, C) -> logits (N, K): Sequential, functional, nested or subclassed. It is
read as it is, in inference mode, and left as it was. Images are float32 in [0, 1]; `classes` is one class for all the
images, or one an image. The work goes by batches, through a function that is compiled once a model: a later change of
the weights is seen, a later change of the layers is not.
"""

import contextlib
import functools
import itertools

import cv2
import keras
import numpy as np
import tensorflow as tf
import tqdm.auto
from scipy import special

from labs import runtime, zoo

# Numbers in the images of one batch. What the layers keep for a gradient is some hundred times as large.
FORWARD, BACKWARD = 2**21, 2**19
LARGEST_BATCH = 256

# ── Gradients ──


def saliency(model, images, classes):
    """Gradient of the logit of the class, with its sign: (N, H, W, C). Simonyan et al. 2014. Lesson 5.1.

    The map of the paper is the largest absolute value over the channels: np.abs(gradient).max(axis=-1).

    Raises:
        ValueError, TypeError: images outside [0, 1], a wrong class, a model that ends in a softmax.
    """
    images, classes = _require(model, images, classes)
    return _gradients(model, images, classes)


def smooth_grad(model, images, classes, samples=50, noise=0.15, seed=0):
    """Mean of the gradients at `samples` noisy copies of the image: (N, H, W, C). Smilkov et al. 2017. Lesson 5.1.

    Args:
        noise: standard deviation, as a share of the range (largest - smallest value) of each image; the copies are not
            cut back to [0, 1].

    Raises:
        ValueError, TypeError: as `saliency`; or no sample, or a negative noise.
    """
    images, classes = _require(model, images, classes)
    _require_count("samples", samples)
    if noise < 0:
        raise ValueError(f"Le bruit est un écart-type, positif ou nul, par exemple 0.15 ; reçu {noise}.")
    rng = np.random.default_rng(seed)
    spread = np.float32(noise) * np.ptp(images, axis=(1, 2, 3))

    def noisy(rank, ranks):
        draws = rng.standard_normal((len(ranks), *images.shape[1:]), dtype="float32")
        return images[rank] + spread[rank] * draws

    return _mean_gradients(model, noisy, classes, samples, images.shape[1:])


def integrated_gradients(model, images, classes, baseline=0.0, steps=64):
    """(image - baseline) × the mean gradient on the segment between them: (N, H, W, C). Lesson 5.1.

    Sundararajan, Taly & Yan 2017, by a Riemann sum, at the middle of each step where the paper takes its end. The sum
    of a map tends to logit(image) - logit(baseline) when `steps` grows (completeness).

    Args:
        baseline: a number, a colour (C,), an image or images like `images`.

    Raises:
        ValueError, TypeError: as `saliency`; or no step, or a baseline of another shape or outside [0, 1].
    """
    images, classes = _require(model, images, classes)
    _require_count("steps", steps)
    start = _require_baseline(baseline, images)

    def along(rank, ranks):
        shares = ((ranks + 0.5) / steps).astype("float32").reshape(-1, 1, 1, 1)
        return start[rank] + shares * (images[rank] - start[rank])

    return (images - start) * _mean_gradients(model, along, classes, steps, images.shape[1:])


def deconvnet(model, images, classes):
    """Gradient where each ReLU lets only what is positive come back: (N, H, W, C). Lesson 5.2.

    Zeiler & Fergus 2014, as Springenberg et al. 2015 (figure 1) write it: R(l) = max(R(l+1), 0) at a ReLU; the maxima
    of pooling send back to where they came from. ReLU and ReLU6 are changed, wherever they are; nothing else is.

    Raises:
        ValueError, TypeError: as `saliency`; or a network without ReLU.
    """
    images, classes = _require(model, images, classes)
    return _gradients(model, images, classes, "LabsDeconvnet")


def guided_backprop(model, images, classes):
    """Gradient where each ReLU lets back only what is positive, where it was active: (N, H, W, C). Lesson 5.2.

    Springenberg et al. 2015: R(l) = (f(l) > 0) max(R(l+1), 0) at a ReLU. ReLU and ReLU6 are changed; nothing else is.

    Raises:
        ValueError, TypeError: as `saliency`; or a network without ReLU.
    """
    images, classes = _require(model, images, classes)
    return _gradients(model, images, classes, "LabsGuided")


def _register(name, rule):
    with contextlib.suppress(KeyError):  # the module was reloaded: the rule is there
        tf.RegisterGradient(name)(rule)


def _active(op):
    """Where a ReLU or a ReLU6 has slope 1."""
    inside = op.inputs[0] > 0
    return inside & (op.inputs[0] < 6) if op.type == "Relu6" else inside


_register("LabsDeconvnet", lambda op, gradient: tf.nn.relu(gradient))
_register("LabsGuided", lambda op, gradient: tf.where(_active(op), tf.nn.relu(gradient), 0))
# The slope of a softplus: a ReLU has no second derivative to follow.
SHARPNESS = 10.0
_register("LabsSmooth", lambda op, gradient: gradient * tf.sigmoid(SHARPNESS * op.inputs[0]))


@contextlib.contextmanager
def _backward(rule):
    """Where TensorFlow's graph is being made: each ReLU goes back by `rule`, a registered gradient.

    The operation itself is marked, so that it does not matter which layer holds it, nor how deep.
    """
    graph = tf.compat.v1.get_default_graph()
    before = len(graph.get_operations())
    with graph.gradient_override_map({"Relu": rule, "Relu6": rule}):
        yield
    if not any(op.type in ("Relu", "Relu6") for op in graph.get_operations()[before:]):
        raise ValueError(
            "Ce réseau n'a ni ReLU ni ReLU6 : cette méthode n'y changerait rien au gradient. "
            "Utilisez explain.saliency, ou un réseau à ReLU."
        )


def _compiled(step, *signature):
    return tf.function(step, autograph=False, input_signature=[tf.TensorSpec(*one) for one in signature])


def _class_scores(model, images, classes):
    return tf.gather(model(images, training=False), classes, axis=1, batch_dims=1)


@functools.lru_cache(maxsize=32)
def _gradient_step(model, shape, rule):
    def step(images, classes):
        with _backward(rule) if rule else contextlib.nullcontext():
            scores = _class_scores(model, images, classes)
        return tf.gradients(scores, images)[0]

    return _compiled(step, ([None, *shape],), ([None], tf.int32))


def _gradients(model, images, classes, rule=None):
    step = _gradient_step(model, images.shape[1:], rule)
    parts = _parts(len(images), images.shape[1:], BACKWARD)
    return np.concatenate([step(images[part], classes[part]).numpy() for part in parts])


def _mean_gradients(model, points, classes, count, shape):
    """Mean gradient over points(rank of the image, ranks of the points), `count` points an image."""
    step, maps = _gradient_step(model, shape, None), np.zeros((len(classes), *shape), "float32")
    work = list(itertools.product(range(len(classes)), _parts(count, shape, BACKWARD)))
    for rank, part in progress(work, "Gradients"):
        batch = points(rank, part)
        maps[rank] += step(batch, np.full(len(batch), classes[rank], "int32")).numpy().sum(axis=0) / count
    return maps


# ── Grad-CAM ──


def grad_cam(model, images, classes, layer=None):
    """Grad-CAM, not upsampled, ReLU applied, not normalised: (N, h, w). Selvaraju et al. 2017. Lesson 5.2.

    Each map of the layer is weighted by the mean of the gradient of the logit over it, then summed (equations 1, 2).

    Args:
        layer: a layer or its name, however deep; by default the last one whose outputs are maps (N, h, w, K) of more
            than one pixel.

    Raises:
        ValueError, TypeError: as `saliency`; or a layer that is unknown, or whose outputs are not maps.
    """
    images, classes = _require(model, images, classes)
    step = _cam_step(model, images.shape[1:], _find(model, layer))
    parts = _parts(len(images), images.shape[1:], BACKWARD)
    return np.concatenate([step(images[part], classes[part]).numpy() for part in parts])


def guided_grad_cam(model, images, classes, layer=None):
    """Guided backpropagation × Grad-CAM brought to the size of the image: (N, H, W, C). Lesson 5.2.

    Selvaraju et al. 2017, section 3.2.

    Raises:
        ValueError, TypeError: as `guided_backprop` and `grad_cam`.
    """
    coarse = upsample(grad_cam(model, images, classes, layer), np.shape(images)[1:3])
    return guided_backprop(model, images, classes) * coarse[..., None]


def upsample(maps, size):
    """Bring maps (N, h, w) to (N, *size), bilinear. Lesson 5.2."""
    return np.stack([cv2.resize(one, tuple(size)[::-1], interpolation=cv2.INTER_LINEAR) for one in np.asarray(maps)])


@functools.lru_cache(maxsize=32)
def _cam_step(model, shape, layer):
    def step(images, classes):
        with _recorded(layer) as seen:
            scores = _class_scores(model, images, classes)
        slopes = tf.gradients(scores, seen[-1])[0] if seen else None
        if slopes is None:
            raise ValueError(f"Le score ne dépend pas de la couche « {layer.name} » : choisissez-en une autre.")
        if seen[-1].shape.rank != 4:
            raise ValueError(_not_maps(layer, seen[-1].shape))
        return tf.nn.relu(tf.reduce_sum(tf.reduce_mean(slopes, axis=(1, 2), keepdims=True) * seen[-1], axis=-1))

    return _compiled(step, ([None, *shape],), ([None], tf.int32))


@contextlib.contextmanager
def _recorded(layer):
    """Inside, what `layer` returns is appended to the list; the layer is then as it was."""
    call, seen = layer.call, []

    def record(*inputs, **options):
        seen.append(call(*inputs, **options))
        return seen[-1]

    layer.call = record
    try:
        yield seen
    finally:
        del layer.call


def _every_layer(model):
    """The layers in order, those of a nested model before the model itself."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _every_layer(layer)
        yield layer


def _output_shape(layer):
    """Static shape of what a layer returns; () where it was never called on its own, or returns several things."""
    try:
        return tuple(layer.output.shape)
    except (AttributeError, ValueError):
        return ()


def _find(model, layer):
    every = list(_every_layer(model))
    maps = [one for one in every if len(_output_shape(one)) == 4 and not isinstance(one, keras.layers.InputLayer)]
    if layer is None:
        wide = [one for one in maps if _output_shape(one)[1:3] != (1, 1) and not isinstance(one, keras.Model)]
        if not any("Conv" in type(one).__name__ for one in every) or not wide:
            raise ValueError(
                f"« {model.name} » n'a pas de couche convolutive que Grad-CAM puisse lire. Donnez layer=… si une de "
                "ses couches rend des cartes (N, h, l, K)."
            )
        return wide[-1]
    found = [one for one in every if one is layer or one.name == layer]
    if not found:
        known = ", ".join(f"« {one.name} »" for one in maps[-5:])
        raise ValueError(
            f"Aucune couche {layer!r} dans « {model.name} ». Les dernières qui rendent des cartes : {known}."
        )
    shape = _output_shape(found[0])
    if shape and len(shape) != 4:
        raise ValueError(_not_maps(found[0], shape))
    return found[0]


def _not_maps(layer, shape):
    return (
        f"La couche « {layer.name} » n'est pas convolutive : elle rend {tuple(shape)}, pas des cartes (N, h, l, K). "
        "Grad-CAM a besoin d'une convolution, ou de ce qui la suit."
    )


# ── Black boxes: occlusion and RISE ──


def occlusion(model, images, classes, patch=4, stride=2, baseline=0.0):
    """Drop of the logit when a square is hidden, AVERAGED over the squares that cover a pixel: (N, H, W). Lesson 5.3.

    Zeiler & Fergus 2014, section 4.2. The squares go by `stride`; a last one touches the right and bottom edges, so
    that every pixel is covered.

    Args:
        patch, stride: side of the square and step, in pixels, stride <= patch.
        baseline: what hides: a number, a colour (C,), an image or images like `images`.

    Raises:
        ValueError, TypeError: as `saliency`; or a square that does not fit, a stride that leaves pixels out.
    """
    images, classes = _require(model, images, classes)
    hidden = _require_baseline(baseline, images)
    corners = _corners(images.shape[1:3], patch, stride)
    maps, covered = np.zeros(images.shape[:3]), np.zeros(images.shape[1:3])
    for top, left in corners:
        covered[top : top + patch, left : left + patch] += 1
    whole = _logits(model, images)[np.arange(len(images)), classes]
    work = list(itertools.product(range(len(images)), _parts(len(corners), images.shape[1:], FORWARD)))
    for rank, part in progress(work, "Occlusion"):
        batch = np.repeat(images[rank][None], len(part), axis=0)
        for one, (top, left) in zip(batch, corners[part]):
            place = np.s_[top : top + patch, left : left + patch]
            one[place] = hidden[rank][place]
        drops = whole[rank] - _logits(model, batch)[:, classes[rank]]
        for drop, (top, left) in zip(drops, corners[part]):
            maps[rank, top : top + patch, left : left + patch] += drop
    return (maps / covered).astype("float32")


def _corners(size, patch, stride):
    """Top left corners (M, 2) of the squares that cover an image of this size."""
    if not 1 <= patch <= min(size):
        raise ValueError(f"Le carré doit tenir dans l'image {size[0]}×{size[1]} ; reçu patch={patch} pixels.")
    if not 1 <= stride <= patch:
        raise ValueError(
            f"Il faut 1 ≤ stride ≤ patch, sinon des pixels ne sont jamais cachés ; reçu {stride}, {patch}."
        )
    starts = [np.unique([*range(0, side - patch, stride), side - patch]) for side in size]
    return np.array(list(itertools.product(*starts)))


def rise(model, images, classes, masks=2000, cells=7, keep=0.5, seed=0):
    """Mean of random masks, weighted by the PROBABILITY of the class under each: (N, H, W). Lesson 5.3.

    Petsiuk, Das & Saenko 2018, section 3: the sum of p(class | image × mask) mask, over masks × keep: an estimate of
    the mean probability when the pixel is seen. The same masks serve all the images.

    Args:
        masks: how many; cells: side of their coarse grid; keep: probability that a cell of it is seen.

    Raises:
        ValueError, TypeError: as `saliency`; or masks that cannot be drawn.
    """
    images, classes = _require(model, images, classes)
    drawn = random_masks(images.shape[1:3], masks, cells, keep, seed)
    maps = np.zeros(images.shape[:3], "float32")
    for part in progress(_parts(masks, images.shape[1:], FORWARD), "RISE"):
        batch = np.stack(list(itertools.islice(drawn, len(part))))
        for rank, image in enumerate(images):
            probabilities = special.softmax(_logits(model, batch[..., None] * image), axis=1)[:, classes[rank]]
            maps[rank] += np.tensordot(probabilities, batch, 1) / (masks * keep)
    return maps


def random_masks(size, count, cells=7, keep=0.5, seed=0):
    """Yield `count` masks (H, W) in [0, 1], one at a time. Petsiuk et al. 2018, section 3. Lesson 5.3.

    A grid of cells × cells zeros and ones (1 with probability `keep`) is enlarged to (cells + 1) cells, bilinear, then
    cut at (H, W) from a place drawn within one cell: each mask has its own.

    Raises:
        ValueError: no mask, fewer than 2 cells, or `keep` outside ]0, 1[.
    """
    _require_count("masks", count)
    if cells < 2:
        raise ValueError(f"La grille a au moins 2×2 cases, par exemple cells=7 ; reçu {cells}.")
    if not 0 < keep < 1:
        raise ValueError(f"La part de cases gardées est dans ]0, 1[, par exemple 0.5 ; reçu keep={keep}.")
    return _draw_masks(size, count, cells, keep, seed)


def _draw_masks(size, count, cells, keep, seed):
    rng = np.random.default_rng(seed)
    cell = np.array([-(-side // cells) for side in size])
    large = tuple(int(side) for side in (cells + 1) * cell[::-1])
    for start in range(0, count, LARGEST_BATCH):
        many = min(LARGEST_BATCH, count - start)
        grids = (rng.random((many, cells, cells)) < keep).astype("float32")
        for grid, (top, left) in zip(grids, rng.integers(0, cell, (many, 2))):
            mask = cv2.resize(grid, large, interpolation=cv2.INTER_LINEAR)
            yield mask[top : top + size[0], left : left + size[1]]


@functools.lru_cache(maxsize=32)
def _logit_step(model, shape):
    return _compiled(lambda images: model(images, training=False), ([None, *shape],))


def _logits(model, images):
    """Logits (N, K) of images that fit in one batch, or of many."""
    step = _logit_step(model, images.shape[1:])
    parts = _parts(len(images), images.shape[1:], FORWARD)
    return np.concatenate([step(images[part]).numpy() for part in parts])


# ── How a map is judged ──


def deletion(model, image, target, heatmap, steps=50, baseline=0.5):
    """Probability of `target` as pixels go, most important first: (curve (steps + 1,), area). Lesson 5.3.

    Petsiuk et al. 2018, section 4: the pixels become `baseline`; a good map makes the curve fall early, and its area
    (of the curve over the share of pixels, by trapezes) small.

    Args:
        image: (H, W, C); heatmap: (H, W), the larger the more important.
        baseline: a number, a colour (C,) or an image; mid-grey by default, the mean grey of the paper's own code.

    Raises:
        ValueError, TypeError: as `saliency`; or a map of another size, or not finite.
    """
    images, (target,) = _require(model, np.asarray(image)[None], target)
    end = _require_baseline(baseline, images)[0]
    return perturbation_curve(_probability(model, target), images[0], end, heatmap, steps)


def insertion(model, image, target, heatmap, steps=50, baseline=None):
    """Probability of `target` as pixels come, most important first: (curve (steps + 1,), area). Lesson 5.3.

    Petsiuk et al. 2018, section 4: the image starts blurred, and a good map makes the curve rise early.

    Args:
        baseline: where the image starts; by default itself, blurred (Gaussian, 11×11, σ = 5, as in the paper's code).

    Raises:
        ValueError, TypeError: as `deletion`.
    """
    images, (target,) = _require(model, np.asarray(image)[None], target)
    start = blurred(images[0]) if baseline is None else _require_baseline(baseline, images)[0]
    return perturbation_curve(_probability(model, target), start, images[0], heatmap, steps)


def blurred(image, size=11, sigma=5.0):
    """The image (H, W, C) under a Gaussian of `size` × `size` pixels. Lesson 5.3."""
    return cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)


def perturbation_curve(score, start, end, heatmap, steps=50):
    """Scores on the way from `start` to `end`, pixels in the order of `heatmap`: (curve, area). Lessons 5.3 and 5.4.

    Args:
        score: images (B, H, W, C) -> (B,); start, end: images (H, W, C).

    Raises:
        ValueError: no step, or a map that is not finite or not of the size of the image.
    """
    _require_count("steps", steps)
    heatmap = np.asarray(heatmap)
    if heatmap.shape != start.shape[:2]:
        raise ValueError(
            f"La carte est {heatmap.shape}, l'image {start.shape[:2]} : donnez une valeur par pixel "
            "(explain.upsample pour Grad-CAM, un maximum sur les canaux pour un gradient)."
        )
    if not np.isfinite(heatmap).all():
        raise ValueError("La carte a des valeurs non finies (NaN ou infini) : on ne peut pas ranger ses pixels.")
    place = np.empty(heatmap.size, int)
    place[np.argsort(-heatmap, axis=None, kind="stable")] = np.arange(heatmap.size)
    place = place.reshape(*heatmap.shape, 1)
    counts = np.round(np.linspace(0, heatmap.size, steps + 1))
    parts = _parts(steps + 1, start.shape, FORWARD)
    batches = (np.stack([np.where(place < counts[step], end, start) for step in part]) for part in parts)
    curve = np.concatenate([score(batch) for batch in progress(batches, "Courbe", len(parts))])
    return curve, float(np.trapezoid(curve, counts / heatmap.size))


def _probability(model, target):
    return lambda images: special.softmax(_logits(model, images), axis=1)[:, target]


def cascade(model, seed=0):
    """Yield (block, network) from the top: the network is the same copy, more and more random. Lessons 5.1 and 5.2.

    Cascading randomisation (Adebayo et al. 2018, section 3.1): the weights of the last block are drawn anew, then those
    of the block before, and so on down to the first. A block is the layers whose names have the same word before the
    first dot, as in `labs.zoo`; elsewhere, a layer. First comes ("", copy), whose weights are those of `model`.

    Raises:
        ValueError: a subclassed model, which Keras cannot copy.
    """
    try:
        keras.utils.set_random_seed(seed)
        random = keras.models.clone_model(model)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"Keras ne sait pas copier « {model.name} » : donnez un modèle fonctionnel.") from error
    drawn = [layer.get_weights() for layer in _weighted(random)]
    random.set_weights(model.get_weights())
    yield "", random
    pairs = list(zip(_weighted(random), drawn))[::-1]
    for block, some in itertools.groupby(pairs, key=lambda pair: pair[0].name.split(".")[0]):
        for layer, values in some:
            layer.set_weights(values)
        yield block, random


def _weighted(model):
    return [layer for layer in _every_layer(model) if not isinstance(layer, keras.Model) and layer.weights]


def mislead(model, images, classes, *, epsilon=8 / 255, step_size=1 / 255, steps=30, top=0.1):
    """Images that look the same and keep their class, but whose saliency left its place: (N, H, W, C). Lesson 5.1.

    Ghorbani, Abid & Zou 2019, algorithm 1, top-k: at each step, sign of the gradient that takes away the share of the
    saliency (sum over the channels of its absolute value) held by the pixels that were the `top` share; projection on
    the ball of radius `epsilon` and on [0, 1]; the best of the steps whose class is that of the start. The slope of
    each ReLU is that of a softplus: a ReLU has no second derivative.

    Args:
        epsilon, step_size: largest change of a value, and change a step.
        top: share of the pixels that the saliency must leave, in ]0, 1[.

    Raises:
        ValueError, TypeError: as `saliency`; or `top` outside ]0, 1[, or no step.
    """
    images, classes = _require(model, images, classes)
    _require_count("steps", steps)
    if not 0 < top < 1:
        raise ValueError(f"La part de pixels visée est dans ]0, 1[, par exemple 0.1 ; reçu {top}.")
    strength = np.abs(_gradients(model, images, classes)).sum(axis=-1)
    aimed = strength >= np.quantile(strength, 1 - top, axis=(1, 2), keepdims=True)
    parts = _parts(len(images), images.shape[1:], BACKWARD // 4)
    step = _mislead_step(model, images.shape[1:])
    moved = [
        _descend(step, images[p], classes[p], aimed[p], epsilon, step_size, steps) for p in progress(parts, "Attaque")
    ]
    return np.concatenate(moved)


def _descend(step, images, classes, aimed, epsilon, step_size, steps):
    lowest, highest = np.maximum(images - epsilon, 0), np.minimum(images + epsilon, 1)
    best, now = images.copy(), images
    aimed = aimed.astype("float32")
    held, slope, first = (one.numpy() for one in step(now, classes, aimed))
    for _ in range(steps):
        now = np.clip(now - np.float32(step_size) * np.sign(slope), lowest, highest)
        share, slope, answer = (one.numpy() for one in step(now, classes, aimed))
        better = (answer == first) & (share < held)
        best[better], held[better] = now[better], share[better]
    return best


@functools.lru_cache(maxsize=8)
def _mislead_step(model, shape):
    """(images, classes, aimed) -> (share of the saliency on the pixels aimed at, its gradient, class found)."""

    def step(images, classes, aimed):
        with _backward("LabsSmooth"):
            logits = model(images, training=False)
        scores = tf.gather(logits, classes, axis=1, batch_dims=1)
        strength = tf.reduce_sum(tf.abs(tf.gradients(scores, images)[0]), axis=-1)
        share = tf.reduce_sum(strength * aimed, axis=(1, 2)) / tf.reduce_sum(strength, axis=(1, 2))
        return share, tf.gradients(share, images)[0], tf.argmax(logits, axis=1)

    return _compiled(step, ([None, *shape],), ([None], tf.int32), ([None, *shape[:2]],))


# ── What is given ──


def _require(model, images, classes):
    """Check a model, its images and their classes: float32 images (N, H, W, C), int32 classes (N,)."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"Attendu un modèle Keras, images → logits ; reçu {type(model).__name__}.")
    images = np.asarray(images)
    wanted = getattr(model, "input_shape", None) if model.built else None
    shape = images.shape[1:] if wanted is None else wanted[1:]
    if images.ndim == len(shape) + 1:
        shape = tuple(given if side is None else side for given, side in zip(images.shape[1:], shape))
    images = zoo.require_images(images, shape)
    if images.ndim != 4 or not len(images):
        raise ValueError(f"Attendu au moins une image, (N, H, L, C) ; reçu un tableau {images.shape}.")
    return images, _require_classes(classes, len(images), _class_count(model, images.shape[1:]))


def _require_classes(classes, count, known):
    given = np.asarray(classes)
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(f"Attendu des numéros de classe entiers ; reçu {given.dtype} : {classes!r}.")
    if given.shape not in ((), (count,)):
        raise ValueError(f"Attendu une classe, ou une par image ({count}) ; reçu un tableau {given.shape}.")
    if given.min() < 0 or given.max() >= known:
        wrong = int(given.max() if given.max() >= known else given.min())
        raise ValueError(f"Aucune classe {wrong} : ce réseau en a {known}, de 0 à {known - 1}.")
    return np.broadcast_to(given, (count,)).astype("int32")


@functools.lru_cache(maxsize=32)
def _class_count(model, shape):
    """Number of classes, once it is sure that the outputs are logits: what a softmax gives has sums of 1."""
    outputs = model(np.random.default_rng(0).random((2, *shape), dtype="float32"), training=False)
    if not hasattr(outputs, "shape") or len(outputs.shape) != 2:
        found = tuple(outputs.shape) if hasattr(outputs, "shape") else f"{len(outputs)} sorties"
        raise ValueError(f"Attendu un modèle qui rend des logits (N, K) ; « {model.name} » rend {found}.")
    outputs = np.asarray(outputs)
    if outputs.shape[1] > 1 and outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"« {model.name} » se termine par une softmax : ses sorties sont positives et de somme 1. Les explications "
            "portent sur les logits : retirez la softmax, par exemple keras.Model(model.inputs[0], avant_softmax)."
        )
    return outputs.shape[1]


def _require_baseline(baseline, images):
    try:
        start = np.broadcast_to(np.asarray(baseline, "float32"), images.shape)
    except ValueError:
        raise ValueError(
            f"Le fond est un nombre, une couleur ({images.shape[-1]},) ou une image {images.shape[1:]} ; "
            f"reçu un tableau {np.shape(baseline)}."
        ) from None
    if not (start.min() >= 0 and start.max() <= 1):
        raise ValueError(f"Le fond a des valeurs dans [0, 1] ; reçu de {start.min():.3g} à {start.max():.3g}.")
    return start


def _require_count(name, count):
    if not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"{name} est un nombre entier d'au moins 1 ; reçu {count!r}.")


def _parts(count, shape, numbers):
    """Ranks 0 to count - 1, cut so that the images of a part have at most `numbers` numbers in all."""
    size = int(np.clip(numbers // np.prod(shape), 1, LARGEST_BATCH))
    return np.split(np.arange(count), range(size, count, size))


def progress(work, name, total=None):
    """The same, with a bar for the person in front of it if it lasts more than two seconds."""
    bar = tqdm.auto.tqdm if runtime.interactive() else tqdm.tqdm  # the second one: in a terminal only
    return bar(work, desc=name, total=total, delay=2, leave=False, disable=None)
