"""
The local AWS where moto alone would be wrong: machines nobody here has seen, their histories, rules.

Time passes 30 times faster than the definitions say.
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
    """Return the events without data, asked for forwards and backwards, both oldest first."""
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

    def test_the_machines_own_time_out_ends_it_at_once(self, states, play):
        """
        TIMED_OUT has a stop date, and its history ends there.
        """
        found = play({"Pause": {"Type": "Wait", "Seconds": 900, "End": True}}, TimeoutSeconds=15)

        assert found["status"] == "TIMED_OUT"
        assert (found["stopDate"] - found["startDate"]).total_seconds() < 10
        assert kinds(states, found["executionArn"])[-1] == "ExecutionTimedOut"

    def test_the_history_keeps_the_nominal_time_out(self, states, play):
        """
        What the definition says is what the history shows.
        """
        task = {"Type": "Task", "Resource": VALIDATE, "TimeoutSeconds": 120, "End": True}
        found = play({"Work": task})
        events = states.get_execution_history(executionArn=found["executionArn"])["events"]
        scheduled = next(event for event in events if event["type"] == "LambdaFunctionScheduled")

        assert scheduled["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] == 120


class TestExecutions:
    def test_without_a_name_each_start_is_another(self, states, machine):
        """
        Two nameless starts are two executions.
        """
        arn = machine({"Done": {"Type": "Succeed"}})
        names = {states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)}

        assert len(names) == 2

    def test_a_name_is_used_once(self, states, machine):
        """
        The same start again while it runs is the same execution; once it has ended the name is taken.
        """
        arn = machine({"Pause": {"Type": "Wait", "Seconds": 30, "End": True}})
        first = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        again = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        ended(states, first["executionArn"])

        assert again["executionArn"] == first["executionArn"]
        with pytest.raises(states.exceptions.ExecutionAlreadyExists):
            states.start_execution(stateMachineArn=arn, name="one", input="{}")

    def test_stopping_is_immediate_and_says_why(self, states, machine):
        """
        ABORTED with error, cause and stop date, though its task still waits.
        """
        arn = states.start_execution(
            stateMachineArn=machine({"P": {"Type": "Wait", "Seconds": 900, "End": True}})
        )
        states.stop_execution(executionArn=arn["executionArn"], error="Enough", cause="the test says so")
        found = states.describe_execution(executionArn=arn["executionArn"])

        assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "the test says so")
        assert found["stopDate"] >= found["startDate"]
        assert kinds(states, arn["executionArn"])[-1] == "ExecutionAborted"

    def test_a_history_is_read_backwards_and_in_pages(self, states, play):
        """
        reverseOrder and maxResults mean what AWS says they mean.
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

    def test_a_history_without_data_lacks_nothing_else(self, states, machine):
        """
        While it runs and when it has ended, asked forwards (the quick way) and backwards (moto's).
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
        while "WaitStateEntered" not in kinds(states, arn):  # from then on it stands still for two seconds
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running = histories_both_ways(states, arn)
        ended(states, arn)
        over = histories_both_ways(states, arn)

        assert running[0] == running[1]
        assert over[0] == over[1]
        assert [event["id"] for event in over[0]] == [1, 2, 3, 4, 5, 6]
        assert over[0][1]["stateEnteredEventDetails"]["name"] == "First"
        assert "input" not in over[0][1]["stateEnteredEventDetails"]

    def test_a_history_nobody_has_does_not_exist(self, states, machine):
        """
        Without data or with.
        """
        arn = machine({"Only": {"Type": "Succeed"}}).replace(":stateMachine:", ":execution:") + ":nothing"
        with pytest.raises(states.exceptions.ExecutionDoesNotExist):
            states.get_execution_history(executionArn=arn, includeExecutionData=False)


class TestLambdaTasks:
    def test_a_throttled_function_has_its_error_name(self, play, client, unique):
        """
        With no concurrency left the state machine sees Lambda.TooManyRequestsException.
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
        The twin of validate rejects an empty event, and the catcher gets the error.
        """
        found = play(
            {
                "Work": {"Type": "Task", "Resource": VALIDATE, "Catch": CATCH, "End": True},
                "Caught": {"Type": "Succeed"},
            }
        )

        assert json.loads(found["output"])["error"]["Error"] == "Rejected"

    def test_invocations_by_http_end_in_the_same_place(self, client):
        """
        Invoke answers with the function's error and the tail of its log.
        """
        answer = client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}", LogType="Tail")

        assert answer["FunctionError"] == "Unhandled"
        assert json.load(answer["Payload"])["errorType"] == "Rejected"
        assert answer["LogResult"]

    def test_what_functions_log_is_in_cloudwatch_logs(self, client):
        """
        The log group of a function has START and REPORT of its invocations.
        """
        client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}")
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/listing-media-validate")["events"]

        assert any(event["message"].startswith("REPORT RequestId") for event in events)

    def test_the_map_item_is_known_to_the_parameters_of_its_task(self, play):
        """
        A task inside a Map may use the context object's item in its own parameters.
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
        PutEvents succeeds and the machine gets the event.
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
