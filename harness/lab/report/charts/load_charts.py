"""Charts of the load: arrivals, batches and requests in progress, messages in the queues."""

import math
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from harness.lab.report import chart_data
from harness.lab.report.charts.axes import (
    DASHES,
    Line,
    draw_counts,
    draw_over_time,
    fault_bands,
    legend,
    log_time_axis,
    time_axis,
    whole_numbers,
)
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREEN, GREY, SERIES, VERMILION
from harness.lab.report.wording import number, plural, seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run

SLOWER = 1.5
"""Batches wait where the p95 is more than this many times its value at the lowest rates."""


def arrivals(run: "Run", other: "Run | None" = None) -> Chart:
    """Arrivals as they were due and as they were started, and batches as they were completed."""
    data, own = chart_data.of_both(chart_data.arrivals, run, other)
    lines = (
        Line("offered_per_s", "offered", GREY, 2.6),
        Line("started_per_s", "started", BLUE, 1.2),
        Line("completed_per_s", "batches completed", VERMILION, 1.6),
    )
    finding = (
        f"At most {number(own['offered_per_s'].max())} arrivals a second were due and "
        f"{number(own['started_per_s'].max())} were started; batches completed at up to "
        f"{number(own['completed_per_s'].max())} a second."
    )

    def draw(ax: "Axes") -> None:
        draw_over_time(ax, data, lines, stepped=True, faults_of=run)
        ax.set_ylabel("per second")
        ax.set_ylim(bottom=0)

    return Chart("arrivals", "Arrivals offered, started and completed", finding, data, draw)


def response_by_rate(run: "Run", other: "Run | None" = None) -> Chart:
    """Time until READY against the arrival rate, while the rate of the scenario rises."""
    data, own = chart_data.of_both(chart_data.response_by_rate, run, other)
    lines = (Line("p95_s", "p95", BLUE, 1.6), Line("p50_s", "p50", GREEN, 1.2))

    def draw(ax: "Axes") -> None:
        for place, (_, rows) in enumerate(data.groupby("run", sort=False)):
            for line in lines:
                shown = rows[np.isfinite(rows[line.column])]
                ax.plot(
                    shown["arrival_rate_per_s"], shown[line.column], color=line.colour, linewidth=line.width,
                    linestyle=DASHES[place], marker=".", label=line.label if place == 0 else None,
                )  # fmt: skip
        log_time_axis(ax)
        ax.set_xlabel("arrivals per second")
        ax.set_ylabel("from intended start to READY")
        legend(ax)

    finding = _knee(own) if len(own) else ""
    return Chart("response_by_rate", "Time until READY by arrival rate", finding, data, draw)


def _knee(curve: "pd.DataFrame") -> str:
    """Say up to which rate the p95 stays near its value at the lowest rates."""
    rates, p95 = curve["arrival_rate_per_s"].to_list(), curve["p95_s"].to_list()
    limit = SLOWER * median(p95[: max(1, len(p95) // 3)])
    if math.isinf(limit):
        return "At no rate did 95 of 100 arrivals become READY."
    slow_since = next((i for i in range(len(p95)) if all(value > limit for value in p95[i:])), None)
    if slow_since is None:
        return (
            f"Up to {number(rates[-1])} arrivals a second the p95 until READY stayed below {seconds(limit)}."
        )
    before = f"Up to {number(rates[slow_since - 1])} arrivals a second" if slow_since else "At no rate"
    fastest = min(p95[slow_since:])
    beyond = f"it was {seconds(fastest)} and more"
    if math.isinf(fastest):
        beyond = "more than 5 of 100 arrivals did not become READY"
    return (
        f"{before} the p95 until READY stayed below {seconds(limit)}, {SLOWER:g} times its value at the "
        f"lowest rates; from {number(rates[slow_since])} a second on {beyond}."
    )


def in_system(run: "Run", other: "Run | None" = None) -> Chart:
    """Batches in the pipeline and HTTP requests in progress."""
    data, own = chart_data.of_both(chart_data.in_system, run, other)
    lines = (
        Line("requests", "HTTP requests", GREY, 1.2),
        Line("batches", "batches in the pipeline", BLUE, 1.6),
    )
    finding = (
        f"At most {plural(own['batches'].max(), 'batch', 'batches')} were in the pipeline at once, "
        f"and {plural(own['requests'].max(), 'HTTP request')} in progress."
    )
    draw = partial(draw_counts, data=data, lines=lines, label="at once, most in a period", faults_of=run)
    return Chart("in_flight", "In flight", finding, data, draw)


def queue_depth(run: "Run", other: "Run | None" = None) -> Chart:
    """Messages waiting in each queue."""
    data, own = chart_data.of_both(chart_data.queue_depth, run, other)
    finding = ""
    if len(own):
        worst = own.nlargest(1, "messages").iloc[0]
        finding = f"At most {plural(worst['messages'], 'message')} waited in {worst['queue']}."

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, float(data["at_s"].max()))
        fault_bands(ax, run, scale)
        queues = sorted(data["queue"].unique())
        for (label, queue), rows in data.groupby(["run", "queue"], sort=False):
            is_own = label == run.id
            ax.step(
                rows["at_s"] / scale, rows["messages"], where="post", linestyle=DASHES[not is_own],
                color=SERIES[queues.index(queue) % len(SERIES)], label=queue if is_own else None,
            )  # fmt: skip
        whole_numbers(ax, "messages visible")
        legend(ax, columns=1)

    return Chart("queues", "Messages waiting in the queues", finding, data, draw)
