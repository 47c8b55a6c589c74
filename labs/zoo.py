"""The architectures of the course, each from its paper: Keras models that return logits. Chapters 2, 4 and 6.

Images are float32 in [0, 1], (N, H, W, C). A layer is named "block.layer": `blocks` and the figures group by block.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from labs import weights as shipped


def build(name, **options):
    """Return the architecture called `name`, one of `ARCHITECTURES`, with the options of its function. Lesson 2.2.

    Raises:
        ValueError: no architecture has this name.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(f"« {known} »" for known in ARCHITECTURES)
        raise ValueError(f"Aucune architecture ne s'appelle {name!r}. Les noms connus sont : {known}.")
    return ARCHITECTURES[name](**options)


# ── LeNet-5 ──

# Table I of LeCun et al. 1998: the maps of S2 that each of the 16 maps of C3 reads.
LENET5_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


@keras.saving.register_keras_serializable("labs")
class Subsample(layers.Layer):
    """The sum of each 2×2 window times one learned coefficient, plus one bias, per map. LeCun et al. 1998, S2."""

    def build(self, shape):
        self.coefficient = self.add_weight(shape=(shape[-1],), initializer="ones", name="coefficient")
        self.bias = self.add_weight(shape=(shape[-1],), initializer="zeros", name="bias")

    def call(self, x):
        # The mean, where the paper takes the sum: the same functions, with a coefficient four times as large.
        return ops.average_pool(x, 2, 2) * self.coefficient + self.bias


@keras.saving.register_keras_serializable("labs")
class PartialConv2D(layers.Layer):
    """A convolution whose output maps each read some of the input maps only. LeCun et al. 1998, C3 and table I.

    Args:
        table: for each output map, the ranks of the input maps that it reads.
        size: side of the filters.
    """

    def __init__(self, table, size, **options):
        super().__init__(**options)
        self.table, self.size = tuple(map(tuple, table)), size

    def build(self, shape):
        links = [(read, written) for written, sources in enumerate(self.table) for read in sources]
        scatter = np.zeros((len(links), shape[-1], len(self.table)), "float32")
        scatter[np.arange(len(links)), *np.transpose(links)] = 1
        self.scatter = scatter.reshape(len(links), -1)
        spread = (self.size**2 * len(links) / len(self.table)) ** -0.5  # variance 1 / fan-in, on average
        self.kernel = self.add_weight(
            shape=(self.size**2, len(links)), initializer=keras.initializers.RandomNormal(stddev=spread), name="kernel"
        )
        self.bias = self.add_weight(shape=(len(self.table),), initializer="zeros", name="bias")

    def call(self, x):
        whole = ops.reshape(ops.matmul(self.kernel, self.scatter), (self.size, self.size, x.shape[-1], len(self.table)))
        return ops.conv(x, whole, padding="valid") + self.bias

    def get_config(self):
        return {**super().get_config(), "table": self.table, "size": self.size}


def lenet5(classes=10):
    """LeNet-5 (LeCun et al. 1998): 32×32×1 -> (N, classes). Lesson 2.2.

    As published, its table of connections, its learned subsampling and its scaled tanh included: 60 000 parameters up
    to F6. Two variants: the weights start from Keras's usual laws, and the output is a linear layer (850 more
    parameters for 10 classes), where the paper has fixed radial basis functions drawn as bitmaps.
    """
    squash = lambda name: layers.Lambda(_scaled_tanh, name=name)  # noqa: E731
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, name="C1.conv"), squash("C1.tanh"),
            Subsample(name="S2.pool"), squash("S2.tanh"),
            PartialConv2D(LENET5_TABLE, 5, name="C3.conv"), squash("C3.tanh"),
            Subsample(name="S4.pool"), squash("S4.tanh"),
            layers.Conv2D(120, 5, name="C5.conv"), squash("C5.tanh"), layers.Flatten(name="C5.flatten"),
            layers.Dense(84, name="F6.dense"), squash("F6.tanh"),
            layers.Dense(classes, name="output.dense"),
        ],
        name="lenet5",
    )  # fmt: skip


@keras.saving.register_keras_serializable("labs")
def _scaled_tanh(x):
    """1.7159 tanh(2x/3), so that f(1) = 1 and f(-1) = -1 (LeCun et al. 1998, appendix A)."""
    return 1.7159 * ops.tanh(x * (2 / 3))


# ── VGG and Network in Network ──


