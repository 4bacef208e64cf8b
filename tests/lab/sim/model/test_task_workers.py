"""
State machines with Tasks of unknown resources: shared servers, repetitions, and unfinished work.
"""

from typing import Any

import pytest

from harness.lab.sim.simulation import MachineInvalid, simulate
from harness.lab.workload.scenario import Scenario

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
NOTHING_DEPLOYED = dict.fromkeys(("validate", "thumbnails", "zip", "callback-dispatch"), 0)
LOGNORMAL = {"fixed_s": {"distribution": "lognormal", "median": 5, "sigma": 1}}


def task(resource="arn:aws:states:::aws-sdk:mill", **fields):
    return {"Type": "Task", "Resource": resource, **fields}


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


@pytest.fixture
def play_run(tmp_path):
    """Return a function that plays a machine."""

    def played(definition: Any, batches: int = 1, **fields: Any) -> Any:
        scenario = Scenario.model_validate(
            {
                "question": "?",
                "duration_s": batches,
                "drain_s": 1000,
                "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": batches}]}],
                "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": 1}],
                **fields,
            }
        )
        return simulate(scenario, state_machine=definition, platform="bare", out=tmp_path / "run")

    return played


@pytest.fixture
def play(play_run):
    """Return a function that plays a machine and returns its steps, times since the first one [s]."""

    def played(*arguments: Any, **fields: Any) -> Any:
        run = play_run(*arguments, **fields)
        times = ["ready_at", "started_at", "finished_at"]
        return run.steps.assign(**(run.steps[times] - run.steps["ready_at"].min()).round(6))

    return played


class TestSharedResources:
    def test_two_tasks_of_one_resource_have_different_service_times(self, play):
        """
        They share the queue of the resource, but not its random numbers.
        """
        mill = "arn:aws:states:::aws-sdk:mill"
        steps = play(machine(A=task(Next="B"), B=task(End=True)), 20, model={mill: LOGNORMAL})
        took = (steps["finished_at"] - steps["started_at"]).groupby(steps["state"]).apply(list)

        assert len(took["A"]) == len(took["B"]) == 20
        assert not set(took["A"]) & set(took["B"])

    def test_iterations_of_nested_maps_have_attempts_of_their_own(self, play):
        """
        Each of four iterations fails once and is retried.
        """
        inner = {
            "Type": "Map",
            "ItemsPath": "$",
            "ItemProcessor": machine(A=task(End=True, Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 3}])),
            "End": True,
        }
        outer = {"Type": "Map", "ItemsPath": "$.n", "ItemProcessor": machine(I=inner), "End": True}
        steps = play(
            machine(S={"Type": "Pass", "Result": {"n": [[1, 2], [3, 4]]}, "Next": "O"}, O=outer),
            platform={"behaviours": {"A": {"failures": [{"error": "E", "first_attempts": 1}]}}},
        )

        assert steps[steps["state"] == "A"]["outcome"].value_counts().to_dict() == {
            "FAILED": 4,
            "SUCCEEDED": 4,
        }

    def test_jitter_differs_between_entries(self, play):
        """
        A loop that enters a state again pauses for a different time.
        """
        again = [{"ErrorEquals": ["E"], "IntervalSeconds": 90, "MaxAttempts": 1, "JitterStrategy": "FULL"}]
        steps = play(
            machine(
                A=task(Retry=again, Catch=[{"ErrorEquals": ["E"], "Next": "B"}], End=True),
                B={"Type": "Pass", "Next": "C"},
                C={**task("arn:aws:states:::aws-sdk:mill"), "Next": "D"},
                D={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.again", "BooleanEquals": True, "Next": "A"}],
                    "Default": "E",
                },
                E={"Type": "Succeed"},
            ),
            platform={
                "behaviours": {
                    "A": {"failures": [{"error": "E", "rate": 1}]},
                    "C": {"outputs": [{"again": True}, {"again": True}, {"again": False}]},
                }
            },
        )
        of_a = steps[steps["state"] == "A"]
        pauses = of_a["ready_at"].to_numpy()[1::2] - of_a["finished_at"].to_numpy()[::2]

        assert len(pauses) == len(set(pauses.round(6))) == 3

    @pytest.mark.parametrize("servers", [None, 5])
    def test_capacity_limits_accepted_attempts(self, play, servers):
        """
        Two of six are accepted, whatever the number of servers.
        """
        each = {"Type": "Map", "ItemsPath": "$.n", "ItemProcessor": machine(A=task(End=True)), "End": True}
        caught = {**each, "ItemProcessor": machine(A=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "X"}], End=True), X={"Type": "Pass", "End": True})}  # fmt: skip  # noqa: E501
        steps = play(
            machine(S={"Type": "Pass", "Result": {"n": [0] * 6}, "Next": "M"}, M=caught),
            model={"A": {"fixed_s": 4}},
            platform={"behaviours": {"A": {"capacity": 2} | ({"servers": servers} if servers else {})}},
        )

        assert (steps[steps["state"] == "A"]["error"] == "Capacity.Exceeded").sum() == 4

    @pytest.mark.parametrize("number", [10**400, "urgent", None], ids=["large", "text", "null"])
    def test_an_attempt_without_a_number_is_served_last(self, play, number):
        """
        A number that is too large for a float is none.
        """
        mill = "arn:aws:states:::aws-sdk:mill"
        jobs = {"Type": "Pass", "Result": [{"of": 1}, {"of": number}, {"of": 9}], "Next": "M"}
        each = {"Type": "Map", "ItemProcessor": machine(A=task(mill, End=True)), "End": True}
        behaviour = {"servers": 1, "priority": "$.of"}
        steps = play(
            machine(J=jobs, M=each),
            model={mill: {"fixed_s": 5}},
            platform={"behaviours": {mill: behaviour}},
        )

        ended = steps[steps["state"] == "A"].sort_values("item")["finished_at"].tolist()
        assert ended[0] < ended[2] < ended[1]


