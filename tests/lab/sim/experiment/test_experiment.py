"""
Experiments: independent replications, precision, and two systems with common random numbers.
"""

import math
import signal
from dataclasses import replace

import numpy as np
import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.experiment import compare
from harness.lab.sim.experiment.experiment_plan import ExperimentPlan
from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.experiment.replications import Replication, parallel_map
from harness.lab.sim.experiment.warm_up import WarmUp
from harness.lab.workload.scenario import Scenario

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]


def scenario(**changes):
    """
    Return ten minutes of shoots, each with a video that takes 20 s on average.

    A ramp, though a flat one: a run of it is one whole, and need not be long enough for a steady state.
    """
    fields = {
        "name": "videos",
        "question": "How many slots?",
        "duration_s": 600,
        "arrivals": [{"process": "poisson", "stages": [{"ramp_per_s": [0.2, 0.2], "for_s": 600}]}],
        "flows": [{"name": "photo_shoot", "photos": 1, "videos": 1}],
        "model": {"transcode": {"fixed_s": {"distribution": "exponential", "scale": 20}}},
        "drain_s": 1200,
    }
    return Scenario.model_validate(fields | changes)


SLOTS_5 = {"mediaconvert.slots": 5}
SLOTS_8 = {"mediaconvert.slots": 8}


def all_fail():
    """Return a scenario in which no batch becomes READY."""
    return scenario(duration_s=60, faults=[{"kind": "corrupt_file", "rate": 1}])


@pytest.fixture(scope="module")
def failed():
    """Return an experiment in which every batch fails."""
    return ExperimentPlan(all_fail(), replications=3, warm_up=0, cool_down=5, processes=1).run()


@pytest.fixture(scope="module")
def cut_off():
    """Return an experiment that ends while the last batches are being transcoded."""
    return ExperimentPlan(
        scenario(drain_s=1), replications=5, cool_down=0, overrides=SLOTS_8, processes=1
    ).run()


class TestSteadyState:
    def test_short_replications_have_no_interval(self):
        """
        Ten minutes at a constant rate go up and down a few times: the sentence says what would do.
        """
        steady = scenario(arrivals=[{"stages": [{"hold_per_s": 0.2, "for_s": 600}]}])
        found = ExperimentPlan(steady, replications=5, overrides=SLOTS_5, processes=1).run()
        estimate = found.percentile(95)

        assert estimate.half_width == math.inf
        assert "60 are needed; use 5 replications with --duration" in str(estimate)
        assert found.check_limit(95, 3600.0) is LimitResult.INCONCLUSIVE

    def test_what_is_surely_too_slow_fails_without_an_interval(self):
        """
        A run that begins empty is too fast, not too slow.
        """
        steady = scenario(arrivals=[{"stages": [{"hold_per_s": 0.2, "for_s": 600}]}])
        found = ExperimentPlan(steady, replications=5, overrides=SLOTS_5, processes=1).run()

        assert found.percentile(95).refusal
        assert found.check_limit(95, 1.0) is LimitResult.FAIL

    def test_whole_runs_have_an_interval(self):
        """
        Without warm-up and cool-down the question is what such a run shows, not the steady state.
        """
        steady = scenario(arrivals=[{"stages": [{"hold_per_s": 0.2, "for_s": 600}]}])
        options = {"replications": 20, "overrides": SLOTS_5, "processes": 1, "warm_up": 0, "cool_down": 0}
        found = ExperimentPlan(steady, **options).run()

        assert math.isfinite(found.percentile(50).half_width)

    def test_precision_ends_at_once_where_more_replications_do_not_help(self):
        """
        The first ten say so; a hundred would say it again.
        """
        steady = scenario(duration_s=60, arrivals=[{"stages": [{"hold_per_s": 0.2, "for_s": 60}]}])
        plan = ExperimentPlan(steady, replications=100, precision=0.05, overrides=SLOTS_8, processes=1)
        found = plan.run()

        assert (len(found.replications), found.reached) == (10, False)


