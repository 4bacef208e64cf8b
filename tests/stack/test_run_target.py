"""
A running stack is used only for scenarios that it can play.
"""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from harness.lab.workload.scenario import load_scenario
from harness.stack.processes.state_file import StackState
from harness.stack.run_target import TargetUnfit, must_fit, stack_for
from tests.lab.load.conftest import scenario_text


def scenario(folder):
    path = folder / "try.toml"
    path.write_text(scenario_text(duration_s=1), encoding="utf-8")
    return path


def state_of_stack(played, **changes):
    """Return the state of a running stack that models *played*."""
    return StackState(
        **dict.fromkeys(("api_url", "worker_metrics_url", "aws_url", "s3_url", "database_url"), "x"),
        **dict.fromkeys(("jwt_key", "callback_secret", "identities", "logs", "engine"), "x"),
        **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "x"),
        mode="modelled",
        time_scale=played.time_scale,
        scenario="try.toml",
        **{"region": "x", "supervisor_pid": 1, "started_at": 0.0, "work_hash": played.work_hash, **changes},
    )


class TestStackFor:
    @pytest.mark.parametrize(("own_stack", "used"), [(False, "running"), (True, "started")])
    def test_a_stack_of_its_own_is_started_beside_the_running_one(
        self, tmp_path, monkeypatch, own_stack, used
    ):
        """
        By default the running stack is used.
        """
        played = load_scenario(scenario(tmp_path))
        running, started = (state_of_stack(played, region=name) for name in ("running", "started"))
        monkeypatch.setattr("harness.stack.run_target.find_stack", lambda _: running)
        monkeypatch.setattr(
            "harness.stack.local_stack.LocalStack", lambda _: nullcontext(SimpleNamespace(state=started))
        )

        with stack_for(played, own_stack=own_stack) as state:
            assert state.region == used


class TestMustFit:
    def test_rate_and_duration_may_differ(self, tmp_path):
        """
        The work of the handlers depends on the seed, the flows, the model and the faults.
        """
        played = load_scenario(scenario(tmp_path))

        must_fit(played.at_rate(3.0).lasting(9.0), state_of_stack(played))

    @pytest.mark.parametrize("work_hash", [None, "of another scenario"])
    def test_a_stack_with_another_model_is_refused(self, tmp_path, work_hash):
        """
        Its service times and faults are not those of the scenario.
        """
        played = load_scenario(scenario(tmp_path))

        with pytest.raises(TargetUnfit, match=r"service times and faults of try\.toml, not those of try"):
            must_fit(played, state_of_stack(played, work_hash=work_hash))

    def test_a_stack_with_another_seed_is_refused(self, tmp_path):
        """
        The seed is part of the key of every draw.
        """
        played = load_scenario(scenario(tmp_path))

        with pytest.raises(TargetUnfit, match="with seed 8"):
            must_fit(played.seeded(8), state_of_stack(played))

    def test_a_changed_scenario_is_the_same_in_json(self, tmp_path):
        """
        A stack that is started for a run reads the changed scenario from a JSON file.
        """
        changed = load_scenario(scenario(tmp_path)).seeded(11).at_rate(2.5)
        path = tmp_path / "changed.json"
        path.write_text(changed.model_dump_json(), encoding="utf-8")

        assert load_scenario(path).hash == changed.hash
