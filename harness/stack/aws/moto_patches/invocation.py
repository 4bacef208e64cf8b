"""
Replaces moto's invocation of Lambda functions by our function runtime.

moto starts a container for each invocation, and its state machines invoke Lambda over HTTP with a new client
for every task (12 ms). Here HTTP Invoke, EventBridge, SNS and event source mappings reach the runtime
through `LambdaFunction.invoke`, and the tasks of a state machine call it directly.
"""

import base64
import json
import threading
from datetime import UTC, datetime
from functools import partial, partialmethod
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time_millis
from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils, state_task_lambda
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from harness.stack.aws.lambda_runtime.function_runtime import (
    DeployedFunction,
    FunctionRuntime,
    InvocationResult,
    Throttled,
)
from harness.stack.aws.moto_patches.source import replace, replace_imported

KEPT_LOG_LINES = 1000
"""Lines that a log stream keeps at least."""

_writing_logs = threading.Lock()
_execute_lambda_of_moto = lambda_eval_utils.execute_lambda_function_integration
_from_error_of_moto = state_task_lambda.StateTaskLambda._from_error


def install(runtime: FunctionRuntime) -> None:
    """Run all functions in *runtime*."""
    replace(LambdaFunction, "_invoke_lambda", "7476f46f72c1", partialmethod(_invoke_lambda, runtime))
    replace(LambdaFunction, "invoke", "4053e88205b7", partialmethod(_invoke, runtime))
    replace_imported(
        lambda_eval_utils,
        "execute_lambda_function_integration",
        "f8c714c35a24",
        partial(_execute_lambda, runtime),
    )
    replace(state_task_lambda.StateTaskLambda, "_from_error", "accdf57d3aea", _from_error)


def _run(runtime: FunctionRuntime, function: LambdaFunction, event: str) -> InvocationResult:
    try:
        invocation = runtime.invoke(_deployed(function), event)
    except Throttled:
        refused = LambdaClientError("TooManyRequestsException", "Rate Exceeded.")
        refused.code = HTTPStatus.TOO_MANY_REQUESTS
        raise refused from None
    _write_log(function, invocation)
    return invocation


def _deployed(function: LambdaFunction) -> DeployedFunction:
    return DeployedFunction(
        name=function.function_name,
        arn=function.function_arn,
        version=str(function.version),
        handler=function.handler,
        environment=function.environment_vars or {},
        timeout=float(function.timeout or 3),
        memory_mb=int(function.memory_size or 128),
        reserved_concurrency=(
            None if function.reserved_concurrency is None else int(function.reserved_concurrency)
        ),
    )


def _write_log(function: LambdaFunction, invocation: InvocationResult) -> None:
    group = function.logs_group_name
    day = datetime.now(tz=UTC).strftime("%Y/%m/%d")
    stream = f"{day}/[{function.version}]{invocation.sandbox}"
    now = unix_time_millis()
    with _writing_logs:
        function.logs_backend.ensure_log_group(group)
        if stream not in function.logs_backend.groups[group].streams:
            function.logs_backend.create_log_stream(group, stream)
        function.logs_backend.put_log_events(
            group, stream, [{"timestamp": now, "message": line} for line in invocation.log]
        )
        events = function.logs_backend.groups[group].streams[stream].events
        if len(events) > 2 * KEPT_LOG_LINES:
            del events[:-KEPT_LOG_LINES]


def _invoke_lambda(self: Any, runtime: FunctionRuntime, event: Any = None) -> tuple[str, bool, str]:
    text = event if isinstance(event, str) else json.dumps(event if event is not None else {})
    invocation = _run(runtime, self, text)
    return invocation.payload, invocation.failed, "\n".join(invocation.log)


def _invoke(
    self: Any, runtime: FunctionRuntime, body: Any, request_headers: Any, response_headers: Any
) -> str | bytes:
    text = (body.decode() if isinstance(body, bytes) else body) or "{}"
    invocation_type = request_headers.get("x-amz-invocation-type", "RequestResponse")
    if invocation_type == "DryRun":
        return ""
    if invocation_type == "Event":
        threading.Thread(target=_run, args=(runtime, self, text), daemon=True).start()
        return ""
    invocation = _run(runtime, self, text)
    if invocation.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    tail = "\n".join(invocation.log).encode()[-4096:]
    response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
    return invocation.payload.encode()


def _execute_lambda(
    runtime: FunctionRuntime, env: Any, parameters: dict[str, Any], region: str, state_credentials: Any
) -> None:
    if env.is_mocked_mode():
        _execute_lambda_of_moto(env, parameters, region, state_credentials)
        return
    name = parameters["FunctionName"]
    account = name.split(":")[4] if name.startswith("arn:") else env.aws_execution_details.account
    payload = parameters.get("Payload") or b"{}"
    try:
        function = get_backend(account, region).get_function(name, parameters.get("Qualifier"))
        invocation = _run(runtime, function, payload.decode())
    except JsonRESTError as refused:
        raise _client_error(refused) from None
    if invocation.failed:
        raise lambda_eval_utils.LambdaFunctionErrorException("Unhandled", invocation.payload)
    env.stack.append(
        {
            "ExecutedVersion": str(function.version),
            "Payload": json.loads(invocation.payload),
            "StatusCode": 200,
        }
    )


def _client_error(refused: JsonRESTError) -> ClientError:
    metadata: Any = {"HTTPStatusCode": refused.code, "RequestId": "local"}
    error: Any = {"Code": refused.relative_error_type, "Message": refused.message}
    return ClientError({"Error": error, "ResponseMetadata": metadata}, "Invoke")


def _from_error(self: Any, env: Any, ex: Exception) -> FailureEvent:
    if not isinstance(ex, ClientError):
        return _from_error_of_moto(self, env, ex)
    # For a function named by its ARN moto's error name is "Exception"; AWS has the name of the API's error.
    error = f"Lambda.{ex.response['Error']['Code']}"
    return FailureEvent(
        env=env,
        error_name=CustomErrorName(error),
        event_type=HistoryEventType.LambdaFunctionFailed,
        event_details=EventDetails(
            lambdaFunctionFailedEventDetails=LambdaFunctionFailedEventDetails(
                error=error, cause=ex.response["Error"]["Message"]
            )
        ),
    )
