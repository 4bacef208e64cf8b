"""
Executions: how threads go from state to state, what they do about failures, and how forks join.

What the interpreter does by recursion is a list of things to do here, the newest one first.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import ON_RETRY, ON_WAITED
from harness.lab.sim.compiled.kernel.draws.keyed_draws import nanoseconds_of, unit_draw
from harness.lab.sim.compiled.kernel.executions.execution_end import (
    cancel_children,
    end_execution,
    remark,
)
from harness.lab.sim.compiled.kernel.executions.execution_start import (
    RUN,
    START_CHILDREN,
    go_to,
    new_thread,
    set_timer,
    set_transition,
    to_do,
    transition_delay,
)
from harness.lab.sim.compiled.kernel.executions.work_start import SUCCEEDS_NOW, WAITING, begin_attempt
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import (
    count_for_case,
    free_fork,
    free_thread,
    take_fork,
)
from harness.lab.sim.compiled.kernel.row_log import (
    STATE_FAILED,
    SUCCEEDED,
    log_step,
)

TASK, FORK, WAIT, PASSES = range(4)
"""Kinds of nodes; the last one takes no time."""

END, FAIL = -2, -10
"""What follows a state instead of another one: the end of its thread, or failure *f* as ``FAIL - f``."""

HISTORY_MAX = 25_000
EVENTS_OF_A_STATE, EVENTS_OF_AN_ATTEMPT = 2, 3
ITEMS_MAX = 1 << 20
_OVER = -1
"""The execution of a thread has ended."""


@compiled
def do_all(w: Any) -> None:
    """Do what is left to do at this instant."""
    g = w.world[0]
    while g.depth > 0:
        frame = w.stack[g.depth - 1]
        if frame.kind == RUN:
            _run(w, frame.row, frame.serial)
        else:
            _start_children(w, frame.row)


@compiled
def _run(w: Any, thread: int, serial: int) -> None:
    """Let a thread enter its next state, or stop running it if it has to wait."""
    g, th = w.world[0], w.threads[thread]
    if th.serial != serial:
        g.depth -= 1
        return
    node = th.next_node
    if node == NONE:
        g.depth -= 1
        th.running = 0
        return
    if not th.arrived:
        delay = transition_delay(w, thread, node)
        if delay > 0:
            g.depth -= 1
            th.running = 0
            set_transition(w, thread, delay, node)
            return
    _enter(w, thread, node)


@compiled
def arrive(w: Any, thread: int) -> None:
    """The transition to the next state is over."""
    th = w.threads[thread]
    th.timer, th.arrived, th.running = NONE, 1, 1
    to_do(w, RUN, thread, th.serial)


@compiled
def _enter(w: Any, thread: int, node: int) -> None:
    g, th = w.world[0], w.threads[thread]
    ex = w.executions[th.execution]
    th.node, th.next_node, th.arrived, th.entry, th.over, th.number = node, NONE, 0, NONE, 0, 1
    th.entered_at = g.now
    ex.events += EVENTS_OF_A_STATE
    row = w.nodes[node]
    if ex.events > HISTORY_MAX:
        fail_branch(w, thread, g.history_failure)
    elif row.kind == WAIT:
        set_timer(w, thread, row.wait, node, ON_WAITED)
    elif row.kind == PASSES:
        _pass_through(w, thread)
    else:
        th.entry, th.ready_at, th.child = row.kind, g.now, NONE
        for place in range(row.retriers):
            w.retries[thread, place] = 0
        begin(w, thread)


@compiled
def _pass_through(w: Any, thread: int) -> None:
    """Run a state without work; its outcome is known."""
    th = w.threads[thread]
    row = w.nodes[th.node]
    at = th.entered_at
    if row.immediate == NONE:
        log_step(w, thread, at, at, w.world[0].now, SUCCEEDED, NONE)
        follow(w, thread, row.success)
    else:
        log_step(w, thread, at, at, w.world[0].now, STATE_FAILED, w.failures[row.immediate].error)
        fail_branch(w, thread, row.immediate)


@compiled
def waited(w: Any, thread: int) -> None:
    """A Wait is over."""
    th = w.threads[thread]
    th.timer = NONE
    log_step(w, thread, th.entered_at, th.entered_at, w.world[0].now, SUCCEEDED, NONE)
    follow(w, thread, w.nodes[th.node].success)


@compiled
def begin(w: Any, thread: int) -> None:
    """Begin the next attempt of a Task or a fork."""
    g, th = w.world[0], w.threads[thread]
    ex, row = w.executions[th.execution], w.nodes[th.node]
    th.started_at = NONE
    ex.events += EVENTS_OF_AN_ATTEMPT
    if ex.events > HISTORY_MAX:
        fail_entry(w, thread, g.history_failure)
    elif row.immediate != NONE:
        if row.starts:
            th.started_at = g.now
        fail_entry(w, thread, row.immediate)
    elif row.kind == FORK:
        _begin_fork(w, thread)
    else:
        came = begin_attempt(w, thread)
        if came == SUCCEEDS_NOW:
            end_attempt(w, thread, NONE, 0)
        elif came != WAITING:
            end_attempt(w, thread, came, 0)


@compiled
def retry(w: Any, thread: int) -> None:
    """A pause before another attempt is over."""
    g, th = w.world[0], w.threads[thread]
    th.timer, th.ready_at = NONE, g.now
    th.number += 1
    g.transitions += 1
    begin(w, thread)


@compiled
def end_attempt(w: Any, thread: int, failure: int, outcome: int) -> None:
    """End the attempt of a Task with a failure, or with an outcome of success."""
    th = w.threads[thread]
    th.attempt = NONE
    if failure != NONE:
        fail_entry(w, thread, failure)
    else:
        _succeed_entry(w, thread, w.nodes[th.node].first_outcome + outcome)


@compiled
def _succeed_entry(w: Any, thread: int, outcome: int) -> None:
    th = w.threads[thread]
    if w.outcomes[outcome].failure != NONE:
        fail_entry(w, thread, w.outcomes[outcome].failure)
        return
    th.over = 1
    log_step(w, thread, th.ready_at, th.started_at, w.world[0].now, SUCCEEDED, NONE)
    th.entry = NONE
    follow(w, thread, w.outcomes[outcome].cont)


@compiled
def follow(w: Any, thread: int, cont: int) -> None:
    """Go on to a state, or end the thread."""
    if cont >= 0:
        go_to(w, thread, cont)
    elif cont == END:
        _end_branch(w, thread)
    else:
        fail_branch(w, thread, FAIL - cont)


@compiled
def fail_branch(w: Any, thread: int, failure: int) -> None:
    owner = _leave_failed(w, thread, failure)
    if owner != _OVER:
        fail_entry(w, owner, failure)


@compiled
def fail_entry(w: Any, thread: int, failure: int) -> None:
    """End an attempt at a state with a failure: retry, go to a catcher, or fail the thread and so on."""
    while True:
        th = w.threads[thread]
        log_step(
            w, thread, th.ready_at, th.started_at, w.world[0].now, STATE_FAILED, w.failures[failure].error
        )
        edge = _edge_of(w, th.node, failure)
        if edge != NONE and _retries(w, thread, w.edges[edge].retrier):
            return
        th.over = 1
        caught = NONE if edge == NONE else w.edges[edge].caught
        if caught != NONE:
            remark(w, th.node, failure)
            if caught > FAIL:
                go_to(w, thread, caught)
                return
            failure = FAIL - caught
        thread = _leave_failed(w, thread, failure)
        if thread == _OVER:
            return


@compiled
def _edge_of(w: Any, node: int, failure: int) -> int:
    row = w.nodes[node]
    for edge in range(row.first_edge, row.first_edge + row.edges):
        if w.edges[edge].failure == failure:
            return edge
    return NONE


@compiled
def _retries(w: Any, thread: int, place: int) -> bool:
    """Schedule another attempt if the retrier at a place allows it; return whether it does."""
    if place == NONE:
        return False
    th = w.threads[thread]
    retrier = w.retriers[w.nodes[th.node].first_retrier + place]
    used = w.retries[thread, place]
    if used >= retrier.most:
        return False
    w.retries[thread, place] = used + 1
    delay = w.tables[retrier.first + min(used, retrier.count - 1)]
    if retrier.jitter != NONE:
        case = w.jobs[w.executions[th.execution].job].case
        number = count_for_case(w, case, retrier.purpose, th.thread)
        delay *= unit_draw(w.streams[retrier.jitter], w.cases[case].arrival, th.thread, number)
    set_timer(w, thread, nanoseconds_of(delay), th.node, ON_RETRY)
    th.ready_at = NONE
    return True


@compiled
def _begin_fork(w: Any, thread: int) -> None:
    g, th = w.world[0], w.threads[thread]
    row = w.nodes[th.node]
    th.started_at = g.now
    fork = take_fork(w)
    f = w.forks[fork]
    f.thread, f.node, f.running, f.limit, f.total = thread, th.node, 0, row.limit, row.children
    f.next, f.unfinished, f.starting, f.dead, f.first, f.last = 0, row.children, 1, 0, NONE, NONE
    th.child = fork
    to_do(w, START_CHILDREN, fork, 0)


@compiled
def _start_children(w: Any, fork: int) -> None:
    """Start the next child of a fork if it may run; else see whether the fork has ended."""
    g, f = w.world[0], w.forks[fork]
    if f.dead:
        g.depth -= 1
        free_fork(w, fork)
    elif f.running < f.limit and f.next < f.total:
        _start_child(w, fork)
    else:
        g.depth -= 1
        f.starting = 0
        if f.unfinished == 0:
            owner, node = f.thread, f.node
            w.threads[owner].child = NONE
            free_fork(w, fork)
            _succeed_entry(w, owner, w.nodes[node].first_outcome)


@compiled
def _start_child(w: Any, fork: int) -> None:
    f = w.forks[fork]
    owner = w.threads[f.thread]
    row = w.nodes[f.node]
    index = f.next
    f.next += 1
    f.running += 1
    child = new_thread(w, owner.execution, fork, index)
    th = w.threads[child]
    th.iteration, th.thread, th.in_map = owner.iteration, owner.thread, owner.in_map
    if row.is_map:
        th.iteration = index
        th.thread = (owner.thread + 1) * ITEMS_MAX + index if owner.in_map else index
        th.in_map = 1
    th.before = f.last
    if f.last == NONE:
        f.first = child
    else:
        w.threads[f.last].after = child
    f.last = child
    follow(w, child, w.children[row.first_child + index])


@compiled
def _end_branch(w: Any, thread: int) -> None:
    """End a thread with success."""
    fork = w.threads[thread].fork
    if fork == NONE:
        end_execution(w, w.threads[thread].execution, SUCCEEDED, NONE)
        return
    _unlink(w, thread)
    free_thread(w, thread)
    f = w.forks[fork]
    f.running -= 1
    f.unfinished -= 1
    if not f.starting:
        f.starting = 1
        to_do(w, START_CHILDREN, fork, 0)


@compiled
def _leave_failed(w: Any, thread: int, failure: int) -> int:
    """End a thread with a failure, and its siblings; return the thread that waited for it."""
    fork = w.threads[thread].fork
    if fork == NONE:
        end_execution(w, w.threads[thread].execution, STATE_FAILED, failure)
        return _OVER
    _unlink(w, thread)
    free_thread(w, thread)
    owner = w.forks[fork].thread
    cancel_children(w, owner)
    return owner


@compiled
def _unlink(w: Any, thread: int) -> None:
    """Take a thread from the children of its fork."""
    th = w.threads[thread]
    f = w.forks[th.fork]
    if th.before == NONE:
        f.first = th.after
    else:
        w.threads[th.before].after = th.after
    if th.after == NONE:
        f.last = th.before
    else:
        w.threads[th.after].before = th.before
