"""The alarms of an AWS account, or of another endpoint with the same API."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from harness.lab.alarms.alarm import Alarm, UnevaluatedAlarm
from harness.lab.alarms.composite import AnyAlarm, CompositeAlarm
from harness.lab.alarms.state_change import StateChange

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
REASON_MAX = 1023
REASON_DATA_MAX = 4000
SUBJECT_MAX = 100
TRIGGER = (
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Unit", "Period", "EvaluationPeriods",
    "DatapointsToAlarm", "ComparisonOperator", "Threshold", "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
)  # fmt: skip


class Account:
    """
    The alarms behind one endpoint; a failed call is a ValueError that says which one.

    Args:
        endpoint: URL of the endpoint; None is AWS itself.
        credentials: Arguments of `boto3.Session`; by default boto3 finds the credentials.
    """

    def __init__(self, endpoint: str | None, credentials: Mapping[str, str] | None = None) -> None:
        import boto3

        self._name = endpoint or "AWS"
        with _errors_as_value_error(f"Cannot connect to {self._name} to read its alarms"):
            # boto3 itself reads only AWS_DEFAULT_REGION.
            region = {"region_name": os.environ["AWS_REGION"]} if os.environ.get("AWS_REGION") else {}
            session = boto3.Session(**{**region, **(credentials or {})})  # type: ignore[arg-type]  # its keywords, all texts
            self._cloudwatch = session.client("cloudwatch", endpoint_url=endpoint)
            self._sns = session.client("sns", endpoint_url=endpoint)
        self._described: dict[str, Mapping[str, Any]] = {}

    def alarms(self) -> list[AnyAlarm]:
        """Read every alarm by ``DescribeAlarms``; an alarm that is not supported is unevaluated."""
        alarms: list[AnyAlarm] = []
        with _errors_as_value_error(f"Cannot read the alarms of {self._name}"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            for page in pages:
                metric_alarms, composites = page.get("MetricAlarms", ()), page.get("CompositeAlarms", ())
                alarms += [_read(Alarm, entry) for entry in metric_alarms]
                alarms += [_read(CompositeAlarm, entry) for entry in composites]
                self._described |= {entry["AlarmName"]: entry for entry in (*metric_alarms, *composites)}
        return alarms

    def apply(self, change: StateChange) -> None:
        """
        Set the state of an alarm that `alarms` returned, and publish to the topics among its actions.

        ``SetAlarmState`` of the local stack runs no actions; therefore this publishes the message that
        CloudWatch would send. Never use it on AWS itself, which evaluates alarms and runs actions on its own.
        """
        alarm = self._described[change.alarm]
        with _errors_as_value_error(f"Cannot set the state of {change.alarm} at {self._name}"):
            if change.state is not change.before:
                self._cloudwatch.set_alarm_state(
                    AlarmName=change.alarm,
                    StateValue=change.state.value,
                    StateReason=change.reason[:REASON_MAX],
                    StateReasonData=_reason_data(change),
                )
            for topic in _topics(alarm, change):
                subject = f'{change.state}: "{change.alarm}"'[:SUBJECT_MAX]
                self._sns.publish(TopicArn=topic, Subject=subject, Message=_message(alarm, change))


@contextmanager
def _errors_as_value_error(message: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

    try:
        yield
    except NoRegionError:
        raise ValueError(f"{message}: set AWS_REGION to the region of the alarms, e.g. eu-west-1") from None
    except (BotoCoreError, ClientError) as error:
        raise ValueError(f"{message}: {error}") from None


def _read(kind: type[Alarm | CompositeAlarm], entry: Mapping[str, Any]) -> AnyAlarm:
    try:
        return kind.from_properties(entry)
    except ValueError as error:
        name = str(entry["AlarmName"])
        return UnevaluatedAlarm(name, str(error).partition(f"alarm {name}: ")[2])


def _reason_data(change: StateChange) -> str:
    """Return the data as JSON within CloudWatch's limit; the lists of a long alarm are left out."""
    data = dict(change.reason_data)
    for name in ("evaluatedDatapoints", "recentDatapoints"):
        if len(json.dumps(data)) > REASON_DATA_MAX:
            data[name] = []
    return json.dumps(data)


def _topics(alarm: Mapping[str, Any], change: StateChange) -> list[str]:
    if not change.acts or not alarm.get("ActionsEnabled", True):
        return []
    return [action for action in alarm.get(ACTIONS[change.state], ()) if action.startswith("arn:aws:sns:")]


def _message(alarm: Mapping[str, Any], change: StateChange) -> str:
    """Return the message that CloudWatch publishes, with the fields that are known here."""
    arn = str(alarm.get("AlarmArn", ""))
    _, _, _, region, account, *_ = [*arn.split(":"), *[""] * 6]
    content: dict[str, Any] = {
        "AlarmName": change.alarm,
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "NewStateValue": change.state.value,
        "NewStateReason": change.reason,
        "StateChangeTime": datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": region,
        "AlarmArn": arn,
        "OldStateValue": change.before.value,
    } | {key: alarm.get(key, []) for key in ACTIONS.values()}
    if "AlarmRule" in alarm:
        content["AlarmRule"] = alarm["AlarmRule"]
    else:
        dimensions = [{"name": one["Name"], "value": one["Value"]} for one in alarm.get("Dimensions", ())]
        content["Trigger"] = {key: alarm[key] for key in TRIGGER if key in alarm} | {"Dimensions": dimensions}
    return json.dumps(content)
