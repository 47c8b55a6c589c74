"""The form of every lesson: what a trainee reads, whatever it says."""

import json
import re
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "solutions").glob("*/*.py"))
EXECUTED = sorted((ROOT / "solutions").glob("*/*.ipynb"))
WIDTH = 112  # what a code cell of JupyterLab shows at 1366 pixels, the file browser open
NOT_PROSE = re.compile(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|<[^>]*>|https?://\S+|^\|[ :|-]*$", re.M | re.S)

lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
executed = pytest.mark.parametrize("notebook", EXECUTED, ids=lambda path: path.stem)


def cells(source, kind=None):
    return [cell for cell in jupytext.read(source).cells if kind in (None, cell.cell_type)]


def code_lines(cell):
    text = re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "...", cell.source, flags=re.S)
    text = re.sub(r'""".*?"""', "", text, flags=re.S)
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


@lesson
def test_the_first_cell_promises_and_says_how_long_and_from_where(source):
    first = cells(source)[0]
    for words in ("\n> ", "**À la fin, vous saurez**", "**Prérequis**", "**Durée**", "**Références**"):
        assert words in first.source


@lesson
def test_a_code_cell_is_short_and_narrow_enough_to_be_projected(source):
    for cell in cells(source, "code"):
        assert len(code_lines(cell)) <= 12, cell.source
        assert max(len(line) for line in cell.source.splitlines()) <= WIDTH, cell.source


@lesson
def test_the_prose_has_no_break_spaces_where_french_wants_them(source):
    for cell in cells(source, "markdown"):
        prose = NOT_PROSE.sub("", cell.source)
        broken = re.findall(r".{0,25} [;:!?»%](?=[\s|)*,.]|$)|« .{0,25}|\b\d{1,3} \d{3}\b", prose, flags=re.M)
        assert not broken, broken


@lesson
def test_each_exercise_has_its_box(source):
    text = "\n".join(cell.source for cell in cells(source, "markdown"))
    boxes = re.findall(r"^\| Exercice \S+ \| difficulté [●○]{3} \| \d+\smin \| vérifié\s: .+ \|$", text, flags=re.M)
    checks = [cell for cell in cells(source, "code") if "check" in cell.metadata.get("tags", [])]
    assert len(boxes) == len(checks) >= 2


@executed
def test_what_a_lesson_shows_is_printed_or_drawn_and_never_the_value_a_cell_happens_to_end_with(notebook):
    for cell in json.loads(notebook.read_text())["cells"]:
        kinds = [output["output_type"] for output in cell.get("outputs", [])]
        assert "execute_result" not in kinds, cell["source"]


@executed
def test_every_figure_says_in_words_what_it_shows(notebook):
    for cell in json.loads(notebook.read_text())["cells"]:
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    assert len(output["metadata"].get(kind, {}).get("alt", "")) > 10, cell["source"]


@lesson
def test_the_readme_gives_the_duration_that_the_lesson_gives(source):
    minutes = re.search(r"\*\*Durée\*\*\s: (\d+)\smin", cells(source)[0].source).group(1)
    row = next(
        row
        for row in (ROOT / "README.md").read_text().splitlines()
        if f"/{source.stem}.ipynb" in row and row.startswith("|")
    )
    assert re.search(r"\| (\d+)\smin \|", row).group(1) == minutes
