"""
Where the state of a stack is: it belongs to the working folder in which the stack was started.

A stack has the name of that folder and six digits that tell folders of one name apart. Commands use the
stack of their own working folder; another one is used only if it is named.
"""

import hashlib
import os
import re
from pathlib import Path

from harness.stack.processes.state_file import STATE_VARIABLE, StackState

FILE = "stack.json"


class StackNotFound(ConnectionError):
    """The named stack does not run; the message lists those that do."""


def state_path(folder: Path | None = None) -> Path:
    """Return the state file of ``$HARNESS_STATE``, or that of a working folder, this one by default."""
    named = os.environ.get(STATE_VARIABLE)
    if named and folder is None:
        return Path(named).expanduser()
    return _stacks() / _name_for(folder or Path.cwd()) / FILE


def stack_name(path: Path) -> str:
    """Return the name of a stack: its folder's name, or the path of a state file outside the usual place."""
    return path.parent.name if path.parent.parent == _stacks() else str(path)


def find_stack(named: str | None = None) -> StackState | None:
    """
    Return the running stack of this working folder, None if there is none; or the one that is named.

    Args:
        named: Name of a stack, its working folder, or its state file.

    Raises:
        StackNotFound: The named stack does not run.
    """
    if named is None:
        return StackState.read(state_path())
    state = StackState.read(_path_of(named))
    if state is None:
        running = ", ".join(running_stacks()) or "none"
        raise StackNotFound(f"no stack {named!r} runs; running stacks: {running}")
    return state


def running_stacks() -> list[str]:
    """Return the names of this user's running stacks, without those of ``$HARNESS_STATE``."""
    return sorted(path.parent.name for path in _stacks().glob(f"*/{FILE}") if StackState.read(path))


def _path_of(named: str) -> Path:
    path = Path(named).expanduser()
    if path.is_dir():
        return state_path(path)
    return path if path.is_file() else _stacks() / named / FILE


def _name_for(folder: Path) -> str:
    folder = folder.resolve()
    digits = hashlib.sha256(str(folder).encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', folder.name) or 'root'}-{digits}"


def _stacks() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "harness" / "stacks"
