"""
What is left of executions for those who measure: their events, as AWS shapes them, without the data.
"""

import json
from typing import Any

from harness.stack.aws.moto_patches.executions import all_executions
from harness.stack.aws.moto_patches.histories import events_of

KEPT_DETAILS = ("name", "index", "error", "cause", "resource", "resourceType")
LONGEST_CAUSE = 300


def histories_since(started_at: float) -> list[dict[str, Any]]:
    """Return the executions started from then on [s since the epoch], in order of start."""
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
    """Return an event without inputs and outputs."""
    return {name: _slim_details(value) if isinstance(value, dict) else value for name, value in event.items()}


def _slim_details(details: dict[str, Any]) -> dict[str, Any]:
    kept = {name: details[name] for name in KEPT_DETAILS if name in details}
    if isinstance(kept.get("cause"), str):
        kept["cause"] = kept["cause"][:LONGEST_CAUSE]
    if kept.get("resourceType") == "mediaconvert" and "output" in details:
        # When the job left its queue is told nowhere else.
        timing = json.loads(details["output"]).get("Job", {}).get("Timing")
        kept["output"] = json.dumps({"Job": {"Timing": timing}})
    return kept
