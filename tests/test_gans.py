import itertools

import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.spatial
import scipy.special
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


def test_label_noise_is_on_average_the_one_sided_smoothing_whose_optimum_is_a_shrunk_probability():
    real, fake = (np.random.default_rng(s).normal(size=400).astype("float32") for s in (0, 1))
    noisy = gans.label_noise(0.2)
    got = np.mean([float(noisy.critic(real, fake)) for _ in range(300)])
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    smooth = [float(entropy(np.full((400, 1), t), a[:, None])) for a, t in ((real, 0.8), (fake, 0.0))]
    assert got == pytest.approx(sum(smooth), abs=0.01)
    # Salimans et al. 2016, section 3.4, with β = 0: the best D is α p / (p + q).
    p, q = 0.3, 0.6
    best = scipy.optimize.minimize_scalar(
        lambda a: p * (0.8 * np.logaddexp(0, -a) + 0.2 * np.logaddexp(0, a)) + q * np.logaddexp(0, a)
    ).x
    assert 1 / (1 + np.exp(-best)) == pytest.approx(0.8 * p / (p + q), abs=1e-5)
    plain = float(gans.LOSSES["non_saturating"].critic(real, fake))
    assert float(gans.label_noise(0.0).critic(real, fake)) == pytest.approx(plain)


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


# ── Spectral norm ──


@pytest.mark.parametrize("shape", [(6, 6), (10, 3), (3, 10)])
def test_power_iteration_finds_the_largest_singular_value_from_below(shape):
    rng = np.random.default_rng(0)
    matrix, u = rng.normal(size=shape).astype("float32"), rng.normal(size=shape[0]).astype("float32")
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    estimates = [float(gans.power_iteration(matrix, u, steps)[0]) for steps in (1, 2, 5, 300)]
    assert np.all(np.diff(estimates) >= -1e-5) and max(estimates) <= largest * (1 + 1e-5)
    assert estimates[-1] == pytest.approx(largest, rel=0.01)


@pytest.mark.parametrize(
    "layer, shape", [(keras.layers.Dense(5), (3, 7)), (keras.layers.Conv2D(4, 3, activation="relu"), (2, 6, 6, 3))]
)
def test_a_spectral_norm_layer_works_with_its_weights_over_their_largest_singular_value(layer, shape):
    wrapped, x = gans.SpectralNorm(layer), tf.random.normal(shape)
    wrapped.build(shape)
    kernel, bias = (np.asarray(weight) for weight in (layer.kernel, layer.bias))
    for _ in range(200):
        got = wrapped(x, training=True)
    assert np.array_equal(kernel, layer.kernel)  # left alone
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    layer.kernel.assign(kernel / largest)
    assert np.asarray(got) == pytest.approx(np.asarray(layer(x)), abs=1e-4)
    layer.kernel.assign(kernel)
    state = np.asarray(wrapped.u)
    wrapped(x, training=False)
    assert np.array_equal(state, wrapped.u)


