"""
Fits of service times: planted distributions and parts are found again.
"""

import numpy as np
import pytest

from harness.lab.calibration.service_fit import AT_LEAST, FEW, fit_service
from harness.lab.workload.distributions.continuous import Gamma, Lognormal, Uniform

# Coverage doubles the time of searches.
pytestmark = pytest.mark.no_cover


def draws():
    return np.random.default_rng(5)


class TestStructure:
    def test_a_time_without_work_is_one_part(self):
        """
        The parameters lie near those planted.
        """
        fit = fit_service(draws().lognormal(np.log(0.2), 0.5, 1000), {})

        assert isinstance(fit.parts["fixed_s"], Lognormal)
        assert fit.parts["fixed_s"].median == pytest.approx(0.2, rel=0.05)
        assert fit.parts["fixed_s"].sigma == pytest.approx(0.5, rel=0.06)

    def test_another_family_is_told_apart(self):
        """
        Gamma with shape 2 is no lognormal: the held-out likelihood decides.
        """
        fit = fit_service(draws().gamma(2.0, 0.3, 1500), {})

        assert isinstance(fit.parts["fixed_s"], Gamma)
        assert fit.parts["fixed_s"].shape == pytest.approx(2.0, rel=0.1)

    @pytest.mark.slow
    def test_a_sum_of_two_random_parts_is_taken_apart(self):
        """
        As in the default model of transcoding; the other amount has nothing to do with the time.
        """
        rng = draws()
        seconds, files = rng.uniform(5, 60, 800), rng.integers(1, 9, 800).astype(float)
        times = rng.lognormal(np.log(3.5), 0.8, 800) + seconds * rng.uniform(0.2, 0.8, 800)

        fit = fit_service(times, {"per_second_of_video_s": seconds, "per_file_s": files})

        assert fit.structure.amount == "per_second_of_video_s"
        assert isinstance(fit.parts["per_second_of_video_s"], Uniform)
        assert fit.parts["per_second_of_video_s"].low == pytest.approx(0.2, abs=0.03)
        assert fit.parts["per_second_of_video_s"].high == pytest.approx(0.8, abs=0.05)
        assert fit.parts["fixed_s"].median == pytest.approx(3.5, rel=0.2)

    def test_a_step_without_work_now_and_then(self):
        """
        A batch without pictures takes the fixed part alone.
        """
        rng = draws()
        megapixels = np.where(rng.random(600) < 0.1, 0.0, rng.uniform(10, 300, 600))
        times = rng.lognormal(np.log(0.05), 0.3, 600) + megapixels * rng.lognormal(np.log(0.034), 0.3, 600)

        fit = fit_service(times, {"per_megapixel_s": megapixels})

        assert fit.parts["per_megapixel_s"].median == pytest.approx(0.034, rel=0.05)
        assert fit.parts["fixed_s"].median == pytest.approx(0.05, rel=0.3)

    def test_what_no_family_fits_is_empirical(self):
        """
        Two peaks, far apart.
        """
        rng = draws()
        times = np.where(rng.random(600) < 0.5, rng.lognormal(0, 0.1, 600), rng.lognormal(2, 0.1, 600))

        fit = fit_service(times, {})

        assert fit.structure is None
        quantiles = [fit.parts["fixed_s"].sample(p) for p in (0.25, 0.75)]
        assert quantiles == pytest.approx(np.quantile(times, [0.25, 0.75]), rel=0.05)

    def test_rounding_is_no_spread(self):
        """
        Times that differ in their last bits are a constant.
        """
        fit = fit_service(0.08 + np.arange(50) * 1e-13, {})

        assert fit.parts["fixed_s"].value == pytest.approx(0.08)

    def test_a_fit_of_outliers_is_not_taken(self):
        """
        Two cold starts among 29 ZIPs (measured): the likeliest family would give times of years.
        """
        first = [
            0.252,
            0.199,
            0.019,
            0.014,
            0.014,
            0.012,
            0.013,
            0.015,
            0.014,
            0.029,
            0.013,
            0.016,
            0.012,
            0.015,
        ]
        rest = [
            0.011,
            0.019,
            0.012,
            0.016,
            0.014,
            0.014,
            0.011,
            0.012,
            0.017,
            0.013,
            0.015,
            0.011,
            0.011,
            0.017,
            0.012,
        ]
        with_video = {0, 1, 11, 13, 15, 17, 22, 24, 27}
        megabytes = np.array([0.3 if place in with_video else 0.18 for place in range(29)])

        fit = fit_service(np.array(first + rest), {"per_megabyte_s": megabytes})

        assert fit.structure is None
        assert list(fit.parts) == ["fixed_s"]
        assert fit.parts["fixed_s"].sample(0.999) <= 0.252


class TestUncertainty:
    @pytest.mark.slow
    def test_intervals_cover_the_planted_median(self):
        """
        Of 200 intervals of 95 % confidence, as many as the binomial distribution allows.
        """
        rng, covered = draws(), 0
        for _ in range(200):
            fit = fit_service(rng.lognormal(np.log(0.2), 0.5, 250), {})
            low, high = fit.intervals["fixed_s"].get("median", (0.2, 0.2))
            covered += low <= 0.2 <= high

        assert 181 <= covered <= 198

    def test_few_observations_widen_the_intervals(self):
        """
        Four times as wide in the logarithm for a quarter of the observations, instead of twice.
        """
        times = draws().lognormal(np.log(0.2), 0.5, FEW)
        many, few = fit_service(times, {}), fit_service(times[: FEW // 4], {})

        assert few.is_small
        assert not many.is_small
        widths = [np.diff(np.log(fit.intervals["fixed_s"]["median"]))[0] for fit in (few, many)]
        assert widths[0] > 3 * widths[1]

    def test_too_few_observations_are_refused(self):
        """
        The message gives both numbers.
        """
        with pytest.raises(ValueError, match=f"3 observations are too few for a fit: at least {AT_LEAST}"):
            fit_service(np.array([0.1, 0.2, 0.3]), {})
