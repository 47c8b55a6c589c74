"""labs.zoo: each architecture has the shapes and the parameters of its paper, and says what it refuses."""

import keras
import numpy as np
import pytest
from keras import layers

from labs import datasets, zoo


def table(model):
    return [(block.name, block.shape, block.parameters) for block in zoo.blocks(model)]


# --- LeNet-5 (LeCun et al. 1998, section II.B) ---------------------------------------------------------
def test_lenet5_has_the_shapes_and_the_parameters_of_the_paper_layer_by_layer():
    *published, output = table(zoo.lenet5())
    assert published == [
        ("C1", (28, 28, 6), 156), ("S2", (14, 14, 6), 12), ("C3", (10, 10, 16), 1516),
        ("S4", (5, 5, 16), 32), ("C5", (120,), 48120), ("F6", (84,), 10164),
    ]  # fmt: skip
    assert sum(parameters for *_, parameters in published) == 60_000
    assert output == ("output", (10,), 850)


def test_the_table_of_c3_has_60_links_and_reads_each_map_ten_times():
    assert [len(sources) for sources in zoo.LENET5_TABLE] == [3] * 6 + [4] * 9 + [6]
    assert np.bincount(np.concatenate(zoo.LENET5_TABLE)).tolist() == [10] * 6
    assert len(set(zoo.LENET5_TABLE)) == 16  # no two maps read the same: the symmetry is broken


def test_the_scaled_tanh_maps_1_to_1_and_bends_the_most_there():
    x = np.linspace(-3, 3, 6001)
    y = np.asarray(zoo._scaled_tanh(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(np.interp([-1, 0, 1], x, y), [-1, 0, 1], atol=1e-4)
    assert abs(abs(x[1:-1][np.argmax(np.abs(np.diff(y, 2)))]) - 1) < 0.02  # appendix A


def test_a_partial_convolution_is_a_plain_one_whose_kernel_is_masked():
    links = ((0, 2), (1,), (0, 1, 2))
    partial, plain = zoo.PartialConv2D(links, 3), layers.Conv2D(3, 3)
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype("float32")
    partial.build(x.shape), plain.build(x.shape)
    kernel, rank = np.zeros((3, 3, 3, 3), "float32"), 0
    for written, sources in enumerate(links):
        for read in sources:
            kernel[:, :, read, written] = np.asarray(partial.kernel)[:, rank].reshape(3, 3)
            rank += 1
    partial.bias.assign([1, 2, 3])
    plain.kernel.assign(kernel), plain.bias.assign([1, 2, 3])
    assert partial.count_params() == 9 * 6 + 3
    np.testing.assert_allclose(partial(x), plain(x), atol=1e-5)


def test_subsampling_is_a_mean_a_coefficient_and_a_bias_for_each_map():
    layer, x = zoo.Subsample(), np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    layer.build(x.shape)
    layer.coefficient.assign([1, -2, 0]), layer.bias.assign([0, 1, 5])
    expected = x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4)) * [1, -2, 0] + [0, 1, 5]
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


@pytest.mark.parametrize("make", [zoo.lenet5, lambda: zoo.resnet(8, 4)])
def test_a_model_with_layers_of_ours_is_saved_and_read_back(make, tmp_path):
    model = make()
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((2, *model.input_shape[1:]), "float32")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(again(x), model(x), atol=1e-5)


# --- VGG and Network in Network ------------------------------------------------------------------------
def test_vgg16_has_the_shapes_and_the_parameters_of_configuration_d():
    model = zoo.vgg16()
    assert model.count_params() == 138_357_544  # "138 M", table 2 of Simonyan & Zisserman 2015
    found = table(model)
    assert [shape for _, shape, _ in found] == [
        (112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512), (4096,), (4096,), (1000,),
    ]  # fmt: skip
    plan = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
    stages = [9 * read * maps + maps + (depth - 1) * (9 * maps**2 + maps) for read, maps, depth in plan]
    dense = [(read + 1) * written for read, written in ((7 * 7 * 512, 4096), (4096, 4096), (4096, 1000))]
    assert [parameters for *_, parameters in found] == stages + dense
    assert sum(isinstance(layer, (layers.Conv2D, layers.Dense)) for layer in model.layers) == 16


