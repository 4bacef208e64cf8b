"""The lowering of a whole model: scenario, platform and state machine become the tables of the kernel."""

import re
import sys
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.blueprint.template import Template
from harness.lab.sim.compiled.kernel import layout
from harness.lab.sim.compiled.kernel.clients.client_records import REFUSALS
from harness.lab.sim.compiled.kernel.clients.client_steps import (
    COMPLETES,
    CREATES,
    DOWNLOADS,
    ENDS,
    IS_REFUSED,
    RETRIES,
    THINKS,
    UPLOADS,
    VIEWS,
    WAITS,
)
from harness.lab.sim.compiled.kernel.clients.planned_batch import (
    CORRUPT_FILE,
    FUNCTION_ERROR,
    POISONED_MESSAGE,
    SLOW_CALLBACK,
    TRANSCODING_ERROR,
)
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.lowering.machine_graph import MachineGraph
from harness.lab.sim.compiled.lowering.state_play import StatePlace, StatePlayer, without_retries
from harness.lab.sim.compiled.lowering.table_builder import TableBuilder
from harness.lab.sim.compiled.lowering.task_answers import (
    CAPACITY,
    CREATE_THROTTLED,
    DECODE,
    HEARTBEAT,
    STEPS,
    THROTTLED,
    TIMED_OUT,
    TRANSCODING,
    TaskAnswers,
    injected,
)
from harness.lab.sim.compiled.lowering.unknown_value import Unknown, guarded
from harness.lab.sim.compiled.lowering.world_settings import settings_of
from harness.lab.sim.compiled.not_lowerable import NotLowerable, TooLarge
from harness.lab.sim.platform.function_pool import PREFIX
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload import client_flows
from harness.lab.workload.faults.message_faults import PoisonedMessage
from harness.lab.workload.faults.pipeline_faults import (
    LambdaInvocationDelay,
    LambdaInvocationError,
    MediaConvertJobError,
)
from harness.lab.workload.faults.upload_faults import CorruptFile
from harness.lab.workload.scenario import Scenario
from harness.states_language.branch import HISTORY_TOO_LONG, RUNTIME
from harness.states_language.host import NS, nanoseconds
from harness.states_language.machine import Choice, StateMachine
from harness.states_language.payload_template import compile_template
from harness.states_language.program import (
    AnyNode,
    CompiledMap,
    CompiledParallel,
    Program,
    compile_machine,
)

RETRIES_MAX = 500
_READS_TEXTS = re.compile(
    r"States\.(StringToJson|Base64Encode|Base64Decode|Hash|StringSplit|ArrayContains|ArrayUnique|MathRandom|UUID)\("
)
_READS_ATTEMPT = re.compile(r"\$\$(?!\.\w)|\$\$\.State(?!\.(Name|EnteredTime)\b)")
_CONTEXT = re.compile(r"\$\$\.(Execution\.(Id|Name|RoleArn|StartTime)|State\.EnteredTime|Task\.Token)")
_COMPARES_TEXTS = re.compile(r"States\.Format\(")
_PASSED_ON = {"parameters", "result_selector", "branches", "processor", "comment"}
"""Fields that put values into data, where they are followed; and those with states of their own."""


