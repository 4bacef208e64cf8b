CREATE TABLE media_outbox (
    id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    job_id          BIGINT UNSIGNED NOT NULL,
    body_json       JSON NOT NULL,
    attributes_json JSON NOT NULL,
    attempts        INT UNSIGNED NOT NULL DEFAULT 0,
    last_error      TEXT NULL,
    sent_at         DATETIME(6) NULL,
    PRIMARY KEY (id),
    KEY ix_outbox_unsent (sent_at, id),
    KEY ix_outbox_job (job_id, id DESC),
    CONSTRAINT fk_outbox_job FOREIGN KEY (job_id) REFERENCES listing_media_jobs (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- job_id is what the letter claims; no foreign key, for a letter may claim anything.
CREATE TABLE media_dead_letters (
    message_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_id     BIGINT NULL,
    body       MEDIUMTEXT NOT NULL,
    seen_at    DATETIME(6) NOT NULL,
    PRIMARY KEY (message_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
