"""The command ``harness``: its help text."""

import json
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
        main(["sim", scenario, *options, "--out", str(tmp_path / "run")])

    assert left.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["laod"], "did you mean load?"),
        (["load", "smoke", "--durration", "3"], "--duration"),
        (["sim", "stedy"], "did you mean steady?"),
        (["sim", "smoke", "--set", "mediaconvert.slot=3"], "did you mean mediaconvert.slots?"),
        (["sim", "smoke", "--set", "mediacnvert.slots=3"], "did you mean mediaconvert.slots?"),
        (["sim", "smoke", "--set", "durations_s=3"], "did you mean duration_s?"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_one_that_is_close(words, hint, capsys):
    """
    Verbs, options, scenarios and settings; the exit code is 2.
    """
    with pytest.raises(SystemExit) as left:
        main(words)

    assert left.value.code == 2
    assert hint in capsys.readouterr().err


def test_validate_answers_a_machine_in_json(capsys):
    """
    Both lengths are there: model time and clock time.
    """
    with pytest.raises(SystemExit) as left:
        main(["load", "steady", "--validate", "--json", "--duration", "10m"])
    facts = json.loads(capsys.readouterr().out)

    assert left.value.code == 0
    assert (facts["duration_s"], facts["clock_duration_s"]) == (600.0, 60.0)


def test_ctrl_c_in_any_verb_is_said(monkeypatch, capsys):
    """
    Also where a verb does not handle it itself: exit 4, as for a run that was interrupted.
    """

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.lab.results.run.read_header", interrupted)
    with pytest.raises(SystemExit) as left:
        main(["check", "run"])

    assert left.value.code == 4
    assert capsys.readouterr().err.splitlines()[-1] == "harness check: interrupted"
