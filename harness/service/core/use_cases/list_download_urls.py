"""
Use case: URLs for everything a batch offers.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.service.core.errors import BatchStatusInvalid
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.listing import AccessPolicy, Caller
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListDownloadUrlsRequest:
    """Without *batch_id*: the newest READY batch."""

    listing_id: ListingId
    batch_id: BatchId | None = None


@dataclass(frozen=True, slots=True)
class ZipDownload:
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """
    One processed file.

    Attributes:
        label: Which rendition ``url`` serves: ``large``, ``1080p``, or ``original``.
        preview: URL of the thumbnail, if there is one.
        resolution: ``"<width>x<height>"``.
    """

    label: str
    url: str
    preview: str | None
    resolution: str | None
    title: str | None
    sequence: int | None


@dataclass(frozen=True, slots=True)
class DownloadGroup:
    """The files of one media type, by sequence."""

    type: AssetType
    items: tuple[DownloadItem, ...]


@dataclass(frozen=True, slots=True)
class Downloads:
    """All URLs live for ``ttl`` seconds from ``generated_at``."""

    batch_id: BatchId
    generated_at: datetime
    ttl: int
    zip: ZipDownload | None
    groups: tuple[DownloadGroup, ...]


@dataclass(frozen=True, slots=True)
class ListDownloadUrls:
    """
    Sign a URL for the bundle and for every file of a READY batch. ``download_ttl`` in seconds.
    """

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    clock: Clock
    policy: AccessPolicy
    download_ttl: int = 3600

    def __call__(self, caller: Caller, request: ListDownloadUrlsRequest) -> Downloads | None:
        """
        Return the downloads, None if no batch was named and none is READY.

        Raises:
            ListingNotFound, BatchNotFound: There is no such listing, or no such batch on it.
            NotPhotographer: The caller may not see the listing's media.
            BatchStatusInvalid: The batch named is not READY.
            Unavailable: The database does not answer.
        """
        listing = self.listings.get_listing(request.listing_id)
        batch = self._named(request) if request.batch_id is not None else None
        self.policy.must_see(caller, listing)
        if batch is None:
            ready = self.media.list_batches_by_listing(listing.id, statuses=[BatchStatus.READY], limit=1)
            return self._downloads(ready[0]) if ready else None
        if batch.status is not BatchStatus.READY:
            raise BatchStatusInvalid(f"The batch is {batch.status}; downloads need READY.")
        return self._downloads(batch)

    def _named(self, request: ListDownloadUrlsRequest) -> Batch | None:
        if request.batch_id is None:
            return None
        batch = self.media.get_batch_by_id(request.batch_id)
        batch.must_belong_to(request.listing_id)
        return batch

    def _downloads(self, batch: Batch) -> Downloads:
        now = self.clock.now()
        groups: dict[AssetType, list[DownloadItem]] = defaultdict(list)
        bundle = None
        for asset in self.media.list_assets_by_batch(batch.id):
            if asset.processed_key is None:
                continue
            if asset.asset_type is AssetType.ZIP:
                bundle = asset.processed_key  # Oldest first: the last bundle is the current one.
            else:
                groups[asset.asset_type].append(self._item(asset, asset.processed_key))
        return Downloads(
            batch_id=batch.id,
            generated_at=now,
            ttl=self.download_ttl,
            zip=ZipDownload(self._sign(bundle), now + timedelta(seconds=self.download_ttl))
            if bundle
            else None,
            groups=tuple(DownloadGroup(kind, tuple(items)) for kind, items in groups.items()),
        )

    def _item(self, asset: Asset, key: str) -> DownloadItem:
        return DownloadItem(
            label=next((label for label, variant in asset.variants.items() if variant == key), "original"),
            url=self._sign(key),
            preview=self._sign(asset.thumbnail_key) if asset.thumbnail_key else None,
            resolution=asset.resolution,
            title=asset.title,
            sequence=asset.sequence,
        )

    def _sign(self, key: str) -> str:
        return self.storage.sign_download(key, ttl=self.download_ttl)
