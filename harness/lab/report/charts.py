"""
The charts of the house: each looks at a run, and at another one beside it, dashed.

    from harness.lab.report import charts

    charts.processing_over_time(run)              # shows itself in a notebook
    figure, ax = charts.arrivals(run).plot()      # or goes on with matplotlib
    charts.stations(run).data                     # or without a picture

The horizontal axis of every course over time is model time since the run began.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from harness.lab.report import frames
from harness.lab.report import state_stations as measured
from harness.lab.report.alarm_line import alarm_line
from harness.lab.report.axes import (
    DASHES,
    Lines,
    bands,
    courses,
    curves,
    label_line,
    lanes,
    legend,
    log_time_axis,
    spans,
    time_axis,
    whole_numbers,
)
from harness.lab.report.drawing import Chart
from harness.lab.report.palette import AXIS, BLUE, GREEN, GREY, INK, SERIES, VERMILION
from harness.lab.report.wording import count, exact, number, plural, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.gate.verdict import Verdict
    from harness.lab.results.run import Run

PERCENTILES: Lines = (
    ("p99_s", "p99", VERMILION, 2.6),
    ("p95_s", "p95", BLUE, 1.6),
    ("p50_s", "p50", GREEN, 1.2),
)

STATES = {"OK": (GREEN, 0.16), "ALARM": (VERMILION, 0.5), "INSUFFICIENT_DATA": (AXIS, 0.06)}
"""Colour and thickness: a state can be told without seeing its colour."""


def arrivals(run: "Run", other: "Run | None" = None) -> Chart:
    """Arrivals as they were due and as they were started, and batches as they were completed."""
    data = _together(frames.arrivals, run, other)
    own = data[data["run"] == run.id]
    lines = (
        ("offered_per_s", "offered", GREY, 2.6),
        ("started_per_s", "started", BLUE, 1.2),
        ("completed_per_s", "batches completed", VERMILION, 1.6),
    )
    finding = (
        f"At most {number(own['offered_per_s'].max())} arrivals a second were due and "
        f"{number(own['started_per_s'].max())} were started; batches completed at up to "
        f"{number(own['completed_per_s'].max())} a second."
    )

    def draw(ax: "Axes") -> None:
        courses(ax, data, lines, stepped=True)
        ax.set_ylabel("per second")
        ax.set_ylim(bottom=0)

    return Chart("arrivals", "Arrivals offered, started and completed", finding, data, draw)


def in_system(run: "Run", other: "Run | None" = None) -> Chart:
    """How many batches the pipeline held, and how many HTTP requests were under way."""
    data = _together(frames.in_system, run, other)
    own = data[data["run"] == run.id]
    lines: Lines = (
        ("requests", "HTTP requests", GREY, 1.2),
        ("batches", "batches in the pipeline", BLUE, 1.6),
    )
    finding = (
        f"At most {plural(own['batches'].max(), 'batch', 'batches')} were in the pipeline at once, "
        f"and {plural(own['requests'].max(), 'HTTP request')} under way."
    )

    def draw(ax: "Axes") -> None:
        courses(ax, data, lines, stepped=True)
        whole_numbers(ax, "at once, most in a period")

    return Chart("in_flight", "In flight", finding, data, draw)


def queue_depth(run: "Run", other: "Run | None" = None) -> Chart:
    """Messages waiting in each queue."""
    data = _together(frames.queue_depth, run, other)
    own = data[data["run"] == run.id]
    worst = own.nlargest(1, "messages").iloc[0] if len(own) else None
    finding = (
        "" if worst is None else f"At most {plural(worst['messages'], 'message')} waited in {worst['queue']}."
    )

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, float(data["at_s"].max()))
        queues = sorted(data["queue"].unique())
        for (label, queue), rows in data.groupby(["run", "queue"], sort=False):
            mine = label == run.id
            colour = SERIES[queues.index(queue) % len(SERIES)]
            ax.step(
                rows["at_s"] / scale, rows["messages"], where="post", color=colour,
                linestyle=DASHES[not mine], label=queue if mine else None,
            )  # fmt: skip
        whole_numbers(ax, "messages visible")
        legend(ax, columns=1)

    return Chart("queues", "Messages waiting in the queues", finding, data, draw)


def processing_over_time(run: "Run", other: "Run | None" = None, verdict: "Verdict | None" = None) -> Chart:
    """Processing time from RECEIVED to the end, by when it ended, against the alarm line."""
    data = _together(frames.processing_over_time, run, other)
    own = data[data["run"] == run.id]
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
        bands(ax, run, verdict, courses(ax, data, PERCENTILES, marker="."))
        if line is not None:
            label_line(ax, line, f"alarm line {exact(line)}")
        log_time_axis(ax)
        ax.set_ylabel("RECEIVED to READY or FAILED")

    return Chart("processing", "Processing time over time", finding, data, draw, height=340)


def latency_over_time(run: "Run", other: "Run | None" = None) -> Chart:
    """Response times of HTTP requests, from when they were due."""
    data = _together(frames.latency_over_time, run, other)
    own = data[data["run"] == run.id]
    finding = f"The highest p99 of a period was {seconds(own['p99_s'].max())}." if len(own) else ""

    def draw(ax: "Axes") -> None:
        courses(ax, data, PERCENTILES)
        log_time_axis(ax)
        ax.set_ylabel("HTTP response time")

    return Chart("latency", "HTTP response time over time", finding, data, draw)


def end_to_end_curve(run: "Run", other: "Run | None" = None) -> Chart:
    """Time from an arrival's intended start until READY, against percentile."""
    data = _together(frames.end_to_end_curve, run, other)
    own = data[data["run"] == run.id]
    finding = ""
    if len(own):
        half, slowest = seconds(_at(own, 50, "ready_s")), seconds(own["ready_s"].max())
        finding = f"Half the arrivals were READY within {half}; the slowest took {slowest}."

    def draw(ax: "Axes") -> None:
        curves(ax, data, (("ready_s", "until READY", BLUE, 1.6),))
        ax.set_ylabel("from intended start to READY")

    return Chart("end_to_end", "From arrival to READY", finding, data, draw)


