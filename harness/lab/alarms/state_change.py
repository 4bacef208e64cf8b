"""A state change of an alarm, as CloudWatch announces it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.lab.alarms.evaluate import AlarmState


@dataclass(frozen=True, slots=True)
class StateChange:
    """
    An alarm changed its state.

    Attributes:
        at: Time on the model clock [s].
        before: The state before. It equals *state* when a composite alarm runs its actions later than it
            changed.
        acts: Whether the actions run now; those of a composite can be suppressed or delayed.
    """

    at: float
    alarm: str
    before: AlarmState
    state: AlarmState
    reason: str
    reason_data: Mapping[str, object] = field(default_factory=dict)
    acts: bool = True
