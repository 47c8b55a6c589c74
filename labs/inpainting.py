"""Filling holes in images, by equations and by networks; blurring faces, and what is left of them. Lesson 4.5.

Images are float32 (N, H, W, C) in [0, 1]. Holes are booleans (N, H, W), True where a pixel is missing. The masks M of
the papers say the contrary, 1 where a pixel is known: only `PartialConvolution` speaks of them.
"""

import cv2
import keras
import numpy as np
from keras import layers, ops
from scipy import ndimage

from labs import zoo

# ── Holes ──


def rectangles(count, shape, share, *, seed=0):
    """One rectangle a mask, at most twice as long as wide where the image lets it: bool (count, H, W). Lesson 4.5.

    Args:
        shape: (H, W).
        share: share of the image in the hole, in ]0, 1], to half a row or half a column; or (low, high), drawn
            uniformly for each mask. 1 is a hole that covers everything.

    Raises:
        ValueError: a share out of ]0, 1], or an image without pixels.
    """
    rng = np.random.default_rng(seed)
    areas = _shares(share, count, shape, rng) * np.prod(shape)
    (height, width), holes = shape, np.zeros((count, *shape), bool)
    for hole, area in zip(holes, areas):
        rows = np.arange(max(1, np.ceil(area / width)), height + 1)
        columns = np.clip(np.round(area / rows), 1, width)
        fit = np.flatnonzero((rows <= 2 * columns) & (columns <= 2 * rows))
        squarest = np.argmin(np.abs(np.log(rows / columns)))
        chosen = rng.choice(fit) if len(fit) else squarest
        h, w = int(rows[chosen]), int(columns[chosen])
        top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
        hole[top : top + h, left : left + w] = True
    return holes


def strokes(count, shape, share, *, brush=(0.02, 0.06), seed=0):
    """Winding strokes of a round brush, in the manner of Yu et al. 2019: bool (count, H, W). Lesson 4.5.

    Variant of their algorithm 1: the brush goes on, turning a little at each dab, until the share is reached.

    Args:
        shape: (H, W).
        share: share of the image in the hole, in ]0, 1], exceeded by less than a dab; or (low, high) as above.
        brush: smallest and largest radius, as shares of the shorter side; at least one pixel.

    Raises:
        ValueError: a share out of ]0, 1], or an image without pixels.
    """
    rng = np.random.default_rng(seed)
    areas = _shares(share, count, shape, rng) * np.prod(shape)
    canvas = np.zeros((count, *shape), "uint8")
    for hole, area in zip(canvas, areas):
        while hole.sum() < area:
            place = rng.choice(np.argwhere(hole == 0)).astype("float64")  # a known pixel: each stroke hides something
            radius = max(1, round(rng.uniform(*brush) * min(shape)))
            angle = rng.uniform(0, 2 * np.pi)
            for _ in range(rng.integers(5, 40)):
                cv2.circle(hole, (round(place[1]), round(place[0])), radius, 1, cv2.FILLED)
                angle += rng.normal(0, 0.4)
                place += radius * np.array([np.sin(angle), np.cos(angle)])
                if hole.sum() >= area or not (0 <= place[0] < shape[0] and 0 <= place[1] < shape[1]):
                    break
    return canvas.astype(bool)


def composite(images, output, holes):
    """`output` in the holes, `images` everywhere else: (N, H, W, C). The I_comp of Liu et al. 2018. Lesson 4.5."""
    images, holes = _require_holes(images, holes)
    return np.where(holes[..., None], _require_pair(images, output), images)


def _require_holes(images, holes):
    """Check that images are a batch in [0, 1] and holes one boolean mask for each; return both."""
    images, holes = _require_batch(images), np.asarray(holes)
    if holes.dtype != bool:
        raise TypeError(
            f"Un trou est un tableau de booléens, vrai où le pixel manque ; reçu {holes.dtype}. "
            "Si 1 marque les pixels à remplir : trous > 0 ; si 1 marque les pixels connus : trous == 0."
        )
    if holes.shape != images.shape[:3]:
        raise ValueError(
            f"Il faut un trou par image, de la même taille : {images.shape[:3]} ; reçu {holes.shape}. "
            "Un même trou pour toutes : np.repeat(trou[None], len(images), axis=0)."
        )
    return images, holes


