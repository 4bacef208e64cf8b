"""
Histories fetched from Step Functions: moto's server, which interprets the machine, and a server with limits.
"""

import json
import time

import pytest
from botocore.exceptions import ClientError

import harness
from harness.lab.calibration.histories.history_download import DownloadFailed, HistoryDownload, region_of
from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.gate.scenario_reader import read_scenario

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:Orders"

NESTED = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 1, "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "ItemsPath": "$.items",
                            "ItemProcessor": {
                                "StartAt": "Inner",
                                "States": {
                                    "Inner": {
                                        "Type": "Map",
                                        "ItemsPath": "$",
                                        "ItemProcessor": {
                                            "StartAt": "Send",
                                            "States": {
                                                "Send": {
                                                    "Type": "Task",
                                                    "Resource": "arn:aws:states:::sqs:sendMessage",
                                                    "Parameters": {"QueueUrl": "QUEUE", "MessageBody.$": "$"},
                                                    "End": True,
                                                }
                                            },
                                        },
                                        "End": True,
                                    }
                                },
                            },
                            "End": True,
                        }
                    },
                },
            ],
            "ResultPath": None,
            "Next": "Good?",
        },
        "Good?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.good", "BooleanEquals": True, "Next": "Done"}],
            "Default": "Bad",
        },
        "Done": {"Type": "Succeed"},
        "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "asked for"},
    },
}


@pytest.mark.stack
def test_a_machine_of_an_account_is_fetched_measured_and_played(aws, tmp_path):
    """
    Parallel, nested Map, Wait and Choice; every sixth execution fails; one page holds five executions.
    """
    queue = aws.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    client = aws.client("stepfunctions")
    definition = json.dumps(NESTED).replace("QUEUE", queue)
    arn = client.create_state_machine(
        name="Nested", definition=definition, roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]
    for number in range(24):
        given = {"items": [["a"], ["b", "c"]], "good": number % 6 > 0}
        client.start_execution(stateMachineArn=arn, name=f"e{number}", input=json.dumps(given))
    _wait_for_the_end(client, arn)

    HistoryDownload(client, tmp_path / "h")(arn)
    machine = harness.calibrate_executions(tmp_path / "h", out=tmp_path / "nested.toml")
    run = harness.simulate(
        read_scenario(tmp_path / "nested.scenario.toml", {}, calibration=tmp_path / "nested.toml"),
        state_machine=tmp_path / "nested.asl.json",
        out=tmp_path / "run",
    )

    assert machine.outcomes == {"SUCCEEDED": 20, "FAILED": 4}
    assert [(each.name, each.attempts) for each in machine.stations] == [("Send", 72)]
    assert run.batches["outcome"].value_counts().to_dict() == {"READY": 20, "FAILED": 4}
    assert (run.steps["state"] == "Send").sum() == 72


def _wait_for_the_end(client, arn):
    """Wait until no execution is running: the interpreter of the server takes its own time."""
    until = time.monotonic() + 60
    while client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]:
        assert time.monotonic() < until, "executions are still running after a minute"
        time.sleep(0.2)


class LimitedAccount:
    """An account with pages of two executions and three events, that throttles some requests."""

    def __init__(
        self, executions: int = 5, *, throttles: int = 0, error: str = "ThrottlingException"
    ) -> None:
        self.executions, self.throttles, self.error = executions, throttles, error
        self.calls: list[str] = []

    def describe_state_machine(self, **_):
        self._call("describe")
        return {"type": "STANDARD", "definition": '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'}

    def list_executions(self, **arguments):
        self._call("list")
        first = int(arguments.get("nextToken", "0"))
        found = [
            {"name": f"e{n}", "executionArn": f"arn:x:e{n}", "status": "SUCCEEDED"}
            for n in range(first, min(first + 2, self.executions))
        ]
        more = {"nextToken": str(first + 2)} if first + 2 < self.executions else {}
        return {"executions": found, **more}

    def get_execution_history(self, **arguments):
        self._call(arguments["executionArn"])
        begin = int(arguments.get("nextToken", "1"))
        kinds = ("ExecutionStarted", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded")
        events = [
            {"id": n, "type": kinds[n - 1], "timestamp": float(n), "previousEventId": n - 1}
            for n in range(begin, min(begin + 3, 5))
        ]
        for event in events:
            if event["type"].endswith("Entered"):
                event["stateEnteredEventDetails"] = {"name": "A"}
            if event["type"].endswith("Exited"):
                event["stateExitedEventDetails"] = {"name": "A"}
        return {"events": events, **({"nextToken": "4"} if begin == 1 else {})}

    def _call(self, name):
        self.calls.append(name)
        if self.throttles:
            self.throttles -= 1
            raise ClientError({"Error": {"Code": self.error, "Message": "not now"}}, "X")


class TestHistoryDownload:
    def test_pages_are_put_together(self, tmp_path):
        """
        Five executions in three pages, four events each in two.
        """
        assert HistoryDownload(LimitedAccount(), tmp_path)(ARN) == 5

        machine = ObservedMachine.of(HistoryFolder.read(tmp_path))
        assert machine.outcomes == {"SUCCEEDED": 5}
        assert [len(each.events) for each in machine.executions] == [4] * 5

    def test_a_second_call_fetches_only_what_is_missing(self, tmp_path):
        """
        Three of five were fetched before.
        """
        HistoryDownload(LimitedAccount(), tmp_path, at_most=3)(ARN)
        account = LimitedAccount()
        HistoryDownload(account, tmp_path)(ARN)

        assert sorted({call for call in account.calls if call.startswith("arn:")}) == ["arn:x:e3", "arn:x:e4"]

    def test_throttled_requests_are_repeated_after_growing_pauses(self, tmp_path):
        """
        Four refusals: each pause is up to twice as long as the one before.
        """
        pauses: list[float] = []
        HistoryDownload(LimitedAccount(throttles=4), tmp_path, sleep=pauses.append)(ARN)

        assert len(pauses) == 4
        assert all(0.1 * 2**n <= pause <= 0.2 * 2**n for n, pause in enumerate(pauses))

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            ("ThrottlingException", "was throttled 10 times in a row; what was fetched is in"),
            ("AccessDeniedException", "no permission for states:DescribeStateMachine: not now"),
            ("StateMachineDoesNotExist", "DescribeStateMachine failed with StateMachineDoesNotExist"),
        ],
    )
    def test_what_cannot_be_fetched_is_one_sentence(self, error, sentence, tmp_path):
        """
        An account that refuses every request.
        """
        account = LimitedAccount(throttles=99, error=error)

        with pytest.raises(DownloadFailed, match=sentence):
            HistoryDownload(account, tmp_path, sleep=lambda _: None)(ARN)

    def test_another_arn_is_refused(self):
        """
        That of an execution, for instance.
        """
        assert region_of(ARN) == "eu-west-1"
        with pytest.raises(DownloadFailed, match="is no ARN of a state machine"):
            region_of("arn:aws:states:eu-west-1:123456789012:execution:Orders:e1")
