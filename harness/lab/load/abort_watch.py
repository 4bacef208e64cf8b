"""
The check, while a run goes on, whether an objective with ``abort = true`` can still be met.

Requests are counted by the workers, and the counts are added up by the coordinator. Alarms are evaluated from
the metrics on disk so far. Times are float clock seconds since the run began.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.abort.abort_rule import Counted, abort_rules, aborting_alarms, most_rows
from harness.lab.gate.alarm_watch import AlarmWatch
from harness.lab.gate.live_evaluation import Datum, LiveEvaluation
from harness.lab.load.progress import Total, count_names
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.rows import MetricRow
from harness.lab.results.tail import Tail

ALARMS_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Abort:
    """
    The end of a run whose objective can no longer be met.

    Attributes:
        objective: Its text.
        at_s: When it was noticed.
        why: The reason in words.
    """

    objective: str
    at_s: float
    why: str


class AbortWatch:
    """
    The objectives about requests of one plan that end its run.

    Attributes:
        rules: Those of the scenario, in order.
    """

    def __init__(self, plan: RunPlan) -> None:
        self.rules = abort_rules(plan.scenario)
        self._most = [most_rows(rule, plan.arrivals) for rule in self.rules]

    def check(self, total: Total, now: float) -> Abort | None:
        """Return why the run must end, from the counts of all workers; None if it can go on."""
        for index, (rule, most) in enumerate(zip(self.rules, self._most, strict=True)):
            counted = Counted(*(total.count(name) for name in count_names(index)))
            if why := rule.verdict(counted, most):
                return Abort(rule.objective.text, now, why)
        return None


class AlarmAbortWatch:
    """
    The alarms of one run that end it when they fire.

    Args:
        began_at: When the run began [epoch s].
    """

    def __init__(self, plan: RunPlan, folder: Path, began_at: float) -> None:
        self._alarms = aborting_alarms(plan.scenario)
        self._began_at = began_at
        self._checked_at = 0.0
        self._tail = Tail(folder, MetricRow)
        evaluation = LiveEvaluation(
            template_alarms(), started_at=began_at, time_scale=plan.scenario.time_scale
        )
        self._watch = AlarmWatch(evaluation, self._data)

    def check(self, now: float) -> Abort | None:
        """Return why the run must end, from the metrics on disk. It reads files: call it in a thread."""
        if not self._alarms or now < self._checked_at + ALARMS_EVERY_S:
            return None
        self._checked_at = now
        for change in self._watch.poll(self._began_at + now):
            if change.state is AlarmState.ALARM and change.alarm in self._alarms:
                return Abort(self._alarms[change.alarm], now, "the alarm fired")
        return None

    def _data(self) -> Iterable[Datum]:
        for row in self._tail.new_rows():
            yield self._began_at + row.at, row.metric, row.labels, row.value
