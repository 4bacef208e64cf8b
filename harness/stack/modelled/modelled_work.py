"""
What a scenario says about the work on a batch: how long it takes, and how it fails.

Which arrival a batch is, and with it every draw, is read from the client ids of its files,
``a<arrival>-<sequence>``: the load names them so, and the simulator counts arrivals the same way.
Batches of other clients get a number made from their client ids, and files of ordinary size.

The n-th time a step works on a batch is attempt n, be it a retry of the state machine or of a person.
Times in model seconds.
"""

import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar

from harness.lab.workload.draws import Stream
from harness.lab.workload.faults import LambdaFault, MediaConvertFault, SlowCallback
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceTimes
from harness.lab.workload.upload_batch import UploadFile, arrival_of

TYPICAL_PHOTO = (4000, 3000)
"""What a photo of a stranger's batch is taken for [pixels]."""
TYPICAL_VIDEO = (1920, 1080)
TYPICAL_VIDEO_BYTES_PER_S = 1_000_000

# A raw key's last part is ``<client id>-<file name>``.
_CLIENT_ID = re.compile(r"a\d+-\d+(?=-)")

AnyFault = TypeVar("AnyFault", LambdaFault, MediaConvertFault, SlowCallback)


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """What is known of one batch: its number in the draws and its files by client id."""

    arrival: int
    files: Mapping[str, UploadFile]


class ModelledWork:
    """
    Draws times and faults for the batches of one run.

    Args:
        scenario: None for the default model and no faults.
        now: Model seconds since the run began; matters only to faults with a time window.
    """

    def __init__(self, scenario: Scenario | None, now: Callable[[], float] = time.monotonic) -> None:
        self._mix = Mix(scenario) if scenario else None
        self._seed = scenario.seed if scenario else 0
        self._faults = list(enumerate(scenario.faults)) if scenario else []
        self._times = ServiceTimes(scenario.model if scenario else DEFAULT_MODEL, self._seed)
        self._now = now
        self._attempts: Counter[tuple[str, str, int]] = Counter()
        self._counting = threading.Lock()

    def plan(self, assets: Sequence[Mapping[str, Any]]) -> WorkPlan:
        """Return what is known of the batch with these assets."""
        client_ids = [str(asset.get("clientId") or asset["key"]) for asset in assets]
        named = [arrival_of(client_id) for client_id in client_ids]
        if named and named[0] is not None and self._mix is not None:
            arrival = named[0][0]
            planned = {file.client_id: file for file in self._mix.batch(arrival, self._now()).files}
        else:
            arrival = named[0][0] if named and named[0] else _number("\n".join(client_ids))
            planned = {}
        ordinary = zip(client_ids, assets, strict=True)
        return WorkPlan(
            arrival, {name: planned.get(name) or ordinary_file(name, asset) for name, asset in ordinary}
        )

    def video(self, key: str, size: int) -> tuple[WorkPlan, UploadFile, int]:
        """
        Return what is known of a video by its key, and its place among the videos of its batch.

        Args:
            size: [bytes]
        """
        name = PurePosixPath(key).name
        client_id = match[0] if (match := _CLIENT_ID.match(name)) else name
        asset = {"key": key, "clientId": client_id, "bytes": size, "type": "VIDEO_HORIZONTAL"}
        plan = self.plan([asset | {"contentType": "video/mp4"}])
        siblings = self._videos_of(plan.arrival) if match else []
        item = siblings.index(client_id) if client_id in siblings else 0
        return plan, plan.files[client_id], item

    def _videos_of(self, arrival: int) -> list[str]:
        if self._mix is None:
            return []
        return [file.client_id for file in self._mix.batch(arrival, self._now()).videos]

    def attempt(self, batch_id: str, step: str, item: int = 0) -> int:
        """Count one more attempt of a step on a batch; the first is 1."""
        with self._counting:
            self._attempts[batch_id, step, item] += 1
            return self._attempts[batch_id, step, item]

    def seconds(
        self, step: str, plan: WorkPlan, files: Sequence[UploadFile], item: int, attempt: int
    ) -> float:
        """Return how long an attempt of a step works on *files*."""
        return self._times.seconds(step, files, plan.arrival, item, attempt)

    def lambda_error(self, function: str, plan: WorkPlan, attempt: int) -> str | None:
        """Return the name of the error a function fails with, None if it does not."""
        for index, fault in self._of_kind(LambdaFault):
            if fault.function == function and self._strikes(index, fault.rate, plan, 0, attempt):
                return fault.error
        return None

    def transcoding_fails(self, plan: WorkPlan, item: int, attempt: int) -> bool:
        """Tell whether a transcoding job ends with ERROR."""
        return any(
            self._strikes(index, fault.rate, plan, item, attempt)
            for index, fault in self._of_kind(MediaConvertFault)
        )

    def callback_delay(self, plan: WorkPlan, attempt: int) -> float:
        """Return how much later than usual a callback is posted."""
        return sum(
            fault.delay_s.sample(self._draw(f"delay/{index}", plan, 0, attempt))
            for index, fault in self._of_kind(SlowCallback)
            if self._strikes(index, fault.rate, plan, 0, attempt)
        )

    def _of_kind(self, kind: type[AnyFault]) -> list[tuple[int, AnyFault]]:
        now = self._now()
        return [
            (index, fault) for index, fault in self._faults if isinstance(fault, kind) and fault.active(now)
        ]

    def _strikes(self, index: int, rate: float, plan: WorkPlan, item: int, attempt: int) -> bool:
        return self._draw(f"fault/{index}", plan, item, attempt) < rate

    def _draw(self, stream: str, plan: WorkPlan, item: int, attempt: int) -> float:
        return Stream(self._seed, 0, stream)(plan.arrival, item, attempt)


def ordinary_file(client_id: str, asset: Mapping[str, Any]) -> UploadFile:
    """Return what a file nobody planned is taken for; only its size in bytes is known."""
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


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")
