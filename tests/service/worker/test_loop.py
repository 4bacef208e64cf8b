"""
One loop: attempts, pauses, back-off, logs and health.
"""

import logging
import threading

import pytest
from prometheus_client import CollectorRegistry

from harness.service.core.errors import Unavailable
from harness.service.core.use_cases.error_handling import isolate_errors
from harness.service.worker.loop import Health, Loop, runs_counter


class Script:
    """Return an action that returns each number, and raises each exception, call by call."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def __call__(self):
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def loop_of(registry):
    runs = runs_counter(registry)
    return lambda *lines, **kwargs: Loop("outbox", Script(*lines), 2.0, runs, **kwargs)


DOWN = Unavailable("The queue does not answer.")


class TestPause:
    def test_with_nothing_to_do_it_pauses(self, loop_of):
        """
        An idle loop pauses.
        """
        assert loop_of(0).step() == 2.0

    def test_with_something_to_do_it_goes_on(self, loop_of):
        """
        After an attempt with items there is no pause.
        """
        assert loop_of(3).step() == 0

    def test_a_loop_that_is_not_eager_always_pauses(self, loop_of):
        """
        The reconciler pauses also after repairs.
        """
        assert loop_of(3, eager=False).step() == 2.0

    def test_failures_back_off_until_a_success(self, loop_of):
        """
        Half a second, doubled each time up to half a minute; a success resets it.
        """
        loop = loop_of(*[DOWN] * 8, 0, DOWN)

        assert [loop.step() for _ in range(10)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 2.0, 0.5]

    def test_the_time_scale_divides_the_back_off(self, loop_of):
        """
        With a larger time scale the back-off is shorter.
        """
        assert loop_of(DOWN, time_scale=10).step() == 0.05


class TestLog:
    def test_an_outage_is_logged_once(self, loop_of, caplog):
        """
        Its begin and its end are logged.
        """
        caplog.set_level(logging.INFO)
        loop = loop_of(DOWN, DOWN, ExceptionGroup("several", [DOWN, DOWN]), 0, DOWN)

        for _ in range(5):
            loop.step()

        assert [record.message for record in caplog.records] == [
            "service.worker.unavailable",
            "service.worker.recovered",
            "service.worker.unavailable",
        ]
        assert caplog.records[0].error == "The queue does not answer."
        assert caplog.records[1].failures == 3

    @pytest.mark.parametrize(
        "error", [ZeroDivisionError("defect"), ExceptionGroup("two", [DOWN, ZeroDivisionError("defect")])]
    )
    def test_a_defect_is_logged_every_time_with_its_traceback(self, loop_of, caplog, error):
        """
        Also together with expected errors; the loop continues.
        """
        loop = loop_of(error, error, 0)

        for _ in range(3):
            loop.step()

        defects = [record for record in caplog.records if record.message == "service.worker.defect"]
        assert len(defects) == 2
        assert all(record.exc_info[1] is error for record in defects)

    def test_attempts_are_counted_by_outcome(self, loop_of, registry):
        """
        The metric counts also the failures that are not logged.
        """
        loop = loop_of(DOWN, DOWN, ZeroDivisionError(), 0)

        for _ in range(4):
            loop.step()

        def count(outcome):
            return registry.get_sample_value("worker_loop_runs_total", {"loop": "outbox", "outcome": outcome})

        assert (count("unavailable"), count("defect"), count("ok")) == (2, 1, 1)


class TestHealth:
    def test_a_loop_is_ok_failing_or_stalled(self, loop_of):
        """
        A failing loop tries again; a stalled loop has an attempt that does not end.
        """
        now = [0.0]
        loop = loop_of(0, DOWN, item_timeout=60, monotonic=lambda: now[0])

        loop.step()
        after_success = loop.health()
        loop.step()
        after_failure = loop.health()
        now[0] = 62.1
        after_silence = loop.health()

        assert (after_success, after_failure) == (Health.OK, Health.FAILING)
        assert after_silence is Health.STALLED

    def test_a_long_attempt_of_many_items_is_not_stalled(self, loop_of):
        """
        Each item is progress, also a failed one: the time-out is that of one item.
        """
        now, seen = [0.0], []
        loop = loop_of(item_timeout=60, monotonic=lambda: now[0])

        def process(seconds):
            now[0] += seconds
            seen.append(loop.health())
            raise DOWN

        loop.action = lambda: isolate_errors([50, 50, 50, 63], process)
        loop.step()

        assert seen == [Health.OK, Health.OK, Health.OK, Health.STALLED]


class TestRun:
    def test_it_finishes_the_current_attempt(self, loop_of):
        """
        A stop during an attempt has effect after it.
        """
        stopping = threading.Event()
        finished = []

        def action():
            stopping.set()
            finished.append("the message in hand")
            return 1

        loop = loop_of()
        loop.action = action
        loop.run(stopping)

        assert finished == ["the message in hand"]
