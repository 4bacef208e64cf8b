"""
A whole scenario in simulation: what it leaves behind, what it depends on, what it refuses.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.lab.results.writer import FolderUnfit
from harness.lab.sim.platform.platform_settings import Platform, PlatformInvalid
from harness.lab.sim.simulation import MachineInvalid, must_simulate, platform_of, simulate
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.theory import MMc

SCENARIOS = sorted(Path("scenarios").glob("*.toml"))
DURATIONS = (
    "stepfunctions.start_s", "stepfunctions.hop_s", "stepfunctions.plain_hop_s", "sqs.delivery_s",
    "dispatcher.message_s", "dispatcher.outbox_s", "lambda.init_s", "lambda.placement_s",
    "mediaconvert.start_delay_s", "mediaconvert.completion_s", "s3.request_s", "api.request_s",
    "api.network_s", "callback_s",
)  # fmt: skip
COUNTS = (
    "stepfunctions.transition_bucket", "sqs.max_receive_count", "lambda.account_concurrency",
    "lambda.reserved_concurrency.zip", "mediaconvert.slots", "mediaconvert.create_bucket", "host.processors",
    "behaviours.T.servers",
)  # fmt: skip


def scenario(**changes):
    """Return one paced arrival with one photo, and nothing that takes time."""
    nothing = {name: {"fixed_s": 0} for name in ("validate", "thumbnails", "transcode", "zip", "callback")}
    fields = {
        "name": "one",
        "question": "What becomes of a single batch?",
        "duration_s": 1,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 1}]}],
        "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": 1}],
        "model": nothing,
    }
    return Scenario.model_validate(fields | changes)


def task(**fields):
    return {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:kitchen", **fields}


KITCHEN = {
    "StartAt": "Plan",
    "States": {
        "Plan": {"Type": "Pass", "Result": {"orders": [1, 2, 3, 4, 5, 6, 7]}, "Next": "Cook"},
        "Cook": {
            "Type": "Map",
            "ItemsPath": "$.orders",
            "MaxConcurrency": 3,
            "ItemProcessor": {"StartAt": "Fry", "States": {"Fry": task(End=True)}},
            "ResultPath": "$.cooked",
            "Next": "Taste",
        },
        "Taste": task(ResultPath="$.taste", Next="Good?"),
        "Good?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.taste.good", "BooleanEquals": True, "Next": "Deliver"}],
            "Default": "Simmer",
        },
        "Simmer": {"Type": "Wait", "Seconds": 5, "Next": "Taste"},
        "Deliver": task(
            ResultPath=None,
            Retry=[
                {
                    "ErrorEquals": ["Busy"],
                    "IntervalSeconds": 2,
                    "BackoffRate": 3,
                    "MaxAttempts": 2,
                    "JitterStrategy": "NONE",
                }
            ],
            Next="PayByCard",
        ),
        "PayByCard": task(
            Catch=[{"ErrorEquals": ["Declined"], "ResultPath": "$.declined", "Next": "PayCash"}], End=True
        ),
        "PayCash": task(End=True),
    },
}
KITCHEN_TIMES = {"Fry": 8, "Taste": 2, "Deliver": 2, "PayByCard": 3, "PayCash": 3}
KITCHEN_BEHAVIOURS = {
    "Taste": {"outputs": [{"good": False}, {"good": False}, {"good": True}]},
    "Deliver": {"failures": [{"error": "Busy", "first_attempts": 2}]},
    "PayByCard": {"failures": [{"error": "Declined", "rate": 1.0}]},
}


@pytest.fixture(scope="module")
def one_batch(tmp_path_factory):
    """Return the run of a single batch where nothing takes time but what the test says."""
    times = {
        "model": {**scenario().model_dump()["model"], "thumbnails": {"fixed_s": 5}, "zip": {"fixed_s": 2}}
    }
    return simulate(scenario(**times), platform="bare", out=tmp_path_factory.mktemp("one") / "run")


class TestOneBatch:
    def test_the_blueprint_runs_to_its_end(self, one_batch):
        """
        The deployed state machine succeeds, state by state, in the modelled time.
        """
        steps = one_batch.steps.set_index("state")

        assert steps["outcome"].eq("SUCCEEDED").all()
        assert steps.loc["GenerateThumbnails", ["started_at", "finished_at"]].tolist() == [0.5, 5.5]
        assert steps.loc["FinalizeAndCallback", "finished_at"] == 7.5

    def test_the_batch_is_ready(self, one_batch):
        """
        Its times are those of the service, and the client observes its end at the next poll.
        """
        batch = one_batch.batches.iloc[0]

        assert (batch["outcome"], batch["received_at"], batch["finished_at"]) == ("READY", 0.5, 7.5)
        assert batch["observed_at"] >= 7.5
        assert not batch["censored"]

    def test_the_five_metrics(self, one_batch):
        """
        The metrics of the service have the names and labels of a live run.
        """
        metrics = one_batch.metrics

        def values(name):
            rows = metrics[metrics["metric"] == name]
            return dict(zip(rows["labels"], rows["value"], strict=True))

        assert values("media_processing_duration_seconds") == {'{"outcome":"READY"}': 7.0}
        assert set(values("media_batches_created_total")) == {
            '{"status":"PENDING_UPLOAD"}', '{"status":"RECEIVED"}', '{"status":"PROCESSING"}',
            '{"status":"READY"}',
        }  # fmt: skip
        assert "{}" in values("media_processing_inflight_jobs")
        assert values("AWS/Lambda/Errors")['{"FunctionName":"listing-media-zip"}'] == 0
        assert list(values("AWS/States/ExecutionsFailed").values()) == [0]

    def test_the_requests_of_a_live_run(self, one_batch):
        """
        The requests have the types and names of a live run.
        """
        kinds = set(zip(one_batch.requests["type"], one_batch.requests["name"], strict=True))

        assert kinds == {
            ("POST", "uploads"), ("PUT", "object"), ("POST", "uploads/complete"), ("POST", "uploads/status"),
            ("POST", "downloads/query"), ("GET", "object"), ("E2E", "ready"), ("E2E", "processing"),
        }  # fmt: skip

    def test_a_notebook_can_show_it(self, one_batch):
        """
        A simulated run shows its summary in a notebook.
        """
        assert "E2E" in one_batch._repr_html_()


class TestAnotherMachine:
    def test_runs_to_the_time_computed_by_hand(self, tmp_path):
        """
        Three waves of 8 s, three tastings with two pauses of 5 s, 2+2+2+6+2 s of delivery, 3+3 s of
        payment: one minute.
        """
        model = {name: {"fixed_s": seconds} for name, seconds in KITCHEN_TIMES.items()}
        played = scenario(model=model, platform={"behaviours": KITCHEN_BEHAVIOURS})
        run = simulate(played, state_machine=KITCHEN, platform="bare", out=tmp_path / "run")
        steps = run.steps

        ends = steps.groupby("state")["finished_at"].max() - 0.5
        assert ends[["Cook", "Taste", "Deliver", "PayByCard", "PayCash"]].tolist() == [24, 40, 54, 57, 60]
        assert run.batches.iloc[0]["outcome"] == "READY"
        assert "unmodelled" not in run.header.notes

    def test_unmodelled_tasks_are_reported(self, tmp_path):
        """
        A Task without a service model takes no time, and is listed in the notes of the run.
        """
        run = simulate(scenario(), state_machine=KITCHEN, platform="bare", out=tmp_path / "run")

        assert run.header.notes["unmodelled"] == ["Fry", "Taste", "Deliver", "PayByCard", "PayCash"]


class TestOtherMachines:
    def test_the_causes_of_failed_executions_are_reported(self, tmp_path):
        """
        Each state is reported once, with the first cause.
        """
        fan = {"Type": "Map", "ItemsPath": "$.guests", "ItemProcessor": {"StartAt": "Greet", "States": {}}}
        fan["ItemProcessor"]["States"]["Greet"] = task(End=True)
        machine = {"StartAt": "All", "States": {"All": {**fan, "End": True}}}
        three = {"process": "paced", "stages": [{"hold_per_s": 3, "for_s": 1}]}

        run = simulate(scenario(arrivals=[three]), state_machine=machine, out=tmp_path / "run")

        cause = "the JSONPath '$.guests' could not be found in the input"
        assert run.header.notes["remarks"] == [f"All: States.Runtime 3 times: {cause}"]

    def test_errors_that_a_catcher_hides_are_reported(self, tmp_path):
        """
        A result lacks a field that the next state reads, so every execution goes to the catcher.
        """
        selector = {"ok.$": "$.missing"}
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "Over"}]
        states = {
            "Cook": task(ResultSelector=selector, Catch=catch, Next="Over"),
            "Over": {"Type": "Succeed"},
        }
        machine = {"StartAt": "Cook", "States": states}
        run = simulate(scenario(), state_machine=machine, out=tmp_path / "run")

        (remark,) = run.header.notes["remarks"]
        assert remark.startswith("Cook: States.ParameterPathFailure 1 times: the JSONPath '$.missing' could")

    def test_errors_of_the_work_need_no_remark(self, tmp_path):
        """
        The error of a Task is in its steps.
        """
        failing = {"behaviours": {"Cook": {"failures": [{"error": "Burnt", "rate": 1}]}}}
        machine = {"StartAt": "Cook", "States": {"Cook": task(End=True)}}

        run = simulate(scenario(platform=failing), state_machine=machine, out=tmp_path / "run")

        assert run.steps["error"].tolist() == ["Burnt"]
        assert "remarks" not in run.header.notes

    def test_functions_that_are_not_used_are_not_observed(self, tmp_path):
        """
        The used functions are observed; the state machine of the blueprint uses all of them.
        """
        call = {"Resource": "arn:aws:states:::lambda:invoke", "End": True}
        check = task(**call, Parameters={"FunctionName": "listing-media-validate", "Payload.$": "$"})
        machine = {"StartAt": "Check", "States": {"Check": check}}

        run = simulate(scenario(), state_machine=machine, out=tmp_path / "run")
        ours = simulate(scenario(), out=tmp_path / "ours")

        assert run.header.notes["unobserved_namespaces"] == [
            'AWS/Lambda{"FunctionName":"listing-media-thumbnails"}',
            'AWS/Lambda{"FunctionName":"listing-media-zip"}',
            'AWS/Lambda{"FunctionName":"listing-media-callback-dispatch"}',
        ]
        assert "unobserved_namespaces" not in ours.header.notes


class TestSameSeed:
    def test_same_tables(self, tmp_path):
        """
        The tables are equal in a second run and with another hash seed, but not with another seed.
        """
        played = load_scenario("scenarios/retry_storm.toml").lasting(60)
        here, again, other = (tmp_path / name for name in ("here", "again", "other"))
        for folder, what in ((here, played), (again, played), (other, played.seeded(8))):
            simulate(what, out=folder)
        there = tmp_path / "there"
        code = (
            "from harness.lab.sim.simulation import simulate\n"
            "from harness.lab.workload.scenario import load_scenario\n"
            f"simulate(load_scenario('scenarios/retry_storm.toml').lasting(60), out={str(there)!r})"
        )
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": "1"})

        assert _tables(here) == _tables(again) == _tables(there)
        assert _tables(here) != _tables(other)


class TestScenarios:
    @pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
    @pytest.mark.parametrize("preset", ["aws", "local"])
    def test_all_simulate(self, path, preset, tmp_path):
        """
        Every scenario of the repository runs on both platforms, and every job is accounted for.
        """
        run = simulate(load_scenario(path).lasting(60), platform=preset, out=tmp_path / "run")
        started = run.metrics[run.metrics["metric"] == "media_batches_created_total"]
        received = started["labels"].str.contains("RECEIVED").sum()

        assert run.header.complete
        assert (run.batches["attempt"] == 1).sum() == received
        assert run.batches["job_id"].is_unique

    def test_closed(self, tmp_path):
        """
        Users start one session after another until the end of the duration.
        """
        closed = scenario(arrivals=[], users=3, duration_s=60)
        run = simulate(closed, out=tmp_path / "run")
        ready = run.requests[run.requests["name"] == "ready"]

        assert (ready["intended_at"] == 0).sum() == 3
        assert len(ready) > 3
        assert ready["intended_at"].max() < 60


class TestLocalPlatform:
    @pytest.mark.parametrize(("processors", "slots", "sandboxes"), [(1, 1, 2), (4, 4, 4), (64, 20, 64)])
    def test_real_work_has_the_capacity_of_the_machine(self, monkeypatch, processors, slots, sandboxes):
        """
        Up to the slots of the template; the local stack uses the same figures.
        """
        monkeypatch.setattr("os.cpu_count", lambda: processors)
        platform = platform_of(scenario(media="real"), "local")

        assert (platform.mediaconvert.slots, platform.functions.sandboxes) == (slots, sandboxes)

    def test_modelled_work_has_the_limits_of_the_template(self):
        """
        Modelled handlers only sleep, so the machine does not limit them.
        """
        platform = platform_of(scenario(), "local")

        assert (platform.mediaconvert.slots, platform.functions.sandboxes) == (None, None)


class TestParameters:
    def test_a_preset_by_its_key_is_the_preset(self):
        """
        The key sets all values of the preset.
        """
        assert Platform.read({}, {"preset": "local"}) == Platform.read({}, preset="local")
        assert Platform.read({}, {"preset": "aws"}, preset="local") == Platform.read({}, preset="aws")

    def test_values_as_python_has_them(self, tmp_path):
        """
        Numbers, None and distributions are accepted, as well as the text of the command line.
        """
        overrides = {
            "mediaconvert.slots": 3,
            "s3.bytes_per_s": None,
            "callback_s": {"distribution": "uniform", "low": 1, "high": 2},
            "lambda.runtime": "go",
        }
        run = simulate(scenario(), overrides=overrides, out=tmp_path / "run")
        platform = run.header.notes["platform"]

        assert platform["mediaconvert"]["slots"] == 3
        assert platform["s3"]["bytes_per_s"] is None
        assert platform["callback_s"]["high"] == 2
        assert platform["lambda"]["runtime"] == "go"


class TestOurOwnSteps:
    @pytest.mark.parametrize("name", ["GenerateThumbnails", "thumbnails", "listing-media-thumbnails"])
    def test_failures_are_added_to_the_work(self, name, tmp_path):
        """
        The first attempt fails; the second one does the usual work.
        """
        failures = [{"error": "Lambda.ServiceException", "first_attempts": 1}]
        platform = {"behaviours": {name: {"failures": failures}}}
        run = simulate(scenario(platform=platform), platform="bare", out=tmp_path / "run")
        attempts = run.steps[run.steps["state"] == "GenerateThumbnails"]

        assert attempts["outcome"].tolist() == ["FAILED", "SUCCEEDED"]
        assert attempts["error"].tolist()[0] == "Lambda.ServiceException"
        assert run.batches["outcome"].tolist() == ["READY"]

    def test_transcoding_fails_as_described(self, tmp_path):
        """
        Every attempt fails, so the batch fails.
        """
        platform = {"behaviours": {"TranscodeVideo": {"failures": [{"error": "Boom", "rate": 1}]}}}
        flows = [{"name": "photo_shoot", "photos": 0, "videos": 1}]
        run = simulate(scenario(flows=flows, platform=platform), out=tmp_path / "run")

        assert set(run.steps.loc[run.steps["state"] == "TranscodeVideo", "error"]) == {"Boom"}
        assert run.batches["outcome"].tolist() == ["FAILED"]


class TestTheEnd:
    def test_requests_beyond_the_end_are_censored(self, tmp_path):
        """
        Ten photos, four at a time, 5 s each: at second 12 eight are uploaded, two are in progress.
        """
        flow = {"name": "photo_shoot", "photos": 10, "videos": 0, "photo_bytes": 100}
        cut = scenario(flows=[flow], drain_s=11.5)
        run = simulate(cut, platform="bare", overrides={"s3.bytes_per_s": 20}, out=tmp_path / "run")
        files = run.requests[run.requests["type"] == "PUT"]
        on_their_way = files[files["outcome"] == "censored"]

        assert files["outcome"].value_counts().to_dict() == {"ok": 8, "censored": 2}
        assert on_their_way["started_at"].tolist() == [10.5, 10.5]
        assert on_their_way["finished_at"].tolist() == [12.5, 12.5]
        assert on_their_way[["status", "error"]].isna().all(axis=None)

    def test_requests_after_the_end_are_left_out(self, tmp_path):
        """
        At second 7 four photos are uploaded, four are in progress, and two have not begun.
        """
        flow = {"name": "photo_shoot", "photos": 10, "videos": 0, "photo_bytes": 100}
        cut = scenario(flows=[flow], drain_s=6.5)
        run = simulate(cut, platform="bare", overrides={"s3.bytes_per_s": 20}, out=tmp_path / "run")
        files = run.requests[run.requests["type"] == "PUT"]

        assert files["outcome"].value_counts().to_dict() == {"ok": 4, "censored": 4}

    def test_no_table_has_later_times(self, tmp_path):
        """
        A run that ends during all kinds of work has no times after its end.
        """
        cut = load_scenario("scenarios/video_heavy.toml").lasting(60).model_copy(update={"drain_s": 3.0})
        run = simulate(cut, out=tmp_path / "run")
        last = cut.duration_s + cut.drain_s

        assert run.requests["outcome"].eq("censored").any()
        for table in (run.requests, run.batches, run.steps, run.metrics):
            times = table[[name for name in table if name.endswith("_at") or name == "at"]]
            assert len(table)
            assert not (times > last).any(axis=None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("key", "value", "complaint"),
        [
            ("mediaconvert.slots", "-3", "platform.mediaconvert.slots must be greater than 0, not -3"),
            ("mediaconvert.slots", "many", "platform.mediaconvert.slots"),
            ("mediaconvert.slots", "true", "platform.mediaconvert.slots must be a valid number, not True"),
            ("api.threads", "'8'", "platform.api.threads must be a valid number, not '8'"),
            ("mediaconvert.slot", "3", "platform.mediaconvert.slot is not a parameter"),
            ("lambda.keep_alive_s", "nan", "platform.lambda.keep_alive_s"),
            ("stepfunctions.start_per_s", "1e-300", "platform.stepfunctions.start_per_s must be greater"),
            ("s3.bytes_per_s", "1e-300", "platform.s3.bytes_per_s must be greater than or equal to 1, not"),
            ("dispatcher.reconciler_interval_s", "1e-9", "platform.dispatcher.reconciler_interval_s must"),
            ("stepfunctions.hop_s", "1e300", "platform.stepfunctions.hop_s must not exceed 315360000"),
            (
                "stepfunctions.hop_s.median",
                "1",
                "platform.stepfunctions.hop_s has no distribution; known are",
            ),
            ("stepfunctions.hop_s", "nan", "platform.stepfunctions.hop_s must be a finite number, not nan"),
            ("stepfunctions", "5", "platform.stepfunctions must be a table, not 5"),
            (
                "dispatcher.threads",
                "1_000_001",
                "platform.dispatcher.threads must be less than or equal to 1",
            ),
            (
                "host.work_processors",
                "{ zipp = 1.0 }",
                "platform.host.work_processors.zipp must be one of the steps validate, thumbnails, zip, t",
            ),
            *[(key, "3_000_000_000", f"platform.{key} must be less than or equal to 1000") for key in COUNTS],
        ],
    )
    def test_an_invalid_parameter(self, key, value, complaint, tmp_path):
        """
        The message names it and the allowed values; no folder is created.
        """
        with pytest.raises(PlatformInvalid, match=complaint.replace(".", r"\.")):
            simulate(scenario(), overrides={key: value}, out=tmp_path / "run")

        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("key", DURATIONS)
    def test_no_latency_is_negative(self, key):
        """
        Otherwise the clock would run backwards.
        """
        with pytest.raises(PlatformInvalid, match=f"^platform.{key} must not fall below 0, not -5$"):
            Platform.read({}, {key: "-5"})

    def test_an_unsupported_feature(self, tmp_path):
        """
        The message has its JSON path.
        """
        machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$..x", "End": True}}}

        with pytest.raises(MachineInvalid, match=r"\$\.States\.A\.InputPath"):
            simulate(scenario(), state_machine=machine, out=tmp_path / "run")

    @pytest.mark.parametrize(
        "flow", [{"name": "viewer"}, {"name": "forbidden"}, {"name": "abandon", "after": "uploads"}]
    )
    def test_users_whose_sessions_take_no_time(self, flow, tmp_path):
        """
        The clock would advance by a nanosecond a session.
        """
        busy = scenario(users=1, arrivals=[], flows=[flow])

        with pytest.raises(PlatformInvalid, match="1 user would never end: the sessions take no time"):
            simulate(busy, platform="bare", out=tmp_path / "run")
        with pytest.raises(PlatformInvalid, match="would never end"):
            must_simulate(busy, platform_of(busy, "bare"))

    @pytest.mark.parametrize(
        ("flow", "fields", "overrides"),
        [
            ({"name": "viewer"}, {}, {"api.network_s": 0.01}),
            ({"name": "abandon"}, {"behaviour": {"think_time_s": 1}}, {}),
            ({"name": "photo_shoot"}, {}, {}),
        ],
    )
    def test_users_whose_sessions_take_time(self, flow, fields, overrides):
        """
        A latency, a think time, or a client that waits for its batch.
        """
        patient = scenario(users=1, arrivals=[], flows=[flow], **fields)

        must_simulate(patient, platform_of(patient, "bare", overrides))

    def test_a_behaviour_without_a_task_is_refused(self, tmp_path):
        """
        A misspelt name is an error.
        """
        platform = {"behaviours": {"Frey": {"servers": 1}}}

        with pytest.raises(MachineInvalid, match="Frey belongs to no Task"):
            simulate(scenario(platform=platform), state_machine=KITCHEN, out=tmp_path / "run")

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"model": {"GenerateThumbnails": {"fixed_s": 5}}}, "use model.thumbnails for the service time"),
            (
                {"model": {"listing-media-callback-dispatch": {"fixed_s": 5}}},
                "use model.callback for the service time",
            ),
            ({"model": {"TranscodeVideo": {"fixed_s": 5}}}, "use model.transcode for the service time"),
            ({"platform": {"behaviours": {"TranscodeVideo": {"servers": 1}}}}, "use mediaconvert.slots"),
            ({"platform": {"behaviours": {"zip": {"capacity": 1}}}}, "use lambda.reserved_concurrency"),
        ],
    )
    def test_settings_without_effect_are_refused(self, changes, complaint, tmp_path):
        """
        The steps of the pipeline have names and limits of their own; other settings would have no effect.
        """
        with pytest.raises(MachineInvalid, match=complaint):
            simulate(scenario(**changes), out=tmp_path / "run")

    def test_a_folder_with_a_run(self, one_batch):
        """
        An earlier run is not overwritten.
        """
        with pytest.raises(FolderUnfit, match="already holds a run"):
            simulate(scenario(), out=one_batch.folder)

    def test_an_invalid_state_machine_file(self, tmp_path):
        """
        The message names the file.
        """
        path = tmp_path / "machine.json"
        path.write_text(json.dumps({"StartAt": "A"}))

        with pytest.raises(MachineInvalid, match=r"machine\.json: \$: States is missing"):
            simulate(scenario(), state_machine=path, out=tmp_path / "run")


def _tables(folder):
    return [(folder / f"{name}.parquet").read_bytes() for name in ("requests", "batches", "steps", "metrics")]


@pytest.mark.slow
def test_a_station_of_the_bare_platform_is_a_queue_of_the_textbook(tmp_path):
    """
    M/M/2: no time passes outside the station, and the mean is that of theory.
    """
    machine = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "arn:aws:x", "End": True}}}
    scenario = {
        "name": "station",
        "question": "Does it queue as M/M/2?",
        "duration_s": 4000,
        "drain_s": 600,
        "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": 1.4, "for_s": 4000}]}],
        "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": 1}],
        "model": {"Work": {"fixed_s": {"distribution": "exponential", "scale": 1.0}}},
        "behaviour": {"poll": {"first_s": 20, "cap_s": 60}},
    }

    run = simulate(
        Scenario.model_validate(scenario),
        out=tmp_path / "run",
        state_machine=machine,
        platform="bare",
        overrides={"behaviours": {"Work": {"servers": 2}}},
    )

    times = (run.batches["finished_at"] - run.batches["intended_at"]).dropna()
    in_station = run.steps["finished_at"] - run.steps["ready_at"]
    assert sorted(times) == pytest.approx(sorted(in_station), abs=1e-6)
    assert times.mean() == pytest.approx(MMc(1.4, 1.0, 2).mean_sojourn_time, rel=0.1)
