"""
The local AWS where bare moto is wrong: state machines of any kind, their histories, event rules.

The time scale is 30.
"""

import json
import time
from typing import Any

import pytest

from tests.stack.conftest import ACCOUNT, ended

pytestmark = pytest.mark.stack

VALIDATE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:listing-media-validate"
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]


def histories_both_ways(states, arn: str) -> tuple[list[Any], list[Any]]:
    """Return the events without data, requested in order and in reverse order; both lists oldest first."""
    forwards = states.get_execution_history(executionArn=arn, includeExecutionData=False)
    backwards = states.get_execution_history(executionArn=arn, includeExecutionData=False, reverseOrder=True)
    return forwards["events"], backwards["events"][::-1]


def kinds(states: Any, arn: str) -> list[str]:
    return [
        event["type"] for event in states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    ]


class TestTime:
    def test_a_wait_is_shortened(self, play):
        """
        A Wait of 15 s takes half a second at scale 30.
        """
        found = play({"Pause": {"Type": "Wait", "Seconds": 15, "End": True}})
        took = (found["stopDate"] - found["startDate"]).total_seconds()

        assert found["status"] == "SUCCEEDED"
        assert 0.5 <= took < 5

    def test_retries_back_off_in_model_time_and_are_counted(self, states, play):
        """
        Two retries after 15 and 30 s take a second and a half; three attempts fail.
        """
        retry = [{"ErrorEquals": ["Rejected"], "IntervalSeconds": 15, "MaxAttempts": 2, "BackoffRate": 2}]
        found = play({"Work": {"Type": "Task", "Resource": VALIDATE, "Retry": retry, "End": True}})
        took = (found["stopDate"] - found["startDate"]).total_seconds()

        assert (found["status"], found["error"]) == ("FAILED", "Rejected")
        assert 1.5 <= took < 10
        assert kinds(states, found["executionArn"]).count("LambdaFunctionFailed") == 3

    def test_the_time_out_of_a_state_machine_ends_its_execution(self, states, play):
        """
        The execution is TIMED_OUT with a stop date, and its history ends there.
        """
        found = play({"Pause": {"Type": "Wait", "Seconds": 900, "End": True}}, TimeoutSeconds=15)

        assert found["status"] == "TIMED_OUT"
        assert (found["stopDate"] - found["startDate"]).total_seconds() < 10
        assert kinds(states, found["executionArn"])[-1] == "ExecutionTimedOut"

    def test_the_history_keeps_the_nominal_time_out(self, states, play):
        """
        The history has the time-out of the definition, without the time scale.
        """
        task = {"Type": "Task", "Resource": VALIDATE, "TimeoutSeconds": 120, "End": True}
        found = play({"Work": task})
        events = states.get_execution_history(executionArn=found["executionArn"])["events"]
        scheduled = next(event for event in events if event["type"] == "LambdaFunctionScheduled")

        assert scheduled["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] == 120


class TestExecutions:
    def test_without_a_name_every_start_is_an_execution(self, states, machine):
        """
        Two starts without a name are two executions.
        """
        arn = machine({"Done": {"Type": "Succeed"}})
        names = {states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)}

        assert len(names) == 2

    def test_a_name_is_used_once(self, states, machine):
        """
        While it runs, the same start returns the same execution; later the name is refused.
        """
        arn = machine({"Pause": {"Type": "Wait", "Seconds": 30, "End": True}})
        first = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        again = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        ended(states, first["executionArn"])

        assert again["executionArn"] == first["executionArn"]
        with pytest.raises(states.exceptions.ExecutionAlreadyExists):
            states.start_execution(stateMachineArn=arn, name="one", input="{}")

    def test_a_stop_is_immediate_and_keeps_error_and_cause(self, states, machine):
        """
        The execution is ABORTED with a stop date while its state still waits.
        """
        arn = states.start_execution(
            stateMachineArn=machine({"P": {"Type": "Wait", "Seconds": 900, "End": True}})
        )
        states.stop_execution(executionArn=arn["executionArn"], error="Enough", cause="stopped by the test")
        found = states.describe_execution(executionArn=arn["executionArn"])

        assert (found["status"], found["error"], found["cause"]) == (
            "ABORTED",
            "Enough",
            "stopped by the test",
        )
        assert found["stopDate"] >= found["startDate"]
        assert kinds(states, arn["executionArn"])[-1] == "ExecutionAborted"

    def test_a_history_is_read_backwards_and_in_pages(self, states, play):
        """
        reverseOrder and maxResults work as in AWS.
        """
        arn = play({f"Step{n}": {"Type": "Pass", "Next": f"Step{n + 1}"} for n in range(4)}
                   | {"Step4": {"Type": "Succeed"}})["executionArn"]  # fmt: skip
        whole = states.get_execution_history(executionArn=arn)["events"]
        page = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
        rest = states.get_execution_history(
            executionArn=arn, reverseOrder=True, maxResults=1000, nextToken=page["nextToken"]
        )

        assert [event["id"] for event in page["events"] + rest["events"]] == [
            event["id"] for event in reversed(whole)
        ]
        assert "nextToken" not in rest

    def test_a_history_without_data_is_otherwise_complete(self, states, machine):
        """
        In order (from the cache) and in reverse order (from moto), during the execution and after it.
        """
        arn = states.start_execution(
            stateMachineArn=machine(
                {
                    "First": {"Type": "Pass", "Result": {"a": 1}, "Next": "Wait"},
                    "Wait": {"Type": "Wait", "Seconds": 60, "End": True},
                }
            ),
            input='{"b": 2}',
        )["executionArn"]
        deadline = time.monotonic() + 20
        while "WaitStateEntered" not in kinds(states, arn):  # the history does not grow for two seconds then
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running = histories_both_ways(states, arn)
        ended(states, arn)
        complete = histories_both_ways(states, arn)

        assert running[0] == running[1]
        assert complete[0] == complete[1]
        assert [event["id"] for event in complete[0]] == [1, 2, 3, 4, 5, 6]
        assert complete[0][1]["stateEnteredEventDetails"]["name"] == "First"
        assert "input" not in complete[0][1]["stateEnteredEventDetails"]

    def test_a_history_of_an_unknown_execution_does_not_exist(self, states, machine):
        """
        A request without data gets the same error as one with data.
        """
        arn = machine({"Only": {"Type": "Succeed"}}).replace(":stateMachine:", ":execution:") + ":nothing"
        with pytest.raises(states.exceptions.ExecutionDoesNotExist):
            states.get_execution_history(executionArn=arn, includeExecutionData=False)


