-- replaces_batch_uuid names the batch that is deleted once this one is READY. media_stage is the tag that the
-- objects of the batch have, pending_stage the one that they still have to get: the worker finds its work by it.
ALTER TABLE listing_media_batches
    ADD COLUMN replaces_batch_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN media_stage VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN pending_stage VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (
        CASE
            WHEN deleted_at IS NOT NULL AND (media_stage IS NULL OR media_stage <> 'deleted') THEN 'deleted'
            WHEN deleted_at IS NULL AND status = 'READY' AND media_stage IS NULL THEN 'raw-done'
        END
    ) STORED,
    ADD KEY ix_batches_pending_stage (pending_stage, id);

-- The image sizes and MP4s of a file by label, as "<width>x<height>".
ALTER TABLE listing_media_assets
    ADD COLUMN variant_resolutions_json JSON NULL;
