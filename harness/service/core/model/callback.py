"""
A callback: the message of the pipeline about the end (and, optionally, the start) of a job.

The document arrives over HTTP. If the callback is lost, the same document is in the output of the execution.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from harness.service.core.errors import CallbackInvalid, FieldError
from harness.service.core.model.failure import (
    CODE_LENGTH,
    DETAIL_LENGTH,
    MISSING_PROCESSED_KEY,
    PARTIAL,
    Failure,
)
from harness.service.core.model.identifiers import LARGEST_INTEGER, BatchId, JobId, ListingId, parse_id
from harness.service.core.model.job import StepProgress
from harness.service.core.model.object_key import belongs_to

T = TypeVar("T")

KEY_LENGTH = 512
LABEL_LENGTH = 100
LARGEST_SIDE = 999_999_999
"""The largest width and height [px]; a resolution is stored in 20 characters."""
LONGEST_DURATION = 2**32 - 1
"""The longest video [s]; the duration is stored in 32 bits."""
EARLIEST_YEAR = 1970


class CallbackStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    PROCESSING_FAILED = "PROCESSING_FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class AssetOutput:
    """
    The result of the pipeline for one uploaded file; width and height [px] are those of the processed file.

    *variants* are the derived objects by label: ``{"small": key, "720p": key}``; *resolutions* are those of
    the images and MP4s: ``{"small": "400x300"}``.
    """

    raw_key: str
    processed_key: str | None = None
    thumbnail_key: str | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    resolutions: Mapping[str, str] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def resolution(self) -> str | None:
        return f"{self.width}x{self.height}" if self.width and self.height else None

    def named_keys(self) -> Iterable[tuple[str, str]]:
        """Return every key with the name of its field."""
        yield "rawKey", self.raw_key
        if self.processed_key:
            yield "processedKey", self.processed_key
        if self.thumbnail_key:
            yield "thumbnailKey", self.thumbnail_key
        for label, key in self.variants.items():
            yield f"outputs.{label}", key


@dataclass(frozen=True, slots=True)
class ZipBundle:
    """The ZIP of a batch: its key, its size [bytes] and the number of files in it."""

    key: str
    bytes: int = 0
    assets: int = 0


@dataclass(frozen=True, slots=True)
class ProcessingCallback:
    """
    A message of the pipeline about one job.

    Attributes:
        external_id: The ARN of the execution.
        step: Progress of one step; only with RUNNING.
    """

    job_id: JobId
    status: CallbackStatus
    batch_id: BatchId | None = None
    listing_id: ListingId | None = None
    provider: str | None = None
    external_id: str | None = None
    started_at: datetime | None = None
    outputs: Sequence[AssetOutput] = ()
    zip: ZipBundle | None = None
    failure: Failure | None = None
    traceparent: str | None = None
    step: StepProgress | None = None

    @property
    def proves_start(self) -> bool:
        """Whether the callback proves that the execution has started: it has an ARN, or a result."""
        return self.external_id is not None or self.status in (
            CallbackStatus.RUNNING,
            CallbackStatus.SUCCEEDED,
            CallbackStatus.PARTIAL_SUCCESS,
        )

    @classmethod
    def failed(cls, job_id: JobId, failure: Failure) -> "ProcessingCallback":
        """Return the callback of a job that the service itself ends."""
        return cls(job_id, CallbackStatus.FAILED, failure=failure)

    @classmethod
    def parse(cls, document: object) -> "ProcessingCallback":
        """Read the JSON document of a callback; raise `CallbackInvalid` with the first wrong field."""
        fields = _Fields.of(document, "callback")
        status = fields.status()
        return cls(
            job_id=JobId(fields.identifier("jobId")),
            status=status,
            batch_id=BatchId(batch) if (batch := fields.text("batchId", 36)) else None,
            listing_id=ListingId(fields.identifier("listingId")) if fields.has("listingId") else None,
            provider=fields.text("provider", 50),
            external_id=fields.ascii_text("externalId", 255),
            started_at=fields.moment("startedAt"),
            outputs=_outputs(fields),
            zip=_zip(fields.values["zip"]) if fields.has("zip") else None,
            failure=_failure(fields, status),
            traceparent=fields.text("traceparent", 255),
            step=_step(fields.values["step"]) if fields.has("step") else None,
        )

    @classmethod
    def of_finished_work(
        cls, job_id: JobId, external_id: str, state: Mapping[str, object]
    ) -> "ProcessingCallback":
        """
        Return the callback of an execution that has made its bundle, from its *state* since then.

        Raises:
            CallbackInvalid: The state has no bundle, or a field of its result is wrong.
        """
        bundle = _Fields.of(state.get("zip"), "zip")
        bundle.required("key", KEY_LENGTH)
        outputs = _outputs(bundle)
        is_partial = any(output.error_code for output in outputs)
        return cls(
            job_id=job_id,
            status=CallbackStatus.PARTIAL_SUCCESS if is_partial else CallbackStatus.SUCCEEDED,
            external_id=external_id,
            started_at=bundle.moment("startedAt"),
            outputs=outputs,
            zip=_zip(bundle.values),
        )

    def must_belong_to(self, listing_id: ListingId, batch_id: BatchId) -> None:
        """Raise `CallbackInvalid` unless every key is a key of this batch: users can download the objects."""
        errors = [
            FieldError(name, f"is not a key of batch {batch_id}")
            for name, key in self._keys()
            if not belongs_to(key, listing_id, batch_id)
        ]
        if errors:
            message = f"Not a valid callback: {errors[0].field} {errors[0].message}."
            raise CallbackInvalid(message, errors)

    def _keys(self) -> Iterable[tuple[str, str]]:
        for index, output in enumerate(self.outputs):
            for name, key in output.named_keys():
                yield f"outputs[{index}].{name}", key
        if self.zip:
            yield "zip.key", self.zip.key

    def summary(self, failure: Failure | None) -> dict[str, object]:
        """Return the output payload of the job: status, failure, and the keys of the derived objects."""
        return {
            "status": self.status.value,
            "error": {"code": failure.code, "detail": failure.detail} if failure else None,
            "outputs": [
                {
                    "rawKey": output.raw_key,
                    "processedKey": output.processed_key,
                    "thumbnailKey": output.thumbnail_key,
                    "errorCode": output.error_code,
                }
                for output in self.outputs
            ],
            "zip": self.zip.key if self.zip else None,
        }

    def failure_for(self, raw_keys: Sequence[str]) -> Failure | None:
        """
        Return why a batch with these uploads failed, None if the job succeeded completely.

        SUCCEEDED counts only if every upload has a processed key and there is a ZIP.
        """
        if self.status not in (CallbackStatus.SUCCEEDED, CallbackStatus.PARTIAL_SUCCESS):
            return self.failure or Failure.of_status(self.status)
        bad = [output for output in self.outputs if output.error_code]
        if self.status is CallbackStatus.PARTIAL_SUCCESS:
            codes = ", ".join(sorted({str(output.error_code) for output in bad}))
            reason = codes or "no file has an error code"
            return Failure(PARTIAL, f"{len(bad)} of {len(raw_keys)} files failed: {reason}.")
        processed = {output.raw_key for output in self.outputs if output.processed_key}
        missing = [key for key in raw_keys if key not in processed]
        if missing:
            detail = f"The callback has no processed key of {', '.join(missing)}."
            return Failure(MISSING_PROCESSED_KEY, detail)
        if self.zip is None:
            return Failure(MISSING_PROCESSED_KEY, "The callback has no ZIP.")
        if bad:
            return Failure(PARTIAL, f"{len(bad)} of {len(raw_keys)} files failed.")
        return None


def _outputs(fields: "_Fields") -> tuple[AssetOutput, ...]:
    outputs = tuple(_output(each) for each in fields.items("outputs"))
    seen: set[str] = set()
    for index, output in enumerate(outputs):
        if output.raw_key in seen:
            raise _invalid(f"outputs[{index}].rawKey", "is repeated")
        seen.add(output.raw_key)
    return outputs


def _output(document: object) -> AssetOutput:
    fields = _Fields.of(document, "outputs[]")
    return AssetOutput(
        raw_key=fields.required("rawKey", KEY_LENGTH),
        processed_key=fields.text("processedKey", KEY_LENGTH),
        thumbnail_key=fields.text("thumbnailKey", KEY_LENGTH),
        variants=fields.texts("outputs"),
        resolutions=fields.texts("resolutions"),
        width=fields.whole("width", LARGEST_SIDE),
        height=fields.whole("height", LARGEST_SIDE),
        duration_seconds=fields.number("durationSeconds", LONGEST_DURATION),
        error_code=fields.cut_text("errorCode", CODE_LENGTH),
        error_message=fields.cut_text("errorMessage", DETAIL_LENGTH),
    )


def _zip(document: object) -> ZipBundle | None:
    fields = _Fields.of(document, "zip")
    key, size, assets = fields.text("key", KEY_LENGTH), fields.whole("bytes"), fields.whole("assets")
    return ZipBundle(key, size or 0, assets or 0) if key else None


def _step(document: object) -> StepProgress:
    fields = _Fields.of(document, "step")
    status, at = fields.required("status", 20), fields.moment("at")
    if status not in ("RUNNING", "SUCCEEDED", "FAILED"):
        raise _invalid("step.status", f"{status!r} is unknown")
    if at is None:
        raise _invalid("step.at", "is required")
    progress = min(1.0, fields.number("progress") or 0.0)
    return StepProgress(fields.required("name", 80), fields.whole("item") or 0, status, progress, at)


def _failure(fields: "_Fields", status: CallbackStatus) -> Failure | None:
    error, reason = fields.values.get("error"), fields.text("failureReason")
    if isinstance(error, Mapping):
        name = error.get("Error") or error.get("code")
        cause = error.get("Cause") or error.get("message")
        return Failure.read(str(name or ""), str(cause or reason or ""), status)
    if error is not None and not isinstance(error, str):
        raise _invalid("error", "must be text or an object")
    text = error or reason
    return Failure.read("", text, status) if text else None


def _invalid(name: str, message: str) -> CallbackInvalid:
    return CallbackInvalid(f"Not a valid callback: {name} {message}.", [FieldError(name, message)])


@dataclass(frozen=True, slots=True)
class _Fields:
    """An untrusted JSON object, read field by field; a null field is an absent field."""

    values: Mapping[str, object]

    @classmethod
    def of(cls, document: object, name: str) -> "_Fields":
        if not isinstance(document, Mapping):
            raise _invalid(name, "must be an object")
        return cls(document)

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def status(self) -> CallbackStatus:
        text = self.required("status", 50)
        if text not in CallbackStatus.__members__:
            raise _invalid("status", f"{text!r} is unknown")
        return CallbackStatus(text)

    def text(self, name: str, limit: int | None = None) -> str | None:
        value = self._typed(name, "text", str)
        if limit is not None and len(value or "") > limit:
            raise _invalid(name, f"must be at most {limit} characters")
        return value or None

    def ascii_text(self, name: str, limit: int) -> str | None:
        value = self.text(name, limit)
        if not (value or "").isascii():
            raise _invalid(name, "must be ASCII")
        return value

    def cut_text(self, name: str, length: int) -> str | None:
        """Return the first characters of a text: a failure counts also if its text is too long."""
        return (self.text(name) or "")[:length] or None

    def required(self, name: str, limit: int) -> str:
        value = self.text(name, limit)
        if value is None:
            raise _invalid(name, "is required")
        return value

    def identifier(self, name: str) -> int:
        """Return an id, a number or its digits as text: the input of an execution may have either."""
        value = self.values.get(name)
        if isinstance(value, str):
            value = parse_id(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _invalid(name, "must be a whole number")
        if not 0 <= value <= LARGEST_INTEGER:
            raise _invalid(name, "is out of range")
        return value

    def number(self, name: str, largest: int = LARGEST_INTEGER) -> float | None:
        value = self._typed(name, "a number", int, float)
        if value is not None and not 0 <= value <= largest:
            raise _invalid(name, "is out of range")
        return None if value is None else float(value)

    def whole(self, name: str, largest: int = LARGEST_INTEGER) -> int | None:
        value = self.number(name, largest)
        if value is not None and not value.is_integer():
            raise _invalid(name, "must be a whole number")
        return None if value is None else int(value)

    def moment(self, name: str) -> datetime | None:
        if self.values.get(name) is None:
            return None
        try:
            moment = datetime.fromisoformat(self.text(name, 40) or "")
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _invalid(name, "must be an ISO 8601 time") from None
        if moment.year < EARLIEST_YEAR:
            raise _invalid(name, f"must be in {EARLIEST_YEAR} or later")
        return moment

    def items(self, name: str) -> Sequence[object]:
        return self._typed(name, "a list", list, tuple) or ()

    def texts(self, name: str) -> Mapping[str, str]:
        fields = _Fields(self._typed(name, "an object", dict) or {})
        if any(len(str(label)) > LABEL_LENGTH for label in fields.values):
            raise _invalid(name, f"must have names of at most {LABEL_LENGTH} characters")
        return {str(label): key for label in fields.values if (key := fields.text(label, KEY_LENGTH))}

    def _typed(self, name: str, description: str, *kinds: type[T]) -> T | None:
        value = self.values.get(name)
        if value is None or (isinstance(value, kinds) and not isinstance(value, bool)):
            return value
        raise _invalid(name, f"must be {description}")
