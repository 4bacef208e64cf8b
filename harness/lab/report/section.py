"""
What a page is made of: sections of charts, tables and paragraphs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from harness.lab.gate.verdict import Verdict
from harness.lab.report.drawing import Chart
from harness.lab.results.run import Run
from harness.lab.results.summary import Summary


@dataclass(frozen=True)
class Subject:
    """
    What a page is about.

    Attributes:
        other: A run to lay over the charts, dashed: the simulated twin of a live one, or the reverse.
        cost: What the run would have cost, as `sections.cost` reads it.
    """

    run: Run
    verdict: Verdict | None = None
    other: Run | None = None
    cost: Mapping[str, Any] | None = None

    @cached_property
    def summary(self) -> Summary:
        return Summary.of(self.run)


@dataclass(frozen=True, slots=True)
class TableBlock:
    """
    A table of texts.

    Attributes:
        numeric: Indexes of columns whose texts are numbers, set to the right.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph; as *code* something to type."""

    kind: ClassVar[str] = "prose"
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    kind: ClassVar[str] = "points"
    sentences: Sequence[str]


Block = Chart | TableBlock | Prose | Points


@dataclass(frozen=True, slots=True)
class ReportSection:
    """
    One part of a page.

    Attributes:
        key: Its anchor.
        lead: What it says, in a sentence or two.
    """

    key: str
    title: str
    lead: str
    blocks: Sequence[Block] = field(default_factory=tuple)
