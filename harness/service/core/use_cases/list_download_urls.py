"""Use case: sign download URLs for the ZIP and the files of a batch."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.service.core.errors import BatchStatusInvalid
from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job import JobStatus
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage


@dataclass(frozen=True, slots=True)
class ZipDownload:
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RenditionDownload:
    """One image size or MP4."""

    label: str
    url: str
    resolution: str | None


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """
    One processed file.

    *label* is the rendition at *url*: ``large``, ``1080p`` or ``original``; *preview* is the URL of the
    thumbnail or poster.
    """

    label: str
    url: str
    preview: str | None
    resolution: str | None
    title: str | None
    sequence: int | None
    renditions: tuple[RenditionDownload, ...] = ()


@dataclass(frozen=True, slots=True)
class DownloadGroup:
    """The files of one media type, by sequence."""

    type: AssetType
    items: tuple[DownloadItem, ...]


@dataclass(frozen=True, slots=True)
class Downloads:
    """The download URLs of a batch, valid for ``ttl`` seconds from ``generated_at``."""

    batch_id: BatchId
    generated_at: datetime
    ttl: int
    zip: ZipDownload | None
    groups: tuple[DownloadGroup, ...]

    @property
    def downloads(self) -> tuple[ZipDownload | DownloadGroup, ...]:
        """The ZIP, if there is one, and the groups."""
        return (self.zip, *self.groups) if self.zip else self.groups


@dataclass(frozen=True, slots=True)
class ListDownloadUrls:
    """
    Sign URLs for the ZIP and every processed file of a batch, valid for *download_ttl* seconds.

    What a successful job made is offered until a newer job succeeds: a retry that runs or fails takes nothing
    away.
    """

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    clock: Clock
    policy: AccessPolicy
    download_ttl: int = 3600

    def __call__(
        self, caller: Caller, listing_id: ListingId, batch_id: BatchId | None = None
    ) -> Downloads | None:
        """
        Return the downloads of a batch, by default of the newest with a successful job; None without one.

        Raises:
            ListingNotFound, BatchNotFound: The listing does not exist or has no such batch.
            NotPhotographer: The caller may not see the media of the listing.
            BatchStatusInvalid: The batch of the request never had a successful job.
            Unavailable: The database does not answer.
        """
        listing = self.listings.get_listing(listing_id)
        batch = None
        if batch_id is not None:
            batch = self.media.get_batch_by_id(batch_id)
            batch.must_belong_to(listing.id)
        self.policy.must_see(caller, listing)
        if batch is None:
            newest = self.media.list_batches_by_listing(listing.id, succeeded=True, limit=1)
            return self._downloads(newest[0]) if newest else None
        if not self._was_ready(batch):
            raise BatchStatusInvalid(f"The batch is {batch.status}; it has never been READY.")
        return self._downloads(batch)

    def _was_ready(self, batch: Batch) -> bool:
        if batch.status is BatchStatus.READY:
            return True
        return any(job.status is JobStatus.SUCCEEDED for job in self.media.list_jobs_by_batch(batch.id))

    def _downloads(self, batch: Batch) -> Downloads:
        now = self.clock.now()
        expires_at = now + timedelta(seconds=self.download_ttl)
        groups: dict[AssetType, list[DownloadItem]] = defaultdict(list)
        bundle: ZipDownload | None = None
        for asset in self.media.list_assets_by_batch(batch.id):
            if asset.processed_key is None:
                continue
            if asset.asset_type is AssetType.ZIP:
                # Oldest first: the last ZIP is the current one.
                bundle = ZipDownload(self._sign(asset.processed_key), expires_at)
            else:
                groups[asset.asset_type].append(self._item(asset, asset.processed_key))
        return Downloads(
            batch_id=batch.id,
            generated_at=now,
            ttl=self.download_ttl,
            zip=bundle,
            groups=tuple(DownloadGroup(asset_type, tuple(items)) for asset_type, items in groups.items()),
        )

    def _item(self, asset: Asset, key: str) -> DownloadItem:
        renditions = asset.renditions
        preview = {asset.thumbnail_key} if asset.thumbnail_key else set()
        # One signature for each object: the best rendition and the thumbnail are among the renditions.
        urls = {each: self._sign(each) for each in preview | {rendition.key for rendition in renditions}}
        return DownloadItem(
            label=next(rendition.label for rendition in renditions if rendition.key == key),
            url=urls[key],
            preview=urls[asset.thumbnail_key] if asset.thumbnail_key else None,
            resolution=asset.resolution,
            title=asset.title,
            sequence=asset.sequence,
            renditions=tuple(RenditionDownload(it.label, urls[it.key], it.resolution) for it in renditions),
        )

    def _sign(self, key: str) -> str:
        return self.storage.sign_download(key, ttl=self.download_ttl)
