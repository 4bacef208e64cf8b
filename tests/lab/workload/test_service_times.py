"""Modelled service times of states."""

import pytest
from pydantic import ValidationError

from harness.lab.workload.draws import Stream
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel, ServiceTimes
from harness.lab.workload.upload_batch import UploadFile

PHOTO = UploadFile("a0-1", 1, "PHOTO_HORIZONTAL", "p.jpg", "image/jpeg", 4_000_000, width=4000, height=3000)
VIDEO = UploadFile("a0-2", 2, "VIDEO_HORIZONTAL", "v.mp4", "video/mp4", 10_000_000, 1920, 1080, seconds=20)


class TestServiceTimes:
    def test_parts_are_proportional_to_their_amounts(self):
        """
        1 s, 2 files of 0.5 s, 12 megapixels of 0.1 s, 14 MB of 0.01 s, 20 s of video at 0.2: 7.34 s.
        """
        model = ServiceModel.model_validate(
            {
                "fixed_s": 1,
                "per_file_s": 0.5,
                "per_megapixel_s": 0.1,
                "per_megabyte_s": 0.01,
                "per_second_of_video_s": 0.2,
            }
        )

        assert ServiceTimes({"any": model}, seed=1).seconds("any", [PHOTO, VIDEO], 0) == pytest.approx(7.34)

    def test_the_draw_is_that_of_the_documented_key(self):
        """
        The key is the stream ``service/<name>/<part>``, the arrival, the item and the attempt.
        """
        model = ServiceModel.model_validate({"fixed_s": {"distribution": "uniform", "low": 0, "high": 1}})
        times = ServiceTimes({"zip": model}, seed=7, replication=3)

        assert times.seconds("zip", [], 5, item=1, attempt=2) == Stream(7, 3, "service/zip/fixed_s")(5, 1, 2)

    def test_draws_in_blocks_have_the_same_bits(self):
        """
        First attempts are drawn in blocks, with the same bits as single draws.
        """
        part = {"distribution": "lognormal", "median": 3.5, "sigma": 0.8, "max": 60}
        model = ServiceModel.model_validate({"fixed_s": part})
        times = ServiceTimes({"zip": model}, seed=7)

        for arrival in (0, 511, 512, 100_000):
            draw = Stream(7, 0, "service/zip/fixed_s")(arrival, 0, 1)
            assert times.seconds("zip", [], arrival) == model.fixed_s.sample(draw)

    def test_each_attempt_has_its_own_draw(self):
        """
        A retry does not have the time of the failed attempt.
        """
        times = ServiceTimes(DEFAULT_MODEL, seed=1)

        assert len({times.seconds("transcode", [VIDEO], 0, attempt=attempt) for attempt in (1, 2, 3)}) == 3

    @pytest.mark.parametrize("part", ServiceModel.model_fields)
    def test_time_is_never_negative(self, part):
        """
        A part with negative values is refused.
        """
        with pytest.raises(ValidationError, match="must not fall below 0"):
            ServiceModel.model_validate({part: {"distribution": "uniform", "low": -1, "high": 1}})

    def test_an_unknown_name_is_an_error(self):
        """
        The message lists the known names.
        """
        with pytest.raises(ValueError, match="'unzip'; it has callback, thumbnails, transcode"):
            ServiceTimes(DEFAULT_MODEL, seed=1).seconds("unzip", [], 0)
