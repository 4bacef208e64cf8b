"""
The simulated platform against figures that others have published: AWS by quantiles, SimFaaS by its example.
"""

from itertools import pairwise

import numpy as np
import pytest

import harness
from fixtures.calibrations.make_aws_published import PUBLISHED, TABLES, table
from harness.lab.results.percentile import interval
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import Scenario, load_scenario

CALIBRATION = "fixtures/calibrations/aws_published.toml"
TASKS = ("A", "B", "C", "D")
BATCHES = 1200

INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
MACHINE = {
    "StartAt": "A",
    "States": {
        name: {**INVOKE, "Parameters": {"FunctionName": f"f{name}", "Payload": {}}}
        | ({"Next": after} if after else {"End": True})
        for name, after in zip(TASKS, [*TASKS[1:], None], strict=True)
    },
}


def scenario(rate, duration, **fields):
    return {
        "question": "?",
        "duration_s": duration,
        "max_in_flight": 1_000_000,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": rate, "for_s": duration}]}],
        "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0}],
        "behaviour": {"poll": {"first_s": 2, "cap_s": 60}},
        **fields,
    }


def simulate(out, **overrides):
    """Simulate executions on the published platform whose work takes no time; return the run."""
    path = out / "published.json"
    path.write_text(Scenario.model_validate(scenario(4, BATCHES / 4)).model_dump_json(exclude_none=True))
    return harness.simulate(
        load_scenario(path, calibration=load_calibration(CALIBRATION)),
        state_machine=MACHINE,
        overrides={"dispatcher.outbox_s": 0, "dispatcher.message_s": 0, **overrides},
        out=out / "run",
    )


def hops(steps):
    """Return the times from the end of each Task to the start of the next [s]."""
    begun, ended = (
        steps.pivot_table(index="job_id", columns="state", values=name)
        for name in ("started_at", "finished_at")
    )
    return np.concatenate([begun[after] - ended[before] for before, after in pairwise(TASKS)])


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    """The simulated times by parameter."""
    warm = simulate(tmp_path_factory.mktemp("warm"), **{"lambda.cold_starts": False})
    # Environments that survive nothing: every invocation starts one.
    settings = {"lambda.placement_s": 0, "lambda.keep_alive_s": 1e-9}
    cold = simulate(tmp_path_factory.mktemp("cold"), **settings).steps
    first = warm.steps[warm.steps["state"] == "A"].set_index("job_id")["ready_at"]
    batches = warm.batches.set_index("job_id")
    return {
        "sqs.delivery_s": (batches["started_at"] - batches["received_at"]).to_numpy(float),
        "stepfunctions.start_s": (first - batches["started_at"]).to_numpy(float),
        "stepfunctions.hop_s": hops(warm.steps),
        "lambda.init_s": (cold["finished_at"] - cold["started_at"]).to_numpy(float),
    }


class TestAws:
    @pytest.mark.parametrize(
        "key", ["sqs.delivery_s", "stepfunctions.start_s", "stepfunctions.hop_s", "lambda.init_s"]
    )
    def test_published_quantiles_come_back(self, key, observed):
        """
        Each published quantile lies in the 99.9 % interval of its simulated one.
        """
        values = observed[key]
        assert values.size >= BATCHES

        for share, published in PUBLISHED[key][0].items():
            if share < 1:
                low, high = interval(values, 100 * share, 0.999)
                # A table has many equal values at its first published quantile.
                assert low * (1 - 1e-6) <= published <= high * (1 + 1e-6), (share, low, high)

    def test_the_files_are_those_of_the_published_figures(self):
        """
        After a change, write them with ``python fixtures/calibrations/make_aws_published.py``.
        """
        for key, (quantiles, _) in PUBLISHED.items():
            written = np.loadtxt(TABLES / f"{key}.csv", skiprows=1)
            assert written == pytest.approx(table(quantiles), rel=1e-5)


class TestSimFaaS:
    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_its_example_gives_its_figures(self, tmp_path):
        """
        0.9 requests a second, 1.991 s warm: SimFaaS counts 1,213 cold starts among 898,469 requests.

        The time of a cold invocation is 2.244 s without spread here, so that it can be told from a warm one.
        """
        played = scenario(0.9, 1_000_000, seed=2)
        played["arrivals"][0]["process"] = "poisson"
        played["model"] = {"A": {"fixed_s": {"distribution": "exponential", "scale": 1.991}}}
        run = harness.simulate(
            Scenario.model_validate(played),
            state_machine={"StartAt": "A", "States": {"A": MACHINE["States"]["D"]}},
            platform="simfaas",
            overrides={"lambda.cold_s": 2.244},
            out=tmp_path / "run",
        )
        times = (run.steps["finished_at"] - run.steps["started_at"]).to_numpy(float)
        cold = int((np.abs(times - 2.244) < 1e-6).sum())

        # Two Poisson counts differ by less than four standard deviations of their difference.
        assert abs(cold - 1213) < 4 * np.sqrt(2 * 1213)
        assert np.nansum(times) / 1_000_000 == pytest.approx(1.7879, rel=0.01)
