"""
The settings of the service: environment variables that begin with ``MEDIA_``.

They are read once, when a process starts (`Settings.from_environment`). The usual ``AWS_*`` variables
(endpoints, credentials) are read by the AWS client itself. Times in seconds.
"""

from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "MEDIA_"


class SettingsInvalid(ValueError):
    """A setting is missing or not valid; the message has its name, its purpose and the reason."""


class Settings(BaseSettings):
    """All settings; e.g. the field ``jwt_key`` is the variable ``MEDIA_JWT_KEY``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field(description="the database: mysql+pymysql://user:password@host:port/name")
    jwt_key: SecretStr = Field(min_length=32, description="the HS256 key that signs users' tokens")
    jwt_issuer: str = Field("toq", description="the issuer that a token must have")
    jwt_audience: str = Field("toq-media", description="the audience that a token must have")
    callback_secret: SecretStr = Field(
        SecretStr(""), description="the HMAC key of callbacks; without it every callback is refused"
    )

    bucket: str = Field("toq-listing-medias", description="the S3 bucket of the media")
    queue_url: str = Field(description="the URL of the SQS queue of jobs")
    dead_letter_queue_url: str = Field(description="the URL of the SQS queue of dead letters")
    state_machine_arn: str = Field(description="the ARN of the Step Functions state machine")
    kms_key_id: str = Field("alias/toq-media-processing", description="the KMS key that encrypts uploads")
    aws_region: str = Field("us-east-1", description="the AWS region of all resources")
    metrics_namespace: str = Field("TOQ/MediaProcessing", description="the CloudWatch namespace")

    development_types: Annotated[frozenset[int], NoDecode] = Field(
        frozenset({32}), description="property types of development listings, separated by commas"
    )
    upload_ttl_seconds: int = Field(900, ge=1, le=604_800, description="validity of an upload URL")
    download_ttl_seconds: int = Field(3600, ge=1, le=604_800, description="validity of a download URL")
    stuck_job_timeout_seconds: float = Field(1800, gt=0, description="time after which a running job fails")
    reconcile_grace_seconds: float = Field(
        120, ge=0, description="age below which the reconciler skips a job"
    )
    max_threads: int = Field(
        32,
        ge=1,
        le=1000,
        description="largest number of concurrent requests, and size of the connection pools",
    )

    time_scale: float = Field(
        1, gt=0, description="divides the times of the worker, e.g. for tests in less than real time"
    )
    dispatcher_threads: int = Field(2, ge=1, le=64, description="threads that start state machines")
    dispatcher_wait_seconds: float = Field(20, ge=0, le=20, description="long poll of the job queue")
    outbox_interval_seconds: float = Field(0.25, gt=0, description="pause between two checks of the outbox")
    dead_letter_interval_seconds: float = Field(
        5, gt=0, description="pause between two checks of the dead-letter queue"
    )
    tagging_interval_seconds: float = Field(
        30, gt=0, description="pause between two rounds that tag the objects of up to 20 batches"
    )
    reconciler_interval_seconds: float = Field(60, gt=0, description="pause between two reconciliations")

    @field_validator("development_types", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment; raise `SettingsInvalid` with each missing or wrong variable."""
        try:
            return cls()
        except ValidationError as error:
            messages = [_message(str(each["loc"][0]), each["type"], each["msg"]) for each in error.errors()]
        # Raised outside the except block: the error of pydantic contains the values, and some are secrets.
        raise SettingsInvalid("\n".join(messages))

    def scaled(self, seconds: float) -> float:
        """Return a time of the worker divided by ``time_scale`` [s]."""
        return seconds / self.time_scale


def _message(name: str, kind: str, message: str) -> str:
    purpose = Settings.model_fields[name].description
    wrong = "is not set" if kind == "missing" else f"is not valid ({message})"
    return f"{PREFIX}{name.upper()} {wrong}: {purpose}."
