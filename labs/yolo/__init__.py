"""YOLOv4 in Keras, from Darknet's own files: networks, weights, detection, loss, mosaic. Chapters 4 and 5.

Bochkovskiy, Wang & Liao 2020, *YOLOv4: Optimal Speed and Accuracy of Object Detection*. Images are float32 in [0, 1],
RGB, (N, H, W, 3).
"""

from labs.yolo.darknet import (
    Convolution,
    Group,
    Head,
    Plan,
    Section,
    from_darknet,
    heads,
    plan,
    read_cfg,
    read_weights,
    write_weights,
    yolov4,
    yolov4_tiny,
)
from labs.yolo.detection import Detections, Letterbox, detect, letterbox
from labs.yolo.learning import Loss, mosaic, pack, trainer

__all__ = [
    "Convolution",
    "Detections",
    "Group",
    "Head",
    "Letterbox",
    "Loss",
    "Plan",
    "Section",
    "detect",
    "from_darknet",
    "heads",
    "letterbox",
    "mosaic",
    "pack",
    "plan",
    "read_cfg",
    "read_weights",
    "trainer",
    "write_weights",
    "yolov4",
    "yolov4_tiny",
]
