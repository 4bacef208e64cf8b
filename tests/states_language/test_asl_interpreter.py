"""
The interpreter, rule by rule, in model time.
"""

import pytest

from harness.states_language.execution import Status

LAMBDA = "arn:aws:states:::lambda:invoke"


def task(name="T", **fields):
    return {name: {"Type": "Task", "Resource": "arn:x", **fields}}


def machine(*states, start=None):
    merged = {key: value for state in states for key, value in state.items()}
    return {"StartAt": start or next(iter(merged)), "States": merged}


RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]


class TestData:
    def test_paths_shape_input_and_output(self, bench):
        """
        InputPath, Parameters, ResultSelector, ResultPath and OutputPath apply in this order.
        """
        state = task(
            InputPath="$.order",
            Parameters={"id.$": "$.id", "who.$": "$$.Execution.Name", "fixed": 1},
            ResultSelector={"seen.$": "$.id", "who.$": "$.who"},
            ResultPath="$.result",
            OutputPath="$.result",
            End=True,
        )
        host = bench(machine(state))
        host.workers["T"] = host.takes(1)

        execution = host.execute({"order": {"id": 7}})

        assert execution.status is Status.SUCCEEDED
        assert execution.output == {"seen": 7, "who": "execution-0"}

    def test_result_path_adds_to_the_raw_input(self, bench):
        """
        ResultPath changes the raw input, not the part that InputPath selects.
        """
        state = task(InputPath="$.a", ResultPath="$.b.c", End=True)
        host = bench(machine(state))
        host.workers["T"] = host.takes(1, result=9)

        assert host.execute({"a": 1}).output == {"a": 1, "b": {"c": 9}}

    def test_null_result_path_drops_the_result(self, bench):
        """
        The state passes its input on.
        """
        host = bench(machine(task(ResultPath=None, End=True)))
        host.workers["T"] = host.takes(1, result="unseen")

        assert host.execute({"kept": 1}).output == {"kept": 1}

    def test_a_missing_path_ends_the_execution(self, bench):
        """
        States.Runtime is not caught by States.ALL.
        """
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "Saved"}]
        state = task(InputPath="$.missing", Catch=catch, End=True)
        execution = bench(machine(state, {"Saved": {"Type": "Succeed"}})).execute({})

        assert (execution.status, execution.error) == (Status.FAILED, "States.Runtime")

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("States.Format('{}-{}', $.n, 'x')", "3-x"),
            ("States.MathAdd($.n, -1)", 2),
            ("States.ArrayLength($.list)", 3),
            ("States.ArrayGetItem($.list, 1)", "b"),
            ("States.ArrayContains($.list, 'c')", True),
            ("States.ArrayPartition($.list, 2)", [["a", "b"], ["c"]]),
            ("States.ArrayRange(1, 7, 3)", [1, 4, 7]),
            ("States.ArrayUnique(States.Array(1, 1, 2))", [1, 2]),
            ("States.JsonMerge($.one, $.two, false)", {"x": 1, "y": 2}),
            ("States.StringToJson(States.JsonToString($.one))", {"x": 1}),
            ("States.StringSplit('a,b;c', ',;')", ["a", "b", "c"]),
            ("States.Base64Decode(States.Base64Encode('hé'))", "hé"),
            ("States.Hash('abc', 'SHA-1')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("States.MathRandom(5, 6)", 5),
            ("$.list[-1]", "c"),
            ("$.list[0:2]", ["a", "b"]),
            ("$.rows[*].id", [1, 2]),
            ("$['one']['x']", 1),
        ],
    )
    def test_expressions(self, bench, expression, value):
        """
        Paths and intrinsic functions return the documented values.
        """
        data = {
            "n": 3, "list": ["a", "b", "c"], "one": {"x": 1}, "two": {"y": 2}, "rows": [{"id": 1}, {"id": 2}],
        }  # fmt: skip
        state = {"P": {"Type": "Pass", "Parameters": {"value.$": expression}, "End": True}}

        assert bench(machine(state)).execute(data).output == {"value": value}

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("$.missing[*].k", None),
            ("$.missing[0:2]", None),
            ("$.o[0:1]", None),
            ("$.o[:]", None),
            ("$.text[0:1]", None),
            ("$.o[*]", [1, {"k": 3}]),
            ("$.o[*].k", [3]),
            ("$.list[*].k", [2]),
            ("$.list[*][0:1]", [1]),
            ("$.list[1:][*]", [2]),
            ("$.list[5:9]", []),
            ("$.n[*]", []),
        ],
    )
    def test_only_what_follows_a_wildcard_may_be_missing(self, bench, path, found):
        """
        Up to the first wildcard or slice a path leads to one place, which must be there: as in Jayway.
        """
        data = {"o": {"a": 1, "b": {"k": 3}}, "list": [[1, 5], {"k": 2}], "text": "abc", "n": 5}
        state = {"P": {"Type": "Pass", "Parameters": {"value.$": path}, "End": True}}
        execution = bench(machine(state)).execute(data)

        if found is None:
            assert execution.error == "States.Runtime"
        else:
            assert execution.output == {"value": found}

    def test_a_map_over_a_path_that_leads_nowhere_fails(self, bench):
        """
        A typing error in ItemsPath is not a Map without items.
        """
        each = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
        state = {"M": {"Type": "Map", "ItemsPath": "$.ites[*]", "ItemProcessor": each, "End": True}}

        assert bench(machine(state)).execute({"items": [1]}).error == "States.Runtime"

    @pytest.mark.parametrize("path", ["$['a','b']", '$["a","b"]'])
    def test_a_union_of_names_is_refused(self, bench, path):
        """
        It is not a name with quotes in it.
        """
        state = {"P": {"Type": "Pass", "Parameters": {"value.$": path}, "End": True}}

        with pytest.raises(ValueError, match="uses JSONPath that is not supported"):
            bench(machine(state))

    @pytest.mark.parametrize("kind", ["Task", "Parallel", "Map"])
    def test_parameters_that_lead_nowhere_fail_alike(self, bench, kind):
        """
        The error name of a missing path in Parameters is the same for all states that work.
        """
        inner = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
        work = {
            "Task": {"Resource": "arn:x"},
            "Parallel": {"Branches": [inner]},
            "Map": {"ItemProcessor": inner, "ItemsPath": "$.items"},
        }
        state = {"W": {"Type": kind, "Parameters": {"a.$": "$.missing"}, "End": True, **work[kind]}}

        assert bench(machine(state)).execute({"items": [1]}).error == "States.ParameterPathFailure"

    def test_an_intrinsic_that_fails_can_be_caught(self, bench):
        """
        A catcher can handle States.IntrinsicFailure.
        """
        catch = [{"ErrorEquals": ["States.IntrinsicFailure"], "ResultPath": "$.e", "Next": "Saved"}]
        state = task(Parameters={"n.$": "States.ArrayGetItem($.list, 9)"}, Catch=catch, End=True)
        execution = bench(machine(state, {"Saved": {"Type": "Succeed"}})).execute({"list": []})

        assert execution.output["e"]["Error"] == "States.IntrinsicFailure"


