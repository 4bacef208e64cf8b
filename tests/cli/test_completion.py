"""
Completion in the shell.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.completion import runs, scenarios

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"


def test_scenarios_and_paths(tmp_path, monkeypatch):
    """
    Names of scenarios, files and folders.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stage.toml").write_text("")

    assert scenarios("st") == ["steady", "stage.toml"]


def test_runs_of_the_folder_runs(tmp_path, monkeypatch):
    """
    A folder without run.json is none.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RUNS / "slow", tmp_path / "runs" / "slow")
    (tmp_path / "runs" / "other").mkdir()

    assert runs("") == runs("runs/") == ["runs/slow"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("harness ru", "runs"), ("harness sim ste", "steady"), ("harness sim x --se", "--seed")],
)
def test_the_shell_is_answered(words, expected):
    """
    As bash asks: by environment variables.
    """
    asked = {
        "_HARNESS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    answer = subprocess.run(
        [sys.executable, "-m", "harness.cli.main"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert expected in answer.stdout.split()
