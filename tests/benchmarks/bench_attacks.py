"""Print the time of PGD, 40 steps on 256 garments, and that of a bare compiled loop; the aim is a ratio of 1.2.

Run it on an idle machine: OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python tests/benchmarks/bench_attacks.py
"""

import time

import numpy as np
import tensorflow as tf

from labs import attacks, datasets, zoo

EPSILON, STEP, STEPS = 0.05, 0.005, 40


def main(rounds=5):
    """Seconds of the processor, the best of each, once both are traced."""
    model = zoo.fashion_classifier()
    data = datasets.load("fashion_mnist")
    x, y = data.x_test[:256, ..., None].astype("float32") / 255, data.y_test[:256]

    @tf.function
    def bare(x, y):
        images = x
        for _ in tf.range(STEPS):
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(images, training=False))
            images = images + STEP * tf.sign(tape.gradient(loss, images))
            images = tf.clip_by_value(tf.clip_by_value(images, x - EPSILON, x + EPSILON), 0.0, 1.0)
        return images

    calls = (
        lambda: attacks.pgd(model, x, y, EPSILON, STEP, STEPS, random_start=False),
        lambda: bare(tf.constant(x), tf.constant(y)).numpy(),
    )
    print("largest difference:", np.abs(calls[0]() - calls[1]()).max())
    ours, theirs = np.min([[seconds(call) for call in calls] for _ in range(rounds)], axis=0)
    print(f"labs {ours:.2f} s · bare loop {theirs:.2f} s · ratio {ours / theirs:.2f}")


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
