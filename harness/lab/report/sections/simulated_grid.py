"""The section on what the run would have shown with other parameters: a grid of simulated points."""

import json
import math
from collections.abc import Sequence
from typing import Any

from harness.lab.report.section import ReportSection, SliderBlock, Subject, TableBlock
from harness.lab.report.what_if_grid import WHAT_IF, GridAxis, GridPoint, WhatIfGrid
from harness.lab.report.wording import ABSENT, between, exact, percent, plural, seconds

NAMES = {
    "rate": "arrival rate [1/s]",
    "users": "users",
    "mediaconvert.slots": "transcoding slots",
    "lambda.reserved_concurrency.thumbnails": "thumbnails function, invocations at once",
}
"""Names of parameters; others have their key."""

MARGIN = 1.15
"""The scale of the times reaches beyond the least and the greatest by this factor."""


def what_if(subject: Subject) -> ReportSection | None:
    grid = subject.what_if
    if grid is None:
        return None
    lead = (
        f"{plural(len(grid.points), 'point')} simulated from the scenario of this run with seed {grid.seed}, "
        f"{plural(grid.replications, 'replication')} each; nothing is interpolated. "
        "The interval is that of the mean p95 over the replications (95 %). "
        f"The data are in figures/{WHAT_IF}.csv."
    )
    return ReportSection(WHAT_IF.replace("_", "-"), "What if", lead, (sliders(grid),))


def sliders(grid: WhatIfGrid) -> SliderBlock:
    """Return the block of a grid."""
    axes = [(_name(axis), [_text(value) for value in axis.values], axis.base) for axis in grid.axes]
    at = [len(axis.values) // 2 if axis.base is None else axis.base for axis in grid.axes]
    scale = _Scale.of(grid)
    data = {
        "axes": [values for _, values, _ in axes],
        "points": [_shown(point, scale) for point in grid.points],
        "ends": scale.texts,
        "limit": None if grid.limit is None else scale.share(grid.limit),
        "limitText": "" if grid.limit is None else f"objective {exact(grid.limit)}",
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A text such as "</script>" must not end the element.
    return SliderBlock(axes, at, text.replace("<", "\\u003c"), _table(grid))


class _Scale:
    """A logarithmic scale of times, from 0 to 100 per cent of a bar."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low / MARGIN, high * MARGIN

    @classmethod
    def of(cls, grid: WhatIfGrid) -> "_Scale":
        bounds = [bound for point in grid.points for bound in (point.low, point.p95, point.high)]
        known = [one for one in (*bounds, grid.limit or math.nan) if math.isfinite(one) and one > 0]
        return cls(min(known, default=1.0), max(known, default=10.0))

    @property
    def texts(self) -> list[str]:
        """The ends of the scale in words."""
        return [seconds(self.low), seconds(self.high)]

    def share(self, value: float) -> float:
        """Return the place of a time [%]; what lies beyond the scale is at its end."""
        if value <= 0:
            return 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


def _shown(point: GridPoint, scale: _Scale) -> dict[str, Any]:
    """Return the texts of a point, and the places of its p95 and of its interval."""
    known = not math.isnan(point.p95)
    fired = sum(count > 0 for count in point.alarms.values())
    return {
        "value": scale.share(point.p95) if known else None,
        "low": scale.share(point.low) if known else None,
        "high": scale.share(min(point.high, scale.high)) if known else None,
        "ready": _ready(point),
        "alarms": _alarms(point),
        "tone": "bad" if fired else "good",
        "cost": f"Cost: {point.dollars:,.2f} US dollars for the run, "
        f"{point.dollars_per_thousand:,.2f} per thousand batches.",
    }


def _ready(point: GridPoint) -> str:
    if math.isnan(point.p95):
        return f"No batch became READY ({percent(point.not_ready)} of the batches did not)."
    lost = f" {percent(point.not_ready)} of the batches did not become READY." if point.not_ready else ""
    return (
        f"p95 from arrival to READY: {seconds(point.p95)} (interval {between(point.low, point.high)}).{lost}"
    )


def _alarms(point: GridPoint) -> str:
    fired = [f"{name} in {count}" for name, count in point.alarms.items() if count]
    runs = plural(point.played, "simulated run")
    return f"ALARM in {runs}: {', '.join(fired)}." if fired else f"No alarm fired in {runs}."


def _table(grid: WhatIfGrid) -> TableBlock:
    rows = [
        (
            *(_text(axis.values[place]) for axis, place in zip(grid.axes, at, strict=True)),
            seconds(point.p95),
            ABSENT if math.isnan(point.p95) else between(point.low, point.high),
            percent(point.not_ready),
            f"{point.dollars_per_thousand:,.2f}",
            ", ".join(f"{name} in {count}" for name, count in point.alarms.items() if count) or "none",
        )
        for at, point in grid.positions()
    ]
    columns = (
        *(_name(axis) for axis in grid.axes), "p95", "interval", "not READY", "$ per 1000 batches",
        f"alarms that fired, of {plural(grid.points[0].played, 'run')}",
    )  # fmt: skip
    return TableBlock("All simulated points", columns, rows, frozenset(range(len(columns) - 1)))


def _name(axis: GridAxis) -> str:
    return NAMES.get(axis.key, axis.key)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(
            str(part) if key == "distribution" else f"{key} {part}" for key, part in value.items()
        )
    return str(value)
