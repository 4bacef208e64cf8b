"""
The steps of clients: what `harness.lab.sim.model.client_session` does, as a state machine.

A step is entered in stage 0 and returns PAUSED or AT_HOST (until the host has done an operation) until it is
DONE, or STOPPED when the flow ends early.
"""

from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.clients import client_records as records
from harness.lab.sim.compiled.kernel.clients.client_requests import (
    AT_HOST,
    DONE,
    FIRST_OWN_STAGE,
    PAUSED,
    STOPPED,
    admit,
    download,
    download_object,
    exchange,
    pause,
    record_answer,
    request,
    send,
    take_as_client,
    transfer_time,
)
from harness.lab.sim.compiled.kernel.clients.planned_batch import (
    IMAGE,
    flow_of,
    plan_files,
)
from harness.lab.sim.compiled.kernel.draws.keyed_draws import (
    draw_items,
    latency_from,
    nanoseconds_of,
    unit_draw,
    value_of,
)
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import LATENCIES, NONE
from harness.lab.sim.compiled.kernel.pools import replace_smallest
from harness.lab.sim.compiled.kernel.row_log import (
    COMPLETE,
    CREATE,
    FORBIDDEN,
    OK,
    PREVIEW,
    PUT,
    QUERY,
    READY,
    REFUSED,
    RETRY,
    STATUS,
    ZIP,
    log_request,
)
from harness.lab.sim.compiled.kernel.service import complete_batch, create_batch, retry_batch

CREATES, THINKS, UPLOADS, COMPLETES, WAITS, DOWNLOADS, RETRIES, VIEWS, IS_REFUSED, ENDS = range(10)
"""The steps of flows."""

STOPPED_BY_REQUEST = (CREATE, COMPLETE, STATUS, QUERY, RETRY)

PREVIEW_BYTES = 20_000
NS = 1_000_000_000
OTHER_STAGE = 1000
"""Stages of steps that send two requests: those of the second one, and what follows it."""

_SAW_THE_END, _SAW_NO_END, _POLL_REFUSED = range(FIRST_OWN_STAGE + 1, FIRST_OWN_STAGE + 4)
"""Stages of the wait for the end of a batch: what the poll was answered."""


@compiled
def run_client(w: Any, case: int) -> int:
    """Continue a client until it is PAUSED or AT_HOST, or DONE because its session has ended."""
    c = w.cases[case]
    while True:
        step = w.steps_of_flows[c.step]
        if step == ENDS:
            return DONE
        came = run_step(w, case, step)
        if came == PAUSED or came == AT_HOST:
            return came
        if came == STOPPED:
            return DONE
        c.step += 1
        c.stage = 0


@compiled
def run_step(w: Any, case: int, step: int) -> int:
    if step == CREATES:
        return create(w, case)
    if step == THINKS:
        return think(w, case)
    if step == UPLOADS:
        return upload_files(w, case)
    if step == COMPLETES:
        return complete(w, case)
    if step == WAITS:
        return wait_until_ended(w, case)
    if step == DOWNLOADS:
        return download_results(w, case)
    if step == RETRIES:
        return process_again(w, case)
    if step == VIEWS:
        return view(w, case)
    return attempt_refused(w, case)


@compiled
def request_of_step(w: Any, case: int, what: int, status: int) -> int:
    """Send the request that a step needs; the flow stops if it is refused too often."""
    came = request(w, case, what, status)
    if came == STOPPED:
        records.stop(w, case, records.UNAVAILABLE_ENDPOINTS + what)
    return came


@compiled
def think(w: Any, case: int) -> int:
    g, c = w.world[0], w.cases[case]
    if c.stage == 0:
        c.thinks += 1
        if g.thinks:
            seconds = max(0.0, value_of(w, g.think_draw, c.arrival, c.thinks, 0))
            return pause(w, case, nanoseconds_of(seconds), FIRST_OWN_STAGE)
    return DONE


@compiled
def create(w: Any, case: int) -> int:
    came = request_of_step(w, case, CREATE, 201)
    if came == DONE:
        create_batch(w, case)
    return came


