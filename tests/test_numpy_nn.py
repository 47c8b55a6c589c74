"""labs.numpy_nn against Keras, TensorFlow's GradientTape, SciPy and finite differences."""

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize
import scipy.special
import tensorflow as tf

from labs import numpy_nn

RNG = np.random.default_rng(0)
KERAS_ACTIVATIONS = {
    "linear": keras.activations.linear,
    "sigmoid": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "relu": keras.activations.relu,
    "leaky_relu": lambda x: keras.activations.leaky_relu(x, negative_slope=numpy_nn.LEAK),
    "elu": keras.activations.elu,
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "silu": keras.activations.silu,
    "mish": keras.activations.mish,
}


@pytest.mark.parametrize("name", numpy_nn.ACTIVATIONS)
def test_an_activation_and_its_derivative_equal_keras_and_gradient_tape(name):
    x = np.concatenate([np.linspace(-6, 6, 201), [-50, 50]])
    x = x[x != 0]  # ReLU has no derivative there
    variable = tf.Variable(x, dtype="float64")
    with tf.GradientTape() as tape:
        expected = KERAS_ACTIVATIONS[name](variable)
    activation = numpy_nn.ACTIVATIONS[name]
    np.testing.assert_allclose(activation.function(x), expected, atol=1e-9)
    np.testing.assert_allclose(activation.derivative(x), tape.gradient(expected, variable), atol=1e-7)


@pytest.mark.parametrize("name", numpy_nn.ACTIVATIONS)
def test_an_activation_keeps_float32_and_does_not_overflow(name):
    x = np.array([-1e4, -1.0, 0.0, 1.0, 1e4], "float32")
    with np.errstate(over="raise", invalid="raise"):
        for part in numpy_nn.ACTIVATIONS[name]:
            assert part(x).dtype == "float32"
            assert np.all(np.isfinite(part(x)))


def test_log_softmax_equals_scipy_even_on_huge_logits():
    logits = np.array([[1e4, 0.0, -1e4], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(numpy_nn.log_softmax(logits), scipy.special.log_softmax(logits, axis=-1))


def _focal_of_keras(labels, logits):
    # keras.losses.CategoricalFocalCrossentropy with alpha = 1 is eq. 4 of Lin et al. 2017
    one_hot = keras.ops.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)(one_hot, logits)


LABELS = np.array([0, 2, 1, 1])
LOSSES = {
    "cross_entropy": (
        numpy_nn.cross_entropy,
        RNG.normal(size=(4, 3)),
        LABELS,
        lambda t, z: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(t, z),
    ),
    "label_smoothing": (
        lambda z, t: numpy_nn.cross_entropy(z, t, label_smoothing=0.1),
        RNG.normal(size=(4, 3)),
        LABELS,
        lambda t, z: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(
            keras.ops.one_hot(t, 3, dtype="float64"), z
        ),
    ),
    "mean_squared_error": (
        numpy_nn.mean_squared_error,
        RNG.normal(size=(4, 3)),
        RNG.normal(size=(4, 3)),
        lambda t, p: keras.losses.MeanSquaredError()(t, p),
    ),
    "hinge": (
        numpy_nn.hinge,
        RNG.normal(size=6),
        np.array([-1, 1, 1, -1, 1, -1]),
        lambda t, s: keras.losses.Hinge()(t[:, None], s[:, None]),
    ),
    "focal": (numpy_nn.focal, RNG.normal(size=(4, 3)), LABELS, _focal_of_keras),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_equal_keras_and_gradient_tape(name):
    ours, prediction, target, keras_loss = LOSSES[name]
    variable = tf.Variable(prediction, dtype="float64")
    with tf.GradientTape() as tape:
        expected = keras_loss(target, variable)
    value, gradient = ours(prediction, target)
    assert value == pytest.approx(float(expected), abs=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(expected, variable), atol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_a_loss_equals_finite_differences(name):
    ours, prediction, target, _ = LOSSES[name]
    prediction = prediction.copy()
    numerical = numpy_nn.numerical_gradient(lambda: ours(prediction, target)[0], prediction)
    assert numpy_nn.relative_error(ours(prediction, target)[1], numerical) < 1e-6


def test_focal_with_gamma_zero_is_cross_entropy():
    logits = RNG.normal(size=(5, 3))
    labels = np.array([0, 1, 2, 1, 0])
    for ours, reference in zip(numpy_nn.focal(logits, labels, gamma=0.0), numpy_nn.cross_entropy(logits, labels)):
        np.testing.assert_allclose(ours, reference, atol=1e-12)


def test_focal_is_finite_when_an_example_is_certain():
    value, gradient = numpy_nn.focal(np.array([[800.0, 0.0]]), np.array([0]), gamma=0.5)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))


@pytest.mark.parametrize("activation", ["tanh", "gelu", "mish", "elu"])
def test_backpropagation_equals_finite_differences_in_float64(activation):
    network = numpy_nn.mlp([3, 5, 4, 2], activation=activation, dtype="float64")
    x, y = RNG.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])
    network.backward(numpy_nn.cross_entropy(network.forward(x), y)[1])
    for param, gradient in zip(network.params, [g.copy() for g in network.grads]):
        numerical = numpy_nn.numerical_gradient(lambda: numpy_nn.cross_entropy(network.forward(x), y)[0], param)
        assert numpy_nn.relative_error(gradient, numerical) < 1e-6


