"""Answers of lesson 1.1."""

import numpy as np


def _perceptron(x, y, epochs, *, wrong=lambda margin: margin <= 0, move_bias=True, whole_pass=False):
    weights, bias = np.zeros(x.shape[1]), 0.0
    for _ in range(epochs):
        seen = weights.copy(), bias
        for example, label in zip(x, y):
            w, b = seen if whole_pass else (weights, bias)
            if wrong(label * (example @ w + b)):
                weights = weights + label * example
                bias += label * move_bias
    return weights, bias


def _mlp(x, layers, activation, *, everywhere=False, bias=True, linear=False):
    for rank, (kernel, shift) in enumerate(layers):
        x = x @ kernel + (shift if bias else 0)
        if (everywhere or rank < len(layers) - 1) and not linear:
            x = activation(x)
    return x


WRONG = {
    "perceptron": [
        lambda x, y, epochs: _perceptron(x, y, epochs, wrong=lambda margin: margin < 0),  # never starts
        lambda x, y, epochs: _perceptron(x, y, epochs, move_bias=False),
        lambda x, y, epochs: _perceptron(x, y, epochs, whole_pass=True),  # corrects after the pass
        lambda x, y, epochs: _perceptron(x, y, epochs)[0],  # forgets to return the bias
    ],
    "sigmoid": [
        lambda x: (1 / (1 + np.exp(-x)), np.exp(-x) / (1 + np.exp(-x)) ** 2),  # overflows
        lambda x: (0.5 * (1 + np.tanh(0.5 * x)), x * (1 - x)),  # s' written with x in place of s
        lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
        lambda x: (np.tanh(x), 1 - np.tanh(x) ** 2),
    ],
    "xor_weights": [
        lambda: (np.ones((2, 2)), np.zeros(2), np.array([[1.0], [-2.0]]), np.zeros(1)),  # same bias twice
        lambda: (np.ones((2, 2)), np.array([0.0, -1.0]), np.array([1.0, -2.0]), 0.0),  # shapes
        lambda: (np.ones((2, 2)), np.array([0.0, -1.0]), np.array([[1.0], [-1.0]]), np.zeros(1)),
    ],
    "forward": [
        lambda x, layers, activation: _mlp(x, layers, activation, everywhere=True),
        lambda x, layers, activation: _mlp(x, layers, activation, bias=False),
        lambda x, layers, activation: _mlp(x, layers, activation, linear=True),
    ],
}