class TestLambdaTasks:
    def test_a_throttled_function_has_the_error_name_of_aws(self, play, client, unique):
        """
        Without free concurrency the task fails with Lambda.TooManyRequestsException.
        """
        functions = client("lambda")
        name = unique("idle")
        role = functions.get_function_configuration(FunctionName="listing-media-validate")["Role"]
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Handler="a.b", Role=role, Code={"ZipFile": b"none"}
        )
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        invoke = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": name, "Payload": {}},
            "End": True,
        }
        direct = {"Type": "Task", "Resource": VALIDATE.replace("listing-media-validate", name), "End": True}

        assert play({"Work": invoke})["error"] == "Lambda.TooManyRequestsException"
        assert play({"Work": direct})["error"] == "Lambda.TooManyRequestsException"
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName=name, Payload=b"{}")

    def test_an_error_of_a_function_is_caught_by_its_name(self, play):
        """
        The modelled validate rejects an empty event, and the Catch gets the error.
        """
        found = play(
            {
                "Work": {"Type": "Task", "Resource": VALIDATE, "Catch": CATCH, "End": True},
                "Caught": {"Type": "Succeed"},
            }
        )

        assert json.loads(found["output"])["error"]["Error"] == "Rejected"

    def test_an_invocation_by_http_reaches_the_function(self, client):
        """
        The answer of Invoke has the function's error and the end of its log.
        """
        answer = client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}", LogType="Tail")

        assert answer["FunctionError"] == "Unhandled"
        assert json.load(answer["Payload"])["errorType"] == "Rejected"
        assert answer["LogResult"]

    def test_the_logs_of_functions_are_in_cloudwatch_logs(self, client):
        """
        The log group of a function has the REPORT lines of its invocations.
        """
        client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}")
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/listing-media-validate")["events"]

        assert any(event["message"].startswith("REPORT RequestId") for event in events)

    def test_the_parameters_of_a_task_may_use_the_map_item(self, play):
        """
        A task inside a Map reads the item from the context object.
        """
        inner = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": VALIDATE, "Payload": {"index.$": "$$.Map.Item.Index"}},
            "Catch": [{"ErrorEquals": ["Rejected"], "ResultPath": "$.error", "Next": "Known"}],
            "End": True,
        }
        loop = {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": inner, "Known": {"Type": "Succeed"}}},
            "End": True,
        }

        assert play({"Loop": loop}, {"items": [{}]})["status"] == "SUCCEEDED"


class TestRules:
    def test_a_rule_starts_a_state_machine(self, client, states, machine, unique):
        """
        PutEvents succeeds, and the event is the input of an execution.
        """
        events, rule, source = client("events"), unique("rule"), unique("source")
        arn = machine({"Done": {"Type": "Succeed"}})
        events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
        events.put_targets(Rule=rule, Targets=[{"Id": "machine", "Arn": arn}])

        answer = events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"n": 1}'}])

        assert answer["FailedEntryCount"] == 0
        deadline = time.monotonic() + 20
        while not (found := states.list_executions(stateMachineArn=arn)["executions"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        given = states.describe_execution(executionArn=found[0]["executionArn"])["input"]
        assert json.loads(given)["detail"] == {"n": 1}
