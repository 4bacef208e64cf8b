"""The ports of a process, over the adapters in memory: every call is a place where a fault may strike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.core.errors import Unavailable
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.media_repository import MediaReads, MediaRepository, MediaTransaction
from harness.service.rehearsal.fault_decisions import Strike
from harness.service.rehearsal.rehearsed_process import READ, WRITE, RehearsedProcess
from harness.states_language.host import nanoseconds

Port = TypeVar("Port")
Call = tuple[str, tuple[Any, ...], Any]
"""A command of a transaction: its name, its positional arguments and its result."""

OnCommit = Callable[[Sequence[Call]], None]

DATABASE = "database"
LOCAL = frozenset({"sign_upload", "sign_download", "transaction"})
"""Methods of ports that make no call over the network."""
STATEMENT = (Strike.DELAY, Strike.UNAVAILABLE, Strike.CRASH_BEFORE)
COMMANDS = frozenset(MediaTransaction.__abstractmethods__ - MediaReads.__abstractmethods__)
"""The methods of a transaction that change rows, and the lock of a listing."""


def faulty(target: Port, port: type, process: RehearsedProcess, dependency: str, *writes: str) -> Port:
    """Return *target* as *process* sees it through *port*, whose methods *writes* change something."""
    return cast(Port, _forwarding(port, dependency, frozenset(writes))(target, process))


class _Forwarding:
    """The base of generated classes; the methods that make no call are those of the target."""

    def __init__(self, target: Any, process: RehearsedProcess) -> None:
        self.target = target
        self.process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


_CLASSES: dict[type, type[_Forwarding]] = {}


def _forwarding(port: type, dependency: str, writes: frozenset[str]) -> type[_Forwarding]:
    if port not in _CLASSES:
        names: frozenset[str] = port.__abstractmethods__  # type: ignore[attr-defined]  # ports are abstract
        methods = {
            name: _method(name, dependency, WRITE if name in writes else READ)
            for name in names
            if name not in LOCAL
        }
        _CLASSES[port] = type(f"Faulty{port.__name__}", (_Forwarding,), methods)
    return _CLASSES[port]


def _method(name: str, dependency: str, strikes: Sequence[Strike]) -> Callable[..., Any]:
    label = f"{dependency} {name}"

    def call(self: _Forwarding, *args: Any, **options: Any) -> Any:
        method = getattr(self.target, name)
        return self.process.call(dependency, label, lambda: method(*args, **options), strikes)

    return call


class FaultyTransaction:
    """A transaction that notes its commands; it is broken if the database fails meanwhile."""

    def __init__(self, target: MediaTransaction, process: RehearsedProcess) -> None:
        self.target = target
        self.process = process
        self.commands: list[Call] = []
        self._breaks = process.around.breaks.get(DATABASE, 0)

    def must_be_alive(self) -> None:
        """Raise `Unavailable` if the database has failed since the transaction began."""
        if self.process.around.breaks.get(DATABASE, 0) != self._breaks:
            raise Unavailable("The database closed the connection.")


def _statement(name: str) -> Callable[..., Any]:
    is_command = name in COMMANDS
    label = f"{DATABASE} {name}"

    def call(self: FaultyTransaction, *args: Any, **options: Any) -> Any:
        self.process.before(DATABASE, label, STATEMENT)
        self.must_be_alive()
        result = getattr(self.target, name)(*args, **options)
        if is_command:
            self.commands.append((name, args, result))
        return result

    return call


for _name in MediaTransaction.__abstractmethods__:
    setattr(FaultyTransaction, _name, _statement(_name))


def faulty_repository(
    target: MediaRepository, process: RehearsedProcess, on_commit: OnCommit
) -> MediaRepository:
    """Return the repository as *process* sees it; *on_commit* is called after each commit."""
    repository = _forwarding(MediaRepository, DATABASE, frozenset())(target, process)
    repository.transaction = lambda: _transaction(target, process, on_commit)  # type: ignore[attr-defined]
    return cast(MediaRepository, repository)


@contextmanager
def _transaction(
    target: MediaRepository, process: RehearsedProcess, on_commit: OnCommit
) -> Iterator[MediaTransaction]:
    process.before(DATABASE, "database begin", STATEMENT)
    with target.transaction() as tx:
        open_transaction = FaultyTransaction(tx, process)
        yield cast(MediaTransaction, open_transaction)
        decision = process.before(DATABASE, "database commit", WRITE)
        open_transaction.must_be_alive()
    on_commit(open_transaction.commands)
    if decision is not None:
        process.after(decision)


class FaultyJobQueue(JobQueue):
    """
    The queue as a process sees it: at least once, in any order, and sometimes a message is lost.

    Args:
        on_change: Called with a message that was ``sent``, ``delivered again`` or ``acknowledged``.
    """

    def __init__(
        self,
        target: InMemoryJobQueue,
        process: RehearsedProcess,
        on_change: Callable[[str, JobMessage | ReceivedMessage], None],
    ) -> None:
        self._target = target
        self._process = process
        self._on_change = on_change

    def send(self, message: JobMessage) -> str:
        process = self._process
        decision = process.before("queue", "queue send", (*WRITE, Strike.LOST, Strike.LATE, Strike.DUPLICATE))
        strike = decision.strike if decision else None
        if strike is Strike.LOST:
            return "lost"
        if decision and strike is Strike.LATE:
            time = process.around.time
            time.spawn("the queue", lambda: self._deliver(message), nanoseconds(decision.seconds))
            return "late"
        number = self._deliver(message)
        if strike is Strike.DUPLICATE:
            self._deliver(message)
        if decision:
            process.after(decision)
        return number

    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        strikes = (*READ, Strike.LOST_ANSWER, Strike.CRASH_AFTER, Strike.DUPLICATE, Strike.REORDER)
        decision = self._process.before("queue", "queue receive", strikes)
        messages = self._target.receive(limit=limit, wait=wait)
        if decision is None:
            return messages
        self._process.after(decision)
        if decision.strike is Strike.REORDER:
            return messages[::-1]
        if decision.strike is Strike.DUPLICATE:
            for message in messages:
                self._redeliver(message)
        return messages

    def delete(self, message: ReceivedMessage) -> None:
        strikes = (*WRITE, Strike.DUPLICATE)
        decision = self._process.before("queue", "queue delete", strikes)
        self._target.delete(message)
        self._on_change("acknowledged", message)
        if decision is not None and decision.strike is Strike.DUPLICATE:
            self._redeliver(message)
        if decision is not None:
            self._process.after(decision)

    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        return self._process.call(
            "queue",
            "queue receive_dead",
            lambda: self._target.receive_dead(limit=limit, wait=wait),
            (*READ, Strike.LOST_ANSWER, Strike.CRASH_AFTER),
        )

    def delete_dead(self, message: ReceivedMessage) -> None:
        self._process.call("queue", "queue delete_dead", lambda: self._target.delete_dead(message), WRITE)

    def ping(self) -> None:
        self._target.ping()

    def _deliver(self, message: JobMessage) -> str:
        number = self._target.send(message)
        self._on_change("sent", message)
        return number

    def _redeliver(self, message: ReceivedMessage) -> None:
        self._target.redeliver(message)
        self._on_change("delivered again", message)
