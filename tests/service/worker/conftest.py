"""
The loops of the worker over the in-memory adapters.
"""

from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.app import Ports, Rules, Service, assemble
from harness.service.core.model.access_policy import Caller
from harness.service.core.model.batch import Batch
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.use_cases.complete_upload_batch import UploadedFile
from harness.service.settings import Settings
from harness.service.worker.loop import Loop
from harness.service.worker.worker_threads import worker_loops

PHOTOGRAPHER = Caller(UserId(1))
CHECKSUM = Sha256("ab" * 32)


@dataclass
class WorkerEnvironment:
    """The service, its in-memory adapters, and its loops by name; a test steps them."""

    service: Service
    clock: ManualClock
    media: InMemoryMediaRepository
    queue: InMemoryJobQueue
    storage: InMemoryObjectStorage
    workflow: InMemoryWorkflow
    instruments: InMemoryInstruments
    settings: Settings
    loops: dict[str, Loop] = field(default_factory=dict)

    def received(self) -> BatchId:
        """Create a batch whose files are in the bucket and whose message is in the outbox."""
        file = ManifestFile("a", MediaType.PHOTO_VERTICAL, "a.jpg", "image/jpeg", 10, CHECKSUM, 1)
        created = self.service.create_upload_batch(PHOTOGRAPHER, ListingId(42), "morning", (file,))
        key = created.slots[0].key
        self.storage.put_announced(key, size=10, checksum=CHECKSUM)
        self.service.complete_upload_batch(
            PHOTOGRAPHER,
            ListingId(42),
            created.batch_id,
            (UploadedFile("a", key, "etag", 10),),
        )
        return created.batch_id

    def batch(self, batch_id: BatchId) -> Batch:
        return self.media.get_batch_by_id(batch_id)


def worker_settings(**changes: object) -> Settings:
    return Settings(
        **{
            "database_url": "mysql+pymysql://user@host.invalid/db",
            "jwt_key": "k" * 32,
            "queue_url": "memory://queue",
            "dead_letter_queue_url": "memory://dead",
            "state_machine_arn": "arn:memory",
        }
        | changes
    )


@pytest.fixture
def env() -> WorkerEnvironment:
    clock = ManualClock()
    listings = InMemoryListingRepository()
    listings.add_listing(42, owner_id=2)
    listings.add_booking(42, photographer_id=1)
    ports = Ports(
        media=InMemoryMediaRepository(listings),
        listings=listings,
        storage=InMemoryObjectStorage(),
        queue=InMemoryJobQueue(clock),
        workflow=InMemoryWorkflow(),
        clock=clock,
        instruments=InMemoryInstruments(),
        tracer=InMemoryTracer(),
    )
    service = assemble(ports, Rules(), CollectorRegistry())
    settings = worker_settings()
    return WorkerEnvironment(
        service,
        clock,
        ports.media,
        ports.queue,
        ports.storage,
        ports.workflow,
        ports.instruments,
        settings,
        {loop.name: loop for loop in worker_loops(service, settings)},
    )
