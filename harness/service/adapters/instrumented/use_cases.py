"""The decorator of the use cases: every call is a span, named after the use case."""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.service.core.ports.tracer import Tracer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UseCase = TypeVar("UseCase", bound=Callable[..., Any])
Service = TypeVar("Service", bound="DataclassInstance")
USE_CASES = "harness.service.core.use_cases."


def traced(use_case: UseCase, tracer: Tracer) -> UseCase:
    """Return *use_case* with a span, e.g. ``create_upload_batch``, around every call."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(use_case).__name__).lower()

    @functools.wraps(use_case.__call__)  # type: ignore[operator]  # a callable has it
    def call(*args: Any, **options: Any) -> Any:
        with tracer.span(name):
            return use_case(*args, **options)

    return cast(UseCase, call)


def with_traced_use_cases(service: Service, tracer: Tracer) -> Service:
    """Return *service* with every field that is a use case traced."""
    parts = {field.name: getattr(service, field.name) for field in dataclasses.fields(service)}
    use_cases = {name: part for name, part in parts.items() if type(part).__module__.startswith(USE_CASES)}
    return dataclasses.replace(service, **{name: traced(each, tracer) for name, each in use_cases.items()})
