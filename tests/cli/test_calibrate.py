"""
``harness calibrate``: output, files and exit codes.
"""

import json

import pytest

from harness.cli.main import main
from tests.lab.calibration.histories.planted_machine import PlantedMachine

ACCOUNT = "arn:aws:states:eu-west-1:123456789012"
RUN = "fixtures/runs/morning_simulated"

pytestmark = pytest.mark.slow


def exit_code(*words: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as exited:
        main([str(word) for word in words])
    return int(exited.value.code or 0)


def test_a_run_is_measured_and_simulated(tmp_path, capsys):
    """
    The file and its figure are written; a scenario with larger files is played with a warning.
    """
    out = tmp_path / "morning.toml"

    assert exit_code("calibrate", RUN, "-o", out, "--json") == 0

    steps = [row["step"] for row in json.loads(capsys.readouterr().out)]
    assert steps == ["validate", "thumbnails", "zip", "callback", "transcode"]
    assert {path.name for path in tmp_path.iterdir()} == {"morning.toml", "morning.png", "morning.csv"}

    words = ("sim", "steady", "--duration", 60, "--calibration", out, "--out", tmp_path / "run")
    assert exit_code(*words, "--set", 'flows=[{name="photo_shoot",photos=55,videos=1}]') in (0, 4)
    assert "warning: the calibration is extrapolated: " in capsys.readouterr().err
    assert (
        "extrapolated" in json.loads((tmp_path / "run" / "run.json").read_text())["scenario"]["calibration"]
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nowhere", "-o", "x.toml"), "is not a run folder"),
        (("-o", "x.toml"), "name either run folders, or --executions ARN|FOLDER"),
        ((RUN, "-o", "x.toml", "--executions", "y"), "name either run folders, or --executions ARN|FOLDER"),
        ((RUN, "-o", "x.toml", "--process-log", "y.csv"), "--histories and --process-log belong to"),
        (("--executions", "nowhere", "-o", "x.toml"), "nowhere is no folder of histories"),
        (
            ("--executions", f"{ACCOUNT}:execution:Orders:e1", "-o", "x.toml"),
            "e1 is no ARN of a state machine",
        ),
        (("--executions", "arn:aws:states", "-o", "x.toml"), "arn:aws:states is no ARN of a state machine"),
        (("--executions", "x", "-o", "x.toml", "--process-log", "y.xes"), "must end in .csv or .parquet"),
        ((RUN, "-o", "x.csv"), "x.csv must be a TOML file: its name must end in .toml"),
        ((RUN, "-o", "no/where.toml"), "there is no folder no"),
        (("fixtures/runs/slow", "-o", "{tmp}/x.toml"), "no step has 20 successful attempts"),
    ],
)
def test_mistakes_are_one_sentence(words, reason, tmp_path, capsys):
    """
    Exit code 2, and nothing is written.
    """
    words = [word.replace("{tmp}", str(tmp_path)) for word in words]

    assert exit_code("calibrate", *words) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("harness calibrate: ")
    assert reason in last
    assert list(tmp_path.iterdir()) == []


def test_histories_are_measured(tmp_path, capsys):
    """
    A calibration, a scenario and the definition; the next command is said, and a bad history.
    """
    PlantedMachine().write(tmp_path / "h", 60, seed=1)
    (tmp_path / "h" / "bad.json").write_text("{")
    out, log = tmp_path / "orders.toml", tmp_path / "log.csv"

    assert exit_code("calibrate", "--executions", tmp_path / "h", "-o", out, "--process-log", log) == 0

    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()[1:3]] == [["Parse", "62"], ["Store", "60"]]
    assert "warning: bad.json is not JSON" in printed.err
    assert f"harness sim {tmp_path}/orders.scenario.toml --calibration {out} --state-machine " in printed.err
    assert log.is_file()


def test_an_account_that_is_not_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    """
    Exit code 5, as for every target that does not answer.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:Orders"

    assert exit_code("calibrate", "--executions", arn, "-o", tmp_path / "x.toml") == 5
    assert "Step Functions cannot be asked: Could not connect" in capsys.readouterr().err
