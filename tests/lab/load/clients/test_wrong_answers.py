"""
A wrong answer of the service is recorded as its failure, with the field; it never stops the generator.

The service is the fake one, called without a network; one field of its answers is replaced.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.lab.load.clients.batch_recorder import WorkerContext
from harness.lab.load.clients.client_session import ClientSession, SessionStopped
from harness.lab.load.clients.flows import FLOWS
from harness.lab.load.clients.payloads import filler
from harness.lab.load.clients.trace_sampling import TraceSampling
from harness.lab.load.generator.http_response import HttpResponse
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.load.progress import Tally
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import complete_batches
from harness.lab.workload.scenario import Scenario
from tests.lab.load.conftest import write_identities
from tests.lab.load.fake_service import PREFIX, Refused, Service, store

ABSENT = object()

WRONG = [
    None,
    ABSENT,
    True,
    -1,
    1.5,
    2**64,
    "",
    "x" * 100_000,
    "\ud800",
    "https://[::1",
    [],
    [7],
    {"a": [None]},
]

Place = tuple[str | int, ...]
Change = Callable[[str, Any], Any]
"""Changes the answer of one endpoint."""


@dataclass
class ChangedService:
    """The fake service as a connection pool; *change* changes its answers."""

    service: Service
    change: Change
    answers: dict[str, Any] = field(default_factory=dict)

    def exchange(
        self, method: str, url: str, headers: dict[str, str], body: Any, *, limit: int | None = None
    ) -> HttpResponse:
        headers = {name.lower(): value for name, value in headers.items()}
        try:
            if url.startswith(PREFIX):
                status, answer = self.service.answer(url, headers, body)
                endpoint = url.removeprefix(PREFIX)
                if answer is not None:
                    self.answers[endpoint] = answer
                    answer = self.change(endpoint, answer)
                return self._response(status, json.dumps(answer).encode())
            parts = urlsplit(url)
            target = f"{parts.path}?{parts.query}"
            status, content, extra = store(self.service, method, target, headers, body or b"")
            return self._response(status, content, {name.decode(): value.decode() for name, value in extra})
        except Refused as refused:
            reason = {"details": {"reason": refused.reason}}
            return self._response(refused.status, json.dumps(reason).encode())

    def _response(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> HttpResponse:
        return HttpResponse(status, content, headers or {}, len(content))


@dataclass
class Client:
    """Plays flows against the fake service; *failed* and *rows* are what became of them."""

    plan: RunPlan
    identities: dict[str, tuple[int, str]]
    folder: Path
    failed: list[str] = field(default_factory=list)

    def play(self, change: Change, *flows: str) -> ChangedService:
        """Play one arrival of each of *flows*; raise what would be a defect of the harness."""
        service = Service(self.identities, 0.0, False, "", False, 0.0, store_url="http://store")
        changed = ChangedService(service, change)
        recorder = WorkerRecorder(self.folder, 0, self.failed.append)
        context = WorkerContext(
            worker=0,
            clock=time.monotonic,
            connections=changed,  # type: ignore[arg-type]  # it has the one method that is needed
            recorder=recorder,
            tally=Tally(),
            fire_request=lambda **_: None,
            traces=TraceSampling(0.0),
            plan=self.plan,
            began_at=0.0,
            payload_of=filler(16),
        )
        arrivals = {arrival.batch.flow: arrival for arrival in self.plan.share(0, 1)}
        for flow in flows or ("retry", "photo_shoot", "viewer"):
            client = ClientSession(context, arrivals[flow], 0.0)
            try:
                FLOWS[flow](client)
            except SessionStopped as stopped:
                client.recorder.flow_failed(str(stopped))
        recorder.close()
        return changed

    def errors(self) -> set[str]:
        (part,) = self.folder.glob("parts/requests-*.arrows")
        rows = [row for batch in complete_batches(part) for row in batch.to_pylist()]
        return {f"{row['name']}: {row['error']}" for row in rows if row["outcome"] == "failed"}


@pytest.fixture
def client(tmp_path) -> Client:
    scenario = Scenario.model_validate(
        {
            "name": "wrong",
            "question": "Does a wrong answer stop the generator?",
            "duration_s": 20,
            "time_scale": 1000,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 60}]}],
            "behaviour": {"poll": {"first_s": 0.1, "cap_s": 0.1, "timeout_s": 1}},
            "flows": [
                {"name": "photo_shoot", "photos": 1, "videos": 0},
                {"name": "viewer"},
                {"name": "retry", "photos": 1, "videos": 0},
            ],
        }
    )
    identities = write_identities(tmp_path / "identities.csv", 60)
    plan = RunPlan.read(scenario, identities)
    tokens = {
        token: (listing.listing_id, role.value)
        for listing in plan.identities.listings
        for role, token in listing.tokens.items()
    }
    return Client(plan, tokens, tmp_path)


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the place of every value in a JSON document."""
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def replaced(document: Any, place: Place, value: Any) -> Any:
    """Return a JSON document with another value at a place."""
    if not place:
        return None if value is ABSENT else value
    document = copy.deepcopy(document)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    if value is ABSENT:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    return document


