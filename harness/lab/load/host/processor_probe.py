"""
The probe of the processors: how much longer a little work takes than the processor time that it uses.

On a free processor the two are equal. A thread that must wait for a processor, or whose processor the
hypervisor gives away, takes longer: so do the operations of the service, which are about as short. The
probe needs no right and no special file, so it works in any container. Times in seconds.
"""

import time

WORK_S = 0.005
"""Processor time of one burst: longer than the turn that the scheduler gives a thread, so that it shares."""


def stretch() -> float:
    """Work for `WORK_S` of processor time, and return the clock time that it took over the processor time."""
    began_at, used_before = time.perf_counter(), time.thread_time()
    while (used := time.thread_time() - used_before) < WORK_S:
        pass
    return max(1.0, (time.perf_counter() - began_at) / used)
