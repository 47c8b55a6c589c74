import tracemalloc

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import scipy.stats
import tensorflow as tf
from keras import layers, ops

from labs import explain

SHAPE = (9, 7, 3)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def pictures(count=2, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


def linear(weights):
    """Logits = weights (H, W, C, K) · image."""
    model = keras.Sequential(
        [keras.Input(weights.shape[:3]), layers.Flatten(), layers.Dense(weights.shape[3], use_bias=False)]
    )
    model.set_weights([weights.reshape(-1, weights.shape[3])])
    return model


def random_linear():
    weights = np.random.default_rng(1).normal(size=(*SHAPE, 4)).astype("float32")
    return linear(weights), weights


def one_pixel(row, column, slope=8.0, shape=(12, 12, 1)):
    """Two classes: the first one's logit is `slope` × one pixel, the other's is 0."""
    weights = np.zeros((*shape, 2), "float32")
    weights[row, column, :, 0] = slope
    return linear(weights)


def convolutional(shape=SHAPE, classes=3, activation="relu"):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(6, 3, padding="same", activation=activation, name="first"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, padding="same", name="second"),
            layers.BatchNormalization(),
            layers.ReLU(6.0, name="rectified"),
            layers.Flatten(),
            layers.Dense(10, activation="relu"),
            layers.Dense(classes),
        ]
    )


def nested(shape=SHAPE):
    """A functional model whose body is functional and whose head is sequential; ReLUs as layers, names, operations."""
    i = keras.Input(shape)
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="deep")(layers.Rescaling(2.0, -1.0)(i))
    body = keras.Model(i, layers.Activation("relu")(layers.Conv2D(5, 3, name="deeper")(x)), name="body")
    head = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(6, activation="relu"), layers.Dense(3)])
    inputs = keras.Input(shape)
    x = ops.relu(layers.Conv2D(5, 3, name="own")(body(inputs)))
    return keras.Model(inputs, head(x), name="whole")


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution, self.dense = layers.Conv2D(4, 3), layers.Dense(3)

    def call(self, x):
        return self.dense(ops.mean(ops.relu(self.convolution(x)), axis=(1, 2)))


def subclassed():
    model = Subclassed()
    model(pictures())
    return model


ANY = pytest.mark.parametrize("make", [convolutional, nested, subclassed], ids=lambda make: make.__name__)


def logits(model, images, classes):
    return np.asarray(model(images, training=False))[np.arange(len(images)), classes]


# ── Gradients ──


def test_every_gradient_of_a_linear_model_is_its_weights():
    model, weights = random_linear()
    x = pictures()
    expected = np.moveaxis(weights[..., [2, 0]], -1, 0)
    for maps in (explain.saliency(model, x, [2, 0]), explain.smooth_grad(model, x, [2, 0], samples=3)):
        assert maps.shape == x.shape and maps == pytest.approx(expected, abs=1e-6)


def test_integrated_gradients_of_a_linear_model_are_weight_times_displacement():
    model, weights = random_linear()
    x, colour = pictures(), np.array([0.1, 0.5, 0.9], "float32")
    got = explain.integrated_gradients(model, x, 1, baseline=colour, steps=3)
    assert got == pytest.approx((x - colour) * weights[..., 1], abs=1e-5)


@ANY
def test_saliency_predicts_a_small_change_of_the_logit(make):
    model, x, classes = make(), pictures(), [1, 2]
    step = np.random.default_rng(2).normal(size=x.shape).astype("float32") * 1e-3
    change = (logits(model, x + step, classes) - logits(model, x - step, classes)) / 2
    assert (explain.saliency(model, x, classes) * step).sum(axis=(1, 2, 3)) == pytest.approx(change, rel=0.02, abs=1e-5)


@ANY
def test_integrated_gradients_are_complete_to_one_percent(make):
    model, x, classes = make(), pictures(), [0, 2]
    maps = explain.integrated_gradients(model, x, classes, baseline=0.5, steps=100)
    difference = logits(model, x, classes) - logits(model, np.full_like(x, 0.5), classes)
    assert maps.sum(axis=(1, 2, 3)) == pytest.approx(difference, rel=0.01)


