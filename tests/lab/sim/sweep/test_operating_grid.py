"""
A grid with times, alarms and cost at each point.
"""

import math

import pytest

from harness.lab.sim.sweep.operating_grid import PLAYED, OperatingGridPlan
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.sim.sweep.sweep import SweepPlan
from harness.lab.workload.scenario import load_scenario

DEATHS = {
    "faults": [{"kind": "poisoned_message", "rate": 1.0}],
    "duration_s": 20,
    "drain_s": 400,
    "flows": [{"name": "photo_shoot", "photos": 1, "videos": 1}],
}


@pytest.fixture(scope="module")
def system():
    return VariableSystem(load_scenario("smoke"), overrides={"mediaconvert.slots": 3})


@pytest.fixture(scope="module")
def found(system):
    seen = []
    plan = OperatingGridPlan(system, {"mediaconvert.slots": [1, 20]}, replications=4)
    grid = plan.run(processes=1, progress=seen.append)
    assert sum(seen) == plan.total == 2 * (4 + PLAYED)
    return grid


class TestOperatingGrid:
    def test_its_times_are_those_of_a_sweep(self, system, found):
        """
        The same scenario, seed and replications give the same estimates.
        """
        swept = SweepPlan(system, {"mediaconvert.slots": [1, 20]}, replications=4).run(processes=1)

        columns = ["mediaconvert.slots", "p95_s", "p95_low_s", "p95_high_s"]
        assert found.to_frame()[columns].equals(swept.to_frame()[columns])

    def test_the_cost_is_the_bill_of_the_played_replications(self, system, found):
        """
        The first of them is the run itself, at the values of the point.
        """
        point = found.points[1]

        assert point.played[0].dollars == system.bill({"mediaconvert.slots": 20}).dollars
        assert len(point.played) == PLAYED
        batches = sum(one.batches for one in point.played)
        assert point.dollars_per_thousand * batches / 1000 == pytest.approx(point.dollars * PLAYED)

    def test_quiet_alarms_are_counted_too(self, found):
        """
        An alarm that could be evaluated and never fired has a 0.
        """
        assert "media-processing-duration-p95" in found.points[0].alarms
        assert set(found.points[0].alarms.values()) == {0}
        assert found.to_frame()["alarms_fired"].tolist() == ["", ""]

    def test_an_alarm_that_fires_is_named_with_its_number(self):
        """
        Every message is poisoned: the dead letters raise their alarm in each replication, no batch is READY.
        """
        document = load_scenario("smoke").model_dump(mode="json") | DEATHS
        system = VariableSystem(type(load_scenario("smoke")).model_validate(document))
        grid = OperatingGridPlan(system, {"sqs.visibility_timeout_s": [10]}, replications=2)

        row = grid.run(processes=1).to_frame().iloc[0]
        assert "media-processing-dead-letters-arrived in 2" in row["alarms_fired"]
        assert math.isnan(row["p95_s"])


@pytest.mark.parametrize(
    ("grid", "replications", "message"),
    [
        ({"mediaconvert.slots": [0]}, 2, "mediaconvert.slots"),
        ({"slotz": [1]}, 2, "neither of the platform nor of a scenario"),
        ({"rate": [0.1]}, 0, "at least one replication"),
    ],
)
def test_invalid_plans_are_refused_before_anything_is_simulated(system, grid, replications, message):
    """
    The message names what is wrong.
    """
    with pytest.raises(ValueError, match=message):
        OperatingGridPlan(system, grid, replications=replications)
