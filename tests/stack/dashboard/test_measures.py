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
        The value counts since the stack began, the history covers five minutes.
        """
        measures = Measures()
        measures.feed([(1000.0, CREATED, "{}", 4.0)])

        created = shown(measures, 2000.0)[CREATED]

        assert created.value == 4.0
        assert list(created.history) == [0.0] * 60

    def test_a_gauge_has_gaps_where_it_has_no_data(self):
        """
        Its value is the last datum; five seconds without one are a gap, not a zero.
        """
        measures = Measures()
        measures.feed([(1000.0, INFLIGHT, "{}", 3.0), (1011.0, INFLIGHT, "{}", 7.0)])

        inflight = shown(measures, 1014.0)[INFLIGHT]

        assert inflight.value == 7.0
        assert list(inflight.history[-3:]) == [3.0, None, 7.0]

    def test_durations_are_a_percentile_in_model_seconds(self):
        """
        A stack ten times as fast has durations ten times as long in model time; p95 of 20 is the 19th.
        """
        measures = Measures(time_scale=10)
        measures.feed([(1000.0, DURATION, "{}", float(number)) for number in range(1, 21)])

        duration = shown(measures, 1001.0)[DURATION]

        assert duration.value == 190.0
        assert duration.history[-1] == 190.0

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
        measures.feed([(1007.0, CREATED, "{}", 1.0)])

        assert shown(measures, 1001.0)[CREATED].history[-1] == 1.0
