"""
The agenda: events by time, then by their key, then in the order in which they were scheduled.

Nearly all deadlines are cancelled, so they wait in a heap of their own: they do not slow the others down.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled

END_OF_WORK, DEADLINE, TIMER, VISIBLE_AGAIN, DISPATCHED, CLIENT, ARRIVAL, SAMPLE = range(2, 10)
"""Kinds of events in their order at one instant, as in `harness.lab.sim.event_order`."""

(
    ON_ARRIVAL, ON_CLIENT, ON_USER, ON_SAMPLE, ON_RECONCILE, ON_VISIBLE, ON_DISPATCHED, ON_DEAD_LETTER,
    ON_EXECUTION_START, ON_EXECUTION_DEADLINE, ON_STATE, ON_WAITED, ON_RETRY, ON_INVOCATION_END,
    ON_SERVICE_END, ON_TRANSCODED, ON_TIME_OUT, ON_HEARTBEAT,
) = range(18)  # fmt: skip
"""What an event does."""

ENTITY_BITS, ITEM_BITS = 27, 16
ENTITIES, ITEMS = 1 << ENTITY_BITS, 1 << ITEM_BITS


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
    _push(w.agenda, g.agenda, g.now + delay, key, g.number, (what << 32) + row, serial)
    g.agenda += 1


@compiled
def schedule_deadline(w: Any, delay: int, key: int, what: int, row: int, serial: int) -> None:
    """Schedule an event that will probably be cancelled."""
    g = w.world[0]
    g.number += 1
    _push(w.deadlines, g.deadlines, g.now + delay, key, g.number, (what << 32) + row, serial)
    g.deadlines += 1


@compiled
def precedes(one: Any, other: Any) -> bool:
    """Return whether an event comes before another one."""
    if one.at != other.at:
        return one.at < other.at
    if one.key != other.key:
        return one.key < other.key
    return one.number < other.number


@compiled
def _push(heap: Any, count: int, at: int, key: int, number: int, what: int, serial: int) -> None:
    place = count
    while place > 0:
        above = (place - 1) >> 1
        row = heap[above]
        if row.at < at or (row.at == at and (row.key < key or (row.key == key and row.number < number))):
            break
        heap[place] = heap[above]
        place = above
    row = heap[place]
    row.at, row.key, row.number, row.what, row.serial = at, key, number, what, serial


@compiled
def remove_first(heap: Any, count: int) -> None:
    """Remove the first event of a heap with *count* of them."""
    last = count - 1
    if last == 0:
        return
    # The free place sinks to the bottom, then the last event rises from there: half as many comparisons.
    place = 0
    below = 1
    while below < last:
        if below + 1 < last and precedes(heap[below + 1], heap[below]):
            below += 1
        heap[place] = heap[below]
        place = below
        below = 2 * place + 1
    moved = heap[last]
    while place > 0:
        above = (place - 1) >> 1
        if precedes(heap[above], moved):
            break
        heap[place] = heap[above]
        place = above
    heap[place] = moved
