"""Answers of lesson 6.4."""

import numpy as np


def _paste(drawing, change, mask, *, masked=True, clip=True, opacity=True, replace=False):
    out = drawing.copy()
    size = mask[..., None] * change if masked else change
    out[..., :3] = np.where(mask[..., None] > 0, change, drawing[..., :3]) if replace else drawing[..., :3] + size
    if not opacity:
        out[..., 3] = mask
    return np.clip(out, 0, 1) if clip else out


def _step(colors, mask, gradient_of, views, rate, *, only=None, signs=False, sign=True, masked=True, clip=True, way=-1):
    slopes = np.array([gradient_of(colors, view) for view in (views if only is None else views[only])])
    mean = np.sign(slopes).mean(0) if signs else slopes.mean(0)
    move = way * rate * (np.sign(mean) if sign and not signs else mean)
    out = colors + (mask[..., None] * move if masked else move)
    return np.clip(out, 0, 1) if clip else out


def _one_after_another(colors, mask, gradient_of, views, rate):
    for view in views:
        colors = np.clip(colors - rate * mask[..., None] * np.sign(gradient_of(colors, view)), 0, 1)
    return colors


def _place(heat, allowed, height, width, *, check=True, step=1, swap=False, hottest=False, centre=False):
    best, where = -np.inf, (0, 0)
    for top in range(0, heat.shape[0] - height + 1, step):
        for left in range(0, heat.shape[1] - width + 1, step):
            window = slice(top, top + height), slice(left, left + width)
            score = heat[window].max() if hottest else heat[window].sum()
            if (not check or allowed[window].all()) and score > best:
                best, where = score, (top, left)
    if centre:
        where = where[0] + height // 2, where[1] + width // 2
    return where[::-1] if swap else where


WRONG = {
    "paste": [
        lambda d, c, m: _paste(d, c, m, masked=False),
        lambda d, c, m: _paste(d, c, m, clip=False),
        lambda d, c, m: _paste(d, c, m, opacity=False),
        lambda d, c, m: _paste(d, c, m, replace=True),
        lambda d, c, m: _paste(d, c, m)[..., :3],
    ],
    "robust_step": [
        lambda *a: _step(*a, only=slice(0, 1)),
        lambda *a: _step(*a, signs=True),
        lambda *a: _step(*a, sign=False),
        lambda *a: _step(*a, masked=False),
        lambda *a: _step(*a, clip=False),
        lambda *a: _step(*a, way=1),
        _one_after_another,
    ],
    "best_place": [
        lambda *a: _place(*a, check=False),
        lambda *a: _place(*a, step=2),
        lambda *a: _place(*a, swap=True),
        lambda *a: _place(*a, hottest=True),
        lambda *a: _place(*a, centre=True),
    ],
}
