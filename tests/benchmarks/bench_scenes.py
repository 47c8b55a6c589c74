"""Print how long 1 000 scenes of 128 pixels take to compose; the aim is 5 s of one core.

Run it on an idle machine: OMP_NUM_THREADS=1 python tests/benchmarks/bench_scenes.py
"""

import time

import cv2

from labs import scenes


def main(count=1000):
    """Print the processor's seconds of each kind of scenes, the data already read."""
    cv2.setNumThreads(1)
    for name in ("GARMENTS", "DIGITS", "SIGNS"):
        scenes.compose(1, getattr(scenes, name))
        start = time.process_time()
        scenes.compose(count, getattr(scenes, name))
        print(f"{name:9} {count} scenes of 128 pixels: {time.process_time() - start:.2f} s")
    start = time.process_time()
    scenes.sequence()
    print(f"sequence  100 frames of 256 pixels: {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    main()
