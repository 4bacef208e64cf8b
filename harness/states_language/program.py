"""
A state machine made ready to be played: every path, template and rule of it compiled.

What the simulator cannot play is refused here, with the JSON path of the place, before anything runs.
Times are nanoseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.states_language import machine as asl
from harness.states_language.choice_rules import Test, compile_rule
from harness.states_language.host_clock import NS
from harness.states_language.paths import Reader, compile_result_path
from harness.states_language.payload_template import compile_expression, compile_template
from harness.states_language.recovery import Catcher, Retrier

Placing = Callable[[Any, Any], Any]
"""Puts a result into the input, as ResultPath says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledState:
    """
    What compiled states have in common; None for a reader means: as it is.

    Attributes:
        index: Number of the state in its machine, in the order of the definition.
        next: None where the flow ends.
    """

    name: str
    index: int
    next: str | None
    read_input: Reader | None
    read_output: Reader | None
    parameters: Reader | None = None
    place_result: Placing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledWork(CompiledState):
    """Task, Parallel or Map: it may fail, be tried again and be caught."""

    selector: Reader | None
    retry: tuple[Retrier, ...]
    catch: tuple[tuple[Catcher, Placing], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTask(CompiledWork):
    """
    *timeout* and *heartbeat* give seconds, or a whole limit [ns]; None without one.

    *is_bare*: Its resource is a Lambda function itself, which is given and answers no more than the payload.
    """

    task: asl.Task
    is_bare: bool
    timeout: Reader | int | None
    heartbeat: Reader | int | None


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
    """Exactly one of the three: a time [ns], a reader of seconds, a reader of an RFC 3339 instant."""

    fixed: int | None
    seconds: Reader | None
    until: Reader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPass(CompiledState):
    result: Any
    has_result: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSucceed(CompiledState):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFail(CompiledState):
    error: Reader
    cause: Reader


AnyNode: TypeAlias = (
    CompiledTask
    | CompiledParallel
    | CompiledMap
    | CompiledChoice
    | CompiledWait
    | CompiledPass
    | CompiledSucceed
    | CompiledFail
)


@dataclass(frozen=True, slots=True)
class Program:
    """A flow: where it starts, and its states by name."""

    start_at: str
    nodes: Mapping[str, AnyNode]

    def tasks(self) -> list[CompiledTask]:
        """Return every Task, those of branches and item processors too, in the order of the definition."""
        found: list[CompiledTask] = []
        for node in self.nodes.values():
            if isinstance(node, CompiledTask):
                found.append(node)
            for inner in _inner(node):
                found += inner.tasks()
        return found


def compile_machine(machine: asl.StateMachine) -> Program:
    """
    Compile a state machine.

    Raises:
        ValueError: It uses something the simulator cannot play; the message begins with the JSON path.
    """
    numbers = {id(state): number for number, state in enumerate(machine.walk())}
    return _flow(machine, "$", numbers)


def _flow(flow: asl.Flow, place: str, numbers: Mapping[int, int]) -> Program:
    nodes = {
        name: _node(state, f"{place}.States{_step(name)}", numbers) for name, state in flow.states.items()
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
    match state:
        case asl.Task():
            return _task(state, common, place)
        case asl.Parallel():
            branches = tuple(
                _flow(branch, f"{place}.Branches[{number}]", numbers)
                for number, branch in enumerate(state.branches)
            )
            return CompiledParallel(**common, **_working(state, place), branches=branches)
        case asl.Map():
            return _map(state, common, place, numbers)
        case _:
            return _plain_node(state, common, place)


def _plain_node(
    state: asl.Choice | asl.Wait | asl.Pass | asl.Succeed | asl.Fail, common: dict[str, Any], place: str
) -> AnyNode:
    match state:
        case asl.Choice():
            rules = tuple(
                (compile_rule(choice.rule, f"{place}.Choices[{number}]"), choice.next)
                for number, choice in enumerate(state.choices)
            )
            return CompiledChoice(**common, rules=rules, default=state.default)
        case asl.Wait():
            return _wait(state, common, place)
        case asl.Pass():
            return CompiledPass(
                **common,
                parameters=_template(state.parameters, f"{place}.Parameters"),
                place_result=_placing(state.result_path, f"{place}.ResultPath"),
                result=state.result,
                has_result=state.has_result,
            )
        case asl.Fail():
            return CompiledFail(
                **common,
                error=_text(state.error, state.error_path, f"{place}.ErrorPath"),
                cause=_text(state.cause, state.cause_path, f"{place}.CausePath"),
            )
        case _:
            return CompiledSucceed(**common)


def _task(state: asl.Task, common: dict[str, Any], place: str) -> CompiledTask:
    timeout = _seconds(state.timeout_seconds, state.timeout_seconds_path, f"{place}.TimeoutSecondsPath")
    heartbeat = _seconds(
        state.heartbeat_seconds, state.heartbeat_seconds_path, f"{place}.HeartbeatSecondsPath"
    )
    return CompiledTask(
        **common,
        **_working(state, place),
        task=state,
        is_bare=":function:" in state.resource,
        timeout=timeout,
        heartbeat=heartbeat,
    )


def _working(state: asl.Task | asl.Parallel | asl.Map, place: str) -> dict[str, Any]:
    return {
        "parameters": _template(state.parameters, f"{place}.Parameters"),
        "selector": _template(state.result_selector, f"{place}.ResultSelector"),
        "place_result": _placing(state.result_path, f"{place}.ResultPath"),
        "retry": state.retry,
        "catch": tuple(
            (catcher, _placing(catcher.result_path, f"{place}.Catch[{number}].ResultPath"))
            for number, catcher in enumerate(state.catch)
        ),
    }


def _map(state: asl.Map, common: dict[str, Any], place: str, numbers: Mapping[int, int]) -> CompiledMap:
    most = state.max_concurrency or asl.INLINE_CONCURRENCY
    path = state.max_concurrency_path
    return CompiledMap(
        **common,
        **_working(state, place),
        items=compile_expression(state.items_path, f"{place}.ItemsPath"),
        processor=_flow(state.processor, f"{place}.ItemProcessor", numbers),
        max_concurrency=compile_expression(path, f"{place}.MaxConcurrencyPath")
        if path
        else lambda _data, _context: most,
    )


def _wait(state: asl.Wait, common: dict[str, Any], place: str) -> CompiledWait:
    until: Reader | None = None
    if state.timestamp_path:
        until = compile_expression(state.timestamp_path, f"{place}.TimestampPath")
    elif state.timestamp:
        instant = state.timestamp.isoformat()
        until = lambda _data, _context: instant  # noqa: E731 - a reader like the others
    return CompiledWait(
        **common,
        fixed=None if state.seconds is None else state.seconds * NS,
        seconds=compile_expression(state.seconds_path, f"{place}.SecondsPath")
        if state.seconds_path
        else None,
        until=until,
    )


def _filter(path: str | None, place: str) -> Reader | None:
    """Return the reader of InputPath or OutputPath; None where it is the whole."""
    if path == "$":
        return None
    return (lambda _data, _context: {}) if path is None else compile_expression(path, place)


def _template(template: Any, place: str) -> Reader | None:
    return None if template is None else compile_template(template, place)


def _placing(path: str | None, place: str) -> Placing:
    if path is None:
        return lambda data, _result: data
    try:
        return compile_result_path(path)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _seconds(fixed: int | None, path: str | None, place: str) -> Reader | int | None:
    if path is not None:
        return compile_expression(path, place)
    return None if fixed is None else fixed * NS


def _text(literal: str | None, path: str | None, place: str) -> Reader:
    return compile_expression(path, place) if path else lambda _data, _context: literal


def _inner(node: AnyNode) -> tuple[Program, ...]:
    match node:
        case CompiledParallel():
            return node.branches
        case CompiledMap():
            return (node.processor,)
        case _:
            return ()


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"['{name}']"
