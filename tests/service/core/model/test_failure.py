"""
The code of a failure is extracted from the error of Step Functions.
"""

import json

import pytest

from harness.service.core.model.failure import Failure


class TestFailure:
    def test_reads_the_code_of_a_rejected_input(self):
        """
        A handler raises Rejected("CODE: text"); code and text are extracted.
        """
        cause = json.dumps({"errorMessage": "UPLOAD_MISSING: key 7/raw/a.jpg", "errorType": "Rejected"})

        failure = Failure.read("Rejected", cause, "VALIDATION_FAILED")

        assert failure == Failure("UPLOAD_MISSING", "key 7/raw/a.jpg")

    @pytest.mark.parametrize(
        ("name", "cause", "status", "failure"),
        [
            ("States.Timeout", "", "PROCESSING_FAILED", Failure("PROCESSING_FAILED", "States.Timeout")),
            ("Retryable", "S3 is down", "FAILED", Failure("PROCESSING_FAILED", "Retryable: S3 is down")),
            ("", "", "TIMED_OUT", Failure("TIMED_OUT", "The execution ended with status TIMED_OUT.")),
            ("", "CHECKSUM_MISMATCH", "FAILED", Failure("CHECKSUM_MISMATCH", "CHECKSUM_MISMATCH")),
            ("DECODE_FAILED", "bad header", "FAILED", Failure("DECODE_FAILED", "bad header")),
            ("E", "[" * 100_000, "FAILED", None),
            ("E", '{"errorMessage": 5}', "FAILED", Failure("PROCESSING_FAILED", 'E: {"errorMessage": 5}')),
        ],
    )
    def test_falls_back_to_the_status_of_the_execution(self, name, cause, status, failure):
        """
        An error without a known code keeps its text and gets the code of the status.
        """
        read = Failure.read(name, cause, status)

        assert failure is None or read == failure
        assert 1 <= len(read.code) <= 50
        assert len(read.detail) <= 4000

    @pytest.mark.parametrize("wrapped", [True, False], ids=["as createJob", "as getJob"])
    def test_a_failed_transcoding_job_gives_its_file_and_error_only(self, wrapped):
        """
        The cause is the JSON of the job; users see no ARN, no account and no bucket.
        """
        job = {
            "Arn": "arn:aws:mediaconvert:us-east-1:123456789012:jobs/1-a",
            "Role": "arn:aws:iam::123456789012:role/toq-media",
            "Status": "ERROR",
            "ErrorCode": 1040,
            "ErrorMessage": "Unable to open s3://toq-listing-medias/42/raw/v.mp4,\n"
            "as arn:aws:iam::123456789012:role/toq-media",
            "UserMetadata": {"item": "0"},
            "Settings": {"Inputs": [{"FileInput": "s3://toq-listing-medias/42/raw/v.mp4"}]},
        }
        cause = json.dumps({"Job": job} if wrapped else job)

        failure = Failure.read("States.TaskFailed", cause, "PROCESSING_FAILED")

        assert failure == Failure(
            "VIDEO_PROCESSING_FAILED",
            "42/raw/v.mp4: Unable to open 42/raw/v.mp4, as (an AWS resource) (MediaConvert error 1040)",
        )

    @pytest.mark.parametrize(
        ("settings", "detail"),
        [
            ({"Inputs": [{"FileInput": "s3://b/k.mp4"}]}, "k.mp4: the transcoding job is CANCELED"),
            ({"Inputs": [{}]}, "the transcoding job is CANCELED"),
            ({"Inputs": [7]}, "the transcoding job is CANCELED"),
            ({"Inputs": []}, "the transcoding job is CANCELED"),
            (None, "the transcoding job is CANCELED"),
        ],
    )
    def test_a_transcoding_job_without_message_or_input_is_readable(self, settings, detail):
        """
        A cancelled job has no error of its own.
        """
        cause = json.dumps({"Job": {"Status": "CANCELED", "Settings": settings}})

        assert Failure.read("", cause, "FAILED") == Failure("VIDEO_PROCESSING_FAILED", detail)
