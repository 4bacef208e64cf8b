"""
The report of a run as one HTML file, ``report.html``.

The page loads nothing over the network. Rendering a run twice gives the same bytes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter

from harness.lab.gate.verdict import Verdict
from harness.lab.report.batch_life import life_of_batch, median_batch, slowest_batch
from harness.lab.report.batch_trace import write_trace
from harness.lab.report.charts.chart import NARROW, WIDE, Chart
from harness.lab.report.overview import Overview
from harness.lab.report.section import ReportSection, SectionMaker, Subject
from harness.lab.report.sections.contents import SECTIONS
from harness.lab.report.what_if_grid import WHAT_IF, WhatIfGrid
from harness.lab.results.run import Run, RunUnreadable

PageProgress = Callable[[float], None]
"""Told how much of a page is done [0…1]."""

MEASURED, DRAWN = 0.3, 0.8
"""How much of a page is done when its data are measured, and when its pictures are written."""

FIGURES = "figures"
STYLES = (
    ("uplot", "uPlot.min.css"),
    ("colours.css",),
    ("interactive_charts.css",),
    ("page.css",),
    ("sliders.css",),
)
SCRIPTS = (("uplot", "uPlot.iife.min.js"), ("interactive_charts.js",), ("sliders.js",))


def unseen(_share: float) -> None:
    """Show no progress."""


def render(
    run: Run,
    verdict: Verdict | None = None,
    other: Run | None = None,
    to: Path | None = None,
    *,
    cost: Mapping[str, Any] | None = None,
    what_if: WhatIfGrid | None = None,
    progress: PageProgress = unseen,
) -> Path:
    """
    Write the page of a run, and its figures as PNG and CSV in a folder next to it.

    Args:
        verdict: The verdict; by default the one in ``verdict.json`` of the run folder, if it exists.
        other: A run to draw over the charts, dashed.
        to: The page's path; ``report.html`` in the run folder by default.
        cost: The cost of the run, as `sections.cost` reads it.
        what_if: A grid that was simulated from the run; it is also written as CSV.
        progress: Told how much of the page is done.

    Raises:
        RunUnreadable: A table of either run is missing or damaged.
    """
    path = to or run.folder / "report.html"
    subject = Subject(run, verdict or stored_verdict(run), other, cost, what_if)
    sections = sections_of(SECTIONS, subject, progress)
    figures = path.parent / FIGURES
    save_charts(sections, figures, progress)
    if what_if is not None:
        what_if.to_frame().to_csv(figures / f"{WHAT_IF}.csv", index=False, lineterminator="\n")
    for name, batch_id in (("slowest", slowest_batch(run)), ("median", median_batch(run))):
        if batch_id is not None:
            life = life_of_batch(run, batch_id)
            write_trace(life, f"batch {batch_id}", figures / f"life_{name}.trace.json")
    text = template("report.html.j2").render(
        overview=Overview.of(subject),
        sections=sections,
        header=run.header,
        other=other.header if other else None,
        question=run.scenario.get("question") or run.header.scenario_name,
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def stored_verdict(run: Run) -> Verdict | None:
    """Return the verdict in the run folder, None without one; a damaged one is `RunUnreadable`."""
    path = run.folder / "verdict.json"
    if not path.exists():
        return None
    try:
        return TypeAdapter(Verdict).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise RunUnreadable(f"{path} cannot be read: {error}") from error


def sections_of(
    makers: Sequence[SectionMaker], subject: Subject, progress: PageProgress
) -> list[ReportSection]:
    """Return the sections for which the run has data."""
    sections = []
    for place, make in enumerate(makers, start=1):
        if (section := make(subject)) is not None:
            sections.append(section)
        progress(MEASURED * place / len(makers))
    return sections


def save_charts(sections: Iterable[ReportSection], folder: Path, progress: PageProgress) -> None:
    """Write every chart of sections as PNG and CSV."""
    charts = [block for section in sections for block in section.blocks if isinstance(block, Chart)]
    for place, chart in enumerate(charts, start=1):
        chart.save(folder)
        progress(MEASURED + (DRAWN - MEASURED) * place / len(charts))


def template(name: str) -> Any:
    """Return one of the templates of the pages."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["wide"] = lambda chart: Markup(chart.svg(WIDE))  # noqa: S704 - the chart escapes its texts
    environment.filters["narrow"] = lambda chart: Markup(chart.svg(NARROW))  # noqa: S704
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    folder = files("harness.lab.report")
    style = "".join(folder.joinpath(*path).read_text(encoding="utf-8") for path in STYLES)
    script = "".join(folder.joinpath(*path).read_text(encoding="utf-8") for path in SCRIPTS)
    environment.globals["style"] = Markup(style)  # noqa: S704 - part of the package
    environment.globals["script"] = Markup(script)  # noqa: S704 - part of the package
    environment.globals["frame"] = environment.from_string((folder / "frame.html.j2").read_text())
    environment.globals["blocks"] = environment.from_string((folder / "blocks.html.j2").read_text()).module
    return environment.from_string((folder / name).read_text())
