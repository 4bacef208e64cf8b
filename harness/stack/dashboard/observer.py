"""
Observer of a running stack: processes, queues, executions, metrics and alarms, as values for the live page.

It uses only what the stack's servers return to any client. A part that does not answer is named in
`Snapshot.problems`, and keeps the values of the snapshot before. Points in time are seconds since the epoch.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from harness.blueprint.template import load_template
from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.template_alarms import read_resources
from harness.lab.gate.alarm_watch import SETTLE_S
from harness.lab.gate.live_evaluation import LiveEvaluation
from harness.stack.control_client import ControlClient
from harness.stack.dashboard.measures import Measures
from harness.stack.dashboard.processes import Census
from harness.stack.dashboard.recent_executions import FailedExecution, began_at, failures, states_in_flight
from harness.stack.dashboard.snapshot import (
    AlarmChange,
    AlarmStatus,
    HealthCheck,
    Link,
    QueueDepths,
    Snapshot,
)
from harness.stack.processes.locust_page import locust_page
from harness.stack.processes.state_file import StackState

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

T = TypeVar("T")

TIMEOUT_S = 5.0
FAILURES_SHOWN = 8
CHANGES_SHOWN = 6


class Observer:
    """A callable that takes a snapshot of one stack. Not for several threads at once."""

    def __init__(self, stack: StackState) -> None:
        self._stack = stack
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._control = ControlClient(stack.aws_url, timeout=TIMEOUT_S)
        self._template = load_template(parameters={"CallbackUrl": ""})
        self._sqs: SQSClient = boto3.client(
            "sqs",
            region_name=stack.region,
            endpoint_url=stack.aws_url,
            aws_access_key_id=stack.aws_access_key_id,
            aws_secret_access_key=stack.aws_secret_access_key,
        )
        self._queue_urls: dict[str, str] = {}
        self._census = Census(stack.supervisor_pid)
        self._measures = Measures(stack.time_scale)
        self._alarms = read_resources(self._template.alarms)
        self._evaluation = LiveEvaluation(
            self._alarms, started_at=stack.started_at, time_scale=stack.time_scale
        )
        self._next_row = 0
        self._unfinished_since = 0.0
        self._failed: dict[str, FailedExecution] = {}
        self._last = self._empty_snapshot()

    def __call__(self) -> Snapshot:
        """Take a snapshot."""
        now, problems = time.time(), list[str]()
        last, new = self._last, self._empty_snapshot()
        new.at = now
        new.processes = self._census.take()
        new.checks = self._checks()
        new.queues = self._fetch(self._queues, "the queues", last.queues, problems)
        before = last.running, dict(last.states)
        new.running, new.states = self._fetch(self._executions, "the executions", before, problems)
        new.failures = sorted(self._failed.values(), key=lambda one: -one.at)[:FAILURES_SHOWN]
        self._fetch(self._feed_metrics, "the metrics", None, problems)
        new.measures = self._measures.now(now)
        new.recent_series = self._measures.recent_series(now)
        new.alarms = self._alarms_at(now)
        new.changes = self._changes()
        new.links = self._links()
        new.problems = problems
        self._last = new
        return new

    def _empty_snapshot(self) -> Snapshot:
        stack = self._stack
        return Snapshot(0.0, stack.started_at, stack.mode, stack.time_scale, stack.engine)

    def _fetch(self, fetch: Callable[[], T], what: str, before: T, problems: list[str]) -> T:
        try:
            return fetch()
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            problems.append(f"No answer about {what}: {error}")
            return before

    def _checks(self) -> list[HealthCheck]:
        worker = self._stack.worker_metrics_url.replace("/metrics", "/healthz")
        return [*self._health("API", f"{self._stack.api_url}/readyz"), *self._health("worker", worker)]

    def _health(self, name: str, url: str) -> list[HealthCheck]:
        try:
            answer = self._http.get(url)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            return [HealthCheck(name, False, f"no answer: {error}")]
        if "code" in body:  # an error of the service
            return [HealthCheck(name, False, body["message"])]
        parts = body.get("checks") or body.get("loops") or {}
        return [
            HealthCheck(name, answer.is_success, body["status"]),
            *(HealthCheck(f"{name}, {part}", answer.is_success, detail) for part, detail in parts.items()),
        ]

    def _queues(self) -> list[QueueDepths]:
        template = self._template
        return [self._depths(template.queue.name, False), self._depths(template.dead_letter_queue.name, True)]

    def _depths(self, name: str, takes_dead_letters: bool) -> QueueDepths:
        if name not in self._queue_urls:
            self._queue_urls[name] = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._queue_urls[name], AttributeNames=["All"])
        attributes = {str(key): value for key, value in answer["Attributes"].items()}
        return QueueDepths(
            name,
            int(attributes["ApproximateNumberOfMessages"]),
            int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            int(attributes["ApproximateNumberOfMessagesDelayed"]),
            takes_dead_letters,
        )

    def _executions(self) -> tuple[int, dict[str, int]]:
        executions = self._control.histories_since(self._unfinished_since)
        running = [one for one in executions if one["status"] == "RUNNING" and one["events"]]
        # Executions that ended before the oldest running one began are not fetched again.
        oldest = running or [one for one in executions[-1:] if one["events"]]
        self._unfinished_since = min(map(began_at, oldest), default=self._unfinished_since)
        self._failed |= {f"{one.batch}-{one.job}": one for one in failures(executions)}
        return len(running), states_in_flight(running)

    def _feed_metrics(self) -> None:
        self._next_row, rows = self._control.metrics_since(self._next_row)
        self._measures.feed(rows)
        self._evaluation.feed(rows)

    def _alarms_at(self, now: float) -> list[AlarmStatus]:
        states = self._evaluation.states(now - SETTLE_S)
        return [
            AlarmStatus(
                one.name,
                rule_in_words(one) if isinstance(one, Alarm) else f"composite of {len(one.children)} alarms",
                states[one.name].value,
            )
            for one in self._alarms
        ]

    def _changes(self) -> list[AlarmChange]:
        start, scale = self._stack.started_at, self._stack.time_scale
        return [
            AlarmChange(start + (one.at - start) / scale, one.alarm, one.state.value, one.reason)
            for one in reversed(self._evaluation.changes[-CHANGES_SHOWN:])
        ]

    def _links(self) -> list[Link]:
        api, page = self._stack.api_url, locust_page(self._stack)
        return [
            Link("API documentation", f"{api}/docs"),
            Link("API metrics", f"{api}/metrics"),
            Link("Worker metrics", self._stack.worker_metrics_url),
            Link("Locust", page or "", page is not None and self._is_open(page)),
        ]

    def _is_open(self, url: str) -> bool:
        try:
            return self._http.head(url).is_success
        except httpx.HTTPError:
            return False


def rule_in_words(alarm: Alarm) -> str:
    """Return the rule of an alarm, e.g. ``Sum of Errors listing-media-zip ≥ 1 in 3 of 3 × 60 s``."""
    signs = {
        "GreaterThanThreshold": ">",
        "GreaterThanOrEqualToThreshold": "≥",
        "LessThanThreshold": "<",
        "LessThanOrEqualToThreshold": "≤",
    }
    rule = alarm.rule
    inputs = ", ".join(
        f"{metric.statistic.name} of {metric.name}"
        + "".join(f" {value.split(':')[-1]}" for _, value in metric.dimensions[:1])
        for _, metric in alarm.metrics
    )
    compared = f"an expression of {inputs}" if alarm.expression is not None else inputs
    return (
        f"{compared} {signs[rule.comparison]} {rule.threshold:g} "
        f"in {rule.datapoints_to_alarm} of {rule.evaluation_periods} × {alarm.period} s"
    )
