"""
Start arrivals when they are due, whatever became of the ones before.

Locust's users ask again when they have been answered, so a server that stalls is asked less. Here the
schedule is kept: an arrival whose time has come is played by somebody who is free, or somebody new; when
``max_in_flight`` are under way it queues, with its intended moment, and is never dropped. After the last
arrival the scheduler drains; what is then unfinished is stopped and must be recorded as a lower bound.

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
    """Something with a moment at which it should start."""

    @property
    def at(self) -> float: ...


A = TypeVar("A", bound=Due)


class OpenScheduler(Generic[A]):
    """
    Play arrivals at their time.

    Args:
        arrivals: In order of their times.
        play: Plays one arrival to its end; it is told the moment the arrival was intended to start.
            It records itself as censored when it is killed.
        censor: Records an arrival that never got a turn.
        clock: Now.
        max_in_flight: How many arrivals may be under way [count].
        ends_at: When the drain is over.
    """

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
        # A greenlet costs as much as a request: those who have played one arrival play another.
        self._players: set[Greenlet] = set()
        self._resting = 0
        self._given: SimpleQueue[A] = SimpleQueue()
        self._in_flight = 0
        self._idle = Event()

    ran_dry = False
    """An open scheduler has the arrivals it has."""

    @property
    def in_flight(self) -> int:
        """Arrivals under way, without those that queue [count]."""
        return self._in_flight

    def run(self) -> None:
        """Play everything; return when all has ended, or the drain is over, or this greenlet is killed."""
        try:
            self._keep_schedule()
            self._drain()
        finally:
            self._give_up()

    def _keep_schedule(self) -> None:
        for arrival in self._arrivals:
            while (early := arrival.at - self._clock()) > 0:
                gevent.sleep(early)
            self._probe.offered += 1
            self._probe.lags.append(-early)
            self._take_up(arrival)

    def _take_up(self, arrival: A) -> None:
        if self._in_flight >= self._max_in_flight:
            self._probe.queued += 1
            self._waiting.append(arrival)
        else:
            self._start(arrival)

    def _start(self, arrival: A) -> None:
        self._probe.started += 1
        self._idle.clear()
        self._in_flight += 1
        self._given.put(arrival)
        if self._resting:
            self._resting -= 1
        else:
            player = gevent.spawn(self._play_on)
            self._players.add(player)
            player.rawlink(self._left)

    def _play_on(self) -> None:
        """Play whatever one is given."""
        while True:
            arrival = self._given.get()
            try:
                self._play(arrival, arrival.at)
            finally:
                self._in_flight -= 1
            self._resting += 1
            self._go_on()

    def _left(self, player: Greenlet) -> None:
        self._players.discard(player)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            self._start(self._waiting.popleft())
        elif not self._in_flight:
            self._idle.set()

    def _drain(self) -> None:
        if self._in_flight:
            self._idle.wait(max(0.0, self._ends_at - self._clock()))

    def _give_up(self) -> None:
        # Some may have been given to a player who has not had a turn since.
        never_started = [self._given.get() for _ in range(self._given.qsize())] + list(self._waiting)
        self._waiting.clear()
        gevent.killall(list(self._players))
        for arrival in never_started:
            self._censor(arrival)


class ClosedScheduler(Generic[A]):
    """
    Let a fixed number of users take arrivals one after another, as fast as they are served.

    An arrival is due when a user is free to begin it, so a slow server is asked less.

    Args:
        arrivals: What the users take, in this order; their own times are not looked at.
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
        self._playing = 0
        self.ran_dry = False
        """Whether there was nothing more to take before the time was up."""

    @property
    def in_flight(self) -> int:
        """Arrivals under way [count]."""
        return self._playing

    def run(self) -> None:
        """Play until the time is up and everyone has ended, or the drain is over, or killed."""
        users = [gevent.spawn(self._user) for _ in range(self._users)]
        try:
            gevent.joinall(users, timeout=max(0.0, self._ends_at - self._clock()))
        finally:
            gevent.killall(users)

    def _user(self) -> None:
        for arrival in self._arrivals:
            now = self._clock()
            if now >= self._until:
                return
            self._probe.offered += 1
            self._probe.started += 1
            self._playing += 1
            try:
                self._play(arrival, now)
            finally:
                self._playing -= 1
        self.ran_dry = True
