"""Charts of the pipeline: where the time goes, classes of batches, states, retries and dead letters."""

from functools import partial
from typing import TYPE_CHECKING, Any

from harness.lab.report import chart_data, state_stations
from harness.lab.report.charts.axes import (
    DASHES,
    Line,
    add_tooltips,
    draw_counts,
    fault_bands,
    lanes,
    legend,
    log_time_axis,
    time_axis,
    whole_numbers,
)
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, INK, SERIES, VERMILION
from harness.lab.report.wording import count, plural, seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run


def time_spent(run: "Run", other: "Run | None" = None) -> Chart:
    """Where the time of a batch goes: each stage and state from its median beginning."""
    data, own = chart_data.of_both(state_stations.time_spent, run, other)
    names = list(dict.fromkeys(data["name"]))
    finding = ""
    if len(own):
        longest = own.nlargest(1, "p50_s").iloc[0]
        p50, p95 = seconds(longest["p50_s"]), seconds(longest["p95_s"])
        finding = f"The longest part is {longest['name']}: p50 {p50}, p95 {p95}."

    def draw(ax: "Axes") -> None:
        for (label, kind), rows in data.groupby(["run", "kind"], sort=False):
            is_own = label == run.id
            at = rows["name"].map(names.index) + (0.0 if is_own else 0.28)
            colour = BLUE if kind == "state" else GREY
            ax.barh(at, rows["p95_s"], left=rows["from_s"], height=0.06, color=colour)
            bars = ax.barh(
                at, rows["p50_s"], left=rows["from_s"], height=0.34 if is_own else 0.14, color=colour
            )
            add_tooltips(bars, (_spent(row) for _, row in rows.iterrows()))
        texts = {row["name"]: _spent(row) for _, row in own.iterrows()}
        lanes(ax, [texts.get(name, name) for name in names])
        ax.grid(axis="x", visible=True)
        ax.set_xlabel("model seconds since the batch was received (medians)")

    return Chart("time_spent", "Where the time goes", finding, data, draw, height=70 + 42 * len(names))


def _spent(row: "pd.Series[Any]") -> str:
    return f"{row['name']}   {seconds(row['p50_s'])}, p95 {seconds(row['p95_s'])}"


def size_classes(run: "Run", other: "Run | None" = None) -> Chart:
    """Share of batches done within a time, for each class of batches."""
    few = chart_data.median_photos(run)
    data, own = chart_data.of_both(lambda one: chart_data.size_classes(one, few), run, other)
    names = list(dict.fromkeys(data["class"]))
    medians = own[own["percentile"] >= 50].drop_duplicates("class")
    texts = (f"{row['class']} {seconds(row['duration_s'])}" for _, row in medians.iterrows())
    finding = f"Median processing time: {', '.join(texts)}."

    def draw(ax: "Axes") -> None:
        for (label, name), rows in data.groupby(["run", "class"], sort=False):
            is_own = label == run.id
            ax.step(
                rows["duration_s"], rows["percentile"], where="post", color=SERIES[names.index(name)],
                linestyle=DASHES[not is_own],
                label=f"{name} ({count(rows['batches'].iloc[0])})" if is_own else None,
            )  # fmt: skip
        log_time_axis(ax, "x")
        ax.set_xlabel("processing time")
        ax.set_ylabel("per cent of batches done")
        ax.set_ylim(0, 101)
        legend(ax, columns=2)

    return Chart("size_classes", "Processing time by class of batch", finding, data, draw)


def stations(run: "Run", other: "Run | None" = None) -> Chart:
    """Attempts of each state in service over time; each lane is scaled to its own peak."""
    data, own = chart_data.of_both(state_stations.busy_over_time, run, other)
    peaks = own.groupby("state", sort=False)["busy"].max()
    finding = "Most at once: " + ", ".join(f"{state} {count(peak)}" for state, peak in peaks.items()) + "."

    def draw(ax: "Axes") -> None:
        scale = time_axis(ax, float(data["at_s"].max()))
        fault_bands(ax, run, scale)
        names = list(peaks.index)
        highest = data.groupby("state")["busy"].max().clip(lower=1)
        for (label, state), rows in data[data["state"].isin(names)].groupby(["run", "state"], sort=False):
            base, is_own = names.index(state) + 0.4, label == run.id
            at, level = rows["at_s"] / scale, base - 0.62 * rows["busy"] / highest[str(state)]
            if is_own:
                ax.fill_between(at, base, level, step="post", color=BLUE, alpha=0.25, linewidth=0)
            colour = BLUE if is_own else INK
            ax.step(at, level, where="post", color=colour, linewidth=1, linestyle=DASHES[not is_own])
        lanes(ax, [f"{state}   at most {count(peak)}" for state, peak in peaks.items()])

    def draw_lines(ax: "Axes") -> None:
        scale = time_axis(ax, float(data["at_s"].max()))
        fault_bands(ax, run, scale)
        names = list(peaks.index)
        for (label, state), rows in data[data["state"].isin(names)].groupby(["run", "state"], sort=False):
            is_own = label == run.id
            ax.step(
                rows["at_s"] / scale, rows["busy"], where="post", linestyle=DASHES[not is_own],
                color=SERIES[names.index(state) % len(SERIES)], label=str(state) if is_own else None,
            )  # fmt: skip
        whole_numbers(ax, "attempts in service")

    height = 70 + 58 * len(peaks)
    return Chart("stations", "Attempts in service, by state", finding, data, draw, height, draw_lines)


def retries_over_time(run: "Run", other: "Run | None" = None) -> Chart:
    """Attempts of any state after its first, over time."""
    data, _ = chart_data.of_both(state_stations.retries_over_time, run, other)
    data = data.groupby(["run", "at_s"], sort=False, as_index=False)[["attempts", "retries"]].sum()
    own = data[data["run"] == run.id]
    repeated, attempts = own["retries"].sum(), own["attempts"].sum()
    finding = f"{plural(repeated, 'attempt')} of {count(attempts)} repeated one that had failed."
    lines = (Line("attempts", "all attempts", GREY, 1.6), Line("retries", "repeated", VERMILION, 1.6))
    draw = partial(draw_counts, data=data.sort_values("at_s"), lines=lines, label="per period", faults_of=run)
    return Chart("retries", "Attempts repeated", finding, data, draw)


def dead_letters(run: "Run", other: "Run | None" = None) -> Chart:
    """Messages that had reached the dead-letter queue."""
    data, own = chart_data.of_both(chart_data.dead_letters, run, other)
    finding = f"{plural(own['dead_letters'].max(), 'message')} reached the dead-letter queue."
    lines = [Line("dead_letters", "messages so far", VERMILION, 1.6)]
    draw = partial(draw_counts, data=data, lines=lines, label="messages so far", faults_of=run)
    return Chart("dead_letters", "Messages in the dead-letter queue", finding, data, draw, height=220)
