"""
Findings that CloudWatch alarms cannot show.
"""

import pandas as pd
import pytest

from harness.lab.gate.run_findings import failure_streaks, unfinished, warnings_of
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from tests.lab.conftest import batch, step


def streaks(*rows: StepRow, time_scale: float = 1.0) -> list[tuple[str, int, int]]:
    found = failure_streaks(pd.DataFrame(rows), time_scale)
    return [(one.state, one.longest_by_invocation, one.longest_by_period) for one in found]


@pytest.mark.parametrize(("time_scale", "minutes"), [(1.0, 1), (2.0, 2), (30.0, 1)])
def test_consecutive_minutes_are_model_minutes(time_scale, minutes):
    """
    Failures at 25 and 35 s are in one minute; at time scale 2 in consecutive minutes, at 30 they are not.
    """
    rows = [step(25.0, "FAILED"), step(35.0, "FAILED")]

    assert streaks(*rows, time_scale=time_scale) == [("ValidateRawAssets", 2, minutes)]


def test_a_minute_ends_after_sixty_seconds():
    """
    119.9 s and 120 s are in two minutes, 60 s and 119.9 s in one.
    """
    assert streaks(step(119.9, "FAILED"), step(120.0, "FAILED"))[0][2] == 2
    assert streaks(step(60.0, "FAILED"), step(119.9, "FAILED"))[0][2] == 1


def test_the_worst_state_comes_first():
    """
    The order is that of the longest streak of invocations; a state that never failed is left out.
    """
    rows = [
        step(1.0, "FAILED", "A"),
        step(2.0, "FAILED", "B"),
        step(3.0, "FAILED", "B"),
        step(4.0, "SUCCEEDED", "C"),
    ]

    assert [state for state, _, _ in streaks(*rows)] == ["B", "A"]


def test_a_failure_that_never_started_belongs_to_no_minute():
    """
    A throttled function never starts; it counts as an invocation only.
    """
    refused = step(25.0, "FAILED")._replace(started_at=None)

    assert streaks(refused) == [("ValidateRawAssets", 1, 0)]


def left_of(*rows: BatchRow, time_scale: float = 1.0):
    return unfinished(pd.DataFrame(rows, columns=BatchRow._fields), 100.0, time_scale)


def test_unfinished_batches_count_with_their_wait():
    """
    In model seconds; p95 of twenty-five batches is the 24th, finished or not.
    """
    rows = [batch(0.0, float(seconds)) for seconds in range(1, 26)]
    waiting = [batch(10.0, None), batch(40.0, None)]

    done, left = left_of(*rows, time_scale=2.0), left_of(*rows, *waiting, time_scale=2.0)

    assert (done.batches, done.oldest_s, done.p95_with_them_s, done.p95_without_s) == (0, 0.0, 48.0, 48.0)
    assert (left.batches, left.oldest_s, left.p95_with_them_s, left.p95_without_s) == (2, 180.0, 120.0, 48.0)


def test_p95_is_the_nineteenth_of_twenty():
    """
    Unfinished batches count too; the slowest is above p95.
    """
    rows = [batch(0.0, float(seconds)) for seconds in range(1, 20)]

    left = left_of(*rows, batch(0.0, None))

    assert (left.p95_with_them_s, left.p95_without_s) == (19.0, 19.0)
    assert left_of(*rows, batch(0.0, 90.0)).p95_without_s == 19.0


def test_a_batch_without_the_censored_flag_is_finished():
    """
    A run can leave ``censored`` empty.
    """
    unsaid = batch(0.0, 5.0)._replace(censored=None)
    said = batch(0.0, 5.0)._replace(censored=True)

    assert left_of(unsaid).batches == 0
    assert left_of(said).batches == 1


def test_without_batches_there_is_no_percentile():
    """
    The age is 0.
    """
    left = left_of()

    assert (left.batches, left.oldest_s, left.p95_with_them_s, left.p95_without_s) == (0, 0.0, None, None)


@pytest.mark.parametrize(("created", "is_foreign"), [(3, False), (4, True)])
def test_batches_of_another_client_are_noticed(recorder, created, is_foreign):
    """
    The run sent two requests that may have created a batch, and the check before it one.
    """
    labels = '{"family":"SHOOT","status":"PENDING_UPLOAD"}'
    sent = RequestRow(0, 0, "POST", "uploads", 201, "ok", 1.0, 1.0, 1.1)
    run = recorder.run(
        sent,
        sent._replace(outcome="failed", status=None),
        sent._replace(outcome="refused", status=403, name="forbidden no token"),
        *[MetricRow(2.0, "media_batches_created_total", labels, 1.0)] * created,
    )

    warnings = list(warnings_of(run))

    assert len(warnings) == is_foreign
    assert all(
        f"counted {created} new batches, and this run created at most 2" in warning for warning in warnings
    )
