"""
Lambda: concurrency, cold starts, time-outs, and the metrics CloudWatch has of them.

An invocation is one event, however long its way to an environment is. Times are nanoseconds.
"""

from collections.abc import Callable, Mapping

from harness.blueprint.resources import LambdaFunction
from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import LambdaSettings
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.states_language.host_clock import NS, Kind, order

LONGEST = 900
"""No function may run longer [s]; functions the template does not have get this."""

PREFIX = "listing-media-"


class FunctionPool:
    """
    One function: its environments, and how many may run.

    Attributes:
        concurrency: Reserved for it; None shares what is left of the account's.
        running: Invocations under way.
        idle_since: When each idle environment became idle, the longest idle one first [ns].
    """

    __slots__ = (
        "concurrency",
        "environments",
        "idle_since",
        "labels",
        "memory",
        "name",
        "running",
        "timeout",
    )

    def __init__(
        self, name: str, concurrency: int | None, timeout: float, memory: int, environments: TokenBucket
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.timeout = nanoseconds(timeout)
        self.memory = memory
        self.labels = labels_text({"FunctionName": name})
        self.environments = environments
        self.running = 0
        self.idle_since: list[int] = []


class Functions:
    """
    All functions of the account.

    Args:
        deployed: What the template has; others run without reservation, for at most `LONGEST`.
    """

    def __init__(
        self,
        engine: Engine,
        settings: LambdaSettings,
        deployed: Mapping[str, LambdaFunction],
        recorder: RowRecorder,
        seed: int,
        replication: int,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._deployed = deployed
        self._recorder = recorder
        self._init = Draws(settings.init, seed, replication, "lambda/init", 8)
        self._placement = Draws(settings.placement_s, seed, replication, "lambda/placement", 8)
        self._keep_alive = nanoseconds(settings.keep_alive_s)
        self._pools: dict[str, FunctionPool] = {}
        reserved = sum(self._reserved(name) or 0 for name in deployed)
        self._unreserved = max(0, settings.account_concurrency - reserved)
        self.running = 0
        self._running_unreserved = 0

    def pool(self, name: str) -> FunctionPool:
        """Return a function by its name."""
        if name not in self._pools:
            function = self._deployed.get(name)
            settings = self._settings
            self._pools[name] = FunctionPool(
                name,
                self._reserved(name),
                function.timeout if function else LONGEST,
                function.memory if function else 128,
                TokenBucket(settings.scale_up_bucket, settings.scale_up_per_s),
            )
        return self._pools[name]

    @property
    def names(self) -> list[str]:
        """Functions that are deployed or were asked for."""
        return sorted({*self._deployed, *self._pools})

    @property
    def reserved_for_nobody(self) -> list[str]:
        """Names in the settings' reservations that are no function's."""
        known = {short for name in self.names for short in (name, name.removeprefix(PREFIX))}
        return [name for name in self._settings.reserved_concurrency if name not in known]

    @property
    def uncalled(self) -> list[str]:
        """Deployed functions that nobody asked for by name."""
        return [name for name in self._deployed if name not in self._pools]

    def invoke(
        self,
        pool: FunctionPool,
        key: tuple[int, int, int],
        service_time: int,
        error: bool,
        ended: Callable[[bool], None],
    ) -> int | None:
        """
        Run a function.

        Args:
            key: Entity, item and attempt, for draws and ties.
            service_time: How long the handler takes; longer than the function's time-out kills it.
            error: Whether it will fail.
            ended: Called at the end with whether it was killed.

        Returns:
            When it will end [ns]; None if it was throttled.
        """
        now = self._engine.now
        if self._is_full(pool) or (start := self._environment(pool, now, key)) is None:
            self._recorder.metrics.extend((now, "AWS/Lambda/Throttles", pool.labels, 1.0))
            return None
        killed = service_time > pool.timeout
        duration = pool.timeout if killed else service_time
        pool.running += 1
        self.running += 1
        self._running_unreserved += pool.concurrency is None
        failed = float(error or killed)

        def end(_: object) -> None:
            at = self._engine.now
            pool.running -= 1
            self.running -= 1
            self._running_unreserved -= pool.concurrency is None
            pool.idle_since.append(at)
            labels = pool.labels
            self._recorder.metrics.extend(
                (at, "AWS/Lambda/Invocations", labels, 1.0,
                 at, "AWS/Lambda/Errors", labels, failed,
                 at, "AWS/Lambda/Throttles", labels, 0.0,
                 at, "AWS/Lambda/Duration", labels, duration * 1000 / NS)
            )  # fmt: skip
            ended(killed)

        self._engine.call_in(start + duration, order(Kind.END_OF_WORK, *key), end)
        return now + start + duration

    def _is_full(self, pool: FunctionPool) -> bool:
        if self.running >= self._settings.account_concurrency:
            return True
        if pool.concurrency is None:
            return self._running_unreserved >= self._unreserved
        return pool.running >= pool.concurrency

    def _environment(self, pool: FunctionPool, now: int, key: tuple[int, int, int]) -> int | None:
        """Find or make an environment; return how long that takes [ns], None if none may be made yet."""
        if not self._settings.cold_starts:
            return 0
        if pool.idle_since:
            # The one used last is used first: the others grow old.
            if now - pool.idle_since.pop() <= self._keep_alive:
                return 0
            pool.idle_since.clear()
        if not pool.environments.take(now):
            return None
        return self._init(*key) + self._placement(*key)

    def _reserved(self, name: str) -> int | None:
        given = self._settings.reserved_concurrency
        for known in (name, name.removeprefix(PREFIX)):
            if known in given:
                return given[known]
        return self._deployed[name].reserved_concurrency if name in self._deployed else None