def test_smooth_grad_is_the_mean_gradient_of_a_quadratic_under_the_noise_it_says():
    i = keras.Input((4, 4, 1))
    cubic = keras.Model(i, ops.stack([ops.sum(i**3, axis=(1, 2, 3)), ops.sum(i, axis=(1, 2, 3))], axis=1))
    x = pictures(1, (4, 4, 1))
    spread = 0.2 * (x.max() - x.min())
    got = explain.smooth_grad(cubic, x, 0, samples=4000, noise=0.2)
    assert got == pytest.approx(3 * (x**2 + spread**2), abs=0.05)  # E[3 (x + σ ε)²]


def by_hand(model, x, label, rule):
    """Gradient of `convolutional` where each ReLU goes back by `rule`, through tf.custom_gradient."""

    def rectified(limit):
        @tf.custom_gradient
        def relu(z):
            active = tf.cast((z > 0) & (z < limit), z.dtype)
            return tf.clip_by_value(z, 0, limit), lambda g: rule(g, active)

        return relu

    first, second, norm, dense, last = (model.layers[rank] for rank in (0, 2, 3, 6, 7))
    with tf.GradientTape() as tape:
        z = tf.convert_to_tensor(x)
        tape.watch(z)
        h = rectified(np.inf)(tf.nn.conv2d(z, first.kernel, 1, "SAME") + first.bias)
        h = tf.nn.max_pool2d(h, 2, 2, "VALID")
        h = rectified(6.0)(norm(tf.nn.conv2d(h, second.kernel, 1, "SAME") + second.bias, training=False))
        h = rectified(np.inf)(tf.reshape(h, (len(x), -1)) @ dense.kernel + dense.bias)
        score = tf.reduce_sum((h @ last.kernel + last.bias)[:, label])
    return tape.gradient(score, z).numpy()


def large_weights(model):
    """So that some units of the ReLU6 go past 6."""
    model.set_weights([4 * w for w in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        (explain.saliency, lambda g, active: g * active),
        (explain.deconvnet, lambda g, active: tf.nn.relu(g)),
        (explain.guided_backprop, lambda g, active: tf.nn.relu(g) * active),
    ],
)
def test_each_rule_of_the_relu_is_that_of_springenberg_et_al(method, rule):
    model, x = large_weights(convolutional()), pictures()
    inside = keras.Model(model.inputs[0], model.get_layer("rectified").output)(x)
    assert np.mean(np.asarray(inside) == 6) > 0.02
    expected = by_hand(model, x, 1, rule)
    assert method(model, x, 1) == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))


@pytest.mark.parametrize("method", [explain.deconvnet, explain.guided_backprop])
def test_a_rule_reaches_the_relus_of_a_nested_model_as_those_of_a_flat_one(method):
    model, x = nested(), pictures()
    body, head = model.get_layer("body"), model.layers[-1]
    flat = keras.Sequential([keras.Input(SHAPE), *body.layers[1:4]])
    for layer in (layers.ReLU(), model.get_layer("own"), layers.ReLU(), *head.layers):
        flat.add(layer)
    assert np.asarray(flat(x)) == pytest.approx(np.asarray(model(x)), abs=1e-6)
    assert method(model, x, 0) == pytest.approx(method(flat, x, 0), abs=1e-6)
    assert not np.allclose(method(model, x, 0), explain.saliency(model, x, 0), atol=1e-5)


@ANY
def test_the_model_is_left_as_it_was(make):
    model, x = make(), pictures()
    weights, outputs = model.get_weights(), np.asarray(model(x))
    before = explain.saliency(model, x, 0)
    attributes = {id(layer): set(vars(layer)) for layer in model.layers}
    for method in (explain.deconvnet, explain.guided_backprop, explain.integrated_gradients):
        method(model, x, 0)
    explain.grad_cam(model, x, 0, layer=None if make is not subclassed else model.convolution)
    assert {id(layer): set(vars(layer)) for layer in model.layers} == attributes
    with tf.GradientTape() as tape:
        z = tf.convert_to_tensor(x)
        tape.watch(z)
        score = tf.reduce_sum(model(z)[:, 0])
    assert tape.gradient(score, z).numpy() == pytest.approx(before, abs=1e-6)
    assert np.asarray(model(x)) == pytest.approx(outputs, abs=1e-6)
    assert all(np.array_equal(one, other) for one, other in zip(model.get_weights(), weights))


