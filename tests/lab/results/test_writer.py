"""The writer of run folders: parts, tables, and recovery after a crash."""

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from harness.lab.results import writer
from harness.lab.results.rows import TABLES, BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import (
    FolderUnfit,
    RunWriter,
    TablePartWriter,
    merge_parts,
    must_hold_a_run,
    new_run_folder,
)


def header(**changes):
    return RunHeader(
        **{
            "id": "r1",
            "engine": "live",
            "scenario_name": "steady",
            "scenario": {"warm_up_s": 0},
            "scenario_hash": "abc",
            "seed": 7,
            "started_at": datetime(2026, 11, 23, tzinfo=UTC),
            **changes,
        }
    )


def request(arrival, worker=0):
    return RequestRow(worker, arrival, "POST", "create", 201, "ok", arrival, arrival + 0.25, arrival + 1.0)


class TestRows:
    def test_fields_are_the_columns(self):
        """
        The fields of a row give names, types and order of the columns; they are part of the file format.
        """
        assert {field.name: str(field.type) for field in TABLES["steps"]} == {
            "job_id": "int64", "state": "string", "item": "int32", "attempt": "int32", "ready_at": "double",
            "started_at": "double", "finished_at": "double", "outcome": "string", "error": "string",
        }  # fmt: skip
        assert {field.name: str(field.type) for field in TABLES["batches"]} == {
            "batch_id": "string", "listing_id": "int64", "job_id": "int64", "attempt": "int32",
            "family": "string", "photos": "int32", "videos": "int32", "documents": "int32", "bytes": "int64",
            "intended_at": "double", "created_at": "double", "received_at": "double", "started_at": "double",
            "finished_at": "double", "observed_at": "double", "outcome": "string", "error_code": "string",
            "censored": "bool",
        }  # fmt: skip
        assert {field.name: str(field.type) for field in TABLES["requests"]} == {
            "worker": "int32", "arrival": "int64", "type": "string", "name": "string", "status": "int32",
            "outcome": "string", "intended_at": "double", "started_at": "double", "finished_at": "double",
            "bytes_out": "int64", "bytes_in": "int64", "batch_id": "string", "trace_id": "string",
            "error": "string",
        }  # fmt: skip
        assert {field.name: str(field.type) for field in TABLES["metrics"]} == {
            "at": "double", "metric": "string", "labels": "string", "value": "double",
        }  # fmt: skip
        assert {field.name: str(field.type) for field in TABLES["spans"]} == {
            "trace_id": "string", "span_id": "string", "parent_id": "string", "name": "string",
            "service": "string", "started_at": "double", "finished_at": "double", "status": "string",
            "batch_id": "string", "job_id": "string",
        }  # fmt: skip


class TestRunWriter:
    def test_recorded_rows_can_be_read(self, tmp_path):
        """
        Two workers write one row of each table, nulls included, to one folder.
        """
        writer = RunWriter(tmp_path / "r1", header())
        with writer.part(0) as part:
            part.add(request(0))
            part.add(BatchRow("b1", 5, 9, 1, "SHOOT", 3, 0, 0, 12, 0.5, outcome="READY"))
            part.add(StepRow(9, "CreateZipBundle", 0, 1, 1.0, 1.5))
            part.add(MetricRow(2.0, "media_batches_failed_total", "{}", 1.0))
        with writer.part(1) as part:
            part.add(request(1, worker=1))
        run = writer.finish(duration_s=3.5)

        assert run.requests["arrival"].tolist() == [0, 1]
        assert run.requests["worker"].tolist() == [0, 1]
        assert run.batches.loc[0, "outcome"] == "READY"
        assert run.batches["created_at"].isna().all()
        assert run.steps.loc[0, "state"] == "CreateZipBundle"
        assert run.metrics.loc[0, "value"] == 1.0
        assert Run.load(tmp_path / "r1").header == run.header
        assert (run.header.complete, run.header.duration_s) == (True, 3.5)
        assert sorted(path.name for path in (tmp_path / "r1").iterdir()) == [
            "batches.parquet", "metrics.parquet", "requests.parquet", "run.json", "steps.parquet",
        ]  # fmt: skip

    def test_columns_give_the_same_table_as_rows(self, tmp_path):
        """
        A simulator writes columns.
        """
        writer = RunWriter(tmp_path, header())
        with writer.part() as part:
            part.add_columns("metrics", {"at": [1.0], "metric": ["m"], "labels": ["{}"], "value": [2.0]})

        assert writer.finish().metrics.to_dict("records") == [
            {"at": 1.0, "metric": "m", "labels": "{}", "value": 2.0}
        ]

    def test_the_same_rows_make_the_same_bytes(self, tmp_path):
        """
        The tables do not depend on how often the rows were flushed.
        """
        for name, every in (("a", 1), ("b", 7)):
            writer = RunWriter(tmp_path / name, header())
            with writer.part() as part:
                for arrival in range(20):
                    part.add(request(arrival))
                    if arrival % every == 0:
                        part.flush()
            writer.finish()

        assert (tmp_path / "a/requests.parquet").read_bytes() == (
            tmp_path / "b/requests.parquet"
        ).read_bytes()

    def test_a_run_that_never_ended_says_so(self, tmp_path):
        """
        The header is written at the start and marked incomplete.
        """
        RunWriter(tmp_path, header())

        assert not Run.load(tmp_path).header.complete

    def test_a_full_disk_leaves_no_folder(self, tmp_path, monkeypatch):
        """
        An empty folder would only block the next attempt.
        """

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)

        with pytest.raises(OSError, match="No space left"):
            RunWriter(tmp_path / "run", header())
        assert not (tmp_path / "run").exists()


