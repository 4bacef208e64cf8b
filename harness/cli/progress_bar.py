"""Progress on stderr: a bar in a terminal, else a line now and then, e.g. in the log of a build."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 10.0


@contextmanager
def progress_bar(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """Show progress while the body runs; yield the function that sets how much of *total* is done."""
    if sys.stderr.isatty():
        with _bar(description, total, unit) as show:
            yield show
    else:
        yield _lines(description, total, unit)


def _lines(description: str, total: float, unit: str) -> Callable[[float], None]:
    said_at = time.monotonic()

    def show(done: float) -> None:
        nonlocal said_at
        if (now := time.monotonic()) >= said_at + LINE_EVERY_S:
            said_at = now
            sys.stderr.write(f"{description} {done:,.0f} of {total:,.0f} {unit}\n")

    return show


@contextmanager
def _bar(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TimeElapsedColumn(),
    )
    # Twice a second: at the default ten times it takes a twentieth of a simulation's time.
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=2) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.update(task, completed=done)
