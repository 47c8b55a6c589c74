"""Answers of lesson 1.2."""

import keras
import numpy as np
import tensorflow as tf
from scipy import special


def log_of_softmax(logits, labels):
    exponentials = np.exp(logits)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    gradient = p.copy()
    gradient[rows, labels] -= 1
    return -np.log(p[rows, labels]).mean(), gradient / len(labels)


def _cross_entropy(logits, labels, *, shift_axis=1, value_scale=1.0, gradient_scale=1.0):
    z = logits - logits.max(axis=shift_axis, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows, count = np.arange(len(labels)), len(labels)
    gradient = np.exp(log_p)
    gradient[rows, labels] -= 1
    return -value_scale * log_p[rows, labels].mean(), gradient_scale * gradient / count


def sum_instead_of_mean(logits, labels):
    return _cross_entropy(logits, labels, value_scale=len(labels), gradient_scale=len(labels))


def gradient_not_divided(logits, labels):
    return _cross_entropy(logits, labels, gradient_scale=len(labels))


def gradient_of_the_wrong_sign(logits, labels):
    return _cross_entropy(logits, labels, gradient_scale=-1)


def maximum_of_the_whole_batch(logits, labels):
    return _cross_entropy(logits, labels, shift_axis=None)


def value_without_gradient(logits, labels):
    return _cross_entropy(logits, labels)[0]


def mean_over_the_batch(x, kernel, gradient):
    return gradient @ kernel.T, x.T @ gradient / len(x), gradient.mean(axis=0)


def transposed_kernel(x, kernel, gradient):
    return gradient @ kernel.T, gradient.T @ x, gradient.sum(axis=0)


def kernel_not_transposed(x, kernel, gradient):
    return gradient @ kernel, x.T @ gradient, gradient.sum(axis=0)


def bias_not_summed(x, kernel, gradient):
    return gradient @ kernel.T, x.T @ gradient, gradient


def velocity_pointing_uphill(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    velocity = momentum * velocity + learning_rate * gradient
    return point - (momentum * velocity + learning_rate * gradient if nesterov else velocity), velocity


def convention_of_pytorch(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    velocity = momentum * velocity + gradient
    return point - learning_rate * (momentum * velocity + gradient if nesterov else velocity), velocity


def nesterov_ignored(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    velocity = momentum * velocity - learning_rate * gradient
    return point + velocity, velocity


def moving_average_of_gradients(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    velocity = momentum * velocity - (1 - momentum) * learning_rate * gradient
    return point + (momentum * velocity - learning_rate * gradient if nesterov else velocity), velocity


def momentum_in_place(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    velocity *= momentum
    velocity -= learning_rate * gradient
    point += momentum * velocity - learning_rate * gradient if nesterov else velocity
    return point, velocity


def _adam(
    point, mean, square, gradient, step, *, learning_rate, beta_1, beta_2, epsilon,
    correct=True, keep=False, inside=False, hat=False, sign=-1,
):  # fmt: skip
    mean = beta_1 * mean + (1 - beta_1) * gradient
    square = beta_2 * square + (1 - beta_2) * gradient**2
    right_1, right_2 = (1 - beta_1**step, 1 - beta_2**step) if correct else (1, 1)
    m, s = mean / right_1, square / right_2
    root = np.sqrt(s + epsilon) if inside else np.sqrt(s) + epsilon / (np.sqrt(right_2) if hat else 1)
    return point + sign * learning_rate * m / root, *((m, s) if keep else (mean, square))


def adam_without_correction(*inputs, **options):
    return _adam(*inputs, **options, correct=False)


def adam_that_keeps_the_corrected_means(*inputs, **options):
    return _adam(*inputs, **options, keep=True)


def adam_with_epsilon_inside_the_root(*inputs, **options):
    return _adam(*inputs, **options, inside=True)


def adam_with_the_epsilon_of_keras(*inputs, **options):
    return _adam(*inputs, **options, hat=True)


def adam_that_climbs(*inputs, **options):
    return _adam(*inputs, **options, sign=1)


def adam_that_counts_from_zero(point, mean, square, gradient, step, **options):
    return _adam(point, mean, square, gradient, step + 1, **options)


WRONG = {
    "cross_entropy": [
        log_of_softmax,
        sum_instead_of_mean,
        gradient_not_divided,
        gradient_of_the_wrong_sign,
        maximum_of_the_whole_batch,
        value_without_gradient,
    ],
    "dense_backward": [mean_over_the_batch, transposed_kernel, kernel_not_transposed, bias_not_summed],
    "momentum_step": [
        velocity_pointing_uphill,
        convention_of_pytorch,
        nesterov_ignored,
        moving_average_of_gradients,
        momentum_in_place,
    ],
    "adam_step": [
        adam_without_correction,
        adam_that_keeps_the_corrected_means,
        adam_with_epsilon_inside_the_root,
        adam_with_the_epsilon_of_keras,
        adam_that_climbs,
        adam_that_counts_from_zero,
    ],
}


def cross_entropy_by_one_hot(logits, labels):
    one_hot = np.zeros_like(logits)
    one_hot[np.arange(len(labels)), labels] = 1
    log_p = special.log_softmax(logits, axis=1)
    return -np.sum(one_hot * log_p) / len(logits), (special.softmax(logits, axis=1) - one_hot) / len(logits)


def cross_entropy_row_by_row(logits, labels):
    total, gradient = 0.0, []
    for z, y in zip(logits, labels):
        e = [np.exp(v - max(z)) for v in z]
        total += np.log(sum(e)) + max(z) - z[y]
        gradient.append([(e[k] / sum(e) - (k == y)) / len(logits) for k in range(len(z))])
    return total / len(logits), gradient


def cross_entropy_in_float32(logits, labels):
    value, gradient = _cross_entropy(logits.astype("float32"), labels)
    return [float(value), gradient]


def cross_entropy_by_tape(logits, labels):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    return loss, tape.gradient(loss, logits)


def dense_of_einsum(x, kernel, gradient):
    by_kernel = np.einsum("nd,nu->du", x, gradient)
    return np.einsum("nu,du->nd", gradient, kernel), by_kernel, np.einsum("nu->u", gradient)


def dense_example_by_example(x, kernel, gradient):
    d_kernel, d_bias = np.zeros_like(kernel), np.zeros(kernel.shape[1])
    for example, g in zip(x, gradient):
        d_kernel += np.outer(example, g)
        d_bias += g
    return [[kernel @ g for g in gradient], d_kernel, d_bias.tolist()]


def dense_of_keras(x, kernel, gradient):
    x, kernel, gradient = (keras.ops.cast(array, "float32") for array in (x, kernel, gradient))
    by_x = keras.ops.matmul(gradient, keras.ops.transpose(kernel))
    return by_x, keras.ops.matmul(keras.ops.transpose(x), gradient), keras.ops.sum(gradient, axis=0)


def momentum_from_the_old_velocity(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    step = -learning_rate * gradient
    moved = momentum**2 * velocity + (1 + momentum) * step if nesterov else momentum * velocity + step
    return point + moved, momentum * velocity + step


def momentum_in_place_of_copies(point, velocity, gradient, learning_rate=0.01, momentum=0.9, nesterov=False):
    old, velocity, point = velocity, velocity.copy(), point.copy()
    velocity *= momentum
    velocity -= learning_rate * gradient
    point += (1 + momentum) * velocity - momentum * old if nesterov else velocity
    return [point, velocity]


def momentum_row_by_row(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    new = [[momentum * v - learning_rate * g for v, g in zip(*rows)] for rows in zip(velocity, gradient)]
    ahead = new
    if nesterov:
        ahead = [[momentum * v - learning_rate * g for v, g in zip(*rows)] for rows in zip(new, gradient)]
    return [[p + a for p, a in zip(*rows)] for rows in zip(point, ahead)], new


def momentum_of_tensors(point, velocity, gradient, *, learning_rate, momentum, nesterov):
    point, velocity, gradient = (tf.constant(array, tf.float32) for array in (point, velocity, gradient))
    velocity = momentum * velocity - learning_rate * gradient
    ahead = momentum * velocity - learning_rate * gradient
    return tf.where(nesterov, point + ahead, point + velocity), velocity


def adam_of_one_rate(point, mean, square, gradient, step, *, learning_rate, beta_1, beta_2, epsilon):
    mean = mean + (1 - beta_1) * (gradient - mean)
    square = square + (1 - beta_2) * (np.square(gradient) - square)
    root = np.sqrt(1 - beta_2**step)
    rate = learning_rate * root / (1 - np.power(beta_1, step))
    return [point - rate * mean / (np.sqrt(square) + epsilon * root), mean, square]


def adam_weight_by_weight(point, mean, square, gradient, step, *, learning_rate, beta_1, beta_2, epsilon):
    new = [], [], []
    for p, m, s, g in zip(point, mean, square, gradient):
        m, s = beta_1 * m + (1 - beta_1) * g, beta_2 * s + (1 - beta_2) * g * g
        root = (s / (1 - beta_2**step)) ** 0.5
        for kept, value in zip(new, (p - learning_rate * m / (1 - beta_1**step) / (root + epsilon), m, s)):
            kept.append(value)
    return new


def adam_of_tensors(point, mean, square, gradient, step, **options):
    arrays = [tf.constant(array, tf.float32) for array in (point, mean, square, gradient)]
    return tuple(map(tf.identity, _adam(*arrays, step, **options)))


RIGHT = {
    "cross_entropy": [
        cross_entropy_by_one_hot,
        cross_entropy_row_by_row,  # log-sum-exp; lists
        cross_entropy_in_float32,
        cross_entropy_by_tape,  # tensors
    ],
    "dense_backward": [
        dense_of_einsum,
        dense_example_by_example,  # a sum of outer products; lists
        dense_of_keras,  # float32 tensors
        lambda x, kernel, g: (np.dot(g, kernel.T), (g.T @ x).T, np.ones(len(x)) @ g),
    ],
    "momentum_step": [
        momentum_from_the_old_velocity,
        momentum_in_place_of_copies,
        momentum_row_by_row,  # lists
        momentum_of_tensors,  # float32
    ],
    "adam_step": [
        adam_of_one_rate,  # both corrections in the rate, and epsilon to match
        adam_weight_by_weight,  # lists
        adam_of_tensors,  # float32
    ],
}
