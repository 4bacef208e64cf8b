"""Use case: tag the objects of READY and of deleted batches for the lifecycle rules of the bucket."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import Batch, MediaStage
from harness.service.core.model.object_key import key_prefixes
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage
from harness.service.core.use_cases.error_handling import isolate_errors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TagMediaObjects:
    """
    Tag the objects of batches that have a ``pending_stage``: raw files of READY batches, all of deleted ones.

    What has to be tagged follows from the row of the batch, so nothing is lost if the bucket does not answer,
    and a second attempt has the same result.

    Attributes:
        upload_ttl: Validity of an upload URL [s]: every batch waits for its end, because a later upload would
            replace the tagged object.
    """

    media: MediaRepository
    storage: ObjectStorage
    clock: Clock
    upload_ttl: int = 900

    def __call__(self, *, limit: int = 20) -> int:
        """
        Tag the objects of up to *limit* batches, and return the number of batches.

        Raises:
            Unavailable: The database or the bucket does not answer. The other batches stay pending.
            ExceptionGroup: Batches that cannot be tagged, which stay pending; the others were tagged.
        """
        expired = self.clock.now() - timedelta(seconds=self.upload_ttl)
        batches = self.media.list_batches_to_tag(issued_before=expired, limit=limit)
        return isolate_errors(batches, self._tag_pending, stop_at=(Unavailable,))

    def _tag_pending(self, batch: Batch) -> bool:
        if stage := batch.pending_stage:
            self._tag(batch, stage)
        return True

    def _tag(self, batch: Batch, stage: MediaStage) -> None:
        for key in self._keys(batch, stage):
            self.storage.tag(key, stage)
        with self.media.transaction() as tx:
            current = tx.get_batch_by_id(batch.id, for_update=True, include_deleted=True)
            # Deleted in the meantime: another worker may have set the other tag before or after this one.
            is_current = current.deleted_at == batch.deleted_at
            tx.set_media_stage(batch.id, stage if is_current else None)
        log.info("service.media.tag_media_objects.tagged", extra=batch.log_fields | {"stage": stage.value})

    def _keys(self, batch: Batch, stage: MediaStage) -> list[str]:
        if stage is MediaStage.RAW_DONE:
            return [upload.key for upload in batch.uploads]
        media_types = {upload.file.media_type for upload in batch.uploads}
        prefixes = key_prefixes(batch.listing_id, batch.id, media_types)
        return [key for prefix in prefixes for key in self.storage.list_keys(prefix)]
