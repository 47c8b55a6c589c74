"""Eyeglass frames whose colours fool a face recogniser (2016). Lesson 6.3.

Sharif, Bhagavatula, Bauer & Reiter 2016, *Accessorize to a Crime: Real and Stealthy Attacks on State-of-the-Art Face
Recognition*. The frames are drawn once, in a standard pose; a place says where they sit on a photograph. Their colours,
the only thing that changes, are found with the loop of `gradient`.
"""

import functools
import pathlib
import sys

import cv2
import numpy as np
import tensorflow as tf

from labs.attacks import gradient

EYES = np.array([[29.0, 52.0], [63.0, 52.0]])  # x, y of both eyes in the standard pose, in pixels of a 112×92 face
PRINTABLE = np.array([[0.1], [0.35], [0.6], [0.85]], "float32")  # the greys of a printer that we suppose
LARGEST_DISTANCE = 9.0  # in height, between the eyes of a pair: those of ORL are upright


# ── Where ──


def eyes(images):
    """Find the eyes by the Haar cascade of OpenCV (Viola & Jones 2001): places (N, 2, 2), found (N,). Lesson 6.3.

    A pair is what looks most like `EYES` among the eyes that the cascade sees. Where it sees no pair, the place is the
    mean of the others, and `found` is False.

    Args:
        images: uint8 (N, H, W), faces framed as those of ORL: 112×92.

    Returns:
        x, y in pixels of the left eye in the picture, then of the right one; and which are found.

    Raises:
        ValueError: other images; or no pair at all.
    """
    images = np.asarray(images)
    if images.ndim != 3 or images.shape[1:] != (112, 92) or images.dtype != np.uint8:
        raise ValueError(f"Attendu des visages uint8 (N, 112, 92) ; reçu un tableau {images.dtype} {images.shape}.")
    cascade = cv2.CascadeClassifier(str(_cascade()))
    places = np.array([_pair(cascade, image) for image in images])
    found = ~np.isnan(places[:, 0, 0])
    if not found.any():
        raise ValueError("Aucune paire d'yeux n'est trouvée dans ces images : donnez des visages de face, droits.")
    places[~found] = places[found].mean(axis=0)
    return places, found


def _cascade(name="haarcascade_eye.xml"):
    """The wheel of OpenCV ships the cascades beside its code, conda in a shared folder."""
    for folder in (pathlib.Path(cv2.__file__).parent / "data", pathlib.Path(sys.prefix, "share/opencv4/haarcascades")):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"OpenCV est installé sans {name} : installez opencv-python.")


def _pair(cascade, image, zoom=2, left=8, top=28):
    """The eyes of a face (2, 2), NaN when no pair is seen: first quickly, then with more scales."""
    middle = image[top : top + 50, left : image.shape[1] - left]
    large = cv2.resize(middle, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    for step in (1.1, 1.05):
        seen = cascade.detectMultiScale(large, step, 2, minSize=(13 * zoom, 13 * zoom), maxSize=(30 * zoom, 30 * zoom))
        centres = [np.array([x + w / 2, y + h / 2]) / zoom + (left, top) for x, y, w, h in seen]
        pairs = [np.array([one, two]) for one in centres for two in centres if 24 <= two[0] - one[0] <= 46]
        pairs = [pair for pair in pairs if abs(pair[0, 1] - pair[1, 1]) <= LARGEST_DISTANCE]
        if pairs:
            return min(pairs, key=lambda pair: np.abs(pair - EYES).sum())
    return np.full((2, 2), np.nan)


def frames(thickness=5.0, shape=(112, 92)):
    """Draw the frames in the standard pose: float32 (H, W), 1 on the frames, 0 elsewhere, between on the edges.

    Two lenses of 29×21 pixels around `EYES`, each in a rim of `thickness` pixels, and two temples. Lesson 6.3.

    Raises:
        ValueError: a thickness that is not above 0 and below 10 pixels.
    """
    if not 0 < thickness < 10:
        raise ValueError(f"L'épaisseur de la monture est entre 0 et 10 pixels ; reçu {thickness}.")
    fine = 4  # points a pixel, a side: the mean of 16 points smooths the edges
    y, x = ((np.arange(fine * side) + 0.5) / fine - 0.5 for side in shape)
    y, x = y[:, None], x[None, :]

    def inside(half_width, half_height):
        """Rounded rectangles around both eyes."""
        return np.any([((x - a) / half_width) ** 4 + ((y - b) / half_height) ** 4 <= 1 for a, b in EYES], axis=0)

    (left, height), (right, _) = EYES
    beside = (np.abs(x - (left + right) / 2) > (right - left) / 2) & (np.abs(x - (left + right) / 2) < 44)
    temples = beside & (np.abs(y - height + 4) < min(thickness, 5) / 2)
    drawn = (inside(14.5 + thickness, 10.5 + thickness) | temples) & ~inside(14.5, 10.5)
    return drawn.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3)).astype("float32")


