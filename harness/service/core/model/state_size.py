"""
The size of the state of an execution, which Step Functions limits. Sizes in bytes of UTF-8.

The state is largest at the end: it then has the manifest twice (as input and after validation), the job
settings of every video, and the results twice (of the functions and in the callback).
"""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from harness.service.core.errors import FieldError, ManifestInvalid
from harness.service.core.model.batch import Upload

LARGEST_STATE = 256 * 1024 - 1

# Upper bounds of what does not depend on the names of the files. A derived key has another folder than the
# key of its file, and also the number of the job and the name of the size.
_EXECUTION = 1500
_DERIVED_KEY = 30
_RESULT = 210
_STEM = 30
_VIDEO = 2700


def must_fit(uploads: Sequence[Upload]) -> None:
    """Raise `ManifestInvalid` if the state of an execution for *uploads* may become too large."""
    size = _EXECUTION + sum(_size(upload) for upload in uploads)
    if size > LARGEST_STATE:
        message = (
            f"need {size} bytes in the state of the pipeline, which has {LARGEST_STATE}: "
            "shorten names and titles, or make two batches"
        )
        raise ManifestInvalid("The batch is too large for the pipeline.", [FieldError("files", message)])


def _size(upload: Upload) -> int:
    manifest = len(json.dumps(upload.document, ensure_ascii=False).encode())
    key = len(upload.key)
    derived = key + _DERIVED_KEY
    is_document = upload.file.content_type.lower() == "application/pdf"
    result = key + (2 if is_document else 6) * derived + _RESULT
    # The job settings name five objects; the result of the transcoding job has two more keys.
    video = _VIDEO + 7 * derived if upload.file.media_type.is_video else 0
    return 2 * manifest + len(PurePosixPath(upload.key).stem) + _STEM + 2 * result + video
