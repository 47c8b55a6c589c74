"""Neural networks by hand, in NumPy: what Keras does, on one screen a subject. Chapters 1 and 2.

Arrays are (N, features); a layer keeps what its backward pass needs; `params` and `grads` are lists of
arrays in the same order, updated in place by the optimizers.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special


# --- Activations (Lesson 1.1) -------------------------------------------------------------------------
class Activation(NamedTuple):
    """A scalar function and its derivative, both applied element by element to the pre-activation."""

    function: Callable
    derivative: Callable


def sigmoid(x):
    """1 / (1 + exp(-x)), written with tanh so that no exponential overflows. Lesson 1.1."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def softplus(x):
    """log(1 + exp(x)), without overflow. Lesson 1.1."""
    return np.logaddexp(0, x)


def _normal_cdf(x):
    return 0.5 * (1 + special.erf(x / math.sqrt(2)))


def _normal_pdf(x):
    return np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


LEAK = 0.01  # slope of leaky ReLU below zero: Maas et al. 2013 (Keras's default is 0.2)

#: name -> Activation. ELU: Clevert et al. 2016; GELU: Hendrycks & Gimpel 2016, exact form with erf;
#: SiLU: Elfwing et al. 2018; Mish: Misra 2019.
ACTIVATIONS = {
    "linear": Activation(lambda x: x, np.ones_like),
    "sigmoid": Activation(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": Activation(np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": Activation(lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
    "leaky_relu": Activation(
        lambda x: np.where(x > 0, x, LEAK * x), lambda x: np.where(x > 0, 1, LEAK).astype(x.dtype)
    ),
    "elu": Activation(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "gelu": Activation(lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * _normal_pdf(x)),
    "silu": Activation(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "mish": Activation(
        lambda x: x * np.tanh(softplus(x)),
        lambda x: np.tanh(softplus(x)) + x * (1 - np.tanh(softplus(x)) ** 2) * sigmoid(x),
    ),
}


# --- One neuron (Lesson 1.1) ----------------------------------------------------------------------------
def perceptron(x, y, *, epochs):
    """Rosenblatt's rule (1958): for each example on the wrong side, weights += y x, bias += y. Lesson 1.1.

    Args:
        x: (N, features); y: (N,) of -1 and +1, visited in order, `epochs` times.

    Returns:
        weights (features,), bias, and the number of mistakes of each epoch.
    """
    if len(x) != len(y) or not np.all(np.isin(y, (-1, 1))):
        raise ValueError(
            f"Le perceptron attend autant d'étiquettes −1 ou +1 que d'exemples ; reçu {len(x)} exemples, "
            f"{len(y)} étiquettes, valeurs {np.unique(y)[:5]}. Pour des étiquettes 0/1 : 2 * y - 1."
        )
    weights, bias, mistakes = np.zeros(x.shape[1], x.dtype), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        for example, label in zip(x, y):
            if label * (example @ weights + bias) <= 0:
                weights += label * example
                bias += float(label)
                mistakes[-1] += 1
    return weights, bias, mistakes


# --- Initialisation (Lesson 1.3) ----------------------------------------------------------------------
def glorot_uniform(shape, rng):
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)); shape of a dense or convolution kernel. Glorot & Bengio 2010, eq. 16.

    A convolution kernel is (height, width, inputs, outputs), a dense one (inputs, outputs).
    """
    limit = np.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
    return rng.uniform(-limit, limit, shape)


def he_normal(shape, rng):
    """N(0, 2 / fan_in); shape as in `glorot_uniform`. He et al. 2015, eq. 10 (not truncated, unlike Keras's)."""
    return rng.normal(0, np.sqrt(2 / math.prod(shape[:-1])), shape)


def orthogonal(shape, rng, gain=1.0):
    """A (rows, columns) matrix whose rows or columns, the fewer, are orthonormal times `gain`. Saxe et al. 2013.

    The signs of R's diagonal make the draw uniform (Haar) over orthogonal matrices (Mezzadri 2007).
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r))
    return gain * (q if rows >= columns else q.T)


def delta_orthogonal(shape, rng, gain=1.0):
    """A convolution kernel (height, width, inputs, outputs): orthogonal at the centre, zero elsewhere. Lesson 1.3.

    With gain 1 the convolution keeps the norm of every image (Xiao et al. 2018); this needs at least as many outputs
    as inputs.
    """
    height, width, inputs, outputs = shape
    if inputs > outputs:
        raise ValueError(
            f"delta_orthogonal demande au moins autant de canaux de sortie que d'entrée ; reçu {inputs} en entrée et "
            f"{outputs} en sortie. Une convolution qui perd des canaux ne peut pas garder toutes les normes."
        )
    kernel = np.zeros(shape)
    kernel[(height - 1) // 2, (width - 1) // 2] = orthogonal((inputs, outputs), rng, gain)
    return kernel


def conv_transfer(kernel, size):
    """Matrices (size², inputs, outputs), one a frequency, of a circular convolution on (size, size) images. Lesson 1.3.

    The Fourier transform cuts the convolution into these independent blocks: their singular values, together, are
    those of the whole convolution (Sedghi, Gupta & Long 2019).
    """
    height, width, inputs, outputs = kernel.shape
    if max(height, width) > size:
        raise ValueError(f"Le noyau {height}×{width} dépasse l'image {size}×{size} : donnez une image plus grande.")
    return np.fft.fft2(kernel, (size, size), axes=(0, 1)).reshape(size**2, inputs, outputs)


INITIALISERS = {"glorot_uniform": glorot_uniform, "he_normal": he_normal, "orthogonal": orthogonal}


# --- Regularisation and calibration (Lesson 1.3) ----------------------------------------------------------
def soft_threshold(w, threshold):
    """The u that minimises (u - w)² / 2 + threshold |u|: w brought closer to 0, and 0 once there. Lesson 1.3.

    The proximal step of an L1 penalty (Tibshirani 1996; ISTA: Daubechies et al. 2004).
    """
    if threshold < 0:
        raise ValueError(f"Le seuil vaut {threshold} ; donnez un nombre positif ou nul : taux × force de la pénalité.")
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)


class Calibration(NamedTuple):
    """For each bin of confidence that holds examples: its mean confidence, its accuracy, its share of them."""

    confidence: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray
    error: float  # expected calibration error: mean of |accuracy - confidence|, weighted by the shares


def calibration(probabilities, labels, *, bins=15):
    """How far the confidence of a classifier is from its accuracy: Calibration. Guo et al. 2017, eq. 3. Lesson 1.3.

    Args:
        probabilities: (N, K), rows that sum to 1; labels: (N,) integers; bins: of equal width over [0, 1].
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(
            f"Attendu : probabilités (N, K) et étiquettes (N,) ; reçu {probabilities.shape} et {np.shape(labels)}."
        )
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError("Les lignes ne somment pas à 1 : donnez des probabilités, softmax(logits), et non des logits.")
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    rank = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(rank, minlength=bins)
    kept = counts > 0
    means = [np.bincount(rank, values, minlength=bins)[kept] / counts[kept] for values in (confidence, right)]
    share = counts[kept] / len(labels)
    return Calibration(*means, share, float(share @ np.abs(means[0] - means[1])))


# --- Layers (Lessons 1.1 to 1.4) ----------------------------------------------------------------------
class Layer:
    """Forward, backward, and the parameters that an optimizer updates in place."""

    def __init__(self):
        self.params, self.grads = [], []

    def forward(self, x, training=False):
        raise NotImplementedError

    def backward(self, gradient):
        """Gradient of the loss for the output -> for the input; fills `grads` on the way."""
        raise NotImplementedError


class Dense(Layer):
    """x @ kernel + bias, x (N, inputs), kernel (inputs, units). Lesson 1.1."""

    def __init__(self, inputs, units, *, init="glorot_uniform", rng=None, dtype="float32"):
        super().__init__()
        if init not in INITIALISERS and not callable(init):
            raise ValueError(
                f"Initialisation inconnue : {init!r} ; choisissez parmi {', '.join(INITIALISERS)}, "
                "ou donnez une fonction (forme, rng) → tableau."
            )
        draw = init if callable(init) else INITIALISERS[init]
        rng = np.random.default_rng(0) if rng is None else rng
        kernel = np.asarray(draw((inputs, units), rng), dtype)
        self.params = [kernel, np.zeros(units, dtype)]
        self.grads = [np.zeros_like(kernel), np.zeros(units, dtype)]

    def forward(self, x, training=False):
        kernel, bias = self.params
        if x.ndim != 2 or x.shape[1] != kernel.shape[0]:
            raise ValueError(
                f"La couche dense attend une entrée de forme (N, {kernel.shape[0]}) ; reçu {x.shape}. "
                "Aplatissez les images : x.reshape(len(x), -1)."
            )
        self.x = x
        return x @ kernel + bias

    def backward(self, gradient):
        self.grads[0][...] = self.x.T @ gradient
        self.grads[1][...] = gradient.sum(axis=0)
        return gradient @ self.params[0].T


class Activate(Layer):
    """An activation of `ACTIVATIONS`, by name. Lesson 1.1."""

    def __init__(self, name):
        super().__init__()
        if name not in ACTIVATIONS:
            raise ValueError(f"Activation inconnue : {name!r} ; choisissez parmi {', '.join(ACTIVATIONS)}.")
        self.activation = ACTIVATIONS[name]

    def forward(self, x, training=False):
        self.x = x
        return self.activation.function(x)

    def backward(self, gradient):
        return gradient * self.activation.derivative(self.x)


class Dropout(Layer):
    """Zero a share `rate` of the units while training, and divide the others by 1 - rate. Lesson 1.3.

    "Inverted" form of Srivastava et al. 2014, so that inference changes nothing.
    """

    def __init__(self, rate, *, rng=None):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"Le taux de dropout vaut {rate} ; donnez une part entre 0 (inclus) et 1 (exclu).")
        self.rate, self.rng = rate, np.random.default_rng(0) if rng is None else rng

    def forward(self, x, training=False):
        self.mask = np.ones_like(x)
        if training:
            self.mask = (self.rng.random(x.shape) >= self.rate).astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * self.mask

    def backward(self, gradient):
        return gradient * self.mask


class _Normalisation(Layer):
    """Centre and scale along `axis`, then gamma x + beta: what batch and layer normalisation share."""

    axis: int

    def __init__(self, features, *, epsilon=1e-3, dtype="float32"):
        super().__init__()
        self.epsilon = epsilon
        self.params = [np.ones(features, dtype), np.zeros(features, dtype)]
        self.grads = [np.zeros(features, dtype), np.zeros(features, dtype)]

    def normalise(self, x, mean, variance):
        self.scale = 1 / np.sqrt(variance + self.epsilon)
        self.normalised = (x - mean) * self.scale
        gamma, beta = self.params
        return gamma * self.normalised + beta

    def backward(self, gradient):
        """Mean and variance depend on x as well: the two terms subtracted are their share of the gradient."""
        self.grads[0][...] = (gradient * self.normalised).sum(axis=0)
        self.grads[1][...] = gradient.sum(axis=0)
        inner = gradient * self.params[0]
        shared = inner.mean(axis=self.axis, keepdims=True)
        along = (inner * self.normalised).mean(axis=self.axis, keepdims=True)
        return self.scale * (inner - shared - self.normalised * along)


class BatchNormalization(_Normalisation):
    """Statistics of the batch while training, moving averages at inference. Ioffe & Szegedy 2015. Lesson 1.4.

    Defaults and update are Keras's: epsilon 1e-3, momentum .99, biased variance in the moving average.
    `backward` is the training-time gradient.
    """

    axis = 0

    def __init__(self, features, *, momentum=0.99, epsilon=1e-3, dtype="float32"):
        super().__init__(features, epsilon=epsilon, dtype=dtype)
        self.momentum = momentum
        self.moving_mean, self.moving_variance = np.zeros(features, dtype), np.ones(features, dtype)

    def forward(self, x, training=False):
        if not training:
            return self.normalise(x, self.moving_mean, self.moving_variance)
        mean, variance = x.mean(axis=0), x.var(axis=0)
        self.moving_mean += (1 - self.momentum) * (mean - self.moving_mean)
        self.moving_variance += (1 - self.momentum) * (variance - self.moving_variance)
        return self.normalise(x, mean, variance)


class LayerNormalization(_Normalisation):
    """The same, over the features of each example: no batch statistics at all. Ba et al. 2016. Lesson 1.4."""

    axis = 1

    def forward(self, x, training=False):
        return self.normalise(x, x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True))


class Network:
    """Layers in sequence. Lesson 1.1."""

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x, training=False):
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, gradient):
        """Chain rule, last layer first: gradient for the output -> for the input. Lesson 1.2."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient

    @property
    def params(self):
        return [array for layer in self.layers for array in layer.params]

    @property
    def grads(self):
        return [array for layer in self.layers for array in layer.grads]


def mlp(sizes, *, activation="relu", init="glorot_uniform", seed=0, dtype="float32"):
    """Dense layers of `sizes` (input first, logits last) with `activation` between them. Lesson 1.1."""
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, units in zip(sizes[:-1], sizes[1:]):
        layers += [Dense(inputs, units, init=init, rng=rng, dtype=dtype), Activate(activation)]
    return Network(*layers[:-1])


# --- Convolution (Lesson 2.1): images (N, H, W, C), kernels (height, width, inputs, outputs) ------------
def conv_size(size, kernel, *, stride=1, padding=0, dilation=1):
    """Length of a convolution's output along one axis: floor((H + 2p - d(h - 1) - 1) / s) + 1. Lesson 2.1."""
    if min(size, kernel, stride, dilation) < 1 or padding < 0:
        raise ValueError(
            "Tailles, pas et dilatation valent au moins 1, le remplissage au moins 0 ; "
            f"reçu taille {size}, noyau {kernel}, pas {stride}, dilatation {dilation}, remplissage {padding}."
        )
    span = dilation * (kernel - 1) + 1
    if span > size + 2 * padding:
        raise ValueError(
            f"La fenêtre couvre {span} pixels, et l'image n'en a que {size + 2 * padding}, remplissage compris : "
            "prenez un noyau ou une dilatation plus petits, ou davantage de remplissage."
        )
    return (size + 2 * padding - span) // stride + 1


