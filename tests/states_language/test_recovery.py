"""Delays before retries."""

import pytest

from harness.states_language.recovery import CENTURY, Retrier


@pytest.mark.parametrize(
    ("retrier", "retry", "delay"),
    [
        (Retrier(("X",), interval_seconds=3, backoff_rate=1.5), 3, 6.75),
        (Retrier(("X",), interval_seconds=3, backoff_rate=1.0), 100_000, 3),
        (Retrier(("X",), interval_seconds=2, backoff_rate=10, max_delay_seconds=50), 3, 50),
        (Retrier(("X",), backoff_rate=2.5, max_delay_seconds=1), 2_000, 1),
        (Retrier(("X",), backoff_rate=2.0), 32, 2.0**31),
    ],
)
def test_delays_grow_to_their_limit(retrier, retry, delay):
    """Each delay is the previous one times the rate, at most ``MaxDelaySeconds``."""
    assert retrier.delay(retry) == delay


@pytest.mark.parametrize("rate", [2, 2.5, 1e300, 10**400])
def test_no_delay_is_longer_than_a_century(rate):
    """Also without ``MaxDelaySeconds``."""
    assert Retrier(("X",), backoff_rate=rate).delay(2_000) == CENTURY
