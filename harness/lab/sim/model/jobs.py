"""Batches and jobs of the simulated service. Times are nanoseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.lab.workload.upload_batch import UploadBatch, UploadFile
from harness.states_language.execution import Execution


@dataclass(slots=True, eq=False)
class MediaBatch:
    """
    The batch of one arrival.

    Attributes:
        status: PENDING_UPLOAD, RECEIVED, PROCESSING, READY or FAILED.
        kinds: Kind of each file for the pipeline.
        received_at: When it was handed to the pipeline, by its completion or by the latest retry.
    """

    planned: UploadBatch
    id: str
    listing_id: int
    created_at: int
    arrival: int = field(init=False)
    files: Sequence[UploadFile] = field(init=False)
    kinds: list[str] = field(init=False)
    status: str = "PENDING_UPLOAD"
    received_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    error_code: str | None = None
    jobs: int = 0
    _attempts: dict[tuple[str, int], int] = field(default_factory=dict)
    _assets: list[dict[str, Any]] | None = None
    _videos: dict[str, tuple[UploadFile, int]] | None = None

    def __post_init__(self) -> None:
        # Stored, because they are read for every random number.
        self.arrival = self.planned.arrival
        self.files = self.planned.files
        self.kinds = [file.kind for file in self.files]

    @property
    def has_ended(self) -> bool:
        return self.status in ("READY", "FAILED")

    @property
    def assets(self) -> list[dict[str, Any]]:
        """The files as the queue's message describes them."""
        if self._assets is None:
            self._assets = [
                {
                    "key": self.key_of(file),
                    "type": file.media_type,
                    "clientId": file.client_id,
                    "filename": file.filename,
                    "bytes": file.bytes,
                    "checksum": "",
                    "contentType": file.content_type,
                }
                for file in self.files
            ]
        return self._assets

    def count(self, step: str, item: int = 0) -> int:
        """Count one more attempt of a step on this batch, and return its number from 1."""
        number = self._attempts[step, item] = self._attempts.get((step, item), 0) + 1
        return number

    def key_of(self, file: UploadFile) -> str:
        """Return the object key of an uploaded file."""
        return f"{self.listing_id}/raw/{self.id}/{file.client_id}-{file.filename}"

    def video(self, key: str) -> tuple[UploadFile | None, int]:
        """Return the video with a key and its index among the videos; None and 0 if there is none."""
        if self._videos is None:
            videos = [file for file, kind in zip(self.files, self.kinds, strict=True) if kind == "video"]
            self._videos = {self.key_of(file): (file, place) for place, file in enumerate(videos)}
        return self._videos.get(key, (None, 0))


@dataclass(slots=True, eq=False)
class MediaJob:
    """One run of the pipeline for a batch; *attempt* is its number among them, from 1."""

    id: int
    batch: MediaBatch
    attempt: int
    created_at: int
    status: str = "PENDING"
    started_at: int | None = None
    error_code: str | None = None
    execution: Execution | None = None
    is_bundled: bool = False
    """The ZIP was made: the work is done, whatever happens to the callback."""
    _attempts: dict[tuple[str, int], int] = field(default_factory=dict)

    def count(self, step: str, item: int = 0) -> int:
        """Count one more attempt of a step in this job, and return its number from 1."""
        number = self._attempts[step, item] = self._attempts.get((step, item), 0) + 1
        return number

    @property
    def has_ended(self) -> bool:
        return self.status in ("SUCCEEDED", "FAILED")
