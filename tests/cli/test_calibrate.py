"""
``harness calibrate``: output, files and exit codes.
"""

import json

import pytest

from harness.cli.main import main

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
