"""
Figures as text, and the time of repeated work.
"""

import pytest

from benchmarks.figure import Figure, seconds


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (Figure("a", 2.0, "s", 4.0, "b"), "a: 2 s  4 × b"),
        (Figure("a", 12345.678, "rows/s"), "a: 1.235e+04 rows/s"),
        (Figure("a", 2.0, "s", 99.0, "b", at_least=100), "a: 2 s  99 × b  (at least 100: MISSED)"),
        (Figure("a", 2.0, "s", 2.5, "b", "c", at_most=2.5), "a: 2 s  2.5 × b  (at most 2.5: held; c)"),
        (Figure("wrk", None, "1/s", note="not installed"), "wrk: not measured  (not installed)"),
    ],
)
def test_a_figure_names_what_it_is_compared_with(figure, line):
    """
    Without a value it gives the reason.
    """
    assert figure.line == line


def test_the_shortest_of_some_tries_counts():
    """
    The work is done once for each try.
    """
    done = []

    assert seconds(lambda: done.append(1), tries=3) >= 0
    assert len(done) == 3
