"""The section on alarms: their states over the run, their transitions, and doubts."""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.lab.gate.verdict import AlarmVerdict, Outcome, Transition, Verdict
from harness.lab.report.charts.alarm_chart import alarm_timelines
from harness.lab.report.section import Block, Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import plural, seconds

COLUMNS = ("alarm", "at", "state", "reason")

_WATCHED = re.compile(r'\b(?:ALARM|OK|INSUFFICIENT_DATA)\("([^"]+)"\)')


def alarms(subject: Subject) -> ReportSection | None:
    verdict = subject.verdict
    if verdict is None or not verdict.alarms:
        return None
    judged = [alarm for alarm in verdict.alarms if alarm.outcome is not Outcome.SKIPPED]
    observed = replace(verdict, alarms=tuple(judged))
    rows = list(_changes(observed))
    fired = [alarm for alarm in judged if alarm.fired_at_s is not None]
    lead = (
        f"{plural(len(fired), 'alarm')} of {len(judged)} fired. They were evaluated as CloudWatch does: "
        "every minute, those with periods below a minute every ten seconds."
    )
    points = [*_first_evaluations(observed), *_not_observed(verdict)]
    points += [f"{alarm.name}: {text}." for alarm in verdict.alarms for text in alarm.sensitive]
    blocks: list[Block] = [
        *([alarm_timelines(subject.run, observed)] if judged else []),
        *([TableBlock("Changes of state", COLUMNS, rows, frozenset({1}))] if rows else []),
        *([Points(points)] if points else []),
    ]
    return ReportSection("alarms", "Alarms", lead, blocks)


def _not_observed(verdict: Verdict) -> Iterator[str]:
    names = [alarm.name for alarm in verdict.alarms if alarm.outcome is Outcome.SKIPPED]
    if names:
        yield f"Not observed, and so not judged: {', '.join(names)}."


def _changes(verdict: Verdict) -> Iterator[tuple[str, str, str, str]]:
    """Yield the changes in order of time, without the first ones to OK: these say only that all is well."""
    changes = sorted(
        (
            (one.at_s, alarm.name, one)
            for alarm in verdict.alarms
            for one in alarm.transitions[_skip(alarm) :]
        ),
        key=lambda change: change[:2],
    )
    for at, name, one in changes:
        yield name, seconds(at), one.state, _reason(one, verdict)


def _skip(alarm: AlarmVerdict) -> int:
    """Return 1 if the first change of an alarm was to OK, else 0."""
    return int(bool(alarm.transitions) and alarm.transitions[0].state == "OK")


def _first_evaluations(verdict: Verdict) -> Iterator[str]:
    quiet = [alarm.transitions[0].at_s for alarm in verdict.alarms if _skip(alarm)]
    if quiet:
        yield (
            f"Not listed: {plural(len(quiet), 'alarm')} went from INSUFFICIENT_DATA to OK, "
            f"{seconds(min(quiet))} into the run{' or later' if max(quiet) > min(quiet) else ''}."
        )


def _reason(change: Transition, verdict: Verdict) -> str:
    """Return the reason of a change; for a composite alarm, which of the alarms in its rule are in ALARM."""
    watched = dict.fromkeys(_WATCHED.findall(change.reason))
    if not watched:
        return change.reason
    active = [
        alarm.name
        for alarm in verdict.alarms
        if alarm.name in watched and _state(alarm, change.at_s) == "ALARM"
    ]
    return f"Of the {plural(len(watched), 'alarm')} it watches, {', '.join(active) or 'none'} in ALARM."


def _state(alarm: AlarmVerdict, at: float) -> str:
    states = [one.state for one in alarm.transitions if one.at_s <= at]
    return states[-1] if states else "INSUFFICIENT_DATA"
