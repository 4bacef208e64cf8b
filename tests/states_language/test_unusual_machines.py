"""
State machines with unusual features; expected times are computed by hand.

Tasks take the given seconds; there is no overhead.
"""

import json

import pytest

from harness.states_language.execution import Status


def machine(start, states, **fields):
    return {"StartAt": start, "States": states, **fields}


def task(**fields):
    return {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", **fields}


def one(name, **fields):
    return machine(name, {name: task(**fields, End=True)})


class TestTimes:
    def test_a_parallel_in_a_map(self, bench):
        """
        Five orders, two at a time, each the longer of 10 s and 1 s: three waves of ten, half a minute.
        """
        order = {"Type": "Parallel", "Branches": [one("Bake"), one("Pour")], "End": True}
        fan = {
            "Type": "Map",
            "ItemsPath": "$.shop.orders",
            "MaxConcurrency": 2,
            "ItemSelector": {
                "order.$": "$$.Map.Item.Value", "place.$": "$$.Map.Item.Index", "shop.$": "$.shop.name",
            },
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **machine("Order", {"Order": order})},
            "ResultPath": "$.served",
            "End": True,
        }  # fmt: skip
        host = bench(machine("Orders", {"Orders": fan}))
        host.workers |= {"Bake": host.takes(10), "Pour": host.takes(1, result="poured")}

        execution = host.execute({"shop": {"name": "Joe's", "orders": ["a", "b", "c", "d", "e"]}})

        assert host.env.seconds == 30
        assert execution.output["served"][4] == [{"order": "e", "place": 4, "shop": "Joe's"}, "poured"]
        assert execution.output["shop"]["name"] == "Joe's"

    def test_the_old_names_of_map_fields(self, bench):
        """
        Iterator and Parameters are old names of ItemProcessor and ItemSelector. All run at once: 4 s.
        """
        fan = {
            "Type": "Map",
            "ItemsPath": "$.names",
            "Parameters": {"greeting.$": "States.Format('{}, {}!', $.word, $$.Map.Item.Value)"},
            "Iterator": one("Greet"),
            "ResultSelector": {"count.$": "States.ArrayLength($)", "first.$": "$[0].greeting"},
            "End": True,
        }
        host = bench(machine("All", {"All": fan}))
        host.workers["Greet"] = host.takes(4)

        assert host.execute({"word": "Hi", "names": ["Ann", "Bo"]}).output == {
            "count": 2,
            "first": "Hi, Ann!",
        }
        assert host.env.seconds == 4

    def test_waits_for_seconds_and_until_timestamps(self, bench):
        """
        7 s by a path, then until 00:02:00, then until the timestamp of the input: 150 s.
        """
        states = {
            "Path": {"Type": "Wait", "SecondsPath": "$.pause", "Next": "Clock"},
            "Clock": {"Type": "Wait", "Timestamp": "2026-01-05T00:02:00Z", "Next": "Told"},
            "Told": {"Type": "Wait", "TimestampPath": "$.until", "Next": "Over"},
            "Over": {"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "End": True},
        }
        host = bench(machine("Path", states))
        host.execute({"pause": 7, "until": "2026-01-05T00:02:30+00:00"})

        assert [step[5] for step in host.steps] == [7, 120, 150, 150]

    @pytest.mark.parametrize(
        "until", ["2026-01-05", "20260105T000230Z", "2026-01-05T00:02:30", "soon", 3, None]
    )
    def test_an_invalid_timestamp_fails_the_wait(self, bench, until):
        """
        A timestamp that AWS refuses is refused here too, even if Python could read it.
        """
        host = bench(machine("W", {"W": {"Type": "Wait", "TimestampPath": "$.until", "End": True}}))
        ended = host.execute({"until": until})

        assert (ended.error, ended.cause) == (
            "States.Runtime",
            f"{until!r} is not a valid timestamp to wait for",
        )

    def test_a_choice_with_all_kinds_of_conditions(self, bench):
        """
        And, Or, Not, patterns, paths on both sides, presence and timestamps: the rule matches.
        """
        rules = [
            {"Not": {"Variable": "$.missing", "IsPresent": True}},
            {
                "Or": [
                    {"Variable": "$.name", "StringMatches": "a*z"},
                    {"Variable": "$.flag", "BooleanEquals": True},
                ]
            },
            {"Variable": "$.big", "NumericGreaterThanPath": "$.small"},
            {"Variable": "$$.Execution.StartTime", "TimestampLessThan": "2026-01-06T00:00:00Z"},
            {"Variable": "$.nothing", "IsNull": True},
        ]
        states = {
            "C": {"Type": "Choice", "Choices": [{"And": rules, "Next": "Yes"}], "Default": "No"},
            "Yes": {"Type": "Succeed", "OutputPath": "$.name"},
            "No": {"Type": "Fail"},
        }
        data = {"name": "abcz", "flag": False, "big": 2, "small": 1, "nothing": None}

        assert bench(machine("C", states)).execute(data).output == "abcz"

    def test_a_loop_that_counts(self, bench):
        """
        Three rounds of 1 s with 20 s between them: 43 s.
        """
        states = {
            "Init": {"Type": "Pass", "Result": 0, "ResultPath": "$.n", "Next": "Ask"},
            "Ask": task(ResultPath=None, Next="Count"),
            "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
            "Enough": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "Pause"}],
                "Default": "Done",
            },
            "Pause": {"Type": "Wait", "Seconds": 20, "Next": "Ask"},
            "Done": {"Type": "Succeed"},
        }
        host = bench(machine("Init", states))
        host.workers["Ask"] = host.takes(1)

        assert host.execute({}).output == {"n": 3}
        assert host.env.seconds == 43


