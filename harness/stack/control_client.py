"""Client of the local AWS's control API: raw metrics, spans and execution histories."""

from typing import Any

import httpx

from harness.stack.processes.state_file import StackState

Datum = tuple[float, str, str, float]
"""Time [s since the epoch], metric, labels and value."""

_BEYOND = 1 << 52


class ControlClient:
    """
    A connection to the control API; any thread may use it.

    Every method raises `httpx.HTTPError` if the local AWS does not answer with success within *timeout* [s].
    """

    def __init__(self, aws_url: str, *, timeout: float) -> None:
        self._http = httpx.Client(base_url=aws_url, timeout=timeout, trust_env=False)

    def next_metric(self) -> int:
        """Return the number of the next metric row. The numbers go on when the local AWS is restarted."""
        return self.metrics_since(_BEYOND)[0]

    def metrics_since(self, row: int) -> tuple[int, list[Datum]]:
        """Return the number of the next metric row, and those from number *row* on, in order of arrival."""
        answer = self._get("metrics", row)
        return answer["next"], [(at, metric, labels, value) for at, metric, labels, value in answer["data"]]

    def next_span(self) -> int:
        """Return the number of the next span, as `next_metric` does."""
        return self.spans_since(_BEYOND)[0]

    def spans_since(self, number: int) -> tuple[int, list[list[Any]]]:
        """Return the number of the next span, and those from *number* on: the columns of ``spans``."""
        answer = self._get("spans", number)
        return answer["next"], answer["data"]

    def histories_since(self, started_at: float) -> list[dict[str, Any]]:
        """Return the executions started at *started_at* [s since the epoch] or later, oldest first."""
        executions: list[dict[str, Any]] = self._get("histories", started_at)["data"]
        return executions

    def close(self) -> None:
        self._http.close()

    def _get(self, what: str, since: float) -> dict[str, Any]:
        answer = self._http.get(f"/_harness/{what}", params={"since": since})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def announce_run(state: StackState, began_at: float) -> None:
    """Tell the parts with faults when the run began [s since the epoch]; raise `httpx.HTTPError`."""
    for url in (state.aws_url, *([state.s3_url] if state.s3_has_faults else [])):
        httpx.post(f"{url}/_harness/began", params={"at": began_at}).raise_for_status()
