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
