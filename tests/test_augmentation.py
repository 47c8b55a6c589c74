"""Random changes to images: what they change, what they leave, and where the images come from."""

import keras
import numpy as np
import pytest

from labs import augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (64, 9, 7, 3), dtype="uint8")


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: augmentation.flip(x, rng()),
        lambda x: augmentation.shift(x, rng(), 2),
        lambda x: augmentation.cutout(x, rng(), 4),
    ],
    ids=["flip", "shift", "cutout"],
)
def test_images_keep_their_shape_and_type_and_the_originals_are_left_alone(change):
    before = IMAGES.copy()
    after = change(IMAGES)
    assert after.shape == IMAGES.shape and after.dtype == np.uint8
    assert not np.array_equal(after, IMAGES)
    after[:] = 0
    np.testing.assert_array_equal(IMAGES, before)


def test_flip_gives_each_image_or_its_mirror_about_as_often():
    images = np.repeat(IMAGES[:1], 2000, axis=0)
    flipped = augmentation.flip(images, rng())
    mirror = keras.ops.convert_to_numpy(keras.ops.flip(images[0], axis=1))
    mirrored = np.all(flipped == mirror, axis=(1, 2, 3))
    assert np.all(mirrored | np.all(flipped == images, axis=(1, 2, 3)))
    assert 0.45 < mirrored.mean() < 0.55


def test_shift_moves_each_image_by_whole_pixels_drawn_uniformly_and_mirrors_the_border():
    rows, columns = np.mgrid[:9, :7].astype("float32")
    image = np.stack([rows, columns], axis=-1)  # a pixel says where it comes from
    moved = augmentation.shift(np.repeat(image[None], 5000, axis=0), rng(), 2)
    offsets = moved[:, 4, 3] - [4, 3]
    counts = np.unique(offsets, axis=0, return_counts=True)[1]
    assert len(counts) == 25 and counts.min() > 130 and counts.max() < 280
    for one, (down, right) in zip(moved[:50], offsets[:50]):
        expected = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        top, left = int(down) + 2, int(right) + 2
        np.testing.assert_array_equal(one, expected[top : top + 9, left : left + 7])


def test_a_shift_of_0_pixels_changes_nothing():
    np.testing.assert_array_equal(augmentation.shift(IMAGES, rng(), 0), IMAGES)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_cutout_hides_one_square_which_the_border_may_cut(size):
    images = np.ones((3000, 9, 7, 2), "float32")
    hidden = augmentation.cutout(images, rng(), size, value=-1.0)[..., 0] == -1
    heights, widths = hidden.any(axis=2).sum(axis=1), hidden.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(hidden.sum(axis=(1, 2)), heights * widths)  # a rectangle, whole
    assert heights.max() == widths.max() == size
    assert min(heights.min(), widths.min()) >= 1
    whole = (9 - size + 1) * (7 - size + 1) / (9 * 7)  # centres whose square fits
    assert abs(np.mean((heights == size) & (widths == size)) - whole) < 0.03


def test_mixup_blends_images_and_targets_in_the_same_proportions():
    targets = np.eye(64, dtype="float32")
    images = targets.reshape(64, 8, 8, 1)  # an image is its own target
    mixed, shares = augmentation.mixup(images, targets, rng(), alpha=1.0)
    np.testing.assert_allclose(mixed.reshape(64, 64), shares, atol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert np.all((shares > 0).sum(axis=1) <= 2)
    assert mixed.dtype == shares.dtype == np.float32


def test_mixup_draws_its_proportions_from_a_beta_law():
    stats = pytest.importorskip("scipy.stats")
    count = 2000
    targets = np.eye(count, dtype="float32")
    shares = augmentation.mixup(np.zeros((count, 1, 1, 1)), targets, rng(), alpha=0.4)[1].diagonal()
    drawn = shares[shares < 1 - 1e-6]
    assert stats.kstest(drawn, stats.beta(0.4, 0.4).cdf).pvalue > 0.001


@pytest.mark.parametrize("wrong", [IMAGES[0], IMAGES[..., 0]], ids=["one image", "grey images"])
def test_images_without_batch_or_channels_are_refused_with_what_to_add(wrong):
    for change in (augmentation.flip, augmentation.shift, augmentation.cutout):
        with pytest.raises(ValueError, match="ajoutez"):
            change(wrong, rng())


@pytest.mark.parametrize("pixels", [-1, 7])
def test_a_shift_larger_than_the_images_is_refused(pixels):
    with pytest.raises(ValueError, match="de 0 à 6"):
        augmentation.shift(IMAGES, rng(), pixels)


def test_other_senseless_settings_are_refused():
    with pytest.raises(ValueError, match="au moins 1 pixel"):
        augmentation.cutout(IMAGES, rng(), 0)
    with pytest.raises(ValueError, match="np.eye"):
        augmentation.mixup(IMAGES, np.zeros(64, int), rng())
    with pytest.raises(ValueError, match="strictement positif"):
        augmentation.mixup(IMAGES, np.eye(64), rng(), alpha=0)


def keep(images, labels, rng):
    return images, labels


def test_an_epoch_shows_each_image_once_with_its_label_in_an_order_that_changes():
    images, labels = np.arange(20).reshape(20, 1, 1, 1), np.arange(20)
    batches = augmentation.Batches(images, labels, keep, batch_size=6)
    orders = []
    for _ in range(2):
        pairs = [batches[rank] for rank in range(len(batches))]
        for x, y in pairs:
            np.testing.assert_array_equal(x.ravel(), y)
        orders.append(np.concatenate([y for _, y in pairs]))
        batches.on_epoch_end()
    assert all(len(set(order)) == len(order) == 18 for order in orders)
    assert not np.array_equal(*orders)


def test_the_seed_decides_of_order_and_changes():
    def change(images, labels, rng):
        return augmentation.flip(images, rng), labels

    first, second, other = (
        augmentation.Batches(IMAGES, np.arange(64), change, batch_size=32, seed=seed)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(first[1], other[1])


def test_keras_learns_from_batches():
    model = keras.Sequential([keras.Input((9, 7, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    seen = []

    def change(images, labels, rng):
        seen.append(len(images))
        return images / np.float32(255), labels

    batches = augmentation.Batches(IMAGES, np.zeros((64, 1), "float32"), change, batch_size=16)
    model.fit(batches, epochs=2, verbose=0)
    assert set(seen) == {16} and len(seen) >= 8


def test_batches_that_cannot_be_made_are_refused():
    with pytest.raises(ValueError, match="64 images et 63 étiquettes"):
        augmentation.Batches(IMAGES, np.zeros(63), keep, batch_size=8)
    with pytest.raises(ValueError, match="un lot au moins de 65"):
        augmentation.Batches(IMAGES, np.zeros(64), keep, batch_size=65)
