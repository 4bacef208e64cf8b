"""
MediaConvert's work done with ffmpeg: the outputs are those of the job's settings.
"""

import io
import json
import shutil
import subprocess
import threading
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import boto3
import pytest
from moto import mock_aws
from PIL import Image

from harness.lab.workload.media import scenes
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.videos import video
from harness.service.pipeline.renditions import keys, output_settings
from harness.service.pipeline.renditions import ladder as ladder_of
from harness.service.pipeline.video_probe import probe
from harness.stack.aws.mediaconvert import ffmpeg
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import FfmpegTranscoder
from harness.stack.aws.mediaconvert.local_mediaconvert import TranscodingFailed
from tests.deep_video import WHITE, deep_video
from tests.media_defects import Defect, damaged
from tests.media_state_machine import transcoding_job

pytestmark = pytest.mark.slow

NEVER = threading.Event()


@contextmanager
def bucket():
    """An S3 bucket in memory."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="toq-listing-medias")
        yield client


@pytest.fixture
def bucket_client():
    with bucket() as client:
        yield client


def job_for(bucket_client, file, width, height, *, audio=True, **more):
    """Upload a video; return its job and the keys of its outputs."""
    bucket_client.put_object(Bucket="toq-listing-medias", Key="raw/v.mp4", Body=file.content)
    described = {
        "key": "raw/v.mp4",
        "prefix": "out",
        "stem": "v",
        "width": width,
        "height": height,
        "hasAudio": audio,
    } | more
    job = transcoding_job(described | output_settings(described, "toq-listing-medias"))
    return {"Settings": job["Settings"]}, keys(described)


def plain_video(width, height, shape):
    """Return a short video whose pixels have a *shape* (width to height)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
        container.mux(stream.encode(None))
    return MediaFile(buffer.getvalue(), "video/mp4", ".mp4")


def content(bucket_client, key):
    return bucket_client.get_object(Bucket="toq-listing-medias", Key=key)["Body"].read()


def downloaded(bucket_client, folder: Path):
    """Store all outputs in a folder under their keys."""
    for item in bucket_client.list_objects_v2(Bucket="toq-listing-medias", Prefix="out/")["Contents"]:
        path = folder / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(bucket_client, item["Key"]))


def streams(path):
    """Return codec, width and height of every stream, from ffprobe if installed, else from PyAV."""
    if not shutil.which("ffprobe"):
        return sorted(streams_by_av(path), key=str)
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return sorted((s["codec_name"], s.get("width"), s.get("height")) for s in found)


def streams_by_av(path):
    with av.open(str(path)) as container:
        for stream in container.streams:
            seen = stream.type == "video"
            yield stream.codec_context.name, stream.width if seen else None, stream.height if seen else None


def first_picture(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_image()


def key_frame_times(path):
    with av.open(str(path)) as container:
        return [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe and p.size]


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """The outputs of a vertical 1080p video with a rotation flag, and the details of its job."""
    folder = tmp_path_factory.mktemp("ladder")
    original = video(1, 1080, 1920, duration=7.0, frames_per_s=4, rotation=90)
    with bucket() as client:
        job, _ = job_for(client, original, 1080, 1920)
        details = FfmpegTranscoder(client)(job, NEVER)
        downloaded(client, folder)
    return folder / "out", details


class TestLadder:
    def test_the_files_are_h264_with_sound(self, ladder):
        """A vertical video has 1080 and 720 pixels on its shorter side."""
        folder, _ = ladder

        assert streams(folder / "1080p/v.mp4") == [("aac", None, None), ("h264", 1080, 1920)]
        assert streams(folder / "720p/v.mp4") == [("aac", None, None), ("h264", 720, 1280)]

    def test_the_pictures_are_upright_without_metadata(self, ladder):
        """The pixels are rotated, and the metadata has no rotation."""
        picture = first_picture(ladder[0] / "720p/v.mp4")

        x, y = 70, 120
        places = [(x, y), (720 - x, y), (x, 1280 - y), (720 - x, 1280 - y)]
        expected = [scenes.TOP_LEFT, scenes.TOP_RIGHT, scenes.BOTTOM_LEFT, scenes.BOTTOM_RIGHT]
        for place, colour in zip(places, expected, strict=True):
            assert all(abs(a - b) < 15 for a, b in zip(picture.getpixel(place), colour, strict=True))

    def test_the_ladder_plays(self, ladder):
        """The master playlist has both renditions, and both decode to the end."""
        folder, _ = ladder
        master = (folder / "hls/v/index.m3u8").read_text()

        assert "RESOLUTION=1080x1920" in master
        assert "RESOLUTION=720x1280" in master
        for rendition, width in (("1080p", 1080), ("720p", 720)):
            assert f"index-{rendition}.m3u8" in master
            with av.open(str(folder / f"hls/v/index-{rendition}.m3u8")) as container:
                frames = list(container.decode(video=0))
            assert frames[0].width == width
            assert len(frames) == 28
            assert streams(folder / f"hls/v/index-{rendition}.m3u8")[0][0] == "aac"

    def test_a_player_can_change_renditions_at_every_segment(self, ladder):
        """Key frames are at the same times, and segments have the same lengths."""
        folder, _ = ladder

        times = key_frame_times(folder / "1080p/v.mp4")
        lengths = [
            [line for line in (folder / f"hls/v/index-{r}.m3u8").read_text().splitlines() if "EXTINF" in line]
            for r in ("1080p", "720p")
        ]

        assert times == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=0.05)
        assert key_frame_times(folder / "720p/v.mp4") == times
        assert lengths[0] == lengths[1]
        assert len(lengths[0]) == 2

    def test_the_poster_is_the_first_frame(self, ladder):
        """A JPEG in the size of the smallest MP4, upright; its name has the number of the frame."""
        poster = Image.open(ladder[0] / "poster/v.0000000.jpg")

        expected = first_picture(ladder[0] / "720p/v.mp4")
        assert (poster.format, poster.size) == ("JPEG", (720, 1280))
        for place in ((70, 120), (650, 120), (70, 1160), (650, 1160)):
            pairs = zip(poster.getpixel(place), expected.getpixel(place), strict=True)
            assert all(abs(a - b) < 15 for a, b in pairs)

    def test_the_details_are_those_of_mediaconvert(self, ladder):
        """Each file has a group, and so have HLS and the poster."""
        _, details = ladder

        assert [len(group["OutputDetails"]) for group in details] == [1, 1, 2, 1]
        assert details[1]["OutputDetails"][0]["VideoDetails"] == {"WidthInPx": 720, "HeightInPx": 1280}
        assert details[0]["OutputDetails"][0]["DurationInMs"] == pytest.approx(7000, abs=250)


