"""The body of a callback."""

import json

from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import Failure
from harness.service.pipeline.asset_failures import AssetFailure, error_text
from harness.service.pipeline.callback.callback_body import callback_body, outputs_of

ARN = "arn:aws:states:us-east-1:123456789012:execution:listing-media-processing-sm:batch-b-job-7"
VIDEO = {
    "key": "42/raw/video/horizontal/b/v.mp4",
    "prefix": "42/processed/video/horizontal/b/7",
    "stem": "v",
    "width": 1280,
    "height": 720,
    "durationSeconds": 12.4,
}
PHOTO = {
    "rawKey": "42/raw/photo/horizontal/b/a.jpg",
    "processedKey": "42/processed/photo/horizontal/b/7/large/a.jpg",
    "thumbnailKey": "42/processed/photo/horizontal/b/7/thumbnail/a.jpg",
    "outputs": {"large": "42/processed/photo/horizontal/b/7/large/a.jpg"},
    "resolutions": {"large": "1200x900"},
    "width": 1200,
    "height": 900,
}


def event(status="SUCCEEDED", *, images=(PHOTO,), transcoded="COMPLETE", **more):
    results = [{"key": VIDEO["key"], "status": transcoded}] if transcoded else []
    detail = {
        "jobId": 7,
        "batchId": "0b0e7a34-5a52-4c8f-9f43-000000000001",
        "listingId": 42,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "validation": {"videos": [VIDEO], "startedAt": "2025-11-16T12:00:00+00:00"},
        "processed": [{"outputs": list(images)}, results],
    }
    made = {"outputs": list(outputs_of(detail)), "startedAt": detail["validation"]["startedAt"]}
    detail["zip"] = {"key": "42/zip/b/7/full.zip", "bytes": 9, "assets": 2} | made
    return {"status": status, "executionArn": ARN, "detail": detail} | more


def test_a_success_has_the_result_of_every_file():
    """The service parses it as a complete success."""
    body = callback_body(event())

    callback = ProcessingCallback.parse(body)
    assert callback.status is CallbackStatus.SUCCEEDED
    assert callback.failure_for([PHOTO["rawKey"], VIDEO["key"]]) is None
    assert callback.external_id == ARN
    assert callback.outputs[1].processed_key == "42/processed/video/horizontal/b/7/720p/v.mp4"
    assert set(callback.outputs[1].variants) == {"720p", "hls", "poster"}
    assert callback.outputs[1].thumbnail_key == callback.outputs[1].variants["poster"]
    assert callback.outputs[1].resolutions == {"720p": "1280x720"}
    assert callback.outputs[0].resolutions == {"large": "1200x900"}
    assert callback.outputs[1].resolution == "1280x720"
    assert callback.outputs[1].duration_seconds == 12.4
    assert callback.zip is not None


def test_one_bad_image_makes_the_success_partial():
    """The body has the code of the image."""
    bad = PHOTO | {"processedKey": None, "errorCode": "THUMBNAIL_PROCESSING_FAILED", "errorMessage": "no"}

    body = callback_body(event(images=[PHOTO, bad]))

    assert body["status"] == "PARTIAL_SUCCESS"
    assert body["outputs"][1]["errorCode"] == "THUMBNAIL_PROCESSING_FAILED"


def test_a_video_without_a_result_makes_the_success_partial():
    """Another state machine may continue without the video."""
    for transcoded in ("ERROR", "CANCELED", None):
        body = callback_body(event(transcoded=transcoded))

        assert body["status"] == "PARTIAL_SUCCESS"
        assert body["outputs"][1]["errorCode"] == "VIDEO_PROCESSING_FAILED"
        assert body["outputs"][1]["processedKey"] is None


def test_a_rejection_has_its_own_code():
    """The code is extracted from the error of Step Functions."""
    cause = json.dumps({"errorType": "Rejected", "errorMessage": "CHECKSUM_MISMATCH: k has another"})
    detail = {"jobId": 7, "batchId": "b", "listingId": 42, "traceparent": None}

    body = callback_body(
        {
            "status": "VALIDATION_FAILED",
            "executionArn": ARN,
            "error": {"Error": "Rejected", "Cause": cause},
            "detail": detail,
        }
    )

    assert body["status"] == "VALIDATION_FAILED"
    assert body["failureReason"] == "CHECKSUM_MISMATCH"
    assert body["outputs"] == []
    failure = ProcessingCallback.parse(body).failure_for([])
    assert failure is not None
    assert failure.code == "CHECKSUM_MISMATCH"


