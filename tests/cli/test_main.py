"""The front door: what it says of the verbs."""

import shlex
from pathlib import Path

import pytest

from harness.cli.main import EXAMPLES, VERBS, main

REPOSITORY = Path(__file__).parents[2]


def test_what_the_examples_name_is_there(capsys):
    """
    Whoever copies a line out of the help has a verb and a file that exist.
    """
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = [shlex.split(line) for line in EXAMPLES.splitlines() if line.startswith("  harness ")]

    assert EXAMPLES in capsys.readouterr().out
    assert len(lines) >= 3
    for _, verb, *words in lines:
        assert verb == "VERB" or verb in VERBS
        assert [word for word in words if "/" in word and not (REPOSITORY / word).exists()] == []
