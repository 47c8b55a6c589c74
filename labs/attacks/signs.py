"""Road signs as a camera sees them, and stickers that fool a network from wherever it looks: RP2, 2017. Lesson 6.4.

Eykholt et al. 2018, *Robust Physical-World Attacks on Deep Learning Visual Classification* (arXiv 1707.08945).

A drawing is what is printed: (H, W, 4), float in [0, 1], RGB and opacity. A view is how a camera sees it: distance,
angle, light, blur, background. `render` makes a picture of both, and its gradient goes back to the drawing.
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from labs import datasets, scenes
from labs.attacks import glasses

SIDE = 32  # of a picture, in pixels: what is cut out around a sign, at the size of the networks of the paper
NEAR, FAR = 30.0, 13.0  # side of the sign in the picture, in pixels
DISTANCE = 4.0  # from the sign to the camera, in sides of the sign: it sets how strong the perspective is
TURN = np.deg2rad([40.0, 15.0, 8.0])  # largest angles, either way: about the vertical, the horizontal, in its plane
COARSE = 1.6  # pixels of the drawing under one of the picture: beyond, a drawing half as large is read
BACKGROUNDS = 600  # different ones, at most, in one draw of views
# Black, white, grey and the plain colours of a printer, none as pure as those of a screen.
PRINTABLE = np.array(
    [
        [0.08, 0.08, 0.08],
        [0.95, 0.95, 0.95],
        [0.5, 0.5, 0.5],
        [0.75, 0.1, 0.12],
        [0.95, 0.8, 0.1],
        [0.1, 0.5, 0.25],
        [0.1, 0.25, 0.6],
        [0.45, 0.25, 0.15],
    ],
    "float32",
)


class Views(NamedTuple):
    """N ways to see a sign, float32.

    planes: (N, 3, 3), from a point (x, y, 1) of the picture, in pixels, to one of the drawing, in shares of its sides.
    gain: (N, 3), of the light, a colour each; slope: (N, 2), what it loses from one border to the other, down, across.
    blur: (N,), standard deviation of the Gaussian, in pixels of the picture.
    backgrounds: (N, SIDE, SIDE, 3), in [0, 1].
    """

    planes: np.ndarray
    gain: np.ndarray
    slope: np.ndarray
    blur: np.ndarray
    backgrounds: np.ndarray

    def part(self, rows):
        """Some of the views: a slice, or their ranks."""
        return Views(*(values[rows] for values in self))


# ── Views ──


def views(count, split="train", seed=0):
    """Views: `count` of them, distance, angles, place, light, blur and background drawn at random. Lesson 6.4.

    Args:
        split: "train" or "test": other parts of the course's photographs behind the sign.

    Raises:
        ValueError: no view, or an unknown split.
    """
    if count < 1 or split not in scenes.SPLITS:
        raise ValueError(f'Attendu au moins une vue, et "train" ou "test" ; reçu {count} et {split!r}.')
    rng = np.random.default_rng([seed, scenes.SPLITS.index(split), 4])
    side = FAR * (NEAR / FAR) ** rng.random(count)
    turn = rng.uniform(-TURN, TURN, (count, 3))
    room = (SIDE - side)[:, None] / 2 + 1
    centre = SIDE / 2 + rng.uniform(-0.5, 0.5, (count, 2)) * room
    gain = rng.uniform(0.55, 1.2, (count, 1)) * (1 + rng.uniform(-0.12, 0.12, (count, 1)) * [1, 0, -1])
    slope, blur = rng.uniform(0, 0.4, (count, 2)), rng.uniform(0.2, 0.9, count)
    pictures = np.stack([_background(split, SIDE, rng) for _ in range(min(count, BACKGROUNDS))])
    return _views(side, turn, centre, gain, slope, blur, pictures[rng.integers(len(pictures), size=count)])


def approach(frames=60, split="test", seed=0):
    """Views of a car that drives past the sign: it grows, turns and slides aside, on one background. Lesson 6.4."""
    rng = np.random.default_rng([seed, scenes.SPLITS.index(split), 5])
    time = np.linspace(0, 1, frames)
    side = FAR * (NEAR / FAR) ** time**1.5  # what is near grows faster
    shake = cv2.GaussianBlur(rng.normal(size=(frames, 5)), (1, 9), 0)
    turn = np.deg2rad(np.stack([5 + 33 * time**2, 0 * time, 0 * time], 1) + 4 * shake[:, :3])
    centre = SIDE / 2 + np.stack([time, -0.5 * time], 1) * (NEAR - side)[:, None] / 4 + 0.8 * shake[:, 3:]
    wide = _background(split, 2 * SIDE, rng)
    pictures = np.stack([_middle(wide, 2 * SIDE / (1 + 0.6 * one)) for one in time])
    light = (0.85 + 0.15 * np.sin(5 * time))[:, None] * [1.02, 1, 0.98]
    slope = np.tile([0.15, 0.1], (frames, 1))
    return _views(side, turn, centre, light, slope, 0.7 - 0.3 * time, pictures)


def _views(side, turn, centre, *rest):
    return Views(*(np.ascontiguousarray(one, "float32") for one in (planes(side, turn, centre), *rest)))


def planes(side, turn, centre):
    """Homographies of a pinhole camera, from the pixels of the picture to the shares of the drawing: (N, 3, 3).

    Args:
        side: (N,), that of the sign seen from the front, in pixels.
        turn: (N, 3), in radians, about the vertical axis, the horizontal one, and in the plane of the sign.
        centre: (N, 2), where the middle of the sign is seen, x and y in pixels.
    """
    side, turn, centre = (np.asarray(one, "float64") for one in (side, turn, centre))
    (cy, cx, cz), (sy, sx, sz) = np.cos(turn).T, np.sin(turn).T
    right = np.stack([cy * cz + sy * sx * sz, cx * sz, cy * sx * sz - sy * cz], -1)  # where its own axes point
    down = np.stack([sy * sx * cz - cy * sz, cx * cz, cy * sx * cz + sy * sz], -1)
    pose = np.stack([right, down, np.broadcast_to([0, 0, DISTANCE], right.shape)], -1)
    camera = np.zeros((len(side), 3, 3))
    camera[:, 0, 0] = camera[:, 1, 1] = side * DISTANCE
    camera[:, :2, 2], camera[:, 2, 2] = centre, 1
    middle = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    back = np.linalg.inv(camera @ pose @ middle)
    return back / back[:, 2:, 2:]


def _background(split, size, rng):
    names = datasets.PHOTOS + datasets.TEXTURES
    pixels = scenes.background_part(names[rng.integers(len(names))], split)
    side = int(min(pixels.shape[:2]) * rng.uniform(0.25, 0.9))
    top, left = (rng.integers(length - side + 1) for length in pixels.shape[:2])
    crop = cv2.resize(pixels[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
    return crop[:, :: rng.choice([-1, 1])]


def _middle(picture, side):
    """The middle square of a picture, of any side, as SIDE pixels."""
    low = (len(picture) - side) / 2
    matrix = np.array([[side / SIDE, 0, low], [0, side / SIDE, low]])
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


# ── Rendering ──


def render(drawings, which, views):
    """What the camera sees: pictures (N, SIDE, SIDE, 3), in [0, 1], differentiable in the drawings. Lesson 6.4.

    Tensors in, a tensor out. Each view reads the drawing at the scale it is seen at, as graphics cards do: read at full
    size, a far sign would be a few of its pixels instead of their mean.

    Args:
        drawings: (K, H, H, 4), H a multiple of SIDE; which: (N,), the drawing that each view shows.
    """
    drawings = tf.cast(drawings, "float32")
    paint = tf.concat([drawings[..., :3] * drawings[..., 3:], drawings[..., 3:]], -1)
    seen = _project(paint, tf.cast(which, "int32"), views.planes)
    picture = seen[..., :3] + (1 - seen[..., 3:]) * views.backgrounds
    ramp = tf.linspace(0.0, 1.0, SIDE)
    fall = views.slope[:, :1, None] * ramp[:, None] + views.slope[:, 1:, None] * ramp
    return tf.clip_by_value(_blur(picture * views.gain[:, None, None] * (1 - fall)[..., None], views.blur), 0.0, 1.0)


def _project(paint, which, planes):
    """The drawings on the pixels of the picture, bilinear, transparent outside: (N, SIDE, SIDE, 4)."""
    count = tf.shape(paint)[0]
    fine = tf.nn.avg_pool2d(paint, paint.shape[1] // SIDE, paint.shape[1] // SIDE, "VALID")
    levels = fine, tf.nn.avg_pool2d(fine, 2, 2, "VALID")
    levels = [tf.reshape(tf.pad(level, [[0, 0], [1, 1], [1, 1], [0, 0]]), (-1, 4)) for level in levels]
    depth = tf.linalg.matvec(planes[:, 2], tf.constant([SIDE / 2, SIDE / 2, 1.0]))
    far = SIDE * tf.sqrt(tf.abs(tf.linalg.det(planes) / depth**3)) > COARSE
    size = tf.where(far, SIDE // 2, SIDE)
    start = tf.where(far, count * (SIDE + 2) ** 2 + which * (SIDE // 2 + 2) ** 2, which * (SIDE + 2) ** 2)
    x, y = tf.meshgrid(*[tf.range(SIDE, dtype="float32") + 0.5] * 2)
    pixels = tf.reshape(tf.stack([x, y, tf.ones_like(x)]), (3, -1))
    across, down, depth = tf.unstack(tf.matmul(planes, pixels[None]), axis=1)
    scale = tf.cast(size, "float32")[:, None]
    u = tf.clip_by_value(across / depth * scale + 0.5, 0.0, scale + 0.999)
    v = tf.clip_by_value(down / depth * scale + 0.5, 0.0, scale + 0.999)
    left, top = tf.floor(u), tf.floor(v)
    a, b, width = (u - left)[..., None], (v - top)[..., None], size[:, None] + 2
    corner = start[:, None] + tf.cast(top, "int32") * width + tf.cast(left, "int32")
    flat = tf.concat(levels, 0)
    one, two, three, four = (tf.gather(flat, corner + shift) for shift in (0, 1, width, width + 1))
    seen = (1 - b) * ((1 - a) * one + a * two) + b * ((1 - a) * three + a * four)
    return tf.reshape(seen, (-1, SIDE, SIDE, 4))


def _blur(pictures, deviations):
    """Gaussian of its own deviation for each picture, as two products of matrices: rows, then columns."""
    ranks = tf.range(SIDE, dtype="float32")
    gaps = (ranks[:, None] - ranks) / tf.maximum(deviations, 1e-3)[:, None, None]
    kernels = tf.exp(-0.5 * gaps**2)
    kernels /= tf.reduce_sum(kernels, -1, keepdims=True)
    for _ in range(2):
        blurred = tf.matmul(kernels, tf.reshape(pictures, (-1, SIDE, 3 * SIDE)))
        pictures = tf.transpose(tf.reshape(blurred, (-1, SIDE, SIDE, 3)), (0, 2, 1, 3))
    return pictures


def photograph(drawings, which, views, batch_size=256):
    """`render`, compiled and by batches: float32 (N, SIDE, SIDE, 3). Lesson 6.4.

    Args:
        drawings: (K, H, H, 4), in [0, 1]; which: (N,), the drawing that each view shows, or one rank for all.
    """
    drawings = np.asarray(drawings, "float32")
    which = np.broadcast_to(np.asarray(which, "int32"), len(views.blur))
    parts = [slice(first, first + batch_size) for first in range(0, len(which), batch_size)]
    return np.concatenate([_compiled_render(drawings, which[part], views.part(part)) for part in parts])


@functools.partial(tf.function, autograph=False, reduce_retracing=True)
def _compiled_render(drawings, which, views):
    return render(drawings, which, views)


# ── Where to stick ──


def inside(drawing):
    """Where a drawing (H, W, 4) is opaque: bool (H, W)."""
    return drawing[..., 3] >= 0.5


def rectangles(heat, allowed, area, count):
    """Places of `count` stickers about twice as wide as high, `area` of what is allowed in all. Lesson 6.4.

    One after another, each where the sum of `heat` is largest, whole in what is allowed and still free.

    Args:
        heat: (H, W), positive; allowed: bool (H, W); area: share, in ]0, 1[.

    Returns:
        int (count, 4), top, left, height and width.

    Raises:
        ValueError: they do not all fit.
    """
    each = area * allowed.sum() / count
    height = max(round(np.sqrt(each / 2)), 1)
    width, free, found = round(each / height), allowed.copy(), []
    sums = _windows(np.where(allowed, heat, 0.0), height, width)
    for _ in range(count):
        fits = _windows(free, height, width) >= height * width - 0.5
        if not fits.any():
            raise ValueError(
                f"{count} autocollants de {height}×{width} pixels ne tiennent pas ensemble sur le panneau : demandez "
                "moins de surface, ou un autre nombre."
            )
        top, left = np.unravel_index(np.argmax(np.where(fits, sums, -1.0)), sums.shape)
        free[top : top + height, left : left + width] = False
        found.append((top, left, height, width))
    return np.array(found)


def _windows(values, height, width):
    """Sum of the values under the window that starts at each place."""
    total = np.pad(values.astype("float64"), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]


def cover(rectangles, shape=(128, 128)):
    """Mask of rectangles (K, 4), top, left, height and width: float32 `shape`, 1 inside and 0 elsewhere."""
    mask = np.zeros(shape, "float32")
    for top, left, height, width in rectangles:
        mask[top : top + height, left : left + width] = 1
    return mask


def random_colors(drawing, rectangles, count, seed=0):
    """The control: the same stickers, each of one colour drawn at random. `count` drawings (count, H, W, 4)."""
    rng, drawings = np.random.default_rng(seed), np.repeat(drawing[None], count, axis=0)
    for top, left, height, width in rectangles:
        drawings[:, top : top + height, left : left + width, :3] = rng.random((count, 1, 1, 3))
    return drawings


# ── The attack ──


def stickers(
    model,
    drawing,
    y,
    mask,
    views,
    *,
    targeted=True,
    l1=0.0,
    l2=0.0,
    printing=0.0,
    steps=120,
    batch_size=32,
    rate=0.05,
    seed=0,
):
    """The drawing once stickers are on it, made to be taken for `y` from wherever it is seen: RP2. Lesson 6.4.

    Eykholt et al. 2018: minimise λ |M δ|_p + NPS + mean over the views of the loss of the drawing + M δ, by Adam, each
    step on some of the views, drawn at random. The two norms are two stages: the first finds where, the second paints.

    Args:
        drawing: (H, H, 4), in [0, 1], H a multiple of SIDE; mask: (H, H), 1 where one may paint, 0 elsewhere.
        y: the class aimed at, or the true one when not `targeted`.
        views: Views, to draw from.
        l1, l2: weights of the sum of |M δ|, and of the square root of that of (M δ)².
        printing: weight of the non-printability score of the stickers, for the colours of PRINTABLE.
        rate: of Adam; it falls to 0 over the `steps`.

    Returns:
        float32 (H, H, 4), in [0, 1]; nothing has changed outside the mask, nor outside the sign.

    Raises:
        ValueError: a drawing without opacity or outside [0, 1], a mask of another size, a class that does not exist.
    """
    drawing, mask = np.asarray(drawing, "float32"), np.asarray(mask, "float32")
    _require(model, drawing, y, mask, steps)
    rows = np.random.default_rng(seed).integers(len(views.blur), size=(steps, batch_size)).astype("int32")
    weights = np.array([1 if targeted else -1, l1, l2, printing], "float32")
    views = Views(*(tf.constant(values) for values in views))
    run = _compiled_attack(model)
    where = np.float32(mask * inside(drawing))
    return run(drawing, tf.constant(y, "int32"), where, rows, views, weights, tf.constant(rate, "float32")).numpy()


def _require(model, drawing, y, mask, steps):
    if drawing.ndim != 3 or drawing.shape[2] != 4:
        raise ValueError(f"Attendu un dessin (H, H, 4), couleurs et opacité ; reçu un tableau {drawing.shape}.")
    if drawing.shape[0] != drawing.shape[1] or drawing.shape[0] % SIDE:
        raise ValueError(
            f"Attendu un dessin carré, de côté multiple de {SIDE}, par exemple 128 ; reçu {drawing.shape[:2]}."
        )
    if not (drawing.min() >= 0 and drawing.max() <= 1):
        raise ValueError(f"Attendu un dessin entre 0 et 1 ; reçu de {drawing.min():.3g} à {drawing.max():.3g}.")
    if mask.shape != drawing.shape[:2] or not np.isin(mask, (0, 1)).all():
        raise ValueError(f"Attendu un masque {drawing.shape[:2]} de 0 et de 1 ; reçu un tableau {mask.shape}.")
    classes = model(np.zeros((1, SIDE, SIDE, 3), "float32")).shape[1]
    if not 0 <= y < classes:
        raise ValueError(f"Attendu une classe de 0 à {classes - 1} ; reçu {y}.")
    if steps < 1:
        raise ValueError(f"Il faut au moins un pas ; reçu steps={steps}.")


@functools.lru_cache(maxsize=8)
def _compiled_attack(model):
    def attack(drawing, y, mask, rows, views, weights, rate):
        colors, mask = drawing[..., :3], mask[..., None]

        def painted(change):
            return tf.concat([tf.clip_by_value(colors + mask * change, 0.0, 1.0), drawing[..., 3:]], -1)

        def cost(change, some):
            batch = Views(*(tf.gather(values, some) for values in views))
            logits = model(render(painted(change)[None], tf.zeros_like(some), batch))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.fill(tf.shape(some), y), tf.cast(logits, "float32")
            )
            l1, l2 = tf.reduce_sum(mask * tf.abs(change)), tf.sqrt(tf.reduce_sum(mask * change**2) + 1e-12)
            printing = tf.cond(weights[3] > 0, lambda: unprintable(change), lambda: 0.0)
            return tf.tensordot(weights, tf.stack([tf.reduce_mean(loss), l1, l2, printing]), 1)

        def unprintable(change):
            stuck = tf.boolean_mask(painted(change)[..., :3], mask[..., 0] > 0)[None, :, None]
            return glasses.non_printability(stuck, tf.ones_like(stuck[0, ..., 0]), PRINTABLE)[0]

        def step(i, change, mean, square):
            with tf.GradientTape() as tape:
                tape.watch(change)
                total = cost(change, rows[i])
            slope = tape.gradient(total, change)
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            time = tf.cast(i + 1, "float32")
            move = mean / (1 - 0.9**time) / (tf.sqrt(square / (1 - 0.999**time)) + 1e-8)
            pace = rate * (1 - tf.cast(i / tf.shape(rows)[0], "float32"))  # the L1 norm is sharp at 0: end slowly
            return i + 1, tf.clip_by_value(colors + change - pace * move, 0.0, 1.0) - colors, mean, square

        zero = tf.zeros_like(colors)
        found = tf.while_loop(lambda i, *_: i < tf.shape(rows)[0], step, (tf.constant(0), zero, zero, zero))
        changed = painted(found[1])
        return tf.where(mask > 0, changed, drawing)

    return tf.function(attack, autograph=False, reduce_retracing=True)
