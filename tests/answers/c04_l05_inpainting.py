"""Answers of lesson 4.5."""

import numpy as np


def _psnr(truth, output, holes, *, inside=True, per="hole", sign=-10, log=np.log10, together=False, channels=True):
    squares = (output - truth) ** 2 * (holes[..., None] if inside else 1)
    counts = holes.sum(axis=(1, 2)) if per == "hole" else np.full(len(truth), holes[0].size)
    if channels:
        counts = counts * truth.shape[-1]
    sums = squares.sum(axis=(1, 2, 3))
    if together:
        sums, counts = np.full(len(truth), sums.sum()), counts.sum()
    return sign * log(sums / counts)


def _windows(values, kernel):
    return np.lib.stride_tricks.sliding_window_view(values, kernel.shape)


def _partial(image, mask, kernel, bias, *, scale=True, hide=True, empty=0.0, update="any", late=False, mean=False):
    known = _windows(mask, kernel).sum(axis=(2, 3))
    values = np.einsum("ijab,ab->ij", _windows(image * mask if hide else image, kernel), kernel)
    share = np.where(known > 0, (1 if mean else kernel.size) / np.maximum(known, 1), 0) if scale else 1
    values = (values + bias) * share if late else values * share + bias
    side = len(kernel) // 2
    masks = {
        "any": known > 0,
        "all": known == kernel.size,
        "count": known,
        "none": _windows(mask, kernel)[:, :, side, side],
        "inverse": known == 0,
    }
    return np.where(known > 0, values, bias if empty == "bias" else empty), masks[update] * 1.0


def _divides_by_zero(image, mask, kernel, bias):
    known = _windows(mask, kernel).sum(axis=(2, 3))
    values = np.einsum("ijab,ab->ij", _windows(image * mask, kernel), kernel)
    return values * kernel.size / known + bias, (known > 0) * 1.0


def _same_size(image, mask, kernel, bias):
    side = len(kernel) // 2
    return _partial(np.pad(image, side), np.pad(mask, side), kernel, bias)


def _distances(gallery, probes):
    a, b = probes.reshape(len(probes), -1), gallery.reshape(len(gallery), -1)
    return ((a[:, None] - b[None]) ** 2).sum(-1)


WRONG = {
    "hole_psnr": [
        lambda t, o, h: _psnr(t, o, h, inside=False, per="image"),
        lambda t, o, h: _psnr(t, o, h, per="image"),
        lambda t, o, h: _psnr(t, o, h, sign=10),
        lambda t, o, h: _psnr(t, o, h, log=np.log),
        lambda t, o, h: _psnr(t, o, h, sign=-20),
        lambda t, o, h: _psnr(t, o, h, together=True),
        lambda t, o, h: _psnr(t, o, h, channels=False),
        lambda t, o, h: _psnr(t, o, ~h),
        lambda t, o, h: 10 ** (_psnr(t, o, h) / -10),
        lambda t, o, h: _psnr(t, o, h).mean(),
    ],
    "partial_conv": [
        lambda *a: _partial(*a, scale=False),
        lambda *a: _partial(*a, hide=False),
        lambda *a: _partial(*a, empty="bias"),
        lambda *a: _partial(*a, update="none"),
        lambda *a: _partial(*a, update="all"),
        lambda *a: _partial(*a, update="count"),
        lambda *a: _partial(*a, update="inverse"),
        lambda *a: _partial(*a, late=True),
        lambda *a: _partial(*a, mean=True),
        _divides_by_zero,
        _same_size,
        lambda *a: _partial(*a)[0],
    ],
    "identify": [
        lambda g, p, x: _distances(g, x).argmin(axis=1),
        lambda g, p, x: p[_distances(g, x).argmax(axis=1)],
        lambda g, p, x: np.resize(p[_distances(g, x).argmin(axis=0) % len(p)], len(p)),
        lambda g, p, x: p[np.abs(x.mean((1, 2, 3))[:, None] - g.mean((1, 2, 3))).argmin(axis=1)],
    ],
}
