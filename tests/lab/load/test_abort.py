"""
A run that ends because an objective with ``abort = true`` can no longer be met.
"""

from pathlib import Path

import pytest

from harness.lab.gate.evaluate_run import check_run
from harness.lab.gate.verdict import Outcome
from harness.lab.load.abort_watch import AbortWatch, AlarmAbortWatch
from harness.lab.load.launch import play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.locust_process import LocalWorkers
from harness.lab.load.progress import Tally, Total
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.rows import MetricRow, RequestRow
from harness.lab.results.writer import OBSERVER, TablePartWriter
from harness.lab.workload.scenario import Scenario
from tests.lab.load.conftest import write_identities

P95 = "p95(E2E:ready) <= 0.5 s"
DEAD_LETTERS = "media-processing-dead-letters"
VISIBLE = "AWS/SQS/ApproximateNumberOfMessagesVisible"
DLQ = '{"QueueName":"listing-media-processing-dlq"}'


def scenario(expression: str, **changes) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "hopeless",
            "question": "Does it end early?",
            "duration_s": 20,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 10.0, "for_s": 60}]}],
            "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0}],
            "objectives": [{"expression": expression, "abort": True}],
            **changes,
        }
    )


def plan(folder: Path, expression: str) -> RunPlan:
    return RunPlan.read(scenario(expression), write_identities(folder / "identities.csv", 300))


def slow(tally: Tally, batches: int) -> None:
    for index in range(batches):
        row = RequestRow(0, index, "E2E", "ready", None, "ok", float(index), float(index), index + 1.0)
        tally.request_ended(row)


class TestCounts:
    def test_the_counts_of_all_workers_decide(self, tmp_path):
        """
        200 arrivals: ten may be slow. Six on one worker and five on the other are too many.
        """
        watch, total = AbortWatch(plan(tmp_path, P95)), Total()
        workers = {name: Tally(rules=watch.rules) for name in ("a", "b")}
        slow(workers["a"], 6)
        total.add("a", workers["a"].take_report(7.0))
        slow(workers["b"], 4)
        total.add("b", workers["b"].take_report(7.0))
        before = watch.check(total, 7.0)
        slow(workers["b"], 1)
        total.add("b", workers["b"].take_report(8.0))

        assert before is None
        found = watch.check(total, 8.0)
        assert found is not None
        assert (found.objective, found.at_s) == (P95, 8.0)
        assert found.why == "11 are above the limit; of at most 200, 10 may be"

    def test_a_batch_that_waits_counts_once(self, tmp_path):
        """
        While it is unfinished it is overdue; when it has ended only its time counts.
        """
        tally = Tally(rules=AbortWatch(plan(tmp_path, P95)).rules)
        tally.unfinished[0] = 0.0
        waiting = tally.take_report(1.0)["counts"]["abort 0 over"]
        del tally.unfinished[0]
        slow(tally, 1)

        assert (waiting, tally.take_report(2.0)["counts"]["abort 0 over"]) == (1, 1)


class TestAlarms:
    @pytest.mark.parametrize(("letters", "fires"), [(0.0, False), (1.0, True)])
    def test_the_run_ends_when_the_alarm_fires(self, tmp_path, letters, fires):
        """
        The metrics on disk so far: a dead letter in each of the first minutes, or none.
        """
        watch = AlarmAbortWatch(plan(tmp_path, f"alarm({DEAD_LETTERS}) == OK"), tmp_path, began_at=6000.0)
        with TablePartWriter(tmp_path, OBSERVER) as part:
            for at in range(5, 300, 10):
                part.add(MetricRow(float(at), VISIBLE, DLQ, letters))
            part.flush()
            found = watch.check(310.0)

        assert (found is not None) == fires
        assert found is None or found.why == "the alarm fired"


@pytest.mark.stack
def test_a_run_ends_when_too_many_batches_are_late(running_fake, tmp_path):
    """
    No batch becomes READY. Both workers stop in mid-run, the arrivals so far are recorded, and the objective
    is breached for the reason of the abort.
    """
    with running_fake(tmp_path / "service", 300, "--never-ready") as service:
        run = play(
            scenario(P95),
            host=service.api_url,
            access=ServiceAccess(service.identities),
            out=tmp_path / "run",
            workers=LocalWorkers(2),
        )
    verdict = check_run(run)

    assert run.header.complete
    assert run.header.notes["aborted"]["objective"] == P95
    assert not run.header.notes["generator"]["interrupted"]
    assert len(run.requests[run.requests.name == "ready"]) < 200
    assert verdict.objectives[0].outcome is Outcome.BREACH
    assert verdict.objectives[0].why.startswith(f"{P95}: aborted ")
    assert "of at most 200, 10 may be" in verdict.aborted
