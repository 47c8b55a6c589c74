"""Answers of lesson 1.2."""

import numpy as np


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