def _require_batch(images):
    """Check that `images` are (N, H, W, C) in [0, 1]; return them as float32."""
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"Attendu un lot d'images (N, H, L, C) ; reçu un tableau {images.shape}. "
            "Ajoutez [..., None] à des images grises, [None] à une image seule."
        )
    return zoo.require_images(images, images.shape[1:])


def _require_pair(images, output):
    """Check that `output` has the shape of `images`; return it as an array."""
    output = np.asarray(output)
    if output.shape != images.shape:
        raise ValueError(f"Les deux lots d'images n'ont pas la même forme : {images.shape} et {output.shape}.")
    return output


def _shares(share, count, shape, rng):
    low, high = share if np.ndim(share) else (share, share)
    if not 0 < low <= high <= 1:
        raise ValueError(
            f"La part de l'image à cacher est dans ]0, 1], 0.25 pour un quart, ou un intervalle (0.1, 0.4) ; "
            f"reçu {share}."
        )
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"La forme d'un trou est (hauteur, largeur), en pixels ; reçu {shape}.")
    return rng.uniform(low, high, count)


# ── Filling by equations ──


def telea(images, holes, radius=3):
    """The fast marching method of Telea 2004, by OpenCV: from the rim inwards, weighted means. Lesson 4.5.

    Each channel for itself, on 256 levels (OpenCV's method is wrong by far on floats in [0, 1]); known pixels are kept
    exactly.

    Args:
        radius: pixels around a point that its value is made of.

    Raises:
        ValueError: a hole covers everything, or a wrong shape.
    """
    return _by_opencv(images, holes, radius, cv2.INPAINT_TELEA)


def navier_stokes(images, holes, radius=3):
    """The method of Bertalmio, Bertozzi & Sapiro 2001, by OpenCV: lines of equal grey go on as a fluid. Lesson 4.5.

    Arguments, precision and errors are those of `telea`.
    """
    return _by_opencv(images, holes, radius, cv2.INPAINT_NS)


def biharmonic(images, holes):
    """The smoothest filling: the bilaplacian is 0 in the hole (Damelin & Hoang 2018), by scikit-image. Lesson 4.5.

    Raises:
        ValueError: a hole covers everything, or a wrong shape.
    """
    from skimage import restoration

    images, holes = _require_rim(images, holes)
    filled = images.copy()
    for image, hole in zip(filled, holes):
        if hole.any():
            image[hole] = restoration.inpaint_biharmonic(image, hole, channel_axis=-1)[hole]
    return filled


def _by_opencv(images, holes, radius, method):
    images, holes = _require_rim(images, holes)
    filled = images.copy()
    for image, hole in zip(filled, holes):
        for channel in range(image.shape[-1]):
            levels = np.round(image[..., channel] * 255).astype("uint8")
            image[hole, channel] = cv2.inpaint(levels, hole.astype("uint8"), radius, method)[hole] / 255
    return filled


def _require_rim(images, holes):
    images, holes = _require_holes(images, holes)
    whole = np.flatnonzero(holes.all(axis=(1, 2)))
    if len(whole):
        raise ValueError(
            f"Le trou de l'image {whole[0]} la couvre tout entière : il ne reste aucun pixel connu à prolonger. "
            "Laissez-en au moins un."
        )
    return images, holes


# ── Layers that know what is missing ──


@keras.saving.register_keras_serializable("labs")
class PartialConvolution(layers.Layer):
    """The partial convolution of Liu et al. 2018: [x, M] -> [x', M'], with "same" padding. Lesson 4.5.

    Where a window sees a known pixel, x' = W(x · M) sum(1) / sum(M) + b and M' = 1; elsewhere x' = 0 and M' = 0. At the
    border sum(1) counts the pixels of the window that lie in the image: with M = 1 it is Keras's Conv2D exactly.

    x (N, H, W, C); M (N, H, W, 1), or (N, H, W, C) where channels differ, of 0 and 1; M' (N, H', W', 1).
    """

    def __init__(self, filters, size, strides=1, **options):
        super().__init__(**options)
        self.filters, self.size, self.strides = filters, size, strides

    def build(self, shapes):
        kernel = (self.size, self.size, shapes[0][-1], self.filters)
        self.kernel = self.add_weight(shape=kernel, initializer="he_normal", name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        x, mask = inputs
        # A "same" average counts the pixels that lie in the image only: it is sum(M) / sum(1).
        known = ops.average_pool(ops.mean(mask, axis=-1, keepdims=True), self.size, self.strides, padding="same")
        seen = ops.cast(known > 0, x.dtype)
        x = ops.conv(x * mask, self.kernel, self.strides, padding="same")
        return [seen * (x / ops.where(known > 0, known, 1.0) + self.bias), seen]

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "size": self.size, "strides": self.strides}


