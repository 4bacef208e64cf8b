"""
Rows that come and go: each table keeps the free ones in a list, linked by their first column.

An owner is freed when the last thing that needs it has gone; each of them holds it once.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled, inlined
from harness.lab.sim.compiled.kernel.layout import NONE

BUCKETS_OF_OWNER = 64
"""About as many as there are Tasks and iterations in one execution."""


def _rows_of(table: Any, link: str, free: str, live: str) -> tuple[Any, Any]:
    """
    Return two functions: one takes a row of a table, the other one gives it back.

    Args:
        table: Returns the table; see `inlined`.
        link: The column that links the free rows.
        free, live: Where the world keeps the first free row, and the number of those in use.
    """

    @compiled
    def take(w: Any) -> int:
        g = w.world[0]
        row = g[free]
        if row == NONE:
            # Rows that were never used come after those that were.
            row = g[live]
        else:
            g[free] = table(w)[row][link]
        g[live] += 1
        return row

    @compiled
    def give_back(w: Any, row: int) -> None:
        g = w.world[0]
        table(w)[row][link] = g[free]
        g[free] = row
        g[live] -= 1

    return take, give_back


take_case, _free_case = _rows_of(inlined(lambda w: w.cases), "arrival", "free_cases", "live_cases")
take_job, _free_job = _rows_of(inlined(lambda w: w.jobs), "number", "free_jobs", "live_jobs")
take_fork, free_fork = _rows_of(inlined(lambda w: w.forks), "thread", "free_forks", "live_forks")
take_work, _free_work = _rows_of(inlined(lambda w: w.works), "job", "free_works", "live_works")
take_receipt, free_receipt = _rows_of(inlined(lambda w: w.receipts), "job", "free_receipts", "live_receipts")
take_operation, free_operation = _rows_of(
    inlined(lambda w: w.operations), "row", "free_operations", "live_operations"
)
_take_execution, _free_execution = _rows_of(
    inlined(lambda w: w.executions), "serial", "free_executions", "live_executions"
)
_take_thread, _free_thread = _rows_of(
    inlined(lambda w: w.threads), "execution", "free_threads", "live_threads"
)
_take_counter, _free_counter = _rows_of(
    inlined(lambda w: w.counters), "owner", "free_counters", "live_counters"
)


@compiled
def take_execution(w: Any) -> int:
    g, row = w.world[0], _take_execution(w)
    g.serial += 1
    w.executions[row].serial = g.serial
    return row


@compiled
def free_execution(w: Any, row: int) -> None:
    w.executions[row].job = NONE
    _free_execution(w, row)


@compiled
def take_thread(w: Any) -> int:
    g, row = w.world[0], _take_thread(w)
    g.serial += 1
    w.threads[row].serial = g.serial
    return row


@compiled
def free_thread(w: Any, row: int) -> None:
    th = w.threads[row]
    th.serial, th.timer, th.attempt = NONE, NONE, NONE
    _free_thread(w, row)


@compiled
def free_work(w: Any, row: int) -> None:
    """Free a row of ``works``, which no longer needs its job."""
    drop_job(w, w.works[row].job)
    _free_work(w, row)


@compiled
def drop_job(w: Any, job: int) -> None:
    """Note that one thing less needs a job."""
    j = w.jobs[job]
    j.holds -= 1
    if j.holds == 0:
        _forget_counters(w, j.counters)
        drop_case(w, j.case)
        _free_job(w, job)


@compiled
def drop_case(w: Any, case: int) -> None:
    """Note that one thing less needs a case."""
    c = w.cases[case]
    c.holds -= 1
    if c.holds == 0:
        _forget_counters(w, c.counters)
        _free_case(w, case)


@compiled
def count_for_case(w: Any, case: int, purpose: int, thread: int) -> int:
    """Count one more attempt of a case, and return its number from 1."""
    number, w.cases[case].counters = _count(w, 2 * case, purpose, thread, w.cases[case].counters)
    return number


@compiled
def count_for_job(w: Any, job: int, purpose: int, thread: int) -> int:
    """Count one more attempt of a job, and return its number from 1."""
    number, w.jobs[job].counters = _count(w, 2 * job + 1, purpose, thread, w.jobs[job].counters)
    return number


@compiled
def _count(w: Any, owner: int, purpose: int, thread: int, first: int) -> tuple[int, int]:
    """Count; return the number, and the first of the owner's counters."""
    bucket = _bucket(w, owner, purpose, thread)
    row = w.buckets[bucket]
    while row != NONE:
        found = w.counters[row]
        if found.owner == owner and found.purpose == purpose and found.thread == thread:
            found.count += 1
            return found.count, first
        row = found.bucket
    row = _take_counter(w)
    new = w.counters[row]
    new.owner, new.purpose, new.thread, new.count = owner, purpose, thread, 1
    new.bucket, w.buckets[bucket] = w.buckets[bucket], row
    new.sibling = first
    return 1, row


@compiled
def _bucket(w: Any, owner: int, purpose: int, thread: int) -> int:
    # Rows of owners are used again, so few buckets are in use, side by side: they stay in the cache.
    return (owner * BUCKETS_OF_OWNER + purpose + thread) & (w.buckets.size - 1)


@compiled
def _forget_counters(w: Any, first: int) -> None:
    row = first
    while row != NONE:
        counter = w.counters[row]
        following = counter.sibling
        _unlink(w, row, _bucket(w, counter.owner, counter.purpose, counter.thread))
        _free_counter(w, row)
        row = following


@compiled
def _unlink(w: Any, row: int, bucket: int) -> None:
    if w.buckets[bucket] == row:
        w.buckets[bucket] = w.counters[row].bucket
        return
    before = w.buckets[bucket]
    while w.counters[before].bucket != row:
        before = w.counters[before].bucket
    w.counters[before].bucket = w.counters[row].bucket


@compiled
def replace_smallest(heap: Any, count: int, value: int) -> None:
    """Replace the smallest value of a heap."""
    place, below = 0, 1
    while below < count:
        # Added, because the processor cannot foresee which one is smaller.
        below += below + 1 < count and heap[below + 1] < heap[below]
        if value <= heap[below]:
            break
        heap[place] = heap[below]
        place = below
        below = 2 * place + 1
    heap[place] = value


@compiled
def put_smallest(heap: Any, count: int, value: int) -> None:
    """Put a value that is not larger than all others into a heap with *count* of them."""
    place = count
    while place > 0:
        above = (place - 1) >> 1
        heap[place] = heap[above]
        place = above
    heap[0] = value


@compiled
def bucket_take(bucket: Any, now: int) -> bool:
    """Take a token of a bucket (a record with *full_at*, *interval* and *reach*) if there is one."""
    full_at = max(bucket.full_at, now)
    if full_at - now > bucket.reach:
        return False
    bucket.full_at = full_at + bucket.interval
    return True
