"""
Items are made ahead of time, in a thread.
"""

import threading

import gevent
import pytest

from harness.lab.load.generator.prefetch import Prefetch


def test_everything_comes_once_and_in_order():
    """
    Also when the number of items is not a multiple of the number made at once.
    """
    assert [list(Prefetch(iter(range(size)), 4)) for size in (0, 1, 4, 9)] == [
        list(range(size)) for size in (0, 1, 4, 9)
    ]


def test_the_next_items_are_made_by_a_thread_while_the_first_are_used():
    """
    After the first item was taken, all eight are made, and not by the thread that uses them.
    """
    makers: list[threading.Thread] = []
    made = threading.Semaphore(0)

    def items():
        for number in range(8):
            makers.append(threading.current_thread())
            made.release()
            yield number

    items_ahead = Prefetch(items(), 4)
    first = next(items_ahead)
    for _ in range(8):
        assert made.acquire(timeout=10)

    assert first == 0
    assert threading.current_thread() not in makers


def test_many_greenlets_may_take_items_and_each_item_is_taken_once():
    """
    Users of a closed workload share one list of arrivals.
    """
    items_ahead = Prefetch(iter(range(100)), 7)
    taken: list[int] = []

    def user():
        for item in items_ahead:
            taken.append(item)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(user) for _ in range(9)], timeout=30, raise_error=True)

    assert taken == list(range(100))


def test_an_error_of_the_iterator_is_raised():
    """
    The greenlet that takes the item gets the error of the thread.
    """

    def items():
        yield 1
        raise ValueError("no listing left")

    with pytest.raises(ValueError, match="no listing left"):
        list(Prefetch(items(), 4))