class Lowering:
    """
    The tables of one replication.

    Args:
        definition: The state machine as it was read, to be searched for what cannot be lowered.

    Raises:
        NotLowerable: Something cannot be played exactly; the message names it.
    """

    def __init__(
        self,
        scenario: Scenario,
        platform: Platform,
        machine: StateMachine,
        template: Template,
        replication: int,
    ) -> None:
        self.scenario, self.platform, self.template = scenario, platform, template
        self.source = RandomSource(scenario.seed, replication)
        self.tables = tables = TableBuilder(self.source)
        self._program = compile_machine(machine)
        _refuse_functions(machine)
        _refuse_heartbeats(self._program)
        self._nodes = dict(_numbered(self._program))
        self.states = {number: node.name for number, node in self._nodes.items()}
        self._without_retries = without_retries(self._program)
        self._faults()
        self._functions: list[str] = []
        slots = platform.mediaconvert.slots or template.media_convert_queue.concurrent_jobs
        tables.add("stations", servers=slots, capacity=NONE, first=NONE, last=NONE)
        self._answers = TaskAnswers(tables, scenario, platform, self._program.tasks(), self._pool)
        self._inputs = [_input_template(place, flow) for place, flow in enumerate(scenario.flows)]
        self._shapes: dict[int, int] = {}
        self.detail = False
        self._flows()
        self.settings = self._settings(machine)

    def of(self, replication: int) -> "Lowering":
        """Return the tables of another replication; a shape of input that either meets is lowered once."""
        other = copy(self)
        other.source = RandomSource(self.scenario.seed, replication)
        other.tables = self.tables.of(other.source)
        return other

    @property
    def functions(self) -> list[str]:
        """Names of the functions that are used, in the order of their pools."""
        return self._functions

    def shape(self, flow: int, attempt: int, first: int, second: int) -> None:
        """Lower the executions of one shape of input, unless that was done for another replication."""
        key = ((flow * 1024 + attempt) * 4096 + first) * 64 + second
        if key in self._shapes:
            return
        batch = self._batch(first, second)
        given: dict[str, Any] = {name: Unknown.named(name) for name in ("jobId", "batchId", "listingId")}
        given |= {"attempt": attempt, "traceparent": None, "assets": _assets(batch)}
        template = self._inputs[flow]
        data = guarded(given if template is None else _filled(template, given, flow))
        self._answers.batch = batch
        arn = self.template.state_machine.arn
        player = StatePlayer({"Id": arn, "Name": arn.rpartition(":")[2]}, data)
        graph = MachineGraph(self.tables, player, self._answers, self._nodes)
        place = StatePlace(self._without_retries, self._program.start_at, data, None, is_main=True)
        self._shapes[key] = graph.lower(place)

    def lower_ahead(self) -> None:
        """
        Lower the first executions of small batches, so that what cannot be lowered is noticed at once.

        If the state machine looks at the files of a batch one by one, so do the shapes.
        """
        try:
            self._lower_small_batches()
        except TooLarge:
            raise
        except NotLowerable:
            self.detail, self._shapes = True, {}
            self._lower_small_batches()

    def _lower_small_batches(self) -> None:
        for place, flow in enumerate(self.scenario.flows):
            if isinstance(flow, client_flows.ProjectDocumentsFlow):
                self.shape(place, 1, 0, int(self.detail))
            elif isinstance(flow, client_flows.PROCESSED):
                for videos in (0, 1):
                    self.shape(place, 1, 64 * self.detail + videos, 0)

    def shapes_table(self) -> NDArray[Any]:
        """Return the hash table of shapes."""
        size = 64
        while size < 4 * len(self._shapes):
            size *= 2
        table = np.zeros(size, layout.SHAPES).view(np.recarray)
        table.key = NONE
        for key, cont in self._shapes.items():
            place = (key ^ (key >> 12)) & (size - 1)
            while table[place].key != NONE:
                place = (place + 1) & (size - 1)
            table[place].key, table[place].cont = key, cont
        return table

    def _batch(self, first: int, second: int) -> tuple[Any, Any, Any]:
        """Return the images, videos and documents of a shape."""
        if not self.detail:
            return Unknown.named("the images"), _assets_of("video", first), Unknown.named("the documents")
        images, videos = divmod(first, 64)
        return _assets_of("image", images), _assets_of("video", videos), _assets_of("document", second)

    def _faults(self) -> None:
        """Add the faults: the first ones, with the streams of the same numbers."""
        for index, fault in enumerate(self.scenario.faults):
            row: dict[str, Any] = {"from_s": fault.at, "until_s": fault.until, "failure": NONE}
            stream = f"fault/{index}"
            match fault:
                case CorruptFile():
                    row["kind"], stream = CORRUPT_FILE, f"mix/corrupt/{index}"
                case PoisonedMessage():
                    row["kind"], stream = POISONED_MESSAGE, f"mix/poisoned/{index}"
                case LambdaInvocationError():
                    failure = injected(fault)
                    row |= {"kind": FUNCTION_ERROR, "target": STEPS[fault.function]}
                    row["failure"] = self.tables.failure(failure.error, failure.cause)
                case MediaConvertJobError():
                    row["kind"] = TRANSCODING_ERROR
                    row["failure"] = self.tables.failure(TRANSCODING.error, TRANSCODING.cause)
                case LambdaInvocationDelay(function="callback-dispatch"):
                    row["kind"] = SLOW_CALLBACK
                    row["delay"] = self.tables.draw(fault.delay, f"delay/{index}")
                case _:
                    raise NotLowerable(f"the fault {fault.action}")
            self.tables.add("faults", rate=fault.rate, **row)
            self.tables.stream(stream)
        slow = sum(isinstance(fault, LambdaInvocationDelay) for fault in self.scenario.faults)
        if slow > 1 and sys.version_info >= (3, 12):
            raise NotLowerable("more than one delay of the callback function")

    def _pool(self, function: str) -> tuple[int, int]:
        """Return the pool of a function, and its time-out [ns]."""
        settings = self.platform.functions
        deployed = self.template.functions.get(function)
        timeout = nanoseconds(deployed.timeout if deployed else 900)
        if function not in self._functions:
            self._functions.append(function)
            interval = max(1, round(NS / settings.scale_up_per_s))
            reserved, names = self._reserved(function), (function, function.removeprefix(PREFIX))
            init, placement = settings.start_up(names)
            self.tables.add(
                "pools",
                concurrency=NONE if reserved is None else reserved,
                timeout=timeout,
                interval=interval,
                reach=interval * (settings.scale_up_bucket - 1),
                sandboxes=settings.sandboxes or 0,
                init=self.tables.draw(init, f"platform/lambda/init/{function}"),
                placement=self.tables.draw(placement, f"platform/lambda/placement/{function}"),
                cold_replaces=settings.cold_time(names) is not None,
            )
        return self._functions.index(function), timeout

    def _reserved(self, function: str) -> int | None:
        reserved = self.platform.functions.reserved_concurrency
        for known in (function, function.removeprefix(PREFIX)):
            if known in reserved:
                return reserved[known]
        deployed = self.template.functions.get(function)
        return deployed.reserved_concurrency if deployed else None

    def _flows(self) -> None:
        tables, self.steps, self.attempts = self.tables, list[int](), list[int]()
        for flow in self.scenario.flows:
            row: dict[str, Any] = {"first_step": len(self.steps), "first_count": NONE, "waits": 0}
            row["waits"] = flow.name in client_flows.WAITS_FOR_READY
            self.steps += [*_steps_of(flow), ENDS]
            match flow:
                case client_flows.ShootFlow():
                    row |= self._draws(flow, first_count="photos", second_count="videos")
                    row |= {
                        "pixels": tables.draw(flow.photo_megapixels, "mix/megapixels"),
                        "sizes": tables.draw(flow.photo_bytes, "mix/bytes"),
                        "seconds": tables.draw(flow.video_seconds, "mix/seconds"),
                        "rates": tables.draw(flow.video_bytes_per_s, "mix/bytes"),
                    }
                case client_flows.ProjectDocumentsFlow():
                    row |= self._draws(flow, first_count="documents", second_count="renders")
                    row |= {
                        "project": 1,
                        "pixels": tables.draw(flow.render_megapixels, "mix/megapixels"),
                        "sizes": tables.draw(flow.document_bytes, "mix/bytes"),
                        "rates": tables.draw(flow.render_bytes, "mix/bytes"),
                    }
                case client_flows.ViewerFlow():
                    row["fetches"] = tables.draw(flow.fetches, "mix/fetches")
            if isinstance(flow, client_flows.ForbiddenFlow):
                row |= {"attempts_first": len(self.attempts), "attempts": len(flow.attempts)}
                self.attempts += [REFUSALS.index(attempt) for attempt in flow.attempts]
            tables.add("flows", **row)

    def _draws(self, flow: Any, **names: str) -> dict[str, int]:
        return {field: self.tables.draw(getattr(flow, name), f"mix/{name}") for field, name in names.items()}

    def _settings(self, machine: StateMachine) -> dict[str, Any]:
        failures = {
            "throttled_lambda": THROTTLED,
            "timed_out": TIMED_OUT,
            "heartbeat": HEARTBEAT,
            "capacity": CAPACITY,
            "decode": DECODE,
            "transcoder_throttled": CREATE_THROTTLED,
        }
        rows = {name: self.tables.failure(each.error, each.cause) for name, each in failures.items()}
        rows["history_failure"] = self.tables.failure(RUNTIME, HISTORY_TOO_LONG)
        # A reservation counts whether the function is called or not, in the template or outside.
        functions = {*self.template.functions, *self._functions}
        reserved = sum(self._reserved(name) or 0 for name in functions)
        rows["unreserved"] = max(0, self.platform.functions.account_concurrency - reserved)
        rows["time_limit"] = NONE if machine.timeout_seconds is None else nanoseconds(machine.timeout_seconds)
        called = {node.task.function_name for node in self._program.tasks()}
        rows["calls_back"] = PREFIX + "callback-dispatch" in called
        return rows | settings_of(self.tables, self.scenario, self.platform, self.template)


