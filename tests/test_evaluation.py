"""Robust accuracy, defences and guarantees, against closed forms on linear models, SciPy and brute force."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from labs import attacks, datasets, zoo
from labs.attacks import certificates, defences, evaluation, gradient

SHAPE = (4, 5, 2)
SIZE = int(np.prod(SHAPE))


class Linear:
    """Logits flatten(x) @ weights + bias, as a plain function of tensors."""

    def __init__(self, classes, seed=0):
        rng = np.random.default_rng(seed)
        self.weights = rng.normal(size=(SIZE, classes)).astype("float32")
        self.bias = -0.5 * self.weights.sum(axis=0)  # the planes go through the middle of [0, 1]

    def __call__(self, images):
        return tf.reshape(images, (-1, SIZE)) @ self.weights + self.bias

    def classes(self, images):
        return (images.reshape(len(images), -1) @ self.weights + self.bias).argmax(axis=1)

    def distances(self, images, y):
        """Euclidean distance (N,) to the nearest plane between class y and another: exact for a linear model."""
        logits = images.reshape(len(images), -1).astype("float64") @ self.weights + self.bias
        gaps = logits[np.arange(len(y)), y, None] - logits
        lengths = np.linalg.norm(self.weights[:, y, None] - self.weights[:, None], axis=0)
        return np.where(lengths > 0, gaps / np.maximum(lengths, 1e-12), np.inf).min(axis=1)


def images(count, low=0.0, high=1.0, seed=1):
    return np.random.default_rng(seed).uniform(low, high, (count, *SHAPE)).astype("float32")


def keras_network(*middle, classes=3, seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input(SHAPE), *middle, keras.layers.Flatten(), keras.layers.Dense(classes)])


def convolutional(seed=0):
    """One of each layer that intervals cross, with a normalisation that has seen images."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(6, 3, padding="same", strides=1, activation="relu"),
            layers.BatchNormalization(momentum=0.0),
            layers.MaxPooling2D(2),
            layers.Conv2D(5, 2, use_bias=False),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(7, activation="tanh"),
            layers.Dense(3),
        ]
    )
    model(images(64, seed=5), training=True)
    return model


# ── The worst case of each image ──


def shifted(step):
    return lambda model, x, y: np.clip(x + step, 0, 1)


def test_robust_accuracy_is_that_of_a_loop_over_images_and_attacks():
    model, x = Linear(3), images(60)
    y = model.classes(x)
    y[:7] = (y[:7] + 1) % 3  # some are wrong from the start
    kinds = {"brighter": shifted(0.3), "darker": shifted(-0.3), "mirror": lambda model, x, y: x[:, :, ::-1]}
    resisting = 0
    for i in range(len(x)):
        seen = [model.classes(x[i : i + 1])[0]]
        seen += [model.classes(attack(model, x[i : i + 1], y[i : i + 1]))[0] for attack in kinds.values()]
        resisting += all(one == y[i] for one in seen)
    assert attacks.robust_accuracy(model, x, y, kinds) == pytest.approx(resisting / len(x))
    assert 0 < resisting < len(x)


def test_an_attack_that_does_nothing_leaves_the_plain_accuracy():
    model, x = Linear(3), images(40)
    y = np.where(np.arange(40) < 30, model.classes(x), (model.classes(x) + 1) % 3)
    assert attacks.robust_accuracy(model, x, y, {"none": lambda model, x, y: x}) == 0.75


def test_each_attack_is_told_apart_and_the_worst_case_is_never_above_any():
    model, x = Linear(4), images(80)
    y = model.classes(x)
    kinds = {"brighter": shifted(0.2), "darker": shifted(-0.2)}
    each = evaluation.resists(model, x, y, kinds)
    assert {name: alone.shape for name, alone in each.items()} == {"brighter": (80,), "darker": (80,)}
    worst = attacks.robust_accuracy(model, x, y, kinds)
    assert worst < min(alone.mean() for alone in each.values())


