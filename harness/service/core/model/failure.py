"""
Why a batch failed: a code for machines and a sentence for people.

The pipeline raises ``Rejected("CODE: text")``; Step Functions wraps that twice, once as the JSON a
Lambda answers and once as the cause of the execution. This module finds the code again.
"""

import json
import re
from dataclasses import dataclass

CODE_LENGTH = 50
DETAIL_LENGTH = 4000

MISSING_PROCESSED_KEY = "MISSING_PROCESSED_KEY"
"""The run called itself a success but did not make everything it should."""
PARTIAL = "DERIVATIVE_ERRORS_DETECTED"
"""Some files could not be processed; each of their assets has its own code."""
PROCESSING_FAILED = "PROCESSING_FAILED"
"""The run failed and did not say why in a way we understand."""
DLQ_REDRIVE = "DLQ_REDRIVE"
"""The queue gave the job up: it could not be started."""
STUCK_TIMEOUT = "STUCK_TIMEOUT"
"""The job ran for longer than anybody waits."""
CALLBACK_LOST = "CALLBACK_LOST"
"""The run succeeded, its callback never came and cannot be read from the execution's output."""
BATCH_DELETED = "BATCH_DELETED"
"""The batch was deleted before its job was started."""
UPLOAD_ABANDONED = "UPLOAD_ABANDONED"
"""The client never completed the upload."""

_CODED = re.compile(r"([A-Z][A-Z0-9_]{2,49})(?::\s*(.*))?", re.DOTALL)
_STATUS_CODES = {"FAILED": PROCESSING_FAILED}


@dataclass(frozen=True, slots=True)
class Failure:
    """``code`` is at most 50 characters long."""

    code: str
    detail: str

    @classmethod
    def of_status(cls, status: str) -> "Failure":
        """Say what little the status of a run says."""
        return cls(_STATUS_CODES.get(status, status), f"The run ended {status}.")

    @classmethod
    def read(cls, name: str, cause: str, status: str) -> "Failure":
        """
        Read an error as Step Functions reports it.

        Args:
            name: Error name, e.g. ``Rejected`` or ``States.Timeout``; may be empty.
            cause: Text, or the JSON a failed Lambda answers (``errorMessage``).
            status: How the run ended; gives the code if neither name nor cause has one.
        """
        text = _innermost(cause)
        for candidate in (text, name):
            if match := _CODED.fullmatch(candidate.strip()):
                return cls(match[1], (match[2] or text or name)[:DETAIL_LENGTH])
        detail = ": ".join(part for part in (name, text) if part) or f"The run ended {status}."
        return cls(cls.of_status(status).code, detail[:DETAIL_LENGTH])


def _innermost(cause: str) -> str:
    try:
        document = json.loads(cause)
    except (ValueError, RecursionError):
        return cause
    if isinstance(document, dict) and isinstance(document.get("errorMessage"), str):
        return str(document["errorMessage"])
    return cause
