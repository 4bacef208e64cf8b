"""The chart of the quantiles of one run against those of another (Q-Q plot)."""

from typing import TYPE_CHECKING

import numpy as np

from harness.lab.report.chart_data import tail_points
from harness.lab.report.charts.axes import legend, log_time_axis
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, VERMILION
from harness.lab.report.wording import percent
from harness.lab.results.percentile import percentiles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from harness.lab.results.run import Run

NAMED = {"ready": "arrival to READY", "processing": "RECEIVED to the end"}
MIDDLE = (5.0, 99.0)
"""The largest difference is that between these percentiles: the ends are single values."""


def quantiles(run: "Run", other: "Run | None" = None) -> Chart:
    """Times of *run* against those of *other* at the same percentile; on the diagonal they are equal."""
    data = _frame(run, other)
    finding = ""
    if len(data):
        inner = data[data["percentile"].between(*MIDDLE)]
        gaps = (inner["now_s"] / inner["before_s"] - 1).abs().groupby(inner["time"], sort=False).max()
        texts = [f"{NAMED[str(name)]} by at most {percent(gap)}" for name, gap in gaps.items()]
        finding = f"Between p5 and p99 the quantiles differ: {', '.join(texts)}."

    def draw(ax: "Axes") -> None:
        ends = [
            float(data[["before_s", "now_s"]].min().min()),
            float(data[["before_s", "now_s"]].max().max()),
        ]
        ax.plot(ends, ends, color=GREY, linewidth=1, label="equal")
        for (name, rows), colour in zip(data.groupby("time", sort=False), (BLUE, VERMILION), strict=False):
            ax.plot(rows["before_s"], rows["now_s"], ".-", color=colour, label=NAMED[str(name)])
        log_time_axis(ax, "x")
        log_time_axis(ax)
        ax.set(xlabel="before", ylabel="now")
        legend(ax)

    return Chart("quantiles", "Quantiles of both runs", finding, data, draw, height=420)


def _frame(run: "Run", other: "Run | None") -> "pd.DataFrame":
    """Return ``time``, ``percentile``, ``before_s`` and ``now_s`` [model s]; no row without two runs."""
    import pandas as pd

    parts = [pd.DataFrame(columns=["time", "percentile", "before_s", "now_s"])]
    for name in NAMED if other is not None else ():
        assert other is not None  # noqa: S101 - else there is no name
        before, now = _times(other, name), _times(run, name)
        if min(before.size, now.size) > 1:
            points = tail_points(min(before.size, now.size))
            columns = {
                "time": name,
                "percentile": points,
                "before_s": percentiles(before, points),
                "now_s": percentiles(now, points),
            }
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _times(run: "Run", name: str) -> "NDArray[np.float64]":
    rows = run.timings
    rows = rows[(rows["type"] == "E2E") & (rows["name"] == name) & (rows["intended_at"] >= run.warm_up)]
    times = run.model_seconds(rows["finished_at"] - rows["intended_at"]).dropna()
    values = np.asarray(times, dtype=np.float64)
    return values[values > 0]
