"""The tables of a verdict for a terminal and for a notebook; their rows are plain texts."""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

STYLES = {
    "pass": "green",
    "breach": "red",
    "inconclusive": "yellow",
    "security": "bold red",
    "skipped": "dim",
}
"""The terminal style of each outcome."""


class TableRow(NamedTuple):
    """One alarm or objective; a terminal shows the remark in place of the outcome."""

    cells: Sequence[str]
    outcome: str
    remark: str


class TextTable(NamedTuple):
    """A table of alarms or objectives."""

    title: str
    columns: Sequence[str]
    rows: Sequence[TableRow]


def for_terminal(tables: Iterable[TextTable], remarks: Iterable[str], sentence: Text) -> Group:
    """Return tables, remarks and the sentence of a verdict for a terminal."""
    parts: list[RenderableType] = [_rich_table(table) for table in tables]
    parts += [Text(f"  • {remark}") for remark in remarks]
    return Group(*parts, sentence)


def for_notebook(tables: Iterable[TextTable], remarks: Iterable[str], sentence: str) -> str:
    """Return the sentence, tables and remarks of a verdict as HTML."""
    parts = [f"<p><b>{html.escape(sentence)}</b></p>", *map(_html_table, tables)]
    items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    return "".join([*parts, f"<ul>{items}</ul>" if items else ""])


def _rich_table(table: TextTable) -> Table:
    shown = Table(*table.columns, "", title=table.title, title_justify="left", box=None)
    for row in table.rows:
        # `Text` prevents that a name such as "[prod] errors" is read as markup.
        shown.add_row(*(Text(cell) for cell in (*row.cells, row.remark)), style=STYLES[row.outcome])
    return shown


def _html_table(table: TextTable) -> str:
    def line(tag: str, texts: Iterable[str]) -> str:
        cells = "".join(f'<{tag} style="text-align: left">{html.escape(text)}</{tag}>' for text in texts)
        return f"<tr>{cells}</tr>"

    rows = "".join(line("td", (*row.cells, row.outcome)) for row in table.rows)
    return f"<table>{line('th', (*table.columns, 'outcome'))}{rows}</table>"
