"""
Payload templates: JSON whose fields ending in ``.$`` are paths or intrinsic functions.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.sim.asl.functions import DRAWS, FUNCTIONS
from harness.lab.sim.asl.paths import Context, NotFound, Reader, compile_path

DRAW = "draw"
"""Key of the context under which a random number for this use is found."""

_CALL = re.compile(r"States\.([A-Za-z0-9]+)\(")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class IntrinsicFailure(ValueError):
    """An intrinsic function could not make sense of its arguments."""


def compile_template(template: Any, place: str) -> Reader:
    """
    Return a function that fills a payload template in.

    Args:
        place: JSON path of the template in the state machine, for complaints.

    Raises:
        ValueError: A path or function in it is not supported; the message begins with its place.
    """
    filled = _compile(template, place)
    return filled if callable(filled) else (lambda _data, _context: filled)


def compile_expression(text: str, place: str) -> Reader:
    """Return a function that evaluates a path or an intrinsic function."""
    try:
        reader, end = _expression(text.strip(), 0)
        if end != len(text.strip()):
            raise ValueError(f"{text!r} goes on after its end")
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return reader


def _compile(value: Any, place: str) -> Any:
    """Return a reader where something is to be filled in, else the value as it stands."""
    if isinstance(value, Mapping):
        return _object(value, place)
    if isinstance(value, list):
        parts = [_compile(each, f"{place}[{index}]") for index, each in enumerate(value)]
        if not any(callable(part) for part in parts):
            return value
        return lambda data, context: [part(data, context) if callable(part) else part for part in parts]
    return value


def _object(value: Mapping[str, Any], place: str) -> Any:
    fixed: dict[str, Any] = {}
    readers: list[tuple[str, Reader]] = []
    for key, each in value.items():
        where = f"{place}.{key}"
        part = compile_expression(each, where) if key.endswith(".$") else _compile(each, where)
        name = key.removesuffix(".$")
        if callable(part):
            readers.append((name, part))
        else:
            fixed[name] = part
    if not readers:
        return fixed

    def fill(data: Any, context: Context) -> Any:
        filled = dict(fixed)
        for name, reader in readers:
            filled[name] = reader(data, context)
        return filled

    return fill


def _expression(text: str, start: int) -> tuple[Reader, int]:
    """Read one argument or expression that begins at *start*; return it and where it ends."""
    if match := _CALL.match(text, start):
        return _call(match[1], text, match.end())
    if text.startswith("$", start):
        end = _end_of_path(text, start)
        return compile_path(text[start:end]), end
    if text.startswith("'", start):
        return _quoted(text, start)
    if match := _NUMBER.match(text, start):
        number = float(match[0]) if match[1] or match[2] else int(match[0])
        return (lambda _data, _context: number), match.end()
    for word, meant in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, start):
            return (lambda _data, _context, meant=meant: meant), start + len(word)
    raise ValueError(f"{text[start:]!r} is neither a path nor a function")


def _call(name: str, text: str, start: int) -> tuple[Reader, int]:
    if name not in FUNCTIONS:
        raise ValueError(f"the intrinsic function States.{name} is not supported")
    arguments, position = [], _skip(text, start)
    while not text.startswith(")", position):
        argument, position = _expression(text, position)
        arguments.append(argument)
        position = _skip(text, position)
        if text.startswith(",", position):
            position = _skip(text, position + 1)
        elif not text.startswith(")", position):
            raise ValueError(f"a bracket is missing in {text!r}")
    return _calling(name, arguments), position + 1


def _calling(name: str, arguments: list[Reader]) -> Reader:
    function: Callable[..., Any] = FUNCTIONS[name]
    needs_draw = DRAWS.get(name) == len(arguments)

    def call(data: Any, context: Context) -> Any:
        given = [argument(data, context) for argument in arguments]
        if needs_draw:
            given.append(context()[DRAW])
        try:
            return function(*given)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            if isinstance(error, NotFound):
                raise
            raise IntrinsicFailure(f"States.{name}: {error}") from None

    return call


def _quoted(text: str, start: int) -> tuple[Reader, int]:
    found, position = "", start + 1
    while position < len(text) and text[position] != "'":
        position += text[position] == "\\"
        found += text[position : position + 1]
        position += 1
    if position >= len(text):
        raise ValueError(f"a quote is missing in {text!r}")
    return (lambda _data, _context: found), position + 1


def _end_of_path(text: str, start: int) -> int:
    depth, position, quote = 0, start, ""
    while position < len(text):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and depth:
            quote = character
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif depth == 0 and character in ",) ":
            break
        position += 1
    return position


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] == " ":
        position += 1
    return position
