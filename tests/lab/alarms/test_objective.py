"""
The language of objectives.
"""

import pytest

from harness.lab.alarms.objective import Objective, Window


@pytest.mark.parametrize(
    ("line", "function", "selector", "limit"),
    [
        ("p95(E2E:ready) <= 15 min", "p95", "E2E:ready", 900.0),
        ("p95(ready) <= 10min", "p95", "ready", 600.0),
        ("p99.9(POST uploads) < 500 ms", "p99.9", "POST uploads", 0.5),
        ("mean(GET status) < 1e-1 s", "mean", "GET status", 0.1),
        ("fail_ratio(PUT object) < 0.5 %", "fail_ratio", "PUT object", 0.005),
        ("count(forbidden succeeded) == 0", "count", "forbidden succeeded", 0.0),
        ("rate(E2E:ready) >= 4 /s", "rate", "E2E:ready", 4.0),
        ("rate(E2E:ready) >= 240/min", "rate", "E2E:ready", 4.0),
        ("achieved >= 99 %", "achieved", "", 0.99),
        ("total(media_batches_failed_total) == 0", "total", "media_batches_failed_total", 0.0),
        (
            "alarm(listing-media-dlq-has-messages) == ALARM",
            "alarm",
            "listing-media-dlq-has-messages",
            "ALARM",
        ),
    ],
)
def test_reads(line, function, selector, limit):
    """
    Limits come out in seconds, ratios, per second, or counts.
    """
    objective = Objective.parse(line)

    assert (objective.function, objective.selector) == (function, selector)
    assert objective.limit == (limit if isinstance(limit, str) else pytest.approx(limit))


def test_a_window_of_periods():
    """
    M of N periods may be asked for.
    """
    assert Objective.parse("p95(ready) <= 10 min for 3 of 5 x 60s").window == Window(3, 5, 60)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("p95(ready) <= 10", "unit ms or s or min"),
        ("p95(ready) <= 10 %", "a time needs"),
        ("fail_ratio(PUT) < 0.005", "a ratio needs"),
        ("count(ready) == 0 s", "a count needs"),
        ("rate(ready) >= 4", "a rate needs"),
        ("median(ready) <= 1 s", "no function 'median'"),
        ("p95 <= 1 s", "say of what"),
        ("achieved(ready) >= 1 %", "takes no selector"),
        ("alarm(x) == RED", "OK, ALARM or"),
        ("fast please", "no objective"),
        ("p95(ready) <= 1 s for 5 of 3 x 60s", "5 of 3"),
        ("p95(ready) <= nan s", "no number"),
        ("", "no objective"),
    ],
)
def test_refuses(line, complaint):
    """
    Every mistake gets a sentence of its own.
    """
    with pytest.raises(ValueError, match=complaint):
        Objective.parse(line)


@pytest.mark.parametrize(
    ("line", "value", "holds"),
    [
        ("p95(x) <= 500 ms", 0.500, True),
        ("p95(x) <= 500 ms", 0.5049, False),
        ("p95(x) < 500 ms", 0.500, False),
        ("count(x) == 0", 1.0, False),
        ("count(x) != 0", 1.0, True),
        ("rate(x) > 1 /s", 1.0, False),
        ("alarm(x) == ALARM", "OK", False),
        ("alarm(x) != ALARM", "OK", True),
    ],
)
def test_holds(line, value, holds):
    """
    Values are compared unrounded: 504.9 ms breaks a promise of 500 ms.
    """
    assert Objective.parse(line).holds(value) is holds
