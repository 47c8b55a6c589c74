"""Print how long each embedded set takes to load; the aim is 1.5 s for fashion_mnist.

Run it on an idle machine: python tests/benchmarks/bench_datasets.py
"""

import statistics
import time

from labs import datasets


def main(runs=5):
    """Print the first load and the median of the next ones, in seconds."""
    for name in datasets.EMBEDDED:
        seconds = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            datasets.load(name)
            seconds.append(time.perf_counter() - start)
        print(f"{name:14} first {seconds[0]:.2f} s, then {statistics.median(seconds[1:]):.2f} s")


if __name__ == "__main__":
    main()