def changing(endpoint: str, place: Place, value: Any) -> Change:
    return lambda asked, answer: replaced(answer, place, value) if asked == endpoint else answer


def test_the_unchanged_service_passes(client):
    """
    Else the other tests prove nothing.
    """
    client.play(lambda _, answer: answer)

    assert client.errors() == set()


@pytest.mark.parametrize(
    ("endpoint", "flow"),
    [
        ("/uploads", "photo_shoot"),
        ("/uploads/complete", "photo_shoot"),
        ("/uploads/status", "photo_shoot"),
        ("/uploads/retry", "retry"),
        ("/downloads/query", "photo_shoot"),
    ],
)
def test_no_value_of_any_field_stops_the_generator(client, endpoint, flow):
    """
    Every field of an answer is replaced by values of every type: no error escapes, and all rows are recorded.
    """
    answer = client.play(lambda _, answer: answer, flow).answers[endpoint]

    for place in places(answer):
        for value in WRONG:
            client.play(changing(endpoint, place, value), flow)

    assert client.failed == []


@pytest.mark.parametrize(
    ("endpoint", "place", "value", "error"),
    [
        ("/uploads", (), {}, "uploads: the answer has no batchId"),
        ("/uploads", (), [], "uploads: the answer should be an object, not a list"),
        ("/uploads", ("batchId",), 5, "uploads: batchId should be a valid string, not 5"),
        ("/uploads", ("files",), [], "uploads: files has no clientId 'a19-1'"),
        (
            "/uploads",
            ("files", 0, "uploadUrl"),
            "string",
            'uploads: files[0].uploadUrl should be a URL, not "string"',
        ),
        (
            "/uploads",
            ("uploadUrlTtlSeconds",),
            "900",
            'uploads: uploadUrlTtlSeconds should be a valid number, not "900"',
        ),
        ("/uploads/complete", ("jobId",), ABSENT, "uploads/complete: the answer has no jobId"),
        (
            "/uploads/complete",
            ("jobId",),
            2**64,
            "uploads/complete: jobId should be less than 9223372036854775808, not 18446744073709551616",
        ),
        (
            "/uploads/status",
            ("status",),
            "DONE",
            "uploads/status: status should be 'PENDING_UPLOAD', 'RECEIVED', 'PROCESSING', 'READY' or",
        ),
        (
            "/uploads/status",
            ("finishedAt",),
            "yesterday",
            'uploads/status: finishedAt should be a valid datetime, input is too short, not "yesterday"',
        ),
        (
            "/downloads/query",
            ("downloads", 0, "url"),
            ABSENT,
            "downloads/query: downloads[0] should have a url",
        ),
    ],
)
def test_the_error_names_the_field_and_what_it_holds(client, endpoint, place, value, error):
    """
    The colleague who runs the service can find it.
    """
    client.play(changing(endpoint, place, value))

    assert any(each.startswith(error) for each in client.errors())
