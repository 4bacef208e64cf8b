"""
Texts of tables in a narrow terminal.
"""

import io

import pytest
from rich.console import Console

from harness.lab.results.terminal_text import Words, without_common_beginning


def printed(text: str, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(Words(text))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("It fired 7.0 min late.", ["It fired", "7.0 min late."]),
        ("was 8: p50 1.183 s, more", ["was 8:", "p50 1.183 s,", "more"]),
        ("in total 17 READY now", ["in total", "17 READY now"]),
        ("a_name_without_any_space", ["a_name_without_", "any_space"]),
        ("fits", ["fits"]),
    ],
)
def test_no_line_ends_inside_a_figure(text, lines):
    """
    A number stays with its unit, its percentile or what it counts; a word that is too long is divided.
    """
    assert printed(text, 15) == lines


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["a-b-c", "a-b-d", "a-e"], ["…c", "…d", "a-e"]),
        (["a-b", "c-d"], ["a-b", "c-d"]),
        (["only-one"], ["only-one"]),
        ([], []),
    ],
)
def test_names_lose_the_beginning_that_saves_most(names, short):
    """
    A beginning is common if two names have it, and ends with a hyphen.
    """
    assert without_common_beginning(names) == short
