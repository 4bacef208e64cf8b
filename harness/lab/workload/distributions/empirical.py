"""
The distribution of observed values.
"""

import math
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.lab.workload.distributions.base_distribution import BaseDistribution, require


class Empirical(BaseDistribution):
    """
    One of the observed *values*; each is equally likely.

    A scenario file can name a CSV file with a column ``value`` instead. The file is read with the scenario;
    the loaded scenario contains its values.
    """

    distribution: Literal["empirical"] = "empirical"
    values: tuple[float, ...] = ()
    csv: str | None = Field(
        None, description="CSV file with the values; its path is relative to the scenario file."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        require(bool(self.values), "an empirical distribution needs at least one value")
        return self

    def sample(self, u: float) -> float:
        return self._ordered[math.ceil(u * len(self._ordered)) - 1]

    @property
    def lowest(self) -> float:
        return self._ordered[0]

    @cached_property
    def _ordered(self) -> list[float]:
        return sorted(self.values)
