"""The chart of the host's processors during a live run."""

from typing import TYPE_CHECKING

from harness.lab.report import chart_data
from harness.lab.report.charts.axes import Line, draw_over_time
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, VERMILION
from harness.lab.report.host_data import processors
from harness.lab.report.wording import number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run


def host_processors(run: "Run", other: "Run | None" = None) -> Chart:
    """How busy the processors of the host were, with which work, and how much longer work took."""
    data, own = chart_data.of_both(processors, run, other)
    lines = (
        Line("busy", "all work", GREY, 2.6),
        Line("own", "stack and generator", BLUE, 1.6),
        Line("waiting", "waits for a processor", VERMILION, 1.2),
    )
    finding = ""
    if len(own):
        finding = (
            f"The processors were {percent(own['busy'].mean())} busy on average, "
            f"{percent(own['own'].mean())} with the stack and the generator; short work took at most "
            f"{number(own['stretch'].max())} times as long as on a free processor."
        )

    def draw(ax: "Axes") -> None:
        shown = [line for line in lines if data[line.column].notna().any()]
        draw_over_time(ax, data, shown)
        ax.set_ylabel("share of the processors' time")
        ax.set_ylim(0, 1.05)

    return Chart("host_processors", "Processors of the host", finding, data, draw)
