"""
Killed parts, and incidents of the original service, rehearsed: they heal within the time that the scenario
states, the alarms that it names fire, and nothing is lost.
"""

from pathlib import Path

import pytest

from harness.lab.gate.evaluate_run import check_run
from harness.lab.gate.verdict import Outcome
from harness.lab.results.audit_file import read_audits
from harness.lab.workload.scenario import load_scenario
from harness.stack.rehearsed.rehearsed_run import CORE, rehearse_scenario

FOLDER = Path(__file__).parents[3] / "fixtures" / "faults"
ALWAYS = ("kill_worker", "callbacks_refused")
"""The scenarios of every test run; the others are played by night."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem in ALWAYS else pytest.mark.nightly)
        for path in sorted(FOLDER.glob("*.toml"))
    ],
)
def test_it_heals_without_a_hand(tmp_path, path):
    """
    Every accepted batch ends, once, and every objective of the scenario is met.
    """
    run = rehearse_scenario(load_scenario(path), out=tmp_path / "run")
    audit, verdict = read_audits(run.folder)[CORE], check_run(run)

    assert audit.accepted > 100
    assert (audit.violations, audit.unfinished) == ((), 0)
    assert [each.text for each in verdict.objectives if each.outcome is not Outcome.PASS] == []
