"""Darknet's files in Keras: a cfg becomes a model, a .weights file its weights. Chapter 4.

One section of a cfg file is one Keras layer, with the number and the name of Darknet's.
"""

import os
import pathlib
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from labs import weights as shipped

STRIDE = 32  # the coarsest grid of the YOLO networks: their images have sides that are multiples of it
HEADER = 20  # bytes: three numbers of version, then the count of images seen in training
LARGEST_GROWTH = 10.0  # of exp(w): a box 22 000 times as large as its anchor would only overflow

# ── The cfg file ──


class Section(NamedTuple):
    """One section of a cfg file: its kind, its options as text, the line of its title."""

    kind: str
    options: dict
    line: int


# The options that are known. Another one may change the result: it is refused, never left out in silence.
_OPTIONS = {
    "convolutional": {"batch_normalize", "filters", "size", "stride", "pad", "padding", "activation"},
    "maxpool": {"size", "stride"},
    "route": {"layers", "groups", "group_id"},
    "shortcut": {"from", "activation"},
    "upsample": {"stride"},
    "yolo": {
        "mask", "anchors", "classes", "num", "scale_x_y",
        # for Loss
        "ignore_thresh", "iou_thresh", "iou_normalizer", "obj_normalizer", "cls_normalizer", "iou_loss",
        # for training with Darknet, or after the network: nothing here changes its outputs
        "jitter", "truth_thresh", "random", "resize", "nms_kind", "beta_nms", "max_delta", "label_smooth_eps",
    },
}  # fmt: skip


def read_cfg(file):
    """Return the Sections of a Darknet cfg file, [net] first. Lesson 4.2.

    Raises:
        ValueError: not a cfg file; the message gives the line.
        OSError: the file cannot be read.
    """
    file = pathlib.Path(file)
    sections = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        line = "".join(line.split())
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            sections.append(Section(line[1:-1], {}, number))
            continue
        name, equal, value = line.partition("=")
        if not (sections and name and equal):
            raise ValueError(
                f"{file.name}, ligne {number} : attendu « [section] » ou « option=valeur » ; reçu {line[:40]!r}. "
                "Est-ce bien un fichier cfg de Darknet ?"
            )
        sections[-1].options[name] = value
    if not sections or sections[0].kind not in ("net", "network"):
        raise ValueError(f"{file.name} ne commence pas par une section [net] : ce n'est pas un fichier cfg de Darknet.")
    return sections


# ── The layers ──


