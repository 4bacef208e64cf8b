"""
The local AWS: moto, its replacements, the function runtime, MediaConvert and the metrics.

Times in seconds.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from wsgiref.types import WSGIApplication

from moto.core.config import default_user_config
from moto.events.models import events_backends
from moto.sqs.models import sqs_backends

from harness.service.adapters.opentelemetry.exporting import tracer_of_environment
from harness.stack.aws.control_api import ControlApi
from harness.stack.aws.function_workers import FunctionWorkers
from harness.stack.aws.lambda_runtime.function_runtime import FunctionRuntime
from harness.stack.aws.mediaconvert.local_mediaconvert import LocalMediaConvert
from harness.stack.aws.mediaconvert.traced_transcoder import traced_transcoder
from harness.stack.aws.metric_store import MetricStore
from harness.stack.aws.moto_patches import (
    cloudwatch,
    copies,
    event_rules,
    executions,
    histories,
    interpreter,
    invocation,
    mediaconvert,
    source,
    sqs,
)
from harness.stack.aws.moto_patches.dispatch import FastDispatcher, cache_names, find_backends_unlocked
from harness.stack.aws.moto_patches.histories import HistoryCache
from harness.stack.aws.moto_patches.instances import forget_instances
from harness.stack.aws.request_guard import RequestGuard
from harness.stack.aws.span_store import SpanStore
from harness.stack.aws_access import REGION
from harness.stack.faults.api_fault_gate import ApiFaultGate, operation_of

ACCOUNT = "123456789012"
DEPTH_PERIOD_S = 1.0


class LocalAws:
    """
    The services, their state, and the WSGI application that answers their requests.

    A process has one at most, because moto keeps its state in modules. Waits and time-outs pass *time_scale*
    times faster than their definitions say.
    """

    def __init__(self, workers: FunctionWorkers, *, time_scale: float = 1.0) -> None:
        source.require_version()
        default_user_config["stepfunctions"]["execute_state_machine"] = True
        # Beyond every number of a process before: a reader of its rows misses none of those from now on.
        first_number = time.time_ns() // 1000
        self.metrics = MetricStore(first_number)
        self._tracer = tracer_of_environment("mediaconvert")
        self.functions = FunctionRuntime(
            workers.runner, self.metrics.add, time_scale=time_scale, fault=workers.fault
        )
        slots = workers.transcoding_slots
        transcoder = traced_transcoder(workers.transcoder, self._tracer)
        self.mediaconvert = LocalMediaConvert(REGION, ACCOUNT, transcoder, _announce, slots=slots)
        cache_names()
        find_backends_unlocked()
        forget_instances()
        sqs.install(time_scale, workers.poison, workers.is_doubled)
        interpreter.install(time_scale)
        copies.install()
        executions.install(self.metrics.add)
        histories.install()
        invocation.install(self.functions)
        event_rules.install(time_scale)
        cloudwatch.install(self.metrics)
        mediaconvert.install(self.mediaconvert)
        secrets = {os.environ["AWS_ACCESS_KEY_ID"]: os.environ["AWS_SECRET_ACCESS_KEY"]}
        guarded: WSGIApplication = RequestGuard(HistoryCache(FastDispatcher()), secrets)
        if workers.scenario is not None:
            guarded = ApiFaultGate(guarded, workers.scenario, workers.run_clock, operation_of, time_scale)
        self.application: WSGIApplication = ControlApi(
            guarded,
            self.metrics,
            SpanStore(first_number),
            executions.executions_since,
            workers.run_clock.begin,
        )
        self._closing = threading.Event()

    def start(self) -> None:
        """Start sampling the depths of the queues."""
        threading.Thread(target=self._sample_depths, daemon=True).start()

    def close(self) -> None:
        """Stop the sampling and the handlers that still run."""
        self._closing.set()
        self.functions.close()
        self._tracer.close()

    def _sample_depths(self) -> None:
        while not self._closing.wait(DEPTH_PERIOD_S):
            for name, queue in list(sqs_backends[ACCOUNT][REGION].queues.items()):
                depths = {
                    "ApproximateNumberOfMessagesVisible": queue.approximate_number_of_messages,
                    "ApproximateNumberOfMessagesNotVisible": queue.approximate_number_of_messages_not_visible,
                }
                for metric, depth in depths.items():
                    self.metrics.add("AWS/SQS", metric, {"QueueName": name}, float(depth))


def _announce(job: Mapping[str, Any], status: str) -> None:
    """Send the EventBridge event of a transcoding job's new status."""
    detail = {
        "timestamp": int(1000 * datetime.now(tz=UTC).timestamp()),
        "accountId": ACCOUNT,
        "queue": job["Queue"],
        "jobId": job["Id"],
        "status": status,
        "userMetadata": job["UserMetadata"],
    }
    if "ErrorMessage" in job:
        detail |= {"errorCode": job["ErrorCode"], "errorMessage": job["ErrorMessage"]}
    if status == "COMPLETE":
        detail["outputGroupDetails"] = job["OutputGroupDetails"]
    event = {
        "Source": "aws.mediaconvert",
        "DetailType": "MediaConvert Job State Change",
        "Resources": [job["Arn"]],
        "Detail": json.dumps(detail, default=str),
    }
    events_backends[ACCOUNT][REGION].put_events([event])
