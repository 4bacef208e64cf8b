"""
The interface of every distribution, and the types and checks that they share.

A value is sampled by inverting the cumulative distribution: one uniform draw gives one value. Keyed draws
therefore stay synchronised whatever the distribution, and ``sample`` is monotone in the draw. The unit of the
values is that of the field that holds the distribution.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.lab.workload.scenario_section import ScenarioSection

Probability = Annotated[float, Field(ge=0, le=1)]

RARE = 1e-9
"""A probability that no run can notice, because no run draws so often."""


class BaseDistribution(ScenarioSection):
    """The base class of all distributions."""

    def sample(self, u: float) -> float:
        """Return the value that belongs to a uniform draw 0 < *u* < 1."""
        raise NotImplementedError

    def samples(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `sample` of each draw, bit for bit; some distributions do it faster for many draws."""
        return np.array([self.sample(u) for u in draws.ravel().tolist()]).reshape(draws.shape)

    @property
    def lowest(self) -> float:
        """The lower bound of all values."""
        raise NotImplementedError

    def rarely_exceeds(self, high: float) -> bool:
        """Return whether values above *high* have a probability of at most `RARE`."""
        return self.sample(1 - RARE) <= high


def require(condition: bool, message: str) -> None:
    """Raise a `ValueError` with *message* unless *condition* is true."""
    if not condition:
        raise ValueError(message)
