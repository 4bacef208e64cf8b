"""
A Lambda function that two states use, from hand-written histories.
"""

import tomllib
from datetime import date

import numpy as np
import pytest

from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.machine_files import MachineFiles
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from tests.lab.calibration.histories.history_script import HistoryScript

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:parse"
THROTTLED = "Lambda.TooManyRequestsException"
INVOKE = {"resourceType": "lambda", "resource": "invoke"}


def definition(**parameters):
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
    states = {"First": task | {"Next": "Second"}, "Second": task | {"End": True}}
    return {"StartAt": "First", "States": states}


def two_states(count=60, keep_alive=600.0, **scheduled):
    """
    Executions whose second state finds the environment that the first one has left warm.

    They come so rarely that every second one finds no environment: its first state takes ten times as long.
    """
    draws, scripts, at, warm_until = np.random.default_rng(20261201), [], 0.0, -1.0
    for number in range(count):
        at += 60 if number % 4 else 1000
        first = draws.lognormal(0 if at > warm_until else -2.3, 0.1)
        second = draws.lognormal(-2.3, 0.1)
        script = HistoryScript(at).enter(at, "First", **scheduled).leave(at + first, name="First")
        script.enter(at + first, "Second", **scheduled).leave(at + first + second, name="Second")
        warm_until = at + first + second + keep_alive
        scripts.append(script.end(at + first + second))
    return scripts


def measured(*scripts, named=None):
    return ObservedMachine.of(HistoryFolder([script.recorded() for script in scripts], named))


class TestObservedFunction:
    def test_its_limit_counts_the_invocations_of_both_states(self):
        """
        Two of one state and one of another ran while a fourth was throttled.
        """
        ran = [HistoryScript().enter(0, name, resource=FUNCTION) for name in ("First", "First", "Second")]
        throttled = (
            HistoryScript().enter(1, "Second", resource=FUNCTION).add(2, "TaskFailed", error=THROTTLED)
        )
        (function,) = measured(*ran, throttled.end(2, "Failed")).functions

        assert (function.name, function.concurrency) == ("parse", 3)
        assert function.states == ["First", "Second"]

    def test_its_environments_are_kept_by_both_states(self):
        """
        The second state is never cold, and the first one is after an idle time that both have ended.
        """
        machine = measured(*two_states(resource=FUNCTION))
        (function,) = machine.functions

        assert function.cold.share == pytest.approx(0.25)
        assert 60 < function.cold.keep_alive < 1000
        assert machine.stations[0].cold.keep_alive == function.cold.keep_alive
        assert machine.stations[1].cold is None

    @pytest.mark.parametrize("parameters", [{"FunctionName": FUNCTION}, {"FunctionName": "parse:live"}])
    def test_the_definition_names_it_in_histories_without_data(self, parameters, tmp_path):
        """
        Their events say no more than that a function was invoked.
        """
        machine = measured(*two_states(**INVOKE, parameters=None), named=definition(**parameters))
        MachineFiles(tmp_path / "x.toml", date(2026, 12, 1)).write(machine)
        written = tomllib.loads((tmp_path / "x.toml").read_text())

        assert machine.stations[0].resource == "parse"
        assert list(written["platform"]["lambda"]["function_cold_s"]) == ["parse"]

    @pytest.mark.parametrize("named", [None, definition(**{"FunctionName.$": "$.function"})])
    def test_a_function_that_nobody_names_has_no_settings(self, named, tmp_path):
        """
        The simulator would refuse them; its cold starts are part of the service time.
        """
        machine = measured(*two_states(**INVOKE, parameters=None), named=named)
        MachineFiles(tmp_path / "x.toml", date(2026, 12, 1)).write(machine)
        written = tomllib.loads((tmp_path / "x.toml").read_text())

        assert "lambda" not in written["platform"]
        assert max(written["model"]["First"]["fixed_s"]["values"]) > 0.5
        assert any(
            "First: its slow invocations are part of its service time" in each for each in machine.remarks
        )
