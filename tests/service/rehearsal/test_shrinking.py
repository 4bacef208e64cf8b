"""
Shrinking a list of decisions.
"""

import random

from harness.service.rehearsal.shrinking import minimized


def test_only_what_is_needed_remains():
    """
    Two of fifty decisions together cause the failure.
    """
    tried = []

    def fails(decisions):
        tried.append(decisions)
        return {7, 31} <= set(decisions)

    assert list(minimized(list(range(50)), fails)) == [7, 31]
    assert len(tried) < 60


def test_the_result_needs_each_of_its_parts():
    """
    Whatever the condition is: without any one decision there is no failure.
    """
    draw = random.Random(1)
    for _ in range(50):
        needed = set(draw.sample(range(30), draw.randint(1, 6)))

        left = minimized(list(range(30)), needed.issubset)

        assert set(left) == needed
