"""Answers of lesson 4.2."""

import functools
import math

import numpy as np
from keras import ops

from labs import boxes


def _count(sections, *, per_map=4, bias_too=False, add=True, groups=True):
    maps, total = [], 0
    for section in sections:
        options, before = section.options, maps[-1] if maps else 3
        if section.kind == "convolutional":
            filters, size = int(options["filters"]), int(options["size"])
            normalised = options.get("batch_normalize") == "1"
            total += filters * (before * size**2 + (per_map + bias_too if normalised else 1))
            before = filters
        elif section.kind == "route":
            sources = [maps[int(rank)] for rank in options["layers"].split(",")]
            before = (sum(sources) if add else sources[0]) // (int(options.get("groups", 1)) if groups else 1)
        maps.append(before)
    return total


def _decode(t, cell, anchor, stride, scale=1.0, *, squash=True, centred=True, corners=True, swap=False, unit=1):
    shift = scale * (1 / (1 + np.exp(-t[:2])) if squash else t[:2]) - (scale - 1) / 2 * centred
    center = stride * (np.array(cell[::-1] if swap else cell) + shift)
    sides = np.array(anchor) * np.exp(t[2:]) * (stride if unit != 1 else 1)
    return np.concatenate([center - sides / 2, center + sides / 2] if corners else [center, sides])


def _suppress(places, scores, threshold, *, sign=-1, power=1.0, ordered=True):
    left, kept = np.argsort(-scores), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        centers = (places[:, :2] + places[:, 2:]) / 2
        hull = np.maximum(places[left, 2:], places[best, 2:]) - np.minimum(places[left, :2], places[best, :2])
        gap = ((centers[left] - centers[best]) ** 2).sum(axis=1) / (hull**2).sum(axis=1)
        overlap = boxes.iou(places[best][None], places[left])[0] if left.size else np.zeros(0)
        left = left[overlap + sign * gap**power <= threshold]
    return np.array(kept if ordered else sorted(kept))


WRONG = {
    "count_floats": [
        lambda sections: _count(sections, per_map=2),  # forgets mean and variance
        lambda sections: _count(sections, bias_too=True),
        lambda sections: _count(sections, add=False),  # the first layer of a route only
        lambda sections: _count(sections, groups=False),
        lambda sections: sum(int(s.options.get("filters", 0)) for s in sections),
    ],
    "decode": [
        lambda *given: _decode(*given, squash=False),
        lambda *given: _decode(*given, centred=False),
        lambda *given: _decode(*given, corners=False),
        lambda *given: _decode(*given, swap=True),
        lambda *given: _decode(*given, unit=2),  # anchors taken in cells
        lambda t, cell, anchor, stride, scale: _decode(t, cell, anchor, stride),
    ],
    "diou_nms": [
        lambda places, scores, threshold: boxes.nms(places, scores, threshold),  # by IoU alone
        lambda places, scores, threshold: _suppress(places, scores, threshold, sign=1),
        lambda places, scores, threshold: _suppress(places, scores, threshold - 1e-9),  # a number equal to it
        lambda places, scores, threshold: _suppress(places, scores, threshold, power=0.5),
        lambda places, scores, threshold: _suppress(places, scores, threshold, ordered=False),
    ],
}


def _count_by_recursion(sections):
    """What goes out of section i, asked of those that it reads; section -1 is the picture."""

    @functools.cache
    def maps(rank):
        if rank < 0:
            return 3
        section = sections[rank]
        if section.kind == "convolutional":
            return int(section.options["filters"])
        if section.kind == "route":
            layers = map(int, section.options["layers"].split(","))
            total = sum(maps(layer if layer >= 0 else rank + layer) for layer in layers)
            return total // 2 if section.options.get("groups") == "2" else total
        return maps(rank - 1)

    count = 0
    for rank, section in enumerate(sections):
        if section.kind == "convolutional":
            filters, size = int(section.options["filters"]), int(section.options["size"])
            extra = 4 * filters if int(section.options.get("batch_normalize", 0)) else filters
            count += filters * size * size * maps(rank - 1) + extra
    return count


def _count_in_floats(sections):
    """The list of the maps starts with the picture; products in float64, and / instead of //."""
    maps, total = [3.0], 0.0
    for section in sections:
        given = maps[-1]
        match section.kind:
            case "convolutional":
                filters, size = float(section.options["filters"]), float(section.options["size"])
                total += filters * (size**2 * given + (4 if "batch_normalize" in section.options else 1))
                given = filters
            case "route":
                ranks = np.array(section.options["layers"].split(","), int)
                given = np.array(maps)[np.where(ranks < 0, ranks, ranks + 1)].sum()
                given = given / int(section.options.get("groups", 1))
        maps.append(given)
    return total


def _decode_by_numbers(t, cell, anchor, stride, scale=1.0):
    """Plain Python, the four numbers in a list."""
    tx, ty, tw, th = t
    column, row = cell
    x = (column + scale * (1 / (1 + math.exp(-tx)) - 0.5) + 0.5) * stride
    y = (row + scale * (1 / (1 + math.exp(-ty)) - 0.5) + 0.5) * stride
    width, height = anchor[0] * math.exp(tw), anchor[1] * math.exp(th)
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _decode_by_tensors(t, cell, anchor, stride, scale=1.0):
    """float32 tensors; the second corner from the first."""
    t, cell, anchor = (ops.convert_to_tensor(some, "float32") for some in (t, cell, anchor))
    sides = anchor * ops.exp(t[2:])
    first = (cell + scale * ops.sigmoid(t[:2]) - (scale - 1) / 2) * stride - sides / 2
    return ops.concatenate([first, first + sides])


def _suppress_by_pairs(places, scores, threshold):
    """One box against each of those kept, with distances of square roots."""
    kept = []
    for rank in np.argsort(scores)[::-1]:
        for other in kept:
            (a, b, c, d), (e, f, g, h) = places[rank], places[other]
            distance = np.hypot((a + c - e - g) / 2, (b + d - f - h) / 2)
            diagonal = np.hypot(max(c, g) - min(a, e), max(d, h) - min(b, f))
            if boxes.iou(places[[rank]], places[[other]]).item() - (distance / diagonal) ** 2 > threshold:
                break
        else:
            kept.append(int(rank))
    return kept


def _suppress_by_matrix(places, scores, threshold):
    """The number of each pair, once for all; a tensor of ranks."""
    a, b = places[:, None], places[None]
    rho = np.sum(((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2) ** 2, axis=-1)
    c = np.sum((np.maximum(a, b)[..., 2:] - np.minimum(a, b)[..., :2]) ** 2, axis=-1)
    number, alive, kept = boxes.iou(places, places) - rho / c, np.ones(len(scores), bool), []
    while alive.any():
        best = np.argmax(np.where(alive, scores, -np.inf))
        kept.append(best)
        alive &= number[best] <= threshold
        alive[best] = False
    return ops.convert_to_tensor(kept)


RIGHT = {
    "count_floats": [_count_by_recursion, _count_in_floats],
    "decode": [_decode_by_numbers, _decode_by_tensors],
    "diou_nms": [_suppress_by_pairs, _suppress_by_matrix],
}
