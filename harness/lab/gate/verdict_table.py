"""The tables of a verdict for a terminal and for a notebook; their rows are plain texts."""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table

from harness.lab.results.terminal_text import Words, without_common_beginning

STYLES = {
    "pass": "green",
    "breach": "red",
    "inconclusive": "yellow",
    "security": "bold red",
    "audit": "bold red",
    "skipped": "dim",
}
"""The terminal style of each outcome."""

GAP = 2
"""Between two columns [characters]."""

REMARK_WIDTH = 24
"""Narrowest column in which a remark can be read [characters]."""


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


def for_terminal(tables: Iterable[TextTable], remarks: Iterable[str], sentence: str, style: str) -> Group:
    """Return tables, remarks and the sentence of a verdict for a terminal."""
    parts: list[RenderableType] = [_TerminalTable(table) for table in tables]
    parts += [Words(f"  • {remark}") for remark in remarks]
    return Group(*parts, Words(sentence, style))


def for_notebook(tables: Iterable[TextTable], remarks: Iterable[str], sentence: str) -> str:
    """Return the sentence, tables and remarks of a verdict as HTML."""
    parts = [f"<p><b>{html.escape(sentence)}</b></p>", *map(_html_table, tables)]
    items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    return "".join([*parts, f"<ul>{items}</ul>" if items else ""])


@dataclass(frozen=True, slots=True)
class _TerminalTable:
    """A table whose remarks are a column, or sentences below it where the terminal is narrow."""

    table: TextTable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        rows = self.table.rows
        columns = list(zip(self.table.columns[1:], *(row.cells[1:] for row in rows), strict=True))
        room = options.max_width - sum(_width(column) + GAP for column in columns) - 2 * GAP
        names = [row.cells[0] for row in rows]
        short = without_common_beginning(names)
        outcome_width = _width([row.outcome for row in rows])
        has_remarks = any(row.remark != row.outcome for row in rows)
        is_narrow = has_remarks and _width(short) + REMARK_WIDTH > room
        room -= REMARK_WIDTH if has_remarks and not is_narrow else outcome_width
        shown = Table(title=self.table.title, title_justify="left", box=None)
        names = names if _width(names) <= room else short
        shown.add_column(self.table.columns[0], no_wrap=_width(names) <= room)
        for heading, *_ in columns:
            shown.add_column(heading, no_wrap=True)
        shown.add_column()
        for name, row in zip(names, rows, strict=True):
            remark = row.outcome if is_narrow else row.remark
            # Not texts: a name such as "[prod] errors" would be read as markup.
            shown.add_row(*map(Words, (name, *row.cells[1:], remark)), style=STYLES[row.outcome])
        yield shown
        if is_narrow:
            yield from (Words(f"  • {r.cells[0]}: {r.remark}") for r in rows if r.remark != r.outcome)


def _width(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _html_table(table: TextTable) -> str:
    def line(tag: str, texts: Iterable[str]) -> str:
        cells = "".join(f'<{tag} style="text-align: left">{html.escape(text)}</{tag}>' for text in texts)
        return f"<tr>{cells}</tr>"

    rows = "".join(line("td", (*row.cells, row.outcome)) for row in table.rows)
    return f"<table>{line('th', (*table.columns, 'outcome'))}{rows}</table>"
