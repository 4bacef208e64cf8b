"""Parts of axes that charts share: scales, lines, bands, lanes, legends. Times are model seconds."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from harness.lab.report.chart_data import extent
from harness.lab.report.charts.palette import ALARM_BAND, FAULT_BAND, INK
from harness.lab.report.charts.svg import TOOLTIP
from harness.lab.report.wording import exact

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

    from harness.lab.gate.verdict import AlarmVerdict, Verdict
    from harness.lab.results.run import Run


class Line(NamedTuple):
    """One line of a chart: its column in the data, and its label, colour and width."""

    column: str
    label: str
    colour: str
    width: float


DASHES: tuple[Any, ...] = ("-", (0, (3.5, 1.8)))
"""Line styles of the first run and of the other run."""

UNITS = ((7200.0, 3600.0, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
NARROW_INCHES = 6.0
PERCENT_TICKS = (50, 90, 99, 99.9, 99.99, 99.999)
COARSE = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000)
FINE = tuple(
    step * unit
    for unit, steps in (
        (0.001, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1, (1, 2, 5, 10, 20, 30)),
        (60, (1, 2, 5, 10, 20, 30)),
        (3600, (1, 2, 5, 10)),
    )
    for step in steps
)
"""Round times in steps of 1, 2 and 5, or of the clock."""


def time_axis(ax: "Axes", length: float) -> float:
    """Label the horizontal axis with the time since the run began; return its unit [s]."""
    unit, name = next((unit, name) for least, unit, name in UNITS if length >= least)
    ax.set_xlabel(f"{name} since the run began")
    return unit


def log_time_axis(ax: "Axes", which: Literal["x", "y"] = "y") -> None:
    """Give an axis of times a logarithmic scale, with ticks at round times: 10 ms, 1 s, 1 min, 10 min."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis = ax.yaxis if which == "y" else ax.xaxis
    (ax.set_yscale if which == "y" else ax.set_xscale)("log")
    low, high = axis.get_view_interval()
    ticks = [tick for tick in COARSE if low <= tick <= high]
    if len(ticks) < 3:
        ticks = [tick for tick in FINE if low <= tick <= high]
    while which == "x" and _is_narrow(ax) and len(ticks) > 4:
        ticks = ticks[::2]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: exact(value)))


def whole_numbers(ax: "Axes", label: str) -> None:
    """Label the vertical axis and give it whole numbers from 0."""
    from matplotlib.ticker import MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)


def lanes(ax: "Axes", names: Sequence[str]) -> None:
    """Divide the vertical axis into one lane for each name, from 0 at the top, its name above it."""
    for place, name in enumerate(names):
        ax.annotate(
            name, (0, place - 0.3), xycoords=("axes fraction", "data"),
            ha="left", va="bottom", color=INK, fontsize=9,
        )  # fmt: skip
    ax.set_yticks([])
    ax.set_ylim(len(names) - 0.5, -0.75)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)


