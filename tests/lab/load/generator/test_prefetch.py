"""
Nobody waits for what can be made before.
"""

import threading

import gevent
import pytest

from harness.lab.load.generator.prefetch import Prefetch


def test_everything_comes_once_and_in_order():
    """
    However many fit into what is made at once.
    """
    assert [list(Prefetch(iter(range(size)), 4)) for size in (0, 1, 4, 9)] == [
        list(range(size)) for size in (0, 1, 4, 9)
    ]


def test_what_comes_next_is_made_by_another_thread_while_these_are_used():
    """
    The first four are out when the next four have been asked for, and not by whoever uses them.
    """
    makers: list[threading.Thread] = []
    made = threading.Semaphore(0)

    def items():
        for number in range(8):
            makers.append(threading.current_thread())
            made.release()
            yield number

    ahead = Prefetch(items(), 4)
    first = next(ahead)
    for _ in range(8):
        assert made.acquire(timeout=10)

    assert first == 0
    assert threading.current_thread() not in makers


def test_many_may_take_and_each_gets_its_own():
    """
    Users of a closed workload share one list of arrivals.
    """
    ahead = Prefetch(iter(range(100)), 7)
    taken: list[int] = []

    def user():
        for item in ahead:
            taken.append(item)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(user) for _ in range(9)], timeout=30, raise_error=True)

    assert taken == list(range(100))


def test_a_mistake_in_the_making_is_told():
    """
    A thread's error is its user's.
    """

    def items():
        yield 1
        raise ValueError("no listing left")

    with pytest.raises(ValueError, match="no listing left"):
        list(Prefetch(items(), 4))