def vgg16(classes=1000, input_shape=(224, 224, 3)):
    """VGG-16, configuration D of Simonyan & Zisserman 2015, without batch normalisation. Lesson 2.2.

    138 357 544 parameters for 1000 classes and images of 224 pixels.
    """
    x = inputs = keras.Input(input_shape)
    for stage, (filters, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for rank in range(1, depth + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"stage{stage}.conv{rank}")(x)
        x = layers.MaxPooling2D(2, name=f"stage{stage}.pool")(x)
    x = layers.Flatten(name="fc1.flatten")(x)
    for rank in (1, 2):
        x = layers.Dense(4096, activation="relu", name=f"fc{rank}.dense")(x)
        x = layers.Dropout(0.5, name=f"fc{rank}.dropout")(x)
    return keras.Model(inputs, layers.Dense(classes, name="output.dense")(x), name="vgg16")


def vgg(widths=(32, 64, 128), depths=(2, 2, 4), classes=10, input_shape=(32, 32, 3)):
    """A VGG at CIFAR scale: stages of 3×3 convolutions, each closed by a 2×2 maximum. Lesson 2.2.

    Variant of Simonyan & Zisserman 2015: batch normalisation, and global average pooling in place of the dense layers.
    """
    x = inputs = keras.Input(input_shape)
    for stage, (filters, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for rank in range(1, depth + 1):
            x = _conv_bn_relu(x, filters, 3, f"stage{stage}", rank)
        if stage < len(widths):
            x = layers.MaxPooling2D(2, name=f"stage{stage}.pool")(x)
    return _head(inputs, x, classes, "vgg")


def network_in_network(width=192, classes=10, input_shape=(32, 32, 3), *, normalise=False, dropout=0.5):
    """Network in Network (Lin, Chen & Yan 2014), its CIFAR-10 model: three mlpconv blocks, then an average. Lesson 2.2.

    966 986 parameters when width = 192, as published, but without the ReLU of the last layer: its means are logits. A
    smaller width scales every layer. `normalise` adds batch normalisation, which the paper does not have.
    """
    x = inputs = keras.Input(input_shape)
    plan = (
        (5, (width, width * 5 // 6, width // 2)),
        (5, (width, width, width)),
        (3, (width, width, classes)),
    )
    for block, (size, filters) in enumerate(plan, start=1):
        for rank, count in enumerate(filters, start=1):
            side, name = size if rank == 1 else 1, f"mlpconv{block}"
            if normalise and (block, rank) != (3, 3):
                x = _conv_bn_relu(x, count, side, name, rank)
            else:
                last = (block, rank) == (3, 3)  # its maps are the logits, before the average
                activation = None if last else "relu"
                x = layers.Conv2D(count, side, padding="same", activation=activation, name=f"{name}.conv{rank}")(x)
        if block < 3:
            pool = layers.MaxPooling2D if block == 1 else layers.AveragePooling2D
            x = pool(3, 2, padding="same", name=f"{name}.pool")(x)
            x = layers.Dropout(dropout, name=f"{name}.dropout")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="output.mean")(x), name="network_in_network")


# ── ResNet and DenseNet ──


def resnet(depth=20, width=16, classes=10, input_shape=(32, 32, 3), *, block="residual"):
    """The CIFAR-10 networks of He et al. 2016: 6n + 2 layers, three stages of n blocks. Lesson 2.3.

    Shortcuts are identities everywhere (option A: subsampled, padded with zero maps): depth 20 has the 0.27 M
    parameters of table 6.

    Args:
        block: "residual" (He et al. 2016), "plain" (the same layers without shortcuts), or "preactivation" (He et al.
            2016, *Identity Mappings*: normalisation and ReLU come before each convolution).

    Raises:
        ValueError: `depth` is not 6n + 2, or `block` is unknown.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"Un ResNet pour CIFAR a 6n + 2 couches : 8, 14, 20, 26, 32… ; reçu depth={depth}.")
    if block not in _BLOCKS:
        known = ", ".join(f"« {known} »" for known in _BLOCKS)
        raise ValueError(f"Aucun bloc ne s'appelle {block!r}. Les noms connus sont : {known}.")
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, **_HE, name="stem.conv")(inputs)
    if block != "preactivation":
        x = _bn_relu(x, "stem")
    for stage in range(3):
        for rank in range((depth - 2) // 6):
            stride = 2 if stage and not rank else 1
            x = _BLOCKS[block](x, width * 2**stage, stride, f"stage{stage + 1}-{rank + 1}")
    if block == "preactivation":
        x = _bn_relu(x, "end")
    return _head(inputs, x, classes, f"resnet{depth}")


def _plain_block(x, filters, stride, name, shortcut=lambda x, *_: None):
    kept = shortcut(x, filters, stride, name)
    x = _conv_bn_relu(x, filters, 3, name, 1, stride)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **_HE, name=f"{name}.conv2")(x)
    x = layers.BatchNormalization(name=f"{name}.norm2")(x)
    if kept is not None:
        x = layers.Add(name=f"{name}.add")([x, kept])
    return layers.ReLU(name=f"{name}.relu2")(x)


def _residual_block(x, filters, stride, name):
    return _plain_block(x, filters, stride, name, shortcut=_identity)


def _preactivation_block(x, filters, stride, name):
    kept = _identity(x, filters, stride, name)
    for rank in (1, 2):
        x = _bn_relu(x, name, rank)
        strides = stride if rank == 1 else 1
        x = layers.Conv2D(filters, 3, strides, "same", use_bias=False, **_HE, name=f"{name}.conv{rank}")(x)
    return layers.Add(name=f"{name}.add")([x, kept])


_BLOCKS = {"residual": _residual_block, "plain": _plain_block, "preactivation": _preactivation_block}


def _identity(x, filters, stride, name):
    """Option A of He et al. 2016: one pixel in `stride`, zero maps for the channels that are missing."""
    missing = filters - x.shape[-1]
    if stride == 1 and not missing:
        return x
    x = layers.MaxPooling2D(1, stride, name=f"{name}.skip")(x)  # a window of one pixel: plain subsampling
    return _ZeroMaps(missing, name=f"{name}.pad")(x)


@keras.saving.register_keras_serializable("labs")
class _ZeroMaps(layers.Layer):
    """Append `count` maps of zeros."""

    def __init__(self, count, **options):
        super().__init__(**options)
        self.count = count

    def call(self, x):
        return ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.count)))

    def get_config(self):
        return {**super().get_config(), "count": self.count}


def densenet(depth=40, growth=12, classes=10, input_shape=(32, 32, 3), *, bottleneck=True, compression=0.5):
    """The CIFAR-10 networks of Huang et al. 2017: in a dense block, a layer reads all those before. Lesson 2.3.

    By default a DenseNet-BC (bottlenecks of 4k maps, transitions that keep half the maps); depth 100 and growth 12 give
    the 0.8 M parameters of table 2. bottleneck=False, compression=1 give the plain DenseNet: depth 40, 1.0 M.

    Raises:
        ValueError: `depth` does not make three equal blocks, or `compression` is outside ]0, 1].
    """
    step = 6 if bottleneck else 3
    if depth < 4 + step or (depth - 4) % step:
        raise ValueError(f"Un DenseNet à trois blocs a {step}n + 4 couches ; reçu depth={depth}.")
    if not 0 < compression <= 1:
        raise ValueError(f"La compression est la part des cartes gardées, dans ]0, 1] ; reçu {compression}.")
    inputs = keras.Input(input_shape)
    first = 2 * growth if bottleneck else 16
    x = layers.Conv2D(first, 3, padding="same", use_bias=False, **_HE, name="stem.conv")(inputs)
    for block in (1, 2, 3):
        for rank in range(1, (depth - 4) // step + 1):
            new, name = x, f"dense{block}"
            if bottleneck:
                new = _bn_relu_conv(new, 4 * growth, 1, name, f"{rank}a")
            new = _bn_relu_conv(new, growth, 3, name, f"{rank}b")
            x = layers.Concatenate(name=f"{name}.concat{rank}")([x, new])
        if block < 3:
            x = _bn_relu_conv(x, int(x.shape[-1] * compression), 1, f"transition{block}", 1)
            x = layers.AveragePooling2D(2, name=f"transition{block}.pool")(x)
    return _head(inputs, _bn_relu(x, "end"), classes, f"densenet{depth}")


# ── The course's own classifier ──


def fashion_classifier(weights="fashion_mnist", top=True):
    """A small network for Fashion-MNIST: (N, 28, 28, 1) -> logits (N, 10), or 64 features when top=False. Lesson 3.3.

    Three times a 3×3 convolution, a 2×2 maximum, batch normalisation, ReLU; then the mean of each map.

    Args:
        weights: "fashion_mnist", those that scripts/train_classifiers.py made, or None, random.
    """
    if weights not in ("fashion_mnist", None):
        raise ValueError(f"Poids possibles : « fashion_mnist » ou None (au hasard) ; reçu {weights!r}.")
    x = inputs = keras.Input((28, 28, 1))
    for stage, filters in enumerate((16, 32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **_HE, name=f"stage{stage}.conv")(x)
        x = _bn_relu(layers.MaxPooling2D(2, name=f"stage{stage}.pool")(x), f"stage{stage}")
    x = layers.GlobalAveragePooling2D(name="output.mean")(x)
    model = keras.Model(inputs, layers.Dense(10, name="output.dense")(x), name="fashion_classifier")
    if weights:
        shipped.restore(model, "fashion_classifier")
    return model if top else keras.Model(inputs, x, name="fashion_features")


def face_classifier(classes=40, input_shape=(112, 92, 1), dropout=0.5):
    """A small network that tells people apart, on a few photographs each: images -> (N, classes). Lessons 4.5 and 6.3.

    Four stages that halve the sides (a 3×3 convolution, a 2×2 maximum, batch normalisation, ReLU), then one dense
    layer that keeps the places: the faces are framed alike.
    """
    x = inputs = keras.Input(input_shape)
    for stage, filters in enumerate((8, 16, 32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **_HE, name=f"stage{stage}.conv")(x)
        x = layers.MaxPooling2D(2, name=f"stage{stage}.pool")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"stage{stage}.norm")(x)
        x = layers.ReLU(name=f"stage{stage}.relu")(x)
    x = layers.Dropout(dropout, name="output.dropout")(layers.Flatten(name="output.flatten")(x))
    return keras.Model(inputs, layers.Dense(classes, name="output.dense")(x), name="face_classifier")


# ── The recipe of today, at CIFAR scale ──


def whitening(images, *, size=2, epsilon=1e-5):
    """A first convolution whose outputs are uncorrelated, with variance 1: (kernel, bias). Lesson 2.3.

    The eigenvectors of the covariance of the patches, each over the root of its eigenvalue + epsilon, then the same
    with the sign changed, so that a ReLU loses nothing (Page 2019; Jordan 2024). The bias removes the mean patch.

    Args:
        images: (N, H, W, C), float32 in [0, 1]; a few thousand are enough.
        size: side of the patches.

    Returns:
        kernel (size, size, C, 2 C size²) and bias (2 C size²,), largest eigenvalue first.

    Raises:
        ValueError: `images` are not (N, H, W, C), or are smaller than a patch.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not len(images) or min(images.shape[1:3]) < size:
        raise ValueError(
            f"Attendu des images (N, H, L, C) d'au moins {size}×{size} pixels ; reçu un tableau {images.shape}."
        )
    patches = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))  # (N, H', W', C, size, size)
    patches = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * images.shape[3])
    mean = patches.mean(axis=0, dtype="float64")
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False, bias=True))
    kernel = (vectors / np.sqrt(values + epsilon))[:, ::-1]
    kernel = np.concatenate([kernel, -kernel], axis=1)
    bias = -mean @ kernel
    return kernel.reshape(size, size, images.shape[3], -1).astype("float32"), bias.astype("float32")


