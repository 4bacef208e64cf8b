"""
Virtual time: one task at a time, in an order that depends on the events alone.
"""

from contextlib import closing

import pytest

from harness.service.rehearsal.virtual_time import Killed, Runners, VirtualTime
from harness.states_language.host import NS


@pytest.fixture
def runners():
    with closing(Runners()) as threads:
        yield threads


@pytest.fixture
def time(runners):
    with closing(VirtualTime(runners)) as clock:
        yield clock


def run(time, until=1000):
    time.run(until * NS, lambda: False)


def test_a_task_that_sleeps_lets_the_others_run(time):
    """
    Two tasks alternate at their times; no time passes on the real clock.
    """
    seen = []

    def work(name, pauses):
        for pause in pauses:
            time.sleep(pause * NS)
            seen.append((name, time.seconds))

    time.spawn("a", lambda: work("a", [100, 200]))
    time.spawn("b", lambda: work("b", [150, 250]))
    run(time)

    assert seen == [("a", 100), ("b", 150), ("a", 300), ("b", 400)]
    assert time.unfinished == 0


def test_a_task_that_waits_is_woken_or_gives_up(time):
    """
    A later pause is not ended by what wakes an earlier one.
    """
    seen = []

    def waits():
        seen.append((time.wait(50 * NS), time.seconds))
        seen.append((time.wait(50 * NS), time.seconds))

    waiting = time.spawn("waits", waits)
    time.call_in(20 * NS, lambda: time.wake(waiting))
    run(time)

    assert seen == [(True, 20), (False, 70)]


def test_a_killed_task_runs_no_further_but_cleans_up(time):
    """
    The interruption strikes where the task sleeps, and no handler of errors stops it.
    """
    seen = []

    def work():
        try:
            time.sleep(100 * NS)
            seen.append("went on")
        except Exception:  # noqa: BLE001 -- this is the test
            seen.append("handled")
        finally:
            seen.append(("cleaned up", time.seconds))

    task = time.spawn("victim", work)
    time.call_in(30 * NS, lambda: time.interrupt(task, Killed("process")))
    run(time)

    assert seen == [("cleaned up", 30)]
    assert task.is_over
    assert time.defects == []


def test_an_error_that_leaves_a_task_is_a_defect(time):
    """
    It is kept with the name of the task.
    """
    error = ValueError("wrong")

    def work():
        raise error

    time.spawn("faulty", work)
    run(time)

    assert time.defects == [("faulty", error)]


def test_closing_ends_the_tasks_that_still_wait(runners):
    """
    Their threads serve the next schedule.
    """
    first = VirtualTime(runners)
    task = first.spawn("sleeps for ever", lambda: first.sleep(10**18))
    run(first)
    runner = task.runner
    first.close()

    assert task.is_over
    assert runners.take() is runner
