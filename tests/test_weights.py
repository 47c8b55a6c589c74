"""Weights that the course carries: written whole or not at all, read into the right architecture or not at all."""

import hashlib

import keras
import numpy as np
import pytest

from labs import catalogue, weights


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data/ folder."""
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    return tmp_path


def network(units=3, seed=0):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense(units, name="dense")
    return keras.Sequential([keras.Input((4,)), dense, keras.layers.BatchNormalization(name="norm")], name="petit")


def ship(model, data, name="resnet20"):
    file = data / weights.FILES[name]
    weights.save(model, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (data / catalogue.SUMS).write_text(f"{digest}  {weights.FILES[name]}\n", encoding="utf-8")
    return file


def values(model):
    return [np.asarray(variable) for variable in model.weights]


def test_weights_come_back_to_the_precision_of_float16(data):
    model, other = network(), network(seed=1)
    model.get_layer("norm").moving_variance.assign([0.1, 2.0, 300.0])
    ship(model, data)
    assert weights.restore(other, "resnet20") is other
    for ours, theirs in zip(values(other), values(model)):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=2**-11, atol=1e-7)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(other(x), model(x), atol=1e-2)


def test_weights_of_another_architecture_are_refused_and_the_model_is_left_as_it_was(data):
    ship(network(units=5), data)
    model = network()
    before = values(model)
    with pytest.raises(ValueError, match=r"petit.*première forme qui diffère : \(4, 5\) au lieu de \(4, 3\)"):
        weights.restore(model, "resnet20")
    for ours, theirs in zip(values(model), before):
        np.testing.assert_array_equal(ours, theirs)


def test_too_few_arrays_are_refused_with_both_counts(data):
    ship(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), data)
    with pytest.raises(ValueError, match="sont 2 tableaux.*en attend 6"):
        weights.restore(network(), "resnet20")


def test_an_unknown_name_gets_the_list_of_those_that_exist():
    with pytest.raises(ValueError, match="« resnet20 »"):
        weights.path("resnet21")


def test_a_damaged_file_is_never_read(data):
    file = ship(network(), data)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(catalogue.DataError, match="abîmé"):
        weights.restore(network(), "resnet20")


def test_a_weight_too_large_for_float16_is_refused_and_nothing_is_written(tmp_path):
    model = network()
    model.get_layer("norm").moving_variance.assign([1.0, 1e5, 1.0])
    with pytest.raises(ValueError, match="moving_variance.*rien n'est écrit"):
        weights.save(model, tmp_path / "new" / "big.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    file = tmp_path / "kept.npz"
    weights.save(network(), file)
    before = file.read_bytes()

    def broken(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(OSError, match="disk full"):
        weights.save(network(seed=1), file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]
