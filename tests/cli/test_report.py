"""
``harness report`` and ``harness compare``: output, files and exit codes.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow
from harness.lab.results.run import RunHeader
from harness.lab.results.writer import RunWriter
from harness.lab.sim.simulation import simulate

pytestmark = pytest.mark.slow


@pytest.fixture
def uploads_run(tmp_path):
    """Return a function that records thirty uploads of a given duration [s]."""

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


def exit_code(*words: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as exited:
        main([str(word) for word in words])
    return int(exited.value.code or 0)


class TestReport:
    def test_it_writes_the_page_and_says_where(self, uploads_run, capsys):
        """
        Only the path goes to stdout, so that a script can open it.
        """
        folder = uploads_run("day", 0.1)

        assert exit_code("report", folder) == 0
        assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
        assert "Inconclusive" in (folder / "report.html").read_text()

    def test_a_folder_as_out_is_refused_at_once(self, tmp_path, capsys):
        """
        The run is not read: the folder given as run does not exist.
        """
        assert exit_code("report", tmp_path / "none", "-o", tmp_path) == 2
        assert f"{tmp_path} is a folder: name the page's file" in capsys.readouterr().err

    def test_out_names_another_file(self, uploads_run, tmp_path):
        """
        The figures are next to the page; the run folder is unchanged.
        """
        folder = uploads_run("day", 0.1)

        assert exit_code("report", folder, "-o", tmp_path / "page.html") == 0
        assert (tmp_path / "figures" / "latency.csv").exists()
        assert not (folder / "report.html").exists()

    def test_a_run_that_cannot_be_simulated_is_refused_with_what_if(self, uploads_run, capsys):
        """
        One sentence says why, and no page is written.
        """
        folder = uploads_run("day", 0.1)

        assert exit_code("report", folder, "--what-if") == 2
        assert "run day cannot be simulated" in capsys.readouterr().err
        assert not (folder / "report.html").exists()

    def test_vary_replaces_the_grid_of_what_if(self, tmp_path, capsys):
        """
        The page has the sliders, and the folder of figures the points.
        """
        folder = simulate("smoke", out=tmp_path / "day").folder
        options = ("--vary", "mediaconvert.slots=1,20", "--replications", 1, "--processes", 1)

        assert exit_code("report", folder, *options) == 0
        assert "transcoding slots" in (folder / "report.html").read_text()
        points = (folder / "figures" / "what_if.csv").read_text().splitlines()
        assert [row.partition(",")[0] for row in points] == ["mediaconvert.slots", "1", "20"]

    def test_another_run_is_drawn_over_it(self, uploads_run):
        """
        The page names both runs.
        """
        folder = uploads_run("day", 0.1)

        assert exit_code("report", folder, "--with", uploads_run("night", 0.2)) == 0
        assert "dashed lines are night" in (folder / "report.html").read_text()

    def test_a_run_with_an_unknown_scenario_has_a_page_without_cost(self, uploads_run, capsys):
        """
        The tables suffice for the page, but the lengths of the videos are unknown.
        """
        folder = uploads_run(
            "theirs", 0.1, BatchRow("b", 1, 1, 1, "SHOOT", 0, 1, 0, 10, 0.0, outcome="READY")
        )

        assert exit_code("report", folder) == 0
        assert "no cost" in capsys.readouterr().err
        assert 'id="cost"' not in (folder / "report.html").read_text()

    def test_a_folder_without_a_run_is_a_usage_error(self, tmp_path, capsys):
        """
        The message is one sentence, not a traceback.
        """
        assert exit_code("report", tmp_path) == 2
        assert capsys.readouterr().err.endswith(
            f"\nharness report: {tmp_path} is not a run folder: it has no run.json\n"
        )


class TestCompare:
    def test_it_prints_ratios_and_writes_a_page(self, uploads_run, capsys):
        """
        A slower run is not an error: the exit code tells that the comparison was made.
        """
        before, now = uploads_run("before", 0.1), uploads_run("now", 0.2)

        assert exit_code("compare", before, now) == 0
        assert "× 2.000" in capsys.readouterr().err
        assert "now against before" in (now / "compare.html").read_text()

    def test_json_goes_to_stdout(self, uploads_run, capsys):
        """
        Nothing else is on stdout.
        """
        before, now = uploads_run("before", 0.1), uploads_run("now", 0.2)

        assert exit_code("compare", before, now, "--json") == 0
        printed = json.loads(capsys.readouterr().out)
        assert [one["ratio"] for one in printed["ratios"]] == pytest.approx([2.0, 2.0, 2.0])
        assert printed["distances"][0]["ks"] == 1.0

    def test_a_missing_run_is_a_usage_error(self, uploads_run, tmp_path):
        """
        The exit code is 2, as for every invalid argument.
        """
        assert exit_code("compare", uploads_run("before", 0.1), tmp_path / "nowhere") == 2
