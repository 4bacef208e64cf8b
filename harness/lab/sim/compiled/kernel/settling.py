"""The end of jobs and batches, and the metrics about it."""

from typing import Any

from harness.lab.sim.compiled.kernel.clients import client_records as records
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_job
from harness.lab.sim.compiled.kernel.row_log import (
    BATCHES_FAILED,
    DURATION_FAILED,
    DURATION_READY,
    FAILED,
    PROCESSING,
    READY,
    RECEIVED,
    STATE_FAILED,
    SUCCEEDED,
    log_metric,
)

PENDING, RUNNING, JOB_SUCCEEDED, JOB_FAILED = range(4)
"""Statuses of a job."""


@compiled
def enter(w: Any, case: int, status: int) -> None:
    w.cases[case].status = status
    log_metric(w, status, 1.0)
    if status == FAILED:
        log_metric(w, BATCHES_FAILED, 1.0)


@compiled
def end_batch(w: Any, case: int, status: int, code: int) -> None:
    c = w.cases[case]
    c.code, c.finished_at = code, w.world[0].now
    enter(w, case, status)


@compiled
def set_inflight(w: Any, jobs: int) -> None:
    g = w.world[0]
    g.open = jobs
    g.inflight_peak = max(g.inflight_peak, jobs)


@compiled
def settle(w: Any, job: int, code: int) -> None:
    """End a job, and its batch if this is the batch's latest job; without a code it has succeeded."""
    g, j = w.world[0], w.jobs[job]
    if j.status >= JOB_SUCCEEDED:
        return
    failed = code != NONE
    j.status = JOB_FAILED if failed else JOB_SUCCEEDED
    # Held until everything is recorded.
    j.holds += 1
    _close(w, job)
    set_inflight(w, g.open - 1)
    c = w.cases[j.case]
    if j.attempt == c.jobs and c.status != READY and c.status != FAILED:
        if c.started_at == NONE and not failed:
            c.started_at = g.now
        if c.status == RECEIVED and not failed:
            enter(w, j.case, PROCESSING)
        end_batch(w, j.case, FAILED if failed else READY, code)
        log_metric(w, DURATION_FAILED if failed else DURATION_READY, (g.now - c.received_at) / 1e9)
    drop_job(w, job)


@compiled
def _close(w: Any, job: int) -> None:
    """Take a job from the list of open ones."""
    g, j = w.world[0], w.jobs[job]
    if j.open_before == NONE:
        g.first_open = j.open_after
    else:
        w.jobs[j.open_before].open_after = j.open_after
    if j.open_after == NONE:
        g.last_open = j.open_before
    else:
        w.jobs[j.open_after].open_before = j.open_before
    drop_job(w, job)


@compiled
def execution_ended(w: Any, job: int) -> None:
    """End a job by the end of its execution; work that was done is not failed by a lost callback."""
    j = w.jobs[job]
    if j.bundled or j.exec_status == SUCCEEDED:
        settle(w, job, NONE)
    elif j.exec_code != NONE:
        settle(w, job, j.exec_code)
    else:
        settle(w, job, records.UNPROCESSED if j.exec_status == STATE_FAILED else records.LATE)
