"""
Keyed draws and quantile functions for compiled code: the same bits as `harness.lab.workload`.

A distribution is a row of the table ``draws``: the state of its stream and its parameters. Times are
nanoseconds.
"""

import math
from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.draws.normal_quantile import find_normals, normal_quantile, whole_vectors
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled, compiled_copy
from harness.lab.sim.compiled.kernel.layout import BLOCKS_KEPT, NEVER, NONE, NORMALS, SELDOM, VALUES
from harness.lab.workload.distributions.gamma_quantile import gamma_excess, gamma_quantile

CONSTANT, UNIFORM, TRIANGULAR, EXPONENTIAL, LOGNORMAL, TABLE, EMPIRICAL, GAMMA = range(8)
"""Kinds of distributions."""

_gamma_quantile = compiled_copy(gamma_quantile, gamma_excess=compiled(gamma_excess))

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


@compiled
def _absorb(state: Any, word: int) -> Any:
    mixed = state + (np.uint64(word) + np.uint64(1)) * _GAMMA
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MULTIPLIER_2
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def unit_draw(state: Any, entity: int, item: int, attempt: int) -> float:
    """Return the draw of a key, in (0, 1); *state* is that of its stream."""
    return _unit(_absorb(_absorb(_absorb(state, entity), item), attempt))


@compiled
def _unit(state: Any) -> float:
    return (np.float64(state >> np.uint64(12)) + 0.5) * 2.0**-52


@compiled
def quantile(tables: Any, law: Any, u: float) -> float:
    """Return the value of a distribution that belongs to a uniform draw; *law* is a row of ``draws``."""
    kind = law.kind
    if kind == CONSTANT:
        return law.a
    if kind == UNIFORM:
        return law.a + u * law.b
    if kind == LOGNORMAL or kind == EXPONENTIAL or kind == GAMMA:
        return _truncated(law, u)
    if kind == TABLE:
        return law.a + min(_bisect(tables, law.first, law.count, u), law.count - 1)
    if kind == EMPIRICAL:
        return tables[law.first + np.int64(math.ceil(u * law.count)) - 1]
    return _triangular(law, u)


@compiled
def _truncated(law: Any, u: float) -> float:
    if not law.truncated:
        return _inverse(law, u)
    value = _inverse(law, law.below + u * law.width)
    if value < law.low:
        return law.low
    return law.high if value > law.high else value


@compiled
def _inverse(law: Any, p: float) -> float:
    if law.kind == EXPONENTIAL:
        return -math.log1p(-p) * law.a if p < 1.0 else math.inf
    if law.kind == GAMMA:
        return _gamma_quantile(law.b, law.c, p) * law.a
    return law.a * math.exp(law.b * normal_quantile(p))


@compiled
def _triangular(law: Any, u: float) -> float:
    width, rise = law.high - law.low, law.a - law.low
    if u * width < rise:
        return law.low + math.sqrt(u * width * rise)
    return law.high - math.sqrt((1 - u) * width * (law.high - law.a))


@compiled
def _bisect(tables: Any, first: int, count: int, u: float) -> int:
    """Return the number of entries of a table that are below *u*."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if tables[first + middle] < u:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def value_of(w: Any, row: int, entity: int, item: int, attempt: int) -> float:
    """Return the value of a key under the distribution of a row."""
    law = w.draws[row]
    if law.kind == CONSTANT:
        return law.a
    place = item - law.block_item
    if place >= 0 and place < law.block_items and attempt == law.block_attempt:
        block, place = entity & (BLOCKS_KEPT - 1), law.block_first + place
        column = w.block_columns[place]
        if column != NONE and w.block_entities[block] == entity:
            w.block_uses[place] += 1
            return w.blocks[block, column]
    return quantile(w.tables, law, unit_draw(law.stream, entity, item, attempt))


@compiled
def draw_block(w: Any, entity: int) -> None:
    """Draw together what most entities need: the same bits as `value_of` one by one."""
    g = w.world[0]
    g.blocks_drawn += 1
    if g.blocks_drawn == BLOCKS_KEPT:
        _drop_seldom_used(w)
    count = g.block_width
    if count == 0:
        return
    row = entity & (BLOCKS_KEPT - 1)
    w.block_entities[row] = entity
    block, values, normals = w.blocks[row], w.drawn[VALUES], w.drawn[NORMALS]
    streams, items, attempts = w.block_keys[0], w.block_keys[1], w.block_keys[2]
    for place in range(count):
        drawn = _absorb(_absorb(_absorb(streams[place], entity), items[place]), attempts[place])
        values[place] = _unit(drawn)
    find_normals(w, count, values)
    medians, sigmas = w.block_laws[0], w.block_laws[1]
    for place in range(count):
        block[place] = medians[place] * math.exp(sigmas[place] * normals[place])


@compiled
def _drop_seldom_used(w: Any) -> None:
    """Draw ahead no more what few entities have needed so far, such as the times of a second attempt."""
    g, kept = w.world[0], 0
    streams, items, attempts = w.block_keys[0], w.block_keys[1], w.block_keys[2]
    medians, sigmas = w.block_laws[0], w.block_laws[1]
    for place in range(w.block_columns.size):
        w.block_columns[place] = NONE
        if SELDOM * w.block_uses[place] >= g.blocks_drawn:
            w.block_columns[place] = kept
            streams[kept], items[kept], attempts[kept] = streams[place], items[place], attempts[place]
            medians[kept], sigmas[kept] = medians[place], sigmas[place]
            kept += 1
    g.block_width = whole_vectors(kept)
    # What was drawn has other columns.
    for block in range(BLOCKS_KEPT):
        w.block_entities[block] = NONE


@compiled
def draw_items(w: Any, row: int, entity: int, first: int, count: int, attempt: int, values: Any) -> None:
    """Draw the values of *count* items of an entity into *values*: the same bits as `value_of`."""
    law = w.draws[row]
    if law.kind != LOGNORMAL:
        for place in range(count):
            values[place] = value_of(w, row, entity, first + place, attempt)
        return
    state, normals = _absorb(law.stream, entity), w.drawn[NORMALS]
    for place in range(whole_vectors(count)):
        values[place] = _unit(_absorb(_absorb(state, first + place), attempt))
    if law.truncated:
        for place in range(whole_vectors(count)):
            values[place] = law.below + values[place] * law.width
    find_normals(w, count, values)
    for place in range(count):
        values[place] = law.a * math.exp(law.b * normals[place])
    if law.truncated:
        for place in range(whole_vectors(count)):
            values[place] = min(max(values[place], law.low), law.high)


@compiled
def latency_of(w: Any, row: int, entity: int, item: int, attempt: int) -> int:
    """Return the latency of a key under the distribution of a row, never negative [ns]."""
    return latency_from(w.draws[row], value_of(w, row, entity, item, attempt))


@compiled
def latency_from(law: Any, seconds: float) -> int:
    """Return a value that was drawn from *law* as a latency, never negative [ns]."""
    if law.kind == CONSTANT:
        return law.constant
    return nanoseconds_of(max(seconds, 0.0))


@compiled
def nanoseconds_of(seconds: float) -> int:
    """Return seconds as whole nanoseconds; at most `NEVER`."""
    return rounded(seconds * 1e9)


@compiled
def rounded(time: float) -> int:
    """Return a time [ns] as a whole number; at most `NEVER`, so that it has 64 bits."""
    return np.int64(min(np.rint(time), 1.0 * NEVER))
