"""Train a network of lesson 4.5 that fills holes, and put its weights in data/: python scripts/train_inpainting.py NAME

inpainting_faces has partial convolutions (Liu et al. 2018) and learns on the ORL photographs of 32 people, halved to
56×46, with a perceptual term; it is judged on the eight other people. inpainting_photos has gated ones (Yu et al. 2019)
and learns on the 20 000 embedded training images of CIFAR-10, without that term; it is judged on test images. The score
is measured once, at the end, with the float16 weights as written, in rectangles of a quarter of the image. Nothing is
written before that.
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shipping

from labs import runtime

PEOPLE = 32  # people to learn from; those after them are for the test
HOLES = 4000  # holes drawn beforehand, of each shape
SHARES = (0.01, 0.45)


class Recipe(NamedTuple):
    """How to read the images, what fills them, and how long it trains."""

    read: Callable  # () -> training images, test images, features of the perceptual term or None
    convolution: str
    epochs: int
    rate: float
    batch_size: int
    shift: int
    light: float = 0.0  # images are made brighter or darker by up to this share


def faces():
    """The faces of 32 people, 20 times each; those of the eight others; features of a classifier of the 32."""
    from labs import datasets

    data = datasets.load("orl_faces")
    every, who = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    every = every.reshape(-1, 56, 2, 46, 2, 1).mean(axis=(2, 4), dtype="float32") / 255
    known = who < PEOPLE
    return np.repeat(every[known], 20, axis=0), every[~known], features_of(every[known], who[known])


def features_of(images, people):
    """Three stages of a classifier that tells people apart: images -> list of maps."""
    import keras

    from labs import zoo

    classifier = zoo.face_classifier(PEOPLE, images.shape[1:])
    classifier.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    classifier.fit(images, people, batch_size=32, epochs=20, verbose=0)
    stages = [classifier.get_layer(f"stage{stage}.relu").output for stage in (1, 2, 3)]
    return keras.Model(classifier.input, stages, trainable=False)


def photos():
    """The embedded images of CIFAR-10; 200 of the test; no features."""
    from labs import datasets

    data = datasets.load("cifar10")
    return *(images.astype("float32") / 255 for images in (data.x_train, data.x_test[:200])), None


RECIPES = {
    "inpainting_faces": Recipe(faces, "partial", epochs=100, rate=3e-3, batch_size=16, shift=3, light=0.2),
    "inpainting_photos": Recipe(photos, "gated", epochs=40, rate=2e-3, batch_size=32, shift=2),
}


def main(arguments=None):
    """Train, write data/weights/…, print the score; return 0."""
    parser = shipping.parser("Entraîne un réseau qui remplit des trous, pour la leçon 4.5.", RECIPES)
    parser.add_argument("--epochs", type=int, help="nombre d'époques, à la place de celui de la recette")
    options = parser.parse_args(arguments)
    recipe = RECIPES[options.name]
    recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
    runtime.setup(options.seed)
    start, processor = time.perf_counter(), time.process_time()
    images, test, features = recipe.read()
    model = train(recipe, images, features, seed=options.seed)
    minutes = [(now - then) / 60 for now, then in ((time.perf_counter(), start), (time.process_time(), processor))]
    ship(model, options.name, options.out, test, minutes)
    return 0


def train(recipe, images, features, *, seed):
    """Return the trained network: flips, shifts, holes of every size, half rectangles and half strokes."""
    import keras

    from labs import augmentation, inpainting

    shape = images.shape[1:3]
    drawn = [draw(HOLES, shape, SHARES, seed=seed) for draw in (inpainting.rectangles, inpainting.strokes)]
    drawn = np.concatenate(drawn)

    def change(x, _, rng):
        x = augmentation.shift(augmentation.flip(x, rng), rng, recipe.shift)
        light = rng.uniform(1 - recipe.light, 1 + recipe.light, (len(x), 1, 1, 1))
        x = np.clip(x * light, 0, 1).astype("float32")
        holes = drawn[rng.integers(len(drawn), size=len(x))]
        return inpainting.inputs(x, holes), inpainting.targets(x, holes)

    batches = augmentation.Batches(images, images, change, batch_size=recipe.batch_size, seed=seed)
    model = inpainting.unet(images.shape[1:], convolution=recipe.convolution)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.rate, recipe.epochs * len(batches))
    model.compile(keras.optimizers.Adam(schedule), inpainting.objective(features=features))
    model.fit(batches, epochs=recipe.epochs, verbose=2, callbacks=[keras.callbacks.TerminateOnNaN()])
    return model


def ship(model, name, out, test, minutes):
    """Score the weights as they will be read, and Telea's method beside them; then put them in place."""
    from labs import inpainting

    shipping.as_written(model)
    holes = inpainting.rectangles(len(test), test.shape[1:3], 0.25, seed=2)
    filled = inpainting.fill(model, test, holes), inpainting.telea(test, holes)
    scores = [inpainting.psnr(test, images, holes).mean() for images in filled]
    file = shipping.put(model, name, out)
    print(
        f"{name} : {scores[0]:.2f} dB dans le trou (Telea : {scores[1]:.2f}) sur {len(test)} images de test, "
        f"{minutes[0]:.0f} min, dont {minutes[1]:.0f} min de processeur → {file}"
    )


if __name__ == "__main__":
    sys.exit(main())