def test_the_gradient_goes_through_the_spectral_norm_in_our_layer_and_not_in_that_of_keras():
    # W / σ(W) does not change when W is multiplied: the gradient is orthogonal to W. Miyato et al. 2018, section 2.3.
    x = tf.random.normal((8, 6))
    for wrap, orthogonal in ((gans.SpectralNorm, True), (keras.layers.SpectralNormalization, False)):
        layer = wrap(keras.layers.Dense(4))
        for _ in range(60):
            layer(x, training=True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        kernel = layer.layer.kernel
        gradient = tape.gradient(loss, kernel.value)
        cosine = tf.reduce_sum(gradient * kernel) / (tf.norm(gradient) * tf.norm(kernel))
        assert (abs(float(cosine)) < 1e-3) == orthogonal


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


def test_a_player_gives_the_losses_and_weights_of_as_many_rounds_and_stops_at_the_first_sick_one():
    points = np.ones((32, 2), "float32")
    gan = plane_gan()
    gans.player(gan, points, batch_size=8)(7)
    assert int(gan.optimizer.iterations) == int(gan.critic_optimizer.iterations) == 7
    sound = gans.LOSSES["wasserstein"]
    rounds = tf.Variable(0)

    def sick_at_the_third(real, fake):
        rounds.assign_add(1)
        return sound.critic(real, fake) / tf.cast(rounds != 3, "float32")

    gan = plane_gan(gans.Loss(sick_at_the_third, sound.generator))
    with pytest.raises(gans.Diverged, match="pas 3 .*critique"):
        gans.player(gan, points, batch_size=8)(10)
    assert all(np.isfinite(weight).all() for weight in gan.critic.get_weights())
    assert int(gan.critic_optimizer.iterations) == 2


def test_a_restarted_gan_is_a_new_draw_that_its_seed_gives_again():
    gan = plane_gan(average=0.9)
    play = gans.player(gan, np.ones((32, 2)), batch_size=8)
    draws = []
    for seed in (1, 2, 1):
        play(3)
        gans.restart(gan, seed)
        draws.append(np.concatenate([w.ravel() for w in gan.generator.get_weights() + gan.critic.get_weights()]))
        assert int(gan.optimizer.iterations) == int(gan.critic_optimizer.iterations) == 0
        assert all(map(np.array_equal, gan.average_generator.get_weights(), gan.generator.get_weights()))
    assert np.array_equal(draws[0], draws[2]) and not np.array_equal(draws[0], draws[1])
    assert float(gan.optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("remedy", gans.REMEDIES)
def test_every_remedy_makes_a_gan_of_the_plane_that_plays(remedy):
    networks = lambda: gans.perceptron((2, 8, 2)), lambda **options: gans.perceptron((2, 8, 1), **options)  # noqa: E731
    gan = gans.regularised(remedy, *networks, rate=1e-3)
    before = gan.generator.get_weights()
    gans.player(gan, np.random.default_rng(0).normal(size=(64, 2)), batch_size=16)(2)
    assert not np.array_equal(before[0], gan.generator.get_weights()[0])
    rates = [float(optimizer.learning_rate) for optimizer in (gan.optimizer, gan.critic_optimizer)]
    assert np.prod(rates) == pytest.approx(1e-6)
    assert rates[1] / rates[0] == pytest.approx(4 if remedy == "two_rates" else 1)


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
        (lambda: gans.label_noise(0.5), "0.5"),
        (lambda: gans.regularised("magic", None, None, rate=1e-3), "magic.*spectral_norm"),
        (lambda: gans.SGAN(None, gans.perceptron((2, 2)), (np.zeros((3, 2)), [0, 1, 2])), "de 0 à 1 .*de 0 à 2"),
        (lambda: gans.earth_mover(np.zeros((4, 2)), np.zeros((5, 2))), r"\(5, 2\)"),
        (lambda: gans.frechet_distance(np.zeros((4, 2)), np.zeros((4, 3))), r"\(4, 3\)"),
    ],
)
def test_a_wrong_input_is_an_error_that_says_what_was_given(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ── BEGAN, line by line ──


def mean_error(v, a, b):
    """L(v), L's gradients in the weights (a, b) of the critic D(v) = va + b, and L's gradient in v, in NumPy."""
    residual = v - (v @ a + b)
    sign = np.sign(residual) / residual.size
    return np.abs(residual).mean(), (-v.T @ sign, -sign.sum(0)), sign - sign @ a.T


@pytest.mark.parametrize("gamma", [0.3, 0.9])
def test_three_updates_of_began_are_those_of_the_paper_redone_in_numpy(gamma):
    gan = gans.BEGAN(gans.perceptron((3, 2)), gans.perceptron((2, 2)), gamma=gamma, rate=0.5)
    gan.compile(keras.optimizers.SGD(0.2), keras.optimizers.SGD(0.1))
    rng, balances = np.random.default_rng(0), []
    draws = rng.uniform(-1, 1, (6, 16, 3)).astype("float32")
    (generator, critic), k, queue = (network.get_weights() for network in (gan.generator, gan.critic)), 0.0, iter(draws)
    gan.noise = lambda count: next(queue)  # z_D, then z_G
    for step in range(3):
        real, z_d, z_g = rng.normal(size=(16, 2)).astype("float32"), draws[2 * step], draws[2 * step + 1]
        out = {name: float(value) for name, value in gan.train_step(tf.constant(real)).items()}
        error, real_slopes, _ = mean_error(real, *critic)
        seen, fake_slopes, _ = mean_error(z_d @ generator[0] + generator[1], *critic)
        fooled, _, slope = mean_error(z_g @ generator[0] + generator[1], *critic)  # all three before any update
        critic = [w - 0.1 * (x - k * y) for w, x, y in zip(critic, real_slopes, fake_slopes)]
        generator = [generator[0] - 0.2 * z_g.T @ slope, generator[1] - 0.2 * slope.sum(0)]
        assert out["critic_loss"] == pytest.approx(error - k * seen, abs=1e-5)
        assert out["generator_loss"] == pytest.approx(fooled, abs=1e-5)
        assert out["real_error"] == pytest.approx(error, abs=1e-5)
        k = min(max(k + 0.5 * (gamma * error - fooled), 0), 1)
        balances.append(k)
        assert out["balance"] == pytest.approx(k, abs=1e-5)
        assert out["convergence"] == pytest.approx(error + abs(gamma * error - fooled), abs=1e-5)
        for network, expected in ((gan.critic, critic), (gan.generator, generator)):
            for got, wanted in zip(network.get_weights(), expected):
                assert got == pytest.approx(wanted, abs=1e-5)
    assert gamma == 0.3 or max(balances) > 0.05  # the term in k is exercised


def test_the_balance_of_began_stays_between_0_and_1():
    for start, gamma, expected in ((0.0, 1e-6, 0.0), (1.0, 1.0, 1.0)):
        gan = gans.BEGAN(gans.perceptron((2, 2)), gans.perceptron((2, 2)), gamma=gamma, rate=100.0)
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
        gan.balance.assign(start)
        real = tf.random.normal((64, 2)) * (100.0 if expected else 1.0)  # far larger errors than the generated points
        assert float(gan.train_step(real)["balance"]) == expected


def test_began_noise_is_uniform_and_a_seed_gives_it_again():
    gan = gans.BEGAN(gans.perceptron((5, 2)), gans.perceptron((2, 2)))
    for noise in (gan.noise(4000), gan.noise(4000, seed=3)):
        assert scipy.stats.kstest(np.ravel(noise), scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert np.array_equal(gan.noise(4, seed=3), gan.noise(4, seed=3))
    assert np.array_equal(gans.sample(gan, 4, seed=3), gan.generator(gan.noise(4, seed=3)))


def test_began_critic_lowers_its_error_on_real_and_raises_it_on_fake_in_proportion_to_k():
    gan = gans.BEGAN(gans.perceptron((2, 2)), gans.perceptron((2, 2)))
    gan.balance.assign(0.25)
    real, fake = (tf.random.normal((8, 2)) for _ in range(2))
    errors = [np.abs(x - gan.critic(x)).mean() for x in (real, fake)]
    assert float(gan.critic_loss(real, fake)) == pytest.approx(errors[0] - 0.25 * errors[1], abs=1e-6)


def test_began_follows_the_moving_average_of_its_generator():
    gan = gans.BEGAN(gans.perceptron((2, 2)), gans.perceptron((2, 2)), average=0.5)
    gan.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5))
    before = gan.generator.get_weights()
    gan.train_step(tf.random.normal((8, 2)))
    for mean, old, new in zip(gan.average_generator.get_weights(), before, gan.generator.get_weights()):
        assert mean == pytest.approx((old + new) / 2, abs=1e-6)