class TestUnfinishedWork:
    def test_work_that_was_stopped(self, play):
        """
        When a branch fails, its sibling is ABORTED at the same time.
        """
        fork = {
            "Type": "Parallel",
            "Branches": [machine(A=task(End=True)), machine(B=task(End=True))],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}],
            "End": True,
        }
        steps = play(
            machine(P=fork, Z={"Type": "Succeed"}),
            model={"A": {"fixed_s": 9}, "B": {"fixed_s": 5}},
            platform={"behaviours": {"B": {"failures": [{"error": "Boom", "rate": 1}]}}},
        ).set_index("state")

        assert steps["outcome"].to_dict() == {"A": "ABORTED", "B": "FAILED", "P": "FAILED", "Z": "SUCCEEDED"}
        assert (steps["started_at"]["A"], steps["finished_at"]["A"]) == (0, 5)

    def test_an_execution_that_times_out(self, play):
        """
        The state in progress is ABORTED.
        """
        steps = play({**machine(A=task(End=True)), "TimeoutSeconds": 7}, model={"A": {"fixed_s": 60}})

        assert steps[["outcome", "finished_at"]].to_numpy().tolist() == [["ABORTED", 7]]

    def test_a_fail_without_an_error_name(self, play):
        """
        Error is optional.
        """
        assert play(machine(F={"Type": "Fail"}))["outcome"].tolist() == ["FAILED"]


class TestFunctions:
    def test_a_function_named_like_ours_is_not_ours(self, play):
        """
        Only the complete name identifies a function of the pipeline.
        """
        function = FUNCTION + "validate"
        steps = play(machine(Check=task(function, End=True)), model={"Check": {"fixed_s": 7}})

        assert steps["finished_at"].tolist() == [7]

    def test_a_function_outside_the_template_reserves_concurrency_of_the_account(self, play):
        """
        Its reservation takes all concurrency, so that five calls of another function are throttled.
        """
        caught = [{"ErrorEquals": ["States.ALL"], "Next": "X"}]
        calls = machine(G=task(FUNCTION + "g", Catch=caught, End=True), X={"Type": "Pass", "End": True})
        every = {"Type": "Map", "ItemsPath": "$.n", "ItemProcessor": calls, "ResultPath": None, "Next": "F"}
        reserved = NOTHING_DEPLOYED | {"f": 105}
        steps = play(
            machine(
                S={"Type": "Pass", "Result": {"n": [0] * 5}, "Next": "M"},
                M=every,
                F=task(FUNCTION + "f", End=True),
            ),
            platform={"lambda": {"account_concurrency": 105, "reserved_concurrency": reserved}},
        )

        assert steps[steps["state"] == "G"]["error"].tolist() == ["Lambda.TooManyRequestsException"] * 5
        assert steps[steps["state"] == "F"]["outcome"].tolist() == ["SUCCEEDED"]

    def test_a_function_has_no_heartbeats(self, play):
        """
        Its invocation ends with its response, whatever HeartbeatSeconds says.
        """
        limited = task(FUNCTION + "mine", HeartbeatSeconds=1, End=True)
        steps = play(machine(Check=limited), model={"Check": {"fixed_s": 5}})

        assert steps[["outcome", "finished_at"]].to_numpy().tolist() == [["SUCCEEDED", 5]]

    def test_a_task_token_has_no_function_time_out(self, play):
        """
        No function runs meanwhile: no time-out after fifteen minutes, and the result is not wrapped.
        """
        waits = task(
            "arn:aws:states:::lambda:invoke.waitForTaskToken", End=True, ResultSelector={"ok.$": "$.ok"}
        )
        waits["Parameters"] = {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}}
        steps = play(
            machine(A=waits),
            model={"A": {"fixed_s": 950}},
            platform={"behaviours": {"A": {"outputs": [{"ok": True}]}}},
        )

        assert steps[["outcome", "finished_at"]].to_numpy().tolist() == [["SUCCEEDED", 950]]

    @pytest.mark.parametrize(
        ("fields", "complaint"),
        [
            ({"model": {"Chekc": {"fixed_s": 1}}}, "model.Chekc belongs to no Task"),
            ({"platform": {"lambda": {"reserved_concurrency": {"zipp": 1}}}}, "zipp is not a function"),
            ({"platform": {"behaviours": {"mine": {"servers": 2}}}}, "a Lambda function has no such limit"),
            (
                {"platform": {"behaviours": {"mine": {"heartbeat_s": 2}}}},
                "Lambda and MediaConvert send no hea",
            ),
        ],
    )
    def test_settings_without_a_task_are_refused(self, play, fields, complaint):
        """
        A misspelt name is an error, and so are servers of a Lambda function.
        """
        function = FUNCTION + "mine"

        with pytest.raises(MachineInvalid, match=complaint):
            play(machine(Check=task(function, End=True)), **fields)


