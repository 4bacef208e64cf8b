"""The section on the comparison with a baseline."""

from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, plural, seconds


def regressions(subject: Subject) -> ReportSection | None:
    verdict = subject.verdict
    if verdict is None or not verdict.regressions:
        return None
    rows = [
        (
            one.text,
            seconds(one.before_s),
            seconds(one.now_s),
            one.shown,
            f"{count(one.samples[0])} / {count(one.samples[1])}",
            one.finding,
            "" if one.ratio is not None else one.why,
        )
        for one in verdict.regressions
    ]
    columns = ("tolerated", "baseline", "now", "ratio (95 % interval)", "samples", "outcome", "why")
    table = TableBlock("Figures compared with the baseline", columns, rows, frozenset(range(1, 5)))
    worse = sum(one.outcome == "breach" for one in verdict.regressions)
    runs = verdict.regressions[0].baseline
    lead = f"{worse} of {plural(len(rows), 'figure')} worse than tolerated; {_named(runs)}."
    return ReportSection("baseline", "Comparison with the baseline", lead, (table.without_empty_end(),))


def _named(runs: tuple[str, ...]) -> str:
    if not runs:
        return "no run to compare with"
    return f"compared with {runs[0]}" if len(runs) == 1 else f"compared with {len(runs)} runs"
