CREATE TABLE listing_identities (
    id                BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    listing_uuid      CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id           BIGINT UNSIGNED NOT NULL,
    code              INT UNSIGNED NOT NULL,
    active_version_id BIGINT UNSIGNED NULL,
    deleted           TINYINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY uq_listing_identities_uuid (listing_uuid),
    CONSTRAINT fk_listing_identities_owner FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE listing_versions (
    id                  BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    listing_identity_id BIGINT UNSIGNED NOT NULL,
    user_id             BIGINT UNSIGNED NOT NULL,
    version             INT UNSIGNED NOT NULL,
    status              TINYINT UNSIGNED NOT NULL,
    type                SMALLINT UNSIGNED NOT NULL,
    title               VARCHAR(255) NULL,
    deleted             TINYINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY uq_listing_versions_version (listing_identity_id, version),
    CONSTRAINT fk_listing_versions_identity
        FOREIGN KEY (listing_identity_id) REFERENCES listing_identities (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE photographer_photo_session_bookings (
    id                   BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    agenda_entry_id      BIGINT UNSIGNED NULL,
    photographer_user_id BIGINT UNSIGNED NOT NULL,
    listing_identity_id  BIGINT UNSIGNED NOT NULL,
    starts_at            DATETIME(6) NOT NULL,
    ends_at              DATETIME(6) NOT NULL,
    status               ENUM ('PENDING_APPROVAL', 'ACCEPTED', 'REJECTED', 'ACTIVE', 'RESCHEDULED', 'CANCELLED', 'DONE')
                         CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason               VARCHAR(255) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_bookings_agenda_entry (agenda_entry_id),
    KEY ix_bookings_listing (listing_identity_id, id DESC),
    CONSTRAINT fk_bookings_photographer FOREIGN KEY (photographer_user_id) REFERENCES users (id),
    CONSTRAINT fk_bookings_listing
        FOREIGN KEY (listing_identity_id) REFERENCES listing_identities (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
