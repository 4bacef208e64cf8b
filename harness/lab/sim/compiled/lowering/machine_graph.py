"""
The lowering of a state machine: its data flow is played once for each shape of input, and time remains.

A node is a state with the data that it has there. What the data of a join depend on is merged: where the
outputs of a branch differ, the value is not known in advance.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.lab.sim.compiled.kernel.executions.states import END, FAIL, FORK, PASSES, TASK, WAIT
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.lowering.state_play import (
    BranchEnd,
    Play,
    StateFailure,
    StatePlace,
    StatePlayer,
    named_refusal,
)
from harness.lab.sim.compiled.lowering.table_builder import TableBuilder
from harness.lab.sim.compiled.lowering.task_answers import TaskAnswers
from harness.lab.sim.compiled.lowering.unknown_value import Unknown, identity
from harness.lab.sim.compiled.not_lowerable import NotLowerable, TooLarge
from harness.states_language.program import AnyNode, CompiledMap, CompiledTask, CompiledWait, CompiledWork
from harness.states_language.recovery import Retrier, handles

NODES_MAX = 20_000
"""Every iteration has states of its own, so its number fits into the 16 bits that the order of events has."""

RETRIERS_MAX = 8
EVENTS_MAX = 25_000

BRANCHES_MAX = 12_000
"""Branches and iterations of one execution at once: the kernel has room for 13,000 rows of one event."""

NESTED_MAPS_MAX = 3
"""The indices of nested iterations have 20 bits each, and are one number of 64 bits."""


@dataclass(slots=True)
class LoweredFlow:
    """
    A branch that was lowered: its first node, and the outputs and failures with which it may end.

    Attributes:
        width: Most branches and iterations of it at once, with itself.
        maps: Most Maps in it, one in another.
    """

    start: int = NONE
    width: int = 1
    maps: int = 0
    outputs: dict[Any, Any] = field(default_factory=dict)
    failures: dict[StateFailure, None] = field(default_factory=dict)

    @property
    def output(self) -> Any:
        """The output, merged from the possible ones; None if the branch cannot succeed."""
        outputs = list(self.outputs.values())
        merged = outputs[0] if outputs else None
        for other in outputs[1:]:
            merged = _merged(merged, other)
        return merged


class MachineGraph:
    """
    Lowers the executions of one shape of input.

    Args:
        nodes: The states of the program by their index, with their retriers.
    """

    def __init__(
        self,
        tables: TableBuilder,
        player: StatePlayer,
        answers: TaskAnswers,
        nodes: dict[int, AnyNode],
    ) -> None:
        self._tables = tables
        self._player = player
        self._answers = answers
        self._states = nodes
        self._flows: dict[Any, LoweredFlow] = {}

    def lower(self, place: StatePlace) -> int:
        """Lower a whole flow, and return its first node."""
        return self._flow(place).start

    def _flow(self, start: StatePlace) -> LoweredFlow:
        key = _identity_of(start)
        if key in self._flows:
            return self._flows[key]
        flow = self._flows[key] = LoweredFlow()
        known: dict[Any, int] = {}
        waiting: list[tuple[int, StatePlace]] = []

        def number(came: Any) -> int:
            """Return what follows as a number: a node, the end, or a failure."""
            if isinstance(came, BranchEnd):
                flow.outputs.setdefault(identity(came.output), came.output)
                return END
            if isinstance(came, StateFailure):
                flow.failures[came] = None
                return FAIL - self._tables.failure(came.error, came.cause)
            place_key = _identity_of(came)
            if place_key not in known:
                if self._tables.count("nodes") >= NODES_MAX:
                    raise TooLarge(f"{came.state} is one of more than {NODES_MAX:,} states after unrolling")
                known[place_key] = self._tables.add("nodes")
                waiting.append((known[place_key], came))
            return known[place_key]

        flow.start = number(start)
        while waiting:
            row, place = waiting.pop()
            fields = named_refusal(place.state, lambda: self._node(place, number))  # noqa: B023 - called at once
            self._tables.rows["nodes"][row] = fields
            flow.width = max(flow.width, 1 + fields.get("width", 0))
            flow.maps = max(flow.maps, fields.get("maps", 0))
        return flow

    def _node(self, place: StatePlace, number: Any) -> dict[str, Any]:
        """Return the fields of a node."""
        node = place.program.nodes[place.state]
        play = self._player.enter(place)
        fields = {"state": node.index, "is_task": isinstance(node, CompiledTask), "immediate": NONE}
        if play.attempt is not None:
            return fields | self._task(place, play, number)
        if isinstance(node, CompiledWork) and play.failure is None:
            return fields | self._fork(place, node, play, number)
        if play.wait is not None and isinstance(node, CompiledWait):
            wait, go_on = play.wait
            go_on()
            return fields | {"kind": WAIT, "wait": wait, "success": number(play.came)}
        if play.outcome == "FAILED":
            assert play.failure is not None  # noqa: S101 - it has failed
            kind = (
                TASK if isinstance(node, CompiledTask) else FORK if isinstance(node, CompiledWork) else PASSES
            )
            failure = self._tables.failure(play.failure.error, play.failure.cause)
            fields |= {"kind": kind, "immediate": failure, "starts": play.was_started}
            if kind == PASSES:
                number(play.came)
                return fields
            if play.children:
                raise NotLowerable(f"{node.name} fails while it starts its iterations")
            # It fails on entry, whatever happens.
            return fields | self._recovery(place, [play.failure], number, lambda again, _: again)
        return fields | {"kind": PASSES, "success": number(play.came)}

    def _task(self, place: StatePlace, play: Play, number: Any) -> dict[str, Any]:
        attempt = play.attempt
        assert attempt is not None  # noqa: S101 - the caller has checked
        answer = self._answers.of(attempt)
        failures = dict.fromkeys(answer.failures)
        first = self._tables.count("outcomes")
        outcomes = []
        for result in answer.results:
            if isinstance(result, StateFailure):
                failures[result] = None
                outcomes.append(
                    {"failure": self._tables.failure(result.error, result.cause), "fails_work": 1}
                )
                continue
            again = self._player.enter(place)
            assert again.attempt is not None  # noqa: S101 - it does the same again
            again.attempt.succeed(result)
            outcomes.append(self._outcome(again, failures, number))
        for outcome in outcomes:
            self._tables.add("outcomes", **outcome)

        def fail(again: Play, failure: StateFailure) -> Play:
            assert again.attempt is not None  # noqa: S101 - it does the same again
            again.attempt.fail(failure.error, failure.cause)
            return again

        return {
            "kind": TASK,
            "worker": answer.worker,
            "timeout": NONE if attempt.deadline is None else attempt.deadline,
            "heartbeat": NONE if attempt.heartbeat is None else attempt.heartbeat,
            "effect": answer.effect,
            "video": answer.video,
            "priority": answer.priority or 0.0,
            "priority_given": answer.priority is not None,
            "first_outcome": first,
            "outcomes": len(outcomes),
            **self._recovery(place, failures, number, fail),
        }

    def _outcome(self, play: Play, failures: dict[StateFailure, None], number: Any) -> dict[str, Any]:
        """Return the outcome of a success, which may be a failure to place the result."""
        if play.outcome == "SUCCEEDED":
            return {"cont": number(play.came), "failure": NONE}
        assert play.failure is not None  # noqa: S101 - it has failed
        failures[play.failure] = None
        return {"failure": self._tables.failure(play.failure.error, play.failure.cause)}

    def _fork(self, place: StatePlace, node: CompiledWork, play: Play, number: Any) -> dict[str, Any]:
        limit = len(play.children)
        _must_be_narrow(node, limit)
        flows: list[LoweredFlow] = []
        failures: dict[StateFailure, None] = {}
        succeeds = True
        while len(flows) < len(play.children):
            child, start = play.children[len(flows)]
            flow = self._flow(start)
            flows.append(flow)
            failures |= flow.failures
            succeeds &= bool(flow.outputs)
            child.parent.succeeded(child, flow.output)
            if play.failure is not None and play.outcome != "SUCCEEDED" and len(flows) < len(play.children):
                raise NotLowerable(f"{node.name} fails while it starts its iterations")
        width = limit * max((flow.width for flow in flows), default=0)
        maps = isinstance(node, CompiledMap) + max((flow.maps for flow in flows), default=0)
        _must_be_narrow(node, width)
        if maps > NESTED_MAPS_MAX:
            raise TooLarge(f"{node.name} holds more than {NESTED_MAPS_MAX} Maps, one in another")
        children = self._tables.count("children")
        for flow in flows:
            self._tables.add("children", start=flow.start)
        first = self._tables.count("outcomes")
        outcome = self._outcome(play, failures, number) if succeeds else {"cont": END, "failure": NONE}
        self._tables.add("outcomes", **outcome)

        def fail(again: Play, failure: StateFailure) -> Play:
            child, _ = again.children[0]
            child.parent.failed(child, failure.error, failure.cause)
            return again

        return {
            "kind": FORK,
            "is_map": isinstance(node, CompiledMap),
            "width": width,
            "maps": maps,
            "limit": max(limit, 1),
            "first_child": children,
            "children": len(flows),
            "first_outcome": first,
            "outcomes": 1,
            **self._recovery(place, failures, number, fail),
        }

    def _recovery(
        self, place: StatePlace, failures: Iterable[StateFailure], number: Any, fail: Any
    ) -> dict[str, Any]:
        """Return what a state does about each failure that it may have."""
        node = self._states[place.program.nodes[place.state].index]
        assert isinstance(node, CompiledWork)  # noqa: S101 - the others cannot be retried
        if len(node.retry) > RETRIERS_MAX:
            raise NotLowerable(f"{node.name} has more than {RETRIERS_MAX} retriers")
        first_retrier = self._tables.count("retriers")
        for retrier in node.retry:
            self._tables.add("retriers", **self._retrier(node.name, retrier))
        edges = [self._edge(place, node, failure, number, fail) for failure in failures]
        first_edge = self._tables.count("edges")
        for edge in edges:
            self._tables.add("edges", **edge)
        return {
            "first_retrier": first_retrier,
            "retriers": len(node.retry),
            "first_edge": first_edge,
            "edges": len(edges),
        }

    def _edge(
        self, place: StatePlace, node: CompiledWork, failure: StateFailure, number: Any, fail: Any
    ) -> dict[str, Any]:
        positions = (
            position
            for position, retrier in enumerate(node.retry)
            if handles(retrier.error_equals, failure.error)
        )
        play = fail(self._player.enter(place), failure)
        caught = number(play.came)
        return {
            "failure": self._tables.failure(failure.error, failure.cause),
            "retrier": next(positions, NONE),
            "caught": caught if play.was_caught else NONE,
        }

    def _retrier(self, state: str, retrier: Retrier) -> dict[str, Any]:
        first, count = self._tables.numbers(list(_delays(retrier)))
        stream = f"states/jitter/{state}"
        return {
            "most": retrier.max_attempts,
            "jitter": self._tables.stream(stream) if retrier.full_jitter else NONE,
            "purpose": self._answers.purpose(stream),
            "first": first,
            "count": count,
        }


def _must_be_narrow(node: CompiledWork, width: int) -> None:
    if width > BRANCHES_MAX:
        raise TooLarge(f"{node.name} has more than {BRANCHES_MAX:,} branches or iterations at once")


def _delays(retrier: Retrier) -> Iterator[float]:
    """Yield the pauses before the retries until they no longer grow [s]."""
    last = -math.inf
    for number in range(1, min(retrier.max_attempts, EVENTS_MAX) + 1):
        delay = float(retrier.delay(number))
        if delay == last:
            return
        yield delay
        last = delay


def _identity_of(place: StatePlace) -> Any:
    return id(place.program), place.state, identity(place.data), identity(place.map_item), place.is_main


def _merged(one: Any, other: Any) -> Any:
    """Return what is known of a value that is one of two."""
    if identity(one) == identity(other):
        return one
    if type(one) is dict and type(other) is dict and one.keys() == other.keys():
        return {name: _merged(each, other[name]) for name, each in one.items()}
    if type(one) is list and type(other) is list and len(one) == len(other):
        return [_merged(each, another) for each, another in zip(one, other, strict=True)]
    if one is None or other is None:
        raise NotLowerable("the output of a branch may be null, depending on what happens in it")
    return Unknown.named("the output of a branch, which depends on what happens in it")
