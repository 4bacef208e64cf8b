"""
The interpreter of the Amazon States Language: it runs one execution on a host.
"""

from typing import Any

from harness.states_language.branch import Branch, Parent
from harness.states_language.execution import Execution, Status
from harness.states_language.host import Host
from harness.states_language.program import Program
from harness.states_language.state_entry import make_entry


class Interpreter(Parent):
    """
    The run of one execution; see `harness.states_language.host` for an example.

    A time limit of the state machine is the host's: it calls `time_out` when the limit has passed.
    """

    __slots__ = ("_branch", "execution", "host")

    def __init__(self, host: Host, program: Program, execution: Execution) -> None:
        self.host = host
        self.execution = execution
        execution.started_at = host.now
        self._branch: Branch | None = Branch(host, execution, program, self, make_entry, is_main=True)

    def start(self) -> None:
        """Enter the first state, unless the execution has timed out already."""
        if self._branch is not None:
            self._branch.start(self.execution.input)

    def time_out(self) -> None:
        """End the execution because its time limit has passed."""
        if self._branch is not None:
            self._branch.cancel()
            self._end(Status.TIMED_OUT, "States.Timeout", "the execution took longer than its time limit")

    def record_unfinished(self) -> None:
        """Record the states that the execution is in."""
        for branch in self._branch.in_progress() if self._branch is not None else ():
            branch.record_unfinished(None, None)

    def succeeded(self, branch: Branch, output: Any) -> None:
        del branch
        self.execution.output = output
        self._end(Status.SUCCEEDED)

    def failed(self, branch: Branch, error: str, cause: str) -> None:
        self.execution.failed_state = None if branch.node is None else branch.node.name
        self._end(Status.FAILED, error, cause)

    def _end(self, status: Status, error: str | None = None, cause: str | None = None) -> None:
        execution = self.execution
        execution.status, execution.error, execution.cause = status, error, cause
        # Without reference cycles memory is freed at once: the simulator turns the garbage collector off.
        self._branch = None
        self.host.ended(execution)
