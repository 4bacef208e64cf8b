"""
Locust as a process of its own: started, interrupted, ended, never imported.

It lives no longer than whoever started it: it holds one end of a pipe and goes when the other closes.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

LIFELINE = "HARNESS_LIFELINE_FD"
"""Names a pipe whose other end the launcher holds: when it closes, the launcher is gone, and Locust goes."""

LOCUSTFILE = Path(__file__).parent / "locust" / "locustfile.py"

PAGE_PORT = 8089

LOG_TAIL = 2_000

NEVER_PLAYED, DISAGREED = 5, 2
"""How a worker leaves that no master made play, or whose scenario or version is not its master's."""

MASTER_PORT = 5557

MASTER_RETRIES = "HARNESS_MASTER_RETRIES"
"""Names how often a worker looks for its master, every five seconds; Locust's own number is 60."""

WORKERS_MAX_WAIT_S = 600
"""How long a master waits for its workers: a cluster may have to fetch their image first."""


@dataclass(frozen=True, slots=True)
class Master:
    """
    Conducts workers of other machines instead of playing itself.

    Attributes:
        workers: How many must have come before the run begins [count].
        bind: Address it listens on; Locust's channel is neither encrypted nor authenticated.
        port: TCP port it listens on.
        patience: How long it waits for them [s].
    """

    workers: int
    bind: str = "*"
    port: int = MASTER_PORT
    patience: int = WORKERS_MAX_WAIT_S

    @property
    def arguments(self) -> list[str]:
        """How Locust is told so."""
        workers = str(self.workers)
        return [
            *("--master", "--master-bind-host", self.bind, "--master-bind-port", str(self.port)),
            *("--expect-workers", workers, "--expect-workers-max-wait", str(self.patience)),
            *("--users", workers, "--spawn-rate", workers),
        ]


class LocustProcess:
    """
    One Locust master, with its workers or being its own.

    Args:
        log: Where what it says is kept.
        arguments: What it is told, beyond which file to load.
        environment: What it finds in its environment beyond what we do.
    """

    def __init__(
        self, log: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        lifeline, self._held = os.pipe()
        try:
            with log.open("wb") as said:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    # Locust reads configuration files of the directory it is started in.
                    cwd=log.parent,
                    env={**os.environ, **(environment or {}), LIFELINE: str(lifeline)},
                    pass_fds=(lifeline,),
                    # A terminal's Ctrl-C is ours to pass on, once.
                    start_new_session=True,
                )
        finally:
            os.close(lifeline)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, at most so long; return its exit code, or None while it goes on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def interrupt(self) -> None:
        """Ask it to record what it has and end."""
        self._process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Make sure that neither it nor a worker of it is left."""
        os.close(self._held)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log_tail(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()


def worker_arguments(processes: int) -> list[str]:
    """Return how Locust is told to use so many processes of this machine."""
    if processes == 1:
        return ["--users", "1", "--spawn-rate", "1"]
    port = str(_free_port())
    return [
        *("--processes", str(processes), "--users", str(processes), "--spawn-rate", str(processes)),
        # Its default port is the same for everybody on the machine.
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port),
    ]


def page_port() -> int:
    """Return Locust's usual port for its page, or another one if that is taken."""
    return PAGE_PORT if _is_free(PAGE_PORT) else _free_port()


def _free_port() -> int:
    """
    Return a TCP port on which nothing listens; it is not reserved.

    The range lies below the ports that Linux gives to outgoing connections, which could take it first.
    """
    return next(port for port in SystemRandom().sample(range(20_000, 32_000), 100) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
