"""
The text form of objectives.
"""

import pytest

from harness.lab.gate.objective import Dimension, Objective, Window


@pytest.mark.parametrize(
    ("line", "function", "selector", "limit"),
    [
        ("p95(E2E:ready) <= 15 min", "p95", "E2E:ready", 900.0),
        ("p95(ready) <= 10min", "p95", "ready", 600.0),
        ("p50(ready) <= 10 m", "p50", "ready", 600.0),
        ("p1(ready) <= 2 h", "p1", "ready", 7200.0),
        ("p0.5(ready) <= 5 s", "p0.5", "ready", 5.0),
        ("p99.9(POST uploads) < 500 ms", "p99.9", "POST uploads", 0.5),
        ("mean(GET status) < 1e-1 s", "mean", "GET status", 0.1),
        ("fail_ratio(PUT object) < 0.5 %", "fail_ratio", "PUT object", 0.005),
        ("count(forbidden succeeded) == 0", "count", "forbidden succeeded", 0.0),
        ("rate(E2E:ready) >= 4 /s", "rate", "E2E:ready", 4.0),
        ("rate(E2E:ready) >= 240/min", "rate", "E2E:ready", 4.0),
        ("rate(E2E:ready) >= 7200 /h", "rate", "E2E:ready", 2.0),
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
    Limits become seconds, ratios, rates per second, or counts.
    """
    objective = Objective.parse(line)

    assert (objective.function, objective.selector) == (function, selector)
    assert objective.limit == (limit if isinstance(limit, str) else pytest.approx(limit))


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("fail_ratio(x) == 35 %", 35 / 100),
        ("fail_ratio(x) == 0.7 %", 7 / 1000),
        ("rate(x) == 49 /min", 49 / 60),
        ("rate(x) == 7 /h", 7 / 3600),
        ("p95(x) == 35 ms", 0.035),
        ("p95(x) == 1.1 min", 66.0),
    ],
)
def test_a_limit_is_the_nearest_number_to_its_text(limit, value):
    """
    35 of 100 are 35 %, although 35 × 0.01 is more than 0.35.
    """
    assert Objective.parse(limit).holds(value)


def test_a_metric_that_is_not_a_time_has_no_unit():
    """
    Percentiles of a queue depth are counts, those of a duration are times; rates stay rates.
    """
    depth = Objective.parse("p95(media_outbox_depth) <= 5")
    duration = Objective.parse("p95(media_processing_duration_seconds) <= 5 min")
    rate = Objective.parse("rate(media_batches_total) >= 2 /s")

    assert (depth.limit, depth.dimension) == (5.0, Dimension.COUNT)
    assert (duration.limit, duration.dimension) == (300.0, Dimension.TIME)
    assert (rate.limit, rate.dimension) == (2.0, Dimension.RATE)


@pytest.mark.parametrize(("points", "periods", "period"), [(3, 5, 60), (1, 3, 60), (5, 5, 60), (1, 1, 1)])
def test_a_window_of_periods(points, periods, period):
    """
    M of N periods are accepted for 1 ≤ M ≤ N, each of a second or more.
    """
    objective = Objective.parse(f"p95(ready) <= 10 min for {points} of {periods} x {period}s")

    assert objective.window == Window(points, periods, period)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("p95(ready) <= 10", "unit ms or s or min or m or h, not none"),
        ("p95(ready) <= 10 %", "a time needs .*, not %"),
        ("p0(ready) <= 10 s", "unknown function 'p0'"),
        ("fail_ratio(PUT) < 0.005", "a ratio needs"),
        ("count(ready) == 0 s", "a count needs"),
        ("rate(ready) >= 4", "a rate needs"),
        ("fail_ratio(media_batches_total) < 1 %", "a metric has no failed rows; write total"),
        ("median(ready) <= 1 s", "unknown function 'median'"),
        ("p95 <= 1 s", "the selector is missing"),
        ("achieved(ready) >= 1 %", "has no selector"),
        ("alarm(x) == RED", "OK, ALARM or"),
        ("fast please", "Not a valid objective"),
        ("p95(ready) <= 1 s for 5 of 3 x 60s", "5 of 3"),
        ("p95(ready) <= 1 s for 0 of 3 x 60s", "0 of 3"),
        ("p95(ready) <= 1 s for 1 of 3 x 0s", "1 ≤ M ≤ N"),
        ("p95(ready) <= nan s", "is not a number"),
        ("p95(ready) <= 1e308 h", "the number 1e308 is too large"),
        ("count(ready) <= 1e999", "the number 1e999 is too large"),
        ("", "Not a valid objective"),
    ],
)
def test_refuses(line, complaint):
    """
    Each kind of mistake has its own message.
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
        ("rate(x) >= 1 /s", 1.0, True),
        ("rate(x) >= 1 /s", 0.999, False),
        ("alarm(x) == ALARM", "OK", False),
        ("alarm(x) != ALARM", "OK", True),
    ],
)
def test_holds(line, value, holds):
    """
    Values are compared without rounding: 504.9 ms breaks a limit of 500 ms.
    """
    assert Objective.parse(line).holds(value) is holds


@pytest.mark.parametrize(
    ("line", "value", "shown"),
    [
        ("p95(x) <= 1 s", None, "no data"),
        ("p95(x) <= 1 s", 0.5049, "504.9 ms"),
        ("p95(x) <= 1 s", 1.0, "1.00 s"),
        ("p95(x) <= 1 s", 119.99, "119.99 s"),
        ("p95(x) <= 1 s", 120.0, "2.00 min"),
        ("p95(x) <= 1 s", 5400.0, "90.00 min"),
        ("fail_ratio(x) < 1 %", 0.01234, "1.23 %"),
        ("achieved >= 99 %", 0.995, "99.5 %"),
        ("rate(x) >= 240 /min", 4.0625, "4.062 /s"),
        ("count(x) == 0", 3.0, "3"),
        ("p95(media_outbox_depth) <= 5", 2.5, "2.5"),
        ("alarm(x) == OK", "INSUFFICIENT_DATA", "INSUFFICIENT_DATA"),
    ],
)
def test_shows(line, value, shown):
    """
    Times below a second are shown in milliseconds, from two minutes on in minutes.
    """
    assert Objective.parse(line).show(value) == shown


@pytest.mark.parametrize(
    ("selector", "is_of_model_time"),
    [
        ("E2E:ready", True),
        ("ready", True),
        ("media_processing_duration_seconds", True),
        ("AWS/Lambda/Duration", True),
        ("POST uploads", False),
        ("uploads/status", False),
    ],
)
def test_times_of_requests_are_clock_time(selector, is_of_model_time):
    """
    The time scale shortens those of batches and metrics.
    """
    assert Objective.parse(
        f"p95({selector}) <= 1 {'s' if 'AWS' not in selector else ''}"
    ).is_of_model_time is (is_of_model_time)