def airbench(whitener=None, width=24, classes=10, input_shape=(32, 32, 3)):
    """A narrow variant of the network of Jordan 2024 (airbench94), after Page 2019: trained in a minute. Lesson 2.3.

    A 2×2 convolution that whitens, then three stages (convolution, 2×2 maximum, convolution) of width, 2 width and
    4 width maps, a global maximum, and logits over 9. Variants: ReLU in place of GELU, narrower stages, a learned scale
    in batch normalisation, no bias learned on the whitening.

    Args:
        whitener: what `whitening` returns, frozen; None: a first layer drawn at random and trained.
    """
    x = inputs = keras.Input(input_shape)
    first = layers.Conv2D(8 * input_shape[-1], 2, trainable=whitener is None, **_HE, name="stem.conv")
    x = layers.ReLU(name="stem.relu")(first(x))
    if whitener is not None:
        first.set_weights(whitener)
    for stage in (1, 2, 3):
        for rank in (1, 2):
            x = layers.Conv2D(
                width * 2 ** (stage - 1), 3, padding="same", use_bias=False, **_HE, name=f"stage{stage}.conv{rank}"
            )(x)
            if rank == 1:
                x = layers.MaxPooling2D(2, name=f"stage{stage}.pool")(x)
            x = layers.BatchNormalization(momentum=0.9, name=f"stage{stage}.norm{rank}")(x)
            x = layers.ReLU(name=f"stage{stage}.relu{rank}")(x)
    x = layers.GlobalMaxPooling2D(name="output.max")(x)
    x = layers.Dense(classes, use_bias=False, name="output.dense")(x)
    return keras.Model(inputs, layers.Rescaling(1 / 9, name="output.scale")(x), name="airbench")


