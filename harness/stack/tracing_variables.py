"""
Where the processes of a stack send their spans: to the collector of the user, or to the stack itself.

The stack keeps the traces that its clients ask for with the flag *sampled* of a ``traceparent``: those that
a run samples. Other requests cost nothing.
"""

import os

from harness.service.adapters.opentelemetry.exporting import TracingInvalid, is_exporting
from harness.stack.aws.control_api import TRACES_PATH
from harness.stack.stack_error import StackError

EXPORT_PERIOD_MS = 1000
"""A run waits two seconds for its last spans."""


def tracing_variables(aws_url: str) -> dict[str, str]:
    """
    Return the variables of OpenTelemetry that the environment does not have yet.

    Raises:
        StackError: The environment has a value that the service does not support.
    """
    try:
        if is_exporting() or is_off():
            return {}
    except TracingInvalid as error:
        raise StackError(str(error)) from None
    variables = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{aws_url}{TRACES_PATH}",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_PERIOD_MS),
    }
    return {name: value for name, value in variables.items() if name not in os.environ}


def is_off() -> bool:
    """Return whether the user has turned tracing off."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or os.environ.get("OTEL_TRACES_EXPORTER", "").strip() == "none"
