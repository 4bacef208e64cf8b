"""
An alarm over time: when it is evaluated, what it sees, and how its state moves.
"""

import numpy as np
import pytest

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.timeline import Reading, Samples, evaluate, instants

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA


def alarm(**changes: object) -> Alarm:
    properties = {
        "AlarmName": "p95",
        "Namespace": "TOQ/MediaProcessing",
        "MetricName": "media_processing_duration_seconds",
        "ExtendedStatistic": "p95",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 600,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    } | changes
    return Alarm.from_properties({key: value for key, value in properties.items() if value is not None})


def play(an_alarm: Alarm, at, values, *, end: float, arrived_at=None, reading=None):
    samples = {an_alarm.metrics[0][1]: Samples.of(at, values, arrived_at)}
    return evaluate(an_alarm, samples, start=0, end=end, reading=reading)


def moves(timeline):
    return [(one.at, one.state) for one in timeline.transitions]


class TestClock:
    def test_a_standard_alarm_is_evaluated_every_minute(self):
        """
        A period of five minutes is still looked at every minute, on the minute.
        """
        assert list(instants(alarm(), 30, 200)) == [60, 120, 180, 240]

    def test_a_high_resolution_alarm_every_ten_seconds(self):
        """
        Periods of 10, 20 and 30 s are evaluated every 10 s.
        """
        assert list(instants(alarm(Period=30), 0, 25)) == [10, 20, 30]

    def test_the_same_samples_fall_into_other_buckets_each_minute(self):
        """
        Two samples one minute apart make one breaching period at 11:02 and two at 11:03.
        """
        eleven_two = 11 * 3600 + 120
        times = [10 * 3600 + 7 * 60, 10 * 3600 + 8 * 60]
        an_alarm = alarm(
            EvaluationPeriods=12, DatapointsToAlarm=2, ExtendedStatistic=None, Statistic="Maximum"
        )
        samples = {an_alarm.metrics[0][1]: Samples.of(times, [700, 700])}
        timeline = evaluate(
            an_alarm, samples, start=eleven_two - 60, end=eleven_two + 60, reading=Reading(surplus=0)
        )

        assert moves(timeline) == [(eleven_two, OK), (eleven_two + 60, ALARM)]


class TestStates:
    def test_the_exact_minute_it_fires(self):
        """
        A job of 700 s ending at 12:30 is seen at the next full minute, and leaves the range three periods on.
        """
        timeline = play(alarm(), [150, 750], [20, 700], end=2000)

        assert moves(timeline) == [(60, OK), (780, ALARM), (1680, OK)]
        assert timeline.fired_at == 780
        assert timeline.seconds_in_alarm == 900

    def test_nothing_fires_below_the_threshold(self):
        """
        600 s exactly is not more than ten minutes.
        """
        timeline = play(alarm(), [150, 750], [600, 600], end=2000)

        assert timeline.fired_at is None
        assert timeline.nearest == 0.0

    def test_without_data_a_missing_alarm_stays_insufficient(self):
        """
        With TreatMissingData `missing`, silence is INSUFFICIENT_DATA and no transition.
        """
        timeline = play(alarm(TreatMissingData="missing"), [], [], end=600)

        assert timeline.transitions == ()
        assert timeline.state is INSUFFICIENT

    def test_a_late_sample_is_invisible_before_it_arrives(self):
        """
        A sample stamped 0:30 that arrives at 3:30 fires at 4:00, not at 1:00.
        """
        timeline = play(alarm(), [30], [700], arrived_at=[210], end=300)

        assert timeline.fired_at == 240

    def test_a_sample_later_than_the_range_never_counts(self):
        """
        What arrives after its period has left the range is not looked at.
        """
        timeline = play(alarm(Period=60), [30], [700], arrived_at=[400], end=900)

        assert timeline.fired_at is None

    @pytest.mark.parametrize(("samples", "fires"), [(199, False), (200, True)])
    def test_low_samples_hold_the_state(self, samples, fires):
        """
        With EvaluateLowSampleCountPercentile `ignore`, p95 needs 200 samples to move.
        """
        an_alarm = alarm(EvaluateLowSampleCountPercentile="ignore")
        timeline = play(an_alarm, np.linspace(1, 59, samples), [700] * samples, end=60)

        assert (timeline.fired_at is not None) == fires


