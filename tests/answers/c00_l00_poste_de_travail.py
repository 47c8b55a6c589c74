"""Answers of the welcome lesson."""

import keras
import numpy as np
from sklearn.metrics import accuracy_score

WRONG = {
    "to_unit_range": [
        lambda images: images / 255,  # float64
        lambda images: images // 255,
        lambda images: (images / 256).astype("float32"),
        lambda images: images.astype("float32") / images.mean(),
        lambda images: (images / images.max()).astype("float32"),  # right only where the largest pixel is white
        lambda images: ((images - images.min()) / np.ptp(images)).astype("float32"),
    ],
    "accuracy": [
        lambda logits, labels: np.sum(logits.argmax(axis=1) == labels),  # a count, not a share
        lambda logits, labels: np.mean(logits.argmax(axis=0) == labels[:3]),  # wrong axis
        lambda logits, labels: logits.argmax(axis=1) == labels,  # forgets the mean
    ],
}


def by_keras_ops(images):
    return keras.ops.cast(images, "float32") / 255.0


def row_by_row(logits, labels):
    good = 0
    for row, label in zip(logits.tolist(), labels.tolist()):
        good += row.index(max(row)) == label
    return good / len(labels)


def metric_of_keras(logits, labels):
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(labels, logits)
    return metric.result()


RIGHT = {
    "to_unit_range": [
        lambda images: np.divide(images, 255, dtype=np.float32),
        lambda images: np.array(images / 255.0, dtype="float32"),  # divided in float64, converted afterwards
        lambda images: images * np.float32(1 / 255),  # another rounding
        by_keras_ops,  # a tensor
        keras.layers.Rescaling(1 / 255),  # a layer in place of a function
    ],
    "accuracy": [
        row_by_row,  # a Python float
        metric_of_keras,  # a float32 tensor
        lambda logits, labels: np.count_nonzero(np.argmax(logits, axis=-1) == labels) / labels.size,
        lambda logits, labels: 1 - (logits.argmax(1) != labels).mean(),
        lambda logits, labels: accuracy_score(labels, logits.argmax(axis=1)),
    ],
}
