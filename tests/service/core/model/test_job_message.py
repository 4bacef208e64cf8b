"""
The queue message: what is written can be read, and nothing else can.
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
        Body and attributes as the contract spells them.
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
        SQS refuses empty attributes.
        """
        assert "Traceparent" not in JobMessage(5, "b", 7, 1, ()).attributes

    def test_survives_the_queue(self):
        """
        Reading what was written gives the same message.
        """
        assert JobMessage.parse(MESSAGE.body, MESSAGE.attributes) == MESSAGE

    @pytest.mark.parametrize(
        "body",
        ["", "{}", "null", "[]", '"x"', "{", '{"jobId": "x"}', '{"jobId": Infinity}', "[" * 100_000,
         '{"jobId":1,"batchId":"b","listingId":7,"attempt":1,"assets":["raw"]}'],
    )  # fmt: skip
    def test_poison_is_invalid(self, body):
        """
        Nothing that is no job message is taken for one, and none of it crashes the worker.
        """
        with pytest.raises(Invalid):
            JobMessage.parse(body, {})

    @given(st.text())
    def test_any_text_is_read_or_refused(self, body):
        """
        Anybody can put anything into a queue.
        """
        with pytest.raises(Invalid):
            JobMessage.parse(body, {})
