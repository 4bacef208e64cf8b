"""
``harness bench``: what it prints and writes. What it measures belongs to the machine.
"""

import json

import pytest

from harness.cli import bench_judge
from harness.cli.bench_figure import Figure, seconds
from harness.cli.main import main


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
