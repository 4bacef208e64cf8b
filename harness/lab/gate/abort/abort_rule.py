"""
The objectives that end a live run early (``abort = true``), and when they can no longer be met.

A rule counts the measured requests of one objective as they end. With the number of requests that the plan
allows at most, these counts bound the objective's value at the end of the run. The objective can no longer be
met when no value within the bounds meets it. Until then the run goes on, however bad it looks.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from harness.lab.gate.objective import Objective, is_metric
from harness.lab.gate.request_names import FORBIDDEN, SUFFIXES
from harness.lab.results.percentile import nearest_rank
from harness.lab.results.rows import E2E, RequestRow
from harness.lab.workload.arrivals.schedule import Schedule
from harness.lab.workload.client_flows import WAITS_FOR_READY
from harness.lab.workload.scenario import Scenario

READY_SELECTORS = (f"{E2E} ready", "ready")
CREATE_SELECTORS = ("POST uploads", "uploads")

NOT_OK = ("failed", "censored", "breached")
UPPER_LIMITS = ("<", "<=")
LOWER_LIMITS = (">", ">=")

CREATES = WAITS_FOR_READY | {"abandon", "forbidden"}
"""The flows whose arrivals may create one batch."""


class Counted(NamedTuple):
    """
    The requests of one objective so far [count].

    Attributes:
        rows: All requests of the selector, whatever their outcome.
        selected: Those with the outcome that the selector names, e.g. ``succeeded``; else all.
        failed: Those that failed.
        over: Those that break the limit, each by itself.
    """

    rows: int = 0
    selected: int = 0
    failed: int = 0
    over: int = 0


@dataclass(frozen=True, slots=True)
class AbortRule:
    """
    One objective about requests that ends a run.

    Attributes:
        time_scale: Model seconds per clock second.
        warm_up: Requests intended before are not measured [clock s].
    """

    objective: Objective
    time_scale: float = 1.0
    warm_up: float = 0.0

    def count(self, row: RequestRow) -> Counted | None:
        """Return what a request adds to the counts; None if the objective does not measure it."""
        selector, outcomes = _parts(self.objective.selector)
        if row.intended_at < self.warm_up or not _is_named(row, selector):
            return None
        selected = outcomes is None or row.outcome in outcomes
        if not selected:
            return Counted(1)
        over = self._breaks(row.type, row.finished_at - row.intended_at)
        if row.outcome == "censored" and self.objective.function == "min":
            # Its time is a lower bound: the request could have taken long enough.
            over = False
        return Counted(1, 1, int(row.outcome in NOT_OK), int(over))

    def overdue(self, due_at: Iterable[float], now: float) -> int:
        """Return how many of the unfinished batches due at *due_at* break the limit already [clock s]."""
        selector, outcomes = _parts(self.objective.selector)
        has_upper_limit = self.objective.comparison in UPPER_LIMITS
        if selector not in READY_SELECTORS or outcomes is not None or not has_upper_limit:
            return 0
        return sum(at >= self.warm_up and self._breaks(E2E, now - at) for at in due_at)

    def verdict(self, counted: Counted, most: int | None) -> str | None:
        """
        Return why the objective can no longer be met, or None if it still can.

        Args:
            most: How many requests of the selector the whole run has at most [count]; None if any number.
        """
        if self.objective.percent is not None:
            return self._percentile(self.objective.percent, counted, most)
        if self.objective.function in ("min", "max"):
            return f"{_are(counted.over)} beyond the limit" if counted.over else None
        return self._bounded(counted, most)

    def _breaks(self, kind: str, waited: float) -> bool:
        if self.objective.percent is None and self.objective.function not in ("min", "max"):
            return False
        return not self.objective.holds(waited * (self.time_scale if kind == E2E else 1.0))

    def _percentile(self, percent: float, counted: Counted, most: int | None) -> str | None:
        # Most requests are the best case: the share that may be slow allows more of them.
        if most is None or not most or most - counted.over >= nearest_rank(percent, most):
            return None
        allowed = most - nearest_rank(percent, most)
        return f"{_are(counted.over)} above the limit; of at most {most}, {allowed} may be"

    def _bounded(self, counted: Counted, most: int | None) -> str | None:
        """Compare the bounds of a count or of a ratio with the limit."""
        remaining = math.inf if most is None else max(0, most - counted.rows)
        low, high = float(counted.selected), counted.selected + remaining
        shown = f"it is {counted.selected} already" if self._is_above(low) else f"it will be at most {high:g}"
        if self.objective.function == "fail_ratio":
            if not most:
                return None
            low, high = counted.failed / most, (counted.failed + remaining) / most
            bound = "at least" if self._is_above(low) else "at most"
            shown = f"{counted.failed} have failed of at most {most}: it will be {bound} "
            shown += self.objective.show(low if bound == "at least" else high)
        return None if self._is_possible(low, high) else shown

    def _is_above(self, low: float) -> bool:
        return self.objective.comparison not in LOWER_LIMITS and not self._is_possible(low, math.inf)

    def _is_possible(self, low: float, high: float) -> bool:
        """Return whether a value from *low* to *high* meets the objective."""
        limit = float(self.objective.limit)
        if self.objective.comparison == "==":
            return low <= limit <= high
        return self.objective.holds(low) or self.objective.holds(high)


def abort_rules(scenario: Scenario) -> list[AbortRule]:
    """
    Return the rules of the objectives about requests that end a run.

    Raises:
        ValueError: An objective with ``abort = true`` can be met until the run ends.
    """
    rules = []
    for each in scenario.objectives:
        if each.abort and (objective := Objective.parse(each.expression)).function != "alarm":
            if why := _never_certain(objective, is_planned=_is_planned(objective, scenario)):
                raise ValueError(f"{objective.text!r}: abort = true is not possible: {why}")
            rules.append(AbortRule(objective, scenario.time_scale, scenario.warm_up_s / scenario.time_scale))
    return rules


def most_rows(rule: AbortRule, arrivals: Schedule) -> int | None:
    """Return how many requests of a rule's selector a run has at most [count]; None if any number."""
    scenario, objective = arrivals.scenario, rule.objective
    if not _is_planned(objective, scenario):
        return None
    is_ready = _parts(objective.selector)[0] in READY_SELECTORS
    flows = WAITS_FOR_READY if is_ready else CREATES
    # A microsecond of tolerance: one arrival too many is safe, one too few is not.
    measured = arrivals.at >= scenario.warm_up_s - 1e-6
    number = sum(flow in flows for flow, wanted in zip(arrivals.flows, measured, strict=True) if wanted)
    return number if is_ready else number * scenario.behaviour.retry.max_attempts