# ── EfficientNet-Lite0 ──

# Tan & Le 2019, table 1, as EfficientNet-Lite0 scales it: repeats, size of the filter, stride, expansion, maps out.
_LITE0 = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip


def efficientnet_lite0(weights="imagenet", size=224, top=True):
    """EfficientNet-Lite0 (Tan & Le 2019; Lite variant, 2020: no squeeze-and-excitation, ReLU6). Lesson 2.4.

    Images (N, size, size, 3) in RGB, float32 in [0, 1] -> logits (N, 1000) or, when top=False, the means of the last
    1280 maps (N, 1280). 4 694 024 parameters with the top. It was trained at 224 pixels; a multiple of 32 fits well.

    Args:
        weights: "imagenet", the weights published with the network, or None, random.

    Raises:
        ValueError: other `weights`, or `size` below 32.
        labs.catalogue.DataError: the file of the weights is missing or damaged.
    """
    if weights not in ("imagenet", None):
        raise ValueError(f"Poids possibles : « imagenet » ou None (au hasard) ; reçu {weights!r}.")
    if not isinstance(size, (int, np.integer)) or size < 32:
        raise ValueError(f"Le côté des images est un entier d'au moins 32 pixels (224 à l'origine) ; reçu {size!r}.")
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(255 / 128, -127 / 128, name="stem.rescale")(inputs)  # (x - 127) / 128 on bytes
    x = _conv_bn(x, 32, 3, "stem", stride=2)
    for stage, (repeats, side, stride, expansion, filters) in enumerate(_LITE0, start=1):
        for rank in range(repeats):
            x = _inverted_residual(x, side, 1 if rank else stride, expansion, filters, f"stage{stage}-{rank + 1}")
    x = _conv_bn(x, 1280, 1, "head")
    x = layers.GlobalAveragePooling2D(name="head.mean")(x)
    logits = layers.Dense(1000, name="output.dense")(layers.Dropout(0.2, name="output.dropout")(x))
    model = keras.Model(inputs, logits, name="efficientnet_lite0")
    if weights:
        shipped.restore(model, "efficientnet_lite0")
    return model if top else keras.Model(inputs, x, name="efficientnet_lite0_features")


