"""
The functions of the simulated platform.
"""

from harness.lab.sim.simulation import simulate


def test_cold_starts_of_one_execution_are_independent(tmp_path):
    """
    Work takes no time here, so what takes time is a cold start; no two of them are equal.
    """
    states = {
        name: {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{name}", **after}
        for name, after in (("one", {"Next": "two"}), ("two", {"End": True}))
    }
    run = simulate(
        "smoke",
        engine="simpy",
        platform="simfaas",
        state_machine={"StartAt": "one", "States": states},
        out=tmp_path / "run",
    )

    times = run.steps["finished_at"] - run.steps["started_at"]
    cold = times[times > 0]
    assert len(cold) >= 2
    assert cold.is_unique
