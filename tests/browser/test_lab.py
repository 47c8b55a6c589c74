"""A trainee's first minutes, in a real JupyterLab: `make lab`, open, Run All, solve an exercise by typing."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import jupytext
import nbformat
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright manque : pip install -e '.[dev]'")

REPOSITORY = pathlib.Path(__file__).parents[2]
WELCOME = "00_bienvenue/00_poste_de_travail"
NEURON = "01_fondamentaux/01_neurone"
TOKEN = "essai"
RUN_SECONDS = 300  # a whole lesson in profile "rapide", on a busy machine
EXECUTED = re.compile(r"\[\d+\]")  # the prompt of a cell that ran: [ ] before, [*] during

CHROMIUM_NAMES = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
CHROMIUM_FLAGS = [
    "--no-sandbox",  # root in a container
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium manque, rien n'est ouvert ici. Pour l'installer : apt-get install chromium"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab that `make lab` started, on a copy of the notebooks."""
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(REPOSITORY / "notebooks", root / "notebooks")
    address = f"http://127.0.0.1:{free_port()}"
    command = ["make", "lab", "NO_BROWSER=1", f"PORT={urllib.parse.urlsplit(address).port}", f"LAB_ROOT={root}"]
    command += [f"LAB_ARGS=--IdentityProvider.token={TOKEN}"]
    with open(root / "lab.log", "w") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment(root), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until_it_answers(address, process, root / "lab.log")
        yield address
    finally:
        stop(process)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, tmp_path):
    """A page of a laptop's size, that remembers every address it asked for and leaves a last picture."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.addresses = []
    page.on("request", lambda request: page.addresses.append(request.url))
    yield page
    screenshot(page, tmp_path / "fin.png")
    context.close()


def test_make_lab_opens_on_the_welcome_lesson_which_runs_top_to_bottom(lab, page):
    page.goto(f"{lab}/?token={TOKEN}")
    wait_until_ready(page, WELCOME)
    assert urllib.parse.urlsplit(page.url).path.endswith(f"/notebooks/{WELCOME}.ipynb")
    run_all(page)
    assert_clean(page)


def test_an_exercise_is_red_when_blank_and_green_when_solved_by_typing(lab, page, tmp_path):
    open_lesson(page, lab, NEURON)
    run_all(page)

    stub, check, solution = first_exercise(NEURON)
    assert cells(page).nth(check).locator(".labs-check-ok").count() == 0
    failure = cells(page).nth(check).locator(".jp-OutputArea-output", has_text="✘ Exercice")
    failure.scroll_into_view_if_needed()
    screenshot(page, tmp_path / "exercice_rouge.png")
    assert is_reddish(failure)
    assert_clean(page)

    type_into(page, cells(page).nth(stub), solution)
    run_cell(page, stub)
    run_cell(page, check)
    success = cells(page).nth(check).locator(".labs-check-ok")
    sync_api.expect(success).to_be_visible(timeout=30_000)
    success.scroll_into_view_if_needed()
    screenshot(page, tmp_path / "exercice_vert.png")
    assert "Exercice" in success.inner_text()
    assert cells(page).nth(check).locator(".jp-OutputArea-output", has_text="✘").count() == 0
    assert_clean(page)


# The server


def environment(root):
    """The trainee's environment, away from the settings of whoever runs the tests."""
    settings = root / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}')  # every cell stays in the page, in view or not
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LABS_", "MAKE", "MFLAGS"))}
    return inherited | {
        "LABS_PROFILE": "rapide",
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "IPYTHONDIR": str(root / "ipython"),
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(address, process, log, seconds=120):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return direct.open(f"{address}/api", timeout=5)
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"`make lab` did not answer on {address}:\n{log.read_text()}")


def stop(process, seconds=30):
    """End make and the server; the server ends its kernels before it goes, which takes it a few seconds."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)  # raises once nothing of the group is left
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)


# The page


def open_lesson(page, lab, lesson):
    page.goto(f"{lab}/lab/tree/notebooks/{lesson}.ipynb?token={TOKEN}&reset")
    wait_until_ready(page, lesson)


def wait_until_ready(page, lesson):
    """The kernel answers and every cell is there: JupyterLab ignores a Run All that comes earlier."""
    sync_api.expect(page.locator("#jp-main-statusbar")).to_contain_text("(ipykernel) | Idle", timeout=60_000)
    sync_api.expect(cells(page)).to_have_count(len(trainee_cells(lesson)), timeout=60_000)


def run_all(page):
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    sync_api.expect(prompts(page).last).to_have_text(EXECUTED, timeout=RUN_SECONDS * 1000)


def notebook(page):
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")


def cells(page):
    return notebook(page).locator(".jp-Cell")


def prompts(page):
    return notebook(page).locator(".jp-CodeCell .jp-InputPrompt")


def run_cell(page, index):
    prompt = cells(page).nth(index).locator(".jp-InputPrompt")
    before = prompt.inner_text()
    cells(page).nth(index).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    sync_api.expect(prompt).not_to_have_text(before, timeout=30_000)
    sync_api.expect(prompt).to_have_text(EXECUTED, timeout=30_000)


def type_into(page, cell, text):
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    for number, line in enumerate(text.splitlines()):
        if number:
            page.keyboard.press("Enter")
            page.keyboard.press("Shift+Home")  # what follows replaces the automatic indentation
        page.keyboard.type(line) if line else page.keyboard.press("Delete")


def is_reddish(locator):
    """Whether red dominates a text or background colour somewhere in an output."""
    colours = locator.evaluate(
        "output => [output, ...output.querySelectorAll('*')].flatMap("
        "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor])"
    )
    channels = [tuple(map(float, re.findall(r"[\d.]+", colour)[:3])) for colour in colours]
    return any(red > 1.05 * max(green, blue) for red, green, blue in channels)


def assert_clean(page):
    """No traceback, no pop-up, nothing asked from another machine."""
    assert "Traceback" not in notebook(page).inner_text()
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
    hosts = {urllib.parse.urlsplit(address).hostname for address in page.addresses}
    assert hosts <= {"127.0.0.1", None}  # None: data: and blob: addresses


def screenshot(page, path):
    page.screenshot(path=path)
    print(f"capture : {path}")


# The lesson


def trainee_cells(lesson):
    return nbformat.read(REPOSITORY / "notebooks" / f"{lesson}.ipynb", as_version=4).cells


def first_exercise(lesson):
    """Indices, in the trainee's notebook, of the first exercise's stub and check; and the solution's text."""
    source = jupytext.read(REPOSITORY / "solutions" / f"{lesson}.py").cells
    check = next(cell.source for cell in source if "check" in cell.metadata.get("tags", []))
    solved = next(cell.source for cell in source if "### BEGIN SOLUTION" in cell.source)
    trainee = [cell.source for cell in trainee_cells(lesson)]
    stub = next(index for index, text in enumerate(trainee) if text.startswith(solved.splitlines()[0]))
    return stub, trainee.index(check), re.sub(r"\n *### (BEGIN|END) SOLUTION", "", solved)
