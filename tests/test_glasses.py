"""Eyeglass frames that fool a face recogniser, against loops, OpenCV and closed forms on linear models."""

import cv2
import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from labs import attacks, datasets
from labs.attacks import glasses

SHAPE = (8, 9, 1)
HERE = np.array([[0.0, 0.0, 1.0, 1.0]], "float32")  # the frames exactly where they are drawn


def random(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def soft_mask(seed=3):
    return np.clip(2 * random(*SHAPE[:2], seed=seed) - 0.5, 0, 1)


# ── The two penalties ──


@pytest.mark.parametrize("channels", [1, 3])
def test_the_total_variation_is_that_of_a_double_loop(channels):
    colours, mask = random(2, 8, 9, channels), soft_mask()
    for image, found in zip(colours, np.asarray(glasses.total_variation(colours, mask))):
        expected = 0.0
        for i, j, c in np.ndindex(7, 8, channels):
            down = image[i + 1, j, c] - image[i, j, c] if mask[i + 1, j] > 0 and mask[i, j] > 0 else 0.0
            right = image[i, j + 1, c] - image[i, j, c] if mask[i, j + 1] > 0 and mask[i, j] > 0 else 0.0
            expected += np.hypot(down, right)
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_non_printability_is_a_sum_of_products_of_distances(channels):
    colours, mask, printable = random(2, 8, 9, channels), soft_mask(), random(4, channels, seed=1)
    for image, found in zip(colours, np.asarray(glasses.non_printability(colours, mask, printable))):
        expected = 0.0
        for i, j in np.ndindex(8, 9):
            expected += mask[i, j] * np.prod([np.linalg.norm(image[i, j] - p) for p in printable])
        assert found == pytest.approx(expected, rel=1e-4)


def test_one_colour_has_no_variation_and_a_printable_one_no_score():
    colours, mask = np.full((1, *SHAPE), 0.35, "float32"), soft_mask()
    assert float(glasses.total_variation(colours, mask)[0]) == pytest.approx(0, abs=2e-3)
    assert float(glasses.non_printability(colours, mask, glasses.PRINTABLE)[0]) == pytest.approx(0, abs=1e-5)


# ── The frames ──


@pytest.mark.parametrize("thickness", [1.5, 2.4])
def test_the_rims_have_the_area_of_the_superellipses_that_bound_them(thickness):
    def area(half_width, half_height):  # of |x / a|⁴ + |y / b|⁴ <= 1
        return 4 * half_width * half_height * scipy.special.gamma(1.25) ** 2 / scipy.special.gamma(1.5)

    below = glasses.frames(thickness)[53:].sum() + glasses.frames(thickness)[52].sum() / 2  # under the temples
    expected = area(14.5 + thickness, 10.5 + thickness) - area(14.5, 10.5)  # half of both
    assert below == pytest.approx(expected, rel=0.03)


def test_the_frames_grow_from_6_to_13_percent_of_the_image_and_leave_the_eyes_free():
    areas = [glasses.frames(thickness).mean() for thickness in (3, 4, 5, 6)]
    assert np.all(np.diff(areas) > 0) and 0.06 < areas[0] and areas[-1] < 0.13
    mask = glasses.frames(6)
    assert mask.min() == 0 and mask.max() == 1 and mask.dtype == np.float32
    assert not any(mask[int(y) - 6 : int(y) + 7, int(x) - 9 : int(x) + 10].any() for x, y in glasses.EYES)


def test_frames_of_no_thickness_are_refused():
    with pytest.raises(ValueError, match="épaisseur"):
        glasses.frames(0)
    with pytest.raises(ValueError, match="nul partout"):
        glasses.wear(random(1, 112, 92, 1), random(1, 112, 92, 1), np.zeros((112, 92)), HERE)


def test_frames_at_the_standard_place_are_mixed_with_the_face_and_nothing_else_changes():
    images, colours, mask = random(3, 112, 92, 1), random(1, 112, 92, 1, seed=1), glasses.frames(4)
    found = glasses.wear(images, colours, mask, glasses.places(np.tile(glasses.EYES, (3, 1, 1))))
    assert found == pytest.approx((1 - mask[..., None]) * images + mask[..., None] * colours, abs=1e-5)
    assert found[:, mask == 0] == pytest.approx(images[:, mask == 0], abs=1e-4)


def test_the_frames_follow_the_eyes_as_opencv_would_move_them():
    rng, mask = np.random.default_rng(0), glasses.frames(5)
    colours = cv2.GaussianBlur(random(112, 92), (0, 0), 2)
    for _ in range(4):
        middle, distance = glasses.EYES.mean(axis=0) + rng.uniform(-6, 6, 2), rng.uniform(30, 38)
        eyes = middle + np.array([[-distance / 2, 0.0], [distance / 2, 0.0]])
        scale = distance / 34
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        matrix[:, 2] = middle - scale * glasses.EYES.mean(axis=0)
        expected = cv2.warpAffine(colours * mask, matrix, (92, 112))
        black = np.zeros((1, 112, 92, 1), "float32")
        found = glasses.wear(black, colours[None, :, :, None], mask, glasses.places(eyes[None]))[0, :, :, 0]
        assert np.abs(found - expected).max() < 0.08 and np.abs(found - expected).mean() < 0.002


def test_a_shift_moves_the_frames_by_as_many_pixels():
    black, white, mask = np.zeros((1, 112, 92, 1)), np.ones((1, 112, 92, 1)), glasses.frames(5)
    found = glasses.wear(black, white, mask, glasses.places(glasses.EYES[None], (2, -3)))[0, :, :, 0]
    assert found[4:-4, 4:-4] == pytest.approx(np.roll(mask, (-3, 2), axis=(0, 1))[4:-4, 4:-4], abs=1e-5)


def test_the_frames_stay_within_15_percent_of_their_size_whatever_the_eyes():
    near = np.array([[[40.0, 52.0], [52.0, 52.0]]])
    y1, x1, y2, x2 = glasses.places(near)[0]
    assert (y2 - y1, x2 - x1) == pytest.approx((1 / 0.85, 1 / 0.85))


def test_the_eyes_of_most_faces_are_found_and_the_others_are_given_the_mean():
    faces = datasets.load("orl_faces").x_train[:24]
    flat = np.full((1, 112, 92), 128, "uint8")
    eyes, found = glasses.eyes(np.concatenate([faces, flat]))
    assert found[:24].mean() > 0.8 and not found[24]
    assert eyes[24] == pytest.approx(eyes[found].mean(axis=0))
    left, right = eyes[found].transpose(1, 0, 2)
    assert np.all(right[:, 0] - left[:, 0] >= 24) and np.abs(eyes[found].mean(axis=0) - glasses.EYES).max() < 4


def test_images_that_cannot_hold_eyes_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(N, 112, 92\).*float32"):
        glasses.eyes(random(1, 112, 92))
    with pytest.raises(ValueError, match="Aucune paire"):
        glasses.eyes(np.full((2, 112, 92), 128, "uint8"))


def test_ordinary_frames_are_put_on_the_share_asked_and_the_other_faces_are_left():
    images, rng = random(300, 112, 92, 1), np.random.default_rng(0)
    worn = glasses.disguise(images, np.tile(glasses.EYES, (300, 1, 1)), rng, share=0.7)
    changed = np.array([not np.array_equal(a, b) for a, b in zip(worn, images)])
    assert 0.6 < changed.mean() < 0.8 and worn.min() >= 0 and worn.max() <= 1


# ── The attack ──


class Linear:
    """Logits of two classes, ± the sum of weights × pixels, for weights of -1 and 1."""

    def __init__(self, seed=0):
        self.weights = np.sign(random(*SHAPE, seed=seed) - 0.5)

    def __call__(self, images):
        score = 0.05 * tf.reduce_sum(images * self.weights, axis=(1, 2, 3))
        return tf.stack([score, -score], axis=1)


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
    )


