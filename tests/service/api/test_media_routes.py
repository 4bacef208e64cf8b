"""
The successful responses of the five endpoints.
"""

import pytest

LISTING = 42
DEVELOPMENT = 43
PHOTOGRAPHER = 1
OWNER = 2
OPERATOR = 3


class TestCreate:
    def test_every_file_gets_a_url_and_the_headers_to_send(self, env, make):
        """
        The response has the URL and the headers of the PUT for every file.
        """
        response = env.post("/uploads", make.uploads(make.photo("front", 1, title="The front")))

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
    def test_photographer_and_operator_upload_photos(self, env, make, user):
        """
        The photographer of the active booking and operators may upload photos.
        """
        assert env.post("/uploads", make.uploads(), user).status_code == 201

    @pytest.mark.parametrize("user", [OWNER, OPERATOR])
    @pytest.mark.parametrize("media_type", ["PROJECT_DOC", "project/doc", "project/render"])
    def test_owner_and_operator_upload_project_files(self, env, make, user, media_type):
        """
        The owner of a development may; the form of the types with a slash is accepted.
        """
        body = make.uploads(make.document(mediaType=media_type), listingId=DEVELOPMENT)

        assert env.post("/uploads", body, user).status_code == 201

    @pytest.mark.parametrize(
        "checksum",
        [
            "bb7eae0e0495960daddb1976503b23a55d627e6d2b9d0de6d7e909318fe03d70",
            "sha256:BB7EAE0E0495960DADDB1976503B23A55D627E6D2B9D0DE6D7E909318FE03D70",
            "u36uDgSVlg2t2xl2UDsjpV1ifm0rnQ3m1+kJMY/gPXA=",
        ],
    )
    def test_checksums_come_in_three_spellings(self, env, make, checksum):
        """
        Hex, prefixed hex and base64 give the same header for S3.
        """
        created = env.create(make.photo(checksum=checksum))

        headers = created["files"][0]["headers"]
        assert headers["x-amz-checksum-sha256"] == "u36uDgSVlg2t2xl2UDsjpV1ifm0rnQ3m1+kJMY/gPXA="

    def test_whole_numbers_come_in_two_spellings(self, env, make):
        """
        JSON has one type of numbers: 1.0 is 1.
        """
        photo = make.photo(sequence=1.0)
        body = make.uploads(photo | {"bytes": float(photo["bytes"])}, listingId=42.0)

        assert env.post("/uploads", body).status_code == 201

    def test_an_idempotency_key_is_ignored(self, env, make):
        """
        The same key with another batch creates another batch.
        """
        key = {"Idempotency-Key": "once"}

        first = env.post("/uploads", make.uploads(batchReference="a"), headers=key)
        second = env.post("/uploads", make.uploads(batchReference="b"), headers=key)

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["batchId"] != second.json()["batchId"]

    def test_unknown_fields_are_ignored(self, env, make):
        """
        A newer client may send more fields.
        """
        assert env.post("/uploads", make.uploads(colour="blue")).status_code == 201


class TestComplete:
    def test_a_complete_batch_is_received(self, env):
        """
        With all files in the bucket the batch gets a job.
        """
        created = env.create()
        env.upload(created)

        response = env.post("/uploads/complete", env.completion(created))

        assert response.status_code == 202
        assert response.json() == {"jobId": 1, "status": "RECEIVED", "estimatedDurationSeconds": 300}

    def test_files_uploaded_in_time_are_accepted_late(self, env):
        """
        Expired URLs do not matter when all files are stored.
        """
        created = env.create()
        env.upload(created)
        env.clock.advance(3600)

        assert env.post("/uploads/complete", env.completion(created)).status_code == 202

    def test_batch_ids_are_read_in_any_case(self, env):
        """
        A UUID in capitals is the same UUID.
        """
        created = env.create()
        env.upload(created)

        body = env.completion(created, batchId=created["batchId"].upper())
        assert env.post("/uploads/complete", body).status_code == 202


