"""
How many ended executions the local Step Functions keeps.
"""

import json
import zlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from moto.stepfunctions.models import ExecutionAlreadyExists

from harness.stack.aws.moto_patches import executions
from harness.stack.aws.moto_patches.executions import Executions


def execution(number: int) -> SimpleNamespace:
    """Return an execution that has ended, as `pack` leaves it."""
    return SimpleNamespace(
        name=f"batch-{number}",
        execution_arn=f"arn:{number}",
        status="SUCCEEDED",
        start_date=datetime.fromtimestamp(number, UTC),
        slim_history=zlib.compress(json.dumps([{"id": number}]).encode()),
    )


@pytest.fixture
def machine(monkeypatch):
    """A state machine that keeps three ended executions, of which five have ended and one runs."""
    monkeypatch.setattr(executions, "KEPT_ENDED", 3)
    machine = SimpleNamespace(executions=Executions())
    for number in range(6):
        machine.executions.append(execution(number))
    for ended in list(machine.executions)[:5]:
        machine.executions.ended(ended)
    backends = {"account": {"region": SimpleNamespace(state_machines=[machine])}}
    monkeypatch.setattr(executions.parser_models, "stepfunctions_parser_backends", backends)
    return machine


class TestExecutions:
    def test_the_last_ended_ones_and_those_that_run_stay_complete(self, machine):
        """
        The two that ended first are summaries.
        """
        kept = machine.executions

        assert [one.name for one in kept] == ["batch-2", "batch-3", "batch-4", "batch-5"]
        assert set(kept.by_name) == {"batch-2", "batch-3", "batch-4", "batch-5"}
        assert set(kept.by_arn) == {"arn:2", "arn:3", "arn:4", "arn:5"}
        assert set(kept.retired) == {"batch-0", "batch-1"}

    def test_the_tools_of_the_stack_find_all(self, machine):
        """
        A run of any length gets the steps of all its batches.
        """
        found = executions.executions_since(1.0)

        assert [(one["name"], one["events"]) for one in found] == [
            (f"batch-{number}", [{"id": number}]) for number in range(1, 6)
        ]

    def test_the_oldest_summaries_are_forgotten(self, machine, monkeypatch):
        """
        A stack that runs for days does not grow; the name of a forgotten execution is free.
        """
        monkeypatch.setattr(executions, "KEPT_RETIRED", 2)
        for number in range(6, 9):
            machine.executions.append(execution(number))
            machine.executions.ended(machine.executions.by_name[f"batch-{number}"])

        assert list(machine.executions.retired) == ["batch-3", "batch-4"]
        assert executions._find_same_start(machine, "batch-0", "{}") is None

    def test_the_name_of_a_retired_execution_stays_taken(self, machine):
        """
        A message that is delivered again much later does not start a second execution.
        """
        with pytest.raises(ExecutionAlreadyExists, match="arn:1"):
            executions._find_same_start(machine, "batch-1", "{}")