def attack(model, y=(0, 1, 1), views=2, **options):
    photographs, boxes = random(len(y), views, *SHAPE, seed=5), np.tile(HERE, (len(y), views, 1))
    options = {"step_size": 0.1, "steps": 4, "shift": 0.0, **options}
    return attacks.eyeglasses(model, photographs, boxes, np.array(y), soft_mask(), **options)


@pytest.mark.parametrize("targeted", [False, True])
def test_on_a_linear_model_each_colour_goes_straight_away_from_the_person(targeted):
    model, y, mask = Linear(), np.array([0, 1, 1]), soft_mask()[..., None]
    away = np.where(y == 0, -1, 1)[:, None, None, None] * (-1 if targeted else 1)
    expected = np.clip(0.5 + 4 * 0.1 * away * mask * model.weights / mask.max(), 0, 1)
    assert attack(model, y, targeted=targeted) == pytest.approx(expected, abs=1e-5)


def test_the_loss_grows_with_the_steps_and_the_colours_stay_in_0_1_on_the_frames():
    model, mask = Linear(), soft_mask()
    photographs = random(3, 2, *SHAPE, seed=5)[:, 0]
    scores = []
    for steps in (1, 3, 6, 20):
        colours = attack(model, (0, 0, 0), steps=steps)
        assert colours.min() >= 0 and colours.max() <= 1 and np.all(colours[:, mask == 0] == 0.5)
        scores.append(np.asarray(model(glasses.wear(photographs, colours, mask, np.tile(HERE, (3, 1)))))[:, 0])
    assert np.all(np.diff(scores, axis=0) < 0)  # the logit of the person falls