class TestReason:
    def test_firing_in_the_words_of_cloudwatch(self):
        """
        The sentence is the one CloudWatch sends.
        """
        timeline = play(alarm(), [150], [700], end=180)
        fired = timeline.transitions[-1]

        assert reason(timeline, fired, epoch=1_700_000_000 // 60 * 60) == (
            "Threshold Crossed: 1 out of the last 1 datapoints [700.0 (14/11/23 22:11:00)] was greater than "
            "the threshold (600.0) (minimum 1 datapoint for OK -> ALARM transition)."
        )

    def test_missing_data_in_the_words_of_cloudwatch(self):
        """
        An alarm moved by filled-in datapoints says how they were treated.
        """
        timeline = play(alarm(TreatMissingData="breaching", EvaluationPeriods=2), [], [], end=60)

        assert reason(timeline, timeline.transitions[0]) == (
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were "
            "treated as [Breaching]."
        )

    def test_the_data_has_the_shape_of_cloudwatch(self):
        """
        StateReasonData names the period, the threshold and what was looked at.
        """
        timeline = play(alarm(), [150], [700], end=180)
        data = reason_data(timeline, timeline.transitions[-1])

        assert data["startDate"] == "1969-12-31T23:58:00.000+0000"
        assert data["queryDate"] == "1970-01-01T00:03:00.000+0000"
        assert data["recentDatapoints"] == [700.0]
        assert data["evaluatedDatapoints"][0] == {
            "timestamp": "1969-12-31T23:58:00.000+0000",
            "sampleCount": 1.0,
            "value": 700.0,
        }


class TestSamples:
    def test_nan_is_refused(self):
        """
        CloudWatch takes no NaN, and a judge that did could be fooled by one.
        """
        with pytest.raises(ValueError, match="NaN"):
            Samples.of([1.0], [float("nan")])


class TestMath:
    def test_a_ratio_of_two_metrics(self):
        """
        Errors over invocations; minutes without invocations have no datapoint.
        """
        an_alarm = Alarm.from_properties(
            {
                "AlarmName": "error ratio",
                "Metrics": [
                    {"Id": "ratio", "Expression": "100 * errors / calls"},
                    *(
                        {
                            "Id": key,
                            "ReturnData": False,
                            "MetricStat": {
                                "Metric": {"Namespace": "AWS/Lambda", "MetricName": name},
                                "Period": 60,
                                "Stat": "Sum",
                            },
                        }
                        for key, name in (("errors", "Errors"), ("calls", "Invocations"))
                    ),
                ],
                "EvaluationPeriods": 1,
                "Threshold": 10,
                "ComparisonOperator": "GreaterThanThreshold",
            }
        )
        errors, calls = (stat for _, stat in an_alarm.metrics)
        samples = {errors: Samples.of([70], [1]), calls: Samples.of([10, 20, 70, 75], [1, 1, 4, 4])}
        timeline = evaluate(an_alarm, samples, start=0, end=120, reading=Reading(surplus=0))

        assert moves(timeline) == [(60, OK), (120, ALARM)]

    def test_what_is_not_supported_is_named(self):
        """
        Metric math beyond arithmetic is refused, never guessed.
        """
        metric = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
        queries = [
            {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"},
            {"Id": "m", "ReturnData": False, "MetricStat": metric},
        ]

        with pytest.raises(ValueError, match=r"ANOMALY_DETECTION_BAND\(m, 2\).*not supported"):
            alarm(Metrics=queries)


class TestBadAlarms:
    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"Period": -60}, "Period"),
            ({"Period": 45}, "Period"),
            ({"EvaluationPeriods": 300}, "86400"),
            ({"ExtendedStatistic": "median"}, "no statistic 'median'"),
            ({"ExtendedStatistic": None}, "names no Statistic"),
            ({"Threshold": "many"}, "Threshold"),
            ({"Threshold": None}, "Threshold"),
            ({"ComparisonOperator": "Above"}, "Above"),
            ({"TreatMissingData": "skip"}, "skip"),
            ({"MetricName": None}, "MetricName"),
            ({"EvaluateLowSampleCountPercentile": "maybe"}, "maybe"),
        ],
    )
    def test_are_refused_by_name(self, changes, complaint):
        """
        The message names the alarm and the property.
        """
        with pytest.raises(ValueError, match=f"alarm p95: .*{complaint}"):
            alarm(**changes)
