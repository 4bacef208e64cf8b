"""
Asks a stack how it is: its processes, queues, executions, metrics and alarms, as values for a page.

Everything comes from what the stack answers anybody. What does not answer is said in `Snapshot.troubles`,
and shown as it was last. Points in time are seconds since the epoch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from harness.blueprint.template import load_template
from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.template_alarms import read_resources
from harness.lab.gate.alarm_watch import SETTLE_S
from harness.lab.gate.live_evaluation import LiveEvaluation
from harness.stack.dashboard.measures import Measure, Measures
from harness.stack.dashboard.processes import Census, Process
from harness.stack.dashboard.recent_executions import FailedExecution, began_at, failures, states_in_flight
from harness.stack.processes.state_file import StackState

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

Answer = TypeVar("Answer")

TIMEOUT_S = 5.0
FAILURES_SHOWN = 8
MOVES_SHOWN = 6
LOCUST_URL = "http://127.0.0.1:8089"


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """Messages of a queue: to be received, received but not deleted, not yet to be received."""

    name: str
    waiting: int
    in_flight: int
    delayed: int
    takes_dead_letters: bool


@dataclass(frozen=True, slots=True)
class AlarmNow:
    """An alarm, what it watches in words, and its state."""

    name: str
    rule: str
    state: str


@dataclass(frozen=True, slots=True)
class AlarmMove:
    """An alarm changed its state."""

    at: float
    alarm: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """What the API or the worker says of itself or of what it leans on."""

    name: str
    well: bool
    words: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where to read on; *open* tells whether anybody answers there."""

    name: str
    url: str
    open: bool = True


@dataclass(slots=True)
class Snapshot:
    """
    A stack at one instant.

    Attributes:
        states: Executions in flight by state.
        troubles: What could not be asked, in sentences.
    """

    at: float
    started_at: float
    mode: str
    time_scale: float
    engine: str
    processes: Sequence[Process] = ()
    checks: Sequence[Check] = ()
    queues: Sequence[QueueDepths] = ()
    running: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[FailedExecution] = ()
    measures: Sequence[Measure] = ()
    alarms: Sequence[AlarmNow] = ()
    moves: Sequence[AlarmMove] = ()
    links: Sequence[Link] = ()
    troubles: Sequence[str] = ()


