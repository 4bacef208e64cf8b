"""
Alarms as an AWS account, or anything that speaks its API, has them.
"""

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.composite import CompositeAlarm


def describe(endpoint: str | None) -> tuple[list[Alarm], list[CompositeAlarm]]:
    """
    Read every alarm by ``DescribeAlarms``, with the credentials boto3 finds.

    Args:
        endpoint: URL of the endpoint; None is AWS itself.

    Raises:
        ValueError: The endpoint does not answer, or an alarm is one the judge cannot evaluate.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("cloudwatch", endpoint_url=endpoint)
    alarms: list[Alarm] = []
    composites: list[CompositeAlarm] = []
    try:
        pages = client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        for page in pages:
            alarms += [Alarm.from_properties(dict(entry)) for entry in page.get("MetricAlarms", ())]
            composites += [
                CompositeAlarm.from_properties(dict(entry)) for entry in page.get("CompositeAlarms", ())
            ]
    except (BotoCoreError, ClientError) as error:
        raise ValueError(f"{endpoint or 'AWS'} does not tell its alarms: {error}") from None
    return alarms, composites
