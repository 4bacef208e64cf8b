"""
A process whose clock another process sets.
"""

import subprocess
import sys
import time

import pytest

from harness.stack.faults.skewed_clock import set_skew

ANSWERING = """
import time
from datetime import UTC, date, datetime
for _ in iter(input, "end"):
    made = datetime.fromtimestamp(0, UTC), datetime(2026, 1, 5), datetime.strptime("2026", "%Y")
    assert all(isinstance(one, datetime) and isinstance(one, date) for one in made)
    assert not isinstance(date(2026, 1, 5), datetime) and issubclass(datetime, date)
    utc = datetime.utcnow().replace(tzinfo=UTC)
    print(time.time(), time.time_ns() / 1e9, datetime.now(UTC).timestamp(), utc.timestamp(), flush=True)
"""


@pytest.fixture
def process(tmp_path):
    """Return a function that sets the clock of a process [s], and returns how far it is ahead."""
    (tmp_path / "answering.py").write_text(ANSWERING)
    clock = tmp_path / "clock"
    set_skew(clock, 0)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "harness.stack.faults.skewed_clock",
        str(clock),
        "answering",
    ]
    path = f"{tmp_path}:."
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={"PYTHONPATH": path}, **pipes) as started:

        def ahead(by: float) -> list[float]:
            set_skew(clock, by)
            started.stdin.write("\n")
            started.stdin.flush()
            answer = started.stdout.readline()
            return [float(word) - time.time() for word in answer.split()]

        yield ahead
        started.stdin.write("end\n")


def test_the_clock_follows_what_is_written(process):
    """
    Ahead, behind and right again, for each way to read the time of day.
    """
    for by in (0.0, 3600.0, -3600.0, 0.0):
        assert process(by) == pytest.approx([by] * 4, abs=60)
