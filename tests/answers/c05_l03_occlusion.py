"""Answers of lesson 5.3."""

import cv2
import keras
import numpy as np
from scipy import integrate
from sklearn import metrics


def _occlusion(score, image, patch, stride, baseline, *, sign=1, mean=True, whole=True, copy=True):
    total, count = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    start = score(image)
    for top in range(0, image.shape[0] - patch + 1, stride):
        for left in range(0, image.shape[1] - patch + 1, stride):
            hidden = image.copy() if copy else image
            hidden[top : top + patch, left : left + patch] = baseline
            side = patch if whole else 1
            total[top : top + side, left : left + side] += sign * (start - score(hidden))
            count[top : top + side, left : left + side] += 1
    return total / np.maximum(count, 1) if mean else total


def _mask(grid, cell, shift, *, way=cv2.INTER_LINEAR, more=1, crop=True):
    height, width = (side * cell for side in grid.shape)
    large = cv2.resize(grid, (width + more * cell, height + more * cell), interpolation=way)
    return large[shift[0] : shift[0] + height, shift[1] : shift[1] + width] if crop else large


def _curve(score, image, heatmap, baseline, steps, *, sign=-1, first=0, copy=True):
    order, curve = np.argsort(sign * heatmap, axis=None, kind="stable"), []
    now = image.copy() if copy else image
    for done in range(first, steps + 1):
        now.reshape(-1, 3)[order[: round(done / steps * heatmap.size)]] = baseline
        curve.append(score(now))
    return np.array(curve)


def _some_left(score, image, heatmap, baseline, steps):
    """As many pixels at each step: some are left when the steps do not divide them."""
    order, now = np.argsort(-heatmap.ravel()), image.copy()
    curve = [score(now)]
    for some in np.split(order[: order.size // steps * steps], steps):
        now.reshape(-1, image.shape[-1])[some] = baseline
        curve.append(score(now))
    return np.array(curve), np.trapezoid(curve, dx=1 / steps)


WRONG = {
    "occlusion_map": [
        lambda *given: _occlusion(*given, sign=-1),
        lambda *given: _occlusion(*given, mean=False),
        lambda *given: _occlusion(*given, whole=False),
        lambda *given: _occlusion(*given, copy=False),
    ],
    "rise_mask": [
        lambda *given: _mask(*given, way=cv2.INTER_NEAREST),
        lambda grid, cell, shift: _mask(grid, cell, (0, 0), more=0),
        lambda grid, cell, shift: _mask(grid, cell, (0, 0)),
        lambda grid, cell, shift: _mask(grid, cell, shift[::-1]),
        lambda *given: _mask(*given, crop=False),
    ],
    "deletion_curve": [
        _some_left,
        lambda *given: (c := _curve(*given, sign=1), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: (c := _curve(*given), np.trapezoid(c)),
        lambda *given: (c := _curve(*given), c.mean()),
        lambda *given: (c := _curve(*given, first=1), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: (c := _curve(*given, copy=False), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: _curve(*given),  # no area
    ],
}


# --- Right, written otherwise --------------------------------------------------------------------------


def _put_back(score, image, patch, stride, baseline):
    total, count = np.zeros(image.shape[:2], "float32"), np.zeros(image.shape[:2], "uint8")
    reference = score(image)
    top = 0
    while top + patch <= image.shape[0]:
        left = 0
        while left + patch <= image.shape[1]:
            square = image[top : top + patch, left : left + patch]
            kept = square.copy()
            square[:] = baseline
            total[top : top + patch, left : left + patch] += reference - score(image)
            count[top : top + patch, left : left + patch] += 1
            square[:] = kept
            left += stride
        top += stride
    return total / count


def _tensor_occlusion(score, image, patch, stride, baseline):
    total, count = 0, 0
    rows, columns = np.indices(image.shape[:2])
    for top in range(0, image.shape[0] - patch + 1, stride):
        for left in range(0, image.shape[1] - patch + 1, stride):
            inside = (rows >= top) & (rows < top + patch) & (columns >= left) & (columns < left + patch)
            total += inside * (score(image) - score(keras.ops.where(inside[..., None], baseline, image)))
            count += inside.astype(int)
    return total / count


def _by_factors(grid, cell, shift):
    (height, width), (top, left) = grid.shape, shift
    large = cv2.resize(grid.astype("float64"), None, fx=(width + 1) * cell / width, fy=(height + 1) * cell / height)
    return np.clip(large, 0, 1)[np.arange(top, top + height * cell)][:, np.arange(left, left + width * cell)]


def _pixel_by_pixel(score, image, heatmap, baseline, steps):
    left = sorted(((value, place) for place, value in np.ndenumerate(heatmap)), reverse=True)
    now, curve = image.astype("float32"), [score(image)]
    for step in range(1, steps + 1):
        for _, (row, column) in left[: len(left) * step // steps]:
            now[row, column, :] = baseline
        curve.append(score(now))
    area = sum((before + after) / 2 for before, after in zip(curve[:-1], curve[1:])) / steps
    return [curve, area]


def _by_threshold(score, image, heatmap, baseline, steps):
    shares = np.linspace(0, 1, steps + 1)
    curve = np.zeros(steps + 1, "float32")
    for step, share in enumerate(shares):
        count = int(round(share * heatmap.size))
        gone = heatmap > np.sort(heatmap, axis=None)[::-1][count] if count < heatmap.size else heatmap == heatmap
        curve[step] = score(image * ~gone[..., None] + baseline * gone[..., None])
    return curve, integrate.trapezoid(curve, shares)


def _tensor_deletion(score, image, heatmap, baseline, steps):
    ranks = np.argsort(np.argsort(-heatmap.ravel())).reshape(*heatmap.shape, 1)
    counts = [heatmap.size * step // steps for step in range(steps + 1)]
    curve = [score(keras.ops.where(ranks < count, baseline, image)) for count in counts]
    return keras.ops.array(curve), metrics.auc(np.arange(steps + 1) / steps, curve)


def _maximum_by_maximum(score, image, heatmap, baseline, steps):
    """The largest value that is left, once a pixel; a running area."""
    left, now, size = heatmap.copy(), image.copy(), heatmap.size
    curve, erased = [score(now)], 0
    for k in range(1, steps + 1):
        while erased < round(k / steps * size):
            where = np.unravel_index(left.argmax(), left.shape)
            left[where], now[where], erased = -np.inf, baseline, erased + 1
        curve.append(score(now))
    return curve, sum((a + b) / 2 for a, b in zip(curve, curve[1:])) / steps


RIGHT = {
    "occlusion_map": [
        _put_back,  # hides in the image itself, then puts it back; float32
        _tensor_occlusion,  # score of a tensor
    ],
    "rise_mask": [
        _by_factors,  # fx and fy, float64, indices
        lambda grid, cell, shift: _mask(grid, cell, np.array(shift), way=cv2.INTER_LINEAR_EXACT),
    ],
    "deletion_curve": [
        _pixel_by_pixel,  # floats in lists, float32 images
        _by_threshold,  # float32
        _maximum_by_maximum,
        _tensor_deletion,  # score of a tensor
    ],
}
