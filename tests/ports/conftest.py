"""
The fixtures of the port contracts: every contract runs on the in-memory adapter and on its vendor.
"""

import itertools
import json
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import boto3
import httpx
import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.adapters.s3.object_storage import S3ObjectStorage
from harness.service.adapters.sqs.job_queue import SQSJobQueue
from harness.service.adapters.stepfunctions.workflow import StepFunctionsWorkflow
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.listing import BookingStatus, ListingStatus
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import AssetType, MediaType, Orientation
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload
from harness.service.core.ports.workflow import ExecutionStatus, Workflow

ISSUED_AT = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)


class Tables(Protocol):
    """The two repositories, and the rows that a test inserts without a port."""

    media: MediaRepository
    listings: ListingRepository

    @abstractmethod
    def add_listing(
        self,
        listing_id: int,
        *,
        owner_id: int = 1,
        status: ListingStatus = ListingStatus.PENDING_PHOTO_PROCESSING,
        property_type: int = 1,
    ) -> None: ...

    @abstractmethod
    def add_booking(self, listing_id: int, *, photographer_id: int, status: BookingStatus) -> None: ...

    @abstractmethod
    def grant(self, user_id: int, privilege: str) -> None: ...

    @abstractmethod
    def delete_user(self, user_id: int) -> None: ...

    @abstractmethod
    def delete_listing(self, listing_id: int) -> None: ...


class InMemoryTables(Tables):
    def __init__(self) -> None:
        self._rows = InMemoryListingRepository()
        self.listings = self._rows
        self.media = InMemoryMediaRepository(self._rows)

    def add_listing(
        self,
        listing_id: int,
        *,
        owner_id: int = 1,
        status: ListingStatus = ListingStatus.PENDING_PHOTO_PROCESSING,
        property_type: int = 1,
    ) -> None:
        self._rows.add_listing(listing_id, owner_id=owner_id, status=status, property_type=property_type)

    def add_booking(self, listing_id: int, *, photographer_id: int, status: BookingStatus) -> None:
        self._rows.add_booking(listing_id, photographer_id=photographer_id, status=status)

    def grant(self, user_id: int, privilege: str) -> None:
        self._rows.grant(user_id, privilege)

    def delete_user(self, user_id: int) -> None:
        self._rows.delete_user(user_id)

    def delete_listing(self, listing_id: int) -> None:
        self._rows.delete_listing(listing_id)


# Children first: MySQL 9.7.4 deletes the grandchildren of the first child only.
TABLES = (
    "listing_media_jobs",
    "listing_media_batches",
    "listing_identities",
    "user_privileges",
    "users",
    "media_dead_letters",
)


class MySQLTables(Tables):
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.listings = MySQLListingRepository(pool)
        self.media = MySQLMediaRepository(pool)
        for table in TABLES:
            self._run(f"DELETE FROM {table}")  # noqa: S608 — the names above
        for user_id in range(1, 10):
            self._run(
                "INSERT INTO users (id, full_name, email) VALUES (%s, 'Ada', 'ada@example.org')", user_id
            )

    def add_listing(
        self,
        listing_id: int,
        *,
        owner_id: int = 1,
        status: ListingStatus = ListingStatus.PENDING_PHOTO_PROCESSING,
        property_type: int = 1,
    ) -> None:
        self._run(
            "INSERT INTO listing_identities (id, listing_uuid, user_id, code, active_version_id)"
            " VALUES (%s, %s, %s, %s, %s)",
            *(listing_id, str(uuid.uuid4()), owner_id, listing_id, 10 * listing_id),
        )
        # An older version must never be read.
        self._run(
            "INSERT INTO listing_versions (id, listing_identity_id, user_id, version, status, type)"
            " VALUES (%s, %s, %s, 1, 1, 1), (%s, %s, %s, 2, %s, %s)",
            *(10 * listing_id - 1, listing_id, owner_id),
            *(10 * listing_id, listing_id, owner_id, int(status), property_type),
        )

    def add_booking(self, listing_id: int, *, photographer_id: int, status: BookingStatus) -> None:
        self._run(
            "INSERT INTO photographer_photo_session_bookings"
            " (photographer_user_id, listing_identity_id, starts_at, ends_at, status)"
            " VALUES (%s, %s, '2026-01-05 09:00:00', '2026-01-05 11:00:00', %s)",
            *(photographer_id, listing_id, status),
        )

    def grant(self, user_id: int, privilege: str) -> None:
        self._run("INSERT INTO user_privileges (user_id, privilege) VALUES (%s, %s)", user_id, privilege)

    def delete_user(self, user_id: int) -> None:
        self._run("UPDATE users SET deleted = 1 WHERE id = %s", user_id)

    def delete_listing(self, listing_id: int) -> None:
        self._run("UPDATE listing_identities SET deleted = 1 WHERE id = %s", listing_id)

    def _run(self, sql: str, *parameters: object) -> None:
        with self._pool.session() as session:
            session.write(Statement("seed", "", sql), *parameters)


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.stack)])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Empty tables, nine users and no listing."""
    if request.param == "memory":
        yield InMemoryTables()
        return
    pool = Pool(DatabaseAddress.parse(request.getfixturevalue("database_url")), size=8)
    yield MySQLTables(pool)
    pool.close()


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """
    Return a function that creates batches of two photos, each with its own id and a reference of its own by
    default.
    """
    numbers = itertools.count(1)

    def make(
        listing_id: int = 7,
        *,
        reference: str | None = None,
        status: BatchStatus = BatchStatus.PENDING_UPLOAD,
        issued_at: datetime = ISSUED_AT,
    ) -> Batch:
        batch_id = BatchId(str(uuid.uuid4()))
        return Batch(
            id=batch_id,
            listing_id=ListingId(listing_id),
            reference=reference or f"shoot-{next(numbers)}",
            uploaded_by=UserId(2),
            status=status,
            uploads=tuple(
                Upload(
                    ManifestFile(
                        client_id=f"p{place}",
                        media_type=MediaType.PHOTO_VERTICAL,
                        filename=f"façade {place}.jpg",
                        content_type="image/jpeg",
                        bytes=1000 * place,
                        checksum=Sha256(f"{place:064x}"),
                        sequence=place,
                        title="Façade 🏡",
                        metadata={"camera": "X"},
                    ),
                    f"{listing_id}/raw/photo/vertical/{batch_id}/p{place}-facade.jpg",
                )
                for place in (1, 2)
            ),
            issued_at=issued_at,
        )

    return make


@pytest.fixture
def make_asset() -> Callable[..., Asset]:
    """Return a function that creates assets of a batch."""

    def make(batch_id: BatchId, key: str, sequence: int | None = 1, **changes: object) -> Asset:
        fields: dict[str, object] = {
            "batch_id": batch_id,
            "asset_type": AssetType.PHOTO_VERTICAL,
            "source_key": key,
            "checksum_sha256": "ab" * 32,
            "content_type": "image/jpeg",
            "bytes": 5_000_000_000,
            "client_id": "p1",
            "filename": "façade.jpg",
            "orientation": Orientation.VERTICAL,
            "title": "Façade 🏡",
            "sequence": sequence,
        }
        return Asset(**(fields | changes))  # type: ignore[arg-type]

    return make


@dataclass
class Bucket:
    """A bucket, and a client that uses its presigned URLs."""

    storage: ObjectStorage
    put: Callable[[SignedUpload, str, bytes], None]
    known_host: str
    stage_of: Callable[[str], str]


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.stack)])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket."""
    if request.param == "memory":
        memory = InMemoryObjectStorage()
        return Bucket(
            memory,
            lambda upload, key, body: void(memory.put(key, body, upload.headers["Content-Type"])),
            "memory://",
            lambda key: memory.stages[key].value,
        )
    url = request.getfixturevalue("s3_url")
    request.getfixturevalue("monkeypatch").setenv("AWS_ENDPOINT_URL_S3", url)
    session: boto3.Session = request.getfixturevalue("aws")
    name = f"bucket-{uuid.uuid4()}"
    client = session.client("s3")
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(upload: SignedUpload, key: str, body: bytes) -> None:
        httpx.put(upload.url, headers=dict(upload.headers), content=body).raise_for_status()

    storage = S3ObjectStorage(session, bucket=name, kms_key_id="alias/toq-media-processing")

    def stage_of(key: str) -> str:
        tags = client.get_object_tagging(Bucket=name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}["media-stage"]

    return Bucket(storage, put, url, stage_of)


