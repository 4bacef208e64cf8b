"""
Stations against the formulas of queueing theory.

An estimate is accepted within 3.3 standard errors of the exact value, if that error is at most 1 % of it
(2 % where service times have a heavy tail). Replications have draws of their own; λ and μ are per second.

Of the cases D1 to D26, here are D1 to D13, D18 to D21, D25 and D26; D14 to D17 and D22 to D24 are in
`test_networks`. ``make test`` runs D7, D18, D22, D25 and D26, and on the compiled engine, which has the same
rows, the others that take seconds there; ``make nightly`` runs all of them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from simpy.events import Event

from harness.lab.results.percentile import percentile
from harness.lab.sim.event_order import Kind, entity_key, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.station import Station
from harness.states_language.host import NS, nanoseconds
from harness.theory import MMc, erlang_b
from tests.theory.agreement import agrees
from tests.theory.birth_death import MachineRepair, MMcK, mean_wait_of_first
from tests.theory.networks import BatchMMc, split_merge
from tests.theory.single_server import DM1, MG1, MPH1, md1_wait_percentile, priority_waits

# Coverage makes the millions of events of these tests three times as slow.
pytestmark = pytest.mark.no_cover

Draws = Callable[[np.random.Generator, int], np.ndarray]


def exponential(mean: float) -> Draws:
    return lambda draws, count: draws.exponential(mean, count)


def constant(value: float) -> Draws:
    return lambda _, count: np.full(count, value)


def lognormal(mean: float, cv: float) -> Draws:
    sigma = math.sqrt(math.log(1 + cv**2))
    return lambda draws, count: draws.lognormal(math.log(mean) - sigma**2 / 2, sigma, count)


def erlang(stages: int, mean: float) -> Draws:
    return lambda draws, count: draws.gamma(stages, mean / stages, count)


def hyperexponential(draws: np.random.Generator, count: int) -> np.ndarray:
    """Return nine in ten short times of mean 0.5 and one in ten long ones of mean 5.5."""
    return draws.exponential(np.where(draws.random(count) < 0.9, 0.5, 5.5))


@dataclass
class StationJobs:
    """The jobs of one replication: waits [s] of the accepted ones, and the number of lost ones."""

    waits: np.ndarray
    services: np.ndarray
    lost: int
    offered: int
    station: Station

    @property
    def sojourns(self) -> np.ndarray:
        return self.waits + self.services


def play(
    interarrivals: np.ndarray,
    services: np.ndarray,
    servers: int | None,
    capacity: int | None = None,
    priorities: np.ndarray | None = None,
    warm_up: int = 0,
) -> StationJobs:
    """Run jobs on one station; the first *warm_up* of them are not counted."""
    env = OrderedEnvironment()
    station = Station(env, servers, capacity)
    arrives = np.rint(np.cumsum(interarrivals) * NS).astype(np.int64).tolist()
    takes = np.rint(services * NS).astype(np.int64).tolist()
    waits = np.full(len(arrives), np.nan)
    lost = 0

    def arrivals() -> Iterator[Event]:
        nonlocal lost
        for index, at in enumerate(arrives):
            yield env.after(at - env.now, arrival)
            server = station.request(0 if priorities is None else float(priorities[index]))
            if server is None:
                lost += index >= warm_up
                continue
            env.process(station.serve(server, takes[index], entity_key(index), partial(begun, index)))

    def begun(index: int) -> None:
        waits[index] = (env.now - arrives[index]) / NS

    arrival = order(Kind.ARRIVAL)
    env.process(arrivals())
    env.run()
    counted = ~np.isnan(waits)
    counted[:warm_up] = False
    return StationJobs(waits[counted], services[counted], lost, len(arrives) - warm_up, station)


@dataclass(frozen=True)
class Case:
    """A station, its jobs, and the exact values of theory."""

    name: str
    interarrival: Draws
    service: Draws
    servers: int
    jobs: int
    exact: dict[str, float]
    capacity: int | None = None
    replications: int = 20
    warm_up: int = 1000
    tolerance: float = 0.01
    marks: tuple[pytest.MarkDecorator, ...] = field(default=(pytest.mark.nightly, pytest.mark.timeout(3600)))

    def play(self) -> Iterator[StationJobs]:
        for number in range(self.replications):
            draws = np.random.default_rng([20260105, number])
            yield play(
                self.interarrival(draws, self.jobs),
                self.service(draws, self.jobs),
                self.servers,
                self.capacity,
                warm_up=self.warm_up,
            )


MEASURES: dict[str, Callable[[StationJobs], float]] = {
    "probability of waiting": lambda jobs: float((jobs.waits > 0).mean()),
    "mean wait": lambda jobs: float(jobs.waits.mean()),
    "mean sojourn time": lambda jobs: float(jobs.sojourns.mean()),
    "p95 wait": lambda jobs: percentile(jobs.waits, 95),
    "p95 sojourn time": lambda jobs: percentile(jobs.sojourns, 95),
    "loss": lambda jobs: jobs.lost / jobs.offered,
}

SLOW = (pytest.mark.slow,)
ERLANG_8 = MMc(6.4, 1.0, 8)
CLINIC = MMc(6.0, 3.0, 3)
HUNDRED = MMc(95.0, 1.0, 100)
FINITE = MMcK(2.7, 1.0, 3, 8)
TWO_STAGES = MPH1.erlang(0.8, stages=2, mean=1.0)
TWO_KINDS = MPH1.hyperexponential(0.5, shares=[0.9, 0.1], means=[0.5, 5.5])
BEAT = DM1(0.8, 1.0)

CASES = [
    Case(
        "D1 M/M/1",
        exponential(1 / 0.8),
        exponential(1.0),
        1,
        150_000,
        {
            "probability of waiting": 0.8,
            "mean wait": 4.0,
            "mean sojourn time": 5.0,
            "p95 wait": 13.862944,
            "p95 sojourn time": 14.978661,
        },
    ),
    Case(
        "D2 M/M/8",
        exponential(1 / 6.4),
        exponential(1.0),
        8,
        330_000,
        {
            "probability of waiting": 0.457645,
            "mean wait": 0.286028,
            "p95 wait": 1.383794,
            "p95 sojourn time": 3.508443,
        },
    ),
    Case(
        "D3 the eye clinic",
        exponential(1 / 6.0),
        exponential(1 / 3.0),
        3,
        60_000,
        {
            "probability of waiting": CLINIC.probability_of_waiting,
            "mean wait": 8.888889 / 60,
            "p95 sojourn time": 1.340229,
        },
        replications=25,
    ),
    Case(
        "D4 the published bias",
        exponential(5.0),
        exponential(10.0),
        3,
        60_000,
        {"mean wait": 4.444444},
        replications=25,
    ),
    Case(
        "D6 M/M/100",
        exponential(1 / 95.0),
        exponential(1.0),
        100,
        600_000,
        {
            "probability of waiting": 0.506457,
            "mean wait": 0.101291,
            "p95 sojourn time": HUNDRED.sojourn_percentile(95),
        },
        warm_up=20_000,
        # At ρ 0.95 waits come in long spells: one per cent of their mean takes sixty million jobs.
        replications=100,
    ),
    Case(
        "D7 Erlang B",
        exponential(1 / 8.0),
        exponential(1.0),
        10,
        28_000,
        {"loss": 0.121661},
        capacity=10,
        replications=12,
        marks=SLOW,
    ),
    Case(
        "D7 Erlang B, heavy tail",
        exponential(1 / 8.0),
        lognormal(1.0, 1.5),
        10,
        20_000,
        {"loss": erlang_b(8.0, 10)},
        capacity=10,
        replications=12,
        tolerance=0.02,
    ),
    Case(
        "D7 the printed one per cent",
        exponential(1 / 4.461),
        exponential(1.0),
        10,
        150_000,
        {"loss": 0.0099978},
        capacity=10,
        replications=40,
    ),
    Case(
        "D8 M/M/3/8",
        exponential(1 / 2.7),
        exponential(1.0),
        3,
        38_000,
        {"loss": 0.085275, "mean wait": 0.601323, "probability of waiting": 0.646518, "p95 wait": 2.084504},
        capacity=8,
        replications=12,
    ),
    Case(
        "D9 lognormal service",
        exponential(1 / 0.7),
        lognormal(1.0, 2.0),
        1,
        300_000,
        {"mean wait": MG1(0.7, 1.0, 2.0).mean_wait, "mean sojourn time": 6.833333},
        tolerance=0.02,
    ),
    Case(
        "D10 M/D/1",
        exponential(1 / 0.9),
        constant(1.0),
        1,
        250_000,
        {"mean wait": 4.5, "probability of waiting": 0.9, "p95 wait": md1_wait_percentile(0.9, 1.0, 95)},
    ),
    Case(
        "D11 M/E2/1",
        exponential(1 / 0.8),
        erlang(2, 1.0),
        1,
        150_000,
        {"mean wait": 3.0, "p95 wait": TWO_STAGES.wait_percentile(95), "p95 sojourn time": 11.318038},
    ),
    Case(
        "D12 M/H2/1",
        exponential(2.0),
        hyperexponential,
        1,
        150_000,
        {"mean wait": 3.25, "p95 wait": TWO_KINDS.wait_percentile(95), "p95 sojourn time": 18.977503},
        tolerance=0.02,
    ),
    Case(
        "D13 D/M/1",
        constant(1 / 0.8),
        exponential(1.0),
        1,
        120_000,
        {"probability of waiting": BEAT.sigma, "mean wait": 1.692731, "p95 sojourn time": 8.066701},
        replications=20,
    ),
]


class TestStations:
    @pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=case.marks) for case in CASES])
    def test_agrees_with_theory(self, case):
        """
        Every measure of the case agrees with its exact value.
        """
        jobs = list(case.play())

        for measure, exact in case.exact.items():
            agrees([MEASURES[measure](each) for each in jobs], exact, case.tolerance)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_number_in_system(self):
        """
        D5: the share of arrivals that find n others in M/M/3 is the published probability of n.
        """
        exact = [0.4321329640, 0.3601108033, 0.1500461681, 0.0416794911]
        shares = []
        for number in range(24):
            draws = np.random.default_rng([5, number])
            jobs = play(draws.exponential(1 / 10, 40_000), draws.exponential(1 / 12, 40_000), 3)
            arrived = np.cumsum(np.random.default_rng([5, number]).exponential(1 / 10, 40_000))
            left = np.sort(arrived + jobs.sojourns)
            found = np.arange(arrived.size) - np.searchsorted(left, arrived)
            shares.append([float((found[1000:] == count).mean()) for count in range(4)])

        for count, probability in enumerate(exact):
            agrees([share[count] for share in shares], probability)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_priorities(self):
        """
        D21: urgent jobs overtake waiting jobs, but not those in service.
        """
        urgent, patient = priority_waits([0.3, 0.5], 1.0)
        means: list[tuple[float, float]] = []
        for number in range(30):
            draws = np.random.default_rng([21, number])
            jobs = 200_000
            kinds = (draws.random(jobs) < 0.5 / 0.8).astype(float)
            jobs = play(draws.exponential(1 / 0.8, jobs), draws.exponential(1.0, jobs), 1, None, kinds)
            means.append((jobs.waits[kinds == 0].mean(), jobs.waits[kinds == 1].mean()))

        agrees([mean[0] for mean in means], urgent)
        agrees([mean[1] for mean in means], patient)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize(
        ("queue", "rate", "size", "mean", "servers"),
        [
            (BatchMMc(1.0, 12, 1 / 6, 100), 1.0, 12, 6.0, 100),
            (BatchMMc(2.0, 4, 1.0, 10), 2.0, 4, 1.0, 10),
        ],
    )
    def test_batch_arrivals(self, queue, rate, size, mean, servers):
        """
        D19: jobs that come a dozen at a time wait for each other.
        """
        estimates = []
        for number in range(40):
            draws = np.random.default_rng([19, number])
            batches = 12_000
            gaps = np.zeros((batches, size))
            gaps[:, 0] = draws.exponential(1 / rate, batches)
            services = draws.exponential(mean, batches * size)
            jobs = play(gaps.ravel(), services, servers, warm_up=500 * size)
            waits = jobs.waits
            estimates.append(((waits > 0).mean(), waits.mean(), percentile(waits, 95)))

        exact = (queue.probability_of_waiting, queue.mean_wait, queue.wait_percentile(95))
        for column, value in enumerate(exact):
            agrees([estimate[column] for estimate in estimates], value, 0.02)

    @pytest.mark.slow
    def test_split_merge(self):
        """
        D18: four parts that must all end before the next job begins are one M/G/1.
        """
        queue = split_merge(0.3, 1.0, 4)
        waits = []
        for number in range(12):
            draws = np.random.default_rng([18, number])
            longest = draws.exponential(1.0, (45_000, 4)).max(axis=1)
            waits.append(play(draws.exponential(1 / 0.3, 45_000), longest, 1, warm_up=500).waits.mean())

        agrees(waits, queue.mean_wait)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_machine_repair(self):
        """
        D20: ten machines, two repairers; a machine under repair cannot fail.
        """
        shop = MachineRepair(machines=10, repairers=2, failure_rate=0.1, repair_rate=1.0)
        waits, throughputs = [], []
        for number in range(16):
            repairs, waited, horizon = repair_shop(np.random.default_rng([20, number]), 24_000)
            waits.append(np.mean(waited))
            throughputs.append(repairs / horizon)

        agrees(waits, shop.mean_wait)
        agrees(throughputs, shop.throughput)

    @pytest.mark.slow
    def test_starting_empty(self):
        """
        D25: the mean wait of the first 25 jobs is the transient's, 2.124, not the steady state's 8.1.
        """
        exact = mean_wait_of_first(1.0, 10 / 9, 25)
        means = []
        for number in range(12_000):
            draws = np.random.default_rng([25, number])
            means.append(play(draws.exponential(1.0, 25), draws.exponential(0.9, 25), 1).waits.mean())

        agrees(means, exact)

    @pytest.mark.slow
    def test_concurrency_without_a_limit(self):
        """
        D26: twelve a second for six seconds each are 72 at once on average, 92 at most 99 % of the time.
        """
        counts = []
        for number in range(10):
            draws = np.random.default_rng([26, number])
            gaps = draws.exponential(1 / 12, 12_000)
            jobs = play(gaps, draws.lognormal(math.log(6) - 0.125, 0.5, 12_000), None)
            arrived = np.cumsum(gaps)
            left = np.sort(arrived + jobs.sojourns)
            found = np.arange(arrived.size) - np.searchsorted(left, arrived)
            counts.append(found[1000:])

        agrees([float(each.mean()) for each in counts], 72.0)
        assert percentile(np.concatenate(counts), 99) == pytest.approx(92, abs=1.0)


def repair_shop(draws: np.random.Generator, repairs: int) -> tuple[int, list[float], float]:
    """Simulate machines that fail while they run; return repairs, waits for a repairer, and the time."""
    env = OrderedEnvironment()
    station = Station(env, 2)
    waited: list[float] = []

    def begin(broke_at: int) -> None:
        waited.append((env.now - broke_at) / NS)

    def machine(number: int) -> Iterator[Event]:
        while True:
            yield env.after(nanoseconds(draws.exponential(10.0)), order(Kind.TIMER, number))
            broke_at, server = env.now, station.request()
            service_time = nanoseconds(draws.exponential(1.0))
            begun = partial(begin, broke_at)
            yield from station.serve(server, service_time, entity_key(number), begun)

    for number in range(10):
        env.process(machine(number))
    while station.served < repairs:
        env.run(until=env.now + 1000 * NS)
    return station.served, waited[500:], env.seconds
