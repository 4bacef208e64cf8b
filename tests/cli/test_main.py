"""The command ``harness``: its help text."""

import shlex
from pathlib import Path

import pytest

from harness.cli.main import EXAMPLES, VERBS, main

REPOSITORY = Path(__file__).parents[2]


def test_the_examples_of_the_help_can_be_run(capsys):
    """
    The verbs and the files of the examples exist.
    """
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = [shlex.split(line) for line in EXAMPLES.splitlines() if line.startswith("  harness ")]

    assert EXAMPLES in capsys.readouterr().out
    assert len(lines) >= 3
    for _, verb, *words in lines:
        assert verb == "VERB" or verb in VERBS
        assert [word for word in words if "/" in word and not (REPOSITORY / word).exists()] == []


def test_the_example_of_load_is_long_enough_for_its_objectives(tmp_path, capsys):
    """
    Simulated with the same words, it passes.
    """
    words = shlex.split(next(line for line in EXAMPLES.splitlines() if line.startswith("  harness load ")))
    scenario, *options = words[2:]

    with pytest.raises(SystemExit) as left:
        main(["sim", str(REPOSITORY / scenario), *options, "--out", str(tmp_path / "run")])

    assert left.value.code == 0, capsys.readouterr().err