class TestReplications:
    def test_replications_are_independent_and_reproducible(self):
        """
        Two replications differ, and replication 1 is the same in every experiment.
        """
        found = ExperimentPlan(scenario(), replications=3, overrides=SLOTS_8, processes=1).run()
        again = ExperimentPlan(scenario(), replications=2, overrides=SLOTS_8, processes=1).run()

        assert found.replications[0].arrived_at[0] != found.replications[1].arrived_at[0]
        assert np.array_equal(found.replications[1].ready, again.replications[1].ready)

    @pytest.mark.slow
    def test_processes_change_nothing(self):
        """
        The results of two processes are those of one.
        """
        alone = ExperimentPlan(scenario(duration_s=60), replications=2, processes=1).run()
        together = ExperimentPlan(scenario(duration_s=60), replications=2, processes=2).run()

        for one, other in zip(alone.replications, together.replications, strict=True):
            assert np.array_equal(one.ready, other.ready)

    def test_precision_decides_how_many(self):
        """
        Replications run until the interval is narrow enough or the maximum is reached.
        """
        loose = ExperimentPlan(
            scenario(), precision=0.5, replications=30, overrides=SLOTS_8, processes=1
        ).run()
        strict = ExperimentPlan(
            scenario(), precision=0.001, replications=11, overrides=SLOTS_8, processes=1
        ).run()

        assert loose.reached
        assert len(loose.replications) == 10
        assert loose.percentile(95).relative_half_width <= 0.5 / 1.5
        assert not strict.reached
        assert len(strict.replications) == 11

    def test_warm_up_and_cool_down_do_not_count(self):
        """
        Batches are counted by their time of arrival.
        """
        found = ExperimentPlan(
            scenario(), replications=2, warm_up=100, cool_down=50, overrides=SLOTS_8, processes=1
        ).run()
        kept = [
            int(((each.arrived_at >= 100) & (each.arrived_at < 550)).sum()) for each in found.replications
        ]

        assert found.to_frame()["batches"].tolist() == kept

    def test_limits_are_checked_by_the_interval(self):
        """
        A percentile far below the limit passes, one far above fails.
        """
        found = ExperimentPlan(scenario(), replications=5, overrides=SLOTS_8, processes=1).run()

        assert found.check_limit(95, 3600.0) is LimitResult.PASS
        assert found.check_limit(95, 1.0) is LimitResult.FAIL

    def test_nothing_to_replicate(self):
        """
        Zero replications are an error.
        """
        with pytest.raises(ValueError, match="at least one replication, not 0"):
            ExperimentPlan(scenario(), replications=0).run()

    @pytest.mark.parametrize(
        ("number", "complaint"),
        [
            ({"processes": 0}, "at least one process, not 0"),
            ({"confidence": 95}, r"a confidence lies between 0 and 1, e.g. 0.95, not 95"),
            ({"confidence": math.nan}, "a confidence lies between 0 and 1"),
            ({"percent": 101}, "a percentile must be above 0 and at most 100, not 101"),
            ({"cool_down": -1}, "shorter than the 600 s after the warm-up, not -1 s"),
            ({"cool_down": 300, "warm_up": 300}, "shorter than the 300 s after the warm-up, not 300 s"),
            ({"cool_down": math.nan}, "not nan s"),
        ],
    )
    def test_invalid_numbers_are_refused(self, number, complaint):
        """
        The plan cannot be created.
        """
        with pytest.raises(ValueError, match=complaint):
            ExperimentPlan(scenario(), **number).run()

    @pytest.mark.parametrize("warm_up", [-1, 600, math.inf, math.nan])
    def test_a_warm_up_leaves_something_to_count(self, warm_up):
        """
        The plan cannot be created.
        """
        with pytest.raises(ValueError, match="shorter than the 600 s of arrivals"):
            ExperimentPlan(scenario(), warm_up=warm_up).run()

    def test_a_worker_ignores_ctrl_c(self):
        """
        The signal is blocked from the start of the worker, and only there.
        """
        with parallel_map(2, 2) as play_all:
            blocked, *_ = play_all(signal.pthread_sigmask, [signal.SIG_BLOCK], [()])

        assert signal.SIGINT in blocked
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.filterwarnings("error::RuntimeWarning")
class TestNothingReady:
    def test_a_limit_is_inconclusive(self, failed):
        """
        Without a READY batch there is nothing to check.
        """
        assert failed.check_limit(95, 3600.0) is LimitResult.INCONCLUSIVE

    def test_estimates_name_the_missing_values(self, failed):
        """
        The error names the time in which batches are counted.
        """
        for estimate in (lambda: failed.percentile(95), lambda: failed.mean):
            with pytest.raises(
                ValueError, match="no batch became READY of those that arrived from 0 s to 55 s"
            ):
                estimate()
        with pytest.raises(ValueError, match="no replication has batches that became READY in both"):
            compare(failed, failed)

    def test_the_known_values_are_shown(self, failed):
        """
        All that arrived failed to become READY.
        """
        assert failed.failed.value == 1
        assert failed.to_frame()["p95_s"].isna().all()
        assert "<th>failed</th>" in failed._repr_html_()

    def test_no_arrivals(self):
        """
        The share of failures is unknown.
        """
        found = ExperimentPlan(scenario().at_rate(0), replications=2, processes=1).run()

        with pytest.raises(ValueError, match="no batch arrived from 0 s to 600 s"):
            _ = found.failed

    def test_precision_is_not_reached(self):
        """
        The procedure stops after the first replications without an estimate.
        """
        found = ExperimentPlan(all_fail(), precision=0.05, replications=30, processes=1).run()

        assert not found.reached
        assert len(found.replications) == 10


