"""
Batches and jobs of the simulated service. Times are nanoseconds.
"""

from collections import Counter
from typing import Any

from harness.lab.workload.upload_batch import UploadBatch, UploadFile
from harness.states_language.execution import Execution


class MediaBatch:
    """
    The batch of one arrival.

    Attributes:
        status: As in the contract: PENDING_UPLOAD, RECEIVED, PROCESSING, READY or FAILED.
        kinds: Kind of each file for the pipeline.
        received_at: When it was handed to the pipeline, by its completion or by the latest retry.
        jobs: Number of jobs so far.
    """

    __slots__ = (
        "_assets",
        "_attempts",
        "_videos",
        "arrival",
        "created_at",
        "error_code",
        "files",
        "finished_at",
        "id",
        "jobs",
        "kinds",
        "listing_id",
        "planned",
        "received_at",
        "started_at",
        "status",
    )

    def __init__(self, planned: UploadBatch, batch_id: str, listing_id: int, created_at: int) -> None:
        self.planned = planned
        self.id = batch_id
        self.listing_id = listing_id
        self.arrival = planned.arrival
        self.files = planned.files
        self.kinds = [file.kind for file in planned.files]
        self.status = "PENDING_UPLOAD"
        self.created_at = created_at
        self.received_at: int | None = None
        self.started_at: int | None = None
        self.finished_at: int | None = None
        self.error_code: str | None = None
        self.jobs = 0
        self._attempts: dict[tuple[str, int], int] = {}
        self._assets: list[dict[str, Any]] | None = None
        self._videos: dict[str, tuple[UploadFile, int]] | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ("READY", "FAILED")

    @property
    def images(self) -> list[UploadFile]:
        return [file for file, kind in zip(self.files, self.kinds, strict=True) if kind == "image"]

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
        """Count one more attempt of a step on this batch, and return its number; the first is 1."""
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


class MediaJob:
    """
    One run of the pipeline for a batch.

    Attributes:
        status: PENDING, RUNNING, SUCCEEDED or FAILED.
        attempt: Number among the jobs of the batch, from 1.
    """

    __slots__ = (
        "_attempts",
        "attempt",
        "batch",
        "created_at",
        "error_code",
        "execution",
        "id",
        "started_at",
        "status",
    )

    def __init__(self, job_id: int, batch: MediaBatch, attempt: int, created_at: int) -> None:
        self.id = job_id
        self.batch = batch
        self.attempt = attempt
        self.created_at = created_at
        self.status = "PENDING"
        self.started_at: int | None = None
        self.error_code: str | None = None
        self.execution: Execution | None = None
        self._attempts: Counter[tuple[str, int]] = Counter()

    def count(self, step: str, item: int = 0) -> int:
        """Count one more attempt of a step in this job, and return its number; the first is 1."""
        self._attempts[step, item] += 1
        return self._attempts[step, item]

    @property
    def has_ended(self) -> bool:
        return self.status in ("SUCCEEDED", "FAILED")