# ── SGAN, against a class more and NumPy ──


def plane_sgan(kind=gans.SGAN, *, labelled=12, latent=2, rates=(1e-3, 1e-3), **options):
    rng = np.random.default_rng(0)
    known = rng.normal(size=(labelled, 2)).astype("float32"), rng.integers(3, size=labelled)
    gan = kind(gans.perceptron((latent, 8, 2)), gans.perceptron((2, 8, 3)), known, **options)
    gan.compile(keras.optimizers.SGD(rates[0]), keras.optimizers.SGD(rates[1]))
    return gan, *known


def log_probabilities(critic, points):
    """Logarithms of the probabilities of K + 1 classes, the last, "generated", with a logit of 0."""
    logits = np.asarray(critic(points), "float64")
    return scipy.special.log_softmax(np.pad(logits, ((0, 0), (0, 1))), axis=1)


def test_the_score_of_an_sgan_is_that_of_a_class_more_with_a_logit_of_zero_and_never_overflows():
    gan, points, _ = plane_sgan()
    discriminator = 1 / (1 + np.exp(-np.asarray(gan.score(points), "float64")))
    assert discriminator == pytest.approx(1 - np.exp(log_probabilities(gan.critic, points)[:, -1]), abs=1e-6)
    gan.critic = lambda images, training: tf.constant([[900.0, 900.0, -900.0], [-900.0, -950.0, -900.0]])
    assert gan.score(points).numpy() == pytest.approx([900 + np.log(2), -900 + np.log(2)], rel=1e-6)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_loss_of_an_sgan_critic_is_the_one_of_salimans_et_al_in_numpy(weight):
    gan, points, labels = plane_sgan(weight=weight)
    real, fake = (np.random.default_rng(s).normal(size=(20, 2)).astype("float32") for s in (1, 2))
    known = log_probabilities(gan.critic, points)
    known = known[:, :3] - scipy.special.logsumexp(known[:, :3], axis=1, keepdims=True)  # p(y | x, y < K + 1)
    supervised = -np.mean(known[np.arange(12), labels])
    true = scipy.special.logsumexp(log_probabilities(gan.critic, real)[:, :3], axis=1)  # log p(y < K + 1 | x)
    false = log_probabilities(gan.critic, fake)[:, 3]
    expected = supervised + weight * (-np.mean(true) - np.mean(false))
    assert float(gan.critic_loss(real, fake)) == pytest.approx(expected, abs=1e-5)


