"""What every test runs in: no window, a quiet TensorFlow; and tiny lessons, that need neither."""

import os

import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as labs.runtime.setup

TINY_LESSON = '''\
# %% [markdown]
# # Leçon « minuscule » : à vous

# %%
import os
import time

# %%
def double(number):
    """Twice a number."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION


# %% tags=["check"]
assert double(2) == 4

# %% tags=["check"]
assert double(-3) == -6

# %% [markdown] tags=["solution"]
# Doubler, c'est ajouter à soi-même.

# %% tags=["nbval-check-output"]
for line in ("un", "deux"):
    print(line, flush=True)
    time.sleep(0.3)  # long enough for the kernel to send the lines in two messages

# %% tags=["nbval-check-output"]
for step in range(3):
    print(f"\\r{step}/2", end="", flush=True)
    time.sleep(0.3)
print()

# %% tags=["nbval-check-output"]
print(os.path.basename(os.getcwd()))
21 * 2
'''


@pytest.fixture(scope="session")
def tiny_lesson():
    """The source of a lesson with two checks and three compared outputs, one of them sent in pieces."""
    return TINY_LESSON


@pytest.fixture
def write_lesson(tmp_path):
    """Write a lesson in a repository of its own, tmp_path; return the path of its source."""

    def write(text=TINY_LESSON, name="01_debut/01_double"):
        path = tmp_path / "solutions" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
