"""Train the semi-supervised discriminators of lesson 3.7, and put their weights in data/: python scripts/train_sgan.py

Each seed draws ten labelled digits of each class, and trains an SGAN with the other embedded training images of MNIST,
without their labels; the last VALIDATION images are kept aside, for the choices of the recipe. The score is measured
once, at the end, on the 10 000 official test images, with the float16 weights as written.
"""

import argparse
import pathlib
import sys
import time

import numpy as np
import shipping

from labs import catalogue, runtime

SEEDS = (0, 1, 2)
STEPS, BATCH = 4000, 100
VALIDATION = 2000


def main(arguments=None):
    """Train a discriminator a seed, write each in data/weights/… as soon as it is scored; return 0."""
    parser = argparse.ArgumentParser(description="Entraîne les discriminateurs semi-supervisés de la leçon 3.7.")
    parser.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    parser.add_argument("--seeds", type=int, nargs="+", choices=SEEDS, default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS, help="nombre de pas de chaque graine")
    options = parser.parse_args(arguments)
    splits = read_images()
    for seed in options.seeds:
        runtime.setup(seed)
        start, processor = time.perf_counter(), time.process_time()
        gan = train(*splits["train"], splits["validation"], steps=options.steps, seed=seed)
        minutes = [(now - then) / 60 for now, then in ((time.perf_counter(), start), (time.process_time(), processor))]
        ship(gan.critic, seed, options.out, splits["test"], minutes)
    return 0


def read_images():
    """Return {split: (images float32 (N, 28, 28, 1) in [0, 1], labels)} for train, validation and test."""
    from labs import datasets

    data = datasets.load("mnist")
    x_train, x_test = (images[..., None].astype("float32") / 255 for images in (data.x_train, data.x_test))
    return {
        "train": (x_train[:-VALIDATION], data.y_train[:-VALIDATION]),
        "validation": (x_train[-VALIDATION:], data.y_train[-VALIDATION:]),
        "test": (x_test, data.y_test),
    }


def train(images, labels, validation, *, steps, seed):
    """Return the trained SGAN; its critic holds the moving average of its weights."""
    from labs import gans

    ranks = gans.few_labels(labels, 10, seed=seed)
    gan = gans.sgan(images[ranks], labels[ranks])
    watch = lambda moment, logs: print(f"  validation : {accuracy(gan.critic, *validation):.2%}", flush=True)  # noqa: E731
    gans.train(gan, images, steps=steps, batch_size=BATCH, moments=min(10, steps), watch=watch, seed=seed)
    gan.critic_optimizer.finalize_variable_values(gan.critic.trainable_variables)
    print(f"  validation, moyenne mobile : {accuracy(gan.critic, *validation):.2%}", flush=True)
    return gan


def accuracy(critic, images, labels):
    """Share of images whose largest logit is that of their class."""
    return np.mean(critic.predict(images, batch_size=500, verbose=0).argmax(axis=1) == labels)


def ship(critic, seed, out, test, minutes):
    """Score the weights as they will be read, then put them in place."""
    name = f"sgan_{seed}"
    shipping.as_written(critic)
    score = accuracy(critic, *test)
    file = shipping.put(critic, name, out)
    print(
        f"{name} : {score:.2%} sur {len(test[1])} images de test, {minutes[0]:.0f} min, dont {minutes[1]:.1f} min de "
        f"processeur → {file}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
