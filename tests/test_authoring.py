"""The line of the authors: from solutions/*.py to the two notebooks of each lesson."""

import copy
import json
import pathlib
import shutil

import nbformat
import pytest

from labs.authoring import __main__ as command_line
from labs.authoring import build, convert, execute, lessons, outputs

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
NAME = "01_debut/01_double"


def run(*arguments, root):
    return command_line.main([*arguments, "--root", str(root)])


def one(root):
    return lessons.Lesson(pathlib.Path(root), NAME)


def said(capsys):
    """Return what was printed on the error stream, with ordinary spaces."""
    return capsys.readouterr().err.replace("\u00a0", " ")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source_of(cell):
    return "".join(cell["source"])


def snapshot(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def executed_repository(tiny_lesson, tmp_path_factory):
    """A repository whose one lesson was executed in a real kernel, then built."""
    root = tmp_path_factory.mktemp("executed")
    source = one(root).source
    source.parent.mkdir(parents=True)
    source.write_text(tiny_lesson, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "Agg")
        patch.delenv("LABS_PROFILE", raising=False)
        assert run("execute", root=root) == 0
    assert run("build", root=root) == 0
    return root


@pytest.fixture
def repository(executed_repository, tmp_path):
    """A copy of the executed repository, to be spoilt."""
    return shutil.copytree(executed_repository, tmp_path / "copy")


def verify(root, capsys):
    """Return the status of `verify` and what it says."""
    capsys.readouterr()
    status = run("verify", root=root)
    return status, said(capsys)


def spoil(path, change):
    """Change the JSON of a stored notebook, keeping its canonical writing."""
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    path.write_text(convert.text(notebook), encoding="utf-8")


# --- The trainee's notebook ----------------------------------------------------------------------------


def test_building_twice_gives_the_same_bytes(write_lesson, tmp_path):
    write_lesson()
    run("build", root=tmp_path)
    first = snapshot(tmp_path)
    run("build", root=tmp_path)
    assert one(tmp_path).notebook in first
    assert snapshot(tmp_path) == first


def test_a_solution_region_becomes_a_stub_that_runs_and_answers_nothing(write_lesson, tmp_path):
    write_lesson()
    run("build", root=tmp_path)
    text = one(tmp_path).notebook.read_text(encoding="utf-8")
    stub = next(source_of(cell) for cell in read(one(tmp_path).notebook)["cells"] if "def double" in source_of(cell))
    assert stub.endswith("    # À vous : remplacez les points de suspension.\n    ...")
    namespace = {}
    exec(stub, namespace)
    assert namespace["double"](2) is None
    assert "SOLUTION" not in text and "2 * number" not in text


def test_a_cell_tagged_solution_disappears(write_lesson, tmp_path):
    write_lesson()
    run("build", root=tmp_path)
    assert "Doubler" not in one(tmp_path).notebook.read_text(encoding="utf-8")


def test_check_cells_may_raise_and_no_output_is_compared_in_the_trainee_notebook(write_lesson, tmp_path):
    write_lesson()
    run("build", root=tmp_path)
    cells = read(one(tmp_path).notebook)["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in cells]
    assert [tag for tag in tags if tag] == [["check", "raises-exception"]] * 2
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)


def test_a_trainee_cell_keeps_the_id_of_its_source_cell(write_lesson, tmp_path):
    write_lesson()
    source = convert.read(one(tmp_path))
    kept = [cell.id for cell in source.cells if "solution" not in convert.tags(cell)]
    assert [cell.id for cell in convert.trainee(source, one(tmp_path)).cells] == kept


def test_inserting_a_cell_leaves_the_ids_of_the_others_alone(write_lesson, tmp_path):
    path = write_lesson()
    before = [cell.id for cell in convert.read(one(tmp_path)).cells]
    path.write_text("# %%\nnew = 1\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    after = [cell.id for cell in convert.read(one(tmp_path)).cells]
    assert after[1:] == before


def test_two_cells_that_say_the_same_have_two_ids(write_lesson, tmp_path):
    write_lesson("# %%\nx = 1\n\n# %%\nx = 1\n\n# %% [markdown]\n# x = 1\n")
    ids = [cell.id for cell in convert.read(one(tmp_path)).cells]
    assert len(set(ids)) == 3


def test_a_notebook_is_stored_with_its_accents_sorted_keys_and_a_final_newline(write_lesson, tmp_path):
    write_lesson()
    run("build", root=tmp_path)
    data = one(tmp_path).notebook.read_bytes()
    assert "Leçon « minuscule »".encode() in data and b"\r" not in data
    assert data.endswith(b"}\n") and not data.endswith(b"\n\n")
    assert json.dumps(json.loads(data), sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n" == data


# --- What a source may not hold ------------------------------------------------------------------------

REGIONS = {
    "nested": "### BEGIN SOLUTION\na = 1\n### BEGIN SOLUTION\nb = 1\n### END SOLUTION",
    "not closed": "### BEGIN SOLUTION\na = 1",
    "not opened": "a = 1\n### END SOLUTION",
    "closed twice": "### BEGIN SOLUTION\na = 1\n### END SOLUTION\n### END SOLUTION",
    "misspelt": "## begin solution\na = 1\n### END SOLUTION",
    "followed by words": "### BEGIN SOLUTION of the exercise\na = 1\n### END SOLUTION",
}


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_malformed_region_is_refused_and_its_file_and_cell_are_named(region, write_lesson, tmp_path, capsys):
    write_lesson(f"# %%\nfirst = 0\n\n# %%\n{region}\n")
    assert run("build", root=tmp_path) == 1
    assert f"solutions/{NAME}.py, cellule 2" in said(capsys)
    assert not one(tmp_path).notebook.exists()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('# %% tags=["raises-exception"]', "raises-exception"),
        ('# %% tags=["chek"]', "chek"),
        ("# %% tags=[check]", "mal écrite"),
        ('# %% Un titre tags=["check"]', "mal écrite"),
        ("# %% [raw]", "code et de texte"),
        ('# %% [markdown] tags=["check"]', "cellule de code"),
    ],
)
def test_a_cell_header_that_would_be_misread_is_refused(header, reason, write_lesson, tmp_path, capsys):
    write_lesson(f"# %%\nfirst = 0\n\n{header}\n# text\n")
    assert run("build", root=tmp_path) == 1
    message = said(capsys)
    assert f"solutions/{NAME}.py, cellule 2" in message and reason in message


def test_every_fault_of_a_source_is_said_at_once(write_lesson, tmp_path):
    write_lesson('# %% tags=["chek"]\nx = 1\n\n# %%\n\n# %% tags=["raises-exception"]\ny = 1\n')
    with pytest.raises(lessons.LessonError) as caught:
        convert.read(one(tmp_path))
    assert len(str(caught.value).splitlines()) == 3


# --- Which lessons -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "names"),
    [
        ("01_double", ["01_debut/01_double"]),
        ("01_debut", ["01_debut/01_double", "01_debut/02_triple"]),
        ("solutions/02_suite/01_double_encore.py", ["02_suite/01_double_encore"]),
        ("./notebooks/01_debut/02_triple.ipynb", ["01_debut/02_triple"]),
        ("solutions/02_suite/", ["02_suite/01_double_encore"]),
    ],
)
def test_a_fragment_of_a_path_selects_lessons(fragment, names, write_lesson, tmp_path):
    for name in ("01_debut/01_double", "01_debut/02_triple", "02_suite/01_double_encore"):
        write_lesson(name=name)
    selected = [lesson.name for lesson in lessons.select([fragment], tmp_path)]
    assert [name for name in selected if name in names] == names
    assert selected == names or fragment == "01_double"


