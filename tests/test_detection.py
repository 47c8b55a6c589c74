"""labs.detection: anchors, targets, decoding, loss and detections of a grid, against loops and closed forms."""

import keras
import numpy as np
import pytest

from labs import boxes, detection, scenes


@pytest.fixture(scope="module")
def grid():
    return detection.Grid(64, 8, np.array([[10, 20], [20, 12]], "float32"), 3)


@pytest.fixture(scope="module")
def targets():
    made = scenes.compose(6, ("sac", "pantalon", "bottine"), size=64, objects=(1, 3), seed=7)
    return list(zip(made.boxes, made.classes))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ── Anchors ──


def test_the_iou_of_shapes_is_that_of_boxes_with_the_same_centre():
    sides = np.random.default_rng(0).uniform(5, 60, (20, 2))
    centred = np.concatenate([-sides / 2, sides / 2], axis=1)
    np.testing.assert_allclose(detection.shape_iou(sides[:12], sides[12:]), boxes.iou(centred[:12], centred[12:]))


def test_three_groups_far_apart_are_found_whatever_their_sizes():
    rng = np.random.default_rng(0)
    middles = np.array([[6.0, 5], [12, 40], [90, 60]])
    groups = [middle * rng.uniform(0.9, 1.1, (count, 2)) for middle, count in zip(middles, (30, 60, 20))]
    found = detection.cluster_sides(rng.permutation(np.concatenate(groups)), 3)
    np.testing.assert_allclose(found, [group.mean(axis=0) for group in groups], rtol=1e-5)


def test_each_anchor_is_the_mean_of_the_boxes_nearest_to_it():
    sides = np.exp(np.random.default_rng(1).normal(3, 0.5, (300, 2)))
    anchors = detection.cluster_sides(sides, 5)
    nearest = [np.argmax([min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in anchors])
               for w, h in sides]  # fmt: skip
    expected = [sides[np.array(nearest) == k].mean(axis=0) for k in range(5)]
    np.testing.assert_allclose(anchors, expected, rtol=1e-4)
    assert (np.diff(anchors.prod(axis=1)) > 0).all()


@pytest.mark.parametrize(
    "sides, count, words",
    [
        (np.ones((4, 3)), 2, r"\(4, 3\)"),
        ([[1, 2], [0, 3]], 1, "positives"),
        (np.ones((4, 2)), 5, "reçu 5"),
        (np.ones((4, 2)), 0, "reçu 0"),
    ],
)
def test_impossible_anchors_are_refused_in_words(sides, count, words):
    with pytest.raises(ValueError, match=words):
        detection.cluster_sides(sides, count)


# ── Targets ──


def test_the_cell_that_holds_the_centre_answers_with_the_anchor_of_the_nearest_shape(grid):
    tall, wide = [3, 10, 13, 32], [40, 41, 60, 51]  # centres (8, 21) and (50, 46)
    encoded = detection.encode([(np.array([tall, wide], "float32"), np.array([2, 0]))], grid)
    assert encoded.shape == (1, 8, 8, 2, 6) and encoded.dtype == np.float32
    assert np.argwhere(encoded[..., 0]).tolist() == [[0, 2, 1, 0], [0, 5, 6, 1]]
    assert encoded[0, 2, 1, 0].tolist() == [1, *tall, 2] and encoded[0, 5, 6, 1].tolist() == [1, *wide, 0]
    assert np.count_nonzero(encoded) == 11


def test_a_scene_without_object_has_a_target_of_zeros(grid):
    assert not detection.encode([(np.zeros((0, 4), "float32"), np.zeros(0, int))], grid).any()


@pytest.mark.parametrize(
    "places, classes, words",
    [
        ([[0, 0, 0, 5]], [0], "vide"),
        ([[60, 0, 70, 8]], [0], "centre sort"),
        ([[0, 0, 8, 8]], [3], "0 … 2"),
        ([[0, 0, 8, 8]], [-1], "0 … 2"),
    ],
)
def test_an_impossible_target_is_refused_in_words(grid, places, classes, words):
    with pytest.raises(ValueError, match=words):
        detection.encode([(np.array(places, "float32"), np.array(classes))], grid)


def test_zeros_mean_the_anchor_in_the_middle_of_its_cell(grid):
    found = np.asarray(detection.decode(np.zeros((1, *grid.shape), "float32"), grid))
    for row, column, anchor in ((0, 0, 0), (3, 6, 1), (7, 0, 1)):
        width, height = grid.anchors[anchor]
        x, y = 8 * column + 4, 8 * row + 4
        expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        np.testing.assert_allclose(found[0, row, column, anchor], expected, atol=1e-4)


