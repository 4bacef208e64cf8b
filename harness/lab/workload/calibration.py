"""
Calibration files: measured parameters of a system, for all scenarios that are simulated on it.

A calibration is a TOML file with the sections of a scenario that describe the system, ``[model]`` and
``[platform]``, and the source of the figures:

.. code-block:: toml

    source = "steady for an hour on the staging account, 3 November: service times of 3,600 batches"

    [model.thumbnails]
    fixed_s = { distribution = "lognormal", median = 0.21, sigma = 0.3 }

    [platform.behaviours.thumbnails]
    failures = [{ error = "Lambda.ServiceException", rate = 0.002 }]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt

from harness.lab.workload.scenario_file import read_model
from harness.lab.workload.scenario_section import ScenarioSection
from harness.lab.workload.service_times import AMOUNTS, ServiceModel, attempts_of_step
from harness.lab.workload.upload_batch import UploadBatch

WorkPart = Literal["per_file_s", "per_megapixel_s", "per_megabyte_s", "per_second_of_video_s"]


class MeasuredStep(ScenarioSection):
    """What a service model was measured from."""

    observations: PositiveInt = Field(description="Number of observed attempts.")
    ranges: Mapping[WorkPart, tuple[float, float]] = Field(
        {}, description="Smallest and largest amount of work that was seen, by the parameter of its part."
    )


EXTRAPOLATED = "extrapolated: "
"""Begins the note of a scenario whose batches are outside the range of its calibration."""


class Calibration(ScenarioSection):
    """The measured parameters of a system."""

    name: str = Field(
        "", description="Name of the calibration; by default the name of the file without its extension."
    )
    source: str = Field(min_length=1, description="What was measured, when and how.")
    model: Mapping[str, ServiceModel] = Field({}, description="Service models by name.")
    platform: Mapping[str, Any] = Field(
        {}, description="Parameters of the simulated platform by section; the simulator checks them."
    )

    measured: Mapping[str, MeasuredStep] = Field(
        {}, description="What each service model was measured from, by its name."
    )

    @property
    def sections(self) -> dict[str, Any]:
        """The keys of a scenario that the calibration replaces."""
        source = {"calibration": f"{self.name}: {self.source}"}
        # A Python dump: JSON would turn an infinity, which the simulator must refuse, into null.
        return source | self.model_dump(include={"model", "platform"})

    def outside_range(self, batches: Sequence[UploadBatch]) -> list[str]:
        """Return a sentence for each step and amount of work of *batches* that was not measured."""
        found = []
        for step, measured in self.measured.items():
            attempts = [files for batch in batches if batch.files for files in attempts_of_step(step, batch)]
            used = self.model[step].parts.keys() if step in self.model else set()
            # A time without a part for its work holds only for the amounts that it was measured with.
            for name in sorted(measured.ranges.keys() & used or measured.ranges.keys()):
                low, high = measured.ranges[name]
                amounts = [AMOUNTS[name](files) for files in attempts]
                outside = [amount for amount in amounts if not low * 0.999 <= amount <= high * 1.001]
                if outside:
                    found.append(
                        f"{step}: {len(outside)} of {len(amounts)} attempts have {_unit(name)} outside "
                        f"{low:.4g} to {high:.4g}, up to {max(outside):.4g}"
                    )
        return found


def load_calibration(path: str | Path) -> Calibration:
    """
    Read a calibration file.

    Raises:
        ScenarioError: The file is unreadable or invalid; the message lists every problem with its line.
    """
    return read_model(Path(path), Calibration)


def _unit(name: str) -> str:
    """Return an amount of work in words, e.g. ``megapixels``."""
    return {"per_second_of_video_s": "seconds of video"}.get(name, f"{name[4:-2]}s")
