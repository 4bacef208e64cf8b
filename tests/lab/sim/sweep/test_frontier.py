"""
The frontier of two parameters: on known values, and of a simulated queue.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.sweep import frontier
from harness.lab.sim.sweep.frontier import FrontierPlan, ParameterRange
from harness.lab.sim.sweep.replication_summary import ReadyPercentile, ReplicationSummary
from harness.lab.sim.sweep.replicator import ChunkResult

SERVERS, THREADS = "behaviours.Work.servers", "dispatcher.threads"
OBJECTIVE = "p95(E2E:ready) <= 10 s"


@dataclass
class KnownTimes:
    """Stands for the simulation: p95 as a function of both parameters, with noise in each replication."""

    p95: object
    workers: int = 1

    def run(self, _, chunks):
        for chunk in chunks:
            summaries = []
            for number in chunk.numbers:
                p95 = self.p95(*chunk.point.values()) + 0.1 * np.random.default_rng(number).normal()
                times = ReadyPercentile(p95, p95, p95)
                summaries.append(ReplicationSummary(number, 100, 0, 0, {95.0: times}))
            yield ChunkResult(chunk.point, tuple(summaries), 1.0)


def search(queue, monkeypatch, p95, first, second, **options):
    """Search a frontier among known values."""

    @contextmanager
    def known(*_):
        yield KnownTimes(p95)

    monkeypatch.setattr(frontier, "executor_of", known)
    return FrontierPlan(queue(0.1, 100), first, second, OBJECTIVE, **options).run()


def test_the_frontier_is_where_neither_can_be_made_harder(queue, monkeypatch):
    """
    Twelve units of work need servers × threads of at least twelve: 2 × 6, 3 × 4, 4 × 3, 6 × 2.
    """

    def p95(servers, threads):
        return 120 / (servers * threads) - 0.5

    found = search(queue, monkeypatch, p95, ParameterRange(SERVERS, 1, 6), ParameterRange(THREADS, 1, 6))

    assert found.points == [(2, 6), (3, 4), (4, 3), (6, 2)]
    assert found.result is LimitResult.PASS
    assert [each.on_frontier for each in found.searches] == [False, True, True, True, False, True]
    assert found.to_frame()[SERVERS].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_greater_rate_is_harder(queue, monkeypatch):
    """
    With more servers a greater arrival rate is possible; the rate is the second parameter.
    """

    def p95(servers, rate):
        return 8 + rate / servers * 100 * 0.19

    found = search(
        queue, monkeypatch, p95, ParameterRange(SERVERS, 1, 3), ParameterRange("rate", 0.1, 0.5, 0.1)
    )

    assert found.points == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_the_search_ends_with_the_hardest_second_value(queue, monkeypatch):
    """
    If one thread suffices with two servers, three servers need not be looked at.
    """
    found = search(
        queue, monkeypatch, lambda servers, threads: 19.0 / servers, ParameterRange(SERVERS, 1, 6),
        ParameterRange(THREADS, 1, 6),
    )  # fmt: skip

    assert found.points == [(2, 1)]
    assert [each.first for each in found.searches] == [1, 2]


def test_no_pair_suffices(queue, monkeypatch):
    """
    The answer is a failure, not a guess.
    """
    found = search(
        queue, monkeypatch, lambda *_: 11.0, ParameterRange(SERVERS, 1, 2), ParameterRange(THREADS, 1, 2)
    )

    assert (found.points, found.result) == ([], LimitResult.FAIL)
    assert found.reason == f"{OBJECTIVE} holds with no pair of {SERVERS} and {THREADS}."


def test_the_first_parameter_may_have_two_candidates(queue):
    """
    The ends of its range.
    """
    plan = FrontierPlan(
        queue(0.1, 100), ParameterRange(SERVERS, 5, 10, 10), ParameterRange(THREADS, 1, 3), OBJECTIVE
    )

    assert plan.first.hardest_first == (5, 10)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (ParameterRange(THREADS, 1, 3), "needs two parameters"),
        (ParameterRange("rate", 0.001, 1, 0.001), "too many searches"),
        (ParameterRange("dispatcher.thread", 1, 3), "did you mean dispatcher.threads"),
    ],
)
def test_an_invalid_plan_is_refused(queue, first, message):
    """
    Before anything is simulated.
    """
    with pytest.raises(ValueError, match=message):
        FrontierPlan(queue(0.1, 100), first, ParameterRange(THREADS, 1, 3), OBJECTIVE)
