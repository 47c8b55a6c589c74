"""labs.deeplab: the published graph in Keras, and photographs of any size in and out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from labs import datasets, deeplab

# What the published graph gives for class 8 (cat) on the photograph of the cat, one point in 64 along each axis of its
# 342 × 513 pixels, from (32, 32): printed by scripts/make_weights.py, where TensorFlow runs the graph, in float32.
CAT = [
    [18.9, 31.3, 34.7, 34.2, 31.9, 29.3, 22.7, 15.6],
    [22.1, 30.7, 34.6, 36.3, 36.2, 35.5, 19.8, 17.0],
    [29.2, 33.8, 37.2, 34.7, 34.3, 30.9, 22.0, 18.6],
    [28.7, 33.4, 34.0, 36.4, 33.4, 32.6, 20.9, 17.2],
    [23.2, 27.5, 27.9, 33.5, 32.2, 28.8, 22.8, 18.1],
]


@pytest.fixture(scope="module")
def model():
    return deeplab.deeplabv3()


def test_the_network_has_the_shapes_of_mobilenetv2_at_an_eighth_of_the_image():
    model = deeplab.deeplabv3(weights=None)
    assert model.count_params() == 2_097_013 and model.output_shape == (None, 513, 513, 21)
    ends = {f"stage{stage}": model.get_layer(f"stage{stage}-{rank}.project").output.shape[1:]
            for stage, rank in enumerate((1, 2, 3, 4, 3, 3, 1), start=1)}  # fmt: skip
    assert list(ends.values()) == [
        (257, 257, 16), (129, 129, 24), (65, 65, 32), (65, 65, 64), (65, 65, 96), (65, 65, 160), (65, 65, 320),
    ]  # fmt: skip
    spread = [layer.dilation_rate[0] for layer in model.layers if isinstance(layer, layers.DepthwiseConv2D)]
    assert spread == [1] * 7 + [2] * 7 + [4] * 3  # as the blocks of the graph's SpaceToBatchND


def test_the_logits_are_those_of_the_published_graph(model):
    square, height, width = deeplab.fit_in(datasets.photo("chat"))
    assert (height, width) == (342, 513)
    found = model.predict(square[None], verbose=0)[0]
    np.testing.assert_allclose(found[32:height:64, 32::64, 8], CAT, atol=0.4)  # of float16, against a range of 40


def test_the_cat_is_a_cat_on_four_fifths_of_its_photograph_and_the_cup_is_on_a_table(model):
    cat, cup = (deeplab.logits(model, datasets.photo(name)).argmax(-1) for name in ("chat", "cafe"))
    assert cat.shape == datasets.photo("chat").shape[:2]
    shares = np.bincount(cat.ravel(), minlength=21) / cat.size
    assert 0.77 < shares[deeplab.CLASSES.index("chat")] < 0.83 and shares[[0, 8]].sum() > 0.99
    assert (cat[60:220, 60:250] == 8).all() and (cat[:120, 390:] == 0).all()  # the head; the wall behind it
    assert (cup == deeplab.CLASSES.index("table")).mean() > 0.8


def test_a_small_or_a_tall_photograph_comes_back_at_its_size(model):
    cat = datasets.photo("chat")
    tall = np.ascontiguousarray(cat[20:260, 100:200])
    assert deeplab.logits(model, tall).shape == (240, 100, 21)


@pytest.mark.parametrize("side", [3, 65])
def test_the_enlargement_is_that_of_tensorflow_with_aligned_corners(side):
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype("float32")
    expected = tf.compat.v1.image.resize_bilinear(x, (129, 129), align_corners=True)
    np.testing.assert_allclose(deeplab.Enlarge(129)(x), expected, atol=1e-4)


def test_the_photograph_is_set_in_grey_from_the_top_left_corner():
    image = np.random.default_rng(0).random((100, 200, 3))
    square, height, width = deeplab.fit_in(image)
    assert square.shape == (513, 513, 3) and square.dtype == np.float32 and (height, width) == (256, 513)
    assert (square[256:] == np.float32(0.5)).all()
    assert square[:256].mean() == pytest.approx(image.mean(), abs=0.01)


def test_the_classes_are_the_21_of_voc():
    assert len(set(deeplab.CLASSES)) == 21 and deeplab.CLASSES[0] == "fond" and deeplab.CLASSES[15] == "personne"


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((40, 40)), ValueError, r"\(40, 40\).*np.repeat"),
        (np.zeros((2, 40, 40, 3)), ValueError, "une à une"),
        (np.zeros((40, 40, 3), "uint8"), TypeError, "uint8.*255"),
        (np.full((40, 40, 3), 200.0), ValueError, "de 200 à 200.*255"),
    ],
)
def test_other_images_are_refused_in_words(image, error, words):
    with pytest.raises(error, match=words):
        deeplab.fit_in(image)


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match="« voc ».*'coco'"):
        deeplab.deeplabv3(weights="coco")


def test_the_layer_that_enlarges_is_saved_and_read_back(tmp_path):
    small = keras.Sequential([keras.Input((5, 5, 2)), deeplab.Enlarge(17)])
    small.save(tmp_path / "small.keras")
    x = np.random.default_rng(0).random((1, 5, 5, 2), "float32")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "small.keras")(x), small(x))