def test_a_small_video_is_never_upscaled(bucket_client, tmp_path):
    """The settings may have a larger size than the input."""
    job, made = job_for(bucket_client, video(1, 320, 180, duration=0.4), 1920, 1080)

    FfmpegTranscoder(bucket_client)(job, NEVER)

    downloaded(bucket_client, tmp_path)
    assert ("h264", 320, 180) in streams(tmp_path / made["1080p"])


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [
        (428, 360, Fraction(3, 2)),
        (426, 238, Fraction(1)),
        (1078, 1918, Fraction(1)),
        (1282, 722, Fraction(1)),
    ],
)
def test_the_output_has_exactly_the_size_of_the_settings(bucket_client, tmp_path, width, height, shape):
    """MediaConvert makes that size, and the service records it; rounding must not take a line."""
    file = plain_video(width, height, shape)
    path = tmp_path / "original.mp4"
    path.write_bytes(file.content)
    found = probe(str(path))
    job, made = job_for(bucket_client, file, found.width, found.height, audio=False)

    details = FfmpegTranscoder(bucket_client)(job, NEVER)

    best = ladder_of(found.width, found.height)[0]
    downloaded(bucket_client, tmp_path)
    assert streams(tmp_path / made[best.label]) == [("h264", best.width, best.height)]
    size = {"WidthInPx": best.width, "HeightInPx": best.height}
    assert details[0]["OutputDetails"][0]["VideoDetails"] == size


@pytest.mark.parametrize(("transfer", "level"), [(18, WHITE), (16, 573)])
def test_hdr_becomes_sdr_with_the_colours_of_bt709(bucket_client, tmp_path, transfer, level):
    """Pictures of eight bits that are still tagged as HDR have banding. White stays white."""
    file = deep_video(transfer, 9, level=level)
    job, made = job_for(bucket_client, file, 96, 64, audio=False, wideColour=True)

    FfmpegTranscoder(bucket_client)(job, NEVER)

    downloaded(bucket_client, tmp_path)
    with av.open(str(tmp_path / made["64p"])) as container:
        frame = next(container.decode(video=0))
    assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (1, 1, 1)
    assert frame.format.name == "yuv420p"
    assert all(225 <= value <= 255 for value in frame.to_image().getpixel((48, 32)))


def test_a_silent_video_stays_silent(bucket_client, tmp_path):
    """No audio track is added, even if the settings have audio."""
    job, made = job_for(bucket_client, video(1, 320, 180, duration=0.4, audio=False), 320, 180, audio=True)

    FfmpegTranscoder(bucket_client)(job, NEVER)

    downloaded(bucket_client, tmp_path)
    assert streams(tmp_path / made["180p"]) == [("h264", 320, 180)]
    assert streams(tmp_path / "out/hls/v/index-180p.m3u8") == [("h264", 320, 180)]


