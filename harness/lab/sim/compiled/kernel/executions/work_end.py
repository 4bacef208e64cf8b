"""The end of work: invocations of functions, jobs of stations and of the transcoder."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    ON_GRANTED,
    ON_SERVER_FREE,
    ON_SETTLED,
    ON_TRANSCODED,
    SETTLED,
    complete_with,
    order,
    schedule,
)
from harness.lab.sim.compiled.kernel.executions.states import end_attempt
from harness.lab.sim.compiled.kernel.executions.work_start import (
    TRANSCODER,
    begin_service,
    is_open,
    is_wanted,
    next_served,
)
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import free_work
from harness.lab.sim.compiled.kernel.row_log import (
    DURATION,
    ERRORS,
    FUNCTION_METRICS,
    INVOCATIONS,
    THROTTLES,
    log_metric,
)
from harness.lab.sim.compiled.kernel.settling import settle

NO_EFFECT, BUNDLES, REPORTS = -1, -2, -3
"""Effects of a success; REPORTS − c reports the error code c - 1, or success if that is NONE."""


@compiled
def end_invocation(w: Any, row: int) -> None:
    g, work = w.world[0], w.works[row]
    pool_row = w.workers[work.worker].pool
    pool = w.pools[pool_row]
    pool.running -= 1
    g.running -= 1
    if pool.concurrency == NONE:
        g.running_unreserved -= 1
    if g.cold:
        w.idle_since[pool_row, pool.idle] = g.now
        pool.idle += 1
        g.idle_most = max(g.idle_most, pool.idle)
    metric = FUNCTION_METRICS + 4 * pool_row
    log_metric(w, metric + INVOCATIONS, 1.0)
    log_metric(w, metric + ERRORS, 1.0 if work.killed or work.failure != NONE else 0.0)
    log_metric(w, metric + THROTTLES, 0.0)
    log_metric(w, metric + DURATION, (g.now - work.begun_at) / 1e6)
    if work.killed:
        work.failure = w.workers[work.worker].killed
    elif work.failure == NONE:
        _have_effect(w, work.job, w.nodes[work.node].effect)
    _finish(w, row)


@compiled
def _have_effect(w: Any, job: int, effect: int) -> None:
    """Do what a function does beside returning a result, also if its attempt is over."""
    if effect == BUNDLES:
        w.jobs[job].bundled = 1
    elif effect <= REPORTS:
        settle(w, job, REPORTS - effect - 1)


@compiled
def _finish(w: Any, row: int) -> None:
    """End the attempt of a work, unless it is over, and forget the work."""
    work = w.works[row]
    thread, failure, outcome, matters = work.thread, work.failure, work.outcome, is_open(w, row)
    if matters:
        end_attempt(w, thread, failure, outcome)
    free_work(w, row)


@compiled
def end_service(w: Any, row: int) -> None:
    """A station has served work, and begins the next one that is still wanted."""
    g, work = w.world[0], w.works[row]
    station_row = w.workers[work.worker].station
    station = w.stations[station_row]
    station.busy -= 1
    station.busy_time += g.now - work.begun_at
    if g.host_capacity:
        complete_with(w, ON_SERVER_FREE, station_row)
        schedule(w, 0, SETTLED, ON_SETTLED, row, 0)
        return
    while station.first != NONE:
        following = next_served(w, station_row)
        if is_wanted(w, following):
            begin_service(w, following)
            break
        station.busy -= 1
        free_work(w, following)
    settled(w, row)


@compiled
def give_server(w: Any, station_row: int) -> None:
    """Give a server that has become free to the first work that waits, unless it was given already."""
    station = w.stations[station_row]
    if station.first != NONE and station.busy < station.servers:
        complete_with(w, ON_GRANTED, next_served(w, station_row))


@compiled
def server_granted(w: Any, row: int) -> None:
    """Work that has waited gets its server, and leaves it again if it is not wanted any more."""
    if is_wanted(w, row):
        begin_service(w, row)
        return
    station_row = w.workers[w.works[row].worker].station
    w.stations[station_row].busy -= 1
    free_work(w, row)
    complete_with(w, ON_SERVER_FREE, station_row)


@compiled
def settled(w: Any, row: int) -> None:
    """The owner of work that a station has served hears of its end, after the next work has begun."""
    g, work = w.world[0], w.works[row]
    if w.workers[work.worker].kind != TRANSCODER:
        _finish(w, row)
        return
    if work.failure == NONE:
        g.transcoded += 1
        g.video_s += work.video_s
    if work.duration > 0:
        arrival = w.cases[w.jobs[work.job].case].arrival
        schedule(w, work.duration, order(0, arrival, work.iteration, work.number), ON_TRANSCODED, row, 0)
    else:
        transcoded(w, row)


@compiled
def transcoded(w: Any, row: int) -> None:
    """The event of the completion of a transcoding job arrives."""
    if w.workers[w.works[row].worker].waits:
        _finish(w, row)
    else:
        free_work(w, row)
