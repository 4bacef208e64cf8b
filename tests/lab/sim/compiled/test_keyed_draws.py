"""
The draws and quantile functions of compiled code give the bits of Python's and SciPy's.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri as scipy_ndtri

from harness.lab.sim.compiled.kernel.draws.keyed_draws import quantile, unit_draw
from harness.lab.sim.compiled.kernel.draws.normal_quantile import ndtri
from harness.lab.sim.compiled.lowering.table_builder import TableBuilder
from harness.lab.sim.platform.latency_draws import RandomSource
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
from harness.lab.workload.draws import Stream

pytestmark = pytest.mark.timeout(600)

DISTRIBUTIONS = [
    Constant(value=3.5),
    Uniform(low=0.1, high=7),
    Triangular(low=1, mode=2, high=5),
    Exponential(scale=3),
    Exponential(scale=3, min=1, max=4),
    Lognormal(median=0.16, sigma=0.216),
    Lognormal(median=12, sigma=0.35, min=1, max=60),
    Gamma(shape=0.4, scale=2),
    Gamma(shape=2, scale=0.5),
    Gamma(shape=250, scale=0.1),
    Gamma(shape=3.7, scale=1, min=1, max=9),
    NegativeBinomial(mean=12, dispersion=6, min=1, max=58),
    Poisson(mean=3),
    Binomial(n=1, p=0.3),
    Empirical(values=(3, 1, 2, 2)),
]


@given(
    seed=st.integers(0, 2**63 - 1),
    key=st.tuples(st.integers(0, 10**9), st.integers(0, 2**60), st.integers(0, 10**6)),
)
def test_a_draw_is_that_of_the_stream(seed, key):
    stream = Stream(seed, 3, "any")

    assert unit_draw(np.uint64(stream.state), *key) == stream(*key)


def test_the_normal_quantile_is_that_of_scipy():
    """
    Equal on a hundred thousand draws, and far out in both tails.
    """
    draws = np.concatenate(
        [np.arange(1, 100_000) / 100_000, 10.0 ** -np.arange(1, 16), 1 - 10.0 ** -np.arange(1, 16)]
    )

    assert [ndtri(u) for u in draws.tolist()] == scipy_ndtri(draws).tolist()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_a_quantile_is_that_of_the_distribution(distribution):
    """
    `sample` and the compiled quantile function give the same float for ten thousand draws.
    """
    tables = TableBuilder(RandomSource(1, 0))
    row = tables.draw(distribution, "any")
    law, values = tables.table("draws")[row], np.array(tables.values or [0.0])
    draws = Stream(5, 0, "any").many(np.arange(10_000)).tolist()

    assert [quantile(values, law, u) for u in draws] == [distribution.sample(u) for u in draws]
