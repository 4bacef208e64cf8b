"""
The host is recorded once a second while a run goes on.
"""

import json
import os
import subprocess
import sys
import time

import pytest

from harness.lab.load.host.host_reading import HostReading, instant_metrics
from harness.lab.load.host.host_recorder import HostRecorder, recorded_host
from harness.lab.load.host.process_times import processor_times
from harness.lab.load.host.processor_probe import stretch
from harness.lab.results.host.host_metrics import (
    BUSY,
    CPU_PRESSURE,
    IO_PRESSURE,
    LOAD,
    MEMORY_PRESSURE,
    PROCESS_CPU,
    RUN_QUEUE,
    STEAL,
    STRETCH,
)
from harness.lab.results.rows import MetricRow
from harness.lab.results.tail import Tail
from harness.lab.results.writer import HOST, PARTS, TablePartWriter

BUSY_PARENT = """
import subprocess, sys
work = "import time\\nwhile time.process_time() < 0.3: pass\\nprint(flush=True)\\ninput()"
child = subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("worked", flush=True)
input()
child.communicate(b"\\n")
print("reaped", flush=True)
input()
"""


@pytest.fixture
def busy_parent():
    """Start a process that waits while its child has worked for 0.3 s; a line of input reaps the child."""
    command = [sys.executable, "-c", BUSY_PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_time_of_a_descendant_counts_for_its_nearest_named_ancestor(busy_parent):
    """
    It is kept apart from the ancestor's own, and it stays when the descendant has ended.
    """
    named = {"tests": os.getpid(), "parent": busy_parent.pid}

    before = processor_times(named)
    busy_parent.stdin.write(b"\n")
    busy_parent.stdin.flush()
    busy_parent.stdout.readline()
    after = processor_times(named)

    # The kernel counts in ticks of 10 ms.
    assert before["parent children"] > 0.25
    assert after["parent children"] >= before["parent children"]
    assert before["parent"] < 0.3


def test_processes_that_have_ended_are_left_out():
    """
    A process id without a process has no time.
    """
    assert processor_times({"ended": 2**22 + 1}) == {}


def test_the_probe_never_reports_less_than_one():
    """
    Work cannot be quicker than its own processor time.
    """
    assert stretch() >= 1.0


def test_shares_are_those_of_the_time_between_two_readings(tmp_path):
    """
    Of 8 s of two processors, 6 were not idle, 1 of them stolen; tasks waited 1 s of the 4.
    """
    before = HostReading(at=10.0, total=100.0, idle=50.0, stolen=2.0, stalled={"cpu": 5.0})
    now = HostReading(at=14.0, total=108.0, idle=52.0, stolen=3.0, stalled={"cpu": 6.0, "io": 1.0})

    assert dict(now.metrics_since(before)) == {BUSY: 0.625, STEAL: 0.125, CPU_PRESSURE: 0.25}
    # A container may have none of the files.
    assert set(dict(instant_metrics(tmp_path))) <= {LOAD}
    assert HostReading.now(tmp_path).stalled == {}


def test_pressure_is_read_from_its_files(tmp_path):
    """
    The total of "some" counts, in microseconds.
    """
    (tmp_path / "pressure").mkdir()
    text = "some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\nfull avg10=0.00 avg60=0 avg300=0 total=7\n"
    for name in ("cpu", "io", "memory"):
        (tmp_path / "pressure" / name).write_text(text)
    (tmp_path / "stat").write_text("cpu 1 2 3\nprocs_running 5\nprocs_blocked 0\n")

    reading = HostReading.now(tmp_path)

    assert reading.stalled == {"cpu": 2.5, "io": 2.5, "memory": 2.5}
    assert dict(instant_metrics(tmp_path))[RUN_QUEUE] == 5.0


def test_each_reading_has_the_processors_and_the_processes(tmp_path, busy_parent):
    """
    A process that was not there at first is found when another one has ended.
    """
    pids = {"part": busy_parent.pid}
    with TablePartWriter(tmp_path) as part:
        recorder = HostRecorder(part, time.time() - 2.0, lambda: pids)
        recorder.record(1.5)
        pids["part"] = os.getppid()
        busy_parent.kill()
        busy_parent.wait()
        recorder.record(1.25)

    rows = list(Tail(tmp_path, MetricRow).new_rows())
    names = {json.loads(row.labels).get("Process") for row in rows if row.metric == PROCESS_CPU}
    optional = {STEAL, RUN_QUEUE, LOAD, CPU_PRESSURE, IO_PRESSURE, MEMORY_PRESSURE}
    assert {row.metric for row in rows} - optional == {BUSY, STRETCH, PROCESS_CPU}
    assert {"harness", "part"} <= names
    assert [row.value for row in rows if row.metric == STRETCH] == [1.5, 1.25]
    assert all(row.at >= 2.0 for row in rows)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_is_raised_at_the_end(tmp_path, monkeypatch):
    """
    Not in the thread that records: its traceback would be the first that a user reads.
    """
    monkeypatch.setattr("harness.lab.load.host.host_recorder.PERIOD_S", 0.01)
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / f"metrics-{HOST:04d}.arrows").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"), recorded_host(tmp_path, time.time()):
        time.sleep(0.2)  # the thread records meanwhile
