"""labs.runtime, and what `import labs` costs."""

import os
import platform
import subprocess
import sys

import pytest

from labs import runtime


def test_importing_labs_brings_neither_keras_nor_tensorflow():
    code = (
        "import sys, labs, labs.runtime, labs.datasets, labs.numpy_nn; "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


@pytest.mark.parametrize("name", runtime.PROFILES)
def test_budget_follows_the_profile(monkeypatch, name):
    monkeypatch.setenv("LABS_PROFILE", name)
    assert runtime.profile() == name
    assert runtime.budget(rapide="rapide", cours="cours", complet="complet") == name


@pytest.mark.parametrize("value", [None, ""])
def test_the_profile_is_cours_when_nothing_is_said(monkeypatch, value):
    monkeypatch.delenv("LABS_PROFILE", raising=False)
    if value is not None:
        monkeypatch.setenv("LABS_PROFILE", value)
    assert runtime.profile() == "cours"


def test_an_unknown_profile_is_refused_with_the_names_that_exist(monkeypatch):
    monkeypatch.setenv("LABS_PROFILE", "turbo")
    with pytest.raises(ValueError, match="« turbo ».*« rapide »"):
        runtime.profile()


@pytest.mark.parametrize("seed", [-1, 1.5, "0", 2**32])
def test_a_seed_that_is_not_a_32_bit_integer_is_refused(seed):
    with pytest.raises(ValueError, match="graine"):
        runtime.setup(seed)


def test_setup_prints_one_line_and_nothing_on_file_descriptor_2():
    code = "from labs import runtime; runtime.setup(3); import numpy as np; print(np.random.randint(10**6))"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        for _ in range(2)
    ]
    assert runs[0].stderr == ""
    assert len(runs[0].stdout.splitlines()) == 2
    assert "profil « " in runs[0].stdout and "Keras 3" in runs[0].stdout
    assert runs[0].stdout == runs[1].stdout  # the seed is set


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is for x86")
def test_setup_turns_onednn_on_whatever_the_processor():
    # Without it, TensorFlow has no dilated transposed convolution on a CPU.
    code = """from labs import runtime; runtime.setup()
import tensorflow as tf
x, kernel = tf.zeros((1, 5, 5, 1)), tf.zeros((3, 3, 1, 1))
print(tf.nn.conv2d_transpose(x, kernel, (1, 9, 9, 1), 1, "VALID", dilations=2).shape)"""
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "(1, 9, 9, 1)" in done.stdout, done.stderr
