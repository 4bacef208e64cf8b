"""
The reason of a state change in CloudWatch's text and data.
"""

import pytest

from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.timeline import Periods, Samples, evaluate
from tests.lab.conftest import alarm, play

BEGAN = 1_700_000_040  # 14 November 2023, 22:14 UTC


class TestReason:
    def told(self, an_alarm, at, values, *, end: float) -> list[str]:
        samples = {an_alarm.metrics[0][1]: Samples.of([BEGAN + one for one in at], values)}
        timeline = evaluate(an_alarm, Periods(an_alarm, samples), start=BEGAN, end=BEGAN + end)
        return [reason(an_alarm, one) for one in timeline.transitions]

    def test_firing_in_the_words_of_cloudwatch(self):
        """
        The text is the one that CloudWatch sends.
        """
        assert self.told(alarm(), [150], [700], end=180)[-1] == (
            "Threshold Crossed: 1 out of the last 1 datapoints [700.0 (14/11/23 22:12:00)] was greater than "
            "the threshold (600.0) (minimum 1 datapoint for OK -> ALARM transition)."
        )

    def test_return_to_ok(self):
        """
        One datapoint of three is enough to leave ALARM; only datapoints that do not breach are listed.
        """
        an_alarm = alarm(
            Period=60, EvaluationPeriods=3, ExtendedStatistic=None, Statistic="Sum", Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )  # fmt: skip
        told = self.told(an_alarm, [10, 70, 130, 190], [2, 3, 4, 0], end=240)

        fired, calmed = told[1:]
        assert fired == (
            "Threshold Crossed: 3 out of the last 3 datapoints [4.0 (14/11/23 22:16:00), "
            "3.0 (14/11/23 22:15:00), 2.0 (14/11/23 22:14:00)] were greater than or equal to the threshold "
            "(1.0) (minimum 3 datapoints for OK -> ALARM transition)."
        )
        assert calmed == (
            "Threshold Crossed: 1 out of the last 3 datapoints [0.0 (14/11/23 22:17:00)] was not greater "
            "than or equal to the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition)."
        )

    @pytest.mark.parametrize(
        ("comparison", "words"),
        [
            ("LessThanThreshold", "was less than the"),
            ("LessThanOrEqualToThreshold", "was less than or equal to the"),
        ],
    )
    def test_every_comparison(self, comparison, words):
        """
        The comparison is written in words.
        """
        assert words in self.told(alarm(ComparisonOperator=comparison), [150], [7], end=180)[-1]

    @pytest.mark.parametrize(
        ("treat", "periods", "words"),
        [
            ("breaching", 2, "for 2 periods and 2 missing datapoints were treated as [Breaching]."),
            ("notBreaching", 1, "for 1 period and 1 missing datapoint was treated as [NonBreaching]."),
        ],
    )
    def test_missing_data_in_the_words_of_cloudwatch(self, treat, periods, words):
        """
        A change caused by filled datapoints says how they were treated.
        """
        told = self.told(alarm(TreatMissingData=treat, EvaluationPeriods=periods), [], [], end=60)

        assert told == [f"Threshold Crossed: no datapoints were received {words}"]

    @pytest.mark.parametrize(
        ("periods", "words"), [(1, "1 datapoint was unknown."), (2, "2 datapoints were unknown.")]
    )
    def test_no_datapoint_left(self, periods, words):
        """
        Without a datapoint in the range, the datapoints are unknown.
        """
        an_alarm = alarm(TreatMissingData="missing", EvaluationPeriods=periods, Period=60)

        assert self.told(an_alarm, [30], [1], end=900)[-1] == f"Insufficient Data: {words}"

    def test_the_data_has_the_shape_of_cloudwatch(self):
        """
        StateReasonData names the period, the threshold and the evaluated datapoints.
        """
        an_alarm = alarm()
        timeline = play(an_alarm, [150, 151], [700, 700], end=180)
        data = reason_data(an_alarm, timeline.transitions[-1])

        assert data == {
            "version": "1.0",
            "queryDate": "1970-01-01T00:03:00.000+0000",
            "startDate": "1969-12-31T23:58:00.000+0000",
            "statistic": "p95",
            "period": 300,
            "recentDatapoints": [700.0],
            "threshold": 600.0,
            "evaluatedDatapoints": [
                {"timestamp": "1969-12-31T23:58:00.000+0000", "sampleCount": 2.0, "value": 700.0},
                {"timestamp": "1969-12-31T23:53:00.000+0000"},
                {"timestamp": "1969-12-31T23:48:00.000+0000"},
            ],
        }