def test_the_numpy_network_equals_the_keras_one():
    ours = numpy_nn.mlp([4, 8, 3], activation="gelu")
    theirs = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            keras.layers.Activation(KERAS_ACTIVATIONS["gelu"]),
            keras.layers.Dense(3),
        ]
    )
    theirs.set_weights(ours.params)
    x = RNG.normal(size=(10, 4)).astype("float32")
    np.testing.assert_allclose(ours.forward(x), theirs(x), atol=1e-5)


OPTIMIZERS = {
    "SGD": (numpy_nn.SGD(0.05), keras.optimizers.SGD(0.05)),
    "momentum": (numpy_nn.SGD(0.05, momentum=0.9), keras.optimizers.SGD(0.05, momentum=0.9)),
    "Nesterov": (
        numpy_nn.SGD(0.05, momentum=0.9, nesterov=True),
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    ),
    "RMSProp": (numpy_nn.RMSProp(0.01), keras.optimizers.RMSprop(0.01)),
    "Adam": (numpy_nn.Adam(0.01), keras.optimizers.Adam(0.01)),
    "AdamW": (numpy_nn.Adam(0.01, weight_decay=0.1), keras.optimizers.AdamW(0.01, weight_decay=0.1)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_of_an_optimizer_equal_those_of_keras(name):
    ours, theirs = OPTIMIZERS[name]
    params = [RNG.normal(size=(3, 2)).astype("float32"), RNG.normal(size=2).astype("float32")]
    variables = [keras.Variable(p) for p in params]
    for _ in range(100):
        ours.update(params, [np.cos(p) + 0.1 * p for p in params])
        theirs.apply([keras.ops.cos(v) + 0.1 * v for v in variables], variables)
    for param, variable in zip(params, variables):
        np.testing.assert_allclose(param, variable, atol=1e-5)


def test_adam_equals_keras_even_where_gradients_are_as_small_as_epsilon():
    ours, theirs = numpy_nn.Adam(0.01), keras.optimizers.Adam(0.01)
    params, variable = [np.zeros(4)], keras.Variable(np.zeros(4), dtype="float64")
    for _ in range(100):
        gradient = RNG.normal(size=4) * [1, 1e-6, 1e-7, 0]
        ours.update(params, [gradient])
        theirs.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(params[0], variable, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization"])
def test_a_normalisation_equals_that_of_keras_forward_and_in_its_statistics(kind, training):
    ours, theirs = getattr(numpy_nn, kind)(3), getattr(keras.layers, kind)()
    for _ in range(5):
        x = RNG.normal(2, 3, size=(16, 3)).astype("float32")
        options = {"training": True} if kind.startswith("Batch") else {}
        np.testing.assert_allclose(ours.forward(x, training=True), theirs(x, **options), atol=1e-5)
    options = {"training": training} if kind.startswith("Batch") else {}
    np.testing.assert_allclose(ours.forward(x, training=training), theirs(x, **options), atol=1e-5)


@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization"])
def test_the_gradient_of_a_normalisation_equals_finite_differences(kind):
    layer = getattr(numpy_nn, kind)(3, dtype="float64")
    layer.params[0][...] = [0.5, 1.5, -1.0]
    x, weights = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))

    def loss():
        return float((layer.forward(x, training=True) * weights).sum())

    loss()
    gradient, params = layer.backward(weights), [g.copy() for g in layer.grads]
    assert numpy_nn.relative_error(gradient, numpy_nn.numerical_gradient(loss, x)) < 1e-6
    for param, expected in zip(layer.params, params):
        assert numpy_nn.relative_error(expected, numpy_nn.numerical_gradient(loss, param)) < 1e-6


def test_dropout_keeps_the_mean_and_changes_nothing_at_inference():
    layer = numpy_nn.Dropout(0.4)
    x = np.ones((1000, 100), "float32")
    assert layer.forward(x, training=True).mean() == pytest.approx(1, abs=0.01)
    assert np.mean(layer.mask == 0) == pytest.approx(0.4, abs=0.01)
    np.testing.assert_array_equal(layer.backward(x), layer.mask)
    np.testing.assert_array_equal(layer.forward(x), x)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8)])