def im2col(images, size, *, stride=1, padding=0, dilation=1):
    """Each window of (N, H, W, C) images in a row: (N, H', W', height * width * C), size (height, width). Lesson 2.1.

    Within a row, the order is that of a kernel: line, column, channel.
    """
    if np.ndim(images) != 4:
        raise ValueError(f"Attendu : des images (N, H, W, canaux) ; reçu {np.shape(images)}. Ajoutez les axes absents.")
    for axis in (0, 1):
        conv_size(images.shape[1 + axis], size[axis], stride=stride, padding=padding, dilation=dilation)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    span = [dilation * (length - 1) + 1 for length in size]
    windows = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(1, 2))  # a view: nothing is copied yet
    windows = windows[:, ::stride, ::stride, :, ::dilation, ::dilation]  # (N, H', W', C, height, width)
    return np.moveaxis(windows, 3, 5).reshape(*windows.shape[:3], -1)


def conv2d(image, kernel, *, stride=1, padding=0, dilation=1):
    """Cross-correlation, which every framework calls convolution; zeros outside the image. Lesson 2.1.

    Args:
        image: (H, W) and kernel (h, w) -> (H', W'), lengths given by `conv_size`;
            or (N, H, W, C) and kernel (h, w, C, K) -> (N, H', W', K), by im2col and one product of matrices.
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    if image.ndim == kernel.ndim == 2:
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        return conv2d(image[None, :, :, None], kernel[:, :, None, None], **options)[0, :, :, 0]
    _check_kernel(image, kernel, channels=2)
    columns = im2col(image, kernel.shape[:2], stride=stride, padding=padding, dilation=dilation)
    return columns @ kernel.reshape(-1, kernel.shape[3])


def conv2d_transpose(outputs, kernel, *, stride=1, padding=0, dilation=1):
    """Adjoint of `conv2d` with the same kernel: each value pays its window out, overlaps add up. Lesson 2.1.

    Args:
        outputs: (N, H', W', K), kernel (h, w, C, K) -> (N, s(H' - 1) + d(h - 1) + 1 - 2p, …, C): the smallest image
            that conv2d takes to (H', W').
    """
    _check_kernel(outputs, kernel, channels=3)
    rows, columns = (stride * (n - 1) + dilation * (k - 1) + 1 for n, k in zip(outputs.shape[1:3], kernel.shape[:2]))
    if padding < 0 or 2 * padding >= min(rows, columns):
        raise ValueError(f"Le remplissage {padding} ôterait toute l'image, qui a {rows}×{columns} pixels.")
    images = np.zeros((len(outputs), rows, columns, kernel.shape[2]), np.result_type(outputs, kernel))
    reach = [stride * (n - 1) + 1 for n in outputs.shape[1:3]]
    for i, j in np.ndindex(*kernel.shape[:2]):
        top, left = dilation * i, dilation * j
        images[:, top : top + reach[0] : stride, left : left + reach[1] : stride] += outputs @ kernel[i, j].T
    return images[:, padding : rows - padding, padding : columns - padding]


def max_pool2d(images, size=2, *, stride=None):
    """Largest value of each (size, size) window, of (H, W) or (N, H, W, C); stride: `size` by default. Lesson 2.1."""
    images = np.asarray(images)
    if images.ndim == 2:
        return max_pool2d(images[None, :, :, None], size, stride=stride)[0, :, :, 0]
    columns = im2col(images, (size, size), stride=size if stride is None else stride)
    return columns.reshape(*columns.shape[:3], size**2, -1).max(axis=3)


def receptive_field(layers):
    """Pixels that one output unit sees along one axis; layers: (kernel, stride, dilation), first one first. Lesson 2.1.

    Each layer adds d(h - 1) of its own inputs, which are as far apart as the strides before it multiply to
    (Araujo et al. 2019).
    """
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size += dilation * (kernel - 1) * jump
        jump *= stride
    return size


def _check_kernel(images, kernel, *, channels):
    if np.ndim(images) != 4 or np.ndim(kernel) != 4 or np.shape(images)[3] != np.shape(kernel)[channels]:
        meeting = "(h, w, C, K)" if channels == 2 else "(h, w, K, C)"
        raise ValueError(
            f"Attendu : des images (N, H, W, C) et un noyau {meeting}, avec le même C ; "
            f"reçu {np.shape(images)} et {np.shape(kernel)}."
        )


# --- Losses (Lesson 1.2): each returns (mean over the batch, its gradient for the first argument) --------
def log_softmax(logits):
    """Logarithm of the softmax over the last axis, stable: the maximum is subtracted first. Lesson 1.2."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits):
    """Probabilities over the last axis. Lesson 1.2."""
    return np.exp(log_softmax(logits))


def mean_squared_error(prediction, target):
    """Mean of (prediction - target)² over every element. Lesson 1.2."""
    if prediction.shape != target.shape:
        raise ValueError(
            f"Prédiction {prediction.shape} et cible {target.shape} n'ont pas la même forme ; "
            "NumPy les étendrait en silence : remettez-les à la même forme avec reshape."
        )
    difference = prediction - target
    return float(np.mean(difference**2)), 2 * difference / difference.size


def cross_entropy(logits, labels, *, label_smoothing=0.0):
    """Mean of -log softmax(logits)[label]; logits (N, K), labels (N,) integers. Lesson 1.2.

    With `label_smoothing` s the target is (1 - s) one-hot + s / K (Szegedy et al. 2016). Lesson 1.3.
    """
    target = _one_hot(logits, labels)
    target = target * (1 - label_smoothing) + label_smoothing / logits.shape[1]
    log_p = log_softmax(logits)
    return float(-(target * log_p).sum() / len(logits)), (np.exp(log_p) - target) / len(logits)


def focal(logits, labels, *, gamma=2.0):
    """Mean of -(1 - p)^gamma log p, p the probability of the true class. Lin et al. 2017, eq. 4. Lesson 1.2."""
    one_hot = _one_hot(logits, labels)
    log_p = log_softmax(logits)
    log_true = (one_hot * log_p).sum(axis=1, keepdims=True)
    p = np.exp(log_true)
    away = np.maximum(1 - p, np.finfo(logits.dtype).tiny)
    slope = gamma * p * away ** (gamma - 1) * log_true - away**gamma  # p · dL/dp
    return float(-np.mean(away**gamma * log_true)), slope * (one_hot - np.exp(log_p)) / len(logits)


def hinge(scores, target):
    """Mean of max(0, 1 - target x score); scores (N,), target (N,) of -1 and +1. Lesson 1.2."""
    if scores.shape != target.shape or not np.all(np.isin(target, (-1, 1))):
        raise ValueError(
            f"La perte charnière attend des cibles −1 ou +1 de la forme des scores {scores.shape} ; "
            f"reçu {target.shape}, valeurs {np.unique(target)[:5]}. Pour des étiquettes 0/1 : 2 * y - 1."
        )
    margin = 1 - target * scores
    return float(np.maximum(margin, 0).mean()), np.where(margin > 0, -target, 0).astype(scores.dtype) / len(scores)


def _one_hot(logits, labels):
    labels = np.asarray(labels)
    if logits.ndim != 2 or labels.shape != (len(logits),):
        raise ValueError(f"Attendu : logits (N, K) et étiquettes (N,) ; reçu {logits.shape} et {labels.shape}.")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"Les étiquettes doivent être des entiers de 0 à {logits.shape[1] - 1} ; "
            f"reçu le type {labels.dtype}, de {labels.min()} à {labels.max()}."
        )
    return np.eye(logits.shape[1], dtype=logits.dtype)[labels]


# --- Optimizers (Lesson 1.2): update(params, grads) changes params in place ------------------------------
class SGD:
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013). Lesson 1.2."""

    def __init__(self, learning_rate=0.01, *, momentum=0.0, nesterov=False):
        self.learning_rate, self.momentum, self.nesterov = learning_rate, momentum, nesterov
        self.velocities = None

    def update(self, params, grads):
        self.velocities = self.velocities or [np.zeros_like(p) for p in params]
        for p, g, v in zip(params, grads, self.velocities):
            v[...] = self.momentum * v - self.learning_rate * g
            p += self.momentum * v - self.learning_rate * g if self.nesterov else v


class RMSProp:
    """Step divided by a moving root mean square of the gradient. Tieleman & Hinton 2012. Lesson 1.2."""

    def __init__(self, learning_rate=0.001, *, rho=0.9, epsilon=1e-7):
        self.learning_rate, self.rho, self.epsilon = learning_rate, rho, epsilon
        self.squares = None

    def update(self, params, grads):
        self.squares = self.squares or [np.zeros_like(p) for p in params]
        for p, g, s in zip(params, grads, self.squares):
            s[...] = self.rho * s + (1 - self.rho) * g**2
            p -= self.learning_rate * g / np.sqrt(s + self.epsilon)


class Adam:
    """Adaptive moments (Kingma & Ba 2015); decoupled `weight_decay` makes it AdamW. Lesson 1.2.

    Both corrections are folded in the rate, as the formula just before section 2.1 does, and Keras: its epsilon is
    the paper's "epsilon hat". Algorithm 1 adds epsilon to the corrected root: on pixels that are nearly always black,
    whose gradients are as small as epsilon, weights then differ by some 1e-2 after 100 steps.
    AdamW: Loshchilov & Hutter 2019, algorithm 2, with the schedule multiplier folded in the learning rate.
    `bias_correction=False` shows what the correction is for.
    """

    def __init__(
        self, learning_rate=0.001, *, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0, bias_correction=True
    ):
        self.learning_rate, self.beta_1, self.beta_2, self.epsilon = learning_rate, beta_1, beta_2, epsilon
        self.weight_decay, self.bias_correction = weight_decay, bias_correction
        self.means, self.squares, self.step = None, None, 0

    def update(self, params, grads):
        self.means = self.means or [np.zeros_like(p) for p in params]
        self.squares = self.squares or [np.zeros_like(p) for p in params]
        self.step += 1
        correct_1 = 1 - self.beta_1**self.step if self.bias_correction else 1
        correct_2 = 1 - self.beta_2**self.step if self.bias_correction else 1
        rate = self.learning_rate * correct_2**0.5 / correct_1
        for p, g, m, s in zip(params, grads, self.means, self.squares):
            m[...] = self.beta_1 * m + (1 - self.beta_1) * g
            s[...] = self.beta_2 * s + (1 - self.beta_2) * g**2
            p -= self.learning_rate * self.weight_decay * p
            p -= rate * m / (np.sqrt(s) + self.epsilon)


# --- Training and testing (Lessons 1.1, 1.2) ------------------------------------------------------------
def batches(count, batch_size, rng):
    """Yield index arrays: one pass over `count` examples in a random order. Lesson 1.2."""
    order = rng.permutation(count)
    for start in range(0, count, batch_size):
        yield order[start : start + batch_size]


def fit(network, x, y, *, loss=cross_entropy, optimizer, epochs, batch_size=32, seed=0):
    """Train `network` in place; return the mean loss of each epoch. Lesson 1.2."""
    if len(x) != len(y):
        raise ValueError(f"Autant d'exemples que d'étiquettes sont attendus ; reçu {len(x)} et {len(y)}.")
    rng = np.random.default_rng(seed)
    history = []
    for _ in range(epochs):
        losses = []
        for index in batches(len(x), batch_size, rng):
            value, gradient = loss(network.forward(x[index], training=True), y[index])
            network.backward(gradient)
            optimizer.update(network.params, network.grads)
            losses.append(value)
        history.append(float(np.mean(losses)))
    return history


def accuracy(network, x, y):
    """Share of examples whose largest output is the label."""
    return float(np.mean(network.forward(x).argmax(axis=1) == y))


def numerical_gradient(function, array, *, step=1e-5):
    """Central finite differences of the scalar `function()` with respect to `array`, changed in place. Lesson 1.2."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def relative_error(a, b):
    """||a - b|| / max(||a||, ||b||); 0 when both are 0. Lesson 1.2."""
    largest = max(np.linalg.norm(a), np.linalg.norm(b))
    return float(np.linalg.norm(a - b) / largest) if largest else 0.0


def gradient_noise(gradients, batch_size, *, draws, rng):
    """Mean of ||batch gradient - full gradient||² over random batches without replacement. Lesson 1.4.

    `gradients` (N, parameters) holds the gradient of each example; a batch's gradient is the mean of its own.
    """
    if not 1 <= batch_size <= len(gradients):
        raise ValueError(f"La taille du lot doit aller de 1 à N = {len(gradients)} ; reçu {batch_size}.")
    centred = gradients - gradients.mean(axis=0)
    batches = (rng.choice(len(centred), batch_size, replace=False) for _ in range(draws))
    return float(np.mean([np.sum(centred[index].mean(axis=0) ** 2) for index in batches]))


def jacobian(network, x):
    """d output / d input of one example x (features,): a (outputs, inputs) matrix. Lesson 1.3."""
    outputs = network.forward(x[None]).shape[1]
    network.forward(np.repeat(x[None], outputs, axis=0))
    return network.backward(np.eye(outputs, dtype=x.dtype))
