"""
The faults of a scenario, injected into the local AWS.

The modelled handlers fail by themselves (see `harness.lab.workload.work_and_faults`). Real handlers do not
have faults, so `FaultInjection` makes the same decisions around them. Unreadable messages are made here for
both, in the queue. Times in seconds.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.workload.faults.message_faults import DuplicateMessage, PoisonedMessage
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import arrival_of
from harness.lab.workload.work_and_faults import FUNCTION_PREFIX, Key, TaskFaults, step_of
from harness.service.pipeline.execution_assets import assets_in
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import location, read_settings
from harness.stack.aws.mediaconvert.local_mediaconvert import (
    OutputGroupDetails,
    Transcoder,
    TranscodingFailed,
)
from harness.stack.modelled.planned_batches import PlannedBatches, arrival_number, planned_client_id
from harness.stack.modelled.run_clock import RunClock

UNREADABLE = '{"poisoned": '


def poison_of(scenario: Scenario | None) -> Callable[[str], str] | None:
    """Return a function that makes poisoned message bodies unreadable, None if the scenario has no poison."""
    if scenario is None or not any(isinstance(fault, PoisonedMessage) for fault in scenario.faults):
        return None
    batches = PlannedBatches(scenario)

    def poison(body: str) -> str:
        arrival = _arrival_in(body)
        return UNREADABLE if arrival is not None and batches.planned(arrival).poisoned else body

    return poison


def doubling_of(scenario: Scenario | None) -> Callable[[str], bool] | None:
    """Return whether the queue delivers a message body twice, None if the scenario has no such messages."""
    if scenario is None or not any(isinstance(fault, DuplicateMessage) for fault in scenario.faults):
        return None
    batches = PlannedBatches(scenario)

    def is_doubled(body: str) -> bool:
        arrival = _arrival_in(body)
        return arrival is not None and batches.planned(arrival).doubled

    return is_doubled


def _arrival_in(body: str) -> int | None:
    try:
        client_id = planned_client_id(json.loads(body)["assets"][0]["key"])
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    named = arrival_of(client_id) if client_id else None
    return named[0] if named else None


class FaultInjection:
    """
    The faults of one scenario around real handlers and a real transcoder.

    Args:
        scenario: Its times are clock times here: real work cannot be accelerated.
        now: Seconds since the run began; by default since this object was made.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float] | None = None) -> None:
        now = now or RunClock().now
        self._batches = PlannedBatches(scenario)
        self._faults = TaskFaults(scenario, now)

    def function_error(self, name: str, event: str) -> str | None:
        """
        Return the name of the error with which an invocation on *event* (JSON) fails, None if it does not.

        The delay of an invocation passes before this returns. Other functions than the pipeline's and events
        without a batch have no faults.
        """
        if not name.startswith(FUNCTION_PREFIX):
            return None
        function = name.removeprefix(FUNCTION_PREFIX)
        try:
            given = json.loads(event)
            state = given.get("detail", given)
            arrival = arrival_number(assets_in(state))
            attempt = self._batches.next_attempt(str(state["batchId"]), step_of(function))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        error = self._faults.function_error(function, arrival, attempt)
        if error is None:
            time.sleep(max(0.0, self._faults.function_delay(function, arrival, attempt)))
        return error

    def around(self, transcoder: Transcoder) -> Transcoder:
        """Return a transcoder that fails the jobs for which the scenario has a fault."""

        def transcode(job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
            if key := self._key_of(job):
                if self._faults.transcoding_fails(*key):
                    raise TranscodingFailed("Unable to transcode: injected by the scenario's faults")
                if self._faults.transcoding_is_stuck(*key):
                    cancelled.wait()
            return transcoder(job, cancelled)

        return transcode

    def _key_of(self, job: Mapping[str, Any]) -> Key | None:
        """Return the key of the draws of a transcoding job; None if the transcoder refuses its settings."""
        try:
            _, key = location(read_settings(job)[0])
        except TranscodingFailed:
            return None
        batch, _, item = self._batches.video(key, size=0)
        batch_id = str(job.get("UserMetadata", {}).get("batchId", key))
        return batch.arrival, item, self._batches.next_attempt(batch_id, "transcode", item)
