"""
Port: the bucket.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.service.core.model.checksum import Sha256


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """A URL to PUT a file to, and the headers that must go with it."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the bucket knows of an object; size in bytes. ``checksum`` is None if stored without."""

    key: str
    bytes: int
    etag: str
    content_type: str
    checksum: Sha256 | None


class ObjectStorage(Protocol):
    @abstractmethod
    def sign_upload(self, key: str, *, content_type: str, checksum: Sha256, ttl: int) -> SignedUpload:
        """Return a URL that takes exactly this content for *ttl* seconds."""

    @abstractmethod
    def sign_download(self, key: str, *, ttl: int) -> str:
        """Return a URL that serves the object for *ttl* seconds."""

    @abstractmethod
    def head(self, key: str) -> StoredObject | None:
        """
        Return what is known of an object, None if there is none.

        Raises:
            Unavailable: The bucket does not answer.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object; no error if there is none."""

    @abstractmethod
    def ping(self) -> None:
        """
        Raises:
            Unavailable: The bucket does not answer.
        """
