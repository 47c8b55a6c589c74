"""Attacks that follow a gradient, against closed forms on linear models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from labs import attacks, datasets, zoo
from labs.attacks import gradient

SHAPE = (4, 5, 2)


class Linear:
    """Logits flatten(x) @ weights + bias, as a plain function of tensors."""

    def __init__(self, classes, seed=0, scale=1.0):
        rng = np.random.default_rng(seed)
        self.weights = (scale * rng.normal(size=(np.prod(SHAPE), classes))).astype("float32")
        self.bias = rng.normal(size=classes).astype("float32")

    def __call__(self, images):
        return tf.reshape(images, (-1, np.prod(SHAPE))) @ self.weights + self.bias

    def logits(self, images):
        return images.reshape(len(images), -1) @ self.weights + self.bias


def images(count, low=0.0, high=1.0, seed=1):
    return np.random.default_rng(seed).uniform(low, high, (count, *SHAPE)).astype("float32")


@pytest.fixture(scope="module")
def network():
    """A small network that is not linear, with random weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
    )


def away(model, y):
    """For two classes, the direction (N, H, W, C) in which the loss of class y grows."""
    one, other = model.weights.T
    return np.where(y[:, None] == 0, other - one, one - other).reshape(-1, *SHAPE)


# ── Closed forms ──


@pytest.mark.parametrize("epsilon", [0.0, 0.03, 0.5])
def test_fgsm_on_two_linear_classes_moves_each_pixel_by_epsilon_away_from_the_class(epsilon):
    model, x, y = Linear(2), images(6), np.array([0, 1, 1, 0, 0, 1])
    expected = np.clip(x + epsilon * np.sign(away(model, y)), 0, 1)
    assert attacks.fgsm(model, x, y, epsilon) == pytest.approx(expected, abs=1e-6)


def test_aimed_at_the_other_class_fgsm_makes_the_same_image():
    model, x, y = Linear(2), images(6), np.array([0, 1, 1, 0, 0, 1])
    plain, targeted = attacks.fgsm(model, x, y, 0.1), attacks.fgsm(model, x, 1 - y, 0.1, targeted=True)
    assert np.array_equal(plain, targeted)


def test_pgd_on_two_linear_classes_ends_on_the_corner_of_the_ball_wherever_it_starts():
    model, x, y = Linear(2, scale=0.1), images(6), np.array([0, 1, 1, 0, 0, 1])
    expected = np.clip(x + 0.1 * np.sign(away(model, y)), 0, 1)
    for random_start in (False, True):
        found = attacks.pgd(model, x, y, 0.1, 0.03, 8, random_start)
        assert found == pytest.approx(expected, abs=1e-6)


def test_pgd_in_an_euclidean_ball_goes_straight_along_the_weights():
    model, x, y = Linear(2, scale=0.1), images(6, 0.3, 0.7), np.array([0, 1, 1, 0, 0, 1])
    direction = away(model, y)
    expected = x + 0.2 * direction / np.linalg.norm(direction.reshape(6, -1), axis=1)[:, None, None, None]
    assert attacks.pgd(model, x, y, 0.2, 0.05, 40, ball=gradient.L2) == pytest.approx(expected, abs=1e-3)


def test_lbfgs_finds_the_distance_to_the_plane_between_two_classes():
    model, x = Linear(2, scale=0.3), images(5, 0.3, 0.7)
    logits = model.logits(x)
    target = 1 - logits.argmax(1)
    gap = np.abs(logits[:, 0] - logits[:, 1])
    distance = gap / np.linalg.norm(model.weights[:, 0] - model.weights[:, 1])
    found = attacks.lbfgs(model, x, target, tries=20)
    assert np.array_equal(model.logits(found).argmax(1), target)
    moved = np.linalg.norm((found - x).reshape(5, -1), axis=1)
    assert np.all(moved >= distance * (1 - 1e-4)) and moved == pytest.approx(distance, rel=0.05)


def test_the_distortion_of_lbfgs_is_never_above_that_of_the_smallest_fgsm_that_succeeds():
    model, x = Linear(2, seed=3, scale=0.3), images(5, 0.3, 0.7)
    logits = model.logits(x)
    y = logits.argmax(1)
    one_norm = np.abs(away(model, y)).reshape(5, -1).sum(1)
    found = attacks.lbfgs(model, x, 1 - y)
    for rank, (gap, norm) in enumerate(zip(np.abs(logits[:, 0] - logits[:, 1]), one_norm)):
        fast = attacks.fgsm(model, x[[rank]], y[[rank]], 1.0001 * gap / norm)
        assert model.logits(fast).argmax() != y[rank]  # the smallest epsilon that succeeds, in closed form
        assert np.linalg.norm(found[rank] - x[rank]) <= np.linalg.norm(fast[0] - x[rank])


def test_lbfgs_leaves_an_image_whose_target_is_out_of_reach():
    class Constant(Linear):
        def __call__(self, images):
            return 0.0 * super().__call__(images) + tf.constant([2.0, 0.0])

    x = images(2)
    assert np.array_equal(attacks.lbfgs(Constant(2), x, np.array([1, 1]), tries=3), x)


# ── Balls ──


