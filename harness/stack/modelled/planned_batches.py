"""
The batches the pipeline works on, as the scenario planned them, and the attempts of their steps.

The client ids of a batch's files (``a<arrival>-<sequence>``) name its arrival, and with it every random draw;
the simulator numbers arrivals in the same way. A batch of another client gets a number derived from
its client ids, and files of ordinary size. Sizes in bytes and pixels, times in model seconds.
"""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from harness.lab.workload.arrivals.schedule import live_schedule
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch, UploadFile, arrival_of

TYPICAL_PHOTO = (4000, 3000)
"""Width and height of a photo that no scenario planned [pixels]."""
TYPICAL_VIDEO = (1920, 1080)
TYPICAL_VIDEO_BYTES_PER_S = 1_000_000

# The last part of a raw key is ``<client id>-<file name>``.
_CLIENT_ID = re.compile(r"a\d+-\d+(?=-)")


class PlannedBatches:
    """
    Finds the plan of a batch, and counts the attempts of its steps.

    Args:
        scenario: None: every batch has ordinary files.
    """

    def __init__(self, scenario: Scenario | None) -> None:
        self._schedule = live_schedule(scenario) if scenario else None
        self._attempts: Counter[tuple[str, str, int]] = Counter()
        self._counting = threading.Lock()

    def batch(self, assets: Sequence[Mapping[str, Any]]) -> UploadBatch:
        """Return the batch with these assets; its files are in the order of the assets."""
        client_ids = [client_id_of(asset) for asset in assets]
        arrival = arrival_number(assets)
        files = self.planned(arrival).files if client_ids and arrival_of(client_ids[0]) else ()
        by_client_id = {file.client_id: file for file in files}
        return UploadBatch(
            arrival,
            flow="",
            flow_index=0,
            files=tuple(
                by_client_id.get(client_id) or ordinary_file(client_id, asset)
                for client_id, asset in zip(client_ids, assets, strict=True)
            ),
        )

    def video(self, key: str, size: int) -> tuple[UploadBatch, UploadFile, int]:
        """Return the batch of a video, with this file alone, the file, and its place among the videos."""
        planned = planned_client_id(key)
        client_id = planned or PurePosixPath(key).name
        asset = {"key": key, "clientId": client_id, "bytes": size, "type": "VIDEO_HORIZONTAL"}
        batch = self.batch([asset | {"contentType": "video/mp4"}])
        siblings = [file.client_id for file in self.planned(batch.arrival).videos] if planned else []
        return batch, batch.files[0], siblings.index(client_id) if client_id in siblings else 0

    def next_attempt(self, batch_id: str, step: str, item: int = 0) -> int:
        """Count one more attempt of a step on a batch, and return its number; the first is 1."""
        with self._counting:
            self._attempts[batch_id, step, item] += 1
            return self._attempts[batch_id, step, item]

    def planned(self, arrival: int) -> UploadBatch:
        """Return the batch of an arrival as its client plans it: faults of files strike by its due time."""
        if self._schedule is None:
            return UploadBatch(arrival, "", 0)
        due_at = float(self._schedule.at[arrival]) if arrival < len(self._schedule) else 0.0
        return self._schedule.mix.batch(arrival, due_at)


def arrival_number(assets: Sequence[Mapping[str, Any]]) -> int:
    """Return the arrival of a batch by its assets, or a number for a batch that no scenario planned."""
    client_ids = [client_id_of(asset) for asset in assets]
    if client_ids and (named := arrival_of(client_ids[0])):
        return named[0]
    return int.from_bytes(hashlib.blake2b("\n".join(client_ids).encode(), digest_size=7).digest(), "big")


def client_id_of(asset: Mapping[str, Any]) -> str:
    """Return the client id of an asset, or its key if it has none."""
    return str(asset.get("clientId") or asset["key"])


def planned_client_id(key: str) -> str | None:
    """Return the client id in the key of a raw file, None if no scenario named the file."""
    match = _CLIENT_ID.match(PurePosixPath(key).name)
    return match[0] if match else None


def ordinary_file(client_id: str, asset: Mapping[str, Any]) -> UploadFile:
    """Return a file of ordinary dimensions for an asset that no scenario planned."""
    size = int(asset["bytes"])
    file_type, content_type = str(asset["type"]), str(asset["contentType"])
    is_video = content_type.startswith("video/")
    width, height = TYPICAL_VIDEO if is_video else TYPICAL_PHOTO
    if file_type.endswith("VERTICAL"):
        width, height = height, width
    if content_type == "application/pdf":
        width = height = 0
    return UploadFile(
        client_id=client_id,
        sequence=0,
        media_type=file_type,
        filename=str(asset.get("filename") or client_id),
        content_type=content_type,
        bytes=size,
        width=width,
        height=height,
        seconds=size / TYPICAL_VIDEO_BYTES_PER_S if is_video else 0.0,
    )
