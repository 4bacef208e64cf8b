"""
State machines in simulation against theory: Tasks in a row, forks, retries, redelivery.

An estimate is accepted within 3.3 standard errors of the exact value, if that error is at most 1 % of it,
unless the case says otherwise. Replications have draws of their own; times in seconds.
"""

import math

import numpy as np
import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import DispatcherSettings, SqsSettings
from harness.lab.sim.platform.sqs_queue import Message, SqsQueue
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.upload_batch import UploadBatch
from harness.states_language.execution import Status
from harness.states_language.host import NS
from harness.theory import Redelivery
from tests.theory.agreement import agrees
from tests.theory.killed_attempts import KilledAttempts
from tests.theory.networks import Longest, Tandem, fork_join_mean

# Coverage makes the millions of events of these tests three times as slow.
pytestmark = pytest.mark.no_cover

AT_ONCE = Constant(value=0)
NIGHTLY = (pytest.mark.nightly, pytest.mark.timeout(3600))


def nightly(test):
    for mark in NIGHTLY:
        test = mark(test)
    return test


def exponential(draws, mean):
    return lambda: draws.exponential(mean)


def task(name, **fields):
    return {"StartAt": name, "States": {name: {"Type": "Task", "Resource": "arn:x", "End": True, **fields}}}


def tandem(*names):
    following = [*names[1:], None]
    states = {}
    for name, after in zip(names, following, strict=True):
        onward = {"Next": after} if after else {"End": True}
        states[name] = {"Type": "Task", "Resource": "arn:x", **onward}
    return {"StartAt": names[0], "States": states}


def parallel(count):
    branches = [task(f"T{number}") for number in range(count)]
    return {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}


def sojourn_times(host, draws, rate, executions, warm_up=0):
    """Start executions in a Poisson stream; return how long each took, without the first ones."""
    starts = np.cumsum(draws.exponential(1 / rate, executions)).tolist() if rate else [0.0] * executions
    times = np.full(executions, np.nan)

    def ended(execution):
        times[execution.entity] = (host.env.now - execution.started_at) / NS

    host.ended = ended

    def feed(number):
        host.start_in(0, {}, entity=number)
        if number + 1 < executions:
            delay = round((starts[number + 1] - starts[number]) * NS)
            host.env.call_in(delay, order(Kind.ARRIVAL, number), lambda: feed(number + 1))

    feed(0)
    host.record = lambda *_: None
    host.env.run()
    return times[warm_up:]


class TestRows:
    @nightly
    def test_jackson_tandem(self, bench):
        """
        D14: three Tasks in a row, each a queue of its own, independent of the others.
        """
        line = Tandem(1.0, (1.25, 1.5, 2.0))
        means, highs = [], []
        for number in range(20):
            draws = np.random.default_rng([14, number])
            host = bench(tandem("A", "B", "C"))
            for name, rate in zip("ABC", line.service_rates, strict=True):
                host.workers[name] = host.station(1, exponential(draws, 1 / rate))
            times = sojourn_times(host, draws, 1.0, 60_000, warm_up=2_000)
            means.append(times.mean())
            highs.append(percentile(times, 95))

        agrees(means, 7.0)
        agrees(highs, 15.848775)

    @nightly
    def test_a_pipeline_without_contention(self, bench):
        """
        D24: Exp(2), then the longest of twelve Exp(6), then Exp(5): mean 25.62, p95 42.81.
        """
        means, highs, medians = [], [], []
        definition = tandem("A", "M", "Z")
        definition["States"]["M"] = {
            "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": task("T"),
            "ResultPath": None, "Next": "Z",
        }  # fmt: skip
        for number in range(10):
            draws = np.random.default_rng([24, number])
            host = bench(definition)
            for name, mean in (("A", 2.0), ("T", 6.0), ("Z", 5.0)):
                host.workers[name] = host.station(None, exponential(draws, mean))
            host.start_in = lambda seconds, _, entity, start=host.start_in: start(
                seconds, {"items": list(range(12))}, entity
            )
            times = sojourn_times(host, draws, 1.0, 1_500)
            means.append(times.mean())
            highs.append(percentile(times, 95))
            medians.append(percentile(times, 50))

        agrees(means, 25.619264)
        agrees(highs, 42.811076)
        agrees(medians, 24.195030)


