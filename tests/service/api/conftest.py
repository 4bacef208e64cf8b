"""
The API over the in-memory adapters: listings, users, and a client with real tokens.
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.api.server import serve
from harness.service.app import Ports, Rules, assemble
from harness.service.core.model.callback_signature import sign
from harness.service.settings import Settings

JWT_KEY = "a key of more than thirty-two bytes for tests"
CALLBACK_SECRET = "the pipeline's secret"

LISTING = 42
DEVELOPMENT = 43
PHOTOGRAPHER = 1
OWNER = 2
OPERATOR = 3
STRANGER = 4

Json = dict[str, Any]


def settings(**changes: Any) -> Settings:
    return Settings(
        **{
            "database_url": "mysql+pymysql://user@host.invalid/db",
            "jwt_key": JWT_KEY,
            "callback_secret": CALLBACK_SECRET,
            "queue_url": "memory://queue",
            "dead_letter_queue_url": "memory://dead",
            "state_machine_arn": "arn:memory",
        }
        | changes
    )


def token(user: object, key: str = JWT_KEY, **claims: object) -> str:
    """Create a token as the user service does; *claims* overrides claims, None removes one."""
    now = int(time.time())
    payload = {"sub": str(user), "iss": "toq", "aud": "toq-media", "iat": now, "exp": now + 3600} | claims
    return jwt.encode({name: claim for name, claim in payload.items() if claim is not None}, key, "HS256")


def body_of(client_id: str) -> bytes:
    return f"the bytes of {client_id}".encode()


def photo(client_id: str = "front", sequence: int = 1, **changes: object) -> Json:
    body = body_of(client_id)
    return {
        "clientId": client_id,
        "mediaType": "PHOTO_HORIZONTAL",
        "orientation": "HORIZONTAL",
        "filename": f"{client_id}.jpg",
        "contentType": "image/jpeg",
        "bytes": len(body),
        "checksum": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "title": "The front",
        "sequence": sequence,
    } | changes


def document(client_id: str = "plan", sequence: int = 1, **changes: object) -> Json:
    plan = photo(
        client_id, sequence, mediaType="PROJECT_DOC", filename="plan.pdf", contentType="application/pdf"
    )
    del plan["orientation"]
    return plan | changes


def uploads(*files: Json, **changes: object) -> Json:
    return {"listingId": LISTING, "batchReference": "morning", "files": list(files or [photo()])} | changes


@dataclass(frozen=True)
class ServiceEnvironment:
    """The API, its in-memory adapters, and requests of users."""

    client: TestClient
    clock: ManualClock
    media: InMemoryMediaRepository
    listings: InMemoryListingRepository
    storage: InMemoryObjectStorage
    queue: InMemoryJobQueue
    workflow: InMemoryWorkflow
    instruments: InMemoryInstruments
    tracer: InMemoryTracer

    def post(self, path: str, body: object, user: object = PHOTOGRAPHER, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(user)}"} | kwargs.pop("headers", {})
        return self.client.post(f"/api/v2/listings/media{path}", json=body, headers=headers, **kwargs)

    def create(self, *files: Json, user: int = PHOTOGRAPHER, **changes: object) -> Json:
        response = self.post("/uploads", uploads(*files, **changes), user)
        assert response.status_code == 201, response.text
        return response.json()

    def upload(self, created: Json) -> None:
        """Upload the files, as a client does with the URLs."""
        for file in created["files"]:
            self.storage.put(file["s3Key"], body_of(file["clientId"]))

    def completion(self, created: Json, listing: int = LISTING, **changes: object) -> Json:
        files = [
            {
                "clientId": file["clientId"],
                "s3Key": file["s3Key"],
                "etag": '"etag"',
                "bytes": len(body_of(file["clientId"])),
            }
            for file in created["files"]
        ]
        return {"listingId": listing, "batchId": created["batchId"], "files": files} | changes

    def complete(self, created: Json, user: int = PHOTOGRAPHER, listing: int = LISTING) -> Json:
        response = self.post("/uploads/complete", self.completion(created, listing), user)
        assert response.status_code == 202, response.text
        return response.json()

    def received(self, *files: Json, **changes: object) -> tuple[Json, Json]:
        """Create a batch in the pipeline; return the responses to creation and completion."""
        created = self.create(*files, **changes)
        self.upload(created)
        return created, self.complete(created)

    def callback(self, document: Json, secret: str = CALLBACK_SECRET, **kwargs: Any) -> httpx.Response:
        raw = httpx.Request("POST", "/", json=document).content
        headers = {"X-Toq-Signature": sign(secret, raw), "Content-Type": "application/json"}
        return self.client.post(
            "/internal/media-processing/callback",
            content=raw,
            headers=headers | kwargs.pop("headers", {}),
            **kwargs,
        )

    def succeed(self, created: Json, job_id: int) -> None:
        """Send the callback of a complete success."""
        answered = self.callback(success(created, job_id))
        assert answered.json()["batchStatus"] == "READY", answered.text

    def ready(self, *files: Json, **changes: object) -> tuple[Json, Json]:
        created, accepted = self.received(*files, **changes)
        self.succeed(created, accepted["jobId"])
        return created, accepted


def success(created: Json, job_id: int) -> Json:
    outputs = [
        {
            "rawKey": file["s3Key"],
            "processedKey": f"{file['s3Key']}.large.jpg",
            "thumbnailKey": f"{file['s3Key']}.thumbnail.jpg",
            "outputs": {
                "thumbnail": f"{file['s3Key']}.thumbnail.jpg",
                "large": f"{file['s3Key']}.large.jpg",
            },
            "width": 1200,
            "height": 800,
        }
        for file in created["files"]
    ]
    bundle = {"key": f"42/zip/{created['batchId']}/{job_id}/full.zip", "bytes": 999, "assets": len(outputs)}
    return {"jobId": job_id, "status": "SUCCEEDED", "outputs": outputs, "zip": bundle}


def env_of(client: TestClient, ports: Ports) -> ServiceEnvironment:
    return ServiceEnvironment(
        client,
        ports.clock,
        ports.media,
        ports.listings,
        ports.storage,
        ports.queue,
        ports.workflow,
        ports.instruments,
        ports.tracer,
    )


def memory_ports() -> Ports:
    """Adapters with a normal listing, a development, and the four kinds of users."""
    clock = ManualClock()
    listings = InMemoryListingRepository()
    for listing, kind in ((LISTING, 1), (DEVELOPMENT, 32)):
        listings.add_listing(listing, owner_id=OWNER, property_type=kind)
        listings.add_booking(listing, photographer_id=PHOTOGRAPHER)
    listings.grant(OPERATOR, "media:manage")
    return Ports(
        media=InMemoryMediaRepository(listings),
        listings=listings,
        storage=InMemoryObjectStorage(),
        queue=InMemoryJobQueue(clock),
        workflow=InMemoryWorkflow(),
        clock=clock,
        instruments=InMemoryInstruments(),
        tracer=InMemoryTracer(),
    )


class Documented:
    """
    A check of every response: its status and body must match the OpenAPI document.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validators: dict[tuple[str, str, str], Draft202012Validator | None] = {}

    def __call__(self, response: httpx.Response) -> None:
        method, path = response.request.method.lower(), response.request.url.path
        operation = self.document["paths"].get(path, {}).get(method)
        if operation is None:
            return
        status = str(response.status_code)
        assert status in operation["responses"], f"{method} {path} answered an undocumented {status}"
        validator = self._validator(path, method, status)
        if validator is not None:
            validator.validate(json.loads(response.read()))

    def _validator(self, path: str, method: str, status: str) -> Draft202012Validator | None:
        if (path, method, status) not in self._validators:
            response = self.document["paths"][path][method]["responses"][status]
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            within = schema and schema | {"components": self.document["components"]}
            validator = Draft202012Validator(within) if within else None
            self._validators[path, method, status] = validator
        return self._validators[path, method, status]


