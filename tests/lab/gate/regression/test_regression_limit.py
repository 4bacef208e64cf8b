"""
The limits of a regression gate.
"""

import pytest

from harness.lab.gate.regression.regression_limit import RegressionLimit


class TestParse:
    def test_a_percentile_with_its_tolerance(self):
        """
        Ten per cent worse is a ratio of 1.1; a p95 needs 59 samples.
        """
        limit = RegressionLimit.parse(" p95(E2E:ready) = 10 % ")

        assert (limit.text, limit.name) == ("p95(E2E:ready)=10%", "p95(E2E:ready)")
        assert (limit.ratio, limit.needed, limit.figure.percent) == (pytest.approx(1.1), 59, 95.0)

    def test_a_mean(self):
        """
        Twenty samples are needed.
        """
        limit = RegressionLimit.parse("mean(POST uploads)=2.5%")

        assert (limit.ratio, limit.needed, limit.figure.percent) == (pytest.approx(1.025), 20, None)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("p95(E2E:redy)=10%", "did you mean ready?"),
            ("p95(E2E:ready)", "write for example 'p95(E2E:ready)=10%'"),
            ("p95(E2E:ready)<=10%", "write for example"),
            ("p95(E2E:ready)=-5%", "write for example"),
            ("p95()=10%", "the selector is missing"),
            ("p950(E2E:ready)=10%", "write for example"),
            ("max(E2E:ready)=10%", "only percentiles and the mean"),
            ("count(E2E:ready)=10%", "needs the unit none"),
        ],
    )
    def test_a_mistake_is_named(self, text, complaint):
        """
        The message says what to write.
        """
        with pytest.raises(ValueError, match="max-regression") as error:
            RegressionLimit.parse(text)

        assert complaint in str(error.value)
