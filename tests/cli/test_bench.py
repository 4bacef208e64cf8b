"""
``harness bench``: what it prints and writes. The figures depend on the machine.
"""

import json

import pytest

from benchmarks import judge, sim
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
        {
            "name": "a", "value": 2.0, "unit": "s", "ratio": 4.0, "against": "b", "note": "",
            "at_least": None, "at_most": None,
        }
    ]  # fmt: skip
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


def test_the_figures_are_written_as_a_page(monkeypatch, tmp_path):
    """
    A table in Markdown, with the command that wrote it, what was asked and whether it was held.
    """
    figures = [
        Figure("fast | ours", 2.0, "µs", 50.0, "theirs", "equal", at_least=100),
        Figure("theirs", None, "µs", note="not installed"),
    ]
    monkeypatch.setattr(sim, "figures", lambda quick: iter(figures))

    with pytest.raises(SystemExit):
        main(["bench", "sim", "--quick", "--page", str(tmp_path / "page.md")])

    lines = (tmp_path / "page.md").read_text().splitlines()
    assert "`harness bench sim --quick --page FILE`" in lines[2]
    assert lines[-2:] == [
        "| fast \\| ours | 2 µs | 50 × theirs | at least 100: MISSED | equal |",
        "| theirs | not measured |  |  | not installed |",
    ]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["judge", "--quick"], "--quick is for the suite sim"),
        (["judge", "--page", "nowhere/page.md"], "there is no folder nowhere"),
        (["judge", "--json", "nowhere/page.json"], "there is no folder nowhere"),
    ],
)
def test_flags_are_checked_before_anything_is_measured(flags, problem, capsys):
    """
    A measurement takes minutes.
    """
    with pytest.raises(SystemExit) as left:
        main(["bench", *flags])

    assert left.value.code == 2
    assert problem in " ".join(capsys.readouterr().err.split())
