"""
The search for a capacity: against queueing theory, and its decisions on known values.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.sweep.capacity import CapacityPlan, candidates_between
from harness.lab.sim.sweep.replication_summary import ReadyPercentile, ReplicationSummary
from harness.theory import MMc

SERVERS = "behaviours.Work.servers"


class TestCandidates:
    def test_fractions_are_exact(self):
        """
        No rounding errors, and the upper end belongs to the range.
        """
        assert candidates_between(0.1, 0.5, 0.1) == (0.1, 0.2, 0.3, 0.4, 0.5)

    def test_whole_numbers_stay_whole(self):
        """
        Slots are counted.
        """
        assert candidates_between(5, 8) == (5, 6, 7, 8)

    def test_the_upper_end_is_a_candidate_between_two_steps(self):
        """
        Whoever asks for at most 40 has 40.
        """
        assert candidates_between(5, 40, 10) == (5, 15, 25, 35, 40)

    @pytest.mark.parametrize(
        ("low", "high", "step"), [(5, 5, None), (1, 2, -1), (1, 2, 0), (0, 1e9, 1), (1, float("inf"), 1)]
    )
    def test_an_invalid_range_is_refused(self, low, high, step):
        """
        A range needs two ends and a step.
        """
        with pytest.raises(ValueError, match=r"range|step"):
            candidates_between(low, high, step)


@dataclass
class KnownTimes:
    """Stands for the simulation: the p95 at each value, with noise in each replication."""

    p95: dict
    noise: float = 0.1

    def run(self, _, chunks):
        for chunk in chunks:
            ((_, value),) = chunk.point.items()
            summaries = []
            for number in chunk.numbers:
                p95 = self.p95[value] + self.noise * np.random.default_rng(number).normal()
                times = ReadyPercentile(p95, p95, p95)
                summaries.append(ReplicationSummary(number, 100, 0, 0, {95.0: times}))
            yield Result(chunk.point, tuple(summaries), 1.0)

    workers = 1


@dataclass
class Result:
    point: dict
    summaries: tuple
    shortest: float


def search(queue, monkeypatch, p95, *, key=SERVERS, low=1, high=8, noise=0.1, **options):
    """Search the value with p95 <= 10 s among known ones."""
    from contextlib import contextmanager

    from harness.lab.sim.sweep import capacity

    @contextmanager
    def known(*_):
        yield KnownTimes(p95, noise)

    monkeypatch.setattr(capacity, "executor_of", known)
    return CapacityPlan(queue(0.1, 100), key, low, high, "p95(E2E:ready) <= 10 s", **options).run()


class TestSearch:
    def test_the_least_value_is_found(self, queue, monkeypatch):
        """
        It holds from 5 on; fresh replications confirm 5 and refuse 4.
        """
        found = search(queue, monkeypatch, {value: 20 / value + 6.5 for value in range(1, 9)})

        assert (found.value, found.result, found.next_fails) == (6, LimitResult.PASS, True)
        assert found.next_value == 5
        assert [probe.value for probe in found.probes if probe.purpose == "confirmation"] == [6, 5]

    def test_of_a_rate_the_greatest_is_found(self, queue, monkeypatch):
        """
        A higher rate is harder.
        """
        p95 = {rate / 10: 8 + rate / 2 for rate in range(1, 9)}
        found = search(queue, monkeypatch, p95, key="rate", low=0.1, high=0.8, step=0.1)

        assert (found.greatest, found.value) == (True, 0.3)

    def test_no_value_suffices(self, queue, monkeypatch):
        """
        The answer is a failure, not a guess.
        """
        found = search(queue, monkeypatch, dict.fromkeys(range(1, 9), 11.0))

        assert (found.value, found.result) == (None, LimitResult.FAIL)
        assert "holds with no" in found.reason

    def test_an_objective_that_does_not_hold_at_the_easiest_value_may_hold_at_a_harder_one(
        self, queue, monkeypatch
    ):
        """
        The percentile of few batches may be greater than that of many.
        """
        p95 = {1: 20.0, 2: 20.0, 3: 9.0, 4: 9.0, 5: 9.0, 6: 9.0, 7: 9.0, 8: 11.0}
        found = search(queue, monkeypatch, p95)

        assert (found.value, found.result) == (3, LimitResult.PASS)

    def test_the_first_value_suffices(self, queue, monkeypatch):
        """
        A smaller one may suffice too, and the answer says so.
        """
        found = search(queue, monkeypatch, dict.fromkeys(range(1, 9), 9.0))

        assert (found.value, found.next_fails) == (1, None)
        assert "the smallest value that was allowed" in found.reason

    def test_replications_double_until_a_value_is_decided(self, queue, monkeypatch):
        """
        Near the limit more are needed.
        """
        p95 = dict.fromkeys(range(1, 9), 5.0) | {1: 30.0, 2: 10.4}
        found = search(queue, monkeypatch, p95, noise=1.0)
        (near,) = [one for one in found.probes if one.value == 2 and one.purpose == "search"]
        far = next(one for one in found.probes if one.value == 1)

        assert found.value == 3
        assert near.replications > far.replications == 10

    def test_too_few_replications_are_inconclusive(self, queue, monkeypatch):
        """
        The harder neighbour may be undecided; the answer must not be.
        """
        found = search(queue, monkeypatch, dict.fromkeys(range(1, 9), 10.0), noise=1.0, replications=20)

        assert (found.value, found.result) == (None, LimitResult.INCONCLUSIVE)
        assert "allow more replications" in found.reason

    def test_a_neighbour_that_passes_is_preferred(self, queue, monkeypatch):
        """
        Bisection finds 5 here and does not look at 3 by itself.
        """
        p95 = {1: 20.0, 2: 20.0, 3: 9.0, 4: 20.0, 5: 9.0, 6: 9.0, 7: 9.0, 8: 9.0}
        found = search(queue, monkeypatch, p95)

        assert found.value == 3

    def test_the_error_is_divided_among_the_probes(self, queue):
        """
        Each look must be surer than the answer: five looks at three confirmations and the next harder value.
        """
        plan = CapacityPlan(queue(0.1, 100), SERVERS, 5, 40, "p95(E2E:ready) <= 10 s")

        assert plan.probe_confidence == pytest.approx(1 - 0.05 / 32)


@pytest.mark.slow
def test_the_answer_agrees_with_theory(queue):
    """
    The least number of servers of an M/M/c queue is that of the Erlang formulas.
    """
    rate, mean, limit = 0.09, 20.0, 110.0
    least = next(
        servers for servers in range(2, 9) if MMc(rate, 1 / mean, servers).sojourn_percentile(95) <= limit
    )
    system = queue(rate, 1000, warm_up_s=200, drain_s=2000)
    found = CapacityPlan(system, SERVERS, 1, 5, f"p95(E2E:ready) <= {limit:g} s", replications=10).run(
        processes=2
    )

    assert least == 3
    assert (found.value, found.result) == (3, LimitResult.PASS)
