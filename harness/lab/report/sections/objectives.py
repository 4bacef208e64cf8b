"""The section on the scenario's objectives."""

import math

from harness.lab.gate.objective import Dimension, Objective
from harness.lab.gate.verdict import ObjectiveVerdict
from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import ABSENT, between, count, plural


def objectives(subject: Subject) -> ReportSection | None:
    verdict = subject.verdict
    if verdict is None or not verdict.objectives:
        return None
    met = sum(one.outcome == "pass" for one in verdict.objectives)
    rows = [
        (one.text, one.shown, _interval(one), count(one.samples), one.outcome.value, one.why)
        for one in verdict.objectives
    ]
    columns = ("objective", "measured", "95 % interval", "samples", "outcome", "why")
    table = TableBlock("Objectives of the scenario", columns, rows, frozenset({1, 2, 3}))
    lead = f"{met} of {plural(len(verdict.objectives), 'objective')} met."
    return ReportSection("objectives", "Objectives", lead, (table.without_empty_end(),))


def _interval(one: ObjectiveVerdict) -> str:
    if one.interval is None or Objective.parse(one.text).dimension is not Dimension.TIME:
        return ABSENT
    low, high = one.interval
    return between(-math.inf if low is None else low, math.inf if high is None else high)
