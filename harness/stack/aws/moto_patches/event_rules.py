"""
Replaces moto's delivery of EventBridge events, so that rules reach Lambda, Step Functions and SNS.

moto delivers to queues, log groups and other buses only; with any other target PutEvents fails after
the earlier targets got the event. As in AWS, deliveries are asynchronous, and the sender does not see
a failed delivery: it is logged.
"""

import copy
import json
import logging
import threading
import uuid
from typing import Any

from moto.awslambda.utils import get_backend
from moto.events import models
from moto.sns.models import sns_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from harness.stack.aws.moto_patches.source import replace

LOG = logging.getLogger(__name__)

SERVICES = ("lambda", "states", "sns")
"""Services whose targets get events here; moto delivers to the others."""

_send_to_targets_of_moto = models.Rule.send_to_targets


def install() -> None:
    """Deliver to the targets that moto does not know; moto delivers to the others."""
    replace(models.Rule, "send_to_targets", "82e819230f34", _send_to_targets)


def _send_to_targets(self: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
    if self.state != "ENABLED" or not self.event_pattern.matches_event(original_event):
        return
    ours = [target for target in self.targets if target["Arn"].split(":")[2] in SERVICES]
    for target in ours:
        body = _input(target, original_event, transform_input=transform_input)
        threading.Thread(target=_deliver, args=(self.name, target["Arn"], body), daemon=True).start()
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


def _deliver(rule: str, arn: str, body: str) -> None:
    _, _, service, region, account, *_ = arn.split(":")
    try:
        match service:
            case "lambda":
                get_backend(account, region).invoke(arn, None, body, {}, {})
            case "states":
                machines = stepfunctions_parser_backends[account][region]
                machines.start_execution(arn, str(uuid.uuid4()), body)
            case "sns":
                sns_backends[account][region].publish(body, arn=arn)
    except Exception:
        LOG.exception("rule %s could not deliver to %s", rule, arn)
