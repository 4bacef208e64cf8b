"""
The intrinsic functions of the states language (``States.Format`` and the others).

Source: AWS Step Functions developer guide, "Intrinsic functions".
"""

import base64
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from reprlib import repr as shortened
from typing import Any

from harness.states_language.json_node import load_json

Argument = Callable[[Any], Any]
"""Checks and converts one argument; raises ValueError for another kind of value."""

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_ITEMS_MAX = 1000
_CHARACTERS_MAX = 10_000
_PLACE_OR_ESCAPE = re.compile(r"(\{\}|\\.)", re.DOTALL)
_ENCODED = {bool, dict, float, list, type(None)}
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class IntrinsicFunction:
    """
    An intrinsic function.

    Attributes:
        arguments: Checks of the arguments, in their order.
        further: Check of any more arguments; None if there may be no more.
        draws_after: Number of arguments after which a random number is added.
    """

    body: Callable[..., Any]
    arguments: tuple[Argument, ...] = ()
    further: Argument | None = None
    draws_after: int | None = None

    def takes(self, count: int) -> bool:
        """Return whether the function accepts *count* arguments."""
        if count > len(self.arguments):
            return self.further is not None
        return count in (len(self.arguments), self.draws_after)

    def __call__(self, values: Sequence[Any]) -> Any:
        """Return the result; raise ValueError for arguments that AWS does not document."""
        checks = chain(self.arguments, repeat(self.further or _anything))
        return self.body(*(check(value) for check, value in zip(checks, values, strict=False)))


def as_text(value: Any) -> str:
    """Return a value in the format of ``States.Format``: a string unchanged, any other value as JSON."""
    if type(value) is str:
        return value
    return _ENCODER.encode(value) if type(value) in _ENCODED else str(value)


def format_parts(template: str) -> list[str]:
    r"""Return the texts between the places ``{}`` of a template, in which ``\{`` stands for a brace."""
    parts = [""]
    for part in _PLACE_OR_ESCAPE.split(template):
        if part == "{}":
            parts.append("")
        else:
            parts[-1] += part.removeprefix("\\") if len(part) == 2 else part
    return parts


def _anything(value: Any) -> Any:
    return value


def _only(name: str, *types: type) -> Argument:
    """Return a check that a value is of one of the types; true and false are not numbers."""

    def check(value: Any) -> Any:
        if not isinstance(value, types) or isinstance(value, bool):
            raise ValueError(f"{shortened(value)} is not {name}")
        return value

    return check


_array = _only("an array", list)
_object = _only("an object", Mapping)
_text = _only("a string", str)
_number = _only("a number", int, float)


def _short_text(value: Any) -> str:
    text: str = _text(value)
    if len(text) > _CHARACTERS_MAX:
        raise ValueError(f"a string may have at most {_CHARACTERS_MAX} characters here, not {len(text)}")
    return text


def _whole(value: Any) -> int:
    """Round to the nearest whole number, halves upwards."""
    number: float = _number(value)
    if isinstance(number, int):
        return number
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot be rounded")
    return math.floor(number + 0.5)


def _short_whole(value: Any) -> int:
    number = _whole(value)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"{shortened(number)} is not between -2147483648 and 2147483647")
    return number


def _index(value: Any) -> int:
    number = _whole(value)
    if number < 0 or number != value:
        raise ValueError(f"{shortened(value)} is not a valid index")
    return number


def _shallow(value: Any) -> None:
    if value is not False:
        raise ValueError("only a shallow merge is supported: the last argument must be false")


def _format(template: str, *words: str) -> str:
    parts = template.split("{}")
    if len(parts) != len(words) + 1:
        raise ValueError(f"{template!r} has {len(parts) - 1} places for {len(words)} arguments")
    return "".join(chain.from_iterable(zip(parts, (*words, ""), strict=True)))


def _parse(text: str) -> Any:
    try:
        return load_json(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None


def _partition(items: list[Any], size: int) -> list[list[Any]]:
    if size < 1:
        raise ValueError(f"the size of a part must be at least 1, not {size}")
    return [items[start : start + size] for start in range(0, len(items), size)]


def _contains(items: list[Any], item: Any) -> bool:
    return _identity(item) in map(_identity, items)


def _range(first: int, last: int, step: int) -> list[int]:
    if step == 0:
        raise ValueError("the step of a range must not be 0")
    if (last - first) // step >= _ITEMS_MAX:
        raise ValueError(f"a range may have at most {_ITEMS_MAX} items")
    return list(range(first, last + (1 if step > 0 else -1), step))


def _item(items: list[Any], index: int) -> Any:
    if index >= len(items):
        raise ValueError(f"the array has no item {index}; it has {len(items)} items")
    return items[index]


def _unique(items: list[Any]) -> list[Any]:
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(value: Any) -> Any:
    """Return a key that is equal for equal JSON values only: in Python, true equals 1."""
    match value:
        case bool():
            return bool, value
        case list():
            return list, tuple(map(_identity, value))
        case Mapping():
            return dict, frozenset((name, _identity(each)) for name, each in value.items())
        case _:
            return value


def _hash(text: str, algorithm: str) -> str:
    if algorithm not in _HASHES:
        raise ValueError(f"the algorithm must be one of {', '.join(_HASHES)}, not {algorithm!r}")
    return hashlib.new(_HASHES[algorithm], text.encode()).hexdigest()


def _split(text: str, separators: str) -> list[str]:
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return [part for part in (text.split(separators[0]) if separators else [text]) if part]


def _random(low: int, high: int, seed: float) -> int:
    # A pure function of its seed, as AWS says; the host provides a seed if the definition does not.
    return random.Random(seed).randrange(low, high)


FUNCTIONS: Mapping[str, IntrinsicFunction] = {
    "Format": IntrinsicFunction(_format, (_text,), further=as_text),
    "StringToJson": IntrinsicFunction(_parse, (_text,)),
    "JsonToString": IntrinsicFunction(_ENCODER.encode, (_anything,)),
    "Array": IntrinsicFunction(lambda *items: list(items), further=_anything),
    "ArrayPartition": IntrinsicFunction(_partition, (_array, _whole)),
    "ArrayContains": IntrinsicFunction(_contains, (_array, _anything)),
    "ArrayRange": IntrinsicFunction(_range, (_whole, _whole, _whole)),
    "ArrayGetItem": IntrinsicFunction(_item, (_array, _index)),
    "ArrayLength": IntrinsicFunction(len, (_array,)),
    "ArrayUnique": IntrinsicFunction(_unique, (_array,)),
    "Base64Encode": IntrinsicFunction(lambda text: base64.b64encode(text.encode()).decode(), (_short_text,)),
    "Base64Decode": IntrinsicFunction(lambda text: base64.b64decode(text).decode(), (_short_text,)),
    "Hash": IntrinsicFunction(_hash, (_short_text, _text)),
    "JsonMerge": IntrinsicFunction(lambda one, other, _: {**one, **other}, (_object, _object, _shallow)),
    "MathAdd": IntrinsicFunction(lambda one, other: one + other, (_short_whole, _short_whole)),
    "MathRandom": IntrinsicFunction(_random, (_whole, _whole, _number), draws_after=2),
    "StringSplit": IntrinsicFunction(_split, (_text, _text)),
    "UUID": IntrinsicFunction(
        lambda draw: str(uuid.UUID(int=math.floor(draw * 2**64) << 64 | 0x4000_8000, version=4)),
        draws_after=0,
    ),
}
