"""
The host protocol: the defaults of a minimal host.
"""

import heapq
import itertools

import pytest

from harness.states_language.asl_interpreter import Interpreter
from harness.states_language.execution import Execution, Status
from harness.states_language.host import NS, Host
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import compile_machine


class VirtualTime(Host):
    """A host that defines only what it must; each Task takes two seconds."""

    def __init__(self):
        self.now, self.queue, self.numbers = 0, [], itertools.count()

    def call_in(self, delay, position, node, callback):
        heapq.heappush(self.queue, (self.now + delay, next(self.numbers), callback))

    def work(self, attempt):
        attempt.begun()
        attempt.enforce_deadline()
        self.call_in(2 * NS, attempt.position, attempt.node, lambda: attempt.succeed("done"))

    def run(self, state):
        """Run a state machine of one state; return its execution."""
        definition = {"StartAt": "S", "States": {"S": {**state, "End": True}}}
        execution = Execution("one", {})
        Interpreter(self, compile_machine(parse_state_machine(definition)), execution).start()
        while self.queue:
            self.now, _, callback = heapq.heappop(self.queue)
            callback()
        return execution


TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}


class TestDefaults:
    def test_a_task_succeeds(self):
        """
        Transitions take no time.
        """
        host = VirtualTime()
        execution = host.run(TASK)

        assert (execution.status, execution.output) == (Status.SUCCEEDED, "done")
        assert host.now == 2 * NS

    def test_a_deadline_is_a_scheduled_callback(self):
        """
        The Task times out after one second; its later result has no effect.
        """
        execution = VirtualTime().run({**TASK, "TimeoutSeconds": 1})

        assert (execution.status, execution.error) == (Status.FAILED, "States.Timeout")
        assert execution.failed_state == "S"

    def test_the_context_object_has_a_state_machine(self):
        """
        Its ARN is complete, so that the ARN of the execution can be derived.
        """
        state = {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id"}}

        assert VirtualTime().run(state).output == {"id": "arn:aws:states:::execution:local:one"}

    def test_random_numbers_must_be_defined(self):
        """
        There is no default: a host decides on its random numbers.
        """
        with pytest.raises(NotImplementedError, match="no random numbers, needed for intrinsic"):
            VirtualTime().run({"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}})
