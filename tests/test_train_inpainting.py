"""scripts/train_inpainting.py: what it writes can be read again, and its score is that of what it wrote. Lesson 4.5."""

import re

import numpy as np
import pytest
import train_inpainting
from skimage import metrics

from labs import catalogue, datasets, inpainting, weights


@pytest.fixture
def tiny(monkeypatch):
    """The recipe of the photographs on 32 random images, and 5 to be judged on."""
    images = np.random.default_rng(0).random((37, 32, 32, 3), "float32")
    recipe = train_inpainting.RECIPES["inpainting_photos"]._replace(read=lambda: (images[5:], images[:5], None))
    monkeypatch.setitem(train_inpainting.RECIPES, "inpainting_photos", recipe)
    monkeypatch.setattr(train_inpainting, "HOLES", 20)
    return images[:5]


def test_the_weights_written_are_read_again_and_their_score_is_the_one_printed(tiny, tmp_path, monkeypatch, capsys):
    assert train_inpainting.main(["inpainting_photos", "--epochs", "1", "--out", str(tmp_path)]) == 0
    printed = float(re.search(r"inpainting_photos : ([\d.]+) dB", capsys.readouterr().out)[1])
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    model = weights.restore(inpainting.unet((32, 32, 3), convolution="gated"), "inpainting_photos")
    holes = inpainting.rectangles(5, (32, 32), 0.25, seed=2)
    output = model.predict(inpainting.inputs(tiny, holes), verbose=0)
    scores = [
        metrics.peak_signal_noise_ratio(a[hole], b[hole], data_range=1) for a, b, hole in zip(tiny, output, holes)
    ]
    assert printed == pytest.approx(np.mean(scores), abs=0.01)


def test_a_training_that_diverges_writes_nothing(tiny, tmp_path, monkeypatch):
    recipe = train_inpainting.RECIPES["inpainting_photos"]._replace(rate=float("nan"))
    monkeypatch.setitem(train_inpainting.RECIPES, "inpainting_photos", recipe)
    with pytest.raises(ValueError, match="nan"):
        train_inpainting.main(["inpainting_photos", "--epochs", "1", "--out", str(tmp_path)])
    assert list(tmp_path.rglob("*.npz")) == []


def test_no_person_is_both_learned_and_judged(monkeypatch):
    monkeypatch.setattr(train_inpainting, "features_of", lambda images, people: (images, people))
    learned, judged, (once, people) = train_inpainting.faces()
    data = datasets.load("orl_faces")
    every, who = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    assert learned.shape == (6400, 56, 46, 1) and len(judged) == 80 and set(people) == set(range(32))
    means = every.reshape(400, 56, 2, 46, 2).astype("float64").mean(axis=(2, 4)) / 255
    assert np.allclose(judged[..., 0], means[who >= 32]) and np.allclose(learned[::20, ..., 0], means[who < 32])
    assert np.array_equal(once, learned[::20])


def test_the_photographs_are_those_of_cifar10_and_the_test_is_not_in_the_training():
    learned, judged, features = train_inpainting.photos()
    data = datasets.load("cifar10")
    assert features is None
    assert np.array_equal(np.round(learned * 255), data.x_train)
    assert np.array_equal(np.round(judged * 255), data.x_test[:200])
