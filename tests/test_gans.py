import itertools

import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import tensorflow as tf

from labs import gans


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def plane_gan(loss="non_saturating", rates=(1e-3, 1e-3), **options):
    gan = gans.GAN(gans.perceptron((2, 8, 2)), gans.perceptron((2, 8, 1)), loss, **options)
    gan.compile(keras.optimizers.SGD(rates[0]), keras.optimizers.SGD(rates[1]))
    return gan


def linear_critic(weights):
    model = keras.Sequential([keras.Input((len(weights),)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.reshape(weights, (-1, 1))])
    return model


# ── Losses, against the paper's propositions ──


@pytest.mark.parametrize("name", ["saturating", "non_saturating"])
def test_the_best_scores_of_the_cross_entropy_are_log_p_over_q_and_give_the_jensen_shannon_divergence(name):
    p, q = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.1, 0.2, 0.3, 0.4])  # Goodfellow et al. 2014, prop. 1 and thm 1

    def value(scores):
        return np.dot(p, np.logaddexp(0, -scores)) + np.dot(q, np.logaddexp(0, scores))

    best = np.log(p / q)
    assert 1 / (1 + np.exp(-best)) == pytest.approx(p / (p + q))
    real = np.repeat(best, (p * 1000).astype(int))  # a sample where each point has its exact share
    fake = np.repeat(best, (q * 1000).astype(int))
    got = float(gans.LOSSES[name].critic(real.astype("float32"), fake.astype("float32")))
    middle = (p + q) / 2
    divergence = (np.dot(p, np.log(p / middle)) + np.dot(q, np.log(q / middle))) / 2
    assert got == pytest.approx(value(best), abs=1e-3) == pytest.approx(2 * np.log(2) - 2 * divergence, abs=1e-3)
    assert all(value(best) < value(best + np.random.default_rng(s).normal(0, 0.1, 4)) for s in range(20))


@pytest.mark.parametrize("score, saturating, non_saturating", [(-6.0, -0.0025, -0.9975), (0.0, -0.5, -0.5)])
def test_only_the_non_saturating_loss_still_pushes_a_generator_that_is_badly_beaten(score, saturating, non_saturating):
    for name, expected in (("saturating", saturating), ("non_saturating", non_saturating)):
        scores = tf.Variable([[score]])
        with tf.GradientTape() as tape:
            loss = gans.LOSSES[name].generator(scores)
        assert tape.gradient(loss, scores).numpy() == pytest.approx(expected, abs=1e-4)


def test_wasserstein_and_hinge_losses_are_those_of_their_papers():
    real, fake = np.array([2.0, 0.5], "float32"), np.array([-2.0, 0.0], "float32")
    assert float(gans.LOSSES["wasserstein"].critic(real, fake)) == pytest.approx(-1.0 - 1.25)
    assert float(gans.LOSSES["wasserstein"].generator(fake)) == pytest.approx(1.0)
    assert float(gans.LOSSES["hinge"].critic(real, fake)) == pytest.approx((0 + 0.5) / 2 + (0 + 1) / 2)


# ── Penalties, on critics whose gradient is known ──


@pytest.mark.parametrize("weights", [(3.0, 4.0), (0.6, 0.8), (0.0, 0.0)])
def test_the_penalties_of_a_linear_critic_are_closed_forms_with_a_finite_gradient(weights):
    critic, norm = linear_critic(weights), np.hypot(*weights)
    x, y = (np.random.default_rng(s).normal(size=(64, 2)).astype("float32") for s in (0, 1))
    with tf.GradientTape() as tape:
        got = gans.gradient_penalty(critic, x, y, weight=10.0)
    assert float(got) == pytest.approx(10 * (norm - 1) ** 2, abs=1e-3)
    assert np.isfinite(tape.gradient(got, critic.trainable_variables)[0]).all()
    assert float(gans.r1(critic, tf.constant(x), y, weight=2.0)) == pytest.approx(norm**2, abs=1e-4)


