"""
Execution histories without inputs and outputs, as the tools of the stack read them.
"""

import json
from typing import Any

from harness.stack.aws.moto_patches.executions import all_executions
from harness.stack.aws.moto_patches.histories import events_of

KEPT_DETAILS = ("name", "index", "error", "cause", "resource", "resourceType")
CAUSE_CHARACTERS_MAX = 300


def histories_since(started_at: float) -> list[dict[str, Any]]:
    """Return the executions started at or after *started_at* [s since the epoch], in order of start."""
    return [
        {
            "executionArn": execution.execution_arn,
            "name": execution.name,
            "status": execution.status,
            "events": getattr(execution, "slim_history", None)
            or [slim(event) for event in events_of(execution)],
        }
        for execution in all_executions()
        if execution.start_date.timestamp() >= started_at
    ]


def slim(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a history without its inputs and outputs."""
    return {name: _slim_details(value) if isinstance(value, dict) else value for name, value in event.items()}


def _slim_details(details: dict[str, Any]) -> dict[str, Any]:
    kept = {name: details[name] for name in KEPT_DETAILS if name in details}
    if isinstance(kept.get("cause"), str):
        kept["cause"] = kept["cause"][:CAUSE_CHARACTERS_MAX]
    if kept.get("resourceType") == "mediaconvert" and "output" in details:
        # No other event has the time when the job left its queue.
        timing = json.loads(details["output"]).get("Job", {}).get("Timing")
        kept["output"] = json.dumps({"Job": {"Timing": timing}})
    return kept
