"""
The intrinsic functions, by the AWS Step Functions developer guide, "Intrinsic functions".
"""

import pytest

DATA = {
    "n": 2,
    "text": "abc",
    "list": [1, 2, 3],
    "object": {"k": 1},
    "template": "<{}>",
    "long": "x" * 10_001,
}


def fill_in(**fields):
    return {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": fields, "End": True}}}


class TestEscapes:
    @pytest.mark.parametrize(
        ("expression", "text"),
        [
            (r"States.Format('\{\} {}', $.text)", "{} abc"),
            (r"States.Format('\{{}\}', $.text)", "{abc}"),
            (r"States.Format('it\'s {}', $.text)", "it's abc"),
            (r"States.Format('a\\{}', $.text)", r"a\abc"),
            (r"States.JsonToString(States.StringToJson('\{\}'))", "{}"),
            ("States.Format($.template, $.text)", "<abc>"),
        ],
    )
    def test_a_backslash_escapes_a_reserved_character(self, bench, expression, text):
        """
        Quotes, braces and backslashes are reserved; an escaped brace is not a place.
        """
        assert bench(fill_in(**{"v.$": expression})).execute(DATA).output == {"v": text}

    def test_an_open_escape_is_refused(self, bench):
        """
        Step Functions fails on it in every execution.
        """
        with pytest.raises(ValueError, match=r"^\$\.States\.P\.Parameters\.v\.\$: a backslash stands before"):
            bench(fill_in(**{"v.$": r"States.Format('a\n{}', $.text)"}))


class TestArguments:
    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("States.MathAdd(1.5, 1)", 3),
            ("States.MathAdd(-1.5, 1)", 0),
            ("States.ArrayPartition($.list, 1.5)", [[1, 2], [3]]),
            ("States.ArrayRange(0.5, 5.4, 2)", [1, 3, 5]),
            ("States.ArrayRange(9, 1, -4)", [9, 5, 1]),
            ("States.ArrayLength(States.ArrayRange(1, 1000, 1))", 1000),
            ("States.MathRandom(4.6, 6, 1)", 5),
        ],
    )
    def test_numbers_are_rounded_to_whole_ones(self, bench, expression, value):
        """
        They are rounded to the nearest number, halves upwards.
        """
        assert bench(fill_in(**{"v.$": expression})).execute(DATA).output == {"v": value}

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("States.ArrayContains($.list, true)", False),
            ("States.ArrayContains($.list, 1.0)", True),
            ("States.ArrayContains(States.Array($.object), $.object)", True),
            ("States.ArrayUnique(States.Array(1, true, 1.0, false, 0))", [1, True, False, 0]),
            ("States.ArrayUnique(States.Array(States.Array(1), States.Array(true)))", [[1], [True]]),
        ],
    )
    def test_values_are_equal_as_json(self, bench, expression, value):
        """
        true is not 1, but 1 is 1.0.
        """
        output = bench(fill_in(**{"v.$": expression})).execute(DATA).output

        assert str(output["v"]) == str(value)

    @pytest.mark.parametrize(
        "expression",
        [
            "States.MathAdd($.text, 'x')",
            "States.MathAdd(true, 1)",
            "States.MathAdd(2147483648, -1)",
            "States.ArrayGetItem($.list, -1)",
            "States.ArrayGetItem($.list, 3)",
            "States.ArrayGetItem($.list, 0.5)",
            "States.ArrayGetItem($.object, 'k')",
            "States.ArrayLength($.text)",
            "States.ArrayLength($.object)",
            "States.ArrayContains($.text, 'b')",
            "States.ArrayUnique($.text)",
            "States.ArrayPartition($.text, 2)",
            "States.ArrayPartition($.list, 0)",
            "States.ArrayRange(1, 1001, 1)",
            "States.ArrayRange(1, 1000000000, 1)",
            "States.ArrayRange(1, 9, 0)",
            "States.MathRandom(5, 5)",
            "States.StringSplit($.list, ',')",
            "States.StringToJson($.object)",
            "States.StringToJson('NaN')",
            "States.StringToJson('1e999')",
            "States.JsonMerge($.list, $.object, false)",
            "States.JsonMerge($.object, $.object, true)",
            "States.Base64Encode($.long)",
            "States.Base64Decode($.long)",
            "States.Hash($.long, 'MD5')",
            "States.Hash($.object, 'MD5')",
            "States.Hash($.text, 'CRC')",
            "States.Format($.n)",
            "States.Format($.template)",
        ],
    )
    def test_arguments_of_another_kind_fail(self, bench, expression):
        """
        An argument that the guide does not allow is a failure of the function.
        """
        assert bench(fill_in(**{"v.$": expression})).execute(DATA).error == "States.IntrinsicFailure"

    @pytest.mark.parametrize(
        "expression",
        [
            "States.MathAdd(1)",
            "States.MathAdd(1, 2, 3)",
            "States.MathAdd(1,)",
            "States.UUID(1)",
            "States.MathRandom(1)",
            "States.JsonMerge($.object, $.object)",
            "States.Format()",
            "States.Format('{}')",
            "States.Format('{}', $.text, $.n)",
            "States.Array(States.ArrayLength())",
        ],
    )
    def test_too_many_or_too_few_are_refused(self, bench, expression):
        """
        The state machine is refused, with the JSON path.
        """
        with pytest.raises(ValueError, match=r"^\$\.States\.P\.Parameters\.v\.\$: "):
            bench(fill_in(**{"v.$": expression}))

    def test_ten_nested_functions(self, bench):
        """
        An eleventh is refused.
        """
        deepest = "States.Array(" * 10 + ")" * 10

        assert bench(fill_in(**{"v.$": deepest})).execute().output == {"v": [[[[[[[[[[]]]]]]]]]]}
        with pytest.raises(ValueError, match="at most 10 deep"):
            bench(fill_in(**{"v.$": f"States.Array({deepest})"}))

    def test_a_literal_too_large_for_a_number_is_refused(self, bench):
        """
        Infinity is not valid JSON.
        """
        with pytest.raises(ValueError, match="1e400 is too large a number"):
            bench(fill_in(**{"v.$": "States.MathAdd(1e400, 1)"}))


