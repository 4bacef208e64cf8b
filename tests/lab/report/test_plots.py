"""
The charts of a run, by name.
"""

import pytest
from matplotlib.figure import Figure

from harness.lab.report.plots import Plots, PlottableRun


class TestEmptyRun:
    @pytest.mark.parametrize("name", ["latency", "processing", "retries", "stations"])
    def test_a_chart_says_that_nothing_was_recorded(self, make_run, name):
        """
        The text stands on the axes and in the representation of the chart.
        """
        ax = Figure().add_subplot()
        chart = getattr(Plots(make_run([])), name)(ax=ax)

        assert [text.get_text() for text in ax.texts] == ["nothing was recorded"]
        assert repr(chart).endswith(": nothing was recorded>")


def test_a_chart_is_saved_into_a_folder_given_as_text(simulated_morning, tmp_path):
    """
    As documented: PNG and CSV are written into a folder that is made if it does not exist.
    """
    PlottableRun.of(simulated_morning).plot.waterfall().save(str(tmp_path / "figures"))

    assert sorted(path.suffix for path in (tmp_path / "figures").iterdir()) == [".csv", ".png"]


def test_a_file_is_drawn_once(simulated_morning, tmp_path, monkeypatch):
    """
    Drawing is the cost of a report: the layout is measured without it.
    """
    drawn = []
    monkeypatch.setattr(Figure, "draw", _counting(Figure.draw, drawn))
    chart = PlottableRun.of(simulated_morning).plot.waterfall()
    chart.save(tmp_path)
    chart.svg()

    assert len(drawn) == 2


def _counting(draw, drawn):
    def counted(figure, renderer):
        drawn.append(figure)
        return draw(figure, renderer)

    return counted
