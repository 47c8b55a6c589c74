"""Every check of every lesson refuses the blank stub and classic wrong answers, and accepts what is right.

What is right: the solution, and answers that trainees write otherwise. Those of solutions/01_x/02_y.py are in
tests/answers/c01_l02_y.py: `WRONG = {"name_of_the_check": [answer, another_answer, ...]}`, and `RIGHT` likewise.
"""

import ast
import dataclasses
import importlib.util
import itertools
import linecache
import pathlib
import symtable

import pytest
from IPython.display import display

from labs.authoring import convert, lessons
from labs.checks import CheckFailed

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
ANSWERS = REPOSITORY / "tests" / "answers"
MINIMUM_WRONG_ANSWERS = 2


@dataclasses.dataclass(frozen=True)
class Exercise:
    """A check cell, `check.NAME(ANSWER)`, of a lesson."""

    lesson: lessons.Lesson
    cell: str  # its id, the same in the solution and in the trainee's notebook
    name: str
    answer: str

    def __str__(self):
        return f"{self.lesson.name}:{self.name}"


def exercises_of(lesson):
    source = convert.read(lesson)
    return [_exercise(lesson, cell) for cell in source.cells if "check" in convert.tags(cell)]


def _exercise(lesson, cell):
    match ast.parse(cell.source).body:
        case [ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), name), [ast.Name(answer), *_]))]:
            return Exercise(lesson, cell.id, name, answer)
    raise AssertionError(f"{lesson.name}: a check cell is one line, check.NAME(ANSWER), not {cell.source!r}")


# --- The cells that a check needs ----------------------------------------------------------------------


def cells_needed(cells, index, names):
    """Return the positions, among code cells, of those that make `names` what they are before cell `index`.

    A backward slice: for a name, the last cell that binds it, the cells that change its object since then,
    and all that these need. The imports that open the lesson are always there: its set-up is one of them.
    """
    needed = set(itertools.takewhile(lambda position: _imports(cells[position]), range(index)))
    asked = [(name, index) for name in names]
    asked += [(name, position) for position in needed for name in _reads(cells[position])]
    done = set()
    while asked:
        name, before = asked.pop()
        if (name, before) in done:
            continue
        done.add((name, before))
        for position in _makers(cells, name, before):
            needed.add(position)
            asked += [(other, position) for other in _reads(cells[position])]
    return sorted(needed)


def _makers(cells, name, before):
    """Positions of the last cell that binds a name, and of the cells that change its object afterwards."""
    binders = [position for position in range(before) if name in _binds(cells[position])]
    if not binders:
        return []
    last = binders[-1]
    if name in _imports(cells[last]):
        return [last]  # plots.show(...) does not change the module plots
    return [last, *(position for position in range(last + 1, before) if name in _changes(cells[position]))]


def _imports(source):
    """Names that a text imports at its top level."""
    return {s.get_name() for s in _table(source).get_symbols() if s.is_imported()}


def _binds(source):
    """Names that a text gives a value to, at its top level."""
    return {s.get_name() for s in _table(source).get_symbols() if s.is_assigned() or s.is_imported()}


def _changes(source):
    """Names whose object a text may change: name.method(...), name[...] = ..., name.attribute = ..."""
    changed = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            changed.add(_root(node.value.func))
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            changed.add(_root(node))
    return changed - {None}


def _root(node):
    """The name before the first dot or bracket; None where there is neither."""
    inside = node
    while isinstance(inside, (ast.Attribute, ast.Subscript)):
        inside = inside.value
    return inside.id if isinstance(inside, ast.Name) and inside is not node else None


def _reads(source):
    """Names that a text takes from the cells before it."""
    bound, read = set(), set()
    for statement in ast.parse(source).body:
        text = ast.unparse(statement)
        own = set()
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            own = _binds(text)  # a loop or a function reads what it binds itself
        if isinstance(statement, ast.AugAssign):
            read |= own - bound
        read |= _references(_table(text), top=True) - bound - own
        bound |= _binds(text)
    return read


def _references(table, top=False):
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return names.union(*(_references(child) for child in table.get_children()))


def _table(source):
    return symtable.symtable(source, "cell", "exec")


# --- Running them --------------------------------------------------------------------------------------


def prepare(notebook, exercise, *, answered=True):
    """Run the cells that the check of an exercise needs; return the namespace.

    Args:
        answered: False to leave out what makes the answer, for somebody who brings one.
    """
    cells = convert.code_cells(notebook)
    index = [cell.id for cell in cells].index(exercise.cell)
    sources = [cell.source for cell in cells]
    names = _reads(sources[index]) - (set() if answered else {exercise.answer})
    namespace = {"__name__": "__main__", "display": display}
    for position in cells_needed(sources, index, names):
        _run(sources[position], f"<{exercise.lesson.name}, code cell {position}>", namespace)
    return namespace


