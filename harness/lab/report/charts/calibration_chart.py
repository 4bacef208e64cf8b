"""The chart of a calibration: fitted against observed quantiles of each step."""

from typing import TYPE_CHECKING

from harness.lab.report.charts.axes import legend, log_time_axis
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import GREY, SERIES
from harness.lab.report.wording import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def calibration_chart(data: "pd.DataFrame", name: str = "calibration") -> Chart:
    """
    Quantiles of the fitted service times by those observed; on the diagonal they agree.

    Args:
        data: ``step``, ``share`` [0…1], ``observed_s`` and ``fitted_s``, a row per step and share.
        name: Stem of the names of the files.
    """
    inside = data[data["share"].between(0.05, 0.95)]
    differences = (inside["fitted_s"] / inside["observed_s"] - 1).abs().to_numpy()
    worst = inside.iloc[int(differences.argmax())]
    finding = (
        f"Between p5 and p95 fitted and observed times differ by at most {percent(float(differences.max()))} "
        f"({worst['step']}, p{100 * worst['share']:.0f})."
    )

    def draw(ax: "Axes") -> None:
        ends = data[["observed_s", "fitted_s"]].to_numpy()
        ax.plot([ends.min(), ends.max()], [ends.min(), ends.max()], color=GREY, linewidth=1)
        for place, (step, rows) in enumerate(data.groupby("step", sort=False)):
            colour = SERIES[place % len(SERIES)]
            ax.plot(rows["observed_s"], rows["fitted_s"], ".-", color=colour, markersize=3, label=str(step))
        ax.set(xlabel="observed service time", ylabel="fitted service time")
        log_time_axis(ax, "x")
        log_time_axis(ax)
        legend(ax)

    return Chart(name, "Fitted and observed service times", finding, data, draw, height=420)
