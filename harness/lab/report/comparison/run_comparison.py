"""
The comparison of two runs: ratios of percentiles, distances between distributions, and differences.

Ratios are the second run over the first. Distances are not tests: with enough rows every difference is
significant. They tell how far apart two distributions are.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.lab.report.comparison.operation import RunMeasure, operation
from harness.lab.report.comparison.percentile_ratios import (
    LEAST,
    PercentileRatios,
    Ratio,
    RequestTime,
    factor,
    response_times,
)
from harness.lab.report.comparison.percentile_ratios import compare as compare_percentiles
from harness.lab.report.comparison.run_differences import Difference, differences
from harness.lab.report.comparison.time_differences import TimeDifferences, time_differences
from harness.lab.report.section import Points, ReportSection, TableBlock
from harness.lab.report.wording import count, number, percent, seconds
from harness.lab.results.json_value import json_value
from harness.lab.results.metric_names import PROCESSING_DURATION

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from harness.lab.results.run import Run

PERCENTS = (50.0, 95.0, 99.0)

CAVEAT = (
    "Times are from the intended start, in model time if the row does not say otherwise. A batch that failed "
    "or had not ended counts as slower than any other. The intervals are block bootstraps: values of one "
    "queue depend on each other, so consecutive ones are drawn together. Distances are not tests."
)


PATH = (
    "From the arrival to READY or FAILED. What ran in parallel and was not waited for is not counted, so the "
    "parts add up to the whole. The intervals of the parts hold together: for k parts each is one of "
    "1 − 0.05/k. The work of a transcoding job on a live stack includes its wait for a slot."
)


@dataclass(frozen=True, slots=True)
class Distance:
    """
    The distance between two distributions of response times, with their numbers of values.

    Attributes:
        ks: Kolmogorov–Smirnov: the largest difference between the shares done within the same time [0…1].
        wasserstein_s: How far the times of what ended would have to move, on average, to give the other
            distribution [s]; not a number if nothing ended in one of the runs.
        relative: *wasserstein_s* over the mean of the first run [ratio].
    """

    name: str
    before: int
    now: int
    ks: float
    wasserstein_s: float
    relative: float


@dataclass(frozen=True, slots=True, repr=False)
class RunComparison:
    """
    The comparison of the run *now* with the run *before*.

    >>> import harness
    >>> comparison = harness.compare("fixtures/runs/day_before", "fixtures/runs/day_after")
    >>> table = comparison.table()
    >>> table.columns.tolist()
    ['name', 'percent', 'before_s', 'now_s', 'low', 'high', 'failed_before', 'failed_now',
     'unfinished_before', 'unfinished_now', 'ratio', 'slower']
    >>> table.query("slower")["name"].tolist()
    ['E2E processing', 'E2E ready']
    """

    before: str
    now: str
    ratios: tuple[Ratio, ...]
    distances: tuple[Distance, ...]
    differences: tuple[Difference, ...]
    time: TimeDifferences | None = None
    operation: tuple[RunMeasure, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; None in place of what is infinite or not a number."""
        document: dict[str, Any] = json_value({**asdict(self), "ratios": self._ratio_rows()})
        return document

    def _ratio_rows(self) -> list[dict[str, Any]]:
        return [{**asdict(one), "ratio": one.ratio, "slower": one.slower} for one in self.ratios]

    def table(self) -> "pd.DataFrame":
        """
        Return the ratios of percentiles, one per row.

        Returns:
            ``name`` and ``percent`` of the response time, ``before_s`` and ``now_s`` [model s], their
            ``ratio`` with the bounds ``low`` and ``high`` of its 95 % interval, and ``slower``: whether the
            whole interval is above 1. ``failed_before`` etc. count the rows that failed or had not ended.
        """
        import pandas as pd

        columns = [*Ratio.__dataclass_fields__, "ratio", "slower"]
        return pd.DataFrame(self._ratio_rows(), columns=columns)

    @property
    def answer(self) -> str:
        """How the time until READY differs, in a sentence; empty if too few batches can be compared."""
        found = next((one for one in self.ratios if (one.name, one.percent) == ("E2E ready", 95.0)), None)
        if found is None:
            return ""
        outcome = "slower" if found.slower else "faster" if found.high < 1 else "not significantly different"
        times = f"{seconds(found.now_s)} now, {seconds(found.before_s)} before"
        interval = f"{factor(found.low, 2)} to {factor(found.high, 2)}"
        failures = f" Batches that {found.failures}." if found.failures else ""
        return (
            f"Time until READY: {outcome}. The p95 is {times} "
            f"(× {factor(found.ratio, 2)}, 95 % interval {interval}).{failures}"
        )

    def sections(self) -> list[ReportSection]:
        """Return the comparison as sections of a page."""
        parts = [*_time_section(self), _differences_section(self), _ratios_section(self)]
        return [*parts, *_operation_section(self)]

    def __repr__(self) -> str:
        texts = [f"  {one.what}: {one.before} → {one.now}" for one in self.differences]
        lines = PercentileRatios(self.now, self.before, self.ratios).table()
        first = [] if self.time is None else [self.time.sentence]
        return "\n".join([lines.rstrip("\n"), *first, *texts])

    def _repr_html_(self) -> str:
        from harness.lab.report.page import template

        parts = [_ratios_section(self), *_time_section(self), _differences_section(self)]
        text: str = template("comparison_tables.html.j2").render(comparison=self, sections=parts)
        return text


def compare(before: "Run", now: "Run") -> RunComparison:
    """
    Compare two runs, from arrivals after the warm-up.

    Raises:
        RunUnreadable: A table of either is missing or damaged.
    """
    percentiles = compare_percentiles(now.folder, before.folder, PERCENTS)
    return RunComparison(
        before.id,
        now.id,
        percentiles.ratios,
        tuple(_distances(before, now)),
        tuple(differences(before, now)),
        time_differences(before, now),
        tuple(operation(before, now)),
    )


