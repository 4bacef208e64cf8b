"""
The state file: how to reach the running stack. Only its owner can read it.

The stack holds a lock beside the file as long as it lives. A file whose lock is free belongs to a stack
that has ended, and is ignored.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal, Self

from harness.stack.stack_error import StackError

STATE_VARIABLE = "HARNESS_STATE"
LOCK_WAIT_S = 0.3
"""How long a new stack waits for a lock: a reader of the state holds it for a moment [s]."""
LOCK_CHECK_S = 0.02

Mode = Literal["real", "modelled"]


class StackRunning(StackError):
    """Another stack has locked this state file."""


@dataclass(frozen=True, slots=True)
class StackState:
    """
    Addresses, credentials and options of a running stack.

    Attributes:
        scenario: File whose service times and faults are played.
        supervisor_pid: Process that started the stack; the stack ends with it.
        started_at: Seconds since the epoch.
        identities: CSV file of listings and tokens.
        logs: Directory with one log file for each process.
        engine: Engine, version and place of the database.
        work_hash: `Scenario.work_hash` of *scenario*.
        process_faults: File of the `FaultExchange`; None if *scenario* has no process faults.
        s3_has_faults: Whether the S3 process must know when a run begins.
        name: Name with which other working folders can use it; see `stack_place`.
    """

    api_url: str
    worker_metrics_url: str
    aws_url: str
    s3_url: str
    database_url: str = field(repr=False)
    jwt_key: str = field(repr=False)
    callback_secret: str = field(repr=False)
    mode: Mode
    time_scale: float
    scenario: str | None
    supervisor_pid: int
    started_at: float
    identities: str
    logs: str
    engine: str
    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)
    region: str
    work_hash: str | None = None
    process_faults: str | None = None
    s3_has_faults: bool = False
    name: str = ""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the state of the running stack of a state file; None if it does not run."""
        if not path.exists() or not _is_locked(path):
            return None
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError:  # the stack has just stopped
            return None
        return cls(**{one.name: values[one.name] for one in fields(cls) if one.name in values})

    def write(self, path: Path) -> None:
        """Replace the state file atomically."""
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=1)
        new.replace(path)

    @property
    def exports(self) -> dict[str, str]:
        """Environment variables with which any AWS client reaches this stack."""
        return {
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_ACCESS_KEY_ID": self.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.aws_secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


class StateLock:
    """The lock of a state file, held until `release` or the end of this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(self._descriptor):
            os.close(self._descriptor)
            raise StackRunning(
                f"A stack of this working folder runs already ({path}): stop it first, start this one in "
                f"another folder, or set {STATE_VARIABLE} to another file."
            )
        path.unlink(missing_ok=True)

    def release(self) -> None:
        """Delete the state file and release the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _lock(descriptor: int) -> bool:
    """Lock a file within `LOCK_WAIT_S`, and return whether it succeeded."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOCK_CHECK_S)
        else:
            return True


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(_lock_path(path), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
