"""
The charts of a run, by name.
"""

import pytest
from matplotlib.figure import Figure

from harness.lab.report.plots import Plots


class TestNothing:
    @pytest.mark.parametrize("name", ["latency", "processing", "retries", "stations"])
    def test_a_chart_of_it_says_so(self, make_run, name):
        """
        On axes of a figure with others an empty one is as good an answer as any.
        """
        ax = Figure().add_subplot()
        chart = getattr(Plots(make_run([])), name)(ax=ax)

        assert [text.get_text() for text in ax.texts] == ["nothing was recorded"]
        assert repr(chart).endswith(": nothing was recorded>")
