"""The inputs of executions: the pipeline's own, or what a flow of the scenario describes."""

from collections.abc import Sequence
from typing import Any

from harness.lab.sim.model.jobs import MediaJob
from harness.lab.workload.client_flows import Flow
from harness.states_language.paths import PathNotFound, Reader
from harness.states_language.payload_template import IntrinsicFailure, compile_template


class InputInvalid(ValueError):
    """The input of a flow names a value that the input of the pipeline does not have."""


class ExecutionInputs:
    """
    Makes the input of each execution.

    Raises:
        InputInvalid: The input of a flow contains a path or a function that is not supported.
    """

    def __init__(self, flows: Sequence[Flow]) -> None:
        self._recorded = [getattr(flow, "inputs", None) for flow in flows]
        self._templates = [_template(f"flows.{place}.input", flow) for place, flow in enumerate(flows)]

    def of(self, job: MediaJob) -> Any:
        """Return the input of a job's execution; raise InputInvalid if a path of it has no value."""
        flow_index = job.batch.planned.flow_index
        if recorded := self._recorded[flow_index]:
            return recorded[job.batch.arrival % len(recorded)]
        template, own = self._templates[flow_index], _pipeline_input(job)
        if template is None:
            return own
        try:
            return template(own, dict)
        except (PathNotFound, IntrinsicFailure) as error:
            raise InputInvalid(f"flows.{flow_index}.input: {error}") from None


def _template(place: str, flow: Flow) -> Reader | None:
    described = getattr(flow, "input", None)
    if described is None:
        return None
    try:
        return compile_template(described, place, may_draw=False)
    except ValueError as error:
        raise InputInvalid(str(error)) from None


def _pipeline_input(job: MediaJob) -> dict[str, Any]:
    """Return the input of an execution of the pipeline, as the dispatcher sends it."""
    ids = {"jobId": job.id, "batchId": job.batch.id, "listingId": job.batch.listing_id}
    return ids | {"attempt": job.attempt, "traceparent": None, "assets": job.batch.assets}