class TestTranscoding:
    def test_a_job_without_heartbeats(self, play):
        """
        MediaConvert sends none: a Task that waits for a job fails, one that only creates it does not.
        """
        create = "arn:aws:states:::mediaconvert:createJob"
        caught = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}]
        steps = play(
            machine(
                A=task(create, HeartbeatSeconds=3, Next="B"),
                B=task(create + ".sync", HeartbeatSeconds=3, Catch=caught, End=True),
                C={"Type": "Succeed"},
            ),
            model={"transcode": {"fixed_s": 20}},
        ).set_index("state")

        assert steps["outcome"].to_dict() == {"A": "SUCCEEDED", "B": "FAILED", "C": "SUCCEEDED"}
        assert steps["finished_at"].to_dict() == {"A": 0, "B": 3, "C": 3}


def pipeline(function, payload, **fields):
    """Return a Task that invokes a function of the pipeline."""
    given = {"FunctionName": f"listing-media-{function}", "Payload": payload}
    return task("arn:aws:states:::lambda:invoke", Parameters=given, ResultPath=None, **fields)


class TestOurFunctions:
    @pytest.mark.parametrize(
        ("function", "payload", "cause"),
        [
            ("thumbnails", {"validation": 5}, "INTERNAL_ERROR: thumbnails: validation must be an object"),
            (
                "thumbnails",
                {"validation": {"images": [{"x": 1}]}},
                "INTERNAL_ERROR: thumbnails: validation.images[0].key is missing",
            ),
            (
                "zip",
                {"validation": {"documents": ["x"]}},
                "INTERNAL_ERROR: zip: validation.documents[0] must be an object",
            ),
            (
                "zip",
                {"validation": {"images": None}},
                "INTERNAL_ERROR: zip: validation.images must be an array",
            ),
            (
                "callback-dispatch",
                {"status": "FAILED", "error": "E"},
                "INTERNAL_ERROR: callback-dispatch: error must be an object",
            ),
            ("callback-dispatch", {"status": "ODD"}, "CALLBACK_REFUSED: the status 'ODD' is unknown"),
        ],
    )
    def test_a_payload_that_is_not_the_pipelines_is_rejected(self, play_run, function, payload, cause):
        """
        The attempt fails as that of the real handler does, and a remark names the field.
        """
        run = play_run(machine(A=pipeline(function, payload, End=True)))

        assert run.steps["error"].tolist() == ["Rejected"]
        assert run.header.notes["remarks"] == [f"A: Rejected 1 times: {cause}"]

    def test_a_running_callback_ends_nothing(self, play_run):
        """
        The batch is READY when the second callback reports the success.
        """
        first = pipeline("callback-dispatch", {"status": "RUNNING"}, Next="W")
        last = pipeline("callback-dispatch", {"status": "SUCCEEDED"}, End=True)
        run = play_run(machine(R=first, W={"Type": "Wait", "Seconds": 50, "Next": "S"}, S=last))

        (batch,) = run.batches.itertuples()
        assert batch.outcome == "READY"
        assert run.steps["outcome"].tolist() == ["SUCCEEDED"] * 3
        assert batch.finished_at - batch.started_at >= 50