def aborting_alarms(scenario: Scenario) -> dict[str, str]:
    """
    Return the objectives about alarms that end a run when the alarm fires: the text by the alarm's name.

    Raises:
        ValueError: One of them wants the alarm to fire.
    """
    alarms = {}
    for each in scenario.objectives:
        if each.abort and (objective := Objective.parse(each.expression)).function == "alarm":
            if objective.holds("ALARM"):
                why = "the alarm can fire until the run ends"
                raise ValueError(f"{objective.text!r}: abort = true is not possible: {why}")
            alarms[objective.selector] = objective.text
    return alarms


def _never_certain(objective: Objective, *, is_planned: bool) -> str | None:
    """Return why an objective is never certain before the run ends; None if it can be."""
    function, comparison = objective.function, objective.comparison
    is_time = objective.percent is not None or function in ("min", "max")
    wanted = LOWER_LIMITS if function == "min" else UPPER_LIMITS
    needs_number = function == "fail_ratio" or objective.percent is not None
    needs_number |= function == "count" and comparison in LOWER_LIMITS
    why = None
    if objective.window is not None:
        why = "its periods are compared after the run"
    elif is_metric(objective.selector):
        why = "metrics are read after the run"
    elif not is_time and function not in ("count", "fail_ratio"):
        why = f"{function} is known only after the run; use a percentile, min, max, count or fail_ratio"
    elif comparison == "!=" or (is_time and comparison not in wanted):
        why = "it can be met until the run ends"
    elif needs_number and not is_planned:
        why = "the number of requests is known only for E2E:ready and POST uploads of planned arrivals"
    return why


def _is_planned(objective: Objective, scenario: Scenario) -> bool:
    """Return whether the plan bounds the number of requests: users start again as often as they can."""
    return not scenario.users and _parts(objective.selector)[0] in (*READY_SELECTORS, *CREATE_SELECTORS)


def _parts(selector: str) -> tuple[str, tuple[str, ...] | None]:
    """Return the requests that a selector names, and the outcomes to which its suffix restricts them."""
    wanted = selector.replace(":", " ", 1)
    words, _, suffix = wanted.rpartition(" ")
    if suffix not in SUFFIXES:
        return wanted, None
    return words, ("ok",) if suffix == "succeeded" and words != FORBIDDEN else SUFFIXES[suffix]


def _is_named(row: RequestRow, selector: str) -> bool:
    if selector == FORBIDDEN:
        return row.outcome in ("refused", "breached")
    return selector in (f"{row.type} {row.name}", row.name, row.type)


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"
