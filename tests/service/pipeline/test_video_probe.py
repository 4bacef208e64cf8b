"""The probe of untrusted video files."""

import av
import numpy as np
import pytest

from harness.lab.workload.media.videos import video
from harness.service.pipeline import video_probe
from harness.service.pipeline.formats.undecodable import Undecodable
from harness.service.pipeline.video_probe import VideoProperties, probe
from tests.deep_video import deep_video
from tests.media_defects import zeroed


def test_a_complete_video_has_its_properties(tmp_path):
    """Displayed size, duration and audio."""
    path = tmp_path / "v.mp4"
    path.write_bytes(video(1, 320, 180, duration=1.0, audio=False).content)

    assert probe(str(path)) == VideoProperties(width=320, height=180, duration=1.0, has_audio=False)


def test_a_list_of_other_files_is_never_followed(tmp_path):
    """A playlist could make the probe read other files."""
    (tmp_path / "secret.mp4").write_bytes(video(1, 320, 180, duration=0.2).content)
    disguised = tmp_path / "v.mp4"
    disguised.write_text("ffconcat version 1.0\nfile secret.mp4\n")

    with pytest.raises(Undecodable):
        probe(str(disguised))


def test_a_file_without_video_is_refused(tmp_path):
    """An MP4 may have audio only."""
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        silence = np.zeros((2, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    with pytest.raises(Undecodable, match="no video stream"):
        probe(str(path))


@pytest.mark.parametrize(("transfer", "wide"), [(1, False), (16, True), (18, True)])
def test_hdr_is_recognised_by_its_transfer_function(tmp_path, transfer, wide):
    """PQ and HLG must be converted for players without HDR."""
    path = tmp_path / "v.mp4"
    path.write_bytes(deep_video(transfer, 9 if wide else 1).content)

    assert probe(str(path)).wide_colour is wide


def test_zeros_in_the_data_are_damage(tmp_path):
    """No encoder writes three zero bytes in a row; a decoder conceals the lost part."""
    path = tmp_path / "v.mp4"
    path.write_bytes(zeroed(video(1, 640, 360).content, 3000))

    with pytest.raises(Undecodable, match=r"its data are damaged at \d"):
        probe(str(path))


def test_a_giant_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    """The header has the size."""
    monkeypatch.setattr(video_probe, "MAX_PICTURE_PIXELS", 320 * 180 - 1)
    path = tmp_path / "v.mp4"
    path.write_bytes(video(1, 320, 180, duration=0.2).content)

    with pytest.raises(Undecodable, match="more than 57599 pixels") as refused:
        probe(str(path))

    assert refused.value.code == "VIDEO_TOO_LARGE"


def test_an_error_does_not_name_the_temporary_file(tmp_path):
    """Clients see the message."""
    path = tmp_path / "v.mp4"
    path.write_bytes(bytes(4000))

    with pytest.raises(Undecodable) as refused:
        probe(str(path))

    assert str(tmp_path) not in str(refused.value)
