"""The requests of clients to the API and to the object store."""

from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.agenda import CLIENT, ON_CLIENT, order
from harness.lab.sim.compiled.kernel.draws.keyed_draws import latency_of, nanoseconds_of
from harness.lab.sim.compiled.kernel.host_operations import ONE, take
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import put_smallest, replace_smallest
from harness.lab.sim.compiled.kernel.row_log import GET, NOT_OK, OK, log_request

PAUSED, AT_HOST, DONE, STOPPED = range(4)
"""What came of a step of a client."""

UNAVAILABLE = 503

_BEGIN, _REFUSED, _ACCEPTED, _AGAIN = range(4)
"""Stages of a request."""

FIRST_OWN_STAGE = 10
"""Steps number their own stages from here."""


@compiled
def pause(w: Any, case: int, delay: int, stage: int) -> int:
    """Continue a client after a delay, in a stage of its step."""
    c = w.cases[case]
    c.stage, c.pause = stage, delay
    return PAUSED


@compiled
def take_as_client(w: Any, case: int, time: int, used: int, at_once: int, stage: int) -> int:
    """Continue a client, in a stage of its step, when the host has done an operation: see `take`."""
    w.cases[case].stage = stage
    take(w, time, used, order(CLIENT, w.cases[case].arrival, 0, 0), at_once * ONE, ON_CLIENT, case)
    return AT_HOST


@compiled
def request(w: Any, case: int, what: int, status: int) -> int:
    """Send a request, and again by the retry policy if the service is unavailable."""
    g, c = w.world[0], w.cases[case]
    stage = c.stage
    if stage == _ACCEPTED or stage == _REFUSED:
        record_answer(w, case, what, status, stage == _ACCEPTED)
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
    return exchange(w, case, what, status, _ACCEPTED, _REFUSED)


@compiled
def exchange(w: Any, case: int, what: int, status: int, accepted_stage: int, refused_stage: int) -> int:
    """Send one request, and continue in one of two stages when the answer has come."""
    g, c = w.world[0], w.cases[case]
    accepted = send(w, case, what, status)
    stage = accepted_stage if accepted else refused_stage
    if g.host_capacity:
        return take_as_client(w, case, c.latency, g.host_request if accepted else 0, 1, stage)
    return pause(w, case, c.latency, stage)


@compiled
def send(w: Any, case: int, what: int, status: int) -> bool:
    """Send one request, and set the latency of the case; return whether the service accepted it."""
    g, c = w.world[0], w.cases[case]
    c.sent_at = g.now
    accepted = admit(w, case)
    if not g.host_capacity:
        _record(w, case, what, status, accepted, g.now + c.latency)
    return accepted


@compiled
def record_answer(w: Any, case: int, what: int, status: int, accepted: bool) -> None:
    """Record a request whose answer has come, unless its end was known when it was sent."""
    g, c = w.world[0], w.cases[case]
    if g.host_capacity:
        # All that it takes longer on shared processors counts as a wait for its thread.
        network, service = c.sent_at + c.latency - c.served_until, c.served_until - c.served_from
        c.served_until = g.now - network
        c.served_from = max(c.sent_at, c.served_until - service)
        _record(w, case, what, status, accepted, g.now)


@compiled
def _record(w: Any, case: int, what: int, status: int, accepted: bool, finished: int) -> None:
    c = w.cases[case]
    due = c.due_at if c.due_at != NONE else c.sent_at
    c.due_at = NONE
    if accepted:
        log_request(w, case, what, status, OK, due, c.sent_at, finished, 0, 0, NONE)
    else:
        log_request(w, case, what, UNAVAILABLE, NOT_OK, due, c.sent_at, finished, 0, 0, 0)


@compiled
def admit(w: Any, case: int) -> bool:
    """Let the API answer a request, and set the latency of the case; return whether it is accepted."""
    g, c = w.world[0], w.cases[case]
    c.requests += 1
    g.api_requests += 1
    network = latency_of(w, g.api_network, c.arrival, c.requests, 1)
    wait = max(_thread_free_at(w) - g.now, 0)
    if g.api_wait != NONE and wait > g.api_wait:
        c.served_from, c.served_until, c.latency = g.now, g.now, network
        return False
    service_time = latency_of(w, g.api_request, c.arrival, c.requests, 1)
    c.served_from = g.now + wait
    c.served_until = c.served_from + service_time
    if service_time > 0:
        # A request without service time does not change when its thread is free.
        replace_smallest(w.threads_free_at, g.threads_used, c.served_until)
    c.latency = network + wait + service_time
    return True


@compiled
def _thread_free_at(w: Any) -> int:
    """Return when a thread of the API is free next: the first one of those that were used so far."""
    g, free_at = w.world[0], w.threads_free_at
    if free_at[0] > g.now and g.threads_used < g.api_threads:
        # Few threads are ever busy at once; the heap of those is small.
        put_smallest(free_at, g.threads_used, 0)
        g.threads_used += 1
    return free_at[0]


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