@keras.saving.register_keras_serializable("labs")
class GatedConvolution(layers.Layer):
    """The gated convolution of Yu et al. 2019: φ(features) · σ(gate), two convolutions of one input. Lesson 4.5.

    x (N, H, W, C) -> (N, H', W', filters), "same" padding; φ is ELU by default. The gate learns what the mask of a
    partial convolution is told.
    """

    def __init__(self, filters, size, strides=1, activation="elu", **options):
        super().__init__(**options)
        self.filters, self.size, self.strides = filters, size, strides
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        kernel = (self.size, self.size, shape[-1], 2 * self.filters)  # the features, then the gates
        self.kernel = self.add_weight(shape=kernel, initializer="he_normal", name="kernel")
        self.bias = self.add_weight(shape=(2 * self.filters,), initializer="zeros", name="bias")

    def call(self, x):
        both = ops.conv(x, self.kernel, self.strides, padding="same") + self.bias
        return self.activation(both[..., : self.filters]) * ops.sigmoid(both[..., self.filters :])

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"filters": self.filters, "size": self.size, "strides": self.strides, "activation": activation}
        return {**super().get_config(), **own}


def unet(shape, widths=(16, 32, 64, 64), convolution="partial"):
    """A small U-Net that fills holes: `inputs` (N, H, W, C + 1) -> images (N, H, W, C) in [0, 1]. Lesson 4.5.

    The plan of Liu et al. 2018, cut to len(widths) levels: each convolution of the encoder halves the sides; the
    decoder doubles them (nearest pixel) and reads the encoder, at last the image itself. Variant: a sigmoid at the end.
    Sides that do not halve well are lengthened inside by pixels that are missing.

    Args:
        shape: (H, W, C) of the images.
        convolution: "partial" (Liu et al. 2018), "gated" (Yu et al. 2019), or "plain", told of the holes by a channel.

    Raises:
        ValueError: `convolution` is unknown.
    """
    if convolution not in _CONVOLUTIONS:
        known = ", ".join(f"« {known} »" for known in _CONVOLUTIONS)
        raise ValueError(f"Aucune convolution ne s'appelle {convolution!r}. Les noms connus sont : {known}.")
    block, (height, width, channels) = _CONVOLUTIONS[convolution], shape
    partial = convolution == "partial"
    bottom, right = (-side % 2 ** len(widths) for side in (height, width))
    pad = layers.ZeroPadding2D(((0, bottom), (0, right)), name="input.pad")
    given = keras.Input((height, width, channels + 1))
    x = pad(given[..., :-1] if partial else given)
    mask = pad(1 - given[..., -1:]) if partial else None  # 0 in the holes and in what was added
    kept = []
    for level, filters in enumerate(widths, start=1):
        kept.append((x, mask))
        x, mask = block(x, mask, filters, 5 if level == 1 else 3, 2, f"down{level}", normalise=level > 1)
    for level in range(len(widths), 0, -1):
        skip, skip_mask = kept[level - 1]
        name, double = f"up{level}", layers.UpSampling2D(2, name=f"up{level}.double")
        if partial:
            mask = _JoinMasks(name=f"{name}.masks")([x, double(mask), skip, skip_mask])
        x = layers.Concatenate(name=f"{name}.concat")([double(x), skip])
        if level > 1:
            x, mask = block(x, mask, widths[level - 2], 3, 1, name)
    if partial:
        x, _ = PartialConvolution(channels, 3, name="output.conv")([x, mask])
    else:
        x = layers.Conv2D(channels, 3, padding="same", name="output.conv")(x)
    x = layers.Cropping2D(((0, bottom), (0, right)), name="output.crop")(x)
    return keras.Model(given, layers.Activation("sigmoid", name="output.image")(x), name=f"unet_{convolution}")


