"""The manifest of a batch: the files that a client will upload, and the rules for them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.service.core.errors import FieldError, ManifestInvalid
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.media_type import Family, MediaType, Orientation

MEBIBYTE = 1024 * 1024
NAME_LENGTH = 255
CONTENT_TYPE_LENGTH = 100
LAST_SEQUENCE = 2**32 - 1
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
CONTENT_TYPE_PATTERN = f"^{_NAME}/{_NAME}$"
"""RFC 6838, section 4.2, without parameters."""
_CONTENT_TYPE = re.compile(f"{_NAME}/{_NAME}")


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """
    One file of a manifest.

    Attributes:
        client_id: The name that the client gives the file, unique in the batch.
        sequence: Position in the gallery, from 1, unique in the batch.
        orientation: Orientation in the request; it must match the media type of a photo or video, and is
            ignored for project files.
    """

    client_id: str
    media_type: MediaType
    filename: str
    content_type: str
    bytes: int
    checksum: Sha256
    sequence: int
    title: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    orientation: Orientation | None = None


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of a batch. Sizes in bytes."""

    files: int = 60
    file_bytes: int = 256 * MEBIBYTE
    batch_bytes: int = 1024 * MEBIBYTE
    content_types: frozenset[str] = frozenset(
        {"image/jpeg", "image/png", "image/heic", "video/mp4", "video/quicktime", "application/pdf"}
    )

    def check(self, files: Sequence[ManifestFile]) -> Family:
        """Return the family of a valid manifest; raise `ManifestInvalid` with all broken rules."""
        errors = [
            *self._count(files),
            *_texts(files),
            *_orientations(files),
            *self._sizes(files),
            *self._content_types(files),
            *_repeated(files),
            *_mixed(files),
        ]
        if errors:
            raise ManifestInvalid("The list of files is not valid.", errors)
        return files[0].media_type.family

    def _count(self, files: Sequence[ManifestFile]) -> Iterable[FieldError]:
        if not 1 <= len(files) <= self.files:
            yield FieldError("files", f"must have 1 to {self.files} elements, not {len(files)}")

    def _sizes(self, files: Sequence[ManifestFile]) -> Iterable[FieldError]:
        for index, file in enumerate(files):
            if not 1 <= file.bytes <= self.file_bytes:
                yield FieldError(f"files[{index}].bytes", f"must be 1 to {self.file_bytes} bytes")
        total = sum(file.bytes for file in files)
        if total > self.batch_bytes:
            yield FieldError("files", f"have {total} bytes in total; at most {self.batch_bytes} are allowed")

    def _content_types(self, files: Sequence[ManifestFile]) -> Iterable[FieldError]:
        for index, file in enumerate(files):
            if not self._accepts(file):
                message = f"{file.content_type} is not accepted for {file.media_type}"
                yield FieldError(f"files[{index}].contentType", message)

    def _accepts(self, file: ManifestFile) -> bool:
        if not _CONTENT_TYPE.fullmatch(file.content_type):
            return False
        content_type = file.content_type.lower()
        if file.media_type.family is Family.PROJECT:
            return content_type == "application/pdf" or content_type.startswith("image/")
        prefix = "video/" if file.media_type.is_video else "image/"
        return content_type in self.content_types and content_type.startswith(prefix)


def _texts(files: Sequence[ManifestFile]) -> Iterable[FieldError]:
    """Check the texts against the sizes of the database columns: a longer text is refused, not cut."""
    for index, file in enumerate(files):
        for name, text, limit in (
            ("clientId", file.client_id, NAME_LENGTH),
            ("filename", file.filename, NAME_LENGTH),
            ("contentType", file.content_type, CONTENT_TYPE_LENGTH),
        ):
            if not text.strip() or len(text) > limit:
                yield FieldError(f"files[{index}].{name}", f"must be 1 to {limit} characters")
        if file.title is not None and len(file.title) > NAME_LENGTH:
            yield FieldError(f"files[{index}].title", f"must be at most {NAME_LENGTH} characters")
        if not 1 <= file.sequence <= LAST_SEQUENCE:
            yield FieldError(f"files[{index}].sequence", f"must be 1 to {LAST_SEQUENCE}")


def _orientations(files: Sequence[ManifestFile]) -> Iterable[FieldError]:
    for index, file in enumerate(files):
        wanted = file.media_type.orientation
        if wanted and file.orientation and file.orientation is not wanted:
            yield FieldError(f"files[{index}].orientation", f"must be {wanted} for {file.media_type}")


def _repeated(files: Sequence[ManifestFile]) -> Iterable[FieldError]:
    client_ids = Counter(file.client_id for file in files)
    sequences = Counter(file.sequence for file in files)
    for index, file in enumerate(files):
        if client_ids[file.client_id] > 1:
            yield FieldError(f"files[{index}].clientId", "must be unique in the batch")
        if sequences[file.sequence] > 1:
            yield FieldError(f"files[{index}].sequence", "must be unique in the batch")


def _mixed(files: Sequence[ManifestFile]) -> Iterable[FieldError]:
    if len({file.media_type.family for file in files}) > 1:
        yield FieldError("files", "must not mix photos or videos with project files in one batch")
