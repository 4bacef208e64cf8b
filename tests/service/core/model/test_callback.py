"""
The parser of callbacks, and the result of a callback for its batch.
"""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.errors import CallbackInvalid
from harness.service.core.model.callback import AssetOutput, CallbackStatus, ProcessingCallback, ZipBundle
from harness.service.core.model.failure import Failure

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "jobId", "batchId", "listingId", "status", "provider", "externalId", "startedAt", "outputs", "zip",
    "failureReason", "error", "traceparent",
]  # fmt: skip


class TestParse:
    def test_reads_every_field(self):
        """
        All fields of the document in the contract.
        """
        callback = ProcessingCallback.parse(
            {
                "jobId": 5,
                "batchId": "b",
                "listingId": 7,
                "status": "SUCCEEDED",
                "provider": "STEP_FUNCTIONS",
                "externalId": "arn",
                "startedAt": "2026-01-05T12:00:00Z",
                "outputs": [
                    {
                        "rawKey": "raw",
                        "processedKey": "large",
                        "thumbnailKey": "thumbnail",
                        "outputs": {"large": "large", "hls": None},
                        "width": 1200,
                        "height": 800,
                        "durationSeconds": 12.5,
                    }
                ],
                "zip": {"key": "zip", "bytes": 9, "assets": 1},
                "traceparent": "00-1-2-01",
            }
        )

        assert callback == ProcessingCallback(
            job_id=5,
            batch_id="b",
            listing_id=7,
            status=CallbackStatus.SUCCEEDED,
            provider="STEP_FUNCTIONS",
            external_id="arn",
            started_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
            outputs=(AssetOutput("raw", "large", "thumbnail", {"large": "large"}, {}, 1200, 800, 12.5),),
            zip=ZipBundle("zip", 9, 1),
            traceparent="00-1-2-01",
        )

    def test_a_number_of_files_is_whole(self):
        """
        A fraction is refused, not cut; also in a bundle without a key, which is ignored.
        """
        with pytest.raises(CallbackInvalid, match="assets must be a whole number"):
            ProcessingCallback.parse({"jobId": 5, "status": "SUCCEEDED", "zip": {"assets": 1.5}})

    @pytest.mark.parametrize("job_id", [5, 5.0, "5", "005"])
    def test_ids_may_be_text(self, job_id):
        """
        The input of an execution may have ids as text.
        """
        assert ProcessingCallback.parse({"jobId": job_id, "status": "RUNNING"}).job_id == 5

    @pytest.mark.parametrize("job_id", [None, "", "five", -1, 1.5, True, [], {}, 2**64, "٥", "9" * 30])
    def test_other_ids_are_invalid(self, job_id):
        """
        A job id is a non-negative integer that fits into the database column.
        """
        with pytest.raises(CallbackInvalid):
            ProcessingCallback.parse({"jobId": job_id, "status": "RUNNING"})

    @pytest.mark.parametrize("status", [None, "", "running", "DONE", 1, "FINALIZATION_FAILED"])
    def test_unknown_status_is_invalid(self, status):
        """
        An unknown status is refused, because a batch could otherwise stay in the pipeline.
        """
        with pytest.raises(CallbackInvalid):
            ProcessingCallback.parse({"jobId": 5, "status": status})

    @pytest.mark.parametrize(
        "fields",
        [
            {"outputs": {}},
            {"outputs": ["raw"]},
            {"outputs": [{}]},
            {"outputs": [{"rawKey": "k" * 513}]},
            {"outputs": [{"rawKey": "k", "outputs": {"large": 5}}]},
            {"outputs": [{"rawKey": "k", "width": float("nan")}]},
            {"outputs": [{"rawKey": "k", "width": "1200"}]},
            {"zip": "key"},
            {"startedAt": "yesterday"},
            {"startedAt": ""},
            {"startedAt": "0001-01-01T00:00:00+07:07"},
            {"startedAt": "1969-12-31T23:59:59Z"},
            {"error": 5},
            {"externalId": "façade"},
            {"outputs": [{"rawKey": "k", "processedKey": "large"}, {"rawKey": "k"}]},
            {"outputs": [{"rawKey": "k", "outputs": {"l" * 101: "large"}}]},
            {"outputs": [{"rawKey": "k", "width": 10**399}]},
            {"outputs": [{"rawKey": "k", "width": 10**9, "height": 10**9}]},
            {"outputs": [{"rawKey": "k", "durationSeconds": 5e9}]},
        ],
        ids=lambda fields: repr(fields)[:60],
    )
    def test_wrong_types_are_invalid(self, fields):
        """
        The error names the field with the wrong type.
        """
        with pytest.raises(CallbackInvalid) as refused:
            ProcessingCallback.parse({"jobId": 5, "status": "SUCCEEDED"} | fields)

        assert refused.value.errors[0].field

    def test_the_largest_values_fit_into_their_columns(self):
        """
        The resolution has 20 characters, the duration 32 bits.
        """
        output = {"rawKey": "k", "width": 999_999_999, "height": 999_999_999, "durationSeconds": 2**32 - 1}

        callback = ProcessingCallback.parse({"jobId": 5, "status": "SUCCEEDED", "outputs": [output]})

        (read,) = callback.outputs
        assert len(read.resolution) <= 20
        assert round(read.duration_seconds) < 2**32

    def test_long_texts_are_cut(self):
        """
        A failure is not lost because its text is longer than its column.
        """
        outputs = [
            {"rawKey": f"{n}", "errorCode": f"{n:050}", "errorMessage": "m" * 70_000} for n in range(2000)
        ]

        callback = ProcessingCallback.parse({"jobId": 5, "status": "PARTIAL_SUCCESS", "outputs": outputs})

        assert {len(output.error_message) for output in callback.outputs} == {4000}
        assert len(callback.failure_for(["0"]).detail) == 4000

    @pytest.mark.parametrize("document", [None, [], "x", 5, {"body": {"jobId": 5, "status": "RUNNING"}}])
    def test_other_documents_are_invalid(self, document):
        """
        A callback is a JSON object.
        """
        with pytest.raises(CallbackInvalid):
            ProcessingCallback.parse(document)

    @given(st.dictionaries(st.sampled_from(FIELDS), JSON))
    def test_any_json_is_read_or_invalid(self, fields):
        """
        Any JSON document is parsed or raises `CallbackInvalid`.
        """
        with suppress(CallbackInvalid):
            ProcessingCallback.parse({"jobId": 5, "status": "FAILED"} | fields)


