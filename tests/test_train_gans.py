"""scripts/train_gans.py: what it writes can be read again, its score is that of what it wrote, and nothing else is."""

import re

import keras
import numpy as np
import pytest
import scipy.linalg
import train_gans

from labs import catalogue, datasets, gans, weights, zoo


def recipe(average, rate=1e-3):
    def build(steps):
        gan = gans.GAN(gans.generator(width=2), gans.critic(width=2), average=average)
        gan.compile(keras.optimizers.Adam(rate), keras.optimizers.Adam(rate))
        return gan

    return train_gans.Recipe(build, steps=1000, batch_size=8)


@pytest.mark.parametrize("average", [None, 0.5])
def test_the_weights_written_are_read_again_and_their_score_is_the_one_printed(average, tmp_path, monkeypatch, capsys):
    # Features on which the score costs nothing; the real ones are drawn once, before data/ is hidden.
    features = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.AveragePooling2D(7), keras.layers.Flatten()])
    monkeypatch.setattr(zoo, "fashion_classifier", lambda top: features)
    monkeypatch.setitem(train_gans.RECIPES, "dcgan", recipe(average))
    monkeypatch.setattr(train_gans, "GENERATED", 400)
    images = datasets.load("fashion_mnist").x_test[..., None].astype("float32") / 255
    monkeypatch.setattr(train_gans, "read_images", lambda: (images[:100], images))
    assert train_gans.main(["dcgan", "--steps", "6", "--out", str(tmp_path)]) == 0
    printed = float(re.search(r"distance de Fréchet ([\d.]+) entre 400", capsys.readouterr().out)[1])
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    generator = weights.restore(gans.generator(width=2), "dcgan")  # its sha256 is recorded, or this raises
    fakes = np.asarray(generator(keras.random.normal((400, 64), seed=0), training=False))
    a, b = (
        x.reshape(len(x), 4, 7, 4, 7).mean(axis=(2, 4)).reshape(len(x), 16).astype("float64") for x in (fakes, images)
    )
    first, second = (np.cov(x, rowvar=False) for x in (a, b))
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(first + second - 2 * root)
    assert printed == pytest.approx(expected, abs=0.006)


def test_a_training_that_diverges_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(train_gans.RECIPES, "dcgan", recipe(None, rate=1e38))
    images = np.random.default_rng(0).random((100, 28, 28, 1), "float32")
    monkeypatch.setattr(train_gans, "read_images", lambda: (images, images))
    with pytest.raises(gans.Diverged):
        train_gans.main(["dcgan", "--steps", "20", "--out", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_each_recipe_has_its_file_and_builds_a_gan_that_can_train():
    for name, one in train_gans.RECIPES.items():
        assert name in weights.FILES
        gan = one.build(one.steps)
        assert gan.generator.output_shape == (None, 28, 28, 1) and gan.optimizer.built and gan.critic_optimizer.built
