"""The rows about the end of a client's batch, and the kinds of refused attempts."""

from typing import Any

from harness.lab.sim.compiled.kernel.clients.planned_batch import PROJECT
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_job
from harness.lab.sim.compiled.kernel.row_log import (
    CENSORED,
    E2E_PROCESSING,
    E2E_READY,
    E2E_START,
    NOT_OK,
    OK,
    READY,
    RESOLUTION_NONE,
    log_metric,
    log_request,
)
from harness.lab.workload.client_flows import RefusedAttempt

ERRORS = (
    "UNAVAILABLE",
    "/uploads: 503 UNAVAILABLE",
    "/uploads/complete: 503 UNAVAILABLE",
    "/uploads/status: 503 UNAVAILABLE",
    "/downloads/query: 503 UNAVAILABLE",
    "/uploads/retry: 503 UNAVAILABLE",
    "/uploads/complete: 410 UPLOAD_URL_EXPIRED",
    "/uploads/retry: 409 BATCH_STATUS_INVALID",
    "POLL_TIMEOUT",
    "NEVER_STARTED",
    "UPLOAD_ABANDONED",
    "DLQ_REDRIVE",
    "STUCK_TIMEOUT",
    "PROCESSING_FAILED",
    "TIMED_OUT",
)
UNAVAILABLE_ENDPOINTS = 1
URL_EXPIRED, STATUS_INVALID, POLL_TIMEOUT, NEVER_STARTED, ABANDONED, REDRIVEN, STUCK, UNPROCESSED, LATE = (
    range(6, 15)
)
"""Errors; those of the state machine follow."""

SUB_BUCKETS = 1024
HISTOGRAM = SUB_BUCKETS * 56
"""Buckets of one outcome."""

REFUSALS = tuple(RefusedAttempt)
_EXPIRED_URL = REFUSALS.index(RefusedAttempt.EXPIRED_URL)
_TAMPERED_URL = REFUSALS.index(RefusedAttempt.TAMPERED_URL)
_BAD_CHECKSUM = REFUSALS.index(RefusedAttempt.BAD_CHECKSUM)
_NO_TOKEN = REFUSALS.index(RefusedAttempt.NO_TOKEN)
_BAD_TOKEN = REFUSALS.index(RefusedAttempt.BAD_TOKEN)


@compiled
def goes_to_store(attempt: int) -> bool:
    """Return whether a refused attempt goes to the object store."""
    return attempt == _EXPIRED_URL or attempt == _TAMPERED_URL or attempt == _BAD_CHECKSUM


@compiled
def is_expired_url(attempt: int) -> bool:
    return attempt == _EXPIRED_URL


@compiled
def status_of(attempt: int) -> int:
    """Return the status with which an attempt is refused."""
    if attempt == _NO_TOKEN or attempt == _BAD_TOKEN:
        return 401
    return 400 if attempt == _BAD_CHECKSUM else 403


@compiled
def stop(w: Any, case: int, error: int) -> None:
    """Record that the flow ended early."""
    if w.flows[w.cases[case].flow].waits and not w.cases[case].ready_recorded:
        _record_ready(w, case, NOT_OK, w.world[0].now, error)


@compiled
def censor(w: Any, case: int, at: int, error: int) -> None:
    """Record as a lower bound what has not ended."""
    c = w.cases[case]
    if w.flows[c.flow].waits and not c.ready_recorded:
        _record_ready(w, case, CENSORED, at, error)
    if c.job != NONE:
        _observe(w, case, E2E_PROCESSING, CENSORED, c.accepted_at, at, error)
        _record_batch(w, case, NONE, NONE, NONE, NONE)


@compiled
def record_never_started(w: Any, case: int, at: int) -> None:
    """Record that the arrival could not start before the run ended."""
    c = w.cases[case]
    if w.flows[c.flow].waits:
        censor(w, case, at, NEVER_STARTED)
    else:
        _observe(w, case, E2E_START, CENSORED, c.due, at, NEVER_STARTED)


@compiled
def record_end(w: Any, case: int) -> None:
    """Record the end of the batch, which the client observes now."""
    g, c = w.world[0], w.cases[case]
    is_ready = c.status == READY
    if is_ready and g.has_viewers:
        w.ready[c.arrival] = 1
    outcome = OK if is_ready else NOT_OK
    error = NONE if is_ready else c.code
    ended_at = min(max(c.finished_at, c.not_before), g.now)
    if not c.ready_recorded:
        _record_ready(w, case, outcome, ended_at, error)
    _observe(w, case, E2E_PROCESSING, outcome, c.accepted_at, ended_at, error)
    log_metric(w, RESOLUTION_NONE + c.family, (g.now - c.not_before) / 1e9)
    _record_batch(w, case, c.finished_at, g.now, outcome, error)


@compiled
def _record_ready(w: Any, case: int, outcome: int, at: int, error: int) -> None:
    g, c = w.world[0], w.cases[case]
    c.ready_recorded = 1
    _observe(w, case, E2E_READY, outcome, c.due, at, error)
    if g.counts:
        w.histogram[HISTOGRAM * outcome + bucket_of(at - c.due)] += 1
    elif not g.logs:
        row = w.ready_rows[g.n_ready]
        row.arrival, row.due, row.ended, row.outcome = c.arrival, c.due, at, outcome
        g.n_ready += 1


@compiled
def _observe(w: Any, case: int, what: int, outcome: int, since: int, until: int, error: int) -> None:
    log_request(w, case, what, NONE, outcome, since, since, until, w.cases[case].bytes, 0, error)


@compiled
def _record_batch(w: Any, case: int, finished: int, observed: int, outcome: int, error: int) -> None:
    """Record a job of the batch, which the client needs no more; it is censored if its end was not seen."""
    g, c = w.world[0], w.cases[case]
    if g.logs:
        j = w.jobs[c.job]
        row = w.batches[g.n_batches]
        row.arrival, row.job, row.attempt, row.family = c.arrival, j.number, j.attempt, c.family
        row.videos = c.videos
        row.documents = c.files if c.family == PROJECT else 0
        row.photos = c.files - row.videos - row.documents
        row.bytes, row.intended, row.created = c.uploaded, c.job_due_at, c.created_at
        row.received, row.started = c.received_at, c.started_at
        row.finished, row.observed, row.outcome, row.error = finished, observed, outcome, error
        g.n_batches += 1
    drop_job(w, c.job)
    c.job = NONE


@compiled
def bucket_of(time: int) -> int:
    """Return the bucket of a time in the histogram: buckets are a thousandth of their value wide."""
    value, doublings = time >> 10, 0
    while value >= 2 * SUB_BUCKETS:
        value >>= 1
        doublings += 1
    return SUB_BUCKETS * doublings + value
