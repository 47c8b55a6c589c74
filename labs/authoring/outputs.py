"""What a notebook may store: outputs in one canonical form, small, quiet, and the same on every machine."""

import json
import pathlib
import re

from labs.authoring import convert

MAX_BYTES = 1_500_000
WIDGET = "application/vnd.jupyter.widget-view+json"

# The same as nbval's, which rewrites the fresh outputs in this way before it compares them with ours.
BACKSPACE = re.compile(r"[^\n]\x08")
CARRIAGE_RETURN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)

ADDRESS = re.compile(r"<[^<>\n]* at 0x[0-9a-fA-F]+>")


def canonical(outputs):
    """Return the outputs with consecutive messages of a stream merged, and progress cut to its last state."""
    merged = []
    for output in outputs:
        previous = merged[-1] if merged else None
        if previous and output.output_type == previous.output_type == "stream" and output.name == previous.name:
            previous.text += output.text
        else:
            merged.append(output.copy())
    for output in merged:
        if output.output_type == "stream":
            output.text = _last_state(output.text)
    return [output for output in merged if output.output_type != "stream" or output.text]


def faults(notebook, lesson):
    """List, in French, what forbids to store an executed notebook."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            found += [f"{lesson.place(number, cell)} : {fault}" for fault in _cell_faults(cell, lesson)]
    counts = [cell.execution_count for cell in convert.code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"{lesson.name} : toutes les cellules n'ont pas été exécutées une fois, de haut en bas.")
    return found + _size_faults(notebook, lesson)


def size(cells):
    """Return the bytes that the outputs of cells take in the file."""
    return sum(len(json.dumps(cell.outputs, ensure_ascii=False).encode()) for cell in cells)


def _last_state(text):
    before = None
    while before != text:
        before, text = text, BACKSPACE.sub("", text)
    return CARRIAGE_RETURN.sub("", text)


def _cell_faults(cell, lesson):
    if any(output.output_type == "error" for output in cell.outputs):
        yield "la sortie est une erreur."
    errors = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
    if errors:
        yield (
            "la cellule écrit sur la sortie d'erreur, ce qu'un notebook du cours ne garde jamais ; "
            f"traitez la cause de ce message :\n{_excerpt(errors)}"
        )
    if any(WIDGET in output.get("data", {}) for output in cell.outputs):
        yield (
            "la cellule affiche un widget, qui serait vide à la projection ; sous "
            "« runtime.interactive() », montrez-le, sinon montrez une figure."
        )
    texts = "\n".join(_texts(cell))
    address = ADDRESS.search(texts)
    if address:
        yield (
            f"la sortie « {address.group()} » change à chaque exécution ; terminez la ligne par « ; » "
            "ou affichez autre chose."
        )
    for folder in (lesson.root, pathlib.Path.home()):
        if len(folder.parts) > 1 and f"{folder}/" in texts:
            yield f"la sortie montre un chemin de cette machine ({folder}) ; affichez un chemin relatif."
            break


def _size_faults(notebook, lesson):
    total = size(convert.code_cells(notebook))
    if total <= MAX_BYTES:
        return []
    numbered = [pair for pair in enumerate(notebook.cells, start=1) if pair[1].cell_type == "code"]
    number, cell = max(numbered, key=lambda pair: size([pair[1]]))
    return [
        f"{lesson.name} : les sorties pèsent {_megabytes(total)} Mo, pour {_megabytes(MAX_BYTES)} Mo au plus."
        f"\n  La plus lourde, {_megabytes(size([cell]))} Mo : {lesson.place(number, cell)}."
    ]


def _texts(cell):
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        yield from (value for kind, value in output.get("data", {}).items() if kind.startswith("text/"))


def _excerpt(text):
    lines = text.strip().split("\n")
    return "\n".join(f"    {line[:200]}" for line in lines[:8]) + ("\n    …" if len(lines) > 8 else "")


def _megabytes(count):
    return f"{count / 1e6:.2f}".replace(".", ",")
