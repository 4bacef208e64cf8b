"""
The rule of a composite alarm: its grammar and its limits.
"""

import pytest

from harness.lab.alarms.alarm_rule import parse_rule
from harness.lab.alarms.evaluate import AlarmState

STATES = {"dlq": AlarmState.ALARM, "p95": AlarmState.OK, "errors": AlarmState.INSUFFICIENT_DATA}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(dlq)", True),
        ("OK(dlq)", False),
        ("INSUFFICIENT_DATA(errors)", True),
        ('ALARM("dlq") AND OK(p95)', True),
        ("ALARM(p95) OR ALARM(errors)", False),
        ("NOT ALARM(p95)", True),
        ("NOT (ALARM(dlq) OR OK(p95))", False),
        ("ALARM(p95) AND ALARM(errors) OR ALARM(dlq)", True),
        ("ALARM(dlq) OR ALARM(p95) AND ALARM(errors)", True),
        ("(ALARM(dlq) OR ALARM(p95)) AND ALARM(errors)", False),
        ("TRUE", True),
        ("FALSE", False),
        ("AT_LEAST(1, ALARM, (dlq, p95, errors))", True),
        ("AT_LEAST(2, ALARM, (dlq, p95, errors))", False),
        ("AT_LEAST(2, NOT ALARM, (dlq, p95, errors))", True),
        ("AT_LEAST(50%, OK, (dlq, p95, errors))", False),
        ("AT_LEAST(33%, OK, (dlq, p95, errors))", True),
        ("AT_LEAST(100%, NOT OK, (dlq, errors))", True),
        ("AT_LEAST(3, NOT ALARM, (dlq, p95, errors))", False),
        ("ALARM('dlq')", True),
        ("NOT NOT ALARM(dlq)", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:dlq)", True),
    ],
)
def test_rules(rule, holds):
    """
    NOT has the highest precedence, then AND, then OR. An alarm is given by name, quoted name or ARN.
    """
    condition, _ = parse_rule(rule)

    assert condition(STATES) is holds


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "ALARM",
        "ALARM(",
        "ALARM()",
        "ALARM(dlq) p95",
        "RED(dlq)",
        "ALARM(dlq) AND",
        "AT_LEAST(0, ALARM, (dlq))",
        "AT_LEAST(2, ALARM, (dlq))",
        "AT_LEAST(1.5, ALARM, (dlq, p95))",
        "AT_LEAST(some, ALARM, (dlq))",
        "AT_LEAST(-1, ALARM, (dlq))",
        "AT_LEAST(0%, ALARM, (dlq))",
        "AT_LEAST(1, ALARM, (dlq)",
        "AT_LEAST(1, ALARM (dlq))",
        "AT_LEAST(1 ALARM, (dlq))",
        "AT_LEAST 1, ALARM, (dlq))",
        "AT_LEAST(1, ALARM, dlq)",
        "(ALARM(dlq)",
        "ALARM(dlq p95)",
        'ALARM("dlq)',
        "AT_LEAST(120%, OK, (dlq))",
        "NOT",
        "ALARM(a) XOR ALARM(b)",
    ],
)
def test_broken_rules_are_refused(rule):
    """
    The message says which part of the rule is wrong.
    """
    with pytest.raises(ValueError, match=r"rule|AT_LEAST"):
        parse_rule(rule)


class TestLimits:
    def test_a_hundred_alarms_at_most(self):
        """
        CloudWatch has this limit.
        """
        rule = " OR ".join(f"ALARM(a{number})" for number in range(100))

        assert len(parse_rule(rule)[1]) == 100
        with pytest.raises(ValueError, match="reads 101 alarms"):
            parse_rule(f"{rule} OR ALARM(b)")

    def test_10240_characters_at_most(self):
        """
        CloudWatch has this limit.
        """
        assert parse_rule("TRUE" + " " * 10_236)
        with pytest.raises(ValueError, match="10241 characters"):
            parse_rule("TRUE" + " " * 10_237)

    def test_a_rule_nested_too_deeply_is_refused(self):
        """
        It does not end the process with a RecursionError.
        """
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_rule("(" * 5000 + "TRUE" + ")" * 5000)
