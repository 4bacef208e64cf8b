"""
A busy machine is not a wrong clock.
"""

import pytest

from harness.lab.load.generator.clock_skew import minimum_skew


@pytest.mark.parametrize(
    ("there", "back"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.2, 0.9)], ids=lambda delay: f"{delay} s"
)
@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_messages_that_take_long_accuse_no_clock(off, there, back):
    """
    A right clock is never found wrong; one that is wrong by more than a message took is, never by too much.
    """
    asked_at, prepared = 1_000.0, 30.0
    heard_at = asked_at + there + off
    answered_at = heard_at + prepared

    found = minimum_skew(asked_at, heard_at, answered_at, asked_at + there + prepared + back)

    assert found == pytest.approx({-2.0: -2.0 + there, 0.0: 0.0, 2.0: 2.0 - back}[off])
