"""
What must hold in every run, whatever the state machine: Little's law, utilisation, conservation.

Times are small whole seconds, so that many things happen at the same instant.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.lab.results.percentile import percentile
from harness.lab.sim.asl.execution import Status
from harness.lab.sim.engine import NS, Engine, Kind, order
from harness.lab.sim.platform.draws import Draws
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.lab.workload.distributions import Exponential, Lognormal
from harness.lab.workload.draws import Stream

SERVERS = st.integers(1, 3)


@st.composite
def machines(draw):
    """Return a state machine of Tasks in a row, some of them in branches or iterations, and their names."""
    names: list[str] = []

    def flow(depth):
        states, order_ = {}, []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from(["Task", "Parallel", "Map"] if depth else ["Task"]))
            name = f"{kind}{len(names)}"
            names.append(name)
            order_.append(name)
            if kind == "Task":
                states[name] = {"Type": "Task", "Resource": "arn:x", "ResultPath": None}
            elif kind == "Parallel":
                branches = [flow(depth - 1) for _ in range(draw(st.integers(1, 3)))]
                states[name] = {"Type": "Parallel", "Branches": branches, "ResultPath": None}
            else:
                states[name] = {
                    "Type": "Map", "ItemsPath": "$.items", "ResultPath": None,
                    "MaxConcurrency": draw(st.integers(0, 2)), "ItemProcessor": flow(depth - 1),
                    "ItemSelector": {"items.$": "$.items"},
                }  # fmt: skip
        for name, after in pairwise(order_):
            states[name]["Next"] = after
        states[order_[-1]]["End"] = True
        return {"StartAt": order_[0], "States": states}

    return flow(2), names


class TestEveryRun:
    @given(
        machine=machines(),
        servers=SERVERS,
        seed=st.integers(0, 1000),
        arrivals=st.lists(st.integers(0, 20), min_size=1, max_size=6),
    )
    @settings(max_examples=60, deadline=None)
    def test_laws(self, bench, machine, servers, seed, arrivals):
        """
        All that starts ends; who comes leaves; busy servers are at most as many as there are; L = λW.
        """
        definition, names = machine
        played = bench(definition)
        tasks = [name for name in names if name.startswith("Task")]
        times = np.random.default_rng(seed)
        for name in tasks:
            played.workers[name] = played.station(servers, lambda: int(times.integers(0, 4)))
        for entity, at in enumerate(arrivals):
            played.start_in(at, {"items": [1, 2, 3]}, entity)
        watched = _watch(played, tasks)
        played.engine.run()

        assert [execution.status for execution in played.ends] == [Status.SUCCEEDED] * len(arrivals)
        for name in tasks:
            station = played.workers[name].station
            rows = [step for step in played.steps if step[0] == name]
            assert station.served == len(rows)
            assert station.busy == station.waiting == 0
            assert watched.most_busy[name] <= servers
            assert station.busy_time <= servers * played.engine.now
            # What an observer sees over time is what the visitors spent, to the nanosecond.
            assert watched.area[name] == round(sum(step[5] - step[3] for step in rows) * NS)

    @given(
        size=st.integers(1, 5),
        rate=st.integers(1, 4),
        gaps=st.lists(st.integers(0, 2 * NS), min_size=1, max_size=60),
    )
    def test_token_buckets(self, size, rate, gaps):
        """
        In no stretch of time are there more tokens than the bucket held and what was added since.
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


class _watch:  # noqa: N801 - used like a function
    """Adds up how many are at each station over time, independently of the rows."""

    def __init__(self, played, tasks):
        self.area: Counter[str] = Counter()
        self.most_busy: Counter[str] = Counter()
        self._since = 0
        self._stations = {name: played.workers[name].station for name in tasks}
        engine = played.engine
        step = engine.step

        def watched():
            now = engine.now if engine.peek() == float("inf") else int(engine.peek())
            for name, station in self._stations.items():
                self.area[name] += (station.busy + station.waiting) * (now - self._since)
                self.most_busy[name] = max(self.most_busy[name], station.busy)
            self._since = now
            step()

        engine.step = watched


class TestClock:
    def test_ties_go_by_key(self):
        """
        What happens at one instant happens in the order of its key, not in that of scheduling.
        """
        engine, seen = Engine(), []
        for entity in (3, 1, 2):
            key = order(Kind.TIMER, entity)
            engine.call_in(5, key, lambda _, entity=entity: seen.append(entity))
        engine.call_in(5, order(Kind.END_OF_WORK, 9), lambda _: seen.append("work first"))
        engine.run()

        assert seen == ["work first", 1, 2, 3]


class TestDraws:
    def test_a_block_is_the_keyed_draw(self):
        """
        Drawn in a block or alone, a key has the same number.
        """
        draws = Draws(Exponential(scale=2.0), 7, 3, "x", width=4)
        alone = Exponential(scale=2.0).sample(Stream(7, 3, "platform/x")(70, 2, 1))

        assert draws(70, 2) == round(alone * NS)

    def test_quick_lognormal(self):
        """
        The quick way gives the distribution's own median and spread.
        """
        draws = Draws(Lognormal(median=0.16, sigma=0.216), 1, 0, "hop", width=32)
        times = [draws(entity, item) / NS for entity in range(300) for item in range(32)]

        assert abs(percentile(times, 50) / 0.16 - 1) < 0.02
        assert abs(percentile(times, 90) / 0.211 - 1) < 0.02
