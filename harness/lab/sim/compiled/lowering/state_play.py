"""
The play of one state, outside of time: the interpreter enters it, and what it does is noted.

Retries are left out: they do not change data. What a state does at an end of its work is played anew for each
end.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from harness.lab.sim.compiled.lowering.unknown_value import Unknown, UnknownRead, guarded
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.states_language.asl_interpreter import make_entry
from harness.states_language.branch import RUNTIME, Branch, Parent
from harness.states_language.execution import Execution, Position
from harness.states_language.host import Callback, Host, TaskAttempt
from harness.states_language.paths import Reader
from harness.states_language.program import (
    AnyNode,
    CompiledMap,
    CompiledParallel,
    CompiledWork,
    Program,
)


@dataclass(frozen=True, slots=True)
class StatePlace:
    """
    A place in a state machine: a state, with the data that it has there.

    Attributes:
        map_item: ``$$.Map.Item``; None outside of a Map.
    """

    program: Program
    state: str
    data: Any
    map_item: Mapping[str, Any] | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class StateFailure:
    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """The end of a branch with an output."""

    output: Any


class _Instant:
    """The time that a state sees: unknown."""

    def __add__(self, _: timedelta) -> "_Instant":
        return self

    def __rsub__(self, _: object) -> "_Instant":
        raise UnknownRead("the time of the clock")

    def astimezone(self, _: object) -> "_Instant":
        return self

    def replace(self, **_: object) -> "_Instant":
        return self

    def isoformat(self, **_: object) -> str:
        return str(Unknown.named("time"))


class _GuardedContext(Mapping[str, Any]):
    """The context object, or a part of it, with every text that has an unknown part as an `Unknown`."""

    __slots__ = ("_context",)

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def __getitem__(self, key: str) -> Any:
        value = self._context[key]
        if type(value) is not dict and issubclass(type(value), Mapping):
            return _GuardedContext(value)
        return guarded(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._context)

    def __len__(self) -> int:
        return len(self._context)


class _GuardedBranch(Branch):
    """A branch whose states cannot mistake a text with an unknown part for a known one."""

    __slots__ = ()

    def read(self, reader: Reader, data: Any, path_error: str = RUNTIME) -> Any:
        return guarded(super().read(reader, data, path_error))

    def context(self) -> Mapping[str, Any]:  # type: ignore[override]  # it has the same parts
        return _GuardedContext(super().context())


class Play(Host, Parent):
    """
    What a state does, as its host and as the owner of its branch.

    Attributes:
        came: What followed: another place, the end of the branch, or its failure.
        outcome: Outcome of the last recorded attempt; *was_started* says whether its work had begun.
        failure: The failure that the state itself had, also if it was caught.
        was_caught: Whether a catcher handled it.
        wait: Time of a Wait [ns], and what to call after it.
        attempt: The attempt of a Task that waits for its result.
        children: The branches that have started, with the places they go to.
    """

    def __init__(self, machine: Mapping[str, str], execution_input: Any, place: StatePlace) -> None:
        self.now = 0
        self.epoch = _Instant()  # type: ignore[assignment]  # see above
        self.machine = machine
        self.came: StatePlace | BranchEnd | StateFailure | None = None
        self.outcome: str | None = None
        self.failure: StateFailure | None = None
        self.was_caught = self.was_started = False
        self.wait: tuple[int, Callback] | None = None
        self.attempt: TaskAttempt | None = None
        self.children: list[tuple[Branch, StatePlace]] = []
        # The name is not a text: it can be passed on only.
        execution = Execution(Unknown.named("execution"), execution_input)  # type: ignore[arg-type]  # see above
        self._is_in = False
        self._branch = _GuardedBranch(
            execution,
            map_item=place.map_item,
            host=self,
            program=place.program,
            parent=self,
            make_entry=make_entry,
            is_main=place.is_main,
        )
        self._branch.go(place.state, place.data)

    def succeeded(self, branch: Branch, output: Any) -> None:
        del branch
        self.came = BranchEnd(guarded(output))

    def failed(self, branch: Branch, error: str, cause: str) -> None:
        del branch
        self.came = StateFailure(error, cause)
        self.failure = self.failure or self.came

    def transition(self, position: Position, node: AnyNode) -> int:
        assert isinstance(position, Branch)  # noqa: S101 - only branches enter states
        if position is self._branch and not self._is_in:
            self._is_in = True
            return 0
        data = guarded(position.data)
        place = StatePlace(position.program, node.name, data, position.map_item, position.is_main)
        if position is self._branch:
            self.came = place
        else:
            self.children.append((position, place))
        return 1

    def call_in(self, delay: int, position: Position, node: AnyNode, callback: Callback) -> None:
        del node
        assert isinstance(position, Branch)  # noqa: S101 - only branches enter states
        if position.next_node is None:
            self.wait = (delay, callback)

    def work(self, attempt: TaskAttempt) -> None:
        self.attempt = attempt

    def draw(self, purpose: str, position: Position) -> float:
        del purpose, position
        raise UnknownRead("a random number")

    def record(
        self,
        position: Position,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        del ready_at, finished_at, error
        if position is self._branch:
            self.outcome, self.was_started = outcome, started_at is not None

    def retried(self) -> None:
        """Note that a state is attempted again: never here."""

    def ended(self, execution: Execution) -> None:
        """Note that an execution has ended: only its branch is played here."""

    def caught(self, position: Position, error: str, cause: str) -> None:
        if position is self._branch:
            self.failure, self.was_caught = StateFailure(error, cause), True


@dataclass(frozen=True, slots=True)
class StatePlayer:
    """Plays states of executions with one input; *machine* is ``$$.StateMachine``."""

    machine: Mapping[str, str]
    execution_input: Any

    def enter(self, place: StatePlace) -> Play:
        """Let a branch enter a state."""
        return Play(self.machine, self.execution_input, place)


def without_retries(program: Program) -> Program:
    """Return the program without retriers."""
    return Program(program.start_at, {name: _without_retry(node) for name, node in program.nodes.items()})


def _without_retry(node: AnyNode) -> AnyNode:
    if not isinstance(node, CompiledWork):
        return node
    changes: dict[str, Any] = {"retry": ()}
    if isinstance(node, CompiledParallel):
        changes["branches"] = tuple(map(without_retries, node.branches))
    elif isinstance(node, CompiledMap):
        changes["processor"] = without_retries(node.processor)
    return replace(node, **changes)


def named_refusal(state: str, play: Callable[[], Any]) -> Any:
    """Return what a play returns; name the state if it looks at a value that is not known yet."""
    try:
        return play()
    except UnknownRead as error:
        raise NotLowerable(f"{state} depends on {error}, which is not known in advance") from None
    except TypeError as error:
        raise NotLowerable(f"{state} cannot be played in advance: {error}") from None
