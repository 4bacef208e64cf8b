"""
The agenda: events by time, then by their key, then in the order in which they were scheduled.

Nearly all deadlines are cancelled, so they wait in a heap of their own: they do not slow the others down.
When there are many, those that were cancelled are forgotten. The same holds for the ends of work that shared
processors expect.
"""

from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled

END_OF_WORK, DEADLINE, TIMER, VISIBLE_AGAIN, DISPATCHED, CLIENT, ARRIVAL, SAMPLE = range(2, 10)
"""Kinds of events in their order at one instant, as in `harness.lab.sim.event_order`."""

IMMEDIATE, SETTLED = -2, -1
"""Keys of events that complete the current one, before all others: see `complete_with`."""

(
    ON_ARRIVAL, ON_CLIENT, ON_USER, ON_SAMPLE, ON_RECONCILE, ON_VISIBLE, ON_DISPATCHED, ON_DEAD_LETTER,
    ON_EXECUTION_START, ON_EXECUTION_DEADLINE, ON_STATE, ON_WAITED, ON_RETRY, ON_INVOCATION_END,
    ON_SERVICE_END, ON_TRANSCODED, ON_TIME_OUT, ON_HEARTBEAT,
    ON_OPERATION, ON_WORK_END, ON_OPERATION_END, ON_RECEIVED, ON_HANDLED, ON_PLACE_FREE, ON_ADMITTED,
    ON_SERVER_FREE, ON_GRANTED, ON_SETTLED, ON_EXECUTION_END, ON_NOTHING,
) = range(30)  # fmt: skip
"""What an event does; those from ON_OPERATION on are events of hosts with shared processors only."""

ENTITY_BITS, ITEM_BITS = 27, 16
ENTITIES, ITEMS = 1 << ENTITY_BITS, 1 << ITEM_BITS

FEW_DEADLINES = 1024

ONE = np.uint64(1)
TOP, BELOW_TOP = np.uint64(0), ONE
"""Places in a heap are unsigned: a signed index would be compared with zero each time."""


@compiled
def order(kind: int, entity: int, item: int, attempt: int) -> int:
    """Return the key that orders the events of one instant."""
    return (kind << 59) + (entity << 32) + (item << 16) + attempt


@compiled
def schedule(w: Any, delay: int, key: int, what: int, row: int, serial: int) -> None:
    """Schedule an event: what it does, and the row that it concerns."""
    g = w.world[0]
    g.events += 1
    g.number += 1
    if g.vacant:
        # An event that has happened leaves its place to the first one that it schedules.
        g.vacant = 0
        _replace_first(w.agenda, g.agenda, g.now + delay, key, g.number, (what << 32) + row, serial)
    else:
        g.agenda += 1
        rise(w.agenda, g.agenda - 1, g.now + delay, key, g.number, (what << 32) + row, serial)


@compiled
def is_alone(w: Any, at: int) -> bool:
    """Return whether no other event happens until a time, or at that time."""
    g = w.world[0]
    if at >= g.slice_at or g.processed >= g.check_at:
        # The loop has something else to do before.
        return False
    if g.deadlines > 0 and w.deadlines[0].at <= at:
        return False
    if g.vacant:
        return w.agenda[1].at > at and w.agenda[2].at > at
    return w.agenda[0].at > at


@compiled
def happen_after(w: Any, delay: int) -> None:
    """Let an event happen after a delay in which it is alone: it needs no place in the agenda."""
    g = w.world[0]
    g.events += 1
    g.processed += 1
    g.now += delay


@compiled
def complete_with(w: Any, what: int, row: int) -> None:
    """
    Schedule an event that completes the current one.

    Work on shared processors may end at one instant, in one event. So what follows happens in the order of
    SimPy's own events without a delay: one step after the other, each in its turn.
    """
    schedule(w, 0, IMMEDIATE, what, row, 0)


@compiled
def close_gap(w: Any) -> None:
    """Remove the event that has happened, unless its place was taken."""
    g = w.world[0]
    if g.vacant:
        g.vacant = 0
        remove_first(w.agenda, g.agenda)
        g.agenda -= 1


