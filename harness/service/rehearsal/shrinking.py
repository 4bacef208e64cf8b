"""
The fewest faults that break a rule.

Source:
    Zeller and Hildebrandt 2002, "Simplifying and isolating failure-inducing input" (ddmin).
"""

from collections.abc import Callable, Sequence

from harness.service.rehearsal.fault_decisions import FaultDecision
from harness.service.rehearsal.played_schedule import PlayedSchedule, play_schedule
from harness.service.rehearsal.virtual_time import Runners


def shrunk(failing: PlayedSchedule, runners: Runners) -> PlayedSchedule:
    """Return a schedule of the same seed that breaks one of the same rules with the fewest faults."""
    smallest = failing

    def fails(decisions: Sequence[FaultDecision]) -> bool:
        nonlocal smallest
        played = play_schedule(failing.seed, runners, decisions)
        if not played.rules & failing.rules:
            return False
        smallest = played
        return True

    if fails(()):
        return smallest
    minimized(failing.decisions, fails)
    return smallest


def minimized(
    decisions: Sequence[FaultDecision], fails: Callable[[Sequence[FaultDecision]], bool]
) -> Sequence[FaultDecision]:
    """Return a part of *decisions* that fails, and fails no more without any one of them."""
    parts = 2
    while len(decisions) >= 2:
        size = -(-len(decisions) // parts)
        chunks = [decisions[start : start + size] for start in range(0, len(decisions), size)]
        for index in range(len(chunks)):
            rest = [one for other, chunk in enumerate(chunks) if other != index for one in chunk]
            if fails(rest):
                decisions, parts = rest, max(parts - 1, 2)
                break
        else:
            if parts >= len(decisions):
                break
            parts = min(2 * parts, len(decisions))
    return decisions
