"""
Columns of numbers that stand for texts.
"""

import numpy as np
import pyarrow as pa
import pytest

from harness.lab.sim.compiled.occurring_numbers import OccurringNumbers, batch_ids


@pytest.mark.parametrize("apart", [1, 1_000_000], ids=["dense", "sparse"])
def test_numbers_are_known_in_the_order_in_which_they_occur(apart):
    """
    Whether they are close together or not; a negative one has no place.
    """
    found = OccurringNumbers.of(np.array([7, -1, 5, 7, 6]) * apart)

    assert found.known.tolist() == [7 * apart, 5 * apart, 6 * apart]
    assert found.places.tolist() == [0, -1, 1, 0, 2]


def test_a_column_of_nothing_has_no_known_numbers():
    found = OccurringNumbers.of(np.array([-1, -1]))

    assert found.texts(["PUT"]).to_pylist() == [None, None]
    assert OccurringNumbers.of(np.array([], np.int64)).texts(["PUT"]).to_pylist() == []


def test_numbers_with_the_same_text_share_its_place():
    """
    The dictionary has the texts that occur, once each.
    """
    column = OccurringNumbers.of(np.array([3, 0, -1, 1])).texts(["POST", "PUT", "GET", "POST"])

    assert column.to_pylist() == ["POST", "POST", None, "PUT"]
    assert column.dictionary.to_pylist() == ["POST", "PUT"]


def test_the_id_of_a_batch_is_a_uuid_of_its_arrival_and_replication():
    """
    As the SimPy model writes it.
    """
    ids = batch_ids(np.array([0, 0xABCDEF0]), 3)

    assert ids.equals(
        pa.array(["00000000-0000-4000-8000-000000000003", "0abcdef0-0000-4000-8000-000000000003"])
    )
