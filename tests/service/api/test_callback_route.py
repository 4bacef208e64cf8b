"""
The internal callback: believed by signature, idempotent, and never fail-open.
"""

import httpx
import pytest

SECRET = "the pipeline's secret"
PATH = "/internal/media-processing/callback"


def _refused(response: httpx.Response, status: int, reason: str) -> bool:
    error = response.json()
    return (response.status_code, error["code"], error["details"]["reason"]) == (status, status, reason)


class TestSignature:
    def test_a_callback_without_signature_is_refused(self, world):
        """
        No header, no belief.
        """
        response = world.client.post(PATH, json={"jobId": 1, "status": "FAILED"})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    @pytest.mark.parametrize("secret", ["another secret", "the pipeline's secret "])
    def test_a_callback_signed_with_another_secret_is_refused(self, world, secret):
        """
        Only our secret signs for the pipeline.
        """
        response = world.callback({"jobId": 1, "status": "FAILED"}, secret=secret)

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_an_altered_body_is_refused(self, world):
        """
        The signature is of every byte: a batch cannot be made to fail by changing one.
        """
        created, accepted = world.received()
        genuine = {"jobId": accepted["jobId"], "status": "RUNNING"}
        signature = world.callback(genuine).request.headers["X-Toq-Signature"]

        altered = genuine | {"status": "FAILED"}
        response = world.client.post(PATH, json=altered, headers={"X-Toq-Signature": signature})

        assert _refused(response, 403, "SIGNATURE_INVALID")
        report = world.post("/uploads/status", {"listingId": 42, "batchId": created["batchId"]})
        assert report.json()["status"] == "PROCESSING"

    @pytest.mark.parametrize("spoil", [str.upper, lambda text: f"sha256={text}", lambda text: text[:-1]])
    def test_the_signature_is_bare_lower_case_hex(self, world, spoil):
        """
        Upper case, a prefix or a shortened digest are other signatures.
        """
        document = {"jobId": 1, "status": "FAILED"}
        signature = world.callback(document).request.headers["X-Toq-Signature"]

        response = world.callback(document, headers={"X-Toq-Signature": spoil(signature)})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_a_signature_outside_ascii_is_refused(self, world):
        """
        Headers may hold bytes that no digest holds.
        """
        response = world.callback({"jobId": 1}, headers={"X-Toq-Signature": b"\xe9" * 64})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    @pytest.mark.parametrize("secret", ["", " "])
    def test_without_a_secret_everything_is_refused(self, open_api, secret):
        """
        A service that cannot check must not believe, not even a signature made with the empty secret.
        """
        with open_api(callback_secret=secret) as world:
            response = world.callback({"jobId": 1, "status": "FAILED"}, secret=secret)

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_a_user_token_signs_nothing(self, world, make):
        """
        Not even the operator may call back.
        """
        response = world.client.post(
            PATH,
            json={"jobId": 1, "status": "FAILED"},
            headers={"Authorization": f"Bearer {make.token(3)}"},
        )

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_the_signature_comes_before_the_body(self, world):
        """
        What is not signed is not even read: no hint about its errors.
        """
        response = world.client.post(PATH, content=b"{", headers={"X-Toq-Signature": "0" * 64})

        assert _refused(response, 403, "SIGNATURE_INVALID")