class TestUnfinished:
    def test_unfinished_batches_count_with_their_wait(self, cut_off):
        """
        A run that ends early does not look faster than one that does not.
        """
        whole = ExperimentPlan(scenario(), replications=5, cool_down=0, overrides=SLOTS_8, processes=1).run()
        waited = sum(len(values) for values in cut_off.ready)

        assert 0 < cut_off.unfinished < 0.2 * waited
        assert waited == sum(len(values) for values in whole.ready)
        assert whole.unfinished == 0
        assert cut_off.to_frame()["unfinished"].sum() == cut_off.unfinished
        assert cut_off.to_frame()["failed"].sum() == 0

    def test_a_limit_that_depends_on_them_is_inconclusive(self, cut_off):
        """
        Nine of ten batches were READY in time; the times of the slowest are unknown.
        """
        assert cut_off.check_limit(50, 3600.0) is LimitResult.PASS
        assert cut_off.check_limit(99.9, 3600.0) is LimitResult.INCONCLUSIVE
        assert cut_off.check_limit(99.9, 1.0) is LimitResult.FAIL

    def test_an_estimate_is_marked_as_a_lower_bound(self, cut_off):
        """
        The mark is in its text and in its check of a limit.
        """
        assert str(cut_off.percentile(99.9)).startswith("at least ")
        assert str(cut_off.mean).startswith("at least ")
        assert cut_off.percentile(99.9).check_limit(3600.0) is LimitResult.INCONCLUSIVE

    def test_the_pooled_percentile_may_depend_on_them_though_no_replication_does(self, cut_off):
        """
        Half of the batches take 10 s, half 100 s; the one between them had not ended.
        """
        fast, slow = (
            Replication(number, np.zeros(20), times, ~is_open, is_open)
            for number, times, is_open in (
                (0, np.array([10.0] * 19 + [12.0]), np.arange(20) == 19),
                (1, np.full(20, 100.0), np.zeros(20, dtype=bool)),
            )
        )
        found = replace(cut_off, replications=(fast, slow), warm_up=WarmUp(0.0))

        assert found.percentile(50).at_least
        assert not found.percentile(40).at_least


class TestComparison:
    def test_replications_without_a_pair_are_left_out(self):
        """
        A replication counts if both systems have READY batches in it.
        """
        found = ExperimentPlan(scenario(), replications=2, overrides=SLOTS_8, processes=1).run()
        first, second = found.replications
        unready = replace(second, is_ready=np.zeros_like(second.is_ready))

        assert compare(found, replace(found, replications=(first, unready))).replications == 1

    def test_a_comparison_that_depends_on_unfinished_batches_is_refused(self, cut_off):
        """
        The slower system has more unfinished batches, and would look faster than it is.
        """
        with pytest.raises(ValueError, match="batches had not ended when their replication did"):
            compare(cut_off, cut_off, percent=99)

    def test_different_arrivals_are_not_compared(self):
        """
        Their noise would not cancel.
        """
        one, other = (
            ExperimentPlan(scenario(seed=seed), replications=2, processes=1).run() for seed in (1, 2)
        )

        with pytest.raises(ValueError, match="the experiments have different arrivals"):
            compare(one, other)

    def test_common_random_numbers(self):
        """
        A sixth slot never makes a replication slower, and pairing reduces the standard error.
        """
        five = ExperimentPlan(scenario(), replications=6, overrides=SLOTS_5, processes=1).run()
        six = ExperimentPlan(
            scenario(), replications=6, overrides={"mediaconvert.slots": 6}, processes=1
        ).run()
        difference = compare(five, six)

        slower = [
            percentile(one, 95) - percentile(other, 95)
            for one, other in zip(five.ready, six.ready, strict=True)
        ]
        apart = math.hypot(five.percentile(95).standard_error, six.percentile(95).standard_error)
        assert min(slower) >= 0 < difference.value
        assert difference.standard_error < apart
        assert np.array_equal(five.replications[3].arrived_at, six.replications[3].arrived_at)
