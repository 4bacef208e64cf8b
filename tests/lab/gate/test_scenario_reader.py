"""
Reading of a scenario that will be played: checked objectives and changes.
"""

import pytest

from harness.lab.gate.scenario_reader import read_scenario
from harness.lab.workload.scenario_file import ScenarioError

SCENARIO = """\
question = "Does it hold?"
duration_s = 60

[[arrivals]]
stages = [{ hold_per_s = 2, for_s = 60 }]

[[flows]]
name = "photo_shoot"

[[objectives]]
expression = "p95(E2E:ready) <= 10 min"
"""


@pytest.fixture
def scenario_file(tmp_path):
    """Return a function that writes a scenario with one more objective and returns its path."""

    def write(objective="fail_ratio(E2E:ready) < 1 %"):
        path = tmp_path / "x.toml"
        path.write_text(f'{SCENARIO}\n[[objectives]]\nexpression = "{objective}"\n', encoding="utf-8")
        return path

    return write


class TestReadScenario:
    def test_changes_are_applied_in_order(self, scenario_file):
        """
        The rate is the mean rate of the changed duration; overrides are set before both.
        """
        scenario = read_scenario(scenario_file(), {"duration_s": "30"}, duration=10, rate=4, seed=9)

        assert (scenario.duration_s, scenario.seed) == (10, 9)
        assert scenario.arrivals[0].rate(10).total == pytest.approx(40)

    def test_users_replace_the_arrivals(self, scenario_file):
        """
        An open scenario becomes a closed one.
        """
        scenario = read_scenario(scenario_file(), users=3)

        assert (scenario.users, scenario.arrivals) == (3, ())

    @pytest.mark.parametrize(
        ("objective", "problem"),
        [
            ("cuont(forbidden succeeded) == 0", "x.toml:14: "),
            (
                "alarm(nosuch) == OK",
                "x.toml:14: 'alarm(nosuch) == OK': there is no alarm 'nosuch'; the alarms",
            ),
            (
                "p95(E2E:redy) <= 1 min",
                "x.toml:14: 'p95(E2E:redy) <= 1 min': no run has 'E2E:redy'; did you mean ready?",
            ),
        ],
    )
    def test_an_invalid_objective_is_reported_with_its_line(self, scenario_file, objective, problem):
        """
        Its syntax is checked, and the name of an alarm or of a request.
        """
        path = scenario_file(objective)
        with pytest.raises(ScenarioError) as refused:
            read_scenario(path)

        assert str(refused.value).startswith(f"{path.parent}/{problem}")

    @pytest.mark.parametrize(
        "objective", ["achieved >= 99 %", "total(media_batches_failed_total) == 0", "max(AWS/SQS/X) == 0"]
    )
    def test_other_objectives_need_no_request(self, scenario_file, objective):
        """
        A service can have more metrics than ours.
        """
        assert read_scenario(scenario_file(objective)).objectives[1].expression == objective

    def test_all_problems_are_reported(self, scenario_file):
        """
        An invalid objective does not hide an invalid change.
        """
        with pytest.raises(ScenarioError) as refused:
            read_scenario(scenario_file("alarm(nosuch) == OK"), seed=-1)

        assert [problem.line for problem in refused.value.problems] == [14, 0]
        assert refused.value.problems[1].message == "seed must be greater than or equal to 0, not -1"
