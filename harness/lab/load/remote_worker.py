"""
A worker for a master on another machine.

The master sends what to play and keeps the run folder; a worker needs only the master's address.
"""

import signal
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.load.launch import LoadFailed, WorkersDisagree
from harness.lab.load.locust_process import (
    EXIT_DISAGREED,
    EXIT_NEVER_PLAYED,
    MASTER_PORT,
    MASTER_RETRIES,
    LocustProcess,
)
from harness.lab.load.preflight.preflight import Unreachable

END = "ending this worker; press Ctrl-C again to end it at once"

RETRY_S = 5
"""Between two attempts to connect; Locust's."""

RETRIES = 60
"""Five minutes: a cluster may start a worker long before its master."""


def join(
    host: str,
    *,
    port: int = MASTER_PORT,
    processes: int = 1,
    scenario_hash: str | None = None,
    retries: int = RETRIES,
) -> None:
    """
    Play one run for the master at *host*, and return when it is over.

    An interrupt (Ctrl-C) ends this worker: it sends what it has recorded, and the run is inconclusive.

    Args:
        processes: How many workers to start [count].
        scenario_hash: Hash of the only scenario to accept; None to accept any.
        retries: How often to try to connect, every five seconds [count].

    Raises:
        WorkersDisagree: The master has another version or another scenario.
        Unreachable: There is no master at the address, or it began no run.
        LoadFailed: The worker was lost.
        KeyboardInterrupt: It was interrupted before it played.
    """
    arguments = ["--worker", "--master-host", host, "--master-port", str(port)]
    arguments += ["--processes", str(processes)] if processes > 1 else []
    arguments += ["--scenario-hash", scenario_hash] if scenario_hash else []
    print(f"waiting up to {retries * RETRY_S / 60:g} min for the master at {host}:{port}", file=sys.stderr)
    with TemporaryDirectory(prefix="harness-worker-") as folder:
        environment = {MASTER_RETRIES: str(retries)}
        with closing(LocustProcess(Path(folder, "locust.log"), arguments, environment)) as locust:
            code = locust.watch(on_interrupt=lambda: print(END, file=sys.stderr))
        log = locust.log_tail()
    if code == 128 + signal.SIGTERM:
        raise KeyboardInterrupt  # by `watch`, before the worker had begun
    if code == EXIT_DISAGREED:
        errors = [line.partition(": ")[2] for line in log.splitlines() if "/ERROR/" in line]
        raise WorkersDisagree(errors[-1] if errors else log)
    if code == EXIT_NEVER_PLAYED or "Failed to connect to the Locust master" in log:
        raise Unreachable(f"no master at {host}:{port} began a run")
    if code:
        raise LoadFailed(f"the worker ended with exit code {code}:\n{log}")
