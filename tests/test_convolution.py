"""The convolutions of labs.numpy_nn against Keras, OpenCV, SciPy and algebra."""

import itertools

import cv2
import keras
import numpy as np
import pytest
from scipy import signal

from labs import numpy_nn

RNG = np.random.default_rng(0)
OPTIONS = list(itertools.product((1, 2, 3), (1, 2, 3)))  # strides, dilations


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape, kernel", [((9, 9), (3, 3)), ((17, 23), (5, 3)), ((13, 8), (2, 4)), ((7, 7), (7, 7))])
def test_a_convolution_of_one_channel_is_the_correlation_of_scipy(shape, kernel):
    image, weights = draw(*shape), draw(*kernel)
    for mode, padding in (("valid", 0), ("full", max(kernel) - 1)):
        if mode == "valid" or kernel[0] == kernel[1]:
            got = numpy_nn.conv2d(image, weights, padding=padding)
            assert np.allclose(got, signal.correlate2d(image, weights, mode), atol=1e-5)


@pytest.mark.parametrize("stride, dilation", OPTIONS)
@pytest.mark.parametrize("shape, side", [((33, 31), 3), ((40, 25), 5)])
def test_a_convolution_of_one_channel_is_the_filter_of_opencv_sampled(shape, side, stride, dilation):
    image, weights = draw(*shape), draw(side, side)
    spread = np.zeros((dilation * (side - 1) + 1,) * 2, "float32")
    spread[::dilation, ::dilation] = weights
    expected = cv2.filter2D(image, -1, spread, borderType=cv2.BORDER_CONSTANT)[::stride, ::stride]
    got = numpy_nn.conv2d(image, weights, stride=stride, padding=len(spread) // 2, dilation=dilation)
    assert got.shape == expected.shape and np.allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("stride, dilation", [pair for pair in OPTIONS if 1 in pair])  # Keras refuses both at once
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("shape, kernel", [((2, 15, 21, 3), (3, 5, 3, 4)), ((1, 16, 9, 1), (2, 3, 1, 2))])
def test_a_convolution_of_several_channels_is_that_of_keras(shape, kernel, padding, stride, dilation):
    images, weights = draw(*shape), draw(*kernel)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    expected = np.asarray(keras.ops.conv(padded, weights, strides=stride, dilation_rate=dilation, padding="valid"))
    got = numpy_nn.conv2d(images, weights, stride=stride, padding=padding, dilation=dilation)
    assert got.shape == expected.shape and np.allclose(got, expected, atol=1e-5)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    assert got.shape[1:3] == tuple(numpy_nn.conv_size(n, k, **options) for n, k in zip(shape[1:3], kernel))


@pytest.mark.parametrize("stride, dilation", OPTIONS)
@pytest.mark.parametrize("padding", [0, 1])
def test_the_transposed_convolution_is_the_adjoint_of_the_convolution(stride, dilation, padding):
    kernel, outputs = RNG.normal(size=(3, 4, 2, 5)), RNG.normal(size=(2, 4, 3, 5))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    images = numpy_nn.conv2d_transpose(outputs, kernel, **options)
    x = RNG.normal(size=images.shape)
    assert np.vdot(numpy_nn.conv2d(x, kernel, **options), outputs) == pytest.approx(np.vdot(x, images))


@pytest.mark.parametrize("stride, dilation", [pair for pair in OPTIONS if 1 in pair])
def test_the_transposed_convolution_is_that_of_keras_when_the_kernel_covers_the_stride(stride, dilation):
    outputs, kernel = draw(2, 5, 6, 3), draw(3, 3, 2, 3)
    layer = keras.ops.conv_transpose(outputs, kernel, strides=stride, dilation_rate=dilation, padding="valid")
    assert np.allclose(numpy_nn.conv2d_transpose(outputs, kernel, stride=stride, dilation=dilation), layer, atol=1e-4)


@pytest.mark.parametrize("size, stride", [(2, None), (3, None), (3, 2), (2, 1)])
@pytest.mark.parametrize("shape", [(2, 12, 12, 3), (1, 13, 17, 2)])
def test_max_pooling_is_that_of_keras(size, stride, shape):
    images = draw(*shape) - 5  # below zero: a padding of zeros would show
    expected = keras.ops.max_pool(images, size, strides=stride or size, padding="valid")
    assert np.array_equal(numpy_nn.max_pool2d(images, size, stride=stride), expected)
    assert np.array_equal(numpy_nn.max_pool2d(images[0, :, :, 0], size, stride=stride), expected[0, :, :, 0])


@pytest.mark.parametrize(
    "layers",
    [[(3, 1, 1)] * 3, [(5, 1, 1), (2, 2, 1)] * 2, [(3, 1, 1), (3, 1, 2), (3, 1, 4)], [(7, 2, 1), (3, 2, 1), (3, 1, 2)]],
)
def test_the_receptive_field_is_the_extent_of_the_inputs_that_one_output_depends_on(layers):
    # An impulse per input pixel (float64, positive weights): the outputs that it reaches, by NumPy's own convolve.
    size = numpy_nn.receptive_field(layers)
    signals = np.eye(size + 30)
    for kernel, stride, dilation in layers:
        weights = np.zeros(dilation * (kernel - 1) + 1)
        weights[::dilation] = 1
        signals = np.stack([np.convolve(row, weights, "valid")[::stride] for row in signals])
    reached = np.flatnonzero(signals[:, 0])
    assert reached[-1] - reached[0] + 1 == size


def test_the_receptive_fields_of_alexnet_and_vgg16_are_those_that_are_published():
    alexnet = [(11, 4, 1), (3, 2, 1), (5, 1, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 1)]
    pool = (2, 2, 1)
    vgg16 = [layer for count in (2, 2, 3, 3, 3) for layer in [*[(3, 1, 1)] * count, pool]]
    # Araujo, Norris & Sim 2019, Computing Receptive Fields of Convolutional Neural Networks
    assert (numpy_nn.receptive_field(alexnet), numpy_nn.receptive_field(vgg16)) == (195, 212)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: numpy_nn.conv2d(draw(5, 5), draw(7, 7)), "fenêtre couvre 7 pixels.*que 5"),
        (lambda: numpy_nn.conv2d(draw(9, 9), draw(5, 5), dilation=3), "fenêtre couvre 13 pixels"),
        (lambda: numpy_nn.conv2d(draw(9, 9), draw(3, 3), stride=0), "pas 0"),
        (lambda: numpy_nn.conv2d(draw(9, 9), draw(3, 3), padding=-1), "remplissage -1"),
        (lambda: numpy_nn.conv2d(draw(9, 9, 3), draw(3, 3)), r"\(9, 9, 3\) et \(3, 3\)"),
        (lambda: numpy_nn.conv2d(draw(1, 9, 9, 3), draw(3, 3, 1, 4)), r"même C.*\(3, 3, 1, 4\)"),
        (lambda: numpy_nn.conv2d_transpose(draw(1, 9, 9, 3), draw(3, 3, 3, 4)), r"\(h, w, K, C\).*\(3, 3, 3, 4\)"),
        (lambda: numpy_nn.conv2d_transpose(draw(1, 1, 1, 4), draw(3, 3, 3, 4), padding=2), "ôterait toute l'image"),
        (lambda: numpy_nn.im2col(draw(9, 9), (3, 3)), r"\(N, H, W, canaux\).*\(9, 9\)"),
        (lambda: numpy_nn.max_pool2d(draw(9, 9), 10), "fenêtre couvre 10"),
    ],
)
def test_a_wrong_input_gets_a_sentence_that_says_what_to_do(call, words):
    with pytest.raises(ValueError, match=words):
        call()
