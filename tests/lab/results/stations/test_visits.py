"""
Visits to a station: numbers over time, and ends that are known late.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.results.stations.visits import Numbers, Visits, numbers_over_time

NAN = float("nan")


def column(*values: float):
    return np.array(values, dtype=float)


class TestNumbersOverTime:
    def test_mean_percentile_and_maximum_are_over_time(self):
        """
        Two for 10 s, one for 80 s, none for 10 s.
        """
        found = numbers_over_time(column(0, 0), column(10, 90), 100.0)

        assert found == Numbers(1.0, 2.0, 2)

    def test_an_interval_without_an_end_lasts_to_the_end_of_the_run(self):
        """
        It is there for the last 25 s.
        """
        assert numbers_over_time(column(75), column(NAN), 100.0) == Numbers(0.25, 1.0, 1)

    def test_a_server_that_is_handed_over_counts_once(self):
        """
        At one instant ends come before starts.
        """
        assert numbers_over_time(column(0, 5), column(5, 10), 10.0).most == 1

    def test_nothing_is_zero(self):
        """
        Also in a run of no length.
        """
        assert numbers_over_time(column(), column(), 10.0) == Numbers(0.0, 0.0, 0)
        assert numbers_over_time(column(1), column(2), 0.0) == Numbers(0.0, 0.0, 0)

    @given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=1, max_size=30))
    def test_the_mean_is_the_time_in_the_system_over_the_length(self, intervals):
        """
        Little's law: the mean number is the sum of the times that each was there, over the length.
        """
        starts, spent = (np.array(each) for each in zip(*intervals, strict=True))
        found = numbers_over_time(starts, starts + spent, 200.0)

        assert found.mean == pytest.approx(spent.sum() / 200.0, abs=1e-9)


class TestVisits:
    def test_a_visitor_that_was_not_served_waits_until_it_leaves(self):
        """
        It has no service time and no wait of a served one, but was in the queue.
        """
        visits = Visits(column(0, 10), column(2, NAN), column(5, 30))

        assert visits.waits.tolist() == [2.0]
        assert visits.services.tolist() == [3.0]
        assert visits.in_queue(100.0) == Numbers(0.22, 1.0, 1)

    def test_a_late_end_does_not_occupy_a_server_of_another(self):
        """
        One server: the first job leaves it when the second begins, although its event came a second later.
        """
        visits = Visits(column(0, 0), column(0, 9), column(10, 20)).limited_to(1)

        assert visits.finished.tolist() == [9.0, 20.0]
        assert visits.in_service(20.0).most == 1

    def test_ends_are_kept_where_servers_are_free(self):
        """
        With two servers nothing contradicts the recorded end.
        """
        visits = Visits(column(0, 0), column(0, 9), column(10, 20)).limited_to(2)

        assert visits.finished.tolist() == [10.0, 20.0]

    @given(
        st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50) | st.just(NAN)), min_size=1, max_size=30),
        st.integers(1, 4),
    )
    def test_never_more_in_service_than_servers(self, intervals, servers):
        """
        Whatever was recorded, and no end moves to a later time.
        """
        starts, spent = (np.array(each) for each in zip(*intervals, strict=True))
        visits = Visits(starts, starts, starts + spent)
        limited = visits.limited_to(servers)

        assert limited.in_service(200.0).most <= servers
        assert not (limited.finished > visits.finished).any()
