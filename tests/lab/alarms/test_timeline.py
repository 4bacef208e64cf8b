"""
An alarm over time: when it is evaluated, what it sees, and how its state moves.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.expression import Expression
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.timeline import Periods, Reading, Samples, evaluate, instants, look

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
    return evaluate(an_alarm, Periods(an_alarm, samples), start=0, end=end, reading=reading)


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
            an_alarm,
            Periods(an_alarm, samples),
            start=eleven_two - 60,
            end=eleven_two + 60,
            reading=Reading(surplus=0),
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

    def test_nothing_fires_below_the_threshold(self):
        """
        600 s exactly is not more than ten minutes.
        """
        timeline = play(alarm(), [150, 750], [600, 600], end=2000)

        assert timeline.fired_at is None

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


BEGAN = 1_700_000_040  # 14 November 2023, 22:14 UTC


class TestReason:
    def told(self, an_alarm, at, values, *, end: float) -> list[str]:
        samples = {an_alarm.metrics[0][1]: Samples.of([BEGAN + one for one in at], values)}
        timeline = evaluate(an_alarm, Periods(an_alarm, samples), start=BEGAN, end=BEGAN + end)
        return [reason(an_alarm, one) for one in timeline.transitions]

    def test_firing_in_the_words_of_cloudwatch(self):
        """
        The sentence is the one CloudWatch sends.
        """
        assert self.told(alarm(), [150], [700], end=180)[-1] == (
            "Threshold Crossed: 1 out of the last 1 datapoints [700.0 (14/11/23 22:12:00)] was greater than "
            "the threshold (600.0) (minimum 1 datapoint for OK -> ALARM transition)."
        )

    def test_going_back_to_ok(self):
        """
        One of three is enough to leave an alarm of three; only what is fine is listed.
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
    def test_from_below(self, comparison, words):
        """
        The comparison is told in words.
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
        An alarm moved by filled-in datapoints says how they were treated.
        """
        told = self.told(alarm(TreatMissingData=treat, EvaluationPeriods=periods), [], [], end=60)

        assert told == [f"Threshold Crossed: no datapoints were received {words}"]

    @pytest.mark.parametrize(
        ("periods", "words"), [(1, "1 datapoint was unknown."), (2, "2 datapoints were unknown.")]
    )
    def test_running_dry(self, periods, words):
        """
        When nothing is left in the range, the datapoints are unknown.
        """
        an_alarm = alarm(TreatMissingData="missing", EvaluationPeriods=periods, Period=60)

        assert self.told(an_alarm, [30], [1], end=900)[-1] == f"Insufficient Data: {words}"

    def test_the_data_has_the_shape_of_cloudwatch(self):
        """
        StateReasonData names the period, the threshold and what was looked at.
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


def values_between(samples: Samples, start: float, end: float, *, seen_at: float) -> list[float]:
    (first,), (last,) = samples.bounds(np.array([start]), end - start)
    return list(samples.between(first, last, seen_at))


class TestSamples:
    def test_nan_is_refused(self):
        """
        CloudWatch takes no NaN, and a judge that did could be fooled by one.
        """
        with pytest.raises(ValueError, match="NaN"):
            Samples.of([1.0], [float("nan")])

    @pytest.mark.parametrize(
        ("at", "values", "arrived", "complaint"),
        [
            ([1.0, 2.0], [1.0], None, "2 timestamps for 1 values"),
            ([1.0], [1.0], [1.0, 2.0], "1 timestamps for 2 arrivals"),
            ([2.0, 1.0], [1.0, 1.0], None, "not in the order"),
            ([float("inf")], [1.0], None, "infinite"),
        ],
    )
    def test_odd_columns_are_refused(self, at, values, arrived, complaint):
        """
        One timestamp, one value and at most one arrival each, in order.
        """
        columns = [None if column is None else np.array(column) for column in (at, values, arrived)]

        with pytest.raises(ValueError, match=complaint):
            Samples(*columns)

    def test_a_period_begins_with_its_start_and_ends_before_its_end(self):
        """
        A sample on the boundary belongs to the later period.
        """
        samples = Samples.of([60.0, 0.0, 120.0, 119.9], [3.0, 1.0, 9.0, 2.0])

        assert values_between(samples, 60.0, 120.0, seen_at=120.0) == [2.0, 3.0]

    def test_a_sample_is_visible_from_its_arrival_on(self):
        """
        Not a moment before, and one that came at once is always there.
        """
        samples = Samples.of([10.0, 20.0], [1.0, 2.0], [10.0, 80.0])

        assert values_between(samples, 0.0, 60.0, seen_at=79.0) == [1.0]
        assert values_between(samples, 0.0, 60.0, seen_at=80.0) == [1.0, 2.0]


class TestLowSamples:
    @pytest.mark.parametrize(("low_samples", "fires"), [("window", True), ("period", False)])
    def test_may_be_counted_by_window_or_by_period(self, low_samples, fires):
        """
        150 samples in each of two periods are 300 together, and p95 needs 200.
        """
        an_alarm = alarm(Period=60, EvaluationPeriods=2, EvaluateLowSampleCountPercentile="ignore")
        at = [*np.linspace(0, 59, 150), *np.linspace(60, 119, 150)]
        reading = Reading(surplus=0, low_samples=low_samples)

        assert (play(an_alarm, at, [700] * 300, end=120, reading=reading).fired_at == 120) == fires

    def test_no_sample_at_all_is_missing_data(self):
        """
        Then the treatment of missing data decides, not the number of samples.
        """
        an_alarm = alarm(EvaluateLowSampleCountPercentile="ignore", TreatMissingData="breaching")

        assert play(an_alarm, [], [], end=60).fired_at == 60

    def test_only_the_newest_periods_count(self):
        """
        Samples beyond the evaluation periods do not help.
        """
        an_alarm = alarm(Period=60, EvaluateLowSampleCountPercentile="ignore")
        at = [*np.linspace(0, 59, 200), *np.linspace(60, 119, 10)]
        timeline = play(an_alarm, at, [1] * 200 + [700] * 10, end=120)

        assert moves(timeline) == [(60, OK)]


class TestEnd:
    @pytest.mark.parametrize(("start", "end", "expected"), [(0, 0, [60]), (59, 60, [60]), (60, 61, [120])])
    def test_a_run_is_looked_at_once_at_least(self, start, end, expected):
        """
        Up to the first full minute at or after its end.
        """
        assert list(instants(alarm(), start, end)) == expected


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
        timeline = evaluate(
            an_alarm, Periods(an_alarm, samples), start=0, end=120, reading=Reading(surplus=0)
        )

        assert moves(timeline) == [(60, OK), (120, ALARM)]

    @pytest.mark.parametrize(
        "text",
        [
            "ANOMALY_DETECTION_BAND(a, 2)",
            "a ** 2",
            "a > 1",
            "FILL(a, REPEAT)",
            "SUM(a)",
            "-'a'",
            "+a",
            "True",
            "FILL(a)",
            "FILL(a > 1, 2)",
        ],
    )
    def test_what_is_not_supported_is_named(self, text):
        """
        Metric math beyond arithmetic is refused, never guessed.
        """
        with pytest.raises(ValueError, match="not supported"):
            Expression.parse(text, ["a"])

    @pytest.mark.parametrize(
        ("text", "others", "complaint"),
        [
            ("a +", {}, "cannot be read"),
            ("x", {"x": "a +"}, "cannot be read"),
            ("x", {"x": "y", "y": "x"}, "refers to itself"),
            ("b", {}, "reads 'b'"),
            ("SELECT AVG(CPU) FROM x", {}, "query for metrics"),
            ("SEARCH('x', 'Sum', 60)", {}, "query for metrics"),
        ],
    )
    def test_what_cannot_be_read_says_why(self, text, others, complaint):
        """
        Each mistake has a sentence.
        """
        with pytest.raises(ValueError, match=complaint):
            Expression.parse(text, ["a"], others)

    @pytest.mark.parametrize(
        ("text", "a", "b", "expected"),
        [
            ("a + b", 1.0, 2.0, 3.0),
            ("a - b", 1.0, 2.0, -1.0),
            ("a * b + 1", 3.0, 2.0, 7.0),
            ("-a / b", 3.0, 2.0, -1.5),
            ("a / b", 3.0, 0.0, None),
            ("a / b", 3.0, None, None),
            ("a + b", 3.0, None, 3.0),
            ("a + b", None, None, None),
            ("-a", None, None, None),
            ("-a", None, 1.0, 0.0),
            ("SUM(METRICS())", 3.0, 4.0, 7.0),
            ("SUM(METRICS())", 3.0, None, 3.0),
            ("SUM(METRICS())", None, None, None),
            ("FILL(a, 5)", None, None, 5.0),
            ("FILL(a, 5) + 1", 2.0, None, 3.0),
            ("twice + b", 2.0, 1.0, 5.0),
            ("-twice", 2.0, None, -4.0),
            ("FILL(twice, 9)", 2.0, None, 4.0),
            ("a * 1e308 * 10", 1.0, None, None),
        ],
    )
    def test_arithmetic(self, text, a, b, expected):
        """
        A missing operand is 0 beside one that has data; division by zero has no datapoint.
        """
        expression = Expression.parse(text, ["a", "b"], {"twice": "2 * a"})

        assert expression.of({"a": a, "b": b}) == expected

    def test_one_of_several_metrics_may_be_shown_as_it_is(self):
        """
        The one with ReturnData is what the threshold is for.
        """
        metric = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
        other = metric | {"Stat": "SampleCount"}
        an_alarm = alarm(
            MetricName=None,
            Metrics=[
                {"Id": "a", "ReturnData": False, "MetricStat": metric},
                {"Id": "b", "MetricStat": other},
            ],
            Threshold=1,
        )
        samples = {stat: Samples.of([1, 2], [0, 0]) for _, stat in an_alarm.metrics}

        assert evaluate(an_alarm, Periods(an_alarm, samples), start=0, end=60).fired_at == 60

    @pytest.mark.parametrize(
        ("queries", "complaint"),
        [
            ("m", "Metrics must be a list"),
            (["m"], "Metrics must hold names"),
            ([{"Id": "e", "Expression": "1"}], ".*share one period"),
            ([{"Id": "m", "ReturnData": False, "MetricStat": {}}], "it has no Metric"),
            ([{"Id": "m", "MetricStat": "x"}], "MetricStat must hold"),
            ([{"Expression": "1"}], "it has no Id"),
        ],
    )
    def test_metrics_of_the_wrong_shape_are_refused(self, queries, complaint):
        """
        Whatever a template may hold there.
        """
        with pytest.raises(ValueError, match=f"alarm p95: {complaint}"):
            alarm(MetricName=None, Metrics=queries)

    @pytest.mark.parametrize(
        ("shown", "periods", "complaint"),
        [((True, True), (60, 60), "exactly one"), ((False, False), (60, 60), "exactly one"),
         ((True, "false"), (60, 120), "share one period")],
    )  # fmt: skip
    def test_one_is_shown_and_all_share_a_period(self, shown, periods, complaint):
        """
        As CloudWatch demands.
        """
        queries = [
            {
                "Id": f"m{index}",
                "ReturnData": shown[index],
                "MetricStat": {
                    "Metric": {"Namespace": "N", "MetricName": "M"},
                    "Period": periods[index],
                    "Stat": "Sum",
                },
            }
            for index in range(2)
        ]

        with pytest.raises(ValueError, match=complaint):
            alarm(MetricName=None, Metrics=queries)


class TestBadAlarms:
    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"Period": -60}, "Period"),
            ({"Period": 45}, "Period"),
            ({"EvaluationPeriods": 300}, "86400"),
            ({"ExtendedStatistic": "median"}, "no statistic 'median'"),
            ({"ExtendedStatistic": None}, "one of Statistic"),
            ({"Threshold": "many"}, "Threshold"),
            ({"Threshold": None}, "Threshold"),
            ({"ComparisonOperator": "Above"}, "Above"),
            ({"TreatMissingData": "skip"}, "skip"),
            ({"MetricName": None}, "MetricName"),
            ({"EvaluateLowSampleCountPercentile": "maybe"}, "maybe"),
            ({"Statistic": "Sum"}, "one of Statistic"),
            ({"DatapointsToAlarm": 0}, "1 to 1"),
            ({"EvaluationPeriods": 1.5}, "whole number"),
            ({"EvaluationPeriods": float("inf")}, "whole number"),
            ({"EvaluationPeriods": True}, "must be a number"),
            ({"EvaluationPeriods": None}, "it has no EvaluationPeriods"),
            ({"Period": 0}, "Period"),
            ({"Period": 3600, "EvaluationPeriods": 169}, "604800"),
            ({"Dimensions": "x"}, "Dimensions must be a list"),
            ({"Dimensions": ["x"]}, "Dimensions must hold"),
            ({"Metrics": [{"Id": "m"}]}, "both MetricName and Metrics"),
            ({"EvaluationCriteria": {"PromQLCriteria": {}}}, "PromQL"),
            ({"ThresholdMetricId": "ad1"}, "anomaly detection"),
            ({"WarmUpConfiguration": {"WarmUpPeriodMinutes": 5}}, "warm-up"),
            ({"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}}, "sliding windows only"),
            ({"EvaluationWindow": "wall"}, "EvaluationWindow must hold"),
        ],
    )
    def test_are_refused_by_name(self, changes, complaint):
        """
        The message names the alarm and the property.
        """
        with pytest.raises(ValueError, match=f"alarm p95: .*{complaint}"):
            alarm(**changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"Period": 10},
            {"Period": 3600, "EvaluationPeriods": 168},
            {"Period": 60, "EvaluationPeriods": 1440},
            {"EvaluationPeriods": "3", "DatapointsToAlarm": "2", "Threshold": "600"},
            {"EvaluationWindow": {"SlidingWindow": {}}},
            {"WarmUpConfiguration": None},
        ],
    )
    def test_what_cloudwatch_takes_is_taken(self, changes):
        """
        Up to the limits, and with numbers as text, as templates may have them.
        """
        assert alarm(**changes).name == "p95"

    def test_datapoints_to_alarm_defaults_to_all(self):
        """
        Without it every one of the N must breach.
        """
        assert alarm(EvaluationPeriods=3).rule.datapoints_to_alarm == 3
        assert alarm(EvaluationPeriods=3, DatapointsToAlarm=2).rule.datapoints_to_alarm == 2

    def test_what_it_reads_is_kept(self):
        """
        Dimensions in order, unit and treatment of missing data.
        """
        an_alarm = alarm(
            Unit="Seconds", TreatMissingData=None,
            Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}],
        )  # fmt: skip
        (key, metric), *others = an_alarm.metrics

        assert (key, others) == ("m1", [])
        assert metric.dimensions == (("a", "1"), ("b", "2"))
        assert (an_alarm.unit, an_alarm.rule.treat_missing, alarm().unit) == ("Seconds", "missing", None)


class TestWholeRun:
    @given(
        st.sampled_from([10, 30, 60, 120, 300]),
        st.integers(1, 4),
        st.integers(0, 3),
        st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
        st.lists(st.tuples(st.integers(-400, 1000), st.sampled_from([0.0, 2.0])), max_size=12),
        st.integers(-100, 100),
        st.booleans(),
    )
    def test_is_the_same_as_looking_at_every_instant(
        self, period, n, surplus, treat, rows, start, high_percentile
    ):
        """
        What was skipped because nothing could change would have changed nothing.
        """
        an_alarm = alarm(
            Period=period, EvaluationPeriods=n, DatapointsToAlarm=1 + n // 2, Threshold=1,
            TreatMissingData=treat,
            ExtendedStatistic="p90" if high_percentile else None,
            Statistic=None if high_percentile else "Sum",
        )  # fmt: skip
        samples = {an_alarm.metrics[0][1]: Samples.of([at for at, _ in rows], [value for _, value in rows])}
        reading = Reading(surplus=surplus)
        timeline = evaluate(
            an_alarm, Periods(an_alarm, samples), start=start, end=start + 900, reading=reading
        )

        state, seen = INSUFFICIENT, []
        for at in instants(an_alarm, start, start + 900):
            one = look(an_alarm, Periods(an_alarm, samples), at=at, state=state, reading=reading)
            if one.state is not state:
                seen.append(one)
            state = one.state
        assert timeline.transitions == tuple(seen)
        assert timeline.state is state
