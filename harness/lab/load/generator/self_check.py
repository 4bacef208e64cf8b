"""
Tell whether the generator kept up, so that its figures can be believed.

A generator that is late, out of CPU or stuck in its own event loop measures itself. Each worker
measures four things while it plays; `findings` says in words which of them were out of bounds.
Times are float seconds, ratios 0…1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from harness.lab.results.percentile import percentile_of_sorted

LAG_LIMIT_S = 0.005
"""Schedule lag p99 that is always acceptable [s]."""

LAG_SHARE_OF_LIMIT = 0.1
"""Lag may also be this share of the tightest latency objective."""

CPU_LIMIT = 0.9
OVERSHOOT_LIMIT_S = 0.1
ACHIEVED_LIMIT = 0.99


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """
    What one worker measured of itself.

    Attributes:
        worker: Its index.
        offered: Arrivals the schedule gave it before the run ended.
        started: Arrivals it started.
        queued: Arrivals that found ``max_in_flight`` others under way and waited.
        lag_p50_s, lag_p99_s, lag_max_s: From the intended moment until the scheduler took up the arrival.
        overshoot_p99_s, overshoot_max_s: How much later than asked a 10 ms sleep of the event loop ended.
        cpu_mean, cpu_max: Share of one core, over seconds.
    """

    worker: int
    offered: int
    started: int
    queued: int
    lag_p50_s: float
    lag_p99_s: float
    lag_max_s: float
    overshoot_p99_s: float
    overshoot_max_s: float
    cpu_mean: float
    cpu_max: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def findings(workers: Iterable[GeneratorHealth], tightest_limit_s: float | None = None) -> list[str]:
    """
    Return, in words, every way in which the generator fell short; empty when its figures stand.

    Args:
        workers: What each worker measured.
        tightest_limit_s: The smallest latency any objective allows [s], if one does.
    """
    limit = max(LAG_LIMIT_S, LAG_SHARE_OF_LIMIT * (tightest_limit_s or 0.0))
    return [words for worker in workers for words in _shortfalls(worker, limit)]


def _shortfalls(health: GeneratorHealth, lag_limit: float) -> Iterable[str]:
    who = f"worker {health.worker}"
    if health.lag_p99_s > lag_limit:
        yield (
            f"{who} was late: schedule lag p99 {health.lag_p99_s * 1000:.1f} ms, "
            f"allowed {lag_limit * 1000:.1f} ms"
        )
    if health.cpu_mean > CPU_LIMIT:
        yield f"{who} was out of CPU: {health.cpu_mean:.0%} of a core on average, allowed {CPU_LIMIT:.0%}"
    overshoot_limit = max(OVERSHOOT_LIMIT_S, lag_limit)
    if health.overshoot_p99_s > overshoot_limit:
        yield (
            f"{who} blocked its event loop: p99 overshoot {health.overshoot_p99_s * 1000:.0f} ms, "
            f"allowed {overshoot_limit * 1000:.0f} ms"
        )
    if health.started < ACHIEVED_LIMIT * health.offered:
        yield (
            f"{who} started {health.started} of {health.offered} arrivals, "
            f"below {ACHIEVED_LIMIT:.0%} of what was offered"
        )


class Probe:
    """
    Gather the samples of one worker's self-check.
    """

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.overshoots: list[float] = []
        self.cpu: list[float] = []
        self.offered = 0
        self.started = 0
        self.queued = 0

    def health(self, worker: int) -> GeneratorHealth:
        return GeneratorHealth(
            worker=worker,
            offered=self.offered,
            started=self.started,
            queued=self.queued,
            lag_p50_s=_percentile(self.lags, 50),
            lag_p99_s=_percentile(self.lags, 99),
            lag_max_s=max(self.lags, default=0.0),
            overshoot_p99_s=_percentile(self.overshoots, 99),
            overshoot_max_s=max(self.overshoots, default=0.0),
            cpu_mean=sum(self.cpu) / len(self.cpu) if self.cpu else 0.0,
            cpu_max=max(self.cpu, default=0.0),
        )


def health_from_json(value: Mapping[str, float]) -> GeneratorHealth:
    """Return what `GeneratorHealth.as_json` told."""
    counts = {name: int(value[name]) for name in ("worker", "offered", "started", "queued")}
    return GeneratorHealth(**{**value, **counts})  # type: ignore[arg-type]  # the counts are ints again


def _percentile(values: list[float], p: float) -> float:
    """Nearest rank; nothing observed is no lag."""
    if not values:
        return 0.0
    return percentile_of_sorted(sorted(values), p)