def test_orthogonal_has_all_its_singular_values_equal_to_the_gain(shape):
    matrix = numpy_nn.orthogonal(shape, np.random.default_rng(1), gain=2.0)
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 2.0)


@pytest.mark.parametrize("name, variance", [("glorot_uniform", 2 / (400 + 300)), ("he_normal", 2 / 400)])
def test_an_initialiser_has_the_variance_of_its_paper(name, variance):
    draw = numpy_nn.INITIALISERS[name]((400, 300), np.random.default_rng(0))
    assert draw.var() == pytest.approx(variance, rel=0.02)


def test_the_jacobian_of_a_linear_network_is_the_product_of_its_kernels():
    network = numpy_nn.mlp([4, 5, 3], activation="linear", dtype="float64")
    expected = (network.params[0] @ network.params[2]).T
    np.testing.assert_allclose(numpy_nn.jacobian(network, RNG.normal(size=4)), expected)


def test_an_epoch_of_batches_sees_each_example_once():
    seen = np.concatenate(list(numpy_nn.batches(10, 3, np.random.default_rng(0))))
    np.testing.assert_array_equal(np.sort(seen), np.arange(10))


def test_fit_separates_what_no_line_can():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25, "float32")
    y = (x[:, 0] != x[:, 1]).astype(int)
    network = numpy_nn.mlp([2, 8, 2], activation="tanh")
    history = numpy_nn.fit(network, x, y, optimizer=numpy_nn.Adam(0.05), epochs=60)
    assert history[-1] < 0.1 * history[0]
    assert numpy_nn.accuracy(network, x, y) == 1.0


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: numpy_nn.Activate("swoosh"), "Activation inconnue"),
        (lambda: numpy_nn.Dense(2, 3, init="zeros"), "Initialisation inconnue"),
        (lambda: numpy_nn.Dense(2, 3).forward(np.zeros((4, 5))), r"\(N, 2\)"),
        (lambda: numpy_nn.Dropout(1.0), "entre 0"),
        (lambda: numpy_nn.cross_entropy(np.zeros((2, 3)), np.array([0, 3])), "de 0 à 2"),
        (lambda: numpy_nn.cross_entropy(np.zeros((2, 3)), np.array([0.0, 1.0])), "entiers"),
        (lambda: numpy_nn.cross_entropy(np.zeros((2, 3)), np.array([[0], [1]])), "étiquettes"),
        (lambda: numpy_nn.mean_squared_error(np.zeros((4, 1)), np.zeros(4)), "même forme"),
        (lambda: numpy_nn.hinge(np.zeros(2), np.array([0, 1])), "2 \\* y - 1"),
    ],
)
def test_a_wrong_input_gets_a_sentence_that_says_what_to_do(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_perceptron_finds_the_weights_of_scikit_learn():
    from sklearn.linear_model import Perceptron

    x = RNG.normal(size=(200, 5))
    y = np.where(x @ RNG.normal(size=5) + 0.3 > 0, 1, -1)
    reference = Perceptron(shuffle=False, tol=None, max_iter=7).fit(x, y)
    weights, bias, mistakes = numpy_nn.perceptron(x, y, epochs=7)
    np.testing.assert_allclose(weights, reference.coef_[0])
    assert bias == reference.intercept_[0] and len(mistakes) == 7


def test_the_perceptron_makes_fewer_mistakes_than_novikoff_allows_when_a_line_separates():
    x = RNG.uniform(-1, 1, size=(400, 2))
    score = x @ np.array([0.6, 0.8])
    x, score = x[np.abs(score) > 0.1], score[np.abs(score) > 0.1]
    radius = np.sqrt((x**2).sum(axis=1).max() + 1)  # the bias is one more coordinate, equal to 1
    *_, mistakes = numpy_nn.perceptron(x, np.sign(score).astype(int), epochs=500)
    assert mistakes[-1] == 0
    assert sum(mistakes) <= (radius / 0.1) ** 2


@pytest.mark.parametrize("batch_size", [1, 5, 20, 40])
def test_the_gradient_noise_is_that_of_a_mean_drawn_without_replacement(batch_size):
    # Cochran 1977, theorem 2.2: variance of a sample mean, finite population
    gradients = np.random.default_rng(0).normal(size=(40, 3))
    population = np.sum(gradients.var(axis=0))
    expected = population / batch_size * (40 - batch_size) / 39
    got = numpy_nn.gradient_noise(gradients, batch_size, draws=4000, rng=np.random.default_rng(1))
    assert got == pytest.approx(expected, rel=0.06, abs=1e-12)


@pytest.mark.parametrize("batch_size", [0, 41])
def test_the_gradient_noise_refuses_a_batch_that_cannot_be_drawn(batch_size):
    with pytest.raises(ValueError, match="40"):
        numpy_nn.gradient_noise(np.zeros((40, 3)), batch_size, draws=1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal"])
def test_an_initialiser_draws_a_convolution_with_the_variance_of_keras(name):
    theirs = {"glorot_uniform": keras.initializers.GlorotUniform, "he_normal": keras.initializers.HeNormal}[name]
    shape = (3, 5, 40, 60)
    ours = numpy_nn.INITIALISERS[name](shape, np.random.default_rng(0))
    assert ours.shape == shape and ours.var() == pytest.approx(np.var(theirs(seed=0)(shape)), rel=0.02)


@pytest.mark.parametrize("shape", [(3, 3, 4, 4), (3, 3, 2, 5), (5, 1, 3, 3), (2, 4, 3, 6)])
def test_a_delta_orthogonal_convolution_of_keras_keeps_the_norm_of_every_image(shape):
    kernel = numpy_nn.delta_orthogonal(shape, np.random.default_rng(0), gain=2.0).astype("float32")
    images = RNG.normal(size=(8, 7, 6, shape[2])).astype("float32")
    outputs = keras.ops.convert_to_numpy(keras.ops.conv(images, kernel, padding="same"))
    norms = [np.linalg.norm(x.reshape(8, -1), axis=1) for x in (images, outputs)]
    np.testing.assert_allclose(norms[1], 2 * norms[0], rtol=1e-5)


def test_delta_orthogonal_refuses_to_lose_channels():
    with pytest.raises(ValueError, match="4 en entrée et 3 en sortie"):
        numpy_nn.delta_orthogonal((3, 3, 4, 3), np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(3, 3, 2, 2), (3, 2, 2, 3), (5, 5, 1, 2)])
def test_the_blocks_of_conv_transfer_have_the_singular_values_of_the_circular_convolution(shape):
    kernel, size = RNG.normal(size=shape), 5
    inputs, outputs = shape[2:]
    columns = []
    for place in np.ndindex(size, size, inputs):  # the whole operator, one pixel of one channel at a time
        image = np.zeros((size, size, inputs))
        image[place] = 1
        convolved = [
            sum(scipy.ndimage.convolve(image[..., i], kernel[..., i, o], mode="wrap") for i in range(inputs))
            for o in range(outputs)
        ]
        columns.append(np.ravel(convolved))
    expected = np.linalg.svd(np.array(columns), compute_uv=False)
    got = np.linalg.svd(numpy_nn.conv_transfer(kernel, size), compute_uv=False).ravel()
    np.testing.assert_allclose(np.sort(got), np.sort(expected), atol=1e-10)


def test_conv_transfer_refuses_a_kernel_wider_than_the_image():
    with pytest.raises(ValueError, match="3×7 dépasse"):
        numpy_nn.conv_transfer(np.zeros((3, 7, 1, 1)), 5)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 2.0])
