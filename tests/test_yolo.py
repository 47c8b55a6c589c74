"""labs.yolo: the networks equal to OpenCV's reading of the same files; boxes, loss and mosaic against references."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from labs import boxes, datasets, weights, yolo

MICRO = """
[net]
# every kind of section, on images of 64 x 96
width=64
height=96
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=mish

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[route]
layers=-1
groups=2
group_id=1

[convolutional]
batch_normalize=1
filters=4
size=1
stride=1
pad=1
activation=leaky

[shortcut]
from=-2
activation=linear

[route]
layers = -1, 1

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=12
size=3
stride=2
pad=1
activation=relu

[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=mish

[maxpool]
size=5
stride=1

[convolutional]
filters=16
size=1
stride=1
pad=1
activation=linear

[yolo]
mask = 1,2
anchors = 10,14,  23,27,  37,58
classes=3
num=3
scale_x_y = 1.1
ignore_thresh = .5
iou_thresh = .4
iou_normalizer = 0.5

[route]
layers=-3

[upsample]
stride=2

[route]
layers=-1, 7

[convolutional]
filters=16
size=1
stride=1
pad=1
activation=linear

[yolo]
mask = 0,1
anchors = 10,14,  23,27,  37,58
classes=3
num=3
ignore_thresh = .5
"""


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def micro_cfg(tmp_path):
    file = tmp_path / "micro.cfg"
    file.write_text(MICRO)
    return file


@pytest.fixture(scope="module")
def tiny():
    return yolo.yolov4_tiny()


@pytest.fixture(scope="module")
def photos():
    return [datasets.photo("chat"), datasets.photo("cafe")]


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, yolo.Convolution)]


def shake(model, seed=0):
    """Random weights everywhere, with their statistics; deviations of √(1 / fan_in) keep 110 layers finite."""
    rng = np.random.default_rng(seed)
    for layer in convolutions(model):
        for variable in layer.floats():
            shape, name = tuple(variable.shape), variable.name
            if name == "kernel":
                value = rng.standard_normal(shape, "float32") / np.sqrt(np.prod(shape[:3]))
            else:
                value = rng.uniform(*{"moving_variance": (0.5, 1.5), "gamma": (0.7, 1.3)}.get(name, (-0.3, 0.3)), shape)
            variable.assign(value)
    return model


def opencv(cfg, model, tmp_path, images):
    """What OpenCV's own Darknet reader gives for the same two files: one array a head, (N, rows, 5 + C)."""
    height, width = model.input_shape[1:3]
    text = cfg.read_text().splitlines()
    sides = {"width": width, "height": height}
    text = [
        f"{line.split('=')[0]}={sides[line.split('=')[0]]}" if line.split("=")[0] in sides else line for line in text
    ]
    (tmp_path / "same.cfg").write_text("\n".join(text))
    yolo.write_weights(model, tmp_path / "same.weights")
    net = cv2.dnn.readNetFromDarknet(str(tmp_path / "same.cfg"), str(tmp_path / "same.weights"))
    net.setInput(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    found = net.forward(net.getUnconnectedOutLayersNames())
    return [array.reshape(len(images), *output.shape[1:]) for array, output in zip(found, model.outputs)]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, reference in zip(ours, theirs):
        mine, shown = np.asarray(mine), reference[..., 5:] > 0  # OpenCV writes 0 for the scores up to 0.2
        np.testing.assert_allclose(mine[..., :5], reference[..., :5], atol=1e-4)
        np.testing.assert_allclose(mine[..., 5:][shown], reference[..., 5:][shown], atol=1e-4)
        assert (mine[..., 5:][~shown] < 0.2 + 1e-4).all()


# ── The networks ──


def test_every_kind_of_section_is_read_as_opencv_reads_it(micro_cfg, tmp_path):
    model = shake(yolo.from_darknet(micro_cfg))
    images = np.random.default_rng(0).random((2, 96, 64, 3), "float32")
    assert [tuple(output.shape[1:]) for output in model.outputs] == [(3 * 2 * 2, 8), (6 * 4 * 2, 8)]
    assert_same(model(images), opencv(micro_cfg, model, tmp_path, images))


def test_yolov4_tiny_with_random_weights_is_that_of_opencv(tmp_path):
    model = shake(yolo.yolov4_tiny(weights=None, size=128))
    images = np.random.default_rng(1).random((1, 128, 128, 3), "float32")
    theirs = opencv(weights.path("yolov4_tiny_cfg"), model, tmp_path, images)
    assert_same(model(images), theirs)
    assert max((head[..., 5:] > 0).mean() for head in theirs) > 0.05  # classes were compared too


def test_yolov4_tiny_with_the_official_weights_is_that_of_opencv(tiny, photos, tmp_path):
    images = np.stack([yolo.letterbox(photo, (416, 416)).image for photo in photos[:1]])
    assert_same(tiny.predict_on_batch(images), opencv(weights.path("yolov4_tiny_cfg"), tiny, tmp_path, images))


def test_yolov4_has_64_429_405_floats_in_110_convolutions_and_is_that_of_opencv(tmp_path):
    model = shake(yolo.yolov4(size=96))
    assert len(convolutions(model)) == 110 and model.count_params() == 64_429_405
    images = np.random.default_rng(2).random((1, 96, 96, 3), "float32")
    assert_same(model(images), opencv(weights.path("yolov4_cfg"), model, tmp_path, images))


def test_yolov4_tiny_has_6_062_814_floats_in_21_convolutions(tiny):
    assert len(convolutions(tiny)) == 21 and tiny.count_params() == 6_062_814
    assert [tuple(output.shape) for output in tiny.outputs] == [(None, 13 * 13 * 3, 85), (None, 26 * 26 * 3, 85)]


def test_the_rows_go_by_y_then_x_then_anchor_and_boxes_are_relative(micro_cfg):
    head = yolo.heads(yolo.from_darknet(micro_cfg))[0]
    raw = np.zeros((1, 3, 2, 2, 8), "float32")
    raw[0, 2, 1, 1, 4] = 50.0
    rows = np.asarray(head(raw.reshape(1, 3, 2, 16)))[0]
    rank = int(rows[:, 4].argmax())
    assert rank == (2 * 2 + 1) * 2 + 1
    np.testing.assert_allclose(rows[rank, :4], [(1 + 0.5) / 2, (2 + 0.5) / 3, 37 / 64, 58 / 96], atol=1e-6)


def test_other_classes_keep_the_backbone_of_coco_and_start_with_few_objects(tiny):
    model = yolo.yolov4_tiny(size=64, classes=48)
    assert [tuple(output.shape[1:]) for output in model.outputs] == [(2 * 2 * 3, 53), (4 * 4 * 3, 53)]
    same = [
        all(np.array_equal(a, b) for a, b in zip(mine.get_weights(), theirs.get_weights()))
        for mine, theirs in zip(convolutions(model), convolutions(tiny))
        if mine.norm is not None
    ]
    assert len(same) == 19 and all(same)
    rows = np.concatenate(model.predict_on_batch(np.full((1, 64, 64, 3), 0.5, "float32")), axis=1)
    assert 0 < np.median(rows[..., 4]) < 0.05


def test_the_statistics_move_in_training_and_stay_when_the_layer_is_frozen(micro_cfg):
    layer = convolutions(shake(yolo.from_darknet(micro_cfg)))[0]
    x = np.random.default_rng(0).random((4, 96, 64, 3), "float32")
    before, still = layer.norm.moving_mean.numpy(), layer(x)
    layer(x, training=True)
    assert not np.array_equal(layer.norm.moving_mean.numpy(), before)
    layer.norm.moving_mean.assign(before)
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_array_equal(layer.norm.moving_mean.numpy(), before)
    assert still.shape == (4, 48, 32, 8)


def test_a_saved_model_comes_back_the_same(micro_cfg, tmp_path):
    model = shake(yolo.from_darknet(micro_cfg))
    model.save(tmp_path / "micro.keras")
    again = keras.models.load_model(tmp_path / "micro.keras")
    x = np.random.default_rng(0).random((1, 96, 64, 3), "float32")
    for ours, theirs in zip(again(x), model(x)):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


# ── The plan ──


def test_a_plan_has_the_shapes_and_the_floats_of_the_network_that_keras_builds(micro_cfg):
    model, rows = yolo.from_darknet(micro_cfg), yolo.plan(micro_cfg)
    built = {int(layer.name.partition("-")[0]): layer for layer in model.layers if layer.name[0].isdigit()}
    for rank, row in enumerate(rows):
        if row.kind != "yolo" and rank in built and "." not in built[rank].name:
            assert row.shape == tuple(built[rank].output.shape[1:]), rank
            assert row.floats == built[rank].count_params(), rank
    assert rows[2].shape == (24, 16, 4) and rows[2].kind == "route"  # half of the 8 maps
    assert rows[0].multiplications == 3 * 3 * 3 * 8 * 48 * 32


@pytest.mark.parametrize(
    "name, size, floats, bflops",  # what Darknet itself prints of the two official cfg files
    [("yolov4_tiny_cfg", None, 6_062_814, 6.910), ("yolov4_cfg", 608, 64_429_405, 128.459)],
)
def test_a_plan_counts_what_darknet_announces(name, size, floats, bflops):
    rows = yolo.plan(weights.path(name), size=size)
    assert sum(row.floats for row in rows) == floats
    assert 2e-9 * sum(row.multiplications for row in rows) == pytest.approx(bflops, rel=0.01)


# ── The files ──


def test_weights_written_then_read_are_the_same_to_the_last_float(micro_cfg, tmp_path):
    model, file = shake(yolo.from_darknet(micro_cfg)), tmp_path / "micro.weights"
    yolo.write_weights(model, file)
    assert file.stat().st_size == yolo.darknet.HEADER + 4 * model.count_params()
    again = yolo.from_darknet(micro_cfg, file)
    for ours, theirs in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["micro.cfg", "micro.weights"]


def test_the_order_of_the_file_is_bias_scale_mean_variance_then_kernels_by_output(micro_cfg, tmp_path):
    model, file = yolo.from_darknet(micro_cfg), tmp_path / "counted.weights"
    values = np.arange(model.count_params(), dtype="<f4")
    file.write_bytes(np.array([0, 2, 5, 0, 0], "<i4").tobytes() + values.tobytes())
    first = convolutions(yolo.read_weights(model, file))[0]
    got = [variable.numpy() for variable in (first.norm.beta, first.norm.gamma, first.norm.moving_mean)]
    np.testing.assert_array_equal(got, np.arange(24).reshape(3, 8))
    assert first.conv.kernel[1, 2, 0, 3] == 32 + 3 * 27 + 0 * 9 + 1 * 3 + 2


def test_a_header_of_before_version_0_2_is_four_bytes_shorter(micro_cfg, tmp_path):
    model, file = yolo.from_darknet(micro_cfg), tmp_path / "old.weights"
    content = np.ones(model.count_params(), "<f4").tobytes()
    file.write_bytes(np.array([0, 1, 0, 0], "<i4").tobytes() + content)
    assert all((array == 1).all() for array in yolo.read_weights(model, file).get_weights())


def damage(file, how):
    content = file.read_bytes()
    changed = {
        "short": content[:-400],
        "long": content + bytes(8),
        "odd": content[:-3],
        "foreign": b"PK\x03\x04" + content[4:],
        "empty": b"",
        "not a number": content[:-4] + np.array([np.nan], "<f4").tobytes(),
        "variance": content[:20] + np.full(32, -1, "<f4").tobytes() + content[20 + 128 :],
    }
    file.write_bytes(changed[how])


@pytest.mark.parametrize(
    "how, message",
    [
        ("short", r"contient (\d+) nombres.*en attend (\d+) : 100 manquent"),
        ("long", r"contient (\d+) nombres.*en attend (\d+) : 2 de trop"),
        ("odd", "octets.*n'est pas un fichier de poids de Darknet"),
        ("foreign", "en-tête"),
        ("empty", "0 octets"),
        ("not a number", "valeurs impossibles"),
        ("variance", "moving_variance.*valeurs impossibles"),
    ],
)
def test_a_file_of_weights_that_does_not_fit_is_refused_and_the_model_is_left_as_it_was(
    micro_cfg, tmp_path, how, message
):
    model, file = yolo.from_darknet(micro_cfg), tmp_path / "bad.weights"
    yolo.write_weights(shake(yolo.from_darknet(micro_cfg)), file)
    damage(file, how)
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        yolo.read_weights(model, file)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("[net]", "[reseau]", r"section \[net\]"),
        ("stride=2", "pas de stride", "ligne 12.*option=valeur"),
        ("[upsample]", "[gru]", r"\[gru\] inconnue"),
        ("from=-2", "from=-20", "couche -20 n'existe pas"),
        ("from=-2", "from=deux", "deux"),
        ("activation=mish", "activation=swish", "« swish » inconnue"),
        ("size=5\nstride=1", "size=3\nstride=2", "maximum"),
        ("classes=3", "classes=4", "18 cartes.*16"),
        ("ignore_thresh = .5", "new_coords=1", "new_coords"),
        ("groups=2", "groups=2\ndilation=2", "dilation"),
        ("width=64", "width=65", "multiple de 32"),
        ("channels=3", "channels=1", "1 canaux"),
    ],
)
def test_a_cfg_that_cannot_be_built_faithfully_is_refused_with_the_line(tmp_path, old, new, message):
    file = tmp_path / "bad.cfg"
    assert old in MICRO
    file.write_text(MICRO.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        yolo.from_darknet(file)


def test_a_network_without_a_head_is_no_detector(tmp_path):
    file = tmp_path / "headless.cfg"
    file.write_text(MICRO.split("[yolo]")[0])
    with pytest.raises(ValueError, match="aucune section"):
        yolo.from_darknet(file)
    with pytest.raises(ValueError, match="pas un détecteur"):
        yolo.detect(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), [])


