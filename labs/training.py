"""Training with Keras: `fit` that one can watch, learning-rate schedules, linear probe. Chapters 1 to 4."""

import contextlib
import time
from typing import NamedTuple

import keras
import numpy as np

from labs import plots, runtime

REFRESH = 0.5  # seconds between two drawings of the live curves, at least


def fit(model, x, y, *, validation=None, epochs=1, batch_size=128, callbacks=(), watched=True, **options):
    """Train a compiled Keras model, watched: a bar and live curves in JupyterLab, a few lines headless. Lesson 1.2.

    It starts sooner than `model.fit`, which leaves the optimizer to make its variables while TensorFlow traces the
    step: the step is then traced twice. (A metric given by its name still does so.)

    Args:
        validation: (x, y), evaluated after each epoch; None for no validation.
        watched: False for a training that shows nothing.
        options: anything else that `keras.Model.fit` takes (shuffle, class_weight, sample_weight…).

    Returns:
        History of each epoch: {"loss": [...], "accuracy": [...], "val_loss": [...], "seconds": [...]} with the
        metrics of the model; "seconds" is the time since the start, validation included.

    Raises:
        ValueError: model not compiled, or x and y of different lengths.
    """
    _require_compiled(model)
    for one in keras.tree.flatten(x):  # several when the model has several inputs
        _require_pairs(one, y)
    if model.built:
        _make_variables(model.optimizer, model)
    watcher = _Watcher(epochs) if not watched else _Live(epochs) if runtime.interactive() else _Lines(epochs)
    history = model.fit(
        x, y, validation_data=validation, epochs=epochs, batch_size=batch_size, verbose=0,
        callbacks=[watcher, *callbacks], **options,
    ).history  # fmt: skip
    return {**history, "seconds": watcher.seconds}


def restart(model, seed):
    """Set every seed, draw the weights of a compiled model again, forget what its optimizer learned. Lesson 1.3.

    The compiled functions are kept: several seeds of one model cost one compilation.
    """
    _require_compiled(model)
    keras.utils.set_random_seed(seed)
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    for one in (model.optimizer, optimizer):
        _make_variables(one, model)
    for mine, fresh in ((model, keras.models.clone_model(model)), (model.optimizer, optimizer)):
        for variable, value in zip(mine.variables, fresh.variables):
            variable.assign(value)


class RangeTest(NamedTuple):
    """What `lr_range_test` saw: each rate tried, the loss of its batch, the same smoothed, the rate it suggests."""

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def lr_range_test(model, x, y, *, low=1e-5, high=10.0, steps=100, batch_size=128, smoothing=0.9, seed=0):
    """Train on `steps` batches while the rate grows from `low` to `high`, then put everything back. Lesson 1.2.

    Smith 2017 raises the rate linearly and reads the accuracy; this is the usual variant: geometric growth, smoothed
    loss. It stops early once the smoothed loss exceeds four times its lowest value. The suggestion is a third of
    the rate where the smoothed loss is lowest (Smith's base rate: a third or a quarter of the largest one).

    Returns:
        RangeTest. Weights, state of the optimizer and learning rate are those from before the test.

    Raises:
        ValueError: model not compiled or compiled with a schedule, x and y of different lengths, senseless bounds,
            or a loss that never falls between `low` and `high`.
    """
    _check_range(model, x, y, low, high, steps, smoothing)
    if not model.built:
        model(x[:1])
    _make_variables(model.optimizer, model)
    rng, passes = np.random.default_rng(seed), -(-steps * batch_size // len(x))
    order = np.concatenate([rng.permutation(len(x)) for _ in range(passes)])
    rates, losses, smoothed, average = np.geomspace(low, high, steps), [], [], 0.0
    with _put_back([*model.variables, *model.optimizer.variables]):
        for step, rate in enumerate(rates):
            index = order[step * batch_size : (step + 1) * batch_size]
            model.optimizer.learning_rate = rate
            model.reset_metrics()  # or the loss returned could be a mean since the first batch
            losses.append(float(model.train_on_batch(x[index], y[index], return_dict=True)["loss"]))
            average = smoothing * average + (1 - smoothing) * losses[-1]
            smoothed.append(average / (1 - smoothing ** (step + 1)))  # unbiased, as in Adam
            if not np.isfinite(losses[-1]) or smoothed[-1] > 4 * min(smoothed):
                break
    model.reset_metrics()
    lowest = int(np.nanargmin(smoothed))
    if lowest == 0:
        raise ValueError(f"Le coût n'a baissé à aucun taux essayé, de {low:g} à {high:g} ; prenez low plus petit.")
    return RangeTest(rates[: len(losses)], np.array(losses), np.array(smoothed), float(rates[lowest] / 3))


@contextlib.contextmanager
def _put_back(variables):
    kept = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, kept):
            variable.assign(value)


