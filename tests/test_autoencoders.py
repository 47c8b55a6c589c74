import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sklearn.feature_extraction.image import extract_patches_2d, reconstruct_from_patches_2d

from labs import autoencoders


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize(
    "build, shape",
    [
        (lambda: autoencoders.linear(20, 3), (20,)),
        (lambda: autoencoders.dense((8, 8), 3, hidden=(32, 16)), (8, 8)),
    ],
)
def test_an_autoencoder_gives_back_the_shape_and_shares_its_weights(build, shape):
    model = build()
    images = np.random.default_rng(0).random((5, *shape)).astype("float32")
    codes = model.encoder(images)
    assert codes.shape == (5, 3)
    assert np.allclose(model.whole(images), model.decoder(codes), atol=1e-6)
    assert model.whole(images).shape == images.shape


def test_the_best_linear_autoencoder_spans_the_subspace_of_the_principal_components():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2000, 10)) * [5, 4, 3, 1, 1, 0.5, 0.5, 0.2, 0.2, 0.1]).astype("float32")
    x = (x - x.mean(0)) @ np.linalg.qr(rng.normal(size=(10, 10)))[0].astype("float32")
    model = autoencoders.linear(10, 3).whole
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-2, 1500)), "mse")
    model.fit(x, x, epochs=75, batch_size=100, verbose=0)
    decoder = model.layers[-1].get_weights()[0]
    components = np.linalg.svd(x, full_matrices=False)[2][:3]
    assert np.degrees(scipy.linalg.subspace_angles(decoder.T, components.T)).max() < 5


def test_the_error_is_the_mean_square_of_each_image():
    images = np.random.default_rng(0).random((7, 8, 8, 1)).astype("float32")
    model = autoencoders.dense((8, 8, 1), 2, hidden=(16,)).whole
    expected = [np.mean((one - np.asarray(model(one[None]))[0]) ** 2) for one in images]
    assert autoencoders.reconstruction_error(model, images) == pytest.approx(expected, rel=1e-4)


def test_the_divergence_is_that_of_one_dimensional_normal_laws_integrated():
    mean, deviation = np.array([[0.5, -1.0]]), np.array([[0.7, 1.5]])
    expected = 0.0
    for m, s in zip(mean[0], deviation[0]):
        z = np.linspace(m - 12 * s, m + 12 * s, 20_001)
        p, q = scipy.stats.norm.pdf(z, m, s), scipy.stats.norm.logpdf(z)
        expected += np.trapezoid(p * (scipy.stats.norm.logpdf(z, m, s) - q), z)
    got = autoencoders.kl_divergence(mean.astype("float32"), np.log(deviation**2).astype("float32"))
    assert float(got[0]) == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_variational_autoencoder_is_the_negative_bound():
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6, "sigmoid")])
    model = autoencoders.VariationalAutoencoder(encoder, decoder, beta=0.5)
    model.compile(keras.optimizers.SGD(0.0))
    encoder.layers[0].bias.assign([0.3, -0.2, -30.0, -30.0])  # nearly no noise: the bound can be computed by hand
    encoder.layers[0].kernel.assign(np.zeros((6, 4)))
    x = np.random.default_rng(0).random((3, 6)).astype("float32")
    p = np.asarray(decoder(np.tile([[0.3, -0.2]], (3, 1)).astype("float32")))
    cross_entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    divergence = -0.5 * (2 * (1 - 30) - 0.09 - 0.04 - 2 * np.exp(-30))
    assert model.evaluate(x, x, verbose=0) == pytest.approx(cross_entropy + 0.5 * divergence, rel=1e-4)


def test_a_wrong_shape_is_an_error_that_says_what_was_given():
    encoder, decoder = (keras.Sequential([keras.Input((n,)), keras.layers.Dense(m)]) for n, m in ((6, 5), (2, 6)))
    with pytest.raises(ValueError, match="5 valeurs pour un code de dimension 2"):
        autoencoders.VariationalAutoencoder(encoder, decoder)


@pytest.mark.parametrize(("count", "rate"), [(10, 0.15), (20, 0.05), (100, 0.29), (137, 0.1), (1000, 0.01), (7, 0.0)])
def test_the_threshold_gives_as_many_false_alarms_as_the_rate_allows_and_no_more(count, rate):
    scores = np.random.default_rng(count).gamma(2, size=count)
    threshold = autoencoders.alarm_threshold(scores, rate)
    assert np.sum(scores > threshold) == round(rate * count, 9) // 1
    assert threshold == pytest.approx(np.quantile(scores, 1 - rate, method="inverted_cdf"))