@functools.cache
def documented() -> Documented:
    """One check for all tests: the document is always the same, and slow to create."""
    app = serve(assemble(memory_ports(), Rules(), CollectorRegistry()), settings())
    return Documented(app.openapi())


def open_env(ports: Ports | None = None, **changes: Any) -> tuple[TestClient, Ports]:
    ports = ports or memory_ports()
    app = serve(assemble(ports, Rules(), CollectorRegistry()), settings(**changes))
    client = TestClient(app, raise_server_exceptions=False)
    client.event_hooks = {"response": [documented()]}
    return client, ports


@pytest.fixture
def env() -> Iterator[ServiceEnvironment]:
    client, ports = open_env()
    with client:
        yield env_of(client, ports)


@pytest.fixture
def make() -> SimpleNamespace:
    """The request bodies of clients."""
    return SimpleNamespace(photo=photo, document=document, uploads=uploads, success=success, token=token)


@pytest.fixture
def open_api() -> Callable[..., AbstractContextManager[ServiceEnvironment]]:
    """Return a context manager for an API with other settings or adapters."""

    @contextmanager
    def opened(ports: Ports | None = None, **changes: Any) -> Iterator[ServiceEnvironment]:
        client, adapters = open_env(ports, **changes)
        with client:
            yield env_of(client, adapters)

    return opened
