"""
What a topic keeps of the events that a rule sends to it.
"""

from moto.sns.models import sns_backends

from harness.stack.aws.moto_patches import event_rules


class TestNotifications:
    def test_the_oldest_are_forgotten(self, monkeypatch):
        """
        Nobody reads them, and a stack that runs for days does not grow.
        """
        monkeypatch.setattr(event_rules, "KEPT_NOTIFICATIONS", 2)
        topic = sns_backends["123456789012"]["us-east-1"].create_topic("alerts")
        for number in range(5):
            event_rules._deliver("rule", topic.arn, f"event {number}", 1.0)

        assert [message for _, message, *_ in topic.sent_notifications] == ["event 3", "event 4"]
