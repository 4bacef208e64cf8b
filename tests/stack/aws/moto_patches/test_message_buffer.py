"""
What a queue keeps of deleted messages.
"""

import time
import weakref

from moto.core.common_models import BaseModel
from moto.sqs.models import Message

from harness.stack.aws.moto_patches import sqs
from harness.stack.aws.moto_patches.instances import forget_instances
from harness.stack.aws.moto_patches.sqs import MessageBuffer


class TestMessageBuffer:
    def test_the_oldest_receipts_of_deleted_messages_are_forgotten(self, monkeypatch):
        """
        They are kept only to accept a second deletion.
        """
        monkeypatch.setattr(sqs, "KEPT_DELETIONS", 2)
        buffer = MessageBuffer()
        for receipt in ("one", "two", "three"):
            buffer.remember_deletion(receipt)

        assert list(buffer.deleted) == ["two", "three"]

    def test_a_message_that_is_put_again_is_deleted_on_its_own(self):
        """
        Its copy has another id and remains, as a message that SQS delivers twice.
        """
        buffer = MessageBuffer()
        message = Message("id", "body", None)
        buffer.put(message)
        buffer.put_again(message)
        buffer.drop(message)

        assert [(one.body, one.id == "id") for one in buffer.ready.values()] == [("body", False)]

    def test_the_body_of_a_deleted_message_is_not_kept(self, monkeypatch):
        """
        Neither by moto nor by the queue, even if its visibility time-out is half an hour away.
        """
        monkeypatch.setattr(BaseModel, "__new__", staticmethod(BaseModel.__new__))
        forget_instances()
        buffer = MessageBuffer()
        message = Message("id", "body", None)
        buffer.hide(message, 1000 * (time.time() + 1800))
        buffer.drop(message)
        alive = weakref.ref(message)
        del message

        assert alive() is None
        assert buffer.release_due(1000 * time.time()) is None
