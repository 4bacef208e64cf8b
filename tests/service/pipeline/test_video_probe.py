"""The probe of untrusted video files."""

import av
import numpy as np
import pytest

from harness.lab.workload.media.videos import video
from harness.service.pipeline.formats.undecodable import Undecodable
from harness.service.pipeline.video_probe import VideoProperties, probe


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
