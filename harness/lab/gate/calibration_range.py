"""The range of a calibration: which of a scenario's batches it was not measured for."""

from collections.abc import Iterator

from harness.lab.workload.calibration import Calibration
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import AMOUNTS
from harness.lab.workload.upload_batch import UploadBatch, UploadFile
from harness.lab.workload.work_and_faults import files_of_step

EXTRAPOLATED = "extrapolated: "
"""Begins the note of a scenario whose batches are outside the range of its calibration."""

ARRIVALS = 500
"""Arrivals of the scenario that are looked at."""


def outside_range(calibration: Calibration, scenario: Scenario) -> list[str]:
    """Return a sentence for each step and amount of work that the calibration has not seen."""
    mix = Mix(scenario)
    batches = [mix.batch(arrival) for arrival in range(ARRIVALS)]
    found = []
    for step, measured in calibration.measured.items():
        attempts = [files for batch in batches for files in _attempts(step, batch)]
        used = calibration.model[step].parts.keys() if step in calibration.model else set()
        # A time without a part for its work holds only for the amounts that it was measured with.
        names = measured.ranges.keys() & used or measured.ranges.keys()
        for name in sorted(names):
            low, high = measured.ranges[name]
            amounts = [AMOUNTS[name](files) for files in attempts if name in AMOUNTS]
            outside = [amount for amount in amounts if not low * 0.999 <= amount <= high * 1.001]
            if outside:
                found.append(
                    f"{step}: {len(outside)} of {len(amounts)} attempts have {_unit(name)} outside "
                    f"{low:.4g} to {high:.4g}, up to {max(outside):.4g}"
                )
    return found


def _attempts(step: str, batch: UploadBatch) -> Iterator[tuple[UploadFile, ...]]:
    if step == "transcode":
        yield from ((video,) for video in batch.videos)
    elif batch.files:
        yield tuple(files_of_step(step, batch))


def _unit(name: str) -> str:
    """Return the amount of work in words, e.g. ``megapixels``."""
    return {"per_second_of_video_s": "seconds of video"}.get(name, f"{name[4:-2]}s")
