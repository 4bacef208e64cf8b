"""
An event may happen without a place in the agenda if no other one happens before it or with it.
"""

from types import SimpleNamespace

import pytest

from harness.lab.sim.compiled.kernel.agenda import is_alone


def world(agenda, deadlines=(), *, vacant=0, slice_at=1000, processed=0):
    """Return the part of the kernel's memory that matters, with the times of events."""
    state = SimpleNamespace(
        now=0, vacant=vacant, slice_at=slice_at, processed=processed, check_at=5, deadlines=len(deadlines)
    )
    return SimpleNamespace(
        world=[state],
        agenda=[SimpleNamespace(at=at) for at in agenda],
        deadlines=[SimpleNamespace(at=at) for at in deadlines],
    )


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (world([51, 60, 60]), True),
        (world([50, 60, 60]), False),
        (world([0, 51, 51], vacant=1), True),
        (world([0, 50, 51], vacant=1), False),
        (world([0, 51, 50], vacant=1), False),
        (world([60, 60, 60], deadlines=[51]), True),
        (world([60, 60, 60], deadlines=[50]), False),
        (world([60, 60, 60], slice_at=50), False),
        (world([60, 60, 60], processed=5), False),
    ],
)
def test_an_event_is_alone_until_the_others_happen(memory, expected):
    """
    An event at 50: others of the agenda and deadlines; the place of the event that happens is vacant; a pause
    of the loop; no more room that is certain.
    """
    assert is_alone.py_func(memory, 50) is expected
