import functools

import numpy as np
import pytest

from labs import boxes, drise, explain, yolo

IMAGE = np.random.default_rng(0).random((40, 60, 3), dtype="float32") / 2 + 0.5
BOX = np.array([[20.0, 10.0, 40.0, 30.0]], "float32")


def reads(region, box=BOX[0], probabilities=(0.9, 0.1, 0.0)):
    """A detector whose objectness is the mean of a region of the image; box and classes are always the same."""
    left, top, right, bottom = region

    def detect(images):
        return [
            drise.Proposals(box[None], np.array([probabilities]), np.array([one[top:bottom, left:right].mean()]))
            for one in images
        ]

    return detect


def nothing(images):
    return [drise.Proposals(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros(0)) for _ in images]


def random_proposals(rng, count):
    corners = rng.random((count, 2)) * (40, 20)
    places = np.concatenate([corners, corners + 3 + rng.random((count, 2)) * 17], axis=1)
    return drise.Proposals(places, rng.random((count, 3)), rng.random(count))


# ── Similarity ──


def test_the_similarity_is_iou_times_cosine_times_the_objectness_of_the_proposal():
    rng = np.random.default_rng(1)
    ours, theirs = random_proposals(rng, 3), random_proposals(rng, 5)
    got = drise.similarity(ours, theirs)
    for t in range(3):
        for p in range(5):
            a, b = ours.boxes[t], theirs.boxes[p]
            width, height = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
            areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
            overlap = width * height / (sum(areas) - width * height)
            u, v = ours.probabilities[t], theirs.probabilities[p]
            cosine = sum(u * v) / (sum(u**2) * sum(v**2)) ** 0.5
            assert got[t, p] == pytest.approx(overlap * cosine * theirs.objectness[p], abs=1e-5)
    assert drise.best_similarity(ours, theirs) == pytest.approx(got.max(axis=1))


def test_a_proposal_is_like_itself_as_much_as_it_is_an_object_and_nothing_is_like_nothing():
    some = random_proposals(np.random.default_rng(2), 4)
    assert np.diag(drise.similarity(some, some)) == pytest.approx(some.objectness, abs=1e-5)
    (empty,) = nothing([0])
    assert drise.similarity(some, empty).shape == (4, 0)
    assert np.array_equal(drise.best_similarity(some, empty), np.zeros(4))


def test_a_detector_without_objectness_counts_as_sure_of_it():
    some = drise.target(BOX, [1], 3)
    assert drise.similarity(some, some) == pytest.approx(1, abs=1e-6)


def test_the_detections_of_yolo_can_be_targets_and_proposals():
    found = yolo.Detections(BOX, np.array([0.6]), np.array([1]), np.array([[0.1, 0.75, 0.2]]))
    assert drise.similarity(found, found) == pytest.approx(0.6 / 0.75, abs=1e-5)


# ── Maps ──


def test_the_map_is_that_of_a_naive_loop():
    targets = drise.Proposals(np.concatenate([BOX, BOX + 5]), np.eye(3)[[0, 1]])

    def detect(images):
        return [random_proposals(np.random.default_rng(int(1e6 * one.mean())), 4) for one in images]

    expected = np.zeros((2, 40, 60))
    for mask in explain.random_masks((40, 60), 30, 8, 0.6, seed=4):
        (proposals,) = detect(mask[None, ..., None] * IMAGE)
        for t in range(2):
            weights = boxes.iou(targets.boxes[[t]], proposals.boxes)[0]
            weights = weights * proposals.probabilities[:, t] / np.linalg.norm(proposals.probabilities, axis=1)
            expected[t] += max(weights * proposals.objectness) * mask / (30 * 0.6)
    for size in (1, 7, 64):
        got = drise.drise(detect, IMAGE, targets, masks=30, cells=8, keep=0.6, seed=4, batch_size=size)
        assert got.shape == (2, 40, 60) and got == pytest.approx(expected, abs=1e-4)


def test_the_map_shows_what_the_detector_reads_and_not_its_box():
    region = (45, 5, 55, 15)
    heat = drise.drise(reads(region), IMAGE, drise.target(BOX, [0], 3), masks=1500, cells=8)[0]
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 42 <= column <= 58 and 2 <= row <= 18
    assert not drise.pointing(heat[None], BOX)[0]
    assert drise.pointing(heat[None], np.array([[42, 2, 58, 18]]))[0]


