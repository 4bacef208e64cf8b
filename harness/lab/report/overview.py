"""
The first screen: the verdict in words, the five metrics, p95 against the alarm line, arrival to READY.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.gate.verdict import Outcome, Verdict
from harness.lab.report.alarm_line import alarm_line
from harness.lab.report.section import Subject, TableBlock
from harness.lab.report.sections.times import COLUMNS, figures
from harness.lab.report.wording import ABSENT, between, count, exact, plural, seconds
from harness.lab.results.durations import processing
from harness.lab.results.percentile import interval, percentile
from harness.lab.results.summary import E2E

WORDS = {
    Outcome.PASS: "Fine",
    Outcome.BREACH: "Breached",
    Outcome.INCONCLUSIVE: "Inconclusive",
    Outcome.SECURITY: "Insecure",
}


LIFE = ("PENDING_UPLOAD", "RECEIVED", "PROCESSING", "READY", "FAILED")
"""The statuses of a batch, in the order it takes them."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One metric of the service: its name, its figure and what else there is to say."""

    metric: str
    label: str
    figure: str
    note: str


@dataclass(frozen=True, slots=True)
class AgainstTheLine:
    """
    p95 of the processing time beside the alarm's threshold, as shares of the width shown (0…100).
    """

    sentence: str
    value: float
    low: float
    high: float
    line: float
    threshold: str
    breached: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first screen says."""

    word: str
    tone: str
    reasons: tuple[str, ...]
    tiles: tuple[Tile, ...]
    against: AgainstTheLine | None
    timings: TableBlock | None

    @classmethod
    def of(cls, subject: Subject) -> "Overview":
        verdict = subject.verdict
        word, tone, reasons = _said(verdict)
        line = alarm_line(verdict)
        against = None if line is None else against_the_line(processing(subject.run), line)
        return cls(word, tone, reasons, _tiles(subject), against, _timings(subject))


def against_the_line(times: pd.DataFrame, threshold: float) -> AgainstTheLine | None:
    """
    Return p95 of processing times with its 95 % interval, and where the alarm's threshold lies.

    The interval takes batches as independent; those that queued behind each other are less so.
    """
    values = times["duration_s"].to_numpy(dtype=float)
    if not len(values):
        return None
    p95, (low, high) = percentile(values, 95), interval(values, 95)
    known_high = high if np.isfinite(high) else float(values.max())
    width = max(threshold, p95, known_high) * 1.15
    side = "above" if p95 > threshold else "below"
    sentence = (
        f"p95 of {plural(len(values), 'processing time')} is {seconds(p95)} "
        f"(95 % interval: {between(low, high)}), {side} the alarm line at {exact(threshold)}."
    )
    share = 100 / width
    return AgainstTheLine(
        sentence,
        value=p95 * share,
        low=max(low, 0.0) * share,
        high=known_high * share,
        line=threshold * share,
        threshold=exact(threshold),
        breached=p95 > threshold,
    )


def _said(verdict: Verdict | None) -> tuple[str, str, tuple[str, ...]]:
    """Return the verdict as a word, a tone of the style sheet and sentences."""
    if verdict is None:
        return "Not judged", "none", ("Nobody has asked the judge about this run.",)
    fine = ("Every alarm stayed quiet and every objective was met.",)
    reasons = tuple(map(_sentence, verdict.reasons))
    return WORDS[verdict.outcome], verdict.outcome.value, reasons or fine


def _tiles(subject: Subject) -> tuple[Tile, ...]:
    metrics = subject.summary.metrics
    created = metrics.created
    entered = ", ".join(f"{count(created[status])} {status}" for status in sorted(created, key=_order))
    spread = (
        f"p50 {seconds(metrics.duration_p50_s)}, p99 {seconds(metrics.duration_p99_s)}"
        if metrics.durations
        else "none observed"
    )
    return (
        Tile(
            "media_batches_created_total",
            "batches READY",
            count(created.get("READY", 0)),
            f"entered: {entered}" if created else "none recorded",
        ),
        Tile(
            "media_processing_duration_seconds",
            "processing time, p95",
            seconds(metrics.duration_p95_s),
            spread,
        ),
        Tile(
            "media_processing_inflight_jobs",
            "jobs in flight, most",
            ABSENT if metrics.inflight_max is None else count(metrics.inflight_max),
            "never sampled" if metrics.inflight_max is None else "pending or running",
        ),
        Tile(
            "media_processing_dlq_messages_total",
            "dead letters",
            count(metrics.dead_letters),
            "each counted once",
        ),
        Tile("media_batches_failed_total", "batches failed", count(metrics.failed), "ended FAILED"),
    )


def _timings(subject: Subject) -> TableBlock | None:
    timings = [one for one in subject.summary.timings if one.type == E2E]
    if not timings:
        return None
    rows = [(one.name, *figures(one)) for one in timings]
    columns = ("end to end", *COLUMNS)
    return TableBlock(
        "End-to-end times after the warm-up, model time", columns, rows, frozenset(range(1, len(columns)))
    )


def _order(status: str) -> tuple[int, str]:
    return (LIFE.index(status) if status in LIFE else len(LIFE), status)


def _sentence(reason: str) -> str:
    if reason[:2].isalpha():  # an expression such as p95(…) is quoted as written
        reason = reason[:1].upper() + reason[1:]
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
