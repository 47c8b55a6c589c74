"""Scenes of real objects on real photographs, with exact boxes, masks and tracks, from a seed. Chapter 4.

An object is a garment of Fashion-MNIST, a digit of MNIST or a road sign, named by its class; a background is a crop of
one of the photographs of `datasets`. The test scenes show other garments, other digits and other parts of the
photographs than the training scenes. A sign is one drawing, the same in both: only its size, its angle and its light
change. CIFAR-10 is left out: its objects have no mask, and 32 pixels are too few to cut them out honestly.
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from labs import datasets

GARMENTS = datasets.EMBEDDED["fashion_mnist"].class_names
DIGITS = datasets.EMBEDDED["mnist"].class_names
SIGNS = datasets.SIGNS
SPLITS = ("train", "test")

MOST_OBJECTS = 50  # in one picture
LEAST_VISIBLE = 0.5  # of an object of a scene: less would be a guess, even for a person
SMALLEST, LARGEST = 0.18, 0.5  # longer side of an object, as a share of the picture's
TRAIN_SHARE = 0.6  # the left part of each photograph is for training, the rest for the test
HOLLOW = ("sandale", "sac")  # garments whose holes show what is behind
TURN = {"fashion_mnist": 25.0, "mnist": 15.0, "signs": 8.0}  # degrees, either way
TEXTURE_COLORS = {"briques": (1.0, 0.62, 0.5), "herbe": (0.66, 0.9, 0.42), "gravier": (0.98, 0.93, 0.85)}


class Scenes(NamedTuple):
    """N pictures and what is in them.

    images: uint8 (N, H, W, 3), RGB.
    boxes: N arrays float32 (K, 4), x1, y1, x2, y2 in pixels, of the VISIBLE part of each object, as in COCO: a box
        [2, 3, 5, 9] holds columns 2 to 4 and rows 3 to 8.
    classes: N arrays int64 (K,), ranks in class_names.
    visibility: N arrays float32 (K,), in ]0, 1]: share of the whole object that is seen.
    instances: uint8 (N, H, W), 0 for the background and k + 1 where the object of row k is seen.
    """

    images: np.ndarray
    boxes: list
    classes: list
    visibility: list
    instances: np.ndarray
    class_names: tuple[str, ...]


class Sequence(NamedTuple):
    """T pictures of moving objects, and the identity of each, from 1 on.

    frames: uint8 (T, H, W, 3), RGB.
    tracks: T arrays float32 (K, 5), box and identity, of each object that has a part inside the frame. The box is that
        of the WHOLE object, hidden parts included, cut at the frame's border: MOT16 annotates hidden parts too.
    visibility: T arrays float32 (K,), in [0, 1]: share of the whole object that is seen; 0 behind the others.
    classes: int64, the class of identity i in row i - 1.
    instances: uint8 (T, H, W), 0 for the background, else the identity that is seen.
    """

    frames: np.ndarray
    tracks: list
    visibility: list
    classes: np.ndarray
    instances: np.ndarray
    class_names: tuple[str, ...]


# ── Public: scenes ──


def compose(count, classes=GARMENTS, *, size=128, objects=(1, 8), split="train", seed=0):
    """Scenes: `count` square pictures of `size` pixels, each with objects of random scale, angle, light and depth.

    Picture i depends on `seed` and on i, not on `count`: the first ten of a thousand are those of ten. Lesson 4.1.

    Args:
        classes: names among GARMENTS, DIGITS and SIGNS, mixed as you like; the rank of a name is its class.
        objects: fewest and most objects a picture, the number being drawn between them, both included. At least
            LEAST_VISIBLE of each is seen: one that finds no such place, in a crowded picture, is left out.
        split: "train" or "test": other garments, digits and parts of the photographs.

    Raises:
        ValueError: an unknown class or split, or a number out of its range.
        labs.catalogue.DataError: a data file is missing or damaged.
    """
    classes = _require_setting(classes, split, size, seed)
    _require_integer("le nombre de scènes", count, 1, 10**6)
    fewest, most = _require_range(objects)
    scenes = Scenes(
        np.empty((count, size, size, 3), "uint8"), [], [], [], np.zeros((count, size, size), "uint8"), classes
    )
    for i in range(count):
        rng = np.random.default_rng([seed, SPLITS.index(split), 0, i])
        canvas = _background(split, size, rng)
        instances = scenes.instances[i]
        ranks = rng.integers(len(classes), size=rng.integers(fewest, most + 1))
        surroundings = cv2.mean(canvas)[:3]
        kept, areas, seen = [], [], []
        for rank in ranks:
            cutout = _cutout(classes[rank], split, surroundings, rng)
            if _add_somewhere(canvas, instances, areas, seen, cutout, rng):
                kept.append(rank)
        scenes.images[i] = _expose(canvas, _light(size, rng), rng)
        scenes.boxes.append(visible_boxes(instances, len(kept)))
        scenes.classes.append(np.array(kept, "int64"))
        scenes.visibility.append((np.array(seen) / areas).astype("float32"))
    return scenes


def visible_boxes(instances, count):
    """Boxes of the labels 1 to `count` of a map (H, W): float32 (count, 4), zeros where it is nowhere. Lesson 4.1."""
    boxes = np.zeros((count, 4), "float32")
    for label in range(1, count + 1):
        x, y, width, height = cv2.boundingRect((instances == label).view("uint8"))
        boxes[label - 1] = x, y, x + width, y + height
    return boxes


def class_maps(scenes):
    """What semantic segmentation learns: uint8 (N, H, W), 0 for the background, else 1 + class. Lesson 4.3."""
    maps = np.empty_like(scenes.instances)
    for found, instances, classes in zip(maps, scenes.instances, scenes.classes):
        found[:] = np.append(0, classes + 1).astype("uint8")[instances]
    return maps


# ── Public: sequences ──


def sequence(frames=100, classes=GARMENTS, *, size=256, objects=8, split="train", seed=0):
    """Sequence: objects that cross a fixed background both ways, each at its speed, size and depth.

    The first ones are there at the start; the others enter, one after another, as the first ones leave. Lesson 4.6.

    Args:
        frames: number of pictures; a crossing takes 40 to 80 of them.
        objects: number of identities; the other arguments are those of `compose`.

    Raises:
        ValueError: an unknown class or split, or a number out of its range.
        labs.catalogue.DataError: a data file is missing or damaged.
    """
    classes = _require_setting(classes, split, size, seed)
    _require_integer("le nombre d'images", frames, 1, 10**5)
    _require_integer("le nombre d'objets", objects, 1, MOST_OBJECTS)
    rng = np.random.default_rng([seed, SPLITS.index(split), 1])
    background, light = _background(split, size, rng), _light(size, rng)
    ranks = rng.integers(len(classes), size=objects)
    cutouts = [_cutout(classes[rank], split, cv2.mean(background)[:3], rng) for rank in ranks]
    walks = [_walk(rank, size, frames, objects, rng) for rank in range(objects)]
    # Seen from above the ground, what is nearer is lower and hides what is farther.
    order = np.argsort([walk.y[0] + walk.length / 2 for walk in walks])
    made = Sequence(
        np.empty((frames, size, size, 3), "uint8"), [], [], ranks, np.zeros((frames, size, size), "uint8"), classes
    )
    for t in range(frames):
        canvas, instances = background.copy(), made.instances[t]
        present = {}
        for i in order:
            walk = walks[i]
            pasted = _warp(cutouts[i], (walk.x[t], walk.y[t]), walk.length, walk.angle[t])
            inside = _paste(canvas, instances, pasted, i + 1)
            if inside.any():
                present[i] = _box_of(inside, pasted), pasted.mask.sum()
        made.frames[t] = _expose(canvas, light, rng)
        seen = np.bincount(instances.ravel(), minlength=objects + 1)
        rows = [(*present[i][0], i + 1) for i in sorted(present)]
        made.tracks.append(np.array(rows, "float32").reshape(-1, 5))
        made.visibility.append(np.array([seen[i + 1] / present[i][1] for i in sorted(present)], "float32"))
    return made


# ── Public: boxes alone, for trackers ──


def crowd(frames=1000, objects=30, *, size=(1080, 1920), seed=0):
    """Tracks of walkers, boxes alone: list of `frames` arrays float32 (objects, 5), box and identity. Lesson 4.6.

    Each crosses the picture, a way or the other, and wanders a little; one who leaves is replaced at once by a newcomer
    at a border, so that `objects` of them are always there. Nobody stops, and nobody is hidden.

    Args:
        size: (H, W) of the picture, at least 480 on each side.

    Raises:
        ValueError: a number out of its range.
    """
    _require_integer("la graine", seed, 0, 2**32 - 1)
    _require_integer("le nombre d'images", frames, 1, 10**6)
    _require_integer("le nombre d'objets", objects, 0, 10**4)
    for side in size:
        _require_integer("chaque côté de l'image", side, 480, 10**5)
    rng = np.random.default_rng([seed, 2])
    walkers = _newcomers(objects, size, rng)
    walkers.place[:, 0] = rng.uniform(walkers.half[:, 0], size[1] - walkers.half[:, 0])  # at first, they are anywhere
    identities, tracks = 1 + np.arange(objects), []
    for _ in range(frames):
        corners = [walkers.place - walkers.half, walkers.place + walkers.half, identities[:, None]]
        tracks.append(np.concatenate(corners, 1).astype("float32"))
        walkers.speed[:] += rng.normal(0, 0.1, (objects, 2)) - (0, 0.02) * walkers.speed
        walkers.place[:] += walkers.speed
        gone = np.any((walkers.place < walkers.half) | (walkers.place > np.array(size[::-1]) - walkers.half), axis=1)
        for values, new in zip(walkers, _newcomers(gone.sum(), size, rng)):
            values[gone] = new
        identities[gone] = identities.max(initial=0) + 1 + np.arange(gone.sum())
    return tracks


class _Walkers(NamedTuple):
    """Centres (N, 2), half sides (N, 2) and speeds (N, 2), x and y."""

    place: np.ndarray
    half: np.ndarray
    speed: np.ndarray


def _newcomers(count, size, rng):
    """Walkers at the left border who go right, or the other way round."""
    height = rng.uniform(80, 240, count)
    half = np.stack([0.4 * height, height], 1) / 2
    right = rng.random(count) < 0.5
    x = np.where(right, half[:, 0], size[1] - half[:, 0])
    y = rng.uniform(half[:, 1], size[0] - half[:, 1])
    pace = rng.uniform(0.03, 0.07, count) * height  # what is nearer is taller, and faster
    return _Walkers(np.stack([x, y], 1), half, np.stack([np.where(right, pace, -pace), rng.normal(0, 0.5, count)], 1))


def imperfect_detections(tracks, visibility=None, *, missed=0.05, false=0.5, noise=0.02, size=(1080, 1920), seed=0):
    """What a detector would give: list of float32 (K, 5), box and score, a frame in no order. Lesson 4.6.

    Args:
        tracks: list of (K, 5), box and identity, as `crowd` and `Sequence.tracks` give them.
        visibility: list of (K,): what is hidden scores low, and is missed below 0.1; None: all is seen.
        missed: probability that an object is missed, drawn for each frame.
        false: mean number of false detections a frame (Poisson), anywhere in `size` (H, W), of the boxes' own sizes.
        noise: standard deviation of each edge of a box, as a share of the box's width or height; at most 0.1.

    Raises:
        ValueError: a number out of its range, or not one visibility an object.
    """
    if not (0 <= missed <= 1 and false >= 0 and 0 <= noise <= 0.1):
        raise ValueError(
            f"Attendu missed de 0 à 1, false positif ou nul, noise de 0 à 0.1 ; reçu {missed}, {false} et {noise}."
        )
    if visibility is not None and list(map(len, visibility)) != list(map(len, tracks)):
        raise ValueError("Attendu une visibilité par objet, image par image : donnez celle de la même séquence.")
    rng = np.random.default_rng([seed, 3])
    found = []
    for t, rows in enumerate(tracks):
        seen = np.ones(len(rows)) if visibility is None else visibility[t]
        kept = (rng.random(len(rows)) >= missed) & (seen >= 0.1)
        boxes = rows[kept, :4] + rng.normal(0, noise, (kept.sum(), 4)) * np.tile(_sides(rows[kept]), 2)
        scores = rng.normal(0.1 + 0.8 * seen[kept], 0.05)
        ghosts = _ghosts(rng.poisson(false), rows, size, rng)
        ghost_scores = rng.uniform(0.1, 0.8, len(ghosts))
        both = np.concatenate([boxes, ghosts]), np.concatenate([scores, ghost_scores]).clip(0.01, 0.99)
        found.append(rng.permutation(np.column_stack(both)).astype("float32"))
    return found


def _sides(rows):
    return rows[:, 2:4] - rows[:, :2]


def _ghosts(count, rows, size, rng):
    if not len(rows) or not count:
        return np.empty((0, 4))
    sides = _sides(rows[rng.integers(len(rows), size=count)])
    start = rng.random((count, 2)) * np.maximum(np.array(size[::-1]) - sides, 1)
    return np.concatenate([start, start + sides], 1)


# ── Cut-outs ──


class Cutout(NamedTuple):
    """An object out of its background: float32 (h, w, 4), colours already times opacity, and the angle it may take."""

    pixels: np.ndarray
    turn: float


def _cutout(name, split, surroundings, rng):
    if name in SIGNS:
        return Cutout(_sign(name, rng), TURN["signs"])
    source = "fashion_mnist" if name in GARMENTS else "mnist"
    images, of_class, class_names = _images(source, split)
    image = images[rng.choice(of_class[class_names.index(name)])]
    color = _dye(surroundings, rng)
    if source == "mnist":
        return Cutout(_digit(image, color), TURN[source])
    return Cutout(_garment(image, name in HOLLOW, color, flip=rng.random() < 0.5), TURN[source])


@functools.cache
def _images(source, split):
    """The images of a split, the positions of those of each class, and the names of the classes."""
    data = datasets.load(source)
    images, labels = (data.x_train, data.y_train) if split == "train" else (data.x_test, data.y_test)
    return images, [np.flatnonzero(labels == label) for label in range(len(data.class_names))], data.class_names


def _garment(image, hollow, color, flip):
    opacity = _smooth(garment_mask(image, hollow))[..., None]
    cloth = (0.2 + 0.8 * image[..., None] / 255) * color  # black on black would hide the shape
    pixels = np.concatenate([cloth * opacity, opacity], 2).astype("float32")
    return _trim(pixels[:, ::-1] if flip else pixels)


def garment_mask(image, hollow=False):
    """Where the garment is, in an image of Fashion-MNIST (28, 28): bool. Dark patches inside are kept. Lesson 4.3.

    Fashion-MNIST has no masks: its background is 0, and so is a black print. What 0 surrounds entirely is part of the
    garment, unless it is `hollow` and the patch is wide: the handle of a bag, the straps of a sandal.
    """
    mask = (image > 12).astype("uint8")
    outside = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(outside, None, (0, 0), 1)
    holes = 1 - outside[1:-1, 1:-1]
    if hollow:
        holes = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((3, 3), "uint8")) * holes > 12
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask | holes.astype("uint8"))
    return labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])  # crumbs beside the garment are left out


def _digit(image, color):
    opacity = _smooth(image > 80)[..., None]
    return _trim(np.concatenate([opacity * color, opacity], 2))


def _sign(name, rng):
    pixels = _signs()[SIGNS.index(name)]
    width = round(pixels.shape[1] * rng.uniform(0.75, 1))  # seen from the side
    return cv2.resize(pixels, (width, pixels.shape[0]), interpolation=cv2.INTER_AREA)


@functools.cache
def _signs():
    images = datasets.signs().images.astype("float32") / 255
    images[..., :3] *= images[..., 3:]
    return [_trim(image) for image in images]


def _dye(surroundings, rng):
    """Any hue, more or less vivid: of three, the colour that stands out most from the mean one around. float32 (3,)."""
    hsv = np.float32((0, 0.05, 0.5)) + np.float32((360, 0.65, 0.5)) * rng.random((3, 1, 3), "float32")
    colors = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[:, 0]
    return colors[np.argmax(np.abs(colors - surroundings).sum(1))]


def _smooth(mask):
    """Opacity of a mask of 28 pixels: rounded, so that its steps do not show once enlarged."""
    return cv2.GaussianBlur(mask.astype("float32"), (3, 3), 0.6)


def _trim(pixels):
    x, y, width, height = cv2.boundingRect((pixels[..., 3] >= 0.5).view("uint8"))
    margin = 2  # the soft edge
    pixels = cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    return np.ascontiguousarray(pixels[y : y + height + 2 * margin, x : x + width + 2 * margin])


# ── Backgrounds and light ──


class Light(NamedTuple):
    """What falls on the background and on the objects alike: gain (H, W, 3), and the sensor's noise."""

    gain: np.ndarray
    noise: float


