"""
The address of Locust's web page of a run, noted for the live page of the stack where the run is played.

Another Locust may listen on the usual port: the live page shows a noted address only.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from harness.stack.processes.state_file import StackState


@contextmanager
def noted_page(stack: StackState, url: str) -> Iterator[None]:
    """Note the address of Locust's page as long as the context is open."""
    note = _note(stack)
    note.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def locust_page(stack: StackState) -> str | None:
    """Return the address of Locust's page for a stack; None if the process that noted it has ended."""
    try:
        noted = json.loads(_note(stack).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(noted["url"]) if psutil.pid_exists(noted["pid"]) else None


def _note(stack: StackState) -> Path:
    return Path(stack.logs, "locust-page.json")