# ── Detection ──


@pytest.mark.parametrize("shape", [(300, 416), (97, 33), (416, 416), (1, 1000), (1000, 1)])
def test_the_letterbox_keeps_the_proportions_and_its_inverse_is_exact(shape):
    image = np.random.default_rng(0).random((*shape, 3), "float32")
    fitted = yolo.letterbox(image, (416, 320))
    whole = np.array([[0, 0, shape[1], shape[0]], [0.25, 0.5, shape[1] / 2, shape[0] / 3]])
    placed = fitted.place(whole)
    np.testing.assert_allclose(fitted.restore(placed), whole, atol=1e-9)
    x1, y1, x2, y2 = placed[0].round().astype(int)
    outside = np.ones((416, 320), bool)
    outside[y1:y2, x1:x2] = False
    assert fitted.image.shape == (416, 320, 3) and fitted.image.dtype == np.float32
    assert (fitted.image[outside] == 0.5).all() and x2 - x1 >= 1 and y2 - y1 >= 1
    assert x1 == 0 or y1 == 0  # as large as it can be
    assert min(shape) < 10 or abs(fitted.scale[0] / fitted.scale[1] - 1) < 0.02


def test_a_square_drawn_in_the_image_is_where_place_says_in_the_canvas():
    image = np.zeros((200, 300, 3), "uint8")
    image[40:80, 150:240] = 255
    fitted = yolo.letterbox(image, (320, 320))
    rows, columns = np.nonzero(fitted.image[..., 0] > 200)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(fitted.place(np.array([[150, 40, 240, 80]]))[0], box, atol=1)


