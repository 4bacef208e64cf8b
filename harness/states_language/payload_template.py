"""Payload templates: JSON whose fields ending in ``.$`` are paths or intrinsic functions."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.states_language.intrinsic_functions import FUNCTIONS, as_text, format_parts
from harness.states_language.json_node import finite
from harness.states_language.paths import Context, Reader, compile_path

DRAW = "draw"
"""Key of the context object with a random number for this state."""

_CALL = re.compile(r"States\.([A-Za-z0-9]+)\(")
# A path ends at a comma, a bracket or a space outside of its square brackets.
_PATH = re.compile(r"""\$(?:\[(?:'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|[^]'"])*(?:]|\Z)|[^,) \[])*""")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_RESERVED = "'{}\\"
_WORDS = {"true": True, "false": False, "null": None}
_DEPTH_MAX = 10
"""How deep AWS allows intrinsic functions to be nested."""


class IntrinsicFailure(ValueError):
    """An intrinsic function does not accept its arguments."""


def compile_template(template: Any, place: str, *, may_draw: bool = True) -> Reader:
    """
    Return a function that fills in a payload template.

    A path or function that is not supported is a ValueError; its message begins with *place*, the JSON path
    of the template, and continues with the path in the template. So is a function that needs a random number
    unless it *may_draw*: outside of a state the context has none.
    """
    filled = _compile(template, place, may_draw)
    return filled if callable(filled) else (lambda _data, _context: filled)


def compile_expression(text: str, place: str, *, may_draw: bool = True) -> Reader:
    """Return a function that evaluates a path or intrinsic function; errors begin with *place*."""
    try:
        return _Expression(text.strip(), place, may_draw).read()
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _compile(value: Any, place: str, may_draw: bool) -> Any:
    """Return a reader if a part must be filled in, else the value unchanged."""
    if isinstance(value, Mapping):
        return _object(value, place, may_draw)
    if isinstance(value, list):
        parts = [_compile(each, f"{place}[{index}]", may_draw) for index, each in enumerate(value)]
        if not any(callable(part) for part in parts):
            return value
        return lambda data, context: [part(data, context) if callable(part) else part for part in parts]
    return value


def _object(value: Mapping[str, Any], place: str, may_draw: bool) -> Any:
    fixed: dict[str, Any] = {}
    readers: list[tuple[str, Reader]] = []
    for key, each in value.items():
        where = f"{place}.{key}"
        if not key.endswith(".$"):
            part = _compile(each, where, may_draw)
        elif isinstance(each, str):
            part = compile_expression(each, where, may_draw=may_draw)
        else:
            raise ValueError(f"{where}: must be a JSONPath or an intrinsic function, not {each!r}")
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


@dataclass(frozen=True, slots=True)
class _Literal:
    """A literal in an expression, with its text there."""

    value: Any
    written: str

    def __call__(self, _data: Any, _context: Context) -> Any:
        return self.value


class _Expression:
    """The parser of the text of a path or an intrinsic function."""

    def __init__(self, text: str, place: str, may_draw: bool) -> None:
        self.text = text
        self.place = place
        self.may_draw = may_draw
        self.position = 0

    def read(self) -> Reader:
        reader = self._term(depth=1)
        if self.position != len(self.text):
            raise ValueError(f"{self.text!r} has text after its end")
        return reader

    def _term(self, depth: int) -> Reader:
        """Read the whole text, or one argument of a function."""
        text, start = self.text, self.position
        if match := _CALL.match(text, start):
            self.position = match.end()
            return self._call(match[1], depth)
        if match := _PATH.match(text, start):
            self.position = match.end()
            return compile_path(match[0])
        if text.startswith("'", start):
            return self._quoted()
        if match := _NUMBER.match(text, start):
            self.position = match.end()
            number = finite(match[0]) if match[1] or match[2] else int(match[0])
            return _Literal(number, match[0])
        for word, value in _WORDS.items():
            if text.startswith(word, start):
                self.position += len(word)
                return _Literal(value, word)
        raise ValueError(f"{text[start:]!r} is neither a path nor a function")

    def _call(self, name: str, depth: int) -> Reader:
        if name not in FUNCTIONS:
            raise ValueError(f"the intrinsic function States.{name} is not supported")
        if depth > _DEPTH_MAX:
            raise ValueError(f"intrinsic functions may be nested at most {_DEPTH_MAX} deep")
        use = f"{self.place} {self.position}"
        arguments: list[Reader] = []
        while not self._accept(")"):
            if arguments and not self._accept(","):
                raise ValueError(f"a comma or a closing bracket is missing in {self.text!r}")
            self._skip()
            arguments.append(self._term(depth + 1))
        return _caller(name, arguments, use, self.may_draw)

    def _quoted(self) -> Reader:
        match = _QUOTED.match(self.text, self.position)
        if match is None:
            raise ValueError(f"a quote is missing in {self.text!r}")
        for escaped in _ESCAPE.findall(match[1]):
            if escaped not in _RESERVED:
                raise ValueError(f"a backslash stands before one of {_RESERVED} only, not in {match[0]}")
        self.position = match.end()
        return _Literal(_ESCAPE.sub(r"\1", match[1]), match[1])

    def _accept(self, mark: str) -> bool:
        """Skip a mark if it comes next; return whether it did."""
        self._skip()
        found = self.text.startswith(mark, self.position)
        self.position += found
        return found

    def _skip(self) -> None:
        while self.text.startswith(" ", self.position):
            self.position += 1


def _caller(name: str, arguments: Sequence[Reader], use: str, may_draw: bool) -> Reader:
    """Return a function that calls an intrinsic function; *use* identifies the call in the state machine."""
    function = FUNCTIONS[name]
    if not function.takes(len(arguments)):
        raise ValueError(f"States.{name} does not take {len(arguments)} arguments")
    if name == "Format" and isinstance(arguments[0], _Literal):
        return _formatter(arguments[0], arguments[1:])
    needs_draw = function.draws_after == len(arguments)
    if needs_draw and not may_draw:
        seed = "" if name == "UUID" else " without a seed"
        raise ValueError(f"States.{name}{seed} needs a random number, which only a state has")

    def call(data: Any, context: Context) -> Any:
        given = [argument(data, context) for argument in arguments]
        if needs_draw:
            # One random number for the state is enough: each call derives its own from it.
            given.append(random.Random(f"{context()[DRAW]} {use}").random())
        try:
            return function(given)
        except ValueError as error:
            raise IntrinsicFailure(f"States.{name}: {error}") from None

    return call


def _formatter(template: _Literal, arguments: Sequence[Reader]) -> Reader:
    """Return a function that fills in a literal template of States.Format."""
    if not isinstance(template.value, str):
        raise ValueError(f"the template of States.Format must be a string, not {template.written}")
    first, *parts = format_parts(template.written)
    if len(parts) != len(arguments):
        raise ValueError(f"{template.written!r} has {len(parts)} places for {len(arguments)} arguments")
    fillings = list(zip(arguments, parts, strict=True))

    def fill(data: Any, context: Context) -> str:
        text = first
        for argument, part in fillings:
            value = argument(data, context)
            try:
                text += as_text(value) + part
            except ValueError as error:
                raise IntrinsicFailure(f"States.Format: {error}") from None
        return text

    return fill
