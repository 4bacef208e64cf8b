"""The overview at the top of a report: the verdict, the five metrics, p95 and its alarm line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.lab.gate.verdict import Outcome, Verdict
from harness.lab.report.alarm_line import alarm_line
from harness.lab.report.charts import load_charts
from harness.lab.report.section import Subject, TableBlock
from harness.lab.report.sections.times import timing_cells
from harness.lab.report.wording import between, count, exact, plural, seconds
from harness.lab.results import metric_names
from harness.lab.results.percentile import interval, percentile
from harness.lab.results.rows import E2E
from harness.lab.results.summary import Metrics

OUTCOME_WORDS = {
    Outcome.PASS: "Fine",
    Outcome.BREACH: "Breached",
    Outcome.INCONCLUSIVE: "Inconclusive",
    Outcome.SECURITY: "Insecure",
    Outcome.AUDIT: "Lost or doubled",
}

STATUSES = ("PENDING_UPLOAD", "RECEIVED", "PROCESSING", "READY", "FAILED")
"""The statuses of a batch, in the order it takes them."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One metric of the service: its name, its figure and a note."""

    metric: str
    label: str
    figure: str
    note: str


@dataclass(frozen=True, slots=True)
class ThresholdBar:
    """A bar with the p95 of the processing time, its interval and the threshold, in per cent of its width."""

    sentence: str
    value: float
    low: float
    high: float
    threshold: float
    threshold_text: str
    is_breached: bool

    @classmethod
    def of(cls, values: NDArray[np.float64], threshold: float) -> "ThresholdBar | None":
        """
        Return the bar of processing times; None if there are none.

        The 95 % interval assumes independent batches; batches that wait in one queue are less independent.
        """
        if not len(values):
            return None
        p95, (low, high) = percentile(values, 95), interval(values, 95)
        finite_high = high if np.isfinite(high) else float(values.max())
        share = 100 / (max(threshold, p95, finite_high) * 1.15)
        side = "above" if p95 > threshold else "below"
        sentence = (
            f"p95 of {plural(len(values), 'processing time')} is {seconds(p95)} "
            f"(95 % interval: {between(low, high)}), {side} the alarm line at {exact(threshold)}."
        )
        return cls(
            sentence,
            value=p95 * share,
            low=max(low, 0.0) * share,
            high=finite_high * share,
            threshold=threshold * share,
            threshold_text=exact(threshold),
            is_breached=p95 > threshold,
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """
    The content of the overview: the verdict in one word, the style sheet's class for it, the figures.

    Attributes:
        answer: What the run says about the scenario's question, if its rate rises; else empty.
    """

    outcome: str
    tone: str
    reasons: tuple[str, ...]
    answer: str
    tiles: tuple[Tile, ...]
    threshold_bar: ThresholdBar | None
    timings: TableBlock | None

    @classmethod
    def of(cls, subject: Subject) -> "Overview":
        outcome, tone, reasons = _headline(subject.verdict)
        line = alarm_line(subject.verdict)
        times = subject.run.processing_times()["duration_s"].to_numpy(dtype=float)
        bar = None if line is None else ThresholdBar.of(times, line)
        summary = subject.run.summary
        records = [
            {"end to end": one.name, **timing_cells(one)} for one in summary.timings if one.type == E2E
        ]
        caption = "End-to-end times after the warm-up, model time"
        table = TableBlock.of_records(caption, records) if records else None
        answer = load_charts.response_by_rate(subject.run).finding
        return cls(outcome, tone, reasons, answer, _tiles(summary.metrics), bar, table)


def _headline(verdict: Verdict | None) -> tuple[str, str, tuple[str, ...]]:
    """Return the outcome as a word, its class in the style sheet, and the reasons as sentences."""
    if verdict is None:
        return "Not evaluated", "none", ("This run has no verdict: alarms were not evaluated.",)
    word = OUTCOME_WORDS[verdict.outcome]
    reasons = verdict.reasons or (verdict.sentence.removeprefix(f"{word}: "),)
    return word, verdict.outcome.value, tuple(map(_sentence, reasons))


def _tiles(metrics: Metrics) -> tuple[Tile, ...]:
    created, most = metrics.created, metrics.inflight_max
    statuses = [status for status in STATUSES if status in created]
    statuses += sorted(created.keys() - set(STATUSES))
    entered = ", ".join(f"{count(created[status])} {status}" for status in statuses)
    entries = f"entered: {entered}" if created else "none recorded"
    p50, p95, p99 = map(seconds, (metrics.duration_p50_s, metrics.duration_p95_s, metrics.duration_p99_s))
    spread = f"p50 {p50}, p99 {p99}" if metrics.durations else "none observed"
    sampled = "never sampled" if most is None else "pending or running"
    return (
        Tile(metric_names.BATCHES_CREATED, "batches READY", count(created.get("READY", 0)), entries),
        Tile(metric_names.PROCESSING_DURATION, "processing time, p95", p95, spread),
        Tile(metric_names.INFLIGHT_JOBS, "jobs in flight, most", count(most), sampled),
        Tile(metric_names.DEAD_LETTERS, "dead letters", count(metrics.dead_letters), "each counted once"),
        Tile(metric_names.BATCHES_FAILED, "batches failed", count(metrics.failed), "ended FAILED"),
    )


def _sentence(reason: str) -> str:
    if reason[:2].isalpha():  # an expression such as p95(…) keeps its spelling
        reason = reason[:1].upper() + reason[1:]
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