def check(notebook, exercise, namespace):
    (source,) = [cell.source for cell in notebook.cells if cell.id == exercise.cell]
    _run(source, f"<{exercise}>", namespace)


def _run(source, name, namespace):
    linecache.cache[name] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        name,
    )  # for inspect, and traces
    exec(compile(source, name, "exec"), namespace)


def answers_of(lesson, folder=ANSWERS):
    """Return the WRONG and the RIGHT dictionaries of a lesson."""
    chapter, stem = lesson.name.split("/")
    path = folder / f"c{chapter[:2]}_l{stem}.py"
    assert path.exists(), f"{lesson.name} has no answers: write {path.name} in {folder.name}"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG, getattr(module, "RIGHT", {})


def refuse_blank(exercise):
    """Fail unless the check refuses, with CheckFailed, what a trainee has before writing anything."""
    blank = convert.trainee(convert.read(exercise.lesson), exercise.lesson)
    namespace = prepare(blank, exercise)
    with pytest.raises(CheckFailed):
        check(blank, exercise, namespace)


def accept_solution(exercise):
    """Fail unless the check accepts the solution of the lesson."""
    source = convert.read(exercise.lesson)
    check(source, exercise, prepare(source, exercise))


def tell_apart(exercise, wrong, right):
    """Fail unless the check refuses each wrong answer, of which there are enough, and accepts each right one."""
    source = convert.read(exercise.lesson)
    refused, accepted = wrong.get(exercise.name, []), right.get(exercise.name, [])
    assert len(refused) >= MINIMUM_WRONG_ANSWERS, f"{exercise} has {len(refused)} wrong answers, not 2 or more"
    namespace = prepare(source, exercise, answered=False)
    for number, answer in enumerate(accepted):
        try:
            check(source, exercise, {**namespace, exercise.answer: answer})
        except CheckFailed as refusal:
            pytest.fail(f"{exercise} refuses right answer number {number} (counted from 0): {refusal}")
    for number, answer in enumerate(refused):
        try:
            check(source, exercise, {**namespace, exercise.answer: answer})
        except CheckFailed:
            continue
        pytest.fail(f"{exercise} accepts wrong answer number {number} (counted from 0): {answer}")


# --- The exercises of the course -----------------------------------------------------------------------

LESSONS = lessons.find(REPOSITORY)
EXERCISES = [exercise for lesson in LESSONS for exercise in exercises_of(lesson)]

of_every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=str)
of_every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@pytest.fixture
def as_a_kernel(monkeypatch):
    """Run cells as a kernel of the tests does: headless, small, from the folder of the lesson."""

    def enter(lesson):
        monkeypatch.setenv("LABS_HEADLESS", "1")
        monkeypatch.setenv("LABS_PROFILE", "rapide")
        monkeypatch.chdir(lesson.source.parent)

    return enter


@of_every_exercise
def test_the_check_refuses_the_blank_stub(exercise, as_a_kernel):
    as_a_kernel(exercise.lesson)
    refuse_blank(exercise)


@of_every_exercise
def test_the_check_accepts_the_solution(exercise, as_a_kernel):
    as_a_kernel(exercise.lesson)
    accept_solution(exercise)


@of_every_exercise
def test_the_check_tells_wrong_answers_from_right_ones(exercise, as_a_kernel):
    as_a_kernel(exercise.lesson)
    tell_apart(exercise, *answers_of(exercise.lesson))


@of_every_lesson
def test_no_answer_is_left_of_a_check_that_is_gone(lesson):
    assert set().union(*answers_of(lesson)) <= {exercise.name for exercise in exercises_of(lesson)}


# --- These proofs, proved on a tiny lesson -------------------------------------------------------------

SQUARE_LESSON = """\
# %%
import types

# %%
from labs.checks import CheckFailed


def examine(function):
    if function is None or function(3) is None:
        raise CheckFailed("Rien n'est renvoyé.")
    if function(3) != 9 or function(-2) != 4:
        raise CheckFailed("Valeurs fausses.")


# %%
check = types.SimpleNamespace()

# %%
check.square = examine

# %%
heavy = 1 / 0

# %%
power = 1
power += 1


# %%
def square(number):
    ### BEGIN SOLUTION
    return number**power
    ### END SOLUTION


# %% tags=["check"]
check.square(square)
"""


