"""
``harness demo`` plays on a stack of its own.
"""

import signal

import pytest

from harness.cli import demo
from harness.cli.exit_codes import ExitCode
from harness.stack.run_target import TargetUnfit


def test_it_never_uses_the_running_stack(monkeypatch):
    """
    The batches of others would count in its alarms and its report.
    """
    asked = []

    def play(scenario, **options):
        asked.append(options["own_stack"])
        raise TargetUnfit("nothing is played in this test")

    monkeypatch.setattr("harness.api.play.play", play)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    with pytest.raises(demo.typer.Exit) as left:
        demo.demo()

    assert (left.value.exit_code, asked) == (ExitCode.USAGE, [True])