def test_a_text_is_split_at_any_of_the_characters(bench):
    """
    Empty parts are dropped; without separators the text is not split.
    """
    host = bench(
        fill_in(**{"v.$": "States.StringSplit('a,,b.c', ',.')", "w.$": "States.StringSplit('abc', '')"})
    )

    assert host.execute().output == {"v": ["a", "b", "c"], "w": ["abc"]}


def test_json_keeps_its_letters(bench):
    """
    Characters are not escaped.
    """
    assert bench(fill_in(**{"v.$": "States.Format('{}', $)"})).execute(["é", 1]).output == {"v": '["é",1]'}


def test_each_call_has_its_own_random_number(bench):
    """
    Two calls in one state differ; a second execution has the same numbers.
    """
    fields = {
        "a.$": "States.UUID()", "b.$": "States.UUID()", "c.$": "States.Array(States.UUID(), States.UUID())",
        "n.$": "States.MathRandom(0, 1000000)", "m.$": "States.MathRandom(0, 1000000)",
    }  # fmt: skip
    output = bench(fill_in(**fields)).execute().output

    assert len({output["a"], output["b"], *output["c"]}) == 4
    assert output["n"] != output["m"]
    assert bench(fill_in(**fields)).execute().output == output


def test_a_name_in_brackets_may_follow_a_dot(bench):
    """
    The guide writes the path of a name with a space so.
    """
    assert bench(fill_in(**{"v.$": "$.a.['b c']"})).execute({"a": {"b c": 1}}).output == {"v": 1}
