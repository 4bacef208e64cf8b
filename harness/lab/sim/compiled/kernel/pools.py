"""
Rows that come and go: each table keeps the free ones in a list, linked by their first column.

An owner is freed when the last thing that needs it has gone; each of them holds it once.
"""

from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE

BUCKETS_OF_OWNER = 64
"""About as many as there are Tasks and iterations in one execution."""


@compiled
def take_case(w: Any) -> int:
    g = w.world[0]
    row = g.free_cases
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_cases
    else:
        g.free_cases = w.cases[row].arrival
    g.live_cases += 1
    return row


@compiled
def take_job(w: Any) -> int:
    g = w.world[0]
    row = g.free_jobs
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_jobs
    else:
        g.free_jobs = w.jobs[row].number
    g.live_jobs += 1
    return row


@compiled
def take_execution(w: Any) -> int:
    g = w.world[0]
    row = g.free_executions
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_executions
    else:
        g.free_executions = w.executions[row].serial
    g.live_executions += 1
    g.serial += 1
    w.executions[row].serial = g.serial
    return row


@compiled
def free_execution(w: Any, row: int) -> None:
    g = w.world[0]
    w.executions[row].serial = g.free_executions
    w.executions[row].job = NONE
    g.free_executions = row
    g.live_executions -= 1


@compiled
def take_thread(w: Any) -> int:
    g = w.world[0]
    row = g.free_threads
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_threads
    else:
        g.free_threads = w.threads[row].execution
    g.live_threads += 1
    g.serial += 1
    w.threads[row].serial = g.serial
    return row


@compiled
def free_thread(w: Any, row: int) -> None:
    g = w.world[0]
    th = w.threads[row]
    th.serial, th.timer, th.attempt = NONE, NONE, NONE
    th.execution = g.free_threads
    g.free_threads = row
    g.live_threads -= 1


@compiled
def take_fork(w: Any) -> int:
    g = w.world[0]
    row = g.free_forks
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_forks
    else:
        g.free_forks = w.forks[row].thread
    g.live_forks += 1
    return row


@compiled
def free_fork(w: Any, row: int) -> None:
    g = w.world[0]
    w.forks[row].thread = g.free_forks
    g.free_forks = row
    g.live_forks -= 1


@compiled
def take_work(w: Any) -> int:
    g = w.world[0]
    row = g.free_works
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_works
    else:
        g.free_works = w.works[row].job
    g.live_works += 1
    return row


@compiled
def free_work(w: Any, row: int) -> None:
    """Free a row of ``works``, which no longer needs its job."""
    g = w.world[0]
    drop_job(w, w.works[row].job)
    w.works[row].job = g.free_works
    g.free_works = row
    g.live_works -= 1


@compiled
def take_operation(w: Any) -> int:
    g = w.world[0]
    row = g.free_operations
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_operations
    else:
        g.free_operations = w.operations[row].row
    g.live_operations += 1
    return row


@compiled
def free_operation(w: Any, row: int) -> None:
    g = w.world[0]
    w.operations[row].row = g.free_operations
    g.free_operations = row
    g.live_operations -= 1


@compiled
def take_receipt(w: Any) -> int:
    g = w.world[0]
    row = g.free_receipts
    if row == NONE:
        # Rows that were never used come after those that were.
        row = g.live_receipts
    else:
        g.free_receipts = w.receipts[row].job
    g.live_receipts += 1
    return row


@compiled
def free_receipt(w: Any, row: int) -> None:
    g = w.world[0]
    w.receipts[row].job = g.free_receipts
    g.free_receipts = row
    g.live_receipts -= 1


@compiled
def drop_job(w: Any, job: int) -> None:
    """Note that one thing less needs a job."""
    g, j = w.world[0], w.jobs[job]
    j.holds -= 1
    if j.holds == 0:
        _forget_counters(w, j.counters)
        drop_case(w, j.case)
        j.number = g.free_jobs
        g.free_jobs = job
        g.live_jobs -= 1


@compiled
def drop_case(w: Any, case: int) -> None:
    """Note that one thing less needs a case."""
    g, c = w.world[0], w.cases[case]
    c.holds -= 1
    if c.holds == 0:
        _forget_counters(w, c.counters)
        c.arrival = g.free_cases
        g.free_cases = case
        g.live_cases -= 1


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
    g = w.world[0]
    bucket = _bucket(w, owner, purpose, thread)
    row = w.buckets[bucket]
    while row != NONE:
        found = w.counters[row]
        if found.owner == owner and found.purpose == purpose and found.thread == thread:
            found.count += 1
            return found.count, first
        row = found.bucket
    row = g.free_counters
    if row == NONE:
        row = g.live_counters
    else:
        g.free_counters = w.counters[row].owner
    g.live_counters += 1
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
    g = w.world[0]
    row = first
    while row != NONE:
        counter = w.counters[row]
        following = counter.sibling
        _unlink(w, row, _bucket(w, counter.owner, counter.purpose, counter.thread))
        counter.owner = g.free_counters
        g.free_counters = row
        g.live_counters -= 1
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