class TestTime:
    def test_wait(self, bench):
        """
        A Wait takes seconds, a path to seconds, or a timestamp.
        """
        host = bench(
            machine(
                {"A": {"Type": "Wait", "Seconds": 10, "Next": "B"}},
                {"B": {"Type": "Wait", "SecondsPath": "$.s", "Next": "C"}},
                {"C": {"Type": "Wait", "Timestamp": "2026-01-05T00:01:00Z", "End": True}},
            )
        )
        host.execute({"s": 5})

        assert [(step[0], step[5]) for step in host.steps] == [("A", 10), ("B", 15), ("C", 60)]

    def test_retry_backs_off(self, bench):
        """
        1 s of work, 2 s of pause, 1 s, 6 s, 1 s: done after 11 s at the third attempt.
        """
        host = bench(machine(task(Retry=RETRY, End=True)))
        host.workers["T"] = host.fails("Busy", "Busy", None, seconds=1)
        execution = host.execute()

        assert execution.status is Status.SUCCEEDED
        assert [(step[2], step[3], step[5]) for step in host.steps] == [(1, 0, 1), (2, 3, 4), (3, 10, 11)]

    def test_retries_run_out(self, bench):
        """
        After MaxAttempts retries the execution fails with the error.
        """
        host = bench(machine(task(Retry=RETRY, End=True)))
        host.workers["T"] = host.fails("Busy")
        execution = host.execute()

        assert (execution.status, execution.error, len(host.steps)) == (Status.FAILED, "Busy", 3)

    def test_full_jitter_shortens_the_pause(self, bench):
        """
        A random number of 0.5 halves the pause, after MaxDelaySeconds has limited it.
        """
        retry = [
            {"ErrorEquals": ["Busy"], "IntervalSeconds": 60, "MaxDelaySeconds": 10, "JitterStrategy": "FULL"}
        ]
        host = bench(machine(task(Retry=retry, End=True)))
        host.workers["T"] = host.fails("Busy", None)
        host.execute()

        assert host.steps[-1][3] == 5

    def test_time_out(self, bench):
        """
        A Task that takes longer fails with States.Timeout after its time-out.
        """
        host = bench(machine(task(TimeoutSeconds=3, End=True)))
        host.workers["T"] = host.takes(5)
        execution = host.execute()

        assert (execution.error, host.steps[0][5]) == ("States.Timeout", 3)

    def test_waiting_for_a_server_counts(self, bench):
        """
        An attempt that is not served in time fails, and the next one takes its place.
        """
        host = bench(machine(task(TimeoutSeconds=4, End=True)))
        host.workers["T"] = host.station(1, lambda: 3.0)
        for entity in range(3):
            host.start_in(0, entity=entity)
        host.env.run()

        ends = {execution.entity: execution.status for execution in host.ends}
        assert ends == {0: Status.SUCCEEDED, 1: Status.FAILED, 2: Status.FAILED}
        assert host.workers["T"].station.served == 2

    def test_endless_loop(self, bench):
        """
        A loop that takes no time ends at the limit of the event history.
        """
        execution = bench(machine({"A": {"Type": "Pass", "Next": "A"}})).execute()

        assert "history" in execution.cause


