"""
Copies of states: equal and independent.
"""

import copy
from collections import OrderedDict

import pytest

from harness.stack.aws.moto_patches.copies import deep_copy


class TestDeepCopy:
    @pytest.mark.parametrize(
        "value",
        [
            {"a": [1, 2.5, None, True, "x", {"b": []}]},
            [],
            "text",
            None,
            OrderedDict(a=[1]),
            {"odd": (1, [2])},
        ],
    )
    def test_it_equals_the_result_of_deepcopy(self, value):
        """
        Types are the same, also outside JSON.
        """
        copied = deep_copy(value)

        assert copied == copy.deepcopy(value)
        assert type(copied) is type(value)

    def test_no_mutable_part_is_shared(self):
        """
        A change of the copy does not change the original.
        """
        state = {"assets": [{"key": "a"}], "odd": ([1],)}
        copied = deep_copy(state)
        copied["assets"][0]["key"] = "b"
        copied["odd"][0].append(2)

        assert state == {"assets": [{"key": "a"}], "odd": ([1],)}
