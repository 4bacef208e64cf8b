"""The page of figures in Markdown, for the documentation."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.figure import Figure

HEAD = ("what", "measured", "ratio", "asked", "remark")


def page_of(figures: Sequence[Figure], machine: Mapping[str, Any], command: str) -> str:
    """Return the page: the command, the machine, and a table with a row for each figure."""
    measured = (
        f"Written by `{command} --page FILE` on {datetime.now(UTC):%Y-%m-%d}: {machine['cpus']} processors, "
        f"Python {machine['python']}, load average {machine['load_average']} at the end. Times are processor "
        "times unless they say otherwise. Ratios of one run say more than times."
    )
    lines = [
        "# Benchmark figures",
        "",
        measured,
        "",
        _row(HEAD),
        _row("---" for _ in HEAD),
        *(_row(_cells(figure)) for figure in figures),
    ]
    return "\n".join(lines) + "\n"


def _cells(figure: Figure) -> Sequence[str]:
    measured = "not measured" if figure.value is None else f"{figure.value:.4g} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3g} × {figure.against}"
    return figure.name, measured, ratio, figure.asked, figure.note


def _row(cells: Any) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
