"""Train a generator whose weights the course carries, and put them in data/: python scripts/train_gans.py NAME

Each recipe learns on the 60 000 training images of Fashion-MNIST, with the loop of lesson 3.3. The score is measured
once, at the end, with the float16 weights as written: the Fréchet distance between 10 000 generated images and the
10 000 test images, in the features of zoo.fashion_classifier. Nothing is written before that.
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shipping

from labs import runtime

GENERATED = 10_000  # images behind the score: as many as in the test


class Recipe(NamedTuple):
    """How to build a compiled GAN, and how long it trains."""

    build: Callable  # steps -> labs.gans.GAN
    steps: int
    batch_size: int = 64


def dcgan(steps):
    """The networks of lesson 3.3 (Radford et al. 2016), with a rate that falls, and a moving average."""
    import keras

    from labs import gans

    networks = gans.generator(width=16), gans.critic(width=16, normalise=True)
    gan = gans.GAN(*networks, "non_saturating", average=0.999)
    schedules = (keras.optimizers.schedules.CosineDecay(6e-4, steps) for _ in range(2))
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in schedules))
    return gan


def wgan_gp(steps):
    """The Wasserstein GAN of lesson 3.4 (Gulrajani et al. 2017), with rates that fall, and a moving average."""
    import keras

    from labs import gans

    networks = gans.generator(width=16), gans.critic(width=16)
    gan = gans.GAN(*networks, "wasserstein", penalty=gans.gradient_penalty, critic_steps=3, average=0.999)
    rates = [(4e-4, steps), (1e-3, 3 * steps)]  # the critic goes faster, to stay near its optimum
    schedules = (keras.optimizers.schedules.CosineDecay(peak, updates) for peak, updates in rates)
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9) for rate in schedules))
    return gan


def began(steps):
    """The networks of lesson 3.5 (Berthelot et al. 2017), with a rate that falls; the paper halves it now and then."""
    import keras

    from labs import gans

    gan = gans.BEGAN(gans.began_generator(), gans.began_critic(), gamma=0.9, rate=0.1)
    gan.compile(*(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)) for _ in range(2)))
    return gan


RECIPES = {
    "dcgan": Recipe(dcgan, steps=7000),
    "wgan_gp": Recipe(wgan_gp, steps=4000),
    "began": Recipe(began, steps=10_000),
}


def main(arguments=None):
    """Train, write data/weights/…, print the score; return 0."""
    parser = shipping.parser("Entraîne un générateur dont le cours livre les poids.", RECIPES)
    parser.add_argument("--steps", type=int, help="nombre de pas, à la place de celui de la recette")
    options = parser.parse_args(arguments)
    recipe = RECIPES[options.name]
    recipe = recipe._replace(steps=options.steps or recipe.steps)
    runtime.setup(options.seed)
    train_images, test_images = read_images()
    start, processor = time.perf_counter(), time.process_time()
    gan = train(recipe, train_images, seed=options.seed)
    minutes = [(now - then) / 60 for now, then in ((time.perf_counter(), start), (time.process_time(), processor))]
    ship(gan, options.name, options.out, test_images, minutes)
    return 0


def read_images():
    """Return the training and test images of Fashion-MNIST, float32 (N, 28, 28, 1) in [0, 1]."""
    from labs import datasets

    data = datasets.load("fashion_mnist")
    return [images[..., None].astype("float32") / 255 for images in (data.x_train, data.x_test)]


def train(recipe, images, *, seed):
    """Return the trained GAN."""
    from labs import gans

    gan = recipe.build(recipe.steps)
    moments = min(20, recipe.steps)
    gans.train(gan, images, steps=recipe.steps, batch_size=recipe.batch_size, moments=moments, seed=seed)
    return gan


def ship(gan, name, out, images, minutes):
    """Score the generator, or its moving average if there is one, as it will be read; then put it in place."""
    from labs import gans, zoo

    network = gan.generator if gan.average_generator is None else gan.average_generator
    shipping.as_written(network)
    features = zoo.fashion_classifier(top=False)
    images_made = np.clip(gans.sample(gan, GENERATED), 0, 1)  # BEGAN's output is linear
    fakes = features.predict(images_made, batch_size=500, verbose=0)
    distance = gans.frechet_distance(fakes, features.predict(images, batch_size=500, verbose=0))
    file = shipping.put(network, name, out)
    print(
        f"{name} : distance de Fréchet {distance:.2f} entre {GENERATED} images inventées et {len(images)} de test, "
        f"{minutes[0]:.0f} min, dont {minutes[1]:.0f} min de processeur → {file}"
    )


if __name__ == "__main__":
    sys.exit(main())
