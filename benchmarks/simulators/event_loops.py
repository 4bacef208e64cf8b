"""
Event loops that are written for one model, in Numba: how fast an event-list simulator can be on this machine.

They have no state machine, no client, no rows and no faults, and their arrays are made before. The bare heap
is the least that an event costs: the earliest event is taken, and another one is put in its place.
"""

import math
from typing import Any

import numpy as np

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import CAPACITIES, FINALISE, PHOTO, UPLOAD, VALIDATE, VIDEO, ZIP, Floats
from harness.lab.sim.compiled.kernel.draws.keyed_draws import unit_draw
from harness.lab.sim.compiled.kernel.draws.normal_quantile import ndtri
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.workload.draws import Stream

ROOM = 1 << 16
"""Jobs that may wait at a station; more than ever do at these utilisations."""

_ARRIVAL = len(CAPACITIES)
_AFTER = (VALIDATE, -1, ZIP, ZIP, FINALISE, VALIDATE, UPLOAD)
"""The station after each one, and after the arrival; photos and videos come after VALIDATE."""

_BITS = 40
_FREE, _FIRST, _LENGTH = range(3)
"""Columns of a station: its free servers, and the place and the number of the jobs that wait."""

_PENDING, _NUMBER = range(2)
"""Events that are scheduled now, and that were scheduled so far."""


@compiled
def _precedes(times: Any, numbers: Any, one: int, other: int) -> bool:
    is_earlier = times[one] < times[other]
    return bool(is_earlier or (times[one] == times[other] and numbers[one] < numbers[other]))


@compiled
def _put(heap: Any, count: int, at: float, number: int, what: int) -> int:
    times, numbers, whats = heap
    place = count
    while place > 0:
        above = (place - 1) >> 1
        if times[above] < at or (times[above] == at and numbers[above] < number):
            break
        times[place], numbers[place], whats[place] = times[above], numbers[above], whats[above]
        place = above
    times[place], numbers[place], whats[place] = at, number, what
    return count + 1


@compiled
def _replace_first(heap: Any, count: int, at: float, number: int, what: int) -> None:
    times, numbers, whats = heap
    place, below = 0, 1
    while below < count:
        if below + 1 < count and _precedes(times, numbers, below + 1, below):
            below += 1
        if at < times[below] or (at == times[below] and number < numbers[below]):
            break
        times[place], numbers[place], whats[place] = times[below], numbers[below], whats[below]
        place = below
        below = 2 * place + 1
    times[place], numbers[place], whats[place] = at, number, what


def _new_heap(size: int) -> Any:
    return np.empty(size), np.empty(size, np.int64), np.empty(size, np.int64)


def hold(pending: int, delays: Floats) -> float:
    """Take the earliest of *pending* events as often as there are delays, and put another in its place."""
    return float(_hold(_new_heap(pending), pending, delays))


@compiled
def _hold(heap: Any, pending: int, delays: Any) -> float:
    count = 0
    for number in range(pending):
        count = _put(heap, count, delays[number], number, 0)
    for number in range(delays.size):
        _replace_first(heap, pending, heap[0][0] + delays[number], pending + number, 0)
    return float(heap[0][0])


def play_fork_join(numbers: workloads.ForkJoin) -> Floats:
    """Return the sojourn times of batches whose numbers were drawn in advance."""
    return _sojourns(numbers, draws=False, seed=0)


def play_fork_join_drawing(batches: int, seed: int) -> Floats:
    """Return the sojourn times of batches; service times are drawn by their keys, as the engine draws."""
    return _sojourns(workloads.fork_join(batches, seed), draws=True, seed=seed)


def _sojourns(numbers: workloads.ForkJoin, *, draws: bool, seed: int) -> Floats:
    states = np.array([Stream(seed, 0, name).state for name in workloads.STATIONS], np.uint64)
    laws = np.array([_law(station) for station in range(_ARRIVAL)])
    times = tuple(np.ascontiguousarray(each) for each in numbers.times)
    given = (numbers.arrivals, numbers.first, numbers.goes_back, times, draws, states, laws)
    batches = len(numbers.arrivals)
    sojourns = np.zeros(batches)
    progress = np.zeros(batches, np.int64), np.zeros(batches, np.int64)
    # Jobs that wait at each station, in rings.
    rings = np.empty((_ARRIVAL, ROOM), np.int64), np.empty((_ARRIVAL, ROOM))
    stations = np.zeros((_ARRIVAL, 3), np.int64)
    stations[:, _FREE] = CAPACITIES
    heap = _new_heap(sum(CAPACITIES) + 4)
    events = _play(given, heap, np.zeros(2, np.int64), rings, stations, progress, sojourns)
    assert events == numbers.events  # noqa: S101 - each event was counted
    return sojourns


