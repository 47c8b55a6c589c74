"""Answers of the welcome lesson."""

import numpy as np

WRONG = {
    "to_unit_range": [
        lambda images: images / 255,  # float64
        lambda images: images // 255,
        lambda images: (images / 256).astype("float32"),
        lambda images: images.astype("float32") / images.mean(),
    ],
    "accuracy": [
        lambda logits, labels: np.sum(logits.argmax(axis=1) == labels),  # a count, not a share
        lambda logits, labels: np.mean(logits.argmax(axis=0) == labels[:3]),  # wrong axis
        lambda logits, labels: logits.argmax(axis=1) == labels,  # forgets the mean
    ],
}
