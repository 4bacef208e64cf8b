"""
Inputs of executions that a scenario describes, and outputs that refer to the payload.
"""

import json

import pytest

from harness.lab.sim.simulation import MachineInvalid, simulate
from harness.lab.workload.scenario import Scenario

SHOP = {
    "StartAt": "Pay",
    "States": {
        "Pay": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "shop-pay", "Payload.$": "$.order"},
            "ResultPath": "$.paid",
            "Next": "Paid?",
        },
        "Paid?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.paid.Payload.total", "NumericEqualsPath": "$.order.total", "Next": "Ship"}
            ],
            "Default": "Refuse",
        },
        "Ship": {
            "Type": "Map",
            "ItemsPath": "$.order.lines",
            "ItemProcessor": {
                "StartAt": "Pack",
                "States": {
                    "Pack": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:shop:pack", "End": True}
                },
            },
            "End": True,
        },
        "Refuse": {"Type": "Fail", "Error": "NotPaid"},
    },
}
ORDER = {"order": {"total": 12, "lines": ["a", "b", "c"]}}


def scenario(**flow):
    return Scenario.model_validate(
        {
            "question": "?",
            "duration_s": 2,
            "drain_s": 1000,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 2}]}],
            "flows": [{"name": "photo_shoot", "photos": 2, "videos": 0, **flow}],
            "platform": {"behaviours": {"shop-pay": {"outputs": [{"total.$": "$.total"}]}}},
        }
    )


def states(run):
    return run.steps["state"].value_counts().to_dict()


class TestExecutionInputs:
    def test_an_execution_gets_the_input_of_its_flow(self, tmp_path):
        """
        The machine reads its own order; the described payment returns what it was asked to pay.
        """
        run = simulate(scenario(input=ORDER), state_machine=SHOP, out=tmp_path / "run")

        assert states(run)["Pack"] == 6
        assert run.batches["outcome"].tolist() == ["READY", "READY"]

    def test_without_an_input_the_machine_gets_that_of_the_pipeline(self, tmp_path):
        """
        The pipeline sends no order, so the first state fails; a warning of the run says so.
        """
        run = simulate(scenario(), state_machine=SHOP, out=tmp_path / "run")

        assert "Pack" not in states(run)
        assert "$.order" in run.header.notes["remarks"][0]

    def test_a_field_may_be_a_path_into_the_input_of_the_pipeline(self, tmp_path):
        """
        The lines of the order are the files of the batch.
        """
        order = {"order": {"total": 1, "lines.$": "$.assets[*].clientId", "id.$": "$.jobId"}}

        run = simulate(scenario(input=order), state_machine=SHOP, out=tmp_path / "run")

        assert states(run)["Pack"] == 4

    def test_an_input_can_be_given_for_all_flows(self, tmp_path):
        """
        The argument of `simulate` replaces the inputs of the scenario, and is part of the run.
        """
        run = simulate(scenario(), state_machine=SHOP, input=ORDER, out=tmp_path / "run")

        assert states(run)["Pack"] == 6
        assert run.header.scenario["flows"][0]["input"] == ORDER

    @pytest.mark.parametrize(
        ("given", "complaint"),
        [
            ({"a.$": "$.nothing"}, r"flows.0.input: .*nothing"),
            ({"a.$": "$..deep"}, r"flows.0.input.a"),
            ({"a.$": "States.Format('{}')"}, r"flows.0.input"),
            (
                {"a": [{"b.$": "States.UUID()"}]},
                r"flows.0.input.a\[0\].b.\$: States.UUID needs a random number",
            ),
            ({"a.$": 5}, r"flows.0.input.a.\$: must be a JSONPath or an intrinsic function, not 5"),
        ],
    )
    def test_an_invalid_path_is_one_sentence(self, tmp_path, given, complaint):
        """
        The message names the field of the scenario, whether the path is wrong in itself or has no value.
        """
        with pytest.raises(MachineInvalid, match=complaint):
            simulate(scenario(input=given), state_machine=SHOP, out=tmp_path / "run")

    def test_an_input_is_limited_as_on_aws(self):
        """
        Step Functions accepts 256 KiB.
        """
        with pytest.raises(ValueError, match="262,144 bytes"):
            scenario().with_input("x" * 262_143)

    def test_a_scenario_without_inputs_keeps_its_hash(self):
        """
        Runs from before inputs existed stay comparable.
        """
        plain, explicit = scenario(), scenario(input=None)

        assert plain.hash == explicit.hash
        assert plain.hash != scenario(input=ORDER).hash
        assert "input" not in json.dumps(plain.model_dump(exclude_none=True, mode="json")["flows"])


class TestDescribedOutputs:
    def test_a_path_without_a_value_fails_the_execution_and_is_reported(self, tmp_path):
        """
        The failure is the description's, so no retrier or catcher hides it, and a warning names the place.
        """
        run = simulate(scenario(input={"order": {"lines": []}}), state_machine=SHOP, out=tmp_path / "run")

        assert run.batches["outcome"].tolist() == ["FAILED", "FAILED"]
        assert "platform.behaviours.Pay.outputs[0]" in run.header.notes["remarks"][0]

    @pytest.mark.parametrize(
        ("described", "complaint"),
        [
            ({"outputs": [{"a.$": None}]}, r"outputs\[0\].a.\$: must be a JSONPath"),
            ({"outputs": [{}, {"a.$": "States.UUID()"}]}, r"outputs\[1\].a.\$: States.UUID needs a random"),
            (
                {"priority": "States.MathRandom(1, 9)"},
                "priority: States.MathRandom without a seed needs a random",
            ),
            ({"priority": "urgent"}, "priority: 'urgent' is neither a path nor a function"),
        ],
    )
    def test_what_cannot_be_filled_in_is_one_sentence(self, tmp_path, described, complaint):
        """
        A field that is not a path, and a function that needs a random number, are refused before the run.
        """
        given = scenario().model_dump() | {"platform": {"behaviours": {"Pack": described}}}
        given["platform"]["behaviours"]["shop-pay"] = {"outputs": [{"total": 1}]}

        with pytest.raises(MachineInvalid, match=f"platform.behaviours.Pack.{complaint}"):
            simulate(Scenario.model_validate(given), state_machine=SHOP, out=tmp_path / "run")
