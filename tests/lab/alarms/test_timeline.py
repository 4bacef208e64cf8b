"""
The timeline of an alarm: its evaluation times, its datapoints and its state changes.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.timeline import (
    EvaluationRules,
    Periods,
    Samples,
    evaluate,
    evaluate_at,
    evaluation_times,
)
from tests.lab.conftest import alarm, play

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA


def changes(timeline):
    return [(one.at, one.state) for one in timeline.transitions]


class TestClock:
    def test_a_standard_alarm_is_evaluated_every_minute(self):
        """
        An alarm with a period of five minutes is also evaluated every minute, on the minute.
        """
        assert list(evaluation_times(alarm(), 30, 200)) == [60, 120, 180, 240]

    def test_a_high_resolution_alarm_every_ten_seconds(self):
        """
        Periods of 10, 20 and 30 s are evaluated every 10 s.
        """
        assert list(evaluation_times(alarm(Period=30), 0, 25)) == [10, 20, 30]

    def test_the_same_samples_belong_to_other_periods_each_minute(self):
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
            rules=EvaluationRules(surplus=0),
        )

        assert changes(timeline) == [(eleven_two, OK), (eleven_two + 60, ALARM)]


class TestStates:
    def test_the_exact_minute_it_fires(self):
        """
        A job of 700 s that ends at 12:30 counts from the next full minute for three periods.
        """
        timeline = play(alarm(), [150, 750], [20, 700], end=2000)

        assert changes(timeline) == [(60, OK), (780, ALARM), (1680, OK)]
        assert timeline.fired_at == 780

    def test_a_value_at_the_threshold_does_not_fire(self):
        """
        Exactly 600 s is not greater than ten minutes.
        """
        timeline = play(alarm(), [150, 750], [600, 600], end=2000)

        assert timeline.fired_at is None

    def test_without_data_a_missing_alarm_stays_insufficient(self):
        """
        With TreatMissingData `missing`, the state stays INSUFFICIENT_DATA without a transition.
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
        A sample that arrives after its period has left the range is ignored.
        """
        timeline = play(alarm(Period=60), [30], [700], arrived_at=[400], end=900)

        assert timeline.fired_at is None

    @pytest.mark.parametrize(("samples", "fires"), [(199, False), (200, True)])
    def test_low_samples_hold_the_state(self, samples, fires):
        """
        With EvaluateLowSampleCountPercentile `ignore`, p95 needs 200 samples to change the state.
        """
        an_alarm = alarm(EvaluateLowSampleCountPercentile="ignore")
        timeline = play(an_alarm, np.linspace(1, 59, samples), [700] * samples, end=60)

        assert (timeline.fired_at is not None) == fires


def values_between(samples: Samples, start: float, end: float, *, seen_at: float) -> list[float]:
    (first,), (last,) = samples.bounds(np.array([start]), end - start)
    return list(samples.between(first, last, seen_at))


class TestSamples:
    def test_nan_is_refused(self):
        """
        CloudWatch does not accept NaN; a comparison with NaN would be wrong.
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
    def test_columns_must_match(self, at, values, arrived, complaint):
        """
        Each sample has one timestamp, one value and at most one arrival, in order.
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
        It is not visible before; a sample that arrives at once is always visible.
        """
        samples = Samples.of([10.0, 20.0], [1.0, 2.0], [10.0, 80.0])

        assert values_between(samples, 0.0, 60.0, seen_at=79.0) == [1.0]
        assert values_between(samples, 0.0, 60.0, seen_at=80.0) == [1.0, 2.0]


class TestLowSamples:
    @pytest.mark.parametrize(("low_samples", "fires"), [("window", True), ("period", False)])
    def test_may_be_counted_by_window_or_by_period(self, low_samples, fires):
        """
        Two periods of 150 samples have 300 together; p95 needs 200.
        """
        an_alarm = alarm(Period=60, EvaluationPeriods=2, EvaluateLowSampleCountPercentile="ignore")
        at = [*np.linspace(0, 59, 150), *np.linspace(60, 119, 150)]
        rules = EvaluationRules(surplus=0, low_samples=low_samples)

        assert (play(an_alarm, at, [700] * 300, end=120, rules=rules).fired_at == 120) == fires

    def test_no_sample_at_all_is_missing_data(self):
        """
        Without samples the treatment of missing data decides.
        """
        an_alarm = alarm(EvaluateLowSampleCountPercentile="ignore", TreatMissingData="breaching")

        assert play(an_alarm, [], [], end=60).fired_at == 60

    def test_only_the_newest_periods_count(self):
        """
        Samples older than the evaluation periods do not count.
        """
        an_alarm = alarm(Period=60, EvaluateLowSampleCountPercentile="ignore")
        at = [*np.linspace(0, 59, 200), *np.linspace(60, 119, 10)]
        timeline = play(an_alarm, at, [1] * 200 + [700] * 10, end=120)

        assert changes(timeline) == [(60, OK)]


class TestEnd:
    @pytest.mark.parametrize(("start", "end", "expected"), [(0, 0, [60]), (59, 60, [60]), (60, 61, [120])])
    def test_a_run_is_evaluated_at_least_once(self, start, end, expected):
        """
        The last evaluation is at the first full minute at or after its end.
        """
        assert list(evaluation_times(alarm(), start, end)) == expected


class TestMath:
    def test_a_ratio_of_two_metrics(self):
        """
        Errors divided by invocations; a minute without invocations has no datapoint.
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
            an_alarm, Periods(an_alarm, samples), start=0, end=120, rules=EvaluationRules(surplus=0)
        )

        assert changes(timeline) == [(60, OK), (120, ALARM)]

    def test_one_of_several_metrics_can_be_returned(self):
        """
        The threshold applies to the one with ReturnData.
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
    def test_is_the_same_as_evaluating_every_minute(
        self, period, n, surplus, treat, rows, start, high_percentile
    ):
        """
        Skipped evaluations would not have changed the state.
        """
        an_alarm = alarm(
            Period=period, EvaluationPeriods=n, DatapointsToAlarm=1 + n // 2, Threshold=1,
            TreatMissingData=treat,
            ExtendedStatistic="p90" if high_percentile else None,
            Statistic=None if high_percentile else "Sum",
        )  # fmt: skip
        samples = {an_alarm.metrics[0][1]: Samples.of([at for at, _ in rows], [value for _, value in rows])}
        rules = EvaluationRules(surplus=surplus)
        timeline = evaluate(an_alarm, Periods(an_alarm, samples), start=start, end=start + 900, rules=rules)

        state, seen = INSUFFICIENT, []
        for at in evaluation_times(an_alarm, start, start + 900):
            one = evaluate_at(an_alarm, Periods(an_alarm, samples), at=at, state=state, rules=rules)
            if one.state is not state:
                seen.append(one)
            state = one.state
        assert timeline.transitions == tuple(seen)
        assert timeline.state is state