def test_the_interpolated_points_lie_on_the_segments_and_alpha_is_uniform(monkeypatch):
    seen = []
    monkeypatch.setattr(gans, "_squared_gradient", lambda critic, points: seen.append(points) or tf.zeros(len(points)))
    real, fake = tf.ones((5000, 3)), tf.zeros((5000, 3))
    gans.gradient_penalty(None, real, fake)
    alpha = seen[0].numpy()
    assert np.ptp(alpha, axis=1).max() == 0  # one α an example
    assert alpha[:, 0].mean() == pytest.approx(0.5, abs=0.02) and alpha[:, 0].std() == pytest.approx(12**-0.5, abs=0.01)


# ── The loop ──


def test_each_update_of_the_critic_reads_examples_of_its_own_and_the_generator_moves_once():
    gan, seen = plane_gan("wasserstein", critic_steps=3), []
    gan.penalty = lambda critic, real, fake: seen.append(real) or tf.constant(0.0)
    gan.train_step(tf.constant(np.arange(12, dtype="float32").reshape(6, 2)))
    assert np.concatenate(seen).ravel().tolist() == list(range(12))
    assert int(gan.optimizer.iterations) == 1 and int(gan.critic_optimizer.iterations) == 3


def test_clipping_keeps_every_weight_of_the_critic_in_its_box():
    gan = plane_gan("wasserstein", rates=(1.0, 1.0), clip=0.01)
    gan.train_step(tf.random.normal((8, 2)))
    assert max(np.abs(w).max() for w in gan.critic.get_weights()) <= 0.01


def test_the_average_generator_follows_its_formula():
    gan = plane_gan(rates=(0.5, 0.5), average=0.9)
    before = gan.generator.get_weights()
    gan.train_step(tf.random.normal((8, 2)))
    for mean, old, new in zip(gan.average_generator.get_weights(), before, gan.generator.get_weights()):
        assert mean == pytest.approx(0.9 * old + 0.1 * new, abs=1e-6)


@pytest.mark.parametrize("network, rates", [("critique", (1e-3, 1e-3)), ("générateur", (1e-3, 1e-3))])
def test_a_loss_that_is_not_finite_stops_the_training_names_the_network_and_keeps_the_weights(network, rates):
    broken = lambda *scores: tf.reduce_mean(scores[-1]) / 0.0  # noqa: E731
    sound = gans.LOSSES["wasserstein"]
    loss = gans.Loss(broken, sound.generator) if network == "critique" else gans.Loss(sound.critic, broken)
    gan = plane_gan(loss, rates)
    frozen = gan.critic if network == "critique" else gan.generator
    before = frozen.get_weights()
    with pytest.raises(gans.Diverged, match=f"pas 1 .*{network}"):
        gans.train(gan, np.random.default_rng(0).normal(size=(256, 2)), steps=4, moments=2, batch_size=16)
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.get_weights()))


