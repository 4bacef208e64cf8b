"""
The parser of the Amazon States Language (JSONPath, inline Map).

It refuses a definition with anything that it does not support, with the JSON path of the place.

Sources: https://states-language.net/spec.html; the AWS Step Functions developer guide where AWS is stricter.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from harness.states_language import machine as asl
from harness.states_language.choice import read_choice_rule, read_timestamp
from harness.states_language.json_node import DISTRIBUTED, Json, JsonNode, load_json, nullable
from harness.states_language.recovery import SECONDS_MAX, read_catch, read_retry


def parse_state_machine(definition: str | Mapping[str, Json]) -> asl.StateMachine:
    """
    Read a definition in Amazon States Language.

    Args:
        definition: JSON text or the parsed document. It may contain ``${…}`` placeholders.

    Raises:
        ValueError: It is not valid JSON, breaks a rule of the language, or uses JSONata, variables or a
            distributed Map. The message begins with the JSON path of the place.
    """
    root = JsonNode(_load(definition) if isinstance(definition, str) else definition)
    root.allow({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
    _refuse_jsonata(root)
    version = root.get("Version")
    if version is not None and version.text() != "1.0":
        raise version.wrong(f"only version 1.0 of the language exists, not {version.text()!r}")
    flow = _read_flow(root, names=set())
    return asl.StateMachine(flow.start_at, flow.states, **root.read(_READERS))


@lru_cache(maxsize=8)
def parsed_state_machine(definition: str) -> asl.StateMachine:
    """Return the state machine of a JSON text; one that was read before is not read again."""
    return parse_state_machine(definition)


def _load(text: str) -> Json:
    try:
        return load_json(text, _unique)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"$: not JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"$: {error}") from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return found


def _read_flow(node: JsonNode, names: set[str]) -> asl.Flow:
    """Read StartAt and States; *names* are the names in use, which are unique in the whole state machine."""
    entries = node.require("States").fields()
    if not entries:
        raise node.require("States").wrong("must not be empty")
    for name, entry in entries.items():
        if not 1 <= len(name) <= 80:
            raise entry.wrong("the name of a state must have 1 to 80 characters")
        if name in names:
            raise entry.wrong(
                f"another state has the name {name!r}; names must be unique in the whole state machine"
            )
        names.add(name)
    start = node.require("StartAt")
    states = {name: _read_state(name, entry, names) for name, entry in entries.items()}
    following = [target for entry in entries.values() for target in _targets(entry.fields())]
    for target in (start, *following):
        if target.text() not in entries:
            raise target.wrong(f"there is no state {target.text()!r} in this flow")
    return asl.Flow(start.text(), states)


def _targets(state: Mapping[str, JsonNode]) -> Iterator[JsonNode]:
    """Yield the names of the states that may come next."""
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for key in ("Catch", "Choices"):
        if key in state and state[key].value != []:
            yield from (rule.require("Next") for rule in state[key].items())


def _read_state(name: str, node: JsonNode, names: set[str]) -> asl.State:
    type_ = node.require("Type")
    if type_.text() not in _TYPES:
        raise type_.wrong(f"{type_.text()!r} is not a type of state")
    state_class, allowed = _TYPES[type_.text()]
    _refuse_jsonata(node)
    node.allow({"Type", "Comment", "QueryLanguage"} | allowed)
    for keys in _EXCLUSIVE:
        node.at_most_one(*keys)
    values = {"name": name, **node.read(_READERS)}
    if "End" in allowed:
        _check_end(node)
    match type_.text():
        case "Task":
            _check_task(node)
        case "Parallel":
            branches = node.require("Branches").items()
            values["branches"] = tuple(_read_inner(branch, names) for branch in branches)
        case "Map":
            processor = node.get("Iterator") or node.require("ItemProcessor")
            values["processor"] = _read_inner(processor, names, "ProcessorConfig")
            values["parameters"] = values.pop("item_selector", values.get("parameters"))
        case "Choice":
            node.require("Choices")
        case "Wait" if not any(key in node.fields() for key in _WAIT):
            raise node.wrong(f"needs one of {', '.join(_WAIT)}")
        case "Pass":
            values["has_result"] = node.get("Result") is not None
    return state_class(**values)


def _check_end(node: JsonNode) -> None:
    """Refuse a state with neither Next nor ``"End": true``."""
    if node.get("Next") is None and ((end := node.get("End")) is None or not end.boolean()):
        raise node.wrong('needs Next or "End": true')


def _check_task(node: JsonNode) -> None:
    node.require("Resource")
    timeout, heartbeat = node.get("TimeoutSeconds"), node.get("HeartbeatSeconds")
    if timeout is not None and heartbeat is not None and heartbeat.number(1) >= timeout.number(1):
        raise heartbeat.wrong(f"must be below TimeoutSeconds ({timeout.value}), not {heartbeat.value}")


def _read_inner(node: JsonNode, names: set[str], *more: str) -> asl.Flow:
    """Read a branch or an item processor."""
    node.allow({"StartAt", "States", "Comment", "QueryLanguage", *more})
    _refuse_jsonata(node)
    if (config := node.get("ProcessorConfig")) is not None:
        config.allow({"Mode", "ExecutionType"})
        mode = config.get("Mode")
        if mode is not None and mode.text() != "INLINE":
            raise mode.wrong(DISTRIBUTED)
    return _read_flow(node, names)


def _refuse_jsonata(node: JsonNode) -> None:
    language = node.get("QueryLanguage")
    if language is not None and language.text() != "JSONPath":
        raise language.wrong("only the query language JSONPath is supported")


def _at_least(low: int) -> Callable[[JsonNode], int]:
    return lambda node: node.integer(low, SECONDS_MAX)


_WAIT = ("Seconds", "Timestamp", "SecondsPath", "TimestampPath")
_OR_PATH = ("TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency", "Error", "Cause")
_EXCLUSIVE = (
    ("Next", "End"),
    ("ItemProcessor", "Iterator"),
    ("ItemSelector", "Parameters"),
    *((key, f"{key}Path") for key in _OR_PATH),
    _WAIT,
)
_PATHS = frozenset({"InputPath", "OutputPath"})
_ONWARD = _PATHS | {"Next", "End"}
_WORK = _ONWARD | {"Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"}
_CONCURRENCY = {"MaxConcurrency", "MaxConcurrencyPath"}
_LIMITS = {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"}
_TYPES: Mapping[str, tuple[Callable[..., asl.State], frozenset[str]]] = {
    "Task": (asl.Task, _WORK | _LIMITS | {"Resource", "Credentials"}),
    "Parallel": (asl.Parallel, _WORK | {"Branches"}),
    "Map": (asl.Map, _WORK | _CONCURRENCY | {"ItemsPath", "ItemSelector", "ItemProcessor", "Iterator"}),
    "Choice": (asl.Choice, _PATHS | {"Choices", "Default"}),
    "Wait": (asl.Wait, _ONWARD | set(_WAIT)),
    "Pass": (asl.Pass, _ONWARD | {"Result", "ResultPath", "Parameters"}),
    "Succeed": (asl.Succeed, _PATHS),
    "Fail": (asl.Fail, frozenset({"Error", "Cause", "ErrorPath", "CausePath"})),
}
"""The class of each type of state, and the fields that it allows."""

_READERS: Mapping[str, Callable[[JsonNode], Any]] = {
    **dict.fromkeys(("Comment", "Next", "Default", "Error", "Cause", "Resource"), JsonNode.text),
    **dict.fromkeys(("ErrorPath", "CausePath", "SecondsPath", "TimestampPath"), JsonNode.json_path),
    **dict.fromkeys(("TimeoutSecondsPath", "HeartbeatSecondsPath"), JsonNode.json_path),
    **dict.fromkeys(("ItemsPath", "MaxConcurrencyPath"), JsonNode.json_path),
    **dict.fromkeys(("Parameters", "ItemSelector", "ResultSelector"), JsonNode.template),
    **dict.fromkeys(("InputPath", "OutputPath"), nullable(JsonNode.json_path)),
    **dict.fromkeys(("TimeoutSeconds", "HeartbeatSeconds"), _at_least(1)),
    **dict.fromkeys(("Seconds", "MaxConcurrency"), _at_least(0)),
    "ResultPath": nullable(JsonNode.reference_path),
    "Timestamp": read_timestamp,
    "Result": attrgetter("value"),
    "Choices": lambda node: tuple(map(read_choice_rule, node.items())),
    "Retry": read_retry,
    "Catch": read_catch,
}
"""The reader of each field that becomes an attribute of its class, in snake case."""