def test_decoding_undoes_the_formulas_of_the_paper(grid, targets):
    encoded = detection.encode(targets, grid)
    raw = np.zeros((len(targets), *grid.shape), "float32")
    present = np.argwhere(encoded[..., 0] == 1)
    for image, row, column, anchor in present:
        x1, y1, x2, y2 = encoded[image, row, column, anchor, 1:5]
        x, y = (x1 + x2) / 16 - column, (y1 + y2) / 16 - row
        width, height = grid.anchors[anchor]
        logits = [np.log((v + 1e-6) / (1 + 1e-6 - v)) for v in (x, y)]
        raw[image, row, column, anchor, :4] = [*logits, np.log((x2 - x1) / width), np.log((y2 - y1) / height)]
    found = np.asarray(detection.decode(raw, grid))
    assert len(present) >= 6
    for place in map(tuple, present):
        np.testing.assert_allclose(found[place], encoded[place][1:5], atol=1e-2)


# ── Loss and network ──


def test_the_loss_is_that_of_a_loop_over_the_boxes(grid, targets):
    encoded = detection.encode(targets, grid)
    raw = np.random.default_rng(0).normal(size=(len(targets), *grid.shape)).astype("float32")
    decoded, total = np.asarray(detection.decode(raw, grid)), 0.0
    for place in np.ndindex(encoded.shape[:-1]):
        probability = sigmoid(float(raw[place][4]))
        if not encoded[place][0]:
            total -= np.log(1 - probability)
            continue
        a, b = encoded[place][1:5].astype(float), decoded[place].astype(float)
        hull = np.prod(np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2]))
        overlap = boxes.iou(a[None], b[None])[0, 0]
        union = (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) / (1 + overlap)
        odds = np.exp(raw[place][5:].astype(float))
        total += -np.log(probability) + 2 * (1 - overlap + (hull - union) / hull)
        total -= np.log(odds[int(encoded[place][5])] / odds.sum())
    assert float(detection.loss(grid)(encoded, raw)) == pytest.approx(total / encoded[..., 0].sum(), rel=1e-4)


def test_the_gradient_is_finite_even_without_object_and_for_a_lost_network(grid, targets):
    import tensorflow as tf

    empty = np.zeros((2, *grid.shape[:3], 6), "float32")
    for encoded, scale in ((empty, 1), (detection.encode(targets, grid), 1), (detection.encode(targets, grid), 1e4)):
        raw = tf.Variable(np.random.default_rng(0).normal(0, scale, (len(encoded), *grid.shape)).astype("float32"))
        with tf.GradientTape() as tape:
            value = detection.loss(grid)(encoded, raw)
        assert np.isfinite(value) and np.isfinite(tape.gradient(value, raw)).all()


def test_a_box_shrunk_to_nothing_has_a_gradient_that_makes_it_grow(grid, targets):
    import tensorflow as tf

    encoded = detection.encode(targets, grid)
    lost = np.zeros((len(targets), *grid.shape), "float32")
    lost[..., 2:4] = -6  # below the cut
    raw = tf.Variable(lost)
    with tf.GradientTape() as tape:
        value = detection.loss(grid)(encoded, raw)
    assert (tape.gradient(value, raw).numpy()[encoded[..., 0] == 1][:, 2:4] < 0).all()


def test_the_network_has_the_parameters_of_its_layers_and_says_at_first_that_nothing_is_there(grid):
    keras.utils.set_random_seed(0)
    model = detection.network(grid, widths=(8, 16, 24), depth=1)
    widths = [3, 8, 16, 24, 24]
    expected = sum(9 * a * b + 4 * b for a, b in zip(widths, widths[1:])) + 24 * 16 + 16
    assert model.count_params() == expected and model.output.shape[1:] == grid.shape == (8, 8, 2, 8)
    assert model.get_layer("features").output.shape[1:] == (8, 8, 24)
    raw = model.predict(np.random.default_rng(0).random((4, 64, 64, 3)), verbose=0)
    assert sigmoid(raw[..., 4]).mean() < 0.05 and np.abs(raw[..., 5:]).mean() < 2


@pytest.mark.parametrize("size, stride, widths", [(64, 16, (8, 8, 8)), (60, 8, (8, 8, 8))])
def test_a_stride_that_the_network_does_not_have_is_refused(size, stride, widths):
    with pytest.raises(ValueError, match="stride"):
        detection.network(detection.Grid(size, stride, np.ones((1, 2)), 2), widths)


# ── Detection ──


def says(grid, answers):
    """A network that always answers the same: {(row, column, anchor): numbers}, and nothing elsewhere."""
    raw = np.zeros(grid.shape, "float32")
    raw[..., 4] = -20
    for place, numbers in answers.items():
        raw[place] = numbers
    inputs = keras.Input((grid.size, grid.size, 3))
    return keras.Model(inputs, keras.layers.Lambda(lambda x: 0 * keras.ops.mean(x) + raw[None])(inputs))


