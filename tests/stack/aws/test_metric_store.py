"""
The metric data of the local CloudWatch: rows, series and statistics.
"""

import pytest

from harness.stack.aws.metric_store import MetricStore, statistic


class TestMetricStore:
    def test_rows_come_in_order_of_arrival_from_a_row_on(self):
        """
        A reader that already has N rows asks for those from row N on.
        """
        store = MetricStore()
        store.add("TOQ/MediaProcessing", "media_batches_created_total", {"status": "READY"}, 1.0, at=10.0)
        store.add("AWS/Lambda", "Errors", {"FunctionName": "listing-media-zip"}, 0.0, at=11.0)

        count, rows = store.since(1)

        assert count == 2
        assert rows == [(11.0, "AWS/Lambda/Errors", '{"FunctionName":"listing-media-zip"}', 0.0)]

    def test_a_reader_of_an_earlier_store_misses_nothing(self):
        """
        The numbers of a later store are beyond those of an earlier one, so the reader gets all its rows.
        """
        earlier, later = MetricStore(1000), MetricStore(2000)
        earlier.add("N", "m", {}, 1.0, 2.0, at=1.0)
        later.add("N", "m", {}, 3.0, at=2.0)

        read, _ = earlier.since(0)

        assert read == 1002
        assert later.since(read) == (2001, [(2.0, "N/m", "{}", 3.0)])
        assert later.since(2001) == (2001, [])

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

    def test_the_rank_is_exact_for_decimal_percentages(self):
        """
        The 95th percentile of 200 values is the 190th, although 0.95 has no exact binary fraction.
        """
        assert statistic("p95", [float(n) for n in range(1, 201)]) == 190

    @pytest.mark.parametrize("name", ["sum", "p101", "p0", "tm90", "IQM", ""])
    def test_an_unsupported_statistic_is_refused(self, name):
        """
        The error names the statistic.
        """
        with pytest.raises(ValueError, match="not supported"):
            statistic(name, [1.0])
