"""The parts of a page: sections of charts, tables, paragraphs and lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from harness.lab.gate.verdict import Verdict
from harness.lab.report.charts.chart import Chart
from harness.lab.report.what_if_grid import WhatIfGrid
from harness.lab.results.run import Run


@dataclass(frozen=True, slots=True)
class Subject:
    """The data of a page: a run, its verdict, another run for the charts, its cost, and a grid around it."""

    run: Run
    verdict: Verdict | None = None
    other: Run | None = None
    cost: Mapping[str, Any] | None = None
    what_if: WhatIfGrid | None = None


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table of texts; the columns with the indexes *numeric* hold numbers and are aligned right."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()

    @classmethod
    def of_records(cls, caption: str, records: Sequence[Mapping[str, str]], text_columns: int = 1) -> Self:
        """
        Return a table with the keys of *records* as columns; there must be at least one record.

        The first *text_columns* columns hold texts, the others numbers.
        """
        columns = tuple(records[0])
        rows = [tuple(record.values()) for record in records]
        return cls(caption, columns, rows, frozenset(range(text_columns, len(columns))))

    def without_empty_end(self) -> Self:
        """Return the table without its last column if no row has a text in it."""
        if any(row[-1] for row in self.rows):
            return self
        return replace(self, columns=self.columns[:-1], rows=[row[:-1] for row in self.rows])


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph; with *code* a command line."""

    kind: ClassVar[str] = "prose"
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    kind: ClassVar[str] = "points"
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class SliderBlock:
    """
    Sliders over the points of a grid, which need JavaScript; *table* has the same points without it.

    Attributes:
        axes: Parameter, its values as texts, and the index of the value in the run (None: none of them).
        data: The texts and the positions of all points as JSON that can stand in a script element.
        at: The point that is shown first: an index for each axis.
    """

    kind: ClassVar[str] = "sliders"
    axes: Sequence[tuple[str, Sequence[str], int | None]]
    at: Sequence[int]
    data: str
    table: TableBlock


Block = Chart | TableBlock | Prose | Points | SliderBlock


@dataclass(frozen=True, slots=True)
class ReportSection:
    """One part of a page: its anchor, its title, an introduction of one or two sentences, and its blocks."""

    key: str
    title: str
    lead: str
    blocks: Sequence[Block] = field(default_factory=tuple)


SectionMaker = Callable[[Subject], ReportSection | None]
"""A function that returns a section, or None if the run has no data for it."""


def chart_section(key: str, title: str, lead: str, draw: Callable[[Run, Run | None], Chart]) -> SectionMaker:
    """Return the maker of a section with one chart, which is left out if the chart has no data."""

    def make(subject: Subject) -> ReportSection | None:
        chart = draw(subject.run, subject.other)
        return None if chart.is_empty else ReportSection(key, title, lead, (chart,))

    return make
