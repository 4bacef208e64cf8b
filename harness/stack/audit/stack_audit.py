"""
The audit of a live run at the end: the database, Step Functions, the bucket, the logs and the counters.

It sees what was created since the run began. A batch that has not ended is lost only after the time in which
the reconciler ends every job; before, it is open.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from harness.audit.auditor import Audit, audit
from harness.audit.ledger import AuditedExecution, Ledger
from harness.blueprint.template import load_template
from harness.lab.results.metric_names import BATCHES_CREATED
from harness.lab.results.step_rows import batch_job_of
from harness.service.adapters.stepfunctions.workflow import BUNDLE_STATE
from harness.service.audited import audited_asset, audited_batch, audited_job
from harness.service.core.model.batch import Batch
from harness.service.core.model.job import JobStatus
from harness.service.settings import Settings
from harness.stack.audit.database_rows import DatabaseRows, read_rows
from harness.stack.audit.object_check import problem_of
from harness.stack.processes.state_file import StackState

PATIENCE_S = 20.0
"""How long the audit waits for batches that are still processed [clock s]."""
CHECKED_MAX = 400
"""How many objects are downloaded and checked; spread evenly over all of them."""
APPLIED = "service.media.handle_processing_callback.applied"
COUNTING = frozenset({"harness.service.api", "harness.service.worker"})
"""The modules of the processes that count."""
AWS, S3 = frozenset({"harness.stack.aws.aws_server"}), frozenset({"harness.stack.aws.s3.s3_server"})
"""The modules of the processes that keep executions and objects in their memory, unlike AWS."""
SLACK_S = 120.0
"""Time between two passes of the reconciler, and its work, generously [model s]."""


@dataclass(frozen=True, slots=True)
class StackAuditor:
    """The auditor of a running stack, for a run that began at *began_at* [s since the epoch]."""

    state: StackState
    began_at: float

    def audit(self) -> Audit:
        """Wait until the batches have ended, but not long, and audit all that can be seen."""
        rows = self._settled_rows()
        return audit(self.ledger(rows))

    def rows(self) -> DatabaseRows:
        """Read what the run has left in the database."""
        return read_rows(self.state.database_url, self.began_at)

    def ledger(self, rows: DatabaseRows) -> Ledger:
        """Return what database and AWS say."""
        # A local S3 that was killed has lost what was READY: nothing is said about its objects.
        objects, broken = (None, {}) if self._was_restarted(S3) else self._objects(rows)
        ends = _ends(Path(self.state.logs))
        return Ledger(
            listings=rows.listings,
            batches=tuple(audited_batch(batch, is_open=self._is_open(batch)) for batch in rows.batches),
            jobs=tuple(
                audited_job(job, ends=ends[job.id] if ends else None, messages=rows.messages[job.id])
                for job in rows.jobs
            ),
            assets=tuple(audited_asset(asset) for asset in rows.assets),
            executions=tuple(self._executions(rows)),
            all_executions=not self._was_restarted(AWS),
            objects=objects,
            broken=broken,
            unsent=rows.unsent,
            counters=self._counters(),
            uncounted=self._was_restarted(COUNTING),
            stories={batch.id: tuple(_story(batch, rows)) for batch in rows.batches},
        )

    def _settled_rows(self) -> DatabaseRows:
        until = time.monotonic() + PATIENCE_S
        while (rows := self.rows()).in_pipeline:
            if time.monotonic() > until:
                break
            time.sleep(0.5)
        return rows

    def _is_open(self, batch: Batch) -> bool:
        if not batch.status.in_pipeline or batch.received_at is None:
            return False
        stuck: float = Settings.model_fields["stuck_job_timeout_seconds"].default
        age = (datetime.now(UTC) - batch.received_at).total_seconds()
        return age < (2 * stuck + SLACK_S) / self.state.time_scale

    def _executions(self, rows: DatabaseRows) -> Iterator[AuditedExecution]:
        """Yield the executions of the run's jobs, and those since its begin that have no job."""
        jobs = {int(job.id): job for job in rows.jobs}
        client = self._session().client("stepfunctions", endpoint_url=self.state.aws_url)
        name = load_template(parameters={"CallbackUrl": ""}).state_machine.name
        machines = client.list_state_machines()["stateMachines"]
        arn = next(each["stateMachineArn"] for each in machines if each["name"] == name)
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn)
        for found in (each for page in pages for each in page["executions"]):
            named = batch_job_of(found["name"])
            if named is None or named.batch_id in rows.earlier:
                continue
            job = jobs.get(named.job_id)
            if job is None and found["startDate"].timestamp() < self.began_at:
                continue
            finished = False
            if job is not None and job.status is JobStatus.FAILED and job.finished_at is not None:
                history = client.get_execution_history(executionArn=found["executionArn"], maxResults=1000)
                finished = finished_whole(history["events"], job.finished_at)
            yield AuditedExecution(found["name"], named.job_id, found["status"], finished)

    def _objects(self, rows: DatabaseRows) -> tuple[frozenset[str], Mapping[str, str]]:
        """Return the keys in the bucket but those of earlier runs, and what is wrong with objects."""
        client = self._session().client("s3", endpoint_url=self.state.s3_url)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        ours = frozenset(key for key in keys if not rows.earlier.intersection(key.split("/")))
        broken = {key: problem for key in _spread(_offered(rows)) if (problem := self._problem(client, key))}
        checksums = {
            asset.source_key: asset.checksum_sha256 for asset in rows.assets if asset.checksum_sha256
        }
        for key in _spread([key for key in checksums if key in ours]):
            content = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            if hashlib.sha256(content).hexdigest() != checksums[key]:
                broken[key] = "it has another SHA-256 than the manifest"
        return ours, broken

    def _problem(self, client: Any, key: str) -> str | None:
        try:
            content = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            return f"it cannot be read: {error}"
        return problem_of(key, content, modelled=self.state.mode == "modelled")

    def _counters(self) -> dict[str, tuple[float, float]]:
        """Return the counts of the API and the worker since the stack started, with those of the rows."""
        counted: Counter[str] = Counter()
        for url in (self.state.api_url, self.state.worker_metrics_url):
            text = httpx.get(f"{url.removesuffix('/metrics')}/metrics", trust_env=False).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == BATCHES_CREATED:
                        counted[sample.labels["status"]] += int(sample.value)
        everything = read_rows(self.state.database_url, self.state.started_at)
        stored = {
            "PENDING_UPLOAD": len(everything.batches),
            "READY": sum(job.status.value == "SUCCEEDED" for job in everything.jobs),
        }
        return {
            f"{BATCHES_CREATED}{{status={status}}}": (float(counted[status]), float(number))
            for status, number in stored.items()
        }

    def _was_restarted(self, modules: frozenset[str]) -> bool:
        """Return whether a process of one of these modules is younger than the stack: it began anew."""
        for part in psutil.Process(self.state.supervisor_pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # It may end meanwhile, e.g. one that executes functions.
                if modules.intersection(part.cmdline()) and part.create_time() > self.state.started_at:
                    return True
        return False

    @property
    def _bucket(self) -> str:
        bucket: str = Settings.model_fields["bucket"].default
        return bucket

    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.state.aws_access_key_id,
            aws_secret_access_key=self.state.aws_secret_access_key,
            region_name=self.state.region,
        )


