"""
The processors of the host, as `harness.lab.sim.platform.shared_processors`: virtual time, and one heap.

An operation is a row of ``operations``. Those that use the processors are in the heap ``processors``: by the
virtual time of their end, then by their key.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    END_OF_WORK,
    IMMEDIATE,
    ON_NOTHING,
    ON_OPERATION_END,
    ON_WORK_END,
    order,
    remove_first,
    rise,
    schedule,
    schedule_deadline,
)
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NEVER, NONE
from harness.lab.sim.compiled.kernel.pools import free_operation


@compiled
def use(w: Any, operation: int) -> None:
    """Let an operation begin its work on the processors now."""
    g, op = w.world[0], w.operations[operation]
    _advance(w)
    g.number += 1
    g.host_working += 1
    rise(w.processors, g.host_working - 1, g.host_virtual + op.work, op.key, g.number, operation, 0)
    g.host_weight += op.weight
    _expect_next(w)


@compiled
def end_work(w: Any) -> None:
    """End all work that is done: what was expected last has come true."""
    g = w.world[0]
    _advance(w)
    while g.host_working > 0 and w.processors[0].at <= g.host_virtual:
        operation = w.processors[0].what
        remove_first(w.processors, g.host_working)
        g.host_working -= 1
        g.host_weight -= w.operations[operation].weight
        if w.operations[operation].what == ON_NOTHING:
            free_operation(w, operation)
        else:
            schedule(w, 0, IMMEDIATE, ON_OPERATION_END, operation, 0)
    g.host_expected_at = NONE
    _expect_next(w)


@compiled
def _advance(w: Any) -> None:
    """Advance the virtual time to now."""
    g = w.world[0]
    elapsed = g.now - g.host_updated_at
    g.host_updated_at = g.now
    if g.host_weight > g.host_capacity:
        # As elapsed · capacity // weight, whose product may have more than 64 bits.
        whole, rest = elapsed // g.host_weight, elapsed % g.host_weight
        elapsed = whole * g.host_capacity + rest * g.host_capacity // g.host_weight
    g.host_virtual += elapsed


@compiled
def _expect_next(w: Any) -> None:
    """Schedule the next end of work, if its time or the work that ends first has changed."""
    g = w.world[0]
    if g.host_working == 0:
        return
    left, key = w.processors[0].at - g.host_virtual, w.processors[0].key
    if g.host_weight > g.host_capacity:
        left = _stretched(left, g.host_weight, g.host_capacity)
    if g.now + left != g.host_expected_at or key != g.host_expected_key:
        g.host_expected_at, g.host_expected_key = g.now + left, key
        g.host_expectations += 1
        key |= order(END_OF_WORK, 0, 0, 0)
        # Most expectations do not come true, like deadlines.
        schedule_deadline(w, left, key, ON_WORK_END, 0, g.host_expectations)


@compiled
def _stretched(left: int, weight: int, capacity: int) -> int:
    """Return left · weight / capacity, rounded up; at most `NEVER`."""
    whole, rest = left // capacity, left % capacity
    if whole > NEVER // weight:
        return NEVER
    return whole * weight + (rest * weight + capacity - 1) // capacity
