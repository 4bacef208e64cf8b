"""The chart of the alarms' states over the run."""

from typing import TYPE_CHECKING

import pandas as pd

from harness.lab.report.chart_data import extent
from harness.lab.report.charts.axes import (
    add_tooltips,
    fault_bands,
    lanes,
    legend,
    state_intervals,
    time_axis,
)
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import AXIS, GREEN, VERMILION
from harness.lab.report.wording import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.gate.verdict import Verdict
    from harness.lab.results.run import Run

STATES = {"OK": (GREEN, 0.16), "ALARM": (VERMILION, 0.5), "INSUFFICIENT_DATA": (AXIS, 0.06)}
"""Colour and thickness of each state: the thickness distinguishes the states without colour."""


def alarm_timelines(run: "Run", verdict: "Verdict") -> Chart:
    """The state of every alarm over the run."""
    end = extent(run)
    rows = [(alarm.name, *interval) for alarm in verdict.alarms for interval in state_intervals(alarm, end)]
    data = pd.DataFrame(rows, columns=["alarm", "from_s", "to_s", "state"])
    names = list(dict.fromkeys(data["alarm"]))
    fired = [alarm.name for alarm in verdict.alarms if alarm.fired_at_s is not None]
    finding = f"In ALARM at some time: {', '.join(fired)}." if fired else "No alarm fired."

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, end)
        fault_bands(ax, run, scale)
        for state, rows in data.groupby("state", sort=False):
            colour, height = STATES[str(state)]
            bars = ax.barh(
                rows["alarm"].map(names.index), (rows["to_s"] - rows["from_s"]) / scale,
                left=rows["from_s"] / scale, height=height, color=colour, label=str(state),
            )  # fmt: skip
            intervals = zip(rows["alarm"], rows["from_s"], rows["to_s"], strict=True)
            add_tooltips(
                bars, (f"{name}: {state} from {seconds(a)} to {seconds(b)}" for name, a, b in intervals)
            )
        lanes(ax, names)
        legend(ax)

    return Chart("alarms", "States of the alarms", finding, data, draw, height=90 + 34 * len(names))
