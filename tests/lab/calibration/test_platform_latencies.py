"""
Latencies around the steps: requests, and the hop between two Tasks.
"""

import json
import shutil

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


def test_the_warm_up_does_not_count(tmp_path):
    """
    Neither requests and hops, nor the times in the queue.
    """
    folder = shutil.copytree(RUN, tmp_path / "warm")
    header = json.loads((folder / "run.json").read_text())
    header["scenario"]["warm_up_s"] = 150.0
    (folder / "run.json").write_text(json.dumps(header))
    cold, warm = Run.load(RUN), Run.load(folder)

    all_of_them, found = (observed_latencies([run], TASKS) for run in (cold, warm))

    sent = cold.requests[(cold.requests["type"] == "POST") & (cold.requests["outcome"] == "ok")]
    assert found["api.request_s"].size == (sent["started_at"] >= 150).sum()
    for name in found:
        assert 0 < found[name].size < all_of_them[name].size
    assert queue_times([warm]).size == (cold.batches["received_at"] >= 150).sum()
