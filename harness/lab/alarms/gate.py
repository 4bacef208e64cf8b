"""
The judge: a run, its alarms and its objectives come in, a verdict goes out.

Alarms are evaluated in model time on the minute of the run's own clock (UTC for a live run), from its
start to the first minute at or after its end.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.lab.alarms import sensitivity
from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.composite import Change, CompositeAlarm, in_order, play
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.events import failure_streaks, unfinished
from harness.lab.alarms.measure import measure
from harness.lab.alarms.objective import Objective
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.recorded import Recorded
from harness.lab.alarms.timeline import Periods, Reading, Samples, Timeline, evaluate
from harness.lab.alarms.verdict import AlarmVerdict, Outcome, Transition, Verdict, overall

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

MetricSamples = Mapping[MetricStat, Samples]


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of time judged, in Unix seconds of the model clock."""

    start: float
    end: float

    @classmethod
    def of(cls, run: "Run") -> "Span":
        """The whole run; one that did not say how long it was ends with its last record."""
        start = run.started_at.timestamp()
        length = run.header.duration_s
        if length is None:
            length = max((_last(run.requests, "finished_at"), _last(run.metrics, "at")), default=0.0)
        return cls(start, start + run.model_seconds(length))

    def relative(self, at: float) -> float:
        return at - self.start


def judge(
    run: "Run",
    alarms: Iterable[Alarm],
    composites: Iterable[CompositeAlarm] = (),
    objectives: Sequence[Objective] = (),
    reading: Reading | None = None,
) -> Verdict:
    """
    Judge a run.

    Raises:
        RunUnreadable: A table is missing or damaged.
        ValueError: A composite alarm reads an alarm that does not exist.
    """
    span, reading = Span.of(run), reading or Reading()
    spoken_for = {objective.selector for objective in objectives if objective.function == "alarm"}
    recorded = Recorded(run.metrics, span.start, run.time_scale)
    timelines: list[Timeline] = []
    verdicts: list[AlarmVerdict] = []
    for alarm in alarms:
        samples = recorded.samples(alarm)
        timeline = evaluate(alarm, Periods(alarm, samples), start=span.start, end=span.end, reading=reading)
        timelines.append(timeline)
        verdicts.append(_alarm_verdict(timeline, samples, span, reading, excused=alarm.name in spoken_for))
    moves = [
        (one.at, timeline.alarm.name, one.state) for timeline in timelines for one in timeline.transitions
    ]
    for composite in in_order(composites, [timeline.alarm.name for timeline in timelines]):
        changes = play(composite, sorted(moves), start=span.start, end=span.end)
        moves += [(change.at, composite.name, change.state) for change in changes]
        fired = {one.name for one in verdicts if one.fired_at_s is not None}
        verdicts.append(_composite_verdict(composite, changes, span, fired, composite.name in spoken_for))
    states = {one.name: "ALARM" if one.fired_at_s is not None else one.state for one in verdicts}
    measured = tuple(measure(objective, run, states) for objective in objectives)
    doubts = tuple(_doubts(run))
    insecure = int((run.requests["outcome"] == "breached").sum())
    outcome, reasons = overall(verdicts, measured, doubts, insecure)
    return Verdict(
        run=run.id,
        outcome=outcome,
        reasons=reasons,
        alarms=tuple(verdicts),
        objectives=measured,
        streaks=tuple(failure_streaks(run.steps, run.time_scale)),
        unfinished=unfinished(run.batches, (span.end - span.start) / run.time_scale, run.time_scale),
        doubts=doubts,
        breaches_of_security=insecure,
    )


def _alarm_verdict(
    timeline: Timeline, samples: MetricSamples, span: Span, reading: Reading, *, excused: bool
) -> AlarmVerdict:
    alarm = timeline.alarm
    outcome, why = _alarm_outcome(timeline, samples, span)
    excuse = excused and outcome is not Outcome.PASS
    return AlarmVerdict(
        name=alarm.name,
        outcome=Outcome.PASS if excuse else outcome,
        state=timeline.state,
        why="" if excuse else why,
        fired_at_s=None if timeline.fired_at is None else span.relative(timeline.fired_at),
        transitions=tuple(
            Transition(
                at_s=span.relative(one.at),
                at=_iso(one.at),
                state=one.state,
                reason=reason(alarm, one),
                reason_data=reason_data(alarm, one),
            )
            for one in timeline.transitions
        ),
        excused=excused,
        sensitive=tuple(sensitivity.doubts(timeline, samples, span.start, span.end, reading)),
        place=alarm.place,
    )


def _alarm_outcome(timeline: Timeline, samples: MetricSamples, span: Span) -> tuple[Outcome, str]:
    name = timeline.alarm.name
    if timeline.fired_at is not None:
        minutes = span.relative(timeline.fired_at) / 60
        return Outcome.BREACH, f"Alarm {name} fired {minutes:.1f} min into the run."
    if not any(one.at.size for one in samples.values()):
        metric = timeline.alarm.metrics[0][1]
        return (
            Outcome.INCONCLUSIVE,
            f"Alarm {name} had no data: {metric.namespace}/{metric.name} was never seen.",
        )
    if timeline.state is AlarmState.INSUFFICIENT_DATA:
        return Outcome.INCONCLUSIVE, f"Alarm {name} ended in INSUFFICIENT_DATA."
    return Outcome.PASS, ""


def _composite_verdict(
    composite: CompositeAlarm, changes: Sequence[Change], span: Span, fired: set[str], excused: bool
) -> AlarmVerdict:
    first = next((change.at for change in changes if change.state is AlarmState.ALARM), None)
    # Mostly a composite repeats an alarm that fired and is judged itself; it is a breach of its own only
    # where it fires on something else, as NOT OK(…) does.
    breach = first is not None and fired.isdisjoint(composite.children) and not excused
    minutes = 0.0 if first is None else span.relative(first) / 60
    return AlarmVerdict(
        name=composite.name,
        outcome=Outcome.BREACH if breach else Outcome.PASS,
        state=changes[-1].state if changes else AlarmState.INSUFFICIENT_DATA,
        why=f"Alarm {composite.name} fired {minutes:.1f} min into the run." if breach else "",
        fired_at_s=None if first is None else span.relative(first),
        transitions=tuple(
            Transition(
                at_s=span.relative(change.at),
                at=_iso(change.at),
                state=change.state,
                reason=f"{composite.rule}{'' if change.acted_at is not None else ' (no actions taken)'}",
            )
            for change in changes
        ),
        excused=excused,
        place=composite.place,
    )


def _doubts(run: "Run") -> Iterable[str]:
    header = run.header
    if header.lost_workers:
        lost = "A worker was" if header.lost_workers == 1 else f"{header.lost_workers} workers were"
        yield f"{lost} lost: their arrivals are missing."
    generator = header.notes.get("generator")
    if isinstance(generator, dict):
        for finding in generator.get("findings", ()):
            yield str(finding)


def _last(frame: "pd.DataFrame", column: str) -> float:
    latest = frame[column].max() if len(frame) else 0.0
    return 0.0 if math.isnan(latest) else float(latest)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
