"""
The schedulers: they start arrivals, in an open workload on schedule, in a closed one when a user is free.

Locust's users send the next request when the last one was answered, so a slow server gets fewer requests. The
open scheduler keeps the schedule: an arrival that is due is started in an idle greenlet, or in a new one.
When ``max_in_flight`` are under way it waits in a queue, keeps its intended time, and is never dropped. After
the last arrival the scheduler drains; what is then unfinished is killed and must be recorded as a lower
bound.

Times are float seconds since the run began.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field
from typing import Generic, Protocol, TypeVar

import gevent
from gevent import Greenlet
from gevent.event import Event
from gevent.queue import SimpleQueue

from harness.lab.load.generator.self_check import Probe


class Due(Protocol):
    """Something with a time at which it should start."""

    @property
    def at(self) -> float: ...


A = TypeVar("A", bound=Due)


@dataclass(eq=False)
class Scheduler(ABC, Generic[A]):
    """
    Starts arrivals.

    Attributes:
        arrivals: In order of their times.
        play: Plays one arrival to its end; its second argument is the intended start. It must record the
            arrival as censored when its greenlet is killed.
        ends_at: When the drain ends.
        in_flight: Arrivals under way, without those in a queue [count].
        ran_dry: Whether the arrivals of a closed workload were used up before the time was up.
    """

    arrivals: Iterable[A]
    play: Callable[[A, float], None]
    clock: Callable[[], float]
    _: KW_ONLY
    ends_at: float
    probe: Probe
    in_flight: int = field(default=0, init=False)
    ran_dry: bool = field(default=False, init=False)

    @abstractmethod
    def run(self) -> None:
        """Play the arrivals; return when they have ended, when the drain is over, or when killed."""


@dataclass(eq=False)
class OpenScheduler(Scheduler[A]):
    """
    Starts arrivals when they are due.

    Attributes:
        censor: Records an arrival that was never started.
        max_in_flight: How many arrivals may be under way at once [count].
    """

    censor: Callable[[A], None]
    max_in_flight: int

    def __post_init__(self) -> None:
        self._waiting: deque[A] = deque()
        # A new greenlet costs as much as a request, so each one plays many arrivals.
        self._greenlets: set[Greenlet] = set()
        self._resting = 0
        self._to_play: SimpleQueue[A] = SimpleQueue()
        self._idle = Event()

    def run(self) -> None:
        try:
            self._keep_schedule()
            if self.in_flight:
                self._idle.wait(max(0.0, self.ends_at - self.clock()))
        finally:
            self._stop()

    def _keep_schedule(self) -> None:
        for arrival in self.arrivals:
            while (early := arrival.at - self.clock()) > 0:
                gevent.sleep(early)
            self.probe.offered += 1
            self.probe.lags.append(-early)
            if self.in_flight >= self.max_in_flight:
                self.probe.queued += 1
                self._waiting.append(arrival)
            else:
                self._start(arrival)

    def _start(self, arrival: A) -> None:
        self.probe.started += 1
        self._idle.clear()
        self.in_flight += 1
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
                self.play(arrival, arrival.at)
            finally:
                self.in_flight -= 1
            self._resting += 1
            self._start_next()

    def _greenlet_ended(self, greenlet: Greenlet) -> None:
        self._greenlets.discard(greenlet)
        self._start_next()

    def _start_next(self) -> None:
        if self._waiting:
            self._start(self._waiting.popleft())
        elif not self.in_flight:
            self._idle.set()

    def _stop(self) -> None:
        # An arrival may have been given to a greenlet that has not run since.
        never_started = [self._to_play.get() for _ in range(self._to_play.qsize())] + list(self._waiting)
        self._waiting.clear()
        gevent.killall(list(self._greenlets))
        for arrival in never_started:
            self.censor(arrival)


@dataclass(eq=False)
class ClosedScheduler(Scheduler[A]):
    """
    Lets a fixed number of users play arrivals one after another, as fast as the service answers.

    An arrival is due when a user is free to start it, so a slow service gets fewer arrivals. The times of the
    arrivals are not used.

    Attributes:
        until: When users stop taking new arrivals.
    """

    users: int
    until: float

    def __post_init__(self) -> None:
        self._shared = iter(self.arrivals)

    def run(self) -> None:
        users = [gevent.spawn(self._play_arrivals) for _ in range(self.users)]
        try:
            gevent.joinall(users, timeout=max(0.0, self.ends_at - self.clock()))
        finally:
            gevent.killall(users)

    def _play_arrivals(self) -> None:
        for arrival in self._shared:
            now = self.clock()
            if now >= self.until:
                return
            self.probe.offered += 1
            self.probe.started += 1
            self.in_flight += 1
            try:
                self.play(arrival, now)
            finally:
                self.in_flight -= 1
        self.ran_dry = True