def test_an_absolute_path_selects_its_lesson(write_lesson, tmp_path):
    path = write_lesson()
    assert [lesson.name for lesson in lessons.select([str(path)], tmp_path)] == [NAME]


def test_an_unknown_lesson_gets_the_list_of_the_lessons(write_lesson, tmp_path, capsys):
    write_lesson()
    assert run("verify", "09_absente", root=tmp_path) == 1
    message = said(capsys)
    assert "09_absente" in message and NAME in message


@pytest.mark.parametrize("arguments", [["bild"], ["build", "--job", "--x"], ["execute", "--jobs", "0"]])
def test_a_wrong_command_line_gets_the_help_in_french(arguments, capsys):
    try:
        status = command_line.main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert "commandes" in said(capsys)


# --- Execution -----------------------------------------------------------------------------------------


def test_an_executed_solution_holds_the_canonical_outputs_of_every_cell(executed_repository):
    notebook = nbformat.read(one(executed_repository).solution, as_version=4)
    cells = convert.code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    lines, progress, last = cells[-3:]
    assert [output.text for output in lines.outputs] == ["un\ndeux\n"]
    assert [output.text for output in progress.outputs] == ["2/2\n"]
    assert last.outputs[0].text == "01_debut\n"  # the folder of the lesson
    assert last.outputs[1].data == {"text/plain": "42"}
    assert notebook.metadata == convert.METADATA
    assert not any(set(cell.metadata) - {"tags"} for cell in notebook.cells)


def test_the_kernels_have_sockets_of_their_own_and_no_port():
    first, second = execute._kernel_manager(), execute._kernel_manager()
    assert first.transport == second.transport == "ipc" and first.ip != second.ip
    assert len(f"{first.ip}-5") < 104  # what a Unix socket may have of path on macOS


