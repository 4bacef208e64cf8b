"""
A station that a user writes in SimPy.
"""

import re
from pathlib import Path

import pytest

import harness
from harness.lab.sim.simulation import MachineInvalid

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs/how_to/station.md"


class TestOwnStation:
    def test_the_page_runs_as_written(self, tmp_path, monkeypatch, capsys):
        """
        The station of the page has two servers and takes a second for each file of a batch.
        """
        station, simulation = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        names: dict = {}
        (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
        monkeypatch.chdir(tmp_path)
        exec(compile(station + simulation, str(PAGE), "exec"), names)  # noqa: S102 - our own page
        steps = names["run"].steps
        ended = steps[steps["outcome"] == "SUCCEEDED"]
        seconds = ended["finished_at"] - ended["started_at"]
        begins = [(at, 1) for at in ended["started_at"]] + [(at, -1) for at in ended["finished_at"]]
        busy = peak = 0
        for _, change in sorted(begins):
            busy += change
            peak = max(peak, busy)

        body = station.partition("import harness\n")[2]
        assert len([line for line in body.splitlines() if line.strip()]) <= 10
        assert peak == 2
        assert seconds.round(6).mod(1).eq(0).all()
        assert seconds.max() > 10
        assert "95th percentile" in capsys.readouterr().out

    def test_a_station_without_a_task(self, tmp_path):
        """
        A station whose Task does not exist is an error that names the Tasks.
        """
        machine = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:x", "End": True}}}

        with pytest.raises(MachineInvalid, match=r"stations\.B belongs to no Task.* are A"):
            harness.simulate(
                ROOT / "scenarios/smoke.toml",
                state_machine=machine,
                stations={"B": lambda _env: None},
                out=tmp_path / "run",
            )