@compiled
def upload_files(w: Any, case: int) -> int:
    """Upload every file, several in parallel."""
    g, c = w.world[0], w.cases[case]
    if c.stage == FIRST_OWN_STAGE:
        return DONE
    plan = 0 if g.placeholder else plan_files(w, c.flow, c.arrival)
    drawn, law = w.drawn[LATENCIES], w.draws[g.s3_request]
    draw_items(w, g.s3_request, c.arrival, 0, c.files, 1, drawn)
    lanes = min(g.lanes, c.files)
    for lane in range(lanes):
        w.pending[lane] = g.now
    c.uploaded = 0
    for place in range(c.files):
        size = g.placeholder if g.placeholder else w.files[plan, place].bytes
        c.uploaded += size
        start = w.pending[0]
        finish = start + latency_from(law, drawn[place]) + np.int64(size * g.ns_per_byte)
        replace_smallest(w.pending, lanes, finish)
        log_request(w, case, PUT, 200, OK, start, start, finish, size, 0, NONE)
    c.due_at = NONE
    last = g.now
    for lane in range(lanes):
        last = max(last, w.pending[lane])
    if g.host_capacity:
        at_once = max(1, lanes)
        used = g.host_upload * c.files // at_once
        return take_as_client(w, case, last - g.now, used, at_once, FIRST_OWN_STAGE)
    return pause(w, case, last - g.now, FIRST_OWN_STAGE)


@compiled
def complete(w: Any, case: int) -> int:
    g, c = w.world[0], w.cases[case]
    came = request_of_step(w, case, COMPLETE, 202)
    if came != DONE:
        return came
    c.job = complete_batch(w, case)
    if c.job == NONE:
        records.stop(w, case, records.URL_EXPIRED)
        return STOPPED
    c.job_due_at, c.accepted_at = c.due, g.now
    return DONE


@compiled
def process_again(w: Any, case: int) -> int:
    """Request that the batch is processed again."""
    g, c = w.world[0], w.cases[case]
    if c.stage == 0:
        c.left = g.now
    came = request_of_step(w, case, RETRY, 202)
    if came != DONE:
        return came
    c.job = retry_batch(w, case)
    if c.job == NONE:
        records.stop(w, case, records.STATUS_INVALID)
        return STOPPED
    c.job_due_at, c.accepted_at = c.left, g.now
    return DONE


@compiled
def wait_until_ended(w: Any, case: int) -> int:
    """Poll the status until the batch has ended, or a time-out."""
    g, c = w.world[0], w.cases[case]
    if c.stage == _SAW_THE_END:
        record_answer(w, case, STATUS, 200, True)
        records.record_end(w, case)
        return DONE
    if c.stage == 0:
        c.poll_wait, c.not_before = g.poll_first, c.accepted_at
        c.stops_at = c.accepted_at + g.poll_timeout
        return _pause_until_poll(w, case, 0)
    if c.stage == _SAW_NO_END or c.stage == _POLL_REFUSED:
        accepted = c.stage == _SAW_NO_END
        record_answer(w, case, STATUS, 200, accepted)
        return _poll_again(w, case, 0, accepted)
    has_ended = c.finished_at != NONE
    if g.host_capacity:
        accepted_stage = _SAW_THE_END if has_ended else _SAW_NO_END
        return exchange(w, case, STATUS, 200, accepted_stage, _POLL_REFUSED)
    # The latency is known at once, so an answer that changes nothing needs no event of its own.
    accepted = send(w, case, STATUS, 200)
    if accepted and has_ended:
        return pause(w, case, c.latency, _SAW_THE_END)
    return _poll_again(w, case, c.latency, accepted)


@compiled
def _poll_again(w: Any, case: int, latency: int, accepted: bool) -> int:
    """Wait for the answer of a poll that did not see the end, and then for the next poll."""
    g, c = w.world[0], w.cases[case]
    if accepted:
        c.not_before = c.sent_at
    grown = c.poll_wait * g.poll_factor
    # As a whole number it might have more than 64 bits.
    c.poll_wait = np.int64(grown) if grown < g.poll_cap else g.poll_cap
    return _pause_until_poll(w, case, latency)


@compiled
def _pause_until_poll(w: Any, case: int, latency: int) -> int:
    g, c = w.world[0], w.cases[case]
    if g.now + latency < c.stops_at:
        return pause(w, case, latency + c.poll_wait, FIRST_OWN_STAGE)
    records.censor(w, case, g.now, records.POLL_TIMEOUT)
    records.stop(w, case, records.POLL_TIMEOUT)
    return STOPPED


