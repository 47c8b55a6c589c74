"""scripts/train_sgan.py: what it writes can be read again, and its score is that of what it wrote. Lesson 3.7."""

import functools
import re

import keras
import numpy as np
import pytest
import train_sgan

from labs import catalogue, datasets, gans, weights


def tiny_images(seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"train": 300, "validation": 20, "test": 50}
    return {name: (rng.random((size, 28, 28, 1), "float32"), np.arange(size) % 10) for name, size in sizes.items()}


def test_the_weights_written_are_read_again_and_their_score_is_the_one_printed(tmp_path, monkeypatch, capsys):
    images = tiny_images()
    monkeypatch.setattr(train_sgan, "read_images", lambda: images)
    assert train_sgan.main(["--seeds", "1", "--steps", "3", "--out", str(tmp_path)]) == 0
    printed = float(re.search(r"sgan_1 : ([\d.]+)% sur 50", capsys.readouterr().out)[1])
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    critic = weights.restore(gans.noisy_classifier(), "sgan_1")  # its sha256 is recorded, or this raises
    x, y = images["test"]
    hidden = x.reshape(50, 784) * 3  # the network by hand: no noise outside training
    arrays = critic.get_weights()
    for kernel, bias in zip(arrays[:-2:2], arrays[1:-2:2]):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    assert printed == pytest.approx(100 * np.mean((hidden @ arrays[-2] + arrays[-1]).argmax(axis=1) == y), abs=0.01)


def test_a_training_that_diverges_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(train_sgan, "read_images", tiny_images)
    monkeypatch.setattr(gans, "sgan", functools.partial(gans.sgan, rate=1e38))
    with pytest.raises(gans.Diverged):
        train_sgan.main(["--seeds", "0", "--steps", "20", "--out", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_training_validation_and_test_share_no_image_and_each_seed_has_its_file():
    splits = train_sgan.read_images()
    whole = datasets.load("mnist")
    assert [len(splits[name][1]) for name in ("train", "validation", "test")] == [18_000, 2000, 10_000]
    seen = np.concatenate([splits[name][0] for name in ("train", "validation")])[..., 0]
    assert np.array_equal(np.round(seen * 255), whole.x_train)
    assert all(f"sgan_{seed}" in weights.FILES for seed in train_sgan.SEEDS)


def test_few_labels_draws_as_many_of_each_class_without_replacement_and_its_seed_gives_them_again():
    labels = np.random.default_rng(0).integers(4, size=200)
    ranks = gans.few_labels(labels, 7, seed=3)
    assert len(set(ranks)) == 28 and np.bincount(labels[ranks]).tolist() == [7] * 4
    assert np.array_equal(ranks, gans.few_labels(labels, 7, seed=3))
    assert not np.array_equal(ranks, gans.few_labels(labels, 7, seed=4))
    with pytest.raises(ValueError, match="Attendu de 1 à"):
        gans.few_labels(labels, 100)


def test_the_classifier_of_lesson_3_7_is_noisy_in_training_only_and_its_moving_average_is_kept():
    images, labels = tiny_images()["test"]
    gan = gans.sgan(images[:10], labels[:10])
    noisy, calm = ([np.asarray(gan.critic(images, training=mode)) for _ in range(2)] for mode in (True, False))
    assert np.array_equal(*calm) and not np.allclose(*noisy)
    bias, mean = gan.critic.trainable_variables[1], None  # free, unlike the kernels
    for _ in range(3):
        before = np.asarray(gan.critic_optimizer._model_variables_moving_average[1]) if mean is not None else None
        gan.train_step(keras.ops.convert_to_tensor(images))
        mean = np.asarray(gan.critic_optimizer._model_variables_moving_average[1])
        assert np.linalg.norm(gan.critic.trainable_variables[0], axis=0) == pytest.approx(1, abs=1e-5)
        if before is not None:
            assert mean == pytest.approx(0.995 * before + 0.005 * np.asarray(bias), abs=1e-8)
    gan.critic_optimizer.finalize_variable_values(gan.critic.trainable_variables)
    assert np.asarray(bias) == pytest.approx(mean, abs=1e-7)
