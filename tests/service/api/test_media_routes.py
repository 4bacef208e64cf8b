"""
What the five endpoints answer when all is well.
"""

import pytest

LISTING = 42
DEVELOPMENT = 43
PHOTOGRAPHER = 1
OWNER = 2
OPERATOR = 3


class TestCreate:
    def test_every_file_gets_a_url_and_the_headers_to_send(self, world, make):
        """
        A created batch names, file by file, where to PUT it and with which headers.
        """
        response = world.post("/uploads", make.uploads(make.photo("front", 1, title="The front")))

        assert response.status_code == 201
        created = response.json()
        assert set(created) == {"batchId", "uploadUrlTtlSeconds", "files"}
        assert len(created["batchId"]) == 36
        assert created["uploadUrlTtlSeconds"] == 900
        key = f"42/raw/photo/horizontal/{created['batchId']}/front-front.jpg"
        assert created["files"] == [
            {
                "clientId": "front",
                "uploadUrl": f"memory://bucket/{key}?ttl=900",
                "method": "PUT",
                "headers": {
                    "Content-Type": "image/jpeg",
                    "x-amz-checksum-sha256": "u36uDgSVlg2t2xl2UDsjpV1ifm0rnQ3m1+kJMY/gPXA=",
                    "x-amz-server-side-encryption": "aws:kms",
                    "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
                },
                "s3Key": key,
                "title": "The front",
                "sequence": 1,
            }
        ]

    @pytest.mark.parametrize("user", [PHOTOGRAPHER, OPERATOR])
    def test_photographer_and_operator_bring_photos(self, world, make, user):
        """
        Photos are for the photographer of the active booking, and for who may do everything.
        """
        assert world.post("/uploads", make.uploads(), user).status_code == 201

    @pytest.mark.parametrize("user", [OWNER, OPERATOR])
    @pytest.mark.parametrize("media_type", ["PROJECT_DOC", "project/doc", "project/render"])
    def test_owner_and_operator_bring_project_files(self, world, make, user, media_type):
        """
        Project files of a development are for its owner; the slash spelling of their types is understood.
        """
        body = make.uploads(make.document(mediaType=media_type), listingId=DEVELOPMENT)

        assert world.post("/uploads", body, user).status_code == 201

    @pytest.mark.parametrize(
        "checksum",
        [
            "bb7eae0e0495960daddb1976503b23a55d627e6d2b9d0de6d7e909318fe03d70",
            "sha256:BB7EAE0E0495960DADDB1976503B23A55D627E6D2B9D0DE6D7E909318FE03D70",
            "u36uDgSVlg2t2xl2UDsjpV1ifm0rnQ3m1+kJMY/gPXA=",
        ],
    )
    def test_checksums_come_in_three_spellings(self, world, make, checksum):
        """
        Hex, prefixed hex and base64 all become the header S3 wants.
        """
        created = world.create(make.photo(checksum=checksum))

        headers = created["files"][0]["headers"]
        assert headers["x-amz-checksum-sha256"] == "u36uDgSVlg2t2xl2UDsjpV1ifm0rnQ3m1+kJMY/gPXA="

    def test_an_idempotency_key_is_ignored(self, world, make):
        """
        The same key with another batch makes another batch: control is by status, not by key.
        """
        key = {"Idempotency-Key": "once"}

        first = world.post("/uploads", make.uploads(batchReference="a"), headers=key)
        second = world.post("/uploads", make.uploads(batchReference="b"), headers=key)

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["batchId"] != second.json()["batchId"]

    def test_unknown_fields_are_ignored(self, world, make):
        """
        A newer client may say more than we understand.
        """
        assert world.post("/uploads", make.uploads(colour="blue")).status_code == 201


class TestComplete:
    def test_a_complete_batch_is_received(self, world):
        """
        With every file in the bucket the batch gets a job.
        """
        created = world.create()
        world.upload(created)

        response = world.post("/uploads/complete", world.completion(created))

        assert response.status_code == 202
        assert response.json() == {"jobId": 1, "status": "RECEIVED", "estimatedDurationSeconds": 300}

    def test_files_uploaded_in_time_are_accepted_late(self, world):
        """
        Expired URLs do not matter once everything is in the bucket.
        """
        created = world.create()
        world.upload(created)
        world.clock.advance(3600)

        assert world.post("/uploads/complete", world.completion(created)).status_code == 202

    def test_batch_ids_are_read_in_any_case(self, world):
        """
        A UUID in capitals is the same UUID.
        """
        created = world.create()
        world.upload(created)

        body = world.completion(created, batchId=created["batchId"].upper())
        assert world.post("/uploads/complete", body).status_code == 202


