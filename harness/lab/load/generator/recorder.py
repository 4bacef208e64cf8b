"""
Writes the rows of one worker to disk without blocking its event loop.

Rows are collected in memory and written once a second by a real thread, so a worker that is killed loses at
most the last second. A recorder that fails, e.g. because the disk is full, drops all later rows.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from harness.lab.results.rows import Row
from harness.lab.results.writer import TablePartWriter

FLUSH_EVERY_S = 1.0

log = logging.getLogger(__name__)


class WorkerRecorder:
    """
    Appends rows to one worker's part of the run folder.

    Args:
        failed: Called once, with a sentence, when rows could not be recorded.
    """

    def __init__(self, folder: Path, worker: int, failed: Callable[[str], None]) -> None:
        self._part = TablePartWriter(folder, worker)
        self._failed = failed
        self._has_failed = False
        self._closing = Event()
        self._flushing = gevent.spawn(self._flush_until_closed)

    def add(self, row: Row) -> None:
        self._attempt(self._part.add, row)

    def close(self) -> None:
        """Write what is still in memory; a second call does nothing."""
        self._closing.set()
        # Joined, not killed: a thread may be in the middle of a write.
        self._flushing.join()
        self._attempt(self._part.close)

    def _flush_until_closed(self) -> None:
        while not self._closing.wait(FLUSH_EVERY_S):
            self._attempt(self._flush)

    def _flush(self) -> None:
        gevent.get_hub().threadpool.apply(self._part.write, (self._part.take(),))

    def _attempt(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._has_failed:
            return
        try:
            action(*arguments)
        except Exception as error:
            # Raised further, it would end the greenlet of an arrival, or the worker could not report its end.
            log.exception("recording")
            self._has_failed = True
            self._failed(f"the results could not be recorded: {error}")