def _make_variables(optimizer, model):
    if not optimizer.built:
        optimizer.build(model.trainable_variables)


def _require_compiled(model):
    if getattr(model, "optimizer", None) is None:
        raise ValueError("Ce modèle n'est pas compilé ; appelez d'abord model.compile(optimizer=…, loss=…).")


def _require_pairs(x, y):
    if y is not None and len(x) != len(y):  # no y: x gives its own, a generator for instance
        raise ValueError(f"Il faut autant d'exemples que d'étiquettes ; reçu {len(x)} et {len(y)}.")


def _check_range(model, x, y, low, high, steps, smoothing):
    _require_compiled(model)
    if not isinstance(model.optimizer.learning_rate, keras.Variable):
        raise ValueError(
            "Le taux d'apprentissage de ce modèle suit un calendrier, que le test ne peut pas remplacer ; "
            "compilez-le avec un taux constant, par exemple keras.optimizers.Adam(1e-3)."
        )
    _require_pairs(x, y)
    if not 0 < low < high or steps < 10 or not 0 <= smoothing < 1:
        raise ValueError(
            "Attendu : 0 < low < high, au moins 10 pas et 0 ≤ smoothing < 1 ; "
            f"reçu low={low}, high={high}, steps={steps}, smoothing={smoothing}."
        )


@keras.saving.register_keras_serializable("labs")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `peak`, then linear decay to 0, over `steps` updates. Smith & Topin 2018. Lesson 1.4."""

    def __init__(self, peak, steps, *, warmup=0.3):
        if steps < 2 or not 0 < warmup < 1:
            raise ValueError(f"Attendu : au moins 2 pas et 0 < warmup < 1 ; reçu steps={steps}, warmup={warmup}.")
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step):
        done = keras.ops.cast(step, "float32") / self.steps
        rising, falling = done / self.warmup, (1 - done) / (1 - self.warmup)
        return self.peak * keras.ops.maximum(keras.ops.minimum(rising, falling), 0.0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}


def stratified_batches(labels, batch_size, rng):
    """Index arrays of one epoch: each example once, each batch with the proportions of the classes. Lesson 1.4.

    The number of batches is that of a plain epoch, ceil(N / batch_size); the examples of a class are shared
    out among them to one example near.

    Raises:
        ValueError: labels that are not a non-empty vector, or a batch size below 1.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or batch_size < 1:
        raise ValueError(
            f"Attendu : un vecteur d'étiquettes non vide et des lots d'au moins 1 exemple ; "
            f"reçu des étiquettes de forme {labels.shape} et batch_size={batch_size}."
        )
    order = rng.permutation(labels.size)
    order = order[np.argsort(labels[order], kind="stable")]  # class by class, in a random order within each
    count = -(-labels.size // batch_size)
    return [order[first::count] for first in rng.permutation(count)]  # dealt like cards


class _Watcher(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.seconds, self.history = epochs, [], {}

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))