def test_dropout_and_batch_statistics_do_not_move():
    model = keras.Sequential(
        [keras.Input(SHAPE), layers.BatchNormalization(), layers.Dropout(0.9), layers.Flatten(), layers.Dense(2)]
    )
    weights = model.get_weights()
    one, other = (explain.saliency(model, pictures(), 0) for _ in range(2))
    assert np.array_equal(one, other)
    assert all(np.array_equal(now, then) for now, then in zip(model.get_weights(), weights))


def test_a_method_traces_the_model_once_whatever_the_number_of_images_and_sees_new_weights():
    calls = []

    class Counted(layers.Layer):
        def call(self, x):
            calls.append(1)
            return 1.0 * x

    i = keras.Input(SHAPE)
    model = keras.Model(i, layers.Dense(2)(layers.Flatten()(Counted()(i))))
    explain.saliency(model, pictures(1), 0)
    count = len(calls)
    first = explain.saliency(model, pictures(5), 0)
    explain.smooth_grad(model, pictures(300), 0, samples=2)
    model.set_weights([2 * w for w in model.get_weights()])
    assert explain.saliency(model, pictures(5), 0) == pytest.approx(2 * first)
    assert len(calls) == count


# ── Grad-CAM ──


def test_grad_cam_of_a_global_average_and_a_dense_layer_is_cam():
    i = keras.Input(SHAPE)
    features = layers.Conv2D(5, 3, activation="tanh", name="features")(i)
    model = keras.Model(i, layers.Dense(3)(layers.GlobalAveragePooling2D()(features)))
    x, maps = pictures(), keras.Model(i, features)
    weights, bias = model.layers[-1].get_weights()
    mean = np.asarray(maps(x)).mean(axis=(0, 1, 2))
    weights -= np.outer(mean, mean @ weights) / (mean @ mean)  # so that the maps have both signs
    model.layers[-1].set_weights([weights, bias])
    cam = np.asarray(maps(x)) @ weights[:, 1] / (7 * 5)  # Zhou et al. 2016; Selvaraju et al. 2017, section 3.1
    assert 0.1 < np.mean(cam > 0) < 0.9
    for layer in ("features", model.get_layer("features"), None):
        assert explain.grad_cam(model, x, 1, layer) == pytest.approx(np.maximum(cam, 0), abs=1e-6)


def test_grad_cam_reads_a_layer_however_deep():
    model, x = nested(), pictures()
    body = model.get_layer("body")
    for name in ("deep", "deeper", "own", "body"):
        assert explain.grad_cam(model, x, 0, name).shape == (2, *model_size(model, body, name))
    layer = body.get_layer("deeper")
    assert np.array_equal(explain.grad_cam(model, x, 0, "deeper"), explain.grad_cam(model, x, 0, layer))
    assert explain.grad_cam(model, x, 0).shape == (2, 5, 3)  # of the layer "own"


def model_size(model, body, name):
    layer = body.get_layer(name) if name.startswith("deep") else model.get_layer(name)
    return layer.output.shape[1:3]


def test_guided_grad_cam_is_the_product_of_the_two():
    model, x = convolutional(), pictures()
    coarse = explain.upsample(explain.grad_cam(model, x, 0), SHAPE[:2])
    assert coarse.shape == (2, *SHAPE[:2])
    expected = explain.guided_backprop(model, x, 0) * coarse[..., None]
    assert explain.guided_grad_cam(model, x, 0) == pytest.approx(expected)


# ── Occlusion ──


@pytest.mark.parametrize(("patch", "stride"), [(3, 2), (4, 4), (2, 1), (7, 5)])
def test_occlusion_is_the_mean_drop_over_the_squares_that_cover_a_pixel(patch, stride):
    model, x = convolutional(), pictures()
    fill = pictures(seed=5)
    sums, counts = np.zeros(x.shape[:3]), np.zeros(x.shape[:3])
    tops, lefts = ({*range(0, side - patch, stride), side - patch} for side in SHAPE[:2])
    for rank, label in enumerate((2, 0)):
        whole = logits(model, x[[rank]], [label])[0]
        for top in tops:
            for left in lefts:
                hidden = x[[rank]].copy()
                hidden[:, top : top + patch, left : left + patch] = fill[[rank], top : top + patch, left : left + patch]
                sums[rank, top : top + patch, left : left + patch] += whole - logits(model, hidden, [label])[0]
                counts[rank, top : top + patch, left : left + patch] += 1
    got = explain.occlusion(model, x, [2, 0], patch, stride, baseline=fill)
    assert got == pytest.approx(sums / counts, abs=1e-5)


