"""
The service in memory, or over a database: two listings, four users, and a manual clock.
"""

from dataclasses import dataclass, field, replace

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.core.model.access_policy import MANAGE, AccessPolicy, Caller
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import ProcessingCallback
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, JobId, ListingId, UserId
from harness.service.core.model.job import Job
from harness.service.core.model.listing import OFF_PLAN_HOUSE, ListingStatus
from harness.service.core.model.manifest import ManifestFile, UploadLimits
from harness.service.core.model.media_type import MediaType
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.use_cases.complete_upload_batch import (
    AcceptedJob,
    CompleteUploadBatch,
    UploadedFile,
)
from harness.service.core.use_cases.create_upload_batch import (
    CreatedBatch,
    CreateUploadBatch,
)
from harness.service.core.use_cases.delete_media_batch import DeleteMediaBatch
from harness.service.core.use_cases.dispatch_jobs import DispatchJobs
from harness.service.core.use_cases.drain_dead_letters import DrainDeadLetters
from harness.service.core.use_cases.flush_outbox import FlushOutbox
from harness.service.core.use_cases.get_batch_status import GetBatchStatus
from harness.service.core.use_cases.handle_processing_callback import (
    CallbackOutcome,
    HandleProcessingCallback,
)
from harness.service.core.use_cases.list_download_urls import ListDownloadUrls
from harness.service.core.use_cases.reconcile_jobs import ReconcileJobs
from harness.service.core.use_cases.retry_media_batch import (
    RetriedJob,
    RetryMediaBatch,
)
from harness.service.core.use_cases.tag_media_objects import TagMediaObjects

APARTMENT_LISTING = ListingId(1)
DEVELOPMENT_LISTING = ListingId(2)