def test_detections_are_the_answers_decoded_without_their_doubles(grid):
    sure, double, other, faint = [0, 0, 0, 0, 3, 9, 0, 0], [9, 0, 0.5, 0, 2, 9, 0, 0], [0, 0, 0, 0, 1, 0, 9, 0], [0] * 8
    answers = {(2, 2, 0): sure, (2, 1, 0): double, (2, 3, 0): other, (6, 6, 1): faint}
    (found,) = detection.detect(says(grid, answers), np.zeros((1, 64, 64, 3), "uint8"), grid, 0.4)
    np.testing.assert_allclose(found.boxes, [[15, 10, 25, 30], [23, 10, 33, 30]], atol=1e-3)
    assert found.classes.tolist() == [0, 1] and found.classes.dtype == np.int64
    np.testing.assert_allclose(found.scores, sigmoid(np.array([3.0, 1])), rtol=1e-3)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found.objectness, sigmoid(np.array([3.0, 1])), rtol=1e-5)
    (more,) = detection.detect(says(grid, answers), np.zeros((1, 64, 64, 3)), grid, 0.1)
    assert more.scores[-1] == pytest.approx(0.5 / 3, rel=1e-4)


def test_boxes_are_cut_at_the_border_and_a_scene_may_be_empty(grid):
    (found,) = detection.detect(says(grid, {(0, 0, 1): [0, 0, 2, 2, 5, 1, 0, 0]}), np.zeros((1, 64, 64, 3)), grid)
    assert found.boxes.min() == 0 and found.boxes.max() <= 64
    (nothing,) = detection.detect(says(grid, {}), np.zeros((1, 64, 64, 3)), grid)
    assert nothing.boxes.shape == (0, 4) and nothing.scores.shape == nothing.classes.shape == (0,)


def test_images_and_thresholds_that_do_not_fit_are_refused(grid):
    model = says(grid, {})
    with pytest.raises(ValueError, match=r"\(1, 32, 32, 3\)"):
        detection.detect(model, np.zeros((1, 32, 32, 3)), grid)
    with pytest.raises(ValueError, match="seuil"):
        detection.detect(model, np.zeros((1, 64, 64, 3)), grid, 1.5)


def test_the_detector_learns_most_of_eight_scenes_by_heart():
    made = scenes.compose(8, ("sac", "pantalon"), size=64, objects=(1, 1), seed=0)
    targets = list(zip(made.boxes, made.classes))
    sides = np.concatenate([places[:, 2:] - places[:, :2] for places in made.boxes])
    grid = detection.Grid(64, 8, detection.cluster_sides(sides, 2), 2)
    keras.utils.set_random_seed(0)
    model = detection.network(grid, depth=1)
    model.compile(keras.optimizers.Adam(3e-3), detection.loss(grid))
    images = made.images.astype("float32") / 255
    model.fit(images, detection.encode(targets, grid), epochs=200, batch_size=8, verbose=0)
    # Not all of them: a box that has shrunk to nothing at first takes long to come back.
    assert boxes.coco_map(targets, detection.detect(model, made.images, grid, 0.05))["AP50"] > 0.6


# ── Measure ──


def test_the_mean_of_the_envelope_is_the_average_precision_of_the_library():
    rng = np.random.default_rng(0)
    place, nothing = np.array([[2.0, 2, 9, 9]]), np.zeros((0, 4))
    for count, missed in ((1, 0), (30, 5), (80, 40)):
        correct = rng.random(count) < np.linspace(1, 0.2, count)
        correct[0] = True
        objects = [place if right else nothing for right in correct] + [place] * missed
        scores = np.linspace(0.9, 0.1, count)[:, None]
        found = [(place, score, np.zeros(1, int)) for score in scores]
        found += [(nothing, np.zeros(0), np.zeros(0, int))] * missed
        expected = boxes.coco_map([(one, np.zeros(len(one), int)) for one in objects], found)["AP50"]
        measured = detection.precision_recall(correct, correct.sum() + missed)
        assert measured.envelope.mean() == pytest.approx(expected, abs=1e-6)


def test_precision_and_recall_are_those_of_scikit_learn():
    from sklearn.metrics import precision_recall_curve

    correct = np.random.default_rng(1).random(50) < 0.4
    precision, recall, _ = precision_recall_curve(correct, np.linspace(1, 0, 50))
    measured = detection.precision_recall(correct, correct.sum())
    known = len(precision) - 1  # theirs stops once every object is found, and goes by rising thresholds
    np.testing.assert_allclose(measured.precision[:known], precision[:-1][::-1][:known])
    np.testing.assert_allclose(measured.recall[:known], recall[:-1][::-1][:known])


@pytest.mark.parametrize("correct, truths", [([[True]], 1), ([True], 0), ([True, True], 1)])
def test_a_ranking_that_cannot_be_is_refused(correct, truths):
    with pytest.raises(ValueError, match="Attendu un vecteur"):
        detection.precision_recall(correct, truths)