@compiled
def download_results(w: Any, case: int) -> int:
    """Query the downloads and fetch them: all files of real media, the first one of placeholders."""
    g, c = w.world[0], w.cases[case]
    if c.stage < FIRST_OWN_STAGE:
        if c.stage == 0 and c.status != READY:
            return DONE
        came = request_of_step(w, case, QUERY, 200)
        if came != DONE:
            return came
        c.file, c.stage = 0, FIRST_OWN_STAGE
        if not g.real_media:
            size = g.placeholder if g.placeholder else c.first_bytes
            return download_object(w, case, size, FIRST_OWN_STAGE + 3)
    if c.stage == FIRST_OWN_STAGE + 3:
        return DONE
    plan = plan_files(w, c.flow, c.arrival)
    if c.stage == FIRST_OWN_STAGE + 1:
        c.file += 1
        if w.files[plan, c.file - 1].kind == IMAGE:
            return download(w, case, PREVIEW_BYTES, PREVIEW, FIRST_OWN_STAGE)
    if c.file < c.files:
        size = g.placeholder if g.placeholder else w.files[plan, c.file].bytes
        return download_object(w, case, size, FIRST_OWN_STAGE + 1)
    return download(w, case, c.uploaded, ZIP, FIRST_OWN_STAGE + 3)


@compiled
def view(w: Any, case: int) -> int:
    """View a listing that earlier arrivals may have filled."""
    g, c = w.world[0], w.cases[case]
    if c.stage < FIRST_OWN_STAGE:
        if c.stage == 0:
            c.listing = np.int64(unit_draw(w.streams[g.viewer_stream], c.arrival, 0, 0) * c.arrival)
            # Found now: the batch may become READY while the request is under way.
            c.left = w.ready[c.listing]
        came = request_of_step(w, case, QUERY, 200 if c.left else 204)
        if came != DONE or not c.left:
            return came
        c.viewed, c.stage = c.listing, OTHER_STAGE
    if c.stage >= OTHER_STAGE:
        came = _request_of_other_stage(w, case)
        if came != DONE:
            return came
        c.file, c.stage = 0, FIRST_OWN_STAGE
    plan = 0
    if not g.placeholder or c.file == 0:
        plan = plan_files(w, flow_of(w, c.viewed), c.viewed)
        c.files = w.plans[plan].files
    wanted = np.int64(np.rint(value_of(w, w.flows[c.flow].fetches, c.arrival, 0, 0)))
    if c.file < min(wanted, c.files):
        c.file += 1
        size = g.placeholder if g.placeholder else w.files[plan, c.file - 1].bytes
        return download_object(w, case, size, FIRST_OWN_STAGE)
    return DONE


@compiled
def _request_of_other_stage(w: Any, case: int) -> int:
    c = w.cases[case]
    c.stage -= OTHER_STAGE
    came = request_of_step(w, case, STATUS, 200)
    c.stage += OTHER_STAGE
    return came


@compiled
def attempt_refused(w: Any, case: int) -> int:
    """Make an attempt that must be refused."""
    g, c = w.world[0], w.cases[case]
    if c.stage == FIRST_OWN_STAGE + 1:
        return DONE
    kind = c.attempt
    to_store = records.goes_to_store(kind)
    if to_store and c.stage < FIRST_OWN_STAGE:
        came = create(w, case)
        if came != DONE:
            return came
    if records.is_expired_url(kind) and c.stage < FIRST_OWN_STAGE:
        expires_in = g.upload_ttl + NS
        if g.now + expires_in > g.duration:
            return DONE
        return pause(w, case, expires_in, FIRST_OWN_STAGE)
    due = c.due_at if c.due_at != NONE else g.now
    c.due_at = NONE
    if to_store:
        c.transfers += 1
        c.latency = transfer_time(w, case, c.transfers, 2, 0)
    else:
        admit(w, case)
    finished = g.now + c.latency
    log_request(w, case, FORBIDDEN + kind, records.status_of(kind), REFUSED, due, g.now, finished, 0, 0, NONE)
    return pause(w, case, c.latency, FIRST_OWN_STAGE + 1)
