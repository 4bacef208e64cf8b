"""
``harness bench``: what it prints and writes. What it measures belongs to the machine.
"""

import json

import pytest

from harness.cli import bench_judge, bench_load
from harness.cli.bench_figure import Figure, seconds
from harness.cli.main import main
from harness.lab.load import bench
from harness.lab.load.bench import Row


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (Figure("a", 2.0, "s", 4.0, "b"), "a: 2 s  4 × b"),
        (Figure("a", 12345.678, "rows/s"), "a: 1.235e+04 rows/s"),
        (Figure("wrk", None, "1/s", note="not installed"), "wrk: not measured  (not installed)"),
    ],
)
def test_a_figure_says_what_it_is_set_against(figure, line):
    """
    And what kept it from being measured.
    """
    assert figure.line == line


def test_the_best_of_some_tries_counts():
    """
    Work is done as often as asked.
    """
    done = []

    assert seconds(lambda: done.append(1), tries=3) >= 0
    assert len(done) == 3


def test_the_naive_evaluator_agrees_with_ours():
    """
    A ratio between two that disagree would mean nothing.
    """
    samples = bench_judge._samples(2_000)
    ours = bench_judge._play(bench_judge._alarm(), samples)

    assert len(ours.transitions) > 1
    assert [one.at for one in ours.transitions] == bench_judge._naive(samples)


def test_the_figures_are_printed_and_written(monkeypatch, capsys, tmp_path):
    """
    One line each, and a file with the machine they were taken on.
    """
    monkeypatch.setattr(bench_judge, "figures", lambda: iter([Figure("a", 2.0, "s", 4.0, "b")]))

    with pytest.raises(SystemExit) as left:
        main(["bench", "judge", "--json", str(tmp_path / "figures.json")])

    written = json.loads((tmp_path / "figures.json").read_text())
    assert left.value.code == 0
    assert capsys.readouterr().out == "judge  a: 2 s  4 × b\n"
    assert written["figures"] == [
        {"name": "a", "value": 2.0, "unit": "s", "ratio": 4.0, "against": "b", "note": ""}
    ]
    assert written["machine"]["cpus"] >= 1


def test_an_unknown_suite_leaves_with_2(capsys):
    """
    And the suites there are.
    """
    with pytest.raises(SystemExit) as left:
        main(["bench", "everything"])

    assert left.value.code == 2
    assert "judge" in capsys.readouterr().err


class TestLoad:
    STALL = (
        Row("ours", 100, 100, 10.0, 0.0, 0.51, 0.9, 0.001, 0.0002),
        Row("stock", None, 90, 9.0, 0.0, 0.002, 0.005),
    )
    RATE = (
        Row("ours", 100, 100, 5000.0, 0.0, 0.01, 0.02, 0.004, 0.00015),
        Row("stock", None, 90, 2500.0, 0.0, 0.002, 0.005),
    )

    def test_the_stall_is_set_against_the_truth_and_the_rate_against_stock_locust(self, monkeypatch, capsys):
        """
        Half a second is the truth at p95; what is not installed is said not to be.
        """
        monkeypatch.setattr(bench, "measure_stall", lambda **_: list(self.STALL))
        monkeypatch.setattr(bench, "measure_rate", lambda **_: list(self.RATE))

        lines = [figure.line for figure in bench_load.figures()]

        assert "stall: ours, p95: 0.51 s  1.02 × the truth, 0.5 s" in lines
        assert "stall: stock, p99: 0.005 s  0.00556 × the truth, 0.9 s" in lines
        assert "rate: ours: 5000 requests/s  2 × stock Locust" in lines
        assert "rate: wrk: not measured  (wrk is not installed here)" in lines
        assert "rate: schedule lag p99: 0.004 s  0.8 × the limit of 5 ms" in lines
        assert "rate: CPU for an arrival: 0.00015 s  (75% of a core)" in lines
        assert "lag p99 ms" in capsys.readouterr().err

    def test_the_truth_of_a_stall_is_that_of_arrivals_spread_evenly(self):
        """
        One second in ten: nine of ten arrivals do not wait, the others evenly up to a second.
        """
        truth = [bench.stalled(p, stall=1.0, period=10.0) for p in (50, 90, 95, 99)]

        assert truth == pytest.approx([0.0, 0.0, 0.5, 0.9])
