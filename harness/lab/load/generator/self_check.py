"""
The self-check of the load generator: did it keep up, so that its figures are valid?

A generator that is late, out of CPU or blocked measures itself instead of the service. Each worker measures
four things while it plays; `findings` returns which of them exceeded their limits. Times are float seconds,
ratios 0…1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.lab.results.percentile import percentile

LAG_LIMIT_S = 0.005
"""Schedule lag p99 that is always acceptable [s]."""

LAG_SHARE_OF_LIMIT = 0.1
"""Share of the tightest latency objective that the lag may also be."""

SKEW_LIMIT_S = 0.05
"""A worker whose clock is wrong starts its arrivals early or late by the same time."""

CPU_LIMIT = 0.9
OVERSHOOT_LIMIT_S = 0.1
ACHIEVED_LIMIT = 0.99


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """
    What one worker measured of itself.

    Attributes:
        worker: Its index.
        offered: Arrivals of the schedule before the run ended.
        queued: Arrivals that had to wait because ``max_in_flight`` others were under way.
        lag_p50_s, lag_p99_s, lag_max_s: From the intended time until the scheduler took up the arrival.
        overshoot_p99_s, overshoot_max_s: How much later than requested a 10 ms sleep of the event loop ended.
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


def findings(workers: Iterable[GeneratorHealth], tightest_limit_s: float | None = None) -> list[str]:
    """
    Return every way in which the generator did not keep up; empty when its figures are valid.

    Args:
        tightest_limit_s: The smallest latency that an objective allows [s]; None if there is none.
    """
    limit = max(LAG_LIMIT_S, LAG_SHARE_OF_LIMIT * (tightest_limit_s or 0.0))
    return [finding for worker in workers for finding in _findings_of(worker, limit)]


def _findings_of(health: GeneratorHealth, lag_limit: float) -> Iterable[str]:
    worker = f"worker {health.worker}"
    if health.lag_p99_s > lag_limit:
        yield (
            f"{worker} was late: schedule lag p99 {health.lag_p99_s * 1000:.1f} ms, "
            f"allowed {lag_limit * 1000:.1f} ms"
        )
    if health.cpu_mean > CPU_LIMIT:
        yield f"{worker} was out of CPU: {health.cpu_mean:.0%} of a core on average, allowed {CPU_LIMIT:.0%}"
    overshoot_limit = max(OVERSHOOT_LIMIT_S, lag_limit)
    if health.overshoot_p99_s > overshoot_limit:
        yield (
            f"{worker} blocked its event loop: p99 overshoot {health.overshoot_p99_s * 1000:.0f} ms, "
            f"allowed {overshoot_limit * 1000:.0f} ms"
        )
    if health.started < ACHIEVED_LIMIT * health.offered:
        yield (
            f"{worker} started {health.started} of {health.offered} arrivals, "
            f"below {ACHIEVED_LIMIT:.0%} of what was offered"
        )


@dataclass
class Probe:
    """The measurements of one worker's self-check."""

    lags: list[float] = field(default_factory=list)
    overshoots: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    offered: int = 0
    started: int = 0
    queued: int = 0

    def health(self, worker: int) -> GeneratorHealth:
        # A worker that measured nothing has no lag.
        lags, overshoots, cpu = self.lags or [0.0], self.overshoots or [0.0], self.cpu or [0.0]
        return GeneratorHealth(
            worker=worker,
            offered=self.offered,
            started=self.started,
            queued=self.queued,
            lag_p50_s=percentile(lags, 50),
            lag_p99_s=percentile(lags, 99),
            lag_max_s=max(lags),
            overshoot_p99_s=percentile(overshoots, 99),
            overshoot_max_s=max(overshoots),
            cpu_mean=sum(cpu) / len(cpu),
            cpu_max=max(cpu),
        )


def minimum_skew(sent_at: float, received_at: float, answered_at: float, answer_at: float) -> float:
    """
    Return the smallest difference of another machine's clock that explains two messages.

    It is positive if the other clock is ahead. A message may take any time on a busy machine, but not a
    negative one: if it seems to arrive before it was sent, the clocks differ. These are the bounds of NTP
    (RFC 5905, section 8), without their midpoint.

    Args:
        sent_at, answer_at: When the message was sent and its answer received, by our clock [epoch s].
        received_at, answered_at: When it was received and answered, by the other clock [epoch s].
    """
    at_least, at_most = answered_at - answer_at, received_at - sent_at
    return max(at_least, 0.0) + min(at_most, 0.0)
