"""
The compiled engine against queueing theory: the cases that a scenario and a state machine can express.

They have the numbers of `tests.lab.sim.model.test_station` and `test_networks`, where SimPy's stations are
tested; the exact values are computed or printed there. Losses, priorities, batches of jobs, and customers
that come back are in `test_theory_of_stations`. D18 and D22 are SimPy's alone: no state machine holds one
server for several Tasks, and the compiled engine refuses faults of requests to AWS.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.replications import replicate
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario
from harness.theory import MMc
from tests.lab.sim.compiled.queues import (
    FORK,
    constant,
    erlang,
    exponential,
    lognormal,
    parallel,
    pipeline,
    queue_scenario,
    tasks,
)
from tests.theory.agreement import agrees
from tests.theory.killed_attempts import KilledAttempts
from tests.theory.networks import Longest, Tandem, fork_join_mean
from tests.theory.single_server import MG1

NIGHTLY = (pytest.mark.nightly, pytest.mark.timeout(3600))
pytestmark = pytest.mark.no_cover


@dataclass(frozen=True)
class Case:
    """A system: the work and the servers of each Task, and the exact values of its sojourn time."""

    name: str
    rate: float
    services: dict[str, dict[str, Any]]
    servers: dict[str, int]
    jobs: int
    exact: dict[str, float]
    machine: dict[str, Any] | None = None
    process: str = "poisson"
    replications: int = 20
    tolerance: float = 0.01
    marks: tuple[pytest.MarkDecorator, ...] = NIGHTLY

    def play(self) -> Iterator[np.ndarray]:
        """Play the replications; the first tenth of the jobs is not counted."""
        machine, _ = read_machine(self.machine or tasks(*self.services))
        scenario = self._scenario()
        for number in range(self.replications):
            found = replicate(scenario, platform_of(scenario), machine, number, "compiled")
            yield found.ready[found.is_ready][found.ready.size // 10 :]

    def _scenario(self) -> Scenario:
        model = {f"arn:{name}": service for name, service in self.services.items()}
        behaviours = {f"arn:{name}": {"servers": count} for name, count in self.servers.items()}
        return queue_scenario(self.rate, self.jobs, model, behaviours, process=self.process)


MEASURES = {
    "mean sojourn time": lambda times: float(times.mean()),
    "p95 sojourn time": lambda times: percentile(times, 95),
}
LINE = Tandem(1.0, (1.25, 1.5, 2.0))
ROW = ("A", "B", "C")
SLOWEST = Longest(12, lambda at: 1 - math.exp(-at), 1.0)
KILLED = KilledAttempts(mean=1.0, limit=2.0, backoffs=[1.0, 2.0, 4.0])
AGAIN = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 3}

CASES = [
    Case(
        "D1 M/M/1", 0.8, {"A": exponential(1.0)}, {"A": 1}, 150_000,
        {"mean sojourn time": 5.0, "p95 sojourn time": 14.978661},
    ),
    Case(
        "D1 M/M/1 at half load", 0.5, {"A": exponential(1.0)}, {"A": 1}, 15_000,
        {"mean sojourn time": 2.0, "p95 sojourn time": -2 * math.log(0.05)}, marks=(pytest.mark.slow,),
    ),
    Case(
        "D2 M/M/8", 6.4, {"A": exponential(1.0)}, {"A": 8}, 60_000,
        {"mean sojourn time": 1.286028, "p95 sojourn time": 3.508443},
    ),
    Case(
        "D3 the eye clinic", 6.0, {"A": exponential(1 / 3)}, {"A": 3}, 60_000,
        {"mean sojourn time": 8.888889 / 60 + 1 / 3, "p95 sojourn time": 1.340229}, replications=25,
    ),
    Case(
        "D4 the published bias", 0.2, {"A": exponential(10.0)}, {"A": 3}, 20_000,
        {"mean sojourn time": 14.444444}, replications=25,
    ),
    Case(
        "D6 M/M/100", 95.0, {"A": exponential(1.0)}, {"A": 100}, 300_000,
        {"mean sojourn time": 1.101291, "p95 sojourn time": MMc(95.0, 1.0, 100).sojourn_percentile(95)},
    ),
    Case(
        "D9 lognormal service", 0.7, {"A": lognormal(1.0, 2.0)}, {"A": 1}, 300_000,
        {"mean sojourn time": MG1(0.7, 1.0, 2.0).mean_wait + 1.0}, tolerance=0.02,
    ),
    Case(
        "D10 M/D/1", 0.9, {"A": constant(1.0)}, {"A": 1}, 250_000, {"mean sojourn time": 5.5},
    ),
    Case(
        "D11 M/E2/1", 0.8, {"A": erlang(2, 1.0)}, {"A": 1}, 150_000,
        {"mean sojourn time": 4.0, "p95 sojourn time": 11.318038},
    ),
    Case(
        "D13 D/M/1", 0.8, {"A": exponential(1.0)}, {"A": 1}, 120_000,
        {"mean sojourn time": 2.692731, "p95 sojourn time": 8.066701}, process="paced",
    ),
    Case(
        "D14 three queues in a row", 1.0,
        {name: exponential(1 / rate) for name, rate in zip(ROW, LINE.service_rates, strict=True)},
        dict.fromkeys(ROW, 1), 60_000, {"mean sojourn time": 7.0, "p95 sojourn time": 15.848775},
    ),
    Case(
        "D15 two branches", 0.6, {"A": exponential(1.0), "B": exponential(1.0)}, {"A": 1, "B": 1}, 20_000,
        {"mean sojourn time": 3.5625}, parallel("A", "B"), marks=(pytest.mark.slow,),
    ),
    Case(
        "D17 a server for each branch", 1.0, dict.fromkeys(FORK, exponential(1.0)), {}, 2_500,
        {"mean sojourn time": SLOWEST.mean, "p95 sojourn time": SLOWEST.percentile(95)}, parallel(*FORK),
        replications=10, marks=(pytest.mark.slow,),
    ),
    Case(
        "D24 a pipeline without contention", 1.0,
        {"A": exponential(2.0), **dict.fromkeys(FORK, exponential(6.0)), "Z": exponential(5.0)}, {}, 2_500,
        {"mean sojourn time": 25.619264, "p95 sojourn time": 42.811076}, pipeline(), replications=10,
        marks=(pytest.mark.slow,),
    ),
    Case(
        "D23 attempts killed at two seconds", 1.0, {"A": exponential(1.0)}, {}, 4_000,
        {"mean sojourn time": KILLED.mean_time, "p95 sojourn time": KILLED.percentile(95)},
        tasks("A", TimeoutSeconds=2, Retry=[AGAIN]), tolerance=0.02, marks=(pytest.mark.slow,),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name, marks=one.marks) for one in CASES])
def test_sojourn_times_are_those_of_theory(case: Case):
    """Within 3.3 standard errors of the exact value, and the standard error at most one or two per cent."""
    found = list(case.play())
    for measure, exact in case.exact.items():
        agrees([MEASURES[measure](times) for times in found], exact, case.tolerance)


@pytest.mark.nightly
def test_many_branches():
    """D16: twelve queues side by side, within the 5 % that Nelson and Tantawi claim for their formula."""
    services, servers = dict.fromkeys(FORK, exponential(1.0)), dict.fromkeys(FORK, 1)
    case = Case("D16", 0.5, services, servers, 6_000, {}, parallel(*FORK), replications=12)
    means = [times.mean() for times in case.play()]

    assert np.mean(means) == pytest.approx(fork_join_mean(0.5, 1.0, 12), rel=0.05)
