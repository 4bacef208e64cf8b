"""The distribution with a single value."""

from typing import Literal

from harness.lab.workload.distributions.base_distribution import BaseDistribution


class Constant(BaseDistribution):
    """Always the same value."""

    distribution: Literal["constant"] = "constant"
    value: float

    def sample(self, u: float) -> float:  # noqa: ARG002 - a constant needs no draw
        return self.value

    @property
    def lowest(self) -> float:
        return self.value
