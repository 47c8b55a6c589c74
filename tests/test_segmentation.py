"""labs.segmentation: losses, measures, RoIAlign and instances, against other libraries, naive loops, closed forms."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from sklearn import metrics

from labs import datasets, segmentation

RNG = np.random.default_rng


def drawn(shape=(2, 8, 9), classes=4, seed=0):
    """Random labels and logits."""
    rng = RNG(seed)
    return rng.integers(0, classes, shape), rng.normal(size=(*shape, classes)).astype("float32")


def discs(*places, size=40):
    """A map of instances: discs (row, column, radius), numbered from 1."""
    rows, columns = np.indices((size, size))
    found = np.zeros((size, size), "int32")
    for label, (row, column, radius) in enumerate(places, start=1):
        found[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = label
    return found


# ── Losses ──


def test_the_cross_entropy_is_that_of_keras():
    labels, logits = drawn()
    keras_own = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    np.testing.assert_allclose(segmentation.cross_entropy(labels, logits), keras_own(labels, logits), rtol=1e-5)


def test_the_focal_loss_is_that_of_keras_without_its_weights():
    labels, logits = drawn()
    one_hot = np.eye(4)[labels]
    for gamma in (0.5, 2.0, 5.0):
        keras_own = keras.losses.CategoricalFocalCrossentropy(1.0, gamma, from_logits=True, reduction="none")
        ours = segmentation.focal_loss(labels, logits, gamma=gamma)
        np.testing.assert_allclose(ours, keras_own(one_hot, logits), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        segmentation.focal_loss(labels, logits, gamma=0), segmentation.cross_entropy(labels, logits)
    )


def test_an_easy_pixel_counts_a_hundred_times_less_as_lin_et_al_write():
    p = 0.9  # section 3.2: with γ = 2, an example with p = 0.9 has a loss 100 times lower
    logits = np.log([[[[p, 1 - p]]]]).astype("float32")
    labels = np.zeros((1, 1, 1), "int64")
    ratio = segmentation.cross_entropy(labels, logits) / segmentation.focal_loss(labels, logits)
    np.testing.assert_allclose(ratio, 100, rtol=1e-3)


def test_the_dice_loss_of_a_half_found_square_is_that_of_the_closed_form():
    labels = np.zeros((1, 4, 4), "int64")
    labels[0, :2, :2] = 1  # 4 pixels; 2 of them are found, and 1 outside
    found = np.zeros_like(labels)
    found[0, 0, :2] = found[0, 3, 3] = 1
    logits = (np.eye(2)[found] * 100).astype("float32")  # p is 0 or 1
    square, rest = (2 * 2 + 1) / (4 + 3 + 1), (2 * 11 + 1) / (12 + 13 + 1)
    assert float(segmentation.dice_loss(labels, logits)) == pytest.approx(1 - (square + rest) / 2)


def test_the_dice_loss_of_hard_masks_is_one_minus_their_dice_on_large_maps():
    labels, logits = drawn((2, 200, 200))
    dice = segmentation.dice(labels, logits.argmax(-1), 4)
    hard = segmentation.dice_loss(labels, 100 * np.eye(4, dtype="float32")[logits.argmax(-1)])
    assert float(hard) == pytest.approx(1 - dice.mean(), abs=1e-4)


def test_a_mask_empty_on_both_sides_costs_nothing_to_dice():
    logits = np.zeros((1, 6, 6, 3), "float32")
    logits[..., 0] = 100
    assert float(segmentation.dice_loss(np.zeros((1, 6, 6), "int64"), logits)) == pytest.approx(0, abs=1e-6)


LOSSES = [segmentation.cross_entropy, segmentation.focal_loss, segmentation.dice_loss]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_a_loss_is_finite_even_where_it_is_certain(loss):
    labels, logits = drawn()
    logits = tf.constant(logits * np.array([1, 1e3, 1, 1], "float32"))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = tf.reduce_mean(loss(labels, logits))
    gradient = tape.gradient(cost, logits)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_learns_with_a_loss_by_fit(loss):
    keras.utils.set_random_seed(0)
    x = RNG(0).random((8, 8, 8, 1), "float32")
    y = (x[..., 0] > 0.5).astype("uint8")
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 1)])
    model.compile(keras.optimizers.Adam(0.3), loss=loss)
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    assert (model.predict(x, verbose=0).argmax(-1) == y).mean() > 0.9


@pytest.mark.parametrize("wrong", [-1, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_label_outside_the_classes_makes_the_loss_nan(loss, wrong):
    labels, logits = drawn()
    labels[0, 2, 3] = wrong
    assert np.isnan(np.mean(loss(labels, logits)))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(2, 8, 9, 4), (2, 8, 8), (8, 9)])
def test_shapes_that_do_not_match_are_refused_by_the_losses(loss, shape):
    with pytest.raises(ValueError, match=r"étiquettes \(N, H, L\) et des logits.*\(2, 8, 9, 4\)"):
        loss(np.zeros(shape, "int64"), drawn()[1])


def test_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="γ.*reçu -1"):
        segmentation.focal_loss(*drawn(), gamma=-1)


# ── Measures of maps of classes ──


def test_iou_dice_and_confusion_are_those_of_scikit_learn():
    truth, predicted = RNG(1).integers(0, 5, (2, 3, 20, 30))
    flat = truth.ravel(), predicted.ravel()
    np.testing.assert_array_equal(segmentation.confusion(truth, predicted, 5), metrics.confusion_matrix(*flat))
    np.testing.assert_allclose(segmentation.iou(truth, predicted, 5), metrics.jaccard_score(*flat, average=None))
    np.testing.assert_allclose(segmentation.dice(truth, predicted, 5), metrics.f1_score(*flat, average=None))


def test_a_class_that_is_nowhere_has_no_score_and_one_that_is_on_one_side_has_0():
    truth, predicted = np.array([[0, 0, 1, 3]]), np.array([[0, 2, 1, 0]])
    np.testing.assert_allclose(segmentation.iou(truth, predicted, 5), [1 / 3, 1, 0, 0, np.nan])
    np.testing.assert_allclose(segmentation.dice(truth, predicted, 5), [1 / 2, 1, 0, 0, np.nan])


def test_bytes_do_not_overflow_in_the_confusion():
    truth = np.full((30, 30), 20, "uint8")
    assert segmentation.confusion(truth, truth, 21)[20, 20] == 900


@pytest.mark.parametrize(
    ("truth", "predicted", "error", "words"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 5), int), ValueError, r"\(4, 4\).*\(4, 5\)"),
        (np.full((4, 4), 255), np.zeros((4, 4), int), ValueError, "la vérité contient 255"),
        (np.zeros((4, 4), int), np.full((4, 4), -1), ValueError, "la prédiction contient -1"),
        (np.zeros((4, 4), int), np.zeros((4, 4)), TypeError, "prédiction.*float64.*argmax"),
        (np.zeros((4, 4), bool), np.zeros((4, 4), int), TypeError, "vérité.*bool"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused_in_words(truth, predicted, error, words):
    for measure in (segmentation.confusion, segmentation.iou, segmentation.dice):
        with pytest.raises(error, match=words):
            measure(truth, predicted, 3)


def test_the_boundary_score_of_a_square_moved_sideways_is_that_counted_by_hand():
    truth = np.zeros((30, 30), bool)
    truth[10:20, 10:20] = True  # its edge has 36 pixels
    moved = np.roll(truth, 3, axis=1)
    assert segmentation.boundary_f_score(truth, truth, 0) == 1
    # Within 0 pixel: 7 columns of the two rows are common, that is 14 pixels of 36 on both sides.
    assert segmentation.boundary_f_score(truth, moved, 0) == pytest.approx(14 / 36)
    assert segmentation.boundary_f_score(truth, moved, 3) == 1
    # Within 2 pixels: 9 of the 10 columns of the two rows, and the ends of the side at column 19, under the moved rows.
    assert segmentation.boundary_f_score(truth, moved, 2) == pytest.approx((2 * 9 + 2 * 2) / 36)


def _naive_boundary(truth, predicted, tolerance):
    def edge(mask):
        inside = [
            (row, column)
            for row, column in zip(*np.nonzero(mask))
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and not mask[r, c]
        ]
        return np.array(sorted(set(inside)))

    one, other = edge(truth), edge(predicted)
    gaps = np.sqrt(((one[:, None] - other[None]) ** 2).sum(-1))
    recall, precision = ((gaps.min(axis=axis) <= tolerance).mean() for axis in (1, 0))
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("tolerance", [0, 1, 2.5])
def test_the_boundary_score_is_that_of_a_naive_loop_over_all_pairs_of_pixels(tolerance):
    rng = RNG(0)
    truth, predicted = (ndimage.gaussian_filter(rng.normal(size=(40, 50)), 3) > 0 for _ in range(2))
    ours = segmentation.boundary_f_score(truth, predicted, tolerance)
    assert ours == pytest.approx(_naive_boundary(truth, predicted, tolerance))


def test_masks_without_an_edge_have_a_defined_boundary_score():
    empty, full = np.zeros((8, 8), bool), np.ones((8, 8), bool)
    square = empty.copy()
    square[2:5, 2:5] = True
    assert segmentation.boundary_f_score(empty, empty) == segmentation.boundary_f_score(full, full) == 1
    assert segmentation.boundary_f_score(empty, square) == segmentation.boundary_f_score(square, empty) == 0
    assert segmentation.boundary_f_score(square, np.roll(square, 8, axis=0), 0) == 1


@pytest.mark.parametrize(
    ("truth", "predicted", "tolerance", "error", "words"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 4), bool), 2, TypeError, "booléens.*int64"),
        (np.zeros((4, 4), bool), np.zeros((4, 5), bool), 2, ValueError, r"\(4, 4\) et \(4, 5\)"),
        (np.zeros((1, 4, 4), bool), np.zeros((1, 4, 4), bool), 2, ValueError, r"\(H, L\)"),
        (np.zeros((4, 4), bool), np.zeros((4, 4), bool), -1, ValueError, "tolérance.*reçu -1"),
    ],
)
def test_boundaries_that_cannot_be_compared_are_refused(truth, predicted, tolerance, error, words):
    with pytest.raises(error, match=words):
        segmentation.boundary_f_score(truth, predicted, tolerance)


# ── RoIAlign ──


def naive_roi_align(features, box, size, samples):
    """The definition, with loops: the mean of bilinear readings; a point outside reads the nearest border."""
    height, width, channels = features.shape
    found = np.zeros((size, size, channels))
    x1, y1, x2, y2 = box
    for i in range(size):
        for j in range(size):
            for a in range(samples):
                for b in range(samples):
                    y = y1 + (y2 - y1) * (i + (a + 0.5) / samples) / size - 0.5  # the centre of pixel 0 is at 0.5
                    x = x1 + (x2 - x1) * (j + (b + 0.5) / samples) / size - 0.5
                    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
                    top, left = int(y), int(x)
                    down, right = min(top + 1, height - 1), min(left + 1, width - 1)
                    fy, fx = y - top, x - left
                    found[i, j] += (
                        (1 - fy) * ((1 - fx) * features[top, left] + fx * features[top, right])
                        + fy * ((1 - fx) * features[down, left] + fx * features[down, right])
                    ) / samples**2
    return found


BOXES = np.array([[1.3, 2.2, 7.9, 6.1], [0, 0, 12, 10], [-3, 4, 5, 14], [3.1, 3.2, 3.4, 3.9]])


@pytest.mark.parametrize(("size", "samples"), [(1, 1), (3, 2), (7, 2), (2, 3)])
def test_roi_align_is_the_definition_written_with_loops(size, samples):
    features = RNG(0).normal(size=(2, 10, 12, 3)).astype("float32")
    images = np.array([0, 1, 1, 0])
    ours = segmentation.roi_align(features, BOXES, images, size=size, samples=samples)
    for found, box, image in zip(np.asarray(ours), BOXES, images):
        np.testing.assert_allclose(found, naive_roi_align(features[image], box, size, samples), atol=1e-5)


def test_roi_align_of_an_affine_image_gives_its_value_at_the_centre_of_each_cell():
    y, x = np.indices((20, 24)) + 0.5
    features = (3 * x - 2 * y + 5)[None, ..., None].astype("float32")
    x1, y1, x2, y2 = box = (4.3, 3.7, 18.9, 15.2)
    centres = [(np.arange(5) + 0.5) / 5 * (last - first) + first for first, last in ((x1, x2), (y1, y2))]
    expected = 3 * centres[0][None, :] - 2 * centres[1][:, None] + 5
    for stride, samples in ((1, 1), (1, 2), (8, 2)):
        found = segmentation.roi_align(features, np.array([box]) * stride, size=5, stride=stride, samples=samples)
        np.testing.assert_allclose(np.asarray(found)[0, ..., 0], expected, rtol=1e-5)


def test_roi_align_of_the_whole_image_cut_as_the_pixels_is_the_image():
    features = RNG(0).random((1, 6, 6, 2), "float32")
    whole = segmentation.roi_align(features, [[0, 0, 6, 6]], size=6, samples=1)
    np.testing.assert_allclose(whole, features, atol=1e-6)


def test_roi_align_is_that_of_tensorflow_with_one_sample():
    features = RNG(1).random((2, 16, 18, 3), "float32")
    boxes, images = np.array([[2.0, 3, 11, 12.5], [4.5, 1, 17, 9]]), np.array([1, 0])
    size = 7
    half = (boxes[:, 2:] - boxes[:, :2]) / size / 2  # crop_and_resize reads from the first centre to the last
    first, last = boxes[:, :2] + half - 0.5, boxes[:, 2:] - half - 0.5
    scale = [17, 15]
    theirs = np.concatenate([(first / scale)[:, ::-1], (last / scale)[:, ::-1]], axis=1)
    expected = tf.image.crop_and_resize(features, theirs, images, (size, size))
    ours = segmentation.roi_align(features, boxes, images, size=size, samples=1)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_the_gradient_of_roi_align_goes_to_the_pixels_read():
    features = tf.Variable(RNG(0).random((1, 8, 8, 1), "float32"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(segmentation.roi_align(features, [[2, 2, 5, 5]], size=3))
    gradient = tf.convert_to_tensor(tape.gradient(total, features))[0, ..., 0].numpy()
    assert gradient.sum() == pytest.approx(9) and (gradient[2:5, 2:5] > 0).all()
    assert (gradient[6:] == 0).all() and (gradient[:, 6:] == 0).all()


def test_no_box_gives_no_crop():
    features = np.zeros((1, 8, 8, 5), "float32")
    assert segmentation.roi_align(features, np.zeros((0, 4))).shape == (0, 7, 7, 5)
    assert segmentation.paste(np.zeros((0, 7, 7)), np.zeros((0, 4)), (6, 8)).shape == (0, 6, 8)


@pytest.mark.parametrize(
    ("features", "boxes", "images", "options", "words"),
    [
        (np.zeros((8, 8, 1)), [[0, 0, 4, 4]], None, {}, r"\(N, H, L, C\).*\[None\]"),
        (np.zeros((1, 8, 8, 1)), [[0, 0, 4, 4]], [1], {}, r"de 0 à 0.*\[1\]"),
        (np.zeros((1, 8, 8, 1)), [[0, 0, 4, 4]], [0, 0], {}, "rang de son image"),
        (np.zeros((1, 8, 8, 1)), [[4, 0, 4, 4]], None, {}, "est vide"),
        (np.zeros((1, 8, 8, 1)), [[0, 0, 4, 4]], None, {"size": 0}, "size=0"),
        (np.zeros((1, 8, 8, 1)), [[0, 0, 4, 4]], None, {"stride": 0}, "stride=0"),
    ],
)
def test_roi_align_refuses_what_it_cannot_read(features, boxes, images, options, words):
    with pytest.raises(ValueError, match=words):
        segmentation.roi_align(features, boxes, images, **options)


def test_a_mask_pasted_in_whole_pixels_is_there_and_nowhere_else():
    mask = RNG(0).random((1, 4, 4)).astype("float32")
    pasted = segmentation.paste(mask, [[3, 2, 7, 6]], (10, 12))
    np.testing.assert_allclose(pasted[0, 2:6, 3:7], mask[0], atol=1e-6)
    assert pasted.sum() == pytest.approx(mask.sum(), rel=1e-5)


def test_a_mask_pasted_larger_is_the_one_opencv_enlarges():
    mask = RNG(0).random((1, 7, 7)).astype("float32")
    pasted = segmentation.paste(mask, [[2, 5, 30, 26]], (32, 40))
    np.testing.assert_allclose(pasted[0, 5:26, 2:30], cv2.resize(mask[0], (28, 21)), atol=1e-5)


def test_a_disc_read_by_roi_align_and_pasted_back_is_itself():
    disc = discs((20, 18, 12)) > 0
    box = [[6, 8, 31, 33]]
    read = np.asarray(segmentation.roi_align(disc[None, ..., None].astype("float32"), box, size=28))[..., 0]
    back = segmentation.paste(read, box, disc.shape)[0] > 0.5
    assert (back & disc).sum() / (back | disc).sum() > 0.95


def test_masks_that_do_not_go_with_their_boxes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 7, 7\) pour 1 boîtes"):
        segmentation.paste(np.zeros((2, 7, 7)), [[0, 0, 4, 4]], (8, 8))


# ── Targets ──


def test_the_two_nearest_objects_are_those_of_a_naive_loop():
    instances = discs((10, 10, 5), (10, 21, 5), (30, 15, 6))
    distances = [
        np.sqrt(((np.indices((40, 40)).reshape(2, -1, 1) - np.argwhere(instances == k).T[:, None]) ** 2).sum(0)).min(1)
        for k in (1, 2, 3)
    ]
    expected = np.sort(distances, axis=0)[:2].reshape(2, 40, 40)
    np.testing.assert_allclose(segmentation.two_nearest(instances), expected, atol=1e-3)


def test_a_border_is_drawn_between_objects_that_touch_and_not_around_those_alone():
    instances = np.zeros((12, 20), "int32")
    instances[2:8, 2:6], instances[2:8, 6:10], instances[2:8, 15:19] = 1, 2, 3
    target = segmentation.border_targets(instances, reach=1)
    expected = (instances > 0).astype("int64")
    expected[2:8, 5:7] = 2  # the two columns whose pixels touch the other object
    np.testing.assert_array_equal(target, expected)
    assert set(np.unique(segmentation.border_targets(instances, reach=3)[:, 15:])) == {0, 1}


def test_the_weights_are_those_of_equation_2():
    instances = np.zeros((5, 9), "int32")
    instances[:, :3], instances[:, 6:] = 1, 2
    weights = segmentation.border_weights(instances)
    assert weights.dtype == np.float32 and (weights[:, [0, 1, 2, 6, 7, 8]] == 1).all()
    np.testing.assert_allclose(weights[2, 3:6], 1 + 10 * np.exp(-(4**2) / (2 * 5**2)), rtol=1e-5)  # 1 + 3, 2 + 2, 3 + 1


def test_a_picture_with_one_object_or_none_has_no_border():
    for instances in (np.zeros((6, 6), int), discs((20, 20, 8))):
        np.testing.assert_array_equal(segmentation.border_targets(instances), instances > 0)
        assert (segmentation.border_weights(instances) == 1).all()


# ── From maps to objects ──


def same_partition(one, other):
    """Whether two maps of instances differ only by their numbers."""
    overlap = segmentation.mask_iou(one, other)
    return overlap.shape[0] == overlap.shape[1] and np.allclose(overlap.max(axis=1), 1)


def test_otsu_finds_bright_discs_apart_whatever_their_light():
    instances = discs((8, 8, 5), (30, 12, 6), (20, 30, 7))
    image = np.where(instances > 0, 0.6, 0.1) + RNG(0).normal(0, 0.02, instances.shape)
    for picture in (image.astype("float32"), np.round(image * 255).astype("uint8")):
        assert same_partition(segmentation.otsu_components(picture), instances)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3)), r"\(4, 4, 3\)"),
        (np.full((4, 4), 0.5), "unie"),
        (np.full((4, 4), 128.0), "entre 0 et 1"),
    ],
)
def test_otsu_refuses_what_it_cannot_cut(image, words):
    with pytest.raises(ValueError, match=words):
        segmentation.otsu_components(image)


def test_the_distance_parts_two_discs_that_touch_where_components_see_one():
    truth = discs((20, 12, 8), (20, 26, 8))
    mask = truth > 0
    assert ndimage.label(mask)[1] == 1
    found = segmentation.split_by_distance(mask)
    assert found.max() == 2 and segmentation.panoptic_quality(truth, found)["SQ"] > 0.95


def test_a_disc_cut_by_the_border_of_the_image_is_one_object():
    assert segmentation.split_by_distance(discs((0, 20, 9)) > 0).max() == 1


def test_objects_come_back_from_their_own_targets():
    truth = discs((10, 10, 7), (10, 23, 7), (29, 20, 8))
    found = segmentation.split_by_borders(np.eye(3)[segmentation.border_targets(truth)])
    assert found.dtype == np.int32 and segmentation.panoptic_quality(truth, found)["PQ"] > 0.93


def test_the_nuclei_come_back_from_their_own_targets_but_for_one_or_two():
    nuclei = datasets.nuclei().instances
    found = segmentation.split_by_borders(np.eye(3)[segmentation.border_targets(nuclei)])
    measure = segmentation.panoptic_quality(nuclei, found)
    assert measure["TP"] >= 123 and measure["SQ"] > 0.97


def test_nothing_gives_no_object():
    empty = np.zeros((9, 9), bool)
    maps = np.eye(3)[np.zeros((9, 9), int)]
    for found in (segmentation.split_by_distance(empty), segmentation.split_by_borders(maps)):
        assert found.shape == (9, 9) and found.dtype == np.int32 and not found.any()


def test_small_objects_go_and_the_others_are_numbered_again():
    instances = np.array([[7, 7, 0, 2], [7, 0, 0, 9], [0, 0, 9, 9]])
    np.testing.assert_array_equal(segmentation.drop_small(instances, 3), [[1, 1, 0, 0], [1, 0, 0, 2], [0, 0, 2, 2]])
    assert not segmentation.drop_small(np.zeros((3, 3), int), 1).any()


def test_the_mean_in_each_object_is_in_the_order_of_the_labels():
    instances = np.array([[7, 7, 0], [2, 0, 2]])
    values = np.array([[1.0, 2, 9], [5, 9, 7]])
    np.testing.assert_allclose(segmentation.mean_in(instances, values), [6, 1.5])
    assert segmentation.mean_in(np.zeros((2, 3), int), values).shape == (0,)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 3\)"):
        segmentation.mean_in(instances, np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: segmentation.split_by_distance(np.zeros((4, 4), int)), TypeError, "booléens.*int64"),
        (lambda: segmentation.split_by_distance(np.zeros((1, 4, 4), bool)), ValueError, r"\(1, 4, 4\)"),
        (lambda: segmentation.split_by_borders(np.zeros((4, 4, 2))), ValueError, "fond, intérieur, bord"),
        (lambda: segmentation.split_by_borders(np.ones((4, 4, 3))), ValueError, "softmax"),
        (lambda: segmentation.border_targets(np.zeros((4, 4))), TypeError, "float64"),
        (lambda: segmentation.border_targets(np.zeros((1, 4, 4), int)), ValueError, "une à une"),
        (lambda: segmentation.border_weights(np.full((4, 4), -1)), ValueError, "reçu -1"),
        (lambda: segmentation.drop_small(np.zeros((4, 4), bool), 3), TypeError, "bool"),
    ],
)
def test_maps_of_another_kind_are_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ── Measures of maps of instances ──


def test_the_iou_of_masks_is_that_of_scikit_learn():
    truth, predicted = RNG(2).integers(0, 4, (2, 12, 15)) * 3  # labels 3, 6, 9: with gaps
    expected = [
        [metrics.jaccard_score((truth == i).ravel(), (predicted == j).ravel()) for j in (3, 6, 9)] for i in (3, 6, 9)
    ]
    np.testing.assert_allclose(segmentation.mask_iou(truth, predicted), expected)


def test_the_iou_with_no_object_is_an_empty_table():
    empty, one = np.zeros((5, 5), int), discs((2, 2, 1), size=5)
    assert segmentation.mask_iou(empty, one).shape == (0, 1) and segmentation.mask_iou(one, empty).shape == (1, 0)


def squares():
    """Truth and prediction, counted by hand: IoU 1 and 0.6, one missed (IoU 0.5 is not above 0.5), one invented."""
    truth, predicted = np.zeros((2, 10, 40), "int32")
    truth[0:4, 0:5], predicted[0:4, 0:5] = 1, 4
    truth[0:4, 10:18], predicted[0:4, 12:20] = 2, 3  # 6 columns of 10: 0.6
    truth[6:8, 0:6], predicted[6:8, 2:8] = 3, 2  # 4 columns of 8: 0.5
    return truth, predicted


def test_panoptic_quality_is_that_counted_by_hand():
    found = segmentation.panoptic_quality(*squares())
    assert (found["TP"], found["FP"], found["FN"]) == (2, 1, 1)
    assert found["SQ"] == pytest.approx(0.8) and found["RQ"] == pytest.approx(2 / 3)
    assert found["PQ"] == pytest.approx((1 + 0.6) / (2 + 0.5 + 0.5))  # equation 1, in one go


def test_panoptic_quality_is_defined_for_empty_masks():
    empty, one = np.zeros((9, 9), int), discs((4, 4, 3), size=9)
    assert segmentation.panoptic_quality(one, one)["PQ"] == 1
    for pair, counts in (((one, empty), (0, 0, 1)), ((empty, one), (0, 1, 0))):
        found = segmentation.panoptic_quality(*pair)
        assert (found["PQ"], found["SQ"], found["RQ"]) == (0, 0, 0)
        assert (found["TP"], found["FP"], found["FN"]) == counts
    nothing = segmentation.panoptic_quality(empty, empty)
    assert all(np.isnan(nothing[name]) for name in ("PQ", "SQ", "RQ"))


def test_objects_cut_and_run_together_are_counted():
    truth = np.zeros((10, 30), "int32")
    truth[:, 0:8], truth[:, 10:14], truth[:, 14:18], truth[:, 20:28] = 1, 2, 3, 4
    found = np.zeros_like(truth)
    found[:, 0:4], found[:, 4:8], found[:, 10:18], found[:, 21:29] = 1, 2, 3, 4
    assert segmentation.splits_and_merges(truth, found) == {"splits": 1, "merges": 1}
    assert segmentation.splits_and_merges(found, truth) == {"splits": 1, "merges": 1}  # one is the other's converse
    assert segmentation.splits_and_merges(truth, truth) == {"splits": 0, "merges": 0}
    assert segmentation.splits_and_merges(truth, np.zeros_like(truth)) == {"splits": 0, "merges": 0}


def test_average_precision_is_that_counted_by_hand():
    truth, predicted = squares()
    # Confidences in the order of the labels 2, 3, 4: the square found exactly comes first, the invented one second.
    found = segmentation.mask_map([truth], [predicted], [[0.8, 0.7, 0.9]])
    # At 0.5: IoU 1 is right, 0.5 is right too (COCO wants 0.5 or more), 0.6 as well: precision 1 at every recall.
    assert found["AP50"] == pytest.approx(1)
    # At 0.75 only the first is right, at a recall of a third: 34 of the 101 recall levels have precision 1.
    assert found["AP75"] == pytest.approx(34 / 101)


def test_average_precision_is_that_of_boxes_for_masks_that_fill_their_boxes():
    from labs import boxes, scenes

    rng = RNG(0)
    corners = np.array([(y, x) for y in range(2, 90, 22) for x in range(2, 90, 22)])
    truth, predicted = np.zeros((2, 96, 96), "int32")
    for label, (y, x) in enumerate(corners, start=1):
        truth[y : y + 14, x : x + 16] = label
        dy, dx = rng.integers(-1, 4, 2)
        predicted[max(0, y + dy) : y + dy + 14, max(0, x + dx) : x + dx + 16] = label
    scores = rng.random(len(corners))
    found = segmentation.mask_map([truth], [predicted], [scores])
    sides = [scenes.visible_boxes(given, len(corners)) for given in (truth, predicted)]
    zeros = np.zeros(len(corners), "int64")
    expected = boxes.coco_map([(sides[0], zeros)], [(sides[1], scores, zeros)])
    assert 0.2 < found["AP"] < 0.9
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9)


def test_more_than_a_hundred_objects_all_count():
    truth = np.zeros((120, 120), "int32")
    truth.reshape(12, 10, 12, 10)[:, 1:9, :, 1:9] = np.arange(1, 145).reshape(12, 1, 12, 1)
    assert segmentation.mask_map([truth], [truth])["AP"] == pytest.approx(1)


def test_average_precision_without_a_prediction_is_0_and_without_a_truth_is_refused():
    one, empty = discs((4, 4, 3), size=9), np.zeros((9, 9), "int32")
    assert segmentation.mask_map([one], [empty]) == {"AP": 0, "AP50": 0, "AP75": 0}
    with pytest.raises(ValueError, match="aucun objet"):
        segmentation.mask_map([empty], [one])


@pytest.mark.parametrize(
    ("truth", "predicted", "scores", "words"),
    [
        ([discs((4, 4, 3), size=9)], [], None, "reçu 1, 0 et aucun"),
        ([discs((4, 4, 3), size=9)], [discs((4, 4, 3), size=9)], [[0.5, 0.6]], "1 objets prédits"),
        ([discs((4, 4, 3), size=9)], [discs((4, 4, 3), size=9)], [[np.nan]], "finis"),
        ([discs((4, 4, 3), size=9)], [discs((4, 4, 3), size=10)], None, r"\(9, 9\).*\(10, 10\)"),
    ],
)
def test_average_precision_refuses_what_does_not_match(truth, predicted, scores, words):
    with pytest.raises(ValueError, match=words):
        segmentation.mask_map(truth, predicted, scores)


@pytest.mark.parametrize(
    "measure", [segmentation.mask_iou, segmentation.panoptic_quality, segmentation.splits_and_merges]
)
def test_instances_that_cannot_be_compared_are_refused(measure):
    one = discs((4, 4, 3), size=9)
    with pytest.raises(ValueError, match=r"\(9, 9\).*\(9, 8\)"):
        measure(one, one[:, :8])
    with pytest.raises(TypeError, match="float64"):
        measure(one, one.astype("float64"))
    with pytest.raises(ValueError, match="reçu -1"):
        measure(one, one - 1)
