"""labs.training: what it returns, what it says, what it refuses."""

import warnings

import keras
import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from labs import training


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(
        optimizer=keras.optimizers.SGD(0.5),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


X = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def test_fit_gives_the_weights_that_keras_alone_gives(model):
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile(optimizer=keras.optimizers.SGD(0.5), loss=model.loss)
    training.fit(model, X, Y, epochs=3, batch_size=16, shuffle=False)
    twin.fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_fit_returns_the_history_with_its_seconds_and_says_five_lines_at_most(model, capsys):
    history = training.fit(model, X, Y, validation=(X, Y), epochs=12)
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    assert all(len(values) == 12 for values in history.values())
    assert history["seconds"] == sorted(history["seconds"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[-1].startswith("époque 12/12 · ")


def test_fit_can_say_nothing(model, capsys):
    history = training.fit(model, X, Y, epochs=2, watched=False)
    assert set(history) == {"loss", "accuracy", "seconds"} and len(history["seconds"]) == 2
    assert capsys.readouterr().out == ""


def test_fit_has_the_training_step_traced_once(monkeypatch):
    traced, update_step = [], keras.optimizers.SGD.update_step

    def counted(self, gradient, variable, rate):
        traced.append(variable)
        return update_step(self, gradient, variable, rate)

    monkeypatch.setattr(keras.optimizers.SGD, "update_step", counted)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.9), "mse")
    training.fit(model, X, X, watched=False)
    assert len(traced) == len(model.trainable_variables)


def test_fit_refuses_a_model_that_is_not_compiled():
    with pytest.raises(ValueError, match="compile"):
        training.fit(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), X, Y)


def test_fit_refuses_examples_and_labels_of_different_lengths(model):
    with pytest.raises(ValueError, match="64 et 63"):
        training.fit(model, X, Y[:-1])


def test_fit_takes_a_model_with_two_inputs_and_counts_the_examples_of_each():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Add()(inputs)))
    model.compile("sgd", "mse")
    assert len(training.fit(model, [X, X], X, epochs=2, watched=False)["loss"]) == 2
    with pytest.raises(ValueError, match="63 et 64"):
        training.fit(model, [X, X[:-1]], X)


def test_one_cycle_rises_to_its_peak_and_falls_to_zero():
    schedule = training.OneCycle(0.4, 100, warmup=0.25)
    steps = np.arange(101)
    rates = np.array([float(schedule(step)) for step in steps])
    np.testing.assert_allclose(rates, np.interp(steps, [0, 25, 100], [0, 0.4, 0]), atol=1e-6)
    assert training.OneCycle.from_config(schedule.get_config()).get_config() == schedule.get_config()


@pytest.mark.parametrize("steps, warmup", [(1, 0.3), (100, 0.0), (100, 1.0)])
def test_one_cycle_refuses_what_has_no_rise_or_no_fall(steps, warmup):
    with pytest.raises(ValueError, match="warmup"):
        training.OneCycle(0.1, steps, warmup=warmup)


def test_the_range_test_puts_back_weights_rate_and_state_of_the_optimizer():
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(X, Y, verbose=0)
    before = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    training.lr_range_test(model, X, Y, steps=20, batch_size=16)
    after = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


def test_the_range_test_finds_the_rates_at_which_a_quadratic_diverges():
    # Loss w² / 2 on a constant input of 1 and target 0: a step of plain descent multiplies w by (1 - 2 rate)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    ones = np.ones((32, 1), "float32")
    test = training.lr_range_test(model, ones, 0 * ones, low=1e-3, high=10, steps=80, batch_size=8, smoothing=0.0)
    weight = np.concatenate([[1.0], np.cumprod(1 - 2 * test.learning_rates)])[:-1]
    np.testing.assert_allclose(test.losses, weight**2, rtol=1e-3, atol=1e-9)
    assert 1e-3 < test.suggestion < 1.0  # the quadratic diverges from 1 on
    assert len(test.losses) < 80  # and the test stops by itself
    assert model.get_weights()[0] == 1.0


def test_the_range_test_refuses_a_schedule_senseless_bounds_and_a_loss_that_never_falls(model):
    with pytest.raises(ValueError, match="low"):
        training.lr_range_test(model, X, Y, low=1.0, high=0.1)
    with pytest.raises(ValueError, match="64 et 63"):
        training.lr_range_test(model, X, Y[:-1])
    with pytest.raises(ValueError, match="plus petit"):
        training.lr_range_test(model, 100 * X, 1 - Y, low=1e3, high=1e4, steps=10)
    model.compile(optimizer=keras.optimizers.SGD(training.OneCycle(0.1, 10)), loss=model.loss)
    with pytest.raises(ValueError, match="calendrier"):
        training.lr_range_test(model, X, Y)
    with pytest.raises(ValueError, match="compile"):
        training.lr_range_test(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), X, Y)


