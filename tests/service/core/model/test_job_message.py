"""
The job message: its body, its attributes and its parser.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.errors import Invalid
from harness.service.core.model.job_message import JobMessage

MESSAGE = JobMessage(5, "b", 7, 1, ({"key": "raw", "type": "PHOTO_VERTICAL"},), "00-1-2-01")


class TestJobMessage:
    def test_body_and_attributes(self):
        """
        Body and attributes have the form of the contract.
        """
        assert json.loads(MESSAGE.body) == {
            "jobId": 5,
            "batchId": "b",
            "listingId": 7,
            "attempt": 1,
            "assets": [{"key": "raw", "type": "PHOTO_VERTICAL"}],
        }
        assert MESSAGE.attributes == {
            "ListingId": "7",
            "BatchId": "b",
            "JobId": "5",
            "Traceparent": "00-1-2-01",
        }

    def test_without_a_trace_there_is_no_attribute(self):
        """
        SQS refuses an empty attribute.
        """
        assert "Traceparent" not in JobMessage(5, "b", 7, 1, ()).attributes

    def test_survives_the_queue(self):
        """
        The parser returns the message that was written.
        """
        assert JobMessage.parse(MESSAGE.body, MESSAGE.attributes) == MESSAGE

    @pytest.mark.parametrize(
        "body",
        ["", "{}", "null", "[]", '"x"', "{", '{"jobId": "x"}', '{"jobId": Infinity}',
         '{"jobId":1e300,"batchId":"b","listingId":7,"attempt":1,"assets":[]}', "[" * 100_000,
         '{"jobId":1,"batchId":"b","listingId":7,"attempt":1,"assets":["raw"]}'],
    )  # fmt: skip
    def test_other_bodies_are_invalid(self, body):
        """
        A body that is not a job message raises `Invalid`.
        """
        with pytest.raises(Invalid):
            JobMessage.parse(body, {})

    @given(st.text())
    def test_any_text_is_read_or_refused(self, body):
        """
        Any client can send any text to the queue.
        """
        with pytest.raises(Invalid):
            JobMessage.parse(body, {})
