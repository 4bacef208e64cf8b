"""
Statistics without tables: the histogram has the counts and, to a thousandth, the percentiles of the rows.
"""

import math

import numpy as np
import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.compiled.kernel.clients.client_records import HISTOGRAM, bucket_of
from harness.lab.sim.compiled.kernel.row_log import CENSORED, NOT_OK, OK
from harness.lab.sim.compiled.ready_statistics import ReadyStatistics
from harness.lab.sim.experiment.replications import replicate
from harness.lab.sim.simulation import platform_of
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.workload.scenario import load_scenario

# The first test of a machine compiles the engine, unless set-up has done it.
pytestmark = pytest.mark.timeout(3000)


def statistics(**times):
    """Return statistics of times [s] by outcome."""
    counts = np.zeros((5, HISTOGRAM), np.int64)
    for outcome, values in times.items():
        for value in values:
            counts[{"ok": OK, "failed": NOT_OK, "open": CENSORED}[outcome], bucket_of(int(value * 1e9))] += 1
    return ReadyStatistics(counts)


def test_the_percentiles_are_those_of_the_rows():
    """
    The exact percentile is in its bucket, which is at most a thousandth of it wide.
    """
    scenario = load_scenario("steady").lasting(600)
    platform = platform_of(scenario)
    exact = replicate(scenario, platform, None, 0, "compiled")
    model = CompiledModel(scenario, platform, counts=True)
    model.run()
    found = ReadyStatistics.of(model.histogram)

    assert (found.batches, found.ready) == (exact.ready.size, int(exact.is_ready.sum()))
    for percent in (50, 95, 99):
        bounds = found.percentile(percent)
        assert bounds.low <= percentile(exact.ready[exact.is_ready], percent) <= bounds.high
        assert bounds.high - bounds.low <= bounds.low / 1000


@pytest.mark.parametrize("seconds", [1e-7, 0.0021, 0.5, 1.0, 59.9, 3600.0, 1e7])
def test_a_bucket_holds_its_time(seconds):
    """
    From a tenth of a microsecond to months.
    """
    bounds = statistics(ok=[seconds]).percentile(50)

    assert bounds.low <= seconds <= bounds.high


@pytest.mark.parametrize(
    ("times", "objective", "result"),
    [
        ({"ok": [1.0] * 99 + [50.0]}, "p95(E2E:ready) <= 10 s", "pass"),
        ({"ok": [1.0] * 9, "failed": [1.0]}, "p95(E2E:ready) <= 10 s", "fail"),
        ({"ok": [1.0] * 9, "open": [1.0]}, "p95(E2E:ready) <= 10 s", "inconclusive"),
        ({"ok": [1.0] * 9, "failed": [1.0]}, "fail_ratio(E2E:ready) <= 20 %", "pass"),
        ({"ok": [1.0] * 9, "open": [1.0]}, "fail_ratio(E2E:ready) <= 5 %", "inconclusive"),
        ({}, "p95(E2E:ready) <= 10 s", "inconclusive"),
        # The limit lies within the bucket of the percentile.
        ({"ok": [10.000001]}, "p95(E2E:ready) <= 10.000002 s", "inconclusive"),
    ],
)
def test_objectives_are_judged_by_the_bounds(times, objective, result):
    """
    A failed batch is never READY, an unfinished one may still be.
    """
    assert statistics(**times).check(Criterion.parse(objective)) == result


def test_a_rank_beyond_the_ready_batches_has_no_bound():
    """
    Half of the batches failed, so p95 is infinite.
    """
    found = statistics(ok=[1.0], failed=[1.0])

    assert (found.failed, found.ready) == (1, 1)
    assert found.check(Criterion.parse("p95(E2E:ready) <= 1000 h")) == "fail"
    assert math.isfinite(found.percentile(95).high)
