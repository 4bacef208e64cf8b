"""A column of texts as numbers, each with its place among the distinct texts: to compare them is quick."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TextColumn:
    """
    A column.

    Attributes:
        places: Place of each text among *distinct*; -1 for null.
    """

    distinct: tuple[str, ...]
    places: NDArray[np.int32]

    @classmethod
    def of(cls, column: "pa.ChunkedArray") -> "TextColumn":
        """Return a column of dictionaries whose chunks share one dictionary, as `Run.arrow` returns it."""
        chunks = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
        distinct = column.chunk(0).dictionary.to_pylist() if chunks else ()
        return cls(tuple(distinct), np.concatenate([np.empty(0, np.int32), *chunks]))

    def are(self, text: str) -> NDArray[np.bool_]:
        """Return which rows are a text."""
        place = self.distinct.index(text) if text in self.distinct else len(self.distinct)
        found: NDArray[np.bool_] = self.places == place
        return found

    def groups(self) -> list[tuple[str, NDArray[np.int64]]]:
        """Return each text that occurs with its rows, in the order of their first rows; null has no group."""
        # Small numbers are sorted by their digits, in one pass.
        digits = (self.places + 1).astype(np.min_scalar_type(len(self.distinct)))
        ordered, counts = np.argsort(digits, kind="stable"), np.bincount(digits, minlength=1)
        rows = np.split(ordered, np.cumsum(counts)[:-1])
        found = [(self.distinct[place], rows[1:][place]) for place in np.flatnonzero(counts[1:]).tolist()]
        return sorted(found, key=lambda group: group[1][0])
