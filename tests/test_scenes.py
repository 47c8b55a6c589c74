import numpy as np
import pytest
from scipy import ndimage

from labs import datasets, scenes


@pytest.fixture(scope="module")
def garments():
    return scenes.compose(60, seed=3)


@pytest.fixture(scope="module")
def mixed():
    return scenes.compose(40, (*scenes.GARMENTS, *scenes.DIGITS, *scenes.SIGNS), seed=4, split="test")


@pytest.fixture(scope="module")
def moving():
    return scenes.sequence(90, size=128, objects=8, seed=0)


def bounds(mask):
    """x1, y1, x2, y2 of what is true, found pixel by pixel."""
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


# ── What a scene holds ──


@pytest.mark.parametrize("name", ["garments", "mixed"])
def test_each_box_is_the_smallest_around_what_is_seen_of_its_object(name, request):
    made = request.getfixturevalue(name)
    assert made.images.shape == (*made.instances.shape, 3) and made.images.dtype == made.instances.dtype == np.uint8
    for boxes, classes, visibility, instances in zip(made.boxes, made.classes, made.visibility, made.instances):
        labels = list(range(1, len(boxes) + 1))
        assert np.unique(np.append(0, instances)).tolist() == [0, *labels]
        assert boxes.tolist() == [bounds(instances == label) for label in labels]
        assert (boxes.dtype, classes.dtype, visibility.dtype) == (np.float32, np.int64, np.float32)
        assert len(boxes) == len(classes) == len(visibility)
        assert (visibility >= scenes.LEAST_VISIBLE).all() and (visibility <= 1).all()
        assert (classes < len(made.class_names)).all()


def test_the_boxes_of_a_label_map_are_those_of_scipy():
    labels = np.random.default_rng(0).integers(0, 5, (40, 3, 3)).repeat(7, 1).repeat(5, 2).astype("uint8")
    for instances in labels:
        found = ndimage.find_objects(instances, max_label=6)
        expected = [[s[1].start, s[0].start, s[1].stop, s[0].stop] if s else [0] * 4 for s in found]
        assert scenes.visible_boxes(instances, 6).tolist() == expected


def test_what_nothing_covers_and_no_border_cuts_is_seen_whole(garments):
    whole = []
    for boxes, visibility, instances in zip(garments.boxes, garments.visibility, garments.instances):
        x1, y1, x2, y2 = boxes[-1]  # the last one is on top
        if min(x1, y1) > 0 and max(x2, y2) < instances.shape[0]:
            whole.append(visibility[-1])
    assert len(whole) > 30 and set(whole) == {1.0}


def test_a_round_sign_seen_whole_fills_pi_quarters_of_its_box_and_is_red_and_nothing_else_is():
    made = scenes.compose(60, ("sens interdit",), objects=(1, 2), size=160, seed=5)
    shares, redder = [], []
    for image, boxes, visibility, instances in zip(made.images, made.boxes, made.visibility, made.instances):
        colors = image.astype(float)
        red = colors[..., 0] - colors[..., 1:].mean(-1)
        for label in np.flatnonzero(visibility == 1) + 1:
            x1, y1, x2, y2 = boxes[label - 1].astype(int)
            shares.append((instances == label).sum() / ((x2 - x1) * (y2 - y1)))
        inside = ndimage.binary_erosion(instances > 0, iterations=2)
        near, far = (ndimage.binary_dilation(instances > 0, iterations=reach) for reach in (3, 8))
        redder.append(red[inside].mean() > red[far & ~near].mean() + 5)
    assert np.array(shares) == pytest.approx(np.pi / 4, abs=0.03)
    assert np.mean(redder) > 0.9  # a red cup may lie around


def test_scenes_have_overlaps_borders_and_every_size_and_number_announced(garments):
    counts = [len(boxes) for boxes in garments.boxes]
    assert set(counts) == set(range(1, 9))
    boxes, visibility = np.concatenate(garments.boxes), np.concatenate(garments.visibility)
    assert 0.15 < np.mean(visibility < 0.95) < 0.7
    longer = (boxes[:, 2:] - boxes[:, :2]).max(1)[visibility == 1]
    assert longer.min() < 0.2 * 128 and longer.max() > 0.45 * 128
    assert np.bincount(np.concatenate(garments.classes), minlength=10).min() > 10


