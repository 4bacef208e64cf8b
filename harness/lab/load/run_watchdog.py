"""The launcher's check that a run can go on: there is room on the disk, and Locust reports."""

import errno
import os
import shutil
import time
from pathlib import Path

from harness.lab.load.run_outcome import PROGRESS

NEEDED_BYTES = 64 * 1024
"""A disk with less room is full."""

SILENCE_S = 60.0
"""Locust reports several times a second; after so long without a report it hangs."""


class RunWatchdog:
    """Watches one run folder; Locust cannot report a full disk itself, because its reports are files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reported = 0
        self._heard_at = time.monotonic()

    def must_have_room(self) -> None:
        """Raise OSError if the disk of the run folder is full."""
        usage = shutil.disk_usage(self._folder)
        # Some file systems do not know their size.
        if usage.total and usage.free < NEEDED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def is_silent(self) -> bool:
        """Return whether Locust has stopped to report; before its first report it is preparing."""
        try:
            reported = (self._folder / PROGRESS).stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if reported != self._reported:
            self._reported, self._heard_at = reported, time.monotonic()
        return time.monotonic() - self._heard_at > SILENCE_S
