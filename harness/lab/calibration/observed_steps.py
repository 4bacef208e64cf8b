"""
The attempts of steps that runs have observed, each with its service time and its amount of work.

Steps are named as in `observed_tasks`. Times are model seconds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import ValidationError

from harness.blueprint.template import load_template
from harness.lab.calibration.calm_times import is_calm
from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.observed_tasks import TRANSCODE, observed_tasks
from harness.lab.results.run import Run
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import AMOUNTS, attempts_of_step
from harness.lab.workload.upload_batch import UploadBatch

WORK = ("per_second_of_video_s", "per_megapixel_s", "per_megabyte_s", "per_file_s")
"""
The parameters of a service model that belong to an amount of work; columns of the observations.

Of two that explain a time equally well the first one is taken.
"""


def observed_steps(runs: Sequence[Run]) -> pd.DataFrame:
    """
    Return every finished attempt of a Task that was ready after the warm-up of its run.

    Returns:
        ``step``, ``state``, ``outcome``, ``error``, ``wait_s`` (from ready to started; of a transcoding job
        also the wait for a slot), ``service_s``, ``calm`` (whether the host had free processors; see
        `is_calm`) and one column for each of `WORK` (not a number if the arrival of the batch is unknown).
    """
    return pd.concat([_observed(run) for run in runs], ignore_index=True)


def _observed(run: Run) -> pd.DataFrame:
    names = observed_tasks(run).steps
    steps = run.steps[run.steps["finished_at"].notna() & run.steps["started_at"].notna()]
    steps = steps[steps["state"].isin(names.keys())]
    frame = pd.DataFrame(
        {
            "step": steps["state"].map(names).astype(str),
            "state": steps["state"].astype(str),
            "outcome": steps["outcome"].astype(str),
            "error": steps["error"].astype(object).where(steps["error"].notna(), None),
        }
    )
    begun = steps["started_at"].to_numpy(float).copy()
    ended = steps["finished_at"].to_numpy(float)
    jobs = (frame["step"] == TRANSCODE).to_numpy()
    begun[jobs] = _service_starts(begun[jobs], ended[jobs], _slots(run))
    frame["wait_s"] = run.model_seconds(begun - steps["ready_at"].to_numpy(float))
    frame["service_s"] = run.model_seconds(ended - begun)
    calm = np.ones(len(frame), dtype=np.bool_)
    for rows in frame.groupby(["step", "outcome"]).indices.values():
        calm[rows] = is_calm(run, begun[rows], ended[rows])
    frame["calm"] = calm
    amounts = _amounts(run, steps, frame["step"])
    frame = frame.assign(**{name: amounts[:, place] for place, name in enumerate(WORK)})
    # Earlier jobs are left out only now: they had slots for which later ones waited.
    frame = frame[steps["ready_at"].to_numpy(float) >= run.warm_up]
    is_known = frame[list(WORK)].notna().all(axis=1)
    # Other clients may have had jobs on the same service; their files are unknown.
    return frame[is_known] if is_known.any() else frame


def _slots(run: Run) -> int:
    """Return how many transcoding jobs the run did at once."""
    template = load_template(parameters={"CallbackUrl": ""}).media_convert_queue.concurrent_jobs
    return int(run.header.target.get("transcoding_slots", template))


def _service_starts(created: Floats, ended: Floats, slots: int) -> Floats:
    """
    Return when each job got its slot: the queue is first come, first served.

    A job begins when it is created, or when so many earlier ones have ended that a slot is free.
    """
    order = np.argsort(created, kind="stable")
    begun = created.copy()
    ends = np.sort(ended)
    for place, job in enumerate(order[slots:], start=1):
        begun[job] = min(max(created[job], ends[place - 1]), ended[job])
    return begun


def _amounts(run: Run, steps: pd.DataFrame, names: "pd.Series[str]") -> Floats:
    """Return the work of each attempt, shape (attempts, amounts); not a number if its files are unknown."""
    found = np.full((len(steps), len(WORK)), np.nan)
    try:
        mix = Mix(Scenario.model_validate(run.scenario), run.header.replication)
    except ValidationError:
        # A run of another program or version: the times are known, the files are not.
        return found
    arrivals = _arrivals(run)
    batches: dict[int, UploadBatch] = {}
    keys = zip(steps["job_id"], steps["item"], names, strict=True)
    for place, (job, item, step) in enumerate(keys):
        arrival = arrivals.get(int(job))
        if arrival is None:
            continue
        if arrival not in batches:
            batches[arrival] = mix.batch(arrival)
        attempts = attempts_of_step(step, batches[arrival])
        if item < len(attempts):
            found[place] = [AMOUNTS[name](attempts[int(item)]) for name in WORK]
    return found


def _arrivals(run: Run) -> dict[int, int]:
    """Return the arrival of each job."""
    requests = run.requests[["batch_id", "arrival"]].dropna().drop_duplicates("batch_id")
    jobs = run.batches[["batch_id", "job_id"]].dropna()
    joined = jobs.merge(requests, on="batch_id")
    return dict(zip(joined["job_id"].astype(int), joined["arrival"].astype(int), strict=True))
