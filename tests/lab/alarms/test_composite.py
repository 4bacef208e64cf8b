"""
Composite alarms: rules over other alarms.
"""

import pytest

from harness.lab.alarms.composite import CompositeAlarm, in_order, parse_rule, play
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

    def test_children_that_move_together_are_one_change(self):
        """
        Two children changing at the same instant are looked at once, together.
        """
        alarm = composite(AlarmRule="ALARM(a) AND OK(b)")
        changes = play(alarm, [(60, "a", ALARM), (60, "b", OK), (120, "b", ALARM)], start=0, end=400)

        assert [(change.at, change.state) for change in changes] == [(0, OK), (60, ALARM), (120, OK)]


# The six examples of the user guide: a unit is 60 s, the wait 2 units, the extension 3 (2 in the last).
SUPPRESSION = [
    ("1 nothing suppresses after the wait", [(120, "dlq", ALARM)], 180, [(120, 240)]),
    (
        "2 suppressed before the wait ends",
        [(120, "dlq", ALARM), (180, "deploying", ALARM)],
        180,
        [(120, None)],
    ),
    ("3 back to OK within the wait", [(120, "dlq", ALARM), (180, "dlq", OK)], 180, [(120, None), (180, 300)]),
    ("4 suppressed from the start", [(60, "deploying", ALARM), (120, "dlq", ALARM)], 180, [(120, None)]),
    (
        "5 acts when the extension ends",
        [(120, "dlq", ALARM), (180, "deploying", ALARM), (360, "deploying", OK)],
        180,
        [(120, 540)],
    ),
    (
        "6 back to OK within the extension",
        [(120, "dlq", ALARM), (180, "deploying", ALARM), (360, "deploying", OK), (420, "dlq", OK)],
        120,
        [(120, None), (420, 540)],
    ),
]


class TestSuppression:
    @pytest.mark.parametrize(
        ("transitions", "extension", "expected"),
        [pytest.param(*example, id=name) for name, *example in SUPPRESSION],
    )
    def test_the_examples_of_the_user_guide(self, transitions, extension, expected):
        """
        When a composite changed its state, and when its actions ran.
        """
        alarm = composite(
            ActionsSuppressor="deploying",
            ActionsSuppressorWaitPeriod=120,
            ActionsSuppressorExtensionPeriod=extension,
        )
        changes = play(alarm, [(1, "deploying", OK), *transitions], start=0, end=3600)

        assert [(change.at, change.acted_at) for change in changes[1:]] == expected

    def test_what_has_acted_does_not_act_again(self):
        """
        A suppressor that comes and goes later leaves alone what is done.
        """
        alarm = composite(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=0, ActionsSuppressorExtensionPeriod=60
        )
        transitions = [(60, "dlq", ALARM), (120, "deploying", ALARM), (180, "deploying", OK)]
        changes = play(alarm, transitions, start=0, end=3600)

        assert [(change.at, change.acted_at) for change in changes] == [(0, 0), (60, 60)]

    def test_what_would_act_after_the_end_has_not(self):
        """
        The run ends within the wait.
        """
        alarm = composite(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60
        )

        assert play(alarm, [(100, "dlq", ALARM)], start=0, end=159)[-1].acted_at is None
        assert play(alarm, [(100, "dlq", ALARM)], start=0, end=160)[-1].acted_at == 160

    @pytest.mark.parametrize("given", [None, "soon", -1, 1.5])
    def test_the_periods_are_needed_in_whole_seconds(self, given):
        """
        CloudWatch takes no suppressor without both.
        """
        with pytest.raises(ValueError, match=r"alarm unhealthy: .*ExtensionPeriod"):
            composite(
                ActionsSuppressor="deploying",
                ActionsSuppressorWaitPeriod=60,
                ActionsSuppressorExtensionPeriod=given,
            )

    def test_the_suppressor_may_be_an_arn(self):
        """
        Templates name it by its ARN.
        """
        alarm = composite(
            ActionsSuppressor="arn:aws:cloudwatch:us-east-1:123456789012:alarm:deploying",
            ActionsSuppressorWaitPeriod="60",
            ActionsSuppressorExtensionPeriod="30",
        )

        assert (alarm.suppressor, alarm.wait, alarm.extension) == ("deploying", 60.0, 30.0)
        assert alarm.watched == ("dlq", "deploying")


class TestOrder:
    def test_composites_come_after_those_they_watch(self):
        """
        A composite may watch composites.
        """
        top = composite(AlarmName="top", AlarmRule="ALARM(middle)")
        middle = composite(AlarmName="middle")

        assert [one.name for one in in_order([top, middle], ["dlq"])] == ["middle", "top"]

    def test_an_unknown_alarm_is_named(self):
        """
        A rule over an alarm that does not exist is an error.
        """
        with pytest.raises(ValueError, match="unhealthy: there is no alarm 'dlq'"):
            in_order([composite()], ["p95"])

    def test_a_circle_is_an_error(self):
        """
        CloudWatch stops evaluating alarms that watch each other.
        """
        one = composite(AlarmName="one", AlarmRule="ALARM(other)")
        other = composite(AlarmName="other", AlarmRule="ALARM(one)")

        with pytest.raises(ValueError, match="circle: one, other"):
            in_order([one, other], [])


class TestLimits:
    def test_a_hundred_alarms_at_most(self):
        """
        As CloudWatch has it.
        """
        rule = " OR ".join(f"ALARM(a{number})" for number in range(100))

        assert len(parse_rule(rule)[1]) == 100
        with pytest.raises(ValueError, match="reads 101 alarms"):
            parse_rule(f"{rule} OR ALARM(b)")

    def test_ten_thousand_characters_at_most(self):
        """
        10,240, to be exact.
        """
        assert parse_rule("TRUE" + " " * 10_236)
        with pytest.raises(ValueError, match="10241 characters"):
            parse_rule("TRUE" + " " * 10_237)

    def test_a_rule_nested_too_deeply_is_refused(self):
        """
        And does not end the judge.
        """
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_rule("(" * 5000 + "TRUE" + ")" * 5000)