def test_occlusion_of_a_model_that_reads_one_patch_is_nothing_elsewhere():
    weights = np.zeros((12, 12, 1, 2), "float32")
    weights[4:8, 4:8, :, 0] = 1
    x = np.full((1, 12, 12, 1), 0.5, "float32")
    got = explain.occlusion(linear(weights), x, 0, patch=4, stride=4)[0]
    expected = np.zeros((12, 12))
    expected[4:8, 4:8] = 16 * 0.5
    assert got == pytest.approx(expected, abs=1e-5)
    assert explain.occlusion(linear(weights), x, 0, 4, 4, baseline=0.5) == pytest.approx(0, abs=1e-6)


# ── RISE ──


def test_a_mask_is_a_grid_enlarged_and_cut_at_a_shift_of_its_own():
    size, cells, cell = (20, 13), 4, (5, 4)
    masks = np.stack(list(explain.random_masks(size, 300, cells, 0.3, seed=3)))
    assert masks.shape == (300, *size) and masks.min() >= 0 and masks.max() <= 1
    rng = np.random.default_rng(3)
    grids = rng.random((256, cells, cells)) < 0.3
    shifts = rng.integers(0, cell, (256, 2))
    assert len(np.unique(shifts, axis=0)) == 20  # every place of the cell
    for mask, grid, shift in list(zip(masks, grids, shifts))[:20]:
        rows, columns = (
            (np.arange(side) + start + 0.5) * cells / ((cells + 1) * c) - 0.5
            for side, start, c in zip(size, shift, cell)
        )
        places = np.meshgrid(rows, columns, indexing="ij")
        reference = scipy.ndimage.map_coordinates(grid.astype(float), places, order=1, mode="nearest")
        assert mask == pytest.approx(reference, abs=1e-5)
    assert masks.mean(axis=0) == pytest.approx(np.full(size, 0.3), abs=0.12)


def test_rise_is_the_mean_of_the_masks_weighted_by_the_probability():
    model, x = large_weights(convolutional()), pictures()
    expected = np.zeros(x.shape[:3])
    for mask in explain.random_masks(SHAPE[:2], 70, 5, 0.4, seed=2):
        for rank, label in enumerate((1, 2)):
            outputs = np.asarray(model(x[[rank]] * mask[None, ..., None]))[0]
            expected[rank] += np.exp(outputs[label]) / np.exp(outputs).sum() * mask / (70 * 0.4)
    assert explain.rise(model, x, [1, 2], 70, 5, 0.4, seed=2) == pytest.approx(expected, abs=1e-4)


def test_rise_finds_the_pixel_that_a_model_reads_and_gives_the_mean_probability_there():
    model, x = one_pixel(3, 8), np.ones((1, 12, 12, 1), "float32")
    got = explain.rise(model, x, 0, masks=4000, cells=6)[0]
    top = np.unravel_index(got.argmax(), got.shape)
    assert np.abs(np.subtract(top, (3, 8))).max() <= 1
    seen = np.array([mask[3, 8] for mask in explain.random_masks((12, 12), 4000, 6, seed=9)])
    expected = np.mean(scipy.special.expit(8 * seen) * seen) / 0.5
    assert got[3, 8] == pytest.approx(expected, rel=0.05)
    far = np.mean(scipy.special.expit(8 * seen))  # away from it, the mean probability
    assert got[11, 1] == pytest.approx(far, rel=0.05)


