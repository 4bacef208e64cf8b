"""
Writes the rows of one worker to disk without blocking its event loop.

Rows are collected in memory and written once a second by a real thread, so a worker that is killed loses at
most the last second.
"""

from pathlib import Path

import gevent
from gevent.event import Event

from harness.lab.results.writer import TablePartWriter

FLUSH_EVERY_S = 1.0


class WorkerRecorder:
    """Appends rows to one worker's part of the run folder."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._part = TablePartWriter(folder, worker)
        self.add = self._part.add
        self._closing = Event()
        self._flushing = gevent.spawn(self._flush_until_closed)

    def close(self) -> None:
        """Write what is still in memory; a second call does nothing."""
        self._closing.set()
        # Joined, not killed: a thread may be in the middle of a write.
        self._flushing.join()
        self._part.close()

    def _flush_until_closed(self) -> None:
        threads = gevent.get_hub().threadpool
        while not self._closing.wait(FLUSH_EVERY_S):
            threads.apply(self._part.write, (self._part.take(),))
