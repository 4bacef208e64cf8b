CREATE TABLE listing_media_jobs (
    id                  BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    batch_id            BIGINT UNSIGNED NOT NULL,
    attempt             INT UNSIGNED NOT NULL,
    external_job_id     VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
    provider            ENUM ('STEP_FUNCTIONS', 'MEDIACONVERT') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status              VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    input_payload_json  JSON NULL,
    output_payload_json JSON NULL,
    started_at          DATETIME(6) NULL,
    finished_at         DATETIME(6) NULL,
    PRIMARY KEY (id),
    KEY ix_jobs_batch_newest (batch_id, id DESC),
    KEY ix_jobs_status (status, id),
    CONSTRAINT fk_jobs_batch FOREIGN KEY (batch_id) REFERENCES listing_media_batches (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
