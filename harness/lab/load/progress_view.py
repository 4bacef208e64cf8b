"""
The progress of a run as it goes on: a table in a terminal, a bar and a table in a notebook, else a line of
text at each new phase and every ten seconds.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from harness.lab.load.progress import Progress

LINE_EVERY_S = 10.0

OnProgress = Callable[[Progress], None]


def progress_view(duration: float, time_scale: float = 1.0) -> AbstractContextManager[OnProgress]:
    """
    Return a context whose callback shows a `Progress` on stderr or in the notebook.

    Args:
        duration: How long arrivals come [clock s].
        time_scale: Model seconds per clock second; the times until READY are shown in model time.
    """
    if _is_notebook():
        return _notebook_view(duration, time_scale)
    return _terminal_view(duration, time_scale) if sys.stderr.isatty() else _line_view(time_scale)


@contextmanager
def _terminal_view(duration: float, time_scale: float) -> Iterator[OnProgress]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.table import Table

    bars = Bars(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = bars.add_task("preparing", total=duration)
    with Live(bars, console=Console(stderr=True), refresh_per_second=4) as live:

        def show(progress: Progress) -> None:
            bars.update(bar, completed=min(progress.at_s, duration), description=progress.phase)
            table = Table.grid(padding=(0, 2))
            for name, value in figures(progress, time_scale):
                table.add_row(name, value)
            live.update(Group(bars, table))

        yield show


@contextmanager
def _notebook_view(duration: float, time_scale: float) -> Iterator[OnProgress]:
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
            table.update(html(_html(progress, time_scale)))

        yield show


@contextmanager
def _line_view(time_scale: float) -> Iterator[OnProgress]:
    shown_at, shown_phase = time.monotonic(), ""

    def show(progress: Progress) -> None:
        nonlocal shown_at, shown_phase
        if progress.phase != shown_phase or time.monotonic() - shown_at >= LINE_EVERY_S:
            shown_at, shown_phase = time.monotonic(), progress.phase
            line = ", ".join(f"{name} {value}" for name, value in figures(progress, time_scale))
            has_begun = progress.phase != "preparing"
            sys.stderr.write(f"{progress.at_s:.0f} s {progress.phase}{': ' + line if has_begun else ''}\n")

    yield show


def figures(progress: Progress, time_scale: float = 1.0) -> list[tuple[str, str]]:
    """Return the figures to show, as names and texts; the times until READY are model seconds."""
    unit = "s" if time_scale == 1 else "s of model time"
    started = str(progress.started)
    return [
        ("arrivals", f"{progress.started} of {progress.scheduled}" if progress.scheduled else started),
        ("in flight", str(progress.in_flight)),
        ("requests", str(progress.requests)),
        ("failed", str(progress.failed)),
        ("refused", str(progress.refused)),
        ("breached", str(progress.breached)),
        ("batches ready", str(progress.ready)),
        ("not ready", str(progress.not_ready)),
        ("ready p50", _time(progress.ready_p50_s, time_scale, unit)),
        ("ready p95", _time(progress.ready_p95_s, time_scale, unit)),
        ("ready p99", _time(progress.ready_p99_s, time_scale, unit)),
    ]


def _html(progress: Progress, time_scale: float) -> str:
    names, values = zip(*figures(progress, time_scale), strict=True)
    head, row = "</th><th>".join(names), "</td><td>".join(values)
    return f"<table><tr><th>{head}</th></tr><tr><td>{row}</td></tr></table>"


def _time(value: float | None, time_scale: float, unit: str) -> str:
    return "–" if value is None else f"{value * time_scale:.2f} {unit}"


def _is_notebook() -> bool:
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
