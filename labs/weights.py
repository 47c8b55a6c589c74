"""The pretrained weights that the course carries in data/weights, verified before they are read. Chapters 2 to 6."""

import os
import pathlib

import numpy as np

from labs import catalogue

FILES = {
    "efficientnet_lite0": "weights/efficientnet_lite0.npz",
    "resnet20": "weights/resnet20_cifar10.npz",
    "densenet40": "weights/densenet40_cifar10.npz",
    "fashion_classifier": "weights/fashion_classifier.npz",
    "deeplabv3": "weights/deeplabv3_mobilenetv2_voc.npz",
    "yolov4_tiny": "weights/yolov4_tiny_coco.npz",
    "yolov4_tiny_cfg": "weights/yolov4_tiny.cfg",
    "yolov4_cfg": "weights/yolov4.cfg",
    "dcgan": "weights/dcgan_fashion_mnist.npz",
    "wgan_gp": "weights/wgan_gp_fashion_mnist.npz",
    "began": "weights/began_fashion_mnist.npz",
    "sgan_0": "weights/sgan_mnist_0.npz",
    "sgan_1": "weights/sgan_mnist_1.npz",
    "sgan_2": "weights/sgan_mnist_2.npz",
    "inpainting_faces": "weights/inpainting_orl_faces.npz",
    "inpainting_photos": "weights/inpainting_cifar10.npz",
}


def path(name):
    """Return the verified file of the weights called `name`, one of `FILES`. Lesson 2.3.

    Raises:
        ValueError: no weights have this name.
        labs.catalogue.DataError: the file is missing or damaged.
    """
    if name not in FILES:
        known = ", ".join(f"« {known} »" for known in FILES)
        raise ValueError(f"Aucuns poids ne s'appellent {name!r}. Les noms connus sont : {known}.")
    return catalogue.verified(FILES[name])


def restore(model, name):
    """Put the weights called `name` into a built Keras model, each in its place; return the model. Lesson 2.3.

    Raises:
        ValueError: no weights have this name, or they are those of another architecture; the model is left as it was.
        labs.catalogue.DataError: the file is missing or damaged.
    """
    with np.load(path(name)) as file:
        arrays = [file[key] for key in file.files]
    shapes, expected = [array.shape for array in arrays], [tuple(variable.shape) for variable in model.weights]
    if shapes != expected:
        wrong = [f"{one} au lieu de {other}" for one, other in zip(shapes, expected) if one != other][:1]
        raise ValueError(
            f"Les poids « {name} » sont {len(shapes)} tableaux, le modèle « {model.name} » en attend {len(expected)} "
            f"({', '.join(['première forme qui diffère : ' + text for text in wrong]) or 'les premiers coïncident'}). "
            "Construisez l'architecture pour laquelle ces poids ont été faits."
        )
    model.set_weights([array.astype("float32") for array in arrays])
    return model


def save(model, file):
    """Write the weights of a Keras model as float16, under a temporary name, then rename. Lesson 2.3.

    Raises:
        ValueError: a weight is not finite, or too large for float16.
    """
    arrays = {}
    for rank, variable in enumerate(model.weights):
        with np.errstate(over="ignore"):
            half = np.asarray(variable).astype("float16")
        if not np.all(np.isfinite(half)):
            raise ValueError(f"Le poids « {variable.path} » a des valeurs non finies en float16 : rien n'est écrit.")
        arrays[f"{rank:04d}.{variable.name}"] = half
    file = pathlib.Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".partial")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
