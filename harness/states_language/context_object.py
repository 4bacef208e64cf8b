"""The context object of a state: the values of paths that begin with ``$$``."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.states_language.execution import Execution, Position
from harness.states_language.host import Host
from harness.states_language.payload_template import DRAW
from harness.states_language.program import CompiledTask


class ContextObject(Mapping[str, Any]):
    """The root ``$$``. Each part is computed when it is read."""

    __slots__ = ("_host", "_position")

    def __init__(self, host: Host, position: Position) -> None:
        self._host = host
        self._position = position

    def __getitem__(self, key: str) -> Any:
        position, host = self._position, self._host
        node = position.node
        assert node is not None  # noqa: S101 - paths are read in states only
        match key:
            case "Execution":
                return ExecutionObject(host, position.execution)
            case "Map" if position.map_item is not None:
                return {"Item": position.map_item}
            case "State":
                entered_at = timestamp(host.epoch, position.entered_at)
                return {"EnteredTime": entered_at, "Name": node.name, "RetryCount": position.number - 1}
            case "StateMachine":
                return host.machine
            case "Task" if isinstance(node, CompiledTask):
                return {"Token": f"{position.execution.name}/{node.name}/{position.item}/{position.number}"}
            case _ if key == DRAW:
                return host.draw("intrinsic", position)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        yield from ("Execution", "State", "StateMachine")
        if self._position.map_item is not None:
            yield "Map"
        if isinstance(self._position.node, CompiledTask):
            yield "Task"

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ExecutionObject(Mapping[str, Any]):
    """The object ``$$.Execution``. Each part is computed when it is read."""

    __slots__ = ("_execution", "_host")

    def __init__(self, host: Host, execution: Execution) -> None:
        self._host = host
        self._execution = execution

    def __getitem__(self, key: str) -> Any:
        return _PARTS[key](self._host, self._execution)

    def __iter__(self) -> Iterator[str]:
        return iter(_PARTS)

    def __len__(self) -> int:
        return len(_PARTS)


def timestamp(epoch: datetime, at: int) -> str:
    """Return a time of the host [ns] in the format of Step Functions."""
    moment = (epoch + timedelta(microseconds=at // 1000)).astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _arn(host: Host, execution: Execution) -> str:
    return f"{host.machine['Id'].replace(':stateMachine:', ':execution:')}:{execution.name}"


def _role_arn(host: Host, _execution: Execution) -> str:
    """Return a role named after the state machine: the definition does not contain the real one."""
    _, partition, _, _, account, *_ = host.machine["Id"].split(":")
    return f"arn:{partition}:iam::{account}:role/{host.machine['Name']}"


_PARTS: Mapping[str, Callable[[Host, Execution], Any]] = {
    "Id": _arn,
    "Input": lambda _, execution: execution.input,
    "Name": lambda _, execution: execution.name,
    "RedriveCount": lambda *_: 0,
    "RoleArn": _role_arn,
    "StartTime": lambda host, execution: timestamp(host.epoch, execution.started_at),
}
