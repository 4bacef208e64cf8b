"""
The failure of a batch: a code for programs and a sentence for people.

The pipeline raises ``Rejected("CODE: text")``. Step Functions wraps that twice: in the JSON result of the
Lambda function, and in the cause of the execution. This module extracts the code from both. The cause of a
transcoding job that failed is the JSON of the job: only its file and its error are for the users.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

CODE_LENGTH = 50
DETAIL_LENGTH = 4000

MISSING_PROCESSED_KEY = "MISSING_PROCESSED_KEY"
"""The execution succeeded, but derived objects are missing in its callback."""
PARTIAL = "DERIVATIVE_ERRORS_DETECTED"
"""Some files could not be processed; each of their assets has its own code."""
PROCESSING_FAILED = "PROCESSING_FAILED"
"""The execution failed without a known code."""
VIDEO_PROCESSING_FAILED = "VIDEO_PROCESSING_FAILED"
"""The transcoding job of a video failed."""
DLQ_REDRIVE = "DLQ_REDRIVE"
"""The message of the job moved to the dead-letter queue: the job could not be started."""
STUCK_TIMEOUT = "STUCK_TIMEOUT"
"""The job ran for longer than the stuck time-out."""
CALLBACK_LOST = "CALLBACK_LOST"
"""The execution succeeded, but its callback did not arrive and is not in the output of the execution."""
BATCH_DELETED = "BATCH_DELETED"
"""The batch was deleted before its job was started."""
UPLOAD_ABANDONED = "UPLOAD_ABANDONED"
"""The client did not complete the upload in time."""

_CODED = re.compile(r"([A-Z][A-Z0-9_]{2,49})(?::\s*(.*))?", re.DOTALL)
_BUCKET = re.compile(r"s3://[^/\s]+/")
_ARN = re.compile(r"arn:aws[a-z-]*:[^\s,;'\"\])]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """
    Code and description of a failure, cut to the 50 and 4000 characters that are stored.

    Attributes:
        whole_detail: The description as it was given.
    """

    code: str
    detail: str
    whole_detail: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "whole_detail", self.detail)
        object.__setattr__(self, "code", self.code[:CODE_LENGTH])
        object.__setattr__(self, "detail", self.detail[:DETAIL_LENGTH])

    @classmethod
    def of_status(cls, status: str) -> "Failure":
        """Return the failure of an execution of which only the status is known."""
        code = PROCESSING_FAILED if status == "FAILED" else status
        return cls(code, f"The execution ended with status {status}.")

    @classmethod
    def read(cls, name: str, cause: str, status: str) -> "Failure":
        """
        Read an error as Step Functions reports it.

        Args:
            name: Error name, e.g. ``Rejected`` or ``States.Timeout``; may be empty.
            cause: Text, or the JSON result of a failed Lambda function (``errorMessage``), or the JSON of a
                transcoding job.
            status: Status of the execution; it gives the code if neither *name* nor *cause* has one.
        """
        document = _json_object(cause)
        if document and (job := _transcoding_job(document)):
            return cls(VIDEO_PROCESSING_FAILED, _transcoding_error(job))
        message = document.get("errorMessage") if document else None
        text = message if isinstance(message, str) else cause
        for candidate in (text, name):
            if match := _CODED.fullmatch(candidate.strip()):
                return cls(match[1], match[2] or text or name)
        unknown = cls.of_status(status)
        detail = ": ".join(part for part in (name, text) if part) or unknown.detail
        return cls(unknown.code, detail)


DELETED_BEFORE_START = Failure(BATCH_DELETED, "The batch was deleted before its job was started.")


def _json_object(cause: str) -> Mapping[str, object] | None:
    try:
        document = json.loads(cause)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _transcoding_job(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the job of MediaConvert in a cause, as ``createJob`` or ``getJob`` returns it."""
    job = document.get("Job", document)
    return job if isinstance(job, dict) and {"Settings", "Status"} <= job.keys() else None


def _transcoding_error(job: Mapping[str, object]) -> str:
    """Return ``key: reason`` of a failed job, on one line and without the names of AWS resources."""
    key = _input_key(job)
    reason = str(job.get("ErrorMessage") or f"the transcoding job is {job['Status']}")
    if code := job.get("ErrorCode"):
        reason += f" (MediaConvert error {code})"
    reason = _ARN.sub("(an AWS resource)", _BUCKET.sub("", " ".join(reason.split())))
    return f"{key}: {reason}" if key else reason


def _input_key(job: Mapping[str, object]) -> str | None:
    """Return the key of the video in ``s3://bucket/key``, the first input of a job."""
    settings = job["Settings"]
    inputs = settings.get("Inputs") if isinstance(settings, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    source = first.get("FileInput") if isinstance(first, dict) else None
    return _BUCKET.sub("", source, count=1) if isinstance(source, str) else None
