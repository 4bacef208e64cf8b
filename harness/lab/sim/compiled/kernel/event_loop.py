"""The event loop of the compiled engine: the one function that Python calls."""

from typing import Any

from harness.lab.sim.compiled.kernel import agenda as on
from harness.lab.sim.compiled.kernel.agenda import (
    close_gap,
    is_awaited,
    order,
    precedes,
    remove_first,
    schedule,
)
from harness.lab.sim.compiled.kernel.clients.arriving_clients import (
    arrive,
    begin_session,
    censor_clients,
    clients_are_over,
    give_place,
    schedule_next_arrival,
    start_user,
    wake,
)
from harness.lab.sim.compiled.kernel.executions.execution_end import (
    execution_over,
    record_unfinished,
    time_out_execution,
    visit_children,
)
from harness.lab.sim.compiled.kernel.executions.states import (
    arrive as enter_state,
)
from harness.lab.sim.compiled.kernel.executions.states import (
    do_all,
    end_attempt,
    follow,
    retry,
    waited,
)
from harness.lab.sim.compiled.kernel.executions.work_end import (
    end_invocation,
    end_service,
    give_server,
    server_granted,
    settled,
    transcoded,
)
from harness.lab.sim.compiled.kernel.host_operations import end_operation
from harness.lab.sim.compiled.kernel.job_messages import (
    message_appears,
    message_dispatched,
    message_handled,
    receive,
)
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled, entry_point
from harness.lab.sim.compiled.kernel.layout import NONE, World
from harness.lab.sim.compiled.kernel.processor_sharing import end_work, use
from harness.lab.sim.compiled.kernel.row_log import DEAD_DEPTH, DEPTH, INFLIGHT, log_metric
from harness.lab.sim.compiled.kernel.service import dead_letter_read, reconcile
from harness.lab.sim.compiled.kernel.world_type import directory_of

BEGIN, CONTINUE, FINISH = range(3)
"""What Python asks for."""

PAUSED, FULL, SHAPE_MISSING, OVER = range(4)
"""Why the loop has stopped."""

EVENTS_AT_ONCE = 50_000
"""After so many events Python shows the progress."""

MOST_OF_AN_EVENT = 13_000
"""Rows that one event may need: an execution has at most 25,000 events in its history, two for a state."""

_DEADLINES = on.ON_EXECUTION_DEADLINE, on.ON_TIME_OUT, on.ON_HEARTBEAT


def play(w: World, task: int) -> int:
    """Begin, continue or finish a run; return why the loop has stopped."""
    if w.directory is None:
        w.directory = directory_of(w)
        w.address = w.directory.ctypes.data
    return _play(w, task)


@entry_point
def _play(w: Any, task: int) -> int:
    """Begin, continue or finish a run; return why the loop has stopped."""
    if task == BEGIN:
        _begin(w)
        return PAUSED
    if task == FINISH:
        _finish(w)
        return OVER
    return _play_on(w)


@compiled
def _begin(w: Any) -> None:
    g = w.world[0]
    schedule(w, g.reconcile_every, order(on.TIMER, 0, 0, 0), on.ON_RECONCILE, 0, 0)
    _sample_and_repeat(w)
    if g.closed_users:
        for _ in range(g.closed_users):
            start_user(w)
    else:
        schedule_next_arrival(w)


@compiled
def _finish(w: Any) -> None:
    """Record what has not ended."""
    g = w.world[0]
    _sample(w)
    censor_clients(w)
    job = g.first_open
    while job != NONE:
        execution = w.jobs[job].execution
        if execution != NONE and w.jobs[job].exec_status == NONE:
            main = w.executions[execution].main
            record_unfinished(w, main, NONE, NONE)
            visit_children(w, main, NONE, NONE)
        job = w.jobs[job].open_after


@compiled
def _play_on(w: Any) -> int:
    g = w.world[0]
    last = g.events + EVENTS_AT_ONCE
    while True:
        close_gap(w)
        if g.processed >= g.check_at and not _has_room(w):
            return FULL
        heap = _next_heap(w)
        first = w.deadlines[0] if heap else w.agenda[0]
        if first.at >= g.slice_at:
            g.now = g.slice_at
            if g.now >= g.horizon or (g.now >= g.duration and g.open == 0 and clients_are_over(w)):
                return OVER
            g.slice_at = min(g.now + g.sample_every, g.horizon)
            if g.events >= last:
                return PAUSED
            continue
        what, row, serial = first.what >> 32, first.what & 0xFFFFFFFF, first.serial
        if what == on.ON_EXECUTION_START and w.executions[row].serial == serial:
            if shape_of(w, row) == NONE:
                return SHAPE_MISSING
        g.now = first.at
        g.processed += 1
        if heap:
            g.deadlines -= 1
            remove_first(w.deadlines, g.deadlines + 1)
        else:
            g.vacant = 1
        if what == on.ON_OPERATION_END:
            what, row, serial = end_operation(w, row)
        _process(w, what, row, serial)
        if g.depth > 0:
            do_all(w)


@compiled
def _next_heap(w: Any) -> int:
    """Return the heap with the next event: 1 for that of deadlines, without those that were cancelled."""
    g = w.world[0]
    while g.deadlines > 0 and precedes(w.deadlines[0], w.agenda[0]):
        first = w.deadlines[0]
        if is_awaited(w, first.what >> 32, first.what & 0xFFFFFFFF, first.serial):
            return 1
        g.deadlines -= 1
        remove_first(w.deadlines, g.deadlines + 1)
    return 0


