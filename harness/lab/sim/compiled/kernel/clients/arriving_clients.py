"""The clients of a run, scheduled (open workload) or in a loop (closed workload)."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    ARRIVAL,
    CLIENT,
    ON_ADMITTED,
    ON_ARRIVAL,
    ON_CLIENT,
    ON_PLACE_FREE,
    ON_USER,
    complete_with,
    happen_after,
    is_alone,
    order,
    schedule,
)
from harness.lab.sim.compiled.kernel.clients.client_records import censor, record_never_started
from harness.lab.sim.compiled.kernel.clients.client_requests import DONE, PAUSED
from harness.lab.sim.compiled.kernel.clients.client_steps import run_client
from harness.lab.sim.compiled.kernel.clients.planned_batch import plan_batch
from harness.lab.sim.compiled.kernel.draws.keyed_draws import draw_block, nanoseconds_of
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_case, take_case
from harness.lab.sim.compiled.kernel.row_log import PENDING_UPLOAD


@compiled
def schedule_next_arrival(w: Any) -> None:
    g = w.world[0]
    if g.next_arrival < g.arrivals_known:
        delay = nanoseconds_of(w.arrivals[g.next_arrival]) - g.now
        schedule(w, delay, order(ARRIVAL, g.next_arrival, 0, 0), ON_ARRIVAL, 0, 0)


@compiled
def arrive(w: Any) -> None:
    g = w.world[0]
    g.next_arrival += 1
    schedule_next_arrival(w)
    if g.active >= g.max_in_flight:
        # Those that wait are the last ones that have arrived.
        g.waiting += 1
    else:
        begin_session(w, _new_case(w, g.next_arrival - 1, g.now, w.arrivals[g.next_arrival - 1]))


@compiled
def start_user(w: Any) -> None:
    g = w.world[0]
    if g.now < g.duration:
        g.next_arrival += 1
        begin_session(w, _new_case(w, g.next_arrival - 1, g.now, g.now / 1e9))


@compiled
def wake(w: Any, case: int) -> None:
    """Continue a client after a pause."""
    g, c = w.world[0], w.cases[case]
    came = run_client(w, case)
    while came == PAUSED and is_alone(w, g.now + c.pause):
        happen_after(w, c.pause)
        came = run_client(w, case)
    if came == PAUSED:
        _schedule_end_of_pause(w, case)
    elif came == DONE:
        _end(w, case)


@compiled
def _schedule_end_of_pause(w: Any, case: int) -> None:
    c = w.cases[case]
    schedule(w, c.pause, order(CLIENT, c.arrival, 0, 0), ON_CLIENT, case, 0)


@compiled
def _new_case(w: Any, arrival: int, due: int, at: float) -> int:
    row = take_case(w)
    c = w.cases[row]
    c.arrival, c.due, c.due_at = arrival, due, due
    draw_block(w, arrival)
    plan_batch(w, row, at)
    c.step, c.stage = w.flows[c.flow].first_step, 0
    c.requests, c.transfers, c.thinks, c.accepted_at, c.job, c.job_due_at = 0, 0, 0, 0, NONE, 0
    c.ready_recorded, c.viewed, c.uploaded = 0, NONE, 0
    c.media, c.status, c.created_at, c.received_at, c.started_at = 0, PENDING_UPLOAD, NONE, NONE, NONE
    c.finished_at, c.code, c.jobs = NONE, NONE, 0
    c.validated, c.thumbnailed, c.zipped, c.called = 0, 0, 0, 0
    c.counters, c.holds = NONE, 1
    if w.flows[c.flow].first_count == NONE:
        c.images, c.videos, c.documents, c.bytes, c.image_bytes, c.pixels, c.video_s = 0, 0, 0, 0, 0, 0, 0.0
    return row


@compiled
def begin_session(w: Any, case: int) -> None:
    g, c = w.world[0], w.cases[case]
    g.started += 1
    g.active += 1
    c.active_before, c.active_after = g.last_active, NONE
    if g.last_active == NONE:
        g.first_active = case
    else:
        w.cases[g.last_active].active_after = case
    g.last_active = case
    # It sends a request at least, so it has not ended.
    if run_client(w, case) == PAUSED:
        _schedule_end_of_pause(w, case)


@compiled
def _end(w: Any, case: int) -> None:
    g, c = w.world[0], w.cases[case]
    arrival = c.arrival
    g.active -= 1
    g.ended += 1
    if c.active_before == NONE:
        g.first_active = c.active_after
    else:
        w.cases[c.active_before].active_after = c.active_after
    if c.active_after == NONE:
        g.last_active = c.active_before
    else:
        w.cases[c.active_after].active_before = c.active_before
    drop_case(w, case)
    if g.closed_users:
        # Not at once: the clock would never advance if sessions took no time.
        schedule(w, 1, order(CLIENT, arrival, 0, 0), ON_USER, 0, 0)
    elif g.waiting > 0:
        if g.host_capacity:
            complete_with(w, ON_PLACE_FREE, 0)
        else:
            begin_session(w, _first_waiting(w))


@compiled
def give_place(w: Any) -> None:
    """Give the place of a client that has left to the first one that waits."""
    if w.world[0].waiting > 0:
        complete_with(w, ON_ADMITTED, _first_waiting(w))


@compiled
def _first_waiting(w: Any) -> int:
    g = w.world[0]
    arrival = g.next_arrival - g.waiting
    g.waiting -= 1
    return _new_case(w, arrival, nanoseconds_of(w.arrivals[arrival]), w.arrivals[arrival])


@compiled
def clients_are_over(w: Any) -> bool:
    """Return whether no client is active or waiting and no arrival is left."""
    g = w.world[0]
    if g.active > 0 or g.waiting > 0:
        return False
    return g.closed_users > 0 or g.next_arrival >= g.arrivals_known


@compiled
def censor_clients(w: Any) -> None:
    """Record what has not ended when the run does."""
    g = w.world[0]
    case = g.first_active
    while case != NONE:
        following = w.cases[case].active_after
        censor(w, case, g.now, NONE)
        case = following
    while g.waiting > 0:
        case = _first_waiting(w)
        record_never_started(w, case, g.now)
        drop_case(w, case)
