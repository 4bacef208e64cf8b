"""
Two runs side by side: what differs in what was played, and what differs in what came of it.

Ratios are the second run over the first. Distances are not tests: with enough rows every difference is
significant, so they say how far apart two distributions are, not whether they are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.lab.gate.baseline import LEAST, BaselineComparison, Ratio, response_times
from harness.lab.gate.baseline import compare as compare_percentiles
from harness.lab.report.section import Points, ReportSection, Subject, TableBlock
from harness.lab.report.sections import errors, load, pipeline, times
from harness.lab.report.wording import count, number, seconds
from harness.lab.results.durations import PROCESSING, processing
from harness.lab.results.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

PERCENTS = (50.0, 95.0, 99.0)
SECTIONS = (
    times.processing,
    times.end_to_end,
    load.arrivals,
    load.in_flight,
    load.queues,
    pipeline.time_spent,
    pipeline.size_classes,
    pipeline.stations,
    times.percentile_curve,
    errors.retries,
)
"""Sections of a report that lay one run over the other."""

HASH = re.compile(r"[0-9a-f]{64}")
"""Its beginning tells two apart, and leaves room for the other column."""

IRRELEVANT = ("id", "started_at", "scenario", "notes", "format_version", "complete", "duration_s")


@dataclass(frozen=True, slots=True)
class Distance:
    """
    How far apart two distributions of response times are.

    Attributes:
        ks: Kolmogorov and Smirnov's: the largest difference between the two shares done by one time [0…1].
        wasserstein_s: By how much the times would have to move, on average, to be the other's [model s].
    """

    name: str
    before: int
    now: int
    ks: float
    wasserstein_s: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact of the two runs that is not the same: of the scenario by dotted key, or of the header."""

    what: str
    before: str
    now: str


@dataclass(frozen=True, slots=True, repr=False)
class RunComparison:
    """
    Two runs side by side; *before* is what *now* is held against.

    >>> import harness
    >>> comparison = harness.compare("fixtures/runs/day_before", "fixtures/runs/day_after")
    >>> table = comparison.table()
    >>> table.columns.tolist()
    ['name', 'percent', 'before_s', 'now_s', 'low', 'high', 'ratio', 'slower']
    >>> table.query("slower")["name"].tolist()
    ['E2E processing', 'E2E ready']
    """

    before: str
    now: str
    ratios: tuple[Ratio, ...]
    distances: tuple[Distance, ...]
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        ratios = [{**asdict(one), "ratio": one.ratio, "slower": one.slower} for one in self.ratios]
        return {**asdict(self), "ratios": ratios}

    def table(self) -> "pd.DataFrame":
        """
        Return the ratios of percentiles, one a row.

        Returns:
            ``name`` and ``percent`` of the response time, ``before_s`` and ``now_s`` [model s], their
            ``ratio`` with the bounds ``low`` and ``high`` of its 95 % interval, and whether it is surely
            ``slower``.
        """
        import pandas as pd

        columns = [*Ratio.__dataclass_fields__, "ratio", "slower"]
        return pd.DataFrame(self.to_dict()["ratios"], columns=columns)

    def __repr__(self) -> str:
        differences = [f"  {one.what}: {one.before} → {one.now}" for one in self.differences]
        lines = BaselineComparison(self.now, self.before, self.ratios).table()
        return "\n".join([lines.rstrip("\n"), *differences])

    def _repr_html_(self) -> str:
        from harness.lab.report.page import template

        parts = [part for part in (ratios_section(self), differences_section(self)) if part is not None]
        text: str = template("comparison.html.j2").render(comparison=self, sections=parts)
        return text


def compare(before: Run, now: Run) -> RunComparison:
    """
    Compare two runs, from arrivals after the warm-up.

    Raises:
        RunUnreadable: A table of either is missing or damaged.
    """
    percentiles = compare_percentiles(now.folder, before.folder, PERCENTS)
    distances_found, differences = tuple(_distances(before, now)), tuple(_differences(before, now))
    return RunComparison(before.id, now.id, percentiles.ratios, distances_found, differences)


def sections(before: Run, now: Run) -> list[ReportSection]:
    """Return the parts of the page that compares two runs."""
    comparison = compare(before, now)
    subject = Subject(now, None, before)
    told = [differences_section(comparison), ratios_section(comparison)]
    return told + [section for make in SECTIONS if (section := make(subject)) is not None]


