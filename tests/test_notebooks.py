"""The notebooks under nbval: what its commands run in, what they find, and that no lesson needs a network."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import nbformat
import pytest

from labs.authoring import __main__ as command_line
from labs.authoring import convert, execute, lessons

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
OFFLINE = REPOSITORY / "tests" / "offline"
NBVAL_TARGETS = {"test-solutions": "cours", "test-notebooks": "rapide"}
LESSONS = lessons.find(REPOSITORY)


# --- The commands of the Makefile ----------------------------------------------------------------------


def nbval_command(target):
    """Return the environment and the arguments of the nbval command that `make target` runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(
        ["make", "--no-print-directory", "-n", target, "JOBS=2"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True,
    ).stdout.replace("\\\n", " ")  # fmt: skip
    (line,) = [line for line in printed.splitlines() if "--nbval-lax" in line]
    words = shlex.split(line)
    first = next(position for position, word in enumerate(words) if "=" not in word)
    return dict(word.split("=", 1) for word in words[:first]), words[first:]


@pytest.mark.parametrize(("target", "profile"), NBVAL_TARGETS.items())
def test_make_runs_nbval_headless_offline_and_with_the_threads_of_the_stored_outputs(target, profile):
    environment, arguments = nbval_command(target)
    assert environment["LABS_PROFILE"] == profile
    assert environment["LABS_HEADLESS"] == "1"
    # Absolute: a kernel starts in the folder of its lesson.
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(OFFLINE)
    expected = execute.kernel_environment(jobs=2)
    assert {name: environment.get(name) for name in execute.THREADS} == {
        name: expected[name] for name in execute.THREADS
    }
    assert arguments[-1] == target.removeprefix("test-")


@pytest.mark.parametrize("target", NBVAL_TARGETS)
def test_make_keeps_a_notebook_on_one_worker_and_in_this_python(target):
    _, arguments = nbval_command(target)
    joined = " ".join(arguments)
    assert "-n 2" in joined and "--dist loadfile" in joined and "--nbval-current-env" in joined


# --- What nbval finds ----------------------------------------------------------------------------------

OUTSIDE_ADDRESS = "http://192.0.2.1/"  # 192.0.2.0/24 is reserved for documentation: nothing answers there
WAIT = """\
limit = time.monotonic() + 60
while not pathlib.Path("{other}").exists():
    assert time.monotonic() < limit, "the other notebook does not run"
    time.sleep(0.1)"""


@pytest.fixture(scope="module")
def report(tiny_lesson, tmp_path_factory):
    """Run nbval once, as the Makefile does, on notebooks that must pass and others that must not."""
    root = tmp_path_factory.mktemp("nbval")
    sound = write_executed(root, tiny_lesson)
    text = sound.read_text(encoding="utf-8")
    assert '"un\\n",\n      "deux\\n"' in text  # one message in the file, several from the kernel
    falsified = text.replace('"deux\\n"', '"trois\\n"')
    sound.with_name("falsified.ipynb").write_text(falsified, encoding="utf-8")
    folder = sound.parent
    for mine, other in ("ab", "ba"):
        begin = f"import os, pathlib, time\nmine = os.getpid()\npathlib.Path('{mine}').write_text(str(mine))"
        # The most cells: xdist starts with these two notebooks.
        write_notebook(folder / f"{mine}.ipynb", begin, WAIT.format(other=other), *8 * ["assert mine == os.getpid()"])
    server = "import socket\nserver = socket.create_server(('127.0.0.1', 0))"
    write_notebook(folder / "loopback.ipynb", server, "socket.create_connection(server.getsockname()).close()")
    transport = "from ipykernel.kernelapp import IPKernelApp\nassert IPKernelApp.instance().transport == 'ipc'"
    write_notebook(folder / "transport.ipynb", transport)
    outside = f"urllib.request.urlopen('{OUTSIDE_ADDRESS}', timeout=5)"
    write_notebook(folder / "outside.ipynb", "import urllib.request", outside)
    return nbval(folder)


def write_executed(root, text):
    source = root / "solutions" / "01_debut" / "01_double.py"
    source.parent.mkdir(parents=True)
    source.write_text(text, encoding="utf-8")
    assert command_line.main(["execute", "--root", str(root)]) == 0
    return source.with_suffix(".ipynb")


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path.write_text(convert.text(nbformat.v4.new_notebook(cells=cells)), encoding="utf-8")


def nbval(folder):
    """Return what nbval says of the notebooks of a folder, in text."""
    environment, arguments = nbval_command("test-solutions")
    options = arguments[arguments.index("-p") : -1]
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--color=no", *options, "."]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def outcomes(report, notebook):
    """Return the outcomes of the cells of a notebook, each once: PASSED, FAILED, or ERROR without a kernel."""
    return set(re.findall(rf"^(PASSED|FAILED|ERROR) {notebook}\.ipynb::Cell", report, re.MULTILINE))


def test_nbval_is_not_disturbed_by_an_output_sent_in_several_messages(report):
    assert outcomes(report, "01_double") == {"PASSED"}, report


def test_nbval_refuses_a_falsified_output(report):
    assert outcomes(report, "falsified") == {"PASSED", "FAILED"}, report
    assert "Cell outputs differ" in report


def test_nbval_runs_two_notebooks_at_once_each_in_one_kernel(report):
    assert outcomes(report, "a") == outcomes(report, "b") == {"PASSED"}, report


def test_a_kernel_of_nbval_opens_no_port_that_another_could_take(report):
    assert outcomes(report, "transport") == {"PASSED"}, report


def test_a_kernel_of_nbval_reaches_its_own_machine(report):
    assert outcomes(report, "loopback") == {"PASSED"}, report


def test_a_kernel_of_nbval_reaches_no_other_machine(report):
    assert outcomes(report, "outside") == {"PASSED", "FAILED"}, report
    assert "Accès au réseau refusé" in report


# --- The guard itself ----------------------------------------------------------------------------------


def guarded(code, *more_folders):
    """Run a text in a Python process that has the guard on its path."""
    path = os.pathsep.join([str(OFFLINE), *map(str, more_folders)])
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )


