"""
What one arrival brings: the files of its batch. Sizes in bytes, lengths in seconds.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.lab.workload.client_flows import MEBIBYTE, RefusedAttempt

MAX_BATCH_BYTES = 1024 * MEBIBYTE

Kind = Literal["image", "video", "document"]

_CLIENT_ID = re.compile(r"a(\d+)-(\d+)")


class UploadFile(NamedTuple):
    """
    One file to upload: a tuple, since a simulated day makes a million of them.

    Attributes:
        client_id: ``a<arrival>-<sequence>``.
        media_type: As the service spells it, e.g. ``PHOTO_VERTICAL``.
        bytes: Planned size, which service times follow; what is uploaded may be smaller filler.
        width: Upright width of the picture or video [pixels]; 0 for documents.
        height: Upright height [pixels].
        seconds: Length of a video, else 0.
        exif_orientation: 1…8; 1 is upright as stored.
        corrupt: Arrives whole, but cannot be decoded.
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
    corrupt: bool = False

    @property
    def pixels(self) -> int:
        """How many pixels a picture has; 0 for videos and documents."""
        return 0 if self.media_type.startswith("VIDEO") else self.width * self.height

    @property
    def is_photo(self) -> bool:
        return self.media_type.startswith("PHOTO")

    @property
    def kind(self) -> Kind:
        """What the pipeline takes it for."""
        if self.media_type.startswith("VIDEO"):
            return "video"
        return "image" if self.width > 0 else "document"

    @property
    def is_video(self) -> bool:
        return self.kind == "video"

    @property
    def is_image(self) -> bool:
        """Photos and renders: what becomes thumbnails."""
        return self.kind == "image"


@dataclass(frozen=True, slots=True)
class UploadBatch:
    """
    What one arrival does and brings.

    Attributes:
        flow: Name of the flow, e.g. ``photo_shoot``.
        flow_index: Its place in the scenario's ``flows``.
        files: Empty for a viewer.
        attempt: What a forbidden arrival tries.
        poisoned: Its queue message shall be unreadable.
    """

    arrival: int
    flow: str
    flow_index: int
    files: tuple[UploadFile, ...] = ()
    attempt: RefusedAttempt | None = None
    poisoned: bool = False

    @property
    def family(self) -> str:
        """``SHOOT`` or ``PROJECT``, as the service sorts batches; empty without files."""
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
        return tuple(file for file in self.files if file.is_photo)

    @property
    def videos(self) -> tuple[UploadFile, ...]:
        return tuple(file for file in self.files if file.is_video)

    @property
    def images(self) -> tuple[UploadFile, ...]:
        return tuple(file for file in self.files if file.is_image)

    @property
    def project_files(self) -> tuple[UploadFile, ...]:
        """Documents and renders, which the run folder counts together."""
        return tuple(file for file in self.files if file.media_type.startswith("PROJECT"))


def arrival_of(client_id: str) -> tuple[int, int] | None:
    """Return the arrival and sequence a client id names; None if no scenario made it."""
    match = _CLIENT_ID.fullmatch(client_id)
    return (int(match[1]), int(match[2])) if match else None
