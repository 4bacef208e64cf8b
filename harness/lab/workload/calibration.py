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

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt

from harness.lab.workload.scenario_file import read_model
from harness.lab.workload.scenario_section import ScenarioSection
from harness.lab.workload.service_times import ServiceModel


class MeasuredStep(ScenarioSection):
    """What a service model was measured from."""

    observations: PositiveInt = Field(description="Number of observed attempts.")
    ranges: Mapping[str, tuple[float, float]] = Field(
        {}, description="Smallest and largest amount of work that was seen, by the parameter of its part."
    )


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


def load_calibration(path: str | Path) -> Calibration:
    """
    Read a calibration file.

    Raises:
        ScenarioError: The file is unreadable or invalid; the message lists every problem with its line.
    """
    return read_model(Path(path), Calibration)
