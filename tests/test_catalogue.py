import hashlib
import re
import shutil
import subprocess

import pytest

from labs import catalogue

NAME = "mnist/test_0.webp"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of a few files of data/ that a test may damage."""
    for name in (NAME, "mnist/labels_test.npy", "SHA256SUMS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(catalogue.DATA / name, tmp_path / name)
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    return tmp_path


def expected_sha256(name):
    sums = (catalogue.DATA / "SHA256SUMS").read_text()
    return re.search(rf"^(\w{{64}})  {re.escape(name)}$", sums, re.M)[1]


def test_an_intact_file_is_found_in_the_data_folder(data):
    assert catalogue.verified(NAME) == data / NAME


def test_a_flipped_byte_is_an_error_with_both_sums_and_the_command_that_restores(data):
    content = bytearray((data / NAME).read_bytes())
    content[len(content) // 2] ^= 1
    (data / NAME).write_bytes(content)
    with pytest.raises(catalogue.DataError) as caught:
        catalogue.verified(NAME)
    message = str(caught.value)
    got = hashlib.sha256(content).hexdigest()
    for part in (NAME, "est abîmé", expected_sha256(NAME), got, f"git restore data/{NAME}", "make data"):
        assert part in message


@pytest.mark.parametrize("size", [0, 1000])
def test_a_truncated_file_is_an_error_that_says_how_many_bytes_were_read(data, size):
    (data / NAME).write_bytes((data / NAME).read_bytes()[:size])
    with pytest.raises(catalogue.DataError, match=rf"{NAME} est abîmé \({size} octets lus\)"):
        catalogue.verified(NAME)


def test_a_missing_file_is_an_error_with_the_expected_sum_and_the_command_that_restores(data):
    (data / NAME).unlink()
    with pytest.raises(catalogue.DataError) as caught:
        catalogue.verified(NAME)
    for part in (f"data/{NAME} est absent", expected_sha256(NAME), f"git restore data/{NAME}", "make data"):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["mnist/test_9.webp", "README.md", "", "../pyproject.toml", "SHA256SUMS"])
def test_a_name_that_the_sums_do_not_list_is_an_error_that_repeats_it(data, name):
    with pytest.raises(catalogue.DataError, match=r"SHA256SUMS ne connaît pas") as caught:
        catalogue.verified(name)
    assert f"«\u00a0{name}\u00a0»" in str(caught.value)


def test_missing_sums_are_an_error_with_the_command_that_restores_them(data):
    (data / "SHA256SUMS").unlink()
    with pytest.raises(catalogue.DataError, match="git restore data/SHA256SUMS"):
        catalogue.verified(NAME)


@pytest.mark.parametrize("damage", [lambda line: line[:5], lambda line: b"\xff\x00" + line[1:], lambda line: b""])
def test_damaged_sums_are_an_error_and_never_a_file_taken_for_intact(data, damage):
    sums = (data / "SHA256SUMS").read_bytes()
    line = next(line for line in sums.splitlines() if line.endswith(NAME.encode()))
    (data / "SHA256SUMS").write_bytes(damage(line))
    with pytest.raises(catalogue.DataError):
        catalogue.verified(NAME)


def test_without_a_data_folder_the_error_says_how_to_install_the_clone(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "DATA", tmp_path / "data")
    with pytest.raises(catalogue.DataError) as caught:
        catalogue.verified(NAME)
    for part in (str(tmp_path / "data"), "make lab", "pip install -e ."):
        assert part in str(caught.value)


def test_the_sums_are_sorted_and_list_every_data_file():
    lines = (catalogue.DATA / "SHA256SUMS").read_text().splitlines()
    names = [line[66:] for line in lines]
    files = {path.relative_to(catalogue.DATA).as_posix() for path in catalogue.DATA.rglob("*") if path.is_file()}
    assert names == sorted(files - {"README.md", "SHA256SUMS"})


def test_sha256sum_itself_agrees_with_every_sum():
    if not shutil.which("sha256sum"):
        pytest.skip("sha256sum est absent de cette machine")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=catalogue.DATA, check=True)


def test_the_table_of_the_readme_gives_the_sums_and_sizes_of_the_files():
    readme = (catalogue.DATA / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+)` \| (\d+) \| `(\w{64})` \|$", readme, re.M)
    sums = (catalogue.DATA / "SHA256SUMS").read_text().splitlines()
    assert [f"{sha256}  {name}" for name, _, sha256 in rows] == sums
    assert all((catalogue.DATA / name).stat().st_size == int(size) for name, size, _ in rows)


def test_the_data_folder_stays_under_120_megabytes():
    assert sum(path.stat().st_size for path in catalogue.DATA.rglob("*") if path.is_file()) < 120e6