def _background(split, size, rng):
    names = datasets.PHOTOS + datasets.TEXTURES
    pixels = background_part(names[rng.integers(len(names))], split)
    side = int(min(pixels.shape[:2]) * rng.uniform(0.6, 1))
    top, left = (rng.integers(length - side + 1) for length in pixels.shape[:2])
    crop = pixels[top : top + side, left : left + side]
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if 2 * size < side else cv2.INTER_LINEAR)
    return cv2.flip(crop, 1) if rng.random() < 0.5 else crop


@functools.cache
def background_part(name, split):
    """The part of a photograph that a split may show: float32 (H, W, 3). The grey textures are tinted. Lesson 4.1."""
    pixels = datasets.photo(name)
    cut = round(pixels.shape[1] * TRAIN_SHARE)
    part = pixels[:, :cut] if split == "train" else pixels[:, cut:]
    return np.ascontiguousarray(part * np.array(TEXTURE_COLORS.get(name, (1, 1, 1)), "float32"))


def _light(size, rng):
    warm, down, across = rng.uniform((-0.1, 0, 0), (0.1, 0.35, 0.35))
    ramp = np.linspace(0, 1, size, dtype="float32")
    fade = 1 - np.float32(down) * ramp[:, None] - np.float32(across) * ramp
    color = rng.uniform(0.8, 1.25) * np.array([1 + warm, 1, 1 - warm])
    return Light(fade[..., None] * color.astype("float32"), rng.uniform(0.005, 0.03))