def _law(station: int) -> tuple[float, float]:
    """Return the median and σ of lognormal service times, or the mean of exponential ones and -1."""
    variation = workloads.VARIATIONS[station]
    if variation is None:
        return workloads.MEANS[station], -1.0
    mu, sigma = workloads.lognormal(workloads.MEANS[station], variation)
    return math.exp(mu), sigma


@compiled
def _service(given: Any, station: int, row: int, turn: int) -> float:
    _, _, _, times, draws, states, laws = given
    if not draws:
        return float(times[station][row, turn])
    u = unit_draw(states[station], row, turn, 0)
    if laws[station, 1] < 0:
        return float(-math.log1p(-u) * laws[station, 0])
    return float(laws[station, 0] * math.exp(laws[station, 1] * ndtri(u)))


@compiled
def _play(given: Any, heap: Any, counts: Any, rings: Any, stations: Any, progress: Any, sojourns: Any) -> int:
    """Fill in the sojourn times; return the number of events."""
    arrivals, goes_back = given[0], given[2]
    batches = arrivals.size
    turns, left = progress
    counts[_PENDING] = _put(heap, 0, arrivals[0], 0, _ARRIVAL << _BITS)
    events = 0
    while counts[_PENDING] > 0:
        at, what = heap[0][0], heap[2][0]
        _remove_first(heap, counts)
        events += 1
        station, batch = what >> _BITS, what & ((1 << _BITS) - 1)
        if station == _ARRIVAL:
            if batch + 1 < batches:
                _schedule(heap, counts, arrivals[batch + 1], _ARRIVAL, batch + 1)
        else:
            _release(heap, counts, rings, stations, station, at)
        if station >= PHOTO and station <= VIDEO:
            left[batch] -= 1
            if left[batch] > 0:
                continue
        if station == FINALISE:
            if turns[batch] or not goes_back[batch]:
                sojourns[batch] = at - arrivals[batch]
                continue
            turns[batch] = 1
        if station != VALIDATE:
            time = _service(given, _AFTER[station], batch, turns[batch])
            _serve(heap, counts, rings, stations, _AFTER[station], batch, at, time)
            continue
        _fork(given, heap, counts, rings, stations, progress, batch, at)
    return events


@compiled
def _fork(
    given: Any, heap: Any, counts: Any, rings: Any, stations: Any, progress: Any, batch: int, at: float
) -> None:
    """Let the photos and videos of a batch be served."""
    first, (turns, left) = given[1], progress
    for pool in range(PHOTO, VIDEO + 1):
        items = first[pool - PHOTO]
        left[batch] += items[batch + 1] - items[batch]
        for item in range(items[batch], items[batch + 1]):
            time = _service(given, pool, item, turns[batch])
            _serve(heap, counts, rings, stations, pool, batch, at, time)


@compiled
def _schedule(heap: Any, counts: Any, at: float, station: int, batch: int) -> None:
    counts[_NUMBER] += 1
    counts[_PENDING] = _put(heap, counts[_PENDING], at, counts[_NUMBER], (station << _BITS) | batch)


@compiled
def _remove_first(heap: Any, counts: Any) -> None:
    counts[_PENDING] -= 1
    last = counts[_PENDING]
    if last > 0:
        _replace_first(heap, last, heap[0][last], heap[1][last], heap[2][last])


@compiled
def _serve(
    heap: Any, counts: Any, rings: Any, stations: Any, station: int, batch: int, at: float, time: float
) -> None:
    """Let a station serve a batch or an item, at once or when a server is free."""
    of = stations[station]
    if of[_FREE] > 0:
        of[_FREE] -= 1
        _schedule(heap, counts, at + time, station, batch)
    else:
        place = (of[_FIRST] + of[_LENGTH]) & (ROOM - 1)
        rings[0][station, place], rings[1][station, place] = batch, time
        of[_LENGTH] += 1


@compiled
def _release(heap: Any, counts: Any, rings: Any, stations: Any, station: int, at: float) -> None:
    """Let a station serve the next job that waits."""
    of = stations[station]
    if of[_LENGTH] == 0:
        of[_FREE] += 1
        return
    place = of[_FIRST] & (ROOM - 1)
    _schedule(heap, counts, at + rings[1][station, place], station, rings[0][station, place])
    of[_FIRST] += 1
    of[_LENGTH] -= 1