def test_an_sgan_takes_as_many_labelled_examples_as_the_batch_holds_each_with_its_label():
    gan, points, labels = plane_sgan(labelled=30)
    seen = []
    gan.class_loss = lambda images, labels: seen.append((images.numpy(), labels.numpy())) or tf.constant(0.0)
    gan.critic_loss(points[:5], points[:5])
    images, classes = seen[0]
    ranks = [int(np.flatnonzero((points == image).all(axis=1))[0]) for image in images]
    assert len(set(ranks)) == 5 and classes.tolist() == labels[ranks].tolist()


def test_an_sgan_generator_matches_the_mean_features_that_enter_the_last_layer():
    gan, points, _ = plane_sgan()
    real, fake = (np.random.default_rng(s).normal(size=(n, 2)).astype("float32") for s, n in ((1, 20), (2, 30)))
    kernel, bias = gan.critic.get_weights()[:2]
    means = [np.mean(np.maximum(x @ kernel + bias, 0), axis=0) for x in (real, fake)]
    assert float(gan.generator_loss(fake, real)) == pytest.approx(scipy.spatial.distance.sqeuclidean(*means), abs=1e-5)
    assert float(gans.feature_matching(real, real[::-1])) == pytest.approx(0, abs=1e-12)  # blind to the order


def test_an_sgan_learns_three_classes_from_one_example_of_each_and_the_shape_of_the_others():
    rng = np.random.default_rng(0)
    angle, label = rng.uniform(0, 1.6, 900), np.repeat([0, 1, 2], 300)  # three arcs of a circle, 0.5 apart
    turn = angle + 2.1 * label
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype("float32") * 2
    ends = [int(np.argmin(angle + 9 * (label != k))) for k in range(3)]  # the first point of each arc
    gan = gans.SGAN(gans.perceptron((2, 32, 2)), gans.perceptron((2, 64, 64, 3)), (points[ends], label[ends]))
    gan.compile(*(keras.optimizers.Adam(3e-3, beta_1=0.5) for _ in range(2)))
    gans.player(gan, points)(600)
    learned = np.mean(gan.critic.predict(points, verbose=0).argmax(axis=1) == label)
    alone = gans.perceptron((2, 64, 64, 3))
    alone.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    alone.fit(points[ends], label[ends], epochs=200, verbose=0)
    assert learned > np.mean(alone.predict(points, verbose=0).argmax(axis=1) == label)


def test_the_noise_of_a_conditional_sgan_asks_for_each_class_in_turn_and_its_loss_wants_it():
    gan, points, _ = plane_sgan(gans.ConditionalSGAN, latent=5)
    noise = np.asarray(gan.noise(7, seed=3))
    assert noise[:, 2:].tolist() == np.eye(3)[[0, 1, 2, 0, 1, 2, 0]].tolist()
    assert noise[:, :2] == pytest.approx(np.asarray(keras.random.normal((7, 5), seed=3))[:, :2])
    assert np.asarray(gan.asking([2, 2], seed=0))[:, 2:].tolist() == [[0, 0, 1], [0, 0, 1]]
    logs = log_probabilities(gan.critic, points[:7])
    true = scipy.special.logsumexp(logs[:, :3], axis=1)
    asked = (logs[:, :3] - true[:, None])[np.arange(7), [0, 1, 2, 0, 1, 2, 0]]
    assert float(gan.generator_loss(points[:7], None)) == pytest.approx(-np.mean(true) - np.mean(asked), abs=1e-5)


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


def test_began_generator_has_the_architecture_of_the_decoder_of_its_critic_and_weights_of_its_own():
    generator, critic = gans.began_generator(8, latent=3), gans.began_critic(8, code=3)
    decoder = critic.get_weights()[-len(generator.weights) :]
    assert [w.shape for w in decoder] == [w.shape for w in generator.get_weights()]
    assert not np.array_equal(decoder[0], generator.get_weights()[0])
    assert critic(generator(tf.zeros((2, 3)))).shape == (2, 28, 28, 1)


def test_the_networks_speak_in_images_between_0_and_1_and_in_scores():
    images = gans.generator(width=4, latent=8)(tf.random.normal((3, 8)))
    assert images.shape == (3, 28, 28, 1) and 0 <= float(tf.reduce_min(images)) <= float(tf.reduce_max(images)) <= 1
    scores = gans.critic(width=4, normalise=True, dropout=0.1, wrap=keras.layers.SpectralNormalization)(images)
    assert scores.shape == (3, 1)
