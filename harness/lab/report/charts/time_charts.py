"""Charts of times: processing times and response times, over the run and by percentile."""

from functools import partial
from typing import TYPE_CHECKING

from harness.lab.report import chart_data
from harness.lab.report.alarm_line import alarm_line
from harness.lab.report.charts.axes import (
    Line,
    bands,
    draw_over_time,
    draw_percentile_curves,
    label_line,
    log_time_axis,
)
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREEN, VERMILION
from harness.lab.report.wording import exact, seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.lab.gate.verdict import Verdict
    from harness.lab.results.run import Run

PERCENTILES = (
    Line("p99_s", "p99", VERMILION, 2.6),
    Line("p95_s", "p95", BLUE, 1.6),
    Line("p50_s", "p50", GREEN, 1.2),
)


def processing_over_time(run: "Run", other: "Run | None" = None, verdict: "Verdict | None" = None) -> Chart:
    """Processing time from RECEIVED to the end, by when it ended, against the alarm line."""
    data, own = chart_data.of_both(chart_data.processing_over_time, run, other)
    line = alarm_line(verdict)
    finding = ""
    if len(own):
        worst = own.nlargest(1, "p95_s").iloc[0]
        compared = "" if line is None else f"; the alarm line is at {exact(line)}"
        finding = (
            f"The highest p95 of a period was {seconds(worst['p95_s'])}, "
            f"{seconds(worst['at_s'])} into the run{compared}."
        )

    def draw(ax: "Axes") -> None:
        bands(ax, run, verdict, draw_over_time(ax, data, PERCENTILES, marker="."))
        if line is not None:
            label_line(ax, line, f"alarm line {exact(line)}")
        log_time_axis(ax)
        ax.set_ylabel("RECEIVED to READY or FAILED")

    return Chart("processing", "Processing time over time", finding, data, draw, height=340)


def latency_over_time(run: "Run", other: "Run | None" = None) -> Chart:
    """Response times of HTTP requests, from their intended start."""
    data, own = chart_data.of_both(chart_data.latency_over_time, run, other)
    finding = f"The highest p99 of a period was {seconds(own['p99_s'].max())}." if len(own) else ""

    def draw(ax: "Axes") -> None:
        draw_over_time(ax, data, PERCENTILES, faults_of=run)
        log_time_axis(ax)
        ax.set_ylabel("HTTP response time")

    return Chart("latency", "HTTP response time over time", finding, data, draw)


def end_to_end_curve(run: "Run", other: "Run | None" = None) -> Chart:
    """Time from an arrival's intended start until READY, against percentile."""
    data, own = chart_data.of_both(chart_data.end_to_end_curve, run, other)
    finding = _until_ready(own, *chart_data.ready_arrivals(run))
    lines = [Line("ready_s", "until READY", BLUE, 1.6)]
    draw = partial(draw_percentile_curves, data=data, lines=lines, label="from intended start to READY")
    return Chart("end_to_end", "From arrival to READY", finding, data, draw)


def response_curve(run: "Run", other: "Run | None" = None) -> Chart:
    """HTTP response time against percentile, measured from the intended and from the actual start."""
    data, own = chart_data.of_both(chart_data.response_curve, run, other)
    lines = (
        Line("corrected_s", "from intended start", BLUE, 3.2),
        Line("uncorrected_s", "from actual start", VERMILION, 1.4),
    )
    finding = ""
    if len(own):
        corrected, uncorrected = _at(own, 99, "corrected_s"), _at(own, 99, "uncorrected_s")
        finding = (
            f"p99 is {seconds(corrected)} counted from when requests were due, "
            f"{seconds(uncorrected)} from when they were sent."
        )
    draw = partial(draw_percentile_curves, data=data, lines=lines, label="HTTP response time")
    return Chart("percentile_curve", "HTTP response time by percentile", finding, data, draw)


def _until_ready(curve: "pd.DataFrame", ready: int, arrivals: int) -> str:
    """Say how long arrivals took until READY, and how many did not become READY."""
    if not ready:
        return "No arrival became READY." if arrivals else ""
    if 2 * ready >= arrivals:
        half = f"Half the arrivals were READY within {seconds(_at(curve, 50, 'ready_s'))}"
    else:
        half = "Less than half the arrivals became READY"
    if ready == arrivals:
        return f"{half}; the slowest took {seconds(curve['ready_s'].max())}."
    return f"{half}; {arrivals - ready} of {arrivals} did not become READY."


def _at(curve: "pd.DataFrame", percent: float, column: str) -> float:
    """Return the value of a curve at its first point at or above a percentile."""
    beyond = curve.loc[curve["percentile"] >= percent, column]
    return float(beyond.iloc[0] if len(beyond) else curve[column].iloc[-1])
