"""
Adds our MediaConvert to moto: its endpoint, and the state-machine task that waits for a job.

moto has no such service, answers the task ``mediaconvert:createJob`` with status 500, and fails on ``.sync``.
"""

import contextlib
import json
import re
import sys
import types
from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
    state_task_service_factory,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from harness.stack.aws.mediaconvert.local_mediaconvert import LocalMediaConvert, Refused
from harness.stack.aws.moto_patches.source import replace_imported

CHECK_INTERVAL_S = 0.25
JOB_PARAMETERS = {
    "AccelerationSettings",
    "BillingTagsSource",
    "ClientRequestToken",
    "HopDestinations",
    "JobTemplate",
    "Priority",
    "Queue",
    "Role",
    "Settings",
    "SimulateReservedQueue",
    "StatusUpdateInterval",
    "Tags",
    "UserMetadata",
}


def install(service: LocalMediaConvert) -> None:
    """Serve *service* at the MediaConvert endpoint and to state machines."""
    _serve(service)
    _register_task(service)


class MediaConvertBackend(BaseBackend):
    """The back end that moto requires of a service; every account and region has the same MediaConvert."""

    service: LocalMediaConvert


class MediaConvertResponse(BaseResponse):
    """Answers requests; moto calls the method with the name of the action."""

    def __init__(self) -> None:
        super().__init__(service_name="mediaconvert")
        self.automated_parameter_parsing = True

    def create_queue(self) -> ActionResult:
        return self._answer("Queue", lambda service: service.create_queue(self._get_params()))

    def get_queue(self) -> ActionResult:
        return self._answer("Queue", lambda service: service.get_queue(self._get_param("Name")))

    def list_queues(self) -> ActionResult:
        return self._answer("Queues", lambda service: service.list_queues())

    def create_job_template(self) -> ActionResult:
        return self._answer("JobTemplate", lambda service: service.create_job_template(self._get_params()))

    def get_job_template(self) -> ActionResult:
        return self._answer("JobTemplate", lambda service: service.get_job_template(self._get_param("Name")))

    def list_job_templates(self) -> ActionResult:
        return self._answer("JobTemplates", lambda service: service.list_job_templates())

    def list_presets(self) -> ActionResult:
        return self._answer("Presets", lambda _: [])

    def create_job(self) -> ActionResult:
        return self._answer("Job", lambda service: service.create_job(self._get_params()))

    def get_job(self) -> ActionResult:
        return self._answer("Job", lambda service: service.get_job(self._get_param("Id")))

    def list_jobs(self) -> ActionResult:
        return self._answer(
            "Jobs", lambda service: service.list_jobs(self._get_param("Status"), self._get_param("Queue"))
        )

    def cancel_job(self) -> EmptyResult:
        self._answer("Nothing", lambda service: service.cancel_job(self._get_param("Id")))
        return EmptyResult()

    def describe_endpoints(self) -> ActionResult:
        return ActionResult({"Endpoints": [{"Url": f"http://{self.headers['Host']}"}]})

    def _answer(self, name: str, call: Callable[[LocalMediaConvert], Any]) -> ActionResult:
        try:
            return ActionResult({name: call(MediaConvertBackend.service)})
        except Refused as refused:
            error = JsonRESTError(refused.code, str(refused))
            error.code = refused.status
            raise error from None


def _serve(service: LocalMediaConvert) -> None:
    """Register the modules and URLs that moto would have for this service."""
    MediaConvertBackend.service = service
    package = types.ModuleType("moto.mediaconvert")
    models = types.ModuleType("moto.mediaconvert.models")
    urls = types.ModuleType("moto.mediaconvert.urls")
    host = r"https?://mediaconvert\.(.+)\.amazonaws\.com"
    paths = ("jobs", "jobs/(?P<id>[^/]+)", "queues", "queues/(?P<name>[^/]+)", "endpoints", "presets")
    url_paths = {
        f"{{0}}/2017-08-29/{path}$": MediaConvertResponse.dispatch
        for path in (*paths, "jobTemplates", "jobTemplates/(?P<name>[^/]+)")
    }
    urls.__dict__.update(url_bases=[host], url_paths=url_paths)
    package.__dict__.update(models=models, urls=urls)
    sys.modules |= {module.__name__: module for module in (package, models, urls)}
    MediaConvertBackend.__module__ = models.__name__
    backends = BackendDict(MediaConvertBackend, "mediaconvert")
    package.__dict__["mediaconvert_backends"] = models.__dict__["mediaconvert_backends"] = backends
    backend_index.backend_url_patterns.append(("mediaconvert", re.compile(host)))


def _register_task(service: LocalMediaConvert) -> None:
    original = state_task_service_factory.state_task_service_for

    def state_task_service_for(service_name: str) -> Any:
        return CreateJob(service) if service_name == "mediaconvert" else original(service_name)

    replace_imported(
        state_task_service_factory, "state_task_service_for", "a21a16afc5f6", state_task_service_for
    )


class CreateJob(state_task_service_callback.StateTaskServiceCallback):
    """The task ``mediaconvert:createJob``; with ``.sync`` it ends when the job ends."""

    def __init__(self, service: LocalMediaConvert) -> None:
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})
        self._service = service

    def _get_supported_parameters(self) -> set[str] | None:
        return JOB_PARAMETERS if self.resource.api_action.lower() == "createjob" else None

    def _eval_service_task(self, env: Any, *_: Any, **arguments: Any) -> None:
        try:
            job = self._service.create_job(arguments["normalised_parameters"])
        except Refused as refused:
            error = CustomErrorName(f"MediaConvert.{refused.code}")
            raise self._failure(env, error, str(refused)) from None
        env.stack.append({"Job": _plain(job)})

    def _eval_integration_pattern(self, env: Any, *_: Any, **__: Any) -> None:
        job = self._service.job(env.stack.pop()["Job"]["Id"])
        while env.is_running() and not job.ended.wait(CHECK_INTERVAL_S):
            pass
        if not job.ended.is_set():
            with contextlib.suppress(Refused):  # the job may end at this moment
                self._service.cancel_job(job.details["Id"])
            raise TimeoutError
        if job.status != "COMPLETE":
            # As in AWS, where the cause is the whole job.
            error = StatesErrorName(StatesErrorNameType.StatesTaskFailed)
            raise self._failure(env, error, json.dumps({"Job": _plain(job.details)}))
        env.stack.append({"Job": _plain(job.details)})

    def _failure(self, env: Any, error: ErrorName, cause: str) -> FailureEventException:
        return FailureEventException(
            FailureEvent(
                env=env,
                error_name=error,
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(
                    taskFailedEventDetails=TaskFailedEventDetails(
                        resource=self._get_sfn_resource(),
                        resourceType=self._get_sfn_resource_type(),
                        error=error.error_name,
                        cause=cause,
                    )
                ),
            )
        )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it in a state: times are milliseconds since the epoch."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(1000 * value.timestamp()) if isinstance(value, datetime) else value