def _distances(before: "Run", now: "Run") -> Iterator[Distance]:
    time = RequestTime.of(before, now)
    earlier, current = _times(before, time), _times(now, time)
    for name in sorted(earlier.keys() & current.keys()):
        a, b = np.sort(earlier[name]), np.sort(current[name])
        if min(a.size, b.size) >= LEAST:
            ks, wasserstein = distances(a, b)
            known = a[np.isfinite(a)]
            mean = float(known.mean()) if known.size else 0.0
            yield Distance(name, a.size, b.size, ks, wasserstein, wasserstein / mean if mean else 0.0)


def _times(run: "Run", time: RequestTime) -> "dict[str, NDArray[np.float64]]":
    """Return the response times of each row, and the processing times."""
    times = {name: found.seconds for name, found in response_times(run, time).items()}
    return times | {PROCESSING_DURATION: run.processing_times()["duration_s"].to_numpy(dtype=float)}


def distances(a: "NDArray[np.float64]", b: "NDArray[np.float64]") -> tuple[float, float]:
    """
    Return the Kolmogorov–Smirnov and the Wasserstein distance of two ascending samples.

    The Wasserstein distance is that of their finite values; not a number if a sample has none.

    Source:
        The largest difference, and the integral of the absolute difference, of the empirical
        distribution functions.
    """
    _, apart = _apart(a, b)
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not (a.size and b.size):
        return float(apart.max()), math.nan
    at, between = _apart(a, b)
    return float(apart.max()), float((between[:-1] * np.diff(at)).sum())


def _apart(
    a: "NDArray[np.float64]", b: "NDArray[np.float64]"
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return all values, and the difference of the two empirical distribution functions at each."""
    at = np.union1d(a, b)
    shares = (np.searchsorted(one, at, side="right") / one.size for one in (a, b))
    return at, np.abs(np.subtract(*shares))


def _time_section(comparison: RunComparison) -> list[ReportSection]:
    if comparison.time is None:
        return []
    rows = [
        (
            one.part,
            seconds(one.before_s),
            seconds(one.now_s),
            seconds(one.difference_s),
            f"{seconds(one.low)} to {seconds(one.high)}",
        )
        for one in (comparison.time.whole, *comparison.time.noticeable)
    ]
    columns = ("part", "before", "now", "difference", "95 % interval")
    table = TableBlock(
        "Mean time of a batch, by the parts of its critical path", columns, rows, frozenset(range(1, 5))
    )
    return [ReportSection("time", "Where the time went", comparison.time.sentence, (table, Points((PATH,))))]


def _differences_section(comparison: RunComparison) -> ReportSection:
    if not comparison.differences:
        lead = "Both runs had the same scenario, settings and environment."
        return ReportSection("differences", "Differences between the runs", lead)
    rows = [(one.what, one.before, one.now) for one in comparison.differences]
    table = TableBlock("What differs between the runs", ("what", comparison.before, comparison.now), rows)
    lead = "Any of these differences may be the cause of a different result."
    return ReportSection("differences", "Differences between the runs", lead, (table,))


def _ratios_section(comparison: RunComparison) -> ReportSection:
    if not comparison.ratios:
        lead = f"No kind of request has {LEAST} or more rows in both runs, so no percentiles are compared."
        return ReportSection("ratios", "Response times", lead)
    slower = [one for one in comparison.ratios if one.slower]
    faster = [one for one in comparison.ratios if one.high < 1]
    lead = (
        f"Of {len(comparison.ratios)} percentiles, {len(slower)} are significantly higher and {len(faster)} "
        "significantly lower than before: their 95 % interval does not contain 1."
    )
    blocks = (_ratio_table(comparison), _distance_table(comparison), Points((CAVEAT,)))
    return ReportSection("ratios", "Response times", lead, blocks)


def _operation_section(comparison: RunComparison) -> list[ReportSection]:
    if not comparison.operation:
        return []
    rows = [(one.what, number(one.before), number(one.now), one.note) for one in comparison.operation]
    columns = ("measure", "before", "now", "")
    table = TableBlock("Both runs in operation", columns, rows, frozenset((1, 2))).without_empty_end()
    lead = (
        "Attempts in service, repeated attempts and what was lost. By Little's law the mean number of "
        "batches in the system is their arrival rate times their mean time; it fails where batches did not "
        "end."
    )
    return [ReportSection("operation", "Utilisation, retries and Little's law", lead, (table,))]


def _ratio_table(comparison: RunComparison) -> TableBlock:
    rows = [
        (
            one.name,
            f"p{one.percent:g}",
            seconds(one.before_s),
            seconds(one.now_s),
            f"× {factor(one.ratio)}",
            f"{factor(one.low)} to {factor(one.high)}",
            "higher" if one.slower else "lower" if one.high < 1 else "not significantly different",
            one.failures,
        )
        for one in comparison.ratios
    ]
    columns = ("request", "percentile", "before", "now", "ratio", "95 % interval", "now is", "failures")
    return TableBlock("Ratios of percentiles", columns, rows, frozenset(range(2, 6))).without_empty_end()


def _distance_table(comparison: RunComparison) -> TableBlock:
    rows = [
        (
            one.name,
            count(one.before),
            count(one.now),
            number(one.ks),
            seconds(one.wasserstein_s),
            percent(one.relative),
        )
        for one in comparison.distances
    ]
    columns = ("request", "rows before", "rows now", "Kolmogorov–Smirnov", "Wasserstein", "over the mean")
    return TableBlock("Distances between distributions", columns, rows, frozenset(range(1, 6)))