def test_a_small_vgg_halves_its_maps_between_stages():
    assert [shape for _, shape, _ in table(zoo.vgg((4, 8, 16), (1, 2, 1)))] == [
        (16, 16, 4),
        (8, 8, 8),
        (8, 8, 16),
        (10,),
    ]


def test_network_in_network_has_the_966_986_parameters_of_its_cifar_model():
    model = zoo.network_in_network()
    plan = (
        (25 * 3, 192),
        (192, 160),
        (160, 96),
        (25 * 96, 192),
        (192, 192),
        (192, 192),
        (9 * 192, 192),
        (192, 192),
        (192, 10),
    )
    assert model.count_params() == sum((read + 1) * written for read, written in plan) == 966_986
    assert [shape for _, shape, _ in table(model)] == [(16, 16, 96), (8, 8, 192), (8, 8, 10), (10,)]


def test_the_logits_of_network_in_network_are_the_means_of_its_last_maps():
    model = zoo.network_in_network(12, normalise=True)
    maps = keras.Model(model.input, model.get_layer("mlpconv3.conv3").output)
    x = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    np.testing.assert_allclose(model(x), np.asarray(maps(x)).mean(axis=(1, 2)), atol=1e-5)


# --- ResNet and DenseNet -------------------------------------------------------------------------------
@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_resnet_has_the_parameters_of_table_6(depth, millions):
    learned = sum(int(np.prod(weight.shape)) for weight in zoo.resnet(depth).trainable_weights)
    assert round(learned / 1e6, 2 if millions < 1 else 1) == millions


def test_resnet_has_three_stages_of_32_16_and_8_pixels():
    shapes = {block.name: block.shape for block in zoo.blocks(zoo.resnet(20))}
    assert len(shapes) == 1 + 9 + 1
    assert [shapes[f"stage{stage}-3"] for stage in (1, 2, 3)] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]


@pytest.mark.parametrize("depth", [8, 20])
def test_the_three_kinds_of_block_cost_the_same(depth):
    kinds = [zoo.blocks(zoo.resnet(depth, 8, block=kind)) for kind in ("residual", "plain", "preactivation")]
    learned = [sum(block.multiplications for block in kind) for kind in kinds]
    assert len(set(learned)) == 1


@pytest.mark.parametrize(("block", "stride", "missing"), [("stage1-1", 1, 0), ("stage2-1", 2, 8)])
def test_a_residual_block_whose_branch_is_silent_is_its_shortcut(block, stride, missing):
    model = zoo.resnet(8, 8)
    model.get_layer(f"{block}.norm2").gamma.assign(np.zeros(8 + missing))
    source = model.get_layer("stem.relu" if block == "stage1-1" else "stage1-1.relu2").output
    part = keras.Model(source, model.get_layer(f"{block}.relu2").output)
    x = np.random.default_rng(0).random((2, *source.shape[1:]), "float32")
    np.testing.assert_allclose(part(x), np.pad(x[:, ::stride, ::stride], ((0, 0),) * 3 + ((0, missing),)), atol=1e-6)


@pytest.mark.parametrize(("depth", "options", "millions"), [
    (40, {"bottleneck": False, "compression": 1}, 1.0), (100, {}, 0.8),
])  # fmt: skip
def test_densenet_has_the_parameters_of_table_2(depth, options, millions):
    learned = sum(int(np.prod(weight.shape)) for weight in zoo.densenet(depth, 12, **options).trainable_weights)
    assert round(learned / 1e6, 1) == millions


