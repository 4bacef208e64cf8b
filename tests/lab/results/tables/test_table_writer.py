"""The writer of whole tables: what is left of a run that was played to its end, and of one that was not."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.lab.results.rows import TABLES
from harness.lab.results.tables import table_writer
from harness.lab.results.tables.table_writer import TableWriter


def metrics(*values, metric="media_batches_created_total"):
    count = len(values)
    indices = pa.array([0] * count, pa.int32())
    return {
        "at": [float(value) for value in values],
        "metric": pa.DictionaryArray.from_arrays(indices, [metric]),
        "labels": ["{}"] * count,
        "value": list(values),
    }


def test_a_table_has_the_columns_of_a_run_folder(tmp_path):
    """
    Texts that were dictionaries are texts in the file, and numbers have the width of the column.
    """
    with TableWriter(tmp_path) as tables:
        tables.add_columns("metrics", metrics(1, 2))
        tables.add_columns("metrics", metrics(3, metric="other"))

    table = pq.read_table(tmp_path / "metrics.parquet")

    assert table.schema.equals(TABLES["metrics"])
    assert table["metric"].to_pylist() == ["media_batches_created_total"] * 2 + ["other"]
    assert table["value"].to_pylist() == [1.0, 2.0, 3.0]


def test_nothing_is_left_of_a_run_that_fails(tmp_path):
    """
    A table without the rows of the end would look like a whole one.
    """

    def interrupted():
        with TableWriter(tmp_path) as tables:
            tables.add_columns("metrics", metrics(1, 2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_rows_that_cannot_be_written_are_an_error(tmp_path):
    """
    Although another thread writes them.
    """
    columns = metrics(1) | {"value": ["text"]}

    with pytest.raises(pa.ArrowInvalid, match="text"), TableWriter(tmp_path) as tables:
        tables.add_columns("metrics", columns)

    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_read_after_the_run_are_kept(tmp_path):
    """
    They are what a reader of the folder gets; the requests, which are the longest table, are not kept.
    """
    with TableWriter(tmp_path) as tables:
        tables.add_columns("metrics", metrics(1, 2))
        tables.add_columns("metrics", metrics(3, metric="other"))
    kept = tables.kept["metrics"]

    assert set(tables.kept) == {"metrics"}
    assert kept.cast(TABLES["metrics"]).equals(pq.read_table(tmp_path / "metrics.parquet"))
    assert [chunk.dictionary.to_pylist() for chunk in kept["metric"].chunks] == [
        ["media_batches_created_total", "other"]
    ] * 2


def test_tables_that_are_too_large_are_not_kept(tmp_path, monkeypatch):
    """
    None of them: memory is bounded for all together.
    """
    monkeypatch.setattr(table_writer, "KEPT_BYTES", 100)
    with TableWriter(tmp_path) as tables:
        tables.add_columns("metrics", metrics(1))
        tables.add_columns("metrics", metrics(*range(20)))
        tables.add_columns("metrics", metrics(2))

    assert tables.kept == {}
    assert pq.read_table(tmp_path / "metrics.parquet").num_rows == 22
