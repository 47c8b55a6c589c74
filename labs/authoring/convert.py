"""From the source of a lesson to its notebooks, always with the same bytes."""

import collections
import copy
import hashlib
import logging
import os
import re

import jupytext
import nbformat

from labs.authoring import lessons

TAGS = {"check", "solution", "nbval-check-output"}
CODE_STUB = "# À vous : remplacez les points de suspension.\n..."
TEXT_STUB = "*À vous : remplacez cette ligne par votre réponse.*"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# nbgrader takes any line that holds these words for a delimiter: a misspelt one must not pass for prose.
MARKER = re.compile(r"(begin|end)\s+solution", re.IGNORECASE)
MARKER_LINES = ("### BEGIN SOLUTION", "### END SOLUTION")

# What nbgrader says when it stops, and what it lets through (the last one).
REGION_FAULTS = {
    "encountered nested begin solution statements": "une région s'ouvre dans une autre",
    "no end solution statement found": "une région n'est pas fermée",
    "no begin solution statement found": "une région se ferme sans avoir été ouverte",
}

# Read from the text of the cell by jupytext, of no use in a notebook.
JUPYTEXT_METADATA = {"lines_to_next_cell", "cell_marker"}

SILENT = logging.Logger("labs.authoring", level=logging.CRITICAL + 1)


def read(lesson):
    """Return the notebook that a source describes: cells with stable ids, their tags, no outputs.

    Raises:
        lessons.LessonError: what the source holds cannot make a lesson; every fault is listed.
    """
    notebook = jupytext.reads(lesson.source.read_text(encoding="utf-8"), fmt="py:percent")
    faults = [
        f"{lesson.place(number, cell)} : {fault}"
        for number, cell in enumerate(notebook.cells, start=1)
        for fault in _faults(cell)
    ]
    if faults:
        raise lessons.LessonError("\n".join(faults))
    return _notebook(_numbered(notebook.cells))


def trainee(source, lesson):
    """Return the trainee's notebook: solutions replaced by a stub, checks allowed to fail.

    Raises:
        lessons.LessonError: a solution region is nested, not closed or not opened.
    """
    clear = _clear_solutions()
    cells = []
    for number, cell in enumerate(source.cells, start=1):
        if "solution" in tags(cell):
            continue
        try:
            cells.append(_for_trainee(cell, clear))
        except RuntimeError as error:
            begin, end = MARKER_LINES
            raise lessons.LessonError(
                f"{lesson.place(number, cell)} : {REGION_FAULTS.get(str(error), error)}. "
                f"Chaque « {begin} » a son « {end} » dans la même cellule, sans imbrication."
            ) from None
    return _notebook(cells)


def executed(source, stored):
    """Return the cells of the source with the outputs stored in a notebook that has the same code."""
    notebook = copy.deepcopy(source)
    for cell, old in zip(code_cells(notebook), code_cells(stored), strict=True):
        cell.execution_count = old.execution_count
        cell.outputs = copy.deepcopy(old.outputs)
    return notebook


def same_code(source, stored):
    """Tell whether the outputs of a stored notebook are those of the code of the source."""
    return [cell.source for cell in code_cells(source)] == [cell.source for cell in code_cells(stored)]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def text(notebook):
    """Return the one text that a notebook is stored as: sorted keys, accents as they are, a final newline."""
    return nbformat.writes(notebook, version=4) + "\n"


def load(path):
    """Read a stored notebook.

    Raises:
        lessons.LessonError: the file is not a notebook.
    """
    try:
        notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        nbformat.validate(notebook)
    except Exception as error:  # nbformat lets through whatever a wrong file makes it stumble on
        reason = str(error).strip().split("\n")[0]
        raise lessons.LessonError(f"{path} n'est pas un notebook : {reason}. Supprimez ce fichier.") from None
    return notebook


def write(path, content):
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(content, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _faults(cell):
    if cell.cell_type == "raw":
        yield "une leçon n'a que des cellules de code et de texte ; écrivez « # %% » ou « # %% [markdown] »."
    if cell.cell_type == "code" and not cell.source.strip():
        yield "cellule de code vide ; supprimez-la."
    unknown = sorted(set(cell.metadata) - JUPYTEXT_METADATA - {"tags"})
    if unknown:
        yield f'ligne « # %% » mal écrite ({unknown[0]}) ; écrivez par exemple « # %% tags=["check"] ».'
    if "raises-exception" in tags(cell):
        yield "« raises-exception » est interdit dans une solution ; une vérification porte « check »."
    for tag in sorted(set(tags(cell)) - TAGS - {"raises-exception"}):
        yield f"étiquette inconnue « {tag} » ; les étiquettes sont {', '.join(sorted(TAGS))}."
    if cell.cell_type != "code" and {"check", "nbval-check-output"} & set(tags(cell)):
        yield "seule une cellule de code peut porter « check » ou « nbval-check-output »."
    for line in cell.source.split("\n"):
        if MARKER.search(line) and line.strip() not in MARKER_LINES:
            expected = " ou ".join(MARKER_LINES)
            yield f"« {line.strip()} » ; un délimiteur s'écrit {expected}, seul sur sa ligne."


def _numbered(cells):
    """Give each cell an id made of what it says, so that a new cell leaves the ids of the others alone."""
    occurrences = collections.Counter()
    numbered = []
    for cell in cells:
        source = cell.source.rstrip("\n")
        occurrences[cell.cell_type, source] += 1
        content = f"{cell.cell_type}\n{occurrences[cell.cell_type, source]}\n{source}"
        identity = hashlib.sha256(content.encode()).hexdigest()[:12]
        numbered.append(_cell(cell.cell_type, source, identity, tags(cell)))
    return numbered


def _for_trainee(cell, clear):
    blank = copy.deepcopy(cell)
    lines = [line.strip() for line in cell.source.split("\n")]
    if lines.count(MARKER_LINES[0]) < lines.count(MARKER_LINES[1]):
        raise RuntimeError("no begin solution statement found")
    blank, _ = clear.preprocess_cell(blank, {"language": "python"}, 0)
    kept = [tag for tag in tags(cell) if tag != "nbval-check-output"]  # there is no output to compare with
    if "check" in kept:
        kept.append("raises-exception")
    return _cell(blank.cell_type, blank.source, cell.id, kept)


def _clear_solutions():
    from nbgrader.preprocessors import ClearSolutions  # seconds to import: only where solutions are removed

    return ClearSolutions(
        code_stub={"python": CODE_STUB},
        text_stub=TEXT_STUB,
        begin_solution_delimeter=MARKER_LINES[0],
        end_solution_delimeter=MARKER_LINES[1],
        enforce_metadata=False,  # nbgrader's cell metadata serve its gradebook only
        log=SILENT,
    )


def _cell(kind, source, identity, names):
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source, id=identity, metadata={"tags": list(names)} if names else {})


def _notebook(cells):
    return nbformat.v4.new_notebook(cells=cells, metadata=copy.deepcopy(METADATA))
