"""What every lesson starts with: seeds, device, profile. Lesson 0."""

import contextlib
import os
import platform
import sys
import tempfile

PROFILES = ("rapide", "cours", "complet")


def profile():
    """Return the profile that picks the sizes of a lesson: "rapide", "cours" (default) or "complet".

    Raises:
        ValueError: LABS_PROFILE holds something else.
    """
    name = os.environ.get("LABS_PROFILE") or "cours"
    if name not in PROFILES:
        raise ValueError(
            f"LABS_PROFILE vaut « {name} » ; les profils sont « rapide », « cours » et « complet ». "
            "Corrigez la variable d'environnement, ou supprimez-la pour le profil « cours »."
        )
    return name


def budget(*, rapide, cours, complet):
    """Return the argument that bears the name of the current profile."""
    return {"rapide": rapide, "cours": cours, "complet": complet}[profile()]


def interactive():
    """Tell whether somebody is in front of the notebook: sliders and live curves are for them only."""
    if os.environ.get("LABS_HEADLESS") == "1" or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def setup(seed=0):
    """Make a lesson ready: import Keras quietly, let a GPU grow its memory, set every seed and the plot style.

    Prints one line: versions, device, profile.

    Raises:
        ValueError: `seed` is not an integer of 32 bits, or LABS_PROFILE is unknown.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"La graine reçue est {seed!r} ; donnez un entier de 0 à 2³² − 1, par exemple 0.")
    current = profile()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # On a processor without AVX-512, TensorFlow leaves oneDNN off: convolutions are then up to twice as slow, and a
    # transposed convolution cannot be dilated.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _quiet_file_descriptor_2():
        import keras
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            with contextlib.suppress(RuntimeError):  # already in use: its memory policy was set before
                tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.experimental.enable_tensor_float_32_execution(False)  # equal to NumPy to 1e-5 on a GPU too
        keras.utils.set_random_seed(seed)
        tf.zeros(1)  # the first operation has start-up noise of its own
    from labs import plots

    plots.style()
    print(
        f"Python {platform.python_version()} · TensorFlow {tf.__version__} · Keras {keras.__version__} · "
        f"{_device(gpus)} · profil « {current} » · graine {seed}"
    )


def _device(gpus):
    if gpus:
        return f"{len(gpus)} GPU"
    cores = os.cpu_count()
    return f"CPU, {cores} cœur{'s' if cores > 1 else ''}"


@contextlib.contextmanager
def _quiet_file_descriptor_2():
    """Keep what is written below Python's sys.stderr out of the notebook; give it back if the body fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            sink.seek(0)
            sys.stderr.write(sink.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
