"""
The five metrics as the page shows them.
"""

from harness.stack.dashboard.measures import Measures

CREATED = "media_batches_created_total"
DURATION = "media_processing_duration_seconds"
INFLIGHT = "media_processing_inflight_jobs"


def shown(measures, now):
    return {one.name: one for one in measures.now(now)}


class TestMeasures:
    def test_a_counter_is_the_sum_of_its_data_without_dimensions(self):
        """
        The service puts each datum twice, with its labels and without: it is counted once.
        """
        measures = Measures()
        measures.feed([(1000.0, CREATED, '{"status":"READY"}', 1.0), (1000.0, CREATED, "{}", 1.0)])
        measures.feed([(1001.0, CREATED, "{}", 2.0)])

        assert shown(measures, 1002.0)[CREATED].value == 3.0

    def test_the_value_of_a_counter_includes_old_data(self):
        """
        The value counts since the stack began, the series covers five minutes.
        """
        measures = Measures()
        measures.feed([(1000.0, CREATED, "{}", 4.0)])

        measures.feed([(1000.0, CREATED, '{"status":"READY"}', 4.0)])

        assert shown(measures, 2000.0)[CREATED].value == 4.0
        assert list(measures.recent_series(2000.0).ready_per_s) == [0.0] * 60

    def test_a_gauge_has_gaps_where_it_has_no_data(self):
        """
        Its value is the last datum; five seconds without one are a gap, not a zero.
        """
        measures = Measures()
        measures.feed([(1000.0, INFLIGHT, "{}", 3.0), (1011.0, INFLIGHT, "{}", 7.0)])

        assert shown(measures, 1014.0)[INFLIGHT].value == 7.0
        assert list(measures.recent_series(1014.0).in_flight[-3:]) == [3.0, None, 7.0]

    def test_durations_are_a_percentile_in_model_seconds(self):
        """
        A stack ten times as fast has durations ten times as long in model time; p95 of 20 is the 19th.
        """
        measures = Measures(time_scale=10)
        measures.feed([(1000.0, DURATION, "{}", float(number)) for number in range(1, 21)])

        recent_series = measures.recent_series(1001.0)

        assert shown(measures, 1001.0)[DURATION].value == 190.0
        assert (recent_series.p50_s[-1], recent_series.p95_s[-1], recent_series.p99_s[-1]) == (
            100.0,
            190.0,
            200.0,
        )

    def test_durations_are_unknown_before_the_first(self):
        """
        Before a batch has ended there is no percentile.
        """
        assert shown(Measures(), 1000.0)[DURATION].value is None

    def test_a_datum_from_the_near_future_is_shown_now(self):
        """
        It counts in the last bin, as clocks may differ a little.
        """
        measures = Measures()
        measures.feed([(1007.0, CREATED, '{"status":"FAILED"}', 1.0)])

        assert measures.recent_series(1001.0).failed_per_s[-1] == 0.2

    def test_the_rates_count_entries_into_a_status(self):
        """
        Five batches begun and one READY in five seconds are 1 and 0.2 a second, at the end of the series.
        """
        measures = Measures()
        measures.feed([(1001.0, CREATED, '{"status":"PENDING_UPLOAD"}', 1.0)] * 5)
        measures.feed([(1002.0, CREATED, '{"status":"READY"}', 1.0)])

        recent_series = measures.recent_series(1004.0)

        assert (
            recent_series.created_per_s[-1],
            recent_series.ready_per_s[-1],
            recent_series.failed_per_s[-1],
        ) == (
            1.0,
            0.2,
            0.0,
        )
        assert (recent_series.minutes[0], recent_series.minutes[-1]) == (-4.9167, 0.0)
