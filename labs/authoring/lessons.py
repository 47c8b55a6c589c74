"""The lessons of a repository: where the source of each one is, and its two derived notebooks."""

import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


class LessonError(ValueError):
    """What an author has to correct, in French; its message is shown without a traceback."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A lesson of the repository `root`; `name` is "chapter/lesson"."""

    root: pathlib.Path
    name: str

    @property
    def source(self):
        return self.root / "solutions" / f"{self.name}.py"

    @property
    def solution(self):
        return self.root / "solutions" / f"{self.name}.ipynb"

    @property
    def notebook(self):
        return self.root / "notebooks" / f"{self.name}.ipynb"

    def place(self, number, cell):
        """Name a cell as an author finds it again: the source, its number from 1, its first line."""
        first, *others = cell.source.strip().split("\n")
        cut = " …" if others or len(first) > 60 else ""
        return f"solutions/{self.name}.py, cellule {number} « {first[:60]}{cut} »"


def find(root=ROOT):
    """List the lessons of a repository in the order of the course."""
    root = pathlib.Path(root).resolve()
    sources = sorted((root / "solutions").glob("*/*.py"))
    if not sources:
        raise LessonError(
            f"Aucune leçon dans {root / 'solutions'} ; les sources attendues sont "
            "solutions/<chapitre>/<leçon>.py, et le dépôt se donne par --root."
        )
    return [Lesson(root, f"{path.parent.name}/{path.stem}") for path in sources]


def select(fragments, root=ROOT):
    """List the lessons whose path holds one of the fragments; all of them when there is none."""
    lessons = find(root)
    if not fragments:
        return lessons
    chosen = set()
    for fragment in fragments:
        matches = {lesson for lesson in lessons if _core(fragment, lessons[0].root) in lesson.name}
        if not matches:
            names = "\n".join(f"  {lesson.name}" for lesson in lessons)
            raise LessonError(f"Aucune leçon ne correspond à « {fragment} ». Les leçons sont :\n{names}")
        chosen |= matches
    return [lesson for lesson in lessons if lesson in chosen]


def _core(fragment, root):
    """Take off what a path typed or completed by the shell has around "chapter/lesson"."""
    path = pathlib.PurePath(fragment)
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    if path.suffix in (".py", ".ipynb"):
        path = path.with_suffix("")
    parts = path.parts
    if len(parts) > 1 and parts[0] in ("solutions", "notebooks"):
        parts = parts[1:]
    return "/".join(parts)
