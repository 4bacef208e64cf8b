"""Results that are shown as a heading and a table: as text in a terminal, as HTML in a notebook."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class HeadedTable(Protocol):
    """A result with a heading and a table."""

    @property
    def heading(self) -> str:
        """What the table shows."""

    def to_frame(self) -> "pd.DataFrame":
        """Return the table."""


class ShownAsTable:
    """Mixin of results: their text and their HTML are the heading and the table."""

    def __repr__(self: HeadedTable) -> str:
        table = self.to_frame().to_string(index=False, float_format="{:.4g}".format)
        return f"{self.heading}\n{table}"

    def _repr_html_(self: HeadedTable) -> str:
        return f"<p>{self.heading}</p>{self.to_frame().to_html(index=False)}"
