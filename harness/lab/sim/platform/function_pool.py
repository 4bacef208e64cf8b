"""
Lambda: concurrency, cold starts, time-outs and CloudWatch metrics.

An invocation beyond the concurrency does not wait, it is throttled. Times are nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import NamedTuple

from simpy.events import ProcessGenerator

from harness.blueprint.resources import LambdaFunction
from harness.lab.results.metric_names import labels_text
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import LatencyDraws, RandomSource
from harness.lab.sim.platform.platform_settings import LambdaSettings
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.states_language.host import NS, nanoseconds

PREFIX = "listing-media-"


@dataclass(slots=True, eq=False)
class FunctionPool:
    """
    One function and its environments.

    Attributes:
        concurrency: Reserved concurrency; None shares the unreserved concurrency of the account.
        cold_replaces: Whether an invocation that creates its environment takes *init* in place of its work.
        idle_since: When each idle environment became idle, the longest idle one first.
        free_at: When each sandbox has done the invocations that it has, a heap; empty without a limit.
    """

    labels: str
    concurrency: int | None
    timeout: int
    environments: TokenBucket
    init: LatencyDraws
    placement: LatencyDraws
    cold_replaces: bool
    running: int = 0
    idle_since: list[int] = field(default_factory=list)
    free_at: list[int] = field(default_factory=list)


class AdmittedInvocation(NamedTuple):
    """
    An invocation that has an environment.

    Attributes:
        ends_at: When it ends: after the start of the environment, the wait for a sandbox, and the work.
        duration: Its wait for a sandbox and its work.
        killed: Whether it is killed at the time-out of the function.
    """

    ends_at: int
    duration: int
    killed: bool


class Functions:
    """
    All functions of the account.

    Args:
        deployed: The functions of the template; others have no reservation and the longest time-out, 900 s.
    """

    def __init__(
        self,
        env: OrderedEnvironment,
        settings: LambdaSettings,
        deployed: Mapping[str, LambdaFunction],
        recorder: RowRecorder,
        source: RandomSource,
        host: HostWork,
    ) -> None:
        self._env = env
        self._host = host
        self._settings = settings
        self._deployed = deployed
        self._recorder = recorder
        self._source = source
        self._keep_alive = nanoseconds(settings.keep_alive_s)
        self._pools: dict[str, FunctionPool] = {}
        # A reservation counts whether the function is called or not.
        self._unreserved = settings.account_concurrency - sum(map(self._taken, deployed))
        self.running = 0
        self._running_unreserved = 0

    def pool(self, name: str) -> FunctionPool:
        """Return a function by its name; it is created if necessary."""
        if name not in self._pools:
            function, settings, source = self._deployed.get(name), self._settings, self._source
            names = (name, name.removeprefix(PREFIX))
            if function is None:
                self._unreserved -= self._taken(name)
            init, placement = settings.start_up(names)
            self._pools[name] = FunctionPool(
                labels_text({"FunctionName": name}),
                self._reserved(name),
                nanoseconds(function.timeout if function else 900),
                TokenBucket(settings.scale_up_bucket, settings.scale_up_per_s),
                source.latencies(init, f"lambda/init/{name}", 1),
                source.latencies(placement, f"lambda/placement/{name}", 1),
                cold_replaces=settings.cold_time(names) is not None,
                free_at=[0] * (settings.sandboxes or 0),
            )
        return self._pools[name]

    @property
    def may_be_delayed(self) -> bool:
        """Whether an invocation may end later than planned, because processors are shared."""
        return self._host.is_shared

    @property
    def names(self) -> list[str]:
        """Names of all functions, deployed or used."""
        return sorted({*self._deployed, *self._pools})

    @property
    def unknown(self) -> list[str]:
        """Settings of functions that do not exist, e.g. ``reserved_concurrency.zipp``."""
        known = {short for name in self.names for short in (name, name.removeprefix(PREFIX))}
        settings = self._settings
        given = [("reserved_concurrency", name) for name in settings.reserved_concurrency]
        given += [("function_cold_s", name) for name in settings.function_cold_s]
        return [f"{setting}.{name}" for setting, name in given if name not in known]

    @property
    def unused(self) -> list[str]:
        """Names of the deployed functions that the state machine does not use."""
        return [name for name in self._deployed if name not in self._pools]

    def admit(
        self, pool: FunctionPool, key: tuple[int, int, int], service_time: int
    ) -> "AdmittedInvocation | None":
        """
        Admit an invocation; return None if it was throttled.

        Args:
            key: Entity, item and attempt, for random numbers.
            service_time: Service time of the handler; longer than the time-out of the function kills it.
        """
        now = self._env.now
        if self._is_full(pool) or (start := self._environment(pool, now, key)) is None:
            self._recorder.metric(now, "AWS/Lambda/Throttles", pool.labels, 1.0)
            return None
        pool.running += 1
        self.running += 1
        self._running_unreserved += pool.concurrency is None
        if pool.cold_replaces and start > 0:
            start, service_time = 0, start
        killed = service_time > pool.timeout
        work = pool.timeout if killed else service_time
        duration = _wait(pool, now + start, work) + work
        return AdmittedInvocation(now + start + duration, duration, killed)

    def run(
        self,
        pool: FunctionPool,
        key: tuple[int, int, int],
        invocation: "AdmittedInvocation",
        *,
        fails: bool,
        step: str = "",
    ) -> ProcessGenerator:
        """
        Run an admitted invocation to its end.

        A part of a process: ``yield from functions.run(…)``.

        Args:
            key: Entity, item and attempt, for the order of events.
            fails: Whether the handler will fail.
            step: The step of the pipeline that the handler takes, for its use of processors.
        """
        begun_at = invocation.ends_at - invocation.duration
        yield from self._work(invocation.ends_at - self._env.now, order(Kind.END_OF_WORK, *key), step)
        pool.running -= 1
        self.running -= 1
        self._running_unreserved -= pool.concurrency is None
        now, labels, metric = self._env.now, pool.labels, self._recorder.metric
        pool.idle_since.append(now)
        metric(now, "AWS/Lambda/Invocations", labels, 1.0)
        metric(now, "AWS/Lambda/Errors", labels, float(fails or invocation.killed))
        metric(now, "AWS/Lambda/Throttles", labels, 0.0)
        metric(now, "AWS/Lambda/Duration", labels, (now - begun_at) * 1000 / NS)

    def _work(self, time: int, key: int, step: str) -> ProcessGenerator:
        if step == "callback":
            yield from self._host.take(time, self._host.request, key)
        else:
            yield self._host.work(step)(time, key)

    def _is_full(self, pool: FunctionPool) -> bool:
        if self.running >= self._settings.account_concurrency:
            return True
        if pool.concurrency is None:
            return self._running_unreserved >= self._unreserved
        return pool.running >= pool.concurrency

    def _environment(self, pool: FunctionPool, now: int, key: tuple[int, int, int]) -> int | None:
        """Find or create an environment; return its start-up time [ns], None if no new one is allowed yet."""
        if not self._settings.cold_starts:
            return 0
        if pool.idle_since:
            # The most recently used environment is used first, so the others grow old.
            if now - pool.idle_since.pop() <= self._keep_alive:
                return 0
            pool.idle_since.clear()
        if not pool.environments.take(now):
            return None
        return pool.init(*key) + pool.placement(*key)

    def _reserved(self, name: str) -> int | None:
        reserved = self._settings.reserved_concurrency
        for known in (name, name.removeprefix(PREFIX)):
            if known in reserved:
                return reserved[known]
        return self._deployed[name].reserved_concurrency if name in self._deployed else None

    def _taken(self, name: str) -> int:
        """Return the concurrency that a function takes from the account."""
        return self._reserved(name) or 0


def _wait(pool: FunctionPool, at: int, work: int) -> int:
    """Give work that arrives at an instant to the first free sandbox; return its wait [ns]."""
    if not pool.free_at:
        return 0
    begin = max(at, pool.free_at[0])
    heapreplace(pool.free_at, begin + work)
    return begin - at
