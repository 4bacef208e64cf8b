"""The parser of state machines: every supported feature."""

import json
import math
from datetime import UTC, datetime

import pytest

from harness.blueprint.template import load_template
from harness.states_language.choice import And, ChoiceComparison, Not, Or
from harness.states_language.machine import Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait
from harness.states_language.parser import parse_state_machine
from harness.states_language.recovery import Catcher, Retrier, handles
from tests.states_language.definitions import DONE, machine, task
from tests.states_language.reachability import targets, unreachable


class TestTask:
    def test_defaults_are_those_of_the_language(self):
        """A task without options has no limits, passes all data on, and neither retries nor catches."""
        read = parse_state_machine(machine(Work=task())).states["Work"]

        assert read == Task(name="Work", resource="arn:aws:states:::lambda:invoke")
        assert (read.input_path, read.output_path, read.result_path) == ("$", "$", "$")
        assert (read.timeout_seconds, read.retry, read.catch) == (None, (), ())

    def test_every_field_is_read(self):
        """Every field of a task has its value."""
        read = parse_state_machine(
            machine(
                Work=task(
                    Comment="works",
                    InputPath="$.in",
                    OutputPath="$.out",
                    ResultPath="$.result",
                    Parameters={"FunctionName": "work", "Payload.$": "$"},
                    ResultSelector={"a.$": "$.Payload.a"},
                    TimeoutSeconds=30,
                    HeartbeatSeconds=10,
                )
            )
        ).states["Work"]

        assert read == Task(
            name="Work",
            resource="arn:aws:states:::lambda:invoke",
            comment="works",
            input_path="$.in",
            output_path="$.out",
            result_path="$.result",
            parameters={"FunctionName": "work", "Payload.$": "$"},
            result_selector={"a.$": "$.Payload.a"},
            timeout_seconds=30,
            heartbeat_seconds=10,
        )

    def test_null_paths_differ_from_absent_ones(self):
        """Null drops the result; absent means everything."""
        read = parse_state_machine(machine(Work=task(ResultPath=None, InputPath=None, OutputPath=None)))

        work = read.states["Work"]
        assert (work.result_path, work.input_path, work.output_path) == (None, None, None)

    def test_limits_may_come_from_the_data(self):
        """TimeoutSecondsPath and HeartbeatSecondsPath stand in for the numbers."""
        read = parse_state_machine(
            machine(Work=task(TimeoutSecondsPath="$.limit", HeartbeatSecondsPath="$.pulse"))
        )

        work = read.states["Work"]
        assert (work.timeout_seconds_path, work.heartbeat_seconds_path) == ("$.limit", "$.pulse")

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"Resource": "arn:aws:lambda:us-east-1:123456789012:function:work:3"}, "work"),
            ({"Parameters": {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:work"}}, "work"),
            ({"Parameters": {"FunctionName": "work"}}, "work"),
            ({"Parameters": {"FunctionName": "work:live"}}, "work"),
            ({"Parameters": {"FunctionName": "123456789012:work"}}, "work"),
            ({"Parameters": {"FunctionName": "123456789012:function:work:live"}}, "work"),
            ({"Parameters": {"FunctionName": "us-east-1:123456789012:work:3"}}, "work"),
            ({"Parameters": {"FunctionName.$": "$.which"}}, None),
            ({"Resource": "arn:aws:states:::sqs:sendMessage"}, None),
        ],
    )
    def test_it_knows_the_function_it_invokes(self, fields, name):
        """By direct ARN or through lambda:invoke."""
        assert parse_state_machine(machine(Work=task(**fields))).states["Work"].function_name == name


class TestRecovery:
    def test_retry_defaults(self):
        """One second, three attempts, doubling, no cap, no jitter."""
        read = parse_state_machine(machine(Work=task(Retry=[{"ErrorEquals": ["States.ALL"]}])))

        assert read.states["Work"].retry == (
            Retrier(("States.ALL",), 1, 3, 2.0, max_delay_seconds=None, full_jitter=False),
        )

    def test_retry_and_catch_are_read_in_order(self):
        """The first that matches wins, so order is meaning."""
        read = parse_state_machine(
            machine(
                Work=task(
                    Retry=[
                        {
                            "ErrorEquals": ["A", "B"],
                            "IntervalSeconds": 5,
                            "MaxAttempts": 0,
                            "BackoffRate": 1.5,
                            "MaxDelaySeconds": 60,
                            "JitterStrategy": "FULL",
                        },
                        {"ErrorEquals": ["States.Timeout"]},
                    ],
                    Catch=[
                        {"ErrorEquals": ["A"], "Next": "Done", "ResultPath": "$.error"},
                        {"ErrorEquals": ["States.ALL"], "Next": "Done", "ResultPath": None},
                    ],
                ),
                Done=DONE,
            )
        ).states["Work"]

        assert read.retry == (
            Retrier(("A", "B"), 5, 0, 1.5, 60, full_jitter=True),
            Retrier(("States.Timeout",)),
        )
        assert read.catch == (
            Catcher(("A",), "Done", "$.error"),
            Catcher(("States.ALL",), "Done", None),
        )
        assert targets(read) == ("Done", "Done")

    def test_an_empty_list_is_like_none(self):
        """A state with an empty Retry and Catch fails at its first error."""
        read = parse_state_machine(machine(Work=task(Retry=[], Catch=[]))).states["Work"]

        assert (read.retry, read.catch) == ((), ())

    def test_delays_grow_to_their_cap(self):
        """IntervalSeconds × BackoffRate^(n−1), at most MaxDelaySeconds."""
        retrier = Retrier(("X",), interval_seconds=2, backoff_rate=3.0, max_delay_seconds=10)

        assert [retrier.delay(retry) for retry in (1, 2, 3)] == [2, 6, 10]

    @pytest.mark.parametrize(
        ("names", "error", "matches"),
        [
            (("Retryable",), "Retryable", True),
            (("Retryable",), "Rejected", False),
            (("States.ALL",), "Rejected", True),
            (("States.ALL",), "States.Timeout", True),
            (("States.ALL",), "States.Runtime", False),
            (("States.ALL",), "States.DataLimitExceeded", False),
            (("States.Runtime",), "States.Runtime", False),
            (("States.Timeout",), "States.HeartbeatTimeout", True),
            (("States.TaskFailed",), "States.HeartbeatTimeout", True),
            (("States.TaskFailed",), "Rejected", True),
            (("States.TaskFailed",), "States.Timeout", False),
        ],
    )
    def test_wildcards_match_as_in_aws(self, names, error, matches):
        """States.ALL and States.TaskFailed have their exceptions."""
        assert handles(names, error) is matches


class TestOtherStates:
    def test_parallel(self):
        """Branches keep their order and have states of their own."""
        read = parse_state_machine(
            machine(Both={"Type": "Parallel", "End": True, "Branches": [machine(A=DONE), machine(B=DONE)]})
        ).states["Both"]

        assert isinstance(read, Parallel)
        assert [branch.start_at for branch in read.branches] == ["A", "B"]

    @pytest.mark.parametrize("selector", ["ItemSelector", "Parameters"])
    @pytest.mark.parametrize("processor", ["ItemProcessor", "Iterator"])
    def test_map_in_both_spellings(self, selector, processor):
        """Old definitions say Iterator and Parameters."""
        read = parse_state_machine(
            machine(
                Each={
                    "Type": "Map",
                    "End": True,
                    "ItemsPath": "$.items",
                    "MaxConcurrency": 4,
                    selector: {"item.$": "$$.Map.Item.Value"},
                    processor: machine(Do=task()),
                }
            )
        ).states["Each"]

        assert isinstance(read, Map)
        assert read.parameters == {"item.$": "$$.Map.Item.Value"}
        assert (read.items_path, read.max_concurrency, read.processor.start_at) == ("$.items", 4, "Do")

    def test_map_defaults(self):
        """The whole input is the array, and 0 means no limit of its own."""
        read = parse_state_machine(
            machine(Each={"Type": "Map", "End": True, "ItemProcessor": machine(Do=task())})
        ).states["Each"]

        assert (read.items_path, read.max_concurrency) == ("$", 0)

    def test_choice(self):
        """Rules nest; Default is optional."""
        read = parse_state_machine(
            machine(
                Which={
                    "Type": "Choice",
                    "Choices": [
                        {"Variable": "$.n", "NumericLessThanPath": "$.limit", "Next": "Done"},
                        {
                            "And": [
                                {"Variable": "$.a", "IsPresent": True},
                                {"Not": {"Variable": "$.a", "StringMatches": "x*"}},
                                {"Or": [{"Variable": "$.b", "BooleanEquals": False}]},
                            ],
                            "Next": "Done",
                        },
                    ],
                },
                Done=DONE,
            )
        ).states["Which"]

        assert isinstance(read, Choice)
        assert read.choices[0].condition == ChoiceComparison(
            "$.n", "NumericLessThan", "$.limit", operand_is_path=True
        )
        assert read.choices[1].condition == And(
            (
                ChoiceComparison("$.a", "IsPresent", True),
                Not(ChoiceComparison("$.a", "StringMatches", "x*")),
                Or((ChoiceComparison("$.b", "BooleanEquals", False),)),
            )
        )
        assert read.default is None
        assert targets(read) == ("Done", "Done")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"Seconds": 0}, {"seconds": 0}),
            ({"SecondsPath": "$.s"}, {"seconds_path": "$.s"}),
            ({"TimestampPath": "$.t"}, {"timestamp_path": "$.t"}),
            ({"Timestamp": "2026-03-14T01:59:00Z"}, {"timestamp": datetime(2026, 3, 14, 1, 59, tzinfo=UTC)}),
        ],
    )
    def test_wait(self, fields, expected):
        """All four ways to say how long."""
        read = parse_state_machine(machine(Rest={"Type": "Wait", "End": True, **fields})).states["Rest"]

        assert read == Wait(name="Rest", **expected)

    def test_pass_may_give_null(self):
        """A null Result is a result; no Result passes the input on."""
        read = parse_state_machine(
            machine(A={"Type": "Pass", "Result": None, "Next": "B"}, B={"Type": "Pass", "End": True})
        )

        assert read.states["A"] == Pass(name="A", next="B", result=None, has_result=True)
        assert read.states["B"] == Pass(name="B", has_result=False)

    def test_ends(self):
        """Succeed and Fail end a flow; Fail may take its words from the data."""
        read = parse_state_machine(
            machine(
                A={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.x", "IsNull": True, "Next": "B"}],
                    "Default": "C",
                },
                B=DONE,
                C={"Type": "Fail", "Error": "E", "CausePath": "$.error.Cause"},
            )
        )

        assert read.states["B"] == Succeed(name="B")
        assert read.states["C"] == Fail(name="C", error="E", cause_path="$.error.Cause")


