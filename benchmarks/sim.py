"""
Suite ``sim``: the speed of the simulator beside others, and how often its intervals contain the true value.
"""

import sys
from collections.abc import Iterator

from tqdm import tqdm

from benchmarks import blueprint
from benchmarks.coverage import coverage
from benchmarks.figure import Figure
from benchmarks.simulators.comparison import COMPARISONS, SEED, play
from benchmarks.simulators.workloads import fork_join

EXPERIMENTS = 400

LENGTH_S, QUICK_LENGTH_S = 7_200.0, 1_800.0
"""Model time of the comparison of our engines [s], with one arrival a second."""

TRIES = 2
QUICK_SCALE = 0.2
SIZES = (1_000, 10_000, 100_000, 1_000_000)
HEAP_EVENTS = 2_000_000
LOOP_BATCHES = 20_000
HEAPS_ASKED, LINEAR_WITHIN = 2.5, 1.2


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield the figures of the simulator; *quick* plays shorter runs, once."""
    tries = 1 if quick else TRIES
    yield from blueprint.figures(QUICK_LENGTH_S if quick else LENGTH_S, tries)
    for comparison in COMPARISONS:
        yield from comparison.figures(tries, QUICK_SCALE if quick else 1.0)
    yield from _growth(SIZES[:-1] if quick else SIZES)
    yield from _coverage(EXPERIMENTS // 10 if quick else EXPERIMENTS)


def _growth(sizes: tuple[int, ...]) -> Iterator[Figure]:
    """Yield the time of an event from small to large runs, beside that of a bare heap, and the memory."""
    heap = play("bare heap", HEAP_EVENTS)
    heap_ns = heap.cpu_s / HEAP_EVENTS * 1e9
    yield Figure("bare heap with 135 pending events", heap_ns, "ns an event")
    outcomes = [play("steady: compiled engine", size) for size in sizes]
    times = [outcome.cpu_s / (outcome.events or 1) * 1e9 for outcome in outcomes]
    for size, outcome, event_ns in zip(sizes, outcomes, times, strict=True):
        note, ratio = f"{outcome.peak_mb:.0f} MB, {outcome.cpu_s:.3g} s", event_ns / heap_ns
        yield Figure(
            f"blueprint, {size:,} arrivals: an event", event_ns, "ns", ratio, "the bare heap", note,
            at_most=HEAPS_ASKED if size == sizes[-1] else None,
        )  # fmt: skip
    yield Figure(
        f"blueprint, growth to {sizes[-1]:,} arrivals", times[-1], "ns an event", times[-1] / times[-2],
        f"with {sizes[-2]:,}", at_most=LINEAR_WITHIN,
    )  # fmt: skip
    loop = play("fork-join: event loop, drawn before", LOOP_BATCHES)
    event_ns = loop.cpu_s / fork_join(LOOP_BATCHES, SEED).events * 1e9
    yield Figure(
        "fork-join, event loop: an event", event_ns, "ns", event_ns / heap_ns, "the bare heap",
        "not the engine: a loop written for this model alone", at_most=HEAPS_ASKED,
    )  # fmt: skip
    grown = outcomes[-1].peak_mb - outcomes[0].peak_mb
    note = f"{grown:+.0f} MB from the smallest run to the largest"
    yield Figure("blueprint, memory of statistics only", outcomes[-1].peak_mb, "MB", note=note)


def _coverage(experiments: int) -> Iterator[Figure]:
    """Yield how often nominal 95 % intervals of a known p95 contain it: by replications, and naive ones."""
    with tqdm(total=experiments, desc="coverage", unit="experiment", file=sys.stderr, disable=None) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        found = coverage(experiments, progress=show)
    note = f"{found.experiments} experiments, M/M/1 at ρ 0.9"
    yield Figure("coverage of the 95 % interval of p95", 100 * found.ours, "%", note=note)
    yield Figure("coverage of the naive interval of one run", 100 * found.naive, "%", note=note)
