"""
Metrics with percentiles of raw values, and alarms before their first evaluation.
"""

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.stack


class TestMetrics:
    def test_percentiles_are_nearest_ranks_of_raw_values(self, client, unique):
        """
        The 95th percentile of 1 to 100 is 95 in GetMetricStatistics and in GetMetricData.
        """
        cloudwatch, name = client("cloudwatch"), unique("duration")
        now = datetime.now(tz=UTC)
        dimensions = [{"Name": "outcome", "Value": "READY"}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": now}
        for start in (1, 51):
            values = [float(n) for n in range(start, start + 50)]
            cloudwatch.put_metric_data(Namespace="T", MetricData=[datum | {"Values": values}])
        window = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}

        (point,) = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Dimensions=dimensions, Period=300,
            ExtendedStatistics=["p95", "p99.9"], Statistics=["Maximum"], **window,
        )["Datapoints"]  # fmt: skip
        stat = {
            "Metric": {"Namespace": "T", "MetricName": name, "Dimensions": dimensions},
            "Period": 300,
            "Stat": "p95",
        }
        (data,) = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "a", "MetricStat": stat}], **window)[
            "MetricDataResults"
        ]
        without = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Period=300, Statistics=["Sum"], **window
        )

        assert point["ExtendedStatistics"] == {"p95": 95.0, "p99.9": 100.0}
        assert point["Maximum"] == 100
        assert data["Values"] == [95.0]
        assert without["Datapoints"] == []

    def test_counts_repeat_values(self, client, unique):
        """
        A value with a count of three is three values.
        """
        cloudwatch, name = client("cloudwatch"), unique("counted")
        cloudwatch.put_metric_data(
            Namespace="T", MetricData=[{"MetricName": name, "Values": [1.0, 9.0], "Counts": [3.0, 1.0]}]
        )
        now = datetime.now(tz=UTC)
        (point,) = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Period=60, StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1), Statistics=["SampleCount", "Sum"], ExtendedStatistics=["p50"],
        )["Datapoints"]  # fmt: skip

        assert (point["SampleCount"], point["Sum"], point["ExtendedStatistics"]["p50"]) == (4, 12, 1)

    def test_alarms_begin_without_data_and_may_be_composite(self, client, unique):
        """
        A new alarm is in INSUFFICIENT_DATA; a composite alarm keeps its rule.
        """
        cloudwatch, name = client("cloudwatch"), unique("alarm")
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="T", MetricName="m", ExtendedStatistic="p95", Period=300,
            EvaluationPeriods=1, Threshold=600, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.put_composite_alarm(AlarmName=f"{name}-any", AlarmRule=f'ALARM("{name}")')
        metric = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        composite = cloudwatch.describe_alarms(AlarmNames=[f"{name}-any"], AlarmTypes=["CompositeAlarm"])[
            "CompositeAlarms"
        ][0]

        assert metric["StateValue"] == "INSUFFICIENT_DATA"
        assert composite["AlarmRule"] == f'ALARM("{name}")'