def _steps_of(flow: client_flows.Flow) -> list[int]:
    upload = [CREATES, THINKS, UPLOADS, THINKS, COMPLETES]
    match flow:
        case client_flows.RetryFlow():
            if flow.retries > RETRIES_MAX:
                raise NotLowerable(f"a flow with more than {RETRIES_MAX} retries")
            return [*upload, WAITS, *[THINKS, RETRIES, WAITS] * flow.retries]
        case client_flows.AbandonFlow():
            return [CREATES, THINKS, UPLOADS] if flow.after == "uploads" else [CREATES]
        case client_flows.ForbiddenFlow():
            return [IS_REFUSED]
        case client_flows.ViewerFlow():
            return [VIEWS]
    return [*upload, WAITS, DOWNLOADS]


def _numbered(program: Program) -> Iterator[tuple[int, AnyNode]]:
    """Yield every state with its number."""
    for node in program.nodes.values():
        yield node.index, node
        if isinstance(node, CompiledParallel):
            for branch in node.branches:
                yield from _numbered(branch)
        elif isinstance(node, CompiledMap):
            yield from _numbered(node.processor)


def _refuse_functions(machine: StateMachine) -> None:
    """Refuse intrinsic functions and paths that look into values which are not known in advance."""
    for state in machine.all_states():
        for name in {each.name for each in fields(state)} - _PASSED_ON:
            if found := _CONTEXT.search(repr(getattr(state, name))):
                raise NotLowerable(f"{state.name} depends on {found[0]}, which is not known in advance")
        if isinstance(state, Choice) and _COMPARES_TEXTS.search(repr(state.choices)):
            raise NotLowerable(f"{state.name} compares a text of States.Format")
        text = repr(state)
        if found := _READS_TEXTS.search(text):
            raise NotLowerable(f"{state.name} uses States.{found[1]}")
        if _READS_ATTEMPT.search(text):
            raise NotLowerable(f"{state.name} reads the number of its attempt")


