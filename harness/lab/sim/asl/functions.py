"""
The intrinsic functions of the states language (``States.Format`` and the others).

Source:
    AWS Step Functions developer guide, "Intrinsic functions".
"""

import base64
import hashlib
import json
import math
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MOST_ITEMS = 1000


def _format(template: str, *arguments: Any) -> str:
    parts = template.split("{}")
    if len(parts) != len(arguments) + 1:
        raise ValueError(f"{template!r} has {len(parts) - 1} places for {len(arguments)} arguments")
    words = [value if isinstance(value, str) else _json(value) for value in arguments]
    return "".join(part + word for part, word in zip(parts, [*words, ""], strict=True))


def _partition(items: list[Any], size: int) -> list[list[Any]]:
    if size < 1:
        raise ValueError(f"the size of a part is at least 1, not {size}")
    return [items[start : start + size] for start in range(0, len(items), size)]


def _range(first: int, last: int, step: int) -> list[int]:
    found = list(range(first, last + (1 if step > 0 else -1), step))
    if len(found) > _MOST_ITEMS:
        raise ValueError(f"a range has at most {_MOST_ITEMS} items, not {len(found)}")
    return found


def _unique(items: list[Any]) -> list[Any]:
    return list({_json(item): item for item in items}.values())


def _merge(one: Mapping[str, Any], other: Mapping[str, Any], deep: bool) -> dict[str, Any]:
    if deep:
        raise ValueError("only a shallow merge is supported")
    return {**one, **other}


def _split(text: str, separators: str) -> list[str]:
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return [part for part in text.split(separators[0]) if part]


def _add(one: float, other: float) -> float:
    return one + other


def _random(low: int, high: int, seed: float) -> int:
    # A pure function of its seed, as AWS says; the simulator gives it one where the definition does not.
    return random.Random(seed).randrange(low, high)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Format": _format,
    "StringToJson": json.loads,
    "JsonToString": _json,
    "Array": lambda *items: list(items),
    "ArrayPartition": _partition,
    "ArrayContains": lambda items, item: item in items,
    "ArrayRange": _range,
    "ArrayGetItem": lambda items, index: items[index],
    "ArrayLength": len,
    "ArrayUnique": _unique,
    "Base64Encode": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64Decode": lambda text: base64.b64decode(text).decode(),
    "Hash": lambda text, algorithm: hashlib.new(_HASHES[algorithm], text.encode()).hexdigest(),
    "JsonMerge": _merge,
    "MathAdd": _add,
    "MathRandom": _random,
    "StringSplit": _split,
    "UUID": lambda draw: str(uuid.UUID(int=math.floor(draw * 2**64) << 64 | 0x4000_8000, version=4)),
}

DRAWS: Mapping[str, int] = {"MathRandom": 2, "UUID": 0}
"""Functions that need a random number, and with how many arguments: it comes last."""
