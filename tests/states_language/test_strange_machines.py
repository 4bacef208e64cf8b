"""
State machines nobody here deploys, played to times computed by hand.

Tasks take the seconds written beside them; there is no overhead.
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
        played = bench(machine("Orders", {"Orders": fan}))
        played.workers |= {"Bake": played.takes(10), "Pour": played.takes(1, result="poured")}

        execution = played.play({"shop": {"name": "Joe's", "orders": ["a", "b", "c", "d", "e"]}})

        assert played.engine.seconds == 30
        assert execution.output["served"][4] == [{"order": "e", "place": 4, "shop": "Joe's"}, "poured"]
        assert execution.output["shop"]["name"] == "Joe's"

    def test_an_old_map(self, bench):
        """
        Iterator and Parameters are what ItemProcessor and ItemSelector were called: 4 s, all at once.
        """
        fan = {
            "Type": "Map",
            "ItemsPath": "$.names",
            "Parameters": {"greeting.$": "States.Format('{}, {}!', $.word, $$.Map.Item.Value)"},
            "Iterator": one("Greet"),
            "ResultSelector": {"count.$": "States.ArrayLength($)", "first.$": "$[0].greeting"},
            "End": True,
        }
        played = bench(machine("All", {"All": fan}))
        played.workers["Greet"] = played.takes(4)

        assert played.play({"word": "Hi", "names": ["Ann", "Bo"]}).output == {"count": 2, "first": "Hi, Ann!"}
        assert played.engine.seconds == 4

    def test_waits_by_path_and_by_the_clock(self, bench):
        """
        Seven seconds by a path, then until two minutes past, then until what the input says: 150 s.
        """
        states = {
            "Path": {"Type": "Wait", "SecondsPath": "$.pause", "Next": "Clock"},
            "Clock": {"Type": "Wait", "Timestamp": "2026-01-05T00:02:00Z", "Next": "Told"},
            "Told": {"Type": "Wait", "TimestampPath": "$.until", "Next": "Over"},
            "Over": {"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "End": True},
        }
        played = bench(machine("Path", states))
        played.play({"pause": 7, "until": "2026-01-05T00:02:30+00:00"})

        assert [step[5] for step in played.steps] == [7, 120, 150, 150]

    @pytest.mark.parametrize(
        "until", ["2026-01-05", "20260105T000230Z", "2026-01-05T00:02:30", "soon", 3, None]
    )
    def test_waits_until_an_instant_and_nothing_else(self, bench, until):
        """
        What AWS takes for no timestamp is none here, though a library would read it.
        """
        played = bench(machine("W", {"W": {"Type": "Wait", "TimestampPath": "$.until", "End": True}}))
        ended = played.play({"until": until})

        assert (ended.error, ended.cause) == (
            "States.Runtime",
            f"{until!r} is not a valid timestamp to wait for",
        )

    def test_a_choice_of_everything(self, bench):
        """
        And, Or, Not, patterns, paths on both sides, presence and instants: the rule holds.
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

        assert bench(machine("C", states)).play(data).output == "abcz"

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
        played = bench(machine("Init", states))
        played.workers["Ask"] = played.takes(1)

        assert played.play({}).output == {"n": 3}
        assert played.engine.seconds == 43


class TestFailures:
    def test_a_pause_that_grows_to_its_limit(self, bench):
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
        played = bench(machine("T", states))
        played.workers["T"] = played.takes(60)

        execution = played.play({"kept": 1})

        assert (execution.status, execution.output) == (Status.SUCCEEDED, {"kept": 1})
        assert played.steps[-1][5] == 34

    def test_no_attempt_is_left_for_an_error_with_none(self, bench):
        """
        MaxAttempts 0 means: this error is not tried again, whatever the next entry says.
        """
        retry = [
            {"ErrorEquals": ["Rejected"], "MaxAttempts": 0},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 5},
        ]
        played = bench(machine("T", {"T": task(Retry=retry, End=True)}))
        played.workers["T"] = played.fails("Busy", "Rejected", seconds=1)

        assert played.play().error == "Rejected"
        assert played.engine.seconds == 3

    def test_a_limit_from_the_input(self, bench):
        """
        TimeoutSecondsPath 5 kills what takes 9 s; the cause is where CausePath finds it.
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
        played = bench(machine("T", states))
        played.workers["T"] = played.takes(9)

        execution = played.play({"limit": 5})

        assert (execution.error, execution.cause) == ("States.Timeout", "after 5 s")
        assert played.steps[0][5] == 5

    def test_a_map_is_tried_again_as_a_whole(self, bench):
        """
        The second item fails at 2 s; after 1 s all begin again and take 2 s more: 5 s.
        """
        fan = {
            "Type": "Map", "ItemsPath": "$", "ItemProcessor": one("T"), "End": True,
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}],
        }  # fmt: skip
        played = bench(machine("M", {"M": fan}))
        played.workers["T"] = played.fails(None, "Busy", None, seconds=2)

        assert played.play([1, 2]).output == ["done", "done"]
        assert played.engine.seconds == 5

    def test_the_machine_has_a_limit_of_depth_nowhere(self, bench):
        """
        A loop of forks that take no time ends at the history limit, not in a recursion.
        """
        nothing = machine("X", {"X": {"Type": "Pass", "End": True}})
        again = machine("Y", {"Y": {"Type": "Pass", "End": True}})
        states = {
            "P": {"Type": "Parallel", "Branches": [nothing], "Next": "M"},
            "M": {"Type": "Map", "ItemsPath": "$", "ItemProcessor": again, "Next": "T"},
            "T": task(Next="P"),
        }
        played = bench(machine("P", states))
        played.workers["T"] = lambda attempt: attempt.succeed(attempt.payload)

        assert "history" in played.play([1]).cause


class TestContext:
    def test_all_of_it_is_data(self, bench):
        """
        The context object and its parts can be passed on, and made text of.
        """
        parameters = {
            "all.$": "$$", "execution.$": "$$.Execution", "text.$": "States.JsonToString($$.Execution)",
            "token.$": "$$.Task.Token",
        }  # fmt: skip
        played = bench(machine("T", {"T": task(Parameters=parameters, End=True)}))
        played.workers["T"] = played.takes(1)
        seen = played.play({"a": 1}).output

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
    def test_with_its_place(self, bench, definition, place):
        """
        What is not of the subset is refused with its JSON path, never passed over.
        """
        with pytest.raises(ValueError, match=r"^\$") as refusal:
            bench(definition)

        assert str(refusal.value).startswith(place)
