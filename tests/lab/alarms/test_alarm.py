"""
Reading an alarm from the properties of CloudFormation and CloudWatch.
"""

import pytest

from tests.lab.conftest import alarm


class TestProperties:
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
            ({"EvaluationPeriods": None}, "EvaluationPeriods is missing"),
            ({"Period": 0}, "Period"),
            ({"Period": 3600, "EvaluationPeriods": 169}, "604800"),
            ({"Dimensions": "x"}, "Dimensions must be a list"),
            ({"Dimensions": ["x"]}, "Dimensions must hold"),
            ({"Metrics": [{"Id": "m"}]}, "both MetricName and Metrics"),
            ({"EvaluationCriteria": {"PromQLCriteria": {}}}, "PromQL"),
            ({"ThresholdMetricId": "ad1"}, "anomaly detection"),
            ({"WarmUpConfiguration": {"WarmUpPeriodMinutes": 5}}, "warm-up"),
            ({"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}}, "must be a SlidingWindow"),
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
    def test_what_cloudwatch_accepts_is_accepted(self, changes):
        """
        Including values at the limits, and numbers as text.
        """
        assert alarm(**changes).name == "p95"

    def test_datapoints_to_alarm_defaults_to_all(self):
        """
        Without the property, all N datapoints must breach.
        """
        assert alarm(EvaluationPeriods=3).rule.datapoints_to_alarm == 3
        assert alarm(EvaluationPeriods=3, DatapointsToAlarm=2).rule.datapoints_to_alarm == 2

    def test_dimensions_unit_and_missing_data_are_read(self):
        """
        Dimensions are sorted by name.
        """
        an_alarm = alarm(
            Unit="Seconds", TreatMissingData=None,
            Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}],
        )  # fmt: skip
        (key, metric), *others = an_alarm.metrics

        assert (key, others) == ("m1", [])
        assert metric.dimensions == (("a", "1"), ("b", "2"))
        assert (an_alarm.unit, an_alarm.rule.treat_missing, alarm().unit) == ("Seconds", "missing", None)


class TestQueries:
    @pytest.mark.parametrize(
        ("queries", "complaint"),
        [
            ("m", "Metrics must be a list"),
            (["m"], "Metrics must hold names"),
            ([{"Id": "e", "Expression": "1"}], ".*share one period"),
            ([{"Id": "m", "ReturnData": False, "MetricStat": {}}], "Metric is missing"),
            ([{"Id": "m", "MetricStat": "x"}], "MetricStat must hold"),
            ([{"Expression": "1"}], "Id is missing"),
        ],
    )
    def test_metrics_of_the_wrong_shape_are_refused(self, queries, complaint):
        """
        The message names the wrong part.
        """
        with pytest.raises(ValueError, match=f"alarm p95: {complaint}"):
            alarm(MetricName=None, Metrics=queries)

    @pytest.mark.parametrize(
        ("shown", "periods", "complaint"),
        [((True, True), (60, 60), "exactly one"), ((False, False), (60, 60), "exactly one"),
         ((True, "false"), (60, 120), "share one period")],
    )  # fmt: skip
    def test_one_metric_is_returned_and_all_share_a_period(self, shown, periods, complaint):
        """
        CloudWatch has both rules.
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
