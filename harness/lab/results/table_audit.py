"""The audit of a run by its tables: what clients, executions and metrics tell without the database."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.audit.auditor import Audit, audit
from harness.audit.ledger import AuditedBatch, AuditedExecution, AuditedJob, Ledger
from harness.lab.results.metric_names import BATCHES_CREATED
from harness.lab.results.notes import LOOPS
from harness.lab.results.tables.text_column import TextColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from harness.lab.results.run import Run

ENDED = {"READY": "SUCCEEDED", "FAILED": "FAILED"}
STEP_COLUMNS = ("job_id", "state", "item", "attempt", "ready_at", "outcome")
"""The columns of ``steps`` that tell of executions; the whole table takes four times as long to read."""

READY_LABEL = '"status":"READY"'


def audit_tables(run: "Run") -> Audit:
    """Return the audit of a run's tables."""
    return audit(ledger_of_tables(run))


def ledger_of_tables(run: "Run") -> Ledger:
    """Return what the tables of a run tell; a batch that was censored may still end."""
    rows, steps = run.batches, run.arrow("steps", STEP_COLUMNS)
    # Executions are counted by the entries into their first state.
    can_count = len(steps) and not run.header.notes.get(LOOPS)
    executions = _executions(steps, rows) if can_count else None
    is_regular = _are_regular(rows, executions)
    others = rows[~is_regular]
    newest = others.sort_values("attempt", kind="stable").drop_duplicates("batch_id", keep="last")
    return Ledger(
        listings=None,
        batches=tuple(_batches(newest)),
        jobs=tuple(_jobs(others)),
        executions=None if executions is None else tuple(_audited(executions, others)),
        # A local AWS that was restarted has forgotten the earlier ones.
        all_executions=run.engine != "live",
        counters=_counters(run, rows),
        stories=dict(_stories(run, rows)),
        regular=int(is_regular.sum()),
    )


def _are_regular(rows: pd.DataFrame, executions: pd.DataFrame | None) -> "pd.Series[bool]":
    """Return which rows of ``batches`` are those of regular batches; see `Ledger.regular`."""
    is_regular = rows["outcome"].isin(ENDED) & ~rows["censored"] & rows["job_id"].notna()
    for name in ("batch_id", "job_id"):
        is_regular &= ~rows[name].duplicated(keep=False)
    if executions is not None:
        jobs = executions["job_id"]
        once = jobs[~(jobs.duplicated(keep=False) | executions["is_running"])]
        is_regular &= rows["job_id"].isin(once)
    return is_regular


def _batches(newest: pd.DataFrame) -> Iterator[AuditedBatch]:
    received = newest["received_at"].notna().tolist()
    columns = (newest[name].tolist() for name in ("batch_id", "listing_id", "family", "outcome", "censored"))
    for batch_id, listing_id, family, ended, is_open, was_received in zip(*columns, received, strict=True):
        outcome = _text(ended)
        yield AuditedBatch(
            id=str(batch_id),
            listing_id=int(listing_id),
            family=str(family),
            status=outcome or ("PROCESSING" if was_received else "PENDING_UPLOAD"),
            accepted=was_received or outcome in ENDED,
            is_open=bool(is_open),
        )


def _jobs(rows: pd.DataFrame) -> Iterator[AuditedJob]:
    known = rows[rows["job_id"].notna()]
    ends = known.groupby("job_id", observed=True)["outcome"].count().to_dict()
    newest = known.drop_duplicates("job_id", keep="last")
    columns = (newest[name].tolist() for name in ("job_id", "batch_id", "outcome", "error_code"))
    for job_id, batch_id, ended, error_code in zip(*columns, strict=True):
        outcome = _text(ended)
        yield AuditedJob(
            id=int(job_id),
            batch_id=str(batch_id),
            status=ENDED[outcome] if outcome else "RUNNING",
            error_code=_text(error_code),
            ends=int(ends[job_id]),
        )


def _executions(steps: "pa.Table", batches: pd.DataFrame) -> pd.DataFrame:
    """
    Return the executions of the run's jobs: each enters its first state once, in its first attempt.

    Other clients may have jobs of their own, and a lost worker takes its rows along.
    """
    numbers = ("job_id", "item", "attempt", "ready_at")
    jobs, items, attempts, ready = (steps[name].to_numpy() for name in numbers)
    states = TextColumn.of(steps["state"]).places
    is_own = np.isin(jobs, batches["job_id"].dropna().to_numpy(np.int64))
    if not is_own.any():
        return pd.DataFrame({"job_id": [], "is_running": []}, dtype=bool)
    first_state = states[np.where(is_own, ready, np.inf).argmin()]
    begun = jobs[is_own & (states == first_state) & (attempts == 1) & (items == 0)]
    running = jobs[TextColumn.of(steps["outcome"]).places < 0]
    return pd.DataFrame({"job_id": begun, "is_running": np.isin(begun, running)})


def _audited(executions: pd.DataFrame, batches: pd.DataFrame) -> Iterator[AuditedExecution]:
    """Yield the executions of the jobs of some batches."""
    found = executions[executions["job_id"].isin(batches["job_id"])]
    for job_id, is_running in zip(found["job_id"].tolist(), found["is_running"].tolist(), strict=True):
        yield AuditedExecution(f"job {job_id}", job_id, "RUNNING" if is_running else "ENDED")


def _counters(run: "Run", rows: pd.DataFrame) -> dict[str, tuple[float, float]] | None:
    if run.engine == "live":
        return None  # Other clients may use the service, too.
    metrics = run.recorded_metric(BATCHES_CREATED)
    if not len(metrics):
        return None
    labels = TextColumn.of(metrics["labels"])
    is_ready = np.array([READY_LABEL in text for text in labels.distinct])[labels.places]
    counted = metrics["value"].to_numpy()[is_ready].sum()
    return {f"{BATCHES_CREATED}{{status=READY}}": (float(counted), float((rows["outcome"] == "READY").sum()))}


def _stories(run: "Run", rows: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the batches whose story may be needed: those that did not end, and those with a repeated job."""
    is_suspect = rows["outcome"].isna() | rows.duplicated("job_id", keep=False)
    if not is_suspect.any():
        return
    suspects = rows[rows["batch_id"].isin(set(rows.loc[is_suspect, "batch_id"]))]
    requests = run.requests[run.requests["batch_id"].isin(set(suspects["batch_id"]))]
    asked = dict(iter(requests.groupby("batch_id", observed=True)))
    for batch_id, group in suspects.groupby("batch_id", observed=True):
        yield str(batch_id), (*_events(group), *_requests(asked.get(batch_id, requests.iloc[:0])))


def _events(batch: pd.DataFrame) -> Iterator[str]:
    for row in batch.itertuples():
        for name in ("created_at", "received_at", "started_at", "finished_at", "observed_at"):
            at: Any = getattr(row, name)
            if not pd.isna(at):
                yield f"{at:.2f} s: {name.removesuffix('_at')} (attempt {row.attempt})"


def _requests(own: pd.DataFrame) -> Iterator[str]:
    for row in own.itertuples():
        yield f"{row.started_at:.2f} s: {row.type} {row.name} was {row.outcome} ({row.status})"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
