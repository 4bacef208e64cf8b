"""
A modelled stack shared by all tests that need a running service, a client of it, and state machines on it.
"""

import csv
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from harness.stack.local_stack import LocalStack, StackOptions
from harness.stack.processes.state_file import StackState

TIME_SCALE = 30.0
TIMEOUT_S = 60.0
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


@pytest.fixture(scope="session")
def modelled_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """A stack with modelled handlers, 30 model seconds a second."""
    folder = tmp_path_factory.mktemp("stack")
    options = StackOptions(
        mode="modelled",
        time_scale=TIME_SCALE,
        listings=120,
        developments=10,
        state_file=folder / "stack.json",
    )
    with LocalStack(options) as stack:
        yield stack.state


@dataclass
class Uploader:
    """A client that acts as the photographer of one listing after the other."""

    state: StackState
    people: list[dict[str, str]]
    traceparent: str | None = None
    shoots: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self.shoots = iter(
            [int(one["listing_id"]) for one in self.people if self._is(one, "photographer", "0")]
        )

    @staticmethod
    def _is(one: Mapping[str, str], role: str, development: str) -> bool:
        return one["role"] == role and one["development"] == development

    def token(self, listing: int, role: str) -> str:
        return next(
            one["token"] for one in self.people if one["listing_id"] == str(listing) and one["role"] == role
        )

    def ask(self, listing: int, path: str, role: str = "photographer", **body: Any) -> httpx.Response:
        return httpx.post(
            f"{self.state.api_url}/api/v2/listings/media{path}",
            json={"listingId": listing} | body,
            headers={"Authorization": f"Bearer {self.token(listing, role)}"}
            | ({"traceparent": self.traceparent} if self.traceparent else {}),
            timeout=30,
        )

    def upload(
        self,
        photos: int = 2,
        videos: int = 1,
        content: Callable[[str, int], bytes] = lambda kind, seed: f"{kind} {seed}".encode(),
    ) -> tuple[int, str]:
        """Create a batch, put its files, complete it; return listing and batch. The seed differs by file."""
        kinds = ["PHOTO_HORIZONTAL"] * photos + ["VIDEO_HORIZONTAL"] * videos
        return self.send([(kind, content(kind, next(_numbers))) for kind in kinds])

    def send(self, media: list[tuple[str, bytes]]) -> tuple[int, str]:
        """Create a batch of files, each a media type and a content, put and complete it."""
        listing = next(self.shoots)
        kinds = [kind for kind, _ in media]
        contents = {f"f{number}": each for number, (_, each) in enumerate(media)}
        files = [
            {
                "clientId": name,
                "mediaType": kind,
                "orientation": "HORIZONTAL",
                "filename": f"{name}.jpg" if kind.startswith("PHOTO") else f"{name}.mp4",
                "contentType": "image/jpeg" if kind.startswith("PHOTO") else "video/mp4",
                "bytes": len(contents[name]),
                "checksum": f"sha256:{hashlib.sha256(contents[name]).hexdigest()}",
                "title": name,
                "sequence": number,
            }
            for number, (name, kind) in enumerate(zip(contents, kinds, strict=True), 1)
        ]
        created = self.ask(listing, "/uploads", batchReference="one", files=files)
        assert created.status_code == 201, created.text
        done = [self._put(one, contents[one["clientId"]]) for one in created.json()["files"]]
        batch = created.json()["batchId"]
        completed = self.ask(listing, "/uploads/complete", batchId=batch, files=done)
        assert completed.status_code == 202, completed.text
        return listing, batch

    def _put(self, given: Mapping[str, Any], content: bytes) -> dict[str, Any]:
        answer = httpx.put(given["uploadUrl"], content=content, headers=given["headers"], timeout=30)
        assert answer.status_code == 200, answer.text
        return {
            "clientId": given["clientId"],
            "s3Key": given["s3Key"],
            "etag": answer.headers["etag"],
            "bytes": len(content),
        }

    def status(self, listing: int, batch: str) -> dict[str, Any]:
        """Poll the status until the batch has ended, for a minute at most; a 503 has no status."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            found: dict[str, Any] = self.ask(listing, "/uploads/status", batchId=batch).json()
            if found.get("status") in ("READY", "FAILED") or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


@pytest.fixture(scope="session")
def uploader(modelled_stack: StackState) -> Uploader:
    with Path(modelled_stack.identities).open(newline="") as file:
        return Uploader(modelled_stack, list(csv.DictReader(file)))


@pytest.fixture(scope="session")
def client(modelled_stack: StackState) -> Callable[[str], Any]:
    """Return clients of the stack's AWS by service name."""

    def make(service: str) -> Any:
        endpoint = modelled_stack.s3_url if service == "s3" else modelled_stack.aws_url
        return boto3.client(  # type: ignore[call-overload]  # the stubs want a literal
            service,
            endpoint_url=endpoint,
            region_name=modelled_stack.region,
            aws_access_key_id=modelled_stack.aws_access_key_id,
            aws_secret_access_key=modelled_stack.aws_secret_access_key,
        )

    return make


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Return names that are used once."""
    return lambda prefix: f"{prefix}-{next(_numbers)}"


_numbers = itertools.count(1)


@pytest.fixture
def states(client) -> Any:
    return client("stepfunctions")


@pytest.fixture
def machine(states, unique) -> Callable[[dict[str, Any]], str]:
    """Create a state machine that begins with the first of its states."""

    def make(definition: dict[str, Any], **more: Any) -> str:
        whole = {"StartAt": next(iter(definition)), "States": definition} | more
        made = states.create_state_machine(name=unique("machine"), definition=json.dumps(whole), roleArn=ROLE)
        return str(made["stateMachineArn"])

    return make


@pytest.fixture
def play(states, machine) -> Callable[..., dict[str, Any]]:
    """Run a state machine to its end; return the answer of DescribeExecution."""

    def run(definition: dict[str, Any], given: Any = None, **more: Any) -> dict[str, Any]:
        arn = states.start_execution(
            stateMachineArn=machine(definition, **more), input=json.dumps(given or {})
        )["executionArn"]
        return ended(states, arn)

    return run


def ended(states: Any, arn: str) -> dict[str, Any]:
    """Return the answer of DescribeExecution when an execution has ended, or after half a minute."""
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = states.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING" or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