def places(eyes, shift=(0.0, 0.0)):
    """Where the frames sit, from the eyes (N, 2, 2): boxes (N, 4), to give to `wear`. Lesson 6.3.

    The frames follow the middle of both eyes, moved by `shift` (x, y in pixels, or (N, 2)), and their distance, within
    15 % of that of `EYES`; they do not tilt.

    Returns:
        y1, x1, y2, x2: what part of the drawing of `frames` lies over the photograph, 0 and 1 being its borders.
    """
    eyes = np.asarray(eyes, "float64")
    size = np.clip((eyes[:, 1, 0] - eyes[:, 0, 0]) / (EYES[1, 0] - EYES[0, 0]), 0.85, 1.15)[:, None]
    middle = eyes.mean(axis=1) + shift
    last = np.array([91.0, 111.0])
    start = EYES.mean(axis=0) - middle / size
    return np.concatenate([(start / last)[:, ::-1], ((start + last / size) / last)[:, ::-1]], axis=1).astype("float32")


def wear(images, colours, mask, boxes):
    """Put frames on photographs: images (N, H, W, C) in [0, 1], float32. Lesson 6.3.

    Args:
        images: (N, H, W, C), in [0, 1]; colours: (N, H, W, C) or (1, H, W, C), seen where `mask` (H, W) is 1.
        boxes: from `places`.
    """
    rows = np.zeros(len(images), "int32") if len(colours) == 1 else np.arange(len(images), dtype="int32")
    images, colours, band = np.asarray(images, "float32"), np.asarray(colours, "float32"), _band(mask)
    return np.clip(_wear(images, colours[:, band], mask[band], boxes, rows, band.start), 0, 1)


