"""
The internal callback: authenticated by its signature, and idempotent.
"""

import httpx
import pytest

SECRET = "the pipeline's secret"
PATH = "/internal/media-processing/callback"


def _refused(response: httpx.Response, status: int, reason: str) -> bool:
    error = response.json()
    return (response.status_code, error["code"], error["details"]["reason"]) == (status, status, reason)


class TestSignature:
    def test_a_callback_without_signature_is_refused(self, env):
        """
        The header is required.
        """
        response = env.client.post(PATH, json={"jobId": 1, "status": "FAILED"})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    @pytest.mark.parametrize("secret", ["another secret", "the pipeline's secret "])
    def test_a_callback_signed_with_another_secret_is_refused(self, env, secret):
        """
        Only the shared secret is accepted.
        """
        response = env.callback({"jobId": 1, "status": "FAILED"}, secret=secret)

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_an_altered_body_is_refused(self, env):
        """
        The signature covers every byte.
        """
        created, accepted = env.received()
        genuine = {"jobId": accepted["jobId"], "status": "RUNNING"}
        signature = env.callback(genuine).request.headers["X-Toq-Signature"]

        altered = genuine | {"status": "FAILED"}
        response = env.client.post(PATH, json=altered, headers={"X-Toq-Signature": signature})

        assert _refused(response, 403, "SIGNATURE_INVALID")
        report = env.post("/uploads/status", {"listingId": 42, "batchId": created["batchId"]})
        assert report.json()["status"] == "PROCESSING"

    @pytest.mark.parametrize("spoil", [str.upper, lambda text: f"sha256={text}", lambda text: text[:-1]])
    def test_the_signature_is_bare_lower_case_hex(self, env, spoil):
        """
        Upper case, a prefix or a shortened digest are refused.
        """
        document = {"jobId": 1, "status": "FAILED"}
        signature = env.callback(document).request.headers["X-Toq-Signature"]

        response = env.callback(document, headers={"X-Toq-Signature": spoil(signature)})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_a_signature_outside_ascii_is_refused(self, env):
        """
        A header may contain other bytes than a digest.
        """
        response = env.callback({"jobId": 1}, headers={"X-Toq-Signature": b"\xe9" * 64})

        assert _refused(response, 403, "SIGNATURE_INVALID")

    @pytest.mark.parametrize("secret", ["", " "])
    def test_without_a_secret_everything_is_refused(self, open_api, secret):
        """
        Without a configured secret no callback is accepted, not even one that is signed with the empty
        secret.
        """
        with open_api(callback_secret=secret) as env:
            response = env.callback({"jobId": 1, "status": "FAILED"}, secret=secret)

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_a_user_token_is_not_a_signature(self, env, make):
        """
        Not even the token of an operator.
        """
        response = env.client.post(
            PATH,
            json={"jobId": 1, "status": "FAILED"},
            headers={"Authorization": f"Bearer {make.token(3)}"},
        )

        assert _refused(response, 403, "SIGNATURE_INVALID")

    def test_the_signature_comes_before_the_body(self, env):
        """
        A body without a valid signature is not parsed.
        """
        response = env.client.post(PATH, content=b"{", headers={"X-Toq-Signature": "0" * 64})

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
    def test_an_invalid_callback_is_400(self, env, document):
        """
        A valid signature does not replace a valid body.
        """
        assert _refused(env.callback(document), 400, "MANIFEST_INVALID")

    @pytest.mark.parametrize("job_id", [77, "77"])
    def test_an_unknown_job_is_404(self, env, job_id):
        """
        The job id may be a number or text.
        """
        assert _refused(env.callback({"jobId": job_id, "status": "FAILED"}), 404, "JOB_NOT_FOUND")

    def test_a_job_of_another_batch_is_400(self, env):
        """
        Job and batch of a callback must match.
        """
        _, accepted = env.received()

        response = env.callback({"jobId": accepted["jobId"], "batchId": "another", "status": "FAILED"})

        assert _refused(response, 400, "MANIFEST_INVALID")

    @pytest.mark.parametrize("key", ["404/zip/any/1/full.zip", "../../etc/passwd"])
    def test_a_key_of_another_batch_is_400(self, env, make, key):
        """
        A signed callback cannot offer the objects of others for download.
        """
        created, accepted = env.received()
        document = make.success(created, accepted["jobId"])

        response = env.callback(document | {"zip": {"key": key}})

        assert _refused(response, 400, "MANIFEST_INVALID")
        assert response.json()["details"]["errors"][0]["field"] == "zip.key"

    def test_a_database_that_does_not_answer_is_503(self, env):
        """
        The pipeline tries again.
        """
        env.media.available = False

        assert _refused(env.callback({"jobId": 1, "status": "FAILED"}), 503, "UNAVAILABLE")

    def test_every_refusal_is_counted_once(self, env):
        """
        ``media_processing_callback_errors_total`` counts each signed callback that fails.
        """
        env.callback({"jobId": 1, "status": "DONE"})
        env.callback({"jobId": 77, "status": "FAILED"})

        assert env.instruments.counts["media_processing_callback_errors_total"] == 2
        assert env.instruments.unsigned == 0

    def test_unsigned_requests_are_counted_apart(self, env):
        """
        Anybody can send a request without or with a wrong signature, or too large to check: the count of the
        callbacks that failed stays.
        """
        env.client.post(PATH, json={"jobId": 1, "status": "FAILED"})
        env.callback({"jobId": 1, "status": "FAILED"}, secret="wrong")
        env.client.post(PATH, content=b"x" * 5_000_000)

        assert env.instruments.unsigned == 3
        assert env.instruments.counts["media_processing_callback_errors_total"] == 0


