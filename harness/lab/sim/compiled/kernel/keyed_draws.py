"""
Keyed draws and quantile functions for compiled code: the same bits as `harness.lab.workload`.

A distribution is a row of the table ``draws``: the state of its stream and its parameters. Times are
nanoseconds.
"""

import math
from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled, compiled_copy
from harness.lab.workload.distributions.gamma_quantile import gamma_excess, gamma_quantile

CONSTANT, UNIFORM, TRIANGULAR, EXPONENTIAL, LOGNORMAL, TABLE, EMPIRICAL, GAMMA = range(8)
"""Kinds of distributions."""

_gamma_quantile = compiled_copy(gamma_quantile, gamma_excess=compiled(gamma_excess))

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_TAIL = 0.13533528323661269189
_ROOT_OF_2_PI = 2.50662827463100050242


@compiled
def _absorb(state: Any, word: int) -> Any:
    mixed = state + (np.uint64(word) + np.uint64(1)) * _GAMMA
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MULTIPLIER_2
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def unit_draw(state: Any, entity: int, item: int, attempt: int) -> float:
    """Return the draw of a key, in (0, 1); *state* is that of its stream."""
    state = _absorb(_absorb(_absorb(state, entity), item), attempt)
    return (np.float64(state >> np.uint64(12)) + 0.5) * 2.0**-52


@compiled
def ndtri(p: float) -> float:
    """
    Return the quantile of the standard normal distribution, for 0 < *p* < 1.

    Source:
        Moshier, Cephes Mathematical Library, ndtri.c; the same operations in the same order as SciPy.
    """
    negative = True
    if p > 1.0 - _TAIL:
        p, negative = 1.0 - p, False
    if p > _TAIL:
        p -= 0.5
        return (p + p * _middle(p * p)) * _ROOT_OF_2_PI
    x = math.sqrt(-2.0 * math.log(p))
    first = x - math.log(x) / x
    z = 1.0 / x
    x = first - (_tail(z) if x < 8.0 else _far_tail(z))
    return -x if negative else x


@compiled
def _middle(y: float) -> float:
    above = -5.99633501014107895267e1
    above = above * y + 9.80010754185999661536e1
    above = above * y + -5.66762857469070293439e1
    above = above * y + 1.39312609387279679503e1
    above = above * y + -1.23916583867381258016e0
    below = y + 1.95448858338141759834e0
    below = below * y + 4.67627912898881538453e0
    below = below * y + 8.63602421390890590575e1
    below = below * y + -2.25462687854119370527e2
    below = below * y + 2.00260212380060660359e2
    below = below * y + -8.20372256168333339912e1
    below = below * y + 1.59056225126211695515e1
    below = below * y + -1.18331621121330003142e0
    return y * above / below


@compiled
def _tail(z: float) -> float:
    above = 4.05544892305962419923e0
    above = above * z + 3.15251094599893866154e1
    above = above * z + 5.71628192246421288162e1
    above = above * z + 4.40805073893200834700e1
    above = above * z + 1.46849561928858024014e1
    above = above * z + 2.18663306850790267539e0
    above = above * z + -1.40256079171354495875e-1
    above = above * z + -3.50424626827848203418e-2
    above = above * z + -8.57456785154685413611e-4
    below = z + 1.57799883256466749731e1
    below = below * z + 4.53907635128879210584e1
    below = below * z + 4.13172038254672030440e1
    below = below * z + 1.50425385692907503408e1
    below = below * z + 2.50464946208309415979e0
    below = below * z + -1.42182922854787788574e-1
    below = below * z + -3.80806407691578277194e-2
    below = below * z + -9.33259480895457427372e-4
    return z * above / below


@compiled
def _far_tail(z: float) -> float:
    above = 3.23774891776946035970e0
    above = above * z + 6.91522889068984211695e0
    above = above * z + 3.93881025292474443415e0
    above = above * z + 1.33303460815807542389e0
    above = above * z + 2.01485389549179081538e-1
    above = above * z + 1.23716634817820021358e-2
    above = above * z + 3.01581553508235416007e-4
    above = above * z + 2.65806974686737550832e-6
    above = above * z + 6.23974539184983293730e-9
    below = z + 6.02427039364742014255e0
    below = below * z + 3.67983563856160859403e0
    below = below * z + 1.37702099489081330271e0
    below = below * z + 2.16236993594496635890e-1
    below = below * z + 1.34204006088543189037e-2
    below = below * z + 3.28014464682127739104e-4
    below = below * z + 2.89247864745380683936e-6
    below = below * z + 6.79019408009981274425e-9
    return z * above / below


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
    if 0.0 < p < 1.0:
        return law.a * math.exp(law.b * ndtri(p))
    return math.inf if p >= 1.0 else 0.0


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
    return quantile(w.tables, law, unit_draw(law.stream, entity, item, attempt))


@compiled
def draw_items(
    w: Any, row: int, entity: int, first: int, count: int, attempt: int, values: Any, normals: Any
) -> None:
    """
    Draw the values of *count* items of an entity into *values*: the same bits as `value_of`.

    The loops of lognormal draws have no branches, so the processor computes several items at once.
    """
    law = w.draws[row]
    if law.kind != LOGNORMAL:
        for place in range(count):
            values[place] = value_of(w, row, entity, first + place, attempt)
        return
    _draw_units(_absorb(law.stream, entity), first, count, attempt, values)
    if law.truncated:
        _narrow(law.below, law.width, count, values)
    _middle_normals(count, values, normals)
    for place in range(count):
        p = values[place]
        is_middle = _TAIL < p <= 1.0 - _TAIL
        value = law.a * math.exp(law.b * normals[place]) if is_middle else _inverse(law, p)
        if law.truncated:
            value = min(max(value, law.low), law.high)
        values[place] = value


@compiled
def _draw_units(state: Any, first: int, count: int, attempt: int, values: Any) -> None:
    """Draw the units of consecutive items; *state* has absorbed their entity."""
    for place in range(count):
        drawn = _absorb(_absorb(state, first + place), attempt)
        values[place] = (np.float64(drawn >> np.uint64(12)) + 0.5) * 2.0**-52


@compiled
def _narrow(below: float, width: float, count: int, values: Any) -> None:
    for place in range(count):
        values[place] = below + values[place] * width


@compiled
def _middle_normals(count: int, values: Any, normals: Any) -> None:
    """Fill in the normal quantiles, which are right in the middle of the distribution only."""
    for place in range(count):
        p = values[place] - 0.5
        normals[place] = (p + p * _middle(p * p)) * _ROOT_OF_2_PI


@compiled
def latency_of(w: Any, row: int, entity: int, item: int, attempt: int) -> int:
    """Return the latency of a key under the distribution of a row, never negative [ns]."""
    law = w.draws[row]
    if law.kind == CONSTANT:
        return law.constant
    return latency_from(law, quantile(w.tables, law, unit_draw(law.stream, entity, item, attempt)))


@compiled
def latency_from(law: Any, seconds: float) -> int:
    """Return a value that was drawn from *law* as a latency, never negative [ns]."""
    if law.kind == CONSTANT:
        return law.constant
    return np.int64(np.rint(max(seconds, 0.0) * 1e9))


@compiled
def nanoseconds_of(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return np.int64(np.rint(seconds * 1e9))