@pytest.mark.parametrize("sizes, batch_size", [((60, 30, 10), 10), ((61, 29, 11), 8), ((50, 50), 7), ((40,), 64)])
def test_stratified_batches_share_each_class_as_the_folds_of_scikit_learn_do(sizes, batch_size):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    batches = training.stratified_batches(labels, batch_size, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(len(labels)))
    assert max(map(len, batches)) <= batch_size and len(batches) == -(-len(labels) // batch_size)
    counts = np.array([np.bincount(labels[index], minlength=len(sizes)) for index in batches])
    folds = [(None, np.arange(len(labels)))]
    if len(batches) > 1:
        splitter = StratifiedKFold(len(batches), shuffle=True, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a class with fewer members than folds
            folds = list(splitter.split(labels, labels))
    expected = np.array([np.bincount(labels[fold], minlength=len(sizes)) for _, fold in folds])
    np.testing.assert_array_equal(np.sort(counts, axis=0), np.sort(expected, axis=0))


def test_stratified_batches_change_from_an_epoch_to_the_next():
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    first, second = (training.stratified_batches(labels, 10, rng) for _ in range(2))
    assert set(map(frozenset, first)) != set(map(frozenset, second))


@pytest.mark.parametrize("labels, batch_size", [(np.zeros((4, 1)), 2), (np.zeros(0), 2), (np.zeros(4), 0)])
def test_stratified_batches_refuse_what_has_no_batch(labels, batch_size):
    with pytest.raises(ValueError, match="étiquettes"):
        training.stratified_batches(labels, batch_size, np.random.default_rng(0))


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.Adagrad])
def test_a_restart_trains_as_a_new_model_of_the_same_seed_does(optimizer):
    def build():
        layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input((2,)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer(0.1), loss=loss)
        return model

    def weights(model, seed):
        training.restart(model, seed)
        model.fit(X, Y, epochs=2, batch_size=16, verbose=0, shuffle=False)
        return model.get_weights()

    used = build()
    first, other, again, new = weights(used, 1), weights(used, 2), weights(used, 1), weights(build(), 1)
    for one, same, fresh in zip(first, again, new):
        np.testing.assert_allclose(one, same, atol=1e-6)
        np.testing.assert_allclose(one, fresh, atol=1e-6)
    assert not np.allclose(first[0], other[0], atol=1e-3)


def test_a_restart_draws_other_weights_than_those_before_and_keeps_the_rate(model):
    before = model.get_weights()[0]
    training.restart(model, 3)
    assert not np.allclose(before, model.get_weights()[0])
    assert float(model.optimizer.learning_rate) == 0.5 and int(model.optimizer.iterations) == 0


def test_a_restart_needs_a_compiled_model():
    with pytest.raises(ValueError, match="compile"):
        training.restart(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), 0)


def test_the_live_curves_are_in_french_losses_apart_from_the_other_metrics(model, monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(training.runtime, "interactive", lambda: True)
    monkeypatch.setattr(training.plots, "live", shown.append)
    monkeypatch.setattr(IPython.display, "display", lambda *things, **options: IPython.display.DisplayHandle())
    monkeypatch.setattr(IPython.display.DisplayHandle, "update", lambda handle, picture: None)
    training.fit(model, X, Y, validation=(X, Y), epochs=2)
    losses, others = shown[-1]
    assert set(losses) == {"coût", "coût de validation"}
    assert set(others) == {"exactitude", "exactitude de validation"}
    assert all(len(values) == 2 for values in [*losses.values(), *others.values()])


# --- The linear probe ----------------------------------------------------------------------------------
def blobs(classes=3, dimensions=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), 20)
    features = rng.normal(size=(classes, dimensions))[labels] + rng.normal(size=(len(labels), dimensions))
    return (3 + 5 ** np.arange(dimensions) * features).astype("float32"), labels


def test_a_linear_probe_reaches_the_minimum_that_it_announces():
    features, labels = blobs()
    probe, penalty = training.linear_probe(features, labels, penalty=0.5), 0.5 * features.shape[1]
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    chosen = probe.predict_proba(features) - np.eye(3)[labels]
    weights = probe[-1].coef_
    np.testing.assert_allclose(chosen.T @ x + penalty * weights, 0, atol=0.02)  # the gradient for the weights
    np.testing.assert_allclose(chosen.sum(axis=0), 0, atol=0.02)  # and for the biases, which are free


def test_a_linear_probe_does_not_depend_on_the_units_of_the_features():
    features, labels = blobs()
    other = training.linear_probe(features * 1000 - 7, labels)
    expected = training.linear_probe(features, labels).predict_proba(features)
    np.testing.assert_allclose(other.predict_proba(features * 1000 - 7), expected, atol=0.01)


def test_a_probe_learns_what_a_line_separates():
    labels = (X[:, 0] > 0).astype("int64")
    assert training.linear_probe(X, labels, penalty=1e-3).score(X, labels) > 0.95


def test_the_weights_of_a_probe_make_the_dense_layer_that_answers_as_it_does():
    features, labels = blobs(classes=4)
    probe = training.linear_probe(features, labels)
    kernel, bias = training.probe_weights(probe)
    assert kernel.shape == (6, 4) and bias.shape == (4,) and kernel.dtype == bias.dtype == np.float32
    dense = keras.layers.Dense(4, activation="softmax")
    dense.build((None, 6))
    dense.set_weights([kernel, bias])
    np.testing.assert_allclose(dense(features), probe.predict_proba(features), atol=1e-4)


@pytest.mark.parametrize(
    ("features", "labels", "options", "words"),
    [
        (np.zeros((4, 2, 2, 3)), np.arange(4), {}, r"\(4, 2, 2, 3\).*mean"),
        (np.zeros((4, 3)), np.arange(3), {}, r"\(4, 3\) et \(3,\)"),
        (np.full((4, 3), np.nan), np.arange(4), {}, "non finies"),
        (np.zeros((4, 3)), np.ones(4), {}, "deux classes"),
        (np.zeros((4, 3)), np.arange(4), {"penalty": 0}, "positif.*0"),
    ],
)
def test_a_probe_refuses_what_it_cannot_learn_from(features, labels, options, words):
    with pytest.raises(ValueError, match=words):
        training.linear_probe(features, labels, **options)
