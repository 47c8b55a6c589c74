"""What a newcomer meets first: make, the environment, the lock file, the README."""

import os
import pathlib
import re
import subprocess
import sys
import tomllib

import check_data
import ensure_cv2
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from labs import catalogue

REPOSITORY = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = (REPOSITORY / "environment.yml").read_text(encoding="utf-8")
CONDA_NAMES = {"opencv": "opencv-python"}  # the others have the same name on PyPI

LIBGL_MISSING = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"


# environment.yml


def test_environment_yml_has_the_packages_and_the_ranges_of_pyproject():
    conda = [Requirement(line) for line in conda_lines() if line != "pip"]
    python = next(requirement for requirement in conda if requirement.name == "python")
    listed = [requirement for requirement in conda if requirement.name != "python"] + pip_requirements()
    ours = sorted((CONDA_NAMES.get(package.name, package.name), str(package.specifier)) for package in listed)
    theirs = sorted((package.name, str(package.specifier)) for package in map(Requirement, PROJECT["dependencies"]))
    assert ours == theirs
    assert set(SpecifierSet(PROJECT["requires-python"])) <= set(python.specifier)


def test_each_line_of_environment_yml_says_what_it_is_for():
    lines = re.findall(r"^ *- (?!conda-forge|pip:)(.+)$", ENVIRONMENT, re.MULTILINE)
    assert len(lines) > 10
    assert [line for line in lines if not re.search(r" # \w", line)] == []


def conda_lines():
    return [line for line in yaml.safe_load(ENVIRONMENT)["dependencies"] if isinstance(line, str)]


def pip_requirements():
    lines = yaml.safe_load(ENVIRONMENT)["dependencies"][-1]["pip"]
    return [Requirement(line) for line in lines if line != "-e ."]


# requirements.lock


def test_the_lock_file_names_no_address():
    assert not re.search(r"://|\b(index|find-links|hash)\b|^-|@", LOCK, re.MULTILINE)


def test_the_lock_file_pins_each_dependency_within_its_range():
    pins = [Requirement(line) for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]
    versions = {}
    for pin in pins:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"not one exact version: {pin}"
        versions.setdefault(pin.name, []).append(str(pin.specifier)[2:])
    wanted = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
    for package in map(Requirement, wanted):
        assert all(package.specifier.contains(version) for version in versions[package.name]), package


# make


@pytest.fixture
def make(tmp_path):
    """Call the real Makefile in an environment whose interpreter is a stub: it notes each call, fails on request."""
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    calls = tmp_path / "calls"

    def call(*arguments, failing="nothing at all"):
        python = f'#!/bin/sh\necho "$*" >> "{calls}"\ncase "$*" in *"{failing}"*) exit 1;; esac\n'
        write_executable(binaries / "python", python)
        for stamp in ("bin/pip", ".lab", ".dev"):
            (tmp_path / "venv" / stamp).touch()
        result = run_make(f"VENV={tmp_path / 'venv'}", *arguments)
        return result, calls.read_text().splitlines()

    return call


def test_make_help_has_one_line_for_each_target():
    listed = re.findall(r"^make (\S+) +\S", run_make("help").stdout, re.MULTILINE)
    database = subprocess.run(["make", "-pq"], cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True)
    phony = re.search(r"^\.PHONY: (.*)$", database.stdout, re.MULTILINE)[1].split()
    assert sorted(listed) == sorted(phony)


def test_make_test_runs_every_stage_in_order(make):
    result, calls = make("test")
    assert result.returncode == 0
    words = [
        "ruff check",
        "ruff format",
        "pytest tests ",
        "authoring verify",
        "nbval-lax",
        "nbval-lax",
        "pytest tests/browser",
    ]
    assert len(calls) == len(words)
    assert all(word in call for word, call in zip(words, calls))
    assert [call.split()[-1] for call in calls[4:6]] == ["solutions", "notebooks"]


def test_make_test_stops_at_the_first_failing_stage_and_names_it(make):
    result, calls = make("test", failing="authoring verify")
    assert result.returncode != 0
    assert "authoring verify" in calls[-1]
    assert "L’étape «\u00a0verify\u00a0» a échoué" in result.stdout


def test_make_lab_honours_port_and_no_browser(make):
    _, calls = make("lab", "PORT=9123", "NO_BROWSER=1")
    assert "--ServerApp.port=9123" in calls[-1] and "--no-browser" in calls[-1]
    assert "00_bienvenue/00_poste_de_travail.ipynb" in calls[-1]
    _, calls = make("lab")
    assert "--ServerApp.port=8888" in calls[-1] and "--no-browser" not in calls[-1]


