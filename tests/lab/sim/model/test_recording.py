"""
The recorder of a simulated run: rows by field, times in nanoseconds.
"""

import pytest

from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.sim.model.recording import RowRecorder

REQUEST = {
    "arrival": 7, "type": "POST", "name": "uploads", "status": 201, "outcome": "ok", "intended_at": 1,
    "started_at": 2, "finished_at": 3, "bytes_out": 4, "bytes_in": 5, "batch_id": "b", "error": "e",
}  # fmt: skip


class TestRows:
    def test_a_request_has_its_values_in_the_fields_of_their_names(self):
        """
        The quick way of recording has the order of the row type.
        """
        recorder = RowRecorder()
        recorder.request(**REQUEST)

        assert recorder.rows("requests") == [RequestRow(worker=0, **REQUEST)]

    def test_a_metric(self):
        """
        A time, a name, labels and a value.
        """
        recorder = RowRecorder()
        recorder.metric(5, "Invocations", "{}", 1.0)

        assert recorder.rows("metrics") == [MetricRow(at=5, metric="Invocations", labels="{}", value=1.0)]

    @pytest.mark.parametrize(
        ("table", "row"),
        [
            (
                "steps",
                StepRow(1, "Validate", 0, 1, ready_at=2, started_at=3, finished_at=4, outcome="FAILED"),
            ),
            ("batches", BatchRow("b", 1, 2, 1, "SHOOT", 3, 0, 0, 9, intended_at=0, censored=True)),
        ],
    )
    def test_other_rows(self, table, row):
        """
        A row goes to the table of its type.
        """
        recorder = RowRecorder()
        recorder.add(row)

        assert recorder.rows(table) == [row]


class TestHorizon:
    def test_a_request_that_ends_later_is_censored(self):
        """
        Its answer is unknown, and its end is the horizon.
        """
        recorder = RowRecorder()
        recorder.horizon = 2.5
        recorder.request(**REQUEST)
        (row,) = recorder.rows("requests")

        assert (row.outcome, row.status, row.finished_at) == ("censored", None, 2.5)
        assert (row.bytes_in, row.error, row.bytes_out) == (0, None, 4)

    def test_a_request_that_begins_later_is_left_out(self):
        """
        The run ends before it.
        """
        recorder = RowRecorder()
        recorder.horizon = 2
        recorder.request(**REQUEST)

        assert recorder.rows("requests") == []