def patchwork(count, rng, size=6, shape=(112, 92)):
    """Colours drawn at random, in squares of `size` pixels: float32 (N, H, W, 1). Lesson 6.3."""
    rows, columns = (-(-side // size) for side in shape)
    squares = rng.random((count, rows, columns, 1), dtype="float32")
    return squares.repeat(size, axis=1).repeat(size, axis=2)[:, : shape[0], : shape[1]]


def disguise(images, eyes, rng, share=0.5):
    """Put ordinary frames on `share` of the photographs: of one grey, or a patchwork of greys. Lesson 6.3.

    Their thickness, the same for one call, is 2 to 8 pixels; each is placed within 2.5 pixels of where the eyes say.

    Args:
        images: float32 (N, 112, 92, 1) in [0, 1]; eyes: (N, 2, 2).
    """
    count, size = len(images), int(rng.integers(3, 14))
    plain = rng.random((count, 1, 1, 1), dtype="float32")
    colours = np.where(rng.random((count, 1, 1, 1)) < 0.5, plain, patchwork(count, rng, size))
    boxes = places(eyes, rng.uniform(-2.5, 2.5, (count, 2)))
    worn = wear(images, colours, frames(rng.uniform(2, 8)), boxes)
    return np.where(rng.random((count, 1, 1, 1)) < share, worn, images)


def _band(mask):
    """The rows of the drawing that hold the frames: the others would only cost time."""
    rows = np.flatnonzero(np.asarray(mask).any(axis=1))
    if not len(rows):
        raise ValueError("Le masque est nul partout : il n'y a pas de monture.")
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _wear(images, colours, mask, boxes, rows, top):
    """The colours of row `rows[n]` over image n; colours and mask are those of the rows of the drawing from `top` on.

    A product with a matrix on each side resamples the drawing, cut out before it is moved: its edges stay its own.
    """
    height, width = images.shape[1:3]
    down = _between(boxes[:, 0], boxes[:, 2], height, top + tf.range(tf.shape(mask)[0]))
    across = _between(boxes[:, 1], boxes[:, 3], width, tf.range(width))
    drawn = tf.concat([colours, tf.ones_like(colours[..., :1])], axis=3) * mask[:, :, None]
    moved = tf.einsum("njkc,nlk->njlc", tf.gather(drawn, rows), across)
    moved = tf.einsum("nij,njlc->nilc", down, moved)
    return images * (1 - moved[..., -1:]) + moved[..., :-1]


def _between(first, last, size, pixels):
    """Weights (N, size, pixels) of a linear interpolation at `size` points from first to last, 0 and 1 the borders."""
    points = first[:, None] + (last - first)[:, None] * tf.linspace(0.0, 1.0, size)
    return tf.nn.relu(1 - tf.abs((size - 1.0) * points[:, :, None] - tf.cast(pixels, "float32")))


# ── Which colours ──


def total_variation(colours, mask):
    """Sum of sqrt((r[i, j] - r[i+1, j])² + (r[i, j] - r[i, j+1])²) over the frames: (N,). Lesson 6.3.

    Both neighbours must be on the frames, mask > 0: the outline itself is not counted.
    """
    on = tf.cast(mask > 0, "float32")[:, :, None]
    down = (colours[:, 1:, :-1] - colours[:, :-1, :-1]) * on[1:, :-1] * on[:-1, :-1]
    right = (colours[:, :-1, 1:] - colours[:, :-1, :-1]) * on[:-1, 1:] * on[:-1, :-1]
    return tf.reduce_sum(tf.sqrt(down**2 + right**2 + 1e-10), axis=(1, 2, 3))


def non_printability(colours, mask, printable):
    """Sum over the frames of the product of the distances |colour - p| to the printable colours p: (N,). Lesson 6.3.

    Args:
        colours: (N, H, W, C); mask: (H, W), each pixel counts for what it is on the frames; printable: (K, C).
    """
    distances = tf.sqrt(tf.reduce_sum((colours[..., None, :] - printable) ** 2, axis=-1) + 1e-12)
    return tf.reduce_sum(tf.reduce_prod(distances, axis=-1) * mask, axis=(1, 2))


def eyeglasses(
    model,
    photographs,
    boxes,
    y,
    mask,
    *,
    targeted=False,
    smoothness=0.0,
    printability=0.0,
    printable=PRINTABLE,
    shift=2.0,
    step_size=1.0,
    steps=15,
    seed=0,
):
    """The colours of the frames of each person that fool the model on all their photographs. Lesson 6.3.

    Sharif et al. 2016: gradient descent on the sum, over the photographs, of the loss of the class aimed at
    (impersonation, `targeted`) or of minus the loss of the true class (dodging), plus `smoothness` × total variation
    plus `printability` × non-printability. As in the code that the authors published, the frames move at random at each
    step, and the gradient of each photograph is divided by its largest value before their mean is taken. Theirs has
    momentum; ours is divided again by its largest value, so that a step changes no colour by more than `step_size`.

    Args:
        photographs: (P, V, H, W, C) in [0, 1], V photographs of each of P persons; boxes: (P, V, 4), from `places`.
        y: the classes (P,): who they are, or who they want to be taken for when `targeted`.
        mask: from `frames`; printable: the colours of the printer (K, C).
        shift: the frames move by so many pixels at most, along x and y.

    Returns:
        float32 (P, H, W, C), in [0, 1]; 0.5 off the frames.

    Raises:
        ValueError, TypeError: as `gradient.fgsm`; or shapes that do not go together, or no step.
    """
    photographs, boxes, y, mask, printable = _require(model, photographs, boxes, y, mask, printable, steps, step_size)
    persons, views, *shape = photographs.shape
    loop, generator = _compiled_loop(model, tuple(shape))
    generator.reset_from_seed(seed)
    many, found = max(1, gradient.LARGEST_BATCH // views), []
    band = _band(mask)
    for first in range(0, persons, many):
        part = slice(first, first + many)
        rows = np.repeat(np.arange(len(y[part]), dtype="int32"), views)
        found.append(
            loop(
                photographs[part].reshape(-1, *shape), boxes[part].reshape(-1, 4), rows, y[part],
                mask[band], band.start, printable, -1.0 if targeted else 1.0,
                smoothness, printability, shift, step_size, steps,
            )
        )  # fmt: skip
    colours = np.full((persons, *shape), 0.5, "float32")
    colours[:, band] = np.concatenate(found)
    return colours


def _step(gradient):
    """Divided by its largest value: the colour that matters most moves by the size of the step."""
    return gradient / tf.maximum(tf.reduce_max(tf.abs(gradient), axis=(1, 2, 3), keepdims=True), 1e-12)


COLOURS = gradient.LINF._replace(step=_step)


@functools.lru_cache(maxsize=16)
def _compiled_loop(model, shape):
    """The loop, and the generator of the moves, which belongs to the graph."""
    generator = tf.random.Generator.from_seed(0)
    last = tf.constant([shape[0] - 1.0, shape[1] - 1.0])

    def loop(images, boxes, rows, y, mask, top, printable, sign, smoothness, printability, shift, step_size, steps):
        def ascent(colours):
            move = generator.uniform((tf.shape(images)[0], 2), -shift, shift) / last
            each, every = tf.gather(colours, rows), tf.range(tf.shape(images)[0])
            with tf.GradientTape() as tape:
                tape.watch(each)
                logits = tf.cast(model(_wear(images, each, mask, boxes + tf.tile(move, (1, 2)), every, top)), "float32")
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(y, rows), logits)
            slopes = tape.gradient(losses, each)
            slope = sign * tf.math.segment_mean(_step(slopes), rows)
            with tf.GradientTape() as tape:
                tape.watch(colours)
                penalty = smoothness * total_variation(colours, mask)
                penalty += printability * non_printability(colours, mask, printable)
            return slope - tape.gradient(penalty, colours)

        grey = tf.fill((tf.shape(y)[0], tf.shape(mask)[0], *shape[1:]), 0.5)
        options = {"ball": COLOURS, "epsilon": 0.5, "step_size": step_size, "steps": steps}
        return gradient.ascend(ascent, grey, grey, **options)

    arrays = [None, *shape], [None, 4], [None], [None], [None, shape[1]], [], [None, shape[2]], *[[]] * 6
    whole = {2, 3, 5, len(arrays) - 1}  # rows, y, top and steps
    signature = [tf.TensorSpec(size, "int32" if rank in whole else "float32") for rank, size in enumerate(arrays)]
    return tf.function(loop, autograph=False, input_signature=signature), generator


def _require(model, photographs, boxes, y, mask, printable, steps, step_size):
    """Check what `eyeglasses` is given; float32 and int32 arrays."""
    photographs, boxes, mask = (np.asarray(one) for one in (photographs, boxes, mask))
    if photographs.ndim != 5:
        raise ValueError(f"Attendu (P, V, H, L, C) : V photographies de P personnes ; reçu {photographs.shape}.")
    persons, views, *shape = photographs.shape
    flat, _ = gradient.require(model, photographs.reshape(-1, *shape), np.repeat(y, views), 0.0)
    if boxes.shape != (persons, views, 4) or mask.shape != tuple(shape[:2]):
        raise ValueError(
            f"Pour des photographies {photographs.shape}, il faut des places ({persons}, {views}, 4) et un masque "
            f"{tuple(shape[:2])} ; reçu {boxes.shape} et {mask.shape}."
        )
    gradient.require_steps(steps, step_size)
    printable = np.asarray(printable, "float32").reshape(-1, shape[2])
    arrays = flat.reshape(photographs.shape), boxes.astype("float32"), np.asarray(y, "int32"), mask.astype("float32")
    return *arrays, printable