def test_two_executions_store_the_same_bytes(repository):
    before = one(repository).solution.read_bytes()
    one(repository).solution.unlink()
    assert run("execute", root=repository) == 0
    assert one(repository).solution.read_bytes() == before


def test_the_kernels_are_headless_and_share_the_cores(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.delenv("LABS_PROFILE", raising=False)
    for jobs, threads in ((1, "2"), (2, "1"), (4, "1")):
        environment = execute.kernel_environment(jobs)
        assert environment["LABS_HEADLESS"] == "1" and environment["LABS_PROFILE"] == "cours"
        assert {environment[name] for name in execute.THREADS} == {threads}
        assert "MPLBACKEND" not in environment
    monkeypatch.setenv("LABS_PROFILE", "rapide")
    assert execute.kernel_environment()["LABS_PROFILE"] == "rapide"


NOISE = """\
# %%
import os
import time

os.write(2, b"noise of a C library\\n")
time.sleep(0.5)  # the kernel reads this from a pipe, in a thread
"""


def test_a_lesson_that_fails_writes_nothing_and_the_others_go_on(write_lesson, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # where ipykernel sees it, it leaves file descriptor 2 alone
    write_lesson("# %%\nx = 1\n\n# %%\nx / 0\n", name="01_debut/01_zero")
    write_lesson(NOISE, name="01_debut/02_noise")
    write_lesson("# %%\nimport os\n\nos._exit(1)\n", name="01_debut/03_dead")
    write_lesson("# %%\nprint('bien')\n", name="01_debut/04_good")
    (tmp_path / "solutions/01_debut/01_zero.ipynb").write_text("previous")
    assert run("execute", root=tmp_path) == 1
    message = said(capsys)
    assert "01_debut/01_zero.py, cellule 2 « x / 0 »" in message and "ZeroDivisionError" in message
    assert "01_debut/02_noise.py, cellule 1" in message and "noise of a C library" in message
    assert "01_debut/03_dead.py, cellule 1" in message and "noyau" in message
    assert (tmp_path / "solutions/01_debut/01_zero.ipynb").read_text() == "previous"
    written = {path.name for path in (tmp_path / "solutions").rglob("*") if path.suffix != ".py" and path.is_file()}
    assert written == {"01_zero.ipynb", "04_good.ipynb"}


def test_only_the_lessons_whose_code_changed_are_stale(repository, capsys):
    assert run("execute", "--stale", root=repository) == 0
    assert NAME not in capsys.readouterr().out


def stored(*cell_outputs):
    """An executed notebook with one code cell for each list of outputs."""
    new = nbformat.v4.new_code_cell
    cells = [new(f"cell({n})", execution_count=n, outputs=list(o)) for n, o in enumerate(cell_outputs, start=1)]
    return nbformat.v4.new_notebook(cells=cells)


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def display(**data):
    return nbformat.v4.new_output("display_data", data={key.replace("_", "/", 1): value for key, value in data.items()})


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (stream("2024-01-01 oneDNN custom operations are on", "stderr"), "oneDNN custom operations"),
        (nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]), "erreur"),
        (
            nbformat.v4.new_output("display_data", data={outputs.WIDGET: {}, "text/plain": "Slider()"}),
            "widget",
        ),
        (display(text_plain="<keras.History at 0x7f12ab34cd>"), "0x7f12ab34cd"),
        (stream("/somewhere/course/data/x.png"), "/somewhere/course"),
        (display(image_png="A" * 1_600_000), "1,60"),
    ],
)
def test_an_output_that_no_notebook_may_store_is_refused_and_its_cell_named(output, reason):
    lesson = lessons.Lesson(pathlib.Path("/somewhere/course"), NAME)
    (fault,) = outputs.faults(stored([], [output]), lesson)
    assert reason in fault and f"solutions/{NAME}.py, cellule 2" in fault


def test_a_cell_that_was_not_executed_in_its_turn_is_refused():
    notebook = stored([], [])
    notebook.cells[0].execution_count = 3
    (fault,) = outputs.faults(notebook, one("/somewhere"))
    assert "de haut en bas" in fault


