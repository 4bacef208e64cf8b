"""
A database with one listing, three users and no batch.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType

# Children first: MySQL 9.7.4 deletes the grandchildren of the first child only.
ROWS = """
DELETE FROM listing_media_jobs;
DELETE FROM listing_media_batches;
DELETE FROM listing_identities;
DELETE FROM users;
INSERT INTO users (id, full_name, email) VALUES (1, 'Owner', 'o@x'), (2, 'Photographer', 'p@x');
INSERT INTO listing_identities (id, listing_uuid, user_id, code, active_version_id)
    VALUES (7, '00000000-0000-0000-0000-000000000007', 1, 7, 70);
INSERT INTO listing_versions (id, listing_identity_id, user_id, version, status, type)
    VALUES (70, 7, 1, 1, 6, 1)
"""


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    """Connections to the prepared database."""
    pool = Pool(DatabaseAddress.parse(database_url))
    with pool.session() as session:
        for sql in ROWS.split(";"):
            session.write(Statement("seed", "", sql))
    yield pool
    pool.close()


@pytest.fixture
def media(pool: Pool) -> MySQLMediaRepository:
    """The repository over `pool`."""
    return MySQLMediaRepository(pool)


@pytest.fixture
def pending(media: MySQLMediaRepository) -> Batch:
    """A stored batch of listing 7 with one photo, waiting for its upload."""
    file = ManifestFile(
        client_id="p1",
        media_type=MediaType.PHOTO_VERTICAL,
        filename="p1.jpg",
        content_type="image/jpeg",
        bytes=5,
        checksum=Sha256("00" * 32),
        sequence=1,
    )
    batch = Batch(
        id=BatchId(str(uuid.uuid4())),
        listing_id=ListingId(7),
        reference="morning",
        uploaded_by=UserId(2),
        status=BatchStatus.PENDING_UPLOAD,
        uploads=(Upload(file, "7/raw/p1.jpg"),),
        issued_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
    )
    with media.transaction() as tx:
        tx.create_batch(batch)
    return batch
