"""The requests of clients to the API and to the object store."""

from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.agenda import CLIENT, ON_CLIENT, order, schedule
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.keyed_draws import latency_of, nanoseconds_of
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import replace_smallest
from harness.lab.sim.compiled.kernel.row_log import GET, NOT_OK, OK, log_request

PAUSED, DONE, STOPPED = range(3)
"""What came of a step of a client."""

UNAVAILABLE = 503

_BEGIN, _REFUSED, _ACCEPTED, _AGAIN = range(4)
"""Stages of a request."""

FIRST_OWN_STAGE = 10
"""Steps number their own stages from here."""


@compiled
def pause(w: Any, case: int, delay: int, stage: int) -> int:
    """Continue a client later, in a stage of its step."""
    w.cases[case].stage = stage
    schedule(w, delay, order(CLIENT, w.cases[case].arrival, 0, 0), ON_CLIENT, case, 0)
    return PAUSED


@compiled
def request(w: Any, case: int, what: int, status: int) -> int:
    """Send a request, and again by the retry policy if the service is unavailable."""
    g, c = w.world[0], w.cases[case]
    stage = c.stage
    if stage == _ACCEPTED:
        return DONE
    if stage == _REFUSED:
        c.tries -= 1
        if c.tries == 0:
            return STOPPED
        wait = c.retry_wait
        c.retry_wait = min(wait * g.retry_factor, g.retry_cap)
        return pause(w, case, nanoseconds_of(wait), _AGAIN)
    if stage == _BEGIN:
        c.tries, c.retry_wait = g.retry_tries, g.retry_base
    due = c.due_at if c.due_at != NONE else g.now
    c.due_at = NONE
    accepted = send(w, case, what, status, due)
    return pause(w, case, c.latency, _ACCEPTED if accepted else _REFUSED)


@compiled
def send(w: Any, case: int, what: int, status: int, due: int) -> bool:
    """Send one request, and set the latency of the case; return whether the service accepted it."""
    g, c = w.world[0], w.cases[case]
    accepted = admit(w, case)
    if accepted:
        log_request(w, case, what, status, OK, due, g.now, g.now + c.latency, 0, 0, NONE)
    else:
        log_request(w, case, what, UNAVAILABLE, NOT_OK, due, g.now, g.now + c.latency, 0, 0, 0)
    return accepted


@compiled
def admit(w: Any, case: int) -> bool:
    """Let the API answer a request, and set the latency of the case; return whether it is accepted."""
    g, c = w.world[0], w.cases[case]
    c.requests += 1
    g.api_requests += 1
    network = latency_of(w, g.api_network, c.arrival, c.requests, 1)
    wait = max(w.threads_free_at[0] - g.now, 0)
    if g.api_wait != NONE and wait > g.api_wait:
        c.served_from, c.served_until, c.latency = g.now, g.now, network
        return False
    service_time = latency_of(w, g.api_request, c.arrival, c.requests, 1)
    c.served_from = g.now + wait
    c.served_until = c.served_from + service_time
    replace_smallest(w.threads_free_at, g.api_threads, c.served_until)
    c.latency = network + wait + service_time
    return True


@compiled
def transfer_time(w: Any, case: int, number: int, attempt: int, size: int) -> int:
    """Return the duration of a transfer with a number."""
    g = w.world[0]
    return latency_of(w, g.s3_request, w.cases[case].arrival, number, attempt) + np.int64(
        size * g.ns_per_byte
    )


@compiled
def download(w: Any, case: int, size: int, what: int, stage: int) -> int:
    """Download an object."""
    g, c = w.world[0], w.cases[case]
    c.transfers += 1
    duration = transfer_time(w, case, c.transfers, 2, size)
    log_request(w, case, what, 200, OK, g.now, g.now, g.now + duration, 0, size, NONE)
    return pause(w, case, duration, stage)


@compiled
def download_object(w: Any, case: int, size: int, stage: int) -> int:
    return download(w, case, size, GET, stage)
