"""
The clock difference that two messages prove.
"""

import pytest

from harness.lab.load.generator.clock_skew import minimum_skew


@pytest.mark.parametrize(
    ("there", "back"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.2, 0.9)], ids=lambda delay: f"{delay} s"
)
@pytest.mark.parametrize("skew", [-2.0, 0.0, 2.0])
def test_slow_messages_do_not_look_like_a_wrong_clock(skew, there, back):
    """
    A correct clock has no skew. Of a wrong clock, the skew is found less the time of the faster message.
    """
    sent_at, prepared = 1_000.0, 30.0
    received_at = sent_at + there + skew
    answered_at = received_at + prepared

    found = minimum_skew(sent_at, received_at, answered_at, sent_at + there + prepared + back)

    assert found == pytest.approx({-2.0: -2.0 + there, 0.0: 0.0, 2.0: 2.0 - back}[skew])
