"""scripts/compare_gans.py: what it writes, and that every remedy has as many rows."""

import csv

import compare_gans
import pytest

from labs import catalogue, datasets, gans


def test_the_script_writes_and_records_a_row_for_each_remedy_and_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(gans, "REMEDIES", {name: gans.REMEDIES[name] for name in ("none", "r1")})
    monkeypatch.setattr(compare_gans, "WIDTH", 2)
    for name in compare_gans.ONE_THREAD:
        monkeypatch.setenv(name, "1")  # so that what the script sets is forgotten afterwards
    assert compare_gans.main(["--seconds", "0.01", "--seeds", "2", "--out", str(tmp_path)]) == 0
    with (tmp_path / compare_gans.FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["remedy"], row["seed"]) for row in rows] == [("none", "0"), ("none", "1"), ("r1", "0"), ("r1", "1")]
    assert all(int(row["steps"]) > 0 and float(row["frechet"]) > 0 and row["diverged"] == "" for row in rows)
    assert set(catalogue.read_sums(tmp_path / catalogue.SUMS)) == {compare_gans.FILE}


def test_a_training_that_diverges_keeps_its_steps_and_says_why():
    class Broken:
        class optimizer:
            iterations = 7

    def play(count):
        raise gans.Diverged("pas 8")

    row = compare_gans.train(Broken, play, seconds=1.0)
    assert (row["steps"], row["diverged"]) == (7, "pas 8")


def test_the_measures_that_the_course_carries_cover_every_remedy_with_three_seeds():
    rows = datasets.results("gan_regularisation")
    assert sorted((row["remedy"], row["seed"]) for row in rows) == sorted(
        (remedy, str(seed)) for remedy in gans.REMEDIES for seed in range(3)
    )
    seconds = [float(row["seconds"]) for row in rows if not row["diverged"]]
    assert max(seconds) < 1.1 * min(seconds)  # equal time


def test_measures_that_do_not_exist_are_an_error_that_names_the_file():
    with pytest.raises(catalogue.DataError, match="results/autre.csv"):
        datasets.results("autre")