@keras.saving.register_keras_serializable("labs")
class Convolution(layers.Layer):
    """Darknet's [convolutional]: convolution, batch normalisation, activation. Lesson 4.2.

    Darknet pads by the same number of pixels on both sides: Keras "same" does only when the stride is 1.
    """

    def __init__(self, filters, size, *, stride=1, padding=0, normalise=True, activation="linear", **options):
        super().__init__(**options)
        self.filters, self.size, self.stride, self.padding = filters, size, stride, padding
        self.normalise, self.activation = normalise, activation
        # A standard deviation of √(1 / fan_in): more, and the 110 convolutions of YOLOv4 overflow.
        same = "same" if stride == 1 and 2 * padding == size - 1 else "valid"
        self.conv = layers.Conv2D(
            filters, size, stride, same, use_bias=not normalise, kernel_initializer="lecun_normal", name="conv"
        )
        # OpenCV's ε. Darknet's own is 1e-5: with the official weights, the outputs then move by less than 1e-4.
        self.norm = layers.BatchNormalization(epsilon=1e-6, name="norm") if normalise else None

    def build(self, shape):
        self.conv.build(shape)
        if self.norm is not None:
            self.norm.build((*shape[:3], self.filters))

    def call(self, x, training=False):
        if self.padding and self.conv.padding == "valid":
            x = ops.pad(x, ((0, 0), *[(self.padding, self.padding)] * 2, (0, 0)))
        x = self.conv(x)
        x = x if self.norm is None else self.norm(x, training=training)
        return _ACTIVATIONS[self.activation](x)

    def compute_output_shape(self, shape):
        sides = [side + 2 * self.padding - self.size for side in shape[1:3]]
        return (shape[0], *(side // self.stride + 1 for side in sides), self.filters)

    def floats(self):
        """The variables, in the order of Darknet's file."""
        if self.norm is None:
            return [self.conv.bias, self.conv.kernel]
        return [
            self.norm.beta, self.norm.gamma, self.norm.moving_mean, self.norm.moving_variance, self.conv.kernel,
        ]  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(), "filters": self.filters, "size": self.size, "stride": self.stride,
            "padding": self.padding, "normalise": self.normalise, "activation": self.activation,
        }  # fmt: skip


_ACTIVATIONS = {
    "linear": lambda x: x,
    "leaky": lambda x: ops.leaky_relu(x, 0.1),
    "mish": lambda x: x * ops.tanh(ops.softplus(x)),  # Misra 2019
    "relu": ops.relu,
    "logistic": ops.sigmoid,
}


@keras.saving.register_keras_serializable("labs")
class Group(layers.Layer):
    """One of `count` equal groups of maps: what a CSP block of YOLOv4-tiny sends through its convolutions."""

    def __init__(self, count, rank, **options):
        super().__init__(**options)
        self.count, self.rank = count, rank

    def call(self, x):
        size = x.shape[-1] // self.count
        return x[..., self.rank * size : (self.rank + 1) * size]

    def get_config(self):
        return {**super().get_config(), "count": self.count, "rank": self.rank}


@keras.saving.register_keras_serializable("labs")
class Head(layers.Layer):
    """Darknet's [yolo]: from maps (N, h, w, A (5 + C)) to (N, h w A, 5 + C), rows (y, x, anchor). Lesson 4.2.

    x = (column + s σ(tx) - (s - 1) / 2) / w and the same for y; width = anchor exp(tw), all relative to the image; then
    objectness σ(to), and objectness × σ(tc) for each class. Redmon & Farhadi 2018, section 2.1; s = scale_x_y is
    YOLOv4's: with s = 1, no center can reach the border of its cell.

    Args:
        anchors: widths and heights of the anchors of the whole network, in pixels; mask: the ranks of this head's.
        size: height and width of the images.
        ignore_threshold … class_weight: for `Loss`, named in the cfg ignore_thresh, iou_thresh, iou_normalizer,
            obj_normalizer, cls_normalizer.
    """

    def __init__(self, anchors, mask, classes, size, *, scale=1.0, ignore_threshold=0.5, match_threshold=1.0,
                 box_weight=0.75, objectness_weight=1.0, class_weight=1.0, **options):  # fmt: skip
        super().__init__(**options)
        self.anchors, self.mask = [tuple(map(float, anchor)) for anchor in anchors], list(mask)
        self.classes, self.size, self.scale = classes, tuple(size), scale
        self.ignore_threshold, self.match_threshold = ignore_threshold, match_threshold
        self.box_weight, self.objectness_weight, self.class_weight = box_weight, objectness_weight, class_weight

    def build(self, shape):
        self.grid = shape[1:3]
        cells = np.stack(np.meshgrid(*map(np.arange, self.grid), indexing="ij")[::-1], axis=-1)  # (h, w, 2): x, y
        self.corners = np.repeat(cells.reshape(-1, 2), len(self.mask), axis=0).astype("float32")
        mine = np.array(self.anchors, "float32")[self.mask] / np.array(self.size[::-1], "float32")
        self.priors = np.tile(mine, (len(cells) * cells.shape[1], 1))

    def call(self, x):
        raw = ops.reshape(x, (-1, len(self.priors), 5 + self.classes))
        objectness = ops.sigmoid(raw[..., 4:5])
        return ops.concatenate([self.decode(raw), objectness, objectness * ops.sigmoid(raw[..., 5:])], axis=-1)

    def decode(self, raw):
        """Boxes (..., rows, 4), centre and sides relative to the image, of raw outputs (..., rows, 5 + C)."""
        shift = ops.sigmoid(raw[..., :2]) * self.scale - (self.scale - 1) / 2
        centers = (self.corners + shift) / np.array(self.grid[::-1], "float32")
        return ops.concatenate([centers, ops.exp(ops.minimum(raw[..., 2:4], LARGEST_GROWTH)) * self.priors], axis=-1)

    def get_config(self):
        names = ("anchors", "mask", "classes", "size", "scale", "ignore_threshold", "match_threshold", "box_weight",
                 "objectness_weight", "class_weight")  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


# ── From sections to numbers ──


class Plan(NamedTuple):
    """What a section of a cfg file makes: its kind, (H, W, maps), its floats, its multiplications for one image."""

    kind: str
    shape: tuple[int, int, int]
    floats: int
    multiplications: int


def plan(cfg, *, size=None):
    """The Plans of a cfg file, one a section after [net]: shapes and counts, without building the network. Lesson 4.2.

    The floats are those of Darknet's file, statistics of the normalisations included. The multiplications are those of
    the convolutions, which are nearly all of them; Darknet's BFLOPs are about twice as many, in thousands of millions.

    Args:
        size: side of the images in pixels, in place of the cfg's.

    Raises:
        ValueError: not a cfg file, or a section that is not known.
        OSError: the file cannot be read.
    """
    net, *sections = read_cfg(cfg)
    made = []
    before = (*(_number(net, side, 0) if size is None else size for side in ("height", "width")), 3)
    for section in sections:
        _require_known(section)
        made.append(_plan(section, made[-1].shape if made else before, made))
    return made


def _plan(section, before, made):
    height, width, maps = before
    kernel = kept = 0
    stride = _number(section, "stride", 1)
    if section.kind == "convolutional":
        side, filters, padding = _number(section, "size", 1), _number(section, "filters", 1), _padding(section)
        height, width = ((length + 2 * padding - side) // stride + 1 for length in (height, width))
        kernel, maps = side * side * maps * filters, filters
        kept = kernel + filters * (4 if _number(section, "batch_normalize", 0) else 1)
    elif section.kind == "maxpool":
        height, width = (-(-length // stride) for length in (height, width))
    elif section.kind == "upsample":
        height, width = height * stride, width * stride
    elif section.kind == "route":
        parts = [_at(section, made, rank).shape for rank in _numbers(section, "layers")]
        height, width = parts[0][:2]
        maps = sum(part[2] for part in parts) // _number(section, "groups", 1)
    return Plan(section.kind, (height, width, maps), kept, kernel * height * width)


# ── From sections to a model ──


def from_darknet(cfg, weights=None, *, size=None, classes=None):
    """The Keras model of a Darknet cfg file, equal to Darknet's network. Lesson 4.2.

    One output for each [yolo] section, in the order of the file: (N, rows, 5 + classes), see `Head`.

    Args:
        cfg: path of the cfg file; sections net, convolutional, maxpool, route, shortcut, upsample and yolo.
        weights: path of the .weights file; None draws them at random.
        size: side of the images in pixels, in place of the cfg's.
        classes: number of classes, in place of the cfg's; the layer before each head changes with it.

    Raises:
        ValueError: a section or an option that is not known, or weights that are not those of this network.
        OSError: a file cannot be read.
    """
    net, *sections = read_cfg(cfg)
    height, width = (_number(net, side, 0) if size is None else size for side in ("height", "width"))
    if min(height, width) < STRIDE or height % STRIDE or width % STRIDE:
        raise ValueError(f"Le côté des images est un multiple de {STRIDE}, par exemple 416 ; reçu {width} × {height}.")
    if _number(net, "channels", 3) != 3:
        raise ValueError(f"labs.yolo lit des images en couleurs ; ce cfg demande {net.options['channels']} canaux.")
    if classes is not None:
        _change_classes(sections, classes)
    inputs = keras.Input((height, width, 3))
    built, outputs = [], []
    for rank, section in enumerate(sections):
        _require_known(section)
        before = built[-1] if built else inputs
        built.append(_BUILDERS[section.kind](section, before, built, f"{rank}-{section.kind}", (height, width)))
        outputs += [built[-1]] if section.kind == "yolo" else []
    if not outputs:
        raise ValueError(f"{pathlib.Path(cfg).name} n'a aucune section [yolo] : ce n'est pas un détecteur.")
    model = keras.Model(inputs, outputs, name=pathlib.Path(cfg).stem.replace("-", "_"))
    if weights is None:
        _expect_little(model)
    else:
        read_weights(model, weights)
    return model


def _change_classes(sections, classes):
    if classes < 1:
        raise ValueError(f"Il faut au moins une classe ; reçu classes={classes}.")
    for before, section in zip(sections, sections[1:]):
        if section.kind == "yolo":
            section.options["classes"] = str(classes)
            before.options["filters"] = str(len(_numbers(section, "mask")) * (5 + classes))


def _require_known(section):
    unknown = sorted(set(section.options) - _OPTIONS.get(section.kind, set()))
    if section.kind not in _OPTIONS:
        known = ", ".join(f"[{kind}]" for kind in _OPTIONS)
        raise ValueError(f"Ligne {section.line} : section [{section.kind}] inconnue de labs.yolo. Connues : {known}.")
    if unknown:
        raise ValueError(
            f"Ligne {section.line}, [{section.kind}] : option « {unknown[0]} » inconnue de labs.yolo, qui ne peut pas "
            "construire ce réseau fidèlement."
        )


def _convolutional(section, x, built, name, size):
    side, activation = _number(section, "size", 1), section.options.get("activation", "logistic")
    if activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise ValueError(f"Ligne {section.line} : activation « {activation} » inconnue ; connues : {known}.")
    return Convolution(
        _number(section, "filters", 1),
        side,
        stride=_number(section, "stride", 1),
        padding=_padding(section),
        normalise=bool(_number(section, "batch_normalize", 0)),
        activation=activation,
        name=name,
    )(x)


def _padding(section):
    return _number(section, "size", 1) // 2 if _number(section, "pad", 0) else _number(section, "padding", 0)


def _maxpool(section, x, built, name, size):
    stride = _number(section, "stride", 1)
    side = _number(section, "size", stride)
    if stride != 1 and (side, stride) != (2, 2):  # there, Darknet's padding is not that of Keras
        raise ValueError(
            f"Ligne {section.line} : un maximum a un pas de 1, ou 2 et un côté de 2 ; reçu {stride}, {side}."
        )
    return layers.MaxPooling2D(side, stride, "same", name=name)(x)


def _route(section, x, built, name, size):
    count, group = _number(section, "groups", 1), _number(section, "group_id", 0)
    parts = [_at(section, built, rank) for rank in _numbers(section, "layers")]
    if count > 1:
        parts = [Group(count, group, name=f"{name}.group{rank}")(part) for rank, part in enumerate(parts)]
    return parts[0] if len(parts) == 1 else layers.Concatenate(name=name)(parts)


def _shortcut(section, x, built, name, size):
    activation = section.options.get("activation", "linear")
    if activation != "linear":
        raise ValueError(f"Ligne {section.line} : un raccourci a une activation « linear » ; reçu « {activation} ».")
    return layers.Add(name=name)([x, *(_at(section, built, rank) for rank in _numbers(section, "from"))])


def _upsample(section, x, built, name, size):
    return layers.UpSampling2D(_number(section, "stride", 2), name=name)(x)


def _yolo(section, x, built, name, size):
    anchors, mask = np.reshape(_numbers(section, "anchors", float), (-1, 2)), _numbers(section, "mask")
    classes = _number(section, "classes", 20)
    if x.shape[-1] != len(mask) * (5 + classes):
        raise ValueError(
            f"Ligne {section.line} : {len(mask)} ancres et {classes} classes demandent {len(mask) * (5 + classes)} "
            f"cartes à la couche d'avant ; elle en donne {x.shape[-1]}."
        )
    names = {
        "scale": "scale_x_y", "ignore_threshold": "ignore_thresh", "match_threshold": "iou_thresh",
        "box_weight": "iou_normalizer", "objectness_weight": "obj_normalizer", "class_weight": "cls_normalizer",
    }  # fmt: skip
    given = {ours: _number(section, theirs, 0, float) for ours, theirs in names.items() if theirs in section.options}
    return Head(anchors, mask, classes, size, **given, name=name)(x)


_BUILDERS = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "route": _route,
    "shortcut": _shortcut,
    "upsample": _upsample,
    "yolo": _yolo,
}


def _number(section, option, default, kind=int):
    return _numbers(section, option, kind)[0] if option in section.options else default


def _numbers(section, option, kind=int):
    try:
        values = [kind(value) for value in section.options[option].split(",") if value]
        return values or [kind("")]
    except (KeyError, ValueError):
        raise ValueError(
            f"Ligne {section.line}, [{section.kind}] : « {option} » attend un nombre, ou des nombres séparés par des "
            f"virgules ; reçu {section.options.get(option)!r}."
        ) from None


def _at(section, built, rank):
    """The output of a layer, counted from the first, or backwards when `rank` is negative."""
    if not -len(built) <= rank < len(built):
        raise ValueError(f"Ligne {section.line} : la couche {rank} n'existe pas, {len(built)} la précèdent.")
    return built[rank]


def _expect_little(model):
    """Start from an objectness of 1 %: or thousands of empty cells outweigh the objects (Lin et al. 2017, §4.1)."""
    last = {int(layer.name.partition("-")[0]): layer for layer in _convolutions(model)}
    for head in heads(model):
        values = np.zeros((len(head.mask), 5 + head.classes), "float32")
        values[:, 4] = -np.log(99)
        last[int(head.name.partition("-")[0]) - 1].conv.bias.assign(values.ravel())


# ── Weights ──


def read_weights(model, file):
    """Put the floats of a Darknet .weights file into a model of `from_darknet`, every one of them; return the model.

    Lesson 4.2.

    Raises:
        ValueError: too few or too many floats, a file of another kind, or values that cannot be weights; the model is
            left as it was.
        OSError: the file cannot be read.
    """
    file = pathlib.Path(file)
    content = file.read_bytes()
    if len(content) < HEADER or len(content) % 4:
        raise ValueError(f"{file.name} ({len(content)} octets) n'est pas un fichier de poids de Darknet.")
    major, minor, revision = np.frombuffer(content, "<i4", 3)
    if not (0 <= major < 10 and 0 <= minor < 10 and 0 <= revision < 100):
        raise ValueError(f"{file.name} n'est pas un fichier de poids de Darknet : son en-tête est celui d'autre chose.")
    start = HEADER if (major, minor) >= (0, 2) else HEADER - 4  # the count of images was of 4 bytes before 0.2
    values = np.frombuffer(content, "<f4", offset=start)
    places = [(variable, variable.shape) for layer in _convolutions(model) for variable in layer.floats()]
    expected = sum(int(np.prod(shape)) for _, shape in places)
    if len(values) != expected:
        gap = f"{expected - len(values)} manquent" if len(values) < expected else f"{len(values) - expected} de trop"
        raise ValueError(
            f"{file.name} contient {len(values)} nombres ; le réseau « {model.name} » en attend {expected} : {gap}. "
            "Prenez le cfg et les poids du même réseau (un fichier tronqué se retélécharge)."
        )
    arrays = np.split(values, np.cumsum([int(np.prod(shape)) for _, shape in places])[:-1])
    for (variable, _), array in zip(places, arrays):
        if not np.isfinite(array).all() or (variable.name == "moving_variance" and array.min() < 0):
            raise ValueError(
                f"{file.name} : « {variable.path} » a des valeurs impossibles. Le compte y est, mais ce sont les poids "
                "d'un autre réseau, ou le fichier est abîmé."
            )
    for (variable, shape), array in zip(places, arrays):
        variable.assign(_to_keras(array, shape))
    return model


def write_weights(model, file):
    """Write a model of `from_darknet` as a .weights file of Darknet, which OpenCV reads too. Lesson 4.2.

    Written under a temporary name, then renamed.
    """
    file = pathlib.Path(file)
    values = [_to_darknet(variable.numpy()) for layer in _convolutions(model) for variable in layer.floats()]
    temporary = file.with_name(file.name + ".partial")
    try:
        with temporary.open("wb") as stream:
            stream.write(np.array([0, 2, 5, 0, 0], "<i4").tobytes())
            for array in values:
                stream.write(array.astype("<f4").tobytes())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _to_keras(array, shape):
    """Darknet's kernels are (out, in, h, w)."""
    return array if len(shape) == 1 else array.reshape(shape[3], shape[2], *shape[:2]).transpose(2, 3, 1, 0)


def _to_darknet(array):
    return array if array.ndim == 1 else array.transpose(3, 2, 0, 1)


def _convolutions(model):
    return [layer for layer in _in_order(model) if isinstance(layer, Convolution)]


def heads(model):
    """The Heads of a model of `from_darknet`, in the order of its outputs. Lesson 4.2.

    Raises:
        ValueError: the model has none.
    """
    found = [layer for layer in _in_order(model) if isinstance(layer, Head)]
    if not found:
        raise ValueError(f"« {model.name} » n'est pas un détecteur de labs.yolo : il n'a aucune couche Head.")
    return found


def _in_order(model):
    """The layers as the cfg numbers them: Keras sorts them by depth."""
    named = [layer for layer in model.layers if isinstance(layer, (Convolution, Head))]
    return sorted(named, key=lambda layer: int(layer.name.partition("-")[0]))


def yolov4(*, size=608, classes=80):
    """YOLOv4, weights drawn at random: 64 429 405 floats for 80 classes, in 110 convolutions. Lesson 4.2.

    The official weights, yolov4.weights (245 MB), are not embedded: whoever has the file loads it with
    `read_weights(yolov4(), "yolov4.weights")`.
    """
    return from_darknet(shipped.path("yolov4_cfg"), size=size, classes=classes)


def yolov4_tiny(weights="coco", *, size=416, classes=80):
    """YOLOv4-tiny: 6 062 814 floats for 80 classes, in 21 convolutions. Lesson 4.2.

    Args:
        weights: "coco", the official weights, learned on COCO's 80 classes (`datasets.coco_names`), or None, random.
        classes: when it is not 80, the two last convolutions are new and random; all others have COCO's weights.

    Raises:
        ValueError: other `weights`, or a size that is not a multiple of 32.
        labs.catalogue.DataError: a data file is missing or damaged.
    """
    if weights not in ("coco", None):
        raise ValueError(f"Poids possibles : « coco » ou None (au hasard) ; reçu {weights!r}.")
    model = from_darknet(shipped.path("yolov4_tiny_cfg"), size=size, classes=classes)
    if weights and classes == 80:
        shipped.restore(model, "yolov4_tiny")
    elif weights:
        for layer, source in zip(_convolutions(model), _convolutions(yolov4_tiny(size=STRIDE))):
            if layer.norm is not None:  # only the convolutions before the heads have none
                layer.set_weights(source.get_weights())
    return model