class Observer:
    """
    Looks at one stack; each call is a look. Not for several threads at once.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, stack: StackState, clock: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._clock = clock
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
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
        self._judge = LiveEvaluation(self._alarms, started_at=stack.started_at, time_scale=stack.time_scale)
        self._next_row = 0
        self._unfinished_since = 0.0
        self._failed: dict[str, FailedExecution] = {}
        self._last = self._blank()

    def __call__(self) -> Snapshot:
        """Look once."""
        now, troubles = self._clock(), list[str]()
        last, found = self._last, self._blank()
        found.at = now
        found.processes = self._census.take()
        found.checks = self._checks()
        found.queues = self._ask(self._queues, "the queues", last.queues, troubles)
        nothing: tuple[int, dict[str, int]] = (last.running, dict(last.states))
        found.running, found.states = self._ask(self._executions, "the executions", nothing, troubles)
        found.failures = sorted(self._failed.values(), key=lambda one: -one.at)[:FAILURES_SHOWN]
        self._ask(self._metrics, "the metrics", None, troubles)
        found.measures = self._measures.now(now)
        found.alarms = self._alarms_at(now)
        found.moves = [
            AlarmMove(self._on_our_clock(move.at), move.alarm, move.state.value, move.reason)
            for move in reversed(self._judge.changes[-MOVES_SHOWN:])
        ]
        found.links = self._links()
        found.troubles = troubles
        self._last = found
        return found

    def _blank(self) -> Snapshot:
        stack = self._stack
        return Snapshot(0.0, stack.started_at, stack.mode, stack.time_scale, stack.engine)

    def _ask(self, question: Callable[[], Answer], about: str, before: Answer, troubles: list[str]) -> Answer:
        try:
            return question()
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            troubles.append(f"No answer about {about}: {error}")
            return before

    def _checks(self) -> list[Check]:
        worker = self._stack.worker_metrics_url.replace("/metrics", "/healthz")
        return [*self._probe("API", f"{self._stack.api_url}/readyz"), *self._probe("worker", worker)]

    def _probe(self, name: str, url: str) -> list[Check]:
        try:
            answer = self._http.get(url)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            return [Check(name, False, f"no answer: {error}")]
        if "code" in told:  # the service's errors
            return [Check(name, False, told["message"])]
        parts = told.get("checks") or told.get("loops") or {}
        return [
            Check(name, answer.is_success, told["status"]),
            *(Check(f"{name}, {part}", answer.is_success, words) for part, words in parts.items()),
        ]

    def _queues(self) -> list[QueueDepths]:
        both = (self._template.queue.name, False), (self._template.dead_letter_queue.name, True)
        return [self._queue(name, takes_dead_letters=dead) for name, dead in both]

    def _queue(self, name: str, *, takes_dead_letters: bool) -> QueueDepths:
        if name not in self._queue_urls:
            self._queue_urls[name] = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue_urls[name], AttributeNames=["All"])
        told = {str(key): value for key, value in asked["Attributes"].items()}
        return QueueDepths(
            name,
            int(told["ApproximateNumberOfMessages"]),
            int(told["ApproximateNumberOfMessagesNotVisible"]),
            int(told["ApproximateNumberOfMessagesDelayed"]),
            takes_dead_letters,
        )

    def _executions(self) -> tuple[int, dict[str, int]]:
        known = self._harness("histories", self._unfinished_since)["data"]
        running = [one for one in known if one["status"] == "RUNNING" and one["events"]]
        # What ended before the oldest of those under way began need not be asked for again.
        begun = [began_at(one) for one in running] or [began_at(one) for one in known[-1:] if one["events"]]
        self._unfinished_since = min(begun, default=self._unfinished_since)
        self._failed |= {f"{one.batch}-{one.job}": one for one in failures(known)}
        return len(running), states_in_flight(running)

    def _metrics(self) -> None:
        answer = self._harness("metrics", self._next_row)
        rows = [(at, metric, labels, value) for at, metric, labels, value in answer["data"]]
        self._next_row = answer["next"]
        self._measures.feed(rows)
        self._judge.feed(rows)

    def _harness(self, what: str, since: float) -> dict[str, Any]:
        answer = self._http.get(f"{self._stack.aws_url}/_harness/{what}", params={"since": since})
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def _alarms_at(self, now: float) -> list[AlarmNow]:
        states = self._judge.states(now - SETTLE_S)
        return [
            AlarmNow(
                one.name,
                in_words(one) if isinstance(one, Alarm) else f"composite of {len(one.children)} alarms",
                states[one.name].value,
            )
            for one in self._alarms
        ]

    def _on_our_clock(self, model_at: float) -> float:
        began = self._stack.started_at
        return began + (model_at - began) / self._stack.time_scale

    def _links(self) -> list[Link]:
        api = self._stack.api_url
        return [
            Link("API documentation", f"{api}/docs"),
            Link("API metrics", f"{api}/metrics"),
            Link("Worker metrics", self._stack.worker_metrics_url),
            Link("Locust", LOCUST_URL, self._is_open(LOCUST_URL)),
        ]

    def _is_open(self, url: str) -> bool:
        try:
            return self._http.head(url).is_success
        except httpx.HTTPError:
            return False


def in_words(alarm: Alarm) -> str:
    """Return what makes an alarm fire, e.g. ``Sum of Errors listing-media-zip ≥ 1 in 3 of 3 × 60 s``."""
    signs = {
        "GreaterThanThreshold": ">",
        "GreaterThanOrEqualToThreshold": "≥",
        "LessThanThreshold": "<",
        "LessThanOrEqualToThreshold": "≤",
    }
    rule = alarm.rule
    read = ", ".join(
        f"{metric.statistic.name} of {metric.name}"
        + "".join(f" {value.split(':')[-1]}" for _, value in metric.dimensions[:1])
        for _, metric in alarm.metrics
    )
    what = f"an expression of {read}" if alarm.expression is not None else read
    return (
        f"{what} {signs[rule.comparison]} {rule.threshold:g} "
        f"in {rule.datapoints_to_alarm} of {rule.evaluation_periods} × {alarm.period} s"
    )