def legend(ax: "Axes", columns: int = 4) -> None:
    """Put the legend above the axes, in at most as many columns as fit."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=min(columns, 3 if _is_narrow(ax) else 6))


def add_tooltips(bars: "BarContainer", texts: Iterable[str]) -> None:
    """Give each bar a text that a page shows while the pointer is over it."""
    for bar, text in zip(bars, texts, strict=True):
        bar.set_gid(TOOLTIP + text)


def label_line(ax: "Axes", value: float, text: str) -> None:
    """Draw a horizontal line for a threshold, with a label."""
    ax.axhline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    ax.annotate(
        text, (1, value), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
        ha="right", va="bottom", color=INK, fontsize=9,
    )  # fmt: skip


Shades = Sequence[tuple[Sequence[tuple[float, float]], str, str, float, float]]
"""Intervals [s], colour, name, and lower and upper end [0…1] of bands."""


def bands(ax: "Axes", run: "Run", verdict: "Verdict | None", scale: float) -> None:
    """Shade the times of alarms in ALARM, and below them the times of injected faults."""
    alarmed = _merged(
        (start, end)
        for alarm in (verdict.alarms if verdict else ())
        for start, end, state in state_intervals(alarm, run.model_seconds(run.header.duration_s or 0.0))
        if state == "ALARM"
    )
    faulty = list(_fault_intervals(run))
    shades: Shades = (
        (alarmed, ALARM_BAND, "some alarm in ALARM", 0.5 if faulty else 0.0, 1.0),
        (faulty, FAULT_BAND, "fault injected", 0.0, 0.5 if alarmed else 1.0),
    )
    _shade(ax, shades, scale)
    legend(ax)


def fault_bands(ax: "Axes", run: "Run", scale: float) -> None:
    """Shade the times of injected faults; *scale* is the unit of the time axis [s]."""
    _shade(ax, [(list(_fault_intervals(run)), FAULT_BAND, "fault injected", 0.0, 1.0)], scale)


def _shade(ax: "Axes", shades: Shades, scale: float) -> None:
    for intervals, colour, name, low, high in shades:
        for place, (start, end) in enumerate(intervals):
            label = None if place else name
            ax.axvspan(start / scale, end / scale, low, high, color=colour, zorder=0, label=label)


def _played(run: "Run", fault: Mapping[Any, Any]) -> Iterator[tuple[float, float]]:
    """Yield the time of a fault of a process: to the end of the run if the process did not recover."""
    if math.isnan(fault["started_at"]):
        return
    recovered = not math.isnan(fault["ready_at"])
    end = run.model_seconds(fault["ready_at"]) if recovered else extent(run)
    yield run.model_seconds(fault["started_at"]), end


def _fault_intervals(run: "Run") -> Iterator[tuple[float, float]]:
    """Yield the time of each fault, except of those that last the whole run."""
    from harness.lab.workload.faults.fault import read_fault

    played = {row["fault"]: row for row in run.faults.to_dict("records")}
    for index, given in enumerate(run.scenario.get("faults") or ()):
        if index in played:
            yield from _played(run, played[index])
            continue
        fault = read_fault(given)
        end = min(fault.until, float(run.scenario["duration_s"]))
        if fault.at or fault.until < math.inf:
            yield fault.at, end


def state_intervals(alarm: "AlarmVerdict", end: float) -> list[tuple[float, float, str]]:
    """Return start, end and name of each state of an alarm; before the first transition it has no data."""
    times = [0.0, *(one.at_s for one in alarm.transitions)]
    states = ["INSUFFICIENT_DATA", *(one.state for one in alarm.transitions)]
    ends = [*times[1:], max(end, times[-1])]
    return [(start, end, state) for start, end, state in zip(times, ends, states, strict=True) if end > start]


def draw_over_time(
    ax: "Axes",
    data: "pd.DataFrame",
    lines: Sequence[Line],
    *,
    stepped: bool = False,
    marker: str = "",
    faults_of: "Run | None" = None,
) -> float:
    """
    Draw columns over time, the second run dashed; return the unit of the time axis [s].

    Args:
        faults_of: The run whose faults are shaded.
    """
    scale = time_axis(ax, float(data["at_s"].max()))
    if faults_of is not None:
        fault_bands(ax, faults_of, scale)
    for place, (_, rows) in enumerate(data.groupby("run", sort=False)):
        for line in lines:
            ax.plot(
                rows["at_s"] / scale, rows[line.column], color=line.colour, linewidth=line.width,
                linestyle=DASHES[place], label=line.label if place == 0 else None, marker=marker,
                drawstyle="steps-post" if stepped else "default",
            )  # fmt: skip
    ax.set_xlim(left=0)
    legend(ax)
    return scale


def draw_counts(
    ax: "Axes", data: "pd.DataFrame", lines: Sequence[Line], label: str, faults_of: "Run"
) -> None:
    """Draw columns of counts over time as steps, the second run dashed; see `draw_over_time`."""
    draw_over_time(ax, data, lines, stepped=True, faults_of=faults_of)
    whole_numbers(ax, label)


def draw_percentile_curves(ax: "Axes", data: "pd.DataFrame", lines: Sequence[Line], label: str) -> None:
    """Draw columns of times against percentile, the second run dashed."""
    for place, (_, rows) in enumerate(data.groupby("run", sort=False)):
        for line in lines:
            ax.step(
                100 / (100 - rows["percentile"]), rows[line.column], where="pre", color=line.colour,
                linestyle=DASHES[place], linewidth=line.width, label=line.label if place == 0 else None,
            )  # fmt: skip
    log_time_axis(ax)
    # The values of the horizontal axis are 1/(1 − p).
    ax.set_xscale("log")
    ticks = [tick for tick in PERCENT_TICKS if tick <= data["percentile"].max()]
    ax.set_xticks([100 / (100 - tick) for tick in ticks], [f"p{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("percentile")
    ax.set_ylabel(label)
    legend(ax)


def _is_narrow(ax: "Axes") -> bool:
    figure = ax.get_figure(root=True)
    return figure is not None and figure.get_figwidth() < NARROW_INCHES


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the intervals in order, overlapping ones joined."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
