"""
Locust as a process of its own; this process never imports it.

It and its workers end with the process that started them, even if that one is killed.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from harness.supervision.guarded_process import GuardedProcess

LOCUSTFILE = Path(__file__).parent / "locust" / "locustfile.py"

PAGE_PORT = 8089

POLL_S = 0.25

END_S = 20.0
"""How long Locust and its workers may take to end when the run is over."""

GRACE_S = 5.0
"""How long Locust may take to record what it has when its launcher has ended."""

EXIT_NEVER_PLAYED, EXIT_DISAGREED = 5, 2
"""Exit codes of a worker that never began a run, or whose scenario or version differs from its master's."""

MASTER_PORT = 5557

MASTER_RETRIES = "HARNESS_MASTER_RETRIES"
"""Environment variable: how often a worker tries to connect to its master, every five seconds."""

LOCAL_WORKERS_MAX_WAIT_S = 120

WORKERS_MAX_WAIT_S = 600
"""How long a master waits for its workers: a cluster may have to fetch their image first."""


@dataclass(frozen=True, slots=True)
class LocalWorkers:
    """Workers on this machine, each a process of its own."""

    workers: int
    patience = LOCAL_WORKERS_MAX_WAIT_S
    address = "this machine's master"

    @property
    def arguments(self) -> list[str]:
        count = str(self.workers)
        users = ["--users", count, "--spawn-rate", count]
        if self.workers == 1:
            return users
        port = str(_free_port())
        # Locust's default port is the same for all processes of the machine.
        master = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
        patience = ["--expect-workers-max-wait", str(LOCAL_WORKERS_MAX_WAIT_S)]
        return ["--processes", count, *users, *master, *patience]


ONE_WORKER = LocalWorkers(1)


@dataclass(frozen=True, slots=True)
class Master:
    """
    A master that plays nothing itself: workers on other machines connect to it.

    Attributes:
        workers: How many workers must have connected before the run begins [count].
        bind: Address to listen on; Locust's channel is neither encrypted nor authenticated.
        patience: How long to wait for the workers [s].
    """

    workers: int
    bind: str = "127.0.0.1"
    port: int = MASTER_PORT
    patience: int = WORKERS_MAX_WAIT_S

    @property
    def address(self) -> str:
        return f"{self.bind}:{self.port}"

    @property
    def arguments(self) -> list[str]:
        count = str(self.workers)
        return [
            *("--master", "--master-bind-host", self.bind, "--master-bind-port", str(self.port)),
            *("--expect-workers", count, "--expect-workers-max-wait", str(self.patience)),
            *("--users", count, "--spawn-rate", count),
        ]


class LocustProcess:
    """
    One Locust process, which may start workers of its own.

    Args:
        log: File for its output.
        arguments: Command-line arguments after ``-f LOCUSTFILE``.
        environment: Environment variables in addition to this process's.
    """

    def __init__(
        self, log: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        log.unlink(missing_ok=True)
        self._process = GuardedProcess(
            [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments],
            {**os.environ, **(environment or {})},
            name="locust",
            log_path=log,
            # Locust reads configuration files of its working directory.
            folder=log.parent,
            grace=GRACE_S,
        ).start()

    @property
    def pid(self) -> int:
        """Process id of Locust; its workers are its children."""
        return self._process.pid

    def watch(
        self, look: Callable[[], bool] = lambda: False, on_interrupt: Callable[[], None] = lambda: None
    ) -> int:
        """
        Wait until Locust has ended, and return its exit code (128 + n if signal n ended it).

        If its work is over and it does not end, it is killed.

        An interrupt (Ctrl-C) makes Locust record what it has and end; a second one is raised.

        Args:
            look: Called several times a second, and once after the end; returns whether its work is over.
            on_interrupt: Called at the first interrupt.
        """
        is_interrupted = False
        over_at = float("inf")
        while True:
            try:
                code = self._process.wait(POLL_S)
                if look():
                    over_at = min(over_at, time.monotonic())
                if code is not None:
                    return code
                if time.monotonic() > over_at + END_S:
                    self._send(signal.SIGKILL)
            except KeyboardInterrupt:
                if is_interrupted:
                    raise
                is_interrupted = True
                on_interrupt()
                self._send(signal.SIGTERM)

    def close(self) -> None:
        """Kill Locust and its workers if they are still running."""
        self._send(signal.SIGKILL)
        self._process.stop()

    def log_tail(self) -> str:
        """Return the last 2,000 characters of its output."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2_000:].strip()

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


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
