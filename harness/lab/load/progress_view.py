"""
A run as it goes: a live table in a terminal, a bar and a table in a notebook, a line now and then elsewhere.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from harness.lab.load.progress import Progress

LINE_EVERY_S = 10.0

OnProgress = Callable[[Progress], None]


def watching(duration: float) -> AbstractContextManager[OnProgress]:
    """
    Return a context that shows the progress it is given, where somebody can see it.

    Args:
        duration: How long arrivals keep coming [clock s].
    """
    if _is_notebook():
        return _notebook(duration)
    return _terminal(duration) if sys.stderr.isatty() else _lines()


@contextmanager
def _terminal(duration: float) -> Iterator[OnProgress]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bars = Bars(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = bars.add_task("preparing", total=duration)
    with Live(bars, console=Console(stderr=True), refresh_per_second=4) as live:

        def show(progress: Progress) -> None:
            bars.update(bar, completed=min(progress.at_s, duration), description=progress.phase)
            live.update(Group(bars, _table(progress)))

        yield show


@contextmanager
def _notebook(duration: float) -> Iterator[OnProgress]:
    from IPython.display import HTML, display
    from tqdm.auto import tqdm

    html: Any = HTML
    show_at: Any = display
    table = show_at(html(""), display_id=True)
    total = round(duration, 1)
    with tqdm(total=total, unit="s") as bar:

        def show(progress: Progress) -> None:
            bar.set_description(progress.phase)
            bar.update(min(progress.at_s, total) - bar.n)
            table.update(html(_html(progress)))

        yield show


@contextmanager
def _lines() -> Iterator[OnProgress]:
    told_at, told = time.monotonic(), ""

    def show(progress: Progress) -> None:
        nonlocal told_at, told
        is_news = progress.phase == "over" and told != "over"
        if is_news or time.monotonic() - told_at >= LINE_EVERY_S:
            told_at, told = time.monotonic(), progress.phase
            words = ", ".join(f"{name} {value}" for name, value in figures(progress))
            sys.stderr.write(f"{progress.at_s:.0f} s {progress.phase}: {words}\n")

    yield show


def figures(progress: Progress) -> list[tuple[str, str]]:
    """Return what a watcher wants to know, as names and texts."""
    return [
        ("arrivals", f"{progress.started} of {progress.scheduled or '∞'}"),
        ("in flight", str(progress.in_flight)),
        ("requests", str(progress.requests)),
        ("failed", str(progress.failed)),
        ("refused", str(progress.refused)),
        ("breached", str(progress.breached)),
        ("batches ready", str(progress.ready)),
        ("not ready", str(progress.not_ready)),
        ("ready p50", _seconds(progress.ready_p50_s)),
        ("ready p95", _seconds(progress.ready_p95_s)),
        ("ready p99", _seconds(progress.ready_p99_s)),
    ]


def _table(progress: Progress) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in figures(progress):
        table.add_row(name, value)
    return table


def _html(progress: Progress) -> str:
    names = "".join(f"<th>{name}</th>" for name, _ in figures(progress))
    values = "".join(f"<td>{value}</td>" for _, value in figures(progress))
    return f"<table><tr>{names}</tr><tr>{values}</tr></table>"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _is_notebook() -> bool:
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
