"""
The data behind the charts, in cases small enough to count by hand.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.report import chart_data, state_stations
from harness.lab.report.charts import load_charts, time_charts
from harness.lab.results.percentile import percentiles
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.stations.station_table import stations_of


def series(*values: float | None) -> "pd.Series[float]":
    return pd.Series(values, dtype=float)


class TestMostAtOnce:
    def test_it_counts_the_peak_inside_a_period(self):
        """
        Two that overlap between the edges count as two, although none is in progress at an edge.
        """
        edges = np.array([0.0, 10.0, 20.0])

        assert chart_data.most_at_once(series(1, 2), series(4, 3), edges).tolist() == [2.0, 0.0]

    def test_an_end_comes_before_a_start_at_the_same_instant(self):
        """
        A server that is handed over counts once.
        """
        assert chart_data.most_at_once(series(0, 5), series(5, 9), np.array([0.0, 10.0])).tolist() == [1.0]

    def test_without_an_end_it_stays_to_the_last_bin(self):
        """
        An unfinished batch is in the pipeline until the end of the run.
        """
        edges = np.array([0.0, 2.0, 4.0])

        assert chart_data.most_at_once(series(1), series(None), edges).tolist() == [1.0, 1.0]

    @given(st.lists(st.tuples(st.floats(0, 90), st.floats(0.1, 50)), max_size=30))
    def test_it_is_never_more_than_there_are(self, intervals):
        """
        The peak is between 0 and the number of intervals.
        """
        starts = series(*(at for at, _ in intervals))
        ends = series(*(at + length for at, length in intervals))
        most = chart_data.most_at_once(starts, ends, np.linspace(0, 200, 21))

        assert most.min() >= 0
        assert most.max() <= len(intervals)
        assert (most.max() >= 1) == bool(intervals)


class TestTimeScale:
    def test_charts_use_model_time(self, make_run):
        """
        At time scale 10, 3 clock seconds are 30 model seconds, and 1 arrival per clock second is 0.1/s.
        """
        rows = [
            MetricRow(6.0, "media_processing_duration_seconds", "{}", 3.0),
            *(RequestRow(0, at, "POST", "uploads", 201, "ok", at, at, at + 0.1) for at in range(60)),
        ]
        run = make_run(rows, time_scale=10.0, duration_s=60.0)

        assert run.processing_times().to_dict("records") == [{"at_s": 60.0, "duration_s": 30.0}]
        assert chart_data.arrivals(run)["offered_per_s"].tolist() == pytest.approx([0.1] * 60)

    def test_http_latency_is_clock_time(self, make_run):
        """
        The latency of a machine does not depend on the time scale.
        """
        run = make_run([RequestRow(0, 0, "POST", "uploads", 201, "ok", 20.0, 20.2, 20.5)], time_scale=10.0)

        curve = chart_data.response_curve(run).iloc[-1]
        assert (curve["corrected_s"], curve["uncorrected_s"]) == pytest.approx((0.5, 0.3))


class TestCurve:
    def test_its_end_is_the_largest_value(self):
        """
        The curve ends at the slowest request, not at a percentile before it.
        """
        values = np.arange(1.0, 1001.0)

        assert percentiles(values, chart_data.tail_points(1000))[-1] == 1000.0

    def test_the_usual_percentiles_are_on_it(self):
        """
        p50 to p99.9 are points of the curve.
        """
        assert {50.0, 90.0, 95.0, 99.0, 99.9} <= set(chart_data.tail_points(5000).tolist())


class TestStations:
    def test_busy_time_over_the_run_is_the_mean_in_service(self, make_run):
        """
        Two attempts of 5 s in 100 s: a mean of 0.1 in service, at most one at once.
        """
        rows = [
            StepRow(1, "CreateZipBundle", 0, 1, 10.0, 12.0, 17.0, "SUCCEEDED"),
            StepRow(2, "CreateZipBundle", 0, 1, 50.0, 50.0, 55.0, "SUCCEEDED"),
        ]
        stations = stations_of(make_run(rows, duration_s=100.0))
        row = stations[stations["kind"] == "state"].iloc[0]

        assert (row["busy_mean"], row["busy_max"], row["wait_p95_s"]) == pytest.approx((0.1, 1.0, 2.0))

    def test_repeated_attempts_count_as_one_part_of_the_time(self, make_run):
        """
        It lasts from the first attempt's ready time to the last one's end, back-off included.
        """
        rows = [
            BatchRow("b", 1, 1, 1, "SHOOT", 1, 0, 0, 9, 0.0, 1.0, 2.0, 3.0, 20.0, 21.0, "READY"),
            StepRow(1, "GenerateThumbnails", 0, 1, 4.0, 4.0, 5.0, "FAILED"),
            StepRow(1, "GenerateThumbnails", 0, 2, 9.0, 9.0, 12.0, "SUCCEEDED"),
        ]
        spent = state_stations.time_spent(make_run(rows)).set_index("name")

        assert spent.loc["GenerateThumbnails", ["from_s", "p50_s"]].tolist() == [2.0, 8.0]
        assert spent.index.tolist() == ["upload", "queue", "GenerateThumbnails", "seen by the client"]


class TestEndToEndCurve:
    @pytest.mark.parametrize(
        ("outcomes", "finding", "last"),
        [
            (["ok"] * 4, "Half the arrivals were READY within 2.00 s; the slowest took 4.00 s.", 4.0),
            (
                ["ok", "ok", "failed", "censored"],
                "Half the arrivals were READY within 2.00 s; 2 of 4 did not become READY.",
                2.0,
            ),
            (
                ["ok", "failed", "failed", "censored"],
                "Less than half the arrivals became READY; 3 of 4 did not become READY.",
                1.0,
            ),
        ],
    )
    def test_it_ends_before_the_arrivals_that_did_not_become_ready(self, make_run, outcomes, finding, last):
        """
        One that fails fast was not READY fast.
        """
        rows = [
            RequestRow(0, n, "E2E", "ready", None, outcome, 0.0, 0.0, n + 1.0)
            for n, outcome in enumerate(outcomes)
        ]
        run = make_run(rows, duration_s=10.0, scenario={})

        assert time_charts.end_to_end_curve(run).finding == finding
        assert chart_data.end_to_end_curve(run)["ready_s"].max() == last

    def test_no_arrival_became_ready(self, make_run):
        """
        The sentence says so, and there is no curve.
        """
        run = make_run(
            [RequestRow(0, 0, "E2E", "ready", None, "failed", 0.0, 0.0, 1.0)], duration_s=10.0, scenario={}
        )

        assert time_charts.end_to_end_curve(run).finding == "No arrival became READY."
        assert chart_data.end_to_end_curve(run).empty


class TestResponseByRate:
    @staticmethod
    def ready(due: float, spent: float) -> RequestRow:
        return RequestRow(0, 0, "E2E", "ready", None, "ok", due, due, due + spent)

    def test_each_point_is_a_rate_and_its_percentiles(self, make_run):
        """
        Arrivals every 2 s that take 1 s, then every second that take 3 s: a rate that is held is one point.
        """
        slow = [self.ready(2.0 * number, 1.0) for number in range(36)]
        fast = [self.ready(72.0 + number, 3.0) for number in range(37)]
        stages = [{"ramp_per_s": [0.5, 1.0], "for_s": 110.0}]
        run = make_run(slow + fast, duration_s=110.0, scenario={"arrivals": [{"stages": stages}]})

        curve = chart_data.response_by_rate(run)

        assert curve["arrival_rate_per_s"].tolist() == pytest.approx([0.5, 1.0])
        assert curve["p95_s"].tolist() == pytest.approx([1.0, 3.0])

    def test_arrivals_that_fail_fast_do_not_make_it_shorter(self, make_run):
        """
        From one arrival a second on most fail at once.
        """
        slow = [self.ready(2.0 * number, 1.0) for number in range(72)]
        fast = [
            self.ready(144.0 + number, 0.1)._replace(outcome="failed" if number % 4 else "ok")
            for number in range(73)
        ]
        stages = [{"ramp_per_s": [0.5, 1.0], "for_s": 218.0}]
        run = make_run(slow + fast, duration_s=218.0, scenario={"arrivals": [{"stages": stages}]})
        chart = load_charts.response_by_rate(run)

        assert chart_data.response_by_rate(run)["p95_s"].tolist() == [1.0, np.inf]
        assert chart.finding.endswith(
            "from 1.00 a second on more than 5 of 100 arrivals did not become READY."
        )
        assert chart.svg()

    def test_a_scenario_whose_rate_does_not_rise_has_none(self, make_run):
        """
        Random differences of a steady rate say nothing about the response.
        """
        stages = [{"hold_per_s": 1.0, "for_s": 110.0}]
        rows = [self.ready(float(number), 1.0) for number in range(72)]
        run = make_run(rows, duration_s=110.0, scenario={"arrivals": [{"stages": stages}]})

        assert chart_data.response_by_rate(run).empty
