"""
The answers of the service: what a client uses of them, checked before anything is recorded.

A field that the contract lets be null may also be absent; fields that no client uses are not read. Whatever
else differs from the contract is a defect of the service, and its description names the field.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

SHOWN_CHARACTERS = 60
"""How much of a wrong value a description shows [count]."""


class AnswerInvalid(ValueError):
    """An answer differs from the contract; the message names the field and what it holds."""


def _must_be_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("should be a URL")
    return text


ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=16_384), AfterValidator(_must_be_url)]
Headers = dict[ShortText, Annotated[str, Field(max_length=8_192)]]


class Answer(BaseModel):
    """A JSON object of the service."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Return the answer in the body of a response; raise `AnswerInvalid` if it is another one."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise AnswerInvalid(_description(error)) from None


class UploadTicket(Answer):
    """A presigned upload of one file."""

    client_id: ShortText
    upload_url: Url
    headers: Headers
    s3_key: Annotated[str, Field(min_length=1, max_length=2_000)]


class BatchCreated(Answer):
    """Answer of ``/uploads``."""

    batch_id: ShortText
    upload_url_ttl_seconds: Annotated[float, Field(gt=0)]
    files: tuple[UploadTicket, ...]

    def must_hold(self, client_ids: Iterable[str]) -> None:
        """Raise `AnswerInvalid` if one of the files that were announced has no ticket."""
        missing = set(client_ids) - {ticket.client_id for ticket in self.files}
        if missing:
            raise AnswerInvalid(f"files has no clientId {min(missing)!r}")


class JobAccepted(Answer):
    """Answer of ``/uploads/complete`` and ``/uploads/retry``."""

    job_id: Annotated[int, Field(ge=0, lt=2**63)]


class JobFailure(Answer):
    """Why a batch is FAILED."""

    code: ShortText


class BatchStatusRead(Answer):
    """Answer of ``/uploads/status``."""

    status: Literal["PENDING_UPLOAD", "RECEIVED", "PROCESSING", "READY", "FAILED"]
    submitted_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    error: JobFailure | None = None


class FileOffered(Answer):
    """One file to download."""

    url: Url
    preview: Url | None = None
    resolution: ShortText | None = None


class FilesOffered(Answer):
    """The files of one media type; the ZIP has a URL instead."""

    type: ShortText
    url: Url | None = None
    items: tuple[FileOffered, ...] = ()

    @model_validator(mode="after")
    def _zip_has_url(self) -> Self:
        if self.type == "ZIP_FULL" and self.url is None:
            raise ValueError("should have a url")
        return self


class DownloadsOffered(Answer):
    """Answer of ``/downloads/query``."""

    batch_id: ShortText
    downloads: tuple[FilesOffered, ...]


def _description(error: ValidationError) -> str:
    """Return the first difference: the field, what the contract says, and what came."""
    first = error.errors(include_url=False)[0]
    field = _path(first["loc"])
    if first["type"] == "missing":
        return f"the answer has no {field}"
    if first["type"] == "json_invalid":
        return f"the answer is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    rule = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    # A field with a name that says what it holds needs "should"; the other messages are sentences.
    rule = rule if rule.startswith("should") else f"is not valid: {rule[0].lower()}{rule[1:]}"
    text = f"{field or 'the answer'} {rule}"
    return text if isinstance(first["input"], dict) and field else f"{text}, not {_shown(first['input'])}"


def _path(location: tuple[int | str, ...]) -> str:
    """Return the place of a field: ``files[0].uploadUrl``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).lstrip(".")


def _shown(value: Any) -> str:
    match value:
        case list():
            return "a list"
        case dict():
            return "an object"
        case str() if len(value) > SHOWN_CHARACTERS:
            return f"{json.dumps(value[:SHOWN_CHARACTERS])}… ({len(value)} characters)"
        case _:
            return json.dumps(value, default=str)[:SHOWN_CHARACTERS]
