"""The service: batches, jobs, its queue with the dispatchers, and the reconciler."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    DISPATCHED,
    ON_DEAD_LETTER,
    ON_DISPATCHED,
    ON_RECONCILE,
    ON_VISIBLE,
    TIMER,
    VISIBLE_AGAIN,
    order,
    schedule,
)
from harness.lab.sim.compiled.kernel.clients import client_records as records
from harness.lab.sim.compiled.kernel.executions.execution_start import start_execution
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.keyed_draws import latency_of, unit_draw
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_case, drop_job, take_job
from harness.lab.sim.compiled.kernel.row_log import (
    DEAD_LETTERED,
    FAILED,
    PENDING_UPLOAD,
    PROCESSING,
    READY,
    RECEIVED,
    REPROCESSED,
    log_metric,
)
from harness.lab.sim.compiled.kernel.settling import end_batch, enter, execution_ended, set_inflight, settle

PENDING, RUNNING = 0, 1


@compiled
def create_batch(w: Any, case: int) -> None:
    g, c = w.world[0], w.cases[case]
    c.media, c.created_at = 1, g.now
    c.uploading_before, c.uploading_after = g.last_uploading, NONE
    if g.last_uploading == NONE:
        g.first_uploading = case
    else:
        w.cases[g.last_uploading].uploading_after = case
    g.last_uploading = case
    c.holds += 1
    enter(w, case, PENDING_UPLOAD)


@compiled
def _no_longer_uploading(w: Any, case: int) -> None:
    g, c = w.world[0], w.cases[case]
    if c.uploading_before == NONE:
        g.first_uploading = c.uploading_after
    else:
        w.cases[c.uploading_before].uploading_after = c.uploading_after
    if c.uploading_after == NONE:
        g.last_uploading = c.uploading_before
    else:
        w.cases[c.uploading_after].uploading_before = c.uploading_before
    drop_case(w, case)


@compiled
def complete_batch(w: Any, case: int) -> int:
    """Start the job of a batch whose files are uploaded; NONE if the batch was abandoned before."""
    if w.cases[case].status != PENDING_UPLOAD:
        return NONE
    _no_longer_uploading(w, case)
    enter(w, case, RECEIVED)
    return _create_job(w, case)


@compiled
def retry_batch(w: Any, case: int) -> int:
    """Start another job of a batch; NONE unless the batch has ended."""
    c = w.cases[case]
    if (c.status != READY and c.status != FAILED) or c.received_at == NONE:
        return NONE
    c.started_at, c.finished_at, c.code = NONE, NONE, NONE
    log_metric(w, REPROCESSED, 1.0)
    enter(w, case, PROCESSING)
    return _create_job(w, case)


@compiled
def _create_job(w: Any, case: int) -> int:
    g, c = w.world[0], w.cases[case]
    c.received_at = g.now
    c.jobs += 1
    c.holds += 1
    g.jobs += 1
    job = take_job(w)
    j = w.jobs[job]
    j.number, j.case, j.attempt, j.created_at, j.started_at = g.jobs, case, c.jobs, g.now, NONE
    j.status, j.exec_status, j.exec_code, j.bundled = PENDING, NONE, NONE, 0
    j.receives, j.deleted, j.counters, j.execution = 0, 0, NONE, NONE
    # Held by the client and by the list of open jobs.
    j.holds = 2
    j.open_before, j.open_after = g.last_open, NONE
    if g.last_open == NONE:
        g.first_open = job
    else:
        w.jobs[g.last_open].open_after = job
    g.last_open = job
    set_inflight(w, g.open + 1)
    _send(w, job)
    return job


@compiled
def _send(w: Any, job: int) -> None:
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
        g.idle_time += g.now - w.idle[g.idle_first % w.idle.size]
        g.idle_first += 1
        g.idle -= 1
        receive(w)


@compiled
def receive(w: Any) -> None:
    """Let a dispatcher receive messages, or wait for one."""
    g = w.world[0]
    received = 0
    while g.visible > 0 and received < g.batch_size:
        job = w.visible[g.visible_first & (w.visible.size - 1)]
        g.visible_first += 1
        g.visible -= 1
        if w.jobs[job].deleted:
            drop_job(w, job)
        else:
            w.pending[received] = job
            received += 1
    if received == 0:
        w.idle[(g.idle_first + g.idle) % w.idle.size] = g.now
        g.idle += 1
        return
    g.receives += 1
    spent = 0
    for place in range(received):
        job = w.pending[place]
        j = w.jobs[job]
        j.receives += 1
        spent += latency_of(w, g.message_time, w.cases[j.case].arrival, j.receives, j.attempt)
        left = g.visibility - spent
        if left <= 0:
            # Too slow: the message becomes visible again before it is processed.
            _appear_in(w, g.visibility, job)
        is_last = 1 if place == received - 1 else 0
        key = order(DISPATCHED, j.number, j.receives, 0)
        schedule(w, spent, key, ON_DISPATCHED, job, 2 * left + is_last)


@compiled
def message_dispatched(w: Any, job: int, left: int, is_last: bool) -> None:
    """A dispatcher has processed a message."""
    j = w.jobs[job]
    if j.deleted or _start(w, job):
        j.deleted = 1
    elif left > 0:
        _appear_in(w, left, job)
    drop_job(w, job)
    if is_last:
        receive(w)


@compiled
def _start(w: Any, job: int) -> bool:
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


@compiled
def dead_letter_read(w: Any, job: int) -> None:
    w.world[0].dead_letters -= 1
    log_metric(w, DEAD_LETTERED, 1.0)
    settle(w, job, records.REDRIVEN)
    drop_job(w, job)


@compiled
def reconcile(w: Any) -> None:
    g = w.world[0]
    job = g.first_open
    while job != NONE:
        following = w.jobs[job].open_after
        _repair(w, job)
        job = following
    while g.first_uploading != NONE:
        case = g.first_uploading
        if g.now - w.cases[case].created_at < g.abandon_after:
            break
        # Held until its end is recorded.
        w.cases[case].holds += 1
        _no_longer_uploading(w, case)
        end_batch(w, case, FAILED, records.ABANDONED)
        drop_case(w, case)
    schedule(w, g.reconcile_every, order(TIMER, 0, 0, 0), ON_RECONCILE, 0, 0)


@compiled
def _repair(w: Any, job: int) -> None:
    """End a job whose execution ended without a callback, or that is stuck."""
    g, j = w.world[0], w.jobs[job]
    age = g.now - (j.started_at if j.started_at > 0 else j.created_at)
    if age < g.grace:
        return
    if j.exec_status != NONE:
        execution_ended(w, job)
    elif j.status == RUNNING and age >= g.stuck:
        settle(w, job, NONE if j.bundled else records.STUCK)
