"""labs.inpainting: holes, fillings, layers, losses, measures and obfuscation, against loops and closed forms."""

import cv2
import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage
from skimage import metrics

from labs import inpainting

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state
CLASSICAL = [inpainting.telea, inpainting.navier_stokes, inpainting.biharmonic]


@pytest.fixture(autouse=True)
def same_draws():
    """Each test draws the same numbers, whichever tests are run before it."""
    RNG.bit_generator.state = START


@pytest.fixture
def images():
    return RNG.random((3, 24, 20, 2)).astype("float32")


@pytest.fixture
def holes():
    return inpainting.rectangles(3, (24, 20), 0.2, seed=1)


# ── Holes ──


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.5, 0.9])
def test_a_rectangle_is_full_has_the_share_asked_for_and_is_not_too_long(share):
    for hole in inpainting.rectangles(20, (112, 92), share):
        rows, columns = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        assert hole.sum() == rows * columns and abs(hole.sum() - share * hole.size) <= max(rows, columns) / 2
        assert max(rows, columns) <= 2 * min(rows, columns)


def test_rectangles_are_anywhere_and_a_whole_share_covers_everything():
    assert inpainting.rectangles(2, (7, 40), 1).all()
    holes = inpainting.rectangles(400, (30, 30), 0.2)
    assert holes.mean(axis=0).min() > 0  # every pixel is hidden at times, corners too
    assert len({hole.tobytes() for hole in holes}) > 300


def test_a_long_image_gets_the_squarest_rectangle_that_fits():
    assert (inpainting.rectangles(3, (4, 100), 0.5).sum(axis=(1, 2)) == 200).all()


@pytest.mark.parametrize("share", [0.05, 0.25, 0.7])
def test_strokes_have_the_share_asked_for_to_a_dab_and_are_no_rectangles(share):
    dab = np.pi * (0.06 * 92 + 1.5) ** 2
    for hole in inpainting.strokes(5, (112, 92), share):
        assert share * hole.size <= hole.sum() < share * hole.size + dab
        assert hole.any(axis=1).sum() * hole.any(axis=0).sum() > 1.1 * hole.sum()


def test_strokes_can_cover_everything():
    assert inpainting.strokes(1, (15, 12), 1).all()


@pytest.mark.parametrize("draw", [inpainting.rectangles, inpainting.strokes])
def test_holes_come_from_the_seed_and_their_shares_from_the_interval(draw):
    holes = draw(40, (40, 40), (0.1, 0.4), seed=3)
    assert holes.dtype == bool and holes.shape == (40, 40, 40)
    assert np.array_equal(holes, draw(40, (40, 40), (0.1, 0.4), seed=3))
    assert not np.array_equal(holes, draw(40, (40, 40), (0.1, 0.4), seed=4))
    shares = holes.mean(axis=(1, 2))
    assert 0.08 < shares.min() < 0.16 and 0.34 < shares.max() < 0.43


@pytest.mark.parametrize("draw", [inpainting.rectangles, inpainting.strokes])
@pytest.mark.parametrize("share", [0, -0.1, 1.2, 25, (0.4, 0.1), (0, 0.5), float("nan")])
def test_a_share_that_is_none_is_refused(draw, share):
    with pytest.raises(ValueError, match=r"\]0, 1\]"):
        draw(1, (10, 10), share)


@pytest.mark.parametrize("shape", [(10, 10, 3), (0, 10), (10,)])
def test_a_shape_that_is_no_height_and_width_is_refused(shape):
    for draw in (inpainting.rectangles, inpainting.strokes):
        with pytest.raises(ValueError, match=r"\(hauteur, largeur\)"):
            draw(1, shape, 0.2)


def test_a_composite_has_the_output_in_the_holes_only(images, holes):
    made = inpainting.composite(images, np.zeros_like(images), holes)
    assert not made[holes].any() and np.array_equal(made[~holes], images[~holes])


