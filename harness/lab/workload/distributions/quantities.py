"""Restricted quantities: distributions of durations and amounts, and whole numbers."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt

from harness.lab.workload.distributions.base_distribution import RARE, require
from harness.lab.workload.distributions.distribution import Distribution

LONGEST = 10 * 365 * 86_400.0
"""The longest time in a scenario or a platform: ten years [s]. A clock of nanoseconds lasts 292 years."""

MOST = 1_000_000_000
"""The largest whole number of a setting: it fits into 32 bits, as in the tables of a run."""

PositiveCount = Annotated[PositiveInt, Field(le=MOST)]
NonNegativeCount = Annotated[NonNegativeInt, Field(le=MOST)]

KeptCount = Annotated[PositiveInt, Field(le=1_000_000)]
"""Number of servers that a simulation keeps in memory one by one."""


def beginning_within(low: float, high: float) -> AfterValidator:
    """Return a check that the lowest value lies in *low*…*high*. Larger values are allowed."""

    def checked(of: Distribution) -> Distribution:
        require(of.lowest >= low, f"must not fall below {low:.12g}")
        require(of.lowest <= high, f"must not begin above {high:.12g}: all of it would be cut")
        return of

    return AfterValidator(checked)


def ending_by(high: float) -> AfterValidator:
    """Return a check that values above *high* are rarer than `RARE`."""

    def checked(of: Distribution) -> Distribution:
        require(of.rarely_exceeds(high), f"must not exceed {high:.12g}, but for one value in {1 / RARE:.12g}")
        return of

    return AfterValidator(checked)


Duration = Annotated[Distribution, beginning_within(0, math.inf), ending_by(LONGEST)]
"""Durations [s]."""

Amount = Annotated[Distribution, beginning_within(0, math.inf), ending_by(1e12)]
"""Amounts of something, at most 10^12; files have no larger measures."""
