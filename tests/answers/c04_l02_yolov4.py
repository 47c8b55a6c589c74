"""Answers of lesson 4.2."""

import numpy as np

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
        lambda places, scores, threshold: _suppress(places, scores, threshold, power=0.5),
        lambda places, scores, threshold: _suppress(places, scores, threshold, ordered=False),
    ],
}
