"""
The judge: a run, its alarms and its objectives come in, a verdict goes out.

Alarms are evaluated in model time on the minute of the run's own clock (UTC for a live run), from its
start to the first minute at or after its end.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Alarm, Unjudged
from harness.lab.alarms.composite import CompositeAlarm, in_order
from harness.lab.alarms.timeline import EvaluationRules
from harness.lab.gate.evaluation_session import EvaluationSession
from harness.lab.gate.measure import measure
from harness.lab.gate.objective import Objective
from harness.lab.gate.run_findings import STEP_COLUMNS, failure_streaks, unfinished
from harness.lab.gate.verdict import Verdict, overall

if TYPE_CHECKING:
    from harness.lab.results.run import Run


def judge(
    run: "Run",
    alarms: Iterable[Alarm | Unjudged],
    composites: Iterable[CompositeAlarm] = (),
    objectives: Sequence[Objective] = (),
    reading: EvaluationRules | None = None,
) -> Verdict:
    """
    Judge a run.

    An alarm is skipped, and so is every composite that watches it, if the judge cannot evaluate its kind,
    or if ``notes["unobserved_namespaces"]`` of the run's header names its namespace: whoever recorded the
    run had no means to see it.

    Raises:
        RunUnreadable: A table is missing or damaged.
        ValueError: A composite alarm reads one that does not exist, or a value of the run makes no sense.
    """
    spoken_for = frozenset(one.selector for one in objectives if one.function == "alarm")
    hearing = EvaluationSession(run, spoken_for, reading or EvaluationRules())
    for alarm in alarms:
        hearing.judge(alarm)
    for composite in in_order(composites, [one.name for one in hearing.verdicts]):
        hearing.judge_composite(composite)
    states = {one.name: "ALARM" if one.fired_at_s is not None else one.state for one in hearing.verdicts}
    measured = tuple(measure(objective, run, states) for objective in objectives)
    doubts = tuple(_doubts(run))
    insecure = int((run.timings["outcome"] == "breached").sum())
    outcome, reasons = overall(hearing.verdicts, measured, doubts, insecure)
    ended_at = hearing.span.relative(hearing.span.end) / run.time_scale
    return Verdict(
        run=run.id,
        outcome=outcome,
        reasons=reasons,
        alarms=tuple(hearing.verdicts),
        objectives=measured,
        streaks=tuple(failure_streaks(run.arrow("steps", STEP_COLUMNS).to_pandas(), run.time_scale)),
        unfinished=unfinished(run.batches, ended_at, run.time_scale),
        doubts=doubts,
        breaches_of_security=insecure,
    )


def _doubts(run: "Run") -> Iterable[str]:
    header = run.header
    if header.lost_workers:
        lost = "A worker was" if header.lost_workers == 1 else f"{header.lost_workers} workers were"
        yield f"{lost} lost: their arrivals are missing."
    generator = header.notes.get("generator")
    if isinstance(generator, dict):
        findings = generator.get("findings", [])
        if not isinstance(findings, list):
            raise ValueError(f"{run.folder}/run.json: the findings of the generator must be a list")
        yield from map(str, findings)