class _Lines(_Watcher):
    """Five lines at most, whatever the number of epochs."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch + 1 in np.unique(np.linspace(1, self.epochs, min(self.epochs, 5)).round()):
            values = " · ".join(f"{_FRENCH.get(name, name)} {value:.3f}" for name, value in logs.items())
            print(f"époque {epoch + 1}/{self.epochs} · {values}")


class _Live(_Watcher):
    """A progress bar over the steps, and the curves of the loss drawn again as the epochs go by."""

    def on_train_begin(self, logs=None):
        from IPython.display import display
        from tqdm.auto import tqdm

        super().on_train_begin(logs)
        self.bar = tqdm(total=self.epochs, unit="époque", desc="Entraînement", mininterval=0.2)
        self.handle, self.drawn = display(display_id=True), 0.0

    def on_train_batch_end(self, batch, logs=None):
        if self.params.get("steps"):
            self.bar.n = min(self.epochs, round(len(self.seconds) + (batch + 1) / self.params["steps"], 2))
            self.bar.update(0)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.bar.set_postfix({_FRENCH.get(name, name): f"{value:.3f}" for name, value in (logs or {}).items()})
        if time.perf_counter() - self.drawn > REFRESH or epoch + 1 == self.epochs:
            self.handle.update(plots.live(_panels(self.history)))
            self.drawn = time.perf_counter()

    def on_train_end(self, logs=None):
        self.bar.n = len(self.seconds)
        self.bar.close()


def _panels(history):
    """The losses, then the other metrics if there are any, under their French names."""
    losses = {_FRENCH.get(name, name): values for name, values in history.items() if name.endswith("loss")}
    others = {_FRENCH.get(name, name): values for name, values in history.items() if not name.endswith("loss")}
    return [losses, others] if others else [losses]


_FRENCH = {
    "loss": "coût",
    "accuracy": "exactitude",
    "val_loss": "coût de validation",
    "val_accuracy": "exactitude de validation",
    "critic_loss": "coût du critique",
    "generator_loss": "coût du générateur",
    "penalty": "pénalité",
    "real_error": "erreur des vraies",
    "balance": "k",
    "convergence": "mesure M",
}


# ── Transfer ──


def linear_probe(features, labels, *, penalty=1.0):
    """Multinomial logistic regression on standardised features (N, D): a fitted scikit-learn pipeline. Lesson 2.4.

    It minimises the sum of the cross-entropies + penalty × D / 2 × the sum of the squared weights; the biases are free.
    The pipeline has `predict`, `predict_proba` and `score`.

    Args:
        labels: integers (N,), at least two different ones.
        penalty: above 0; multiplied by D, so that one value suits short features and long ones.

    Raises:
        ValueError: other shapes, values that are not finite, a single class, or a penalty that is not positive.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = np.asarray(features), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"Attendu des caractéristiques (N, D) et des étiquettes (N,) ; reçu {features.shape} et {labels.shape}. "
            "Des cartes (N, H, L, C) se résument par leur moyenne : cartes.mean(axis=(1, 2))."
        )
    if not np.all(np.isfinite(features)):
        raise ValueError(
            "Les caractéristiques contiennent des valeurs non finies (NaN ou infini) : corrigez-les avant."
        )
    if len(np.unique(labels)) < 2:
        raise ValueError("Il faut des exemples d'au moins deux classes pour apprendre à les séparer.")
    if not penalty > 0:
        raise ValueError(f"La pénalité est un nombre positif, 1 par défaut ; reçu {penalty}.")
    softmax = LogisticRegression(C=1 / (penalty * features.shape[1]), max_iter=1000)
    return make_pipeline(StandardScaler(), softmax).fit(features, labels)


def probe_weights(probe):
    """The dense layer that answers as a `linear_probe` of 3 classes or more: (kernel, bias). Lesson 2.4.

    Shapes (D, K) and (K,). The standardisation is folded in: the logits are features @ kernel + bias.
    """
    scaler, softmax = probe[0], probe[-1]
    kernel = (softmax.coef_ / scaler.scale_).T
    return kernel.astype("float32"), (softmax.intercept_ - scaler.mean_ @ kernel).astype("float32")
