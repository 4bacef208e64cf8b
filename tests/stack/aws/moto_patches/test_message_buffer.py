"""
How many receipts of deleted messages a queue keeps.
"""

from harness.stack.aws.moto_patches import sqs
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
