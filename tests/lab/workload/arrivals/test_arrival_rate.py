"""Arrival rates: exact integrals and their exact inverses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.workload.arrivals.arrival_rate import ArrivalRate, LinearPiece, SinePiece

RATES = st.floats(0, 50)
LENGTHS = st.floats(0.01, 1000)
PIECES = st.one_of(
    st.builds(LinearPiece, LENGTHS, RATES, RATES),
    st.builds(
        lambda length, mean, part, period: SinePiece(length, mean, mean * part, period),
        LENGTHS,
        RATES,
        st.floats(0, 1),
        LENGTHS,
    ),
)


class TestLinear:
    def test_a_ramp_has_the_area_of_its_trapezium(self):
        """
        From 1/s to 3/s in 10 s: 20 arrivals, 7.5 of them in the first half.
        """
        ramp = LinearPiece(10, 1, 3)

        assert ramp.mass(10) == 20
        assert ramp.mass(5) == 7.5
        assert ramp.invert(7.5) == 5

    def test_a_ramp_can_start_at_zero(self):
        """
        From 0/s to 2/s in 10 s the first of 10 arrivals is due after √10 s.
        """
        assert LinearPiece(10, 0, 2).invert(1) == pytest.approx(math.sqrt(10))


class TestSine:
    def test_a_whole_period_has_the_mean_rate(self):
        """
        The two halves of a period compensate each other.
        """
        swing = SinePiece(60, 2, 1, 60)

        assert swing.mass(60) == pytest.approx(120)
        assert swing.mass(30) == pytest.approx(60 + 60 / math.pi)


class TestRate:
    @given(st.lists(PIECES, min_size=1, max_size=5), st.floats(0, 1))
    def test_inverting_the_expected_arrivals_gives_the_time_back(self, pieces, part):
        """
        The arrivals expected until the inverse of a mass are that mass.
        """
        rate = ArrivalRate(pieces)
        mass = rate.total * part

        assert rate.expected(0, rate.invert(mass)) == pytest.approx(mass, rel=1e-9, abs=1e-9)

    @given(st.lists(PIECES, min_size=1, max_size=5), st.floats(0, 1), st.floats(0, 1))
    def test_more_arrivals_are_never_due_earlier(self, pieces, part, other):
        """
        The inverse does not decrease.
        """
        rate = ArrivalRate(pieces)
        low, high = sorted((part * rate.total, other * rate.total))

        assert rate.invert(low) <= rate.invert(high)

    def test_the_rate_is_the_slope_of_what_is_expected(self):
        """
        Within a piece, a short interval expects its length times the rate.
        """
        rate = ArrivalRate([LinearPiece(10, 1, 3), SinePiece(20, 2, 1, 8)])

        for at in (1.0, 9.0, 10.5, 14.0, 29.0):
            piece, since = (0, 0) if at < 10 else (1, 10)
            slope = rate.pieces[piece].rate(at - since)
            assert rate.expected(at - 1e-4, at + 1e-4) / 2e-4 == pytest.approx(slope, rel=1e-6)

    def test_a_piece_of_rate_zero_has_no_arrivals(self):
        """
        No arrival is due while the rate is zero.
        """
        rate = ArrivalRate([LinearPiece(10, 1, 1), LinearPiece(10, 0, 0), LinearPiece(10, 1, 1)])

        assert rate.invert(9.999) == pytest.approx(9.999)
        assert rate.invert(10.001) == pytest.approx(20.001)
        assert rate.expected(10, 20) == 0

    def test_more_arrivals_than_expected_are_refused(self):
        """
        A mass above the total has no time.
        """
        with pytest.raises(ValueError, match="11 arrivals are never expected"):
            ArrivalRate([LinearPiece(10, 1, 1)]).invert(11)
