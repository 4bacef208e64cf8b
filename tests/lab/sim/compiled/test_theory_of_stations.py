"""
The compiled engine against queueing theory: losses, priorities, batches, and customers that come back.

The cases are those of `tests.lab.sim.model.test_station`, with the same exact values.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.replications import Replication, replicate
from harness.lab.sim.simulation import platform_of, read_machine, simulate
from harness.lab.workload.scenario import Scenario
from harness.theory import erlang_b
from tests.lab.sim.compiled.queues import exponential, lognormal, queue_scenario, tasks
from tests.theory.agreement import agrees
from tests.theory.birth_death import MachineRepair, mean_wait_of_first
from tests.theory.networks import BatchMMc
from tests.theory.single_server import priority_waits

NIGHTLY = (pytest.mark.nightly, pytest.mark.timeout(3600))
pytestmark = pytest.mark.no_cover
SHOOT = {"name": "photo_shoot", "photos": 1, "videos": 0}


def played(scenario: Scenario, machine: dict[str, Any], replications: int) -> Iterator[Replication]:
    platform, (compiled, _) = platform_of(scenario), read_machine(machine)
    for number in range(replications):
        yield replicate(scenario, platform, compiled, number, "compiled")


def choice(kinds: list[str]) -> dict[str, Any]:
    """Return a machine with a Task for each kind of input; all of them share the resource ``arn:A``."""
    work = {kind: {"Type": "Task", "Resource": "arn:A", "End": True} for kind in kinds}
    rules = [{"Variable": "$.kind", "StringEquals": kind, "Next": kind} for kind in kinds]
    return {"StartAt": "Which", "States": {"Which": {"Type": "Choice", "Choices": rules}, **work}}


def flows(shares: dict[str, float]) -> list[dict[str, Any]]:
    return [SHOOT | {"weight": share, "input": {"kind": kind}} for kind, share in shares.items()]


@pytest.fixture
def waits(tmp_path) -> Callable[..., list[np.ndarray]]:
    """Return a function that plays a replication, and returns the waits of attempts by state [s]."""

    def found(scenario: Scenario, machine: dict[str, Any], number: int, *states: str) -> list[np.ndarray]:
        run = simulate(
            scenario, state_machine=machine, replication=number, engine="compiled", out=tmp_path / f"{number}"
        )
        steps = run.arrow("steps", ("state", "ready_at", "started_at")).drop_null()
        names = steps["state"].cast(pa.string())
        waits = steps["started_at"].to_numpy() - steps["ready_at"].to_numpy()
        return [waits[pc.equal(names, state).to_numpy()] for state in states]

    return found


class TestLosses:
    @pytest.mark.parametrize(
        ("service", "rate", "jobs", "replications", "loss", "tolerance"),
        [
            pytest.param(exponential(1.0), 8.0, 28_000, 12, 0.121661, 0.01, marks=pytest.mark.slow),
            pytest.param(
                lognormal(1.0, 1.5), 8.0, 20_000, 12, erlang_b(8.0, 10), 0.02, marks=pytest.mark.slow
            ),
            pytest.param(exponential(1.0), 4.461, 150_000, 40, 0.0099978, 0.01, marks=NIGHTLY),
        ],
    )
    def test_erlang_b(self, service, rate, jobs, replications, loss, tolerance):
        """
        D7: ten servers without a queue lose the published part of the jobs, whatever their service times.
        """
        scenario = queue_scenario(rate, jobs, {"arn:A": service}, {"arn:A": {"servers": 10, "capacity": 10}})
        lost = [1 - each.is_ready[1000:].mean() for each in played(scenario, tasks("A"), replications)]

        agrees(lost, loss, tolerance)

    @pytest.mark.slow
    def test_a_finite_queue(self):
        """
        D8: M/M/3/8 loses 8.5 % of its jobs; the others wait 0.6 s in the mean.
        """
        scenario = queue_scenario(
            2.7, 38_000, {"arn:A": exponential(1.0)}, {"arn:A": {"servers": 3, "capacity": 8}}
        )
        runs = list(played(scenario, tasks("A"), 12))

        agrees([1 - each.is_ready[1000:].mean() for each in runs], 0.085275)
        agrees([each.ready[1000:][each.is_ready[1000:]].mean() for each in runs], 1.601323)


class TestNumbers:
    @pytest.mark.slow
    def test_in_the_system(self):
        """
        D5: the share of arrivals that find n others in M/M/3 is the published probability of n.
        """
        exact = [0.4321329640, 0.3601108033, 0.1500461681, 0.0416794911]
        scenario = queue_scenario(10.0, 40_000, {"arn:A": exponential(1 / 12)}, {"arn:A": {"servers": 3}})
        found = [found_by_arrivals(each)[1000:] for each in played(scenario, tasks("A"), 24)]

        for count, probability in enumerate(exact):
            agrees([float((each == count).mean()) for each in found], probability)

    @pytest.mark.nightly
    def test_of_invocations_without_a_limit(self):
        """
        D26: the number in service in M/G/∞ is Poisson: 100 or more for about one arrival in a thousand.
        """
        scenario = queue_scenario(12.0, 60_000, {"arn:A": exponential(6.0)}, {})
        found = [found_by_arrivals(each)[2000:] for each in played(scenario, tasks("A"), 24)]

        agrees([float(each.mean()) for each in found], 72.0)
        every = np.sort(np.concatenate(found))
        assert every[int(0.99 * every.size)] == 92


def found_by_arrivals(run: Replication) -> np.ndarray:
    """Return how many others each arrival finds."""
    left = np.sort(run.arrived_at + run.ready)
    return np.arange(run.arrived_at.size) - np.searchsorted(left, run.arrived_at)


class TestKindsOfJobs:
    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_hyperexponential_service(self):
        """
        D12: nine jobs in ten are short, one in ten is long, and all wait for one server.
        """
        model = {"Short": exponential(0.5), "Long": exponential(5.5)}
        shares = {"Short": 0.9, "Long": 0.1}
        scenario = queue_scenario(0.5, 150_000, model, {"arn:A": {"servers": 1}}, flows=flows(shares))
        times = [each.ready[1000:] for each in played(scenario, choice([*shares]), 20)]

        agrees([float(each.mean()) for each in times], 4.25, 0.02)
        agrees([percentile(each, 95) for each in times], 18.977503, 0.02)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_priorities(self, waits):
        """
        D21: urgent jobs overtake waiting jobs, but not those in service.
        """
        model = {"arn:A": exponential(1.0)}
        shares = {"Urgent": 0.3 / 0.8, "Patient": 0.5 / 0.8}
        several = flows(shares)
        for number, flow in enumerate(several):
            flow["input"]["number"] = number
        behaviours = {"arn:A": {"servers": 1, "priority": "$.number"}}
        scenario = queue_scenario(0.8, 100_000, model, behaviours, flows=several)
        found = [waits(scenario, choice([*shares]), number, *shares) for number in range(30)]

        for kind, exact in enumerate(priority_waits([0.3, 0.5], 1.0)):
            agrees([float(each[kind][1000:].mean()) for each in found], exact)


class TestVisits:
    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize(("rate", "size", "mean", "servers"), [(1.0, 12, 6.0, 100), (2.0, 4, 1.0, 10)])
    def test_batch_arrivals(self, waits, rate, size, mean, servers):
        """
        D19: the iterations of a Map come a dozen at a time, and wait for each other.
        """
        queue = BatchMMc(rate, size, 1 / mean, servers)
        machine = {
            "StartAt": "Each",
            "States": {
                "Each": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": tasks("A"), "End": True}
            },
        }
        scenario = queue_scenario(
            rate, 12_000, {"arn:A": exponential(mean)}, {"arn:A": {"servers": servers}},
            flows=[SHOOT | {"input": {"items": [0] * size}}],
        )  # fmt: skip
        found = [waits(scenario, machine, number, "A")[0][500 * size :] for number in range(80)]

        agrees([float((each > 0).mean()) for each in found], queue.probability_of_waiting, 0.02)
        agrees([float(each.mean()) for each in found], queue.mean_wait, 0.02)
        agrees([percentile(each, 95) for each in found], queue.wait_percentile(95), 0.02)

    @pytest.mark.slow
    def test_machine_repair(self, waits):
        """
        D20: ten executions that work and are repaired in a loop, with two repairers.
        """
        shop = MachineRepair(machines=10, repairers=2, failure_rate=0.1, repair_rate=1.0)
        machine = tasks("Run", "Repair")
        machine["States"]["Repair"] = machine["States"]["Repair"] | {"Next": "Run"}
        del machine["States"]["Repair"]["End"]
        model = {"arn:Run": exponential(10.0), "arn:Repair": exponential(1.0)}
        # An execution has at most 25,000 events: about 2,000 repairs of each machine.
        length = 20_000.0
        scenario = queue_scenario(
            1000.0, 10, model, {"arn:Repair": {"servers": 2}}, process="paced", drain_s=length
        )
        found = [waits(scenario, machine, number, "Repair")[0] for number in range(16)]

        agrees([float(each.mean()) for each in found], shop.mean_wait, 0.02)
        agrees([each.size / length for each in found], shop.throughput)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_an_empty_start(self):
        """
        D25: the first 25 jobs of an M/M/1 that starts empty wait less than later ones do.
        """
        scenario = queue_scenario(1.0, 60, {"arn:A": exponential(0.9)}, {"arn:A": {"servers": 1}})
        firsts = [each.ready[:25].mean() for each in played(scenario, tasks("A"), 20_000)]

        agrees(firsts, mean_wait_of_first(1.0, 1 / 0.9, 25) + 0.9)
