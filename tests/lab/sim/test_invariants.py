"""
Invariants of every run: Little's law, utilisation, conservation.

Times are small whole seconds, so that many events coincide.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.lab.results.percentile import percentile
from harness.lab.sim.event_order import Kind, entity_key, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.station import Station
from harness.lab.sim.platform.latency_draws import BLOCK, KEPT, LatencyDraws
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.lab.workload.distributions.continuous import Exponential, Lognormal
from harness.lab.workload.draws import Stream
from harness.states_language.execution import Status
from harness.states_language.host import NS

SERVERS = st.integers(1, 3)


PLAIN = ["Task", "Wait", "Choice"]
FORKS = ["Parallel", "Map"]


@st.composite
def machines(draw):
    """
    Return a state machine and the names of its states.

    Tasks, waits and choices in a row, some of them in branches or iterations; some Tasks are retried when
    they fail, and all have a catcher for the remaining errors.
    """
    names: list[str] = []

    def flow(depth):
        row: dict[str, dict] = {}
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from([*PLAIN, *FORKS] if depth else PLAIN))
            name = f"{kind}{len(names)}"
            names.append(name)
            row[name] = {"Type": kind, **fields(kind, depth)}
        end = f"End{len(names)}"
        names.append(end)
        return {"StartAt": next(iter(row)), "States": _joined(row, end)}

    def fields(kind, depth):
        match kind:
            case "Task":
                retry = {"ErrorEquals": ["Busy"], "IntervalSeconds": draw(st.integers(1, 3))}
                catch = {"ErrorEquals": ["States.ALL"], "ResultPath": None}
                retry["MaxAttempts"] = draw(st.integers(0, 2))
                return {"Resource": "arn:x", "ResultPath": None, "Retry": [retry], "Catch": [catch]}
            case "Wait":
                return {"Seconds": draw(st.integers(0, 3))}
            case "Choice":
                return {"Choices": [{"Variable": "$.items[0]", "NumericEquals": draw(st.integers(0, 1))}]}
            case "Parallel":
                branches = [flow(depth - 1) for _ in range(draw(st.integers(1, 3)))]
                return {"Branches": branches, "ResultPath": None}
        return {
            "ItemsPath": "$.items", "ResultPath": None, "ItemSelector": {"items.$": "$.items"},
            "MaxConcurrency": draw(st.integers(0, 2)), "ItemProcessor": flow(depth - 1),
        }  # fmt: skip

    return flow(2), names


def _joined(row, end):
    """Join states in a row; a choice continues or goes to the end, a catcher continues."""
    states = {**row, end: {"Type": "Succeed"}}
    for name, after in pairwise(states):
        state = states[name]
        state["Default" if state["Type"] == "Choice" else "Next"] = after
        for rule in state.get("Choices", ()):
            rule["Next"] = end
        for catcher in state.get("Catch", ()):
            catcher["Next"] = after
    return states


class TestEveryRun:
    @given(
        machine=machines(),
        servers=SERVERS,
        seed=st.integers(0, 1000),
        failing=st.sampled_from([0.0, 0.3, 1.0]),
        arrivals=st.lists(st.integers(0, 20), min_size=1, max_size=6),
    )
    @settings(max_examples=60, deadline=None)
    def test_laws(self, bench, machine, servers, seed, failing, arrivals):
        """
        Every execution ends; flow is balanced; no more servers are busy than exist; L = λW.

        Attempts that fail, are retried or are caught count as jobs of their station.
        """
        definition, names = machine
        host = bench(definition)
        tasks = [name for name in names if name.startswith("Task")]
        times = np.random.default_rng(seed)
        for name in tasks:
            host.workers[name] = _unreliable(host, servers, times, failing)
        entered: Counter[str] = Counter()
        host.transition = lambda _, node: entered.update([node.name]) or 0
        for entity, at in enumerate(arrivals):
            host.start_in(at, {"items": [1, 2, 3]}, entity)
        watched = _watch(host, tasks)
        host.env.run()

        assert [execution.status for execution in host.ends] == [Status.SUCCEEDED] * len(arrivals)
        # Flow balance: every state that was entered was left, and each entry has a first attempt.
        assert entered == Counter(step[0] for step in host.steps if step[2] == 1)
        for name in tasks:
            station = host.workers[name].station
            rows = [step for step in host.steps if step[0] == name]
            assert station.served == len(rows)
            assert station.busy == station.waiting == 0
            assert watched.most_busy[name] <= servers
            assert station.busy_time <= servers * host.env.now
            # The time integral of the number in the station is the sum of the sojourn times.
            assert watched.area[name] == round(sum(step[5] - step[3] for step in rows) * NS)

    @given(
        size=st.integers(1, 5),
        rate=st.integers(1, 4),
        gaps=st.lists(st.integers(0, 2 * NS), min_size=1, max_size=60),
    )
    def test_token_buckets(self, size, rate, gaps):
        """
        No interval has more tokens than the bucket held and the tokens added since.
        """
        bucket = TokenBucket(size, rate)
        now, taken = 0, []
        for gap in gaps:
            now += gap
            if bucket.take(now):
                taken.append(now)

        for first in range(len(taken)):
            for last in range(first, len(taken)):
                most = size + (taken[last] - taken[first]) * rate / NS
                assert last - first + 1 <= most + 1e-6


def _unreliable(host, servers, times, failing):
    """Return a worker that is a station; some attempts fail at the end of their service."""
    found = Station(host.env, servers)

    def work(attempt):
        host.env.process(visit(attempt, int(times.integers(0, 4)) * NS, times.random() < failing))

    def visit(attempt, takes, fails):
        key = entity_key(attempt.execution.entity, attempt.item, attempt.number)
        yield from found.serve(found.request(), takes, key, attempt.begun)
        if fails:
            attempt.fail("Busy")
        else:
            attempt.succeed(attempt.payload)

    work.station = found
    return work


class _watch:  # noqa: N801 - used like a function
    """Integrates the number in each station over time, independently of the rows."""

    def __init__(self, host, tasks):
        self.area: Counter[str] = Counter()
        self.most_busy: Counter[str] = Counter()
        self._since = 0
        self._stations = {name: host.workers[name].station for name in tasks}
        env = host.env
        step = env.step

        def watched():
            now = env.now if env.peek() == float("inf") else int(env.peek())
            for name, station in self._stations.items():
                self.area[name] += (station.busy + station.waiting) * (now - self._since)
                self.most_busy[name] = max(self.most_busy[name], station.busy)
            self._since = now
            step()

        env.step = watched


class TestClock:
    def test_ties_go_by_key(self):
        """
        Events of one instant run in the order of their keys, not of their scheduling.
        """
        env, seen = OrderedEnvironment(), []
        for entity in (3, 1, 2):
            key = order(Kind.TIMER, entity)
            env.call_in(5, key, lambda entity=entity: seen.append(entity))
        env.call_in(5, order(Kind.END_OF_WORK, 9), lambda: seen.append("work first"))
        env.run()

        assert seen == ["work first", 1, 2, 3]

    def test_events_of_simpy_and_callbacks_share_the_clock(self):
        """
        A process of SimPy and a callback run at their times.
        """
        env, seen = OrderedEnvironment(), []

        def process():
            for _ in range(2):
                yield env.timeout(10)
                seen.append(("process", env.now))

        env.process(process())
        env.call_in(15, order(Kind.TIMER), lambda: seen.append(("callback", env.now)))
        env.run(until=21)

        assert seen == [("process", 10), ("callback", 15), ("process", 20)]
        assert env.now == 21


class TestDraws:
    def test_a_block_has_the_keyed_draws(self):
        """
        A key has the same number in a block and individually.
        """
        draws = LatencyDraws(Exponential(scale=2.0), Stream(7, 3, "platform/x"), width=4)
        alone = Exponential(scale=2.0).sample(Stream(7, 3, "platform/x")(70, 2, 1))

        assert draws(70, 2) == round(alone * NS)

    def test_a_row_can_be_longer_than_a_block(self):
        """
        The first items of a longer row are those of the block.
        """
        draws = LatencyDraws(Lognormal(median=1.0, sigma=0.5), Stream(7, 0, "platform/x"), width=4)

        assert draws.row(70, items=9)[:4] == draws.row(70)
        assert len(draws.row(70, items=9)) == 9

    def test_deleted_rows_are_drawn_again(self):
        """
        An entity whose row was deleted has the same numbers.
        """
        draws = LatencyDraws(Lognormal(median=1.0, sigma=0.5), Stream(7, 0, "platform/x"), width=2)
        young, row = [draws(3, item) for item in range(2)], draws.row(3)
        for entity in range(0, 2 * KEPT, 100):
            draws(entity)

        assert [draws(3, item) for item in range(2)] == young
        assert draws.row(3) == row

    @pytest.mark.parametrize("delay", [1, BLOCK - 1, BLOCK, 10**9])
    def test_the_order_of_draws_has_no_influence(self, delay):
        """
        The number of a key does not depend on the entities drawn before.
        """
        fresh, used = (
            LatencyDraws(Exponential(scale=2.0), Stream(7, 0, "platform/x"), width=3) for _ in range(2)
        )
        for entity in (0, 700, 300):
            used(entity)

        for entity in (700 + delay, 701 + delay, 5):
            assert used(entity, 2) == fresh(entity, 2) == used.row(entity)[2]

    def test_fast_lognormal(self):
        """
        The fast implementation has the median and spread of the distribution.
        """
        draws = LatencyDraws(Lognormal(median=0.16, sigma=0.216), Stream(1, 0, "platform/hop"), width=32)
        times = [draws(entity, item) / NS for entity in range(300) for item in range(32)]

        assert abs(percentile(times, 50) / 0.16 - 1) < 0.02
        assert abs(percentile(times, 90) / 0.211 - 1) < 0.02