def _refuse_heartbeats(program: Program) -> None:
    """Refuse transcoding jobs that are limited by heartbeats, which they do not send."""
    for node in program.tasks():
        if node.heartbeat is not None and ":mediaconvert:createJob.sync" in node.task.resource:
            raise NotLowerable(f"{node.name} has HeartbeatSeconds and waits for a transcoding job")


def _input_template(place: int, flow: client_flows.Flow) -> Any:
    if getattr(flow, "inputs", None):
        raise NotLowerable(f"flows.{place}.inputs differ from one arrival to the next")
    described = getattr(flow, "input", None)
    if described is None:
        return None
    if _READS_TEXTS.search(repr(described)):
        raise NotLowerable(f"flows.{place}.input uses a function of texts")
    return compile_template(described, f"flows.{place}.input", may_draw=False)


def _filled(template: Any, given: Mapping[str, Any], flow: int) -> Any:
    try:
        return template(given, dict)
    except Exception as error:  # noqa: BLE001 - whatever it is, SimPy says it better
        raise NotLowerable(f"flows.{flow}.input: {error}") from None


def _assets_of(kind: str, count: int) -> list[dict[str, Any]]:
    """Return the files of a kind, as the queue's message describes them."""
    fields = ("key", "type", "clientId", "filename", "bytes", "contentType")
    return [
        {field: Unknown.named(f"{field} of {kind} {place}") for field in fields} | {"checksum": ""}
        for place in range(count)
    ]


def _assets(batch: tuple[Any, Any, Any]) -> Any:
    images, videos, documents = batch
    if type(images) is Unknown:
        return Unknown.named("the assets")
    # Documents come first in a project, which has no videos; images in a shoot, which has no documents.
    return [*documents, *images, *videos]
