"""
The launcher ends a run that cannot go on.
"""

import errno
import shutil
import time
from types import SimpleNamespace

import pytest

from harness.lab.load import run_watchdog
from harness.lab.load.run_outcome import GENERATOR, PROGRESS
from harness.lab.load.run_watchdog import RunWatchdog


@pytest.mark.parametrize(("free", "total", "is_full"), [(0, 1, True), (10**9, 1, False), (0, 0, False)])
def test_a_disk_without_room_is_full(tmp_path, monkeypatch, free, total, is_full):
    """
    A file system that does not know its size is not full.
    """
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=total))
    found = None

    try:
        RunWatchdog(tmp_path).must_have_room()
    except OSError as error:
        found = error.errno

    assert (found == errno.ENOSPC) is is_full


def test_a_generator_is_silent_a_minute_after_its_last_report(tmp_path, monkeypatch):
    """
    Before its first report it is preparing.
    """
    now = 0.0
    monkeypatch.setattr(run_watchdog, "time", SimpleNamespace(monotonic=lambda: now))
    watchdog = RunWatchdog(tmp_path)
    (tmp_path / GENERATOR).mkdir()

    silent = []
    for now, reports in ((100.0, False), (101.0, True), (160.0, False), (162.0, False), (163.0, True)):
        if reports:
            (tmp_path / PROGRESS).write_text(f"{now} {time.time_ns()}", encoding="utf-8")
        silent.append(watchdog.is_silent())

    assert silent == [False, False, False, True, False]
