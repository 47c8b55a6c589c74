"""Answers of lesson 4.5."""

import numpy as np
from keras import ops
from scipy import signal, spatial
from skimage import metrics
from sklearn import neighbors


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


def _psnr_by_images(truth, output, holes):
    """Image by image, the pixels of the hole picked out: a list."""
    notes = []
    for a, b, hole in zip(truth, output, holes):
        notes.append(20 * np.log10(1 / np.sqrt(np.mean(np.square(a[hole] - b[hole])))))
    return notes


def _psnr_by_tensors(truth, output, holes):
    """float32, the mask spread over the channels."""
    truth, output = ops.cast(truth, "float32"), ops.cast(output, "float32")
    weights = ops.broadcast_to(ops.cast(holes, "float32")[..., None], truth.shape)
    total = ops.sum(weights * (truth - output) ** 2, axis=(1, 2, 3))
    return -10 * ops.log(total / ops.sum(weights, axis=(1, 2, 3))) / ops.log(10.0)


def _psnr_by_masked_arrays(truth, output, holes):
    hidden = np.broadcast_to(~holes[..., None], truth.shape)
    squares = np.ma.array((truth - output) ** 2, mask=hidden).reshape(len(truth), -1)
    return 10 * np.log10(1.0 / squares.mean(axis=1))


def _partial_by_loops(image, mask, kernel, bias):
    k = kernel.shape[0]
    height, width = image.shape[0] - k + 1, image.shape[1] - k + 1
    output, known = np.zeros((height, width)), np.zeros((height, width), dtype=bool)
    for i in range(height):
        for j in range(width):
            part = mask[i : i + k, j : j + k]
            if part.sum() > 0:
                seen = np.sum(kernel * image[i : i + k, j : j + k] * part)
                output[i, j], known[i, j] = seen * k * k / part.sum() + bias, True
    return output, known  # booleans


def _partial_by_scipy(image, mask, kernel, bias):
    """Correlations, and the new mask as a factor."""
    known = signal.correlate2d(mask, np.ones_like(kernel), mode="valid")
    new = np.clip(known, 0, 1)
    seen = signal.correlate2d(image * mask, kernel, mode="valid")
    return [(seen * (kernel.size / (known + (known == 0))) + bias) * new, new.astype(int)]


def _partial_by_keras(image, mask, kernel, bias, dtype="float32"):
    """Two convolutions of Keras."""
    image, mask = (ops.cast(some, dtype)[None, :, :, None] for some in (image, mask))
    kernel = ops.cast(kernel, dtype)[:, :, None, None]
    seen = ops.conv(image * mask, kernel, padding="valid")[0, :, :, 0]
    known = ops.conv(mask, ops.ones_like(kernel), padding="valid")[0, :, :, 0]
    new = ops.cast(known > 0, dtype)
    return ops.where(known > 0, ops.divide_no_nan(seen * np.prod(kernel.shape), known) + bias, 0.0), new


def _identify_by_loops(gallery, people, probes):
    """A list of names; the first of equals."""
    names = []
    for probe in probes:
        gaps = [np.sum((photograph - probe) ** 2) for photograph in gallery]
        names.append(people[gaps.index(min(gaps))])
    return names


def _identify_by_products(gallery, people, probes):
    """|a|² - 2 ab + |b|², less what does not depend on the photograph: float32 tensors."""
    a, b = (ops.cast(some.reshape(len(some), -1), "float32") for some in (probes, gallery))
    return ops.take(people, ops.argmin(ops.sum(b**2, axis=1) - 2 * ops.matmul(a, ops.transpose(b)), axis=1))


def _identify_by_sklearn(gallery, people, probes):
    a, b = probes.reshape(len(probes), -1), gallery.reshape(len(gallery), -1)
    return neighbors.KNeighborsClassifier(n_neighbors=1).fit(b, people).predict(a)


def _identify_by_scipy(gallery, people, probes):
    a, b = probes.reshape(len(probes), -1), gallery.reshape(len(gallery), -1)
    return people[spatial.distance.cdist(a, b).argmin(axis=1)]  # not squared


RIGHT = {
    "hole_psnr": [
        _psnr_by_images,
        _psnr_by_tensors,
        _psnr_by_masked_arrays,
        lambda t, o, h: np.array(
            [metrics.peak_signal_noise_ratio(a[i], b[i], data_range=1) for a, b, i in zip(t, o, h)]
        ),
    ],
    "partial_conv": [
        _partial_by_loops,
        _partial_by_scipy,
        _partial_by_keras,
        lambda *a: _partial_by_keras(*a, dtype="float64"),
        lambda *a: np.stack(_partial(*a)),
    ],
    "identify": [
        _identify_by_loops,
        _identify_by_products,
        _identify_by_sklearn,
        _identify_by_scipy,
    ],
}
