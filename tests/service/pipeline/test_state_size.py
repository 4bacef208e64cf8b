"""
A batch that is accepted fits into the state of an execution, whatever its names are.
"""

import json
from collections import Counter
from typing import Any

import pytest

from harness.service.core.errors import ManifestInvalid
from harness.service.core.model.batch import Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job_message import LARGEST_STATE, must_fit, state_bound
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.model.object_key import raw_keys, zip_key
from harness.service.pipeline.callback.callback_body import outputs_of
from harness.service.pipeline.execution_assets import assets_of, is_video
from harness.service.pipeline.thumbnails import SIZES, document_output, image_output
from harness.service.pipeline.validate import validation_output
from tests.media_state_machine import Answer, PlayedTasks, TaskFailed

LISTING, BATCH, JOB = ListingId(2**53 - 1), BatchId("0b0e7a34-5a52-4c8f-9f43-000000000001"), 10**12 - 1
STARTED_AT = "2026-01-05T09:00:00.123456+00:00"
VIDEO = {
    "width": 99999,
    "height": 99999,
    "durationSeconds": 99999.999,
    "hasAudio": True,
    "wideColour": True,
}
CONTENT_TYPES = {
    MediaType.PHOTO_HORIZONTAL: "image/jpeg",
    MediaType.VIDEO_HORIZONTAL: "video/quicktime",
    MediaType.PROJECT_DOC: "application/pdf",
}


def uploads(
    kind: MediaType, count: int, name: str, title: str | None, extension: str = ".dat"
) -> list[Upload]:
    files = [
        ManifestFile(
            client_id=f"{name}{n}"[-255:],
            media_type=kind,
            filename=f"{name}{n}{extension}"[-255:],
            content_type=CONTENT_TYPES[kind],
            bytes=256 * 1024 * 1024,
            checksum=Sha256("ab" * 32),
            sequence=2**32 - 1 - n,
            title=title,
        )
        for n in range(count)
    ]
    return [Upload(file, key) for file, key in zip(files, raw_keys(LISTING, BATCH, files), strict=True)]


def answer(state: str, payload: Any) -> Any:
    """Return what the functions of the pipeline answer for a batch without failures; the videos are HDR."""
    event = payload.get("Payload")
    if state == "ValidateRawAssets":
        assets = assets_of(event)
        properties = [VIDEO if is_video(asset) else {} for asset in assets]
        result = validation_output(event, assets, properties, "b" * 63) | {"startedAt": STARTED_AT}
    elif state == "GenerateThumbnails":
        images, documents = event["validation"]["images"], event["validation"]["documents"]
        sizes = dict.fromkeys(SIZES, (1200, 1200))
        outputs = [image_output(event, asset, sizes) for asset in images]
        result = {"outputs": outputs + [document_output(event, asset) for asset in documents]}
    elif state == "TranscodeVideo":
        return {"Job": {"Id": "1" * 40, "Status": "COMPLETE"}}
    elif state == "CreateZipBundle":
        about = {"key": zip_key(LISTING, BATCH, JOB), "bytes": 2**40, "assets": 60, "startedAt": STARTED_AT}
        result = about | {"outputs": list(outputs_of(event))}
    else:
        result = {"status": "SUCCEEDED", "httpStatus": 200}
    return {"Payload": result}


def answer_without_bundle(state: str, payload: Any) -> Any:
    if state == "CreateZipBundle":
        raise TaskFailed("Rejected", "x" * 4000)
    return answer(state, payload)


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def sizes_by_state(batch: list[Upload], answers: Answer = answer) -> dict[str, int]:
    """Return the largest size of what each Task gets and returns, played by the interpreter [bytes]."""
    tasks = PlayedTasks(answers)
    execution = tasks.play(
        {
            "jobId": JOB,
            "batchId": BATCH,
            "listingId": LISTING,
            "attempt": 999,
            "assets": [upload.document for upload in batch],
            "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        }
    )
    largest: Counter[str] = Counter({"end": size(execution.output)})
    for state, value in tasks.payloads + tasks.results:
        largest[state] = max(largest[state], size(value.get("Payload", value)))
    return largest


def largest_state(batch: list[Upload], answers: Answer = answer) -> int:
    return max(sizes_by_state(batch, answers).values())


def accepted(batch: list[Upload]) -> bool:
    try:
        must_fit(batch)
    except ManifestInvalid:
        return False
    return True


@pytest.mark.parametrize("kind", CONTENT_TYPES)
@pytest.mark.parametrize("extension", ["", ".dat"])
@pytest.mark.parametrize(
    ("name", "title"), [("a", None), ("front " * 8, "The front"), ("🏡" * 255, "🏡" * 255)]
)
def test_no_state_exceeds_the_bound(kind: MediaType, extension: str, name: str, title: str | None) -> None:
    """
    Whether the ZIP is made or fails; and the bound is at most a quarter too large.
    """
    batch = uploads(kind, 60, name, title, extension)
    largest = max(largest_state(batch, answers) for answers in (answer, answer_without_bundle))

    assert largest <= state_bound(batch) <= 1.25 * largest


@pytest.mark.parametrize("kind", [MediaType.PHOTO_HORIZONTAL, MediaType.VIDEO_HORIZONTAL])
def test_sixty_files_with_ordinary_names_are_accepted(kind: MediaType) -> None:
    """
    Names and titles as people write them; videos with HDR and sound, which have the longest settings.
    """
    batch = uploads(kind, 60, "IMG_20260504_101530 living room", "Sala de estar – façade")

    assert accepted(batch)
    assert largest_state(batch) <= LARGEST_STATE


def test_sixty_files_of_emoji_are_refused_with_the_reason() -> None:
    """
    Two hundred and fifty-five characters of four bytes, three times a file.
    """
    batch = uploads(MediaType.PHOTO_HORIZONTAL, 60, "🏡" * 255, "🏡" * 255)

    with pytest.raises(ManifestInvalid) as refused:
        must_fit(batch)

    (error,) = refused.value.errors
    assert error.field == "files"
    assert error.message.endswith("shorten names and titles, or make two batches")
    assert largest_state(batch) > LARGEST_STATE