def test_the_same_noise_is_drawn_at_every_moment_and_the_losses_are_kept():
    gan = plane_gan(rates=(0.05, 0.05))
    result = gans.train(gan, np.random.default_rng(0).normal(size=(64, 2)), steps=6, moments=3, batch_size=16, shown=5)
    assert result.samples.shape == (4, 5, 2) and result.steps.tolist() == [0, 2, 4, 6]
    noise = keras.random.normal((5, 2), seed=0)
    assert result.samples[-1] == pytest.approx(np.asarray(gan.generator(noise)), abs=1e-6)
    assert len(result.history["critic_loss"]) == len(result.history["generator_loss"]) == 3


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: plane_gan("wgan"), "wgan.*saturating.*wasserstein"),
        (lambda: plane_gan(critic_steps=0), "critic_steps"),
        (lambda: plane_gan(clip=-1), "clip"),
        (lambda: gans.train(plane_gan(), np.zeros((3, 2)), steps=10), "64 exemples"),
        (lambda: gans.BEGAN(None, None, gamma=2), "gamma"),
        (lambda: gans.earth_mover(np.zeros((4, 2)), np.zeros((5, 2))), r"\(5, 2\)"),
        (lambda: gans.frechet_distance(np.zeros((4, 2)), np.zeros((4, 3))), r"\(4, 3\)"),
    ],
)
def test_a_wrong_input_is_an_error_that_says_what_was_given(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ── BEGAN, line by line ──


def test_the_balance_and_the_convergence_measure_are_those_of_the_paper():
    gan = gans.BEGAN(gans.perceptron((2, 2)), gans.perceptron((2, 2)), gamma=0.7, rate=0.1)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    real = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    k = 0.0
    for _ in range(3):
        error = np.abs(real - gan.critic(real).numpy()).mean()
        out = {name: float(value) for name, value in gan.train_step(tf.constant(real)).items()}
        gap = 0.7 * error - out["generator_loss"]
        k = float(np.clip(k + 0.1 * gap, 0, 1))
        assert out["balance"] == pytest.approx(k, abs=1e-6)
        assert out["convergence"] == pytest.approx(error + abs(gap), abs=1e-6)


def test_began_critic_lowers_its_error_on_real_and_raises_it_on_fake_in_proportion_to_k():
    gan = gans.BEGAN(gans.perceptron((2, 2)), gans.perceptron((2, 2)))
    gan.balance.assign(0.25)
    real, fake = (tf.random.normal((8, 2)) for _ in range(2))
    errors = [np.abs(x - gan.critic(x)).mean() for x in (real, fake)]
    assert float(gan.critic_loss(real, fake)) == pytest.approx(errors[0] - 0.25 * errors[1], abs=1e-6)


# ── Distances ──


def test_the_frechet_distance_of_two_normal_laws_is_its_closed_form():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(500, 3))
    base -= base.mean(0)
    white = base @ np.linalg.inv(np.linalg.cholesky(np.cov(base, rowvar=False))).T  # mean 0 and covariance I, exactly
    a, b = white * [1.0, 2.0, 3.0], white * [2.0, 2.0, 0.5] + [1.0, 0.0, -1.0]
    assert gans.frechet_distance(a, b) == pytest.approx(2 + (1 - 2) ** 2 + 0 + (3 - 0.5) ** 2)
    assert gans.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_that_of_the_matrix_square_root_of_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(150, 6)) @ rng.normal(size=(6, 6)) + 1
    first, second = (np.cov(x, rowvar=False) for x in (a, b))
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(first + second - 2 * root)
    assert gans.frechet_distance(a, b) == pytest.approx(expected)


def test_the_kernel_distance_is_the_unbiased_estimate_written_as_loops():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(7, 4)), rng.normal(size=(9, 4)) + 0.5
    k = lambda x, y: (np.dot(x, y) / 4 + 1) ** 3  # noqa: E731
    within = [sum(k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j) / (len(x) * (len(x) - 1))
              for x in (a, b)]  # fmt: skip
    across = sum(k(x, y) for x in a for y in b) / 63
    assert gans.kernel_distance(a, b) == pytest.approx(sum(within) - 2 * across)


def test_the_kernel_distance_of_one_law_with_itself_is_zero_on_average():
    rng = np.random.default_rng(3)
    draws = [gans.kernel_distance(rng.normal(size=(50, 4)), rng.normal(size=(50, 4))) for _ in range(200)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / 200**0.5


def test_the_earth_mover_distance_is_that_of_scipy_on_a_line_and_of_all_permutations_in_the_plane():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 1)), rng.normal(size=(40, 1)) * 2 + 1
    assert gans.earth_mover(x, y) == pytest.approx(scipy.stats.wasserstein_distance(x[:, 0], y[:, 0]))
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    costs = [np.linalg.norm(a - b[list(order)], axis=1).mean() for order in itertools.permutations(range(5))]
    assert gans.earth_mover(a, b) == pytest.approx(min(costs))


def test_a_fair_ring_is_covered_and_a_collapsed_one_is_not():
    rng = np.random.default_rng(0)
    fair = gans.ring(2000, rng)
    assert gans.ring_coverage(fair) == (8, pytest.approx(1 - np.exp(-4.5), abs=0.01))  # Rayleigh: within 3 deviations
    assert gans.ring_coverage(np.tile(fair[:1], (2000, 1)))[0] == 1
    assert gans.ring_coverage(rng.normal(0, 0.1, (2000, 2))) == (0, 0.0)


# ── Networks ──


def test_the_networks_speak_in_images_between_0_and_1_and_in_scores():
    images = gans.generator(width=4, latent=8)(tf.random.normal((3, 8)))
    assert images.shape == (3, 28, 28, 1) and 0 <= float(tf.reduce_min(images)) <= float(tf.reduce_max(images)) <= 1
    scores = gans.critic(width=4, normalise=True, dropout=0.1, wrap=keras.layers.SpectralNormalization)(images)
    assert scores.shape == (3, 1)