@pytest.mark.parametrize(
    "attack, message",
    [
        (lambda model, x, y: x + 1, "entre 0 et 1"),
        (lambda model, x, y: x[:1], "doit rendre des images"),
        (lambda model, x, y: (255 * x).astype("uint8"), "uint8"),
        (lambda model, x, y: np.full_like(x, np.nan), "entre 0 et 1"),
    ],
    ids=["range", "count", "bytes", "nan"],
)
def test_an_attack_that_does_not_return_images_is_refused_by_its_name(attack, message):
    model, x = Linear(3), images(4)
    with pytest.raises(ValueError, match=f"« odd ».*{message}|{message}"):
        attacks.robust_accuracy(model, x, model.classes(x), {"odd": attack})


def test_no_attack_at_all_is_refused():
    model, x = Linear(3), images(4)
    with pytest.raises(ValueError, match="une attaque au moins"):
        evaluation.resists(model, x, model.classes(x), {})


@pytest.mark.parametrize("call", ["robust", "search", "certify", "certified"])
def test_a_model_that_gives_probabilities_is_told_to_give_logits(call):
    model = keras_network()
    softmax = keras.Sequential([model, keras.layers.Softmax()])
    x, y = images(2), np.array([0, 1])
    calls = {
        "robust": lambda: attacks.robust_accuracy(softmax, x, y, {"none": lambda model, x, y: x}),
        "search": lambda: attacks.random_search(softmax, x, y, 0.1),
        "certify": lambda: attacks.certify(softmax, x, 0.1),
        "certified": lambda: attacks.certified(softmax, x, y, 0.1),
    }
    with pytest.raises(ValueError, match="probabilités.*logits"):
        calls[call]()


# ── The attack without a gradient ──


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.4])
def test_a_random_search_stays_in_its_ball_and_in_the_images(epsilon):
    x = images(6)
    found = attacks.random_search(Linear(3), x, np.zeros(6, int), epsilon, queries=20)
    assert np.abs(found - x).max() <= epsilon + 1e-6
    assert found.min() >= 0 and found.max() <= 1


def test_a_random_search_never_beats_the_exact_worst_of_a_linear_model_and_comes_near_it():
    model, x, y = Linear(2), images(20, 0.3, 0.7), np.zeros(20, int)
    direction = (model.weights[:, 0] - model.weights[:, 1]).astype("float64")
    worst = 0.1 * np.abs(direction).sum()  # the largest fall of the margin, by Hölder's inequality
    gap = lambda images: np.reshape(images, (20, -1)) @ direction  # noqa: E731
    few, many = (gap(x) - gap(attacks.random_search(model, x, y, 0.1, queries=n)) for n in (1, 400))
    assert np.all(many <= worst + 1e-4)
    assert few.mean() < many.mean() and many.mean() > 0.8 * worst


def test_a_random_search_does_not_need_the_gradient():
    model, x = Linear(3), images(30, 0.3, 0.7)
    y = model.classes(x)
    hidden = lambda images: model(tf.round(images * 255) / 255)  # noqa: E731
    assert np.all(attacks.fgsm(hidden, x, y, 0.1) == x)  # no gradient, no move
    found = attacks.random_search(hidden, x, y, 0.1, queries=100)
    assert np.mean(model.classes(found) == y) < 0.3


# ── Interval bounds ──


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.05, 0.3])
def test_the_bound_of_a_linear_model_is_its_exact_margin(epsilon):
    model, x, y = keras_network(), images(10), np.arange(10) % 3
    kernel, bias = (np.asarray(one, "float64") for one in model.layers[-1].get_weights())
    low, high = np.clip(x - epsilon, 0, 1).reshape(10, -1), np.clip(x + epsilon, 0, 1).reshape(10, -1)
    got = np.asarray(certificates.interval_margins(model, x, y, epsilon))
    for i, own in enumerate(y):
        for other in range(3):
            w = kernel[:, own] - kernel[:, other]
            worst = np.where(w > 0, low[i], high[i])  # the corner of the box that lowers the margin most
            assert got[i, other] == pytest.approx(w @ worst + bias[own] - bias[other], abs=1e-5)


