"""The end of executions, and of what is unfinished when a fork or an execution ends."""

from typing import Any

from harness.lab.sim.compiled.kernel.agenda import ON_EXECUTION_END, complete_with
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.kernel.pools import drop_job, free_execution, free_fork, free_thread
from harness.lab.sim.compiled.kernel.row_log import (
    ABORTED,
    EXECUTIONS_FAILED,
    EXECUTIONS_SUCCEEDED,
    EXECUTIONS_TIMED_OUT,
    STATE_FAILED,
    SUCCEEDED,
    log_metric,
    log_step,
)
from harness.lab.sim.compiled.kernel.settling import execution_ended

TIMED_OUT = 2
"""Status of an execution, after those of states."""


@compiled
def cancel_children(w: Any, owner: int) -> None:
    """Stop the children of a thread, and theirs."""
    visit_children(w, owner, w.world[0].now, ABORTED)


@compiled
def visit_children(w: Any, owner: int, at: int, outcome: int) -> None:
    """
    Record the states that the descendants of a thread are in, depth first, and end them.

    The descendants that are to be visited are a list in ``pending``, the next one last.
    """
    count = _list_children(w, owner, 0)
    while count > 0:
        count -= 1
        thread = w.pending[count]
        record_unfinished(w, thread, at, outcome)
        count = _list_children(w, thread, count)
        free_thread(w, thread)


@compiled
def _list_children(w: Any, owner: int, count: int) -> int:
    """Append the children of a thread to ``pending``, the first one last, and give up their fork."""
    fork = w.threads[owner].child
    if fork == NONE:
        return count
    f = w.forks[fork]
    child = f.last
    while child != NONE:
        w.pending[count] = child
        count += 1
        child = w.threads[child].before
    w.threads[owner].child = NONE
    f.dead = 1
    if not f.starting:
        free_fork(w, fork)
    return count


@compiled
def record_unfinished(w: Any, thread: int, at: int, outcome: int) -> None:
    """Record the attempt or the state without work that a thread is in, if there is one."""
    th = w.threads[thread]
    if th.node == NONE or th.next_node != NONE:
        return
    if th.entry == NONE:
        log_step(w, thread, th.entered_at, th.entered_at, at, outcome, NONE)
    elif not th.over and th.ready_at != NONE:
        log_step(w, thread, th.ready_at, th.started_at, at, outcome, NONE)


@compiled
def time_out_execution(w: Any, execution: int) -> None:
    """End an execution because its time limit has passed."""
    main = w.executions[execution].main
    record_unfinished(w, main, w.world[0].now, ABORTED)
    cancel_children(w, main)
    _leave(w, execution, TIMED_OUT, NONE)
    execution_over(w, execution)


@compiled
def end_execution(w: Any, execution: int, status: int, failure: int) -> None:
    _leave(w, execution, status, failure)
    if w.world[0].host_capacity:
        complete_with(w, ON_EXECUTION_END, execution)
    else:
        execution_over(w, execution)


@compiled
def _leave(w: Any, execution: int, status: int, failure: int) -> None:
    """Leave the last state of an execution."""
    ex = w.executions[execution]
    j = w.jobs[ex.job]
    j.exec_status = status
    if failure != NONE:
        j.exec_code = w.failures[failure].code
        ex.failure, ex.failed_node = failure, w.threads[ex.main].node
    free_thread(w, ex.main)


@compiled
def execution_over(w: Any, execution: int) -> None:
    """Record the end of an execution, and let the service know of it."""
    g, ex = w.world[0], w.executions[execution]
    job = ex.job
    status = w.jobs[job].exec_status
    log_metric(w, EXECUTIONS_SUCCEEDED, 1.0 if status == SUCCEEDED else 0.0)
    log_metric(w, EXECUTIONS_FAILED, 1.0 if status == STATE_FAILED else 0.0)
    log_metric(w, EXECUTIONS_TIMED_OUT, 1.0 if status == TIMED_OUT else 0.0)
    if ex.failure != NONE:
        remark(w, ex.failed_node, ex.failure)
    free_execution(w, execution)
    if not g.calls_back or status != SUCCEEDED:
        execution_ended(w, job)
    drop_job(w, job)


@compiled
def remark(w: Any, node: int, failure: int) -> None:
    """Count a failure that the state machine itself has caused, with the first cause of each error."""
    if not w.failures[failure].runtime:
        return
    state, error = w.nodes[node].state, w.failures[failure].error
    for place in range(w.remarks.size):
        row = w.remarks[place]
        if row.count == 0:
            row.state, row.failure = state, failure
        if row.state == state and w.failures[row.failure].error == error:
            row.count += 1
            return
