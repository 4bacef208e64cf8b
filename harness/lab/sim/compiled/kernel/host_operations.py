"""
The operations of the stack on the processors of its host, as `harness.lab.sim.platform.host_work`.

What follows an operation is an event: *what* it does, and the row that it concerns.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import ON_NOTHING, ON_OPERATION, schedule
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.pools import free_operation, take_operation
from harness.lab.sim.compiled.kernel.processor_sharing import use

ONE = 1000
"""Weight of work that keeps one processor busy."""


@compiled
def take(w: Any, time: int, used: int, key: int, weight: int, what: int, row: int) -> None:
    """
    Let an operation take its time.

    Args:
        time: What it takes while the processors are free.
        used: Processor time of it; what exceeds *time* is done after it, and delays only others.
        weight: `ONE` for each processor that it keeps busy.
    """
    operation = _new_operation(w, time, used, key, weight, what, row)
    own = w.operations[operation].work
    if time > own:
        schedule(w, time - own, key, ON_OPERATION, operation, 0)
    else:
        use(w, operation)


@compiled
def take_transition(w: Any, time: int, key: int, what: int, row: int, serial: int) -> None:
    """Let a transition to a Task take its time; even its processor time begins with an event."""
    operation = _new_operation(w, time, w.world[0].host_transition, key, ONE, what, row)
    op = w.operations[operation]
    op.serial = serial
    schedule(w, time - op.work, key, ON_OPERATION, operation, 0)


@compiled
def _new_operation(w: Any, time: int, used: int, key: int, weight: int, what: int, row: int) -> int:
    operation = take_operation(w)
    op = w.operations[operation]
    op.work = min(time, used)
    op.later = used - op.work
    op.key, op.weight, op.what, op.row, op.serial = key, weight, what, row, 0
    return operation


@compiled
def end_operation(w: Any, operation: int) -> tuple[int, int, int]:
    """Begin the work that an operation leaves behind; return what follows it, the row and the serial."""
    op = w.operations[operation]
    what, row, serial = op.what, op.row, op.serial
    if op.later > 0:
        op.work, op.later, op.what = op.later, 0, ON_NOTHING
        use(w, operation)
    else:
        free_operation(w, operation)
    return what, row, serial
