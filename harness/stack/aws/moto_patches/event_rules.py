"""
Replaces moto's delivery of EventBridge events, so that rules reach Lambda, Step Functions and SNS.

moto delivers to queues, log groups and other buses only; with any other target PutEvents fails after
the earlier targets got the event. As in AWS, deliveries are asynchronous, and the sender does not see
a failed delivery: it is logged. Lambda invokes a function that fails two more times, and one that is
throttled until it is not. Times in seconds.
"""

import copy
import json
import logging
import threading
import time
import uuid
from functools import partialmethod
from http import HTTPStatus
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.utils import get_backend
from moto.events import models
from moto.sns.models import sns_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from harness.stack.aws.moto_patches.source import replace

LOG = logging.getLogger(__name__)

SERVICES = ("lambda", "states", "sns")
"""Services whose targets get events here; moto delivers to the others."""

RETRY_PAUSES = (60, 120)
"""Pauses before the second and the third invocation of a function that fails."""
THROTTLED_PAUSE = 1
THROTTLED_MAX = 21_600 // THROTTLED_PAUSE
"""Lambda drops a throttled event after six hours."""
KEPT_NOTIFICATIONS = 1000
"""Notifications that a topic of SNS keeps."""

_send_to_targets_of_moto = models.Rule.send_to_targets


def install(time_scale: float) -> None:
    """Deliver to the targets that moto does not know; pauses pass *time_scale* times faster."""
    replace(
        models.Rule, "send_to_targets", "82e819230f34", partialmethod(_send_to_targets, time_scale=time_scale)
    )


def _send_to_targets(
    self: Any, original_event: dict[str, Any], transform_input: bool = True, *, time_scale: float
) -> None:
    if self.state != "ENABLED" or not self.event_pattern.matches_event(original_event):
        return
    ours = [target for target in self.targets if target["Arn"].split(":")[2] in SERVICES]
    for target in ours:
        body = _input(target, original_event, transform_input=transform_input)
        arguments = (self.name, target["Arn"], body, time_scale)
        threading.Thread(target=_deliver, args=arguments, daemon=True).start()
    rest = [target for target in self.targets if target not in ours]
    if rest:
        subset = copy.copy(self)
        subset.targets = rest
        _send_to_targets_of_moto(subset, original_event, transform_input)


def _input(target: dict[str, Any], event: dict[str, Any], *, transform_input: bool) -> str:
    if "Input" in target:
        return str(target["Input"])
    transformer = target.get("InputTransformer") if transform_input else None
    if transformer:
        event = models.EventTemplateParser.parse(
            input_template=transformer["InputTemplate"],
            input_paths_map=transformer.get("InputPathsMap", {}),
            event=event,
        )
    return event if isinstance(event, str) else json.dumps(event, default=str)


def _deliver(rule: str, arn: str, body: str, time_scale: float) -> None:
    _, _, service, region, account, *_ = arn.split(":")
    try:
        match service:
            case "lambda":
                _invoke(get_backend(account, region), arn, body, time_scale)
            case "states":
                machines = stepfunctions_parser_backends[account][region]
                machines.start_execution(arn, str(uuid.uuid4()), body)
            case "sns":
                sns = sns_backends[account][region]
                sns.publish(body, arn=arn)
                # moto keeps every notification of a topic, for its own tests.
                del sns.topics[arn].sent_notifications[:-KEPT_NOTIFICATIONS]
    except Exception:
        LOG.exception("rule %s could not deliver to %s", rule, arn)


def _invoke(functions: Any, arn: str, body: str, time_scale: float) -> None:
    for pause in (0, *RETRY_PAUSES):
        time.sleep(pause / time_scale)
        answer: dict[str, Any] = {}
        _when_not_throttled(functions, arn, body, answer, time_scale)
        if "x-amz-function-error" not in answer:
            return
    LOG.warning("%s failed three times on an event, which is dropped", arn)


def _when_not_throttled(
    functions: Any, arn: str, body: str, answer: dict[str, Any], time_scale: float
) -> None:
    for _ in range(THROTTLED_MAX):
        try:
            functions.invoke(arn, None, body, {}, answer)
        except LambdaClientError as refused:
            if refused.code != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            time.sleep(THROTTLED_PAUSE / time_scale)
        else:
            return
