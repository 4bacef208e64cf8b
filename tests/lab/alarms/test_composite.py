"""
Composite alarms: rules over other alarms.
"""

import pytest

from harness.lab.alarms.composite import CompositeAlarm, parse_rule, play
from harness.lab.alarms.evaluate import AlarmState

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
STATES = {"dlq": ALARM, "p95": OK, "errors": INSUFFICIENT}


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
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:dlq)", True),
    ],
)
def test_rules(rule, holds):
    """
    AND binds tighter than OR, NOT tighter than both; ARNs and quoted names mean the alarm.
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
        "AT_LEAST(120%, OK, (dlq))",
        "NOT",
        "ALARM(a) XOR ALARM(b)",
    ],
)
def test_broken_rules_are_refused(rule):
    """
    A rule that cannot be read is an error that says where.
    """
    with pytest.raises(ValueError, match=r"rule|AT_LEAST"):
        parse_rule(rule)


def composite(**properties: object) -> CompositeAlarm:
    return CompositeAlarm.from_properties({"AlarmName": "unhealthy", "AlarmRule": "ALARM(dlq)", **properties})


class TestPlay:
    def test_follows_its_children(self):
        """
        It changes state at the moment a child does.
        """
        changes = play(
            composite(), [(60, "dlq", OK), (120, "dlq", ALARM), (300, "dlq", OK)], start=0, end=400
        )

        assert [(change.at, change.state) for change in changes] == [(0, OK), (120, ALARM), (300, OK)]

    def test_a_suppressor_in_alarm_keeps_it_quiet(self):
        """
        The state still changes, but no action is taken, until the extension has passed.
        """
        alarm = composite(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=0, ActionsSuppressorExtensionPeriod=60
        )
        transitions = [
            (60, "deploying", ALARM),
            (120, "dlq", ALARM),
            (180, "deploying", OK),
            (200, "dlq", OK),
            (300, "dlq", ALARM),
        ]
        changes = play(alarm, transitions, start=0, end=400)

        assert [(change.at, change.acted) for change in changes] == [
            (0, True),
            (120, False),
            (200, False),
            (300, True),
        ]

    def test_it_waits_for_the_suppressor(self):
        """
        A suppressor that follows within the wait period still suppresses.
        """
        alarm = composite(ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=60)
        changes = play(alarm, [(100, "dlq", ALARM), (130, "deploying", ALARM)], start=0, end=400)

        assert [(change.at, change.acted) for change in changes] == [(0, True), (100, False)]

    def test_an_unknown_child_is_named(self):
        """
        A rule over an alarm that does not exist is an error.
        """
        with pytest.raises(ValueError, match="no alarm 'dlq'"):
            composite().state({"p95": OK})