def response_curve(run: "Run", other: "Run | None" = None) -> Chart:
    """HTTP latency against percentile, measured from the intended and from the actual start."""
    data = _together(frames.response_curve, run, other)
    own = data[data["run"] == run.id]
    finding = ""
    if len(own):
        corrected, uncorrected = _at(own, 99, "corrected_s"), _at(own, 99, "uncorrected_s")
        finding = (
            f"p99 is {seconds(corrected)} counted from when requests were due, "
            f"{seconds(uncorrected)} from when they were sent."
        )

    def draw(ax: "Axes") -> None:
        lines: Lines = (
            ("corrected_s", "from intended start", BLUE, 3.2),
            ("uncorrected_s", "from actual start", VERMILION, 1.4),
        )
        curves(ax, data, lines)
        ax.set_ylabel("HTTP response time")

    return Chart("percentile_curve", "HTTP response time by percentile", finding, data, draw)


def time_spent(run: "Run", other: "Run | None" = None) -> Chart:
    """Where the time of a batch goes: each stage and state from its median beginning."""
    data = _together(measured.time_spent, run, other)
    own = data[data["run"] == run.id]
    finding = ""
    if len(own):
        longest = own.nlargest(1, "p50_s").iloc[0]
        p50, p95 = seconds(longest["p50_s"]), seconds(longest["p95_s"])
        finding = f"The longest part is {longest['name']}: p50 {p50}, p95 {p95}."

    def draw(ax: "Axes") -> None:
        names = list(dict.fromkeys(data["name"]))
        for (label, kind), rows in data.groupby(["run", "kind"], sort=False):
            mine = label == run.id
            at = rows["name"].map(names.index) + (0.0 if mine else 0.28)
            colour = BLUE if kind == "state" else GREY
            ax.barh(at, rows["p95_s"], left=rows["from_s"], height=0.06, color=colour)
            ax.barh(at, rows["p50_s"], left=rows["from_s"], height=0.34 if mine else 0.14, color=colour)
        texts = {
            row["name"]: f"{row['name']}   {seconds(row['p50_s'])}, p95 {seconds(row['p95_s'])}"
            for _, row in own.iterrows()
        }
        lanes(ax, [texts.get(name, name) for name in names])
        ax.grid(axis="x", visible=True)
        ax.set_xlabel("model seconds since the batch was received (medians)")

    return Chart(
        "time_spent", "Where the time goes", finding, data, draw, height=70 + 42 * len(data["name"].unique())
    )


def size_classes(run: "Run", other: "Run | None" = None) -> Chart:
    """Share of batches done within a time, for each class of batches."""
    few = frames.median_photos(run)
    data = _together(lambda one: frames.size_classes(one, few), run, other)
    own = data[data["run"] == run.id]
    medians = own[own["percentile"].between(49.9, 50.6)].drop_duplicates("class")
    finding = (
        "Median processing time: "
        + ", ".join(f"{row['class']} {seconds(row['duration_s'])}" for _, row in medians.iterrows())
        + "."
    )

    def draw(ax: "Axes") -> None:
        names = list(dict.fromkeys(data["class"]))
        for (label, name), rows in data.groupby(["run", "class"], sort=False):
            mine = label == run.id
            ax.step(
                rows["duration_s"], rows["percentile"], where="post", color=SERIES[names.index(name)],
                linestyle=DASHES[not mine],
                label=f"{name} ({count(rows['batches'].iloc[0])})" if mine else None,
            )  # fmt: skip
        log_time_axis(ax, "x")
        ax.set_xlabel("processing time")
        ax.set_ylabel("per cent of batches done")
        ax.set_ylim(0, 101)
        legend(ax, columns=2)

    return Chart("size_classes", "Processing time by class of batch", finding, data, draw)


