"""
Latencies around the steps: requests, and the hop between two Tasks.
"""

import numpy as np
import pytest

from harness.lab.calibration.platform_latencies import observed_latencies, queue_times
from harness.lab.results.run import Run

RUN = "fixtures/runs/morning_simulated"
TASKS = {
    "ValidateRawAssets",
    "GenerateThumbnails",
    "TranscodeVideo",
    "CreateZipBundle",
    "FinalizeAndCallback",
}


def test_the_hop_of_the_platform_is_found():
    """
    The fixture was simulated with 16 ms between the end of a Task and the start of the next one.
    """
    hops = observed_latencies([Run.load(RUN)], TASKS)["stepfunctions.hop_s"]

    # Two hops a batch: into the ZIP and into the callback.
    assert len(hops) == 2 * 73
    assert np.median(hops) == pytest.approx(0.016)


def test_requests_are_timed_by_kind():
    """
    A request to the API, and a small object put into the store.
    """
    found = observed_latencies([Run.load(RUN)], TASKS)

    assert np.median(found["api.request_s"]) == pytest.approx(0.018)
    assert np.median(found["s3.request_s"]) == pytest.approx(0.016)


def test_the_queue_counts_from_received_to_the_start():
    """
    Outbox, delivery and dispatcher together.
    """
    times = queue_times([Run.load(RUN), Run.load(RUN)])

    assert len(times) == 2 * 73
    assert (times > 0).all()