def test_the_cat_and_the_cup_are_found(tiny, photos):
    names = datasets.coco_names()
    cat, cup = yolo.detect(tiny, photos)
    assert names[cat.classes[0]] == "chat" and cat.scores[0] > 0.5
    assert "tasse" in [names[rank] for rank in cup.classes]
    x1, y1, x2, y2 = cat.boxes[0]
    assert (x2 - x1) * (y2 - y1) > 0.3 * photos[0].shape[0] * photos[0].shape[1]
    np.testing.assert_allclose(cat.scores, cat.objectness * cat.probabilities.max(axis=1), rtol=1e-5)


def test_a_batch_gives_what_its_images_give_one_by_one_in_bytes_or_in_floats(tiny, photos):
    pictures = [*photos, photos[0][:200, 60:], photos[1]]
    together = yolo.detect(tiny, pictures, batch_size=3)
    for picture, found in zip(pictures, together):
        alone = yolo.detect(tiny, [picture])[0]
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.05)
        np.testing.assert_array_equal(found.classes, alone.classes)
    bytes_too = yolo.detect(tiny, [(photos[0] * 255).round().astype("uint8")])[0]
    np.testing.assert_allclose(bytes_too.boxes, together[0].boxes, atol=1)


def test_detections_are_those_of_opencvs_own_pipeline(tiny, photos, tmp_path):
    fitted = yolo.letterbox(photos[0], (416, 416))
    rows = np.concatenate(opencv(weights.path("yolov4_tiny_cfg"), tiny, tmp_path, fitted.image[None]), axis=1)[0]
    classes, scores = rows[:, 5:].argmax(axis=1), rows[:, 5:].max(axis=1)
    corners = rows[:, :2] * 416 - rows[:, 2:4] * 208
    rectangles = np.concatenate([corners, rows[:, 2:4] * 416], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(rectangles.tolist(), scores.tolist(), classes.tolist(), 0.25, 0.45)
    found = yolo.detect(tiny, photos[:1])[0]
    order = sorted(kept, key=lambda rank: -scores[rank])
    assert found.classes.tolist() == classes[order].tolist()
    np.testing.assert_allclose(found.scores, scores[order], atol=1e-4)
    expected = fitted.restore(np.concatenate([corners, corners + rows[:, 2:4] * 416], axis=1)[order])
    np.testing.assert_allclose(found.boxes, np.clip(expected, 0, np.tile(photos[0].shape[1::-1], 2)), atol=0.05)


def test_no_image_gives_no_detection_and_a_plain_one_gives_empty_arrays(tiny):
    assert yolo.detect(tiny, []) == []
    (found,) = yolo.detect(tiny, [np.full((50, 80, 3), 0.5, "float32")])
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,) and found.probabilities.shape == (0, 80)
    assert found.classes.dtype == np.int64 and found.objectness.shape == (0,)


