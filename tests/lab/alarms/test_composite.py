"""
Composite alarms: their state changes, the suppression of their actions, and their order.
"""

import pytest

from harness.lab.alarms.composite import CompositeAlarm, evaluate_composite, in_order
from harness.lab.alarms.evaluate import AlarmState
from tests.lab.conftest import alarm

OK, ALARM = AlarmState.OK, AlarmState.ALARM


def composite(**properties: object) -> CompositeAlarm:
    return CompositeAlarm.from_properties({"AlarmName": "unhealthy", "AlarmRule": "ALARM(dlq)", **properties})


class TestEvaluation:
    def test_follows_its_children(self):
        """
        It changes its state at the time of a child's change.
        """
        changes = evaluate_composite(
            composite(), [(60, "dlq", OK), (120, "dlq", ALARM), (300, "dlq", OK)], start=0, end=400
        )

        assert [(change.at, change.state) for change in changes] == [(0, OK), (120, ALARM), (300, OK)]

    def test_children_that_change_together_are_one_change(self):
        """
        Changes of two children at the same time are evaluated together, once.
        """
        both = composite(AlarmRule="ALARM(a) AND OK(b)")
        changes = evaluate_composite(
            both, [(60, "a", ALARM), (60, "b", OK), (120, "b", ALARM)], start=0, end=400
        )

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
        The times at which a composite alarm changed its state and ran its actions.
        """
        both = composite(
            ActionsSuppressor="deploying",
            ActionsSuppressorWaitPeriod=120,
            ActionsSuppressorExtensionPeriod=extension,
        )
        changes = evaluate_composite(both, [(1, "deploying", OK), *transitions], start=0, end=3600)

        assert [(change.at, change.acted_at) for change in changes[1:]] == expected

    def test_actions_that_have_run_do_not_run_again(self):
        """
        A suppressor that changes its state later has no effect on them.
        """
        both = composite(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=0, ActionsSuppressorExtensionPeriod=60
        )
        transitions = [(60, "dlq", ALARM), (120, "deploying", ALARM), (180, "deploying", OK)]
        changes = evaluate_composite(both, transitions, start=0, end=3600)

        assert [(change.at, change.acted_at) for change in changes] == [(0, 0), (60, 60)]

    def test_actions_due_after_the_end_do_not_run(self):
        """
        The run ends within the wait period.
        """
        both = composite(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60
        )

        assert evaluate_composite(both, [(100, "dlq", ALARM)], start=0, end=159)[-1].acted_at is None
        assert evaluate_composite(both, [(100, "dlq", ALARM)], start=0, end=160)[-1].acted_at == 160

    @pytest.mark.parametrize("given", [None, "soon", -1, 1.5])
    def test_the_periods_are_needed_in_whole_seconds(self, given):
        """
        CloudWatch accepts a suppressor only with both periods.
        """
        with pytest.raises(ValueError, match=r"alarm unhealthy: .*ExtensionPeriod"):
            composite(
                ActionsSuppressor="deploying",
                ActionsSuppressorWaitPeriod=60,
                ActionsSuppressorExtensionPeriod=given,
            )

    def test_the_suppressor_may_be_an_arn(self):
        """
        A template can give its ARN instead of its name.
        """
        both = composite(
            ActionsSuppressor="arn:aws:cloudwatch:us-east-1:123456789012:alarm:deploying",
            ActionsSuppressorWaitPeriod="60",
            ActionsSuppressorExtensionPeriod="30",
        )

        assert (both.suppressor, both.wait, both.extension) == ("deploying", 60.0, 30.0)
        assert both.watched == ("dlq", "deploying")


class TestOrder:
    def test_composites_come_after_those_they_watch(self):
        """
        A composite alarm can watch other composite alarms.
        """
        top = composite(AlarmName="top", AlarmRule="ALARM(middle)")
        middle = composite(AlarmName="middle")
        dlq = alarm(AlarmName="dlq")

        assert [one.name for one in in_order([top, middle, dlq])] == ["dlq", "middle", "top"]

    def test_an_unknown_alarm_is_named(self):
        """
        A rule over an alarm that does not exist is an error.
        """
        with pytest.raises(ValueError, match="unhealthy: there is no alarm 'dlq'"):
            in_order([alarm(AlarmName="p95"), composite()])

    def test_a_cycle_is_an_error(self):
        """
        CloudWatch stops evaluating alarms that watch each other.
        """
        one = composite(AlarmName="one", AlarmRule="ALARM(other)")
        other = composite(AlarmName="other", AlarmRule="ALARM(one)")

        with pytest.raises(ValueError, match="cycle: one, other"):
            in_order([one, other])
