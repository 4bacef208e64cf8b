"""The renditions of a video."""

import pytest

from harness.service.pipeline.renditions import can_be_made, keys, ladder, output_settings
from tests.media_state_machine import transcoding_job

VIDEO = {
    "key": "42/raw/video/horizontal/b/c1-v.mov",
    "prefix": "42/processed/video/horizontal/b/7",
    "stem": "c1-v",
    "width": 1920,
    "height": 1080,
    "hasAudio": True,
}

BUCKET = "toq-listing-medias"


def job_settings(video):
    """Return the settings of the job that the state machine makes of a video."""
    return transcoding_job(video | output_settings(video, BUCKET))["Settings"]


@pytest.mark.parametrize(
    ("source", "offered"),
    [
        ((3840, 2160), [("1080p", 1920, 1080), ("720p", 1280, 720)]),
        ((1920, 1080), [("1080p", 1920, 1080), ("720p", 1280, 720)]),
        ((1080, 1920), [("1080p", 1080, 1920), ("720p", 720, 1280)]),
        ((1920, 1079), [("720p", 1280, 720)]),
        ((640, 480), [("480p", 640, 480)]),
        ((853, 481), [("481p", 852, 480)]),
        ((2560, 1080), [("1080p", 2560, 1080), ("720p", 1706, 720)]),
        ((1, 1), [("1p", 2, 2)]),
    ],
)
def test_a_video_is_offered_in_sizes_up_to_its_own(source, offered):
    """1080p and 720p are the shorter side; no video is enlarged; sides are even."""
    assert [(rung.label, rung.width, rung.height) for rung in ladder(*source)] == offered


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((7680, 4320), True),
        ((4096, 1080), True),
        ((4200, 1080), False),
        ((1080, 4200), False),
        ((4096, 32), True),
        ((480, 31), False),
        ((0, 480), False),
        ((3_200_000, 640), False),
    ],
)
def test_a_size_outside_the_limits_of_the_transcoder_cannot_be_made(size, made):
    """A side of an H.264 output has 32 to 4096 pixels."""
    assert can_be_made(*size) is made


def test_bitrates_are_capped():
    """5 Mbps with 128 kbps of audio, 3 Mbps with 96 kbps."""
    rates = [(rung.max_bitrate, rung.audio_bitrate) for rung in ladder(1920, 1080)]

    assert rates == [(5_000_000, 128_000), (3_000_000, 96_000)]


def test_the_keys_match_the_settings():
    """The key of an MP4 follows from its group, that of HLS from its playlist."""
    settings = job_settings(VIDEO)

    groups = [group["OutputGroupSettings"] for group in settings["OutputGroups"]]
    assert groups[0]["FileGroupSettings"]["Destination"] + ".mp4" == f"s3://{BUCKET}/" + keys(VIDEO)["1080p"]
    assert groups[1]["FileGroupSettings"]["Destination"] + ".mp4" == f"s3://{BUCKET}/" + keys(VIDEO)["720p"]
    assert groups[2]["HlsGroupSettings"]["Destination"] + ".m3u8" == f"s3://{BUCKET}/" + keys(VIDEO)["hls"]
    assert groups[3]["FileGroupSettings"]["Destination"] + ".0000000.jpg" == (
        f"s3://{BUCKET}/" + keys(VIDEO)["poster"]
    )
    assert keys(VIDEO)["1080p"] == "42/processed/video/horizontal/b/7/1080p/c1-v.mp4"


def test_the_poster_is_the_first_frame_in_the_smallest_size():
    """One JPEG; MediaConvert numbers captured frames with seven digits."""
    (output,) = job_settings(VIDEO)["OutputGroups"][-1]["Outputs"]

    assert output["VideoDescription"]["CodecSettings"]["FrameCaptureSettings"]["MaxCaptures"] == 1
    assert (output["VideoDescription"]["Width"], output["VideoDescription"]["Height"]) == (1280, 720)
    assert "AudioDescriptions" not in output
    assert keys(VIDEO)["poster"] == "42/processed/video/horizontal/b/7/poster/c1-v.0000000.jpg"


def test_the_settings_match_the_api_of_mediaconvert():
    """They are checked against the API model of botocore."""
    import botocore.session
    from botocore.validate import ParamValidator

    service = botocore.session.get_session().get_service_model("mediaconvert")
    shape = service.operation_model("CreateJob").input_shape.members["Settings"]

    report = ParamValidator().validate(job_settings(VIDEO), shape)

    assert not report.has_errors(), report.generate_report()


def test_hdr_is_converted_in_every_output():
    """A player may choose any of them; other videos keep their colours."""
    settings = job_settings(VIDEO | {"wideColour": True})

    outputs = [output for group in settings["OutputGroups"] for output in group["Outputs"]]
    corrections = [output["VideoDescription"].get("VideoPreprocessors") for output in outputs]
    assert corrections == [{"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}] * 5
    assert "FORCE_709" not in str(job_settings(VIDEO))