def test_a_linear_model_is_certified_exactly_where_its_fgsm_fails():
    model, x = keras_network(classes=2), images(200, 0.3, 0.7)
    kernel = model.layers[-1].get_weights()[0]
    model.layers[-1].set_weights([kernel, -0.5 * kernel.sum(axis=0)])  # the plane goes through the middle
    y = np.asarray(model(x)).argmax(axis=1)
    fooled = np.asarray(model(attacks.fgsm(model, x, y, 0.02))).argmax(axis=1) != y
    assert 10 < fooled.sum() < 190
    assert np.array_equal(attacks.certified(model, x, y, 0.02), ~fooled)


def test_a_bound_of_radius_zero_is_the_margin_of_the_network_itself():
    model, x, y = convolutional(), images(8), np.arange(8) % 3
    logits = np.asarray(model(x))
    expected = logits[np.arange(8), y][:, None] - logits
    assert np.asarray(certificates.interval_margins(model, x, y, 0.0)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_no_image_of_the_ball_goes_below_the_bound(epsilon):
    model, x, y = convolutional(), images(4), np.array([0, 1, 2, 0])
    bound = np.asarray(certificates.interval_margins(model, x, y, epsilon))
    rng = np.random.default_rng(0)
    for _ in range(50):
        moved = np.clip(x + epsilon * rng.choice([-1, 1], x.shape), 0, 1).astype("float32")
        logits = np.asarray(model(moved))
        assert np.all(logits[np.arange(4), y][:, None] - logits >= bound - 1e-5)


def test_no_certified_image_falls_to_a_strong_attack():
    model, x = convolutional(), images(60)
    y = np.asarray(model(x)).argmax(axis=1)
    for epsilon in (0.002, 0.01, 0.03):
        sure = attacks.certified(model, x, y, epsilon)
        attacked = attacks.pgd(model, x, y, epsilon, epsilon / 4, 20)
        assert np.all(np.asarray(model(attacked)).argmax(axis=1)[sure] == y[sure])
    assert attacks.certified(model, x, y, 0.002).any()


def test_a_wrong_class_is_never_certified():
    model, x = convolutional(), images(30)
    assert not attacks.certified(model, x, (np.asarray(model(x)).argmax(axis=1) + 1) % 3, 0.0).any()


def test_the_classifier_of_the_course_can_be_bounded():
    data = datasets.load("fashion_mnist")
    x, y = data.x_test[:20, ..., None].astype("float32") / 255, data.y_test[:20]
    model = zoo.fashion_classifier()
    right = np.asarray(model(x)).argmax(axis=1) == y
    assert np.array_equal(attacks.certified(model, x, y, 0.0), right)


@pytest.mark.parametrize(
    "model, message",
    [
        (Linear(3), "modèle Keras"),
        (keras_network(keras.layers.LayerNormalization()), "LayerNormalization"),
        (keras_network(keras.layers.Conv2D(2, 3, activation="gelu")), "borner la couche"),
        (keras_network(keras.layers.Conv2D(2, 2, dilation_rate=2)), "borner la couche"),
        (keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, "relu")]), "Dense sans"),
    ],
    ids=["function", "layer", "activation", "dilation", "last"],
)
def test_what_cannot_be_bounded_is_refused_and_named(model, message):
    with pytest.raises(ValueError, match=message):
        attacks.certified(model, images(2), np.array([0, 1]), 0.1)


def test_a_network_with_a_shortcut_is_not_a_chain():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Add()([x, inputs]))))
    with pytest.raises(ValueError, match="add"):
        attacks.certified(model, images(2), np.array([0, 1]), 0.1)


