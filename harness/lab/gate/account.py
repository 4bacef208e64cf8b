"""
Alarms as an AWS account, or anything that speaks its API, has them: read, set, and their actions run.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.lab.alarms.alarm import Alarm, Unjudged
from harness.lab.alarms.composite import CompositeAlarm
from harness.lab.gate.live_evaluation import StateChange

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
LONGEST_DATA = 4000
TRIGGER = (
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Unit", "Period", "EvaluationPeriods",
    "DatapointsToAlarm", "ComparisonOperator", "Threshold", "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
)  # fmt: skip


class Account:
    """
    The alarms behind one endpoint.

    Args:
        endpoint: URL of the endpoint; None is AWS itself.
        credentials: As `boto3.Session` takes them; by default those boto3 finds.

    Raises:
        ValueError: No region is known.
    """

    def __init__(self, endpoint: str | None, credentials: Mapping[str, str] | None = None) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError

        self._name = endpoint or "AWS"
        try:
            session = boto3.Session(**(credentials or {}))  # type: ignore[arg-type]  # its keywords, all texts
            self._cloudwatch = session.client("cloudwatch", endpoint_url=endpoint)
            self._sns = session.client("sns", endpoint_url=endpoint)
        except BotoCoreError as error:
            raise ValueError(f"{self._name} cannot be asked for its alarms: {error}") from None
        self._known: dict[str, Mapping[str, Any]] = {}

    def alarms(self) -> tuple[list[Alarm | Unjudged], list[CompositeAlarm]]:
        """
        Read every alarm by ``DescribeAlarms``; those of a kind the judge does not evaluate come as unjudged.

        Raises:
            ValueError: The endpoint does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        alarms: list[Alarm | Unjudged] = []
        composites: list[CompositeAlarm] = []
        try:
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            for page in pages:
                simple, composed = page.get("MetricAlarms", ()), page.get("CompositeAlarms", ())
                self._known |= {str(entry["AlarmName"]): dict(entry) for entry in (*simple, *composed)}
                alarms += map(_read, simple)
                for composite in map(_read_composite, composed):
                    if isinstance(composite, Unjudged):
                        alarms.append(composite)
                    else:
                        composites.append(composite)
        except (BotoCoreError, ClientError) as error:
            raise ValueError(f"{self._name} does not tell its alarms: {error}") from None
        return alarms, composites

    def tell(self, move: StateChange) -> None:
        """
        Set an alarm's state where `alarms` read it, and publish to the topics among its actions.

        ``SetAlarmState`` in the local stack runs no actions, so the message CloudWatch would send is
        published here. Never do this to AWS itself, which evaluates and acts on its own.

        Raises:
            ValueError: The endpoint refuses or does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        alarm = self._known[move.alarm]
        try:
            if move.state is not move.before:
                self._cloudwatch.set_alarm_state(
                    AlarmName=move.alarm,
                    StateValue=move.state.value,
                    StateReason=move.reason[:1023],
                    StateReasonData=_reason_data(move),
                )
            for topic in _topics(alarm, move):
                self._sns.publish(TopicArn=topic, Subject=_subject(move), Message=_message(alarm, move))
        except (BotoCoreError, ClientError) as error:
            raise ValueError(f"{self._name} does not take the state of {move.alarm}: {error}") from None


def _read(entry: Mapping[str, Any]) -> Alarm | Unjudged:
    try:
        return Alarm.from_properties(entry)
    except ValueError as error:
        return _unjudged(entry, error)


def _read_composite(entry: Mapping[str, Any]) -> CompositeAlarm | Unjudged:
    try:
        return CompositeAlarm.from_properties(entry)
    except ValueError as error:
        return _unjudged(entry, error)


def _unjudged(entry: Mapping[str, Any], error: ValueError) -> Unjudged:
    name = str(entry["AlarmName"])
    return Unjudged(name, str(error).partition(f"alarm {name}: ")[2])


def _reason_data(move: StateChange) -> str:
    """Return the data as JSON of at most 4,000 characters: the lists of a long alarm are left out."""
    data = dict(move.reason_data)
    for name in ("evaluatedDatapoints", "recentDatapoints"):
        if len(json.dumps(data)) > LONGEST_DATA:
            data[name] = []
    return json.dumps(data)


def _topics(alarm: Mapping[str, Any], move: StateChange) -> list[str]:
    if not move.acts or not alarm.get("ActionsEnabled", True):
        return []
    return [action for action in alarm.get(ACTIONS[move.state], ()) if action.startswith("arn:aws:sns:")]


def _subject(move: StateChange) -> str:
    return f'{move.state}: "{move.alarm}"'[:100]


def _message(alarm: Mapping[str, Any], move: StateChange) -> str:
    """Return what CloudWatch publishes, for the fields that are known here."""
    arn = str(alarm.get("AlarmArn", ""))
    _, _, _, region, account, *_ = [*arn.split(":"), *[""] * 6]
    content: dict[str, Any] = {
        "AlarmName": move.alarm,
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "NewStateValue": move.state.value,
        "NewStateReason": move.reason,
        "StateChangeTime": datetime.fromtimestamp(move.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": region,
        "AlarmArn": arn,
        "OldStateValue": move.before.value,
    } | {key: alarm.get(key, []) for key in ACTIONS.values()}
    if "AlarmRule" in alarm:
        content["AlarmRule"] = alarm["AlarmRule"]
    else:
        dimensions = [{"name": one["Name"], "value": one["Value"]} for one in alarm.get("Dimensions", ())]
        content["Trigger"] = {key: alarm[key] for key in TRIGGER if key in alarm} | {"Dimensions": dimensions}
    return json.dumps(content)
