"""
The verb ``harness runs``.
"""

import json
import shutil
from pathlib import Path

import pytest

from harness.cli.main import main

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"


@pytest.fixture
def runs(capsys):
    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["runs", *map(str, words)])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def test_one_line_for_each_run_and_the_damaged_ones_named(runs, tmp_path):
    """
    With scenario, engine, verdict and p95 of the time to READY; a damaged folder is not fatal.
    """
    for name in ("morning_live", "slow"):
        shutil.copytree(RUNS / name, tmp_path / name)
    (tmp_path / "morning_live" / "verdict.json").write_text('{"outcome": "pass"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")

    code, out, err = runs(tmp_path, "--json")
    found = {one["id"]: one for one in json.loads(out)}

    assert code == 0
    assert set(found) == {"morning_live", "slow"}
    assert found["morning_live"]["verdict"] == "pass"
    assert found["slow"]["verdict"] == "not evaluated"
    assert found["slow"]["ready_p95_s"] is None
    assert found["morning_live"]["ready_p95_s"] > 0
    first, problem, *_ = err.splitlines()
    assert first == f"reading the runs in {tmp_path}"
    assert problem.startswith(f"harness runs: {tmp_path}/broken/run.json cannot be read")


def test_a_table_for_people(runs, tmp_path):
    """
    The oldest run comes first.
    """
    shutil.copytree(RUNS / "slow", tmp_path / "slow")

    code, out, _ = runs(tmp_path)

    assert code == 0
    assert "slow" in out
    assert "p95" in out


@pytest.mark.parametrize(("width", "has_target"), [(60, False), (140, True)])
def test_the_id_is_never_cut(runs, tmp_path, monkeypatch, width, has_target):
    """
    It is the argument of the other verbs; a wide terminal shows where the run was played, too.
    """
    name = "20260102T101500Z-a_busy_saturday-live"
    shutil.copytree(RUNS / "smoke_live", tmp_path / name)
    monkeypatch.setenv("COLUMNS", str(width))

    _, out, _ = runs(tmp_path)

    assert name in out
    assert ("target" in out) is has_target


def test_a_name_is_no_markup(runs, tmp_path):
    """
    Brackets are part of it.
    """
    shutil.copytree(RUNS / "slow", tmp_path / "q[/z]" / "slow[prod]")
    code, out, _ = runs(tmp_path / "q[/z]")

    assert code == 0
    assert "slow[prod]" in out


def test_no_such_folder(runs, tmp_path):
    """
    One sentence and 2.
    """
    code, _, err = runs(tmp_path / "nowhere")

    assert code == 2
    assert "there is no folder" in err
