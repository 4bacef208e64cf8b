"""The distributions that a scenario can name, as one type: a table, or a number."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field
from typing_extensions import TypeAliasType

from harness.lab.workload.distributions.base_distribution import BaseDistribution, require
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import (
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Triangular,
    Uniform,
)
from harness.lab.workload.distributions.counts import Binomial, NegativeBinomial, Poisson

_Named = Annotated[
    Constant
    | Uniform
    | Triangular
    | Exponential
    | Lognormal
    | Gamma
    | NegativeBinomial
    | Poisson
    | Binomial
    | Empirical,
    Field(discriminator="distribution"),
]

_NAMES = tuple(each.model_fields["distribution"].default for each in get_args(get_args(_Named)[0]))


def _from_number(value: Any) -> Any:
    """Return a number as a constant, and anything else that can be a distribution as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Constant(value=value)
    require(
        isinstance(value, Mapping | BaseDistribution), "must be a number or a table that has a distribution"
    )
    require(
        isinstance(value, BaseDistribution) or "distribution" in value,
        f"has no distribution; known are {', '.join(map(repr, _NAMES))}",
    )
    return value


Distribution = TypeAliasType(
    "Distribution", Annotated[_Named, BeforeValidator(_from_number, json_schema_input_type=float | _Named)]
)
"""Any of the distributions, chosen by its key ``distribution``; a number is a constant."""
