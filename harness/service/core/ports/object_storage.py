"""Port: the bucket."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.service.core.model.batch import MediaStage
from harness.service.core.model.checksum import Sha256


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """A URL for the PUT of a file, and the headers that the request must have."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The properties of a stored object; size in bytes. ``checksum`` is None if the object has none."""

    key: str
    bytes: int
    etag: str
    content_type: str
    checksum: Sha256 | None


class ObjectStorage(Protocol):
    """Every method except the signatures raises `Unavailable` if the bucket does not answer."""

    @abstractmethod
    def sign_upload(self, key: str, *, content_type: str, checksum: Sha256, ttl: int) -> SignedUpload:
        """Return a URL that accepts exactly this content for *ttl* seconds."""

    @abstractmethod
    def sign_download(self, key: str, *, ttl: int) -> str:
        """Return a URL that serves the object for *ttl* seconds."""

    @abstractmethod
    def head(self, key: str) -> StoredObject | None:
        """Return the properties of an object, None if it does not exist."""

    @abstractmethod
    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects whose key begins with *prefix*, sorted."""

    @abstractmethod
    def tag(self, key: str, stage: MediaStage) -> bool:
        """Set the tag ``media-stage`` of an object; return False if the object does not exist."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` if the bucket does not answer."""