class TestForks:
    def test_parallel_waits_for_all(self, bench):
        """
        The result is the array of the branches' results, in their order.
        """
        branches = [machine(task("A", End=True)), machine(task("B", End=True))]
        host = bench(machine({"P": {"Type": "Parallel", "Branches": branches, "End": True}}))
        host.workers |= {"A": host.takes(5, result="a"), "B": host.takes(2, result="b")}
        execution = host.execute()

        assert execution.output == ["a", "b"]
        assert host.steps[-1][:6] == ("P", 0, 1, 0, 0, 5)

    def test_a_branch_that_fails_before_its_work_begins(self, bench):
        """
        The Parallel fails with the same error; the cause names the state in the branch.
        """
        branches = [machine(task("A", Parameters={"of.$": "$.nothing"}, End=True))]
        host = bench(machine({"P": {"Type": "Parallel", "Branches": branches, "End": True}}))
        execution = host.execute({})

        assert execution.error == "States.ParameterPathFailure"
        assert execution.cause == "the JSONPath '$.nothing' could not be found in the input, in A"

    def test_a_failing_branch_stops_one_that_waits_to_begin(self, bench):
        """
        The sibling pauses before its second attempt, which never begins.
        """
        retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 9}]
        waits = machine(task("A", Parameters={"of.$": "$.nothing"}, Retry=retry, End=True))
        branches = [waits, machine(task("B", End=True))]
        host = bench(machine({"P": {"Type": "Parallel", "Branches": branches, "End": True}}))
        host.workers["B"] = host.fails("Broken", seconds=2)
        execution = host.execute({})

        assert execution.error == "Broken"
        assert [(step[0], step[5]) for step in host.steps] == [("A", 0), ("B", 2), ("P", 2)]

    def test_a_failing_branch_stops_the_others(self, bench):
        """
        The Parallel fails with its first error, at once; its sibling is aborted and enters no further state.
        """
        first = machine(task("A", Next="After"), task("After", End=True))
        branches = [first, machine(task("B", End=True))]
        catch = [{"ErrorEquals": ["Broken"], "ResultPath": "$.error", "Next": "Saved"}]
        fork = {"P": {"Type": "Parallel", "Branches": branches, "Catch": catch, "End": True}}
        host = bench(machine(fork, {"Saved": {"Type": "Succeed"}}))
        host.workers |= {"A": host.takes(5), "B": host.fails("Broken", seconds=2)}
        execution = host.execute({})

        assert execution.output == {"error": {"Error": "Broken", "Cause": "on purpose"}}
        assert [(step[0], step[5], step[6]) for step in host.steps] == [
            ("B", 2, "Broken"), ("A", 2, None), ("P", 2, "Broken"), ("Saved", 2, None),
        ]  # fmt: skip
        assert [step[7] for step in host.steps] == ["FAILED", "ABORTED", "FAILED", "SUCCEEDED"]

    def test_a_retry_runs_all_branches_again(self, bench):
        """
        The successful branch runs again too.
        """
        branches = [machine(task("A", End=True)), machine(task("B", End=True))]
        fork = {"P": {"Type": "Parallel", "Branches": branches, "Retry": RETRY, "End": True}}
        host = bench(machine(fork))
        host.workers |= {"A": host.takes(1, result="a"), "B": host.fails("Busy", None, seconds=1)}
        execution = host.execute()

        assert execution.output == ["a", "done"]
        assert [step[0] for step in host.steps].count("A") == 2

    @pytest.mark.parametrize(("limit", "end"), [(3, 30), (0, 10), (1, 70)])
    def test_map_concurrency(self, bench, limit, end):
        """
        Seven items of ten seconds: three at a time take thirty.
        """
        state = {
            "Type": "Map", "MaxConcurrency": limit, "ItemsPath": "$.items", "End": True,
            "ItemProcessor": machine(task("T", End=True)),
        }  # fmt: skip
        host = bench(machine({"M": state}))
        host.workers["T"] = host.takes(10)
        execution = host.execute({"items": list("abcdefg")})

        assert execution.output == list("abcdefg")
        assert host.steps[-1][5] == end

    def test_item_selector_sees_the_item(self, bench):
        """
        $$.Map.Item has the value and the index; $ is the input of the Map.
        """
        state = {
            "Type": "Map", "ItemsPath": "$.items", "End": True,
            "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k.$": "$.k"},
            "ItemProcessor": machine({"P": {"Type": "Pass", "End": True}}),
        }  # fmt: skip

        assert bench(machine({"M": state})).execute({"items": ["x"], "k": 1}).output == [
            {"v": "x", "i": 0, "k": 1}
        ]

    def test_an_empty_map_ends_at_once(self, bench):
        """
        It takes no time; the result is an empty array.
        """
        state = {"Type": "Map", "End": True, "ItemProcessor": machine(task("T", End=True))}

        assert bench(machine({"M": state})).execute([]).output == []

    def test_a_state_after_a_map_has_the_item_around_the_map(self, bench):
        """
        The item of the outer Map after an inner one, and 0 after the outer one, as in a history.
        """
        end = {"Type": "Pass", "End": True}
        inner = {"Type": "Map", "ItemProcessor": machine({"P": end}), "Next": "AfterInner"}
        outer = {
            "Type": "Map", "ItemProcessor": machine({"Inner": inner}, {"AfterInner": end}), "Next": "After",
        }  # fmt: skip
        host = bench(machine({"Outer": outer}, {"After": end}))
        host.execute([["a", "b"], ["c", "d", "e"]])

        assert [step[1] for step in host.steps if step[0] == "AfterInner"] == [0, 1]
        assert [step[1] for step in host.steps if step[0] == "After"] == [0]

    def test_ten_thousand_items_without_work(self, bench):
        """
        Iterations that take no time do not exhaust the stack.
        """
        state = {
            "Type": "Map", "ItemsPath": "$", "End": True,
            "ItemProcessor": machine({"P": {"Type": "Pass", "End": True}}),
        }  # fmt: skip

        assert len(bench(machine({"M": state})).execute(list(range(10_000))).output) == 10_000


