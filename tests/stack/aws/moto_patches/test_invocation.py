"""
How many lines of a function's log are kept.
"""

from types import SimpleNamespace

from moto.logs.models import LogsBackend

from harness.stack.aws.lambda_runtime.function_runtime import InvocationResult
from harness.stack.aws.moto_patches import invocation


class TestLog:
    def test_the_oldest_lines_of_a_stream_are_dropped(self, monkeypatch):
        """
        At least the last three lines are there, and never more than twice as many.
        """
        monkeypatch.setattr(invocation, "KEPT_LOG_LINES", 3)
        logs = LogsBackend("us-east-1", "123456789012")
        function = SimpleNamespace(logs_group_name="/aws/lambda/f", version="1", logs_backend=logs)
        kept = []
        for number in range(10):
            invocation._write_log(function, InvocationResult("", failed=False, log=[str(number)]))
            (stream,) = logs.groups["/aws/lambda/f"].streams.values()
            kept.append([event.message for event in stream.events])

        assert kept[6] == ["4", "5", "6"]
        assert max(map(len, kept)) == 6
