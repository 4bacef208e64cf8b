"""
Values below and above a parameter's own: the mean of a distribution changes as a number would.
"""

import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from harness.lab.sim.sweep.parameters import ParameterInvalid
from harness.lab.sim.sweep.scaled_values import changed_values, scaled
from harness.lab.workload.distributions.base_distribution import BaseDistribution
from harness.lab.workload.distributions.distribution import Distribution

DRAWS = (np.arange(2000) + 0.5) / 2000
DISTRIBUTIONS = [
    {"distribution": "constant", "value": 3.5},
    {"distribution": "uniform", "low": 2, "high": 5},
    {"distribution": "triangular", "low": 1, "mode": 2, "high": 3},
    {"distribution": "triangular", "low": 1, "mode": 1, "high": 1.1},
    {"distribution": "exponential", "scale": 2},
    {"distribution": "lognormal", "median": 12, "sigma": 0.4, "min": 10, "max": 20},
    {"distribution": "gamma", "shape": 2.5, "scale": 2, "min": 1},
    {"distribution": "negative_binomial", "mean": 12, "dispersion": 6, "min": 1, "max": 58},
    {"distribution": "poisson", "mean": 12, "min": 1, "max": 40},
    {"distribution": "binomial", "n": 10, "p": 0.3},
    {"distribution": "binomial", "n": 10, "p": 0.9},
    {"distribution": "binomial", "n": 1, "p": 1},
    {"distribution": "empirical", "values": [5, 1, 2, 2]},
]


def mean_of(document):
    of = TypeAdapter(Distribution).validate_python(document)
    return float(np.mean(of.samples(DRAWS)))


def system_with(queue, key, value):
    if key == "model.Work.fixed_s":
        return queue(0.1, 60, model={"Work": {"fixed_s": value}})
    return queue(0.1, 60, flows=[{"name": "photo_shoot", "photos": value, "videos": 0}])


def distributions(of):
    """
    Yield the names of a class of distributions and of those derived from it.
    """
    if "distribution" in of.model_fields:
        yield of.model_fields["distribution"].default
    for each in of.__subclasses__():
        yield from distributions(each)


class TestDistributions:
    @pytest.mark.parametrize("value", DISTRIBUTIONS, ids=json.dumps)
    def test_the_mean_changes_by_the_wanted_part(self, queue, value):
        """
        Also that of counts, whose bounds stay.
        """
        key = "model.Work.fixed_s"
        low, high = changed_values(system_with(queue, key, value), key, 0.2)

        assert mean_of(low) == pytest.approx(0.8 * mean_of(value), rel=0.02)
        assert mean_of(high) == pytest.approx(1.2 * mean_of(value), rel=0.02)

    def test_no_distribution_is_missing(self):
        """
        A new one is tried, too.
        """
        assert {each["distribution"] for each in DISTRIBUTIONS} == set(distributions(BaseDistribution))

    @pytest.mark.parametrize("key", ["flows.0.photos", "flows.0.videos"])
    def test_the_defaults_of_a_flow_can_be_studied(self, queue, key):
        """
        They are counts.
        """
        system = queue(0.1, 60, flows=[{"name": "photo_shoot"}])
        base = system.value_at_base(key)
        low, high = changed_values(system, key, 0.2)

        assert mean_of(low) < mean_of(base) < mean_of(high)
        assert (low["min"], high["max"]) == (base["min"], base["max"])

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("model.Work.fixed_s", 0),
            ("flows.0.photos", {"distribution": "binomial", "n": 5, "p": 0}),
            ("flows.0.photos", {"distribution": "poisson", "mean": 3, "min": 4, "max": 4}),
            ("flows.0.photos", {"distribution": "binomial", "n": 1, "p": 1, "max": 1}),
            ("flows.0.photos", {"distribution": "empirical", "values": [1, 1, 2]}),
        ],
    )
    def test_what_would_stay_the_same_is_refused(self, queue, key, value):
        """
        Else the system would be compared with itself, and the parameter would seem not to matter.
        """
        with pytest.raises(ParameterInvalid, match=f"^{key} cannot be changed by 20%: its mean stays"):
            changed_values(system_with(queue, key, value), key, 0.2)


class TestNumbers:
    @pytest.mark.parametrize(("value", "sides"), [(0, (0, 1)), (1, (1, 2)), (2, (1, 3))])
    def test_none_is_not_fewer_than_one(self, value, sides):
        """
        What is 0 stays so on one side: it may mean something else, such as no limit.
        """
        assert (scaled("key", value, 0.8), scaled("key", value, 1.2)) == sides

    def test_a_constant_count_stays_whole(self, queue):
        """
        A batch has no eight tenths of a photo.
        """
        assert changed_values(queue(0.1, 60), "flows.0.photos", 0.2) == (1, 2)