class TestFailures:
    def test_a_pause_grows_to_its_limit(self, bench):
        """
        Killed at 3 s; pauses of 10 and 15 s instead of 30: 3 + 10 + 3 + 15 + 3 = 34 s, then caught.
        """
        retry = [
            {
                "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 10, "BackoffRate": 3,
                "MaxDelaySeconds": 15, "MaxAttempts": 2, "JitterStrategy": "NONE",
            }
        ]  # fmt: skip
        catch = [
            {"ErrorEquals": ["Other"], "Next": "Wrong"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Right"},
        ]
        states = {
            "T": task(TimeoutSeconds=3, Retry=retry, Catch=catch, Next="Wrong"),
            "Right": {"Type": "Succeed"},
            "Wrong": {"Type": "Fail"},
        }
        host = bench(machine("T", states))
        host.workers["T"] = host.takes(60)

        execution = host.execute({"kept": 1})

        assert (execution.status, execution.output) == (Status.SUCCEEDED, {"kept": 1})
        assert host.steps[-1][5] == 34

    def test_zero_attempts_forbid_a_retry(self, bench):
        """
        An error with MaxAttempts 0 is not retried, even if a later entry matches it.
        """
        retry = [
            {"ErrorEquals": ["Rejected"], "MaxAttempts": 0},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 5},
        ]
        host = bench(machine("T", {"T": task(Retry=retry, End=True)}))
        host.workers["T"] = host.fails("Busy", "Rejected", seconds=1)

        assert host.execute().error == "Rejected"
        assert host.env.seconds == 3

    def test_a_time_out_from_the_input(self, bench):
        """
        A TimeoutSecondsPath of 5 ends work of 9 s; CausePath reads the cause.
        """
        catch = [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.why", "Next": "F"}]
        states = {
            "T": task(TimeoutSecondsPath="$.limit", Catch=catch, End=True),
            "F": {
                "Type": "Fail",
                "ErrorPath": "$.why.Error",
                "CausePath": "States.Format('after {} s', $.limit)",
            },
        }
        host = bench(machine("T", states))
        host.workers["T"] = host.takes(9)

        execution = host.execute({"limit": 5})

        assert (execution.error, execution.cause) == ("States.Timeout", "after 5 s")
        assert host.steps[0][5] == 5

    def test_a_retry_runs_all_items_again(self, bench):
        """
        The second item fails at 2 s; after 1 s all begin again and take 2 s more: 5 s.
        """
        fan = {
            "Type": "Map", "ItemsPath": "$", "ItemProcessor": one("T"), "End": True,
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}],
        }  # fmt: skip
        host = bench(machine("M", {"M": fan}))
        host.workers["T"] = host.fails(None, "Busy", None, seconds=2)

        assert host.execute([1, 2]).output == ["done", "done"]
        assert host.env.seconds == 5

    def test_a_loop_of_forks_is_not_a_recursion(self, bench):
        """
        A loop of forks that take no time ends at the limit of the event history.
        """
        nothing = machine("X", {"X": {"Type": "Pass", "End": True}})
        again = machine("Y", {"Y": {"Type": "Pass", "End": True}})
        states = {
            "P": {"Type": "Parallel", "Branches": [nothing], "Next": "M"},
            "M": {"Type": "Map", "ItemsPath": "$", "ItemProcessor": again, "Next": "T"},
            "T": task(Next="P"),
        }
        host = bench(machine("P", states))
        host.workers["T"] = lambda attempt: attempt.succeed(attempt.payload)

        assert "history" in host.execute([1]).cause


