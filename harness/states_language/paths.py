"""
JSONPath as state machines use it: into the data (``$``) and into the context object (``$$``).

Supported are names (dotted or quoted), indices, slices and wildcards. Filters and recursive descent are
refused when the state machine is read, before an execution begins.

A compiled path is a function of the data and of a function that returns the context object; only paths that
begin with ``$$`` call the latter.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

Context = Callable[[], Mapping[str, Any]]
Reader = Callable[[Any, Context], Any]

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]\s*@?()'"]+)
      | \.?\[(?P<quoted>'[^']*'|"[^"]*")\]
      | \[(?P<index>-?\d+)\]
      | \[(?P<low>-?\d*):(?P<high>-?\d*)\]
      | (?P<all>\.\*|\[\*\])""",
    re.VERBOSE,
)


_ALL = slice(None)
"""A wildcard; a slice with bounds has a step."""


class PathNotFound(LookupError):
    """The data have no value at the path."""


def compile_path(path: str) -> Reader:
    """
    Return a function that reads *path*; raise ValueError if a part of it is not supported.

    A path with a wildcard or a slice returns the list of the values found; any other path returns its one
    value. What stands before the first wildcard or slice must be there, else the function raises
    `PathNotFound`.
    """
    of_context = path.startswith("$$")
    steps = _parse(path[2:] if of_context else path[1:], path)
    if not steps:
        return (lambda _data, context: _plain(context())) if of_context else (lambda data, _context: data)
    read = _reader(steps, path)
    return (lambda _data, context: _plain(read(context(), context))) if of_context else read


def _plain(value: Any) -> Any:
    """Return a part of the context object, which is computed when it is read, as plain data."""
    if not issubclass(type(value), Mapping):
        return value
    return {key: _plain(each) for key, each in value.items()}


def _parse(rest: str, path: str) -> list[str | int | slice]:
    """Return the steps of a path after its root: names, indices, slices and wildcards (`_ALL`)."""
    steps: list[str | int | slice] = []
    while rest:
        if (match := _STEP.match(rest)) is None:
            raise ValueError(f"{path!r} uses JSONPath that is not supported at {rest!r}")
        steps.append(_read_step(match))
        rest = rest[match.end() :]
    return steps


def _read_step(match: re.Match[str]) -> str | int | slice:
    if match["all"]:
        return _ALL
    if match["index"] is not None:
        return int(match["index"])
    if match["low"] is not None:
        low, high = (int(bound) if bound else None for bound in match.group("low", "high"))
        return slice(low, high, 1)
    return match["name"] if match["name"] is not None else match["quoted"][1:-1]


def _reader(steps: Sequence[Any], path: str) -> Reader:
    """Return a function that follows steps into data."""
    message = f"the JSONPath {path!r} could not be found in the input"
    several = next((place for place, step in enumerate(steps) if isinstance(step, slice)), None)
    return _one(steps, message) if several is None else _all_of(steps[:several], steps[several:], message)


def _all_of(before: Sequence[Any], steps: Sequence[Any], message: str) -> Reader:
    """Return a function that lists what steps from a slice or wildcard on find at the place *before* them."""
    read = _one(before, message)

    def read_all(data: Any, context: Context) -> list[Any]:
        value = read(data, context)
        if steps[0] != _ALL and not isinstance(value, list):
            raise PathNotFound(message)
        return list(_many(value, steps))

    return read_all


def _one(steps: Sequence[Any], message: str) -> Reader:
    """Return a function that follows names and indices into data."""

    def read_members(data: Any, _context: Context) -> Any:
        try:
            for name in steps:
                data = data[name]
        except (LookupError, TypeError):
            raise PathNotFound(message) from None
        return data

    def read(data: Any, _context: Context) -> Any:
        for step in steps:
            if not isinstance(data, Mapping if isinstance(step, str) else list):
                raise PathNotFound(message)
            try:
                data = data[step]
            except LookupError:
                raise PathNotFound(message) from None
        return data

    # With names only, a value that is not an object raises an error by itself.
    return read_members if all(isinstance(step, str) for step in steps) else read


def _many(value: Any, steps: Sequence[Any]) -> Iterator[Any]:
    """Yield the values that steps from a slice or wildcard on find; missing ones are left out."""
    if not steps:
        yield value
        return
    first, rest = steps[0], steps[1:]
    if isinstance(first, slice):
        inside = list(value.values()) if first == _ALL and isinstance(value, Mapping) else value
        for each in inside[first] if isinstance(inside, list) else ():
            yield from _many(each, rest)
    elif isinstance(value, Mapping if isinstance(first, str) else list):
        with suppress(LookupError):
            yield from _many(value[first], rest)


def compile_result_path(path: str) -> Callable[[Any, Any], Any]:
    """
    Return a function of the input and the result that puts the result at *path*, a reference path.

    The input is not changed: the objects on the path are copied, the rest is shared.
    """
    steps = _parse(path[1:], path)
    if any(isinstance(step, slice) for step in steps):
        raise ValueError(f"{path!r} does not name exactly one place")
    if not steps:
        return lambda _data, result: result
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda data, result: {**_object(data, path), name: result}
    return lambda data, result: _put(data, steps, result, path)


def _put(data: Any, steps: Sequence[str | int | slice], result: Any, path: str) -> Any:
    if not steps:
        return result
    first, rest = steps[0], steps[1:]
    if isinstance(first, int):
        if not isinstance(data, list) or not -len(data) <= first < len(data):
            raise PathNotFound(f"the ResultPath {path!r} does not fit the input")
        copied = list(data)
        copied[first] = _put(data[first], rest, result, path)
        return copied
    assert isinstance(first, str)  # noqa: S101 - slices are refused above
    inside = _object(data, path)
    return {**inside, first: _put(inside.get(first, {}), rest, result, path)}


def _object(data: Any, path: str) -> Mapping[str, Any]:
    if type(data) is dict or isinstance(data, Mapping):
        return data
    raise PathNotFound(f"the ResultPath {path!r} does not fit the input")
