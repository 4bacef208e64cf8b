"""
Records beside a run what the stack knows of it: every metric, and what each state did.

While the run goes on metrics are fetched every second, so that little is lost if it dies; the
histories of the executions are read when it is over. Times in seconds since the run began.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from harness.blueprint.template import load_template
from harness.lab.results.execution_history import job_of, step_rows
from harness.lab.results.rows import MetricRow
from harness.lab.results.writer import OBSERVER, TablePartWriter
from harness.stack.processes.state_file import StackState

LOG = logging.getLogger(__name__)

PERIOD_S = 1.0
LOOK_BACK_ROWS = 10_000
TIMEOUT_S = 120.0
READERS = 8
PUT_TWICE = frozenset({"media_batches_created_total", "media_processing_duration_seconds"})
"""What the service puts with a dimension and, for CloudWatch's sake, once more without: kept once."""


@contextmanager
def sampled(state: StackState, run_folder: Path, began_at: float) -> Iterator[None]:
    """
    Record metrics as long as the body runs, and the steps when it is over, into the run folder's parts.

    Args:
        began_at: The run's beginning [s since the epoch].
    """
    with (
        TablePartWriter(run_folder, OBSERVER) as part,
        httpx.Client(base_url=state.aws_url, timeout=TIMEOUT_S) as aws,
    ):
        metrics = _Metrics(aws, part, began_at)
        over = threading.Event()
        thread = threading.Thread(target=metrics.follow, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            metrics.fetch()
            for history in _histories(aws, state, began_at):
                job_id = job_of(history["name"])
                if job_id is not None:
                    for row in step_rows(job_id, history["events"], began_at):
                        part.add(row)
            part.flush()


class _Metrics:
    """Fetches what is new."""

    def __init__(self, aws: httpx.Client, part: TablePartWriter, began_at: float) -> None:
        self._aws = aws
        self._part = part
        self._began_at = began_at
        self._next = max(0, self._ask(0, only_count=True)["next"] - LOOK_BACK_ROWS)

    def follow(self, over: threading.Event) -> None:
        while not over.wait(PERIOD_S):
            try:
                self.fetch()
            except httpx.HTTPError as error:  # the last fetch, which may not fail, catches up
                LOG.warning("metrics could not be fetched, trying again: %s", error)

    def fetch(self) -> None:
        answer = self._ask(self._next)
        for at, metric, labels, value in answer["data"]:
            if at >= self._began_at and not (labels == "{}" and metric in PUT_TWICE):
                self._part.add(MetricRow(at - self._began_at, metric, labels, value))
        self._next = answer["next"]
        self._part.flush()

    def _ask(self, since: int, *, only_count: bool = False) -> dict[str, Any]:
        answer = self._aws.get("/_harness/metrics", params={"since": 10**12 if only_count else since})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _histories(aws: httpx.Client, state: StackState, began_at: float) -> Iterator[dict[str, Any]]:
    answer = aws.get("/_harness/histories", params={"since": began_at})
    if answer.status_code == HTTPStatus.OK:
        yield from answer.json()["data"]
        return
    client = boto3.client(
        "stepfunctions",
        region_name=state.region,
        endpoint_url=state.aws_url,
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        config=Config(max_pool_connections=READERS),
    )
    with ThreadPoolExecutor(READERS) as readers:
        yield from readers.map(lambda execution: _history(client, execution), _executions(client, began_at))


def _executions(client: Any, began_at: float) -> list[dict[str, Any]]:
    machine = load_template(parameters={"CallbackUrl": ""}).state_machine
    found: list[dict[str, Any]] = []
    for page in client.get_paginator("list_executions").paginate(stateMachineArn=machine.arn):
        for execution in page["executions"]:
            if execution["startDate"].timestamp() < began_at:
                return found  # newest first
            found.append(execution)
    return found


def _history(client: Any, execution: Mapping[str, Any]) -> dict[str, Any]:
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=execution["executionArn"], maxResults=1000
    )
    return {"name": execution["name"], "events": [event for page in pages for event in page["events"]]}
