"""Answers of lesson 6.2."""

import numpy as np


def _one_pixel(x, w, b):
    """Reaches the plane by its steepest pixel only."""
    r, i = np.zeros_like(x), np.abs(w).argmax()
    r[i] = -(w @ x + b) / w[i]
    return r


def _pgd(gradient_of, x, epsilon, step, steps, *, project="start", clip=True, again=True, sign=True):
    image, first = x, None
    for _ in range(steps):
        if again or first is None:
            first = gradient_of(image)
        before = image
        image = image + step * (np.sign(first) if sign else first)
        centre = {"start": x, "moving": before}.get(project)
        if centre is not None:
            image = np.clip(image, centre - epsilon, centre + epsilon)
        image = np.clip(image, 0, 1) if clip else image
    return image


WRONG = {
    "nearest": [
        lambda x, w, b: (w @ x + b) / (w @ w) * w,
        lambda x, w, b: -(w @ x + b) / np.linalg.norm(w) * w,
        lambda x, w, b: x - (w @ x + b) / (w @ w) * w,  # the point, not the change
        _one_pixel,
        lambda x, w, b: -(w @ x) / (w @ w) * w,  # no offset
    ],
    "fgsm": [
        lambda x, g, e: x + e * np.sign(g),
        lambda x, g, e: np.clip(x - e * np.sign(g), 0, 1),
        lambda x, g, e: np.clip(x + e * g, 0, 1),
        lambda x, g, e: np.clip(x + np.sign(g), 0, 1),
    ],
    "pgd": [
        lambda *a: _pgd(*a, project=None),
        lambda *a: _pgd(*a, project="moving"),
        lambda *a: _pgd(*a, clip=False),
        lambda *a: _pgd(*a, again=False),
        lambda *a: _pgd(*a, sign=False),
        lambda g, x, e, s, n: _pgd(g, x, e, e, 1),  # one step of epsilon: FGSM
    ],
}
