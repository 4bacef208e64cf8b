"""Port: the job queue and its dead-letter queue."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.service.core.model.job_message import JobMessage


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as received: not parsed and not acknowledged."""

    id: str
    body: str
    attributes: Mapping[str, str]
    receipt: str
    receive_count: int

    @property
    def ids(self) -> dict[str, str | None]:
        """The ids of its job in the attributes, for its span: the body may be no job message."""
        names = {"listing_id": "ListingId", "batch_id": "BatchId", "job_id": "JobId"}
        return {name: self.attributes.get(attribute) for name, attribute in names.items()}


class JobQueue(Protocol):
    """Every method raises `Unavailable` if the queue does not answer."""

    @abstractmethod
    def send(self, message: JobMessage) -> str:
        """
        Send a message and return the id that the queue assigned to it.

        After `Unavailable` the message may be stored or not.
        """

    @abstractmethod
    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        """Return up to *limit* messages, waiting up to *wait* seconds for the first."""

    @abstractmethod
    def delete(self, message: ReceivedMessage) -> None:
        """Acknowledge a message of the job queue."""

    @abstractmethod
    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        """Receive from the dead-letter queue, like `receive`."""

    @abstractmethod
    def delete_dead(self, message: ReceivedMessage) -> None:
        """Acknowledge a message of the dead-letter queue."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` if the queue does not answer."""
