"""
The workers of Tasks for the lowering: who does the work, and what its results and failures may be.

They answer at once; how long the work takes is a matter of the kernel.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.lab.sim.compiled.kernel.executions.work_end import BUNDLES, NO_EFFECT, REPORTS
from harness.lab.sim.compiled.kernel.executions.work_plan import (
    CALLBACK,
    FILES,
    FIXED,
    MEGABYTES,
    MEGAPIXELS,
    THUMBNAILS,
    VALIDATE,
    VIDEO_SECONDS,
    ZIP,
)
from harness.lab.sim.compiled.kernel.executions.work_start import (
    FUNCTION,
    OTHER_FUNCTION,
    STATION,
    TRANSCODER,
)
from harness.lab.sim.compiled.kernel.host_operations import ONE
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.lowering.state_play import StateFailure
from harness.lab.sim.compiled.lowering.table_builder import Block, TableBuilder, code_of
from harness.lab.sim.compiled.lowering.unknown_value import BEGIN, END, Unknown, UnknownRead, guarded
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.model.media_functions import STATUSES
from harness.lab.sim.model.step_functions import event_of, result_of
from harness.lab.sim.platform.function_pool import PREFIX
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.sim.platform.task_behaviour import TaskBehaviour
from harness.lab.workload.faults.pipeline_faults import LambdaInvocationError, MediaConvertJobError
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import ServiceModel
from harness.lab.workload.work_and_faults import step_of
from harness.states_language.host import NS, TaskAttempt, nanoseconds
from harness.states_language.paths import PathNotFound
from harness.states_language.payload_template import (
    IntrinsicFailure,
    compile_expression,
    compile_template,
)
from harness.states_language.program import CompiledTask

STEPS = {"validate": VALIDATE, "thumbnails": THUMBNAILS, "zip": ZIP, "callback-dispatch": CALLBACK}
AMOUNTS = {
    "fixed_s": FIXED,
    "per_file_s": FILES,
    "per_megapixel_s": MEGAPIXELS,
    "per_megabyte_s": MEGABYTES,
    "per_second_of_video_s": VIDEO_SECONDS,
}

THROTTLED = StateFailure("Lambda.TooManyRequestsException", "Rate Exceeded.")
TIMED_OUT = StateFailure("States.Timeout", "the Task took longer than its time-out")
HEARTBEAT = StateFailure("States.HeartbeatTimeout", "no heartbeat was received in time")
CAPACITY = StateFailure("Capacity.Exceeded", "the capacity of the resource is exceeded")
DECODE = StateFailure("Rejected", f"DECODE_FAILED: {Unknown.named('file')}: injected corrupt file")
CREATE_THROTTLED = StateFailure("MediaConvert.TooManyRequestsException", "Rate exceeded")
TRANSCODING = StateFailure("States.TaskFailed", "the transcoding job ended with ERROR")
_UNKNOWN_FILES = {Unknown.named(f"the {kind}").text for kind in ("images", "documents", "assets")}
DESCRIBED_CAUSE = "as the scenario describes it"


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """
    What may become of an attempt.

    Attributes:
        results: Its possible results; a failure among them is one of the work itself.
    """

    worker: int
    results: Sequence[Any]
    failures: Sequence[StateFailure]
    effect: int = NO_EFFECT
    video: int = NONE
    priority: float | None = None


class TaskAnswers:
    """
    The answers for the Tasks of a program; the workers are added to the tables at once.

    Attributes:
        detail: Whether the files of a batch are known one by one; else only its videos.
        batch: Images, videos and documents of the batch of the execution that is played.
    """

    def __init__(
        self,
        tables: TableBuilder,
        scenario: Scenario,
        platform: Platform,
        tasks: Sequence[CompiledTask],
        pools: Any,
    ) -> None:
        self._tables = tables
        self._scenario = scenario
        self._platform = platform
        self._pools = pools
        self._purposes: dict[str, int] = {}
        self._stations: dict[str, int] = {}
        self._workers = {node.name: self._worker(node) for node in tasks}
        self.batch: tuple[Sequence[Any], Sequence[Any], Sequence[Any]] | Any = None

    def purpose(self, name: str) -> int:
        """Return the number of a purpose of counting attempts."""
        return self._purposes.setdefault(name, len(self._purposes))

    def of(self, attempt: TaskAttempt) -> TaskAnswer:
        node = attempt.node
        row = self._tables.rows["workers"][self._workers[node.name]]
        match row["kind"]:
            case kind if kind == FUNCTION:
                return self._function(attempt, row)
            case kind if kind == TRANSCODER:
                return self._transcoder(attempt, row)
        return self._described(attempt, row)

    def _function(self, attempt: TaskAttempt, row: Mapping[str, Any]) -> TaskAnswer:
        payload, effect = guarded(event_of(attempt)), NO_EFFECT
        match row["step"]:
            case step if step == VALIDATE:
                result = self._sorted_out()
            case step if step == THUMBNAILS:
                result = {"outputs": _outputs(payload), "startedAt": ""}
            case step if step == ZIP:
                _outputs(payload)
                result = {"key": Unknown.named("key of the ZIP"), "bytes": 22}
                result |= {"assets": Unknown.named("number of files"), "outputs": _outputs(payload)}
                effect = BUNDLES
            case _:
                given = payload if type(payload) is dict else _known(payload)
                status, error = str(given.get("status", "SUCCEEDED")), given.get("error") or {}
                if BEGIN in status:
                    raise UnknownRead("the status that the callback reports")
                if status not in STATUSES or type(error) not in (dict, Unknown):
                    raise NotLowerable(f"{attempt.node.name} sends a callback that the service refuses")
                effect = self._report(status, str(error.get("Cause", "")))
                result = {"status": status, "httpStatus": 200}
        failures = [*self._failures(row), THROTTLED, row["killed_by"], TIMED_OUT]
        return TaskAnswer(
            self._workers[attempt.node.name], [result_of(result, attempt.node)], failures, effect
        )

    def _report(self, status: str, cause: str) -> int:
        if status == "RUNNING":
            return NO_EFFECT
        code = NONE
        if status != "SUCCEEDED":
            found = code_of(cause)
            code = self._tables.error(found or ("PROCESSING_FAILED" if status == "FAILED" else status))
        return REPORTS - (code + 1)

    def _sorted_out(self) -> dict[str, Any]:
        images, videos, documents = self.batch
        described = [video | _about_video(place) for place, video in enumerate(videos)]
        sorted_out = {"images": images, "videos": described, "documents": documents}
        return sorted_out | {"hasVideos": bool(videos), "startedAt": ""}

    def _transcoder(self, attempt: TaskAttempt, row: Mapping[str, Any]) -> TaskAnswer:
        worker = self._workers[attempt.node.name]
        video = _video_of(guarded(attempt.payload))
        failures = [*self._failures(row), CREATE_THROTTLED, TIMED_OUT]
        if not row["waits"]:
            return TaskAnswer(worker, [{"Job": {"Status": "SUBMITTED"}}], failures, video=video)
        result = {"Job": {"Id": Unknown.named("transcoding job"), "Status": "COMPLETE"}}
        return TaskAnswer(worker, [result], failures, video=video)

    def _described(self, attempt: TaskAttempt, row: Mapping[str, Any]) -> TaskAnswer:
        behaviour: TaskBehaviour = row["behaviour"]
        is_function = row["kind"] == OTHER_FUNCTION
        payload = guarded(event_of(attempt) if is_function else attempt.payload)
        where = f"platform.behaviours.{attempt.node.name}"
        results = [
            self._result(output, f"{where}.outputs[{place}]", payload)
            for place, output in enumerate(behaviour.outputs)
        ] or [{}]
        failures = self._failures(row)
        if is_function:
            results = [
                each if isinstance(each, StateFailure) else result_of(each, attempt.node) for each in results
            ]
            failures += [THROTTLED, row["killed_by"], TIMED_OUT]
            return TaskAnswer(self._workers[attempt.node.name], results, failures)
        failures += [CAPACITY, TIMED_OUT, HEARTBEAT]
        priority = _priority(behaviour, where, payload)
        return TaskAnswer(self._workers[attempt.node.name], results, failures, priority=priority)

    @staticmethod
    def _result(output: Any, where: str, payload: Any) -> Any:
        filled_in = compile_template(output, where, may_draw=False)
        try:
            return filled_in(payload, dict)
        except (PathNotFound, IntrinsicFailure) as error:
            return StateFailure("States.Runtime", f"{where}: {error}")

    def _failures(self, row: Mapping[str, Any]) -> list[StateFailure]:
        return list(row["may_fail"])

    def _worker(self, node: CompiledTask) -> int:
        """Add the worker of a Task to the tables; the same choice as the model's."""
        function, behaviours = node.task.function_name, self._platform.behaviours
        described = next((name for name in names_of(node) if name in behaviours), None)
        behaviour = behaviours[described] if described else TaskBehaviour()
        if behaviour.recorded:
            raise NotLowerable(f"platform.behaviours.{described}.recorded differs between arrivals")
        known = not node.task.resource.endswith(".waitForTaskToken") and not behaviour.outputs
        if (
            known
            and function is not None
            and function.removeprefix(PREFIX) in STEPS
            and function.startswith(PREFIX)
        ):
            return self._pipeline_worker(node, function, behaviour)
        if known and ":mediaconvert:createJob" in node.task.resource:
            fields = {"kind": TRANSCODER, "station": 0, "waits": ".sync" in node.task.resource}
            fields |= self._use_of_host("transcode")
            faults = [TRANSCODING] * any(
                isinstance(each, MediaConvertJobError) for each in self._scenario.faults
            )
            return self._add(
                node, behaviour, faults, "transcode", self._scenario.model["transcode"], **fields
            )
        token = node.task.resource.endswith(".waitForTaskToken")
        return self._described_worker(node, described, behaviour, None if token else function)

    def _pipeline_worker(self, node: CompiledTask, function: str, behaviour: TaskBehaviour) -> int:
        name = function.removeprefix(PREFIX)
        faults = [injected(each) for each in self._scenario.faults if isinstance(each, LambdaInvocationError)
                  and each.function == name]  # fmt: skip
        faults += [DECODE] if name == "validate" else []
        step = step_of(name)
        fields = {"kind": FUNCTION, "step": STEPS[name], **self._pool(function), **self._use_of_host(step)}
        return self._add(node, behaviour, faults, step, self._scenario.model[step], **fields)

    def _use_of_host(self, step: str) -> dict[str, int]:
        """Return how the work of a step uses the shared processors of the host; the same as `HostWork`'s."""
        host = self._platform.host
        if not host.processors:
            return {}
        if step == "callback":
            return {"weight": ONE, "used": nanoseconds(host.request_cpu_s)}
        return {"weight": round(host.work_processors.get(step, 0.0) * ONE), "used": NONE}

    def _described_worker(
        self, node: CompiledTask, described: str | None, behaviour: TaskBehaviour, function: str | None
    ) -> int:
        models = self._scenario.model
        model = next((name for name in names_of(node) if name in models), None)
        name = described or model or node.name
        if node.name in ("validate", "thumbnails", "zip", "callback", "transcode"):
            raise NotLowerable(f"{node.name} is counted together with the pipeline's step of that name")
        if name not in self._stations:
            self._stations[name] = self._tables.add(
                "stations",
                servers=behaviour.servers or NONE,
                capacity=behaviour.capacity or NONE,
                first=NONE,
                last=NONE,
            )
        beats = behaviour.heartbeat_s
        fields = {
            "kind": STATION if function is None else OTHER_FUNCTION,
            "station": self._stations[name],
            "waits": 1,
            "count_base": self.purpose(node.name),
            "beats": NONE if beats is None else nanoseconds(beats),
            **({} if function is None else self._pool(function)),
        }
        return self._add(node, behaviour, [], node.name, models[model] if model else None, **fields)

    def _pool(self, function: str) -> dict[str, Any]:
        pool, timeout = self._pools(function)
        killed = StateFailure("Sandbox.Timedout", f"Task timed out after {timeout / NS:.2f} seconds")
        return {
            "pool": pool,
            "killed_by": killed,
            "killed": self._tables.failure(killed.error, killed.cause),
        }

    def _add(
        self,
        node: CompiledTask,
        behaviour: TaskBehaviour,
        faults: list[StateFailure],
        name: str,
        model: ServiceModel | None,
        **fields: Any,
    ) -> int:
        tables = self._tables
        first_part = tables.count("parts")
        for part, distribution in (model.parts if model else {}).items():
            draw = tables.draw(distribution, f"service/{name}/{part}", Block(0, 1))
            tables.add("parts", draw=draw, amount=AMOUNTS[part])
        first_failing = tables.count("failing")
        described = []
        for index, failing in enumerate(behaviour.failures):
            failure = StateFailure(failing.error, DESCRIBED_CAUSE)
            described.append(failure)
            tables.add(
                "failing",
                failure=tables.failure(failure.error, failure.cause),
                first_attempts=failing.first_attempts,
                rate=failing.rate,
                stream=tables.stream(f"behaviour/{node.name}/{index}"),
            )
        return tables.add(
            "workers",
            state=node.index,
            first_part=first_part,
            parts=tables.count("parts") - first_part,
            first_failing=first_failing,
            failing=len(described),
            failures_count=self.purpose(f"failures/{node.name}"),
            may_fail=[*faults, *described],
            behaviour=behaviour,
            **fields,
        )