class TestEffect:
    @pytest.mark.parametrize("quoted", [False, True])
    def test_running_marks_job_and_batch(self, env, quoted):
        """
        The pipeline may report its start.
        """
        created, accepted = env.received()
        job_id = str(accepted["jobId"]) if quoted else accepted["jobId"]

        response = env.callback({"jobId": job_id, "listingId": "42", "status": "RUNNING"})

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
    def test_every_way_to_fail_fails_the_batch(self, env, status):
        """
        All failing statuses of a callback give FAILED.
        """
        _, accepted = env.received()

        response = env.callback({"jobId": accepted["jobId"], "status": status})

        assert response.json()["batchStatus"] == "FAILED"

    def test_success_without_outputs_is_failure(self, env):
        """
        A batch without downloads is never READY.
        """
        created, accepted = env.received()

        response = env.callback({"jobId": accepted["jobId"], "status": "SUCCEEDED", "outputs": []})

        assert response.json()["batchStatus"] == "FAILED"
        report = env.post("/uploads/status", {"listingId": 42, "batchId": created["batchId"]})
        assert report.json()["error"]["code"] == "MISSING_PROCESSED_KEY"

    def test_a_repeated_callback_has_no_effect(self, env, make):
        """
        A job that has ended is answered with 200 and does not change.
        """
        created, accepted = env.ready()

        again = env.callback(make.success(created, accepted["jobId"]))
        late = env.callback({"jobId": accepted["jobId"], "status": "FAILED"})

        assert [again.status_code, late.status_code] == [200, 200]
        assert late.json()["batchStatus"] == "READY"
        assert env.instruments.counts["media_processing_callback_errors_total"] == 0

    def test_an_older_job_does_not_change_the_batch(self, env):
        """
        After a retry the callback of the older job is recorded only.
        """
        created, accepted = env.received()
        env.callback({"jobId": accepted["jobId"], "status": "FAILED"})
        body = {"listingId": 42, "batchId": created["batchId"], "reason": "again"}
        retried = env.post("/uploads/retry", body).json()
        env.callback({"jobId": retried["jobId"], "status": "RUNNING"})

        response = env.callback({"jobId": accepted["jobId"], "status": "FAILED"})

        assert response.json()["batchStatus"] == "PROCESSING"