@dataclass
class Queue:
    """A queue with a maximum of two receives and immediate redelivery, and a way to send any body."""

    queue: JobQueue
    send_raw: Callable[[str], object]
    let_time_pass: Callable[[], None]


@pytest.fixture(params=["memory", pytest.param("sqs", marks=pytest.mark.stack)])
def queue(request: pytest.FixtureRequest) -> Queue:
    """An empty queue and its empty dead-letter queue."""
    if request.param == "memory":
        clock = ManualClock()
        memory = InMemoryJobQueue(clock, visibility=30, max_receive_count=2)
        return Queue(memory, memory.send_raw, lambda: clock.advance(31))
    session: boto3.Session = request.getfixturevalue("aws")
    sqs = session.client("sqs")
    name = uuid.uuid4()
    dead_url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url = sqs.create_queue(QueueName=f"{name}", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    adapter = SQSJobQueue(session, queue_url=url, dead_letter_queue_url=dead_url)
    held: list[ReceivedMessage] = []
    receive = adapter.receive

    def remember(*, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        held.extend(messages := receive(limit=limit, wait=wait))
        return messages

    def let_time_pass() -> None:
        """Make received messages visible again, without waiting for the visibility time-out."""
        while held:
            receipt = held.pop().receipt
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)

    adapter.receive = remember  # type: ignore[method-assign]
    return Queue(adapter, lambda body: sqs.send_message(QueueUrl=url, MessageBody=body), let_time_pass)


@dataclass
class Engine:
    """A workflow, and a way to end its executions: with the input as output, or with an error."""

    workflow: Workflow
    finish: Callable[[str], None]
    fail: Callable[[str], None]


MACHINE = {
    "StartAt": "Succeeds?",
    "States": {
        "Succeeds?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": True, "Next": "Refuse"}],
            "Default": "Accept",
        },
        "Accept": {"Type": "Pass", "End": True},
        "Refuse": {"Type": "Fail", "Error": "Poison", "Cause": "bad input"},
    },
}


@pytest.fixture(params=["memory", pytest.param("stepfunctions", marks=pytest.mark.stack)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """A state machine without executions. The input ``{"fail": …}`` makes an execution fail."""
    if request.param == "memory":
        memory = InMemoryWorkflow()
        return Engine(
            memory,
            lambda name: memory.end(name, output=memory.inputs[name]),
            lambda name: memory.end(name, ExecutionStatus.FAILED, error="Poison", cause="bad input"),
        )
    session: boto3.Session = request.getfixturevalue("aws")
    machine = session.client("stepfunctions").create_state_machine(
        name=f"sm-{uuid.uuid4()}",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/sm",
    )
    workflow = StepFunctionsWorkflow(session, state_machine_arn=machine["stateMachineArn"])

    def until_ended(name: str) -> None:
        while (found := workflow.find(name)) is None or found.status is ExecutionStatus.RUNNING:
            pass

    return Engine(workflow, until_ended, until_ended)


def void(_: object) -> None:
    """Ignore a result."""
