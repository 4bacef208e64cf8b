"""The schedule of arrivals: exact rates, independent of the workers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.scenario import Scenario

SHOOTS = [{"name": "photo_shoot", "photos": 2}, {"name": "viewer"}]

STAGES = {
    "hold": {"hold_per_s": 5, "for_s": 400},
    "ramp": {"ramp_per_s": [1, 9], "for_s": 400},
    "steps": {"steps_per_s": [2, 8], "for_s": 400},
    "spike": {"spike_per_s": 10, "for_s": 400},
    "sine": {"sine_per_s": [2, 2], "period_s": 100, "for_s": 400},
    "trace": {"trace_per_s": [[0, 2], [300, 14]], "for_s": 400},
}


def scenario(*sources, duration=400, seed=1, **others):
    return Scenario.model_validate(
        {
            "question": "?",
            "seed": seed,
            "duration_s": duration,
            "arrivals": sources,
            "flows": SHOOTS,
            **others,
        }
    )


class TestPaced:
    def test_a_constant_rate_is_evenly_spaced(self):
        """
        Two per second for three seconds: six arrivals half a second apart, none at 0 s or 3 s.
        """
        planned = schedule(
            scenario({"process": "paced", "stages": [{"hold_per_s": 2, "for_s": 3}]}, duration=3)
        )

        assert planned.at.tolist() == [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]

    @pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
    def test_every_window_holds_what_the_rate_expects(self, stage):
        """
        In any window the count differs from the integral of the rate by less than one arrival.
        """
        played = scenario({"process": "paced", "stages": [stage]})
        planned, rate = schedule(played), played.arrivals[0].rate(400)

        for since in range(0, 400, 23):
            for until in range(since + 1, 401, 37):
                count = np.count_nonzero((planned.at >= since) & (planned.at < until))
                assert abs(count - rate.expected(since, until)) <= 1

    def test_a_spike_rises_from_the_rate_before_it(self):
        """
        Ten seconds at 2/s, then up to 6/s and back within ten: 20 and 40 arrivals.
        """
        stages = [{"hold_per_s": 2, "for_s": 10}, {"spike_per_s": 6, "for_s": 10}]
        planned = schedule(scenario({"process": "paced", "stages": stages}, duration=20))

        assert np.count_nonzero(planned.at < 10) == 20
        assert len(planned) == 60

    def test_no_arrival_is_due_after_the_duration(self):
        """
        A ramp of 100 s played for 50 s is cut off, not compressed: 1/s to 2/s gives 75 arrivals.
        """
        planned = schedule(
            scenario({"process": "paced", "stages": [{"ramp_per_s": [1, 3], "for_s": 100}]}, duration=50)
        )

        assert len(planned) == 75
        assert planned.at.max() < 50


class TestPoisson:
    @pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
    def test_given_their_number_arrivals_are_spread_like_the_rate(self, stage):
        """
        Kolmogorov–Smirnov on 800 to 2,000 arrivals: the largest distance is below the 99.9 % bound.
        """
        played = scenario({"stages": [stage]}, seed=5)
        planned, rate = schedule(played), played.arrivals[0].rate(400)
        spread = [rate.expected(0, at) / rate.total for at in planned.at]

        assert kstest(spread, "uniform").statistic < 1.95 / math.sqrt(len(planned))

    @pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
    @pytest.mark.slow
    def test_counts_have_the_mean_and_the_variance_of_a_poisson_process(self, stage):
        """
        100 replications: mean within 3.3 standard errors, variance/mean within 1 ± 3.3·√(2/99).
        """
        played = scenario({"stages": [stage]}, duration=150)
        window = [
            np.count_nonzero((at >= 100) & (at < 150)) for at in (schedule(played, r).at for r in range(100))
        ]
        expected = played.arrivals[0].rate(150).expected(100, 150)

        assert np.mean(window) == pytest.approx(expected, abs=3.3 * math.sqrt(expected / 100))
        assert np.var(window, ddof=1) / expected == pytest.approx(1, abs=0.47)

    def test_interarrival_times_are_exponential_and_independent(self):
        """
        At 5/s: exponential by Kolmogorov–Smirnov (99.9 %), neighbours uncorrelated (99.9 %).
        """
        gaps = np.diff(schedule(scenario({"stages": [{"hold_per_s": 5, "for_s": 2000}]}, duration=2000)).at)

        assert kstest(gaps * 5, "expon").statistic < 1.95 / math.sqrt(len(gaps))
        assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 3.3 / math.sqrt(len(gaps))

    def test_two_sources_add_up_and_are_independent(self):
        """
        A second source does not change the arrivals of the first one.
        """
        first, second = (
            {"stages": [{"hold_per_s": 1, "for_s": 100}]},
            {"stages": [{"hold_per_s": 1, "for_s": 100}]},
        )
        alone, both = schedule(scenario(first, duration=100)), schedule(scenario(first, second, duration=100))

        assert set(alone.at) < set(both.at)
        assert np.all(np.diff(both.at) >= 0)
        assert len(set(both.at)) == len(both)

    @settings(max_examples=25)
    @given(st.integers(0, 2**62), st.integers(0, 50))
    def test_seed_and_replication_change_the_times(self, seed, replication):
        """
        Other seeds and other replications have no arrival time in common.
        """
        source = {"stages": [{"hold_per_s": 1, "for_s": 50}]}
        one = schedule(scenario(source, duration=50, seed=seed), replication)
        other_seed = schedule(scenario(source, duration=50, seed=seed + 1), replication)
        other_replication = schedule(scenario(source, duration=50, seed=seed), replication + 1)

        assert not set(one.at) & (set(other_seed.at) | set(other_replication.at))


class TestSchedule:
    def test_four_workers_play_what_one_plays(self):
        """
        Every arrival is played exactly once, with the same time and the same batch.
        """
        planned = schedule(scenario({"stages": [{"hold_per_s": 1, "for_s": 60}]}, duration=60))
        shared = [
            arrival for worker in range(4) for arrival in schedule(planned.scenario).share(worker, workers=4)
        ]

        assert sorted(shared, key=lambda arrival: arrival.index) == list(planned)

    def test_a_schedule_depends_on_its_seed_alone(self):
        """
        Two schedules of one scenario have the same times, bit for bit, and the same batches.
        """
        source = {"stages": [{"hold_per_s": 1, "for_s": 30}]}
        first, again, other = (schedule(scenario(source, duration=30, seed=seed)) for seed in (3, 3, 4))

        assert first.at.tobytes() == again.at.tobytes()
        assert list(first) == list(again)
        assert first.at.tobytes() != other.at.tobytes()

    def test_flows_are_those_of_the_batches(self):
        """
        The flows of all arrivals are those of their batches.
        """
        planned = schedule(scenario({"stages": [{"hold_per_s": 1, "for_s": 100}]}, duration=100))

        assert planned.flows == [arrival.batch.flow for arrival in planned]
        assert set(planned.flows) == {"photo_shoot", "viewer"}

    def test_a_closed_scenario_has_no_schedule(self):
        """
        Its users start again when they are done.
        """
        with pytest.raises(ValueError, match="closed"):
            schedule(scenario(users=3))