class TestFailureFor:
    def test_a_complete_result_is_a_success(self):
        """
        A batch succeeds if every upload has a processed object and there is a ZIP.
        """
        callback = ProcessingCallback(
            5,
            CallbackStatus.SUCCEEDED,
            outputs=[AssetOutput("a", "x"), AssetOutput("b", "y")],
            zip=ZipBundle("z"),
        )

        assert callback.failure_for(["a", "b"]) is None

    @pytest.mark.parametrize(
        ("outputs", "bundle"),
        [
            ([], ZipBundle("z")),
            ([AssetOutput("a", "x")], ZipBundle("z")),
            ([AssetOutput("a", "x"), AssetOutput("b", None)], ZipBundle("z")),
            ([AssetOutput("a", "x"), AssetOutput("c", "y")], ZipBundle("z")),
            ([AssetOutput("a", "x"), AssetOutput("b", error_code="DECODE_FAILED")], ZipBundle("z")),
            ([AssetOutput("a", "x"), AssetOutput("b", "y")], None),
        ],
    )
    def test_success_with_something_missing_is_a_failure(self, outputs, bundle):
        """
        A batch without all downloads is never READY.
        """
        callback = ProcessingCallback(5, CallbackStatus.SUCCEEDED, outputs=outputs, zip=bundle)

        assert callback.failure_for(["a", "b"]).code == "MISSING_PROCESSED_KEY"

    def test_partial_success_is_a_failure_that_names_the_codes(self):
        """
        One failed file of two fails the batch.
        """
        outputs = [AssetOutput("a", "x"), AssetOutput("b", error_code="THUMBNAIL_PROCESSING_FAILED")]
        callback = ProcessingCallback(5, CallbackStatus.PARTIAL_SUCCESS, outputs=outputs)

        assert callback.failure_for(["a", "b"]) == Failure(
            "DERIVATIVE_ERRORS_DETECTED", "1 of 2 files failed: THUMBNAIL_PROCESSING_FAILED."
        )

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("FAILED", "PROCESSING_FAILED"),
            ("VALIDATION_FAILED", "VALIDATION_FAILED"),
            ("PROCESSING_FAILED", "PROCESSING_FAILED"),
            ("TIMED_OUT", "TIMED_OUT"),
            ("ABORTED", "ABORTED"),
        ],
    )
    def test_every_failing_status_has_a_code(self, status, code):
        """
        Also if the callback has no reason.
        """
        callback = ProcessingCallback.parse({"jobId": 5, "status": status})

        assert callback.failure_for(["a"]).code == code

    @pytest.mark.parametrize(
        "fields",
        [
            {"error": {"Error": "Rejected", "Cause": '{"errorMessage": "SIZE_MISMATCH: 5 bytes"}'}},
            {"error": {"code": "SIZE_MISMATCH", "message": "5 bytes"}},
            {"error": "SIZE_MISMATCH: 5 bytes"},
            {"failureReason": "SIZE_MISMATCH: 5 bytes"},
        ],
    )
    def test_reads_the_reason_in_each_of_its_shapes(self, fields):
        """
        An error of Step Functions, its unpacked form, and plain text give the same failure.
        """
        callback = ProcessingCallback.parse({"jobId": 5, "status": "VALIDATION_FAILED"} | fields)

        assert callback.failure_for(["a"]) == Failure("SIZE_MISMATCH", "5 bytes")
