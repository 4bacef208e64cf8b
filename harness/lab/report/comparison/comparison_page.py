"""The page that compares two runs, ``compare.html``."""

from pathlib import Path

from harness.lab.report.charts.quantile_chart import quantiles
from harness.lab.report.comparison.run_comparison import compare
from harness.lab.report.page import PageProgress, save_charts, sections_of, template, unseen
from harness.lab.report.section import Subject, chart_section
from harness.lab.report.sections import errors, load, pipeline, times
from harness.lab.results.run import Run

SECTIONS = (
    chart_section(
        "quantiles",
        "Quantiles of both runs",
        "Each point is one percentile: its time in the first run and in the second. Points above the "
        "diagonal are slower in the second run.",
        quantiles,
    ),
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


def render_comparison(
    before: Run, now: Run, to: Path | None = None, *, progress: PageProgress = unseen
) -> Path:
    """
    Write the page that compares two runs, and its figures in a folder of the same name next to it.

    By default the page is ``compare.html`` in the second run's folder. *progress* is told how much is done.

    Raises:
        RunUnreadable: A table of either run is missing or damaged.
    """
    path = to or now.folder / "compare.html"
    subject = Subject(now, None, before)
    comparison = compare(before, now)
    parts = [*comparison.sections(), *sections_of(SECTIONS, subject, progress)]
    save_charts(parts, path.with_suffix(""), progress)
    text = template("comparison_page.html.j2").render(
        answer=comparison.answer, sections=parts, before=before.header, now=now.header, figures=path.stem
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
