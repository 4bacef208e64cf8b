"""
The comparisons of Choice states: details of the language.
"""

import pytest


def choice(rule):
    states = {
        "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    return {"StartAt": "C", "States": states}


class TestStringMatches:
    @pytest.mark.parametrize(
        ("text", "pattern", "matches"),
        [
            ("log-7.txt", "log-*.txt", True),
            ("log-.txt", "log-*.txt", True),
            ("a\nb", "a*b", True),
            ("xlog", "log*", False),
            ("a*b", r"a\*b", True),
            ("a-b", r"a\*b", False),
            (r"a\b", r"a\\b", True),
            (r"a\xb", r"a\\*b", True),
            ("a?[b]", "a?[b]", True),
            ("ab[b]", "a?[b]", False),
            (7, "*", False),
            ("a" * 5000, "*a" * 20 + "b", False),
        ],
    )
    def test_a_star_matches_any_text(self, bench, text, pattern, matches):
        """
        It matches an empty text too; otherwise only a backslash before a star or a backslash is special.
        """
        rule = {"Variable": "$.text", "StringMatches": pattern}

        assert bench(choice(rule)).execute({"text": text}).output is matches

    def test_an_open_escape_is_refused(self, bench):
        """
        Step Functions fails on it.
        """
        with pytest.raises(ValueError, match=r"^\$\.States\.C\.Choices\[0\]\.StringMatches: "):
            bench(choice({"Variable": "$.text", "StringMatches": r"a\b"}))


class TestTimestamps:
    @pytest.mark.parametrize(
        ("text", "is_timestamp"),
        [
            ("2026-01-05T00:00:00Z", True),
            ("2026-01-05T00:00:00.123456789Z", True),
            ("2026-01-05T00:00:00+01:00", True),
            ("0001-01-01T00:00:00+14:00", True),
            ("2026-01-05T00:00:00", False),
            ("2026-01-05t00:00:00Z", False),
            ("2026-01-05 00:00:00Z", False),
            ("2026-01-05T00:00:00z", False),
            ("2026-01-05T00:00Z", False),
            ("20260105T000000Z", False),
            ("2026-01-05T00:00:00,5Z", False),
            ("2026-01-05T00:00:00+0100", False),
            ("2026-13-05T00:00:00Z", False),
            ("2026-01-05", False),
            (1, False),
        ],
    )
    def test_timestamps_are_those_of_rfc_3339(self, bench, text, is_timestamp):
        """
        With seconds, an upper-case T, and an upper-case Z or an offset.
        """
        rule = {"Variable": "$.at", "IsTimestamp": True}

        assert bench(choice(rule)).execute({"at": text}).output is is_timestamp

    @pytest.mark.parametrize(
        ("operator", "text", "holds"),
        [
            ("TimestampEquals", "2026-01-05T00:00:00.000Z", True),
            ("TimestampEquals", "2026-01-05T01:00:00+01:00", True),
            ("TimestampEquals", "20260105T000000Z", False),
            ("TimestampGreaterThan", "2026-01-05T00:00:00.001Z", True),
            ("TimestampLessThan", "2026-01-04T23:59:59.999Z", True),
            ("TimestampLessThanEquals", "2026-01-05T00:00:00", False),
        ],
    )
    def test_timestamps_are_compared_as_times(self, bench, operator, text, holds):
        """
        Their notation does not matter; with an invalid timestamp the rule does not match.
        """
        literal = {"Variable": "$.at", operator: "2026-01-05T00:00:00Z"}
        path = {"Variable": "$.at", f"{operator}Path": "$.other"}
        data = {"at": text, "other": "2026-01-05T00:00:00Z"}

        assert bench(choice(literal)).execute(data).output is holds
        assert bench(choice(path)).execute(data).output is holds


@pytest.mark.parametrize(
    ("operator", "value", "other"),
    [
        ("NumericEquals", True, 1),
        ("NumericLessThan", "1", 2),
        ("BooleanEquals", 1, True),
        ("StringEquals", 1, "1"),
        ("StringLessThan", None, "a"),
    ],
)
def test_values_of_different_types_do_not_match(bench, operator, value, other):
    """
    It does not matter whether the other value is a literal or a path.
    """
    data = {"value": value, "other": other}

    assert bench(choice({"Variable": "$.value", operator: other})).execute(data).output is False
    for one, two in (("$.value", "$.other"), ("$.other", "$.value")):
        assert bench(choice({"Variable": one, f"{operator}Path": two})).execute(data).output is False