def test_a_good_map_has_a_small_area_of_deletion_and_a_large_one_of_insertion():
    detect, targets = reads((20, 10, 40, 30)), drise.target(BOX, [0], 3)
    heat = drise.drise(detect, IMAGE, targets, masks=300, cells=8)
    deleted, small = drise.deletion(detect, IMAGE, targets, heat, steps=20, baseline=0.0)
    assert deleted.shape == (1, 21) and small.shape == (1,)
    whole = IMAGE[10:30, 20:40].mean() * 0.9 / np.hypot(0.9, 0.1)
    assert deleted[0, [0, -1]] == pytest.approx([whole, 0], abs=1e-4)
    assert small < drise.deletion(detect, IMAGE, targets, -heat, steps=20, baseline=0.0)[1] - 0.1
    inserted, _ = drise.insertion(detect, IMAGE, targets, heat, steps=20)
    assert inserted[0, -1] == pytest.approx(whole, abs=1e-4)


def test_energy_is_the_share_of_the_map_in_the_box():
    heat = np.full((2, 40, 60), 2.0)
    heat[0, 10:30, 20:40] = 3
    heat[1, :, :30] = 4
    assert drise.energy(heat, np.repeat(BOX, 2, axis=0)) == pytest.approx([1, 200 / 1200])
    assert drise.pointing(heat, np.repeat(BOX, 2, axis=0)).tolist() == [True, False]


def test_yolo_looks_at_the_object_that_it_detects():
    model = yolo.yolov4_tiny(size=224)
    from labs import datasets

    image = datasets.photo("cafe", size=224)
    detect = functools.partial(yolo.detect, model, score_threshold=0.05)
    found = yolo.detect(model, [image])[0]
    best = yolo.Detections(*(field[:1] for field in found))
    heat = drise.drise(detect, image, best, masks=40, cells=8, batch_size=16)
    assert drise.energy(heat, best.boxes)[0] > boxes.iou(best.boxes, [[0, 0, 224, 224]])[0, 0]


# ── Errors ──


@pytest.mark.parametrize(
    ("image", "kind", "words"),
    [
        (IMAGE[None], ValueError, "une seule image"),
        (IMAGE[..., 0], ValueError, "couleurs"),
        (IMAGE * 255, ValueError, "\\[0, 1\\]"),
        ((IMAGE * 255).astype("uint8"), TypeError, "divisez par 255"),
    ],
)
def test_an_image_of_another_form_is_refused(image, kind, words):
    targets = drise.target(BOX, [0], 3)
    with pytest.raises(kind, match=words):
        drise.drise(nothing, image, targets)
    with pytest.raises(kind, match=words):
        drise.deletion(nothing, image, targets, np.zeros((1, 40, 60)))


def test_no_detection_to_explain_is_said_before_any_call():
    (empty,) = nothing([0])
    with pytest.raises(ValueError, match="Aucune cible.*drise.target"):
        drise.drise(None, IMAGE, empty)


def test_a_target_that_nothing_overlaps_is_said():
    with pytest.raises(ValueError, match="cible de rang 0.*seuil"):
        drise.drise(nothing, IMAGE, drise.target(BOX, [0], 3), masks=5)
    away = drise.target(np.concatenate([BOX, [[50, 30, 60, 40]]]), [0, 0], 3)
    with pytest.raises(ValueError, match="rang 1"):
        drise.drise(reads((0, 0, 60, 40)), IMAGE, away, masks=5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: drise.target(BOX[0], [0], 3), "N, 4"),
        (lambda: drise.target(BOX[:, [2, 1, 0, 3]], [0], 3), "inversée"),
        (lambda: drise.target(BOX, [3], 3), "de 0 à 2"),
        (lambda: drise.target(BOX, [0, 1], 3), "par boîte"),
        (lambda: drise.target(BOX, ["chat"], 3), "par boîte"),
        (lambda: drise.similarity(drise.target(BOX, [0], 3), drise.target(BOX, [0], 80)), "3 classes.*80"),
        (lambda: drise.drise(lambda i: [], IMAGE, drise.target(BOX, [0], 3), masks=3), "un par image"),
        (lambda: drise.drise(nothing, IMAGE, drise.target(BOX, [0], 3), masks=0), "masks"),
        (lambda: drise.deletion(nothing, IMAGE, drise.target(BOX, [0], 3), np.zeros((2, 40, 60))), "par cible"),
        (lambda: drise.insertion(nothing, IMAGE, drise.target(BOX, [0], 3), np.zeros((1, 4, 6))), "valeur par pixel"),
    ],
)
def test_what_cannot_be_done_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()
