"""
Suite ``load``: the accuracy and the speed of the load generator.

First every generator measures a server that stalls for one second in every ten; what it reports is compared
with the true response times. Then the server responds at once to 5,000 arrivals a second: the schedule lag is
measured, and the rate is compared with stock Locust's and, if it is installed, wrk's.
"""

import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks import generators
from benchmarks.figure import Figure
from benchmarks.generators import GeneratorResult

STALL_S, PERIOD_S, STALL_FOR_S = 1.0, 10.0, 30.0
RATE, RATE_FOR_S = 5_000.0, 10.0
LAG_LIMIT_S = 0.005


def figures() -> Iterator[Figure]:
    """Yield the figures of the generator, and print the results they are taken from on stderr."""
    yield from _stall()
    yield from _rate()


def _stall() -> Iterator[Figure]:
    sys.stderr.write(
        f"load   a server that stalls {STALL_S:g} s in every {PERIOD_S:g} s, 500 arrivals/s: "
        f"{2 * STALL_FOR_S:g} s …\n"
    )
    results = generators.measure_stall(seconds=STALL_FOR_S, stall=STALL_S, period=PERIOD_S)
    _print(results)
    for result in results:
        for p, value in ((95, result.p95), (99, result.p99)):
            truth = generators.stall_percentile(p, stall=STALL_S, period=PERIOD_S)
            ratio = None if value is None else value / truth
            yield Figure(f"stall: {result.name}, p{p}", value, "s", ratio, f"the truth, {truth:g} s")


def _rate() -> Iterator[Figure]:
    sys.stderr.write(f"load   a server that answers at once, {RATE:g} arrivals/s: {3 * RATE_FOR_S:g} s …\n")
    results = generators.measure_rate(rate=RATE, seconds=RATE_FOR_S)
    _print(results)
    ours, stock, *others = results
    for result in results:
        ratio = result.rate / stock.rate
        yield Figure(f"rate: {result.name}", result.rate, "requests/s", ratio, "stock Locust")
    if not others:
        yield Figure("rate: wrk", None, "requests/s", note="wrk is not installed here")
    if ours.lag_p99 is not None:
        limit = f"the limit of {LAG_LIMIT_S * 1000:g} ms"
        yield Figure("rate: schedule lag p99", ours.lag_p99, "s", ours.lag_p99 / LAG_LIMIT_S, limit)
    if ours.cpu_s is not None:
        yield Figure("rate: CPU for an arrival", ours.cpu_s, "s", note=f"{ours.cpu_s * RATE:.0%} of a core")


def _print(results: Sequence[GeneratorResult]) -> None:
    table = Table(
        "generator", "offered", "done", "rate", "p50 ms", "p95 ms", "p99 ms", "lag p99 ms", box=None
    )
    for one in results:
        times = (_milliseconds(value) for value in (one.p50, one.p95, one.p99, one.lag_p99))
        table.add_row(one.name, str(one.offered or "–"), str(one.done), f"{one.rate:.0f}/s", *times)
    Console(stderr=True).print(table)


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.1f}"
