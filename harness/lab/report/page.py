"""
``report.html``: one file that says how a run went, to people.

The page asks the network for nothing. Rendering a run twice gives the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter

from harness.lab.gate.verdict import Verdict
from harness.lab.report.batch_life import median, slowest, write_trace
from harness.lab.report.drawing import NARROW, WIDE, Chart
from harness.lab.report.overview import Overview
from harness.lab.report.section import ReportSection, Subject
from harness.lab.report.sections.contents import SECTIONS
from harness.lab.report.styles import page_style
from harness.lab.results.run import Run, RunUnreadable

FIGURES = "figures"


def render(
    run: Run,
    verdict: Verdict | None = None,
    other: Run | None = None,
    to: Path | None = None,
    *,
    cost: Mapping[str, Any] | None = None,
) -> Path:
    """
    Write the page of a run, and its figures as PNG and CSV in a folder beside it.

    Args:
        verdict: What the judge said; by default what ``verdict.json`` in the run folder says, if it is there.
        other: A run to lay over the charts, dashed.
        to: The page's path; ``report.html`` in the run folder by default.
        cost: What the run would have cost, as `sections.cost` reads it.

    Raises:
        RunUnreadable: A table of either run is missing or damaged.
    """
    path = to or run.folder / "report.html"
    subject = Subject(run, verdict or stored_verdict(run), other, cost)
    sections = [section for make in SECTIONS if (section := make(subject)) is not None]
    for chart in charts_of(sections):
        chart.save(path.parent / FIGURES)
    for name, batch_id in (("slowest", slowest(run)), ("median", median(run))):
        if batch_id is not None:
            write_trace(run, batch_id, path.parent / FIGURES / f"life_{name}.trace.json")
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
    """
    Return the verdict the run folder keeps; None if the run was never judged.

    Raises:
        RunUnreadable: ``verdict.json`` is damaged.
    """
    path = run.folder / "verdict.json"
    if not path.exists():
        return None
    try:
        return TypeAdapter(Verdict).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise RunUnreadable(f"{path} cannot be read: {error}") from error


def charts_of(sections: Iterable[ReportSection]) -> Iterable[Chart]:
    """Yield the charts of sections, in order."""
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))


def template(name: str) -> Any:
    """Return one of the room's templates."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["wide"] = lambda chart: Markup(chart.svg(WIDE))  # noqa: S704 - drawn and escaped by us
    environment.filters["narrow"] = lambda chart: Markup(chart.svg(NARROW))  # noqa: S704
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    environment.globals["style"] = Markup(page_style())  # noqa: S704 - shipped with the harness
    room = files("harness.lab.report")
    environment.globals["frame"] = environment.from_string((room / "frame.html.j2").read_text())
    environment.globals["blocks"] = environment.from_string((room / "blocks.html.j2").read_text()).module
    return environment.from_string((room / name).read_text())
