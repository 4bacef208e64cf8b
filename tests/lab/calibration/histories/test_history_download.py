"""
Histories fetched from Step Functions: moto's server, which interprets the machine, and a server with limits.
"""

import json
import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

import harness
from harness.lab.calibration.histories.history_download import (
    DownloadFailed,
    HistoryDownload,
    MachineUnfit,
    region_of,
)
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
        self.names: dict[int, str] = {}
        self.lost: dict[str, BotoCoreError] = {}
        self.kind = "STANDARD"

    def describe_state_machine(self, **_):
        self._call("describe")
        return {"type": self.kind, "definition": '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'}

    def list_executions(self, **arguments):
        self._call("list")
        first = int(arguments.get("nextToken", "0"))
        found = [
            {"name": self.names.get(n, f"e{n}"), "executionArn": f"arn:x:e{n}", "status": "SUCCEEDED"}
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
        answered = {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 12:00:00 GMT"}}
        return {"events": events, "ResponseMetadata": answered, **({"nextToken": "4"} if begin == 1 else {})}

    def _call(self, name):
        self.calls.append(name)
        if name in self.lost:
            raise self.lost[name]
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
            ("ThrottlingException", "was throttled 10 times in a row"),
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

    @pytest.mark.parametrize(
        "error",
        [
            EndpointConnectionError(endpoint_url="x"),
            ReadTimeoutError(endpoint_url="x"),
            ConnectionClosedError(endpoint_url="x"),
        ],
    )
    def test_a_lost_answer_is_asked_for_again(self, error, tmp_path):
        """
        The third history comes after two pauses.
        """
        account, pauses = LimitedAccount(), []
        account.lost["arn:x:e2"] = error

        def sleep(seconds):
            pauses.append(seconds)
            if len(pauses) == 2:
                account.lost.clear()

        assert HistoryDownload(account, tmp_path, sleep=sleep)(ARN) == 5
        assert len(pauses) == 2

    def test_a_network_that_stays_away_ends_the_download(self, tmp_path):
        """
        After ten tries, and the same command continues.
        """
        account = LimitedAccount()
        account.lost["arn:x:e2"] = ReadTimeoutError(endpoint_url="x")
        sentence = f"timeout on .* what was fetched is in {tmp_path}: the same command continues there"

        with pytest.raises(DownloadFailed, match=sentence):
            HistoryDownload(account, tmp_path, sleep=lambda _: None)(ARN)
        assert account.calls.count("arn:x:e2") == 10

    def test_an_account_that_never_answers_is_asked_once(self, tmp_path):
        """
        Its address is wrong.
        """
        account = LimitedAccount()
        account.lost["describe"] = EndpointConnectionError(endpoint_url="x")

        with pytest.raises(DownloadFailed, match="Step Functions cannot be asked: Could not connect"):
            HistoryDownload(account, tmp_path)(ARN)
        assert account.calls == ["describe"]

    def test_a_profile_that_does_not_exist_is_one_sentence(self, tmp_path, monkeypatch):
        """
        AWS_PROFILE is misspelt.
        """
        monkeypatch.setenv("AWS_PROFILE", "typo")

        with pytest.raises(DownloadFailed, match=r"settings of the environment cannot be used: .*\(typo\)"):
            HistoryDownload.of(ARN, tmp_path)

    def test_a_history_has_the_time_at_which_it_was_fetched(self, tmp_path):
        """
        By the clock of AWS: until then an execution that is under way is known not to have ended.
        """
        HistoryDownload(LimitedAccount(1), tmp_path)(ARN)

        (execution,) = HistoryFolder.read(tmp_path).executions
        assert execution.fetched_at == datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()

    def test_an_execution_named_as_the_definition_leaves_it_whole(self, tmp_path):
        """
        Its history has a file of its own, also where file names have no case.
        """
        account = LimitedAccount(2)
        account.names = {0: "state_machine", 1: "State_Machine"}
        HistoryDownload(account, tmp_path)(ARN)
        found = HistoryFolder.read(tmp_path)

        assert found.definition is not None
        assert len(found.executions) == 2

    def test_an_express_machine_is_refused(self, tmp_path):
        """
        It keeps no histories.
        """
        account = LimitedAccount()
        account.kind = "EXPRESS"

        with pytest.raises(MachineUnfit, match="is an Express state machine, which keeps no histories"):
            HistoryDownload(account, tmp_path)(ARN)

    def test_another_arn_is_refused(self):
        """
        That of an execution, for instance.
        """
        assert region_of(ARN) == "eu-west-1"
        with pytest.raises(MachineUnfit, match="is no ARN of a state machine"):
            region_of("arn:aws:states:eu-west-1:123456789012:execution:Orders:e1")
