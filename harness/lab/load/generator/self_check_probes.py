"""
Greenlets that feed the self-check while a worker plays. Times are float seconds.
"""

import time

import gevent
import psutil

from harness.lab.load.generator.self_check import Probe

SLEEP_S = 0.01
CPU_EVERY_S = 1.0


def watch_event_loop(probe: Probe) -> None:
    """Note, for ever, how much later than asked a short sleep ends."""
    while True:
        asked_at = time.perf_counter()
        gevent.sleep(SLEEP_S)
        probe.overshoots.append(time.perf_counter() - asked_at - SLEEP_S)


def watch_cpu(probe: Probe) -> None:
    """Note, for ever, the share of one core this process takes."""
    process = psutil.Process()
    process.cpu_percent()
    while True:
        gevent.sleep(CPU_EVERY_S)
        probe.cpu.append(process.cpu_percent() / 100)
