"""
A batch that is accepted fits into the state of an execution, whatever its names are.
"""

import json
from bisect import bisect_left
from typing import Any

import pytest

from harness.service.core.errors import ManifestInvalid
from harness.service.core.model.batch import Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job_message import LARGEST_STATE, must_fit
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.model.object_key import raw_keys, zip_key
from harness.service.pipeline.execution_assets import assets_of, is_document, is_video
from harness.service.pipeline.thumbnails import SIZES, document_output, image_output
from harness.service.pipeline.validate import validation_output

LISTING, BATCH, JOB = ListingId(2**53 - 1), BatchId("0b0e7a34-5a52-4c8f-9f43-000000000001"), 10**12 - 1
KINDS = {
    MediaType.PHOTO_HORIZONTAL: ("image/jpeg", ".jpg"),
    MediaType.VIDEO_HORIZONTAL: ("video/quicktime", ".mov"),
    MediaType.PROJECT_DOC: ("application/pdf", ".pdf"),
}


def uploads(kind: MediaType, count: int, name: str, title: str | None) -> list[Upload]:
    content_type, extension = KINDS[kind]
    files = [
        ManifestFile(
            client_id=f"{name}{n}"[-255:],
            media_type=kind,
            filename=f"{name}{n}{extension}"[-255:],
            content_type=content_type,
            bytes=256 * 1024 * 1024,
            checksum=Sha256("ab" * 32),
            sequence=2**32 - 1 - n,
            title=title,
        )
        for n in range(count)
    ]
    return [Upload(file, key) for file, key in zip(files, raw_keys(LISTING, BATCH, files), strict=True)]


def largest_state(batch: list[Upload]) -> int:
    """Return the size of the state at the end, made by the functions of the pipeline [bytes]."""
    state: dict[str, Any] = {
        "jobId": JOB,
        "batchId": BATCH,
        "listingId": LISTING,
        "attempt": 999,
        "assets": [upload.document for upload in batch],
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    assets = assets_of(state)
    video = {
        "width": 99999,
        "height": 99999,
        "durationSeconds": 99999.999,
        "hasAudio": True,
        "wideColour": True,
    }
    properties = [video if is_video(asset) else {} for asset in assets]
    validation = validation_output(state, assets, properties, "b" * 63)
    state["validation"] = validation | {"startedAt": "2026-01-05T09:00:00.123456+00:00"}
    images = [
        image_output(state, asset, dict.fromkeys(SIZES, (1200, 1200))) for asset in validation["images"]
    ]
    documents = [document_output(state, asset) for asset in assets if is_document(asset)]
    videos = [
        {key: each[key] for key in ("key", "prefix")} | {"status": "COMPLETE", "mediaConvertJobId": "1" * 40}
        for each in validation["videos"]
    ]
    state["processed"] = [{"outputs": images + documents}, videos]
    state["zip"] = {"key": zip_key(LISTING, BATCH, JOB), "bytes": 2**40, "assets": len(batch)}
    return len(json.dumps(state, ensure_ascii=False).encode())


def accepted(batch: list[Upload]) -> bool:
    try:
        must_fit(batch)
    except ManifestInvalid:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "title"), [("a", None), ("front " * 8, "The front"), ("🏡" * 255, "🏡" * 255)]
)
def test_the_largest_accepted_batch_fits(kind: MediaType, name: str, title: str | None) -> None:
    """
    The bound is above the state that the functions make, and not so far above that it refuses much.
    """
    batch = uploads(kind, 200, name, title)
    largest = bisect_left(range(200), True, key=lambda n: not accepted(batch[:n])) - 1
    size = largest_state(batch[:largest])

    assert 0.6 * LARGEST_STATE < size <= LARGEST_STATE


def test_sixty_photos_with_ordinary_names_are_accepted() -> None:
    """
    Names and titles as people write them.
    """
    batch = uploads(
        MediaType.PHOTO_HORIZONTAL, 60, "IMG_20260504_101530 living room", "Sala de estar – façade"
    )

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
