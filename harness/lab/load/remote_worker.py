"""
Play as a worker for a master on another machine.

The master says what to play and keeps the run folder; a worker needs only its address.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.load.launch import LOOK_EVERY_S, LoadFailed, PlayersDisagree
from harness.lab.load.locust_process import (
    DISAGREED,
    MASTER_PORT,
    MASTER_RETRIES,
    NEVER_PLAYED,
    LocustProcess,
)
from harness.lab.load.preflight import Unreachable

NO_MASTER = "Failed to connect to the Locust master"
"""What Locust says when it has looked often enough."""

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

    An interrupt (Ctrl-C) makes this worker go: it sends what it has recorded, and the run is inconclusive.

    Args:
        processes: How many workers to be [count].
        scenario_hash: Of the only scenario to play; None for whatever the master says.
        retries: How often to look for the master, every five seconds [count].

    Raises:
        PlayersDisagree: The master has another version or another scenario.
        Unreachable: No master was found there, or it began no run.
        LoadFailed: The worker was lost.
    """
    arguments = ["--worker", "--master-host", host, "--master-port", str(port)]
    arguments += ["--processes", str(processes)] if processes > 1 else []
    arguments += ["--scenario-hash", scenario_hash] if scenario_hash else []
    with TemporaryDirectory(prefix="harness-worker-") as folder:
        locust = LocustProcess(Path(folder, "locust.log"), arguments, {MASTER_RETRIES: str(retries)})
        try:
            code = _wait(locust)
        finally:
            locust.close()
        told = locust.log_tail()
    if code == DISAGREED:
        raise PlayersDisagree(_last_error(told))
    if code == NEVER_PLAYED or NO_MASTER in told:
        raise Unreachable(f"no master at {host}:{port} began a run")
    if code:
        raise LoadFailed(f"the worker ended with exit code {code}:\n{told}")


def _wait(locust: LocustProcess) -> int:
    is_interrupted = False
    while True:
        try:
            if (code := locust.wait(LOOK_EVERY_S)) is not None:
                return code
        except KeyboardInterrupt:
            if is_interrupted:
                raise
            is_interrupted = True
            print("ending; a second Ctrl-C gives up", file=sys.stderr)
            locust.interrupt()


def _last_error(log: str) -> str:
    """Return the last thing Locust logged as an error, without time and place."""
    errors = [line for line in log.splitlines() if "/ERROR/" in line]
    return errors[-1].partition(": ")[2] if errors else log
