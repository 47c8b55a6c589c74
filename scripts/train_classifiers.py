"""Train a classifier whose weights the course carries, and put them in data/: python scripts/train_classifiers.py NAME

resnet20 and densenet40 (lesson 2.3) learn on the 50 000 official training images of CIFAR-10, which come from the
package that scripts/make_data.py reads (--packages FOLDER, or the network); fashion_classifier (lesson 3.3) on
Fashion-MNIST. The score is measured once, at the end, on the 10 000 official test images, with the float16 weights as
written. Nothing is written before that.
"""

import pathlib
import sys
import time
from typing import NamedTuple

import make_data
import numpy as np
import shipping

from labs import runtime


class Recipe(NamedTuple):
    """Data, options of the architecture, and what its training needs."""

    data: str
    architecture: str
    options: dict
    epochs: int
    peak: float  # learning rate at the top of the one-cycle schedule
    decay: float  # decoupled: ten times the L2 penalty of a momentum of 0.9
    shift: int = 4
    batch_size: int = 128


RECIPES = {
    "resnet20": Recipe("cifar10", "resnet", {"depth": 20}, epochs=26, peak=0.2, decay=5e-3),
    "densenet40": Recipe("cifar10", "densenet", {"depth": 40, "growth": 12}, epochs=60, peak=0.2, decay=5e-3),
    "fashion_classifier": Recipe(
        "fashion_mnist",
        "fashion_classifier",
        {"weights": None},
        epochs=6,
        peak=0.3,
        decay=5e-3,
        shift=1,
        batch_size=256,
    ),
}


def main(arguments=None):
    """Train, write data/weights/…, print the score; return 0."""
    parser = shipping.parser("Entraîne un réseau dont le cours livre les poids.", RECIPES)
    parser.add_argument("--packages", type=pathlib.Path, help="dossier des paquets déjà téléchargés")
    parser.add_argument("--epochs", type=int, help="nombre d'époques, à la place de celui de la recette")
    options = parser.parse_args(arguments)
    recipe = RECIPES[options.name]
    recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
    runtime.setup(options.seed)
    splits = read_cifar10(options.packages) if recipe.data == "cifar10" else read_embedded(recipe.data)
    start = time.perf_counter()
    model = train(recipe, *splits["train"], seed=options.seed)
    minutes = (time.perf_counter() - start) / 60
    ship(model, options.name, options.out, *splits["test"], minutes)
    return 0


def read_cifar10(packages):
    """Return CIFAR-10 whole, from the package of scripts/make_data.py."""
    with make_data.at_hand(packages, [make_data.CIFAR10]) as paths:
        return make_data.read_cifar10(paths[make_data.CIFAR10])


def read_embedded(name):
    """Return an embedded set as {split: (images (N, H, W, C), labels)}."""
    from labs import datasets

    x_train, y_train, x_test, y_test, _ = datasets.load(name)
    return {"train": (x_train[..., None], y_train), "test": (x_test[..., None], y_test)}


def train(recipe, images, labels, *, seed):
    """Return the trained model: SGD with Nesterov momentum, one cycle, flips and shifts."""
    import keras

    from labs import augmentation, training, zoo

    def change(x, y, rng):
        x = augmentation.shift(augmentation.flip(x, rng), rng, recipe.shift)
        return x.astype("float32") / 255, y

    batches = augmentation.Batches(images, labels, change, batch_size=recipe.batch_size, seed=seed)
    model = zoo.build(recipe.architecture, **recipe.options)
    schedule = training.OneCycle(recipe.peak, recipe.epochs * len(batches))
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=recipe.decay)
    optimizer.exclude_from_weight_decay(var_names=["beta", "gamma", "bias"])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(batches, epochs=recipe.epochs, verbose=2)
    return model


def ship(model, name, out, images, labels, minutes):
    """Score the weights as they will be read, then put them in place."""
    shipping.as_written(model)
    guesses = model.predict(images.astype("float32") / 255, batch_size=500, verbose=0).argmax(axis=1)
    file = shipping.put(model, name, out)
    print(f"{name} : {np.mean(guesses == labels):.2%} sur {len(labels)} images de test, {minutes:.0f} min → {file}")


if __name__ == "__main__":
    sys.exit(main())
