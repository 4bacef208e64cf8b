"""Faults of the messages in the queue."""

from typing import Literal

from harness.lab.workload.faults.fault_window import RandomFault


class PoisonedMessage(RandomFault):
    """The queue message of a job cannot be parsed, so it ends in the dead-letter queue."""

    action: Literal["harness:sqs:poison-message"]


class DuplicateMessage(RandomFault):
    """The queue delivers the message of a job twice; SQS promises at least once."""

    action: Literal["harness:sqs:duplicate-message"]
