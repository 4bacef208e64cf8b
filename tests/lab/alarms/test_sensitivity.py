"""
The sensitivity of an alarm's result.
"""

import numpy as np
import pytest

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.sensitivity import sensitivities
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, evaluate
from tests.lab.conftest import alarm


def longest(**changes: object) -> Alarm:
    """An alarm on the longest time of each minute."""
    return alarm(**{"ExtendedStatistic": None, "Statistic": "Maximum", "Period": 60} | changes)


def sensitivities_of(an_alarm: Alarm, rows, *, end: float, rules: EvaluationRules | None = None) -> list[str]:
    rules = rules or EvaluationRules()
    samples = {an_alarm.metrics[0][1]: Samples.of([at for at, _ in rows], [value for _, value in rows])}
    periods = Periods(an_alarm, samples)
    timeline = evaluate(an_alarm, periods, start=0, end=end, rules=rules)
    return list(sensitivities(timeline, samples, periods, start=0, end=end, rules=rules))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (569, []),
        (571, ["with a threshold of 570 (5 % away) it would have fired"]),
        (600, ["with a threshold of 570 (5 % away) it would have fired"]),
        (601, ["with a threshold of 630 (5 % away) it would not have fired"]),
        (630, ["with a threshold of 630 (5 % away) it would not have fired"]),
        (631, []),
    ],
)
def test_within_five_percent_of_the_threshold(value, expected):
    """
    The band is 5 % of the threshold: 570 to 630 s for a threshold of 600 s.
    """
    assert sensitivities_of(longest(), [(30, value)], end=120) == expected


def test_a_threshold_of_zero_has_no_five_percent():
    """
    A threshold of 0 is not varied.
    """
    assert sensitivities_of(longest(Threshold=0), [(30, 1)], end=120) == []


@pytest.mark.parametrize(
    ("surplus", "expected"),
    [
        (2, ["with an evaluation range of N+1 it would have fired"]),
        (
            1,
            [
                "with an evaluation range of N+2 it would not have fired",
                "with an evaluation range of N+4 it would not have fired",
            ],
        ),
        (4, ["with an evaluation range of N+1 it would have fired"]),
    ],
)
def test_the_evaluation_range(surplus, expected):
    """
    With data every three minutes, two surplus periods cover the gap; one does not.
    """
    silent = longest(TreatMissingData="breaching")
    rows = [(at, 1) for at in range(0, 1200, 180)]

    assert sensitivities_of(silent, rows, end=1200, rules=EvaluationRules(surplus=surplus)) == expected


def test_the_rule_of_the_percentile():
    """
    p95 of 1 … 100 is 95 by nearest rank, 95.05 by interpolation, 96 by the higher rank.
    """
    rows = [(at / 10, value) for at, value in enumerate(range(1, 101))]
    p95 = alarm(Period=60, Threshold=95.0)

    assert [one for one in sensitivities_of(p95, rows, end=60) if "percentiles" in one] == [
        "with linear percentiles it would have fired",
        "with higher percentiles it would have fired",
    ]


@pytest.mark.parametrize(("low", "periods", "told"), [("ignore", 2, 1), ("ignore", 1, 0), ("evaluate", 2, 0)])
def test_how_low_samples_are_counted(low, periods, told):
    """
    Two periods of 150 samples have 300 together; p95 needs 200. For one period both rules count the same.
    """
    slow = alarm(Period=60, EvaluationPeriods=periods, EvaluateLowSampleCountPercentile=low)
    rows = [(at, 900) for at in [*np.linspace(0, 59, 150), *np.linspace(60, 119, 150)]]
    found = sensitivities_of(slow, rows, end=120, rules=EvaluationRules(surplus=0))

    assert sum("low samples counted in each period" in one for one in found) == told


def test_a_unit_is_assumed_to_match():
    """
    Runs record no units; the result says so.
    """
    assert sensitivities_of(longest(Unit="Seconds"), [(30, 1)], end=120) == [
        "it reads data in Seconds only; runs record no units, so they are taken to match"
    ]
