"""
The charts of one run, by name: ``run.plot.latency()``.

Each returns a `Chart`, which shows itself in a notebook; ``.data`` is what is drawn, ``.save(folder)``
writes PNG and CSV. With *ax* it is drawn on axes of yours; with *other* that run is laid over it, dashed.
Importing this module gives every run its ``plot``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.lab.report import batch_life, charts
from harness.lab.report.drawing import Chart
from harness.lab.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.gate.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Plots:
    """
    What can be drawn of a run.

    >>> import harness
    >>> chart = harness.load_run("fixtures/runs/slow").plot.processing()
    >>> print(chart.finding)
    The highest p95 of a period was 10.8 min, 12.0 min into the run; the alarm line is at 10 min.
    """

    run: Run

    def arrivals(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Arrivals as they were due and as they were started, and batches as they were completed [1/s]."""
        return charts.arrivals(self.run, other).shown_on(ax)

    def in_flight(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """How many batches the pipeline held, and how many HTTP requests were under way [count]."""
        return charts.in_system(self.run, other).shown_on(ax)

    def queues(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Messages waiting in each queue [count]."""
        return charts.queue_depth(self.run, other).shown_on(ax)

    def processing(
        self, *, verdict: "Verdict | None" = None, other: Run | None = None, ax: "Axes | None" = None
    ) -> Chart:
        """Processing time from RECEIVED to the end over time, against the alarm line [model s]."""
        return charts.processing_over_time(self.run, other, verdict).shown_on(ax)

    def latency(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Response times of HTTP requests over time, from when they were due [clock s]."""
        return charts.latency_over_time(self.run, other).shown_on(ax)

    def percentile_curve(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """HTTP response time by percentile, from the intended and from the actual start [clock s]."""
        return charts.response_curve(self.run, other).shown_on(ax)

    def end_to_end(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Time from an arrival's intended start until READY, by percentile [model s]."""
        return charts.end_to_end_curve(self.run, other).shown_on(ax)

    def waterfall(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Where the time of a batch goes: each stage and state from its median beginning [model s]."""
        return charts.time_spent(self.run, other).shown_on(ax)

    def size_classes(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Share of batches done within a time, for each class of batches [model s]."""
        return charts.size_classes(self.run, other).shown_on(ax)

    def stations(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """How many attempts of each state were being served, over time [count]."""
        return charts.stations(self.run, other).shown_on(ax)

    def retries(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Attempts that repeated one that had failed, over time [count]."""
        return charts.retries_over_time(self.run, other).shown_on(ax)

    def dead_letters(self, *, other: Run | None = None, ax: "Axes | None" = None) -> Chart:
        """Messages that had reached the dead-letter queue [count]."""
        return charts.dead_letters(self.run, other).shown_on(ax)

    def alarms(self, verdict: "Verdict", *, ax: "Axes | None" = None) -> Chart:
        """The state of every alarm over the run."""
        return charts.alarm_timelines(self.run, verdict).shown_on(ax)

    def life(self, batch_id: str | None = None, *, ax: "Axes | None" = None) -> Chart:
        """
        One batch from its first request to READY, the slowest by default [model s].

        Raises:
            ValueError: The run has no such batch, or none that ended.
        """
        batch_id = batch_id or batch_life.slowest(self.run)
        if batch_id is None:
            raise ValueError(f"no batch of run {self.run.id} has ended; name one")
        return batch_life.life_chart(self.run, batch_id, f"life_{batch_id}").shown_on(ax)


Run.drawn_by = Plots