def test_equal_scores_never_exceed_the_rate():
    assert autoencoders.alarm_threshold([1, 2, 2, 2, 3], 0.4) == 2
    assert autoencoders.alarm_threshold([5, 5, 5], 0.9) == 5


@pytest.mark.parametrize(("scores", "rate"), [([], 0.1), ([1.0], 1.0), ([1.0], -0.1)])
def test_a_threshold_without_scores_or_rate_is_an_error(scores, rate):
    with pytest.raises(ValueError, match=f"reçu {len(scores)} scores"):
        autoencoders.alarm_threshold(scores, rate)


def test_patches_are_those_of_scikit_learn_and_so_is_their_average():
    image = np.random.default_rng(0).random((9, 13))
    windows = autoencoders.patches(image, 4, 1)
    assert np.array_equal(windows.reshape(-1, 4, 4), extract_patches_2d(image, (4, 4)))
    changed = windows * np.random.default_rng(1).random(windows.shape)
    expected = reconstruct_from_patches_2d(changed.reshape(-1, 4, 4), image.shape)
    assert np.allclose(autoencoders.average_patches(changed, 1), expected)


@pytest.mark.parametrize(("shape", "size", "stride"), [((20, 28), 8, 4), ((16, 24), 8, 8), ((17, 9), 9, 2)])
def test_untouched_patches_average_to_the_image(shape, size, stride):
    image = np.random.default_rng(0).random(shape)
    assert np.allclose(autoencoders.average_patches(autoencoders.patches(image, size, stride), stride), image)


def test_patches_that_leave_pixels_out_are_an_error():
    with pytest.raises(ValueError, match=r"\(20, 21\)"):
        autoencoders.patches(np.zeros((20, 21)), 8, 4)
    with pytest.raises(ValueError, match="pas de 9"):
        autoencoders.average_patches(np.zeros((2, 2, 8, 8)), 9)


@pytest.fixture
def texture():
    rng = np.random.default_rng(0)
    return [rng.uniform(0.35, 0.65, (96, 128)).astype("float32") for _ in range(2)]


@pytest.mark.parametrize("kind", autoencoders.DEFECTS)
def test_a_defect_changes_its_mask_and_nothing_else(kind, texture):
    image, graft = texture
    damaged, mask = autoencoders.damage(image, kind, np.random.default_rng(3), graft=graft)
    assert damaged.dtype == image.dtype and damaged.min() >= 0 and damaged.max() <= 1
    assert np.array_equal(damaged[~mask], image[~mask])
    assert np.mean(damaged[mask] != image[mask]) > 0.99
    again, _ = autoencoders.damage(image, kind, np.random.default_rng(3), graft=graft)
    assert np.array_equal(again, damaged)


def test_each_defect_does_what_its_name_says(texture):
    image, graft = texture
    made = {
        kind: autoencoders.damage(image, kind, np.random.default_rng(5), graft=graft) for kind in autoencoders.DEFECTS
    }
    inside = {kind: (damaged[mask], image[mask]) for kind, (damaged, mask) in made.items()}
    assert np.allclose(np.abs(np.subtract(*inside["rayure"])), 0.3, atol=1e-6)
    assert np.allclose(inside["tache"][0], 0.6 * inside["tache"][1])
    assert inside["flou"][0].std() < 0.3 * inside["flou"][1].std()
    for moment in (np.mean, np.std):
        assert moment(inside["greffe"][0]) == pytest.approx(moment(inside["greffe"][1]), rel=1e-3)
    assert np.allclose(np.sort(inside["quart de tour"][0]), np.sort(inside["quart de tour"][1]))


def test_a_defect_that_does_not_exist_or_does_not_fit_is_an_error(texture):
    image, graft = texture
    with pytest.raises(ValueError, match="les défauts connus sont rayure, tache"):
        autoencoders.damage(image, "trou", np.random.default_rng(0), graft=graft)
    with pytest.raises(ValueError, match="au moins aussi grande"):
        autoencoders.damage(image, "greffe", np.random.default_rng(0), graft=graft[:50])
