"""
Numbers of servers from the times of attempts that a queue with known servers has played.
"""

import heapq

import numpy as np
import pytest

from harness.lab.calibration.histories.server_count import (
    hidden_servers,
    most_at_once,
    seen_servers,
    service_starts,
)

NEVER = float("nan")


def played(servers, count=400, load=1.1, patience=np.inf, seed=0):
    """
    Play a queue, first come, first served; who waits longer than *patience* [s] leaves unserved.

    Returns:
        ``ready``, ``left`` [s] and whether the service was complete, shape (count,).
    """
    draws = np.random.default_rng([20261201, seed])
    ready = np.cumsum(draws.exponential(1 / (load * servers), count))
    services = np.exp(0.3 * draws.standard_normal(count))
    left, served, free = np.empty(count), np.ones(count, dtype=bool), [0.0] * servers
    for number, at in enumerate(ready):
        begin = max(at, free[0])
        served[number] = begin - at < patience
        left[number] = begin + services[number] if served[number] else at + patience
        if served[number]:
            heapq.heapreplace(free, left[number])
    return np.round(ready, 3), np.round(left, 3), served


class TestHiddenServers:
    @pytest.mark.parametrize("servers", [1, 3, 21])
    def test_they_are_found(self, servers):
        """
        Also a number between two of the first search.
        """
        found = hidden_servers(*played(servers))

        assert found.servers == servers
        assert found.interval[0] <= servers <= found.interval[1]

    def test_every_number_near_the_best_one_is_tried(self):
        """
        Twenty-one of a hundred at once is in a gap of the first search: the interval has no gap there.
        """
        ready, left, complete = played(21, count=300, load=1.6)
        found = hidden_servers(ready, left, complete)

        assert found.most_at_once > 80
        assert found.interval == (21, 21)

    def test_attempts_that_left_while_they_waited_need_no_server(self):
        """
        A third of them timed out in the queue of four servers.
        """
        ready, left, complete = played(4, load=1.5, patience=1.0)
        found = hidden_servers(ready, left, complete)

        assert (~complete).sum() > 40
        assert found.servers == 4
        assert not np.isfinite(found.begun_at[~complete]).any()

    def test_an_attempt_that_was_stopped_frees_its_server(self):
        """
        One of two servers is not occupied for ever by an attempt that was stopped in its service.
        """
        ready, left, complete = played(2)
        complete[5] = False

        found = hidden_servers(ready, left, complete)

        assert found.servers == 2
        assert found.begun_at == pytest.approx(service_starts(ready, left, np.ones(400, dtype=bool), 2))

    def test_an_attempt_that_is_under_way_keeps_its_server(self):
        """
        The last one was not seen to leave.
        """
        ready, left, complete = played(2)
        left[-1], complete[-1] = NEVER, False

        assert hidden_servers(ready, left, complete).servers == 2

    def test_without_an_end_nothing_is_known(self):
        """
        All attempts are under way.
        """
        found = hidden_servers(np.arange(3.0), np.full(3, NEVER), np.zeros(3, dtype=bool))

        assert (found.servers, found.interval, found.most_at_once) == (None, (3, None), 3)
        assert found.begun_at.tolist() == [0, 1, 2]


class TestSeenServers:
    def test_an_attempt_that_no_worker_took_is_none_at_once(self):
        """
        It left the queue while one worker was busy, and another one timed out before.
        """
        ready = np.array([0.0, 1.0, 2.0, 3.0])
        begun = np.array([0.0, np.inf, 5.0, np.inf])
        left = np.array([5.0, 2.5, 6.0, 7.0])

        found = seen_servers(ready, begun, left)

        assert (found.servers, found.interval) == (1, (1, 1))

    def test_without_workers_nothing_is_known(self):
        """
        Every attempt timed out in the queue: their number is not 0.
        """
        found = seen_servers(np.arange(3.0), np.full(3, np.inf), np.arange(3.0) + 60)

        assert (found.servers, found.most_at_once) == (None, 3)

    def test_an_attempt_that_has_just_come_has_not_waited(self):
        """
        The history was exported before a worker could take it.
        """
        found = seen_servers(np.arange(2.0), np.array([0.0, np.inf]), np.array([0.5, NEVER]))

        assert found.servers is None


class TestMostAtOnce:
    def test_an_interval_that_never_began_does_not_count(self):
        """
        Its end ends none of the others.
        """
        begun, left = np.array([0.0, np.inf, 2.0]), np.array([9.0, 1.0, 9.0])

        assert most_at_once(begun, left) == 2

    def test_an_interval_that_ends_when_another_begins_does_not_overlap(self):
        """
        One after the other.
        """
        assert most_at_once(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == 1
