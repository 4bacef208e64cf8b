"""
The reader of a run that is still being recorded.
"""

from harness.lab.results.rows import MetricRow
from harness.lab.results.tail import Tail
from harness.lab.results.writer import TablePartWriter


def row(at: float) -> MetricRow:
    return MetricRow(at, "m", "{}", at)


def test_each_flushed_row_is_returned_once(tmp_path):
    """
    The tail returns new rows of every worker.
    """
    tail = Tail(tmp_path, MetricRow)
    with TablePartWriter(tmp_path, 0) as one, TablePartWriter(tmp_path, 1) as other:
        one.add(row(1.0))
        assert list(tail.new_rows()) == []
        one.flush()
        other.add(row(2.0))
        other.add(row(3.0))
        other.flush()
        assert list(tail.new_rows()) == [row(1.0), row(2.0), row(3.0)]
        one.add(row(4.0))
        one.flush()

        assert list(tail.new_rows()) == [row(4.0)]
        assert list(tail.new_rows()) == []


def test_an_incomplete_batch_is_returned_when_it_is_complete(tmp_path):
    """
    Rows that a worker is writing at this moment are returned by the next call.
    """
    with TablePartWriter(tmp_path, 0) as part:
        part.add(row(1.0))
        part.flush()
        path = next((tmp_path / "parts").iterdir())
        length = path.stat().st_size
        part.add(row(2.0))
        part.flush()
    whole, tail = path.read_bytes(), Tail(tmp_path, MetricRow)
    path.write_bytes(whole[: length + 20])

    assert list(tail.new_rows()) == [row(1.0)]
    path.write_bytes(whole)
    assert list(tail.new_rows()) == [row(2.0)]
