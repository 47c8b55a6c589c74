"""Answers of lesson 4.4."""

import cv2
import numpy as np
from keras import ops
from scipy import interpolate, ndimage
from skimage import measure


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


def _panoptic_by_loops(overlap):
    """Counts of TP, FP and FN, in plain Python: a list."""
    total, found = 0.0, 0
    for row in overlap.tolist():
        for value in row:
            if value > 0.5:
                total, found = total + value, found + 1
    false, missed = len(overlap[0]) - found, len(overlap) - found
    if found == 0:
        return [0, 0, 0]
    sq, rq = total / found, found / (found + false / 2 + missed / 2)
    return [sq, rq, sq * rq]


def _panoptic_in_an_array(overlap):
    """The best of each row, which is its only partner; an array of three numbers."""
    best = overlap.max(axis=1, initial=0)
    tp = np.sum(best > 0.5)
    fn, fp = len(overlap) - tp, overlap.shape[1] - tp
    sq = np.sum(best[best > 0.5]) / max(tp, 1)
    rq = tp / (tp + 0.5 * fp + 0.5 * fn)
    return np.array([sq, rq, sq * rq])


def _panoptic_by_tensors(overlap):
    paired = ops.cast(overlap > 0.5, "float32")
    tp = ops.sum(paired)
    recognition = 2 * tp / (overlap.shape[0] + overlap.shape[1])
    mean = ops.divide_no_nan(ops.sum(paired * ops.cast(overlap, "float32")), tp)
    return mean, recognition, mean * recognition


def _markers_by_loops(distance, spacing):
    top = np.zeros(distance.shape, dtype=bool)
    for y in range(distance.shape[0]):
        for x in range(distance.shape[1]):
            window = distance[max(0, y - spacing) : y + spacing + 1, max(0, x - spacing) : x + spacing + 1]
            top[y, x] = distance[y, x] > 0 and distance[y, x] == window.max()
    return ndimage.label(top, structure=ndimage.generate_binary_structure(2, 2))[0]


def _markers_by_dilation(distance, spacing):
    """OpenCV's dilation, scikit-image's labels: int64."""
    highest = cv2.dilate(distance, np.ones((2 * spacing + 1, 2 * spacing + 1), np.uint8))
    return measure.label((distance >= highest) & (distance != 0), connectivity=2)


def _markers_by_footprint(distance, spacing):
    """A mask for footprint, 0 outside; numbers written in floats."""
    square = np.ones((2 * spacing + 1,) * 2, bool)
    top = distance == ndimage.maximum_filter(distance, footprint=square, mode="constant")
    top[distance == 0] = False
    labels, _ = ndimage.label(top, [[1, 1, 1]] * 3)
    return labels.astype("float32")


def _roi_by_loops(features, box, size, samples=2):
    """Point by point, with the four neighbours."""
    x1, y1, x2, y2 = box
    height, width = features.shape

    def read(x, y):
        u, v = min(max(x - 0.5, 0), width - 1), min(max(y - 0.5, 0), height - 1)
        left, top = min(int(u), width - 2), min(int(v), height - 2)
        f, g = u - left, v - top
        above = (1 - f) * features[top, left] + f * features[top, left + 1]
        below = (1 - f) * features[top + 1, left] + f * features[top + 1, left + 1]
        return (1 - g) * above + g * below

    wide, high = (x2 - x1) / size, (y2 - y1) / size
    result = np.zeros((size, size), "float32")
    for i, j in np.ndindex(size, size):
        for k in range(samples):
            for m in range(samples):
                x, y = x1 + wide * (j + (m + 0.5) / samples), y1 + high * (i + (k + 0.5) / samples)
                result[i, j] += read(x, y) / samples**2
    return result


def _roi_by_matrices(features, box, size, samples=2):
    """Hats: the share of each pixel in each point, then in each cell. Tensors, float32."""

    def shares(first, last, length):
        places = ops.linspace(first, last, 2 * size * samples + 1)[1::2] - 0.5
        places = ops.clip(ops.cast(places, "float32"), 0, length - 1)
        hats = ops.relu(1 - ops.abs(places[:, None] - ops.arange(length, dtype="float32")))
        return ops.mean(ops.reshape(hats, (size, samples, length)), axis=1)

    rows, columns = shares(box[1], box[3], features.shape[0]), shares(box[0], box[2], features.shape[1])
    return rows @ ops.cast(features, "float32") @ ops.transpose(columns)


def _roi_by_interpolator(features, box, size, samples=2):
    """The box is an array, as the rows of boxes are elsewhere: its corners are subtracted."""
    first, sides = box[:2], box[2:] - box[:2]
    edges = [first[axis] + sides[axis] * np.linspace(0, 1, size * samples + 1) for axis in (1, 0)]
    middles = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    centers = [np.arange(length) + 0.5 for length in features.shape]
    inside = [np.clip(points, center[0], center[-1]) for points, center in zip(middles, centers)]
    grid = np.stack(np.meshgrid(*inside, indexing="ij"), axis=-1)
    read = interpolate.RegularGridInterpolator(centers, features)(grid)
    return measure.block_reduce(read, samples, np.mean)


RIGHT = {
    "panoptic_quality": [_panoptic_by_loops, _panoptic_in_an_array, _panoptic_by_tensors],
    "markers": [_markers_by_loops, _markers_by_dilation, _markers_by_footprint],
    "roi_align": [_roi_by_loops, _roi_by_matrices, _roi_by_interpolator],
}