def test_rise_never_holds_all_its_masks():
    model, x = one_pixel(3, 8, shape=(64, 64, 1)), pictures(1, (64, 64, 1))
    explain.rise(model, x, 0, masks=10)
    peaks = []
    for masks in (600, 6000):
        tracemalloc.start()
        explain.rise(model, x, 0, masks=masks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


# ── Curves ──


def test_the_curves_of_a_model_that_reads_one_pixel():
    model, x = one_pixel(3, 8), np.ones((12, 12, 1), "float32")
    good = np.zeros((12, 12))
    good[3, 8] = 1
    on, off = scipy.special.expit(8), 0.5
    curve, area = explain.deletion(model, x, 0, good, steps=144, baseline=0.0)
    assert curve == pytest.approx([on] + [off] * 144, abs=1e-5)
    assert area == pytest.approx(off + (on - off) / 2 / 144, abs=1e-5)
    curve, area = explain.deletion(model, x, 0, -good, steps=144, baseline=0.0)
    assert curve == pytest.approx([on] * 144 + [off], abs=1e-5)
    curve, area = explain.insertion(model, x, 0, good, steps=144, baseline=0.0)
    assert curve == pytest.approx([off] + [on] * 144, abs=1e-5)
    assert area == pytest.approx(on - (on - off) / 2 / 144, abs=1e-5)


def test_insertion_starts_from_the_blurred_image_and_both_end_where_they_say():
    model, x = convolutional((32, 32, 3)), pictures(1, (32, 32, 3))[0]
    heat = np.random.default_rng(0).random((32, 32))
    blurred = scipy.ndimage.gaussian_filter(x.astype(float), (5, 5, 0), mode="mirror", truncate=1.0)

    def probability(image):
        return scipy.special.softmax(np.asarray(model(image[None].astype("float32"))))[0, 1]

    curve, _ = explain.insertion(model, x, 1, heat, steps=7)
    assert len(curve) == 8
    assert curve[[0, -1]] == pytest.approx([probability(blurred), probability(x)], abs=1e-4)
    curve, _ = explain.deletion(model, x, 1, heat, steps=7, baseline=(0.2, 0.4, 0.6))
    ends = probability(x), probability(np.broadcast_to([0.2, 0.4, 0.6], x.shape))
    assert curve[[0, -1]] == pytest.approx(ends, abs=1e-4)


# ── Sanity and fragility ──


def test_the_cascade_draws_one_block_more_at_each_step_from_the_top():
    model = nested()
    for layer in (model.get_layer("own"), model.layers[-1]):
        layer.set_weights([w + 1 for w in layer.get_weights()])
    before = model.get_weights()
    names, states = [], []
    for name, random in explain.cascade(model, seed=1):
        names.append(name)
        states.append({w.path: w.numpy().copy() for w in random.weights})
    assert names[0] == "" and names[-1] == "deep" and len(names) == 6
    assert names.index("own") < names.index("deeper")
    assert all(np.array_equal(one, other) for one, other in zip(states[0].values(), before))
    for previous, now in zip(states, states[1:]):
        changed = {path.rsplit("/", 1)[0] for path in now if not np.array_equal(now[path], previous[path])}
        assert len(changed) == 1
    assert all(np.array_equal(one, other) for one, other in zip(model.get_weights(), before))


def test_a_map_can_be_led_astray_by_a_change_that_the_class_does_not_see():
    model, x = convolutional((16, 16, 3)), pictures(3, (16, 16, 3))
    classes = np.asarray(model(x)).argmax(axis=1)
    moved = explain.mislead(model, x, classes, epsilon=0.05, step_size=0.01, steps=15)
    assert np.abs(moved - x).max() <= 0.05 + 1e-6 and moved.min() >= 0 and moved.max() <= 1
    assert np.array_equal(np.asarray(model(moved)).argmax(axis=1), classes)
    ours, theirs = (np.abs(explain.saliency(model, images, classes)).sum(axis=-1) for images in (x, moved))
    top = ours >= np.quantile(ours, 0.9, axis=(1, 2), keepdims=True)
    held = [(one * top).sum(axis=(1, 2)) / one.sum(axis=(1, 2)) for one in (ours, theirs)]
    assert np.all(held[1] < held[0] - 0.02)


# ── Errors ──

METHODS = [
    explain.saliency,
    explain.smooth_grad,
    explain.integrated_gradients,
    explain.deconvnet,
    explain.guided_backprop,
    explain.grad_cam,
    explain.guided_grad_cam,
    explain.occlusion,
    explain.rise,
    explain.mislead,
]
EVERY = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)


@pytest.fixture(scope="module")
def small():
    return convolutional()