class TestStatus:
    def test_a_batch_waiting_for_its_files(self, env):
        """
        Before completion there is no processing, and the manifest lists the expected files.
        """
        created = env.create()

        response = env.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]})

        assert response.status_code == 200
        report = response.json()
        assert report["status"] == "PENDING_UPLOAD"
        assert (report["submittedAt"], report["processing"], report["error"]) == (None, None, None)
        assert [asset["clientId"] for asset in report["assets"]] == ["front"]

    @pytest.mark.parametrize("user", [PHOTOGRAPHER, OWNER, OPERATOR])
    def test_a_ready_batch(self, env, user):
        """
        Photographer, owner and operator see its end and its downloads.
        """
        created, accepted = env.received()
        env.clock.advance(90)
        env.succeed(created, accepted["jobId"])

        response = env.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]}, user)

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

    def test_a_failed_batch_says_why(self, env):
        """
        The error has a code for programs and a sentence for people.
        """
        created, accepted = env.received()
        env.callback(
            {"jobId": accepted["jobId"], "status": "FAILED", "failureReason": "DECODE_FAILED: not a JPEG"}
        )

        response = env.post("/uploads/status", {"listingId": LISTING, "batchId": created["batchId"]})

        assert response.json()["status"] == "FAILED"
        assert response.json()["error"] == {"code": "DECODE_FAILED", "detail": "not a JPEG"}


class TestDownloads:
    def test_nothing_ready_is_no_content(self, env):
        """
        A query for the newest batch with a successful job is not an error if there is none.
        """
        env.received()

        response = env.post("/downloads/query", {"listingId": LISTING}, OWNER)

        assert (response.status_code, response.content) == (204, b"")

    @pytest.mark.parametrize("named", [True, False])
    def test_a_ready_batch_offers_its_bundle_and_its_files(self, env, named):
        """
        The ZIP comes first, then the files by media type, each with a preview.
        """
        created, accepted = env.ready()
        batch_id = created["batchId"]

        body = {"listingId": LISTING} | ({"batchId": batch_id} if named else {"batchId": None})
        response = env.post("/downloads/query", body, OWNER)

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
                            "renditions": [
                                {
                                    "label": "thumbnail",
                                    "url": f"memory://bucket/{raw}.thumbnail.jpg?ttl=3600",
                                    "resolution": None,
                                },
                                {
                                    "label": "large",
                                    "url": f"memory://bucket/{raw}.large.jpg?ttl=3600",
                                    "resolution": "1200x800",
                                },
                            ],
                        }
                    ],
                },
            ],
        }


class TestRetry:
    @pytest.mark.parametrize("outcome", ["SUCCEEDED", "FAILED"])
    def test_a_batch_that_has_ended_gets_another_job(self, env, make, outcome):
        """
        A retry of a READY or FAILED batch creates a job, and the batch is PROCESSING at once.
        """
        created, accepted = env.received()
        env.callback(make.success(created, accepted["jobId"]) | {"status": outcome})

        body = {"listingId": LISTING, "batchId": created["batchId"], "reason": "too dark"}
        response = env.post("/uploads/retry", body)

        assert response.status_code == 202
        assert response.json() == {"jobId": accepted["jobId"] + 1, "status": "PROCESSING"}


class TestDelete:
    def test_a_deleted_batch_is_unknown_and_its_reference_free(self, env):
        """
        The response has the time of the deletion; afterwards the batch is 404.
        """
        created, _ = env.ready()
        body = {"listingId": LISTING, "batchId": created["batchId"]}

        response = env.post("/uploads/delete", body | {"reason": "another house"})

        assert response.status_code == 200
        deleted_at = env.clock.now().isoformat().replace("+00:00", "Z")
        assert response.json() == {"batchId": created["batchId"], "deletedAt": deleted_at}
        assert env.post("/uploads/status", body).status_code == 404
        assert env.post("/downloads/query", body).status_code == 404
        assert env.post("/downloads/query", {"listingId": LISTING}).status_code == 204

    def test_a_ready_batch_deletes_the_one_that_it_replaces(self, env):
        """
        ``replacesBatchId`` is an optional field of the creation.
        """
        old = env.create(batchReference="old")
        env.ready(batchReference="new", replacesBatchId=old["batchId"])

        response = env.post("/uploads/status", {"listingId": LISTING, "batchId": old["batchId"]})

        assert response.json()["details"]["reason"] == "BATCH_NOT_FOUND"