class TestStatus:
    def test_a_batch_waiting_for_its_files(self, world):
        """
        Before completion there is no processing, and the manifest says what is expected.
        """
        created = world.create()

        response = world.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]})

        assert response.status_code == 200
        report = response.json()
        assert report["status"] == "PENDING_UPLOAD"
        assert (report["submittedAt"], report["processing"], report["error"]) == (None, None, None)
        assert [asset["clientId"] for asset in report["assets"]] == ["front"]

    @pytest.mark.parametrize("user", [PHOTOGRAPHER, OWNER, OPERATOR])
    def test_a_ready_batch(self, world, user):
        """
        Photographer, owner and operator see when it was done and what there is to download.
        """
        created, accepted = world.received()
        world.clock.advance(90)
        world.succeed(created, accepted["jobId"])

        response = world.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]}, user)

        report = response.json()
        assert report["status"] == "READY"
        assert report["submittedAt"] == "2026-01-05T09:00:00Z"
        assert report["finishedAt"] == "2026-01-05T09:01:30Z"
        assert report["processing"]["jobId"] == accepted["jobId"]
        assert report["availableDownloads"] == [
            {"type": "ZIP_FULL", "ready": True},
            {"type": "PHOTO_HORIZONTAL", "ready": True},
        ]
        assert report["assets"][0]["resolution"] == "1200x800"

    def test_a_failed_batch_says_why(self, world):
        """
        The error has a code for machines and a sentence for people.
        """
        created, accepted = world.received()
        world.callback(
            {"jobId": accepted["jobId"], "status": "FAILED", "failureReason": "DECODE_FAILED: not a JPEG"}
        )

        response = world.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]})

        assert response.json()["status"] == "FAILED"
        assert response.json()["error"] == {"code": "DECODE_FAILED", "detail": "not a JPEG"}


class TestDownloads:
    def test_nothing_ready_is_no_content(self, world):
        """
        Asking for the newest READY batch when there is none is not an error.
        """
        world.received()

        response = world.post("/downloads/query", {"listingId": LISTING}, OWNER)

        assert (response.status_code, response.content) == (204, b"")

    @pytest.mark.parametrize("named", [True, False])
    def test_a_ready_batch_offers_its_bundle_and_its_files(self, world, named):
        """
        The bundle comes first, then the files by media type, each with a preview.
        """
        created, accepted = world.ready()
        batch_id = created["batchId"]

        body = {"listingId": LISTING} | ({"batchId": batch_id} if named else {"batchId": None})
        response = world.post("/downloads/query", body, OWNER)

        assert response.status_code == 200
        raw = created["files"][0]["s3Key"]
        assert response.json() == {
            "batchId": batch_id,
            "generatedAt": "2026-01-05T09:00:00Z",
            "ttlSeconds": 3600,
            "downloads": [
                {
                    "type": "ZIP_FULL",
                    "url": f"memory://bucket/42/zip/{batch_id}/{accepted['jobId']}/full.zip?ttl=3600",
                    "expiresAt": "2026-01-05T10:00:00Z",
                },
                {
                    "type": "PHOTO_HORIZONTAL",
                    "items": [
                        {
                            "label": "large",
                            "preview": f"memory://bucket/{raw}.thumbnail.jpg?ttl=3600",
                            "url": f"memory://bucket/{raw}.large.jpg?ttl=3600",
                            "resolution": "1200x800",
                            "title": "The front",
                            "sequence": 1,
                        }
                    ],
                },
            ],
        }


class TestRetry:
    @pytest.mark.parametrize("outcome", ["SUCCEEDED", "FAILED"])
    def test_a_batch_that_has_ended_gets_another_job(self, world, make, outcome):
        """
        READY or FAILED, a retry is a new job and the batch is PROCESSING at once.
        """
        created, accepted = world.received()
        world.callback(make.success(created, accepted["jobId"]) | {"status": outcome})

        body = {"listingId": LISTING, "batchId": created["batchId"], "reason": "too dark"}
        response = world.post("/uploads/retry", body)

        assert response.status_code == 202
        assert response.json() == {"jobId": accepted["jobId"] + 1, "status": "PROCESSING"}
