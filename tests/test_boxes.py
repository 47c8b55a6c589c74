"""labs.boxes: overlap, losses, suppression and average precision, against TensorFlow, OpenCV and closed forms."""

import time

import cv2
import numpy as np
import pytest
import tensorflow as tf

from labs import boxes


def draw(count, seed=0, size=600):
    """Random boxes, crowded enough to overlap, and their scores."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, size, (count, 2))
    sides = rng.uniform(10, 120, (count, 2))
    return np.concatenate([corners, corners + sides], axis=1).astype("float32"), rng.random(count).astype("float32")


# ── Overlap ──


def test_the_iou_is_the_ratio_of_the_pixels_that_two_filled_rectangles_share():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 40, (2, 15, 2))
    a, b = np.concatenate([corners, corners + rng.integers(1, 24, (2, 15, 2))], axis=2)
    filled = []
    for group in (a, b):
        pictures = np.zeros((15, 64, 64), bool)
        for picture, (x1, y1, x2, y2) in zip(pictures, group):
            picture[y1:y2, x1:x2] = True
        filled.append(pictures.reshape(15, -1))
    both = (filled[0][:, None] & filled[1][None]).sum(-1)
    either = (filled[0][:, None] | filled[1][None]).sum(-1)
    np.testing.assert_allclose(boxes.iou(a, b), both / either)


def test_the_iou_of_no_box_is_an_empty_table():
    assert boxes.iou([], draw(3)[0]).shape == (0, 3) and boxes.iou(draw(3)[0], np.zeros((0, 4))).shape == (3, 0)


@pytest.mark.parametrize(
    "faulty, message",
    [
        ([[0, 0, 5, 5], [3, 3, 3, 9]], "rang 1 est vide"),
        ([[5, 0, 0, 5]], "rang 0 est inversée"),
        ([[0, 0, 5, 5], [0, 0, np.nan, 5]], "rang 1 a une valeur qui n'est pas finie"),
        ([[0, 0, np.inf, 5]], "pas finie"),
        ([0, 0, 5, 5], r"\[None\]"),
        (np.zeros((2, 5)), r"\(2, 5\)"),
    ],
)
def test_a_degenerate_box_is_refused_with_its_rank(faulty, message):
    sound, scores = draw(len(faulty))
    detections = [(np.array(faulty), scores, np.zeros(len(faulty)))]
    for call in (
        lambda: boxes.iou(sound, faulty),
        lambda: boxes.nms(faulty, scores),
        lambda: boxes.soft_nms(faulty, scores, boxes.linear_decay()),
        lambda: boxes.coco_map([(sound, np.zeros(len(sound)))], detections),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_corners_and_centers_are_inverse_of_each_other():
    corners = draw(20)[0]
    centers = np.asarray(boxes.to_centers(corners))
    np.testing.assert_allclose(centers[0, 2:], corners[0, 2:] - corners[0, :2])
    np.testing.assert_allclose(boxes.to_corners(centers), corners, rtol=1e-5)


# ── Losses ──

UNIT = [0.0, 0.0, 1.0, 1.0]
CASES = [  # the other box, then 1 - IoU, 1 - GIoU, 1 - DIoU, 1 - CIoU, worked out by hand
    ([0.0, 0.0, 1.0, 1.0], 0, 0, 0, 0),
    ([0.5, 0.0, 1.5, 1.0], 2 / 3, 2 / 3, 2 / 3 + 0.25 / 3.25, 2 / 3 + 0.25 / 3.25),  # beside: C is the union
    ([2.0, 0.0, 3.0, 1.0], 1, 1 + 1 / 3, 1 + 4 / 10, 1 + 4 / 10),  # apart
    ([1.0, 1.0, 2.0, 2.0], 1, 1 + 2 / 4, 1 + 2 / 8, 1 + 2 / 8),  # one corner in common
    ([0.0, 0.25, 1.0, 0.75], 0.5, 0.5, 0.5, None),  # same centre, other shape
]


@pytest.mark.parametrize("other, expected", [(other, expected) for other, *expected in CASES])
def test_the_losses_are_those_worked_out_by_hand(other, expected):
    v = 4 / np.pi**2 * (np.arctan(2) - np.arctan(1)) ** 2
    expected = [0.5 + v**2 / (0.5 + v) if value is None else value for value in expected]
    losses = (boxes.iou_loss, boxes.giou_loss, boxes.diou_loss, boxes.ciou_loss)
    for a, b in ((UNIT, other), (other, UNIT)):
        got = [float(loss(tf.constant([a]), tf.constant([b]))[0]) for loss in losses]
        assert got == pytest.approx(expected, abs=1e-6)


def test_giou_falls_to_minus_one_and_diou_too_when_the_boxes_go_apart():
    a, far = tf.constant([UNIT]), tf.constant([[1e4, 1e4, 1e4 + 1, 1e4 + 1]])
    assert float(boxes.giou_loss(a, far)[0]) == pytest.approx(2, abs=1e-3)
    assert float(boxes.diou_loss(a, far)[0]) == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("name", ["iou_loss", "giou_loss", "diou_loss", "ciou_loss"])
def test_the_gradients_are_those_of_finite_differences(name):
    truth, predicted = (tf.constant(draw(30, seed)[0].astype("float64") / 100) for seed in (1, 1))
    predicted += np.random.default_rng(2).normal(0, 0.02, predicted.shape)  # they overlap their truth
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        loss = getattr(boxes, name)(truth, predicted)
    got = tape.gradient(loss, predicted).numpy()
    value = getattr(boxes, name)
    if name == "ciou_loss":  # α is a weight: the differences must hold it still
        alpha = aspect_weight(truth.numpy(), predicted.numpy())
        value = lambda a, b: boxes.diou_loss(a, b) + alpha * aspect(a.numpy(), b.numpy())  # noqa: E731
    expected = np.empty_like(got)
    for axis in range(4):
        step = 1e-6 * np.eye(4)[axis]
        expected[:, axis] = (value(truth, predicted + step) - value(truth, predicted - step)) / 2e-6
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(got, expected, atol=1e-6)


def aspect(a, b):
    angles = [np.arctan((box[:, 2] - box[:, 0]) / (box[:, 3] - box[:, 1])) for box in (a, b)]
    return 4 / np.pi**2 * (angles[0] - angles[1]) ** 2


def aspect_weight(a, b):
    v, overlap = aspect(a, b), np.diag(boxes.iou(a, b))
    return v / (1 - overlap + v)


def test_apart_boxes_have_a_gradient_with_giou_diou_and_ciou_but_none_with_iou():
    predicted = tf.constant([[3.0, 3.0, 4.0, 5.0]])
    sizes = {}
    for name in ("iou_loss", "giou_loss", "diou_loss", "ciou_loss"):
        with tf.GradientTape() as tape:
            tape.watch(predicted)
            loss = getattr(boxes, name)(tf.constant([UNIT]), predicted)
        sizes[name] = float(tf.norm(tape.gradient(loss, predicted)))
    assert sizes["iou_loss"] == 0 and min(size for name, size in sizes.items() if name != "iou_loss") > 0.01


@pytest.mark.parametrize("degenerate", [[0.5, 0.5, 0.5, 0.5], [0.2, 0.5, 0.8, 0.5], [2.0, 2.0, 2.0, 2.0]])
def test_an_empty_prediction_gives_finite_losses_and_gradients(degenerate):
    for loss in (boxes.iou_loss, boxes.giou_loss, boxes.diou_loss, boxes.ciou_loss):
        for truth in (UNIT, degenerate):
            predicted = tf.constant([degenerate])
            with tf.GradientTape() as tape:
                tape.watch(predicted)
                value = loss(tf.constant([truth]), predicted)
            assert np.isfinite(value).all() and np.isfinite(tape.gradient(value, predicted)).all()


# ── Suppression ──


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_nms_keeps_the_boxes_that_tensorflow_keeps_in_the_same_order(threshold):
    places, scores = draw(2000)
    scores = scores.round(3)  # equal scores, too
    expected = tf.image.non_max_suppression(places, scores, 2000, threshold).numpy()
    assert 20 < len(expected) <= 2000
    np.testing.assert_array_equal(boxes.nms(places, scores, threshold), expected)


def test_nms_is_faster_than_a_python_loop():
    places, scores = draw(2000)
    start = time.perf_counter()
    expected = loop(places.tolist(), scores.tolist(), 0.3)
    slow = time.perf_counter() - start
    start = time.perf_counter()
    got = boxes.nms(places, scores, 0.3)
    fast = time.perf_counter() - start
    assert got.tolist() == expected
    assert fast < slow / 3


def loop(places, scores, threshold):
    kept = []
    for rank in sorted(range(len(scores)), key=lambda i: -scores[i]):
        x1, y1, x2, y2 = places[rank]
        for other in kept:
            a1, b1, a2, b2 = places[other]
            shared = max(0, min(x2, a2) - max(x1, a1)) * max(0, min(y2, b2) - max(y1, b1))
            if shared > threshold * ((x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - shared):
                break
        else:
            kept.append(rank)
    return kept


def test_class_wise_nms_is_nms_inside_each_class():
    places, scores = draw(400)
    classes = np.random.default_rng(5).integers(0, 3, 400)
    expected = []
    for name in range(3):
        members = np.flatnonzero(classes == name)
        expected += members[boxes.nms(places[members], scores[members], 0.4)].tolist()
    got = boxes.nms(places, scores, 0.4, classes=classes)
    assert sorted(got) == sorted(expected) and np.all(np.diff(scores[got]) <= 0)
    assert len(got) > len(boxes.nms(places, scores, 0.4))


def test_nms_of_nothing_keeps_nothing():
    assert boxes.nms([], []).tolist() == []
    kept, scores = boxes.soft_nms(np.zeros((0, 4)), np.zeros(0), boxes.gaussian_decay())
    assert kept.size == 0 and scores.size == 0


def test_diou_nms_drops_the_boxes_whose_diou_with_a_better_one_is_above_the_threshold():
    places, scores = draw(200)
    left, kept = np.argsort(-scores).tolist(), []
    while left:
        best = left.pop(0)
        kept.append(best)
        diou = 1 - np.asarray(boxes.diou_loss(places[[best] * len(left)], places[left]))
        left = [k for k, value in zip(left, diou) if value <= 0.3]
    np.testing.assert_array_equal(boxes.diou_nms(places, scores, 0.3), kept)
    assert len(kept) > len(boxes.nms(places, scores, 0.3))  # neighbours are let live


def test_diou_nms_of_boxes_with_one_centre_is_nms_and_of_nothing_is_nothing():
    half = np.random.default_rng(0).uniform(5, 20, (50, 2))
    places, scores = np.concatenate([50 - half, 50 + half], axis=1), np.random.default_rng(1).random(50)
    np.testing.assert_array_equal(boxes.diou_nms(places, scores, 0.6), boxes.nms(places, scores, 0.6))
    assert boxes.diou_nms(np.zeros((0, 4)), np.zeros(0)).tolist() == []


def test_gaussian_soft_nms_is_that_of_tensorflow_whose_sigma_is_half_the_papers():
    places, scores = draw(300)
    expected, lowered = tf.image.non_max_suppression_with_scores(
        places, scores, 300, iou_threshold=1.0, score_threshold=0.1, soft_nms_sigma=0.25
    )
    kept, got = boxes.soft_nms(places, scores, boxes.gaussian_decay(0.5), score_threshold=0.1)
    np.testing.assert_array_equal(kept, expected)
    np.testing.assert_allclose(got, lowered, rtol=1e-4)


def test_linear_soft_nms_is_that_of_opencv():
    places, scores = draw(300)
    places = places.round()
    rectangles = np.concatenate([places[:, :2], places[:, 2:] - places[:, :2]], axis=1).astype(int)
    lowered, expected = cv2.dnn.softNMSBoxes(
        rectangles.tolist(), scores.tolist(), 0.1, 0.3, method=cv2.dnn.SOFT_NMSMETHOD_SOFTNMS_LINEAR
    )
    kept, got = boxes.soft_nms(places, scores, boxes.linear_decay(0.3), score_threshold=0.1)
    np.testing.assert_array_equal(kept, np.ravel(expected))
    np.testing.assert_allclose(got, np.ravel(lowered), rtol=1e-4)


def test_soft_nms_with_a_step_for_decay_is_nms():
    places, scores = draw(300)
    kept, lowered = boxes.soft_nms(places, scores, lambda overlap: overlap <= 0.5, score_threshold=1e-9)
    np.testing.assert_array_equal(kept, boxes.nms(places, scores, 0.5))
    np.testing.assert_allclose(lowered, scores[kept])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: boxes.nms(draw(3)[0], np.ones(2)), r"\(3,\).*\(2,\)"),
        (lambda: boxes.nms(draw(3)[0], np.array([1, np.nan, 0])), "rang 1 n'est pas fini"),
        (lambda: boxes.nms(*draw(3), iou_threshold=50), "50"),
        (lambda: boxes.nms(*draw(3), classes=np.zeros((3, 1))), r"\(3, 1\)"),
        (lambda: boxes.coco_map([draw(1)], []), "1 et 0"),
        (lambda: boxes.coco_map([([], [])], [([], [], [])]), "aucun objet"),
    ],
)
def test_a_wrong_input_is_an_error_that_says_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ── Average precision ──


def test_perfect_detections_have_an_ap_of_one_and_none_has_zero():
    places, _ = draw(5)
    targets = [(places, np.arange(5)), (places[:2], np.array([0, 0]))]
    perfect = [(found, np.ones(len(found)), classes) for found, classes in targets]
    assert boxes.coco_map(targets, perfect) == {"AP": 1.0, "AP50": 1.0, "AP75": 1.0}
    assert boxes.coco_map(targets, [([], [], [])] * 2) == {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}


def test_the_ap_is_the_area_worked_out_by_hand_over_101_recalls():
    # One class, 4 objects. By score: found, missed, found (IoU .8), found, found again: a double, then nothing.
    objects = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]], "float32")
    found = objects[[0, 0, 1, 2, 2]] + np.array([[0, 0, 0, 0], [500, 0, 500, 0], [0, 0, 0, -2], [0] * 4, [0] * 4])
    detections = [(found, np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.zeros(5, int), None)]
    got = boxes.coco_map([(objects, np.zeros(4, int))], detections)
    # Recalls .25, .50, .75 at precisions 1, 2/3, 3/4: from the right, 1 then 3/4; 26 + 50 of 101 points.
    at_80 = (26 + 50 * 3 / 4) / 101
    assert got["AP50"] == got["AP75"] == pytest.approx(at_80)
    # At .85 and above, the third no longer counts: recalls .25 and .50, at 1 and 2/4. At .80 exactly it still does.
    above = (26 + 25 * 2 / 4) / 101
    assert got["AP"] == pytest.approx((7 * at_80 + 3 * above) / 10)


def test_a_class_without_any_object_does_not_count_and_a_wrong_class_is_a_miss():
    places, scores = draw(2)
    targets = [(places, np.array([3, 4]))]
    assert boxes.coco_map(targets, [(places[[0, 1, 1]], np.ones(3), np.array([3, 4, 7]))])["AP"] == 1.0
    assert boxes.coco_map(targets, [(places, scores, np.array([3, 5]))])["AP"] == 0.5
