"""
A schedule of the rehearsal in the words of a scenario, for the live stack.
"""

import pytest

from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.playable import must_play
from harness.service.rehearsal.fault_decisions import FaultDecision, Strike
from harness.stack.rehearsed.replayed_schedule import replayed


def played(task, call, strike, seconds=0.0):
    """Return the faults of a schedule in which one decision is taken, without the time of the fault."""
    found = replayed(3, [FaultDecision(task, call, 1, strike, seconds)])
    dumped = [fault.model_dump(exclude={"at", "rate"}, exclude_none=True) for fault in found.scenario.faults]
    return dumped, found.left_out


@pytest.mark.parametrize(
    ("task", "call", "strike", "seconds", "fault"),
    [
        (
            "worker outbox",
            "queue send",
            Strike.CRASH_BEFORE,
            5.0,
            {"action": "harness:process:kill", "target": "worker", "restart": 5.0},
        ),
        (
            "client 1",
            "database get_listing",
            Strike.OUTAGE,
            10.0,
            {"action": "harness:process:kill", "target": "database", "restart": 10.0},
        ),
        (
            "worker outbox",
            "queue send",
            Strike.UNAVAILABLE,
            0.0,
            {
                "action": "aws:fis:inject-api-unavailable-error",
                "service": "sqs",
                "operations": ("SendMessage",),
                "for": 5.0,
            },
        ),
        (
            "worker outbox",
            "queue send",
            Strike.SKEW,
            -3600.0,
            {"action": "harness:clock:skew", "target": "worker", "by": -3600.0},
        ),
        (
            "job 1 FinalizeAndCallback",
            "callback request",
            Strike.EMPTY,
            0.0,
            {"action": "harness:callback:empty", "for": 5.0},
        ),
    ],
)
def test_a_fault_gets_the_words_of_a_scenario(task, call, strike, seconds, fault):
    """
    A crash is a kill, an outage a kill of the part, a failed call a window in which such calls fail.
    """
    assert played(task, call, strike, seconds) == ([fault], ())


def test_what_a_scenario_has_no_words_for_is_named():
    """
    Messages that the queue delivers in another order, for example.
    """
    faults, left_out = played("worker dispatcher-1", "queue receive", Strike.REORDER)

    assert faults == []
    assert len(left_out) == 1
    assert left_out[0].endswith("worker dispatcher-1, queue receive (time 1): reorder")


def test_schedules_of_any_seed_are_playable_live():
    """
    Faults, times and clients make a valid scenario.
    """
    for seed in range(8):
        must_play(replayed(seed).scenario, FaultWorld.LIVE)
