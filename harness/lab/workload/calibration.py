"""
Calibration files: what was measured of a system, for every scenario that is simulated on it.

TOML with those sections of a scenario that say what the system is like, ``[model]`` and ``[platform]``,
and with where the figures come from:

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

from pydantic import BaseModel, ConfigDict, Field

from harness.lab.workload.scenario_file import read
from harness.lab.workload.service_times import ServiceModel


class Calibration(BaseModel):
    """
    What was measured of a system.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", description="The file's name without its extension, unless given.")
    source: str = Field(min_length=1, description="What was measured, when, and how.")
    model: Mapping[str, ServiceModel] = Field({}, description="Service times by what works.")
    platform: Mapping[str, Any] = Field(
        {}, description="Parameters of the platform by section; the simulator checks them."
    )

    @property
    def sections(self) -> dict[str, Any]:
        """What a scenario says then: service models are replaced whole, of the platform what is given."""
        told = {"calibration": f"{self.name}: {self.source}"}
        # As Python has it: in JSON an infinity, which is to be refused, would be nothing.
        return told | self.model_dump(include={"model", "platform"})


def load_calibration(path: str | Path) -> Calibration:
    """
    Read a calibration file.

    Raises:
        ScenarioError: It cannot be read or is none; says every problem with its line.
    """
    return read(Path(path), Calibration)
