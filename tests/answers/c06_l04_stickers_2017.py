"""Answers of lesson 6.4."""

import numpy as np
import tensorflow as tf
from scipy import signal


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


# --- Right, written otherwise --------------------------------------------------------------------------


def _painted_pixels(drawing, change, mask):
    painted, inside = drawing.astype("float32"), mask.astype(bool)
    painted[inside, :3] += change[inside]
    return painted.clip(0, 1)


def _pixel_by_pixel(drawing, change, mask):
    painted = np.array(drawing)
    for i, j, k in np.ndindex(change.shape):
        if mask[i, j]:
            painted[i, j, k] = min(1, max(0, drawing[i, j, k] + change[i, j, k]))
    return painted


def _running_sum(colors, mask, gradient_of, views, rate):
    total = 0
    for view in views:
        total = total + gradient_of(colors=colors, view=view)
    colors[mask == 1] -= rate * np.sign(total[mask == 1])
    return np.clip(colors, 0, 1, out=colors)


def _tensor_step(colors, mask, gradient_of, views, rate):
    colors = tf.constant(colors, tf.float32)
    slopes = tf.stack([tf.cast(gradient_of(colors, view), tf.float32) for view in views])
    step = rate * tf.sign(tf.reduce_mean(slopes, axis=0))
    return tf.clip_by_value(tf.where(mask[..., None] > 0, colors - step, colors), 0, 1)


def _integral(heat, allowed, height, width):
    def sums(values):
        total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
        total[1:, 1:] = values.cumsum(0).cumsum(1)
        return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]

    scores = np.where(sums(allowed.astype(int)) == height * width, sums(heat), -np.inf)
    return np.argwhere(scores == scores.max())[0]


def _filtered(heat, allowed, height, width):
    ones = np.ones((height, width))
    score = signal.convolve2d(heat, ones, "valid")
    score[signal.convolve2d(~allowed, ones, "valid") > 0.5] = 0
    return list(divmod(int(score.argmax()), score.shape[1]))


RIGHT = {
    "paste": [
        _painted_pixels,  # boolean index, float32
        _pixel_by_pixel,  # loops
        lambda d, c, m: np.dstack([np.clip(d[..., :3] + m[..., None] * c, 0, 1), d[..., 3]]),
    ],
    "robust_step": [
        _running_sum,  # the sum has the sign of the mean; by keyword, in place
        _tensor_step,  # float32 tensors
        lambda c, m, g, v, r: np.clip(c + np.where(m, -r, 0)[..., None] * np.sign(sum(g(c, one) for one in v)), 0, 1),
    ],
    "best_place": [
        _place,  # loops, a tuple of int
        _integral,  # an array
        _filtered,  # a list
    ],
}
