-- live_reference holds the reference while the batch is on its way and NULL afterwards: the unique
-- key over it lets one live batch of a listing have a reference, and any number of ended ones.
CREATE TABLE listing_media_batches (
    id                       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    batch_uuid               CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    listing_id               BIGINT UNSIGNED NOT NULL,
    photographer_user_id     BIGINT UNSIGNED NOT NULL,
    batch_reference          VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    status                   ENUM ('PENDING_UPLOAD', 'RECEIVED', 'PROCESSING', 'READY', 'FAILED')
                             CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    upload_manifest_json     JSON NOT NULL,
    processing_metadata_json JSON NULL,
    issued_at                DATETIME(6) NOT NULL,
    received_at              DATETIME(6) NULL,
    processing_started_at    DATETIME(6) NULL,
    processing_finished_at   DATETIME(6) NULL,
    error_code               VARCHAR(50) NULL,
    error_detail             TEXT NULL,
    deleted_at               DATETIME(6) NULL,
    live_reference           VARCHAR(100) COLLATE utf8mb4_bin GENERATED ALWAYS AS (
        CASE WHEN deleted_at IS NULL AND status IN ('PENDING_UPLOAD', 'RECEIVED', 'PROCESSING') THEN batch_reference END
    ) STORED,
    PRIMARY KEY (id),
    UNIQUE KEY uq_batches_uuid (batch_uuid),
    UNIQUE KEY uq_batches_live_reference (listing_id, live_reference),
    KEY ix_batches_listing_status (listing_id, status),
    KEY ix_batches_listing_newest (listing_id, id DESC),
    KEY ix_batches_status_issued (status, issued_at),
    CONSTRAINT fk_batches_listing FOREIGN KEY (listing_id) REFERENCES listing_identities (id) ON DELETE CASCADE,
    CONSTRAINT fk_batches_uploader FOREIGN KEY (photographer_user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