def differences_section(comparison: RunComparison) -> ReportSection:
    if not comparison.differences:
        return ReportSection(
            "differences", "What was played", "Both runs played the same thing in the same way."
        )
    rows = [(one.what, one.before, one.now) for one in comparison.differences]
    table = TableBlock("What differs between the runs", ("what", comparison.before, comparison.now), rows)
    lead = "A difference below may be due to any of these."
    return ReportSection("differences", "What differs in what was played", lead, (table,))


def ratios_section(comparison: RunComparison) -> ReportSection:
    if not comparison.ratios:
        lead = f"No kind of request has {LEAST} or more rows in both runs, so nothing can be compared."
        return ReportSection("ratios", "Response times", lead)
    slower = [one for one in comparison.ratios if one.slower]
    faster = [one for one in comparison.ratios if one.high < 1]
    lead = (
        f"Of {len(comparison.ratios)} percentiles, {len(slower)} are surely higher and {len(faster)} surely "
        "lower than before: their 95 % interval leaves out 1."
    )
    blocks = (_ratios(comparison), _distance_table(comparison), Points((CAVEAT,)))
    return ReportSection("ratios", "Response times", lead, blocks)


CAVEAT = (
    "Model time, from the intended start. Intervals take values as independent; those of a queue are less "
    "so, and the true intervals wider."
)


def _ratios(comparison: RunComparison) -> TableBlock:
    rows = [
        (
            one.name,
            f"p{one.percent:g}",
            seconds(one.before_s),
            seconds(one.now_s),
            f"× {one.ratio:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            "higher" if one.slower else "lower" if one.high < 1 else "cannot be told apart",
        )
        for one in comparison.ratios
    ]
    columns = ("request", "percentile", "before", "now", "ratio", "95 % interval", "now is")
    return TableBlock("Ratios of percentiles", columns, rows, frozenset(range(2, 6)))


def _distance_table(comparison: RunComparison) -> TableBlock:
    rows = [
        (one.name, count(one.before), count(one.now), number(one.ks), seconds(one.wasserstein_s))
        for one in comparison.distances
    ]
    columns = ("request", "rows before", "rows now", "Kolmogorov–Smirnov", "Wasserstein")
    return TableBlock("Distances between distributions", columns, rows, frozenset(range(1, 5)))


def _distances(before: Run, now: Run) -> Iterator[Distance]:
    earlier, current = response_times(before), response_times(now)
    for key, run in ((earlier, before), (current, now)):
        key[PROCESSING] = np.sort(processing(run)["duration_s"].to_numpy(dtype=float))
    for name in sorted(earlier.keys() & current.keys()):
        a, b = earlier[name], current[name]
        if min(a.size, b.size) >= LEAST:
            yield Distance(name, a.size, b.size, *distances(a, b))


def distances(a: "NDArray[np.float64]", b: "NDArray[np.float64]") -> tuple[float, float]:
    """
    Return the Kolmogorov–Smirnov and the Wasserstein distance of two ascending samples.

    Source:
        The largest difference, and the integral of the absolute difference, of the empirical
        distribution functions.
    """
    at = np.union1d(a, b)
    apart = np.abs(
        np.searchsorted(a, at, side="right") / a.size - np.searchsorted(b, at, side="right") / b.size
    )
    return float(apart.max()), float((apart[:-1] * np.diff(at)).sum())


def _differences(before: Run, now: Run) -> Iterator[Difference]:
    earlier, current = _facts(before), _facts(now)
    for key in sorted(earlier.keys() | current.keys()):
        if earlier.get(key) != current.get(key):
            yield Difference(key, _text(earlier.get(key)), _text(current.get(key)))


def _facts(run: Run) -> dict[str, Any]:
    """Return what was played, by whom and where, by dotted key; not when."""
    header = run.header.model_dump(mode="json", exclude=set(IRRELEVANT))
    played = {key: value for key, value in _flat(run.scenario, "scenario") if not key.endswith(".line")}
    return {**dict(_flat(header)), **played}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value by dotted key."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{place}")
    else:
        yield path, value


def _text(value: object) -> str:
    text = "absent" if value is None else str(value)
    return f"{text[:12]}…" if HASH.fullmatch(text) else text


def render_comparison(before: Run, now: Run, to: Path | None = None) -> Path:
    """
    Write the page that sets two runs side by side, its figures in a folder of the page's name beside it.

    Args:
        to: The page's path; ``compare.html`` in the second run's folder by default.

    Raises:
        RunUnreadable: A table of either run is missing or damaged.
    """
    from harness.lab.report.page import charts_of, template

    path = to or now.folder / "compare.html"
    parts = sections(before, now)
    for chart in charts_of(parts):
        chart.save(path.with_suffix(""))
    text = template("compare.html.j2").render(
        sections=parts, before=before.header, now=now.header, figures=path.stem
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
