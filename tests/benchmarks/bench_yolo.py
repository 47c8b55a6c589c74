"""Print the time of YOLOv4-tiny's `detect` on 8 photographs, and that of OpenCV on the same; the aim is a ratio of 1.2.

Run it on an idle machine: OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python tests/benchmarks/bench_yolo.py
"""

import pathlib
import tempfile
import time

import cv2
import numpy as np

from labs import boxes, datasets, weights, yolo


def main(rounds=5):
    """Seconds of the processor for the network alone, then with letterbox and suppression; the best of each."""
    model = yolo.yolov4_tiny()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "tiny.weights")
        yolo.write_weights(model, file)
        net = cv2.dnn.readNetFromDarknet(str(weights.path("yolov4_tiny_cfg")), str(file))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    cv2.setNumThreads(1)
    photos = [datasets.photo(name) for name in ("chat", "cafe")] * 4
    batch = np.stack([yolo.letterbox(photo, (416, 416)).image for photo in photos])
    pairs = {
        "network": (lambda: model.predict_on_batch(batch), lambda: forward(net, batch)),
        "detect": (lambda: yolo.detect(model, photos), lambda: pipeline(net, photos)),
    }
    for name, calls in pairs.items():
        times = [[seconds(call) for call in calls] for _ in range(rounds + 1)][1:]  # the first call traces
        ours, theirs = np.min(times, axis=0)
        print(f"{name:8} Keras {ours:.3f} s · OpenCV {theirs:.3f} s · ratio {ours / theirs:.2f}")


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def forward(net, batch):
    net.setInput(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
    found = net.forward(net.getUnconnectedOutLayersNames())
    return np.concatenate([head.reshape(len(batch), -1, 85) for head in found], axis=1)


def pipeline(net, photos):
    """The same steps as `yolo.detect`, with OpenCV's network."""
    fitted = [yolo.letterbox(photo, (416, 416)) for photo in photos]
    for one, rows in zip(fitted, forward(net, np.stack([one.image for one in fitted]))):
        rows = rows[rows[:, 5:].max(axis=1) > 0.25]
        places = one.restore(np.asarray(boxes.to_corners(rows[:, :4])) * 416)
        boxes.nms(places, rows[:, 5:].max(axis=1), 0.45, rows[:, 5:].argmax(axis=1))


if __name__ == "__main__":
    main()
