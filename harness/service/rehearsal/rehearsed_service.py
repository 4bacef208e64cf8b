"""The service in virtual time: an API and a worker over database, bucket, queue and state machine."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.app import Ports, Rules, Service, assemble
from harness.service.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    MediaError,
    NotFound,
    SignatureInvalid,
)
from harness.service.core.model.callback import ProcessingCallback
from harness.service.core.model.callback_signature import verify
from harness.service.core.model.identifiers import JobId
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import ReceivedMessage
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.object_storage import ObjectStorage
from harness.service.core.ports.tracer import Span, SpanKind, Tracer
from harness.service.core.ports.workflow import Workflow
from harness.service.rehearsal.commit_observer import CommitObserver
from harness.service.rehearsal.faulty_ports import Call, FaultyJobQueue, faulty, faulty_repository
from harness.service.rehearsal.rehearsed_functions import RehearsedFunctions
from harness.service.rehearsal.rehearsed_process import ProcessDown, RehearsedProcess, Surroundings
from harness.service.rehearsal.virtual_row_locks import VirtualRowLocks
from harness.service.rehearsal.virtual_step_functions import EPOCH, VirtualStepFunctions
from harness.service.settings import Settings
from harness.service.worker.loop import Loop
from harness.service.worker.worker_threads import worker_loops
from harness.states_language.execution import Execution
from harness.states_language.host import TaskAttempt, nanoseconds

SECRET = "rehearsed"  # noqa: S105 -- signs callbacks in memory
SETTINGS = Settings.model_construct(
    database_url="memory",
    jwt_key=SecretStr("x" * 32),
    queue_url="memory",
    dead_letter_queue_url="memory",
    state_machine_arn="memory",
    callback_secret=SecretStr(SECRET),
    outbox_interval_seconds=0.25,
    reconciler_interval_seconds=300,
    tagging_interval_seconds=300,
)
"""The settings of the product, but for longer pauses of the loops that look for old work: fewer passes."""

VISIBILITY = 360.0
STATUSES = ((Invalid, 400), (Forbidden, 403), (NotFound, 404), (Conflict, 409), (Gone, 410))


class DatabaseClock(Clock):
    """The clock of the database."""

    def __init__(self, around: Surroundings) -> None:
        self._time = around.time

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self._time.now // 1000)


class SilentSpan(Span):
    """A span that nothing records."""

    traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"

    def rename(self, name: str) -> None: ...

    def set(self, **attributes: object) -> None: ...

    def fail(self, error: Exception | str) -> None: ...


class SilentTracer(Tracer):
    """A tracer that records nothing."""

    _hop: AbstractContextManager[Span] = nullcontext(SilentSpan())
    _nothing = nullcontext()

    def hop(
        self, name: str, *, parent: str | None, kind: SpanKind, **attributes: object
    ) -> AbstractContextManager[Span]:
        del name, parent, kind, attributes
        return self._hop

    def span(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: object
    ) -> AbstractContextManager[None]:
        del name, kind, attributes
        return self._nothing

    def record(
        self,
        name: str,
        duration: float,
        *,
        error: BaseException | None = None,
        kind: SpanKind = SpanKind.CLIENT,
        **attributes: object,
    ) -> None: ...

    def iteration(self, name: str) -> AbstractContextManager[None]:
        del name
        return self._nothing

    def traceparent(self) -> str | None:
        return None


@dataclass(slots=True, eq=False)
class ParkedLoop:
    """A loop of the worker that has found nothing to do: it is skipped until something changes."""

    loop: Loop
    generation: int
    slept_at: int


@dataclass(slots=True, eq=False)
class RehearsedService:
    """The whole service; `start` begins the loops of the worker."""

    around: Surroundings
    slowness: float = 1.0
    rules: Rules = field(default_factory=Rules)
    listings: InMemoryListingRepository = field(default_factory=InMemoryListingRepository)
    storage: InMemoryObjectStorage = field(default_factory=InMemoryObjectStorage)
    instruments: InMemoryInstruments = field(default_factory=InMemoryInstruments)
    clock: DatabaseClock = field(init=False)
    media: InMemoryMediaRepository = field(init=False)
    queue: InMemoryJobQueue = field(init=False)
    workflow: VirtualStepFunctions = field(init=False)
    functions: RehearsedFunctions = field(init=False)
    observer: CommitObserver = field(init=False)
    api: RehearsedProcess = field(init=False)
    worker: RehearsedProcess = field(init=False)
    api_service: Service = field(init=False)
    _generation: int = 0
    _changes: int = 0
    _scheduled: int = 0
    _parked: dict[str, ParkedLoop] = field(default_factory=dict)

    def __post_init__(self) -> None:
        around, rules = self.around, self.rules
        self.clock = DatabaseClock(around)
        self.media = InMemoryMediaRepository(self.listings, locks=VirtualRowLocks(around.time))
        self.queue = self.make_queue()
        self.workflow = self.make_workflow()
        self.functions = self.make_functions()
        self.observer = CommitObserver(
            around, self.media, self.clock, self.workflow, rules.upload_ttl, rules.stuck_timeout
        )
        self.api = RehearsedProcess("the API", around, self._start_api)
        self.worker = RehearsedProcess("the worker", around, self.start)
        self._start_api()

    def make_queue(self) -> InMemoryJobQueue:
        return InMemoryJobQueue(self.clock, visibility=VISIBILITY)

    def make_workflow(self) -> VirtualStepFunctions:
        return VirtualStepFunctions(self.around.time, self.begin, self.ended)

    def make_functions(self) -> RehearsedFunctions:
        finished_work = self.workflow.finished_work
        return RehearsedFunctions(
            self.around, self.storage, self.receive_callback, finished_work, SECRET, self.slowness
        )

    def start(self) -> None:
        """Start the loops of the worker."""
        self._generation += 1
        self._parked.clear()
        generation = self._generation
        for loop in worker_loops(self._assembled(self.worker), SETTINGS):
            self._schedule(loop, generation, 0)

    def is_settled(self) -> bool:
        """Return whether nothing is left to be done."""
        # Late deliveries are tasks, too; each loop of the worker that is not parked has one.
        if self.around.time.unfinished > self._scheduled:
            return False
        if self.workflow.running or self.media.count_inflight_jobs() or self.media.list_outbox(limit=1):
            return False
        if self.queue.depth() or self.queue.dead_depth():
            return False
        everything = self.media.list_recent_batches(include_deleted=True, limit=1000)
        return not any(
            batch.pending_stage or (batch.status.value == "PENDING_UPLOAD" and not batch.deleted_at)
            for batch in everything
        )

    def _start_api(self) -> None:
        self.api_service = self._assembled(self.api)

    def _assembled(self, process: RehearsedProcess) -> Service:
        ports = Ports(
            media=faulty_repository(self.media, process, self._committed),
            listings=faulty(self.listings, ListingRepository, process, "database"),
            storage=faulty(self.storage, ObjectStorage, process, "storage", "tag", "delete"),
            queue=FaultyJobQueue(self.queue, process, self._queue_changed),
            workflow=faulty(self.workflow, Workflow, process, "workflow", "start"),
            clock=self.clock,
            instruments=self.instruments,
            tracer=SilentTracer(),
        )
        return assemble(ports, self.rules, CollectorRegistry())

    def receive_callback(self, body: bytes, signature: str) -> int:
        """Answer a callback as the route does; return the HTTP status."""
        try:
            with self.api.running():
                return self._handle_callback(body, signature)
        except ProcessDown:
            return 502

    def _handle_callback(self, body: bytes, signature: str) -> int:
        try:
            verify(SECRET, body, signature)
            self.api_service.handle_processing_callback(ProcessingCallback.parse(json.loads(body)))
        except SignatureInvalid:
            self.instruments.callback_unsigned()
            return 403
        except MediaError as error:
            self.instruments.callback_failed()
            self.around.tell(f"the callback is answered with {type(error).__name__}: {error}")
            return next((status for kind, status in STATUSES if isinstance(error, kind)), 503)
        return 200

    def begin(self, attempt: TaskAttempt) -> None:
        """Begin the work of a Task."""
        self.functions.begin(attempt)

    def ended(self, execution: Execution) -> None:
        """Follow the end of an execution."""
        self.around.tell(f"the execution of job {execution.input['jobId']} is {execution.status}")
        self.functions.execution_ended(execution)

    def _committed(self, commands: Sequence[Call]) -> None:
        self.observer.committed(commands)
        if any(name == "add_to_outbox" for name, *_ in commands):
            self._wake("outbox")

    def _queue_changed(self, what: str, message: JobMessage | ReceivedMessage) -> None:
        if isinstance(message, JobMessage):
            self.observer.sent(message)
        elif what == "acknowledged":
            number = message.ids["job_id"]
            if number is not None:
                self.observer.acknowledged(JobId(int(number)))
        self._wake("dispatcher", "dead-letters")

    # The loops.

    def _schedule(self, loop: Loop, generation: int, delay: int) -> None:
        turn = partial(self._turn, loop, generation)
        self._scheduled += 1
        self.around.time.spawn(f"worker {loop.name}", turn, delay)

    def _turn(self, loop: Loop, generation: int) -> None:
        """Make one attempt of a loop, and plan the next one."""
        try:
            self._attempt(loop, generation)
        finally:
            self._scheduled -= 1

    def _attempt(self, loop: Loop, generation: int) -> None:
        if generation != self._generation or not self.worker.is_up:
            return
        changes = self._changes
        try:
            with self.worker.running():
                pause = loop.step()
        except ProcessDown:
            return  # The restart begins with new loops.
        if generation != self._generation:
            return
        is_idle = loop.eager and pause == loop.pause and not loop.failures
        if is_idle and changes == self._changes:
            self._park(loop, generation)
        else:
            self._schedule(loop, generation, nanoseconds(pause))

    def _park(self, loop: Loop, generation: int) -> None:
        time = self.around.time
        self._parked[loop.name] = ParkedLoop(loop, generation, time.now)
        due = None if loop.name == "outbox" else self.queue.next_visible()
        if due is not None:
            time.call_in(nanoseconds((due - self.clock.now()).total_seconds()), lambda: self._wake(loop.name))

    def _wake(self, *names: str) -> None:
        """Let the parked loops with these names go on, at the time at which their pauses would have ended."""
        self._changes += 1
        for name in [parked for parked in self._parked if parked.startswith(names)]:
            parked = self._parked.pop(name)
            pause = nanoseconds(parked.loop.pause)
            passed = self.around.time.now - parked.slept_at
            self._schedule(parked.loop, parked.generation, -passed % pause or pause)