class TestWholeMachine:
    def test_unreachable_states_are_allowed(self):
        """A state to which no path leads is not an error."""
        read = parse_state_machine(
            machine(
                Both={"Type": "Parallel", "End": True, "Branches": [machine(A=DONE, Lost=DONE)]},
                Forgotten=DONE,
            )
        )

        assert unreachable(read) == ("Forgotten", "Lost")

    def test_text_and_mapping_read_alike(self):
        """JSON text and the parsed document give the same state machine."""
        definition = machine(Work=task()) | {"TimeoutSeconds": 60, "Comment": "c", "Version": "1.0"}

        read = parse_state_machine(json.dumps(definition))

        assert read == parse_state_machine(definition)
        assert (read.timeout_seconds, read.comment) == (60, "c")

    def test_the_projects_own_machine(self):
        """The blueprint's definition reads, its states are reachable, its tasks have limits."""
        read = parse_state_machine(load_template().state_machine.definition)

        assert read.timeout_seconds == 3600
        assert unreachable(read) == ()
        limits = {state.name: state.timeout_seconds for state in read.all_states() if isinstance(state, Task)}
        assert limits == {
            "ValidateRawAssets": 600,
            "GenerateThumbnails": 600,
            "TranscodeVideo": 2700,
            "CreateZipBundle": 1800,
            "FinalizeAndCallback": 120,
            "ValidationFailed": 60,
            "ReportFailure": 60,
        }

    def test_the_projects_machine_never_retries_what_was_rejected(self):
        """Rejected will never succeed; Retryable may."""
        read = parse_state_machine(load_template().state_machine.definition)
        lambdas = [state for state in read.all_states() if isinstance(state, Task) and state.function_name]

        assert len(lambdas) == 6
        assert not [
            state.name for state in lambdas if any(handles(r.error_equals, "Rejected") for r in state.retry)
        ]
        assert all(any(handles(r.error_equals, "Retryable") for r in state.retry) for state in lambdas)

    @pytest.mark.parametrize("error", ["Retryable", "Lambda.TooManyRequestsException"])
    @pytest.mark.parametrize("name", ["FinalizeAndCallback", "ValidationFailed", "ReportFailure"])
    def test_the_projects_callbacks_outlast_a_deployment(self, name, error):
        """
        A callback is tried again for ten minutes at least, with jitter, and the machine's hour is not over.

        The pauses are uniform between 0 and their maximum. The sum of so many is normal; ten minutes are more
        than three standard deviations below its mean.
        """
        state = parse_state_machine(load_template().state_machine.definition).states[name]
        retrier = next(one for one in state.retry if handles(one.error_equals, error))
        longest = [retrier.delay(number) for number in range(1, retrier.max_attempts + 1)]
        mean, deviation = sum(longest) / 2, math.sqrt(sum(one**2 for one in longest) / 12)

        assert retrier.full_jitter
        assert mean - 3 * deviation > 600
        assert sum(longest) < 2100

    def test_the_projects_failures_all_reach_the_callback(self):
        """
        Whatever fails is reported, and a report that fails still ends in the one Fail state.

        A callback that fails after the bundle was made is no failure of the work: the execution succeeds.
        """
        read = parse_state_machine(load_template().state_machine.definition)

        caught = {
            state.name: state.catch[-1].next for state in read.states.values() if getattr(state, "catch", ())
        }
        assert caught == {
            "ValidateRawAssets": "ValidationFailed",
            "ParallelProcessing": "ReportFailure",
            "CreateZipBundle": "ReportFailure",
            "FinalizeAndCallback": "CallbackUndelivered",
            "ValidationFailed": "ProcessingFailed",
            "ReportFailure": "ProcessingFailed",
        }