@pytest.fixture
def square(write_lesson, tmp_path):
    """The exercise of the tiny lesson, whose text can be changed first."""

    def make(before="", after=""):
        write_lesson(SQUARE_LESSON.replace(before, after), name="01_debut/01_carre")
        (exercise,) = exercises_of(lessons.find(tmp_path)[0])
        return exercise

    return make


def test_a_sound_exercise_passes_the_three_proofs(square):
    exercise = square()
    refuse_blank(exercise)
    accept_solution(exercise)
    tell_apart(exercise, {"square": [lambda x: 2 * x, lambda x: x**3, abs]}, {"square": [lambda x: x * x]})


def test_a_check_that_accepts_a_wrong_answer_is_found(square):
    exercise = square("or function(-2) != 4", "")
    with pytest.raises(pytest.fail.Exception, match="number 1"):
        tell_apart(exercise, {"square": [abs, lambda x: 9]}, {})


def test_a_check_that_refuses_a_right_answer_is_found(square):
    with pytest.raises(pytest.fail.Exception, match="(?s)refuses right answer number 0.*Valeurs fausses"):
        exercise = square("function(3) != 9", "not isinstance(function(3), int)")
        tell_apart(exercise, {"square": [abs, bool]}, {"square": [lambda x: float(x * x)]})


def test_a_check_that_accepts_the_blank_stub_is_found(square):
    exercise = square("function is None or function(3) is None", "False").lesson
    exercise.source.write_text(exercise.source.read_text().replace("function(3) != 9", "function(3) == 8"))
    exercise.source.write_text(exercise.source.read_text().replace("or function(-2) != 4", ""))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        refuse_blank(exercises_of(exercise)[0])


def test_a_check_that_stops_on_another_error_at_the_blank_stub_is_found(square):
    exercise = square("function is None or function(3) is None", "function(3) + 1 == 1")
    with pytest.raises(TypeError):
        refuse_blank(exercise)


def test_a_check_that_refuses_the_solution_is_found(square):
    with pytest.raises(CheckFailed):
        accept_solution(square("number**power", "number * power"))


def test_one_wrong_answer_is_not_enough(square):
    with pytest.raises(AssertionError, match="1 wrong answers"):
        tell_apart(square(), {"square": [abs]}, {})


@pytest.mark.parametrize("cell", ["check.square()", "check.square(lambda x: x)", "check.a(f)\ncheck.b(f)", "a(f)"])
def test_a_check_cell_of_another_form_is_refused(cell, square):
    with pytest.raises(AssertionError, match="one line"):
        square("check.square(square)", cell)


def test_the_answers_of_a_lesson_are_read_from_their_own_file(square, tmp_path):
    lesson = square().lesson
    with pytest.raises(AssertionError, match="c01_l01_carre.py"):
        answers_of(lesson, tmp_path)
    (tmp_path / "c01_l01_carre.py").write_text("WRONG = {'square': [abs]}")
    assert answers_of(lesson, tmp_path) == ({"square": [abs]}, {})
    (tmp_path / "c01_l01_carre.py").write_text("WRONG = {'square': [abs]}\nRIGHT = {'square': [float]}")
    assert answers_of(lesson, tmp_path) == ({"square": [abs]}, {"square": [float]})


@pytest.mark.parametrize(
    ("cells", "names", "positions"),
    [
        (["x = 1", "x = 2", "y = 3"], {"x"}, [1]),
        (["x = 1", "x += 1", "y = 3"], {"x"}, [0, 1]),
        (["x = 1", "x = x + 1", "y = 3"], {"x"}, [0, 1]),
        (["n = 2", "def f():\n    return n", "m = 3"], {"f"}, [0, 1]),
        (["n = 2", "def f(n):\n    return n", "m = 3"], {"f"}, [1]),
        (["i = 2", "y = [i for i in range(3)]", "m = 3"], {"y"}, [1]),
        (["import a", "b = 1", "model = a.b()", "model.fit(b)", "print(model)"], {"model"}, [0, 1, 2, 3]),
        (["d = {}", "d['k'] = 1", "e = d"], {"d"}, [0, 1]),
        (["import os", "x = 1", "import re\ny = x"], set(), [0]),
        (["x = 1", "import os\ny = x", "os.remove('y')", "z = os"], {"z"}, [0, 1, 3]),
        (["k = 1", "for i in range(3):\n    k = k * i", "x = 1"], {"k"}, [1]),
    ],
)
def test_only_the_cells_that_a_name_depends_on_are_run(cells, names, positions):
    assert cells_needed(cells, len(cells), names) == positions
