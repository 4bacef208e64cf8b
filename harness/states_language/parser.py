"""
The parser of the Amazon States Language (JSONPath, inline Map).

It refuses a definition with anything that it does not support, with the JSON path of the place.

Source: Amazon States Language, https://states-language.net/spec.html, and the AWS Step Functions developer
guide where AWS is stricter.
"""

import json
from collections.abc import Mapping, Set
from typing import Any

from harness.states_language.choice import read_choice_rule, read_timestamp
from harness.states_language.json_node import Json, JsonNode, finite
from harness.states_language.machine import (
    Choice,
    Fail,
    Flow,
    Map,
    Parallel,
    Pass,
    State,
    StateMachine,
    Succeed,
    Task,
    Wait,
)
from harness.states_language.recovery import read_catch, read_retry

_SECONDS_MAX = 99_999_999
_JSONATA = "this is JSONata; only JSONPath is supported"
_DISTRIBUTED = "a distributed Map is not supported, only an inline one"
_UNSUPPORTED: dict[str, str] = {
    "Arguments": _JSONATA,
    "Output": _JSONATA,
    "Items": _JSONATA,
    "Condition": _JSONATA,
    "Assign": "variables (Assign) are not supported",
    "ItemReader": _DISTRIBUTED,
    "ItemBatcher": _DISTRIBUTED,
    "ResultWriter": _DISTRIBUTED,
    "Label": _DISTRIBUTED,
    "ToleratedFailureCount": _DISTRIBUTED,
    "ToleratedFailureCountPath": _DISTRIBUTED,
    "ToleratedFailurePercentage": _DISTRIBUTED,
    "ToleratedFailurePercentagePath": _DISTRIBUTED,
}


def parse_state_machine(definition: str | Mapping[str, Json]) -> StateMachine:
    """
    Read a definition in Amazon States Language.

    Args:
        definition: JSON text or the parsed document. It may contain ``${…}`` placeholders.

    Raises:
        ValueError: It is not valid JSON, breaks a rule of the language, or uses JSONata, variables,
            activities or a distributed Map. The message begins with the JSON path of the place.
    """
    root = JsonNode(_load(definition) if isinstance(definition, str) else definition)
    root.allow(_MACHINE, _UNSUPPORTED)
    _refuse_jsonata(root)
    version = root.get("Version")
    if version is not None and version.text() != "1.0":
        raise version.wrong(f"only version 1.0 of the language exists, not {version.text()!r}")
    flow = _read_flow(root, names=set())
    return StateMachine(
        start_at=flow.start_at,
        states=flow.states,
        comment=_text(root, "Comment"),
        timeout_seconds=_integer(root, "TimeoutSeconds", low=1),
    )


