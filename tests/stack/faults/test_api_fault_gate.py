"""
Faults of requests to the local AWS, in front of an application that answers everything.
"""

import io

import pytest

from harness.lab.workload.scenario import Scenario
from harness.stack.faults.api_fault_gate import ApiFaultGate, operation_of, s3_operation_of
from harness.stack.modelled.run_clock import RunClock


def scenario(**fault):
    return Scenario.model_validate(
        {
            "question": "What if?",
            "duration_s": 100,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 100}]}],
            "flows": [{"name": "photo_shoot"}],
            "faults": [fault],
        }
    )


@pytest.fixture
def ask():
    """Return a function that sends a request through a gate, and returns status and body."""

    def send(gate, method="POST", path="/", target="", query=""):
        statuses = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
        environ |= {"HTTP_X_AMZ_TARGET": target} if target else {}
        environ |= {"CONTENT_LENGTH": "2", "wsgi.input": io.BytesIO(b"{}")}
        body = b"".join(gate(environ, lambda status, _: statuses.append(status)))
        return statuses[0], body.decode()

    return send


def gate(operation=operation_of, *, began=True, **fault):
    def everything(_, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    now = [1000.0]
    clock = RunClock(lambda: now[0])
    if began:
        clock.begin(1000.0)
    made = ApiFaultGate(everything, scenario(**fault), clock, operation, 1.0)
    return made, now


THROTTLE = {"action": "aws:fis:inject-api-throttle-error", "service": "sqs", "operations": ["SendMessage"]}


class TestJson:
    def test_the_operation_named_is_throttled_and_no_other(self, ask):
        """
        With the error that an SDK of AWS knows.
        """
        made, _ = gate(**THROTTLE)

        status, body = ask(made, target="AmazonSQS.SendMessage")
        assert (status, '"ThrottlingException"' in body) == ("400 Bad Request", True)
        assert ask(made, target="AmazonSQS.ReceiveMessage") == ("200 OK", "ok")
        assert ask(made, target="AWSStepFunctions.StartExecution") == ("200 OK", "ok")

    def test_nothing_strikes_before_the_run_and_outside_of_the_window(self, ask):
        """
        The stack creates the resources of the template before the run.
        """
        before, _ = gate(**THROTTLE, began=False)
        made, now = gate(**THROTTLE, at=10, **{"for": "5 s"})

        assert ask(before, target="AmazonSQS.SendMessage")[0] == "200 OK"
        for second, expected in ((9, "200 OK"), (10, "400 Bad Request"), (15, "200 OK")):
            now[0] = 1000.0 + second
            assert ask(made, target="AmazonSQS.SendMessage")[0] == expected

    def test_a_share_of_the_requests_is_struck(self, ask):
        """
        At rate 0.3, the same ones for the same seed.
        """
        found = []
        for _ in range(2):
            made, _ = gate(**THROTTLE, rate=0.3)
            found.append([ask(made, target="AmazonSQS.SendMessage")[0] for _ in range(200)])

        assert found[0] == found[1]
        assert 40 <= found[0].count("400 Bad Request") <= 80


class TestS3:
    @pytest.mark.parametrize(
        ("method", "query", "operation"),
        [
            ("GET", "", "GetObject"),
            ("HEAD", "", "HeadObject"),
            ("PUT", "X-Amz-Signature=1", "PutObject"),
            ("PUT", "tagging", "PutObjectTagging"),
            ("GET", "list-type=2&prefix=a", "ListObjectsV2"),
        ],
    )
    def test_the_operation_is_read_from_method_and_query(self, ask, method, query, operation):
        """
        Its errors are those of S3: 503 SlowDown.
        """
        fault = {"action": "aws:fis:inject-api-throttle-error", "service": "s3"}
        made, _ = gate(s3_operation_of, **fault, operations=[operation])
        other, _ = gate(s3_operation_of, **fault, operations=["DeleteObject"])

        assert ask(made, method, "/bucket/key", query=query)[0] == "503 Slow Down"
        assert ask(other, method, "/bucket/key", query=query)[0] == "200 OK"