def test_make_lab_does_not_open_on_damaged_data(make):
    result, calls = make("lab", failing="check_data")
    assert result.returncode != 0
    assert not any("jupyterlab" in call for call in calls)


@pytest.mark.parametrize("version", ["3, 9, 6", "3, 14, 0"])
def test_make_lab_refuses_a_python_that_the_locked_versions_do_not_know(tmp_path, version):
    lie = f"import sys; sys.version_info = ({version})"
    write_executable(tmp_path / "python", f'#!/bin/sh\nexec "{sys.executable}" -c "{lie}\n$2"')
    result = run_make("lab", f"VENV={tmp_path / 'venv'}", f"PYTHON={tmp_path / 'python'}")
    assert result.returncode != 0
    assert "Le cours demande Python 3.11, 3.12 ou 3.13" in result.stdout
    assert not (tmp_path / "venv").exists()


def run_make(*arguments):
    command = ["make", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True)


def clean_environment():
    """The environment without what the `make` that runs these tests left in it."""
    ours = ("MAKE", "MFLAGS", "PORT", "NO_BROWSER", "LAB_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def write_executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


# What make calls


def test_cv2_without_libgl_gets_the_headless_wheel_of_the_same_version(tmp_path, capsys):
    python, calls = stub_python(tmp_path, cured_by="opencv-python-headless==4.14.0.94")
    assert ensure_cv2.main(python, lock_file(tmp_path)) == 0
    commands = [call.split("pip ")[-1] for call in calls.read_text().splitlines() if "pip" in call]
    assert commands[0].endswith("opencv-python opencv-python-headless") and "uninstall" in commands[0]
    assert commands[1].endswith("opencv-python-headless==4.14.0.94") and "install" in commands[1]
    assert "libGL.so.1 manque" in capsys.readouterr().out


def test_cv2_that_imports_is_left_alone(tmp_path):
    python, calls = stub_python(tmp_path, cured_by="import")
    assert ensure_cv2.main(python, lock_file(tmp_path)) == 0
    assert "pip" not in calls.read_text()


def test_cv2_that_stays_broken_is_an_error(tmp_path, capsys):
    python, _ = stub_python(tmp_path, cured_by="nothing at all")
    assert ensure_cv2.main(python, lock_file(tmp_path)) == 1
    assert LIBGL_MISSING in capsys.readouterr().out


def test_check_data_names_every_damaged_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    sums = "\n".join(f"{letter * 64}  {name}.bin" for letter, name in [("a", "missing"), ("b", "damaged")])
    (tmp_path / "SHA256SUMS").write_text(sums + "\n")
    (tmp_path / "damaged.bin").write_bytes(b"not what it was")
    assert check_data.main() == 1
    printed = capsys.readouterr().out
    assert "missing.bin" in printed and "damaged.bin" in printed


def stub_python(folder, cured_by):
    """An interpreter that cannot import cv2 until a command has the word `cured_by`; and the list of its calls."""
    calls = folder / "calls"
    python = f"""#!/bin/sh
echo "$*" >> "{calls}"
grep -q -- "{cured_by}" "{calls}" && exit 0
case "$*" in *"import cv2"*) echo "{LIBGL_MISSING}" >&2; exit 1;; esac
"""
    write_executable(folder / "python", python)
    return str(folder / "python"), calls


def lock_file(folder):
    path = folder / "requirements.lock"
    path.write_text("numpy==2.4.6\nopencv-python==4.14.0.94\n    # via labs\n")
    return path


# README.md


def test_each_relative_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    broken = [link for link in links if "://" not in link and not (REPOSITORY / link).exists()]
    assert len(links) > 10
    assert broken == []


def test_the_table_of_the_readme_has_exactly_the_lessons_of_solutions():
    lessons = sorted(path.relative_to(REPOSITORY / "solutions") for path in (REPOSITORY / "solutions").glob("*/*.py"))
    row = r"^\|.*\[notebook\]\(notebooks/(.+)\.ipynb\).*\[solution\]\(solutions/(.+)\.ipynb\)"
    rows = re.findall(row, README, re.MULTILINE)
    assert [notebook for notebook, _ in rows] == [solution for _, solution in rows]
    assert [notebook for notebook, _ in rows] == [lesson.with_suffix("").as_posix() for lesson in lessons]
