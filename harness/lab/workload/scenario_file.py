"""Reading of a scenario file: TOML or JSON, its CSV files, overrides, and errors with their lines."""

import csv
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.lab.workload.toml_lines import KeyPath, lines_by_path

Model = TypeVar("Model", bound=BaseModel)

LONGEST = 64 * 2**20
"""Longest file that is read [bytes]; a device such as /dev/zero has no end."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a scenario file, with its line from 1; 0 if the problem has no line."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ScenarioError(ValueError):
    """A scenario file that cannot be played; ``problems`` lists the reasons with their lines."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def read_model(
    path: Path,
    model: type[Model],
    overrides: Mapping[str, str] | None = None,
    measured: Mapping[str, Any] | None = None,
) -> Model:
    """
    Read a TOML or JSON file as *model*.

    The values *measured* replace those of the file; *overrides*, by dotted key, come last.

    Raises:
        ScenarioError: The file is unreadable, not TOML or JSON, or invalid.
    """
    document, lines = _parse(path)
    document.setdefault("name", path.stem)
    _add_lines(document, lines)
    document = merged(document, measured or {})
    for key, value in (overrides or {}).items():
        _override(path, document, key, value)
    _read_csv_files(path, document, (), lines)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [
            Problem(path, _line(lines, each.path), f"{each.key} {each.complaint}".strip())
            for each in invalid_values(document, error)
            # pydantic also calls a list too short if it refused elements of the list.
            if not (each.kind == "too_short" and each.value)
        ]
        raise ScenarioError(*sorted(problems, key=lambda problem: problem.line)) from None


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two documents as one: tables are merged key by key, a distribution is replaced as a whole."""
    result = dict(base)
    for key, value in over.items():
        inside = result.get(key)
        is_table = isinstance(value, Mapping) and "distribution" not in value
        result[key] = merged(inside, value) if is_table and isinstance(inside, Mapping) else value
    return result


def file_text(path: Path) -> str:
    """
    Return the text of a file that a user has named, without the byte order mark that some editors write.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not UTF-8, or longer than `LONGEST`.
    """
    with path.open("rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"is longer than {LONGEST // 2**20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parse(path: Path) -> tuple[dict[str, Any], Mapping[KeyPath, int]]:
    """Return the content of a file, and the line of each key; JSON has no lines: programs write it."""
    try:
        text = file_text(path)
    except OSError as error:
        raise ScenarioError(Problem(path, 0, f"cannot be read: {error.strerror}")) from None
    except ValueError as error:
        raise ScenarioError(Problem(path, 0, str(error))) from None
    if path.suffix == ".json":
        return _parse_json(path, text), {}
    try:
        return tomllib.loads(text), lines_by_path(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise ScenarioError(Problem(path, line, f"is not TOML: {error}")) from None


def _parse_json(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScenarioError(Problem(path, error.lineno, f"is not JSON: {error.msg}")) from None
    except (ValueError, RecursionError) as error:
        raise ScenarioError(Problem(path, 0, f"cannot be read: {error}")) from None
    if not isinstance(document, dict):
        raise ScenarioError(Problem(path, 0, "is not a JSON object"))
    return document


def _add_lines(document: dict[str, Any], lines: Mapping[KeyPath, int]) -> None:
    """Add the line of each objective: breaches are reported at that line."""
    objectives = document.get("objectives")
    for index, objective in enumerate(objectives if isinstance(objectives, list) else ()):
        if isinstance(objective, dict):
            line = lines.get(("objectives", index, "expression"), 0)
            objective.setdefault("line", line)


def _override(path: Path, document: dict[str, Any], key: str, value: str) -> None:
    """Set a dotted key, e.g. ``flows.0.weight``, to a TOML value or to the text."""
    parsed = value_of(value)
    *parents, last = key.split(".")
    place: Any = document
    try:
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = parsed
    except (IndexError, ValueError, TypeError, AttributeError):
        raise ScenarioError(Problem(path, 0, f"there is no {key} to set to {value}")) from None


def value_of(text: str) -> Any:
    """Return the TOML value of a text; the text itself if it is not a TOML value."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _read_csv_files(path: Path, value: Any, at: KeyPath, lines: Mapping[KeyPath, int]) -> None:
    """Replace the keys that name a CSV or JSONL file with its content, under the key of the content."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            _read_csv_files(path, element, (*at, index), lines)
    if not isinstance(value, dict):
        return
    try:
        _read_named_files(path.parent, value)
    except OSError as error:
        problem = f"{error.filename} cannot be read: {error.strerror}"
        raise ScenarioError(Problem(path, _line(lines, at), problem)) from None
    except (ValueError, csv.Error) as error:
        raise ScenarioError(Problem(path, _line(lines, at), str(error))) from None
    for key, element in value.items():
        _read_csv_files(path, element, (*at, key), lines)


def _read_named_files(folder: Path, table: dict[str, Any]) -> None:
    if isinstance(table.get("trace_csv"), str):
        table["trace_per_s"] = _columns(folder / table.pop("trace_csv"), "at_s", "rate_per_s")
    if table.get("distribution") == "empirical" and isinstance(table.get("csv"), str):
        table["values"] = [row[0] for row in _columns(folder / table.pop("csv"), "value")]
    if isinstance(table.get("times_csv"), str):
        table["times_s"] = [row[0] for row in _columns(folder / table.pop("times_csv"), "at_s")]
    for key in ("inputs", "recorded"):
        if isinstance(table.get(f"{key}_jsonl"), str):
            table[key] = _json_lines(folder / table.pop(f"{key}_jsonl"))


def _json_lines(path: Path) -> list[Any]:
    # Not `splitlines`: a string of JSON may have other line separators in it.
    lines = _data_text(path).split("\n")
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not one JSON value a line: {error}") from None


def _columns(path: Path, *names: str) -> list[list[float]]:
    reader = csv.DictReader(_data_text(path).splitlines(keepends=True))
    missing = set(names) - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
    rows = []
    for row in reader:
        try:
            rows.append([float(row[name] or "") for name in names])
        except ValueError:
            cells = ", ".join(str(row[name]) for name in names)
            raise ValueError(f"{path}:{reader.line_num}: {cells!r} is not a number in each column") from None
    return rows


def _data_text(path: Path) -> str:
    """Return the text of a file that a scenario names; errors name it."""
    try:
        return file_text(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """An invalid value: its path, pydantic's type of the error, and a complaint that follows its name."""

    path: KeyPath
    kind: str
    value: Any
    complaint: str

    @property
    def key(self) -> str:
        """The path as text: ``flows[0].weight``."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")

    def __str__(self) -> str:
        return f"{self.key} {self.complaint}, not {self.value!r}"


def invalid_values(document: Mapping[str, Any], error: ValidationError) -> Iterator[InvalidValue]:
    """Yield the invalid values of a document that pydantic did not accept."""
    for detail in error.errors(include_url=False):
        yield InvalidValue(_path(document, detail), detail["type"], detail["input"], _complaint(detail))


def _path(document: Any, detail: ErrorDetails) -> KeyPath:
    """Return the path of an error in a document, without the members of unions that pydantic adds."""
    found: list[str | int] = []
    value = document
    parts = detail["loc"]
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if isinstance(value, Mapping) and (part in value or (is_last and detail["type"] == "missing")):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            continue
        found.append(part)
    return tuple(found)


def _complaint(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    match detail["type"]:
        case "union_tag_invalid":
            return f"has the unknown {key} '{context['tag']}'; known are {context['expected_tags']}"
        case "union_tag_not_found":
            return f"has no {key}"
        case "too_short":
            return f"must have at least {context['min_length']}"
        case kind if kind in _COMPLAINTS:
            return _COMPLAINTS[kind]
        case _:
            return detail["msg"].removeprefix("Value error, ").replace("Input should", "must")


_COMPLAINTS = {
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "extra_forbidden": "is not a known key",
    "invalid-json-value": "must be a value that JSON has",
    **dict.fromkeys(("model_type", "model_attributes_type", "mapping_type", "dict_type"), "must be a table"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
}
"""Texts that replace pydantic's where these use terms of Python."""


def _line(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Return the line of *path*, or of the nearest table around it."""
    while path:
        if inside := [line for key, line in lines.items() if key[: len(path)] == path]:
            return min(inside)
        path = path[:-1]
    return 0
