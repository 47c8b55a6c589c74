"""Compare the remedies of lesson 3.6 at equal time, on Fashion-MNIST: python scripts/compare_gans.py

Each remedy changes one thing of the same GAN, and trains for as many seconds of processor (one thread, compilation
not counted) with each seed. Then 2 000 samples: their Fréchet distance to 5 000 real images, in the features of
zoo.fashion_classifier, and the classes that this classifier finds in them. Nothing is written before the end.
"""

import argparse
import csv
import io
import os
import pathlib
import sys
import time

import make_data
import numpy as np

from labs import catalogue, runtime

FILE = "results/gan_regularisation.csv"
COLUMNS = ("remedy", "seed", "seconds", "steps", "frechet", "classes", "diverged")
ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
WIDTH, RATE, BATCH = 8, 1e-3, 64


def main(arguments=None):
    """Train every remedy with every seed, write the table, return 0."""
    parser = argparse.ArgumentParser(description="Compare neuf façons d'entraîner un GAN, à temps de calcul égal.")
    parser.add_argument("--seconds", type=float, default=15.0, help="temps de processeur de chaque entraînement")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    options = parser.parse_args(arguments)
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    runtime.setup()
    from labs import datasets, gans, zoo

    images = datasets.load("fashion_mnist").x_train[..., None].astype("float32") / 255
    judge = Judge(zoo.fashion_classifier(), zoo.fashion_classifier(top=False), images[:5000])
    rows = []
    for remedy in gans.REMEDIES:
        gan, play = build(remedy, images)
        for seed in range(options.seeds):
            gans.restart(gan, seed)
            row = {"remedy": remedy, "seed": seed, **train(gan, play, options.seconds)}
            rows.append(row | judge(gans.sample(gan, 2000, seed=seed)))
            print(rows[-1], flush=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    make_data.write(options.out / FILE, text.getvalue().encode())
    make_data.record(options.out, [FILE])
    return 0


def build(remedy, images):
    """Return the GAN of a remedy and its player, compiled."""
    from labs import gans

    networks = lambda: gans.generator(WIDTH), lambda **options: gans.critic(WIDTH, **options)
    gan = gans.regularised(remedy, *networks, rate=RATE)
    play = gans.player(gan, images, batch_size=BATCH)
    play(1)
    return gan, play


def train(gan, play, seconds):
    """Train for `seconds` of processor, of this process: {"seconds", "steps", "diverged"}; the weights are sound."""
    from labs import gans

    start, diverged = time.process_time(), ""
    while time.process_time() - start < seconds and not diverged:
        try:
            play(10)
        except gans.Diverged as error:
            diverged = str(error)
    steps = int(gan.optimizer.iterations)
    return {"seconds": f"{time.process_time() - start:.1f}", "steps": steps, "diverged": diverged}


class Judge:
    """Measures samples against real images."""

    def __init__(self, classifier, features, real):
        self.classifier, self.features = classifier, features
        self.reference = features.predict(real, verbose=0)

    def __call__(self, samples):
        from labs import gans

        distance = gans.frechet_distance(self.features.predict(samples, verbose=0), self.reference)
        counts = np.bincount(self.classifier.predict(samples, verbose=0).argmax(axis=1), minlength=10)
        # As for the ring: a class is covered with a tenth at least of its fair share.
        return {"frechet": f"{distance:.3f}", "classes": int(np.sum(counts >= len(samples) / 100))}


if __name__ == "__main__":
    sys.exit(main())
