"""
Greenlets that measure for the self-check while a worker plays; they run until they are killed.
"""

import time

import gevent
import psutil

from harness.lab.load.generator.self_check import Probe

SLEEP_S = 0.01
CPU_EVERY_S = 1.0


def watch_event_loop(probe: Probe) -> None:
    """Measure how much later than requested a short sleep ends."""
    while True:
        began_at = time.perf_counter()
        gevent.sleep(SLEEP_S)
        probe.overshoots.append(time.perf_counter() - began_at - SLEEP_S)


def watch_cpu(probe: Probe) -> None:
    """Measure the share of one core that this process uses."""
    process = psutil.Process()
    process.cpu_percent()
    while True:
        gevent.sleep(CPU_EVERY_S)
        probe.cpu.append(process.cpu_percent() / 100)
