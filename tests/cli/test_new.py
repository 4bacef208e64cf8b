"""
The verb ``harness new``.
"""

import re

import pytest

from harness.cli.main import main
from harness.lab.gate.scenario_reader import read_scenario


def new(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["new", *words])
    return int(left.value.code or 0)


def test_the_written_scenario_is_valid(tmp_path, monkeypatch, capsys):
    """
    It is named after its file, and its comments say how to play it.
    """
    monkeypatch.chdir(tmp_path)

    assert new("busy_saturday") == 0
    assert capsys.readouterr().out == "busy_saturday.toml\n"
    assert read_scenario(tmp_path / "busy_saturday.toml").name == "busy_saturday"
    assert "# Simulate: harness sim busy_saturday.toml" in (tmp_path / "busy_saturday.toml").read_text()


def test_what_its_comments_offer_is_valid(tmp_path, monkeypatch):
    """
    Each alternative stands in a comment of its own.
    """
    monkeypatch.chdir(tmp_path)
    new("mine")
    text = (tmp_path / "mine.toml").read_text()
    offered = re.findall(r"^ +# ({.*?}),", text, re.MULTILINE)
    assert offered
    for number, stage in enumerate(offered):
        path = tmp_path / f"mine{number}.toml"
        path.write_text(text.replace(f"# {stage}", stage))

        assert len(read_scenario(path).arrivals[0].stages) == 2


def test_a_file_is_not_overwritten(tmp_path, capsys):
    """
    The exit code is 2.
    """
    path = tmp_path / "mine.toml"
    path.write_text("mine")

    assert new(str(path)) == 2
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_a_folder_that_does_not_exist(tmp_path, capsys):
    """
    One sentence and 2.
    """
    assert new(str(tmp_path / "nowhere" / "mine")) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
