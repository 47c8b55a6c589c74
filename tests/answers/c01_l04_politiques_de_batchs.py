"""Answers of lesson 1.4."""

import math

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold


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
        lambda g, size, draws, rng: _noise(g, size, draws, np.random),
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
        lambda labels, size, rng: folds_of_scikit_learn(labels, size, np.random),
        lambda labels, size, rng: _deal(labels, size, rng.permutation(len(labels)))[:-1],
    ],
}


def noise_of_a_shuffled_array(gradients, batch_size, draws, rng):
    full, noises = np.mean(gradients, axis=0), []
    for _ in range(draws):
        rng.shuffle(gradients)  # the order of the examples means nothing
        noises.append(np.linalg.norm(gradients[:batch_size].mean(axis=0) - full) ** 2)
    return sum(noises) / len(noises)


def noise_of_all_draws_at_once(gradients, batch_size, draws, rng):
    order = rng.permuted(np.tile(np.arange(len(gradients)), (draws, 1)), axis=1)[:, :batch_size]
    return np.square(gradients[order].mean(axis=1) - gradients.mean(axis=0)).sum(axis=1).mean()


def noise_in_float32(gradients, batch_size, draws, rng):
    centred = tf.constant(gradients - gradients.mean(axis=0), tf.float32)
    drawn = [rng.permutation(len(gradients))[:batch_size] for _ in range(draws)]
    return tf.reduce_mean([tf.reduce_sum(tf.reduce_mean(tf.gather(centred, i), axis=0) ** 2) for i in drawn])


def square_of_a_cosine(step, peak, warmup, steps):
    if step >= steps:
        return 0
    if step <= warmup and warmup > 0:
        return peak * (step / warmup)
    return peak * math.cos(math.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def cosine_of_arrays(step, *, peak, warmup, steps):
    share = np.clip((step - warmup) / (steps - warmup), 0, 1)
    return np.where(step < warmup, peak * step / max(warmup, 1), peak / 2 * (1 + np.cos(np.pi * share)))


def schedule_of_keras(step, *, peak, warmup, steps):
    options = {"warmup_target": peak, "warmup_steps": warmup}
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, **options)(step)


def batch_norm_as_scale_and_shift(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    if training:
        mean = np.sum(x, axis=0) / len(x)
        variance = np.mean(x**2, axis=0) - mean**2
        moving_mean = moving_mean + (1 - momentum) * (mean - moving_mean)
        moving_variance = moving_variance + (1 - momentum) * (variance - moving_variance)
    else:
        mean, variance = moving_mean.copy(), moving_variance.copy()
    scale = gamma * (variance + epsilon) ** -0.5
    return [x * scale + (beta - mean * scale), moving_mean, moving_variance]


def batch_norm_unit_by_unit(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    output, means, variances = np.zeros_like(x), [], []
    for unit in range(x.shape[1]):
        mean, variance = moving_mean[unit], moving_variance[unit]
        if training:
            mean = sum(x[:, unit]) / len(x)
            variance = sum((value - mean) ** 2 for value in x[:, unit]) / len(x)
        old = momentum if training else 0
        means.append(old * moving_mean[unit] + (1 - old) * mean)
        variances.append(old * moving_variance[unit] + (1 - old) * variance)
        output[:, unit] = gamma[unit] * (x[:, unit] - mean) / math.sqrt(variance + epsilon) + beta[unit]
    return output, means, variances


def batch_norm_of_tensorflow(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    arrays = x, gamma, beta, moving_mean, moving_variance
    x, gamma, beta, moving_mean, moving_variance = (tf.constant(array, tf.float32) for array in arrays)
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = tf.nn.moments(x, axes=[0])
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon), moving_mean, moving_variance


def accumulate_from_zeros(gradient, x, y, size):
    total = np.zeros_like(gradient(x[:1], y[:1]))  # only for its shape
    for start in range(0, len(x), size):
        stop = min(start + size, len(x))
        total += (stop - start) / len(x) * gradient(x[start:stop], y[start:stop])
    return total


def accumulate_equal_parts(gradient, x, y, size):
    parts = np.array_split(np.arange(len(x)), math.ceil(len(x) / size))
    return np.average([gradient(x[i], y[i]) for i in parts], axis=0, weights=[len(i) for i in parts])


def accumulate_a_running_mean(gradient, x, y, size):
    mean, seen = 0.0, 0
    while seen < len(x):
        x_part, y_part = x[seen : seen + size], y[seen : seen + size]
        seen += len(x_part)
        mean = mean + len(x_part) / seen * (gradient(x=x_part, y=y_part) - mean)
    return mean


def accumulate_by_tf_data(gradient, x, y, size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
    return sum(tf.constant(gradient(a.numpy(), b.numpy())) * len(a) for a, b in batches) / len(x)


def deal_card_by_card(labels, batch_size, rng):
    batches, place = [[] for _ in range(math.ceil(len(labels) / batch_size))], 0
    for label in set(labels.tolist()):
        members = [i for i in range(len(labels)) if labels[i] == label]
        rng.shuffle(members)
        for index in members:
            batches[place % len(batches)].append(index)
            place += 1
    return batches


def give_extra_cards_to_the_smallest(labels, batch_size, rng):
    batches = [np.zeros(0, int) for _ in range(-(-len(labels) // batch_size))]
    for label in np.unique(labels):
        parts = np.array_split(rng.permutation(np.where(labels == label)[0]), len(batches))
        batches.sort(key=len)  # the first parts are the largest
        batches = [np.concatenate(pair) for pair in zip(batches, parts)]
    return [rng.permutation(batch) for batch in batches]


def folds_of_scikit_learn(labels, batch_size, rng):
    seed, count = int(rng.integers(2**31)), math.ceil(len(labels) / batch_size)
    folds = StratifiedKFold(count, shuffle=True, random_state=seed)
    return [fold for _, fold in folds.split(labels, labels)]


def deal_by_sorted_noise(labels, batch_size, rng):
    order, count = np.lexsort((rng.random(len(labels)), labels)), (len(labels) + batch_size - 1) // batch_size
    return tuple(order[np.arange(len(labels)) % count == k] for k in range(count))


RIGHT = {
    "gradient_noise": [
        noise_of_a_shuffled_array,
        noise_of_all_draws_at_once,
        noise_in_float32,  # a tensor
        lambda g, size, draws, rng: np.mean(
            [((rng.choice(g, size, replace=False).mean(0) - g.mean(0)) ** 2).sum() for _ in range(draws)]
        ),
    ],
    "warmup_cosine": [
        square_of_a_cosine,
        cosine_of_arrays,  # an array without axes
        schedule_of_keras,  # a tensor
    ],
    "batch_norm": [
        batch_norm_as_scale_and_shift,  # E[x²] - E[x]²; copies at inference; a list
        batch_norm_unit_by_unit,  # lists
        batch_norm_of_tensorflow,  # float32 tensors
    ],
    "accumulate": [
        accumulate_from_zeros,  # one more call of `gradient`
        accumulate_equal_parts,  # 4, 3 and 3 examples in place of 4, 4 and 2
        accumulate_a_running_mean,  # keyword arguments
        accumulate_by_tf_data,  # a tensor
        lambda gradient, x, y, size: np.mean([gradient(x[[i]], y[[i]]) for i in range(len(x))], axis=0),
    ],
    "stratified_batches": [
        deal_card_by_card,  # lists of integers
        give_extra_cards_to_the_smallest,
        folds_of_scikit_learn,
        deal_by_sorted_noise,  # a tuple
        lambda labels, size, rng: (batch for batch in deal_by_sorted_noise(labels, size, rng)),  # a generator
    ],
}