def test_as_many_objects_as_asked_find_a_place_and_almost_as_many_in_a_crowd():
    assert [len(boxes) for boxes in scenes.compose(20, objects=(8, 8), seed=6).boxes] == [8] * 20
    assert min(len(boxes) for boxes in scenes.compose(5, objects=(20, 20)).boxes) >= 16


def test_a_class_map_says_the_class_of_each_pixel(mixed):
    maps = scenes.class_maps(mixed)
    for found, instances, classes in zip(maps, mixed.instances, mixed.classes):
        expected = [[0 if not label else 1 + classes[label - 1] for label in row] for row in instances.tolist()]
        assert found.tolist() == expected


def test_light_and_noise_fall_on_the_objects_as_on_the_background():
    def picture(gain, noise):
        canvas = np.full((64, 64, 3), 0.4, "float32")
        canvas[:, 32:] = 0.6  # the "object"
        light = scenes.Light(np.full((64, 64, 3), gain, "float32"), noise)
        return scenes._expose(canvas, light, np.random.default_rng(0)).astype(float)

    bright = picture(1.5, 0.02)
    left, right = bright[:, :28], bright[:, 36:]
    assert left.mean() / 255 == pytest.approx(0.6, abs=0.01) and right.mean() / 255 == pytest.approx(0.9, abs=0.01)
    assert left.std() == pytest.approx(right.std(), rel=0.1) == pytest.approx(0.02 * 255, rel=0.1)


# ── Seeds and splits ──


def test_the_same_seed_gives_the_same_scenes_and_more_scenes_begin_with_the_same(garments):
    again = scenes.compose(5, seed=3)
    assert (again.images == garments.images[:5]).all() and (again.instances == garments.instances[:5]).all()
    assert all((a == b).all() for a, b in zip(again.boxes, garments.boxes))
    other = scenes.compose(5, seed=4)
    assert (other.images != again.images).mean() > 0.5


@pytest.mark.parametrize("name", datasets.PHOTOS + datasets.TEXTURES)
def test_training_and_test_backgrounds_share_no_pixel(name):
    train, test = (scenes.background_part(name, split) for split in scenes.SPLITS)
    photo = datasets.photo(name)
    assert train.shape[1] + test.shape[1] == photo.shape[1] and min(train.shape[1], test.shape[1]) > 100
    tint = np.concatenate([train, test], 1) / np.maximum(photo, 1e-6)
    assert np.ptp(tint[photo.min(-1) > 0.1], axis=0) == pytest.approx([0, 0, 0], abs=1e-4)


@pytest.mark.parametrize("split, ratio", [("train", 1.0), ("test", 3.0)])
def test_training_and_test_objects_come_from_their_own_split(split, ratio, monkeypatch):
    images = np.zeros((2, 20, 28, 28), "uint8")
    images[0, :, 4:24, 4:24] = 200  # squares for training
    images[1, :, 2:26, 10:18] = 200  # upright bars for the test
    labels = np.arange(20) % 10
    data = datasets.Dataset(images[0], labels, images[1], labels, scenes.GARMENTS)
    monkeypatch.setattr(datasets, "load", lambda name: data)
    monkeypatch.setattr(scenes, "TURN", dict.fromkeys(scenes.TURN, 0.0))
    scenes._images.cache_clear()
    try:
        made = scenes.compose(20, objects=(1, 1), split=split)
    finally:
        scenes._images.cache_clear()
    boxes = np.concatenate(made.boxes)[np.concatenate(made.visibility) == 1]
    sides = boxes[:, 2:] - boxes[:, :2]
    assert len(boxes) > 5 and sides[:, 1] / sides[:, 0] == pytest.approx(ratio, rel=0.2)


# ── Cutting out ──


def test_the_mask_of_a_garment_keeps_its_dark_patches_and_leaves_the_crumbs():
    image = np.zeros((28, 28), "uint8")
    image[4:24, 6:22] = 180
    image[10:16, 10:16] = 0  # a black print
    image[1, 1] = 90  # a crumb
    expected = np.zeros((28, 28), bool)
    expected[4:24, 6:22] = True
    assert (scenes.garment_mask(image) == expected).all()
    expected[10:16, 10:16] = False  # the handle of a bag
    assert (scenes.garment_mask(image, hollow=True) == expected).all()


