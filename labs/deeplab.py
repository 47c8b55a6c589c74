"""DeepLabV3 on MobileNetV2, as Google trained it on VOC: a class for each pixel of a photograph. Chapter 4.

Chen et al. 2017, *Rethinking Atrous Convolution for Semantic Image Segmentation*; Sandler et al. 2018, *MobileNetV2*.
Its layers are named "block.layer", as those of `labs.zoo`.
"""

import cv2
import keras
import numpy as np
from keras import layers, ops

from labs import weights as shipped

SIZE = 513  # 8 × 64 + 1: the centres of the first and last cells of 65 fall on the first and last pixels
GREY = 127.5 / 255  # of what is around the photograph; the network sees 0 there

CLASSES = (
    "fond", "avion", "vélo", "oiseau", "bateau", "bouteille", "bus", "voiture", "chat", "chaise", "vache", "table",
    "chien", "cheval", "moto", "personne", "plante en pot", "mouton", "canapé", "train", "téléviseur",
)  # fmt: skip

# Sandler et al. 2018, table 2: expansion, maps out, repeats, stride; then the dilation, which is DeepLab's: once the
# maps are 8 times smaller than the image, a stride is dropped and the filters that follow are spread out instead.
_STAGES = (
    (1, 16, 1, 1, 1), (6, 24, 2, 2, 1), (6, 32, 3, 2, 1), (6, 64, 4, 1, 2), (6, 96, 3, 1, 2), (6, 160, 3, 1, 4),
    (6, 320, 1, 1, 4),
)  # fmt: skip


def deeplabv3(weights="voc"):
    """DeepLabV3-MobileNetV2: (N, 513, 513, 3) in [0, 1], RGB -> logits (N, 513, 513, 21). Lesson 4.3.

    Batch normalisation is folded into the convolutions, as in the published graph: 2 097 013 parameters. This light
    version has two branches after the backbone, a 1×1 convolution and the mean of the image; the spread-out filters of
    the paper's pyramid are left out, and those of the backbone stay. Its logits, 65×65, are enlarged by `Enlarge`.

    Args:
        weights: "voc", those published by Google (PASCAL VOC 2012, trainval), or None, random.

    Raises:
        ValueError: other `weights`.
        labs.catalogue.DataError: the file of the weights is missing or damaged.
    """
    if weights not in ("voc", None):
        raise ValueError(f"Poids possibles : « voc » ou None (au hasard) ; reçu {weights!r}.")
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(2.0, -1.0, name="stem.rescale")(inputs)
    x = _relu6(layers.Conv2D(32, 3, 2, "same", name="stem.conv")(x), "stem")
    for stage, (expansion, filters, repeats, stride, rate) in enumerate(_STAGES, start=1):
        for rank in range(repeats):
            first = rank == 0
            # The layer that lost its stride reads what is before it: it keeps the rate of the stage before.
            dilation = _STAGES[stage - 2][-1] if first and stage > 1 else rate
            x = _inverted_residual(x, expansion, filters, stride if first else 1, dilation, f"stage{stage}-{rank + 1}")
    x = _head(x)
    model = keras.Model(inputs, Enlarge(SIZE, name="output.enlarge")(x), name="deeplabv3_mobilenetv2")
    if weights:
        shipped.restore(model, "deeplabv3")
    return model


def _inverted_residual(x, expansion, filters, stride, dilation, name):
    """Expand (1×1), filter each map, project (1×1); a shortcut where shapes agree. Sandler et al. 2018."""
    kept = x
    if expansion > 1:
        x = _relu6(layers.Conv2D(x.shape[-1] * expansion, 1, name=f"{name}.expand")(x), name, "-expand")
    filtered = layers.DepthwiseConv2D(3, stride, "same", dilation_rate=dilation, name=f"{name}.depthwise")
    x = layers.Conv2D(filters, 1, name=f"{name}.project")(_relu6(filtered(x), name, "-depthwise"))
    same = stride == 1 and kept.shape[-1] == filters
    return layers.Add(name=f"{name}.add")([kept, x]) if same else x


def _head(x):
    """The mean of the image beside the pixels, mixed, then a logit a class: (N, 65, 65, 21)."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="context.mean")(x)
    mean = layers.Conv2D(256, 1, activation="relu", name="context.conv")(mean)
    mean = layers.UpSampling2D(x.shape[1], name="context.spread")(mean)
    local = layers.Conv2D(256, 1, activation="relu", name="local.conv")(x)
    x = layers.Concatenate(name="mix.concat")([mean, local])
    x = layers.Conv2D(256, 1, activation="relu", name="mix.conv")(x)
    return layers.Conv2D(len(CLASSES), 1, name="output.conv")(x)


def _relu6(x, block, rank=""):
    return layers.ReLU(6.0, name=f"{block}.relu{rank}")(x)


@keras.saving.register_keras_serializable("labs")
class Enlarge(layers.Layer):
    """Bilinear enlargement whose corners stay corners: (N, h, w, C) -> (N, size, size, C). Lesson 4.3.

    Keras's own puts the corners of the pixels together; this network was trained with their centres together.
    """

    def __init__(self, size, **options):
        super().__init__(**options)
        self.size = size

    def call(self, x):
        rows, columns = (ops.convert_to_tensor(_interpolation(side, self.size)) for side in x.shape[1:3])
        return ops.einsum("Yy,nyxc,Xx->nYXc", rows, x, columns)

    def compute_output_shape(self, shape):
        return (shape[0], self.size, self.size, shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _interpolation(side, size):
    """The weights (size, side) of a linear interpolation whose ends are kept."""
    places = np.linspace(0, side - 1, size)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))).astype("float32")


# ── A photograph in, a map of classes out ──


def fit_in(image):
    """A photograph (H, W, 3) in [0, 1], made SIZE on its longer side and set in a grey square. Lesson 4.3.

    Returns:
        the square, float32 (513, 513, 3), and the height and width of the photograph in it, from its top left corner.

    Raises:
        ValueError, TypeError: `image` is not (H, W, 3), floating-point, in [0, 1].
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise ValueError(
            f"Attendu une photographie en couleurs (H, L, 3) ; reçu {image.shape}. Donnez les images une à une ; d'une "
            "image grise, répétez le canal : np.repeat(image[..., None], 3, axis=-1)."
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"Attendu des nombres à virgule entre 0 et 1 ; reçu {image.dtype} : divisez par 255.")
    if not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(
            f"Attendu des valeurs entre 0 et 1 ; reçu de {image.min():.3g} à {image.max():.3g} : divisez par 255."
        )
    scale = SIZE / max(image.shape[:2])
    height, width = (max(1, round(scale * length)) for length in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.full((SIZE, SIZE, 3), GREY, "float32")
    square[:height, :width] = cv2.resize(image.astype("float32"), (width, height), interpolation=how)
    return square, height, width


def logits(model, image):
    """The logits of each pixel of a photograph of any size: (H, W, 3) in [0, 1] -> float32 (H, W, 21). Lesson 4.3.

    The class of a pixel is the `argmax` over the last axis, a rank in CLASSES; 0 is the background.

    Raises:
        ValueError, TypeError: `image` is not (H, W, 3), floating-point, in [0, 1].
    """
    square, height, width = fit_in(image)
    found = model.predict(square[None], verbose=0)[0, :height, :width]
    return cv2.resize(found, np.shape(image)[1::-1])
