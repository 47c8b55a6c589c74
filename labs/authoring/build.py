"""Write the derived notebooks, and verify that those of the repository are what the sources give."""

import filecmp
import pathlib
import tempfile

from labs.authoring import convert, lessons, outputs

MINIMUM = {"check": 2, "nbval-check-output": 3}


def build(lesson, folder):
    """Write under `folder` the notebooks of a lesson; return whether its solution has to be executed first.

    The executed solution keeps its outputs: it is written only if one is stored, for the same code.
    """
    source = convert.read(lesson)
    _write(lesson, folder, lesson.notebook, convert.trainee(source, lesson))
    if must_execute(lesson, source):
        return True
    _write(lesson, folder, lesson.solution, convert.executed(source, convert.load(lesson.solution)))
    return False


def must_execute(lesson, source):
    """Tell whether the stored solution is missing, or comes from other code than the source's."""
    return not lesson.solution.exists() or not convert.same_code(source, convert.load(lesson.solution))


def verify(lesson):
    """List, in French, what the stored notebooks of a lesson have that its source does not give."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            stale = build(lesson, pathlib.Path(folder))
            found = [*_too_few(lesson), *_difference(lesson, folder, lesson.notebook)]
            return found + (_stale(lesson) if stale else _stored(lesson, folder))
        except lessons.LessonError as error:
            return [str(error)]


def orphans(root):
    """List, in French, the notebooks of a repository that no source gives."""
    known = lessons.find(root)
    root = known[0].root
    expected = {lesson.notebook for lesson in known} | {lesson.solution for lesson in known}
    return [
        f"{path.relative_to(root)} : sans source solutions/<chapitre>/{path.stem}.py. Supprimez ce fichier."
        for folder in ("notebooks", "solutions")
        for path in sorted((root / folder).rglob("*.ipynb"))
        if path not in expected and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]


def _write(lesson, folder, path, notebook):
    convert.write(folder / path.relative_to(lesson.root), convert.text(notebook))


def _too_few(lesson):
    cells = convert.read(lesson).cells
    for tag, minimum in MINIMUM.items():
        count = sum(tag in convert.tags(cell) for cell in cells)
        if count < minimum:
            yield f"{lesson.name} : {count} cellule(s) « {tag} », pour {minimum} au moins dans chaque leçon."


def _difference(lesson, folder, path):
    relative = path.relative_to(lesson.root)
    rebuild = f"Pour le refaire : python -m labs.authoring build {lesson.name}"
    if not path.exists():
        return [f"{relative} : absent. {rebuild}"]
    if not filecmp.cmp(path, pathlib.Path(folder) / relative, shallow=False):
        return [f"{relative} : ce n'est pas ce que donne la source (modifié à la main, ou pas refait). {rebuild}"]
    return []


def _stale(lesson):
    fault = "son code n'est plus celui de la source" if lesson.solution.exists() else "absent"
    relative = lesson.solution.relative_to(lesson.root)
    return [f"{relative} : {fault}. Pour le refaire : python -m labs.authoring execute {lesson.name}"]


def _stored(lesson, folder):
    """Compare the executed solution, then judge its outputs: they come from the file, not from the source."""
    stored = convert.load(lesson.solution)
    faults = outputs.faults(stored, lesson)
    if any(outputs.canonical(cell.outputs) != cell.outputs for cell in convert.code_cells(stored)):
        faults.append(f"{lesson.name} : des sorties ne sont pas sous leur forme canonique.")
    if faults:
        faults.append(f"  Pour refaire ces sorties : python -m labs.authoring execute {lesson.name}")
    return _difference(lesson, folder, lesson.solution) + faults