WRONG = [
    (lambda x, h: (x, h[:2]), ValueError, r"\(3, 24, 20\).*\(2, 24, 20\)"),
    (lambda x, h: (x, h[:, :12]), ValueError, r"\(3, 24, 20\).*\(3, 12, 20\)"),
    (lambda x, h: (x, h[..., None]), ValueError, "de la même taille"),
    (lambda x, h: (x, h[0]), ValueError, "np.repeat"),
    (lambda x, h: (x, h.astype("float32")), TypeError, "trous > 0"),
    (lambda x, h: (x[0], h[0]), ValueError, r"\(N, H, L, C\)"),
    (lambda x, h: (x[..., 0], h), ValueError, r"\[..., None\]"),
    (lambda x, h: ((x * 255).astype("uint8"), h), TypeError, "divisez par 255"),
    (lambda x, h: (x * 255, h), ValueError, "divisez par 255"),
]


@pytest.mark.parametrize("change, error, words", WRONG)
@pytest.mark.parametrize("use", [*CLASSICAL, inpainting.inputs, inpainting.targets])
def test_wrong_masks_and_wrong_images_are_refused_in_words(images, holes, use, change, error, words):
    with pytest.raises(error, match=words):
        use(*change(images, holes))


@pytest.mark.parametrize("measure", [inpainting.psnr, inpainting.ssim, inpainting.composite])
def test_images_of_two_shapes_are_not_compared(images, holes, measure):
    with pytest.raises(ValueError, match=r"\(3, 24, 20, 2\) et \(3, 24, 20, 1\)"):
        measure(images, images[..., :1], holes)
    with pytest.raises(ValueError, match="de la même taille"):
        measure(images, images, holes[:, 1:])


# ── Filling by equations ──


@pytest.mark.parametrize("fill", CLASSICAL)
def test_a_flat_image_stays_flat_to_two_levels_and_what_is_known_is_kept(fill, images, holes):
    flat = np.full((3, 24, 20, 2), 0.6, "float32")
    assert fill(flat, holes) == pytest.approx(flat, abs=2.01 / 255)
    filled = fill(images, holes)
    assert filled.dtype == np.float32 and filled.min() >= 0 and filled.max() <= 1
    assert np.array_equal(filled[~holes], images[~holes]) and not np.array_equal(filled, images)


def test_what_lies_under_the_hole_is_not_looked_at(images, holes):
    other = inpainting.composite(images, RNG.random(images.shape).astype("float32"), holes)
    for fill in CLASSICAL:
        assert np.array_equal(fill(images, holes), fill(other, holes))


def test_a_plane_and_even_a_paraboloid_of_zero_bilaplacian_are_recovered():
    rows, columns = np.mgrid[:40, :40] / 40
    for surface in (0.2 + 0.5 * rows + 0.1 * columns, 0.3 + rows**2 - columns**2 / 2 + rows * columns / 4):
        image = ((surface - surface.min()) / np.ptp(surface)).astype("float32")[None, ..., None]
        hole = np.zeros((1, 40, 40), bool)
        hole[:, 12:26, 10:24] = True
        assert inpainting.biharmonic(image, hole) == pytest.approx(image, abs=2e-3)


@pytest.mark.parametrize(
    "fill, flag", [(inpainting.telea, cv2.INPAINT_TELEA), (inpainting.navier_stokes, cv2.INPAINT_NS)]
)
def test_opencv_gives_the_same_on_a_picture_of_256_levels(fill, flag):
    picture = ndimage.gaussian_filter(RNG.random((40, 30, 3)), (2, 2, 0))
    picture = np.round(255 * (picture - picture.min()) / np.ptp(picture)).astype("uint8")
    hole = inpainting.strokes(1, (40, 30), 0.2)
    expected = cv2.inpaint(picture, hole[0].astype("uint8"), 5, flag)
    assert np.array_equal(np.round(fill(picture[None].astype("float32") / 255, hole, radius=5)[0] * 255), expected)


@pytest.mark.parametrize("fill", CLASSICAL)
def test_nothing_to_fill_changes_nothing_and_nothing_known_is_an_error(fill, images, holes):
    holes[0] = False
    assert np.array_equal(fill(images, holes)[0], images[0])
    holes[1] = True
    with pytest.raises(ValueError, match="l'image 1 la couvre tout entière"):
        fill(images, holes)


# ── Partial and gated convolutions ──


def partial(channels, filters=4, size=3, strides=1):
    layer = inpainting.PartialConvolution(filters, size, strides)
    layer.build([(None, None, None, channels), (None, None, None, 1)])
    layer.set_weights([RNG.normal(size=w.shape).astype("float32") for w in layer.weights])
    return layer


