"""The start of work: invocations of functions, jobs of stations and of the transcoder."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    DEADLINE,
    END_OF_WORK,
    ON_GRANTED,
    ON_HEARTBEAT,
    ON_INVOCATION_END,
    ON_SERVICE_END,
    ON_TIME_OUT,
    complete_with,
    order,
    schedule,
    schedule_deadline,
)
from harness.lab.sim.compiled.kernel.draws.keyed_draws import latency_of, nanoseconds_of, rounded
from harness.lab.sim.compiled.kernel.executions.work_plan import (
    plan_described,
    plan_function,
    plan_transcoding,
)
from harness.lab.sim.compiled.kernel.host_operations import take
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import bucket_take, free_work, replace_smallest, take_work
from harness.lab.sim.compiled.kernel.row_log import FUNCTION_METRICS, THROTTLES, log_metric

FUNCTION, TRANSCODER, STATION, OTHER_FUNCTION = range(4)
"""Kinds of workers."""

WAITING, SUCCEEDS_NOW = -1, -2
"""What came of a new attempt, unless it is the failure that ended it at once."""


@compiled
def begin_attempt(w: Any, thread: int) -> int:
    """Begin an attempt of the Task that a thread is in; return what came of it."""
    g, th = w.world[0], w.threads[thread]
    node = w.nodes[th.node]
    worker = w.workers[node.worker]
    g.serial += 1
    th.attempt = g.serial
    th.deadline = NONE if node.timeout == NONE else g.now + node.timeout
    job = w.executions[th.execution].job
    if worker.kind == FUNCTION:
        seconds, failure = plan_function(w, node.worker, job, thread)
        return _invoke(w, thread, job, seconds, failure, 0)
    if worker.kind == TRANSCODER:
        return _transcode(w, thread, job)
    seconds, failure, outcome = plan_described(w, node.worker, job, thread)
    if worker.kind == OTHER_FUNCTION:
        return _invoke(w, thread, job, seconds, failure, outcome)
    row = _new_work(w, thread, job, failure, outcome)
    w.works[row].service = nanoseconds_of(seconds)
    w.works[row].priority = node.priority
    if not _offer(w, worker.station, row, node.priority_given):
        return _refused(w, row, g.capacity)
    enforce_deadline(w, thread, NONE)
    if node.heartbeat != NONE and (worker.beats == NONE or worker.beats > node.heartbeat):
        _fail_in(w, thread, node.heartbeat, ON_HEARTBEAT)
    return WAITING


@compiled
def is_open(w: Any, work: int) -> bool:
    """Return whether the result of a work still matters to its attempt."""
    row = w.works[work]
    return w.threads[row.thread].attempt == row.attempt


@compiled
def enforce_deadline(w: Any, thread: int, until: int) -> None:
    """Let the attempt time out at its deadline, unless its work ends before, at *until*."""
    th = w.threads[thread]
    if th.deadline != NONE and (until == NONE or until > th.deadline):
        _fail_in(w, thread, th.deadline - w.world[0].now, ON_TIME_OUT)


@compiled
def _fail_in(w: Any, thread: int, delay: int, what: int) -> None:
    th = w.threads[thread]
    arrival = w.cases[w.jobs[w.executions[th.execution].job].case].arrival
    key = order(DEADLINE, arrival, th.iteration, th.number)
    schedule_deadline(w, delay, key, what, thread, th.attempt)


@compiled
def _new_work(w: Any, thread: int, job: int, failure: int, outcome: int) -> int:
    th = w.threads[thread]
    row = take_work(w)
    work = w.works[row]
    work.job, work.thread, work.attempt, work.node = job, thread, th.attempt, th.node
    work.worker, work.iteration, work.number = w.nodes[th.node].worker, th.iteration, th.number
    work.failure, work.outcome, work.killed, work.next, work.video_s = failure, outcome, 0, NONE, 0.0
    w.jobs[job].holds += 1
    return row


@compiled
def _refused(w: Any, row: int, failure: int) -> int:
    """Forget work that was not accepted, and return its failure."""
    free_work(w, row)
    return failure


@compiled
def _invoke(w: Any, thread: int, job: int, seconds: float, failure: int, outcome: int) -> int:
    """Run a function."""
    g, th = w.world[0], w.threads[thread]
    worker = w.workers[w.nodes[th.node].worker]
    pool = w.pools[worker.pool]
    arrival = w.cases[w.jobs[job].case].arrival
    start = (
        NONE if _is_full(w, worker.pool) else _environment(w, worker.pool, arrival, th.iteration, th.number)
    )
    if start == NONE:
        log_metric(w, FUNCTION_METRICS + 4 * worker.pool + THROTTLES, 1.0)
        return g.throttled_lambda
    service_time = nanoseconds_of(seconds)
    if pool.cold_replaces and start > 0:
        start, service_time = 0, start
    row = _new_work(w, thread, job, failure, outcome)
    work = w.works[row]
    if service_time > pool.timeout:
        work.killed, service_time = 1, pool.timeout
    work.begun_at = g.now + start
    time = start + _wait(w, worker.pool, work.begun_at, service_time) + service_time
    pool.running += 1
    g.running += 1
    if pool.concurrency == NONE:
        g.running_unreserved += 1
    _begin_work(w, row, time, ON_INVOCATION_END)
    th.started_at = g.now
    # On shared processors it may end later.
    enforce_deadline(w, thread, NONE if g.host_capacity else g.now + time)
    return WAITING


@compiled
def _begin_work(w: Any, row: int, time: int, what: int) -> None:
    """Do work, which takes a time if it does not share the processors of the host."""
    work = w.works[row]
    worker = w.workers[work.worker]
    arrival = w.cases[w.jobs[work.job].case].arrival
    key = order(END_OF_WORK, arrival, work.iteration, work.number)
    if worker.weight:
        take(w, time, time if worker.used == NONE else worker.used, key, worker.weight, what, row)
    else:
        schedule(w, time, key, what, row, 0)


@compiled
def _is_full(w: Any, pool_row: int) -> bool:
    g, pool = w.world[0], w.pools[pool_row]
    if g.running >= g.account:
        return True
    if pool.concurrency == NONE:
        return g.running_unreserved >= g.unreserved
    return pool.running >= pool.concurrency


@compiled
def _environment(w: Any, pool_row: int, arrival: int, item: int, number: int) -> int:
    """Find or create an environment; return its start-up time, NONE if no new one is allowed yet."""
    g, pool = w.world[0], w.pools[pool_row]
    if not g.cold:
        return 0
    if pool.idle > 0:
        pool.idle -= 1
        if g.now - w.idle_since[pool_row, pool.idle] <= g.keep_alive:
            return 0
        pool.idle = 0
    if not bucket_take(pool, g.now):
        return NONE
    init = latency_of(w, pool.init, arrival, item, number)
    return init + latency_of(w, pool.placement, arrival, item, number)


@compiled
def _wait(w: Any, pool_row: int, at: int, work: int) -> int:
    """Give work that arrives at an instant to the first free sandbox; return its wait."""
    count = w.pools[pool_row].sandboxes
    if count == 0:
        return 0
    begin = max(at, w.free_at[pool_row, 0])
    replace_smallest(w.free_at[pool_row], count, begin + work)
    return begin - at


@compiled
def _transcode(w: Any, thread: int, job: int) -> int:
    g, th = w.world[0], w.threads[thread]
    node = w.nodes[th.node]
    worker = w.workers[node.worker]
    seconds, failure, video_s = plan_transcoding(w, node.worker, job, thread, node.video)
    if g.create_limited:
        full_at = max(g.create_full, g.now)
        if full_at - g.now > g.create_reach:
            return g.transcoder_throttled
        g.create_full = full_at + g.create_interval
    arrival = w.cases[w.jobs[job].case].arrival
    row = _new_work(w, thread, job, failure, 0)
    work = w.works[row]
    work.video_s = video_s
    scaled = rounded(nanoseconds_of(seconds) / g.speed)
    work.service = latency_of(w, g.start_delay, arrival, th.iteration, th.number) + scaled
    work.duration = latency_of(w, g.completion, arrival, th.iteration, th.number)
    _offer(w, worker.station, row, 0)
    if worker.waits:
        enforce_deadline(w, thread, NONE)
        return WAITING
    return SUCCEEDS_NOW


@compiled
def _offer(w: Any, station_row: int, work: int, prioritised: int) -> bool:
    """Let a station accept work unless it is full; return whether it was accepted."""
    station = w.stations[station_row]
    if station.capacity != NONE and station.busy + station.waiting >= station.capacity:
        return False
    has_server = station.servers == NONE or station.busy < station.servers
    if has_server and station.first == NONE:
        station.busy += 1
        begin_service(w, work)
        return True
    _enqueue(w, station_row, work, prioritised)
    if has_server:
        # The server was left at this instant, and the work that waited for it has not begun yet.
        granted = next_served(w, station_row)
        if granted == work:
            begin_service(w, work)
        else:
            complete_with(w, ON_GRANTED, granted)
    return True


@compiled
def _enqueue(w: Any, station_row: int, work: int, prioritised: int) -> None:
    station = w.stations[station_row]
    station.waiting += 1
    before = station.last
    if prioritised:
        before = _place_of(w, station_row, work)
    if before == NONE:
        w.works[work].next = station.first
        station.first = work
    else:
        w.works[work].next = w.works[before].next
        w.works[before].next = work
    if before == station.last:
        station.last = work


@compiled
def next_served(w: Any, station_row: int) -> int:
    """Give a server to the first work in the queue of a station, and return the work."""
    station = w.stations[station_row]
    row = station.first
    station.first = w.works[row].next
    station.waiting -= 1
    station.busy += 1
    if station.first == NONE:
        station.last = NONE
    return row


@compiled
def _place_of(w: Any, station_row: int, work: int) -> int:
    """Return the last waiting work that does not come after a new one; NONE if there is none."""
    station, priority = w.stations[station_row], w.works[work].priority
    before, row = NONE, station.first
    while row != NONE and w.works[row].priority <= priority:
        before, row = row, w.works[row].next
    return before


@compiled
def is_wanted(w: Any, row: int) -> bool:
    """Return whether work that has waited for a server is still to be done."""
    return is_open(w, row) or not w.workers[w.works[row].worker].waits


@compiled
def begin_service(w: Any, row: int) -> None:
    """Begin the service of work, which has a server."""
    g, work = w.world[0], w.works[row]
    work.begun_at = g.now
    _begin_work(w, row, work.service, ON_SERVICE_END)
    if is_open(w, row):
        w.threads[work.thread].started_at = g.now