def test_the_soft_threshold_is_the_minimum_that_scipy_finds(threshold):
    w = RNG.normal(size=20)
    loss = lambda u, one: 0.5 * (u - one) ** 2 + threshold * abs(u)  # noqa: E731
    expected = [scipy.optimize.minimize_scalar(loss, args=(one,), tol=1e-12).x for one in w]
    got = numpy_nn.soft_threshold(w, threshold)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(got[np.abs(w) <= threshold], 0)


def test_the_soft_threshold_keeps_float32_and_refuses_a_negative_threshold():
    assert numpy_nn.soft_threshold(np.ones(2, "float32"), 0.1).dtype == np.float32
    with pytest.raises(ValueError, match="-0.1"):
        numpy_nn.soft_threshold(np.ones(2), -0.1)


def test_calibration_has_the_bins_of_scikit_learn_and_the_error_of_its_definition():
    from sklearn.calibration import calibration_curve

    probabilities = scipy.special.softmax(RNG.normal(0, 2, size=(500, 4)), axis=1)
    labels = RNG.integers(0, 4, 500)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    got = numpy_nn.calibration(probabilities, labels, bins=10)
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=10)
    np.testing.assert_allclose(got.accuracy, accuracy)
    np.testing.assert_allclose(got.confidence, mean_confidence)
    error = 0.0
    for low in range(10):
        inside = (confidence > low / 10) & (confidence <= (low + 1) / 10)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert got.error == pytest.approx(error) and got.share.sum() == pytest.approx(1)


def test_a_classifier_that_is_always_certain_is_miscalibrated_by_its_share_of_mistakes():
    got = numpy_nn.calibration(np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 1, 1]))
    assert got.error == pytest.approx(0.5) and got.confidence.tolist() == [1.0]


@pytest.mark.parametrize("probabilities, words", [(np.full((3, 2), 0.5), "étiquettes"), (np.ones((2, 2)), "softmax")])
def test_calibration_refuses_what_is_not_probabilities(probabilities, words):
    with pytest.raises(ValueError, match=words):
        numpy_nn.calibration(probabilities, np.array([0, 1]))