def _inverted_residual(x, side, stride, expansion, filters, name):
    """Expand (1×1), filter each map, project (1×1); a shortcut where shapes agree. Sandler et al. 2018."""
    kept = x
    if expansion > 1:
        x = _conv_bn(x, x.shape[-1] * expansion, 1, name, "expand")
    x = layers.DepthwiseConv2D(side, stride, "same", use_bias=False, name=f"{name}.depthwise")(x)
    x = _relu6(layers.BatchNormalization(epsilon=1e-3, name=f"{name}.norm-depthwise")(x), name, "depthwise")
    x = _conv_bn(x, filters, 1, name, "project", activation=False)
    return layers.Add(name=f"{name}.add")([x, kept]) if stride == 1 and kept.shape[-1] == filters else x


def _conv_bn(x, filters, size, block, rank="conv", stride=1, activation=True):
    x = layers.Conv2D(filters, size, stride, "same", use_bias=False, name=f"{block}.{rank}")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{block}.norm-{rank}")(x)
    return _relu6(x, block, rank) if activation else x


def _relu6(x, block, rank):
    return layers.ReLU(6.0, name=f"{block}.relu-{rank}")(x)


# ── U-Net ──


def unet(classes, input_shape=(None, None, 1), width=16, levels=3, *, skips=True):
    """U-Net (Ronneberger et al. 2015), small: images (N, H, W, C) -> logits (N, H, W, classes). Lessons 4.3 and 4.4.

    Down: two 3×3 convolutions, a 2×2 maximum, `levels` times, with twice the maps each time; up: a 2×2 transposed
    convolution, the maps of the same size from the way down, two convolutions. Variants: zero padding, so that the
    output has the size of the image, batch normalisation, and 16 maps to begin with where the paper has 64 and four
    levels. 483 891 parameters for one channel and three classes.

    Args:
        input_shape: (H, W, C); None for a side lets it change: the network is fully convolutional (Long et al. 2015).
        skips: False leaves out the maps from the way down, to see what they bring.

    Raises:
        ValueError: a side is not a multiple of 2 ** levels, or a number is too small.
    """
    if classes < 2 or width < 1 or levels < 1:
        raise ValueError(
            f"Attendu au moins deux classes (le fond compris), une carte et un niveau ; reçu classes={classes}, "
            f"width={width}, levels={levels}."
        )
    step = 2**levels
    if any(side is not None and side % step for side in input_shape[:2]):
        raise ValueError(
            f"Chaque côté est divisé {levels} fois par deux : il faut un multiple de {step} ; reçu {input_shape[:2]}. "
            "Découpez ou complétez les images, ou prenez moins de niveaux."
        )
    x = inputs = keras.Input(input_shape)
    kept = []
    for level in range(1, levels + 1):
        for rank in (1, 2):
            x = _conv_bn_relu(x, width * 2 ** (level - 1), 3, f"down{level}", rank)
        kept.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}.pool")(x)
    for rank in (1, 2):
        x = _conv_bn_relu(x, width * step, 3, "bottom", rank)
    for level in range(levels, 0, -1):
        filters, name = width * 2 ** (level - 1), f"up{level}"
        x = layers.Conv2DTranspose(filters, 2, 2, **_HE, name=f"{name}.enlarge")(x)
        if skips:
            x = layers.Concatenate(name=f"{name}.concat")([kept[level - 1], x])
        for rank in (1, 2):
            x = _conv_bn_relu(x, filters, 3, name, rank)
    return keras.Model(inputs, layers.Conv2D(classes, 1, name="output.conv")(x), name="unet")