@EVERY
def test_every_method_says_what_is_wrong_with_its_inputs(method, small):
    x = pictures()
    softmax = keras.Sequential([*small.layers, layers.Softmax()])
    for model, images, classes, kind, words in (
        (small, x * 255, 0, ValueError, "divisez par 255"),
        (small, x[0], 0, ValueError, "une seule image"),
        (small, x[..., :1], 0, ValueError, "images grises"),
        (small, (x * 255).astype("uint8"), 0, TypeError, "uint8"),
        (small, x, 3, ValueError, "Aucune classe 3.*de 0 à 2"),
        (small, x, [0, -1], ValueError, "Aucune classe -1"),
        (small, x, [0, 1, 2], ValueError, "une par image"),
        (small, x, 0.5, TypeError, "entiers"),
        (softmax, x, 0, ValueError, "softmax.*logits"),
        (lambda x: x, x, 0, TypeError, "modèle Keras"),
    ):
        with pytest.raises(kind, match=words):
            method(model, images, classes)


@pytest.mark.parametrize("last", [layers.Dense(3, activation="softmax"), layers.Activation("softmax"), ops.softmax])
def test_a_softmax_is_found_whatever_makes_it(last):
    i = keras.Input(SHAPE)
    inner = keras.Model(i, last(layers.Dense(3)(layers.Flatten()(i))))
    with pytest.raises(ValueError, match="softmax"):
        explain.saliency(keras.Sequential([keras.Input(SHAPE), inner]), pictures(), 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x: explain.smooth_grad(m, x, 0, samples=0), "samples"),
        (lambda m, x: explain.smooth_grad(m, x, 0, noise=-1), "écart-type"),
        (lambda m, x: explain.integrated_gradients(m, x, 0, steps=2.5), "steps"),
        (lambda m, x: explain.integrated_gradients(m, x, 0, baseline=np.zeros(5)), "une couleur"),
        (lambda m, x: explain.integrated_gradients(m, x, 0, baseline=2), "dans \\[0, 1\\]"),
        (lambda m, x: explain.grad_cam(m, x, 0, "dense_that_is_not"), "Aucune couche.*« first »"),
        (lambda m, x: explain.grad_cam(m, x, 0, m.layers[-1]), "n'est pas convolutive.*\\(None, 3\\)"),
        (lambda m, x: explain.occlusion(m, x, 0, patch=8), "9×7"),
        (lambda m, x: explain.occlusion(m, x, 0, patch=3, stride=4), "jamais cachés"),
        (lambda m, x: explain.rise(m, x, 0, masks=0), "masks"),
        (lambda m, x: explain.rise(m, x, 0, cells=1), "2×2"),
        (lambda m, x: explain.rise(m, x, 0, keep=1.0), "keep"),
        (lambda m, x: explain.mislead(m, x, 0, top=1), "]0, 1["),
        (lambda m, x: explain.deletion(m, x[0], 0, np.zeros((2, 2))), "upsample"),
        (lambda m, x: explain.insertion(m, x[0], 0, np.full((9, 7), np.nan)), "non finies"),
        (lambda m, x: explain.deletion(m, x[0], 7, np.zeros((9, 7))), "Aucune classe 7"),
    ],
)
def test_what_cannot_be_done_is_said(call, words, small):
    with pytest.raises(ValueError, match=words.replace("]0, 1[", "\\]0, 1\\[")):
        call(small, pictures())


def test_a_network_without_relu_or_without_convolution_is_refused_where_one_is_needed():
    plain, _ = random_linear()
    for method in (explain.deconvnet, explain.guided_backprop):
        with pytest.raises(ValueError, match="ni ReLU"):
            method(plain, pictures(), 0)
    with pytest.raises(ValueError, match="convolutive"):
        explain.grad_cam(plain, pictures(), 0)


def test_a_detector_is_not_taken_for_a_classifier():
    i = keras.Input(SHAPE)
    with pytest.raises(ValueError, match="logits"):
        explain.saliency(keras.Model(i, [layers.Flatten()(i), layers.Flatten()(i)]), pictures(), 0)
    with pytest.raises(ValueError, match="logits"):
        explain.saliency(keras.Model(i, layers.Conv2D(2, 3)(i)), pictures(), 0)
