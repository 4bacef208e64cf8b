"""
What went wrong, and what was tried again.
"""

import pandas as pd

from harness.lab.report import charts, frames
from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, percent, plural

MOST = 20
"""Kinds of errors a table shows."""


def retries(subject: Subject) -> ReportSection | None:
    steps, batches = subject.run.steps, subject.run.batches
    again, reprocessed = steps[steps["attempt"] > 1], int((batches["attempt"] > 1).sum())
    if again.empty and not reprocessed:
        return None
    lead = f"{plural(len(again), 'attempt')} of a state repeated one that had failed."
    if reprocessed:
        lead += f" {plural(reprocessed, 'job')} ran a batch again."
    if again.empty:
        return ReportSection("retries", "Retries", lead)
    failed = steps[steps["outcome"] == "FAILED"].groupby("state").size()
    rows = [
        (
            str(state),
            count(len(rows)),
            count(len(rows[rows["attempt"] > 1])),
            count(failed.get(state, 0)),
            count(rows["attempt"].max()),
        )
        for state, rows in steps[steps["state"].isin(again["state"])].groupby("state", sort=False)
    ]
    columns = ("state", "attempts", "repeated", "failed", "most for one task")
    table = TableBlock("States that were tried again", columns, rows, frozenset({1, 2, 3, 4}))
    return ReportSection(
        "retries", "Retries", lead, (charts.retries_over_time(subject.run, subject.other), table)
    )


def dead_letters(subject: Subject) -> ReportSection | None:
    metrics = subject.run.metrics
    counted = metrics.loc[metrics["metric"] == frames.DEAD_LETTERS, "value"]
    deep = metrics[
        (metrics["metric"] == frames.QUEUE_DEPTH) & metrics["labels"].str.contains("-dlq", regex=False)
    ]
    if counted.empty and deep.empty:
        return None
    if not counted.sum():
        most = deep["value"].max() if len(deep) else 0
        said = (
            "stayed empty"
            if not most
            else f"held up to {plural(most, 'message')}, none of them counted by the service"
        )
        return ReportSection("dead-letters", "Dead letters", f"The dead-letter queue {said}.")
    chart = charts.dead_letters(subject.run, subject.other)
    return ReportSection("dead-letters", "Dead letters", chart.finding, (chart,))


def errors(subject: Subject) -> ReportSection | None:
    run = subject.run
    sent = frames.http(run)
    requests = sent[sent["outcome"].isin(frames.FAILED)]
    batches = run.batches[run.batches["outcome"] == "FAILED"]
    steps = run.steps[run.steps["outcome"] == "FAILED"]
    tables = [
        _counted(
            "Requests that failed",
            requests,
            {"type": "type", "name": "name", "status": "status", "error": "error"},
        ),
        _counted("Batches that failed", batches, {"family": "family", "error_code": "code"}),
        _counted("Attempts of states that failed", steps, {"state": "state", "error": "error"}),
    ]
    shown = [table for table in tables if table is not None]
    if not shown:
        return None
    share = len(requests) / len(sent) if len(sent) else 0.0
    lead = (
        f"{plural(len(requests), 'request')} ({percent(share)}), "
        f"{plural(len(batches), 'batch', 'batches')} and {plural(len(steps), 'attempt')} of a state failed."
    )
    return ReportSection("errors", "Errors", lead, shown)


def _counted(caption: str, rows: pd.DataFrame, columns: dict[str, str]) -> TableBlock | None:
    if rows.empty:
        return None
    keys = rows[list(columns)].astype(object).where(rows[list(columns)].notna(), "none")
    if "status" in columns:
        keys["status"] = keys["status"].map(lambda status: status if status == "none" else f"{status:.0f}")
    sizes = (
        keys.value_counts()
        .reset_index(name="count")
        .sort_values(["count", *columns], ascending=False, kind="stable")
    )
    shown = [
        (*(str(part) for part in row[:-1]), count(row[-1]))
        for row in sizes.head(MOST).itertuples(index=False)
    ]
    more = "" if len(sizes) <= MOST else f", the {MOST} most frequent of {len(sizes)} kinds"
    return TableBlock(caption + more, (*columns.values(), "count"), shown, frozenset({len(columns)}))