class TestDocument:
    @pytest.mark.parametrize(
        "document",
        [
            {"jobId": 1, "status": "DONE"},
            {"jobId": 1},
            {"status": "FAILED"},
            {"jobId": "one", "status": "FAILED"},
            {"jobId": True, "status": "FAILED"},
            {"jobId": 10**30, "status": "FAILED"},
            {"jobId": 1, "status": "SUCCEEDED", "outputs": [{"processedKey": "no raw key"}]},
            {"jobId": 1, "status": "SUCCEEDED", "outputs": "none"},
            [],
            None,
        ],
    )
    def test_what_is_no_callback_is_400(self, world, document):
        """
        Signed nonsense is still nonsense.
        """
        assert _refused(world.callback(document), 400, "MANIFEST_INVALID")

    @pytest.mark.parametrize("job_id", [77, "77"])
    def test_an_unknown_job_is_404(self, world, job_id):
        """
        Nobody created it, whether it comes as a number or in quotes.
        """
        assert _refused(world.callback({"jobId": job_id, "status": "FAILED"}), 404, "JOB_NOT_FOUND")

    def test_a_job_of_another_batch_is_400(self, world):
        """
        Job and batch of a callback must belong together.
        """
        _, accepted = world.received()

        response = world.callback({"jobId": accepted["jobId"], "batchId": "another", "status": "FAILED"})

        assert _refused(response, 400, "MANIFEST_INVALID")

    def test_a_database_that_does_not_answer_is_503(self, world):
        """
        The pipeline shall try again.
        """
        world.media.available = False

        assert _refused(world.callback({"jobId": 1, "status": "FAILED"}), 503, "UNAVAILABLE")

    def test_every_refusal_is_counted_once(self, world):
        """
        ``media_processing_callback_errors_total`` grows with each callback that could not be honoured.
        """
        world.callback({"jobId": 1, "status": "FAILED"}, secret="wrong")
        world.callback({"jobId": 1, "status": "DONE"})
        world.callback({"jobId": 77, "status": "FAILED"})

        assert world.instruments.counts["media_processing_callback_errors_total"] == 3


class TestEffect:
    @pytest.mark.parametrize("quoted", [False, True])
    def test_running_marks_job_and_batch(self, world, quoted):
        """
        The pipeline says it has begun.
        """
        created, accepted = world.received()
        job_id = str(accepted["jobId"]) if quoted else accepted["jobId"]

        response = world.callback({"jobId": job_id, "listingId": "42", "status": "RUNNING"})

        assert response.status_code == 200
        assert response.json() == {
            "status": "success",
            "jobId": accepted["jobId"],
            "jobStatus": "RUNNING",
            "batchId": created["batchId"],
            "batchStatus": "PROCESSING",
        }

    @pytest.mark.parametrize(
        "status",
        ["FAILED", "VALIDATION_FAILED", "PROCESSING_FAILED", "TIMED_OUT", "ABORTED", "PARTIAL_SUCCESS"],
    )
    def test_every_way_to_fail_fails_the_batch(self, world, status):
        """
        There are many words for failure and one status.
        """
        _, accepted = world.received()

        response = world.callback({"jobId": accepted["jobId"], "status": status})

        assert response.json()["batchStatus"] == "FAILED"

    def test_success_without_outputs_is_failure(self, world):
        """
        A batch is never READY with nothing to download.
        """
        created, accepted = world.received()

        response = world.callback({"jobId": accepted["jobId"], "status": "SUCCEEDED", "outputs": []})

        assert response.json()["batchStatus"] == "FAILED"
        report = world.post("/uploads/status", {"listingId": 42, "batchId": created["batchId"]})
        assert report.json()["error"]["code"] == "MISSING_PROCESSED_KEY"

    def test_told_twice_is_told_once(self, world, make):
        """
        A job that has ended answers 200 and never changes again.
        """
        created, accepted = world.ready()

        again = world.callback(make.success(created, accepted["jobId"]))
        late = world.callback({"jobId": accepted["jobId"], "status": "FAILED"})

        assert [again.status_code, late.status_code] == [200, 200]
        assert late.json()["batchStatus"] == "READY"
        assert world.instruments.counts["media_processing_callback_errors_total"] == 0

    def test_an_older_job_leaves_the_batch_alone(self, world):
        """
        The news of a job that a retry has overtaken are recorded and move nothing.
        """
        created, accepted = world.received()
        world.callback({"jobId": accepted["jobId"], "status": "FAILED"})
        body = {"listingId": 42, "batchId": created["batchId"], "reason": "again"}
        retried = world.post("/uploads/retry", body).json()
        world.callback({"jobId": retried["jobId"], "status": "RUNNING"})

        response = world.callback({"jobId": accepted["jobId"], "status": "FAILED"})

        assert response.json()["batchStatus"] == "PROCESSING"
