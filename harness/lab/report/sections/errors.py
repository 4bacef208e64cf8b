"""The sections on failures: retries, dead letters and errors."""

import pandas as pd
import pyarrow.compute as pc

from harness.lab.gate.run_findings import is_throttled
from harness.lab.report.chart_data import QUEUE_DEPTH, http
from harness.lab.report.charts import pipeline_charts
from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, percent, plural
from harness.lab.results.metric_names import DEAD_LETTERS
from harness.lab.results.rows import E2E, FAILED

KINDS_SHOWN = 20
"""A table shows at most this many kinds of errors."""


def retries(subject: Subject) -> ReportSection | None:
    steps, batches = subject.run.steps, subject.run.batches
    again, reprocessed = steps[steps["attempt"] > 1], int((batches["attempt"] > 1).sum())
    if again.empty and not reprocessed:
        return None
    lead = f"{plural(len(again), 'attempt')} of a state repeated one that had failed."
    if reprocessed:
        lead += f" {plural(reprocessed, 'job')} processed a batch again."
    if again.empty:
        return ReportSection("retries", "Retries", lead)
    failed = steps[steps["outcome"] == "FAILED"].groupby("state").size()
    records = [
        {
            "state": str(state),
            "attempts": count(len(rows)),
            "repeated": count(len(rows[rows["attempt"] > 1])),
            "failed": count(failed.get(state, 0)),
            "most for one task": count(rows["attempt"].max()),
        }
        for state, rows in steps[steps["state"].isin(again["state"])].groupby("state", sort=False)
    ]
    table = TableBlock.of_records("States with repeated attempts", records)
    chart = pipeline_charts.retries_over_time(subject.run, subject.other)
    return ReportSection("retries", "Retries", lead, (chart, table))


def dead_letters(subject: Subject) -> ReportSection | None:
    counted, waiting = subject.run.metric(DEAD_LETTERS)["value"], subject.run.metric(QUEUE_DEPTH)
    depths = waiting.loc[waiting["labels"].str.contains("-dlq", regex=False), "value"]
    if counted.empty and depths.empty:
        return None
    if counted.sum():
        chart = pipeline_charts.dead_letters(subject.run, subject.other)
        return ReportSection("dead-letters", "Dead letters", chart.finding, (chart,))
    most = depths.max() if len(depths) else 0
    content = (
        f"held up to {plural(most, 'message')}; the service counted none of them" if most else "stayed empty"
    )
    return ReportSection("dead-letters", "Dead letters", f"The dead-letter queue {content}.")


def errors(subject: Subject) -> ReportSection | None:
    run, sent = subject.run, http(subject.run)
    requests = run.requests_where(pc.field("outcome").isin(FAILED) & (pc.field("type") != E2E))
    batches = run.batches[run.batches["outcome"] == "FAILED"]
    steps = run.steps[run.steps["outcome"] == "FAILED"]
    request_columns = {name: name for name in ("type", "name", "status", "error")}
    tables = [
        _counted("Requests that failed", requests, request_columns),
        _counted("Batches that failed", batches, {"family": "family", "error_code": "code"}),
        _counted("Attempts of states that failed", steps, {"state": "state", "error": "error"}),
    ]
    shown = [table for table in tables if table is not None]
    if not shown:
        return None
    share = len(requests) / len(sent) if len(sent) else 0.0
    lead = (
        f"{plural(len(requests), 'request')} ({percent(share)}), "
        f"{plural(len(batches), 'batch', 'batches')} and {plural(len(steps), 'attempt')} of a state failed"
    )
    if throttled := int(is_throttled(steps["error"]).sum()):
        lead += f", {throttled} of them because the service was throttled"
    lead += "."
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
        for row in sizes.head(KINDS_SHOWN).itertuples(index=False)
    ]
    more = "" if len(sizes) <= KINDS_SHOWN else f", the {KINDS_SHOWN} most frequent of {len(sizes)} kinds"
    return TableBlock(caption + more, (*columns.values(), "count"), shown, frozenset({len(columns)}))
