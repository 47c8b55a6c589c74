"""Print what the black-box explanations cost, network and own arithmetic apart, against the aims of the course.

Run it on an idle machine: python tests/benchmarks/bench_explain.py
Aims on two cores: occlusion 4/2 of a 32×32 image under 100 ms, RISE with 2 000 masks of 32×32 under 500 ms, D-RISE with
500 masks at 320 pixels under 45 s, its own arithmetic under 5 % of that.
"""

import functools
import time

import numpy as np

from labs import datasets, drise, explain, runtime, weights, yolo, zoo


def main():
    runtime.setup(seed=0)
    grey = datasets.load("mnist").x_test[:5, ..., None].astype("float32") / 255
    grey = np.pad(grey, ((0, 0), (2, 2), (2, 2), (0, 0)))
    colour = datasets.load("cifar10").x_test[:5].astype("float32") / 255
    for name, model, images in (
        ("LeNet-5", zoo.lenet5(), grey),
        ("airbench", zoo.airbench(), colour),
        ("ResNet-20", weights.restore(zoo.resnet(20), "resnet20"), colour),
    ):
        wall, own = measure(explain.occlusion, model, images)
        print(f"occlusion 4/2, {name:9}: {wall / len(images):6.0f} ms an image, {own / len(images):5.1f} of its own")
        wall, own = measure(explain.rise, model, images[:1])
        print(f"RISE 2000,     {name:9}: {wall:6.0f} ms an image, {own:5.1f} of its own")
    model, image = yolo.yolov4_tiny(size=320), datasets.photo("chat")
    spent = [0.0]
    detect = timed(functools.partial(yolo.detect, model, score_threshold=0.05), spent)
    target = drise.Proposals(*target_of(detect([image])[0]))
    spent[0] = 0.0
    start = time.perf_counter()
    drise.drise(detect, image, target, masks=500)
    wall = time.perf_counter() - start
    print(f"D-RISE 500 masks, 320 px: {wall:.1f} s, {(wall - spent[0]) / wall:.1%} of its own")


def measure(method, model, images, rounds=3):
    """Milliseconds of an explanation, and those that are not the network's; the best of each."""
    walls, owns = [], []
    step, spent = explain._logit_step(model, images.shape[1:]), [0.0]
    method(model, images, 0)  # traces
    original = explain._logit_step
    explain._logit_step = lambda *_: timed(step, spent)
    try:
        for _ in range(rounds):
            spent[0], start = 0.0, time.perf_counter()
            method(model, images, 0)
            walls.append(time.perf_counter() - start)
            owns.append(walls[-1] - spent[0])
    finally:
        explain._logit_step = original
    return 1000 * min(walls), 1000 * min(owns)


def timed(function, spent):
    def call(*inputs):
        start = time.perf_counter()
        result = function(*inputs)
        spent[0] += time.perf_counter() - start
        return result

    return call


def target_of(found):
    return found.boxes[:1], found.probabilities[:1], found.objectness[:1]


if __name__ == "__main__":
    main()
