"""
The required alarms over recorded runs: each fires in one run at the exact minute, and not in another.
"""

from pathlib import Path

import pytest

from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.verdict import Outcome
from harness.lab.results.run import Run

RUNS = Path(__file__).parents[3] / "fixtures" / "runs"


@pytest.mark.parametrize(
    ("run", "alarm", "fired_at"),
    [
        ("slow", "media-processing-duration-p95", "2026-01-05T09:13:00+00:00"),
        ("slow_but_within", "media-processing-duration-p95", None),
        ("dead_letter", "media-processing-dead-letters", "2026-01-05T09:07:00+00:00"),
        ("busy_queue", "media-processing-dead-letters", None),
        ("drained_dead_letter", "media-processing-dead-letters-arrived", "2026-01-05T09:07:00+00:00"),
        ("failed_without_dead_letter", "media-processing-dead-letters-arrived", None),
        ("failing_function", "media-processing-thumbnails-errors", "2026-01-05T09:07:00+00:00"),
        ("failing_now_and_then", "media-processing-thumbnails-errors", None),
    ],
)
def test_the_required_alarms(run, alarm, fired_at):
    """
    The alarm fires at this time of the run's clock, and no other metric alarm fires.
    """
    verdict = evaluate_run(Run.load(RUNS / run), template_alarms())
    fired = {
        one.name: next(change.at for change in one.transitions if change.state == "ALARM")
        for one in verdict.alarms
        if one.fired_at_s is not None
    }

    assert fired == ({} if fired_at is None else {alarm: fired_at, "media-pipeline-unhealthy": fired_at})
    assert verdict.outcome is (Outcome.PASS if fired_at is None else Outcome.BREACH)
