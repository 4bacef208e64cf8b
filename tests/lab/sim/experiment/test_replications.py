"""
Worker processes are started whole, whatever is pressed meanwhile.
"""

import os
import signal
import threading
import time

import pytest

from harness.lab.sim.experiment.replications import without_interrupts


def test_ctrl_c_waits_until_the_workers_have_started():
    """
    Another thread of the process may receive the signal although the main thread blocks it.
    """
    started, over = [], threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()

    def start():
        os.kill(os.getpid(), signal.SIGINT)
        # On a busy machine the other thread receives it late: then it would end the test run.
        while signal.SIGINT in signal.sigpending():
            time.sleep(0.001)
        started.append(1)

    try:
        with pytest.raises(KeyboardInterrupt):
            without_interrupts(start)
    finally:
        over.set()
        other.join()

    assert started == [1]