def test_each_layer_of_a_dense_block_adds_growth_maps_and_a_transition_halves_them():
    maps = {block.name: block.shape[-1] for block in zoo.blocks(zoo.densenet(22, 12))}  # n = 3 layers a block
    assert [maps[f"dense{block}"] for block in (1, 2, 3)] == [24 + 36, 30 + 36, 33 + 36]
    assert [maps[f"transition{block}"] for block in (1, 2)] == [30, 33]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: zoo.build("lenet"), r"'lenet'.*lenet5"),
        (lambda: zoo.resnet(18), "6n \\+ 2.*depth=18"),
        (lambda: zoo.resnet(2), "depth=2"),
        (lambda: zoo.resnet(8, block="dense"), "'dense'.*preactivation"),
        (lambda: zoo.densenet(41), "6n \\+ 4.*depth=41"),
        (lambda: zoo.densenet(41, bottleneck=False), "3n \\+ 4.*depth=41"),
        (lambda: zoo.densenet(40, compression=0), "compression.*0"),
        (lambda: zoo.densenet(40, compression=1.5), "1.5"),
        (lambda: zoo.efficientnet_lite0(weights="coco"), "imagenet.*'coco'"),
        (lambda: zoo.efficientnet_lite0(weights=None, size=16), "32 pixels.*16"),
        (lambda: zoo.efficientnet_lite0(weights=None, size="224"), "entier"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_the_face_classifier_learns_ten_people_from_five_photographs_each():
    faces = datasets.load("orl_faces")
    known, others = faces.y_train < 10, faces.y_test < 10
    keras.utils.set_random_seed(0)
    model = zoo.face_classifier(classes=10)
    assert model.output_shape == (None, 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    x, x_new = (images[..., None].astype("float32") / 255 for images in (faces.x_train[known], faces.x_test[others]))
    model.fit(x, faces.y_train[known], batch_size=10, epochs=20, verbose=0)
    assert model.evaluate(x_new, faces.y_test[others], verbose=0)[1] > 0.75  # 0.1 by chance


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: zoo.unet(3, (100, 96, 1)), r"multiple de 8 ; reçu \(100, 96\)"),
        (lambda: zoo.unet(1), "deux classes.*classes=1"),
        (lambda: zoo.unet(3, levels=0), "levels=0"),
    ],
)
def test_a_unet_that_cannot_be_built_is_refused_in_words(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_build_takes_a_name_and_the_options_of_the_function():
    assert zoo.build("lenet5", classes=3).output_shape == (None, 3)


# --- EfficientNet-Lite0 --------------------------------------------------------------------------------
def test_lite0_has_the_parameters_and_the_shapes_of_the_published_network():
    model = zoo.efficientnet_lite0(weights=None)
    assert model.count_params() == 4_694_024
    ends = {block.name.partition("-")[0]: block.shape for block in zoo.blocks(model)}
    assert list(ends.values()) == [
        (112, 112, 32), (112, 112, 16), (56, 56, 24), (28, 28, 40), (14, 14, 80), (14, 14, 112), (7, 7, 192),
        (7, 7, 320), (1280,), (1000,),
    ]  # fmt: skip


def test_lite0_without_its_top_gives_1280_means():
    assert zoo.efficientnet_lite0(weights=None, size=64, top=False).output_shape == (None, 1280)


# --- U-Net -----------------------------------------------------------------------------------------------
def unet_parameters(classes, channels, width, levels, skips):
    """Counted from the paper's figure 1: convolutions without bias, two numbers a map to normalise (and two kept)."""
    double = lambda read, maps: 9 * read * maps + 9 * maps**2 + 2 * 4 * maps  # noqa: E731
    widths = [width * 2**level for level in range(levels + 1)]
    down = sum(double(read, maps) for read, maps in zip([channels, *widths], widths))
    up = sum((4 * 2 * maps + 1) * maps + double((1 + skips) * maps, maps) for maps in widths[:-1])
    return down + up + (width + 1) * classes


@pytest.mark.parametrize("options", [(3, 1, 16, 3, True), (3, 1, 16, 3, False), (11, 3, 8, 2, True)])
def test_unet_has_the_parameters_of_its_convolutions(options):
    classes, channels, width, levels, skips = options
    model = zoo.unet(classes, (None, None, channels), width, levels, skips=skips)
    assert model.count_params() == unet_parameters(*options)
    if options == (3, 1, 16, 3, True):
        assert model.count_params() == 483_891


def test_unet_gives_a_logit_a_class_at_each_pixel_of_images_of_any_multiple_of_8():
    model = zoo.unet(3, width=4)
    for height, width in ((8, 8), (16, 40), (48, 24)):
        assert model(np.zeros((2, height, width, 1), "float32")).shape == (2, height, width, 3)


def test_the_skips_of_unet_join_maps_of_the_same_size_and_vanish_without_them():
    model = zoo.unet(2, (32, 32, 3), width=4)
    joined = [layer for layer in model.layers if isinstance(layer, layers.Concatenate)]
    assert [layer.output.shape[1:] for layer in joined] == [(8, 8, 32), (16, 16, 16), (32, 32, 8)]
    without = zoo.unet(2, (32, 32, 3), width=4, skips=False)
    assert not [layer for layer in without.layers if isinstance(layer, layers.Concatenate)]
    assert without.count_params() < model.count_params()


def test_without_skips_a_detail_lost_by_the_bottom_is_lost_and_with_them_it_is_not():
    x = np.zeros((1, 32, 32, 1), "float32")
    for skips in (True, False):
        keras.utils.set_random_seed(0)
        model = zoo.unet(2, (32, 32, 1), width=4, skips=skips)
        model.get_layer("bottom.norm2").gamma.assign(np.zeros(32))  # nothing goes through the bottom
        moved = np.abs(model(x + np.random.default_rng(0).random(x.shape)) - model(x)).max()
        assert (moved > 1e-3) == skips


# --- What a model is made of ---------------------------------------------------------------------------
def test_multiplications_are_those_of_the_closed_forms():
    model = keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.Conv2D(4, 3, strides=2, name="a.conv"),  # 4 × 3 places
            layers.BatchNormalization(name="a.norm"),
            layers.DepthwiseConv2D(3, padding="same", name="b.depthwise"),
            layers.Conv2D(5, 1, name="b.conv"),
            zoo.PartialConv2D(((0,), (1, 2)), 2, name="c.conv"),  # 3 × 2 places, three links of four weights
            layers.Flatten(name="d.flatten"),
            layers.Dense(7, name="d.dense"),
        ]
    )
    found = zoo.blocks(model)
    assert [block.name for block in found] == ["a", "b", "c", "d"]
    assert [block.shape for block in found] == [(4, 3, 4), (4, 3, 5), (3, 2, 2), (7,)]
    assert [block.multiplications for block in found] == [12 * 27 * 4, 12 * 9 * 4 + 12 * 4 * 5, 6 * 3 * 4, 12 * 7]
    assert sum(block.parameters for block in found) == model.count_params()