class TestContext:
    def test_the_context_object_is_data(self, bench):
        """
        The context object and its parts can be passed on, and converted to text.
        """
        parameters = {
            "all.$": "$$", "execution.$": "$$.Execution", "text.$": "States.JsonToString($$.Execution)",
            "token.$": "$$.Task.Token",
        }  # fmt: skip
        host = bench(machine("T", {"T": task(Parameters=parameters, End=True)}))
        host.workers["T"] = host.takes(1)
        seen = host.execute({"a": 1}).output

        assert seen["all"]["State"]["Name"] == "T"
        assert seen["execution"] == json.loads(seen["text"]) == seen["all"]["Execution"]
        assert seen["execution"]["Input"] == {"a": 1}
        assert seen["token"] == "execution-0/T/0/1"


class TestRefused:
    @pytest.mark.parametrize(
        ("definition", "place"),
        [
            ({"QueryLanguage": "JSONata", **one("T")}, "$.QueryLanguage"),
            (machine("T", {"T": task(QueryLanguage="JSONata", End=True)}), "$.States.T.QueryLanguage"),
            (machine("T", {"T": task(Arguments={"a": "{% 1 %}"}, End=True)}), "$.States.T.Arguments"),
            (machine("T", {"T": task(Assign={"a": 1}, End=True)}), "$.States.T.Assign"),
            (
                machine("M", {"M": {"Type": "Map", "ToleratedFailurePercentage": 5, "ItemProcessor": one("T"),
                                    "End": True}}),
                "$.States.M.ToleratedFailurePercentage",
            ),
            (machine("T", {"T": task(Timeout=5, End=True)}), "$.States.T.Timeout"),
            (
                machine("P", {"P": {"Type": "Parallel", "End": True,
                                    "Branches": [one("A"), machine("B", {"B": {"Type": "Nap"}})]}}),
                "$.States.P.Branches[1].States.B.Type",
            ),
            (
                machine("T", {"T": task(Retry=[{"ErrorEquals": ["X"], "JitterStrategy": "SOME"}], End=True)}),
                "$.States.T.Retry[0].JitterStrategy",
            ),
            (
                machine("C", {"C": {"Type": "Choice", "Choices": [
                    {"Variable": "$.a", "StringLike": "x", "Next": "C"}]}}),
                "$.States.C.Choices[0]",
            ),
        ],
    )  # fmt: skip
    def test_the_message_has_the_json_path(self, bench, definition, place):
        """
        An unsupported feature is refused, not ignored.
        """
        with pytest.raises(ValueError, match=r"^\$") as refusal:
            bench(definition)

        assert str(refusal.value).startswith(place)
