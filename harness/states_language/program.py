"""
A state machine compiled for the interpreter: paths, templates and rules become functions.

A path or function that is not supported is refused, with the JSON path of its place. Times are seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.states_language import machine as asl
from harness.states_language.choice import Test, compile_condition
from harness.states_language.json_node import step
from harness.states_language.paths import Reader, compile_result_path
from harness.states_language.payload_template import compile_expression, compile_template
from harness.states_language.recovery import Catcher, Retrier

ResultPlacer: TypeAlias = Callable[[Any, Any], Any]
"""Puts a result into the input of a state, as ResultPath says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledState:
    """
    The part that all compiled states have in common; a reader of None leaves the data unchanged.

    Attributes:
        index: Number of the state in its machine, in the order of the definition.
        next: The state to go to; None where the flow ends.
    """

    name: str
    index: int
    next: str | None
    read_input: Reader | None
    read_output: Reader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledWork(CompiledState):
    """A Task, Parallel or Map: it may fail, be retried and be caught."""

    parameters: Reader | None
    selector: Reader | None
    place_result: ResultPlacer
    retry: tuple[Retrier, ...]
    catch: tuple[tuple[Catcher, ResultPlacer], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTask(CompiledWork):
    """
    A compiled Task.

    Attributes:
        is_bare: Whether the resource is a Lambda function itself: it gets the payload and returns the result.
        timeout, heartbeat: Read seconds; None without a limit.
    """

    task: asl.Task
    is_bare: bool
    timeout: Reader | None
    heartbeat: Reader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledParallel(CompiledWork):
    branches: tuple["Program", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMap(CompiledWork):
    items: Reader
    processor: "Program"
    max_concurrency: Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledChoice(CompiledState):
    rules: tuple[tuple[Test, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledWait(CompiledState):
    """Exactly one of the two is given: a reader of seconds, or of an RFC 3339 timestamp."""

    seconds: Reader | None
    until: Reader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPass(CompiledState):
    parameters: Reader | None
    place_result: ResultPlacer
    result: Any
    has_result: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSucceed(CompiledState):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFail(CompiledState):
    error: Reader
    cause: Reader


WorkNode: TypeAlias = CompiledTask | CompiledParallel | CompiledMap
AnyNode: TypeAlias = WorkNode | CompiledChoice | CompiledWait | CompiledPass | CompiledSucceed | CompiledFail


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled flow: its first state, and its states by name."""

    start_at: str
    nodes: Mapping[str, AnyNode]

    def tasks(self) -> list[CompiledTask]:
        """Return every Task, also those of branches and item processors, in the order of the definition."""
        found: list[CompiledTask] = []
        for node in self.nodes.values():
            match node:
                case CompiledTask():
                    found.append(node)
                case CompiledParallel():
                    found += (task for branch in node.branches for task in branch.tasks())
                case CompiledMap():
                    found += node.processor.tasks()
        return found


def compile_machine(machine: asl.StateMachine) -> Program:
    """Compile a state machine, or raise ValueError for something that is not supported."""
    numbers = {id(state): number for number, state in enumerate(machine.all_states())}
    return _flow(machine, "$", numbers)


def _flow(flow: asl.Flow, place: str, numbers: Mapping[int, int]) -> Program:
    nodes = {
        name: _node(state, f"{place}.States{step(name)}", numbers) for name, state in flow.states.items()
    }
    return Program(flow.start_at, nodes)


def _node(state: asl.State, place: str, numbers: Mapping[int, int]) -> AnyNode:
    common: dict[str, Any] = {
        "name": state.name,
        "index": numbers[id(state)],
        "next": state.next,
        "read_input": _filter(state.input_path, f"{place}.InputPath"),
        "read_output": _filter(state.output_path, f"{place}.OutputPath"),
    }
    if isinstance(state, asl.Task | asl.Parallel | asl.Map):
        return _work(state, common, place, numbers)
    match state:
        case asl.Choice():
            rules = tuple(
                (compile_condition(choice.condition, f"{place}.Choices[{number}]"), choice.next)
                for number, choice in enumerate(state.choices)
            )
            return CompiledChoice(**common, rules=rules, default=state.default)
        case asl.Wait():
            instant = None if state.timestamp is None else state.timestamp.isoformat()
            return CompiledWait(
                **common,
                seconds=_optional(state.seconds, state.seconds_path, f"{place}.SecondsPath"),
                until=_optional(instant, state.timestamp_path, f"{place}.TimestampPath"),
            )
        case asl.Pass():
            return CompiledPass(
                **common,
                parameters=_template(state.parameters, f"{place}.Parameters"),
                place_result=_result_placer(state.result_path, f"{place}.ResultPath"),
                result=state.result,
                has_result=state.has_result,
            )
        case asl.Fail():
            return CompiledFail(
                **common,
                error=_value(state.error, state.error_path, f"{place}.ErrorPath"),
                cause=_value(state.cause, state.cause_path, f"{place}.CausePath"),
            )
        case asl.Succeed():
            return CompiledSucceed(**common)


def _work(
    state: asl.Task | asl.Parallel | asl.Map, common: dict[str, Any], place: str, numbers: Mapping[int, int]
) -> WorkNode:
    common |= {
        "parameters": _template(state.parameters, f"{place}.Parameters"),
        "selector": _template(state.result_selector, f"{place}.ResultSelector"),
        "place_result": _result_placer(state.result_path, f"{place}.ResultPath"),
        "retry": state.retry,
        "catch": tuple(
            (catcher, _result_placer(catcher.result_path, f"{place}.Catch[{number}].ResultPath"))
            for number, catcher in enumerate(state.catch)
        ),
    }
    match state:
        case asl.Task():
            return CompiledTask(
                **common,
                task=state,
                is_bare=":function:" in state.resource,
                timeout=_optional(
                    state.timeout_seconds, state.timeout_seconds_path, f"{place}.TimeoutSecondsPath"
                ),
                heartbeat=_optional(
                    state.heartbeat_seconds, state.heartbeat_seconds_path, f"{place}.HeartbeatSecondsPath"
                ),
            )
        case asl.Parallel():
            branches = tuple(
                _flow(branch, f"{place}.Branches[{number}]", numbers)
                for number, branch in enumerate(state.branches)
            )
            return CompiledParallel(**common, branches=branches)
        case asl.Map():
            most = state.max_concurrency or asl.INLINE_CONCURRENCY
            return CompiledMap(
                **common,
                items=compile_expression(state.items_path, f"{place}.ItemsPath"),
                processor=_flow(state.processor, f"{place}.ItemProcessor", numbers),
                max_concurrency=_value(most, state.max_concurrency_path, f"{place}.MaxConcurrencyPath"),
            )


def _filter(path: str | None, place: str) -> Reader | None:
    """Return the reader of InputPath or OutputPath; None where it is the whole input or output."""
    return None if path == "$" else _value({}, path, place)


def _template(template: Any, place: str) -> Reader | None:
    return None if template is None else compile_template(template, place)


def _result_placer(path: str | None, place: str) -> ResultPlacer:
    if path is None:
        return lambda data, _result: data
    try:
        return compile_result_path(path)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _optional(literal: Any, path: str | None, place: str) -> Reader | None:
    """Return the reader of a field that is given as a literal, as a path or not at all."""
    return None if literal is None and path is None else _value(literal, path, place)


def _value(literal: Any, path: str | None, place: str) -> Reader:
    """Return the reader of a path, or of the literal without a path."""
    return compile_expression(path, place) if path is not None else lambda _data, _context: literal