@pytest.mark.parametrize(
    "images, error, message",
    [
        (np.zeros((20, 20, 3), "float32"), ValueError, r"\[image\]"),
        ([np.zeros((20, 20), "float32")], ValueError, "rang 0.*grise"),
        ([np.zeros((20, 20, 3)), np.zeros((0, 20, 3))], ValueError, "rang 1.*mal lu"),
        ([np.full((20, 20, 3), 255.0)], ValueError, "255.*divisez"),
        ([np.full((20, 20, 3), np.nan)], ValueError, "nan"),
        ([np.zeros((20, 20, 3), "int64")], TypeError, "int64"),
        ([None], ValueError, "rang 0"),
    ],
)
def test_what_is_not_an_image_is_refused_with_its_rank(tiny, images, error, message):
    with pytest.raises(error, match=message):
        yolo.detect(tiny, images)


def test_a_network_that_diverged_and_a_threshold_out_of_range_are_refused(micro_cfg):
    model = yolo.from_darknet(micro_cfg)
    image = [np.zeros((20, 20, 3), "float32")]
    with pytest.raises(ValueError, match=r"\]0, 1\["):
        yolo.detect(model, image, score_threshold=0)
    convolutions(model)[0].conv.kernel.assign(np.full((3, 3, 3, 8), np.nan))
    with pytest.raises(ValueError, match="divergé"):
        yolo.detect(model, image)