@compiled
def _process(w: Any, what: int, row: int, serial: int) -> None:
    """Process an event."""
    if what == on.ON_CLIENT:
        wake(w, row)
    elif what == on.ON_INVOCATION_END:
        end_invocation(w, row)
    elif what == on.ON_ARRIVAL:
        arrive(w)
    elif what == on.ON_VISIBLE:
        message_appears(w, row)
    elif what == on.ON_DISPATCHED:
        message_dispatched(w, row, serial >> 1, (serial & 1) == 1)
    elif what <= on.ON_RECONCILE or what == on.ON_DEAD_LETTER:
        _process_of_run(w, what, row)
    elif what >= on.ON_OPERATION:
        _process_of_host(w, what, row)
    else:
        _process_of_execution(w, what, row, serial)


@compiled
def _process_of_run(w: Any, what: int, row: int) -> None:
    if what == on.ON_USER:
        start_user(w)
    elif what == on.ON_SAMPLE:
        _sample_and_repeat(w)
    elif what == on.ON_RECONCILE:
        reconcile(w)
    else:
        dead_letter_read(w, row)


@compiled
def _process_of_execution(w: Any, what: int, row: int, serial: int) -> None:
    g = w.world[0]
    if what == on.ON_SERVICE_END:
        end_service(w, row)
    elif what == on.ON_TRANSCODED:
        transcoded(w, row)
    elif what == on.ON_EXECUTION_START:
        if w.executions[row].serial == serial:
            follow(w, w.executions[row].main, shape_of(w, row))
    elif what == on.ON_EXECUTION_DEADLINE:
        time_out_execution(w, row)
    elif what == on.ON_TIME_OUT:
        end_attempt(w, row, g.timed_out, 0)
    elif what == on.ON_HEARTBEAT:
        end_attempt(w, row, g.heartbeat, 0)
    elif w.threads[row].timer == serial:
        if what == on.ON_STATE:
            enter_state(w, row)
        elif what == on.ON_WAITED:
            waited(w, row)
        else:
            retry(w, row)


@compiled
def _process_of_host(w: Any, what: int, row: int) -> None:
    """Process an event of a host with shared processors."""
    if what == on.ON_OPERATION:
        use(w, row)
    elif what == on.ON_WORK_END:
        end_work(w)
    elif what == on.ON_RECEIVED:
        receive(w, row)
    elif what == on.ON_HANDLED:
        message_handled(w, row)
    elif what == on.ON_PLACE_FREE:
        give_place(w)
    elif what == on.ON_ADMITTED:
        begin_session(w, row)
    elif what == on.ON_SERVER_FREE:
        give_server(w, row)
    elif what == on.ON_GRANTED:
        server_granted(w, row)
    elif what == on.ON_SETTLED:
        settled(w, row)
    else:
        execution_over(w, row)


@compiled
def shape_of(w: Any, execution: int) -> int:
    """Return the first state of an execution by the shape of its input; NONE if it is not lowered yet."""
    g = w.world[0]
    j = w.jobs[w.executions[execution].job]
    c = w.cases[j.case]
    g.shape_flow, g.shape_attempt, g.shape_first, g.shape_second = c.flow, j.attempt, c.videos, 0
    if g.shape_detail:
        g.shape_first, g.shape_second = c.images * 64 + c.videos, c.documents
    key = ((g.shape_flow * 1024 + g.shape_attempt) * 4096 + g.shape_first) * 64 + g.shape_second
    place = (key ^ (key >> 12)) & (w.shapes.size - 1)
    while w.shapes[place].key != NONE:
        if w.shapes[place].key == key:
            return w.shapes[place].cont
        place = (place + 1) & (w.shapes.size - 1)
    return NONE


@compiled
def _sample_and_repeat(w: Any) -> None:
    _sample(w)
    schedule(w, w.world[0].sample_every, order(on.SAMPLE, 0, 0, 0), on.ON_SAMPLE, 0, 0)


@compiled
def _sample(w: Any) -> None:
    """Record the gauges: the peak number of jobs since the last sample, and the depth of the queues."""
    g = w.world[0]
    log_metric(w, INFLIGHT, 1.0 * g.inflight_peak)
    g.inflight_peak = g.open
    log_metric(w, DEPTH, 1.0 * g.visible)
    log_metric(w, DEAD_DEPTH, 1.0 * g.dead_letters)


@compiled
def _has_room(w: Any) -> bool:
    """Return whether every table has room for the next event, and note when to look again."""
    g = w.world[0]
    room = min(w.agenda.size - g.agenda, w.deadlines.size - g.deadlines)
    room = min(room, w.threads.size - g.live_threads, w.works.size - g.live_works)
    room = min(room, w.forks.size - g.live_forks, w.counters.size - g.live_counters)
    room = min(room, w.cases.size - g.live_cases, w.jobs.size - g.live_jobs)
    room = min(room, w.executions.size - g.live_executions, w.visible.size - g.visible)
    room = min(room, w.idle_since.shape[1] - g.idle_most)
    if g.host_capacity:
        room = min(room, w.operations.size - g.live_operations, w.receipts.size - g.live_receipts)
        # All work may end in one event, and work that begins adds the expectation of an end.
        room = min(room, w.agenda.size - g.agenda - g.host_working, (w.deadlines.size - g.deadlines) // 2)
    if g.logs:
        # A reconciliation may end every job, and abandon every batch whose files are being uploaded.
        ending = 4 * g.open + 2 * g.live_cases
        room = min(room, w.steps.size - g.n_steps, w.metrics.size - g.n_metrics - ending)
        room = min(room, w.requests.size - g.n_requests, w.batches.size - g.n_batches)
    else:
        room = min(room, w.ready_rows.size - g.n_ready)
    if g.has_viewers and g.closed_users:
        room = min(room, w.ready.size - g.next_arrival)
    g.check_at = g.processed + room // MOST_OF_AN_EVENT
    return room >= MOST_OF_AN_EVENT
