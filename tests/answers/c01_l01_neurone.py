"""Answers of lesson 1.1."""

import functools
import math

import keras
import numpy as np
from scipy import special


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


def _perceptron_of_answers(x, y, epochs):
    """A score of zero passes for an answer of -1: right half of the time."""
    weights, bias = np.zeros(x.shape[1]), 0.0
    for _ in range(epochs):
        for example, label in zip(x, y):
            if (1 if example @ weights + bias > 0 else -1) != label:
                weights, bias = weights + label * example, bias + label
    return weights, bias


WRONG = {
    "perceptron": [
        lambda x, y, epochs: _perceptron(x, y, epochs, wrong=lambda margin: margin < 0),  # never starts
        _perceptron_of_answers,
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


def perceptron_of_extended_vectors(x, y, epochs):
    extended, weights = np.column_stack([x, np.ones(len(x))]), np.zeros(x.shape[1] + 1)
    for _ in range(epochs):
        for i in range(len(extended)):
            if np.sign(np.dot(weights, extended[i])) != y[i]:
                weights += y[i] * extended[i]
    return weights[:-1], weights[-1]


def perceptron_in_plain_python(x, y, epochs):
    w, b = [0] * len(x[0]), 0
    for _ in range(epochs):
        mistakes = 0
        for row, label in zip(x.tolist(), y.tolist()):
            if label * (sum(wi * xi for wi, xi in zip(w, row)) + b) <= 0:
                w, b, mistakes = [wi + label * xi for wi, xi in zip(w, row)], b + label, mistakes + 1
        if not mistakes:
            break
    return [w, b]


def sigmoid_of_minus_absolute_value(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e), e / (1 + e) ** 2


def sigmoid_by_masks(x):
    s, positive = np.empty_like(x), x >= 0
    s[positive] = 1 / (1 + np.exp(-x[positive]))
    s[~positive] = np.exp(x[~positive]) / (1 + np.exp(x[~positive]))
    return s, s - s**2


def sigmoid_element_by_element(x):
    one = np.vectorize(lambda v: 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)))
    return one(x), one(x) * one(-x)


def sigmoid_clipped(x):
    s = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    return [s, s * (1 - s)]


def sigmoid_of_keras(x):
    s = keras.ops.sigmoid(x)
    return s, s * (1 - s)


def xor_of_a_keras_model():
    hidden, output = keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((2,)), hidden, output])
    model.set_weights([np.array([[1, -1], [-1, 1]]), np.zeros(2), np.ones((2, 1)), np.zeros(1)])
    return model.get_weights()


def forward_by_recursion(x, layers, activation):
    (kernel, bias), *others = layers
    z = np.dot(x, kernel) + bias
    return forward_by_recursion(activation(z), others, activation) if others else z


def forward_by_reduce(x, layers, activation):
    hidden = functools.reduce(lambda h, layer: activation(h @ layer[0] + layer[1]), layers[:-1], x)
    return hidden @ layers[-1][0] + layers[-1][1]


def forward_example_by_example(x, layers, activation):
    outputs = []
    for h in x.astype("float64"):
        for rank in range(len(layers)):
            kernel, bias = layers[rank]
            h = np.array([kernel[:, unit] @ h + bias[unit] for unit in range(len(bias))])
            h = activation(h) if rank != len(layers) - 1 else h
        outputs.append(h)
    return outputs


def forward_of_keras(x, layers, activation):
    kernel, bias = layers.pop()
    for hidden_kernel, hidden_bias in layers:
        x = activation(keras.ops.matmul(x, hidden_kernel) + hidden_bias)
    return keras.ops.add(keras.ops.matmul(x, kernel), bias)


RIGHT = {
    "perceptron": [
        perceptron_of_extended_vectors,  # the bias is one more weight; views
        perceptron_in_plain_python,  # lists, an integer bias, stops at the first pass without mistake
    ],
    "sigmoid": [
        lambda x: (special.expit(x), special.expit(x) * special.expit(-x)),
        lambda x: (np.exp(-np.logaddexp(0, -x)), (0.5 / np.cosh(x / 2)) ** 2),
        sigmoid_of_minus_absolute_value,
        sigmoid_by_masks,
        sigmoid_element_by_element,
        sigmoid_clipped,  # a list
        sigmoid_of_keras,  # tensors
    ],
    "xor_weights": [
        xor_of_a_keras_model,  # |x1 - x2|; a list of float32
        lambda: ([[1, 1], [1, 1]], [-1, 0], [[-2], [1]], [0]),  # lists of integers, units exchanged
        lambda: (np.array([[1, -1], [1, -1]]), np.array([-1, 1]), -np.ones((2, 1)), np.ones(1)),  # 1 - |s - 1|
        lambda: tuple(map(keras.ops.array, ([[2.0, 3], [2, 3]], [0.0, -3], [[0.5], [-2 / 3]], [0.0]))),
    ],
    "forward": [
        forward_by_recursion,
        forward_by_reduce,
        forward_example_by_example,  # a list of float64 vectors
        forward_of_keras,  # a tensor, and a list emptied
    ],
}
