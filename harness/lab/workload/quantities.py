"""
What the values of a distribution may be: times that can pass, amounts there can be.
"""

import math
from typing import Annotated

from pydantic import AfterValidator

from harness.lab.workload.distributions import RARE, Distribution, require

LONGEST = 10 * 365 * 86_400.0
"""No time of a scenario or a platform is longer: ten years [s]. A clock of nanoseconds lasts 292."""


def beginning_within(low: float, high: float) -> AfterValidator:
    """Return a check that the lowest value lies between two; larger ones are cut by whoever counts them."""

    def checked(of: Distribution) -> Distribution:
        require(of.lowest >= low, f"must not fall below {low:.12g}")
        require(of.lowest <= high, f"must not begin above {high:.12g}: all of it would be cut")
        return of

    return AfterValidator(checked)


def ending_by(high: float) -> AfterValidator:
    """Return a check that next to no value is above *high*."""

    def checked(of: Distribution) -> Distribution:
        # Not the other way round: NaN must not pass.
        require(of.highest <= high, f"must not exceed {high:.12g}, but for one value in {1 / RARE:.12g}")
        return of

    return AfterValidator(checked)


Duration = Annotated[Distribution, beginning_within(0, math.inf), ending_by(LONGEST)]
"""Times that can pass [s]."""

Amount = Annotated[Distribution, beginning_within(0, math.inf), ending_by(1e12)]
"""How much there is of something; no measure of anybody's files has more digits."""
