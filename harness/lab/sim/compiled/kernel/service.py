"""The service: batches, jobs and the reconciler."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import ON_RECONCILE, TIMER, order, schedule
from harness.lab.sim.compiled.kernel.clients import client_records as records
from harness.lab.sim.compiled.kernel.job_messages import send
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
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
from harness.lab.sim.compiled.kernel.settling import (
    PENDING,
    RUNNING,
    end_batch,
    enter,
    execution_ended,
    set_inflight,
    settle,
)


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
    send(w, job)
    return job


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
