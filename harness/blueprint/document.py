"""
A CloudFormation template as it is written: YAML or JSON, with short tags (``!Ref``) in full and with lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Properties = Mapping[str, Any]

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


NODES_MAX = 200_000
"""Values of a template with its aliases written out: CloudFormation takes 1 MB of text; aliases multiply."""


class TemplateSection(dict[str, Any]):
    """A mapping of the template, with the line of its own key and the lines of its keys."""

    def __init__(self, line: int, content: Mapping[str, Any] | None = None) -> None:
        super().__init__(content or {})
        self.line = line
        self.lines: dict[str, int] = {}


class TemplateError(ValueError):
    """A template that cannot be read; the message begins with file and line: ``template.yaml:12: …``."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path.name}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of the template, with unresolved properties."""

    logical_id: str
    type: str
    properties: TemplateSection
    condition: str | None
    line: int


@dataclass(frozen=True, slots=True)
class TemplateDocument:
    """The sections of a template, unresolved."""

    path: Path
    parameters: TemplateSection
    conditions: TemplateSection
    mappings: TemplateSection
    resources: Mapping[str, Declared]
    transformed: bool

    def wrong(self, line: int, message: str) -> TemplateError:
        """Return the error for a line of this template."""
        return TemplateError(self.path, line, message)


def read_document(path: Path) -> TemplateDocument:
    """Read a template; a `TemplateError` says where the file is not a CloudFormation template."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise TemplateError(path, 1, "not UTF-8 text") from None
    if text.lstrip().startswith("{"):
        # YAML allows no tabs between tokens, as JSON does; JSON strings cannot contain tabs.
        text = text.replace("\t", "  ")
    try:
        root = _Builder(path).build(yaml.compose(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TemplateError(path, line, f"not YAML or JSON: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(0, error.position)) + 1
        raise TemplateError(path, line, f"not YAML or JSON: {error.reason}") from None
    except RecursionError:
        raise TemplateError(path, 1, "nested too deeply, or an alias refers to what contains it") from None
    if not isinstance(root, TemplateSection):
        raise TemplateError(path, 1, "a template is a mapping with Resources")
    return TemplateDocument(
        path=path,
        parameters=_section(path, root, "Parameters"),
        conditions=_section(path, root, "Conditions"),
        mappings=_section(path, root, "Mappings"),
        resources=_resources(path, root),
        transformed="Transform" in root,
    )


def _section(path: Path, parent: TemplateSection, key: str) -> TemplateSection:
    found = parent.get(key)
    if found is None:
        return TemplateSection(parent.lines.get(key, parent.line))
    if not isinstance(found, TemplateSection):
        raise TemplateError(path, parent.lines[key], f"{key} must be a mapping")
    return found


def _resources(path: Path, root: TemplateSection) -> dict[str, Declared]:
    if "Resources" not in root:
        raise TemplateError(path, 1, "a template has Resources")
    section = _section(path, root, "Resources")
    found = {}
    for logical_id, body in section.items():
        line = section.lines[logical_id]
        if logical_id.startswith("Fn::"):
            raise TemplateError(path, line, f"{logical_id} makes resources and is not supported")
        if not isinstance(body, TemplateSection) or not isinstance(body.get("Type"), str):
            raise TemplateError(path, line, f"the resource {logical_id} needs a Type")
        properties = _section(path, body, "Properties")
        found[logical_id] = Declared(logical_id, body["Type"], properties, body.get("Condition"), line)
    return found


class _Builder(_LOADER):  # type: ignore[misc, valid-type]  # the loader is chosen at run time: libyaml's where it exists
    """Builds sections, lists and scalars from YAML nodes; short tags become mappings (``Fn::…``)."""

    def __init__(self, path: Path) -> None:
        super().__init__("")
        self.path = path
        self._built = 0

    def build(self, node: yaml.Node | None, line: int | None = None) -> Any:
        if node is None:
            return None
        self._built += 1
        if self._built > NODES_MAX:
            raise TemplateError(self.path, node.start_mark.line + 1, f"more than {NODES_MAX:,} values")
        line = node.start_mark.line + 1 if line is None else line
        return self._intrinsic(node, line) if node.tag.startswith("!") else self._plain(node, line)

    def _intrinsic(self, node: yaml.Node, line: int) -> TemplateSection:
        name = node.tag.removeprefix("!")
        value = node.value if isinstance(node, yaml.ScalarNode) else self._plain(node, line)
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return TemplateSection(line, {name if name in ("Ref", "Condition") else f"Fn::{name}": value})

    def _plain(self, node: yaml.Node, line: int) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, line)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child) for child in node.value]
        if node.tag == "tag:yaml.org,2002:timestamp":
            # CloudFormation has no dates: the Version of a policy is text.
            return node.value
        return self.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, line: int) -> TemplateSection:
        self.flatten_mapping(node)
        section = TemplateSection(line)
        for key_node, value_node in node.value:
            key, at = str(key_node.value), key_node.start_mark.line + 1
            if key in section:
                raise TemplateError(self.path, at, f"{key} is given twice")
            section.lines[key] = at
            section[key] = self.build(value_node, at)
        return section
