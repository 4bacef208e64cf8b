"""What the database of a stack says about the batches of a run, for the auditor."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.audit.ledger import AuditedListing
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.row_mapping import ASSETS, BATCHES, JOBS
from harness.service.adapters.mysql.session import Statement
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch
from harness.service.core.model.job import Job
from harness.service.core.model.listing import DEVELOPMENT_TYPES

_OF_RUN = "b.issued_at >= %s"
_BATCHES = Statement(
    "select",
    "listing_media_batches",
    f"SELECT {BATCHES.select_list} FROM listing_media_batches b WHERE {_OF_RUN} ORDER BY b.id",  # noqa: S608
)
_JOBS = Statement(
    "select",
    "listing_media_jobs",
    f"SELECT {JOBS.select_list} FROM listing_media_jobs j"  # noqa: S608
    f" JOIN listing_media_batches b ON b.id = j.batch_id WHERE {_OF_RUN} ORDER BY j.id",
)
_ASSETS = Statement(
    "select",
    "listing_media_assets",
    f"SELECT {ASSETS.select_list} FROM listing_media_assets a"  # noqa: S608
    f" JOIN listing_media_batches b ON b.id = a.batch_id WHERE {_OF_RUN} ORDER BY a.id",
)
_MESSAGES = Statement(
    "select",
    "media_outbox",
    "SELECT o.job_id, o.sent_at IS NULL FROM media_outbox o JOIN listing_media_jobs j ON j.id = o.job_id"  # noqa: S608
    f" JOIN listing_media_batches b ON b.id = j.batch_id WHERE {_OF_RUN}",
)
_LISTINGS = Statement(
    "select",
    "listing_versions",
    "SELECT DISTINCT l.id, v.status, v.type FROM listing_identities l"  # noqa: S608
    " JOIN listing_versions v ON v.id = l.active_version_id"
    f" JOIN listing_media_batches b ON b.listing_id = l.id WHERE {_OF_RUN}",
)
_EARLIER = Statement(
    "select",
    "listing_media_batches",
    "SELECT b.batch_uuid FROM listing_media_batches b WHERE b.issued_at < %s",
)


@dataclass(frozen=True, slots=True)
class DatabaseRows:
    """
    The rows of a run.

    Attributes:
        earlier: The batches of earlier runs: their objects are in the same bucket.
        messages: How many messages each job has had in the outbox.
        unsent: How many of them were not sent.
    """

    listings: tuple[AuditedListing, ...]
    batches: tuple[Batch, ...]
    jobs: tuple[Job, ...]
    assets: tuple[Asset, ...]
    earlier: frozenset[str]
    messages: Counter[int]
    unsent: int

    @property
    def in_pipeline(self) -> int:
        """The number of batches that have not ended."""
        return sum(batch.status.in_pipeline for batch in self.batches)


def read_rows(database_url: str, began_at: float) -> DatabaseRows:
    """Read the batches that were created at *began_at* [s since the epoch] or later, with all they have."""
    since = datetime.fromtimestamp(began_at, UTC).replace(tzinfo=None)
    with closing(Pool(DatabaseAddress.parse(database_url), size=1)) as pool, pool.session() as session:
        messages = session.all(_MESSAGES, since)
        return DatabaseRows(
            listings=tuple(
                AuditedListing(int(number), int(status), int(kind) in DEVELOPMENT_TYPES)
                for number, status, kind in session.all(_LISTINGS, since)
            ),
            batches=tuple(BATCHES.load(row) for row in session.all(_BATCHES, since)),
            jobs=tuple(JOBS.load(row) for row in session.all(_JOBS, since)),
            assets=tuple(ASSETS.load(row) for row in session.all(_ASSETS, since)),
            earlier=frozenset(row[0] for row in session.all(_EARLIER, since)),
            messages=Counter(int(job_id) for job_id, _ in messages),
            unsent=sum(int(is_unsent) for _, is_unsent in messages),
        )