# --- Images in, answers out ----------------------------------------------------------------------------
SHAPE = (32, 32, 3)


def test_good_images_come_back_as_float32():
    images = np.random.default_rng(0).random((2, *SHAPE))
    kept = zoo.require_images(images, SHAPE)
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, images, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "shape", "error", "words"),
    [
        (np.zeros(SHAPE), SHAPE, ValueError, r"une seule image.*\[None\]"),
        (np.zeros((50, 40, 3)), SHAPE, ValueError, "une seule image"),
        (np.zeros((2, 32, 32)), SHAPE, ValueError, r"grises \(2, 32, 32\)"),
        (np.zeros((2, 32, 32, 1)), SHAPE, ValueError, "grises.*répétez"),
        (np.zeros((2, 32, 32)), (32, 32, 1), ValueError, r"\[\.\.\., None\]"),
        (np.zeros((2, 28, 28, 3)), SHAPE, ValueError, r"\(2, 28, 28, 3\).*cv2.resize"),
        (np.zeros((2, *SHAPE), "uint8"), SHAPE, TypeError, "uint8.*255"),
        (np.full((2, *SHAPE), 255.0), SHAPE, ValueError, "de 255 à 255.*255"),
        (np.full((2, *SHAPE), -0.5), SHAPE, ValueError, "normalisation de trop"),
        (np.full((2, *SHAPE), np.nan), SHAPE, ValueError, "nan"),
    ],
)
def test_other_images_are_refused_in_words(images, shape, error, words):
    with pytest.raises(error, match=words):
        zoo.require_images(images, shape)


