"""
``harness bench``: what it prints and writes. The figures depend on the machine.
"""

import json

import pytest

from benchmarks import judge
from benchmarks.figure import Figure
from harness.cli import bench
from harness.cli.main import main


def test_the_figures_are_printed_and_written(monkeypatch, capsys, tmp_path):
    """
    One line each, and a file that also describes the machine.
    """
    monkeypatch.setattr(judge, "figures", lambda: iter([Figure("a", 2.0, "s", 4.0, "b")]))

    with pytest.raises(SystemExit) as left:
        main(["bench", "judge", "--json", str(tmp_path / "figures.json")])

    written = json.loads((tmp_path / "figures.json").read_text())
    assert left.value.code == 0
    assert capsys.readouterr().out == "judge  a: 2 s  4 × b\n"
    assert written["figures"] == [
        {"name": "a", "value": 2.0, "unit": "s", "ratio": 4.0, "against": "b", "note": ""}
    ]
    assert written["machine"]["cpus"] >= 1


def test_without_a_source_checkout_it_leaves_with_2(monkeypatch, capsys, tmp_path):
    """
    The installed package has no benchmarks; the message says what to do.
    """
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)

    with pytest.raises(SystemExit) as left:
        main(["bench", "judge"])

    assert left.value.code == 2
    assert "benchmarks need a source checkout" in capsys.readouterr().err


def test_an_unknown_suite_leaves_with_2(capsys):
    """
    The message names the suites.
    """
    with pytest.raises(SystemExit) as left:
        main(["bench", "everything"])

    assert left.value.code == 2
    assert "judge" in capsys.readouterr().err