class TestChoices:
    @pytest.mark.parametrize(
        ("rule", "holds"),
        [
            ({"Variable": "$.n", "NumericGreaterThan": 2}, True),
            ({"Variable": "$.n", "NumericEquals": 3.0}, True),
            ({"Variable": "$.s", "NumericEquals": 3}, False),
            ({"Variable": "$.s", "StringMatches": "ab*"}, True),
            ({"Variable": "$.s", "StringLessThanPath": "$.t"}, True),
            ({"Variable": "$.b", "BooleanEquals": False}, True),
            ({"Variable": "$.none", "IsNull": True}, True),
            ({"Variable": "$.gone", "IsPresent": False}, True),
            ({"Variable": "$.at", "TimestampLessThan": "2026-01-02T00:00:00+00:00"}, True),
            ({"Not": {"Variable": "$.n", "IsString": True}}, True),
            (
                {"And": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.b", "BooleanEquals": True}]},
                False,
            ),
            (
                {"Or": [{"Variable": "$.n", "NumericLessThan": 0}, {"Variable": "$.s", "IsString": True}]},
                True,
            ),
        ],
    )
    def test_rules(self, bench, rule, holds):
        """
        A value of another type does not match, and is not an error.
        """
        data = {"n": 3, "s": "abc", "t": "abd", "b": False, "none": None, "at": "2026-01-01T00:00:00Z"}
        choice = {"C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}}
        ends = {
            "Yes": {"Type": "Pass", "Result": True, "End": True},
            "No": {"Type": "Pass", "Result": False, "End": True},
        }

        assert bench(machine(choice, ends)).execute(data).output is holds

    def test_no_rule_holds(self, bench):
        """
        Without a Default this is an error.
        """
        choice = {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "End"}]}
        }
        execution = bench(machine(choice, {"End": {"Type": "Succeed"}})).execute({"n": 2})

        assert execution.error == "States.NoChoiceMatched"


class TestUnsupported:
    @pytest.mark.parametrize(
        ("state", "place"),
        [
            ({"Type": "Pass", "InputPath": "$..deep", "End": True}, "$.States.P.InputPath"),
            (
                {"Type": "Pass", "Parameters": {"a": {"b.$": "States.Nope($.x)"}}, "End": True},
                "$.States.P.Parameters.a.b.$",
            ),
            (
                {"Type": "Pass", "Parameters": {"a.$": "$.x[?(@.y)]"}, "End": True},
                "$.States.P.Parameters.a.$",
            ),
        ],
    )
    def test_the_message_has_the_json_path(self, bench, state, place):
        """
        An unsupported feature is refused before an execution begins.
        """
        with pytest.raises(ValueError, match=r"not supported") as refusal:
            bench(machine({"P": state}))

        assert str(refusal.value).startswith(place)
