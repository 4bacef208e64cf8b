"""
Parameters of the simulated platform that a stack can be deployed with: parameters of the template, and
settings of the service. The other ones describe AWS itself, which a stack cannot change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEMPLATE = {
    "mediaconvert.slots": "TranscodingConcurrency",
    "sqs.visibility_timeout_s": "VisibilityTimeout",
    "lambda.reserved_concurrency.validate": "ValidateConcurrency",
    "lambda.reserved_concurrency.thumbnails": "ThumbnailsConcurrency",
    "lambda.reserved_concurrency.zip": "ZipConcurrency",
    "lambda.reserved_concurrency.callback-dispatch": "CallbackConcurrency",
}
"""The template's parameter by the key of the platform."""

SERVICE = {
    "api.threads": "MEDIA_MAX_THREADS",
    "api.upload_ttl_s": "MEDIA_UPLOAD_TTL_SECONDS",
    "dispatcher.threads": "MEDIA_DISPATCHER_THREADS",
    "dispatcher.wait_s": "MEDIA_DISPATCHER_WAIT_SECONDS",
    "dispatcher.dead_letter_interval_s": "MEDIA_DEAD_LETTER_INTERVAL_SECONDS",
    "dispatcher.reconciler_interval_s": "MEDIA_RECONCILER_INTERVAL_SECONDS",
    "dispatcher.reconcile_grace_s": "MEDIA_RECONCILE_GRACE_SECONDS",
    "dispatcher.stuck_job_timeout_s": "MEDIA_STUCK_JOB_TIMEOUT_SECONDS",
}
"""The variable of the service by the key of the platform."""


def can_be_deployed(key: str) -> bool:
    """Return whether a stack can be deployed with a value of this parameter of the platform."""
    return key in TEMPLATE or key in SERVICE


@dataclass(frozen=True, slots=True)
class DeployedParameters:
    """
    What a stack is deployed with, instead of the defaults.

    Attributes:
        template: Values of parameters of the template.
        service: Variables of the API and the worker.
    """

    template: Mapping[str, str] = field(default_factory=dict)
    service: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "DeployedParameters":
        """Return what is deployed for values by key of the platform; each must `can_be_deployed`."""
        return cls(
            {TEMPLATE[key]: _text(value) for key, value in values.items() if key in TEMPLATE},
            {SERVICE[key]: _text(value) for key, value in values.items() if key in SERVICE},
        )


def _text(value: Any) -> str:
    """Return a number as text, whole numbers without a fraction."""
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)
