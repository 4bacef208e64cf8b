"""
What the site's reference says is taken from the code when the site is built.

A page asks with a comment, ``<!-- generated: command_line -->``. Links out of ``docs`` lead to files that
a site does not have: their text stays.
"""

import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from harness.blueprint.template import load_alarms
from harness.cli.exit_codes import ExitCode
from harness.cli.main import VERBS
from harness.lab.results.rows import TABLES

BRACKET = "\\["
"""A unit is no link."""
DOCS = Path(__file__).parent
PLACE = re.compile(r"<!-- generated: (\w+) -->")
LINK_OUT = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:harness|tests|scenarios|notebooks|pyproject\.toml)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is generated."""
    return PLACE.sub(lambda place: GENERATED[place[1]](), LINK_OUT.sub(r"\1", markdown))


def command_line() -> str:
    """Every verb, as its ``--help`` says."""
    return "\n".join(line for verb in VERBS if exists(verb) for line in _verb(verb))


def exists(verb: str) -> bool:
    """Tell whether a verb can be run."""
    return importlib.util.find_spec(f"harness.cli.{verb}") is not None


def _verb(verb: str) -> Iterator[str]:
    module = importlib.import_module(f"harness.cli.{verb}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command()(getattr(module, verb))
    yield f"## harness {verb}\n"
    command = typer.main.get_command(app)
    if isinstance(command, TyperGroup):
        for name, sub in command.commands.items():
            yield f"### harness {verb} {name}\n"
            yield from _usage(f"harness {verb} {name}", sub)
    else:
        yield from _usage(f"harness {verb}", command)


def _usage(name: str, command: Any) -> Iterator[str]:
    words, _, example = (command.help or "").partition("Example:")
    yield f"{words.strip().replace('[', BRACKET)}\n"
    if example:
        yield f"```sh\n{example.strip()}\n```\n"
    context = command.make_context(name, [], resilient_parsing=True)
    records = [
        record
        for param in command.get_params(context)
        if (record := param.get_help_record(context)) is not None
    ]
    if records:
        yield "| option | meaning |\n|---|---|"
        yield from (f"| `{_cell(option)}` | {_prose(text)} |" for option, text in records)
    yield ""


def exit_codes() -> str:
    """The numbers with their names."""
    return "\n".join(
        ["| exit | name |", "|---|---|", *(f"| {code.value} | `{code.name}` |" for code in ExitCode)]
    )


def tables() -> str:
    """The columns of the run folder's tables."""
    parts = []
    for name, schema in TABLES.items():
        rows = "\n".join(f"| `{field.name}` | {field.type} |" for field in schema)
        parts.append(f"## {name}.parquet\n\n| column | type |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


def alarms() -> str:
    """The alarms of the template."""
    lines = ["| alarm | fires when | why so |", "|---|---|---|"]
    for one in load_alarms():
        why = _cell(str(one.properties.get("AlarmDescription", "")))
        when = f"`{one.properties['AlarmRule']}`" if one.is_composite else _when(one.properties)
        lines.append(f"| `{one.name}` | {when} | {why} |")
    return "\n".join(lines)


def _when(properties: Mapping[str, Any]) -> str:
    statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
    sign = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": "≥"}[
        properties["ComparisonOperator"]
    ]
    return (
        f"{statistic} of `{properties['MetricName']}` {sign} {properties['Threshold']:g}, "
        f"{properties['DatapointsToAlarm']} of {properties['EvaluationPeriods']} × {properties['Period']} s"
    )


def scenario() -> str:
    """The keys of a scenario file, and of every table in it."""
    schema = json.loads((DOCS / "scenario.schema.json").read_text())
    parts = ["## The file\n", *_keys(schema)]
    for name, definition in sorted(schema["$defs"].items()):
        if "properties" in definition:
            parts += [f"\n## {name}\n\n{definition.get('description', '')}\n", *_keys(definition)]
    return "\n".join(parts)


def _keys(definition: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    required = definition.get("required", ())
    for key, value in definition["properties"].items():
        default = "*required*" if key in required else f"`{_short(json.dumps(value.get('default')))}`"
        yield f"| `{key}` | {_type(value)} | {default} | {_cell(value.get('description', ''))} |"


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return str(value["$ref"].rpartition("/")[2])
    for choice in ("anyOf", "oneOf"):
        if choice in value:
            return " or ".join(dict.fromkeys(_type(one) for one in value[choice]))
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type", "any"))


def _short(text: str) -> str:
    return text if len(text) <= 60 else "see schema"


def _prose(text: str) -> str:
    return _cell(text).replace("[", BRACKET)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


GENERATED: Mapping[str, Callable[[], str]] = {
    "alarms": alarms,
    "command_line": command_line,
    "exit_codes": exit_codes,
    "scenario": scenario,
    "tables": tables,
}