# ── Randomised smoothing ──


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_the_lower_bound_is_the_one_sided_exact_interval_of_scipy(alpha):
    for n in (1, 10, 1000):
        for k in sorted({0, 1, n // 2, n - 1, n}):
            exact = stats.binomtest(k, n, alternative="greater").proportion_ci(1 - alpha, method="exact").low
            assert attacks.lower_bound(k, n, alpha) == pytest.approx(exact, abs=1e-9)


def test_the_lower_bound_is_wrong_no_more_often_than_promised():
    counts = np.random.default_rng(0).binomial(100, 0.7, 20_000)
    assert np.mean(attacks.lower_bound(counts, 100, 0.05) > 0.7) <= 0.05


@pytest.mark.parametrize("k, n, alpha", [(-1, 10, 0.1), (11, 10, 0.1), (0, 0, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_impossible_counts_are_refused(k, n, alpha):
    with pytest.raises(ValueError, match="succès"):
        attacks.lower_bound(k, n, alpha)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_the_radius_of_two_linear_classes_is_never_above_the_true_one_and_near_it(sigma):
    model, x = Linear(2), images(60, 0.3, 0.7)
    y = model.classes(x)
    true = model.distances(x, y)  # what smoothing changes nothing to, for two linear classes
    classes, radii = attacks.certify(model, x, sigma, n0=50, n=2000)
    sure = classes >= 0
    assert sure.mean() > 0.5 and np.array_equal(classes[sure], y[sure])
    assert np.all(radii[sure] <= true[sure])
    measurable = sure & (true < 2 * sigma)  # above, n draws say no more
    assert np.all(radii[measurable] > 0.5 * true[measurable] - 0.1 * sigma)


def test_an_answer_that_is_not_sure_is_an_abstention_of_radius_zero():
    model = Linear(2)
    x = np.full((3, *SHAPE), 0.5, "float32")  # on the plane
    classes, radii = attacks.certify(model, x, 0.3, n0=50, n=200)
    assert np.all(classes == -1) and np.all(radii == 0)


def test_no_radius_is_above_what_n_unanimous_votes_can_prove():
    classes, radii = attacks.certify(Linear(2), np.ones((1, *SHAPE), "float32"), 0.01, n0=10, n=100, alpha=0.01)
    assert radii[0] == pytest.approx(0.01 * stats.norm.ppf(0.01 ** (1 / 100)))
    assert classes[0] == Linear(2).classes(np.ones((1, *SHAPE)))[0]


def test_a_seed_gives_the_same_votes_and_the_count_of_draws_is_exact():
    x = images(3)
    one, two, other = (certificates.smoothed_votes(Linear(3), x, 0.5, 2500, seed=(s, 0)) for s in (0, 0, 1))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    assert np.all(one.sum(axis=1) == 2500)


@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"n": 0}, {"n0": 0}, {"alpha": 0.0}, {"alpha": 1.0}])
def test_a_certificate_without_noise_or_draws_is_refused(options):
    with pytest.raises(ValueError, match="Attendu sigma"):
        attacks.certify(Linear(2), images(1), **{"sigma": 0.1, **options})


# ── Defences ──


def train(objective, epochs=30, seed=0):
    """A small network on two classes that one fragile pixel, and many faint but safe ones, tell apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 600)
    x = rng.uniform(0.3, 0.7, (600, *SHAPE))
    x[:, 0, 0, 0] = 0.5 + 0.04 * (2 * y - 1)  # always right, and below epsilon
    x[:, 1:3, 1:4] += 0.25 * (2 * y - 1)[:, None, None, None]  # right too, and above
    x = np.clip(x, 0, 1).astype("float32")
    model = keras_network(keras.layers.Conv2D(8, 2, activation="relu"), classes=2, seed=seed)
    trained = defences.Hardened(model, objective, warmup=100)
    trained.compile(keras.optimizers.Adam(1e-2))
    history = trained.fit(x, y, epochs=epochs, batch_size=60, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] or len(history.history["loss"]) == 1
    return model, x, y


def test_intervals_make_a_network_that_can_be_certified_where_a_plain_one_cannot():
    kept = {}
    for name, objective in (("plain", defences.noisy(0.0)), ("interval", defences.interval(0.1))):
        model, x, y = train(objective)
        kept[name] = attacks.certified(model, x, y, 0.1).mean()
    assert kept["interval"] > 0.9 > kept["plain"] + 0.2


def test_adversarial_training_resists_more_than_plain_training():
    kept = {}
    strong = {"PGD": lambda model, x, y: attacks.pgd(model, x, y, 0.18, 0.05, 20)}
    objectives = {
        "plain": defences.noisy(0.0),
        "fast": defences.adversarial(0.18),
        "pgd": defences.adversarial(0.18, 3),
    }
    for name, objective in objectives.items():
        model, x, y = train(objective)
        kept[name] = attacks.robust_accuracy(model, x, y, strong)
    assert min(kept["fast"], kept["pgd"]) > kept["plain"] + 0.05


def test_a_hardened_network_answers_as_the_network_inside():
    model = keras_network()
    x = images(3)
    assert np.array_equal(defences.Hardened(model, defences.noisy(0.1))(x), model(x))


def test_the_adversarial_loss_of_a_linear_model_is_that_of_its_worst_corner():
    model, x, y = keras_network(classes=2), images(12, 0.3, 0.7), np.arange(12) % 2
    keras.utils.set_random_seed(0)
    got = defences.adversarial(0.1, steps=5)(model, tf.constant(x), tf.constant(y), 1.0)
    kernel, bias = model.layers[-1].get_weights()
    away = np.where(y[:, None] == 0, kernel[:, 1] - kernel[:, 0], kernel[:, 0] - kernel[:, 1])
    logits = (x.reshape(12, -1) + 0.1 * np.sign(away)) @ kernel + bias
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(12), y])
    assert float(got) == pytest.approx(expected, rel=1e-4)


def test_the_interval_loss_starts_plain_and_ends_with_its_share_of_the_worst():
    model, x, y = convolutional(), tf.constant(images(6)), tf.constant(np.arange(6) % 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    objective = defences.interval(0.05, plain=0.25)
    plain = float(loss(y, model(x, training=False)))
    worst = float(loss(y, -certificates.interval_margins(model, x, y, 0.05)))
    inside = _Frozen(model)
    assert float(objective(inside, x, y, 0.0)) == pytest.approx(plain, rel=1e-5)
    assert float(objective(inside, x, y, 1.0)) == pytest.approx(0.25 * plain + 0.75 * worst, rel=1e-5)


class _Frozen:
    """A network that answers the same in training as afterwards."""

    def __init__(self, network):
        self.network, self.layers = network, network.layers

    def __call__(self, images, training=False):
        return self.network(images, training=False)


# ── The sealed model of the last exercise ──


def test_the_sealed_model_hides_its_gradient_and_is_as_good_as_the_open_one_without_an_attack():
    data = datasets.load("fashion_mnist")
    x, y = data.x_test[:200, ..., None].astype("float32") / 255, data.y_test[:200]
    sealed, clothes = defences.sealed_classifier(), zoo.fashion_classifier()
    plain = np.mean(np.asarray(sealed(x)).argmax(axis=1) == y)
    assert plain > np.mean(np.asarray(clothes(x)).argmax(axis=1) == y) - 0.05
    assert np.array_equal(attacks.pgd(sealed, x[:20], y[:20], 0.1, 0.02, 5, random_start=False), x[:20])
    transferred = attacks.pgd(clothes, x, y, 0.1, 0.02, 20, ball=gradient.LINF)
    assert np.mean(np.asarray(sealed(transferred)).argmax(axis=1) == y) < 0.3


def test_the_cosine_transform_of_the_sealed_model_is_that_of_scipy():
    from scipy import fft

    block = np.random.default_rng(0).random((4, 4)).astype("float32")
    transform = defences._cosines(4).numpy()
    assert transform @ block @ transform.T == pytest.approx(fft.dctn(block, norm="ortho"), abs=1e-6)
