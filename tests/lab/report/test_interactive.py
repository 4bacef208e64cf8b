"""
The data of interactive charts agrees with the drawing.
"""

import json

import pytest

import harness
from harness.lab.report.charts.chart import Chart


@pytest.fixture(scope="module")
def run():
    return harness.load_run("fixtures/runs/slow")


@pytest.fixture(scope="module")
def morning():
    return harness.load_run("fixtures/runs/morning_live")


def interactive(chart):
    return json.loads(chart.interactive())


class TestInteractiveCharts:
    def test_series_have_the_values_of_the_chart(self, run):
        """
        Every column that is drawn is a series with its label; absent values are gaps.
        """
        chart = run.plot.processing()

        data = interactive(chart)

        assert [one["label"] for one in data["series"]] == ["p99", "p95", "p50"]
        assert data["series"][1]["values"] == pytest.approx(chart.data["p95_s"].tolist(), rel=1e-4)
        assert data["xAxis"]["label"] == "minutes since the run began"
        assert data["x"] == pytest.approx((chart.data["at_s"] / 60).tolist(), rel=1e-4)

    def test_times_have_a_logarithmic_axis(self, run):
        """
        The axis says that its values are times, so that they are shown with a unit.
        """
        assert interactive(run.plot.processing())["yAxis"]["kind"] == "time"
        assert interactive(run.plot.processing())["yAxis"]["log"] is True
        assert interactive(run.plot.in_flight())["yAxis"] == {
            "label": "at once, most in a period", "log": False, "kind": "number",
        }  # fmt: skip

    def test_percentile_curves_keep_their_ticks(self, morning):
        """
        The axis of percentiles has ticks such as p50 and p99, at 1/(1 − p).
        """
        axis = interactive(morning.plot.percentile_curve())["xAxis"]

        assert axis["kind"] == "percentile"
        assert axis["ticks"][0] == [2.0, "p50"]

    def test_the_alarm_line_and_the_bands_are_kept(self, run):
        """
        Thresholds have their label; the times of an alarm in ALARM are bands.
        """
        data = interactive(run.plot.processing(verdict=harness.check(run)))

        assert data["thresholds"] == [{"at": 600.0, "label": "alarm line 10 min"}]
        assert data["bands"][0]["colour"] == "--band-alarm"
        assert data["bands"][0]["to"] > data["bands"][0]["from"]

    def test_the_lines_of_another_run_are_named(self, morning):
        """
        They are dashed and have no label in the picture.
        """
        live, simulated = (
            harness.load_run(f"fixtures/runs/morning_{name}") for name in ("live", "simulated")
        )

        series = interactive(live.plot.processing(other=simulated))["series"]

        assert [one["label"] for one in series[3:]] == [f"p{percent} (other run)" for percent in (99, 95, 50)]
        assert [one["dashed"] for one in series] == [False] * 3 + [True] * 3

    def test_a_chart_with_lanes_has_lines_instead(self, morning):
        """
        The lanes of the stations are scaled to their own peak; the lines have the numbers themselves.
        """
        chart = morning.plot.stations()

        most = {one["label"]: max(one["values"]) for one in interactive(chart)["series"]}

        assert most == chart.data.groupby("state")["busy"].max().to_dict()

    def test_a_chart_of_bars_has_tooltips_instead(self, morning):
        """
        Bars have no interactive drawing; each shows its text under the pointer.
        """
        chart = morning.plot.waterfall()

        assert chart.interactive() is None
        assert f"<title>{chart.data['name'].iloc[0]}   " in chart.svg()

    def test_a_text_cannot_end_the_script_element(self):
        """
        A name with mark-up stays data.
        """
        import pandas as pd

        def draw(ax):
            ax.plot([0, 1], [1, 2], label="</script><b>")

        chart = Chart("x", "x", "x", pd.DataFrame({"a": [1]}), draw)

        assert "</script>" not in chart.interactive()
        assert interactive(chart)["series"][0]["label"] == "</script><b>"