@pytest.mark.parametrize("epsilon", [0.01, 0.3])
@pytest.mark.parametrize("ball, order", [(gradient.LINF, np.inf), (gradient.L2, 2)], ids=["linf", "l2"])
def test_every_adversarial_image_is_in_its_ball_and_in_0_1(network, ball, order, epsilon):
    x, y = np.clip(images(20, -0.5, 1.5), 0, 1), np.arange(20) % 4
    found = [attacks.pgd(network, x, y, epsilon, step, steps, ball=ball, seed=steps)
             for step, steps in ((epsilon, 1), (epsilon / 4, 10), (10.0, 3))]  # fmt: skip
    found += [attacks.fgsm(network, x, y, epsilon)] if order == np.inf else []
    for images_found in found:
        change = (images_found.astype("float64") - x).reshape(20, -1)
        assert np.linalg.norm(change, order, axis=1).max() <= epsilon + 1e-6
        assert images_found.min() >= 0 and images_found.max() <= 1 and images_found.dtype == np.float32


def test_the_images_of_lbfgs_stay_in_0_1_when_the_way_out_is_blocked(network):
    x = np.round(images(3))  # black and white: every pixel is on its bound
    target = (np.asarray(network(x)).argmax(1) + 1) % 4
    found = attacks.lbfgs(network, x, target)
    assert found.min() >= 0 and found.max() <= 1 and found.shape == x.shape


@pytest.mark.parametrize("ball", [gradient.LINF, gradient.L2], ids=["linf", "l2"])
def test_the_random_starts_fill_their_ball(ball):
    drawn = ball.draw(np.random.default_rng(0), (4000, 1, 1, 2)).reshape(-1, 2)
    size = np.abs(drawn).max(1) if ball is gradient.LINF else np.linalg.norm(drawn, axis=1)
    assert size.max() <= 1 and np.mean(size < 0.5) == pytest.approx(0.25, abs=0.03)  # a quarter of the area


# ── Behaviour ──


def test_batches_and_seeds(network):
    x, y = images(7), np.arange(7) % 4
    whole = attacks.pgd(network, x, y, 0.1, 0.03, 5)
    assert attacks.pgd(network, x, y, 0.1, 0.03, 5, batch_size=3) == pytest.approx(whole, abs=1e-5)
    assert np.array_equal(attacks.pgd(network, x, y, 0.1, 0.03, 5), whole)
    assert not np.array_equal(attacks.pgd(network, x, y, 0.1, 0.03, 5, seed=1), whole)


def test_a_change_of_the_weights_is_seen(network):
    x, y = images(3), np.array([0, 1, 2])
    before, kept = attacks.fgsm(network, x, y, 0.1), network.get_weights()
    network.set_weights([-array for array in kept[:-2]] + [2 * kept[-2][:, ::-1], kept[-1]])
    after = attacks.fgsm(network, x, y, 0.1)
    network.set_weights(kept)
    assert not np.array_equal(before, after) and np.array_equal(attacks.fgsm(network, x, y, 0.1), before)


def test_on_real_garments_pgd_errs_more_than_fgsm_which_errs_more_than_noise():
    model = zoo.fashion_classifier()
    data = datasets.load("fashion_mnist")
    x, y = data.x_test[:200, ..., None].astype("float32") / 255, data.y_test[:200]
    noise = np.clip(x + 0.05 * np.sign(np.random.default_rng(0).normal(size=x.shape)), 0, 1).astype("float32")
    tried = (x, noise, attacks.fgsm(model, x, y, 0.05), attacks.pgd(model, x, y, 0.05, 0.0125, 20))
    right = [np.mean(np.asarray(model(one)).argmax(1) == y) for one in tried]
    assert right[0] > 0.85 and right[1] > right[2] + 0.2 > right[3] + 0.2 - 1e-9 and right[3] < 0.2


# ── Errors ──


def test_probabilities_are_refused_and_logits_are_asked(network):
    softmax = keras.Sequential([network, keras.layers.Softmax()])
    x, y = images(2), np.array([0, 1])
    for attack in (lambda m: attacks.fgsm(m, x, y, 0.1), lambda m: attacks.pgd(m, x, y, 0.1, 0.1, 1),
                   lambda m: attacks.lbfgs(m, x, y)):  # fmt: skip
        with pytest.raises(ValueError, match="probabilités.*logits"):
            attack(softmax)


@pytest.mark.parametrize(
    "x, y, error, message",
    [
        ((images(2) * 255).astype("uint8"), [0, 1], TypeError, "divisez par 255"),
        (images(2) * 255, [0, 1], ValueError, "entre 0 et 1"),
        (images(2)[0], [0], ValueError, "au moins une image"),
        (images(2), [0, 4], ValueError, "de 0 à 3"),
        (images(2), [0], ValueError, "une classe entière par image"),
        (images(2), [0.0, 1.0], ValueError, "une classe entière par image"),
    ],
    ids=["bytes", "0-255", "one image", "class", "count", "float class"],
)
def test_wrong_images_and_classes_are_refused(network, x, y, error, message):
    with pytest.raises(error, match=message):
        attacks.fgsm(network, x, np.array(y), 0.1)


def test_a_negative_radius_and_no_step_are_refused(network):
    x, y = images(1), np.array([0])
    with pytest.raises(ValueError, match="epsilon"):
        attacks.fgsm(network, x, y, -0.1)
    with pytest.raises(ValueError, match="au moins un pas"):
        attacks.pgd(network, x, y, 0.1, 0.1, 0)
