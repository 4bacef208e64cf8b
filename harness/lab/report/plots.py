"""
The charts of one run, by name: ``run.plot.latency()``.

Each returns a `Chart`, which shows itself in a notebook. Its ``data`` holds the values drawn, and
``save(folder)`` writes PNG and CSV. With *ax* the chart is drawn on the caller's axes; with *other* a second
run is drawn over it, dashed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from harness.lab.report.batch_life import slowest_batch
from harness.lab.report.charts import load_charts, pipeline_charts, time_charts
from harness.lab.report.charts.alarm_chart import alarm_timelines
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.life_chart import life_chart
from harness.lab.results.run import Run
from harness.lab.results.stations.station_table import stations_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.lab.gate.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Plots:
    """
    The charts of a run.

    >>> import harness
    >>> chart = harness.load_run("fixtures/runs/slow").plot.processing()
    >>> print(chart.finding)
    The highest p95 of a period was 10.8 min, 12.0 min into the run; the alarm line is at 10 min.
    """

    run: Run

    def arrivals(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Arrivals due and started, and batches completed, over time [1/s]."""
        return load_charts.arrivals(self.run, other).shown_on(ax)

    def response_by_rate(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Time until READY against the arrival rate, of a scenario whose rate rises [model s, 1/s]."""
        return load_charts.response_by_rate(self.run, other).shown_on(ax)

    def in_flight(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Batches in the pipeline and HTTP requests in progress, over time [count]."""
        return load_charts.in_system(self.run, other).shown_on(ax)

    def queues(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Messages waiting in each queue, over time [count]."""
        return load_charts.queue_depth(self.run, other).shown_on(ax)

    def processing(
        self, *, verdict: "Verdict | None" = None, other: Run | None = None, ax: "Axes | None" = None
    ) -> Chart:
        """Processing time from RECEIVED to the end over time, against the alarm line [model s]."""
        return time_charts.processing_over_time(self.run, other, verdict).shown_on(ax)

    def latency(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Response times of HTTP requests over time, from their intended start [clock s]."""
        return time_charts.latency_over_time(self.run, other).shown_on(ax)

    def percentile_curve(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """HTTP response time by percentile, from the intended and from the actual start [clock s]."""
        return time_charts.response_curve(self.run, other).shown_on(ax)

    def end_to_end(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Time from an arrival's intended start until READY, by percentile [model s]."""
        return time_charts.end_to_end_curve(self.run, other).shown_on(ax)

    def waterfall(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Duration of each stage and state of a batch, from its median beginning [model s]."""
        return pipeline_charts.time_spent(self.run, other).shown_on(ax)

    def size_classes(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Share of batches done within a time, for each class of batches [model s]."""
        return pipeline_charts.size_classes(self.run, other).shown_on(ax)

    def stations(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Attempts of each state in service, over time [count]."""
        return pipeline_charts.stations(self.run, other).shown_on(ax)

    def retries(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Attempts that repeated one that had failed, over time [count]."""
        return pipeline_charts.retries_over_time(self.run, other).shown_on(ax)

    def dead_letters(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Messages that had reached the dead-letter queue, over time [count]."""
        return pipeline_charts.dead_letters(self.run, other).shown_on(ax)

    def alarms(self, verdict: "Verdict", *, ax: "Axes | None" = None) -> Chart:
        """The state of every alarm over the run."""
        return alarm_timelines(self.run, verdict).shown_on(ax)

    def life(self, batch_id: str | None = None, *, ax: "Axes | None" = None) -> Chart:
        """
        The life of one batch from its first request to its end, by default the slowest batch [model s].

        Raises:
            ValueError: The run has no such batch, or no batch that ended.
        """
        batch_id = batch_id or slowest_batch(self.run)
        if batch_id is None:
            raise ValueError(f"no batch of run {self.run.id} has ended; pass a batch_id")
        return life_chart(self.run, batch_id, f"life_{batch_id}").shown_on(ax)


class PlottableRun(Run):
    """A run that can draw its charts."""

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return *run* as a run that can draw its charts."""
        return cls(run.folder, run.header)

    @cached_property
    def stations(self) -> "pd.DataFrame":
        """
        How much each part of the system was used; see `StationRow`.

        >>> import harness
        >>> stations = harness.load_run("fixtures/runs/morning_simulated").stations.set_index("station")
        >>> stations.loc["transcoding slots", ["servers", "arrivals", "busy_max"]].tolist()
        [20.0, 13.0, 4.0]
        """
        return stations_of(self)

    @property
    def plot(self) -> Plots:
        """
        The charts of this run.

        >>> import harness
        >>> harness.load_run("fixtures/runs/slow").plot
        Plots(run=<Run slow: steady on live, seed 7>)
        """
        return Plots(self)
