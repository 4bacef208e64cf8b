"""The rows that the kernel records, and the metrics and outcomes that they name by number."""

from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled

STATUSES = ("PENDING_UPLOAD", "RECEIVED", "PROCESSING", "READY", "FAILED")
PENDING_UPLOAD, RECEIVED, PROCESSING, READY, FAILED = range(5)
"""Statuses of a batch; also the numbers of their counters."""

(
    BATCHES_FAILED, REPROCESSED, DEAD_LETTERED, DURATION_READY, DURATION_FAILED, INFLIGHT, DEPTH, DEAD_DEPTH,
    EXECUTIONS_STARTED, EXECUTIONS_SUCCEEDED, EXECUTIONS_FAILED, EXECUTIONS_TIMED_OUT,
    RESOLUTION_NONE, RESOLUTION_SHOOT, RESOLUTION_PROJECT, FUNCTION_METRICS,
) = range(5, 21)  # fmt: skip
"""Metrics; those of functions follow, four for each."""

THROTTLES, INVOCATIONS, ERRORS, DURATION = range(4)
"""Metrics of a function."""

OK, NOT_OK, REFUSED, BREACHED, CENSORED = range(5)
"""Outcomes of a request."""

SUCCEEDED, STATE_FAILED, ABORTED = range(3)
"""Outcomes of an attempt of a state."""

(
    CREATE, COMPLETE, STATUS, QUERY, RETRY, PUT, GET, PREVIEW, ZIP, E2E_READY, E2E_PROCESSING, E2E_START,
    FORBIDDEN,
) = range(13)  # fmt: skip
"""What a request is; forbidden attempts follow, one number for each."""


@compiled
def log_metric(w: Any, what: int, value: float) -> None:
    g = w.world[0]
    if g.logs:
        row = w.metrics[g.n_metrics]
        row.at, row.what, row.value = g.now, what, value
        g.n_metrics += 1


@compiled
def log_step(w: Any, thread: int, ready: int, started: int, finished: int, outcome: int, error: int) -> None:
    """Record an attempt of the state that a thread is in."""
    g = w.world[0]
    if g.logs:
        th = w.threads[thread]
        row = w.steps[g.n_steps]
        row.job = w.jobs[w.executions[th.execution].job].number
        row.state, row.iteration, row.attempt = w.nodes[th.node].state, th.iteration, th.number
        row.ready, row.started, row.finished = ready, started, finished
        row.outcome, row.error = outcome, error
        g.n_steps += 1


@compiled
def log_request(
    w: Any,
    case: int,
    what: int,
    status: int,
    outcome: int,
    intended: int,
    started: int,
    finished: int,
    out_bytes: int,
    in_bytes: int,
    error: int,
) -> None:
    g = w.world[0]
    if g.logs:
        c = w.cases[case]
        row = w.requests[g.n_requests]
        row.arrival, row.what, row.status, row.outcome = c.arrival, what, status, outcome
        row.intended, row.started, row.finished = intended, started, finished
        row.out_bytes, row.in_bytes, row.error = out_bytes, in_bytes, error
        row.batch = c.arrival if c.media else c.viewed
        row.served_from, row.served_until = c.served_from, c.served_until
        g.n_requests += 1
