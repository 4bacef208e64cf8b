"""
The context object of a state, which paths beginning with ``$$`` read.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.states_language.payload_template import DRAW
from harness.states_language.program import CompiledTask

if TYPE_CHECKING:
    from harness.states_language.thread import Thread


class ContextObject(Mapping[str, Any]):
    """
    What ``$$`` is; each part is made when somebody looks at it.
    """

    __slots__ = ("_walk",)

    def __init__(self, walk: "Thread") -> None:
        self._walk = walk

    def __getitem__(self, key: str) -> Any:
        walk, execution = self._walk, self._walk.execution
        node = walk.node
        assert node is not None  # noqa: S101 - only states ask
        match key:
            case "Execution":
                return execution.about
            case "Map" if walk.map_item is not None:
                return {"Item": walk.map_item}
            case "State":
                retries = walk.visit.number - 1 if walk.visit is not None else 0
                entered_at = timestamp(execution.host.epoch, walk.entered_at)
                return {"EnteredTime": entered_at, "Name": node.name, "RetryCount": retries}
            case "StateMachine":
                return execution.host.machine
            case "Task" if isinstance(node, CompiledTask):
                attempt = walk.visit.number if walk.visit is not None else 1
                return {"Token": f"{execution.name}/{node.name}/{walk.item}/{attempt}"}
            case _ if key == DRAW:
                return execution.host.draw("intrinsic", walk)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        yield from ("Execution", "State", "StateMachine")
        if self._walk.map_item is not None:
            yield "Map"
        if isinstance(self._walk.node, CompiledTask):
            yield "Task"

    def __len__(self) -> int:
        return sum(1 for _ in self)


def timestamp(epoch: datetime, at: int) -> str:
    """Return a time of the clock [ns] as Step Functions writes it."""
    moment = (epoch + timedelta(microseconds=at // 1000)).astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"