def by_loop(layer, x, mask):
    """Equations 1 and 2 of Liu et al. 2018, window by window, strides 1: sum(1) counts what lies in the image."""
    kernel, bias = layer.get_weights()
    reach, (height, width) = len(kernel) // 2, x.shape[1:3]
    output, updated = np.zeros((*x.shape[:3], kernel.shape[-1])), np.zeros((*x.shape[:3], 1))
    for n, i, j in np.ndindex(*x.shape[:3]):
        total, ones, known = np.zeros(kernel.shape[-1]), 0, 0
        for di, dj, c in np.ndindex(*kernel.shape[:3]):
            row, column = i + di - reach, j + dj - reach
            if 0 <= row < height and 0 <= column < width:
                total += kernel[di, dj, c] * x[n, row, column, c] * mask[n, row, column, c]
                ones, known = ones + 1, known + mask[n, row, column, c]
        if known:
            output[n, i, j], updated[n, i, j] = total * ones / known + bias, 1
    return output, updated


@pytest.mark.parametrize("size", [3, 5])
def test_a_partial_convolution_is_that_of_the_paper_with_one_mask_or_one_a_channel(size):
    layer, x = partial(2, size=size), RNG.normal(size=(2, 9, 8, 2)).astype("float32")
    for channels in (1, 2):
        mask = (RNG.random((2, 9, 8, channels)) < 0.3).astype("float32")
        mask[:, :4] = 0  # rows 0 and 1 see nothing
        output, updated = layer([x, mask])
        expected = by_loop(layer, x, np.broadcast_to(mask, x.shape))
        np.testing.assert_allclose(output, expected[0], rtol=1e-4, atol=1e-4)
        assert np.array_equal(updated, expected[1]) and 0 < np.mean(updated) < 1


@pytest.mark.parametrize("size, strides", [(3, 1), (3, 2), (5, 2), (1, 1)])
@pytest.mark.parametrize("sides", [(12, 10), (11, 7)])
def test_with_everything_known_it_is_an_ordinary_convolution(size, strides, sides):
    layer, x = partial(3, 4, size, strides), RNG.normal(size=(2, *sides, 3)).astype("float32")
    output, updated = layer([x, np.ones((2, *sides, 1), "float32")])
    ordinary = keras.layers.Conv2D(4, size, strides, padding="same")
    ordinary.build(x.shape)
    ordinary.set_weights(layer.get_weights())
    np.testing.assert_allclose(output, ordinary(x), rtol=1e-4, atol=1e-4)
    assert np.all(updated == 1) and output.shape[:3] == updated.shape[:3]


def test_with_nothing_known_it_gives_zero_and_an_empty_mask():
    output, updated = partial(3, strides=2)([RNG.normal(size=(1, 8, 8, 3)), np.zeros((1, 8, 8, 1))])
    assert not np.any(output) and not np.any(updated)


def test_values_in_the_hole_do_not_matter_and_a_flat_image_stays_flat_however_it_is_holed():
    mask = (RNG.random((1, 12, 12, 1)) < 0.3).astype("float32")
    layer = partial(1)
    layer.set_weights([np.full((3, 3, 1, 4), 0.5, "float32"), np.ones(4, "float32")])
    outputs = [layer([np.where(mask > 0, 0.4, noise), mask]) for noise in (0.0, RNG.normal(size=mask.shape))]
    np.testing.assert_array_equal(outputs[0][0], outputs[1][0])
    inside = np.s_[:, 1:-1, 1:-1]
    flat = np.asarray(outputs[0][0])[inside][np.asarray(outputs[0][1])[inside][..., 0] > 0]
    np.testing.assert_allclose(flat, 9 * 0.5 * 0.4 + 1, rtol=1e-5)


def test_a_hole_shrinks_by_the_reach_of_the_window_at_each_layer():
    known = np.ones((1, 30, 30, 1), "float32")
    known[:, 8:21, 9:22] = 0
    expected = known[0, ..., 0]
    for size in (3, 5, 3):
        _, known = partial(1, size=size)([known, known])
        expected = ndimage.binary_dilation(expected, np.ones((size, size)))
        assert np.array_equal(np.asarray(known)[0, ..., 0], expected)


def gated(channels, gates):
    layer = inpainting.GatedConvolution(3, 3, 2)
    layer.build((None, None, None, channels))
    kernel, bias = RNG.normal(size=layer.kernel.shape), RNG.normal(size=6)
    if gates is not None:
        kernel[..., 3:], bias[3:] = 0, gates
    layer.set_weights([kernel.astype("float32"), bias.astype("float32")])
    return layer


