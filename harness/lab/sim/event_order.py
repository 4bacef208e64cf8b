"""
The order of simultaneous events: by kind, then by entity, item and attempt.

Every engine of the simulator uses the same order, so that the order in which events were scheduled has no
influence on the results.
"""


class Kind:
    """
    The kinds of events, in the order in which they run at one instant.

    Plain numbers, because they are read about fifteen times an arrival: members of an enumeration take four
    times as long.
    """

    END_OF_WORK = 2
    DEADLINE = 3
    TIMER = 4
    VISIBLE_AGAIN = 5
    DISPATCHED = 6
    CLIENT = 7
    ARRIVAL = 8
    SAMPLE = 9


def order(kind: int, entity: int = 0, item: int = 0, attempt: int = 0) -> int:
    """Return the key that orders the events of one instant."""
    return (kind << 84) + (entity << 36) + (item << 16) + attempt


def entity_key(entity: int, item: int = 0, attempt: int = 0) -> int:
    """Return the part of a key that identifies the subject of an event."""
    return order(0, entity, item, attempt)
