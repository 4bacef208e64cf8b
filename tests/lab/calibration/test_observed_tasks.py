"""
The Tasks of a run: of the blueprint, of a variant of it, and of another state machine.
"""

import pandas as pd
import pytest

import harness
from harness.lab.calibration.observed_steps import observed_steps
from harness.lab.calibration.observed_tasks import observed_tasks
from harness.lab.results.run import Run
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import Scenario
from tests.lab.conftest import step

MORNING = "fixtures/runs/morning_simulated"
PAY = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:bank:pay"}
MACHINE = {
    "StartAt": "Plan",
    "States": {
        "Plan": {"Type": "Pass", "Result": {"orders": [1, 2]}, "Next": "Nap"},
        "Nap": {"Type": "Wait", "Seconds": 2, "Next": "All"},
        "All": {
            "Type": "Map",
            "ItemsPath": "$.orders",
            "ItemProcessor": {"StartAt": "Charge card", "States": {"Charge card": {**PAY, "End": True}}},
            "Next": "Sign",
        },
        "Sign": {**PAY, "End": True},
    },
}


@pytest.fixture(scope="module")
def other_machine(tmp_path_factory):
    """Thirty executions of another machine, whose second Task has no service time."""
    scenario = Scenario.model_validate(
        {
            "name": "shop",
            "question": "How long does an order take?",
            "duration_s": 30,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 30}]}],
            "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": 1}],
            "model": {"Charge card": {"fixed_s": {"distribution": "uniform", "low": 1, "high": 2}}},
        }
    )
    folder = tmp_path_factory.mktemp("runs") / "shop"
    run = harness.simulate(scenario, state_machine=MACHINE, platform="bare", engine="simpy", out=folder)
    return scenario, run


def test_another_machine_is_measured_and_played_again(other_machine, tmp_path):
    """
    Waits and containers have no section, which the simulator would refuse; a Task of 0 s took no time.
    """
    scenario, run = other_machine
    file = tmp_path / "shop.toml"

    measured = harness.calibrate(run, out=file)

    assert set(measured.services) == {"Charge card"}
    assert measured.remarks == []
    assert "# [model.Sign]: 30 observations took no time." in file.read_text()
    fields = dict(scenario.model_dump()) | load_calibration(file).sections
    again = harness.simulate(
        Scenario.model_validate(fields), state_machine=MACHINE, engine="simpy", out=tmp_path / "again"
    )
    assert len(again.batches) == 30


def test_a_further_task_of_our_machine_is_measured_beside_ours():
    """
    The run does not tell the kind of the state: a remark says what to look at.
    """
    run = Run.load(MORNING)
    scans = run.steps[run.steps["state"] == "CreateZipBundle"].assign(state="VirusScan")
    run.steps = pd.concat([run.steps, scans], ignore_index=True)

    steps = observed_steps([run])

    assert set(steps["step"]) == {"validate", "thumbnails", "transcode", "zip", "callback", "VirusScan"}
    (remark,) = observed_tasks(run).remarks
    assert remark.endswith("that are not (Wait, Map, Parallel) among: VirusScan.")


def test_states_without_time_are_no_tasks(recorder):
    """
    Of a run that does not note its Tasks; what was left out is said.
    """
    run = recorder.run(
        step(1.0, "SUCCEEDED", "Scan"), step(2.0, "SUCCEEDED", "Big?")._replace(finished_at=2.0)
    )

    found = observed_tasks(run)

    assert "Scan" in found.steps
    assert "Big?" not in found.steps
    assert found.remarks[0] == "Left out, because they took no time in run-1: Big?."


def test_our_own_states_need_no_remark():
    """
    Containers, choices and ends of the blueprint are known.
    """
    assert observed_tasks(Run.load(MORNING)).remarks == []
