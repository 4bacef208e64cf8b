"""
The histories of a state machine in an AWS account, fetched into a folder.

What is in the folder already is not fetched again, so an interrupted download continues. Requests that were
throttled or lost are repeated after a pause that doubles, with jitter.
"""

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from harness.lab.calibration.histories.recorded_execution import ENDS

STATE_MACHINE_ARN = re.compile(r"arn:aws[\w-]*:states:([\w-]+):\d*:stateMachine:[^\s:]+(:[^\s:]+)?")

DEFINITION = "state_machine"
"""Name of the file of the definition."""

THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "InternalServerError",
    "InternalFailure",
}
DENIED = {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "ExpiredTokenException"}
TRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 20.0
"""Pauses after a throttled or lost request [s]; the API refills 15 to 20 requests a second."""


class DownloadFailed(Exception):
    """Histories cannot be fetched; the message says why, in one sentence."""


class MachineUnfit(ValueError):
    """What was named is no state machine with histories; the message says why, in one sentence."""


@dataclass(frozen=True)
class HistoryDownload:
    """
    Fetches the newest executions of a state machine.

    Args:
        client: A client of boto3 for Step Functions, without retries of its own.
        at_most: Number of executions.
        sleep: Waits for so many seconds.
    """

    client: Any
    folder: Path
    at_most: int = 1000
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, arn: str, folder: Path, at_most: int = 1000) -> "HistoryDownload":
        """
        Return the download from the region of a state machine, with the credentials of the environment.

        Raises:
            MachineUnfit: The ARN is not that of a state machine.
            DownloadFailed: The environment names a profile that does not exist, for instance.
        """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        # Retries are counted here: a throttled account must be told from one that does not answer.
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=10)
        region = region_of(arn)
        try:
            client = boto3.client("stepfunctions", region_name=region, config=config)
        except BotoCoreError as error:
            raise DownloadFailed(f"the AWS settings of the environment cannot be used: {error}") from None
        return cls(client, folder, at_most)

    def __call__(self, arn: str, progress: Callable[[int], None] | None = None) -> int:
        """
        Fetch what the folder does not have; return the number of executions in it.

        Raises:
            MachineUnfit: It is an Express state machine.
            DownloadFailed: No permission, no such state machine, no answer, or too many throttled requests.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        described = self._call("describe_state_machine", is_first=True, stateMachineArn=arn)
        if described.get("type") == "EXPRESS":
            raise MachineUnfit(
                f"{arn} is an Express state machine, which keeps no histories: put the events of its "
                "CloudWatch log into a folder and name that"
            )
        _write(self.folder / f"{DEFINITION}.json", {"definition": described["definition"]})
        count = 0
        try:
            for listed in self._listed(arn):
                self._fetch(listed)
                count += 1
                if progress is not None:
                    progress(count)
        except DownloadFailed as error:
            raise DownloadFailed(
                f"{error}; what was fetched is in {self.folder}: the same command continues there"
            ) from None
        return count

    def _listed(self, arn: str) -> Iterator[dict[str, Any]]:
        """Yield the newest executions."""
        more: dict[str, Any] = {}
        left = self.at_most
        while left > 0:
            page = self._call("list_executions", stateMachineArn=arn, maxResults=min(left, 1000), **more)
            yield from page["executions"][:left]
            left -= len(page["executions"])
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}

    def _fetch(self, listed: dict[str, Any]) -> None:
        """Fetch one history, unless the folder has it to its end."""
        path, arn = self.folder / f"{_file_name(listed['name'])}.json", listed["executionArn"]
        key = {
            "executionArn": arn,
            "status": listed["status"],
            "redriveCount": listed.get("redriveCount", 0),
        }
        if path.is_file() and _is_complete(path, key):
            return
        events, more = [], dict[str, Any]()
        while True:
            page = self._call(
                "get_execution_history",
                executionArn=arn,
                maxResults=1000,
                includeExecutionData=True,
                **more,
            )
            events += page["events"]
            if not page.get("nextToken"):
                break
            more = {"nextToken": page["nextToken"]}
        _write(path, {**key, "fetchedAt": _answered_at(page), "events": events})

    def _call(self, operation: str, *, is_first: bool = False, **arguments: Any) -> dict[str, Any]:
        """
        Ask, and repeat what was throttled or had no answer.

        Args:
            is_first: Nothing has been answered yet: without an answer the address is wrong.
        """
        from botocore import exceptions

        lost = (exceptions.ConnectionError, exceptions.HTTPClientError)
        pause, problem = FIRST_PAUSE, ""
        for _ in range(TRIES):
            try:
                answer: dict[str, Any] = getattr(self.client, operation)(**arguments)
            except exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLED:
                    raise DownloadFailed(_sentence(operation, error)) from None
                problem = f"{operation} was throttled {TRIES} times in a row"
            except exceptions.BotoCoreError as error:
                problem = f"Step Functions cannot be asked: {error}"
                if is_first or not isinstance(error, lost):
                    raise DownloadFailed(problem) from None
            else:
                return answer
            self.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, LONGEST_PAUSE)
        raise DownloadFailed(problem)


def region_of(arn: str) -> str:
    """Return the region of the ARN of a state machine; another one raises MachineUnfit."""
    match = STATE_MACHINE_ARN.fullmatch(arn)
    if match is None:
        raise MachineUnfit(
            f"{arn} is no ARN of a state machine: it looks like "
            "arn:aws:states:eu-west-1:123456789012:stateMachine:Orders"
        )
    return match[1]


def _sentence(operation: str, error: Any) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    action = "states:" + "".join(part.title() for part in operation.split("_"))
    if code in DENIED:
        return f"no permission for {action}: {message or code}"
    return f"{action} failed with {code}: {message}"


def _answered_at(page: dict[str, Any]) -> float | None:
    """Return when AWS gave an answer [s since the epoch], by its own clock; None if it does not say."""
    date = page.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _file_name(name: str) -> str:
    """Return the name of an execution as that of a file, which is not that of the definition."""
    if name.casefold() == DEFINITION:
        return f"%{ord(name[0]):02x}{name[1:]}"
    return re.sub(r"[^\w.-]", lambda found: f"%{ord(found[0]):02x}", name)


def _is_complete(path: Path, key: dict[str, Any]) -> bool:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    ended = any(event["type"] in ENDS for event in kept.get("events", ()))
    return ended and all(kept.get(name) == value for name, value in key.items())


def _write(path: Path, value: Any) -> None:
    """Write a file as a whole: an interrupted download leaves no half of one."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, default=_text), encoding="utf-8")
    part.replace(path)


def _text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