def test_a_gated_convolution_is_one_convolution_times_the_sigmoid_of_another():
    layer, x = gated(2, None), RNG.normal(size=(2, 9, 7, 2)).astype("float32")
    halves = []
    for part in (np.s_[..., :3], np.s_[..., 3:]):
        half = keras.layers.Conv2D(3, 3, 2, padding="same")
        half.build(x.shape)
        half.set_weights([weights[part] for weights in layer.get_weights()])
        halves.append(np.asarray(half(x)))
    elu = np.where(halves[0] > 0, halves[0], np.expm1(halves[0]))
    np.testing.assert_allclose(layer(x), elu / (1 + np.exp(-halves[1])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gates, share", [(-100, 0), (0, 0.5), (100, 1)])
def test_a_gate_lets_everything_half_or_nothing_through(gates, share):
    layer, x = gated(2, gates), RNG.normal(size=(2, 9, 7, 2)).astype("float32")
    features = ops.elu(ops.conv(x, layer.kernel[..., :3], 2, padding="same") + layer.bias[:3])
    np.testing.assert_allclose(layer(x), share * np.asarray(features), rtol=1e-5, atol=1e-6)


# ── The U-Net ──


@pytest.mark.parametrize("convolution", ["partial", "gated", "plain"])
@pytest.mark.parametrize("shape", [(24, 20, 2), (17, 9, 1)])
def test_a_unet_gives_images_of_the_same_shape_and_can_be_written_and_read_again(convolution, shape, tmp_path):
    model = inpainting.unet(shape, widths=(4, 6, 8), convolution=convolution)
    images = RNG.random((2, *shape)).astype("float32")
    given = inpainting.inputs(images, inpainting.rectangles(2, shape[:2], 0.3))
    output = model.predict(given, verbose=0)
    assert output.shape == images.shape and output.min() >= 0 and output.max() <= 1
    model.save(tmp_path / "unet.keras")
    again = keras.models.load_model(tmp_path / "unet.keras")
    np.testing.assert_allclose(again.predict(given, verbose=0), output, atol=1e-6)


def test_a_unet_of_partial_convolutions_cannot_see_under_the_holes(images, holes):
    model = inpainting.unet((24, 20, 2), widths=(4, 6))
    given = inpainting.inputs(images, holes)
    other = given.copy()
    other[..., :-1][holes] = RNG.random((holes.sum(), 2))
    np.testing.assert_array_equal(model(given), model(other))
    other[..., 0][~holes] += 0.5
    assert not np.allclose(model(given), model(other), atol=1e-3)


def test_a_hole_that_covers_everything_gives_a_finite_image_and_an_empty_one_the_image(images, holes):
    holes[0], holes[1] = True, False
    model = inpainting.unet((24, 20, 2), widths=(4, 6))
    filled = inpainting.fill(model, images, holes)
    assert np.isfinite(filled).all() and np.array_equal(filled[1], images[1])
    assert np.array_equal(filled[~holes], images[~holes])


def test_an_unknown_convolution_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="« partial », « gated », « plain »"):
        inpainting.unet((8, 8, 1), convolution="dilated")


def test_a_network_reads_no_pixel_of_the_hole_and_is_compared_with_all(images, holes):
    given, wanted = inpainting.inputs(images, holes), inpainting.targets(images, holes)
    assert given.dtype == wanted.dtype == np.float32
    assert not given[..., :-1][holes].any() and np.array_equal(given[~holes][:, :-1], images[~holes])
    assert np.array_equal(wanted[..., :-1], images)
    assert np.array_equal(given[..., -1], holes) and np.array_equal(wanted[..., -1], holes)


@pytest.mark.parametrize("convolution", ["partial", "gated"])
def test_a_unet_learns_to_fill_a_flat_colour_that_is_around_the_hole(convolution):
    keras.utils.set_random_seed(0)
    colours = np.random.default_rng(0).uniform(0.1, 0.9, 64).astype("float32")
    images = np.broadcast_to(colours[:, None, None, None], (64, 16, 16, 1))
    holes = inpainting.rectangles(64, (16, 16), 0.25)
    model = inpainting.unet((16, 16, 1), widths=(8, 8), convolution=convolution)
    model.compile(keras.optimizers.Adam(1e-2), inpainting.objective(variation=0.1))
    model.fit(inpainting.inputs(images, holes), inpainting.targets(images, holes), epochs=40, verbose=0, batch_size=16)
    error = np.abs(inpainting.fill(model, images, holes) - images)[holes].mean()
    assert error < 0.08  # 0.2 for a grey that does not look around


# ── Losses ──


def test_the_reconstruction_loss_weighs_the_hole_and_the_rest(images, holes):
    output = RNG.random(images.shape).astype("float32")
    gaps = np.abs(output - images)
    expected = (gaps[~holes].sum() + 6 * gaps[holes].sum()) / images.size
    got = inpainting.reconstruction_loss(images, output, holes[..., None].astype("float32"))
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_the_total_variation_is_a_sum_over_neighbours_within_a_pixel_of_the_hole(images, holes):
    region = [ndimage.binary_dilation(hole, np.ones((3, 3))) for hole in holes]
    total = 0.0
    for n, i, j in np.ndindex(holes.shape):
        for di, dj in ((1, 0), (0, 1)):
            if i + di < 24 and j + dj < 20 and region[n][i, j] and region[n][i + di, j + dj]:
                total += np.abs(images[n, i, j] - images[n, i + di, j + dj]).sum()
    got = inpainting.total_variation(ops.convert_to_tensor(images), holes[..., None].astype("float32"))
    assert float(got) == pytest.approx(total / images.size, rel=1e-5)


def test_the_perceptual_loss_compares_the_features_of_two_images_with_those_of_the_truth(images):
    output, composed = RNG.random((2, *images.shape)).astype("float32")
    same = inpainting.perceptual_loss(lambda x: x, images, output, composed)
    assert float(same) == pytest.approx(np.abs(output - images).mean() + np.abs(composed - images).mean(), rel=1e-5)
    several = inpainting.perceptual_loss(lambda x: [x, 3 * x[:, ::2]], images, output, composed)
    rows = np.s_[:, ::2]
    more = 3 * (np.abs(output - images)[rows].mean() + np.abs(composed - images)[rows].mean())
    assert float(several) == pytest.approx(float(same) + more, rel=1e-5)
    assert float(inpainting.perceptual_loss(lambda x: x, images, images, images)) == 0


def test_the_objective_adds_the_weighted_terms_and_is_zero_for_the_flat_truth(images, holes):
    mask, output = holes[..., None].astype("float32"), RNG.random(images.shape).astype("float32")
    composed = np.where(mask > 0, output, images)
    expected = (
        inpainting.reconstruction_loss(images, output, mask, 2.0)
        + 0.3 * inpainting.total_variation(ops.convert_to_tensor(composed), mask)
        + 0.5 * inpainting.perceptual_loss(ops.square, images, output, composed)
    )
    loss = inpainting.objective(hole=2.0, variation=0.3, perceptual=0.5, features=ops.square)
    got = loss(ops.convert_to_tensor(inpainting.targets(images, holes)), ops.convert_to_tensor(output))
    assert float(got) == pytest.approx(float(expected), rel=1e-5)
    flat = np.full_like(images, 0.25)
    assert float(inpainting.objective()(ops.convert_to_tensor(inpainting.targets(flat, holes)), flat)) == 0


# ── Measures ──


def test_the_psnr_of_a_constant_error_is_known_and_the_rest_of_the_image_does_not_count(images, holes):
    truth = images / 2
    output = RNG.random(images.shape).astype("float32")
    output[holes] = truth[holes] + 0.1
    assert inpainting.psnr(truth, output, holes) == pytest.approx([20, 20, 20], abs=1e-4)


def test_over_a_hole_that_covers_everything_the_psnr_is_that_of_scikit_image(images):
    output, everywhere = RNG.random(images.shape).astype("float32"), np.ones(images.shape[:3], bool)
    expected = [metrics.peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(images, output)]
    assert inpainting.psnr(images, output, everywhere) == pytest.approx(expected, abs=1e-4)


def test_a_perfect_filling_and_an_empty_hole_have_defined_measures(images, holes):
    holes[1] = False
    psnr, ssim = inpainting.psnr(images, images, holes), inpainting.ssim(images, images, holes)
    assert psnr[0] == psnr[2] == np.inf and np.isnan(psnr[1])
    assert ssim[[0, 2]] == pytest.approx([1, 1]) and np.isnan(ssim[1])


def test_inside_a_border_of_five_pixels_the_ssim_is_that_of_scikit_image():
    truth = RNG.random((2, 40, 30, 3)).astype("float32")
    output = np.clip(truth + RNG.normal(0, 0.2, truth.shape), 0, 1).astype("float32")
    inside = np.zeros((2, 40, 30), bool)
    inside[:, 5:-5, 5:-5] = True
    expected = [
        metrics.structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                      data_range=1.0, channel_axis=-1)
        for a, b in zip(truth, output)
    ]  # fmt: skip
    assert inpainting.ssim(truth, output, inside) == pytest.approx(expected, abs=1e-5)


