"""
``harness report`` and ``harness compare``, as a shell sees them.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow
from harness.lab.results.run import RunHeader
from harness.lab.results.writer import RunWriter

pytestmark = pytest.mark.slow


@pytest.fixture
def uploads_run(tmp_path):
    """Return a function that records thirty uploads of so many seconds."""

    def record(name: str, seconds: float, *rows: BatchRow) -> Path:
        header = RunHeader(
            id=name, engine="live", scenario_name="steady", scenario={"duration_s": 60.0},
            scenario_hash="0" * 64, seed=7, started_at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
        )  # fmt: skip
        writer = RunWriter(tmp_path / name, header)
        with writer.part() as part:
            part.add(MetricRow(30.0, "media_batches_failed_total", "{}", 1.0))
            for at in range(30):
                part.add(RequestRow(0, at, "POST", "uploads", 201, "ok", at, at, at + seconds))
            for row in rows:
                part.add(row)
        return writer.finish(duration_s=60.0).folder

    return record


def left_with(*words: object) -> int:
    """Run a verb and return its exit code."""
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    return int(leaving.value.code or 0)


class TestReport:
    def test_it_writes_the_page_and_says_where(self, uploads_run, capsys):
        """
        The path is all that goes to stdout, so that a script can open it.
        """
        folder = uploads_run("day", 0.1)

        assert left_with("report", folder) == 0
        assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
        assert "Inconclusive" in (folder / "report.html").read_text()

    def test_it_writes_another_file_when_told(self, uploads_run, tmp_path):
        """
        The figures lie beside the page; the run folder stays as it was.
        """
        folder = uploads_run("day", 0.1)

        assert left_with("report", folder, "-o", tmp_path / "page.html") == 0
        assert (tmp_path / "figures" / "latency.csv").exists()
        assert not (folder / "report.html").exists()

    def test_another_run_is_laid_over_it(self, uploads_run):
        """
        Both are named on the page.
        """
        folder = uploads_run("day", 0.1)

        assert left_with("report", folder, "--with", uploads_run("night", 0.2)) == 0
        assert "dashed lines are night" in (folder / "report.html").read_text()

    def test_a_run_of_somebody_elses_scenario_has_a_page_without_cost(self, uploads_run, capsys):
        """
        What it has the judge reads, and so does the page; how long its videos were nobody says.
        """
        folder = uploads_run(
            "theirs", 0.1, BatchRow("b", 1, 1, 1, "SHOOT", 0, 1, 0, 10, 0.0, outcome="READY")
        )

        assert left_with("report", folder) == 0
        assert "no cost" in capsys.readouterr().err
        assert 'id="cost"' not in (folder / "report.html").read_text()

    def test_a_folder_that_is_no_run_is_said_in_one_sentence(self, tmp_path, capsys):
        """
        Usage, not a traceback.
        """
        assert left_with("report", tmp_path) == 2
        assert (
            capsys.readouterr().err == f"harness report: {tmp_path} is not a run folder: it has no run.json\n"
        )


class TestCompare:
    def test_it_prints_ratios_and_writes_a_page(self, uploads_run, capsys):
        """
        A slower run is no error: the exit code says that the comparison was made.
        """
        before, now = uploads_run("before", 0.1), uploads_run("now", 0.2)

        assert left_with("compare", before, now) == 0
        assert "× 2.000" in capsys.readouterr().err
        assert "now against before" in (now / "compare.html").read_text()

    def test_machines_get_json(self, uploads_run, capsys):
        """
        Alone on stdout.
        """
        before, now = uploads_run("before", 0.1), uploads_run("now", 0.2)

        assert left_with("compare", before, now, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["ratio"] for one in told["ratios"]] == pytest.approx([2.0, 2.0, 2.0])
        assert told["distances"][0]["ks"] == 1.0

    def test_a_missing_run_is_usage(self, uploads_run, tmp_path):
        """
        2, as for every argument that cannot be used.
        """
        assert left_with("compare", uploads_run("before", 0.1), tmp_path / "nowhere") == 2