@keras.saving.register_keras_serializable("labs")
class _JoinMasks(layers.Layer):
    """The mask of two sets of maps put together: x and skip say how many channels each mask stands for."""

    def call(self, inputs):
        x, mask, skip, skip_mask = inputs
        return ops.concatenate([ops.repeat(mask, x.shape[-1], -1), ops.repeat(skip_mask, skip.shape[-1], -1)], -1)


def _partial_block(x, mask, filters, size, strides, name, normalise=True):
    x, mask = PartialConvolution(filters, size, strides, name=f"{name}.conv")([x, mask])
    return _norm_relu(x, strides, name, normalise), mask


def _gated_block(x, mask, filters, size, strides, name, normalise=True):
    return GatedConvolution(filters, size, strides, name=f"{name}.conv")(x), mask


def _plain_block(x, mask, filters, size, strides, name, normalise=True):
    x = layers.Conv2D(filters, size, strides, "same", kernel_initializer="he_normal", name=f"{name}.conv")(x)
    return _norm_relu(x, strides, name, normalise), mask


def _norm_relu(x, strides, name, normalise):
    """Liu et al. 2018: ReLU in the encoder, 0.2 leaky in the decoder, no normalisation in the first layer."""
    if normalise:
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}.norm")(x)
    return layers.ReLU(negative_slope=0.0 if strides == 2 else 0.2, name=f"{name}.relu")(x)


_CONVOLUTIONS = {"partial": _partial_block, "gated": _gated_block, "plain": _plain_block}


# ── What a network reads, and what it is compared with ──


def inputs(images, holes):
    """What a `unet` reads, (N, H, W, C + 1): the images, black in the holes, then the holes, 0 or 1. Lesson 4.5."""
    images, holes = _require_holes(images, holes)
    return np.concatenate([images * ~holes[..., None], holes[..., None]], axis=-1, dtype="float32")


def targets(images, holes):
    """What an `objective` reads as y_true, (N, H, W, C + 1): the whole images, then the holes. Lesson 4.5."""
    images, holes = _require_holes(images, holes)
    return np.concatenate([images, holes[..., None]], axis=-1, dtype="float32")


def fill(model, images, holes, batch_size=50):
    """`images` whose holes are filled by a `unet`; the known pixels are kept exactly: (N, H, W, C). Lesson 4.5."""
    output = model.predict(inputs(images, holes), batch_size=batch_size, verbose=0)
    return composite(images, output, holes)


# ── Losses (Liu et al. 2018, section 3.3; every norm is a mean, as their erratum says) ──


def reconstruction_loss(truth, output, holes, hole_weight=6.0):
    """Mean absolute error over the known pixels, plus `hole_weight` times that over the hole. Lesson 4.5.

    Both are divided by the size of the image, as in the paper: L_valid + 6 L_hole.

    Args:
        truth, output: tensors (N, H, W, C); holes: (N, H, W, 1), 1 in the hole.
    """
    return ops.mean(ops.abs(output - truth) * (1 + (hole_weight - 1) * holes))


def total_variation(composed, holes):
    """L_tv: absolute differences of neighbours, both in the hole or on its rim, over the size. Lesson 4.5.

    Args:
        composed: tensor (N, H, W, C), the output in the hole and the truth around it; holes: (N, H, W, 1).
    """
    region = ops.max_pool(holes, 3, 1, padding="same")  # one pixel wider on each side
    down = ops.abs(composed[:, 1:] - composed[:, :-1]) * region[:, 1:] * region[:, :-1]
    right = ops.abs(composed[:, :, 1:] - composed[:, :, :-1]) * region[:, :, 1:] * region[:, :, :-1]
    size = ops.cast(ops.size(composed), composed.dtype)
    return (ops.sum(down) + ops.sum(right)) / size


def perceptual_loss(features, truth, output, composed):
    """L_perceptual: mean absolute differences of features, of the output and of the composed image. Lesson 4.5.

    Args:
        features: function of images (N, H, W, C), a Keras model for instance, to a tensor or a list of them; the paper
            takes three layers of a VGG-16 trained on ImageNet.
    """
    expected = _as_list(features(truth))
    return sum(
        ops.mean(ops.abs(got - wanted))
        for image in (output, composed)
        for got, wanted in zip(_as_list(features(image)), expected)
    )


