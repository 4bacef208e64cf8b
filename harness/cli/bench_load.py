"""
How honest and how fast the generator is, beside stock Locust and, if it is here, wrk, on one server.

First a server that stands still for a second in every ten: what each reports of it, beside the truth. Then
one that answers at once, at 5,000 arrivals a second: how late the schedule is kept, what others reach.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.cli.bench_figure import Figure

if TYPE_CHECKING:
    from harness.lab.load.bench import Row

STALL_S, PERIOD_S, STALL_FOR_S = 1.0, 10.0, 30.0
RATE, RATE_FOR_S = 5_000.0, 10.0
LAG_LIMIT_S = 0.005


def figures() -> Iterator[Figure]:
    """Yield the figures of the generator, and show what they are taken from on stderr."""
    yield from _stall()
    yield from _rate()


def _stall() -> Iterator[Figure]:
    from harness.lab.load import bench

    sys.stderr.write(
        f"load   a server that stalls {STALL_S:g} s in every {PERIOD_S:g} s, 500 arrivals/s: "
        f"{2 * STALL_FOR_S:g} s …\n"
    )
    rows = bench.measure_stall(seconds=STALL_FOR_S, stall=STALL_S, period=PERIOD_S)
    _show(rows)
    for row in rows:
        for p, value in ((95, row.p95), (99, row.p99)):
            truth = bench.stalled(p, stall=STALL_S, period=PERIOD_S)
            ratio = None if value is None else value / truth
            yield Figure(f"stall: {row.name}, p{p}", value, "s", ratio, f"the truth, {truth:g} s")


def _rate() -> Iterator[Figure]:
    from harness.lab.load import bench

    sys.stderr.write(f"load   a server that answers at once, {RATE:g} arrivals/s: {3 * RATE_FOR_S:g} s …\n")
    rows = bench.measure_rate(rate=RATE, seconds=RATE_FOR_S)
    _show(rows)
    ours, stock, *others = rows
    for row in rows:
        yield Figure(f"rate: {row.name}", row.rate, "requests/s", row.rate / stock.rate, "stock Locust")
    if not others:
        yield Figure("rate: wrk", None, "requests/s", note="wrk is not installed here")
    if ours.lag_p99 is not None:
        limit = f"the limit of {LAG_LIMIT_S * 1000:g} ms"
        yield Figure("rate: schedule lag p99", ours.lag_p99, "s", ours.lag_p99 / LAG_LIMIT_S, limit)
    if ours.cpu_s is not None:
        yield Figure("rate: CPU for an arrival", ours.cpu_s, "s", note=f"{ours.cpu_s * RATE:.0%} of a core")


def _show(rows: "Sequence[Row]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "generator", "offered", "done", "rate", "p50 ms", "p95 ms", "p99 ms", "lag p99 ms", box=None
    )
    for row in rows:
        times = (_milliseconds(value) for value in (row.p50, row.p95, row.p99, row.lag_p99))
        table.add_row(row.name, str(row.offered or "–"), str(row.done), f"{row.rate:.0f}/s", *times)
    Console(stderr=True).print(table)


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.1f}"