def _expose(canvas, light, rng):
    """The picture a sensor takes of the canvas: lit, blurred a little, noisy, in uint8. Object and background alike."""
    picture = rng.standard_normal(canvas.shape, "float32")
    picture *= 255 * light.noise
    picture += cv2.GaussianBlur(canvas * (255 * light.gain), (3, 3), 0.6)
    return np.clip(picture, 0, 255, out=picture).round(out=picture).astype("uint8")


# ── Pasting ──


class Pasted(NamedTuple):
    """A cut-out in its place, whole, even what falls outside: top-left pixel, colours, what passes behind, mask."""

    top: int
    left: int
    colors: np.ndarray
    behind: np.ndarray
    mask: np.ndarray


def _warp(cutout, centre, length, angle):
    """Place a cut-out: centre (x, y) in pixels, longer side `length`, turned by `angle` degrees."""
    pixels = cutout.pixels
    scale = length / (max(pixels.shape[:2]) - 4)
    if scale < 0.7:  # bilinear warping would skip pixels
        sides = [max(round(side * scale), 3) for side in pixels.shape[1::-1]]
        pixels, scale = cv2.resize(pixels, sides, interpolation=cv2.INTER_AREA), 1.0
    height, width = pixels.shape[:2]
    cosine, sine = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
    reach = np.abs([[cosine, sine], [sine, cosine]]) @ [width / 2, height / 2]
    blur = 2 * round(0.03 * length) + 3
    left, top = np.floor(np.asarray(centre) - reach).astype(int) - 1
    right, bottom = np.ceil(np.asarray(centre) + reach).astype(int) + 1 + blur
    middle = np.array([width - 1, height - 1]) / 2
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack([turn, np.asarray(centre) - 0.5 - (left, top) - turn @ middle])
    warped = cv2.warpAffine(pixels, matrix, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR)
    # A soft shadow, below and to the right: the light always fades that way.
    shadow = cv2.blur(warped[..., 3], (blur, blur), anchor=(blur - 1, blur - 1), borderType=cv2.BORDER_CONSTANT)
    behind = (1 - warped[..., 3]) * (1 - 0.45 * shadow)
    return Pasted(int(top), int(left), cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR), behind, warped[..., 3] >= 0.5)


