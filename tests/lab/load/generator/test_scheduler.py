"""
The open scheduler keeps the schedule; the closed one starts arrivals when users are free.
"""

from dataclasses import dataclass

import gevent
import pytest
from gevent.event import Event

from harness.lab.load.generator.scheduler import ClosedScheduler, OpenScheduler
from harness.lab.load.generator.self_check import Probe

LONG_AGO = 1000.0


@dataclass(frozen=True)
class Arrival:
    name: str
    at: float


def open_scheduler(arrivals, play, *, censor=None, max_in_flight=10, ends_at=LONG_AGO, probe=None):
    """Return a scheduler whose arrivals are all due already, so that no test waits."""
    return OpenScheduler(
        arrivals,
        play,
        lambda: LONG_AGO,
        censor=censor or (lambda arrival: None),
        max_in_flight=max_in_flight,
        ends_at=ends_at,
        probe=probe or Probe(),
    )


class TestOpenScheduler:
    def test_an_arrival_gets_its_intended_time(self):
        """
        Response times are counted from it.
        """
        intended = []
        arrivals = [Arrival("a", 1.5), Arrival("b", 2.5)]
        scheduler = open_scheduler(arrivals, lambda arrival, at: intended.append(at), ends_at=LONG_AGO + 60)

        scheduler.run()

        assert intended == [1.5, 2.5]

    def test_arrivals_beyond_max_in_flight_wait_and_are_not_dropped(self):
        """
        With at most two in flight, five arrivals are played in order, and three are counted as queued.
        """
        played, probe = [], Probe()

        def play(arrival, at):
            played.append((arrival.name, at))
            gevent.sleep(0)

        arrivals = [Arrival(name, at) for at, name in enumerate("abcde")]
        scheduler = open_scheduler(arrivals, play, max_in_flight=2, ends_at=LONG_AGO + 60, probe=probe)

        scheduler.run()

        assert played == [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]
        assert (probe.offered, probe.started, probe.queued) == (5, 5, 3)

    def test_never_more_than_max_in_flight_are_under_way(self):
        """
        The next one starts when one has ended.
        """
        under_way, most = [0], []

        def play(arrival, at):
            under_way[0] += 1
            most.append(under_way[0])
            gevent.sleep(0)
            under_way[0] -= 1

        arrivals = [Arrival("a", 0.0)] * 20
        open_scheduler(arrivals, play, max_in_flight=3, ends_at=LONG_AGO + 60).run()

        assert max(most) == 3

    def test_at_the_end_of_the_drain_running_arrivals_are_killed_and_waiting_ones_censored(self):
        """
        Every unfinished arrival is either killed, and records itself, or is recorded as never started.
        """
        stopped, censored = [], []

        def play(arrival, at):
            try:
                Event().wait()
            except gevent.GreenletExit:
                stopped.append(arrival.name)
                raise

        def stay(arrivals):
            # The greenlets of those taken up begin before the drain, which has no time left, is over.
            yield from arrivals
            gevent.sleep(0)

        arrivals = stay([Arrival("a", 0.0), Arrival("b", 0.0), Arrival("c", 0.0)])
        open_scheduler(
            arrivals, play, censor=lambda arrival: censored.append(arrival.name), max_in_flight=2
        ).run()

        assert (sorted(stopped), censored) == (["a", "b"], ["c"])

    @pytest.mark.parametrize("names", ["a", "ab"], ids=["by a new greenlet", "by an idle greenlet"])
    def test_an_arrival_that_was_given_to_a_greenlet_but_never_began_is_censored(self, names):
        """
        SIGTERM may come before the greenlet that should play the arrival runs.
        """
        played, censored = [], []

        def one_after_another():
            for name in names:
                yield Arrival(name, 0.0)
                if name != names[-1]:
                    gevent.sleep(0.001)  # it is played, and its greenlet is idle
            raise gevent.GreenletExit

        scheduler = open_scheduler(
            one_after_another(),
            lambda arrival, at: played.append(arrival.name),
            censor=lambda arrival: censored.append(arrival.name),
        )

        with pytest.raises(gevent.GreenletExit):
            scheduler.run()

        assert (played, censored) == (list(names[:-1]), [names[-1]])

    def test_killing_it_stops_what_is_under_way(self):
        """
        SIGTERM during a run gives every arrival the chance to record itself.
        """
        stopped, begun = [], Event()

        def play(arrival, at):
            begun.set()
            try:
                Event().wait()
            except gevent.GreenletExit:
                stopped.append(arrival.name)
                raise

        scheduler = open_scheduler([Arrival("a", 0.0)], play, ends_at=LONG_AGO + 3600)
        running = gevent.spawn(scheduler.run)
        begun.wait()

        running.kill()

        assert stopped == ["a"]

    def test_lag_is_measured_when_an_arrival_is_taken_up(self):
        """
        An arrival due at 999 that is taken up at 1000 was one second late.
        """
        probe = Probe()

        open_scheduler([Arrival("a", 999.0)], lambda arrival, at: None, probe=probe).run()

        assert probe.lags == [1.0]


class TestClosedScheduler:
    def test_a_user_takes_the_next_arrival_when_the_last_one_has_ended(self):
        """
        Two users never have more than two arrivals under way, and play all there are.
        """
        under_way, most, played = [0], [], []

        def play(arrival, at):
            under_way[0] += 1
            most.append(under_way[0])
            gevent.sleep(0)
            under_way[0] -= 1
            played.append(arrival.name)

        arrivals = [Arrival(name, 0.0) for name in "abcdef"]
        ClosedScheduler(arrivals, play, lambda: 0.0, users=2, until=1.0, ends_at=60.0, probe=Probe()).run()

        assert (sorted(played), max(most)) == (list("abcdef"), 2)

    def test_nothing_new_begins_when_the_time_is_up(self):
        """
        Users look at the clock before they take an arrival.
        """
        played = []

        ClosedScheduler(
            [Arrival("a", 0.0)],
            lambda arrival, at: played.append(arrival),
            lambda: 1.0,
            users=1,
            until=1.0,
            ends_at=60.0,
            probe=Probe(),
        ).run()

        assert played == []

    def test_running_out_of_arrivals_before_the_time_is_up_is_noticed(self):
        """
        A closed run that used up its listings is shorter than its scenario.
        """
        scheduler = ClosedScheduler(
            [Arrival("a", 0.0)],
            lambda arrival, at: None,
            lambda: 0.0,
            users=1,
            until=1.0,
            ends_at=60.0,
            probe=Probe(),
        )

        scheduler.run()

        assert scheduler.ran_dry
