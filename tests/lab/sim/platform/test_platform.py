"""
The limits of the platform: functions, queue, transcoder, faults, and their effect on clients.
"""

import pytest

from harness.blueprint.template import load_template
from harness.lab.sim.model.pipeline_model import PipelineModel
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.scenario import Scenario


def play(batches=1, model=None, faults=(), until=1, flows=None, patience=7000, template=None, **platform):
    """Play so many batches that come together; return the stage and what it recorded."""
    times = {name: {"fixed_s": 0} for name in ("validate", "thumbnails", "transcode", "zip", "callback")}
    scenario = Scenario.model_validate(
        {
            "name": "x",
            "question": "?",
            "duration_s": until,
            "drain_s": 7200,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": batches / until, "for_s": until}]}],
            "flows": flows or [{"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": 1}],
            "model": times | (model or {}),
            "faults": faults,
            "behaviour": {"poll": {"timeout_s": patience}},
        }
    )
    recorder = RowRecorder()
    stage = PipelineModel(scenario, Platform.read(platform, preset="bare"), recorder, template=template)
    stage.run()
    return stage, recorder


def values(recorder, metric):
    return [row.value for row in recorder.rows("metrics") if row.metric == metric]


def outcomes(recorder):
    return [(row.outcome, row.error_code) for row in recorder.rows("batches")]


class TestFunctions:
    def test_throttled_beyond_the_reservation(self):
        """
        Three invocations with a concurrency of one: two are throttled, retried, and succeed.
        """
        _, recorder = play(
            3, {"thumbnails": {"fixed_s": 1}}, until=0.01,
            **{"lambda": {"reserved_concurrency": {"thumbnails": 1}}},
        )  # fmt: skip
        throttles = [row for row in recorder.rows("steps") if row.error == "Lambda.TooManyRequestsException"]

        assert sum(values(recorder, "AWS/Lambda/Throttles")) == len(throttles) >= 2
        assert outcomes(recorder) == [("READY", None)] * 3

    def test_killed_at_the_time_out(self):
        """
        Validation has a time-out of 300 s; after three time-outs the batch fails, and Errors are counted.
        """
        _, recorder = play(1, {"validate": {"fixed_s": 400}})
        attempts = [
            (row.attempt, row.error) for row in recorder.rows("steps") if row.state == "ValidateRawAssets"
        ]

        assert attempts == [(1, "Sandbox.Timedout"), (2, "Sandbox.Timedout"), (3, "Sandbox.Timedout")]
        assert sum(values(recorder, "AWS/Lambda/Errors")) == 3
        assert outcomes(recorder) == [("FAILED", "VALIDATION_FAILED")]

    def test_the_first_start_is_cold_and_the_next_warm(self):
        """
        The environment of the first batch is used again by the following ones.
        """
        settings = {"cold_starts": True, "init_s": 3, "placement_s": 2, "keep_alive_s": 50}
        _, recorder = play(3, {"zip": {"fixed_s": 1}}, until=120, **{"lambda": settings})
        spent = [
            round((row.finished_at - row.started_at) / 1e9)
            for row in recorder.rows("steps")
            if row.state == "CreateZipBundle"
        ]

        assert spent == [6, 1, 1]

    def test_a_cold_invocation_may_have_a_time_of_its_own(self):
        """
        Seven seconds in place of start-up and work for one function; the others take no time.
        """
        settings = {"cold_starts": True, "cold_s": 0, "function_cold_s": {"zip": 7}}
        _, recorder = play(3, {"zip": {"fixed_s": 1}}, until=120, **{"lambda": settings})
        spent = [
            (row.state, round((row.finished_at - row.started_at) / 1e9))
            for row in recorder.rows("steps")
            if row.state in ("CreateZipBundle", "ValidateRawAssets")
        ]

        assert (
            spent
            == [("ValidateRawAssets", 0), ("CreateZipBundle", 7)]
            + [
                ("ValidateRawAssets", 0),
                ("CreateZipBundle", 1),
            ]
            * 2
        )

    def test_a_time_of_an_unknown_function_is_refused(self):
        """
        A misspelt name would have no effect.
        """
        with pytest.raises(ValueError, match=r"lambda.function_cold_s.zipp is not a function"):
            play(**{"lambda": {"function_cold_s": {"zipp": 7}}})

    def test_further_invocations_wait_for_a_sandbox_outside_their_time_out(self):
        """
        Three validations of 50 s in two sandboxes: the third takes 100 s without a time-out (60 s).
        """
        _, recorder = play(3, {"validate": {"fixed_s": 50}}, until=0.01, **{"lambda": {"sandboxes": 2}})
        spent = [
            round((row.finished_at - row.started_at) / 1e9)
            for row in recorder.rows("steps")
            if row.state == "ValidateRawAssets"
        ]

        assert spent == [50, 50, 100]
        assert sum(values(recorder, "AWS/Lambda/Errors")) == 0


