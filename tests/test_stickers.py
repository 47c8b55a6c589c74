"""Stickers on a sign: the rendering against OpenCV and closed forms, the places against brute force, the attack."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from labs import attacks, datasets
from labs.attacks import signs

SIDE = signs.SIDE


def stop():
    return datasets.signs().images[datasets.SIGNS.index("stop")].astype("float32") / 255


def plain(count=1, side=SIDE, turn=(0, 0, 0), centre=(SIDE / 2, SIDE / 2), **changes):
    """Views in full light, without blur, on black."""
    chosen = {
        "planes": signs.planes(np.full(count, side), np.tile(turn, (count, 1)), np.tile(centre, (count, 1))),
        "gain": np.ones((count, 3)),
        "slope": np.zeros((count, 2)),
        "blur": np.zeros(count),
        "backgrounds": np.zeros((count, SIDE, SIDE, 3)),
        **changes,
    }
    return signs.Views(**{name: np.asarray(values, "float32") for name, values in chosen.items()})


def blocks(image, size):
    """Mean over blocks of size × size."""
    height, width = image.shape[:2]
    return image.reshape(height // size, size, width // size, size, -1).mean((1, 3))


# ── Rendering ──


def test_a_sign_that_fills_the_picture_is_its_drawing_reduced_in_colours_times_opacity():
    drawing = stop()
    seen = signs.photograph(drawing[None], [0], plain())[0]
    assert seen == pytest.approx(blocks(drawing[..., :3] * drawing[..., 3:], 4), abs=1e-5)


@pytest.mark.parametrize("side, level", [(28.0, 4), (24.0, 4), (14.0, 8)])
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.3, -0.2, 0.1)])
def test_what_the_camera_sees_is_what_opencv_warps(side, level, turn):
    drawing = stop()
    drawing[..., :3] = cv2.GaussianBlur(np.random.default_rng(0).random((128, 128, 3), "float32"), (0, 0), 4)
    views = plain(side=side, turn=turn, centre=(15.0, 17.5))
    reduced = blocks(np.concatenate([drawing[..., :3] * drawing[..., 3:], drawing[..., 3:]], 2), level)
    to_center, size = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]), len(reduced)  # OpenCV: pixel 0 is at 0
    matrix = np.linalg.inv(to_center) @ np.diag([size, size, 1]) @ views.planes[0].astype("float64") @ to_center
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpPerspective(reduced.astype("float32"), matrix, (SIDE, SIDE), flags=flags)
    seen = signs.photograph(drawing[None], [0], views)[0]
    assert seen == pytest.approx(expected[..., :3], abs=0.04)  # OpenCV places samples to 1/32 of a pixel
    assert np.abs(seen - expected[..., :3]).mean() < 0.004


def test_a_turned_sign_is_seen_where_a_pinhole_camera_projects_its_corners():
    turn, side, centre = (0.6, -0.2, 0.1), 20.0, (14.0, 18.0)
    plane = signs.planes([side], [turn], [centre])[0]
    rotation = cv2.Rodrigues(np.array([0, 0, 0.0]))[0]
    for axis, angle in (((0, 1, 0), turn[0]), ((1, 0, 0), turn[1]), ((0, 0, 1), turn[2])):
        rotation = rotation @ cv2.Rodrigues(np.array(axis, "float64") * angle)[0]
    camera = np.array([[side * signs.DISTANCE, 0, centre[0]], [0, side * signs.DISTANCE, centre[1]], [0, 0, 1]])
    shares = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    corners = np.column_stack([shares - 0.5, np.zeros(5)])
    seen, _ = cv2.projectPoints(corners, cv2.Rodrigues(rotation)[0], np.array([0, 0, signs.DISTANCE]), camera, None)
    back = plane @ np.column_stack([seen[:, 0], np.ones(5)]).T
    assert (back[:2] / back[2]).T == pytest.approx(shares, abs=1e-6)


def test_light_and_background_are_what_they_are_where_there_is_no_sign():
    backgrounds = np.random.default_rng(0).random((2, SIDE, SIDE, 3)) / 2
    gain, slope = np.array([[1, 0.8, 0.5], [1.2, 1.2, 1.2]]), np.array([[0, 0], [0.4, 0.2]])
    views = plain(2, backgrounds=backgrounds, gain=gain, slope=slope)
    seen = signs.photograph(np.zeros((1, 128, 128, 4)), [0, 0], views)
    down, across = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE), indexing="ij")
    assert seen[0] == pytest.approx(backgrounds[0] * gain[0], abs=1e-5)
    assert seen[1] == pytest.approx(backgrounds[1] * 1.2 * (1 - 0.4 * down - 0.2 * across)[..., None], abs=1e-5)


def test_blur_is_a_gaussian_away_from_the_borders():
    picture = np.random.default_rng(0).random((SIDE, SIDE, 3))
    views = plain(backgrounds=picture[None], blur=[0.8])
    seen = signs.photograph(np.zeros((1, 128, 128, 4)), [0], views)[0]
    expected = cv2.GaussianBlur(picture, (31, 31), 0.8)
    assert seen[6:-6, 6:-6] == pytest.approx(expected[6:-6, 6:-6], abs=1e-5)


def test_each_view_shows_the_drawing_that_it_is_given():
    drawings = np.ones((3, 128, 128, 4), "float32")
    drawings[..., 0] = np.array([0.2, 0.5, 0.8])[:, None, None]
    for side in (28.0, 14.0):
        seen = signs.photograph(drawings, [2, 0, 1, 2], plain(4, side=side))
        assert seen[:, SIDE // 2, SIDE // 2, 0] == pytest.approx([0.8, 0.2, 0.5, 0.8], abs=1e-6)


def test_the_gradient_of_the_picture_goes_back_to_the_drawing():
    rng = np.random.default_rng(0)
    drawing = rng.uniform(0.3, 0.7, (1, 128, 128, 4)).astype("float32")
    views, weights = signs.views(3, seed=1), rng.normal(size=(3, SIDE, SIDE, 3)).astype("float32")
    views = views._replace(gain=np.full((3, 3), 0.9, "float32"))
    with tf.GradientTape() as tape:
        colors = tf.constant(drawing)
        tape.watch(colors)
        total = tf.reduce_sum(signs.render(colors, [0, 0, 0], views) * weights)
    slope = tape.gradient(total, colors).numpy()
    direction = np.zeros_like(drawing)
    direction[..., :3] = rng.normal(size=(1, 128, 128, 3))
    ends = [np.sum(signs.photograph(drawing + s * direction, [0, 0, 0], views) * weights) for s in (-0.02, 0.02)]
    assert np.sum(slope * direction) == pytest.approx((ends[1] - ends[0]) / 0.04, rel=0.02, abs=0.05)


def test_views_are_drawn_from_their_seed_and_their_split():
    one, same, other = signs.views(20), signs.views(20), signs.views(20, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, same))
    assert not np.array_equal(one.planes, other.planes)
    assert not np.array_equal(one.backgrounds, signs.views(20, "test").backgrounds)
    for views in (one, signs.approach(30)):
        seen = signs.photograph(stop()[None], np.zeros(len(views.blur)), views)
        assert seen.min() >= 0 and seen.max() <= 1 and np.isfinite(seen).all()


def test_in_an_approach_the_sign_grows():
    views = signs.approach(40)._replace(backgrounds=np.zeros((40, SIDE, SIDE, 3), "float32"))
    white = np.ones((1, 128, 128, 4), "float32")
    covered = (signs.photograph(white, np.zeros(40), views).max(-1) > 0.3).sum((1, 2))
    assert covered[-1] > 3 * covered[0] and np.corrcoef(covered, np.arange(40))[0, 1] > 0.9


# ── Places ──


def test_the_first_rectangle_is_the_best_of_all_and_none_overlaps():
    rng = np.random.default_rng(0)
    heat, allowed = rng.exponential(size=(40, 50)), np.ones((40, 50), bool)
    allowed[:6] = allowed[:, 45:] = False
    places = signs.rectangles(heat, allowed, 0.3, 5)
    height, width = places[0, 2:]
    assert 1.5 < width / height < 2.5
    scores = {
        (top, left): heat[top : top + height, left : left + width].sum()
        for top in range(6, 41 - height)
        for left in range(46 - width)
    }
    assert tuple(places[0, :2]) == max(scores, key=scores.get)
    covered = signs.cover(places, (40, 50))
    assert covered.sum() == 5 * height * width and not covered[~allowed].any()


@pytest.mark.parametrize("area", [0.1, 0.2, 0.3])
def test_rectangles_cover_the_area_that_is_asked(area):
    inside = signs.inside(stop())
    heat = np.random.default_rng(0).random((128, 128))
    covered = signs.cover(signs.rectangles(heat, inside, area, 4))
    assert covered[inside].sum() / inside.sum() == pytest.approx(area, rel=0.03)
    assert covered[~inside].sum() == 0


def test_what_does_not_fit_says_so():
    with pytest.raises(ValueError, match="autocollants"):
        signs.rectangles(np.ones((20, 20)), np.ones((20, 20), bool), 0.95, 7)


def test_random_colours_change_the_rectangles_only_one_colour_each():
    drawing, places = stop(), np.array([[30, 20, 10, 20], [70, 40, 10, 20]])
    made = signs.random_colors(drawing, places, 6)
    covered = signs.cover(places) > 0
    assert np.array_equal(made[:, ~covered], np.repeat(drawing[None, ~covered], 6, 0))
    for top, left, height, width in places:
        assert np.ptp(made[:, top : top + height, left : left + width, :3], axis=(1, 2)).max() == 0
    assert len(np.unique(made[:, 35, 30, 0])) == 6


# ── The attack ──


@pytest.fixture(scope="module")
def redness():
    """Two classes: more red than blue, and the other way round. What fools it is known: paint in blue."""
    inputs = keras.Input((SIDE, SIDE, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, use_bias=False)(mean))
    model.set_weights([np.array([[20.0, 0], [0, 0], [0, 20]], "float32")])
    return model


def test_stickers_paint_in_blue_what_a_measure_of_red_looks_at_and_nothing_else(redness):
    drawing, mask = stop(), signs.cover([[40, 30, 30, 60]])
    made = attacks.stickers(redness, drawing, 1, mask, signs.views(40), steps=40)
    assert np.array_equal(made[mask == 0], drawing[mask == 0]) and np.array_equal(made[..., 3], drawing[..., 3])
    assert made.min() >= 0 and made.max() <= 1
    red, _, blue, _ = made[mask == 1].mean(0)
    assert red < 0.05 and blue > 0.95


def test_away_from_its_own_class_the_stickers_are_the_same(redness):
    drawing, mask, views = stop(), signs.cover([[40, 30, 30, 60]]), signs.views(40)
    towards = attacks.stickers(redness, drawing, 1, mask, views, steps=40)
    away = attacks.stickers(redness, drawing, 0, mask, views, steps=40, targeted=False)
    assert away == pytest.approx(towards, abs=0.02)


def test_stickers_never_leave_the_sign(redness):
    drawing = stop()
    made = attacks.stickers(redness, drawing, 1, np.ones((128, 128)), signs.views(20), steps=3)
    assert np.array_equal(made[~signs.inside(drawing)], drawing[~signs.inside(drawing)])


def test_both_norms_hold_the_change_back_and_the_first_one_leaves_more_of_the_sign_alone(redness):
    drawing, views = stop(), signs.views(40)
    whole = signs.inside(drawing)
    sizes, touched = [], []
    for options in ({}, {"l1": 3e-3}, {"l2": 0.3}):
        made = attacks.stickers(redness, drawing, 1, whole, views, steps=60, **options)
        change = np.abs(made - drawing)[whole]
        sizes.append(change.sum())
        touched.append((change.max(1) > 0.1).mean())
    assert sizes[0] > max(sizes[1:])
    assert touched[1] < touched[0]


def test_printing_brings_the_colours_to_those_of_a_printer(redness):
    drawing, mask, views = stop(), signs.cover([[40, 30, 30, 60]]), signs.views(40)
    far = []
    for printing in (0.0, 1.0):
        made = attacks.stickers(redness, drawing, 1, mask, views, steps=40, printing=printing)
        distances = np.linalg.norm(made[mask == 1][:, None, :3] - signs.PRINTABLE, axis=-1)
        far.append(distances.min(1).mean())
    assert far[1] < 0.5 * far[0]


@pytest.mark.parametrize("change, message", [
    ({"drawing": np.zeros((128, 128, 3))}, "opacité"),
    ({"drawing": np.full((128, 128, 4), 2.0)}, "entre 0 et 1"),
    ({"drawing": np.zeros((100, 100, 4))}, "128"),
    ({"mask": np.ones((64, 64))}, "masque"),
    ({"mask": np.full((128, 128), 0.5)}, "masque"),
    ({"y": 2}, "classe"),
    ({"steps": 0}, "pas"),
])  # fmt: skip
def test_wrong_inputs_are_refused_in_french(redness, change, message):
    given = {"drawing": stop(), "y": 1, "mask": np.ones((128, 128)), "steps": 2, **change}
    with pytest.raises(ValueError, match=message):
        attacks.stickers(redness, given["drawing"], given["y"], given["mask"], signs.views(8), steps=given["steps"])
