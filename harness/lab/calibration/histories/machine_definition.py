"""
The states of a definition in Amazon States Language, whether or not the simulator can play it.
"""

from collections.abc import Iterator, Mapping
from typing import Any


def definition_states(machine: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and description of all states of a definition, in branches and iterations too."""
    if not isinstance(machine, Mapping):
        return
    for name, state in machine.get("States", {}).items():
        yield name, state
        for each in [*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")]:
            yield from definition_states(each)


def named_functions(machine: Any) -> dict[str, str]:
    """Return the Lambda function that each Task names, by the name of its state; not one in a path."""
    found = {name: _function_of(state) for name, state in definition_states(machine)}
    return {name: function for name, function in found.items() if function}


def function_name(text: str) -> str:
    """Return the name of a function from its name or ARN, each with or without an alias."""
    return (text.partition(":function:")[2] or text).partition(":")[0]


def _function_of(state: Mapping[str, Any]) -> str | None:
    resource = str(state.get("Resource", ""))
    if ":function:" in resource:
        return function_name(resource)
    if ":lambda:invoke" not in resource:
        return None
    given = state.get("Parameters") or state.get("Arguments")
    named = given.get("FunctionName") if isinstance(given, Mapping) else None
    # JSONata is between percent signs.
    return function_name(named) if isinstance(named, str) and "%" not in named else None
