"""Texts of tables in a terminal: lines that break between figures, names without their common beginning."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.measure import Measurement
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

_INSIDE_A_FIGURE = re.compile(r"(?<=\d) (?=(?:(?:ms|s|min|h|%)(?!\w))|[A-Z_]{4})|(?<=\bp\d\d) (?=\d)")
_GLUE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Words:
    """A text whose lines break at spaces, but not between a number and its unit or what it counts."""

    text: str
    style: str = ""

    def __rich_measure__(self, console: "Console", options: "ConsoleOptions") -> Measurement:
        return Measurement(max(map(cell_len, self._pieces()), default=0), cell_len(self.text))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator[Text]:
        yield Text("\n".join(self._lines(options.max_width)), self.style, overflow="fold")

    def _pieces(self) -> list[str]:
        glued = _INSIDE_A_FIGURE.sub(_GLUE, self.text)
        return [piece.replace(_GLUE, " ") for piece in glued.split(" ")]

    def _lines(self, width: int) -> Iterator[str]:
        first, *others = self._pieces()
        line = first
        for piece in others:
            if cell_len(line) + 1 + cell_len(piece) <= width:
                line += f" {piece}"
            else:
                yield line
                line = piece
        yield line


def without_common_beginning(names: Sequence[str]) -> list[str]:
    """
    Return names without the beginning, up to a hyphen, that most of them have in common.

    >>> without_common_beginning(["media-zip-errors", "media-zip-age", "other"])
    ['…errors', '…age', 'other']
    """
    beginnings = {name[: found.end()] for name in names for found in re.finditer("-", name)}
    counts = {one: sum(name.startswith(one) for name in names) for one in beginnings}
    shared = [one for one, count in counts.items() if count > 1]
    prefix = max(shared, key=lambda one: (len(one) * counts[one], one), default="")
    return [f"…{name[len(prefix) :]}" if prefix and name.startswith(prefix) else name for name in names]