def test_the_masks_of_real_garments_are_those_of_scipy_and_in_one_piece():
    data = datasets.load("fashion_mnist")
    images = data.x_test[data.y_test == scenes.GARMENTS.index("pull")][:150]
    for image in images:
        filled = ndimage.binary_fill_holes(image > 12)
        pieces, count = ndimage.label(filled, np.ones((3, 3)))
        largest = pieces == 1 + np.argmax(ndimage.sum_labels(filled, pieces, range(1, count + 1)))
        assert (scenes.garment_mask(image) == largest).all()


@pytest.mark.parametrize("name", [*scenes.GARMENTS, "3", "stop"])
def test_a_cut_out_is_never_brighter_than_its_opacity_and_its_edge_is_soft(name):
    pixels = scenes._cutout(name, "train", (0.5, 0.5, 0.5), np.random.default_rng(0)).pixels
    assert pixels.dtype == np.float32 and pixels.min() >= 0
    assert (pixels[..., :3] <= pixels[..., 3:] + 1e-5).all()
    assert ((pixels[..., 3] > 0.05) & (pixels[..., 3] < 0.95)).sum() > 10
    assert pixels[[0, -1], :, 3].max() < 0.5 and pixels[:, [0, -1], 3].max() < 0.5


# ── Sequences ──


def rows_of(sequence):
    """(frame, identity) -> (box, visibility)."""
    return {
        (t, int(row[4])): (row[:4], visible)
        for t, (rows, visibility) in enumerate(zip(sequence.tracks, sequence.visibility))
        for row, visible in zip(rows, visibility)
    }


def test_the_box_of_a_track_is_that_of_the_whole_object(moving):
    seen_whole = hidden = 0
    for (t, identity), (box, visible) in rows_of(moving).items():
        mask = moving.instances[t] == identity
        inside = box[0] > 0 and box[2] < 128
        if visible == 1:
            assert box.tolist() == bounds(mask)
            seen_whole += 1
        elif not mask.any():
            assert visible == 0
        else:
            x1, y1, x2, y2 = bounds(mask)
            assert box[0] <= x1 and box[1] <= y1 and x2 <= box[2] and y2 <= box[3]
            hidden += inside
    assert seen_whole > 100 and hidden > 20


def test_what_is_seen_is_what_the_tracks_announce(moving):
    for rows, visibility, instances in zip(moving.tracks, moving.visibility, moving.instances):
        assert set(np.unique(instances)) - {0} == set(rows[visibility > 0, 4].astype(int))
        assert len(np.unique(rows[:, 4])) == len(rows) == len(visibility)
    assert moving.frames.shape == (90, 128, 128, 3) and len(moving.tracks) == 90
    assert moving.classes.shape == (8,)


@pytest.mark.parametrize("seed", range(4))
def test_objects_enter_leave_and_cross(seed):
    made = scenes.sequence(90, size=64, objects=8, seed=seed)
    identities = [set(rows[:, 4].astype(int)) for rows in made.tracks]
    assert identities[-1] - identities[0] or any(a - b for a, b in zip(identities[1:], identities))  # somebody enters
    assert any(a - b for a, b in zip(identities, identities[1:]))  # somebody leaves
    crossings, middles = 0, [{int(r[4]): (r[0] + r[2]) / 2 for r in rows} for rows in made.tracks]
    for before, after in zip(middles, middles[1:]):
        both = sorted(before.keys() & after.keys())
        crossings += sum(
            (before[a] - before[b]) * (after[a] - after[b]) < 0 for k, a in enumerate(both) for b in both[:k]
        )
    assert crossings >= 2
    assert min(np.concatenate(made.visibility)) < 0.7  # somebody hides somebody


def test_each_object_goes_its_way_at_a_steady_speed(moving):
    for identity in range(1, 9):
        inside = [
            (t, (box[0] + box[2]) / 2)
            for (t, name), (box, _) in rows_of(moving).items()
            if name == identity and box[0] > 0 and box[2] < 128
        ]
        frames, middles = np.array(inside).T
        slope, start = np.polyfit(frames, middles, 1)
        assert abs(slope) > 1 and (slope > 0) == (identity % 2 == 1)
        assert middles == pytest.approx(start + slope * frames, abs=3)  # it turns a little on the way


def test_the_background_of_a_sequence_does_not_move(moving):
    free = (moving.instances == 0).all(0)
    free &= ~ndimage.binary_dilation(~free, iterations=12)  # away from the shadows
    values = moving.frames[:, free].astype(float)
    assert free.sum() > 500
    assert values.mean(1).std(0).max() < 0.5 and values.std(0).mean() < 0.03 * 255 + 1


