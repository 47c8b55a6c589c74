"""Answers of lesson 5.3."""

import cv2
import numpy as np


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
        lambda *given: (c := _curve(*given, sign=1), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: (c := _curve(*given), np.trapezoid(c)),
        lambda *given: (c := _curve(*given), c.mean()),
        lambda *given: (c := _curve(*given, first=1), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: (c := _curve(*given, copy=False), np.trapezoid(c, dx=1 / given[-1])),
        lambda *given: _curve(*given),  # no area
    ],
}
