"""
Metric math: the arithmetic that is supported, and the errors for the rest.
"""

import pytest

from harness.lab.alarms.expression import Expression


class TestExpression:
    @pytest.mark.parametrize(
        "text",
        [
            "ANOMALY_DETECTION_BAND(a, 2)",
            "a ** 2",
            "a > 1",
            "FILL(a, REPEAT)",
            "SUM(a)",
            "-'a'",
            "+a",
            "True",
            "FILL(a)",
            "FILL(a > 1, 2)",
        ],
    )
    def test_what_is_not_supported_is_named(self, text):
        """
        Metric math beyond arithmetic is an error.
        """
        with pytest.raises(ValueError, match="not supported"):
            Expression.parse(text, ["a"])

    @pytest.mark.parametrize(
        ("text", "others", "complaint"),
        [
            ("a +", {}, "cannot be read"),
            ("x", {"x": "a +"}, "cannot be read"),
            ("x", {"x": "y", "y": "x"}, "refers to itself"),
            ("b", {}, "reads 'b'"),
            ("SELECT AVG(CPU) FROM x", {}, "is a metrics query; SELECT and SEARCH are not supported"),
            ("SEARCH('x', 'Sum', 60)", {}, "is a metrics query; SELECT and SEARCH are not supported"),
        ],
    )
    def test_the_message_gives_the_reason(self, text, others, complaint):
        """
        Each kind of mistake has its own message.
        """
        with pytest.raises(ValueError, match=complaint):
            Expression.parse(text, ["a"], others)

    @pytest.mark.parametrize(
        ("text", "a", "b", "expected"),
        [
            ("a + b", 1.0, 2.0, 3.0),
            ("a - b", 1.0, 2.0, -1.0),
            ("a * b + 1", 3.0, 2.0, 7.0),
            ("-a / b", 3.0, 2.0, -1.5),
            ("a / b", 3.0, 0.0, None),
            ("a / b", 3.0, None, None),
            ("a + b", 3.0, None, 3.0),
            ("a + b", None, None, None),
            ("-a", None, None, None),
            ("-a", None, 1.0, None),
            ("SUM(METRICS())", 3.0, 4.0, 7.0),
            ("SUM(METRICS())", 3.0, None, 3.0),
            ("SUM(METRICS())", None, None, None),
            ("FILL(a, 5)", None, None, 5.0),
            ("FILL(a, 5) + 1", 2.0, None, 3.0),
            ("twice + b", 2.0, 1.0, 5.0),
            ("-twice", 2.0, None, -4.0),
            ("FILL(twice, 9)", 2.0, None, 4.0),
            ("a * 1e308 * 10", 1.0, None, None),
        ],
    )
    def test_arithmetic(self, text, a, b, expected):
        """
        A missing operand is 0 if another has data; a division by zero gives no datapoint.
        """
        expression = Expression.parse(text, ["a", "b"], {"twice": "2 * a"})

        assert expression.value({"a": a, "b": b}) == expected


def test_only_what_it_reads_counts_as_present():
    """
    A metric that no part of the expression reads does not make a missing one 0.
    """
    expression = Expression.parse("x", ["a", "b", "c"], {"x": "a + b"})

    assert expression.ids == ("a", "b")
    assert expression.value({"a": None, "b": None, "c": 1.0}) is None
    assert expression.value({"a": None, "b": 2.0, "c": None}) == 2.0
    assert Expression.parse("SUM(METRICS())", ["a", "b"]).ids == ("a", "b")