@pytest.mark.parametrize("call", [lambda: yolo.yolov4_tiny("imagenet"), lambda: yolo.yolov4_tiny(None, size=100)])
def test_other_weights_and_other_sizes_are_refused(call):
    with pytest.raises(ValueError, match="imagenet|multiple de 32"):
        call()


def test_the_names_of_coco_are_80_in_each_language_and_say_the_same():
    french, english = datasets.coco_names(), datasets.coco_names("en")
    assert len(set(french)) == len(set(english)) == 80
    for ours, theirs in (("personne", "person"), ("chat", "cat"), ("tasse", "cup"), ("brosse à dents", "toothbrush")):
        assert french.index(ours) == english.index(theirs)
    with pytest.raises(ValueError, match="« fr »"):
        datasets.coco_names("de")


# ── Training ──


def reference_loss(model, targets, raw, smoothing):
    """The same loss, row by row, in plain Python: sums over the image of the three terms."""
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    entropy = lambda y, x: -(y * np.log(sigmoid(x)) + (1 - y) * np.log(1 - sigmoid(x)))  # noqa: E731
    total, start = np.zeros(3), 0
    for head in yolo.heads(model):
        (height, width), (image_height, image_width) = head.grid, head.size
        places, raws = {}, {}
        for y in range(height):
            for x in range(width):
                for a, mask in enumerate(head.mask):
                    row = raw[start].astype("float64")
                    start += 1
                    cx, cy = (
                        (cell + sigmoid(t) * head.scale - (head.scale - 1) / 2) / count
                        for cell, t, count in ((x, row[0], width), (y, row[1], height))
                    )
                    w, h = np.exp(row[2:4]) * np.array(head.anchors[mask]) / (image_width, image_height)
                    places[y, x, a] = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
                    raws[y, x, a] = row
        mine = {}
        for place, name in zip(*targets):
            place = place / np.array([image_width, image_height] * 2)
            w, h = place[2:] - place[:2]
            shapes = [
                float(boxes.iou([[0, 0, w, h]], [[0, 0, aw / image_width, ah / image_height]])[0, 0])
                for aw, ah in head.anchors
            ]
            y, x = int((place[1] + place[3]) / 2 * height), int((place[0] + place[2]) / 2 * width)
            for a, mask in enumerate(head.mask):
                if mask == int(np.argmax(shapes)) or shapes[mask] > head.match_threshold:
                    mine.setdefault((y, x, a), set()).add(int(name))
                    total[0] += head.box_weight * float(
                        boxes.ciou_loss(tf.constant(place), tf.constant(places[y, x, a]))
                    )
        truths = targets[0] / np.array([image_width, image_height] * 2)
        for key, row in raws.items():
            if key in mine or boxes.iou(places[key][None], truths).max() <= head.ignore_threshold:
                total[1] += entropy(float(key in mine), row[4])
            for c in range(head.classes if key in mine else 0):
                total[2] += entropy((c in mine[key]) * (1 - smoothing) + smoothing / 2, row[5 + c])
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_one_written_row_by_row(micro_cfg, smoothing):
    model = yolo.from_darknet(micro_cfg)
    targets = [
        (np.array([[4.0, 4, 30, 60], [35, 50, 45, 65], [36, 51, 47, 66], [0, 0, 64, 96]]), np.array([0, 1, 2, 2])),
        (np.array([[20.0, 30, 43, 57]]), np.array([1])),
    ]
    raw = np.random.default_rng(3).normal(0, 1, (2, 12 + 48, 8)).astype("float32")
    raw[1, 12:, 2:4] = 0  # boxes near their anchors: some overlap the object enough to be ignored
    loss = yolo.Loss(model, label_smoothing=smoothing)
    packed = yolo.pack(targets, model)
    assert packed.shape == (2, 4, 5) and (packed[1, 1:] == 0).all()
    parts = loss.parts(tf.constant(packed), tf.constant(raw))
    for rank in range(2):
        expected = reference_loss(model, targets[rank], raw[rank], smoothing)
        np.testing.assert_allclose([float(parts[name][rank]) for name in parts], expected, rtol=1e-4)
    assert float(loss(packed, raw)) == pytest.approx(float(sum(np.mean(part) for part in parts.values())), rel=1e-5)


