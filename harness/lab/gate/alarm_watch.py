"""The watch over the alarms of a running system: new state changes, each reported once."""

from collections.abc import Callable, Iterable

from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.state_change import StateChange
from harness.lab.gate.live_evaluation import Datum, LiveEvaluation

SETTLE_S = 5.0
"""Delay of a live evaluation after its time: the service puts its metrics every two seconds."""


class AlarmWatch:
    """
    The alarms of a running system, polled for new state changes.

    Args:
        fetch: Returns the data that arrived since its last call.
        final_changes: Returns all state changes once the system has ended, None before.
        apply: Applies one state change at the endpoint that owns the alarms, if there is one.
    """

    def __init__(
        self,
        evaluation: LiveEvaluation,
        fetch: Callable[[], Iterable[Datum]],
        *,
        final_changes: Callable[[], list[StateChange] | None] = lambda: None,
        apply: Callable[[StateChange], None] | None = None,
    ) -> None:
        self.states: dict[str, AlarmState] = evaluation.states(0.0)
        self.is_over = False
        self.unevaluated = evaluation.unevaluated
        self._evaluation = evaluation
        self._fetch = fetch
        self._final_changes = final_changes
        self._apply = apply
        self._known: set[tuple[float, str, AlarmState]] = set()
        self._has_applied = False

    def poll(self, now: float) -> list[StateChange]:
        """Return the state changes up to `SETTLE_S` before *now* [s] that no earlier call returned."""
        changes = self._final_changes()
        self.is_over = changes is not None
        if changes is None:
            self._evaluation.feed(self._fetch())
            self._evaluation.states(now - SETTLE_S)
            changes = self._evaluation.changes
        new = [one for one in changes if (one.at, one.alarm, one.state) not in self._known]
        self._known |= {(one.at, one.alarm, one.state) for one in new}
        self.states |= {one.alarm: one.state for one in changes}
        return new

    def apply(self, new: list[StateChange]) -> None:
        """Apply state changes at the endpoint that owns the alarms."""
        if self._apply is None or not new:
            return
        # The first changes happened before the watch began: only the last of each alarm is applied.
        for change in new if self._has_applied else {one.alarm: one for one in new}.values():
            self._apply(change)
        self._has_applied = True
