"""The network of the recipe of lesson 2.3, and its first layer, against scikit-learn and a closed form."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from labs import zoo


def natural_images(count=60, side=12):
    """Images whose neighbouring pixels and colours look alike, in [0, 1]."""
    noise = np.random.default_rng(0).normal(size=(count, side, side, 3)).cumsum(axis=1).cumsum(axis=2)
    noise += 0.2 * noise.mean(axis=3, keepdims=True)
    return ((noise - noise.min()) / np.ptp(noise)).astype("float32")


def test_whitening_is_the_whitened_principal_components_of_the_patches():
    images = natural_images()
    kernel, bias = zoo.whitening(images, epsilon=0.0)
    patches = np.concatenate([extract_patches_2d(image, (2, 2)) for image in images]).reshape(-1, 12)
    expected = PCA(whiten=True).fit_transform(patches.astype("float64"))
    ours = patches @ kernel.reshape(12, 24) + bias
    np.testing.assert_allclose(np.abs(ours[:, :12]), np.abs(expected), atol=0.02)
    np.testing.assert_allclose(ours[:, 12:], -ours[:, :12], atol=1e-4)


def test_epsilon_bounds_how_much_a_direction_is_amplified():
    kernel, _ = zoo.whitening(np.full((5, 6, 6, 3), 0.5, "float32"), epsilon=0.01)
    np.testing.assert_allclose(np.linalg.norm(kernel.reshape(12, 24), axis=0), 10, rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 6, 3), (0, 6, 6, 3), (4, 1, 6, 3)])
def test_images_without_patches_are_refused(shape):
    with pytest.raises(ValueError, match="au moins 2×2 pixels"):
        zoo.whitening(np.zeros(shape, "float32"))


def test_airbench_has_the_shapes_and_the_parameters_that_one_counts_by_hand():
    model = zoo.airbench(width=24)
    shapes = [block.shape for block in zoo.blocks(model)]
    assert shapes == [(31, 31, 24), (15, 15, 24), (7, 7, 48), (3, 3, 96), (10,)]
    convolutions = 2 * 2 * 3 * 24 + 24 + 9 * (24 * 24 * 2 + 24 * 48 + 48 * 48 + 48 * 96 + 96 * 96)
    assert model.count_params() == convolutions + 4 * 2 * (24 + 48 + 96) + 96 * 10


def test_a_whitened_first_layer_is_frozen_and_a_random_one_is_learned():
    whitener = zoo.whitening(natural_images())
    first = zoo.airbench(whitener, width=8).get_layer("stem.conv")
    assert not first.trainable_variables
    np.testing.assert_array_equal(first.kernel, whitener[0])
    assert zoo.airbench(width=8).get_layer("stem.conv").trainable_variables
