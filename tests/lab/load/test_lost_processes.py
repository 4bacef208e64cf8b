"""
What happens when a process of ``harness load`` is killed.
"""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.lab.load.conftest import (
    FakeService,
    locust_processes,
    scenario_text,
    wait_until_recorded,
)

pytestmark = pytest.mark.stack


def start_load(service: FakeService, folder: Path, *words: object) -> subprocess.Popen[str]:
    """Start ``harness load`` of a minute's scenario; its run folder is *folder*/run."""
    scenario = folder / "long.toml"
    scenario.write_text(scenario_text(duration_s=60, rate=1.0), encoding="utf-8")
    options = ["--host", service.api_url, "--identities", service.identities, "--out", folder / "run", *words]
    command = [sys.executable, "-m", "harness.cli.main", "load", str(scenario), *map(str, options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def processes_of(folder: Path, count: int) -> list[psutil.Process]:
    """Return the Locust processes of a run as soon as there are *count*; fail if that takes a minute."""
    deadline = time.monotonic() + 60
    while len(found := locust_processes(folder)) < count:
        assert time.monotonic() < deadline, f"{len(found)} Locust processes of {folder}"
    return found


def test_locust_and_its_workers_end_with_a_load_that_is_killed(fake_service, tmp_path):
    """
    After SIGKILL nobody is left to stop them, and a worker that hangs does not notice it.
    """
    with start_load(fake_service(), tmp_path, "--processes", 2) as load:
        wait_until_recorded(tmp_path / "run")
        locusts = processes_of(tmp_path / "run", 3)

        locusts[-1].suspend()
        load.kill()

    assert psutil.wait_procs(locusts, timeout=30)[1] == []


def test_a_worker_that_is_killed_before_the_run_begins_ends_it(fake_service, tmp_path):
    """
    Locust itself waits for its workers for ever.
    """
    with start_load(fake_service(), tmp_path, "--processes", 2) as load:
        processes_of(tmp_path / "run", 3)[-1].kill()

        _, stderr = load.communicate(timeout=90)

    assert load.returncode == 4
    assert "harness load: a worker process ended before the run began" in stderr
