"""
The resource of a Task, from hand-written histories: who occupies it, and who never did.
"""

import numpy as np
import pytest

from harness.lab.calibration.histories.observed_station import ObservedStation
from harness.lab.calibration.histories.recorded_tasks import recorded_tasks
from tests.lab.calibration.histories.history_script import HistoryScript


def measured(*scripts):
    return ObservedStation.of("T", recorded_tasks([script.recorded() for script in scripts]))


def one_server(count=30):
    """Executions that come at once, and are served one after the other, two seconds each."""
    return [HistoryScript().enter(0).leave(2.0 * n).end(2.0 * n) for n in range(1, count + 1)]


class TestOccupancy:
    def test_a_stopped_attempt_leaves_when_it_is_stopped(self):
        """
        Stopped executions came one after the other: never two at once.
        """
        stopped = [HistoryScript(n).enter(n).end(n + 0.5, "Aborted") for n in range(20)]
        station = measured(HistoryScript(30).enter(30).leave(31).end(31), *stopped)

        assert station.servers.most_at_once == 1

    def test_an_attempt_of_a_running_execution_stays(self):
        """
        Its execution has not ended.
        """
        station = measured(HistoryScript().enter(0), HistoryScript().enter(5).leave(6).end(6))

        assert station.servers.most_at_once == 2

    def test_a_resource_of_which_no_attempt_ended_is_measured(self):
        """
        A callback that nobody has sent yet: nothing is known of its servers.
        """
        station = measured(*(HistoryScript(n).enter(n) for n in range(3)))

        assert (station.servers.servers, station.servers.interval) == (None, (3, None))
        assert station.fit is None

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("TaskSubmitFailed", "MediaConvert.BadRequestException"),
            ("TaskStartFailed", "Sns.Unknown"),
            ("TaskFailed", "MediaConvert.TooManyRequestsException"),
            ("TaskFailed", "Sns.ThrottledException"),
        ],
    )
    def test_an_attempt_that_was_refused_never_occupies_it(self, kind, error):
        """
        Attempts that fail at once while thirty others wait for one server do not hide its number.
        """
        refused = [HistoryScript().enter(n).add(n + 0.1, kind, error=error) for n in (3, 7, 11)]
        station = measured(*one_server(), *(each.end(20, "Failed") for each in refused))

        assert station.servers.servers == 1
        assert int(np.isinf(station.waits).sum()) == 3

    def test_an_attempt_that_timed_out_while_it_waited_was_not_served(self):
        """
        The last ten of forty time out after five seconds.
        """
        timed_out = [HistoryScript().enter(1).add(6, "TaskTimedOut").end(6, "Failed") for _ in range(10)]
        station = measured(*one_server(), *timed_out)

        assert station.servers.servers == 1
        assert station.fit.censored == 0
