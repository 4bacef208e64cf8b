"""
A state machine as typed values. Times are seconds; defaults are those of the Amazon States Language and AWS.

::

    StateMachine ─ Flow ─┬─ Task                     work of a service, e.g. a Lambda function
                         ├─ Parallel ── Flow, Flow…  all in parallel
                         ├─ Map ─────── Flow         once for each item
                         └─ Choice, Wait, Pass, Succeed, Fail
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from harness.states_language.choice import ChoiceRule
from harness.states_language.json_node import Json
from harness.states_language.recovery import Catcher, Retrier

INLINE_CONCURRENCY = 40
"""Most iterations AWS runs at once in an inline Map, even if ``MaxConcurrency`` is higher."""

_OWNER = re.compile(r"([a-z]+(-[a-z]+)+-\d:)?(\d{12}:)?(function:)?")
"""What a partial ARN may have before the name: region and account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """
    The part that all states have in common.

    Attributes:
        next: The state to go to; None where the flow ends.
        input_path: None means JSON null: the state sees an empty object.
        output_path: None means JSON null: the state passes on an empty object.
    """

    name: str
    comment: str | None = None
    next: str | None = None
    input_path: str | None = "$"
    output_path: str | None = "$"

    @property
    def targets(self) -> Iterator[str]:
        """The names of the states that may come next."""
        if self.next is not None:
            yield self.next


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(_State):
    """Ends the flow with success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(_State):
    """Fails the flow, with a literal error and cause or with paths to them."""

    error: str | None = None
    cause: str | None = None
    error_path: str | None = None
    cause_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(_State):
    """Passes its input on, or ``result`` (which may be null) if ``has_result``."""

    result: Json = None
    has_result: bool = False
    parameters: Mapping[str, Json] | None = None
    result_path: str | None = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(_State):
    """Waits; exactly one of the four fields is given."""

    seconds: int | None = None
    timestamp: datetime | None = None
    seconds_path: str | None = None
    timestamp_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(_State):
    """Goes to the state of the first rule that matches, else to ``default``."""

    choices: tuple[ChoiceRule, ...]
    default: str | None = None

    @property
    def targets(self) -> Iterator[str]:
        """The names of the states that may come next."""
        yield from (rule.next for rule in self.choices)
        if self.default is not None:
            yield self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class _WorkState(_State):
    """The part that Task, Parallel and Map have in common; ``result_path`` None drops the result."""

    parameters: Mapping[str, Json] | None = None
    result_selector: Mapping[str, Json] | None = None
    result_path: str | None = "$"
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()

    @property
    def targets(self) -> Iterator[str]:
        """The names of the states that may come next."""
        if self.next is not None:
            yield self.next
        yield from (catcher.next for catcher in self.catch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(_WorkState):
    """Work of a service, which ``resource`` names."""

    resource: str
    timeout_seconds: int | None = None
    timeout_seconds_path: str | None = None
    heartbeat_seconds: int | None = None
    heartbeat_seconds_path: str | None = None

    @property
    def function_name(self) -> str | None:
        """Name of the invoked Lambda function; None for other work, or if the name is a path."""
        if ":function:" in self.resource:
            return _function_name(self.resource)
        if ":lambda:invoke" not in self.resource or self.parameters is None:
            return None
        named = self.parameters.get("FunctionName")
        return _function_name(named) if isinstance(named, str) else None


def _function_name(text: str) -> str:
    """Return the name in an ARN, in a partial ARN (``account:name``) or alone, without its qualifier."""
    name = text.partition(":function:")[2] or _OWNER.sub("", text, count=1)
    return name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Flow:
    """States and the first of them: a state machine, a branch of a Parallel, or the processor of a Map."""

    start_at: str
    states: Mapping[str, "State"]

    @property
    def returns_to_start(self) -> bool:
        """Whether a state of this flow leads to the first one: an execution may enter it again."""
        return any(self.start_at in state.targets for state in self.states.values())

    def all_states(self) -> Iterator["State"]:
        """Yield every state; the states of branches and item processors follow their owner."""
        for state in self.states.values():
            yield state
            if isinstance(state, Parallel):
                for branch in state.branches:
                    yield from branch.all_states()
            elif isinstance(state, Map):
                yield from state.processor.all_states()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(_WorkState):
    """Runs branches in parallel; the result is the array of their results, in their order."""

    branches: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(_WorkState):
    """
    Runs one flow for each item of an array.

    Attributes:
        parameters: ``ItemSelector``, or ``Parameters`` in older definitions.
        max_concurrency: 0 means as many as AWS runs at once (`INLINE_CONCURRENCY`).
    """

    processor: Flow
    items_path: str = "$"
    max_concurrency: int = 0
    max_concurrency_path: str | None = None


State: TypeAlias = Task | Parallel | Map | Choice | Wait | Pass | Succeed | Fail


@dataclass(frozen=True, slots=True)
class StateMachine(Flow):
    """A complete definition; without ``timeout_seconds`` AWS ends an execution after a year."""

    comment: str | None = None
    timeout_seconds: int | None = None
