"""The chart of one batch's life: a lane for each kind of request, each stage, each state and each process."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.lab.report.batch_life import life_of_batch
from harness.lab.report.charts.axes import add_tooltips, lanes
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREEN, GREY, VERMILION
from harness.lab.report.wording import plural, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run

COLOURS = {"request": GREY, "stage": GREY, "state": BLUE, "span": GREEN}
FAILED = frozenset({"failed", "breached", "FAILED"})


def life_chart(run: "Run", batch_id: str, name: str) -> Chart:
    """
    The events of one batch over time, from its intended start; failed ones are red.

    Of its spans, the first in each process; the trace file has the others.
    """
    life = life_of_batch(run, batch_id)
    life = life[(life["kind"] != "span") | life["entry"]]
    lane = life["name"].where(life["kind"] != "span", life["service"].astype(str) + ": " + life["name"])
    data = life.assign(name=lane).drop(columns=["job_id", "waited_s", "service", "entry"])
    end = float(data["to_s"].max())
    is_failed = data["outcome"].isin(FAILED)
    amounts = data["kind"].value_counts()
    finding = (
        f"Batch {batch_id}: {seconds(end)} from its intended start, "
        f"{plural(amounts.get('request', 0), 'request')} and {plural(amounts.get('state', 0), 'attempt')} "
        f"of states, {plural(int(is_failed.sum()), 'failure')}."
    )
    names = list(dict.fromkeys(data["name"]))

    def draw(ax: "Axes") -> None:
        place = data["name"].map(names.index)
        length = (data["to_s"].fillna(end) - data["from_s"]).clip(lower=end / 400)
        for kind, colour in COLOURS.items():
            for failed in (False, True):
                chosen = (data["kind"] == kind) & (is_failed == failed)
                bars = ax.barh(
                    place[chosen] + 0.1, length[chosen], left=data["from_s"][chosen],
                    height=0.34, color=VERMILION if failed else colour, alpha=0.75,
                )  # fmt: skip
                add_tooltips(bars, (_tooltip(row) for _, row in data[chosen].iterrows()))
        lanes(ax, [_lane_label(data[data["name"] == name]) for name in names])
        ax.grid(axis="x", visible=True)
        ax.set_xlabel("model seconds since the intended start")

    return Chart(name, f"Life of batch {batch_id}", finding, data, draw, height=70 + 34 * len(names))


def _tooltip(row: "pd.Series[Any]") -> str:
    spent = "not ended" if pd.isna(row["to_s"]) else seconds(row["to_s"] - row["from_s"])
    return f"{row['name']}: {row['outcome']}, from {seconds(row['from_s'])}, {spent}"


def _lane_label(rows: "pd.DataFrame") -> str:
    times = (rows["to_s"] - rows["from_s"]).dropna()
    amount = f" × {len(rows)}" if len(rows) > 1 else ""
    spent = "not ended" if times.empty else seconds(float(times.max()))
    longest = "longest " if len(times) > 1 else ""
    return f"{rows['name'].iloc[0]}{amount}   {longest}{spent}"