def stations(run: "Run", other: "Run | None" = None) -> Chart:
    """How many attempts of each state were being served, over time; each lane is scaled to its own peak."""
    data = _together(measured.busy_over_time, run, other)
    own = data[data["run"] == run.id]
    peaks = own.groupby("state", sort=False)["busy"].max()
    finding = "Most at once: " + ", ".join(f"{state} {count(peak)}" for state, peak in peaks.items()) + "."

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, float(data["at_s"].max()))
        names = list(peaks.index)
        for (label, state), rows in data[data["state"].isin(names)].groupby(["run", "state"], sort=False):
            base, mine = names.index(state) + 0.4, label == run.id
            highest = max(data.loc[data["state"] == state, "busy"].max(), 1)
            level = base - 0.62 * rows["busy"] / highest
            if mine:
                ax.fill_between(
                    rows["at_s"] / scale, base, level, step="post", color=BLUE, alpha=0.25, linewidth=0
                )
            ax.step(
                rows["at_s"] / scale, level, where="post", color=BLUE if mine else INK, linewidth=1,
                linestyle=DASHES[not mine],
            )  # fmt: skip
        lanes(ax, [f"{state}   at most {count(peaks[state])}" for state in names])

    return Chart(
        "stations", "Attempts in service, by state", finding, data, draw, height=70 + 58 * len(peaks)
    )


def retries_over_time(run: "Run", other: "Run | None" = None) -> Chart:
    """Attempts of any state after its first, over time."""
    data = _together(measured.retries_over_time, run, other)
    data = data.groupby(["run", "at_s"], sort=False, as_index=False)[["attempts", "retries"]].sum()
    own = data[data["run"] == run.id]
    repeated, attempts = own["retries"].sum(), own["attempts"].sum()
    finding = f"{plural(repeated, 'attempt')} of {count(attempts)} repeated one that had failed."

    def draw(ax: "Axes") -> None:
        courses(
            ax,
            data.sort_values("at_s"),
            (("attempts", "all attempts", GREY, 1.6), ("retries", "repeated", VERMILION, 1.6)),
            stepped=True,
        )
        whole_numbers(ax, "per period")

    return Chart("retries", "Attempts repeated", finding, data, draw)


def dead_letters(run: "Run", other: "Run | None" = None) -> Chart:
    """Messages that had reached the dead-letter queue."""
    data = _together(frames.dead_letters, run, other)
    own = data[data["run"] == run.id]
    finding = f"{plural(own['dead_letters'].max(), 'message')} reached the dead-letter queue."

    def draw(ax: "Axes") -> None:
        courses(ax, data, (("dead_letters", "messages so far", VERMILION, 1.6),), stepped=True)
        whole_numbers(ax, "messages so far")

    return Chart("dead_letters", "Messages in the dead-letter queue", finding, data, draw, height=220)


def alarm_timelines(run: "Run", verdict: "Verdict") -> Chart:
    """The state of every alarm over the run."""
    end = frames.extent(run)
    rows = [(alarm.name, *span) for alarm in verdict.alarms for span in spans(alarm, end)]
    data = pd.DataFrame(rows, columns=["alarm", "from_s", "to_s", "state"])
    names = list(dict.fromkeys(data["alarm"]))
    fired = [alarm.name for alarm in verdict.alarms if alarm.fired_at_s is not None]
    finding = f"In ALARM at some time: {', '.join(fired)}." if fired else "No alarm fired."

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, end)
        for state, rows in data.groupby("state", sort=False):
            colour, height = STATES[str(state)]
            ax.barh(
                rows["alarm"].map(names.index), (rows["to_s"] - rows["from_s"]) / scale,
                left=rows["from_s"] / scale, height=height, color=colour, label=str(state),
            )  # fmt: skip
        lanes(ax, names)
        legend(ax)

    return Chart("alarms", "States of the alarms", finding, data, draw, height=90 + 34 * len(names))


def _together(measure: Callable[["Run"], pd.DataFrame], run: "Run", other: "Run | None") -> pd.DataFrame:
    """Return what was measured of both runs, the run's id in front."""
    both = [one for one in (run, other) if one is not None]
    parts = [measure(one) for one in both]
    for part, one in zip(parts, both, strict=True):
        part.insert(0, "run", one.id)
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _at(curve: pd.DataFrame, percent: float, column: str) -> float:
    """Return the value of a curve at the first of its points from a percentile on."""
    beyond = curve.loc[curve["percentile"] >= percent, column]
    return float(beyond.iloc[0] if len(beyond) else curve[column].iloc[-1])
