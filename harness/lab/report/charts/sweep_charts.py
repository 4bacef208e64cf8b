"""Charts of sweeps, of the search for a capacity, and of sensitivities, from their tables."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.lab.report.charts.axes import add_tooltips, label_line, lanes, legend, log_time_axis
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREEN, GREY, INK, SERIES, VERMILION
from harness.lab.report.wording import exact, percent, seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

RESULTS = {"pass": ("o", GREEN), "inconclusive": ("s", GREY), "fail": ("X", VERMILION)}
"""Marker and colour of each result of a limit."""


def sweep_chart(
    data: "pd.DataFrame", varied: Sequence[str], percentile: float = 95, limit: float | None = None
) -> Chart:
    """
    A percentile of the time to READY by the first parameter, with a line for each value of the others.

    Args:
        data: A row per cell, as by `harness.lab.sim.sweep.sweep.Sweep.to_frame`.
        limit: A horizontal line [s].
    """
    (first, *others), column = varied, f"p{percentile:g}"
    times = data[f"{column}_s"].dropna()
    finding = "No batch became READY."
    if not times.empty:
        ends = (data[data[f"{column}_s"] == end].iloc[0] for end in (times.min(), times.max()))
        texts = [f"{seconds(row[f'{column}_s'])} with {_names_and_values(row, varied)}" for row in ends]
        finding = f"{column} is between {texts[0]} and {texts[1]}."

    def draw(ax: "Axes") -> None:
        at = _positions(ax, data[first])
        lines = data.apply(lambda row: _names_and_values(row, others), axis=1)
        for place, (label, rows) in enumerate(data.groupby(lines, sort=False)):
            bounds = rows[[f"{column}_s", f"{column}_low_s", f"{column}_high_s"]]
            _draw_intervals(
                ax, at[rows.index], bounds, "o-", color=SERIES[place % len(SERIES)], label=str(label)
            )
        ax.set(xlabel=first, ylabel=f"{column}, arrival to READY")
        if limit is not None:
            label_line(ax, limit, exact(limit))
        log_time_axis(ax)
        legend(ax)

    return Chart("sweep", f"{column} of the time to READY", finding, data, draw)


def capacity_chart(
    data: "pd.DataFrame",
    key: str,
    objective: str,
    limit: float,
    *,
    is_time: bool,
    value: float | None,
    finding: str,
) -> Chart:
    """
    The probes of a search: estimates with their intervals, and the limit.

    Args:
        data: A row per probe, as by `harness.lab.sim.sweep.capacity.Capacity.to_frame`.
        limit: In seconds, or as a share 0…1.
        value: The answer, if there is one.
    """

    def draw(ax: "Axes") -> None:
        shown = data[np.isfinite(data["estimate"])]
        for result, (marker, colour) in RESULTS.items():
            rows = shown[shown["result"] == result]
            if not rows.empty:
                bounds = rows[["estimate", "low", "high"]]
                _draw_intervals(ax, rows[key], bounds, marker, color=colour, label=result)
        if value is not None:
            ax.axvline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        ax.set(xlabel=key, ylabel=objective.partition("(")[0] if is_time else "share not READY")
        label_line(ax, limit, exact(limit) if is_time else percent(limit))
        if is_time and not shown.empty:
            log_time_axis(ax)
        legend(ax)

    return Chart("capacity", f"{objective}, by {key}", finding, data, draw)


def tornado_chart(data: "pd.DataFrame", percentile: float, base: float, change: float) -> Chart:
    """
    The effect of each parameter on a percentile of the time to READY: a bar for each direction.

    Args:
        data: A row per parameter, as by `harness.lab.sim.sweep.parameter_effects.Sensitivity.to_frame`.
        base: The percentile without a change [s].
        change: Relative change of the parameters.
    """
    first = data.iloc[0]
    finding = (
        f"p{percentile:g} is {seconds(base)}. {first['parameter']} matters most: with "
        f"{_text(first['low_value'])} the change is {_signed(first['low_effect_s'])}, with "
        f"{_text(first['high_value'])} {_signed(first['high_effect_s'])}."
    )

    def draw(ax: "Axes") -> None:
        at = np.arange(len(data))
        for side, colour, label in (
            ("low", BLUE, f"{change:.0%} less"),
            ("high", VERMILION, f"{change:.0%} more"),
        ):
            effects = data[f"{side}_effect_s"]
            shift = -0.09 if side == "low" else 0.09
            error = data[f"{side}_half_width_s"].replace(math.inf, np.nan)
            bars = ax.barh(at + shift, effects, height=0.18, color=colour, label=label)
            ax.errorbar(effects, at + shift, xerr=error, fmt="none", color=INK, linewidth=1, capsize=2)
            texts = zip(data["parameter"], data[f"{side}_value"], effects, strict=True)
            add_tooltips(bars, (f"{key} = {_text(value)}: {_signed(effect)}" for key, value, effect in texts))
        lanes(ax, list(data["parameter"]))
        ax.axvline(0, color=INK, linewidth=1)
        ax.set_xlabel(f"change of p{percentile:g} [s]")
        legend(ax)

    height = 90 + 44 * len(data)
    return Chart(
        "sensitivity", f"Sensitivity of p{percentile:g} of the time to READY", finding, data, draw, height
    )


def morris_chart(data: "pd.DataFrame", percentile: float, change: float) -> Chart:
    """
    The elementary effects of parameters on a percentile of the time to READY, by the method of Morris.

    Args:
        data: A row per parameter, as by `ElementaryEffects.to_frame`.
        change: Relative change of the parameters, below and above their values.
    """
    first = data.iloc[0]
    finding = (
        f"{first['parameter']} matters most: from {_text(first['low_value'])} to "
        f"{_text(first['high_value'])} p{percentile:g} changes by {seconds(first['mu_star_s'])} on average."
    )
    if first["sigma_s"] > 0.5 * first["mu_star_s"]:
        finding += f" The effect depends on the other values: σ is {seconds(first['sigma_s'])}."

    def draw(ax: "Axes") -> None:
        at = np.arange(len(data))
        label = f"μ*: mean change from {change:.0%} less to {change:.0%} more"
        bars = ax.barh(at, data["mu_star_s"], height=0.3, color=BLUE, label=label)
        error = data["mu_star_half_width_s"]
        ax.errorbar(data["mu_star_s"], at, xerr=error, fmt="none", color=INK, linewidth=1, capsize=2)
        ax.plot(data["sigma_s"], at, "D", color=VERMILION, label="σ: how much the change varies")
        texts = zip(data["parameter"], data["mu_s"], data["sigma_s"], strict=True)
        add_tooltips(bars, (f"{key}: μ {_signed(mu)}, σ {seconds(sigma)}" for key, mu, sigma in texts))
        lanes(ax, list(data["parameter"]))
        ax.set_xlabel(f"change of p{percentile:g} [s]")
        legend(ax)

    title = f"Elementary effects on p{percentile:g} of the time to READY"
    return Chart("morris", title, finding, data, draw, 90 + 44 * len(data))


def frontier_chart(data: "pd.DataFrame", keys: Sequence[str], objective: str, finding: str) -> Chart:
    """
    The Pareto frontier of two parameters, with the cost of each point.

    Args:
        data: A row per value of the first parameter, as by `harness.lab.sim.sweep.frontier.Frontier.to_frame`
            with a column ``usd_per_thousand_batches``.
    """
    first, second = keys

    def draw(ax: "Axes") -> None:
        frontier = data[data["on_frontier"]]
        others = data[~data["on_frontier"] & data[second].notna()]
        none = data[data[second].isna()]
        ax.plot(
            frontier[first], frontier[second], "o-", color=GREEN, label="frontier", drawstyle="steps-post"
        )
        for _, row in frontier.iterrows():
            text = f"${row['usd_per_thousand_batches']:.2f}"
            ax.annotate(text, (row[first], row[second]), (5, 5), textcoords="offset points", fontsize="small")
        if not others.empty:
            ax.plot(others[first], others[second], "s", color=GREY, label="holds too, but is not needed")
        if not none.empty:
            bottom = ax.get_ylim()[0]
            ax.plot(none[first], [bottom] * len(none), "X", color=VERMILION, label=f"no {second} found")
        ax.set(xlabel=first, ylabel=second)
        legend(ax)

    return Chart("frontier", f"{objective}, by {first} and {second}", finding, data, draw)


def _positions(ax: "Axes", values: "pd.Series[Any]") -> "pd.Series[float]":
    """Return where values lie on the horizontal axis; what is not a number gets a place of its own."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        if values.nunique() <= 12:
            ax.set_xticks(sorted(values.unique()))
        return values.astype(float)
    texts = values.map(_text)
    names = list(dict.fromkeys(texts))
    ax.set_xticks(range(len(names)), names)
    return texts.map(names.index).astype(float)


def _draw_intervals(
    ax: "Axes", at: "pd.Series[Any]", bounds: "pd.DataFrame", line: str, *, color: str, label: str
) -> None:
    """Draw values with their intervals: columns value, low, high; an infinite upper bound is not drawn."""
    middle, low, high = (bounds.iloc[:, place] for place in range(3))
    # A logarithmic axis has no 0.
    lower, upper = low.clip(lower=0.1 * middle), high.replace(math.inf, np.nan).fillna(middle)
    ax.errorbar(at, middle, [middle - lower, upper - middle], fmt=line, color=color, capsize=3, label=label)


def _names_and_values(row: "pd.Series[Any]", keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {_text(row[key])}" for key in keys)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        inside = (f"{key} {_text(part)}" for key, part in value.items() if part is not None)
        return ", ".join(inside).removeprefix("distribution ")
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    return str(value)


def _signed(value: float) -> str:
    if math.isnan(value):
        return "no READY batch"
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{seconds(abs(value))}"