class TestFolder:
    def test_the_check_leaves_nothing_behind(self, tmp_path):
        """
        A later failure, before the run starts, has nothing to clean up.
        """
        must_hold_a_run(tmp_path / "new" / "deep")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("file", "cannot hold a run: File exists"),
            ("file/sub", "cannot hold a run: Not a directory"),
            ("new/" + "x" * 300, "cannot hold a run: File name too long"),
        ],
    )
    def test_a_folder_that_cannot_be_made_is_rejected(self, tmp_path, name, complaint):
        """
        The check leaves no new files.
        """
        (tmp_path / "file").touch()

        with pytest.raises(FolderUnfit, match=complaint):
            must_hold_a_run(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_a_folder_that_cannot_be_written_to_is_rejected(self, tmp_path, monkeypatch):
        """
        The folder exists, but no file can be made in it.
        """

        def denied(**_):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(writer, "TemporaryFile", denied)

        with pytest.raises(FolderUnfit, match="cannot hold a run: Permission denied"):
            must_hold_a_run(tmp_path)

    @pytest.mark.parametrize("name", ["", ".", "/"])
    def test_a_folder_without_a_name_is_rejected(self, name):
        """
        A run takes its folder's name; an empty name means the current folder.
        """
        with pytest.raises(FolderUnfit, match="is not a name"):
            must_hold_a_run(Path(name))


class TestCrash:
    def test_a_killed_worker_loses_only_what_it_had_not_flushed(self, tmp_path):
        """
        After SIGKILL the flushed rows are in the tables and the run counts a lost worker.
        """
        code = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from harness.lab.results.rows import MetricRow\n"
            "from harness.lab.results.writer import TablePartWriter\n"
            "part = TablePartWriter(Path(sys.argv[1]), 1)\n"
            "for at in range(100): part.add(MetricRow(float(at), 'm', '{}', 1.0))\n"
            "part.flush()\n"
            "part.add(MetricRow(100.0, 'm', '{}', 1.0))\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        writer = RunWriter(tmp_path, header())
        died = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
        run = writer.finish(lost_workers=1)

        assert died.returncode == -signal.SIGKILL
        assert run.metrics["at"].tolist() == [float(at) for at in range(100)]
        assert run.header.lost_workers == 1

    def test_a_flush_cut_in_two_loses_that_flush_only(self, tmp_path):
        """
        If the disk fills up during a write, earlier flushes are kept and the part is named.
        """
        writer = RunWriter(tmp_path, header())
        part = writer.part()
        part.add(request(0))
        part.flush()
        part.add(request(1))
        part.close()
        path = tmp_path / "parts/requests-0000.arrows"
        os.truncate(path, path.stat().st_size - 100)
        run = writer.finish()

        assert run.requests["arrival"].tolist() == [0]
        assert run.header.notes["damaged_parts"] == ["requests-0000.arrows"]

    def test_merging_again_changes_nothing(self, tmp_path):
        """
        After a crash a folder may be merged a second time.
        """
        with TablePartWriter(tmp_path) as part:
            part.add(request(0))
        merge_parts(tmp_path)
        before = (tmp_path / "requests.parquet").read_bytes()

        assert merge_parts(tmp_path) == []
        assert (tmp_path / "requests.parquet").read_bytes() == before

    def test_a_value_of_the_wrong_type_is_an_error(self, tmp_path):
        """
        A status that is not a number is a defect of the recorder and must be seen.
        """
        part = TablePartWriter(tmp_path)
        part.add(request(0)._replace(status="created"))

        with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
            part.flush()


class TestNewRunFolder:
    def test_two_runs_of_one_second_have_two_folders(self, tmp_path):
        """
        A run never writes to the folder of another run.
        """
        first = new_run_folder("steady", "live", tmp_path)
        first.mkdir()
        second = new_run_folder("steady", "live", tmp_path)

        assert first != second
        assert first.name.endswith("-steady-live")
