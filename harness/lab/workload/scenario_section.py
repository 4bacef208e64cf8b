"""The base class of every table of a scenario file."""

from pydantic import BaseModel, ConfigDict


class ScenarioSection(BaseModel):
    """A table of a scenario file: it cannot be changed, and unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