def _load(text: str) -> Json:
    try:
        loaded: Json = json.loads(
            text, object_pairs_hook=_unique, parse_float=finite, parse_constant=_no_constant
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"$: not JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"$: {error}") from None
    return loaded


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _read_flow(node: JsonNode, names: set[str]) -> Flow:
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
    _must_exist(start, entries)
    states = {name: _read_state(name, entry, names) for name, entry in entries.items()}
    for entry in entries.values():
        _check_targets(entry, entries)
    return Flow(start.text(), states)


def _must_exist(target: JsonNode, entries: Mapping[str, JsonNode]) -> None:
    if target.text() not in entries:
        raise target.wrong(f"there is no state {target.text()!r} in this flow")


def _check_targets(entry: JsonNode, entries: Mapping[str, JsonNode]) -> None:
    for key in ("Next", "Default"):
        if (target := entry.get(key)) is not None:
            _must_exist(target, entries)
    for key in ("Catch", "Choices"):
        if (rules := entry.get(key)) is not None:
            for rule in rules.items():
                _must_exist(rule.require("Next"), entries)


_MACHINE = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_PATHS = frozenset({"InputPath", "OutputPath"})
_ONWARD = frozenset({"Next", "End"})
_WORK = _ONWARD | _PATHS | {"Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"}
_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _WORK
    | {
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Credentials",
    },
    "Parallel": _WORK | {"Branches"},
    "Map": _WORK
    | {"ItemsPath", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath", "ItemProcessor", "Iterator"},
    "Choice": _PATHS | {"Choices", "Default"},
    "Wait": _ONWARD | _PATHS | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Pass": _ONWARD | _PATHS | {"Result", "ResultPath", "Parameters"},
    "Succeed": _PATHS,
    "Fail": frozenset({"Error", "Cause", "ErrorPath", "CausePath"}),
}


def _read_state(name: str, node: JsonNode, names: set[str]) -> State:
    type_ = node.require("Type")
    if type_.text() not in _FIELDS:
        raise type_.wrong(f"{type_.text()!r} is not a type of state")
    _refuse_jsonata(node)
    node.allow(_COMMON | _FIELDS[type_.text()], _UNSUPPORTED)
    common: dict[str, Any] = {
        "name": name,
        "comment": _text(node, "Comment"),
        "next": _read_next(node),
        "input_path": _path(node, "InputPath"),
        "output_path": _path(node, "OutputPath"),
    }
    match type_.text():
        case "Task" | "Parallel" | "Map":
            return _read_work(node, common, names)
        case "Choice":
            rules = node.require("Choices").items()
            choices = tuple(read_choice_rule(rule, _UNSUPPORTED) for rule in rules)
            return Choice(**common, choices=choices, default=_text(node, "Default"))
        case "Wait":
            return _read_wait(node, common)
        case "Pass":
            return _read_pass(node, common)
        case "Succeed":
            return Succeed(**common)
        case _:
            return _read_fail(node, common)


def _read_next(node: JsonNode) -> str | None:
    """Return the state that follows; a state that is not final has either Next or ``"End": true``."""
    if not _FIELDS[node.require("Type").text()].issuperset(_ONWARD):
        return None
    node.at_most_one("Next", "End")
    if (onward := node.get("Next")) is not None:
        return onward.text()
    end = node.get("End")
    if end is None or not end.boolean():
        raise node.wrong('needs Next or "End": true')
    return None


def _read_work(node: JsonNode, common: dict[str, Any], names: set[str]) -> State:
    common |= {
        "parameters": _template(node, "Parameters"),
        "result_selector": _template(node, "ResultSelector"),
        "result_path": node.result_path(),
        "retry": read_retry(node, _UNSUPPORTED),
        "catch": read_catch(node, _UNSUPPORTED),
    }
    match node.require("Type").text():
        case "Task":
            return _read_task(node, common)
        case "Parallel":
            branches = tuple(_read_inner(branch, names) for branch in node.require("Branches").items())
            return Parallel(**common, branches=branches)
        case _:
            return _read_map(node, common, names)


def _read_task(node: JsonNode, common: dict[str, Any]) -> Task:
    resource = node.require("Resource")
    if ":activity:" in resource.text():
        raise resource.wrong("activities are not supported")
    node.at_most_one("TimeoutSeconds", "TimeoutSecondsPath")
    node.at_most_one("HeartbeatSeconds", "HeartbeatSecondsPath")
    timeout = _integer(node, "TimeoutSeconds", low=1)
    heartbeat = _integer(node, "HeartbeatSeconds", low=1)
    if timeout is not None and heartbeat is not None and heartbeat >= timeout:
        raise node.require("HeartbeatSeconds").wrong(
            f"must be below TimeoutSeconds ({timeout}), not {heartbeat}"
        )
    return Task(
        **common,
        resource=resource.text(),
        timeout_seconds=timeout,
        timeout_seconds_path=_optional_path(node, "TimeoutSecondsPath"),
        heartbeat_seconds=heartbeat,
        heartbeat_seconds_path=_optional_path(node, "HeartbeatSecondsPath"),
    )


def _read_map(node: JsonNode, common: dict[str, Any], names: set[str]) -> Map:
    node.at_most_one("ItemProcessor", "Iterator")
    node.at_most_one("ItemSelector", "Parameters")
    node.at_most_one("MaxConcurrency", "MaxConcurrencyPath")
    processor = node.get("Iterator") or node.require("ItemProcessor")
    if (selector := _template(node, "ItemSelector")) is not None:
        common["parameters"] = selector
    return Map(
        **common,
        processor=_read_inner(processor, names, {"ProcessorConfig"}),
        items_path=_optional_path(node, "ItemsPath") or "$",
        max_concurrency=_integer(node, "MaxConcurrency", low=0) or 0,
        max_concurrency_path=_optional_path(node, "MaxConcurrencyPath"),
    )


def _read_inner(node: JsonNode, names: set[str], more: Set[str] = frozenset()) -> Flow:
    """Read a branch or an item processor."""
    node.allow({"StartAt", "States", "Comment", "QueryLanguage"} | more, _UNSUPPORTED)
    _refuse_jsonata(node)
    if (config := node.get("ProcessorConfig")) is not None:
        config.allow({"Mode", "ExecutionType"}, {})
        mode = config.get("Mode")
        if mode is not None and mode.text() != "INLINE":
            raise mode.wrong(_DISTRIBUTED)
    return _read_flow(node, names)


def _read_wait(node: JsonNode, common: dict[str, Any]) -> Wait:
    keys = ("Seconds", "Timestamp", "SecondsPath", "TimestampPath")
    node.at_most_one(*keys)
    if not any(key in node.fields() for key in keys):
        raise node.wrong(f"needs one of {', '.join(keys)}")
    timestamp = node.get("Timestamp")
    return Wait(
        **common,
        seconds=_integer(node, "Seconds", low=0),
        timestamp=read_timestamp(timestamp) if timestamp is not None else None,
        seconds_path=_optional_path(node, "SecondsPath"),
        timestamp_path=_optional_path(node, "TimestampPath"),
    )


def _read_pass(node: JsonNode, common: dict[str, Any]) -> Pass:
    result = node.get("Result")
    return Pass(
        **common,
        result=result.value if result is not None else None,
        has_result=result is not None,
        parameters=_template(node, "Parameters"),
        result_path=node.result_path(),
    )


def _read_fail(node: JsonNode, common: dict[str, Any]) -> Fail:
    node.at_most_one("Error", "ErrorPath")
    node.at_most_one("Cause", "CausePath")
    return Fail(
        **common,
        error=_text(node, "Error"),
        cause=_text(node, "Cause"),
        error_path=_optional_path(node, "ErrorPath"),
        cause_path=_optional_path(node, "CausePath"),
    )


def _refuse_jsonata(node: JsonNode) -> None:
    language = node.get("QueryLanguage")
    if language is not None and language.text() != "JSONPath":
        raise language.wrong("only the query language JSONPath is supported")


def _text(node: JsonNode, key: str) -> str | None:
    return found.text() if (found := node.get(key)) is not None else None


def _integer(node: JsonNode, key: str, *, low: int) -> int | None:
    return found.integer(low, _SECONDS_MAX) if (found := node.get(key)) is not None else None


def _template(node: JsonNode, key: str) -> Mapping[str, Json] | None:
    return found.template() if (found := node.get(key)) is not None else None


def _path(node: JsonNode, key: str) -> str | None:
    """Return InputPath or OutputPath: ``$`` by default, None for JSON null."""
    if (found := node.get(key)) is None:
        return "$"
    return None if found.value is None else found.json_path()


def _optional_path(node: JsonNode, key: str) -> str | None:
    return found.json_path() if (found := node.get(key)) is not None else None
