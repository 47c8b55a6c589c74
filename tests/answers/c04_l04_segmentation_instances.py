"""Answers of lesson 4.4."""

import numpy as np
from scipy import ndimage


def _panoptic(overlap, *, strict=True, weight=0.5, over="pairs", safe=True):
    pairs = overlap[overlap > 0.5] if strict else overlap[overlap >= 0.5]
    false, missed = overlap.shape[1] - len(pairs), overlap.shape[0] - len(pairs)
    quality = len(pairs) / (len(pairs) + weight * (false + missed))
    count = {"pairs": len(pairs), "truth": overlap.shape[0]}[over]
    mean = pairs.sum() / (max(count, 1) if safe else np.float64(count))
    return mean, quality, mean * quality


def _markers(distance, *, size, positive=True, corners=True):
    top = distance == ndimage.maximum_filter(distance, size)
    top &= (distance > 0) | (not positive)
    return ndimage.label(top, np.ones((3, 3)) if corners else None)[0]


def _roi_align(features, box, size, samples, *, half=0.5, order=1, total=False, places=None):
    if places is None:
        places = (np.arange(size * samples) + 0.5) / (size * samples)
    x, y = (box[axis] + (box[axis + 2] - box[axis]) * places - half for axis in (0, 1))
    read = ndimage.map_coordinates(features, np.meshgrid(y, x, indexing="ij"), order=order, mode="nearest")
    read = read.reshape(size, samples, size, samples)
    return read.sum(axis=(1, 3)) if total else read.mean(axis=(1, 3))


def _roi_pool(features, box, size, samples):
    """Rounded, then the largest of the pixels of each cell."""
    x1, y1, x2, y2 = np.clip(np.round(box), 0, (*features.shape[::-1],) * 2).astype(int)
    part = features[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
    cells = [np.array_split(row, size, axis=1) for row in np.array_split(part, size, axis=0)]
    return np.array([[cell.max(initial=-9) for cell in row] for row in cells])


WRONG = {
    "panoptic_quality": [
        lambda o: _panoptic(o, strict=False),
        lambda o: _panoptic(o, weight=1.0),
        lambda o: _panoptic(o, over="truth"),
        lambda o: _panoptic(o, safe=False),
        lambda o: (_panoptic(o)[1], _panoptic(o)[0], _panoptic(o)[2]),
        lambda o: _panoptic(o)[2],
    ],
    "markers": [
        lambda d, s: _markers(d, size=s),
        lambda d, s: _markers(d, size=2 * s + 1, positive=False),
        lambda d, s: _markers(d, size=2 * s + 1, corners=False),
        lambda d, s: _markers(d, size=2 * s + 1) > 0,
        lambda d, s: ndimage.label(d > 0.5 * d.max())[0],  # a global threshold
    ],
    "roi_align": [
        lambda f, b, n, s: _roi_align(f, b, n, s, half=0.0),
        lambda f, b, n, s: _roi_align(f, b, n, s, order=0),
        lambda f, b, n, s: _roi_align(f, np.round(b), n, s),
        lambda f, b, n, s: _roi_align(f, b, n, 1),
        lambda f, b, n, s: _roi_align(f, b, n, s, total=True),
        lambda f, b, n, s: _roi_align(f, b, n, s, places=np.linspace(0, 1, n * s)),
        lambda f, b, n, s: _roi_align(f, b, n, s).T,
        _roi_pool,
    ],
}
