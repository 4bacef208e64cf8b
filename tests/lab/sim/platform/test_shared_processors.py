"""
All work on the host shares its processors.
"""

from itertools import pairwise

import numpy as np
import pytest

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.host_settings import HostSettings
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.shared_processors import ONE, SharedProcessors
from harness.lab.sim.simulation import platform_of, simulate
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS

SCENARIO = {
    "question": "Do operations share processors?",
    "seed": 3,
    "duration_s": 60.0,
    "time_scale": 10.0,
    "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": 1.0, "for_s": 60.0}]}],
    "flows": [{"name": "photo_shoot", "photos": 2, "videos": 0}],
}


def ends(processors: int, *jobs: tuple[int, int, int]) -> dict[int, int]:
    """Return when each piece of work ends; it begins at a time and has work and a weight."""
    env, ended = OrderedEnvironment(), {}
    shared = SharedProcessors(env, processors)
    for place, (at, work, weight) in enumerate(jobs):

        def begin(place=place, work=work, weight=weight):
            shared.use(work, place, lambda: ended.setdefault(place, env.now), weight)

        env.call_in(at, place, begin)
    env.run(10**15)
    assert shared.working == 0
    return ended


@pytest.mark.parametrize(
    ("processors", "jobs", "expected"),
    [
        # As many processors as pieces of work: each at full speed.
        (2, [(0, 100, ONE), (10, 50, ONE)], {0: 100, 1: 60}),
        # Alone until 20, then half speed: the second ends after 60 · 2, the first has 20 left.
        (1, [(0, 100, ONE), (20, 60, ONE)], {0: 160, 1: 140}),
        # Three on two processors: two thirds of the speed until the short one ends.
        (2, [(0, 40, ONE), (0, 100, ONE), (0, 100, ONE)], {0: 60, 1: 120, 2: 120}),
        # Work of two threads keeps two processors busy.
        (2, [(0, 60, 2 * ONE), (0, 40, ONE)], {0: 80, 1: 60}),
        # Work that begins when other work ends does not delay it.
        (1, [(0, 100, ONE), (100, 50, ONE)], {0: 100, 1: 150}),
        (1, [(0, 0, ONE), (0, 30, ONE)], {0: 0, 1: 30}),
    ],
)
def test_work_ends_when_its_share_is_done(processors, jobs, expected):
    """
    The common speed is the number of processors over the weight of the work, at most 1.
    """
    assert ends(processors, *jobs) == expected


def test_work_that_ends_at_one_instant_ends_in_the_order_of_its_keys():
    """
    The order of beginning has no influence.
    """
    env, ended = OrderedEnvironment(), []
    shared = SharedProcessors(env, 1)
    for key in (3, 1, 2):
        shared.use(100, key, lambda key=key: ended.append(key))
    env.run(1000)

    assert ended == [1, 2, 3]


@pytest.mark.parametrize("keys", [(1, 5), (5, 1)])
def test_the_end_of_work_has_the_place_of_the_work_that_ends_first(keys):
    """
    Among the events of an instant, too, the order of beginning has no influence.
    """
    env, order_of_events = OrderedEnvironment(), []
    shared = SharedProcessors(env, 2)
    env.call_in(100, order(Kind.END_OF_WORK, 0, 0, 3), lambda: order_of_events.append("between"))
    for key in keys:
        shared.use(100, key, lambda key=key: order_of_events.append(key))
    env.run(1000)

    assert order_of_events == [1, 5, "between"]


@pytest.mark.parametrize("rate", [0.5, 0.8])
def test_the_mean_sojourn_time_is_that_of_theory(rate):
    """
    M/G/1 with processor sharing: E[S] / (1 - ρ), whatever the distribution; here lognormal of mean 1.

    The interval is of 20 batches of 1,000 jobs, four standard errors wide: the jobs are fixed by a seed.
    """
    draws, jobs = np.random.default_rng(5), 21_000
    at = np.cumsum(draws.exponential(1 / rate, jobs))
    work = draws.lognormal(-0.5, 1.0, jobs)
    times = [(int(a * NS), int(w * NS), ONE) for a, w in zip(at, work, strict=True)]

    ended = ends(1, *times)

    spent = np.array([ended[place] / NS - at[place] for place in range(1000, jobs)])
    batches = spent.reshape(20, -1).mean(axis=1)
    half_width = 4 * batches.std(ddof=1) / 20**0.5
    assert abs(batches.mean() - 1 / (1 - rate)) < half_width
    assert half_width < 0.35 / (1 - rate)


def test_an_operation_alone_takes_its_latency():
    """
    Its processor time is a part of it; what is longer than the latency is done later, and delays others.
    """
    env, ended = OrderedEnvironment(), []
    host = HostWork(env, HostSettings(processors=1, request_cpu_s=1e-6))

    def operations():
        for time, used in ((5000, 1000), (500, 1000), (500, 500)):
            yield from host.take(time, used, 1)
            ended.append(env.now)

    env.process(operations())
    env.run(10_000)

    # The third shares the processor with the 500 that the second has left.
    assert ended == [5000, 5500, 6500]


class TestInTheModel:
    @pytest.fixture
    def mean_ready(self, tmp_path):
        """Return a function that simulates the scenario on the local platform; mean time to READY [s]."""

        def measure(**overrides) -> float:
            changes = {f"host.{name}": value for name, value in overrides.items()}
            name = f"run{len(list(tmp_path.iterdir()))}"
            scenario = Scenario.model_validate(SCENARIO)
            out = tmp_path / name
            run = simulate(scenario, platform="local", overrides=changes, engine="simpy", out=out)
            rows = run.timings[(run.timings["name"] == "ready") & (run.timings["outcome"] == "ok")]
            return float((rows["finished_at"] - rows["intended_at"]).mean())

        return measure

    def test_each_operation_slows_the_run_when_processors_are_scarce(self, mean_ready):
        """
        More processor time of any operation makes the run slower; more processors make it quicker.
        """
        times = ("request_cpu_s", "object_cpu_s", "message_cpu_s", "transition_cpu_s")
        none = mean_ready(processors=1, **dict.fromkeys(times, 0.0))
        busy = mean_ready(processors=1, **dict.fromkeys(times, 0.15))

        assert all(
            mean_ready(processors=1, **dict.fromkeys(times, 0.0) | {name: 0.3}) > none for name in times
        )
        assert mean_ready(processors=8, **dict.fromkeys(times, 0.15)) < busy

    def test_real_work_shares_the_processors(self, mean_ready):
        """
        Work that sleeps does not.
        """
        working = [mean_ready(processors=n, work_processors="{ thumbnails = 2.0 }") for n in (1, 2, 64)]

        assert all(earlier > later for earlier, later in pairwise(working))
        assert mean_ready(processors=1) < working[1]

    def test_only_the_local_platform_has_a_host(self):
        """
        AWS has no machine that all parts share.
        """
        scenario = Scenario.model_validate(SCENARIO)

        assert platform_of(scenario, "local").host.processors > 0
        assert platform_of(scenario, "local").host.request_cpu_s == pytest.approx(0.075)
        assert {platform_of(scenario, preset).host.processors for preset in ("aws", "bare")} == {0}
