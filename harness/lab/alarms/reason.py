"""
Why an alarm changed state, in CloudWatch's words and in the shape of its ``StateReasonData``.

Source: ``DescribeAlarmHistory`` samples in the CloudWatch user guide.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from harness.lab.alarms.evaluate import AlarmState, Comparison, TreatMissing
from harness.lab.alarms.timeline import Evaluation, Timeline

_WORDS = {
    Comparison.GREATER: "greater than",
    Comparison.GREATER_OR_EQUAL: "greater than or equal to",
    Comparison.LESS: "less than",
    Comparison.LESS_OR_EQUAL: "less than or equal to",
}


def reason(timeline: Timeline, evaluation: Evaluation, epoch: float = 0.0) -> str:
    """
    Return the sentence CloudWatch would give for a transition.

    Args:
        epoch: Unix time of second 0 of the evaluation's clock.
    """
    rule, decision = timeline.alarm.rule, evaluation.decision
    if evaluation.state is AlarmState.INSUFFICIENT_DATA:
        periods = rule.evaluation_periods
        return f"Insufficient Data: {periods} datapoint{_s(periods)} {_were(periods)} unknown."
    if not decision.used:
        treated = "Breaching" if rule.treat_missing is TreatMissing.BREACHING else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {decision.to_fill} "
            f"period{_s(decision.to_fill)} and {decision.to_fill} missing datapoint{_s(decision.to_fill)} "
            f"{_were(decision.to_fill)} treated as [{treated}]."
        )
    return _crossed(timeline, evaluation, epoch)


def reason_data(timeline: Timeline, evaluation: Evaluation, epoch: float = 0.0) -> Mapping[str, object]:
    """Return the object CloudWatch keeps beside the sentence (``StateReasonData``, version 1.0)."""
    alarm, decision = timeline.alarm, evaluation.decision
    starts = _starts(evaluation)
    shown = [starts[age] for age, _ in decision.used]
    return {
        "version": "1.0",
        "queryDate": _iso(evaluation.at + epoch),
        "startDate": _iso(min(shown, default=evaluation.at) + epoch),
        "statistic": alarm.metrics[0][1].statistic.name,
        "period": alarm.period,
        "recentDatapoints": [value for _, value in decision.used],
        "threshold": alarm.rule.threshold,
        "evaluatedDatapoints": [
            {
                "timestamp": _iso(point.start + epoch),
                **(
                    {} if point.value is None else {"sampleCount": float(point.samples), "value": point.value}
                ),
            }
            for point in reversed(evaluation.datapoints)
        ],
    }


def _crossed(timeline: Timeline, evaluation: Evaluation, epoch: float) -> str:
    rule, decision = timeline.alarm.rule, evaluation.decision
    comparison, threshold = _WORDS[rule.comparison], f"the threshold ({rule.threshold})"
    alarming = evaluation.state is AlarmState.ALARM
    starts = _starts(evaluation)
    shown = [
        (starts[age], value)
        for age, value in reversed(decision.used)
        if not alarming or rule.comparison.breached(value, rule.threshold)
    ]
    listed = ", ".join(f"{value} ({_stamp(start + epoch)})" for start, value in shown)
    if not alarming:
        count = len(shown)
        return (
            f"Threshold Crossed: {count} datapoint{_s(count)} [{listed}] "
            f"{_were(count)} not {comparison} {threshold}."
        )
    least = rule.datapoints_to_alarm
    return (
        f"Threshold Crossed: {len(shown)} out of the last {len(decision.used)} datapoints [{listed}] "
        f"{_were(len(shown))} {comparison} {threshold} "
        f"(minimum {least} datapoint{_s(least)} for OK -> ALARM transition)."
    )


def _starts(evaluation: Evaluation) -> dict[int, float]:
    length = len(evaluation.datapoints)
    return {length - index: point.start for index, point in enumerate(evaluation.datapoints)}


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _stamp(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%d/%m/%y %H:%M:%S")


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