def test_smoothness_makes_them_smoother_and_printability_more_printable(network):
    options = {"y": (0, 1, 2), "steps": 40, "step_size": 0.05}
    free = attack(network, **options)
    smooth, printable = attack(network, **options, smoothness=0.5), attack(network, **options, printability=20.0)
    mask = soft_mask()
    assert np.all(glasses.total_variation(smooth, mask) < 0.8 * glasses.total_variation(free, mask))
    scores = [glasses.non_printability(colours, mask, glasses.PRINTABLE) for colours in (printable, free)]
    assert np.all(scores[0] < 0.8 * scores[1])


def test_persons_are_attacked_apart_however_they_are_batched(network, monkeypatch):
    together = attack(network, (0, 1, 2, 3))
    monkeypatch.setattr("labs.attacks.gradient.LARGEST_BATCH", 4)
    assert attack(network, (0, 1, 2, 3)) == pytest.approx(together, abs=1e-5)


def test_the_same_seed_moves_the_frames_in_the_same_way(network):
    first, again, other = (attack(network, shift=1.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y": (0, 1, 4)}, "de 0 à 3"),
        ({"steps": 0}, "au moins un pas"),
    ],
)
def test_what_cannot_be_attacked_is_refused_in_words(network, options, words):
    with pytest.raises(ValueError, match=words):
        attack(network, **options)


def test_shapes_that_do_not_go_together_are_refused_in_words(network):
    photographs, boxes = random(2, 3, *SHAPE), np.tile(HERE, (2, 3, 1))
    with pytest.raises(ValueError, match=r"\(P, V, H, L, C\)"):
        attacks.eyeglasses(network, photographs[0], boxes, np.array([0, 1]), soft_mask())
    with pytest.raises(ValueError, match=r"places \(2, 3, 4\)"):
        attacks.eyeglasses(network, photographs, boxes[:, :2], np.array([0, 1]), soft_mask())
    softmax = keras.Sequential([network, keras.layers.Softmax()])
    with pytest.raises(ValueError, match="probabilités"):
        attacks.eyeglasses(softmax, photographs, boxes, np.array([0, 1]), soft_mask())
