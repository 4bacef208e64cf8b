"""
Texts of a column as numbers.
"""

import pyarrow as pa

from harness.lab.results.tables.text_column import TextColumn

COLUMN = pa.chunked_array([pa.array(["PUT", None, "GET"]), pa.array(["PUT"])]).dictionary_encode()


def test_a_row_is_found_by_its_text():
    """
    Rows of later chunks are found too. A row without a text is never found.
    """
    column = TextColumn.of(COLUMN.unify_dictionaries())

    assert column.are("PUT").tolist() == [True, False, False, True]
    assert column.places.tolist() == [0, -1, 1, 0]


def test_a_text_that_does_not_occur_is_in_no_row():
    assert TextColumn.of(COLUMN.unify_dictionaries()).are("POST").tolist() == [False] * 4


def test_an_empty_column_has_no_rows():
    empty = pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))

    assert TextColumn.of(empty).are("PUT").tolist() == []


def test_rows_are_grouped_by_their_texts():
    """
    In the order of their first rows. Rows without a text are in no group.
    """
    groups = TextColumn.of(COLUMN.unify_dictionaries()).groups()

    assert [(text, rows.tolist()) for text, rows in groups] == [("PUT", [0, 3]), ("GET", [2])]


def test_an_empty_column_has_no_groups():
    empty = pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))

    assert TextColumn.of(empty).groups() == []
