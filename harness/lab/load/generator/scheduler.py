"""
The schedulers: they start arrivals, in an open workload on schedule, in a closed one when a user is free.

Locust's users send the next request when the last one was answered, so a slow server gets fewer requests. The
open scheduler keeps the schedule: an arrival that is due is started in an idle greenlet, or in a new one.
When ``max_in_flight`` are under way it waits in a queue, keeps its intended time, and is never dropped. After
the last arrival the scheduler drains; what is then unfinished is killed and must be recorded as a lower
bound.

Times are float seconds since the run began.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

import gevent
from gevent import Greenlet
from gevent.event import Event
from gevent.queue import SimpleQueue

from harness.lab.load.generator.self_check import Probe

Clock = Callable[[], float]


class Due(Protocol):
    """Something with a time at which it should start."""

    @property
    def at(self) -> float: ...


A = TypeVar("A", bound=Due)


class OpenScheduler(Generic[A]):
    """
    Starts arrivals when they are due.

    Args:
        arrivals: In order of their times.
        play: Plays one arrival to its end; its second argument is the intended start. It must record the
            arrival as censored when its greenlet is killed.
        censor: Records an arrival that was never started.
        clock: Returns the current time.
        max_in_flight: How many arrivals may be under way at once [count].
        ends_at: When the drain ends.
    """

    ran_dry = False
    """An open scheduler plays exactly the arrivals of its schedule."""

    def __init__(
        self,
        arrivals: Iterable[A],
        play: Callable[[A, float], None],
        censor: Callable[[A], None],
        clock: Clock,
        *,
        max_in_flight: int,
        ends_at: float,
        probe: Probe,
    ) -> None:
        self._arrivals = arrivals
        self._play = play
        self._censor = censor
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._ends_at = ends_at
        self._probe = probe
        self._waiting: deque[A] = deque()
        # A new greenlet costs as much as a request, so each one plays many arrivals.
        self._greenlets: set[Greenlet] = set()
        self._resting = 0
        self._to_play: SimpleQueue[A] = SimpleQueue()
        self._in_flight = 0
        self._idle = Event()

    @property
    def in_flight(self) -> int:
        """Arrivals under way, without those in the queue [count]."""
        return self._in_flight

    def run(self) -> None:
        """Play all arrivals; return when they have ended, when the drain is over, or when killed."""
        try:
            self._keep_schedule()
            if self._in_flight:
                self._idle.wait(max(0.0, self._ends_at - self._clock()))
        finally:
            self._stop()

    def _keep_schedule(self) -> None:
        for arrival in self._arrivals:
            while (early := arrival.at - self._clock()) > 0:
                gevent.sleep(early)
            self._probe.offered += 1
            self._probe.lags.append(-early)
            if self._in_flight >= self._max_in_flight:
                self._probe.queued += 1
                self._waiting.append(arrival)
            else:
                self._start(arrival)

    def _start(self, arrival: A) -> None:
        self._probe.started += 1
        self._idle.clear()
        self._in_flight += 1
        self._to_play.put(arrival)
        if self._resting:
            self._resting -= 1
        else:
            greenlet = gevent.spawn(self._play_arrivals)
            self._greenlets.add(greenlet)
            greenlet.rawlink(self._greenlet_ended)

    def _play_arrivals(self) -> None:
        while True:
            arrival = self._to_play.get()
            try:
                self._play(arrival, arrival.at)
            finally:
                self._in_flight -= 1
            self._resting += 1
            self._start_next()

    def _greenlet_ended(self, greenlet: Greenlet) -> None:
        self._greenlets.discard(greenlet)
        self._start_next()

    def _start_next(self) -> None:
        if self._waiting:
            self._start(self._waiting.popleft())
        elif not self._in_flight:
            self._idle.set()

    def _stop(self) -> None:
        # An arrival may have been given to a greenlet that has not run since.
        never_started = [self._to_play.get() for _ in range(self._to_play.qsize())] + list(self._waiting)
        self._waiting.clear()
        gevent.killall(list(self._greenlets))
        for arrival in never_started:
            self._censor(arrival)


class ClosedScheduler(Generic[A]):
    """
    Lets a fixed number of users play arrivals one after another, as fast as the service answers.

    An arrival is due when a user is free to start it, so a slow service gets fewer arrivals.

    Args:
        arrivals: In the order in which the users take them; their times are not used.
        until: When users stop taking new arrivals.
    """

    def __init__(
        self,
        arrivals: Iterable[A],
        play: Callable[[A, float], None],
        clock: Clock,
        *,
        users: int,
        until: float,
        ends_at: float,
        probe: Probe,
    ) -> None:
        self._arrivals = iter(arrivals)
        self._play = play
        self._clock = clock
        self._users = users
        self._until = until
        self._ends_at = ends_at
        self._probe = probe
        self.in_flight = 0
        """Arrivals under way [count]."""
        self.ran_dry = False
        """Whether the arrivals were used up before the time was up."""

    def run(self) -> None:
        """Play until the time is up and all users have ended, until the drain is over, or until killed."""
        users = [gevent.spawn(self._play_arrivals) for _ in range(self._users)]
        try:
            gevent.joinall(users, timeout=max(0.0, self._ends_at - self._clock()))
        finally:
            gevent.killall(users)

    def _play_arrivals(self) -> None:
        for arrival in self._arrivals:
            now = self._clock()
            if now >= self._until:
                return
            self._probe.offered += 1
            self._probe.started += 1
            self.in_flight += 1
            try:
                self._play(arrival, now)
            finally:
                self.in_flight -= 1
        self.ran_dry = True