# ── What the builders share ──

_HE = {"kernel_initializer": "he_normal"}


def _conv_bn_relu(x, filters, size, block, rank, stride=1):
    x = layers.Conv2D(filters, size, stride, "same", use_bias=False, **_HE, name=f"{block}.conv{rank}")(x)
    return _bn_relu(x, block, rank)


def _bn_relu(x, block, rank=""):
    return layers.ReLU(name=f"{block}.relu{rank}")(layers.BatchNormalization(name=f"{block}.norm{rank}")(x))


def _bn_relu_conv(x, filters, size, block, rank):
    x = _bn_relu(x, block, rank)
    return layers.Conv2D(filters, size, padding="same", use_bias=False, **_HE, name=f"{block}.conv{rank}")(x)


def _head(inputs, x, classes, name):
    x = layers.GlobalAveragePooling2D(name="output.mean")(x)
    return keras.Model(inputs, layers.Dense(classes, name="output.dense")(x), name=name)


ARCHITECTURES = {
    "lenet5": lenet5,
    "vgg16": vgg16,
    "vgg": vgg,
    "network_in_network": network_in_network,
    "resnet": resnet,
    "densenet": densenet,
    "airbench": airbench,
    "fashion_classifier": fashion_classifier,
    "face_classifier": face_classifier,
    "efficientnet_lite0": efficientnet_lite0,
    "unet": unet,
}


# ── What a model is made of ──