def test_rows_that_overlap_an_object_without_being_responsible_are_ignored(micro_cfg):
    model = yolo.from_darknet(micro_cfg)
    packed = yolo.pack([(np.array([[21.0, 34, 44, 61]]), np.array([1]))], model)
    start, neighbour, responsible = 3 * 2 * 2, (2 * 4 + 1) * 2 + 1, (2 * 4 + 2) * 2 + 1  # rows of the fine head
    values = np.zeros((1, 60, 8), "float32")
    values[0, start + neighbour, :2] = 5.0, 3.4  # its box comes over the object, whose centre is in the next cell
    raw = tf.Variable(values)
    with tf.GradientTape() as tape:
        objectness = yolo.Loss(model).parts(tf.constant(packed), raw)["objectness"]
    gradient = tape.gradient(objectness, raw)[0, start:, 4].numpy()
    expected = np.full(48, 0.5)
    expected[[neighbour, responsible]] = 0, -0.5
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_an_image_without_any_object_costs_only_its_objectness(micro_cfg):
    model = yolo.from_darknet(micro_cfg)
    raw = tf.zeros((1, 60, 8))
    parts = yolo.Loss(model).parts(tf.constant(yolo.pack([([], [])], model)), raw)
    assert float(parts["boxes"][0]) == float(parts["classes"][0]) == 0
    assert float(parts["objectness"][0]) == pytest.approx(60 * np.log(2), rel=1e-5)


@pytest.mark.parametrize("extreme", [-1e4, -100.0, 100.0, 1e4])
def test_the_loss_and_its_gradient_stay_finite_for_extreme_outputs(micro_cfg, extreme):
    model = yolo.from_darknet(micro_cfg)
    packed = yolo.pack([(np.array([[4.0, 4, 30, 60]]), np.array([2]))], model)
    raw = tf.Variable(np.full((1, 60, 8), extreme, "float32"))
    with tf.GradientTape() as tape:
        value = yolo.Loss(model)(packed, raw)
    assert np.isfinite(value) and np.isfinite(tape.gradient(value, raw)).all()


