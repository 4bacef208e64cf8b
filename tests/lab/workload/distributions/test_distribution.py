"""Distributions: what a scenario names is what is sampled."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.distributions.quantities import Amount, Duration

DISTRIBUTION = TypeAdapter(Distribution)

EXAMPLES = [
    3.5,
    {"distribution": "uniform", "low": 2, "high": 5},
    {"distribution": "triangular", "low": 1, "mode": 2.5, "high": 5},
    {"distribution": "exponential", "scale": 2},
    {"distribution": "exponential", "scale": 2, "min": 1, "max": 5},
    {"distribution": "lognormal", "median": 12, "sigma": 0.4},
    {"distribution": "lognormal", "median": 12, "sigma": 0.4, "min": 10, "max": 20},
    {"distribution": "gamma", "shape": 2.5, "scale": 2},
    {"distribution": "gamma", "shape": 2.5, "scale": 2, "min": 1, "max": 8},
    {"distribution": "negative_binomial", "mean": 12, "dispersion": 6},
    {"distribution": "negative_binomial", "mean": 12, "dispersion": 6, "min": 1, "max": 20},
    {"distribution": "poisson", "mean": 3},
    {"distribution": "poisson", "mean": 3, "min": 1, "max": 4},
    {"distribution": "binomial", "n": 10, "p": 0.3},
    {"distribution": "binomial", "n": 10, "p": 0.3, "min": 2},
    {"distribution": "empirical", "values": [5, 1, 2, 2]},
]


def parsed(example):
    return DISTRIBUTION.validate_python(example)


class TestEveryDistribution:
    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    def test_the_stated_mean_is_the_mean_of_what_is_sampled(self, example):
        """
        A hundred thousand evenly spaced draws average to the mean, truncated or not.
        """
        distribution = parsed(example)
        draws = (np.arange(100_000) + 0.5) / 100_000

        average = math.fsum(distribution.sample(float(u)) for u in draws) / 100_000

        assert average == pytest.approx(distribution.mean, rel=2e-4)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    @given(u=st.floats(1e-9, 1 - 1e-9), v=st.floats(1e-9, 1 - 1e-9))
    def test_a_larger_draw_never_gives_a_smaller_value(self, example, u, v):
        """
        Inversion is monotone: that is what keeps two systems synchronised under one seed.
        """
        distribution = parsed(example)

        assert distribution.sample(min(u, v)) <= distribution.sample(max(u, v))

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    @given(u=st.floats(2**-53, 1 - 2**-53))
    def test_no_draw_leaves_the_interval(self, example, u):
        """
        Truncation holds for the most extreme draws there are.
        """
        value = parsed(example).sample(u)

        assert math.isfinite(value)
        if isinstance(example, dict):
            assert example.get("min", 0) <= value <= example.get("max", math.inf)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    def test_it_survives_json(self, example):
        """
        A run folder keeps the scenario as JSON.
        """
        distribution = parsed(example)

        assert DISTRIBUTION.validate_json(DISTRIBUTION.dump_json(distribution)) == distribution


class TestQuantile:
    @pytest.mark.parametrize(
        ("example", "p", "value"),
        [
            ({"distribution": "uniform", "low": 2, "high": 4}, 0.25, 2.5),
            ({"distribution": "triangular", "low": 0, "mode": 2, "high": 4}, 0.5, 2.0),
            ({"distribution": "exponential", "scale": 1}, 1 - math.exp(-2), 2.0),
            ({"distribution": "lognormal", "median": 12, "sigma": 0.4}, 0.5, 12.0),
            ({"distribution": "lognormal", "median": 1, "sigma": 2}, 0.975, math.exp(2 * 1.959963984540054)),
            ({"distribution": "gamma", "shape": 1, "scale": 1}, 1 - math.exp(-2), 2.0),
            ({"distribution": "binomial", "n": 1, "p": 0.3}, 0.7, 0),
            ({"distribution": "binomial", "n": 1, "p": 0.3}, 0.71, 1),
            ({"distribution": "poisson", "mean": 1}, 0.735, 1),
            ({"distribution": "poisson", "mean": 1}, 0.737, 2),
            ({"distribution": "empirical", "values": [30, 10, 20]}, 0.5, 20),
        ],
    )
    def test_known_quantiles(self, example, p, value):
        """
        Quantiles agree with the textbook.
        """
        assert parsed(example).sample(p) == pytest.approx(value, rel=1e-12)

    def test_truncation_conditions_rather_than_clips(self):
        """
        Half of an exponential's values above 1 exceed 1 + ln 2: no heap of values at the bound.
        """
        truncated = parsed({"distribution": "exponential", "scale": 1, "min": 1})

        assert truncated.sample(0.5) == pytest.approx(1 + math.log(2))

    @pytest.mark.parametrize(
        ("p", "score"),
        [(0.975, 1.959963984540054), (0.001, -3.090232306167813), (1e-20, -9.262340089798408)],
    )
    def test_a_lognormal_has_the_scores_of_the_normal_distribution(self, p, score):
        """
        The logarithm of a value is the tables' normal quantile, far into the tail.
        """
        value = parsed({"distribution": "lognormal", "median": 1, "sigma": 1}).sample(p)

        assert math.log(value) == pytest.approx(score, rel=1e-14)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    @given(draws=st.lists(st.floats(2**-53, 1 - 2**-53), min_size=1))
    def test_many_draws_at_once_give_the_same_bits(self, example, draws):
        """
        The vectorised samples are the single ones, not merely close to them.
        """
        distribution = parsed(example)

        assert distribution.samples(np.array(draws)).tolist() == [distribution.sample(u) for u in draws]


class TestVariance:
    def test_negative_binomial_counts_vary_as_promised(self):
        """
        Variance = mean + mean²/dispersion = 12 + 24 = 36.
        """
        counts = parsed({"distribution": "negative_binomial", "mean": 12, "dispersion": 6})
        sampled = [counts.sample((n + 0.5) / 100_000) for n in range(100_000)]

        assert np.var(sampled) == pytest.approx(36, rel=1e-3)


class TestWhatAFieldTakes:
    @pytest.mark.parametrize(
        "example",
        [
            -5,
            {"distribution": "uniform", "low": -1, "high": 3},
            {"distribution": "triangular", "low": -1, "mode": 0, "high": 3},
            {"distribution": "empirical", "values": [3, -0.5]},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("kind", [Duration, Amount], ids=["duration", "amount"])
    def test_what_may_be_negative_is_no_duration_and_no_amount(self, kind, example):
        """
        Nothing takes less than no time, and nobody has less than nothing.
        """
        with pytest.raises(ValidationError, match="must not fall below 0"):
            TypeAdapter(kind).validate_python(example)

    @pytest.mark.parametrize(
        "example",
        [
            1e300,
            {"distribution": "exponential", "scale": 1e9},
            {"distribution": "lognormal", "median": 1e308, "sigma": 50},
            {"distribution": "lognormal", "median": 1, "sigma": 1e308},
            {"distribution": "gamma", "shape": 1e300, "scale": 1e300},
        ],
        ids=str,
    )
    def test_what_takes_ages_is_no_duration(self, example):
        """
        The clock counts nanoseconds, and not for ever: ten years are the most.
        """
        with pytest.raises(ValidationError, match="must not exceed 315360000"):
            TypeAdapter(Duration).validate_python(example)

    @pytest.mark.parametrize(
        "example",
        [
            0,
            {"distribution": "lognormal", "median": 3.5, "sigma": 3},
            {"distribution": "lognormal", "median": 1e8, "sigma": 9, "max": 60},
            {"distribution": "gamma", "shape": 0.5, "scale": 3600},
            {"distribution": "poisson", "mean": 3},
        ],
        ids=str,
    )
    def test_wild_ones_are_durations_all_the_same(self, example):
        """
        A long tail is no absurdity, and what *max* cuts off does not count.
        """
        assert TypeAdapter(Duration).validate_python(example).lowest == 0

    def test_each_distribution_knows_its_bounds(self):
        """
        No value is below the lowest one; a bound is rarely exceeded if the draw 1 − 10⁻⁹ stays below it.
        """
        for example in EXAMPLES:
            distribution = parsed(example)
            usual, rare = distribution.sample(0.999), distribution.sample(1 - 1e-9)

            assert distribution.lowest <= distribution.sample(1e-12)
            assert distribution.rarely_exceeds(rare * (1 + 1e-6))
            assert distribution.rarely_exceeds(usual * (1 + 1e-6)) == (rare <= usual * (1 + 1e-6))

    def test_a_scenario_is_checked_without_scipy(self):
        """
        SciPy takes a tenth of a second to import; only draws need it.
        """
        code = "import sys, harness.lab.workload.scenario; sys.exit('scipy' in sys.modules)"

        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestRefusals:
    @pytest.mark.parametrize(
        "example",
        [
            {"distribution": "uniform", "low": 3, "high": 2},
            {"distribution": "triangular", "low": 1, "mode": 9, "high": 5},
            {"distribution": "lognormal", "median": 0, "sigma": 1},
            {"distribution": "lognormal", "median": 1, "sigma": 1, "min": 5, "max": 4},
            {"distribution": "lognormal", "median": 1, "sigma": 0.01, "min": 1000},
            {"distribution": "binomial", "n": 3, "p": 1.5},
            {"distribution": "binomial", "n": 3, "p": 0.5, "min": 4},
            {"distribution": "empirical", "values": []},
            {"distribution": "exponential", "scale": math.nan},
            {"distribution": "exponential", "scale": 1, "mean": 1},
            {"distribution": "zipf"},
            {"low": 1},
            "ten",
            True,
        ],
        ids=str,
    )
    def test_nonsense_is_refused(self, example):
        """
        A distribution that cannot be, or a key that means nothing, is an error and not a guess.
        """
        with pytest.raises(ValidationError):
            parsed(example)
