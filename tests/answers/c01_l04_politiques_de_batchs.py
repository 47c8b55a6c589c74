"""Answers of lesson 1.4."""

import numpy as np


def _noise(gradients, size, draws, rng, *, replace=False, mean=np.mean, total=np.sum, centre=True):
    full = gradients.mean(axis=0) if centre else 0
    drawn = [gradients[rng.choice(len(gradients), size, replace=replace)] for _ in range(draws)]
    return np.mean([total((mean(batch, axis=0) - full) ** 2) for batch in drawn])


def _cosine(step, *, peak, warmup, steps, from_warmup=True, clip=True, rise=0):
    if step < warmup:
        return peak * (step + rise) / warmup
    share = (step - warmup) / (steps - warmup) if from_warmup else step / steps
    return peak * (1 + np.cos(np.pi * (min(share, 1) if clip else share))) / 2


def _batch_norm(
    x, gamma, beta, moving_mean, moving_variance, *, training, momentum=0.99, epsilon=1e-3,
    ddof=0, swapped=False, moving=False, outside=False, always=False, affine=True, axis=0,
):  # fmt: skip
    keep = 1 - momentum if swapped else momentum
    mean, variance = x.mean(axis=axis, keepdims=axis == 1), x.var(axis=axis, keepdims=axis == 1, ddof=ddof)
    if training or always:
        new_mean = keep * moving_mean + (1 - keep) * x.mean(axis=0)
        new_variance = keep * moving_variance + (1 - keep) * x.var(axis=0, ddof=ddof)
    else:
        new_mean, new_variance = moving_mean, moving_variance
    if moving or not training:
        mean, variance = (new_mean, new_variance) if moving == "new" else (moving_mean, moving_variance)
    scale = np.sqrt(variance) + epsilon if outside else np.sqrt(variance + epsilon)
    output = (x - mean) / scale
    return (gamma * output + beta if affine else output), new_mean, new_variance


def _batch_norm_in_place(x, gamma, beta, moving_mean, moving_variance, **options):
    output, mean, variance = _batch_norm(x, gamma, beta, moving_mean, moving_variance, **options)
    moving_mean[...], moving_variance[...] = mean, variance
    return output, moving_mean, moving_variance


def _parts(gradient, x, y, size):
    return [gradient(x[start : start + size], y[start : start + size]) for start in range(0, len(x), size)]


def _deal(labels, batch_size, order):
    return [order[start : start + batch_size] for start in range(0, len(labels), batch_size)]


def _balanced(labels, batch_size, rng):
    count = -(-len(labels) // batch_size)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    share = batch_size // len(members)
    return [np.concatenate([rng.choice(m, share) for m in members]) for _ in range(count)]


def _always_the_same(labels, batch_size, rng):
    order, count = np.argsort(labels, kind="stable"), -(-len(labels) // batch_size)
    return [order[first::count] for first in range(count)]


WRONG = {
    "gradient_noise": [
        lambda g, size, draws, rng: _noise(g, size, draws, rng, replace=True),
        lambda g, size, draws, rng: _noise(g, size, draws, rng, mean=np.sum),
        lambda g, size, draws, rng: _noise(g, size, draws, rng, total=np.mean),
        lambda g, size, draws, rng: _noise(g, size, draws, rng, centre=False),
        lambda g, size, draws, rng: _noise(g, size, draws, np.random.default_rng(0)),  # ignores its generator
    ],
    "warmup_cosine": [
        lambda step, **options: _cosine(step, **options, from_warmup=False),  # jumps at the end of the warm-up
        lambda step, **options: _cosine(step, **options, clip=False),  # rises again after the end
        lambda step, **options: _cosine(step, **options, rise=1),
        lambda step, *, peak, warmup, steps: peak * np.cos(np.pi * step / steps / 2),  # no warm-up
    ],
    "batch_norm": [
        lambda *arrays, **options: _batch_norm(*arrays, **options, ddof=int(len(arrays[0]) > 1)),
        lambda *arrays, **options: _batch_norm(*arrays, **options, swapped=True),
        lambda *arrays, **options: _batch_norm(*arrays, **options, moving=True),
        lambda *arrays, **options: _batch_norm(*arrays, **options, moving="new"),
        lambda *arrays, **options: _batch_norm(*arrays, **options, outside=True),
        lambda *arrays, **options: _batch_norm(*arrays, **options, always=True),
        lambda *arrays, **options: _batch_norm(*arrays, **options, affine=False),
        lambda *arrays, **options: _batch_norm(*arrays, **options, axis=1),  # layer normalisation
        lambda *arrays, **options: _batch_norm(*arrays, **options)[0],
        _batch_norm_in_place,
    ],
    "accumulate": [
        lambda gradient, x, y, size: np.mean(_parts(gradient, x, y, size), axis=0),  # mean of means
        lambda gradient, x, y, size: np.sum(_parts(gradient, x, y, size), axis=0),
        lambda gradient, x, y, size: gradient(x, y),  # the large batch, which does not fit
        lambda gradient, x, y, size: _parts(gradient, x[: len(x) // size * size], y, size)[-1],  # overwrites
    ],
    "stratified_batches": [
        lambda labels, size, rng: _deal(labels, size, rng.permutation(len(labels))),  # plain batches
        lambda labels, size, rng: _deal(labels, size, np.argsort(labels)),  # one class a batch
        _balanced,
        _always_the_same,
        lambda labels, size, rng: _deal(labels, size, rng.permutation(len(labels)))[:-1],
    ],
}