def test_the_failed_files_of_a_rejection_have_their_codes():
    """The other files have none."""
    keys = [f"42/raw/photo/horizontal/b/{name}.jpg" for name in "abc"]
    text = error_text(
        [
            AssetFailure(keys[1], "DECODE_FAILED", "it is\ntruncated: 5 of 9"),
            AssetFailure(keys[2], "CONTENT_TYPE_MISMATCH", "it is image/png"),
        ]
    )
    error = {"Error": "Rejected", "Cause": json.dumps({"errorType": "Rejected", "errorMessage": text})}
    detail = {"jobId": 7, "batchId": "b", "listingId": 42, "assets": [{"key": key} for key in keys]}

    body = callback_body(
        {"status": "VALIDATION_FAILED", "executionArn": ARN, "error": error, "detail": detail}
    )

    callback = ProcessingCallback.parse(body)
    assert [(output.raw_key, output.error_code, output.error_message) for output in callback.outputs] == [
        (keys[1], "DECODE_FAILED", "it is truncated: 5 of 9"),
        (keys[2], "CONTENT_TYPE_MISMATCH", "it is image/png"),
    ]
    assert callback.failure is not None
    assert callback.failure.code == "DECODE_FAILED"


def test_every_file_of_a_large_rejection_has_its_code():
    """The description of the batch is cut to 4,000 characters; the codes of its files are read before."""
    keys = [f"42/raw/photo/horizontal/b/{'a' * 40}{number}.jpg" for number in range(60)]
    text = error_text([AssetFailure(key, "DECODE_FAILED", "it is truncated " * 8) for key in keys])
    error = {"Error": "Rejected", "Cause": json.dumps({"errorType": "Rejected", "errorMessage": text})}
    detail = {"jobId": 7, "batchId": "b", "listingId": 42, "assets": [{"key": key} for key in keys]}

    body = callback_body(
        {"status": "VALIDATION_FAILED", "executionArn": ARN, "error": error, "detail": detail}
    )

    assert [output["errorCode"] for output in body["outputs"]] == ["DECODE_FAILED"] * 60
    assert len(body["error"]["message"]) == 4000


def test_the_video_of_a_failed_transcoding_job_has_a_code():
    """The cause is the JSON of the job, and the batch fails with the video's error."""
    job = {
        "Arn": "arn:aws:mediaconvert:us-east-1:123456789012:jobs/1-a",
        "Status": "ERROR",
        "ErrorCode": 1404,
        "ErrorMessage": "Unsupported codec",
        "Settings": {"Inputs": [{"FileInput": f"s3://toq-listing-medias/{VIDEO['key']}"}]},
    }
    photo = {"key": PHOTO["rawKey"], "sequence": 1}
    detail = {
        "jobId": 7,
        "batchId": "b",
        "listingId": 42,
        "validation": {"images": [photo], "videos": [VIDEO | {"sequence": 2}], "documents": []},
    }
    error = {"Error": "States.TaskFailed", "Cause": json.dumps({"Job": job})}

    body = callback_body(
        {"status": "PROCESSING_FAILED", "executionArn": ARN, "error": error, "detail": detail}
    )

    callback = ProcessingCallback.parse(body)
    reason = "Unsupported codec (MediaConvert error 1404)"
    assert callback.failure == Failure("VIDEO_PROCESSING_FAILED", f"{VIDEO['key']}: {reason}")
    assert [(output.raw_key, output.error_code, output.error_message) for output in callback.outputs] == [
        (VIDEO["key"], "VIDEO_PROCESSING_FAILED", reason)
    ]


def test_an_error_text_has_a_limited_length():
    """Step Functions cuts a cause, and then nothing of it could be read."""
    failures = [AssetFailure(f"{number}" * 200, "DECODE_FAILED", "x" * 999) for number in range(60)]

    text = error_text(failures)

    assert len(text) < 20_200
    assert text.splitlines()[-1] == f"and {60 - len(text.splitlines()) + 1} more files"


def test_a_time_out_has_no_code_of_its_own():
    """The body has the status of the execution."""
    body = callback_body(event("PROCESSING_FAILED", error={"Error": "States.Timeout", "Cause": ""}))

    assert body["failureReason"] == "PROCESSING_FAILED"
    assert "States.Timeout" in body["error"]["message"]