OUTSIDE = [  # 2001:db8::/32 too is reserved for documentation
    "socket.create_connection(('192.0.2.1', 80), 2)",
    "socket.socket().connect_ex(('192.0.2.1', 80))",
    "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 53))",
    "socket.getaddrinfo('example.org', 443)",
    "socket.getaddrinfo(b'example.org', 443)",
    "socket.gethostbyname('example.org')",
    "urllib.request.urlopen('https://example.org')",
]

LOCAL = [
    "socket.create_connection(server.getsockname())",
    "socket.create_connection(('localhost', server.getsockname()[1]))",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.8.9.10', 9))",
    "socket.getaddrinfo(None, 80)",
    "socket.getaddrinfo('::1', 80)",
    "socket.socketpair()",
    "asyncio.run(asyncio.sleep(0))",
]


@pytest.mark.parametrize("code", OUTSIDE)
def test_the_guard_refuses_an_address_outside_this_machine(code):
    done = guarded(f"import socket, urllib.request\n{code}")
    assert done.returncode == 1
    assert "Accès au réseau refusé" in done.stderr and "OSError" in done.stderr


@pytest.mark.parametrize("code", LOCAL)
def test_the_guard_allows_what_stays_on_this_machine(code):
    done = guarded(f"import asyncio, socket\nserver = socket.create_server(('127.0.0.1', 0))\n{code}")
    assert done.returncode == 0, done.stderr


def test_the_guard_passes_on_to_the_processes_that_a_lesson_starts():
    inner = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    done = guarded(f"import subprocess, sys\nsys.exit(subprocess.run([sys.executable, '-c', {inner!r}]).returncode)")
    assert done.returncode == 1 and "Accès au réseau refusé" in done.stderr


def test_the_guard_runs_the_sitecustomize_that_it_hides(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.hidden_one = 'ran'\n")
    done = guarded("print(hidden_one)", tmp_path)
    assert done.stdout == "ran\n", done.stderr


# --- What every lesson has -----------------------------------------------------------------------------

of_every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@of_every_lesson
def test_a_lesson_sets_up_the_runtime_alone_in_its_second_cell(lesson):
    title, setup, *_ = convert.read(lesson).cells
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    assert setup.source == "from labs import runtime\n\nruntime.setup(seed=0)"


@of_every_lesson
def test_a_lesson_ends_with_what_to_keep_the_questions_and_the_way_on(lesson):
    titles = [
        line.removeprefix("## ")
        for cell in convert.read(lesson).cells
        if cell.cell_type == "markdown" and "solution" not in convert.tags(cell)
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    assert titles[-3:] == ["À retenir", "Questionnaire", "Pour aller plus loin"]