class TestQueue:
    def test_a_poisoned_message_ends_as_a_dead_letter(self):
        """
        It is received five times, 180 s apart; then the batch fails and is counted once.
        """
        _, recorder = play(1, faults=[{"kind": "poisoned_message", "rate": 1.0}])

        assert outcomes(recorder) == [("FAILED", "DLQ_REDRIVE")]
        assert values(recorder, "media_processing_dlq_messages_total") == [1.0]
        assert recorder.rows("batches")[0].finished_at / 1e9 == pytest.approx(5 * 180, abs=6)

    def test_duplicates_change_nothing(self):
        """
        A message that is delivered twice starts one execution.
        """
        stage, recorder = play(5, sqs={"duplicate_rate": 1.0})

        assert len(values(recorder, "AWS/States/ExecutionsStarted")) == 5
        assert outcomes(recorder) == [("READY", None)] * 5
        assert stage.service.queue.sent == 5

    def test_start_quota(self):
        """
        A message that the quota refuses is visible again after the visibility time-out.
        """
        _, recorder = play(
            3,
            until=0.01,
            stepfunctions={"start_bucket": 1, "start_per_s": 0.01},
            sqs={"visibility_timeout_s": 150},
        )
        started = sorted(
            row.at // 10**9
            for row in recorder.rows("metrics")
            if row.metric == "AWS/States/ExecutionsStarted"
        )

        assert started == [0, 150, 300]


class TestFaults:
    def test_a_corrupt_file_fails_its_batch(self):
        """
        Rejected is never retried; the error code gives the reason.
        """
        _, recorder = play(1, faults=[{"kind": "corrupt_file", "rate": 1.0}])

        assert outcomes(recorder) == [("FAILED", "DECODE_FAILED")]
        assert [row.attempt for row in recorder.rows("steps") if row.state == "ValidateRawAssets"] == [1]

    def test_lambda_errors_are_retried(self):
        """
        The retries last longer than the time with errors.
        """
        fault = {"kind": "lambda_error", "function": "thumbnails", "rate": 1.0, "until_s": 3}
        _, recorder = play(1, faults=[fault])
        attempts = [row.error for row in recorder.rows("steps") if row.state == "GenerateThumbnails"]

        assert attempts == ["Retryable", None]
        assert outcomes(recorder) == [("READY", None)]

    def test_transcoding_errors(self):
        """
        After one retry the batch fails, and the failure is reported.
        """
        flows = [{"name": "photo_shoot", "photos": 1, "videos": 1, "photo_bytes": 1, "video_bytes_per_s": 1}]
        stage, recorder = play(1, faults=[{"kind": "mediaconvert_error", "rate": 1.0}], flows=flows)
        attempts = [row.error for row in recorder.rows("steps") if row.state == "TranscodeVideo"]

        assert attempts == ["States.TaskFailed", "States.TaskFailed"]
        assert outcomes(recorder) == [("FAILED", "PROCESSING_FAILED")]
        assert values(recorder, "AWS/States/ExecutionsFailed") == [1.0]
        assert stage.service.inflight.value == 0

    def test_a_slow_callback_takes_its_time(self):
        """
        The delay is part of the processing time.
        """
        _, recorder = play(1, faults=[{"kind": "slow_callback", "rate": 1.0, "delay_s": 30}])

        assert values(recorder, "media_processing_duration_seconds") == [30.0]


