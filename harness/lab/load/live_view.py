"""The five metrics and the states of the alarms while a run goes on, from the rows on disk so far."""

from pathlib import Path

import pandas as pd

from harness.lab.alarms.template_alarms import metric_alarms
from harness.lab.gate.live_evaluation import LiveEvaluation
from harness.lab.results.rows import MetricRow
from harness.lab.results.summary import Metrics
from harness.lab.results.tail import Tail


class LiveView:
    """Metrics and alarms of an unfinished run."""

    def __init__(self, folder: Path, began_at_epoch_s: float, time_scale: float) -> None:
        self._tail = Tail(folder, MetricRow)
        self._began_at = began_at_epoch_s
        self._time_scale = time_scale
        self._evaluation = LiveEvaluation(metric_alarms(), started_at=began_at_epoch_s, time_scale=time_scale)
        self._rows: list[MetricRow] = []

    def rows(self, now: float) -> list[tuple[str, str]]:
        """
        Return metrics and alarms as names and texts.

        Args:
            now: Seconds of the clock since the run began; not less than at the last call.
        """
        new = list(self._tail.new_rows())
        self._rows += new
        self._evaluation.feed((self._began_at + row.at, row.metric, row.labels, row.value) for row in new)
        states = self._evaluation.states(self._began_at + now)
        table = pd.DataFrame(self._rows, columns=MetricRow._fields)
        metrics = Metrics.of(table, self._time_scale)
        return [*metrics.lines(), *((f"alarm {name}", state.value) for name, state in states.items())]