def test_the_ssim_of_one_pixel_is_the_formula_of_wang_and_others():
    truth, output = RNG.random((2, 1, 21, 21, 1)).astype("float32")
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    a, b = truth[0, 4:15, 6:17, 0].astype("float64"), output[0, 4:15, 6:17, 0].astype("float64")
    means = (weights * a).sum(), (weights * b).sum()
    variances = (weights * a**2).sum() - means[0] ** 2, (weights * b**2).sum() - means[1] ** 2
    covariance = (weights * a * b).sum() - means[0] * means[1]
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * means[0] * means[1] + c1) * (2 * covariance + c2)
    expected /= (means[0] ** 2 + means[1] ** 2 + c1) * (sum(variances) + c2)
    hole = np.zeros((1, 21, 21), bool)
    hole[0, 9, 11] = True
    assert inpainting.ssim(truth, output, hole) == pytest.approx([expected], abs=1e-6)


def test_images_smaller_than_the_window_of_the_ssim_are_refused():
    with pytest.raises(ValueError, match="10×30 sont trop petites"):
        inpainting.ssim(*np.zeros((2, 1, 10, 30, 1), "float32"), np.ones((1, 10, 30), bool))


# ── Obfuscation ──


@pytest.mark.parametrize("size", [1, 3, 4, 7, 24, 100])
def test_each_square_of_a_mosaic_has_its_mean_even_cut_by_the_border(images, size):
    expected = np.empty(images.shape)
    for n, top, left in np.ndindex(3, -(-24 // size), -(-20 // size)):
        square = np.s_[n, top * size : (top + 1) * size, left * size : (left + 1) * size]
        expected[square] = images[square].astype("float64").mean(axis=(0, 1))
    got = inpainting.mosaic(images, size)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert got.dtype == np.float32 and got.shape == images.shape
    assert len(np.unique(got[0, ..., 0])) == got[0, ::size, ::size, 0].size


@pytest.mark.parametrize("size", [0, -2, 2.5, "16", True, None])
def test_a_square_that_is_no_number_of_pixels_is_refused(images, size):
    with pytest.raises(ValueError, match="nombre entier de pixels"):
        inpainting.mosaic(images, size)


def test_a_blurred_point_is_a_gaussian_and_the_mean_of_an_image_stays(images):
    point = np.zeros((1, 61, 61, 1), "float32")
    point[0, 30, 30] = 1
    offsets = np.arange(61) - 30
    bell = np.exp(-(offsets**2) / (2 * 3.0**2))
    bell /= bell.sum()
    np.testing.assert_allclose(inpainting.blur(point, 3.0)[0, ..., 0], np.outer(bell, bell), atol=1e-5)
    assert inpainting.blur(images, 2.0).mean(axis=(1, 2)) == pytest.approx(images.mean(axis=(1, 2)), abs=1e-5)
    assert inpainting.blur(images, 2.0).dtype == np.float32


@pytest.mark.parametrize("sigma", [0, -1.0, float("nan")])
def test_a_blur_without_width_is_refused(images, sigma):
    with pytest.raises(ValueError, match="nombre positif de pixels"):
        inpainting.blur(images, sigma)


@pytest.mark.parametrize("hide", [lambda x: inpainting.mosaic(x, 4), lambda x: inpainting.blur(x, 2)])
def test_images_to_hide_are_a_batch_in_the_range(images, hide):
    with pytest.raises(ValueError, match=r"\(N, H, L, C\)"):
        hide(images[0])
    with pytest.raises(TypeError, match="divisez par 255"):
        hide((images * 255).astype("uint8"))