class TestGauges:
    def test_peaks_between_two_samples_are_recorded(self):
        """
        Three jobs of 4 s, none of them running at a sample at 0 s or 10 s.
        """
        _, recorder = play(3, {"thumbnails": {"fixed_s": 4}})

        assert max(values(recorder, "media_processing_inflight_jobs")) == 3.0

    @pytest.mark.parametrize(("every", "seen"), [(5, 0.0), (25, 1.0)])
    def test_a_dead_letter_is_sampled_if_it_is_present(self, every, seen):
        """
        As on the local stack, one that is drained within seconds is only counted.
        """
        stage, recorder = play(
            1,
            dispatcher={"dead_letter_interval_s": every},
            faults=[{"kind": "poisoned_message", "rate": 1.0}],
        )
        depths = [
            row.value
            for row in recorder.rows("metrics")
            if row.metric == "AWS/SQS/ApproximateNumberOfMessagesVisible" and "dlq" in row.labels
        ]

        assert max(depths) == seen
        assert values(recorder, "media_processing_dlq_messages_total") == [1.0]
        assert stage.service.dead_letters == 0


class TestTranscoder:
    def test_slots(self):
        """
        Four videos of ten seconds on two slots take twenty.
        """
        flows = [{"name": "photo_shoot", "photos": 1, "videos": 4, "photo_bytes": 1, "video_bytes_per_s": 1}]
        _, recorder = play(1, {"transcode": {"fixed_s": 10}}, flows=flows, mediaconvert={"slots": 2})
        rows = [row for row in recorder.rows("steps") if row.state == "TranscodeVideo"]

        assert sorted((row.started_at - row.ready_at) // 10**9 for row in rows) == [0, 0, 10, 10]
        assert values(recorder, "media_processing_duration_seconds") == [20.0]

    @pytest.mark.parametrize(("given", "at_once"), [({}, 3), ({"slots": 2}, 2)])
    def test_the_default_slots_are_those_of_the_template(self, given, at_once):
        """
        The slots of the deployed queue apply unless the platform sets them.
        """
        template = load_template(parameters={"CallbackUrl": "", "TranscodingConcurrency": "3"})
        flows = [{"name": "photo_shoot", "photos": 1, "videos": 4, "photo_bytes": 1, "video_bytes_per_s": 1}]
        _, recorder = play(
            1, {"transcode": {"fixed_s": 10}}, flows=flows, template=template, mediaconvert=given
        )
        rows = [row for row in recorder.rows("steps") if row.state == "TranscodeVideo"]

        assert [(row.started_at - row.ready_at) // 10**9 for row in rows].count(0) == at_once


class TestReconciler:
    def test_a_machine_that_times_out_is_noticed(self):
        """
        An execution longer than the stuck time-out leaves the job, and the batch fails with STUCK_TIMEOUT.
        """
        flows = [{"name": "photo_shoot", "photos": 1, "videos": 1, "photo_bytes": 1, "video_bytes_per_s": 1}]
        stage, recorder = play(1, {"transcode": {"fixed_s": 2600}}, flows=flows)

        assert outcomes(recorder) == [("FAILED", "STUCK_TIMEOUT")]
        assert stage.service.inflight.value == 0

    def test_abandoned_uploads_fail(self):
        """
        Half an hour after its creation an upload that was never completed is abandoned.
        """
        stage, recorder = play(1, flows=[{"name": "abandon", "photos": 1, "videos": 0}], until=4000)
        statuses = [
            row.labels for row in recorder.rows("metrics") if row.metric == "media_batches_created_total"
        ]

        assert statuses == ['{"status":"PENDING_UPLOAD"}', '{"status":"FAILED"}']
        assert recorder.rows("batches") == []
        assert stage.service.inflight.value == 0


class TestClients:
    def test_unavailable_requests_are_repeated(self):
        """
        Responses with status 503 are recorded as failures and repeated by the retry policy.
        """
        _, recorder = play(4, until=0.001, api={"threads": 1, "request_s": 0.3, "longest_wait_s": 0.1})
        first = [row for row in recorder.rows("requests") if row.name == "uploads"]

        assert {row.status for row in first} == {201, 503}
        assert all(row.outcome == "failed" for row in first if row.status == 503)

    def test_polling_times_out(self):
        """
        A client that stops polling leaves a censored batch; the pipeline continues.
        """
        _, recorder = play(1, {"thumbnails": {"fixed_s": 250}}, patience=60)
        ready = [row for row in recorder.rows("requests") if row.name == "ready"]

        assert [(row.outcome, row.error) for row in ready] == [("censored", "POLL_TIMEOUT")]
        assert values(recorder, "media_processing_duration_seconds") == [250.0]
        assert recorder.rows("batches")[0].censored is True
