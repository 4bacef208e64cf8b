"""
The attempts that runs have observed: names of steps, amounts of work, waits for a transcoding slot.
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from harness.lab.calibration.observed_steps import WORK, observed_steps
from harness.lab.results.run import Run

SMOKE, MORNING = "fixtures/runs/smoke_live", "fixtures/runs/morning_simulated"


def test_states_are_named_as_service_models():
    """
    Containers, choices and ends of the machine are no work.
    """
    steps = observed_steps([Run.load(SMOKE)])

    assert set(steps["step"]) == {"validate", "thumbnails", "transcode", "zip", "callback"}
    assert (steps["service_s"] > 0).all()


def test_an_attempt_has_the_work_of_its_files():
    """
    The plan of the scenario says what was in the batch; a transcoding job has one video.
    """
    run = Run.load(MORNING)
    steps = observed_steps([run])
    zips = steps[steps["step"] == "zip"].reset_index(drop=True)

    files = run.batches[["photos", "videos", "documents"]].sum(axis=1)
    assert sorted(zips["per_file_s"]) == sorted(files)
    assert (steps.loc[steps["step"] == "callback", "per_file_s"] == 0).all()


def test_several_runs_are_put_together():
    """
    Each with its own scenario.
    """
    one, two = Run.load(SMOKE), Run.load(MORNING)

    assert len(observed_steps([one, two])) == len(observed_steps([one])) + len(observed_steps([two]))


def test_times_are_model_seconds(tmp_path):
    """
    A run on a clock ten times as fast.
    """
    folder = shutil.copytree(MORNING, tmp_path / "fast")
    header = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(header | {"time_scale": 10.0}))

    fast, slow = observed_steps([Run.load(folder)]), observed_steps([Run.load(MORNING)])

    assert fast["service_s"].to_numpy() == pytest.approx(10 * slow["service_s"].to_numpy())


def test_the_wait_for_a_slot_is_not_service(tmp_path):
    """
    Three jobs created at once on one slot, each of two seconds.
    """
    folder = shutil.copytree(SMOKE, tmp_path / "queue")
    header = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(header | {"target": {"transcoding_slots": 1}}))
    steps = pd.read_parquet(folder / "steps.parquet")
    job = steps[steps["state"] == "TranscodeVideo"].iloc[:1]
    queue = pd.concat(
        [job.assign(attempt=n + 1, started_at=5.0, ready_at=5.0, finished_at=7.0 + 2 * n) for n in range(3)]
    )
    queue.to_parquet(folder / "steps.parquet", index=False)

    observed = observed_steps([Run.load(folder)])

    assert observed["service_s"].tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert observed["wait_s"].tolist() == pytest.approx([0.0, 2.0, 4.0])


def test_the_warm_up_does_not_count(tmp_path):
    """
    Attempts that were ready before its end are left out.
    """
    folder = shutil.copytree(MORNING, tmp_path / "warm")
    header = json.loads((folder / "run.json").read_text())
    header["scenario"]["warm_up_s"] = 150.0
    (folder / "run.json").write_text(json.dumps(header))

    ready = Run.load(MORNING).steps
    ready = ready[ready["state"] == "CreateZipBundle"]["ready_at"]
    observed = observed_steps([Run.load(folder)])

    assert 0 < (ready >= 150).sum() < len(ready)
    assert len(observed[observed["step"] == "zip"]) == (ready >= 150).sum()


def test_an_unknown_arrival_has_no_amount():
    """
    A run without requests, as one exported from somewhere else.
    """
    run = Run.load(MORNING)
    run.requests = run.requests.iloc[:0]

    assert np.isnan(observed_steps([run])[list(WORK)].to_numpy()).all()


def test_an_item_that_no_step_of_the_batch_has_is_left_out():
    """
    One zip says that it is the second of its batch, which has one: its files are unknown, not none.
    """
    run = Run.load(MORNING)
    known = len(observed_steps([run]))
    zips = run.steps["state"] == "CreateZipBundle"
    run.steps.loc[zips.idxmax(), "item"] = 1

    steps = observed_steps([run])

    assert len(steps) == known - 1
    assert (steps.loc[steps["step"] == "zip", "per_file_s"] > 0).all()


def test_jobs_of_other_clients_are_left_out():
    """
    The service was shared: without the first request of a batch nobody knows its files.
    """
    run = Run.load(MORNING)
    stranger = run.batches["batch_id"].iloc[0]
    run.requests = run.requests[run.requests["batch_id"] != stranger]

    steps = observed_steps([run])

    assert len(steps[steps["step"] == "zip"]) == 72
    assert steps[list(WORK)].notna().all(axis=None)
