"""
The work of one attempt of a Task: how long it takes and how it fails. Times are model seconds.

The simulator, the modelled handlers of the local stack and the faults around real handlers decide here.
A decision depends on the scenario, the replication, the arrival, the step, the item of a Map and the number
of the attempt, and on nothing else: a live run and a simulated run of one scenario agree draw for draw.
Attempts are counted per step and batch, so a retry by the state machine and a retry by a user both count.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from harness.lab.workload.draws import Stream
from harness.lab.workload.faults.fault_window import RandomFault
from harness.lab.workload.faults.pipeline_faults import (
    LambdaInvocationDelay,
    LambdaInvocationError,
    MediaConvertJobError,
    MediaConvertJobStuck,
)
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceTimes, files_of_step
from harness.lab.workload.upload_batch import FileDamage, UploadBatch, UploadFile

FUNCTION_PREFIX = "listing-media-"
CALLBACK_FUNCTION = "callback-dispatch"
STUCK = 30 * 86_400.0
"""Service time of a job that never ends [s]: every time-out is shorter."""

ERROR_CODES = {
    FileDamage.CORRUPT: "DECODE_FAILED",
    FileDamage.TRUNCATED: "DECODE_FAILED",
    FileDamage.MISLABELLED: "CONTENT_TYPE_MISMATCH",
    FileDamage.OVERSIZED: "IMAGE_TOO_LARGE",
}
"""The code with which the validation refuses a damaged file."""

FaultKind = TypeVar("FaultKind", bound=RandomFault)
Key = tuple[int, int, int]
"""The key of a draw: arrival, item and attempt."""


class TaskWork(NamedTuple):
    """The work of one attempt: its service time, 0 for a function that fails, and the error if it fails."""

    seconds: float
    error: str | None = None
    cause: str = ""


def step_of(function: str) -> str:
    """Return the step a function takes, as service models name it; *function* is without its prefix."""
    return "callback" if function == CALLBACK_FUNCTION else function


class TaskFaults:
    """
    The faults a scenario injects into attempts of Tasks; without a scenario there are none.

    Faults with a time window use *now*, the model seconds since the run began.
    """

    def __init__(self, scenario: Scenario | None, now: Callable[[], float], replication: int = 0) -> None:
        self._now = now
        self._replication = replication
        self._scenario = scenario
        self._function_errors = self._drawn(LambdaInvocationError)
        self._function_delays = self._drawn(LambdaInvocationDelay)
        self._transcoding_errors = self._drawn(MediaConvertJobError)
        self._stuck_transcodings = self._drawn(MediaConvertJobStuck)

    def function_error(self, function: str, arrival: int, attempt: int) -> str | None:
        """Return the name of the error a function (without prefix) fails with, None if it does not fail."""
        for fault, stream, _ in self._function_errors:
            if fault.function == function and self._applies(fault, stream, (arrival, 0, attempt)):
                return fault.error
        return None

    def function_delay(self, function: str, arrival: int, attempt: int) -> float:
        """Return how much longer than usual a function (without prefix) takes."""
        key = (arrival, 0, attempt)
        return sum(
            fault.delay.sample(delays(*key))
            for fault, stream, delays in self._function_delays
            if fault.function == function and self._applies(fault, stream, key)
        )

    def transcoding_fails(self, arrival: int, item: int, attempt: int) -> bool:
        """Return whether a transcoding job ends with ERROR."""
        key = (arrival, item, attempt)
        return any(self._applies(fault, stream, key) for fault, stream, _ in self._transcoding_errors)

    def transcoding_is_stuck(self, arrival: int, item: int, attempt: int) -> bool:
        """Return whether a transcoding job never ends."""
        key = (arrival, item, attempt)
        return any(self._applies(fault, stream, key) for fault, stream, _ in self._stuck_transcodings)

    def _drawn(self, kind: type[FaultKind]) -> list[tuple[FaultKind, Stream, Stream]]:
        """Return the faults of a kind, each with the random numbers that decide on it and on its length."""
        faults, seed = (self._scenario.faults, self._scenario.seed) if self._scenario else ((), 0)
        number = self._replication
        return [
            (fault, Stream(seed, number, f"fault/{index}"), Stream(seed, number, f"delay/{index}"))
            for index, fault in enumerate(faults)
            if isinstance(fault, kind)
        ]

    def _applies(self, fault: RandomFault, stream: Stream, key: Key) -> bool:
        return fault.active(self._now()) and stream(*key) < fault.rate


class TaskWorkModel:
    """
    The work of every attempt: service times and faults of a scenario, or the default times without faults.

    Faults with a time window use *now*, the model seconds since the run began.
    """

    def __init__(self, scenario: Scenario | None, now: Callable[[], float], replication: int = 0) -> None:
        self._faults = TaskFaults(scenario, now, replication)
        model, seed = (scenario.model, scenario.seed) if scenario else (DEFAULT_MODEL, 0)
        self._times = ServiceTimes(model, seed, replication)

    def function(self, function: str, batch: UploadBatch, attempt: int) -> TaskWork:
        """Return the work of one invocation of a function of the pipeline (name without prefix)."""
        error = self._faults.function_error(function, batch.arrival, attempt)
        if error is not None:
            return TaskWork(0.0, error, f"INJECTED: {function}, attempt {attempt}")
        if function == "validate":
            for file in batch.files:
                if file.damage is not None:
                    cause = f"{ERROR_CODES[file.damage]}: {file.client_id}: injected {file.damage} file"
                    return TaskWork(0.0, "Rejected", cause)
        step = step_of(function)
        seconds = self._times.seconds(step, files_of_step(step, batch), batch.arrival, 0, attempt)
        return TaskWork(seconds + self._faults.function_delay(function, batch.arrival, attempt))

    def transcoding(self, batch: UploadBatch, video: UploadFile | None, item: int, attempt: int) -> TaskWork:
        """Return the work of a transcoding job; *item* is the place of its video among those of the batch."""
        files = () if video is None else (video,)
        seconds = self._times.seconds("transcode", files, batch.arrival, item, attempt)
        if self._faults.transcoding_fails(batch.arrival, item, attempt):
            return TaskWork(seconds, "States.TaskFailed", "the transcoding job ended with ERROR")
        if self._faults.transcoding_is_stuck(batch.arrival, item, attempt):
            return TaskWork(STUCK)
        return TaskWork(seconds)