def test_a_destination_folder_gets_the_name_of_the_input(bucket_client):
    """MediaConvert names outputs after the input, followed by the name modifier."""
    job, _ = job_for(bucket_client, video(1, 320, 180, duration=0.4), 320, 180)
    group = job["Settings"]["OutputGroups"][0]
    group["OutputGroupSettings"]["FileGroupSettings"]["Destination"] = "s3://toq-listing-medias/elsewhere/"
    group["Outputs"][0]["NameModifier"] = "_small"

    FfmpegTranscoder(bucket_client)(job, NEVER)

    assert content(bucket_client, "elsewhere/v_small.mp4")[4:8] == b"ftyp"


class TestFailures:
    @pytest.mark.parametrize(
        "file",
        [
            pytest.param(damaged(video(1, 320, 180), Defect.EMPTY), id="empty"),
            pytest.param(damaged(video(1, 320, 180), Defect.PDF_AS_JPEG), id="a document"),
        ],
    )
    def test_an_input_that_is_not_a_video(self, bucket_client, file):
        """The message names the input."""
        job, _ = job_for(bucket_client, file, 320, 180)

        with pytest.raises(TranscodingFailed, match=r"s3://toq-listing-medias/raw/v\.mp4: "):
            FfmpegTranscoder(bucket_client)(job, NEVER)

    def test_a_playlist_as_input_is_not_read(self, bucket_client, ladder):
        """Otherwise an upload could read files of this machine."""
        segment = ladder[0] / "hls/v/index-720p_00000.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{segment}\n#EXT-X-ENDLIST\n"
        job, _ = job_for(bucket_client, MediaFile(playlist.encode(), "video/mp4", ".mp4"), 320, 180)

        with pytest.raises(TranscodingFailed, match=r"s3://toq-listing-medias/raw/v\.mp4: "):
            FfmpegTranscoder(bucket_client)(job, NEVER)

    def test_a_missing_input(self, bucket_client):
        """The message names the missing input."""
        job, _ = job_for(bucket_client, video(1, 320, 180), 320, 180)
        bucket_client.delete_object(Bucket="toq-listing-medias", Key="raw/v.mp4")

        with pytest.raises(
            TranscodingFailed, match=r"Unable to open input s3://toq-listing-medias/raw/v\.mp4"
        ):
            FfmpegTranscoder(bucket_client)(job, NEVER)

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"Inputs": [], "OutputGroups": []},
            {"Inputs": [{"FileInput": "s3://toq-listing-medias/v"}], "OutputGroups": []},
            {
                "Inputs": [{"FileInput": "s3://toq-listing-medias/v"}],
                "OutputGroups": [{"OutputGroupSettings": {"Type": "DASH_ISO_GROUP_SETTINGS"}, "Outputs": []}],
            },
        ],
    )
    def test_invalid_settings(self, bucket_client, settings):
        """Missing inputs, no outputs, or an unsupported type of output group."""
        with pytest.raises(TranscodingFailed, match="The settings cannot be used"):
            FfmpegTranscoder(bucket_client)({"Settings": settings}, NEVER)

    def test_an_encoder_that_takes_too_long_is_killed(self, bucket_client):
        """The job fails and frees its slot."""
        job, _ = job_for(bucket_client, video(1, 1280, 720, duration=2.0), 1280, 720)

        with pytest.raises(TranscodingFailed, match="killed after"):
            FfmpegTranscoder(bucket_client, timeout=0.01)(job, NEVER)

    def test_a_cancelled_job_has_no_outputs(self, bucket_client):
        """ffmpeg is killed, and nothing is uploaded."""
        job, _ = job_for(bucket_client, video(1, 1280, 720, duration=2.0), 1280, 720)
        cancelled = threading.Event()
        cancelled.set()

        assert FfmpegTranscoder(bucket_client)(job, cancelled) == []
        assert "Contents" not in bucket_client.list_objects_v2(Bucket="toq-listing-medias", Prefix="out/")


class TestFinding:
    def test_a_named_ffmpeg_wins(self, monkeypatch, tmp_path):
        """$FFMPEG comes before the one on the path."""
        own = tmp_path / "my-ffmpeg"
        own.write_text("#!/bin/sh\n")
        own.chmod(0o755)
        monkeypatch.setenv("FFMPEG", str(own))

        assert ffmpeg.find() == str(own)

    def test_a_named_ffmpeg_that_is_not_a_program(self, monkeypatch):
        """The message says how to correct it."""
        monkeypatch.setenv("FFMPEG", "/nowhere/ffmpeg")

        with pytest.raises(ffmpeg.FfmpegMissing, match=r"\$FFMPEG is '/nowhere/ffmpeg'.*correct or unset it"):
            ffmpeg.find()

    def test_without_one_on_the_path_the_bundled_one_is_used(self, monkeypatch):
        """imageio-ffmpeg contains one."""
        monkeypatch.delenv("FFMPEG", raising=False)
        monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
        monkeypatch.setenv("PATH", "/nowhere")

        assert "imageio_ffmpeg" in ffmpeg.find()