def test_predict_gives_what_the_model_gives_and_refuses_bytes():
    model = zoo.vgg((4, 4), (1, 1))
    images = np.random.default_rng(0).random((5, *SHAPE), "float32")
    np.testing.assert_allclose(zoo.predict(model, images, batch_size=2), model(images, training=False), atol=1e-5)
    with pytest.raises(TypeError, match="uint8"):
        zoo.predict(model, (images * 255).astype("uint8"))


# --- Normalisations folded -------------------------------------------------------------------------------
def shaken(model):
    """The model with statistics and scales that are not those of a normalisation that does nothing."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.moving_mean.shape
            layer.set_weights([rng.uniform(0.5, 2, size), *rng.normal(0, 0.5, (2, *size)), rng.uniform(0.1, 2, size)])
    return model


def norms(model):
    return sum(isinstance(layer, layers.BatchNormalization) for layer in model.layers)


@pytest.mark.parametrize(
    "build, kept",
    [
        (lambda: zoo.efficientnet_lite0(weights=None, size=64, top=False), 0),
        (lambda: zoo.resnet(8), 0),
        (lambda: zoo.resnet(8, block="preactivation"), 4),  # before the convolutions of a block, not after
        (lambda: zoo.airbench(width=8), 3),  # a maximum comes between
        (lambda: zoo.unet(3, (32, 32, 3), width=4, levels=2), 0),
    ],
)
def test_a_folded_network_gives_the_same_answers_with_fewer_layers(build, kept):
    keras.utils.set_random_seed(0)
    model = shaken(build())
    before = model.get_weights()
    folded = zoo.folded(model)
    images = np.random.default_rng(0).random((3, *model.input_shape[1:]), "float32")
    expected = model.predict(images, verbose=0)
    assert norms(folded) == kept < norms(model)
    np.testing.assert_allclose(folded.predict(images, verbose=0), expected, atol=1e-4 * np.abs(expected).max())
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights()))


def test_folding_takes_a_bias_a_multiplier_and_a_normalisation_without_scale_or_offset():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            layers.DepthwiseConv2D(3, depth_multiplier=3, bias_initializer="normal"),
            layers.BatchNormalization(scale=False, center=False),
            layers.Conv2D(4, 3, bias_initializer="normal"),
            layers.BatchNormalization(center=False),
        ]
    )
    for layer in model.layers[1::2]:
        layer.moving_mean.assign(np.arange(layer.moving_mean.shape[0]))
        layer.moving_variance.assign(1 + np.arange(layer.moving_mean.shape[0]))
    x = np.random.default_rng(0).random((2, 9, 9, 2), "float32")
    folded = zoo.folded(model)
    assert norms(folded) == 0
    np.testing.assert_allclose(folded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def test_a_normalisation_after_a_convolution_that_is_also_read_elsewhere_is_kept():
    inputs = keras.Input((8, 8, 3))
    filtered = layers.Conv2D(3, 1)(inputs)
    model = shaken(keras.Model(inputs, layers.Add()([filtered, layers.BatchNormalization()(filtered)])))
    x = np.random.default_rng(0).random((2, 8, 8, 3), "float32")
    folded = zoo.folded(model)
    assert norms(folded) == 1
    np.testing.assert_allclose(folded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