def test_outputs_in_canonical_form_are_left_alone():
    messages = [
        stream("1/2"),
        stream("\r2/2"),
        stream("\n"),
        display(text_plain="x"),
        stream("a\b"),
        stream("b"),
    ]
    once = outputs.canonical(copy.deepcopy(messages))
    assert [output.get("text") for output in once] == ["2/2\n", None, "b"]
    assert outputs.canonical(copy.deepcopy(once)) == once


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "notebook.ipynb"
    path.write_text("previous")

    def full_disk(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        convert.write(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["notebook.ipynb"]
    assert path.read_text() == "previous"


# --- Verification --------------------------------------------------------------------------------------


def test_a_repository_just_made_is_verified(repository, capsys):
    assert verify(repository, capsys) == (0, "")


def test_an_edited_trainee_notebook_is_refused(repository, capsys):
    spoil(one(repository).notebook, lambda notebook: notebook.cells.pop())
    status, message = verify(repository, capsys)
    assert status == 1
    assert f"notebooks/{NAME}.ipynb" in message and f"python -m labs.authoring build {NAME}" in message


def test_one_byte_changed_in_a_trainee_notebook_is_refused(repository, capsys):
    path = one(repository).notebook
    path.write_bytes(path.read_bytes() + b"\n")
    assert verify(repository, capsys)[0] == 1


def test_a_missing_notebook_is_named_with_the_command_that_makes_it(repository, capsys):
    one(repository).notebook.unlink()
    one(repository).solution.unlink()
    status, message = verify(repository, capsys)
    assert status == 1
    assert f"python -m labs.authoring build {NAME}" in message
    assert f"python -m labs.authoring execute {NAME}" in message


def test_a_source_whose_code_changed_asks_for_its_execution(repository, capsys):
    source = one(repository).source
    source.write_text(source.read_text(encoding="utf-8").replace("21 * 2", "21 * 3"), encoding="utf-8")
    before = one(repository).solution.read_bytes()
    assert run("build", root=repository) == 0
    assert f"python -m labs.authoring execute {NAME}" in capsys.readouterr().out
    assert one(repository).solution.read_bytes() == before
    status, message = verify(repository, capsys)
    assert status == 1 and f"python -m labs.authoring execute {NAME}" in message


def test_new_prose_reaches_the_executed_solution_without_execution(repository, capsys):
    source = one(repository).source
    source.write_text(source.read_text(encoding="utf-8").replace("minuscule", "petite"), encoding="utf-8")
    status, message = verify(repository, capsys)
    assert status == 1 and message.count(f"python -m labs.authoring build {NAME}") == 2
    assert run("build", root=repository) == 0
    assert verify(repository, capsys)[0] == 0
    assert "petite" in one(repository).solution.read_text(encoding="utf-8")


def edit_source(notebook):
    notebook.cells[0].source = "# Autre titre"


def edit_tags(notebook):
    notebook.cells[-1].metadata.tags = []


def edit_id(notebook):
    notebook.cells[0].id = "autre"


def edit_metadata(notebook):
    notebook.metadata.authors = ["quelqu'un"]


def split_stream(notebook):
    cell = notebook.cells[-3]
    cell.outputs = [stream("un\n"), stream("deux\n")]


def forget_execution(notebook):
    notebook.cells[-1].execution_count = None


def add_noise(notebook):
    notebook.cells[-1].outputs.append(stream("noise", "stderr"))


@pytest.mark.parametrize(
    "change", [edit_source, edit_tags, edit_id, edit_metadata, split_stream, forget_execution, add_noise]
)
def test_a_falsified_executed_solution_is_refused(change, repository, capsys):
    spoil(one(repository).solution, change)
    status, message = verify(repository, capsys)
    assert status == 1 and NAME in message and "python -m labs.authoring" in message


def test_a_solution_that_is_not_a_notebook_is_refused(repository, capsys):
    one(repository).solution.write_text("{}")
    status, message = verify(repository, capsys)
    assert status == 1 and f"{NAME}.ipynb" in message


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_a_notebook_without_source_is_refused(folder, repository, capsys):
    path = repository / folder / "01_debut" / "09_sans_source.ipynb"
    shutil.copy(one(repository).notebook, path)
    status, message = verify(repository, capsys)
    assert status == 1 and f"{folder}/01_debut/09_sans_source.ipynb" in message


def test_the_copies_that_jupyter_saves_are_no_orphans(repository, capsys):
    checkpoints = repository / "notebooks/01_debut/.ipynb_checkpoints"
    checkpoints.mkdir()
    shutil.copy(one(repository).notebook, checkpoints / "01_double-checkpoint.ipynb")
    assert verify(repository, capsys)[0] == 0


@pytest.mark.parametrize("tag", build.MINIMUM)
def test_a_lesson_that_proves_too_little_is_refused(tag, repository, capsys):
    source = one(repository).source
    text = source.read_text(encoding="utf-8").replace(f'# %% tags=["{tag}"]', "# %%", 1)
    source.write_text(text, encoding="utf-8")
    run("build", root=repository)
    status, message = verify(repository, capsys)
    assert status == 1 and f"« {tag} »" in message


def test_the_notebooks_of_the_course_are_those_that_their_sources_give(capsys):
    assert verify(REPOSITORY, capsys) == (0, "")
