"""The batch of one arrival and its files. Sizes in bytes, lengths in seconds."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from harness.lab.workload.client_flows import MEBIBYTE, RefusedAttempt

MAX_BATCH_BYTES = 1024 * MEBIBYTE

MediaKind = Literal["image", "video", "document"]

_CLIENT_ID = re.compile(r"a(\d+)-(\d+)")


class FileDamage(StrEnum):
    """Why the content of a file cannot be used."""

    CORRUPT = "corrupt"
    TRUNCATED = "truncated"
    MISLABELLED = "mislabelled"
    OVERSIZED = "oversized"


class UploadFile(NamedTuple):
    """
    One file to upload. It is a tuple because a simulated day creates a million of them.

    Attributes:
        client_id: ``a<arrival>-<sequence>``.
        media_type: The service's name of the type, e.g. ``PHOTO_VERTICAL``.
        bytes: Planned size, which determines service times; a placeholder upload may be smaller.
        width, height: Sides of the upright picture or video [pixels]; 0 for documents.
        seconds: Length of a video; otherwise 0.
        exif_orientation: 1…8; 1 means that the file is stored upright.
        damage: The file arrives complete, but its content cannot be used; None for a file that can be.
    """

    client_id: str
    sequence: int
    media_type: str
    filename: str
    content_type: str
    bytes: int
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    exif_orientation: int = 1
    damage: FileDamage | None = None

    @property
    def pixels(self) -> int:
        """Number of pixels of a picture; 0 for videos and documents."""
        return 0 if self.media_type.startswith("VIDEO") else self.width * self.height

    @property
    def kind(self) -> MediaKind:
        """How the pipeline processes the file."""
        if self.media_type.startswith("VIDEO"):
            return "video"
        return "image" if self.width > 0 else "document"

    @property
    def is_video(self) -> bool:
        return self.kind == "video"

    @property
    def is_image(self) -> bool:
        """Whether the file gets thumbnails: a photo or a render."""
        return self.kind == "image"


@dataclass(frozen=True, slots=True)
class UploadBatch:
    """
    The flow of one arrival and the files of its batch.

    Attributes:
        flow, flow_index: Name of the flow, e.g. ``photo_shoot``, and its index in the scenario's ``flows``.
        files: Empty for a viewer.
        attempt: The request that a forbidden arrival sends.
        poisoned: Whether its queue message cannot be parsed.
        doubled: Whether the queue delivers its message twice.
        late: Whether the client uploads after its URLs have expired.
    """

    arrival: int
    flow: str
    flow_index: int
    files: tuple[UploadFile, ...] = ()
    attempt: RefusedAttempt | None = None
    poisoned: bool = False
    doubled: bool = False
    late: bool = False

    @property
    def family(self) -> str:
        """The service's family of the batch, ``SHOOT`` or ``PROJECT``; empty without files."""
        if not self.files:
            return ""
        return "PROJECT" if self.files[0].media_type.startswith("PROJECT") else "SHOOT"

    @property
    def reference(self) -> str:
        """The batch reference of the upload request."""
        return f"a{self.arrival}"

    @property
    def bytes(self) -> int:
        return sum([file.bytes for file in self.files])

    @property
    def photos(self) -> tuple[UploadFile, ...]:
        return tuple(file for file in self.files if file.media_type.startswith("PHOTO"))

    @property
    def videos(self) -> tuple[UploadFile, ...]:
        return tuple([file for file in self.files if file.kind == "video"])

    @property
    def images(self) -> tuple[UploadFile, ...]:
        return tuple([file for file in self.files if file.kind == "image"])

    @property
    def project_files(self) -> tuple[UploadFile, ...]:
        """Documents and renders; the run folder counts them together."""
        return tuple(file for file in self.files if file.media_type.startswith("PROJECT"))


def arrival_of(client_id: str) -> tuple[int, int] | None:
    """Return the arrival and the sequence of a client id; None if it does not come from a scenario."""
    match = _CLIENT_ID.fullmatch(client_id)
    return (int(match[1]), int(match[2])) if match else None
