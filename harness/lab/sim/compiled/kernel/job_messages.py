"""The messages of jobs, and the dispatchers: the same events as `harness.lab.sim.platform.sqs_queue`."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    DISPATCHED,
    ON_DEAD_LETTER,
    ON_DISPATCHED,
    ON_HANDLED,
    ON_RECEIVED,
    ON_VISIBLE,
    TIMER,
    VISIBLE_AGAIN,
    complete_with,
    order,
    schedule,
)
from harness.lab.sim.compiled.kernel.draws.keyed_draws import latency_of, unit_draw
from harness.lab.sim.compiled.kernel.executions.execution_start import start_execution
from harness.lab.sim.compiled.kernel.host_operations import ONE, take
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_job, free_receipt, take_receipt
from harness.lab.sim.compiled.kernel.row_log import PROCESSING, RECEIVED
from harness.lab.sim.compiled.kernel.settling import PENDING, RUNNING, enter


@compiled
def send(w: Any, job: int) -> None:
    """Send the message of a job: it becomes visible after its time in the outbox and its delivery."""
    g, j = w.world[0], w.jobs[job]
    arrival = w.cases[j.case].arrival
    g.sent += 1
    delay = latency_of(w, g.outbox, arrival, 0, j.attempt) + latency_of(w, g.delivery, arrival, 0, j.attempt)
    _appear_in(w, delay, job)
    if g.duplicate_rate > 0.0:
        if unit_draw(w.streams[g.duplicate_stream], arrival, 0, j.attempt) < g.duplicate_rate:
            _appear_in(w, delay + latency_of(w, g.delivery, arrival, 1, j.attempt), job)


@compiled
def _appear_in(w: Any, delay: int, job: int) -> None:
    j = w.jobs[job]
    j.holds += 1
    schedule(w, delay, order(VISIBLE_AGAIN, j.number, j.receives, 0), ON_VISIBLE, job, 0)


@compiled
def message_appears(w: Any, job: int) -> None:
    """A message becomes visible, and a waiting dispatcher receives it; or it is a dead letter."""
    g, j = w.world[0], w.jobs[job]
    if j.deleted:
        drop_job(w, job)
        return
    if j.receives >= g.most_receives:
        j.deleted = 1
        g.dead_letters += 1
        wait = (g.dead_letter_every - g.now % g.dead_letter_every) % g.dead_letter_every
        schedule(w, wait, order(TIMER, j.number, 0, 0), ON_DEAD_LETTER, job, 0)
        return
    w.visible[(g.visible_first + g.visible) & (w.visible.size - 1)] = job
    g.visible += 1
    if g.idle > 0:
        g.idle_time += g.now - w.idle[g.idle_first & (w.idle.size - 1)]
        g.idle_first += 1
        g.idle -= 1
        receive(w, _next_visible(w))


@compiled
def _next_visible(w: Any) -> int:
    """Take the message out of the queue that has been visible for the longest time."""
    g = w.world[0]
    job = w.visible[g.visible_first & (w.visible.size - 1)]
    g.visible_first += 1
    g.visible -= 1
    return job


@compiled
def _next_receive(w: Any) -> None:
    """Let a dispatcher receive messages, or wait for one."""
    g = w.world[0]
    if g.visible == 0:
        _wait_for_message(w)
    elif g.host_capacity:
        complete_with(w, ON_RECEIVED, _next_visible(w))
    else:
        receive(w, _next_visible(w))


@compiled
def _wait_for_message(w: Any) -> None:
    g = w.world[0]
    w.idle[(g.idle_first + g.idle) & (w.idle.size - 1)] = g.now
    g.idle += 1


@compiled
def receive(w: Any, first: int) -> None:
    """Let a dispatcher receive the first of the visible messages, which it has, and more up to a batch."""
    g = w.world[0]
    job, received = first, 0
    while True:
        if w.jobs[job].deleted:
            drop_job(w, job)
        else:
            w.pending[received] = job
            received += 1
        if g.visible == 0 or received == g.batch_size:
            break
        job = _next_visible(w)
    if received == 0:
        _wait_for_message(w)
        return
    g.receives += 1
    if g.host_capacity:
        _work_in_turn(w, received)
    else:
        _work_on(w, received)


@compiled
def _work_on(w: Any, received: int) -> None:
    """Schedule when each received message will be handled."""
    spent = 0
    for place in range(received):
        job = w.pending[place]
        spent += _time_of(w, job)
        left = _left(w, job, spent)
        is_last = 1 if place == received - 1 else 0
        j = w.jobs[job]
        key = order(DISPATCHED, j.number, j.receives, 0)
        schedule(w, spent, key, ON_DISPATCHED, job, 2 * left + is_last)


@compiled
def _work_in_turn(w: Any, received: int) -> None:
    """Begin the work on the first received message; shared processors decide when the next one begins."""
    g, spent, first, last = w.world[0], 0, NONE, NONE
    for place in range(received):
        job = w.pending[place]
        spent += _time_of(w, job)
        row = take_receipt(w)
        receipt = w.receipts[row]
        receipt.job, receipt.number, receipt.next = job, w.jobs[job].receives, NONE
        receipt.spent_by, receipt.left = g.now + spent, _left(w, job, spent)
        if last == NONE:
            first = row
        else:
            w.receipts[last].next = row
        last = row
    _begin_message(w, first)


@compiled
def _time_of(w: Any, job: int) -> int:
    """Count a receive of a message, and return the time of the work on it."""
    j = w.jobs[job]
    j.receives += 1
    return latency_of(w, w.world[0].message_time, w.cases[j.case].arrival, j.receives, j.attempt)


@compiled
def _left(w: Any, job: int, spent: int) -> int:
    """Return what is left of the visibility time-out when a message will have been handled."""
    g = w.world[0]
    left = g.visibility - spent
    if left <= 0:
        # Too slow: the message becomes visible again before it is processed.
        _appear_in(w, g.visibility, job)
    return left


@compiled
def _begin_message(w: Any, row: int) -> None:
    g, receipt = w.world[0], w.receipts[row]
    key = order(DISPATCHED, w.jobs[receipt.job].number, receipt.number, 0)
    take(w, max(0, receipt.spent_by - g.now), g.host_message, key, ONE, ON_HANDLED, row)


@compiled
def message_handled(w: Any, row: int) -> None:
    """A dispatcher has processed a message on shared processors, and goes on with the next one."""
    receipt = w.receipts[row]
    job, left, following = receipt.job, receipt.left, receipt.next
    free_receipt(w, row)
    _handle(w, job, left)
    if following != NONE:
        _begin_message(w, following)
    else:
        _next_receive(w)


@compiled
def message_dispatched(w: Any, job: int, left: int, is_last: bool) -> None:
    """A dispatcher has processed a message."""
    _handle(w, job, left)
    if is_last:
        _next_receive(w)


@compiled
def _handle(w: Any, job: int, left: int) -> None:
    j = w.jobs[job]
    if j.deleted or _dispatch(w, job):
        j.deleted = 1
    elif left > 0:
        _appear_in(w, left, job)
    drop_job(w, job)


@compiled
def _dispatch(w: Any, job: int) -> bool:
    """Start the execution of a job; return whether its message may be deleted."""
    g, j = w.world[0], w.jobs[job]
    c = w.cases[j.case]
    if c.poisoned:
        return False
    if j.status > RUNNING or j.execution != NONE:
        return True
    if not start_execution(w, job):
        return False
    if j.status == PENDING:
        j.status, j.started_at = RUNNING, g.now
    if c.status == RECEIVED:
        enter(w, j.case, PROCESSING)
    if c.started_at == NONE:
        c.started_at = g.now
    return True