def names_of(node: CompiledTask) -> tuple[str, ...]:
    """Return the names by which a scenario may describe a Task."""
    function = node.task.function_name
    return (node.name, *((function, function.removeprefix(PREFIX)) if function else ()), node.task.resource)


def injected(fault: LambdaInvocationError) -> StateFailure:
    return StateFailure(fault.error, f"INJECTED: {fault.function}, attempt {Unknown.named('attempt')}")


def _known(payload: Any) -> dict[str, Any]:
    if type(payload) is Unknown:
        raise UnknownRead(f"the payload {payload}")
    return {}


def _outputs(payload: Any) -> Unknown:
    """Return the outputs for the images and documents in a payload, which need not be known."""
    if type(payload) is dict:
        validation = payload.get("validation", {})
        if type(validation) is dict and all(
            _are_files(validation.get(kind, [])) for kind in ("images", "documents")
        ):
            return Unknown.named("outputs of the images and documents")
    raise NotLowerable("a function of the pipeline gets a payload that is not the pipeline's")


def _are_files(value: Any) -> bool:
    if type(value) is Unknown:
        return value.text in _UNKNOWN_FILES
    return type(value) is list and all(type(each) is dict and "key" in each for each in value)


def _video_of(payload: Any) -> int:
    """Return the index of the video that a transcoding job reads; NONE if the batch has no such video."""
    try:
        address = payload["Settings"]["Inputs"][0]["FileInput"]
    except (KeyError, IndexError, TypeError):
        return NONE
    if type(address) is not Unknown:
        return NONE
    key = address.text.removeprefix("s3://").partition("/")[2]
    video = re.fullmatch(f"{BEGIN}key of video (\\d+){END}", key)
    if video is None:
        raise UnknownRead("the file that a transcoding job reads")
    return int(video[1])


def _about_video(place: int) -> dict[str, Any]:
    """Return what the validation finds out about a video."""
    names = ("width", "height", "durationSeconds", "stem", "prefix")
    size = {name: Unknown.named(f"{name} of video {place}") for name in ("width", "height")}
    return {
        **{name: Unknown.named(f"{name} of video {place}") for name in names},
        "hasAudio": True,
        "mp4Groups": [],
        "hlsOutputs": [],
        "poster": {**size, "colours": "NONE"},
    }


def _priority(behaviour: TaskBehaviour, where: str, payload: Any) -> float | None:
    if behaviour.priority is None:
        return None
    read = compile_expression(behaviour.priority, f"{where}.priority", may_draw=False)
    try:
        value = read(payload, dict)
        if type(value) is Unknown:
            raise UnknownRead(f"the priority {value}")
        priority = float(value)
    except (PathNotFound, TypeError, ValueError, OverflowError):
        return math.inf
    if math.isnan(priority):
        raise NotLowerable(f"{where}.priority is not a number")
    return priority