@dataclass
class ServiceEnvironment:
    """
    The use cases over the in-memory adapters, or over repositories that have the same rows. Listing 1 is an
    apartment, listing 2 a development; both wait for media.
    """

    photographer = Caller(UserId(10))
    owner = Caller(UserId(20))
    operator = Caller(UserId(30), frozenset({MANAGE}))
    stranger = Caller(UserId(40))

    clock: ManualClock = field(default_factory=ManualClock)
    listings: ListingRepository = field(default_factory=InMemoryListingRepository)
    storage: InMemoryObjectStorage = field(default_factory=InMemoryObjectStorage)
    workflow: InMemoryWorkflow = field(default_factory=InMemoryWorkflow)
    instruments: InMemoryInstruments = field(default_factory=InMemoryInstruments)
    tracer: InMemoryTracer = field(default_factory=InMemoryTracer)
    policy: AccessPolicy = field(default_factory=AccessPolicy)
    limits: UploadLimits = field(default_factory=UploadLimits)
    media: MediaRepository | None = None

    def __post_init__(self):
        if self.media is None:
            self.media = InMemoryMediaRepository(self.listings)
            self.listings.add_listing(APARTMENT_LISTING, owner_id=20)
            self.listings.add_listing(DEVELOPMENT_LISTING, owner_id=20, property_type=OFF_PLAN_HOUSE)
            for listing in (APARTMENT_LISTING, DEVELOPMENT_LISTING):
                self.listings.add_booking(listing, photographer_id=10)
        self.queue = InMemoryJobQueue(self.clock)

        repositories = (self.media, self.listings)
        self.create = CreateUploadBatch(
            *repositories, self.storage, self.clock, self.instruments, self.policy, self.limits
        )
        self.complete = CompleteUploadBatch(
            *repositories, self.storage, self.clock, self.instruments, self.policy
        )
        self.status = GetBatchStatus(*repositories, self.workflow, self.policy)
        self.downloads = ListDownloadUrls(*repositories, self.storage, self.clock, self.policy)
        self.retry = RetryMediaBatch(*repositories, self.clock, self.instruments, self.policy)
        self.delete_batch = DeleteMediaBatch(*repositories, self.clock, self.policy)
        self.tag = TagMediaObjects(self.media, self.storage, self.clock)
        self.handle = HandleProcessingCallback(*repositories, self.clock, self.instruments, self.policy)
        self.flush = FlushOutbox(self.media, self.queue, self.clock, self.tracer)
        self.dispatch = DispatchJobs(self.media, self.queue, self.workflow, self.handle, self.tracer)
        self.drain = DrainDeadLetters(
            self.media, self.queue, self.workflow, self.clock, self.instruments, self.handle, self.tracer
        )
        self.reconcile = ReconcileJobs(
            self.media, self.workflow, self.clock, self.instruments, self.handle, self.tracer
        )

    # Requests of clients.

    def opened(
        self,
        *files: ManifestFile,
        listing: ListingId = APARTMENT_LISTING,
        reference: str = "morning",
        by: Caller | None = None,
        replaces: BatchId | None = None,
    ) -> CreatedBatch:
        """Create a batch that waits for its files; by default with one photo."""
        return self.create(
            by or self.photographer, listing, reference, files or (photo(1),), replaces=replaces
        )

    def upload(self, created: CreatedBatch) -> None:
        for slot in created.slots:
            self.storage.put_announced(slot.key, size=slot.file.bytes, checksum=slot.file.checksum)

    def completion(
        self, created: CreatedBatch, listing: ListingId = APARTMENT_LISTING, **changes: object
    ) -> dict[str, object]:
        """Return the arguments of a client that has uploaded all files, except the caller."""
        files = tuple(
            UploadedFile(slot.file.client_id, slot.key, '"etag"', slot.file.bytes) for slot in created.slots
        )
        return {"listing_id": listing, "batch_id": created.batch_id, "files": files} | changes

    def received(
        self,
        *files: ManifestFile,
        listing: ListingId = APARTMENT_LISTING,
        reference: str = "morning",
        by: Caller | None = None,
        replaces: BatchId | None = None,
    ) -> AcceptedJob:
        """Create a batch whose files are all uploaded."""
        created = self.opened(*files, listing=listing, reference=reference, by=by, replaces=replaces)
        self.upload(created)
        return self.complete(by or self.photographer, **self.completion(created, listing))

    def processing(self, *files: ManifestFile, **options) -> AcceptedJob:
        """Create a batch whose execution is started."""
        accepted = self.received(*files, **options)
        self.flush()
        self.dispatch()
        return accepted

    def ready(self, *files: ManifestFile, **options) -> AcceptedJob:
        accepted = self.processing(*files, **options)
        self.handle(self.success(accepted.job_id))
        return accepted

    def failed(self, *files: ManifestFile, **options) -> AcceptedJob:
        accepted = self.processing(*files, **options)
        self.handle(self.failure(accepted.job_id))
        return accepted

    def retried(self, batch_id: BatchId, listing: ListingId = APARTMENT_LISTING) -> RetriedJob:
        return self.retry(self.operator, listing, batch_id, "again, please")

    def delete(self, batch_id: BatchId) -> None:
        """
        Delete a batch in any status, as an administrator of the database can.

        The listing is locked first, as in every use case: MariaDB finds a deadlock otherwise.
        """
        listing_id = self.media.get_batch_by_id(batch_id).listing_id
        with self.media.transaction() as tx:
            tx.lock_listing(listing_id)
            batch = tx.get_batch_by_id(batch_id, for_update=True)
            tx.soft_delete_batch(replace(batch, deleted_at=self.clock.now()))

    # Callbacks of the pipeline.

    def report(self, job_id: int, status: str, **fields: object) -> dict[str, object]:
        """Return the JSON document of a callback."""
        job = self.job(job_id)
        arn = f"arn:aws:states:us-east-1:123456789012:execution:sm:{job.execution_name}"
        return {"jobId": job_id, "batchId": job.batch_id, "status": status, "externalId": arn} | fields

    def outputs(self, job_id: int) -> list[dict[str, object]]:
        return [
            {
                "rawKey": upload.key,
                "processedKey": f"{folder}/{upload.file.sequence}/large.jpg",
                "thumbnailKey": f"{folder}/{upload.file.sequence}/thumbnail.jpg",
                "outputs": {"large": f"{folder}/{upload.file.sequence}/large.jpg"},
                "width": 1200,
                "height": 800,
            }
            for upload in self.batch_of(job_id).uploads
            for folder in [self.folder(job_id, f"processed/{upload.file.media_type.folder}")]
        ]

    def folder(self, job_id: int, kind: str = "processed/photo/horizontal") -> str:
        """Return the common prefix of the derived objects of a job, or of its ZIP."""
        batch = self.batch_of(job_id)
        return f"{batch.listing_id}/{kind}/{batch.id}/{job_id}"

    def success(self, job_id: int, **fields: object) -> ProcessingCallback:
        made = {
            "outputs": self.outputs(job_id),
            "zip": {"key": f"{self.folder(job_id, 'zip')}/full.zip", "bytes": 1234, "assets": 1},
        }
        return ProcessingCallback.parse(self.report(job_id, "SUCCEEDED", **(made | fields)))

    def failure(self, job_id: int, status: str = "PROCESSING_FAILED", **fields) -> ProcessingCallback:
        error = {"Error": "Rejected", "Cause": "DECODE_FAILED: not an image"}
        return ProcessingCallback.parse(self.report(job_id, status, **({"error": error} | fields)))

    def tell(self, job_id: int, status: str, **fields: object) -> CallbackOutcome:
        return self.handle(ProcessingCallback.parse(self.report(job_id, status, **fields)))

    # State.

    def job(self, job_id: int) -> Job:
        return self.media.get_job_by_id(JobId(job_id))

    def batch_of(self, job_id: int) -> Batch:
        return self.media.get_batch_by_id(self.job(job_id).batch_id, include_deleted=True)

    def batch_status(self, job_id: int) -> BatchStatus:
        return self.batch_of(job_id).status

    def listing_status(self, listing: ListingId = APARTMENT_LISTING) -> ListingStatus:
        return self.listings.get_listing(listing).status


def file(number: int, media_type: MediaType, kind: str, name: str, **changes) -> ManifestFile:
    fields = {
        "client_id": f"c{number}",
        "media_type": media_type,
        "filename": name,
        "content_type": kind,
        "bytes": 1000 + number,
        "checksum": Sha256(f"{number:064x}"),
        "sequence": number,
        "title": f"Title {number}",
    }
    return ManifestFile(**(fields | changes))


def photo(number: int, /, **changes) -> ManifestFile:
    return file(number, MediaType.PHOTO_HORIZONTAL, "image/jpeg", f"{number}.jpg", **changes)


def video(number: int, /, **changes) -> ManifestFile:
    return file(number, MediaType.VIDEO_VERTICAL, "video/mp4", f"{number}.mp4", **changes)


def document(number: int, /, **changes) -> ManifestFile:
    return file(number, MediaType.PROJECT_DOC, "application/pdf", f"{number}.pdf", **changes)


class Files:
    """Functions that create manifest files."""

    photo = staticmethod(photo)
    video = staticmethod(video)
    document = staticmethod(document)


@pytest.fixture
def env() -> ServiceEnvironment:
    return ServiceEnvironment()


@pytest.fixture
def files() -> type[Files]:
    return Files


@pytest.fixture(scope="session")
def new_env() -> type[ServiceEnvironment]:
    """The class, for tests that need several environments."""
    return ServiceEnvironment