def objective(hole=6.0, variation=0.1, perceptual=0.05, features=None):
    """The loss to compile a `unet` with: f(`targets`, output) -> scalar. Lesson 4.5.

    Weights of Liu et al. 2018, without their style term; no perceptual term when `features` is None.
    """

    def loss(y_true, y_pred):
        truth, holes = y_true[..., :-1], y_true[..., -1:]
        composed = ops.where(holes > 0, y_pred, truth)
        total = reconstruction_loss(truth, y_pred, holes, hole) + variation * total_variation(composed, holes)
        return total if features is None else total + perceptual * perceptual_loss(features, truth, y_pred, composed)

    return loss


def _as_list(tensors):
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


# ── Measures, in the hole only ──


def psnr(truth, output, holes):
    """Peak signal-to-noise ratio of the pixels of each hole, in decibels: float64 (N,). Lesson 4.5.

    -10 log10 of the mean squared error, all channels together. inf where the hole is filled exactly, nan where the hole
    is empty: there is nothing to judge.

    Raises:
        ValueError, TypeError: wrong shapes or types.
    """
    truth, holes = _require_holes(truth, holes)
    squares = (_require_batch(_require_pair(truth, output)).astype("float64") - truth) ** 2
    with np.errstate(divide="ignore"):
        return -10 * np.log10(_mean_in(squares, holes))


def ssim(truth, output, holes):
    """Structural similarity (Wang et al. 2004) averaged over the pixels of each hole: float64 (N,). Lesson 4.5.

    The map is scikit-image's, with the settings of the paper: Gaussian weights, σ 1.5 (windows of 11 pixels),
    population covariance, range 1, each channel for itself. A window at the rim sees known pixels too; the border of
    the image is not cut off. nan where the hole is empty.

    Raises:
        ValueError: images under 11 pixels, or wrong shapes; TypeError: wrong types.
    """
    from skimage import metrics

    truth, holes = _require_holes(truth, holes)
    output = _require_batch(_require_pair(truth, output))
    if min(truth.shape[1:3]) < 11:
        raise ValueError(
            f"Le SSIM compare des fenêtres de 11 pixels : des images de {truth.shape[1]}×{truth.shape[2]} sont trop "
            "petites."
        )
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    pairs = zip(truth.astype("float64"), output.astype("float64"))
    maps = [metrics.structural_similarity(*pair, channel_axis=-1, full=True, **settings)[1] for pair in pairs]
    return _mean_in(np.reshape(maps, truth.shape), holes)


def _mean_in(values, holes):
    """Mean of values (N, H, W, C) over each hole, nan where it is empty."""
    sums, counts = (values * holes[..., None]).sum(axis=(1, 2, 3)), holes.sum(axis=(1, 2)) * values.shape[-1]
    return np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)


# ── Obfuscation ──


def mosaic(images, size):
    """Each square of `size` pixels takes its mean colour, from the top left; McPherson et al. 2016. Lesson 4.5.

    Squares cut by the right or the bottom border take the mean of what they hold. The colours of the squares alone are
    mosaic(images, size)[:, ::size, ::size].

    Raises:
        ValueError: `size` is not a whole number of pixels, 1 or more; wrong shapes.
    """
    images = _require_batch(images)
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
        raise ValueError(f"Le côté d'un carreau est un nombre entier de pixels, par exemple 16 ; reçu {size!r}.")
    means = images.astype("float64")
    for axis in (1, 2):
        starts = np.arange(0, images.shape[axis], size)
        lengths = np.diff(starts, append=images.shape[axis])
        sums = np.add.reduceat(means, starts, axis=axis)
        means = np.repeat(sums / lengths.reshape((-1, 1, 1) if axis == 1 else (-1, 1)), lengths, axis=axis)
    return means.astype("float32")


def blur(images, sigma):
    """Gaussian blur of standard deviation `sigma` pixels, borders mirrored; the mean of an image stays. Lesson 4.5.

    Raises:
        ValueError: `sigma` is not positive; wrong shapes.
    """
    images = _require_batch(images)
    if not sigma > 0:
        raise ValueError(f"L'écart-type du flou est un nombre positif de pixels, par exemple 4 ; reçu {sigma}.")
    return ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="reflect")
