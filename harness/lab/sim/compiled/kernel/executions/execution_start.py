"""The start of executions, and the threads (branches) and time between their states."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import (
    DEADLINE,
    ON_EXECUTION_DEADLINE,
    ON_EXECUTION_START,
    ON_STATE,
    TIMER,
    order,
    schedule,
    schedule_deadline,
)
from harness.lab.sim.compiled.kernel.draws.keyed_draws import latency_of
from harness.lab.sim.compiled.kernel.host_operations import take_transition
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NEVER, NONE
from harness.lab.sim.compiled.kernel.pools import take_execution, take_thread
from harness.lab.sim.compiled.kernel.row_log import EXECUTIONS_STARTED, log_metric

RUN, START_CHILDREN = 0, 1
"""What is left to do now: run a thread, or start children of a fork; the newest of them comes first."""


@compiled
def start_execution(w: Any, job: int) -> bool:
    """Start an execution for a job; return False if the request was throttled."""
    g, j = w.world[0], w.jobs[job]
    full_at = max(g.start_full, g.now)
    if full_at - g.now > g.start_reach:
        return False
    g.start_full = full_at + g.start_interval
    arrival = w.cases[j.case].arrival
    row = take_execution(w)
    ex = w.executions[row]
    ex.job, ex.transitions, ex.events, ex.failure, ex.failed_node = job, 0, 0, NONE, NONE
    j.execution = row
    j.holds += 1
    ex.main = new_thread(w, row, NONE, 0)
    log_metric(w, EXECUTIONS_STARTED, 1.0)
    if g.time_limit != NONE:
        key = order(DEADLINE, arrival, 0, j.attempt)
        schedule_deadline(w, g.time_limit, key, ON_EXECUTION_DEADLINE, row, ex.serial)
    key = order(TIMER, arrival, 0, j.attempt)
    delay = latency_of(w, g.start_latency, arrival, 0, j.attempt)
    schedule(w, delay, key, ON_EXECUTION_START, row, ex.serial)
    return True


@compiled
def new_thread(w: Any, execution: int, fork: int, index: int) -> int:
    row = take_thread(w)
    th = w.threads[row]
    th.execution, th.fork, th.index = execution, fork, index
    th.iteration, th.thread, th.in_map = 0, 0, 0
    th.node, th.next_node, th.arrived, th.running = NONE, NONE, 0, 0
    th.entered_at, th.number, th.entry, th.over = 0, 1, NONE, 0
    th.ready_at, th.started_at, th.timer, th.attempt, th.deadline = NONE, NONE, NONE, NONE, NONE
    th.before, th.after, th.child = NONE, NONE, NONE
    return row


@compiled
def go_to(w: Any, thread: int, node: int) -> None:
    """Let a thread enter a state next, and run it unless it is running already."""
    th = w.threads[thread]
    th.next_node, th.arrived = node, 0
    if not th.running:
        th.running = 1
        to_do(w, RUN, thread, th.serial)


@compiled
def to_do(w: Any, kind: int, row: int, serial: int) -> None:
    g = w.world[0]
    frame = w.stack[g.depth]
    frame.kind, frame.row, frame.serial = kind, row, serial
    g.depth += 1


@compiled
def transition_delay(w: Any, thread: int, node: int) -> int:
    """Count a transition, and return the delay before the state is entered."""
    g, th = w.world[0], w.threads[thread]
    ex = w.executions[th.execution]
    g.transitions += 1
    full_at = max(g.trans_full, g.now)
    g.trans_full = min(full_at + g.trans_interval, 2 * NEVER)
    wait = max(full_at - g.now - g.trans_reach, 0)
    number = ex.transitions
    ex.transitions += 1
    if number == 0:
        # The latency of the first transition is part of the start.
        return wait
    j = w.jobs[ex.job]
    row = g.task_hop if w.nodes[node].is_task else g.plain_hop
    return wait + latency_of(w, row, w.cases[j.case].arrival, number, j.attempt)


@compiled
def set_timer(w: Any, thread: int, delay: int, node: int, what: int) -> None:
    """Call a thread back after a delay; it has one timer at a time."""
    key = _timer_key(w, thread, node)
    schedule(w, delay, key, what, thread, w.threads[thread].timer)


@compiled
def set_transition(w: Any, thread: int, delay: int, node: int) -> None:
    """Call a thread back when a transition has taken its time; that to a Task is work for the host."""
    key = _timer_key(w, thread, node)
    th = w.threads[thread]
    # The first transition is part of the start.
    is_work = w.nodes[node].is_task and w.executions[th.execution].transitions > 1
    if w.world[0].host_capacity and is_work:
        take_transition(w, delay, key, ON_STATE, thread, th.timer)
    else:
        schedule(w, delay, key, ON_STATE, thread, th.timer)


@compiled
def _timer_key(w: Any, thread: int, node: int) -> int:
    """Number the next timer of a thread; return the key of its event."""
    g, th = w.world[0], w.threads[thread]
    g.serial += 1
    th.timer = g.serial
    arrival = w.cases[w.jobs[w.executions[th.execution].job].case].arrival
    return order(TIMER, arrival, th.iteration, w.nodes[node].state)
