"""A value of a definition together with its JSON path, for error messages."""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_JSONATA = "this is JSONata; only JSONPath is supported"
DISTRIBUTED = "a distributed Map is not supported, only an inline one"
UNSUPPORTED: Mapping[str, str] = {
    **dict.fromkeys(("Arguments", "Output", "Items", "Condition"), _JSONATA),
    "Assign": "variables (Assign) are not supported",
    **dict.fromkeys(("ItemReader", "ItemBatcher", "ResultWriter", "Label"), DISTRIBUTED),
    **dict.fromkeys(("ToleratedFailureCount", "ToleratedFailureCountPath"), DISTRIBUTED),
    **dict.fromkeys(("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"), DISTRIBUTED),
}
"""Fields that only AWS supports, with the reason."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED = re.compile(r"\['[^']*'\]")
_INTRINSIC = re.compile(r"States\.[A-Za-z0-9]+\(.*\)", re.DOTALL)


def load_json(text: str, object_of: Callable[[list[tuple[str, Json]]], Json] = dict) -> Json:
    """
    Return the value of a JSON text; *object_of* makes an object from its names and values.

    Raises:
        ValueError: It is not JSON (NaN and Infinity are not), a number is too large for a float, or a text
            has half of a surrogate pair.
        RecursionError: It is nested too deep.
    """
    loaded: Json = json.loads(
        text, object_pairs_hook=object_of, parse_float=finite, parse_constant=_refuse_constant
    )
    if _SURROGATE.search(text):
        _refuse_half_pairs(loaded)
    return loaded


def _refuse_half_pairs(loaded: Json) -> None:
    """Refuse texts that cannot be written as UTF-8."""
    try:
        json.dumps(loaded, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"\\u{ord(half):04x} is half of a surrogate pair, not a character") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def finite(text: str) -> float:
    """Return a JSON number as a float; raise ValueError if it is too large for one."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large a number")
    return number


@dataclass(frozen=True, slots=True)
class JsonNode:
    """
    One value of a JSON document.

    The readers (``text``, ``integer``, …) raise a ValueError that begins with the JSON path of the value.
    """

    value: Json
    path: str = "$"

    def wrong(self, problem: str) -> ValueError:
        """Return the error about a problem at this place."""
        return ValueError(f"{self.path}: {problem}")

    def fields(self) -> Mapping[str, "JsonNode"]:
        return {key: JsonNode(value, self.path + step(key)) for key, value in self._members().items()}

    def items(self) -> Sequence["JsonNode"]:
        """Return the members of a non-empty array."""
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            raise self.wrong(f"must be an array, not {_kind(self.value)}")
        if not self.value:
            raise self.wrong("must not be empty")
        return [JsonNode(value, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def get(self, key: str) -> "JsonNode | None":
        """Return a field of an object; None without it."""
        members = self._members()
        return JsonNode(members[key], self.path + step(key)) if key in members else None

    def require(self, key: str) -> "JsonNode":
        """Return a field that an object must have."""
        if (found := self.get(key)) is None:
            raise self.wrong(f"{key} is missing")
        return found

    def read(self, readers: Mapping[str, Callable[["JsonNode"], Any]]) -> dict[str, Any]:
        """Return the values of the given fields that have a reader; ``NextState`` becomes ``next_state``."""
        fields = self.fields().items()
        return {
            _CAPITAL.sub("_", key).lower(): readers[key](field) for key, field in fields if key in readers
        }

    def allow(self, keys: Collection[str], reasons: Mapping[str, str] = UNSUPPORTED) -> None:
        """Refuse every field that is not in *keys*, with its reason if there is one."""
        for key, field in self.fields().items():
            if key not in keys:
                raise field.wrong(reasons.get(key, f"{key} is not a field of this object"))

    def at_most_one(self, *keys: str) -> None:
        """Refuse fields that exclude each other."""
        given = [key for key in keys if key in self._members()]
        if len(given) > 1:
            raise self.wrong(f"{' and '.join(given)} exclude each other")

    def _members(self) -> Mapping[str, Json]:
        if not isinstance(self.value, Mapping):
            raise self.wrong(f"must be an object, not {_kind(self.value)}")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong(f"must be a string, not {_kind(self.value)}")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong(f"must be true or false, not {_kind(self.value)}")
        return self.value

    def number(self, low: float) -> float:
        if not is_number(self.value):
            raise self.wrong(f"must be a number, not {_kind(self.value)}")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.wrong(f"must be a finite number, not {self.value}")
        if self.value < low:
            raise self.wrong(f"must be at least {low}, not {self.value}")
        return self.value

    def integer(self, low: int, high: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong(f"must be an integer, not {_kind(self.value)}")
        if not low <= self.value <= high:
            raise self.wrong(f"must be between {low} and {high}, not {self.value}")
        return self.value

    def json_path(self) -> str:
        """Return a JSONPath into the data (``$…``), the context object (``$$…``) or an intrinsic function."""
        text = self.text()
        if not text.startswith("$") and not _INTRINSIC.fullmatch(text):
            raise self.wrong(f"must be a JSONPath or an intrinsic function, not {text!r}")
        return text

    def reference_path(self) -> str:
        """Return a JSONPath that leads to exactly one place in the data."""
        text = self.text()
        bare = _QUOTED.sub("", text)
        if not bare.startswith("$") or bare.startswith("$$") or re.search(r"\.\.|[@,:?*]", bare):
            raise self.wrong(f"must be a reference path such as $.result, not {text!r}")
        return text

    def template(self) -> Mapping[str, Json]:
        """Return a payload template: an object whose fields ending in ``.$`` are paths."""
        for node in self.fields().values():
            _check_template(node)
        return self._members()


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a JSON value is a number: true and false are integers in Python only."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def nullable(read: Callable[[JsonNode], str]) -> Callable[[JsonNode], str | None]:
    """Return a reader that returns None for JSON null."""
    return lambda node: None if node.value is None else read(node)


def _check_template(node: JsonNode) -> None:
    if node.path.endswith((".$", ".$']")):
        node.json_path()
    elif isinstance(node.value, Mapping):
        for child in node.fields().values():
            _check_template(child)
    elif isinstance(node.value, list):
        for index, value in enumerate(node.value):
            _check_template(JsonNode(value, f"{node.path}[{index}]"))


def step(key: str) -> str:
    """Return the step of a JSON path that leads to a field."""
    return f".{key}" if _PLAIN.fullmatch(key) else f"['{key}']"


def _kind(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if is_number(value):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {value!r}"
    return "an object" if isinstance(value, Mapping) else "an array"
