"""A column of numbers that stand for texts, as a dictionary of the texts that occur in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.lab.sim.compiled.kernel.numbering import number_off

SPARSE = 8
"""Numbers are sparse if their range is so many times as large as their count."""

_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8)


@dataclass(frozen=True, slots=True)
class OccurringNumbers:
    """
    The numbers of a column.

    Attributes:
        known: Those that occur, in the order in which they do.
        places: The place of each number of the column among them; -1 for a negative number.
    """

    known: NDArray[np.int64]
    places: NDArray[np.int32]

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> Self:
        """Return the numbers of a column."""
        is_known = numbers >= 0
        given = numbers if is_known.all() else numbers[is_known]
        if not given.size:
            return cls(given, np.full(len(numbers), -1, np.int32))
        least, most = int(given.min()), int(given.max())
        if most - least > SPARSE * len(numbers):
            distinct, given = np.unique(given, return_inverse=True)
            filled = np.full(len(numbers), -1)
            filled[is_known] = given
            dense = cls.of(filled)
            return cls(distinct[dense.known], dense.places)
        places, known = np.empty(len(numbers), np.int32), np.empty(most - least + 1, np.int64)
        count = number_off(numbers, least, np.full(most - least + 1, -1), known, places)
        return cls(known[:count], places)

    def texts(self, texts: Sequence[str]) -> pa.Array:
        """Return the texts with these numbers; several numbers may mean the same text."""
        names = [str(texts[number]) for number in self.known.tolist()]
        distinct = {name: place for place, name in enumerate(dict.fromkeys(names))}
        if len(distinct) == len(names):
            return self.dictionary(pa.array(names, pa.string()))
        merged = np.array([*(distinct[name] for name in names), -1], np.int32)
        return OccurringNumbers(self.known, merged[self.places]).dictionary(pa.array(distinct, pa.string()))

    def dictionary(self, texts: pa.Array) -> pa.Array:
        """Return a dictionary with a text for each known number; null for a negative one."""
        nulls = self.places < 0
        indices = pa.array(self.places, mask=nulls) if nulls.any() else pa.array(self.places)
        return pa.DictionaryArray.from_arrays(indices, texts)


def batch_ids(arrivals: NDArray[np.int64], replication: int) -> pa.Array:
    """Return the ids of the batches of arrivals."""
    ending = f"-0000-4000-8000-{replication:012x}".encode()
    length = 8 + len(ending)
    letters = np.empty((len(arrivals), length), np.uint8)
    letters[:, :8] = _HEXADECIMAL[arrivals[:, None] >> np.arange(28, -1, -4) & 15]
    letters[:, 8:] = np.frombuffer(ending, np.uint8)
    begins = np.arange(len(arrivals) + 1, dtype=np.int32) * length
    return pa.StringArray.from_buffers(len(arrivals), pa.py_buffer(begins), pa.py_buffer(letters))
