"""
Port: the queue of jobs, and the one for dead letters.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.service.core.model.message import JobMessage


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it came: not yet understood, not yet acknowledged."""

    id: str
    body: str
    attributes: Mapping[str, str]
    receipt: str
    receive_count: int


class JobQueue(Protocol):
    @abstractmethod
    def send(self, message: JobMessage) -> str:
        """
        Return the queue's id of the message once it is acknowledged.

        Raises:
            Unavailable: It was not; it may or may not have been stored.
        """

    @abstractmethod
    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        """
        Return up to *limit* messages, waiting up to *wait* seconds for the first.

        Raises:
            Unavailable: The queue does not answer.
        """

    @abstractmethod
    def delete(self, message: ReceivedMessage) -> None:
        """Acknowledge a job message."""

    @abstractmethod
    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        """Like `receive`, from the dead-letter queue."""

    @abstractmethod
    def delete_dead(self, message: ReceivedMessage) -> None:
        """Acknowledge a dead letter."""

    @abstractmethod
    def ping(self) -> None:
        """
        Raises:
            Unavailable: The queue does not answer.
        """
