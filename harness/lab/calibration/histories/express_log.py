"""
The CloudWatch log of an Express state machine, read as histories.

Each log event is one event of one execution: ``id``, ``type``, ``details``, ``previous_event_id``,
``event_timestamp`` [ms since the epoch] and ``execution_arn``.

Source: AWS Step Functions developer guide, Logging using CloudWatch Logs.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from harness.states_language.execution_history import Event


def is_log_entry(value: Any) -> bool:
    """Return whether a value is an entry of such a log, or the event of CloudWatch Logs around one."""
    return isinstance(value, Mapping) and ("execution_arn" in value or isinstance(value.get("message"), str))


def logged_events(entries: Iterable[Mapping[str, Any]]) -> list[tuple[str, Event]]:
    """
    Return the events in a log, each with the name of its execution.

    Raises:
        ValueError: A message is not the JSON of an event.
        KeyError: An event lacks its id or its time.
    """
    found = []
    for entry in entries:
        record = json.loads(entry["message"]) if "message" in entry else entry
        if not isinstance(record, Mapping) or "execution_arn" not in record or "type" not in record:
            raise ValueError("a message is no event of an execution")
        # The name, and the part that tells executions of one name apart.
        name = "-".join(str(record["execution_arn"]).split(":")[7:])
        found.append((name, _event(record)))
    return found


def _event(record: Mapping[str, Any]) -> Event:
    kind = str(record["type"])
    for general in ("StateEntered", "StateExited"):
        if kind.endswith(general):
            kind = general
    return {
        "id": int(record["id"]),
        "previousEventId": int(record.get("previous_event_id", 0)),
        "type": record["type"],
        "timestamp": float(record["event_timestamp"]) / 1000,
        f"{kind[0].lower()}{kind[1:]}EventDetails": record.get("details") or {},
    }