class Block(NamedTuple):
    """Consecutive layers: shape of what comes out, (H, W, C) or (C,), parameters, multiplications for one image."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiplications: int


def blocks(model):
    """Return the Blocks of a built model, in order; layers named "block.layer" are put together. Lesson 2.2.

    The multiplications are those of convolutions and dense layers, which are nearly all of them.
    """
    found = {}
    for layer in model.layers:
        name = layer.name.partition(".")[0]
        if isinstance(layer, layers.InputLayer):
            continue
        before = found.get(name, Block(name, (), 0, 0))
        found[name] = Block(
            name,
            tuple(layer.output.shape[1:]),
            before.parameters + layer.count_params(),
            before.multiplications + multiplications(layer),
        )
    return list(found.values())


def multiplications(layer):
    """Multiplications of one built layer for one image; 0 but for convolutions and dense layers. Lesson 2.2."""
    places = int(np.prod(layer.output.shape[1:-1]))
    counted = isinstance(layer, (layers.Dense, PartialConv2D, layers.DepthwiseConv2D)) or type(layer) is layers.Conv2D
    return places * int(np.prod(layer.kernel.shape)) if counted else 0


# ── Images in, answers out ──


def require_images(images, shape):
    """Check that `images` are (N, *shape), floating-point, in [0, 1]; return them as float32.

    Raises:
        ValueError, TypeError: they are not; the message says what was given and what to do.
    """
    images = np.asarray(images)
    wanted = f"(N, {', '.join(map(str, shape))})"
    grey = images.ndim == 3 and images.shape[1:] == tuple(shape[:2])  # (N, H, W)
    if grey and shape[-1] == 1:
        raise ValueError(f"Attendu un lot d'images {wanted} ; reçu {images.shape} : ajoutez [..., None].")
    if grey or images.ndim == 4 and images.shape[-1] == 1 and shape[-1] == 3:
        raise ValueError(
            f"Attendu des images en couleurs {wanted} ; reçu des images grises {images.shape} : répétez le canal, "
            "par exemple np.repeat(images.reshape(*images.shape[:3], 1), 3, axis=-1)."
        )
    if images.ndim == len(shape):
        raise ValueError(f"Attendu un lot d'images {wanted} ; reçu une seule image {images.shape} : ajoutez [None].")
    if images.shape[1:] != tuple(shape):
        raise ValueError(f"Attendu des images {wanted} ; reçu {images.shape} : redimensionnez-les avec cv2.resize.")
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"Attendu des nombres à virgule entre 0 et 1 ; reçu {images.dtype} : divisez par 255.")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"Attendu des valeurs entre 0 et 1 ; reçu de {images.min():.3g} à {images.max():.3g} : divisez par 255, "
            "ou retirez une normalisation de trop (le réseau a la sienne)."
        )
    return images.astype("float32", copy=False)


def folded(model):
    """The same answers, sooner: each batch normalisation folded into the convolution before it. Lesson 2.4.

    γ (w * x - μ) / √(σ² + ε) + β is a convolution too: of kernel γ w / √(σ² + ε), and with a bias (Jacob et al. 2018,
    section 3.2). For inference only: the copy has weights of its own, and no statistics to learn. A normalisation that
    does not come right after a convolution is kept, and so is one after a convolution that something else reads.
    """
    model = keras.Model(model.inputs, model.outputs, name=model.name)
    read = [id(tensor) for layer in model.layers for tensor in keras.tree.flatten(layer.input)]
    read += [id(tensor) for tensor in model.outputs]
    kinds = (layers.Conv2D, layers.DepthwiseConv2D)
    alone = {id(one.output): one for one in model.layers if type(one) in kinds and read.count(id(one.output)) == 1}
    pairs = {alone[id(norm.input)].name: norm for norm in model.layers
             if isinstance(norm, layers.BatchNormalization) and id(norm.input) in alone}  # fmt: skip
    gone = {norm.name for norm in pairs.values()}

    def clone(layer):
        bias = {"use_bias": True} if layer.name in pairs else {}
        return type(layer).from_config({**layer.get_config(), **bias})

    def call(layer, *inputs, **options):
        return inputs[0] if layer.name in gone else layer(*inputs, **options)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in copy.layers:
        if layer.weights:
            old = model.get_layer(layer.name)
            layer.set_weights(_fold(old, pairs[layer.name]) if layer.name in pairs else old.get_weights())
    return copy


def _fold(convolution, norm):
    """The kernel and the bias of the convolution that does what both layers do."""
    kernel, *bias = convolution.get_weights()
    scale = np.asarray((norm.gamma if norm.scale else 1) / ops.sqrt(norm.moving_variance + norm.epsilon))
    shift = np.asarray((norm.beta if norm.center else 0) - norm.moving_mean * scale)
    deep = isinstance(convolution, layers.DepthwiseConv2D)  # kernel: (h, w, maps, multiplier)
    return [kernel * (scale.reshape(kernel.shape[2:]) if deep else scale), shift + scale * (bias[0] if bias else 0)]


def predict(model, images, batch_size=64):
    """Outputs of `model` for images in [0, 1], by batches, checked first by `require_images`. Lesson 2.4."""
    return model.predict(require_images(images, model.input_shape[1:]), batch_size=batch_size, verbose=0)
