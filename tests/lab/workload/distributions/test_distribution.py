"""The distributions of a scenario."""

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

MEANS = [
    (3.5, 3.5),
    ({"distribution": "uniform", "low": 2, "high": 5}, 3.5),
    ({"distribution": "triangular", "low": 1, "mode": 2.5, "high": 5}, 17 / 6),
    ({"distribution": "exponential", "scale": 2}, 2),
    ({"distribution": "exponential", "scale": 2, "min": 1, "max": 5}, 2.373929429001337),
    ({"distribution": "lognormal", "median": 12, "sigma": 0.4}, 12.999444812099505),
    ({"distribution": "lognormal", "median": 12, "sigma": 0.4, "min": 10, "max": 20}, 13.876172499638958),
    ({"distribution": "gamma", "shape": 2.5, "scale": 2}, 5),
    ({"distribution": "gamma", "shape": 2.5, "scale": 2, "min": 1, "max": 8}, 4.1064732446986065),
    ({"distribution": "negative_binomial", "mean": 12, "dispersion": 6}, 12),
    (
        {"distribution": "negative_binomial", "mean": 12, "dispersion": 6, "min": 1, "max": 20},
        10.763759945497405,
    ),
    ({"distribution": "poisson", "mean": 3}, 3),
    ({"distribution": "poisson", "mean": 3, "min": 1, "max": 4}, 104 / 41),
    ({"distribution": "binomial", "n": 10, "p": 0.3}, 3),
    ({"distribution": "binomial", "n": 10, "p": 0.3, "min": 2}, 3.3842334823959326),
    ({"distribution": "empirical", "values": [5, 1, 2, 2]}, 2.5),
]
"""Distributions and their expected values."""

EXAMPLES = [example for example, _ in MEANS]


def parsed(example):
    return DISTRIBUTION.validate_python(example)


class TestEveryDistribution:
    @pytest.mark.parametrize(("example", "mean"), MEANS, ids=json.dumps)
    def test_samples_have_the_expected_value(self, example, mean):
        """
        The samples of a hundred thousand evenly spaced draws average to the mean, truncated or not.
        """
        draws = (np.arange(100_000) + 0.5) / 100_000

        assert np.mean(parsed(example).samples(draws)) == pytest.approx(mean, rel=2e-4)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    @given(u=st.floats(1e-9, 1 - 1e-9), v=st.floats(1e-9, 1 - 1e-9))
    def test_a_larger_draw_never_gives_a_smaller_value(self, example, u, v):
        """
        Inversion is monotone, so two systems stay synchronised under one seed; that of gamma up to rounding.
        """
        distribution = parsed(example)
        rounding = 1e-12 if getattr(distribution, "distribution", None) == "gamma" else 0.0
        smaller, larger = distribution.sample(min(u, v)), distribution.sample(max(u, v))

        assert smaller <= larger * (1 + rounding)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    @given(u=st.floats(2**-53, 1 - 2**-53))
    def test_no_draw_leaves_the_interval(self, example, u):
        """
        The smallest and the largest draws stay within min and max too.
        """
        value = parsed(example).sample(u)

        assert math.isfinite(value)
        if isinstance(example, dict):
            assert example.get("min", 0) <= value <= example.get("max", math.inf)

    @pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
    def test_json_gives_the_same_distribution(self, example):
        """
        A run folder contains the scenario as JSON.
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
        Samples agree with the quantiles of the textbook.
        """
        assert parsed(example).sample(p) == pytest.approx(value, rel=1e-12)

    def test_truncation_conditions_rather_than_clips(self):
        """
        Half of an exponential's values above 1 exceed 1 + ln 2; values do not pile up at the bound.
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
    def test_negative_binomial_counts_have_their_variance(self):
        """
        Variance = mean + mean²/dispersion = 12 + 24 = 36.
        """
        counts = parsed({"distribution": "negative_binomial", "mean": 12, "dispersion": 6})
        sampled = [counts.sample((n + 0.5) / 100_000) for n in range(100_000)]

        assert np.var(sampled) == pytest.approx(36, rel=1e-3)

    @pytest.mark.parametrize("dispersion", [1e5, 1.1e5, 1e9, 1e14, 1e16, 1e306])
    def test_negative_binomial_counts_of_a_large_dispersion_are_nearly_poisson(self, dispersion):
        """
        The probabilities differ by at most the relative variance that is left.
        """
        counts = parsed(
            {"distribution": "negative_binomial", "mean": 12, "dispersion": dispersion, "max": 40}
        )
        poisson = parsed({"distribution": "poisson", "mean": 12, "max": 40})

        assert counts.table == pytest.approx(poisson.table, abs=12 / dispersion + 1e-13)

    def test_the_two_formulas_of_negative_binomial_counts_agree(self):
        """
        Below and above a dispersion of 100,000.
        """
        below, above = (
            parsed({"distribution": "negative_binomial", "mean": 900, "dispersion": dispersion})
            for dispersion in (1e5, math.nextafter(1e5, math.inf))
        )

        assert below.table == pytest.approx(above.table, abs=1e-10)


class TestQuantities:
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
    def test_negative_values_are_refused(self, kind, example):
        """
        Durations and amounts are never negative.
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
    def test_a_duration_above_ten_years_is_refused(self, example):
        """
        The simulator's clock counts nanoseconds and lasts 292 years.
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
    def test_a_long_tail_is_allowed(self, example):
        """
        Values above ten years may be rarer than 10⁻⁹, or be cut off by *max*.
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
            {"distribution": "negative_binomial", "mean": 100_000, "dispersion": 2},
            {"distribution": "negative_binomial", "mean": 1, "dispersion": 1e-306},
            {"distribution": "poisson", "mean": 3, "min": 10**400},
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
    def test_an_invalid_distribution_is_refused(self, example):
        """
        Impossible parameters, unknown keys and other types are errors.
        """
        with pytest.raises(ValidationError):
            parsed(example)