@compiled
def schedule_deadline(w: Any, delay: int, key: int, what: int, row: int, serial: int) -> None:
    """Schedule an event that will probably be cancelled."""
    g = w.world[0]
    if g.deadlines >= g.deadlines_most:
        _forget_cancelled(w)
    g.number += 1
    g.deadlines += 1
    rise(w.deadlines, g.deadlines - 1, g.now + delay, key, g.number, (what << 32) + row, serial)


@compiled
def _forget_cancelled(w: Any) -> None:
    """Keep the deadlines that still matter; to remove the others one by one would take longer."""
    g, kept = w.world[0], 0
    for place in range(g.deadlines):
        event = w.deadlines[place]
        if is_awaited(w, event.what >> 32, event.what & 0xFFFFFFFF, event.serial):
            rise(w.deadlines, kept, event.at, event.key, event.number, event.what, event.serial)
            kept += 1
    g.deadlines, g.deadlines_most = kept, max(FEW_DEADLINES, 2 * kept)


@compiled
def is_awaited(w: Any, what: int, row: int, serial: int) -> bool:
    """Return whether a deadline was not cancelled, or the end of work is still expected."""
    if what == ON_WORK_END:
        return w.world[0].host_expectations == serial
    if what == ON_EXECUTION_DEADLINE:
        return w.executions[row].serial == serial
    return w.threads[row].attempt == serial


@compiled
def precedes(one: Any, other: Any) -> bool:
    """Return whether an event comes before another one."""
    return _comes_before(one, other.at, other.key, other.number)


@compiled
def _comes_before(event: Any, at: int, key: int, number: int) -> bool:
    if event.at != at:
        return event.at < at
    if event.key != key:
        return event.key < key
    return event.number < number


@compiled
def remove_first(heap: Any, count: int) -> None:
    """Remove the first event of a heap with *count* of them."""
    # The free place sinks to the bottom, then the last event rises from there: half as many comparisons.
    left, place, below = np.uint64(count - 1), TOP, BELOW_TOP
    while below + ONE < left:
        below += _is_second(heap, below)
        _move(heap[place], heap[below])
        place = below
        below = (place << ONE) + ONE
    if below < left:
        _move(heap[place], heap[below])
        place = below
    last = heap[left]
    rise(heap, place, last.at, last.key, last.number, last.what, last.serial)


@compiled
def _replace_first(heap: Any, count: int, at: int, key: int, number: int, what: int, serial: int) -> None:
    """Put an event into a heap of *count* in place of the first one."""
    # From the top: most events are scheduled for soon.
    size, place, below = np.uint64(count), TOP, BELOW_TOP
    while below < size:
        if below + ONE < size:
            below += _is_second(heap, below)
        if not _comes_before(heap[below], at, key, number):
            break
        _move(heap[place], heap[below])
        place = below
        below = (place << ONE) + ONE
    _write(heap[place], at, key, number, what, serial)


@compiled
def _is_second(heap: Any, place: Any) -> Any:
    """Return 1 if the event after a place comes before the one at the place, else 0."""
    # A number and not a branch: the processor cannot foresee which one is earlier.
    one, other = heap[place], heap[place + ONE]
    if one.at == other.at:
        return np.uint64(precedes(other, one))
    return np.uint64(other.at < one.at)


@compiled
def rise(heap: Any, free: Any, at: int, key: int, number: int, what: int, serial: int) -> None:
    """Put an event into a free place of a heap, or above it."""
    place = np.uint64(free)
    while place > TOP:
        above = (place - ONE) >> ONE
        if _comes_before(heap[above], at, key, number):
            break
        _move(heap[place], heap[above])
        place = above
    _write(heap[place], at, key, number, what, serial)


@compiled
def _move(place: Any, event: Any) -> None:
    # Field by field: the bytes of a whole record are moved one at a time.
    _write(place, event.at, event.key, event.number, event.what, event.serial)


@compiled
def _write(place: Any, at: int, key: int, number: int, what: int, serial: int) -> None:
    place.at, place.key, place.number, place.what, place.serial = at, key, number, what, serial
