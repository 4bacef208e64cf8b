"""
The reason of a state change: CloudWatch's ``StateReason`` text and its ``StateReasonData``.

Source: ``DescribeAlarmHistory`` samples in the CloudWatch user guide.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.evaluate import AlarmState, ComparisonOperator, TreatMissing
from harness.lab.alarms.timeline import Evaluation

_WORDS = {
    ComparisonOperator.GREATER: "greater than",
    ComparisonOperator.GREATER_OR_EQUAL: "greater than or equal to",
    ComparisonOperator.LESS: "less than",
    ComparisonOperator.LESS_OR_EQUAL: "less than or equal to",
}


def reason(alarm: Alarm, evaluation: Evaluation) -> str:
    """Return the ``StateReason`` of a transition. Times are Unix seconds."""
    rule, decision = alarm.rule, evaluation.decision
    if evaluation.state is AlarmState.INSUFFICIENT_DATA:
        periods = rule.evaluation_periods
        return f"Insufficient Data: {periods} datapoint{_s(periods)} {_were(periods)} unknown."
    if not decision.used:
        treated = "Breaching" if rule.treat_missing is TreatMissing.BREACHING else "NonBreaching"
        count, plural = decision.to_fill, _s(decision.to_fill)
        return (
            f"Threshold Crossed: no datapoints were received for {count} period{plural} and "
            f"{count} missing datapoint{plural} {_were(count)} treated as [{treated}]."
        )
    alarming = evaluation.state is AlarmState.ALARM
    shown = [
        f"{value} ({_stamp(evaluation.datapoints[-age].start)})"
        for age, value in reversed(decision.used)
        if rule.comparison.breached(value, rule.threshold) == alarming
    ]
    least = rule.datapoints_to_alarm if alarming else rule.evaluation_periods - rule.datapoints_to_alarm + 1
    return (
        f"Threshold Crossed: {len(shown)} out of the last {len(decision.used)} datapoints "
        f"[{', '.join(shown)}] {_were(len(shown))} {'' if alarming else 'not '}{_WORDS[rule.comparison]} "
        f"the threshold ({rule.threshold}) (minimum {least} datapoint{_s(least)} for "
        f"{'OK -> ALARM' if alarming else 'ALARM -> OK'} transition)."
    )


def reason_data(alarm: Alarm, evaluation: Evaluation) -> Mapping[str, object]:
    """Return the ``StateReasonData`` of a transition (version 1.0)."""
    starts = (evaluation.datapoints[-age].start for age, _ in evaluation.decision.used)
    return {
        "version": "1.0",
        "queryDate": _iso(evaluation.at),
        "startDate": _iso(min(starts, default=evaluation.at)),
        "statistic": alarm.metrics[0][1].statistic.name,
        "period": alarm.period,
        "recentDatapoints": [value for _, value in evaluation.decision.used],
        "threshold": alarm.rule.threshold,
        "evaluatedDatapoints": [
            {"timestamp": _iso(point.start)}
            | ({} if point.value is None else {"sampleCount": float(point.samples), "value": point.value})
            for point in reversed(evaluation.datapoints)
        ],
    }


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _stamp(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%d/%m/%y %H:%M:%S")


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
