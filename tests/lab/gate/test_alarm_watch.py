"""
The watch over the alarms of a running system.
"""

import pytest

from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.state_change import StateChange
from harness.lab.gate.alarm_watch import AlarmWatch
from harness.lab.gate.live_evaluation import LiveEvaluation
from tests.lab.conftest import DURATION, alarm

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
BEGAN = 1_000_020.0
"""On the minute."""


@pytest.fixture
def live():
    """The evaluation of an alarm on the slow batches of each minute."""
    return LiveEvaluation([alarm(AlarmName="slow", Period=60)], started_at=BEGAN)


def states_of(changes: list[StateChange]) -> list[tuple[float, AlarmState]]:
    return [(change.at - BEGAN, change.state) for change in changes]


class TestPoll:
    def test_each_change_is_returned_once(self, live):
        """
        A change is known 5 s after its minute, when the service has put its metrics.
        """
        data = iter([[], [], [(BEGAN + 70, DURATION, "{}", 700.0)], []])
        watch = AlarmWatch(live, lambda: next(data))

        assert watch.states == {"slow": INSUFFICIENT}
        assert watch.poll(BEGAN + 64.9) == []
        assert states_of(watch.poll(BEGAN + 65)) == [(60, OK)]
        assert states_of(watch.poll(BEGAN + 126)) == [(120, ALARM)]
        assert watch.poll(BEGAN + 130) == []
        assert (watch.states, watch.is_over) == ({"slow": ALARM}, False)

    def test_a_system_that_has_ended_gives_its_final_changes(self, live):
        """
        They replace the live evaluation; changes returned before are not repeated.
        """
        final = [
            StateChange(BEGAN + 60, "slow", INSUFFICIENT, OK, "first"),
            StateChange(BEGAN + 180, "slow", OK, ALARM, "second"),
        ]
        answers = iter([None, final])
        watch = AlarmWatch(live, list, final_changes=lambda: next(answers))
        watch.poll(BEGAN + 65)

        assert not watch.is_over
        assert watch.poll(BEGAN + 300) == final[1:]
        assert (watch.states, watch.is_over) == ({"slow": ALARM}, True)


class TestApply:
    def test_of_earlier_changes_only_the_last_is_applied(self, live):
        """
        The changes before the watch began are past; later ones are all applied.
        """
        applied = []
        watch = AlarmWatch(live, list, apply=applied.append)
        first = [
            StateChange(60.0, "slow", INSUFFICIENT, OK, "a"),
            StateChange(120.0, "slow", OK, ALARM, "b"),
        ]
        later = [StateChange(180.0, "slow", ALARM, OK, "c"), StateChange(240.0, "slow", OK, ALARM, "d")]

        watch.apply([])
        watch.apply(first)
        watch.apply(later)

        assert [change.reason for change in applied] == ["b", "c", "d"]

    def test_without_an_endpoint_nothing_is_applied(self, live):
        """
        A run folder has no endpoint.
        """
        AlarmWatch(live, list).apply([StateChange(60.0, "slow", INSUFFICIENT, OK, "a")])
