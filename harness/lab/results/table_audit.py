"""The audit of a run by its tables: what clients, executions and metrics tell without the database."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.audit.auditor import Audit, audit
from harness.audit.ledger import AuditedBatch, AuditedExecution, AuditedJob, Ledger
from harness.lab.results.metric_names import BATCHES_CREATED

if TYPE_CHECKING:
    from harness.lab.results.run import Run

ENDED = {"READY": "SUCCEEDED", "FAILED": "FAILED"}
READY_LABEL = '"status":"READY"'


def audit_tables(run: "Run") -> Audit:
    """Return the audit of a run's tables."""
    return audit(ledger_of_tables(run))


def ledger_of_tables(run: "Run") -> Ledger:
    """Return what the tables of a run tell; a batch that was censored may still end."""
    rows = run.batches
    newest = rows.sort_values("attempt", kind="stable").drop_duplicates("batch_id", keep="last")
    return Ledger(
        listings=None,
        batches=tuple(_batches(newest)),
        jobs=tuple(_jobs(rows)),
        executions=tuple(_executions(run.steps, rows)) if len(run.steps) else None,
        # A local AWS that was restarted has forgotten the earlier ones.
        all_executions=run.engine != "live",
        counters=_counters(run, rows),
        stories={batch_id: tuple(_story(run, group)) for batch_id, group in _suspects(rows)},
    )


def _batches(newest: pd.DataFrame) -> Iterator[AuditedBatch]:
    for row in _rows(newest):
        outcome = _text(row.outcome)
        received = not pd.isna(row.received_at)
        yield AuditedBatch(
            id=str(row.batch_id),
            listing_id=int(row.listing_id),
            family=str(row.family),
            status=outcome or ("PROCESSING" if received else "PENDING_UPLOAD"),
            accepted=received or outcome in ENDED,
            is_open=bool(row.censored),
        )


def _jobs(rows: pd.DataFrame) -> Iterator[AuditedJob]:
    known = rows[rows["job_id"].notna()]
    ends = known.groupby("job_id", observed=True)["outcome"].count().to_dict()
    for row in _rows(known.drop_duplicates("job_id", keep="last")):
        outcome = _text(row.outcome)
        yield AuditedJob(
            id=int(row.job_id),
            batch_id=str(row.batch_id),
            status=ENDED[outcome] if outcome else "RUNNING",
            error_code=_text(row.error_code),
            ends=int(ends[row.job_id]),
        )


def _executions(steps: pd.DataFrame, batches: pd.DataFrame) -> Iterator[AuditedExecution]:
    """
    Yield the executions of the run's jobs: each enters its first state once, in its first attempt.

    Other clients may have jobs of their own, and a lost worker takes its rows along.
    """
    steps = steps[steps["job_id"].isin(set(batches["job_id"].dropna()))]
    if steps.empty:
        return
    first_state = str(steps["state"].iloc[int(steps["ready_at"].to_numpy().argmin())])
    running = set(steps.loc[steps["outcome"].isna(), "job_id"])
    begun = steps[(steps["state"] == first_state) & (steps["attempt"] == 1) & (steps["item"] == 0)]
    for row in _rows(begun):
        job_id = int(row.job_id)
        yield AuditedExecution(f"job {job_id}", job_id, "RUNNING" if job_id in running else "ENDED")


def _counters(run: "Run", rows: pd.DataFrame) -> dict[str, tuple[float, float]] | None:
    metrics = run.metrics[run.metrics["metric"] == BATCHES_CREATED]
    if run.engine == "live" or metrics.empty:
        return None  # Other clients may use the service, too.
    counted = metrics.loc[metrics["labels"].str.contains(READY_LABEL, regex=False), "value"].sum()
    return {f"{BATCHES_CREATED}{{status=READY}}": (float(counted), float((rows["outcome"] == "READY").sum()))}


def _suspects(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the batches whose story may be needed: those that did not end, and those with a repeated job."""
    is_suspect = rows["outcome"].isna() | rows.duplicated("job_id", keep=False)
    for batch_id, group in rows[rows["batch_id"].isin(set(rows.loc[is_suspect, "batch_id"]))].groupby(
        "batch_id", observed=True
    ):
        yield str(batch_id), group


def _story(run: "Run", group: pd.DataFrame) -> Iterator[str]:
    for row in _rows(group):
        for name in ("created_at", "received_at", "started_at", "finished_at", "observed_at"):
            at: Any = getattr(row, name)
            if not pd.isna(at):
                yield f"{at:.2f} s: {name.removesuffix('_at')} (attempt {row.attempt})"
    own = run.requests[run.requests["batch_id"] == str(group["batch_id"].iloc[0])]
    for row in _rows(own):
        yield f"{row.started_at:.2f} s: {row.type} {row.name} was {row.outcome} ({row.status})"


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a frame as named tuples."""
    yield from frame.itertuples()


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