def rectangles(count, seed=0):
    """Images of one bright rectangle, red, green or blue: its class."""
    rng = np.random.default_rng(seed)
    images, targets = rng.uniform(0, 0.3, (count, 96, 64, 3)).astype("float32"), []
    for image in images:
        (x, y), (w, h), name = rng.integers(0, (30, 40)), rng.integers(14, (30, 50)), rng.integers(3)
        image[y : y + h, x : x + w, name] = 1
        targets.append((np.array([[x, y, x + w, y + h]], "float32"), np.array([name])))
    return images, targets


def test_training_stays_finite_learns_and_detect_sees_what_was_learned(micro_cfg):
    model = yolo.from_darknet(micro_cfg)
    for layer in convolutions(model):
        if layer.norm is not None:
            layer.norm.momentum = 0.9  # at .99, the statistics would need more than these 100 steps
    images, targets = rectangles(32)
    trainer = yolo.trainer(model)
    trainer.compile(keras.optimizers.Adam(1e-2), yolo.Loss(model, label_smoothing=0.01))
    history = trainer.fit(images, yolo.pack(targets, model), batch_size=8, epochs=25, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < 0.5 * history[0]
    assert all(np.isfinite(array).all() for array in model.get_weights())
    found = yolo.detect(model, images, score_threshold=0.05, batch_size=32)
    assert boxes.coco_map(targets, found)["AP50"] > 0.3


@pytest.mark.parametrize(
    "target, most, message",
    [
        (([[0, 0, 70, 10]], [0]), None, "sort de ses 64 × 96"),
        (([[5, 5, 5, 10]], [0]), None, "est vide"),
        (([[5, 5, 8, 10]], [0, 1]), None, "1 boîtes et 2 classes"),
        (([[5, 5, 8, 10]], [3]), None, r"hors de 0 … 2 : \[3\]"),
        (([[5, 5, 8, 10]] * 3, [0] * 3), 2, "3 objets"),
    ],
)
def test_targets_that_cannot_be_learned_from_are_refused(micro_cfg, target, most, message):
    with pytest.raises(ValueError, match=message):
        yolo.pack([target], yolo.from_darknet(micro_cfg), most=most)


# ── Mosaic ──


def test_the_boxes_of_a_mosaic_are_those_of_the_pixels_left_in_it():
    rng = np.random.default_rng(0)
    for _ in range(20):
        images, targets = np.zeros((4, 80, 120, 3), "float32"), []
        for rank, image in enumerate(images):  # one rectangle an image, with a grey of its own
            (x, y), (w, h) = rng.integers(0, (70, 40)), rng.integers(10, 40, 2)
            image[y : y + h, x : x + w] = (rank + 1) / 4
            targets.append((np.array([[x, y, x + w, y + h]], "float32"), np.array([rank])))
        picture, (places, classes) = yolo.mosaic(images, targets, rng, visible=0.3)
        assert picture.shape == (80, 120, 3) and len(places) == len(classes)
        for rank, (place, _) in enumerate(targets):
            rows, columns = np.nonzero(picture[..., 0] == (rank + 1) / 4)
            share = len(rows) / np.prod(place[0, 2:] - place[0, :2])
            assert (rank in classes) == (share >= 0.3)
            if rank in classes:
                expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                np.testing.assert_array_equal(places[classes == rank][0], expected)


def test_the_four_images_meet_at_the_cut_and_the_same_generator_gives_the_same_mosaic():
    images = np.stack([np.full((50, 50, 3), value, "float32") for value in (0.2, 0.4, 0.6, 0.8)])
    first, second = (yolo.mosaic(images, [([], [])] * 4, np.random.default_rng(7))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert [first[y, x, 0] for y in (0, -1) for x in (0, -1)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    shares = [(first[..., 0] == np.float32(value)).mean() for value in (0.2, 0.4, 0.6, 0.8)]
    assert min(shares) >= 0.2**2 - 0.02 and sum(shares) == pytest.approx(1)


@pytest.mark.parametrize(
    "shapes, message", [([(8, 8, 3)] * 3, "3 images"), ([(8, 8, 3)] * 3 + [(9, 8, 3)], r"\(9, 8, 3\)")]
)
def test_a_mosaic_takes_four_images_of_one_shape(shapes, message):
    with pytest.raises(ValueError, match=message):
        yolo.mosaic([np.zeros(shape) for shape in shapes], [([], [])] * len(shapes), np.random.default_rng(0))
