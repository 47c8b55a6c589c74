"""Print the frames a second of each tracker on 1 000 frames of 30 walkers, and its scores; the aim is 900.

Run it on an idle machine: OMP_NUM_THREADS=1 python tests/benchmarks/bench_tracking.py
"""

import time

import numpy as np

from labs import boxes, scenes, tracking


def main():
    """One line a tracker, in seconds of the processor; DeepSORT gets noisy features that tell the walkers apart."""
    truth = scenes.crowd(1000, 30)
    detections = scenes.imperfect_detections(truth)
    rng = np.random.default_rng(0)
    looks = [look_alike(rows, frame, rng) for rows, frame in zip(truth, detections)]
    trackers = {
        "SORT": (tracking.Sort(), [()] * 1000),
        "SORT, max_age=5": (tracking.Sort(max_age=5), [()] * 1000),
        "ByteTrack": (tracking.ByteTrack(), [()] * 1000),
        "DeepSORT": (tracking.DeepSort(), [(look,) for look in looks]),
    }
    for name, (tracker, more) in trackers.items():
        start = time.process_time()
        tracks = [tracker.update(frame, *features) for frame, features in zip(detections, more)]
        seconds = time.process_time() - start
        scores = tracking.evaluate(truth, tracks)
        shown = " · ".join(f"{measure} {scores[measure]:.3f}" for measure in ("MOTA", "IDF1", "HOTA", "IDSW"))
        print(f"{name:16} {len(truth) / seconds:5.0f} frames/s · {shown}")


def look_alike(truth, detections, rng, size=32):
    """Features (K, size): each walker's own, drawn from its identity, plus noise; noise alone for a false detection."""
    overlap = boxes.iou(detections[:, :4], truth[:, :4])
    own = [np.random.default_rng(int(identity)).normal(size=size) for identity in truth[overlap.argmax(1), 4]]
    return np.where(overlap.max(1)[:, None] > 0.3, own, 0) + rng.normal(0, 0.3, (len(detections), size))


if __name__ == "__main__":
    main()
