"""
The page that compares two runs, ``compare.html``.
"""

from pathlib import Path

from harness.lab.report.page import charts_of, template
from harness.lab.report.run_comparison import compare
from harness.lab.report.section import ReportSection, Subject
from harness.lab.report.sections import errors, load, pipeline, times
from harness.lab.results.run import Run

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
"""The sections of a report whose charts show two runs."""


def render_comparison(before: Run, now: Run, to: Path | None = None) -> Path:
    """
    Write the page that compares two runs, and its figures in a folder of the same name next to it.

    Args:
        to: The page's path; ``compare.html`` in the second run's folder by default.

    Raises:
        RunUnreadable: A table of either run is missing or damaged.
    """
    path = to or now.folder / "compare.html"
    parts = _sections(before, now)
    for chart in charts_of(parts):
        chart.save(path.with_suffix(""))
    text = template("comparison_page.html.j2").render(
        sections=parts, before=before.header, now=now.header, figures=path.stem
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _sections(before: Run, now: Run) -> list[ReportSection]:
    subject = Subject(now, None, before)
    found = [make(subject) for make in SECTIONS]
    return [*compare(before, now).sections(), *(section for section in found if section is not None)]