def _window(pasted, size):
    """Slices of the picture that an object covers, and the slices of the object that fall on them."""
    here, there = [], []
    for start, length in zip((pasted.top, pasted.left), pasted.mask.shape):
        low, high = max(start, 0), max(min(start + length, size), max(start, 0))
        here.append(slice(low, high))
        there.append(slice(low - start, high - start))
    return tuple(here), tuple(there)


def _paste(canvas, instances, pasted, label):
    """Draw an object over the canvas and the label map; return the part of its mask that is inside (H, W of both)."""
    here, there = _window(pasted, len(canvas))
    inside = pasted.mask[there]
    canvas[here] = canvas[here] * pasted.behind[there][..., None] + pasted.colors[there]
    instances[here][inside] = label
    return inside


def _box_of(inside, pasted):
    """Box of the part of a mask that is inside the frame."""
    x, y, width, height = cv2.boundingRect(inside.view("uint8"))
    left, top = max(pasted.left, 0) + x, max(pasted.top, 0) + y
    return left, top, left + width, top + height


def _add_somewhere(canvas, instances, areas, seen, cutout, rng, tries=60):
    """Paste an object where it and all those below stay visible enough, and say whether there was such a place.

    areas, seen: lists of what each object covers, whole and now, in pixels; both are kept up to date.
    """
    size = len(canvas)
    length = size * rng.uniform(SMALLEST, LARGEST)
    angle = rng.uniform(-cutout.turn, cutout.turn)
    for trial in range(tries):
        centre = rng.uniform(0.1 * size, 0.9 * size, 2)
        if trial % 10 == 0:  # smaller, when there is no place
            pasted = _warp(cutout, centre, length * 0.85 ** (trial // 10), angle)
            first, area = centre, int(pasted.mask.sum())
        top, left = np.round((pasted.top, pasted.left) + centre[::-1] - first[::-1]).astype(int)
        pasted, first = pasted._replace(top=int(top), left=int(left)), centre
        here, there = _window(pasted, size)
        inside = pasted.mask[there]
        hidden = np.bincount(instances[here][inside], minlength=len(areas) + 1)
        left_of_each = np.append(seen, hidden.sum()) - np.append(hidden[1:], 0)
        if np.all(left_of_each >= LEAST_VISIBLE * np.append(areas, area)):
            _paste(canvas, instances, pasted, len(areas) + 1)
            areas.append(area)
            seen[:] = left_of_each
            return True
    return False


# ── Moving ──


class Walk(NamedTuple):
    """Centre (T,) and (T,), angle in degrees (T,), and constant length of an object, frame by frame."""

    x: np.ndarray
    y: np.ndarray
    angle: np.ndarray
    length: float


def _walk(rank, size, frames, objects, rng):
    """The walk of object `rank`: even ones go right, odd ones left; the first half is inside when it starts."""
    length = size * rng.uniform(0.16, 0.3)
    span = size + length  # from just outside to just outside
    duration = rng.uniform(40, 80)
    if rank < (objects + 1) // 2:
        start = -duration * rng.uniform(0.2, 0.45)
    else:
        start = rng.uniform(0, 0.7 * frames)
    t = np.arange(frames)
    x = span * (t - start) / duration - length / 2
    sway = 2 * np.pi * (t / rng.uniform(12, 25) + rng.random())
    lane = size * rng.uniform(0.3, 0.75)
    return Walk(x if rank % 2 == 0 else size - x, lane + 0.015 * size * np.sin(sway), 4 * np.sin(sway / 2), length)


# ── What is asked for ──


def _require_setting(classes, split, size, seed):
    """What `compose` and `sequence` share; return the classes as a tuple."""
    _require_split(split)
    _require_integer("la graine", seed, 0, 2**32 - 1)
    _require_integer("le côté d'une image", size, 64, 2048)
    return _require_classes(classes)


def _require_classes(classes):
    if isinstance(classes, str) or not len(classes):
        raise ValueError(f'Attendu une suite de noms de classes, par exemple ("robe", "sac") ; reçu {classes!r}.')
    unknown = [name for name in classes if name not in GARMENTS + DIGITS + SIGNS]
    if unknown or len(set(classes)) < len(classes):
        raise ValueError(
            f"Classes inconnues ou répétées : {unknown or list(classes)}. "
            "Les noms connus sont dans scenes.GARMENTS, scenes.DIGITS et scenes.SIGNS."
        )
    return tuple(classes)


def _require_split(split):
    if split not in SPLITS:
        raise ValueError(f'Une partie s\'appelle "train" ou "test" ; reçu {split!r}.')


def _require_integer(what, value, low, high):
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"Attendu pour {what} : un entier de {low} à {high} ; reçu {value!r}.")


def _require_range(objects):
    if np.shape(objects) != (2,):
        raise ValueError(f"Attendu objects=(moins, plus), par exemple (1, 8) ; reçu {objects!r}.")
    fewest, most = objects
    _require_integer("le nombre d'objets le plus petit", fewest, 1, MOST_OBJECTS)
    _require_integer("le nombre d'objets le plus grand", most, fewest, MOST_OBJECTS)
    return fewest, most
