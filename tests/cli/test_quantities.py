"""
Durations and rates on the command line.
"""

import pytest
import typer

from harness.cli.quantities import duration, rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("10m", 600), ("10 min", 600), ("1h30m", 5400), ("250ms", 0.25)],
)
def test_duration(text, seconds):
    """
    A number is in seconds; units add up.
    """
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "per_second"), [("4", 4), ("4/s", 4), ("240/min", 4), ("1800 / h", 0.5)])
def test_rate(text, per_second):
    """
    A number is per second.
    """
    assert rate(text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["", "10x", "m", "ten", "1h30", "nan", "10m extra"])
def test_no_duration(text):
    """
    The message gives an example.
    """
    with pytest.raises(typer.BadParameter, match="1h30m"):
        duration(text)


@pytest.mark.parametrize("text", ["0", "-4/s"])
def test_a_rate_without_arrivals(text):
    """
    A run without arrivals measures nothing.
    """
    with pytest.raises(typer.BadParameter, match="above 0"):
        rate(text)


@pytest.mark.parametrize("text", ["", "x/s", "4/d", "4 per second", "inf/s"])
def test_no_rate(text):
    """
    The message gives an example.
    """
    with pytest.raises(typer.BadParameter, match="240/min"):
        rate(text)
