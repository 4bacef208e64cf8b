"""
Which stack is up, and how to reach it: a file only its owner can read.

A lock beside the file is held as long as the stack lives, however it dies; a file without its lock
is of a stack that is no more, and counts for nothing.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal, Self

STATE_VARIABLE = "HARNESS_STATE"

Mode = Literal["real", "modelled"]


class StackRunning(RuntimeError):
    """Another stack holds this state file."""


@dataclass(frozen=True, slots=True)
class StackState:
    """
    A running stack.

    Attributes:
        supervisor_pid: The process that ends everything when it ends.
        started_at: Seconds since the epoch.
        identities: CSV file of listings and tokens.
        logs: Directory of one log file per process.
        work_hash: Of the scenario that is modelled, or whose faults are played; None without one.
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

    @classmethod
    def read(cls, path: Path | None = None) -> Self | None:
        """Return the stack that is up, None if there is none."""
        path = path or state_path()
        if not path.exists() or not _held(path):
            return None
        given = json.loads(path.read_text())
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})

    def write(self, path: Path) -> None:
        """Put the state where `read` finds it, at once and whole."""
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=1)
        new.replace(path)

    @property
    def exports(self) -> dict[str, str]:
        """The variables with which any AWS client reaches this stack."""
        return {
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_ACCESS_KEY_ID": self.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.aws_secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


class StateLock:
    """
    Holds a state file for one stack; lets go when this process ends, or on `release`.

    Raises:
        StackRunning: Another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise StackRunning(
                f"A stack is up already ({path}): stop it first, or name another file in ${STATE_VARIABLE}."
            ) from None
        path.unlink(missing_ok=True)

    def release(self) -> None:
        """Say that the stack is no more."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def state_path() -> Path:
    """Return where the state of the stack is kept."""
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "harness" / "stack.json"


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _held(path: Path) -> bool:
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