class TestForks:
    @pytest.mark.parametrize(
        ("load", "mean", "count", "replications"),
        [
            pytest.param(0.6, 3.5625, 9_000, 16, marks=NIGHTLY),
            pytest.param(0.8, 7.0, 75_000, 40, marks=NIGHTLY),
        ],
    )
    def test_fork_join(self, bench, load, mean, count, replications):
        """
        D15: two branches, each with a queue of its own; the slower one decides. Exact (Flatto and Hahn).
        """
        agrees(self._fork_join(bench, 2, load, count, replications), mean)

    @nightly
    @pytest.mark.parametrize(("load", "count"), [(0.5, 6_000), (0.8, 40_000)])
    def test_many_branches(self, bench, load, count):
        """
        D16: twelve branches, within the 5 % that Nelson and Tantawi claim for their approximation.
        """
        means = self._fork_join(bench, 12, load, count, 12)

        assert np.mean(means) == pytest.approx(fork_join_mean(load, 1.0, 12), rel=0.05)

    @nightly
    def test_the_longest_of_twelve(self, bench):
        """
        D17: with a server for each branch the time is that of the longest.
        """
        slowest = Longest(12, lambda at: 1 - math.exp(-at / 6), 6.0)
        means, highs = [], []
        for number in range(10):
            draws = np.random.default_rng([17, number])
            host = bench(parallel(12))
            for branch in range(12):
                host.workers[f"T{branch}"] = host.station(None, exponential(draws, 6.0))
            times = sojourn_times(host, draws, 1.0, 1_800)
            means.append(times.mean())
            highs.append(percentile(times, 95))

        agrees(means, slowest.mean)
        agrees(highs, slowest.percentile(95))

    def _fork_join(self, bench, branches, load, executions, replications):
        means = []
        for number in range(replications):
            draws = np.random.default_rng([15, branches, number])
            host = bench(parallel(branches))
            for branch in range(branches):
                host.workers[f"T{branch}"] = host.station(1, exponential(draws, 1.0))
            means.append(sojourn_times(host, draws, load, executions, warm_up=executions // 20).mean())
        return means


class TestRetries:
    @nightly
    def test_killed_attempts(self, bench):
        """
        D23: an exponential task killed at 2 s and begun again after 1, 2 and 4 s.
        """
        theory = KilledAttempts(mean=1.0, limit=2.0, backoffs=[1.0, 2.0, 4.0])
        retry = [
            {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 3}
        ]
        means, attempts, highs = [], [], []
        for number in range(10):
            draws = np.random.default_rng([23, number])
            host = bench(task("T", TimeoutSeconds=2, Retry=retry))
            host.workers["T"] = host.station(None, exponential(draws, 1.0))
            for entity in range(4_000):
                host.start_in(0, {}, entity=entity)
            host.env.run()
            finished = [step[5] for step in host.steps if step[6] is None]
            means.append(np.mean(finished))
            highs.append(percentile(finished, 95))
            attempts.append(len(host.steps) / 4_000)

        agrees(means, theory.mean_time)
        agrees(highs, theory.percentile(95), 0.02)
        agrees(attempts, theory.mean_attempts)

    @nightly
    def test_giving_up(self, bench):
        """
        D23: after four killed attempts the execution fails, 3.4 times in ten thousand (error at most 5 %).
        """
        theory = KilledAttempts(mean=1.0, limit=2.0, backoffs=[1.0, 2.0, 4.0])
        retry = [
            {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 3}
        ]
        shares = []
        for number in range(60):
            draws = np.random.default_rng([230, number])
            host = bench(task("T", TimeoutSeconds=2, Retry=retry))
            host.workers["T"] = host.station(None, exponential(draws, 1.0))
            host.record = lambda *_: None
            for entity in range(25_000):
                host.start_in(0, {}, entity=entity)
            host.env.run()
            shares.append(np.mean([execution.status is Status.FAILED for execution in host.ends]))

        agrees(shares, theory.probability_of_giving_up, 0.05)


class TestRedelivery:
    THEORY = Redelivery(success=0.7, visibility_timeout=30.0, max_receives=5)

    @pytest.mark.slow
    def test_receives_and_delays(self):
        """
        D22: seven in ten receives succeed; otherwise the message is visible again after 30 s.
        """
        receives, delays = [], []
        for number in range(10):
            found = self._deliver(np.random.default_rng([22, number]), 8_000)
            receives.append(found[0])
            delays.append(found[1])

        agrees(receives, self.THEORY.mean_receives)
        agrees(delays, self.THEORY.mean_delay)

    @nightly
    def test_dead_letters(self):
        """
        D22: the fifth failure is a dead letter, 2.4 times in a thousand (error at most 3 %).
        """
        shares = [self._deliver(np.random.default_rng([220, number]), 20_000)[2] for number in range(40)]

        agrees(shares, self.THEORY.probability_of_dlq, 0.03)

    def _deliver(self, draws, messages):
        """Return receives per message, mean delay of the delivered [s], share of dead letters."""
        env = OrderedEnvironment()
        sent_at, delays, dead = {}, [], []
        received = 0

        def handle(message):
            nonlocal received
            received += 1
            if draws.random() >= 0.7:
                return False
            delays.append((env.now - sent_at[message.job.id]) / NS)
            return True

        queue = SqsQueue(
            env, SqsSettings(delivery_s=AT_ONCE), DispatcherSettings(message_s=AT_ONCE, outbox_s=AT_ONCE),
            RandomSource(1, 0), visibility_timeout=30.0, max_receive_count=5, handle=handle,
            dead_letter=dead.append,
        )  # fmt: skip
        for number in range(messages):
            job = MediaJob(number, MediaBatch(UploadBatch(number, "photo_shoot", 0), str(number), 1, 0), 1, 0)
            sent_at[number] = 0
            queue.send(Message(job, is_poisoned=False))
        env.run()
        return received / messages, float(np.mean(delays)), len(dead) / messages
