"""
Builders of run folders, alarms and verdicts for tests; arguments replace the defaults.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, Timeline, evaluate
from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import AlarmVerdict, ObjectiveVerdict, Outcome, Verdict
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import RunWriter

NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
DURATION = "media_processing_duration_seconds"
DEAD = "AWS/SQS/ApproximateNumberOfMessagesVisible"
ERRORS = "AWS/Lambda/Errors"
FAILED = "AWS/States/ExecutionsFailed"
TIMED_OUT = "AWS/States/ExecutionsTimedOut"


class Recorder:
    """Writes run folders from rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def run(self, *rows, duration_s: float = 600.0, **header) -> Run:
        self.count += 1
        facts = {
            "id": f"run-{self.count}",
            "engine": "live",
            "scenario_name": "steady",
            "scenario": {"duration_s": 600.0, "warm_up_s": 0.0},
            "scenario_hash": "0" * 64,
            "seed": 7,
            "started_at": NOON,
        }
        writer = RunWriter(self.folder / f"run-{self.count}", RunHeader(**(facts | header)))
        with writer.part() as part:
            for row in rows:
                part.add(row)
        return writer.finish(duration_s=duration_s)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


def quiet(until: float = 600.0) -> list[MetricRow]:
    """Return rows for all metrics of the template's alarms; no alarm fires."""
    functions = ("validate", "thumbnails", "zip", "callback-dispatch")
    rows = [
        MetricRow(60.0, DURATION, '{"outcome":"READY"}', 45.0),
        MetricRow(61.0, FAILED, state_machine(), 0.0),
        MetricRow(61.0, TIMED_OUT, state_machine(), 0.0),
    ]
    for at in range(30, int(until), 60):
        rows.append(MetricRow(float(at), DEAD, '{"QueueName":"listing-media-processing-dlq"}', 0.0))
        rows += [MetricRow(float(at), ERRORS, function(name), 0.0) for name in functions]
    return rows


def function(name: str) -> str:
    return f'{{"FunctionName":"listing-media-{name}"}}'


def state_machine() -> str:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:listing-media-processing-sm"
    return f'{{"StateMachineArn":"{arn}"}}'


def ready(intended_at: float, seconds: float, outcome: str = "ok") -> RequestRow:
    """Return an end-to-end observation."""
    return RequestRow(0, 0, "E2E", "ready", None, outcome, intended_at, intended_at, intended_at + seconds)


def step(at: float, outcome: str, state: str = "ValidateRawAssets") -> StepRow:
    return StepRow(1, state, 0, 1, at, at, at + 1.0, outcome)


def batch(received_at: float, finished_at: float | None) -> BatchRow:
    return BatchRow(
        "b", 1, 1, 1, "SHOOT", 1, 0, 0, 1, 0.0,
        received_at=received_at, finished_at=finished_at,
        outcome="READY" if finished_at else None, censored=finished_at is None,
    )  # fmt: skip


def alarm(**changes: object) -> Alarm:
    """Return the alarm on slow batches with some properties changed; None removes a property."""
    properties = {
        "AlarmName": "p95",
        "Namespace": "TOQ/MediaProcessing",
        "MetricName": DURATION,
        "ExtendedStatistic": "p95",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 600,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    } | changes
    return Alarm.from_properties({key: value for key, value in properties.items() if value is not None})


def play(
    an_alarm: Alarm, at, values, *, end: float, arrived_at=None, rules: EvaluationRules | None = None
) -> Timeline:
    """Evaluate an alarm of one metric over samples, from 0 s."""
    samples = {an_alarm.metrics[0][1]: Samples.of(at, values, arrived_at)}
    return evaluate(an_alarm, Periods(an_alarm, samples), start=0, end=end, rules=rules)


def alarm_verdict(name: str, outcome: Outcome = Outcome.PASS, **changes: object) -> AlarmVerdict:
    """Return the verdict on an alarm that did not fire, with some fields changed."""
    facts = {"state": "OK", "why": "", "fired_at_s": None, "transitions": ()}
    return AlarmVerdict(name=name, outcome=outcome, **(facts | changes))


def objective_verdict(text: str, outcome: Outcome = Outcome.PASS, **changes: object) -> ObjectiveVerdict:
    """Return the verdict on an objective of 60 samples that was met, with some fields changed."""
    facts = {"why": "", "value": 1.0, "shown": "1.00 s", "limit": 2.0, "samples": 60}
    return ObjectiveVerdict(text=text, outcome=outcome, **(facts | changes))


def verdict_over(
    *judged: AlarmVerdict | ObjectiveVerdict, outcome: Outcome = Outcome.PASS, **changes: object
) -> Verdict:
    """Return a verdict without streaks and unfinished batches, with some fields changed."""
    facts = {"run": "run-1", "reasons": (), "streaks": (), "unfinished": Unfinished(0, 0.0, None, None)}
    alarms = tuple(one for one in judged if isinstance(one, AlarmVerdict))
    objectives = tuple(one for one in judged if isinstance(one, ObjectiveVerdict))
    return Verdict(outcome=outcome, alarms=alarms, objectives=objectives, **(facts | changes))
