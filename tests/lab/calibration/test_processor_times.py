"""
The processor time of the operations of a local stack.
"""

import pytest

from harness.lab.calibration.processor_times import ProcessorTime, processor_times
from harness.lab.results.host.host_metrics import PROCESS_CPU, process_label
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow

TASKS = {"ValidateRawAssets", "FinalizeAndCallback"}


def used(at: float, **processes: float) -> list[MetricRow]:
    return [MetricRow(at, PROCESS_CPU, process_label(name), cpu) for name, cpu in processes.items()]


def request(kind: str, at: float) -> RequestRow:
    return RequestRow(0, 0, kind, "x", 200, "ok", at, at, at + 0.1)


@pytest.fixture
def run(recorder):
    """A run of 4 s at time scale 10: three requests, a callback, one batch, two Tasks."""
    batch = BatchRow("b", 1, 1, 1, "SHOOT", 1, 0, 0, 100, 0.0, 0.0, 0.5, 0.6, 2.0, 2.1, "READY")
    states = ("ValidateRawAssets", "ParallelProcessing", "FinalizeAndCallback")
    return recorder.run(
        *(request("POST", at) for at in (0.0, 1.0, 2.0)), request("PUT", 0.1),
        batch, *(StepRow(1, state, 0, 1, 1.0, 1.0, 2.0, "SUCCEEDED") for state in states),
        # Readings after 1 and after 3 more seconds.
        *used(1.0, api=0.2, database=0.1, worker=0.3, aws=0.4),
        *used(4.0, api=0.1, database=0.0, worker=0.0, aws=0.1),
        time_scale=10.0,
    )  # fmt: skip


def test_time_is_that_of_the_processes_over_their_operations(run):
    """
    API and database used 0.3 · 1 + 0.1 · 3 = 0.6 s for four requests, at ten model seconds a second.
    """
    found = processor_times([run], TASKS)

    assert found == {
        "request_cpu_s": ProcessorTime(pytest.approx(1.5), 4),
        "message_cpu_s": ProcessorTime(pytest.approx(3.0), 1),
        "transition_cpu_s": ProcessorTime(pytest.approx(3.5), 2),
    }


def test_runs_are_put_together(run):
    """
    Twice the operations, and the same time for each.
    """
    once, twice = processor_times([run], TASKS), processor_times([run, run], TASKS)

    assert {name: one.seconds for name, one in twice.items()} == {
        name: pytest.approx(one.seconds) for name, one in once.items()
    }
    assert twice["request_cpu_s"].operations == 8


def test_a_run_without_its_host_has_none(recorder):
    """
    Simulated runs, and those of a service on other machines, of which only the generator is known.
    """
    elsewhere = recorder.run(request("POST", 0.0), *used(1.0, harness=0.1, locust=0.2))

    assert processor_times([elsewhere, recorder.run(request("POST", 0.0))], TASKS) == {}