def finished_whole(events: Sequence[Mapping[str, Any]], before: datetime) -> bool:
    """Return whether an execution made its bundle, without a failed file, before a time."""
    for event in events:
        exited = event.get("stateExitedEventDetails", {})
        if exited.get("name") == BUNDLE_STATE and event["timestamp"] < before:
            # A state that was left by its catcher has no result.
            bundle = json.loads(exited["output"]).get("zip")
            return bundle is not None and not any(one.get("errorCode") for one in bundle["outputs"])
    return False


def _offered(rows: DatabaseRows) -> list[str]:
    """Return the keys of all downloads of batches that are not deleted."""
    live = {batch.id for batch in rows.batches if batch.deleted_at is None}
    return [key for asset in rows.assets if asset.batch_id in live for key in audited_asset(asset).keys]


def _spread(keys: Sequence[str]) -> Sequence[str]:
    """Return up to `CHECKED_MAX` of *keys*, evenly spread."""
    return keys if len(keys) <= CHECKED_MAX else keys[:: -(-len(keys) // CHECKED_MAX)]


def _ends(logs: Path) -> Counter[int] | None:
    """Return how often a callback ended each job, by the logs of API and worker; None without logs."""
    ends: Counter[int] = Counter()
    paths = [logs / "api.log", logs / "worker.log"]
    if not all(path.exists() for path in paths):
        return None
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if APPLIED in line:
                    _count_end(line, ends)
    return ends


def _count_end(line: str, ends: Counter[int]) -> None:
    try:
        fields = json.loads(line)
    except ValueError:
        return  # The last line of a process that was killed.
    if fields.get("callback_status") != "RUNNING":
        ends[int(fields["job_id"])] += 1


def _story(batch: Batch, rows: DatabaseRows) -> Iterator[str]:
    """Yield what the rows tell about a batch."""
    for name in ("issued_at", "received_at", "processing_started_at", "processing_finished_at", "deleted_at"):
        if (at := getattr(batch, name)) is not None:
            yield f"{at:%H:%M:%S.%f} UTC: {name.removesuffix('_at').replace('_', ' ')}"
    for job in rows.jobs:
        if job.batch_id == batch.id:
            yield f"job {job.id}, attempt {job.attempt}: {job.status}, {rows.messages[job.id]} messages"
    yield f"the batch is {batch.status}" + (f" ({batch.error_code})" if batch.error_code else "")
