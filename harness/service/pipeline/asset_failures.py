"""
The failures of single files of a batch, as one error text: a line ``CODE: key: reason`` for each file.

The error of a Lambda function is only a text. The callback reads from it which files failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.service.core.model.failure import Failure
from harness.service.pipeline.execution_assets import empty_output

TEXT_LENGTH = 20_000
"""Step Functions keeps 32,768 characters of a cause, which has the text in JSON."""
REASON_LENGTH = 250


@dataclass(frozen=True, slots=True)
class AssetFailure:
    """Why a file of a batch cannot be used."""

    key: str
    code: str
    reason: str

    def __str__(self) -> str:
        reason = " ".join(self.reason.split())[:REASON_LENGTH]
        return f"{self.code}: {self.key}: {reason}"


def error_text(failures: Sequence[AssetFailure]) -> str:
    """Return the text of an error with these failures; the last ones are left out if it becomes too long."""
    lines: list[str] = []
    length = 0
    for failure in failures:
        line = str(failure)
        length += len(line) + 1
        if length > TEXT_LENGTH:
            lines.append(f"and {len(failures) - len(lines)} more files")
            break
        lines.append(line)
    return "\n".join(lines)


def failed_outputs(failure: Failure, assets: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the output of each of *assets* that a failure names."""
    text = f"{failure.code}: {failure.whole_detail}"
    reasons = {}
    for line in text.splitlines():
        code, _, rest = line.partition(": ")
        key, _, reason = rest.partition(": ")
        reasons[key] = (code, reason)
    for asset in assets:
        if asset.get("key") in reasons:
            code, reason = reasons[asset["key"]]
            yield empty_output(asset) | {"errorCode": code, "errorMessage": reason}
