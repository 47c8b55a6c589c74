"""Detection: any images in, boxes out. Chapters 4 and 5."""

from typing import NamedTuple

import cv2
import numpy as np

from labs import boxes as box
from labs.yolo import darknet

GREY = 0.5  # what Darknet puts around a letterboxed image


class Letterbox(NamedTuple):
    """An image fitted whole into a canvas, grey around; and where it went: canvas = image × scale + shift, (x, y)."""

    image: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def place(self, boxes):
        """From the pixels of the image to those of the canvas: (N, 4)."""
        return boxes * np.tile(self.scale, 2) + np.tile(self.shift, 2)

    def restore(self, boxes):
        """From the pixels of the canvas to those of the image: the exact inverse of `place`."""
        return (boxes - np.tile(self.shift, 2)) / np.tile(self.scale, 2)


def letterbox(image, size):
    """Fit an image (H, W, 3) into (height, width) = size, its proportions kept, centred on grey: Letterbox. Lesson 4.2.

    The type stays: uint8, or float32 in [0, 1]. The sides are rounded to whole pixels: the two scales may differ a bit.
    """
    height, width = image.shape[:2]
    ratio = min(size[0] / height, size[1] / width)
    inner = [max(1, round(side * ratio)) for side in (width, height)]
    shift = [(outer - side) // 2 for outer, side in zip(size[::-1], inner)]
    canvas = np.full((*size, 3), 128 if image.dtype == np.uint8 else GREY, image.dtype)
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    resized = image if inner == [width, height] else cv2.resize(image, inner, interpolation=how)
    canvas[shift[1] : shift[1] + inner[1], shift[0] : shift[0] + inner[0]] = resized
    return Letterbox(canvas, np.array(inner) / (width, height), np.array(shift, "float64"))


class Detections(NamedTuple):
    """What was found in an image, best score first.

    boxes: float32 (K, 4), x1, y1, x2, y2 in the pixels of the image, cut at its border.
    scores: float32 (K,), objectness × probability of the best class.
    classes: int64 (K,), the best class.
    probabilities: float32 (K, C), of each class if there is an object; each its own sigmoid: no sum of 1.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray

    @property
    def objectness(self):
        """Probability that the box holds an object, whatever its class: (K,)."""
        return self.scores / self.probabilities[np.arange(len(self.classes)), self.classes]


def detect(model, images, score_threshold=0.25, iou_threshold=0.45, *, batch_size=8):
    """Detections of each image: letterbox, the compiled network by batches, class-wise `boxes.nms`. Lesson 4.2.

    Args:
        images: list of RGB images (H, W, 3) of any sizes, or one array (N, H, W, 3); float in [0, 1], or uint8.
        score_threshold: in ]0, 1[; boxes whose best score is not above are dropped.

    Returns:
        list of Detections, one an image; boxes that lie wholly in the grey border are dropped.

    Raises:
        ValueError, TypeError: the message says what was given; a network whose outputs are not finite is refused too.
    """
    darknet.heads(model)
    if not 0 < score_threshold < 1:
        raise ValueError(f"Le seuil de score est dans ]0, 1[, par exemple 0.25 ; reçu {score_threshold}.")
    if isinstance(images, np.ndarray) and images.ndim == 3:
        raise ValueError(f"Attendu une liste d'images ; reçu une seule image {images.shape} : écrivez [image].")
    images = [_require_image(image, rank) for rank, image in enumerate(images)]
    found = []
    for start in range(0, len(images), batch_size):
        fitted = [letterbox(image, model.input_shape[1:3]) for image in images[start : start + batch_size]]
        batch = np.stack([_as_float(one.image) for one in fitted])
        outputs = model.predict_on_batch(batch)
        rows = np.concatenate(outputs if isinstance(outputs, list) else [outputs], axis=1)
        if not np.isfinite(rows).all():
            raise ValueError(f"Les sorties de « {model.name} » ne sont pas finies : ses poids ont divergé.")
        for one, image, some in zip(fitted, images[start:], rows):
            found.append(_select(one, image.shape, some, score_threshold, iou_threshold))
    return found


def _require_image(image, rank):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            f"Attendu des images en couleurs (H, L, 3) ; l'image de rang {rank} est {image.shape}. "
            "Une image grise se répète sur trois canaux ; une image vide vient souvent d'un fichier mal lu."
        )
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"Attendu des nombres de [0, 1], ou des octets (uint8) ; l'image {rank} est {image.dtype}.")
    if not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(
            f"Attendu des valeurs de [0, 1] ; l'image {rank} va de {image.min():.3g} à {image.max():.3g} : "
            "divisez par 255, ou laissez les octets en uint8."
        )
    return image.astype("float32", copy=False)


def _as_float(canvas):
    return canvas.astype("float32") / 255 if canvas.dtype == np.uint8 else canvas


def _select(fitted, shape, rows, score_threshold, iou_threshold):
    rows = rows[rows[:, 4] > score_threshold]  # a score is at most the objectness
    classes = rows[:, 5:].argmax(axis=1)
    scores = rows[np.arange(len(rows)), 5 + classes]
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    places = fitted.restore(corners * np.tile(fitted.image.shape[1::-1], 2))
    places = np.clip(places, 0, np.tile(shape[1::-1], 2)).astype("float32")
    kept = np.flatnonzero((scores > score_threshold) & (places[:, 2:] > places[:, :2]).all(axis=1))
    kept = kept[box.nms(places[kept], scores[kept], iou_threshold, classes[kept])]
    return Detections(places[kept], scores[kept], classes[kept], rows[kept, 5:] / rows[kept, 4:5])
