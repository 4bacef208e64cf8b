"""
SimPy's environment on a clock of whole nanoseconds, with a defined order of simultaneous events.

Float seconds lose their last bits when they are added, so two events that should coincide would not. Whole
nanoseconds are exact, and events of one instant happen in the order of their key: see
`harness.lab.sim.event_order`. Processes, timeouts, resources, stores and conditions are SimPy's own.
"""

from collections import deque
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import simpy
from simpy.core import BoundClass, EmptySchedule, Infinity, SimTime
from simpy.events import NORMAL, Event, EventPriority

from harness.states_language.host import NS, Callback

SETTLED = 2
"""Key of an event after all of SimPy's own events of the same instant, and before all events in order."""


class OrderedTimeout(simpy.Timeout):
    """A timeout that has a place among the events of its instant."""

    def __init__(self, env: "OrderedEnvironment", delay: int, key: int) -> None:
        self.order = key
        super().__init__(env, delay)


class OrderedEnvironment(simpy.Environment):
    """
    SimPy's environment; times are nanoseconds.

    An event of `after` happens in the order of its key. SimPy's own events without a delay (a process begins
    or ends, a request is granted) happen before the next event in order: they complete the current one.

    Attributes:
        events: Number of events so far.
        agenda: The events at later times, and those that have a place in the order.
        urgent, immediate: SimPy's own events of the current instant, by their priority.
    """

    # A plain attribute, because it is read a hundred times as often as it is set; in SimPy it is a property.
    now: int = 0
    """Time since the beginning [ns]."""

    if TYPE_CHECKING:

        def after(self, delay: int, key: int) -> OrderedTimeout:
            """Return an event in *delay* [ns]; at one instant, the event with the smallest key is first."""

    else:
        # As SimPy defines its own timeout and process.
        after = BoundClass(OrderedTimeout)

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0
        self.agenda: list[tuple[Any, int, int, Event]] = []
        self.urgent: deque[Event] = deque()
        self.immediate: deque[Event] = deque()

    @property
    def seconds(self) -> float:
        """The time since the beginning [s]."""
        return self.now / NS

    def settled(self) -> OrderedTimeout:
        """Return an event at this instant, after all requests that can be granted now have been granted."""
        return OrderedTimeout(self, 0, SETTLED)

    def call_in(self, delay: int, key: int, callback: Callback) -> None:
        """Call a function at an event of `after`, for code that is not a process."""
        OrderedTimeout(self, delay, key).callbacks.append(partial(_call, callback))

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: SimTime = 0) -> None:
        self.events = number = self.events + 1
        if event.__class__ is OrderedTimeout:
            heappush(self.agenda, (self.now + delay, event.order, number, event))
        elif delay:
            heappush(self.agenda, (self.now + delay, priority, number, event))
        elif priority:
            self.immediate.append(event)
        else:
            self.urgent.append(event)

    def peek(self) -> SimTime:
        if self.urgent or self.immediate:
            return self.now
        return self.agenda[0][0] if self.agenda else Infinity

    def step(self) -> None:
        if self.urgent:
            event = self.urgent.popleft()
        elif self.immediate:
            event = self.immediate.popleft()
        elif self.agenda:
            self.now, _, _, event = heappop(self.agenda)
        else:
            raise EmptySchedule
        _happen(event)

    def run(self, until: SimTime | Event | None = None) -> Any:
        """Process all events before *until*; SimPy's own run, but with fewer calls for each event."""
        if not isinstance(until, int) or until <= self.now:
            return super().run(until)
        agenda, urgent, immediate = self.agenda, self.urgent, self.immediate
        while True:
            if urgent:
                event = urgent.popleft()
            elif immediate:
                event = immediate.popleft()
            elif agenda and agenda[0][0] < until:
                self.now, _, _, event = heappop(agenda)
            else:
                break
            # As in `_happen`; a call for each event would take a third longer.
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)
            if not event.ok and not event.defused:
                raise event.value  # type: ignore[misc]
        self.now = until
        return None


def _call(callback: Callback, _event: Event) -> None:
    callback()


def _happen(event: Event) -> None:
    """Call the callbacks of an event; raise its exception if none of them handles it."""
    # SimPy marks an event that has happened in this way, and declares a list only.
    callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # see above
    for callback in callbacks:
        callback(event)
    if not event.ok and not event.defused:
        raise event.value  # type: ignore[misc]  # the value of an event that failed is an exception
