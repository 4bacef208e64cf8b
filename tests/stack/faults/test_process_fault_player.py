"""
The process faults of a scenario in a run at a stack, with parts that only note what is done to them.
"""

import time

import pytest

from harness.lab.workload.scenario import Scenario
from harness.stack.faults.fault_exchange import FaultExchange, FaultsUnsettled, RunNote
from harness.stack.faults.process_fault_player import ProcessFaultPlayer
from harness.stack.stack_error import StackError


class NotingParts:
    """Parts that note what is done to them; *broken* is a part that does not start again."""

    def __init__(self, broken=""):
        self.done = []
        self._broken = broken

    def kill(self, part):
        self.done.append(f"kill {part}")

    def restart(self, part):
        if part == self._broken:
            raise StackError(f"{part} did not start")
        self.done.append(f"restart {part}")

    def pause(self, part):
        self.done.append(f"pause {part}")

    def resume(self, part):
        self.done.append(f"resume {part}")

    def skew(self, part, seconds):
        self.done.append(f"skew {part} {seconds:g}")

    def fill_disk(self, part):
        self.done.append(f"fill {part}")

    def free_disk(self, part):
        self.done.append(f"free {part}")


def scenario(*faults):
    return Scenario.model_validate(
        {
            "question": "What if?",
            "duration_s": 10,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 10}]}],
            "flows": [{"name": "photo_shoot"}],
            "faults": faults,
        }
    )


@pytest.fixture
def played(tmp_path):
    """Return a function that plays the faults of a run that ends at once, and returns what was done."""

    def play(*faults, broken="", lasts=0.0):
        parts, exchange = NotingParts(broken), FaultExchange(tmp_path / "faults.json")
        # 1000 model seconds a second: the faults of a scenario are over in milliseconds.
        player = ProcessFaultPlayer(
            scenario(*faults), 1000.0, parts, exchange, lambda part, _: parts.done.append(f"told {part}")
        )
        player.start()
        began_at = time.time()
        exchange.write_note(RunNote(began_at))
        deadline = time.monotonic() + 30
        while len(parts.done) < lasts and time.monotonic() < deadline:
            time.sleep(0.01)
        exchange.write_note(RunNote(began_at, ended=True))
        try:
            return parts.done, exchange.settled(began_at)
        finally:
            player.stop()

    return play


KILL = {"action": "harness:process:kill", "target": "worker", "at": 10}
PAUSE = {"action": "harness:process:pause", "target": "api", "at": 20, "for": 30}


def test_a_part_is_killed_and_started_again(played):
    """
    In the order of the scenario's times; the parts that need it are told of the run.
    """
    done, faults = played({**KILL, "restart": 100}, PAUSE, lasts=5)

    assert done == ["kill worker", "pause api", "resume api", "restart worker", "told worker"]
    assert [(each.index, each.target) for each in faults] == [(0, "worker"), (1, "api")]
    assert all(each.started_at <= each.finished_at <= each.ready_at for each in faults)


def test_a_clock_goes_wrong_and_a_disk_is_filled(played):
    """
    Until the end of the fault, or of the run: the next run finds the parts as they were.
    """
    skew = {"action": "harness:clock:skew", "target": "api", "by": "-1 h", "at": 10, "for": 20}
    done, faults = played(skew, {"action": "harness:disk:fill", "target": "s3", "at": 20}, lasts=3)

    assert done == ["skew api -3600", "fill s3", "skew api 0", "free s3"]
    assert [each.action for each in faults] == ["harness:clock:skew", "harness:disk:fill"]


def test_a_part_without_a_restart_starts_again_when_the_run_ends(played):
    """
    So that the run can be audited, and the stack be used again.
    """
    done, _ = played(KILL, lasts=1)

    assert done == ["kill worker", "restart worker", "told worker"]


def test_a_fault_after_the_end_of_the_run_is_not_played(played):
    """
    A run may end before its faults.
    """
    done, faults = played({**KILL, "at": "10 h"})

    assert (done, faults) == ([], [])


def test_a_part_that_does_not_start_again_is_reported(played):
    """
    The run ends with the reason instead of waiting for ever.
    """
    with pytest.raises(FaultsUnsettled, match="worker did not start"):
        played(KILL, broken="worker", lasts=1)