def test_a_sequence_is_decided_by_its_seed(moving):
    again = scenes.sequence(90, size=128, objects=8, seed=0)
    assert (again.frames == moving.frames).all() and all((a == b).all() for a, b in zip(again.tracks, moving.tracks))


# ── Boxes alone ──


def test_a_crowd_stays_as_many_inside_the_picture_and_no_identity_comes_back():
    tracks = scenes.crowd(400, 30, seed=1)
    last_seen = {}
    for t, rows in enumerate(tracks):
        assert rows.shape == (30, 5) and rows.dtype == np.float32
        assert (rows[:, :2] >= 0).all() and (rows[:, 2] <= 1920).all() and (rows[:, 3] <= 1080).all()
        for identity in rows[:, 4]:
            assert last_seen.get(identity, t - 1) == t - 1
            last_seen[identity] = t
    assert 40 < len(last_seen) < 200
    assert [len(rows) for rows in scenes.crowd(3, 0)] == [0, 0, 0]


def test_detections_miss_invent_and_err_as_much_as_asked():
    tracks = scenes.crowd(600, 30, seed=2)
    found = scenes.imperfect_detections(tracks, missed=0.1, false=2.0, noise=0, seed=0)
    exact = [(rows[:, None, :4] == detections[None, :, :4]).all(-1).any(0) for rows, detections in zip(tracks, found)]
    assert np.concatenate(exact).sum() / (600 * 30) == pytest.approx(0.9, abs=0.01)
    assert np.mean([(~same).sum() for same in exact]) == pytest.approx(2, abs=0.2)
    noisy = scenes.imperfect_detections(tracks[:100], missed=0, false=0, noise=0.02, seed=0)
    sides = np.concatenate([np.sort(rows[:, 3] - rows[:, 1]) for rows in noisy])
    assert np.abs(sides / np.concatenate([np.sort(rows[:, 3] - rows[:, 1]) for rows in tracks[:100]]) - 1).mean() < 0.03
    assert all((rows[:, 4] > 0).all() and (rows[:, 4] < 1).all() for rows in found)


def test_what_is_hidden_scores_low_and_what_cannot_be_seen_is_not_found(moving):
    found = scenes.imperfect_detections(moving.tracks, moving.visibility, missed=0, false=0, noise=0, size=(128, 128))
    for rows, visibility, detections in zip(moving.tracks, moving.visibility, found):
        assert len(detections) == (visibility >= 0.1).sum()
        for box in detections:
            (seen,) = visibility[(rows[:, :4] == box[:4]).all(1)]
            assert box[4] == pytest.approx(0.1 + 0.8 * seen, abs=0.25)


# ── What is refused ──


@pytest.mark.parametrize(
    "options, words",
    [
        ({"count": 0}, "nombre de scènes"),
        ({"count": 2.5}, "nombre de scènes"),
        ({"size": 20}, "côté"),
        ({"objects": (0, 3)}, "plus petit"),
        ({"objects": (5, 3)}, "plus grand"),
        ({"objects": 4}, "moins, plus"),
        ({"objects": (1, 300)}, "plus grand"),
        ({"classes": ()}, "suite de noms"),
        ({"classes": "robe"}, "suite de noms"),
        ({"classes": ("robe", "voiture")}, "voiture"),
        ({"classes": ("robe", "robe")}, "répétées"),
        ({"split": "validation"}, "train"),
        ({"seed": -1}, "graine"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        scenes.compose(**{"count": 1, **options})


@pytest.mark.parametrize("options", [{"frames": 0}, {"objects": 0}, {"objects": 51}, {"size": 1.5}, {"split": ""}])
def test_a_sequence_that_cannot_be_is_refused_in_words(options):
    with pytest.raises(ValueError, match="Attendu|partie"):
        scenes.sequence(**options)


@pytest.mark.parametrize("options", [{"missed": 1.5}, {"false": -1}, {"noise": 0.5}, {"visibility": [[1.0]]}])
def test_detections_that_cannot_be_are_refused_in_words(options):
    with pytest.raises(ValueError, match="Attendu"):
        scenes.imperfect_detections(scenes.crowd(2, 3), **options)


@pytest.mark.parametrize("options", [{"frames": 0}, {"objects": -1}, {"size": (100, 1920)}, {"seed": 0.5}])
def test_a_crowd_that_cannot_be_is_refused_in_words(options):
    with pytest.raises(ValueError, match="Attendu"):
        scenes.crowd(**options)
