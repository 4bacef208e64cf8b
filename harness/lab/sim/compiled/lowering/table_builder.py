"""The tables that describe what is played, while they are filled."""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.lab.sim.compiled.kernel import layout
from harness.lab.sim.compiled.kernel.clients.client_records import ERRORS
from harness.lab.sim.compiled.kernel.draws.keyed_draws import (
    CONSTANT,
    EMPIRICAL,
    EXPONENTIAL,
    GAMMA,
    LOGNORMAL,
    TABLE,
    TRIANGULAR,
    UNIFORM,
)
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.lowering.unknown_value import BEGIN
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.model.step_functions import is_of_definition
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import (
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Triangular,
    Uniform,
)
from harness.lab.workload.distributions.counts import Binomial, NegativeBinomial, Poisson
from harness.lab.workload.distributions.distribution import Distribution
from harness.states_language.host import nanoseconds

_CODE = re.compile(r"([A-Z][A-Z0-9_]{2,49})(:|$)")


class Block(NamedTuple):
    """Draws that nearly every arrival needs: so many items of one attempt, from the first one on."""

    block_item: int
    block_items: int
    block_attempt: int = 1


class TableBuilder:
    """
    Collects the rows of the tables; a row is a mapping of its fields.

    Nothing but the states of the streams depends on the seed and the replication: these are computed when a
    table is made, so that builders of several replications share their rows.
    """

    def __init__(self, source: RandomSource) -> None:
        self.source = source
        self.errors: list[str] = list(ERRORS)
        self.causes: list[str] = []
        self.values: list[float] = []
        self.rows: dict[str, list[Mapping[str, Any]]] = {}
        self._streams: dict[str, int] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self._draws: dict[tuple[str, str], int] = {}
        self._arrays: dict[str, NDArray[Any]] = {}

    def of(self, source: RandomSource) -> "TableBuilder":
        """Return a builder with the same rows, now and later, for another source of random numbers."""
        other = copy(self)
        other.source = source
        return other

    @property
    def streams(self) -> list[int]:
        """The states of the streams by their number."""
        return [self._state(name) for name in self._streams]

    def add(self, table: str, **fields: Any) -> int:
        """Add a row, and return its number."""
        rows = self.rows.setdefault(table, [])
        rows.append(fields)
        return len(rows) - 1

    def count(self, table: str) -> int:
        return len(self.rows.get(table, ()))

    def stream(self, name: str) -> int:
        """Add a stream of uniform draws, and return its number."""
        return self._streams.setdefault(name, len(self._streams))

    def error(self, name: str) -> int:
        """Return the number of the name of an error or of an error code."""
        if name not in self.errors:
            self.errors.append(name)
        return self.errors.index(name)

    def failure(self, error: str, cause: str) -> int:
        """Return the number of a failure."""
        if (error, cause) not in self._failures:
            if BEGIN in error:
                raise NotLowerable(f"the error name {error!r} is not known in advance")
            code = code_of(cause)
            self._failures[error, cause] = self.add(
                "failures",
                error=self.error(error),
                code=NONE if code is None else self.error(code),
                runtime=is_of_definition(error, cause),
            )
            self.causes.append(cause)
        return self._failures[error, cause]

    def numbers(self, values: list[float]) -> tuple[int, int]:
        """Add values; return the place of the first one and their number."""
        first = len(self.values)
        self.values += values
        return first, len(values)

    def draw(self, distribution: Distribution, stream: str, block: Block | None = None) -> int:
        """Return the number of a distribution with its stream; the draws of a block are made together."""
        key = (stream, repr(distribution))
        if key not in self._draws:
            law = self._law(distribution, stream)
            if block and law["kind"] == LOGNORMAL and not law["truncated"]:
                first = len(self._block_draws())
                if first + block.block_items <= layout.BLOCK:
                    law |= {"block_first": first, **block._asdict()}
            self._draws[key] = self.add("draws", stream_name=stream, **law)
        return self._draws[key]

    def _law(self, of: Distribution, stream: str) -> dict[str, Any]:
        match of:
            case Constant():
                law = {"kind": CONSTANT, "a": of.value, "constant": nanoseconds(min(of.value, 1e9))}
            case Uniform():
                law = {"kind": UNIFORM, "a": of.low, "b": of.high - of.low}
            case Triangular():
                law = {"kind": TRIANGULAR, "low": of.low, "a": of.mode, "high": of.high}
            case Exponential():
                law = {"kind": EXPONENTIAL, "a": of.scale, **_truncation(of)}
            case Lognormal():
                law = {"kind": LOGNORMAL, "a": of.median, "b": of.sigma, **_truncation(of)}
            case Gamma():
                law = {"kind": GAMMA, "a": of.scale, "b": of.shape, "c": of.log_gamma, **_truncation(of)}
            case NegativeBinomial() | Poisson() | Binomial():
                first, count = self.numbers(of.table)
                law = {"kind": TABLE, "a": of.min, "first": first, "count": count}
            case Empirical():
                first, count = self.numbers(of.ordered)
                law = {"kind": EMPIRICAL, "first": first, "count": count}
            case _:
                raise NotLowerable(f"{stream} has a {of.distribution} distribution")
        return law

    def table(self, name: str) -> NDArray[Any]:
        """Return a table as an array of records, with one row to spare."""
        rows = self.rows.get(name, ())
        if name not in self._arrays or len(self._arrays[name]) != len(rows) + 1:
            self._arrays[name] = _array(name, rows)
        # A copy: the kernel keeps the state of pools and stations in their rows.
        array = self._arrays[name].copy()
        if name == "draws":
            array["stream"][:-1] = [self._state(row["stream_name"]) for row in rows]
        return array.view(np.recarray)

    def blocks(self) -> dict[str, NDArray[Any]]:
        """Return the tables of the draws that may be made together: keys, laws, and room for them."""
        draws = self._block_draws()
        count = -(-len(draws) // layout.LANES) * layout.LANES
        keys, laws = np.zeros((3, count), np.uint64), np.zeros((2, count))
        for place, (row, item) in enumerate(draws):
            keys[:, place] = self._state(row["stream_name"]), item, row["block_attempt"]
            laws[:, place] = row["a"], row["b"]
        return {
            "block_keys": keys,
            "block_laws": laws,
            "block_columns": np.arange(len(draws)),
            "block_uses": np.zeros(len(draws), np.int64),
            "block_entities": np.full(layout.BLOCKS_KEPT, NONE, np.int64),
            "blocks": np.zeros((layout.BLOCKS_KEPT, count)),
        }

    def _block_draws(self) -> list[tuple[Mapping[str, Any], int]]:
        """Return the distribution and the item of each draw of a block."""
        return [
            (row, row["block_item"] + place)
            for row in self.rows.get("draws", ())
            for place in range(row.get("block_items", 0))
        ]

    def _state(self, stream: str) -> int:
        return self.source.stream(stream).state


def _array(name: str, rows: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    dtype = getattr(layout, name.upper())
    array = np.zeros(len(rows) + 1, dtype)
    for field in dtype.names:
        if rows:
            array[field][:-1] = [row.get(field, 0) for row in rows]
    return array


def _truncation(of: Lognormal | Exponential | Gamma) -> dict[str, Any]:
    below, width, low, high = of.interval
    truncated = not (of.max is None and of.min == 0)
    return {"below": below, "width": width, "low": low, "high": high, "truncated": truncated}


def code_of(cause: str) -> str | None:
    """Return the error code at the beginning of a cause, as the service reads it; None without one."""
    text = cause.strip()
    known, mark, _ = text.partition(BEGIN)
    found = _CODE.match(text)
    if mark and (found is None or found.end() > len(known)) and re.fullmatch("[A-Z][A-Z0-9_]*|", known):
        raise NotLowerable(f"the cause {cause!r} is not known in advance")
    return found[1] if found else None
