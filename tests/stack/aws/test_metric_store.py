"""
Every datum, kept raw.
"""

import pytest

from harness.stack.aws.metric_store import MetricStore, statistic


class TestMetricStore:
    def test_rows_come_in_order_of_arrival_and_from_where_one_left_off(self):
        """
        A reader who says how many rows it has gets the others.
        """
        store = MetricStore()
        store.add("TOQ/MediaProcessing", "media_batches_created_total", {"status": "READY"}, 1.0, at=10.0)
        store.add("AWS/Lambda", "Errors", {"FunctionName": "listing-media-zip"}, 0.0, at=11.0)

        count, rows = store.since(1)

        assert count == 2
        assert rows == [(11.0, "AWS/Lambda/Errors", '{"FunctionName":"listing-media-zip"}', 0.0)]

    def test_dimensions_match_exactly(self):
        """
        As in CloudWatch, a metric with dimensions is not found without them.
        """
        store = MetricStore()
        store.add("N", "m", {"a": "1"}, 5.0, at=1.0)

        assert store.find("N", "m", {}) is None
        assert store.find("N", "m", {"a": "1"}).between(0, 2) == [(1.0, 5.0)]


class TestStatistic:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("Sum", 5050), ("Average", 50.5), ("Minimum", 1), ("Maximum", 100), ("SampleCount", 100),
         ("p95", 95), ("p99.9", 100), ("p50", 50), ("p0.1", 1), ("p100", 100)],
    )  # fmt: skip
    def test_of_one_to_a_hundred(self, name, value):
        """
        A percentile is the nearest rank of the raw values.
        """
        assert statistic(name, list(range(1, 101))) == value

    def test_the_rank_does_not_suffer_from_binary_fractions(self):
        """
        The 95th of 100 values is the 95th, though 0.95 is a little more in binary.
        """
        assert statistic("p95", [float(n) for n in range(1, 201)]) == 190

    @pytest.mark.parametrize("name", ["sum", "p101", "p0", "tm90", "IQM", ""])
    def test_what_we_do_not_have_is_refused(self, name):
        """
        A statistic nobody computes is named, not answered with nothing.
        """
        with pytest.raises(ValueError, match="not supported"):
            statistic(name, [1.0])
